//! Numbers in the double extended-precision format, and rounding to it (SDM vol. 1, 4.2.2 and 4.8).
//!
//! Pure integer arithmetic. Intermediate results are a sign, an exponent and 128 bits of significand of
//! which the lowest is sticky: value = significand * 2^(exponent - 127).

use super::unit::{OE, PE, UE};

/// A register's or an m80 operand's 80 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct F80 {
    /// Sign and biased exponent.
    pub se: u16,
    /// The significand with its explicit integer bit.
    pub m: u64,
}

/// What kind of number a format holds (SDM vol. 1, 8.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    Zero,
    /// Also pseudo-denormals.
    Denormal,
    Normal,
    Infinity,
    Qnan,
    Snan,
    /// Unnormals, pseudo-infinities, pseudo-NaNs.
    Unsupported,
}

pub(super) const BIAS: i32 = 16383;
const SIGN: u16 = 0x8000;
const MAX: u16 = 0x7fff;
pub(super) const INTEGER_BIT: u64 = 1 << 63;
pub(super) const QUIET_BIT: u64 = 1 << 62;

impl F80 {
    /// The QNaN real indefinite.
    pub const INDEFINITE: F80 = F80 {
        se: 0xffff,
        m: INTEGER_BIT | QUIET_BIT,
    };

    pub fn new(sign: bool, exponent: u16, m: u64) -> F80 {
        F80 {
            se: exponent | if sign { SIGN } else { 0 },
            m,
        }
    }

    pub fn zero(sign: bool) -> F80 {
        F80::new(sign, 0, 0)
    }

    pub fn infinity(sign: bool) -> F80 {
        F80::new(sign, MAX, INTEGER_BIT)
    }

    pub fn one(sign: bool) -> F80 {
        F80::new(sign, 16383, INTEGER_BIT)
    }

    pub fn sign(self) -> bool {
        self.se & SIGN != 0
    }

    pub fn negated(self) -> F80 {
        F80 {
            se: self.se ^ SIGN,
            ..self
        }
    }

    pub fn with_sign(self, sign: bool) -> F80 {
        F80::new(sign, self.se & MAX, self.m)
    }

    pub fn class(self) -> Class {
        match (self.se & MAX, self.m & INTEGER_BIT != 0) {
            (0, _) if self.m == 0 => Class::Zero,
            (0, _) => Class::Denormal,
            (_, false) => Class::Unsupported,
            (MAX, _) if self.m == INTEGER_BIT => Class::Infinity,
            (MAX, _) if self.m & QUIET_BIT != 0 => Class::Qnan,
            (MAX, _) => Class::Snan,
            _ => Class::Normal,
        }
    }

    /// Exponent and normalised significand of a finite number that is not zero: value =
    /// significand * 2^(exponent - 63).
    pub fn parts(self) -> (i32, u64) {
        let field = i32::from(self.se & MAX).max(1);
        let shift = self.m.leading_zeros();
        (field - BIAS - shift.cast_signed(), self.m << shift)
    }

    /// Of a significand that is normalised or belongs to the least exponent, and a fitting exponent.
    fn from_parts(sign: bool, e: i32, m: u64) -> F80 {
        let field = if m & INTEGER_BIT == 0 { 0 } else { e + BIAS };
        F80::new(sign, u16::try_from(field).unwrap_or(MAX), m)
    }

    /// An integer, exactly.
    pub fn from_int(v: i64) -> F80 {
        let m = v.unsigned_abs();
        if m == 0 {
            return F80::zero(false);
        }
        let shift = m.leading_zeros();
        F80::from_parts(v < 0, 63 - shift.cast_signed(), m << shift)
    }
}

/// A number with the class it had in its own format: a single-precision denormal is a normal F80.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Operand {
    pub v: F80,
    pub class: Class,
}

impl From<F80> for Operand {
    fn from(v: F80) -> Operand {
        Operand {
            v,
            class: v.class(),
        }
    }
}

impl Operand {
    pub fn is_nan(self) -> bool {
        matches!(self.class, Class::Qnan | Class::Snan)
    }

    pub fn is_zero(self) -> bool {
        self.class == Class::Zero
    }

    pub fn is_infinite(self) -> bool {
        self.class == Class::Infinity
    }

    /// From single precision.
    pub fn from_f32(bits: u64) -> Operand {
        Operand::from_binary(bits, 23, 8)
    }

    /// From double precision.
    pub fn from_f64(bits: u64) -> Operand {
        Operand::from_binary(bits, 52, 11)
    }

    fn from_binary(bits: u64, fraction: u32, exponent: u32) -> Operand {
        let sign = bits >> (fraction + exponent) & 1 != 0;
        let max = (1u64 << exponent) - 1;
        let field = bits >> fraction & max;
        // At the top, below the integer bit.
        let f = (bits & ((1 << fraction) - 1)) << (63 - fraction);
        if field == max {
            return Operand::from(F80::new(sign, MAX, INTEGER_BIT | f));
        }
        if field == 0 && f == 0 {
            return Operand::from(F80::zero(sign));
        }
        let (m, class) = if field == 0 {
            (f, Class::Denormal)
        } else {
            (INTEGER_BIT | f, Class::Normal)
        };
        let shift = m.leading_zeros();
        let bias = i32::try_from(max >> 1).unwrap_or(0);
        let e = i32::try_from(field.max(1)).unwrap_or(0) - bias - shift.cast_signed();
        Operand {
            v: F80::from_parts(sign, e, m << shift),
            class,
        }
    }
}

/// Where results go: how many bits and exponents there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Format {
    pub bits: u32,
    pub emin: i32,
    pub emax: i32,
    /// What an unmasked overflow or underflow subtracts from or adds to the exponent; 0 for memory,
    /// where nothing is stored then.
    pub wrap: i32,
}

impl Format {
    pub const SINGLE: Format = Format {
        bits: 24,
        emin: -126,
        emax: 127,
        wrap: 0,
    };
    pub const DOUBLE: Format = Format {
        bits: 53,
        emin: -1022,
        emax: 1023,
        wrap: 0,
    };

    /// A register, with as many bits of significand as precision control says.
    pub const fn register(bits: u32) -> Format {
        Format {
            bits,
            emin: -16382,
            emax: 16383,
            wrap: 24576,
        }
    }
}

/// How to round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rounding {
    Nearest,
    Down,
    Up,
    Zero,
}

/// What rounding found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rounded {
    pub e: i32,
    /// Without its integer bit it is a denormal (and `e` the least exponent), or zero.
    pub m: u64,
    pub exceptions: u16,
    /// The result is greater in magnitude than the exact one: C1.
    pub up: bool,
}

impl Rounded {
    /// As a register.
    pub fn f80(self, sign: bool) -> F80 {
        F80::from_parts(sign, self.e, self.m)
    }
}

/// `sig` rounded to its upper `bits` bits: those, whether it was inexact, and whether it was increased.
/// An increase may carry out of the top: then the first is 2^`bits`.
fn increment(rc: Rounding, sign: bool, sig: u128, bits: u32) -> (u128, bool, bool) {
    let drop = 128 - bits;
    let kept = sig >> drop;
    let rest = sig & ((1 << drop) - 1);
    let half = 1 << (drop - 1);
    let up = match rc {
        Rounding::Nearest => rest > half || rest == half && kept & 1 != 0,
        Rounding::Down => sign && rest != 0,
        Rounding::Up => !sign && rest != 0,
        Rounding::Zero => false,
    };
    (kept + u128::from(up), rest != 0, up)
}

/// `v >> by`, with the lowest bit set if a one was lost.
pub(super) fn shift_sticky(v: u128, by: u32) -> u128 {
    match by {
        0 => v,
        1..128 => v >> by | u128::from(v << (128 - by) != 0),
        _ => u128::from(v != 0),
    }
}

/// Rounds a normalised intermediate result. `masked` are the control word's masks.
#[allow(clippy::cast_possible_truncation)] // Significands of at most 64 bits.
pub(super) fn round(
    rc: Rounding,
    sign: bool,
    e: i32,
    sig: u128,
    f: Format,
    masked: u16,
) -> Rounded {
    debug_assert!(sig >> 127 == 1);
    let (mut kept, inexact, up) = increment(rc, sign, sig, f.bits);
    let mut after = e;
    if kept >> f.bits != 0 {
        kept >>= 1;
        after += 1;
    }
    let precision = |inexact: bool| if inexact { PE } else { 0 };
    let mut r = Rounded {
        e: after,
        m: (kept << (64 - f.bits)) as u64,
        exceptions: precision(inexact),
        up,
    };
    if after > f.emax {
        r.exceptions |= OE;
        if masked & OE == 0 {
            if f.wrap == 0 {
                return Rounded {
                    exceptions: OE,
                    up: false,
                    ..r
                };
            }
            r.e -= f.wrap;
            if r.e <= f.emax {
                return r;
            }
        }
        r.exceptions |= PE;
        let away = match rc {
            // FSCALE can go beyond what an unmasked overflow's exponent can tell.
            _ if masked & OE == 0 => true,
            Rounding::Nearest => true,
            Rounding::Down => sign,
            Rounding::Up => !sign,
            Rounding::Zero => false,
        };
        r.up = away;
        (r.e, r.m) = if away {
            (f.emax + 1, INTEGER_BIT)
        } else {
            (f.emax, u64::MAX << (64 - f.bits))
        };
    } else if after < f.emin {
        if masked & UE == 0 {
            if f.wrap == 0 {
                return Rounded {
                    exceptions: UE,
                    up: false,
                    ..r
                };
            }
            r.exceptions |= UE;
            r.e += f.wrap;
            if r.e >= f.emin {
                return r;
            }
        }
        let sig = shift_sticky(sig, (f.emin - e).unsigned_abs());
        let (kept, inexact, up) = increment(rc, sign, sig, f.bits);
        r.e = f.emin;
        r.m = (kept << (64 - f.bits)) as u64;
        r.up = up;
        if masked & UE == 0 {
            // FSCALE, likewise: zero.
            (r.m, r.up) = (0, false);
        }
        // Masked, an exact denormal is no underflow.
        r.exceptions |= if inexact { UE | PE } else { 0 };
    }
    r
}
