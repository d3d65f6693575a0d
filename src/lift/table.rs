//! The instructions felix implements, one row each. Dispatch, `felix list`, the fuzzer's generator and
//! the coverage page all iterate these rows; a mnemonic without a row raises #UD.

use super::cx::{Cx, Lifted};
use crate::x86::cpuid;
use iced_x86::{Code, Mnemonic};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// A group of instructions, named after the manual's sections (SDM vol. 1, chapter 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs)] // The manual's section names.
pub enum Family {
    DataTransfer,
    BinaryArithmetic,
    Logical,
    ShiftRotate,
    BitByte,
    Bmi,
    ControlTransfer,
    String,
    Flag,
    Miscellaneous,
    System,
    Mmx,
    Sse,
    Sse2,
    Sse3,
    Ssse3,
    Sse41,
    Sse42,
    Aes,
    Sha,
    Avx,
    Avx2,
    F16c,
    Fma,
    Gfni,
    Xsave,
    X87,
}

impl Family {
    /// Whether some of its instructions have operands in MMX registers.
    #[must_use]
    pub const fn has_mmx_forms(self) -> bool {
        matches!(
            self,
            Family::Mmx | Family::Sse | Family::Sse2 | Family::Ssse3
        )
    }

    /// The name of the family's folder under `corpus/insn`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Family::DataTransfer => "data",
            Family::BinaryArithmetic => "arith",
            Family::Logical => "logical",
            Family::ShiftRotate => "shift",
            Family::BitByte => "bit",
            Family::Bmi => "bmi",
            Family::ControlTransfer => "control",
            Family::String => "string",
            Family::Flag => "flag",
            Family::Miscellaneous => "misc",
            Family::System => "system",
            Family::Mmx => "mmx",
            Family::Sse => "sse",
            Family::Sse2 => "sse2",
            Family::Sse3 => "sse3",
            Family::Ssse3 => "ssse3",
            Family::Sse41 => "sse4_1",
            Family::Sse42 => "sse4_2",
            Family::Aes => "aes",
            Family::Sha => "sha",
            Family::Avx => "avx",
            Family::Avx2 => "avx2",
            Family::F16c => "f16c",
            Family::Fma => "fma",
            Family::Gfni => "gfni",
            Family::Xsave => "xsave",
            Family::X87 => "x87",
        }
    }
}

/// An implemented mnemonic.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// iced's name for it.
    pub mnemonic: Mnemonic,
    /// Its family.
    pub family: Family,
    /// The function that lifts it.
    pub lift: fn(&mut Cx<'_>) -> Lifted,
    /// One line of documentation.
    pub doc: &'static str,
}

macro_rules! rows {
    ($($family:ident { $($($mnemonic:ident)|+ => $lift:path, $doc:literal;)* })*) => {
        /// The rows, by family.
        pub static ROWS: &[$crate::lift::Row] = &[$($($(
            $crate::lift::Row {
                mnemonic: iced_x86::Mnemonic::$mnemonic,
                family: $crate::lift::Family::$family,
                lift: $lift,
                doc: $doc,
            },
        )+)*)*];
    };
}
pub(super) use rows;

/// All rows.
pub static ROWS: &[Row] = &ALL;

const PARTS: [&[Row]; 4] = [
    super::rows::ROWS,
    super::sse::rows::ROWS,
    super::sse::avx::rows::ROWS,
    super::x87::ROWS,
];

static ALL: [Row; count()] = concat();

const fn count() -> usize {
    let (mut n, mut i) = (0, 0);
    while i < PARTS.len() {
        n += PARTS[i].len();
        i += 1;
    }
    n
}

const fn concat<const N: usize>() -> [Row; N] {
    let mut all = [PARTS[0][0]; N];
    let (mut n, mut i) = (0, 0);
    while i < PARTS.len() {
        let mut k = 0;
        while k < PARTS[i].len() {
            all[n] = PARTS[i][k];
            n += 1;
            k += 1;
        }
        i += 1;
    }
    all
}

/// The row of a mnemonic.
#[must_use]
pub fn row_for(m: Mnemonic) -> Option<&'static Row> {
    static INDEX: OnceLock<Vec<u16>> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        let mut index = vec![0; Mnemonic::values().len()];
        for (i, row) in ROWS.iter().enumerate() {
            index[row.mnemonic as usize] = u16::try_from(i + 1).expect("fewer rows than mnemonics");
        }
        index
    });
    ROWS.get(usize::from(index[m as usize]).wrapping_sub(1))
}

/// The row of an encoding that a decoder for 64-bit mode gave, if it is implemented: its mnemonic has a
/// row, and the features it needs are in the CPUID table. This is asked for every instruction, so the
/// answers are kept.
#[must_use]
pub fn row_of(code: Code) -> Option<&'static Row> {
    /// 0: not asked yet; 1: not implemented; else the row's number and 2.
    static ANSWERS: OnceLock<Vec<AtomicU16>> = OnceLock::new();
    let answers = ANSWERS.get_or_init(|| {
        let n = Code::values().len();
        (0..n).map(|_| AtomicU16::new(0)).collect()
    });
    let kept = &answers[code as usize];
    match kept.load(Ordering::Relaxed) {
        0 => {
            let row = row_for(code.mnemonic())
                .filter(|_| code.cpuid_features().iter().all(|f| cpuid::implements(*f)));
            let number = row
                .and_then(|r| ROWS.iter().position(|x| std::ptr::eq(r, x)))
                .map_or(1, |i| i + 2);
            kept.store(u16::try_from(number).unwrap_or(1), Ordering::Relaxed);
            row
        }
        1 => None,
        n => ROWS.get(usize::from(n) - 2),
    }
}

/// True if this encoding is implemented and exists in 64-bit user mode.
#[must_use]
pub fn supported(code: Code) -> bool {
    let info = code.op_code();
    info.is_instruction() && info.mode64() && row_of(code).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mnemonic_has_at_most_one_row_and_some_supported_form() {
        let mut seen = std::collections::HashSet::new();
        for row in ROWS {
            assert!(seen.insert(row.mnemonic), "{:?} has two rows", row.mnemonic);
            assert!(
                Code::values().any(|c| c.mnemonic() == row.mnemonic && supported(c)),
                "{:?} has no supported form",
                row.mnemonic
            );
        }
    }
}
