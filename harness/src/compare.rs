//! What counts as a difference, who is to blame, and what is excused.

use anyhow::{Context, Result, bail};
use felix::lift::ROWS;
use felix::replay::{After, Case, Hex64, HexBytes};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::LazyLock;

/// The exclusions file.
const EXCLUSIONS: &str = include_str!("../exclusions.toml");

/// A disagreement between felix and an oracle that is the oracle's fault, or the manual's freedom.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Which oracle: `unicorn` or `native`.
    pub oracle: String,
    /// The mnemonics in question, as iced names them, `*`, or `family:` and a family of the table; a
    /// case is excused only if it has one of them.
    pub mnemonics: Vec<String>,
    /// What may differ: names as `After::differences` prints them.
    pub fields: Vec<String>,
    /// Only where felix or the oracle stops with one of these vectors, at one of the mnemonics.
    #[serde(default)]
    pub stops: Vec<u16>,
    /// Only with a LOCK prefix.
    #[serde(default)]
    pub lock: bool,
    /// Only where the instruction is itself overwritten.
    #[serde(default)]
    pub overwritten: bool,
    /// Only where MXCSR has one of these bits, before or after.
    #[serde(default)]
    pub mxcsr: Option<u32>,
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

    /// Which entries excuse the differences of `ours` to this oracle; `None` if not all are excused.
    #[must_use]
    pub fn excuses(
        &self,
        oracle: &str,
        case: &Case,
        ours: &After,
        theirs: &After,
    ) -> Option<BTreeSet<usize>> {
        let differences = ours.differences(theirs, case.undefined_flags.0);
        // Nearly always: nothing below is looked at then.
        if differences.is_empty() {
            return Some(BTreeSet::new());
        }
        let field = |d: &str| d.split_whitespace().next().unwrap_or_default().to_owned();
        let fields: Vec<String> = differences.iter().map(|d| field(d)).collect();
        let insns: Vec<Instruction> = instructions(case).collect();
        let applicable: Vec<(usize, &Exclusion)> = self
            .exclusion
            .iter()
            .enumerate()
            .filter(|(_, e)| e.oracle == oracle && fields.iter().any(|f| e.covers(f)))
            .filter(|(_, e)| e.applies(case, &insns, ours, theirs))
            .collect();
        fields
            .iter()
            .map(|f| {
                let entry = applicable.iter().find(|(_, e)| e.covers(f));
                entry.map(|(i, _)| *i)
            })
            .collect()
    }
}

/// The names of all mnemonics, by number.
static NAMES: LazyLock<Vec<String>> =
    LazyLock::new(|| Mnemonic::values().map(|m| format!("{m:?}")).collect());

/// The families of the mnemonics with a row.
static FAMILIES: LazyLock<HashMap<Mnemonic, &str>> = LazyLock::new(|| {
    let rows = ROWS.iter().map(|r| (r.mnemonic, r.family.name()));
    rows.collect()
});

impl Exclusion {
    fn applies(&self, case: &Case, insns: &[Instruction], ours: &After, theirs: &After) -> bool {
        let modes = [case.before.mxcsr, ours.registers.mxcsr];
        if self
            .mxcsr
            .is_some_and(|bits| modes.iter().all(|m| m & bits == 0))
        {
            return false;
        }
        let named = |i: &Instruction| {
            if self.lock && !i.has_lock_prefix() {
                return false;
            }
            if self.overwritten && !theirs.memory.iter().any(|m| overlaps(m, i)) {
                return false;
            }
            let m = i.mnemonic();
            let name = &NAMES[m as usize];
            self.mnemonics
                .iter()
                .any(|n| match n.strip_prefix("family:") {
                    Some(family) => FAMILIES.get(&m).is_some_and(|f| *f == family),
                    None => n == "*" || n == name,
                })
        };
        if self.stops.is_empty() {
            return insns.iter().any(named);
        }
        [ours, theirs].into_iter().any(|a| {
            self.stops.contains(&a.stop.vector)
                && insns
                    .iter()
                    .find(|i| i.ip() == a.registers.rip.0)
                    .is_some_and(named)
        })
    }

    fn covers(&self, field: &str) -> bool {
        self.fields.iter().any(|f| {
            f == "*"
                || f == field
                || (f == "xmm" && field.starts_with("xmm"))
                || (f == "ymm" && field.starts_with("ymm"))
                || (f == "gpr" && felix::x86::Gpr::all().any(|r| r.name() == field))
        })
    }
}

/// Whether a run of changed memory has a byte of an instruction.
fn overlaps((at, bytes): &(Hex64, HexBytes), insn: &Instruction) -> bool {
    at.0 < insn.next_ip() && insn.ip() < at.0 + bytes.0.len() as u64
}

/// How often each entry of the exclusions excused something.
pub type Used = BTreeMap<usize, u64>;

/// The instructions of a case's code: one behind the other, and from where its jumps lead, which may be
/// into the middle of one.
pub fn instructions(case: &Case) -> impl Iterator<Item = Instruction> {
    let start = case.before.rip.0;
    let mut found = BTreeMap::new();
    let mut from = vec![start];
    while let Some(at) = from.pop() {
        let skip = usize::try_from(at.wrapping_sub(start)).unwrap_or(usize::MAX);
        let code = case.code.0.get(skip..).unwrap_or_default();
        for insn in &mut Decoder::with_ip(64, code, at, DecoderOptions::NONE) {
            if found.insert(insn.ip(), insn).is_some() {
                break;
            }
            if insn.op_kind(0) == OpKind::NearBranch64 {
                from.push(insn.near_branch_target());
            }
        }
    }
    found.into_values()
}

/// The mnemonics of a case's code.
#[must_use]
pub fn mnemonics(case: &Case) -> Vec<String> {
    instructions(case)
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
/// sides with the CPU, that is Unicorn's affair (`unicorn_wrong` counts what no exclusion explains).
#[must_use]
pub fn judge(
    case: &Case,
    outcomes: &Outcomes,
    engines: &[&'static str],
    exclusions: &Exclusions,
    used: &mut Used,
    unicorn_wrong: &mut BTreeMap<String, u64>,
) -> Verdict {
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
            if let Some(entries) = exclusions.excuses(oracle, case, ours, theirs) {
                for e in entries {
                    *used.entry(e).or_default() += 1;
                }
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
    }
    if let (Some(native), Some(unicorn)) = (outcomes.get("native"), outcomes.get("unicorn")) {
        if let Some(entries) = exclusions.excuses("unicorn", case, native, unicorn) {
            for e in entries {
                *used.entry(e).or_default() += 1;
            }
        } else {
            let names = mnemonics(case);
            let what = match names.as_slice() {
                [one, _end] => one.as_str(),
                _ => "sequences",
            };
            *unicorn_wrong.entry(what.to_owned()).or_default() += 1;
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

    #[test]
    fn an_instruction_hidden_behind_a_jump_is_found() {
        let mut case = read_cases(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/oracle/native-rcpps.json"),
        )
        .unwrap()
        .remove(0);
        // js +1 over the first byte of UD0; behind it rcpps xmm0, xmm0
        case.code.0 = vec![0x78, 0x01, 0x0f, 0x0f, 0x53, 0xc0];
        assert!(mnemonics(&case).contains(&"Rcpps".to_owned()));
    }

    /// The recorded disagreement of every exclusion is still one, and the exclusion covers it.
    #[test]
    fn no_exclusion_has_expired() {
        let exclusions = Exclusions::load().unwrap();
        let mut interp = Interp::new().unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/oracle");
        for (i, e) in exclusions.exclusion.iter().enumerate() {
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
                    exclusions
                        .excuses(&e.oracle, &case, &ours, recorded)
                        .is_some_and(|entries| entries.contains(&i)),
                    "{}: the exclusion does not cover {d:?}",
                    e.evidence
                );
            }
        }
    }
}
