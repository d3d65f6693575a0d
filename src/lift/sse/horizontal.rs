//! Between neighbouring lanes: SSE3's additions and subtractions (SDM vol. 1, 5.7.2 to 5.7.4) and SSSE3's
//! (5.8.1, 5.8.2).
//!
//! Shuffles bring the even lanes of both operands together, and the odd ones; the operation is then one
//! on lanes.

use super::shuffle::by_lanes;
use super::{Cx, Lifted, Op, Unsupported, Value, Width};

/// The lanes of both operands that are even, and those that are odd, operand 0's first. Of MMX registers
/// both are brought together first, so that the low half is right.
fn even_odd(cx: &mut Cx<'_>, w: Width) -> Result<[Value; 2], Unsupported> {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let (a, b) = if cx.is_mmx() {
        let both = super::data::halves(cx, a, b, 0, 16);
        (both, both)
    } else {
        (a, b)
    };
    let even = cx.shuffle(a, b, by_lanes(w, |n| 2 * n));
    let odd = cx.shuffle(a, b, by_lanes(w, |n| 2 * n + 1));
    Ok([even, odd])
}

/// Operand 0 = op of each even lane and the odd one above it.
fn horizontal(cx: &mut Cx<'_>, op: Op, w: Width) -> Lifted {
    let pair = even_odd(cx, w)?;
    let r = cx.op_imm(op, w, &pair, cx.half(op), 0);
    cx.set_xmm(0, r)
}

macro_rules! horizontals {
    ($($(#[$doc:meta])* $name:ident $op:ident $w:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(cx: &mut Cx<'_>) -> Lifted {
            horizontal(cx, Op::$op, Width::$w)
        }
    )*};
}

horizontals! {
    /// HADDPS
    haddps VFAdd W32;
    /// HADDPD
    haddpd VFAdd W64;
    /// HSUBPS
    hsubps VFSub W32;
    /// HSUBPD
    hsubpd VFSub W64;
    /// PHADDW
    phaddw VAdd W16;
    /// PHADDD
    phaddd VAdd W32;
    /// PHADDSW
    phaddsw VAddSatS W16;
    /// PHSUBW
    phsubw VSub W16;
    /// PHSUBD
    phsubd VSub W32;
    /// PHSUBSW
    phsubsw VSubSatS W16;
}

/// ADDSUBPS
pub fn addsubps(cx: &mut Cx<'_>) -> Lifted {
    cx.packed(Op::VFAddSub, Width::W32, 0)
}

/// ADDSUBPD
pub fn addsubpd(cx: &mut Cx<'_>) -> Lifted {
    cx.packed(Op::VFAddSub, Width::W64, 0)
}
