//! Operations on V128 and F values: the seam.
//!
//! `lower_vector` gets every instruction that has a V128 or F argument or result, and `get`/`set` of
//! XMM registers. For now it only moves data; all computing goes out of line (`Lowerer::evaluate`),
//! for which such a value lies in memory: `Loc::Mem`, an XMM register's home in the register file
//! or a spill slot (two words for V128, one for F). A lowering for hosts with V keeps values in
//! `v1`..`v15`, hosts without V in x or f registers: it adds a `Loc` and its eviction in `regs`.

use super::regs::{Form, Loc};
use super::{Lowerer, What, abi, variable};
use crate::ir::{Inst, Op, Value, Var};
use crate::rv64::{Imm12, Sew, Uimm5, Vm, Vtype, Xreg};
use crate::x86::Trap;

/// Lowers one instruction that touches V128 or F values.
pub(super) fn lower_vector(l: &mut Lowerer<'_>, v: Value, inst: &Inst) {
    match (inst.op, inst.var()) {
        (Op::Get, Some(Var::Xmm(n))) => l.get_xmm(v, n),
        (Op::Set, Some(Var::Xmm(n))) => l.set_xmm(inst.args[0], n),
        (Op::VLoad, _) => l.vload(v, inst),
        (Op::VStore, _) => l.vstore(inst),
        (Op::FFrom, _) => l.ffrom(v, inst),
        (Op::FBits, _) => l.fbits(v, inst),
        _ => l.evaluate(v, inst),
    }
}

impl Lowerer<'_> {
    fn vector_bytes(&mut self) {
        self.asm
            .vsetivli(Xreg::ZERO, Uimm5::new(16), Vtype::m1(Sew::E8));
    }

    fn get_xmm(&mut self, v: Value, n: u8) {
        let home = variable(Var::Xmm(n));
        if !abi::xmm_resident(self.isa) {
            // Stays in its home until that changes.
            self.place(v, Loc::Mem(home), Form::Exact);
            return;
        }
        let to = self.slot(2);
        self.vector_bytes();
        self.asm.addi(abi::SCRATCH, abi::STATE, self.off(to));
        self.asm.vse8_v(abi::xmm(n), abi::SCRATCH, Vm::All);
        self.place(v, Loc::Mem(to), Form::Exact);
    }

    fn set_xmm(&mut self, v: Value, n: u8) {
        let Loc::Mem(from) = self.vals[v.index()].loc else {
            return;
        };
        if abi::xmm_resident(self.isa) {
            self.vector_bytes();
            self.asm.addi(abi::SCRATCH, abi::STATE, self.off(from));
            self.asm.vle8_v(abi::xmm(n), abi::SCRATCH, Vm::All);
            return;
        }
        let home = variable(Var::Xmm(n));
        if from == home {
            return;
        }
        self.move_from_home(home);
        self.copy(abi::STATE, from, home, 2);
    }

    /// Saves values that are still read from the XMM registers' homes.
    pub(super) fn move_from_homes(&mut self) {
        for n in 0..16 {
            self.move_from_home(variable(Var::Xmm(n)));
        }
    }

    /// Saves values that are still read from an XMM register's home.
    fn move_from_home(&mut self, home: u16) {
        let old: Vec<Value> = self
            .live
            .iter()
            .copied()
            .filter(|v| {
                self.vals[v.index()].loc == Loc::Mem(home)
                    && self.facts.last_use[v.index()] > self.at
            })
            .collect();
        for v in old {
            let to = self.slot(2);
            self.copy(abi::STATE, home, to, 2);
            self.place(v, Loc::Mem(to), Form::Exact);
        }
    }

    /// #GP for an address that is not a multiple of 16.
    fn check_alignment(&mut self, inst: &Inst) {
        let misaligned = |a: u64| !a.is_multiple_of(16);
        if inst.aux & 1 == 0 {
            return;
        }
        let trap = What::Trap(Trap::GeneralProtection as u8);
        if let Some(c) = self.vals[inst.args[0].index()].konst {
            if misaligned(c.wrapping_add(inst.imm)) {
                let l = self.leave(self.describe(trap));
                self.asm.jal_to(Xreg::ZERO, l);
            }
            return;
        }
        let base = self.low(inst.args[0], crate::x86::Width::W8);
        let low = Imm12::low(inst.imm.cast_signed());
        let tested = if misaligned(inst.imm) {
            self.asm.addi(abi::SCRATCH, base, low);
            abi::SCRATCH
        } else {
            base
        };
        let l = self.leave(self.describe(trap));
        self.asm.andi(abi::SCRATCH, tested, Imm12::of(15));
        self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, l);
    }

    fn vload(&mut self, v: Value, inst: &Inst) {
        self.check_alignment(inst);
        let (base, disp) = self.address(inst.args[0], inst.imm, 16);
        let to = self.slot(2);
        let high = Imm12::of(disp.get() + 8);
        for (d, at) in [(disp, to), (high, to + 8)] {
            self.access(inst, base, d, if d == disp { 0 } else { 8 });
            self.asm.ld(abi::SCRATCH2, d, base);
            self.asm.sd(abi::SCRATCH2, self.off(at), abi::STATE);
        }
        self.place(v, Loc::Mem(to), Form::Exact);
    }

    fn vstore(&mut self, inst: &Inst) {
        let Loc::Mem(from) = self.vals[inst.args[1].index()].loc else {
            return;
        };
        self.check_alignment(inst);
        let (base, disp) = self.address(inst.args[0], inst.imm, 16);
        let high = Imm12::of(disp.get() + 8);
        // The upper half first: running off a mapping's end must leave nothing stored.
        for (d, at) in [(high, from + 8), (disp, from)] {
            self.asm.ld(abi::SCRATCH2, self.off(at), abi::STATE);
            self.access(inst, base, d, if d == disp { 0 } else { 8 });
            self.asm.sd(abi::SCRATCH2, d, base);
        }
    }

    fn ffrom(&mut self, v: Value, inst: &Inst) {
        let r = self.low(inst.args[0], inst.w);
        let to = self.slot(1);
        self.asm.sd(r, self.off(to), abi::STATE);
        self.place(v, Loc::Mem(to), Form::Exact);
    }

    fn fbits(&mut self, v: Value, inst: &Inst) {
        let Loc::Mem(from) = self.vals[inst.args[0].index()].loc else {
            return;
        };
        let d = self.def(v, Form::Exact);
        if inst.w == crate::x86::Width::W32 {
            self.asm.lwu(d, self.off(from), abi::STATE);
        } else {
            self.asm.ld(d, self.off(from), abi::STATE);
        }
    }
}
