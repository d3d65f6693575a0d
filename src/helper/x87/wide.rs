//! Floating point with 128 bits of significand, and power series in it: what the transcendental
//! instructions compute in before they round to 64 bits.
//!
//! Pure. Results are truncated, so each operation is off by at most a unit in the last of 128 places.

use super::num::{F80, shift_sticky};
use std::cmp::Ordering;

/// m * 2^(e - 127), m normalised, or 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wide {
    pub sign: bool,
    pub e: i32,
    pub m: u128,
}

const TOP: u128 = 1 << 127;

/// The upper half of a product.
#[allow(clippy::cast_possible_truncation)] // Splitting into halves.
fn high(a: u128, b: u128) -> u128 {
    let (a1, a0) = (a >> 64, u128::from(a as u64));
    let (b1, b0) = (b >> 64, u128::from(b as u64));
    let (x, y) = (a1 * b0, a0 * b1);
    let low = ((a0 * b0) >> 64) + u128::from(x as u64) + u128::from(y as u64);
    a1 * b1 + (x >> 64) + (y >> 64) + (low >> 64)
}

impl Wide {
    pub const ONE: Wide = Wide::positive(0, TOP);
    pub const PI: Wide = Wide::positive(1, 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1);
    pub const LN_2: Wide = Wide::positive(-1, 0xb172_17f7_d1cf_79ab_c9e3_b398_03f2_f6af);
    pub const LOG2_E: Wide = Wide::positive(0, 0xb8aa_3b29_5c17_f0bb_be87_fed0_691d_3e89);

    pub const fn positive(e: i32, m: u128) -> Wide {
        Wide { sign: false, e, m }
    }

    /// m * 2^(e - 127), m not normalised.
    pub fn normalised(sign: bool, e: i32, m: u128) -> Wide {
        let shift = m.leading_zeros().min(127);
        Wide {
            sign,
            e: e - shift.cast_signed(),
            m: m << shift,
        }
    }

    /// A finite number.
    pub fn from_f80(v: F80) -> Wide {
        let (e, m) = if v.m == 0 { (0, 0) } else { v.parts() };
        Wide {
            sign: v.sign(),
            e,
            m: u128::from(m) << 64,
        }
    }

    pub fn from_int(n: i32) -> Wide {
        Wide::normalised(n < 0, 127, n.unsigned_abs().into())
    }

    pub fn is_zero(self) -> bool {
        self.m == 0
    }

    pub fn negated(self) -> Wide {
        Wide {
            sign: !self.sign,
            ..self
        }
    }

    pub fn abs(self) -> Wide {
        Wide {
            sign: false,
            ..self
        }
    }

    /// self * 2^n
    pub fn scaled(self, n: i32) -> Wide {
        Wide {
            e: self.e + n,
            ..self
        }
    }

    pub fn cmp_abs(self, b: Wide) -> Ordering {
        match (self.m == 0, b.m == 0) {
            (false, false) => (self.e, self.m).cmp(&(b.e, b.m)),
            (a, b) => b.cmp(&a),
        }
    }

    pub fn add(self, b: Wide) -> Wide {
        if self.m == 0 || b.m == 0 {
            return if self.m == 0 { b } else { self };
        }
        let (large, small) = if self.cmp_abs(b) == Ordering::Less {
            (b, self)
        } else {
            (self, b)
        };
        let distance = large.e.abs_diff(small.e).min(200);
        if large.sign == small.sign {
            let s = shift_sticky(small.m >> 1, distance);
            return Wide::normalised(large.sign, large.e + 1, (large.m >> 1) + s);
        }
        Wide::normalised(
            large.sign,
            large.e,
            large.m - shift_sticky(small.m, distance),
        )
    }

    pub fn sub(self, b: Wide) -> Wide {
        self.add(b.negated())
    }

    pub fn mul(self, b: Wide) -> Wide {
        Wide::normalised(self.sign != b.sign, self.e + b.e + 1, high(self.m, b.m))
    }

    /// self / b, b not 0.
    pub fn div(self, b: Wide) -> Wide {
        let sign = self.sign != b.sign;
        if self.m == 0 {
            return Wide { sign, e: 0, m: 0 };
        }
        // The reciprocal to 62 bits, then Newton's iteration: twice as many, then once more to settle the
        // last places.
        let first = (u128::MAX / ((b.m >> 64) + 1)).min(u128::from(u64::MAX) << 1);
        let mut r = Wide::normalised(false, 62 - b.e, first);
        for _ in 0..2 {
            let error = Wide::ONE.sub(b.abs().mul(r));
            r = r.add(r.mul(error));
        }
        let q = self.abs().mul(r);
        // One correction with the remainder.
        let rest = self.abs().sub(q.mul(b.abs()));
        Wide {
            sign,
            ..q.add(rest.mul(r))
        }
    }

    /// The magnitude in units of 2^-128; it is less than 1.
    fn fraction(self) -> u128 {
        match u32::try_from(-1 - self.e) {
            Ok(by @ 0..128) => self.m >> by,
            _ => 0,
        }
    }

    /// The series' sum at z (|z| < 1): coefficients in units of 2^-127, the first one 1. With `alternate`
    /// the signs alternate. A sum that is less than 1 stays so, however small z is: callers rely on
    /// inexact results looking inexact.
    pub fn series(z: Wide, coefficients: &[u128], alternate: bool) -> Wide {
        let (negative, z) = (z.sign != alternate, z.fraction());
        let mut s = 0;
        for c in coefficients.iter().rev() {
            let p = high(s, z);
            s = if negative { c - p } else { c + p };
        }
        Wide::normalised(false, 0, if negative { s - 1 } else { s | 1 })
    }
}

/// 1/n! for n = 1, 2, ...: (e^z - 1) / z.
pub(super) const EXPM1: [u128; 32] = {
    let mut c = [TOP; 32];
    let mut i = 1;
    while i < c.len() {
        c[i] = c[i - 1] / (i as u128 + 1);
        i += 1;
    }
    c
};

/// 1/(2n+1)!: sin x / x in -x^2.
pub(super) const SIN: [u128; 19] = factorials(1);
/// 1/(2n)!: cos x in -x^2.
pub(super) const COS: [u128; 19] = factorials(0);

const fn factorials(odd: u128) -> [u128; 19] {
    let mut c = [TOP; 19];
    let mut i = 1;
    while i < c.len() {
        let n = 2 * i as u128 + odd;
        c[i] = c[i - 1] / (n * (n - 1));
        i += 1;
    }
    c
}

/// 1/(2n+1): atan x / x in -x^2, atanh x / x in x^2.
pub(super) const ATAN: [u128; 28] = {
    let mut c = [TOP; 28];
    let mut i = 1;
    while i < c.len() {
        c[i] = TOP / (2 * i as u128 + 1);
        i += 1;
    }
    c
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_is_exact_to_the_last_places() {
        for (a, b) in [(1, 3), (7, 5), (1, 1), (22, 7), (-1, 9), (1000, 1001)] {
            let (wa, wb) = (Wide::from_int(a), Wide::from_int(b));
            let back = wa.div(wb).mul(wb).sub(wa);
            assert!(back.is_zero() || back.e < wa.e - 124, "{a}/{b} {back:?}");
        }
    }

    #[test]
    fn pi_is_four_times_the_arc_tangent_of_one() {
        // Machin: pi/4 = 4 atan(1/5) - atan(1/239).
        let atan = |n| {
            let x = Wide::ONE.div(Wide::from_int(n));
            x.mul(Wide::series(x.mul(x), &ATAN, true))
        };
        let pi = atan(5).scaled(4).sub(atan(239).scaled(2));
        assert!(pi.sub(Wide::PI).e < -122);
    }
}
