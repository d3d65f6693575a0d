//! The host's ptrace(2) between two processes of felix. What they show to each other is in `image`.
//!
//! Who is traced stops for its tracer by a signal to itself, SIGTRAP with one of the codes below, which nobody else sends;
//! the tracer makes every other signal one of those, too, because only felix's handler of SIGTRAP is sure to be there.
//!
//! Knows no guest and decides nothing: `kernel::trace` does.

use super::cast::{int, low32, reg};
use super::host::{address_of, address_of_mut, getpid};
use super::image::{read, write};
use super::signal::{RawInfo, SYNC};
use super::{Errno, raw};
use crate::x86::CpuState;
use crate::x86::state::X87;
use std::mem::offset_of;

/// Requests (ptrace(2)); the numbers are the same on all hosts.
#[allow(missing_docs)] // The manual's names.
pub mod request {
    pub const TRACEME: u64 = 0;
    pub const PEEKDATA: u64 = 2;
    pub const POKEDATA: u64 = 5;
    pub const CONT: u64 = 7;
    pub const KILL: u64 = 8;
    pub const ATTACH: u64 = 16;
    pub const DETACH: u64 = 17;
    pub const SETOPTIONS: u64 = 0x4200;
    pub const GETEVENTMSG: u64 = 0x4201;
    pub const GETSIGINFO: u64 = 0x4202;
    pub const SETSIGINFO: u64 = 0x4203;
    pub const SEIZE: u64 = 0x4206;
    pub const INTERRUPT: u64 = 0x4207;
    pub const LISTEN: u64 = 0x4208;
    pub const PEEKSIGINFO: u64 = 0x4209;
}

/// `si_code` of the SIGTRAP by which a thread stops for its tracer; its value is the address of the thread's record.
pub const STOP: i32 = -0x4645_4c01;
/// `si_code` of the SIGTRAP by which a tracer makes a thread come to a safepoint, with the signal in `si_errno`, if any.
pub const KICK: i32 = -0x4645_4c02;
/// `si_code` of a signal that is to act on the host's process: the guest's has been decided.
pub const PASS: i32 = -0x4645_4c03;

/// ptrace(2).
pub fn ptrace(request: u64, tid: i32, addr: u64, data: u64) -> Result<u64, Errno> {
    raw::syscall(libc::SYS_ptrace, [request, reg(tid), addr, data, 0, 0])
}

/// PTRACE_GETSIGINFO; EINVAL in a group-stop.
pub fn siginfo(tid: i32) -> Result<RawInfo, Errno> {
    let mut info: RawInfo = [0; 128];
    ptrace(request::GETSIGINFO, tid, 0, address_of_mut(&mut info))?;
    Ok(info)
}

/// PTRACE_SETSIGINFO.
pub fn set_siginfo(tid: i32, info: &RawInfo) -> Result<(), Errno> {
    ptrace(request::SETSIGINFO, tid, 0, address_of(info)).map(drop)
}

/// PTRACE_GETEVENTMSG.
pub fn message(tid: i32) -> Result<u64, Errno> {
    let mut message = 0u64;
    let to = address_of_mut(&mut message);
    ptrace(request::GETEVENTMSG, tid, 0, to).map(|_| message)
}

/// rt_tgsigqueueinfo(2).
pub fn queue(tgid: i32, tid: i32, sig: i32, info: &RawInfo) -> Result<(), Errno> {
    let args = [reg(tgid), reg(tid), reg(sig), address_of(info), 0, 0];
    raw::syscall(libc::SYS_rt_tgsigqueueinfo, args).map(drop)
}

/// A siginfo with a code and a value (sigqueue(3)).
#[must_use]
pub fn info_of(sig: i32, code: i32, value: u64) -> RawInfo {
    let mut info: RawInfo = [0; 128];
    info[..4].copy_from_slice(&sig.to_le_bytes());
    info[8..12].copy_from_slice(&code.to_le_bytes());
    info[24..32].copy_from_slice(&value.to_le_bytes());
    info
}

fn field(info: &RawInfo, at: usize) -> i32 {
    i32::from_le_bytes(info[at..at + 4].try_into().unwrap_or_default())
}

/// `si_code`.
#[must_use]
pub fn code_of(info: &RawInfo) -> i32 {
    field(info, 8)
}

/// `si_value` of what `info_of` made.
#[must_use]
pub fn value_of(info: &RawInfo) -> u64 {
    u64::from_le_bytes(info[24..32].try_into().unwrap_or_default())
}

/// The siginfo of a kick that carries this signal. What was in `si_errno` is lost.
#[must_use]
pub fn carrying(info: &RawInfo) -> RawInfo {
    let mut kick = *info;
    kick[..4].copy_from_slice(&libc::SIGTRAP.to_le_bytes());
    kick[4..8].copy_from_slice(&info[..4]);
    kick[8..12].copy_from_slice(&KICK.to_le_bytes());
    kick[12..16].copy_from_slice(&info[8..12]);
    // More than the kernel keeps must be zero where it does not know the code.
    kick[48..].fill(0);
    kick
}

/// The signal that a kick carries, if it does.
#[must_use]
pub fn carried(kick: &RawInfo) -> Option<RawInfo> {
    if field(kick, 4) == 0 {
        return None;
    }
    let mut info = *kick;
    info[..4].copy_from_slice(&kick[4..8]);
    info[4..8].fill(0);
    info[8..12].copy_from_slice(&kick[12..16]);
    info[12..16].fill(0);
    Some(info)
}

/// Stops this thread for its tracer: returns when it goes on, or if nobody traces it. `memory` is what the tracer reads and
/// writes meanwhile.
pub fn stop(tid: i32, record: u64, memory: &mut CpuState) {
    // From here on others may change it, for all the compiler knows.
    let _ = address_of_mut(memory);
    let _ = queue(
        getpid(),
        tid,
        libc::SIGTRAP,
        &info_of(libc::SIGTRAP, STOP, record),
    );
}

/// Makes all signals wait but those felix needs itself.
pub fn block_all() {
    let mask = !SYNC;
    let how = reg(libc::SIG_SETMASK);
    let _ = raw::syscall(
        libc::SYS_rt_sigprocmask,
        [how, address_of(&mask), 0, 8, 0, 0],
    );
}

/// A register file of another process.
pub fn read_cpu(pid: i32, at: u64) -> Result<Box<CpuState>, Errno> {
    let mut cpu: Box<CpuState> = Box::default();
    // SAFETY: the bytes of one value, which nobody else refers to; every one of its fields is an integer or an atomic one,
    // for which all bytes are valid, and the bytes are not used after `cpu` is.
    let bytes = unsafe {
        std::slice::from_raw_parts_mut((&raw mut *cpu).cast::<u8>(), size_of::<CpuState>())
    };
    read(pid, at, bytes)?;
    Ok(cpu)
}

/// Writes the architectural part of it back.
pub fn write_cpu(pid: i32, at: u64, cpu: &CpuState) -> Result<(), Errno> {
    const POLL: usize = offset_of!(CpuState, poll);
    const END: usize = offset_of!(CpuState, x87) + offset_of!(X87, fdp) + 8;
    // SAFETY: the bytes of one value with a defined layout, which nobody changes meanwhile, from its start to the end of its
    // last architectural field; before that there is no padding (asserted below).
    let bytes = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(cpu).cast::<u8>(), END) };
    write(pid, at, &bytes[..POLL])?;
    write(pid, at + POLL as u64 + 4, &bytes[POLL + 4..])
}

// Words of 8 bytes, and one pair of 4, up to the vector registers; then those, and the x87 registers and words.
const _: () = assert!(offset_of!(CpuState, poll) == offset_of!(CpuState, mxcsr) + 4);
const _: () = assert!(offset_of!(CpuState, ymm) == offset_of!(CpuState, selectors) + 8);
const _: () = assert!(offset_of!(CpuState, x87) == offset_of!(CpuState, ymm) + 512);
const _: () = assert!(offset_of!(X87, fdp) == 128 + 4 * 2 + 8);

/// wait4(2), which signals interrupt.
pub fn wait4(pid: u64, options: u64, rusage: u64) -> Result<(i32, i32), Errno> {
    let mut status = 0u32;
    let to = address_of_mut(&mut status);
    let r = raw::interruptible(libc::SYS_wait4, [pid, to, options, rusage, 0, 0])?;
    Ok((int(r), status.cast_signed()))
}

/// waitid(2), which signals interrupt; what it tells.
pub fn waitid(kind: u64, id: u64, options: u64, rusage: u64) -> Result<RawInfo, Errno> {
    let mut info: RawInfo = [0; 128];
    let to = address_of_mut(&mut info);
    raw::interruptible(libc::SYS_waitid, [kind, id, to, options, rusage, 0])?;
    Ok(info)
}

/// tgkill(2).
pub fn tgkill(tgid: i32, tid: i32, sig: i32) -> Result<(), Errno> {
    raw::syscall(libc::SYS_tgkill, [reg(tgid), reg(tid), reg(sig), 0, 0, 0]).map(drop)
}

/// The process a thread belongs to.
pub fn tgid_of(tid: i32) -> Result<i32, Errno> {
    let text = std::fs::read_to_string(format!("/proc/{tid}/status")).map_err(|_| Errno::ESRCH)?;
    (text.lines())
        .find_map(|l| l.strip_prefix("Tgid:")?.trim().parse().ok())
        .ok_or(Errno::ESRCH)
}

/// getppid(2), getpgid(2).
#[must_use]
pub fn parent() -> i32 {
    raw::syscall(libc::SYS_getppid, [0; 6]).map_or(0, int)
}

/// See `parent`.
#[must_use]
pub fn group_of(pid: i32) -> i32 {
    raw::syscall(libc::SYS_getpgid, [reg(pid), 0, 0, 0, 0, 0]).map_or(0, |r| low32(r).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kick_carries_a_signal_as_it_was() {
        let mut info = info_of(libc::SIGUSR1, -1, 0x1234_5678_9abc);
        info[16..20].copy_from_slice(&77i32.to_le_bytes());
        let kick = carrying(&info);
        assert_eq!((field(&kick, 0), code_of(&kick)), (libc::SIGTRAP, KICK));
        assert_eq!(carried(&kick), Some(info));
        assert_eq!(carried(&info_of(libc::SIGTRAP, KICK, 0)), None);
    }
}
