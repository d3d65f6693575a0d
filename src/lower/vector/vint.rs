//! Packed integers on hosts with V.

use super::crypto::has_zvkb;
use super::packed::simm;
use super::{Lowerer, V0, ZERO, abi, plan, sew};
use crate::ir::{Inst, Op, Value};
use crate::lower::regs::{Form, Loc};
use crate::rv64::{Csr, Imm12, Shamt, Uimm5, Vm, Vreg, Xreg};
use crate::x86::Width;

const ALL: Vm = Vm::All;

impl Lowerer<'_> {
    /// Lowers an integer operation on vectors; false if it has no inline code.
    pub(super) fn vint(&mut self, v: Value, inst: &Inst) -> bool {
        match inst.op {
            Op::VConst => self.v_const(v, inst),
            Op::VShuf => return self.shuffle(v, inst),
            Op::VPerm => return self.permute(v, inst),
            Op::VShlV | Op::VShrV | Op::VSarV => self.v_shift_lanes(v, inst),
            Op::VLanes | Op::VLanes2 => self.v_choose_lanes(v, inst),
            Op::VBlend => {
                let [a, b, c] = [0, 1, 2].map(|n| self.v(inst.args[n]));
                self.args_done();
                let d = self.vdef(v);
                self.full(inst.w);
                let m = self.mask();
                self.asm.vmslt_vx(m, c, Xreg::ZERO, ALL);
                self.asm.vmerge_vvm(d, a, b);
            }
            Op::VSext | Op::VZext => self.v_widen(v, inst),
            Op::VAesEnc
            | Op::VAesEncLast
            | Op::VAesDec
            | Op::VAesDecLast
            | Op::VAesImc
            | Op::VAesKey => return self.aes(v, inst),
            Op::VSha256Rounds | Op::VSha256Msg2 => return self.sha256(v, inst),
            Op::VClMul => return self.carry_less(v, inst),
            Op::VRotr => self.v_rotate(v, inst),
            Op::VMinPos => self.v_min_position(v, inst),
            Op::VShl | Op::VShr | Op::VSar => self.v_shift(v, inst),
            Op::VMovMask => self.v_mov_mask(v, inst),
            Op::VExtract => {
                let a = self.v(inst.args[0]);
                let narrow = inst.w != Width::W64;
                let d = self.def(
                    v,
                    if narrow {
                        Form::Sext(inst.w)
                    } else {
                        Form::Exact
                    },
                );
                self.element(inst.w);
                let from = if inst.imm == 0 {
                    a
                } else {
                    let t = self.vtemp();
                    self.asm.vslidedown_vi(t, a, Uimm5::new(inst.imm), ALL);
                    t
                };
                self.asm.vmv_x_s(d, from);
            }
            Op::VInsert => {
                let a = self.v(inst.args[0]);
                let x = self.low(inst.args[1], inst.w);
                self.args_done();
                let t = self.vtemp();
                let d = self.vdef(v);
                if d != a {
                    self.vcopy(d, a);
                }
                // One element more than those that stay.
                self.vtype(sew(inst.w), 0, inst.imm + 1);
                if inst.imm == 0 {
                    self.asm.vmv_s_x(d, x);
                } else {
                    self.asm.vmv_s_x(t, x);
                    self.asm.vslideup_vi(d, t, Uimm5::new(inst.imm), ALL);
                }
            }
            Op::VFromI if self.vals[inst.args[0].index()].konst == Some(0) => {
                self.place(v, Loc::V(ZERO), Form::Exact);
            }
            Op::VFromI if self.simd.is_float(inst.args[0]) => {
                let f = self.f(inst.args[0]);
                let d = self.vdef(v);
                self.full(inst.w);
                self.asm.vfslide1up_vf(d, ZERO, f, ALL);
            }
            Op::VFromI => {
                let x = self.low(inst.args[0], inst.w);
                self.args_done();
                let d = self.vdef(v);
                self.full(inst.w);
                self.asm.vslide1up_vx(d, ZERO, x, ALL);
            }
            Op::VSplat => {
                let x = self.low(inst.args[0], inst.w);
                self.args_done();
                let d = self.vdef(v);
                self.full(inst.w);
                self.asm.vmv_v_x(d, x);
            }
            Op::VPackS | Op::VPackU => self.v_pack(v, inst),
            Op::VMadd | Op::VSad | Op::VMulEvenU => self.v_sums(v, inst),
            _ => return self.v_binary(v, inst),
        }
        true
    }

    /// Operations on two vectors of one or a few instructions.
    fn v_binary(&mut self, v: Value, inst: &Inst) -> bool {
        let known = matches!(
            inst.op,
            Op::VAnd
                | Op::VAndN
                | Op::VOr
                | Op::VXor
                | Op::VAdd
                | Op::VSub
                | Op::VAddSatS
                | Op::VAddSatU
                | Op::VSubSatS
                | Op::VSubSatU
                | Op::VMul
                | Op::VMulHiS
                | Op::VMulHiU
                | Op::VMinS
                | Op::VMinU
                | Op::VMaxS
                | Op::VMaxU
                | Op::VAvg
                | Op::VCmpEq
                | Op::VCmpGt
        );
        if !known {
            return false;
        }
        let (a, b) = (self.v(inst.args[0]), self.v(inst.args[1]));
        self.args_done();
        if self.simd.plan.of(v) == plan::Kind::Mask {
            let d = self.vfresh(v);
            self.full(inst.w);
            self.int_compare(inst.op, d, a, b);
            return true;
        }
        let d = self.vdef(v);
        let bitwise = matches!(inst.op, Op::VAnd | Op::VAndN | Op::VOr | Op::VXor);
        // Bits have no width.
        if bitwise {
            self.all_bits();
        } else {
            self.full(inst.w);
        }
        match inst.op {
            Op::VAnd => self.asm.vand_vv(d, a, b, ALL),
            Op::VOr => self.asm.vor_vv(d, a, b, ALL),
            Op::VXor => self.asm.vxor_vv(d, a, b, ALL),
            Op::VAndN if has_zvkb(self.isa) => self.asm.vandn_vv(d, b, a, ALL),
            Op::VAndN => {
                let t = self.vtemp();
                self.asm.vxor_vi(t, a, simm(-1), ALL);
                self.asm.vand_vv(d, t, b, ALL);
            }
            Op::VAdd => self.asm.vadd_vv(d, a, b, ALL),
            Op::VSub => self.asm.vsub_vv(d, a, b, ALL),
            Op::VAddSatS => self.asm.vsadd_vv(d, a, b, ALL),
            Op::VAddSatU => self.asm.vsaddu_vv(d, a, b, ALL),
            Op::VSubSatS => self.asm.vssub_vv(d, a, b, ALL),
            Op::VSubSatU => self.asm.vssubu_vv(d, a, b, ALL),
            Op::VMul => self.asm.vmul_vv(d, a, b, ALL),
            Op::VMulHiS => self.asm.vmulh_vv(d, a, b, ALL),
            Op::VMulHiU => self.asm.vmulhu_vv(d, a, b, ALL),
            Op::VMinS => self.asm.vmin_vv(d, a, b, ALL),
            Op::VMinU => self.asm.vminu_vv(d, a, b, ALL),
            Op::VMaxS => self.asm.vmax_vv(d, a, b, ALL),
            Op::VMaxU => self.asm.vmaxu_vv(d, a, b, ALL),
            Op::VAvg => {
                // Halves rounded up.
                self.asm.csrrwi(Xreg::ZERO, Csr::Vxrm, Uimm5::new(0));
                self.asm.vaaddu_vv(d, a, b, ALL);
            }
            _ => {
                let m = self.mask();
                self.int_compare(inst.op, m, a, b);
                self.asm.vmerge_vim(d, ZERO, simm(-1));
                self.simd.mask = Some(v);
            }
        }
        true
    }

    /// Mask d = a == b or a > b.
    fn int_compare(&mut self, op: Op, d: Vreg, a: Vreg, b: Vreg) {
        if op == Op::VCmpEq {
            self.asm.vmseq_vv(d, a, b, ALL);
        } else {
            self.asm.vmslt_vv(d, b, a, ALL);
        }
    }

    /// `v0`, to be written: it is no comparison's mask any more.
    pub(super) fn mask(&mut self) -> Vreg {
        self.simd.mask = None;
        V0
    }

    fn v_const(&mut self, v: Value, inst: &Inst) {
        let bytes = usize::try_from(inst.imm)
            .ok()
            .and_then(|n| self.region.pool.get(n).copied());
        let bytes = bytes.unwrap_or_default();
        let d = self.vdef(v);
        self.load_bytes(d, bytes);
    }

    /// d = these bytes.
    pub(super) fn load_bytes(&mut self, d: Vreg, bytes: [u8; 16]) {
        if self.simd.pair.is_some() {
            return self.load_bytes_twice(d, bytes);
        }
        if bytes.iter().all(|b| *b == bytes[0])
            && let Some(i) = crate::rv64::Simm5::new(bytes[0].cast_signed().into())
        {
            self.full(Width::W8);
            self.asm.vmv_v_i(d, i);
            return;
        }
        let word = |i: usize| {
            let mut w = [0; 8];
            w.copy_from_slice(&bytes[i..i + 8]);
            u64::from_le_bytes(w)
        };
        let at = self.literal(&[word(0), word(8)]);
        self.full(Width::W8);
        self.asm.la(abi::SCRATCH, at);
        self.asm.vle8_v(d, abi::SCRATCH, ALL);
    }

    fn v_shift(&mut self, v: Value, inst: &Inst) {
        let (a, bits) = (self.v(inst.args[0]), u64::from(inst.w.bits()));
        if let Some(n) = self.vals[inst.args[1].index()].konst {
            self.args_done();
            let d = self.vdef(v);
            self.full(inst.w);
            let n = if inst.op == Op::VSar {
                n.min(bits - 1)
            } else {
                n
            };
            if n >= bits {
                self.asm.vmv_v_i(d, simm(0));
            } else if n < 32 {
                let n = Uimm5::new(n);
                match inst.op {
                    Op::VShl => self.asm.vsll_vi(d, a, n, ALL),
                    Op::VShr => self.asm.vsrl_vi(d, a, n, ALL),
                    _ => self.asm.vsra_vi(d, a, n, ALL),
                }
            } else {
                self.asm
                    .addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(n.cast_signed()));
                self.v_shift_by(inst.op, d, a, abi::SCRATCH);
            }
            return;
        }
        let n = self.exact(inst.args[1]);
        self.args_done();
        let d = self.vdef(v);
        self.full(inst.w);
        if inst.op == Op::VSar {
            // The count, at most width - 1.
            let small = self.asm.label();
            self.asm
                .addi(abi::SCRATCH2, Xreg::ZERO, Imm12::of(bits.cast_signed() - 1));
            self.asm.mv(abi::SCRATCH, n);
            self.asm.bltu_to(n, abi::SCRATCH2, small);
            self.asm.mv(abi::SCRATCH, abi::SCRATCH2);
            self.asm.bind(small);
            self.v_shift_by(inst.op, d, a, abi::SCRATCH);
            return;
        }
        // V takes the count modulo the width: clear what was shifted too far.
        self.asm
            .sltiu(abi::SCRATCH, n, Imm12::of(bits.cast_signed()));
        self.asm.sub(abi::SCRATCH, Xreg::ZERO, abi::SCRATCH);
        self.v_shift_by(inst.op, d, a, n);
        self.asm.vand_vx(d, d, abi::SCRATCH, ALL);
    }

    pub(super) fn v_shift_by(&mut self, op: Op, d: Vreg, a: Vreg, n: Xreg) {
        match op {
            Op::VShl => self.asm.vsll_vx(d, a, n, ALL),
            Op::VShr => self.asm.vsrl_vx(d, a, n, ALL),
            _ => self.asm.vsra_vx(d, a, n, ALL),
        }
    }

    /// A mask of the signs of `of`'s lanes of width `w`: the register that has it already, or a new one.
    pub(super) fn signs(&mut self, of: Value, w: Width) -> Vreg {
        let a = self.v(of);
        if self.simd.plan.of(of) == plan::Kind::Mask {
            a
        } else if self.simd.mask == Some(of) && self.inst(of).w == w {
            V0
        } else {
            self.full(w);
            let m = self.mask();
            self.asm.vmslt_vx(m, a, Xreg::ZERO, ALL);
            m
        }
    }

    fn v_mov_mask(&mut self, v: Value, inst: &Inst) {
        let of = inst.args[0];
        let m = self.signs(of, inst.w);
        let lanes = super::lanes(inst.w);
        if lanes == 16 {
            let d = self.def(v, Form::Sext(Width::W16));
            self.element(Width::W16);
            self.asm.vmv_x_s(d, m);
        } else {
            // Mask bits beyond vl are anything.
            let d = self.def(v, Form::Exact);
            self.any_vtype();
            self.asm.vmv_x_s(d, m);
            self.asm.andi(d, d, Imm12::of((1 << lanes) - 1));
        }
    }

    fn v_pack(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.v(inst.args[0]), self.v(inst.args[1]));
        let (half, n) = match inst.w {
            Width::W16 => (Width::W8, 8),
            Width::W32 => (Width::W16, 4),
            _ => (Width::W32, 2),
        };
        let (low, high) = (self.vtemp(), self.vtemp());
        let (mut x, mut y) = (a, b);
        if inst.op == Op::VPackU {
            // Negative lanes are zero; the rest is unsigned.
            self.full(inst.w);
            self.asm.vmax_vx(low, a, Xreg::ZERO, ALL);
            self.asm.vmax_vx(high, b, Xreg::ZERO, ALL);
            (x, y) = (low, high);
        }
        self.vtype(sew(half), -1, n);
        let zero = Uimm5::new(0);
        // A narrowing result may lie in its source's register.
        if inst.op == Op::VPackU {
            self.asm.vnclipu_wi(low, x, zero, ALL);
            self.asm.vnclipu_wi(high, y, zero, ALL);
        } else {
            self.asm.vnclip_wi(low, x, zero, ALL);
            self.asm.vnclip_wi(high, y, zero, ALL);
        }
        self.full(half);
        self.asm.vslideup_vi(low, high, Uimm5::new(n), ALL);
        self.args_done();
        let d = self.vdef(v);
        self.vcopy(d, low);
    }

    /// PMOVSX and PMOVZX.
    fn v_widen(&mut self, v: Value, inst: &Inst) {
        let a = self.v(inst.args[0]);
        self.args_done();
        let d = self.vdef_unless(v, &[a]);
        self.full(inst.w);
        match (inst.op, u64::from(inst.w.bits()) / inst.imm) {
            (Op::VSext, 2) => self.asm.vsext_vf2(d, a, ALL),
            (Op::VSext, 4) => self.asm.vsext_vf4(d, a, ALL),
            (Op::VSext, _) => self.asm.vsext_vf8(d, a, ALL),
            (_, 2) => self.asm.vzext_vf2(d, a, ALL),
            (_, 4) => self.asm.vzext_vf4(d, a, ALL),
            (_, _) => self.asm.vzext_vf8(d, a, ALL),
        }
    }

    /// PHMINPOSUW.
    fn v_min_position(&mut self, v: Value, inst: &Inst) {
        let a = self.v(inst.args[0]);
        let t = self.vtemp();
        self.full(Width::W16);
        self.asm.vredminu_vs(t, a, a, ALL);
        self.asm.vmv_x_s(abi::SCRATCH, t);
        let m = self.mask();
        self.asm.vmseq_vx(m, a, abi::SCRATCH, ALL);
        self.asm.vfirst_m(abi::SCRATCH2, m, ALL);
        // The position above the word, zero-extended.
        self.asm.slli(abi::SCRATCH2, abi::SCRATCH2, Shamt::new(16));
        self.asm.slli(abi::SCRATCH, abi::SCRATCH, Shamt::new(48));
        self.asm.srli(abi::SCRATCH, abi::SCRATCH, Shamt::new(48));
        self.asm.or(abi::SCRATCH, abi::SCRATCH, abi::SCRATCH2);
        self.args_done();
        let d = self.vdef(v);
        self.full(Width::W64);
        self.asm.vslide1up_vx(d, ZERO, abi::SCRATCH, ALL);
    }

    /// PMADDWD, PSADBW, PMULUDQ.
    fn v_sums(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.v(inst.args[0]), self.v(inst.args[1]));
        let (s, t) = (self.vtemp(), self.vtemp());
        match inst.op {
            Op::VMulEvenU => {
                self.full(Width::W64);
                self.asm.addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(32));
                for (d, from) in [(s, a), (t, b)] {
                    self.asm.vsll_vx(d, from, abi::SCRATCH, ALL);
                    self.asm.vsrl_vx(d, d, abi::SCRATCH, ALL);
                }
                self.args_done();
                let d = self.vdef(v);
                self.asm.vmul_vv(d, s, t, ALL);
            }
            Op::VMadd => {
                self.full(Width::W32);
                let by = Uimm5::new(16);
                for (d, from) in [(s, a), (t, b)] {
                    self.asm.vsll_vi(d, from, by, ALL);
                    self.asm.vsra_vi(d, d, by, ALL);
                }
                let (x, y) = (self.vtemp(), self.vtemp());
                self.asm.vmul_vv(s, s, t, ALL);
                self.asm.vsra_vi(x, a, by, ALL);
                self.asm.vsra_vi(y, b, by, ALL);
                self.asm.vmul_vv(x, x, y, ALL);
                self.args_done();
                let d = self.vdef(v);
                self.asm.vadd_vv(d, s, x, ALL);
            }
            _ => {
                self.full(Width::W8);
                self.asm.vmaxu_vv(s, a, b, ALL);
                self.asm.vminu_vv(t, a, b, ALL);
                self.asm.vsub_vv(s, s, t, ALL);
                // Pairs of bytes, then the four words of each half by a multiplication.
                self.full(Width::W16);
                self.asm.vsrl_vi(t, s, Uimm5::new(8), ALL);
                self.asm.addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(255));
                self.asm.vand_vx(s, s, abi::SCRATCH, ALL);
                self.asm.vadd_vv(s, s, t, ALL);
                self.full(Width::W64);
                self.constant(abi::SCRATCH, 0x0001_0001_0001_0001);
                self.asm.vmul_vx(s, s, abi::SCRATCH, ALL);
                self.asm.addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(48));
                self.args_done();
                let d = self.vdef(v);
                self.asm.vsrl_vx(d, s, abi::SCRATCH, ALL);
            }
        }
    }
}
