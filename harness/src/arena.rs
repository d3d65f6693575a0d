//! Engines and oracles that run the same cases: running, comparing, reducing.
//!
//! Does not know where cases come from, nor what is done with a difference. Invariant: the oracles are
//! started before the engines, because the native one forks, and its child must not inherit the
//! memory that engines map.

use crate::compare::{Exclusions, Outcomes, Used, Verdict, judge};
use crate::engines::{Runner, runner};
use crate::reduce;
use anyhow::{Context, Result};
use felix::replay::{After, Case, ENDLESS};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// See the module's head.
pub struct Arena {
    oracles: Vec<Box<dyn Runner>>,
    engines: Vec<Box<dyn Runner>>,
    names: Vec<&'static str>,
    /// What is excused.
    pub exclusions: Exclusions,
    /// How often each exclusion was needed.
    pub used: Used,
    /// How often Unicorn disagreed with the CPU, unexplained, by mnemonic.
    pub unicorn_wrong: BTreeMap<String, u64>,
}

/// A difference that has been reduced.
pub struct Reduced {
    /// The smallest case; it expects what the oracle said.
    pub case: Case,
    /// What the engine made of it.
    pub ours: After,
}

impl Arena {
    /// Starts engines and oracles by their names, in one of `jobs` processes that do so.
    ///
    /// # Errors
    /// If one cannot be started.
    pub fn new(engines: &[String], oracles: &[String], jobs: usize) -> Result<Arena> {
        let start = |names: &[String]| -> Result<Vec<Box<dyn Runner>>> {
            names.iter().map(|n| runner(n, jobs)).collect()
        };
        let mut oracles = start(oracles)?;
        // A child that is started by its first cases would be started after the engines.
        for o in &mut oracles {
            o.run(&[])?;
        }
        let engines = start(engines)?;
        Ok(Arena {
            names: engines.iter().map(|e| e.name()).collect(),
            oracles,
            engines,
            exclusions: Exclusions::load()?,
            used: Used::new(),
            unicorn_wrong: BTreeMap::new(),
        })
    }

    /// What each of them says about each case. Engines are asked about those of which an oracle, if there are any,
    /// knows that they end: nobody stops them.
    ///
    /// # Errors
    /// If one of them broke.
    pub fn run(&mut self, batch: &[Case]) -> Result<Vec<Outcomes>> {
        let mut all = vec![Outcomes::new(); batch.len()];
        for r in &mut self.oracles {
            for (outcomes, after) in all.iter_mut().zip(r.run(batch)?) {
                if let Some(after) = after {
                    outcomes.insert(r.name(), after);
                }
            }
        }
        let asked = !self.oracles.is_empty();
        let ends =
            |o: &Outcomes| !(asked && o.is_empty()) && o.values().all(|a| a.stop.vector != ENDLESS);
        let mut ending = Cow::Borrowed(batch);
        if !all.iter().all(ends) {
            let both = batch.iter().zip(&all);
            ending = both
                .filter(|(_, o)| ends(o))
                .map(|(c, _)| c.clone())
                .collect();
        }
        let mut outcomes: Vec<&mut Outcomes> = all.iter_mut().filter(|o| ends(o)).collect();
        for r in &mut self.engines {
            for (outcomes, after) in outcomes.iter_mut().zip(r.run(&ending)?) {
                if let Some(after) = after {
                    outcomes.insert(r.name(), after);
                }
            }
        }
        Ok(all)
    }

    /// Compares what was said about a case.
    pub fn judge(&mut self, case: &Case, outcomes: &Outcomes) -> Verdict {
        let verdict = self.compare(case, outcomes);
        if !matches!(verdict, Verdict::Differ { .. }) {
            return verdict;
        }
        // Cases before it may have damaged the process that it ran in, or ended it, so that another oracle had to decide.
        let mut again = outcomes.clone();
        for oracle in &mut self.oracles {
            let answer = oracle.run(std::slice::from_ref(case)).ok();
            let answer = answer.and_then(|mut a| a.pop().flatten());
            if let Some(answer) = answer.filter(|a| a.stop.vector != ENDLESS) {
                again.insert(oracle.name(), answer);
            }
        }
        match again == *outcomes {
            true => verdict,
            false => self.compare(case, &again),
        }
    }

    fn compare(&mut self, case: &Case, outcomes: &Outcomes) -> Verdict {
        judge(
            case,
            outcomes,
            &self.names,
            &self.exclusions,
            &mut self.used,
            &mut self.unicorn_wrong,
        )
    }

    /// Whether the engine differs from the oracle on a case, unexcused. A case that does not end is no
    /// difference: engines are not stopped.
    ///
    /// # Errors
    /// If there is no such engine or oracle here.
    pub fn differ(&mut self, case: &Case, engine: &str, oracle: &str) -> Result<bool> {
        Ok(self.both(case, engine, oracle)?.is_some())
    }

    /// The smallest form of a case on which an engine differs from an oracle.
    ///
    /// # Errors
    /// If there is no such engine or oracle here, or they agree about the case.
    pub fn reduce(&mut self, case: Case, engine: &str, oracle: &str) -> Result<Reduced> {
        let mut case = reduce::reduce(case, &mut |c| {
            self.differ(c, engine, oracle).unwrap_or(false)
        });
        let (ours, theirs) = self
            .both(&case, engine, oracle)?
            .with_context(|| format!("{engine} and {oracle} agree about this case"))?;
        case.after = Some(theirs);
        case.about = format!("{engine} differs from {oracle}");
        Ok(Reduced { case, ours })
    }

    /// What engine and oracle say, if they differ.
    fn both(&mut self, case: &Case, engine: &str, oracle: &str) -> Result<Option<(After, After)>> {
        let one = std::slice::from_ref(case);
        let find = |runners: &mut [Box<dyn Runner>], name: &str| -> Result<Option<After>> {
            let runner = runners.iter_mut().find(|r| r.name() == name);
            let runner = runner.with_context(|| format!("{name} is not running"))?;
            Ok(runner.run(one).ok().and_then(|mut v| v.pop().flatten()))
        };
        let theirs = find(&mut self.oracles, oracle)?.filter(|a| a.stop.vector != ENDLESS);
        let Some(theirs) = theirs else {
            return Ok(None);
        };
        let Some(ours) = find(&mut self.engines, engine)? else {
            return Ok(None);
        };
        let excused = self.exclusions.excuses(oracle, case, &ours, &theirs);
        Ok(excused.is_none().then_some((ours, theirs)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::read_cases;
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    /// Answers by the first byte of the code, and remembers what it was asked.
    struct Scripted {
        name: &'static str,
        answer: fn(u8, After) -> Option<After>,
        asked: Arc<Mutex<Vec<u8>>>,
    }

    impl Runner for Scripted {
        fn name(&self) -> &'static str {
            self.name
        }

        fn run(&mut self, cases: &[Case]) -> Result<Vec<Option<After>>> {
            let answer = |c: &Case| {
                let code = c.code.0[0];
                self.asked.lock().unwrap().push(code);
                (self.answer)(code, c.after.clone().unwrap())
            };
            Ok(cases.iter().map(answer).collect())
        }
    }

    /// An arena of the engine `interp` with these oracles, and cases with these bytes as code.
    fn arena(oracles: Vec<Scripted>, codes: &[u8]) -> (Arena, Vec<Case>) {
        arena_that_tells(oracles, codes, Arc::default())
    }

    fn arena_that_tells(
        oracles: Vec<Scripted>,
        codes: &[u8],
        asked: Arc<Mutex<Vec<u8>>>,
    ) -> (Arena, Vec<Case>) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/oracle/native-rcpps.json");
        let recorded = read_cases(&file).unwrap().remove(0);
        let case = |code: &u8| {
            let mut case = recorded.clone();
            case.code.0 = vec![*code];
            case
        };
        let engine = Scripted {
            name: "interp",
            answer: |_, after| Some(after),
            asked,
        };
        let arena = Arena {
            oracles: oracles.into_iter().map(|o| Box::new(o) as _).collect(),
            engines: vec![Box::new(engine)],
            names: vec!["interp"],
            exclusions: Exclusions::load().unwrap(),
            used: Used::new(),
            unicorn_wrong: BTreeMap::new(),
        };
        (arena, codes.iter().map(case).collect())
    }

    /// What they say about such cases, and what the engine was asked.
    fn ask(oracles: Vec<Scripted>, codes: &[u8]) -> (Vec<u8>, Vec<Outcomes>) {
        let asked = Arc::default();
        let (mut arena, cases) = arena_that_tells(oracles, codes, Arc::clone(&asked));
        let outcomes = arena.run(&cases).unwrap();
        let asked = asked.lock().unwrap().clone();
        (asked, outcomes)
    }

    fn oracle(name: &'static str, answer: fn(u8, After) -> Option<After>) -> Scripted {
        Scripted {
            name,
            answer,
            asked: Arc::default(),
        }
    }

    fn endless(mut after: After) -> After {
        after.stop.vector = ENDLESS;
        after
    }

    #[test]
    fn engines_run_only_what_an_oracle_has_run_to_its_end() {
        let cpu = |code, after| match code {
            1 | 4 => Some(after),
            2 => Some(endless(after)),
            _ => None,
        };
        let unicorn = |code, after| match code {
            4 => Some(endless(after)),
            5 => Some(after),
            _ => None,
        };
        let both = vec![oracle("native", cpu), oracle("unicorn", unicorn)];
        let (asked, outcomes) = ask(both, &[1, 2, 3, 4, 5]);
        // 3 is known to neither; of 4 one says that it does not end.
        assert_eq!(asked, [1, 5]);
        let names = |o: &Outcomes| o.keys().copied().collect::<Vec<_>>();
        assert_eq!(
            outcomes.iter().map(names).collect::<Vec<_>>(),
            [
                vec!["interp", "native"],
                vec!["native"],
                vec![],
                vec!["native", "unicorn"],
                vec!["interp", "unicorn"],
            ]
        );
    }

    #[test]
    fn oracles_are_asked_again_before_a_difference_counts() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        fn damaged(mut after: After) -> After {
            after.registers.rip.0 += 1;
            after
        }
        let cpu = |code, after| match (code, ASKED.fetch_add(1, Ordering::Relaxed)) {
            // Its process ended.
            (1, 0) | (2, _) => None,
            (3 | 4, 0) => Some(damaged(after)),
            // It was held up for too long.
            (4, 1) => Some(endless(after)),
            _ => Some(after),
        };
        let wrong = |_, after| Some(damaged(after));
        let (agree, differs) = (Verdict::Agree, |v: &Verdict| {
            matches!(v, Verdict::Differ { .. })
        });
        let verdict = |code| {
            ASKED.store(0, Ordering::Relaxed);
            let both = vec![oracle("native", cpu), oracle("unicorn", wrong)];
            let (mut arena, cases) = arena(both, &[code]);
            let outcomes = arena.run(&cases).unwrap().remove(0);
            arena.judge(&cases[0], &outcomes)
        };
        assert_eq!(verdict(1), agree);
        assert!(differs(&verdict(2)));
        assert_eq!(verdict(3), agree);
        assert!(differs(&verdict(4)));
    }

    #[test]
    fn without_oracles_engines_run_everything() {
        assert_eq!(ask(Vec::new(), &[1, 2]).0, [1, 2]);
    }
}
