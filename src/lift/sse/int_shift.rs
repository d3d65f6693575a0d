//! Packed shifts (SDM vol. 2, PSLLW, PSRLW, PSRAW, VPSLLVD, VPSRLVD, VPSRAVD).

use super::{Cx, Lifted, Op, Width, packed};

/// Shifts operand 0 by the immediate, or by the low 64 bits of operand 1; a memory count is a whole
/// aligned 128-bit operand of which the upper half is not used.
fn shift(cx: &mut Cx<'_>, op: Op, w: Width) -> Lifted {
    let from = cx.at(1);
    let count = if cx.insn.op_kind(from) == iced_x86::OpKind::Immediate8 {
        cx.konst(cx.insn.immediate8().into())
    } else {
        let v = if cx.vex.wide {
            cx.count128(from)?
        } else {
            cx.xmm_m128(1)?
        };
        cx.op_imm(Op::VExtract, Width::W64, &[v], 0, 0)
    };
    let a = cx.xmm(0)?;
    let r = cx.op(op, w, &[a, count]);
    cx.set_xmm(0, r)
}

macro_rules! shifts {
    ($($(#[$doc:meta])* $name:ident $op:ident $w:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(cx: &mut Cx<'_>) -> Lifted {
            shift(cx, Op::$op, Width::$w)
        }
    )*};
}

shifts! {
    /// PSLLW
    psllw VShl W16;
    /// PSLLD
    pslld VShl W32;
    /// PSLLQ
    psllq VShl W64;
    /// PSRLW
    psrlw VShr W16;
    /// PSRLD
    psrld VShr W32;
    /// PSRLQ
    psrlq VShr W64;
    /// PSRAW
    psraw VSar W16;
    /// PSRAD
    psrad VSar W32;
}

packed! {
    /// VPSLLVD
    psllvd VShlV W32;
    /// VPSLLVQ
    psllvq VShlV W64;
    /// VPSRLVD
    psrlvd VShrV W32;
    /// VPSRLVQ
    psrlvq VShrV W64;
    /// VPSRAVD
    psravd VSarV W32;
}
