//! Restartable sequences of the guest, where the engine has left because of one.

use super::{Runner, memory};
use crate::exec::sequence::{End, Guard, Unguarded};
use crate::exec::{CodeMemory, Exit};
use crate::kernel::rseq::{self, Alone, Found};
use crate::mem::space::space;
use crate::x86::{CpuState, Fault, GuestAddr, MemFault, Rflags, Width};
use std::ops::Range;

impl Guard for Alone {
    fn holds(&mut self) -> bool {
        Alone::holds(self)
    }

    fn store(&mut self, w: Width, addr: GuestAddr, v: u64) -> Result<bool, MemFault> {
        Alone::store(self, w, addr, v)
    }
}

impl Runner {
    /// Carries out what is at a stop, at which the engine has found no code; `None` if that was not why it has left.
    pub(super) fn sequence(&mut self, cpu: &mut CpuState, fault: MemFault) -> Option<Exit> {
        let at = fault.addr.0;
        if let Some(page) = space().kept_writable(at) {
            // The instruction may begin in the page before.
            let code = cpu.rip.min(page.start)..page.end;
            return match self.carry_out(cpu, &code, &mut Unguarded) {
                End::Exit(exit) => Some(exit),
                End::Left | End::Disturbed => Some(Exit::Interrupted),
            };
        }
        space().stop(at)?;
        let area = self.task.rseq.map(|r| r.area);
        let found = match at == cpu.rip {
            true => rseq::found(at, area),
            false => None,
        };
        let Some(found) = found else {
            // Other code is there by now.
            space().remove_stop(at);
            return Some(Exit::Interrupted);
        };
        let (sequence, alone) = match found {
            Found::Run(sequence, alone) => (sequence, alone),
            Found::Restart(sequence) => {
                cpu.rip = sequence.abort;
                return Some(Exit::Interrupted);
            }
        };
        // Each single step is a signal, which restarts it.
        let steps = cpu.rflags_other & Rflags::TF != 0;
        let (guarded, end) = match alone {
            Some(_) if steps => (true, End::Disturbed),
            Some(mut alone) => {
                let end = self.carry_out(cpu, &sequence.code, &mut alone);
                if end == End::Left {
                    alone.end();
                }
                (true, end)
            }
            None => (false, self.carry_out(cpu, &sequence.code, &mut Unguarded)),
        };
        if guarded && end != End::Left {
            // As rseq_ip_fixup in kernel/rseq.c; of a fault, the handler gets to see that.
            cpu.rip = sequence.abort;
            area.inspect(|area| rseq::forget(*area));
        }
        match end {
            End::Left | End::Disturbed => Some(Exit::Interrupted),
            End::Exit(exit) => Some(exit),
        }
    }

    fn carry_out(&mut self, cpu: &mut CpuState, code: &Range<u64>, guard: &mut dyn Guard) -> End {
        loop {
            let end = (self.steps).run(&memory::Whole, cpu, code, guard);
            let End::Exit(Exit::Fault(Fault::Page(f))) = end else {
                return end;
            };
            // A store into code.
            if !(f.write && memory::GuestMemory.unwatch(f.addr)) {
                return end;
            }
            self.engine.invalidate(f.addr, 1);
        }
    }
}
