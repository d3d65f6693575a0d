//! Which mount a place lies on, and what a read-only one refuses.
//!
//! Decided for the very place that a path has led to, so no race comes between. The walk knows the mount where it began
//! at the root; what a descriptor leads to is told by its host path, and if that is to be seen on several mounts, one
//! that may be written to is enough. Where the root is real the kernel sees to all of this.
//!
//! A read-only mount is never given a call that would change it: errors come in the kernel's order, but from here.

use super::{At, Dir, Fs, Last, Root, View, below};
use crate::kernel::fd;
use crate::sys::cast::int;
use crate::sys::{Errno, host};
use std::os::fd::RawFd;

/// The mount that a place lies on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum On {
    /// The root's own, or one that the kernel looks after.
    Root,
    /// A bind, by its index.
    Bind(usize),
    /// The one that a descriptor was opened on.
    Descriptor,
}

/// What a call does to what its path leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// Nothing.
    Look,
    /// It changes the object.
    Change,
    /// It makes a regular file longer or shorter.
    Resize,
    /// It makes the last component.
    Make,
    /// It removes the last component.
    Remove,
}

fn is_open_for_writing(fd: RawFd) -> bool {
    let mode = host::fcntl(fd, libc::F_GETFL, 0).map(|flags| int(flags) & libc::O_ACCMODE);
    mode.is_ok_and(|m| m != libc::O_RDONLY)
}

impl Root {
    /// The mount that a guest path lies on, as text.
    pub(super) fn on(&self, guest: &[u8]) -> On {
        (self.binds.iter().enumerate())
            .filter(|(_, b)| below(guest, &b.guest).is_some())
            .max_by_key(|(_, b)| b.guest.len())
            .map_or(On::Root, |(i, _)| On::Bind(i))
    }

    /// The mounts that show a host path.
    fn showing(&self, host: &[u8]) -> Vec<On> {
        (0..self.binds.len())
            .map(On::Bind)
            .chain([On::Root])
            // Not where another mount hides it.
            .filter(|on| self.named(*on, host).is_some_and(|g| self.on(&g) == *on))
            .collect()
    }

    pub(super) fn is_read_only(&self, on: On) -> bool {
        matches!(on, On::Bind(i) if self.binds[i].read_only)
    }

    pub(super) fn has_read_only(&self) -> bool {
        self.binds.iter().any(|b| b.read_only)
    }

    /// The mounts that a resolved path may lie on; none if that is no business of the guest's root.
    fn mounts(&self, at: &At) -> Vec<On> {
        if !at.exact {
            // A link of procfs, which the host follows.
            return match at.leads_to() {
                Some(host) => self.showing(&host),
                None => Vec::new(),
            };
        }
        if at.on != On::Descriptor {
            return vec![at.on];
        }
        let host = match &at.dir {
            Dir::Borrowed(libc::AT_FDCWD) => host::getcwd(),
            dir => host::fd_path(dir.fd()),
        };
        host.map_or_else(|_| Vec::new(), |h| self.showing(&h))
    }

    fn all_read_only(&self, mounts: &[On]) -> bool {
        !mounts.is_empty() && mounts.iter().all(|on| self.is_read_only(*on))
    }
}

impl At {
    /// The host path of what a link of procfs leads to, unless that is a descriptor which is open for writing and so is from a
    /// mount that may be written to.
    fn leads_to(&self) -> Option<Vec<u8>> {
        let name = std::str::from_utf8(self.name.as_bytes()).ok()?;
        let number = name.parse::<RawFd>().ok();
        if number.is_some_and(|n| !fd::is_hidden(n) && is_open_for_writing(n)) {
            return None;
        }
        host::readlinkat(self.fd(), &self.name).ok()
    }

    /// What is there (stat(2), lstat(2) where a last link is not followed).
    pub fn stat(&self) -> Result<host::Stat, Errno> {
        let flags = if self.exact {
            libc::AT_SYMLINK_NOFOLLOW
        } else {
            0
        };
        host::fstatat(self.fd(), &self.name, flags)
    }
}

impl Fs {
    /// True if the guest may write nothing at the place.
    #[must_use]
    pub fn is_read_only(&self, at: &At) -> bool {
        match self.view() {
            View::Rooted(root, _) if root.has_read_only() => root.all_read_only(&root.mounts(at)),
            _ => false,
        }
    }

    /// True if the descriptor is of a read-only mount: what changes more than its content has to ask. One that is open for
    /// writing is from elsewhere.
    #[must_use]
    pub fn is_descriptor_read_only(&self, fd: RawFd) -> bool {
        let View::Rooted(root, _) = self.view() else {
            return false;
        };
        root.has_read_only()
            && !is_open_for_writing(fd)
            && host::fd_path(fd).is_ok_and(|p| root.all_read_only(&root.showing(&p)))
    }

    /// Resolves a path for a call that does this with it.
    pub fn resolve_for(
        &self,
        dirfd: RawFd,
        path: &[u8],
        last: Last,
        does: Use,
    ) -> Result<At, Errno> {
        self.allow(self.resolve(dirfd, path, last)?, does)
    }

    /// What a path has led to, if a call may do this with it.
    pub fn allow(&self, at: At, does: Use) -> Result<At, Errno> {
        if does == Use::Look || !self.is_read_only(&at) {
            return Ok(at);
        }
        let there = at.stat().map(|st| st.st_mode & libc::S_IFMT);
        match (does, there) {
            // What can neither be made nor removed is the host's to say.
            (Use::Make | Use::Remove, _) if matches!(at.name.as_bytes(), b"." | b"..") => Ok(at),
            (Use::Make, Ok(_)) => Err(Errno::EEXIST),
            (Use::Make, Err(e)) if e != Errno::ENOENT => Err(e),
            (Use::Change | Use::Resize, Err(e)) => Err(e),
            (Use::Resize, Ok(libc::S_IFDIR)) => Err(Errno::EISDIR),
            (Use::Resize, Ok(kind)) if kind != libc::S_IFREG => Err(Errno::EINVAL),
            _ => Err(Errno::EROFS),
        }
    }

    /// Refuses what rename(2) and link(2) do between these places as Linux does: it takes one mount, that is not read-only.
    pub fn same_mount(&self, from: &At, to: &At) -> Result<(), Errno> {
        let View::Rooted(root, _) = self.view() else {
            return Ok(());
        };
        let (from, to) = (root.mounts(from), root.mounts(to));
        let both: Vec<On> = from.iter().copied().filter(|m| to.contains(m)).collect();
        match both.is_empty() {
            true if !from.is_empty() && !to.is_empty() => Err(Errno::EXDEV),
            false if root.all_read_only(&both) => Err(Errno::EROFS),
            _ => Ok(()),
        }
    }

    /// The flags by which open(2) with these `flags` is given to the host.
    pub fn open_flags(&self, at: &At, flags: i32) -> Result<i32, Errno> {
        const TMPFILE: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;
        let makes = flags & (libc::O_CREAT | TMPFILE) != 0;
        let writes = flags & libc::O_ACCMODE != libc::O_RDONLY || flags & libc::O_TRUNC != 0;
        if flags & libc::O_PATH != 0 || !(makes || writes) || !self.is_read_only(at) {
            return Ok(flags);
        }
        let kind = match at.stat() {
            Err(Errno::ENOENT) if flags & libc::O_CREAT != 0 => return Err(Errno::EROFS),
            st => st?.st_mode & libc::S_IFMT,
        };
        let exclusive = libc::O_CREAT | libc::O_EXCL;
        match kind {
            _ if flags & exclusive == exclusive => Err(Errno::EEXIST),
            libc::S_IFDIR if flags & TMPFILE != 0 => Err(Errno::EROFS),
            libc::S_IFDIR if writes || makes => Err(Errno::EISDIR),
            libc::S_IFREG if writes => {
                let denied = flags & libc::O_TRUNC == 0
                    && host::faccessat(at.fd(), &at.name, libc::W_OK) == Err(Errno::EACCES);
                Err(if denied { Errno::EACCES } else { Errno::EROFS })
            }
            // A device, a pipe: what is written goes elsewhere.
            _ => Ok(flags & !(libc::O_CREAT | libc::O_TRUNC)),
        }
    }

    /// What access(2) finds once the host allows it: nothing is written on a read-only mount but through what is special.
    pub fn may_write(&self, at: &At) -> Result<(), Errno> {
        if !self.is_read_only(at) {
            return Ok(());
        }
        match at.stat()?.st_mode & libc::S_IFMT {
            libc::S_IFREG | libc::S_IFDIR | libc::S_IFLNK => Err(Errno::EROFS),
            _ => Ok(()),
        }
    }
}
