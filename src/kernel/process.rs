//! A guest process: what its threads share and the host does not keep for us.

use super::vfs::Fs;
use crate::sys::signal::SigSet;
use std::ffi::OsString;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// FELIX_EXEC_WRAPPER: a program put before felix at exec (qemu).
    pub wrapper: Option<OsString>,
    /// `--strace`.
    pub strace: bool,
    /// `--stats`.
    pub stats: bool,
}

/// Where a program lies in memory (proc(5), /proc/PID/stat).
#[derive(Clone, Debug, Default)]
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

/// What runs in the process.
#[derive(Clone, Debug, Default)]
pub struct Exe {
    /// The executable's path as the guest sees it.
    pub path: Vec<u8>,
    /// /proc/self/cmdline.
    pub cmdline: Vec<u8>,
    /// /proc/self/environ.
    pub environ: Vec<u8>,
    /// /proc/self/auxv.
    pub auxv: Vec<u8>,
    /// Where it lies.
    pub layout: Layout,
}

/// See the module's head.
#[derive(Debug)]
pub struct Process {
    /// Path resolution.
    pub fs: Arc<Fs>,
    /// Command-line options.
    pub options: Arc<Options>,
    /// The program.
    pub exe: RwLock<Exe>,
    /// Number of threads that run guest code.
    pub threads: AtomicUsize,
    /// True in a child that shares its parent's memory until exec.
    pub borrowed_memory: bool,
    actions: Mutex<[Action; 65]>,
}

/// Keeps a process's locks.
#[derive(Debug)]
pub struct ForkGuard<'a> {
    _exe: RwLockWriteGuard<'a, Exe>,
    _actions: MutexGuard<'a, [Action; 65]>,
}

impl Process {
    /// A process without a program.
    #[must_use]
    pub fn new(fs: Arc<Fs>, options: Arc<Options>) -> Process {
        Process {
            fs,
            options,
            exe: RwLock::default(),
            threads: AtomicUsize::new(1),
            borrowed_memory: false,
            actions: Mutex::new([Action::default(); 65]),
        }
    }

    /// The copy a child process starts with.
    #[must_use]
    pub fn for_child(&self, borrowed_memory: bool) -> Process {
        Process {
            fs: self.fs.clone(),
            options: self.options.clone(),
            exe: RwLock::new(self.exe()),
            threads: AtomicUsize::new(1),
            borrowed_memory,
            actions: Mutex::new(*self.actions()),
        }
    }

    /// Keeps the locks over a fork.
    pub fn for_fork(&self) -> ForkGuard<'_> {
        ForkGuard {
            _exe: self.exe.write().unwrap_or_else(PoisonError::into_inner),
            _actions: self.actions(),
        }
    }

    /// All dispositions, by signal number.
    pub fn actions(&self) -> MutexGuard<'_, [Action; 65]> {
        self.actions.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// True if only one thread runs guest code.
    #[must_use]
    pub fn single_threaded(&self) -> bool {
        self.threads.load(Ordering::Acquire) == 1
    }
}
