//! Memory for translated code, entering and leaving it, and its faults.
//!
//! The assembly here is written to `lower::abi`: `s0` points to the register file, guest registers live
//! where its table says, and the scratch area's first words have fixed meanings. `exec::jit` checks
//! the numbers below against `lower::abi` at compile time; this module is below both and repeats them.
//!
//! Invariants: `enter` returns exactly once for each call; while code runs, `s0` points to the register
//! file `enter` was given. The fault hook only redirects the program counter to the leaving routine,
//! so that everything else happens in normal context.

use crate::x86::CpuState;
#[cfg(target_arch = "riscv64")]
use crate::x86::state::offset;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// The scratch words this module uses.
#[allow(missing_docs)] // Said in `lower::abi::slot`.
pub mod slot {
    pub const LEAVE: usize = 0;
    pub const CALL: usize = 1;
    pub const CALL_SYNCED: usize = 2;
    pub const CAPTURE: usize = 6;
    pub const RESIDENT: usize = 7;
    pub const FAULT: usize = 8;
    pub const DESC: usize = 9;
    pub const FFLAGS: usize = 20;
}

/// The host's registers when code was left.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Capture {
    /// x0 to x31, then f0 to f31; x1 is the place. Of the F registers only those that calls keep.
    pub x: [u64; 64],
}

impl Default for Capture {
    fn default() -> Capture {
        Capture { x: [0; 64] }
    }
}

/// Words that begin as zeros and cost memory once they are written, at an address that stays.
#[derive(Debug)]
pub struct Words {
    base: *mut AtomicU64,
    len: usize,
}

// SAFETY: the words are atomics.
unsafe impl Send for Words {}
// SAFETY: as above.
unsafe impl Sync for Words {}

impl Words {
    /// Reserves `len` words.
    ///
    /// # Errors
    /// If the host gives no memory.
    pub fn new(len: usize) -> io::Result<Words> {
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new private mapping at an address the kernel chooses touches nothing that exists.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), len * 8, prot, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Words {
            base: base.cast(),
            len,
        })
    }
}

impl std::ops::Deref for Words {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: `new` mapped `len` words there, zeros are atomics, and they stay until `drop`.
        unsafe { std::slice::from_raw_parts(self.base, self.len) }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        // SAFETY: the mapping `new` made; no reference outlives `self`.
        unsafe { libc::munmap(self.base.cast(), self.len * 8) };
    }
}

/// Executable memory at a place the host chose, away from the low 4 GiB, where guests want to be.
#[derive(Debug)]
pub struct Executable {
    base: *mut u8,
    len: usize,
}

// SAFETY: the memory is shared by nature: other threads execute it. Writes are the callers' to order:
// `write` is for bytes nobody executes yet, `patch` is one atomic store.
unsafe impl Send for Executable {}
// SAFETY: as above.
unsafe impl Sync for Executable {}

impl Executable {
    /// Reserves `len` bytes; pages cost memory once they are written.
    ///
    /// # Errors
    /// If the host gives no memory that is writable and executable.
    pub fn new(len: usize) -> io::Result<Executable> {
        let prot = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // Without a hint kernels map from the top of the address space down.
        // SAFETY: a new private mapping at an address the kernel chooses touches nothing that exists.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), len, prot, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Executable {
            base: base.cast(),
            len,
        })
    }

    /// Its first address.
    #[must_use]
    pub fn base(&self) -> usize {
        self.base as usize
    }

    /// Its length.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes `bytes` at `at`; nobody may be executing there.
    ///
    /// # Panics
    /// If they do not fit.
    pub fn write(&self, at: usize, bytes: &[u8]) {
        assert!(
            at.checked_add(bytes.len())
                .is_some_and(|end| end <= self.len)
        );
        // SAFETY: the range lies in the mapping (asserted), which no Rust object lives in, and `bytes` is
        // elsewhere because no reference into the mapping is ever made.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(at), bytes.len()) }
    }

    /// Writes `words` at `at`; nobody may be executing there.
    ///
    /// # Panics
    /// If they do not fit or `at` is not aligned.
    pub fn write_words(&self, at: usize, words: &[u32]) {
        assert!(at.is_multiple_of(4));
        let end = at.checked_add(4 * words.len());
        assert!(end.is_some_and(|end| end <= self.len));
        // SAFETY: aligned and inside the mapping (asserted; the mapping is page-aligned), which no Rust
        // object lives in; `words` is elsewhere. RISC-V code is little-endian, as its hosts are.
        unsafe {
            let to = self.base.add(at).cast::<u32>();
            std::ptr::copy_nonoverlapping(words.as_ptr(), to, words.len());
        }
    }

    /// The aligned word at `at`.
    ///
    /// # Panics
    /// If it does not lie in the memory or is not aligned.
    #[must_use]
    pub fn word(&self, at: usize) -> u32 {
        self.cell(at).load(Ordering::Relaxed)
    }

    fn cell(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(4) && at + 4 <= self.len);
        // SAFETY: aligned and inside the mapping (asserted; the mapping is page-aligned); all concurrent
        // accesses from Rust are through this function, and code changes counters by whole words.
        unsafe { AtomicU32::from_ptr(self.base.add(at).cast()) }
    }

    /// Replaces the aligned word at `at` while others may execute it.
    ///
    /// # Panics
    /// If it does not lie in the memory or is not aligned.
    pub fn patch(&self, at: usize, word: u32) {
        self.cell(at).store(word, Ordering::Release);
    }

    /// Replaces the aligned doubleword at `at` while others may load it.
    ///
    /// # Panics
    /// If it does not lie in the memory or is not aligned.
    pub fn patch_double(&self, at: usize, value: u64) {
        assert!(at.is_multiple_of(8) && at + 8 <= self.len);
        // SAFETY: aligned and inside the mapping (asserted; the mapping is page-aligned); all concurrent
        // accesses are loads by code, and stores through this function.
        let cell = unsafe { AtomicU64::from_ptr(self.base.add(at).cast()) };
        cell.store(value, Ordering::Release);
    }

    /// Makes this thread fetch instructions anew.
    pub fn flush_here(&self) {
        #[cfg(target_arch = "riscv64")]
        // Not fence.i: profiles like RVA22U64 do not have it, and the thread may move to another hart.
        // SAFETY: riscv_flush_icache reads no memory; flags 1 means this thread.
        unsafe {
            libc::syscall(259, self.base(), self.base() + self.len, 1);
        }
    }

    /// Makes all of the process's threads fetch [at, at + len) anew.
    pub fn flush(&self, at: usize, len: usize) {
        #[cfg(target_arch = "riscv64")]
        {
            let start = self.base() + at;
            // SAFETY: riscv_flush_icache reads no memory; flags 0 means all threads.
            unsafe { libc::syscall(259, start, start + len, 0) };
        }
        #[cfg(not(target_arch = "riscv64"))]
        let _ = (at, len);
    }

    /// Says that translated code is here, to the fault hook; until it is dropped.
    ///
    /// # Errors
    /// If too many are announced already.
    pub fn announce(&self) -> io::Result<()> {
        for (start, end) in &RANGES {
            let claimed =
                start.compare_exchange(0, self.base(), Ordering::AcqRel, Ordering::Relaxed);
            if claimed.is_ok() {
                end.store(self.base() + self.len, Ordering::Release);
                return Ok(());
            }
        }
        Err(io::Error::other("too many code caches"))
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        for (start, end) in &RANGES {
            if start.load(Ordering::Acquire) == self.base() {
                end.store(0, Ordering::Release);
                start.store(0, Ordering::Release);
            }
        }
        // SAFETY: unmaps what `new` mapped; code in it runs only while `enter` borrows `self`.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}

/// Where translated code is: start and end of each cache, 0 and 0 for none.
static RANGES: [(AtomicUsize, AtomicUsize); 64] =
    [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; 64];

/// Addresses of the routines code calls, and the register file's words that name them.
#[derive(Clone, Copy, Debug)]
pub struct Routines {
    /// Leaves code.
    pub leave: usize,
    /// Calls a Rust function.
    pub call: usize,
    /// Calls a Rust function with the guest's registers in the register file.
    pub call_synced: usize,
}

#[cfg(target_arch = "riscv64")]
mod asm {
    use super::{Capture, CpuState, offset, slot};
    use std::arch::global_asm;

    const fn word(slot: usize) -> usize {
        offset::SCRATCH + 8 * slot
    }

    global_asm!(
        ".option push",
        ".option arch, +v",
        // The guest's registers by number and their host registers: `lower::abi::GPRS`.
        ".macro felix_gprs_callee op",
        "\\op s1, {gpr}+24(s0)",
        "\\op s2, {gpr}+32(s0)",
        "\\op s3, {gpr}+40(s0)",
        "\\op s4, {gpr}+48(s0)",
        "\\op s5, {gpr}+56(s0)",
        "\\op s6, {gpr}+64(s0)",
        "\\op s7, {gpr}+72(s0)",
        "\\op s8, {gpr}+96(s0)",
        "\\op s9, {gpr}+104(s0)",
        "\\op s10, {gpr}+112(s0)",
        "\\op s11, {gpr}+120(s0)",
        ".endm",
        ".macro felix_gprs_caller op",
        "\\op a3, {gpr}+0(s0)",
        "\\op a4, {gpr}+8(s0)",
        "\\op a5, {gpr}+16(s0)",
        "\\op a6, {gpr}+80(s0)",
        "\\op a7, {gpr}+88(s0)",
        ".endm",
        // Moves the resident bytes of v16..v31 to or from the register file, and makes those of v15 zero;
        // clobbers t0 and vtype.
        ".macro felix_vectors op",
        "ld t0, {resident}(s0)",
        "beqz t0, 7f",
        "vsetvli zero, t0, e8, m1, tu, mu",
        "addi t0, s0, {ymm}",
        ".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "\\op v\\n, (t0)",
        "addi t0, t0, 32",
        ".endr",
        "vmv.v.i v15, 0",
        "7:",
        ".endm",
        ".macro felix_saved op",
        "\\op ra, 0(sp)",
        "\\op s0, 8(sp)",
        "\\op s1, 16(sp)",
        "\\op s2, 24(sp)",
        "\\op s3, 32(sp)",
        "\\op s4, 40(sp)",
        "\\op s5, 48(sp)",
        "\\op s6, 56(sp)",
        "\\op s7, 64(sp)",
        "\\op s8, 72(sp)",
        "\\op s9, 80(sp)",
        "\\op s10, 88(sp)",
        "\\op s11, 96(sp)",
        ".endm",
        ".macro felix_fsaved op",
        "\\op fs0, 104(sp)",
        "\\op fs1, 112(sp)",
        "\\op fs2, 120(sp)",
        "\\op fs3, 128(sp)",
        "\\op fs4, 136(sp)",
        "\\op fs5, 144(sp)",
        "\\op fs6, 152(sp)",
        "\\op fs7, 160(sp)",
        "\\op fs8, 168(sp)",
        "\\op fs9, 176(sp)",
        "\\op fs10, 184(sp)",
        "\\op fs11, 192(sp)",
        ".endm",
        // felix_jit_enter(state, code, frm)
        ".globl felix_jit_enter",
        "felix_jit_enter:",
        "addi sp, sp, -208",
        "felix_saved sd",
        "felix_fsaved fsd",
        "mv s0, a0",
        "mv t6, a1",
        // The rounding mode, and no exception accrued yet.
        "slli a2, a2, 5",
        "fscsr a2",
        "felix_vectors vle8.v",
        "felix_gprs_callee ld",
        "felix_gprs_caller ld",
        "jr t6",
        // From code: ra is the place. Registers go to the capture.
        ".globl felix_jit_leave",
        "felix_jit_leave:",
        "sd ra, {desc}(s0)",
        "ld ra, {capture}(s0)",
        ".irp r, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "sd x\\r, 8*\\r(ra)",
        ".endr",
        ".irp r, 8,9,18,19,20,21,22,23,24,25,26,27",
        "fsd f\\r, 256+8*\\r(ra)",
        ".endr",
        "ld t0, {desc}(s0)",
        "sd t0, 8(ra)",
        "felix_vectors vse8.v",
        "frflags t0",
        "sd t0, {fflags}(s0)",
        "fscsr zero",
        "felix_saved ld",
        "felix_fsaved fld",
        "addi sp, sp, 208",
        "ret",
        // Keeps all x registers but ra and t6. t6 is the offset from s0 of the function's address; it
        // gets (state, descriptor) and its result comes back in t6.
        ".macro felix_temps op",
        "\\op ra, 0(sp)",
        "\\op t0, 8(sp)",
        "\\op t1, 16(sp)",
        "\\op t2, 24(sp)",
        "\\op t3, 32(sp)",
        "\\op t4, 40(sp)",
        "\\op t5, 48(sp)",
        "\\op a0, 56(sp)",
        "\\op a1, 64(sp)",
        "\\op a2, 72(sp)",
        ".endm",
        ".macro felix_call_function",
        "add t6, t6, s0",
        "ld t6, 0(t6)",
        "ld a1, {desc}(s0)",
        "mv a0, s0",
        "frrm t0",
        "sd t0, 120(sp)",
        "fsrmi 0",
        "jalr t6",
        "mv t6, a0",
        "ld t0, 120(sp)",
        "fsrm t0",
        ".endm",
        ".globl felix_jit_call",
        "felix_jit_call:",
        "addi sp, sp, -128",
        "felix_temps sd",
        "sd a3, 80(sp)",
        "sd a4, 88(sp)",
        "sd a5, 96(sp)",
        "sd a6, 104(sp)",
        "sd a7, 112(sp)",
        "felix_call_function",
        "felix_temps ld",
        "ld a3, 80(sp)",
        "ld a4, 88(sp)",
        "ld a5, 96(sp)",
        "ld a6, 104(sp)",
        "ld a7, 112(sp)",
        "addi sp, sp, 128",
        "ret",
        ".globl felix_jit_call_synced",
        "felix_jit_call_synced:",
        "addi sp, sp, -128",
        "felix_temps sd",
        "felix_gprs_callee sd",
        "felix_gprs_caller sd",
        "felix_vectors vse8.v",
        "felix_call_function",
        "felix_vectors vle8.v",
        "felix_gprs_callee ld",
        "felix_gprs_caller ld",
        "felix_temps ld",
        "addi sp, sp, 128",
        "ret",
        ".option pop",
        gpr = const offset::GPR,
        ymm = const offset::YMM,
        resident = const word(slot::RESIDENT),
        capture = const word(slot::CAPTURE),
        desc = const word(slot::DESC),
        fflags = const word(slot::FFLAGS),
    );

    unsafe extern "C" {
        pub fn felix_jit_enter(state: *mut CpuState, code: usize, frm: u64);
        pub static felix_jit_leave: u8;
        pub static felix_jit_call: u8;
        pub static felix_jit_call_synced: u8;
    }

    pub fn run(cpu: &mut CpuState, capture: &mut Capture, code: usize, frm: u64) {
        cpu.scratch[slot::CAPTURE] = &raw mut *capture as u64;
        // SAFETY: `code` is translated code (the caller's contract); it and the routines touch the
        // register file, the capture (alive until return), guest memory and this stack only, and
        // return by `felix_jit_leave`, which restores what the psABI wants kept.
        unsafe { felix_jit_enter(&raw mut *cpu, code, frm) };
    }
}

/// The sticky flags of MXCSR for RISC-V's accrued exceptions. RISC-V has none for DE.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // Five bits.
pub const fn mxcsr_flags(fflags: u64) -> u32 {
    // NV IE, DZ ZE, OF OE, UF UE, NX PE.
    let f = fflags as u32;
    f >> 4 & 1 | f >> 1 & 4 | f << 1 & 8 | f << 3 & 16 | f << 5 & 32
}

/// The routines' addresses; `None` where translated code cannot run.
#[must_use]
pub fn routines() -> Option<Routines> {
    #[cfg(target_arch = "riscv64")]
    {
        Some(Routines {
            leave: &raw const asm::felix_jit_leave as usize,
            call: &raw const asm::felix_jit_call as usize,
            call_synced: &raw const asm::felix_jit_call_synced as usize,
        })
    }
    #[cfg(not(target_arch = "riscv64"))]
    None
}

/// Runs the code at offset `at` of `memory` until it leaves; gives the place, as an offset too: of the
/// instruction that faulted, or of the call of the leaving routine. `frm` is
/// the RISC-V rounding mode. The word `slot::FAULT` is 0 unless a memory access faulted.
///
/// # Panics
/// On a host that is not RISC-V, or if `at` is not in `memory`.
pub fn enter(
    memory: &Executable,
    at: usize,
    frm: u64,
    cpu: &mut CpuState,
    capture: &mut Capture,
) -> usize {
    assert!(at < memory.len(), "no code there");
    cpu.scratch[slot::FAULT] = 0;
    #[cfg(target_arch = "riscv64")]
    {
        asm::run(cpu, capture, memory.base() + at, frm);
        cpu.mxcsr |= mxcsr_flags(cpu.scratch[slot::FFLAGS]);
    }
    #[cfg(not(target_arch = "riscv64"))]
    {
        let _ = (frm, capture);
        panic!("translated code needs a RISC-V host");
    }
    #[cfg(target_arch = "riscv64")]
    #[allow(clippy::cast_possible_truncation)] // Addresses are 64 bits here.
    {
        let back = if cpu.scratch[slot::FAULT] == 0 { 4 } else { 0 };
        (capture.x[1] as usize).wrapping_sub(memory.base() + back)
    }
}

/// The hook for `sys::fault`: a fault in translated code leaves it, at the place of the fault.
#[cfg(target_arch = "riscv64")]
pub fn fault_hook(signal: i32, info: &libc::siginfo_t, context: &mut libc::ucontext_t) -> bool {
    let pc = super::fault::pc(context);
    let inside = |(start, end): &(AtomicUsize, AtomicUsize)| {
        (start.load(Ordering::Acquire)..end.load(Ordering::Acquire)).contains(&pc)
    };
    if !RANGES.iter().any(inside) {
        return false;
    }
    let regs = &mut context.uc_mcontext.__gregs;
    let state = regs[8] as *mut CpuState;
    // SAFETY: in translated code s0 points to the register file `enter` got exclusively, and that code,
    // the only user, is stopped here.
    unsafe { (*state).scratch[slot::FAULT] = super::fault::encode(signal, info) };
    regs[1] = pc as u64;
    regs[0] = &raw const asm::felix_jit_leave as u64;
    true
}

/// Translated code runs on RISC-V only.
#[cfg(not(target_arch = "riscv64"))]
pub fn fault_hook(_: i32, _: &libc::siginfo_t, _: &mut libc::ucontext_t) -> bool {
    false
}
