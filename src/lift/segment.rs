//! Segment registers, queries about descriptors, far transfers, and reads of what the system keeps
//! (SDM vol. 1, 5.1.7, 5.1.14 and 5.20).
//!
//! A far transfer to anything but 64-bit code of privilege level 3 is #GP: there is no 32-bit code.

use super::cx::{Cx, Lifted, Place, Unsupported};
use super::data::set_zf;
use super::stack::{check_step, write_rflags};
use crate::ir::{Helper, IndirectKind, Op, Term, Value, Var};
use crate::x86::segment::{self, Query};
use crate::x86::{Gpr, Rflags, Trap, Width};
use iced_x86::{Code, MemorySize, Mnemonic, OpKind, Register};

/// Where the selectors of DS, ES, FS and GS begin in `Var::Selectors`.
fn field(r: Register) -> u32 {
    match r {
        Register::DS => 0,
        Register::ES => 16,
        Register::FS => 32,
        _ => 48,
    }
}

/// What a segment register holds.
pub fn selector(cx: &mut Cx<'_>, r: Register) -> Value {
    match r {
        Register::CS => cx.konst(segment::CS),
        Register::SS => cx.konst(segment::SS),
        _ => {
            let all = cx.get(Var::Selectors);
            let v = cx.shr_imm(Width::W64, all, field(r));
            cx.op(Op::Zext, Width::W16, &[v])
        }
    }
}

/// Loads a selector, #GP if it is none of those that can be. All segments begin at 0, so FS and GS do then; so
/// they do after a null selector, on Intel CPUs and current AMD ones.
pub fn load_segment(cx: &mut Cx<'_>, r: Register, selector: Value) -> Lifted {
    if r == Register::CS {
        return Err(Unsupported);
    }
    let selector = cx.op(Op::Zext, Width::W16, &[selector]);
    if r == Register::SS {
        return expect(cx, selector, segment::SS);
    }
    let number = cx.shr_imm(Width::W64, selector, 2);
    let limit = cx.konst(64);
    let near = cx.op(Op::LtU, Width::W64, &[number, limit]);
    let set = cx.konst(segment::loadable());
    let is = cx.op(Op::Shr, Width::W64, &[set, number]);
    let good = cx.and(Width::W64, is, near);
    let zero = cx.konst(0);
    let bad = cx.op(Op::Eq, Width::W64, &[good, zero]);
    cx.trap_if(bad, Trap::GeneralProtection);
    let all = cx.get(Var::Selectors);
    let all = cx.op_imm(
        Op::Deposit,
        Width::W16,
        &[all, selector],
        field(r).into(),
        0,
    );
    cx.set(Var::Selectors, all);
    match r {
        Register::FS => cx.set(Var::FsBase, zero),
        Register::GS => cx.set(Var::GsBase, zero),
        _ => {}
    }
    Ok(())
}

/// #GP unless `v` is `wanted`.
fn expect(cx: &mut Cx<'_>, v: Value, wanted: u64) -> Lifted {
    let wanted = cx.konst(wanted);
    let other = cx.op(Op::Ne, Width::W64, &[v, wanted]);
    cx.trap_if(other, Trap::GeneralProtection);
    Ok(())
}

/// LFS, LGS, LSS
pub fn load_far_pointer(cx: &mut Cx<'_>) -> Lifted {
    let r = match cx.insn.mnemonic() {
        Mnemonic::Lfs => Register::FS,
        Mnemonic::Lgs => Register::GS,
        _ => Register::SS,
    };
    let (offset, selector, _) = far_pointer(cx)?;
    load_segment(cx, r, selector)?;
    cx.write(0, offset)
}

/// The far pointer in memory: offset, selector, width of the offset.
fn far_pointer(cx: &mut Cx<'_>) -> Result<(Value, Value, Width), Unsupported> {
    let w = match cx.insn.memory_size() {
        MemorySize::SegPtr16 => Width::W16,
        MemorySize::SegPtr32 => Width::W32,
        MemorySize::SegPtr64 => Width::W64,
        _ => return Err(Unsupported),
    };
    let (addr, disp) = cx.address()?;
    let offset = cx.load(w, addr, disp);
    let selector = cx.load(Width::W16, addr, disp + w.bytes().cast_signed());
    Ok((offset, selector, w))
}

/// JMP and CALL through a far pointer.
pub fn far_jump_or_call(cx: &mut Cx<'_>) -> Lifted {
    cx.poll_here();
    let (target, selector, w) = far_pointer(cx)?;
    // The requested level may be any.
    let selector = cx.and_imm(Width::W64, selector, !3);
    expect(cx, selector, segment::CS & !3)?;
    cx.check_target(target);
    if cx.insn.mnemonic() == Mnemonic::Call {
        let rsp = cx.gpr(Gpr::RSP);
        let size = w.bytes().cast_signed();
        let (cs, next) = (cx.konst(segment::CS), cx.next_ip());
        let next = cx.konst(next.0);
        cx.store_stack(w, rsp, -size, cs);
        cx.store_stack(w, rsp, -2 * size, next);
        let rsp = cx.add_imm(Width::W64, rsp, -2 * size);
        cx.set_gpr(Gpr::RSP, rsp);
    }
    go(cx, target)
}

/// Ends with a jump to `addr`.
fn go(cx: &mut Cx<'_>, addr: Value) -> Lifted {
    let at = cx.ip();
    let kind = IndirectKind::Jump { at };
    cx.end(Term::Indirect { addr, kind });
    Ok(())
}

/// RETF, with the bytes of arguments it removes.
pub fn retf(cx: &mut Cx<'_>) -> Lifted {
    let w = match cx.insn.code() {
        Code::Retfw | Code::Retfw_imm16 => Width::W16,
        Code::Retfd | Code::Retfd_imm16 => Width::W32,
        Code::Retfq | Code::Retfq_imm16 => Width::W64,
        _ => return Err(Unsupported),
    };
    let extra = if cx.insn.op_count() == 0 {
        0
    } else {
        cx.insn.immediate16()
    };
    cx.poll_here();
    let rsp = cx.gpr(Gpr::RSP);
    let size = w.bytes().cast_signed();
    let target = cx.load_stack(w, rsp, 0);
    let cs = cx.load_stack(w, rsp, size);
    let cs = cx.op(Op::Zext, Width::W16, &[cs]);
    expect(cx, cs, segment::CS)?;
    cx.check_target(target);
    let rsp = cx.add_imm(Width::W64, rsp, 2 * size + i64::from(extra));
    cx.set_gpr(Gpr::RSP, rsp);
    go(cx, target)
}

/// IRET, IRETD, IRETQ: #GP if NT is set.
pub fn iret(cx: &mut Cx<'_>) -> Lifted {
    let w = match cx.insn.code() {
        Code::Iretw => Width::W16,
        Code::Iretd => Width::W32,
        Code::Iretq => Width::W64,
        _ => return Err(Unsupported),
    };
    cx.poll_here();
    let other = cx.get(Var::RflagsOther);
    let nested = cx.and_imm(Width::W64, other, Rflags::NT);
    cx.trap_if(nested, Trap::GeneralProtection);
    let rsp = cx.gpr(Gpr::RSP);
    let size = w.bytes().cast_signed();
    let [target, cs, flags, stack, ss] = [0, 1, 2, 3, 4].map(|n| cx.load_stack(w, rsp, n * size));
    for (v, wanted) in [(cs, segment::CS), (ss, segment::SS)] {
        let v = cx.op(Op::Zext, Width::W16, &[v]);
        expect(cx, v, wanted)?;
    }
    cx.check_target(target);
    check_step(cx, flags);
    cx.set_gpr(Gpr::RSP, stack);
    write_rflags(cx, w, flags);
    go(cx, target)
}

/// The answer to `what` about the selector in operand `n`, and whether there is one.
fn ask(cx: &mut Cx<'_>, n: u32, what: Query) -> Result<(Value, Value), Unsupported> {
    let selector = cx.read(n)?;
    let what = cx.konst(what as u64);
    let helper = Helper::Segment as u16;
    let answer = cx.op_imm(Op::Call, Width::W64, &[selector, what], 0, helper);
    let found = cx.shr_imm(Width::W64, answer, 32);
    Ok((answer, found))
}

/// LAR, LSL: a register that gets nothing is not touched.
pub fn load_rights_or_limit(cx: &mut Cx<'_>) -> Lifted {
    let what = match cx.insn.mnemonic() {
        Mnemonic::Lar => Query::Lar,
        _ => Query::Lsl,
    };
    let (answer, found) = ask(cx, 1, what)?;
    let Place::Reg { reg, w, .. } = cx.place(0)? else {
        return Err(Unsupported);
    };
    let old = cx.gpr(reg);
    let new = if w == Width::W16 {
        cx.op_imm(Op::Deposit, w, &[old, answer], 0, 0)
    } else {
        cx.op(Op::Zext, Width::W32, &[answer])
    };
    let v = cx.select(found, new, old);
    cx.set_gpr(reg, v);
    set_zf(cx, found);
    Ok(())
}

/// VERR, VERW
pub fn verify(cx: &mut Cx<'_>) -> Lifted {
    let what = match cx.insn.mnemonic() {
        Mnemonic::Verr => Query::Verr,
        _ => Query::Verw,
    };
    let (_, found) = ask(cx, 0, what)?;
    set_zf(cx, found);
    Ok(())
}

/// SLDT, STR, SMSW: 16 bits to memory. Linux, which does this on CPUs with UMIP, leaves what is above 32 bits
/// in a register, too.
pub fn store_system_word(cx: &mut Cx<'_>) -> Lifted {
    let v = match cx.insn.mnemonic() {
        Mnemonic::Sldt => segment::LDTR,
        Mnemonic::Str => segment::TR,
        _ => segment::CR0,
    };
    let v = cx.konst(v);
    match cx.place(0)? {
        Place::Mem { addr, disp, .. } => cx.store(Width::W16, addr, disp, v),
        Place::Reg { reg, w, .. } => {
            let old = cx.gpr(reg);
            let v = if w == Width::W64 {
                v
            } else {
                cx.op_imm(Op::Deposit, w, &[old, v], 0, 0)
            };
            cx.set_gpr(reg, v);
        }
    }
    Ok(())
}

/// SGDT, SIDT: limit, then base.
pub fn store_table(cx: &mut Cx<'_>) -> Lifted {
    if cx.insn.op_kind(0) != OpKind::Memory {
        return Err(Unsupported);
    }
    let base = match cx.insn.mnemonic() {
        Mnemonic::Sgdt => segment::GDT_BASE,
        _ => segment::IDT_BASE,
    };
    let (addr, disp) = cx.address()?;
    // Nothing is stored if the base cannot be.
    cx.op_imm(
        Op::ProbeWrite,
        Width::W64,
        &[addr],
        (disp + 2).cast_unsigned(),
        0,
    );
    let (limit, base) = (cx.konst(0), cx.konst(base));
    cx.store(Width::W16, addr, disp, limit);
    cx.store(Width::W64, addr, disp + 2, base);
    Ok(())
}
