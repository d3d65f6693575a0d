//! What lowering gives: position-independent code and the tables to run it and to recover from it.
//!
//! A `Translation` is plain data without addresses of the process it was made in, so it can be made on
//! one machine, stored, and run in another. Invariant: `points` and `exits` are sorted by offset.

use super::{FpMode, abi};
use crate::helper::float;
use crate::ir::Op;
use crate::ir::eval;
use crate::rv64::{Freg, Xreg};
use crate::x86::state::{CpuState, offset};
use crate::x86::{FlagRecord, Gpr, GuestAddr, Width};
use serde::{Deserialize, Serialize};

/// Translated code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Translation {
    /// The instructions, position independent.
    #[serde(with = "bytes")]
    pub code: Vec<u8>,
    /// Where code for a guest address may be entered: (guest address, offset).
    pub entries: Vec<(u64, u32)>,
    /// Exits to guest code elsewhere.
    pub exits: Vec<Link>,
    /// Counters of the blocks and of their parts behind exits, in order; empty unless asked for.
    pub counters: Vec<Counter>,
    /// Places where code is left or can fault.
    pub points: Vec<Point>,
    /// The steps of all points' recipes.
    pub steps: Vec<Step>,
    /// The guest bytes it was made from: start and length.
    pub source: Vec<(u64, u32)>,
    /// Guest instructions translated.
    pub guest_insns: u32,
    /// The MXCSR it is for.
    pub mode: FpMode,
}

/// Bytes in one piece for serde, which else goes through them one by one.
pub mod bytes {
    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};
    use std::fmt;

    /// Writes them.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(bytes)
    }

    /// Reads them.
    ///
    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        read(d, <[u8]>::to_vec)
    }

    /// What `make` makes of them.
    ///
    /// # Errors
    /// The deserializer's.
    pub fn read<'de, T, D: Deserializer<'de>>(
        d: D,
        make: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, D::Error> {
        struct Read<F>(F);
        impl<T, F: FnOnce(&[u8]) -> T> Visitor<'_> for Read<F> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<T, E> {
                Ok((self.0)(bytes))
            }
        }
        d.deserialize_bytes(Read(make))
    }
}

/// Words of an exit's veneer: `auipc`, `ld` and `jalr`. Each is `ebreak` until the first farther jump is made.
pub const VENEER_WORDS: usize = 3;

/// An exit that can be patched to go straight to its target's code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    /// Offset of the `jal zero` to patch, aligned to 4.
    pub word: u32,
    /// Where that goes while the link is not made.
    pub stub: u32,
    /// Offset of `VENEER_WORDS` for a farther jump: nobody goes there until `word` does.
    pub veneer: u32,
    /// The guest address it goes to.
    pub target: u64,
}

/// How often a block, or a part of it behind an exit, was executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Counter {
    /// The block.
    pub block: u32,
    /// Its first instruction that is counted.
    pub inst: u32,
    /// Offset of the code, without the counting.
    pub start: u32,
    /// Offset of its end.
    pub end: u32,
    /// Offset of the eight bytes that must hold the address of the 64-bit count before the code runs.
    pub address: u32,
}

/// A place in the code where the guest's state can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// The faulting instruction, or the call of the leaving routine.
    pub offset: u32,
    /// The guest instruction (or, for exits, the next one to execute).
    pub rip: u64,
    /// What it is.
    pub what: What,
    /// The guest registers (bit = number) that hold sign extensions of 32-bit values.
    pub sext: u16,
    /// What is to be added to the host's register of RSP.
    pub rsp: i16,
    /// How to compute the flags, if they are not in the register file.
    pub flags: Option<Recipe>,
}

/// What happens at a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum What {
    /// A memory access of the guest at `base` + `disp`.
    Access {
        /// The host register with the base.
        base: u8,
        /// The displacement.
        disp: i64,
        /// True for a store, and for a load whose instruction will store there.
        write: bool,
        /// True if it goes through SS.
        stack: bool,
        /// How many bytes of the guest's operand lie before this part of it.
        before: u8,
    },
    /// Raises the `Trap` with this number.
    Trap(u8),
    /// An access of a guest instruction that has done part of its work, all of which can be done again:
    /// evaluated, it does what it must before it faults.
    Again,
    /// A called function reported a fault in the register file.
    Reported,
    /// The poll word is set.
    Interrupted,
    /// SYSCALL.
    Syscall,
    /// Exit number n was taken.
    Link(u32),
    /// An indirect jump to the address in the register file's RIP was not in the lookup table. If that
    /// address is not canonical it is #GP at the point's `rip`, with RSP `pop` less.
    Indirect {
        /// What RET has added.
        pop: u32,
    },
}

/// Where a value is at a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Place {
    /// A host register (F registers from 32 on), of which the low bits count.
    Reg(u8, Bits),
    /// Word n of the scratch area, of which the low bits count.
    Slot(u16, Bits),
    /// Known.
    Const(u64),
}

/// How many low bits count: 8, 16, 32 or 64.
pub type Bits = u8;

/// One step of a recipe; its result is referred to by its position.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Step {
    /// Reads a value.
    Read(Place),
    /// Evaluates the IR operation with this number.
    Eval {
        /// Position in `Op::ALL`.
        op: u8,
        /// Width number.
        w: u8,
        /// The immediate.
        imm: u64,
        /// Earlier steps; unused ones are 0.
        args: [u16; 3],
    },
    /// Condition `cond` of the flag record at word `at` of the register file.
    Cond {
        /// Condition code.
        cond: u8,
        /// Byte offset of the record.
        at: u16,
    },
    /// The flags of `mask` of the record at `at`.
    FlagBits {
        /// RFLAGS mask.
        mask: u64,
        /// Byte offset of the record.
        at: u16,
    },
}

/// How to compute the flags that no code computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recipe {
    /// Its steps are `count` from `first` of the translation's.
    pub first: u32,
    /// See `first`.
    pub count: u16,
    /// The bundle's operation, by position in `Op::ALL`.
    pub op: u8,
    /// Its width number.
    pub w: u8,
    /// Its arguments: steps; unused ones are 0.
    pub args: [u16; 3],
}

/// The number of an operation in recipes and descriptors.
#[must_use]
pub fn op_number(op: Op) -> u8 {
    op as u8
}

/// The width with this number; 64 for numbers that are none.
#[must_use]
pub fn width(n: u8) -> Width {
    Width::ALL
        .get(usize::from(n))
        .copied()
        .unwrap_or(Width::W64)
}

impl Translation {
    /// The point at `offset`.
    #[must_use]
    pub fn point(&self, offset: u32) -> Option<&Point> {
        let i = self
            .points
            .binary_search_by_key(&offset, |p| p.offset)
            .ok()?;
        self.points.get(i)
    }

    /// Puts the guest's registers into `cpu`, given the host's at point `p` (F registers from 32 on).
    /// XMM registers, spill slots and memory are in `cpu` already.
    pub fn recover(&self, p: &Point, x: &[u64; 64], cpu: &mut CpuState) {
        let flags = p.flags.map(|r| r.evaluate(&self.steps, x, cpu));
        for r in Gpr::all() {
            let v = x[abi::gpr(r).index()];
            let short = p.sext >> r.num() & 1 != 0;
            cpu.gpr[r.index()] = if short { Width::W32.zext(v) } else { v };
        }
        let rsp = &mut cpu.gpr[Gpr::RSP.index()];
        *rsp = rsp.wrapping_add_signed(p.rsp.into());
        if let Some(f) = flags {
            cpu.set_flag_record(f);
        }
        if !matches!(p.what, What::Indirect { .. }) {
            cpu.rip = p.rip;
        }
    }

    /// Instructions in the code, data included.
    #[must_use]
    pub fn words(&self) -> usize {
        self.code.len() / 4
    }
}

impl Point {
    /// The guest address of an access, given the host's registers.
    #[must_use]
    pub fn address(&self, x: &[u64; 64]) -> Option<GuestAddr> {
        match self.what {
            What::Access { base, disp, .. } => Some(GuestAddr(x[usize::from(base)]).offset(disp)),
            _ => None,
        }
    }
}

impl Recipe {
    fn evaluate(&self, steps: &[Step], x: &[u64; 64], cpu: &CpuState) -> FlagRecord {
        let mine = steps.iter().skip(self.first as usize);
        let mut values: Vec<u64> = Vec::with_capacity(self.count.into());
        for step in mine.take(self.count.into()) {
            let v = match *step {
                Step::Read(place) => place.read(x, cpu),
                Step::Eval { op, w, imm, args } => {
                    let [a, b, c] = args.map(|n| values.get(usize::from(n)).copied().unwrap_or(0));
                    let op = Op::ALL.get(usize::from(op)).copied().unwrap_or(Op::Const);
                    if op == Op::FComi {
                        comi(width(w), a, b, cpu.mxcsr)
                    } else {
                        eval::int(op, width(w), imm, a, b, c).unwrap_or(0)
                    }
                }
                Step::Cond { cond, at } => {
                    let f = record_at(cpu, at).status();
                    u64::from(crate::x86::Cond::ALL[usize::from(cond & 15)].holds(f))
                }
                Step::FlagBits { mask, at } => record_at(cpu, at).status() & mask,
            };
            values.push(v);
        }
        let [a, b, c] = self
            .args
            .map(|n| values.get(usize::from(n)).copied().unwrap_or(0));
        let op = Op::ALL
            .get(usize::from(self.op))
            .copied()
            .unwrap_or(Op::FlRaw);
        eval::flags(op, width(self.w), a, b, c).unwrap_or(FlagRecord::raw(0))
    }
}

impl Place {
    fn read(self, x: &[u64; 64], cpu: &CpuState) -> u64 {
        let (v, bits) = match self {
            Place::Reg(r, bits) => (x[usize::from(r & 63)], bits),
            Place::Slot(n, bits) => (cpu.scratch.get(usize::from(n)).copied().unwrap_or(0), bits),
            Place::Const(c) => return c,
        };
        v & u64::MAX >> (64 - u32::from(bits.clamp(1, 64)))
    }

    /// A value in an F register.
    #[must_use]
    pub fn freg(r: Freg) -> Place {
        Place::Reg(32 + r.num(), 64)
    }

    /// A value in a register.
    #[must_use]
    pub fn reg(r: Xreg, bits: Bits) -> Place {
        Place::Reg(r.num(), bits)
    }
}

/// A comparison's flags, which raises nothing any more.
fn comi(w: Width, a: u64, b: u64, mxcsr: u32) -> u64 {
    let mut masked = mxcsr | 0x1f80;
    match float::scalar(Op::FComi, w, 0, [a, b, 0], &mut masked) {
        Some(Ok(flags)) => flags,
        _ => 0,
    }
}

/// The flag record at byte offset `at`: the register file's own, or a copy in the scratch area.
#[must_use]
pub fn record_at(cpu: &CpuState, at: u16) -> FlagRecord {
    match usize::from(at).checked_sub(offset::SCRATCH) {
        Some(bytes) => {
            let s = |i: usize| cpu.scratch.get(bytes / 8 + i).copied().unwrap_or(0);
            FlagRecord::from_parts(s(0), s(1), s(2), s(3))
        }
        None => cpu.flag_record(),
    }
}
