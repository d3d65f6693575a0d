//! What felix's guest CPU is: the one table from which CPUID, `AT_HWCAP`, the decoder's filter of
//! encodings and `felix list` are made (SDM vol. 2, CPUID).

use super::{cpu, xsave};
use iced_x86::CpuidFeature;

/// A register CPUID answers in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The registers.
pub enum Reg {
    Eax = 0,
    Ebx = 1,
    Ecx = 2,
    Edx = 3,
}

/// A feature: its bit, and the encodings it brings, in iced's terms.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// The name `/proc/cpuinfo` uses.
    pub name: &'static str,
    /// CPUID leaf.
    pub leaf: u32,
    /// Its subleaf.
    pub subleaf: u32,
    /// Register of the answer.
    pub reg: Reg,
    /// Bit of the register.
    pub bit: u32,
    /// What iced calls the encodings that need it.
    pub iced: &'static [CpuidFeature],
}

const fn feature(
    name: &'static str,
    leaf: u32,
    reg: Reg,
    bit: u32,
    iced: &'static [CpuidFeature],
) -> Feature {
    Feature {
        name,
        leaf,
        subleaf: 0,
        reg,
        bit,
        iced,
    }
}

/// A feature of leaf 0DH, subleaf 1.
const fn xsave_feature(name: &'static str, bit: u32, iced: &'static [CpuidFeature]) -> Feature {
    Feature {
        subleaf: 1,
        ..feature(name, 0xd, Reg::Eax, bit, iced)
    }
}

/// The implemented features.
pub static FEATURES: &[Feature] = &[
    feature(
        "fpu",
        1,
        Reg::Edx,
        0,
        &[
            CpuidFeature::FPU,
            CpuidFeature::FPU287,
            CpuidFeature::FPU387,
        ],
    ),
    feature("tsc", 1, Reg::Edx, 4, &[CpuidFeature::TSC]),
    feature("cx8", 1, Reg::Edx, 8, &[CpuidFeature::CX8]),
    feature("cmov", 1, Reg::Edx, 15, &[CpuidFeature::CMOV]),
    feature("clflush", 1, Reg::Edx, 19, &[CpuidFeature::CLFSH]),
    feature("mmx", 1, Reg::Edx, 23, &[CpuidFeature::MMX]),
    feature("fxsr", 1, Reg::Edx, 24, &[CpuidFeature::FXSR]),
    feature("sse", 1, Reg::Edx, 25, &[CpuidFeature::SSE]),
    feature("sse2", 1, Reg::Edx, 26, &[CpuidFeature::SSE2]),
    feature("pni", 1, Reg::Ecx, 0, &[CpuidFeature::SSE3]),
    feature("pclmulqdq", 1, Reg::Ecx, 1, &[CpuidFeature::PCLMULQDQ]),
    feature("ssse3", 1, Reg::Ecx, 9, &[CpuidFeature::SSSE3]),
    feature("sse4_1", 1, Reg::Ecx, 19, &[CpuidFeature::SSE4_1]),
    feature("sse4_2", 1, Reg::Ecx, 20, &[CpuidFeature::SSE4_2]),
    feature("aes", 1, Reg::Ecx, 25, &[CpuidFeature::AES]),
    feature("xsave", 1, Reg::Ecx, 26, &[CpuidFeature::XSAVE]),
    feature("osxsave", 1, Reg::Ecx, 27, &[]),
    xsave_feature("xsaveopt", 0, &[CpuidFeature::XSAVEOPT]),
    xsave_feature("xsavec", 1, &[CpuidFeature::XSAVEC]),
    xsave_feature("xgetbv1", 2, &[]),
    feature("fma", 1, Reg::Ecx, 12, &[CpuidFeature::FMA]),
    feature("f16c", 1, Reg::Ecx, 29, &[CpuidFeature::F16C]),
    feature("gfni", 7, Reg::Ecx, 8, &[CpuidFeature::GFNI]),
    feature("avx", 1, Reg::Ecx, 28, &[CpuidFeature::AVX]),
    feature("rdrand", 1, Reg::Ecx, 30, &[CpuidFeature::RDRAND]),
    feature("movbe", 1, Reg::Ecx, 22, &[CpuidFeature::MOVBE]),
    feature("popcnt", 1, Reg::Ecx, 23, &[CpuidFeature::POPCNT]),
    feature("cx16", 1, Reg::Ecx, 13, &[CpuidFeature::CMPXCHG16B]),
    feature("fsgsbase", 7, Reg::Ebx, 0, &[CpuidFeature::FSGSBASE]),
    feature("bmi1", 7, Reg::Ebx, 3, &[CpuidFeature::BMI1]),
    feature("avx2", 7, Reg::Ebx, 5, &[CpuidFeature::AVX2]),
    feature("bmi2", 7, Reg::Ebx, 8, &[CpuidFeature::BMI2]),
    feature("erms", 7, Reg::Ebx, 9, &[]),
    feature("lahf_lm", 0x8000_0001, Reg::Ecx, 0, &[]),
    feature("rdseed", 7, Reg::Ebx, 18, &[CpuidFeature::RDSEED]),
    feature("clflushopt", 7, Reg::Ebx, 23, &[CpuidFeature::CLFLUSHOPT]),
    feature("clwb", 7, Reg::Ebx, 24, &[CpuidFeature::CLWB]),
    feature("vaes", 7, Reg::Ecx, 9, &[CpuidFeature::VAES]),
    feature("vpclmulqdq", 7, Reg::Ecx, 10, &[CpuidFeature::VPCLMULQDQ]),
    feature("sha_ni", 7, Reg::Ebx, 29, &[CpuidFeature::SHA]),
    feature("rdpid", 7, Reg::Ecx, 22, &[CpuidFeature::RDPID]),
    feature("adx", 7, Reg::Ebx, 19, &[CpuidFeature::ADX]),
    feature("abm", 0x8000_0001, Reg::Ecx, 5, &[CpuidFeature::LZCNT]),
    feature(
        "3dnowprefetch",
        0x8000_0001,
        Reg::Ecx,
        8,
        &[CpuidFeature::PREFETCHW],
    ),
    feature(
        "syscall",
        0x8000_0001,
        Reg::Edx,
        11,
        &[CpuidFeature::SYSCALL],
    ),
    feature("nx", 0x8000_0001, Reg::Edx, 20, &[]),
    feature("rdtscp", 0x8000_0001, Reg::Edx, 27, &[CpuidFeature::RDTSCP]),
    feature("lm", 0x8000_0001, Reg::Edx, 29, &[CpuidFeature::X64]),
];

/// What every x86-64 CPU has, without a CPUID bit of its own. CET and hint encodings are NOPs on CPUs
/// without those features.
static BASE: &[CpuidFeature] = &[
    CpuidFeature::INTEL8086,
    CpuidFeature::INTEL186,
    CpuidFeature::INTEL286,
    CpuidFeature::INTEL386,
    CpuidFeature::INTEL486,
    CpuidFeature::CPUID,
    CpuidFeature::MULTIBYTENOP,
    CpuidFeature::PAUSE,
    CpuidFeature::CET_IBT,
    CpuidFeature::CET_SS,
    CpuidFeature::CLDEMOTE,
    CpuidFeature::PREFETCHITI,
    // Only privileged instructions: they raise #GP here, as on every CPU.
    CpuidFeature::MSR,
    CpuidFeature::RDPMC,
    CpuidFeature::SEP,
];

/// The features the guest is shown.
pub fn shown() -> impl Iterator<Item = &'static Feature> {
    let shown = |(n, _): &(usize, _)| cpu::shows(*n);
    FEATURES.iter().enumerate().filter(shown).map(|(_, f)| f)
}

/// True if encodings that need `f` are implemented, and not hidden.
#[must_use]
pub fn implements(f: CpuidFeature) -> bool {
    BASE.contains(&f) || shown().any(|row| row.iced.contains(&f))
}

/// Family 6, model 0x5e, stepping 3 (Skylake): a CPU with AVX2 that nobody works around.
const SIGNATURE: u32 = 0x0005_06e3;
/// Family 6, model 0x2c, stepping 2: a CPU without AVX of which glibc knows that unaligned copies are fast.
/// Of later models it believes that only where they have AVX, and else copies with PALIGNR (SSSE3).
const SIGNATURE_WITHOUT_AVX: u32 = 0x0002_06c2;
/// The highest basic and extended leaves.
const MAX_BASIC: u32 = 0x16;
const MAX_EXTENDED: u32 = 0x8000_0008;
const BRAND: &[u8; 48] =
    b"felix virtual x86-64 CPU\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// The answer to CPUID with these EAX and ECX: EAX, EBX, ECX, EDX. Leaves beyond the highest basic one
/// answer as that one does, as on Intel CPUs.
#[must_use]
pub fn leaf(eax: u32, ecx: u32) -> [u32; 4] {
    let known = eax <= MAX_BASIC || (0x8000_0000..=MAX_EXTENDED).contains(&eax);
    let eax = if known { eax } else { MAX_BASIC };
    let mut r = match eax {
        0 => [MAX_BASIC, 0x756e_6547, 0x6c65_746e, 0x4965_6e69], // "GenuineIntel"
        // One logical processor, 64-byte lines for CLFLUSH.
        1 => [signature(), 8 << 8 | 1 << 16, 0, 0],
        // Descriptors: 0xff says that leaf 4 describes the caches.
        2 => [0x00ff_ff01, 0, 0, 0],
        4 => cache(ecx),
        // The x87 unit keeps no code and data segment selectors.
        7 if ecx == 0 => [0, 1 << 13, 0, 0],
        0xd => extended_state(ecx),
        0x8000_0000 => [MAX_EXTENDED, 0, 0, 0],
        0x8000_0002..=0x8000_0004 => brand(eax - 0x8000_0002),
        0x8000_0006 => [0, 0, 256 << 16 | 8 << 12 | 64, 0],
        0x8000_0007 => [0, 0, 0, 1 << 8], // invariant TSC
        0x8000_0008 => [48 << 8 | 46, 0, 0, 0],
        _ => [0; 4],
    };
    let has_subleaves = matches!(eax, 7 | 0xd);
    for f in shown().filter(|f| f.leaf == eax && (f.subleaf == ecx || !has_subleaves)) {
        r[f.reg as usize] |= 1 << f.bit;
    }
    r
}

/// What `leaf` has given for EAX and ECX, on processor `id` of `count` cores of one package, which share the last cache.
pub fn topology(answer: &mut [u32; 4], eax: u32, ecx: u32, count: u32, id: u32) {
    if count < 2 {
        return;
    }
    // Bits of an APIC ID that number cores.
    let bits = (count - 1).ilog2() + 1;
    match eax {
        1 => {
            answer[1] = answer[1] & 0xff00_ffff | count.min(255) << 16 | id << 24;
            answer[3] |= 1 << 28; // HTT: there are several.
        }
        4 if answer[0] != 0 => {
            // Cores of the package; threads that share the cache.
            let shared = if answer[0] >> 5 & 7 == 3 {
                1 << bits
            } else {
                1
            };
            answer[0] |= ((1 << bits) - 1).min(63) << 26 | (shared - 1).min(4095) << 14;
        }
        // One thread a core; then all cores. EDX is the x2APIC ID.
        0xb => {
            *answer = match ecx {
                0 => [0, 1, 1 << 8, id],
                1 => [bits, count, 2 << 8 | 1, id],
                n => [0, 0, n & 0xff, id],
            }
        }
        _ => {}
    }
}

fn signature() -> u32 {
    if implements(CpuidFeature::AVX) {
        SIGNATURE
    } else {
        SIGNATURE_WITHOUT_AVX
    }
}

/// The XSAVE area: what it may have and how large it is, then where each component lies.
#[allow(clippy::cast_possible_truncation)] // Below 4096.
fn extended_state(subleaf: u32) -> [u32; 4] {
    let all = xsave::xcr0();
    let size = xsave::size(all) as u32;
    match subleaf {
        _ if all == 0 => [0; 4],
        0 => [all as u32, size, size, 0],
        // Of all components, in compacted format.
        1 => [0, size, 0, 0],
        2 if all & xsave::AVX_STATE != 0 => {
            [(xsave::SIZE - xsave::AVX) as u32, xsave::AVX as u32, 0, 0]
        }
        _ => [0; 4],
    }
}

/// Deterministic cache parameters: 32 KiB L1 data and instruction, 256 KiB L2, 8 MiB L3.
fn cache(index: u32) -> [u32; 4] {
    let (kind, level, ways, sets) = match index {
        0 => (1, 1, 8, 64),
        1 => (2, 1, 8, 64),
        2 => (3, 2, 8, 512),
        3 => (3, 3, 16, 8192),
        _ => return [0; 4],
    };
    [
        kind | level << 5 | 1 << 8,
        63 | (ways - 1) << 22,
        sets - 1,
        0,
    ]
}

fn brand(part: u32) -> [u32; 4] {
    let at = part as usize * 16;
    std::array::from_fn(|i| {
        let mut word = [0; 4];
        word.copy_from_slice(&BRAND[at + 4 * i..at + 4 * i + 4]);
        u32::from_le_bytes(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_follow_the_table() {
        assert_ne!(leaf(1, 0)[3] & 1 << 26, 0, "SSE2");
        assert_ne!(leaf(1, 0)[2] & 1 << 28, 0, "AVX");
        assert_eq!(leaf(7, 1), [0; 4], "subleaf 1 has none of subleaf 0's");
        assert_eq!(leaf(0xd, 0), [7, 832, 832, 0]);
        assert_eq!(leaf(0xd, 1)[0], 7, "XSAVEOPT, XSAVEC, XGETBV with ECX = 1");
        assert_eq!(leaf(0xd, 2), [256, 576, 0, 0]);
        assert_eq!(leaf(0x8000_0002, 0)[0].to_le_bytes(), *b"feli");
    }

    #[test]
    fn the_level_is_x86_64_v2() {
        let ecx = [
            "pni", "ssse3", "cx16", "sse4_1", "sse4_2", "popcnt", "lahf_lm",
        ];
        for name in ecx {
            assert!(FEATURES.iter().any(|f| f.name == name), "{name}");
        }
    }

    #[test]
    fn leaves_beyond_the_last_answer_as_the_last() {
        assert_eq!(leaf(0x4000_0000, 0), leaf(MAX_BASIC, 0));
    }
}
