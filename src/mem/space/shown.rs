//! What is told of the map: to the guest as the text of /proc/PID/maps (proc(5)), to other processes of felix as a table.
//!
//! The table has what the host does not know of a mapping: the rest they read in the host's own maps.

use super::behind::{Behind, DELETED, host_names};
use super::{AddressSpace, Backing, EXEC, READ, Region, WRITE};
use crate::sys::image::{Entry, ShownMap};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// What an entry's lowest bits say besides READ, WRITE and EXEC.
mod bits {
    pub const SHARED: u64 = 8;
    pub const FILE: u64 = 16;
    /// One of `NAMES`, counted from 1.
    pub const NAME: u32 = 5;
}

const NAMES: [&str; 3] = ["[heap]", "[stack]", "[vdso]"];

/// The regions of a map, by start, and what others are shown of them.
#[derive(Debug, Default)]
pub(super) struct Regions {
    map: BTreeMap<u64, Region>,
    /// `None` for a map that is not the process's.
    shown: Option<ShownMap>,
}

impl Deref for Regions {
    type Target = BTreeMap<u64, Region>;

    fn deref(&self) -> &BTreeMap<u64, Region> {
        &self.map
    }
}

fn entry(start: u64, r: &Region) -> Entry {
    let name = match r.backing {
        Backing::Named(name) => NAMES.iter().position(|n| *n == name).map_or(0, |i| i + 1),
        _ => 0,
    };
    let mut says = u64::from(r.prot) | (name as u64) << bits::NAME;
    if r.shared {
        says |= bits::SHARED;
    }
    if matches!(r.backing, Backing::File { .. }) {
        says |= bits::FILE;
    }
    [start | says, r.end]
}

impl Regions {
    /// Nothing, of which others will be shown what it becomes.
    pub(super) const SHOWN: Regions = Regions {
        map: BTreeMap::new(),
        shown: Some(ShownMap::EMPTY),
    };

    pub(super) fn insert(&mut self, start: u64, region: Region) {
        if let Some(shown) = &mut self.shown {
            shown.insert(entry(start, &region));
        }
        self.map.insert(start, region);
    }

    pub(super) fn remove(&mut self, start: u64) -> Option<Region> {
        if let Some(shown) = &mut self.shown {
            shown.remove(start);
        }
        self.map.remove(&start)
    }

    /// Has the region with this start end elsewhere.
    pub(super) fn set_end(&mut self, start: u64, end: u64) {
        if let Some(region) = self.map.get_mut(&start) {
            region.end = end;
            if let Some(shown) = &mut self.shown {
                shown.insert(entry(start, region));
            }
        }
    }

    /// Takes all out.
    pub(super) fn take(&mut self) -> BTreeMap<u64, Region> {
        if let Some(shown) = &mut self.shown {
            shown.clear();
        }
        std::mem::take(&mut self.map)
    }
}

fn behind<'a>(host: &'a BTreeMap<u64, Behind<'a>>, start: u64) -> Option<(u64, &'a Behind<'a>)> {
    let (at, b) = host.range(..=start).next_back()?;
    (b.end > start).then_some((*at, b))
}

fn text<'a>(
    regions: impl Iterator<Item = (u64, &'a Region)>,
    host: &BTreeMap<u64, Behind<'_>>,
) -> Vec<u8> {
    let mut out = Vec::new();
    for (start, r) in regions {
        let bit = |b, c| if r.prot & b != 0 { c } else { '-' };
        let behind = behind(host, start).map(|(_, b)| b);
        let (major, minor, ino) = match r.backing {
            Backing::File { dev, ino, .. } => (dev.0, dev.1, ino),
            Backing::Anonymous if r.shared => behind.map_or((0, 0, 0), |b| b.id),
            _ => (0, 0, 0),
        };
        let offset = if ino != 0 { r.offset } else { 0 };
        let mut line = String::new();
        let _ = write!(
            line,
            "{start:08x}-{:08x} {}{}{}{} {offset:08x} {major:02x}:{minor:02x} {ino} ",
            r.end,
            bit(READ, 'r'),
            bit(WRITE, 'w'),
            bit(EXEC, 'x'),
            if r.shared { 's' } else { 'p' },
        );
        let deleted = behind.is_some_and(|b| b.name.ends_with(DELETED));
        let name: &[u8] = match &r.backing {
            Backing::Anonymous if r.shared => behind.map_or(b"", |b| b.name),
            Backing::Anonymous => b"",
            Backing::Named(n) => n.as_bytes(),
            Backing::File { path, .. } => path,
        };
        let is_file = matches!(r.backing, Backing::File { .. });
        let mark = if deleted && is_file && !name.ends_with(DELETED) {
            DELETED
        } else {
            b""
        };
        if !name.is_empty() {
            while line.len() < 73 {
                line.push(' ');
            }
        }
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(mark);
        out.push(b'\n');
    }
    out
}

impl AddressSpace {
    /// The text of /proc/PID/maps (proc(5)). The host's own tells which files are deleted by now, and what is behind
    /// shared anonymous memory.
    #[must_use]
    pub fn maps(&self, host: &[u8]) -> Vec<u8> {
        let host = host_names(host);
        text(self.lock().regions.iter().map(|(s, r)| (*s, r)), &host)
    }
}

/// The same of another process that felix runs, by what that shows and the host's text. `path` gives the guest's path of a file.
#[must_use]
pub fn maps_of(entries: &[Entry], host: &[u8], path: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let host = host_names(host);
    let region = |[first, end]: &Entry| -> (u64, Region) {
        let Range { start, end } = first & !0xfff..*end;
        let name = usize::try_from((first & 0xfff) >> bits::NAME).unwrap_or(0);
        let found = behind(&host, start);
        let named = name.checked_sub(1).and_then(|i| NAMES.get(i));
        let backing = match (named, found) {
            (Some(name), _) => Backing::Named(name),
            (None, Some((_, b))) if first & bits::FILE != 0 => Backing::File {
                path: path(b.name).map_or_else(|| Arc::from(b.name), Arc::from),
                dev: (b.id.0, b.id.1),
                ino: b.id.2,
            },
            _ => Backing::Anonymous,
        };
        let region = Region {
            end,
            prot: u32::try_from(first & 7).unwrap_or(0),
            shared: first & bits::SHARED != 0,
            backing,
            offset: found.map_or(0, |(at, b)| b.offset + (start - at)),
        };
        (start, region)
    };
    let regions: Vec<(u64, Region)> = entries.iter().map(region).collect();
    text(regions.iter().map(|(s, r)| (*s, r)), &host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_and_the_hosts_text_make_the_guests() {
        let host = "\
00400000-00402000 r--p 00001000 fe:01 7                                  /top/bin/x (deleted)
00402000-00403000 rw-s 00000000 00:01 9                                  /dev/zero (deleted)
00500000-00520000 rw-p 00000000 00:00 0 
";
        let region = |end, prot, shared, backing| Region {
            end,
            prot,
            shared,
            offset: if backing == Backing::Anonymous {
                0
            } else {
                0x2000
            },
            backing,
        };
        let file = Backing::File {
            path: Arc::from(&b"/bin/x"[..]),
            dev: (0xfe, 1),
            ino: 7,
        };
        let regions = [
            (0x40_1000, region(0x40_2000, READ | EXEC, false, file)),
            (
                0x40_2000,
                region(0x40_3000, READ | WRITE, true, Backing::Anonymous),
            ),
            (
                0x50_0000,
                region(0x52_0000, READ | WRITE, false, Backing::Named("[heap]")),
            ),
        ];
        let own = text(
            regions.iter().map(|(s, r)| (*s, r)),
            &host_names(host.as_bytes()),
        );
        let entries: Vec<Entry> = regions.iter().map(|(s, r)| entry(*s, r)).collect();
        let inside = |p: &[u8]| p.strip_prefix(b"/top").map(<[u8]>::to_vec);
        let other = maps_of(&entries, host.as_bytes(), inside);
        let other = String::from_utf8(other).unwrap();
        assert_eq!(other, String::from_utf8(own).unwrap());
        assert_eq!(
            other.lines().next(),
            Some(
                "00401000-00402000 r-xp 00002000 fe:01 7                                  /bin/x (deleted)"
            )
        );
    }
}
