//! The meaning of the pure integer operations, as code.
//!
//! Constant folding, the `interp` engine and the recovery of delayed flags all use this one
//! definition. Vector operations have theirs in `eval::vector`.

pub mod aes;
pub mod approx;
pub mod crc;
pub mod gf;
pub mod sha;
pub mod text;
pub mod vector;

use super::Op;
use crate::x86::flags::FlagRecord;
use crate::x86::{FlagOp, Width};

/// The value of a pure integer operation on up to three integers; `None` for any other operation.
#[must_use]
#[inline]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Halves of 128 bits; masked counts.
pub fn int(op: Op, w: Width, imm: u64, a: u64, b: u64, c: u64) -> Option<u64> {
    let (za, zb) = (w.zext(a), w.zext(b));
    let r = match op {
        Op::Const => return Some(imm),
        Op::Add => a.wrapping_add(b),
        Op::Sub => a.wrapping_sub(b),
        Op::Mul => a.wrapping_mul(b),
        Op::MulHiU => ((u128::from(a) * u128::from(b)) >> 64) as u64,
        Op::MulHiS => ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64,
        // Division by zero and overflow are checked before; speculative evaluation gives anything.
        Op::DivU => za.checked_div(zb).unwrap_or(0),
        Op::RemU => za.checked_rem(zb).unwrap_or(0),
        Op::DivS => w.sext(a).wrapping_div(nonzero(w.sext(b))) as u64,
        Op::RemS => w.sext(a).wrapping_rem(nonzero(w.sext(b))) as u64,
        Op::Div128U => (wide(a, b) / u128::from(c).max(1)) as u64,
        Op::Rem128U => (wide(a, b) % u128::from(c).max(1)) as u64,
        Op::Div128S => (wide(a, b) as i128).wrapping_div(i128::from(nonzero(c as i64))) as u64,
        Op::Rem128S => (wide(a, b) as i128).wrapping_rem(i128::from(nonzero(c as i64))) as u64,
        Op::Div128SOverflows => u64::from(
            c == 0 || {
                let q = (wide(a, b) as i128).checked_div(i128::from(c as i64));
                q.is_none_or(|q| i64::try_from(q).is_err())
            },
        ),
        Op::And => a & b,
        Op::Or => a | b,
        Op::Xor => a ^ b,
        Op::Shl => za << (b & 63),
        Op::Shr => za >> (b & 63),
        Op::Sar => (w.sext(a) >> (b & 63)) as u64,
        Op::Rotl => rotl(w, za, (b % u64::from(w.bits())) as u32),
        Op::Rotr => rotl(
            w,
            za,
            (u64::from(w.bits()) - b % u64::from(w.bits())) as u32 % w.bits(),
        ),
        Op::Zext => a,
        Op::Sext => return Some(w.sext(a) as u64),
        Op::Deposit => return Some(a & !(w.mask() << imm) | zb << imm),
        Op::Clz => u64::from(za.leading_zeros() - (64 - w.bits())),
        Op::Ctz => u64::from(za.trailing_zeros().min(w.bits())),
        Op::Popcnt => u64::from(za.count_ones()),
        Op::Bswap => a.swap_bytes() >> (64 - w.bits()),
        Op::Crc32c => return Some(crc::crc32c(a as u32, b, w.bytes()).into()),
        Op::Pdep => deposit(a, zb),
        Op::Pext => extract(a, zb),
        Op::Eq => u64::from(za == zb),
        Op::Ne => u64::from(za != zb),
        Op::LtU => u64::from(za < zb),
        Op::LeU => u64::from(za <= zb),
        Op::LtS => u64::from(w.sext(a) < w.sext(b)),
        Op::LeS => u64::from(w.sext(a) <= w.sext(b)),
        Op::Select => return Some(if a != 0 { b } else { c }),
        _ => return None,
    };
    Some(w.zext(r))
}

/// True if `int` gives a value for this operation.
#[must_use]
pub const fn is_int(op: Op) -> bool {
    let (n, first, last) = (op as u8, Op::Add as u8, Op::Select as u8);
    matches!(op, Op::Const | Op::Pdep | Op::Pext | Op::Crc32c) || first <= n && n <= last
}

/// PDEP: the low bits of `from` where `mask` has ones.
fn deposit(mut from: u64, mut mask: u64) -> u64 {
    let mut r = 0;
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        if from & 1 != 0 {
            r |= lowest;
        }
        from >>= 1;
        mask ^= lowest;
    }
    r
}

/// PEXT: the bits of `from` where `mask` has ones, from bit 0 on.
fn extract(from: u64, mut mask: u64) -> u64 {
    let (mut r, mut at) = (0, 0);
    while mask != 0 {
        r |= (from >> mask.trailing_zeros() & 1) << at;
        at += 1;
        mask &= mask - 1;
    }
    r
}

const fn nonzero(v: i64) -> i64 {
    if v == 0 { 1 } else { v }
}

fn wide(high: u64, low: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

fn rotl(w: Width, a: u64, n: u32) -> u64 {
    if n == 0 {
        a
    } else {
        a << n | a >> (w.bits() - n)
    }
}

/// The record a flag-producing operation on integers stands for; `None` for any other operation.
/// `a` to `c` are its arguments.
#[must_use]
pub fn flags(op: Op, w: Width, a: u64, b: u64, c: u64) -> Option<FlagRecord> {
    let op = match op {
        Op::FlAdd => FlagOp::Add,
        Op::FlSub => FlagOp::Sub,
        Op::FlAdc => FlagOp::Adc,
        Op::FlSbb => FlagOp::Sbb,
        Op::FlLogic => FlagOp::Logic,
        Op::FlRes => FlagOp::Result,
        Op::FlAddKeepCarry => FlagOp::AddKeepCarry,
        Op::FlSubKeepCarry => FlagOp::SubKeepCarry,
        Op::FlRaw => FlagOp::Raw,
        _ => return None,
    };
    Some(FlagRecord {
        op,
        width: w,
        a,
        b,
        c,
    })
}

/// True if `flags` gives a record for this operation.
#[must_use]
pub fn is_record(op: Op) -> bool {
    flags(op, Width::W64, 0, 0, 0).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotates_by_zero_and_by_the_width_are_the_identity() {
        for w in Width::ALL {
            for n in [0, u64::from(w.bits())] {
                let x = 0x1234_5678_9abc_def1;
                assert_eq!(int(Op::Rotl, w, 0, x, n, 0), Some(w.zext(x)));
                assert_eq!(int(Op::Rotr, w, 0, x, n, 0), Some(w.zext(x)));
            }
        }
        assert_eq!(int(Op::Rotr, Width::W8, 0, 0x01, 1, 0), Some(0x80));
    }

    #[test]
    fn shifts_beyond_the_width_give_zero_or_signs() {
        assert_eq!(int(Op::Shl, Width::W16, 0, 0xffff, 16, 0), Some(0));
        assert_eq!(int(Op::Shr, Width::W16, 0, 0xffff_ffff, 16, 0), Some(0));
        assert_eq!(int(Op::Sar, Width::W16, 0, 0x8000, 40, 0), Some(0xffff));
    }

    #[test]
    fn is_int_names_exactly_the_operations_that_have_a_value() {
        for op in Op::ALL {
            assert_eq!(
                int(*op, Width::W64, 0, 1, 1, 1).is_some(),
                is_int(*op),
                "{}",
                op.name()
            );
        }
    }

    #[test]
    fn deposit_and_extract_are_each_others_inverse_under_the_mask() {
        let (x, mask) = (0x1234_5678_9abc_def1, 0xf0f0_0000_8001_ff03);
        let down = int(Op::Pext, Width::W64, 0, x, mask, 0).unwrap();
        assert_eq!(int(Op::Pdep, Width::W64, 0, down, mask, 0), Some(x & mask));
        assert_eq!(int(Op::Pext, Width::W32, 0, u64::MAX, mask, 0), Some(0xfff));
        assert_eq!(int(Op::Pdep, Width::W32, 0, x, 0, 0), Some(0));
    }

    #[test]
    fn signed_128_bit_division_reports_what_does_not_fit() {
        let ovf = |h, l, d| int(Op::Div128SOverflows, Width::W64, 0, h, l, d).unwrap();
        assert_eq!(ovf(u64::MAX, 1 << 63, u64::MAX), 1);
        assert_eq!(ovf(u64::MAX, 1 << 63, 1), 0);
        assert_eq!(ovf(0, 5, 0), 1);
        assert_eq!(ovf(1, 0, 1), 1);
    }
}
