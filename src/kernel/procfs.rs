//! The files of /proc (proc(5)) that must tell the guest's story instead of felix's.

use super::process::{Exe, Layout, Peer, Process};
use super::procmem::{self, Details, Signals, Sizes};
use super::seccomp;
use super::strings;
use super::task::{Task, signal_number};
use super::vfs::{At, Fs, Last, is_own};
use super::{exec, fd, mountinfo};
use crate::mem::space::{maps_of, space};
use crate::sys::signal::{SYNC, bit};
use crate::sys::{Errno, host, image, proc};
use crate::x86::cpuid;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The names that can be special.
const NAMES: [&[u8]; 15] = [
    b"exe",
    b"maps",
    b"cmdline",
    b"environ",
    b"auxv",
    b"status",
    b"stat",
    b"statm",
    b"smaps",
    b"smaps_rollup",
    b"mountinfo",
    b"mounts",
    b"mountstats",
    b"cpuinfo",
    b"unix",
];

/// What /proc/PID/exe leads to.
#[derive(Clone, Debug)]
pub struct Link {
    /// What readlink(2) says: a guest path.
    pub path: Vec<u8>,
    /// The file itself, of this process, whatever has become of its name.
    file: Option<Arc<OwnedFd>>,
}

impl Link {
    fn own(fs: &Fs, exe: Exe) -> Link {
        // Who shares descriptors without memory may have closed it.
        let same = |f: &Arc<OwnedFd>| {
            host::fstat(f.as_raw_fd()).is_ok_and(|st| (st.st_dev, st.st_ino) == exe.id)
        };
        let file = exe.file.filter(same);
        let now = file
            .as_ref()
            .and_then(|f| host::fd_path(f.as_raw_fd()).ok());
        let path = now.and_then(|now| {
            let unnamed = now.starts_with(b"/memfd:");
            fs.guest_path(&now).or_else(|| unnamed.then_some(now))
        });
        Link {
            path: path.unwrap_or(exe.path),
            file,
        }
    }

    /// The file.
    pub fn follow(&self, fs: &Fs) -> Result<At, Errno> {
        match &self.file {
            Some(file) => At::behind(file.as_raw_fd()),
            None => fs.resolve(libc::AT_FDCWD, &self.path, Last::Follow),
        }
    }
}

/// What a path turns out to be.
#[derive(Clone, Debug)]
pub enum Special {
    /// /proc/PID/exe: a link to a program.
    Exe(Link),
    /// A file with this content.
    Content(Vec<u8>),
}

/// What `at` is, if that is /proc/PID/exe.
pub fn link(process: &Process, task: &Task, at: &At) -> Option<Link> {
    if !at.name.as_bytes().ends_with(b"exe") {
        return None;
    }
    match special(process, task, at) {
        Some(Special::Exe(link)) => Some(link),
        _ => None,
    }
}

/// The directory `at` names its object in, as a host path.
fn directory(at: &At) -> Option<(Vec<u8>, Vec<u8>)> {
    let path = at.name.as_bytes();
    let slash = path.iter().rposition(|b| *b == b'/');
    let name = slash.map_or(path, |s| &path[s + 1..]).to_vec();
    if !NAMES.contains(&&name[..]) {
        return None;
    }
    let dir = match slash {
        None => host::fd_path(at.fd()).ok()?,
        Some(s) => {
            let text = if s == 0 {
                b"/".to_vec()
            } else {
                path[..s].to_vec()
            };
            if is_own(&text) {
                return Some((text, name));
            }
            let dir = host::openat(
                at.fd(),
                &host::cstring(&text).ok()?,
                libc::O_PATH | libc::O_DIRECTORY,
                0,
            )
            .ok()?;
            host::fd_path(dir.as_raw_fd()).ok()?
        }
    };
    Some((dir, name))
}

/// What is special about a resolved path, if anything is, for this thread.
#[must_use]
pub fn special(process: &Process, task: &Task, at: &At) -> Option<Special> {
    let (dir, name) = directory(at)?;
    // What is mounted over a file of /proc is the host's business.
    if dir.starts_with(b"/proc")
        && host::is_mount_root(at.fd(), &at.name, libc::AT_SYMLINK_NOFOLLOW)
    {
        return None;
    }
    if dir == b"/proc" && name == b"cpuinfo" {
        // A proc of processes alone (subset=pid) has none.
        host::fstatat(at.fd(), &at.name, 0).ok()?;
        return Some(Special::Content(cpuinfo()));
    }
    if name == b"unix" {
        let confined =
            task.fs.is_confined() && dir.starts_with(b"/proc/") && dir.ends_with(b"/net");
        let host = confined.then(|| host_file(&dir, "unix"))?;
        return Some(Special::Content(task.fs.socket_names(&host)));
    }
    if !is_own(&dir) {
        return of_other(&task.fs, &dir, &name);
    }
    let content = match &name[..] {
        b"exe" => return Some(Special::Exe(Link::own(&task.fs, process.exe()))),
        b"cmdline" => strings::cmdline(&process.exe().layout, strings::own),
        b"environ" => strings::environ(&process.exe().layout, strings::own),
        b"auxv" => process.exe().auxv,
        name if mountinfo::FILES.contains(&name) && task.fs.is_rooted() => {
            mountinfo::file(&task.fs, name)
        }
        name if Story::FILES.contains(&name) => Story {
            maps: space().maps(&host_file(b"/proc/self", "maps")),
            layout: process.exe().layout,
            signals: signals(process, task),
            threads: threads(&dir),
            peer: (name == b"status").then(|| peer(process, task, &dir)),
            killable: waits_killably(&dir, name),
        }
        .file(&dir, name)?,
        _ => return None,
    };
    Some(Special::Content(content))
}

/// What maps ends with: the page of the calls that the personality emulates (vsyscall=xonly). It is no mapping of the process's.
const VSYSCALL: &[u8] =
    b"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

/// What the files about memory and signals are made of, but for what the host says in its own.
struct Story {
    /// The guest's maps.
    maps: Vec<u8>,
    layout: Layout,
    signals: Signals,
    /// How many threads there are, if the host's number is not the guest's.
    threads: Option<usize>,
    /// The thread, if it is one of this process.
    peer: Option<Arc<Peer>>,
    /// Only its end interrupts what it waits for.
    killable: bool,
}

impl Story {
    const FILES: [&[u8]; 6] = [
        b"maps",
        b"smaps",
        b"smaps_rollup",
        b"statm",
        b"stat",
        b"status",
    ];

    /// Of another process that felix runs, if it shows it.
    fn of(fs: &Fs, dir: &[u8], name: &[u8], pid: i32) -> Option<Story> {
        let layout = layout_of(pid)?;
        let [ignored, caught] = image::signals_of(pid).ok()?;
        let map = image::map_of(pid).ok()?;
        Some(Story {
            maps: maps_of(&map, &host_file(dir, "maps"), |p| fs.guest_path(p)),
            layout,
            signals: Signals {
                ignored,
                caught,
                ..Signals::default()
            },
            threads: threads(dir),
            peer: None,
            killable: waits_killably(dir, name),
        })
    }

    /// The host's text with the state that the thread would be in.
    fn state(&self, text: Vec<u8>, host: &str, guest: &str) -> Vec<u8> {
        let at = |from: &str| {
            let mut windows = text.windows(from.len());
            windows.rposition(|w| w == from.as_bytes())
        };
        match at(host) {
            Some(i) if self.killable => {
                [&text[..i], guest.as_bytes(), &text[i + host.len()..]].concat()
            }
            _ => text,
        }
    }

    fn file(self, dir: &[u8], name: &[u8]) -> Option<Vec<u8>> {
        let host = |name| host_file(dir, name);
        let smaps = |maps: &[u8]| procmem::smaps(maps, &host("smaps"));
        let sizes = || Sizes::of(&self.maps, &self.layout);
        Some(match name {
            b"maps" => [&self.maps, VSYSCALL].concat(),
            b"smaps" => smaps(&[&self.maps, VSYSCALL].concat()),
            b"smaps_rollup" => procmem::rollup(&smaps(&self.maps), &host("smaps_rollup")),
            b"statm" => sizes().statm(&host("statm")),
            b"stat" => procmem::stat(
                &self.state(host("stat"), ") S ", ") D "),
                &sizes(),
                &self.layout,
                &self.signals,
                self.threads,
            ),
            b"status" => {
                let (sleeping, waiting) = ("\nState:\tS (sleeping)", "\nState:\tD (disk sleep)");
                self.status(&self.state(host("status"), sleeping, waiting), &sizes())
            }
            _ => return None,
        })
    }

    /// /proc/PID/status: the host's, with the guest's signals and memory.
    fn status(&self, text: &[u8], sizes: &Sizes) -> Vec<u8> {
        let (own, peer) = (&self.signals, self.peer.as_deref());
        let mut out = Vec::with_capacity(text.len());
        for line in text.split_inclusive(|b| *b == b'\n') {
            let value = |name: &[u8]| {
                let text = line.strip_prefix(name)?.trim_ascii();
                u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
            };
            let name = line.split(|b| *b == b':').next().unwrap_or(b"");
            if let Some(kb) = sizes.status(&String::from_utf8_lossy(name)) {
                let name = String::from_utf8_lossy(name);
                out.extend_from_slice(format!("{name}:\t{kb:8} kB\n").as_bytes());
                continue;
            }
            if let Some(n) = peer.and_then(|peer| guest_seccomp(peer, name, line)) {
                out.extend_from_slice(
                    format!("{}:\t{n}\n", String::from_utf8_lossy(name)).as_bytes(),
                );
                continue;
            }
            if let Some(n) = self.threads.filter(|_| name == b"Threads") {
                out.extend_from_slice(format!("Threads:\t{n}\n").as_bytes());
                continue;
            }
            let changed = (value(b"SigPnd:").map(|v| ("SigPnd", v | own.pending)))
                .or_else(|| value(b"SigBlk:").map(|v| ("SigBlk", v | own.blocked)))
                .or_else(|| value(b"SigIgn:").map(|_| ("SigIgn", own.ignored)))
                .or_else(|| value(b"SigCgt:").map(|_| ("SigCgt", own.caught)));
            match changed {
                Some((name, v)) => out.extend_from_slice(format!("{name}:\t{v:016x}\n").as_bytes()),
                None => out.extend_from_slice(line),
            }
        }
        out
    }
}

/// True if a directory's thread, which a file about states is asked for, is in a wait that only its end interrupts.
fn waits_killably(dir: &[u8], name: &[u8]) -> bool {
    let last = dir.rsplit(|b| *b == b'/').next().unwrap_or(b"");
    let tid = || std::str::from_utf8(last).ok()?.parse().ok();
    matches!(name, b"stat" | b"status") && tid().is_some_and(image::waits_killably)
}

/// A file of the host's /proc, empty if it cannot be read.
fn host_file(dir: &[u8], name: &str) -> Vec<u8> {
    // The guest's root need not show it.
    let own = match dir {
        b"/proc" => Some(name.to_owned()),
        b"/proc/self" => Some(format!("self/{name}")),
        _ => None,
    };
    match own {
        Some(name) => proc::read(&name).unwrap_or_default(),
        None => std::fs::read(Path::new(OsStr::from_bytes(dir)).join(name)).unwrap_or_default(),
    }
}

/// The process that a directory of /proc is about, or a thread of it, if felix runs it.
fn other(dir: &[u8]) -> Option<i32> {
    let mut parts = dir.strip_prefix(b"/proc/")?.split(|b| *b == b'/');
    let number = |part: &[u8]| std::str::from_utf8(part).ok()?.parse::<i32>().ok();
    let pid = parts.next().and_then(number)?;
    match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => {}
        (Some(b"task"), Some(tid), None) if number(tid).is_some() => {}
        _ => return None,
    }
    let theirs = std::fs::metadata(Path::new(OsStr::from_bytes(dir)).join("exe")).ok()?;
    let ours = proc::stat("self/exe").ok()?;
    ((theirs.dev(), theirs.ino()) == (ours.st_dev, ours.st_ino)).then_some(pid)
}

/// True if the numbers of processes that the host's calls take are those of /proc: it may be another PID namespace's
/// (pid_namespaces(7)).
fn is_of_here() -> bool {
    proc::read_link("self").ok() == Some(host::getpid().to_string().into())
}

/// The descriptors that a process's directory of /proc, this one's or another's, is not to tell the guest of.
#[must_use]
pub fn hidden_descriptors(dir: &[u8]) -> Range<RawFd> {
    if is_own(dir) {
        return fd::hidden();
    }
    let pid = other(dir).filter(|_| is_of_here());
    pid.and_then(|pid| image::hidden_of(pid).ok())
        .unwrap_or_default()
}

/// The threads that a process's directory of /proc, this one's or another's, is not to tell the guest of.
#[must_use]
pub fn hidden_threads(dir: &[u8]) -> Vec<i32> {
    if is_own(dir) {
        return image::own_threads();
    }
    let pid = other(dir).filter(|_| is_of_here());
    pid.and_then(|pid| image::own_threads_of(pid).ok())
        .unwrap_or_default()
}

/// The number of the guest's threads, if felix has some of its own there.
fn threads(dir: &[u8]) -> Option<usize> {
    let own = Some(hidden_threads(dir)).filter(|own| !own.is_empty())?;
    let all = if is_own(dir) {
        proc::threads().ok()?
    } else {
        let entries = std::fs::read_dir(format!("/proc/{}/task", other(dir)?)).ok()?;
        let number = |name: OsString| name.to_str()?.parse().ok();
        (entries.flatten())
            .filter_map(|e| number(e.file_name()))
            .collect()
    };
    Some(all.iter().filter(|tid| !own.contains(tid)).count())
}

/// Where the program of another process that felix runs lies, if the host lets it be seen.
fn layout_of(pid: i32) -> Option<Layout> {
    postcard::from_bytes(&image::program_of(pid).ok()?).ok()
}

/// cmdline or environ of another process that felix runs, if the host lets it be seen.
fn strings_of(pid: i32, name: &[u8]) -> Option<Vec<u8>> {
    let layout = is_of_here().then(|| layout_of(pid))??;
    let read = |at, to: &mut [u8]| image::read(pid, at, to).map_or(0, |()| to.len());
    Some(match name {
        b"cmdline" => strings::cmdline(&layout, read),
        _ => strings::environ(&layout, read),
    })
}

/// What `special` says of another process that felix runs.
fn of_other(fs: &Fs, dir: &[u8], name: &[u8]) -> Option<Special> {
    let pid = other(dir)?;
    match name {
        b"auxv" if is_of_here() => return image::auxv_of(pid).ok().map(Special::Content),
        name if Story::FILES.contains(&name) => {
            let story = is_of_here().then(|| Story::of(fs, dir, name, pid))??;
            return story.file(dir, name).map(Special::Content);
        }
        name if mountinfo::FILES.contains(&name) && fs.is_rooted() => {
            let here = proc::stat("self/ns/mnt").ok()?;
            let there = std::fs::metadata(Path::new(OsStr::from_bytes(dir)).join("ns/mnt")).ok()?;
            let same = (there.dev(), there.ino()) == (here.st_dev, here.st_ino);
            return same.then(|| Special::Content(mountinfo::file(fs, name)));
        }
        b"cmdline" | b"environ" => {
            if let Some(text) = strings_of(pid, name) {
                return Some(Special::Content(text));
            }
        }
        b"exe" => {}
        _ => return None,
    }
    if name == b"environ" {
        let entries = host_file(dir, "environ");
        let entries = entries.split(|b| *b == 0).filter(|e| !e.is_empty());
        let shown = exec::guest_environment(entries.map(<[u8]>::to_vec), true).0;
        return Some(Special::Content(
            shown
                .into_iter()
                .flat_map(|e| e.into_iter().chain([0]))
                .collect(),
        ));
    }
    if name == b"cmdline" {
        // It shows the guest's arguments, in felix's room for them.
        let mut text = host_file(dir, "cmdline");
        let end = text.iter().rposition(|b| *b != 0).map_or(0, |i| i + 2);
        text.truncate(end);
        return Some(Special::Content(text));
    }
    // The program is the first file in its memory, but for felix: that may lie on either side.
    let maps = host_file(dir, "maps");
    let felix = std::fs::read_link(Path::new(OsStr::from_bytes(dir)).join("exe")).ok()?;
    let first = maps.split(|b| *b == b'\n').find_map(|line| {
        let path = line.get(73..).filter(|p| p.first() == Some(&b'/'))?;
        (path != felix.as_os_str().as_bytes()).then_some(path)
    })?;
    let path = fs.guest_path(first)?;
    Some(Special::Exe(Link { path, file: None }))
}

/// What the host says of this process's memory.
#[must_use]
pub fn details() -> Details {
    Details::new(&host_file(b"/proc/self", "smaps"))
}

/// The guest's signals: those pending and blocked that the host does not know, and all dispositions.
fn signals(process: &Process, task: &Task) -> Signals {
    let (ignored, caught) = process.actions().sets();
    Signals {
        pending: (task.deferred.iter()).fold(0, |set, d| set | bit(signal_number(d))),
        blocked: task.mask & SYNC,
        ignored,
        caught,
    }
}

/// The thread that a directory of ours is about: of a process, its first.
fn peer(process: &Process, task: &Task, dir: &[u8]) -> Arc<Peer> {
    let last = dir.rsplit(|b| *b == b'/').next().unwrap_or(b"");
    let tid = match last {
        b"self" => host::getpid(),
        _ => (std::str::from_utf8(last).ok())
            .and_then(|t| t.parse().ok())
            .unwrap_or(task.tid),
    };
    let peers = process.peers();
    let found = peers.iter().find(|p| p.tid.load(Ordering::Acquire) == tid);
    found.unwrap_or(&task.peer).clone()
}

fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// The value of a line of status about seccomp. Felix itself, and with it its guest, may be under filters of the host.
fn guest_seccomp(peer: &Peer, name: &[u8], line: &[u8]) -> Option<u64> {
    let of_host = || line.get(name.len() + 1..).and_then(decimal);
    match (name, peer.seccomp.mode()) {
        (b"Seccomp", mode @ 1..) => Some(mode.into()),
        (b"Seccomp_filters", _) => {
            let own = seccomp::count(peer.seccomp.newest().as_ref());
            Some(of_host().unwrap_or(0) + own as u64)
        }
        _ => None,
    }
}

/// /proc/cpuinfo (arch/x86/kernel/cpu/proc.c): the guest's CPU, as many of them as the host has.
fn cpuinfo() -> Vec<u8> {
    let host = host_file(b"/proc", "cpuinfo");
    let lines = || host.split(|b| *b == b'\n');
    let count = lines()
        .filter(|l| l.starts_with(b"processor"))
        .count()
        .max(1);
    let mhz = lines()
        .find_map(|l| l.strip_prefix(b"cpu MHz\t\t: "))
        .map_or("1000.000".into(), String::from_utf8_lossy);
    let text = |registers: &[u32]| {
        let bytes: Vec<u8> = registers.iter().flat_map(|r| r.to_le_bytes()).collect();
        String::from_utf8_lossy(&bytes)
            .trim_matches(['\0', ' '])
            .to_owned()
    };
    let [level, b, c, d] = cpuid::leaf(0, 0);
    let vendor = text(&[b, d, c]);
    let brand: Vec<u32> = (0x8000_0002..=0x8000_0004)
        .flat_map(|leaf| cpuid::leaf(leaf, 0))
        .collect();
    let brand = text(&brand);
    let signature = cpuid::leaf(1, 0)[0];
    let family = (signature >> 8 & 0xf)
        + if signature >> 8 & 0xf == 0xf {
            signature >> 20 & 0xff
        } else {
            0
        };
    let model = signature >> 4 & 0xf | signature >> 12 & 0xf0;
    let stepping = signature & 0xf;
    let mut flags: Vec<_> = (cpuid::FEATURES.iter())
        .filter(|f| f.name != "osxsave")
        .filter(|f| cpuid::leaf(f.leaf, f.subleaf)[f.reg as usize] >> f.bit & 1 != 0)
        .collect();
    // In the order of Linux's words (arch/x86/include/asm/cpufeatures.h).
    flags.sort_by_key(|f| {
        let word = match (f.leaf, f.reg) {
            (1, cpuid::Reg::Edx) => 0,
            (0x8000_0001, cpuid::Reg::Edx) => 1,
            (1, _) => 4,
            (0x8000_0001, _) => 6,
            (7, cpuid::Reg::Ebx) => 9,
            (0xd, _) => 10,
            _ => 16,
        };
        (word, f.bit)
    });
    let flags: Vec<&str> = flags.iter().map(|f| f.name).collect();
    let flags = flags.join(" ");
    let mut out = String::new();
    for i in 0..count {
        let _ = write!(
            out,
            "processor\t: {i}\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n\
             model name\t: {brand}\nstepping\t: {stepping}\ncpu MHz\t\t: {mhz}\nphysical id\t: 0\n\
             siblings\t: {count}\ncore id\t\t: {i}\ncpu cores\t: {count}\napicid\t\t: {i}\n\
             initial apicid\t: {i}\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: {level}\nwp\t\t: yes\n\
             flags\t\t: {flags}\nbugs\t\t:\nbogomips\t: 2000.00\nclflush size\t: 64\ncache_alignment\t: 64\n\
             address sizes\t: 48 bits physical, 48 bits virtual\npower management:\n\n"
        );
    }
    out.into_bytes()
}
