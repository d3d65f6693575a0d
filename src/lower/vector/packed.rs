//! Packed floating point on hosts with V.
//!
//! Results go to a register of their own until it is known that no lane is a NaN: the slow way needs the
//! arguments.

use super::scalar::Core;
use super::slow::Result;
use super::{Lowerer, V0, ZERO, abi};
use crate::ir::{CvtKind, FpPredicate, Inst, Op, Value};
use crate::lower::regs::{Form, Loc};
use crate::rv64::{Imm12, Simm5, Vm, Vreg, Xreg};
use crate::x86::Width;

pub(super) fn simm(v: i64) -> Simm5 {
    Simm5::new(v).expect("five bits")
}

impl Lowerer<'_> {
    /// Lowers packed floating point, and moves between F values and vectors; false for other operations.
    pub(super) fn packed(&mut self, v: Value, inst: &Inst) -> bool {
        let all = Vm::All;
        match inst.op {
            Op::FGet => {
                let a = self.v(inst.args[0]);
                let d = self.fdef(v);
                self.element(inst.w);
                self.asm.vfmv_f_s(d, a);
            }
            Op::FPut => {
                let a = self.v(inst.args[0]);
                let f = self.f(inst.args[1]);
                self.args_done();
                let d = self.vdef(v);
                if d != a && self.is_ymm(d) {
                    self.full(inst.w);
                }
                self.element(inst.w);
                if d != a {
                    self.vcopy(d, a);
                }
                self.asm.vfmv_s_f(d, f);
            }
            Op::VFAdd | Op::VFSub | Op::VFMul | Op::VFDiv => {
                let (a, b, d) = self.fp_operands(v, inst);
                self.full(inst.w);
                match inst.op {
                    Op::VFAdd => self.asm.vfadd_vv(d, a, b, all),
                    Op::VFSub => self.asm.vfsub_vv(d, a, b, all),
                    Op::VFMul => self.asm.vfmul_vv(d, a, b, all),
                    _ => self.asm.vfdiv_vv(d, a, b, all),
                }
                self.unless_any_nan(inst, d);
            }
            Op::VFAddSub => {
                let (a, b, d) = self.fp_operands(v, inst);
                let m = self.even_lanes(inst.w);
                self.full(inst.w);
                self.asm.vfsub_vv(d, a, b, Vm::Masked);
                self.asm.vmnand_mm(m, m, m);
                self.asm.vfadd_vv(d, a, b, Vm::Masked);
                self.unless_any_nan(inst, d);
            }
            Op::VFSqrt => {
                let a = self.v(inst.args[0]);
                let d = self.vfresh(v);
                self.full(inst.w);
                self.asm.vfsqrt_v(d, a, all);
                self.unless_any_nan(inst, d);
            }
            Op::VFMin | Op::VFMax => {
                let (a, b) = (self.v(inst.args[0]), self.v(inst.args[1]));
                self.args_done();
                let d = self.vdef(v);
                self.full(inst.w);
                let (x, y) = if inst.op == Op::VFMin { (a, b) } else { (b, a) };
                let m = self.mask();
                self.asm.vmflt_vv(m, x, y, all);
                self.asm.vmerge_vvm(d, b, a);
            }
            Op::VFCmp => self.vf_compare(v, inst),
            Op::VFFma => self.v_fused(v, inst),
            Op::VFRound => self.v_round(v, inst),
            Op::VCvt => return self.vf_convert(v, inst),
            _ => return false,
        }
        true
    }

    fn fp_operands(&mut self, v: Value, inst: &Inst) -> (Vreg, Vreg, Vreg) {
        let (a, b) = (self.v(inst.args[0]), self.v(inst.args[1]));
        (a, b, self.vfresh(v))
    }

    /// A register for result `v` that holds nothing else.
    pub(super) fn vfresh(&mut self, v: Value) -> Vreg {
        let d = self.vtemp();
        match self.simd.pair {
            Some(pair) => self.place_pair(v, pair.high, d),
            None => self.place(v, Loc::V(d), Form::Exact),
        }
        d
    }

    /// Takes the slow way of `inst` if a lane of its result `d` is a NaN.
    pub(super) fn unless_any_nan(&mut self, inst: &Inst, d: Vreg) {
        let slow = self.slow(inst, Result::V(d));
        let m = self.mask();
        self.asm.vmfne_vv(m, d, d, Vm::All);
        self.asm.vcpop_m(abi::SCRATCH, V0, Vm::All);
        self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, slow);
        self.join();
    }

    fn vf_compare(&mut self, v: Value, inst: &Inst) {
        let Some(p) = FpPredicate::from_aux(inst.aux) else {
            return;
        };
        let (a, b) = (self.v(inst.args[0]), self.v(inst.args[1]));
        self.args_done();
        let t = self.vtemp();
        let d = self.vdef(v);
        self.full(inst.w);
        let all = Vm::All;
        let m = self.mask();
        let (core, inverted) = Core::of(p);
        let less = matches!(core, Core::Less { .. });
        if !less && p.signaling() {
            // The others are quiet.
            self.asm.vmflt_vv(m, a, b, all);
        }
        let mut vm = all;
        if matches!(core, Core::Ordered | Core::Differ) || less && !p.signaling() {
            self.asm.vmfeq_vv(m, a, a, all);
            self.asm.vmfeq_vv(t, b, b, all);
            self.asm.vmand_mm(m, m, t);
            vm = Vm::Masked;
        }
        match core {
            // Signaling NaNs raise IE.
            Core::Never if !p.signaling() => self.asm.vmfeq_vv(m, a, b, all),
            Core::Never | Core::Ordered => {}
            Core::Equal => self.asm.vmfeq_vv(m, a, b, all),
            Core::Differ => self.asm.vmfne_vv(m, a, b, vm),
            Core::Less { turned, equal } => {
                let (x, y) = if turned { (b, a) } else { (a, b) };
                if equal {
                    self.asm.vmfle_vv(m, x, y, vm);
                } else {
                    self.asm.vmflt_vv(m, x, y, vm);
                }
            }
        }
        let (yes, no) = if inverted { (0, -1) } else { (-1, 0) };
        match (core, inverted) {
            (Core::Never, _) => self.asm.vmv_v_i(d, simm(no)),
            (_, true) => {
                self.asm.vmv_v_i(d, simm(no));
                self.asm.vmerge_vim(d, d, simm(yes));
            }
            (_, false) => self.asm.vmerge_vim(d, ZERO, simm(yes)),
        }
    }

    /// The mask of the lanes with even numbers.
    fn even_lanes(&mut self, w: Width) -> Vreg {
        let m = self.mask();
        match (w, self.simd.pair) {
            (Width::W32, Some(_)) => {
                self.full(w);
                self.asm.addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(0x55));
                self.asm.vmv_v_x(m, abi::SCRATCH);
            }
            _ => {
                self.full(Width::W8);
                let even = if w == Width::W32 || self.simd.pair.is_some() {
                    5
                } else {
                    1
                };
                self.asm.vmv_v_i(m, simm(even));
            }
        }
        m
    }

    /// FMADDPS and the others. RISC-V raises NV for infinity times zero also where a quiet NaN is added:
    /// lanes whose addend is a NaN are not computed, and keep it.
    fn v_fused(&mut self, v: Value, inst: &Inst) {
        let [a, b, c] = [0, 1, 2].map(|n| self.v(inst.args[n]));
        let d = self.vfresh(v);
        let alternating = inst.aux & 4 != 0;
        let t = if alternating { self.vtemp() } else { V0 };
        if alternating {
            self.even_lanes(inst.w);
        }
        self.full(inst.w);
        self.mask();
        self.asm.vmv1r_v(d, c);
        self.asm.vmfeq_vv(t, c, c, Vm::All);
        if alternating {
            self.asm.vmand_mm(V0, V0, t);
            self.v_multiply_add(inst.aux ^ 2, d, a, b);
            self.asm.vmxor_mm(V0, V0, t);
        }
        self.v_multiply_add(inst.aux, d, a, b);
        self.unless_any_nan(inst, d);
    }

    /// d = a * b + d under the mask, with the signs `aux` & 3 of `FFma` says.
    fn v_multiply_add(&mut self, aux: u16, d: Vreg, a: Vreg, b: Vreg) {
        match aux & 3 {
            0 => self.asm.vfmacc_vv(d, a, b, Vm::Masked),
            1 => self.asm.vfnmsac_vv(d, a, b, Vm::Masked),
            2 => self.asm.vfmsac_vv(d, a, b, Vm::Masked),
            _ => self.asm.vfnmacc_vv(d, a, b, Vm::Masked),
        }
    }

    fn vf_convert(&mut self, v: Value, inst: &Inst) -> bool {
        let Some(kind) = CvtKind::from_aux(inst.aux) else {
            return false;
        };
        if kind as u8 >= CvtKind::F16F32 as u8 {
            return self.v_half(v, inst, kind);
        }
        let a = self.v(inst.args[0]);
        let d = self.vfresh(v);
        let all = Vm::All;
        let half = (super::sew(Width::W32), -1, 2);
        match kind {
            CvtKind::I32F32 => {
                self.full(Width::W32);
                self.asm.vfcvt_f_x_v(d, a, all);
            }
            CvtKind::F32I32 | CvtKind::F32I32Trunc => {
                self.full(Width::W32);
                if kind == CvtKind::F32I32 {
                    self.asm.vfcvt_x_f_v(d, a, all);
                } else {
                    self.asm.vfcvt_rtz_x_f_v(d, a, all);
                }
                // What saturated at the largest integer, which no float is, becomes the smallest.
                self.asm.li(abi::SCRATCH, 0x7fff_ffff);
                let m = self.mask();
                self.asm.vmseq_vx(m, d, abi::SCRATCH, all);
                self.asm.vadd_vi(d, d, simm(1), Vm::Masked);
            }
            CvtKind::I32F64 => {
                self.vtype(half.0, half.1, half.2);
                self.asm.vfwcvt_f_x_v(d, a, all);
            }
            CvtKind::F32F64 => {
                self.vtype(half.0, half.1, half.2);
                self.asm.vfwcvt_f_f_v(d, a, all);
                self.full(Width::W64);
                self.unless_any_nan(inst, d);
            }
            CvtKind::F64F32 => {
                self.zeroed(d);
                self.vtype(half.0, half.1, half.2);
                self.asm.vfncvt_f_f_w(d, a, all);
                self.unless_any_nan(inst, d);
            }
            CvtKind::F64I32 | CvtKind::F64I32Trunc => {
                self.zeroed(d);
                self.vtype(half.0, half.1, half.2);
                if kind == CvtKind::F64I32 {
                    self.asm.vfncvt_x_f_w(d, a, all);
                } else {
                    self.asm.vfncvt_rtz_x_f_w(d, a, all);
                }
                // 2^31 - 1 can be right.
                let slow = self.slow(inst, Result::V(d));
                self.asm.li(abi::SCRATCH, 0x7fff_ffff);
                let m = self.mask();
                self.asm.vmseq_vx(m, d, abi::SCRATCH, all);
                self.asm.vcpop_m(abi::SCRATCH, V0, all);
                self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, slow);
                self.join();
            }
            _ => return false,
        }
        true
    }

    /// d = 0
    pub(super) fn zeroed(&mut self, d: Vreg) {
        self.any_vtype();
        self.asm.vmv1r_v(d, ZERO);
    }
}
