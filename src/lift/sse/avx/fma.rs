//! Fused multiply-add (SDM vol. 1, 14.5): one rounding, three operands of which the first is replaced.

use super::{Cx, Lifted, Op, Unsupported, Value, Width};

/// Which operands are multiplied, and which is added: the digits in the mnemonic.
pub const FORM_132: u16 = 132;
/// See `FORM_132`.
pub const FORM_213: u16 = 213;
/// See `FORM_132`.
pub const FORM_231: u16 = 231;

/// The factors and the addend, as `Op::FFma` takes them, of operands 0, 1 and 2.
fn ordered(form: u16, [x, y, z]: [Value; 3]) -> Result<[Value; 3], Unsupported> {
    match form {
        FORM_132 => Ok([x, z, y]),
        FORM_213 => Ok([y, x, z]),
        FORM_231 => Ok([y, z, x]),
        _ => Err(Unsupported),
    }
}

fn packed(cx: &mut Cx<'_>, w: Width, signs: u16, form: u16) -> Lifted {
    let c = cx.halves(2)?;
    let (a, b) = (cx.halves(0)?, cx.halves(1)?);
    let args = a.into_iter().zip(b).zip(c);
    let args: Result<Vec<_>, _> = args
        .map(|((a, b), c)| Ok(ordered(form, [a, b, c])?.to_vec()))
        .collect();
    let r = cx.fp_halves(Op::VFFma, w, signs, &args?);
    cx.set_halves(&r)
}

/// Lane 0; the others of operand 0 stay.
fn scalar(cx: &mut Cx<'_>, w: Width, signs: u16, form: u16) -> Lifted {
    let c = cx.float(w, 2)?;
    let old = cx.low(0)?;
    let b = cx.low(1)?;
    let [a, b] = [old, b].map(|v| cx.op(Op::FGet, w, &[v]));
    let args = ordered(form, [a, b, c])?;
    let r = cx.op_imm(Op::FFma, w, &args, 0, signs);
    let r = cx.op(Op::FPut, w, &[old, r]);
    cx.set_ymm(r, None)
}

/// `Op::FFma`'s `aux`.
pub const MADD: u16 = 0;
/// The product is negated.
pub const NMADD: u16 = 1;
/// The addend is subtracted.
pub const MSUB: u16 = 2;
/// Both.
pub const NMSUB: u16 = 3;
/// Odd lanes add, even ones subtract.
pub const MADDSUB: u16 = 4;
/// The other way round.
pub const MSUBADD: u16 = 6;

/// VFMADD132PS and its kin.
pub fn ps<const SIGNS: u16, const FORM: u16>(cx: &mut Cx<'_>) -> Lifted {
    packed(cx, Width::W32, SIGNS, FORM)
}

/// VFMADD132PD and its kin.
pub fn pd<const SIGNS: u16, const FORM: u16>(cx: &mut Cx<'_>) -> Lifted {
    packed(cx, Width::W64, SIGNS, FORM)
}

/// VFMADD132SS and its kin.
pub fn ss<const SIGNS: u16, const FORM: u16>(cx: &mut Cx<'_>) -> Lifted {
    scalar(cx, Width::W32, SIGNS, FORM)
}

/// VFMADD132SD and its kin.
pub fn sd<const SIGNS: u16, const FORM: u16>(cx: &mut Cx<'_>) -> Lifted {
    scalar(cx, Width::W64, SIGNS, FORM)
}
