//! Executes `lift::quick::Quick` instructions: common code that runs only a few times.
//!
//! Invariant: an instruction that faults has changed nothing.

use super::{Outcome, access_fault, atomic, load, packed, store};
use crate::helper;
use crate::ir::{Helper, Op, RmwOp, eval};
use crate::lift::quick::{
    Address, Alu, Bits, Kind, Locked, NO_REG, Quick, Scan, Segment, Shift, System,
};
use crate::sys::guest;
use crate::x86::{
    Cond, CpuState, Fault, FlagOp, FlagRecord, Gpr, GuestAddr, MemFault, Rflags, Width,
};
use std::sync::atomic::Ordering;

/// What comes after an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// The next one; RIP is not set.
    Next,
    /// What RIP says.
    Gone,
    /// Its outcome, which is not `Continue`; RIP is set.
    Stopped,
    /// Its outcome, which is a fault; RIP is not set.
    Faulted,
    /// What its IR says: it is not done.
    Lifted,
}

/// The value, or goes no further with the fault: `Result` is not what `step` returns, as that would be
/// written to memory after each instruction.
macro_rules! value {
    ($result:expr, $stopped:ident) => {
        match $result {
            Ok(v) => v,
            Err(fault) => {
                *$stopped = Outcome::Fault(fault);
                return Then::Faulted;
            }
        }
    };
}

/// Executes `q`, whose last byte is just before `next`. Sets `stopped` if there is an outcome to tell.
#[inline(always)] // In the loop over a unit.
pub fn step(cpu: &mut CpuState, q: &Quick, next: u64, stopped: &mut Outcome) -> Then {
    let w = q.w;
    match q.kind {
        Kind::MovReg { d, s } => put(cpu, d, w, reg(cpu, s)),
        Kind::MovImm { d, imm } => put(cpu, d, w, imm),
        Kind::Load { d, m } => {
            let v = value!(read(cpu, w, m, next), stopped);
            put(cpu, d, w, v);
        }
        Kind::LoadZero { d, m } => {
            let v = value!(read(cpu, w, m, next), stopped);
            cpu.gpr[d.index()] = v;
        }
        Kind::LoadSign { d, m, to } => {
            let v = w
                .sext(value!(read(cpu, w, m, next), stopped))
                .cast_unsigned();
            put(cpu, d, to, v);
        }
        Kind::Store { s, m } => value!(write(cpu, w, m, next, reg(cpu, s)), stopped),
        Kind::StoreImm { imm, m } => value!(
            write(cpu, w, m, next, i64::from(imm).cast_unsigned()),
            stopped
        ),
        Kind::Zero { d, s } => cpu.gpr[d.index()] = w.zext(reg(cpu, s)),
        Kind::Sign { d, s, to } => put(cpu, d, to, w.sext(reg(cpu, s)).cast_unsigned()),
        Kind::Lea { d, m } => put(cpu, d, w, address(cpu, m, next)),
        Kind::AluReg { op, d, s } => alu(cpu, op, w, d, reg(cpu, s)),
        Kind::AluImm { op, d, imm } => alu(cpu, op, w, d, imm.cast_unsigned()),
        Kind::AluLoad { op, d, m } => {
            let b = value!(read(cpu, w, m, next), stopped);
            alu(cpu, op, w, d, b);
        }
        Kind::AluStore { op, s, m } => value!(alu_store(cpu, op, w, m, next, reg(cpu, s)), stopped),
        Kind::AluStoreImm { op, imm, m } => {
            value!(
                alu_store(cpu, op, w, m, next, i64::from(imm).cast_unsigned()),
                stopped
            );
        }
        Kind::Inc { d, down } => {
            let a = reg(cpu, d);
            let carry = u64::from(cpu.holds(Cond::B));
            let (op, r) = if down {
                (FlagOp::SubKeepCarry, a.wrapping_sub(1))
            } else {
                (FlagOp::AddKeepCarry, a.wrapping_add(1))
            };
            flags(cpu, op, w, a, 1);
            cpu.flag_c = carry;
            put(cpu, d, w, r);
        }
        Kind::Not { d } => put(cpu, d, w, !reg(cpu, d)),
        Kind::Neg { d } => {
            let a = reg(cpu, d);
            flags(cpu, FlagOp::Sub, w, 0, a);
            put(cpu, d, w, a.wrapping_neg());
        }
        Kind::Shift { op, d, n } => {
            let (r, others) = shift(op, w, w.zext(reg(cpu, d)), n.into());
            flags(cpu, FlagOp::Result, w, r, others);
            put(cpu, d, w, r);
        }
        Kind::ShiftCl { op, d } => {
            let n = reg(cpu, Gpr::RCX) & u64::from(w.bits() - 1);
            let (mut r, a) = (reg(cpu, d), reg(cpu, d));
            if n != 0 {
                #[allow(clippy::cast_possible_truncation)] // Less than 64.
                let (shifted, others) = shift(op, w, w.zext(a), n as u32);
                flags(cpu, FlagOp::Result, w, shifted, others);
                r = shifted;
            }
            put(cpu, d, w, r);
        }
        Kind::Mul { d, s } => multiply(cpu, w, d, reg(cpu, d), reg(cpu, s)),
        Kind::MulImm { d, s, imm } => {
            multiply(cpu, w, d, reg(cpu, s), i64::from(imm).cast_unsigned());
        }
        Kind::Leave => {
            let rbp = reg(cpu, Gpr::RBP);
            let v = value!(
                load(Width::W64, GuestAddr(rbp)).map_err(|f| failed(f, true)),
                stopped
            );
            cpu.gpr[Gpr::RSP.index()] = rbp.wrapping_add(8);
            cpu.gpr[Gpr::RBP.index()] = v;
        }
        Kind::SignOfRax => {
            let v = (w.sext(reg(cpu, Gpr::RAX)) >> 63).cast_unsigned();
            put(cpu, Gpr::RDX, w, v);
        }
        Kind::Push { s } => value!(push(cpu, reg(cpu, s)), stopped),
        Kind::PushImm { imm } => value!(push(cpu, imm.cast_unsigned()), stopped),
        Kind::Pop { d } => {
            let v = value!(pop(cpu), stopped);
            let rsp = &mut cpu.gpr[Gpr::RSP.index()];
            *rsp = rsp.wrapping_add(8);
            cpu.gpr[d.index()] = v;
        }
        Kind::Set { d, c } => {
            let v = u64::from(cpu.holds(c));
            put(cpu, d, Width::W8, v);
        }
        Kind::Cmov { d, s, c } => {
            let from = if cpu.holds(c) { s } else { d };
            put(cpu, d, w, reg(cpu, from));
        }
        Kind::CmovLoad { d, m, c } => {
            let v = value!(read(cpu, w, m, next), stopped);
            let v = if cpu.holds(c) { v } else { reg(cpu, d) };
            put(cpu, d, w, v);
        }
        Kind::Nop => {}
        Kind::Jcc { c, to } => {
            let to = if cpu.holds(c) { to.0 } else { next };
            return go(cpu, to);
        }
        Kind::Jmp { to } => return go(cpu, to.0),
        Kind::Call { to } => {
            value!(push(cpu, next), stopped);
            return go(cpu, to.0);
        }
        Kind::Ret { extra } => {
            let to = value!(pop(cpu).and_then(canonical), stopped);
            let rsp = &mut cpu.gpr[Gpr::RSP.index()];
            *rsp = rsp.wrapping_add(8 + u64::from(extra));
            return go(cpu, to);
        }
        Kind::JmpReg { s } => {
            let to = value!(canonical(reg(cpu, s)), stopped);
            return go(cpu, to);
        }
        Kind::JmpLoad { m } => {
            let to = value!(read(cpu, Width::W64, m, next).and_then(canonical), stopped);
            return go(cpu, to);
        }
        Kind::CallReg { s } => {
            let to = value!(canonical(reg(cpu, s)), stopped);
            value!(push(cpu, next), stopped);
            return go(cpu, to);
        }
        Kind::CallLoad { m } => {
            let to = value!(read(cpu, Width::W64, m, next).and_then(canonical), stopped);
            value!(push(cpu, next), stopped);
            return go(cpu, to);
        }
        Kind::MovVector { .. }
        | Kind::LoadVector { .. }
        | Kind::StoreVector { .. }
        | Kind::ZeroVector { .. }
        | Kind::Packed { .. }
        | Kind::PackedLoad { .. }
        | Kind::LoadLow { .. }
        | Kind::LoadHalf { .. }
        | Kind::StoreHalf { .. }
        | Kind::FromGpr { .. }
        | Kind::ToGpr { .. }
        | Kind::MoveMask { .. }
        | Kind::ZeroUpper => value!(packed::step(cpu, q, next), stopped),
        Kind::Rotate { .. }
        | Kind::Xchg { .. }
        | Kind::MulRax { .. }
        | Kind::DivRax { .. }
        | Kind::DivLoad { .. }
        | Kind::IdivRax { .. }
        | Kind::ScanLoad { .. }
        | Kind::Bswap { .. }
        | Kind::Carry { .. }
        | Kind::Scan { .. }
        | Kind::Bits { .. }
        | Kind::BitTest { .. }
        | Kind::BitTestImm { .. }
        | Kind::AluHigh { .. }
        | Kind::SetStore { .. }
        | Kind::PushLoad { .. }
        | Kind::XchgLoad { .. }
        | Kind::Locked { .. }
        | Kind::LockedImm { .. }
        | Kind::Repeat { .. }
        | Kind::System(_) => return rarely(cpu, q, next, stopped),
        Kind::Lifted { .. } => return Then::Lifted,
    }
    Then::Next
}

/// `rare`, as `step` does it.
fn rarely(cpu: &mut CpuState, q: &Quick, next: u64, stopped: &mut Outcome) -> Then {
    match value!(rare(cpu, q, next), stopped) {
        None => Then::Next,
        Some(outcome) => {
            *stopped = outcome;
            Then::Stopped
        }
    }
}

/// `step` for what is not frequent.
#[inline(never)]
fn rare(cpu: &mut CpuState, q: &Quick, next: u64) -> Result<Option<Outcome>, Fault> {
    let w = q.w;
    match q.kind {
        Kind::Rotate { left, d, n } => {
            let op = if left { Op::Rotl } else { Op::Rotr };
            let r = eval::int(op, w, 0, w.zext(reg(cpu, d)), n.into(), 0).unwrap_or(0);
            let top = r & w.sign_bit() != 0;
            let (cf, other) = if left {
                (r & 1 != 0, top)
            } else {
                (top, r & w.sign_bit() >> 1 != 0)
            };
            let bits = (u64::from(cf) * Rflags::CF) | (u64::from(cf != other) * Rflags::OF);
            merge_flags(cpu, Rflags::CF | Rflags::OF, bits);
            put(cpu, d, w, r);
        }
        Kind::Xchg { d, s } => {
            let (a, b) = (reg(cpu, d), reg(cpu, s));
            put(cpu, d, w, b);
            put(cpu, s, w, a);
        }
        Kind::MulRax { s } => {
            let (a, b) = (w.zext(reg(cpu, Gpr::RAX)), w.zext(reg(cpu, s)));
            let product = u128::from(a) * u128::from(b);
            #[allow(clippy::cast_possible_truncation)] // The halves.
            let (low, high) = (product as u64, (product >> w.bits()) as u64);
            put(cpu, Gpr::RAX, w, low);
            put(cpu, Gpr::RDX, w, high);
            let others = if w.zext(high) == 0 {
                0
            } else {
                Rflags::CF | Rflags::OF
            };
            flags(cpu, FlagOp::Result, w, low, others);
        }
        Kind::DivRax { s } => divide(cpu, w, reg(cpu, s))?,
        Kind::DivLoad { m } => {
            let by = read(cpu, w, m, next)?;
            divide(cpu, w, by)?;
        }
        Kind::IdivRax { s } => divide_signed(cpu, w, reg(cpu, s))?,
        Kind::Bswap { d } => {
            let r = reg(cpu, d).swap_bytes() >> (64 - w.bits());
            put(cpu, d, w, r);
        }
        Kind::Carry { adds, d, s } => {
            let (a, b) = (reg(cpu, d), reg(cpu, s));
            let c = u64::from(cpu.holds(Cond::B));
            let (op, r) = if adds {
                (FlagOp::Adc, a.wrapping_add(b).wrapping_add(c))
            } else {
                (FlagOp::Sbb, a.wrapping_sub(b).wrapping_sub(c))
            };
            flags(cpu, op, w, a, b);
            cpu.flag_c = c;
            put(cpu, d, w, r);
        }
        Kind::Scan { op, d, s } => scan(cpu, op, w, d, reg(cpu, s)),
        Kind::ScanLoad { op, d, m } => {
            let v = read(cpu, w, m, next)?;
            scan(cpu, op, w, d, v);
        }
        Kind::Bits { op, d, a, b } => bits(cpu, op, w, d, reg(cpu, a), reg(cpu, b)),
        Kind::BitTest { d, s } => bit_test(cpu, w, d, reg(cpu, s)),
        Kind::BitTestImm { d, n } => bit_test(cpu, w, d, n.into()),
        Kind::AluHigh { op, d, imm } => {
            let a = reg(cpu, d);
            let imm = i64::from(imm).cast_unsigned();
            let (r, f, x, y) = compute(op, a >> 8, imm);
            flags(cpu, f, w, x, y);
            if let Some(r) = r {
                cpu.gpr[d.index()] = a & !0xff00 | (r & 0xff) << 8;
            }
        }
        Kind::SetStore { m, c } => {
            let v = u64::from(cpu.holds(c));
            write(cpu, Width::W8, m, next, v)?;
        }
        Kind::PushLoad { m } => {
            let v = read(cpu, Width::W64, m, next)?;
            push(cpu, v)?;
        }
        Kind::XchgLoad { s, m } => {
            let at = GuestAddr(address(cpu, m, next));
            let old = atomic::rmw(RmwOp::Xchg, w, at, reg(cpu, s));
            let old = old.map_err(|f| failed(f, m.stack()))?;
            put(cpu, s, w, old);
        }
        Kind::Locked { op, s, m } => locked(cpu, op, w, m, next, reg(cpu, s), Some(s))?,
        Kind::LockedImm { op, imm, m } => {
            locked(cpu, op, w, m, next, i64::from(imm).cast_unsigned(), None)?;
        }
        Kind::Repeat { moves } => return repeat(cpu, w, moves, next.wrapping_sub(q.len.into())),
        Kind::System(system) => {
            let helper = match system {
                System::Cpuid => Helper::Cpuid,
                System::Rdtsc => Helper::Rdtsc,
                System::Xgetbv => Helper::Xgetbv,
                System::Syscall => {
                    cpu.gpr[Gpr::R11.index()] = cpu.rflags();
                    cpu.gpr[Gpr::RCX.index()] = next;
                    cpu.rip = next;
                    return Ok(Some(Outcome::Syscall));
                }
            };
            let n = Width::W32.zext(reg(cpu, Gpr::RCX));
            let v = helper::call(helper, cpu, [n, 0, 0], false)?;
            if system != System::Cpuid {
                put(cpu, Gpr::RAX, Width::W32, v);
                put(cpu, Gpr::RDX, Width::W64, v >> 32);
            }
        }
        _ => {}
    }
    Ok(None)
}

/// The status flags of `mask` become those of `bits`.
fn merge_flags(cpu: &mut CpuState, mask: u64, bits: u64) {
    let old = cpu.flag_record().status();
    cpu.set_flag_record(FlagRecord::raw(old & !mask | bits & mask));
}

/// DIV: RDX:RAX by `by`.
fn divide(cpu: &mut CpuState, w: Width, by: u64) -> Result<(), Fault> {
    let by = u128::from(w.zext(by));
    let high = u128::from(w.zext(reg(cpu, Gpr::RDX))) << w.bits();
    let a = high | u128::from(w.zext(reg(cpu, Gpr::RAX)));
    let quotient = a.checked_div(by).filter(|q| *q <= w.mask().into());
    let Some(quotient) = quotient else {
        return Err(Fault::DivideError);
    };
    #[allow(clippy::cast_possible_truncation)] // They fit.
    let (q, r) = (quotient as u64, (a % by) as u64);
    put(cpu, Gpr::RAX, w, q);
    put(cpu, Gpr::RDX, w, r);
    Ok(())
}

/// The same of signed numbers.
fn divide_signed(cpu: &mut CpuState, w: Width, by: u64) -> Result<(), Fault> {
    let by = i128::from(w.sext(by));
    let high = i128::from(w.sext(reg(cpu, Gpr::RDX))) << w.bits();
    let a = high | i128::from(w.zext(reg(cpu, Gpr::RAX)));
    let bound = 1i128 << (w.bits() - 1);
    let quotient = a.checked_div(by).filter(|q| (-bound..bound).contains(q));
    let Some(quotient) = quotient else {
        return Err(Fault::DivideError);
    };
    #[allow(clippy::cast_possible_truncation)] // They fit.
    let (q, r) = (quotient as i64, (a % by) as i64);
    put(cpu, Gpr::RAX, w, q.cast_unsigned());
    put(cpu, Gpr::RDX, w, r.cast_unsigned());
    Ok(())
}

fn scan(cpu: &mut CpuState, op: Scan, w: Width, d: Gpr, v: u64) {
    let v = w.zext(v);
    let (low, high) = (v.trailing_zeros(), v.leading_zeros() + w.bits() - 64);
    let n = u64::from(match op {
        Scan::Bsf => low,
        Scan::Bsr => (w.bits() - 1).wrapping_sub(high),
        Scan::Tzcnt => low.min(w.bits()),
        Scan::Lzcnt => high,
    });
    match op {
        Scan::Bsf | Scan::Bsr => {
            // Without a bit the register stays, all of it.
            if v != 0 {
                put(cpu, d, w, n);
            }
            flags(cpu, FlagOp::Logic, w, v, 0);
        }
        Scan::Tzcnt | Scan::Lzcnt => {
            put(cpu, d, w, n);
            flags(cpu, FlagOp::Result, w, n, u64::from(v == 0));
        }
    }
}

fn bit_test(cpu: &mut CpuState, w: Width, d: Gpr, n: u64) {
    let bit = reg(cpu, d) >> (n & u64::from(w.bits() - 1)) & 1;
    merge_flags(cpu, Rflags::CF, bit);
}

/// An instruction of BMI1 or BMI2; flags as `lift::bmi` has them.
fn bits(cpu: &mut CpuState, op: Bits, w: Width, d: Gpr, a: u64, b: u64) {
    let (a, b) = (w.zext(a), w.zext(b));
    let n = b & u64::from(w.bits() - 1);
    let (r, carry) = match op {
        Bits::Andn => {
            let r = w.zext(!a & b);
            flags(cpu, FlagOp::Logic, w, r, 0);
            return put(cpu, d, w, r);
        }
        Bits::Shlx => return put(cpu, d, w, a << n),
        Bits::Shrx => return put(cpu, d, w, a >> n),
        Bits::Sarx => return put(cpu, d, w, (w.sext(a) >> n).cast_unsigned()),
        Bits::Blsr => (b & b.wrapping_sub(1), b == 0),
        Bits::Blsmsk => (b ^ b.wrapping_sub(1), b == 0),
        Bits::Blsi => (b & b.wrapping_neg(), b != 0),
        Bits::Bzhi => {
            let n = b & 0xff;
            let beyond = n >= u64::from(w.bits());
            (if beyond { a } else { a & ((1 << n) - 1) }, beyond)
        }
    };
    let r = w.zext(r);
    flags(cpu, FlagOp::Result, w, r, carry.into());
    put(cpu, d, w, r);
}

/// A LOCK-prefixed instruction; `s` is the register operand, where there is one, which holds `b`.
fn locked(
    cpu: &mut CpuState,
    op: Locked,
    w: Width,
    m: Address,
    next: u64,
    b: u64,
    s: Option<Gpr>,
) -> Result<(), Fault> {
    let at = GuestAddr(address(cpu, m, next));
    let failed = |f| failed(f, m.stack());
    let rmw = |op| atomic::rmw(op, w, at, b).map_err(failed);
    let (f, x, y) = match op {
        Locked::Add => (FlagOp::Add, rmw(RmwOp::Add)?, b),
        Locked::Sub => (FlagOp::Sub, rmw(RmwOp::Sub)?, b),
        Locked::And => (FlagOp::Logic, rmw(RmwOp::And)? & b, 0),
        Locked::Or => (FlagOp::Logic, rmw(RmwOp::Or)? | b, 0),
        Locked::Xor => (FlagOp::Logic, rmw(RmwOp::Xor)? ^ b, 0),
        Locked::Xadd => {
            let old = rmw(RmwOp::Add)?;
            if let Some(s) = s {
                put(cpu, s, w, old);
            }
            (FlagOp::Add, old, b)
        }
        Locked::Cmpxchg => {
            let expected = w.zext(reg(cpu, Gpr::RAX));
            let old = atomic::cas(w, at, expected, b).map_err(failed)?;
            if old != expected {
                put(cpu, Gpr::RAX, w, old);
            }
            (FlagOp::Sub, expected, old)
        }
    };
    flags(cpu, f, w, x, y);
    Ok(())
}

/// REP STOS and REP MOVS: stops between elements for whoever asks for it, to be done again from there.
fn repeat(cpu: &mut CpuState, w: Width, moves: bool, at: u64) -> Result<Option<Outcome>, Fault> {
    let (rcx, rsi, rdi) = (Gpr::RCX.index(), Gpr::RSI.index(), Gpr::RDI.index());
    let step = if cpu.df == 0 {
        w.bytes()
    } else {
        w.bytes().wrapping_neg()
    };
    while cpu.gpr[rcx] != 0 {
        if cpu.poll.load(Ordering::Relaxed) != 0 {
            cpu.rip = at;
            return Ok(Some(Outcome::Interrupted));
        }
        let many = if cpu.df == 0 { bulk(cpu, w, moves) } else { 0 };
        if many > 0 {
            let bytes = many * w.bytes();
            cpu.gpr[rsi] = cpu.gpr[rsi].wrapping_add(if moves { bytes } else { 0 });
            cpu.gpr[rdi] = cpu.gpr[rdi].wrapping_add(bytes);
            cpu.gpr[rcx] -= many;
            continue;
        }
        let failed = |f| failed(f, false);
        let v = if moves {
            load(w, GuestAddr(cpu.gpr[rsi])).map_err(failed)?
        } else {
            reg(cpu, Gpr::RAX)
        };
        store(w, GuestAddr(cpu.gpr[rdi]), v).map_err(failed)?;
        if moves {
            cpu.gpr[rsi] = cpu.gpr[rsi].wrapping_add(step);
        }
        cpu.gpr[rdi] = cpu.gpr[rdi].wrapping_add(step);
        cpu.gpr[rcx] -= 1;
    }
    Ok(None)
}

/// Does the next elements of REP STOS or REP MOVS at once, upwards, if none of them is read after another one
/// is written; gives how many, 0 if it has to be done one by one, also because something faults.
fn bulk(cpu: &CpuState, w: Width, moves: bool) -> u64 {
    let mut buf = [0; 256];
    let (from, to) = (cpu.gpr[Gpr::RSI.index()], cpu.gpr[Gpr::RDI.index()]);
    // Within a page, so that all can be written or nothing.
    let room = (buf.len() as u64).min(0x1000 - to % 0x1000);
    let n = cpu.gpr[Gpr::RCX.index()].min(room / w.bytes());
    let bytes = n * w.bytes();
    if n < 4 || moves && from.abs_diff(to) < bytes {
        return 0;
    }
    let Some(buf) = usize::try_from(bytes).ok().and_then(|n| buf.get_mut(..n)) else {
        return 0;
    };
    if !moves {
        let v = reg(cpu, Gpr::RAX).to_le_bytes();
        for (i, b) in buf.iter_mut().enumerate() {
            *b = v[i % (1 << w as usize)];
        }
    } else if guest::read_bytes(GuestAddr(from), buf).is_err() {
        return 0;
    }
    if guest::write_bytes(GuestAddr(to), buf).is_err() {
        return 0;
    }
    n
}

#[inline]
fn go(cpu: &mut CpuState, to: u64) -> Then {
    cpu.rip = to;
    Then::Gone
}

#[inline]
fn reg(cpu: &CpuState, g: Gpr) -> u64 {
    cpu.gpr[g.index() & 15]
}

#[inline]
fn put(cpu: &mut CpuState, g: Gpr, w: Width, v: u64) {
    let r = &mut cpu.gpr[g.index() & 15];
    *r = match w {
        Width::W64 => v,
        Width::W32 => v & 0xffff_ffff,
        _ => *r & !w.mask() | v & w.mask(),
    };
}

#[inline]
pub(super) fn address(cpu: &CpuState, m: Address, next: u64) -> u64 {
    let mut a = i64::from(m.disp).cast_unsigned();
    if m.base < NO_REG {
        a = a.wrapping_add(cpu.gpr[usize::from(m.base)]);
    } else if m.base > NO_REG {
        a = a.wrapping_add(next);
    }
    if matches!(m.segment, Segment::Fs | Segment::Gs) {
        let base = if m.segment == Segment::Fs {
            cpu.fs_base
        } else {
            cpu.gs_base
        };
        a = a.wrapping_add(base);
    }
    if m.index < NO_REG {
        a = a.wrapping_add(cpu.gpr[usize::from(m.index)] << (m.scale & 3));
    }
    a
}

/// `Inst::aux` of an access through SS.
pub(super) const fn aux(stack: bool) -> u16 {
    if stack { 2 } else { 0 }
}

#[cold]
#[inline(never)]
fn failed(f: MemFault, stack: bool) -> Fault {
    access_fault(f, aux(stack))
}

#[inline(always)]
fn read(cpu: &CpuState, w: Width, m: Address, next: u64) -> Result<u64, Fault> {
    load(w, GuestAddr(address(cpu, m, next))).map_err(|f| failed(f, m.stack()))
}

#[inline(always)]
fn write(cpu: &CpuState, w: Width, m: Address, next: u64, v: u64) -> Result<(), Fault> {
    store(w, GuestAddr(address(cpu, m, next)), v).map_err(|f| failed(f, m.stack()))
}

#[inline(always)]
fn push(cpu: &mut CpuState, v: u64) -> Result<(), Fault> {
    let rsp = cpu.gpr[Gpr::RSP.index()].wrapping_sub(8);
    store(Width::W64, GuestAddr(rsp), v).map_err(|f| failed(f, true))?;
    cpu.gpr[Gpr::RSP.index()] = rsp;
    Ok(())
}

/// What is on top of the stack; RSP stays.
#[inline(always)]
fn pop(cpu: &CpuState) -> Result<u64, Fault> {
    let rsp = cpu.gpr[Gpr::RSP.index()];
    load(Width::W64, GuestAddr(rsp)).map_err(|f| failed(f, true))
}

fn canonical(to: u64) -> Result<u64, Fault> {
    if GuestAddr(to).is_canonical() {
        Ok(to)
    } else {
        Err(Fault::GeneralProtection)
    }
}

#[inline]
fn flags(cpu: &mut CpuState, op: FlagOp, w: Width, a: u64, b: u64) {
    cpu.flag_code = FlagRecord::code(op, w);
    cpu.flag_a = a;
    cpu.flag_b = b;
    cpu.flag_c = 0;
}

/// The result of shifting `a`, zero-extended from `w`, and its CF and OF in place; as `lift::shift` has
/// them where the manual leaves them undefined.
const fn shift(op: Shift, w: Width, a: u64, n: u32) -> (u64, u64) {
    let (r, cf, of) = match op {
        Shift::Shl => {
            let cf = match w {
                Width::W64 => a >> (64 - n) & 1,
                _ => a << n >> w.bits() & 1,
            };
            let r = w.zext(a << n);
            (r, cf, (r & w.sign_bit() != 0) as u64 ^ cf)
        }
        Shift::Shr => {
            let cf = a >> (n - 1) & 1;
            (a >> n, cf, (n == 1 && a & w.sign_bit() != 0) as u64)
        }
        Shift::Sar => {
            let s = w.sext(a);
            let cf = (s >> (n - 1)).cast_unsigned() & 1;
            (w.zext((s >> n).cast_unsigned()), cf, 0)
        }
    };
    (r, cf | of << Rflags::OF.trailing_zeros())
}

/// IMUL with two or three operands.
fn multiply(cpu: &mut CpuState, w: Width, d: Gpr, a: u64, b: u64) {
    let product = i128::from(w.sext(a)) * i128::from(w.sext(b));
    #[allow(clippy::cast_possible_truncation)] // The low half.
    let r = w.zext(product as u64);
    let overflow = i128::from(w.sext(r)) != product;
    let others = if overflow { Rflags::CF | Rflags::OF } else { 0 };
    flags(cpu, FlagOp::Result, w, r, others);
    put(cpu, d, w, r);
}

/// The result of `op` (`None` if it is not stored) and its flags' operation and operands.
#[inline]
const fn compute(op: Alu, a: u64, b: u64) -> (Option<u64>, FlagOp, u64, u64) {
    match op {
        Alu::Add => (Some(a.wrapping_add(b)), FlagOp::Add, a, b),
        Alu::Sub => (Some(a.wrapping_sub(b)), FlagOp::Sub, a, b),
        Alu::Cmp => (None, FlagOp::Sub, a, b),
        Alu::And => (Some(a & b), FlagOp::Logic, a & b, 0),
        Alu::Or => (Some(a | b), FlagOp::Logic, a | b, 0),
        Alu::Xor => (Some(a ^ b), FlagOp::Logic, a ^ b, 0),
        Alu::Test => (None, FlagOp::Logic, a & b, 0),
    }
}

#[inline]
fn alu(cpu: &mut CpuState, op: Alu, w: Width, d: Gpr, b: u64) {
    let (r, f, x, y) = compute(op, reg(cpu, d), b);
    flags(cpu, f, w, x, y);
    if let Some(r) = r {
        put(cpu, d, w, r);
    }
}

fn alu_store(
    cpu: &mut CpuState,
    op: Alu,
    w: Width,
    m: Address,
    next: u64,
    b: u64,
) -> Result<(), Fault> {
    let at = GuestAddr(address(cpu, m, next));
    let failed = |f| failed(f, m.stack());
    let stores = !matches!(op, Alu::Cmp | Alu::Test);
    let a = load(w, at).map_err(|f| failed(MemFault { write: stores, ..f }))?;
    let (r, f, x, y) = compute(op, a, b);
    if let Some(r) = r {
        store(w, at, r).map_err(failed)?;
    }
    flags(cpu, f, w, x, y);
    Ok(())
}
