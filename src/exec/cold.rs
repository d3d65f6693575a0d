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
use crate::interp::quick::Then;
use crate::interp::{self, Outcome};
use crate::ir::{BlockId, Inst, Term};
use crate::lift::addr_map::AddrMap;
use crate::lift::quick::decode::{LOOKS_AT, decode_run};
use crate::lift::quick::{Kind, Quick, quick};
use crate::lift::region::{Lifter, goes_straight_on};
use crate::lift::{self, Limits};
use crate::opt;
use crate::x86::{CpuState, Fault, GuestAddr, MemFault, MemFaultKind};
use iced_x86::RflagsBits;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How often a unit runs before it gets code of its own, instruction by instruction.
pub const WARM: u32 = 12;
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
/// How many bytes of code are fetched at once, aligned, and how many such blocks are kept.
const BLOCK: usize = 256;
const WINDOWS: usize = 32;
/// Instructions of a unit at most.
const LONGEST: usize = 32;

/// A unit's steps, and where the first of them is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Steps {
    first: u32,
    end: u32,
    addr: u64,
}

/// What is to be done at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heat {
    /// Nothing is known there.
    Unknown,
    /// A unit, to be run.
    Cold(Steps),
    /// A unit, by its number, that has run more than once or twice, and which `plain` has something of.
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

impl Unit {
    fn steps(&self) -> Steps {
        Steps {
            first: self.first,
            end: self.end,
            addr: self.addr,
        }
    }
}

/// `Unit::first` of a unit without steps.
const GONE: u32 = u32::MAX;

/// Units that there is room for from the start: what a small program runs of.
const FIRST_UNITS: usize = 1 << 12;

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

/// Bytes of code: of a block, the `LOOKS_AT` behind it too, but none of the next page.
#[derive(Debug)]
#[repr(C, align(8))] // Copied by doublewords.
struct Window {
    bytes: [u8; BLOCK + LOOKS_AT],
    /// Where they are from, `NO_BLOCK` if nowhere, and how many there are.
    start: u64,
    len: usize,
}

/// Of no block.
const NO_BLOCK: u64 = 1;

/// Code, fetched some at a time and kept for other units, by the low bits of the blocks' numbers. What is
/// kept is of watched pages: whoever forgets units made from a page forgets this too.
#[derive(Debug)]
struct Windows {
    windows: Box<[Window]>,
    /// What is not kept.
    edge: [u8; LOOKS_AT],
}

impl Default for Windows {
    fn default() -> Windows {
        let window = || Window {
            bytes: [0; BLOCK + LOOKS_AT],
            start: NO_BLOCK,
            len: 0,
        };
        Windows {
            windows: std::iter::repeat_with(window).take(WINDOWS).collect(),
            edge: [0; LOOKS_AT],
        }
    }
}

impl Windows {
    fn clear(&mut self) {
        self.windows.iter_mut().for_each(|w| w.start = NO_BLOCK);
    }

    /// What begins at `at`: at least a byte, and enough for `decode_run` unless fetching ends before. Only
    /// what lies in `page` is kept.
    ///
    /// # Errors
    /// The fault of fetching there.
    #[inline]
    fn at(&mut self, memory: &dyn CodeMemory, page: u64, at: u64) -> Result<&[u8], MemFault> {
        #[allow(clippy::cast_possible_truncation)] // Small.
        let (skip, i) = (
            (at % BLOCK as u64) as usize,
            (at / BLOCK as u64 % WINDOWS as u64) as usize,
        );
        let start = at - at % BLOCK as u64;
        let window = &mut self.windows[i];
        if window.start != start && at >> 12 == page {
            window.fetch(memory, start);
        }
        if window.start == start && skip + LOOKS_AT <= window.len {
            return Ok(&window.bytes[skip..window.len]);
        }
        let n = memory.fetch(GuestAddr(at), &mut self.edge)?;
        Ok(&self.edge[..n])
    }
}

impl Window {
    #[inline(never)]
    fn fetch(&mut self, memory: &dyn CodeMemory, start: u64) {
        let rest = usize::try_from(0x1000 - start % 0x1000).unwrap_or(0);
        let n = rest.min(self.bytes.len());
        self.start = start;
        // Whoever wants what is missing finds out why.
        self.len = memory
            .fetch(GuestAddr(start), &mut self.bytes[..n])
            .unwrap_or(0);
    }
}

/// See the module's head. One a thread.
#[derive(Debug, Default)]
pub struct Cold {
    lifter: Lifter,
    units: Vec<Unit>,
    index: AddrMap,
    /// The first `used` of them are taken, others are there to be decoded into.
    steps: Vec<Quick>,
    used: usize,
    blocks: Vec<Block>,
    insts: Vec<Inst>,
    pool: Vec<[u8; 16]>,
    slots: Slots,
    windows: Windows,
    /// After how many runs a unit is warm.
    warm: u32,
    /// What came of the unit that ran last, where `run` said false.
    pub stopped: Outcome,
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
            units: Vec::with_capacity(FIRST_UNITS),
            index: AddrMap::with_capacity(FIRST_UNITS),
            ..Cold::default()
        }
    }

    /// What is known of the code at `addr`; counts that it is about to run, as `weight` times.
    #[inline(always)] // In the loop over units.
    pub fn heat(&mut self, addr: u64, weight: u32) -> Heat {
        let Some(id) = self.index.get(GuestAddr(addr)) else {
            return Heat::Unknown;
        };
        let unit = &mut self.units[id as usize];
        unit.count = unit.count.wrapping_add(weight);
        if unit.count > unit.hot && !unit.plain {
            Heat::Hot
        } else if unit.first == GONE {
            Heat::Unknown
        } else if unit.count > self.warm && unit.plain {
            Heat::Warm(id)
        } else {
            Heat::Cold(unit.steps())
        }
    }

    /// The steps of unit `id`, which has some.
    pub fn steps(&self, id: u32) -> Steps {
        self.units[id as usize].steps()
    }

    /// The instructions unit `id` begins with, as far as they are `Quick`.
    pub fn plain(&self, id: u32, out: &mut Vec<Quick>) {
        out.clear();
        let unit = self.units[id as usize];
        for step in &self.steps[unit.first as usize..unit.end as usize] {
            match step.kind {
                Kind::Lifted { .. } => break,
                _ => out.push(*step),
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
    ) -> Result<Option<Steps>, Fault> {
        if self.used > MOST || self.insts.len() > MOST {
            self.used = 0;
            self.insts.clear();
            self.blocks.clear();
            self.pool.clear();
            self.units.iter_mut().for_each(|u| u.first = GONE);
        }
        if watch(addr >> 12) {
            self.windows.clear();
        }
        let first = self.used;
        if self.steps.len() < first + LONGEST {
            self.steps.resize(first + 8 * LONGEST, Quick::default());
        }
        let mut again = false;
        let run = loop {
            let run = self.decode(memory, addr);
            let run = run?;
            let last = addr.wrapping_add(u64::from(run.len) - 1) >> 12;
            if again || last == addr >> 12 || !watch(last) {
                break run;
            }
            again = true;
            // It may have changed before.
            self.windows.clear();
            self.used = first;
        };
        self.decoded += (self.used - first) as u64;
        let lifted = |q: &Quick| matches!(q.kind, Kind::Lifted { .. });
        let plain = run.fits && !self.steps.get(first).is_some_and(lifted);
        let mut unit = Unit {
            addr,
            len: run.len,
            count: 1,
            hot: if plain { RESOLVED_HOT } else { HOT },
            first: number(first),
            end: number(self.used),
            reads_flags: run.reads_flags,
            plain,
        };
        if !run.fits {
            (unit.count, unit.first) = (HOT, GONE);
        }
        let new = number(self.units.len());
        let id = self.index.get_or_insert(GuestAddr(addr), new);
        match self.units.get_mut(id as usize) {
            Some(old) => {
                unit.count = unit.count.max(old.count);
                *old = unit;
            }
            None => self.units.push(unit),
        }
        Ok(run.fits.then_some(unit.steps()))
    }

    /// Makes the steps of the straight run of instructions at `addr`.
    #[inline(always)] // Into its only caller.
    fn decode(&mut self, memory: &dyn CodeMemory, addr: u64) -> Result<Run, Fault> {
        let first = self.used;
        let end = first + LONGEST;
        let mut run = Run {
            len: 0,
            reads_flags: false,
            fits: true,
        };
        while self.used < end {
            let at = addr.wrapping_add(run.len.into());
            let bytes = match self.windows.at(memory, addr >> 12, at) {
                Ok(bytes) => bytes,
                Err(fault) if run.len == 0 => return Err(Fault::Page(fault)),
                // The run ends before it.
                Err(_) => break,
            };
            let known = decode_run(bytes, at, &mut self.steps[self.used..end]);
            let goes_on = if known.insns > 0 {
                self.used += known.insns;
                run.len += number(known.len);
                !known.ends
            } else {
                let (mut copy, n) = ([0; LOOKS_AT], bytes.len().min(LOOKS_AT));
                copy[..n].copy_from_slice(&bytes[..n]);
                let found = match self.other(memory, at, &copy[..n], &mut run.fits) {
                    Ok(found) => found,
                    Err(fault) if run.len == 0 => return Err(fault),
                    Err(_) => break,
                };
                if run.len == 0 {
                    run.reads_flags = found.reads_flags;
                }
                run.len += u32::from(found.len);
                found.goes_on
            };
            if !goes_on {
                break;
            }
        }
        if let Some(q) = self.steps.get(first)
            && !matches!(q.kind, Kind::Lifted { .. })
        {
            run.reads_flags = q.kind.reads_flags();
        }
        Ok(run)
    }

    /// Makes the step of an instruction that `decode_run` does not know, at `at`, of which `bytes` have been
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
            Some(q) => q,
            None => self.lift_step(found.len, fits),
        };
        self.steps[self.used] = step;
        self.used += 1;
        Ok(found)
    }

    fn lift_step(&mut self, len: u8, fits: &mut bool) -> Quick {
        let (blocks, pool) = self.lifter.lift_one();
        let step = Quick {
            kind: Kind::Lifted {
                first: number(self.blocks.len()),
                pool: number(self.pool.len()),
            },
            len,
            ..Quick::default()
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

    /// Runs a unit until control leaves it. False if more is to be looked at than where it goes on: `stopped`.
    #[inline(always)] // In the loop over units.
    pub fn run(&mut self, unit: Steps, cpu: &mut CpuState) -> bool {
        let mut at = unit.addr;
        for q in &self.steps[unit.first as usize..unit.end as usize] {
            let next = at.wrapping_add(q.len.into());
            match interp::quick::step(cpu, q, next, &mut self.stopped) {
                Then::Next => {}
                Then::Gone => return true,
                Then::Stopped => return false,
                Then::Faulted => {
                    cpu.rip = at;
                    return false;
                }
                Then::Lifted => {
                    let Kind::Lifted { first, pool } = q.kind else {
                        continue;
                    };
                    let pool = &self.pool[pool as usize..];
                    let mode = cpu.mxcsr;
                    let mut block = BlockId(0);
                    let mut rounds = 0;
                    let outcome = loop {
                        let b = &self.blocks[first as usize + block.index()];
                        let insts = &self.insts[b.first as usize..b.end as usize];
                        match direct::block(cpu, insts, &b.term, pool, &mut self.slots) {
                            Flow::Block(to) => {
                                // Between its blocks the registers are as after whole rounds, so the
                                // instruction can begin again elsewhere.
                                rounds += u32::from(to <= block);
                                if rounds > ROUNDS {
                                    self.make_hot(at);
                                    cpu.rip = at;
                                    return true;
                                }
                                block = to;
                            }
                            Flow::Out(outcome) => break outcome,
                        }
                    };
                    // Others do not change MXCSR's control bits, with which code may be another.
                    if outcome != Outcome::Continue || cpu.mxcsr != mode {
                        self.stopped = outcome;
                        return false;
                    }
                    if cpu.rip != next {
                        return true;
                    }
                }
            }
            at = next;
        }
        cpu.rip = at;
        true
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
        self.windows.clear();
        let units = &self.units;
        self.index.retain(|_, id| {
            let u = &units[id as usize];
            let end = u.addr.wrapping_add(u64::from(u.len).max(1) - 1);
            end >> 12 < first || u.addr >> 12 > last
        });
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.units.clear();
        self.index.clear();
        self.used = 0;
        self.blocks.clear();
        self.insts.clear();
        self.pool.clear();
        self.windows.clear();
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

    fn unit(&mut self, addr: u64) -> Result<Option<Steps>, Fault> {
        match self.cold.heat(addr, 0) {
            Heat::Cold(unit) => Ok(Some(unit)),
            Heat::Warm(id) => Ok(Some(self.cold.steps(id))),
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
            Ok(mut region) => {
                opt::optimize(&mut region);
                interp::Program::new(region).run(cpu, BlockId(0))
            }
            Err(fault) => Outcome::Fault(fault),
        })
    }
}

impl Engine for ColdEngine {
    fn run(&mut self, cpu: &mut CpuState) -> Exit {
        loop {
            let outcome = match self.unit(cpu.rip) {
                Ok(Some(id)) if self.cold.run(id, cpu) => Outcome::Continue,
                Ok(Some(_)) => self.cold.stopped,
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
        cold.lift(&code, START, |_| false)?.unwrap();
        let lens = cold.steps[..cold.used].iter().map(|q| q.len);
        Ok((lens.collect(), cold.units[0].len))
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
        // CPUID and LAHF, which `decode_run` does not know, and a prefix too many.
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
        let unit = cold.lift(&code, START, watch).unwrap().unwrap();
        assert_eq!(watched, [START >> 12, (START >> 12) + 1]);
        let mut cpu = CpuState::default();
        assert!(cold.run(unit, &mut cpu));
        assert_eq!((cpu.gpr[0], cold.decoded), (2, 5));
    }
}
