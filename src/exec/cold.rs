//! Code that has run only a few times: lifted run by run, evaluated as it is, counted.
//!
//! Most code of a program runs once or twice; translating it costs a hundred times what running it
//! does. So each thread begins here: a *unit* is a straight run of instructions up to a branch. One that
//! has run `HOT` times is translated, and what its thread has seen run tells which branches to follow
//! (`knows`).
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
use crate::lift::Limits;
use crate::lift::addr_map::AddrMap;
use crate::lift::quick::{self, Quick};
use crate::lift::region::Lifter;
use crate::x86::{CpuState, Fault, GuestAddr};
use iced_x86::RflagsBits;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How often a unit runs before it is translated.
const HOT: u32 = 48;
/// As how often it counts that translated code led to a unit: it is likely to do so again, and each time
/// costs more than the unit.
pub const FROM_CODE: u32 = 8;
/// How often a REP instruction goes round before it is translated.
const ROUNDS: u32 = 16;
/// How often it must have run to be translated together with what leads to it.
const WARM: u32 = 12;
/// Steps and IR instructions kept; beyond that all are lifted again when they run again.
const MOST: usize = 1 << 16;
/// What a unit is made of at most.
const LIMITS: Limits = Limits {
    insns: 32,
    span: 1 << 16,
    follow: false,
    polls: false,
};

/// What is to be done at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heat {
    /// Nothing is known there.
    Unknown,
    /// A unit, to be run.
    Cold(u32),
    /// A unit that has run often.
    Hot,
}

#[derive(Clone, Copy, Debug)]
struct Unit {
    addr: u64,
    /// Its bytes.
    len: u32,
    count: u32,
    /// Its steps, from `first` to before `end`; `GONE` if it must be lifted again.
    first: u32,
    end: u32,
    /// Whether its first instruction reads status flags.
    reads_flags: bool,
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
    /// Instructions decoded, for `--stats`.
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
    /// What is known of the code at `addr`; counts that it is about to run, as `weight` times.
    #[inline]
    pub fn heat(&mut self, addr: u64, weight: u32) -> Heat {
        let Some(id) = self.index.get(GuestAddr(addr)) else {
            return Heat::Unknown;
        };
        let unit = &mut self.units[id as usize];
        unit.count = unit.count.saturating_add(weight);
        if unit.count > HOT {
            Heat::Hot
        } else if unit.first == GONE {
            Heat::Unknown
        } else {
            Heat::Cold(id)
        }
    }

    /// True if code at `addr` has begun to run in this thread more than now and then.
    pub fn knows(&self, addr: GuestAddr) -> bool {
        let id = self.index.get(addr);
        id.is_some_and(|id| self.units[id as usize].count >= WARM)
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
        watch(addr >> 12);
        let (mut n, mut len) = self.lifter.run(memory, GuestAddr(addr), LIMITS)?;
        let last = addr.wrapping_add(u64::from(len) - 1) >> 12;
        if last != addr >> 12 && watch(last) {
            // It may have changed before.
            (n, len) = self.lifter.run(memory, GuestAddr(addr), LIMITS)?;
        }
        self.decoded += n as u64;
        let first = number(self.steps.len());
        let mut fits = true;
        for i in 0..n {
            let insn = self.lifter.instruction(i);
            let step = match insn.and_then(quick::quick) {
                Some(q) => Step::Quick(q),
                None => {
                    let len = insn.map_or(0, |insn| u8::try_from(insn.len()).unwrap_or(0));
                    self.lift_step(i, len, &mut fits)
                }
            };
            self.steps.push(step);
        }
        let id = self.index.get(GuestAddr(addr)).unwrap_or_else(|| {
            let id = number(self.units.len());
            self.index.insert(GuestAddr(addr), id);
            self.units.push(Unit {
                addr,
                len: 0,
                count: 1,
                first: GONE,
                end: 0,
                reads_flags: false,
            });
            id
        });
        let reads_flags = self
            .lifter
            .instruction(0)
            .is_some_and(|i| i.rflags_read() & STATUS != 0);
        let unit = &mut self.units[id as usize];
        unit.len = len;
        unit.reads_flags = reads_flags;
        if !fits {
            unit.count = HOT;
            return Ok(None);
        }
        unit.first = first;
        unit.end = number(self.steps.len());
        Ok(Some(id))
    }

    fn lift_step(&mut self, i: usize, len: u8, fits: &mut bool) -> Step {
        let (blocks, pool) = self.lifter.lift_one(i);
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
            self.units[id as usize].count = HOT;
            return;
        }
        self.index.insert(GuestAddr(addr), number(self.units.len()));
        self.units.push(Unit {
            addr,
            len: 1,
            count: HOT,
            first: GONE,
            end: 0,
            reads_flags: false,
        });
    }

    /// Forgets what was made from the pages `first..=last`.
    pub fn forget(&mut self, first: u64, last: u64) {
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
            ..Cold::default()
        };
    }
}

/// Runs all code as cold code. It does not watch what it was made from: for tests, one thread.
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
            Heat::Cold(id) => Ok(Some(id)),
            Heat::Unknown | Heat::Hot => self.cold.lift(&*self.memory, addr, |_| false),
        }
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
