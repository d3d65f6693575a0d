//! What tells a guest's mount namespaces from the host's: each process whose root is real keeps a file in memory with a name
//! that says where its guest began, and in which namespace it is (`/proc/PID/fd/N`).
//!
//! Invariant: a guest cannot show such a file for a namespace it is not in. It may not name a file in memory so
//! (`is_reserved`); a copy of one speaks for the namespace where it was made; and a file of another kind with that name is
//! on another device.

use super::{Fs, Home, Id};
use crate::kernel::fd;
use crate::sys::{Errno, host, proc};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

const PREFIX: &str = "felix-namespace:";

/// True for names of memfd_create(2) that a guest may not give.
#[must_use]
pub fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(PREFIX.as_bytes())
}

/// A file that says: the mount namespace is one of the guest's that began at `home`. Kept as long as its process is there.
#[derive(Clone, Debug)]
pub struct Mark {
    file: Arc<OwnedFd>,
    namespace: Id,
}

impl Mark {
    /// For the namespace with this identity.
    pub fn new(home: &Home, namespace: Id) -> Result<Mark, Errno> {
        let ids = [home.namespace, home.root, namespace];
        let ids: Vec<String> = ids.iter().map(|(d, i)| format!("{d:x}.{i:x}")).collect();
        let file = host::memory_file(&format!("{PREFIX}{}", ids.join(":")), b"")?;
        let file = Arc::new(fd::hide(file)?);
        Ok(Mark { file, namespace })
    }

    /// What the felix before has left open.
    pub fn again(number: i32, namespace: Id) -> Result<Mark, Errno> {
        let file = Arc::new(fd::adopt(number)?);
        Ok(Mark { file, namespace })
    }

    /// Its number, and the namespace's identity.
    pub fn handle(&self) -> (i32, Id) {
        (self.file.as_raw_fd(), self.namespace)
    }

    /// True if a process in the namespace shows one like this.
    pub fn is_shown(&self) -> bool {
        let (Ok(name), Ok(st)) = (
            host::fd_path(self.file.as_raw_fd()),
            host::fstat(self.file.as_raw_fd()),
        ) else {
            return false;
        };
        let is_there = |process: &i32| {
            proc::stat(&format!("{process}/ns/mnt"))
                .is_ok_and(|st| (st.st_dev, st.st_ino) == self.namespace)
        };
        let shows = |process: i32| {
            let open = proc::descriptors_of(process).unwrap_or_default();
            open.into_iter().any(|n| {
                let file = format!("{process}/fd/{n}");
                proc::read_link(&file).is_ok_and(|is| is == name)
                    && proc::stat(&file).is_ok_and(|is| is.st_dev == st.st_dev)
            })
        };
        let processes = proc::processes().unwrap_or_default();
        processes.into_iter().filter(is_there).any(shows)
    }
}

impl Fs {
    /// For the namespace that the calling thread is in. `None`, and setns(2) leads nobody here, if none can be made.
    pub(super) fn mark_here(&self) -> Option<Mark> {
        let st = proc::stat("thread-self/ns/mnt").ok()?;
        Mark::new(self.home()?, (st.st_dev, st.st_ino)).ok()
    }
}
