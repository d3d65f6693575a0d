//! VEX-encoded instructions: AVX, AVX2, F16C, FMA and the wide forms of AES, PCLMULQDQ and GFNI (SDM vol. 1,
//! chapter 14 and 5.13 to 5.17).
//!
//! Most do what the SSE instruction of the same name does, once for each 128 bits: `by_halves` runs that
//! one's function for the lower half of the registers and for the upper one. Those that move data between
//! the halves, or whose source has another size than the result, have functions of their own (`data`,
//! `convert`, `fma`), and those with masks and indices call helpers (`masked`).
//!
//! Invariants: an instruction that writes an XMM register clears the rest of the YMM register; memory
//! operands need no alignment but where the manual says so; registers are set behind everything that may
//! fault. Known to differ from the manual: VDPPS of YMM registers looks at the unmasked exceptions of
//! the lower half first.

mod convert;
mod data;
mod fma;
mod masked;
mod permute;
pub(in crate::lift) mod rows;

use super::{Cx, Lifted, Op, Unsupported, Value, Width};
use crate::ir::{FP_HIGH_HALF, FP_LOW_HALF, Var};
use crate::lift::cx::Vex;
use iced_x86::{Instruction, Mnemonic, OpKind};

/// Lifts by a function of SSE.
fn by_halves(cx: &mut Cx<'_>, sse: fn(&mut Cx<'_>) -> Lifted) -> Lifted {
    cx.vex = Vex {
        on: true,
        wide: is_wide(cx),
        shift: u32::from(has_vvvv(cx.insn)),
        ..Vex::default()
    };
    sse(cx)?;
    if cx.vex.wide {
        cx.vex.high = true;
        sse(cx)?;
    }
    let result = std::mem::take(&mut cx.vex).result;
    if let Some((number, low, high)) = result {
        cx.set_ymm_number(number, low, high);
    }
    Ok(())
}

/// Whether the first source comes behind the destination, one of them in VEX.vvvv. iced's table of opcodes
/// says so, but takes more instructions to set up than most programs run.
fn has_vvvv(insn: &Instruction) -> bool {
    let shifts = matches!(
        insn.mnemonic(),
        Mnemonic::Vpsllw
            | Mnemonic::Vpslld
            | Mnemonic::Vpsllq
            | Mnemonic::Vpslldq
            | Mnemonic::Vpsrlw
            | Mnemonic::Vpsrld
            | Mnemonic::Vpsrlq
            | Mnemonic::Vpsrldq
            | Mnemonic::Vpsraw
            | Mnemonic::Vpsrad
    );
    match insn.mnemonic() {
        // Memory at RDI counts as an operand.
        Mnemonic::Vmaskmovdqu => false,
        _ => insn.op_count() > 2 && (shifts || insn.op_kind(2) != OpKind::Immediate8),
    }
}

/// Whether an operand has 256 bits.
fn is_wide(cx: &Cx<'_>) -> bool {
    let ymm = |n| cx.insn.op_kind(n) == OpKind::Register && cx.insn.op_register(n).is_ymm();
    (0..cx.insn.op_count()).any(ymm)
}

impl Cx<'_> {
    /// Sets a YMM register; without an upper half that becomes zero.
    fn set_ymm_number(&mut self, number: u8, low: Value, high: Option<Value>) {
        let high = high.unwrap_or_else(|| self.zero128());
        self.set(Var::Xmm(number), low);
        self.set(Var::YmmHi(number), high);
    }

    /// Sets YMM register operand 0, or an XMM register, whose upper half becomes zero.
    fn set_ymm(&mut self, low: Value, high: Option<Value>) -> Lifted {
        let number = self.vector_number(0)?;
        self.set_ymm_number(number, low, high);
        Ok(())
    }

    fn zero128(&mut self) -> Value {
        let zero = self.konst(0);
        self.op(Op::VFromI, Width::W64, &[zero])
    }

    /// The lower half of register operand `n`.
    fn low(&mut self, n: u32) -> Result<Value, Unsupported> {
        let number = self.vector_number(n)?;
        Ok(self.get(Var::Xmm(number)))
    }

    /// Both halves of operand `n`, a register or 256 bits of memory.
    fn both(&mut self, n: u32) -> Result<[Value; 2], Unsupported> {
        if self.insn.op_kind(n) == OpKind::Memory {
            let (addr, disp) = self.address()?;
            return Ok(self.load256(addr, disp, false));
        }
        let number = self.vector_number(n)?;
        Ok([Var::Xmm(number), Var::YmmHi(number)].map(|var| self.get(var)))
    }

    /// Operand `n`, a register's lower half or 128 bits of memory.
    pub(super) fn count128(&mut self, n: u32) -> Result<Value, Unsupported> {
        if self.insn.op_kind(n) == OpKind::Memory {
            let (addr, disp) = self.address()?;
            return Ok(self.vload(addr, disp, 0));
        }
        self.low(n)
    }

    /// The halves of operand `n` that the instruction's length has.
    fn halves(&mut self, n: u32) -> Result<Vec<Value>, Unsupported> {
        if is_wide(self) {
            Ok(self.both(n)?.to_vec())
        } else {
            Ok(vec![self.count128(n)?])
        }
    }

    /// A packed floating-point operation on each of `halves`.
    fn fp_halves(&mut self, op: Op, w: Width, aux: u16, halves: &[Vec<Value>]) -> Vec<Value> {
        let wide = halves.len() > 1;
        let which = |i| match i {
            _ if !wide => 0,
            0 => FP_LOW_HALF,
            _ => FP_HIGH_HALF,
        };
        let each = halves.iter().enumerate();
        each.map(|(i, args)| self.op_imm(op, w, args, which(i), aux))
            .collect()
    }

    /// Sets operand 0 to one half or two.
    fn set_halves(&mut self, halves: &[Value]) -> Lifted {
        let low = *halves.first().ok_or(Unsupported)?;
        self.set_ymm(low, halves.get(1).copied())
    }

    /// Lane 0 of `w` bits of operand `n`, a register or memory, as an integer.
    fn lane0(&mut self, w: Width, n: u32) -> Result<Value, Unsupported> {
        if self.insn.op_kind(n) == OpKind::Memory {
            return self.load_scalar(w);
        }
        let v = self.low(n)?;
        Ok(self.op_imm(Op::VExtract, w, &[v], 0, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Code, EncodingKind, OpCodeOperandKind};

    #[test]
    fn sources_are_where_the_table_of_opcodes_says() {
        let vvvv = [OpCodeOperandKind::xmm_vvvv, OpCodeOperandKind::ymm_vvvv];
        let mut checked = 0;
        for code in Code::values() {
            let info = code.op_code();
            if info.encoding() != EncodingKind::VEX || crate::lift::table::row_of(code).is_none() {
                continue;
            }
            let mut insn = Instruction::new();
            insn.set_code(code);
            let mut vector = false;
            for n in 0..info.op_count() {
                let immediate = info.op_kind(n) == OpCodeOperandKind::imm8;
                if immediate {
                    insn.set_op_kind(n, OpKind::Immediate8);
                }
                vector |= vvvv.contains(&info.op_kind(n));
            }
            let general = (0..info.op_count()).any(|n| {
                matches!(
                    info.op_kind(n),
                    OpCodeOperandKind::r32_vvvv | OpCodeOperandKind::r64_vvvv
                )
            });
            if !general {
                assert_eq!(has_vvvv(&insn), vector, "{code:?}");
                checked += 1;
            }
        }
        assert!(checked > 300, "{checked}");
    }
}
