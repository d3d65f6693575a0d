//! Evaluates blocks as lift made them, with no preparation: for code that runs a few times only, where
//! every optimisation would cost more than it saves.
//!
//! The value of instruction `i` is slot `i`. Flag bundles are not evaluated where they are made but where
//! they are used: a condition of a bundle is computed from the bundle's operands, a `set flags` stores
//! them as the register file's record. This relies on what lift does (and a test here checks for all
//! recorded cases): the flags a `get flags` names are used before the same block sets flags again.
//!
//! Invariant: in lifted code every `set` comes after the last thing of its instruction that can fault,
//! and nothing is delayed, so the register file is exact at every stop.

use super::{Outcome, Stop, access_fault, atomic, load, probe, store, through_ss, vload, vstore};
use crate::helper::{self, float};
use crate::ir::{BlockId, FenceKind, Helper, Inst, Op, RmwOp, Target, Term, Ty, Value, Var, eval};
use crate::x86::{Cond, CpuState, Fault, FlagOp, FlagRecord, GuestAddr, MemFault, Rflags};
use std::sync::atomic::{Ordering, fence};

/// Blocks of more instructions than this are not for this engine.
pub const MAX_INSTS: usize = SLOTS - 1;
/// A power of two, so that an index is a mask.
const SLOTS: usize = 1024;

/// The values of the block being evaluated: an integer, a float's bits, or a vector.
#[derive(Debug)]
pub struct Slots(Box<[[u64; 2]; SLOTS]>);

impl Default for Slots {
    fn default() -> Self {
        Slots(Box::new([[0; 2]; SLOTS]))
    }
}

impl Slots {
    fn int(&self, v: Value) -> u64 {
        self.0[v.index() & (SLOTS - 1)][0]
    }

    fn vector(&self, v: Value) -> u128 {
        let [low, high] = self.0[v.index() & (SLOTS - 1)];
        u128::from(low) | u128::from(high) << 64
    }
}

/// Where control goes after a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// To another block of the same run.
    Block(BlockId),
    /// Out, to `cpu.rip` with `Outcome::Continue`, or for another reason.
    Out(Outcome),
}

/// Evaluates `insts` and their terminator. `pool` has the constants they name.
pub fn block(
    cpu: &mut CpuState,
    insts: &[Inst],
    term: &Term,
    pool: &[[u8; 16]],
    slots: &mut Slots,
) -> Flow {
    for (i, inst) in insts.iter().enumerate() {
        let a = slots.int(inst.args[0]);
        let b = slots.int(inst.args[1]);
        let mask = inst.w.mask();
        let r = match inst.op {
            Op::Insn
            | Op::FlAdd
            | Op::FlSub
            | Op::FlAdc
            | Op::FlSbb
            | Op::FlLogic
            | Op::FlRes
            | Op::FlAddKeepCarry
            | Op::FlSubKeepCarry
            | Op::FlRaw
            | Op::FlMerge
            | Op::FlSelect => continue,
            Op::Const => inst.imm,
            Op::Get if inst.imm < 16 => cpu.gpr[(inst.imm & 15) as usize],
            Op::Set if inst.imm < 16 => {
                cpu.gpr[(inst.imm & 15) as usize] = a;
                continue;
            }
            Op::Add => a.wrapping_add(b) & mask,
            Op::Sub => a.wrapping_sub(b) & mask,
            Op::And => a & b & mask,
            Op::Or => (a | b) & mask,
            Op::Xor => (a ^ b) & mask,
            Op::Zext => a & mask,
            Op::Load => match load(inst.w, GuestAddr(a.wrapping_add(inst.imm))) {
                Ok(v) => v,
                Err(f) => {
                    let f = MemFault {
                        write: inst.aux & 1 != 0,
                        ..f
                    };
                    return stopped(cpu, insts, i, Stop::Fault(access_fault(f, inst.aux)));
                }
            },
            Op::Store => match store(inst.w, GuestAddr(a.wrapping_add(inst.imm)), b) {
                Ok(()) => continue,
                Err(f) => return stopped(cpu, insts, i, Stop::Fault(access_fault(f, inst.aux))),
            },
            Op::Set if inst.imm == FLAGS => {
                set_flags(cpu, insts, slots, inst.args[0]);
                continue;
            }
            Op::CondOf => u64::from(holds(cpu, insts, slots, inst.args[0], inst.aux)),
            Op::Get => match Var::decode(inst.imm) {
                Some(Var::Xmm(n)) => {
                    let [low, high, ..] = cpu.ymm[usize::from(n & 15)];
                    slots.0[i & (SLOTS - 1)] = [low, high];
                    continue;
                }
                Some(Var::YmmHi(n)) => {
                    let [.., low, high] = cpu.ymm[usize::from(n & 15)];
                    slots.0[i & (SLOTS - 1)] = [low, high];
                    continue;
                }
                Some(Var::Flags) | None => continue,
                Some(var) => super::get(cpu, var),
            },
            Op::Set => {
                match Var::decode(inst.imm) {
                    Some(Var::Xmm(n)) => {
                        let v = slots.0[inst.args[0].index() & (SLOTS - 1)];
                        cpu.ymm[usize::from(n & 15)][..2].copy_from_slice(&v);
                    }
                    Some(Var::YmmHi(n)) => {
                        let v = slots.0[inst.args[0].index() & (SLOTS - 1)];
                        cpu.ymm[usize::from(n & 15)][2..].copy_from_slice(&v);
                    }
                    Some(var) => super::set(cpu, var, a),
                    None => {}
                }
                continue;
            }
            _ => match rare(cpu, insts, inst, pool, slots) {
                Ok(v) => {
                    slots.0[i & (SLOTS - 1)] = v;
                    continue;
                }
                Err(stop) => return stopped(cpu, insts, i, stop),
            },
        };
        slots.0[i & (SLOTS - 1)][0] = r;
    }
    let target = match *term {
        Term::Jump(t) | Term::Call { target: t, .. } => t,
        Term::Branch { cond, taken, other } => {
            if slots.int(cond) != 0 {
                taken
            } else {
                other
            }
        }
        Term::Indirect { addr, kind } => {
            let to = GuestAddr(slots.int(addr));
            return Flow::Out(if kind.go(cpu, to) {
                Outcome::Continue
            } else {
                Outcome::Fault(Fault::GeneralProtection)
            });
        }
        Term::Syscall { next } => {
            cpu.rip = next.0;
            return Flow::Out(Outcome::Syscall);
        }
        Term::Trap { trap, rip } => {
            cpu.rip = rip.0;
            return Flow::Out(Outcome::Fault(trap.into()));
        }
    };
    match target {
        Target::Block(b) => Flow::Block(b),
        Target::Exit(addr) => {
            cpu.rip = addr.0;
            Flow::Out(Outcome::Continue)
        }
    }
}

/// `Var::Flags` in `Inst::imm`.
const FLAGS: u64 = Var::Flags.encode();

#[cold]
fn stopped(cpu: &mut CpuState, insts: &[Inst], at: usize, stop: Stop) -> Flow {
    if let Some(insn) = insts[..at].iter().rev().find(|i| i.op == Op::Insn) {
        cpu.rip = insn.imm;
    }
    Flow::Out(match stop {
        Stop::Fault(f) => Outcome::Fault(f),
        Stop::Poll(rip) => {
            cpu.rip = rip;
            Outcome::Interrupted
        }
    })
}

/// The operations that are not frequent enough for `block`'s own dispatch.
#[inline(never)]
#[allow(clippy::cast_possible_truncation)] // The halves of vectors.
fn rare(
    cpu: &mut CpuState,
    insts: &[Inst],
    inst: &Inst,
    pool: &[[u8; 16]],
    slots: &Slots,
) -> Result<[u64; 2], Stop> {
    let [a, b, c] = [0, 1, 2].map(|n| slots.int(inst.args[n]));
    let one = |v: u64| Ok([v, 0]);
    let two = |v: u128| Ok([v as u64, (v >> 64) as u64]);
    if let Some(v) = eval::int(inst.op, inst.w, inst.imm, a, b, c) {
        return one(v);
    }
    let addr = GuestAddr(a.wrapping_add(inst.imm));
    match inst.op {
        Op::VLoad => two(vload(addr, inst.aux).map_err(Stop::Fault)?),
        Op::VStore => {
            vstore(addr, slots.vector(inst.args[1]), inst.aux).map_err(Stop::Fault)?;
            one(0)
        }
        Op::FlBits => one(status(cpu, insts, slots, inst.args[0]) & inst.imm),
        Op::FlFcmp => {
            // Its value is FCOMI's bits.
            match float::scalar(Op::FComi, inst.w, inst.aux, [a, b, 0], &mut cpu.mxcsr) {
                Some(r) => one(r.map_err(|_| Stop::Fault(Fault::Simd))?),
                None => one(0),
            }
        }
        Op::CheckCanonical if GuestAddr(a).is_canonical() => one(0),
        Op::CheckCanonical => Err(Stop::Fault(Fault::GeneralProtection)),
        Op::Rmw => match RmwOp::from_aux(inst.aux) {
            Some(op) => one(atomic::rmw(op, inst.w, GuestAddr(a), b)
                .map_err(|f| Stop::Fault(access_fault(f, through_ss(inst.imm))))?),
            None => one(0),
        },
        Op::Cas => one(atomic::cas(inst.w, GuestAddr(a), b, c)
            .map_err(|f| Stop::Fault(access_fault(f, through_ss(inst.imm))))?),
        Op::ProbeWrite => one(probe(inst.w, addr)?),
        // One by one is what the code around it does.
        Op::RepStos | Op::RepMovs => one(0),
        Op::Fence => {
            if FenceKind::from_aux(inst.aux) == Some(FenceKind::Full) {
                fence(Ordering::SeqCst);
            }
            one(0)
        }
        Op::TrapIf if a == 0 => one(0),
        Op::TrapIf => Err(Stop::trap(inst.aux)),
        Op::Poll if cpu.poll.load(Ordering::Relaxed) == 0 => one(0),
        Op::Poll => Err(Stop::Poll(inst.imm)),
        Op::Call => match Helper::from_aux(inst.aux) {
            Some(h) => {
                let stack = through_ss(inst.imm) != 0;
                one(helper::call(h, cpu, [a, b, c], stack).map_err(Stop::Fault)?)
            }
            None => one(0),
        },
        op => {
            let failed = |_| Stop::Fault(Fault::Simd);
            if let Some(r) = float::scalar(op, inst.w, inst.aux, [a, b, c], &mut cpu.mxcsr) {
                return one(r.map_err(failed)?);
            }
            let args = [0, 1, 2].map(|n| slots.vector(inst.args[n]));
            let i = [a, b, c][op.scalar_arg().min(2)];
            match eval::vector::vector(op, inst.w, inst.imm, pool, args, i) {
                Some(v) => two(v),
                None => {
                    let r = float::vector(op, inst.w, inst.aux, args, inst.imm, &mut cpu.mxcsr);
                    two(r.unwrap_or(Ok(0)).map_err(failed)?)
                }
            }
        }
    }
}

/// The record bundle `v` is, if one record can be it.
fn record(cpu: &CpuState, insts: &[Inst], slots: &Slots, v: Value) -> Option<FlagRecord> {
    let f = insts.get(v.index())?;
    let [a, b, c] = [0, 1, 2].map(|n| slots.int(f.args[n]));
    match f.op {
        Op::Get => Some(cpu.flag_record()),
        Op::FlMerge => {
            // INC and DEC.
            let new = insts.get(f.args[0].index())?;
            let old = insts.get(f.args[1].index())?;
            let op = match new.op {
                Op::FlAdd => FlagOp::AddKeepCarry,
                Op::FlSub => FlagOp::SubKeepCarry,
                _ => return None,
            };
            if old.op != Op::Get || f.imm != Rflags::STATUS & !Rflags::CF {
                return None;
            }
            Some(FlagRecord {
                op,
                width: new.w,
                a: slots.int(new.args[0]),
                b: slots.int(new.args[1]),
                c: u64::from(cpu.holds(Cond::B)),
            })
        }
        op => eval::flags(op, f.w, a, b, c),
    }
}

fn set_flags(cpu: &mut CpuState, insts: &[Inst], slots: &Slots, v: Value) {
    let f = &insts[v.index()];
    let (a, b) = (slots.int(f.args[0]), slots.int(f.args[1]));
    let code = match f.op {
        Op::FlSub => FlagRecord::code(FlagOp::Sub, f.w),
        Op::FlAdd => FlagRecord::code(FlagOp::Add, f.w),
        Op::FlLogic => FlagRecord::code(FlagOp::Logic, f.w),
        _ => {
            let r = record(cpu, insts, slots, v);
            let r = r.unwrap_or_else(|| FlagRecord::raw(status(cpu, insts, slots, v)));
            return cpu.set_flag_record(r);
        }
    };
    cpu.flag_code = code;
    cpu.flag_a = a;
    cpu.flag_b = b;
    cpu.flag_c = 0;
}

fn holds(cpu: &CpuState, insts: &[Inst], slots: &Slots, v: Value, cond: u16) -> bool {
    let Some(cond) = Cond::ALL.get(usize::from(cond)) else {
        return false;
    };
    match record(cpu, insts, slots, v) {
        Some(r) => r.holds(*cond),
        None => cond.holds(status(cpu, insts, slots, v)),
    }
}

/// The status flags bundle `v` stands for.
fn status(cpu: &CpuState, insts: &[Inst], slots: &Slots, v: Value) -> u64 {
    let Some(f) = insts.get(v.index()) else {
        return 0;
    };
    match f.op {
        Op::FlMerge => {
            status(cpu, insts, slots, f.args[0]) & f.imm
                | status(cpu, insts, slots, f.args[1]) & !f.imm
        }
        Op::FlSelect => {
            let chosen = if slots.int(f.args[0]) != 0 { 1 } else { 2 };
            status(cpu, insts, slots, f.args[chosen])
        }
        Op::FlFcmp => slots.int(v) & Rflags::STATUS,
        _ => record(cpu, insts, slots, v).map_or(0, |r| r.status()),
    }
}

/// True if evaluating flags late is right for this block (see the module's head).
#[must_use]
pub fn flags_used_in_time(insts: &[Inst]) -> bool {
    let sets: Vec<usize> = insts
        .iter()
        .enumerate()
        .filter(|(_, i)| i.op == Op::Set && i.imm == FLAGS)
        .map(|(n, _)| n)
        .collect();
    // The earliest `get flags` that a bundle reads.
    let mut reads = vec![usize::MAX; insts.len()];
    for (n, inst) in insts.iter().enumerate() {
        if inst.op == Op::Get && inst.imm == FLAGS {
            reads[n] = n;
            continue;
        }
        let from = inst.args().map(|v| reads[v.index()]).min();
        let from = from.unwrap_or(usize::MAX);
        if from != usize::MAX && sets.iter().any(|s| (from..n).contains(s)) {
            return false;
        }
        if inst.ty() == Ty::Flags {
            reads[n] = from;
        }
    }
    true
}
