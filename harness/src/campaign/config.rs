//! What makes a campaign the campaign it is: with the same configuration, a lane's rounds are the same.

use crate::generate::Generator;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The number of the files' form. A change of the form, or of how cases are drawn, is a new one.
const FORMAT: u32 = 1;

/// See the module's head.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    format: u32,
    /// Where the random numbers start.
    pub seed: u64,
    /// Engines that are tested.
    pub engines: Vec<String>,
    /// Oracles that are asked.
    pub oracles: Vec<String>,
    /// The longest sequence.
    pub length: usize,
    /// Lanes of all shards together.
    pub lanes: u32,
    /// Cases in a round.
    pub round: u64,
    /// The CPU of translated code, as qemu names it.
    pub cpu: Option<String>,
    /// The instructions: a number that changes with the table.
    pub table: String,
    /// The edges that guide it, if any do: a number that changes with the program.
    #[serde(default)]
    pub edges: Option<String>,
    /// Which lanes are here.
    pub shards: Shards,
}

impl Config {
    /// A configuration of this program's instruction table.
    #[must_use]
    pub fn new(seed: u64, engines: Vec<String>, oracles: Vec<String>, shards: Shards) -> Config {
        let mut config = Config {
            format: FORMAT,
            seed,
            engines,
            oracles,
            length: 32,
            lanes: 64,
            round: 1024,
            cpu: None,
            table: String::new(),
            edges: None,
            shards,
        };
        if config.translates() {
            config.cpu = Some(std::env::var("QEMU_CPU").unwrap_or_else(|_| "max".into()));
        }
        config.table = crate::coverage::Universe::new(config.generator().codes()).fingerprint();
        config
    }

    /// Whether an engine runs translated code.
    #[must_use]
    pub fn translates(&self) -> bool {
        self.engines.iter().any(|e| e == "jit" || e == "baseline")
    }

    /// What generates its cases.
    #[must_use]
    pub fn generator(&self) -> Generator {
        Generator::new(&[], self.length, self.translates())
    }

    /// The lanes of its shards.
    pub fn own_lanes(&self) -> impl Iterator<Item = u32> + '_ {
        let shards = &self.shards;
        (0..self.lanes).filter(|l| shards.have.contains(&(l % shards.of + 1)))
    }

    /// The rounds of every lane that make at least so many cases in all lanes of all shards.
    #[must_use]
    pub fn rounds_for(&self, cases: u64) -> u64 {
        cases.div_ceil(u64::from(self.lanes) * self.round)
    }

    /// The cases of this shard when the whole campaign is to have `cases`.
    #[must_use]
    pub fn cases_of(&self, cases: u64) -> u64 {
        self.rounds_for(cases) * self.round * self.own_lanes().count() as u64
    }

    /// How this and another configuration differ, as a part of a sentence; none: they do not. What is
    /// `here` and what is not is said in these words.
    #[must_use]
    pub fn difference(&self, here: &str, other: &Config, there: &str) -> Option<String> {
        self.contradiction(here, other, there)
            .or_else(|| say("the shard", &self.shards, here, &other.shards, there))
    }

    /// The same, for shards of one campaign.
    #[must_use]
    pub fn contradiction(&self, here: &str, other: &Config, there: &str) -> Option<String> {
        let number = |what: &str, a: u64, b: u64| say(what, &a, here, &b, there);
        let none = || "none".to_owned();
        let cpu = |c: &Config| c.cpu.clone().unwrap_or_else(none);
        let edges = |c: &Config| c.edges.clone().unwrap_or_else(none);
        if self.format != other.format {
            return number("the format", self.format.into(), other.format.into());
        }
        number("the seed", self.seed, other.seed)
            .or_else(|| list("the engines", &self.engines, here, &other.engines, there))
            .or_else(|| list("the oracles", &self.oracles, here, &other.oracles, there))
            .or_else(|| say("QEMU_CPU", &cpu(self), here, &cpu(other), there))
            .or_else(|| number("the length", self.length as u64, other.length as u64))
            .or_else(|| number("the number of lanes", self.lanes.into(), other.lanes.into()))
            .or_else(|| number("the round", self.round, other.round))
            .or_else(|| {
                (self.shards.of != other.shards.of
                    && !self.shards.is_all()
                    && !other.shards.is_all())
                .then(|| {
                    say(
                        "the number of shards",
                        &self.shards,
                        here,
                        &other.shards,
                        there,
                    )
                })
                .flatten()
            })
            .or_else(|| {
                let what = "the instruction table (by its fingerprint)";
                say(what, &self.table, here, &other.table, there)
            })
            .or_else(|| {
                let what = "the program whose edges guide it (by its fingerprint)";
                say(what, &edges(self), here, &edges(other), there)
            })
    }
}

fn say<T: PartialEq + fmt::Display>(
    what: &str,
    a: &T,
    here: &str,
    b: &T,
    there: &str,
) -> Option<String> {
    (a != b).then(|| format!("{what} is {a} {here} and {b} {there}"))
}

fn list(what: &str, a: &[String], here: &str, b: &[String], there: &str) -> Option<String> {
    let text = |l: &[String]| l.join(",");
    (a != b).then(|| format!("{what} are {} {here} and {} {there}", text(a), text(b)))
}

/// Shards of a campaign: `2/4`, and `1+3/4` where shards have been merged. All of them are `1/1`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shards {
    /// How many there are.
    pub of: u32,
    /// Which these are, from 1.
    pub have: BTreeSet<u32>,
}

impl Shards {
    /// The whole campaign.
    #[must_use]
    pub fn all() -> Shards {
        Shards {
            of: 1,
            have: BTreeSet::from([1]),
        }
    }

    /// Whether it is the whole campaign.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.of == 1
    }

    /// These and others, of which there are as many in all; nothing if some are in both.
    #[must_use]
    pub fn join(&self, other: &Shards) -> Option<Shards> {
        if self.of != other.of || !self.have.is_disjoint(&other.have) {
            return None;
        }
        let have: BTreeSet<u32> = self.have.union(&other.have).copied().collect();
        Some(if have.len() == self.of as usize {
            Shards::all()
        } else {
            Shards { of: self.of, have }
        })
    }
}

impl fmt::Display for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let have: Vec<String> = self.have.iter().map(u32::to_string).collect();
        write!(f, "{}/{}", have.join("+"), self.of)
    }
}

impl FromStr for Shards {
    type Err = anyhow::Error;

    fn from_str(s: &str) -> Result<Shards> {
        let form = "a shard is I/N, for example 2/4: the second of four";
        let (have, of) = s.split_once('/').context(form)?;
        let of: u32 = of.parse().context(form)?;
        let have = have.split('+').map(str::parse);
        let have: BTreeSet<u32> = have.collect::<Result<_, _>>().context(form)?;
        ensure!(
            have.iter().all(|i| (1..=of).contains(i)),
            "no shard {s}: they are numbered from 1 to {of}"
        );
        let shards = Shards { of, have };
        Ok(match shards.have.len() == of as usize {
            true => Shards::all(),
            false => shards,
        })
    }
}

impl Serialize for Shards {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Shards {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Shards, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A time as people write it: `8h`, `90m`, `1h30m`, `20s`.
///
/// # Errors
/// If it is no such text.
pub fn parse_time(text: &str) -> Result<std::time::Duration> {
    let mut seconds = 0u64;
    let mut number = String::new();
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            'd' => 86400,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => bail!("not a time: {text}; write for example 8h, 1h30m or 20s"),
        };
        let n: u64 = number
            .parse()
            .with_context(|| format!("not a time: {text}"))?;
        number.clear();
        seconds += n.saturating_mul(unit);
    }
    ensure!(
        number.is_empty() && seconds > 0,
        "not a time: {text}; write for example 8h, 1h30m or 20s"
    );
    Ok(std::time::Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shards_together_are_the_campaign() {
        let one: Shards = "1/3".parse().unwrap();
        let rest = "2/3"
            .parse::<Shards>()
            .unwrap()
            .join(&"3/3".parse().unwrap());
        let rest = rest.unwrap();
        assert_eq!(rest.to_string(), "2+3/3");
        assert_eq!(rest.join(&one), Some(Shards::all()));
        assert_eq!(rest.join(&"3/3".parse().unwrap()), None);
        assert!("0/3".parse::<Shards>().is_err() && "4/3".parse::<Shards>().is_err());
    }

    #[test]
    fn each_lane_is_in_one_shard() {
        let lanes = |s: &str| {
            let shards = s.parse().unwrap();
            let c = Config::new(1, vec!["interp".into()], Vec::new(), shards);
            c.own_lanes().collect::<Vec<_>>()
        };
        let mut all: Vec<u32> = [lanes("1/3"), lanes("2/3"), lanes("3/3")].concat();
        all.sort_unstable();
        assert_eq!(all, lanes("1/1"));
    }

    #[test]
    fn times_are_read() {
        assert_eq!(parse_time("1h30m").unwrap().as_secs(), 5400);
        assert_eq!(parse_time("20s").unwrap().as_secs(), 20);
        assert!(parse_time("8").is_err() && parse_time("h").is_err() && parse_time("").is_err());
    }
}
