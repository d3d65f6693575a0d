//! A thread of the guest: one host thread, whose id and signal mask are the guest's.

use super::exec::Exec;
use super::process::Peer;
use super::rseq::Rseq;
use super::trace::Trace;
use super::vfs::Fs;
use crate::sys::host::ExecArgs;
use crate::sys::signal::{Mailbox, RawInfo, SYNC, SigSet, bit};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What the last fault left for signal frames (`trapno`, `err`, `cr2` of sigcontext).
#[derive(Clone, Copy, Default, Debug)]
pub struct TrapInfo {
    /// Exception vector.
    pub vector: u64,
    /// Error code.
    pub error: u64,
    /// Address of the last page fault.
    pub address: u64,
}

/// Alternate signal stack (sigaltstack(2)).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct AltStack {
    /// Base.
    pub sp: u64,
    /// SS_* flags as they were given.
    pub flags: u32,
    /// Size; 0 means disabled.
    pub size: u64,
}

impl AltStack {
    /// Switched off: what a thread starts with, and what SS_AUTODISARM leaves.
    pub const OFF: AltStack = AltStack {
        sp: 0,
        flags: 2,
        size: 0,
    };
}

/// When an interrupted call is made again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Again {
    /// If no handler runs, or one with SA_RESTART.
    IfAsked,
    /// If no handler runs.
    IfUnhandled,
    /// In any case: it was not made.
    Always,
    /// If no handler runs, by restart_syscall(2), for the time that is left.
    FromBlock,
}

/// A call that waits for a time, for restart_syscall(2) to go on with.
#[derive(Clone, Copy, Debug)]
pub struct RestartBlock {
    /// Its number.
    pub nr: u64,
    /// Its arguments.
    pub args: [u64; 6],
    /// The clock it waits by.
    pub clock: u64,
    /// When it ends, in nanoseconds of the clock; `None`: never.
    pub end: Option<u64>,
}

/// Syscall User Dispatch (prctl(2), PR_SET_SYSCALL_USER_DISPATCH): which of a thread's system calls become signals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserDispatch {
    /// Where the code begins whose calls are made.
    pub offset: u64,
    /// How long it is. It may go over the end of the address space.
    pub len: u64,
    /// The byte that says what becomes of all other calls, or 0.
    pub selector: u64,
}

/// The program that is about to replace this one, and how. The task owns it, not the stack from which execve(2) is called,
/// so that a process which only borrows its memory (vfork) leaves nothing behind: the task is its parent's to drop.
#[derive(Debug)]
pub struct Leaving {
    /// What the guest asked for, without the file.
    pub exec: Exec,
    /// What the host is asked for.
    pub args: ExecArgs,
}

/// State of one guest thread. Owned by the host thread that runs it.
#[derive(Debug)]
pub struct Task {
    /// Thread id.
    pub tid: i32,
    /// Its root and current directory, perhaps shared with others (CLONE_FS).
    pub fs: Arc<Fs>,
    /// Blocked signals, mirrored by the host thread's mask.
    pub mask: SigSet,
    /// The mask of a call such as sigsuspend(2) that was in force when it was interrupted.
    pub call_mask: Option<SigSet>,
    /// Alternate signal stack.
    pub altstack: AltStack,
    /// Address to clear and wake at exit (set_tid_address(2)).
    pub clear_child_tid: u64,
    /// Head of the robust futex list (set_robust_list(2)).
    pub robust_list: u64,
    /// What it has registered by rseq(2).
    pub rseq: Option<Rseq>,
    /// Where the host handler leaves a signal.
    pub mailbox: Arc<Mailbox>,
    /// Signals of the `SYNC` kind that were sent while the guest blocks them.
    pub deferred: Vec<RawInfo>,
    /// The number of the call that was interrupted and may be restarted.
    pub restart: Option<u64>,
    /// The last fault.
    pub trap: TrapInfo,
    /// The call that is being made again after code was dropped from under its buffers.
    pub unprotected: Option<u64>,
    /// Set while execve(2) is on its way.
    pub leaving: Option<Leaving>,
    /// The number of the system call the thread is in, as Linux keeps it (`orig_rax`), or -1.
    pub call: u64,
    /// When the interrupted call is made again.
    pub again: Again,
    /// How restart_syscall(2) would go on with the call at hand, of a thread that is traced.
    pub block: Option<RestartBlock>,
    /// What a tracer knows of the thread.
    pub trace: Trace,
    /// Which of its calls are not made; no child inherits it.
    pub dispatch: Option<UserDispatch>,
    /// The call at hand was not made because of it.
    pub dispatched: bool,
    /// What the process's other threads know of this one.
    pub peer: Arc<Peer>,
}

impl Task {
    /// A task that inherits `mask`, known to others as `peer`.
    #[must_use]
    pub fn new(tid: i32, mask: SigSet, fs: Arc<Fs>, peer: Arc<Peer>) -> Task {
        peer.tid.store(tid, Ordering::Release);
        Task {
            tid,
            fs,
            mask,
            call_mask: None,
            altstack: AltStack::default(),
            clear_child_tid: 0,
            robust_list: 0,
            rseq: None,
            mailbox: Arc::default(),
            deferred: Vec::new(),
            restart: None,
            trap: TrapInfo::default(),
            unprotected: None,
            leaving: None,
            call: u64::MAX,
            again: Again::IfAsked,
            block: None,
            trace: Trace::default(),
            dispatch: None,
            dispatched: false,
            peer,
        }
    }

    /// Gives the task its id.
    pub fn set_tid(&mut self, tid: i32) {
        self.tid = tid;
        self.peer.tid.store(tid, Ordering::Release);
    }

    /// The next signal to deliver: one that is not blocked.
    pub fn take_signal(&mut self) -> Option<RawInfo> {
        let mask = self.call_mask.unwrap_or(self.mask);
        if let Some(info) = self.take_deferred(!mask) {
            return Some(info);
        }
        while let Some(info) = self.mailbox.take() {
            // The host's mask mirrors the guest's, so only the signals felix keeps unblocked can be blocked here.
            if bit(signal_number(&info)) & SYNC & mask != 0 {
                self.defer(info);
            } else {
                return Some(info);
            }
        }
        None
    }

    /// Keeps a signal for later. As with all but real-time signals, one of each waits for the thread, and one for the process.
    fn defer(&mut self, info: RawInfo) {
        let key = order(&info);
        if self.deferred.iter().all(|d| order(d) != key) {
            self.deferred.push(info);
        }
    }

    /// Takes the first of the deferred signals that are in `set`: the thread's before the process's, then the lowest.
    pub fn take_deferred(&mut self, set: SigSet) -> Option<RawInfo> {
        let wanted = self.deferred.iter().enumerate();
        let wanted = wanted.filter(|(_, info)| bit(signal_number(info)) & set != 0);
        let (i, _) = wanted.min_by_key(|(_, info)| order(info))?;
        Some(self.deferred.remove(i))
    }

    /// True if a deferred signal gets through this mask.
    #[must_use]
    pub fn has_deferred(&self, mask: SigSet) -> bool {
        (self.deferred.iter()).any(|info| bit(signal_number(info)) & mask == 0)
    }
}

/// What orders signals that wait: those sent to the thread come first (SI_TKILL; of others the host does not tell).
fn order(info: &RawInfo) -> (bool, i32) {
    let code = i32::from_le_bytes([info[8], info[9], info[10], info[11]]);
    (code != -6, signal_number(info))
}

/// `si_signo` of a siginfo.
#[must_use]
pub fn signal_number(info: &RawInfo) -> i32 {
    i32::from_le_bytes([info[0], info[1], info[2], info[3]])
}
