//! Lanes chosen, and shifted, by lanes of another vector.
//!
//! On hosts without V every lane by itself, bytes too: a choice is a load from the register file at an address made
//! of the index.

use super::packed::simm;
use super::{Lowerer, abi, lanes};
use crate::ir::{Inst, Op, Value};
use crate::rv64::{Imm12, Shamt, Simm5, Vm, Vreg, Xreg};
use crate::x86::Width;

const A: Xreg = abi::SCRATCH;
const B: Xreg = abi::SCRATCH2;
const ALL: Vm = Vm::All;

/// `n` as an immediate.
fn small(n: u64) -> Imm12 {
    Imm12::of(n.cast_signed())
}

impl Lowerer<'_> {
    /// VPSLLVD and the others, on hosts with V, which takes counts modulo the width.
    pub(super) fn v_shift_lanes(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.v(inst.args[0]), self.v(inst.args[1]));
        self.args_done();
        let last = u64::from(inst.w.bits()) - 1;
        if inst.op == Op::VSarV {
            let t = self.vtemp();
            let d = self.vdef(v);
            self.full(inst.w);
            self.asm.addi(A, Xreg::ZERO, small(last));
            self.asm.vminu_vx(t, b, A, ALL);
            self.asm.vsra_vv(d, a, t, ALL);
            return;
        }
        let d = self.vdef(v);
        self.full(inst.w);
        let m = self.mask();
        self.asm.addi(A, Xreg::ZERO, small(last));
        self.asm.vmsgtu_vx(m, b, A, ALL);
        if inst.op == Op::VShlV {
            self.asm.vsll_vv(d, a, b, ALL);
        } else {
            self.asm.vsrl_vv(d, a, b, ALL);
        }
        self.asm.vmerge_vim(d, d, simm(0));
    }

    /// VPERMILPS and, with two sources, VPERMD, on hosts with V.
    pub(super) fn v_choose_lanes(&mut self, v: Value, inst: &Inst) {
        let n = lanes(inst.w);
        let two = inst.op == Op::VLanes2;
        let a = self.v(inst.args[0]);
        let b = self.v(inst.args[1]);
        let choice = if two { self.v(inst.args[2]) } else { b };
        let index = self.vtemp();
        self.full(inst.w);
        let mask = if two { 2 * n - 1 } else { n - 1 };
        self.v_and(index, choice, mask);
        if !two {
            self.args_done();
            let d = self.vdef_unless(v, &[a]);
            self.asm.vrgather_vv(d, a, index, ALL);
            return;
        }
        let (x, y) = (self.vtemp(), self.vtemp());
        let last = Simm5::new(n.cast_signed() - 1).expect("at most 15");
        self.asm.vrgather_vv(x, a, index, ALL);
        let m = self.mask();
        self.asm.vmsgtu_vi(m, index, last, ALL);
        // The number in the second one.
        self.v_and(index, index, n - 1);
        self.asm.vrgather_vv(y, b, index, ALL);
        self.args_done();
        let d = self.vdef(v);
        self.asm.vmerge_vvm(d, x, y);
    }

    fn v_and(&mut self, d: Vreg, a: Vreg, mask: u64) {
        if mask < 16 {
            self.asm.vand_vi(d, a, simm(mask.cast_signed()), ALL);
        } else {
            self.asm.addi(A, Xreg::ZERO, small(mask));
            self.asm.vand_vx(d, a, A, ALL);
        }
    }

    /// The same on hosts without V; false if it has no inline code.
    pub(super) fn choose_words(&mut self, v: Value, inst: &Inst) -> bool {
        match inst.op {
            Op::VPerm => self.w_permute(v, inst),
            Op::VLanes | Op::VLanes2 if matches!(inst.w, Width::W32 | Width::W64) => {
                self.w_choose_lanes(v, inst);
            }
            Op::VShlV | Op::VShrV | Op::VSarV if matches!(inst.w, Width::W32 | Width::W64) => {
                self.w_shift_lanes(v, inst);
            }
            _ => return false,
        }
        true
    }

    /// PSHUFB: bytes of a copy that has zeros 128 bytes above it, where negative indices lead.
    fn w_permute(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let (low, high) = (self.temp(), self.temp());
        let to = self.mdef_unless(v, &[a, b]);
        let scratch = |n| u16::try_from(abi::scratch(n)).expect("small");
        let (from, zeros) = (scratch(abi::slot::LANES), scratch(abi::slot::ZEROS));
        self.copy(abi::STATE, a, from, 2);
        for i in [0, 8] {
            self.asm.sd(Xreg::ZERO, self.off(zeros + i), abi::STATE);
        }
        // Two at a time: they do not wait for each other.
        for i in (0..16).step_by(2) {
            self.asm.lbu(low, self.off(b + i), abi::STATE);
            self.asm.lbu(high, self.off(b + i + 1), abi::STATE);
            self.asm.andi(low, low, Imm12::of(0x8f));
            self.asm.andi(high, high, Imm12::of(0x8f));
            self.asm.add(low, low, abi::STATE);
            self.asm.add(high, high, abi::STATE);
            self.asm.lbu(A, self.off(from), low);
            self.asm.lbu(B, self.off(from), high);
            self.asm.sb(A, self.off(to + i), abi::STATE);
            self.asm.sb(B, self.off(to + i + 1), abi::STATE);
        }
    }

    fn w_choose_lanes(&mut self, v: Value, inst: &Inst) {
        let two = inst.op == Op::VLanes2;
        let bytes = inst.w.bytes();
        let size = u16::try_from(bytes).expect("small");
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let choice = if two { self.at(inst.args[2]) } else { b };
        let to = self.mdef_unless(v, &[a, b, choice]);
        let mut from = a;
        if two {
            // Next to each other.
            from = u16::try_from(abi::scratch(abi::slot::LANES)).expect("small");
            self.copy(abi::STATE, a, from, 2);
            self.copy(abi::STATE, b, from + 16, 2);
        }
        let mask = if two { 32 / bytes } else { 16 / bytes } - 1;
        let up = Shamt::new(u64::from(bytes.trailing_zeros()));
        for at in (0..16).step_by(usize::from(size)) {
            self.w_load(A, inst.w, choice + at);
            self.asm.andi(A, A, small(mask));
            self.asm.slli(A, A, up);
            self.asm.add(A, A, abi::STATE);
            if inst.w == Width::W32 {
                self.asm.lwu(A, self.off(from), A);
            } else {
                self.asm.ld(A, self.off(from), A);
            }
            self.w_store(A, inst.w, to + at);
        }
    }

    fn w_shift_lanes(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let t = self.temp();
        let to = self.mdef(v);
        let bits = u64::from(inst.w.bits());
        let size = usize::try_from(inst.w.bytes()).expect("small");
        for at in (0..16u16).step_by(size) {
            self.w_load(B, inst.w, b + at);
            self.asm.sltiu(t, B, small(bits));
            if inst.op == Op::VSarV {
                // All ones for counts that are too large: the last bit of which a shift takes.
                self.asm.addi(t, t, Imm12::of(-1));
                self.asm.or(B, B, t);
                if inst.w == Width::W32 {
                    self.asm.lw(A, self.off(a + at), abi::STATE);
                    self.asm.sraw(A, A, B);
                } else {
                    self.asm.ld(A, self.off(a + at), abi::STATE);
                    self.asm.sra(A, A, B);
                }
            } else {
                self.asm.sub(t, Xreg::ZERO, t);
                self.w_load(A, inst.w, a + at);
                if inst.op == Op::VShlV {
                    self.asm.sll(A, A, B);
                } else {
                    self.asm.srl(A, A, B);
                }
                self.asm.and(A, A, t);
            }
            self.w_store(A, inst.w, to + at);
        }
    }
}
