//! Data transfer and address computation (SDM vol. 1, 5.1.1 and 5.1.12).

use super::control::condition;
use super::cx::{Cx, Lifted, Place};
use super::segment::{load_segment, selector};
use crate::ir::{Helper, Op, RmwOp, Term, Value, Var};
use crate::x86::{Gpr, Rflags, Trap, Width};
use iced_x86::{OpKind, Register};

/// MOV, also from and to segment registers.
pub fn mov(cx: &mut Cx<'_>) -> Lifted {
    let reg = |n| {
        if cx.insn.op_kind(n) == OpKind::Register {
            cx.insn.op_register(n)
        } else {
            Register::None
        }
    };
    let (dst, src) = (reg(0), reg(1));
    if dst.is_segment_register() {
        let selector = cx.read(1)?;
        return load_segment(cx, dst, selector);
    }
    if src.is_segment_register() {
        let v = selector(cx, src);
        // To a register the selector is zero-extended to the operand size; to memory it is 16 bits.
        return if dst == Register::None {
            let (addr, disp) = cx.address()?;
            cx.store(Width::W16, addr, disp, v);
            Ok(())
        } else {
            cx.write(0, v)
        };
    }
    if [dst, src]
        .iter()
        .any(|r| r.is_cr() || r.is_dr() || r.is_tr())
    {
        return super::system::privileged(cx);
    }
    let v = cx.read(1)?;
    cx.write(0, v)
}

/// MOVZX
pub fn movzx(cx: &mut Cx<'_>) -> Lifted {
    let v = cx.read(1)?;
    cx.write(0, v)
}

/// MOVSX, MOVSXD
pub fn movsx(cx: &mut Cx<'_>) -> Lifted {
    let (to, from) = (cx.width(0)?, cx.width(1)?);
    let v = cx.read(1)?;
    let v = if to == from {
        v
    } else {
        cx.op(Op::Sext, from, &[v])
    };
    cx.write(0, v)
}

/// LEA
pub fn lea(cx: &mut Cx<'_>) -> Lifted {
    let a = cx.effective_address()?;
    // The low half of a sum comes from the low halves. (A scaled sum is one instruction at 64 bits.)
    if cx.insn.op0_register().is_gpr32()
        && cx.insn.memory_index_scale() == 1
        && let Some(last) = cx.out.insts.get_mut(a.index())
        && last.op == Op::Add
    {
        last.w = Width::W32;
    }
    cx.write(0, a)
}

/// XCHG; with memory always atomic.
pub fn xchg(cx: &mut Cx<'_>) -> Lifted {
    let (p, q) = (cx.place(0)?, cx.place(1)?);
    let (mem, reg) = if matches!(p, Place::Mem { .. }) {
        (p, q)
    } else {
        (q, p)
    };
    let r = cx.read_place(reg);
    match mem {
        Place::Mem { addr, disp, w } => {
            let old = rmw(cx, RmwOp::Xchg, w, addr, disp, r);
            cx.write_place(reg, old);
        }
        Place::Reg { .. } => {
            let m = cx.read_place(mem);
            cx.write_place(mem, r);
            cx.write_place(reg, m);
        }
    }
    Ok(())
}

/// Emits an atomic read-modify-write of `addr + disp`; gives the old value.
pub fn rmw(cx: &mut Cx<'_>, op: RmwOp, w: Width, addr: Value, disp: i64, v: Value) -> Value {
    let addr = if disp == 0 {
        addr
    } else {
        cx.add_imm(Width::W64, addr, disp)
    };
    cx.op_imm(Op::Rmw, w, &[addr, v], 0, op as u16)
}

/// XADD
pub fn xadd(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let (p, q) = (cx.place(0)?, cx.place(1)?);
    let b = cx.read_place(q);
    let a = match p {
        Place::Mem { addr, disp, .. } if cx.insn.has_lock_prefix() => {
            rmw(cx, RmwOp::Add, w, addr, disp, b)
        }
        _ => {
            let a = cx.read_to_update(p);
            let r = cx.add(w, a, b);
            if let Place::Mem { .. } = p {
                cx.write_place(p, r);
            }
            a
        }
    };
    // The source is written first: with both operands the same register the sum stays.
    cx.write_place(q, a);
    if let Place::Reg { .. } = p {
        let r = cx.add(w, a, b);
        cx.write_place(p, r);
    }
    let f = cx.op(Op::FlAdd, w, &[a, b]);
    cx.set_flags(f);
    Ok(())
}

/// CMPXCHG: memory is written in any case, a register only on success, RAX only on failure.
pub fn cmpxchg(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let new = cx.read(1)?;
    let rax = cx.gpr(Gpr::RAX);
    let expected = if w == Width::W64 {
        rax
    } else {
        cx.op(Op::Zext, w, &[rax])
    };
    let old = match p {
        Place::Mem { addr, disp, .. } if cx.insn.has_lock_prefix() => {
            let addr = if disp == 0 {
                addr
            } else {
                cx.add_imm(Width::W64, addr, disp)
            };
            cx.op(Op::Cas, w, &[addr, expected, new])
        }
        _ => cx.read_to_update(p),
    };
    let equal = cx.op(Op::Eq, w, &[expected, old]);
    let f = cx.op(Op::FlSub, w, &[expected, old]);
    // What RAX becomes. A 32-bit comparison that succeeds leaves RAX's upper half.
    let merged = match w {
        Width::W64 | Width::W32 => old,
        _ => cx.op_imm(Op::Deposit, w, &[rax, old], 0, 0),
    };
    let new_rax = cx.select(equal, rax, merged);
    match p {
        Place::Mem { .. } if cx.insn.has_lock_prefix() => {}
        Place::Mem { .. } => {
            let v = cx.select(equal, new, old);
            cx.write_place(p, v);
        }
        Place::Reg { reg, lsb, .. } => {
            // A register that does not match is not touched, not even zero-extended. RAX is set first:
            // it may be the destination, and then always matches.
            let current = cx.gpr(reg);
            let written = match w {
                Width::W64 => new,
                Width::W32 => cx.op(Op::Zext, w, &[new]),
                _ => cx.op_imm(Op::Deposit, w, &[current, new], lsb, 0),
            };
            cx.set_gpr(Gpr::RAX, new_rax);
            // The destination may be AH: on failure it holds what RAX just became.
            let kept = if reg == Gpr::RAX { new_rax } else { current };
            let v = cx.select(equal, written, kept);
            cx.set_gpr(reg, v);
            cx.set_flags(f);
            return Ok(());
        }
    }
    cx.set_gpr(Gpr::RAX, new_rax);
    cx.set_flags(f);
    Ok(())
}

/// CMPXCHG8B, atomic with or without LOCK.
pub fn cmpxchg8b(cx: &mut Cx<'_>) -> Lifted {
    let (addr, disp) = cx.address()?;
    let addr = if disp == 0 {
        addr
    } else {
        cx.add_imm(Width::W64, addr, disp)
    };
    let pair = |cx: &mut Cx<'_>, high: Gpr, low: Gpr| {
        let (h, l) = (cx.gpr(high), cx.gpr(low));
        let h = cx.shl_imm(Width::W64, h, 32);
        let l = cx.op(Op::Zext, Width::W32, &[l]);
        cx.or(Width::W64, h, l)
    };
    let expected = pair(cx, Gpr::RDX, Gpr::RAX);
    let new = pair(cx, Gpr::RCX, Gpr::RBX);
    let old = cx.op(Op::Cas, Width::W64, &[addr, expected, new]);
    let equal = cx.op(Op::Eq, Width::W64, &[old, expected]);
    let halves = [(Gpr::RAX, 0), (Gpr::RDX, 32)];
    for (reg, shift) in halves {
        let half = cx.shr_imm(Width::W64, old, shift);
        let half = cx.op(Op::Zext, Width::W32, &[half]);
        let keep = cx.gpr(reg);
        let v = cx.select(equal, keep, half);
        cx.set_gpr(reg, v);
    }
    set_zf(cx, equal);
    Ok(())
}

/// CMPXCHG16B
pub fn cmpxchg16b(cx: &mut Cx<'_>) -> Lifted {
    let (addr, disp) = cx.address()?;
    let addr = if disp == 0 {
        addr
    } else {
        cx.add_imm(Width::W64, addr, disp)
    };
    let lock = cx.konst(cx.insn.has_lock_prefix().into());
    let zf = cx.op_imm(
        Op::Call,
        Width::W64,
        &[addr, lock],
        0,
        Helper::Cmpxchg16b as u16,
    );
    set_zf(cx, zf);
    Ok(())
}

/// ZF = `zf`, 0 or 1; the others stay.
pub fn set_zf(cx: &mut Cx<'_>, zf: Value) {
    let bits = cx.shl_imm(Width::W64, zf, Rflags::ZF.trailing_zeros());
    let f = cx.raw_flags(bits);
    cx.set_some_flags(Rflags::ZF, f);
}

/// BSWAP. With a 16-bit operand the result is 0 (undefined in the manual; Intel and AMD CPUs clear).
pub fn bswap(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let v = cx.read(0)?;
    let r = if w == Width::W16 {
        cx.konst(0)
    } else {
        cx.op(Op::Bswap, w, &[v])
    };
    cx.write(0, r)
}

/// MOVBE
pub fn movbe(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let v = cx.read(1)?;
    let r = cx.op(Op::Bswap, w, &[v]);
    cx.write(0, r)
}

/// CMOVcc: the source is always read; a 32-bit destination is zero-extended in any case.
pub fn cmov(cx: &mut Cx<'_>) -> Lifted {
    let src = cx.read(1)?;
    let old = cx.read(0)?;
    let c = cx.cond(condition(cx));
    let v = cx.select(c, src, old);
    cx.write(0, v)
}

/// SETcc
pub fn setcc(cx: &mut Cx<'_>) -> Lifted {
    let v = cx.cond(condition(cx));
    cx.write(0, v)
}

/// XLATB
pub fn xlatb(cx: &mut Cx<'_>) -> Lifted {
    // iced shows the operand as [RBX + AL] with its segment.
    let (base, short) = match cx.insn.memory_base() {
        Register::EBX => (cx.gpr(Gpr::RBX), true),
        _ => (cx.gpr(Gpr::RBX), false),
    };
    let rax = cx.gpr(Gpr::RAX);
    let al = cx.op(Op::Zext, Width::W8, &[rax]);
    let mut addr = cx.add(Width::W64, base, al);
    if short {
        addr = cx.op(Op::Zext, Width::W32, &[addr]);
    }
    let addr = segment_offset(cx, addr);
    let v = cx.load(Width::W8, addr, 0);
    cx.write_place(
        Place::Reg {
            reg: Gpr::RAX,
            lsb: 0,
            w: Width::W8,
        },
        v,
    );
    Ok(())
}

/// Adds the base of an FS or GS override.
pub fn segment_offset(cx: &mut Cx<'_>, addr: Value) -> Value {
    let var = match cx.insn.memory_segment() {
        Register::FS => Var::FsBase,
        Register::GS => Var::GsBase,
        _ => return addr,
    };
    let s = cx.get(var);
    cx.add(Width::W64, addr, s)
}

/// CBW, CWDE, CDQE
pub fn cbw(cx: &mut Cx<'_>) -> Lifted {
    let (from, to) = match cx.insn.mnemonic() {
        iced_x86::Mnemonic::Cbw => (Width::W8, Width::W16),
        iced_x86::Mnemonic::Cwde => (Width::W16, Width::W32),
        _ => (Width::W32, Width::W64),
    };
    let a = cx.gpr(Gpr::RAX);
    let v = cx.op(Op::Sext, from, &[a]);
    cx.write_place(
        Place::Reg {
            reg: Gpr::RAX,
            lsb: 0,
            w: to,
        },
        v,
    );
    Ok(())
}

/// CWD, CDQ, CQO
pub fn cwd(cx: &mut Cx<'_>) -> Lifted {
    let w = match cx.insn.mnemonic() {
        iced_x86::Mnemonic::Cwd => Width::W16,
        iced_x86::Mnemonic::Cdq => Width::W32,
        _ => Width::W64,
    };
    let a = cx.gpr(Gpr::RAX);
    let v = cx.sar_imm(w, a, w.bits() - 1);
    cx.write_place(
        Place::Reg {
            reg: Gpr::RDX,
            lsb: 0,
            w,
        },
        v,
    );
    Ok(())
}

/// NOP and everything that is one: hints, CET markers on a CPU without CET.
pub fn nop(_cx: &mut Cx<'_>) -> Lifted {
    Ok(())
}

/// UD0, UD1, UD2
pub fn ud(cx: &mut Cx<'_>) -> Lifted {
    let rip = cx.ip();
    cx.end(Term::Trap {
        trap: Trap::InvalidOpcode,
        rip,
    });
    Ok(())
}
