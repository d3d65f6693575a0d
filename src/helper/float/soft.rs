//! IEEE 754 arithmetic in integers, for binary32 and binary64, with x86's exceptions.
//!
//! Everything is computed exactly (or with a sticky bit) as `sig * 2^exp` and rounded once by
//! `Env::round`, which is the only place that knows overflow, underflow and rounding modes. Operands
//! here are finite or infinite, never NaN: the caller (`super`) has the NaN rules.

use super::Env;
use super::flag::{DE, IE, OE, PE, UE, ZE};
use crate::x86::Width;

/// A binary format, by its width.
#[derive(Clone, Copy)]
pub(super) struct Format {
    /// Bits of the fraction.
    pub frac_bits: u32,
    /// Largest biased exponent: infinities and NaNs.
    pub exp_max: i32,
}

impl Format {
    /// binary16.
    pub(super) const HALF: Format = Format {
        frac_bits: 10,
        exp_max: 0x1f,
    };

    pub(super) const fn of(w: Width) -> Format {
        match w {
            Width::W64 => Format {
                frac_bits: 52,
                exp_max: 0x7ff,
            },
            _ => Format {
                frac_bits: 23,
                exp_max: 0xff,
            },
        }
    }

    pub(super) const fn bias(self) -> i32 {
        self.exp_max >> 1
    }

    pub(super) const fn sign_bit(self) -> u64 {
        (self.exp_max as u64 + 1) << self.frac_bits
    }

    pub(super) const fn infinity(self) -> u64 {
        (self.exp_max as u64) << self.frac_bits
    }

    pub(super) const fn quiet_bit(self) -> u64 {
        1 << (self.frac_bits - 1)
    }

    /// The "real indefinite": a negative quiet NaN.
    pub(super) const fn indefinite(self) -> u64 {
        self.sign_bit() | self.infinity() | self.quiet_bit()
    }

    pub(super) const fn is_nan(self, x: u64) -> bool {
        x & !self.sign_bit() > self.infinity()
    }

    pub(super) const fn is_snan(self, x: u64) -> bool {
        self.is_nan(x) && x & self.quiet_bit() == 0
    }

    pub(super) const fn is_zero(self, x: u64) -> bool {
        x & !self.sign_bit() == 0
    }

    pub(super) const fn is_denormal(self, x: u64) -> bool {
        x & self.infinity() == 0 && !self.is_zero(x)
    }

    pub(super) const fn is_infinite(self, x: u64) -> bool {
        x & !self.sign_bit() == self.infinity()
    }

    pub(super) const fn is_negative(self, x: u64) -> bool {
        x & self.sign_bit() != 0
    }

    /// Sign, significand and exponent of a finite number: its value is `sig * 2^exp`.
    #[allow(clippy::cast_possible_truncation)] // Exponents of 11 bits.
    const fn unpack(self, x: u64) -> (bool, u128, i32) {
        let frac = x & (self.sign_bit() - 1) & ((1 << self.frac_bits) - 1);
        let exp = ((x & self.infinity()) >> self.frac_bits) as i32;
        let (sig, exp) = if exp == 0 {
            (frac, 1)
        } else {
            (frac | 1 << self.frac_bits, exp)
        };
        (
            self.is_negative(x),
            sig as u128,
            exp - self.bias() - self.frac_bits as i32,
        )
    }

    const fn signed(self, negative: bool, magnitude: u64) -> u64 {
        if negative {
            magnitude | self.sign_bit()
        } else {
            magnitude
        }
    }
}

/// `v >> n` with all bits shifted out collected in bit 0.
const fn shift_right_sticky(v: u128, n: u32) -> u128 {
    match n {
        0 => v,
        1..128 => v >> n | (v << (128 - n) != 0) as u128,
        _ => (v != 0) as u128,
    }
}

impl Env {
    /// `sig / 2^drop` rounded to an integer, and whether it was inexact. `sig` is below 2^127.
    fn round_shift(&self, negative: bool, sig: u128, drop: i32) -> (u128, bool) {
        let Ok(drop @ 1..) = u32::try_from(drop) else {
            return (sig << drop.unsigned_abs(), false);
        };
        let (q, rest, half) = match drop {
            1..128 => (sig >> drop, sig & ((1 << drop) - 1), 1 << (drop - 1)),
            _ => (0, sig, u128::MAX),
        };
        let up = match self.rounding() {
            0 => rest > half || rest == half && q & 1 != 0,
            1 => negative && rest != 0,
            2 => !negative && rest != 0,
            _ => false,
        };
        (q + u128::from(up), rest != 0)
    }

    /// `sig * 2^exp` as an integer as `rounding` says, and whether it was inexact; `None` if it is
    /// 2^64 or more in magnitude.
    fn round_to_integer(&self, negative: bool, sig: u128, exp: i32) -> Option<(u128, bool)> {
        (exp <= 64).then(|| self.round_shift(negative, sig, -exp))
    }

    /// The number nearest to `sig * 2^exp`, with the exceptions of getting there. Bit 0 of `sig` may
    /// be a sticky bit if `sig` has at least two bits more than the format.
    #[allow(clippy::cast_possible_truncation)] // Rounded to at most 54 bits.
    fn round(&mut self, f: Format, negative: bool, sig: u128, exp: i32) -> u64 {
        if sig == 0 {
            return f.signed(negative, 0);
        }
        let top = 127 - sig.leading_zeros() as i32;
        let drop = top - f.frac_bits as i32;
        // The biased exponent before rounding, as if its range had no bounds.
        let biased = exp + top + f.bias();
        let (mut r, inexact) = self.round_shift(negative, sig, drop);
        let mut rounded = biased;
        if r >> (f.frac_bits + 1) != 0 {
            r >>= 1;
            rounded += 1;
        }
        if rounded < 1 {
            // Tiny, after rounding. Unmasked, inexact is meant without denormals, as the handler could
            // have the result with its exponent adjusted.
            let unbounded_inexact = inexact;
            let (r, inexact) = self.round_shift(negative, sig, drop + 1 - biased);
            if !self.masked(UE) {
                self.raise(if unbounded_inexact { UE | PE } else { UE });
            } else if self.ftz() {
                self.raise(UE | PE);
                return f.signed(negative, 0);
            } else if inexact {
                self.raise(UE | PE);
            }
            return f.signed(negative, r as u64);
        }
        if rounded >= f.exp_max {
            self.raise(OE);
            if inexact || self.masked(OE) {
                self.raise(PE);
            }
            let to_infinity = match self.rounding() {
                0 => true,
                1 => negative,
                2 => !negative,
                _ => false,
            };
            return f.signed(negative, f.infinity() - u64::from(!to_infinity));
        }
        if inexact {
            self.raise(PE);
        }
        let frac = r as u64 & ((1 << f.frac_bits) - 1);
        f.signed(negative, (rounded as u64) << f.frac_bits | frac)
    }

    /// a + b.
    pub(super) fn add(&mut self, f: Format, a: u64, b: u64) -> u64 {
        if f.is_infinite(a) || f.is_infinite(b) {
            if f.is_infinite(a) && f.is_infinite(b) && a != b {
                self.raise(IE);
                return f.indefinite();
            }
            self.denormals(f, a, b);
            return if f.is_infinite(a) { a } else { b };
        }
        self.denormals(f, a, b);
        let (mut na, mut sa, mut ea) = f.unpack(a);
        let (mut nb, mut sb, mut eb) = f.unpack(b);
        if eb > ea {
            (na, sa, ea, nb, sb, eb) = (nb, sb, eb, na, sa, ea);
        }
        // 64 bits below the larger operand: if more than one is cancelled, none were lost.
        let sa = sa << 64;
        let sb = shift_right_sticky(sb << 64, ea.abs_diff(eb));
        let (negative, sig) = match (na == nb, sa.cmp(&sb)) {
            (true, _) => (na, sa + sb),
            (_, std::cmp::Ordering::Greater) => (na, sa - sb),
            (_, std::cmp::Ordering::Less) => (nb, sb - sa),
            (_, std::cmp::Ordering::Equal) => (self.rounding() == 1, 0),
        };
        self.round(f, negative, sig, ea - 64)
    }

    /// a * b.
    pub(super) fn mul(&mut self, f: Format, a: u64, b: u64) -> u64 {
        let negative = f.is_negative(a) != f.is_negative(b);
        if f.is_infinite(a) || f.is_infinite(b) {
            if f.is_zero(a) || f.is_zero(b) {
                self.raise(IE);
                return f.indefinite();
            }
            self.denormals(f, a, b);
            return f.signed(negative, f.infinity());
        }
        self.denormals(f, a, b);
        let ((_, sa, ea), (_, sb, eb)) = (f.unpack(a), f.unpack(b));
        self.round(f, negative, sa * sb, ea + eb)
    }

    /// a * b + c.
    #[allow(clippy::cast_possible_wrap)] // Numbers of leading zeros.
    pub(super) fn fma(&mut self, f: Format, a: u64, b: u64, c: u64) -> u64 {
        let product = f.is_negative(a) != f.is_negative(b);
        let infinite = f.is_infinite(a) || f.is_infinite(b);
        if infinite && (f.is_zero(a) || f.is_zero(b))
            || infinite && f.is_infinite(c) && product != f.is_negative(c)
        {
            self.raise(IE);
            return f.indefinite();
        }
        self.denormals(f, a, b);
        self.denormals(f, c, c);
        if infinite {
            return f.signed(product, f.infinity());
        }
        if f.is_infinite(c) {
            return c;
        }
        let ((_, sa, ea), (_, sb, eb)) = (f.unpack(a), f.unpack(b));
        let (mut nx, mut sx, mut ex) = (product, sa * sb, ea + eb);
        let (mut ny, mut sy, mut ey) = f.unpack(c);
        if sx == 0 && sy == 0 {
            return f.signed(if nx == ny { nx } else { self.rounding() == 1 }, 0);
        }
        // Both begin at bit 125: the product has 19 zeros below then. If more than one bit is cancelled, none
        // were lost.
        for (s, e) in [(&mut sx, &mut ex), (&mut sy, &mut ey)] {
            if *s != 0 {
                let up = s.leading_zeros() - 2;
                *s <<= up;
                *e -= up as i32;
            }
        }
        if sx == 0 || sy != 0 && ey > ex {
            (nx, sx, ex, ny, sy, ey) = (ny, sy, ey, nx, sx, ex);
        }
        let sy = if sy == 0 {
            0
        } else {
            shift_right_sticky(sy, ex.abs_diff(ey))
        };
        let (negative, sig) = match (nx == ny, sx.cmp(&sy)) {
            (true, _) => (nx, sx + sy),
            (_, std::cmp::Ordering::Greater) => (nx, sx - sy),
            (_, std::cmp::Ordering::Less) => (ny, sy - sx),
            (_, std::cmp::Ordering::Equal) => (self.rounding() == 1, 0),
        };
        self.round(f, negative, sig, ex)
    }

    /// a / b.
    pub(super) fn div(&mut self, f: Format, a: u64, b: u64) -> u64 {
        let negative = f.is_negative(a) != f.is_negative(b);
        let both = |p: fn(Format, u64) -> bool| p(f, a) && p(f, b);
        if both(Format::is_infinite) || both(Format::is_zero) {
            self.raise(IE);
            return f.indefinite();
        }
        if f.is_zero(b) && !f.is_infinite(a) {
            self.raise(ZE);
            return f.signed(negative, f.infinity());
        }
        self.denormals(f, a, b);
        if f.is_infinite(a) {
            return f.signed(negative, f.infinity());
        }
        if f.is_infinite(b) || f.is_zero(a) {
            return f.signed(negative, 0);
        }
        let ((_, sa, ea), (_, sb, eb)) = (f.unpack(a), f.unpack(b));
        // At least 57 bits of quotient, also where a is denormal.
        let shift = sa.leading_zeros() - 1;
        let n = sa << shift;
        let q = (n / sb) | u128::from(!n.is_multiple_of(sb));
        self.round(f, negative, q, ea - eb - shift as i32)
    }

    /// The square root of a.
    pub(super) fn sqrt(&mut self, f: Format, a: u64) -> u64 {
        if f.is_zero(a) {
            return a;
        }
        if f.is_negative(a) {
            self.raise(IE);
            return f.indefinite();
        }
        if f.is_infinite(a) {
            return a;
        }
        self.denormals(f, a, a);
        let (_, sig, exp) = f.unpack(a);
        // An even exponent and at least 125 bits, so that the root has 63.
        let mut shift = sig.leading_zeros() - 1;
        if (exp - shift as i32) & 1 != 0 {
            shift -= 1;
        }
        let n = sig << shift;
        let r = n.isqrt();
        self.round(
            f,
            false,
            r | u128::from(r * r != n),
            (exp - shift as i32) / 2,
        )
    }

    /// Converts a finite number from one format to another; going wider only denormals show.
    pub(super) fn convert(&mut self, from: Format, to: Format, a: u64) -> u64 {
        self.denormals(from, a, a);
        let (negative, sig, exp) = from.unpack(a);
        // Room for rounding bits.
        self.round(to, negative, sig << 64, exp - 64)
    }

    /// A signed integer as a float.
    pub(super) fn int_to(&mut self, f: Format, v: i64) -> u64 {
        self.round(f, v < 0, v.unsigned_abs().into(), 0)
    }

    /// A finite number as a signed integer of `w`, zero-extended; the integer indefinite with IE if
    /// it does not fit. Denormals raise no DE here.
    #[allow(clippy::cast_possible_truncation)] // Below 2^64 where it is used.
    pub(super) fn round_to_int(&mut self, f: Format, w: Width, a: u64) -> u64 {
        let (negative, sig, exp) = f.unpack(a);
        let limit = u128::from(w.sign_bit()) - u128::from(!negative);
        match self.round_to_integer(negative, sig, exp) {
            Some((magnitude, inexact)) if magnitude <= limit => {
                if inexact {
                    self.raise(PE);
                }
                let m = magnitude as u64;
                w.zext(if negative { m.wrapping_neg() } else { m })
            }
            _ => {
                self.raise(IE);
                w.sign_bit()
            }
        }
    }

    /// A finite number rounded to an integer, in its format, and whether that changed it.
    pub(super) fn round_to_integral(mut self, f: Format, a: u64) -> (u64, bool) {
        let (negative, sig, exp) = f.unpack(a);
        if exp >= 0 {
            return (a, false);
        }
        let (r, inexact) = self.round_shift(negative, sig, -exp);
        (self.round(f, negative, r, 0), inexact)
    }

    /// DE if an operand is denormal. (With DAZ they have become zeros before.)
    pub(super) fn denormals(&mut self, f: Format, a: u64, b: u64) {
        if f.is_denormal(a) || f.is_denormal(b) {
            self.raise(DE);
        }
    }
}
