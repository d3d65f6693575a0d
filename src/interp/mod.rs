//! The portable engine's core: evaluates optimised IR on any host.
//!
//! A region becomes a `Program`: the instructions that must be executed, with operands resolved to
//! slots of one array. Slots are never shared between instructions, so constants are filled in once,
//! and after a fault every value of the block is still there to evaluate delayed flags from.
//!
//! Knows no guest OS and no x86 encodings. Invariant: on every exit the register file is exact.

pub mod atomic;
pub mod direct;
mod packed;
pub mod quick;

use crate::helper::float;
use crate::ir::{
    BlockId, EXIT_FLAGS, EXIT_UNLESS, FenceKind, Helper, Inst, Op, Region, RmwOp, Target, Term, Ty,
    VSTORE_FIRST, Value, Var, eval,
};
use crate::sys::guest;
use crate::x86::{Cond, CpuState, Fault, FlagRecord, GuestAddr, MemFault, Trap, Width};
use std::sync::atomic::{Ordering, fence};

/// An executable region.
pub struct Program {
    region: Region,
    code: Vec<Code>,
    ints: Vec<u64>,
    vectors: Vec<u128>,
}

struct Code {
    ops: Vec<Micro>,
    term: Term,
    /// Slot of the value the terminator reads.
    value: usize,
}

/// An instruction with its operands resolved to slots.
#[derive(Clone, Copy)]
struct Micro {
    op: Op,
    w: Width,
    aux: u16,
    /// Ones in the low `w` bits.
    mask: u64,
    /// Which argument is no vector, if some are.
    scalar: u8,
    /// Whether the result is a vector.
    vector_result: bool,
    /// Position in the block.
    at: u32,
    dst: u32,
    a: u32,
    b: u32,
    c: u32,
    d: u32,
    imm: u64,
}

/// Why a program stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Outcome {
    /// Goes on at `cpu.rip`, in another region.
    #[default]
    Continue,
    /// SYSCALL.
    Syscall,
    /// A fault; RIP is set.
    Fault(Fault),
    /// The poll word was set.
    Interrupted,
}

impl Program {
    /// Prepares an optimised region.
    #[must_use]
    pub fn new(mut region: Region) -> Program {
        region
            .blocks
            .iter_mut()
            .for_each(|b| b.insts.shrink_to_fit());
        let mut code = Vec::with_capacity(region.blocks.len());
        let mut ints = Vec::new();
        let mut has_vectors = false;
        for block in &region.blocks {
            let base = ints.len();
            let slot = |v: Value| if v.is_some() { base + v.index() } else { 0 };
            let slot32 = |v: Value| u32::try_from(slot(v)).expect("regions are bounded");
            let mut ops = Vec::with_capacity(block.insts.len());
            for (i, inst) in block.insts.iter().enumerate() {
                ints.push(if inst.op == Op::Const { inst.imm } else { 0 });
                has_vectors |= inst.ty() == Ty::V128 || inst.op.arg_types().any(|t| t == Ty::V128);
                let skip = inst.lazy
                    || matches!(inst.op, Op::Insn | Op::Const)
                    || (inst.ty() == Ty::Flags && inst.op != Op::Get);
                if skip {
                    continue;
                }
                let at = u32::try_from(i).expect("regions are bounded");
                let mut m = Micro {
                    op: inst.op,
                    w: inst.w,
                    aux: inst.aux,
                    mask: inst.w.mask(),
                    scalar: u8::try_from(inst.op.scalar_arg()).unwrap_or(0),
                    vector_result: inst.ty() == Ty::V128,
                    at,
                    dst: slot32(Value(at)),
                    a: slot32(inst.args[0]),
                    b: slot32(inst.args[1]),
                    c: slot32(inst.args[2]),
                    d: slot32(inst.args[3]),
                    imm: inst.imm,
                };
                if inst.op == Op::Set && inst.var() == Some(Var::Flags) {
                    let f = &block.insts[inst.args[0].index()];
                    let Some(record) = eval::flags(f.op, f.w, 0, 0, 0) else {
                        continue;
                    };
                    (m.a, m.b, m.c) = (slot32(f.args[0]), slot32(f.args[1]), slot32(f.args[2]));
                    // The width field is free: `set` of the flags is marked by `aux`.
                    m.aux = SET_FLAGS;
                    m.imm = FlagRecord::code(record.op, record.width);
                }
                ops.push(m);
            }
            let value = block.term.value().map_or(0, slot);
            // Programs are kept, and many of them: by every thread.
            ops.shrink_to_fit();
            code.push(Code {
                ops,
                term: block.term,
                value,
            });
        }
        let vectors = vec![0; if has_vectors { ints.len() } else { 0 }];
        Program {
            region,
            code,
            ints,
            vectors,
        }
    }

    /// The region it was made from.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Runs from `block` until control leaves the region.
    #[allow(clippy::too_many_lines)] // One arm an operation.
    pub fn run(&mut self, cpu: &mut CpuState, block: BlockId) -> Outcome {
        let mut block = block.index();
        let mut params = [0; 3];
        'blocks: loop {
            let Program {
                region,
                code,
                ints,
                vectors,
            } = self;
            let this = &code[block];
            let mut failed = None;
            for m in &this.ops {
                let (a, b) = (ints[m.a as usize], ints[m.b as usize]);
                let r: Result<u64, Stop> = match m.op {
                    // The frequent ones here, without a second dispatch; `eval::int` has the rest.
                    Op::Add => Ok(a.wrapping_add(b) & m.mask),
                    Op::Sub => Ok(a.wrapping_sub(b) & m.mask),
                    Op::And => Ok(a & b & m.mask),
                    Op::Or => Ok((a | b) & m.mask),
                    Op::Xor => Ok((a ^ b) & m.mask),
                    Op::Zext => Ok(a & m.mask),
                    Op::Eq => Ok(u64::from((a ^ b) & m.mask == 0)),
                    Op::Ne => Ok(u64::from((a ^ b) & m.mask != 0)),
                    Op::LtU => Ok(u64::from(a & m.mask < b & m.mask)),
                    Op::Shl => Ok((a << (b & 63)) & m.mask),
                    Op::Shr => Ok((a & m.mask) >> (b & 63)),
                    Op::Select => Ok(if a != 0 { b } else { ints[m.c as usize] }),
                    Op::Get => {
                        if m.imm < 16 {
                            Ok(cpu.gpr[(m.imm & 15) as usize])
                        } else {
                            match Var::decode(m.imm) {
                                Some(Var::Xmm(n)) => {
                                    vectors[m.dst as usize] = cpu.xmm(usize::from(n));
                                    continue;
                                }
                                Some(Var::YmmHi(n)) => {
                                    vectors[m.dst as usize] = cpu.ymm_high(usize::from(n));
                                    continue;
                                }
                                Some(var) => Ok(get(cpu, var)),
                                None => Ok(0),
                            }
                        }
                    }
                    Op::Set if m.aux == SET_FLAGS => {
                        cpu.flag_code = m.imm;
                        cpu.flag_a = a;
                        cpu.flag_b = b;
                        cpu.flag_c = ints[m.c as usize];
                        continue;
                    }
                    Op::Set => {
                        if m.imm < 16 {
                            cpu.gpr[(m.imm & 15) as usize] = a;
                        } else {
                            match Var::decode(m.imm) {
                                Some(Var::Xmm(n)) => {
                                    cpu.set_xmm(usize::from(n), vectors[m.a as usize])
                                }
                                Some(Var::YmmHi(n)) => {
                                    cpu.set_ymm_high(usize::from(n), vectors[m.a as usize]);
                                }
                                Some(var) => set(cpu, var, a),
                                None => {}
                            }
                        }
                        continue;
                    }
                    Op::CondOf => Ok(Cond::ALL
                        .get(usize::from(m.aux))
                        .map_or(0, |c| u64::from(c.holds(a)))),
                    Op::FlBits => Ok(a & m.imm),
                    Op::CheckCanonical if GuestAddr(a).is_canonical() => continue,
                    Op::CheckCanonical => Err(Stop::Fault(Fault::GeneralProtection)),
                    Op::Load => load(m.w, GuestAddr(a.wrapping_add(m.imm))).map_err(|f| {
                        Stop::Fault(access_fault(
                            MemFault {
                                write: m.aux & 1 != 0,
                                ..f
                            },
                            m.aux,
                        ))
                    }),
                    Op::Store => store(m.w, GuestAddr(a.wrapping_add(m.imm)), b)
                        .map(|()| 0)
                        .map_err(|f| Stop::Fault(access_fault(f, m.aux))),
                    Op::VLoad => {
                        let addr = GuestAddr(a.wrapping_add(m.imm));
                        match vload(addr, m.aux) {
                            Ok(v) => {
                                vectors[m.dst as usize] = v;
                                continue;
                            }
                            Err(f) => Err(Stop::Fault(f)),
                        }
                    }
                    Op::VStore => vstore(
                        GuestAddr(a.wrapping_add(m.imm)),
                        vectors[m.b as usize],
                        m.aux,
                    )
                    .map(|()| 0)
                    .map_err(Stop::Fault),
                    Op::Rmw => match RmwOp::from_aux(m.aux) {
                        Some(op) => atomic::rmw(op, m.w, GuestAddr(a), b)
                            .map_err(|f| Stop::Fault(access_fault(f, through_ss(m.imm)))),
                        None => Ok(0),
                    },
                    Op::Cas => atomic::cas(m.w, GuestAddr(a), b, ints[m.c as usize])
                        .map_err(|f| Stop::Fault(access_fault(f, through_ss(m.imm)))),
                    Op::ProbeWrite => {
                        probe(m.w, GuestAddr(a.wrapping_add(m.imm))).map_err(Stop::from)
                    }
                    // One by one is what the code around it does.
                    Op::RepStos | Op::RepMovs => Ok(0),
                    Op::Fence => {
                        if FenceKind::from_aux(m.aux) == Some(FenceKind::Full) {
                            fence(Ordering::SeqCst);
                        }
                        continue;
                    }
                    Op::ExitIf if (a != 0) == (m.aux & EXIT_UNLESS != 0) => continue,
                    Op::ExitIf => {
                        let at = m.at as usize;
                        let inst = region.blocks[block].insts[at];
                        params = [m.b, m.c, m.d].map(|n| ints[n as usize]);
                        if m.aux & EXIT_FLAGS != 0 {
                            self.catch_up(cpu, block, at);
                        }
                        match inst.exit() {
                            Some(Target::Block(b)) => block = b.index(),
                            Some(Target::Exit(addr)) => {
                                cpu.rip = addr.0;
                                return Outcome::Continue;
                            }
                            None => {}
                        }
                        continue 'blocks;
                    }
                    Op::Param => Ok(params[(m.imm & 3).min(2) as usize]),
                    Op::TrapIf if a == 0 => continue,
                    Op::TrapIf => Err(Stop::trap(m.aux)),
                    Op::Poll => {
                        if cpu.poll.load(Ordering::Relaxed) == 0 {
                            continue;
                        }
                        Err(Stop::Poll(m.imm))
                    }
                    Op::Call => match Helper::from_aux(m.aux) {
                        Some(h) => {
                            let stack = through_ss(m.imm) != 0;
                            crate::helper::call(h, cpu, [a, b, ints[m.c as usize]], stack)
                                .map_err(Stop::Fault)
                        }
                        None => Ok(0),
                    },
                    op => match eval::int(op, m.w, m.imm, a, b, ints[m.c as usize]) {
                        Some(v) => Ok(v),
                        None => simd(m, &region.pool, ints, vectors, &mut cpu.mxcsr),
                    },
                };
                match r {
                    Ok(v) => ints[m.dst as usize] = v,
                    Err(stop) => {
                        failed = Some((m.at, stop));
                        break;
                    }
                }
            }
            if let Some((at, stop)) = failed {
                return self.stopped(cpu, block, at as usize, stop);
            }
            let target = match this.term {
                Term::Jump(t) | Term::Call { target: t, .. } => t,
                Term::Branch { taken, other, .. } => {
                    if ints[this.value] != 0 {
                        taken
                    } else {
                        other
                    }
                }
                Term::Indirect { kind, .. } => {
                    return if kind.go(cpu, GuestAddr(ints[this.value])) {
                        Outcome::Continue
                    } else {
                        Outcome::Fault(Fault::GeneralProtection)
                    };
                }
                Term::Syscall { next } => {
                    cpu.rip = next.0;
                    return Outcome::Syscall;
                }
                Term::Trap { trap, rip } => {
                    cpu.rip = rip.0;
                    return Outcome::Fault(trap.into());
                }
            };
            match target {
                Target::Block(b) => block = b.index(),
                Target::Exit(addr) => {
                    cpu.rip = addr.0;
                    return Outcome::Continue;
                }
            }
        }
    }

    /// Makes the register file exact for a stop at instruction `at`.
    #[cold]
    fn stopped(&mut self, cpu: &mut CpuState, block: usize, at: usize, stop: Stop) -> Outcome {
        self.catch_up(cpu, block, at);
        let insts = &self.region.blocks[block].insts;
        let rip = insts[..at]
            .iter()
            .rev()
            .find(|i| i.op == Op::Insn)
            .map(|i| i.imm);
        cpu.rip = rip.unwrap_or(self.region.blocks[block].addr.0);
        match stop {
            Stop::Fault(f) => Outcome::Fault(f),
            Stop::Poll(rip) => {
                cpu.rip = rip;
                Outcome::Interrupted
            }
        }
    }

    /// Does a delayed `set flags` before instruction `at`.
    fn catch_up(&self, cpu: &mut CpuState, block: usize, at: usize) {
        let insts = &self.region.blocks[block].insts;
        if let Some(set) = insts[..at]
            .iter()
            .rev()
            .find(|i| i.op == Op::Set && i.var() == Some(Var::Flags))
            && set.lazy
        {
            let record = self.delayed_flags(cpu, self.base(block), insts, set);
            cpu.set_flag_record(record);
        }
    }

    fn base(&self, block: usize) -> usize {
        self.region.blocks[..block]
            .iter()
            .map(|b| b.insts.len())
            .sum()
    }

    fn delayed_flags(&self, cpu: &CpuState, base: usize, insts: &[Inst], set: &Inst) -> FlagRecord {
        let f = &insts[set.args[0].index()];
        let arg = |i: usize| {
            let v = f.args[i];
            if v.is_some() {
                self.delayed(cpu, base, insts, v)
            } else {
                0
            }
        };
        match f.op {
            Op::Get => cpu.flag_record(),
            op => eval::flags(op, f.w, arg(0), arg(1), arg(2)).unwrap_or_else(|| cpu.flag_record()),
        }
    }

    /// The value of `v`, which may have been skipped as lazy.
    fn delayed(&self, cpu: &CpuState, base: usize, insts: &[Inst], v: Value) -> u64 {
        let inst = &insts[v.index()];
        if !inst.lazy {
            return self.ints[base + v.index()];
        }
        let arg = |i: usize| {
            let v = inst.args[i];
            if v.is_some() {
                self.delayed(cpu, base, insts, v)
            } else {
                0
            }
        };
        match inst.op {
            Op::Get => cpu.flag_record().status(),
            Op::CondOf => Cond::ALL
                .get(usize::from(inst.aux))
                .map_or(0, |c| u64::from(c.holds(arg(0)))),
            Op::FlBits => arg(0) & inst.imm,
            op => eval::int(op, inst.w, inst.imm, arg(0), arg(1), arg(2)).unwrap_or(0),
        }
    }
}

/// `Micro::aux` of a `set flags`.
const SET_FLAGS: u16 = u16::MAX;

/// Why an instruction did not complete.
enum Stop {
    Fault(Fault),
    Poll(u64),
}

impl Stop {
    fn trap(aux: u16) -> Stop {
        let trap = u8::try_from(aux).ok().and_then(Trap::from_u8);
        Stop::Fault(trap.map_or(Fault::InvalidOpcode, Fault::from))
    }
}

impl From<MemFault> for Stop {
    fn from(f: MemFault) -> Stop {
        Stop::Fault(f.classify())
    }
}

fn get(cpu: &CpuState, var: Var) -> u64 {
    match var {
        Var::Flags => cpu.flag_record().status(),
        Var::Df => cpu.df,
        Var::RflagsOther => cpu.rflags_other,
        Var::FsBase => cpu.fs_base,
        Var::GsBase => cpu.gs_base,
        Var::Fsw => cpu.x87.fsw.into(),
        Var::Ftw => cpu.x87.ftw.into(),
        Var::Selectors => cpu.selectors,
        Var::Mm(n) => cpu.x87.r[usize::from(n & 7)][0],
        Var::Gpr(_) | Var::Xmm(_) | Var::YmmHi(_) => 0,
    }
}

#[allow(clippy::cast_possible_truncation)] // The x87 words have 16 bits.
fn set(cpu: &mut CpuState, var: Var, v: u64) {
    match var {
        Var::Df => cpu.df = v,
        Var::RflagsOther => cpu.rflags_other = v,
        Var::FsBase => cpu.fs_base = v,
        Var::GsBase => cpu.gs_base = v,
        Var::Fsw => cpu.x87.fsw = v as u16,
        Var::Ftw => cpu.x87.ftw = v as u16,
        Var::Selectors => cpu.selectors = v,
        Var::Mm(n) => cpu.x87.r[usize::from(n & 7)] = [v, 0xffff],
        Var::Flags | Var::Gpr(_) | Var::Xmm(_) | Var::YmmHi(_) => {}
    }
}

#[inline(always)]
fn load(w: Width, addr: GuestAddr) -> Result<u64, MemFault> {
    match w {
        Width::W8 => guest::read_u8(addr).map(u64::from),
        Width::W16 => guest::read_u16(addr).map(u64::from),
        Width::W32 => guest::read_u32(addr).map(u64::from),
        Width::W64 => guest::read_u64(addr),
    }
}

/// Stores the low `w` bits of `v`.
///
/// # Errors
/// The page fault of it.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // A store takes the low bits.
pub fn store(w: Width, addr: GuestAddr, v: u64) -> Result<(), MemFault> {
    match w {
        Width::W8 => guest::write_u8(addr, v as u8),
        Width::W16 => guest::write_u16(addr, v as u16),
        Width::W32 => guest::write_u32(addr, v as u32),
        Width::W64 => guest::write_u64(addr, v),
    }
}

/// Finds the fault a store would raise, storing nothing.
///
/// # Errors
/// That fault.
pub fn probe(w: Width, addr: GuestAddr) -> Result<u64, MemFault> {
    guest::cas_u8(addr, 0, 0)?;
    let second = GuestAddr((addr.0 | 0xfff).wrapping_add(1));
    if addr.0 & 0xfff > 0x1000 - w.bytes() {
        guest::cas_u8(second, 0, 0)?;
    }
    Ok(0)
}

/// The exception of a failed access; `aux` & 2 says that it went through SS.
#[must_use]
pub fn access_fault(f: MemFault, aux: u16) -> Fault {
    f.classify_through(aux & 2 != 0)
}

/// What `aux` would say, from the `imm` of an atomic operation or a call.
#[must_use]
pub fn through_ss(imm: u64) -> u16 {
    if imm & 2 != 0 { 2 } else { 0 }
}

/// #GP (or #SS) for a 16-byte operand that must be aligned and is not, or is not canonical: both come
/// before any page fault.
fn check_vector_address(addr: GuestAddr, aux: u16) -> Result<(), Fault> {
    if aux & 1 != 0 && addr.0 & 15 != 0 {
        Err(Fault::GeneralProtection)
    } else if aux & 2 != 0 && !addr.is_canonical() {
        Err(Fault::StackFault)
    } else {
        Ok(())
    }
}

fn vload(addr: GuestAddr, aux: u16) -> Result<u128, Fault> {
    check_vector_address(addr, aux)?;
    let fault = |f| access_fault(f, aux);
    let low = guest::read_u64(addr).map_err(fault)?;
    let high = guest::read_u64(addr.offset(8)).map_err(fault)?;
    Ok(u128::from(low) | u128::from(high) << 64)
}

#[allow(clippy::cast_possible_truncation)] // The halves.
fn vstore(addr: GuestAddr, v: u128, aux: u16) -> Result<(), Fault> {
    check_vector_address(addr, aux)?;
    let fault = |f| access_fault(f, aux);
    let bytes = if aux & VSTORE_FIRST != 0 { 32 } else { 16 };
    if addr.0 & 0xfff > 0x1000 - bytes {
        // Two pages: nothing may be stored if the second is not writable.
        guest::cas_u8(addr, 0, 0).map_err(fault)?;
        guest::cas_u8(GuestAddr((addr.0 | 0xfff).wrapping_add(1)), 0, 0).map_err(fault)?;
    }
    guest::write_u64(addr, v as u64).map_err(fault)?;
    guest::write_u64(addr.offset(8), (v >> 64) as u64).map_err(fault)
}

/// Vector and floating-point operations.
#[inline(never)]
#[allow(clippy::cast_possible_truncation)] // Results that are integers or floats are the low 64 bits.
fn simd(
    m: &Micro,
    pool: &[[u8; 16]],
    ints: &mut [u64],
    vectors: &mut [u128],
    mxcsr: &mut u32,
) -> Result<u64, Stop> {
    let simd_fault = |_| Stop::Fault(Fault::Simd);
    let (a, b) = (ints[m.a as usize], ints[m.b as usize]);
    if let Some(r) = float::scalar(m.op, m.w, m.aux, [a, b, ints[m.c as usize]], mxcsr) {
        return r.map_err(simd_fault);
    }
    // A region without vector values has no room for them.
    let of = |slot: u32| vectors.get(slot as usize).copied().unwrap_or(0);
    let args = [of(m.a), of(m.b), of(m.c)];
    let i = match m.scalar {
        0 => a,
        1 => b,
        _ => ints[m.c as usize],
    };
    let r = match eval::vector::vector(m.op, m.w, m.imm, pool, args, i) {
        Some(v) => v,
        None => float::vector(m.op, m.w, m.aux, args, m.imm, mxcsr)
            .unwrap_or(Ok(0))
            .map_err(simd_fault)?,
    };
    if m.vector_result {
        vectors[m.dst as usize] = r;
    }
    Ok(r as u64)
}
