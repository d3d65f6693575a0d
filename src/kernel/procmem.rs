//! The files of /proc/PID that tell about memory (proc(5)): smaps, smaps_rollup, statm, and the fields of stat and status.
//!
//! What is mapped where is what `mem::space` says, as the text of maps; how much of it is in memory is what the host says.
//! A mapping of the host that is several of the guest's, which differ only in what the host is not told, shares its
//! numbers among them by size.

use super::process::Layout;
use crate::mem::space::PAGE;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::ops::Range;

/// A line of maps.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mapping<'a> {
    start: u64,
    end: u64,
    line: &'a str,
}

impl<'a> Mapping<'a> {
    /// The mapping a line begins with, if it does.
    fn of(line: &'a str) -> Option<Mapping<'a>> {
        let (start, rest) = line.split_once('-')?;
        let end = rest.split_once(' ')?.0;
        let hex = |t| u64::from_str_radix(t, 16).ok();
        Some(Mapping {
            start: hex(start)?,
            end: hex(end)?,
            line,
        })
    }

    fn has(&self, right: char) -> bool {
        let rights = self.line.split_ascii_whitespace().nth(1);
        rights.is_some_and(|r| r.contains(right))
    }

    fn name(&self) -> &str {
        self.line.get(73..).unwrap_or("")
    }

    fn bytes(&self) -> u64 {
        self.end - self.start
    }
}

/// What smaps says of a mapping: names and values, in order.
type Fields<'a> = Vec<(&'a str, &'a str)>;

fn kilobytes(value: &str) -> Option<u64> {
    value.trim().strip_suffix(" kB")?.parse().ok()
}

/// A name and a number, which ends in one column whatever the name.
fn field(name: &str, value: impl Display) -> String {
    const COLUMN: usize = 24;
    let room = COLUMN.saturating_sub(name.len() + 1);
    format!("{name}:{value:>room$}")
}

/// /proc/PID/smaps for the guest's `maps` and the host's `smaps`.
#[must_use]
pub fn smaps(maps: &[u8], smaps: &[u8]) -> Vec<u8> {
    let (maps, smaps) = (
        String::from_utf8_lossy(maps),
        String::from_utf8_lossy(smaps),
    );
    let mut host: BTreeMap<u64, (u64, Fields<'_>)> = BTreeMap::new();
    let mut last = 0;
    for line in smaps.lines() {
        if let Some(m) = Mapping::of(line) {
            last = m.start;
            host.insert(m.start, (m.end, Fields::new()));
        } else if let (Some((name, value)), Some((_, fields))) =
            (line.split_once(':'), host.get_mut(&last))
        {
            fields.push((name, value.trim()));
        }
    }
    let mut out = String::new();
    let none = Fields::new();
    for m in maps.lines().filter_map(Mapping::of) {
        let _ = writeln!(out, "{}", m.line);
        let before = host
            .range(..=m.start)
            .next_back()
            .map_or(m.start, |(s, _)| *s);
        let parts: Vec<_> = (host.range(before..m.end))
            .filter(|(_, (end, _))| *end > m.start)
            .collect();
        // What the host has not has nothing in memory.
        let names = match parts.first() {
            Some((_, (_, names))) => names,
            None => host.values().next().map_or(&none, |(_, names)| names),
        };
        for (n, (name, value)) in names.iter().enumerate() {
            let _ = match (*name, kilobytes(value)) {
                ("Size", _) => writeln!(out, "{} kB", field(name, m.bytes() / 1024)),
                ("VmFlags", _) => {
                    let host = if parts.is_empty() { "" } else { value };
                    writeln!(out, "VmFlags: {}", flags(&m, host))
                }
                ("KernelPageSize" | "MMUPageSize", Some(kb)) => {
                    writeln!(out, "{} kB", field(name, kb))
                }
                (_, None) => writeln!(out, "{}", field(name, value)),
                (_, Some(_)) => {
                    let all = parts.iter().map(|(start, (end, fields))| {
                        let shared = (*end).min(m.end) - (**start).max(m.start);
                        let value = fields.get(n).and_then(|f| kilobytes(f.1)).unwrap_or(0);
                        value * 1024 / (*end - **start).max(1) * shared / 1024
                            + value * 1024 % (*end - **start).max(1) * shared
                                / (*end - **start).max(1)
                                / 1024
                    });
                    writeln!(out, "{} kB", field(name, all.sum::<u64>()))
                }
            };
        }
    }
    out.into_bytes()
}

/// What the host says of a stretch of memory that decides whether it is dumped.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Detail {
    /// Some of it is in memory or swapped out.
    pub resident: bool,
    /// Some of it is the process's own, also where a file is mapped.
    pub anonymous: bool,
    /// MADV_DONTDUMP.
    pub dont_dump: bool,
}

/// The host's smaps, to be asked about.
#[derive(Debug)]
pub struct Details(BTreeMap<u64, (u64, Detail)>);

impl Details {
    /// Of this text.
    #[must_use]
    pub fn new(smaps: &[u8]) -> Details {
        let text = String::from_utf8_lossy(smaps);
        let mut found = BTreeMap::new();
        let mut last = 0;
        for line in text.lines() {
            if let Some(m) = Mapping::of(line) {
                last = m.start;
                found.insert(m.start, (m.end, Detail::default()));
            } else if let (Some((name, value)), Some((_, d))) =
                (line.split_once(':'), found.get_mut(&last))
            {
                let some = kilobytes(value).is_some_and(|kb| kb != 0);
                match name {
                    "Rss" => d.resident |= some,
                    "Anonymous" => d.anonymous |= some,
                    // What is swapped out is the process's own.
                    "Swap" => (d.resident, d.anonymous) = (d.resident | some, d.anonymous | some),
                    "VmFlags" => d.dont_dump = value.split_ascii_whitespace().any(|f| f == "dd"),
                    _ => {}
                }
            }
        }
        Details(found)
    }

    /// What is said of a range; `None` if nothing is.
    #[must_use]
    pub fn of(&self, range: &Range<u64>) -> Option<Detail> {
        let first = self.0.range(..=range.start).next_back();
        let first = first.map_or(range.start, |(s, _)| *s);
        let parts = self.0.range(first..range.end);
        let parts = parts.filter(|(_, (end, _))| *end > range.start);
        parts.map(|(_, (_, d))| *d).reduce(|a, b| Detail {
            resident: a.resident | b.resident,
            anonymous: a.anonymous | b.anonymous,
            dont_dump: a.dont_dump & b.dont_dump,
        })
    }
}

/// The host's flags of a mapping with the guest's rights.
fn flags(m: &Mapping<'_>, host: &str) -> String {
    let mut out = String::new();
    for (right, flag) in [('r', "rd "), ('w', "wr "), ('x', "ex ")] {
        if m.has(right) {
            out += flag;
        }
    }
    let others = host.split_ascii_whitespace();
    for flag in others.filter(|f| !matches!(*f, "rd" | "wr" | "ex")) {
        out += flag;
        out.push(' ');
    }
    out
}

/// /proc/PID/smaps_rollup: the sum of the guest's `smaps`, with the fields the host's `rollup` has.
#[must_use]
pub fn rollup(smaps: &[u8], rollup: &[u8]) -> Vec<u8> {
    let (smaps, rollup) = (
        String::from_utf8_lossy(smaps),
        String::from_utf8_lossy(rollup),
    );
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut first, mut end, mut file, mut shared) = (None, 0, false, false);
    let mut anonymous = 0;
    for line in smaps.lines() {
        if let Some(m) = Mapping::of(line) {
            first = first.or(Some(m.start));
            (end, file, shared) = (m.end, m.name().starts_with('/'), m.has('s'));
        } else if let Some((name, Some(kb))) = line.split_once(':').map(|(n, v)| (n, kilobytes(v)))
        {
            *sums.entry(name).or_default() += kb;
            match name {
                "Pss" => anonymous = kb,
                // What a mapping of a file has of its own is no longer the file's.
                "Anonymous" => {
                    let own = kb.min(anonymous);
                    *sums.entry("Pss_Anon").or_default() += own;
                    let rest = if shared && !file {
                        "Pss_Shmem"
                    } else {
                        "Pss_File"
                    };
                    *sums.entry(rest).or_default() += anonymous - own;
                }
                _ => {}
            }
        }
    }
    let mut line = format!(
        "{:08x}-{end:08x} ---p 00000000 00:00 0 ",
        first.unwrap_or(0)
    );
    while line.len() < 73 {
        line.push(' ');
    }
    let mut out = line + "[rollup]\n";
    for line in rollup.lines().skip(1) {
        if let Some((name, _)) = line.split_once(':') {
            let kb = sums.get(name).copied().unwrap_or(0);
            let _ = writeln!(out, "{} kB", field(name, kb));
        }
    }
    out.into_bytes()
}

/// How much is mapped of what, in pages (struct mm_struct's total_vm, data_vm, stack_vm, exec_vm), and the program's code.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sizes {
    total: u64,
    data: u64,
    stack: u64,
    exec: u64,
    text: u64,
}

impl Sizes {
    /// Those of the guest's `maps`.
    #[must_use]
    pub fn of(maps: &[u8], layout: &Layout) -> Sizes {
        let mut s = Sizes {
            text: (layout.code.end.next_multiple_of(PAGE) - layout.code.start / PAGE * PAGE) / PAGE,
            ..Sizes::default()
        };
        for m in String::from_utf8_lossy(maps)
            .lines()
            .filter_map(Mapping::of)
        {
            let pages = m.bytes() / PAGE;
            s.total += pages;
            if m.name() == "[stack]" {
                s.stack += pages;
            } else if m.has('x') && !m.has('w') {
                s.exec += pages;
            } else if m.has('w') && m.has('p') {
                s.data += pages;
            }
        }
        s
    }

    /// /proc/PID/statm, of which resident and shared are the host's.
    #[must_use]
    pub fn statm(&self, host: &[u8]) -> Vec<u8> {
        let host = String::from_utf8_lossy(host);
        let mut fields: Vec<u64> = host
            .split_ascii_whitespace()
            .map(|f| f.parse().unwrap_or(0))
            .collect();
        fields.resize(7, 0);
        let [_, resident, shared, ..] = fields[..] else {
            return Vec::new();
        };
        let resident = resident.min(self.total);
        format!(
            "{} {resident} {} {} 0 {} 0\n",
            self.total,
            shared.min(resident),
            self.text,
            self.data + self.stack
        )
        .into_bytes()
    }

    /// The value of a field of /proc/PID/status, in kB.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<u64> {
        let pages = match name {
            "VmPeak" | "VmSize" => self.total,
            "VmData" => self.data,
            "VmStk" => self.stack,
            "VmExe" => self.text,
            "VmLib" => self.exec.saturating_sub(self.text),
            _ => return None,
        };
        Some(pages * (PAGE / 1024))
    }
}

/// What /proc/PID/stat tells of signals: pending, blocked, ignored and caught ones.
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs)] // proc(5)'s words.
pub struct Signals {
    pub pending: u64,
    pub blocked: u64,
    pub ignored: u64,
    pub caught: u64,
}

/// /proc/PID/stat: the host's with the guest's memory and signals, with `threads` if that is known. Field
/// numbers are proc(5)'s.
#[must_use]
pub fn stat(
    host: &[u8],
    sizes: &Sizes,
    layout: &Layout,
    signals: &Signals,
    threads: Option<usize>,
) -> Vec<u8> {
    let text = String::from_utf8_lossy(host);
    let Some((name, rest)) = text.rsplit_once(") ") else {
        return host.to_vec();
    };
    // The first is field 3.
    let mut fields: Vec<String> = rest.split_ascii_whitespace().map(str::to_owned).collect();
    // Only the lowest 31 signals have ever been told.
    let low = |set: u64| set & 0x7fff_ffff;
    let changes = [
        (23, sizes.total * PAGE),
        (26, layout.code.start),
        (27, layout.code.end),
        (28, layout.stack),
        (29, 0),
        (30, 0),
        (31, low(signals.pending)),
        (32, low(signals.blocked)),
        (33, low(signals.ignored)),
        (34, low(signals.caught)),
        (45, layout.data.start),
        (46, layout.data.end),
        (47, layout.heap),
        (48, layout.arguments.start),
        (49, layout.arguments.end),
        (50, layout.environment.start),
        (51, layout.environment.end),
    ];
    for (n, v) in changes {
        if let Some(f) = fields.get_mut(n - 3) {
            // The host knows of signals, too.
            let known = if matches!(n, 31 | 32) {
                f.parse().unwrap_or(0)
            } else {
                0
            };
            *f = (v | known).to_string();
        }
    }
    if let (Some(field), Some(n)) = (fields.get_mut(20 - 3), threads) {
        *field = n.to_string();
    }
    format!("{name}) {}\n", fields.join(" ")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
00400000-00402000 r-xp 00000000 fe:00 7                                  /bin/x
00402000-00404000 rw-p 00002000 fe:00 7                                  /bin/x
7ff000000000-7ff000004000 rw-p 00000000 00:00 0                          [stack]
";

    #[test]
    fn a_mapping_of_the_host_is_shared_among_the_guests() {
        let host = "00400000-00404000 rw-p 00000000 fe:00 7 /bin/x\nSize: 16 kB\nRss: 8 kB\nTHPeligible: 0\n\
                    VmFlags: rd wr mr\n";
        let text = String::from_utf8(smaps(MAPS.as_bytes(), host.as_bytes())).unwrap();
        let lines: Vec<_> = text
            .lines()
            .map(|l| l.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines[1..5],
            [
                "Size: 8 kB",
                "Rss: 4 kB",
                "THPeligible: 0",
                "VmFlags: rd ex mr"
            ]
        );
        assert_eq!(lines[7], "Rss: 4 kB");
        let sum = rollup(text.as_bytes(), b"x\nRss: 99 kB\nPss: 0 kB\n");
        let sum = String::from_utf8(sum).unwrap();
        assert!(
            sum.starts_with("00400000-7ff000004000 ---p")
                && sum.contains("Rss:                   8 kB"),
            "{sum}"
        );
    }

    #[test]
    fn numbers_are_where_linux_has_them() {
        let host = "00400000-00404000 rw-p 00000000 fe:00 7 /bin/x\nSize: 16 kB\nKernelPageSize: 4 kB\nRss: 8 kB\nPrivate_Hugetlb: 0 kB\nTHPeligible: 0\n";
        let text = String::from_utf8(smaps(MAPS.as_bytes(), host.as_bytes())).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[1..6],
            [
                "Size:                  8 kB",
                "KernelPageSize:        4 kB",
                "Rss:                   4 kB",
                "Private_Hugetlb:       0 kB",
                "THPeligible:           0"
            ]
        );
    }

    #[test]
    fn details_are_those_of_all_that_overlaps() {
        let host = "00400000-00404000 rw-p 00000000 fe:00 7 /bin/x\nRss: 8 kB\nAnonymous: 0 kB\nVmFlags: rd dd\n\
                    00404000-00408000 rw-p 00000000 00:00 0\nRss: 0 kB\nSwap: 4 kB\nVmFlags: rd\n";
        let d = Details::new(host.as_bytes());
        let first = d.of(&(0x0040_1000..0x0040_2000)).unwrap();
        assert!(first.resident && !first.anonymous && first.dont_dump);
        let both = d.of(&(0x0040_3000..0x0040_5000)).unwrap();
        assert!(both.resident && both.anonymous && !both.dont_dump);
        assert_eq!(d.of(&(0x0040_8000..0x0040_9000)), None);
    }

    #[test]
    fn sizes_are_the_guests() {
        let layout = Layout {
            code: 0x400100..0x401100,
            ..Layout::default()
        };
        let sizes = Sizes::of(MAPS.as_bytes(), &layout);
        assert_eq!(sizes.statm(b"900 800 700 1 0 1 0\n"), b"8 8 8 2 0 6 0\n");
        assert_eq!(sizes.status("VmStk"), Some(16));
        let fields: Vec<String> = (3..=52).map(|n| n.to_string()).collect();
        let host = format!("1 (a) b) {}", fields.join(" "));
        let signals = Signals::default();
        let text = stat(host.as_bytes(), &sizes, &layout, &signals, Some(7));
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.starts_with("1 (a) b) 3 4 ")
                && text.contains(" 19 7 21 22 32768 24 25 4194560 4198656 0 "),
            "{text}"
        );
    }
}
