//! Signals (signal(7), sigaction(2), sigreturn(2)): dispositions, delivery at safepoints, the x86-64 frame.
//!
//! Masks, queues and the choice of a thread are the host kernel's (see `sys::signal`); dispositions are kept here,
//! because a handler is guest code. The host's disposition follows: default and ignore are the host's own,
//! so that default actions (stop, core, wait status) need no emulation.

use super::abi::{SIGACTION, frame};
use super::strace::signal_name;
use super::{Ctx, Result, core, ptrace, time, traced};
use crate::kernel::process::{Action, DEFAULT, IGNORE, Process};
use crate::kernel::task::{Again, AltStack, signal_number};
use crate::kernel::trace::event;
use crate::sys::cast::{int, low32, reg, size};
use crate::sys::host::{address_of, address_of_mut};
use crate::sys::signal::{self, HostAction, RawInfo, SYNC, SigSet, bit};
use crate::sys::{Errno, guest, host, raw};
use crate::x86::fxsave::Form;
use crate::x86::state::{MXCSR_DEFAULT, X87};
use crate::x86::xsave::{self, Format};
use crate::x86::{CpuState, Fault, Gpr, GuestAddr, MemFaultKind, Rflags, fxsave};

const SA_NOCLDSTOP: u64 = 1;
const SA_NOCLDWAIT: u64 = 2;
const SA_SIGINFO: u64 = 4;
const SA_RESTORER: u64 = 0x0400_0000;
const SA_ONSTACK: u64 = 0x0800_0000;
const SA_RESTART: u64 = 0x1000_0000;
const SA_NODEFER: u64 = 0x4000_0000;
const SA_RESETHAND: u64 = 0x8000_0000;

/// The flags Linux knows; it forgets all others (UAPI_SA_FLAGS in include/linux/signal_types.h). 0x800 is SA_EXPOSE_TAGBITS.
const SA_KNOWN: u64 = SA_NOCLDSTOP
    | SA_NOCLDWAIT
    | SA_SIGINFO
    | 0x800
    | SA_RESTORER
    | SA_ONSTACK
    | SA_RESTART
    | SA_NODEFER
    | SA_RESETHAND;

const SS_ONSTACK: u32 = 1;
const SS_DISABLE: u32 = 2;
const SS_AUTODISARM: u32 = 1 << 31;

/// Signals that cannot be caught, blocked or ignored.
const UNBLOCKABLE: SigSet = bit(libc::SIGKILL) | bit(libc::SIGSTOP);

/// Signals that stop a process by default.
const STOPPING: SigSet =
    bit(libc::SIGSTOP) | bit(libc::SIGTSTP) | bit(libc::SIGTTIN) | bit(libc::SIGTTOU);

/// Most bytes of a frame's floating-point state.
const MAX_FPSTATE: u64 = xsave::SIZE as u64 + 4;
/// AT_MINSIGSTKSZ: the frame, its floating-point state and the alignment of both.
pub const MIN_STACK: u64 = frame::SIZE as u64 + MAX_FPSTATE + 64 + 16 + 8;

/// UC_FP_XSTATE: the floating-point state is an XSAVE area.
const UC_FP_XSTATE: u64 = 1;
/// Where Linux describes the area (`struct _fpx_sw_bytes`), in bytes FXSAVE leaves to software.
const SW_RESERVED: usize = 464;
/// The same place, where core files have XCR0 instead.
pub(super) const FP_XSTATE_SW: usize = SW_RESERVED;
/// Signals whose default is to dump core (signal(7)).
pub(super) const CORE: SigSet = SYNC
    | bit(libc::SIGQUIT)
    | bit(libc::SIGABRT)
    | bit(libc::SIGSYS)
    | bit(libc::SIGXCPU)
    | bit(libc::SIGXFSZ);
/// The first word of the description.
const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;
/// The word behind the area.
const FP_XSTATE_MAGIC2: u32 = 0x4650_5845;

/// The floating-point state as a signal frame has it: what FXSAVE or, if the CPU has it, XSAVE stores
/// (copy_fpstate_to_sigframe in arch/x86/kernel/fpu/signal.c).
fn fpstate(cpu: &CpuState) -> Vec<u8> {
    let features = xsave::xcr0();
    if features == 0 {
        return fxsave::store(cpu).to_vec();
    }
    let mut area = [0; xsave::SIZE];
    xsave::store(cpu, &mut area, features, Format::Standard, Form::Wide);
    let size = xsave::size(features);
    // As Linux: these two always count as stored, so that a handler's change of them is taken over.
    area[xsave::HEADER] |= 3;
    let mut out = area[..size].to_vec();
    out.extend_from_slice(&FP_XSTATE_MAGIC2.to_le_bytes());
    let mut put = |at: usize, b: &[u8]| {
        out[SW_RESERVED + at..SW_RESERVED + at + b.len()].copy_from_slice(b);
    };
    put(0, &FP_XSTATE_MAGIC1.to_le_bytes());
    put(4, &low32(size as u64 + 4).to_le_bytes());
    put(8, &features.to_le_bytes());
    put(16, &low32(size as u64).to_le_bytes());
    out
}

/// Takes over the floating-point state at `fp`. Without a valid description it is only what FXRSTOR loads,
/// and the rest becomes initial.
fn restore_fpstate(ctx: &mut Ctx<'_>, fp: u64) -> Result<()> {
    let legacy: [u8; fxsave::SIZE] = ctx.get(fp)?;
    let word = |at: usize| {
        let mut b = [0; 4];
        b.copy_from_slice(&legacy[SW_RESERVED + at..SW_RESERVED + at + 4]);
        u32::from_le_bytes(b)
    };
    let features = xsave::xcr0();
    let size = xsave::size(features);
    let described = features != 0
        && word(0) == FP_XSTATE_MAGIC1
        && u64::from(word(16)) == size as u64
        && word(4) >= word(16)
        && ctx.get::<4>(fp + size as u64)? == FP_XSTATE_MAGIC2.to_le_bytes();
    let restored = if described {
        let mut area = [0; xsave::SIZE];
        for (i, part) in area[..size].chunks_exact_mut(64).enumerate() {
            part.copy_from_slice(&ctx.get::<64>(fp + 64 * i as u64)?);
        }
        let wanted = features & (u64::from(word(8)) | u64::from(word(12)) << 32);
        xsave::load(ctx.cpu, &area, wanted, Form::Wide)
    } else {
        for n in 0..16 {
            ctx.cpu.set_ymm_high(n, 0);
        }
        fxsave::load(ctx.cpu, &legacy)
    };
    if restored { Ok(()) } else { Err(Errno::EFAULT) }
}

/// The signals of `SYNC` that felix itself has no handler for: they are caught as well, because the host delivers
/// them although the guest blocks them.
const CAUGHT: [i32; 3] = [libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];

/// Takes over the dispositions felix was started with: what is ignored stays so.
pub fn inherit(process: &Process) -> Result<()> {
    let mut actions = process.actions();
    for (n, a) in actions.iter_mut().enumerate().skip(1) {
        if i32::try_from(n).is_ok_and(signal::is_ignored) {
            a.handler = IGNORE;
        }
    }
    drop(actions);
    catch()?;
    core_limit_changed(process)
}

/// RLIMIT_CORE is another one, perhaps: what dumps core by default is felix's to do while there is a core to be had, and the
/// host's otherwise.
pub(super) fn core_limit_changed(process: &Process) -> Result<()> {
    let actions = process.actions();
    for sig in (1..=31).filter(|s| CORE & bit(*s) != 0) {
        if let Some(a) = usize::try_from(sig).ok().and_then(|n| actions.get(n)) {
            follow(sig, a)?;
        }
    }
    Ok(())
}

fn catch() -> Result<()> {
    (CAUGHT.into_iter()).try_for_each(|sig| signal::set_action(sig, HostAction::Catch(0)))
}

/// Executes something that the guest's program gives way to. What the new one inherits and felix otherwise keeps from the
/// host is made so: which of `SYNC` are blocked and ignored. `exec` returns only if it failed.
pub(super) fn hand_on(ctx: &mut Ctx<'_>, exec: impl FnOnce(&super::Task) -> Errno) -> Errno {
    let is_ignored = |(n, a): (usize, &Action)| {
        let sig = i32::try_from(n).unwrap_or(0);
        (bit(sig) & SYNC != 0 && a.handler == IGNORE).then_some(sig)
    };
    let ignored: Vec<i32> = (ctx.process.actions().iter().enumerate())
        .filter_map(is_ignored)
        .collect();
    // With a signal recorded, everything is blocked: neither is to be handed on.
    if ignored.is_empty() && ctx.task.mask & SYNC == 0 {
        return match signal::set_mask_wholly(ctx.task.mask) {
            Ok(()) => exec(ctx.task),
            Err(e) => e,
        };
    }
    if let Err(e) = signal::set_mask_wholly(ctx.task.mask | SYNC) {
        return e;
    }
    for sig in ignored {
        let _ = signal::set_action(sig, HostAction::Ignore);
    }
    let e = match signal::set_mask_wholly(ctx.task.mask) {
        Ok(()) => exec(ctx.task),
        Err(e) => e,
    };
    let again = crate::sys::fault::install().map_err(|e| Errno::of(&e));
    signal::set_mask(ctx.task.mask);
    again.and_then(|()| catch()).err().unwrap_or(e)
}

/// Dispositions after exec: handlers are gone.
pub fn reset(process: &Process) {
    let mut actions = process.actions();
    for (n, a) in actions.iter_mut().enumerate().skip(1) {
        if a.handler > IGNORE {
            *a = Action::default();
            if let Ok(n) = i32::try_from(n) {
                let _ = follow(n, a);
            }
        }
    }
}

/// Makes the host's disposition follow the guest's. What the CPU raises stays felix's.
fn follow(sig: i32, a: &Action) -> Result<()> {
    if bit(sig) & SYNC != 0 {
        return Ok(());
    }
    let host = match a.handler {
        DEFAULT if sig == libc::SIGCHLD && a.flags & SA_NOCLDWAIT != 0 => {
            HostAction::Catch(a.flags & (SA_NOCLDSTOP | SA_NOCLDWAIT))
        }
        DEFAULT if CORE & bit(sig) != 0 && core::is_allowed() => HostAction::Catch(0),
        DEFAULT => HostAction::Default,
        IGNORE => HostAction::Ignore,
        _ => HostAction::Catch(a.flags & (SA_NOCLDSTOP | SA_NOCLDWAIT)),
    };
    match signal::set_action(sig, host) {
        // qemu-user keeps one or two real-time signals for itself; the guest never sees them raised.
        Err(Errno::EINVAL) if sig >= 32 => Ok(()),
        r => r,
    }
}

fn check_size(len: u64) -> Result<()> {
    if len == 8 { Ok(()) } else { Err(Errno::EINVAL) }
}

pub(super) fn rt_sigaction(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    check_size(a[3])?;
    let sig = int(a[0]);
    let index = usize::try_from(sig)
        .ok()
        .filter(|n| (1..=64).contains(n))
        .ok_or(Errno::EINVAL)?;
    let new = match a[1] {
        0 => None,
        p => {
            if bit(sig) & UNBLOCKABLE != 0 {
                return Err(Errno::EINVAL);
            }
            let word = |i: u64| ctx.get_u64(p.wrapping_add(8 * i));
            Some(Action {
                handler: word(0)?,
                flags: word(1)? & SA_KNOWN,
                restorer: word(2)?,
                mask: word(3)? & !UNBLOCKABLE,
            })
        }
    };
    let old = {
        let mut actions = ctx.process.actions();
        let old = actions[index];
        if let Some(new) = new {
            follow(sig, &new)?;
            actions[index] = new;
        }
        old
    };
    if a[2] != 0 {
        let mut out = [0; SIGACTION];
        for (i, v) in [old.handler, old.flags, old.restorer, old.mask]
            .into_iter()
            .enumerate()
        {
            out[8 * i..8 * i + 8].copy_from_slice(&v.to_le_bytes());
        }
        ctx.put(a[2], &out)?;
    }
    Ok(0)
}

pub(super) fn rt_sigprocmask(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    check_size(a[3])?;
    let old = ctx.task.mask;
    if a[1] != 0 {
        let set = ctx.get_u64(a[1])?;
        let mask = match int(a[0]) {
            0 => old | set,
            1 => old & !set,
            2 => set,
            _ => return Err(Errno::EINVAL),
        };
        ctx.task.mask = mask & !UNBLOCKABLE;
        signal::set_mask(ctx.task.mask);
    }
    if a[2] != 0 {
        ctx.put(a[2], &old.to_le_bytes())?;
    }
    Ok(0)
}

/// The mask a waiting call puts in force. If a signal that only felix knows to be pending gets through, there is
/// nothing to wait for.
pub(super) fn mask_of_call(ctx: &mut Ctx<'_>, pointer: u64) -> Result<SigSet> {
    let mask = ctx.get_u64(pointer)? & !UNBLOCKABLE;
    ctx.task.call_mask = Some(mask);
    if ctx.task.has_deferred(mask) {
        return Err(Errno::EINTR);
    }
    Ok(mask)
}

pub(super) fn rt_sigsuspend(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    check_size(a[1])?;
    let mask = mask_of_call(ctx, a[0])?;
    raw::interruptible(libc::SYS_rt_sigsuspend, [address_of(&mask), 8, 0, 0, 0, 0])
}

pub(super) fn pause(_: &mut Ctx<'_>, _: [u64; 6]) -> Result<u64> {
    raw::interruptible(libc::SYS_ppoll, [0; 6])
}

pub(super) fn rt_sigpending(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    if a[1] > 8 {
        return Err(Errno::EINVAL);
    }
    let mut set = 0u64;
    raw::syscall(
        libc::SYS_rt_sigpending,
        [address_of_mut(&mut set), 8, 0, 0, 0, 0],
    )?;
    for info in &ctx.task.deferred {
        set |= bit(signal_number(info));
    }
    ctx.put(a[0], &set.to_le_bytes()[..size(a[1])])?;
    Ok(0)
}

/// rt_sigtimedwait(2): signals the CPU raises may wait in the task, and the host has to block them meanwhile.
pub(super) fn rt_sigtimedwait(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    check_size(a[3])?;
    let set = ctx.get_u64(a[0])?;
    if set & SYNC == 0 {
        return raw::interruptible(libc::SYS_rt_sigtimedwait, a);
    }
    if let Some(info) = ctx.task.take_deferred(set) {
        if a[1] != 0 {
            ctx.put(a[1], &info)?;
        }
        return Ok(reg(signal_number(&info)));
    }
    signal::set_mask_wholly(ctx.task.mask)?;
    let r = raw::interruptible(libc::SYS_rt_sigtimedwait, a);
    signal::set_mask(ctx.task.mask);
    r
}

/// signalfd4(2): that it may give signals the CPU raises is noted, for `wait`.
pub(super) fn signalfd4(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let done = raw::syscall(libc::SYS_signalfd4, a)?;
    let set = ctx.get_u64(a[1])? & SYNC;
    let order = std::sync::atomic::Ordering::AcqRel;
    ctx.process.read_from_descriptors.fetch_or(set, order);
    Ok(done)
}

pub(super) fn signalfd(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    signalfd4(ctx, [a[0], a[1], a[2], 0, 0, 0])
}

/// A call that may wait for a descriptor. If that may be for a signal of the CPU's kind, which the guest blocks and felix keeps,
/// the host has to have it, and block it, meanwhile.
pub(super) fn wait(ctx: &mut Ctx<'_>, nr: libc::c_long, args: [u64; 6]) -> Result<u64> {
    let order = std::sync::atomic::Ordering::Acquire;
    let set = ctx.process.read_from_descriptors.load(order) & ctx.task.mask;
    if set == 0 {
        return raw::interruptible(nr, args);
    }
    signal::set_mask_wholly(ctx.task.mask)?;
    while let Some(info) = ctx.task.take_deferred(set) {
        let _ = signal::requeue(ctx.task.tid, &info);
    }
    let r = raw::interruptible(nr, args);
    signal::set_mask(ctx.task.mask);
    r
}

fn on_altstack(alt: &AltStack, sp: u64) -> bool {
    alt.flags & SS_AUTODISARM == 0 && alt.size != 0 && sp > alt.sp && sp - alt.sp <= alt.size
}

pub(super) fn sigaltstack(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let sp = ctx.cpu.reg(Gpr::RSP);
    let old = ctx.task.altstack;
    if a[0] != 0 {
        let b: [u8; 24] = ctx.get(a[0])?;
        set_altstack(ctx, &b, sp)?;
    }
    if a[1] != 0 {
        let state = match old.size {
            0 => SS_DISABLE,
            _ => u32::from(on_altstack(&old, sp)) * SS_ONSTACK,
        };
        let shown = AltStack {
            flags: old.flags & SS_AUTODISARM | state,
            ..old
        };
        ctx.put(a[1], &stack_bytes(&shown))?;
    }
    Ok(0)
}

/// Takes over a stack_t, for code whose stack pointer is `sp` (do_sigaltstack in kernel/signal.c).
fn set_altstack(ctx: &mut Ctx<'_>, b: &[u8; 24], sp: u64) -> Result<()> {
    let word = |at: usize| {
        let mut w = [0; 8];
        w.copy_from_slice(&b[at..at + 8]);
        u64::from_le_bytes(w)
    };
    let mut new = AltStack {
        sp: word(0),
        flags: low32(word(8)),
        size: word(16),
    };
    if on_altstack(&ctx.task.altstack, sp) {
        return Err(Errno::EPERM);
    }
    match new.flags & !SS_AUTODISARM {
        SS_DISABLE => (new.sp, new.size) = (0, 0),
        0 | SS_ONSTACK if new == ctx.task.altstack => {}
        0 | SS_ONSTACK if new.size < 2048 => return Err(Errno::ENOMEM),
        0 | SS_ONSTACK => {}
        _ => return Err(Errno::EINVAL),
    }
    ctx.task.altstack = new;
    Ok(())
}

fn stack_bytes(alt: &AltStack) -> [u8; 24] {
    let mut b = [0; 24];
    b[..8].copy_from_slice(&alt.sp.to_le_bytes());
    b[8..12].copy_from_slice(&alt.flags.to_le_bytes());
    b[16..].copy_from_slice(&alt.size.to_le_bytes());
    b
}

/// The registers of sigcontext in its order.
const GREGS: [Gpr; 16] = [
    Gpr::R8,
    Gpr::R9,
    Gpr::R10,
    Gpr::R11,
    Gpr::new(12),
    Gpr::new(13),
    Gpr::new(14),
    Gpr::new(15),
    Gpr::RDI,
    Gpr::RSI,
    Gpr::RBP,
    Gpr::RBX,
    Gpr::RDX,
    Gpr::RAX,
    Gpr::RCX,
    Gpr::RSP,
];

/// Builds the frame for a handler and makes the registers start it (setup_rt_frame in arch/x86/kernel/signal_64.c).
fn push_frame(
    ctx: &mut Ctx<'_>,
    sig: i32,
    info: &RawInfo,
    action: &Action,
    saved_mask: SigSet,
) -> Result<()> {
    if let Some(rseq) = ctx.task.rseq {
        ctx.cpu.rip = rseq.interrupted(ctx.cpu.rip);
    }
    let sp = ctx.cpu.reg(Gpr::RSP);
    let alt = ctx.task.altstack;
    let mut top = sp.wrapping_sub(128);
    let on = on_altstack(&alt, sp);
    if action.flags & SA_ONSTACK != 0 && alt.size != 0 && !on {
        top = alt.sp.wrapping_add(alt.size);
    }
    let fpstate = fpstate(ctx.cpu);
    let fp = top.wrapping_sub(fpstate.len() as u64) & !63;
    let at = (fp.wrapping_sub(frame::SIZE as u64) & !15).wrapping_sub(8);
    if on && action.flags & SA_ONSTACK != 0 && (at < alt.sp || at > alt.sp.wrapping_add(alt.size)) {
        return Err(Errno::EFAULT);
    }

    let mut f = [0u8; frame::SIZE];
    let mut put = |at: usize, b: &[u8]| f[at..at + b.len()].copy_from_slice(b);
    put(frame::PRETCODE, &action.restorer.to_le_bytes());
    // UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS.
    let xstate = if xsave::xcr0() == 0 { 0 } else { UC_FP_XSTATE };
    put(frame::UC_FLAGS, &(6 | xstate).to_le_bytes());
    put(frame::UC_STACK, &stack_bytes(&alt));
    for (i, r) in GREGS.into_iter().enumerate() {
        put(frame::GREGS + 8 * i, &ctx.cpu.reg(r).to_le_bytes());
    }
    put(frame::GREGS + 128, &ctx.cpu.rip.to_le_bytes());
    put(frame::EFLAGS, &ctx.cpu.rflags().to_le_bytes());
    // __USER_CS, gs, fs, __USER_DS.
    for (i, s) in [0x33u16, 0, 0, 0x2b].into_iter().enumerate() {
        put(frame::SEGMENTS + 2 * i, &s.to_le_bytes());
    }
    let trap = ctx.task.trap;
    put(frame::ERR, &trap.error.to_le_bytes());
    put(frame::TRAPNO, &trap.vector.to_le_bytes());
    put(frame::OLDMASK, &saved_mask.to_le_bytes());
    put(frame::CR2, &trap.address.to_le_bytes());
    put(frame::FPSTATE, &fp.to_le_bytes());
    put(frame::UC_SIGMASK, &saved_mask.to_le_bytes());
    if action.flags & SA_SIGINFO != 0 {
        put(frame::INFO, info);
    }
    ctx.put(fp, &fpstate)?;
    ctx.put(at, &f)?;

    if alt.flags & SS_AUTODISARM != 0 {
        ctx.task.altstack = AltStack::OFF;
    }
    let cpu = &mut *ctx.cpu;
    cpu.set_reg(Gpr::RDI, reg(sig));
    cpu.set_reg(Gpr::RSI, at + frame::INFO as u64);
    cpu.set_reg(Gpr::RDX, at + frame::UC as u64);
    cpu.set_reg(Gpr::RAX, 0);
    cpu.set_reg(Gpr::RSP, at);
    cpu.rip = action.handler;
    let flags = cpu.rflags() & !(Rflags::DF | Rflags::TF | Rflags::RF);
    cpu.set_rflags(flags);
    // As Linux: a handler starts with fresh floating-point state.
    cpu.x87 = X87::default();
    cpu.mxcsr = MXCSR_DEFAULT;
    cpu.ymm = [[0; 4]; 16];
    Ok(())
}

pub(super) fn rt_sigreturn(ctx: &mut Ctx<'_>, _: [u64; 6]) -> Result<u64> {
    ctx.replaced = true;
    ctx.task.restart = None;
    // The handler's return has popped the restorer's address.
    let at = ctx.cpu.reg(Gpr::RSP).wrapping_sub(8);
    let Ok(f) = ctx.get::<{ frame::SIZE }>(at) else {
        force(ctx, &kernel_info(libc::SIGSEGV, 0x80, 0));
        return Ok(0);
    };
    let word = |at: usize| {
        let mut b = [0; 8];
        b.copy_from_slice(&f[at..at + 8]);
        u64::from_le_bytes(b)
    };
    for (i, r) in GREGS.into_iter().enumerate() {
        ctx.cpu.set_reg(r, word(frame::GREGS + 8 * i));
    }
    ctx.cpu.rip = word(frame::GREGS + 128);
    ctx.cpu.set_rflags(word(frame::EFLAGS));
    match word(frame::FPSTATE) {
        0 => {
            ctx.cpu.x87 = X87::default();
            ctx.cpu.mxcsr = MXCSR_DEFAULT;
            ctx.cpu.ymm = [[0; 4]; 16];
        }
        fp => {
            if restore_fpstate(ctx, fp).is_err() {
                force(ctx, &kernel_info(libc::SIGSEGV, 0x80, 0));
                return Ok(0);
            }
        }
    }
    ctx.task.mask = word(frame::UC_SIGMASK) & !UNBLOCKABLE;
    signal::set_mask(ctx.task.mask);
    let mut stack = [0; 24];
    stack.copy_from_slice(&f[frame::UC_STACK..frame::UC_STACK + 24]);
    // As Linux: what cannot be taken over is left.
    let _ = set_altstack(ctx, &stack, ctx.cpu.reg(Gpr::RSP));
    Ok(ctx.cpu.reg(Gpr::RAX))
}

/// Delivers what is pending, before guest code runs on. Clears `poll` itself.
pub fn deliver(ctx: &mut Ctx<'_>) {
    let mut any = false;
    loop {
        // Where a signal was recorded the mask is to be set, also if it is not delivered yet.
        any |= ctx.cpu.poll.swap(0, std::sync::atomic::Ordering::AcqRel) != 0;
        if let Some(to_stop) = ctx.task.mailbox.take_kick() {
            traced::kicked(ctx, to_stop);
        }
        if any && ctx.process.dying.load(std::sync::atomic::Ordering::Acquire) {
            core::park(ctx);
        }
        let Some(info) = ctx.task.take_signal() else {
            break;
        };
        any = true;
        one(ctx, &info, false);
        // What else gets through the handler's mask comes now, as a frame on top.
        signal::set_mask(ctx.task.mask);
    }
    if any {
        signal::set_mask(ctx.task.mask);
    }
    ctx.task.call_mask = None;
    // No handler ran: the interrupted call is made again.
    if let Some(nr) = ctx.task.restart.take() {
        let nr = match ctx.task.again {
            Again::FromBlock => time::RESTART_SYSCALL,
            _ => nr,
        };
        ctx.cpu.rip = ctx.cpu.rip.wrapping_sub(2);
        ctx.cpu.set_reg(Gpr::RAX, nr);
    }
}

/// Delivers one signal, if the tracer lets it. `forced`: it comes from a fault and cannot be ignored.
pub(super) fn one(ctx: &mut Ctx<'_>, info: &RawInfo, forced: bool) {
    if is_noise(ctx, info) {
        return;
    }
    if !ctx.task.trace.on() {
        return act(ctx, info, forced);
    }
    if let Some(new) = traced::signal(ctx, info) {
        act(
            ctx,
            &new,
            forced && signal_number(&new) == signal_number(info),
        );
    }
}

/// A SIGCHLD that the guest would not have got: of a traced thread whose stop is not for it to see, or, because the host
/// sends it all the same to who is traced, while it is ignored.
fn is_noise(ctx: &Ctx<'_>, info: &RawInfo) -> bool {
    const CLD_TRAPPED: [u8; 4] = 4i32.to_le_bytes();
    if signal_number(info) != libc::SIGCHLD {
        return false;
    }
    let index = size(reg(libc::SIGCHLD));
    let ignored = ctx.process.actions()[index].handler == IGNORE;
    (ctx.task.trace.on() && ignored)
        || info[8..12] == CLD_TRAPPED && !ptrace::anything_to_wait_for()
}

/// The same when that is decided.
pub(super) fn act(ctx: &mut Ctx<'_>, info: &RawInfo, forced: bool) {
    let sig = signal_number(info);
    let Ok(index) = usize::try_from(sig) else {
        return;
    };
    let action = {
        let mut actions = ctx.process.actions();
        let Some(&action) = actions.get(index) else {
            return;
        };
        if action.handler > IGNORE && action.flags & SA_RESETHAND != 0 {
            let reset = Action {
                handler: DEFAULT,
                ..action
            };
            actions[index] = reset;
            let _ = follow(sig, &reset);
        }
        action
    };
    if ctx.process.options.strace {
        let code = i32::from_le_bytes([info[8], info[9], info[10], info[11]]);
        host::write_stderr(
            format!(
                "[{}] --- {} si_code={code} ---\n",
                ctx.task.tid,
                signal_name(sig)
            )
            .as_bytes(),
        );
    }
    match action.handler {
        IGNORE if !forced => return,
        // Ignored by default: SIGCHLD, SIGCONT, SIGURG, SIGWINCH. The stop signals get here only if there is a tracer: the host
        // stops felix otherwise.
        DEFAULT
            if !forced
                && matches!(
                    sig,
                    libc::SIGCHLD | libc::SIGCONT | libc::SIGURG | libc::SIGWINCH
                ) =>
        {
            return;
        }
        DEFAULT if bit(sig) & STOPPING != 0 => {
            traced::group_stop(ctx, sig);
            return;
        }
        DEFAULT | IGNORE => {
            traced::event(ctx, event::EXIT, reg(sig));
            core::die(ctx, info)
        }
        _ => {}
    }
    let again = match ctx.task.again {
        Again::IfAsked => action.flags & SA_RESTART != 0,
        Again::IfUnhandled | Again::FromBlock => false,
        Again::Always => true,
    };
    if let Some(nr) = ctx.task.restart.take()
        && again
    {
        ctx.cpu.rip = ctx.cpu.rip.wrapping_sub(2);
        ctx.cpu.set_reg(Gpr::RAX, nr);
    }
    traced::hide_steps(ctx);
    let saved = ctx.task.mask;
    let in_force = ctx.task.call_mask.take().unwrap_or(saved);
    let result = if action.flags & SA_RESTORER == 0 {
        Err(Errno::EFAULT)
    } else {
        push_frame(ctx, sig, info, &action, saved)
    };
    if result.is_err() {
        if sig == libc::SIGSEGV {
            core::die(ctx, info);
        }
        force(ctx, &kernel_info(libc::SIGSEGV, 0x80, 0));
        return;
    }
    let own = if action.flags & SA_NODEFER != 0 {
        0
    } else {
        bit(sig)
    };
    ctx.task.mask = (in_force | action.mask | own) & !UNBLOCKABLE;
    traced::handler_entered(ctx);
}

/// The signals that end the process.
pub(super) fn fatal(process: &Process) -> SigSet {
    const HARMLESS: SigSet = STOPPING
        | bit(libc::SIGCHLD)
        | bit(libc::SIGCONT)
        | bit(libc::SIGURG)
        | bit(libc::SIGWINCH);
    let (ignored, caught) = process.actions().sets();
    !(ignored | caught | HARMLESS)
}

/// Delivers a signal that a fault raised: it kills if it is blocked or ignored (force_sig in kernel/signal.c).
pub(super) fn force(ctx: &mut Ctx<'_>, info: &RawInfo) {
    let sig = signal_number(info);
    if ctx.task.mask & bit(sig) == 0 {
        one(ctx, info, true);
        signal::set_mask(ctx.task.mask);
        return;
    }
    if ctx.task.trace.on() && traced::signal(ctx, info).is_none() {
        return;
    }
    core::die(ctx, info)
}

/// A siginfo the kernel makes for a fault.
pub(super) fn kernel_info(sig: i32, code: i32, addr: u64) -> RawInfo {
    let mut info = [0u8; 128];
    info[..4].copy_from_slice(&sig.to_le_bytes());
    info[8..12].copy_from_slice(&code.to_le_bytes());
    info[16..24].copy_from_slice(&addr.to_le_bytes());
    info
}

const SI_KERNEL: i32 = 0x80;

/// FPE_* codes by the lowest unmasked exception (fpu__exception_code in arch/x86/kernel/fpu/core.c).
fn fpe_code(unmasked: u32) -> i32 {
    match unmasked {
        e if e & 1 != 0 => 7,        // FPE_FLTINV
        e if e & 4 != 0 => 3,        // FPE_FLTDIV
        e if e & 8 != 0 => 4,        // FPE_FLTOVF
        e if e & (2 | 16) != 0 => 5, // FPE_FLTUND
        e if e & 32 != 0 => 6,       // FPE_FLTRES
        _ => 0,
    }
}

/// Turns a fault of the guest CPU into its signal (arch/x86/kernel/traps.c, arch/x86/mm/fault.c).
pub fn fault(ctx: &mut Ctx<'_>, fault: Fault) {
    if fault != Fault::SingleStep && vsyscall(ctx) {
        return;
    }
    let rip = ctx.cpu.rip;
    let single_step = match fault {
        Fault::SingleStep => match traced::stepped(ctx) {
            Some(code) => code,
            None => return,
        },
        _ => 0,
    };
    let (vector, error, info) = match fault {
        Fault::DivideError => (0, 0, kernel_info(libc::SIGFPE, 1, rip)),
        Fault::Debug => (1, 0, kernel_info(libc::SIGTRAP, 1, rip)),
        Fault::SingleStep => (1, 0, kernel_info(libc::SIGTRAP, single_step, rip)),
        Fault::Breakpoint => (3, 0, kernel_info(libc::SIGTRAP, SI_KERNEL, 0)),
        Fault::Overflow => (4, 0, kernel_info(libc::SIGSEGV, SI_KERNEL, 0)),
        Fault::InvalidOpcode => (6, 0, kernel_info(libc::SIGILL, 2, rip)),
        Fault::StackFault => (12, 0, kernel_info(libc::SIGBUS, SI_KERNEL, 0)),
        Fault::GeneralProtection => {
            let info = kernel_info(libc::SIGSEGV, SI_KERNEL, 0);
            (13, gate_error(ctx), info)
        }
        Fault::X87 => {
            let x = &ctx.cpu.x87;
            (
                16,
                0,
                kernel_info(
                    libc::SIGFPE,
                    fpe_code(u32::from(x.fsw & !x.fcw & 0x3f)),
                    rip,
                ),
            )
        }
        Fault::AlignmentCheck => (17, 0, kernel_info(libc::SIGBUS, 1, 0)),
        Fault::Simd => {
            let m = ctx.cpu.mxcsr;
            (
                19,
                0,
                kernel_info(libc::SIGFPE, fpe_code(m & !(m >> 7) & 0x3f), rip),
            )
        }
        Fault::Page(p) if !p.addr.is_canonical() => {
            (13, 0, kernel_info(libc::SIGSEGV, SI_KERNEL, 0))
        }
        Fault::Page(p) => {
            ctx.task.trap.address = p.addr.0;
            // Linux does not tell what is mapped in the kernel's half (sanitize_error_code in arch/x86/mm/fault.c).
            let kernel = p.addr.0 >= 1 << 47;
            let present = u64::from(p.kind == MemFaultKind::Protection || kernel);
            let error = present | u64::from(p.write) << 1 | 4 | u64::from(p.fetch) << 4;
            let info = match p.kind {
                MemFaultKind::NotMapped => kernel_info(libc::SIGSEGV, 1, p.addr.0),
                MemFaultKind::Protection => kernel_info(libc::SIGSEGV, 2, p.addr.0),
                MemFaultKind::Bus => kernel_info(libc::SIGBUS, 2, p.addr.0),
            };
            (14, error, info)
        }
    };
    ctx.task.trap.vector = vector;
    ctx.task.trap.error = error;
    let sig = signal_number(&info);
    tracing::debug!("{fault:?} at {rip:#x}: {}", signal_name(sig));
    force(ctx, &info);
}

/// The error code of a general protection fault: INT n names the gate it may not use, everything else has 0.
fn gate_error(ctx: &Ctx<'_>) -> u64 {
    match ctx.get::<2>(ctx.cpu.rip) {
        Ok([0xcd, n]) => u64::from(n) << 3 | 2,
        _ => 0,
    }
}

/// The vsyscall page (vsyscall=emulate): a call to one of its three entries does the system call and returns.
fn vsyscall(ctx: &mut Ctx<'_>) -> bool {
    const PAGE: u64 = 0xffff_ffff_ff60_0000;
    let nr = match ctx.cpu.rip.wrapping_sub(PAGE) {
        0 => 96,
        0x400 => 201,
        0x800 => 309,
        _ => return false,
    };
    let sp = ctx.cpu.reg(Gpr::RSP);
    let Ok(back) = guest::read_u64(GuestAddr(sp)) else {
        return false;
    };
    ctx.cpu.rip = back;
    ctx.cpu.set_reg(Gpr::RSP, sp.wrapping_add(8));
    ctx.cpu.set_reg(Gpr::RAX, nr);
    super::syscall(ctx);
    true
}
