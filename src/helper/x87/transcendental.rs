//! Transcendental instructions (SDM vol. 1, 8.3.8 to 8.3.10), computed with 128 bits and rounded once as
//! the control word says: closer to the exact value than the one unit in the last place the manual
//! promises. Angles are reduced with the 66-bit value of pi that CPUs use (8.3.8).
//!
//! Each function takes classified operands and gives the value to write; raising, blocking and the
//! stack are `unit`'s.

use super::num::{Class, F80, Format, Operand};
use super::unit::{C2, PE, UE, Unit, ZE};
use super::wide::{ATAN, COS, EXPM1, SIN, Wide};
use std::cmp::Ordering;

/// Rounds an inexact result.
fn inexact(u: &mut Unit<'_>, w: Wide) -> F80 {
    u.raise(PE);
    u.round(w.sign, w.e, w.m | 1, Format::register(64))
}

/// Rounds a result that may be exact. CPUs report it as inexact all the same.
fn exact(u: &mut Unit<'_>, w: Wide) -> F80 {
    u.raise(PE);
    let r = u.round(w.sign, w.e, w.m, Format::register(64));
    if r.class() == Class::Denormal {
        u.raise(UE);
    }
    r
}

/// F2XM1: 2^x - 1 for x from -1 to 1; beyond, where the result is
/// undefined, x, as CPUs give.
pub(super) fn exp2m1(u: &mut Unit<'_>, a: Operand) -> F80 {
    if let Some(nan) = u.special(a, a) {
        return nan;
    }
    let sign = a.v.sign();
    if a.is_infinite() {
        return if sign { F80::one(true) } else { a.v };
    }
    if !u.denormals(&[a]) || a.is_zero() {
        return a.v;
    }
    let x = Wide::from_f80(a.v);
    match x.cmp_abs(Wide::ONE) {
        Ordering::Less => {}
        Ordering::Equal if sign => {
            u.raise(PE);
            return F80::new(true, 16382, 1 << 63);
        }
        _ => {
            u.raise(PE);
            return a.v;
        }
    }
    let y = x.mul(Wide::LN_2);
    let r = y.mul(Wide::series(y, &EXPM1, false));
    inexact(u, r)
}

/// ln((1 + w) / (1 - w)) / ln 2 for |w| < 0.18.
fn log2_ratio(w: Wide) -> Wide {
    w.mul(Wide::series(w.mul(w), &ATAN, false))
        .scaled(1)
        .mul(Wide::LOG2_E)
}

/// sqrt(2), roughly: where the significand is taken as less than 1 instead.
const ROOT_2: u128 = 0xb504_f333_f9de_6484 << 64;

/// log2 of x > 0, and the exact integer it is if x is a power of two.
fn log2(x: Wide) -> (Wide, Option<i32>) {
    if x.m == Wide::ONE.m {
        return (Wide::from_int(x.e), Some(x.e));
    }
    let k = if x.m > ROOT_2 { x.e + 1 } else { x.e };
    let f = x.scaled(-k);
    let w = f.sub(Wide::ONE).div(f.add(Wide::ONE));
    (log2_ratio(w).add(Wide::from_int(k)), None)
}

/// FYL2X: y * log2(x)
pub(super) fn y_log2_x(u: &mut Unit<'_>, x: Operand, y: Operand) -> F80 {
    if let Some(nan) = u.special(x, y) {
        return nan;
    }
    let sign = y.v.sign();
    if x.v.sign() && !x.is_zero() {
        return u.invalid();
    }
    if x.is_zero() {
        if y.is_zero() {
            return u.invalid();
        }
        if !y.is_infinite() {
            u.raise(ZE);
        }
        return F80::infinity(!sign);
    }
    let one = x.v == F80::one(false);
    if x.is_infinite() && y.is_zero() || one && y.is_infinite() {
        return u.invalid();
    }
    if !u.denormals(&[x, y]) {
        return y.v;
    }
    if x.is_infinite() {
        return F80::infinity(sign);
    }
    let (log, power) = log2(Wide::from_f80(x.v));
    if y.is_infinite() {
        return F80::infinity(sign != log.sign);
    }
    if y.is_zero() || one {
        return F80::zero(sign != log.sign);
    }
    let r = Wide::from_f80(y.v).mul(log);
    match power {
        Some(_) => exact(u, r),
        None => inexact(u, r),
    }
}

/// FYL2XP1: y * log2(x + 1)
pub(super) fn y_log2_x_plus_1(u: &mut Unit<'_>, x: Operand, y: Operand) -> F80 {
    if let Some(nan) = u.special(x, y) {
        return nan;
    }
    let sign = x.v.sign() != y.v.sign();
    if x.is_infinite() && (x.v.sign() || y.is_zero()) || x.is_zero() && y.is_infinite() {
        return u.invalid();
    }
    if !u.denormals(&[x, y]) {
        return y.v;
    }
    if x.is_infinite() || y.is_infinite() {
        return F80::infinity(sign);
    }
    if x.is_zero() || y.is_zero() {
        return F80::zero(sign);
    }
    let (raw, x) = (x.v, Wide::from_f80(x.v));
    // The result is undefined here; CPUs give x.
    if x.sign && x.cmp_abs(Wide::ONE) != Ordering::Less {
        u.raise(PE);
        return raw;
    }
    let log = if x.e < -2 {
        log2_ratio(x.div(x.add(Wide::from_int(2))))
    } else {
        log2(x.add(Wide::ONE)).0
    };
    inexact(u, Wide::from_f80(y.v).mul(log))
}

/// pi/2 with the bits CPUs have, in units of 2^-65.
const HALF_PI: u128 = 0x3_243f_6a88_85a3_08d3;

/// The angle's distance to the nearest multiple of pi/2, at most pi/4, and which multiple it is.
fn reduced(v: F80) -> (Wide, u128) {
    let (e, m) = v.parts();
    if e < -1 {
        return (Wide::from_f80(v), 0);
    }
    // e is below 63: at most 129 bits, of which the top is in no quotient's way.
    let units = u128::from(m) << (e + 2).unsigned_abs().min(64);
    let (mut q, mut r) = (units / HALF_PI, units % HALF_PI);
    let mut sign = v.sign();
    if 2 * r > HALF_PI {
        r = HALF_PI - r;
        q += 1;
        sign = !sign;
    }
    (Wide::normalised(sign, 127 - 65, r), q & 3)
}

/// Sine and cosine of an angle of at most pi/4.
fn sin_cos(r: Wide) -> (Wide, Wide) {
    let z = r.mul(r);
    (
        r.mul(Wide::series(z, &SIN, true)),
        Wide::series(z, &COS, true),
    )
}

/// What a trigonometric instruction gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Angle {
    /// Not computed: C2 is set and the stack stays.
    OutOfRange,
    /// Sine and cosine as they are, without rounding.
    Value(Wide, Wide),
    /// A special operand: what stands for the sine (and tangent), and for the cosine.
    Special(F80, F80),
}

/// Sine and cosine of a.
pub(super) fn angle(u: &mut Unit<'_>, a: Operand) -> Angle {
    u.set_codes(C2, 0);
    if let Some(nan) = u.special(a, a) {
        return Angle::Special(nan, nan);
    }
    if a.is_infinite() {
        let v = u.invalid();
        return Angle::Special(v, v);
    }
    if a.is_zero() {
        return Angle::Special(a.v, F80::one(false));
    }
    if a.class == Class::Normal && a.v.parts().0 >= 63 {
        u.set_codes(C2, C2);
        return Angle::OutOfRange;
    }
    if !u.denormals(&[a]) {
        return Angle::Special(a.v, a.v);
    }
    let (r, q) = reduced(a.v);
    let (s, c) = sin_cos(r);
    // The quotient counts quarter turns in the angle's own direction.
    let turn = |w: Wide, negative: bool| if negative { w.negated() } else { w };
    let sign = a.v.sign();
    let (s, c) = match q {
        0 => (s, c),
        1 => (turn(c, sign), turn(s, !sign)),
        2 => (s.negated(), c.negated()),
        _ => (turn(c, !sign), turn(s, sign)),
    };
    Angle::Value(s, c)
}

/// One of the results, rounded.
pub(super) fn angle_result(u: &mut Unit<'_>, w: Wide) -> F80 {
    inexact(u, w)
}

/// atan(k/8) for k = 1 to 8.
const ATAN_EIGHTHS: [Wide; 8] = [
    Wide::positive(-4, 0xfead_d4d5_617b_6e32_c897_989f_3e88_8ef8),
    Wide::positive(-3, 0xfadb_afc9_6406_eb15_6dc7_9ef5_f7a2_17e6),
    Wide::positive(-2, 0xb7b0_ca0f_26f7_8473_8aa3_2122_dcfe_4483),
    Wide::positive(-2, 0xed63_382b_0dda_7b45_6fe4_45ec_bc3a_8d03),
    Wide::positive(-1, 0x8f00_5d5e_f7f5_9f9b_5c83_5e16_65c4_3748),
    Wide::positive(-1, 0xa4bc_7d19_34f7_0924_19a8_7f2a_457d_ac9f),
    Wide::positive(-1, 0xb805_3e2b_c231_9e73_cb2d_a552_10a4_443d),
    Wide::positive(-1, 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1),
];

/// atan of t from 0 to 1.
fn atan(t: Wide) -> Wide {
    // The nearest eighth.
    let eighths = match u32::try_from(123 - t.e) {
        Ok(by @ 0..128) => ((t.m >> by) + 1) >> 1,
        _ => 0,
    };
    let base = usize::try_from(eighths)
        .ok()
        .and_then(|k| k.checked_sub(1))
        .and_then(|k| {
            Some((
                Wide::from_int(i32::try_from(k + 1).ok()?).scaled(-3),
                ATAN_EIGHTHS.get(k)?,
            ))
        });
    let series = |t: Wide| t.mul(Wide::series(t.mul(t), &ATAN, true));
    match base {
        None => series(t),
        Some((c, angle)) => {
            let rest = t.sub(c).div(Wide::ONE.add(t.mul(c)));
            if rest.is_zero() {
                *angle
            } else {
                angle.add(series(rest))
            }
        }
    }
}

/// FPATAN: the angle of the point (x, y).
pub(super) fn arc_tangent(u: &mut Unit<'_>, x: Operand, y: Operand) -> F80 {
    if let Some(nan) = u.special(x, y) {
        return nan;
    }
    if !u.denormals(&[x, y]) {
        return y.v;
    }
    let sign = y.v.sign();
    let signed = |w: Wide| Wide { sign, ..w };
    let left = x.v.sign();
    let quarter = Wide::PI.scaled(-2);
    let special = match (x.is_infinite(), y.is_infinite()) {
        (true, true) if left => Some(Wide::PI.sub(quarter)),
        (true, true) => Some(quarter),
        (_, true) => Some(Wide::PI.scaled(-1)),
        _ if x.is_infinite() || y.is_zero() => {
            if !left {
                return F80::zero(sign);
            }
            Some(Wide::PI)
        }
        _ if x.is_zero() => Some(Wide::PI.scaled(-1)),
        _ => None,
    };
    if let Some(w) = special {
        return inexact(u, signed(w));
    }
    let (wx, wy) = (Wide::from_f80(x.v).abs(), Wide::from_f80(y.v).abs());
    let mut w = if wy.cmp_abs(wx) == Ordering::Greater {
        Wide::PI.scaled(-1).sub(atan(wx.div(wy)))
    } else {
        atan(wy.div(wx))
    };
    if left {
        w = Wide::PI.sub(w);
    }
    inexact(u, signed(w))
}
