//! The host's system calls by which trees of files are made (section 2), as safe functions: all relative to a directory, none
//! follows a link as its last step.

use super::cast::reg;
use super::host::owned;
use super::{Errno, raw};
use std::ffi::CStr;
use std::os::fd::{OwnedFd, RawFd};

fn ptr(s: &CStr) -> u64 {
    s.as_ptr().expose_provenance() as u64
}

/// openat2(2) as if `root` were the root directory: neither links nor `..` lead out of it.
pub fn open_inside(root: RawFd, path: &CStr, flags: i32) -> Result<OwnedFd, Errno> {
    let flags = u64::try_from(flags | libc::O_CLOEXEC).map_err(|_| Errno::EINVAL)?;
    // struct open_how: flags, mode, resolve.
    let how = [
        flags,
        0,
        libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS,
    ];
    let at = (&raw const how).expose_provenance() as u64;
    let size = size_of_val(&how) as u64;
    raw::syscall(libc::SYS_openat2, [reg(root), ptr(path), at, size, 0, 0]).map(owned)
}

/// mkdirat(2).
pub fn mkdir(dir: RawFd, name: &CStr, mode: u32) -> Result<(), Errno> {
    let args = [reg(dir), ptr(name), mode.into(), 0, 0, 0];
    raw::syscall(libc::SYS_mkdirat, args).map(drop)
}

/// symlinkat(2).
pub fn symlink(target: &CStr, dir: RawFd, name: &CStr) -> Result<(), Errno> {
    let args = [ptr(target), reg(dir), ptr(name), 0, 0, 0];
    raw::syscall(libc::SYS_symlinkat, args).map(drop)
}

/// linkat(2).
pub fn link(old_dir: RawFd, old: &CStr, dir: RawFd, name: &CStr) -> Result<(), Errno> {
    let args = [reg(old_dir), ptr(old), reg(dir), ptr(name), 0, 0];
    raw::syscall(libc::SYS_linkat, args).map(drop)
}

/// A FIFO by mknodat(2).
pub fn fifo(dir: RawFd, name: &CStr, mode: u32) -> Result<(), Errno> {
    let mode = mode & 0o7777 | libc::S_IFIFO;
    let args = [reg(dir), ptr(name), mode.into(), 0, 0, 0];
    raw::syscall(libc::SYS_mknodat, args).map(drop)
}

/// unlinkat(2) of what is no directory.
pub fn unlink(dir: RawFd, name: &CStr) -> Result<(), Errno> {
    raw::syscall(libc::SYS_unlinkat, [reg(dir), ptr(name), 0, 0, 0, 0]).map(drop)
}

/// fchownat(2).
pub fn chown(dir: RawFd, name: &CStr, uid: u32, gid: u32) -> Result<(), Errno> {
    let flags = reg(libc::AT_SYMLINK_NOFOLLOW);
    let args = [reg(dir), ptr(name), uid.into(), gid.into(), flags, 0];
    raw::syscall(libc::SYS_fchownat, args).map(drop)
}

/// utimensat(2): both times, in seconds.
pub fn set_times(dir: RawFd, name: &CStr, seconds: i64) -> Result<(), Errno> {
    let times = [seconds, 0, seconds, 0];
    let at = (&raw const times).expose_provenance() as u64;
    let flags = reg(libc::AT_SYMLINK_NOFOLLOW);
    raw::syscall(libc::SYS_utimensat, [reg(dir), ptr(name), at, flags, 0, 0]).map(drop)
}

/// fsetxattr(2).
pub fn set_xattr(fd: RawFd, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    let at = value.as_ptr().expose_provenance() as u64;
    let args = [reg(fd), ptr(name), at, value.len() as u64, 0, 0];
    raw::syscall(libc::SYS_fsetxattr, args).map(drop)
}

/// syncfs(2): everything written to the file system of `fd` is on the disk.
pub fn sync_file_system(fd: RawFd) -> Result<(), Errno> {
    raw::syscall(libc::SYS_syncfs, [reg(fd), 0, 0, 0, 0, 0]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn nothing_opens_outside() {
        let dir = std::env::temp_dir().join(format!("felix-files-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("in/deep")).unwrap();
        std::fs::write(dir.join("secret"), "").unwrap();
        std::os::unix::fs::symlink(dir.join("secret"), dir.join("in/abs")).unwrap();
        std::os::unix::fs::symlink("../../secret", dir.join("in/up")).unwrap();
        let root = std::fs::File::open(dir.join("in")).unwrap();
        let open = |p: &CStr| open_inside(root.as_raw_fd(), p, libc::O_PATH).map(drop);
        assert_eq!(open(c"/deep/../deep"), Ok(()));
        for p in [
            c"abs",
            c"up",
            c"../secret",
            c"/../secret",
            c"deep/../../secret",
        ] {
            assert_eq!(open(p), Err(Errno::ENOENT), "{p:?}");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}
