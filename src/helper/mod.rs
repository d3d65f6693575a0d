//! Out-of-line semantics: what is too big to be IR and too rare to be host code.
//!
//! Both engines call the same functions, so that they cannot differ. `call` runs a `Helper` on the
//! register file; `float` is the exact meaning of the floating-point operations. Knows the guest CPU,
//! the IR's numbering and guest memory; no engine, no operating system. Invariant: a helper that
//! returns a fault has changed nothing but what the manual says (a partly done FXSAVE, the
//! elements a gather has loaded).

pub mod float;
mod memory;
mod system;
pub use system::show_processors;
mod x87;

use crate::ir::Helper;
use crate::x86::state::MXCSR_MASK;
use crate::x86::vsib::{Gather, Masked};
use crate::x86::{CpuState, Fault, GuestAddr, MemFault, segment, xsave};

/// A memory operand.
#[derive(Clone, Copy)]
struct MemOperand {
    at: GuestAddr,
    /// Whether it is addressed through SS.
    stack: bool,
}

impl MemOperand {
    /// The exception of a failed access to it.
    fn fault(self, f: MemFault) -> Fault {
        f.classify_through(self.stack)
    }
}

/// Runs a helper with up to three integer arguments; gives its result, 0 if it has none. `stack` says
/// that its memory operand is addressed through SS.
///
/// # Errors
/// The guest's fault.
#[allow(clippy::cast_possible_truncation)] // Control words and MXCSR are the low bits of their argument.
pub fn call(
    helper: Helper,
    cpu: &mut CpuState,
    [a, b, c]: [u64; 3],
    stack: bool,
) -> Result<u64, Fault> {
    let operand = |a| MemOperand {
        at: GuestAddr(a),
        stack,
    };
    let at = operand(a);
    match helper {
        Helper::Cpuid => system::cpuid(cpu),
        Helper::Rdtsc => return Ok(system::time_stamp()),
        Helper::TscAux => return Ok(system::processor().into()),
        Helper::Random => return Ok(system::random()),
        Helper::Segment => {
            let answer = segment::query(a, segment::Query::decode(b), system::processor);
            return Ok(answer.map_or(0, |v| 1 << 32 | u64::from(v)));
        }
        Helper::Cmpxchg16b => return memory::cmpxchg16b(cpu, at),
        Helper::Fxsave => memory::fxsave(cpu, at, memory::form(b))?,
        Helper::Fxrstor => memory::fxrstor(cpu, at, memory::form(b))?,
        Helper::Xsave => memory::xsave(cpu, at, b, c)?,
        Helper::Xrstor => memory::xrstor(cpu, at, b, c)?,
        Helper::Xgetbv => {
            return match a {
                0 => Ok(xsave::xcr0()),
                1 => Ok(xsave::xcr0() & xsave::in_use(cpu)),
                _ => Err(Fault::GeneralProtection),
            };
        }
        Helper::Ldmxcsr => {
            let v = a as u32;
            if v & !MXCSR_MASK != 0 {
                return Err(Fault::GeneralProtection);
            }
            cpu.mxcsr = v;
        }
        Helper::Stmxcsr => return Ok(cpu.mxcsr.into()),
        Helper::Maskmovdqu => memory::maskmovdqu(cpu, at, b, c)?,
        Helper::MaskMov => memory::maskmov(cpu, at, Masked::decode(b), c)?,
        Helper::Gather => memory::gather(cpu, at, Gather::decode(b), c)?,
        Helper::Fninit => cpu.x87.init(),
        Helper::Fnstcw => return Ok(cpu.x87.fcw.into()),
        Helper::Fldcw => {
            wait(cpu)?;
            cpu.x87.load_control(a as u16);
        }
        Helper::Fnstsw => return Ok(cpu.x87.fsw.into()),
        Helper::Fnclex => cpu.x87.clear_exceptions(),
        Helper::Fwait => wait(cpu)?,
        Helper::Fnstenv => memory::fnstenv(cpu, at, b == 0)?,
        Helper::Fldenv => {
            wait(cpu)?;
            memory::fldenv(cpu, at, b == 0)?;
        }
        Helper::Fnsave => memory::fnsave(cpu, at, b == 0)?,
        Helper::Frstor => {
            wait(cpu)?;
            memory::frstor(cpu, at, b == 0)?;
        }
        Helper::X87 => return x87::execute(&mut cpu.x87, a, operand(b), c),
    }
    Ok(0)
}

/// What every waiting x87 instruction does first.
fn wait(cpu: &CpuState) -> Result<(), Fault> {
    if cpu.x87.pending() {
        Err(Fault::X87)
    } else {
        Ok(())
    }
}
