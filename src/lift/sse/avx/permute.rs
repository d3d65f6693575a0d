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

/// Lanes of operand 1 by the lanes of operand 2, within 128 bits: bytes chosen by bytes.
fn variable(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let by = cx.halves(2)?;
    let from = cx.halves(1)?;
    let mut r = Vec::with_capacity(2);
    for (v, by) in from.iter().zip(&by) {
        let bytes = lane_to_bytes(cx, w, *by, if w == Width::W64 { 1 } else { 0 });
        let low4 = cx.vconst(u128::MAX / 0xff * 0x0f);
        let bytes = cx.op(Op::VAnd, Width::W64, &[bytes, low4]);
        r.push(cx.op(Op::VPerm, Width::W8, &[*v, bytes]));
    }
    cx.set_halves(&r)
}

/// For lanes of `w` that number lanes, from bit `first` on: the numbers of the bytes. The upper bits of the
/// result's bytes are anything.
fn lane_to_bytes(cx: &mut Cx<'_>, w: Width, lanes: Value, first: u32) -> Value {
    // The number of a lane times the bytes of one.
    let up = w as u32 - first.min(w as u32);
    let n = cx.konst(up.into());
    let first_byte = cx.op(Op::VShl, w, &[lanes, n]);
    let spread = cx.shuffle(first_byte, first_byte, by_first_byte(w));
    let size = u8::try_from(w.bytes()).unwrap_or(8);
    let clear = cx.vconst(u128::MAX / 0xff * u128::from(!(size - 1)));
    let spread = cx.op(Op::VAnd, Width::W64, &[spread, clear]);
    let within = std::array::from_fn(|i| u8::try_from(i).unwrap_or(0) % size);
    let within = cx.vconst(u128::from_le_bytes(within));
    cx.op(Op::VOr, Width::W64, &[spread, within])
}

/// Each lane's first byte, all over the lane.
fn by_first_byte(w: Width) -> [u8; 16] {
    let size = usize::try_from(w.bytes()).unwrap_or(1);
    std::array::from_fn(|i| u8::try_from(i / size * size).unwrap_or(0))
}

/// VPERMD, VPERMPS: each doubleword is one of the source's eight, by the low three bits of operand 1's.
pub fn permd(cx: &mut Cx<'_>) -> Lifted {
    let [low, high] = cx.both(2)?;
    let by = cx.both(1)?;
    let r = by.map(|by| {
        let bytes = lane_to_bytes(cx, Width::W32, by, 0);
        // Bit 4 of a byte's number says which half; PSHUFB looks at bits 3:0 and 7.
        let low4 = cx.vconst(u128::MAX / 0xff * 0x0f);
        let within = cx.op(Op::VAnd, Width::W64, &[bytes, low4]);
        let from_low = cx.op(Op::VPerm, Width::W8, &[low, within]);
        let from_high = cx.op(Op::VPerm, Width::W8, &[high, within]);
        let three = cx.konst(3);
        let which = cx.op(Op::VShl, Width::W64, &[bytes, three]);
        cx.op(Op::VBlend, Width::W8, &[from_low, from_high, which])
    });
    cx.set_ymm(r[0], Some(r[1]))
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
