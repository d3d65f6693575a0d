//! The user and group that a set-user-ID or set-group-ID program runs as (execve(2)).
//!
//! What the host executes is felix, which is neither. With the effective ids set just before, the host's execve does the
//! rest by itself, as it compares the new effective with the old real ids: saved ids, capabilities, AT_SECURE
//! (security/commoncap.c, cap_bprm_creds_from_file). Only the ambient capabilities are lost by a change that newer
//! kernels look for in the effective ids alone. Ids and capabilities are the thread's own.

use super::host::{address_of, address_of_mut};
use super::{Errno, host, raw};
use std::os::fd::RawFd;

/// "As it is" to setresuid(2).
const SAME: u64 = u64::MAX;
/// Real, effective and saved.
type Three = [u32; 3];

/// Who a program is to run as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetId {
    user: Option<u32>,
    group: Option<u32>,
}

impl SetId {
    /// What the file says, if that may count here (bprm_fill_uid in fs/exec.c).
    #[must_use]
    pub fn of(file: RawFd) -> Option<SetId> {
        let st = host::fstat(file).ok()?;
        let has = |bits| st.st_mode & bits == bits;
        let user = has(libc::S_ISUID).then_some(st.st_uid);
        // Without the right to execute, the bit once meant locking.
        let group = has(libc::S_ISGID | libc::S_IXGRP).then_some(st.st_gid);
        if user.is_none() && group.is_none() {
            return None;
        }
        (!host::is_nosuid(file) && !no_new_privs()).then_some(SetId { user, group })
    }

    /// Makes this thread's effective ids those, until what is returned is undone. `None`: the thread may not.
    #[must_use]
    pub fn take(self) -> Option<Taken> {
        let taken = Taken {
            users: three(libc::SYS_getresuid).ok()?,
            groups: three(libc::SYS_getresgid).ok()?,
            capabilities: capabilities().ok()?,
            ambient: (0..64)
                .filter(|n| ambient(libc::PR_CAP_AMBIENT_IS_SET, *n) == Ok(1))
                .fold(0, |set, n| set | 1 << n),
        };
        // The old one is kept as the saved one: by it the thread may go back.
        let set = |call, new: Option<u32>, old: Three| match new {
            Some(new) => raw::syscall(call, [SAME, new.into(), old[1].into(), 0, 0, 0]).map(drop),
            None => Ok(()),
        };
        let done = set(libc::SYS_setresgid, self.group, taken.groups)
            .and_then(|()| set(libc::SYS_setresuid, self.user, taken.users));
        let other = |new: Option<u32>, old: Three| new.is_some_and(|new| new != old[1]);
        match done {
            Ok(()) => {
                if other(self.user, taken.users) || other(self.group, taken.groups) {
                    let _ = ambient(libc::PR_CAP_AMBIENT_CLEAR_ALL, 0);
                }
                Some(taken)
            }
            Err(e) => {
                if let Some(owner) = self.user {
                    tracing::warn!(
                        "a set-user-ID program does not run as its owner, user {owner}: {e}; start felix as one who may become it, as root"
                    );
                }
                taken.undo();
                None
            }
        }
    }
}

fn no_new_privs() -> bool {
    let get = u64::from(libc::PR_GET_NO_NEW_PRIVS.unsigned_abs());
    raw::syscall(libc::SYS_prctl, [get, 0, 0, 0, 0, 0]) == Ok(1)
}

fn three(call: libc::c_long) -> Result<Three, Errno> {
    let mut ids: Three = [0; 3];
    let at = address_of_mut(&mut ids);
    raw::syscall(call, [at, at + 4, at + 8, 0, 0, 0])?;
    Ok(ids)
}

fn ambient(what: i32, capability: u64) -> Result<u64, Errno> {
    let [call, what] = [libc::PR_CAP_AMBIENT, what].map(|n| u64::from(n.unsigned_abs()));
    raw::syscall(libc::SYS_prctl, [call, what, capability, 0, 0, 0])
}

/// _LINUX_CAPABILITY_VERSION_3, of the calling thread.
const HEADER: [u32; 2] = [0x2008_0522, 0];

fn capabilities() -> Result<[u32; 6], Errno> {
    let (mut header, mut data) = (HEADER, [0; 6]);
    let args = [address_of_mut(&mut header), address_of_mut(&mut data)];
    raw::syscall(libc::SYS_capget, [args[0], args[1], 0, 0, 0, 0])?;
    Ok(data)
}

/// What a thread was before `SetId::take`.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    users: Three,
    groups: Three,
    capabilities: [u32; 6],
    ambient: u64,
}

impl Taken {
    /// Makes the thread what it was. What it cannot be again it must not go on without.
    pub fn undo(self) {
        let words = |ids: Three| [ids[0], ids[1], ids[2]].map(u64::from);
        let set = |call, [real, effective, saved]: [u64; 3]| {
            raw::syscall(call, [real, effective, saved, 0, 0, 0]).map(drop)
        };
        let keep = |on: u64| {
            let set = u64::from(libc::PR_SET_KEEPCAPS.unsigned_abs());
            raw::syscall(libc::SYS_prctl, [set, on, 0, 0, 0, 0])
        };
        let get = u64::from(libc::PR_GET_KEEPCAPS.unsigned_abs());
        let kept = raw::syscall(libc::SYS_prctl, [get, 0, 0, 0, 0, 0]).unwrap_or(0);
        // Away from root nothing else keeps the permitted ones.
        let _ = keep(1);
        let all = set(libc::SYS_setresuid, words(self.users))
            .and_then(|()| {
                let header = HEADER;
                let args = [address_of(&header), address_of(&self.capabilities)];
                raw::syscall(libc::SYS_capset, [args[0], args[1], 0, 0, 0, 0]).map(drop)
            })
            .and_then(|()| set(libc::SYS_setresgid, words(self.groups)));
        for n in (0..64).filter(|n| self.ambient >> n & 1 != 0) {
            let _ = ambient(libc::PR_CAP_AMBIENT_RAISE, n);
        }
        let _ = keep(kept);
        let is = three(libc::SYS_getresuid) == Ok(self.users)
            && three(libc::SYS_getresgid) == Ok(self.groups);
        if all.is_err() || !is {
            super::signal::die_by(libc::SIGKILL);
        }
    }
}
