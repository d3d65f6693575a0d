//! Rounding floats to integers: through an integer and back, which is exact below 2^23 (2^52) in
//! magnitude. What is not below goes the slow way: it is an integer already, or a NaN. With Zfa, numbers one by one:
//! by the instruction that does it, NaNs the slow way.

use super::slow::Result;
use super::{Lowerer, abi, ft};
use crate::ir::{Inst, Value};
use crate::rv64::{Csr, Feature, Freg, Label, Rm, Shamt, Uimm5, Vm, Vreg, Xreg};
use crate::x86::Width;

/// How to round, from `Inst::aux`.
fn mode(inst: &Inst) -> Rm {
    match inst.aux & 7 {
        0 => Rm::Rne,
        1 => Rm::Rdn,
        2 => Rm::Rup,
        3 => Rm::Rtz,
        _ => Rm::Dyn,
    }
}

/// The smallest magnitude that is too large, without its sign bit and moved up by one.
const fn limit(w: Width) -> u64 {
    match w {
        Width::W32 => 0x4b00_0000 << 1,
        _ => 0x4330_0000_0000_0000 << 1,
    }
}

impl Lowerer<'_> {
    /// Keeps `fflags` in `t6` if the conversion is not to show that it was inexact.
    fn keep_flags(&mut self, inst: &Inst) {
        if inst.aux & 8 != 0 {
            self.asm.csrrs(abi::SCRATCH2, Csr::Fflags, Xreg::ZERO);
        }
    }

    fn restore_flags(&mut self, inst: &Inst) {
        if inst.aux & 8 != 0 {
            self.asm.csrrw(Xreg::ZERO, Csr::Fflags, abi::SCRATCH2);
        }
    }

    /// d = a rounded, or to `slow`.
    fn round_float(&mut self, inst: &Inst, d: Freg, a: Freg, slow: Label) {
        let (s, t) = (abi::SCRATCH, abi::SCRATCH2);
        let single = inst.w == Width::W32;
        if self.isa.has(Feature::Zfa) {
            self.f_equal(inst.w, s, a, a);
            self.asm.beq_to(s, Xreg::ZERO, slow);
            return match (single, inst.aux & 8 != 0) {
                (true, true) => self.asm.fround_s(d, a, mode(inst)),
                (true, false) => self.asm.froundnx_s(d, a, mode(inst)),
                (false, true) => self.asm.fround_d(d, a, mode(inst)),
                (false, false) => self.asm.froundnx_d(d, a, mode(inst)),
            };
        }
        if single {
            self.asm.fmv_x_w(s, a);
            self.asm.slliw(s, s, Shamt::new(1));
            let limit = Width::W32.sext(limit(Width::W32));
            self.asm.li(t, limit.cast_unsigned());
        } else {
            self.asm.fmv_x_d(s, a);
            self.asm.slli(s, s, Shamt::new(1));
            self.asm.li(t, limit(Width::W64));
        }
        // Sign extensions compare as what they extend.
        self.asm.bgeu_to(s, t, slow);
        self.keep_flags(inst);
        if single {
            self.asm.fcvt_l_s(s, a, mode(inst));
            self.asm.fcvt_s_l(d, s, Rm::Dyn);
            self.restore_flags(inst);
            self.asm.fsgnj_s(d, d, a);
        } else {
            self.asm.fcvt_l_d(s, a, mode(inst));
            self.asm.fcvt_d_l(d, s, Rm::Dyn);
            self.restore_flags(inst);
            self.asm.fsgnj_d(d, d, a);
        }
    }

    /// ROUNDSS, ROUNDSD.
    pub(super) fn f_round(&mut self, v: Value, inst: &Inst) {
        let a = self.f(inst.args[0]);
        let d = self.fdef(v);
        let slow = self.slow(inst, Result::F(d, inst.w));
        self.round_float(inst, d, a, slow);
        self.join();
    }

    /// ROUNDPS, ROUNDPD on hosts with V, whose conversions round as `frm` says.
    pub(super) fn v_round(&mut self, v: Value, inst: &Inst) {
        let a = self.v(inst.args[0]);
        let t = self.vtemp();
        let d = self.vfresh(v);
        let slow = self.slow(inst, Result::V(d));
        let all = Vm::All;
        self.full(inst.w);
        self.asm.vsll_vi(t, a, Uimm5::new(1), all);
        self.asm.li(abi::SCRATCH, limit(inst.w) - 1);
        let m = self.mask();
        self.asm.vmsgtu_vx(m, t, abi::SCRATCH, all);
        self.asm.vcpop_m(abi::SCRATCH, m, all);
        self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, slow);
        self.keep_flags(inst);
        self.convert_and_back(mode(inst), t, a);
        self.restore_flags(inst);
        self.asm.vfsgnj_vv(d, t, a, all);
        self.join();
    }

    /// t = a rounded, but for the sign of zeros.
    fn convert_and_back(&mut self, mode: Rm, t: Vreg, a: Vreg) {
        let all = Vm::All;
        match mode {
            Rm::Rtz => self.asm.vfcvt_rtz_x_f_v(t, a, all),
            Rm::Dyn => self.asm.vfcvt_x_f_v(t, a, all),
            _ => {
                let frm = Uimm5::new(u64::from(mode.bits()));
                self.asm.csrrwi(abi::SCRATCH, Csr::Frm, frm);
                self.asm.vfcvt_x_f_v(t, a, all);
                self.asm.csrrw(Xreg::ZERO, Csr::Frm, abi::SCRATCH);
            }
        }
        self.asm.vfcvt_f_x_v(t, t, all);
    }

    /// ROUNDPS, ROUNDPD on vectors in memory.
    pub(super) fn w_round(&mut self, v: Value, inst: &Inst) {
        let (n, bytes) = Self::shape(inst.w);
        let a = self.at(inst.args[0]);
        let to = self.w_result(v, inst);
        let slow = self.slow(inst, Result::Mem(to));
        for i in 0..n {
            let x = self.f_lane(4, inst.w, a, i.into());
            self.round_float(inst, ft(i), x, slow);
        }
        for i in 0..n {
            self.fstore_at(ft(i), inst.w, to + bytes * u16::from(i));
        }
        self.join();
    }
}
