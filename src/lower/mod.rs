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
mod atomic;
pub mod baseline;
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
mod x87;

use crate::ir::{Block, Inst, Op, Region, Ty, Value, Var};
use crate::rv64::{AsmError, Assembler, Feature, HostIsa, Imm12, Label, Ordering, Xreg};
use crate::x86::{Gpr, GuestAddr};
use analysis::Analysis;
use regs::{Form, Loc, Val};
use std::mem::take;

pub use vector::FpMode;

pub use translation::{
    Counter, Link, Place, Point, Recipe, Step, Translation, VENEER_WORDS, What, bytes, record_at,
    width,
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

/// A direct exit.
struct ExitLink {
    target: GuestAddr,
    /// Where it goes until it is linked.
    stub: Label,
    /// Offset of the word to patch.
    word: usize,
}

/// Up to four words placed behind the code.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Literal {
    words: [u64; 4],
    count: usize,
}

/// A region being lowered. Fields from `block` on are about the current block.
pub(crate) struct Lowerer<'a> {
    region: &'a Region,
    isa: HostIsa,
    asm: Assembler,
    labels: Vec<Label>,
    cold: Vec<Cold>,
    detours: Vec<call::Detour>,
    /// How many ways lead to each block (`exit::count_ways`).
    ways: Vec<u32>,
    /// What is left to blocks, by their number.
    wills: Vec<(usize, exit::Heir)>,
    links: Vec<ExitLink>,
    literals: Vec<(Label, Literal)>,
    /// With counters: block, instruction, where the code behind begins, the label of the cell's address.
    counters: Option<Vec<(u32, u32, usize, Label)>>,
    points: Vec<Point>,
    /// The steps of the points' recipes.
    steps: Vec<Step>,
    /// Which steps the current recipe has, by what they give.
    done: Vec<(Value, u16)>,
    too_complex: bool,

    block: &'a Block,
    facts: Analysis,
    vals: Vec<Val>,
    live: Vec<Value>,
    /// No value of `live` ends before this position.
    dies: u32,
    /// Registers the current instruction has read.
    pinned: u32,
    /// The guest registers (bit = number) that hold sign extensions of 32-bit values.
    short: u16,
    /// RSP is its host register plus this: what is pushed and popped is added up.
    rsp_lag: i16,
    /// The value that was computed into the register before its `set`.
    early: [Value; 16],
    /// The spill slots in use.
    slots: regs::Slots,
    /// Those that arguments of the current instruction lay in whose values end here.
    ended: regs::Slots,
    /// What `exit_if` comes back to.
    saved: Vec<(Value, Val)>,
    /// What `delayed` has to compute.
    missing: Vec<Value>,
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
    asm: Assembler,
    labels: Vec<Label>,
    cold: Vec<Cold>,
    ways: Vec<u32>,
    wills: Vec<(usize, exit::Heir)>,
    links: Vec<ExitLink>,
    literals: Vec<(Label, Literal)>,
    entries: Vec<(u64, usize)>,
    points: Vec<Point>,
    steps: Vec<Step>,
    done: Vec<(Value, u16)>,
    facts: Analysis,
    vals: Vec<Val>,
    live: Vec<Value>,
    saved: Vec<(Value, Val)>,
    missing: Vec<Value>,
    records: Vec<(Value, u16)>,
    simd: vector::State,
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
    let mut l = Lowerer {
        region,
        isa,
        asm: take(&mut memory.asm),
        labels: take(&mut memory.labels),
        cold: take(&mut memory.cold),
        detours: Vec::new(),
        ways: take(&mut memory.ways),
        wills: take(&mut memory.wills),
        links: take(&mut memory.links),
        literals: take(&mut memory.literals),
        counters: counting.then(Vec::new),
        points: take(&mut memory.points),
        steps: take(&mut memory.steps),
        done: take(&mut memory.done),
        too_complex: false,
        block: first,
        facts: take(&mut memory.facts),
        vals: take(&mut memory.vals),
        live: take(&mut memory.live),
        dies: 0,
        pinned: 0,
        short: 0,
        rsp_lag: 0,
        early: [Value::NONE; 16],
        slots: regs::Slots::default(),
        ended: regs::Slots::default(),
        saved: take(&mut memory.saved),
        missing: take(&mut memory.missing),
        at: 0,
        rip: first.addr,
        flag_code: None,
        records: take(&mut memory.records),
        simd: take(&mut memory.simd),
    };
    l.asm.clear();
    l.labels.clear();
    l.cold.clear();
    l.wills.clear();
    l.links.clear();
    l.literals.clear();
    l.points.clear();
    l.steps.clear();
    l.simd.reset(mode);
    exit::count_ways(region, &mut l.ways);
    for _ in &region.blocks {
        let label = l.asm.label();
        l.labels.push(label);
    }
    let mut entries = take(&mut memory.entries);
    entries.clear();
    for (n, block) in region.blocks.iter().enumerate() {
        if block.entry {
            entries.push((block.addr.0, l.asm.offset()));
        }
        l.block(n, block);
    }
    let translation = l.finish(&entries);
    *memory = Memory {
        asm: l.asm,
        labels: l.labels,
        cold: l.cold,
        ways: l.ways,
        wills: l.wills,
        links: l.links,
        literals: l.literals,
        entries,
        points: l.points,
        steps: l.steps,
        done: l.done,
        facts: l.facts,
        vals: l.vals,
        live: l.live,
        saved: l.saved,
        missing: l.missing,
        records: l.records,
        simd: l.simd,
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
        self.short = 0;
        self.rsp_lag = 0;
        self.early = [Value::NONE; 16];
        self.slots = regs::Slots::default();
        self.ended = regs::Slots::default();
        self.rip = block.addr;
        self.flag_code = None;
        self.records.clear();
        self.simd.begin(block, &mut self.facts.of, self.isa);
        self.inherit(n);
        self.count_execution(n, 0);
        for (i, inst) in block.insts.iter().enumerate() {
            if inst.op == Op::Insn {
                self.rip = GuestAddr(inst.imm);
                continue;
            }
            let at = u32::try_from(i).expect("blocks are bounded");
            self.begin(at);
            if self.simd.is_done(at) {
                continue;
            }
            // The most frequent ones first.
            match inst.op {
                Op::Const => self.known(Value(at), inst.imm),
                Op::Get => self.get(Value(at), inst),
                Op::Set if inst.lazy => {}
                Op::Set => self.set(inst),
                Op::ExitIf => {
                    if i + 1 == block.insts.len() && self.turned_exit(n, inst, block.term) {
                        return;
                    }
                    self.exit_if(inst);
                    self.count_execution(n, at + 1);
                }
                _ => self.instruction(Value(at), inst),
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
            Op::Const => self.known(v, inst.imm),
            Op::Get => self.get(v, inst),
            _ if inst.lazy || self.facts.of[v.index()].deferred => {}
            Op::CondOf | Op::FlBits => self.flag_query(v, inst),
            Op::Load => self.load(v, inst),
            Op::Store => self.store(inst),
            Op::Fence => self.fence(inst),
            Op::TrapIf => self.trap_if(inst),
            Op::CheckCanonical => self.check_canonical(inst),
            Op::Poll => self.poll(inst),
            Op::Call => self.call_helper(v, inst),
            Op::Rmw | Op::Cas => self.atomic(v, inst),
            Op::ProbeWrite => self.evaluate(v, inst),
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

    /// `v` is a constant.
    fn known(&mut self, v: Value, c: u64) {
        let val = &mut self.vals[v.index()];
        val.konst = Some(c);
        val.bits = 64 - c.leading_zeros();
    }

    fn get(&mut self, v: Value, inst: &Inst) {
        match inst.var() {
            Some(Var::Gpr(g)) => {
                if g == Gpr::RSP {
                    self.flush_rsp();
                }
                self.place(v, Loc::Guest(g), self.form(g));
            }
            Some(Var::Xmm(_) | Var::YmmHi(_)) => {
                self.vals[v.index()].bits = 128;
                vector::lower_vector(self, v, inst);
            }
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
            Some(Var::Xmm(_) | Var::YmmHi(_)) => vector::lower_vector(self, v, inst),
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

    /// A label for `words`, at most four, placed behind the code.
    fn literal(&mut self, words: &[u64]) -> Label {
        let mut literal = Literal {
            words: [0; 4],
            count: words.len(),
        };
        literal.words[..words.len()].copy_from_slice(words);
        if let Some((l, _)) = self.literals.iter().find(|(_, w)| *w == literal) {
            return *l;
        }
        let l = self.asm.label();
        self.literals.push((l, literal));
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

    fn finish(&mut self, entries: &[(u64, usize)]) -> Result<Translation, LowerError> {
        let hot = self.asm.offset();
        self.slow_code();
        self.split_code();
        self.detour_code();
        let first_stub = self.cold_code();
        if !self.asm.offset().is_multiple_of(8) {
            self.asm.ebreak();
        }
        for (label, literal) in &self.literals {
            self.asm.bind(*label);
            for w in &literal.words[..literal.count] {
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
        let done = self.asm.finish()?;
        let offset = |at: usize| u32::try_from(done.offset(at)).expect("jumps reached");
        for p in &mut self.points {
            p.offset = offset(p.offset as usize);
        }
        self.points.sort_unstable_by_key(|p| p.offset);
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
        let stubs = (first_stub..).step_by(control::STUB);
        let exits = (self.links.iter().zip(stubs))
            .map(|(link, stub)| Link {
                word: offset(link.word),
                stub: offset(stub),
                veneer: offset(stub + control::STUB_LEAVES),
                target: link.target.0,
            })
            .collect();
        Ok(Translation {
            code: done.bytes(),
            entries: entries.iter().map(|(a, at)| (*a, offset(*at))).collect(),
            exits,
            counters,
            points: self.points.clone(),
            steps: self.steps.clone(),
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
        Var::YmmHi(n) => offset::YMM + 32 * usize::from(n) + 16,
        Var::Flags => offset::FLAG_CODE,
        Var::Df => offset::DF,
        Var::RflagsOther => offset::RFLAGS_OTHER,
        Var::FsBase => offset::FS_BASE,
        Var::GsBase => offset::GS_BASE,
        Var::Fsw => offset::FSW,
        Var::Ftw => offset::FTW,
        Var::Selectors => offset::SELECTORS,
        Var::Mm(n) => offset::MM + 16 * usize::from(n),
    };
    u16::try_from(off).expect("within a load's reach")
}

/// True if the result or an argument is V128 or F.
fn has_vector(inst: &Inst, block: &Block) -> bool {
    let is = |ty: Ty| matches!(ty, Ty::V128 | Ty::F);
    is(inst.ty()) || inst.args().any(|v| is(block.insts[v.index()].ty()))
}
