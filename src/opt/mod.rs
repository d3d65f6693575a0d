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

use crate::ir::{Region, verify};

/// Brings a region into the form engines take.
pub fn optimize(region: &mut Region) {
    extend::run(region);
    debug_verify(region, "extend");
    let wanted = dead::wanted(region);
    simplify::run(region, Some(&wanted));
    debug_verify(region, "simplify");
    dead::run(region);
    debug_verify(region, "dead");
    if legal::run(region) {
        // The expansion of a bundle is worth folding, and leaves its operands dead.
        simplify::run(region, None);
        dead::run(region);
    }
    debug_verify(region, "legal");
    extend::arrange(region);
}

fn debug_verify(region: &Region, pass: &str) {
    if cfg!(debug_assertions)
        && let Err(e) = verify(region)
    {
        panic!("after {pass}: {e}\n{region}");
    }
}
