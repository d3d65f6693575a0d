//! Conversions to memory formats: single, double, integers and packed BCD (SDM vol. 1, 8.3.3).
//!
//! They raise exceptions and give the bits; storing is the caller's.

use super::arith::to_integer;
use super::num::{Class, F80, Format, INTEGER_BIT, Operand, QUIET_BIT, Rounding, round};
use super::unit::{PE, Unit};

/// FST m32fp
pub(super) fn to_f32(u: &mut Unit<'_>, a: Operand) -> u64 {
    to_binary(u, a, Format::SINGLE, 23, 8)
}

/// FST m64fp
pub(super) fn to_f64(u: &mut Unit<'_>, a: Operand) -> u64 {
    to_binary(u, a, Format::DOUBLE, 52, 11)
}

fn to_binary(u: &mut Unit<'_>, a: Operand, f: Format, fraction: u32, exponent: u32) -> u64 {
    let max = (1u64 << exponent) - 1;
    let put = |sign: bool, field: u64, m: u64| {
        // The integer bit falls out at the top.
        let fraction_bits = (m << 1) >> (64 - fraction);
        u64::from(sign) << (fraction + exponent) | field << fraction | fraction_bits
    };
    let nan = |v: F80| put(v.sign(), max, v.m | QUIET_BIT);
    match a.class {
        Class::Unsupported => nan(u.invalid()),
        Class::Snan => {
            u.invalid();
            nan(a.v)
        }
        Class::Qnan => nan(a.v),
        Class::Infinity => put(a.v.sign(), max, 0),
        Class::Zero => put(a.v.sign(), 0, 0),
        Class::Normal | Class::Denormal => {
            let (e, m) = a.v.parts();
            let r = round(
                u.rounding(),
                a.v.sign(),
                e,
                u128::from(m) << 64,
                f,
                u.masks(),
            );
            u.raise(r.exceptions);
            u.rounded_up(r.up);
            let field = if r.m & INTEGER_BIT == 0 {
                0
            } else {
                u64::try_from(r.e + f.emax).unwrap_or(0)
            };
            put(a.v.sign(), field, r.m)
        }
    }
}

/// FIST and FISTTP: the integer of `bits` bits, or the integer indefinite.
pub(super) fn to_int(u: &mut Unit<'_>, a: Operand, bits: u32, truncate: bool) -> u64 {
    let rc = if truncate {
        Rounding::Zero
    } else {
        u.rounding()
    };
    let indefinite = 1u64 << (bits - 1);
    let finite = matches!(a.class, Class::Zero | Class::Normal | Class::Denormal);
    let limit = indefinite - u64::from(!a.v.sign());
    match to_integer(a.v, rc).filter(|r| finite && r.0 <= limit) {
        Some((n, inexact, up)) => {
            if inexact {
                u.raise(PE);
                u.rounded_up(up);
            }
            if a.v.sign() { n.wrapping_neg() } else { n }
        }
        None => {
            u.invalid();
            indefinite
        }
    }
}

/// Packed BCD has this many digits, and a byte of sign.
const DIGITS: u64 = 1_000_000_000_000_000_000;

/// FBLD's operand. Digits above 9 count as what they are.
pub(super) fn from_bcd(bytes: [u8; 10]) -> F80 {
    let n = bytes[..9].iter().rev().fold(0i64, |n, b| {
        n * 100 + i64::from(b >> 4) * 10 + i64::from(b & 15)
    });
    F80::from_int(n).with_sign(bytes[9] & 0x80 != 0)
}

/// FBSTP's result, or the packed BCD indefinite.
pub(super) fn to_bcd(u: &mut Unit<'_>, a: Operand) -> [u8; 10] {
    let finite = matches!(a.class, Class::Zero | Class::Normal | Class::Denormal);
    let n = to_integer(a.v, u.rounding()).filter(|r| finite && r.0 < DIGITS);
    let Some((mut n, inexact, up)) = n else {
        u.invalid();
        return [0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff];
    };
    if inexact {
        u.raise(PE);
        u.rounded_up(up);
    }
    let mut bytes = [0; 10];
    for b in &mut bytes[..9] {
        let two = u8::try_from(n % 100).unwrap_or(0);
        *b = ((two / 10) << 4) | (two % 10);
        n /= 100;
    }
    bytes[9] = if a.v.sign() { 0x80 } else { 0 };
    bytes
}
