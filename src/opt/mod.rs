//! IR to IR: from what lift emits to what engines take.
//!
//! Passes, each linear in the region: `extend` (blocks are joined, branches become exits), `simplify` (forwarding of guest state inside a block, folding,
//! conditions expanded from their bundles), `dead` (liveness of flags over the region; dead and lazy
//! instructions), `legal` (the bundles that remain become records). Knows no host and no engine.

mod dead;
mod extend;
mod flags;
mod legal;
mod rewrite;
mod simplify;
mod vector;

use crate::ir::{Inst, Region, verify};
use rewrite::Rewriter;

/// Brings regions into the form engines take. One can be used for any number: it keeps its memory.
#[derive(Default)]
pub struct Optimizer {
    rewriter: Rewriter,
    extend: extend::Memory,
    simplify: simplify::Memory,
    dead: dead::Memory,
}

/// Brings a region into the form engines take.
pub fn optimize(region: &mut Region) {
    Optimizer::default().optimize(region);
}

impl Optimizer {
    /// Brings a region into the form engines take.
    pub fn optimize(&mut self, region: &mut Region) {
        let Optimizer {
            rewriter,
            extend,
            simplify,
            dead,
        } = self;
        extend::run(region, extend);
        debug_verify(region, "extend");
        let wanted = dead::wanted(region, dead);
        simplify::run(region, rewriter, simplify, Some((&extend.preds, wanted)));
        debug_verify(region, "simplify");
        let illegal = dead::run(region, dead);
        debug_verify(region, "dead");
        if illegal {
            legal::run(region, rewriter);
            // The expansion of a bundle is worth folding, and leaves its operands dead.
            simplify::run(region, rewriter, simplify, None);
            dead::run(region, dead);
        }
        debug_verify(region, "legal");
        extend::arrange(region, extend);
    }

    /// The memory of blocks that were joined to others, for who makes blocks.
    pub fn spare(&mut self) -> impl Iterator<Item = Vec<Inst>> + '_ {
        self.extend.spare.drain(..)
    }
}

fn debug_verify(region: &Region, pass: &str) {
    if cfg!(debug_assertions)
        && let Err(e) = verify(region)
    {
        panic!("after {pass}: {e}\n{region}");
    }
}
