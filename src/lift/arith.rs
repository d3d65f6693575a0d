//! Binary arithmetic and logical instructions (SDM vol. 1, 5.1.2 and 5.1.4).
//!
//! Flags the manual leaves undefined: after MUL and IMUL, ZF, SF and PF are those of the low half of
//! the product and AF is 0; DIV and IDIV leave all flags.

use super::cx::{Cx, Lifted, Place};
use super::data::rmw;
use crate::ir::{Op, RmwOp, Value};
use crate::x86::{Cond, Gpr, Rflags, Trap, Width};
use iced_x86::Mnemonic;

/// Reads the destination, applies `op`, writes it back: atomically with LOCK, as `atomic` of `b` says.
/// `flags`, given the old value, sets the flags.
///
/// For a register the flags come first: they are made from the old value while it is still there.
fn update(
    cx: &mut Cx<'_>,
    w: Width,
    p: Place,
    b: Value,
    atomic: RmwOp,
    op: impl Fn(&mut Cx<'_>, Value) -> Value,
    flags: impl Fn(&mut Cx<'_>, Value),
) {
    match p {
        Place::Mem { addr, disp, .. } if cx.insn.has_lock_prefix() => {
            let old = rmw(cx, atomic, w, addr, disp, b);
            flags(cx, old);
        }
        Place::Mem { .. } => {
            let old = cx.read_to_update(p);
            let r = op(cx, old);
            cx.write_place(p, r);
            flags(cx, old);
        }
        Place::Reg { .. } => {
            let old = cx.read_place(p);
            flags(cx, old);
            let r = op(cx, old);
            cx.write_place(p, r);
        }
    }
}

/// ADD, SUB
pub fn add_sub(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let b = cx.read(1)?;
    let (op, atomic, fl) = match cx.insn.mnemonic() {
        Mnemonic::Add => (Op::Add, RmwOp::Add, Op::FlAdd),
        _ => (Op::Sub, RmwOp::Sub, Op::FlSub),
    };
    let flags = |cx: &mut Cx<'_>, a| {
        let f = cx.op(fl, w, &[a, b]);
        cx.set_flags(f);
    };
    update(cx, w, p, b, atomic, |cx, a| cx.op(op, w, &[a, b]), flags);
    Ok(())
}

/// ADC, SBB
pub fn adc_sbb(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let b = cx.read(1)?;
    let c = cx.carry();
    let (op, atomic, fl) = match cx.insn.mnemonic() {
        Mnemonic::Adc => (Op::Add, RmwOp::Add, Op::FlAdc),
        _ => (Op::Sub, RmwOp::Sub, Op::FlSbb),
    };
    let sum = cx.add(w, b, c);
    let flags = |cx: &mut Cx<'_>, a| {
        let f = cx.op(fl, w, &[a, b, c]);
        cx.set_flags(f);
    };
    let result = |cx: &mut Cx<'_>, a| cx.op(op, w, &[a, sum]);
    update(cx, w, p, sum, atomic, result, flags);
    Ok(())
}

/// ADCX and ADOX: the carry goes in and out through CF, or through OF; no other flag changes.
pub fn adcx(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let (a, b) = (cx.read(0)?, cx.read(1)?);
    let through_cf = cx.insn.mnemonic() == Mnemonic::Adcx;
    let c = cx.cond(if through_cf { Cond::B } else { Cond::O });
    let sum = cx.add(w, a, b);
    let sum = cx.add(w, sum, c);
    let f = cx.op(Op::FlAdc, w, &[a, b, c]);
    if through_cf {
        cx.set_some_flags(Rflags::CF, f);
    } else {
        let carry = cx.op_imm(Op::CondOf, Width::W64, &[f], 0, Cond::B as u16);
        let of = cx.shl_imm(Width::W64, carry, Rflags::OF.trailing_zeros());
        let f = cx.raw_flags(of);
        cx.set_some_flags(Rflags::OF, f);
    }
    cx.write(0, sum)
}

/// CMP
pub fn cmp(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let a = cx.read(0)?;
    let b = cx.read(1)?;
    let f = cx.op(Op::FlSub, w, &[a, b]);
    cx.set_flags(f);
    Ok(())
}

/// AND, OR, XOR
pub fn logic(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let b = cx.read(1)?;
    let (op, atomic) = match cx.insn.mnemonic() {
        Mnemonic::And => (Op::And, RmwOp::And),
        Mnemonic::Or => (Op::Or, RmwOp::Or),
        _ => (Op::Xor, RmwOp::Xor),
    };
    let flags = |cx: &mut Cx<'_>, a| {
        let r = cx.op(op, w, &[a, b]);
        let f = cx.op(Op::FlLogic, w, &[r]);
        cx.set_flags(f);
    };
    update(cx, w, p, b, atomic, |cx, a| cx.op(op, w, &[a, b]), flags);
    Ok(())
}

/// TEST
pub fn test(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let a = cx.read(0)?;
    let b = cx.read(1)?;
    let r = cx.and(w, a, b);
    let f = cx.op(Op::FlLogic, w, &[r]);
    cx.set_flags(f);
    Ok(())
}

/// INC, DEC: CF stays.
pub fn inc_dec(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let one = cx.konst(1);
    let (op, atomic, fl) = match cx.insn.mnemonic() {
        Mnemonic::Inc => (Op::Add, RmwOp::Add, Op::FlAdd),
        _ => (Op::Sub, RmwOp::Sub, Op::FlSub),
    };
    let flags = |cx: &mut Cx<'_>, a| {
        let f = cx.op(fl, w, &[a, one]);
        cx.set_some_flags(Rflags::STATUS & !Rflags::CF, f);
    };
    let result = |cx: &mut Cx<'_>, a| cx.op(op, w, &[a, one]);
    update(cx, w, p, one, atomic, result, flags);
    Ok(())
}

/// NEG
pub fn neg(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let zero = cx.konst(0);
    let flags = |cx: &mut Cx<'_>, a| {
        let f = cx.op(Op::FlSub, w, &[zero, a]);
        cx.set_flags(f);
    };
    let result = |cx: &mut Cx<'_>, a| cx.sub(w, zero, a);
    update(cx, w, p, zero, RmwOp::Neg, result, flags);
    Ok(())
}

/// NOT
pub fn not(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let ones = cx.konst(u64::MAX);
    let result = |cx: &mut Cx<'_>, a| cx.xor(w, a, ones);
    update(cx, w, p, ones, RmwOp::Not, result, |_, _| {});
    Ok(())
}

/// Sets the flags of a multiplication: CF and OF say whether the high half matters.
fn mul_flags(cx: &mut Cx<'_>, w: Width, low: Value, overflow: Value) {
    let f = cx.result_flags(w, low, overflow, overflow);
    cx.set_flags(f);
}

/// MUL and one-operand IMUL.
pub fn mul(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let signed = cx.insn.mnemonic() == Mnemonic::Imul;
    let b = cx.read(0)?;
    let a = cx.gpr(Gpr::RAX);
    let (low, high) = if w == Width::W64 {
        let op = if signed { Op::MulHiS } else { Op::MulHiU };
        (cx.op(Op::Mul, w, &[a, b]), cx.op(op, w, &[a, b]))
    } else {
        let extend = if signed { Op::Sext } else { Op::Zext };
        let (a, b) = (cx.op(extend, w, &[a]), cx.op(extend, w, &[b]));
        let product = cx.op(Op::Mul, Width::W64, &[a, b]);
        let high = cx.shr_imm(Width::W64, product, w.bits());
        (product, high)
    };
    let overflow = if signed {
        let sign = cx.sar_imm(w, low, w.bits() - 1);
        cx.op(Op::Ne, w, &[high, sign])
    } else {
        cx.is_nonzero(w, high)
    };
    if w == Width::W8 {
        cx.write_place(
            Place::Reg {
                reg: Gpr::RAX,
                lsb: 0,
                w: Width::W16,
            },
            low,
        );
    } else {
        cx.write_place(
            Place::Reg {
                reg: Gpr::RAX,
                lsb: 0,
                w,
            },
            low,
        );
        cx.write_place(
            Place::Reg {
                reg: Gpr::RDX,
                lsb: 0,
                w,
            },
            high,
        );
    }
    mul_flags(cx, w, low, overflow);
    Ok(())
}

/// IMUL with two or three operands; with one it is `mul`.
pub fn imul(cx: &mut Cx<'_>) -> Lifted {
    let n = cx.insn.op_count();
    if n == 1 {
        return mul(cx);
    }
    let w = cx.width(0)?;
    let (a, b) = (cx.read(n - 2)?, cx.read(n - 1)?);
    let (low, overflow) = if w == Width::W64 {
        let low = cx.op(Op::Mul, w, &[a, b]);
        let high = cx.op(Op::MulHiS, w, &[a, b]);
        let sign = cx.sar_imm(w, low, 63);
        (low, cx.op(Op::Ne, w, &[high, sign]))
    } else {
        let (a, b) = (cx.op(Op::Sext, w, &[a]), cx.op(Op::Sext, w, &[b]));
        let product = cx.op(Op::Mul, Width::W64, &[a, b]);
        let back = cx.op(Op::Sext, w, &[product]);
        (product, cx.op(Op::Ne, Width::W64, &[product, back]))
    };
    cx.write(0, low)?;
    mul_flags(cx, w, low, overflow);
    Ok(())
}

/// DIV
pub fn div(cx: &mut Cx<'_>) -> Lifted {
    divide(cx, false)
}

/// IDIV
pub fn idiv(cx: &mut Cx<'_>) -> Lifted {
    divide(cx, true)
}

fn divide(cx: &mut Cx<'_>, signed: bool) -> Lifted {
    let w = cx.width(0)?;
    let d = cx.read(0)?;
    let (rax, rdx) = (cx.gpr(Gpr::RAX), cx.gpr(Gpr::RDX));
    let (q, r) = if w == Width::W64 {
        let overflow = if signed {
            cx.op(Op::Div128SOverflows, w, &[rdx, rax, d])
        } else {
            // Also true for a divisor of 0.
            cx.op(Op::LeU, w, &[d, rdx])
        };
        cx.trap_if(overflow, Trap::DivideError);
        let (div, rem) = if signed {
            (Op::Div128S, Op::Rem128S)
        } else {
            (Op::Div128U, Op::Rem128U)
        };
        (cx.op(div, w, &[rdx, rax, d]), cx.op(rem, w, &[rdx, rax, d]))
    } else {
        // Twice the width fits 64 bits: AX, DX:AX or EDX:EAX.
        let wide = match w {
            Width::W8 => cx.op(if signed { Op::Sext } else { Op::Zext }, Width::W16, &[rax]),
            Width::W16 => {
                let high = cx.op(if signed { Op::Sext } else { Op::Zext }, w, &[rdx]);
                let high = cx.shl_imm(Width::W64, high, 16);
                let low = cx.op(Op::Zext, w, &[rax]);
                cx.or(Width::W64, high, low)
            }
            _ => {
                let high = cx.shl_imm(Width::W64, rdx, 32);
                let low = cx.op(Op::Zext, w, &[rax]);
                cx.or(Width::W64, high, low)
            }
        };
        let d = if signed { cx.op(Op::Sext, w, &[d]) } else { d };
        let zero = cx.is_zero(Width::W64, d);
        cx.trap_if(zero, Trap::DivideError);
        let (div, rem) = if signed {
            (Op::DivS, Op::RemS)
        } else {
            (Op::DivU, Op::RemU)
        };
        let q = cx.op(div, Width::W64, &[wide, d]);
        let back = cx.op(if signed { Op::Sext } else { Op::Zext }, w, &[q]);
        let overflow = cx.op(Op::Ne, Width::W64, &[q, back]);
        cx.trap_if(overflow, Trap::DivideError);
        (q, cx.op(rem, Width::W64, &[wide, d]))
    };
    if w == Width::W8 {
        let q = cx.op(Op::Zext, w, &[q]);
        let ax = cx.op_imm(Op::Deposit, w, &[q, r], 8, 0);
        cx.write_place(
            Place::Reg {
                reg: Gpr::RAX,
                lsb: 0,
                w: Width::W16,
            },
            ax,
        );
    } else {
        cx.write_place(
            Place::Reg {
                reg: Gpr::RAX,
                lsb: 0,
                w,
            },
            q,
        );
        cx.write_place(
            Place::Reg {
                reg: Gpr::RDX,
                lsb: 0,
                w,
            },
            r,
        );
    }
    Ok(())
}
