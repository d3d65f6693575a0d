//! How fast the harness is on this machine: `harness bench`.
//!
//! A measurement is a short campaign in a directory of its own, with a process a core, so that what is
//! measured is what campaigns do. The first second, in which processes start, counts too.

use crate::campaign::{self, Config, Run, Shards, Until};
use anyhow::Result;
use std::time::Duration;

/// What is measured: engine, and oracles.
const PAIRS: [(&str, &[&str]); 2] = [("interp", &["native", "unicorn"]), ("jit", &["native"])];

/// Measures each pair for `time`, and prints cases per second.
///
/// # Errors
/// If a campaign fails; for the JIT, felix must have been built for RISC-V.
pub fn bench(time: Duration, jobs: usize) -> Result<()> {
    let top = std::env::temp_dir().join(format!("felix-bench-{}", std::process::id()));
    let result = PAIRS.iter().try_for_each(|(engine, oracles)| {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let config = Config::new(1, list(&[engine]), list(oracles), Shards::all());
        let run = Run {
            dir: top.join(engine),
            until: Until::Time(time),
            jobs,
            quiet: true,
        };
        let summary = campaign::run(&config, &run)?;
        let cpu = config.cpu.map_or(String::new(), |c| format!(" on {c}"));
        println!(
            "{engine}{cpu} against {}: {:.0} cases/s, {jobs} processes, {} cases in {:.1} s",
            oracles.join("+"),
            summary.rate(),
            summary.cases,
            summary.elapsed.as_secs_f64()
        );
        Ok(())
    });
    let _ = std::fs::remove_dir_all(&top);
    result
}
