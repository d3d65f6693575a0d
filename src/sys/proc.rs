//! The host's /proc (proc(5)), also where the guest's root has none: by a descriptor that was opened before.
//!
//! Names are relative to /proc: `self/maps`.

use super::{Errno, host};
use std::ffi::CString;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// The descriptor's number. Not the descriptor: a child that borrows this memory has descriptors of its own, and may have been
/// the one to keep it.
static DIR: AtomicI32 = AtomicI32::new(-1);
static AWAY: AtomicBool = AtomicBool::new(false);

/// Keeps `dir` as the way to /proc from now on.
pub fn keep(dir: OwnedFd) {
    DIR.store(dir.into_raw_fd(), Ordering::Relaxed);
}

/// The descriptor that is kept, if this process has it.
#[must_use]
pub fn kept() -> Option<RawFd> {
    /// PROC_ROOT_INO (proc(5)).
    const ROOT: u64 = 1;
    let number = Some(DIR.load(Ordering::Relaxed)).filter(|n| *n >= 0)?;
    let is_it = host::fs_type(number) == Ok(PROC_SUPER_MAGIC)
        && host::fstat(number).is_ok_and(|st| st.st_ino == ROOT);
    is_it.then_some(number)
}

/// PROC_SUPER_MAGIC (statfs(2)).
pub const PROC_SUPER_MAGIC: i64 = 0x9fa0;

/// Says that the process's root is another from now on, and may have no /proc.
pub fn root_changes() {
    AWAY.store(true, Ordering::Relaxed);
}

/// By its full path where there is one: qemu-user knows its own files of /proc by that.
fn place(name: &str) -> Result<(RawFd, CString), Errno> {
    if AWAY.load(Ordering::Relaxed)
        && let Some(dir) = kept()
        && host::fstatat(libc::AT_FDCWD, c"/proc/self/fd", 0).is_err()
    {
        return Ok((dir, host::cstring(name.as_bytes())?));
    }
    let full = host::cstring(format!("/proc/{name}").as_bytes())?;
    Ok((libc::AT_FDCWD, full))
}

/// openat(2) of a file there.
pub fn open(name: &str, flags: i32) -> Result<OwnedFd, Errno> {
    let (dir, name) = place(name)?;
    host::openat(dir, &name, flags, 0)
}

/// The content of a file there.
pub fn read(name: &str) -> Result<Vec<u8>, Errno> {
    use std::io::{ErrorKind, Read};
    let mut file = std::fs::File::from(open(name, libc::O_RDONLY)?);
    // Its size is told as 0, from which the library would begin with the smallest reads.
    let (mut out, mut len) = (vec![0; 16 << 10], 0);
    loop {
        match file.read(&mut out[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(Errno::of(&e)),
        }
        if len == out.len() {
            out.resize(2 * len, 0);
        }
    }
    out.truncate(len);
    Ok(out)
}

/// readlinkat(2) of a link there.
pub fn read_link(name: &str) -> Result<Vec<u8>, Errno> {
    let (dir, name) = place(name)?;
    host::readlinkat(dir, &name)
}

/// newfstatat(2) of a file there, links followed.
pub fn stat(name: &str) -> Result<host::Stat, Errno> {
    let (dir, name) = place(name)?;
    host::fstatat(dir, &name, 0)
}

/// The numbers of this process's open descriptors.
pub fn descriptors() -> Result<Vec<RawFd>, Errno> {
    numbers("self/fd")
}

/// The numbers of a process's open descriptors.
pub fn descriptors_of(process: i32) -> Result<Vec<RawFd>, Errno> {
    numbers(&format!("{process}/fd"))
}

/// The processes that are to be seen.
pub fn processes() -> Result<Vec<i32>, Errno> {
    numbers(".")
}

/// The threads of this process, felix's own among them.
pub fn threads() -> Result<Vec<i32>, Errno> {
    numbers("self/task")
}

/// Those names in a directory there that are numbers, without the descriptor that this takes.
fn numbers(name: &str) -> Result<Vec<i32>, Errno> {
    let dir = open(name, libc::O_RDONLY | libc::O_DIRECTORY)?;
    let mut out = Vec::new();
    let mut buf = vec![0u8; 1 << 15];
    loop {
        let n = host::getdents64(dir.as_raw_fd(), &mut buf)?;
        if n == 0 {
            if name == "self/fd" {
                out.retain(|fd| *fd != dir.as_raw_fd());
            }
            return Ok(out);
        }
        let mut at = 0;
        // struct linux_dirent64 (getdents64(2)): the size of the record at 16, the name from 19 on.
        while at + 19 < n {
            let len = usize::from(u16::from_le_bytes([buf[at + 16], buf[at + 17]]));
            let name = &buf[at + 19..at + len];
            let name = name.split(|b| *b == 0).next().unwrap_or(name);
            out.extend(
                std::str::from_utf8(name)
                    .ok()
                    .and_then(|n| n.parse::<i32>().ok()),
            );
            at += len;
        }
    }
}

/// The number of the mount that `fd` lies on (/proc/self/fdinfo, `mnt_id`).
pub fn mount_of(fd: RawFd) -> Result<u64, Errno> {
    let text = read(&format!("self/fdinfo/{fd}"))?;
    let text = String::from_utf8_lossy(&text);
    (text.lines())
        .find_map(|l| l.strip_prefix("mnt_id:")?.trim().parse().ok())
        .ok_or(Errno::ENOENT)
}

/// True if this process's root leads to the mount with this number (/proc/self/mountinfo).
#[must_use]
pub fn sees_mount(id: u64) -> bool {
    let text = read("self/mountinfo").unwrap_or_default();
    let id = id.to_string();
    text.split(|b| *b == b'\n')
        .any(|line| line.split(|b| *b == b' ').next() == Some(id.as_bytes()))
}
