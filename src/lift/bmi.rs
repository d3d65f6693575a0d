//! Bit counts and bit manipulation: POPCNT, CRC32, LZCNT and TZCNT, BMI1, BMI2 (SDM vol. 1, 5.1.6 and
//! 5.1.16).
//!
//! Undefined in the manual: AF is 0; PF, and SF of LZCNT and TZCNT, follow the result; OF of LZCNT and
//! TZCNT is 0, as on Intel CPUs (AMD's leave it).

use super::cx::{Cx, Lifted};
use crate::ir::{Op, Value};
use crate::x86::{Gpr, Rflags, Width};
use iced_x86::Mnemonic;

/// POPCNT: of the flags, ZF alone can be 1.
pub fn popcnt(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let src = cx.read(1)?;
    let n = cx.op(Op::Popcnt, w, &[src]);
    cx.write(0, n)?;
    let zero = cx.is_zero(w, src);
    let zf = cx.shl_imm(Width::W64, zero, Rflags::ZF.trailing_zeros());
    let f = cx.raw_flags(zf);
    cx.set_flags(f);
    Ok(())
}

/// CRC32: of the low 32 bits of the destination and the source.
pub fn crc32(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(1)?;
    let data = cx.read(1)?;
    let crc = cx.read(0)?;
    let r = cx.op(Op::Crc32c, w, &[crc, data]);
    cx.write(0, r)
}

/// LZCNT, TZCNT: CF says that there was no one to be found.
pub fn count_zeros(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let src = cx.read(1)?;
    let op = if cx.insn.mnemonic() == Mnemonic::Lzcnt {
        Op::Clz
    } else {
        Op::Ctz
    };
    let n = cx.op(op, w, &[src]);
    cx.write(0, n)?;
    let none = cx.is_zero(w, src);
    flags(cx, w, n, none);
    Ok(())
}

/// ZF and SF of `r`, and CF.
fn flags(cx: &mut Cx<'_>, w: Width, r: Value, cf: Value) {
    let f = cx.op(Op::FlRes, w, &[r, cf]);
    cx.set_flags(f);
}

/// ANDN: the complement of the first source is what is taken.
pub fn andn(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let (a, b) = (cx.read(1)?, cx.read(2)?);
    let ones = cx.konst(u64::MAX);
    let a = cx.xor(w, a, ones);
    let r = cx.and(w, a, b);
    cx.write(0, r)?;
    let f = cx.op(Op::FlLogic, w, &[r]);
    cx.set_flags(f);
    Ok(())
}

/// As many ones as `n` says, all 64 if it is that or more.
fn ones(cx: &mut Cx<'_>, n: Value) -> Value {
    let one = cx.konst(1);
    let power = cx.op(Op::Shl, Width::W64, &[one, n]);
    let limit = cx.konst(64);
    let below = cx.op(Op::LtU, Width::W64, &[n, limit]);
    let zero = cx.konst(0);
    let power = cx.select(below, power, zero);
    cx.add_imm(Width::W64, power, -1)
}

/// BEXTR: bits 7:0 of the second source are where to begin, bits 15:8 how many bits to take.
pub fn bextr(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let (src, control) = (cx.read(1)?, cx.read(2)?);
    let start = cx.op(Op::Zext, Width::W8, &[control]);
    let shifted = cx.op(Op::Shr, w, &[src, start]);
    let limit = cx.konst(w.bits().into());
    let inside = cx.op(Op::LtU, Width::W64, &[start, limit]);
    let zero = cx.konst(0);
    let shifted = cx.select(inside, shifted, zero);
    let len = cx.shr_imm(Width::W64, control, 8);
    let len = cx.op(Op::Zext, Width::W8, &[len]);
    let mask = ones(cx, len);
    let r = cx.and(w, shifted, mask);
    cx.write(0, r)?;
    let f = cx.op(Op::FlLogic, w, &[r]);
    cx.set_flags(f);
    Ok(())
}

/// BLSI, BLSMSK, BLSR: the lowest one alone, the ones up to it, all but it.
pub fn lowest(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let src = cx.read(1)?;
    let r = if cx.insn.mnemonic() == Mnemonic::Blsi {
        let zero = cx.konst(0);
        let negated = cx.sub(w, zero, src);
        cx.and(w, src, negated)
    } else {
        let less = cx.add_imm(w, src, -1);
        let op = if cx.insn.mnemonic() == Mnemonic::Blsr {
            Op::And
        } else {
            Op::Xor
        };
        cx.op(op, w, &[src, less])
    };
    cx.write(0, r)?;
    let cf = if cx.insn.mnemonic() == Mnemonic::Blsi {
        cx.is_nonzero(w, src)
    } else {
        cx.is_zero(w, src)
    };
    flags(cx, w, r, cf);
    Ok(())
}

/// BZHI: bits 7:0 of the second source are how many bits stay; CF says that it is no bit's number.
pub fn bzhi(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let (src, n) = (cx.read(1)?, cx.read(2)?);
    let n = cx.op(Op::Zext, Width::W8, &[n]);
    let mask = ones(cx, n);
    let r = cx.and(w, src, mask);
    cx.write(0, r)?;
    let bits = cx.konst(w.bits().into());
    let beyond = cx.op(Op::LeU, Width::W64, &[bits, n]);
    flags(cx, w, r, beyond);
    Ok(())
}

/// MULX: RDX times the source, no flags; where both destinations are one register, the high half is left.
pub fn mulx(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let src = cx.read(2)?;
    let rdx = cx.gpr(Gpr::RDX);
    let (low, high) = if w == Width::W64 {
        let low = cx.op(Op::Mul, w, &[rdx, src]);
        (low, cx.op(Op::MulHiU, w, &[rdx, src]))
    } else {
        let edx = cx.op(Op::Zext, w, &[rdx]);
        let product = cx.op(Op::Mul, Width::W64, &[edx, src]);
        (product, cx.shr_imm(Width::W64, product, w.bits()))
    };
    cx.write(1, low)?;
    cx.write(0, high)
}

/// PDEP, PEXT
pub fn deposit_extract(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let (src, mask) = (cx.read(1)?, cx.read(2)?);
    let op = if cx.insn.mnemonic() == Mnemonic::Pdep {
        Op::Pdep
    } else {
        Op::Pext
    };
    let r = cx.op(op, w, &[src, mask]);
    cx.write(0, r)
}

/// RORX
pub fn rorx(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let src = cx.read(1)?;
    let n = cx.konst(cx.imm(2) & (u64::from(w.bits()) - 1));
    let r = cx.op(Op::Rotr, w, &[src, n]);
    cx.write(0, r)
}

/// SARX, SHLX, SHRX: counts modulo the width.
pub fn shift(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let (src, n) = (cx.read(1)?, cx.read(2)?);
    let n = cx.and_imm(Width::W64, n, u64::from(w.bits()) - 1);
    let op = match cx.insn.mnemonic() {
        Mnemonic::Sarx => Op::Sar,
        Mnemonic::Shlx => Op::Shl,
        _ => Op::Shr,
    };
    let r = cx.op(op, w, &[src, n]);
    cx.write(0, r)
}
