//! The meaning of the pure vector operations, as code on `u128`.
//!
//! Constant folding, the `interp` engine and out-of-line evaluation by the JIT use this one
//! definition. Byte 0 of a vector is the low byte of the `u128`, on every host.
//!
//! How to call it: `vector` takes the arguments that are vectors in their places, and the one that is an
//! integer (or the bits of a float, `Op::scalar_arg`) in `i`; what an operation does not have may be
//! anything. The result is a `u128`
//! also where it is an integer or the bits of a float: then its low 64 bits count and the others are
//! zero. Floating-point arithmetic depends on MXCSR and is not here, but in `crate::helper::float`.

use super::super::Op;
use super::{aes, approx, gf, sha, text};
use crate::x86::Width;

/// The value of a pure operation on vectors; `None` for any other operation.
#[must_use]
#[inline]
pub fn vector(
    op: Op,
    w: Width,
    imm: u64,
    pool: &[[u8; 16]],
    [a, b, c]: [u128; 3],
    i: u64,
) -> Option<u128> {
    Some(match op {
        Op::VConst => u128::from_le_bytes(constant(pool, imm)),
        Op::FGet => lane(w, a, 0).into(),
        Op::FBits | Op::FFrom => w.zext(i).into(),
        Op::FPut => with_lane(w, a, 0, i),
        Op::FRcp => approx::rcp(low32(i)).into(),
        Op::FRsqrt => approx::rsqrt(low32(i)).into(),
        Op::VAnd => a & b,
        Op::VAndN => !a & b,
        Op::VOr => a | b,
        Op::VXor => a ^ b,
        Op::VAdd => add(w, a, b),
        Op::VSub => sub(w, a, b),
        Op::VAddSatS => map_signed(w, a, b, |x, y| saturate(w, x.saturating_add(y))),
        Op::VSubSatS => map_signed(w, a, b, |x, y| saturate(w, x.saturating_sub(y))),
        Op::VAddSatU => map(w, a, b, |x, y| x.saturating_add(y).min(w.mask())),
        Op::VSubSatU => map(w, a, b, u64::saturating_sub),
        Op::VMul => map(w, a, b, u64::wrapping_mul),
        Op::VMulHiS => map_signed(w, a, b, |x, y| x.wrapping_mul(y) >> w.bits()),
        Op::VMulHiU => map(w, a, b, |x, y| x.wrapping_mul(y) >> w.bits()),
        Op::VMulEvenU => map(Width::W64, a, b, |x, y| {
            (x & 0xffff_ffff).wrapping_mul(y & 0xffff_ffff)
        }),
        Op::VMadd => map(Width::W32, a, b, madd),
        Op::VSad => map(Width::W64, a, b, sad),
        Op::VMinS => map_signed(w, a, b, i64::min),
        Op::VMaxS => map_signed(w, a, b, i64::max),
        Op::VMinU => pick(below(w, a, b), a, b),
        Op::VMaxU => pick(below(w, a, b), b, a),
        // Lanes of 8 and 16 bits only, so the sum cannot overflow.
        Op::VAvg => map(w, a, b, |x, y| (x + y + 1) >> 1),
        Op::VCmpEq => equal(w, a, b),
        Op::VCmpGt => map_signed(w, a, b, |x, y| if x > y { -1 } else { 0 }),
        Op::VShl if i >= u64::from(w.bits()) => 0,
        Op::VShl => map(w, a, 0, |x, _| x << i),
        Op::VShr if i >= u64::from(w.bits()) => 0,
        Op::VShr => map(w, a, 0, |x, _| x >> i),
        Op::VSar => {
            let n = i.min(u64::from(w.bits() - 1));
            map_signed(w, a, 0, |x, _| x >> n)
        }
        Op::VShlV => map(w, a, b, |x, n| x.checked_shl(count(n)).unwrap_or(0)),
        Op::VShrV => map(w, a, b, |x, n| x.checked_shr(count(n)).unwrap_or(0)),
        Op::VSarV => {
            let last = i64::from(w.bits() - 1);
            map_signed(w, a, b, |x, n| x >> if n < 0 { last } else { n.min(last) })
        }
        Op::VPackS => pack(w, a, b, |half, x| saturate(half, x).cast_unsigned()),
        Op::VPackU => pack(w, a, b, |half, x| {
            u64::try_from(x).unwrap_or(0).min(half.mask())
        }),
        Op::VShuf => shuffle(a, b, constant(pool, imm)),
        Op::VPerm => permute(a, b),
        Op::VLanes => map(w, b, 0, |n, _| lane(w, a, n % (16 / w.bytes()))),
        Op::VLanes2 => map(w, c, 0, |n, _| {
            let (lanes, n) = (16 / w.bytes(), n % (32 / w.bytes()));
            lane(w, if n < lanes { a } else { b }, n % lanes)
        }),
        Op::VGfMul => gf::multiply(a, b),
        Op::VGfAffine => gf::affine(a, b, imm),
        Op::VBlend => {
            let negative = map_signed(w, c, 0, |x, _| x >> 63);
            a & !negative | b & negative
        }
        Op::VSext => widen(w, imm, a, |from, x| from.sext(x).cast_unsigned()),
        Op::VZext => widen(w, imm, a, |_, x| x),
        Op::VMpSad => multiple_sad(a, b, imm),
        Op::VMinPos => min_position(a),
        Op::VClMul => gf::carry_less(
            lane(Width::W64, a, imm & 1),
            lane(Width::W64, b, imm >> 4 & 1),
        ),
        Op::VRotr => map(w, a, 0, |x, _| {
            let bits = u64::from(w.bits());
            let n = imm % bits;
            x >> n | x.checked_shl(count(bits - n)).unwrap_or(0)
        }),
        Op::VSha256Rounds => sha::rounds(a, b, c),
        Op::VSha256Msg2 => sha::message(a, b),
        Op::VAesEnc => aes::encrypt(a, b, false),
        Op::VAesEncLast => aes::encrypt(a, b, true),
        Op::VAesDec => aes::decrypt(a, b, false),
        Op::VAesDecLast => aes::decrypt(a, b, true),
        Op::VAesImc => aes::inverse_mix(a),
        Op::VAesKey => aes::key_assist(a, imm),
        Op::VStrCmp => text::compare(a, b, i, imm).into(),
        Op::VMovMask => mov_mask(w, a).into(),
        Op::VExtract => lane(w, a, imm).into(),
        Op::VInsert => with_lane(w, a, imm, i),
        Op::VFromI => w.zext(i).into(),
        Op::VSplat => u128::MAX / u128::from(w.mask()) * u128::from(w.zext(i)),
        Op::VFRcp => map(Width::W32, a, 0, |x, _| approx::rcp(low32(x)).into()),
        Op::VFRsqrt => map(Width::W32, a, 0, |x, _| approx::rsqrt(low32(x)).into()),
        _ => return None,
    })
}

/// Constant `n` of the pool.
fn constant(pool: &[[u8; 16]], n: u64) -> [u8; 16] {
    usize::try_from(n)
        .ok()
        .and_then(|n| pool.get(n))
        .copied()
        .unwrap_or_default()
}

/// Lane `n`, zero-extended.
#[must_use]
#[inline]
#[allow(clippy::cast_possible_truncation)] // Masked to the lane's width.
pub const fn lane(w: Width, v: u128, n: u64) -> u64 {
    w.zext((v >> (n * w.bits() as u64)) as u64)
}

/// `v` with lane `n` replaced by the low bits of `x`.
#[must_use]
#[inline]
pub const fn with_lane(w: Width, v: u128, n: u64, x: u64) -> u128 {
    let at = n * w.bits() as u64;
    v & !((w.mask() as u128) << at) | (w.zext(x) as u128) << at
}

#[allow(clippy::cast_possible_truncation)] // The low half is what is asked for.
const fn low32(v: u64) -> u32 {
    v as u32
}

/// A lane as a shift count.
fn count(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Applies `f` to the lanes, zero-extended; of its results the low `w` bits count.
#[inline]
fn map(w: Width, a: u128, b: u128, f: impl Fn(u64, u64) -> u64) -> u128 {
    let mut r = 0;
    for n in 0..16 / w.bytes() {
        r |= u128::from(w.zext(f(lane(w, a, n), lane(w, b, n)))) << (n * u64::from(w.bits()));
    }
    r
}

/// The same with sign-extended lanes.
#[inline]
fn map_signed(w: Width, a: u128, b: u128, f: impl Fn(i64, i64) -> i64) -> u128 {
    map(w, a, b, |x, y| f(w.sext(x), w.sext(y)).cast_unsigned())
}

/// One bit at the top of each lane.
const fn tops(w: Width) -> u128 {
    match w {
        Width::W8 => 0x8080_8080_8080_8080_8080_8080_8080_8080,
        Width::W16 => 0x8000_8000_8000_8000_8000_8000_8000_8000,
        Width::W32 => 0x8000_0000_8000_0000_8000_0000_8000_0000,
        Width::W64 => 0x8000_0000_0000_0000_8000_0000_0000_0000,
    }
}

/// Sums of lanes: without the top bits no carry leaves a lane; those are added without carry.
const fn add(w: Width, a: u128, b: u128) -> u128 {
    let t = tops(w);
    (a & !t).wrapping_add(b & !t) ^ (a ^ b) & t
}

/// Differences of lanes: with the top bits of `a` set no borrow leaves a lane.
const fn sub(w: Width, a: u128, b: u128) -> u128 {
    let t = tops(w);
    (a | t).wrapping_sub(b & !t) ^ (a ^ !b) & t
}

/// One bit at the top of some lanes, as masks of whole lanes.
const fn spread(w: Width, bits: u128) -> u128 {
    bits | bits.wrapping_sub(bits >> (w.bits() - 1))
}

/// Ones in the lanes that are equal.
const fn equal(w: Width, a: u128, b: u128) -> u128 {
    let t = tops(w);
    let x = a ^ b;
    // The top bit of each lane that is not 0: its own, or a carry out of the others.
    let different = (x & !t).wrapping_add(!t) | x;
    spread(w, !different & t)
}

/// Ones in the lanes where a < b, unsigned.
const fn below(w: Width, a: u128, b: u128) -> u128 {
    let t = tops(w);
    // Where the top bits are equal, the others' difference says it: it borrows from a top bit of 1.
    let others = !((a | t).wrapping_sub(b & !t));
    spread(w, (!a & b | !(a ^ b) & others) & t)
}

/// a where `mask` has ones, else b.
const fn pick(mask: u128, a: u128, b: u128) -> u128 {
    a & mask | b & !mask
}

/// `v` limited to what a signed lane of width `w` holds.
fn saturate(w: Width, v: i64) -> i64 {
    let max = (w.mask() >> 1).cast_signed();
    v.clamp(!max, max)
}

/// PMADDWD on one pair of words. Only (-2^15)^2 * 2 overflows, and wraps.
fn madd(x: u64, y: u64) -> u64 {
    let product = |n: u32| Width::W16.sext(x >> n) * Width::W16.sext(y >> n);
    (product(0) + product(16)).cast_unsigned()
}

/// PSADBW on eight bytes.
fn sad(x: u64, y: u64) -> u64 {
    x.to_le_bytes()
        .iter()
        .zip(y.to_le_bytes())
        .map(|(a, b)| u64::from(a.abs_diff(b)))
        .sum()
}

fn pack(w: Width, a: u128, b: u128, narrow: impl Fn(Width, i64) -> u64) -> u128 {
    let half = match w {
        Width::W64 => Width::W32,
        Width::W32 => Width::W16,
        _ => Width::W8,
    };
    let lanes = 16 / w.bytes();
    let mut r = 0;
    for n in 0..lanes {
        r = with_lane(half, r, n, narrow(half, w.sext(lane(w, a, n))));
        r = with_lane(half, r, lanes + n, narrow(half, w.sext(lane(w, b, n))));
    }
    r
}

fn shuffle(a: u128, b: u128, select: [u8; 16]) -> u128 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    u128::from_le_bytes(select.map(|s| match s {
        0..16 => a[usize::from(s)],
        16..32 => b[usize::from(s) - 16],
        _ => 0,
    }))
}

/// The low lanes of `bits` bits as lanes of `w`.
fn widen(w: Width, bits: u64, a: u128, extend: impl Fn(Width, u64) -> u64) -> u128 {
    let Some(from) = Width::ALL.into_iter().find(|w| u64::from(w.bits()) == bits) else {
        return 0;
    };
    (0..16 / w.bytes()).fold(0, |r, n| with_lane(w, r, n, extend(from, lane(from, a, n))))
}

/// MPSADBW
fn multiple_sad(a: u128, b: u128, imm: u64) -> u128 {
    let byte = |v, n| lane(Width::W8, v, n);
    let (first, block) = (imm & 4, 4 * (imm & 3));
    (0..8).fold(0, |r, n| {
        let differences = (0..4).map(|k| byte(a, first + n + k).abs_diff(byte(b, block + k)));
        with_lane(Width::W16, r, n, differences.sum())
    })
}

/// PHMINPOSUW
fn min_position(a: u128) -> u128 {
    let lanes = (0..8).map(|n| (lane(Width::W16, a, n), n));
    let (least, n) = lanes.min().unwrap_or_default();
    u128::from(least | n << 16)
}

/// PSHUFB
fn permute(a: u128, select: u128) -> u128 {
    let a = a.to_le_bytes();
    u128::from_le_bytes(select.to_le_bytes().map(|s| match s {
        0..0x80 => a[usize::from(s & 15)],
        _ => 0,
    }))
}

#[allow(clippy::cast_possible_truncation)] // The halves.
fn mov_mask(w: Width, a: u128) -> u64 {
    if w == Width::W8 {
        // The product moves bit 8k to bit 56 + k; no two of its terms meet.
        let half =
            |v: u64| (v >> 7 & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        return half(a as u64) | half((a >> 64) as u64) << 8;
    }
    (0..16 / w.bytes()).fold(0, |m, n| m | (lane(w, a, n) >> (w.bits() - 1)) << n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(op: Op, w: Width, a: u128, b: u128) -> u128 {
        vector(op, w, 0, &[], [a, b, 0], 0).unwrap()
    }

    #[test]
    fn what_is_done_to_whole_words_stays_in_its_lanes() {
        let edges = [
            0,
            1,
            0x7f,
            0x80,
            0xff,
            0x7fff,
            0x8000,
            0xffff,
            1 << 31,
            u64::MAX,
        ];
        for w in Width::ALL {
            for x in edges {
                for y in edges {
                    let a = u128::from(x) << 64 | u128::from(y);
                    let b = u128::from(y) << 64 | u128::from(x.wrapping_mul(3));
                    assert_eq!(
                        v2(Op::VAdd, w, a, b),
                        map(w, a, b, u64::wrapping_add),
                        "{w} {a:x} {b:x}"
                    );
                    assert_eq!(
                        v2(Op::VSub, w, a, b),
                        map(w, a, b, u64::wrapping_sub),
                        "{w} {a:x} {b:x}"
                    );
                    let ones = |c| if c { u64::MAX } else { 0 };
                    let by_lanes = [
                        (Op::VMinU, map(w, a, b, u64::min)),
                        (Op::VMaxU, map(w, a, b, u64::max)),
                        (Op::VCmpEq, map(w, a, b, |x, y| ones(x == y))),
                    ];
                    for (op, r) in by_lanes {
                        assert_eq!(v2(op, w, a, b), r, "{op:?} {w} {a:x} {b:x}");
                    }
                    let signs = (0..16 / w.bytes())
                        .fold(0, |m, n| m | (lane(w, a, n) >> (w.bits() - 1)) << n);
                    assert_eq!(v2(Op::VMovMask, w, a, 0), signs.into(), "{w} {a:x}");
                }
            }
        }
    }

    #[test]
    fn saturation_stops_at_the_lanes_limits() {
        assert_eq!(v2(Op::VAddSatS, Width::W8, 0x7f_80, 0x01_ff), 0x7f_80);
        assert_eq!(
            v2(Op::VSubSatS, Width::W16, 0x8000_7fff, 0x0001_ffff),
            0x8000_7fff
        );
        assert_eq!(v2(Op::VAddSatU, Width::W8, 0xff_01, 0x01_01), 0xff_02);
        assert_eq!(v2(Op::VSubSatU, Width::W16, 0x0001_0005, 0x0002_0003), 2);
        assert_eq!(
            v2(Op::VPackS, Width::W32, 0x0001_0000_ffff_0000, 0xffff_ffff),
            0xffff_0000_0000_7fff_8000
        );
        assert_eq!(
            v2(Op::VPackU, Width::W16, 0x0100_ffff, 0x00ff),
            0xff_0000_0000_0000_ff00
        );
    }

    #[test]
    fn products_of_extremes() {
        let m = 0x8000_8000;
        assert_eq!(v2(Op::VMadd, Width::W16, m, m), 0x8000_0000);
        assert_eq!(v2(Op::VMulHiS, Width::W16, 0x8000, 0x8000), 0x4000);
        assert_eq!(v2(Op::VMulHiS, Width::W16, 0xffff, 1), 0xffff);
        assert_eq!(v2(Op::VMulHiU, Width::W16, 0xffff, 0xffff), 0xfffe);
        let ones = u128::from(u64::MAX);
        assert_eq!(
            v2(Op::VMulEvenU, Width::W32, ones, ones),
            0xffff_fffe_0000_0001
        );
        assert_eq!(v2(Op::VSad, Width::W8, u128::MAX, 0), 0x7f8 << 64 | 0x7f8);
        assert_eq!(v2(Op::VAvg, Width::W8, 0xff_00, 0xff_01), 0xff_01);
    }

    #[test]
    fn shift_counts_beyond_the_width_clear_or_copy_the_sign() {
        let shift = |op, w, a, i| vector(op, w, 0, &[], [a, 0, 0], i).unwrap();
        assert_eq!(shift(Op::VShl, Width::W16, 0xffff_ffff, 16), 0);
        assert_eq!(shift(Op::VShl, Width::W64, 3, 63), 1 << 63);
        assert_eq!(shift(Op::VShr, Width::W32, 0xffff_ffff, 1 << 40), 0);
        assert_eq!(
            shift(Op::VSar, Width::W32, 0x8000_0000, u64::MAX),
            0xffff_ffff
        );
        assert_eq!(shift(Op::VSar, Width::W16, 0x4000_8000, 15), 0xffff);
    }

    #[test]
    fn blends_and_searches_go_by_lanes() {
        let v = |op, w, imm, args| vector(op, w, imm, &[], args, 0).unwrap();
        let args = [0x1111_2222, 0x3333_4444, 0x8000_7fff];
        assert_eq!(v(Op::VBlend, Width::W16, 0, args), 0x3333_2222);
        assert_eq!(
            v(Op::VPerm, Width::W8, 0, [0x22_11, 0x80_01, 0]),
            0x1111_1111_1111_1111_1111_1111_1111_0022
        );
        assert_eq!(v(Op::VSext, Width::W32, 8, [0x80, 0, 0]), 0xffff_ff80);
        assert_eq!(
            v(Op::VZext, Width::W64, 16, [0x8001_8002, 0, 0]),
            0x8001 << 64 | 0x8002
        );
        assert_eq!(
            v(Op::VMinPos, Width::W16, 0, [u128::MAX ^ 0xfffe << 48, 0, 0]),
            3 << 16 | 1
        );
        assert_eq!(
            v(Op::VMpSad, Width::W8, 4, [1 << 56, 0, 0]),
            0x1_0001_0001_0001
        );
    }

    #[test]
    fn every_lane_has_its_own_count() {
        let (a, b) = (0x8000_0001_8000_0001, 0x1_0000_001f);
        assert_eq!(v2(Op::VShlV, Width::W32, a, b), 0x2_8000_0000);
        assert_eq!(v2(Op::VShrV, Width::W32, a, b), 0x4000_0000_0000_0001);
        assert_eq!(v2(Op::VSarV, Width::W32, a, b), 0xc000_0000_ffff_ffff);
        for beyond in [32, 64, 0x8000_0000, 0xffff_ffff] {
            assert_eq!(v2(Op::VShlV, Width::W32, 1, beyond), 0);
            assert_eq!(v2(Op::VShrV, Width::W32, 1 << 31, beyond), 0);
            assert_eq!(v2(Op::VSarV, Width::W32, 1 << 31, beyond), 0xffff_ffff);
        }
        assert_eq!(v2(Op::VShlV, Width::W64, 1, 63), 1 << 63);
        assert_eq!(v2(Op::VShlV, Width::W64, 1, 1 << 32), 0);
    }

    #[test]
    fn lanes_are_chosen_by_low_bits() {
        let (a, b) = (0x3333_2222_1111_0000, 0x7777_6666_5555_4444);
        let a32 = 3 << 96 | 2 << 64 | 1 << 32;
        assert_eq!(
            v2(
                Op::VLanes,
                Width::W32,
                a32,
                0xf << 96 | 6 << 64 | 4 << 32 | 1
            ),
            3 << 96 | 2 << 64 | 1
        );
        assert_eq!(v2(Op::VLanes, Width::W64, 7 << 64, 2 << 64 | 1), 7);
        let choice = 0x8003_u128 << 16 | 0x8;
        let r = vector(Op::VLanes2, Width::W16, 0, &[], [a, b, choice], 0).unwrap();
        assert_eq!(r & 0xffff_ffff, 0x3333_4444);
    }

    #[test]
    fn bytes_go_where_the_pattern_says() {
        let mut pattern = [0x80; 16];
        pattern[..3].copy_from_slice(&[15, 16, 31]);
        let (a, b) = (0x11 << 120, 0x22 | 0x33 << 120);
        assert_eq!(
            vector(Op::VShuf, Width::W8, 0, &[pattern], [a, b, 0], 0),
            Some(0x33_22_11)
        );
        assert_eq!(
            vector(Op::VInsert, Width::W16, 7, &[], [1, 0, 0], 0x1_2345),
            Some(0x2345 << 112 | 1)
        );
        assert_eq!(
            vector(Op::VExtract, Width::W16, 7, &[], [0x2345 << 112, 0, 0], 0),
            Some(0x2345)
        );
        assert_eq!(
            vector(
                Op::VMovMask,
                Width::W8,
                0,
                &[],
                [0x80 << 120 | 0x80, 0, 0],
                0
            ),
            Some(0x8001)
        );
        assert_eq!(
            vector(Op::FPut, Width::W32, 0, &[], [u128::MAX, 0, 0], 0),
            Some(u128::MAX << 32)
        );
    }
}
