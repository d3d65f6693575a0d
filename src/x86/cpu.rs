//! Which of the features felix has the guest is shown: all, those of a level of the x86-64 psABI
//! (section 3.1.1, "Processor Architecture"), fewer or more by name.
//!
//! Invariant: what is shown is consistent; a feature that is hidden hides those that build on it.

use super::cpuid::FEATURES;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A choice of features, by position in `FEATURES`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cpu {
    hidden: u64,
}

const _: () = assert!(FEATURES.len() <= 64);

/// The process's choice: none hidden. Set once, before anything is decoded.
static HIDDEN: AtomicU64 = AtomicU64::new(0);

/// What each level adds to the one before it, in the names of /proc/cpuinfo.
const LEVELS: &[(&str, &[&str])] = &[
    (
        "x86-64",
        &[
            "fpu", "tsc", "cx8", "cmov", "clflush", "mmx", "fxsr", "sse", "sse2", "syscall", "nx",
            "lm",
        ],
    ),
    (
        "x86-64-v2",
        &[
            "cx16", "lahf_lm", "pni", "ssse3", "sse4_1", "sse4_2", "popcnt",
        ],
    ),
    (
        "x86-64-v3",
        &[
            "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave", "osxsave",
        ],
    ),
];

/// Other names of features.
const ALIASES: &[(&str, &str)] = &[
    ("sse3", "pni"),
    ("lzcnt", "abm"),
    ("pclmul", "pclmulqdq"),
    ("sha", "sha_ni"),
    ("rdrnd", "rdrand"),
    ("prefetchw", "3dnowprefetch"),
];

/// What builds on what: the first is there only with the second.
const BUILDS_ON: &[(&str, &str)] = &[
    ("ssse3", "pni"),
    ("sse4_1", "ssse3"),
    ("sse4_2", "sse4_1"),
    ("avx", "sse4_2"),
    ("osxsave", "xsave"),
    ("xsave", "osxsave"),
    ("xsaveopt", "xsave"),
    ("xsavec", "xsave"),
    ("xgetbv1", "xsave"),
    ("avx", "xsave"),
    ("avx2", "avx"),
    ("gfni", "avx"),
    ("fma", "avx"),
    ("f16c", "avx"),
    ("vaes", "avx"),
    ("vaes", "aes"),
    ("vpclmulqdq", "avx"),
    ("vpclmulqdq", "pclmulqdq"),
];

/// What is hidden unless asked for, where the host has no instructions for it: programs that find SHA then take
/// longer than with what they do without it. Where it has them, 3 MB take openssl's SHA-256 27 million
/// instructions of translated code instead of 148 (and SHA-1, for which hosts have none, 95 instead of 71).
const COSTLY: &[&str] = &["sha_ni"];

/// Why a text names no CPU.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CpuError {
    /// No such level or feature.
    #[error("there is no {what} {name}{}", hint(.nearest))]
    Unknown {
        /// "CPU" or "feature".
        what: &'static str,
        /// What was written.
        name: String,
        /// The most alike that exists.
        nearest: Option<&'static str>,
    },
    /// Every x86-64 CPU has it.
    #[error("every x86-64 CPU has {0}: it cannot be hidden")]
    Baseline(&'static str),
    /// A feature without a sign.
    #[error("write +{0} or -{0}")]
    Sign(String),
}

fn hint(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |n| format!(": did you mean {n}?"))
}

/// How many letters to insert, remove or replace to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = before + usize::from(x != y);
            before = row[j + 1];
            row[j + 1] = replaced.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn nearest(name: &str, all: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let by_distance = all.map(|n| (distance(name, n), n));
    let (d, n) = by_distance.min()?;
    (d <= 2).then_some(n)
}

/// The position of a feature in the table.
fn position(name: &str) -> Option<usize> {
    let known = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = known.map_or(name, |(_, n)| n);
    FEATURES.iter().position(|f| f.name == name)
}

fn names() -> impl Iterator<Item = &'static str> {
    let features = FEATURES.iter().map(|f| f.name);
    features.chain(ALIASES.iter().map(|(alias, _)| *alias))
}

fn bits(names: &[&str]) -> u64 {
    let bit = |name: &&str| position(name).map_or(0, |n| 1 << n);
    names.iter().map(bit).fold(0, |a, b| a | b)
}

impl Cpu {
    /// All that felix implements.
    pub const MAX: Cpu = Cpu { hidden: 0 };

    /// What programs run best on; `sha`: the host has instructions for SHA-256.
    #[must_use]
    pub fn usual(sha: bool) -> Cpu {
        Cpu {
            hidden: if sha { 0 } else { bits(COSTLY) },
        }
    }

    /// Reads `max`, a level (`x86-64`, `x86-64-v2`, `x86-64-v3`), or neither for `usual`; then features with
    /// `+` or `-`; separated by commas.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, usual: Cpu) -> Result<Cpu, CpuError> {
        let mut cpu = usual;
        for (i, part) in text.split(',').map(str::trim).enumerate() {
            let Some(sign) = part.chars().next().filter(|c| matches!(c, '+' | '-')) else {
                if i > 0 || position(part).is_some() {
                    return Err(CpuError::Sign(part.to_owned()));
                }
                if part == "max" {
                    cpu = Cpu::MAX;
                    continue;
                }
                let Some(level) = LEVELS.iter().position(|(name, _)| *name == part) else {
                    let known = LEVELS.iter().map(|(name, _)| *name).chain(["max"]);
                    return Err(CpuError::Unknown {
                        what: "CPU",
                        name: part.to_owned(),
                        nearest: nearest(part, known),
                    });
                };
                let shown = LEVELS[..=level].iter().fold(0, |b, (_, f)| b | bits(f));
                cpu.hidden = !shown & ((1 << FEATURES.len()) - 1);
                continue;
            };
            let name = &part[1..];
            let Some(n) = position(name) else {
                return Err(CpuError::Unknown {
                    what: "feature",
                    name: name.to_owned(),
                    nearest: nearest(name, names()),
                });
            };
            if sign == '+' {
                cpu.hidden &= !(1 << n);
            } else if LEVELS[0].1.contains(&FEATURES[n].name) {
                return Err(CpuError::Baseline(FEATURES[n].name));
            } else {
                cpu.hidden |= 1 << n;
            }
        }
        Ok(cpu.consistent())
    }

    /// Hides what builds on something hidden.
    fn consistent(mut self) -> Cpu {
        loop {
            let without = BUILDS_ON.iter().filter(|(_, base)| {
                let base = position(base);
                base.is_none_or(|n| self.hidden >> n & 1 != 0)
            });
            let more = without.fold(self.hidden, |h, (name, _)| h | bits(&[name]));
            if more == self.hidden {
                return self;
            }
            self.hidden = more;
        }
    }

    /// Makes this what the process's guest is shown.
    pub fn show(self) {
        HIDDEN.store(self.hidden, Ordering::Relaxed);
    }
}

/// True if the guest is shown row `n` of `FEATURES`.
#[must_use]
pub fn shows(n: usize) -> bool {
    HIDDEN.load(Ordering::Relaxed) >> n & 1 == 0
}

/// The features shown, in the names of /proc/cpuinfo.
impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = FEATURES.iter().enumerate();
        let shown = shown.filter(|(n, _)| self.hidden >> n & 1 == 0);
        let names: Vec<_> = shown.map(|(_, feature)| feature.name).collect();
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Cpu::parse(text, Cpu::usual(false)).unwrap().to_string()
    }

    #[test]
    fn levels_show_what_the_psabi_says() {
        assert!(!shown("x86-64").contains("pni"));
        let v2 = shown("x86-64-v2");
        assert!(v2.contains("sse4_2") && !v2.contains("bmi1"), "{v2}");
        assert!(shown("x86-64-v3").contains("bmi2"));
        assert_eq!(shown("max"), Cpu::MAX.to_string());
        assert!(!Cpu::usual(false).to_string().contains("sha_ni"));
        assert_eq!(Cpu::usual(true), Cpu::MAX);
        assert_eq!(shown("+sha"), shown("max"));
    }

    #[test]
    fn what_builds_on_a_hidden_feature_is_hidden() {
        let cpu = shown("-ssse3");
        assert!(cpu.contains("pni") && !cpu.contains("sse4_"), "{cpu}");
        assert_eq!(shown("x86-64,+ssse3"), shown("x86-64"), "it needs SSE3");
        assert!(shown("x86-64,+sse3,+ssse3").contains("ssse3"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| Cpu::parse(text, Cpu::MAX).unwrap_err().to_string();
        assert_eq!(
            error("x86-64-v9"),
            "there is no CPU x86-64-v9: did you mean x86-64-v2?"
        );
        assert_eq!(
            error("-sse4.2"),
            "there is no feature sse4.2: did you mean sse4_2?"
        );
        assert_eq!(
            error("-sse2"),
            "every x86-64 CPU has sse2: it cannot be hidden"
        );
        assert_eq!(error("popcnt"), "write +popcnt or -popcnt");
        assert_eq!(error("-nonsense"), "there is no feature nonsense");
    }
}
