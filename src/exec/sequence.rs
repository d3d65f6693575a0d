//! A few instructions whose stores are made only while nothing has come between.
//!
//! Does not know what may come between, nor how one finds out: that is a `Guard`. Each instruction is translated by itself, and
//! in place of its stores it leaves what is to be stored where; an instruction that writes memory in another way, LOCK and string
//! instructions, is executed as it is.

use super::Exit;
use crate::interp::{self, Outcome, Program, access_fault};
use crate::ir::{BlockId, Effect, Inst, Op, Region, Value};
use crate::lift::{self, Fetch, Limits};
use crate::opt;
use crate::sys::host::address_of;
use crate::x86::{CpuState, Fault, GuestAddr, MemFault, Width};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// What keeps a sequence apart from others.
pub trait Guard {
    /// True if nothing has come between.
    fn holds(&mut self) -> bool;

    /// Stores the low `w` bits of `v` if nothing has come between; says whether it did.
    ///
    /// # Errors
    /// The page fault of the store; nothing is stored then.
    fn store(&mut self, w: Width, addr: GuestAddr, v: u64) -> Result<bool, MemFault>;
}

/// Of code that needs none.
#[derive(Debug)]
pub struct Unguarded;

impl Guard for Unguarded {
    fn holds(&mut self) -> bool {
        true
    }

    fn store(&mut self, w: Width, addr: GuestAddr, v: u64) -> Result<bool, MemFault> {
        interp::store(w, addr, v).map(|()| true)
    }
}

/// How a sequence ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// RIP is outside it.
    Left,
    /// Something has come between.
    Disturbed,
    /// As engines stop.
    Exit(Exit),
}

/// A store that an instruction is to make.
struct Store {
    w: Width,
    disp: u64,
    aux: u16,
}

/// Where an instruction leaves the address and the value of a store.
type Slot = [AtomicU64; 2];

/// No store: not an address that a displacement of 32 bits makes one of.
const NONE: u64 = 1 << 63;

/// An instruction.
struct Step {
    bytes: Vec<u8>,
    program: Program,
    stores: Vec<Store>,
    slots: Box<[Slot]>,
    /// It writes memory by itself.
    writes: bool,
}

impl Step {
    fn new(fetch: &dyn Fetch, rip: GuestAddr) -> Result<Step, Fault> {
        const ONE: Limits = Limits {
            insns: 1,
            span: 1 << 16,
            follow: false,
            polls: false,
            steps: false,
        };
        let mut region = lift::translate(fetch, rip, ONE)?;
        opt::optimize(&mut region);
        let writes = region.blocks.iter().flat_map(|b| &b.insts).any(|i| {
            let writes = matches!(i.op.effect(), Effect::Store | Effect::All);
            writes && i.op != Op::Store
        });
        let len = region.source.iter().map(|(_, len)| *len as usize).sum();
        let mut bytes = vec![0; len];
        let n = fetch.fetch(rip, &mut bytes).map_err(Fault::Page)?;
        bytes.truncate(n);
        let (stores, slots) = match writes {
            true => (Vec::new(), Box::default()),
            false => left_undone(&mut region),
        };
        Ok(Step {
            bytes,
            program: Program::new(region),
            stores,
            slots,
            writes,
        })
    }
}

/// Makes a region leave undone what it would store.
fn left_undone(region: &mut Region) -> (Vec<Store>, Box<[Slot]>) {
    let all = region.blocks.iter().flat_map(|b| &b.insts);
    let count = all.filter(|i| i.op == Op::Store).count();
    let slots: Box<[Slot]> = (0..count).map(|_| Slot::default()).collect();
    let mut stores = Vec::new();
    for block in &mut region.blocks {
        for i in 0..block.insts.len() {
            let inst = block.insts[i];
            if inst.op != Op::Store {
                continue;
            }
            let slot = &slots[stores.len()];
            stores.push(Store {
                w: inst.w,
                disp: inst.imm,
                aux: inst.aux,
            });
            block.insts[i] = Inst::new(Op::Const, Width::W64);
            for (word, value) in slot.iter().zip(inst.args) {
                let at = Value(u32::try_from(block.insts.len()).expect("regions are bounded"));
                let mut place = Inst::new(Op::Const, Width::W64);
                place.imm = address_of(word);
                let mut put = Inst::new(Op::Store, Width::W64);
                put.args[..2].copy_from_slice(&[at, value]);
                block.insts.extend([place, put]);
            }
        }
    }
    (stores, slots)
}

/// The instructions of a thread's sequences, by address.
#[derive(Default)]
pub struct Steps(HashMap<u64, Step>);

impl Steps {
    /// Executes instructions at RIP as long as it is in `code`. A fault leaves RIP and the general-purpose registers as they
    /// were before its instruction.
    pub fn run(
        &mut self,
        memory: &dyn Fetch,
        cpu: &mut CpuState,
        code: &Range<u64>,
        guard: &mut dyn Guard,
    ) -> End {
        let mut stored = false;
        while code.contains(&cpu.rip) {
            if cpu.poll.load(Ordering::Relaxed) != 0 {
                return End::Exit(Exit::Interrupted);
            }
            match self.one(memory, cpu, guard) {
                Ok(Some(last)) => stored = last,
                Ok(None) => return End::Disturbed,
                Err(exit) => return End::Exit(exit),
            }
        }
        // What comes after the last store is too late.
        if stored || guard.holds() {
            End::Left
        } else {
            End::Disturbed
        }
    }

    /// Executes an instruction; whether it has stored something, or `None` if it was not to.
    fn one(
        &mut self,
        memory: &dyn Fetch,
        cpu: &mut CpuState,
        guard: &mut dyn Guard,
    ) -> Result<Option<bool>, Exit> {
        let rip = cpu.pc();
        let mut now = [0; 15];
        let fault = Exit::Fault;
        let n = memory
            .fetch(rip, &mut now)
            .map_err(|f| fault(Fault::Page(f)))?;
        let known = self.0.get(&rip.0);
        if known.is_none_or(|step| !now[..n].starts_with(&step.bytes)) {
            let step = Step::new(memory, rip).map_err(fault)?;
            self.0.insert(rip.0, step);
        }
        let Some(step) = self.0.get_mut(&rip.0) else {
            return Ok(None);
        };
        // Of what is not so any more, nothing is to be loaded, either: it may be no address. A fault counts as something that
        // comes between, so it is too late to ask then.
        if !guard.holds() {
            return Ok(None);
        }
        let before = (cpu.rip, cpu.gpr);
        for [addr, _] in &step.slots {
            addr.store(NONE, Ordering::Relaxed);
        }
        match step.program.run(cpu, BlockId(0)) {
            Outcome::Continue => {}
            Outcome::Syscall => return Err(Exit::Syscall),
            Outcome::Interrupted => return Err(Exit::Interrupted),
            Outcome::Fault(f) => return Err(fault(f)),
        }
        for (store, slot) in step.stores.iter().zip(&step.slots) {
            let [addr, v] = [0, 1].map(|i: usize| slot[i].load(Ordering::Relaxed));
            if addr == NONE {
                continue;
            }
            match guard.store(store.w, GuestAddr(addr.wrapping_add(store.disp)), v) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(f) => {
                    (cpu.rip, cpu.gpr) = before;
                    return Err(fault(access_fault(f, store.aux)));
                }
            }
        }
        Ok(Some(step.writes || !step.stores.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::interp::InterpEngine;
    use super::super::jit::{JitEngine, probe};
    use super::super::{CodeMemory, Engine, PlainMemory};
    use super::*;
    use crate::x86::Gpr;
    use std::sync::Arc;

    /// Lets `allowed` stores be made, and writes them down instead of making them.
    #[derive(Default)]
    struct Written {
        allowed: usize,
        stores: Vec<(Width, u64, u64)>,
    }

    impl Guard for Written {
        fn holds(&mut self) -> bool {
            self.allowed > 0
        }

        fn store(&mut self, w: Width, addr: GuestAddr, v: u64) -> Result<bool, MemFault> {
            if self.allowed == 0 {
                return Ok(false);
            }
            self.allowed -= 1;
            self.stores.push((w, addr.0, v & w.mask()));
            Ok(true)
        }
    }

    struct Thread {
        code: Box<[u8]>,
        data: Box<[u64; 4]>,
        cpu: CpuState,
        steps: Steps,
    }

    impl Thread {
        fn new(code: &[u8]) -> Thread {
            let mut t = Thread {
                code: code.into(),
                data: Box::new([10, 20, 30, 40]),
                cpu: CpuState::default(),
                steps: Steps::default(),
            };
            t.begin();
            t
        }

        fn data(&self) -> u64 {
            self.data.as_ptr().expose_provenance() as u64
        }

        fn begin(&mut self) -> u64 {
            let at = self.code.as_ptr().expose_provenance() as u64;
            self.cpu.rip = at;
            self.cpu.set_reg(Gpr::RDI, self.data());
            self.cpu.set_reg(Gpr::RSI, 0x55);
            at
        }

        fn run(&mut self, guard: &mut dyn Guard) -> End {
            let at = self.begin();
            let code = at..at + self.code.len() as u64;
            self.steps.run(&PlainMemory, &mut self.cpu, &code, guard)
        }
    }

    /// mov [rdi], rsi; add dword ptr [rdi + 8], 5
    const TWO: [u8; 7] = [0x48, 0x89, 0x37, 0x83, 0x47, 8, 5];

    #[test]
    fn stores_are_made_by_the_guard_alone() {
        let mut t = Thread::new(&TWO);
        let mut guard = Written {
            allowed: 3,
            ..Written::default()
        };
        assert_eq!(t.run(&mut guard), End::Left);
        let at = t.data();
        let stores = [(Width::W64, at, 0x55), (Width::W32, at + 8, 25)];
        assert_eq!(guard.stores, stores);
        assert_eq!(*t.data, [10, 20, 30, 40]);
        assert_eq!(t.run(&mut Unguarded), End::Left);
        assert_eq!(*t.data, [0x55, 25, 30, 40]);
    }

    #[test]
    fn a_sequence_ends_where_the_guard_refuses() {
        let mut t = Thread::new(&TWO);
        for allowed in 0..2 {
            let mut guard = Written {
                allowed,
                ..Written::default()
            };
            assert_eq!(t.run(&mut guard), End::Disturbed);
            assert_eq!(guard.stores.len(), allowed);
        }
        // What comes after the last store is too late.
        let mut guard = Written {
            allowed: 2,
            ..Written::default()
        };
        assert_eq!(t.run(&mut guard), End::Left);
    }

    #[test]
    fn code_that_was_changed_is_executed_as_it_is_now() {
        let mut t = Thread::new(&TWO);
        assert_eq!(t.run(&mut Unguarded), End::Left);
        t.code[6] = 7;
        assert_eq!(t.run(&mut Unguarded), End::Left);
        assert_eq!(*t.data, [0x55, 32, 30, 40]);
    }

    #[test]
    fn other_writes_are_made_as_they_are() {
        // lock inc qword ptr [rdi]
        let mut t = Thread::new(&[0xf0, 0x48, 0xff, 0x07]);
        let mut guard = Written {
            allowed: 1,
            ..Written::default()
        };
        assert_eq!(t.run(&mut guard), End::Left);
        assert_eq!((t.data[0], guard.stores.len()), (11, 0));
    }

    /// Memory in which no code can be fetched from here on.
    struct Until(u64);

    impl Fetch for Until {
        fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
            let n = PlainMemory.fetch(addr, buf)?;
            match usize::try_from(self.0.saturating_sub(addr.0)) {
                Ok(0) => Err(MemFault {
                    addr,
                    write: false,
                    fetch: true,
                    kind: crate::x86::MemFaultKind::Protection,
                }),
                Ok(before) => Ok(n.min(before)),
                Err(_) => Ok(n),
            }
        }
    }

    impl CodeMemory for Until {
        fn watch(&self, _: GuestAddr) {}

        fn unwatch(&self, _: GuestAddr) -> bool {
            false
        }
    }

    #[test]
    fn an_engine_leaves_before_code_that_it_is_not_given() {
        // mov esi, 1; mov esi, 2; syscall
        let mut t = Thread::new(&[0xbe, 1, 0, 0, 0, 0xbe, 2, 0, 0, 0, 0x0f, 0x05]);
        let stop = t.begin() + 5;
        let mut engines: Vec<Box<dyn Engine>> =
            vec![Box::new(InterpEngine::new(Arc::new(Until(stop))))];
        // There is none on other hosts than RISC-V.
        if let Ok(jit) = JitEngine::new(Arc::new(Until(stop)), probe()) {
            engines.push(Box::new(jit));
        }
        for engine in &mut engines {
            // Until it is translated in every way there is.
            for _ in 0..300 {
                t.begin();
                let exit = engine.run(&mut t.cpu);
                assert!(
                    matches!(exit, Exit::Fault(Fault::Page(f)) if f.fetch && f.addr.0 == stop),
                    "{exit:?}"
                );
                assert_eq!((t.cpu.rip, t.cpu.reg(Gpr::RSI)), (stop, 1));
            }
        }
    }
}
