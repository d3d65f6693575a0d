//! Bundles that are still set become records: the ones no record can express are computed bit by bit.

use super::flags;
use super::rewrite::Rewriter;
use crate::ir::{Op, Region, Value, Var, eval};
use crate::x86::{Rflags, Width};

/// Runs the pass.
pub fn run(region: &mut Region, r: &mut Rewriter) {
    for block in &mut region.blocks {
        let needs = block
            .insts
            .iter()
            .any(|i| i.sets(Var::Flags) && !eval::is_record(block.insts[i.args[0].index()].op));
        if !needs {
            continue;
        }
        r.reset();
        for inst in &block.insts {
            let mut inst = r.with_mapped_args(inst);
            if inst.sets(Var::Flags) {
                let f = inst.args[0];
                if !eval::is_record(r.def(f).op) {
                    inst.args[0] = record(r, f);
                }
            }
            let v = r.push(&inst);
            r.define(v);
        }
        r.finish(block);
    }
}

/// A record for bundle `f`.
fn record(r: &mut Rewriter, f: Value) -> Value {
    let d = *r.def(f);
    if d.op == Op::FlMerge && d.imm == Rflags::STATUS & !Rflags::CF {
        let sum = *r.def(d.args[0]);
        let op = match sum.op {
            Op::FlAdd => Some(Op::FlAddKeepCarry),
            Op::FlSub => Some(Op::FlSubKeepCarry),
            _ => None,
        };
        if let Some(op) = op {
            let cf = flags::flag(r, d.args[1], Rflags::CF);
            return r.op(op, sum.w, &[sum.args[0], sum.args[1], cf]);
        }
    }
    let bits = flags::bits(r, f, Rflags::STATUS);
    r.op(Op::FlRaw, Width::W64, &[bits])
}
