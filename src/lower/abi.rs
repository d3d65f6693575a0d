//! Which host register holds what while translated code runs, and how `CpuState::scratch` is used.
//! This is the one place that says so; `sys::jit`'s assembly is written to it.
//!
//! - `s0` points to the `CpuState`. `sp`, `gp`, `tp` stay the host's.
//! - The 16 general-purpose registers live in x registers the whole time: eleven in callee-saved ones,
//!   five in `a3`..`a7`, which the call thunks save around calls of Rust code. Inside a block a guest
//!   register may hold the sign extension of a 32-bit value instead of its zero extension; at block
//!   boundaries and links none does, and points list those that do.
//! - XMM0..15 live in `v16`..`v31` where the host has V, else in the register file. Where vector registers have
//!   256 bits (`ymm_resident`), these are YMM0..15; else the upper halves are in the register file, and what
//!   lies above an XMM register is anything. Above a YMM register anything lies in any case. `v0`..`v14` are
//!   the lowering's; as many low bits of `v15` as are resident are zero.
//! - The flag record lives in the register file.
//! - `TEMPS` hold values of the current block. `ra` and `t6` are scratch inside one lowering, and
//!   carry the place and a status where code is left. `f0`..`f31` are the lowering's.
//!   `ra` is kept for return-address prediction: jumps that are no returns never go through it.

use crate::rv64::{HostIsa, Vreg, Xreg};
use crate::x86::Gpr;
use crate::x86::state::offset;

/// Points to the guest's register file.
pub const STATE: Xreg = Xreg::S0;
/// Scratch within one lowering; status of a call.
pub const SCRATCH: Xreg = Xreg::T6;
/// Scratch within one lowering; the place when code is left.
pub const SCRATCH2: Xreg = Xreg::RA;

const GPRS: [Xreg; 16] = [
    Xreg::A3,  // rax
    Xreg::A4,  // rcx
    Xreg::A5,  // rdx
    Xreg::S1,  // rbx
    Xreg::S2,  // rsp
    Xreg::S3,  // rbp
    Xreg::S4,  // rsi
    Xreg::S5,  // rdi
    Xreg::S6,  // r8
    Xreg::S7,  // r9
    Xreg::A6,  // r10
    Xreg::A7,  // r11
    Xreg::S8,  // r12
    Xreg::S9,  // r13
    Xreg::S10, // r14
    Xreg::S11, // r15
];

/// Registers for the values of a block.
pub const TEMPS: [Xreg; 9] = [
    Xreg::T0,
    Xreg::T1,
    Xreg::T2,
    Xreg::T3,
    Xreg::T4,
    Xreg::T5,
    Xreg::A0,
    Xreg::A1,
    Xreg::A2,
];

/// The host register of a guest register.
#[must_use]
pub const fn gpr(r: Gpr) -> Xreg {
    GPRS[r.index()]
}

/// The vector register of an XMM register, where XMM registers are resident.
#[must_use]
pub const fn xmm(n: u8) -> Vreg {
    Vreg::new(16 + n)
}

/// Zero in its low 128 bits where XMM registers are resident, in 256 bits where YMM registers are.
pub const VZERO: Vreg = Vreg::new(15);

/// True if the XMM registers live in vector registers on such a host.
#[must_use]
pub const fn xmm_resident(isa: HostIsa) -> bool {
    isa.has_v()
}

/// True if the YMM registers live in vector registers on such a host. Not where an index of a byte could be
/// one of a vector register's: code counts on 128 and above giving 0.
#[must_use]
pub const fn ymm_resident(isa: HostIsa) -> bool {
    matches!(isa.vlen(), 256..=1024)
}

/// How many bytes of a guest's vector register live in a vector register.
#[must_use]
pub const fn resident_bytes(isa: HostIsa) -> u64 {
    if ymm_resident(isa) {
        32
    } else if xmm_resident(isa) {
        16
    } else {
        0
    }
}

/// Words of `CpuState::scratch` with a fixed meaning, by index.
pub mod slot {
    /// Address of the routine that leaves translated code (`sys::jit`); `ra` is the place.
    pub const LEAVE: usize = 0;
    /// Address of the thunk that calls a Rust function and keeps all registers but `ra` and `t6`.
    pub const CALL: usize = 1;
    /// The same, with the guest's registers in the register file during the call.
    pub const CALL_SYNCED: usize = 2;
    /// The function that evaluates an operation (`Desc`).
    pub const EVAL: usize = 3;
    /// The function that runs an `ir::Helper`.
    pub const HELPER: usize = 4;
    /// Address of the thread's lookup table for indirect jumps.
    pub const LOOKUP: usize = 5;
    /// Address of the `sys::jit::Capture` that leaving fills.
    pub const CAPTURE: usize = 6;
    /// How many bytes of a guest's vector register are resident: 0, 16 or 32.
    pub const RESIDENT: usize = 7;
    /// What the kernel said about the fault that made code leave (`sys::fault::encode`).
    pub const FAULT: usize = 8;
    /// Address of the descriptor of the operation or helper being called.
    pub const DESC: usize = 9;
    /// The result of a call: two words.
    pub const RESULT: usize = 10;
    /// The arguments of a call: four times two words.
    pub const ARGS: usize = 12;
    /// What `fflags` had accrued when code was left.
    pub const FFLAGS: usize = 20;
    /// Lanes to be chosen from: two words, or four.
    pub const LANES: usize = 22;
    /// The first of the spill slots, which take the rest but for `ZEROS`.
    pub const SPILL: usize = 26;
    /// Two words of zeros, 128 bytes above `LANES`: where the byte numbers lead that mean zero.
    pub const ZEROS: usize = LANES + 16;
}

/// The offset of word `index` of the scratch area from `STATE`.
#[must_use]
pub const fn scratch(index: usize) -> usize {
    offset::SCRATCH + 8 * index
}

/// Entries of the lookup table for indirect jumps, each two words: guest address, host address. The
/// index is this many low bits of the guest address: so many that functions, which are aligned to 16
/// bytes, seldom meet, and mixing in other bits would cost every jump two instructions. Two that jumps go to
/// by turns cost a lot where they do meet: with 16 bits gawk took 12% more in one of four address layouts.
pub const LOOKUP_BITS: u32 = 18;

/// The words of an operation's descriptor, as they lie in the code: operation, width and `aux`;
/// immediate; pool constant or zeros.
pub type Desc = [u64; 4];

const _: () = assert!(scratch(crate::x86::state::SCRATCH_WORDS) <= 2048);
const _: () = assert!(slot::ARGS + 8 <= slot::FFLAGS);
