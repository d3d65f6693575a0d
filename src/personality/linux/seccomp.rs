//! seccomp(2): modes, filters and what they decide about a call.
//!
//! A call is judged before anything else looks at it, as the guest made it: x86-64's number and arguments, AUDIT_ARCH_X86_64,
//! the guest's RIP. So no host support is needed, and the calls felix makes for itself are nobody's business. Calls
//! from the vDSO that only tell the time or the CPU are exempt: natively they are no calls.

use super::core::die;
use super::signal::force;
use super::{Ctx, Flow, Result, arguments, seccomp_unotify as unotify, traced};
use crate::kernel::process::Peer;
use crate::kernel::seccomp::bpf::{self, Data, Insn, Program};
use crate::kernel::seccomp::{
    ACTION, ALLOW, DISABLED, FILTER, Filter, STRICT, is_ancestor, listeners,
};
use crate::kernel::trace::option;
use crate::mem::space::space;
use crate::sys::cast::{int, low32, reg};
use crate::sys::signal::RawInfo;
use crate::sys::{Errno, host, raw};
use crate::x86::Gpr;
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// AUDIT_ARCH_X86_64: EM_X86_64 with the bits for 64-bit and little-endian.
const ARCH: u32 = 0xc000_003e;

/// SECCOMP_SET_MODE_STRICT and the other operations.
mod operation {
    pub const SET_MODE_STRICT: u32 = 0;
    pub const SET_MODE_FILTER: u32 = 1;
    pub const GET_ACTION_AVAIL: u32 = 2;
    pub const GET_NOTIF_SIZES: u32 = 3;
}

/// SECCOMP_FILTER_FLAG_*.
mod flag {
    pub const TSYNC: u32 = 1;
    pub const LOG: u32 = 2;
    pub const SPEC_ALLOW: u32 = 4;
    pub const NEW_LISTENER: u32 = 8;
    pub const TSYNC_ESRCH: u32 = 16;
    pub const WAIT_KILLABLE_RECV: u32 = 32;
    pub const KNOWN: u32 =
        TSYNC | LOG | SPEC_ALLOW | NEW_LISTENER | TSYNC_ESRCH | WAIT_KILLABLE_RECV;
}

/// SECCOMP_RET_*.
mod action {
    pub const KILL_PROCESS: u32 = 0x8000_0000;
    pub const KILL_THREAD: u32 = 0;
    pub const TRAP: u32 = 0x3_0000;
    pub const ERRNO: u32 = 0x5_0000;
    pub const USER_NOTIF: u32 = 0x7fc0_0000;
    pub const TRACE: u32 = 0x7ff0_0000;
    pub const LOG: u32 = 0x7ffc_0000;
}

/// sizeof of `struct seccomp_notif`, `seccomp_notif_resp` and `seccomp_data`.
const NOTIF_SIZES: [u16; 3] = [80, 24, 64];

/// What becomes of a call that is not simply made: its result. `None`: it is made, as a tracer may have changed it. The
/// thread has filters or strict mode.
pub(super) fn decide(ctx: &mut Ctx<'_>, nr: &mut u64, args: &mut [u64; 6]) -> Option<Result<u64>> {
    let seccomp = &ctx.task.peer.seccomp;
    if seccomp.take_no_new_privs() {
        let _ = raw::syscall(libc::SYS_prctl, [38, 1, 0, 0, 0, 0]);
    }
    if ctx.task.trace.wants(option::SUSPEND_SECCOMP) {
        return None;
    }
    match judge(ctx, *nr, args) {
        Verdict::Make => None,
        Verdict::Result(r) => Some(r),
        Verdict::Ask(about) => {
            let Some(new) = traced::seccomp(ctx, about) else {
                ctx.task.restart = None;
                ctx.replaced = true;
                return Some(Ok(ctx.cpu.reg(Gpr::RAX)));
            };
            (*nr, *args) = (new, arguments(ctx.cpu));
            // What the tracer has made of it is judged as well, but it is not asked again.
            match judge(ctx, new, args) {
                Verdict::Result(r) => Some(r),
                Verdict::Make | Verdict::Ask(_) => {
                    ctx.cpu.set_reg(Gpr::RAX, new);
                    None
                }
            }
        }
    }
}

/// What filters say of a call.
enum Verdict {
    /// It is made.
    Make,
    /// It is not, and this is its result.
    Result(Result<u64>),
    /// A tracer decides; it is told this.
    Ask(u32),
}

fn judge(ctx: &mut Ctx<'_>, nr: u64, args: &[u64; 6]) -> Verdict {
    let seccomp = &ctx.task.peer.seccomp;
    if is_of_vdso(nr, ctx.cpu.rip) {
        return Verdict::Make;
    }
    if seccomp.mode() == STRICT {
        // read, write, exit, rt_sigreturn.
        return match nr {
            0 | 1 | 60 | 15 => Verdict::Make,
            _ => Verdict::Result(kill(ctx, libc::SIGKILL)),
        };
    }
    let Some(newest) = seccomp.newest() else {
        return Verdict::Make;
    };
    let data = data(nr, ctx.cpu.rip, args);
    let (verdict, by) = newest.run(&data);
    let value = verdict & 0xffff;
    if verdict & ACTION == ALLOW {
        return Verdict::Make;
    }
    let logged = by.logs() || matches!(verdict & ACTION, action::LOG);
    if logged {
        tracing::info!("seccomp: call {nr} at {:#x}: {verdict:#x}", ctx.cpu.rip);
    }
    Verdict::Result(match verdict & ACTION {
        action::LOG => return Verdict::Make,
        // MAX_ERRNO.
        action::ERRNO => match value.min(4095) {
            0 => Ok(0),
            e => Err(Errno(int(e.into()))),
        },
        action::USER_NOTIF => match by.listener() {
            Some(l) => match unotify::ask(ctx, l, &data) {
                Some(r) => r,
                None => return Verdict::Make,
            },
            None => Err(Errno::ENOSYS),
        },
        action::TRACE => return Verdict::Ask(value),
        action::TRAP => {
            ctx.cpu.set_reg(Gpr::RAX, nr);
            ctx.task.restart = None;
            ctx.replaced = true;
            force(ctx, &info(SYS_SECCOMP, ctx.cpu.rip, nr, value));
            Ok(nr)
        }
        action::KILL_THREAD if !ctx.process.single_threaded() => kill(ctx, libc::SIGSYS),
        _ => {
            ctx.cpu.set_reg(Gpr::RAX, nr);
            die(ctx, &info(SYS_SECCOMP, ctx.cpu.rip, nr, value))
        }
    })
}

fn kill(ctx: &mut Ctx<'_>, sig: i32) -> Result<u64> {
    tracing::info!("seccomp: thread {} is killed", ctx.task.tid);
    ctx.flow = Flow::KillThread(sig);
    ctx.replaced = true;
    Ok(0)
}

/// True for a call that felix's vDSO makes and Linux's does not.
pub(super) fn is_of_vdso(nr: u64, rip: u64) -> bool {
    matches!(nr, 96 | 201 | 228 | 229 | 309) && space().is_named(rip, "[vdso]")
}

/// The `struct seccomp_data` of a call.
fn data(nr: u64, rip: u64, args: &[u64; 6]) -> Data {
    let mut d = [0; bpf::WORDS];
    d[0] = low32(nr);
    d[1] = ARCH;
    for (i, v) in [rip].iter().chain(args).enumerate() {
        d[2 + 2 * i] = low32(*v);
        d[3 + 2 * i] = low32(*v >> 32);
    }
    d
}

/// The si_code of what filters do.
const SYS_SECCOMP: i32 = 1;

/// The siginfo of a call that is not made (force_sig_seccomp in kernel/signal.c): si_code, si_call_addr, si_syscall, si_errno.
pub(super) fn info(code: i32, rip: u64, nr: u64, value: u32) -> RawInfo {
    let mut info = [0; 128];
    let mut put = |at: usize, b: &[u8]| info[at..at + b.len()].copy_from_slice(b);
    put(0, &libc::SIGSYS.to_le_bytes());
    put(4, &value.to_le_bytes());
    put(8, &code.to_le_bytes());
    put(16, &rip.to_le_bytes());
    put(24, &low32(nr).to_le_bytes());
    put(28, &ARCH.to_le_bytes());
    info
}

/// PR_GET_SECCOMP. Felix itself, and with it its guest, may be under filters of the host.
pub(super) fn mode(ctx: &Ctx<'_>) -> u64 {
    match ctx.task.peer.seccomp.mode() {
        DISABLED => raw::syscall(libc::SYS_prctl, [21, 0, 0, 0, 0, 0]).unwrap_or(0),
        mode => mode.into(),
    }
}

/// PR_SET_SECCOMP.
pub(super) fn prctl(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    match a[1] {
        1 => strict(ctx),
        2 => filter(ctx, 0, a[2]),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn seccomp(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let flags = low32(a[1]);
    match low32(a[0]) {
        operation::SET_MODE_STRICT if flags == 0 && a[2] == 0 => strict(ctx),
        operation::SET_MODE_FILTER => filter(ctx, flags, a[2]),
        operation::GET_ACTION_AVAIL if flags == 0 => {
            use action::{ERRNO, KILL_PROCESS, KILL_THREAD, LOG, TRACE, TRAP, USER_NOTIF};
            let asked = u32::from_le_bytes(ctx.get(a[2])?);
            match asked {
                KILL_PROCESS | KILL_THREAD | TRAP | ERRNO | USER_NOTIF | TRACE | LOG | ALLOW => {
                    Ok(0)
                }
                _ => Err(Errno::EOPNOTSUPP),
            }
        }
        operation::GET_NOTIF_SIZES if flags == 0 => {
            let bytes: Vec<u8> = NOTIF_SIZES.iter().flat_map(|n| n.to_le_bytes()).collect();
            ctx.put(a[2], &bytes)?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn strict(ctx: &mut Ctx<'_>) -> Result<u64> {
    let seccomp = &ctx.task.peer.seccomp;
    if seccomp.mode() == FILTER {
        return Err(Errno::EINVAL);
    }
    seccomp.set_strict();
    Ok(0)
}

/// SECCOMP_SET_MODE_FILTER (seccomp_set_mode_filter in kernel/seccomp.c).
fn filter(ctx: &mut Ctx<'_>, flags: u32, at: u64) -> Result<u64> {
    let has = |f: u32| flags & f != 0;
    if flags & !flag::KNOWN != 0
        || (has(flag::TSYNC) && has(flag::NEW_LISTENER) && !has(flag::TSYNC_ESRCH))
        || (has(flag::WAIT_KILLABLE_RECV) && !has(flag::NEW_LISTENER))
    {
        return Err(Errno::EINVAL);
    }
    let program = program(ctx, at)?;
    let (listener, theirs) = if has(flag::NEW_LISTENER) {
        let (l, theirs) = unotify::listener(has(flag::WAIT_KILLABLE_RECV))?;
        (Some(l), Some(theirs))
    } else {
        (None, None)
    };
    let own = ctx.task.peer.clone();
    let peers = ctx.process.peers();
    if own.seccomp.mode() == STRICT {
        return Err(Errno::EINVAL);
    }
    let before = own.seccomp.newest();
    if listener.is_some() && !listeners(before.as_ref()).is_empty() {
        return Err(Errno::EBUSY);
    }
    let newest = Filter::on_top(program, has(flag::LOG), listener, before.clone())?;
    let others = || peers.iter().filter(|p| !Arc::ptr_eq(p, &own));
    if flags & flag::TSYNC != 0 {
        let follows = |p: &Peer| match p.seccomp.mode() {
            DISABLED => true,
            FILTER => is_ancestor(p.seccomp.newest().as_ref(), before.as_ref()),
            _ => false,
        };
        if let Some(p) = others().find(|p| !follows(p)) {
            return if flags & flag::TSYNC_ESRCH != 0 {
                Err(Errno::ESRCH)
            } else {
                Ok(reg(p.tid.load(Ordering::Acquire)))
            };
        }
    }
    own.seccomp.set_filters(newest.clone());
    if flags & flag::TSYNC != 0 {
        let no_new_privs = has_no_new_privs();
        for p in others() {
            if no_new_privs {
                p.seccomp.owe_no_new_privs();
            }
            p.seccomp.set_filters(newest.clone());
        }
    }
    match theirs {
        Some(fd) => Ok(u64::from(fd.into_raw_fd().unsigned_abs())),
        None => Ok(0),
    }
}

/// The program of a `struct sock_fprog`, if the thread may install one.
fn program(ctx: &Ctx<'_>, at: u64) -> Result<Program> {
    let head: [u8; 16] = ctx.get(at)?;
    let count = usize::from(u16::from_le_bytes([head[0], head[1]]));
    let mut p = [0; 8];
    p.copy_from_slice(&head[8..]);
    let at = u64::from_le_bytes(p);
    if count == 0 || count > bpf::MAX {
        return Err(Errno::EINVAL);
    }
    if !has_no_new_privs() && !host::has_capability(CAP_SYS_ADMIN) {
        return Err(Errno::EACCES);
    }
    if at == 0 {
        return Err(Errno::EINVAL);
    }
    let insn = |i: usize| {
        let bytes = ctx.get(at.wrapping_add(size_of::<[u8; bpf::SIZE]>() as u64 * i as u64))?;
        Ok(Insn::from_bytes(bytes))
    };
    let code = (0..count).map(insn).collect::<Result<Vec<_>>>()?;
    Program::new(code).ok_or(Errno::EINVAL)
}

/// True if the thread may see and suspend others' filters.
pub(super) fn may_look(ctx: &Ctx<'_>) -> bool {
    host::has_capability(CAP_SYS_ADMIN) && ctx.task.peer.seccomp.mode() == DISABLED
}

const CAP_SYS_ADMIN: u32 = 21;

fn has_no_new_privs() -> bool {
    // PR_GET_NO_NEW_PRIVS.
    raw::syscall(libc::SYS_prctl, [39, 0, 0, 0, 0, 0]) == Ok(1)
}
