//! Where a thread that is traced stops, and what its registers are then (ptrace(2), "Stopped states"): begin and end of system
//! calls, signals, events, single steps.
//!
//! While a thread is stopped its register file is what Linux shows of it, also where felix keeps something
//! else: of a call that a signal has interrupted, RAX is one of Linux's restart codes.

use super::{Ctx, signal, watch};
use crate::kernel::task::{Again, signal_number};
use crate::kernel::trace::{self, DR6_RESET, Go, Kind, Resume, event, option};
use crate::mem::space::space;
use crate::sys::cast::{int, low32, reg};
use crate::sys::image::IMAGE;
use crate::sys::ptrace;
use crate::sys::signal::RawInfo;
use crate::sys::{Errno, host};
use crate::x86::{Gpr, Rflags};
use std::sync::atomic::Ordering;

/// The siginfo of a stop that is no signal (ptrace_do_notify in kernel/signal.c).
fn notice(tid: i32, code: i32) -> RawInfo {
    let mut info = ptrace::info_of(libc::SIGTRAP, code, 0);
    info[16..20].copy_from_slice(&tid.to_le_bytes());
    info[20..24].copy_from_slice(&low32(host::ids()[0]).to_le_bytes());
    info
}

/// RAX of an interrupted call (include/linux/errno.h): ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK.
fn restart_code(again: Again) -> i32 {
    match again {
        Again::IfAsked => 512,
        Again::Always => 513,
        Again::IfUnhandled => 514,
        Again::FromBlock => 516,
    }
}

/// Stops the thread.
fn stop(ctx: &mut Ctx<'_>, kind: Kind, code: u64, message: u64, info: &RawInfo) -> Resume {
    let restart = ctx.task.restart;
    if restart.is_some() {
        let code = restart_code(ctx.task.again);
        ctx.cpu.set_reg(Gpr::RAX, reg(-code));
    }
    hide_steps(ctx);
    let resume = trace::stop(ctx.task, ctx.cpu, kind, code, message, info);
    taken_over(ctx, restart.is_some());
    resume
}

/// The thread goes on with what the tracer has left.
fn taken_over(ctx: &mut Ctx<'_>, restart: bool) {
    if restart {
        let rax = int(ctx.cpu.reg(Gpr::RAX));
        let nr = ctx.task.call;
        // Otherwise the tracer has made it a call that has ended, or none.
        let kept = (512..=516).contains(&-rax) && !nr.cast_signed().is_negative();
        ctx.task.restart = kept.then_some(nr);
        if kept {
            ctx.cpu.set_reg(Gpr::RAX, reg(-Errno::EINTR.0));
        }
    }
    step_on(ctx);
    for range in ctx.task.trace.written() {
        ctx.changes.extend(space().aliases(&range));
        ctx.changes.push(range);
    }
}

/// True if the thread is to trap after each instruction, for the tracer or for its breakpoints.
fn is_stepped(ctx: &Ctx<'_>) -> bool {
    let t = &ctx.task.trace;
    t.on() && (t.steps() || watch::enabled(t.debug[7]) != 0)
}

/// The flag that makes a thread trap is not the program's.
pub(super) fn hide_steps(ctx: &mut Ctx<'_>) {
    if is_stepped(ctx) {
        ctx.cpu.rflags_other &= !Rflags::TF;
    }
}

/// The thread is about to run its next instruction.
fn step_on(ctx: &mut Ctx<'_>) {
    if is_stepped(ctx) {
        ctx.cpu.rflags_other |= Rflags::TF;
        ctx.task.trace.meets = watch::by_data(ctx.cpu, &ctx.task.trace.debug);
    }
}

/// An instruction has run and trapped. The `si_code` of the SIGTRAP that comes of it, if one does.
pub(super) fn stepped(ctx: &mut Ctx<'_>) -> Option<i32> {
    const TRAP_TRACE: i32 = 2;
    const TRAP_HWBKPT: i32 = 4;
    /// BS of DR6.
    const BS: u64 = 1 << 14;
    if !is_stepped(ctx) {
        return Some(TRAP_TRACE);
    }
    let trace = &mut ctx.task.trace;
    let hits = trace.meets | watch::at_rip(ctx.cpu, &trace.debug);
    let steps = trace.steps();
    trace.debug[6] = DR6_RESET | hits | if steps { BS } else { 0 };
    match (hits, steps) {
        (0, true) => Some(TRAP_TRACE),
        (0, false) => {
            step_on(ctx);
            None
        }
        _ => Some(TRAP_HWBKPT),
    }
}

/// The siginfo of a system call's begin or end.
fn call_notice(ctx: &Ctx<'_>) -> RawInfo {
    let good = ctx.task.trace.wants(option::SYSGOOD);
    notice(ctx.task.tid, libc::SIGTRAP | if good { 0x80 } else { 0 })
}

/// A tracer may send a signal along with a system call's begin or end.
fn send_along(ctx: &Ctx<'_>, resume: &Resume) {
    if resume.signal != 0 {
        let _ = ptrace::tgkill(host::getpid(), ctx.task.tid, resume.signal);
    }
}

/// A system call begins. Its number as the tracer has left it; `None` if it is not to be made.
pub(super) fn entry(ctx: &mut Ctx<'_>) -> Option<u64> {
    let nr = u64::from(low32(ctx.task.call));
    if !matches!(ctx.task.trace.go, Go::Call | Go::Emulate | Go::EmulateStep) {
        return Some(nr);
    }
    let emulate = ctx.task.trace.go != Go::Call;
    ctx.cpu.set_reg(Gpr::RAX, reg(-Errno::ENOSYS.0));
    // PTRACE_EVENTMSG_SYSCALL_ENTRY.
    let resume = stop(ctx, Kind::Entry, 0, 1, &call_notice(ctx));
    send_along(ctx, &resume);
    let nr = low32(ctx.task.call);
    // Other numbers that are not there are ENOSYS, whatever the tracer has left in RAX (do_syscall_64).
    if emulate || nr == u32::MAX {
        return None;
    }
    ctx.cpu.set_reg(Gpr::RAX, nr.into());
    Some(nr.into())
}

/// A filter leaves the call to the tracer (SECCOMP_RET_TRACE), with its `data`. The call's number as the tracer has left
/// it; `None` if it is not to be made: the tracer has left its result, or there is none to ask.
pub(super) fn seccomp(ctx: &mut Ctx<'_>, data: u32) -> Option<u64> {
    ctx.cpu.set_reg(Gpr::RAX, reg(-Errno::ENOSYS.0));
    if !ctx.task.trace.wants(1 << event::SECCOMP) {
        return None;
    }
    let code = libc::SIGTRAP | int(event::SECCOMP << 8);
    let info = notice(ctx.task.tid, code);
    stop(ctx, Kind::Event, event::SECCOMP, data.into(), &info);
    let nr = int(ctx.task.call);
    (nr >= 0).then_some(reg(nr))
}

/// A system call has ended.
pub fn exit(ctx: &mut Ctx<'_>) {
    match ctx.task.trace.go {
        // It has not begun.
        _ if std::mem::take(&mut ctx.task.dispatched) => {}
        Go::Call => {
            // PTRACE_EVENTMSG_SYSCALL_EXIT.
            let resume = stop(ctx, Kind::Exit, 0, 2, &call_notice(ctx));
            send_along(ctx, &resume);
        }
        // TRAP_BRKPT.
        Go::Step => signal::force(ctx, &signal::kernel_info(libc::SIGTRAP, 1, ctx.cpu.rip)),
        _ => {}
    }
    step_on(ctx);
}

/// A signal is about to be delivered. The one that is to be instead; `None` if there is none.
pub(super) fn signal(ctx: &mut Ctx<'_>, info: &RawInfo) -> Option<RawInfo> {
    let sig = signal_number(info);
    let resume = stop(ctx, Kind::Signal, reg(sig), 0, info);
    let new = signal_number(&resume.info);
    if resume.signal == 0 {
        return None;
    }
    if new != sig && ctx.task.mask & crate::sys::signal::bit(new) != 0 {
        let _ = ptrace::queue(host::getpid(), ctx.task.tid, new, &resume.info);
        return None;
    }
    Some(resume.info)
}

/// Something has happened that the tracer may want to know.
pub fn event(ctx: &mut Ctx<'_>, event: u64, message: u64) {
    if !ctx.task.trace.wants(1 << event) {
        return;
    }
    let code = libc::SIGTRAP | int(event << 8);
    let rax = ctx.cpu.reg(Gpr::RAX);
    ctx.cpu.set_reg(Gpr::RAX, reg(-Errno::ENOSYS.0));
    stop(
        ctx,
        Kind::Event,
        event,
        message,
        &notice(ctx.task.tid, code),
    );
    ctx.cpu.set_reg(Gpr::RAX, rax);
}

/// A handler has been entered while stepping: that counts as a step.
pub(super) fn handler_entered(ctx: &mut Ctx<'_>) {
    if ctx.task.trace.steps() {
        let info = notice(ctx.task.tid, libc::SIGTRAP);
        stop(ctx, Kind::Trap, 0, 0, &info);
    }
    step_on(ctx);
}

/// A tracer has kicked the thread: it has one, and is perhaps to stop.
pub(super) fn kicked(ctx: &mut Ctx<'_>, to_stop: bool) {
    ctx.task.trace.begin();
    if to_stop {
        stop(ctx, Kind::Safepoint, 0, 0, &[0; 128]);
    }
}

/// Stops with the whole process, as a signal's default action.
pub(super) fn group_stop(ctx: &mut Ctx<'_>, sig: i32) {
    let restart = ctx.task.restart.is_some();
    if restart {
        let code = restart_code(ctx.task.again);
        ctx.cpu.set_reg(Gpr::RAX, reg(-code));
    }
    trace::expose(ctx.task, ctx.cpu);
    crate::sys::signal::stop_by(sig);
    trace::done(ctx.task);
    taken_over(ctx, restart);
}

/// Before a program's, or a child's, first instruction.
pub fn begin(ctx: &mut Ctx<'_>) {
    if IMAGE.executed.swap(0, Ordering::AcqRel) != 0 {
        ctx.task.trace.begin();
        executed(ctx);
        if ctx.task.trace.go == Go::Call {
            exit(ctx);
        }
        // See `executed`.
        signal::deliver(ctx);
    }
    if std::mem::take(&mut ctx.task.trace.fresh) {
        let info = ptrace::info_of(libc::SIGSTOP, 0, 0);
        let resume = stop(ctx, Kind::Start, 0, 0, &info);
        if resume.signal != 0 {
            signal::act(ctx, &ptrace::info_of(resume.signal, 0, 0), false);
        }
    }
}

/// A program was executed.
pub fn executed(ctx: &mut Ctx<'_>) {
    const EXECVE: u64 = 59;
    ctx.task.call = EXECVE;
    let code = libc::SIGTRAP | int(event::EXEC << 8);
    let info = notice(ctx.task.tid, code);
    let resume = stop(ctx, Kind::Exec, event::EXEC, 0, &info);
    // Without PTRACE_O_TRACEEXEC a signal tells of it, after the call's end.
    if resume.signal == libc::SIGTRAP {
        let mut info = notice(ctx.task.tid, 0);
        info[16..20].copy_from_slice(&host::getpid().to_le_bytes());
        let _ = ptrace::queue(host::getpid(), ctx.task.tid, libc::SIGTRAP, &info);
    }
}

/// The options for which a child of these clone(2) flags is traced, too, and the event that its parent has.
#[must_use]
pub fn birth(flags: u64, exit_signal: u64) -> (u64, u64) {
    use super::clone_flag as flag;
    const UNTRACED: u64 = 0x80_0000;
    let event = match flags {
        f if f & UNTRACED != 0 => return (0, 0),
        f if f & flag::VFORK != 0 => event::VFORK,
        _ if exit_signal != reg(libc::SIGCHLD) => event::CLONE,
        _ => event::FORK,
    };
    (1 << event, event)
}
