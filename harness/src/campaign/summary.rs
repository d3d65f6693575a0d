//! All lanes of a campaign together.

use super::config::Config;
use super::lane::Cause;
use super::store::{Sample, Store};
use crate::coverage::{Counts, Universe};
use crate::edges::Seen;
use anyhow::Result;
use felix::replay::Case;
use std::collections::BTreeMap;
use std::time::Duration;

/// See the module's head.
pub struct Summary {
    /// What the campaign is.
    pub config: Config,
    /// What could be covered.
    pub universe: Universe,
    /// Cases.
    pub cases: u64,
    /// Of these, those on which engines and oracles agreed.
    pub agreed: u64,
    /// Those no oracle could say anything about.
    pub unknown: u64,
    /// Those that differed and were not reduced.
    pub unreduced: u64,
    /// Some of those that did not differ again.
    pub once: Vec<Case>,
    /// What differed.
    pub causes: BTreeMap<String, Cause>,
    /// How often exclusions were needed.
    pub excused: BTreeMap<String, u64>,
    /// How often Unicorn disagreed with the CPU.
    pub unicorn_wrong: BTreeMap<String, u64>,
    /// What was covered.
    pub counts: Counts,
    /// Where the edges that guided it are, file and line, and which were reached.
    pub edges: (Vec<(String, u32)>, Seen),
    /// How fast each shard went.
    pub samples: Vec<Vec<Sample>>,
    /// How long the campaign has been running; of several shards the longest.
    pub elapsed: Duration,
}

impl Summary {
    /// Of a directory as it is.
    ///
    /// # Errors
    /// If something in it cannot be read.
    pub fn read(store: &Store) -> Result<Summary> {
        let config = store.config.clone();
        let universe = Universe::new(config.generator().codes());
        let samples = store.samples()?;
        let last = samples.iter().filter_map(|s| s.last());
        let elapsed = last.map(|s| s.elapsed).fold(0.0, f64::max);
        let mut all = Summary {
            counts: Counts::new(&universe),
            edges: (store.edges()?, Seen::default()),
            universe,
            cases: 0,
            agreed: 0,
            unknown: 0,
            unreduced: 0,
            once: Vec::new(),
            causes: BTreeMap::new(),
            excused: BTreeMap::new(),
            unicorn_wrong: BTreeMap::new(),
            samples,
            elapsed: Duration::try_from_secs_f64(elapsed).unwrap_or_default(),
            config,
        };
        for lane in all.config.own_lanes().collect::<Vec<_>>() {
            let Some(lane) = store.lane(lane)? else {
                continue;
            };
            all.counts.merge(&lane.counts(&all.universe));
            all.edges.1.merge(&lane.edges);
            all.cases += lane.cases;
            all.agreed += lane.agreed;
            all.unknown += lane.unknown;
            all.unreduced += lane.unreduced;
            all.once.extend(lane.once);
            add(&mut all.excused, lane.excused);
            add(&mut all.unicorn_wrong, lane.unicorn_wrong);
            for (key, cause) in lane.causes {
                all.cause(key, cause);
            }
        }
        Ok(all)
    }

    /// Adds what a lane found. Of two examples the shorter is shown; else that of the lower lane.
    fn cause(&mut self, key: String, cause: Cause) {
        match self.causes.get_mut(&key) {
            None => {
                self.causes.insert(key, cause);
            }
            Some(there) => {
                let count = there.count + cause.count;
                if cause.case.code.0.len() < there.case.code.0.len() {
                    *there = cause;
                }
                there.count = count;
            }
        }
    }

    /// Cases per second over its whole time, as its shards ran side by side.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let rate = |s: &Vec<Sample>| {
            let last = s.last().filter(|l| l.elapsed > 0.0);
            last.map_or(0.0, |l| l.cases as f64 / l.elapsed)
        };
        self.samples.iter().map(rate).sum()
    }

    /// How many items were covered.
    #[must_use]
    pub fn covered(&self) -> usize {
        self.counts.items.iter().filter(|n| **n > 0).count()
    }

    /// Prints it, with what to do about each difference.
    pub fn print(&self, store: &Store) {
        println!(
            "{} cases, {} agreed, {} without oracle, {} causes of differences, {:.0} cases/s, {} of {} items covered",
            self.cases,
            self.agreed,
            self.unknown,
            self.causes.len(),
            self.rate(),
            self.covered(),
            self.universe.items.len()
        );
        let (lines, seen) = &self.edges;
        if !lines.is_empty() {
            println!("{} of {} edges reached", seen.len(), lines.len());
        }
        for (key, cause) in &self.causes {
            println!("{key}: {} times", cause.count);
            println!("  {}", replay(store, key, &cause.engine));
        }
        if self.unreduced > 0 {
            println!(
                "{} more cases differed and were not reduced{}",
                self.unreduced,
                match self.once.len() {
                    0 => String::new(),
                    n => format!(
                        "; {n} that did not differ again are {}",
                        store.once(0).display()
                    ),
                }
            );
        }
    }
}

/// The command that shows a difference again.
#[must_use]
pub fn replay(store: &Store, key: &str, engine: &str) -> String {
    format!(
        "cargo run --release -p harness -- replay {} --engine {engine}",
        store.case_file(key).display()
    )
}

fn add(all: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (name, n) in more {
        *all.entry(name).or_default() += n;
    }
}
