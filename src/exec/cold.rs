//! Code that has run only a few times: lifted run by run, evaluated as it is, counted.
//!
//! Most code of a program runs once or twice; translating it costs a hundred times what running it
//! does. So each thread begins here: a *unit* is a straight run of instructions up to a branch. One that
//! begins with resolved instructions is `Warm` after some runs, which is where code made one by one takes
//! over (`lower::baseline`); others are `Hot` after `HOT` runs, to be translated. What a thread has seen run
//! tells which branches to follow (`knows`).
//!
//! `ColdEngine` runs everything so, for the harness; the JIT engine has a `Cold` in each thread.
//!
//! Invariants: the pages a unit was made from are watched, since before their bytes were read; a unit of
//! a page that has changed since is dropped before it runs again (`forget`, called when the shared
//! generation has moved on).

use super::{CodeMemory, Engine, Exit};
use crate::interp::direct::{self, Flow, MAX_INSTS, Slots};
use crate::interp::{self, Outcome};
use crate::ir::{BlockId, Inst, Term};
use crate::lift::addr_map::AddrMap;
use crate::lift::quick::decode::{LOOKS_AT, decode};
use crate::lift::quick::{Quick, quick};
use crate::lift::region::{Lifter, goes_straight_on};
use crate::lift::{self, Limits};
use crate::x86::{CpuState, Fault, GuestAddr, MemFault, MemFaultKind};
use iced_x86::RflagsBits;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How often a unit runs before it gets code of its own, instruction by instruction.
pub const WARM: u32 = 8;
/// How often one that cannot get that runs before it is translated.
const HOT: u32 = 24;
/// The same where its first instruction is resolved, and so costs little to evaluate.
const RESOLVED_HOT: u32 = 400;
/// As how often it counts that translated code led to a unit: it is likely to do so again, and each time
/// costs more than the unit.
pub const FROM_CODE: u32 = 8;
/// How often a REP instruction goes round before it is translated.
const ROUNDS: u32 = 16;
/// How often it must have run to be translated together with what leads to it.
const KNOWN: u32 = 12;
/// Steps and IR instructions kept; beyond that all are lifted again when they run again.
const MOST: usize = 1 << 16;
/// Instructions of a unit at most.
const LONGEST: usize = 32;

/// What is to be done at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heat {
    /// Nothing is known there.
    Unknown,
    /// A unit, to be run.
    Cold(u32),
    /// A unit that has run more than once or twice, and which `plain` has something of.
    Warm(u32),
    /// A unit that has run often.
    Hot,
}

#[derive(Clone, Copy, Debug)]
struct Unit {
    addr: u64,
    /// Its bytes.
    len: u32,
    count: u32,
    /// After how many runs it is hot, if it is not `plain`.
    hot: u32,
    /// Its steps, from `first` to before `end`; `GONE` if it must be lifted again.
    first: u32,
    end: u32,
    /// Whether its first instruction reads status flags.
    reads_flags: bool,
    /// Whether its first instruction is a `Quick`.
    plain: bool,
}

/// `Unit::first` of a unit without steps.
const GONE: u32 = u32::MAX;

/// One instruction of a unit.
#[derive(Clone, Copy, Debug)]
enum Step {
    Quick(Quick),
    /// Lifted: its blocks begin at `first` of `blocks`, its constants at `pool` of `pool`.
    Lifted {
        first: u32,
        pool: u32,
        len: u8,
    },
}

/// Steps are copied into place by words.
const _: () = assert!(size_of::<Step>() <= 32);

#[derive(Debug)]
struct Block {
    first: u32,
    end: u32,
    term: Term,
}

/// What a unit's instructions were found to be.
struct Run {
    /// Their bytes.
    len: u32,
    /// Whether the first reads status flags.
    reads_flags: bool,
    /// Whether all blocks are short enough.
    fits: bool,
}

/// What an instruction was found to be.
struct Found {
    len: u8,
    reads_flags: bool,
    /// Whether the run goes on behind it.
    goes_on: bool,
}

/// Code, fetched some at a time. Between units it keeps what is of a watched page: whoever forgets units
/// made from a page forgets this too.
#[derive(Debug)]
#[repr(C, align(8))] // Copied by doublewords.
struct Window {
    bytes: [u8; 256],
    /// Where they are from, and how many there are.
    start: u64,
    len: usize,
}

impl Default for Window {
    fn default() -> Window {
        Window::new()
    }
}

impl Window {
    /// Nothing that lies behind the page of `at` is kept: it may not be watched.
    fn keep(&mut self, at: u64) {
        let rest = (at | 0xfff).wrapping_add(1).saturating_sub(self.start);
        let rest = usize::try_from(rest).unwrap_or(usize::MAX);
        self.len = self.len.min(rest);
    }

    const fn new() -> Window {
        Window {
            bytes: [0; 256],
            start: 0,
            len: 0,
        }
    }

    /// What begins at `at`: at least a byte, and enough for `decode` unless fetching ends before.
    ///
    /// # Errors
    /// The fault of fetching there.
    #[inline]
    fn at(&mut self, memory: &dyn CodeMemory, at: u64) -> Result<&[u8], MemFault> {
        let skip = usize::try_from(at.wrapping_sub(self.start)).unwrap_or(usize::MAX);
        match skip.checked_add(LOOKS_AT) {
            Some(end) if end <= self.len => Ok(&self.bytes[skip..self.len]),
            _ => self.fetch(memory, at),
        }
    }

    #[inline(never)]
    fn fetch(&mut self, memory: &dyn CodeMemory, at: u64) -> Result<&[u8], MemFault> {
        let aligned = at & !7;
        let skip = usize::try_from(at - aligned).unwrap_or(0);
        self.start = aligned;
        self.len = memory
            .fetch(GuestAddr(aligned), &mut self.bytes)
            .unwrap_or(0);
        if self.len > skip {
            return Ok(&self.bytes[skip..self.len]);
        }
        // Only `at` itself counts.
        self.start = at;
        self.len = memory.fetch(GuestAddr(at), &mut self.bytes)?;
        Ok(&self.bytes[..self.len])
    }
}

/// See the module's head. One a thread.
#[derive(Debug, Default)]
pub struct Cold {
    lifter: Lifter,
    units: Vec<Unit>,
    index: AddrMap,
    steps: Vec<Step>,
    blocks: Vec<Block>,
    insts: Vec<Inst>,
    pool: Vec<[u8; 16]>,
    slots: Slots,
    window: Window,
    /// After how many runs a unit is warm.
    warm: u32,
    /// Instructions decoded, for tests.
    pub decoded: u64,
}

/// iced's bits for CF, PF, AF, ZF, SF and OF.
const STATUS: u32 = RflagsBits::CF
    | RflagsBits::PF
    | RflagsBits::AF
    | RflagsBits::ZF
    | RflagsBits::SF
    | RflagsBits::OF;

fn number(n: usize) -> u32 {
    u32::try_from(n).expect("bounded by MOST")
}

impl Cold {
    /// Knows nothing yet; a unit is `Heat::Warm` after `warm` runs.
    #[must_use]
    pub fn new(warm: u32) -> Cold {
        Cold {
            warm,
            // Room that is not used costs nothing; to grow means to copy.
            steps: Vec::with_capacity(1 << 14),
            units: Vec::with_capacity(1 << 12),
            ..Cold::default()
        }
    }

    /// What is known of the code at `addr`; counts that it is about to run, as `weight` times.
    #[inline]
    pub fn heat(&mut self, addr: u64, weight: u32) -> Heat {
        let Some(id) = self.index.get(GuestAddr(addr)) else {
            return Heat::Unknown;
        };
        let unit = &mut self.units[id as usize];
        unit.count = unit.count.saturating_add(weight);
        if unit.count > unit.hot && !unit.plain {
            Heat::Hot
        } else if unit.first == GONE {
            Heat::Unknown
        } else if unit.count > self.warm && unit.plain {
            Heat::Warm(id)
        } else {
            Heat::Cold(id)
        }
    }

    /// The instructions unit `id` begins with, as far as they are `Quick`.
    pub fn plain(&self, id: u32, out: &mut Vec<Quick>) {
        out.clear();
        let unit = self.units[id as usize];
        for step in &self.steps[unit.first as usize..unit.end as usize] {
            match step {
                Step::Quick(q) => out.push(*q),
                Step::Lifted { .. } => break,
            }
        }
    }

    /// Unit `id` cannot get code of its own: it stays cold until it is hot.
    pub fn not_plain(&mut self, id: u32) {
        self.units[id as usize].plain = false;
    }

    /// True if code at `addr` has begun to run in this thread more than now and then.
    pub fn knows(&self, addr: GuestAddr) -> bool {
        let id = self.index.get(addr);
        id.is_some_and(|id| self.units[id as usize].count >= KNOWN)
    }

    /// True if the code at `addr` begins by reading status flags: it is better translated together with
    /// what sets them.
    pub fn reads_flags(&self, addr: GuestAddr) -> bool {
        let id = self.index.get(addr);
        id.is_some_and(|id| self.units[id as usize].reads_flags)
    }

    /// Makes the unit at `addr`; `None` if its blocks are too long for this engine. `watch` is called
    /// with a page's number before the page is read, and says whether that was necessary.
    ///
    /// # Errors
    /// The fault of fetching its first instruction.
    pub fn lift(
        &mut self,
        memory: &dyn CodeMemory,
        addr: u64,
        mut watch: impl FnMut(u64) -> bool,
    ) -> Result<Option<u32>, Fault> {
        if self.steps.len() > MOST || self.insts.len() > MOST {
            self.steps.clear();
            self.insts.clear();
            self.blocks.clear();
            self.pool.clear();
            self.units.iter_mut().for_each(|u| u.first = GONE);
        }
        if watch(addr >> 12) {
            self.window.len = 0;
        }
        let first = self.steps.len();
        let run = self.decode(memory, addr);
        self.window.keep(addr);
        let mut run = run?;
        let last = addr.wrapping_add(u64::from(run.len) - 1) >> 12;
        if last != addr >> 12 && watch(last) {
            // It may have changed before.
            self.window.len = 0;
            self.steps.truncate(first);
            let again = self.decode(memory, addr);
            self.window.keep(addr);
            run = again?;
        }
        self.decoded += (self.steps.len() - first) as u64;
        let id = self.index.get(GuestAddr(addr)).unwrap_or_else(|| {
            let id = number(self.units.len());
            self.index.insert(GuestAddr(addr), id);
            self.units.push(Unit {
                addr,
                len: 0,
                count: 1,
                hot: HOT,
                first: GONE,
                end: 0,
                reads_flags: false,
                plain: false,
            });
            id
        });
        let unit = &mut self.units[id as usize];
        unit.len = run.len;
        unit.reads_flags = run.reads_flags;
        unit.plain = run.fits && matches!(self.steps.get(first), Some(Step::Quick(_)));
        unit.hot = if unit.plain { RESOLVED_HOT } else { HOT };
        if !run.fits {
            unit.count = HOT;
            return Ok(None);
        }
        unit.first = number(first);
        unit.end = number(self.steps.len());
        Ok(Some(id))
    }

    /// Makes the steps of the straight run of instructions at `addr`.
    fn decode(&mut self, memory: &dyn CodeMemory, addr: u64) -> Result<Run, Fault> {
        let first = self.steps.len();
        let mut run = Run {
            len: 0,
            reads_flags: false,
            fits: true,
        };
        let mut q = Quick::default();
        while self.steps.len() < first + LONGEST {
            let at = addr.wrapping_add(run.len.into());
            let bytes = match self.window.at(memory, at) {
                Ok(bytes) => bytes,
                Err(fault) if run.len == 0 => return Err(Fault::Page(fault)),
                // The run ends before it.
                Err(_) => break,
            };
            let known = bytes.first_chunk().and_then(|b| decode(b, at, &mut q));
            let found = if known.is_some() {
                self.steps.push(Step::Quick(q));
                Found {
                    len: q.len,
                    reads_flags: q.kind.reads_flags(),
                    goes_on: !q.kind.is_branch(),
                }
            } else {
                let (mut copy, n) = ([0; LOOKS_AT], bytes.len().min(LOOKS_AT));
                copy[..n].copy_from_slice(&bytes[..n]);
                match self.other(memory, at, &copy[..n], &mut run.fits) {
                    Ok(found) => found,
                    Err(fault) if run.len == 0 => return Err(fault),
                    Err(_) => break,
                }
            };
            if run.len == 0 {
                run.reads_flags = found.reads_flags;
            }
            run.len += u32::from(found.len);
            if !found.goes_on {
                break;
            }
        }
        Ok(run)
    }

    /// Makes the step of an instruction that `decode` does not know, at `at`, of which `bytes` have been
    /// fetched.
    fn other(
        &mut self,
        memory: &dyn CodeMemory,
        at: u64,
        bytes: &[u8],
        fits: &mut bool,
    ) -> Result<Found, Fault> {
        let (len, insn) = self.lifter.read_one(memory, GuestAddr(at), bytes)?;
        let found = Found {
            len: u8::try_from(len).expect("at most 15"),
            reads_flags: insn.is_some_and(|i| i.rflags_read() & STATUS != 0),
            goes_on: insn.is_some_and(goes_straight_on),
        };
        let step = match insn.and_then(quick) {
            Some(q) => Step::Quick(q),
            None => self.lift_step(found.len, fits),
        };
        self.steps.push(step);
        Ok(found)
    }

    fn lift_step(&mut self, len: u8, fits: &mut bool) -> Step {
        let (blocks, pool) = self.lifter.lift_one();
        let step = Step::Lifted {
            first: number(self.blocks.len()),
            pool: number(self.pool.len()),
            len,
        };
        self.pool.extend_from_slice(pool);
        for block in blocks {
            *fits &= block.insts.len() <= MAX_INSTS;
            let first = number(self.insts.len());
            self.insts.extend_from_slice(&block.insts);
            self.blocks.push(Block {
                first,
                end: number(self.insts.len()),
                term: block.term,
            });
        }
        step
    }

    /// Runs unit `id` until control leaves it.
    pub fn run(&mut self, id: u32, cpu: &mut CpuState) -> Outcome {
        let unit = self.units[id as usize];
        let mut at = unit.addr;
        for step in &self.steps[unit.first as usize..unit.end as usize] {
            let next;
            match step {
                Step::Quick(q) => {
                    next = at.wrapping_add(q.len.into());
                    match interp::quick::step(cpu, q, next) {
                        Ok(None) => {}
                        Ok(Some(outcome)) => return outcome,
                        Err(fault) => {
                            cpu.rip = at;
                            return Outcome::Fault(fault);
                        }
                    }
                }
                Step::Lifted { first, pool, len } => {
                    next = at.wrapping_add((*len).into());
                    let pool = &self.pool[*pool as usize..];
                    let mut block = BlockId(0);
                    let mut rounds = 0;
                    let outcome = loop {
                        let b = &self.blocks[*first as usize + block.index()];
                        let insts = &self.insts[b.first as usize..b.end as usize];
                        match direct::block(cpu, insts, &b.term, pool, &mut self.slots) {
                            Flow::Block(to) => {
                                // Between its blocks the registers are as after whole rounds, so the
                                // instruction can begin again elsewhere.
                                rounds += u32::from(to <= block);
                                if rounds > ROUNDS {
                                    self.make_hot(at);
                                    cpu.rip = at;
                                    return Outcome::Continue;
                                }
                                block = to;
                            }
                            Flow::Out(outcome) => break outcome,
                        }
                    };
                    if outcome != Outcome::Continue || cpu.rip != next {
                        return outcome;
                    }
                }
            }
            at = next;
        }
        cpu.rip = at;
        Outcome::Continue
    }

    /// The code at `addr` is to be translated the next time it runs.
    fn make_hot(&mut self, addr: u64) {
        if let Some(id) = self.index.get(GuestAddr(addr)) {
            let unit = &mut self.units[id as usize];
            (unit.count, unit.hot, unit.plain) = (HOT, HOT, false);
            return;
        }
        self.index.insert(GuestAddr(addr), number(self.units.len()));
        self.units.push(Unit {
            addr,
            len: 1,
            count: HOT,
            hot: HOT,
            first: GONE,
            end: 0,
            reads_flags: false,
            plain: false,
        });
    }

    /// Forgets what was made from the pages `first..=last`.
    pub fn forget(&mut self, first: u64, last: u64) {
        self.window.len = 0;
        let units = &self.units;
        self.index.retain(|_, id| {
            let u = &units[id as usize];
            let end = u.addr.wrapping_add(u64::from(u.len).max(1) - 1);
            end >> 12 < first || u.addr >> 12 > last
        });
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Cold {
            decoded: self.decoded,
            warm: self.warm,
            ..Cold::default()
        };
    }
}

/// Runs all code as cold code: for tests, one thread.
pub struct ColdEngine {
    memory: Arc<dyn CodeMemory>,
    cold: Cold,
}

impl ColdEngine {
    /// An engine that fetches from `memory`.
    #[must_use]
    pub fn new(memory: Arc<dyn CodeMemory>) -> ColdEngine {
        ColdEngine {
            memory,
            cold: Cold::default(),
        }
    }

    fn unit(&mut self, addr: u64) -> Result<Option<u32>, Fault> {
        match self.cold.heat(addr, 0) {
            Heat::Cold(id) | Heat::Warm(id) => Ok(Some(id)),
            Heat::Unknown | Heat::Hot => {
                // One thread: nothing changes between reading and watching.
                let watch = |page| {
                    self.memory.watch(GuestAddr(page << 12));
                    false
                };
                self.cold.lift(&*self.memory, addr, watch)
            }
        }
    }

    /// If `fault` is a store into watched code, lets it through and does it.
    fn store_code(&mut self, fault: Fault, cpu: &mut CpuState) -> Option<Outcome> {
        let Fault::Page(page) = fault else {
            return None;
        };
        let refused = page.write && page.kind == MemFaultKind::Protection;
        if !refused || !self.memory.unwatch(page.addr) {
            return None;
        }
        self.invalidate(page.addr, 1);
        let limits = Limits {
            insns: 1,
            follow: false,
            ..Limits::default()
        };
        Some(match lift::translate(&*self.memory, cpu.pc(), limits) {
            Ok(region) => interp::Program::new(region).run(cpu, BlockId(0)),
            Err(fault) => Outcome::Fault(fault),
        })
    }
}

impl Engine for ColdEngine {
    fn run(&mut self, cpu: &mut CpuState) -> Exit {
        loop {
            let outcome = match self.unit(cpu.rip) {
                Ok(Some(id)) => self.cold.run(id, cpu),
                Ok(None) => Outcome::Fault(Fault::InvalidOpcode),
                Err(fault) => Outcome::Fault(fault),
            };
            let mut outcome = outcome;
            // One instruction may store to two pages of code.
            while let Outcome::Fault(fault) = outcome {
                match self.store_code(fault, cpu) {
                    Some(next) => outcome = next,
                    None => break,
                }
            }
            match outcome {
                Outcome::Continue if cpu.poll.load(Ordering::Relaxed) != 0 => {
                    return Exit::Interrupted;
                }
                Outcome::Continue => {}
                Outcome::Syscall => return Exit::Syscall,
                Outcome::Interrupted => return Exit::Interrupted,
                Outcome::Fault(fault) => return Exit::Fault(fault),
            }
        }
    }

    fn invalidate(&mut self, start: GuestAddr, len: u64) {
        let last = start.0.saturating_add(len.max(1) - 1);
        self.cold.forget(start.0 >> 12, last >> 12);
    }

    fn for_thread(&self) -> io::Result<Box<dyn Engine + Send>> {
        Ok(Box::new(ColdEngine::new(Arc::clone(&self.memory))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lift::Fetch;
    use std::sync::Mutex;

    /// Code at `START`, up to the end of a page that may be the last.
    const START: u64 = 0x1_0000_0ffa;

    struct Code(Mutex<Vec<u8>>);

    impl Fetch for Code {
        fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
            let bytes = self.0.lock().unwrap();
            let from = usize::try_from(addr.0.wrapping_sub(START)).unwrap_or(usize::MAX);
            let rest = bytes.get(from..).filter(|rest| !rest.is_empty());
            let rest = rest.ok_or(MemFault {
                addr,
                write: false,
                fetch: true,
                kind: MemFaultKind::NotMapped,
            })?;
            let n = rest.len().min(buf.len());
            buf[..n].copy_from_slice(&rest[..n]);
            Ok(n)
        }
    }

    impl CodeMemory for Code {
        fn watch(&self, _page: GuestAddr) {}

        fn unwatch(&self, _addr: GuestAddr) -> bool {
            false
        }
    }

    /// The lengths of the instructions found, and the unit's.
    fn lift(bytes: &[u8]) -> Result<(Vec<u8>, u32), Fault> {
        let code = Code(Mutex::new(bytes.to_vec()));
        let mut cold = Cold::default();
        let id = cold.lift(&code, START, |_| false)?.unwrap();
        let lens = cold.steps.iter().map(|s| match s {
            Step::Quick(q) => q.len,
            Step::Lifted { len, .. } => *len,
        });
        Ok((lens.collect(), cold.units[id as usize].len))
    }

    #[test]
    fn a_run_ends_where_fetching_does() {
        let none = lift(&[]).unwrap_err();
        assert!(matches!(none, Fault::Page(f) if f.addr == GuestAddr(START)));
        // MOV RAX, imm32 with and without its last byte, behind a NOP.
        let whole = [0x90, 0x48, 0xc7, 0xc0, 1, 0, 0, 0];
        assert_eq!(lift(&whole), Ok((vec![1, 7], 8)));
        assert_eq!(lift(&whole[..7]), Ok((vec![1], 1)));
        let first = lift(&whole[1..7]).unwrap_err();
        assert!(matches!(first, Fault::Page(f) if f.addr == GuestAddr(START + 6)));
        // CPUID and LAHF, which `decode` does not know, and a prefix too many.
        assert_eq!(lift(&[0x0f, 0xa2, 0x9f]), Ok((vec![2, 1], 3)));
        assert_eq!(lift(&[0x0f, 0xa2, 0x0f]), Ok((vec![2], 2)));
        assert_eq!(lift(&[0x66; 16]), Ok((vec![15], 15)));
        // RET and LDMXCSR end it.
        assert_eq!(lift(&[0x90, 0xc3, 0x90]), Ok((vec![1, 1], 2)));
        assert_eq!(lift(&[0x0f, 0xae, 0x10, 0x90]), Ok((vec![3], 3)));
    }

    #[test]
    fn a_page_is_watched_before_what_is_used_of_it_is_read() {
        // MOV EAX, imm32 across the end of the page: 1, and 2 once its second page is watched.
        let code = Code(Mutex::new(vec![
            0x90, 0x90, 0x90, 0xb8, 1, 0, 0, 0, 0xeb, 0,
        ]));
        let mut cold = Cold::default();
        let mut watched = Vec::new();
        let watch = |page| {
            code.0.lock().unwrap()[4] = if page > START >> 12 { 2 } else { 1 };
            watched.push(page);
            true
        };
        let id = cold.lift(&code, START, watch).unwrap().unwrap();
        assert_eq!(watched, [START >> 12, (START >> 12) + 1]);
        let mut cpu = CpuState::default();
        cold.run(id, &mut cpu);
        assert_eq!((cpu.gpr[0], cold.decoded), (2, 5));
    }
}
