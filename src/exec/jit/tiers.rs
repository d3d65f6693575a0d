//! When code is made and how good, and the stages that make the best.

use super::CodeMemory;
use crate::exec::cold;
use crate::ir::Region;
use crate::lift::Limits;
use crate::lift::region::Lifter;
use crate::lower::{self, FpMode, LowerError, Translation};
use crate::opt::Optimizer;
use crate::rv64::HostIsa;
use crate::x86::{Fault, GuestAddr};

/// When code is made.
#[derive(Clone, Copy, Debug)]
pub struct Tiers {
    /// After so many evaluations code of its own, instruction by instruction (`lower::baseline`).
    pub warm: u32,
    /// After so many executions of that it is translated.
    pub hot: u32,
    /// So many times before the first translation, what is hot is counted once more instead.
    pub early: u32,
}

impl Default for Tiers {
    fn default() -> Self {
        Tiers {
            warm: cold::WARM,
            hot: HOT,
            early: EARLY,
        }
    }
}

impl Tiers {
    /// All code that can be is made instruction by instruction, and stays so.
    pub const BASELINE: Tiers = Tiers {
        warm: 0,
        hot: i32::MAX.cast_unsigned(),
        early: 0,
    };
}

/// How often code made instruction by instruction runs before it is translated: about what that costs
/// by what it saves.
const HOT: u32 = 800;
/// The first translation sets up iced's tables, for as much as translating some hundred instructions; so
/// programs that end soon go without.
const EARLY: u32 = 32;
/// The part of that after which it is translated together with what leads to it.
pub const PART: u32 = 4;

/// The stages from guest code to host code, with the memory they keep.
#[derive(Default)]
pub struct Translator {
    pub lifter: Lifter,
    optimizer: Optimizer,
    lowering: lower::Memory,
}

impl Translator {
    /// Translates the region at `at`, and gives the region too. Branches are followed to what is `known`
    /// only; with `counting`, code counts its executions.
    pub fn translate(
        &mut self,
        memory: &dyn CodeMemory,
        isa: HostIsa,
        mode: FpMode,
        at: GuestAddr,
        known: &dyn Fn(GuestAddr) -> bool,
        counting: bool,
    ) -> Result<Option<(Region, Box<Translation>)>, Fault> {
        let full = Limits::default();
        let smaller = [full.insns, 16, 1].map(|insns| Limits {
            insns,
            follow: insns == full.insns,
            ..full
        });
        for limits in smaller {
            let mut region = self.lifter.translate(memory, at, limits, known)?;
            self.optimizer.optimize(&mut region);
            self.lifter.reuse(self.optimizer.spare());
            match lower::lower_with(&region, isa, mode, counting, &mut self.lowering) {
                Ok(t) => return Ok(Some((region, Box::new(t)))),
                Err(LowerError::TooComplex | LowerError::Asm(_)) => {}
            }
        }
        Ok(None)
    }
}
