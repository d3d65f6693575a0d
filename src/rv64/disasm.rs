//! Words to text, as objdump writes it without aliases, and text patterns read backwards.

use super::fields::{Ordering, Rm, Vm, Vtype};
use super::reg::{Freg, Vreg, Xreg};
use super::table::{Csr, ROWS, Row};
use std::fmt::Write as _;

/// The bits an operand letter of a pattern occupies.
const fn field(letter: u8) -> u32 {
    match letter {
        b'd' | b'D' | b'v' => 31 << 7,
        b's' | b'S' | b'x' | b'Z' | b'i' | b'U' => 31 << 15,
        b't' | b'T' | b'w' | b'<' => 31 << 20,
        b'R' => 31 << 27,
        b'j' | b'o' | b'E' => 0xfff << 20,
        b'q' | b'p' => 0x7f << 25 | 31 << 7,
        b'a' | b'u' => 0xffff_f000,
        b'>' => 63 << 20,
        b'm' => 7 << 12,
        b'A' => 3 << 25,
        b'P' => 15 << 24,
        b'Q' => 15 << 20,
        b'y' => 0x7ff << 20,
        b'Y' => 0x3ff << 20,
        b'M' => 1 << 25,
        _ => 0,
    }
}

fn fixed(row: &Row) -> u32 {
    !row.pattern.bytes().fold(0, |m, c| m | field(c))
}

fn sext(v: u32, bits: u32) -> i32 {
    (v << (32 - bits)).cast_signed() >> (32 - bits)
}

/// A 5-bit register number at `at`.
fn reg5(word: u32, at: u32) -> u8 {
    (word >> at & 31).to_le_bytes()[0]
}

fn fence_set(bits: u32) -> String {
    let set: String = "iorw"
        .chars()
        .zip([8, 4, 2, 1])
        .filter(|(_, b)| bits & b != 0)
        .map(|(c, _)| c)
        .collect();
    if set.is_empty() { "0".into() } else { set }
}

fn operand(out: &mut String, letter: u8, w: u32) -> Option<()> {
    let done = match letter {
        b'd' => write!(out, "{}", Xreg::new(reg5(w, 7))),
        b's' => write!(out, "{}", Xreg::new(reg5(w, 15))),
        b't' => write!(out, "{}", Xreg::new(reg5(w, 20))),
        b'D' => write!(out, "{}", Freg::new(reg5(w, 7))),
        b'S' => write!(out, "{}", Freg::new(reg5(w, 15))),
        b'T' => write!(out, "{}", Freg::new(reg5(w, 20))),
        b'R' => write!(out, "{}", Freg::new(reg5(w, 27))),
        b'v' => write!(out, "{}", Vreg::new(reg5(w, 7))),
        b'x' => write!(out, "{}", Vreg::new(reg5(w, 15))),
        b'w' => write!(out, "{}", Vreg::new(reg5(w, 20))),
        b'j' | b'o' => write!(out, "{}", sext(w >> 20, 12)),
        b'q' => write!(out, "{}", sext((w >> 25) << 5 | (w >> 7 & 31), 12)),
        b'p' => {
            let v =
                (w >> 31) << 12 | (w >> 7 & 1) << 11 | (w >> 25 & 0x3f) << 5 | (w >> 8 & 15) << 1;
            write!(out, ".{:+}", sext(v, 13))
        }
        b'a' => {
            let v = (w >> 31) << 20
                | (w >> 12 & 0xff) << 12
                | (w >> 20 & 1) << 11
                | (w >> 21 & 0x3ff) << 1;
            write!(out, ".{:+}", sext(v, 21))
        }
        b'u' => write!(out, "{:#x}", w >> 12),
        b'>' => write!(out, "{}", w >> 20 & 63),
        b'<' => write!(out, "{}", w >> 20 & 31),
        b'm' => match Rm::from_bits(w >> 12 & 7)? {
            Rm::Dyn => Ok(()),
            rm => write!(out, ", {rm}"),
        },
        b'A' => Ok(()),
        b'E' => {
            let n = w >> 20;
            match Csr::ALL.iter().find(|c| **c as u32 == n) {
                Some(c) => write!(out, "{}", c.name()),
                None => write!(out, "{n:#x}"),
            }
        }
        b'Z' | b'U' => write!(out, "{}", w >> 15 & 31),
        b'P' => write!(out, "{}", fence_set(w >> 24 & 15)),
        b'Q' => write!(out, "{}", fence_set(w >> 20 & 15)),
        b'i' => write!(out, "{}", sext(w >> 15 & 31, 5)),
        b'y' => write!(out, "{}", Vtype::from_bits(w >> 20 & 0x7ff)?),
        b'Y' => write!(out, "{}", Vtype::from_bits(w >> 20 & 0x3ff)?),
        b'M' => write!(out, "{}", Vm::from_bits(w >> 25 & 1)?),
        b'0' => write!(out, "v0"),
        b',' => write!(out, ", "),
        c => write!(out, "{}", char::from(c)),
    };
    done.ok()
}

/// The text of an instruction word; `None` if no row has it. Distances are written `.+8`.
#[must_use]
pub fn disassemble(word: u32) -> Option<String> {
    // The row with the most fixed bits: `fence.tso` before `fence`.
    let row = ROWS
        .iter()
        .filter(|r| word & fixed(r) == r.bits & fixed(r))
        .max_by_key(|r| fixed(r).count_ones())?;
    let mut out = row.text.to_owned();
    if row.pattern.contains('A') {
        write!(out, "{}", Ordering::from_bits(word >> 25 & 3)?).ok()?;
    }
    if !row.pattern.is_empty() {
        out.push(' ');
    }
    row.pattern
        .bytes()
        .try_for_each(|c| operand(&mut out, c, word))?;
    Some(out)
}

/// Code as text, one instruction a line with its offset.
#[must_use]
pub fn listing(code: &[u8]) -> String {
    let mut out = String::new();
    for (i, bytes) in code.chunks(4).enumerate() {
        let word = bytes.iter().rev().fold(0, |w, b| w << 8 | u32::from(*b));
        let text = disassemble(word).unwrap_or_else(|| format!(".word {word:#010x}"));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:5x}  {text}", i * 4);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines `WORD TEXT`, made with binutils (`riscv64-linux-gnu-as`) from all rows; see the head of
    /// the file.
    const ENCODINGS: &str = include_str!("encodings.txt");

    #[test]
    fn words_read_as_binutils_reads_them() {
        let mut seen = 0;
        for line in ENCODINGS.lines().filter(|l| !l.starts_with('#')) {
            let (word, text) = line.split_once(' ').unwrap();
            let word = u32::from_str_radix(word, 16).unwrap();
            assert_eq!(disassemble(word).as_deref(), Some(text), "{word:08x}");
            seen += 1;
        }
        assert!(
            seen > 2 * ROWS.len(),
            "{seen} encodings for {} rows",
            ROWS.len()
        );
    }

    #[test]
    fn no_two_rows_share_a_word() {
        for (i, a) in ROWS.iter().enumerate() {
            assert_eq!(
                a.bits & !fixed(a),
                0,
                "{}: bits in an operand's place",
                a.text
            );
            for b in &ROWS[..i] {
                let both = fixed(a) & fixed(b);
                let apart = (a.bits ^ b.bits) & both != 0;
                assert!(apart || fixed(a) != fixed(b), "{} and {}", a.text, b.text);
            }
        }
    }
}
