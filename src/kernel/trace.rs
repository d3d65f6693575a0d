//! Being traced (ptrace(2)): how a thread stops for its tracer, which is another process that felix runs.
//!
//! Who traces whom is the host's business, and so are waiting, parentage and the end of processes: guests that trace each
//! other are host processes that do. But where the host would stop a thread, the guest's registers are anywhere. So a
//! thread stops itself, where its registers are exact and in memory, by a signal that `kernel::tracer` knows in
//! the other process, and what there is to know is in its `Record`, which the other reads and writes while the thread
//! is stopped.
//!
//! Knows no ABI: `personality` decides where there is a stop, and what registers look like.

use super::seccomp;
use super::task::Task;
use crate::mem::space;
use crate::sys::host::address_of;
use crate::sys::image::{IMAGE, RANGES};
use crate::sys::ptrace;
use crate::sys::signal::{self, RawInfo};
use crate::x86::CpuState;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a thread has stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Kind {
    /// It was kicked to a safepoint.
    Safepoint = 1,
    /// A thread or process that is traced because its parent is, before its first instruction.
    Start,
    /// A program that was just executed, before its first instruction.
    Exec,
    /// A signal is about to be delivered: its number is the code.
    Signal,
    /// A system call begins.
    Entry,
    /// A system call has ended.
    Exit,
    /// An event (PTRACE_EVENT_*): its number is the code.
    Event,
    /// A SIGTRAP that is no signal: a handler has been entered while stepping.
    Trap,
}

impl Kind {
    /// The kind with this number.
    #[must_use]
    pub fn of(n: u64) -> Option<Kind> {
        use Kind::*;
        let all = [Safepoint, Start, Exec, Signal, Entry, Exit, Event, Trap];
        all.into_iter().find(|k| *k as u64 == n)
    }
}

/// How a stopped thread is to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u64)]
pub enum Go {
    /// Nobody has said anything: the tracer is gone.
    #[default]
    Untold,
    /// To the next stop that is not a system call.
    Run,
    /// To the next system call's begin or end.
    Call,
    /// For one instruction.
    Step,
    /// To the next system call, which is not made.
    Emulate,
    /// For one instruction; a system call is not made.
    EmulateStep,
    /// On its own.
    Detached,
}

impl Go {
    /// The way with this number.
    #[must_use]
    pub fn of(n: u64) -> Go {
        use Go::*;
        let all = [Run, Call, Step, Emulate, EmulateStep, Detached];
        all.into_iter().find(|g| *g as u64 == n).unwrap_or(Untold)
    }
}

/// The words of a record, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Word {
    /// `MAGIC`.
    Magic,
    /// Where the register file is.
    Cpu,
    /// `Task::call`.
    Call,
    /// Blocked signals.
    Mask,
    /// What PTRACE_GETEVENTMSG gives.
    Message,
    /// `Kind`.
    Kind,
    /// See `Kind`.
    Code,
    /// The registers are exact: 1.
    Exact,
    /// The tracer's: `Go`.
    Go,
    /// The tracer's: the signal to deliver.
    Signal,
    /// The tracer's: PTRACE_O_*.
    Options,
    /// PTRACE_SEIZE was used: 1.
    Seized,
    /// The host's events of children that are made now are not the guest's: 1.
    Quiet,
    /// Where there is a byte for each of its seccomp filters, the oldest first, and how many there are.
    Filters,
    /// See `Filters`.
    FilterCount,
    /// The signal's siginfo: 16 words.
    Info = 16,
    /// The debug registers: 8 words.
    Debug = 32,
}

/// How many words there are.
pub const WORDS: usize = 40;
/// Says that it is a record.
pub const MAGIC: u64 = 0x6665_6c69_785f_7472;

/// What the tracer reads and writes of a thread. It stays where it is as long as the thread may stop.
#[derive(Debug)]
#[repr(C)]
pub struct Record {
    words: [AtomicU64; WORDS],
}

impl Default for Record {
    fn default() -> Self {
        Record {
            words: [const { AtomicU64::new(0) }; WORDS],
        }
    }
}

impl Record {
    fn get(&self, w: Word) -> u64 {
        self.words[w as usize].load(Ordering::Acquire)
    }

    fn set(&self, w: Word, v: u64) {
        self.words[w as usize].store(v, Ordering::Release);
    }

    fn info(&self) -> RawInfo {
        let mut info: RawInfo = [0; 128];
        for (place, w) in info
            .chunks_exact_mut(8)
            .zip(&self.words[Word::Info as usize..])
        {
            place.copy_from_slice(&w.load(Ordering::Acquire).to_le_bytes());
        }
        info
    }

    fn set_info(&self, info: &RawInfo) {
        for (bytes, w) in info.chunks_exact(8).zip(&self.words[Word::Info as usize..]) {
            let v = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
            w.store(v, Ordering::Release);
        }
    }
}

/// The debug registers when nothing has used them.
const DEBUG_RESET: [u64; 8] = [0, 0, 0, 0, 0, 0, DR6_RESET, 0];
/// DR6 without what has happened.
pub const DR6_RESET: u64 = 0xffff_0ff0;

/// The options (ptrace(2), PTRACE_SETOPTIONS).
#[allow(missing_docs)] // The manual's names.
pub mod option {
    pub const SYSGOOD: u64 = 1;
    pub const FORK: u64 = 2;
    pub const VFORK: u64 = 4;
    pub const CLONE: u64 = 8;
    pub const EXEC: u64 = 0x10;
    pub const VFORK_DONE: u64 = 0x20;
    pub const EXIT: u64 = 0x40;
    pub const SECCOMP: u64 = 0x80;
    pub const EXITKILL: u64 = 0x10_0000;
    pub const SUSPEND_SECCOMP: u64 = 0x20_0000;
}

/// The events.
#[allow(missing_docs)] // The manual's names.
pub mod event {
    pub const FORK: u64 = 1;
    pub const VFORK: u64 = 2;
    pub const CLONE: u64 = 3;
    pub const EXEC: u64 = 4;
    pub const VFORK_DONE: u64 = 5;
    pub const EXIT: u64 = 6;
    pub const SECCOMP: u64 = 7;
    pub const STOP: u64 = 128;
}

/// A thread's side of being traced.
#[derive(Debug, Default)]
pub struct Trace {
    /// There is one while it is traced.
    record: Option<Box<Record>>,
    /// How it goes on since it stopped last.
    pub go: Go,
    /// It has not run yet.
    pub fresh: bool,
    /// It is between a system call's begin, which the tracer saw, and its end.
    pub in_call: bool,
    /// Its debug registers.
    pub debug: [u64; 8],
    /// The breakpoints that the instruction at hand meets.
    pub meets: u64,
    /// How many of `IMAGE.ranges` are known.
    written: u64,
    /// What `Word::Filters` is about: SECCOMP_FILTER_FLAG_LOG.
    filters: Vec<u8>,
}

/// What the tracer wants delivered.
#[derive(Clone, Copy, Debug)]
pub struct Resume {
    /// The signal, or 0.
    pub signal: i32,
    /// Its siginfo.
    pub info: RawInfo,
}

impl Trace {
    /// True while somebody traces the thread.
    #[must_use]
    pub fn on(&self) -> bool {
        self.record.is_some()
    }

    /// Somebody traces the thread from now on.
    pub fn begin(&mut self) {
        if self.record.is_none() {
            let record = Box::<Record>::default();
            record.set(Word::Magic, MAGIC);
            *self = Trace {
                record: Some(record),
                go: Go::Run,
                debug: DEBUG_RESET,
                written: IMAGE.written.load(Ordering::Acquire),
                ..Trace::default()
            };
            signal::expect_tracer();
        }
    }

    /// Nobody does any more.
    pub fn end(&mut self) {
        *self = Trace::default();
    }

    /// What a child starts with that its parent makes for an event that is one of `options`.
    #[must_use]
    pub fn for_child(&self, options: u64) -> Trace {
        let mut child = Trace::default();
        if let Some(r) = &self.record
            && r.get(Word::Options) & options != 0
        {
            child.begin();
            child.fresh = true;
            if let Some(c) = &child.record {
                for w in [Word::Options, Word::Seized] {
                    c.set(w, r.get(w));
                }
            }
        }
        child
    }

    /// True if the tracer has set one of these options.
    #[must_use]
    pub fn wants(&self, options: u64) -> bool {
        (self.record.as_ref()).is_some_and(|r| r.get(Word::Options) & options != 0)
    }

    /// Whether the host's events of what the thread makes now are not the guest's.
    pub fn quiet(&self, quiet: bool) {
        if let Some(r) = &self.record {
            r.set(Word::Quiet, quiet.into());
        }
    }

    /// True if the thread is to trap after one instruction.
    #[must_use]
    pub fn steps(&self) -> bool {
        matches!(self.go, Go::Step | Go::EmulateStep)
    }

    /// Memory that the tracer has written since this was last asked.
    pub fn written(&mut self) -> Vec<Range<u64>> {
        let now = IMAGE.written.load(Ordering::Acquire);
        let before = std::mem::replace(&mut self.written, now);
        match now.wrapping_sub(before) {
            0 => Vec::new(),
            // Those before may be written over while they are read.
            n if n > RANGES as u64 / 2 => std::iter::once(0..space::LIMIT).collect(),
            _ => {
                let place = |n: u64| &IMAGE.ranges[usize::try_from(n).unwrap_or(0) % RANGES];
                let at = |n: u64, i: usize| place(n)[i].load(Ordering::Acquire);
                (before..now).map(|n| at(n, 0)..at(n, 1)).collect()
            }
        }
    }
}

/// The host may stop the thread from here on, and its registers are exact, until `done`.
pub fn expose(task: &mut Task, cpu: &mut CpuState) {
    if task.trace.on() {
        let logs = seccomp::logs(task.peer.seccomp.newest().as_ref());
        task.trace.filters = logs.into_iter().map(u8::from).collect();
    }
    if let Some(r) = &task.trace.record {
        r.set(Word::Filters, address_of(&task.trace.filters[..]));
        r.set(Word::FilterCount, task.trace.filters.len() as u64);
        r.set(Word::Cpu, crate::sys::host::address_of_mut(cpu));
        r.set(Word::Call, task.call);
        r.set(Word::Mask, task.mask);
        r.set(Word::Go, task.trace.go as u64);
        for (w, v) in r.words[Word::Debug as usize..].iter().zip(task.trace.debug) {
            w.store(v, Ordering::Release);
        }
        r.set(Word::Exact, 1);
    }
}

/// See `expose`. The thread takes over what the tracer has changed.
pub fn done(task: &mut Task) {
    let Some(r) = &task.trace.record else {
        return;
    };
    r.set(Word::Exact, 0);
    task.call = r.get(Word::Call);
    task.mask = r.get(Word::Mask);
    task.trace.go = Go::of(r.get(Word::Go));
    for (v, w) in (task.trace.debug.iter_mut()).zip(&r.words[Word::Debug as usize..]) {
        *v = w.load(Ordering::Acquire);
    }
    if matches!(task.trace.go, Go::Untold | Go::Detached) {
        task.trace.end();
    }
}

/// Stops this thread for its tracer until that lets it go on. The host's signal mask is the thread's afterwards.
pub fn stop(
    task: &mut Task,
    cpu: &mut CpuState,
    kind: Kind,
    code: u64,
    message: u64,
    info: &RawInfo,
) -> Resume {
    let signal = if kind == Kind::Signal {
        i32::try_from(code).unwrap_or(0)
    } else {
        0
    };
    let mut resume = Resume {
        signal,
        info: *info,
    };
    expose(task, cpu);
    let Some(r) = &task.trace.record else {
        return resume;
    };
    r.set(Word::Kind, kind as u64);
    r.set(Word::Code, code);
    r.set(Word::Message, message);
    r.set(Word::Go, Go::Untold as u64);
    r.set(Word::Signal, code);
    r.set_info(info);
    ptrace::block_all();
    ptrace::stop(task.tid, address_of(&**r), cpu);
    if Go::of(r.get(Word::Go)) != Go::Untold {
        let signal = r.get(Word::Signal);
        resume = Resume {
            signal: i32::try_from(signal).unwrap_or(0),
            info: r.info(),
        };
    }
    done(task);
    signal::set_mask(task.mask);
    resume
}
