//! The portable engine: translates regions to IR and evaluates them, on any host.
//!
//! Each thread has its own programs (their values live in them); what threads share is the set of pages
//! translated from, a generation number that an invalidation raises, and the last invalidations. An engine
//! that finds the generation changed drops its programs made from those pages before the next region.

use super::{CodeMemory, Engine, Exit, PAGE, REPEATED, step};
use crate::interp::{Outcome, Program};
use crate::ir::{BlockId, Region};
use crate::lift::{self, Limits};
use crate::opt;
use crate::x86::{CpuState, Fault, GuestAddr, MemFaultKind};
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Entries of the direct-mapped cache before the map; a power of two.
const FAST: usize = 4096;
/// The program of an empty entry.
const NO_PROGRAM: u32 = u32::MAX;
/// How many invalidations are remembered. A thread that missed more drops everything.
const REMEMBERED: usize = 1024;

struct Shared {
    memory: Arc<dyn CodeMemory>,
    watched: Mutex<Watched>,
    /// How many invalidations there were of pages that some program was made from. Changes under the lock.
    generation: AtomicU64,
}

#[derive(Default)]
struct Watched {
    /// Pages that some program was made from.
    pages: HashSet<u64>,
    /// The last invalidations: the generation each began, and its pages.
    withdrawn: VecDeque<(u64, RangeInclusive<u64>)>,
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
    /// The programs that are no more: their places are for new ones.
    free: Vec<u32>,
    /// The programs made from each page.
    by_page: HashMap<u64, Vec<u32>>,
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
            watched: Mutex::default(),
            generation: AtomicU64::new(0),
        };
        InterpEngine::with(Arc::new(shared))
    }

    fn with(shared: Arc<Shared>) -> InterpEngine {
        let generation = shared.generation.load(Ordering::Acquire);
        InterpEngine {
            shared,
            programs: Vec::new(),
            free: Vec::new(),
            by_page: HashMap::new(),
            entries: HashMap::new(),
            fast: vec![(0, NO_PROGRAM, BlockId(0)); FAST],
            generation,
            stats: Stats::default(),
        }
    }

    /// Drops what was invalidated up to generation `now`.
    #[cold]
    fn catch_up(&mut self, now: u64) {
        let shared = Arc::clone(&self.shared);
        let watched = shared.watched();
        let missed = |g: &u64| *g > self.generation;
        match watched.withdrawn.front() {
            Some((oldest, _)) if *oldest <= self.generation + 1 => {
                let news = watched.withdrawn.iter().filter(|(g, _)| missed(g));
                let news: Vec<RangeInclusive<u64>> = news.map(|(_, pages)| pages.clone()).collect();
                drop(watched);
                news.into_iter().for_each(|pages| self.forget(pages));
            }
            _ => self.flush(),
        }
        self.generation = now;
    }

    /// Drops the programs made from these pages.
    fn forget(&mut self, pages: RangeInclusive<u64>) {
        let gone: Vec<u64> = if pages.end() - pages.start() < self.by_page.len() as u64 {
            pages.filter(|p| self.by_page.contains_key(p)).collect()
        } else {
            let known = self.by_page.keys().copied();
            known.filter(|p| pages.contains(p)).collect()
        };
        for page in gone {
            for id in self.by_page.remove(&page).unwrap_or_default() {
                self.drop_program(id);
            }
        }
    }

    fn drop_program(&mut self, id: u32) {
        let region = self.programs[id as usize].region();
        for page in pages_of(region) {
            if let Some(programs) = self.by_page.get_mut(&page) {
                programs.retain(|p| *p != id);
            }
        }
        for block in region.blocks.iter().filter(|b| b.entry) {
            let at = block.addr.0;
            if self.entries.get(&at).is_some_and(|e| e.0 == id) {
                self.entries.remove(&at);
            }
            let fast = &mut self.fast[fast_slot(at)];
            if fast.1 == id {
                *fast = (0, NO_PROGRAM, BlockId(0));
            }
        }
        self.free.push(id);
    }

    fn flush(&mut self) {
        self.programs.clear();
        self.free.clear();
        self.by_page.clear();
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
        let program = loop {
            let program = self.program(at, Limits::default())?;
            // What was read while it was not watched may have changed since.
            if !self.shared.watch(program.region()) {
                break program;
            }
        };
        let region = program.region();
        self.stats.regions += 1;
        self.stats.guest_insns += u64::from(region.guest_insns);
        let next = u32::try_from(self.programs.len()).expect("fewer than 2^32 regions");
        let id = self.free.pop().unwrap_or(next);
        for page in pages_of(region) {
            let programs = self.by_page.entry(page).or_default();
            if programs.last() != Some(&id) {
                programs.push(id);
            }
        }
        for (i, block) in region.blocks.iter().enumerate() {
            if block.entry {
                let b = BlockId(u32::try_from(i).expect("regions are bounded"));
                self.entries.entry(block.addr.0).or_insert((id, b));
            }
        }
        // The entry block always belongs to the newest translation of its address.
        self.entries.insert(at.0, (id, BlockId(0)));
        match self.programs.get_mut(id as usize) {
            Some(free) => *free = program,
            None => self.programs.push(program),
        }
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

/// The pages a region was made from.
fn pages_of(region: &Region) -> impl Iterator<Item = u64> {
    super::pages(region.source.iter().map(|(start, len)| (start.0, *len)))
}

fn fast_slot(rip: u64) -> usize {
    // Code is byte-addressed and entries are sparse: fold some higher bits in.
    usize::try_from((rip ^ rip >> 12) % FAST as u64).expect("small")
}

impl Shared {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches what `region` was made from; true if something of it was not watched yet.
    fn watch(&self, region: &Region) -> bool {
        let mut new = false;
        let mut watched = self.watched();
        for page in pages_of(region) {
            if watched.pages.insert(page) {
                self.memory.watch(GuestAddr(page * PAGE));
                new = true;
            }
        }
        new
    }

    /// Drops what was made from these bytes, in all threads.
    fn forget(&self, start: GuestAddr, len: u64) {
        let mut watched = self.watched();
        let Watched { pages, withdrawn } = &mut *watched;
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
            if withdrawn.len() == REMEMBERED {
                withdrawn.pop_front();
            }
            let generation = self.generation.load(Ordering::Relaxed) + 1;
            withdrawn.push_back((generation, first..=last));
            self.generation.store(generation, Ordering::Release);
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
                self.catch_up(generation);
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
        if matches!(
            self.shared.watched.try_lock(),
            Err(TryLockError::WouldBlock)
        ) {
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

#[cfg(test)]
mod tests {
    use super::super::PlainMemory;
    use super::*;
    use crate::x86::Gpr;

    /// mov eax, n; syscall
    #[repr(C, align(4096))]
    struct Page([u8; 4096]);

    impl Page {
        fn new(n: u8) -> Box<Page> {
            let mut page = Box::new(Page([0x90; 4096]));
            page.0[..7].copy_from_slice(&[0xb8, n, 0, 0, 0, 0x0f, 0x05]);
            page
        }

        fn at(&self) -> GuestAddr {
            GuestAddr(self.0.as_ptr() as u64)
        }

        fn run(&self, engine: &mut InterpEngine) -> u64 {
            let mut cpu = CpuState {
                rip: self.at().0,
                ..CpuState::default()
            };
            assert_eq!(engine.run(&mut cpu), Exit::Syscall);
            cpu.reg(Gpr::RAX)
        }
    }

    #[test]
    fn only_what_was_made_from_changed_pages_is_made_again() {
        let (mut a, b) = (Page::new(1), Page::new(2));
        let mut engine = InterpEngine::new(Arc::new(PlainMemory));
        let mut other = InterpEngine::with(Arc::clone(&engine.shared));
        assert_eq!((a.run(&mut engine), b.run(&mut engine)), (1, 2));
        assert_eq!(a.run(&mut other), 1);
        a.0[1] = 3;
        engine.invalidate(a.at(), 1);
        assert_eq!((b.run(&mut engine), engine.stats.regions), (2, 2));
        assert_eq!((a.run(&mut engine), engine.stats.regions), (3, 3));
        assert_eq!((a.run(&mut other), other.stats.regions), (3, 2));
        assert_eq!(engine.programs.len(), 2, "the place is used again");
        engine.invalidate(GuestAddr(0), u64::MAX);
        assert_eq!((a.run(&mut engine), b.run(&mut engine)), (3, 2));
        assert_eq!((engine.stats.regions, engine.stats.flushes), (5, 0));
    }

    #[test]
    fn who_missed_too_many_changes_forgets_everything() {
        let (mut a, b) = (Page::new(1), Page::new(2));
        let mut engine = InterpEngine::new(Arc::new(PlainMemory));
        let mut other = InterpEngine::with(Arc::clone(&engine.shared));
        assert_eq!((a.run(&mut other), b.run(&mut other)), (1, 2));
        for n in 0..=REMEMBERED {
            a.0[1] = u8::try_from(n % 100).unwrap();
            engine.invalidate(a.at(), 1);
            assert_eq!(a.run(&mut engine), n as u64 % 100);
        }
        assert_eq!(a.run(&mut other), REMEMBERED as u64 % 100);
        assert_eq!((b.run(&mut other), other.stats.flushes), (2, 1));
    }
}
