//! One instruction at a time, while TF is set (SDM vol. 3, 18.3.1.4 "Single-Step Exception Condition").
//!
//! The exception comes after an instruction that began with TF set, so not after the POPF that sets it; after
//! each element of a REP instruction; and not after MOV to SS, but after what follows it. Code never runs with TF
//! set and never sets it: it leaves with `Trap::SingleStep` before.

use super::{CodeMemory, Exit, REPEATED};
use crate::interp::{Outcome, Program};
use crate::ir::BlockId;
use crate::lift::{self, Limits, region};
use crate::opt;
use crate::x86::{CpuState, Fault, Rflags};
use iced_x86::{Mnemonic, Register};
use std::sync::atomic::Ordering;

/// One instruction.
const STEP: Limits = Limits {
    insns: 1,
    span: 1 << 16,
    follow: false,
    polls: false,
    steps: true,
};

/// What comes of `steps` if TF is set.
#[inline]
pub fn if_set(
    cpu: &mut CpuState,
    steps: impl FnOnce(&mut CpuState) -> Option<Exit>,
) -> Option<Exit> {
    if cpu.rflags_other & Rflags::TF == 0 {
        return None;
    }
    steps(cpu)
}

/// Executes the instruction at RIP, and those after it as long as TF is set and there is no exception; `None` once it is
/// not. `wrote_code` lets a store into watched code through, and says whether the fault was one.
pub fn run(
    memory: &dyn CodeMemory,
    cpu: &mut CpuState,
    mut wrote_code: impl FnMut(Fault) -> bool,
) -> Option<Exit> {
    loop {
        if cpu.poll.load(Ordering::Relaxed) != 0 {
            return Some(Exit::Interrupted);
        }
        let traced = cpu.rflags_other & Rflags::TF != 0;
        let inhibits = traced
            && region::decode(memory, cpu.pc()).is_ok_and(|insn| {
                insn.mnemonic() == Mnemonic::Mov && insn.op0_register() == Register::SS
            });
        let mut outcome = one(memory, cpu);
        for _ in 0..REPEATED {
            match outcome {
                Outcome::Fault(fault) if wrote_code(fault) => outcome = one(memory, cpu),
                _ => break,
            }
        }
        match outcome {
            Outcome::Continue if traced && !inhibits => {
                return Some(Exit::Fault(Fault::SingleStep));
            }
            Outcome::Continue if cpu.rflags_other & Rflags::TF == 0 => return None,
            Outcome::Continue => {}
            Outcome::Syscall => return Some(Exit::Syscall),
            Outcome::Interrupted => return Some(Exit::Interrupted),
            Outcome::Fault(fault) => return Some(Exit::Fault(fault)),
        }
    }
}

fn one(memory: &dyn CodeMemory, cpu: &mut CpuState) -> Outcome {
    match lift::translate(memory, cpu.pc(), STEP) {
        Ok(mut region) => {
            opt::optimize(&mut region);
            Program::new(region).run(cpu, BlockId(0))
        }
        Err(fault) => Outcome::Fault(fault),
    }
}
