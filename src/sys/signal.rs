//! Asynchronous host signals: recorded in the host handler, taken at a safepoint.
//!
//! The host's signal mask of a guest thread mirrors the guest's mask, so the host kernel does all
//! queueing, choosing of threads, priorities and `sigtimedwait`/`signalfd` work. A delivered signal goes into the one
//! slot of the thread's `Mailbox`; the handler blocks everything else in the interrupted
//! context, so the slot cannot be overwritten before the safepoint takes it and sets the mask again.
//! No guest code ever runs inside the host handler.
//!
//! The signals the CPU raises (`SYNC`) stay unblocked and belong to `sys::fault`; when such a signal
//! turns out to have been sent by kill(2), `sys::fault` passes it to `record`.

use super::{Errno, ptrace, raw};
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// The raw bytes of a `siginfo_t`: the layout is the same on x86-64 and in the generic ABI (sigaction(2)).
pub type RawInfo = [u8; 128];

/// A set of signals: bit `n - 1` is signal `n`.
pub type SigSet = u64;

/// The set that holds one signal.
#[must_use]
pub const fn bit(sig: i32) -> SigSet {
    if sig < 1 || sig > 64 {
        0
    } else {
        1 << (sig - 1)
    }
}

/// The signals the CPU raises; felix needs them unblocked whatever the guest wants.
pub const SYNC: SigSet = bit(libc::SIGSEGV)
    | bit(libc::SIGBUS)
    | bit(libc::SIGILL)
    | bit(libc::SIGFPE)
    | bit(libc::SIGTRAP);

/// Where the host handler leaves a signal for one guest thread.
#[derive(Debug)]
pub struct Mailbox {
    full: AtomicU32,
    info: UnsafeCell<RawInfo>,
    /// Signals that came while the slot was full (only `SYNC` ones can, and what a tracer passes on); they have lost their
    /// siginfo.
    extra: AtomicU64,
    /// A tracer has kicked the thread: `KICKED`, and `TO_STOP` if it did so to have it at a safepoint.
    kicked: AtomicU32,
}

// SAFETY: `info` is written only by the owning thread's signal handler while `full` is 0 and read only by the owning
// thread while `full` is 1; other threads never touch it.
unsafe impl Sync for Mailbox {}
// SAFETY: plain data; see above.
unsafe impl Send for Mailbox {}

impl Default for Mailbox {
    fn default() -> Self {
        Mailbox {
            full: AtomicU32::new(0),
            info: UnsafeCell::new([0; 128]),
            extra: AtomicU64::new(0),
            kicked: AtomicU32::new(0),
        }
    }
}

/// See `Mailbox::kicked`.
const KICKED: u32 = 1;
const TO_STOP: u32 = 2;

impl Mailbox {
    /// True if `take_kick` will say so.
    pub fn is_kicked(&self) -> bool {
        self.kicked.load(Ordering::Acquire) != 0
    }

    /// If a tracer has kicked the thread since this was last asked; true if that is not for a signal's sake.
    pub fn take_kick(&self) -> Option<bool> {
        if self.kicked.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let kicked = self.kicked.swap(0, Ordering::AcqRel);
        Some(kicked & TO_STOP != 0)
    }

    /// The recorded signal, if there is one. Until `set_mask` is called, no other can arrive.
    pub fn take(&self) -> Option<RawInfo> {
        if self.full.load(Ordering::Acquire) != 0 {
            // SAFETY: the slot is full, so the handler does not write it.
            let info = unsafe { *self.info.get() };
            self.full.store(0, Ordering::Release);
            return Some(info);
        }
        let extra = self.extra.load(Ordering::Acquire);
        if extra == 0 {
            return None;
        }
        let sig = extra.trailing_zeros();
        self.extra.fetch_and(!(1 << sig), Ordering::AcqRel);
        let mut info = [0; 128];
        info[..4].copy_from_slice(&(sig + 1).to_le_bytes());
        Some(info)
    }
}

struct Current {
    mailbox: *const Mailbox,
    poll: *const AtomicU32,
}

thread_local! {
    // Const-initialised and without a destructor: reading it from a signal handler is safe.
    static CURRENT: Cell<Current> = const { Cell::new(Current { mailbox: std::ptr::null(), poll: std::ptr::null() }) };
}

thread_local! {
    /// A kick came while this thread was not attached. Read in a signal handler, too.
    static MISSED: Cell<bool> = const { Cell::new(false) };
}

impl Clone for Current {
    fn clone(&self) -> Self {
        *self
    }
}
impl Copy for Current {}

/// The `poll` word of the guest thread this host thread runs, or null.
pub(super) fn current_poll() -> *const AtomicU32 {
    CURRENT.get().poll
}

/// Runs `f`, in which another process may borrow this thread's storage, and puts the attachment back.
pub(super) fn lending<R>(f: impl FnOnce() -> R) -> R {
    let current = CURRENT.get();
    let r = f();
    CURRENT.set(current);
    r
}

/// Runs `f` with this host thread being the guest thread that owns `mailbox` and the `poll` word of `cpu`.
pub fn attached<C, R>(
    mailbox: &Mailbox,
    cpu: &mut C,
    poll: fn(&C) -> &AtomicU32,
    f: impl FnOnce(&mut C) -> R,
) -> R {
    let before = CURRENT.replace(Current {
        mailbox,
        poll: poll(cpu),
    });
    if MISSED.replace(false) {
        mailbox.kicked.store(KICKED | TO_STOP, Ordering::Release);
        poll(cpu).store(1, Ordering::Release);
    }
    let r = f(cpu);
    CURRENT.set(before);
    r
}

/// Records the signal `sig` for the current guest thread, sets its `poll`, keeps everything else blocked when the
/// interrupted code goes on, and moves it out of `raw::interruptible`'s window.
///
/// # Safety
/// Only from a host signal handler, with the handler's own `info` and `context`.
pub unsafe fn record(sig: i32, info: *const libc::siginfo_t, context: *mut c_void) {
    let current = CURRENT.get();
    if current.mailbox.is_null() {
        return;
    }
    // SAFETY: `attached` keeps mailbox and poll alive while they are registered, and this is the same thread.
    let (mailbox, poll) = unsafe { (&*current.mailbox, &*current.poll) };
    if mailbox.full.load(Ordering::Acquire) == 0 {
        // SAFETY: the kernel's siginfo is 128 bytes; the slot is empty, so nobody reads it.
        unsafe { *mailbox.info.get() = *info.cast::<RawInfo>() };
        mailbox.full.store(1, Ordering::Release);
    } else {
        mailbox.extra.fetch_or(bit(sig), Ordering::AcqRel);
    }
    poll.store(1, Ordering::Release);
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the context is the kernel's frame; its signal mask is 8 bytes long.
    unsafe {
        let mask = (&raw mut (*context).uc_sigmask).cast::<u64>();
        mask.write_unaligned(!SYNC);
        leave_call(context);
    }
}

/// Moves the interrupted code out of `raw::interruptible`'s window, if it is there.
///
/// # Safety
/// `context` is the kernel's frame of the running handler.
unsafe fn leave_call(context: *mut libc::ucontext_t) {
    // SAFETY: the caller's promise; `pc` is inside the frame.
    unsafe {
        let pc = pc_of(context);
        if let Some(target) = raw::abort_target(*pc) {
            *pc = target;
        }
    }
}

/// A tracer has kicked this thread (see `sys::ptrace`).
///
/// # Safety
/// As for `record`.
unsafe fn kicked(info: *const libc::siginfo_t, context: *mut c_void) {
    let current = CURRENT.get();
    if current.mailbox.is_null() {
        MISSED.set(true);
        return;
    }
    // SAFETY: as in `record`.
    let (mailbox, poll) = unsafe { (&*current.mailbox, &*current.poll) };
    // SAFETY: the kernel's siginfo is 128 bytes.
    let carried = ptrace::carried(unsafe { &*info.cast::<RawInfo>() });
    let bits = KICKED | if carried.is_some() { 0 } else { TO_STOP };
    mailbox.kicked.fetch_or(bits, Ordering::AcqRel);
    poll.store(1, Ordering::Release);
    match carried {
        Some(own) => {
            let sig = i32::from_le_bytes([own[0], own[1], own[2], own[3]]);
            // SAFETY: the handler's arguments, but for the siginfo, which is as long.
            unsafe { record(sig, own.as_ptr().cast(), context) }
        }
        // SAFETY: the handler's context.
        None => unsafe { leave_call(context.cast()) },
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn pc_of(context: *mut libc::ucontext_t) -> *mut u64 {
    // SAFETY: the caller's context is valid; REG_RIP is 16.
    unsafe {
        (&raw mut (*context).uc_mcontext.gregs)
            .cast::<u64>()
            .add(16)
    }
}

#[cfg(target_arch = "riscv64")]
unsafe fn pc_of(context: *mut libc::ucontext_t) -> *mut u64 {
    // SAFETY: the caller's context is valid; the first of the general registers is the program counter.
    unsafe { (&raw mut (*context).uc_mcontext.__gregs).cast::<u64>() }
}

/// True if this host thread runs a guest thread.
pub(super) fn is_attached() -> bool {
    !CURRENT.get().mailbox.is_null()
}

extern "C" fn on_signal(sig: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's siginfo.
    let code = unsafe { (*info).si_code };
    match code {
        // The tracer is gone.
        ptrace::STOP if sig == libc::SIGTRAP => return,
        // SAFETY: this is the handler, with its own arguments.
        ptrace::KICK if sig == libc::SIGTRAP => return unsafe { kicked(info, context) },
        _ => {}
    }
    if bit(sig) & SYNC != 0 && code > 0 {
        // The host CPU raised it in felix's own code: felix's bug, and its end.
        die_now(sig);
    }
    // SAFETY: this is the handler, with its own arguments.
    unsafe { record(sig, info, context) }
}

/// What the host does with a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostAction {
    /// SIG_DFL.
    Default,
    /// SIG_IGN.
    Ignore,
    /// Felix's handler; the flags are the guest's SA_NOCLDSTOP and SA_NOCLDWAIT.
    Catch(u64),
}

#[repr(C)]
struct KernelAction {
    handler: usize,
    flags: u64,
    #[cfg(target_arch = "x86_64")]
    restorer: usize,
    mask: u64,
}

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".globl felix_restorer",
    "felix_restorer:",
    "mov eax, 15",
    "syscall"
);

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    fn felix_restorer();
}

/// Sets the host's disposition of a signal, by the raw call, because the C library keeps 32 and 33 for itself
/// and the guest's C library wants them.
pub fn set_action(sig: i32, action: HostAction) -> Result<(), Errno> {
    match action {
        HostAction::Default if ENDINGS.load(Ordering::Relaxed) & bit(sig) != 0 => {
            set_host_action(sig, HostAction::Catch(0))
        }
        _ => set_host_action(sig, action),
    }
}

/// Signals that by default would end felix unasked and are caught instead: the guest dies by them, with
/// what `host::at_end` wants done.
static ENDINGS: AtomicU64 = AtomicU64::new(0);

/// From now on felix notices when SIGHUP, SIGINT or SIGTERM ends the guest.
pub fn catch_endings() {
    for sig in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
        ENDINGS.fetch_or(bit(sig), Ordering::Relaxed);
        if !is_ignored(sig) {
            let _ = set_action(sig, HostAction::Default);
        }
    }
}

fn set_host_action(sig: i32, action: HostAction) -> Result<(), Errno> {
    let (handler, flags) = match action {
        HostAction::Default => (libc::SIG_DFL, 0),
        HostAction::Ignore => (libc::SIG_IGN, 0),
        HostAction::Catch(flags) => {
            let own = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
            (
                on_signal as *const () as usize,
                u64::from(own.cast_unsigned()) | flags,
            )
        }
    };
    #[cfg(target_arch = "x86_64")]
    let act = KernelAction {
        handler,
        flags: flags | 0x0400_0000,
        restorer: felix_restorer as *const () as usize,
        mask: !SYNC,
    };
    #[cfg(not(target_arch = "x86_64"))]
    let act = KernelAction {
        handler,
        flags,
        mask: !SYNC,
    };
    put_action(sig, &act)
}

fn put_action(sig: i32, act: &KernelAction) -> Result<(), Errno> {
    let arg = std::ptr::from_ref(act).expose_provenance() as u64;
    raw::syscall(
        libc::SYS_rt_sigaction,
        [super::cast::reg(sig), arg, 0, 8, 0, 0],
    )
    .map(drop)
}

/// The kernel's disposition of a signal.
fn host_action(sig: i32) -> Option<KernelAction> {
    let mut act = KernelAction {
        handler: 0,
        flags: 0,
        #[cfg(target_arch = "x86_64")]
        restorer: 0,
        mask: 0,
    };
    let arg = (&raw mut act).expose_provenance() as u64;
    raw::syscall(
        libc::SYS_rt_sigaction,
        [super::cast::reg(sig), 0, arg, 8, 0, 0],
    )
    .ok()
    .map(|_| act)
}

/// The host's disposition of a signal: true if it is ignored.
#[must_use]
pub fn is_ignored(sig: i32) -> bool {
    host_action(sig).is_some_and(|act| act.handler == libc::SIG_IGN)
}

/// The signals that a C library keeps for itself (nptl(7)): the guest's does, and the host's may not.
const OF_THREADS: [i32; 2] = [32, 33];

/// The dispositions of `OF_THREADS`, before the host's C library makes a thread: with a process's first it takes them.
pub(super) struct Kept([Option<KernelAction>; 2]);

impl Kept {
    pub(super) fn now() -> Kept {
        Kept(OF_THREADS.map(host_action))
    }

    /// In the new thread, before it does anything else: the signals are the guest's again, and blocked, which the C library
    /// has changed as well.
    pub(super) fn restore(&self) {
        procmask(!SYNC);
        let own = [
            libc::SIG_DFL,
            libc::SIG_IGN,
            on_signal as *const () as usize,
        ];
        for (sig, kept) in OF_THREADS.iter().zip(&self.0) {
            let Some(kept) = kept else { continue };
            // Another thread of the guest may have set it meanwhile.
            if host_action(*sig).is_some_and(|now| !own.contains(&now.handler)) {
                let _ = put_action(*sig, kept);
            }
        }
    }
}

fn procmask(new: SigSet) -> SigSet {
    let mut old = 0u64;
    let (n, o) = (
        (&raw const new).expose_provenance() as u64,
        (&raw mut old).expose_provenance() as u64,
    );
    // It cannot fail with valid arguments.
    let _ = raw::syscall(
        libc::SYS_rt_sigprocmask,
        [libc::SIG_SETMASK.cast_unsigned().into(), n, o, 8, 0, 0],
    );
    old
}

/// Makes the host mask of this thread mirror the guest's `mask`. Not so while a signal is recorded, because another
/// would find no place: the safepoint that takes the first sets the mask then.
pub fn set_mask(mask: SigSet) {
    let _ = set_mask_wholly(mask & !SYNC);
}

/// The same with the signals the CPU raises, for as long as neither felix nor the guest can fault: around a call that waits
/// for such signals, and before exec, which hands the mask on. `ERESTARTNOINTR`: a signal is recorded.
pub fn set_mask_wholly(mask: SigSet) -> Result<(), Errno> {
    let new = (&raw const mask).expose_provenance() as u64;
    let how = libc::SIG_SETMASK.cast_unsigned().into();
    raw::interruptible(libc::SYS_rt_sigprocmask, [how, new, 0, 8, 0, 0])
        .map(drop)
        .map_err(|_| Errno::ERESTARTNOINTR)
}

/// The host mask of this thread.
#[must_use]
pub fn mask() -> SigSet {
    let mut old = 0u64;
    let o = (&raw mut old).expose_provenance() as u64;
    let _ = raw::syscall(libc::SYS_rt_sigprocmask, [0, 0, o, 8, 0, 0]);
    old
}

/// Runs `f` with all asynchronous signals blocked.
pub fn blocked<R>(f: impl FnOnce() -> R) -> R {
    let old = procmask(!SYNC);
    let r = f();
    procmask(old);
    r
}

/// The same for a fork. What a tracer passes on by SIGTRAP waits, too: the child's must come after it has dropped what was its
/// parent's.
pub fn blocked_to_fork<R>(f: impl FnOnce() -> R) -> R {
    let old = procmask(!SYNC | bit(libc::SIGTRAP));
    let r = f();
    procmask(old);
    r
}

/// Sends a signal to a thread of this process (tgkill(2)).
pub fn send(tid: i32, sig: i32) -> Result<(), Errno> {
    let pid = super::host::getpid();
    let args = [pid, tid, sig].map(super::cast::reg);
    raw::syscall(libc::SYS_tgkill, [args[0], args[1], args[2], 0, 0, 0]).map(drop)
}

/// Has a signal wait for this thread again, with what was known of it (rt_tgsigqueueinfo(2)).
pub fn requeue(tid: i32, info: &RawInfo) -> Result<(), Errno> {
    let sig = i32::from_le_bytes([info[0], info[1], info[2], info[3]]);
    let [pid, tid, sig] = [super::host::getpid(), tid, sig].map(super::cast::reg);
    let at = super::host::address_of(info);
    raw::syscall(libc::SYS_rt_tgsigqueueinfo, [pid, tid, sig, at, 0, 0]).map(drop)
}

/// Ends the process by this signal, so that its parent sees the right wait status.
pub fn die_by(sig: i32) -> ! {
    super::host::end();
    die_now(sig)
}

fn die_now(sig: i32) -> ! {
    let _ = set_host_action(sig, HostAction::Default);
    raise(sig);
    procmask(!bit(sig));
    super::host::exit_group(128 + sig)
}

/// Sends a signal to this thread that is not for a guest's tracer, if there is one, to decide about.
fn raise(sig: i32) {
    let (pid, tid) = (super::host::getpid(), super::host::gettid());
    if IS_TRACED.load(Ordering::Relaxed) {
        let _ = ptrace::queue(pid, tid, sig, &ptrace::info_of(sig, ptrace::PASS, 0));
    } else {
        let _ = ptrace::tgkill(pid, tid, sig);
    }
}

/// Whether a guest has ever traced this process.
static IS_TRACED: AtomicBool = AtomicBool::new(false);

/// From now on `raise` tells a tracer what is not for it to decide.
pub fn expect_tracer() {
    IS_TRACED.store(true, Ordering::Relaxed);
}

/// Stops the process by a signal whose default that is.
pub fn stop_by(sig: i32) {
    let old = procmask(!SYNC);
    raise(sig);
    // Here it stops; whatever else is sent waits.
    procmask(!SYNC & !bit(sig));
    procmask(old);
}
