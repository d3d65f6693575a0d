//! Forwards guest state inside each block, folds, and expands conditions.

use super::flags;
use super::rewrite::Rewriter;
use crate::ir::{Block, Helper, Inst, Op, Region, Term, Value, Var};
use crate::x86::{Cond, Width};

/// Runs the pass.
pub fn run(region: &mut Region) {
    for block in &mut region.blocks {
        simplify(block);
    }
}

/// What each variable is known to hold.
struct Known([Value; 69]);

fn slot(var: Var) -> usize {
    usize::try_from(var.encode()).expect("small")
}

fn simplify(block: &mut Block) {
    let mut r = Rewriter::new(block.insts.len());
    let mut known = Known([Value::NONE; 69]);
    for inst in &block.insts {
        let inst = r.with_mapped_args(*inst);
        let v = step(&mut r, &mut known, inst);
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
        Op::Eq | Op::Ne | Op::LtU | Op::LeU | Op::LtS | Op::LeS | Op::CondOf
    );
    boolean.then_some(d.args[0])
}

fn step(r: &mut Rewriter, known: &mut Known, inst: Inst) -> Value {
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
                let vector = (32..48).contains(&i);
                if info.is_none_or(|h| if vector { h.vectors } else { h.gprs }) {
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
        _ => r.emit(inst),
    }
}
