//! CRC32 (SDM vol. 2), with the polynomial of iSCSI, bits reflected: the lowest is that of the highest
//! power.

/// The polynomial 0x11EDC6F41, reflected, without its highest power.
pub const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The remainders of single bytes.
static BYTES: [u32; 256] = {
    let mut table = [0; 256];
    let mut i: u32 = 0;
    while i < 256 {
        let (mut r, mut n) = (i, 0);
        while n < 8 {
            r = r >> 1 ^ if r & 1 != 0 { POLYNOMIAL } else { 0 };
            n += 1;
        }
        table[i as usize] = r;
        i += 1;
    }
    table
};

/// `crc` after the low `bytes` bytes of `data`.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // Bytes.
pub fn crc32c(crc: u32, data: u64, bytes: u64) -> u32 {
    (0..bytes).fold(crc, |crc, n| {
        let byte = (data >> (8 * n)) as u8 ^ crc as u8;
        crc >> 8 ^ BYTES[usize::from(byte)]
    })
}

/// The quotient of x^96 by the polynomial, without its highest power x^64, reflected in 64 bits: what
/// remainders of 64 bits are computed with by multiplication.
pub const QUOTIENT: u64 = {
    // Coefficients of x^96 from the highest on, divided as on paper.
    let (mut rest, mut quotient, mut n) = (1u64, 0u64, 0);
    let divisor = 1 << 32 | POLYNOMIAL.reverse_bits() as u64;
    // The 32 steps that bring the leading one up to the divisor's, then 65 of the division.
    while n < 32 + 65 {
        if n >= 32 {
            let bit = rest >> 32 & 1;
            quotient = quotient << 1 | bit;
            if bit != 0 {
                rest ^= divisor;
            }
        }
        rest <<= 1;
        n += 1;
    }
    quotient.reverse_bits()
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc_32c() {
        let crc = b"123456789"
            .iter()
            .fold(u32::MAX, |crc, b| crc32c(crc, u64::from(*b), 1));
        assert_eq!(!crc, 0xe306_9283);
        let eight = u64::from_le_bytes(*b"12345678");
        assert_eq!(
            !crc32c(crc32c(u32::MAX, eight, 8), u64::from(b'9'), 1),
            0xe306_9283
        );
    }

    #[test]
    fn the_quotient_gives_remainders() {
        let clmul = |a: u64, b: u64| {
            (0..64)
                .filter(|n| b >> n & 1 != 0)
                .fold(0, |r, n| r ^ u128::from(a) << n)
        };
        for s in [1, 0x8000_0000_0000_0000, 0x0123_4567_89ab_cdef, u64::MAX] {
            let q = clmul(s, QUOTIENT) & u128::from(u64::MAX);
            let q = u64::try_from(q).unwrap();
            let q = q << 1 ^ s;
            let r = clmul(q, POLYNOMIAL.into()) >> 63;
            assert_eq!(r, crc32c(0, s, 8).into());
        }
    }
}
