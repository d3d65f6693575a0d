//! Branch edges of felix's translator (`src/lift`, `src/opt`, `src/lower`): which of them a case reaches.
//!
//! They are counted by a harness that `ci/edges.sh` built. A case is translated once more for that, for one
//! of `HOSTS`, so what it reaches depends on the case alone. Knows no engine. Edges are numbered as in the
//! program's table; numbers of another build mean nothing, which `Edges::fingerprint` tells.

use crate::compare::instructions;
use crate::coverage::fingerprint;
use crate::sys::edges::{addresses, clear, counters};
use addr2line::Loader;
use anyhow::{Context, Result, ensure};
use felix::exec::jit::JitEngine;
use felix::lower::FpMode;
use felix::replay::{Case, CaseCode};
use felix::rv64::HostIsa;
use felix::x86::GuestAddr;
use std::collections::BTreeMap;
use std::env::current_exe;
use std::sync::atomic::Ordering;

/// What cases are translated for: what takes other ways in `src/lower`.
const HOSTS: [&str; 4] = [
    "gc",
    "gc,zba,zbb,zbs,zbc,v128",
    "gc,zba,zbb,zbs,v256",
    "gc,zba,zbb,zbc,zbs,zicond,zacas,zabha,zfa,zfhmin,ztso,zvbb,zvbc,zvkned,zvknhb,zvfhmin,v128",
];

/// The folders whose edges count.
const FOLDERS: [&str; 3] = ["src/lift/", "src/opt/", "src/lower/"];

/// See the module's head.
pub struct Edges {
    /// Places of counters.
    places: Vec<usize>,
    hosts: Vec<HostIsa>,
    /// The source of each: file and line.
    pub lines: Vec<(String, u32)>,
}

impl Edges {
    /// Those of this program.
    ///
    /// # Errors
    /// If it was built without.
    pub fn new() -> Result<Edges> {
        let addresses = addresses();
        ensure!(
            !addresses.is_empty() && addresses.len() == counters().len(),
            "this harness counts no edges: build one by ci/edges.sh, which prints where it is"
        );
        let exe = current_exe().context("finding this program")?;
        let debug = Loader::new(&exe)
            .map_err(|e| anyhow::anyhow!("{}: debug information: {e}", exe.display()))?;
        let mut edges = Edges {
            places: Vec::new(),
            hosts: Vec::new(),
            lines: Vec::new(),
        };
        for (place, address) in addresses.iter().enumerate() {
            let Some(source) = source(&debug, *address) else {
                continue;
            };
            edges.places.push(place);
            edges.lines.push(source);
        }
        for host in HOSTS {
            edges.hosts.push(host.parse().map_err(anyhow::Error::msg)?);
        }
        Ok(edges)
    }

    /// A number that another build has not.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let both = self.places.iter().zip(&self.lines);
        fingerprint(both.map(|(place, (file, line))| format!("{place} {file} {line} ")))
    }

    /// The edges on the way from a case to its translation, on the `host`th of the hosts.
    pub fn reached(&self, case: &Case, host: u64) -> Vec<usize> {
        let host = usize::try_from(host % self.hosts.len() as u64).unwrap_or(0);
        let (mode, at) = (FpMode::of(case.before.mxcsr), GuestAddr(case.before.rip.0));
        clear();
        let (code, isa) = (CaseCode::of(case), self.hosts[host]);
        // What cannot be translated has a way to that, too.
        let _ = JitEngine::translate(&code, isa, mode, at);
        let addresses = instructions(case).map(|i| i.ip());
        JitEngine::translate_plainly(&code, isa, addresses);
        let counters = counters();
        let taken = |place: &usize| counters[*place].load(Ordering::Relaxed) != 0;
        let places = self.places.iter().enumerate();
        places.filter(|(_, p)| taken(p)).map(|(i, _)| i).collect()
    }
}

/// The line of an address; of what was put inline there, the innermost in `FOLDERS`.
fn source(debug: &Loader, address: u64) -> Option<(String, u32)> {
    let mut frames = debug.find_frames(address).ok()?;
    while let Ok(Some(frame)) = frames.next() {
        let line = frame.location.and_then(|l| Some((l.file?, l.line?)));
        let found = line.and_then(|(file, line)| {
            let at = FOLDERS.iter().find_map(|f| file.find(f))?;
            Some((file[at..].to_owned(), line))
        });
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Of each file the lines that have edges, how many, and how many of them were reached.
#[must_use]
pub fn by_file(lines: &[(String, u32)], seen: &Seen) -> BTreeMap<String, BTreeMap<u32, [u32; 2]>> {
    let mut files: BTreeMap<String, BTreeMap<u32, [u32; 2]>> = BTreeMap::new();
    for (i, (file, line)) in lines.iter().enumerate() {
        let here = files.entry(file.clone()).or_default().entry(*line);
        let [all, reached] = here.or_default();
        *all += 1;
        *reached += u32::from(seen.has(i));
    }
    files
}

/// A set of edges.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Seen(Vec<u64>);

impl Seen {
    /// Whether an edge is in it.
    #[must_use]
    pub fn has(&self, edge: usize) -> bool {
        self.0
            .get(edge / 64)
            .is_some_and(|w| w >> (edge % 64) & 1 != 0)
    }

    /// Adds an edge; true if it is new.
    pub fn add(&mut self, edge: usize) -> bool {
        let new = !self.has(edge);
        if self.0.len() <= edge / 64 {
            self.0.resize(edge / 64 + 1, 0);
        }
        self.0[edge / 64] |= 1 << (edge % 64);
        new
    }

    /// Adds the edges of another set.
    pub fn merge(&mut self, other: &Seen) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    /// How many edges are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|w| w.count_ones() as usize).sum()
    }
}

/// As text: words in hexadecimal.
impl serde::Serialize for Seen {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let words: Vec<String> = self.0.iter().map(|w| format!("{w:x}")).collect();
        s.serialize_str(&words.join(" "))
    }
}

impl<'de> serde::Deserialize<'de> for Seen {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Seen, D::Error> {
        let text = String::deserialize(d)?;
        let words = text.split_whitespace().map(|w| u64::from_str_radix(w, 16));
        words
            .collect::<Result<_, _>>()
            .map(Seen)
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let mut seen = Seen::default();
        for edge in [0, 63, 64, 1000] {
            assert!(seen.add(edge) && !seen.add(edge));
        }
        let text = serde_json::to_string(&seen).unwrap();
        let again: Seen = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (again.len(), again.has(63), again.has(65)),
            (4, true, false)
        );
        assert_eq!(again, seen);
    }

    #[test]
    fn files_say_what_was_not_reached() {
        let at = |line| ("src/opt/a.rs".to_owned(), line);
        let mut seen = Seen::default();
        seen.add(1);
        let files = by_file(&[at(7), at(7), at(9)], &seen);
        let lines: Vec<_> = files["src/opt/a.rs"].iter().collect();
        assert_eq!(lines, [(&7, &[2, 1]), (&9, &[1, 0])]);
    }
}
