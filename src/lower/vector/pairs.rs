//! Which operations of a block are the two halves of one on 256 bits.
//!
//! IR has a 256-bit instruction's halves apart, one after the other. Where YMM registers are resident, two
//! operations of a guest instruction are done as one, at the place of the first, if they are the same and the
//! arguments of one are the lower halves of what the other's are the upper halves of. An operation both of
//! whose halves would be the same is in IR once; it is done on both halves if that is how it is used.
//!
//! Why pairs of the IR as it is, and not wide values: the other engines and hosts with V of 128 bits need
//! the halves, `opt` forwards and joins halves without knowing of it, and instructions that mix them
//! (VINSERTI128, VPERM2I128, VEX.128) cost nothing to understand. A loop of eight integer operations
//! of AVX2 takes 59 instructions of the host with the upper halves in memory, 23 in pairs; one of FMA 82 and 42.
//!
//! Knows no registers (see `ymm`). Linear: looks back a bounded way.

use super::super::analysis::Fact;
use crate::ir::{
    Block, CvtKind, Effect, FP_HIGH_HALF, FP_LOW_HALF, Inst, Op, Ty, VSTORE_FIRST, VSTORE_SECOND,
    Value, Var,
};
use crate::lower::abi;
use crate::rv64::{Feature, HostIsa};
use crate::x86::Width;

/// How far back the lower half of an operation is looked for.
const REACH: usize = 24;

/// What is done as one.
#[derive(Default)]
pub(super) struct Pairs {
    /// By position: the operation on the upper half, which may be the same. Empty if there are none.
    high: Vec<Value>,
    /// By position: nothing is to be done any more.
    done: Vec<bool>,
    /// Masks of lower halves, and the value that has the upper half's mask above it.
    joined: Vec<(Value, Value)>,
    /// By position: what is the upper half of the value.
    above: Vec<Value>,
    /// By position: whether it is wanted in both halves.
    twice: Vec<bool>,
}

impl Pairs {
    pub fn is_empty(&self) -> bool {
        self.high.is_empty()
    }

    /// What is done with `v`.
    pub fn high(&self, v: Value) -> Option<Value> {
        self.high
            .get(v.index())
            .copied()
            .filter(|high| high.is_some())
    }

    /// Whether `v` is done, or will be, with what precedes it.
    pub fn is_done(&self, v: Value) -> bool {
        self.done.get(v.index()).copied().unwrap_or(false)
    }

    pub fn set_done(&mut self, v: Value) {
        if let Some(done) = self.done.get_mut(v.index()) {
            *done = true;
        }
    }

    /// The value that has the masks of both halves, if nobody wants mask `v` of the lower half alone.
    pub fn joined(&self, v: Value) -> Option<Value> {
        let found = self.joined.iter().find(|(low, _)| *low == v);
        found.map(|(_, both)| *both)
    }
}

/// How operations are paired.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Lane by lane, or within 128 bits.
    Lanes,
    /// The same for floating point.
    Float,
    /// A constant, or one lane everywhere: never two.
    Same,
    /// The lanes' signs.
    Mask,
    /// Lanes of both halves of the first argument.
    Across,
    Memory,
    No,
}

fn kind(inst: &Inst, inline: bool, isa: HostIsa) -> Kind {
    match inst.op {
        Op::VAesEnc | Op::VAesEncLast | Op::VAesDec | Op::VAesDecLast => {
            if isa.has(Feature::Zvkned) {
                Kind::Lanes
            } else {
                Kind::No
            }
        }
        _ if inst.lazy => Kind::No,
        _ if inst.op.effect() == Effect::Fp => match inst.op {
            Op::VFAdd
            | Op::VFSub
            | Op::VFMul
            | Op::VFDiv
            | Op::VFAddSub
            | Op::VFSqrt
            | Op::VFMin
            | Op::VFMax
            | Op::VFCmp
            | Op::VFFma
            | Op::VFRound
                if inline =>
            {
                Kind::Float
            }
            Op::VCvt if inline => match CvtKind::from_aux(inst.aux) {
                Some(CvtKind::I32F32 | CvtKind::F32I32 | CvtKind::F32I32Trunc) => Kind::Float,
                _ => Kind::No,
            },
            _ => Kind::No,
        },
        Op::VAnd
        | Op::VAndN
        | Op::VOr
        | Op::VXor
        | Op::VAdd
        | Op::VSub
        | Op::VAddSatS
        | Op::VAddSatU
        | Op::VSubSatS
        | Op::VSubSatU
        | Op::VMul
        | Op::VMulHiS
        | Op::VMulHiU
        | Op::VMinS
        | Op::VMinU
        | Op::VMaxS
        | Op::VMaxU
        | Op::VAvg
        | Op::VCmpEq
        | Op::VCmpGt
        | Op::VShl
        | Op::VShr
        | Op::VSar
        | Op::VShlV
        | Op::VShrV
        | Op::VSarV
        | Op::VBlend
        | Op::VMadd
        | Op::VSad
        | Op::VMulEvenU
        | Op::VPerm
        | Op::VRotr
        | Op::VShuf => Kind::Lanes,
        Op::VConst | Op::VSplat => Kind::Same,
        Op::VMovMask => Kind::Mask,
        Op::VLanes2 => Kind::Across,
        Op::VLoad | Op::VStore => Kind::Memory,
        _ => Kind::No,
    }
}

fn number(n: usize) -> Value {
    Value(u32::try_from(n).expect("blocks are bounded"))
}

/// Finds the pairs of `block`, and ends the arguments of what is done earlier there. `inline`: floating
/// point has code.
pub(super) fn find(
    block: &Block,
    facts: &mut [Fact],
    isa: HostIsa,
    inline: bool,
    pairs: &mut Pairs,
) {
    pairs.high.clear();
    pairs.done.clear();
    pairs.joined.clear();
    let wide = |inst: &Inst| matches!(inst.var(), Some(Var::YmmHi(_)));
    if !abi::ymm_resident(isa) || !block.insts.iter().any(wide) {
        return;
    }
    let n = block.insts.len();
    pairs.high.resize(n, Value::NONE);
    pairs.done.resize(n, false);
    pairs.above.clear();
    pairs.above.resize(n, Value::NONE);
    pairs.twice.clear();
    pairs.twice.resize(n, false);
    // What the registers' halves are.
    let mut low = [Value::NONE; 16];
    let mut high = [Value::NONE; 16];
    let mut start = 0;
    for (j, inst) in block.insts.iter().enumerate() {
        let v = number(j);
        match (inst.op, inst.var()) {
            (Op::Insn, _) => start = j,
            (Op::Get | Op::Set, Some(var @ (Var::Xmm(r) | Var::YmmHi(r)))) => {
                let r = usize::from(r & 15);
                let new = if inst.op == Op::Get { v } else { inst.args[0] };
                if matches!(var, Var::Xmm(_)) {
                    low[r] = new;
                    if inst.op == Op::Set {
                        // Until that is known too.
                        high[r] = Value::NONE;
                    }
                } else {
                    high[r] = new;
                    if inst.op == Op::Set && low[r] == new {
                        pairs.twice[new.index()] = true;
                    }
                }
                if low[r].is_some() && high[r].is_some() && low[r] != high[r] {
                    let above = &mut pairs.above[low[r].index()];
                    if !above.is_some() {
                        *above = high[r];
                    }
                }
            }
            (Op::Or, _) => join_masks(block, facts, pairs, j),
            _ => {
                let kind = kind(inst, inline, isa);
                if matches!(kind, Kind::No | Kind::Same) {
                    continue;
                }
                let first = start.max(j.saturating_sub(REACH));
                let partner = (first..j).rev().find(|i| {
                    let same = block.insts[*i].op == inst.op && block.insts[*i].w == inst.w;
                    same && !block.insts[*i].lazy && matches(block, pairs, kind, *i, j)
                });
                if let Some(i) = partner {
                    take(block, facts, pairs, i, j);
                }
            }
        }
    }
    both_halves(block, pairs, inline, isa);
}

/// Whether the instruction at `j` is on the upper half of what that at `i` is on the lower half of.
fn matches(block: &Block, pairs: &Pairs, kind: Kind, i: usize, j: usize) -> bool {
    let (a, b) = (&block.insts[i], &block.insts[j]);
    if pairs.high[i].is_some() || pairs.done[i] {
        return false;
    }
    let immediates = match kind {
        Kind::Float => a.imm == FP_LOW_HALF && b.imm == FP_HIGH_HALF && a.aux == b.aux,
        Kind::Memory => {
            let halves = VSTORE_FIRST | VSTORE_SECOND;
            let order = [a.aux & halves, b.aux & halves];
            let ordered = order == [0, 0] || order == [VSTORE_FIRST, VSTORE_SECOND];
            // One half could be stored before the other faults.
            let whole = a.op == Op::VLoad || order != [0, 0] || a.aux & 1 != 0;
            b.imm == a.imm.wrapping_add(16)
                && (a.aux | halves) == (b.aux | halves)
                && ordered
                && whole
        }
        // The patterns may differ.
        _ if a.op == Op::VShuf => a.aux == b.aux,
        _ => a.imm == b.imm && a.aux == b.aux,
    };
    // What is done earlier than it stands must not be seen to be.
    let between = &block.insts[i + 1..j];
    let seen = |inst: &Inst| inst.op.observes() && inst.op.effect() != Effect::Fp;
    if !immediates || matches!(kind, Kind::Memory | Kind::Float) && between.iter().any(seen) {
        return false;
    }
    let across = is_across(block, pairs, i, j);
    if kind == Kind::Across && !across {
        return false;
    }
    if across {
        return a.op == Op::VShuf || is_above(block, pairs, i, a.args[2], b.args[2]);
    }
    let mut args = a.args().zip(b.args());
    // One value cannot have two upper halves.
    let twice = |x: Value, y: Value| a.args().zip(b.args()).any(|(p, q)| p == x && q != y);
    args.all(|(x, y)| !twice(x, y) && is_above(block, pairs, i, x, y))
}

/// Whether the instructions at `i` and `j` take lanes of both halves of the same value.
pub(super) fn is_across(block: &Block, pairs: &Pairs, i: usize, j: usize) -> bool {
    let (a, b) = (&block.insts[i], &block.insts[j]);
    matches!(a.op, Op::VShuf | Op::VLanes2)
        && a.args[..2] == b.args[..2]
        && pairs.above[a.args[0].index()] == a.args[1]
}

/// Whether `y` is the upper half of `x`, at position `at` already.
fn is_above(block: &Block, pairs: &Pairs, at: usize, x: Value, y: Value) -> bool {
    let of = &block.insts[y.index()];
    match block.insts[x.index()].ty() {
        _ if x == y => true,
        Ty::V128 if pairs.above[x.index()] != y => false,
        Ty::V128 if y.index() < at || pairs.high[x.index()] == y => true,
        // It can be read earlier.
        Ty::V128 => {
            of.op == Op::Get
                && !block.insts[at..y.index()]
                    .iter()
                    .any(|i| of.var().is_some_and(|var| i.sets(var)))
        }
        Ty::I64 => {
            of.op == Op::Const
                && block.insts[x.index()].op == Op::Const
                && of.imm == block.insts[x.index()].imm
        }
        _ => false,
    }
}

/// Does `j` with `i`.
fn take(block: &Block, facts: &mut [Fact], pairs: &mut Pairs, i: usize, j: usize) {
    pairs.high[i] = number(j);
    pairs.done[j] = true;
    if block.insts[j].ty() == Ty::V128 {
        pairs.above[i] = number(j);
    }
    let here = u32::try_from(i).expect("blocks are bounded");
    let args = block.insts[i].args().zip(block.insts[j].args());
    for (x, y) in args {
        if x == y {
            pairs.twice[x.index()] = true;
        } else if y.index() > i && block.insts[y.index()].op == Op::Get {
            pairs.done[y.index()] = true;
        }
        let last = &mut facts[y.index()].last_use;
        if *last as usize == j {
            let uses = |k: &usize| {
                let inst = &block.insts[*k];
                !inst.lazy && inst.args().any(|v| v == y)
            };
            let before = (i + 1..j).rev().find(uses);
            *last = before.map_or(here, |k| u32::try_from(k).expect("blocks are bounded"));
        }
    }
}

/// If the OR at `k` puts the mask of an upper half above that of the lower half, which nobody wants alone:
/// the masks are taken at once.
fn join_masks(block: &Block, facts: &[Fact], pairs: &mut Pairs, k: usize) {
    let inst = &block.insts[k];
    let [low, shifted, ..] = inst.args;
    let (mask, shift) = (&block.insts[low.index()], &block.insts[shifted.index()]);
    if mask.op != Op::VMovMask || shift.op != Op::Shl || [inst.w, shift.w] != [Width::W64; 2] {
        return;
    }
    let [high, count, ..] = shift.args;
    let count = &block.insts[count.index()];
    let single = |v: Value| facts[v.index()].uses == 1 && !facts[v.index()].deferred;
    if pairs.high[low.index()] == high
        && count.op == Op::Const
        && count.imm == 16 / mask.w.bytes()
        && [low, high, shifted].into_iter().all(single)
        && !inst.lazy
        && !facts[k].deferred
    {
        pairs.done[shifted.index()] = true;
        pairs.done[k] = true;
        pairs.joined.push((low, number(k)));
    }
}

/// Marks what is wanted in both halves and can be made so.
fn both_halves(block: &Block, pairs: &mut Pairs, inline: bool, isa: HostIsa) {
    for (i, inst) in block.insts.iter().enumerate().rev() {
        if !pairs.twice[i] || pairs.high[i].is_some() || pairs.done[i] {
            continue;
        }
        let vectors = || {
            inst.args()
                .filter(|v| block.insts[v.index()].ty() == Ty::V128)
        };
        let can = |v: Value| {
            let of = &block.insts[v.index()];
            matches!(kind(of, inline, isa), Kind::Same | Kind::Lanes) || of.op == Op::VFromI
        };
        match kind(inst, inline, isa) {
            Kind::Same => pairs.high[i] = number(i),
            Kind::Lanes if vectors().all(can) => {
                pairs.high[i] = number(i);
                for v in vectors() {
                    pairs.twice[v.index()] = true;
                }
            }
            _ => {}
        }
    }
}
