//! Removes what nobody sees, and marks what only a fault could see.
//!
//! Liveness of the flags runs over the whole region. A `set flags` that is overwritten on all paths
//! before anything reads it is removed, or, if something in between can fault, marked lazy. The same is
//! done inside a block for the other variables (removed only where nothing can fault in between).

use crate::ir::{Block, Effect, Helper, Inst, Op, Region, Target, Term, Value, Var};

/// Who may still look at the flags.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Seen {
    Nobody,
    Fault,
    Reader,
}

/// Runs the pass.
pub fn run(region: &mut Region) {
    let entry = liveness(region);
    for i in 0..region.blocks.len() {
        let end = at_end(&region.blocks[i].term, &entry);
        let block = &mut region.blocks[i];
        sweep(block, end);
    }
}

/// What the flags are at the entry of each block.
fn liveness(region: &Region) -> Vec<Seen> {
    let mut entry = vec![Seen::Nobody; region.blocks.len()];
    loop {
        let mut changed = false;
        for (i, block) in region.blocks.iter().enumerate().rev() {
            let mut seen = at_end(&block.term, &entry);
            for inst in block.insts.iter().rev() {
                seen = before(inst, seen);
            }
            if entry[i] != seen {
                entry[i] = seen;
                changed = true;
            }
        }
        if !changed {
            return entry;
        }
    }
}

fn at_end(term: &Term, entry: &[Seen]) -> Seen {
    match term {
        Term::Indirect { .. } | Term::Syscall { .. } | Term::Trap { .. } => Seen::Reader,
        _ => term
            .targets()
            .map(|t| match t {
                Target::Block(b) => entry[b.index()],
                Target::Exit(_) => Seen::Reader,
            })
            .max()
            .unwrap_or(Seen::Reader),
    }
}

/// From the state after an instruction to the state before it.
fn before(inst: &Inst, after: Seen) -> Seen {
    match (inst.op, inst.var()) {
        (Op::Set, Some(Var::Flags)) => Seen::Nobody,
        (Op::Get, Some(Var::Flags)) => Seen::Reader,
        _ if inst.op.observes() => after.max(Seen::Fault),
        _ => after,
    }
}

/// How an instruction's value is used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    None,
    Lazy,
    Real,
}

fn sweep(block: &mut Block, end: Seen) {
    let n = block.insts.len();
    let mut uses = vec![Use::None; n];
    let mut keep = vec![false; n];
    if let Some(v) = block.term.value() {
        uses[v.index()] = Use::Real;
    }
    // Flags that outlive the block must be in the register file at its end.
    let mut flags = if end == Seen::Nobody {
        Seen::Nobody
    } else {
        Seen::Reader
    };
    let mut overwritten = [false; Var::COUNT];
    for i in (0..n).rev() {
        let inst = &mut block.insts[i];
        let wanted = match inst.op.effect() {
            Effect::Write => {
                let Some(var) = inst.var() else { continue };
                if var == Var::Flags {
                    // Lazy, once decided, stays: a later run sees the expansion of the same bundle.
                    let wanted = match flags {
                        Seen::Nobody => Use::None,
                        Seen::Fault => Use::Lazy,
                        Seen::Reader if inst.lazy => Use::Lazy,
                        Seen::Reader => Use::Real,
                    };
                    flags = Seen::Nobody;
                    wanted
                } else {
                    let slot = usize::try_from(var.encode()).expect("small");
                    if std::mem::replace(&mut overwritten[slot], true) {
                        Use::None
                    } else {
                        Use::Real
                    }
                }
            }
            Effect::Pure => uses[i],
            // A register read is a snapshot: it cannot be done later, when a fault wants the flags. The
            // flags themselves can: until a lazy `set flags` is evaluated they are what they were.
            Effect::Read if uses[i] == Use::Lazy && inst.var() != Some(Var::Flags) => Use::Real,
            Effect::Read => uses[i],
            // A read of memory may fault, so it stays even if nobody uses the value.
            _ => Use::Real,
        };
        if inst.op == Op::Get
            && wanted != Use::None
            && let Some(var) = inst.var()
        {
            overwritten[usize::try_from(var.encode()).expect("small")] = false;
        }
        if inst.op.observes() {
            overwritten = [false; Var::COUNT];
        }
        flags = match (inst.op, inst.var()) {
            (Op::Set, Some(Var::Flags)) => flags,
            (Op::Get, Some(Var::Flags)) if wanted == Use::None => flags,
            _ => before(inst, flags),
        };
        if let Some(h) = (inst.op == Op::Call)
            .then(|| Helper::from_aux(inst.aux))
            .flatten()
            && (h.info().gprs || h.info().vectors)
        {
            overwritten = [false; Var::COUNT];
        }
        if wanted == Use::None {
            continue;
        }
        keep[i] = true;
        inst.lazy = wanted == Use::Lazy;
        let inst = *inst;
        for a in inst.args() {
            uses[a.index()] = uses[a.index()].max(wanted);
        }
    }
    compact(block, &keep);
}

/// Renumbers after removal.
fn compact(block: &mut Block, keep: &[bool]) {
    let mut map = vec![Value::NONE; keep.len()];
    let mut out = Vec::with_capacity(keep.len());
    for (i, inst) in block.insts.iter().enumerate() {
        if !keep[i] {
            continue;
        }
        let mut inst = *inst;
        for a in &mut inst.args {
            if a.is_some() {
                *a = map[a.index()];
            }
        }
        map[i] = Value(u32::try_from(out.len()).expect("blocks are bounded"));
        out.push(inst);
    }
    if let Some(v) = block.term.value_mut() {
        *v = map[v.index()];
    }
    block.insts = out;
}
