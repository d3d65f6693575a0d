//! The XSAVE area (SDM vol. 1, chapter 13), which signal frames contain as well: the legacy region of FXSAVE,
//! a header, and the upper halves of the YMM registers.
//!
//! Pure layout: no memory access, no alignment check. Both formats have the AVX component at the same place,
//! because there is none before it. Invariant: `load` of what `store` made changes nothing.

use super::CpuState;
use super::cpuid;
use super::fxsave::{self, Form};
use super::state::{MXCSR_DEFAULT, MXCSR_MASK, X87};
use iced_x86::CpuidFeature;

/// XCR0's bit of the x87 state, MMX included.
pub const X87_STATE: u64 = 1;
/// XCR0's bit of the XMM registers and MXCSR.
pub const SSE_STATE: u64 = 2;
/// XCR0's bit of the upper halves of the YMM registers.
pub const AVX_STATE: u64 = 4;

/// Bytes of the area with all components.
pub const SIZE: usize = AVX + 16 * 16;
/// Where the header is: `XSTATE_BV`, `XCOMP_BV`, and 48 bytes that are zero.
pub const HEADER: usize = fxsave::SIZE;
/// Bytes of the header.
pub const HEADER_SIZE: usize = 64;
/// Where the AVX component is.
pub const AVX: usize = HEADER + HEADER_SIZE;
/// `XCOMP_BV`'s bit that says the area is in compacted format.
pub const COMPACTED: u64 = 1 << 63;

/// MXCSR and its mask, and the XMM registers, in the legacy region.
const MXCSR: std::ops::Range<usize> = 24..32;
const XMM: std::ops::Range<usize> = 160..416;

/// The state components the guest has, as XGETBV says; 0 if it has no XSAVE.
#[must_use]
pub fn xcr0() -> u64 {
    match (
        cpuid::implements(CpuidFeature::XSAVE),
        cpuid::implements(CpuidFeature::AVX),
    ) {
        (false, _) => 0,
        (true, false) => X87_STATE | SSE_STATE,
        (true, true) => X87_STATE | SSE_STATE | AVX_STATE,
    }
}

/// Bytes of the area with components `mask`.
#[must_use]
pub fn size(mask: u64) -> usize {
    if mask & AVX_STATE != 0 { SIZE } else { AVX }
}

/// The components that are not in their initial state (XINUSE).
#[must_use]
pub fn in_use(cpu: &CpuState) -> u64 {
    let x87 = cpu.x87 != X87::default();
    let sse = cpu.ymm.iter().any(|r| r[0] | r[1] != 0);
    let avx = cpu.ymm.iter().any(|r| r[2] | r[3] != 0);
    let components = [(x87, X87_STATE), (sse, SSE_STATE), (avx, AVX_STATE)];
    let used = components.iter().filter(|(used, _)| *used);
    used.fold(0, |all, (_, bit)| all | bit)
}

/// Which instruction stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// XSAVE: everything that is asked for.
    Standard,
    /// XSAVEOPT: what is in its initial state need not be stored.
    Optimized,
    /// XSAVEC: what is in its initial state is not stored, and the format is compacted.
    Compacted,
}

/// The two words of the header that mean something.
fn word(area: &[u8; SIZE], at: usize) -> u64 {
    let mut b = [0; 8];
    b.copy_from_slice(&area[at..at + 8]);
    u64::from_le_bytes(b)
}

/// Stores components `mask`, which has no bits that XCR0 has not, over what is in `area`.
pub fn store(cpu: &CpuState, area: &mut [u8; SIZE], mask: u64, format: Format, form: Form) {
    let mut used = in_use(cpu) & mask;
    if format == Format::Compacted && cpu.mxcsr != MXCSR_DEFAULT {
        used |= SSE_STATE & mask;
    }
    let stored = if format == Format::Standard {
        mask
    } else {
        used
    };
    let image = fxsave::store_form(cpu, form);
    let mut copy = |r: std::ops::Range<usize>| area[r.clone()].copy_from_slice(&image[r]);
    if stored & X87_STATE != 0 {
        copy(0..MXCSR.start);
        copy(MXCSR.end..XMM.start);
    }
    let mxcsr = match format {
        Format::Compacted => stored & SSE_STATE,
        _ => mask & (SSE_STATE | AVX_STATE),
    };
    if mxcsr != 0 {
        copy(MXCSR);
    }
    if stored & SSE_STATE != 0 {
        copy(XMM);
    }
    if stored & AVX_STATE != 0 {
        for (n, place) in area[AVX..].chunks_exact_mut(16).enumerate() {
            place.copy_from_slice(&cpu.ymm_high(n).to_le_bytes());
        }
    }
    let kept = match format {
        Format::Compacted => {
            area[HEADER + 8..HEADER + 16].copy_from_slice(&(mask | COMPACTED).to_le_bytes());
            0
        }
        _ => word(area, HEADER) & !mask,
    };
    area[HEADER..HEADER + 8].copy_from_slice(&(kept | used).to_le_bytes());
}

/// Loads components `mask` from an area in either format. False, and nothing changed, if the header or
/// MXCSR is not a valid one (#GP).
#[must_use]
pub fn load(cpu: &mut CpuState, area: &[u8; SIZE], mask: u64, form: Form) -> bool {
    let (present, layout) = (word(area, HEADER), word(area, HEADER + 8));
    let compacted = layout & COMPACTED != 0;
    let known = xcr0();
    let zeros = if compacted {
        HEADER + 16..AVX
    } else {
        HEADER + 8..HEADER + 24
    };
    let valid = if compacted {
        layout & !COMPACTED & !known == 0 && present & !layout == 0
    } else {
        present & !known == 0
    };
    if !valid || area[zeros].iter().any(|b| *b != 0) {
        return false;
    }
    let mask = mask & known;
    let mut image = fxsave::store_form(cpu, form);
    let mut take = |r: std::ops::Range<usize>, there: bool| {
        if there {
            image[r.clone()].copy_from_slice(&area[r]);
        } else {
            image[r].fill(0);
        }
    };
    if mask & X87_STATE != 0 {
        let there = present & X87_STATE != 0;
        take(0..MXCSR.start, there);
        take(MXCSR.end..XMM.start, there);
    }
    if mask & SSE_STATE != 0 {
        take(XMM, present & SSE_STATE != 0);
    }
    let from_area = if compacted {
        mask & present & SSE_STATE != 0
    } else {
        mask & (SSE_STATE | AVX_STATE) != 0
    };
    if from_area {
        take(MXCSR, true);
        let mut mxcsr = [0; 4];
        mxcsr.copy_from_slice(&image[MXCSR.start..MXCSR.start + 4]);
        if u32::from_le_bytes(mxcsr) & !MXCSR_MASK != 0 {
            return false;
        }
    } else if compacted && mask & SSE_STATE != 0 {
        image[MXCSR.start..MXCSR.start + 4].copy_from_slice(&MXCSR_DEFAULT.to_le_bytes());
    }
    let x87 = cpu.x87;
    if !fxsave::load_form(cpu, &image, form) {
        return false;
    }
    if mask & X87_STATE == 0 {
        // The image has less of it than the registers.
        cpu.x87 = x87;
    } else if present & X87_STATE == 0 {
        cpu.x87 = X87::default();
    }
    if mask & AVX_STATE != 0 {
        for (n, place) in area[AVX..].chunks_exact(16).enumerate() {
            let mut b = [0; 16];
            if present & AVX_STATE != 0 {
                b.copy_from_slice(place);
            }
            cpu.set_ymm_high(n, u128::from_le_bytes(b));
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = X87_STATE | SSE_STATE | AVX_STATE;

    fn state() -> CpuState {
        let mut cpu = CpuState {
            mxcsr: 0x3f80,
            ..CpuState::default()
        };
        for n in 0..16 {
            cpu.set_xmm(n, 3 << n);
            cpu.set_ymm_high(n, 5 << (100 - n));
        }
        cpu.x87.fsw = 0x3800;
        cpu.x87.r[2] = [1 << 63, 0x3fff];
        cpu
    }

    #[test]
    fn what_is_stored_can_be_loaded_in_every_format() {
        for format in [Format::Standard, Format::Optimized, Format::Compacted] {
            let cpu = state();
            let mut area = [0; SIZE];
            store(&cpu, &mut area, ALL, format, Form::Wide);
            let mut back = CpuState::default();
            assert!(load(&mut back, &area, ALL, Form::Wide), "{format:?}");
            assert_eq!(back.ymm, cpu.ymm);
            assert_eq!((back.x87, back.mxcsr), (cpu.x87, cpu.mxcsr));
        }
    }

    #[test]
    fn components_that_are_not_asked_for_stay() {
        let mut area = [0xee; SIZE];
        area[HEADER..AVX].fill(0);
        store(&state(), &mut area, AVX_STATE, Format::Standard, Form::Wide);
        assert_eq!(area[XMM.start], 0xee);
        assert_eq!(area[MXCSR.start], 0x80, "MXCSR goes with AVX too");
        let mut cpu = CpuState::default();
        cpu.set_xmm(3, 9);
        assert!(load(&mut cpu, &area, AVX_STATE, Form::Wide));
        assert_eq!((cpu.xmm(3), cpu.ymm_high(1)), (9, 5 << 99));
    }

    #[test]
    fn what_is_not_there_becomes_initial() {
        let mut area = [0; SIZE];
        store(
            &CpuState::default(),
            &mut area,
            ALL,
            Format::Compacted,
            Form::Wide,
        );
        assert_eq!(word(&area, HEADER), 0, "nothing is in use");
        let mut cpu = state();
        assert!(load(&mut cpu, &area, ALL, Form::Wide));
        assert_eq!(cpu.ymm, [[0; 4]; 16]);
        assert_eq!((cpu.x87, cpu.mxcsr), (X87::default(), MXCSR_DEFAULT));
    }

    #[test]
    fn headers_that_are_not_valid_are_refused() {
        let mut good = [0; SIZE];
        store(&state(), &mut good, ALL, Format::Standard, Form::Wide);
        for at in [HEADER + 1, HEADER + 8, HEADER + 20] {
            let mut area = good;
            area[at] |= 0x40;
            let mut cpu = CpuState::default();
            assert!(!load(&mut cpu, &area, ALL, Form::Wide), "byte {at}");
            assert_eq!(cpu.ymm, [[0; 4]; 16]);
        }
    }
}
