//! A campaign's worker process: runs rounds of its lanes until it is told to end.
//!
//! It says on standard output, a line for each round, what it has done. Once nobody reads that it ends,
//! so that workers do not outlive a parent that was killed by more than a round.

use super::Until;
use super::config::Config;
use super::lane::{Lane, Rig};
use super::store::Store;
use crate::arena::Arena;
use crate::coverage::Universe;
use crate::edges::Edges;
use anyhow::Result;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// What a worker tells of a round.
#[derive(Debug, PartialEq, Eq)]
pub struct Round {
    /// Cases in it.
    pub cases: u64,
    /// Whether it found a new cause.
    pub new: bool,
}

/// Reads a line of a worker's output.
#[must_use]
pub fn parse(line: &str) -> Option<Round> {
    let (cases, new) = line.strip_prefix("round ")?.split_once(' ')?;
    Some(Round {
        cases: cases.parse().ok()?,
        new: new == "new",
    })
}

/// Runs every `jobs`th of the directory's lanes, from the `job`th.
///
/// # Errors
/// If an engine or oracle broke, or a lane cannot be kept.
pub fn work(dir: &Path, (job, jobs): (usize, usize), until: Until) -> Result<()> {
    let started = Instant::now();
    // The parent holds the lock and has checked the configuration.
    let store = Store::read(dir)?;
    let config: Config = store.config.clone();
    let mut arena = Arena::new(&config.engines, &config.oracles, jobs)?;
    let generator = config.generator();
    let universe = Universe::new(generator.codes());
    let edges = config.edges.as_ref().map(|_| Edges::new()).transpose()?;
    let mut lanes = Vec::new();
    for lane in config.own_lanes().skip(job).step_by(jobs) {
        lanes.push(store.lane(lane)?.unwrap_or_else(|| Lane::new(lane)));
    }
    let mut rig = Rig {
        config: &config,
        generator: &generator,
        universe: &universe,
        arena: &mut arena,
        edges: edges.as_ref(),
    };
    // The one that has run least is next, so that all have run alike whenever the time is over.
    while let Some(lane) = lanes.iter_mut().min_by_key(|l| (l.rounds, l.lane)) {
        let over = match until {
            Until::Time(t) => started.elapsed() >= t,
            Until::Cases(n) => lane.rounds >= config.rounds_for(n),
        };
        if over {
            break;
        }
        let new = lane.round(&mut rig)?;
        store.keep(lane)?;
        let new = if new { "new" } else { "-" };
        let said = writeln!(std::io::stdout(), "round {} {new}", config.round);
        if said.is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        let round = |cases, new| Some(Round { cases, new });
        assert_eq!(parse("round 512 new"), round(512, true));
        assert_eq!(parse("round 512 -"), round(512, false));
        assert_eq!(parse("something else"), None);
    }
}
