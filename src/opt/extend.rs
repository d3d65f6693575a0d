//! Joins blocks: a block goes on over the edge to a block it alone leads to, and leaves by `exit.if` where
//! it branched. Then a value, a register's form and what the flags are is known over all of it.
//!
//! Knows nothing of what instructions do.

use crate::ir::{Block, BlockId, EXIT_FLAGS, EXIT_UNLESS, Inst, Op, Region, Target, Term};
use crate::x86::Width;

/// Blocks do not grow beyond so many instructions.
const LONGEST: usize = 1500;

const NOWHERE: u32 = u32::MAX;

/// Working memory, kept from region to region.
#[derive(Default)]
pub struct Memory {
    /// How many ways lead to each block, entering the region among them.
    pub preds: Vec<u32>,
    old: Vec<Block>,
    number: Vec<u32>,
    /// The instructions' memory of blocks that others went on in.
    pub spare: Vec<Vec<Inst>>,
}

/// Runs the pass. No branches are left. `memory.preds` is about what comes out.
pub fn run(region: &mut Region, memory: &mut Memory) {
    let Memory {
        preds,
        old,
        number,
        spare,
    } = memory;
    predecessors(region, preds);
    let n = region.blocks.len();
    old.clear();
    std::mem::swap(old, &mut region.blocks);
    number.clear();
    number.resize(n, NOWHERE);
    let mut next = 0;
    let mut wanted = None;
    loop {
        // Where the last block went, so that it need not jump; else the next by number.
        let start = wanted.take().unwrap_or(next);
        if start == n {
            break;
        }
        if number[start] != NOWHERE {
            next += 1;
            continue;
        }
        // Also the number of those it goes on in, which nothing else leads to.
        let new = u32::try_from(region.blocks.len()).expect("regions are bounded");
        number[start] = new;
        let mut block = taken(&mut old[start]);
        while let Some(b) = goes_on(&mut block, |b| {
            preds[b] == 1 && number[b] == NOWHERE && !old[b].entry
        }) {
            number[b] = new;
            spare.push(append(&mut block, taken(&mut old[b])));
        }
        if let Term::Jump(Target::Block(b)) = block.term
            && number[b.index()] == NOWHERE
        {
            wanted = Some(b.index());
        }
        region.blocks.push(block);
    }
    preds.clear();
    preds.resize(region.blocks.len(), 0);
    let mut new = |t: Target| match t {
        Target::Block(b) => {
            let b = number[b.index()];
            preds[b as usize] += 1;
            Target::Block(BlockId(b))
        }
        exit @ Target::Exit(_) => exit,
    };
    for block in &mut region.blocks {
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
    count_entries(region, preds);
}

/// The block, leaving one without instructions.
fn taken(block: &mut Block) -> Block {
    Block {
        insts: std::mem::take(&mut block.insts),
        ..*block
    }
}

/// How many ways lead to each block, as far as it matters.
fn predecessors(region: &Region, preds: &mut Vec<u32>) {
    preds.clear();
    preds.resize(region.blocks.len(), 0);
    let mut count = |t: Target| {
        if let Target::Block(b) = t {
            preds[b.index()] += 1;
        }
    };
    for block in &region.blocks {
        block
            .insts
            .iter()
            .filter_map(Inst::exit)
            .for_each(&mut count);
        block.term.targets().for_each(&mut count);
    }
    count_entries(region, preds);
}

fn count_entries(region: &Region, preds: &mut [u32]) {
    for (i, (block, preds)) in region.blocks.iter().zip(preds).enumerate() {
        *preds += u32::from(block.entry || i == 0);
    }
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

/// `block` goes on as `more`, whose memory is left.
fn append(block: &mut Block, mut more: Block) -> Vec<Inst> {
    let base = u32::try_from(block.insts.len()).expect("blocks are bounded");
    block.insts.extend(more.insts.drain(..).map(|mut inst| {
        for v in inst.args.iter_mut().take_while(|v| v.is_some()) {
            v.0 += base;
        }
        inst
    }));
    block.term = more.term;
    if let Some(v) = block.term.value_mut() {
        v.0 += base;
    }
    more.insts
}

/// Turns the last exit of a block around if it would otherwise go to the block behind.
pub fn arrange(region: &mut Region, memory: &mut Memory) {
    let turned = |i: usize, block: &Block| {
        let next = Target::Block(BlockId(u32::try_from(i + 1).expect("regions are bounded")));
        let last = block.insts.last()?;
        match block.term {
            // Flags wanted at the end have been set, so they are there for this exit too.
            Term::Jump(other)
                if last.exit() == Some(next)
                    && other != next
                    && !last.args[1].is_some()
                    && last.aux & EXIT_FLAGS == 0 =>
            {
                Some((next, other))
            }
            _ => None,
        }
    };
    // Seldom any.
    let mut blocks = region.blocks.iter().enumerate();
    if !blocks.any(|(i, block)| turned(i, block).is_some()) {
        return;
    }
    predecessors(region, &mut memory.preds);
    for (i, block) in region.blocks.iter_mut().enumerate() {
        // One that nothing else leads to goes on from the exit anyway.
        if let Some((next, other)) = turned(i, block)
            && memory.preds[i + 1] > 1
            && let Some(last) = block.insts.last_mut()
        {
            last.set_exit(other);
            last.aux ^= EXIT_UNLESS;
            block.term = Term::Jump(next);
        }
    }
}
