//! What the lowering of a block has to know before it starts: how long each value is needed, which
//! comparisons and shifts are better done by their only user, and which delayed flags each point must
//! be able to reconstruct.
//!
//! Linear in the block's length, but for delayed flags: the expression behind one is walked once.

use crate::ir::{Block, EXIT_FLAGS, Inst, Op, Value, Var};
use crate::rv64::{Feature, HostIsa, Imm12};
use crate::x86::{Gpr, Width};
use std::num::NonZeroU32;

/// Never used.
pub const NEVER: u32 = 0;

/// Facts about a block's values.
#[derive(Debug, Default)]
pub struct Analysis {
    /// By position, the block's length included.
    pub of: Vec<Fact>,
    /// The positions `defer` is about: those whose argument's work they may do.
    takers: Vec<u32>,
    /// The values RSP is set to.
    rsp: Vec<Value>,
    /// Working memory of `keep`.
    seen: Vec<Value>,
    /// See `seen`.
    work: Vec<Value>,
}

/// What is known of a position and its value.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    /// The position of the last instruction that needs the value; the block's length for its
    /// terminator; `NEVER` if none does.
    pub last_use: u32,
    /// How many executed instructions use it.
    pub uses: u32,
    /// The `set` of a guest register that takes the value, if it is the first one: its position.
    pub set_at: Option<NonZeroU32>,
    /// The delayed `set flags` in force here, as its bundle.
    pub pending: Option<Value>,
    /// True if the instruction emits nothing where it stands: its only user does its work.
    pub deferred: bool,
    /// True for a load that is wanted sign-extended.
    pub signed: bool,
}

impl Fact {
    const NONE: Fact = Fact {
        last_use: NEVER,
        uses: 0,
        set_at: None,
        pending: None,
        deferred: false,
        signed: false,
    };
}

/// True if a point may be made for the instruction: its place must be able to give the guest's state.
#[must_use]
pub fn is_point(inst: &Inst) -> bool {
    !inst.lazy && inst.op.observes()
}

fn is_flag_bundle(op: Op) -> bool {
    crate::ir::eval::is_record(op)
}

const fn is_compare(op: Op) -> bool {
    matches!(op, Op::Eq | Op::Ne | Op::LtU | Op::LeU | Op::LtS | Op::LeS)
}

/// Makes a vector of `n` such values of `v`, in the memory it has.
pub fn refill<T: Clone>(v: &mut Vec<T>, n: usize, value: T) {
    v.clear();
    v.resize(n, value);
}

/// Analyses `block`; `a` has what was there before.
pub fn analyse(a: &mut Analysis, block: &Block, isa: HostIsa) {
    let n = block.insts.len();
    let end = u32::try_from(n).expect("blocks are bounded");
    refill(&mut a.of, n + 1, Fact::NONE);
    a.takers.clear();
    a.rsp.clear();
    let mut delays = false;
    for (at, inst) in (0..end).zip(&block.insts) {
        if inst.lazy {
            delays |= inst.op == Op::Set;
            continue;
        }
        for v in inst.args() {
            let of = &mut a.of[v.index()];
            of.last_use = at;
            of.uses += 1;
        }
        match inst.op {
            Op::Set => {
                let v = inst.args[0];
                if let Some(Var::Gpr(g)) = inst.var() {
                    let set_at = &mut a.of[v.index()].set_at;
                    *set_at = set_at.or(NonZeroU32::new(at));
                    if g == Gpr::RSP && near_rsp(block, v).is_some() {
                        a.rsp.push(v);
                    }
                }
            }
            Op::Sext => {
                let v = inst.args[0];
                let load = &block.insts[v.index()];
                if load.op == Op::Load && load.w == inst.w && load.w != Width::W64 {
                    a.of[v.index()].signed = true;
                }
            }
            Op::Select | Op::TrapIf | Op::ExitIf => a.takers.push(at),
            Op::Add if inst.w == Width::W64 => a.takers.push(at),
            op if is_flag_bundle(op) => a.of[at as usize].deferred = true,
            _ => {}
        }
    }
    if let Some(v) = block.term.value() {
        let of = &mut a.of[v.index()];
        of.last_use = end;
        of.uses += 1;
    }
    defer(block, isa, a);
    // Backwards, so that a deferred user's need is final before its arguments inherit it.
    for (i, inst) in block.insts.iter().enumerate().rev() {
        if a.of[i].deferred {
            let until = a.of[i].last_use;
            for v in inst.args() {
                let last = &mut a.of[v.index()].last_use;
                *last = until.max(*last);
            }
        }
    }
    if delays {
        delayed_flags(block, a);
    }
}

fn defer(block: &Block, isa: HostIsa, a: &mut Analysis) {
    // What RSP moves by is added up, if nobody wants to know it meanwhile.
    for v in &a.rsp {
        // Counted down, and back up below: what is left are other uses.
        let of = &mut a.of[v.index()];
        of.uses -= 1;
        of.deferred = of.uses == 0;
    }
    for v in &a.rsp {
        a.of[v.index()].uses += 1;
    }
    let single = |of: &[Fact], v: Value| of[v.index()].uses == 1;
    for at in &a.takers {
        let inst = &block.insts[*at as usize];
        if inst.op != Op::Add {
            let c = inst.args[0];
            if is_compare(block.insts[c.index()].op) && single(&a.of, c) {
                a.of[c.index()].deferred = true;
            }
        } else if isa.has(Feature::Zba) {
            let shifted = inst
                .args()
                .find(|v| scaled(block, *v).is_some() && single(&a.of, *v));
            // A sum with a constant is an immediate form, which wants the shifted value itself.
            let constant = |v: Value| {
                let d = &block.insts[v.index()];
                d.op == Op::Const && Imm12::new(d.imm.cast_signed()).is_some()
            };
            if let Some(v) = shifted
                && !inst.args().any(constant)
            {
                a.of[v.index()].deferred = true;
            }
        }
    }
}

/// If `v` is a `get rsp` plus a small constant: these.
#[must_use]
pub fn near_rsp(block: &Block, v: Value) -> Option<(Value, i16)> {
    let inst = &block.insts[v.index()];
    if inst.op != Op::Add || inst.w != Width::W64 {
        return None;
    }
    let [base, by, ..] = inst.args;
    let by = &block.insts[by.index()];
    let distance = (by.op == Op::Const).then(|| Imm12::new(by.imm.cast_signed()))??;
    let rsp = block.insts[base.index()].gets(Var::Gpr(Gpr::RSP));
    rsp.then_some((base, i16::try_from(distance.get()).ok()?))
}

/// If `v` is another value shifted left by 1 to 3: that value and the count.
#[must_use]
pub fn scaled(block: &Block, v: Value) -> Option<(Value, u64)> {
    let inst = &block.insts[v.index()];
    if inst.op != Op::Shl || inst.w != Width::W64 || inst.lazy {
        return None;
    }
    let count = &block.insts[inst.args[1].index()];
    (count.op == Op::Const && (1..=3).contains(&count.imm)).then_some((inst.args[0], count.imm))
}

fn delayed_flags(block: &Block, a: &mut Analysis) {
    let mut pending: Option<Value> = None;
    let mut last_point = None;
    for (i, inst) in block.insts.iter().enumerate() {
        let unseen = inst.op == Op::ExitIf && inst.aux & EXIT_FLAGS == 0;
        if is_point(inst) && !unseen {
            a.of[i].pending = pending;
            last_point = Some(i);
        }
        if inst.sets(Var::Flags) {
            if let (Some(v), Some(p)) = (pending, last_point) {
                keep(block, a, v, p);
            }
            pending = inst.lazy.then_some(inst.args[0]);
            last_point = None;
        }
    }
    // The end counts as a point: terminators leave code.
    if let Some(v) = pending {
        let end = block.insts.len();
        a.of[end].pending = pending;
        keep(block, a, v, end);
    }
}

/// Keeps what the recipe for bundle `v` reads until after `point`, whose own result must not replace it.
fn keep(block: &Block, a: &mut Analysis, v: Value, point: usize) {
    let point = u32::try_from(point + 1).expect("blocks are bounded");
    a.seen.clear();
    a.work.clear();
    a.work.push(v);
    while let Some(v) = a.work.pop() {
        if a.seen.contains(&v) {
            continue;
        }
        a.seen.push(v);
        let last = &mut a.of[v.index()].last_use;
        *last = point.max(*last);
        // What the recipe evaluates reads more.
        let inst = &block.insts[v.index()];
        if in_recipe(inst) || a.of[v.index()].deferred {
            a.work.extend(inst.args());
        }
    }
}

/// True if a recipe evaluates the instruction instead of reading its value.
#[must_use]
pub fn in_recipe(inst: &Inst) -> bool {
    inst.op == Op::Const
        || inst.op == Op::FComi
        || is_flag_bundle(inst.op)
        || inst.lazy && inst.op != Op::Get
}
