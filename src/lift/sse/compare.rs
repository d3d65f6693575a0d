//! Floating-point comparison (SDM vol. 1, 5.5.1.3 and 5.6.1.4).

use super::{Cx, Lifted, Op, Width};

/// The predicate in the immediate: the legacy forms have eight and ignore the upper bits, which the
/// manual calls reserved; VEX encodings have 32 (SDM vol. 2, CMPPD).
fn predicate(cx: &Cx<'_>) -> u16 {
    u16::from(cx.insn.immediate8()) & if cx.vex.on { 31 } else { 7 }
}

/// CMPPS
pub fn cmpps(cx: &mut Cx<'_>) -> Lifted {
    cx.packed(Op::VFCmp, Width::W32, predicate(cx))
}

/// CMPPD
pub fn cmppd(cx: &mut Cx<'_>) -> Lifted {
    cx.packed(Op::VFCmp, Width::W64, predicate(cx))
}

fn scalar(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let b = cx.float(w, 1)?;
    let a = cx.xmm(0)?;
    let a = cx.op(Op::FGet, w, &[a]);
    let r = cx.op_imm(Op::FCmp, w, &[a, b], 0, predicate(cx));
    let zero = cx.konst(0);
    let mask = cx.sub(w, zero, r);
    let mask = cx.op(Op::FFrom, w, &[mask]);
    cx.set_float(w, mask)
}

/// CMPSS
pub fn cmpss(cx: &mut Cx<'_>) -> Lifted {
    scalar(cx, Width::W32)
}

/// CMPSD, which is also the name of a string instruction.
pub fn cmpsd(cx: &mut Cx<'_>) -> Lifted {
    if cx.insn.is_string_instruction() {
        return crate::lift::string::string(cx);
    }
    scalar(cx, Width::W64)
}

fn flags(cx: &mut Cx<'_>, w: Width, signaling: u16) -> Lifted {
    let b = cx.float(w, 1)?;
    let a = cx.xmm(0)?;
    let a = cx.op(Op::FGet, w, &[a]);
    let f = cx.op_imm(Op::FlFcmp, w, &[a, b], 0, signaling);
    cx.set_flags(f);
    Ok(())
}

/// UCOMISS
pub fn ucomiss(cx: &mut Cx<'_>) -> Lifted {
    flags(cx, Width::W32, 0)
}

/// UCOMISD
pub fn ucomisd(cx: &mut Cx<'_>) -> Lifted {
    flags(cx, Width::W64, 0)
}

/// COMISS
pub fn comiss(cx: &mut Cx<'_>) -> Lifted {
    flags(cx, Width::W32, 1)
}

/// COMISD
pub fn comisd(cx: &mut Cx<'_>) -> Lifted {
    flags(cx, Width::W64, 1)
}
