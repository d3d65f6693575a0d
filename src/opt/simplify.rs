//! Forwards guest state inside each block, folds, and expands conditions.

use super::rewrite::Rewriter;
use super::{flags, vector};
use crate::ir::{Block, Helper, Inst, Op, Region, Term, Value, Var};
use crate::x86::{Cond, Width};

/// Runs the pass.
pub fn run(region: &mut Region) {
    for block in &mut region.blocks {
        simplify(block, &mut region.pool);
    }
}

/// What each variable is known to hold, and the last trap that was not taken.
struct Known([Value; Var::COUNT], Option<(Value, u16)>);

fn slot(var: Var) -> usize {
    usize::try_from(var.encode()).expect("small")
}

fn simplify(block: &mut Block, pool: &mut Vec<[u8; 16]>) {
    let mut r = Rewriter::new(block.insts.len());
    let mut known = Known([Value::NONE; Var::COUNT], None);
    for inst in &block.insts {
        let inst = r.with_mapped_args(*inst);
        let v = step(&mut r, pool, &mut known, inst);
        r.define(v);
    }
    if let Some(v) = block.term.value_mut() {
        *v = r.mapped(*v);
    }
    if let Term::Branch { cond, taken, other } = block.term {
        if let Some(k) = r.constant(cond) {
            block.term = Term::Jump(if k != 0 { taken } else { other });
        } else if taken == other {
            block.term = Term::Jump(taken);
        } else if let Some(x) = inverted(&r, cond) {
            block.term = Term::Branch {
                cond: x,
                taken: other,
                other: taken,
            };
        }
    }
    block.insts = r.out;
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

fn step(r: &mut Rewriter, pool: &mut Vec<[u8; 16]>, known: &mut Known, inst: Inst) -> Value {
    match inst.op {
        Op::Get => {
            let Some(var) = inst.var() else {
                return r.push(inst);
            };
            let place = &mut known.0[slot(var)];
            if !place.is_some() {
                *place = r.push(inst);
            }
            *place
        }
        Op::Set => {
            let Some(var) = inst.var() else {
                return r.push(inst);
            };
            // Setting a variable to what it holds is nothing, unless an earlier `set` of the flags is
            // lazy: that decision has been made for that very instruction.
            if known.0[slot(var)] == inst.args[0] && var != Var::Flags {
                return Value::NONE;
            }
            known.0[slot(var)] = inst.args[0];
            r.push(inst);
            Value::NONE
        }
        Op::Call => {
            let info = Helper::from_aux(inst.aux).map(Helper::info);
            for (i, v) in known.0.iter_mut().enumerate() {
                let changes = match i {
                    32..48 => info.is_none_or(|h| h.vectors),
                    // The x87 state, which many helpers are about.
                    69.. => true,
                    _ => info.is_none_or(|h| h.gprs),
                };
                if changes {
                    *v = Value::NONE;
                }
            }
            r.push(inst)
        }
        Op::CondOf => match Cond::ALL.get(usize::from(inst.aux)) {
            Some(c) => flags::cond(r, inst.args[0], *c),
            None => r.push(inst),
        },
        Op::FlBits => flags::bits(r, inst.args[0], inst.imm),
        Op::FlFcmp => {
            let mut comi = inst;
            comi.op = Op::FComi;
            let bits = r.push(comi);
            r.op(Op::FlRaw, Width::W64, &[bits])
        }
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
