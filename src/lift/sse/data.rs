//! Data transfer (SDM vol. 1, 5.5.1.1, 5.6.1.1 and 5.6.3).

use super::{Cx, Lifted, Op, Unsupported, Value, Width};
use iced_x86::OpKind;

/// Between XMM registers, or 128 bits of memory and one.
fn move128(cx: &mut Cx<'_>, aligned: bool) -> Lifted {
    if cx.is_mem(0) {
        let v = cx.xmm(1)?;
        return cx.store128(aligned, v);
    }
    let v = if cx.is_mem(1) {
        cx.load128(aligned)?
    } else {
        cx.xmm(1)?
    };
    cx.set_xmm(0, v)
}

/// MOVAPS, MOVAPD, MOVDQA; also MOVNTPS, MOVNTPD, MOVNTDQ, whose hint is ignored.
pub fn mov_aligned(cx: &mut Cx<'_>) -> Lifted {
    move128(cx, true)
}

/// MOVUPS, MOVUPD, MOVDQU
pub fn mov_unaligned(cx: &mut Cx<'_>) -> Lifted {
    move128(cx, false)
}

/// MOVSS and MOVSD: between registers the other lanes stay, from memory they become zero.
fn mov_scalar(cx: &mut Cx<'_>, w: Width) -> Lifted {
    if cx.is_mem(0) {
        return store_low(cx, w);
    }
    if cx.is_mem(1) {
        let v = cx.xmm_low(w, 1)?;
        return cx.set_xmm(0, v);
    }
    let v = cx.float(w, 1)?;
    cx.set_float(w, v)
}

/// MOVSS
pub fn movss(cx: &mut Cx<'_>) -> Lifted {
    mov_scalar(cx, Width::W32)
}

/// MOVSD, which is also the name of a string instruction.
pub fn movsd(cx: &mut Cx<'_>) -> Lifted {
    if cx.insn.is_string_instruction() {
        return crate::lift::string::string(cx);
    }
    mov_scalar(cx, Width::W64)
}

/// The low `w` bits of register operand 1 to memory.
fn store_low(cx: &mut Cx<'_>, w: Width) -> Lifted {
    store_lane(cx, w, 0)
}

fn store_lane(cx: &mut Cx<'_>, w: Width, lane: u64) -> Lifted {
    let v = cx.xmm(1)?;
    let v = cx.op_imm(Op::VExtract, w, &[v], lane, 0);
    let (addr, disp) = cx.address()?;
    cx.store(w, addr, disp, v);
    Ok(())
}

/// MOVD: to an XMM register with zeros above, or from one.
pub fn movd(cx: &mut Cx<'_>) -> Lifted {
    mov_int(cx, Width::W32)
}

/// MOVQ: the same with 64 bits, also between XMM registers.
pub fn movq(cx: &mut Cx<'_>) -> Lifted {
    mov_int(cx, Width::W64)
}

fn mov_int(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let is_xmm = |n| {
        let r = cx.insn.op_register(n);
        cx.insn.op_kind(n) == OpKind::Register && (r.is_xmm() || r.is_mm())
    };
    let (to_xmm, from_xmm) = (is_xmm(0), is_xmm(1));
    let v = if from_xmm {
        let v = cx.xmm(1)?;
        cx.op_imm(Op::VExtract, w, &[v], 0, 0)
    } else {
        cx.read(1)?
    };
    if !to_xmm {
        return cx.write(0, v);
    }
    let v = cx.op(Op::VFromI, w, &[v]);
    cx.set_xmm(0, v)
}

/// One half of operand 0 from memory, or of operand 1 to it.
fn mov_half(cx: &mut Cx<'_>, lane: u64) -> Lifted {
    if cx.is_mem(0) {
        return store_lane(cx, Width::W64, lane);
    }
    let v = cx.load_scalar(Width::W64)?;
    let old = cx.xmm(0)?;
    let v = cx.op_imm(Op::VInsert, Width::W64, &[old, v], lane, 0);
    cx.set_xmm(0, v)
}

/// MOVLPS, MOVLPD
pub fn mov_low(cx: &mut Cx<'_>) -> Lifted {
    mov_half(cx, 0)
}

/// MOVHPS, MOVHPD
pub fn mov_high(cx: &mut Cx<'_>) -> Lifted {
    mov_half(cx, 1)
}

/// Half of operand 0 and half of operand 1, by byte numbers.
fn combine(cx: &mut Cx<'_>, low: u8, high: u8) -> Lifted {
    let (a, b) = (cx.xmm(0)?, cx.xmm(1)?);
    let v = halves(cx, a, b, low, high);
    cx.set_xmm(0, v)
}

/// Eight bytes of (a, b) from number `low` on, then eight from `high` on.
pub(super) fn halves(cx: &mut Cx<'_>, a: Value, b: Value, low: u8, high: u8) -> Value {
    let mut select = [0; 16];
    for (s, n) in select.iter_mut().zip((low..low + 8).chain(high..high + 8)) {
        *s = n;
    }
    cx.shuffle(a, b, select)
}

/// MOVHLPS: the high half of the source to the low half.
pub fn movhlps(cx: &mut Cx<'_>) -> Lifted {
    combine(cx, 24, 8)
}

/// MOVLHPS: the low half of the source to the high half.
pub fn movlhps(cx: &mut Cx<'_>) -> Lifted {
    combine(cx, 0, 16)
}

/// The lanes' sign bits of operand 1 to a register, zero-extended.
fn mask(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let v = cx.xmm(1)?;
    let v = cx.op(Op::VMovMask, w, &[v]);
    let (reg, _, _) = Cx::gpr_of(cx.insn.op_register(0))?;
    cx.set_gpr(reg, v);
    Ok(())
}

/// MOVMSKPS
pub fn movmskps(cx: &mut Cx<'_>) -> Lifted {
    mask(cx, Width::W32)
}

/// MOVMSKPD
pub fn movmskpd(cx: &mut Cx<'_>) -> Lifted {
    mask(cx, Width::W64)
}

/// PMOVMSKB
pub fn pmovmskb(cx: &mut Cx<'_>) -> Lifted {
    mask(cx, Width::W8)
}

/// The number of a word, from the immediate.
fn word(cx: &Cx<'_>, n: u32) -> u64 {
    cx.imm(cx.at(n)) & if cx.is_mmx() { 3 } else { 7 }
}

/// PEXTRW: a word, zero-extended to the whole register; SSE4.1's form can store it.
pub fn pextrw(cx: &mut Cx<'_>) -> Lifted {
    let v = cx.xmm(1)?;
    let v = cx.op_imm(Op::VExtract, Width::W16, &[v], word(cx, 2), 0);
    if cx.is_mem(0) {
        return cx.write(0, v);
    }
    let (reg, _, _) = Cx::gpr_of(cx.insn.op_register(0))?;
    cx.set_gpr(reg, v);
    Ok(())
}

/// PINSRW: from the low word of a register, or 16 bits of memory.
pub fn pinsrw(cx: &mut Cx<'_>) -> Lifted {
    let from = cx.at(1);
    let v = match cx.insn.op_kind(from) {
        OpKind::Memory => cx.load_scalar(Width::W16)?,
        OpKind::Register => {
            let (reg, _, _) = Cx::gpr_of(cx.insn.op_register(from))?;
            cx.gpr(reg)
        }
        _ => return Err(Unsupported),
    };
    let old = cx.xmm(0)?;
    let v = cx.op_imm(Op::VInsert, Width::W16, &[old, v], word(cx, 2), 0);
    cx.set_xmm(0, v)
}
