//! Cases about x87 and MMX registers, which a case neither begins with nor shows: memory is loaded into them
//! first and they are stored to memory last, so that what is between has something to compute with, and
//! is seen.

use super::{ENDS, Generator, LABEL, Random, edgy, edgy_float, label};
use felix::lift::{Family, row_for};
use felix::replay::{DATA, Hex64, HexBytes};
use iced_x86::{Code, Instruction, MemoryOperand, OpCodeOperandKind, Register};
use rand::Rng;

/// Which of the two kinds of registers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    X87,
    Mmx,
}

/// What memory is to have: addresses and bytes.
type Patches = Vec<(Hex64, HexBytes)>;

/// Where is loaded from, and where is stored to: 16 bytes a register.
const FROM: u64 = DATA + 0x3000;
const TO: u64 = DATA + 0x3100;

fn place(of: u64, n: usize) -> Option<MemoryOperand> {
    let at = i64::try_from(of + 16 * n as u64).ok()?;
    Some(MemoryOperand::with_displ(at.cast_unsigned(), 4))
}

impl Stack {
    /// Of a generator's rows, what is about these registers. What CPUs may choose results of is not stored.
    pub fn rows(self, rows: &[Vec<Code>]) -> Vec<Vec<Code>> {
        let about = |c: &Code| match self {
            Stack::X87 => row_for(c.mnemonic()).is_some_and(|r| r.family == Family::X87),
            Stack::Mmx => c.op_code().op_kinds().iter().any(|k| {
                use OpCodeOperandKind as K;
                matches!(k, K::mm_reg | K::mm_rm | K::mm_or_mem)
            }),
        };
        rows.iter()
            .map(|row| row.iter().copied().filter(about).collect::<Vec<Code>>())
            .filter(|row| row.first().is_some_and(|c| !ENDS.contains(&c.mnemonic())))
            .collect()
    }

    /// Instructions that load some registers, before the first label, and the memory they load.
    pub fn loads(self, rng: &mut Random) -> Option<(Vec<Instruction>, Patches)> {
        let count = match self {
            Stack::X87 => rng.random_range(1..8),
            Stack::Mmx => 8,
        };
        let (mut insns, mut memory) = (Vec::new(), Vec::new());
        for n in 0..count {
            let from = place(FROM, n)?;
            let (mut insn, bytes) = match self {
                Stack::X87 => {
                    let (code, bytes) = number(rng);
                    (Instruction::with1(code, from).ok()?, bytes)
                }
                Stack::Mmx => {
                    let bytes = edgy(rng).to_le_bytes().to_vec();
                    let mm = Register::MM0 + u32::try_from(n).ok()?;
                    let insn = Instruction::with2(Code::Movq_mm_mmm64, mm, from).ok()?;
                    (insn, bytes)
                }
            };
            insn.set_ip(label(0) - 4 * (count - n) as u64);
            insns.push(insn);
            memory.push((Hex64(FROM + 16 * n as u64), HexBytes(bytes)));
        }
        Some((insns, memory))
    }

    /// Instructions that store all registers, from the label on, and the next place for an instruction.
    pub fn stores(self, at: u64) -> Option<(Vec<Instruction>, u64)> {
        const { assert!(LABEL > 4 * 8) };
        let mut insns = Vec::new();
        for n in 0..8 {
            let to = place(TO, n)?;
            let insn = match self {
                Stack::X87 => Instruction::with1(Code::Fstp_m80fp, to),
                Stack::Mmx => {
                    let mm = Register::MM0 + u32::try_from(n).ok()?;
                    Instruction::with2(Code::Movq_mmm64_mm, to, mm)
                }
            };
            let mut insn = insn.ok()?;
            insn.set_ip(at + 4 * n as u64);
            insns.push(insn);
        }
        Some((insns, at + 4 * 8))
    }
}

/// An instruction that loads a number, and one worth loading.
fn number(rng: &mut Random) -> (Code, Vec<u8>) {
    match rng.random_range(0..8) {
        0 => (Code::Fld_m32fp, edgy_float(rng).to_le_bytes().to_vec()),
        1 | 2 => (Code::Fld_m64fp, edgy_float(rng).to_le_bytes().to_vec()),
        3 => (Code::Fild_m32int, edgy(rng).to_le_bytes().to_vec()),
        4 => (Code::Fild_m64int, edgy(rng).to_le_bytes().to_vec()),
        _ => {
            let exponents = [0, 1, 0x3ffe, 0x3fff, 0x403e, 0x7ffe, 0x7fff];
            let exponent = if rng.random_bool(0.4) {
                exponents[rng.random_range(0..exponents.len())]
            } else {
                0x3ff0 + rng.random_range(0..0x60)
            };
            let sign = rng.random::<u16>() & 0x8000;
            // Nearly always normal: bit 63 of the significand is set.
            let one = u64::from(exponent != 0 && rng.random_bool(0.95)) << 63;
            let significand = edgy(rng) | one;
            let mut bytes = significand.to_le_bytes().to_vec();
            bytes.extend((exponent | sign).to_le_bytes());
            (Code::Fld_m80fp, bytes)
        }
    }
}

impl Generator {
    /// The generators of such cases, if any of these rows are about such registers.
    pub(super) fn stacks(
        rows: &[Vec<Code>],
        longest: usize,
        denormal_sticky: bool,
    ) -> Vec<(Stack, Generator)> {
        let of = |stack: Stack| {
            let rows = stack.rows(rows);
            let generator = Generator {
                legacy: rows.len(),
                rows,
                longest,
                denormal_sticky,
                shaped: false,
                stacks: Vec::new(),
            };
            (stack, generator)
        };
        [of(Stack::X87), of(Stack::Mmx)]
            .into_iter()
            .filter(|(_, g)| !g.rows.is_empty())
            .collect()
    }
}
