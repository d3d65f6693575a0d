//! Broadcasts, halves in and out, masks of signs, tests and the clearing of upper halves.

use super::{Cx, Lifted, Op, Unsupported, Value, Width, is_wide};
use crate::ir::Var;
use crate::x86::Rflags;

/// The lowest element of operand 1, everywhere.
fn broadcast(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let v = cx.lane0(w, 1)?;
    let v = cx.op(Op::VSplat, w, &[v]);
    let high = is_wide(cx).then_some(v);
    cx.set_ymm(v, high)
}

/// VPBROADCASTB
pub fn broadcast8(cx: &mut Cx<'_>) -> Lifted {
    broadcast(cx, Width::W8)
}

/// VPBROADCASTW
pub fn broadcast16(cx: &mut Cx<'_>) -> Lifted {
    broadcast(cx, Width::W16)
}

/// VPBROADCASTD, VBROADCASTSS
pub fn broadcast32(cx: &mut Cx<'_>) -> Lifted {
    broadcast(cx, Width::W32)
}

/// VPBROADCASTQ, VBROADCASTSD
pub fn broadcast64(cx: &mut Cx<'_>) -> Lifted {
    broadcast(cx, Width::W64)
}

/// VBROADCASTF128, VBROADCASTI128
pub fn broadcast128(cx: &mut Cx<'_>) -> Lifted {
    let v = cx.count128(1)?;
    cx.set_ymm(v, Some(v))
}

/// VEXTRACTF128, VEXTRACTI128
pub fn extract128(cx: &mut Cx<'_>) -> Lifted {
    let number = cx.vector_number(1)?;
    let v = cx.get(if cx.insn.immediate8() & 1 == 0 {
        Var::Xmm(number)
    } else {
        Var::YmmHi(number)
    });
    if cx.is_mem(0) {
        return cx.store128(false, v);
    }
    cx.set_ymm(v, None)
}

/// VINSERTF128, VINSERTI128
pub fn insert128(cx: &mut Cx<'_>) -> Lifted {
    let v = cx.count128(2)?;
    let [low, high] = cx.both(1)?;
    if cx.insn.immediate8() & 1 == 0 {
        cx.set_ymm(v, Some(high))
    } else {
        cx.set_ymm(low, Some(v))
    }
}

/// The lanes' sign bits of operand 1 to a register, zero-extended.
fn mask(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let lanes = u32::try_from(16 / w.bytes()).map_err(|_| Unsupported)?;
    let mut mask = None;
    for (i, v) in (0..).zip(cx.halves(1)?) {
        let bits = cx.op(Op::VMovMask, w, &[v]);
        mask = Some(match mask {
            None => bits,
            Some(low) => {
                let high = cx.shl_imm(Width::W64, bits, i * lanes);
                cx.or(Width::W64, low, high)
            }
        });
    }
    let (reg, _, _) = Cx::gpr_of(cx.insn.op_register(0))?;
    cx.set_gpr(reg, mask.ok_or(Unsupported)?);
    Ok(())
}

/// VMOVMSKPS
pub fn movmskps(cx: &mut Cx<'_>) -> Lifted {
    mask(cx, Width::W32)
}

/// VMOVMSKPD
pub fn movmskpd(cx: &mut Cx<'_>) -> Lifted {
    mask(cx, Width::W64)
}

/// VPMOVMSKB
pub fn pmovmskb(cx: &mut Cx<'_>) -> Lifted {
    mask(cx, Width::W8)
}

/// The OR of all bits of `halves` that `keep` has, as an integer.
fn any(cx: &mut Cx<'_>, halves: &[Value], keep: Option<u128>) -> Result<Value, Unsupported> {
    let mut all = *halves.first().ok_or(Unsupported)?;
    for v in &halves[1..] {
        all = cx.op(Op::VOr, Width::W64, &[all, *v]);
    }
    if let Some(keep) = keep {
        let keep = cx.vconst(keep);
        all = cx.op(Op::VAnd, Width::W64, &[all, keep]);
    }
    let low = cx.op_imm(Op::VExtract, Width::W64, &[all], 0, 0);
    let high = cx.op_imm(Op::VExtract, Width::W64, &[all], 1, 0);
    Ok(cx.or(Width::W64, low, high))
}

/// ZF and CF say that the source, operand 1, has none of the bits `keep` where the destination has, and
/// where it has not.
fn test(cx: &mut Cx<'_>, keep: Option<u128>) -> Lifted {
    let b = cx.halves(1)?;
    let a = cx.halves(0)?;
    let [both, beyond] = [Op::VAnd, Op::VAndN].map(|op| {
        let pairs = a.iter().zip(&b);
        let halves: Vec<_> = pairs
            .map(|(a, b)| cx.op(op, Width::W64, &[*a, *b]))
            .collect();
        any(cx, &halves, keep)
    });
    let zf = cx.is_zero(Width::W64, both?);
    let cf = cx.is_zero(Width::W64, beyond?);
    let zf = cx.shl_imm(Width::W64, zf, Rflags::ZF.trailing_zeros());
    let bits = cx.or(Width::W64, zf, cf);
    let f = cx.raw_flags(bits);
    cx.set_flags(f);
    Ok(())
}

/// VPTEST
pub fn ptest(cx: &mut Cx<'_>) -> Lifted {
    test(cx, None)
}

/// VTESTPS
pub fn testps(cx: &mut Cx<'_>) -> Lifted {
    test(cx, Some(u128::MAX / 0xffff_ffff * 0x8000_0000))
}

/// VTESTPD
pub fn testpd(cx: &mut Cx<'_>) -> Lifted {
    test(cx, Some(1 << 127 | 1 << 63))
}

/// VZEROUPPER
#[allow(clippy::unnecessary_wraps)] // All lift functions have this type.
pub fn zeroupper(cx: &mut Cx<'_>) -> Lifted {
    let zero = cx.zero128();
    for n in 0..16 {
        cx.set(Var::YmmHi(n), zero);
    }
    Ok(())
}

/// VZEROALL
#[allow(clippy::unnecessary_wraps)] // All lift functions have this type.
pub fn zeroall(cx: &mut Cx<'_>) -> Lifted {
    let zero = cx.zero128();
    for n in 0..16 {
        cx.set(Var::Xmm(n), zero);
        cx.set(Var::YmmHi(n), zero);
    }
    Ok(())
}
