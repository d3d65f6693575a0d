//! AES (FIPS 197; SDM vol. 2, AESENC and its kin). The state is a vector, column by column from byte 0 on.
//!
//! Tables are indexed by bytes of the state, so caches can tell of it; code for hosts with Zvkned does not come
//! here.

/// The product in GF(2^8), modulo x^8 + x^4 + x^3 + x + 1.
const fn multiply(mut a: u8, mut b: u8) -> u8 {
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

/// SubBytes: the inverse, then an affine map.
static SBOX: [u8; 256] = sbox();

const fn sbox() -> [u8; 256] {
    let mut table = [0x63; 256];
    // 3 generates the group: p goes through it, q through the inverses (0xf6 is that of 3).
    let (mut p, mut q) = (1u8, 1u8);
    loop {
        let affine = q ^ q.rotate_left(1) ^ q.rotate_left(2) ^ q.rotate_left(3) ^ q.rotate_left(4);
        table[p as usize] = affine ^ 0x63;
        p = multiply(p, 3);
        q = multiply(q, 0xf6);
        if p == 1 {
            return table;
        }
    }
}

/// InvSubBytes.
static INVERSE_SBOX: [u8; 256] = {
    let (table, mut inverse, mut i) = (sbox(), [0; 256], 0u8);
    loop {
        inverse[table[i as usize] as usize] = i;
        if i == 255 {
            break inverse;
        }
        i += 1;
    }
};

/// A byte's part of its column after MixColumns, if it is in row 0, by these factors.
const fn column(b: u8, by: [u8; 4]) -> u32 {
    u32::from_le_bytes([
        multiply(b, by[0]),
        multiply(b, by[1]),
        multiply(b, by[2]),
        multiply(b, by[3]),
    ])
}

const fn columns(by: [u8; 4]) -> [u32; 256] {
    let (mut table, mut i) = ([0; 256], 0u8);
    loop {
        table[i as usize] = column(i, by);
        if i == 255 {
            return table;
        }
        i += 1;
    }
}

static MIX: [u32; 256] = columns([2, 1, 1, 3]);
static INVERSE_MIX: [u32; 256] = columns([14, 9, 13, 11]);

/// MixColumns or its inverse, as the table says.
fn mix(state: [u8; 16], table: &[u32; 256]) -> [u8; 16] {
    let mut r = [0; 16];
    for (r, s) in r
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .zip(state.as_chunks::<4>().0)
    {
        let [a, b, c, d] = s.map(|b| table[usize::from(b)]);
        let sum = a ^ b.rotate_left(8) ^ c.rotate_left(16) ^ d.rotate_left(24);
        *r = sum.to_le_bytes();
    }
    r
}

/// SubBytes and ShiftRows or their inverses: row n moves by n columns, the other way for the inverse.
fn substitute(state: u128, inverse: bool) -> [u8; 16] {
    let s = state.to_le_bytes();
    let (table, step) = if inverse {
        (&INVERSE_SBOX, 12)
    } else {
        (&SBOX, 4)
    };
    std::array::from_fn(|i| table[usize::from(s[(i + step * (i % 4)) % 16])])
}

/// AESENC; AESENCLAST if it is the last round.
#[must_use]
pub fn encrypt(state: u128, key: u128, last: bool) -> u128 {
    let s = substitute(state, false);
    u128::from_le_bytes(if last { s } else { mix(s, &MIX) }) ^ key
}

/// AESDEC; AESDECLAST if it is the last round.
#[must_use]
pub fn decrypt(state: u128, key: u128, last: bool) -> u128 {
    let s = substitute(state, true);
    u128::from_le_bytes(if last { s } else { mix(s, &INVERSE_MIX) }) ^ key
}

/// AESIMC
#[must_use]
pub fn inverse_mix(a: u128) -> u128 {
    u128::from_le_bytes(mix(a.to_le_bytes(), &INVERSE_MIX))
}

/// AESKEYGENASSIST with round constant `rcon`.
#[must_use]
pub fn key_assist(a: u128, rcon: u64) -> u128 {
    let b = a.to_le_bytes().map(|b| SBOX[usize::from(b)]);
    let word = |n: usize| u32::from_le_bytes([b[n], b[n + 1], b[n + 2], b[n + 3]]);
    let rcon = u32::try_from(rcon & 0xff).unwrap_or(0);
    let turned = |n| word(n).rotate_right(8) ^ rcon;
    [turned(12), word(12), turned(4), word(4)]
        .into_iter()
        .fold(0, |r, w| r << 32 | u128::from(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_round_of_fips_197_appendix_b() {
        let state =
            u128::from_be_bytes(0x193d_e3be_a0f4_e22b_9ac6_8d2a_e9f8_4808_u128.to_le_bytes());
        let key = u128::from_be_bytes(0xa0fa_fe17_8854_2cb1_23a3_3939_2a6c_7605_u128.to_le_bytes());
        let want =
            u128::from_be_bytes(0xa49c_7ff2_689f_352b_6b5b_ea43_026a_5049_u128.to_le_bytes());
        assert_eq!(encrypt(state, key, false), want);
    }

    #[test]
    fn decryption_undoes_encryption() {
        let (x, key) = (0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978, 0x1111_2222);
        assert_eq!(decrypt(encrypt(x, 0, true), key, true), x ^ key);
        let mixed = encrypt(x, 0, false);
        assert_eq!(decrypt(inverse_mix(mixed), 0, true), x);
    }
}
