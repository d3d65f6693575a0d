//! Tracing others (ptrace(2)): which of the host's stops are the guest's, and what the guest's are.
//!
//! The host tells of more than a guest may see: signals that are felix's own affair in the other process, and stops at which
//! the guest's registers are not exact. Those are gone on from at once; in the second case the thread is kicked to
//! where it stops itself (see `kernel::trace`), and that is told instead. The host's own stops are told where the
//! thread is exact: in group-stops of PTRACE_SEIZE, and while it waits for a vfork.
//!
//! Knows no ABI. Invariant: the table holds what the host's tracer thread has to know of each thread it traces, and is
//! locked for no call that blocks.

use super::trace::{Go, Kind, MAGIC, WORDS, Word, event, option};
use crate::sys::cast::{low32, reg};
use crate::sys::host::gettid;
use crate::sys::image::{self, IMAGE, Image};
use crate::sys::ptrace::{self, request};
use crate::sys::signal::{RawInfo, SYNC, bit};
use crate::sys::{Errno, host};
use std::collections::BTreeMap;
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the guest was told of a stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The thread stopped itself.
    Own(Kind),
    /// The host stopped it, where it is exact.
    Host,
}

/// What a kicked thread was kicked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Owed {
    #[default]
    Nothing,
    /// The host's stop of PTRACE_EVENT_STOP.
    Interrupt,
    /// A group-stop by this signal.
    Group(i32),
}

/// A thread that is traced.
#[derive(Debug, Default)]
struct Tracee {
    /// The thread that traces it: after a fork, what the child finds here is not its own.
    tracer: i32,
    /// Where its record is, or 0.
    record: u64,
    /// PTRACE_O_*.
    options: u64,
    seized: bool,
    /// The host has been given its options.
    ready: bool,
    stop: Option<Stop>,
    owed: Owed,
    /// It has not run guest code yet.
    fresh: bool,
    /// A status that the guest has not waited for.
    untold: Option<i32>,
    /// Signals that came when it could not take any.
    held: Vec<i32>,
    go: Go,
    /// Its number before execve(2).
    before_exec: u64,
    /// It is not the first thread of its process.
    is_thread: bool,
}

type Table = BTreeMap<i32, Tracee>;

/// There has ever been one: asked at every system call that writes, so not under the lock.
static ANY: AtomicBool = AtomicBool::new(false);
static TRACEES: Mutex<Table> = Mutex::new(BTreeMap::new());

/// The table; also to keep it over a fork.
pub fn table() -> MutexGuard<'static, impl std::fmt::Debug> {
    tracees()
}

fn tracees() -> MutexGuard<'static, Table> {
    TRACEES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The entries of the thread that asks.
fn own(table: &mut Table, tid: i32) -> Option<&mut Tracee> {
    let me = gettid();
    table.get_mut(&tid).filter(|t| t.tracer == me)
}

/// What the host has to know of these options.
fn host_options(options: u64) -> u64 {
    let mirrored = option::FORK | option::VFORK | option::CLONE | option::VFORK_DONE;
    options & (mirrored | option::EXITKILL) | option::EXEC
}

/// Every option there is.
pub const OPTIONS: u64 = 0xff | option::EXITKILL | option::SUSPEND_SECCOMP;

/// PTRACE_ATTACH.
pub fn attach(tid: i32) -> Result<(), Errno> {
    ptrace::ptrace(request::ATTACH, tid, 0, 0)?;
    adopt(tid, false, 0);
    Ok(())
}

/// PTRACE_SEIZE. The thread learns of it at its next safepoint, because a child that it makes has to know.
pub fn seize(tid: i32, addr: u64, options: u64) -> Result<(), Errno> {
    let given = if options & !OPTIONS == 0 {
        host_options(options)
    } else {
        options
    };
    ptrace::ptrace(request::SEIZE, tid, addr, given)?;
    adopt(tid, true, options);
    kick(tid);
    Ok(())
}

fn adopt(tid: i32, seized: bool, options: u64) {
    let t = Tracee {
        tracer: gettid(),
        options,
        seized,
        ready: seized,
        go: Go::Run,
        ..Tracee::default()
    };
    tracees().insert(tid, t);
    ANY.store(true, Ordering::Relaxed);
}

fn is_thread(tid: i32) -> bool {
    ptrace::tgid_of(tid).is_ok_and(|g| g != tid)
}

/// Makes a thread come to its next safepoint.
fn kick(tid: i32) {
    let info = ptrace::info_of(libc::SIGTRAP, ptrace::KICK, 0);
    if let Ok(tgid) = ptrace::tgid_of(tid) {
        let _ = ptrace::queue(tgid, tid, libc::SIGTRAP, &info);
    }
}

fn go_on(tid: i32, sig: i32) {
    let _ = ptrace::ptrace(request::CONT, tid, 0, reg(sig));
}

/// Felix's handlers are there, or it cannot be known.
fn started(tid: i32) -> bool {
    image::image_of(tid)
        .and_then(|i| image::read_u32(tid, i + offset_of!(Image, started) as u64))
        .is_ok_and(|v| v != 0)
}

/// Tells a program that was just executed that it is traced.
fn tell_executed(tid: i32) {
    let told = image::image_of(tid).and_then(|i| {
        image::write(
            tid,
            i + offset_of!(Image, executed) as u64,
            &1u32.to_le_bytes(),
        )
    });
    if let Err(e) = told {
        tracing::warn!("process {tid} cannot be told that it is traced: {e}");
    }
}

/// A thread's record, as it is now.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The thread.
    pub tid: i32,
    /// What the guest was told.
    pub stop: Stop,
    /// The record's words.
    words: [u64; WORDS],
    at: u64,
}

fn words(tid: i32, at: u64) -> Result<[u64; WORDS], Errno> {
    let mut bytes = [0; 8 * WORDS];
    image::read(tid, at, &mut bytes)?;
    let mut words = [0; WORDS];
    for (w, b) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *w = u64::from_le_bytes(b.try_into().unwrap_or_default());
    }
    if words[Word::Magic as usize] != MAGIC {
        return Err(Errno::EIO);
    }
    Ok(words)
}

fn set_word(tid: i32, at: u64, w: Word, v: u64) -> Result<(), Errno> {
    image::write(tid, at + 8 * (w as u64), &v.to_le_bytes())
}

impl View {
    /// A word of it.
    #[must_use]
    pub fn get(&self, w: Word) -> u64 {
        self.words[w as usize]
    }

    /// Changes one.
    pub fn set(&self, w: Word, v: u64) -> Result<(), Errno> {
        set_word(self.tid, self.at, w, v)
    }

    /// A debug register.
    #[must_use]
    pub fn debug(&self, n: usize) -> u64 {
        self.words[Word::Debug as usize + n]
    }

    /// Changes one.
    pub fn set_debug(&self, n: usize, v: u64) -> Result<(), Errno> {
        let place = 8 * (Word::Debug as u64 + n as u64);
        image::write(self.tid, self.at + place, &v.to_le_bytes())
    }

    /// The siginfo.
    #[must_use]
    pub fn info(&self) -> RawInfo {
        let mut info: RawInfo = [0; 128];
        for (b, w) in info
            .chunks_exact_mut(8)
            .zip(&self.words[Word::Info as usize..])
        {
            b.copy_from_slice(&w.to_le_bytes());
        }
        info
    }

    /// Changes it.
    pub fn set_info(&self, info: &RawInfo) -> Result<(), Errno> {
        image::write(self.tid, self.at + 8 * Word::Info as u64, info)
    }
}

/// The record of a thread that has stopped for the guest; ESRCH if it has not.
pub fn stopped(tid: i32) -> Result<View, Errno> {
    let found = |table: &mut Table| {
        let t = own(table, tid)?;
        Some((t.stop?, t.record))
    };
    let first = found(&mut tracees());
    let (stop, at) = match first {
        Some(f) => f,
        None => {
            serve(tid);
            found(&mut tracees()).ok_or(Errno::ESRCH)?
        }
    };
    Ok(View {
        tid,
        stop,
        words: words(tid, at)?,
        at,
    })
}

/// True if the caller traces the thread.
#[must_use]
pub fn traces(tid: i32) -> bool {
    own(&mut tracees(), tid).is_some()
}

/// True if the caller traces the thread and used PTRACE_SEIZE.
#[must_use]
pub fn has_seized(tid: i32) -> bool {
    own(&mut tracees(), tid).is_some_and(|t| t.seized)
}

/// True if the caller has ever traced anybody.
#[must_use]
pub fn is_tracer() -> bool {
    if !ANY.load(Ordering::Relaxed) {
        return false;
    }
    let me = gettid();
    tracees().values().any(|t| t.tracer == me)
}

/// PTRACE_SETOPTIONS of a stopped thread.
pub fn set_options(view: &View, options: u64) -> Result<(), Errno> {
    if options & !OPTIONS != 0 {
        return Err(Errno::EINVAL);
    }
    ptrace::ptrace(request::SETOPTIONS, view.tid, 0, host_options(options))?;
    if let Some(t) = own(&mut tracees(), view.tid) {
        t.options = options;
    }
    view.set(Word::Options, options)
}

/// The options of a thread.
#[must_use]
pub fn options(tid: i32) -> u64 {
    own(&mut tracees(), tid).map_or(0, |t| t.options)
}

/// Lets a stopped thread go on, with this signal if it stopped for one.
pub fn resume(view: &View, go: Go, sig: i32) -> Result<(), Errno> {
    let tid = view.tid;
    if let Stop::Own(kind) = view.stop {
        let was = view.info()[..4] == sig.to_le_bytes();
        if kind == Kind::Signal && sig != 0 && !was {
            // As if the tracer had sent it by kill(2).
            let mut info = ptrace::info_of(sig, 0, 0);
            info[16..20].copy_from_slice(&host::getpid().to_le_bytes());
            info[20..24].copy_from_slice(&low32(host::ids()[0]).to_le_bytes());
            view.set_info(&info)?;
        }
        view.set(Word::Signal, reg(sig))?;
    }
    view.set(Word::Go, go as u64)?;
    let mut table = tracees();
    let request = if go == Go::Detached {
        table.remove(&tid);
        request::DETACH
    } else {
        if let Some(t) = own(&mut table, tid) {
            (t.go, t.stop) = (go, None);
        }
        request::CONT
    };
    ptrace::ptrace(request, tid, 0, 0).map(drop)
}

/// PTRACE_LISTEN.
pub fn listen(view: &View) -> Result<(), Errno> {
    if view.stop != Stop::Host {
        return Err(Errno::EIO);
    }
    ptrace::ptrace(request::LISTEN, view.tid, 0, 0)?;
    if let Some(t) = own(&mut tracees(), view.tid) {
        t.stop = None;
    }
    Ok(())
}

/// A status that was seen and not told, of a thread that wait4(2) with `pid` waits for.
#[must_use]
pub fn untold(pid: i32, take: bool) -> Option<(i32, i32)> {
    if !ANY.load(Ordering::Relaxed) {
        return None;
    }
    let me = gettid();
    let mut table = tracees();
    let group = |tid: i32| match pid {
        0 => ptrace::group_of(tid) == ptrace::group_of(0),
        p if p < -1 => ptrace::group_of(tid) == -p,
        p => p == -1 || p == tid,
    };
    let mut found = table
        .iter_mut()
        .filter(|(_, t)| t.tracer == me && t.untold.is_some());
    let (tid, t) = found.find(|(tid, _)| group(**tid))?;
    let status = if take { t.untold.take() } else { t.untold };
    status.map(|s| (*tid, s))
}

/// Takes care of a thread's stop, if it has stopped, though the guest does not wait for it. True if there is something to wait
/// for afterwards.
pub fn serve(tid: i32) -> bool {
    const WALL: u64 = 0x4000_0000;
    const P_PID: u64 = 1;
    loop {
        if own(&mut tracees(), tid).is_some_and(|t| t.untold.is_some()) {
            return true;
        }
        // A thread of felix's own that has ended keeps its process from ending.
        let internal = own(&mut tracees(), tid).is_some_and(|t| t.fresh && t.is_thread);
        let ends = if internal { libc::WEXITED } else { 0 };
        let options = reg(libc::WSTOPPED | libc::WNOHANG | ends) | WALL;
        let Ok(info) = ptrace::waitid(P_PID, reg(tid), options, 0) else {
            return false;
        };
        let word = |at: usize| i32::from_le_bytes(info[at..at + 4].try_into().unwrap_or_default());
        if word(16) != tid {
            return false;
        }
        if !matches!(word(8), libc::CLD_TRAPPED | libc::CLD_STOPPED) {
            tracees().remove(&tid);
            return false;
        }
        if let Some(status) = on_status(tid, word(24) << 8 | 0x7f) {
            match own(&mut tracees(), tid) {
                Some(t) => t.untold = Some(status),
                None => return true,
            }
        }
    }
}

/// The same for all threads the caller traces.
pub fn serve_all() -> bool {
    let me = gettid();
    let all: Vec<i32> = (tracees().iter())
        .filter(|(_, t)| t.tracer == me)
        .map(|(tid, _)| *tid)
        .collect();
    all.into_iter().filter(|tid| serve(*tid)).count() != 0
}

/// What the guest is told of a status that the host has told; `None` if nothing.
#[must_use]
pub fn on_status(tid: i32, status: i32) -> Option<i32> {
    let mut table = tracees();
    if status & 0xff != 0x7f {
        if status & 0xffff == 0xffff {
            return Some(status);
        }
        // One of felix's own that never became the guest's.
        let internal = table.remove(&tid).is_some_and(|t| t.fresh && t.is_thread);
        return (!internal).then_some(status);
    }
    let (sig, event) = (status >> 8 & 0xff, reg(status >> 16 & 0xff));
    let info = match ptrace::siginfo(tid) {
        // Somebody's child that is not traced.
        Err(e) if e != Errno::EINVAL => return Some(status),
        Err(_) => None,
        Ok(info) => Some(info),
    };
    if own(&mut table, tid).is_none() {
        // Traced because its parent is, or by PTRACE_TRACEME.
        let born = event == event::STOP || info.as_ref().is_some_and(|i| is_birth(sig, i));
        let t = Tracee {
            tracer: gettid(),
            seized: event == event::STOP,
            fresh: born,
            ready: born,
            is_thread: is_thread(tid),
            go: Go::Run,
            ..Tracee::default()
        };
        table.insert(tid, t);
        ANY.store(true, Ordering::Relaxed);
    }
    judge(&mut table, tid, sig, event, status, info)
}

/// The SIGSTOP the host begins such a child with: nobody has sent it.
fn is_birth(sig: i32, info: &RawInfo) -> bool {
    sig == libc::SIGSTOP && ptrace::code_of(info) == 0 && info[16..20] == [0; 4]
}

fn judge(
    table: &mut Table,
    tid: i32,
    sig: i32,
    event: u64,
    status: i32,
    info: Option<RawInfo>,
) -> Option<i32> {
    if event == event::EXEC {
        executed(table, tid);
        go_on(tid, 0);
        return None;
    }
    let t = table.get_mut(&tid)?;
    let words = match t.record {
        0 => None,
        at => words(tid, at).ok(),
    };
    let is = |w: Word| words.is_some_and(|v| v[w as usize] != 0);
    let exact = is(Word::Exact);
    if !t.ready {
        let set = ptrace::ptrace(request::SETOPTIONS, tid, 0, host_options(t.options));
        t.ready = set.is_ok();
    }
    match (event, info) {
        (event::FORK | event::VFORK | event::CLONE | event::VFORK_DONE, _) => {
            let (options, seized, tracer) = (t.options, t.seized, t.tracer);
            let told = exact && !is(Word::Quiet);
            if told {
                t.stop = Some(Stop::Host);
            }
            if event != event::VFORK_DONE
                && let Ok(child) = ptrace::message(tid)
                && let Ok(child) = i32::try_from(child)
            {
                let child = table.entry(child).or_insert(Tracee {
                    fresh: true,
                    ready: true,
                    is_thread: is_thread(child),
                    go: Go::Run,
                    ..Tracee::default()
                });
                (child.options, child.seized, child.tracer) = (options, seized, tracer);
            }
            if told {
                return Some(status);
            }
            go_on(tid, 0);
            None
        }
        // A group-stop, or an interruption.
        (event::STOP, _) | (0, None) => {
            if exact {
                t.stop = Some(Stop::Host);
                return Some(status);
            }
            t.owed = match event {
                event::STOP => Owed::Interrupt,
                _ => Owed::Group(sig),
            };
            if !t.fresh && started(tid) {
                kick(tid);
            }
            go_on(tid, 0);
            None
        }
        (0, Some(info)) => on_signal(t, tid, sig, &info),
        _ => {
            go_on(tid, 0);
            None
        }
    }
}

/// A thread has executed a program; if it was not the first of its process, it has become it.
fn executed(table: &mut Table, tid: i32) {
    let before = ptrace::message(tid).unwrap_or(0);
    if let Ok(old) = i32::try_from(before)
        && old != tid
        && let Some(t) = table.remove(&old)
    {
        table.insert(tid, t);
    }
    if let Some(t) = table.get_mut(&tid) {
        (t.record, t.stop, t.before_exec) = (0, None, before);
    }
    tell_executed(tid);
}

/// A signal is about to be delivered by the host.
fn on_signal(t: &mut Tracee, tid: i32, sig: i32, info: &RawInfo) -> Option<i32> {
    let code = ptrace::code_of(info);
    match code {
        ptrace::STOP if sig == libc::SIGTRAP => return on_own_stop(t, tid, ptrace::value_of(info)),
        ptrace::KICK | ptrace::PASS => go_on(tid, sig),
        // Raised by the host's CPU: felix's own affair.
        _ if bit(sig) & SYNC != 0 && code > 0 => go_on(tid, sig),
        _ if is_birth(sig, info) && t.fresh => go_on(tid, 0),
        _ if !started(tid) => {
            // The SIGTRAP after execve(2) comes before anything of the program has run.
            if sig == libc::SIGTRAP {
                tell_executed(tid);
                t.before_exec = reg(tid);
            } else {
                t.held.push(sig);
            }
            go_on(tid, 0);
        }
        _ if t.fresh => {
            t.held.push(sig);
            go_on(tid, 0);
        }
        _ => {
            let sig = match ptrace::set_siginfo(tid, &ptrace::carrying(info)) {
                Ok(()) => libc::SIGTRAP,
                Err(_) => sig,
            };
            go_on(tid, sig);
        }
    }
    None
}

/// A thread has stopped itself.
fn on_own_stop(t: &mut Tracee, tid: i32, record: u64) -> Option<i32> {
    let Ok(words) = words(tid, record) else {
        go_on(tid, 0);
        return None;
    };
    let get = |w: Word| words[w as usize];
    let kind = Kind::of(get(Word::Kind)).unwrap_or(Kind::Safepoint);
    if kind == Kind::Start && t.record == 0 && t.options == 0 {
        // Its parent's event has not been seen yet.
        (t.options, t.seized) = (get(Word::Options), get(Word::Seized) != 0);
    }
    t.record = record;
    let set = |w: Word, v: u64| {
        let _ = set_word(tid, record, w, v);
    };
    set(Word::Options, t.options);
    set(Word::Seized, t.seized.into());
    if matches!(kind, Kind::Start | Kind::Exec) {
        t.fresh = false;
        let tgid = ptrace::tgid_of(tid).unwrap_or(tid);
        for sig in t.held.drain(..) {
            let _ = ptrace::tgkill(tgid, tid, sig);
        }
    }
    let stop = |sig: u64, event: u64| {
        let word = low32(sig << 8 | 0x7f | event << 16);
        Some(word.cast_signed())
    };
    let trap = reg(libc::SIGTRAP);
    // What it goes on with, if the guest is not told.
    let mut signal = 0;
    let owed = match kind {
        Kind::Safepoint | Kind::Exec | Kind::Start => std::mem::take(&mut t.owed),
        _ => Owed::Nothing,
    };
    if owed == Owed::Interrupt || kind == Kind::Start && t.seized {
        // The host stops it again as soon as it goes on, and now it is exact.
        let _ = ptrace::ptrace(request::INTERRUPT, tid, 0, 0);
    }
    let told = match kind {
        Kind::Safepoint => match owed {
            Owed::Group(sig) => stop(reg(sig), 0),
            _ => None,
        },
        Kind::Start if t.seized => None,
        Kind::Start => stop(reg(libc::SIGSTOP), 0),
        Kind::Exec => {
            set(Word::Message, t.before_exec);
            if t.options & option::EXEC != 0 {
                stop(trap, event::EXEC)
            } else {
                signal = if t.seized { 0 } else { trap };
                None
            }
        }
        Kind::Signal => stop(get(Word::Code), 0),
        Kind::Entry | Kind::Exit if t.options & option::SYSGOOD != 0 => stop(trap | 0x80, 0),
        Kind::Entry | Kind::Exit | Kind::Trap => stop(trap, 0),
        Kind::Event => stop(trap, get(Word::Code)),
    };
    if told.is_some() {
        t.stop = Some(Stop::Own(kind));
    } else {
        set(Word::Signal, signal);
        set(Word::Go, t.go as u64);
        go_on(tid, 0);
    }
    told
}

/// Felix's handlers are there from now on.
pub fn show_started() {
    IMAGE.started.store(1, Ordering::Release);
}
