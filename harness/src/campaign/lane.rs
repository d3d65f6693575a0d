//! A lane: one sequence of rounds, and all that came of them.
//!
//! Invariant: what a lane is after a round depends on the configuration and on the lane before it. No
//! time and no path is in it.

use super::config::Config;
use crate::arena::{Arena, Reduced};
use crate::cause;
use crate::compare::{Outcomes, Verdict, mnemonics};
use crate::coverage::{Counts, Named, Universe};
use crate::edges::{Edges, Seen};
use crate::fuzz::BATCH;
use crate::generate::{Generator, Guide};
use anyhow::Result;
use felix::replay::{After, Case};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// See the module's head.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// Its number.
    pub lane: u32,
    /// Rounds it has run.
    pub rounds: u64,
    /// Cases in them.
    pub cases: u64,
    /// Of these, those on which every engine agreed with an oracle.
    pub agreed: u64,
    /// Those no oracle could say anything about.
    pub unknown: u64,
    /// Those that differed and were not reduced: the round had differed often enough, or it did not happen
    /// again.
    pub unreduced: u64,
    /// The first of those that did not differ again: as they were, with what the oracle said then.
    #[serde(default)]
    pub once: Vec<Case>,
    /// What differed, by cause.
    pub causes: BTreeMap<String, Cause>,
    /// How often an exclusion was needed, by its evidence.
    pub excused: BTreeMap<String, u64>,
    /// How often Unicorn disagreed with the CPU, unexplained.
    pub unicorn_wrong: BTreeMap<String, u64>,
    /// What was exercised.
    pub coverage: Named,
    /// Edges of the translator that were reached, if they are counted.
    #[serde(default)]
    pub edges: Seen,
    /// The last cases that reached new ones, as recipes for others.
    #[serde(default)]
    pub recipes: Vec<Vec<u32>>,
}

/// Differences with one cause.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// How many cases showed it.
    pub count: u64,
    /// The engine that differs.
    pub engine: String,
    /// The oracle it differs from.
    pub oracle: String,
    /// The first case, reduced; it expects what the oracle said.
    pub case: Case,
    /// What the engine made of it.
    pub ours: After,
}

/// Differences reduced in a round. To reduce one takes a hundred runs: a bug that shows in every tenth case
/// must not turn the campaign into one of reducing.
const REDUCED: usize = 4;
/// Cases that are kept of those that differed once.
const ONCE: usize = 4;
/// Of so many cases one is lifted to count operations of the IR.
const IR_SAMPLE: u64 = 16;

/// Recipes that are kept: late ones are of what is hard to reach.
const RECIPES: usize = 64;

/// What rounds are run with.
pub struct Rig<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// What generates.
    pub generator: &'a Generator,
    /// What can be covered.
    pub universe: &'a Universe,
    /// Engines and oracles.
    pub arena: &'a mut Arena,
    /// Edges, if they guide.
    pub edges: Option<&'a Edges>,
}

impl Lane {
    /// One that has not begun.
    #[must_use]
    pub fn new(lane: u32) -> Lane {
        Lane {
            lane,
            ..Lane::default()
        }
    }

    /// Runs the next round; true if it found a new cause.
    ///
    /// # Errors
    /// If an engine or oracle broke.
    pub fn round(&mut self, rig: &mut Rig) -> Result<bool> {
        let known = self.causes.len();
        let mut counts = self.coverage.counts(rig.universe);
        let guide = Guide::new(rig.universe, &counts, &self.recipes);
        rig.arena.used.clear();
        rig.arena.unicorn_wrong.clear();
        let first = u64::from(self.lane) << 40 | self.cases;
        let indices: Vec<u64> = (first..first + rig.config.round).collect();
        let mut differing = Vec::new();
        for indices in indices.chunks(usize::try_from(BATCH)?) {
            let cases: Vec<Case> = indices
                .iter()
                .map(|i| rig.generator.guided(Some(&guide), rig.config.seed, *i))
                .collect();
            let outcomes = rig.arena.run(&cases)?;
            for ((case, outcomes), index) in cases.into_iter().zip(&outcomes).zip(indices) {
                let verdict = rig.arena.judge(&case, outcomes);
                match &verdict {
                    Verdict::Agree => self.agreed += 1,
                    Verdict::Unknown => self.unknown += 1,
                    Verdict::Differ { .. } => {}
                }
                if verdict != Verdict::Unknown
                    && let Some(after) = authority(outcomes)
                {
                    counts.add(rig.universe, &case, after);
                }
                if index % IR_SAMPLE == 0 {
                    counts.add_ir(&case);
                }
                if let Some(edges) = rig.edges {
                    self.reach(rig.universe, edges, &case, *index);
                }
                if let Verdict::Differ {
                    engine,
                    oracle,
                    differences,
                } = verdict
                {
                    let mut case = case;
                    case.about = format!(
                        "{engine} once differed from {oracle}: {}",
                        differences.join("; ")
                    );
                    case.after = outcomes.get(oracle).cloned();
                    differing.push((case, engine, oracle));
                }
            }
        }
        for (i, e) in &rig.arena.used {
            let entry = &rig.arena.exclusions.exclusion[*i];
            let name = entry.evidence.trim_end_matches(".json").to_owned();
            *self.excused.entry(name).or_default() += e;
        }
        for (name, n) in &rig.arena.unicorn_wrong {
            *self.unicorn_wrong.entry(name.clone()).or_default() += n;
        }
        self.unreduced += differing.len().saturating_sub(REDUCED) as u64;
        // What a known cause does not explain comes first: a common bug must not hide a rare one.
        differing.sort_by_key(|(case, engine, _)| self.explains(case, engine));
        for (case, engine, oracle) in differing.into_iter().take(REDUCED) {
            match rig.arena.reduce(case.clone(), engine, oracle) {
                Ok(small) => self.found(rig.arena, small, engine, oracle),
                // It does not happen alone: a matter of time, or of the case before it.
                Err(_) => {
                    self.unreduced += 1;
                    if self.once.len() < ONCE {
                        self.once.push(case);
                    }
                }
            }
        }
        self.coverage = Named::of(rig.universe, &counts);
        self.rounds += 1;
        self.cases += rig.config.round;
        Ok(self.causes.len() > known)
    }

    /// Keeps the recipe of a case that reaches new edges.
    fn reach(&mut self, universe: &Universe, edges: &Edges, case: &Case, index: u64) {
        let reached = edges.reached(case, index);
        let new = reached.into_iter().filter(|e| self.edges.add(*e)).count();
        if new > 0 {
            if self.recipes.len() == RECIPES {
                self.recipes.remove(0);
            }
            self.recipes.push(universe.recipe(case));
        }
    }

    /// Whether the case has an instruction that a known cause of this engine names.
    fn explains(&self, case: &Case, engine: &str) -> bool {
        let here = mnemonics(case);
        self.causes
            .keys()
            .filter_map(|key| cause::parts(key))
            .any(|(e, mnemonic)| {
                e == engine && here.iter().any(|m| m.eq_ignore_ascii_case(mnemonic))
            })
    }

    fn found(&mut self, arena: &mut Arena, small: Reduced, engine: &str, oracle: &str) {
        let key = cause::key(arena, &small, engine, oracle);
        let entry = self.causes.entry(key).or_insert_with(|| Cause {
            count: 0,
            engine: engine.to_owned(),
            oracle: oracle.to_owned(),
            case: small.case,
            ours: small.ours,
        });
        entry.count += 1;
    }

    /// What the counts of a lane are.
    #[must_use]
    pub fn counts(&self, universe: &Universe) -> Counts {
        self.coverage.counts(universe)
    }
}

/// Whose outcome tells what a case did.
fn authority(outcomes: &Outcomes) -> Option<&After> {
    let named = ["native", "unicorn"].iter().find_map(|n| outcomes.get(n));
    named.or_else(|| outcomes.values().next())
}
