//! Flags of a bundle as integer operations on what the bundle was made from (SDM vol. 1, 3.4.3.1 and
//! appendix B).

use super::rewrite::Rewriter;
use crate::ir::{FpPredicate, Inst, Op, Value};
use crate::x86::{Cond, Rflags, Width};

const W64: Width = Width::W64;

/// Condition `c` of bundle `f`, 0 or 1.
pub fn cond(r: &mut Rewriter, f: Value, c: Cond) -> Value {
    let d = *r.def(f);
    let (a, b, w) = (d.args[0], d.args[1], d.w);
    if d.op == Op::FlRaw && r.def(a).op == Op::FComi && r.near(a) {
        return float_cond(r, a, c);
    }
    // Conditions with a comparison of their own; each with its inverse.
    let direct = match (d.op, c) {
        (Op::FlSub, Cond::E) => Some((Op::Eq, a, b)),
        (Op::FlSub, Cond::Ne) => Some((Op::Ne, a, b)),
        (Op::FlSub, Cond::B) => Some((Op::LtU, a, b)),
        (Op::FlSub, Cond::Ae) => Some((Op::LeU, b, a)),
        (Op::FlSub, Cond::Be) => Some((Op::LeU, a, b)),
        (Op::FlSub, Cond::A) => Some((Op::LtU, b, a)),
        (Op::FlSub, Cond::L) => Some((Op::LtS, a, b)),
        (Op::FlSub, Cond::Ge) => Some((Op::LeS, b, a)),
        (Op::FlSub, Cond::Le) => Some((Op::LeS, a, b)),
        (Op::FlSub, Cond::G) => Some((Op::LtS, b, a)),
        (Op::FlLogic, c) => {
            let zero = r.konst(0);
            match c {
                Cond::E | Cond::Be => Some((Op::Eq, a, zero)),
                Cond::Ne | Cond::A => Some((Op::Ne, a, zero)),
                Cond::L | Cond::S => Some((Op::LtS, a, zero)),
                Cond::Ge | Cond::Ns => Some((Op::LeS, zero, a)),
                Cond::Le => Some((Op::LeS, a, zero)),
                Cond::G => Some((Op::LtS, zero, a)),
                _ => None,
            }
        }
        _ => None,
    };
    if let Some((op, x, y)) = direct {
        return r.op(op, w, &[x, y]);
    }
    match d.op {
        Op::FlMerge if c.reads() & !d.imm == 0 => return cond(r, a, c),
        Op::FlMerge if c.reads() & d.imm == 0 => return cond(r, b, c),
        Op::FlSelect => {
            let x = cond(r, d.args[1], c);
            let y = cond(r, d.args[2], c);
            return r.op(Op::Select, W64, &[a, x, y]);
        }
        Op::Get => return r.cond_of(f, c),
        _ => {}
    }
    let base = match Cond::ALL[c as usize & !1] {
        Cond::O => flag(r, f, Rflags::OF),
        Cond::B => flag(r, f, Rflags::CF),
        Cond::E => flag(r, f, Rflags::ZF),
        Cond::Be => {
            let (x, y) = (flag(r, f, Rflags::CF), flag(r, f, Rflags::ZF));
            r.op(Op::Or, W64, &[x, y])
        }
        Cond::S => flag(r, f, Rflags::SF),
        Cond::P => flag(r, f, Rflags::PF),
        Cond::L => less(r, f),
        _ => {
            let (x, y) = (less(r, f), flag(r, f, Rflags::ZF));
            r.op(Op::Or, W64, &[x, y])
        }
    };
    if c as u8 & 1 == 0 {
        base
    } else {
        r.op_imm(Op::Xor, W64, base, 1)
    }
}

/// Condition `c` of COMISS's flags `comi`: ZF is unordered or equal, CF is unordered or less, PF is
/// unordered. Raises what the instruction raised.
fn float_cond(r: &mut Rewriter, comi: Value, c: Cond) -> Value {
    use FpPredicate::{Eq, Le, LeQuiet, Lt, LtQuiet, Ord};
    let d = *r.def(comi);
    let (a, b) = (d.args[0], d.args[1]);
    let compare = |r: &mut Rewriter, p: FpPredicate, x: Value, y: Value| {
        let mut inst = Inst::new(Op::FCmp, d.w);
        inst.args[..2].copy_from_slice(&[x, y]);
        inst.aux = p as u16;
        r.again(comi, &inst)
    };
    let (less, less_equal) = if d.aux == 1 {
        (Lt, Le)
    } else {
        (LtQuiet, LeQuiet)
    };
    // The condition that is false for unordered operands, or its inverse.
    let (v, inverse) = match Cond::ALL[c as usize & !1] {
        Cond::O | Cond::S | Cond::L => (r.konst(0), false),
        Cond::B => (compare(r, less_equal, b, a), true),
        Cond::Be => (compare(r, less, b, a), true),
        Cond::P => (compare(r, Ord, a, b), true),
        // ZF; LE with SF and OF clear.
        _ => {
            let equal = compare(r, Eq, a, b);
            let ordered = compare(r, Ord, a, b);
            let unordered = r.op_imm(Op::Xor, W64, ordered, 1);
            (r.op(Op::Or, W64, &[equal, unordered]), false)
        }
    };
    if inverse == (c as u8 & 1 == 0) {
        r.op_imm(Op::Xor, W64, v, 1)
    } else {
        v
    }
}

fn less(r: &mut Rewriter, f: Value) -> Value {
    let (x, y) = (flag(r, f, Rflags::SF), flag(r, f, Rflags::OF));
    r.op(Op::Xor, W64, &[x, y])
}

/// One flag (a bit of RFLAGS) of bundle `f`, 0 or 1.
pub fn flag(r: &mut Rewriter, f: Value, bit: u64) -> Value {
    let d = *r.def(f);
    let [a, b, c, _] = d.args;
    let w = d.w;
    match d.op {
        Op::FlAddKeepCarry | Op::FlSubKeepCarry if bit == Rflags::CF => c,
        Op::FlAdd | Op::FlSub | Op::FlAdc | Op::FlSbb | Op::FlAddKeepCarry | Op::FlSubKeepCarry => {
            let adds = matches!(d.op, Op::FlAdd | Op::FlAdc | Op::FlAddKeepCarry);
            let result = |r: &mut Rewriter| {
                let op = if adds { Op::Add } else { Op::Sub };
                let s = r.op(op, w, &[a, b]);
                if matches!(d.op, Op::FlAdc | Op::FlSbb) {
                    r.op(op, w, &[s, c])
                } else {
                    s
                }
            };
            match (bit, d.op) {
                (Rflags::CF, Op::FlAdd) => {
                    let s = result(r);
                    r.op(Op::LtU, w, &[s, a])
                }
                (Rflags::CF, Op::FlSub) => r.op(Op::LtU, w, &[a, b]),
                (Rflags::CF, _) => {
                    // Carry out of the top bit: of a & b, or of a | b where the sum's bit is 0.
                    let s = result(r);
                    let x = if adds {
                        a
                    } else {
                        r.op_imm(Op::Xor, w, a, u64::MAX)
                    };
                    let s = if adds {
                        r.op_imm(Op::Xor, w, s, u64::MAX)
                    } else {
                        s
                    };
                    let both = r.op(Op::And, w, &[x, b]);
                    let any = r.op(Op::Or, w, &[x, b]);
                    let any = r.op(Op::And, w, &[any, s]);
                    let carries = r.op(Op::Or, w, &[both, any]);
                    top(r, w, carries)
                }
                (Rflags::OF, _) => {
                    let s = result(r);
                    let x = r.op(Op::Xor, w, &[a, s]);
                    let y = if adds {
                        r.op(Op::Xor, w, &[b, s])
                    } else {
                        r.op(Op::Xor, w, &[a, b])
                    };
                    let v = r.op(Op::And, w, &[x, y]);
                    top(r, w, v)
                }
                (Rflags::AF, _) => {
                    let s = result(r);
                    let x = r.op(Op::Xor, w, &[a, b]);
                    let x = r.op(Op::Xor, w, &[x, s]);
                    one_bit(r, x, 4)
                }
                _ => {
                    let s = result(r);
                    of_result(r, w, s, bit)
                }
            }
        }
        Op::FlLogic => match bit {
            Rflags::CF | Rflags::OF | Rflags::AF => r.konst(0),
            _ => of_result(r, w, a, bit),
        },
        Op::FlRes => match bit {
            Rflags::CF | Rflags::OF | Rflags::AF => one_bit(r, b, bit.trailing_zeros()),
            _ => of_result(r, w, a, bit),
        },
        Op::FlRaw => one_bit(r, a, bit.trailing_zeros()),
        Op::FlMerge => flag(r, if d.imm & bit != 0 { a } else { b }, bit),
        Op::FlSelect => {
            let (x, y) = (flag(r, b, bit), flag(r, c, bit));
            r.op(Op::Select, W64, &[a, x, y])
        }
        _ => {
            let simple = match bit {
                Rflags::CF => Cond::B,
                Rflags::PF => Cond::P,
                Rflags::ZF => Cond::E,
                Rflags::SF => Cond::S,
                Rflags::OF => Cond::O,
                _ => {
                    let v = r.bits_of(f, bit);
                    return one_bit(r, v, bit.trailing_zeros());
                }
            };
            r.cond_of(f, simple)
        }
    }
}

fn one_bit(r: &mut Rewriter, v: Value, n: u32) -> Value {
    let v = r.op_imm(Op::Shr, W64, v, n.into());
    r.op_imm(Op::And, W64, v, 1)
}

fn top(r: &mut Rewriter, w: Width, v: Value) -> Value {
    let zero = r.konst(0);
    r.op(Op::LtS, w, &[v, zero])
}

/// ZF, SF or PF of a result.
fn of_result(r: &mut Rewriter, w: Width, v: Value, bit: u64) -> Value {
    match bit {
        Rflags::ZF => {
            let zero = r.konst(0);
            r.op(Op::Eq, w, &[v, zero])
        }
        Rflags::SF => top(r, w, v),
        _ => {
            let ones = r.op(Op::Popcnt, Width::W8, &[v]);
            let odd = r.op_imm(Op::And, W64, ones, 1);
            r.op_imm(Op::Xor, W64, odd, 1)
        }
    }
}

/// The flags of `mask` in their RFLAGS positions.
pub fn bits(r: &mut Rewriter, f: Value, mask: u64) -> Value {
    let d = *r.def(f);
    match d.op {
        Op::FlRaw => return r.op_imm(Op::And, W64, d.args[0], mask & Rflags::STATUS),
        Op::Get => return r.bits_of(f, mask),
        Op::FlMerge => {
            let x = bits(r, d.args[0], mask & d.imm);
            let y = bits(r, d.args[1], mask & !d.imm);
            return r.op(Op::Or, W64, &[x, y]);
        }
        Op::FlSelect => {
            let x = bits(r, d.args[1], mask);
            let y = bits(r, d.args[2], mask);
            return r.op(Op::Select, W64, &[d.args[0], x, y]);
        }
        _ => {}
    }
    let mut all = r.konst(0);
    for bit in [
        Rflags::CF,
        Rflags::PF,
        Rflags::AF,
        Rflags::ZF,
        Rflags::SF,
        Rflags::OF,
    ] {
        if mask & bit != 0 {
            let v = flag(r, f, bit);
            let v = r.op_imm(Op::Shl, W64, v, bit.trailing_zeros().into());
            all = r.op(Op::Or, W64, &[all, v]);
        }
    }
    all
}
