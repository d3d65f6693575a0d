//! What the host CPU is, asked of the kernel: riscv_hwprobe, the auxiliary vector, vlenb; and of the CPU
//! itself, by executing an instruction and seeing whether it is illegal.
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

/// For each sequence of instructions, whether this CPU executes it. They may change temporaries and vector
/// registers and must fall through. Call before there are threads:
/// SIGILL is taken over meanwhile.
#[must_use]
pub fn executes(sequences: &[&[u32]]) -> Vec<bool> {
    #[cfg(target_arch = "riscv64")]
    {
        sigill::executes(sequences)
    }
    #[cfg(not(target_arch = "riscv64"))]
    {
        sequences.iter().map(|_| false).collect()
    }
}

#[cfg(target_arch = "riscv64")]
mod sigill {
    use crate::sys::jit::Executable;

    /// `li a0, 1` and `ret`.
    const YES: [u32; 2] = [0x0010_0513, 0x0000_8067];

    extern "C" fn handler(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the kernel passes a valid context to handlers installed with SA_SIGINFO, and nothing
        // else refers to it while the handler runs.
        let regs = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.__gregs };
        // Returns 0 from the function around the instruction.
        regs[0] = regs[1];
        regs[10] = 0;
    }

    pub fn executes(sequences: &[&[u32]]) -> Vec<bool> {
        let none = || sequences.iter().map(|_| false).collect();
        let Ok(memory) = Executable::new(4096) else {
            return none();
        };
        // SAFETY: all-zero sigactions are valid; the fields that count are set below.
        let (mut action, mut old): (libc::sigaction, libc::sigaction) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        // SAFETY: `action` is initialised, and `handler` has the signature SA_SIGINFO asks for.
        if unsafe { libc::sigaction(libc::SIGILL, &raw const action, &raw mut old) } != 0 {
            return none();
        }
        let answers = sequences
            .iter()
            .map(|words| {
                let bytes: Vec<u8> = words
                    .iter()
                    .chain(&YES)
                    .flat_map(|w| w.to_le_bytes())
                    .collect();
                memory.write(0, &bytes);
                memory.flush_here();
                // SAFETY: the memory holds a function of this type that keeps the psABI: the
                // instructions (the caller's contract) and `YES`. If one is illegal the handler
                // returns from it.
                let run: extern "C" fn() -> u64 = unsafe { std::mem::transmute(memory.base()) };
                run() != 0
            })
            .collect();
        // SAFETY: `old` is what the kernel gave.
        unsafe { libc::sigaction(libc::SIGILL, &raw const old, std::ptr::null_mut()) };
        answers
    }
}
