//! Blending, insertion and extraction, widening, and PTEST (SDM vol. 1, 5.10).

use super::shuffle::by_lanes;
use super::{Cx, Lifted, Op, Unsupported, Value, Width};
use crate::ir::Var;
use crate::x86::Rflags;
use iced_x86::OpKind;

/// Operand 0's lanes replaced by operand 1's where the immediate has ones.
fn by_immediate(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let lanes = 16u8 >> w as u8;
    // The lanes of an upper half have the next bits, words the same ones.
    let imm = cx.insn.immediate8()
        >> if cx.vex.high && w != Width::W16 {
            lanes
        } else {
            0
        };
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let from = |n: u8| if imm >> n & 1 == 0 { n } else { lanes + n };
    let r = cx.shuffle(a, b, by_lanes(w, from));
    cx.set_xmm(0, r)
}

/// BLENDPS
pub fn blendps(cx: &mut Cx<'_>) -> Lifted {
    by_immediate(cx, Width::W32)
}

/// BLENDPD
pub fn blendpd(cx: &mut Cx<'_>) -> Lifted {
    by_immediate(cx, Width::W64)
}

/// PBLENDW
pub fn pblendw(cx: &mut Cx<'_>) -> Lifted {
    by_immediate(cx, Width::W16)
}

/// Operand 0's lanes replaced by operand 1's where those of XMM0, or of VEX encodings' fourth operand, are
/// negative.
fn by_register(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let mask = if cx.vex.on {
        cx.xmm(2)?
    } else {
        cx.get(Var::Xmm(0))
    };
    let r = cx.op(Op::VBlend, w, &[a, b, mask]);
    cx.set_xmm(0, r)
}

/// BLENDVPS
pub fn blendvps(cx: &mut Cx<'_>) -> Lifted {
    by_register(cx, Width::W32)
}

/// BLENDVPD
pub fn blendvpd(cx: &mut Cx<'_>) -> Lifted {
    by_register(cx, Width::W64)
}

/// PBLENDVB
pub fn pblendvb(cx: &mut Cx<'_>) -> Lifted {
    by_register(cx, Width::W8)
}

/// Widens the low lanes of `from` to `to`: as many as the result has.
fn widen(cx: &mut Cx<'_>, op: Op, from: Width, to: Width) -> Lifted {
    let bytes = 16 / to.bytes() * from.bytes();
    let source = match cx.vex.loaded {
        Some(v) => v,
        None => {
            let all = if cx.vex.wide { 2 * bytes } else { bytes };
            match usize::try_from(all).ok().and_then(Width::from_bytes) {
                Some(w) => cx.xmm_low(w, 1)?,
                None => cx.count128(1)?,
            }
        }
    };
    // Both halves come from the lower half of the source.
    cx.vex.loaded = cx.vex.wide.then_some(source);
    let a = if cx.vex.high {
        let up = u8::try_from(bytes).map_err(|_| Unsupported)?;
        let select = std::array::from_fn(|i| {
            let from = u8::try_from(i).unwrap_or(0) + up;
            if from < 16 { from } else { 0x80 }
        });
        cx.shuffle(source, source, select)
    } else {
        source
    };
    let r = cx.op_imm(op, to, &[a], from.bits().into(), 0);
    cx.set_xmm(0, r)
}

macro_rules! widenings {
    ($($(#[$doc:meta])* $name:ident $op:ident $from:ident $to:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(cx: &mut Cx<'_>) -> Lifted {
            widen(cx, Op::$op, Width::$from, Width::$to)
        }
    )*};
}

widenings! {
    /// PMOVSXBW
    pmovsxbw VSext W8 W16;
    /// PMOVSXBD
    pmovsxbd VSext W8 W32;
    /// PMOVSXBQ
    pmovsxbq VSext W8 W64;
    /// PMOVSXWD
    pmovsxwd VSext W16 W32;
    /// PMOVSXWQ
    pmovsxwq VSext W16 W64;
    /// PMOVSXDQ
    pmovsxdq VSext W32 W64;
    /// PMOVZXBW
    pmovzxbw VZext W8 W16;
    /// PMOVZXBD
    pmovzxbd VZext W8 W32;
    /// PMOVZXBQ
    pmovzxbq VZext W8 W64;
    /// PMOVZXWD
    pmovzxwd VZext W16 W32;
    /// PMOVZXWQ
    pmovzxwq VZext W16 W64;
    /// PMOVZXDQ
    pmovzxdq VZext W32 W64;
}

/// 1 if all bits of `v` are zero, else 0.
fn none(cx: &mut Cx<'_>, v: Value) -> Value {
    let low = cx.op_imm(Op::VExtract, Width::W64, &[v], 0, 0);
    let high = cx.op_imm(Op::VExtract, Width::W64, &[v], 1, 0);
    let any = cx.or(Width::W64, low, high);
    cx.is_zero(Width::W64, any)
}

/// PTEST: ZF and CF say that the source has no ones where the destination has, and where it has not.
pub fn ptest(cx: &mut Cx<'_>) -> Lifted {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let both = cx.op(Op::VAnd, Width::W64, &[a, b]);
    let zf = none(cx, both);
    let beyond = cx.op(Op::VAndN, Width::W64, &[a, b]);
    let cf = none(cx, beyond);
    let zf = cx.shl_imm(Width::W64, zf, Rflags::ZF.trailing_zeros());
    let bits = cx.or(Width::W64, zf, cf);
    let f = cx.raw_flags(bits);
    cx.set_flags(f);
    Ok(())
}

/// The lane of `w` that the immediate, operand `n`, names.
fn lane(cx: &Cx<'_>, w: Width, n: u32) -> u64 {
    cx.imm(cx.at(n)) & (16 / w.bytes() - 1)
}

/// A lane to memory, or zero-extended to a whole register.
fn extract(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let v = cx.xmm(1)?;
    let v = cx.op_imm(Op::VExtract, w, &[v], lane(cx, w, 2), 0);
    cx.write(0, v)
}

/// PEXTRB
pub fn pextrb(cx: &mut Cx<'_>) -> Lifted {
    extract(cx, Width::W8)
}

/// PEXTRD, EXTRACTPS
pub fn pextrd(cx: &mut Cx<'_>) -> Lifted {
    extract(cx, Width::W32)
}

/// PEXTRQ
pub fn pextrq(cx: &mut Cx<'_>) -> Lifted {
    extract(cx, Width::W64)
}

/// A lane from memory, or from the low bits of a register.
fn insert(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let from = cx.at(1);
    let v = match cx.insn.op_kind(from) {
        OpKind::Memory => cx.load_scalar(w)?,
        OpKind::Register => {
            let (reg, _, _) = Cx::gpr_of(cx.insn.op_register(from))?;
            cx.gpr(reg)
        }
        _ => return Err(Unsupported),
    };
    let old = cx.xmm(0)?;
    let r = cx.op_imm(Op::VInsert, w, &[old, v], lane(cx, w, 2), 0);
    cx.set_xmm(0, r)
}

/// PINSRB
pub fn pinsrb(cx: &mut Cx<'_>) -> Lifted {
    insert(cx, Width::W8)
}

/// PINSRD
pub fn pinsrd(cx: &mut Cx<'_>) -> Lifted {
    insert(cx, Width::W32)
}

/// PINSRQ
pub fn pinsrq(cx: &mut Cx<'_>) -> Lifted {
    insert(cx, Width::W64)
}

/// INSERTPS: bits 7:6 of the immediate choose the source's lane (memory has one), bits 5:4 where it goes,
/// bits 3:0 what becomes zero.
pub fn insertps(cx: &mut Cx<'_>) -> Lifted {
    let imm = cx.insn.immediate8();
    let source = if cx.is_mem(1) { 0 } else { imm >> 6 };
    let b = cx.xmm_low(Width::W32, 1)?;
    let a = cx.xmm(0)?;
    let to = imm >> 4 & 3;
    let mut select = by_lanes(Width::W32, |n| if n == to { 4 + source } else { n });
    for (i, s) in select.iter_mut().enumerate() {
        if imm >> (i / 4) & 1 != 0 {
            *s = 0x80;
        }
    }
    let r = cx.shuffle(a, b, select);
    cx.set_xmm(0, r)
}
