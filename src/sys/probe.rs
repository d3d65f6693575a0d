//! What the host CPU is, asked of the kernel: riscv_hwprobe, the auxiliary vector, vlenb.
//!
//! Gives raw numbers; `exec::jit` makes a `HostIsa` of them.

/// Answers of riscv_hwprobe (Documentation/arch/riscv/hwprobe.rst): the value of IMA_EXT_0, if the
/// kernel has the call.
#[must_use]
pub fn hwprobe_extensions() -> Option<u64> {
    #[cfg(target_arch = "riscv64")]
    {
        const RISCV_HWPROBE: i64 = 258;
        const IMA_EXT_0: i64 = 4;
        let mut pair: [i64; 2] = [IMA_EXT_0, 0];
        // SAFETY: one pair, which the kernel fills in; no CPU set; no flags.
        let r =
            unsafe { libc::syscall(RISCV_HWPROBE, &raw mut pair, 1usize, 0usize, 0usize, 0usize) };
        (r == 0 && pair[0] == IMA_EXT_0).then(|| pair[1].cast_unsigned())
    }
    #[cfg(not(target_arch = "riscv64"))]
    None
}

/// AT_HWCAP: on RISC-V a bit for each single-letter extension.
#[must_use]
pub fn hwcap() -> u64 {
    // SAFETY: getauxval reads the process's auxiliary vector only.
    unsafe { libc::getauxval(libc::AT_HWCAP) }
}

/// VLEN in bits. Only if V is there.
#[must_use]
pub fn vlen() -> u32 {
    #[cfg(target_arch = "riscv64")]
    {
        let bytes: u32;
        // SAFETY: reads a CSR; the caller knows that V is there.
        unsafe { std::arch::asm!("csrr {0}, 0xc22", out(reg) bytes, options(nomem, nostack)) };
        bytes.saturating_mul(8)
    }
    #[cfg(not(target_arch = "riscv64"))]
    0
}
