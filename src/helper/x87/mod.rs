//! x87 arithmetic, exactly: 80-bit results, precision and rounding control, every exception with its
//! masked response, the register stack (SDM vol. 1, chapter 8).
//!
//! `execute` carries out one instruction: `num` is the format and its rounding, `unit` the stack and the
//! exceptions, the other files compute. Knows guest memory only for operands of ten bytes and for
//! stores; lift loads the others. Invariant: a page fault leaves the x87 state as it was.
//!
//! The last-instruction pointers are those of recent Intel CPUs: FIP and FDP follow every instruction
//! that is not a control instruction (FDP only those with a memory operand), the selectors are 0, and FOP
//! is written only when an unmasked exception comes up, from the instruction's bytes.

mod arith;
mod compare;
mod convert;
mod num;
mod transcendental;
mod unit;
mod wide;

use super::MemOperand;
use crate::sys::guest;
use crate::x86::state::X87;
use crate::x86::x87op::{X87Op, X87Place, X87Word};
use crate::x86::{Fault, GuestAddr};
use num::{Class, F80, Format, Operand, round};
use transcendental::Angle;
use unit::{C0, C1, C2, C3, DE, Unit};

/// Carries out the instruction `word` describes; `m` is its memory operand, `value` its
/// integer argument. Gives FCOMI's flags.
///
/// # Errors
/// #MF if an exception is pending, else a page fault of an operand.
pub(super) fn execute(x: &mut X87, word: u64, m: MemOperand, value: u64) -> Result<u64, Fault> {
    if x.pending() {
        return Err(Fault::X87);
    }
    let Some(word) = X87Word::decode(word) else {
        return Err(Fault::InvalidOpcode);
    };
    let before = x.fsw;
    let mut u = Unit::new(x);
    let r = step(&mut u, word, m, value);
    let Ok(flags) = r else {
        x.fsw = before;
        return r;
    };
    let unmasked = u.finish();
    x.fip = word.ip.0;
    if word.place.is_memory() {
        x.fdp = m.at.0;
    }
    if unmasked {
        x.fop = opcode(word.ip).unwrap_or(x.fop);
    }
    Ok(flags)
}

/// FOP of the instruction at `ip`: the low three bits of the opcode's first byte, and its second.
fn opcode(ip: GuestAddr) -> Option<u16> {
    let mut at = ip;
    for _ in 0..14 {
        let byte = guest::read_u8(at).ok()?;
        at = at.offset(1);
        if byte & 0xf8 == 0xd8 {
            let second = guest::read_u8(at).ok()?;
            return Some(u16::from(byte & 7) << 8 | u16::from(second));
        }
    }
    None
}

fn step(u: &mut Unit<'_>, word: X87Word, m: MemOperand, value: u64) -> Result<u64, Fault> {
    // What leaves C1 alone unless there is a stack fault, as CPUs do.
    if !matches!(
        word.op,
        X87Op::Nop | X87Op::Cmov | X87Op::Comi | X87Op::Ucomi
    ) {
        u.set_codes(C1, 0);
    }
    match word.op {
        X87Op::Ld => load(u, word, m, value)?,
        X87Op::Bld => {
            let v = convert::from_bcd(read80(m)?);
            u.push(v);
        }
        X87Op::LdConst => {
            let v = constant(u, word.index);
            u.push(v);
        }
        X87Op::St | X87Op::Istt | X87Op::Bst => store(u, word, m)?,
        X87Op::Xch => {
            let a = register(u, 0);
            let b = register(u, word.index);
            u.result(0, b);
            u.result(word.index, a);
        }
        X87Op::Cmov => {
            if u.is_empty(0) || u.is_empty(word.index) {
                u.set_codes(C1, 0);
                let v = u.underflow();
                u.result(0, v);
            } else if value != 0 {
                let v = u.raw(word.index);
                u.set(0, v);
            }
        }
        X87Op::Add | X87Op::Mul | X87Op::Sub | X87Op::Subr | X87Op::Div | X87Op::Divr => {
            binary(u, word, value);
        }
        X87Op::Com | X87Op::Ucom | X87Op::Comi | X87Op::Ucomi | X87Op::Tst => {
            return Ok(comparison(u, word, value));
        }
        X87Op::Stnce => {
            if !u.is_empty(0) {
                let v = u.raw(0);
                u.set(word.index, v);
            }
            u.pop(1);
        }
        X87Op::Xam => arith::examine(u),
        X87Op::Incstp => u.turn(1),
        X87Op::Decstp => u.turn(7),
        X87Op::Free => {
            u.free(word.index);
            u.pop(word.pops);
        }
        X87Op::Nop => {}
        _ => computation(u, word.op),
    }
    Ok(0)
}

/// ST(i), or the indefinite with a stack fault if it is empty.
fn register(u: &mut Unit<'_>, i: u8) -> F80 {
    if u.is_empty(i) {
        u.underflow()
    } else {
        u.raw(i)
    }
}

/// A memory operand that was loaded by lift.
fn memory_operand(place: X87Place, value: u64) -> Operand {
    match place {
        X87Place::M32 => Operand::from_f32(value),
        X87Place::M64 => Operand::from_f64(value),
        _ => F80::from_int(value.cast_signed()).into(),
    }
}

fn read80(m: MemOperand) -> Result<[u8; 10], Fault> {
    let mut bytes = [0; 10];
    guest::read_bytes(m.at, &mut bytes).map_err(|f| m.fault(f))?;
    Ok(bytes)
}

fn load(u: &mut Unit<'_>, word: X87Word, m: MemOperand, value: u64) -> Result<(), Fault> {
    let v = match word.place {
        X87Place::Source | X87Place::Dest => {
            if u.is_empty(word.index) {
                // Not the overflow there may be, too: C1 stays 0.
                let v = u.underflow();
                if !u.blocked() {
                    u.push_unchecked(v);
                }
                return Ok(());
            }
            u.raw(word.index)
        }
        X87Place::M80 => {
            let [m0, m1, m2, m3, m4, m5, m6, m7, e0, e1] = read80(m)?;
            F80 {
                se: u16::from_le_bytes([e0, e1]),
                m: u64::from_le_bytes([m0, m1, m2, m3, m4, m5, m6, m7]),
            }
        }
        place => {
            let mut o = memory_operand(place, value);
            if u.is_empty(7) {
                match o.class {
                    Class::Snan => {
                        u.invalid();
                        o.v.m |= num::QUIET_BIT;
                    }
                    // Unmasked, too, the number is loaded.
                    Class::Denormal => {
                        u.raise(DE);
                        u.push_unchecked(o.v);
                        return Ok(());
                    }
                    _ => {}
                }
            }
            o.v
        }
    };
    u.push(v);
    Ok(())
}

/// The constants' significands and exponents, in encoding order from FLDL2T on.
const CONSTANTS: [(i32, u128); 5] = [
    (1, 0xd49a_784b_cd1b_8afe_492b_f6ff_4daf_db4c),
    (0, 0xb8aa_3b29_5c17_f0bb_be87_fed0_691d_3e88),
    (1, 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1),
    (-2, 0x9a20_9a84_fbcf_f798_8f89_59ac_0b7c_9178),
    (-1, 0xb172_17f7_d1cf_79ab_c9e3_b398_03f2_f6af),
];

fn constant(u: &Unit<'_>, index: u8) -> F80 {
    match (index, CONSTANTS.get(usize::from(index).wrapping_sub(1))) {
        (0, _) => F80::one(false),
        // Rounded as the control word says, but without an exception.
        (_, Some(&(e, sig))) => {
            round(u.rounding(), false, e, sig, Format::register(64), u.masks()).f80(false)
        }
        _ => F80::zero(false),
    }
}

fn store(u: &mut Unit<'_>, word: X87Word, m: MemOperand) -> Result<(), Fault> {
    let empty = u.is_empty(0);
    if empty {
        u.underflow();
    }
    let raw = register(u, 0);
    if !word.place.is_memory() {
        u.result(word.index, raw);
        u.pop(word.pops);
        return Ok(());
    }
    let a = Operand::from(raw);
    let truncate = word.op == X87Op::Istt;
    let mut bytes = [0; 10];
    let mut put = |v: u64| bytes[..8].copy_from_slice(&v.to_le_bytes());
    let size = match word.place {
        X87Place::M32 => {
            put(convert::to_f32(u, a));
            4
        }
        X87Place::M64 => {
            put(convert::to_f64(u, a));
            8
        }
        X87Place::I16 => {
            put(convert::to_int(u, a, 16, truncate));
            2
        }
        X87Place::I32 => {
            put(convert::to_int(u, a, 32, truncate));
            4
        }
        X87Place::I64 => {
            put(convert::to_int(u, a, 64, truncate));
            8
        }
        _ if word.op == X87Op::Bst => {
            bytes = convert::to_bcd(u, a);
            10
        }
        _ => {
            put(raw.m);
            bytes[8..].copy_from_slice(&raw.se.to_le_bytes());
            10
        }
    };
    if u.store_blocked() {
        // An unmasked exception keeps the result back, but the operand was looked at before.
        guest::probe_write(m.at, size as u64).map_err(|f| m.fault(f))?;
    } else {
        guest::write_whole(m.at, &bytes[..size]).map_err(|f| m.fault(f))?;
        u.pop(word.pops);
    }
    Ok(())
}

fn binary(u: &mut Unit<'_>, word: X87Word, value: u64) {
    let i = word.index;
    let (dst, empty) = match word.place {
        X87Place::Source => (0, u.is_empty(0) || u.is_empty(i)),
        X87Place::Dest => (i, u.is_empty(0) || u.is_empty(i)),
        _ => (0, u.is_empty(0)),
    };
    let v = if empty {
        u.underflow()
    } else {
        let (a, b) = match word.place {
            X87Place::Source => (u.st(0), u.st(i)),
            X87Place::Dest => (u.st(i), u.st(0)),
            place => (u.st(0), memory_operand(place, value)),
        };
        match word.op {
            X87Op::Add => arith::add(u, a, b),
            X87Op::Mul => arith::mul(u, a, b),
            X87Op::Sub => arith::sub(u, a, b),
            X87Op::Subr => arith::sub(u, b, a),
            X87Op::Div => arith::div(u, a, b),
            _ => arith::div(u, b, a),
        }
    };
    u.result(dst, v);
    u.pop(word.pops);
}

fn comparison(u: &mut Unit<'_>, word: X87Word, value: u64) -> u64 {
    let other_empty = word.op != X87Op::Tst && !word.place.is_memory() && u.is_empty(word.index);
    let order = if u.is_empty(0) || other_empty {
        u.set_codes(C1, 0);
        u.underflow();
        None
    } else {
        let b = match word.place {
            _ if word.op == X87Op::Tst => F80::zero(false).into(),
            X87Place::Source | X87Place::Dest => u.st(word.index),
            place => memory_operand(place, value),
        };
        let a = u.st(0);
        compare::compare(u, a, b, matches!(word.op, X87Op::Ucom | X87Op::Ucomi))
    };
    if matches!(word.op, X87Op::Comi | X87Op::Ucomi) {
        u.pop(word.pops);
        return compare::flags(order);
    }
    u.set_codes(C3 | C2 | C0, compare::codes(order));
    u.pop(word.pops);
    0
}

/// Instructions whose operands are ST(0), and for some ST(1).
fn computation(u: &mut Unit<'_>, op: X87Op) {
    use X87Op::{Cos, F2xm1, Patan, Prem, Prem1, Ptan, Scale, Sin, Sincos, Xtract, Yl2x, Yl2xp1};
    // The result goes to ST(1), which becomes the top.
    let pops = u8::from(matches!(op, Yl2x | Yl2xp1 | Patan));
    let two = pops == 1 || matches!(op, Scale | Prem | Prem1);
    let pushes = matches!(op, Xtract | Sincos | Ptan);
    if matches!(op, Prem | Prem1 | Sin | Cos | Sincos | Ptan) {
        u.set_codes(C2, 0);
    }
    if u.is_empty(0) || two && u.is_empty(1) {
        let v = u.underflow();
        u.result(pops, v);
        u.pop(pops);
        if pushes && !u.blocked() {
            u.push_unchecked(v);
        }
        return;
    }
    let (a, b) = (u.st(0), u.st(1));
    let v = match op {
        X87Op::Abs => a.v.with_sign(false),
        X87Op::Chs => a.v.negated(),
        X87Op::Sqrt => arith::sqrt(u, a),
        X87Op::Rndint => arith::round_to_integer(u, a),
        Scale => arith::scale(u, a, b),
        Prem => arith::remainder(u, a, b, false),
        Prem1 => arith::remainder(u, a, b, true),
        F2xm1 => transcendental::exp2m1(u, a),
        Yl2x => transcendental::y_log2_x(u, a, b),
        Yl2xp1 => transcendental::y_log2_x_plus_1(u, a, b),
        Patan => transcendental::arc_tangent(u, a, b),
        Sin | Cos => match transcendental::angle(u, a) {
            Angle::OutOfRange => return,
            Angle::Special(s, c) => {
                if op == Sin {
                    s
                } else {
                    c
                }
            }
            Angle::Value(s, c) => transcendental::angle_result(u, if op == Sin { s } else { c }),
        },
        _ => return pushing(u, op, a),
    };
    u.result(pops, v);
    u.pop(pops);
}

/// FXTRACT, FSINCOS and FPTAN: one result in ST(0), another pushed.
fn pushing(u: &mut Unit<'_>, op: X87Op, a: Operand) {
    if u.overflow() {
        if !u.blocked() {
            u.set(0, F80::INDEFINITE);
            u.push_unchecked(F80::INDEFINITE);
        }
        return;
    }
    let (below, top) = if op == X87Op::Xtract {
        arith::extract(u, a)
    } else {
        let tangent = op == X87Op::Ptan;
        match transcendental::angle(u, a) {
            Angle::OutOfRange => return,
            Angle::Special(s, c) => (s, c),
            Angle::Value(s, c) if tangent => {
                (transcendental::angle_result(u, s.div(c)), F80::one(false))
            }
            Angle::Value(s, c) => {
                let c = transcendental::angle_result(u, c);
                (transcendental::angle_result(u, s), c)
            }
        }
    };
    if !u.blocked() {
        u.set(0, below);
        u.push_unchecked(top);
    }
}

#[cfg(test)]
mod tests;
