//! SHA-256 (FIPS 180-4, 4.1.2 and 6.2.2), as far as SHA256RNDS2 and SHA256MSG2 do it.

/// The 32-bit lanes, the lowest first.
#[allow(clippy::cast_possible_truncation)] // What is above a lane goes.
fn lanes(v: u128) -> [u32; 4] {
    [0, 32, 64, 96].map(|n| (v >> n) as u32)
}

fn vector(lanes: [u32; 4]) -> u128 {
    lanes.iter().rev().fold(0, |v, x| v << 32 | u128::from(*x))
}

/// The exclusive or of `x` rotated right by three counts.
const fn sum(x: u32, [i, j, k]: [u32; 3]) -> u32 {
    x.rotate_right(i) ^ x.rotate_right(j) ^ x.rotate_right(k)
}

/// Two rounds from {c, d, g, h} and {a, b, e, f}, with `words` + constants: {a, b, e, f} after them.
#[must_use]
#[allow(clippy::many_single_char_names)] // The standard's.
pub fn rounds(cdgh: u128, abef: u128, words: u128) -> u128 {
    let ([mut h, mut g, mut d, mut c], [mut f, mut e, mut b, mut a]) = (lanes(cdgh), lanes(abef));
    for w in &lanes(words)[..2] {
        let chosen = e & f ^ !e & g;
        let t = [sum(e, [6, 11, 25]), chosen, *w]
            .iter()
            .fold(h, |s, x| s.wrapping_add(*x));
        let most = a & b ^ a & c ^ b & c;
        let next = t.wrapping_add(sum(a, [2, 13, 22])).wrapping_add(most);
        (h, g, f, e) = (g, f, e, d.wrapping_add(t));
        (d, c, b, a) = (c, b, a, next);
    }
    vector([f, e, b, a])
}

/// Words 16 to 19 of a message, from sums without their sigma 1 and words 12 to 15.
#[must_use]
pub fn message(sums: u128, before: u128) -> u128 {
    let sigma = |x: u32| x.rotate_right(17) ^ x.rotate_right(19) ^ x >> 10;
    let ([p, q, r, s], [_, _, w14, w15]) = (lanes(sums), lanes(before));
    let w16 = p.wrapping_add(sigma(w14));
    let w17 = q.wrapping_add(sigma(w15));
    vector([
        w16,
        w17,
        r.wrapping_add(sigma(w16)),
        s.wrapping_add(sigma(w17)),
    ])
}
