//! Conversions whose result has another size than the source.

use super::{Cx, Lifted, Op, Unsupported, Value, Width, is_wide};
use crate::ir::CvtKind;

/// The low halves of the results' sources: operand 1's lower 64 bits, and with YMM results its upper ones
/// too, each in the low half of a vector. Memory has as many bits as count.
fn narrow_sources(cx: &mut Cx<'_>) -> Result<Vec<Value>, Unsupported> {
    if !is_wide(cx) {
        return Ok(vec![cx.xmm_low(Width::W64, 1)?]);
    }
    let v = cx.count128(1)?;
    let mut upper = [0x80; 16];
    for (s, n) in upper.iter_mut().zip(8..16) {
        *s = n;
    }
    let high = cx.shuffle(v, v, upper);
    Ok(vec![v, high])
}

fn convert(cx: &mut Cx<'_>, kind: CvtKind, halves: Vec<Value>) -> Vec<Value> {
    let args: Vec<_> = halves.into_iter().map(|v| vec![v]).collect();
    cx.fp_halves(Op::VCvt, Width::W32, kind as u16, &args)
}

fn widening(cx: &mut Cx<'_>, kind: CvtKind) -> Lifted {
    let sources = narrow_sources(cx)?;
    let r = convert(cx, kind, sources);
    cx.set_halves(&r)
}

/// VCVTDQ2PD
pub fn cvtdq2pd(cx: &mut Cx<'_>) -> Lifted {
    widening(cx, CvtKind::I32F64)
}

/// VCVTPS2PD
pub fn cvtps2pd(cx: &mut Cx<'_>) -> Lifted {
    widening(cx, CvtKind::F32F64)
}

/// VCVTPH2PS
pub fn cvtph2ps(cx: &mut Cx<'_>) -> Lifted {
    widening(cx, CvtKind::F16F32)
}

/// VCVTPS2PH: to a register, which is cleared above, or to as many bits of memory as there are.
pub fn cvtps2ph(cx: &mut Cx<'_>) -> Lifted {
    let kind = CvtKind::to_half(cx.insn.immediate8().into());
    let halves = cx.halves(1)?;
    if !cx.is_mem(0) {
        let v = narrowed(cx, halves, kind)?;
        return cx.set_ymm(v, None);
    }
    // If the store faults, MXCSR shows nothing of the conversion.
    let wide = is_wide(cx);
    let (addr, disp) = cx.address()?;
    probe(cx, addr, disp, if wide { 15 } else { 7 });
    let v = narrowed(cx, halves, kind)?;
    if wide {
        cx.vstore(addr, disp, v, 0);
    } else {
        let v = cx.op_imm(Op::VExtract, Width::W64, &[v], 0, 0);
        cx.store(Width::W64, addr, disp, v);
    }
    Ok(())
}

/// Raises the page fault that a store to the bytes up to `last` would raise.
fn probe(cx: &mut Cx<'_>, addr: Value, disp: i64, last: i64) {
    let w = Width::W64;
    let first = cx.add_imm(w, addr, disp);
    let last = cx.add_imm(w, first, last);
    let page = cx.and_imm(w, last, !0xfff);
    let crosses = cx.op(Op::LtU, w, &[first, page]);
    let second = cx.select(crosses, page, first);
    for at in [first, second] {
        cx.op(Op::ProbeWrite, Width::W8, &[at]);
    }
}

/// Each half to 64 bits, joined.
fn narrowed(cx: &mut Cx<'_>, halves: Vec<Value>, kind: CvtKind) -> Result<Value, Unsupported> {
    match convert(cx, kind, halves)[..] {
        [low, high] => Ok(super::super::data::halves(cx, low, high, 0, 16)),
        [low, ..] => Ok(low),
        [] => Err(Unsupported),
    }
}

/// Each half of operand 1 to 64 bits; the upper half of the destination becomes zero.
fn narrowing(cx: &mut Cx<'_>, kind: CvtKind) -> Lifted {
    let halves = cx.halves_of_source()?;
    let joined = narrowed(cx, halves, kind)?;
    cx.set_ymm(joined, None)
}

/// VCVTPD2DQ
pub fn cvtpd2dq(cx: &mut Cx<'_>) -> Lifted {
    narrowing(cx, CvtKind::F64I32)
}

/// VCVTTPD2DQ
pub fn cvttpd2dq(cx: &mut Cx<'_>) -> Lifted {
    narrowing(cx, CvtKind::F64I32Trunc)
}

/// VCVTPD2PS
pub fn cvtpd2ps(cx: &mut Cx<'_>) -> Lifted {
    narrowing(cx, CvtKind::F64F32)
}

impl Cx<'_> {
    /// The halves of operand 1, which is a register or as many bits of memory as the instruction's length
    /// says: the destination does not tell.
    fn halves_of_source(&mut self) -> Result<Vec<Value>, Unsupported> {
        let wide = if self.is_mem(1) {
            self.insn.memory_size().size() == 32
        } else {
            self.insn.op_register(1).is_ymm()
        };
        Ok(if wide {
            self.both(1)?.to_vec()
        } else {
            vec![self.count128(1)?]
        })
    }
}
