//! The host's ptrace(2) between two processes of felix, and what they know of each other.
//!
//! Who is traced stops for its tracer by a signal to itself, SIGTRAP with one of the codes below, which nobody else sends;
//! the tracer makes every other signal one of those, too, because only felix's handler of SIGTRAP is sure to be there. Both
//! run the same executable, so what is at an address of one is as far from its entry point in the other: `image_of`.
//!
//! Knows no guest and decides nothing: `kernel::trace` does.

use super::cast::{int, low32, reg, size};
use super::host::{address_of, address_of_mut, getpid};
use super::signal::{RawInfo, SYNC};
use super::{Errno, raw};
use crate::x86::CpuState;
use crate::x86::state::X87;
use std::mem::offset_of;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

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

/// What a process shows to others that felix runs.
#[derive(Debug)]
#[repr(C)]
pub struct Image {
    /// Felix's signal handlers are there.
    pub started: AtomicU32,
    /// Set by the tracer of a process that has just been made by execve(2).
    pub executed: AtomicU32,
    /// Where the guest's auxiliary vector is, and its bytes.
    pub auxv: [AtomicU64; 2],
    /// How many ranges of memory tracers have written.
    pub written: AtomicU64,
    /// The last of them: start and end.
    pub ranges: [[AtomicU64; 2]; RANGES],
}

/// How many ranges are remembered.
pub const RANGES: usize = 64;

/// This process's.
pub static IMAGE: Image = Image {
    started: AtomicU32::new(0),
    executed: AtomicU32::new(0),
    auxv: [const { AtomicU64::new(0) }; 2],
    written: AtomicU64::new(0),
    ranges: [const { [const { AtomicU64::new(0) }; 2] }; RANGES],
};

/// Shows the guest's auxiliary vector. The bytes stay for good, because others may be reading those before.
pub fn show_auxv(auxv: &[u8]) {
    let kept: &'static [u8] = Box::leak(auxv.into());
    IMAGE.auxv[1].store(0, Ordering::Release);
    IMAGE.auxv[0].store(address_of(kept), Ordering::Release);
    IMAGE.auxv[1].store(kept.len() as u64, Ordering::Release);
}

fn entry_of(auxv: &[u8]) -> Option<u64> {
    let word = |b: &[u8]| Some(u64::from_le_bytes(b.try_into().ok()?));
    (auxv.chunks_exact(16))
        .find(|e| word(&e[..8]) == Some(libc::AT_ENTRY))
        .and_then(|e| word(&e[8..]))
}

/// True if felix, this very executable, runs in the process or thread.
#[must_use]
pub fn is_felix(pid: i32) -> bool {
    let identity = |p: String| std::fs::metadata(p).map(|m| (m.dev(), m.ino()));
    match (
        identity(format!("/proc/{pid}/exe")),
        identity("/proc/self/exe".into()),
    ) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// Where a process that felix runs has its `IMAGE`.
pub fn image_of(pid: i32) -> Result<u64, Errno> {
    // SAFETY: getauxval has no preconditions.
    let own = unsafe { libc::getauxval(libc::AT_ENTRY) };
    let theirs = std::fs::read(format!("/proc/{pid}/auxv")).map_err(|e| Errno::of(&e))?;
    let entry = entry_of(&theirs).ok_or(Errno::ESRCH)?;
    Ok(address_of(&IMAGE).wrapping_sub(own).wrapping_add(entry))
}

/// The guest's auxiliary vector of another process that felix runs.
pub fn auxv_of(pid: i32) -> Result<Vec<u8>, Errno> {
    let image = image_of(pid)?;
    let mut place = [0; 16];
    read(pid, image + offset_of!(Image, auxv) as u64, &mut place)?;
    let [at, len] =
        [0, 8].map(|i| u64::from_le_bytes(place[i..i + 8].try_into().unwrap_or_default()));
    if len > 4096 {
        return Err(Errno::EIO);
    }
    let mut out = vec![0; size(len)];
    read(pid, at, &mut out)?;
    Ok(out)
}

/// Tells a process that its memory has been written, so that code translated from there is dropped.
pub fn tell_written(pid: i32, start: u64, end: u64) -> Result<(), Errno> {
    let image = image_of(pid)?;
    let counter = image + offset_of!(Image, written) as u64;
    let n = read_u64(pid, counter)?;
    let place = image + offset_of!(Image, ranges) as u64 + 16 * (n % RANGES as u64);
    write(
        pid,
        place,
        &[start.to_le_bytes(), end.to_le_bytes()].concat(),
    )?;
    write(pid, counter, &(n + 1).to_le_bytes())
}

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

/// Memory of another process (process_vm_readv(2)), all of it or EFAULT.
pub fn read(pid: i32, at: u64, to: &mut [u8]) -> Result<(), Errno> {
    let local = [address_of_mut(to), to.len() as u64];
    let remote = [at, to.len() as u64];
    let args = [reg(pid), address_of(&local), 1, address_of(&remote), 1, 0];
    match raw::syscall(libc::SYS_process_vm_readv, args)? {
        n if n == to.len() as u64 => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// The same, written.
pub fn write(pid: i32, at: u64, bytes: &[u8]) -> Result<(), Errno> {
    let local = [address_of(bytes), bytes.len() as u64];
    let remote = [at, bytes.len() as u64];
    let args = [reg(pid), address_of(&local), 1, address_of(&remote), 1, 0];
    match raw::syscall(libc::SYS_process_vm_writev, args)? {
        n if n == bytes.len() as u64 => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// A word of another process.
pub fn read_u64(pid: i32, at: u64) -> Result<u64, Errno> {
    let mut b = [0; 8];
    read(pid, at, &mut b).map(|()| u64::from_le_bytes(b))
}

/// Half a word of another process.
pub fn read_u32(pid: i32, at: u64) -> Result<u32, Errno> {
    let mut b = [0; 4];
    read(pid, at, &mut b).map(|()| u32::from_le_bytes(b))
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

    #[test]
    fn ones_own_image_is_where_it_is() {
        assert_eq!(image_of(getpid()), Ok(address_of(&IMAGE)));
        assert!(is_felix(getpid()) && !is_felix(parent()));
    }
}
