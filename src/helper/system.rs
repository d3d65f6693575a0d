//! Processor identification, time and random numbers.

use crate::sys::host;
use crate::x86::{CpuState, Gpr, cpuid};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// CPUID.
#[allow(clippy::cast_possible_truncation)] // EAX and ECX are the low halves.
pub(super) fn cpuid(cpu: &mut CpuState) {
    let (eax, ecx) = (cpu.reg(Gpr::RAX) as u32, cpu.reg(Gpr::RCX) as u32);
    let mut answer = cpuid::leaf(eax, ecx);
    match PROCESSORS.load(Ordering::Relaxed) {
        0 => {}
        n => cpuid::topology(&mut answer, eax, ecx, n, host::getcpu()[0]),
    }
    for (r, v) in [Gpr::RAX, Gpr::RBX, Gpr::RCX, Gpr::RDX]
        .into_iter()
        .zip(answer)
    {
        cpu.set_reg(r, v.into());
    }
}

/// How many processors the guest sees; 0 for one that is always number 0, as recorded cases and comparisons need it.
static PROCESSORS: AtomicU32 = AtomicU32::new(0);

/// From now on the guest sees the host's processors, `count` of them.
pub fn show_processors(count: u32) {
    PROCESSORS.store(count, Ordering::Relaxed);
}

/// IA32_TSC_AUX as Linux sets it: the processor's number, and from bit 12 on its node's.
pub(super) fn processor() -> u32 {
    if PROCESSORS.load(Ordering::Relaxed) == 0 {
        return 0;
    }
    let [cpu, node] = host::getcpu();
    node << 12 | cpu & 0xfff
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
