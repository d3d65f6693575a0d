//! Checks a region's invariants. Run after every pass in debug builds and by `felix dump`.

use super::{
    Block, CvtKind, FenceKind, FpPredicate, Helper, Inst, Op, Region, RmwOp, Target, Ty, Var,
};
use crate::x86::{Trap, Width};

/// What is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("b{block} v{inst}: {what}")]
pub struct VerifyError {
    /// The block's number.
    pub block: usize,
    /// The instruction's position; the block's length for its terminator.
    pub inst: usize,
    /// What is wrong.
    pub what: String,
}

/// Checks `region`.
///
/// # Errors
/// The first violation found.
pub fn verify(region: &Region) -> Result<(), VerifyError> {
    for (b, block) in region.blocks.iter().enumerate() {
        let fail = |inst, what| VerifyError {
            block: b,
            inst,
            what,
        };
        for (i, inst) in block.insts.iter().enumerate() {
            check_inst(region, &block.insts, i, inst).map_err(|what| fail(i, what))?;
        }
        let end = block.insts.len();
        if let Some(v) = block.term.value() {
            check_arg(&block.insts, end, v, Ty::I64).map_err(|what| fail(end, what))?;
        }
        for t in block.successors() {
            if let Target::Block(t) = t
                && t.index() >= region.blocks.len()
            {
                return Err(fail(end, format!("no block b{}", t.0)));
            }
        }
    }
    check_params(region)?;
    if region.blocks.first().is_some_and(|b| b.entry) {
        Ok(())
    } else {
        Err(VerifyError {
            block: 0,
            inst: 0,
            what: "the first block must be an entry".into(),
        })
    }
}

/// A block with `param`s has one predecessor, an `exit.if` of an earlier block that gives them.
fn check_params(region: &Region) -> Result<(), VerifyError> {
    for (b, block) in region.blocks.iter().enumerate() {
        let needed = block.insts.iter().filter(|i| i.op == Op::Param);
        let Some(needed) = needed.map(|i| i.imm + 1).max() else {
            continue;
        };
        let leads = |t: Target| matches!(t, Target::Block(t) if t.index() == b);
        let preds = region.blocks.iter().flat_map(Block::successors);
        let given = region.blocks[..b]
            .iter()
            .flat_map(|p| &p.insts)
            .find(|i| i.exit().is_some_and(leads))
            .map_or(0, |i| i.args().count() - 1);
        if block.entry || preds.filter(|t| leads(*t)).count() != 1 || (given as u64) < needed {
            return Err(VerifyError {
                block: b,
                inst: 0,
                what: "param without the one exit that gives it".into(),
            });
        }
    }
    Ok(())
}

fn check_arg(insts: &[Inst], before: usize, v: super::Value, ty: Ty) -> Result<(), String> {
    if v.index() >= before {
        return Err(format!("v{} is not defined before", v.0));
    }
    match insts[v.index()].ty() {
        got if got == ty => Ok(()),
        got => Err(format!("v{} is {got:?}, not {ty:?}", v.0)),
    }
}

fn check_inst(region: &Region, insts: &[Inst], i: usize, inst: &Inst) -> Result<(), String> {
    let given = inst.args().count();
    if inst.args[given..].iter().any(|a| a.is_some()) {
        return Err("argument after a missing one".into());
    }
    match inst.op {
        Op::Get => {
            inst.var().ok_or("no such variable")?;
        }
        Op::Set => {
            let var = inst.var().ok_or("no such variable")?;
            check_arg(insts, i, inst.args[0], var.ty())?;
        }
        Op::ExitIf => {
            if given == 0 {
                return Err("no condition".into());
            }
            inst.args()
                .try_for_each(|a| check_arg(insts, i, a, Ty::I64))?;
        }
        Op::Call => {
            Helper::from_aux(inst.aux).ok_or("no such helper")?;
            if given > 3 {
                return Err("too many arguments".into());
            }
            inst.args()
                .try_for_each(|a| check_arg(insts, i, a, Ty::I64))?;
        }
        op => {
            let types: Vec<Ty> = op.arg_types().collect();
            if types.len() != given {
                return Err(format!(
                    "{} takes {} arguments, not {given}",
                    op.name(),
                    types.len()
                ));
            }
            for (ty, v) in types.into_iter().zip(inst.args()) {
                check_arg(insts, i, v, ty)?;
                if ty == Ty::F && op != Op::FCvtF && insts[v.index()].w != inst.w {
                    return Err(format!("v{} has another float width", v.0));
                }
            }
        }
    }
    let pool = |n: u64| usize::try_from(n).is_ok_and(|n| n < region.pool.len());
    let good = match inst.op {
        Op::VConst | Op::VShuf => pool(inst.imm),
        Op::TrapIf => u8::try_from(inst.aux)
            .ok()
            .and_then(Trap::from_u8)
            .is_some(),
        Op::Rmw => RmwOp::from_aux(inst.aux).is_some(),
        Op::Fence => FenceKind::from_aux(inst.aux).is_some(),
        Op::FCmp | Op::VFCmp => FpPredicate::from_aux(inst.aux).is_some(),
        Op::VCvt => CvtKind::from_aux(inst.aux).is_some(),
        Op::CondOf => inst.aux < 16,
        Op::VExtract | Op::VInsert => inst.imm < 16 / inst.w.bytes(),
        Op::Deposit => inst.imm + u64::from(inst.w.bits()) <= 64,
        Op::MulHiU | Op::MulHiS | Op::Div128U | Op::Rem128U => inst.w == Width::W64,
        Op::Set => inst.var() != Some(Var::Flags) || inst.w == Width::W64,
        _ => true,
    };
    if good {
        Ok(())
    } else {
        Err(format!("bad operand of {}", inst.op.name()))
    }
}
