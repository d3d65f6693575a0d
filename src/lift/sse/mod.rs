//! SSE to SSE4.2, AES and SHA (SDM vol. 1, 5.5 to 5.12 and 5.18), in files after the manual's sections.
//!
//! XMM registers are V128 values. Instructions with a 128-bit memory operand demand alignment to 16
//! (MOVUPS and its kin excepted); scalar ones load only their own bytes. Encodings with MMX registers
//! use the same functions on the low 64 bits (`mmx`); VEX encodings use them once for each half of the
//! registers (`avx`), so that here operands are asked for by these functions only. Legacy SSE leaves the bits above 127 of a register alone, which is what `set`
//! does.

mod arith;
pub(super) mod avx;
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
use crate::ir::{
    Effect, FP_HIGH_HALF, FP_LOW_HALF, Op, VSTORE_ALIGNED, VSTORE_FIRST, VSTORE_SECOND, Value, Var,
};
use crate::x86::{Trap, Width};
use iced_x86::OpKind;

impl Cx<'_> {
    /// The operand that an instruction with the legacy encoding has as source number `n`.
    fn at(&self, n: u32) -> u32 {
        n + self.vex.shift
    }

    /// The number of XMM or YMM register operand `n`.
    fn vector_number(&self, n: u32) -> Result<u8, Unsupported> {
        let r = self.insn.op_register(n);
        if self.insn.op_kind(n) != OpKind::Register || !(r.is_xmm() || r.is_ymm()) {
            return Err(Unsupported);
        }
        u8::try_from(r.number()).map_err(|_| Unsupported)
    }

    /// The variable of the XMM register operand that is source `n`, or of the half of the YMM register.
    fn xmm_var(&self, n: u32) -> Result<Var, Unsupported> {
        let number = self.vector_number(self.at(n))?;
        Ok(if self.vex.high {
            Var::YmmHi(number)
        } else {
            Var::Xmm(number)
        })
    }

    /// Whether source `n` is memory.
    fn is_mem(&self, n: u32) -> bool {
        self.insn.op_kind(self.at(n)) == OpKind::Memory
    }

    /// Reads the XMM register that is source `n`, or an MMX register as the low half.
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
        let number = self.vector_number(n)?;
        self.set_numbered(number, v);
        Ok(())
    }

    /// Writes an XMM register. A VEX-encoded instruction's result is kept until all of it is there: nothing
    /// may fault behind a `set`.
    fn set_numbered(&mut self, number: u8, v: Value) {
        match (self.vex.on, self.vex.result) {
            (false, _) => self.set(Var::Xmm(number), v),
            (true, Some((_, low, _))) => self.vex.result = Some((number, low, Some(v))),
            (true, None) => self.vex.result = Some((number, v, None)),
        }
    }

    /// Reads source `n`, an XMM register or memory, which must be aligned with the legacy encoding; with MMX
    /// registers, one of those or 64 (or 32) bits of memory.
    fn xmm_m128(&mut self, n: u32) -> Result<Value, Unsupported> {
        if self.is_mem(n) && self.is_mmx() {
            let w = self.width(n)?;
            return self.xmm_low(w, n);
        }
        if self.is_mem(n) {
            self.load128(!self.vex.on)
        } else {
            self.xmm(n)
        }
    }

    /// Loads the 128-bit memory operand; a misaligned one raises #GP if `aligned`.
    fn load128(&mut self, aligned: bool) -> Result<Value, Unsupported> {
        if let Some(v) = self.vex.loaded.take() {
            return Ok(v);
        }
        let (addr, disp) = self.address()?;
        if self.vex.wide {
            let [low, high] = self.load256(addr, disp, aligned);
            self.vex.loaded = Some(high);
            return Ok(low);
        }
        Ok(self.vload(addr, disp, aligned.into()))
    }

    fn vload(&mut self, addr: Value, disp: i64, aux: u16) -> Value {
        let disp = disp.cast_unsigned();
        self.op_imm(Op::VLoad, Width::W64, &[addr], disp, aux)
    }

    /// Loads 256 bits; a misaligned address raises #GP if `aligned`.
    fn load256(&mut self, addr: Value, disp: i64, aligned: bool) -> [Value; 2] {
        if aligned {
            self.check_aligned_to_32(addr, disp);
        }
        [disp, disp.wrapping_add(16)].map(|d| self.vload(addr, d, aligned.into()))
    }

    /// #GP unless the address is a multiple of 32.
    fn check_aligned_to_32(&mut self, addr: Value, disp: i64) {
        let at = self.add_imm(Width::W64, addr, disp);
        let off = self.and_imm(Width::W64, at, 31);
        self.trap_if(off, Trap::GeneralProtection);
    }

    /// Stores to the 128-bit memory operand; a misaligned one raises #GP if `aligned`.
    fn store128(&mut self, aligned: bool, v: Value) -> Lifted {
        if !self.vex.wide {
            let (addr, disp) = self.address()?;
            self.vstore(addr, disp, v, aligned.into());
            return Ok(());
        }
        let Some(low) = self.vex.stored.take() else {
            self.vex.stored = Some(v);
            return Ok(());
        };
        let (addr, disp) = self.address()?;
        if aligned {
            self.check_aligned_to_32(addr, disp);
            self.vstore(addr, disp, low, VSTORE_ALIGNED);
            self.vstore(addr, disp.wrapping_add(16), v, VSTORE_ALIGNED);
        } else {
            self.vstore(addr, disp, low, VSTORE_FIRST);
            self.vstore(addr, disp.wrapping_add(16), v, VSTORE_SECOND);
        }
        Ok(())
    }

    fn vstore(&mut self, addr: Value, disp: i64, v: Value, aux: u16) {
        let disp = disp.cast_unsigned();
        self.op_imm(Op::VStore, Width::W64, &[addr, v], disp, aux);
    }

    /// Loads `w` bits of the memory operand as an integer.
    fn load_scalar(&mut self, w: Width) -> Result<Value, Unsupported> {
        let (addr, disp) = self.address()?;
        Ok(self.load(w, addr, disp))
    }

    /// Reads source `n`, an XMM register or `w` bits of memory, as a vector of which the low `w` bits
    /// count.
    fn xmm_low(&mut self, w: Width, n: u32) -> Result<Value, Unsupported> {
        if !self.is_mem(n) {
            return self.xmm(n);
        }
        let v = self.load_scalar(w)?;
        Ok(self.op(Op::VFromI, w, &[v]))
    }

    /// Reads source `n`, an XMM register's low lane or memory, as a float of width `w`.
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
        let (a, b) = (self.at(0), self.at(1));
        self.insn.op_kind(b) == OpKind::Register
            && self.insn.op_register(a) == self.insn.op_register(b)
    }

    /// What a packed operation is told of which half of 256 bits it is about.
    fn half(&self, op: Op) -> u64 {
        match (op.effect(), self.vex.wide, self.vex.high) {
            (Effect::Fp, true, false) => FP_LOW_HALF,
            (Effect::Fp, true, true) => FP_HIGH_HALF,
            _ => 0,
        }
    }

    /// The usual packed instruction: operand 0 = op(operand 0, operand 1).
    fn packed(&mut self, op: Op, w: Width, aux: u16) -> Lifted {
        let b = self.xmm_m128(1)?;
        let a = self.xmm(0)?;
        let r = self.op_imm(op, w, &[a, b], self.half(op), aux);
        self.set_xmm(0, r)
    }

    /// A packed instruction with one source: operand 0 = op(operand 1).
    fn packed_unary(&mut self, op: Op, w: Width, aux: u16) -> Lifted {
        let a = self.xmm_m128(1)?;
        let r = self.op_imm(op, w, &[a], self.half(op), aux);
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
