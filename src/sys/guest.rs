//! Access to guest memory that cannot crash felix.
//!
//! Guest addresses are host addresses, but nothing says that they are mapped. Every access is one of
//! a few assembly routines between `felix_guest_begin` and `felix_guest_end`, leaf functions that use
//! no stack; the SIGSEGV handler (`sys::fault`) recognises their program counters and makes them
//! return the fault instead. No Rust reference into guest memory is ever formed.

use super::fault;
use crate::x86::{GuestAddr, MemFault, Width};
use std::arch::global_asm;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// What an access routine returns, in two registers.
#[derive(Clone, Copy)]
#[repr(C)]
struct Access {
    value: u64,
    /// 0, or `fault::encode` of what the kernel reported.
    fault: u64,
}

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".p2align 4",
    ".globl felix_guest_begin",
    "felix_guest_begin:",
    ".globl felix_load8",
    "felix_load8: movzx eax, byte ptr [rdi]",
    "xor edx, edx",
    "ret",
    ".globl felix_load16",
    "felix_load16: movzx eax, word ptr [rdi]",
    "xor edx, edx",
    "ret",
    ".globl felix_load32",
    "felix_load32: mov eax, [rdi]",
    "xor edx, edx",
    "ret",
    ".globl felix_load64",
    "felix_load64: mov rax, [rdi]",
    "xor edx, edx",
    "ret",
    ".globl felix_store8",
    "felix_store8: mov [rdi], sil",
    "xor edx, edx",
    "ret",
    ".globl felix_store16",
    "felix_store16: mov [rdi], si",
    "xor edx, edx",
    "ret",
    ".globl felix_store32",
    "felix_store32: mov [rdi], esi",
    "xor edx, edx",
    "ret",
    ".globl felix_store64",
    "felix_store64: mov [rdi], rsi",
    "xor edx, edx",
    "ret",
    ".globl felix_cas8",
    "felix_cas8: mov eax, esi",
    "lock cmpxchg [rdi], dl",
    "movzx eax, al",
    "xor edx, edx",
    "ret",
    ".globl felix_cas16",
    "felix_cas16: mov eax, esi",
    "lock cmpxchg [rdi], dx",
    "movzx eax, ax",
    "xor edx, edx",
    "ret",
    ".globl felix_cas32",
    "felix_cas32: mov eax, esi",
    "lock cmpxchg [rdi], edx",
    "mov eax, eax",
    "xor edx, edx",
    "ret",
    ".globl felix_cas64",
    "felix_cas64: mov rax, rsi",
    "lock cmpxchg [rdi], rdx",
    "xor edx, edx",
    "ret",
    // rdi = address, rsi = new low, rdx = new high, rcx = pointer to expected low and high, which
    // receives what was there; rbx is callee-saved and kept in r8.
    ".globl felix_cas128",
    "felix_cas128: mov r8, rbx",
    "mov r9, rcx",
    "mov rbx, rsi",
    "mov rcx, rdx",
    "mov rax, [r9]",
    "mov rdx, [r9 + 8]",
    ".globl felix_cas128_access",
    "felix_cas128_access: lock cmpxchg16b [rdi]",
    "mov rbx, r8",
    "mov [r9], rax",
    "mov [r9 + 8], rdx",
    "sete al",
    "movzx eax, al",
    "xor edx, edx",
    "ret",
    ".globl felix_copy",
    "felix_copy: mov rcx, rdx",
    "rep movsb",
    "xor eax, eax",
    "xor edx, edx",
    "ret",
    // rdi, rsi = what is compared, rdx = its length. Gives that of the lines that are the same.
    ".globl felix_same",
    "felix_same: xor ecx, ecx",
    "2: lea rax, [rcx + 64]",
    "cmp rax, rdx",
    "ja 1f",
    "movdqu xmm0, [rdi + rcx]",
    "movdqu xmm1, [rsi + rcx]",
    "pxor xmm0, xmm1",
    "movdqu xmm2, [rdi + rcx + 16]",
    "movdqu xmm3, [rsi + rcx + 16]",
    "pxor xmm2, xmm3",
    "por xmm0, xmm2",
    "movdqu xmm2, [rdi + rcx + 32]",
    "movdqu xmm3, [rsi + rcx + 32]",
    "pxor xmm2, xmm3",
    "por xmm0, xmm2",
    "movdqu xmm2, [rdi + rcx + 48]",
    "movdqu xmm3, [rsi + rcx + 48]",
    "pxor xmm2, xmm3",
    "por xmm0, xmm2",
    "pxor xmm1, xmm1",
    "pcmpeqb xmm0, xmm1",
    "pmovmskb r8d, xmm0",
    "cmp r8d, 0xffff",
    "jne 1f",
    "mov rcx, rax",
    "jmp 2b",
    "1: mov rax, rcx",
    "xor edx, edx",
    "ret",
    // rdi = address, rsi = value, rdx = address of a struct rseq's rseq_cs. Stores only if that still is the routine's own
    // sequence, to which nothing may happen between looking and storing; gives 1 then.
    ".macro FELIX_RESTARTABLE bits, value",
    ".globl felix_restartable\\bits, felix_sequence\\bits",
    "felix_restartable\\bits: lea rax, [rip + felix_sequence\\bits]",
    "2: cmp [rdx], rax",
    "jne 4f",
    "mov [rdi], \\value",
    "3: mov eax, 1",
    "xor edx, edx",
    "ret",
    ".long 0x53053053",
    "4: xor eax, eax",
    "xor edx, edx",
    "ret",
    ".pushsection .data.rel.ro, \"aw\", @progbits",
    ".balign 32",
    "felix_sequence\\bits: .long 0, 0",
    ".quad 2b, 3b - 2b, 4b",
    ".popsection",
    ".endm",
    "FELIX_RESTARTABLE 8, sil",
    "FELIX_RESTARTABLE 16, si",
    "FELIX_RESTARTABLE 32, esi",
    "FELIX_RESTARTABLE 64, rsi",
    ".purgem FELIX_RESTARTABLE",
    ".globl felix_guest_end",
    "felix_guest_end:",
    // The handler resumes here with the fault in rdx. rbx may be in r8 (cas128): the handler restores it.
    ".globl felix_guest_fault",
    "felix_guest_fault: ret",
);

// Loads and stores are in x86's order (SDM vol. 3, 9.2.2): other threads of the guest may look on.
#[cfg(target_arch = "riscv64")]
global_asm!(
    ".option push",
    ".option arch, +a",
    ".p2align 4",
    ".globl felix_guest_begin",
    "felix_guest_begin:",
    ".globl felix_load8",
    "felix_load8: lbu a0, 0(a0)",
    "fence r, rw",
    "li a1, 0",
    "ret",
    ".globl felix_load16",
    "felix_load16: lhu a0, 0(a0)",
    "fence r, rw",
    "li a1, 0",
    "ret",
    ".globl felix_load32",
    "felix_load32: lwu a0, 0(a0)",
    "fence r, rw",
    "li a1, 0",
    "ret",
    ".globl felix_load64",
    "felix_load64: ld a0, 0(a0)",
    "fence r, rw",
    "li a1, 0",
    "ret",
    ".globl felix_store8",
    "felix_store8: fence rw, w",
    "sb a1, 0(a0)",
    "li a1, 0",
    "ret",
    ".globl felix_store16",
    "felix_store16: fence rw, w",
    "sh a1, 0(a0)",
    "li a1, 0",
    "ret",
    ".globl felix_store32",
    "felix_store32: fence rw, w",
    "sw a1, 0(a0)",
    "li a1, 0",
    "ret",
    ".globl felix_store64",
    "felix_store64: fence rw, w",
    "sd a1, 0(a0)",
    "li a1, 0",
    "ret",
    // a0 = address (aligned to 4), a1 = expected, a2 = new, a3 = mask of the bits that take part;
    // expected and new are in place. Gives the old word.
    ".globl felix_cas_masked",
    "felix_cas_masked: lr.w.aq t0, (a0)",
    "and t1, t0, a3",
    "bne t1, a1, 1f",
    "xor t1, t0, a2",
    "and t1, t1, a3",
    "xor t1, t1, t0",
    "sc.w.aqrl t2, t1, (a0)",
    "bnez t2, felix_cas_masked",
    "mv a0, t0",
    "li a1, 0",
    "ret",
    // A failing LOCK CMPXCHG still writes the old value: the page must be writable.
    "1: sc.w.aqrl t2, t0, (a0)",
    "bnez t2, felix_cas_masked",
    "mv a0, t0",
    "li a1, 0",
    "ret",
    ".globl felix_cas32",
    "felix_cas32: sext.w a1, a1",
    "2: lr.w.aq t0, (a0)",
    "mv t1, t0",
    "bne t0, a1, 1f",
    "mv t1, a2",
    "1: sc.w.aqrl t2, t1, (a0)",
    "bnez t2, 2b",
    "slli a0, t0, 32",
    "srli a0, a0, 32",
    "li a1, 0",
    "ret",
    ".globl felix_cas64",
    "felix_cas64: lr.d.aq t0, (a0)",
    "mv t1, t0",
    "bne t0, a1, 1f",
    "mv t1, a2",
    "1: sc.d.aqrl t2, t1, (a0)",
    "bnez t2, felix_cas64",
    "mv a0, t0",
    "li a1, 0",
    "ret",
    // a0 = address (aligned to 16), a1 = new low, a2 = new high, a3 = pointer to expected low and high, which
    // receives what was there. For hosts with Zacas: amocas.q.aqrl a2, a4, (a0).
    ".globl felix_cas128",
    "felix_cas128: mv t0, a3",
    "mv a4, a1",
    "mv a5, a2",
    "ld a2, 0(t0)",
    "ld a3, 8(t0)",
    ".4byte 0x2ee5462f",
    "sd a2, 0(t0)",
    "sd a3, 8(t0)",
    "li a1, 0",
    "ret",
    ".globl felix_copy",
    // By doublewords if both sides are aligned: then a fault's address is still that of the first byte
    // that cannot be accessed.
    "felix_copy: or t0, a0, a1",
    "andi t0, t0, 7",
    "li t1, 8",
    "bnez t0, 4f",
    // Line by line; each word is stored before the next is loaded, for the same reason.
    "li t2, 64",
    "5: bltu a2, t2, 3f",
    "ld t0, 0(a1)",
    "sd t0, 0(a0)",
    "ld t0, 8(a1)",
    "sd t0, 8(a0)",
    "ld t0, 16(a1)",
    "sd t0, 16(a0)",
    "ld t0, 24(a1)",
    "sd t0, 24(a0)",
    "ld t0, 32(a1)",
    "sd t0, 32(a0)",
    "ld t0, 40(a1)",
    "sd t0, 40(a0)",
    "ld t0, 48(a1)",
    "sd t0, 48(a0)",
    "ld t0, 56(a1)",
    "sd t0, 56(a0)",
    "addi a0, a0, 64",
    "addi a1, a1, 64",
    "addi a2, a2, -64",
    "j 5b",
    "3: bltu a2, t1, 4f",
    "ld t0, 0(a1)",
    "sd t0, 0(a0)",
    "addi a0, a0, 8",
    "addi a1, a1, 8",
    "addi a2, a2, -8",
    "j 3b",
    "4: beqz a2, 2f",
    "1: lbu t0, 0(a1)",
    "sb t0, 0(a0)",
    "addi a0, a0, 1",
    "addi a1, a1, 1",
    "addi a2, a2, -1",
    "bnez a2, 1b",
    "2: li a1, 0",
    "ret",
    // a0, a1 = what is compared, both aligned to 8, a2 = its length. Gives that of the lines that are
    // the same.
    ".globl felix_same",
    "felix_same: mv a3, a0",
    "li t0, 64",
    "2: bltu a2, t0, 1f",
    "li t3, 0",
    "ld t1, 0(a0)",
    "ld t2, 0(a1)",
    "xor t1, t1, t2",
    "or t3, t3, t1",
    "ld t1, 8(a0)",
    "ld t2, 8(a1)",
    "xor t1, t1, t2",
    "or t3, t3, t1",
    "ld t1, 16(a0)",
    "ld t2, 16(a1)",
    "xor t1, t1, t2",
    "or t3, t3, t1",
    "ld t1, 24(a0)",
    "ld t2, 24(a1)",
    "xor t1, t1, t2",
    "or t3, t3, t1",
    "ld t1, 32(a0)",
    "ld t2, 32(a1)",
    "xor t1, t1, t2",
    "or t3, t3, t1",
    "ld t1, 40(a0)",
    "ld t2, 40(a1)",
    "xor t1, t1, t2",
    "or t3, t3, t1",
    "ld t1, 48(a0)",
    "ld t2, 48(a1)",
    "xor t1, t1, t2",
    "or t3, t3, t1",
    "ld t1, 56(a0)",
    "ld t2, 56(a1)",
    "xor t1, t1, t2",
    "or t3, t3, t1",
    "bnez t3, 1f",
    "addi a0, a0, 64",
    "addi a1, a1, 64",
    "addi a2, a2, -64",
    "j 2b",
    "1: sub a0, a0, a3",
    "li a1, 0",
    "ret",
    // a0 = address, a1 = value, a2 = address of a struct rseq's rseq_cs; as on x86-64.
    ".macro FELIX_RESTARTABLE bits, store",
    ".globl felix_restartable\\bits, felix_sequence\\bits",
    "felix_restartable\\bits: lla t0, felix_sequence\\bits",
    "fence rw, w",
    "2: ld t1, 0(a2)",
    "bne t1, t0, 4f",
    "\\store a1, 0(a0)",
    "3: li a0, 1",
    "li a1, 0",
    "ret",
    ".balign 4",
    ".4byte 0x53053053",
    "4: li a0, 0",
    "li a1, 0",
    "ret",
    ".pushsection .data.rel.ro, \"aw\", @progbits",
    ".balign 32",
    "felix_sequence\\bits: .4byte 0, 0",
    ".8byte 2b, 3b - 2b, 4b",
    ".popsection",
    ".endm",
    "FELIX_RESTARTABLE 8, sb",
    "FELIX_RESTARTABLE 16, sh",
    "FELIX_RESTARTABLE 32, sw",
    "FELIX_RESTARTABLE 64, sd",
    ".purgem FELIX_RESTARTABLE",
    ".globl felix_guest_end",
    "felix_guest_end:",
    ".globl felix_guest_fault",
    "felix_guest_fault: ret",
    ".option pop",
);

#[cfg(not(any(target_arch = "x86_64", target_arch = "riscv64")))]
compile_error!(
    "felix runs on x86-64 and riscv64 hosts; guest memory access has no code for this one"
);

unsafe extern "C" {
    fn felix_load8(addr: u64) -> Access;
    fn felix_load16(addr: u64) -> Access;
    fn felix_load32(addr: u64) -> Access;
    fn felix_load64(addr: u64) -> Access;
    fn felix_store8(addr: u64, v: u64) -> Access;
    fn felix_store16(addr: u64, v: u64) -> Access;
    fn felix_store32(addr: u64, v: u64) -> Access;
    fn felix_store64(addr: u64, v: u64) -> Access;
    #[cfg(target_arch = "x86_64")]
    fn felix_cas8(addr: u64, old: u64, new: u64) -> Access;
    #[cfg(target_arch = "x86_64")]
    fn felix_cas16(addr: u64, old: u64, new: u64) -> Access;
    #[cfg(target_arch = "riscv64")]
    fn felix_cas_masked(addr: u64, old: u64, new: u64, mask: u64) -> Access;
    fn felix_cas32(addr: u64, old: u64, new: u64) -> Access;
    fn felix_cas64(addr: u64, old: u64, new: u64) -> Access;
    fn felix_cas128(addr: u64, low: u64, high: u64, expected: *mut [u64; 2]) -> Access;
    fn felix_copy(dst: u64, src: u64, len: u64) -> Access;
    fn felix_same(a: u64, b: u64, len: u64) -> Access;
    fn felix_restartable8(addr: u64, v: u64, rseq_cs: u64) -> Access;
    fn felix_restartable16(addr: u64, v: u64, rseq_cs: u64) -> Access;
    fn felix_restartable32(addr: u64, v: u64, rseq_cs: u64) -> Access;
    fn felix_restartable64(addr: u64, v: u64, rseq_cs: u64) -> Access;
    static felix_sequence8: u8;
    static felix_sequence16: u8;
    static felix_sequence32: u8;
    static felix_sequence64: u8;
    static felix_guest_begin: u8;
    static felix_guest_end: u8;
    static felix_guest_fault: u8;
}

/// Where the access routines lie, and where a faulting one resumes: (begin, end, resume).
pub(super) fn routines() -> (usize, usize, usize) {
    (
        &raw const felix_guest_begin as usize,
        &raw const felix_guest_end as usize,
        &raw const felix_guest_fault as usize,
    )
}

#[inline(always)]
fn result(a: Access, addr: GuestAddr, write: bool) -> Result<u64, MemFault> {
    if a.fault == 0 {
        Ok(a.value)
    } else {
        Err(failed(a.fault, addr, write))
    }
}

#[cold]
#[inline(never)]
fn failed(word: u64, addr: GuestAddr, write: bool) -> MemFault {
    fault::decode(word, addr, write)
}

macro_rules! access {
    ($($load:ident $store:ident $asm_load:ident $asm_store:ident $ty:ty, $bits:literal;)*) => {$(
        #[doc = concat!("Loads ", $bits, " bits, at any alignment.")]
        ///
        /// # Errors
        /// The page fault the guest's load would raise.
        #[inline]
        #[allow(clippy::cast_possible_truncation)] // The routine zero-extends.
        pub fn $load(addr: GuestAddr) -> Result<$ty, MemFault> {
            // SAFETY: the routine touches only the address it is given and reports faults.
            result(unsafe { $asm_load(addr.0) }, addr, false).map(|v| v as $ty)
        }

        #[doc = concat!("Stores ", $bits, " bits, at any alignment.")]
        ///
        /// # Errors
        /// The page fault the guest's store would raise; nothing is stored then.
        #[inline]
        pub fn $store(addr: GuestAddr, v: $ty) -> Result<(), MemFault> {
            // SAFETY: writes guest memory only, which no Rust object lives in (`kernel` keeps felix's
            // own memory out of the guest's reach); faults are reported.
            result(unsafe { $asm_store(addr.0, u64::from(v)) }, addr, true).map(|_| ())
        }
    )*};
}

access! {
    read_u8 write_u8 felix_load8 felix_store8 u8, "8";
    read_u16 write_u16 felix_load16 felix_store16 u16, "16";
    read_u32 write_u32 felix_load32 felix_store32 u32, "32";
    read_u64 write_u64 felix_load64 felix_store64 u64, "64";
}

/// Copies guest memory into `buf`.
///
/// # Errors
/// The page fault at the first byte that cannot be read; `buf` is filled up to there.
pub fn read_bytes(addr: GuestAddr, buf: &mut [u8]) -> Result<(), MemFault> {
    // SAFETY: the destination is `buf`, as long as the length given; a fault on the source is reported.
    result(
        unsafe { felix_copy(buf.as_mut_ptr() as u64, addr.0, buf.len() as u64) },
        addr,
        false,
    )
    .map(|_| ())
}

/// Bytes that `same_lines` compares at a time.
pub const LINE: usize = 64;

/// How many bytes of guest memory, in whole lines, are the same as `bytes` begins with.
///
/// # Errors
/// The page fault at a byte that cannot be read.
pub fn same_lines(addr: GuestAddr, bytes: &[u8]) -> Result<usize, MemFault> {
    let (a, b) = (addr.0, bytes.as_ptr() as u64);
    // Loads that are not aligned can cost a trap each on RISC-V hosts.
    if cfg!(target_arch = "riscv64") && (a | b) % 8 != 0 {
        let mut line = [0; LINE];
        for (n, expected) in bytes.chunks_exact(LINE).enumerate() {
            read_bytes(GuestAddr(a + (n * LINE) as u64), &mut line)?;
            if line != expected {
                return Ok(n * LINE);
            }
        }
        return Ok(bytes.len() / LINE * LINE);
    }
    // SAFETY: the routine reads `bytes` within their length; a fault on the guest's side is reported.
    let same = result(unsafe { felix_same(a, b, bytes.len() as u64) }, addr, false)?;
    Ok(usize::try_from(same).unwrap_or(0))
}

/// Copies `bytes` into guest memory.
///
/// # Errors
/// The page fault at the first byte that cannot be written; all before it are written.
pub fn write_bytes(addr: GuestAddr, bytes: &[u8]) -> Result<(), MemFault> {
    // SAFETY: the source is `bytes`, as long as the length given; a fault on the guest's side is reported.
    result(
        unsafe { felix_copy(addr.0, bytes.as_ptr() as u64, bytes.len() as u64) },
        addr,
        true,
    )
    .map(|_| ())
}

/// Raises the fault that writing `len` bytes at `addr` would raise, and changes nothing.
///
/// # Errors
/// The page fault at the first byte that cannot be written.
pub fn probe_write(addr: GuestAddr, len: u64) -> Result<(), MemFault> {
    if len == 0 {
        return Ok(());
    }
    cas_u8(addr, 0, 0)?;
    let last = addr.0.wrapping_add(len - 1);
    let mut page = (addr.0 | 0xfff).wrapping_add(1);
    while page <= last && page != 0 {
        cas_u8(GuestAddr(page), 0, 0)?;
        page = page.wrapping_add(0x1000);
    }
    Ok(())
}

/// Copies `bytes` into guest memory, or nothing of them if any page they lie in cannot be written.
///
/// # Errors
/// The page fault at the first byte that cannot be written.
pub fn write_whole(addr: GuestAddr, bytes: &[u8]) -> Result<(), MemFault> {
    if addr.0 & 0xfff > 0x1000_u64.saturating_sub(bytes.len() as u64) {
        probe_write(addr, bytes.len() as u64)?;
    }
    write_bytes(addr, bytes)
}

/// The signature before the abort handlers of `restartable_store`.
pub const RSEQ_SIG: u32 = 0x5305_3053;

/// The address of the sequence, a `struct rseq_cs`, that `restartable_store` is for stores of this width (rseq(2)).
#[must_use]
pub fn restartable_sequence(w: Width) -> u64 {
    let at = match w {
        Width::W8 => &raw const felix_sequence8,
        Width::W16 => &raw const felix_sequence16,
        Width::W32 => &raw const felix_sequence32,
        Width::W64 => &raw const felix_sequence64,
    };
    at as u64
}

/// Stores the low `w` bits of `v`, if the field at `rseq_cs` of the `struct rseq` that this host thread has registered still
/// names `restartable_sequence(w)`: the kernel forgets that when it takes the CPU from the thread, or signals it. Says whether
/// it stored.
///
/// # Errors
/// The page fault the guest's store would raise; nothing is stored then.
pub fn restartable_store(
    w: Width,
    addr: GuestAddr,
    v: u64,
    rseq_cs: GuestAddr,
) -> Result<bool, MemFault> {
    let routine = match w {
        Width::W8 => felix_restartable8,
        Width::W16 => felix_restartable16,
        Width::W32 => felix_restartable32,
        Width::W64 => felix_restartable64,
    };
    // SAFETY: the routine touches only the addresses it is given and reports faults.
    result(unsafe { routine(addr.0, v, rseq_cs.0) }, addr, true).map(|stored| stored != 0)
}

/// Compares and exchanges 8 bits atomically; gives the old value.
///
/// # Errors
/// The page fault of a write there; also if the comparison fails.
#[allow(clippy::cast_possible_truncation)] // Shifted into the low byte.
pub fn cas_u8(addr: GuestAddr, old: u8, new: u8) -> Result<u8, MemFault> {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: as for the stores above.
        result(
            unsafe { felix_cas8(addr.0, old.into(), new.into()) },
            addr,
            true,
        )
        .map(|v| v as u8)
    }
    #[cfg(target_arch = "riscv64")]
    {
        cas_in_word(addr, old.into(), new.into(), 0xff).map(|v| v as u8)
    }
}

/// Compares and exchanges 16 bits atomically; gives the old value. `addr` must not cross a 4-byte
/// boundary on RISC-V hosts: callers use the split-lock path for that.
///
/// # Errors
/// The page fault of a write there; also if the comparison fails.
#[allow(clippy::cast_possible_truncation)] // Shifted into the low half-word.
pub fn cas_u16(addr: GuestAddr, old: u16, new: u16) -> Result<u16, MemFault> {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: as for the stores above.
        result(
            unsafe { felix_cas16(addr.0, old.into(), new.into()) },
            addr,
            true,
        )
        .map(|v| v as u16)
    }
    #[cfg(target_arch = "riscv64")]
    {
        cas_in_word(addr, old.into(), new.into(), 0xffff).map(|v| v as u16)
    }
}

#[cfg(target_arch = "riscv64")]
fn cas_in_word(addr: GuestAddr, old: u64, new: u64, mask: u64) -> Result<u64, MemFault> {
    let shift = (addr.0 & 3) * 8;
    // `lr.w` sign-extends, so the comparison is on sign-extended words.
    let place = |v: u64| ((v << shift) as i32) as u64;
    // SAFETY: the aligned word holds the bytes addressed and lies in the same page.
    let r = unsafe { felix_cas_masked(addr.0 & !3, place(old), place(new), place(mask)) };
    // The word begins before the bytes addressed, and so does the fault.
    result(r, addr, true)
        .map(|v| v >> shift & mask)
        .map_err(|f| MemFault {
            addr: f.addr.max(addr),
            ..f
        })
}

/// Compares and exchanges 32 bits atomically; gives the old value. Aligned on RISC-V hosts.
///
/// # Errors
/// The page fault of a write there; also if the comparison fails.
#[allow(clippy::cast_possible_truncation)] // The routine zero-extends.
pub fn cas_u32(addr: GuestAddr, old: u32, new: u32) -> Result<u32, MemFault> {
    // SAFETY: as for the stores above.
    result(
        unsafe { felix_cas32(addr.0, old.into(), new.into()) },
        addr,
        true,
    )
    .map(|v| v as u32)
}

/// Compares and exchanges 64 bits atomically; gives the old value. Aligned on RISC-V hosts.
///
/// # Errors
/// The page fault of a write there; also if the comparison fails.
pub fn cas_u64(addr: GuestAddr, old: u64, new: u64) -> Result<u64, MemFault> {
    // SAFETY: as for the stores above.
    result(unsafe { felix_cas64(addr.0, old, new) }, addr, true)
}

/// Whether the host can compare and exchange 128 bits by an instruction.
static WIDE: AtomicBool = AtomicBool::new(cfg!(target_arch = "x86_64"));

/// From now on `cas_u128` uses Zacas, which the host has. To be called before there is a second thread.
pub fn use_zacas() {
    WIDE.store(true, Ordering::Relaxed);
}

/// Compares and exchanges 128 bits; `addr` is aligned to 16. Gives what was there, low half first. On
/// RISC-V hosts without Zacas only other such exchanges see it as one.
///
/// # Errors
/// The page fault of a write there; also if the comparison fails.
pub fn cas_u128(addr: GuestAddr, old: [u64; 2], new: [u64; 2]) -> Result<[u64; 2], MemFault> {
    /// One lock per line.
    static LOCKS: [Mutex<()>; 64] = [const { Mutex::new(()) }; 64];
    if WIDE.load(Ordering::Relaxed) {
        let mut found = old;
        // SAFETY: `found` outlives the call, and the host has the instruction (`WIDE`); the rest as for the
        // stores above.
        let access = unsafe { felix_cas128(addr.0, new[0], new[1], &raw mut found) };
        result(access, addr, true)?;
        return Ok(found);
    }
    let _guard = LOCKS[(addr.0 >> 6 & 63) as usize].lock();
    let written = |f| MemFault { write: true, ..f };
    let found = [
        read_u64(addr).map_err(written)?,
        read_u64(addr.offset(8)).map_err(written)?,
    ];
    let put = if found == old { new } else { found };
    write_u64(addr, put[0])?;
    write_u64(addr.offset(8), put[1])?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that begin at a multiple of 8.
    fn aligned(len: usize) -> Vec<u64> {
        (0..len.div_ceil(8) as u64)
            .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect()
    }

    fn bytes(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_ne_bytes()).collect()
    }

    #[test]
    fn copies_are_whole_at_every_length() {
        let source = aligned(256);
        let expected = bytes(&source);
        let at = GuestAddr(source.as_ptr().expose_provenance() as u64);
        for len in 0..=expected.len() {
            let mut copy = vec![0xee; 256];
            read_bytes(at, &mut copy[..len]).unwrap();
            assert_eq!(copy[..len], expected[..len]);
            assert!(copy[len..].iter().all(|b| *b == 0xee), "{len}");
        }
    }

    #[test]
    fn the_first_line_that_differs_is_found() {
        let memory = aligned(256);
        let at = GuestAddr(memory.as_ptr().expose_provenance() as u64);
        let same = bytes(&memory);
        assert_eq!(same_lines(at, &same), Ok(256));
        assert_eq!(same_lines(at, &same[..200]), Ok(192));
        for n in 0..256 {
            let mut other = same.clone();
            other[n] ^= 0x80;
            assert_eq!(same_lines(at, &other), Ok(n / LINE * LINE), "{n}");
            // Not aligned, and the last line not whole.
            let within = n.checked_sub(1).map_or(192, |n| n / LINE * LINE);
            assert_eq!(same_lines(GuestAddr(at.0 + 1), &other[1..]), Ok(within));
        }
    }

    #[test]
    fn a_restartable_store_asks_whether_its_sequence_is_still_named() {
        for (w, expected) in Width::ALL.into_iter().zip([
            0x1111_1111_1111_11ff,
            0x1111_1111_1111_eeff,
            0x1111_1111_ccdd_eeff,
            0x8899_aabb_ccdd_eeff,
        ]) {
            let (mut word, mut named) = ([0x1111_1111_1111_1111_u64], [restartable_sequence(w)]);
            let at = |a: &mut [u64; 1]| GuestAddr(a.as_mut_ptr().expose_provenance() as u64);
            let store = |word: &mut [u64; 1], named: &mut [u64; 1]| {
                restartable_store(w, at(word), 0x8899_aabb_ccdd_eeff, at(named))
            };
            assert_eq!(store(&mut word, &mut named), Ok(true));
            assert_eq!(word, [expected]);
            (word, named) = ([7], [0]);
            assert_eq!(store(&mut word, &mut named), Ok(false));
            assert_eq!(word, [7]);
        }
    }
}
