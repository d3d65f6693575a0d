//! RCPSS and RSQRTSS: the approximations felix gives.
//!
//! The manual asks for a relative error of at most 1.5 * 2^-12 and every CPU gives other bits. felix
//! gives the exact value rounded to nearest even, whatever MXCSR says, on every host and both engines
//! (so guest programs are deterministic, and Newton steps after it lose nothing). The special cases
//! are the manual's: denormal operands count as zeros of their sign, results that would be denormal
//! are zeros, no exception flag is ever set.

const SIGN: u32 = 1 << 31;
const INF: u32 = 0x7f80_0000;
const QUIET: u32 = 0x0040_0000;
/// The default NaN ("QNaN real indefinite").
const INDEFINITE: u32 = 0xffc0_0000;
/// The bit above the fraction.
const ONE: u32 = 1 << 23;

/// RCPSS.
#[must_use]
pub const fn rcp(x: u32) -> u32 {
    let (sign, exp, frac) = (x & SIGN, x >> 23 & 0xff, x & (ONE - 1));
    match exp {
        0 => sign | INF,
        0xff if frac != 0 => x | QUIET,
        0xff => sign,
        // The result's exponent is 254 - exp, one less unless the operand is a power of two.
        _ if frac == 0 && exp < 254 => sign | (254 - exp) << 23,
        253.. => sign,
        _ => {
            // 1 / sig is in (1/2, 1): scaled to 24 bits and rounded. No quotient is a tie, because
            // only powers of two divide powers of two.
            let sig = ONE | frac;
            let q = ((1u128 << 48) / sig as u128 + 1) >> 1;
            // A carry out of the fraction goes into the exponent, as it should.
            sign | (((253 - exp) << 23) + (low32(q) - ONE))
        }
    }
}

/// RSQRTSS.
#[must_use]
pub const fn rsqrt(x: u32) -> u32 {
    let (sign, exp, frac) = (x & SIGN, x >> 23 & 0xff, x & (ONE - 1));
    match exp {
        0 => sign | INF,
        0xff if frac != 0 => x | QUIET,
        _ if sign != 0 => INDEFINITE,
        0xff => 0,
        _ => {
            // x = m * 2^(2k) with m in [1, 4), in units of 2^-23; 1/sqrt(m) is in (1/2, 1].
            let odd = (exp & 1) ^ 1;
            let m = ((ONE | frac) << odd) as u128;
            let k = (exp as i32 - 127 - odd as i32) / 2;
            if m == ONE as u128 {
                return ((127 - k) as u32) << 23;
            }
            // r = floor(2^25 / sqrt(m * 2^-23)): 24 bits and one to round with. It is never exact
            // at the rounding bit: 2^73 / m would have to be an odd square over a power of two.
            let r = ((1u128 << 73) / m).isqrt();
            let q = (r + 1) >> 1;
            (((126 - k) as u32) << 23) + (low32(q) - ONE)
        }
    }
}

#[allow(clippy::cast_possible_truncation)] // Quotients of 25 bits.
const fn low32(v: u128) -> u32 {
    v as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_operands_follow_the_manual() {
        for (x, inverse, root) in [
            (0, INF, INF),
            (SIGN, SIGN | INF, SIGN | INF),
            (1, INF, INF),
            (SIGN | 1, SIGN | INF, SIGN | INF),
            (INF, 0, 0),
            (SIGN | INF, SIGN, INDEFINITE),
            (INF | 1, INF | QUIET | 1, INF | QUIET | 1),
            (SIGN | 0x3f80_0000, SIGN | 0x3f80_0000, INDEFINITE),
            (0x7e80_0000, 0x0080_0000, 0x2000_0000),
            (0x7e80_0001, 0, 0x1fff_ffff),
            (0x7f00_0000, 0, 0x1fb5_04f3),
        ] {
            assert_eq!(rcp(x), inverse, "1/{x:#x}");
            assert_eq!(rsqrt(x), root, "1/sqrt {x:#x}");
        }
    }

    #[test]
    #[allow(clippy::cast_possible_truncation)] // Rounding to f32 is the definition under test.
    fn values_are_correctly_rounded() {
        let mut x = 0x0080_0000u32;
        while x < 0x7e80_0000 {
            let f = f64::from(f32::from_bits(x));
            assert_eq!(f32::from_bits(rcp(x)), (1.0 / f) as f32, "1/{x:#x}");
            assert_eq!(
                f32::from_bits(rsqrt(x)),
                (1.0 / f.sqrt()) as f32,
                "1/sqrt {x:#x}"
            );
            x += 10_007;
        }
    }
}
