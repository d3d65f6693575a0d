//! The JIT engine: translates regions to RV64 code and runs it, on RISC-V hosts.
//!
//! All threads of a process share one cache of translations (`cache` says under which lock rules); each
//! has its own engine with its own lookup table. Translated code runs until it leaves at a point of
//! its translation; the engine then rebuilds the guest's state from the point (`lower::Point`) and
//! decides what comes next. Code that has run only a few times is evaluated (`cold`), and so is what
//! cannot be translated.
//!
//! Knows no guest OS. Invariant: when `run` returns, the register file is the whole exact state.

mod cache;
mod host;
mod lookup;
mod observe;
mod profile;
mod runtime;

use super::{CodeMemory, Engine, Exit, REPEATED};
use crate::exec::cold::{self, Cold, Heat};
use crate::interp::{Outcome, Program};
use crate::ir::{BlockId, Region};
use crate::lift::region::Lifter;
use crate::lift::{self, Limits};
use crate::lower::{self, FpMode, LowerError, Translation, What, abi};
use crate::opt::{self, Optimizer};
use crate::rv64::{Feature, HostIsa};
use crate::sys;
use crate::sys::jit::{Capture, Executable, Routines};
use crate::x86::{CpuState, Fault, Gpr, GuestAddr, MemFault, MemFaultKind, Trap};
use cache::{Cache, source_pages};
use lookup::Lookup;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

pub use host::probe;
pub use observe::{Observer, Wishes};

/// Address space reserved for code; only what is written costs memory.
const CODE_BYTES: usize = 256 << 20;

/// The numbers `sys::jit` repeats because it is below `lower`.
const _: () = {
    use sys::jit::slot;
    assert!(slot::LEAVE == abi::slot::LEAVE && slot::CALL == abi::slot::CALL);
    assert!(slot::CALL_SYNCED == abi::slot::CALL_SYNCED && slot::CAPTURE == abi::slot::CAPTURE);
    assert!(slot::XMM_RESIDENT == abi::slot::XMM_RESIDENT && slot::FAULT == abi::slot::FAULT);
    assert!(slot::DESC == abi::slot::DESC);
};

struct Shared {
    memory: Arc<dyn CodeMemory>,
    isa: HostIsa,
    code: Executable,
    routines: Routines,
    cache: Mutex<Cache>,
    stats: Mutex<Stats>,
    /// How often code was withdrawn that threads' cold code may have been made from.
    generation: AtomicU64,
    /// The pages withdrawn last, by the generation that began with it. Changes under the cache's lock,
    /// as the generation does.
    withdrawn: Mutex<VecDeque<(u64, u64, u64)>>,
    /// Whether code keeps x86's order of loads and stores: once somebody else may look on.
    ordered: AtomicBool,
    observer: Option<Arc<Observer>>,
}

/// How many withdrawals are remembered. A thread that missed more forgets all its cold code.
const REMEMBERED: usize = 64;

/// Counters for `--stats`.
#[derive(Clone, Copy, Default, Debug)]
struct Stats {
    regions: u64,
    guest_insns: u64,
    host_insns: u64,
    evaluated: u64,
    time: Duration,
}

/// See the module's head.
pub struct JitEngine {
    shared: Arc<Shared>,
    /// One for each `FpMode`.
    lookups: [Arc<Lookup>; 2],
    capture: Box<Capture>,
    cold: Cold,
    translator: Translator,
    /// The generation `cold` is of.
    generation: u64,
}

/// Where code goes on.
enum Next {
    /// At this offset of the code.
    Code(usize),
    /// In this unit of cold code.
    Cold(u32),
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

    /// As `new`, with somebody who watches what is translated.
    ///
    /// # Errors
    /// As `new`.
    pub fn observed(
        memory: Arc<dyn CodeMemory>,
        isa: HostIsa,
        observer: Option<Arc<Observer>>,
    ) -> io::Result<JitEngine> {
        let routines = sys::jit::routines()
            .ok_or_else(|| io::Error::other("translated code runs on RISC-V hosts only"))?;
        let code = Executable::new(CODE_BYTES)?;
        code.announce()?;
        sys::fault::set_hook(sys::jit::fault_hook);
        JitEngine::with(Arc::new(Shared {
            memory,
            isa,
            code,
            routines,
            cache: Mutex::default(),
            stats: Mutex::default(),
            generation: AtomicU64::new(0),
            withdrawn: Mutex::default(),
            ordered: AtomicBool::new(false),
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
            shared,
            lookups,
            capture: Box::default(),
            cold: Cold::default(),
            translator: Translator::default(),
        })
    }

    /// Takes a translation made elsewhere, for `execute`; forgets all others. False if it is too large.
    ///
    /// # Panics
    /// If other threads share the cache.
    pub fn install(&mut self, t: Translation) -> bool {
        assert_eq!(Arc::strong_count(&self.shared), 1, "the cache is shared");
        self.cold.clear();
        let mut cache = self.shared.cache();
        cache.clear();
        cache.install(&self.shared.code, Box::new(t)).is_some()
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
                Left::Again => return exit(self.evaluate(cpu, ONE)),
                Left::Elsewhere => return None,
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
        s[abi::slot::XMM_RESIDENT] = u64::from(abi::xmm_resident(self.shared.isa));
    }

    /// What to do at `guest`.
    fn seek(&mut self, guest: u64, mode: FpMode, from_code: bool) -> Result<Next, Fault> {
        self.catch_up();
        let weight = if from_code { cold::FROM_CODE } else { 1 };
        match self.cold.heat(guest, weight) {
            Heat::Cold(unit) => return Ok(Next::Cold(unit)),
            Heat::Hot => {}
            Heat::Unknown => {
                if let Some(at) = self.shared.cache().entry(guest, mode) {
                    return Ok(Next::Code(at));
                }
                let shared = &self.shared;
                let watch = |page: u64| {
                    // Under the lock: whoever finds the page noted may read it.
                    let mut cache = shared.cache();
                    let new = cache.watch(page);
                    if new {
                        shared.memory.watch(GuestAddr(page * 4096));
                    }
                    new
                };
                if let Some(unit) = self.cold.lift(&*shared.memory, guest, watch)? {
                    return Ok(Next::Cold(unit));
                }
            }
        }
        self.find(guest, mode)
    }

    /// Forgets cold code that was withdrawn since this was last called.
    fn catch_up(&mut self) {
        let now = self.shared.generation.load(Ordering::Acquire);
        if now == self.generation {
            return;
        }
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
        if let Some(at) = self.shared.cache().entry(guest, mode) {
            return Ok(Next::Code(at));
        }
        let begun = Instant::now();
        let memory = &*self.shared.memory;
        // The lock is not held: two threads may translate the same code, and the second is dropped.
        // What has code already is linked to, not translated again, unless it would find its flags in
        // memory.
        let cold = &self.cold;
        let known = |at: GuestAddr| {
            let linked = || self.shared.cache().entry(at.0, mode).is_some();
            cold.reads_flags(at) || cold.knows(at) && !linked()
        };
        let observer = self.shared.observer.as_ref();
        let meter = observer.and_then(|o| o.begin());
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
            if let Some(at) = cache.entry(guest, mode) {
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
        let Some(id) = cache.install(&self.shared.code, t) else {
            return Ok(Next::Evaluate);
        };
        if let Some((observer, seen)) = kept {
            observer.installed(seen, self.shared.code.base() + cache.start(id));
        }
        let mut stats = self
            .shared
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        stats.regions += 1;
        stats.guest_insns += insns;
        stats.host_insns += words;
        stats.time += begun.elapsed();
        if let Some(o) = observer {
            o.ended(meter);
        }
        Ok(cache.entry(guest, mode).map_or(Next::Evaluate, Next::Code))
    }

    /// Runs code from offset `at` until it leaves, and rebuilds the guest's state.
    fn enter(&mut self, cpu: &mut CpuState, at: usize) -> Left {
        let frm = rounding(cpu.mxcsr);
        let place = sys::jit::enter(&self.shared.code, at, frm, cpu, &mut self.capture);
        let cache = self.shared.cache();
        let Some((region, translation, point)) = cache.point(place) else {
            drop(cache);
            panic!("translated code was left at {place:#x}, which is no point (felix's own error)");
        };
        translation.recover(point, &self.capture.x, cpu);
        match point.what {
            What::Link(exit) => Left::Link {
                region,
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

    /// Evaluates code at RIP: at most `limits`.
    fn evaluate(&self, cpu: &mut CpuState, limits: Limits) -> Outcome {
        let translated = lift::translate(&*self.shared.memory, cpu.pc(), limits);
        self.shared
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .evaluated += 1;
        match translated {
            Ok(mut region) => {
                opt::optimize(&mut region);
                Program::new(region).run(cpu, BlockId(0))
            }
            Err(fault) => Outcome::Fault(fault),
        }
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

/// The stages from guest code to host code, with the memory they keep.
#[derive(Default)]
struct Translator {
    lifter: Lifter,
    optimizer: Optimizer,
    lowering: lower::Memory,
}

impl Translator {
    /// Translates the region at `at`, and gives the region too. Branches are followed to what is `known`
    /// only; with `counting`, code counts its executions.
    fn translate(
        &mut self,
        memory: &dyn CodeMemory,
        isa: HostIsa,
        mode: FpMode,
        at: GuestAddr,
        known: &dyn Fn(GuestAddr) -> bool,
        counting: bool,
    ) -> Result<Option<(Region, Box<Translation>)>, Fault> {
        let full = Limits::default();
        let smaller = [full.insns, 16, 1].map(|insns| Limits {
            insns,
            follow: insns == full.insns,
            ..full
        });
        for limits in smaller {
            let mut region = self.lifter.translate(memory, at, limits, known)?;
            self.optimizer.optimize(&mut region);
            self.lifter.reuse(self.optimizer.spare());
            match lower::lower_with(&region, isa, mode, counting, &mut self.lowering) {
                Ok(t) => return Ok(Some((region, Box::new(t)))),
                Err(LowerError::TooComplex | LowerError::Asm(_)) => {}
            }
        }
        Ok(None)
    }
}

/// How code was left.
enum Left {
    /// By an exit that is not linked.
    Link {
        region: cache::RegionId,
        exit: usize,
    },
    /// By an indirect jump.
    Indirect,
    /// MXCSR is of another mode now.
    Elsewhere,
    /// In the middle of an instruction that is to be done again, evaluated.
    Again,
    /// For something code does not handle.
    Stopped(Outcome),
}

impl Shared {
    fn withdrawn(&self) -> MutexGuard<'_, VecDeque<(u64, u64, u64)>> {
        self.withdrawn
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What code is lowered for: without anybody to look on, no order need be kept.
    fn lowered_for(&self) -> HostIsa {
        if self.ordered.load(Ordering::Acquire) {
            self.isa
        } else {
            self.isa.with(Feature::Ztso)
        }
    }

    /// From now on memory has other users. Called while the process has one thread, which is not in code.
    fn order(&self) {
        if !self.ordered.swap(true, Ordering::AcqRel) && !self.isa.has(Feature::Ztso) {
            self.cache().restart();
        }
    }

    /// True if code `t` is made from may have been withdrawn since `generation`.
    fn withdrawn_since(&self, generation: u64, t: &Translation) -> bool {
        if self.generation.load(Ordering::Acquire) == generation {
            return false;
        }
        let withdrawn = self.withdrawn();
        if withdrawn.front().is_none_or(|w| w.0 > generation + 1) {
            return true;
        }
        let later = withdrawn.iter().filter(|w| w.0 > generation);
        later
            .into_iter()
            .any(|(_, first, last)| source_pages(t).any(|p| (first..=last).contains(&&p)))
    }

    /// Withdraws all code made from these bytes, in all threads.
    fn withdraw(&self, start: GuestAddr, len: u64) {
        let mut cache = self.cache();
        if !cache.invalidate(&self.code, start, len) {
            return;
        }
        let mut withdrawn = self.withdrawn();
        let generation = self.generation.load(Ordering::Relaxed) + 1;
        if withdrawn.len() == REMEMBERED {
            withdrawn.pop_front();
        }
        let last = start.0.saturating_add(len.max(1) - 1) >> 12;
        withdrawn.push_back((generation, start.0 >> 12, last));
        self.generation.store(generation, Ordering::Release);
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        self.prepare(cpu);
        // How the code just left is to be told where it led to.
        let mut from = None;
        let mut from_code = false;
        let mut mode = FpMode::of(cpu.mxcsr);
        loop {
            // Evaluating may have changed it; translated code is left then.
            if FpMode::of(cpu.mxcsr) != mode {
                mode = FpMode::of(cpu.mxcsr);
                from = None;
                self.prepare(cpu);
            }
            let known = self.lookups[mode as usize].get(cpu.rip);
            let next = match known {
                #[allow(clippy::cast_possible_truncation)] // Hosts have 64 bits.
                Some(host) => Ok(Next::Code(host as usize - self.shared.code.base())),
                None => self.seek(cpu.rip, mode, from_code),
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
                            if let Some((region, exit)) = link {
                                cache.link(&self.shared.code, region, exit, at);
                            }
                        }
                    }
                    from_code = true;
                    match self.enter(cpu, at) {
                        Left::Stopped(outcome) => outcome,
                        Left::Again => self.evaluate(cpu, ONE),
                        Left::Link { region, exit } => {
                            from = Some((region, exit));
                            continue;
                        }
                        Left::Indirect | Left::Elsewhere => continue,
                    }
                }
                Ok(Next::Cold(unit)) => match self.cold.run(unit, cpu) {
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
        Ok(Box::new(JitEngine::with(Arc::clone(&self.shared))?))
    }

    fn stats(&self) -> String {
        let Stats {
            regions,
            guest_insns,
            host_insns,
            evaluated,
            time,
        } = *self
            .shared
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let bytes = self.shared.cache().used();
        let cost = match self.shared.observer.as_ref().and_then(|o| o.cost()) {
            Some(n) => format!(", {} host instructions each", n / guest_insns.max(1)),
            None => String::new(),
        };
        format!(
            "jit ({}): {regions} regions, {guest_insns} guest instructions translated to {host_insns} \
             words ({bytes} bytes) in {:.1} ms{cost}, {evaluated} instructions evaluated",
            self.shared.isa,
            time.as_secs_f64() * 1e3,
        )
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod sse_tests;
