//! What the host can resolve at once, within the root: most paths.
//!
//! openat2(2) stays below a directory by itself (RESOLVE_IN_ROOT, RESOLVE_BENEATH) and refuses links that are no text
//! (RESOLVE_NO_MAGICLINKS). What it does not know is that directories are shown over others: so the path of what
//! it found is asked for, and if a bind hides it, or it is a file of /proc, it is looked for again, slowly. What
//! fails is looked for again, too: only the walk knows the right error.

use super::walk::rule;
use super::{At, Dir, Fs, On, PATH_DIR, PROC_SUPER_MAGIC, Root, View, below, components};
use crate::sys::cast::reg;
use crate::sys::host::address_of;
use crate::sys::{Errno, host, raw};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The flags of open(2) that openat2(2) takes and that change nothing: without O_CREAT, O_TRUNC, O_TMPFILE.
const HARMLESS: i32 = libc::O_ACCMODE
    | libc::O_APPEND
    | libc::O_NONBLOCK
    | libc::O_CLOEXEC
    | libc::O_DIRECTORY
    | libc::O_NOFOLLOW
    | libc::O_PATH
    | libc::O_NOATIME
    | libc::O_NOCTTY
    | libc::O_SYNC
    | LARGEFILE;
/// The flags open(2) knows (VALID_OPEN_FLAGS in include/linux/fcntl.h).
pub const OPEN_FLAGS: i32 = 0o37_777_703;
/// O_LARGEFILE, as the kernel has it.
const LARGEFILE: i32 = 0o100_000;

/// False once the host has said that it does not know openat2(2).
static KNOWN: AtomicBool = AtomicBool::new(true);

impl Root {
    /// True if the guest sees the object with this host path by the way that led there.
    fn shows(&self, path: &[u8]) -> bool {
        let at_or_below = |place: &[u8]| below(path, place).is_some();
        path.starts_with(b"/")
            && !self.binds.iter().any(|b| at_or_below(&b.hidden))
            && !at_or_below(b"/proc")
    }

    /// True if the path of a bind, as text, leads there now: the directory that it is in may have been moved.
    fn is_in_place(&self, bind: usize) -> bool {
        let b = &self.binds[bind];
        let above = &b.guest[..b.guest.len() - b.name.len()];
        let mut parts = components(above);
        match (parts.next(), parts.next()) {
            (None, _) => true,
            (Some(name), None) => host::cstring(&name)
                .and_then(|n| host::fstatat(self.fd.as_raw_fd(), &n, libc::AT_SYMLINK_NOFOLLOW))
                .is_ok_and(|st| (st.st_dev, st.st_ino) == b.parent),
            // Looking at each costs more than the walk.
            _ => false,
        }
    }
}

/// Where the host begins, and by which rules.
struct Start<'a> {
    dir: RawFd,
    rules: u64,
    path: &'a [u8],
    on: On,
}

impl<'a> Start<'a> {
    /// The start of a path that is not empty; `None` if it has to be walked.
    fn new(view: &View, dirfd: RawFd, path: &'a [u8]) -> Option<Start<'a>> {
        let at = |dir, rules, on| Start {
            dir,
            rules,
            path,
            on,
        };
        Some(match view {
            View::Host => return None,
            _ if path.first() != Some(&b'/') => at(dirfd, rule::BENEATH, On::Descriptor),
            View::Rooted(root, None) => match root.on(path) {
                On::Bind(i) => {
                    let bind = &root.binds[i];
                    let rest = below(path, &bind.guest)?;
                    let rest = &rest[rest.iter().position(|b| *b != b'/')?..];
                    if bind.host == b"/proc" || !root.is_in_place(i) {
                        return None;
                    }
                    Start {
                        path: rest,
                        ..at(bind.fd.as_raw_fd(), rule::BENEATH, On::Bind(i))
                    }
                }
                on => at(root.fd.as_raw_fd(), rule::IN_ROOT, on),
            },
            View::Rooted(_, Some(base)) => at(base.fd.as_raw_fd(), rule::IN_ROOT, base.on),
            // qemu-user makes some files of /proc itself, which then are no files of a proc file system.
            View::Entered(_) if below(path, b"/proc").is_some() => return None,
            // The kernel's root.
            View::Entered(_) => at(libc::AT_FDCWD, 0, On::Root),
        })
    }
}

/// openat2(2) from there; `None` if the path has to be walked.
fn open(view: &View, start: &Start<'_>, flags: i32) -> Option<OwnedFd> {
    if !KNOWN.load(Ordering::Relaxed) {
        return None;
    }
    let name = host::cstring(start.path).ok()?;
    let rules = start.rules | rule::NO_MAGICLINKS;
    let found = match host::openat2(start.dir, &name, flags, rules) {
        Ok(fd) => fd,
        Err(e) => {
            if e == Errno::ENOSYS {
                KNOWN.store(false, Ordering::Relaxed);
            }
            return None;
        }
    };
    let shown = match view {
        View::Rooted(root, _) => host::fd_path(found.as_raw_fd()).is_ok_and(|p| root.shows(&p)),
        _ => host::fs_type(found.as_raw_fd()).is_ok_and(|t| t != PROC_SUPER_MAGIC),
    };
    shown.then_some(found)
}

impl Fs {
    /// open(2) of what is no file of /proc, by the guest's `flags`; `None` if `resolve` has to find it.
    #[must_use]
    pub fn open_at_once(&self, dirfd: RawFd, path: &[u8], flags: i32) -> Option<OwnedFd> {
        if flags & !HARMLESS != 0 || path.is_empty() || path.len() >= 4096 {
            return None;
        }
        let view = self.view();
        let start = Start::new(&view, dirfd, path)?;
        if let View::Rooted(root, _) = &view
            && flags & libc::O_ACCMODE != libc::O_RDONLY
            && root.has_read_only()
            && (start.on == On::Descriptor || root.is_read_only(start.on))
        {
            return None;
        }
        open(&view, &start, flags)
    }
}

/// open(2) of what a path has led to. Where the end may be no link, one that has come there since is ELOOP; F_GETFL of the file
/// tells the guest's `flags` and no O_NOFOLLOW that felix adds, if the host knows openat2(2).
pub fn open_found(at: &At, flags: i32, mode: u64) -> Result<u64, Errno> {
    let name = address_of(at.name.as_bytes_with_nul());
    let path_alone = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    if at.exact && flags & libc::O_NOFOLLOW == 0 && KNOWN.load(Ordering::Relaxed) {
        // What open(2) forgets openat2(2) refuses (build_open_flags in fs/open.c).
        let flags = flags
            & if flags & libc::O_PATH != 0 {
                path_alone
            } else {
                OPEN_FLAGS
            };
        let makes = flags & (libc::O_CREAT | libc::O_TMPFILE & !libc::O_DIRECTORY) != 0;
        let mode = if makes { mode & 0o7777 } else { 0 };
        let how = [u64::from(flags.cast_unsigned()), mode, rule::NO_SYMLINKS];
        let args = [reg(at.fd()), name, address_of(&how), 24, 0, 0];
        match raw::interruptible(libc::SYS_openat2, args) {
            Err(Errno::ENOSYS) => KNOWN.store(false, Ordering::Relaxed),
            // What a container's filter says that does not know the call, or what openat(2) will say, too.
            Err(Errno::EPERM) => {}
            done => return opened(at, done),
        }
    }
    let nofollow = if at.exact { libc::O_NOFOLLOW } else { 0 };
    let args = [reg(at.fd()), name, reg(flags | nofollow), mode, 0, 0];
    opened(at, raw::interruptible(libc::SYS_openat, args))
}

/// Only for a FIFO or a device does open(2) wait, so that a signal can make it fail.
fn opened(at: &At, result: Result<u64, Errno>) -> Result<u64, Errno> {
    if result != Err(Errno::ERESTARTSYS) {
        return result;
    }
    let kind = host::fstatat(at.fd(), &at.name, 0).map_or(0, |st| st.st_mode & libc::S_IFMT);
    match kind {
        libc::S_IFIFO | libc::S_IFCHR => result,
        _ => Err(Errno::ERESTARTNOINTR),
    }
}

/// The directory that the last component of `path` is in, its mount, and that component, if the way there is long enough to be
/// worth it.
pub(super) fn parent(view: &View, dirfd: RawFd, path: &[u8]) -> Option<(Dir, On, Vec<u8>)> {
    let slash = path.iter().rposition(|b| *b == b'/')?;
    let (above, name) = (&path[..slash], &path[slash + 1..]);
    if matches!(name, b"" | b"." | b"..")
        || above
            .split(|b| *b == b'/')
            .filter(|c| !c.is_empty())
            .count()
            < 2
    {
        return None;
    }
    // What a relative path leads to may lie outside, and the way up from there has an end.
    let sure = path[0] == b'/' || matches!(view, View::Rooted(..));
    let start = sure.then(|| Start::new(view, dirfd, above))??;
    let dir = open(view, &start, PATH_DIR | libc::O_CLOEXEC)?;
    if let View::Rooted(root, _) = view
        && path[0] != b'/'
        && !host::fd_path(dir.as_raw_fd()).is_ok_and(|p| root.inside(&p).is_some())
    {
        return None;
    }
    Some((Dir::Owned(Arc::new(dir)), start.on, name.to_vec()))
}
