//! MMX (SDM vol. 1, 5.4 and chapter 9) on the functions of SSE: an MMX register is the low half of a
//! vector, and its upper half is never looked at.
//!
//! What all instructions with MMX registers have in common is `lift`'s: a pending x87 exception comes
//! first, and afterwards TOP is 0 and every register is tagged valid (SDM vol. 3, chapter 13, "MMX state").
//! In a block of such instructions the optimiser leaves one of those.

use super::{Cx, Lifted, Op, Width};
use crate::ir::{Value, Var};
use crate::x86::Trap;
use iced_x86::{OpKind, Register};

/// The status word's error summary, and TOP.
const ES: u64 = 1 << 7;
const TOP: u64 = 7 << 11;

impl Cx<'_> {
    /// The variable of operand `n`, if that is an MMX register.
    pub(super) fn mm_var(&self, n: u32) -> Option<Var> {
        let r = self.insn.op_register(n);
        if self.insn.op_kind(n) != OpKind::Register || !r.is_mm() {
            return None;
        }
        u8::try_from(r as u32 - Register::MM0 as u32)
            .ok()
            .map(Var::Mm)
    }

    /// Whether the instruction has an MMX register operand.
    pub(super) fn is_mmx(&self) -> bool {
        (0..self.insn.op_count()).any(|n| self.mm_var(n).is_some())
    }
}

/// #MF if an x87 exception is pending; the status word.
fn check(cx: &mut Cx<'_>) -> Value {
    let status = cx.get(Var::Fsw);
    let pending = cx.and_imm(Width::W64, status, ES);
    cx.trap_if(pending, Trap::X87);
    status
}

/// TOP is 0, and the tags are these.
fn enter(cx: &mut Cx<'_>, status: Value, tags: u64) {
    let status = cx.and_imm(Width::W64, status, 0xffff & !TOP);
    cx.set(Var::Fsw, status);
    let tags = cx.konst(tags);
    cx.set(Var::Ftw, tags);
}

/// Lifts an instruction of any kind by its row's function.
pub fn lift(cx: &mut Cx<'_>, row: fn(&mut Cx<'_>) -> Lifted) -> Lifted {
    if !cx.is_mmx() {
        return row(cx);
    }
    let status = check(cx);
    row(cx)?;
    enter(cx, status, 0xff);
    Ok(())
}

/// EMMS
#[allow(clippy::unnecessary_wraps)] // All lift functions have this type.
pub fn emms(cx: &mut Cx<'_>) -> Lifted {
    let status = check(cx);
    enter(cx, status, 0);
    Ok(())
}

/// MOVNTQ, whose hint is ignored.
pub fn movntq(cx: &mut Cx<'_>) -> Lifted {
    super::data::movq(cx)
}

/// MOVDQ2Q, and MOVQ2DQ, which clears the upper half.
pub fn move_low(cx: &mut Cx<'_>) -> Lifted {
    let v = cx.xmm(1)?;
    let low = cx.op_imm(Op::VExtract, Width::W64, &[v], 0, 0);
    let v = cx.op(Op::VFromI, Width::W64, &[low]);
    cx.set_xmm(0, v)
}
