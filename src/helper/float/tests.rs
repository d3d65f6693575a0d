//! Edge values by the manual's definitions. (The harness compares with a CPU.)

use super::flag::{ALL, DAZ, DE, FTZ, IE, MASKS, OE, PE, RC, UE, ZE};
use super::*;
use crate::ir::CvtKind;

const W: Width = Width::W32;
const ONE: u64 = 0x3f80_0000;
const INF: u64 = 0x7f80_0000;
const MIN: u64 = 0x0080_0000;
const MAX: u64 = 0x7f7f_ffff;
const SIGN: u64 = 0x8000_0000;
const INDEFINITE: u64 = 0xffc0_0000;

/// Result and flags raised with this MXCSR besides the masks.
fn run(op: Op, a: u64, b: u64, control: u32) -> (u64, u32) {
    let mut mxcsr = MASKS | control;
    let r = scalar(op, W, 0, [a, b, 0], &mut mxcsr).unwrap().unwrap();
    (r, mxcsr & ALL)
}

#[test]
fn nans_follow_table_4_7() {
    let (q1, s1, q2, s2) = (0x7fc0_0001, 0x7f80_0002, 0xffc0_0003, 0xff80_0004);
    let quiet = |x| x | 0x0040_0000;
    for op in [Op::FAdd, Op::FSub, Op::FMul, Op::FDiv] {
        assert_eq!(run(op, q1, q2, 0), (q1, 0));
        assert_eq!(run(op, s1, q2, 0), (quiet(s1), IE));
        assert_eq!(run(op, q1, s2, 0), (q1, IE));
        assert_eq!(run(op, ONE, s2, 0), (quiet(s2), IE));
        assert_eq!(run(op, 1, q2, 0), (q2, 0), "no DE with a NaN");
    }
    for op in [Op::FMin, Op::FMax] {
        assert_eq!(run(op, q1, ONE, 0), (ONE, IE));
        assert_eq!(run(op, ONE, s2, 0), (s2, IE), "not quieted");
        assert_eq!(run(op, 0, SIGN, 0), (SIGN, 0));
        assert_eq!(run(op, SIGN, 0, 0), (0, 0));
    }
}

#[test]
fn invalid_operations_give_the_indefinite() {
    assert_eq!(run(Op::FSub, INF, INF, 0), (INDEFINITE, IE));
    assert_eq!(run(Op::FMul, INF, SIGN, 0), (INDEFINITE, IE));
    assert_eq!(run(Op::FDiv, 0, SIGN, 0), (INDEFINITE, IE));
    assert_eq!(run(Op::FSqrt, SIGN | 1, 0, 0), (INDEFINITE, IE));
    assert_eq!(run(Op::FSqrt, SIGN, 0, 0), (SIGN, 0));
    assert_eq!(run(Op::FDiv, SIGN | ONE, 0, 0), (SIGN | INF, ZE));
    assert_eq!(run(Op::FDiv, 1, 0, 0), (INF, ZE), "ZE goes before DE");
    assert_eq!(run(Op::FMul, INF, 1, 0), (INF, DE));
}

#[test]
fn overflow_and_underflow_round_as_the_mode_says() {
    let modes = |op, a, b| [0, 1, 2, 3].map(|rc| run(op, a, b, rc << 13).0);
    assert_eq!(modes(Op::FAdd, MAX, MAX), [INF, MAX, INF, MAX]);
    assert_eq!(
        modes(Op::FSub, SIGN | MAX, MAX),
        [INF, INF, MAX, MAX].map(|x| x | SIGN)
    );
    // The smallest normal by 2^-24: half the smallest denormal.
    assert_eq!(modes(Op::FMul, MIN, 0x3380_0000), [0, 0, 1, 0]);
    assert_eq!(modes(Op::FSub, ONE, ONE), [0, SIGN, 0, 0]);
    assert_eq!(run(Op::FMul, MAX, MAX, 0), (INF, OE | PE));
    assert_eq!(run(Op::FMul, MIN, MIN, 0), (0, UE | PE));
    // Exact denormals do not underflow while UE is masked.
    assert_eq!(run(Op::FMul, MIN, 0x3f00_0000, 0), (MIN >> 1, 0));
    assert_eq!(run(Op::FMul, MIN, 0x3f00_0000, FTZ), (0, UE | PE));
    // 0x00ffffff * 2^-1 has 24 bits below the smallest normal: tiny after rounding, and rounds up to it.
    assert_eq!(run(Op::FMul, 0x00ff_ffff, 0x3f00_0000, 0), (MIN, UE | PE));
}

#[test]
fn denormals_are_zeros_only_if_asked() {
    assert_eq!(run(Op::FAdd, 1, 0, 0), (1, DE));
    assert_eq!(run(Op::FAdd, 1, 0, DAZ), (0, 0));
    assert_eq!(run(Op::FDiv, ONE, 1, DAZ), (INF, ZE));
    assert_eq!(run(Op::FSqrt, SIGN | 1, 0, DAZ), (SIGN, 0));
    assert_eq!(run(Op::FMax, 1, SIGN, DAZ), (SIGN, 0));
}

#[test]
fn unmasked_exceptions_trap_with_the_flags_the_manual_says() {
    let trap = |op, a, b, unmasked: u32, control: u32| {
        let mut mxcsr = MASKS & !(unmasked << 7) | control;
        let r = scalar(op, W, 0, [a, b, 0], &mut mxcsr).unwrap();
        assert_eq!(r, Err(Trap::Simd));
        mxcsr & ALL
    };
    assert_eq!(trap(Op::FDiv, ONE, 0, ZE, 0), ZE);
    assert_eq!(trap(Op::FMul, MAX, MAX, OE, 0), OE | PE);
    assert_eq!(
        trap(Op::FMul, MIN, 0x3f00_0000, UE, FTZ),
        UE,
        "exact, and FTZ does not apply"
    );
    assert_eq!(trap(Op::FAdd, ONE, 1, PE, 0), DE | PE);
    // An exception before computing hides those of another lane after computing.
    let (a, b) = (u128::from(ONE) << 32 | u128::from(MAX), u128::from(MAX));
    let mut mxcsr = MASKS & !(ZE << 7);
    assert_eq!(
        vector(Op::VFDiv, W, 0, [a, b, 0], 0, &mut mxcsr),
        Some(Err(Trap::Simd))
    );
    assert_eq!(mxcsr & ALL, IE | ZE);
}

#[test]
fn comparisons_signal_as_their_predicates_do() {
    let q = 0x7fc0_0000;
    let compare = |p: FpPredicate, a, b| {
        let mut mxcsr = MASKS;
        let r = scalar(Op::FCmp, W, p as u16, [a, b, 0], &mut mxcsr)
            .unwrap()
            .unwrap();
        (r, mxcsr & ALL)
    };
    use FpPredicate::{Eq, Le, Lt, Neq, Nle, Nlt, Ord, Unord};
    let expected = [(Eq, 0, 0), (Lt, 0, IE), (Le, 0, IE), (Unord, 1, 0)];
    for (p, r, flags) in
        expected
            .into_iter()
            .chain([(Neq, 1, 0), (Nlt, 1, IE), (Nle, 1, IE), (Ord, 0, 0)])
    {
        assert_eq!(compare(p, q, ONE), (r, flags), "{p:?}");
    }
    assert_eq!(compare(Eq, 0, SIGN), (1, 0));
    assert_eq!(compare(Lt, SIGN | ONE, SIGN), (1, 0));
    assert_eq!(compare(Le, 1, ONE), (1, DE));
    assert_eq!(
        run(Op::FComi, q, ONE, 0),
        (Rflags::ZF | Rflags::PF | Rflags::CF, 0)
    );
    assert_eq!(run(Op::FComi, 0, ONE, 0), (Rflags::CF, 0));
}

#[test]
fn conversions_to_integers_have_an_indefinite() {
    let to = |aux, a: f64, control| {
        let mut mxcsr = MASKS | control;
        let r = scalar(
            Op::FCvtToI,
            Width::W64,
            aux,
            [a.to_bits(), 0, 0],
            &mut mxcsr,
        )
        .unwrap()
        .unwrap();
        (r, mxcsr & ALL)
    };
    assert_eq!(to(2, 2_147_483_647.4, 0), (0x7fff_ffff, PE));
    assert_eq!(to(2, 2_147_483_647.5, 0), (0x8000_0000, IE));
    assert_eq!(to(6, 2_147_483_647.5, 0), (0x7fff_ffff, PE));
    assert_eq!(to(2, -2_147_483_648.0, 0), (0x8000_0000, 0));
    assert_eq!(to(6, -1.5, RC), (0xffff_ffff, PE));
    assert_eq!(to(2, -1.5, 0), (0xffff_fffe, PE));
    assert_eq!(to(3, 9.3e18, 0), (1 << 63, IE));
    assert_eq!(to(7, f64::NAN, 0), (1 << 63, IE));
    assert_eq!(to(2, f64::from_bits(1), 0), (0, PE), "no DE");
}

#[test]
fn float_conversions_keep_the_payload() {
    let mut mxcsr = MASKS;
    let mut convert = |w, a| {
        scalar(Op::FCvtF, w, 0, [a, 0, 0], &mut mxcsr)
            .unwrap()
            .unwrap()
    };
    assert_eq!(convert(Width::W64, 0xff80_0001), 0xfff8_0000_2000_0000);
    assert_eq!(convert(Width::W32, 0x7ff0_0000_2000_0001), 0x7fc0_0001);
    assert_eq!(convert(Width::W64, 1), 0x36a0_0000_0000_0000);
    let mut mxcsr = MASKS;
    let r = vector(
        Op::VCvt,
        W,
        CvtKind::F64F32 as u16,
        [1 << 64 | 0x7fe0 << 48, 0, 0],
        0,
        &mut mxcsr,
    );
    assert_eq!(r, Some(Ok(INF.into())));
    assert_eq!(mxcsr & ALL, DE | OE | UE | PE);
}

#[test]
fn fused_operations_round_once_and_prefer_the_first_nan() {
    let fused = |aux, args, control| {
        let mut mxcsr = MASKS | control;
        let r = scalar(Op::FFma, W, aux, args, &mut mxcsr).unwrap().unwrap();
        (r, mxcsr & ALL)
    };
    let (q1, s1, q2, s3) = (0x7fc0_0001, 0x7f80_0001, 0x7fc0_0002, 0x7f80_0003);
    assert_eq!(fused(0, [q1, q2, ONE], 0), (q1, 0));
    assert_eq!(fused(3, [ONE, q2, q1], 0), (q2, 0), "no sign is changed");
    assert_eq!(fused(0, [q1, ONE, s3], 0), (q1, IE));
    assert_eq!(fused(0, [s1, q2, ONE], 0), (s1 | 0x0040_0000, IE));
    assert_eq!(fused(0, [INF, 0, q2], 0), (q2, 0), "a quiet NaN goes first");
    assert_eq!(fused(0, [INF, 0, ONE], 0), (INDEFINITE, IE));
    assert_eq!(fused(0, [INF, ONE, SIGN | INF], 0), (INDEFINITE, IE));
    assert_eq!(fused(2, [INF, ONE, SIGN | INF], 0), (INF, 0));
    // (1 + 2^-23)^2 - (1 + 2^-22) = 2^-46
    let e = ONE + 1;
    assert_eq!(fused(2, [e, e, ONE + 2], 0), (0x2880_0000, 0));
    assert_eq!(fused(1, [e, e, ONE + 2], 0), (SIGN | 0x2880_0000, 0));
    assert_eq!(fused(2, [ONE, ONE, ONE], 0), (0, 0));
    assert_eq!(fused(2, [ONE, ONE, ONE], 1 << 13), (SIGN, 0));
    assert_eq!(fused(0, [MAX, MAX, 1], 0), (INF, DE | OE | PE));
    // A product far below the addend still rounds it.
    assert_eq!(fused(0, [MIN, MIN, ONE], 2 << 13), (ONE + 1, PE));
}

#[test]
fn half_precision_knows_no_daz_and_no_ftz() {
    let convert = |kind: CvtKind, a, control| {
        let mut mxcsr = MASKS | control;
        let r = vector(Op::VCvt, W, kind as u16, [a, 0, 0], 0, &mut mxcsr);
        (r.unwrap().unwrap(), mxcsr & ALL)
    };
    let widen = |a, control| convert(CvtKind::F16F32, a, control);
    assert_eq!(widen(0x3c00, 0), (ONE.into(), 0));
    assert_eq!(widen(1, DAZ), (0x3380_0000, 0));
    assert_eq!(widen(0xfc01, 0), (0xffc0_2000, IE));
    // 2^-24 is the smallest half; a single's denormal is DAZ's.
    assert_eq!(convert(CvtKind::F32F16, 0x3380_0000, FTZ), (1, 0));
    assert_eq!(convert(CvtKind::F32F16Up, 1, 0), (1, DE | UE | PE));
    assert_eq!(convert(CvtKind::F32F16Up, 1, DAZ), (0, 0));
    assert_eq!(convert(CvtKind::F32F16Trunc, 0x477f_f000, 0), (0x7bff, PE));
    assert_eq!(convert(CvtKind::F32F16, 0x477f_f000, 0), (0x7c00, OE | PE));
}

/// The two paths must not differ: the same operations with PE clear (soft) and set (fast).
#[test]
fn the_fast_path_gives_what_the_soft_one_gives() {
    let mut seed = 0x1234_5678_9abc_def1_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..20_000 {
        for w in [Width::W32, Width::W64] {
            let (a, b, c) = (next(), next(), next());
            for op in [
                Op::FAdd,
                Op::FSub,
                Op::FMul,
                Op::FDiv,
                Op::FMin,
                Op::FMax,
                Op::FSqrt,
                Op::FFma,
            ] {
                let (mut soft, mut fast) = (MASKS, MASKS | PE);
                let r = scalar(op, w, 0, [a, b, c], &mut soft);
                assert_eq!(
                    scalar(op, w, 0, [a, b, c], &mut fast),
                    r,
                    "{op:?} {w} {a:#x} {b:#x}"
                );
                assert_eq!(fast, soft | PE, "{op:?} {w} {a:#x} {b:#x}");
            }
        }
    }
}

#[test]
fn the_fast_path_takes_what_is_normal_and_gives_nothing_else() {
    let fast = |op, a, b| fast_binary(op, W, a, b);
    let (two, half) = (0x4000_0000, 0x3f00_0000);
    assert_eq!(fast(Op::FAdd, ONE, ONE), Some(two));
    assert_eq!(fast(Op::FAdd, SIGN | ONE, SIGN | ONE), Some(SIGN | two));
    assert_eq!(fast(Op::FMul, MAX, ONE), Some(MAX));
    assert_eq!(fast(Op::FDiv, MIN, half), Some(2 * MIN));
    assert_eq!(fast(Op::FDiv, MIN, ONE), None, "what may have been tiny");
    assert_eq!(fast(Op::FMul, MIN, SIGN | MIN), None);
    assert_eq!(fast(Op::FSub, ONE, ONE), Some(0), "exact");
    assert_eq!(fast(Op::FMul, 0, ONE), None);
    assert_eq!(fast(Op::FAdd, MAX, MAX), None);
    assert_eq!(fast(Op::FAdd, INF, ONE), None);
    assert_eq!(fast(Op::FAdd, 1, ONE), None);
    assert_eq!(fast(Op::FMin, ONE, two), Some(ONE));
    assert_eq!(fast(Op::FMax, ONE, two), Some(two));
}
