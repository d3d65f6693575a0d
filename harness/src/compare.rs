//! What counts as a difference, who is to blame, and what is excused.

use anyhow::{Context, Result, bail};
use felix::replay::{After, Case};
use iced_x86::{Decoder, DecoderOptions};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The exclusions file.
const EXCLUSIONS: &str = include_str!("../exclusions.toml");

/// A disagreement between felix and an oracle that is the oracle's fault, or the manual's freedom.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Which oracle: `unicorn` or `native`.
    pub oracle: String,
    /// The mnemonics in question, as iced names them; a case is excused only if it has one of them.
    pub mnemonics: Vec<String>,
    /// What may differ: names as `After::differences` prints them.
    pub fields: Vec<String>,
    /// Why.
    #[cfg_attr(not(test), allow(dead_code))]
    pub why: String,
    #[cfg_attr(not(test), allow(dead_code))]
    /// A case that shows it, under `corpus/oracle`. When it no longer differs, the exclusion has
    /// expired and the test that checks it fails.
    pub evidence: String,
}

/// All exclusions.
#[derive(Debug, Deserialize)]
pub struct Exclusions {
    /// In the order of the file.
    #[serde(default)]
    pub exclusion: Vec<Exclusion>,
}

impl Exclusions {
    /// Those of the file compiled in.
    ///
    /// # Errors
    /// If the file is not of the form.
    pub fn load() -> Result<Exclusions> {
        toml::from_str(EXCLUSIONS).context("harness/exclusions.toml")
    }

    /// True if every difference to this oracle is excluded.
    pub fn excuses(&self, oracle: &str, mnemonics: &[String], differences: &[String]) -> bool {
        differences.iter().all(|d| {
            let field = d.split_whitespace().next().unwrap_or_default();
            self.exclusion.iter().any(|e| {
                e.oracle == oracle
                    && e.mnemonics
                        .iter()
                        .any(|m| m == "*" || mnemonics.contains(m))
                    && e.fields
                        .iter()
                        .any(|f| f == "*" || f == field || (f == "xmm" && field.starts_with("xmm")))
            })
        })
    }
}

/// The mnemonics of a case's code.
#[must_use]
pub fn mnemonics(case: &Case) -> Vec<String> {
    Decoder::with_ip(64, &case.code.0, case.before.rip.0, DecoderOptions::NONE)
        .into_iter()
        .map(|i| format!("{:?}", i.mnemonic()))
        .collect()
}

/// What the runners said about one case, by name.
pub type Outcomes = BTreeMap<&'static str, After>;

/// What came of comparing.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every engine agrees with an oracle that counts.
    Agree,
    /// No oracle could say.
    Unknown,
    /// The engine differs from the oracle.
    Differ {
        /// Engine and oracle.
        engine: &'static str,
        oracle: &'static str,
        /// Line by line.
        differences: Vec<String>,
    },
}

/// The PC's own CPU decides where it has an answer; Unicorn otherwise. Where the two disagree and felix
/// sides with the CPU, that is Unicorn's affair (`unicorn_wrong` counts it).
#[must_use]
pub fn judge(
    case: &Case,
    outcomes: &Outcomes,
    engines: &[&'static str],
    exclusions: &Exclusions,
    unicorn_wrong: &mut BTreeMap<String, u64>,
) -> Verdict {
    let names = mnemonics(case);
    let undefined = case.undefined_flags.0;
    let mut verdict = Verdict::Unknown;
    for engine in engines {
        let Some(ours) = outcomes.get(engine) else {
            continue;
        };
        let mut differs = None;
        let mut agreed = false;
        for oracle in ["native", "unicorn"] {
            let Some(theirs) = outcomes.get(oracle) else {
                continue;
            };
            let d = ours.differences(theirs, undefined);
            if d.is_empty() || exclusions.excuses(oracle, &names, &d) {
                agreed = true;
                if oracle == "native" {
                    break;
                }
            } else if oracle == "native" || differs.is_none() {
                differs = differs.or(Some((oracle, d)));
            }
        }
        let native_says_yes = agreed && !matches!(differs, Some(("native", _)));
        match differs {
            Some((oracle, differences)) if !native_says_yes => {
                return Verdict::Differ {
                    engine,
                    oracle,
                    differences,
                };
            }
            _ if agreed => verdict = Verdict::Agree,
            _ => {}
        }
        if let (Some(native), Some(unicorn)) = (outcomes.get("native"), outcomes.get("unicorn")) {
            let d = native.differences(unicorn, undefined);
            if !d.is_empty() && names.len() == 2 {
                *unicorn_wrong.entry(names[0].clone()).or_default() += 1;
            }
        }
    }
    verdict
}

/// Reads the cases of a file: one, or an array.
///
/// # Errors
/// If it cannot be read or is not of the form.
pub fn read_cases(path: &Path) -> Result<Vec<Case>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    if let Ok(cases) = serde_json::from_str::<Vec<Case>>(&text) {
        return Ok(cases);
    }
    match serde_json::from_str::<Case>(&text) {
        Ok(case) => Ok(vec![case]),
        Err(e) => bail!("{}: not a test case: {e}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::{Interp, Runner};

    /// The recorded disagreement of every exclusion is still one, and the exclusion covers it.
    #[test]
    fn no_exclusion_has_expired() {
        let exclusions = Exclusions::load().unwrap();
        let mut interp = Interp::new().unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/oracle");
        for e in &exclusions.exclusion {
            assert!(!e.why.is_empty());
            for case in read_cases(&folder.join(&e.evidence)).unwrap() {
                let ours = interp
                    .run(std::slice::from_ref(&case))
                    .unwrap()
                    .pop()
                    .flatten()
                    .unwrap();
                let recorded = case
                    .after
                    .as_ref()
                    .expect("evidence holds what the oracle said");
                let d = ours.differences(recorded, case.undefined_flags.0);
                assert!(
                    !d.is_empty(),
                    "{}: felix and {} agree now, remove the exclusion",
                    e.evidence,
                    e.oracle
                );
                assert!(
                    exclusions.excuses(&e.oracle, &mnemonics(&case), &d),
                    "{}: the exclusion does not cover {d:?}",
                    e.evidence
                );
            }
        }
    }
}
