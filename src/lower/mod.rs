//! Optimised IR to RV64 code: a pure function of the region and the host's features.
//!
//! Blocks are lowered one by one, in order; inside a block values are allocated to registers as they
//! come (`regs`). `analysis` says beforehand how long each is needed. What has no inline lowering is
//! evaluated out of line by the same evaluators the portable engine uses (`call`).
//!
//! `vector::lower_vector` is the one entrance for all operations on V128 and F values.
//!
//! On a host with Ztso, loads and stores are in x86's order by themselves; on others each has its fence. Who
//! knows that nobody looks on (one thread, no shared mapping) lowers as for a host with Ztso.
//!
//! Knows neither addresses of the running process nor memory; expects flags in legal form (see
//! `ir::op`). Deterministic: the same region and host give the same bytes.

pub mod abi;
mod analysis;
mod call;
mod control;
mod exit;
mod flags;
mod int;
mod mem;
mod regs;
mod repeat;
#[cfg(test)]
mod tests;
mod translation;
mod vector;

use crate::ir::{Block, Inst, Op, Region, Ty, Value, Var};
use crate::rv64::{AsmError, Assembler, Feature, HostIsa, Imm12, Label, Ordering, Xreg};
use crate::x86::{Gpr, GuestAddr};
use analysis::Analysis;
use regs::{Form, Loc, Val};
use std::mem::take;

pub use vector::FpMode;

pub use translation::{
    Counter, Link, Place, Point, Recipe, Step, Translation, What, record_at, width,
};

/// Bytes of what `Lowerer::count_execution` emits.
const COUNTING: usize = 16;

/// Why a region could not be lowered. Smaller regions can: a single guest instruction always fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LowerError {
    /// More values live at once than there are places.
    #[error("a block needs more spill slots than there are")]
    TooComplex,
    /// The code is too long.
    #[error(transparent)]
    Asm(#[from] AsmError),
}

/// Code to be placed behind everything else: leaves translated code.
struct Cold {
    label: Label,
    point: Point,
}

/// A region being lowered. Fields from `block` on are about the current block.
pub(crate) struct Lowerer<'a> {
    region: &'a Region,
    isa: HostIsa,
    asm: Assembler,
    labels: Vec<Label>,
    cold: Vec<Cold>,
    detours: Vec<call::Detour>,
    /// Which blocks begin with what is known at an exit, and that.
    heirs: Vec<bool>,
    wills: Vec<Option<exit::Heir>>,
    links: Vec<(Label, GuestAddr)>,
    literals: Vec<(Label, Vec<u64>)>,
    /// With counters: block, instruction, where the code behind begins, the label of the cell's address.
    counters: Option<Vec<(u32, u32, usize, Label)>>,
    points: Vec<Point>,
    /// The steps of the points' recipes.
    steps: Vec<Step>,
    /// Which steps the current recipe has, by what they give.
    done: Vec<(Value, u16)>,
    /// Offset of the word to patch, by exit.
    link_words: Vec<usize>,
    too_complex: bool,

    block: &'a Block,
    facts: Analysis,
    vals: Vec<Val>,
    live: Vec<Value>,
    /// No value of `live` ends before this position.
    dies: u32,
    /// Registers the current instruction has read.
    pinned: u32,
    /// What the guest registers hold.
    forms: [Form; 16],
    /// RSP is its host register plus this: what is pushed and popped is added up.
    rsp_lag: i16,
    /// The value that was computed into the register before its `set`.
    early: [Option<Value>; 16],
    slots: Vec<bool>,
    at: u32,
    rip: GuestAddr,
    /// The flag code the register file is known to hold.
    flag_code: Option<u64>,
    /// Where the record of a `get flags` is, by value.
    records: Vec<(Value, u16)>,
    simd: vector::State,
}

/// Lowers `region` for `isa`, to be run while MXCSR is of `mode`.
///
/// # Errors
/// If it needs more room than there is: try a smaller one.
pub fn lower(region: &Region, isa: HostIsa, mode: FpMode) -> Result<Translation, LowerError> {
    lower_with(region, isa, mode, false, &mut Memory::default())
}

/// Working memory, kept from region to region.
#[derive(Default)]
pub struct Memory {
    facts: Analysis,
    vals: Vec<Val>,
    live: Vec<Value>,
    slots: Vec<bool>,
    labels: Vec<Label>,
    done: Vec<(Value, u16)>,
    records: Vec<(Value, u16)>,
}

/// As `lower`; with `counting`, every block counts its executions, at its beginning
/// and behind each exit; where is filled in later (`Translation::counters`).
///
/// # Errors
/// As `lower`.
pub fn lower_with(
    region: &Region,
    isa: HostIsa,
    mode: FpMode,
    counting: bool,
    memory: &mut Memory,
) -> Result<Translation, LowerError> {
    let first = &region.blocks[0];
    // What is usual: growing costs more than room that stays empty.
    let usual = 16 + 8 * region.guest_insns as usize;
    let mut l = Lowerer {
        region,
        isa,
        asm: Assembler::with_capacity(usual),
        labels: take(&mut memory.labels),
        cold: Vec::new(),
        detours: Vec::new(),
        heirs: exit::heirs(region),
        wills: region.blocks.iter().map(|_| None).collect(),
        links: Vec::new(),
        literals: Vec::new(),
        counters: counting.then(Vec::new),
        points: Vec::with_capacity(usual / 4),
        steps: Vec::with_capacity(usual / 2),
        done: take(&mut memory.done),
        link_words: Vec::new(),
        too_complex: false,
        block: first,
        facts: take(&mut memory.facts),
        vals: take(&mut memory.vals),
        live: take(&mut memory.live),
        dies: 0,
        pinned: 0,
        forms: [Form::Exact; 16],
        rsp_lag: 0,
        early: [None; 16],
        slots: take(&mut memory.slots),
        at: 0,
        rip: first.addr,
        flag_code: None,
        records: take(&mut memory.records),
        simd: vector::State::new(mode),
    };
    l.labels.clear();
    for _ in &region.blocks {
        let label = l.asm.label();
        l.labels.push(label);
    }
    let mut entries = Vec::new();
    for (n, block) in region.blocks.iter().enumerate() {
        if block.entry {
            entries.push((block.addr.0, l.asm.offset()));
        }
        l.block(n, block);
    }
    let translation = l.finish(entries);
    *memory = Memory {
        facts: l.facts,
        vals: l.vals,
        live: l.live,
        slots: l.slots,
        labels: l.labels,
        done: l.done,
        records: l.records,
    };
    translation
}

impl<'a> Lowerer<'a> {
    fn has(&self, f: Feature) -> bool {
        self.isa.has(f)
    }

    fn inst(&self, v: Value) -> Inst {
        self.block.insts[v.index()]
    }

    fn block(&mut self, n: usize, block: &'a Block) {
        self.asm.bind(self.labels[n]);
        self.block = block;
        analysis::analyse(&mut self.facts, block, self.isa);
        analysis::refill(&mut self.vals, block.insts.len(), Val::NEW);
        self.live.clear();
        self.dies = 0;
        self.forms = [Form::Exact; 16];
        self.rsp_lag = 0;
        self.early = [None; 16];
        analysis::refill(
            &mut self.slots,
            crate::x86::state::SCRATCH_WORDS - abi::slot::SPILL,
            false,
        );
        self.rip = block.addr;
        self.flag_code = None;
        self.records.clear();
        self.simd.begin(block);
        self.inherit(n);
        self.count_execution(n, 0);
        for (i, inst) in block.insts.iter().enumerate() {
            let at = u32::try_from(i).expect("blocks are bounded");
            self.begin(at);
            if i + 1 == block.insts.len() && self.turned_exit(n, inst, block.term) {
                return;
            }
            self.instruction(Value(at), inst);
            if inst.op == Op::ExitIf {
                self.count_execution(n, at + 1);
            }
        }
        self.begin(u32::try_from(block.insts.len()).expect("blocks are bounded"));
        self.terminator(n, block.term);
    }

    fn instruction(&mut self, v: Value, inst: &Inst) {
        if inst.op == Op::Param {
            return;
        }
        self.vals[v.index()].bits = match inst.ty() {
            Ty::V128 => 128,
            _ => int::result_bits(inst),
        };
        let ordered = !self.has(Feature::Ztso) && !inst.lazy;
        if ordered && stores(inst.op) {
            self.asm.fence(mem::READ | mem::WRITE, mem::WRITE);
        }
        match inst.op {
            Op::Insn => self.rip = GuestAddr(inst.imm),
            Op::Const => {
                self.vals[v.index()].konst = Some(inst.imm);
                self.vals[v.index()].bits = 64 - inst.imm.leading_zeros();
            }
            Op::Get => self.get(v, inst),
            _ if inst.lazy || self.facts.deferred[v.index()] => {}
            Op::Set => self.set(inst),
            Op::CondOf | Op::FlBits => self.flag_query(v, inst),
            Op::Load => self.load(v, inst),
            Op::Store => self.store(inst),
            Op::Fence => self.fence(inst),
            Op::TrapIf => self.trap_if(inst),
            Op::ExitIf => self.exit_if(inst),
            Op::CheckCanonical => self.check_canonical(inst),
            Op::Poll => self.poll(inst),
            Op::Call => self.call_helper(v, inst),
            Op::Rmw | Op::Cas | Op::ProbeWrite => self.evaluate(v, inst),
            Op::RepStos | Op::RepMovs => self.repeat(v, inst),
            _ if has_vector(inst, self.block) => vector::lower_vector(self, v, inst),
            _ => {
                if !self.integer(v, inst) {
                    self.evaluate(v, inst);
                }
            }
        }
        if ordered && loads(inst.op) {
            self.asm.fence(mem::READ, mem::READ | mem::WRITE);
        }
    }

    fn get(&mut self, v: Value, inst: &Inst) {
        match inst.var() {
            Some(Var::Gpr(g)) => {
                if g == Gpr::RSP {
                    self.flush_rsp();
                }
                self.place(v, Loc::Guest(g), self.forms[g.index()]);
            }
            Some(Var::Xmm(_)) => vector::lower_vector(self, v, inst),
            Some(Var::Flags) => self.get_flags(v),
            Some(var @ (Var::Fsw | Var::Ftw)) => {
                let r = self.def(v, Form::Exact);
                self.asm.lhu(r, self.off(variable(var)), abi::STATE);
            }
            Some(var) => {
                let r = self.def(v, Form::Exact);
                self.asm.ld(r, self.off(variable(var)), abi::STATE);
            }
            None => {}
        }
    }

    fn set(&mut self, inst: &Inst) {
        let v = inst.args[0];
        match inst.var() {
            Some(Var::Gpr(g)) => self.set_gpr(g, v),
            Some(Var::Xmm(_)) => vector::lower_vector(self, v, inst),
            Some(Var::Flags) => self.set_flags(v),
            Some(var @ (Var::Fsw | Var::Ftw)) => {
                let r = self.exact(v);
                self.asm.sh(r, self.off(variable(var)), abi::STATE);
            }
            Some(var @ Var::Mm(_)) => {
                let r = self.exact(v);
                let at = variable(var);
                self.asm.sd(r, self.off(at), abi::STATE);
                // Sign and exponent: ones.
                let ones = Imm12::of(-1);
                self.asm.addi(abi::SCRATCH, Xreg::ZERO, ones);
                self.asm.sh(abi::SCRATCH, self.off(at + 8), abi::STATE);
            }
            Some(var) => {
                let r = self.exact(v);
                self.asm.sd(r, self.off(variable(var)), abi::STATE);
            }
            None => {}
        }
    }

    /// A label for `words`, placed behind the code.
    fn literal(&mut self, words: &[u64]) -> Label {
        if let Some((l, _)) = self.literals.iter().find(|(_, w)| w == words) {
            return *l;
        }
        let l = self.asm.label();
        self.literals.push((l, words.to_vec()));
        l
    }

    /// Counts this execution of block `n` from instruction `inst` on, if asked to.
    fn count_execution(&mut self, n: usize, inst: u32) {
        let Ok(n) = u32::try_from(n) else { return };
        if self.counters.is_none() {
            return;
        }
        let cell = self.asm.label();
        self.asm.ld_from(abi::SCRATCH, cell);
        self.asm.addi(abi::SCRATCH2, Xreg::ZERO, Imm12::of(1));
        self.asm
            .amoadd_d(Xreg::ZERO, abi::SCRATCH2, abi::SCRATCH, Ordering::Relaxed);
        let at = self.asm.offset();
        let counters = self.counters.get_or_insert_default();
        counters.push((n, inst, at, cell));
    }

    fn finish(&mut self, entries: Vec<(u64, usize)>) -> Result<Translation, LowerError> {
        let hot = self.asm.offset();
        self.slow_code();
        self.split_code();
        self.detour_code();
        let places = self.cold_code();
        if !self.asm.offset().is_multiple_of(8) {
            self.asm.ebreak();
        }
        for (label, words) in std::mem::take(&mut self.literals) {
            self.asm.bind(label);
            for w in words {
                for half in [w & 0xffff_ffff, w >> 32] {
                    self.asm.word(u32::try_from(half).expect("a half"));
                }
            }
        }
        let counters = self.counters.take().unwrap_or_default();
        let first_address = self.asm.offset();
        for (.., label) in &counters {
            self.asm.bind(*label);
            self.asm.word(0);
            self.asm.word(0);
        }
        if self.too_complex {
            return Err(LowerError::TooComplex);
        }
        let done = take(&mut self.asm).finish()?;
        let offset = |at: usize| u32::try_from(done.offset(at)).expect("jumps reached");
        let mut points = take(&mut self.points);
        for p in &mut points {
            p.offset = offset(p.offset as usize);
        }
        points.sort_unstable_by_key(|p| p.offset);
        // The counting itself lies before each start and is not counted.
        let ends = counters.iter().skip(1).map(|(_, _, at, _)| at - COUNTING);
        let counters = (counters.iter().zip(ends.chain([hot])).enumerate())
            .map(|(n, ((block, inst, start, _), end))| Counter {
                block: *block,
                inst: *inst,
                start: offset(*start),
                end: offset(end),
                address: offset(first_address + 8 * n),
            })
            .collect();
        let exits = places
            .iter()
            .zip(&self.link_words)
            .zip(&self.links)
            .map(|(((stub, veneer), word), (_, target))| Link {
                word: offset(*word),
                stub: offset(*stub),
                veneer: offset(*veneer),
                target: target.0,
            })
            .collect();
        Ok(Translation {
            code: done.bytes(),
            entries: entries.into_iter().map(|(a, at)| (a, offset(at))).collect(),
            exits,
            counters,
            points,
            steps: take(&mut self.steps),
            source: self.region.source.iter().map(|(a, n)| (a.0, *n)).collect(),
            guest_insns: self.region.guest_insns,
            mode: self.simd.mode,
        })
    }

    /// The host register of guest register `g`.
    fn guest(g: Gpr) -> Xreg {
        abi::gpr(g)
    }
}

/// True for what reads memory without ordering it: x86 loads come before whatever follows (SDM vol. 3,
/// 9.2.2).
const fn loads(op: Op) -> bool {
    matches!(op, Op::Load | Op::VLoad | Op::RepMovs)
}

/// True for what writes memory without ordering it: x86 stores come after whatever was before.
const fn stores(op: Op) -> bool {
    matches!(op, Op::Store | Op::VStore | Op::RepMovs | Op::RepStos)
}

/// Byte offset of a variable that lives in the register file.
fn variable(var: Var) -> u16 {
    use crate::x86::state::offset;
    let off = match var {
        Var::Gpr(g) => offset::GPR + 8 * g.index(),
        Var::Xmm(n) => offset::YMM + 32 * usize::from(n),
        Var::Flags => offset::FLAG_CODE,
        Var::Df => offset::DF,
        Var::RflagsOther => offset::RFLAGS_OTHER,
        Var::FsBase => offset::FS_BASE,
        Var::GsBase => offset::GS_BASE,
        Var::Fsw => offset::FSW,
        Var::Ftw => offset::FTW,
        Var::Mm(n) => offset::MM + 16 * usize::from(n),
    };
    u16::try_from(off).expect("within a load's reach")
}

/// True if the result or an argument is V128 or F.
fn has_vector(inst: &Inst, block: &Block) -> bool {
    let is = |ty: Ty| matches!(ty, Ty::V128 | Ty::F);
    is(inst.ty()) || inst.args().any(|v| is(block.insts[v.index()].ty()))
}
