//! Removes what nobody sees, and marks what only a fault could see.
//!
//! Liveness of the flags runs over the whole region. A `set flags` that is overwritten on all paths
//! before anything reads it is removed, or, if something in between can fault or leaves to where the
//! flags are wanted, marked lazy. If they are wanted at the block's end, but not by all exits before it,
//! they are set there. The same is done inside a block for the other variables (removed only where
//! nothing can fault or leave in between).

use crate::ir::{Block, EXIT_FLAGS, Effect, Inst, Op, Region, Target, Term, Ty, Value, Var, eval};
use crate::x86::Width;

/// Working memory, kept from region to region.
#[derive(Default)]
pub struct Memory {
    uses: Vec<Use>,
    map: Vec<Value>,
    wanted: Vec<bool>,
    /// What the flags that stay are set to.
    bundles: Vec<Value>,
}

/// Runs the pass; true if a bundle that is still set is no record.
pub fn run(region: &mut Region, memory: &mut Memory) -> bool {
    liveness(region, &mut memory.wanted);
    let mut illegal = false;
    for block in &mut region.blocks {
        illegal |= sweep(block, memory);
    }
    illegal
}

/// For each block, whether somebody may look at the flags it is entered with.
pub fn wanted<'a>(region: &Region, memory: &'a mut Memory) -> &'a [bool] {
    liveness(region, &mut memory.wanted);
    &memory.wanted
}

/// For each block, whether somebody may look at the flags it is entered with.
fn liveness(region: &Region, wanted: &mut Vec<bool>) {
    wanted.clear();
    wanted.resize(region.blocks.len(), false);
    loop {
        let mut changed = false;
        for (i, block) in region.blocks.iter().enumerate().rev() {
            if !wanted[i] && looks(block, wanted) {
                wanted[i] = true;
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// Whether somebody may look at the flags `block` is entered with, as far as is known of other blocks.
/// Ends at the first instruction that decides, which is nearly always one of the first few.
fn looks(block: &Block, wanted: &[bool]) -> bool {
    for inst in &block.insts {
        if inst.sets(Var::Flags) {
            return false;
        }
        let looks = match inst.exit() {
            Some(to) => at_target(to, wanted),
            None => inst.op.observes() || inst.gets(Var::Flags),
        };
        if looks {
            return true;
        }
    }
    at_end(&block.term, wanted)
}

/// Whether the flags are wanted at a block's end.
fn at_end(term: &Term, wanted: &[bool]) -> bool {
    match *term {
        Term::Jump(t) | Term::Call { target: t, .. } => at_target(t, wanted),
        Term::Branch { taken, other, .. } => at_target(taken, wanted) || at_target(other, wanted),
        Term::Indirect { .. } | Term::Syscall { .. } | Term::Trap { .. } => true,
    }
}

fn at_target(t: Target, wanted: &[bool]) -> bool {
    match t {
        Target::Block(b) => wanted[b.index()],
        Target::Exit(_) => true,
    }
}

/// Who may still look at the flags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nobody,
    Fault,
    Reader,
}

/// How an instruction's value is used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Use {
    None,
    Lazy,
    Real,
}

fn sweep(block: &mut Block, memory: &mut Memory) -> bool {
    let Memory {
        uses,
        map,
        wanted,
        bundles,
    } = memory;
    let n = block.insts.len();
    uses.clear();
    uses.resize(n, Use::None);
    let uses = uses.as_mut_slice();
    bundles.clear();
    if let Some(v) = block.term.value() {
        uses[v.index()] = Use::Real;
    }
    // Flags that outlive the block must be in the register file at its end.
    let mut flags = if at_end(&block.term, wanted) {
        Seen::Reader
    } else {
        Seen::Nobody
    };
    // Variables, by number.
    let mut overwritten = 0_u128;
    // The flags are wanted at the end, but not by all exits: the bundle to set there.
    let (mut late, mut bundle_at_end) = (false, None);
    // Who reads the flags is at the end, not on the way there.
    let mut only_at_end = true;
    for (i, inst) in block.insts.iter_mut().enumerate().rev() {
        let keep = match inst.op.effect() {
            // What recovers flags knows integers only.
            Effect::Pure if uses[i] == Use::Lazy && from_vector(inst.op) => Use::Real,
            Effect::Pure => uses[i],
            Effect::Read if inst.gets(Var::Flags) => {
                // Can be read later, when a fault wants them: until a lazy `set flags` is evaluated they
                // are what they were.
                if uses[i] != Use::None {
                    late = false;
                    only_at_end = false;
                    flags = Seen::Reader;
                }
                uses[i]
            }
            Effect::Read => {
                if uses[i] == Use::None {
                    continue;
                }
                if inst.op == Op::Get {
                    overwritten &= !bit(inst);
                }
                // A snapshot, which cannot be taken later.
                Use::Real
            }
            Effect::Write if inst.sets(Var::Flags) => {
                // Lazy, once decided, stays: a later run sees the expansion of the same bundle.
                let keep = match flags {
                    Seen::Nobody => Use::None,
                    Seen::Reader if !inst.lazy => Use::Real,
                    Seen::Fault | Seen::Reader => Use::Lazy,
                };
                flags = Seen::Nobody;
                if std::mem::take(&mut late) {
                    let bundle = inst.args[0];
                    uses[bundle.index()] = Use::Real;
                    bundle_at_end = Some(bundle);
                    bundles.push(bundle);
                }
                if keep != Use::None {
                    bundles.push(inst.args[0]);
                }
                keep
            }
            Effect::Write => {
                if overwritten & bit(inst) != 0 {
                    continue;
                }
                overwritten |= bit(inst);
                Use::Real
            }
            Effect::Mark => Use::Real,
            // These look at the registers. A read of memory may fault, so it stays even if nobody uses the
            // value.
            Effect::Fp | Effect::Load | Effect::Store | Effect::Check | Effect::All => {
                overwritten = 0;
                flags = match inst.exit() {
                    Some(to) => {
                        let seen = at_target(to, wanted);
                        inst.aux = inst.aux & !EXIT_FLAGS | if seen { EXIT_FLAGS } else { 0 };
                        let put_off = flags == Seen::Reader && only_at_end && !seen;
                        late |= put_off;
                        match flags {
                            Seen::Reader if put_off => Seen::Fault,
                            Seen::Nobody if seen => Seen::Fault,
                            same => same,
                        }
                    }
                    None if flags == Seen::Nobody => Seen::Fault,
                    None => flags,
                };
                Use::Real
            }
        };
        // From here on: whether it stays, and as what.
        uses[i] = keep;
        if keep == Use::None {
            continue;
        }
        inst.lazy = keep == Use::Lazy;
        for a in inst.args() {
            let used = &mut uses[a.index()];
            *used = keep.max(*used);
        }
    }
    let illegal = |b: &Value| !eval::is_record(block.insts[b.index()].op);
    let illegal = bundles.iter().any(illegal);
    compact(block, uses, map, bundle_at_end);
    illegal
}

/// Whether the first argument is a vector or a float.
fn from_vector(op: Op) -> bool {
    matches!(op.arg_types().next(), Some(Ty::V128 | Ty::F))
}

/// The bit of the variable that a `get` or `set` names.
fn bit(inst: &Inst) -> u128 {
    1 << (inst.imm & 127)
}

/// Renumbers after removal of what has no use, and sets the flags to bundle `at_end`.
fn compact(block: &mut Block, uses: &[Use], map: &mut Vec<Value>, at_end: Option<Value>) {
    let number = |n: usize| Value(u32::try_from(n).expect("blocks are bounded"));
    let insts = &mut block.insts;
    // What comes before the first that goes stays as it is.
    let whole = uses.iter().position(|u| *u == Use::None);
    let mut n = whole.unwrap_or(uses.len());
    map.clear();
    map.extend((0..n).map(number));
    for (i, keep) in uses.iter().enumerate().skip(n) {
        map.push(number(n));
        if *keep == Use::None {
            continue;
        }
        let mut inst = insts[i];
        for a in inst.args.iter_mut().take_while(|a| a.is_some()) {
            *a = map[a.index()];
        }
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
