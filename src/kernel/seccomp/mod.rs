//! What seccomp(2) keeps for each thread: its mode and its filters, and how they are handed on.
//!
//! Felix evaluates the filters itself, on the guest's calls: the host's seccomp would see the host's calls, and need not
//! exist. Knows no call numbers and no actions but their order. A thread changes its own filters; another one changes
//! them only for SECCOMP_FILTER_FLAG_TSYNC, while it holds `Process::peers`.

pub mod bpf;

use super::{exec, fd};
use crate::sys::{Errno, channel, host};
use bpf::{Data, Insn, Program};
use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// SECCOMP_MODE_DISABLED.
pub const DISABLED: u8 = 0;
/// SECCOMP_MODE_STRICT.
pub const STRICT: u8 = 1;
/// SECCOMP_MODE_FILTER.
pub const FILTER: u8 = 2;

/// SECCOMP_RET_ALLOW.
pub const ALLOW: u32 = 0x7fff_0000;
/// SECCOMP_RET_ACTION_FULL.
pub const ACTION: u32 = 0xffff_0000;
/// MAX_INSNS_PER_PATH.
const MAX_CHAIN: usize = (1 << 18) / bpf::SIZE;

/// Bytes of a `struct seccomp_data`.
pub const SECCOMP_DATA: usize = 4 * bpf::WORDS;

/// Where a filter's notifications go (seccomp_unotify(2)).
#[derive(Debug)]
pub struct Listener {
    socket: AtomicI32,
    /// SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV.
    killable: bool,
}

impl Listener {
    /// With a socket in the hidden range. `killable`: only what kills interrupts a call that somebody has been notified of.
    #[must_use]
    pub fn new(fd: OwnedFd, killable: bool) -> Listener {
        Listener {
            socket: AtomicI32::new(fd.into_raw_fd()),
            killable,
        }
    }

    /// The socket.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.socket.load(Ordering::Acquire)
    }

    /// See `new`.
    #[must_use]
    pub fn is_killable(&self) -> bool {
        self.killable
    }

    /// Takes a descriptor of its own: the process shares its table with the one it was made by, which closes its own.
    fn take_own(&self) {
        if let Ok(own) = host::dup_high(self.fd(), fd::base()) {
            self.socket.store(own.into_raw_fd(), Ordering::Release);
        }
    }

    /// The process ends, and with it its part in the filter: its descriptors may live on in another process (CLONE_FILES).
    fn leave(&self) {
        let socket = self.socket.swap(-1, Ordering::AcqRel);
        if socket >= 0 {
            let _ = host::close(socket);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A filter and those installed before it, which stay in force.
#[derive(Debug)]
pub struct Filter {
    program: Program,
    /// SECCOMP_FILTER_FLAG_LOG.
    log: bool,
    /// SECCOMP_FILTER_FLAG_NEW_LISTENER.
    listener: Option<Arc<Listener>>,
    before: Option<Arc<Filter>>,
}

impl Filter {
    /// The chain that has `program` put on top of `before`; ENOMEM if it becomes too long.
    pub fn on_top(
        program: Program,
        log: bool,
        listener: Option<Arc<Listener>>,
        before: Option<Arc<Filter>>,
    ) -> Result<Arc<Filter>, Errno> {
        let all: usize = chain(before.as_ref()).map(|f| f.program.cost() + 4).sum();
        if all + program.cost() > MAX_CHAIN {
            return Err(Errno::ENOMEM);
        }
        Ok(Arc::new(Filter {
            program,
            log,
            listener,
            before,
        }))
    }

    /// What all filters together say of a call, and the filter that said it: the most severe action, and of equal ones the newest filter's.
    #[must_use]
    pub fn run(&self, data: &Data) -> (u32, &Filter) {
        let severity = |v: u32| (v & ACTION).cast_signed();
        let (mut result, mut by) = (ALLOW, self);
        let mut next = Some(self);
        while let Some(f) = next {
            let v = f.program.run(data);
            if severity(v) < severity(result) {
                (result, by) = (v, f);
            }
            next = f.before.as_deref();
        }
        (result, by)
    }

    /// Who is notified.
    #[must_use]
    pub fn listener(&self) -> Option<&Arc<Listener>> {
        self.listener.as_ref()
    }

    /// True if what it does to calls is to be logged.
    #[must_use]
    pub fn logs(&self) -> bool {
        self.log
    }
}

fn chain(newest: Option<&Arc<Filter>>) -> impl Iterator<Item = &Arc<Filter>> {
    std::iter::successors(newest, |f| f.before.as_ref())
}

/// How many filters there are.
#[must_use]
pub fn count(newest: Option<&Arc<Filter>>) -> usize {
    chain(newest).count()
}

/// The listeners of all filters.
#[must_use]
pub fn listeners(newest: Option<&Arc<Filter>>) -> Vec<Arc<Listener>> {
    chain(newest).filter_map(|f| f.listener.clone()).collect()
}

/// Of each filter, the oldest first, whether it logs.
#[must_use]
pub fn logs(newest: Option<&Arc<Filter>>) -> Vec<bool> {
    let mut all: Vec<bool> = chain(newest).map(|f| f.log).collect();
    all.reverse();
    all
}

/// True if all of `old`'s filters are among `new`'s (is_ancestor in kernel/seccomp.c).
#[must_use]
pub fn is_ancestor(old: Option<&Arc<Filter>>, new: Option<&Arc<Filter>>) -> bool {
    old.is_none_or(|o| chain(new).any(|f| Arc::ptr_eq(f, o)))
}

/// A thread's state.
#[derive(Debug, Default)]
pub struct Seccomp {
    mode: AtomicU8,
    newest: Mutex<Option<Arc<Filter>>>,
    /// Another thread has given this one filters, and no_new_privs with them, which only the thread itself can tell the host.
    no_new_privs: AtomicBool,
}

impl Seccomp {
    /// True if calls have to be looked at. The mode never goes back, so this may be asked at any time.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.mode.load(Ordering::Relaxed) != DISABLED
    }

    /// The mode.
    #[must_use]
    pub fn mode(&self) -> u8 {
        self.mode.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Filter>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest filter.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Filter>> {
        self.lock().clone()
    }

    /// From now on only read, write, exit and sigreturn.
    pub fn set_strict(&self) {
        self.mode.store(STRICT, Ordering::Release);
    }

    /// From now on this chain.
    pub fn set_filters(&self, newest: Arc<Filter>) {
        *self.lock() = Some(newest);
        self.mode.store(FILTER, Ordering::Release);
    }

    /// Has the thread set no_new_privs for itself.
    pub fn owe_no_new_privs(&self) {
        self.no_new_privs.store(true, Ordering::Release);
    }

    /// True if the thread owes itself no_new_privs; it does no longer.
    #[must_use]
    pub fn take_no_new_privs(&self) -> bool {
        self.no_new_privs.load(Ordering::Relaxed) && self.no_new_privs.swap(false, Ordering::AcqRel)
    }

    /// What a child of the thread starts with.
    #[must_use]
    pub fn inherited(&self) -> Seccomp {
        // The filters first: whoever sets them sets the mode afterwards.
        let newest = Mutex::new(self.newest());
        Seccomp {
            mode: AtomicU8::new(self.mode()),
            newest,
            no_new_privs: AtomicBool::new(self.no_new_privs.load(Ordering::Acquire)),
        }
    }

    /// Has what filters need in the program that is executed next stay open over the exec, or not any more.
    pub fn keep_over_exec(&self, keep: bool) {
        for l in listeners(self.newest().as_ref()) {
            channel::close_on_exec(l.fd(), !keep);
        }
    }

    /// In a process that shares its descriptors with the one that made it: has its own for what its filters need.
    pub fn take_own_listeners(&self) {
        for l in listeners(self.newest().as_ref()) {
            l.take_own();
        }
    }

    /// The thread's process ends.
    pub fn leave_listeners(&self) {
        for l in listeners(self.newest().as_ref()) {
            l.leave();
        }
    }

    /// What the program that is executed next has to be told; `None` if nothing is in force.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        if !self.is_on() {
            return None;
        }
        let newest = self.newest();
        let mut oldest_first: Vec<&Arc<Filter>> = chain(newest.as_ref()).collect();
        oldest_first.reverse();
        let mut out = vec![self.mode()];
        for f in oldest_first {
            let code = f.program.code();
            let killable = f.listener.as_ref().is_some_and(|l| l.killable);
            out.push(u8::from(f.log) | u8::from(killable) << 1);
            let listener = f.listener.as_ref().map_or(-1, |l| l.fd());
            out.extend_from_slice(&listener.to_le_bytes());
            out.extend_from_slice(&u32::try_from(code.len()).unwrap_or(0).to_le_bytes());
            out.extend(code.iter().flat_map(|i| i.to_bytes()));
        }
        Some(out)
    }

    /// Takes over what `to_bytes` gave. Anything else is an error: a program must not run without its filters.
    pub fn from_bytes(bytes: &[u8]) -> Result<Seccomp, Errno> {
        let (&mode, mut rest) = bytes.split_first().ok_or(Errno::EINVAL)?;
        let mut newest = None;
        while let Some((&flags, after)) = rest.split_first() {
            let (listener, after) = after.split_first_chunk::<4>().ok_or(Errno::EINVAL)?;
            let listener = match i32::from_le_bytes(*listener) {
                -1 => None,
                n => Some(Arc::new(Listener::new(exec::inherited(n)?, flags & 2 != 0))),
            };
            let (len, after) = after.split_first_chunk::<4>().ok_or(Errno::EINVAL)?;
            let size = u32::from_le_bytes(*len) as usize * bpf::SIZE;
            let (code, after) = after.split_at_checked(size).ok_or(Errno::EINVAL)?;
            let (code, _) = code.as_chunks::<{ bpf::SIZE }>();
            let code = code.iter().map(|b| Insn::from_bytes(*b)).collect();
            let program = Program::new(code).ok_or(Errno::EINVAL)?;
            newest = Some(Filter::on_top(program, flags & 1 != 0, listener, newest)?);
            rest = after;
        }
        let complete = match mode {
            STRICT => newest.is_none(),
            FILTER => newest.is_some(),
            _ => false,
        };
        if !complete {
            return Err(Errno::EINVAL);
        }
        Ok(Seccomp {
            mode: AtomicU8::new(mode),
            newest: Mutex::new(newest),
            no_new_privs: AtomicBool::new(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A filter that returns `k`.
    fn returns(k: u32) -> Program {
        let ret = Insn {
            code: 6,
            jt: 0,
            jf: 0,
            k,
        };
        Program::new(vec![ret]).expect("is accepted")
    }

    fn stacked(values: &[u32]) -> Arc<Filter> {
        let mut top = None;
        for v in values {
            top = Some(Filter::on_top(returns(*v), false, None, top).expect("is short"));
        }
        top.expect("there is one")
    }

    #[test]
    fn the_most_severe_action_wins_and_of_equal_ones_the_newest() {
        let d = [0; bpf::WORDS];
        let (errno, log, kill) = (0x5_0000, 0x7ffc_0000, 0x8000_0000);
        assert_eq!(stacked(&[ALLOW, errno | 1, log]).run(&d).0, errno | 1);
        assert_eq!(stacked(&[errno | 1, errno | 2]).run(&d).0, errno | 2);
        assert_eq!(stacked(&[kill, 0, errno]).run(&d).0, kill);
        assert_eq!(stacked(&[ALLOW]).run(&d).0, ALLOW);
    }

    #[test]
    fn what_is_handed_on_is_taken_over() {
        let s = Seccomp::default();
        assert!(s.to_bytes().is_none());
        s.set_filters(stacked(&[0x5_0007, ALLOW]));
        let bytes = s.to_bytes().expect("it is on");
        let taken = Seccomp::from_bytes(&bytes).expect("is complete");
        assert_eq!(taken.mode(), FILTER);
        assert_eq!(count(taken.newest().as_ref()), 2);
        assert_eq!(taken.newest().expect("is there").run(&[0; 16]).0, 0x5_0007);
        for n in 0..bytes.len() {
            let cut = Seccomp::from_bytes(&bytes[..n]);
            assert!(cut.is_err() || n == 18, "cut after {n} bytes");
        }
        let strict = Seccomp::default();
        strict.set_strict();
        let bytes = strict.to_bytes().expect("it is on");
        assert_eq!(
            Seccomp::from_bytes(&bytes).expect("is complete").mode(),
            STRICT
        );
    }

    #[test]
    fn a_chain_is_limited_as_linux_counts() {
        let long = || {
            Program::new(vec![
                Insn {
                    code: 6,
                    jt: 0,
                    jf: 0,
                    k: 0
                };
                4096
            ])
            .expect("is accepted")
        };
        let mut top = None;
        let mut n = 0;
        while let Ok(f) = Filter::on_top(long(), false, None, top.clone()) {
            top = Some(f);
            n += 1;
        }
        // Each is 8195 instructions to Linux, and four more once it is not the newest.
        assert_eq!(n, 3);
    }
}
