//! Forwards guest state inside each block, folds, and expands conditions. A block that one exit leads to
//! gets the flags it may ask for from there, as the values they are made from.

use super::rewrite::Rewriter;
use super::{flags, vector};
use crate::ir::{Block, EXIT_UNLESS, Helper, Inst, Op, Region, Target, Term, Value, Var};
use crate::x86::{Cond, Gpr, Width};

/// Working memory, kept from region to region: for the blocks that get the flags they are entered with,
/// these.
#[derive(Default)]
pub struct Memory(Vec<Option<Given>>);

/// Runs the pass. For the first run: how many ways lead to each block, and whether it wants the flags it is
/// entered with.
pub fn run(
    region: &mut Region,
    r: &mut Rewriter,
    memory: &mut Memory,
    first: Option<(&[u32], &[bool])>,
) {
    let given = &mut memory.0;
    given.clear();
    given.resize(region.blocks.len(), None);
    if let Some((preds, wanted)) = first {
        for (b, g) in given.iter_mut().enumerate() {
            if preds[b] == 1 && wanted[b] && !region.blocks[b].entry {
                *g = Some(Given::None);
            }
        }
    }
    for i in 0..region.blocks.len() {
        let (before, rest) = given.split_at_mut(i + 1);
        let Region { blocks, pool, .. } = region;
        simplify(&mut blocks[i], r, pool, before[i], rest, i + 1);
    }
}

/// The flags a block is entered with.
#[derive(Clone, Copy)]
enum Given {
    /// Not known.
    None,
    /// Bundle `op` of width `w` of these.
    Bundle { op: Op, w: Width, from: [Source; 2] },
}

/// Where an argument of a bundle comes from.
#[derive(Clone, Copy)]
enum Source {
    Nowhere,
    Const(u64),
    Gpr(Gpr),
    Param(u64),
}

/// The flags of things compared and found equal.
const EQUAL: Given = Given::Bundle {
    op: Op::FlLogic,
    w: Width::W64,
    from: [Source::Const(0), Source::Nowhere],
};

/// Whether the flags must be `EQUAL` where `exit` leads, and behind it.
fn equal(r: &Rewriter, known: &Known, exit: &Inst) -> (bool, bool) {
    let flags = known.0[slot(Var::Flags)];
    let d = r.def(exit.args[0]);
    if !flags.is_some() || !matches!(d.op, Op::Eq | Op::Ne) {
        return (false, false);
    }
    let f = r.def(flags);
    let same = f.w == d.w
        && f.args[0] == d.args[0]
        && match f.op {
            Op::FlSub => f.args[1] == d.args[1],
            Op::FlLogic => r.constant(d.args[1]) == Some(0),
            _ => false,
        };
    let there = (d.op == Op::Eq) == (exit.aux & EXIT_UNLESS == 0);
    (same && there, same && !there)
}

/// What the flags are known to be at `exit`, whose arguments they become.
fn give(r: &Rewriter, known: &Known, exit: &mut Inst) -> Given {
    let flags = known.0[slot(Var::Flags)];
    if !flags.is_some() {
        return Given::None;
    }
    let d = *r.def(flags);
    // Those whose arguments are at hand anyway.
    if !matches!(d.op, Op::FlAdd | Op::FlSub | Op::FlLogic) {
        return Given::None;
    }
    let mut from = [Source::Nowhere; 2];
    let mut params = 0;
    for (from, v) in from.iter_mut().zip(d.args()) {
        let held = Gpr::all().find(|g| known.0[slot(Var::Gpr(*g))] == v);
        *from = match (r.constant(v), held) {
            (Some(c), _) => Source::Const(c),
            (None, Some(g)) => Source::Gpr(g),
            (None, None) => {
                params += 1;
                exit.args[params] = v;
                Source::Param(params as u64 - 1)
            }
        };
    }
    Given::Bundle {
        op: d.op,
        w: d.w,
        from,
    }
}

/// Begins a block with what it is given.
fn take(r: &mut Rewriter, known: &mut Known, given: Given) {
    let Given::Bundle { op, w, from } = given else {
        return;
    };
    let mut bundle = Inst::new(op, w);
    for (arg, from) in bundle.args.iter_mut().zip(from) {
        *arg = match from {
            Source::Nowhere => break,
            Source::Const(c) => r.konst(c),
            Source::Gpr(g) => {
                let mut get = Inst::new(Op::Get, Width::W64);
                get.imm = Var::Gpr(g).encode();
                self::get(r, known, &get)
            }
            Source::Param(n) => {
                let mut param = Inst::new(Op::Param, Width::W64);
                param.imm = n;
                r.push(&param)
            }
        };
    }
    let bundle = r.push(&bundle);
    let mut set = Inst::new(Op::Set, Width::W64);
    set.imm = Var::Flags.encode();
    set.args[0] = bundle;
    self::set(r, known, &set);
}

/// What each variable is known to hold, the last trap that was not taken, and whether there was a poll.
struct Known([Value; Var::COUNT], Option<(Value, u16)>, bool);

fn slot(var: Var) -> usize {
    usize::try_from(var.encode()).expect("small")
}

impl Known {
    /// What the variable of a `get` or `set` is known to hold.
    fn held(&mut self, inst: &Inst) -> &mut Value {
        &mut self.0[usize::try_from(inst.imm).expect("the number of a variable")]
    }
}

/// `later` is about the blocks from number `first` on.
fn simplify(
    block: &mut Block,
    r: &mut Rewriter,
    pool: &mut Vec<[u8; 16]>,
    given: Option<Given>,
    later: &mut [Option<Given>],
    first: usize,
) {
    r.reset();
    let mut known = Known([Value::NONE; Var::COUNT], None, false);
    take(r, &mut known, given.unwrap_or(Given::None));
    for inst in &block.insts {
        let v = match inst.op {
            // The most frequent ones first.
            Op::Insn => r.append(inst),
            Op::Const => r.konst(inst.imm),
            Op::Get => get(r, &mut known, inst),
            Op::Set => set(r, &mut known, &r.with_mapped_args(inst)),
            Op::ExitIf => {
                let mut inst = r.with_mapped_args(inst);
                let to = inst.exit().expect("an exit leads somewhere");
                if let Some(x) = inverted(r, inst.args[0]) {
                    inst.args[0] = x;
                    inst.aux ^= EXIT_UNLESS;
                }
                if let Some(c) = r.constant(inst.args[0])
                    && inst.args().count() == 1
                {
                    if (c != 0) == (inst.aux & EXIT_UNLESS != 0) {
                        r.define(Value::NONE);
                        continue;
                    }
                    block.term = Term::Jump(to);
                    break;
                }
                let (there, here) = equal(r, &known, &inst);
                if let Target::Block(b) = to
                    && let Some(n) = b.index().checked_sub(first)
                    && let Some(given) = &mut later[n]
                {
                    *given = if there {
                        EQUAL
                    } else {
                        give(r, &known, &mut inst)
                    };
                }
                let v = r.append(&inst);
                if here {
                    take(r, &mut known, EQUAL);
                }
                v
            }
            _ => step(r, pool, &mut known, &r.with_mapped_args(inst)),
        };
        r.define(v);
    }
    r.finish(block);
}

/// If `v` is `x ^ 1` for an x that is 0 or 1: x.
fn inverted(r: &Rewriter, v: Value) -> Option<Value> {
    let d = r.def(v);
    if d.op != Op::Xor || r.constant(d.args[1]) != Some(1) {
        return None;
    }
    let boolean = matches!(
        r.def(d.args[0]).op,
        Op::Eq | Op::Ne | Op::LtU | Op::LeU | Op::LtS | Op::LeS | Op::CondOf | Op::FCmp
    );
    boolean.then_some(d.args[0])
}

#[inline]
fn get(r: &mut Rewriter, known: &mut Known, inst: &Inst) -> Value {
    let held = known.held(inst);
    if !held.is_some() {
        *held = r.append(inst);
    }
    *held
}

#[inline]
fn set(r: &mut Rewriter, known: &mut Known, inst: &Inst) -> Value {
    // Setting a variable to what it holds is nothing, unless an earlier `set` of the flags is
    // lazy: that decision has been made for that very instruction. An MMX register's exponent is
    // set with it.
    let held = known.held(inst);
    let more = || matches!(inst.var(), Some(Var::Flags | Var::Mm(_)));
    if *held != inst.args[0] || more() {
        *held = inst.args[0];
        r.append(inst);
    }
    Value::NONE
}

/// Any other instruction, whose arguments are mapped.
fn step(r: &mut Rewriter, pool: &mut Vec<[u8; 16]>, known: &mut Known, inst: &Inst) -> Value {
    match inst.op {
        Op::Call => {
            let info = Helper::from_aux(inst.aux).map(Helper::info);
            for (i, v) in known.0.iter_mut().enumerate() {
                let changes = match i {
                    32..48 | 80.. => info.is_none_or(|h| h.vectors),
                    // The x87 state, which many helpers are about.
                    69..80 => true,
                    _ => info.is_none_or(|h| h.gprs),
                };
                if changes {
                    *v = Value::NONE;
                }
            }
            r.append(inst)
        }
        Op::Load | Op::Store | Op::VLoad | Op::VStore => {
            let mut inst = *inst;
            match r.constant(inst.args[0]) {
                Some(at) => from_page(r, at, &mut inst),
                None => from_rsp(r, known, &mut inst),
            }
            r.emit(&inst)
        }
        Op::CondOf => match Cond::ALL.get(usize::from(inst.aux)) {
            Some(c) => flags::cond(r, inst.args[0], *c),
            None => r.push(inst),
        },
        Op::FlBits => flags::bits(r, inst.args[0], inst.imm),
        Op::FlFcmp => {
            let mut comi = *inst;
            comi.op = Op::FComi;
            let bits = r.push(&comi);
            r.op(Op::FlRaw, Width::W64, &[bits])
        }
        // Who comes here has passed the block's first one.
        Op::Poll if std::mem::replace(&mut known.2, true) => Value::NONE,
        Op::TrapIf if r.constant(inst.args[0]) == Some(0) => Value::NONE,
        Op::TrapIf => {
            // MMX instructions all look at the same status word.
            let trap = Some((inst.args[0], inst.aux));
            if std::mem::replace(&mut known.1, trap) != trap {
                r.emit(inst);
            }
            Value::NONE
        }
        Op::VConst => vector::constant(r, pool, inst),
        Op::VShuf => vector::shuffle(r, pool, inst),
        _ => r.emit(inst),
    }
}

/// An access to a constant address is relative to a round one, which others may share.
fn from_page(r: &mut Rewriter, at: u64, inst: &mut Inst) {
    let at = at.wrapping_add(inst.imm);
    let low = (at << 52).cast_signed() >> 52;
    inst.args[0] = r.konst(at.wrapping_sub(low.cast_unsigned()));
    inst.imm = low.cast_unsigned();
}

/// An access near RSP is relative to the RSP that the block knows, so that what is pushed and popped
/// needs no register of its own.
fn from_rsp(r: &Rewriter, known: &Known, inst: &mut Inst) {
    let rsp = known.0[slot(Var::Gpr(Gpr::RSP))];
    if let Some((at, distance)) = near_rsp(r, inst.args[0])
        && let Some((base, _)) = near_rsp(r, rsp)
    {
        let disp = inst.imm.wrapping_add(distance);
        if base == at && i32::try_from(disp.cast_signed()).is_ok() {
            inst.args[0] = base;
            inst.imm = disp;
        }
    }
}

/// If `v` is a `get rsp` plus a constant: these.
fn near_rsp(r: &Rewriter, v: Value) -> Option<(Value, u64)> {
    if !v.is_some() {
        return None;
    }
    let d = r.def(v);
    let (base, distance) = match d.op {
        Op::Add if d.w == Width::W64 => (d.args[0], r.constant(d.args[1])?),
        _ => (v, 0),
    };
    r.def(base)
        .gets(Var::Gpr(Gpr::RSP))
        .then_some((base, distance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse_region;

    /// Two MMX instructions, as lift makes them, with a load between their checks.
    const TEXT: &str = "insns 2
b0 0x0 entry:
  insn.64 @3
    v1 = get.64 fsw
    v2 = const.64 #0x80
    v3 = and.64 v1 v2
    trap.if.64 v3 @7
    v5 = const.64 #0xc7ff
    v6 = and.64 v1 v5
    set.64 fsw v6
    v8 = const.64 #0xff
    set.64 ftw v8
  insn.64 #0x3 @3
    v11 = get.64 fsw
    v12 = const.64 #0x80
    v13 = and.64 v11 v12
    trap.if.64 v13 @7
    v15 = get.64 rcx
    v16 = load.64 v15
    set.64 mm3 v16
    v18 = const.64 #0xc7ff
    v19 = and.64 v11 v18
    set.64 fsw v19
    v21 = const.64 #0xff
    set.64 ftw v21
    jump exit 0x6
";

    #[test]
    fn a_block_of_mmx_instructions_checks_and_changes_state_once() {
        let mut region = parse_region(TEXT).unwrap();
        crate::ir::verify(&region).unwrap();
        crate::opt::optimize(&mut region);
        let insts = &region.blocks[0].insts;
        let count = |f: fn(&Inst) -> bool| insts.iter().filter(|i| f(i)).count();
        assert_eq!(count(|i| i.op == Op::TrapIf), 1, "{region}");
        let state = |i: &Inst| i.op == Op::Set && matches!(i.var(), Some(Var::Fsw | Var::Ftw));
        assert_eq!(count(state), 2, "{region}");
    }
}
