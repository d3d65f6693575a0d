//! Permutations over all 256 bits, and those within 128 bits that SSE has not.

use super::super::shuffle::by_lanes;
use super::{Cx, Lifted, Op, Value, Width};

/// VPERM2F128, VPERM2I128: each half is one of the sources' four halves, or zero.
pub fn perm128(cx: &mut Cx<'_>) -> Lifted {
    let imm = cx.insn.immediate8();
    let [c, d] = cx.both(2)?;
    let [a, b] = cx.both(1)?;
    let zero = cx.zero128();
    let half = |imm: u8| {
        if imm & 8 == 0 {
            [a, b, c, d][usize::from(imm & 3)]
        } else {
            zero
        }
    };
    cx.set_ymm(half(imm), Some(half(imm >> 4)))
}

/// VPERMQ, VPERMPD: each quadword is one of the source's four.
pub fn permq(cx: &mut Cx<'_>) -> Lifted {
    let imm = cx.insn.immediate8();
    let [low, high] = cx.both(1)?;
    let mut half = |imm: u8| {
        let select = by_lanes(Width::W64, |n| imm >> (2 * n) & 3);
        cx.shuffle(low, high, select)
    };
    let (l, h) = (half(imm), half(imm >> 4));
    cx.set_ymm(l, Some(h))
}

/// Each half of operand 0 = lanes of the same half of operand 1, by the immediate.
fn within(cx: &mut Cx<'_>, w: Width, lane: impl Fn(u8, u8) -> u8) -> Lifted {
    let halves = cx.halves(1)?;
    let half = |(i, v): (u8, &Value)| cx.shuffle(*v, *v, by_lanes(w, |n| lane(i, n)));
    let r: Vec<_> = (0..).zip(&halves).map(half).collect();
    cx.set_halves(&r)
}

/// VPERMILPS: by the immediate, or by the lanes of operand 2.
pub fn permilps(cx: &mut Cx<'_>) -> Lifted {
    if cx.has_immediate() {
        let imm = cx.insn.immediate8();
        return within(cx, Width::W32, |_, n| imm >> (2 * n) & 3);
    }
    variable(cx, Width::W32)
}

/// VPERMILPD: the same; of operand 2's lanes bit 1 counts.
pub fn permilpd(cx: &mut Cx<'_>) -> Lifted {
    if cx.has_immediate() {
        let imm = cx.insn.immediate8();
        return within(cx, Width::W64, |half, n| imm >> (2 * half + n) & 1);
    }
    variable(cx, Width::W64)
}

/// Lanes of operand 1 by the lanes of operand 2, within 128 bits.
fn variable(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let by = cx.halves(2)?;
    let from = cx.halves(1)?;
    let mut r = Vec::with_capacity(2);
    for (v, mut by) in from.into_iter().zip(by) {
        if w == Width::W64 {
            let one = cx.konst(1);
            by = cx.op(Op::VShr, w, &[by, one]);
        }
        r.push(cx.op(Op::VLanes, w, &[v, by]));
    }
    cx.set_halves(&r)
}

/// VPERMD, VPERMPS: each doubleword is one of the source's eight, by the low three bits of operand 1's.
pub fn permd(cx: &mut Cx<'_>) -> Lifted {
    let [low, high] = cx.both(2)?;
    let by = cx.both(1)?;
    let [l, h] = by.map(|by| cx.op(Op::VLanes2, Width::W32, &[low, high, by]));
    cx.set_ymm(l, Some(h))
}

/// VPBLENDD: lanes of operand 1, or of operand 2 where the immediate has ones.
pub fn pblendd(cx: &mut Cx<'_>) -> Lifted {
    let imm = cx.insn.immediate8();
    let b = cx.halves(2)?;
    let a = cx.halves(1)?;
    let mut r = Vec::with_capacity(2);
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        let imm = imm >> (4 * i);
        let select = by_lanes(Width::W32, |n| if imm >> n & 1 == 0 { n } else { 4 + n });
        r.push(cx.shuffle(*a, *b, select));
    }
    cx.set_halves(&r)
}
