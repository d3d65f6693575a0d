//! Executes `lift::quick::Quick` instructions: common code that runs only a few times.
//!
//! Invariant: an instruction that faults has changed nothing.

use super::{Outcome, access_fault, load, store, vload, vstore};
use crate::lift::quick::{Address, Alu, FS_BASE, GS_BASE, Kind, NO_REG, Quick, Shift};
use crate::x86::{
    Cond, CpuState, Fault, FlagOp, FlagRecord, Gpr, GuestAddr, MemFault, Rflags, Width,
};

/// Executes `q`, whose last byte is just before `next`. On `Ok(None)` control goes on there; RIP is set
/// only when it does not.
///
/// # Errors
/// The instruction's fault; RIP is not set.
#[inline]
pub fn step(cpu: &mut CpuState, q: &Quick, next: u64) -> Result<Option<Outcome>, Fault> {
    let w = q.w;
    match q.kind {
        Kind::MovReg { d, s } => put(cpu, d, w, reg(cpu, s)),
        Kind::MovImm { d, imm } => put(cpu, d, w, imm),
        Kind::Load { d, m } => {
            let v = read(cpu, w, m, next)?;
            put(cpu, d, w, v);
        }
        Kind::LoadZero { d, m } => {
            let v = read(cpu, w, m, next)?;
            cpu.gpr[d.index()] = v;
        }
        Kind::LoadSign { d, m, to } => {
            let v = w.sext(read(cpu, w, m, next)?).cast_unsigned();
            put(cpu, d, to, v);
        }
        Kind::Store { s, m } => write(cpu, w, m, next, reg(cpu, s))?,
        Kind::StoreImm { imm, m } => write(cpu, w, m, next, i64::from(imm).cast_unsigned())?,
        Kind::Zero { d, s } => cpu.gpr[d.index()] = w.zext(reg(cpu, s)),
        Kind::Sign { d, s, to } => put(cpu, d, to, w.sext(reg(cpu, s)).cast_unsigned()),
        Kind::Lea { d, m } => put(cpu, d, w, address(cpu, m, next)),
        Kind::AluReg { op, d, s } => alu(cpu, op, w, d, reg(cpu, s)),
        Kind::AluImm { op, d, imm } => alu(cpu, op, w, d, imm.cast_unsigned()),
        Kind::AluLoad { op, d, m } => {
            let b = read(cpu, w, m, next)?;
            alu(cpu, op, w, d, b);
        }
        Kind::AluStore { op, s, m } => alu_store(cpu, op, w, m, next, reg(cpu, s))?,
        Kind::AluStoreImm { op, imm, m } => {
            alu_store(cpu, op, w, m, next, i64::from(imm).cast_unsigned())?;
        }
        Kind::Inc { d, down } => {
            let a = reg(cpu, d);
            let carry = u64::from(cpu.flag_record().holds(Cond::B));
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
        Kind::Mul { d, s } => multiply(cpu, w, d, reg(cpu, d), reg(cpu, s)),
        Kind::MulImm { d, s, imm } => {
            multiply(cpu, w, d, reg(cpu, s), i64::from(imm).cast_unsigned());
        }
        Kind::Leave => {
            let rbp = reg(cpu, Gpr::RBP);
            let v = load(Width::W64, GuestAddr(rbp)).map_err(|f| access_fault(f, aux(true)))?;
            cpu.gpr[Gpr::RSP.index()] = rbp.wrapping_add(8);
            cpu.gpr[Gpr::RBP.index()] = v;
        }
        Kind::MovVector { d, s } => {
            let v = cpu.xmm(usize::from(s));
            cpu.set_xmm(usize::from(d), v);
        }
        Kind::LoadVector { d, m, aligned } => {
            let at = GuestAddr(address(cpu, m, next));
            let v = vload(at, aux(m.stack) | u16::from(aligned))?;
            cpu.set_xmm(usize::from(d), v);
        }
        Kind::StoreVector { s, m, aligned } => {
            let at = GuestAddr(address(cpu, m, next));
            let v = cpu.xmm(usize::from(s));
            vstore(at, v, aux(m.stack) | u16::from(aligned))?;
        }
        Kind::ZeroVector { d } => cpu.set_xmm(usize::from(d), 0),
        Kind::SignOfRax => {
            let v = (w.sext(reg(cpu, Gpr::RAX)) >> 63).cast_unsigned();
            put(cpu, Gpr::RDX, w, v);
        }
        Kind::Push { s } => push(cpu, reg(cpu, s))?,
        Kind::PushImm { imm } => push(cpu, imm.cast_unsigned())?,
        Kind::Pop { d } => {
            let v = pop(cpu)?;
            let rsp = &mut cpu.gpr[Gpr::RSP.index()];
            *rsp = rsp.wrapping_add(8);
            cpu.gpr[d.index()] = v;
        }
        Kind::Set { d, c } => {
            let v = u64::from(cpu.flag_record().holds(c));
            put(cpu, d, Width::W8, v);
        }
        Kind::Cmov { d, s, c } => {
            let from = if cpu.flag_record().holds(c) { s } else { d };
            put(cpu, d, w, reg(cpu, from));
        }
        Kind::CmovLoad { d, m, c } => {
            let v = read(cpu, w, m, next)?;
            let v = if cpu.flag_record().holds(c) {
                v
            } else {
                reg(cpu, d)
            };
            put(cpu, d, w, v);
        }
        Kind::Nop => {}
        Kind::Jcc { c, to } => {
            let to = if cpu.flag_record().holds(c) {
                to.0
            } else {
                next
            };
            return go(cpu, to);
        }
        Kind::Jmp { to } => return go(cpu, to.0),
        Kind::Call { to } => {
            push(cpu, next)?;
            return go(cpu, to.0);
        }
        Kind::Ret { extra } => {
            let to = canonical(pop(cpu)?)?;
            let rsp = &mut cpu.gpr[Gpr::RSP.index()];
            *rsp = rsp.wrapping_add(8 + u64::from(extra));
            return go(cpu, to);
        }
        Kind::JmpReg { s } => {
            let to = canonical(reg(cpu, s))?;
            return go(cpu, to);
        }
        Kind::JmpLoad { m } => {
            let to = canonical(read(cpu, Width::W64, m, next)?)?;
            return go(cpu, to);
        }
        Kind::CallReg { s } => {
            let to = canonical(reg(cpu, s))?;
            push(cpu, next)?;
            return go(cpu, to);
        }
        Kind::CallLoad { m } => {
            let to = canonical(read(cpu, Width::W64, m, next)?)?;
            push(cpu, next)?;
            return go(cpu, to);
        }
    }
    Ok(None)
}

#[allow(clippy::unnecessary_wraps)] // What `step` returns.
fn go(cpu: &mut CpuState, to: u64) -> Result<Option<Outcome>, Fault> {
    cpu.rip = to;
    Ok(Some(Outcome::Continue))
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
fn address(cpu: &CpuState, m: Address, next: u64) -> u64 {
    let mut a = i64::from(m.disp).cast_unsigned();
    if m.base < NO_REG {
        a = a.wrapping_add(cpu.gpr[usize::from(m.base)]);
    } else if m.base > NO_REG {
        let base = match m.base {
            FS_BASE => cpu.fs_base,
            GS_BASE => cpu.gs_base,
            _ => next,
        };
        a = a.wrapping_add(base);
    }
    if m.index < NO_REG {
        a = a.wrapping_add(cpu.gpr[usize::from(m.index)] << (m.scale & 3));
    }
    a
}

/// `Inst::aux` of an access through SS.
const fn aux(stack: bool) -> u16 {
    if stack { 2 } else { 0 }
}

#[inline]
fn read(cpu: &CpuState, w: Width, m: Address, next: u64) -> Result<u64, Fault> {
    load(w, GuestAddr(address(cpu, m, next))).map_err(|f| access_fault(f, aux(m.stack)))
}

#[inline]
fn write(cpu: &CpuState, w: Width, m: Address, next: u64, v: u64) -> Result<(), Fault> {
    store(w, GuestAddr(address(cpu, m, next)), v).map_err(|f| access_fault(f, aux(m.stack)))
}

fn push(cpu: &mut CpuState, v: u64) -> Result<(), Fault> {
    let rsp = cpu.gpr[Gpr::RSP.index()].wrapping_sub(8);
    store(Width::W64, GuestAddr(rsp), v).map_err(|f| access_fault(f, aux(true)))?;
    cpu.gpr[Gpr::RSP.index()] = rsp;
    Ok(())
}

/// What is on top of the stack; RSP stays.
fn pop(cpu: &CpuState) -> Result<u64, Fault> {
    let rsp = cpu.gpr[Gpr::RSP.index()];
    load(Width::W64, GuestAddr(rsp)).map_err(|f| access_fault(f, aux(true)))
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
            let r = w.zext(a << n);
            let cf = a >> (w.bits() - n) & 1;
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
    let failed = |f| access_fault(f, aux(m.stack));
    let stores = !matches!(op, Alu::Cmp | Alu::Test);
    let a = load(w, at).map_err(|f| failed(MemFault { write: stores, ..f }))?;
    let (r, f, x, y) = compute(op, a, b);
    if let Some(r) = r {
        store(w, at, r).map_err(failed)?;
    }
    flags(cpu, f, w, x, y);
    Ok(())
}
