//! The 512-byte image of FXSAVE and FXRSTOR (SDM vol. 1, 10.5.1), which is also the beginning of the
//! floating-point state in signal frames.
//!
//! Pure layout: no memory access, no alignment check. Invariant: `load` of what `store` made changes
//! nothing.

use super::CpuState;
use super::state::MXCSR_MASK;

/// Bytes of the image.
pub const SIZE: usize = 512;
/// How many of them FXSAVE writes; the rest is reserved or software's.
pub const WRITTEN: usize = 416;

/// Offset of the first register: ST(0) to ST(7), or MM0 to MM7.
const ST: usize = 32;
const XMM: usize = 160;
const TOP: u32 = 11;

/// Which width FIP and FDP have: FXSAVE64's (REX.W) or that of the form without REX.W.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// FIP and FDP of 64 bits. Linux's signal frames use this one.
    Wide,
    /// FIP and FDP of 32 bits; the selectors are stored as 0, as CPUs do that deprecate them.
    Narrow,
}

/// The image of FXSAVE64.
#[must_use]
pub fn store(cpu: &CpuState) -> [u8; SIZE] {
    store_form(cpu, Form::Wide)
}

/// The image in the given form.
#[must_use]
pub fn store_form(cpu: &CpuState, form: Form) -> [u8; SIZE] {
    let mut image = [0; SIZE];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    let x87 = &cpu.x87;
    let pointer = |p: u64| {
        if form == Form::Wide {
            p
        } else {
            p & 0xffff_ffff
        }
    };
    put(0, &x87.fcw.to_le_bytes());
    put(2, &x87.fsw.to_le_bytes());
    put(4, &(x87.ftw & 0xff).to_le_bytes());
    put(6, &x87.fop.to_le_bytes());
    put(8, &pointer(x87.fip).to_le_bytes());
    put(16, &pointer(x87.fdp).to_le_bytes());
    put(24, &cpu.mxcsr.to_le_bytes());
    put(28, &MXCSR_MASK.to_le_bytes());
    for i in 0..8 {
        let [low, high] = x87.r[physical(x87.fsw, i)];
        put(ST + 16 * i, &low.to_le_bytes());
        put(ST + 16 * i + 8, &high.to_le_bytes()[..2]);
    }
    for n in 0..16 {
        put(XMM + 16 * n, &cpu.xmm(n).to_le_bytes());
    }
    image
}

/// Loads an image of FXRSTOR64. False, and nothing changed, if it has reserved bits of MXCSR set (#GP).
#[must_use]
pub fn load(cpu: &mut CpuState, image: &[u8; SIZE]) -> bool {
    load_form(cpu, image, Form::Wide)
}

/// The same for the given form.
#[must_use]
pub fn load_form(cpu: &mut CpuState, image: &[u8; SIZE], form: Form) -> bool {
    let short = |at: usize| u16::from_le_bytes([image[at], image[at + 1]]);
    let word = |at: usize| u32::from(short(at)) | u32::from(short(at + 2)) << 16;
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    let mxcsr = word(24);
    if mxcsr & !MXCSR_MASK != 0 {
        return false;
    }
    let pointer = |at: usize| {
        if form == Form::Wide {
            long(at)
        } else {
            word(at).into()
        }
    };
    let x87 = &mut cpu.x87;
    x87.load_control(short(0));
    x87.fsw = short(2);
    x87.ftw = short(4) & 0xff;
    x87.fop = short(6) & 0x7ff;
    x87.fip = pointer(8);
    x87.fdp = pointer(16);
    for i in 0..8 {
        let at = ST + 16 * i;
        x87.r[physical(x87.fsw, i)] = [long(at), short(at + 8).into()];
    }
    x87.update_summary();
    cpu.mxcsr = mxcsr;
    for n in 0..16 {
        let at = XMM + 16 * n;
        cpu.set_xmm(n, u128::from(long(at)) | u128::from(long(at + 8)) << 64);
    }
    true
}

/// The physical register ST(i) is: the image has them relative to TOP.
#[must_use]
pub fn physical(fsw: u16, i: usize) -> usize {
    (usize::from(fsw >> TOP & 7) + i) & 7
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> CpuState {
        let mut cpu = CpuState::default();
        for n in 0..16 {
            cpu.set_xmm(
                n,
                0x0102_0304_0506_0708_090a_0b0c_0d0e_0f00 * (n as u128 + 1),
            );
            cpu.ymm[n][2] = 77;
        }
        for i in 0..8 {
            cpu.x87.r[i] = [i as u64 | 1 << 63, 0x3fff + i as u64];
        }
        cpu.x87.fsw = 5 << TOP | 0x4000;
        cpu.x87.ftw = 0xe0;
        cpu.x87.fip = 0x1234_5678_9abc;
        cpu.x87.fdp = 0xfedc_ba98_7654;
        cpu.mxcsr = 0x5fa1;
        cpu
    }

    #[test]
    fn what_is_stored_can_be_loaded() {
        let cpu = state();
        let image = store(&cpu);
        let mut back = CpuState::default();
        assert!(load(&mut back, &image));
        assert_eq!(back.x87, cpu.x87);
        assert_eq!(back.mxcsr, cpu.mxcsr);
        for n in 0..16 {
            assert_eq!(back.xmm(n), cpu.xmm(n));
            assert_eq!(back.ymm[n][2], 0, "the upper halves are not in the image");
        }
    }

    #[test]
    fn registers_are_relative_to_top_and_tags_are_not() {
        let image = store(&state());
        assert_eq!(image[ST], 5, "ST(0) is R5");
        assert_eq!(image[ST + 16 * 3], 0, "ST(3) is R0");
        assert_eq!(image[4], 0xe0);
        assert_eq!(image[28..32], [0xff, 0xff, 0, 0]);
    }

    #[test]
    fn the_narrow_form_has_32_bit_pointers() {
        let cpu = state();
        let image = store_form(&cpu, Form::Narrow);
        assert_eq!(image[8..16], 0x5678_9abc_u64.to_le_bytes());
        let mut back = CpuState::default();
        assert!(load_form(&mut back, &image, Form::Narrow));
        assert_eq!(back.x87.fdp, 0xba98_7654);
    }

    #[test]
    fn reserved_bits_of_mxcsr_are_refused() {
        let mut image = store(&state());
        image[26] = 1;
        let mut cpu = CpuState::default();
        assert!(!load(&mut cpu, &image));
        assert_eq!(cpu.xmm(3), 0);
    }
}
