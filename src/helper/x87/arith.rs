//! Arithmetic (SDM vol. 1, 8.3.5): add, subtract, multiply, divide, square root, remainders, scaling.

use super::num::{BIAS, Class, F80, Format, Operand, Rounding, shift_sticky};
use super::unit::{C0, C1, C2, C3, Unit, ZE};
use std::cmp::Ordering;

/// a + b
pub(super) fn add(u: &mut Unit<'_>, a: Operand, b: Operand) -> F80 {
    if let Some(nan) = u.special(a, b) {
        return nan;
    }
    if a.is_infinite() && b.is_infinite() && a.v.sign() != b.v.sign() {
        return u.invalid();
    }
    if !u.denormals(&[a, b]) {
        return a.v;
    }
    let f = u.controlled();
    match (a.is_zero(), b.is_zero()) {
        _ if a.is_infinite() => a.v,
        _ if b.is_infinite() => b.v,
        (true, true) if a.v.sign() == b.v.sign() => a.v,
        (true, true) => F80::zero(u.rounding() == Rounding::Down),
        (true, false) => rounded(u, b.v, f),
        (false, true) => rounded(u, a.v, f),
        (false, false) => add_finite(u, a.v, b.v, f),
    }
}

/// A finite number that is not zero, rounded.
fn rounded(u: &mut Unit<'_>, v: F80, f: Format) -> F80 {
    let (e, m) = v.parts();
    u.round(v.sign(), e, u128::from(m) << 64, f)
}

fn add_finite(u: &mut Unit<'_>, a: F80, b: F80, f: Format) -> F80 {
    let ((ea, ma), (eb, mb)) = (a.parts(), b.parts());
    let swap = (ea, ma) < (eb, mb);
    let ((sign, e, large), (other, e2, small)) = if swap {
        ((b.sign(), eb, mb), (a.sign(), ea, ma))
    } else {
        ((a.sign(), ea, ma), (b.sign(), eb, mb))
    };
    // One bit of room for the carry.
    let large = u128::from(large) << 63;
    let small = shift_sticky(u128::from(small) << 63, e.abs_diff(e2));
    let sum = if sign == other {
        large + small
    } else {
        large - small
    };
    if sum == 0 {
        return F80::zero(u.rounding() == Rounding::Down);
    }
    let shift = sum.leading_zeros();
    u.round(sign, e + 1 - shift.cast_signed(), sum << shift, f)
}

/// a - b. A NaN keeps its sign.
pub(super) fn sub(u: &mut Unit<'_>, a: Operand, b: Operand) -> F80 {
    if a.is_nan() || b.is_nan() {
        return add(u, a, b);
    }
    let negated = Operand {
        v: b.v.negated(),
        ..b
    };
    add(u, a, negated)
}

/// a * b
pub(super) fn mul(u: &mut Unit<'_>, a: Operand, b: Operand) -> F80 {
    if let Some(nan) = u.special(a, b) {
        return nan;
    }
    let sign = a.v.sign() != b.v.sign();
    if a.is_infinite() && b.is_zero() || a.is_zero() && b.is_infinite() {
        return u.invalid();
    }
    if !u.denormals(&[a, b]) {
        return a.v;
    }
    if a.is_infinite() || b.is_infinite() {
        return F80::infinity(sign);
    }
    if a.is_zero() || b.is_zero() {
        return F80::zero(sign);
    }
    let ((ea, ma), (eb, mb)) = (a.v.parts(), b.v.parts());
    let product = u128::from(ma) * u128::from(mb);
    let shift = product.leading_zeros();
    let f = u.controlled();
    u.round(sign, ea + eb + 1 - shift.cast_signed(), product << shift, f)
}

/// a / b
pub(super) fn div(u: &mut Unit<'_>, a: Operand, b: Operand) -> F80 {
    if let Some(nan) = u.special(a, b) {
        return nan;
    }
    let sign = a.v.sign() != b.v.sign();
    if a.is_infinite() && b.is_infinite() || a.is_zero() && b.is_zero() {
        return u.invalid();
    }
    if b.is_zero() && !a.is_infinite() {
        // A denormal divided by zero is no denormal exception.
        u.raise(ZE);
    } else {
        u.denormals(&[a, b]);
    }
    if u.blocked() {
        return a.v;
    }
    if a.is_infinite() || b.is_zero() {
        return F80::infinity(sign);
    }
    if a.is_zero() || b.is_infinite() {
        return F80::zero(sign);
    }
    let ((ea, ma), (eb, mb)) = (a.v.parts(), b.v.parts());
    let (e, n) = if ma >= mb {
        (ea - eb, u128::from(ma) << 63)
    } else {
        (ea - eb - 1, u128::from(ma) << 64)
    };
    let d = u128::from(mb);
    let (q, rest) = (n / d, n % d);
    // The quotient has 64 bits; the next one, and whether anything follows, decide the rounding.
    let (half, rest) = if rest * 2 >= d {
        (1 << 63, rest * 2 - d)
    } else {
        (0, rest)
    };
    let f = u.controlled();
    u.round(sign, e, q << 64 | half | u128::from(rest != 0), f)
}

/// Square root
pub(super) fn sqrt(u: &mut Unit<'_>, a: Operand) -> F80 {
    if let Some(nan) = u.special(a, a) {
        return nan;
    }
    if a.is_zero() {
        return a.v;
    }
    if a.v.sign() {
        return u.invalid();
    }
    if !u.denormals(&[a]) || a.is_infinite() {
        return a.v;
    }
    let (e, m) = a.v.parts();
    let n = u128::from(m) << if e & 1 == 0 { 63 } else { 64 };
    let root = n.isqrt();
    let rest = n - root * root;
    let half = u128::from(rest > root) << 63;
    let f = u.controlled();
    u.round(false, e >> 1, root << 64 | half | u128::from(rest != 0), f)
}

/// An integer's magnitude from a number, rounded; the sign is not applied. Also whether it was inexact
/// and whether it was rounded up. `None` if it has more than 64 bits.
#[allow(clippy::cast_possible_truncation)] // At most 64 bits are left.
pub(super) fn to_integer(v: F80, rc: Rounding) -> Option<(u64, bool, bool)> {
    if v.m == 0 {
        return Some((0, false, false));
    }
    let (e, m) = v.parts();
    if e > 63 {
        return None;
    }
    // 64 bits of integer, 64 of fraction.
    let fixed = shift_sticky(u128::from(m) << 64, e.abs_diff(63));
    let (whole, fraction) = ((fixed >> 64) as u64, fixed as u64);
    let half = 1 << 63;
    let up = match rc {
        Rounding::Nearest => fraction > half || fraction == half && whole & 1 != 0,
        Rounding::Down => v.sign() && fraction != 0,
        Rounding::Up => !v.sign() && fraction != 0,
        Rounding::Zero => false,
    };
    Some((whole.checked_add(u64::from(up))?, fraction != 0, up))
}

/// FRNDINT
pub(super) fn round_to_integer(u: &mut Unit<'_>, a: Operand) -> F80 {
    if let Some(nan) = u.special(a, a) {
        return nan;
    }
    if !u.denormals(&[a]) || a.is_infinite() || a.is_zero() || a.v.parts().0 >= 63 {
        return a.v;
    }
    let Some((n, inexact, up)) = to_integer(a.v, u.rounding()) else {
        return a.v;
    };
    if inexact {
        u.raise(super::unit::PE);
        u.rounded_up(up);
    }
    if n == 0 {
        return F80::zero(a.v.sign());
    }
    let shift = n.leading_zeros();
    let field = BIAS + 63 - shift.cast_signed();
    F80::new(a.v.sign(), u16::try_from(field).unwrap_or(0), n << shift)
}

/// FSCALE: a * 2^trunc(b)
pub(super) fn scale(u: &mut Unit<'_>, a: Operand, b: Operand) -> F80 {
    if let Some(nan) = u.special(a, b) {
        return nan;
    }
    if b.is_infinite()
        && (if b.v.sign() {
            a.is_infinite()
        } else {
            a.is_zero()
        })
    {
        return u.invalid();
    }
    if !u.denormals(&[a, b]) || a.is_infinite() || a.is_zero() {
        return a.v;
    }
    if b.is_infinite() {
        return if b.v.sign() {
            F80::zero(a.v.sign())
        } else {
            F80::infinity(a.v.sign())
        };
    }
    // Beyond this everything overflows or underflows, twice over.
    const FAR: u64 = 1 << 17;
    let n = to_integer(b.v, Rounding::Zero).map_or(FAR, |(n, _, _)| n.min(FAR));
    let n = i32::try_from(n).unwrap_or(0);
    let (e, m) = a.v.parts();
    let e = if b.v.sign() { e - n } else { e + n };
    u.round(a.v.sign(), e, u128::from(m) << 64, Format::register(64))
}

/// FXTRACT's exponent and significand.
pub(super) fn extract(u: &mut Unit<'_>, a: Operand) -> (F80, F80) {
    if let Some(nan) = u.special(a, a) {
        return (nan, nan);
    }
    if a.is_infinite() {
        return (F80::infinity(false), a.v);
    }
    if a.is_zero() {
        u.raise(ZE);
        return (F80::infinity(true), a.v);
    }
    u.denormals(&[a]);
    let (e, m) = a.v.parts();
    let one = F80::one(a.v.sign());
    (F80::from_int(e.into()), F80 { m, ..one })
}

/// FPREM and FPREM1 (`nearest`): the remainder, and C3 to C0 as they become.
pub(super) fn remainder(u: &mut Unit<'_>, a: Operand, b: Operand, nearest: bool) -> F80 {
    if let Some(nan) = u.special(a, b) {
        return nan;
    }
    if a.is_infinite() || b.is_zero() {
        return u.invalid();
    }
    if !u.denormals(&[a, b]) {
        return a.v;
    }
    if a.is_zero() || b.is_infinite() {
        u.set_codes(C0 | C1 | C3, 0);
        return if a.is_zero() {
            a.v
        } else {
            rounded(u, a.v, Format::register(64))
        };
    }
    let ((ea, ma), (eb, mb)) = (a.v.parts(), b.v.parts());
    let sign = a.v.sign();
    let d = ea - eb;
    let partial = d >= 64;
    // How many quotient bits this step takes off.
    let steps = if partial { d & 31 | 32 } else { d };
    let mut quotient = 0;
    let (mut rest, mut e) = (u128::from(ma), ea);
    let divisor = u128::from(mb);
    if steps >= 0 {
        // ma * 2^(ea-63) = rest * 2^(e-63), e falling to the divisor's.
        let n = steps.unsigned_abs();
        let wide = rest << n.min(64);
        quotient = wide / divisor;
        rest = wide % divisor;
        e = ea - steps;
    }
    let mut flip = false;
    if nearest && !partial {
        // Compares the rest with half of the divisor; below d = -1 it is less.
        let order = match d {
            0.. => (rest * 2).cmp(&divisor),
            -1 => rest.cmp(&divisor),
            _ => Ordering::Less,
        };
        if order == Ordering::Greater || order == Ordering::Equal && quotient & 1 != 0 {
            quotient += 1;
            flip = true;
            // At d = -1 the rest is counted in halves of the divisor's unit.
            rest = if d == -1 { divisor * 2 } else { divisor } - rest;
        }
    }
    let mut codes = if partial { C2 } else { 0 };
    if !partial {
        for (bit, code) in [(4, C0), (2, C3), (1, C1)] {
            if quotient & bit != 0 {
                codes |= code;
            }
        }
    }
    let r = if rest == 0 {
        F80::zero(sign)
    } else {
        let shift = rest.leading_zeros();
        u.round(
            sign != flip,
            e + 64 - shift.cast_signed(),
            rest << shift,
            Format::register(64),
        )
    };
    if !u.blocked() {
        u.set_codes(C0 | C1 | C2 | C3, codes);
    }
    r
}

/// FXAM's class (SDM vol. 2, FXAM).
pub(super) fn examine(u: &mut Unit<'_>) {
    let v = u.raw(0);
    let class = if u.is_empty(0) {
        C3 | C0
    } else {
        match v.class() {
            Class::Unsupported => 0,
            Class::Qnan | Class::Snan => C0,
            Class::Normal => C2,
            Class::Infinity => C2 | C0,
            Class::Zero => C3,
            Class::Denormal => C3 | C2,
        }
    };
    let sign = if v.sign() { C1 } else { 0 };
    u.set_codes(C0 | C1 | C2 | C3, class | sign);
}
