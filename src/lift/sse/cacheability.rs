//! Cacheability control, prefetch and ordering (SDM vol. 1, 5.5.4 and 5.6.4). Non-temporal hints are
//! ignored: the stores are ordinary ones, whose order is stronger than what the hint would allow.

use super::{Cx, Lifted, Op, Unsupported, Width};
use crate::ir::{FenceKind, Helper, Var};
use crate::x86::Gpr;
use iced_x86::{OpKind, Register};

/// MOVNTI
pub fn movnti(cx: &mut Cx<'_>) -> Lifted {
    let v = cx.read(1)?;
    cx.write(0, v)
}

/// MASKMOVDQU, MASKMOVQ: to DS:RDI, or to another segment's.
pub fn maskmovdqu(cx: &mut Cx<'_>) -> Lifted {
    let mut addr = cx.gpr(Gpr::RDI);
    match cx.insn.op_kind(0) {
        OpKind::MemorySegRDI => {}
        OpKind::MemorySegEDI => addr = cx.op(Op::Zext, Width::W32, &[addr]),
        _ => return Err(Unsupported),
    }
    let base = match cx.insn.memory_segment() {
        Register::FS => Some(Var::FsBase),
        Register::GS => Some(Var::GsBase),
        _ => None,
    };
    if let Some(base) = base {
        let base = cx.get(base);
        addr = cx.add(Width::W64, addr, base);
    }
    // MMX registers are numbered from 16.
    let number = |cx: &Cx<'_>, n| match cx.mm_var(n).map_or_else(|| cx.xmm_var(n), Ok)? {
        Var::Xmm(r) => Ok(u64::from(r)),
        Var::Mm(r) => Ok(16 + u64::from(r)),
        _ => Err(Unsupported),
    };
    let (source, mask) = (number(cx, 1)?, number(cx, 2)?);
    let (source, mask) = (cx.konst(source), cx.konst(mask));
    super::state::call(cx, Helper::Maskmovdqu, &[addr, source, mask]);
    Ok(())
}

/// PREFETCHT0 and its kin: never fault, and need not do anything.
#[allow(clippy::unnecessary_wraps)] // All lift functions have this type.
pub fn prefetch(_: &mut Cx<'_>) -> Lifted {
    Ok(())
}

/// CLFLUSH, CLFLUSHOPT, CLWB: caches are coherent here; what remains is that it faults as a load does.
pub fn clflush(cx: &mut Cx<'_>) -> Lifted {
    cx.load_scalar(Width::W8)?;
    Ok(())
}

#[allow(clippy::unnecessary_wraps)] // All lift functions have this type.
fn fence(cx: &mut Cx<'_>, kind: FenceKind) -> Lifted {
    cx.op_imm(Op::Fence, Width::W64, &[], 0, kind as u16);
    Ok(())
}

/// LFENCE
pub fn lfence(cx: &mut Cx<'_>) -> Lifted {
    fence(cx, FenceKind::Load)
}

/// SFENCE
pub fn sfence(cx: &mut Cx<'_>) -> Lifted {
    fence(cx, FenceKind::Store)
}

/// MFENCE
pub fn mfence(cx: &mut Cx<'_>) -> Lifted {
    fence(cx, FenceKind::Full)
}
