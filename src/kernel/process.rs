//! A guest process: what its threads share and the host does not keep for us.

use super::fd;
use super::seccomp::Seccomp;
use crate::sys::signal::{SigSet, bit};
use crate::sys::{host, image};
use crate::x86::CpuState;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::ops::{Deref, DerefMut, Range};
use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

/// A signal's disposition (sigaction(2)). Handlers 0 and 1 are SIG_DFL and SIG_IGN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Action {
    /// Address of the handler.
    pub handler: u64,
    /// SA_* flags.
    pub flags: u64,
    /// Address of the code a handler returns to.
    pub restorer: u64,
    /// Signals blocked while it runs.
    pub mask: SigSet,
}

/// SIG_DFL.
pub const DEFAULT: u64 = 0;
/// SIG_IGN.
pub const IGNORE: u64 = 1;

/// What felix was told on its command line and hands on over exec.
#[derive(Debug, Default)]
pub struct Options {
    /// The felix executable's path.
    pub felix: OsString,
    /// Arguments that repeat the options in force.
    pub again: Vec<OsString>,
    /// The same by descriptor, where the path may not do.
    pub kept_felix: Mutex<Option<KeptFelix>>,
    /// FELIX_EXEC_WRAPPER: a program put before felix at exec (qemu).
    pub wrapper: Option<OsString>,
    /// `--strace`.
    pub strace: bool,
    /// `--stats`.
    pub stats: bool,
}

impl Options {
    /// Keeps felix's executable by descriptor, before the guest goes where its path may name nothing, or something else.
    pub fn keep_felix(&self) {
        let open = || {
            let fd = host::openat(libc::AT_FDCWD, c"/proc/self/exe", libc::O_PATH, 0).ok()?;
            KeptFelix::new(fd)
        };
        if self.kept().is_none()
            && let Some(k) = open()
        {
            *self
                .kept_felix
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(k);
        }
    }

    /// Sees to it that felix can be executed: its path may be closed to whom the guest has become.
    pub fn reach_felix(&self) {
        if self.kept().is_none() && self.wrapper.is_none() {
            let path = host::cstring(self.felix.as_encoded_bytes());
            let there = path.and_then(|p| host::openat(libc::AT_FDCWD, &p, libc::O_PATH, 0));
            if there.is_err() {
                self.keep_felix();
            }
        }
    }

    /// The descriptor of felix's executable, if it is kept.
    #[must_use]
    pub fn kept(&self) -> Option<RawFd> {
        let kept = *self
            .kept_felix
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // A child that borrows this memory has descriptors of its own.
        kept.filter(|k| identity(k.fd) == Some(k.file))
            .map(|k| k.fd)
    }
}

/// Felix's executable, open in the hidden range.
#[derive(Clone, Copy, Debug)]
pub struct KeptFelix {
    fd: RawFd,
    /// Device and inode.
    file: (u64, u64),
}

fn identity(fd: RawFd) -> Option<(u64, u64)> {
    let st = host::fstat(fd).ok()?;
    Some((st.st_dev, st.st_ino))
}

impl KeptFelix {
    /// Takes over an open executable.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Option<KeptFelix> {
        let fd = fd::hide(fd).ok()?.into_raw_fd();
        let file = identity(fd)?;
        Some(KeptFelix { fd, file })
    }
}

/// Where a program lies in memory (proc(5), /proc/PID/stat).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Layout {
    /// Its code.
    pub code: Range<u64>,
    /// Its initialised data and bss.
    pub data: Range<u64>,
    /// Where its heap starts.
    pub heap: u64,
    /// The stack pointer it started with.
    pub stack: u64,
    /// The strings of its arguments.
    pub arguments: Range<u64>,
    /// The strings of its environment.
    pub environment: Range<u64>,
}

impl Layout {
    /// Shows other processes of felix where the program lies.
    pub fn show(&self) {
        image::show_program(&postcard::to_stdvec(self).unwrap_or_default());
    }
}

/// What runs in the process.
#[derive(Clone, Debug, Default)]
pub struct Exe {
    /// The executable's path as the guest saw it when it was executed.
    pub path: Vec<u8>,
    /// The executable (O_PATH), if a descriptor was left for it.
    pub file: Option<Arc<OwnedFd>>,
    /// Its device and inode.
    pub id: (u64, u64),
    /// /proc/self/auxv.
    pub auxv: Vec<u8>,
    /// Where it lies.
    pub layout: Layout,
}

/// What other threads of a process see and change of a thread.
#[derive(Debug, Default)]
pub struct Peer {
    /// Thread id; 0 until it has one.
    pub tid: AtomicI32,
    /// Its seccomp state.
    pub seccomp: Seccomp,
    /// Its personality(2).
    pub personality: AtomicU32,
    /// What it was stopped with, once it is stopped for good.
    pub frozen: Mutex<Option<Box<Frozen>>>,
}

/// A thread of a process that is being dumped.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// Its registers.
    pub cpu: CpuState,
    /// The call it was in.
    pub call: Option<u64>,
    /// Blocked signals.
    pub mask: SigSet,
}

impl Peer {
    /// What a child of the thread starts with.
    #[must_use]
    pub fn child(&self) -> Arc<Peer> {
        Arc::new(Peer {
            tid: AtomicI32::new(0),
            seccomp: self.seccomp.inherited(),
            personality: AtomicU32::new(self.personality.load(Ordering::Relaxed)),
            frozen: Mutex::default(),
        })
    }
}

/// The id of a notification, and the socket for the answer.
pub type Notification = (u64, OwnedFd);

/// Notifications of seccomp filters that a process has received and not answered.
#[derive(Debug, Default)]
pub struct Notifications {
    /// They.
    pub open: Vec<Notification>,
    /// The id of the last.
    pub last: u64,
}

/// See the module's head.
#[derive(Debug)]
pub struct Process {
    /// Command-line options.
    pub options: Arc<Options>,
    /// The program.
    pub exe: RwLock<Exe>,
    /// Number of threads that run guest code.
    pub threads: AtomicUsize,
    /// True in a child that shares its parent's memory until exec.
    pub borrowed_memory: bool,
    /// A thread is writing the process's core: the others stop where they can be looked at.
    pub dying: AtomicBool,
    /// Signals that the CPU raises and that a descriptor may give (signalfd(2)).
    pub read_from_descriptors: AtomicU64,
    actions: Mutex<[Action; 65]>,
    notifications: Mutex<Notifications>,
    peers: Mutex<Vec<Arc<Peer>>>,
}

/// Keeps a process's locks.
#[derive(Debug)]
pub struct ForkGuard<'a> {
    _exe: RwLockWriteGuard<'a, Exe>,
    _actions: Actions<'a>,
    _peers: MutexGuard<'a, Vec<Arc<Peer>>>,
}

/// A process's dispositions, locked. What other processes may know of them is shown when they are given back changed.
#[derive(Debug)]
pub struct Actions<'a> {
    lock: MutexGuard<'a, [Action; 65]>,
    changed: bool,
    shown: bool,
}

impl Actions<'_> {
    /// The signals that are ignored, and those that have handlers.
    #[must_use]
    pub fn sets(&self) -> (u64, u64) {
        let (mut ignored, mut caught) = (0, 0);
        for (n, a) in self.lock.iter().enumerate().skip(1) {
            let set = bit(i32::try_from(n).unwrap_or(0));
            match a.handler {
                DEFAULT => {}
                IGNORE => ignored |= set,
                _ => caught |= set,
            }
        }
        (ignored, caught)
    }
}

impl Deref for Actions<'_> {
    type Target = [Action; 65];

    fn deref(&self) -> &[Action; 65] {
        &self.lock
    }
}

impl DerefMut for Actions<'_> {
    fn deref_mut(&mut self) -> &mut [Action; 65] {
        self.changed = true;
        &mut self.lock
    }
}

impl Drop for Actions<'_> {
    fn drop(&mut self) {
        if self.changed && self.shown {
            let (ignored, caught) = self.sets();
            image::show_signals(ignored, caught);
        }
    }
}

impl Process {
    /// A process without a program.
    #[must_use]
    pub fn new(options: Arc<Options>) -> Process {
        Process {
            options,
            exe: RwLock::default(),
            threads: AtomicUsize::new(1),
            borrowed_memory: false,
            dying: AtomicBool::new(false),
            read_from_descriptors: AtomicU64::new(0),
            actions: Mutex::new([Action::default(); 65]),
            notifications: Mutex::default(),
            peers: Mutex::default(),
        }
    }

    /// The copy a child process starts with, whose one thread is `peer`.
    #[must_use]
    pub fn for_child(&self, borrowed_memory: bool, peer: &Arc<Peer>) -> Process {
        Process {
            options: self.options.clone(),
            exe: RwLock::new(self.exe()),
            threads: AtomicUsize::new(1),
            borrowed_memory,
            dying: AtomicBool::new(false),
            read_from_descriptors: AtomicU64::new(
                self.read_from_descriptors.load(Ordering::Acquire),
            ),
            actions: Mutex::new(*self.actions()),
            notifications: Mutex::default(),
            peers: Mutex::new(vec![peer.clone()]),
        }
    }

    /// Keeps the locks over a fork.
    pub fn for_fork(&self) -> ForkGuard<'_> {
        ForkGuard {
            _exe: self.exe.write().unwrap_or_else(PoisonError::into_inner),
            _actions: self.actions(),
            _peers: self.peers(),
        }
    }

    /// Notifications of seccomp filters that this process has received and not answered.
    pub fn notifications(&self) -> MutexGuard<'_, Notifications> {
        (self.notifications.lock()).unwrap_or_else(PoisonError::into_inner)
    }

    /// The threads that run guest code, those that begin to included.
    pub fn peers(&self) -> MutexGuard<'_, Vec<Arc<Peer>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread ends.
    pub fn remove_peer(&self, peer: &Arc<Peer>) {
        self.peers().retain(|p| !Arc::ptr_eq(p, peer));
    }

    /// All dispositions, by signal number.
    pub fn actions(&self) -> Actions<'_> {
        let lock = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        Actions {
            lock,
            changed: false,
            // In memory that is the parent's, it is the parent that shows its own.
            shown: !self.borrowed_memory,
        }
    }

    /// What runs in the process.
    #[must_use]
    pub fn exe(&self) -> Exe {
        self.exe
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes what runs in the process.
    pub fn set_exe(&self, exe: Exe) {
        *self.exe.write().unwrap_or_else(PoisonError::into_inner) = exe;
    }

    /// Changes something of it, and shows others where it lies.
    pub fn change_exe<T>(&self, change: impl FnOnce(&mut Exe) -> T) -> T {
        let mut exe = self.exe.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut exe);
        exe.layout.show();
        result
    }

    /// True if only one thread runs guest code.
    #[must_use]
    pub fn single_threaded(&self) -> bool {
        self.threads.load(Ordering::Acquire) == 1
    }
}
