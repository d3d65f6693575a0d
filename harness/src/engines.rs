//! Engines and oracles behind one trait.

use anyhow::{Context, Result, bail};
use felix::exec::Engine;
use felix::exec::cold::ColdEngine;
use felix::exec::interp::InterpEngine;
use felix::replay::{After, Case, CaseMemory, Machine};
use std::sync::Arc;

pub mod broken;
pub mod jit;
pub mod native;
pub mod unicorn;

use broken::Broken;
use jit::Jit;
use native::Native;
use unicorn::Unicorn;

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

/// The engine or oracle of a name. One that has worker processes starts as many as this process's
/// share of the cores, if `jobs` processes do the same.
///
/// # Errors
/// If there is none of that name, or it cannot be started.
pub fn runner(name: &str, jobs: usize) -> Result<Box<dyn Runner>> {
    Ok(match name {
        "interp" => Box::new(Interp::new()?),
        "cold" => Box::new(Interp::cold()?),
        "jit" => Box::new(Jit::new(jobs)?),
        "baseline" => Box::new(Jit::baseline(jobs)?),
        "broken" => Box::new(Broken::new()?),
        "native" => Box::new(Native::default()),
        "unicorn" => Box::new(Unicorn::new()?),
        _ => bail!(
            "no engine or oracle {name}: there are interp, cold, baseline, jit, native and unicorn"
        ),
    })
}

/// An engine that runs on any host, in this process: one of these at a time.
pub struct Interp {
    machine: Machine,
    engine: Box<dyn Engine>,
    name: &'static str,
}

impl Interp {
    /// The portable engine.
    ///
    /// # Errors
    /// If something else lies where the memory of cases must be mapped.
    pub fn new() -> Result<Interp> {
        Interp::with("interp", Box::new(InterpEngine::new(Arc::new(CaseMemory))))
    }

    /// What the JIT engine runs code with that has run only a few times.
    ///
    /// # Errors
    /// As `new`.
    pub fn cold() -> Result<Interp> {
        Interp::with("cold", Box::new(ColdEngine::new(Arc::new(CaseMemory))))
    }

    fn with(name: &'static str, engine: Box<dyn Engine>) -> Result<Interp> {
        felix::sys::fault::install().context("installing the fault handler")?;
        let machine = Machine::new().context("mapping the memory of test cases")?;
        Ok(Interp {
            machine,
            engine,
            name,
        })
    }
}

impl Runner for Interp {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&mut self, cases: &[Case]) -> Result<Vec<Option<After>>> {
        Ok(cases
            .iter()
            .map(|c| Some(self.machine.run(&mut *self.engine, c)))
            .collect())
    }
}
