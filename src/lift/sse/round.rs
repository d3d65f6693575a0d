//! Rounding to integers and dot products (SDM vol. 1, 5.10.2 and 5.10.8).

use super::shuffle::by_lanes;
use super::{Cx, Lifted, Op, Value, Width};

/// How the immediate says to round (SDM vol. 2, ROUNDPD): what `ir::Op::FRound` takes.
fn control(cx: &Cx<'_>) -> u16 {
    u16::from(cx.insn.immediate8()) & 15
}

/// ROUNDPS
pub fn roundps(cx: &mut Cx<'_>) -> Lifted {
    cx.packed_unary(Op::VFRound, Width::W32, control(cx))
}

/// ROUNDPD
pub fn roundpd(cx: &mut Cx<'_>) -> Lifted {
    cx.packed_unary(Op::VFRound, Width::W64, control(cx))
}

fn scalar(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let a = cx.float(w, 1)?;
    let r = cx.op_imm(Op::FRound, w, &[a], 0, control(cx));
    cx.set_float(w, r)
}

/// ROUNDSS
pub fn roundss(cx: &mut Cx<'_>) -> Lifted {
    scalar(cx, Width::W32)
}

/// ROUNDSD
pub fn roundsd(cx: &mut Cx<'_>) -> Lifted {
    scalar(cx, Width::W64)
}

/// The products of the lanes that bits 7:4 of the immediate choose; 0 in the others.
fn products(cx: &mut Cx<'_>, w: Width) -> Result<Value, super::Unsupported> {
    let chosen = cx.insn.immediate8() >> 4;
    let mut b = cx.xmm_m128(1)?;
    let mut a = cx.xmm(0)?;
    let lanes = 16 / w.bytes();
    if (0..lanes).any(|n| chosen >> n & 1 == 0) {
        let mask = (0..lanes)
            .filter(|n| chosen >> n & 1 != 0)
            .map(|n| u128::from(w.mask()) << (n * u64::from(w.bits())))
            .sum();
        let mask = cx.vconst(mask);
        a = cx.op(Op::VAnd, Width::W64, &[a, mask]);
        b = cx.op(Op::VAnd, Width::W64, &[b, mask]);
    }
    Ok(cx.op(Op::VFMul, w, &[a, b]))
}

/// Float `sum` to the lanes of operand 0 that bits 3:0 of the immediate choose; 0 to the others.
fn broadcast(cx: &mut Cx<'_>, w: Width, sum: Value) -> Lifted {
    let chosen = cx.insn.immediate8();
    let bits = cx.op(Op::FBits, w, &[sum]);
    let v = cx.op(Op::VFromI, w, &[bits]);
    let mut select = by_lanes(w, |_| 0);
    for (i, s) in select.iter_mut().enumerate() {
        if chosen >> (i as u64 / w.bytes()) & 1 == 0 {
            *s = 0x80;
        }
    }
    let r = cx.shuffle(v, v, select);
    cx.set_xmm(0, r)
}

/// The sum of the two low lanes.
fn sum(cx: &mut Cx<'_>, w: Width, v: Value) -> Value {
    let low = cx.op(Op::FGet, w, &[v]);
    let above = cx.shuffle(v, v, by_lanes(w, |_| 1));
    let high = cx.op(Op::FGet, w, &[above]);
    cx.op(Op::FAdd, w, &[low, high])
}

/// DPPD
pub fn dppd(cx: &mut Cx<'_>) -> Lifted {
    let p = products(cx, Width::W64)?;
    let r = sum(cx, Width::W64, p);
    broadcast(cx, Width::W64, r)
}

/// DPPS: the sums of both halves are added.
pub fn dpps(cx: &mut Cx<'_>) -> Lifted {
    let w = Width::W32;
    let p = products(cx, w)?;
    // Lanes beyond the two sums are zeros, which raise nothing.
    let lanes = |odd: u8| {
        let mut select = by_lanes(w, |n| 2 * n + odd);
        select[8..].fill(0x80);
        select
    };
    let even = cx.shuffle(p, p, lanes(0));
    let odd = cx.shuffle(p, p, lanes(1));
    let pairs = cx.op(Op::VFAdd, w, &[even, odd]);
    let r = sum(cx, w, pairs);
    broadcast(cx, w, r)
}
