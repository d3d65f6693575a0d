//! The portable engine: translates regions to IR and evaluates them, on any host.
//!
//! Each thread has its own programs (their values live in them); what threads share is the set of pages
//! translated from, and a generation number that an invalidation raises. An engine that finds the
//! generation changed drops all its programs before the next region.

use super::{CodeMemory, Engine, Exit, REPEATED, step};
use crate::interp::{Outcome, Program};
use crate::ir::BlockId;
use crate::lift::{self, Limits};
use crate::opt;
use crate::x86::{CpuState, Fault, GuestAddr, MemFaultKind};
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

const PAGE: u64 = 4096;
/// Entries of the direct-mapped cache before the map; a power of two.
const FAST: usize = 4096;
/// The program of an empty entry.
const NO_PROGRAM: u32 = u32::MAX;

struct Shared {
    memory: Arc<dyn CodeMemory>,
    /// Pages that some program was made from.
    pages: Mutex<HashSet<u64>>,
    generation: AtomicU64,
}

/// Counters for `--stats`.
#[derive(Clone, Copy, Default, Debug)]
struct Stats {
    regions: u64,
    guest_insns: u64,
    flushes: u64,
}

/// See the module's head.
pub struct InterpEngine {
    shared: Arc<Shared>,
    programs: Vec<Program>,
    entries: HashMap<u64, (u32, BlockId)>,
    fast: Vec<(u64, u32, BlockId)>,
    generation: u64,
    stats: Stats,
}

impl InterpEngine {
    /// An engine for the first thread of a process.
    #[must_use]
    pub fn new(memory: Arc<dyn CodeMemory>) -> InterpEngine {
        let shared = Shared {
            memory,
            pages: Mutex::default(),
            generation: AtomicU64::new(0),
        };
        InterpEngine::with(Arc::new(shared))
    }

    fn with(shared: Arc<Shared>) -> InterpEngine {
        let generation = shared.generation.load(Ordering::Acquire);
        InterpEngine {
            shared,
            programs: Vec::new(),
            entries: HashMap::new(),
            fast: vec![(0, NO_PROGRAM, BlockId(0)); FAST],
            generation,
            stats: Stats::default(),
        }
    }

    fn flush(&mut self) {
        self.programs.clear();
        self.entries.clear();
        self.fast.fill((0, NO_PROGRAM, BlockId(0)));
        self.stats.flushes += 1;
    }

    fn lookup(&mut self, rip: u64) -> Result<(u32, BlockId), Fault> {
        let slot = fast_slot(rip);
        let (tag, program, block) = self.fast[slot];
        // Every number may be a RIP, so the empty entries are told by their program.
        if tag == rip && program != NO_PROGRAM {
            return Ok((program, block));
        }
        let found = match self.entries.get(&rip) {
            Some(found) => *found,
            None => self.translate(GuestAddr(rip))?,
        };
        self.fast[slot] = (rip, found.0, found.1);
        Ok(found)
    }

    fn translate(&mut self, at: GuestAddr) -> Result<(u32, BlockId), Fault> {
        let program = self.program(at, Limits::default())?;
        let region = program.region();
        {
            let mut pages = self
                .shared
                .pages
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            for (start, len) in &region.source {
                for page in start.0 / PAGE..=(start.0 + u64::from(*len).max(1) - 1) / PAGE {
                    if pages.insert(page) {
                        self.shared.memory.watch(GuestAddr(page * PAGE));
                    }
                }
            }
        }
        self.stats.regions += 1;
        self.stats.guest_insns += u64::from(region.guest_insns);
        let id = u32::try_from(self.programs.len()).expect("fewer than 2^32 regions");
        for (i, block) in region.blocks.iter().enumerate() {
            if block.entry {
                let b = BlockId(u32::try_from(i).expect("regions are bounded"));
                self.entries.entry(block.addr.0).or_insert((id, b));
            }
        }
        // The entry block always belongs to the newest translation of its address.
        self.entries.insert(at.0, (id, BlockId(0)));
        self.programs.push(program);
        Ok((id, BlockId(0)))
    }

    fn program(&self, at: GuestAddr, limits: Limits) -> Result<Program, Fault> {
        let mut region = lift::translate(&*self.shared.memory, at, limits)?;
        opt::optimize(&mut region);
        Ok(Program::new(region))
    }

    /// Executes the one instruction at RIP without keeping or watching anything: what a store into the
    /// page it lies in needs to get ahead.
    fn step(&mut self, cpu: &mut CpuState) -> Outcome {
        let limits = Limits {
            insns: 1,
            follow: false,
            ..Limits::default()
        };
        match self.program(cpu.pc(), limits) {
            Ok(mut program) => program.run(cpu, BlockId(0)),
            Err(fault) => Outcome::Fault(fault),
        }
    }

    /// Goes on one instruction at a time while TF is set.
    fn single_step(&mut self, cpu: &mut CpuState) -> Option<Exit> {
        let memory = Arc::clone(&self.shared.memory);
        step::run(&*memory, cpu, |fault| self.wrote_code(fault))
    }

    /// If `fault` is a store into watched code: lets it through and says true.
    fn wrote_code(&mut self, fault: Fault) -> bool {
        let Fault::Page(page) = fault else {
            return false;
        };
        let refused = page.write && page.kind == MemFaultKind::Protection;
        if !refused || !self.shared.memory.unwatch(page.addr) {
            return false;
        }
        self.shared.forget(page.addr, 1);
        for alias in self.shared.memory.aliases(page.addr) {
            self.shared.forget(alias, 1);
        }
        true
    }

    fn log_undefined(&self, rip: GuestAddr) {
        if let Some(what) = lift::region::describe(&*self.shared.memory, rip) {
            tracing::warn!("undefined instruction at {what}");
        }
    }
}

fn fast_slot(rip: u64) -> usize {
    // Code is byte-addressed and entries are sparse: fold some higher bits in.
    usize::try_from((rip ^ rip >> 12) % FAST as u64).expect("small")
}

impl Shared {
    /// Drops what was made from these bytes, in all threads.
    fn forget(&self, start: GuestAddr, len: u64) {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = (
            start.0 / PAGE,
            start.0.saturating_add(len.max(1) - 1) / PAGE,
        );
        let before = pages.len();
        if last - first < 1024 {
            (first..=last).for_each(|p| {
                pages.remove(&p);
            });
        } else {
            pages.retain(|p| !(first..=last).contains(p));
        }
        if pages.len() != before {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }
}

impl Engine for InterpEngine {
    fn run(&mut self, cpu: &mut CpuState) -> Exit {
        if let Some(exit) = step::if_set(cpu, |cpu| self.single_step(cpu)) {
            return exit;
        }
        loop {
            let generation = self.shared.generation.load(Ordering::Acquire);
            if generation != self.generation {
                self.generation = generation;
                self.flush();
            }
            let outcome = match self.lookup(cpu.rip) {
                Ok((program, block)) => self.programs[program as usize].run(cpu, block),
                Err(fault) => Outcome::Fault(fault),
            };
            let mut outcome = outcome;
            for _ in 0..REPEATED {
                match outcome {
                    Outcome::Fault(fault) if self.wrote_code(fault) => outcome = self.step(cpu),
                    _ => break,
                }
            }
            match outcome {
                Outcome::Continue => {}
                Outcome::Syscall => return Exit::Syscall,
                Outcome::Interrupted => return Exit::Interrupted,
                Outcome::Fault(Fault::SingleStep) => {
                    if let Some(exit) = self.single_step(cpu) {
                        return exit;
                    }
                }
                Outcome::Fault(fault) => {
                    if fault == Fault::InvalidOpcode {
                        self.log_undefined(cpu.pc());
                    }
                    return Exit::Fault(fault);
                }
            }
        }
    }

    fn invalidate(&mut self, start: GuestAddr, len: u64) {
        self.shared.forget(start, len);
    }

    fn for_thread(&self) -> io::Result<Box<dyn Engine + Send>> {
        Ok(Box::new(InterpEngine::with(Arc::clone(&self.shared))))
    }

    fn after_fork(&mut self) {
        // Another thread of the parent may have held the lock; it is not there to let go of it.
        if matches!(self.shared.pages.try_lock(), Err(TryLockError::WouldBlock)) {
            *self = InterpEngine::new(Arc::clone(&self.shared.memory));
        }
    }

    fn stats(&self) -> String {
        let Stats {
            regions,
            guest_insns,
            flushes,
        } = self.stats;
        format!(
            "interp: {regions} regions, {guest_insns} guest instructions translated, {flushes} flushes"
        )
    }
}
