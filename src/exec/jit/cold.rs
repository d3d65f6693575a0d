//! Code that has run only a few times: lifted run by run, evaluated as it is, counted.
//!
//! Most code of a program runs once or twice; translating it costs a hundred times what running it
//! does. So each thread begins here: a *unit* is a straight run of instructions up to a branch. One that
//! has run `HOT` times is translated, and what its thread has seen run tells which branches to follow
//! (`knows`).
//!
//! Invariants: the pages a unit was made from are watched, since before their bytes were read; a unit of
//! a page that has changed since is dropped before it runs again (`forget`, called when the shared
//! generation has moved on).

use crate::exec::CodeMemory;
use crate::interp::Outcome;
use crate::interp::direct::{self, Flow, MAX_INSTS, Slots};
use crate::ir::{BlockId, Inst, Term};
use crate::lift::Limits;
use crate::lift::addr_map::AddrMap;
use crate::lift::region::Lifter;
use crate::x86::{CpuState, Fault, GuestAddr};

/// How often a unit runs before it is translated.
const HOT: u32 = 8;
/// IR instructions kept; beyond that all are lifted again when they run again.
const MOST_INSTS: usize = 1 << 17;
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
    /// Its first block in `blocks`, or `GONE`.
    first: u32,
    /// Where its constants begin in `pool`.
    pool: u32,
}

/// `Unit::first` of a unit that must be lifted again.
const GONE: u32 = u32::MAX;

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
    blocks: Vec<Block>,
    insts: Vec<Inst>,
    pool: Vec<[u8; 16]>,
    slots: Slots,
    /// Units lifted, for `--stats`.
    pub lifted: u64,
}

impl Cold {
    /// What is known of the code at `addr`; counts that it is about to run.
    pub fn heat(&mut self, addr: u64) -> Heat {
        let Some(id) = self.index.get(GuestAddr(addr)) else {
            return Heat::Unknown;
        };
        let unit = &mut self.units[id as usize];
        unit.count = unit.count.saturating_add(1);
        if unit.count > HOT {
            return Heat::Hot;
        }
        if unit.first == GONE {
            return Heat::Unknown;
        }
        Heat::Cold(id)
    }

    /// True if code at `addr` has begun to run in this thread.
    pub fn knows(&self, addr: GuestAddr) -> bool {
        self.index.get(addr).is_some()
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
        if self.insts.len() > MOST_INSTS {
            self.insts.clear();
            self.blocks.clear();
            self.pool.clear();
            self.units.iter_mut().for_each(|u| u.first = GONE);
        }
        watch(addr >> 12);
        let mut run = self.lifter.run(memory, GuestAddr(addr), LIMITS)?;
        let last = addr.wrapping_add(u64::from(run.len) - 1) >> 12;
        if last != addr >> 12 && watch(last) {
            // It may have changed before.
            run = self.lifter.run(memory, GuestAddr(addr), LIMITS)?;
        }
        self.lifted += 1;
        let fits = run.blocks.iter().all(|b| b.insts.len() <= MAX_INSTS);
        let number = |n: usize| u32::try_from(n).expect("bounded by MOST_INSTS");
        let (first, pool) = (number(self.blocks.len()), number(self.pool.len()));
        self.pool.extend_from_slice(run.pool);
        for block in run.blocks.iter().filter(|_| fits) {
            let first = number(self.insts.len());
            self.insts.extend_from_slice(&block.insts);
            self.blocks.push(Block {
                first,
                end: number(self.insts.len()),
                term: block.term,
            });
        }
        let id = self.index.get(GuestAddr(addr)).unwrap_or_else(|| {
            let id = number(self.units.len());
            self.index.insert(GuestAddr(addr), id);
            self.units.push(Unit {
                addr,
                len: 0,
                count: 1,
                first: GONE,
                pool: 0,
            });
            id
        });
        let unit = &mut self.units[id as usize];
        unit.len = run.len;
        if !fits {
            unit.count = HOT;
            return Ok(None);
        }
        unit.first = first;
        unit.pool = pool;
        Ok(Some(id))
    }

    /// Runs unit `id` until control leaves it.
    pub fn run(&mut self, id: u32, cpu: &mut CpuState) -> Outcome {
        let unit = self.units[id as usize];
        let pool = &self.pool[unit.pool as usize..];
        let mut block = BlockId(0);
        loop {
            let b = &self.blocks[unit.first as usize + block.index()];
            let insts = &self.insts[b.first as usize..b.end as usize];
            match direct::block(cpu, insts, &b.term, pool, &mut self.slots) {
                Flow::Block(next) => block = next,
                Flow::Out(outcome) => return outcome,
            }
        }
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
            lifted: self.lifted,
            ..Cold::default()
        };
    }
}
