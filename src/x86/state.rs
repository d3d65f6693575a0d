//! The guest CPU's register file as it lies in memory.
//!
//! Both engines, the fault paths and the signal frames use this one layout; JIT code addresses it by
//! the offsets below. Invariant: while no engine runs, it is the whole architectural state.

use super::flags::{Cond, FlagRecord, Rflags};
use super::{Gpr, GuestAddr};
use std::mem::offset_of;
use std::sync::atomic::AtomicU32;

/// MXCSR after reset: all exceptions masked, round to nearest (SDM vol. 1, 10.2.3).
pub const MXCSR_DEFAULT: u32 = 0x1f80;
/// The bits of MXCSR that exist; loading others raises #GP.
pub const MXCSR_MASK: u32 = 0xffff;

/// x87 and MMX state, in FXSAVE's terms (SDM vol. 1, 10.5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(16))]
pub struct X87 {
    /// The physical registers R0 to R7, 80 bits each in the low ten bytes; MMX registers are the low 64.
    pub r: [[u64; 2]; 8],
    /// Control word.
    pub fcw: u16,
    /// Status word; TOP is bits 13:11.
    pub fsw: u16,
    /// Abridged tags, one bit a physical register: 1 means not empty.
    pub ftw: u16,
    /// Last opcode.
    pub fop: u16,
    /// Last instruction pointer.
    pub fip: u64,
    /// Last operand pointer.
    pub fdp: u64,
}

impl Default for X87 {
    fn default() -> Self {
        X87 {
            r: [[0; 2]; 8],
            fcw: 0x37f,
            fsw: 0,
            ftw: 0,
            fop: 0,
            fip: 0,
            fdp: 0,
        }
    }
}

/// Words of `CpuState::scratch`: within the reach of a RISC-V load.
pub const SCRATCH_WORDS: usize = 128;

/// The guest's registers.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct CpuState {
    /// RAX to R15 by encoding number.
    pub gpr: [u64; 16],
    /// RIP.
    pub rip: u64,
    /// `FlagRecord::code` of the record that holds the status flags.
    pub flag_code: u64,
    /// The record's first operand.
    pub flag_a: u64,
    /// The record's second operand.
    pub flag_b: u64,
    /// The record's carry in.
    pub flag_c: u64,
    /// DF, 0 or 1.
    pub df: u64,
    /// TF, NT, AC and ID in their RFLAGS positions.
    pub rflags_other: u64,
    /// Base of FS.
    pub fs_base: u64,
    /// Base of GS.
    pub gs_base: u64,
    /// SSE control and status.
    pub mxcsr: u32,
    /// Set by others, also from host signal handlers: non-zero asks the engine to stop at the next
    /// safepoint with `Exit::Interrupted`.
    pub poll: AtomicU32,
    /// The number of the fault a helper raised (`Trap`, or `FAULT_PAGE`), 0 for none.
    pub helper_fault: u64,
    /// The page fault a helper raised: address, and bit 0 write, bits 2:1 `MemFaultKind`.
    pub helper_fault_addr: u64,
    /// See `helper_fault_addr`.
    pub helper_fault_info: u64,
    /// The selectors of DS, ES, FS and GS, 16 bits each from the lowest on. CS and SS never change.
    pub selectors: u64,
    /// XMM0 to XMM15 in the low halves; the upper halves are YMM's.
    pub ymm: [[u64; 4]; 16],
    /// x87 and MMX.
    pub x87: X87,
    /// For the engine's own use while it runs guest code (spills, host registers, links).
    pub scratch: [u64; SCRATCH_WORDS],
}

/// `helper_fault` for a page fault.
pub const FAULT_PAGE: u64 = 0x100;

impl Default for CpuState {
    fn default() -> Self {
        CpuState {
            gpr: [0; 16],
            rip: 0,
            flag_code: 0,
            flag_a: 0,
            flag_b: 0,
            flag_c: 0,
            df: 0,
            rflags_other: 0,
            fs_base: 0,
            gs_base: 0,
            mxcsr: MXCSR_DEFAULT,
            poll: AtomicU32::new(0),
            helper_fault: 0,
            helper_fault_addr: 0,
            helper_fault_info: 0,
            selectors: 0,
            ymm: [[0; 4]; 16],
            x87: X87::default(),
            scratch: [0; SCRATCH_WORDS],
        }
    }
}

impl Clone for CpuState {
    fn clone(&self) -> Self {
        CpuState {
            gpr: self.gpr,
            poll: AtomicU32::new(0),
            ymm: self.ymm,
            x87: self.x87,
            scratch: self.scratch,
            ..*self
        }
    }
}

impl CpuState {
    /// The value of a general-purpose register.
    #[must_use]
    pub fn reg(&self, r: Gpr) -> u64 {
        self.gpr[r.index()]
    }

    /// Sets a general-purpose register.
    pub fn set_reg(&mut self, r: Gpr, v: u64) {
        self.gpr[r.index()] = v;
    }

    /// RIP as an address.
    #[must_use]
    pub fn pc(&self) -> GuestAddr {
        GuestAddr(self.rip)
    }

    /// The record the status flags are kept in.
    #[must_use]
    pub fn flag_record(&self) -> FlagRecord {
        FlagRecord::from_parts(self.flag_code, self.flag_a, self.flag_b, self.flag_c)
    }

    /// True if the condition holds for the status flags.
    #[must_use]
    #[inline(never)] // Where it is asked there is much other code.
    pub fn holds(&self, c: Cond) -> bool {
        let known = FlagRecord::holds_at_once(self.flag_code, self.flag_a, self.flag_b, c);
        known.unwrap_or_else(|| self.holds_by_status(c))
    }

    #[inline(never)]
    fn holds_by_status(&self, c: Cond) -> bool {
        c.holds(self.flag_record().status())
    }

    /// Replaces the record the status flags are kept in.
    pub fn set_flag_record(&mut self, f: FlagRecord) {
        self.flag_code = FlagRecord::code(f.op, f.width);
        self.flag_a = f.a;
        self.flag_b = f.b;
        self.flag_c = f.c;
    }

    /// RFLAGS as PUSHF and signal frames show it: IF is set, IOPL is 0.
    #[must_use]
    pub fn rflags(&self) -> u64 {
        let df = if self.df != 0 { Rflags::DF } else { 0 };
        self.flag_record().status() | self.rflags_other | df | Rflags::FIXED | Rflags::IF
    }

    /// Sets RFLAGS; bits that user mode cannot change are ignored.
    pub fn set_rflags(&mut self, v: u64) {
        self.set_flag_record(FlagRecord::raw(v));
        self.df = u64::from(v & Rflags::DF != 0);
        self.rflags_other = v & Rflags::POPF_OTHER;
    }

    /// Sets the base of FS as Linux does: its selector becomes 0.
    pub fn set_fs_base(&mut self, base: u64) {
        self.selectors &= !(0xffff << 32);
        self.fs_base = base;
    }

    /// Sets the base of GS as Linux does: its selector becomes 0.
    pub fn set_gs_base(&mut self, base: u64) {
        self.selectors &= !(0xffff << 48);
        self.gs_base = base;
    }

    /// The low 128 bits of a vector register.
    #[must_use]
    pub fn xmm(&self, n: usize) -> u128 {
        u128::from(self.ymm[n][0]) | u128::from(self.ymm[n][1]) << 64
    }

    /// The high 128 bits of a vector register.
    #[must_use]
    pub fn ymm_high(&self, n: usize) -> u128 {
        u128::from(self.ymm[n][2]) | u128::from(self.ymm[n][3]) << 64
    }

    /// Sets the high 128 bits of a vector register.
    #[allow(clippy::cast_possible_truncation)] // Splitting 128 bits into its halves.
    pub fn set_ymm_high(&mut self, n: usize, v: u128) {
        self.ymm[n][2] = v as u64;
        self.ymm[n][3] = (v >> 64) as u64;
    }

    /// Sets the low 128 bits of a vector register; the upper bits stay, as legacy SSE does.
    #[allow(clippy::cast_possible_truncation)] // Splitting 128 bits into its halves.
    pub fn set_xmm(&mut self, n: usize, v: u128) {
        self.ymm[n][0] = v as u64;
        self.ymm[n][1] = (v >> 64) as u64;
    }
}

/// Byte offsets of the fields JIT code addresses. All are below 2048, the reach of a RISC-V load.
#[allow(missing_docs)] // Named after the fields.
pub mod offset {
    use super::{CpuState, offset_of};
    pub const GPR: usize = offset_of!(CpuState, gpr);
    pub const RIP: usize = offset_of!(CpuState, rip);
    pub const FLAG_CODE: usize = offset_of!(CpuState, flag_code);
    pub const FLAG_A: usize = offset_of!(CpuState, flag_a);
    pub const FLAG_B: usize = offset_of!(CpuState, flag_b);
    pub const FLAG_C: usize = offset_of!(CpuState, flag_c);
    pub const DF: usize = offset_of!(CpuState, df);
    pub const RFLAGS_OTHER: usize = offset_of!(CpuState, rflags_other);
    pub const FS_BASE: usize = offset_of!(CpuState, fs_base);
    pub const GS_BASE: usize = offset_of!(CpuState, gs_base);
    pub const SELECTORS: usize = offset_of!(CpuState, selectors);
    pub const MXCSR: usize = offset_of!(CpuState, mxcsr);
    pub const POLL: usize = offset_of!(CpuState, poll);
    pub const HELPER_FAULT: usize = offset_of!(CpuState, helper_fault);
    pub const YMM: usize = offset_of!(CpuState, ymm);
    pub const X87: usize = offset_of!(CpuState, x87);
    /// The x87 words and the first physical register; the others follow, 16 bytes apart.
    pub const FSW: usize = X87 + offset_of!(super::X87, fsw);
    pub const FTW: usize = X87 + offset_of!(super::X87, ftw);
    pub const FCW: usize = X87 + offset_of!(super::X87, fcw);
    pub const FIP: usize = X87 + offset_of!(super::X87, fip);
    pub const FDP: usize = X87 + offset_of!(super::X87, fdp);
    pub const MM: usize = X87 + offset_of!(super::X87, r);
    pub const SCRATCH: usize = offset_of!(CpuState, scratch);
}

const _: () = assert!(size_of::<CpuState>() <= 2048);
const _: () = assert!(offset::YMM.is_multiple_of(16) && offset::X87.is_multiple_of(16));
