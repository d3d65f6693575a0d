//! ptrace(2), and wait4(2) and waitid(2), which tell of the stops: the tracer's side.
//!
//! Memory of the other process is the host's business: guest addresses are host addresses. Registers are read and written in
//! its register file, in the layouts of `struct user` (sys/user.h) and of the register sets (elf.h).

use super::abi::user;
use super::{Ctx, Result, fd_of, seccomp};
use crate::kernel::trace::{Go, Kind, Word, event, option};
use crate::kernel::tracer::{self, Stop, View};
use crate::sys::cast::{int, low32, reg, size};
use crate::sys::host::{address_of, address_of_mut};
use crate::sys::image;
use crate::sys::ptrace::{self, request};
use crate::sys::signal::RawInfo;
use crate::sys::{Errno, host, raw};
use crate::x86::fxsave;
use crate::x86::fxsave::Form;
use crate::x86::xsave::{self, Format};
use crate::x86::{CpuState, Gpr, Rflags};
use std::os::unix::fs::MetadataExt;

/// Requests whose numbers only guests know (asm/ptrace-abi.h, linux/ptrace.h).
mod guest_request {
    pub const PEEKTEXT: u64 = 1;
    pub const PEEKUSR: u64 = 3;
    pub const POKETEXT: u64 = 4;
    pub const POKEUSR: u64 = 6;
    pub const SINGLESTEP: u64 = 9;
    pub const GETREGS: u64 = 12;
    pub const SETREGS: u64 = 13;
    pub const GETFPREGS: u64 = 14;
    pub const SETFPREGS: u64 = 15;
    pub const SYSCALL: u64 = 24;
    pub const ARCH_PRCTL: u64 = 30;
    pub const SYSEMU: u64 = 31;
    pub const SYSEMU_SINGLESTEP: u64 = 32;
    pub const GETREGSET: u64 = 0x4204;
    pub const SETREGSET: u64 = 0x4205;
    pub const GETSIGMASK: u64 = 0x420a;
    pub const SETSIGMASK: u64 = 0x420b;
    pub const GET_SYSCALL_INFO: u64 = 0x420e;
    pub const SECCOMP_GET_METADATA: u64 = 0x420d;
    pub const GET_RSEQ_CONFIGURATION: u64 = 0x420f;
}
use guest_request as g;

pub(super) fn ptrace(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let (what, tid, addr, data) = (a[0], int(a[1]), a[2], a[3]);
    match what {
        request::TRACEME => return trace_me(ctx),
        request::ATTACH | request::SEIZE => {
            begins(tid)?;
            if what == request::SEIZE {
                may_set(ctx, data)?;
            }
            return match what {
                request::ATTACH => tracer::attach(tid),
                _ => tracer::seize(tid, addr, data),
            }
            .map(|()| 0);
        }
        _ if !tracer::traces(tid) => return Err(Errno::ESRCH),
        request::INTERRUPT => return ptrace::ptrace(what, tid, 0, 0),
        request::KILL => {
            let _ = ptrace::tgkill(ptrace::tgid_of(tid)?, tid, libc::SIGKILL);
            return Ok(0);
        }
        _ => {}
    }
    let view = tracer::stopped(tid)?;
    let going = |go: Go| {
        if data > 64 {
            return Err(Errno::EIO);
        }
        tracer::resume(&view, go, int(data)).map(|()| 0)
    };
    match what {
        request::CONT => going(Go::Run),
        g::SYSCALL => going(Go::Call),
        g::SINGLESTEP => going(Go::Step),
        g::SYSEMU => going(Go::Emulate),
        g::SYSEMU_SINGLESTEP => going(Go::EmulateStep),
        request::DETACH => going(Go::Detached),
        request::LISTEN => tracer::listen(&view).map(|()| 0),
        request::SETOPTIONS => {
            may_set(ctx, data)?;
            tracer::set_options(&view, data).map(|()| 0)
        }
        g::PEEKTEXT | request::PEEKDATA => {
            let mut word = 0u64;
            ptrace::ptrace(request::PEEKDATA, tid, addr, address_of_mut(&mut word))?;
            ctx.put(data, &word.to_le_bytes()).map(|()| 0)
        }
        g::POKETEXT | request::POKEDATA => {
            ptrace::ptrace(request::POKEDATA, tid, addr, data)?;
            image::tell_written(tid, addr, addr.wrapping_add(8)).map(|()| 0)
        }
        g::PEEKUSR => {
            let word = peek_user(&view, addr)?;
            ctx.put(data, &word.to_le_bytes()).map(|()| 0)
        }
        g::POKEUSR => poke_user(&view, addr, data),
        g::GETREGS => {
            let regs = registers(&view)?;
            ctx.put(data, &regs).map(|()| 0)
        }
        g::SETREGS => set_registers(&view, &ctx.get::<{ user::REGS }>(data)?),
        g::GETFPREGS => {
            let image = fxsave::store(&*cpu(&view)?);
            ctx.put(data, &image).map(|()| 0)
        }
        g::SETFPREGS => set_fpregs(&view, &ctx.get::<{ fxsave::SIZE }>(data)?),
        g::ARCH_PRCTL => arch_prctl(ctx, &view, addr, data),
        g::GETREGSET | g::SETREGSET => register_set(ctx, &view, what == g::SETREGSET, addr, data),
        request::GETSIGINFO => {
            let info = siginfo(&view)?;
            ctx.put(data, &info).map(|()| 0)
        }
        request::SETSIGINFO => {
            siginfo(&view)?;
            view.set_info(&ctx.get::<128>(data)?).map(|()| 0)
        }
        request::GETEVENTMSG => {
            let message = match view.stop {
                Stop::Own(_) => view.get(Word::Message),
                Stop::Host => ptrace::message(tid)?,
            };
            ctx.put(data, &message.to_le_bytes()).map(|()| 0)
        }
        request::PEEKSIGINFO => raw::syscall(libc::SYS_ptrace, a),
        g::GETSIGMASK if addr == 8 => {
            let mask = view.get(Word::Mask);
            ctx.put(data, &mask.to_le_bytes()).map(|()| 0)
        }
        g::SETSIGMASK if addr == 8 => {
            const UNBLOCKABLE: u64 = 1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1);
            let mask = ctx.get_u64(data)? & !UNBLOCKABLE;
            view.set(Word::Mask, mask).map(|()| 0)
        }
        g::GETSIGMASK | g::SETSIGMASK => Err(Errno::EINVAL),
        g::GET_SYSCALL_INFO => syscall_info(ctx, &view, addr, data),
        g::SECCOMP_GET_METADATA => seccomp_metadata(ctx, &view, addr, data),
        // There are no restartable sequences.
        g::GET_RSEQ_CONFIGURATION if addr == 24 => ctx.put(data, &[0; 24]).map(|()| 24),
        g::GET_RSEQ_CONFIGURATION => Err(Errno::EINVAL),
        _ => Err(Errno::EIO),
    }
}

/// PTRACE_SECCOMP_GET_METADATA: `struct seccomp_metadata`, whose first word is the filter's number.
fn seccomp_metadata(ctx: &mut Ctx<'_>, view: &View, room: u64, at: u64) -> Result<u64> {
    const SIZE: u64 = 16;
    const LOG: u64 = 2;
    if !seccomp::may_look(ctx) {
        return Err(Errno::EACCES);
    }
    let len = room.min(SIZE);
    if len < 8 {
        return Err(Errno::EINVAL);
    }
    let number = ctx.get_u64(at)?;
    let count = view.get(Word::FilterCount);
    if count == 0 {
        return Err(Errno::EINVAL);
    }
    if number >= count {
        return Err(Errno::ENOENT);
    }
    let mut logs = [0];
    image::read(view.tid, view.get(Word::Filters) + number, &mut logs)?;
    let flags = u64::from(logs[0]) * LOG;
    let out = [number.to_le_bytes(), flags.to_le_bytes()];
    ctx.put(at, &out.as_flattened()[..size(len)])?;
    Ok(len)
}

/// The options may be set: EPERM for PTRACE_O_SUSPEND_SECCOMP without the right to it (check_ptrace_options in kernel/ptrace.c).
fn may_set(ctx: &Ctx<'_>, options: u64) -> Result<()> {
    let suspended = ctx.task.trace.wants(option::SUSPEND_SECCOMP);
    let allowed = || seccomp::may_look(ctx) && !suspended;
    if options & !tracer::OPTIONS == 0 && options & option::SUSPEND_SECCOMP != 0 && !allowed() {
        return Err(Errno::EPERM);
    }
    Ok(())
}

/// EPERM for what felix does not run: its registers are no x86-64 ones.
fn begins(tid: i32) -> Result<()> {
    if tid <= 0 || std::fs::metadata(format!("/proc/{tid}")).is_err() {
        return Err(Errno::ESRCH);
    }
    if image::is_felix(tid) {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

/// PTRACE_TRACEME.
fn trace_me(ctx: &mut Ctx<'_>) -> Result<u64> {
    if !image::is_felix(ptrace::parent()) {
        return Err(Errno::EPERM);
    }
    ptrace::ptrace(request::TRACEME, 0, 0, 0)?;
    ctx.task.trace.begin();
    Ok(0)
}

fn cpu(view: &View) -> Result<Box<CpuState>> {
    ptrace::read_cpu(view.tid, view.get(Word::Cpu))
}

fn set_cpu(view: &View, cpu: &CpuState) -> Result<u64> {
    ptrace::write_cpu(view.tid, view.get(Word::Cpu), cpu).map(|()| 0)
}

/// The selectors Linux gives user code.
const CS: u64 = 0x33;
const SS: u64 = 0x2b;

fn selector(cpu: &CpuState, n: u32) -> u64 {
    cpu.selectors >> (16 * n) & 0xffff
}

/// The words of `struct user_regs_struct`.
fn words(view: &View) -> Result<[u64; user::WORDS]> {
    let cpu = cpu(view)?;
    let mut w = [0; user::WORDS];
    for (place, r) in w.iter_mut().zip(user::GPRS) {
        *place = cpu.reg(r);
    }
    w[user::ORIG_RAX] = view.get(Word::Call);
    w[user::RIP] = cpu.rip;
    (w[user::CS], w[user::SS]) = (CS, SS);
    w[user::EFLAGS] = cpu.rflags();
    w[user::RSP] = cpu.reg(Gpr::RSP);
    (w[user::FS_BASE], w[user::GS_BASE]) = (cpu.fs_base, cpu.gs_base);
    for n in 0..4 {
        w[user::DS + size(n.into())] = selector(&cpu, n);
    }
    Ok(w)
}

/// `struct user_regs_struct`.
fn registers(view: &View) -> Result<[u8; user::REGS]> {
    let mut out = [0; user::REGS];
    for (b, w) in out.chunks_exact_mut(8).zip(words(view)?) {
        b.copy_from_slice(&w.to_le_bytes());
    }
    Ok(out)
}

/// Sets the registers whose words are given (putreg in arch/x86/kernel/ptrace.c).
fn set_words(view: &View, new: impl Iterator<Item = (usize, u64)>) -> Result<u64> {
    let mut cpu = cpu(view)?;
    for (n, v) in new {
        match n {
            user::ORIG_RAX => view.set(Word::Call, v)?,
            user::RIP => cpu.rip = v,
            user::RSP => cpu.set_reg(Gpr::RSP, v),
            user::EFLAGS => cpu.set_rflags(v & !Rflags::RF),
            // Its selector first, so that the base that is set stays.
            user::FS_BASE | user::GS_BASE if v >= 1 << 47 => return Err(Errno::EIO),
            user::FS_BASE => cpu.fs_base = v,
            user::GS_BASE => cpu.gs_base = v,
            user::CS | user::SS => {
                if v & 3 != 3 {
                    return Err(Errno::EIO);
                }
            }
            n if (user::DS..user::DS + 4).contains(&n) => {
                let at = 16 * (n - user::DS);
                cpu.selectors = cpu.selectors & !(0xffff << at) | (v & 0xffff) << at;
            }
            n => cpu.set_reg(user::GPRS[n], v),
        }
    }
    set_cpu(view, &cpu)
}

fn set_registers(view: &View, bytes: &[u8]) -> Result<u64> {
    let word = |b: &[u8]| u64::from_le_bytes(b.try_into().unwrap_or_default());
    set_words(view, bytes.chunks_exact(8).map(word).enumerate())
}

fn set_fpregs(view: &View, image: &[u8; fxsave::SIZE]) -> Result<u64> {
    let mut cpu = cpu(view)?;
    if !fxsave::load(&mut cpu, image) {
        return Err(Errno::EINVAL);
    }
    set_cpu(view, &cpu)
}

/// A word of `struct user`.
fn peek_user(view: &View, at: u64) -> Result<u64> {
    if !at.is_multiple_of(8) || at >= user::SIZE as u64 {
        return Err(Errno::EIO);
    }
    let at = size(at);
    match at {
        _ if at < user::REGS => Ok(words(view)?[at / 8]),
        _ if debug_register(at).is_some_and(|n| !(4..=5).contains(&n)) => {
            Ok(view.debug(debug_register(at).unwrap_or(0)))
        }
        _ => Ok(0),
    }
}

fn poke_user(view: &View, at: u64, v: u64) -> Result<u64> {
    if !at.is_multiple_of(8) || at >= user::SIZE as u64 {
        return Err(Errno::EIO);
    }
    match size(at) {
        at if at < user::REGS => set_words(view, std::iter::once((at / 8, v))),
        at => match debug_register(at) {
            // Linux has breakpoints in the user's half only, and none for ports.
            Some(0..=3) if v >= 1 << 47 => Err(Errno::EINVAL),
            Some(7) if (0..4).any(|n| v >> (16 + 4 * n) & 3 == 2) => Err(Errno::EINVAL),
            Some(n @ (0..=3 | 6 | 7)) => view.set_debug(n, v).map(|()| 0),
            _ => Err(Errno::EIO),
        },
    }
}

/// The number of the debug register at this place of `struct user`.
fn debug_register(at: usize) -> Option<usize> {
    (user::DEBUGREG..user::DEBUGREG + 64)
        .contains(&at)
        .then(|| (at - user::DEBUGREG) / 8)
}

fn arch_prctl(ctx: &mut Ctx<'_>, view: &View, at: u64, code: u64) -> Result<u64> {
    let word = match code {
        0x1001 => return set_words(view, std::iter::once((user::GS_BASE, at))),
        0x1002 => return set_words(view, std::iter::once((user::FS_BASE, at))),
        0x1003 => user::FS_BASE,
        0x1004 => user::GS_BASE,
        _ => return Err(Errno::EINVAL),
    };
    let v = words(view)?[word];
    ctx.put(at, &v.to_le_bytes()).map(|()| 0)
}

/// PTRACE_GETREGSET and PTRACE_SETREGSET.
fn register_set(ctx: &mut Ctx<'_>, view: &View, set: bool, kind: u64, iov: u64) -> Result<u64> {
    const NT_PRSTATUS: u32 = 1;
    const NT_PRFPREG: u32 = 2;
    const NT_X86_XSTATE: u32 = 0x202;
    let (base, len) = (ctx.get_u64(iov)?, ctx.get_u64(iov.wrapping_add(8))?);
    let features = xsave::xcr0();
    let (bytes, unit) = match low32(kind) {
        NT_PRSTATUS => (registers(view)?.to_vec(), 8),
        NT_PRFPREG => (fxsave::store(&*cpu(view)?).to_vec(), 8),
        NT_X86_XSTATE if features != 0 => {
            let mut area = [0; xsave::SIZE];
            xsave::store(
                &*cpu(view)?,
                &mut area,
                features,
                Format::Standard,
                Form::Wide,
            );
            // Where Linux says which components there are (arch/x86/kernel/fpu/xstate.c).
            area[XSTATE_BV_AT..XSTATE_BV_AT + 8].copy_from_slice(&features.to_le_bytes());
            (area[..xsave::size(features)].to_vec(), 8)
        }
        _ => return Err(Errno::EINVAL),
    };
    if len % unit != 0 {
        return Err(Errno::EINVAL);
    }
    let n = bytes.len().min(size(len));
    if !set {
        ctx.put(base, &bytes[..n])?;
    } else {
        let mut new = bytes;
        for (i, b) in new[..n].chunks_mut(8).enumerate() {
            let word: [u8; 8] = ctx.get(base.wrapping_add(8 * i as u64))?;
            b.copy_from_slice(&word);
        }
        match low32(kind) {
            NT_PRSTATUS => set_registers(view, &new[..n])?,
            NT_PRFPREG => set_fpregs(view, &new.try_into().map_err(|_| Errno::EINVAL)?)?,
            _ => {
                let mut area = [0; xsave::SIZE];
                area[..new.len()].copy_from_slice(&new);
                let mut cpu = cpu(view)?;
                let whole = n == new.len();
                if !whole || !xsave::load(&mut cpu, &area, features, Form::Wide) {
                    return Err(Errno::EINVAL);
                }
                set_cpu(view, &cpu)?
            }
        };
    }
    ctx.put(iov.wrapping_add(8), &(n as u64).to_le_bytes())?;
    Ok(0)
}

/// In the bytes that FXSAVE leaves to software.
const XSTATE_BV_AT: usize = 464;

/// PTRACE_GETSIGINFO; EINVAL in a group-stop.
fn siginfo(view: &View) -> Result<RawInfo> {
    match view.stop {
        Stop::Own(Kind::Safepoint) => Err(Errno::EINVAL),
        Stop::Own(_) => Ok(view.info()),
        Stop::Host => ptrace::siginfo(view.tid),
    }
}

/// PTRACE_GET_SYSCALL_INFO: `struct ptrace_syscall_info`.
fn syscall_info(ctx: &mut Ctx<'_>, view: &View, room: u64, to: u64) -> Result<u64> {
    const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
    let regs = words(view)?;
    let mut out = [0u8; user::SYSCALL_INFO];
    let mut put = |at: usize, v: &[u8]| out[at..at + v.len()].copy_from_slice(v);
    put(4, &AUDIT_ARCH_X86_64.to_le_bytes());
    put(8, &regs[user::RIP].to_le_bytes());
    put(16, &regs[user::RSP].to_le_bytes());
    let seccomp = view.stop == Stop::Own(Kind::Event) && view.get(Word::Code) == event::SECCOMP;
    let len = match view.stop {
        Stop::Own(Kind::Entry) | Stop::Own(Kind::Event)
            if seccomp || view.stop == Stop::Own(Kind::Entry) =>
        {
            put(0, &[if seccomp { 3 } else { 1 }]);
            put(24, &regs[user::ORIG_RAX].to_le_bytes());
            // rdi, rsi, rdx, r10, r8, r9.
            for (i, n) in [14, 13, 12, 7, 9, 8].into_iter().enumerate() {
                put(32 + 8 * i, &regs[n].to_le_bytes());
            }
            if seccomp {
                put(80, &low32(view.get(Word::Message)).to_le_bytes());
                84
            } else {
                80
            }
        }
        Stop::Own(Kind::Exit) => {
            let rax = regs[user::RAX];
            put(0, &[2]);
            put(24, &rax.to_le_bytes());
            put(32, &[u8::from((-4095..0).contains(&rax.cast_signed()))]);
            33
        }
        _ => 24,
    };
    let n = len.min(size(room));
    ctx.put(to, &out[..n])?;
    Ok(len as u64)
}

/// True if a wait would tell the caller something.
pub(super) fn anything_to_wait_for() -> bool {
    let options =
        reg(libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG | libc::WNOWAIT);
    let waits = || {
        let info = ptrace::waitid(0, 0, options | WALL, 0);
        info.is_ok_and(|i| i[16..20] != [0; 4])
    };
    !tracer::is_tracer() || tracer::serve_all() || waits()
}

/// __WALL.
const WALL: u64 = 0x4000_0000;

/// Lets threads that the caller traces, and does not wait for, go on from stops that are not the guest's; waits until there
/// may be more to do.
fn serve_others() -> Result<()> {
    if tracer::serve_all() {
        // What was found may be what the caller waits for, or stays for others and does not end this wait.
        let nap = [0u64, 1_000_000];
        return raw::interruptible(libc::SYS_ppoll, [0, 0, address_of(&nap), 0, 0, 0]).map(drop);
    }
    let options = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED | libc::WNOWAIT;
    let info = ptrace::waitid(0, 0, reg(options) | WALL, 0)?;
    let tid = i32::from_le_bytes(info[16..20].try_into().unwrap_or_default());
    if tracer::traces(tid) && tracer::serve(tid) || !tracer::traces(tid) {
        let nap = [0u64, 1_000_000];
        raw::interruptible(libc::SYS_ppoll, [0, 0, address_of(&nap), 0, 0, 0])?;
    }
    Ok(())
}

pub(super) fn wait4(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    loop {
        let (tid, status) = match tracer::untold(int(a[0]), true) {
            Some(told) => told,
            None => {
                let waits_for_all = int(a[0]) == -1 && a[2] & WALL != 0;
                let serves = tracer::is_tracer() && !waits_for_all;
                let now = if serves { reg(libc::WNOHANG) } else { 0 };
                let (tid, status) = ptrace::wait4(a[0], a[2] | now, a[3])?;
                if tid == 0 {
                    if a[2] & reg(libc::WNOHANG) != 0 {
                        return Ok(0);
                    }
                    serve_others()?;
                    continue;
                }
                match tracer::on_status(tid, status) {
                    Some(status) => (tid, status),
                    None => continue,
                }
            }
        };
        if a[1] != 0 {
            ctx.put(a[1], &status.to_le_bytes())?;
        }
        return Ok(reg(tid));
    }
}

pub(super) fn waitid(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let keeps = a[3] & reg(libc::WNOWAIT) != 0;
    loop {
        let pid = match low32(a[0]) {
            0 => -1,
            1 => int(a[1]),
            2 if a[1] == 0 => 0,
            2 => -int(a[1]),
            _ => i32::MAX,
        };
        let stops = a[3] & reg(libc::WSTOPPED) != 0;
        let untold = if stops {
            tracer::untold(pid, !keeps)
        } else {
            None
        };
        let mut info = match untold {
            Some((tid, _)) => child_info(tid),
            None => {
                let serves = tracer::is_tracer() && !(pid == -1 && a[3] & WALL != 0);
                let now = if serves { reg(libc::WNOHANG) } else { 0 };
                let info = ptrace::waitid(a[0], a[1], a[3] | now, a[4])?;
                if info[16..20] == [0; 4] && serves && a[3] & reg(libc::WNOHANG) == 0 {
                    serve_others()?;
                    continue;
                }
                info
            }
        };
        let word = |at: usize| i32::from_le_bytes(info[at..at + 4].try_into().unwrap_or_default());
        let (code, tid, status) = (word(8), word(16), word(24));
        let told = match (untold, code) {
            (Some((_, status)), _) => Some(status),
            _ if tid == 0 => return put_child(ctx, a[2], &info),
            (_, CLD_TRAPPED | CLD_STOPPED) => tracer::on_status(tid, status << 8 | 0x7f),
            (_, CLD_EXITED) => tracer::on_status(tid, status << 8).map(|s| s & 0xffff),
            (_, CLD_CONTINUED) => Some(0xffff),
            _ => tracer::on_status(tid, status & 0x7f),
        };
        match told {
            Some(s) => {
                if matches!(code, CLD_TRAPPED | CLD_STOPPED) {
                    info[24..28].copy_from_slice(&(s >> 8).to_le_bytes());
                }
                return put_child(ctx, a[2], &info);
            }
            // It still waits to be told: nobody is to be.
            None if keeps && matches!(code, CLD_TRAPPED | CLD_STOPPED) => {
                tracer::serve(tid);
            }
            None => {}
        }
    }
}

const CLD_EXITED: i32 = 1;
const CLD_TRAPPED: i32 = 4;
const CLD_STOPPED: i32 = 5;
const CLD_CONTINUED: i32 = 6;

/// What waitid(2) tells of a traced thread that has stopped, but for how.
fn child_info(tid: i32) -> RawInfo {
    let mut info = ptrace::info_of(libc::SIGCHLD, CLD_TRAPPED, 0);
    info[16..20].copy_from_slice(&tid.to_le_bytes());
    let uid = std::fs::metadata(format!("/proc/{tid}")).map_or(0, |m| m.uid());
    info[20..24].copy_from_slice(&uid.to_le_bytes());
    info
}

/// The fields that waitid(2) writes.
fn put_child(ctx: &mut Ctx<'_>, to: u64, info: &RawInfo) -> Result<u64> {
    if to != 0 {
        ctx.put(to, &info[..12])?;
        ctx.put(to.wrapping_add(16), &info[16..28])?;
    }
    Ok(0)
}

/// process_vm_writev(2): if felix runs the other process, that learns of it.
pub(super) fn process_vm_writev(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let written = raw::interruptible(libc::SYS_process_vm_writev, a)?;
    let pid = int(a[0]);
    let mut left = written;
    for i in 0..a[4] {
        let at = a[3].wrapping_add(16 * i);
        let (Ok(start), Ok(len)) = (ctx.get_u64(at), ctx.get_u64(at.wrapping_add(8))) else {
            break;
        };
        let end = start.saturating_add(len.min(left));
        if pid == host::getpid() {
            ctx.changes.push(start..end);
        } else if left != 0 && image::is_felix(pid) {
            let _ = image::tell_written(pid, start, end);
        }
        left -= len.min(left);
    }
    Ok(written)
}

/// A file was written; if it is the memory of another process (/proc/PID/mem), that learns of it.
pub(super) fn memory_written(fd: u64, range: Option<(u64, u64)>) {
    let Ok(path) = host::fd_path(fd_of(fd)) else {
        return;
    };
    let number = |path: &[u8]| -> Option<i32> {
        let rest = path.strip_prefix(b"/proc/")?.strip_suffix(b"/mem")?;
        let last = rest.rsplit(|b| *b == b'/').next()?;
        std::str::from_utf8(last).ok()?.parse().ok()
    };
    let Some(pid) = number(&path) else {
        return;
    };
    let (start, end) = range.unwrap_or((0, crate::mem::space::LIMIT));
    if pid != host::getpid() {
        let _ = image::tell_written(pid, start, end);
    }
}
