//! Control transfer (SDM vol. 1, 5.1.7).

use super::cx::{Cx, Lifted, Unsupported};
use super::segment::far_jump_or_call;
use super::stack::{push_value, rflags};
use crate::ir::{IndirectKind, Op, Term, Value};
use crate::x86::{Cond, Gpr, GuestAddr, Trap, Width};
use iced_x86::{Code, Mnemonic, OpKind};

/// Jcc
pub fn jcc(cx: &mut Cx<'_>) -> Lifted {
    let cond = cx.cond(condition(cx));
    branch(cx, cond);
    Ok(())
}

fn branch(cx: &mut Cx<'_>, cond: Value) {
    let taken = cx.jump_target(GuestAddr(cx.insn.near_branch_target()));
    let other = cx.target(cx.next_ip());
    cx.end(Term::Branch { cond, taken, other });
}

/// The condition in the opcode.
pub fn condition(cx: &Cx<'_>) -> Cond {
    use iced_x86::ConditionCode as C;
    match cx.insn.condition_code() {
        C::None | C::o => Cond::O,
        C::no => Cond::No,
        C::b => Cond::B,
        C::ae => Cond::Ae,
        C::e => Cond::E,
        C::ne => Cond::Ne,
        C::be => Cond::Be,
        C::a => Cond::A,
        C::s => Cond::S,
        C::ns => Cond::Ns,
        C::p => Cond::P,
        C::np => Cond::Np,
        C::l => Cond::L,
        C::ge => Cond::Ge,
        C::le => Cond::Le,
        C::g => Cond::G,
    }
}

/// RCX, or ECX with a 67 prefix.
fn counter(cx: &mut Cx<'_>, short: bool) -> Value {
    let rcx = cx.gpr(Gpr::RCX);
    if short {
        cx.op(Op::Zext, Width::W32, &[rcx])
    } else {
        rcx
    }
}

/// JRCXZ, JECXZ
pub fn jrcxz(cx: &mut Cx<'_>) -> Lifted {
    let short = cx.insn.mnemonic() == Mnemonic::Jecxz;
    let c = counter(cx, short);
    let cond = cx.is_zero(Width::W64, c);
    branch(cx, cond);
    Ok(())
}

/// LOOP, LOOPE, LOOPNE
pub fn loop_(cx: &mut Cx<'_>) -> Lifted {
    let short = match cx.insn.code() {
        Code::Loop_rel8_64_RCX | Code::Loope_rel8_64_RCX | Code::Loopne_rel8_64_RCX => false,
        Code::Loop_rel8_64_ECX | Code::Loope_rel8_64_ECX | Code::Loopne_rel8_64_ECX => true,
        _ => return Err(Unsupported),
    };
    let w = if short { Width::W32 } else { Width::W64 };
    let rcx = cx.gpr(Gpr::RCX);
    let one = cx.konst(1);
    let left = cx.sub(w, rcx, one);
    let mut go = cx.is_nonzero(w, left);
    let zf = match cx.insn.mnemonic() {
        Mnemonic::Loope => Some(cx.cond(Cond::E)),
        Mnemonic::Loopne => Some(cx.cond(Cond::Ne)),
        _ => None,
    };
    if let Some(zf) = zf {
        go = cx.and(Width::W64, go, zf);
    }
    cx.set_gpr(Gpr::RCX, left);
    branch(cx, go);
    Ok(())
}

/// JMP
pub fn jmp(cx: &mut Cx<'_>) -> Lifted {
    match cx.insn.op_kind(0) {
        OpKind::NearBranch64 => {
            let t = cx.jump_target(GuestAddr(cx.insn.near_branch_target()));
            cx.end(Term::Jump(t));
        }
        OpKind::Register | OpKind::Memory if !is_far(cx) => {
            cx.poll_here();
            let addr = cx.read(0)?;
            let at = cx.ip();
            cx.end(Term::Indirect {
                addr,
                kind: IndirectKind::Jump { at },
            });
        }
        OpKind::Memory => return far_jump_or_call(cx),
        _ => return Err(Unsupported),
    }
    Ok(())
}

/// CALL
pub fn call(cx: &mut Cx<'_>) -> Lifted {
    if is_far(cx) {
        return far_jump_or_call(cx);
    }
    let ret = cx.next_ip();
    // Every cycle of direct calls has one that goes back.
    if cx.insn.op_kind(0) != OpKind::NearBranch64 || cx.insn.near_branch_target() <= cx.insn.ip() {
        cx.poll_here();
    }
    let dest = match cx.insn.op_kind(0) {
        OpKind::NearBranch64 => None,
        OpKind::Register | OpKind::Memory => Some(cx.read(0)?),
        _ => return Err(Unsupported),
    };
    if let Some(addr) = dest {
        cx.check_target(addr);
    }
    let link = cx.konst(ret.0);
    let rsp = push_value(cx, Width::W64, link);
    cx.set_gpr(Gpr::RSP, rsp);
    match dest {
        None => {
            let target = cx.target(GuestAddr(cx.insn.near_branch_target()));
            cx.end(Term::Call { target, ret });
        }
        Some(addr) => cx.end(Term::Indirect {
            addr,
            kind: IndirectKind::Call { ret },
        }),
    }
    Ok(())
}

fn is_far(cx: &Cx<'_>) -> bool {
    cx.insn.is_jmp_far_indirect() || cx.insn.is_call_far_indirect()
}

/// RET, with the bytes of arguments it removes.
pub fn ret(cx: &mut Cx<'_>) -> Lifted {
    if !matches!(cx.insn.code(), Code::Retnq | Code::Retnq_imm16) {
        return Err(Unsupported);
    }
    let extra = if cx.insn.op_count() == 0 {
        0
    } else {
        cx.insn.immediate16()
    };
    let pop = 8 + u32::from(extra);
    let rsp = cx.gpr(Gpr::RSP);
    let addr = cx.load_stack(Width::W64, rsp, 0);
    let rsp = cx.add_imm(Width::W64, rsp, pop.into());
    cx.set_gpr(Gpr::RSP, rsp);
    let at = cx.ip();
    cx.end(Term::Indirect {
        addr,
        kind: IndirectKind::Ret { at, pop },
    });
    Ok(())
}

/// SYSCALL: RCX is the next RIP, R11 is RFLAGS.
pub fn syscall(cx: &mut Cx<'_>) -> Lifted {
    let next = cx.next_ip();
    let f = rflags(cx);
    let rip = cx.konst(next.0);
    cx.set_gpr(Gpr::R11, f);
    cx.set_gpr(Gpr::RCX, rip);
    cx.end(Term::Syscall { next });
    Ok(())
}

/// INT n: #GP, but for the two gates that privilege level 3 may use. (Linux's third, INT 80H, is for i386's system
/// calls; it is not there where Linux is made without them.)
pub fn int(cx: &mut Cx<'_>) -> Lifted {
    let trap = match cx.insn.immediate8() {
        3 => Trap::Breakpoint,
        4 => Trap::Overflow,
        _ => return super::system::privileged(cx),
    };
    let rip = cx.next_ip();
    cx.end(Term::Trap { trap, rip });
    Ok(())
}

/// INT3 and INT1: traps, delivered with the next RIP.
pub fn breakpoint(cx: &mut Cx<'_>) -> Lifted {
    let trap = if cx.insn.mnemonic() == Mnemonic::Int3 {
        Trap::Breakpoint
    } else {
        Trap::Debug
    };
    let rip = cx.next_ip();
    cx.end(Term::Trap { trap, rip });
    Ok(())
}
