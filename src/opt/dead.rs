//! Removes what nobody sees, and marks what only a fault could see.
//!
//! Liveness of the flags runs over the whole region. A `set flags` that is overwritten on all paths
//! before anything reads it is removed, or, if something in between can fault or leaves to where the
//! flags are wanted, marked lazy. If they are wanted at the block's end, but not by all exits before it,
//! they are set there. The same is done inside a block for the other variables (removed only where
//! nothing can fault or leave in between).

use crate::ir::{
    Block, EXIT_FLAGS, Effect, Helper, Inst, Op, Region, Target, Term, Ty, Value, Var,
};
use crate::x86::Width;

/// Who may still look at the flags.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Seen {
    Nobody,
    Fault,
    Reader,
}

/// Working memory, kept from region to region.
#[derive(Default)]
pub struct Memory {
    uses: Vec<Use>,
    map: Vec<Value>,
    events: Vec<Event>,
    ends: Vec<usize>,
    entry: Vec<Seen>,
}

/// Runs the pass.
pub fn run(region: &mut Region, memory: &mut Memory) {
    liveness(region, memory);
    let Memory {
        uses, map, entry, ..
    } = memory;
    for block in &mut region.blocks {
        let end = at_end(&block.term, entry);
        sweep(block, end, entry, uses, map);
    }
}

/// For each block, whether somebody may look at the flags it is entered with.
pub fn wanted(region: &Region, memory: &mut Memory) -> Vec<bool> {
    liveness(region, memory);
    memory.entry.iter().map(|s| *s != Seen::Nobody).collect()
}

/// What happens to the flags in a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Set,
    Get,
    Fault,
    Exit(Target),
}

/// What the flags are at the entry of each block.
fn liveness(region: &Region, memory: &mut Memory) {
    let Memory {
        events,
        ends,
        entry,
        ..
    } = memory;
    // What happens in each block, last to first: the search goes over it more than once.
    events.clear();
    ends.clear();
    for block in &region.blocks {
        let begin = events.len();
        for inst in block.insts.iter().rev() {
            let event = match (inst.exit(), inst.op) {
                (Some(t), _) => Event::Exit(t),
                (None, Op::Set) if inst.var() == Some(Var::Flags) => Event::Set,
                (None, Op::Get) if inst.var() == Some(Var::Flags) => Event::Get,
                (None, op) if op.observes() => Event::Fault,
                _ => continue,
            };
            if event != Event::Fault || events[begin..].last() != Some(&Event::Fault) {
                events.push(event);
            }
        }
        ends.push(events.len());
    }
    entry.clear();
    entry.resize(region.blocks.len(), Seen::Nobody);
    loop {
        let mut changed = false;
        for (i, block) in region.blocks.iter().enumerate().rev() {
            let mut seen = at_end(&block.term, entry);
            let begin = i.checked_sub(1).map_or(0, |i| ends[i]);
            for event in &events[begin..ends[i]] {
                seen = match *event {
                    Event::Set => Seen::Nobody,
                    Event::Get => Seen::Reader,
                    Event::Fault => seen.max(Seen::Fault),
                    Event::Exit(t) => seen.max(at_target(t, entry)),
                };
            }
            if entry[i] != seen {
                entry[i] = seen;
                changed = true;
            }
        }
        if !changed {
            return;
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

/// From the state after an instruction, which is no exit, to the state before it.
fn before(inst: &Inst, after: Seen) -> Seen {
    match (inst.op, inst.var()) {
        (Op::Set, Some(Var::Flags)) => Seen::Nobody,
        (Op::Get, Some(Var::Flags)) => Seen::Reader,
        _ if inst.op.observes() => after.max(Seen::Fault),
        _ => after,
    }
}

/// How an instruction's value is used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Use {
    None,
    Lazy,
    Real,
}

fn sweep(block: &mut Block, end: Seen, entry: &[Seen], uses: &mut Vec<Use>, map: &mut Vec<Value>) {
    let n = block.insts.len();
    uses.clear();
    uses.resize(n, Use::None);
    // What is kept is marked here first.
    map.clear();
    map.resize(n, Value::NONE);
    if let Some(v) = block.term.value() {
        uses[v.index()] = Use::Real;
    }
    // Flags that outlive the block must be in the register file at its end.
    let mut flags = if end == Seen::Nobody {
        Seen::Nobody
    } else {
        Seen::Reader
    };
    // Variables, by number.
    let mut overwritten = 0_u128;
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
                    let bit = 1 << var.encode();
                    let before = overwritten;
                    overwritten |= bit;
                    if before & bit != 0 {
                        Use::None
                    } else {
                        Use::Real
                    }
                }
            }
            // What recovers flags knows integers only.
            Effect::Pure if uses[i] == Use::Lazy && from_vector(inst.op) => Use::Real,
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
            overwritten &= !(1 << var.encode());
        }
        if inst.op.observes() {
            overwritten = 0;
        }
        flags = match (inst.op, inst.var()) {
            (Op::Set, Some(Var::Flags)) => flags,
            (Op::Get, Some(Var::Flags)) if wanted == Use::None => flags,
            (Op::ExitIf, _) => flags,
            (Op::Get, Some(Var::Flags)) => {
                late = false;
                Seen::Reader
            }
            _ => before(inst, flags),
        };
        if let Some(h) = (inst.op == Op::Call)
            .then(|| Helper::from_aux(inst.aux))
            .flatten()
            && (h.info().gprs || h.info().vectors)
        {
            overwritten = 0;
        }
        if wanted == Use::None {
            continue;
        }
        map[i] = KEPT;
        inst.lazy = wanted == Use::Lazy;
        let inst = *inst;
        for a in inst.args() {
            uses[a.index()] = uses[a.index()].max(wanted);
        }
    }
    compact(block, map, at_end);
}

/// Whether the first argument is a vector or a float.
fn from_vector(op: Op) -> bool {
    matches!(op.arg_types().next(), Some(Ty::V128 | Ty::F))
}

/// A mark in the map: the instruction stays.
const KEPT: Value = Value(0);

/// Renumbers after removal, and sets the flags to bundle `at_end`.
fn compact(block: &mut Block, map: &mut [Value], at_end: Option<Value>) {
    let insts = &mut block.insts;
    let mut n = 0;
    for i in 0..map.len() {
        if map[i] != KEPT {
            continue;
        }
        let mut inst = insts[i];
        for a in &mut inst.args {
            if a.is_some() {
                *a = map[a.index()];
            }
        }
        map[i] = Value(u32::try_from(n).expect("blocks are bounded"));
        insts[n] = inst;
        n += 1;
    }
    insts.truncate(n);
    if let Some(v) = block.term.value_mut() {
        *v = map[v.index()];
    }
    if let Some(bundle) = at_end {
        let mut set = Inst::new(Op::Set, Width::W64);
        set.imm = Var::Flags.encode();
        set.args[0] = map[bundle.index()];
        insts.push(set);
    }
}

const _: () = assert!(Var::COUNT <= 128);
