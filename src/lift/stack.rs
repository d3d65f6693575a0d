//! Stack instructions (SDM vol. 1, 5.1.1 and 6.2).

use super::cx::{Cx, Lifted, Place, Unsupported};
use super::segment::{load_segment, selector};
use crate::ir::{Op, Value, Var};
use crate::x86::{Gpr, Rflags, Trap, Width};
use iced_x86::{Code, Mnemonic, OpKind};

/// Stores `v` below RSP and gives the new RSP, which is not set yet.
pub fn push_value(cx: &mut Cx<'_>, w: Width, v: Value) -> Value {
    let rsp = cx.gpr(Gpr::RSP);
    let size = w.bytes().cast_signed();
    cx.store_stack(w, rsp, -size, v);
    cx.add_imm(Width::W64, rsp, -size)
}

fn operand_width(cx: &Cx<'_>) -> Width {
    let bytes = cx.insn.stack_pointer_increment().unsigned_abs();
    if bytes == 2 { Width::W16 } else { Width::W64 }
}

/// PUSH
pub fn push(cx: &mut Cx<'_>) -> Lifted {
    let w = operand_width(cx);
    let v =
        if cx.insn.op_kind(0) == OpKind::Register && cx.insn.op_register(0).is_segment_register() {
            selector(cx, cx.insn.op_register(0))
        } else if cx.insn.op_kind(0) == OpKind::Register || cx.insn.op_kind(0) == OpKind::Memory {
            cx.read(0)?
        } else {
            cx.konst(cx.imm(0))
        };
    let rsp = push_value(cx, w, v);
    cx.set_gpr(Gpr::RSP, rsp);
    Ok(())
}

/// POP. An address based on RSP uses RSP after the increment; POP RSP keeps the value popped.
pub fn pop(cx: &mut Cx<'_>) -> Lifted {
    let w = operand_width(cx);
    let rsp = cx.gpr(Gpr::RSP);
    let v = cx.load_stack(w, rsp, 0);
    let next = cx.add_imm(Width::W64, rsp, w.bytes().cast_signed());
    match cx.insn.op_kind(0) {
        OpKind::Register if cx.insn.op_register(0).is_segment_register() => {
            load_segment(cx, cx.insn.op_register(0), v)?;
            cx.set_gpr(Gpr::RSP, next);
        }
        OpKind::Register => {
            cx.set_gpr(Gpr::RSP, next);
            cx.write(0, v)?;
        }
        _ => {
            let (addr, mut disp) = cx.address()?;
            let mut base = cx.insn.memory_base();
            if base.is_gpr() {
                base = base.full_register();
            }
            if base == iced_x86::Register::RSP {
                disp += w.bytes().cast_signed();
            }
            cx.store(w, addr, disp, v);
            cx.set_gpr(Gpr::RSP, next);
        }
    }
    Ok(())
}

/// RFLAGS as PUSHF stores it.
pub fn rflags(cx: &mut Cx<'_>) -> Value {
    let f = cx.flags();
    let status = cx.op_imm(Op::FlBits, Width::W64, &[f], Rflags::STATUS, 0);
    let df = cx.get(Var::Df);
    let df = cx.shl_imm(Width::W64, df, Rflags::DF.trailing_zeros());
    let other = cx.get(Var::RflagsOther);
    let v = cx.or(Width::W64, status, df);
    let v = cx.or(Width::W64, v, other);
    let fixed = cx.konst(Rflags::FIXED | Rflags::IF);
    cx.or(Width::W64, v, fixed)
}

/// PUSHF, PUSHFQ
pub fn pushf(cx: &mut Cx<'_>) -> Lifted {
    let v = rflags(cx);
    let rsp = push_value(cx, operand_width(cx), v);
    cx.set_gpr(Gpr::RSP, rsp);
    Ok(())
}

/// POPF, POPFQ: IF and IOPL cannot be changed at privilege level 3; the 16-bit form leaves AC and ID.
pub fn popf(cx: &mut Cx<'_>) -> Lifted {
    let w = operand_width(cx);
    let rsp = cx.gpr(Gpr::RSP);
    let v = cx.load_stack(w, rsp, 0);
    check_step(cx, v);
    let next = cx.add_imm(Width::W64, rsp, w.bytes().cast_signed());
    cx.set_gpr(Gpr::RSP, next);
    write_rflags(cx, w, v);
    Ok(())
}

/// Leaves before RFLAGS become `v` if that sets TF.
pub fn check_step(cx: &mut Cx<'_>, v: Value) {
    if !cx.out.steps {
        let tf = cx.bit(v, Rflags::TF.trailing_zeros());
        cx.trap_if(tf, Trap::SingleStep);
    }
}

/// RFLAGS = `v`, as far as POPF of width `w` may change it.
pub fn write_rflags(cx: &mut Cx<'_>, w: Width, v: Value) {
    let mask = if w == Width::W16 {
        Rflags::TF | Rflags::NT
    } else {
        Rflags::POPF_OTHER
    };
    let new = cx.and_imm(Width::W64, v, mask);
    let old = cx.get(Var::RflagsOther);
    let kept = cx.and_imm(Width::W64, old, !mask);
    let other = cx.or(Width::W64, new, kept);
    cx.set(Var::RflagsOther, other);
    let df = cx.bit(v, Rflags::DF.trailing_zeros());
    cx.set(Var::Df, df);
    let status = cx.and_imm(Width::W64, v, Rflags::STATUS);
    let f = cx.raw_flags(status);
    cx.set_flags(f);
}

/// ENTER: all stores come before RSP and RBP change.
pub fn enter(cx: &mut Cx<'_>) -> Lifted {
    let w = match cx.insn.code() {
        Code::Enterw_imm16_imm8 => Width::W16,
        Code::Enterq_imm16_imm8 => Width::W64,
        _ => return Err(Unsupported),
    };
    let size = w.bytes().cast_signed();
    let (alloc, level) = (cx.imm(0).cast_signed(), (cx.imm(1) & 31).cast_signed());
    let (rsp, rbp) = (cx.gpr(Gpr::RSP), cx.gpr(Gpr::RBP));
    cx.store_stack(w, rsp, -size, rbp);
    let frame = cx.add_imm(Width::W64, rsp, -size);
    for i in 1..level {
        let link = cx.load_stack(w, rbp, -size * i);
        cx.store_stack(w, rsp, -size * (i + 1), link);
    }
    if level > 0 {
        cx.store_stack(w, rsp, -size * (level + 1), frame);
    }
    let pushed = if level > 0 { level + 1 } else { 1 };
    let new_rsp = cx.add_imm(Width::W64, rsp, -size * pushed - alloc);
    // The manual's last check: the new top of the stack must be writable.
    cx.op(Op::ProbeWrite, w, &[new_rsp]);
    cx.write_place(
        Place::Reg {
            reg: Gpr::RBP,
            lsb: 0,
            w,
        },
        frame,
    );
    cx.set_gpr(Gpr::RSP, new_rsp);
    Ok(())
}

/// LEAVE
pub fn leave(cx: &mut Cx<'_>) -> Lifted {
    let w = operand_width_of_leave(cx);
    let rbp = cx.gpr(Gpr::RBP);
    let v = cx.load_stack(w, rbp, 0);
    let rsp = cx.add_imm(Width::W64, rbp, w.bytes().cast_signed());
    cx.set_gpr(Gpr::RSP, rsp);
    cx.write_place(
        Place::Reg {
            reg: Gpr::RBP,
            lsb: 0,
            w,
        },
        v,
    );
    Ok(())
}

fn operand_width_of_leave(cx: &Cx<'_>) -> Width {
    debug_assert_eq!(cx.insn.mnemonic(), Mnemonic::Leave);
    if cx.insn.code() == Code::Leavew {
        Width::W16
    } else {
        Width::W64
    }
}
