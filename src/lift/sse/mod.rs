//! SSE to SSE4.2, AES and SHA (SDM vol. 1, 5.5 to 5.12 and 5.18), in files after the manual's sections.
//!
//! XMM registers are V128 values. Instructions with a 128-bit memory operand demand alignment to 16
//! (MOVUPS and its kin excepted); scalar ones load only their own bytes. Encodings with MMX registers
//! use the
//! same functions on the low 64 bits (`mmx`). Legacy SSE leaves the bits above 127 of a register alone, which is what `set` does.

mod arith;
mod blend;
mod cacheability;
mod compare;
mod convert;
mod crypto;
mod data;
mod horizontal;
mod int_arith;
mod int_shift;
mod logical;
pub(super) mod mmx;
mod round;
pub(super) mod rows;
mod sha;
mod shuffle;
mod state;
mod text;
mod x87_control;

use super::cx::{Cx, Lifted, Unsupported};
use crate::ir::{Op, Value, Var};
use crate::x86::Width;
use iced_x86::{OpKind, Register};

impl Cx<'_> {
    /// The variable of XMM register operand `n`.
    fn xmm_var(&self, n: u32) -> Result<Var, Unsupported> {
        let r = self.insn.op_register(n);
        if self.insn.op_kind(n) != OpKind::Register || !r.is_xmm() {
            return Err(Unsupported);
        }
        let number = u8::try_from(r as u32 - Register::XMM0 as u32).map_err(|_| Unsupported)?;
        Ok(Var::Xmm(number))
    }

    /// Whether operand `n` is memory.
    fn is_mem(&self, n: u32) -> bool {
        self.insn.op_kind(n) == OpKind::Memory
    }

    /// Reads XMM register operand `n`, or an MMX register as the low half.
    fn xmm(&mut self, n: u32) -> Result<Value, Unsupported> {
        if let Some(var) = self.mm_var(n) {
            let v = self.get(var);
            return Ok(self.op(Op::VFromI, Width::W64, &[v]));
        }
        let var = self.xmm_var(n)?;
        Ok(self.get(var))
    }

    /// Writes XMM register operand `n`, or an MMX register from the low half.
    fn set_xmm(&mut self, n: u32, v: Value) -> Lifted {
        if let Some(var) = self.mm_var(n) {
            let v = self.op_imm(Op::VExtract, Width::W64, &[v], 0, 0);
            self.set(var, v);
            return Ok(());
        }
        let var = self.xmm_var(n)?;
        self.set(var, v);
        Ok(())
    }

    /// Reads operand `n`, an XMM register or aligned memory; with MMX registers, one of those or 64 (or
    /// 32) bits of memory.
    fn xmm_m128(&mut self, n: u32) -> Result<Value, Unsupported> {
        if self.is_mem(n) && self.is_mmx() {
            let w = self.width(n)?;
            return self.xmm_low(w, n);
        }
        if self.is_mem(n) {
            self.load128(true)
        } else {
            self.xmm(n)
        }
    }

    /// Loads the 128-bit memory operand; a misaligned one raises #GP if `aligned`.
    fn load128(&mut self, aligned: bool) -> Result<Value, Unsupported> {
        let (addr, disp) = self.address()?;
        Ok(self.op_imm(
            Op::VLoad,
            Width::W64,
            &[addr],
            disp.cast_unsigned(),
            aligned.into(),
        ))
    }

    /// Stores to the 128-bit memory operand; a misaligned one raises #GP if `aligned`.
    fn store128(&mut self, aligned: bool, v: Value) -> Lifted {
        let (addr, disp) = self.address()?;
        self.op_imm(
            Op::VStore,
            Width::W64,
            &[addr, v],
            disp.cast_unsigned(),
            aligned.into(),
        );
        Ok(())
    }

    /// Loads `w` bits of the memory operand as an integer.
    fn load_scalar(&mut self, w: Width) -> Result<Value, Unsupported> {
        let (addr, disp) = self.address()?;
        Ok(self.load(w, addr, disp))
    }

    /// Reads operand `n`, an XMM register or `w` bits of memory, as a vector of which the low `w` bits
    /// count.
    fn xmm_low(&mut self, w: Width, n: u32) -> Result<Value, Unsupported> {
        if !self.is_mem(n) {
            return self.xmm(n);
        }
        let v = self.load_scalar(w)?;
        Ok(self.op(Op::VFromI, w, &[v]))
    }

    /// Reads operand `n`, an XMM register's low lane or memory, as a float of width `w`.
    fn float(&mut self, w: Width, n: u32) -> Result<Value, Unsupported> {
        if self.is_mem(n) {
            let v = self.load_scalar(w)?;
            return Ok(self.op(Op::FFrom, w, &[v]));
        }
        let v = self.xmm(n)?;
        Ok(self.op(Op::FGet, w, &[v]))
    }

    /// Writes the low lane of XMM register operand 0.
    fn set_float(&mut self, w: Width, v: Value) -> Lifted {
        let old = self.xmm(0)?;
        let v = self.op(Op::FPut, w, &[old, v]);
        self.set_xmm(0, v)
    }

    /// A constant vector.
    fn vconst(&mut self, v: u128) -> Value {
        let n = self.pool(v.to_le_bytes());
        self.op_imm(Op::VConst, Width::W64, &[], n, 0)
    }

    /// Bytes of `a` (0 to 15), of `b` (16 to 31) or zeros (0x80).
    fn shuffle(&mut self, a: Value, b: Value, select: [u8; 16]) -> Value {
        let n = self.pool(select);
        self.op_imm(Op::VShuf, Width::W8, &[a, b], n, 0)
    }

    /// Whether operands 0 and 1 are the same register, so that the result may not depend on it.
    fn same_register(&self) -> bool {
        self.insn.op_kind(1) == OpKind::Register
            && self.insn.op_register(0) == self.insn.op_register(1)
    }

    /// The usual packed instruction: operand 0 = op(operand 0, operand 1).
    fn packed(&mut self, op: Op, w: Width, aux: u16) -> Lifted {
        let b = self.xmm_m128(1)?;
        let a = self.xmm(0)?;
        let r = self.op_imm(op, w, &[a, b], 0, aux);
        self.set_xmm(0, r)
    }

    /// A packed instruction with one source: operand 0 = op(operand 1).
    fn packed_unary(&mut self, op: Op, w: Width, aux: u16) -> Lifted {
        let a = self.xmm_m128(1)?;
        let r = self.op_imm(op, w, &[a], 0, aux);
        self.set_xmm(0, r)
    }
}

/// Makes lift functions of the form operand 0 = op(operand 0, operand 1).
macro_rules! packed {
    ($($(#[$doc:meta])* $name:ident $op:ident $w:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(cx: &mut $crate::lift::Cx<'_>) -> $crate::lift::cx::Lifted {
            cx.packed($crate::ir::Op::$op, $crate::x86::Width::$w, 0)
        }
    )*};
}
use packed;

#[cfg(test)]
mod tests;
