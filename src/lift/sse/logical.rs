//! Logical instructions (SDM vol. 1, 5.5.1.4, 5.6.1.3 and 5.6.3). The float and the integer ones do the
//! same.

use super::{Cx, Lifted, Op, Width, packed};

packed! {
    /// ANDPS, ANDPD, PAND
    and VAnd W64;
    /// ORPS, ORPD, POR
    or VOr W64;
}

/// ANDNPS, ANDNPD, PANDN
pub fn andn(cx: &mut Cx<'_>) -> Lifted {
    zero_or(cx, Op::VAndN)
}

/// XORPS, XORPD, PXOR
pub fn xor(cx: &mut Cx<'_>) -> Lifted {
    zero_or(cx, Op::VXor)
}

/// With one register as both operands the result is zero and depends on nothing.
fn zero_or(cx: &mut Cx<'_>, op: Op) -> Lifted {
    if !cx.same_register() {
        return cx.packed(op, Width::W64, 0);
    }
    let zero = cx.vconst(0);
    cx.set_xmm(0, zero)
}
