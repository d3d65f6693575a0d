//! The files of /proc (proc(5)) that must tell the guest's story instead of felix's.

use super::process::Process;
use super::vfs::{At, is_own};
use crate::mem::space;
use crate::sys::host;
use std::os::fd::AsRawFd;

/// What a path turns out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Special {
    /// /proc/self/exe: a link to this guest path.
    Exe(Vec<u8>),
    /// A file with this content.
    Content(Vec<u8>),
}

/// The directory `at` names its object in, as a host path.
fn directory(at: &At) -> Option<(Vec<u8>, Vec<u8>)> {
    let path = at.name.as_bytes();
    let slash = path.iter().rposition(|b| *b == b'/');
    let name = slash.map_or(path, |s| &path[s + 1..]).to_vec();
    if !matches!(
        &name[..],
        b"exe" | b"maps" | b"cmdline" | b"auxv" | b"mountinfo" | b"mounts"
    ) {
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

/// What is special about a resolved path, if anything is.
#[must_use]
pub fn special(process: &Process, at: &At) -> Option<Special> {
    let (dir, name) = directory(at)?;
    if !is_own(&dir) {
        return None;
    }
    match &name[..] {
        b"exe" => Some(Special::Exe(process.exe().path)),
        b"maps" => {
            let host = std::fs::read("/proc/self/maps").unwrap_or_default();
            Some(Special::Content(space().maps(&host)))
        }
        b"cmdline" => Some(Special::Content(process.exe().cmdline)),
        b"auxv" => Some(Special::Content(process.exe().auxv)),
        b"mountinfo" if process.fs.is_rooted() => Some(Special::Content(mounts(process, true))),
        b"mounts" if process.fs.is_rooted() => Some(Special::Content(mounts(process, false))),
        _ => None,
    }
}

fn mounts(process: &Process, info: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, point) in [&b"/"[..]]
        .into_iter()
        .chain(process.fs.binds())
        .enumerate()
    {
        let (kind, source) = match point {
            b"/" => ("ext4", "/dev/root"),
            b"/proc" => ("proc", "proc"),
            b"/sys" => ("sysfs", "sysfs"),
            b"/dev" => ("devtmpfs", "udev"),
            _ => ("ext4", "/dev/root"),
        };
        let point = String::from_utf8_lossy(point).replace(' ', "\\040");
        let line = if info {
            format!(
                "{} {} 0:{} / {point} rw,relatime - {kind} {source} rw\n",
                i + 21,
                if i == 0 { 1 } else { 21 },
                i + 20
            )
        } else {
            format!("{source} {point} {kind} rw,relatime 0 0\n")
        };
        out.extend_from_slice(line.as_bytes());
    }
    out
}
