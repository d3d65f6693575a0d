//! Engines and oracles behind one trait.

use anyhow::{Context, Result};
use felix::exec::interp::InterpEngine;
use felix::replay::{After, Case, CaseMemory, Machine};
use std::sync::Arc;

pub mod jit;
pub mod native;
pub mod unicorn;

/// Something that runs cases.
pub trait Runner {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Runs cases; one outcome each, `None` where it cannot say (an oracle that does not know an
    /// instruction).
    ///
    /// # Errors
    /// If the runner itself broke.
    fn run(&mut self, cases: &[Case]) -> Result<Vec<Option<After>>>;
}

/// The portable engine, in this process.
pub struct Interp {
    machine: Machine,
    engine: InterpEngine,
}

impl Interp {
    /// Maps the memory of cases into this process.
    ///
    /// # Errors
    /// If something else lies there.
    pub fn new() -> Result<Interp> {
        felix::sys::fault::install().context("installing the fault handler")?;
        let machine = Machine::new().context("mapping the memory of test cases")?;
        Ok(Interp {
            machine,
            engine: InterpEngine::new(Arc::new(CaseMemory)),
        })
    }
}

impl Runner for Interp {
    fn name(&self) -> &'static str {
        "interp"
    }

    fn run(&mut self, cases: &[Case]) -> Result<Vec<Option<After>>> {
        Ok(cases
            .iter()
            .map(|c| Some(self.machine.run(&mut self.engine, c)))
            .collect())
    }
}
