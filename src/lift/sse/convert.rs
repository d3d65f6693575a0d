//! Conversion (SDM vol. 1, 5.5.1.6, 5.6.1.6 and 5.6.2).

use super::{Cx, Lifted, Op, Width};
use crate::ir::CvtKind;

/// Packed, from a whole register or aligned memory.
macro_rules! packed_conversions {
    ($($(#[$doc:meta])* $name:ident $kind:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(cx: &mut Cx<'_>) -> Lifted {
            cx.packed_unary(Op::VCvt, Width::W32, CvtKind::$kind as u16)
        }
    )*};
}

packed_conversions! {
    /// CVTDQ2PS
    cvtdq2ps I32F32;
    /// CVTPS2DQ
    cvtps2dq F32I32;
    /// CVTTPS2DQ
    cvttps2dq F32I32Trunc;
    /// CVTPD2DQ
    cvtpd2dq F64I32;
    /// CVTTPD2DQ
    cvttpd2dq F64I32Trunc;
    /// CVTPD2PS
    cvtpd2ps F64F32;
}

/// Packed, from the low half of a register or 64 bits of memory.
fn widening(cx: &mut Cx<'_>, kind: CvtKind) -> Lifted {
    let a = cx.xmm_low(Width::W64, 1)?;
    let r = cx.op_imm(Op::VCvt, Width::W32, &[a], 0, kind as u16);
    cx.set_xmm(0, r)
}

/// CVTDQ2PD, CVTPI2PD
pub fn cvtdq2pd(cx: &mut Cx<'_>) -> Lifted {
    widening(cx, CvtKind::I32F64)
}

/// CVTPS2PD
pub fn cvtps2pd(cx: &mut Cx<'_>) -> Lifted {
    widening(cx, CvtKind::F32F64)
}

/// CVTPI2PS: the low half of the destination.
pub fn cvtpi2ps(cx: &mut Cx<'_>) -> Lifted {
    let a = cx.xmm_low(Width::W64, 1)?;
    let r = cx.op_imm(Op::VCvt, Width::W32, &[a], 0, CvtKind::I32F32 as u16);
    let r = cx.op_imm(Op::VExtract, Width::W64, &[r], 0, 0);
    let old = cx.xmm(0)?;
    let r = cx.op_imm(Op::VInsert, Width::W64, &[old, r], 0, 0);
    cx.set_xmm(0, r)
}

/// From the low half of an XMM register or 64 bits of memory: the upper lanes must not be seen, they
/// could raise exceptions.
fn low_to_mmx(cx: &mut Cx<'_>, kind: CvtKind) -> Lifted {
    let mut a = cx.xmm_low(Width::W64, 1)?;
    if !cx.is_mem(1) {
        let low = cx.op_imm(Op::VExtract, Width::W64, &[a], 0, 0);
        a = cx.op(Op::VFromI, Width::W64, &[low]);
    }
    let r = cx.op_imm(Op::VCvt, Width::W32, &[a], 0, kind as u16);
    cx.set_xmm(0, r)
}

/// CVTPS2PI
pub fn cvtps2pi(cx: &mut Cx<'_>) -> Lifted {
    low_to_mmx(cx, CvtKind::F32I32)
}

/// CVTTPS2PI
pub fn cvttps2pi(cx: &mut Cx<'_>) -> Lifted {
    low_to_mmx(cx, CvtKind::F32I32Trunc)
}

/// From an XMM register or 128 bits of aligned memory.
fn doubles_to_mmx(cx: &mut Cx<'_>, kind: CvtKind) -> Lifted {
    let a = if cx.is_mem(1) {
        cx.load128(true)?
    } else {
        cx.xmm(1)?
    };
    let r = cx.op_imm(Op::VCvt, Width::W32, &[a], 0, kind as u16);
    cx.set_xmm(0, r)
}

/// CVTPD2PI
pub fn cvtpd2pi(cx: &mut Cx<'_>) -> Lifted {
    doubles_to_mmx(cx, CvtKind::F64I32)
}

/// CVTTPD2PI
pub fn cvttpd2pi(cx: &mut Cx<'_>) -> Lifted {
    doubles_to_mmx(cx, CvtKind::F64I32Trunc)
}

/// Between the float widths.
fn float_to_float(cx: &mut Cx<'_>, from: Width, to: Width) -> Lifted {
    let a = cx.float(from, 1)?;
    let r = cx.op(Op::FCvtF, to, &[a]);
    cx.set_float(to, r)
}

/// CVTSS2SD
pub fn cvtss2sd(cx: &mut Cx<'_>) -> Lifted {
    float_to_float(cx, Width::W32, Width::W64)
}

/// CVTSD2SS
pub fn cvtsd2ss(cx: &mut Cx<'_>) -> Lifted {
    float_to_float(cx, Width::W64, Width::W32)
}

/// From a register or memory of 32 or 64 bits.
fn int_to_float(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let from = cx.at(1);
    let size = cx.width(from)? as u16;
    let v = cx.read(from)?;
    let r = cx.op_imm(Op::FCvtFromI, w, &[v], 0, size);
    cx.set_float(w, r)
}

/// CVTSI2SS
pub fn cvtsi2ss(cx: &mut Cx<'_>) -> Lifted {
    int_to_float(cx, Width::W32)
}

/// CVTSI2SD
pub fn cvtsi2sd(cx: &mut Cx<'_>) -> Lifted {
    int_to_float(cx, Width::W64)
}

/// To a register of 32 or 64 bits; `truncate` is 4 or 0.
fn float_to_int(cx: &mut Cx<'_>, w: Width, truncate: u16) -> Lifted {
    let size = cx.width(0)? as u16;
    let a = cx.float(w, 1)?;
    let r = cx.op_imm(Op::FCvtToI, w, &[a], 0, size | truncate);
    cx.write(0, r)
}

/// CVTSS2SI
pub fn cvtss2si(cx: &mut Cx<'_>) -> Lifted {
    float_to_int(cx, Width::W32, 0)
}

/// CVTSD2SI
pub fn cvtsd2si(cx: &mut Cx<'_>) -> Lifted {
    float_to_int(cx, Width::W64, 0)
}

/// CVTTSS2SI
pub fn cvttss2si(cx: &mut Cx<'_>) -> Lifted {
    float_to_int(cx, Width::W32, 4)
}

/// CVTTSD2SI
pub fn cvttsd2si(cx: &mut Cx<'_>) -> Lifted {
    float_to_int(cx, Width::W64, 4)
}
