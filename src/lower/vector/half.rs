//! Half precision (F16C) on hosts with Zvfhmin, or without V with Zfhmin.
//!
//! Neither is more than conversions. RISC-V knows no DAZ and no FTZ, and half precision has neither on x86.

use super::slow::Result;
use super::{Lowerer, abi, ft};
use crate::ir::{CvtKind, Inst, Value};
use crate::rv64::{Csr, Feature, Rm, Sew, Uimm5, Vm, Xreg};
use crate::x86::Width;

const ALL: Vm = Vm::All;

/// How a conversion to half precision rounds; `None` for another conversion.
fn rounding(kind: CvtKind) -> Option<Rm> {
    match kind {
        CvtKind::F32F16 => Some(Rm::Dyn),
        CvtKind::F32F16Nearest => Some(Rm::Rne),
        CvtKind::F32F16Down => Some(Rm::Rdn),
        CvtKind::F32F16Up => Some(Rm::Rup),
        CvtKind::F32F16Trunc => Some(Rm::Rtz),
        _ => None,
    }
}

impl Lowerer<'_> {
    /// On hosts with V; false if it has no inline code.
    pub(super) fn v_half(&mut self, v: Value, inst: &Inst, kind: CvtKind) -> bool {
        if !self.isa.has(Feature::Zvfhmin) {
            return false;
        }
        let a = self.v(inst.args[0]);
        let d = self.vfresh(v);
        let Some(rm) = rounding(kind) else {
            self.vtype(Sew::E16, -1, 4);
            self.asm.vfwcvt_f_f_v(d, a, ALL);
            self.full(Width::W32);
            self.unless_any_nan(inst, d);
            return true;
        };
        // Halves cannot be compared: NaNs are found before.
        let slow = self.slow(inst, Result::V(d));
        self.full(Width::W32);
        let m = self.mask();
        self.asm.vmfne_vv(m, a, a, ALL);
        self.asm.vcpop_m(abi::SCRATCH, m, ALL);
        self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, slow);
        self.zeroed(d);
        self.vtype(Sew::E16, -1, 4);
        if rm == Rm::Dyn {
            self.asm.vfncvt_f_f_w(d, a, ALL);
        } else {
            let frm = Uimm5::new(u64::from(rm.bits()));
            self.asm.csrrwi(abi::SCRATCH, Csr::Frm, frm);
            self.asm.vfncvt_f_f_w(d, a, ALL);
            self.asm.csrrw(Xreg::ZERO, Csr::Frm, abi::SCRATCH);
        }
        self.join();
        true
    }

    /// On hosts without V; false if it has no inline code.
    pub(super) fn w_half(&mut self, v: Value, inst: &Inst, kind: CvtKind) -> bool {
        if !self.isa.has(Feature::Zfhmin) {
            return false;
        }
        let a = self.at(inst.args[0]);
        let to = self.w_result(v, inst);
        let Some(rm) = rounding(kind) else {
            for i in 0..4 {
                self.asm
                    .flh(ft(i), self.off(a + 2 * u16::from(i)), abi::STATE);
                self.asm.fcvt_s_h(ft(i), ft(i));
            }
            self.w_take(inst, 4, 4, to);
            return true;
        };
        for i in 0..4 {
            self.f_lane(i, Width::W32, a, i.into());
        }
        let slow = self.slow(inst, Result::Mem(to));
        self.w_nan_free(Width::W32, 4, slow);
        for i in 0..4 {
            self.asm.fcvt_h_s(ft(i), ft(i), rm);
            self.asm
                .fsh(ft(i), self.off(to + 2 * u16::from(i)), abi::STATE);
        }
        self.asm.sd(Xreg::ZERO, self.off(to + 8), abi::STATE);
        self.join();
        true
    }
}
