//! RLIMIT_NOFILE (getrlimit(2)), and felix's own descriptors, which must not count.
//!
//! The soft limit is the guest's, and the host's kernel holds the guest to it. Where the guest has used it up, or it is lower than
//! the numbers felix keeps, felix raises it for the moment of making a descriptor of its own (`with_room`), and over an exec,
//! whose program sets it again. It can, because the host's hard limit stays what it was when the guest lowers its hard limit:
//! that is kept here.
//!
//! Invariant: the soft limit is above the guest's only while `RAISING` is locked, or an exec is on its way. A child made
//! meanwhile would keep it: who forks holds the lock (`settled`), and a child that shares memory asks its `Mark`.

use super::host;
use super::{Errno, raw};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

static RAISING: Mutex<()> = Mutex::new(());
/// How often it was raised.
static RAISED: AtomicU64 = AtomicU64::new(0);
/// The guest's hard limit where it is lower than the host's.
static HARD: AtomicU64 = AtomicU64::new(u64::MAX);
/// The guest's soft limit until `restore` sets it.
static PENDING: AtomicU64 = AtomicU64::new(u64::MAX);

/// Soft and hard limit.
pub type Limit = [u64; 2];

fn set_host(limit: Limit) -> Result<(), Errno> {
    let at = host::address_of(&limit);
    let args = [0, libc::RLIMIT_NOFILE.into(), at, 0, 0, 0];
    raw::syscall(libc::SYS_prlimit64, args).map(drop)
}

fn host_limit() -> Limit {
    host::limit(libc::RLIMIT_NOFILE)
}

/// Keeps the soft limit from being raised, for as long as it is there.
pub fn settled() -> MutexGuard<'static, ()> {
    RAISING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The soft limit is as high as the host lets for as long as this is there. It holds no lock: a child of vfork(2) that executes a
/// program with it leaves none behind.
#[derive(Debug)]
pub struct Raised {
    soft: u64,
    hard: u64,
}

impl Raised {
    /// Raises it.
    #[must_use]
    pub fn new() -> Raised {
        let [soft, hard] = host_limit();
        if soft < hard {
            let _ = set_host([hard, hard]);
        }
        Raised { soft, hard }
    }

    /// The guest's limit, if the program has to be told.
    #[must_use]
    pub fn guest(&self) -> Option<Limit> {
        let hard = self.hard.min(self::hard());
        (self.soft < self.hard).then_some([self.soft, hard])
    }
}

impl Default for Raised {
    fn default() -> Raised {
        Raised::new()
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        if self.soft < self.hard {
            let _ = set_host([self.soft, self.hard]);
        }
    }
}

/// Makes a descriptor of felix's own, if need be above the guest's limit.
pub fn with_room<T>(make: impl Fn() -> Result<T, Errno>) -> Result<T, Errno> {
    match make() {
        Err(Errno::EMFILE | Errno::EINVAL) => {
            let _settled = settled();
            RAISED.fetch_add(1, Ordering::AcqRel);
            let _raised = Raised::new();
            make()
        }
        made => made,
    }
}

/// A moment, for a child of vfork(2), to which this process's memory belongs but not its limits.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    raised: u64,
    limit: Limit,
}

impl Mark {
    /// Now, with the limit not raised.
    #[must_use]
    pub fn now() -> Mark {
        let _settled = settled();
        Mark {
            raised: RAISED.load(Ordering::Acquire),
            limit: host_limit(),
        }
    }

    /// In the child: gives it the guest's limit if that was raised since.
    pub fn settle(self) {
        if RAISED.load(Ordering::Acquire) != self.raised {
            let _ = set_host(self.limit);
        }
    }
}

/// The guest's hard limit, to be put back: a child of vfork(2) sets its own in the memory that is shared.
#[must_use]
pub fn hard() -> u64 {
    HARD.load(Ordering::Acquire)
}

/// Puts back what `hard` gave.
pub fn set_hard(hard: u64) {
    HARD.store(hard, Ordering::Release);
}

/// The guest's soft limit.
#[must_use]
pub fn soft() -> u64 {
    match PENDING.load(Ordering::Acquire) {
        u64::MAX => host_limit()[0],
        soft => soft,
    }
}

/// The guest's limits.
#[must_use]
pub fn files() -> Limit {
    let _settled = settled();
    let [soft, hard] = host_limit();
    [soft, hard.min(self::hard())]
}

/// Sets the guest's limits (setrlimit(2)).
pub fn set_files([soft, hard]: Limit) -> Result<(), Errno> {
    if soft > hard {
        return Err(Errno::EINVAL);
    }
    let may_raise = hard > self::hard() && may_raise();
    let _settled = settled();
    let host = host_limit()[1];
    if hard > host {
        // The host knows whether it may be raised.
        set_host([soft, hard])?;
        set_hard(u64::MAX);
        return Ok(());
    }
    if hard > self::hard() && !may_raise {
        return Err(Errno::EPERM);
    }
    set_host([soft, host])?;
    set_hard(if hard < host { hard } else { u64::MAX });
    Ok(())
}

/// CAP_SYS_RESOURCE, which counts in the first user namespace alone.
#[must_use]
pub fn may_raise() -> bool {
    const SYS_RESOURCE: u32 = 24;
    /// PROC_USER_INIT_INO.
    const FIRST: u64 = 0xefff_fffd;
    host::has_capability(SYS_RESOURCE)
        && host::fstatat(libc::AT_FDCWD, c"/proc/self/ns/user", 0)
            .is_ok_and(|st| st.st_ino == FIRST)
}

/// What the program before has handed on: `restore` will set it.
pub fn hand_over([soft, hard]: Limit) {
    PENDING.store(soft, Ordering::Release);
    set_hard(if hard < host_limit()[1] {
        hard
    } else {
        u64::MAX
    });
}

/// Sets the soft limit that was handed over, now that felix has all it needs.
pub fn restore() {
    let soft = PENDING.swap(u64::MAX, Ordering::AcqRel);
    if soft != u64::MAX {
        let _ = set_host([soft, host_limit()[1]]);
    }
}
