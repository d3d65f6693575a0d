//! Packed floating point: the scalar operations on each lane, their exceptions taken together.

use super::{Env, Trap, Width};
use crate::ir::eval::vector::{lane, with_lane};
use crate::ir::{CvtKind, FpPredicate, Op};

/// A packed operation, perhaps on one `half` of 256 bits (`ir::FP_LOW_HALF`). See the head of `super`.
///
/// # Errors
/// `Trap::Simd` for an unmasked exception in any lane.
#[inline]
pub fn vector(
    op: Op,
    w: Width,
    aux: u16,
    [a, b, c]: [u128; 3],
    half: u64,
    mxcsr: &mut u32,
) -> Option<Result<u128, Trap>> {
    let mut env = Env::new(*mxcsr);
    let scalar = match op {
        Op::VFAdd => Op::FAdd,
        Op::VFSub => Op::FSub,
        Op::VFMul => Op::FMul,
        Op::VFDiv => Op::FDiv,
        Op::VFMin => Op::FMin,
        Op::VFMax => Op::FMax,
        other => other,
    };
    let r = match op {
        // Not `each`: the lanes differ.
        Op::VFAddSub => (0..16 / w.bytes()).fold(0, |r, n| {
            let op = if n % 2 == 0 { Op::FSub } else { Op::FAdd };
            with_lane(w, r, n, env.binary(op, w, lane(w, a, n), lane(w, b, n)))
        }),
        Op::VFFma => (0..16 / w.bytes()).fold(0, |r, n| {
            let even = aux & 4 != 0 && n % 2 == 0;
            let aux = if even { aux ^ 2 } else { aux };
            let args = [a, b, c].map(|v| lane(w, v, n));
            with_lane(w, r, n, env.fused(w, aux, args))
        }),
        Op::VFRound => each(w, a, b, |x, _| env.integral(w, aux, x)),
        Op::VFSqrt => each(w, a, b, |x, _| env.root(w, x)),
        Op::VFCmp => {
            let p = FpPredicate::from_aux(aux)?;
            each(w, a, b, |x, y| {
                if env.predicate(w, p, x, y) {
                    w.mask()
                } else {
                    0
                }
            })
        }
        Op::VCvt => convert(&mut env, CvtKind::from_aux(aux)?, a),
        _ if scalar != op => each(w, a, b, |x, y| env.binary(scalar, w, x, y)),
        _ => return None,
    };
    Some(env.finish_half(half, mxcsr).map(|()| r))
}

fn each(w: Width, a: u128, b: u128, mut f: impl FnMut(u64, u64) -> u64) -> u128 {
    (0..16 / w.bytes()).fold(0, |r, n| {
        with_lane(w, r, n, f(lane(w, a, n), lane(w, b, n)))
    })
}

fn convert(env: &mut Env, kind: CvtKind, a: u128) -> u128 {
    use Width::{W16, W32, W64};
    // From lanes of one width to as many lanes of another, from the low end.
    let mut lanes = |from: Width, to: Width, n: u64, f: &mut dyn FnMut(&mut Env, u64) -> u64| {
        (0..n).fold(0, |r, i| with_lane(to, r, i, f(env, lane(from, a, i))))
    };
    match kind {
        CvtKind::I32F32 => lanes(W32, W32, 4, &mut |e, x| e.int_to_float(W32, W32.sext(x))),
        CvtKind::F32I32 => lanes(W32, W32, 4, &mut |e, x| e.float_to_int(W32, W32, x)),
        CvtKind::F32I32Trunc => lanes(W32, W32, 4, &mut |e, x| {
            e.float_to_int_truncating(W32, W32, x)
        }),
        CvtKind::I32F64 => lanes(W32, W64, 2, &mut |e, x| e.int_to_float(W64, W32.sext(x))),
        CvtKind::F64I32 => lanes(W64, W32, 2, &mut |e, x| e.float_to_int(W64, W32, x)),
        CvtKind::F64I32Trunc => lanes(W64, W32, 2, &mut |e, x| {
            e.float_to_int_truncating(W64, W32, x)
        }),
        CvtKind::F32F64 => lanes(W32, W64, 2, &mut |e, x| e.float_to_float(W64, x)),
        CvtKind::F64F32 => lanes(W64, W32, 2, &mut |e, x| e.float_to_float(W32, x)),
        CvtKind::F16F32 => lanes(W16, W32, 4, &mut |e, x| e.half_to_single(x)),
        CvtKind::F32F16 => lanes(W32, W16, 4, &mut |e, x| e.single_to_half(None, x)),
        CvtKind::F32F16Nearest => lanes(W32, W16, 4, &mut |e, x| e.single_to_half(Some(0), x)),
        CvtKind::F32F16Down => lanes(W32, W16, 4, &mut |e, x| e.single_to_half(Some(1), x)),
        CvtKind::F32F16Up => lanes(W32, W16, 4, &mut |e, x| e.single_to_half(Some(2), x)),
        CvtKind::F32F16Trunc => lanes(W32, W16, 4, &mut |e, x| e.single_to_half(Some(3), x)),
    }
}
