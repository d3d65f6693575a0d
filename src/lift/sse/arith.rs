//! Packed and scalar floating-point arithmetic (SDM vol. 1, 5.5.1.2 and 5.6.1.2).

use super::{Cx, Lifted, Op, Width};

/// operand 0's low lane = op(it, operand 1); the other lanes stay.
fn scalar(cx: &mut Cx<'_>, op: Op, w: Width) -> Lifted {
    let b = cx.float(w, 1)?;
    let a = cx.xmm(0)?;
    let a = cx.op(Op::FGet, w, &[a]);
    let r = cx.op(op, w, &[a, b]);
    cx.set_float(w, r)
}

/// operand 0's low lane = op(operand 1); the other lanes stay.
fn scalar_unary(cx: &mut Cx<'_>, op: Op, w: Width) -> Lifted {
    let a = cx.float(w, 1)?;
    let r = cx.op(op, w, &[a]);
    cx.set_float(w, r)
}

/// Makes the four forms of a binary operation.
macro_rules! binary {
    ($($(#[$doc:meta])* $ps:ident $pd:ident $ss:ident $sd:ident $vector:ident $scalar:ident;)*) => {$(
        $(#[$doc])*
        pub fn $ps(cx: &mut Cx<'_>) -> Lifted {
            cx.packed(Op::$vector, Width::W32, 0)
        }
        $(#[$doc])*
        pub fn $pd(cx: &mut Cx<'_>) -> Lifted {
            cx.packed(Op::$vector, Width::W64, 0)
        }
        $(#[$doc])*
        pub fn $ss(cx: &mut Cx<'_>) -> Lifted {
            scalar(cx, Op::$scalar, Width::W32)
        }
        $(#[$doc])*
        pub fn $sd(cx: &mut Cx<'_>) -> Lifted {
            scalar(cx, Op::$scalar, Width::W64)
        }
    )*};
}

binary! {
    /// ADDPS, ADDPD, ADDSS, ADDSD
    addps addpd addss addsd VFAdd FAdd;
    /// SUBPS, SUBPD, SUBSS, SUBSD
    subps subpd subss subsd VFSub FSub;
    /// MULPS, MULPD, MULSS, MULSD
    mulps mulpd mulss mulsd VFMul FMul;
    /// DIVPS, DIVPD, DIVSS, DIVSD
    divps divpd divss divsd VFDiv FDiv;
    /// MINPS, MINPD, MINSS, MINSD
    minps minpd minss minsd VFMin FMin;
    /// MAXPS, MAXPD, MAXSS, MAXSD
    maxps maxpd maxss maxsd VFMax FMax;
}

/// SQRTPS
pub fn sqrtps(cx: &mut Cx<'_>) -> Lifted {
    cx.packed_unary(Op::VFSqrt, Width::W32, 0)
}

/// SQRTPD
pub fn sqrtpd(cx: &mut Cx<'_>) -> Lifted {
    cx.packed_unary(Op::VFSqrt, Width::W64, 0)
}

/// SQRTSS
pub fn sqrtss(cx: &mut Cx<'_>) -> Lifted {
    scalar_unary(cx, Op::FSqrt, Width::W32)
}

/// SQRTSD
pub fn sqrtsd(cx: &mut Cx<'_>) -> Lifted {
    scalar_unary(cx, Op::FSqrt, Width::W64)
}

/// RCPPS
pub fn rcpps(cx: &mut Cx<'_>) -> Lifted {
    cx.packed_unary(Op::VFRcp, Width::W32, 0)
}

/// RCPSS
pub fn rcpss(cx: &mut Cx<'_>) -> Lifted {
    scalar_unary(cx, Op::FRcp, Width::W32)
}

/// RSQRTPS
pub fn rsqrtps(cx: &mut Cx<'_>) -> Lifted {
    cx.packed_unary(Op::VFRsqrt, Width::W32, 0)
}

/// RSQRTSS
pub fn rsqrtss(cx: &mut Cx<'_>) -> Lifted {
    scalar_unary(cx, Op::FRsqrt, Width::W32)
}
