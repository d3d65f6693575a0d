//! What is decided about a block before it is lowered: in which kind of register a value is best made.

use crate::ir::{Block, Inst, Op, Value};
use crate::x86::Width;

/// Where a value is made, if not in the register its type says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Kind {
    /// As its type says.
    #[default]
    Usual,
    /// An integer in an F register: it comes from or goes to memory and floats only.
    Float,
    /// A comparison's result as a mask: only its mask is taken.
    Mask,
}

/// The uses of a value, as far as they matter here.
#[derive(Clone, Copy, Default)]
struct Uses {
    /// As a float.
    float: u32,
    /// What an F register can do as well.
    either: u32,
    /// As a mask.
    mask: u32,
    other: u32,
}

/// How the values of a block are best made.
#[derive(Default)]
pub(super) struct Plan {
    /// By position; empty if all are made as usual.
    kinds: Vec<Kind>,
    /// Working memory.
    uses: Vec<Uses>,
}

impl Plan {
    /// How `v` is made.
    pub fn of(&self, v: Value) -> Kind {
        self.kinds.get(v.index()).copied().unwrap_or_default()
    }
}

impl Plan {
    /// Of comparisons that are done as one, both are masks or none; and a mask is taken as it was made.
    pub fn keep_masks(&mut self, block: &Block, pairs: &super::pairs::Pairs) {
        if self.kinds.is_empty() || pairs.is_empty() {
            return;
        }
        let numbered = || (block.insts.iter().zip(0..)).map(|(inst, n)| (inst, Value(n)));
        for (inst, v) in numbered() {
            if inst.op != Op::VMovMask || pairs.is_done(v) {
                continue;
            }
            let low = inst.args[0];
            let high = pairs.high(v).map(|h| block.insts[h.index()].args[0]);
            let as_made = match (high, pairs.high(low)) {
                (None, None) => !pairs.is_done(low),
                (taken, made) => taken == made,
            };
            if !as_made {
                for v in [Some(low), high].into_iter().flatten() {
                    self.kinds[v.index()] = Kind::Usual;
                }
            }
        }
        for (_, v) in numbered() {
            if let Some(high) = pairs.high(v)
                && [v, high].map(|v| self.of(v)) != [Kind::Mask; 2]
                && [v, high].iter().any(|v| self.of(*v) == Kind::Mask)
            {
                self.kinds[v.index()] = Kind::Usual;
                self.kinds[high.index()] = Kind::Usual;
            }
        }
    }
}

/// Plans `block`. Linear.
pub(super) fn plan(block: &Block, plan: &mut Plan) {
    plan.kinds.clear();
    // All others' values are made as usual.
    if !(block.insts.iter()).any(|i| matches!(i.op, Op::FFrom | Op::FBits | Op::VMovMask)) {
        return;
    }
    let uses = &mut plan.uses;
    uses.clear();
    uses.resize(block.insts.len(), Uses::default());
    for inst in &block.insts {
        for (n, a) in inst.args().enumerate() {
            let of = &block.insts[a.index()];
            let u = &mut uses[a.index()];
            let same = of.w == inst.w && !inst.lazy && !of.lazy;
            match (inst.op, n) {
                (Op::FFrom, _) if same => u.float += 1,
                (Op::VFromI, _) | (Op::Store, 1) if same => u.either += 1,
                (Op::VMovMask, _) if same => u.mask += 1,
                _ => u.other += 1,
            }
        }
    }
    if let Some(v) = block.term.value() {
        uses[v.index()].other += 1;
    }
    let kind = |(inst, u): (&Inst, &Uses)| {
        let float = matches!(inst.w, Width::W32 | Width::W64) && u.other == 0 && u.mask == 0;
        match inst.op {
            Op::Load if float && u.float > 0 => Kind::Float,
            Op::FBits if float && u.either > 0 => Kind::Float,
            Op::VCmpEq | Op::VCmpGt if u.mask > 0 && u.other == 0 => Kind::Mask,
            _ => Kind::Usual,
        }
    };
    plan.kinds.extend(block.insts.iter().zip(&*uses).map(kind));
}
