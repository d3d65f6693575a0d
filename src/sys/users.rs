//! A user namespace for this process (user_namespaces(7)), in which it is root.

use super::{Errno, raw};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

/// What of other users there is inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Users {
    /// Those of /etc/subuid and /etc/subgid: files can belong to anybody.
    Range,
    /// None but root, who is the user.
    RootOnly,
}

/// A program of the host's that waits for a byte, and then does as told.
struct Waiting(std::process::Child);

impl Waiting {
    fn start(script: &str, args: &[&OsStr]) -> io::Result<Waiting> {
        Command::new("/bin/sh")
            .args(["-c", &format!("read go && {script}"), "felix"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Waiting)
    }

    fn go(mut self) -> io::Result<bool> {
        if let Some(mut to) = self.0.stdin.take() {
            to.write_all(b"\n")?;
        }
        Ok(self.0.wait()?.success())
    }
}

impl Drop for Waiting {
    /// A child left over would be the guest's.
    fn drop(&mut self) {
        self.0.stdin = None;
        let _ = self.0.wait();
    }
}

/// The first range of `name` or `id` in a file like subuid(5).
fn range(file: &str, name: &str, id: u64) -> Option<(String, String)> {
    let mut text = String::new();
    std::fs::File::open(file)
        .ok()?
        .read_to_string(&mut text)
        .ok()?;
    let id = id.to_string();
    text.lines().find_map(|line| {
        let mut parts = line.trim().split(':');
        let who = parts.next()?;
        let (first, count) = (parts.next()?, parts.next()?);
        (who == name || who == id).then(|| (first.to_owned(), count.to_owned()))
    })
}

/// This process becomes root in a new user namespace; `name` is the user's, for the ranges of other users. It must
/// have no other thread.
///
/// # Errors
/// If the host does not allow it; then nothing has changed.
pub fn become_root(name: &str) -> Result<Users, Errno> {
    let [uid, _, gid, _] = super::host::ids();
    let pid = super::host::getpid().to_string();
    let ranges = range("/etc/subuid", name, uid).zip(range("/etc/subgid", name, gid));
    // They must be outside when this process is inside already.
    let helper = ranges.and_then(|((u, un), (g, gn))| {
        let script = "newuidmap \"$1\" 0 \"$2\" 1 1 \"$3\" \"$4\" && newgidmap \"$1\" 0 \"$5\" 1 1 \"$6\" \"$7\"";
        let texts = [pid, uid.to_string(), u, un, gid.to_string(), g, gn];
        let args: Vec<&OsStr> = texts.iter().map(OsStr::new).collect();
        Waiting::start(script, &args).ok()
    });
    let flags = u64::try_from(libc::CLONE_NEWUSER).map_err(|_| Errno::EINVAL)?;
    raw::syscall(libc::SYS_unshare, [flags, 0, 0, 0, 0, 0])?;
    if helper.is_some_and(|h| h.go().unwrap_or(false)) {
        return Ok(Users::Range);
    }
    let write = |file: &str, text: &str| std::fs::write(file, text).map_err(|e| Errno::of(&e));
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", &format!("0 {gid} 1"))?;
    Ok(Users::RootOnly)
}
