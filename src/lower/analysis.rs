//! What the lowering of a block has to know before it starts: how long each value is needed, which
//! comparisons and shifts are better done by their only user, and which delayed flags each point must
//! be able to reconstruct.
//!
//! Linear in the block's length, but for delayed flags: the expression behind one is walked once.

use crate::ir::{Block, EXIT_FLAGS, Inst, Op, Value, Var};
use crate::rv64::{Feature, HostIsa, Imm12};
use crate::x86::{Gpr, Width};

/// Never used.
pub const NEVER: u32 = 0;

/// Facts about a block's values, by position.
#[derive(Debug, Default)]
pub struct Analysis {
    /// The position of the last instruction that needs the value; the block's length for its
    /// terminator; 0 if none does.
    pub last_use: Vec<u32>,
    /// How many executed instructions use it.
    pub uses: Vec<u32>,
    /// True if the instruction emits nothing where it stands: its only user does its work.
    pub deferred: Vec<bool>,
    /// True for a load that is wanted sign-extended.
    pub signed: Vec<bool>,
    /// For each position, the delayed `set flags` in force there, as its bundle.
    pub pending: Vec<Option<Value>>,
    /// The `set` of a guest register that takes the value, if it is the first one: its position.
    pub set_at: Vec<Option<u32>>,
    /// Working memory of `keep`.
    seen: Vec<Value>,
    /// See `seen`.
    work: Vec<Value>,
}

/// True if a point may be made for the instruction: its place must be able to give the guest's state.
#[must_use]
pub fn is_point(inst: &Inst) -> bool {
    !inst.lazy && (inst.op.observes() || inst.op.effect() == crate::ir::Effect::Fp)
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
    refill(&mut a.last_use, n, NEVER);
    refill(&mut a.uses, n, 0);
    refill(&mut a.deferred, n, false);
    refill(&mut a.signed, n, false);
    refill(&mut a.pending, n + 1, None);
    refill(&mut a.set_at, n, None);
    for (i, inst) in block
        .insts
        .iter()
        .enumerate()
        .filter(|(_, inst)| !inst.lazy)
    {
        let at = u32::try_from(i).expect("blocks are bounded");
        for v in inst.args() {
            a.last_use[v.index()] = at;
            a.uses[v.index()] += 1;
        }
        if matches!(inst.var(), Some(Var::Gpr(_))) && inst.op == Op::Set {
            a.set_at[inst.args[0].index()].get_or_insert(at);
        }
        a.deferred[i] = is_flag_bundle(inst.op);
    }
    if let Some(v) = block.term.value() {
        a.last_use[v.index()] = end;
        a.uses[v.index()] += 1;
    }
    defer(block, isa, a);
    // Backwards, so that a deferred user's need is final before its arguments inherit it.
    for i in (0..n).rev() {
        if a.deferred[i] {
            let until = a.last_use[i];
            for v in block.insts[i].args() {
                a.last_use[v.index()] = a.last_use[v.index()].max(until);
            }
        }
    }
    delayed_flags(block, a);
}

fn defer(block: &Block, isa: HostIsa, a: &mut Analysis) {
    // What RSP moves by is added up, if nobody wants to know it meanwhile.
    let sets = |i: &&Inst| i.op == Op::Set && i.var() == Some(Var::Gpr(Gpr::RSP));
    for inst in block.insts.iter().filter(sets) {
        let v = inst.args[0];
        if near_rsp(block, v).is_some() {
            // Counted down, and back up below: what is left are other uses.
            a.uses[v.index()] -= 1;
            a.deferred[v.index()] = a.uses[v.index()] == 0;
        }
    }
    for inst in block.insts.iter().filter(sets) {
        let v = inst.args[0];
        a.uses[v.index()] += u32::from(near_rsp(block, v).is_some());
    }
    let single = |a: &Analysis, v: Value| a.uses[v.index()] == 1;
    for inst in block.insts.iter().filter(|i| !i.lazy) {
        match inst.op {
            Op::Select | Op::TrapIf | Op::ExitIf => {
                let c = inst.args[0];
                if is_compare(block.insts[c.index()].op) && single(a, c) {
                    a.deferred[c.index()] = true;
                }
            }
            Op::Sext => {
                let v = inst.args[0];
                let load = &block.insts[v.index()];
                if load.op == Op::Load && load.w == inst.w && load.w != Width::W64 {
                    a.signed[v.index()] = true;
                }
            }
            // A sum with a constant is an immediate form, which wants the shifted value itself.
            Op::Add if inst.w == Width::W64 && isa.has(Feature::Zba) => {
                let constant = inst.args().any(|v| {
                    let d = &block.insts[v.index()];
                    d.op == Op::Const && Imm12::new(d.imm.cast_signed()).is_some()
                });
                let shifted = inst
                    .args()
                    .find(|v| scaled(block, *v).is_some() && single(a, *v));
                if let Some(v) = shifted.filter(|_| !constant) {
                    a.deferred[v.index()] = true;
                }
            }
            _ => {}
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
    let rsp = block.insts[base.index()].var() == Some(Var::Gpr(Gpr::RSP));
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
    let sets_flags = |i: &Inst| i.op == Op::Set && i.var() == Some(Var::Flags);
    let n = block.insts.len();
    let mut pending: Option<Value> = None;
    let mut last_point = None;
    for i in 0..=n {
        let inst = block.insts.get(i);
        // The end counts as a point: terminators leave code.
        let set = inst.is_none_or(sets_flags);
        let unseen = |i: &Inst| i.op == Op::ExitIf && i.aux & EXIT_FLAGS == 0;
        if inst.is_none_or(|i| is_point(i) && !unseen(i)) {
            a.pending[i] = pending;
            last_point = Some(i);
        }
        if set {
            if let (Some(v), Some(p)) = (pending, last_point) {
                keep(block, a, v, u32::try_from(p).expect("blocks are bounded"));
            }
            pending = inst.filter(|inst| inst.lazy).map(|inst| inst.args[0]);
            last_point = None;
        }
    }
}

/// Keeps what the recipe for bundle `v` reads until after `point`, whose own result must not replace it.
fn keep(block: &Block, a: &mut Analysis, v: Value, point: u32) {
    let point = point + 1;
    a.seen.clear();
    a.work.clear();
    a.work.push(v);
    while let Some(v) = a.work.pop() {
        if a.seen.contains(&v) {
            continue;
        }
        a.seen.push(v);
        a.last_use[v.index()] = a.last_use[v.index()].max(point);
        // What the recipe evaluates reads more.
        let inst = &block.insts[v.index()];
        if in_recipe(inst) || a.deferred[v.index()] {
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
