//! An engine with two known faults, for testing the harness: a harness that finds nothing must be
//! one that would have found something.
//!
//! It is the portable engine, except that code with a BSWAP leaves bit 0 of RAX inverted and code with
//! an SBB leaves CF inverted.

use super::{Interp, Runner};
use crate::compare::instructions;
use anyhow::Result;
use felix::replay::{After, Case};
use felix::x86::Rflags;
use iced_x86::Mnemonic;

/// See the module's head.
pub struct Broken(Interp);

impl Broken {
    /// As the portable engine is made.
    ///
    /// # Errors
    /// As `Interp::new`.
    pub fn new() -> Result<Broken> {
        Interp::new().map(Broken)
    }
}

impl Runner for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn run(&mut self, cases: &[Case]) -> Result<Vec<Option<After>>> {
        let mut out = self.0.run(cases)?;
        for (case, after) in cases.iter().zip(&mut out) {
            let Some(after) = after else { continue };
            for insn in instructions(case) {
                match insn.mnemonic() {
                    Mnemonic::Bswap => after.registers.gpr[0].0 ^= 1,
                    Mnemonic::Sbb => after.registers.rflags.0 ^= Rflags::CF,
                    _ => {}
                }
            }
        }
        Ok(out)
    }
}
