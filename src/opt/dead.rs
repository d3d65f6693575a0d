//! Removes what nobody sees, and marks what only a fault could see.
//!
//! Liveness of the flags runs over the whole region. A `set flags` that is overwritten on all paths
//! before anything reads it is removed, or, if something in between can fault or leaves to where the
//! flags are wanted, marked lazy. If they are wanted at the block's end, but not by all exits before it,
//! they are set there. The same is done inside a block for the other variables (removed only where
//! nothing can fault or leave in between).

use crate::ir::{Block, EXIT_FLAGS, Effect, Helper, Inst, Op, Region, Target, Term, Value, Var};
use crate::x86::Width;

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
        sweep(block, end, &entry);
    }
}

/// For each block, whether somebody may look at the flags it is entered with.
pub fn wanted(region: &Region) -> Vec<bool> {
    let entry = liveness(region);
    entry.into_iter().map(|s| s != Seen::Nobody).collect()
}

/// What the flags are at the entry of each block.
fn liveness(region: &Region) -> Vec<Seen> {
    let mut entry = vec![Seen::Nobody; region.blocks.len()];
    loop {
        let mut changed = false;
        for (i, block) in region.blocks.iter().enumerate().rev() {
            let mut seen = at_end(&block.term, &entry);
            for inst in block.insts.iter().rev() {
                seen = before(inst, seen, &entry);
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
            .map(|t| at_target(t, entry))
            .max()
            .unwrap_or(Seen::Reader),
    }
}

fn at_target(t: Target, entry: &[Seen]) -> Seen {
    match t {
        Target::Block(b) => entry[b.index()],
        Target::Exit(_) => Seen::Reader,
    }
}

/// From the state after an instruction to the state before it.
fn before(inst: &Inst, after: Seen, entry: &[Seen]) -> Seen {
    if let Some(t) = inst.exit() {
        return after.max(at_target(t, entry));
    }
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

fn sweep(block: &mut Block, end: Seen, entry: &[Seen]) {
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
    // The flags are wanted at the end, but not by all exits: the bundle to set there.
    let (mut late, mut at_end) = (false, None);
    for i in (0..n).rev() {
        let inst = &mut block.insts[i];
        if let Some(t) = inst.exit() {
            let seen = at_target(t, entry);
            inst.aux &= !EXIT_FLAGS;
            if seen != Seen::Nobody {
                inst.aux |= EXIT_FLAGS;
            }
            flags = match (flags, seen) {
                (Seen::Reader, Seen::Nobody) => {
                    late = true;
                    Seen::Fault
                }
                (Seen::Nobody, Seen::Fault | Seen::Reader) => Seen::Fault,
                (f, _) => f,
            };
        }
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
                    if std::mem::take(&mut late) {
                        let bundle = inst.args[0];
                        uses[bundle.index()] = Use::Real;
                        at_end = Some(bundle);
                    }
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
            (Op::ExitIf, _) => flags,
            (Op::Get, Some(Var::Flags)) => {
                late = false;
                Seen::Reader
            }
            _ => before(inst, flags, entry),
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
    compact(block, &keep, at_end);
}

/// Renumbers after removal, and sets the flags to bundle `at_end`.
fn compact(block: &mut Block, keep: &[bool], at_end: Option<Value>) {
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
    if let Some(bundle) = at_end {
        let mut set = Inst::new(Op::Set, Width::W64);
        set.imm = Var::Flags.encode();
        set.args[0] = map[bundle.index()];
        out.push(set);
    }
    block.insts = out;
}
