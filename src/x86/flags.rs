//! RFLAGS, condition codes, and the deferred record the status flags are kept in.
//!
//! The six status flags are rarely read, so the register file keeps what they are computed *from*
//! (`FlagRecord`: an operation and its operands). Every engine uses this one definition of what a
//! record means.

use super::Width;
use std::fmt;

/// RFLAGS as a value (SDM vol. 1, 3.4.3).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Rflags(pub u64);

#[allow(missing_docs)] // The manual's flag names.
impl Rflags {
    pub const CF: u64 = 1 << 0;
    /// Bit 1 always reads as 1.
    pub const FIXED: u64 = 1 << 1;
    pub const PF: u64 = 1 << 2;
    pub const AF: u64 = 1 << 4;
    pub const ZF: u64 = 1 << 6;
    pub const SF: u64 = 1 << 7;
    pub const TF: u64 = 1 << 8;
    pub const IF: u64 = 1 << 9;
    pub const DF: u64 = 1 << 10;
    pub const OF: u64 = 1 << 11;
    pub const NT: u64 = 1 << 14;
    pub const RF: u64 = 1 << 16;
    pub const AC: u64 = 1 << 18;
    pub const ID: u64 = 1 << 21;
    /// The six status flags.
    pub const STATUS: u64 = Self::CF | Self::PF | Self::AF | Self::ZF | Self::SF | Self::OF;
    /// What POPF can change at privilege level 3 with IOPL 0, besides the status flags and DF.
    pub const POPF_OTHER: u64 = Self::TF | Self::NT | Self::AC | Self::ID;
}

impl fmt::Debug for Rflags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::OF, "OF"),
            (Self::DF, "DF"),
            (Self::SF, "SF"),
            (Self::ZF, "ZF"),
            (Self::AF, "AF"),
            (Self::PF, "PF"),
            (Self::CF, "CF"),
        ];
        let set: Vec<_> = names
            .iter()
            .filter(|(b, _)| self.0 & b != 0)
            .map(|(_, n)| *n)
            .collect();
        write!(f, "[{}]", set.join(" "))
    }
}

/// A condition code, numbered as in the opcodes of Jcc, SETcc and CMOVcc (SDM vol. 1, appendix B).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[allow(missing_docs)] // The manual's names.
pub enum Cond {
    O = 0,
    No = 1,
    B = 2,
    Ae = 3,
    E = 4,
    Ne = 5,
    Be = 6,
    A = 7,
    S = 8,
    Ns = 9,
    P = 10,
    Np = 11,
    L = 12,
    Ge = 13,
    Le = 14,
    G = 15,
}

impl Cond {
    /// All 16, in encoding order.
    pub const ALL: [Cond; 16] = [
        Cond::O,
        Cond::No,
        Cond::B,
        Cond::Ae,
        Cond::E,
        Cond::Ne,
        Cond::Be,
        Cond::A,
        Cond::S,
        Cond::Ns,
        Cond::P,
        Cond::Np,
        Cond::L,
        Cond::Ge,
        Cond::Le,
        Cond::G,
    ];

    /// The opposite condition.
    #[must_use]
    pub fn invert(self) -> Cond {
        Self::ALL[self as usize ^ 1]
    }

    /// True if the condition holds for these flags.
    #[must_use]
    pub fn holds(self, flags: u64) -> bool {
        let f = |bit| flags & bit != 0;
        let base = match self as u8 & !1 {
            0 => f(Rflags::OF),
            2 => f(Rflags::CF),
            4 => f(Rflags::ZF),
            6 => f(Rflags::CF) || f(Rflags::ZF),
            8 => f(Rflags::SF),
            10 => f(Rflags::PF),
            12 => f(Rflags::SF) != f(Rflags::OF),
            _ => f(Rflags::ZF) || f(Rflags::SF) != f(Rflags::OF),
        };
        base != (self as u8 & 1 != 0)
    }

    /// The status flags the condition reads.
    #[must_use]
    pub fn reads(self) -> u64 {
        match self as u8 & !1 {
            0 => Rflags::OF,
            2 => Rflags::CF,
            4 => Rflags::ZF,
            6 => Rflags::CF | Rflags::ZF,
            8 => Rflags::SF,
            10 => Rflags::PF,
            12 => Rflags::SF | Rflags::OF,
            _ => Rflags::ZF | Rflags::SF | Rflags::OF,
        }
    }

    /// The suffix of the mnemonic, in lower case (`ne` of `jne`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        [
            "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g",
        ][self as usize]
    }
}

/// What operation a flag record remembers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum FlagOp {
    /// `a` holds the six status flags in their RFLAGS positions.
    Raw = 0,
    /// `a + b`.
    Add = 1,
    /// `a - b`.
    Sub = 2,
    /// `a + b + c`, `c` being 0 or 1.
    Adc = 3,
    /// `a - b - c`, `c` being 0 or 1.
    Sbb = 4,
    /// A logical operation with result `a`: CF, OF and AF are 0 (AF is undefined in the manual and
    /// 0 on Intel CPUs).
    Logic = 5,
    /// Any operation with result `a`; CF, OF and AF are those bits of `b`.
    Result = 6,
    /// `a + b`, but CF is `c` (INC).
    AddKeepCarry = 7,
    /// `a - b`, but CF is `c` (DEC).
    SubKeepCarry = 8,
}

/// What the status flags are computed from. Bits of `a` and `b` above the width are ignored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlagRecord {
    /// The operation.
    pub op: FlagOp,
    /// Its width.
    pub width: Width,
    /// First operand (or the result, for `Logic`; the flags, for `Raw`).
    pub a: u64,
    /// Second operand.
    pub b: u64,
    /// Carry or borrow in, 0 or 1.
    pub c: u64,
}

/// A bit of a record's code: the second operand is in the code, from bit `OPERAND_SHIFT`.
const WITH_OPERAND: u64 = 1 << 6;
const OPERAND_SHIFT: u32 = 7;

impl FlagRecord {
    /// A record that holds the flags themselves.
    #[must_use]
    pub const fn raw(flags: u64) -> FlagRecord {
        FlagRecord {
            op: FlagOp::Raw,
            width: Width::W64,
            a: flags & Rflags::STATUS,
            b: 0,
            c: 0,
        }
    }

    /// The number that stands for operation and width in the register file: `op * 4 + width`.
    #[must_use]
    pub const fn code(op: FlagOp, width: Width) -> u64 {
        (op as u64) << 2 | width as u64
    }

    /// The code of a record whose second operand is `b`, so that it need not be stored; if `b` is small.
    #[must_use]
    pub const fn code_with(op: FlagOp, width: Width, b: i64) -> Option<u64> {
        if b < -(1 << 20) || b >= 1 << 20 {
            return None;
        }
        let code = Self::code(op, width) | WITH_OPERAND;
        Some(code | (b << OPERAND_SHIFT).cast_unsigned())
    }

    /// The record with this code and these operands; an unknown code reads as `Raw`.
    #[must_use]
    #[inline]
    pub const fn from_parts(code: u64, a: u64, b: u64, c: u64) -> FlagRecord {
        let b = Self::operand(code, b);
        let op = match (code & (WITH_OPERAND - 1)) >> 2 {
            1 => FlagOp::Add,
            2 => FlagOp::Sub,
            3 => FlagOp::Adc,
            4 => FlagOp::Sbb,
            5 => FlagOp::Logic,
            6 => FlagOp::Result,
            7 => FlagOp::AddKeepCarry,
            8 => FlagOp::SubKeepCarry,
            _ => FlagOp::Raw,
        };
        let width = match code & 3 {
            0 => Width::W8,
            1 => Width::W16,
            2 => Width::W32,
            _ => Width::W64,
        };
        FlagRecord { op, width, a, b, c }
    }

    /// True if the condition holds: as `c.holds(self.status())`, without computing more than it needs.
    #[must_use]
    pub fn holds(&self, c: Cond) -> bool {
        let known = Self::holds_at_once(Self::code(self.op, self.width), self.a, self.b, c);
        known.unwrap_or_else(|| c.holds(self.status()))
    }

    /// `holds` of the record with this code and these operands, if that is among what is asked most.
    #[inline(always)]
    pub(super) fn holds_at_once(code: u64, a: u64, b: u64, c: Cond) -> Option<bool> {
        const LOGIC: u64 = FlagOp::Logic as u64;
        const SUB: u64 = FlagOp::Sub as u64;
        const ADD: u64 = FlagOp::Add as u64;
        // At the top of 64 bits operands of any width compare and add as they do in theirs.
        let up = 64 - (8 << (code & 3));
        let (a, b) = (a << up, Self::operand(code, b) << up);
        let (signed_a, signed_b) = (a.cast_signed(), b.cast_signed());
        let base = match ((code & (WITH_OPERAND - 1)) >> 2, c as u8 & !1) {
            (SUB, 2) => a < b,
            (SUB, 4) => a == b,
            (SUB, 6) => a <= b,
            (SUB, 8) => a.wrapping_sub(b).cast_signed() < 0,
            (SUB, 12) => signed_a < signed_b,
            (SUB, 14) => signed_a <= signed_b,
            (LOGIC, 0 | 2) => false,
            (LOGIC, 4 | 6) => a == 0,
            (LOGIC, 8 | 12) => signed_a < 0,
            (LOGIC, 14) => signed_a <= 0,
            (ADD, 2) => a.wrapping_add(b) < a,
            (ADD, 4) => a.wrapping_add(b) == 0,
            (ADD, 8) => a.wrapping_add(b).cast_signed() < 0,
            _ => return None,
        };
        Some(base != (c as u8 & 1 != 0))
    }

    /// The second operand of a record with this code; `b` if it is not in the code.
    #[inline(always)]
    const fn operand(code: u64, b: u64) -> u64 {
        if code & WITH_OPERAND != 0 {
            (code.cast_signed() >> OPERAND_SHIFT).cast_unsigned()
        } else {
            b
        }
    }

    /// The six status flags, in their RFLAGS positions (SDM vol. 1, 3.4.3.1).
    #[must_use]
    pub const fn status(&self) -> u64 {
        let w = self.width;
        let (a, b) = (w.zext(self.a), w.zext(self.b));
        let c = self.c & 1;
        let (r, carries) = match self.op {
            FlagOp::Raw => return self.a & Rflags::STATUS,
            FlagOp::Logic => (a, 0),
            FlagOp::Result => {
                let others = Rflags::CF | Rflags::OF | Rflags::AF;
                return result_flags(w, a) | self.b & others;
            }
            FlagOp::Add | FlagOp::AddKeepCarry => {
                let r = a.wrapping_add(b);
                (r, (a & b) | ((a | b) & !r))
            }
            FlagOp::Adc => {
                let r = a.wrapping_add(b).wrapping_add(c);
                (r, (a & b) | ((a | b) & !r))
            }
            FlagOp::Sub | FlagOp::SubKeepCarry => {
                let r = a.wrapping_sub(b);
                (r, (!a & b) | ((!a | b) & r))
            }
            FlagOp::Sbb => {
                let r = a.wrapping_sub(b).wrapping_sub(c);
                (r, (!a & b) | ((!a | b) & r))
            }
        };
        // `carries` has bit i set if there was a carry (borrow) out of bit i.
        let top = w.bits() - 1;
        let mut f = 0;
        let carry = match self.op {
            FlagOp::AddKeepCarry | FlagOp::SubKeepCarry => c,
            _ => carries >> top & 1,
        };
        if carry != 0 {
            f |= Rflags::CF;
        }
        if (carries >> top ^ carries >> (top - 1)) & 1 != 0 {
            f |= Rflags::OF;
        }
        if carries >> 3 & 1 != 0 {
            f |= Rflags::AF;
        }
        f | result_flags(w, r)
    }
}

/// ZF, SF and PF of the result `r`, of which only the low `w` bits count.
#[must_use]
pub const fn result_flags(w: Width, r: u64) -> u64 {
    let mut f = 0;
    if w.zext(r) == 0 {
        f |= Rflags::ZF;
    }
    if r & w.sign_bit() != 0 {
        f |= Rflags::SF;
    }
    if (r & 0xff).count_ones() & 1 == 0 {
        f |= Rflags::PF;
    }
    f
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition by wide arithmetic, independent of the carry-vector trick above.
    fn by_definition(op: FlagOp, w: Width, a: u64, b: u64, c: u64) -> u64 {
        let sum = |a: i128, b: i128| match op {
            FlagOp::Add => a + b,
            FlagOp::Adc => a + b + i128::from(c),
            FlagOp::Sub => a - b,
            _ => a - b - i128::from(c),
        };
        let unsigned = sum(i128::from(a), i128::from(b));
        let signed = sum(i128::from(w.sext(a)), i128::from(w.sext(b)));
        let nibble = sum(i128::from(a & 15), i128::from(b & 15));
        let r = w.zext(u64::try_from(unsigned & i128::from(u64::MAX)).unwrap());
        let mut f = result_flags(w, r);
        if unsigned < 0 || unsigned > i128::from(w.mask()) {
            f |= Rflags::CF;
        }
        if signed != i128::from(w.sext(r)) {
            f |= Rflags::OF;
        }
        if !(0..16).contains(&nibble) {
            f |= Rflags::AF;
        }
        f
    }

    #[test]
    fn records_give_the_flags_of_the_definition() {
        let edges = [0, 1, 2, 7, 8, 15, 16, 127, 128, 255];
        for op in [FlagOp::Add, FlagOp::Adc, FlagOp::Sub, FlagOp::Sbb] {
            for w in Width::ALL {
                let shift = w.bits() - 8;
                for x in edges {
                    for y in edges {
                        for low in [0, 1, w.mask() >> 8] {
                            for c in [0, 1] {
                                let (a, b) = (w.zext(x << shift | low), w.zext(y << shift));
                                let got = FlagRecord {
                                    op,
                                    width: w,
                                    a,
                                    b,
                                    c,
                                };
                                for cond in Cond::ALL {
                                    let by_status = cond.holds(got.status());
                                    assert_eq!(got.holds(cond), by_status, "{got:?} {cond:?}");
                                }
                                let got = got.status();
                                let c = if matches!(op, FlagOp::Add | FlagOp::Sub) {
                                    0
                                } else {
                                    c
                                };
                                assert_eq!(
                                    got,
                                    by_definition(op, w, a, b, c),
                                    "{op:?} {w} {a:#x} {b:#x} {c}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_condition_and_its_inverse_never_agree() {
        for cond in Cond::ALL {
            for flags in 0..0x1000 {
                assert_ne!(cond.holds(flags), cond.invert().holds(flags));
            }
        }
    }
}
