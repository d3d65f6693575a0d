//! SSE and SSE2 floating point, exactly: every rounding mode, DAZ, FTZ, the six exception flags, NaN
//! rules and unmasked exceptions (SDM vol. 1, 4.9, 10.2.3 and 11.5).
//!
//! How to call it: `scalar` for `FAdd` .. `FCvtToI`, `FCmp`, `FComi`, `FRound` and `FFma`, `vector` for
//! `VFAdd` .. `VCvt`, `VFAddSub`, `VFRound` and `VFFma`, with the instruction's `w` and `aux`, float arguments as their
//! bits in the low end of a `u64`, and the MXCSR. Arguments an operation does not have may be anything.
//!  Both add to the sticky flags in `mxcsr`. `Err(Trap::Simd)` means that an
//! unmasked exception occurred: the flags are set as the CPU sets them, and the instruction must not
//! write its result. Other operations give `None`.
//!
//! Two paths: if MXCSR is in its usual state (`Env::usual`) and nothing about the operands or the
//! result is special, the host's own arithmetic gives the same bits and the same flags; else `soft`
//! computes in integers. JIT code must call with the host's rounding mode at nearest-even: the fast
//! path is Rust arithmetic.
//!
//! Knows nothing of registers or memory.

mod lanes;
mod soft;

use crate::ir::{FP_HIGH_HALF, FP_LOW_HALF, FpPredicate, Op};
use crate::x86::{Rflags, Trap, Width};
use soft::Format;

pub use lanes::vector;

/// MXCSR's exception flags; the mask bits are seven bits further up (SDM vol. 1, figure 10-3).
#[allow(missing_docs)] // The manual's names.
pub mod flag {
    pub const IE: u32 = 1 << 0;
    pub const DE: u32 = 1 << 1;
    pub const ZE: u32 = 1 << 2;
    pub const OE: u32 = 1 << 3;
    pub const UE: u32 = 1 << 4;
    pub const PE: u32 = 1 << 5;
    /// The exceptions found before computing.
    pub const BEFORE: u32 = IE | DE | ZE;
    pub const ALL: u32 = 0x3f;
    pub const DAZ: u32 = 1 << 6;
    /// All six mask bits.
    pub const MASKS: u32 = ALL << 7;
    /// Rounding control.
    pub const RC: u32 = 3 << 13;
    pub const FTZ: u32 = 1 << 15;
}
use flag::IE;

/// MXCSR as one instruction sees it, and the exceptions the instruction raised so far.
#[derive(Clone, Copy)]
pub(crate) struct Env {
    mxcsr: u32,
    raised: u32,
}

impl Env {
    pub(crate) const fn new(mxcsr: u32) -> Env {
        Env { mxcsr, raised: 0 }
    }

    /// The same for an instruction that truncates whatever MXCSR says.
    const fn truncating(self) -> Env {
        Env {
            mxcsr: self.mxcsr | flag::RC,
            ..self
        }
    }

    /// 0 nearest even, 1 down, 2 up, 3 toward zero.
    const fn rounding(&self) -> u32 {
        self.mxcsr >> 13 & 3
    }

    const fn masked(&self, exception: u32) -> bool {
        self.mxcsr >> 7 & exception != 0
    }

    const fn daz(&self) -> bool {
        self.mxcsr & flag::DAZ != 0
    }

    const fn ftz(&self) -> bool {
        self.mxcsr & flag::FTZ != 0
    }

    const fn raise(&mut self, exceptions: u32) {
        self.raised |= exceptions;
    }

    /// Round to nearest, nothing unmasked, PE already set: then an operation on normal numbers with
    /// a normal result leaves no trace but the result. DAZ and FTZ only concern denormals.
    pub(crate) const fn usual(&self) -> bool {
        self.mxcsr & (flag::RC | flag::MASKS | flag::PE) == flag::MASKS | flag::PE
    }

    /// Ends an instruction: makes what it raised sticky. Exceptions found before computing, if one of
    /// them is unmasked, keep the others from being found.
    pub(crate) fn finish(self, mxcsr: &mut u32) -> Result<(), Trap> {
        let unmasked = self.raised & !(self.mxcsr >> 7);
        *mxcsr |= if unmasked & flag::BEFORE != 0 {
            self.raised & flag::BEFORE
        } else {
            self.raised
        };
        if unmasked == 0 {
            Ok(())
        } else {
            Err(Trap::Simd)
        }
    }

    /// The same for one half of an instruction on 256 bits. What the lower half raised, where not all
    /// exceptions are masked, waits in the bits of MXCSR that do not exist until the upper half, which is
    /// next, has raised what it raises.
    pub(crate) fn finish_half(mut self, half: u64, mxcsr: &mut u32) -> Result<(), Trap> {
        const WAITING: u32 = 16;
        if half == FP_LOW_HALF && self.mxcsr & flag::MASKS != flag::MASKS {
            *mxcsr |= self.raised << WAITING;
            return Ok(());
        }
        if half == FP_HIGH_HALF {
            self.raised |= *mxcsr >> WAITING & flag::ALL;
            *mxcsr &= !(flag::ALL << WAITING);
        }
        self.finish(mxcsr)
    }

    /// An operand as DAZ makes it.
    const fn operand(&self, f: Format, a: u64) -> u64 {
        if self.daz() && f.is_denormal(a) {
            a & f.sign_bit()
        } else {
            a
        }
    }

    /// If an operand is a NaN, the result of an arithmetic operation: the first one's NaN, else the
    /// second's, quieted; IE if one is signaling (SDM vol. 1, table 4-7).
    fn nan(&mut self, f: Format, a: u64, b: u64) -> Option<u64> {
        if !f.is_nan(a) && !f.is_nan(b) {
            return None;
        }
        if f.is_snan(a) || f.is_snan(b) {
            self.raise(IE);
        }
        Some(if f.is_nan(a) { a } else { b } | f.quiet_bit())
    }

    /// An arithmetic operation of two operands on one lane.
    pub(crate) fn binary(&mut self, op: Op, w: Width, a: u64, b: u64) -> u64 {
        if self.usual()
            && let Some(r) = fast_binary(op, w, a, b)
        {
            return r;
        }
        let f = Format::of(w);
        let (a, b) = (self.operand(f, a), self.operand(f, b));
        if matches!(op, Op::FMin | Op::FMax) {
            return self.min_max(f, op == Op::FMin, a, b);
        }
        if let Some(nan) = self.nan(f, a, b) {
            return nan;
        }
        match op {
            Op::FAdd => self.add(f, a, b),
            Op::FSub => self.add(f, a, b ^ f.sign_bit()),
            Op::FMul => self.mul(f, a, b),
            _ => self.div(f, a, b),
        }
    }

    /// a * b + c on one lane, with the signs `aux` & 3 of `FFma` says.
    pub(crate) fn fused(&mut self, w: Width, aux: u16, args: [u64; 3]) -> u64 {
        if self.usual()
            && let Some(r) = fast_fused(w, aux, args)
        {
            return r;
        }
        let f = Format::of(w);
        let [a, b, c] = args.map(|x| self.operand(f, x));
        if f.is_nan(a) || f.is_nan(b) {
            // A signaling NaN is invalid wherever it is.
            self.nan(f, c, c);
            return self.nan(f, a, b).unwrap_or(a);
        }
        if let Some(nan) = self.nan(f, c, c) {
            return nan;
        }
        let sign = |flip: u16| if aux & flip != 0 { f.sign_bit() } else { 0 };
        self.fma(f, a ^ sign(1), b, c ^ sign(2))
    }

    /// MINSS and MAXSS: the second operand unless the first is strictly less (greater).
    fn min_max(&mut self, f: Format, min: bool, a: u64, b: u64) -> u64 {
        if f.is_nan(a) || f.is_nan(b) {
            self.raise(IE);
            return b;
        }
        self.denormals(f, a, b);
        let first = if min { less(f, a, b) } else { less(f, b, a) };
        if first { a } else { b }
    }

    /// The square root of one lane.
    pub(crate) fn root(&mut self, w: Width, a: u64) -> u64 {
        if self.usual()
            && let Some(r) = fast_sqrt(w, a)
        {
            return r;
        }
        let f = Format::of(w);
        let a = self.operand(f, a);
        match self.nan(f, a, a) {
            Some(nan) => nan,
            None => self.sqrt(f, a),
        }
    }

    /// One lane rounded to an integer as `control`, `Inst::aux` of `FRound`, says.
    pub(crate) fn integral(&mut self, w: Width, control: u16, a: u64) -> u64 {
        let f = Format::of(w);
        let a = self.operand(f, a);
        if let Some(nan) = self.nan(f, a, a) {
            return nan;
        }
        if f.is_infinite(a) {
            return a;
        }
        let mut env = *self;
        if control & 4 == 0 {
            env.mxcsr = env.mxcsr & !flag::RC | u32::from(control & 3) << 13;
        }
        let (r, inexact) = env.round_to_integral(f, a);
        if inexact && control & 8 == 0 {
            self.raise(flag::PE);
        }
        r
    }

    /// A comparison of one lane: equal, less, or neither; `None` is unordered. IE for a signaling NaN,
    /// and for any if `signaling`.
    fn compare(&mut self, w: Width, signaling: bool, a: u64, b: u64) -> Option<std::cmp::Ordering> {
        let f = Format::of(w);
        let (a, b) = (self.operand(f, a), self.operand(f, b));
        if f.is_nan(a) || f.is_nan(b) {
            if signaling || f.is_snan(a) || f.is_snan(b) {
                self.raise(IE);
            }
            return None;
        }
        self.denormals(f, a, b);
        Some(match (less(f, a, b), less(f, b, a)) {
            (true, _) => std::cmp::Ordering::Less,
            (_, true) => std::cmp::Ordering::Greater,
            _ => std::cmp::Ordering::Equal,
        })
    }

    /// CMPSS's predicate on one lane.
    pub(crate) fn predicate(&mut self, w: Width, p: FpPredicate, a: u64, b: u64) -> bool {
        let truth = p.truth();
        match self.compare(w, p.signaling(), a, b) {
            None => truth.unordered,
            Some(std::cmp::Ordering::Less) => truth.less,
            Some(std::cmp::Ordering::Equal) => truth.equal,
            Some(std::cmp::Ordering::Greater) => truth.greater,
        }
    }

    /// UCOMISS's flags (COMISS's if `signaling`).
    fn comi(&mut self, w: Width, signaling: bool, a: u64, b: u64) -> u64 {
        match self.compare(w, signaling, a, b) {
            None => Rflags::ZF | Rflags::PF | Rflags::CF,
            Some(std::cmp::Ordering::Less) => Rflags::CF,
            Some(std::cmp::Ordering::Equal) => Rflags::ZF,
            Some(std::cmp::Ordering::Greater) => 0,
        }
    }

    /// To the float format of width `to` from the other one.
    pub(crate) fn float_to_float(&mut self, to: Width, a: u64) -> u64 {
        let from = if to == Width::W64 {
            Width::W32
        } else {
            Width::W64
        };
        if self.usual()
            && let Some(r) = fast_convert(to, a)
        {
            return r;
        }
        let a = self.operand(Format::of(from), a);
        self.between(Format::of(from), Format::of(to), a)
    }

    /// VCVTPH2PS on one lane. Half-precision denormals are numbers like others: neither DAZ nor DE.
    pub(crate) fn half_to_single(&mut self, a: u64) -> u64 {
        let mut env = *self;
        let r = env.between(Format::HALF, Format::of(Width::W32), a);
        self.raise(env.raised & !flag::DE);
        r
    }

    /// VCVTPS2PH on one lane, rounded so or as MXCSR says. FTZ does not apply to half precision.
    pub(crate) fn single_to_half(&mut self, rounding: Option<u32>, a: u64) -> u64 {
        let mut env = *self;
        env.mxcsr &= !flag::FTZ;
        if let Some(rc) = rounding {
            env.mxcsr = env.mxcsr & !flag::RC | rc << 13;
        }
        let f = Format::of(Width::W32);
        let a = self.operand(f, a);
        let r = env.between(f, Format::HALF, a);
        self.raise(env.raised);
        r
    }

    /// From one format to another.
    fn between(&mut self, f: Format, t: Format, a: u64) -> u64 {
        let sign = if f.is_negative(a) { t.sign_bit() } else { 0 };
        if let Some(nan) = self.nan(f, a, a) {
            // The payload stays at the top of the fraction.
            let payload = nan & (f.quiet_bit() - 1);
            let payload = if t.frac_bits > f.frac_bits {
                payload << (t.frac_bits - f.frac_bits)
            } else {
                payload >> (f.frac_bits - t.frac_bits)
            };
            return sign | t.infinity() | t.quiet_bit() | payload;
        }
        if f.is_infinite(a) {
            return sign | t.infinity();
        }
        self.convert(f, t, a)
    }

    /// From a float of width `w` to a signed integer of width `int`.
    pub(crate) fn float_to_int(&mut self, w: Width, int: Width, a: u64) -> u64 {
        const TRUNCATING: u32 = flag::RC | flag::PE | flag::PE << 7;
        if self.mxcsr & TRUNCATING == TRUNCATING
            && let Some(r) = fast_truncate(w, int, a)
        {
            return r;
        }
        let f = Format::of(w);
        let a = self.operand(f, a);
        if a & f.infinity() == f.infinity() {
            self.raise(IE);
            return int.sign_bit();
        }
        self.round_to_int(f, int, a)
    }

    /// The same, truncating.
    pub(crate) fn float_to_int_truncating(&mut self, w: Width, int: Width, a: u64) -> u64 {
        let mut env = self.truncating();
        let r = env.float_to_int(w, int, a);
        self.raise(env.raised);
        r
    }

    /// From a signed integer to a float of width `w`.
    #[allow(clippy::cast_precision_loss)] // The conversion itself.
    pub(crate) fn int_to_float(&mut self, w: Width, v: i64) -> u64 {
        if self.usual() {
            return if w == Width::W64 {
                (v as f64).to_bits()
            } else {
                (v as f32).to_bits().into()
            };
        }
        self.int_to(Format::of(w), v)
    }
}

/// a < b, neither being a NaN.
const fn less(f: Format, a: u64, b: u64) -> bool {
    if f.is_zero(a) && f.is_zero(b) {
        return false;
    }
    match (f.is_negative(a), f.is_negative(b)) {
        (false, false) => a < b,
        (true, true) => b < a,
        (negative, _) => negative,
    }
}

/// Whether a fast path may take `x` as an operand: zero or normal.
fn plain_operand(f: Format, x: u64) -> bool {
    // Zero exponents wrap to the top.
    let exp = (x & f.infinity()).wrapping_sub(1 << f.frac_bits);
    exp < f.infinity() - (1 << f.frac_bits) || f.is_zero(x)
}

/// Whether a fast path may give `x` as a result: normal, and above the smallest, which the result of
/// an underflow may round to.
fn plain_result(f: Format, x: u64) -> bool {
    let magnitude = x & !f.sign_bit();
    magnitude > 1 << f.frac_bits && magnitude < f.infinity()
}

/// The host's arithmetic, where it gives the same as `soft` and no new flag but PE.
#[inline]
fn fast_binary(op: Op, w: Width, a: u64, b: u64) -> Option<u64> {
    let f = Format::of(w);
    if !plain_operand(f, a) || !plain_operand(f, b) {
        return None;
    }
    let r = if w == Width::W64 {
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        match op {
            Op::FAdd => x + y,
            Op::FSub => x - y,
            Op::FMul => x * y,
            Op::FDiv => x / y,
            Op::FMin => return Some(if x < y { a } else { b }),
            _ => return Some(if x > y { a } else { b }),
        }
        .to_bits()
    } else {
        let (x, y) = (single(a), single(b));
        match op {
            Op::FAdd => x + y,
            Op::FSub => x - y,
            Op::FMul => x * y,
            Op::FDiv => x / y,
            Op::FMin => return Some(if x < y { a } else { b }),
            _ => return Some(if x > y { a } else { b }),
        }
        .to_bits()
        .into()
    };
    // Sums of such operands are zero only if they are exact.
    (plain_result(f, r) || f.is_zero(r) && matches!(op, Op::FAdd | Op::FSub)).then_some(r)
}

/// The host's, in the same cases.
fn fast_fused(w: Width, aux: u16, args: [u64; 3]) -> Option<u64> {
    let f = Format::of(w);
    if !args.iter().all(|x| plain_operand(f, *x)) {
        return None;
    }
    let [a, b, c] = args;
    let sign = |flip: u16| if aux & flip != 0 { f.sign_bit() } else { 0 };
    let (a, c) = (a ^ sign(1), c ^ sign(2));
    let r = if w == Width::W64 {
        f64::from_bits(a)
            .mul_add(f64::from_bits(b), f64::from_bits(c))
            .to_bits()
    } else {
        single(a).mul_add(single(b), single(c)).to_bits().into()
    };
    plain_result(f, r).then_some(r)
}

#[inline]
fn fast_sqrt(w: Width, a: u64) -> Option<u64> {
    let f = Format::of(w);
    if !plain_operand(f, a) || f.is_negative(a) {
        return None;
    }
    Some(if w == Width::W64 {
        f64::from_bits(a).sqrt().to_bits()
    } else {
        single(a).sqrt().to_bits().into()
    })
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // The conversion itself.
fn fast_convert(to: Width, a: u64) -> Option<u64> {
    if to == Width::W64 {
        plain_operand(Format::of(Width::W32), a).then(|| f64::from(single(a)).to_bits())
    } else if plain_operand(Format::of(Width::W64), a) {
        let r = u64::from((f64::from_bits(a) as f32).to_bits());
        plain_result(Format::of(to), r).then_some(r)
    } else {
        None
    }
}

/// Truncation where the result fits. It raises PE at most.
#[inline]
#[allow(clippy::cast_possible_truncation)] // The conversion itself.
fn fast_truncate(w: Width, int: Width, a: u64) -> Option<u64> {
    let x = if w == Width::W64 {
        f64::from_bits(a)
    } else {
        single(a).into()
    };
    let limit = if int == Width::W64 {
        9.0e18
    } else {
        2_147_483_647.0
    };
    (x.abs() < limit).then(|| int.zext((x as i64).cast_unsigned()))
}

#[allow(clippy::cast_possible_truncation)] // Floats of 32 bits are in the low half.
fn single(a: u64) -> f32 {
    f32::from_bits(a as u32)
}

/// A scalar operation. See the module's head; `w` and `aux` are the instruction's.
///
/// # Errors
/// `Trap::Simd` for an unmasked exception.
#[inline]
pub fn scalar(
    op: Op,
    w: Width,
    aux: u16,
    [a, b, c]: [u64; 3],
    mxcsr: &mut u32,
) -> Option<Result<u64, Trap>> {
    let mut env = Env::new(*mxcsr);
    let (a, b) = match op {
        Op::FCvtF => (
            if w == Width::W64 {
                Width::W32.zext(a)
            } else {
                a
            },
            b,
        ),
        Op::FCvtFromI => (a, b),
        _ => (w.zext(a), w.zext(b)),
    };
    let r = match op {
        Op::FAdd | Op::FSub | Op::FMul | Op::FDiv | Op::FMin | Op::FMax => env.binary(op, w, a, b),
        Op::FFma => env.fused(w, aux, [a, b, w.zext(c)]),
        Op::FSqrt => env.root(w, a),
        Op::FRound => env.integral(w, aux, a),
        Op::FCmp => env.predicate(w, FpPredicate::from_aux(aux)?, a, b).into(),
        Op::FComi => env.comi(w, aux == 1, a, b),
        Op::FCvtF => env.float_to_float(w, a),
        Op::FCvtFromI => env.int_to_float(w, int_width(aux).sext(a)),
        Op::FCvtToI if aux & 4 != 0 => env.float_to_int_truncating(w, int_width(aux), a),
        Op::FCvtToI => env.float_to_int(w, int_width(aux), a),
        _ => return None,
    };
    Some(env.finish(mxcsr).map(|()| r))
}

/// The integer width in a conversion's `aux`.
const fn int_width(aux: u16) -> Width {
    if aux & 3 == 3 { Width::W64 } else { Width::W32 }
}

#[cfg(test)]
mod tests;
