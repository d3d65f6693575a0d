//! The FXSAVE area (SDM vol. 1, 10.5.1): x87, MMX and SSE state as 512 bytes.
//!
//! Used by the FXSAVE and FXRSTOR instructions and by signal frames.

use super::CpuState;
use super::state::MXCSR_MASK;

/// The state as FXSAVE64 stores it.
#[must_use]
pub fn store(cpu: &CpuState) -> [u8; 512] {
    let mut a = [0u8; 512];
    let mut put = |at: usize, b: &[u8]| a[at..at + b.len()].copy_from_slice(b);
    let x = &cpu.x87;
    put(0, &x.fcw.to_le_bytes());
    put(2, &x.fsw.to_le_bytes());
    put(4, &x.ftw.to_le_bytes()[..1]);
    put(6, &x.fop.to_le_bytes());
    put(8, &x.fip.to_le_bytes());
    put(16, &x.fdp.to_le_bytes());
    put(24, &cpu.mxcsr.to_le_bytes());
    put(28, &MXCSR_MASK.to_le_bytes());
    for i in 0..8 {
        let [low, high] = x.r[(top(x.fsw) + i) & 7];
        put(32 + 16 * i, &low.to_le_bytes());
        put(40 + 16 * i, &high.to_le_bytes()[..2]);
    }
    for i in 0..16 {
        put(160 + 16 * i, &cpu.xmm(i).to_le_bytes());
    }
    a
}

/// Loads what `store` stored. Bits of MXCSR that do not exist are dropped (FXRSTOR itself raises #GP for them).
pub fn load(cpu: &mut CpuState, a: &[u8; 512]) {
    let u16_at = |at: usize| u16::from_le_bytes([a[at], a[at + 1]]);
    let u64_at = |at: usize| {
        let mut b = [0; 8];
        b.copy_from_slice(&a[at..at + 8]);
        u64::from_le_bytes(b)
    };
    let x = &mut cpu.x87;
    x.fcw = u16_at(0);
    x.fsw = u16_at(2);
    x.ftw = u16::from(a[4]);
    x.fop = u16_at(6);
    x.fip = u64_at(8);
    x.fdp = u64_at(16);
    for i in 0..8 {
        x.r[(top(x.fsw) + i) & 7] = [u64_at(32 + 16 * i), u64::from(u16_at(40 + 16 * i))];
    }
    cpu.mxcsr = u32::from_le_bytes([a[24], a[25], a[26], a[27]]) & MXCSR_MASK;
    for i in 0..16 {
        cpu.set_xmm(i, u128::from(u64_at(160 + 16 * i)) | u128::from(u64_at(168 + 16 * i)) << 64);
    }
}

fn top(fsw: u16) -> usize {
    usize::from(fsw >> 11 & 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_gives_back_what_store_saved() {
        let mut cpu = CpuState::default();
        cpu.x87.fsw = 5 << 11;
        cpu.x87.ftw = 0xe0;
        cpu.x87.r[5] = [0x8000_0000_0000_0001, 0x3fff];
        cpu.mxcsr = 0x1fa0;
        cpu.set_xmm(15, 1 << 100 | 7);
        let a = store(&cpu);
        assert_eq!(a[32..40], 0x8000_0000_0000_0001u64.to_le_bytes(), "ST(0) is R5");
        let mut other = CpuState::default();
        load(&mut other, &a);
        assert_eq!(store(&other), a);
        assert_eq!(other.x87, cpu.x87);
    }
}
