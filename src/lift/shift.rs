//! Shifts, rotates and double shifts (SDM vol. 1, 5.1.5).
//!
//! A masked count of 0 changes no flag. Flags the manual leaves undefined: OF for counts other than 1
//! is what the formula for 1 gives, AF is 0. Double shifts of 16-bit operands by more than 16 take
//! their bits from destination:source:destination, as Intel CPUs do.

use super::cx::{Cx, Lifted};
use crate::ir::{Op, Value};
use crate::x86::{Rflags, Width};
use iced_x86::{Mnemonic, OpKind};

/// The masked count: a constant, or a value that may be 0.
struct Count {
    v: Value,
    constant: Option<u64>,
}

fn count(cx: &mut Cx<'_>, n: u32, w: Width) -> Result<Count, super::cx::Unsupported> {
    let mask = if w == Width::W64 { 63 } else { 31 };
    if cx.insn.op_kind(n) == OpKind::Register {
        let cl = cx.read(n)?;
        Ok(Count {
            v: cx.and_imm(Width::W64, cl, mask),
            constant: None,
        })
    } else {
        let c = cx.imm(n) & mask;
        Ok(Count {
            v: cx.konst(c),
            constant: Some(c),
        })
    }
}

/// Sets the flags of `mask` from bundle `f` unless the count is 0.
fn set_flags_unless_zero(cx: &mut Cx<'_>, c: &Count, mask: u64, f: Value) {
    match c.constant {
        Some(0) => {}
        Some(_) => cx.set_some_flags(mask, f),
        None => {
            let old = cx.flags();
            let f = if mask == Rflags::STATUS {
                f
            } else {
                cx.op_imm(Op::FlMerge, Width::W64, &[f, old], mask, 0)
            };
            let f = cx.op(Op::FlSelect, Width::W64, &[c.v, f, old]);
            cx.set_flags(f);
        }
    }
}

/// constant - count
fn from(cx: &mut Cx<'_>, n: u64, c: Value) -> Value {
    let n = cx.konst(n);
    cx.sub(Width::W64, n, c)
}

/// SHL (SAL), SHR, SAR
pub fn shift(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let c = count(cx, 1, w)?;
    let a = cx.read_to_update(p);
    let one = cx.konst(1);
    let (r, cf, of) = match cx.insn.mnemonic() {
        Mnemonic::Shl | Mnemonic::Sal => {
            let r = cx.op(Op::Shl, w, &[a, c.v]);
            let cf = if w == Width::W64 {
                let n = from(cx, 64, c.v);
                cx.op(Op::Shr, Width::W64, &[a, n])
            } else {
                let wide = cx.op(Op::Shl, Width::W64, &[a, c.v]);
                cx.shr_imm(Width::W64, wide, w.bits())
            };
            let cf = cx.and(Width::W64, cf, one);
            let top = cx.sign(w, r);
            (r, cf, cx.xor(Width::W64, top, cf))
        }
        Mnemonic::Shr => {
            let r = cx.op(Op::Shr, w, &[a, c.v]);
            let n = cx.sub(Width::W64, c.v, one);
            let cf = cx.op(Op::Shr, Width::W64, &[a, n]);
            let cf = cx.and(Width::W64, cf, one);
            // The top bit before the last step: set only if the count is 1.
            let last = cx.op(Op::Eq, Width::W64, &[c.v, one]);
            let top = cx.sign(w, a);
            (r, cf, cx.and(Width::W64, top, last))
        }
        _ => {
            let r = cx.op(Op::Sar, w, &[a, c.v]);
            let s = cx.op(Op::Sext, w, &[a]);
            let n = cx.sub(Width::W64, c.v, one);
            let cf = cx.op(Op::Sar, Width::W64, &[s, n]);
            (r, cx.and(Width::W64, cf, one), cx.konst(0))
        }
    };
    cx.write_place(p, r);
    let f = cx.result_flags(w, r, cf, of);
    set_flags_unless_zero(cx, &c, Rflags::STATUS, f);
    Ok(())
}

/// Sets CF and OF, 0 or 1 each, unless the count is 0.
fn set_carry_overflow(cx: &mut Cx<'_>, c: &Count, cf: Value, of: Value) {
    let of = cx.shl_imm(Width::W64, of, Rflags::OF.trailing_zeros());
    let bits = cx.or(Width::W64, cf, of);
    let f = cx.raw_flags(bits);
    set_flags_unless_zero(cx, c, Rflags::CF | Rflags::OF, f);
}

/// ROL, ROR
pub fn rotate(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let c = count(cx, 1, w)?;
    let a = cx.read_to_update(p);
    let left = cx.insn.mnemonic() == Mnemonic::Rol;
    let r = cx.op(if left { Op::Rotl } else { Op::Rotr }, w, &[a, c.v]);
    cx.write_place(p, r);
    let top = cx.sign(w, r);
    let (cf, other) = if left {
        (cx.and_imm(Width::W64, r, 1), top)
    } else {
        (top, cx.bit(r, w.bits() - 2))
    };
    let of = cx.xor(Width::W64, cf, other);
    set_carry_overflow(cx, &c, cf, of);
    Ok(())
}

/// RCL, RCR: rotates through CF, `w` + 1 bits.
pub fn rotate_carry(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let c = count(cx, 1, w)?;
    let cf = cx.carry();
    let a = cx.read_to_update(p);
    let left = cx.insn.mnemonic() == Mnemonic::Rcl;
    let bits = u64::from(w.bits());
    let w64 = Width::W64;
    let (r, out) = if w == Width::W64 {
        // (op of a, cf in its place, the rest of a), the last shifted in two steps as 65 - c may be 64.
        let (main, rest, one_step) = if left {
            (Op::Shl, Op::Shr, Op::Shr)
        } else {
            (Op::Shr, Op::Shl, Op::Shl)
        };
        let one = cx.konst(1);
        let back = from(cx, 64, c.v);
        let hi = cx.op(main, w64, &[a, c.v]);
        let half = cx.op(one_step, w64, &[a, one]);
        let lo = cx.op(rest, w64, &[half, back]);
        let carry_at = if left { cx.sub(w64, c.v, one) } else { back };
        let mid = cx.op(Op::Shl, w64, &[cf, carry_at]);
        let r = cx.or(w64, hi, lo);
        let r = cx.or(w64, r, mid);
        let r = cx.select(c.v, r, a);
        let out_at = if left { back } else { cx.sub(w64, c.v, one) };
        let out = cx.op(Op::Shr, w64, &[a, out_at]);
        let out = cx.and(w64, out, one);
        (r, cx.select(c.v, out, cf))
    } else {
        let n = match w {
            Width::W32 => c.v,
            _ => {
                let modulus = cx.konst(bits + 1);
                cx.op(Op::RemU, w64, &[c.v, modulus])
            }
        };
        let high = cx.shl_imm(w64, cf, w.bits());
        let x = cx.or(w64, a, high);
        let back = from(cx, bits + 1, n);
        let (one_way, other_way) = if left {
            (Op::Shl, Op::Shr)
        } else {
            (Op::Shr, Op::Shl)
        };
        let l = cx.op(one_way, w64, &[x, n]);
        let r = cx.op(other_way, w64, &[x, back]);
        let r = cx.or(w64, l, r);
        (r, cx.bit(r, w.bits()))
    };
    cx.write_place(p, r);
    let top = cx.sign(w, r);
    let other = if left { out } else { cx.bit(r, w.bits() - 2) };
    let of = cx.xor(w64, top, other);
    set_carry_overflow(cx, &c, out, of);
    Ok(())
}

/// SHLD, SHRD
pub fn double(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let b = cx.read(1)?;
    let c = count(cx, 2, w)?;
    let a = cx.read_to_update(p);
    let left = cx.insn.mnemonic() == Mnemonic::Shld;
    let w64 = Width::W64;
    let one = cx.konst(1);
    let (r, cf) = match w {
        Width::W64 => {
            let back = from(cx, 63, c.v);
            let (main, rest) = if left {
                (Op::Shl, Op::Shr)
            } else {
                (Op::Shr, Op::Shl)
            };
            let x = cx.op(main, w64, &[a, c.v]);
            let y = cx.op(rest, w64, &[b, one]);
            let y = cx.op(rest, w64, &[y, back]);
            let at = if left {
                from(cx, 64, c.v)
            } else {
                cx.sub(w64, c.v, one)
            };
            let cf = cx.op(Op::Shr, w64, &[a, at]);
            (cx.or(w64, x, y), cf)
        }
        _ => {
            let bits = w.bits();
            // 32 bits: a:b or b:a. 16 bits: a:b:a, so that counts above 16 find bits too.
            let (high, low) = if left { (a, b) } else { (b, a) };
            let high = cx.shl_imm(w64, high, bits);
            let mut x = cx.or(w64, high, low);
            let mut top = 2 * bits;
            if w == Width::W16 {
                if left {
                    x = cx.shl_imm(w64, x, 16);
                    x = cx.or(w64, x, a);
                } else {
                    let third = cx.shl_imm(w64, a, 32);
                    x = cx.or(w64, x, third);
                }
                top = 48;
            }
            if left {
                let y = cx.op(Op::Shl, w64, &[x, c.v]);
                let r = cx.shr_imm(w64, y, top - bits);
                let cf = if top == 64 {
                    let at = from(cx, 64, c.v);
                    cx.op(Op::Shr, w64, &[x, at])
                } else {
                    cx.shr_imm(w64, y, top)
                };
                (r, cf)
            } else {
                let at = cx.sub(w64, c.v, one);
                (
                    cx.op(Op::Shr, w64, &[x, c.v]),
                    cx.op(Op::Shr, w64, &[x, at]),
                )
            }
        }
    };
    let cf = cx.and(w64, cf, one);
    cx.write_place(p, r);
    let changed = cx.xor(w, r, a);
    let of = cx.sign(w, changed);
    let f = cx.result_flags(w, r, cf, of);
    set_flags_unless_zero(cx, &c, Rflags::STATUS, f);
    Ok(())
}
