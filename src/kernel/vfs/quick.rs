//! What the host can resolve at once, within the root: most paths.
//!
//! openat2(2) stays below a directory by itself (RESOLVE_IN_ROOT, RESOLVE_BENEATH) and refuses links that are no text
//! (RESOLVE_NO_MAGICLINKS). What it does not know is that directories are shown over others: so the path of what
//! it found is asked for, and if a bind hides it, or it is a file of /proc, it is looked for again, slowly. What
//! fails is looked for again, too: only the walk knows the right error.

use super::walk::rule;
use super::{Dir, Fs, PATH_DIR, PROC_SUPER_MAGIC, Root, View, below};
use crate::sys::{Errno, host};
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
}

/// openat2(2) of a path that is not empty; `None` if it has to be walked.
fn open(view: &View, dirfd: RawFd, path: &[u8], flags: i32) -> Option<OwnedFd> {
    if !KNOWN.load(Ordering::Relaxed) {
        return None;
    }
    let absolute = path.first() == Some(&b'/');
    let name = host::cstring(path).ok()?;
    let (dir, resolve) = match view {
        View::Host => return None,
        _ if !absolute => (dirfd, rule::BENEATH),
        View::Rooted(root, None) => {
            if root.binds.iter().any(|b| below(path, &b.guest).is_some()) {
                return None;
            }
            (root.fd.as_raw_fd(), rule::IN_ROOT)
        }
        View::Rooted(_, Some(base)) => (base.fd.as_raw_fd(), rule::IN_ROOT),
        // The kernel's root.
        View::Entered => (libc::AT_FDCWD, 0),
    };
    let found = match host::openat2(dir, &name, flags, resolve | rule::NO_MAGICLINKS) {
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
        open(&self.view(), dirfd, path, flags)
    }
}

/// The directory that the last component of `path` is in, and that component, if the way there is long enough to be worth it.
pub(super) fn parent(view: &View, dirfd: RawFd, path: &[u8]) -> Option<(Dir, Vec<u8>)> {
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
    let dir = sure.then(|| open(view, dirfd, above, PATH_DIR | libc::O_CLOEXEC))??;
    if let View::Rooted(root, _) = view
        && path[0] != b'/'
        && !host::fd_path(dir.as_raw_fd()).is_ok_and(|p| root.inside(&p).is_some())
    {
        return None;
    }
    Some((Dir::Owned(Arc::new(dir)), name.to_vec()))
}
