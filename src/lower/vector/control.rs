//! MXCSR around helpers that read or load it: RISC-V keeps the accrued exceptions and the rounding mode
//! in `fcsr`. (Entering and leaving code does the same in `sys::jit`.)

use super::{FpMode, Lowerer, abi};
use crate::ir::{Helper, Op};
use crate::lower::What;
use crate::rv64::{Csr, Imm12, Shamt, Uimm5, Xreg};
use crate::x86::state::offset;

/// RISC-V's flag and MXCSR's: NV IE, DZ ZE, OF OE, UF UE, NX PE.
const FLAGS: [(u64, u64); 5] = [(4, 0), (3, 2), (2, 3), (1, 4), (0, 5)];

fn mxcsr() -> Imm12 {
    Imm12::of(i64::try_from(offset::MXCSR).expect("small"))
}

impl Lowerer<'_> {
    /// Before a helper: MXCSR must be what the guest would read.
    pub(in crate::lower) fn before_helper(&mut self, helper: Helper) {
        if !matches!(helper, Helper::Stmxcsr | Helper::Fxsave | Helper::Xsave) {
            return;
        }
        let t = self.temp();
        let done = self.asm.label();
        self.asm.csrrwi(t, Csr::Fflags, Uimm5::new(0));
        self.asm.beq_to(t, Xreg::ZERO, done);
        self.asm.lw(abi::SCRATCH2, mxcsr(), abi::STATE);
        for (from, to) in FLAGS {
            self.asm.andi(abi::SCRATCH, t, Imm12::of(1 << from));
            if to > from {
                self.asm
                    .slli(abi::SCRATCH, abi::SCRATCH, Shamt::new(to - from));
            } else {
                self.asm
                    .srli(abi::SCRATCH, abi::SCRATCH, Shamt::new(from - to));
            }
            self.asm.or(abi::SCRATCH2, abi::SCRATCH2, abi::SCRATCH);
        }
        self.asm.sw(abi::SCRATCH2, mxcsr(), abi::STATE);
        self.asm.bind(done);
    }

    /// After a helper that loaded MXCSR: its rounding mode is in force, no exception has accrued since,
    /// and code for another mode is left.
    pub(in crate::lower) fn after_helper(&mut self, helper: Helper) {
        if !matches!(helper, Helper::Ldmxcsr | Helper::Fxrstor | Helper::Xrstor) {
            return;
        }
        let t = self.temp();
        self.asm.lwu(t, mxcsr(), abi::STATE);
        // RC: nearest, down, up, zero. frm: 0, 2, 3, 1, each in the nibble RC selects.
        self.asm.srli(abi::SCRATCH, t, Shamt::new(11));
        self.asm.andi(abi::SCRATCH, abi::SCRATCH, Imm12::of(12));
        self.asm.li(abi::SCRATCH2, 0x1320);
        self.asm.srl(abi::SCRATCH, abi::SCRATCH2, abi::SCRATCH);
        self.asm.andi(abi::SCRATCH, abi::SCRATCH, Imm12::of(7));
        // fcsr: frm above the five flags.
        self.asm.slli(abi::SCRATCH, abi::SCRATCH, Shamt::new(5));
        self.asm.csrrw(Xreg::ZERO, Csr::Fcsr, abi::SCRATCH);
        // If the mode changed: the guest instruction is done, so stop before the next one. Whoever runs
        // code looks at MXCSR before entering it.
        let mark = self.block.insts[..self.at as usize]
            .iter()
            .rev()
            .find(|i| i.op == Op::Insn);
        let Some(mark) = mark else { return };
        let mut p = self.describe(What::Interrupted);
        p.rip = mark.imm.wrapping_add(mark.aux.into());
        let l = self.leave(p);
        self.asm.li(abi::SCRATCH2, FpMode::BITS.into());
        self.asm.and(t, t, abi::SCRATCH2);
        self.asm.li(abi::SCRATCH2, FpMode::USUAL.into());
        match self.simd.mode {
            FpMode::Usual => self.asm.bne_to(t, abi::SCRATCH2, l),
            FpMode::Exact => self.asm.beq_to(t, abi::SCRATCH2, l),
        }
    }
}
