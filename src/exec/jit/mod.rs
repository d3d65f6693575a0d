//! The JIT engine: translates regions to RV64 code and runs it, on RISC-V hosts.
//!
//! All threads of a process share one cache of translations (`cache` says under which lock rules); each
//! has its own engine with its own lookup table. Translated code runs until it leaves at a point of
//! its translation; the engine then rebuilds the guest's state from the point (`lower::Point`) and
//! decides what comes next. Code that has run only a few times is evaluated (`cold`), and so is what
//! cannot be translated; then it is made one by one, which counts its executions, and what is hot is
//! translated (`tiers`).
//!
//! Knows no guest OS. Invariant: when `run` returns, the register file is the whole exact state.

mod cache;
mod host;
mod lookup;
mod observe;
mod profile;
mod runtime;
mod shared;
mod tiers;

use super::{CodeMemory, Engine, Exit, REPEATED, step};
use crate::exec::cold::{self, Cold, Heat, Steps};
use crate::interp::{Outcome, Program};
use crate::ir::BlockId;
use crate::lift::quick::Quick;
use crate::lift::{self, Limits};
use crate::lower::baseline::{Baseline, Place, Why};
use crate::lower::{FpMode, Translation, What, abi};
use crate::opt;
use crate::rv64::{Feature, HostIsa};
use crate::sys;
use crate::sys::jit::{Capture, Executable, Routines};
use crate::sys::meter::Work;
use crate::x86::{CpuState, Fault, Gpr, GuestAddr, MemFault, MemFaultKind, Trap};
use cache::{At, Cache, Owner, source_pages};
use lookup::Lookup;
use shared::Shared;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Instant;
use tiers::{PART, Translator};

pub use cache::Placed;
pub use host::probe;
pub use observe::{Observer, Wishes};
pub use tiers::Tiers;

/// Address space reserved for code; only what is written costs memory.
const CODE_BYTES: usize = 256 << 20;

/// The numbers `sys::jit` repeats because it is below `lower`.
const _: () = {
    use sys::jit::slot;
    assert!(slot::LEAVE == abi::slot::LEAVE && slot::CALL == abi::slot::CALL);
    assert!(slot::CALL_SYNCED == abi::slot::CALL_SYNCED && slot::CAPTURE == abi::slot::CAPTURE);
    assert!(slot::RESIDENT == abi::slot::RESIDENT && slot::FAULT == abi::slot::FAULT);
    assert!(slot::DESC == abi::slot::DESC);
};

/// See the module's head.
pub struct JitEngine {
    shared: Arc<Shared>,
    /// One for each `FpMode`.
    lookups: [Arc<Lookup>; 2],
    capture: Box<Capture>,
    cold: Cold,
    baseline: Baseline,
    /// The instructions of a unit.
    plain: Vec<Quick>,
    translator: Translator,
    /// The generation `cold` is of.
    generation: u64,
    /// Pages this thread watched, by the low bits of their numbers, and in which generation.
    watched: [(u64, u64); WATCHED],
}

/// See `JitEngine::watched`.
const WATCHED: usize = 32;
/// No page.
const NO_PAGE: (u64, u64) = (u64::MAX, 0);

/// Where code goes on.
enum Next {
    /// At this offset of the code.
    Code(usize),
    /// In this unit of cold code.
    Cold(Steps),
    /// Nowhere yet: there is no translation, so the region at RIP is evaluated.
    Evaluate,
}

impl JitEngine {
    /// An engine for the first thread of a process. `isa` must be what the host has, or less.
    ///
    /// # Errors
    /// If this is no RISC-V host, or it gives no memory to execute.
    pub fn new(memory: Arc<dyn CodeMemory>, isa: HostIsa) -> io::Result<JitEngine> {
        JitEngine::observed(memory, isa, None)
    }

    /// As `new`, with all code made as `tiers` says.
    ///
    /// # Errors
    /// As `new`.
    pub fn tiered(memory: Arc<dyn CodeMemory>, isa: HostIsa, tiers: Tiers) -> io::Result<Self> {
        JitEngine::make(memory, isa, tiers, None)
    }

    /// As `new`, with somebody who watches what is translated.
    ///
    /// # Errors
    /// As `new`.
    pub fn observed(
        memory: Arc<dyn CodeMemory>,
        isa: HostIsa,
        observer: Option<Arc<Observer>>,
    ) -> io::Result<JitEngine> {
        JitEngine::make(memory, isa, Tiers::default(), observer)
    }

    fn make(
        memory: Arc<dyn CodeMemory>,
        isa: HostIsa,
        tiers: Tiers,
        observer: Option<Arc<Observer>>,
    ) -> io::Result<JitEngine> {
        let routines = sys::jit::routines()
            .ok_or_else(|| io::Error::other("translated code runs on RISC-V hosts only"))?;
        let code = Executable::new(CODE_BYTES)?;
        code.announce()?;
        sys::fault::set_hook(sys::jit::fault_hook);
        if isa.has(Feature::Zacas) {
            sys::guest::use_zacas();
        }
        JitEngine::with(Arc::new(Shared {
            memory,
            isa,
            code,
            routines,
            cache: Mutex::new(Cache::new()),
            stats: Mutex::default(),
            generation: AtomicU64::new(0),
            withdrawn: Mutex::default(),
            ordered: AtomicBool::new(false),
            unseen: AtomicBool::new(false),
            tiers,
            early: AtomicU32::new(tiers.early),
            observer,
        }))
    }

    fn with(shared: Arc<Shared>) -> io::Result<JitEngine> {
        let lookups = [Arc::new(Lookup::new()?), Arc::new(Lookup::new()?)];
        for lookup in &lookups {
            shared.cache().add_lookup(lookup);
        }
        Ok(JitEngine {
            generation: shared.generation.load(Ordering::Acquire),
            cold: Cold::new(shared.tiers.warm),
            shared,
            lookups,
            capture: Box::default(),
            baseline: Baseline::default(),
            plain: Vec::new(),
            translator: Translator::default(),
            watched: [NO_PAGE; WATCHED],
        })
    }

    /// Takes a translation made elsewhere, for `execute`; forgets all others. False if it is too large.
    ///
    /// # Panics
    /// If other threads share the cache.
    pub fn install(&mut self, t: Translation) -> bool {
        self.begin_batch();
        let placed = self.place(t);
        placed.map(|p| self.install_placed(p)).is_some()
    }

    /// Forgets all code, also what was placed.
    ///
    /// # Panics
    /// If other threads share the cache.
    pub fn begin_batch(&mut self) {
        self.forget();
        self.shared.cache().begin_batch();
    }

    /// Puts a translation made elsewhere into memory, for `install_placed` until the next batch begins;
    /// `None` if it is too large. For several this comes before any of them runs: to write where code has
    /// run costs an emulator a signal and much of what it has translated.
    pub fn place(&mut self, t: Translation) -> Option<Placed> {
        let code = &self.shared.code;
        self.shared.cache().place(code, Box::new(t))
    }

    /// Takes what was placed, for `execute`; forgets all others.
    ///
    /// # Panics
    /// If other threads share the cache, or it was placed in an earlier batch.
    pub fn install_placed(&mut self, placed: Placed) {
        self.forget();
        self.shared.unseen.store(true, Ordering::Relaxed);
        let mut cache = self.shared.cache();
        for page in source_pages(placed.translation()) {
            if cache.watch(page) {
                self.shared.memory.watch(GuestAddr(page * 4096));
            }
        }
        cache.install_placed(&self.shared.code, placed);
    }

    /// Forgets all code that is known.
    ///
    /// # Panics
    /// If other threads share the cache.
    pub fn forget(&mut self) {
        assert_eq!(Arc::strong_count(&self.shared), 1, "the cache is shared");
        self.cold.clear();
        self.watched = [NO_PAGE; WATCHED];
        self.shared.cache().forget();
    }

    /// Runs the installed translation from `cpu.rip`, which must be one of its entries. `None` if
    /// control left the translation: RIP says whereto.
    pub fn execute(&mut self, cpu: &mut CpuState) -> Option<Exit> {
        self.prepare(cpu);
        let mode = FpMode::of(cpu.mxcsr);
        let mut at = self.shared.cache().entry(cpu.rip, mode)?;
        loop {
            match self.enter(cpu, at) {
                Left::Stopped(outcome) => return exit(outcome),
                Left::Again | Left::Evaluate => return exit(self.evaluate(cpu, ONE)),
                Left::Elsewhere | Left::Hot(_) => return None,
                Left::Link { .. } | Left::Indirect => {
                    at = self.shared.cache().entry(cpu.rip, mode)?
                }
            }
        }
    }

    /// Translates the region at `at`, to be run while MXCSR is of `mode`.
    ///
    /// # Errors
    /// The fault of fetching its first instruction.
    pub fn translate(
        memory: &dyn CodeMemory,
        isa: HostIsa,
        mode: FpMode,
        at: GuestAddr,
    ) -> Result<Option<Translation>, Fault> {
        let made = Translator::default().translate(memory, isa, mode, at, &|_| true, false)?;
        Ok(made.map(|(_, t)| *t))
    }

    /// Makes code instruction by instruction, to be looked at only, for guest code whose instructions are at
    /// these addresses, ascending.
    pub fn translate_plainly(
        memory: &dyn CodeMemory,
        isa: HostIsa,
        code: impl Iterator<Item = u64>,
    ) {
        let (mut cold, mut plain) = (Cold::new(0), Vec::new());
        let mut baseline = Baseline::default();
        let mut next = 0;
        for at in code {
            if at < next || !matches!(cold.lift(memory, at, |_| false), Ok(Some(_))) {
                continue;
            }
            plain.clear();
            if let Heat::Warm(unit) = cold.heat(at, 1) {
                cold.plain(unit, &mut plain);
            }
            let n = baseline.lower(GuestAddr(at), &plain, isa);
            let len: u64 = plain[..n].iter().map(|q| u64::from(q.len)).sum();
            next = at + len;
        }
    }

    /// The words of the register file that code and thunks look at.
    fn prepare(&self, cpu: &mut CpuState) {
        let Routines {
            leave,
            call,
            call_synced,
        } = self.shared.routines;
        let s = &mut cpu.scratch;
        s[abi::slot::LEAVE] = leave as u64;
        s[abi::slot::CALL] = call as u64;
        s[abi::slot::CALL_SYNCED] = call_synced as u64;
        s[abi::slot::EVAL] = runtime::evaluate as *const () as u64;
        s[abi::slot::HELPER] = runtime::run_helper as *const () as u64;
        s[abi::slot::LOOKUP] = self.lookups[FpMode::of(cpu.mxcsr) as usize].address();
        s[abi::slot::RESIDENT] = abi::resident_bytes(self.shared.isa);
    }

    /// What to do at `guest`.
    fn seek(&mut self, guest: u64, mode: FpMode, from_code: bool) -> Result<Next, Fault> {
        self.catch_up();
        let weight = if from_code { cold::FROM_CODE } else { 1 };
        match self.cold.heat(guest, weight) {
            Heat::Cold(unit) => return Ok(Next::Cold(unit)),
            Heat::Warm(unit) => return Ok(self.make_plain(unit, guest, mode)),
            Heat::Hot => {}
            Heat::Unknown => {
                if let Some(at) = self.unseen(guest, mode) {
                    return Ok(Next::Code(at));
                }
                if let Some(unit) = self.lift(guest)? {
                    return Ok(match self.cold.heat(guest, 0) {
                        Heat::Warm(id) => self.make_plain(id, guest, mode),
                        _ => Next::Cold(unit),
                    });
                }
            }
        }
        self.find(guest, mode)
    }

    /// Unit `unit` is warm.
    fn make_plain(&mut self, unit: u32, guest: u64, mode: FpMode) -> Next {
        match self.baseline(unit, guest, mode) {
            Some(at) => Next::Code(at),
            None => Next::Cold(self.cold.steps(unit)),
        }
    }

    /// Makes the unit at `guest`; see `Cold::lift`.
    fn lift(&mut self, guest: u64) -> Result<Option<Steps>, Fault> {
        let shared = &self.shared;
        let seen = &mut self.watched;
        let generation = self.generation;
        let watch = |page: u64| {
            // Nothing was withdrawn since: it still is.
            let place = usize::try_from(page).unwrap_or(0) % WATCHED;
            let new = std::mem::replace(&mut seen[place], (page, generation)) != (page, generation);
            new && shared.watch(page)
        };
        self.cold.lift(&*shared.memory, guest, watch)
    }

    /// Code for unit `unit`, which begins at `guest`, made instruction by instruction.
    fn baseline(&mut self, unit: u32, guest: u64, mode: FpMode) -> Option<usize> {
        let shared = &*self.shared;
        if let Some(at) = shared.cache().entry(guest, mode) {
            return Some(at);
        }
        let observer = shared.observer.as_ref();
        let meter = observer.and_then(|o| o.begin(Work::Unit));
        self.plain.clear();
        // With a profile being made none: its executions would not be counted.
        if !observer.is_some_and(|o| o.counting()) {
            self.cold.plain(unit, &mut self.plain);
        }
        let isa = shared.lowered_for();
        let n = self.baseline.lower(GuestAddr(guest), &self.plain, isa);
        let len = self.plain[..n].iter().map(|q| u64::from(q.len)).sum();
        let mut cache = shared.cache();
        if shared.generation.load(Ordering::Acquire) != self.generation {
            // Perhaps it is not what is there now.
            return None;
        }
        if let Some(at) = cache.entry(guest, mode) {
            return Some(at);
        }
        let (source, hot) = ((guest, len), shared.tiers.hot);
        let code = &mut self.baseline;
        let made = (n > 0)
            .then(|| cache.install_unit(&shared.code, code, source, mode, hot))
            .flatten();
        let Some(at) = made else {
            self.cold.not_plain(unit);
            return None;
        };
        let mut stats = shared.stats();
        stats.units += 1;
        stats.unit_insns += n as u64;
        if let Some(o) = observer {
            o.made_plain(guest, shared.code.base() + at, cache.used() - at);
            o.ended(Work::Unit, meter);
        }
        Some(at)
    }

    /// Forgets cold code that was withdrawn since this was last called.
    #[inline]
    fn catch_up(&mut self) {
        let now = self.shared.generation.load(Ordering::Acquire);
        if now != self.generation {
            self.catch_up_to(now);
        }
    }

    #[cold]
    fn catch_up_to(&mut self, now: u64) {
        let withdrawn = self.shared.withdrawn();
        match withdrawn.front() {
            Some((oldest, ..)) if *oldest <= self.generation + 1 => {
                for (generation, first, last) in &*withdrawn {
                    if *generation > self.generation {
                        self.cold.forget(*first, *last);
                    }
                }
            }
            _ => self.cold.clear(),
        }
        self.generation = now;
    }

    /// The code for `guest` in this mode, translated if need be.
    fn find(&mut self, guest: u64, mode: FpMode) -> Result<Next, Fault> {
        if let Some(at) = self.shared.cache().region(guest, mode) {
            return Ok(Next::Code(at));
        }
        self.shared.early.store(0, Ordering::Relaxed);
        let begun = Instant::now();
        let memory = &*self.shared.memory;
        // The lock is not held: two threads may translate the same code, and the second is dropped.
        // What has code already is linked to, not translated again, unless it would find its flags in
        // memory.
        let cold = &self.cold;
        let shared = &*self.shared;
        let often = i32::try_from(shared.tiers.hot / PART).unwrap_or(i32::MAX);
        let known = |at: GuestAddr| {
            let cache = shared.cache();
            let ran = || match cache.counter(&shared.code, at.0, mode) {
                Some(left) => shared.tiers.hot.cast_signed().saturating_sub(left) >= often,
                None => cold.knows(at),
            };
            cold.reads_flags(at) || cache.region(at.0, mode).is_none() && ran()
        };
        let observer = self.shared.observer.as_ref();
        let meter = observer.and_then(|o| o.begin(Work::Region));
        let counting = observer.is_some_and(|o| o.counting());
        let (region, mut t, mut cache) = loop {
            let generation = self.shared.generation.load(Ordering::Acquire);
            let isa = self.shared.lowered_for();
            let guest_at = GuestAddr(guest);
            let made = self
                .translator
                .translate(memory, isa, mode, guest_at, &known, counting)?;
            let Some((region, t)) = made else {
                return Ok(Next::Evaluate);
            };
            let mut cache = self.shared.cache();
            if let Some(at) = cache.region(guest, mode) {
                return Ok(Next::Code(at));
            }
            let mut new = false;
            for page in source_pages(&t) {
                if cache.watch(page) {
                    memory.watch(GuestAddr(page * 4096));
                    new = true;
                }
            }
            // What was read while it was not watched, or withdrawn since, may have changed.
            if !new && !self.shared.withdrawn_since(generation, &t) {
                break (region, t, cache);
            }
        };
        let (insns, words) = (u64::from(t.guest_insns), t.words() as u64);
        let kept = observer.and_then(|o| Some((o, o.prepare(&region, &mut t)?)));
        self.translator.lifter.recycle(region);
        self.shared.unseen.store(true, Ordering::Relaxed);
        let Some(id) = cache.install(&self.shared.code, t) else {
            return Ok(Next::Evaluate);
        };
        if let Some((observer, seen)) = kept {
            observer.installed(seen, self.shared.code.base() + cache.start(id));
        }
        let mut stats = self.shared.stats();
        stats.regions += 1;
        stats.guest_insns += insns;
        stats.host_insns += words;
        stats.time += begun.elapsed();
        if let Some(o) = observer {
            o.ended(Work::Region, meter);
        }
        Ok(cache.entry(guest, mode).map_or(Next::Evaluate, Next::Code))
    }

    /// Runs code from offset `at` until it leaves, and rebuilds the guest's state.
    fn enter(&mut self, cpu: &mut CpuState, at: usize) -> Left {
        let frm = rounding(cpu.mxcsr);
        let place = sys::jit::enter(&self.shared.code, at, frm, cpu, &mut self.capture);
        let cache = self.shared.cache();
        let (region, translation, point) = match cache.at(place) {
            Some(At::Point(region, translation, point)) => (region, translation, point),
            Some(At::Unit(n, guest, place)) => return self.left_unit(cpu, &cache, n, guest, place),
            None => {
                drop(cache);
                panic!("code was left at {place:#x}, which is no point (felix's own error)");
            }
        };
        translation.recover(point, &self.capture.x, cpu);
        match point.what {
            What::Link(exit) => Left::Link {
                from: Owner::Region(region),
                exit: exit as usize,
            },
            What::Indirect { pop } if !cpu.pc().is_canonical() => {
                let rsp = &mut cpu.gpr[Gpr::RSP.index()];
                *rsp = rsp.wrapping_sub(pop.into());
                cpu.rip = point.rip;
                Left::Stopped(Outcome::Fault(Fault::GeneralProtection))
            }
            What::Indirect { .. } => Left::Indirect,
            What::Syscall => Left::Stopped(Outcome::Syscall),
            What::Interrupted if cpu.poll.load(Ordering::Relaxed) == 0 => Left::Elsewhere,
            What::Interrupted => Left::Stopped(Outcome::Interrupted),
            What::Trap(n) => {
                let trap = Trap::from_u8(n).unwrap_or(Trap::InvalidOpcode);
                Left::Stopped(Outcome::Fault(trap.into()))
            }
            What::Again => Left::Again,
            What::Reported => Left::Stopped(Outcome::Fault(runtime::reported(cpu))),
            What::Access {
                write,
                stack,
                before,
                ..
            } => {
                let addr = point.address(&self.capture.x).unwrap_or_default();
                let fault = sys::fault::decode(cpu.scratch[abi::slot::FAULT], addr, write);
                let fault = from_start(fault, addr, before);
                Left::Stopped(Outcome::Fault(match fault.classify() {
                    Fault::GeneralProtection if stack => Fault::StackFault,
                    other => other,
                }))
            }
        }
    }

    /// What comes after unit `n`, which begins at `guest`, was left at `place`.
    fn left_unit(
        &self,
        cpu: &mut CpuState,
        cache: &Cache,
        n: usize,
        guest: u64,
        place: Place,
    ) -> Left {
        for r in Gpr::all() {
            cpu.gpr[r.index()] = self.capture.x[usize::from(abi::gpr(r).num())];
        }
        cpu.rip = guest.wrapping_add(place.at.into());
        match place.why {
            Why::Evaluate => Left::Evaluate,
            Why::Hot => Left::Hot(n),
            Why::Poll if cpu.poll.load(Ordering::Relaxed) == 0 => Left::Elsewhere,
            Why::Poll => Left::Stopped(Outcome::Interrupted),
            Why::Exit(exit) => {
                let exit = exit.into();
                let from = Owner::Unit(n);
                cpu.rip = cache.target(from, exit);
                Left::Link { from, exit }
            }
        }
    }

    /// Runs the instructions at RIP without making code for them; what cannot be run so is translated.
    fn step(&mut self, guest: u64, mode: FpMode) -> Result<Next, Fault> {
        self.catch_up();
        match self.cold.heat(guest, cold::FROM_CODE) {
            Heat::Cold(unit) => Ok(Next::Cold(unit)),
            Heat::Warm(unit) => Ok(Next::Cold(self.cold.steps(unit))),
            Heat::Hot => self.find(guest, mode),
            Heat::Unknown => match self.lift(guest)? {
                Some(unit) => Ok(Next::Cold(unit)),
                None => self.find(guest, mode),
            },
        }
    }

    /// Runs unit `unit`, and the cold units it leads to as long as nothing else is to be looked at.
    #[inline(never)]
    fn run_cold(&mut self, mut unit: Steps, cpu: &mut CpuState, mode: FpMode) -> Outcome {
        loop {
            if !self.cold.run(unit, cpu) {
                return self.cold.stopped;
            }
            if cpu.poll.load(Ordering::Relaxed) != 0
                || self.shared.generation.load(Ordering::Acquire) != self.generation
            {
                return Outcome::Continue;
            }
            unit = match self.cold.heat(cpu.rip, 1) {
                Heat::Cold(next) => next,
                Heat::Unknown if self.unseen(cpu.rip, mode).is_none() => match self.lift(cpu.rip) {
                    Ok(Some(next)) => next,
                    Ok(None) => return Outcome::Continue,
                    Err(fault) => return Outcome::Fault(fault),
                },
                Heat::Unknown | Heat::Warm(_) | Heat::Hot => return Outcome::Continue,
            }
        }
    }

    /// The code for `guest`, where this thread has no cold code.
    fn unseen(&self, guest: u64, mode: FpMode) -> Option<usize> {
        // Units are made of cold code, so one thread alone knows them all.
        let any = self.shared.unseen.load(Ordering::Relaxed);
        any.then(|| self.shared.cache().entry(guest, mode))
            .flatten()
    }

    /// Evaluates code at RIP: at most `limits`.
    fn evaluate(&self, cpu: &mut CpuState, limits: Limits) -> Outcome {
        let translated = lift::translate(&*self.shared.memory, cpu.pc(), limits);
        self.shared.stats().evaluated += 1;
        match translated {
            Ok(mut region) => {
                opt::optimize(&mut region);
                Program::new(region).run(cpu, BlockId(0))
            }
            Err(fault) => Outcome::Fault(fault),
        }
    }

    /// Goes on one instruction at a time while TF is set.
    fn single_step(&self, cpu: &mut CpuState) -> Option<Exit> {
        step::run(&*self.shared.memory, cpu, |fault| self.wrote_code(fault))
    }

    /// If `fault` is a store into watched code: lets it through and says true.
    fn wrote_code(&self, fault: Fault) -> bool {
        let Fault::Page(page) = fault else {
            return false;
        };
        let refused = page.write && page.kind == MemFaultKind::Protection;
        if !refused || !self.shared.memory.unwatch(page.addr) {
            return false;
        }
        self.shared.withdraw(page.addr, 1);
        for alias in self.shared.memory.aliases(page.addr) {
            self.shared.withdraw(alias, 1);
        }
        true
    }
}

/// How code was left.
enum Left {
    /// By an exit that is not linked.
    Link { from: Owner, exit: usize },
    /// By an indirect jump.
    Indirect,
    /// MXCSR is of another mode now.
    Elsewhere,
    /// In the middle of an instruction that is to be done again, evaluated.
    Again,
    /// At an instruction that code made one by one does not do.
    Evaluate,
    /// At the start of this unit, which has run often.
    Hot(usize),
    /// For something code does not handle.
    Stopped(Outcome),
}

/// What to do at RIP.
#[derive(Clone, Copy)]
enum How {
    /// What is usual.
    Any,
    /// Code is not to be entered there.
    Step,
    /// It is to be translated.
    Hot,
}

/// The RISC-V rounding mode for MXCSR's.
fn rounding(mxcsr: u32) -> u64 {
    [0, 2, 3, 1][mxcsr as usize >> 13 & 3]
}

fn exit(outcome: Outcome) -> Option<Exit> {
    Some(match outcome {
        Outcome::Continue => return None,
        Outcome::Syscall => Exit::Syscall,
        Outcome::Fault(f) => Exit::Fault(f),
        Outcome::Interrupted => Exit::Interrupted,
    })
}

/// One instruction.
const ONE: Limits = Limits {
    insns: 1,
    span: 1 << 16,
    follow: false,
    polls: true,
    steps: false,
};

/// The fault of a whole operand, given that of a part of it that lies at `addr`, `before` bytes after
/// the operand's start: the CPU reports the first byte it cannot access.
fn from_start(fault: MemFault, addr: GuestAddr, before: u8) -> MemFault {
    let start = addr.offset(-i64::from(before));
    let page = fault.addr.0 >> 12;
    // Probes access the aligned word around a byte, so the host's address may lie before the operand.
    let first = if page == start.0 >> 12 || !start.is_canonical() {
        fault.addr.max(start)
    } else {
        GuestAddr(page << 12)
    };
    let first = if before == 0 {
        first
    } else if page == start.0 >> 12 {
        start
    } else {
        first
    };
    MemFault {
        addr: first,
        ..fault
    }
}

impl Engine for JitEngine {
    fn run(&mut self, cpu: &mut CpuState) -> Exit {
        if self.shared.memory.is_shared() {
            self.shared.order();
        }
        if let Some(exit) = step::if_set(cpu, |cpu| self.single_step(cpu)) {
            return exit;
        }
        self.prepare(cpu);
        // How the code just left is to be told where it led to.
        let mut from = None;
        let mut from_code = false;
        let mut how = How::Any;
        let mut mode = FpMode::of(cpu.mxcsr);
        loop {
            // Evaluating may have changed it; translated code is left then.
            if FpMode::of(cpu.mxcsr) != mode {
                mode = FpMode::of(cpu.mxcsr);
                from = None;
                self.prepare(cpu);
            }
            let known = self.lookups[mode as usize].get(cpu.rip);
            let next = match (std::mem::replace(&mut how, How::Any), known) {
                #[allow(clippy::cast_possible_truncation)] // Hosts have 64 bits.
                (How::Any, Some(host)) => Ok(Next::Code(host as usize - self.shared.code.base())),
                (How::Any, None) => self.seek(cpu.rip, mode, from_code),
                (How::Step, _) => self.step(cpu.rip, mode),
                (How::Hot, _) => self.find(cpu.rip, mode),
            };
            let outcome = match next {
                Ok(Next::Code(at)) => {
                    let link = from.take();
                    if known.is_none() || link.is_some() {
                        let mut cache = self.shared.cache();
                        // It may have been withdrawn since.
                        if cache.entry(cpu.rip, mode) == Some(at) {
                            let lookup = &self.lookups[mode as usize];
                            lookup.insert(cpu.rip, (self.shared.code.base() + at) as u64);
                            if let Some((owner, exit)) = link {
                                cache.link(&self.shared.code, owner, exit, at);
                            }
                        }
                    }
                    from_code = true;
                    match self.enter(cpu, at) {
                        Left::Stopped(outcome) => outcome,
                        Left::Again => self.evaluate(cpu, ONE),
                        Left::Link { from: owner, exit } => {
                            from = Some((owner, exit));
                            continue;
                        }
                        Left::Evaluate => {
                            how = How::Step;
                            continue;
                        }
                        Left::Hot(unit) if self.shared.puts_off() => {
                            let cache = self.shared.cache();
                            cache.count_again(&self.shared.code, unit, self.shared.tiers.hot);
                            continue;
                        }
                        Left::Hot(_) => {
                            how = How::Hot;
                            continue;
                        }
                        Left::Indirect | Left::Elsewhere => continue,
                    }
                }
                Ok(Next::Cold(unit)) => match self.run_cold(unit, cpu, mode) {
                    Outcome::Continue if cpu.poll.load(Ordering::Relaxed) != 0 => {
                        Outcome::Interrupted
                    }
                    outcome => outcome,
                },
                Ok(Next::Evaluate) => self.evaluate(cpu, ONE),
                Err(fault) => Outcome::Fault(fault),
            };
            from = None;
            from_code = false;
            let mut outcome = outcome;
            for _ in 0..REPEATED {
                match outcome {
                    Outcome::Fault(fault) if self.wrote_code(fault) => {
                        outcome = self.evaluate(cpu, ONE);
                    }
                    _ => break,
                }
            }
            if outcome == Outcome::Fault(Fault::SingleStep) {
                match self.single_step(cpu) {
                    Some(exit) => return exit,
                    None => continue,
                }
            }
            if outcome == Outcome::Fault(Fault::InvalidOpcode)
                && let Some(what) = lift::region::describe(&*self.shared.memory, cpu.pc())
            {
                tracing::warn!("undefined instruction at {what}");
            }
            if let Some(exit) = exit(outcome) {
                return exit;
            }
        }
    }

    fn invalidate(&mut self, start: GuestAddr, len: u64) {
        self.shared.withdraw(start, len);
    }

    fn after_fork(&mut self) {
        // Another thread of the parent may have held a lock; it is not there to let go of it. Then the
        // child begins with an empty cache. Without memory for one it stays as it is.
        let blocked = matches!(self.shared.cache.try_lock(), Err(TryLockError::WouldBlock))
            || matches!(self.shared.stats.try_lock(), Err(TryLockError::WouldBlock))
            || matches!(
                self.shared.withdrawn.try_lock(),
                Err(TryLockError::WouldBlock)
            );
        if blocked
            && let Ok(fresh) = JitEngine::observed(
                Arc::clone(&self.shared.memory),
                self.shared.isa,
                self.shared.observer.clone(),
            )
        {
            *self = fresh;
        }
        if let Some(o) = &self.shared.observer {
            o.after_fork();
        }
    }

    fn for_thread(&self) -> io::Result<Box<dyn Engine + Send>> {
        self.shared.order();
        self.shared.unseen.store(true, Ordering::Relaxed);
        Ok(Box::new(JitEngine::with(Arc::clone(&self.shared))?))
    }

    fn stats(&self) -> String {
        self.shared.report()
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod sse_tests;

#[cfg(test)]
mod op_tests;
