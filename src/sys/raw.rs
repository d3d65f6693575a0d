//! Raw host system calls, and the interruptible one.
//!
//! `interruptible` closes the race between "is a signal pending?" and "block in the kernel": the check
//! and the call are a short assembly sequence, and the host signal handler (`sys::signal`) moves a
//! program counter it finds inside the sequence to its abort label: the call was not made, `ERESTARTNOINTR`. The
//! kernel's own restart of a call rewinds the program counter to the call instruction, and the handler sends
//! it to another label, so a call that Linux would restart under SA_RESTART comes back as `ERESTARTSYS`, and one
//! that it would not as `EINTR`: the kernel's own table decides (signal(7)).

use super::Errno;
use std::sync::atomic::AtomicU32;

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".globl felix_isys, felix_isys_start, felix_isys_call, felix_isys_end, felix_isys_abort, felix_isys_again",
    "felix_isys:",
    "mov r11, rdi",
    "mov rax, rsi",
    "mov rcx, rdx",
    "mov rdi, [rcx]",
    "mov rsi, [rcx + 8]",
    "mov rdx, [rcx + 16]",
    "mov r10, [rcx + 24]",
    "mov r8, [rcx + 32]",
    "mov r9, [rcx + 40]",
    "felix_isys_start:",
    "cmp dword ptr [r11], 0",
    "jne felix_isys_abort",
    "felix_isys_call:",
    "syscall",
    "felix_isys_end:",
    "ret",
    "felix_isys_abort:",
    "mov rax, -513",
    "ret",
    "felix_isys_again:",
    "mov rax, -512",
    "ret",
    ".globl felix_sys",
    "felix_sys:",
    "mov rax, rdi",
    "mov r11, rsi",
    "mov rdi, [r11]",
    "mov rsi, [r11 + 8]",
    "mov rdx, [r11 + 16]",
    "mov r10, [r11 + 24]",
    "mov r8, [r11 + 32]",
    "mov r9, [r11 + 40]",
    "syscall",
    "ret",
);

#[cfg(target_arch = "riscv64")]
std::arch::global_asm!(
    ".globl felix_isys, felix_isys_start, felix_isys_call, felix_isys_end, felix_isys_abort, felix_isys_again",
    "felix_isys:",
    "mv t0, a0",
    "mv a7, a1",
    "mv t1, a2",
    "ld a0, 0(t1)",
    "ld a1, 8(t1)",
    "ld a2, 16(t1)",
    "ld a3, 24(t1)",
    "ld a4, 32(t1)",
    "ld a5, 40(t1)",
    "felix_isys_start:",
    "lw t2, 0(t0)",
    "bnez t2, felix_isys_abort",
    "felix_isys_call:",
    "ecall",
    "felix_isys_end:",
    "ret",
    "felix_isys_abort:",
    "li a0, -513",
    "ret",
    "felix_isys_again:",
    "li a0, -512",
    "ret",
    ".globl felix_sys",
    "felix_sys:",
    "mv a7, a0",
    "mv t1, a1",
    "ld a0, 0(t1)",
    "ld a1, 8(t1)",
    "ld a2, 16(t1)",
    "ld a3, 24(t1)",
    "ld a4, 32(t1)",
    "ld a5, 40(t1)",
    "ecall",
    "ret",
);

unsafe extern "C" {
    fn felix_isys(poll: *const AtomicU32, nr: libc::c_long, args: *const [u64; 6]) -> i64;
    fn felix_sys(nr: libc::c_long, args: *const [u64; 6]) -> i64;
    static felix_isys_start: u8;
    static felix_isys_call: u8;
    static felix_isys_end: u8;
    static felix_isys_abort: u8;
    static felix_isys_again: u8;
}

/// Where a program counter inside the check-and-call sequence has to go on, if it is inside. At the call instruction itself the
/// kernel has (but for one instruction's time) begun the call and rewound it.
pub(super) fn abort_target(pc: u64) -> Option<u64> {
    let at = |p: *const u8| p.addr() as u64;
    let (start, end) = (
        at(&raw const felix_isys_start),
        at(&raw const felix_isys_end),
    );
    if pc == at(&raw const felix_isys_call) {
        return Some(at(&raw const felix_isys_again));
    }
    (start..end)
        .contains(&pc)
        .then(|| at(&raw const felix_isys_abort))
}

fn result(r: i64) -> Result<u64, Errno> {
    match i32::try_from(r) {
        Ok(e @ -4095..=-1) => Err(Errno(-e)),
        _ => Ok(r.cast_unsigned()),
    }
}

static NEVER: AtomicU32 = AtomicU32::new(0);

/// A system call that may block: if the current guest thread's `poll` is or becomes set before the call
/// has done anything, the result is `ERESTARTNOINTR` (not made) or `ERESTARTSYS` (interrupted without effect).
///
/// The call is the guest's own or made on its behalf; the caller keeps `munmap` and the like away from
/// felix's memory.
pub fn interruptible(nr: libc::c_long, args: [u64; 6]) -> Result<u64, Errno> {
    let poll = match super::signal::current_poll() {
        p if p.is_null() => &raw const NEVER,
        p => p,
    };
    // SAFETY: `poll` is a live atomic of this thread's attachment or static; `args` lives over the call; the assembly follows the
    // C calling convention and only clobbers caller-saved registers. What the kernel does with guest pointers
    // is the guest's own doing.
    result(unsafe { felix_isys(poll, nr, &raw const args) })
}

/// As `interruptible`, of a call that no signal makes fail with EINTR: always `ERESTARTNOINTR`.
pub fn restarting(nr: libc::c_long, args: [u64; 6]) -> Result<u64, Errno> {
    match interruptible(nr, args) {
        Err(Errno::ERESTARTSYS) => Err(Errno::ERESTARTNOINTR),
        result => result,
    }
}

/// A system call that does not block, or whose interruption does not matter. It is made whatever signals arrive.
pub fn syscall(nr: libc::c_long, args: [u64; 6]) -> Result<u64, Errno> {
    // SAFETY: as for `interruptible`.
    result(unsafe { felix_sys(nr, &raw const args) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_values_are_told_apart() {
        assert_eq!(
            syscall(libc::SYS_close, [u64::MAX, 0, 0, 0, 0, 0]),
            Err(Errno::EBADF)
        );
        assert_eq!(
            syscall(libc::SYS_getpid, [0; 6]),
            Ok(u64::from(std::process::id()))
        );
    }
}
