//! /proc/PID/mountinfo, mounts and mountstats (proc_pid_mountinfo(5)) of a guest whose root is a directory in user space.
//!
//! To it the root is a mount, and so is each of what is shown inside. They are told as what the host says of the mounts they
//! lie on: fdinfo, statx(2) and name_to_handle_at(2) give the host's numbers, stat(2) its devices. What lies on one mount with
//! another has the next number that the host does not use: a number is one line's. Of the host's other mounts those are told
//! that are to be seen below.

use super::vfs::{Fs, Mount};
use crate::sys::{host, proc};
use std::os::fd::{AsRawFd, RawFd};

/// The files.
pub const FILES: [&[u8]; 3] = [b"mountinfo", b"mounts", b"mountstats"];

/// A line of mountinfo.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    id: u64,
    parent: u64,
    /// MAJOR:MINOR.
    device: Vec<u8>,
    /// What of the file system is mounted.
    root: Vec<u8>,
    /// Where, with spaces and the like in octal.
    point: Vec<u8>,
    /// The mount's options.
    options: Vec<u8>,
    kind: Vec<u8>,
    source: Vec<u8>,
    /// The file system's options.
    all_options: Vec<u8>,
}

/// One of the files, for who has this root.
pub fn file(fs: &Fs, name: &[u8]) -> Vec<u8> {
    let host = proc::read("self/mountinfo").unwrap_or_default();
    let identify = |fd| {
        let st = host::fstat(fd).map_or(0, |st| st.st_dev);
        let device = format!("{}:{}", libc::major(st), libc::minor(st));
        (proc::mount_of(fd).unwrap_or(0), device.into_bytes())
    };
    let lines = lines(&host, &fs.mounts(), identify, |path| fs.guest_path(path));
    let text = lines.iter().map(|l| match name {
        b"mountinfo" => l.mountinfo(),
        b"mounts" => l.mounts(),
        _ => l.mountstats(),
    });
    text.collect::<Vec<_>>().concat()
}

/// The lines; `identify` tells an object's mount, 0 if that is not known, and device, `seen` where a path of the host's is to be
/// seen.
fn lines(
    host: &[u8],
    mounts: &[Mount],
    identify: impl Fn(RawFd) -> (u64, Vec<u8>),
    seen: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Vec<Line> {
    let known: Vec<Line> = host.split(|b| *b == b'\n').filter_map(Line::of).collect();
    let mut unused = known.iter().map(|l| l.id).max().unwrap_or(0) + 1;
    let mut out: Vec<Line> = Vec::new();
    for mount in mounts {
        let (id, device) = identify(mount.fd.as_raw_fd());
        // A mount that the host does not list, of another namespace.
        let unlisted = || Line {
            id,
            parent: 0,
            device,
            root: b"/".to_vec(),
            point: Vec::new(),
            options: b"rw,relatime".to_vec(),
            kind: b"none".to_vec(),
            source: b"none".to_vec(),
            all_options: b"rw".to_vec(),
        };
        let mut line = (known.iter().find(|l| l.id == id).cloned()).unwrap_or_else(unlisted);
        if id == 0 || out.iter().any(|l| l.id == id) {
            line.id = unused;
            unused += 1;
        }
        if mount.read_only {
            line.make_read_only();
        }
        // Which part of the host's file system it is, is the host's.
        line.root = b"/".to_vec();
        line.point = escaped(&mount.point);
        out.push(line);
    }
    for mut line in known {
        let Some(point) = seen(&unescaped(&line.point)) else {
            continue;
        };
        let by = (mounts.iter()).filter(|m| m.point == point || is_below(&point, &m.point));
        let by = by.max_by_key(|m| m.point.len());
        if by.is_none_or(|m| m.point == point) || out.iter().any(|l| l.id == line.id) {
            continue;
        }
        if by.is_some_and(|m| m.read_only) {
            line.make_read_only();
        }
        line.point = escaped(&point);
        out.push(line);
    }
    // A mount's parent is what it is mounted on; the root's is nobody's.
    let points: Vec<(Vec<u8>, u64)> = out.iter().map(|l| (l.point.clone(), l.id)).collect();
    for line in &mut out {
        let above = (points.iter()).filter(|(point, _)| is_below(&line.point, point));
        let parent = above.max_by_key(|(point, _)| point.len());
        line.parent = parent.map_or(1, |(_, id)| *id);
    }
    out
}

fn is_below(path: &[u8], dir: &[u8]) -> bool {
    match dir {
        b"/" => path != b"/",
        _ => (path.strip_prefix(dir)).is_some_and(|rest| rest.first() == Some(&b'/')),
    }
}

/// As the kernel writes paths there: space, tab, newline, backslash and `#` in octal (mangle in fs/proc_namespace.c).
fn escaped(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for &b in path {
        match b {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' => {
                out.extend_from_slice(format!("\\{b:03o}").as_bytes());
            }
            _ => out.push(b),
        }
    }
    out
}

fn unescaped(path: &[u8]) -> Vec<u8> {
    let digit = |b: Option<&u8>| b.filter(|b| (b'0'..=b'7').contains(b)).map(|b| b - b'0');
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, more @ ..] = rest {
        let octal = [0, 1, 2].map(|n| digit(more.get(n)));
        (rest, _) = match (first, octal) {
            (b'\\', [Some(a @ 0..=3), Some(b), Some(c)]) => {
                (&more[3..], out.push(a << 6 | b << 3 | c))
            }
            _ => (more, out.push(*first)),
        };
    }
    out
}

impl Line {
    /// A line of the host's. Its parent is of no interest.
    fn of(text: &[u8]) -> Option<Line> {
        let words: Vec<&[u8]> = text.split(|b| *b == b' ').collect();
        let id = std::str::from_utf8(words.first()?).ok()?.parse().ok()?;
        let end = 6 + words.get(6..)?.iter().position(|w| *w == b"-")?;
        let word = |n: usize| words.get(n).map(|w| w.to_vec());
        Some(Line {
            id,
            parent: 0,
            device: word(2)?,
            root: word(3)?,
            point: word(4)?,
            options: word(5)?,
            kind: word(end + 1)?,
            source: word(end + 2)?,
            all_options: word(end + 3)?,
        })
    }

    fn make_read_only(&mut self) {
        if self.options.starts_with(b"rw") {
            self.options[1] = b'o';
        }
    }

    fn mountinfo(&self) -> Vec<u8> {
        let numbers = format!("{} {} ", self.id, self.parent).into_bytes();
        let words = [
            &[&numbers, &self.device[..]].concat(),
            &self.root[..],
            &self.point,
            &self.options,
            b"-",
            &self.kind,
            &self.source,
            &self.all_options,
        ];
        [&words.join(&b' ')[..], b"\n"].concat()
    }

    fn mounts(&self) -> Vec<u8> {
        // The file system's, but for rw or ro, which is the mount's (show_vfsmnt in fs/proc_namespace.c).
        let more = self.all_options.get(2..).unwrap_or_default();
        let words = [
            &self.source[..],
            &self.point,
            &self.kind,
            &[&self.options[..], more].concat(),
            b"0 0",
        ];
        [&words.join(&b' ')[..], b"\n"].concat()
    }

    fn mountstats(&self) -> Vec<u8> {
        let words = [
            &b"device"[..],
            &self.source,
            b"mounted on",
            &self.point,
            b"with fstype",
            &self.kind,
        ];
        [&words.join(&b' ')[..], b"\n"].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;
    use std::sync::Arc;

    const HOST: &[u8] = b"27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=continue\n\
        22 27 0:21 / /proc rw,nosuid - proc proc rw\n\
        24 27 0:6 / /dev rw,relatime master:2 propagate_from:3 - devtmpfs devtmpfs rw,size=8k,mode=755\n\
        25 24 0:7 / /dev/pts rw,nosuid - devpts devpts rw\n\
        26 27 8:1 /a /disk\\0402 rw - ext4 /dev/sda1 rw\n";

    fn mount(point: &[u8], read_only: bool, fd: &Arc<OwnedFd>) -> Mount {
        Mount {
            point: point.to_vec(),
            read_only,
            fd: fd.clone(),
        }
    }

    /// What is at each place is told by a descriptor: those of the test are of this many files.
    fn told(mounts: &[(&[u8], bool, u64)]) -> Vec<Line> {
        let fds: Vec<Arc<OwnedFd>> = (mounts.iter())
            .map(|_| Arc::new(OwnedFd::from(std::fs::File::open("/dev/null").unwrap())))
            .collect();
        let all: Vec<Mount> = (mounts.iter().zip(&fds))
            .map(|((point, ro, _), fd)| mount(point, *ro, fd))
            .collect();
        let identify = |fd| {
            let n = fds.iter().position(|f| f.as_raw_fd() == fd).unwrap();
            (mounts[n].2, b"9:9".to_vec())
        };
        // The guest sees the host's /dev, and its disk as /srv.
        lines(HOST, &all, identify, |path| match path {
            b"/" => Some(b"/srv".to_vec()),
            b"/disk 2" => Some(b"/srv/disk 2".to_vec()),
            _ => path.starts_with(b"/dev").then(|| path.to_vec()),
        })
    }

    fn text(lines: &[Line], one: impl Fn(&Line) -> Vec<u8>) -> String {
        String::from_utf8(lines.iter().flat_map(one).collect()).unwrap()
    }

    #[test]
    fn mounts_have_the_hosts_numbers_once_and_parents_in_the_root() {
        let lines = told(&[
            (b"/", false, 27),
            (b"/proc", false, 22),
            (b"/dev", false, 24),
            (b"/srv/a b", true, 27),
            (b"/srv/a b/c", false, 0),
            (b"/dev/shm", false, 99),
        ]);
        assert_eq!(
            text(&lines[..6], Line::mountinfo),
            "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,errors=continue\n\
             22 27 0:21 / /proc rw,nosuid - proc proc rw\n\
             24 27 0:6 / /dev rw,relatime - devtmpfs devtmpfs rw,size=8k,mode=755\n\
             28 27 254:0 / /srv/a\\040b ro,relatime - ext4 /dev/vda rw,errors=continue\n\
             29 28 9:9 / /srv/a\\040b/c rw,relatime - none none rw\n\
             99 24 9:9 / /dev/shm rw,relatime - none none rw\n"
        );
    }

    #[test]
    fn mounts_of_the_host_are_told_where_they_are_to_be_seen() {
        let lines = told(&[(b"/", false, 27), (b"/dev", false, 24), (b"/srv", true, 27)]);
        assert_eq!(
            text(&lines[3..], Line::mountinfo),
            "25 24 0:7 / /dev/pts rw,nosuid - devpts devpts rw\n\
             26 28 8:1 /a /srv/disk\\0402 ro - ext4 /dev/sda1 rw\n"
        );
        assert_eq!(unescaped(b"\\1\\0\\777\\134x\\"), b"\\1\\0\\777\\x\\");
        let covered = told(&[
            (b"/", false, 27),
            (b"/dev", false, 24),
            (b"/dev/pts", false, 24),
        ]);
        assert_eq!(covered.iter().filter(|l| l.point == b"/dev/pts").count(), 1);
    }

    #[test]
    fn mounts_and_mountstats_are_made_of_the_same_words() {
        let lines = told(&[(b"/", false, 27), (b"/dev", true, 24)]);
        assert_eq!(
            text(&lines[..2], Line::mounts),
            "/dev/vda / ext4 rw,relatime,errors=continue 0 0\n\
             devtmpfs /dev devtmpfs ro,relatime,size=8k,mode=755 0 0\n"
        );
        assert_eq!(
            text(&lines[..2], Line::mountstats),
            "device /dev/vda mounted on / with fstype ext4\n\
             device devtmpfs mounted on /dev with fstype devtmpfs\n"
        );
    }

    #[test]
    fn lines_that_are_none_are_none() {
        for wrong in [
            &b""[..],
            b"27",
            b"x 1 254:0 / / rw - a b c",
            b"27 1 254:0 / / rw ext4 a rw",
        ] {
            assert_eq!(Line::of(wrong), None);
        }
    }
}
