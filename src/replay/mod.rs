//! One test case on one engine: the format of the corpus, and how a case is run.
//!
//! A case is some code, the registers before it and the memory around it; its expectation is what an
//! oracle found. Knows no oracle and no operating system. The memory of a case lies at fixed
//! addresses, the same for every engine and oracle, because guest addresses are host addresses.

mod machine;
pub mod worker;

use crate::lower::bytes;
use crate::x86::{CpuState, Fault, Rflags};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Display;

pub use machine::{CaseCode, CaseMemory, Image, Machine, WINDOWS, changes, make_patterns};

/// Where the code lies, which it may write to. The rest of its two pages is INT3, and nothing is mapped
/// after them.
pub const CODE: u64 = 0x4000_0000;
/// Bytes of code memory.
pub const CODE_LEN: usize = 0x2000;
/// Where the writable data lies; nothing is mapped before and after it.
pub const DATA: u64 = 0x5000_0000;
/// Bytes of writable data.
pub const DATA_LEN: usize = 0x4000;
/// Where the read-only page lies.
pub const READ_ONLY: u64 = 0x5000_8000;
/// Bytes of read-only data.
pub const READ_ONLY_LEN: usize = 0x1000;

/// The registers a case sets and compares. Where people read them, only those that are not zero are
/// written, by name: `xmm3` and `xmm3.high` are bits 63:0 and 127:64 of a vector register, `ymm3` and
/// `ymm3.high` bits 191:128 and 255:192.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registers {
    /// RAX to R15 by encoding number.
    pub gpr: [Hex64; 16],
    /// RIP.
    pub rip: Hex64,
    /// RFLAGS.
    pub rflags: Hex64,
    /// XMM0 to XMM15, low half first.
    pub xmm: [[Hex64; 2]; 16],
    /// Bits 255:128 of YMM0 to YMM15, low half first.
    pub ymm_upper: [[Hex64; 2]; 16],
    /// MXCSR.
    pub mxcsr: u32,
    /// Bases of FS and GS.
    pub fs_gs: [Hex64; 2],
}

/// The number of 64-bit words a `Registers` is flattened to.
const WORDS: usize = 16 + 2 + 32 + 32 + 3;
/// Where the upper halves of the YMM registers begin.
const UPPER: usize = 16 + 2 + 32;

impl Registers {
    /// The name of each word of `flatten`.
    fn names() -> impl Iterator<Item = String> {
        let gprs = crate::x86::Gpr::all().map(|r| r.name().to_owned());
        let xmms = (0..16).flat_map(|i| [format!("xmm{i}"), format!("xmm{i}.high")]);
        let ymms = (0..16).flat_map(|i| [format!("ymm{i}"), format!("ymm{i}.high")]);
        let rest = ["mxcsr", "fs.base", "gs.base"].map(str::to_owned);
        gprs.chain(["rip", "rflags"].map(str::to_owned))
            .chain(xmms)
            .chain(ymms)
            .chain(rest)
    }

    fn flatten(&self) -> [u64; WORDS] {
        let mut out = [0; WORDS];
        let words = self
            .gpr
            .iter()
            .chain([&self.rip, &self.rflags])
            .chain(self.xmm.iter().flatten())
            .chain(self.ymm_upper.iter().flatten());
        for (o, w) in out.iter_mut().zip(words) {
            *o = w.0;
        }
        out[WORDS - 3] = self.mxcsr.into();
        out[WORDS - 2] = self.fs_gs[0].0;
        out[WORDS - 1] = self.fs_gs[1].0;
        out
    }

    fn from_words(w: &[u64; WORDS]) -> Registers {
        Registers {
            gpr: std::array::from_fn(|i| Hex64(w[i])),
            rip: Hex64(w[16]),
            rflags: Hex64(w[17]),
            xmm: std::array::from_fn(|i| [Hex64(w[18 + 2 * i]), Hex64(w[19 + 2 * i])]),
            ymm_upper: std::array::from_fn(|i| {
                [Hex64(w[UPPER + 2 * i]), Hex64(w[UPPER + 2 * i + 1])]
            }),
            mxcsr: u32::try_from(w[WORDS - 3]).unwrap_or(0),
            fs_gs: [Hex64(w[WORDS - 2]), Hex64(w[WORDS - 1])],
        }
    }
}

impl Serialize for Registers {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let words = self.flatten();
        if s.is_human_readable() {
            s.collect_map(
                Registers::names()
                    .zip(words.map(Hex64))
                    .filter(|(_, v)| v.0 != 0),
            )
        } else {
            let mut all = [0; 8 * WORDS];
            for (place, word) in all.chunks_exact_mut(8).zip(words) {
                place.copy_from_slice(&word.to_le_bytes());
            }
            s.serialize_bytes(&all)
        }
    }
}

impl<'de> Deserialize<'de> for Registers {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Registers, D::Error> {
        let mut words = [0; WORDS];
        if d.is_human_readable() {
            let map = std::collections::HashMap::<String, Hex64>::deserialize(d)?;
            let names: Vec<String> = Registers::names().collect();
            for (name, v) in map {
                let i = names.iter().position(|n| *n == name);
                words[i.ok_or_else(|| D::Error::custom(format!("no register {name}")))?] = v.0;
            }
        } else {
            let as_many = bytes::read(d, |given| {
                for (word, bytes) in words.iter_mut().zip(given.as_chunks().0) {
                    *word = u64::from_le_bytes(*bytes);
                }
                given.len() == 8 * WORDS
            })?;
            if !as_many {
                return Err(D::Error::custom("not as many registers"));
            }
        }
        Ok(Registers::from_words(&words))
    }
}

/// A number that is written in hexadecimal where people read it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Hex64(pub u64);

impl Serialize for Hex64 {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.collect_str(&format_args!("{:#x}", self.0))
        } else {
            s.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Hex64 {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Hex64, D::Error> {
        if !d.is_human_readable() {
            return u64::deserialize(d).map(Hex64);
        }
        let text = String::deserialize(d)?;
        u64::from_str_radix(text.trim_start_matches("0x"), 16)
            .map(Hex64)
            .map_err(D::Error::custom)
    }
}

/// Bytes that are written in hexadecimal where people read them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct HexBytes(pub Vec<u8>);

impl HexBytes {
    /// Two digits a byte.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The bytes of a text of two digits a byte.
    ///
    /// # Errors
    /// If it is not such a text.
    pub fn parse(s: &str) -> Result<HexBytes, String> {
        let pair = |i| {
            s.get(i..i + 2)
                .ok_or("an even number of digits expected".to_owned())
        };
        let byte = |i| u8::from_str_radix(pair(i)?, 16).map_err(|e| e.to_string());
        (0..s.len())
            .step_by(2)
            .map(byte)
            .collect::<Result<_, _>>()
            .map(HexBytes)
    }
}

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.serialize_str(&self.text())
        } else {
            s.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<HexBytes, D::Error> {
        if !d.is_human_readable() {
            return bytes::deserialize(d).map(HexBytes);
        }
        HexBytes::parse(&String::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// Why a case stopped, as an exception vector (SDM vol. 3, table 7-1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stop {
    /// The vector; `SYSCALL` for a SYSCALL instruction.
    pub vector: u16,
    /// For a page fault: the address.
    #[serde(default)]
    pub addr: Option<Hex64>,
    /// For a page fault: whether it was a write.
    #[serde(default)]
    pub write: bool,
}

/// `Stop::vector` of a SYSCALL.
pub const SYSCALL: u16 = 256;
/// `Stop::vector` of a case that never ended.
pub const ENDLESS: u16 = 257;
/// #BP: the code ran to its end.
pub const END: u16 = 3;

impl From<Fault> for Stop {
    fn from(f: Fault) -> Stop {
        let vector = match f {
            Fault::DivideError => 0,
            Fault::Debug | Fault::SingleStep => 1,
            Fault::Breakpoint => 3,
            Fault::Overflow => 4,
            Fault::InvalidOpcode => 6,
            Fault::StackFault => 12,
            Fault::GeneralProtection => 13,
            Fault::Page(_) => 14,
            Fault::X87 => 16,
            Fault::AlignmentCheck => 17,
            Fault::Simd => 19,
        };
        match f {
            Fault::Page(p) => Stop {
                vector,
                addr: Some(Hex64(p.addr.0)),
                write: p.write,
            },
            _ => Stop {
                vector,
                addr: None,
                write: false,
            },
        }
    }
}

/// What a case is and, once an oracle has run it, what must come out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Case {
    /// What the case is about, or which bug it shows.
    #[serde(default)]
    pub about: String,
    /// The instructions as text, for readers; not used.
    #[serde(default)]
    pub listing: Vec<String>,
    /// The code.
    pub code: HexBytes,
    /// The registers before; RIP is where the code is put.
    pub before: Registers,
    /// Seed of the pattern that fills the data.
    pub memory: u64,
    /// What differs from the pattern: address and bytes.
    #[serde(default)]
    pub patches: Vec<(Hex64, HexBytes)>,
    /// Bits of RFLAGS that the manual leaves undefined after this code.
    #[serde(default)]
    pub undefined_flags: Hex64,
    /// What must come out, if it is known.
    #[serde(default)]
    pub after: Option<After>,
}

/// What came out of a case.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct After {
    /// Why it stopped.
    pub stop: Stop,
    /// The registers.
    pub registers: Registers,
    /// Bytes of code and data that changed: address and new bytes, ascending, not touching.
    pub memory: Vec<(Hex64, HexBytes)>,
}

impl Registers {
    /// From a register file.
    #[must_use]
    pub fn of(cpu: &CpuState) -> Registers {
        Registers {
            gpr: cpu.gpr.map(Hex64),
            rip: Hex64(cpu.rip),
            rflags: Hex64(cpu.rflags()),
            xmm: std::array::from_fn(|i| [Hex64(cpu.ymm[i][0]), Hex64(cpu.ymm[i][1])]),
            ymm_upper: std::array::from_fn(|i| [Hex64(cpu.ymm[i][2]), Hex64(cpu.ymm[i][3])]),
            mxcsr: cpu.mxcsr,
            fs_gs: [Hex64(cpu.fs_base), Hex64(cpu.gs_base)],
        }
    }

    /// A register file with these values.
    #[must_use]
    pub fn to_cpu(&self) -> CpuState {
        let mut cpu = CpuState {
            gpr: self.gpr.map(|h| h.0),
            rip: self.rip.0,
            mxcsr: self.mxcsr,
            fs_base: self.fs_gs[0].0,
            gs_base: self.fs_gs[1].0,
            ..CpuState::default()
        };
        for (i, reg) in cpu.ymm.iter_mut().enumerate() {
            let ([a, b], [c, d]) = (self.xmm[i], self.ymm_upper[i]);
            *reg = [a, b, c, d].map(|h| h.0);
        }
        cpu.set_rflags(self.rflags.0);
        cpu
    }
}

impl After {
    /// The same with MXCSR.DE set: for comparing with the JIT, which does not track that flag while
    /// all exceptions are masked and DAZ and FTZ are off.
    #[must_use]
    pub fn ignoring_denormal_flag(mut self) -> After {
        self.registers.mxcsr |= 2;
        self
    }

    /// Whether there is no difference, with these flags compared: what nearly all comparisons ask, and
    /// nothing is written for.
    fn agrees(&self, other: &After, flags: u64) -> bool {
        let (a, b) = (&self.registers, &other.registers);
        self.stop == other.stop
            && (a.gpr, a.rip, a.mxcsr, a.fs_gs) == (b.gpr, b.rip, b.mxcsr, b.fs_gs)
            && (&a.xmm, &a.ymm_upper) == (&b.xmm, &b.ymm_upper)
            && (a.rflags.0 ^ b.rflags.0) & flags == 0
            && self.memory == other.memory
    }

    /// Where two outcomes differ, one line each; empty if they agree. Flags of `undefined` and the
    /// bits no program can see are not compared.
    #[must_use]
    pub fn differences(&self, other: &After, undefined: u64) -> Vec<String> {
        let mask = (Rflags::STATUS | Rflags::DF) & !undefined;
        if self.agrees(other, mask) {
            return Vec::new();
        }
        let mut out = Vec::new();
        // Written only where they differ: some fuzzing runs ask of many cases that do.
        fn note<T: PartialEq>(
            out: &mut Vec<String>,
            what: impl Display,
            (a, b): (T, T),
            text: impl Fn(&T) -> String,
        ) {
            if a != b {
                out.push(format!("{:8} {}  {}", what.to_string(), text(&a), text(&b)));
            }
        }
        note(&mut out, "stop", (self.stop, other.stop), |s| {
            format!("{s:?}")
        });
        let (a, b) = (&self.registers, &other.registers);
        for r in crate::x86::Gpr::all() {
            let i = r.index();
            let text = |v: &Hex64| format!("{:#018x}", v.0);
            note(&mut out, r.name(), (a.gpr[i], b.gpr[i]), text);
        }
        let short = |v: &Hex64| format!("{:#x}", v.0);
        note(&mut out, "rip", (a.rip, b.rip), short);
        let flags = (a.rflags.0 & mask, b.rflags.0 & mask);
        note(&mut out, "rflags", flags, |f| format!("{:?}", Rflags(*f)));
        for i in 0..16 {
            let text = |v: &[Hex64; 2]| format!("{:016x}_{:016x}", v[1].0, v[0].0);
            note(&mut out, format_args!("xmm{i}"), (a.xmm[i], b.xmm[i]), text);
            let upper = (a.ymm_upper[i], b.ymm_upper[i]);
            note(&mut out, format_args!("ymm{i}"), upper, text);
        }
        note(&mut out, "mxcsr", (a.mxcsr, b.mxcsr), |m| {
            format!("{m:#06x}")
        });
        for (i, name) in ["fs.base", "gs.base"].into_iter().enumerate() {
            note(&mut out, name, (a.fs_gs[i], b.fs_gs[i]), short);
        }
        let memory = |m: &&Vec<(Hex64, HexBytes)>| {
            let text: Vec<String> = m
                .iter()
                .map(|(at, bytes)| format!("{:#x}={}", at.0, bytes.text()))
                .collect();
            let mut text = text.join(" ");
            // A page must stay readable; what is cut is still compared.
            if text.len() > 400 {
                let hash = text.bytes().fold(0u64, |h, b| {
                    h.rotate_left(5) ^ u64::from(b).wrapping_mul(0x9e37_79b9)
                });
                text.truncate(400);
                text = format!("{text}... [{hash:x}]");
            }
            text
        };
        note(&mut out, "memory", (&self.memory, &other.memory), memory);
        out
    }
}

/// The pattern that fills `len` bytes of data for a seed: a mix of small numbers, pointers into the
/// data, floats and noise, so that what code loads is worth computing with.
#[must_use]
pub fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut x = seed ^ 0x9e37_79b9_7f4a_7c15;
    let mut next = move || {
        // splitmix64
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = x;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    };
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        let r = next();
        let v = match r & 7 {
            0 => r >> 8 & 0xff,
            1 => DATA + (r >> 8) % (DATA_LEN as u64 - 64),
            2 => 1.0f64.to_bits() ^ (r & 0x800f_ffff_ffff_ff00),
            3 => u64::from(1.5f32.to_bits()) << 32 | u64::from(2.5f32.to_bits()),
            4 => u64::MAX << (r >> 58),
            _ => next(),
        };
        out.extend(v.to_le_bytes());
    }
    out.truncate(len);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_come_back_and_zeros_are_not_written() {
        let mut cpu = CpuState::default();
        let text = serde_json::to_string(&Registers::of(&cpu)).unwrap();
        assert_eq!(text, r#"{"rflags":"0x202","mxcsr":"0x1f80"}"#);
        for (i, word) in cpu.ymm.iter_mut().flatten().enumerate() {
            *word = 1 << i;
        }
        let registers = Registers::of(&cpu);
        let text = serde_json::to_string(&registers).unwrap();
        assert!(
            text.contains(r#""ymm15.high":"0x8000000000000000""#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Registers>(&text).unwrap(), registers);
        let bytes = postcard::to_stdvec(&registers).unwrap();
        assert_eq!(
            postcard::from_bytes::<Registers>(&bytes).unwrap(),
            registers
        );
        assert_eq!(registers.to_cpu().ymm, cpu.ymm);
    }
}
