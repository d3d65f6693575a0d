//! Processor identification, time and random numbers.

use crate::sys::host;
use crate::x86::{CpuState, Gpr, cpuid};
use std::sync::OnceLock;
use std::time::Instant;

/// CPUID.
#[allow(clippy::cast_possible_truncation)] // EAX and ECX are the low halves.
pub(super) fn cpuid(cpu: &mut CpuState) {
    let answer = cpuid::leaf(cpu.reg(Gpr::RAX) as u32, cpu.reg(Gpr::RCX) as u32);
    for (r, v) in [Gpr::RAX, Gpr::RBX, Gpr::RCX, Gpr::RDX]
        .into_iter()
        .zip(answer)
    {
        cpu.set_reg(r, v.into());
    }
}

/// RDTSC: nanoseconds, so a constant 1 GHz, from felix's first look at the clock plus one second
/// (programs take 0 for "no counter"). Monotonic across threads; a forked child goes on counting.
#[allow(clippy::cast_possible_truncation)] // 584 years.
pub(super) fn time_stamp() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    start.elapsed().as_nanos() as u64 + 1_000_000_000
}

/// RDRAND, RDSEED: from the host's kernel, which is never out of them.
pub(super) fn random() -> u64 {
    let mut low = [0; 8];
    low.copy_from_slice(&host::random16()[..8]);
    u64::from_le_bytes(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_go_back() {
        let first = time_stamp();
        assert!(first > 0);
        assert!(time_stamp() >= first);
    }

    #[test]
    fn random_numbers_differ() {
        assert_ne!(random(), random());
    }

    #[test]
    fn cpuid_clears_the_upper_halves() {
        let mut cpu = CpuState::default();
        cpu.set_reg(Gpr::RBX, u64::MAX);
        cpu.set_reg(Gpr::RAX, 0);
        cpuid(&mut cpu);
        assert_eq!(cpu.reg(Gpr::RBX), 0x756e_6547);
    }
}
