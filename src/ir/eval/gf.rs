//! Arithmetic on bytes as polynomials over GF(2) modulo x^8 + x^4 + x^3 + x + 1 (SDM vol. 1, 5.23: GFNI).

/// The product in the field.
fn product(mut a: u8, mut b: u8) -> u8 {
    let mut r = 0;
    while b != 0 {
        if b & 1 != 0 {
            r ^= a;
        }
        a = a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 };
        b >>= 1;
    }
    r
}

/// The inverse in the field; 0 for 0.
fn inverse(a: u8) -> u8 {
    // a^254, a being of order 255 at most.
    let square = product(a, a);
    let (mut r, mut power) = (square, square);
    for _ in 0..6 {
        power = product(power, power);
        r = product(r, power);
    }
    r
}

/// The product of polynomials over GF(2).
#[must_use]
pub fn carry_less(a: u64, mut b: u64) -> u128 {
    let (a, mut r) = (u128::from(a), 0);
    while b != 0 {
        r ^= a << b.trailing_zeros();
        b &= b - 1;
    }
    r
}

/// GF2P8MULB
#[must_use]
pub fn multiply(a: u128, b: u128) -> u128 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    u128::from_le_bytes(std::array::from_fn(|i| product(a[i], b[i])))
}

/// GF2P8AFFINEQB, with `imm` & 256 GF2P8AFFINEINVQB: bit i of a result is the parity of the byte and
/// byte 7 - i of the matrix in the same half of `matrices`, plus bit i of `imm`.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // Bits 7 to 0 of `imm`.
pub fn affine(a: u128, matrices: u128, imm: u64) -> u128 {
    let (a, rows) = (a.to_le_bytes(), matrices.to_le_bytes());
    u128::from_le_bytes(std::array::from_fn(|n| {
        let x = if imm & 256 != 0 { inverse(a[n]) } else { a[n] };
        let row = |i: usize| rows[(n & 8) + 7 - i];
        (0..8).fold(imm as u8, |r, i| {
            r ^ (((x & row(i)).count_ones() & 1) as u8) << i
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverses_give_one() {
        assert_eq!(inverse(0), 0);
        for a in 1..=255 {
            assert_eq!(product(a, inverse(a)), 1, "{a:#x}");
        }
    }

    /// FIPS 197, 4.2 and 5.1.1: products, and the S-box as an affine map of inverses.
    #[test]
    fn products_and_the_sbox_are_those_of_aes() {
        assert_eq!(product(0x57, 0x83), 0xc1);
        assert_eq!(product(0x57, 0x13), 0xfe);
        let matrix = 0xf1e3_c78f_1f3e_7cf8_u64;
        let both = u128::from(matrix) << 64 | u128::from(matrix);
        let sbox = affine(0x53_00, both, 256 | 0x63).to_le_bytes();
        assert_eq!((sbox[0], sbox[1]), (0x63, 0xed));
    }

    #[test]
    fn the_matrix_of_ones_in_its_diagonal_changes_nothing() {
        let identity = 0x0102_0408_1020_4080_u64;
        let a = 0x1234_5678_9abc_def0_u128 << 64 | 0xfedc_ba98_7654_3210;
        let both = u128::from(identity) << 64 | u128::from(identity);
        assert_eq!(affine(a, both, 0), a);
        assert_eq!(affine(a, both, 0xff), !a);
    }
}
