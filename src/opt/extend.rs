//! Joins blocks: a block goes on over the edge to a block it alone leads to, and leaves by `exit.if` where
//! it branched. Then a value, a register's form and what the flags are is known over all of it.
//!
//! Knows nothing of what instructions do.

use crate::ir::{Block, BlockId, EXIT_UNLESS, Inst, Op, Region, Target, Term, Value};
use crate::x86::Width;

/// Blocks do not grow beyond so many instructions.
const LONGEST: usize = 1500;

const NOWHERE: u32 = u32::MAX;

/// Runs the pass. No branches are left.
pub fn run(region: &mut Region) {
    let preds = predecessors(region);
    let n = region.blocks.len();
    let mut old: Vec<Option<Block>> = region.blocks.drain(..).map(Some).collect();
    let mut number = vec![NOWHERE; n];
    let mut out: Vec<Block> = Vec::with_capacity(n);
    let mut next = 0;
    let mut wanted = None;
    loop {
        // Where the last block went, so that it need not jump; else the next by number.
        let start = wanted.take().unwrap_or(next);
        if start == n {
            break;
        }
        let Some(mut block) = old[start].take() else {
            next += 1;
            continue;
        };
        number[start] = u32::try_from(out.len()).expect("regions are bounded");
        while let Some(b) = goes_on(&mut block, |b| {
            preds[b] == 1 && old[b].as_ref().is_some_and(|b| !b.entry)
        }) {
            if let Some(more) = old[b].take() {
                append(&mut block, more);
            }
        }
        if let Term::Jump(Target::Block(b)) = block.term
            && old[b.index()].is_some()
        {
            wanted = Some(b.index());
        }
        out.push(block);
    }
    for block in &mut out {
        let new = |t: Target| match t {
            Target::Block(b) => Target::Block(BlockId(number[b.index()])),
            exit @ Target::Exit(_) => exit,
        };
        for inst in &mut block.insts {
            if let Some(t) = inst.exit() {
                inst.set_exit(new(t));
            }
        }
        match &mut block.term {
            Term::Jump(t) | Term::Call { target: t, .. } => *t = new(*t),
            _ => {}
        }
    }
    region.blocks = out;
}

/// How many ways lead to each block, as far as it matters.
fn predecessors(region: &Region) -> Vec<u32> {
    let mut preds = vec![0; region.blocks.len()];
    for (i, block) in region.blocks.iter().enumerate() {
        preds[i] += u32::from(block.entry || i == 0);
        for t in block.successors() {
            if let Target::Block(b) = t {
                preds[b.index()] += 1;
            }
        }
    }
    preds
}

/// The block that `block` can go on in; a branch becomes an exit and a jump.
fn goes_on(block: &mut Block, alone: impl Fn(usize) -> bool) -> Option<usize> {
    let joins = |t: Target| match t {
        Target::Block(b) if alone(b.index()) => Some(b.index()),
        _ => None,
    };
    if let Term::Branch { cond, taken, other } = block.term {
        let mut exit = Inst::new(Op::ExitIf, Width::W64);
        exit.args[0] = cond;
        let on = if joins(other).is_none() && joins(taken).is_some() {
            exit.aux = EXIT_UNLESS;
            exit.set_exit(other);
            taken
        } else {
            exit.set_exit(taken);
            other
        };
        block.insts.push(exit);
        block.term = Term::Jump(on);
    }
    match block.term {
        Term::Jump(t) if block.insts.len() < LONGEST => joins(t),
        _ => None,
    }
}

/// `block` goes on as `more`.
fn append(block: &mut Block, more: Block) {
    let base = u32::try_from(block.insts.len()).expect("blocks are bounded");
    let moved = |v: &mut Value| {
        if v.is_some() {
            v.0 += base;
        }
    };
    block.insts.reserve(more.insts.len());
    for mut inst in more.insts {
        inst.args.iter_mut().for_each(moved);
        block.insts.push(inst);
    }
    block.term = more.term;
    if let Some(v) = block.term.value_mut() {
        moved(v);
    }
}

/// Turns the last exit of a block around if it would otherwise go to the block behind.
pub fn arrange(region: &mut Region) {
    // One that nothing else leads to goes on from the exit anyway.
    let preds = predecessors(region);
    for (i, block) in region.blocks.iter_mut().enumerate() {
        let next = Target::Block(BlockId(u32::try_from(i + 1).expect("regions are bounded")));
        let Some(last) = block.insts.last_mut() else {
            continue;
        };
        if let Some(to) = last.exit()
            && to == next
            && let Term::Jump(other) = block.term
            && other != next
            && preds[i + 1] > 1
            && last.args().count() == 1
            && last.aux & crate::ir::EXIT_FLAGS == 0
        {
            // Flags wanted at the end have been set, so they are there for this exit too.
            last.set_exit(other);
            last.aux ^= EXIT_UNLESS;
            block.term = Term::Jump(to);
        }
    }
}
