//! PCMPESTRI and its kin (SDM vol. 2, 4.1), as one operation that gives the comparison's bits and flags.

use super::vector::lane;
use crate::x86::{Rflags, Width};

/// `Inst::imm`: the lengths are where the first zero is.
pub const IMPLICIT: u64 = 1 << 8;

/// Elements of a string operand.
struct Text {
    elements: [i64; 16],
    /// How many of them count.
    len: usize,
}

impl Text {
    /// Element `i`, if it counts.
    fn get(&self, i: usize) -> Option<i64> {
        self.elements[..self.len].get(i).copied()
    }
}

/// The result of comparing `a` with `b` as `imm`, the immediate byte and perhaps `IMPLICIT`, says: IntRes2
/// in bits 15 to 0, the status flags in their RFLAGS positions from bit 16 on. The lengths in elements, at
/// most those of a register, are bytes 0 and 1 of `lengths`.
#[must_use]
pub fn compare(a: u128, b: u128, lengths: u64, imm: u64) -> u64 {
    // The string functions of C libraries compare bytes.
    bytes(a, b, lengths, imm).unwrap_or_else(|| general(a, b, lengths, imm))
}

/// Ones in the bytes of a word, and what gathers the lowest bits of its bytes in the highest byte.
const ONES: u64 = 0x0101_0101_0101_0101;
const GATHER: u64 = 0x0102_0408_1020_4080;

/// Bit n: byte n of `v` is 0.
fn zero_bytes(v: u128) -> u64 {
    let half = |x: u64| {
        let low = ONES * 0x7f;
        let zero = !(((x & low) + low) | x | low);
        (zero >> 7).wrapping_mul(GATHER) >> 56
    };
    #[allow(clippy::cast_possible_truncation)] // The halves.
    let (low, high) = (v as u64, (v >> 64) as u64);
    half(low) | half(high) << 8
}

/// As `compare`, for bytes and what can be found by comparing for equality.
fn bytes(a: u128, b: u128, lengths: u64, imm: u64) -> Option<u64> {
    const ALL: u64 = 0xffff;
    if imm & 1 != 0 || imm >> 2 & 3 == 1 {
        return None;
    }
    let len = |v: u128, len: u64| match imm & IMPLICIT {
        0 => (len & 0xff).min(16),
        _ => u64::from(zero_bytes(v).trailing_zeros()).min(16),
    };
    let (na, nb) = (len(a, lengths), len(b, lengths >> 8));
    let inside = |n: u64| (1 << n) - 1;
    let in_b = inside(nb);
    let places = |n: u64| {
        let [first, ..] = (a >> (8 * n)).to_le_bytes();
        zero_bytes(b ^ u128::from_le_bytes([first; 16])) & in_b
    };
    let found = match imm >> 2 & 3 {
        0 => (0..na).fold(0, |r, n| r | places(n)),
        2 => {
            let in_a = inside(na);
            zero_bytes(a ^ b) & in_a & in_b | !(in_a | in_b) & ALL
        }
        // Beyond the register everything may follow.
        _ => (0..na).fold(ALL, |r, n| r & (places(n) >> n | ALL << (16 - n) & ALL)),
    };
    Some(result(imm, found, ALL, (na, nb), 16))
}

/// What is made of the places where the comparison holds.
fn result(imm: u64, found: u64, all: u64, (na, nb): (u64, u64), count: u64) -> u64 {
    let result = match imm >> 4 & 3 {
        1 => found ^ all,
        3 => found ^ ((1 << nb) - 1),
        _ => found,
    };
    let flag = |f: u64, set: bool| if set { f } else { 0 };
    let flags = flag(Rflags::CF, result != 0)
        | flag(Rflags::ZF, nb < count)
        | flag(Rflags::SF, na < count)
        | flag(Rflags::OF, result & 1 != 0);
    result | flags << 16
}

/// As `compare`, for everything.
fn general(a: u128, b: u128, lengths: u64, imm: u64) -> u64 {
    let (w, count) = if imm & 1 == 0 {
        (Width::W8, 16)
    } else {
        (Width::W16, 8)
    };
    let text = |v: u128, len: u64| {
        let mut elements = [0; 16];
        for (n, e) in (0..).zip(&mut elements[..count]) {
            let x = lane(w, v, n);
            *e = if imm & 2 == 0 {
                x.cast_signed()
            } else {
                w.sext(x)
            };
        }
        let len = if imm & IMPLICIT == 0 {
            usize::try_from(len & 0xff).unwrap_or(count).min(count)
        } else {
            let end = elements[..count].iter().position(|e| *e == 0);
            end.unwrap_or(count)
        };
        Text { elements, len }
    };
    let (a, b) = (text(a, lengths), text(b, lengths >> 8));
    let holds = |j: usize| match imm >> 2 & 3 {
        // Equal any, ranges: an element of the second among those of the first.
        0 => b.get(j).is_some_and(|y| a.elements[..a.len].contains(&y)),
        1 => b.get(j).is_some_and(|y| {
            let pairs = a.elements[..a.len].as_chunks::<2>().0;
            pairs.iter().any(|[low, high]| (*low..=*high).contains(&y))
        }),
        // Equal each: what is beyond both ends is equal.
        2 => a.get(j) == b.get(j),
        // Equal ordered: the first is at this place of the second, as far as the register shows.
        _ => (0..a.len.min(count - j)).all(|i| a.get(i) == b.get(i + j)),
    };
    let all = (1 << count) - 1;
    let found = (0..count).fold(0, |r, j| r | u64::from(holds(j)) << j);
    let lengths = (a.len as u64, b.len as u64);
    result(imm, found, all, lengths, count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(s: &[u8]) -> u128 {
        let mut bytes = [0; 16];
        bytes[..s.len()].copy_from_slice(s);
        u128::from_le_bytes(bytes)
    }

    #[test]
    fn each_aggregation_finds_what_it_is_for() {
        let found = |a: &[u8], b: &[u8], imm| compare(text(a), text(b), 0, imm | IMPLICIT) & 0xffff;
        assert_eq!(found(b"lo", b"hello", 0), 0b1_1100, "any");
        assert_eq!(found(b"az", b"He.llo", 4), 0b11_1010, "ranges");
        assert_eq!(found(b"help", b"hello", 8) & 0x1f, 0b0_0111, "each");
        assert_eq!(found(b"l", b"hello", 12), 0b0_1100, "ordered");
        assert_eq!(found(b"lo", b"hello", 12), 0b0_1000, "ordered");
        assert_eq!(
            found(b"lo", b"hello", 0x30),
            0b0_0011,
            "not any, inside the text"
        );
    }

    #[test]
    fn bytes_compare_as_everything_does() {
        // Few different bytes, so that they often meet.
        let some = |seed: u64| {
            let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            u128::from_le_bytes(std::array::from_fn(|_| {
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                [0, 1, 2, 0x80, 0xff, b'a'][usize::try_from(x % 6).unwrap()]
            }))
        };
        for n in 0..20_000 {
            let (a, b, imm) = (some(n), some(n + 77_777), n % 512);
            let lengths = n * 0x51d % 0x2020;
            if let Some(fast) = bytes(a, b, lengths, imm) {
                assert_eq!(fast, general(a, b, lengths, imm), "{a:x} {b:x} {imm:#x}");
            }
        }
    }

    #[test]
    fn flags_tell_the_ends() {
        let r = compare(text(b"a"), text(b"abcdefghijklmnop"), 0, IMPLICIT);
        assert_eq!(r >> 16, Rflags::CF | Rflags::SF | Rflags::OF);
        assert_eq!(compare(0, 0, 0x10, 0) >> 16, Rflags::ZF);
    }
}
