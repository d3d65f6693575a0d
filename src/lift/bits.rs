//! Bit tests and scans (SDM vol. 1, 5.1.6).
//!
//! Undefined in the manual: BT and its kin leave every flag but CF; BSF and BSR of 0 leave the
//! destination and set only ZF of the flags, as Intel and AMD CPUs do.

use super::cx::{Cx, Lifted, Place};
use super::data::rmw;
use crate::ir::{Op, RmwOp};
use crate::x86::{Rflags, Width};
use iced_x86::{Mnemonic, OpKind};

/// BT, BTS, BTR, BTC. A register index into memory reaches beyond the operand, signed.
pub fn bit_test(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let index = cx.read(1)?;
    let p = if cx.insn.op_kind(0) == OpKind::Memory && cx.insn.op_kind(1) == OpKind::Register {
        let index = cx.op(Op::Sext, w, &[index]);
        let unit = cx.sar_imm(Width::W64, index, w.bits().trailing_zeros());
        let offset = cx.shl_imm(Width::W64, unit, w.bytes().trailing_zeros());
        let (addr, disp) = cx.address_plus(offset)?;
        Place::Mem { addr, disp, w }
    } else {
        cx.place(0)?
    };
    let n = cx.and_imm(Width::W64, index, u64::from(w.bits()) - 1);
    let one = cx.konst(1);
    let mask = cx.op(Op::Shl, Width::W64, &[one, n]);
    let ones = cx.konst(u64::MAX);
    let (op, atomic, arg) = match cx.insn.mnemonic() {
        Mnemonic::Bts => (Op::Or, RmwOp::Or, mask),
        Mnemonic::Btr => (Op::And, RmwOp::And, cx.xor(Width::W64, mask, ones)),
        _ => (Op::Xor, RmwOp::Xor, mask),
    };
    let only_test = cx.insn.mnemonic() == Mnemonic::Bt;
    let old = match p {
        Place::Mem { addr, disp, .. } if cx.insn.has_lock_prefix() => {
            rmw(cx, atomic, w, addr, disp, arg)
        }
        _ => {
            let old = if only_test {
                cx.read_place(p)
            } else {
                cx.read_to_update(p)
            };
            if !only_test {
                let r = cx.op(op, w, &[old, arg]);
                cx.write_place(p, r);
            }
            old
        }
    };
    let cf = cx.op(Op::Shr, Width::W64, &[old, n]);
    let cf = cx.and(Width::W64, cf, one);
    let f = cx.raw_flags(cf);
    cx.set_some_flags(Rflags::CF, f);
    Ok(())
}

/// BSF, BSR
pub fn bit_scan(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let src = cx.read(1)?;
    let p = cx.place(0)?;
    let found = if cx.insn.mnemonic() == Mnemonic::Bsf {
        cx.op(Op::Ctz, w, &[src])
    } else {
        let n = cx.op(Op::Clz, w, &[src]);
        let top = cx.konst(u64::from(w.bits()) - 1);
        cx.sub(Width::W64, top, n)
    };
    let Place::Reg { reg, .. } = p else {
        return Err(super::cx::Unsupported);
    };
    let old = cx.gpr(reg);
    let new = match w {
        Width::W16 => cx.op_imm(Op::Deposit, w, &[old, found], 0, 0),
        _ => found,
    };
    let zero = cx.is_zero(w, src);
    let v = cx.select(zero, old, new);
    cx.set_gpr(reg, v);
    let f = cx.op(Op::FlLogic, w, &[src]);
    cx.set_flags(f);
    Ok(())
}
