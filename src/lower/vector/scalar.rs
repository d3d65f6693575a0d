//! Scalar floating point in F registers.

use super::slow::Result;
use super::{Lowerer, abi, ft};
use crate::ir::{FpPredicate, Inst, Op, Value};
use crate::lower::regs::{Form, Loc};
use crate::rv64::{Freg, Imm12, Rm, Shamt, Xreg};
use crate::x86::Width;

impl Lowerer<'_> {
    /// Lowers an operation on F values; false if it is not one that has inline code.
    pub(super) fn scalar(&mut self, v: Value, inst: &Inst) -> bool {
        let single = inst.w == Width::W32;
        match inst.op {
            Op::FFrom if self.simd.is_float(inst.args[0]) => self.share_float(v, inst),
            Op::FBits if self.simd.is_float(v) => self.share_float(v, inst),
            Op::FFrom => {
                let x = self.low(inst.args[0], inst.w);
                let d = self.fdef(v);
                if single {
                    self.asm.fmv_w_x(d, x)
                } else {
                    self.asm.fmv_d_x(d, x)
                }
            }
            Op::FBits => {
                let f = self.f(inst.args[0]);
                let d = self.def(
                    v,
                    if single {
                        Form::Sext(Width::W32)
                    } else {
                        Form::Exact
                    },
                );
                if single {
                    self.asm.fmv_x_w(d, f)
                } else {
                    self.asm.fmv_x_d(d, f)
                }
            }
            Op::FAdd | Op::FSub | Op::FMul | Op::FDiv => {
                let (a, b) = (self.f(inst.args[0]), self.f(inst.args[1]));
                let d = self.fdef(v);
                self.f_binary(inst.op, inst.w, d, a, b);
                self.unless_nan(inst, d, inst.w);
            }
            Op::FSqrt => {
                let a = self.f(inst.args[0]);
                let d = self.fdef(v);
                if single {
                    self.asm.fsqrt_s(d, a, Rm::Dyn)
                } else {
                    self.asm.fsqrt_d(d, a, Rm::Dyn)
                }
                self.unless_nan(inst, d, inst.w);
            }
            Op::FMin | Op::FMax => {
                let (a, b) = (self.f(inst.args[0]), self.f(inst.args[1]));
                let d = self.fdef(v);
                self.f_min_max(inst.op == Op::FMin, inst.w, d, a, b);
            }
            Op::FCvtF => {
                let a = self.f(inst.args[0]);
                let d = self.fdef(v);
                if single {
                    self.asm.fcvt_s_d(d, a, Rm::Dyn)
                } else {
                    self.asm.fcvt_d_s(d, a)
                }
                self.unless_nan(inst, d, inst.w);
            }
            Op::FCvtFromI => {
                let long = inst.aux & 3 == 3;
                let x = self.low(inst.args[0], if long { Width::W64 } else { Width::W32 });
                let d = self.fdef(v);
                match (single, long) {
                    (true, true) => self.asm.fcvt_s_l(d, x, Rm::Dyn),
                    (true, false) => self.asm.fcvt_s_w(d, x, Rm::Dyn),
                    (false, true) => self.asm.fcvt_d_l(d, x, Rm::Dyn),
                    (false, false) => self.asm.fcvt_d_w(d, x),
                }
            }
            Op::FCvtToI => self.f_to_int(v, inst),
            Op::FRound => self.f_round(v, inst),
            Op::FCmp => self.f_compare(v, inst),
            // Where it stands, as opposed to where its flags are wanted after all.
            Op::FComi if self.facts.of[v.index()].uses == 0 && self.at == v.0 => {
                self.f_raise(v, inst);
            }
            Op::FComi => self.f_comi(v, inst),
            _ => return false,
        }
        true
    }

    /// `v` is the argument's bits, in the same F register.
    fn share_float(&mut self, v: Value, inst: &Inst) {
        let f = self.f(inst.args[0]);
        self.place(v, Loc::F(f), Form::Exact);
    }

    /// d = a op b
    pub(super) fn f_binary(&mut self, op: Op, w: Width, d: Freg, a: Freg, b: Freg) {
        let m = Rm::Dyn;
        match (op, w) {
            (Op::FAdd, Width::W32) => self.asm.fadd_s(d, a, b, m),
            (Op::FAdd, _) => self.asm.fadd_d(d, a, b, m),
            (Op::FSub, Width::W32) => self.asm.fsub_s(d, a, b, m),
            (Op::FSub, _) => self.asm.fsub_d(d, a, b, m),
            (Op::FMul, Width::W32) => self.asm.fmul_s(d, a, b, m),
            (Op::FMul, _) => self.asm.fmul_d(d, a, b, m),
            (_, Width::W32) => self.asm.fdiv_s(d, a, b, m),
            (_, _) => self.asm.fdiv_d(d, a, b, m),
        }
    }

    /// d = a < b ? a : b for the minimum. The signaling comparison raises IE for any NaN, as MINSS does.
    pub(super) fn f_min_max(&mut self, min: bool, w: Width, d: Freg, a: Freg, b: Freg) {
        let (x, y) = if min { (a, b) } else { (b, a) };
        self.f_less(w, abi::SCRATCH, x, y);
        let first = self.asm.label();
        self.f_move(d, a);
        self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, first);
        self.f_move(d, b);
        self.asm.bind(first);
    }

    fn f_move(&mut self, d: Freg, s: Freg) {
        self.asm.fsgnj_d(d, s, s);
    }

    pub(super) fn f_less(&mut self, w: Width, d: Xreg, a: Freg, b: Freg) {
        if w == Width::W32 {
            self.asm.flt_s(d, a, b)
        } else {
            self.asm.flt_d(d, a, b)
        }
    }

    pub(super) fn f_less_equal(&mut self, w: Width, d: Xreg, a: Freg, b: Freg) {
        if w == Width::W32 {
            self.asm.fle_s(d, a, b)
        } else {
            self.asm.fle_d(d, a, b)
        }
    }

    /// d = a == b, quiet.
    pub(super) fn f_equal(&mut self, w: Width, d: Xreg, a: Freg, b: Freg) {
        if w == Width::W32 {
            self.asm.feq_s(d, a, b)
        } else {
            self.asm.feq_d(d, a, b)
        }
    }

    /// Takes the slow way of `inst` if its result `d` of width `w` is a NaN.
    fn unless_nan(&mut self, inst: &Inst, d: Freg, w: Width) {
        let slow = self.slow(inst, Result::F(d, w));
        self.f_equal(w, abi::SCRATCH, d, d);
        self.asm.beq_to(abi::SCRATCH, Xreg::ZERO, slow);
        self.join();
    }

    /// RISC-V saturates. Where it gives the largest integer, x86's integer indefinite may be meant.
    fn f_to_int(&mut self, v: Value, inst: &Inst) {
        let (long, m) = (
            inst.aux & 3 == 3,
            if inst.aux & 4 != 0 { Rm::Rtz } else { Rm::Dyn },
        );
        let a = self.f(inst.args[0]);
        if !long {
            self.vals[v.index()].bits = 32;
        }
        let d = self.def_keeping(
            v,
            inst,
            if long {
                Form::Exact
            } else {
                Form::Sext(Width::W32)
            },
        );
        match (inst.w, long) {
            (Width::W32, false) => self.asm.fcvt_w_s(d, a, m),
            (Width::W32, true) => self.asm.fcvt_l_s(d, a, m),
            (_, false) => self.asm.fcvt_w_d(d, a, m),
            (_, true) => self.asm.fcvt_l_d(d, a, m),
        }
        if inst.w == Width::W64 && !long {
            // 2^31 - 1 can be right.
            let slow = self.slow(inst, Result::Int32(d));
            self.asm.li(abi::SCRATCH, 0x7fff_ffff);
            self.asm.beq_to(abi::SCRATCH, d, slow);
            self.join();
            return;
        }
        // No float of this width is the largest integer: what saturated becomes the smallest.
        let done = self.asm.label();
        if long {
            self.asm.li(abi::SCRATCH, u64::MAX);
            self.asm.srli(abi::SCRATCH, abi::SCRATCH, Shamt::new(1));
        } else {
            self.asm.li(abi::SCRATCH, 0x7fff_ffff);
        }
        self.asm.bne_to(abi::SCRATCH, d, done);
        if long {
            self.asm.addi(d, d, Imm12::of(1));
        } else {
            self.asm.addiw(d, d, Imm12::of(1));
        }
        self.asm.bind(done);
    }

    /// A register for integer result `v` of an instruction that has a slow way.
    fn def_keeping(&mut self, v: Value, inst: &Inst, form: Form) -> Xreg {
        // The arguments are F values: no x register of theirs can be overwritten, but they must not be
        // forgotten before the slow way knows where they are.
        let locs: Vec<(Value, Loc)> = inst.args().map(|a| (a, self.vals[a.index()].loc)).collect();
        let d = self.def(v, form);
        for (a, loc) in locs {
            self.vals[a.index()].loc = loc;
        }
        d
    }

    fn f_compare(&mut self, v: Value, inst: &Inst) {
        use FpPredicate::{Eq, Le, LeQuiet, Lt, LtQuiet, Neq, Nle, Nlt, Ord, Unord};
        let Some(p) = FpPredicate::from_aux(inst.aux) else {
            return;
        };
        let (a, b, w) = (self.f(inst.args[0]), self.f(inst.args[1]), inst.w);
        let d = self.def(v, Form::Exact);
        match p {
            Eq | Neq => self.f_equal(w, d, a, b),
            Lt | Nlt => self.f_less(w, d, a, b),
            Le | Nle => self.f_less_equal(w, d, a, b),
            Ord | Unord => self.f_ordered(w, d, a, b),
            LtQuiet | LeQuiet => {
                // RISC-V's comparisons signal: they are for ordered operands.
                let done = self.asm.label();
                self.f_ordered(w, d, a, b);
                self.asm.beq_to(d, Xreg::ZERO, done);
                if p == LtQuiet {
                    self.f_less(w, d, a, b);
                } else {
                    self.f_less_equal(w, d, a, b);
                }
                self.asm.bind(done);
            }
        }
        if matches!(p, Neq | Nlt | Nle | Unord) {
            self.asm.xori(d, d, Imm12::of(1));
        }
    }

    /// d = neither is a NaN, quiet.
    fn f_ordered(&mut self, w: Width, d: Xreg, a: Freg, b: Freg) {
        self.f_equal(w, abi::SCRATCH, a, a);
        self.f_equal(w, d, b, b);
        self.asm.and(d, d, abi::SCRATCH);
    }

    /// A comparison of which only the exceptions are wanted, unless one that follows raises them.
    fn f_raise(&mut self, v: Value, inst: &Inst) {
        let same = |i: &Inst| {
            i.args[0] == inst.args[0] && i.args[1] == inst.args[1]
                || i.args[0] == inst.args[1] && i.args[1] == inst.args[0]
        };
        let raises = |i: &Inst| {
            let signaling = matches!(
                FpPredicate::from_aux(i.aux),
                Some(FpPredicate::Lt | FpPredicate::Le)
            );
            i.op == Op::FCmp && i.w == inst.w && same(i) && (signaling || inst.aux == 0)
        };
        let next = self.block.insts[v.index() + 1..]
            .iter()
            .find(|i| raises(i) || self.shows(i));
        if next.is_some_and(raises) {
            return;
        }
        let (a, b) = (self.f(inst.args[0]), self.f(inst.args[1]));
        if inst.aux == 1 {
            self.f_less(inst.w, Xreg::ZERO, a, b);
        } else {
            self.f_equal(inst.w, Xreg::ZERO, a, b);
        }
    }

    /// ZF, PF and CF of a comparison.
    fn f_comi(&mut self, v: Value, inst: &Inst) {
        let (a, b, w) = (self.f(inst.args[0]), self.f(inst.args[1]), inst.w);
        let d = self.def(v, Form::Exact);
        let done = self.asm.label();
        if inst.aux == 1 {
            // Raises IE for quiet NaNs too.
            self.f_less(w, abi::SCRATCH, a, b);
        }
        self.f_ordered(w, d, a, b);
        self.asm.addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(0x45));
        let ordered = self.asm.label();
        self.asm.bne_to(d, Xreg::ZERO, ordered);
        self.asm.mv(d, abi::SCRATCH);
        self.asm.jal_to(Xreg::ZERO, done);
        self.asm.bind(ordered);
        self.f_equal(w, d, a, b);
        self.asm.slli(d, d, Shamt::new(6));
        self.f_less(w, abi::SCRATCH, a, b);
        self.asm.or(d, d, abi::SCRATCH);
        self.asm.bind(done);
    }

    /// d = lane `n` of the vector at `off`.
    pub(super) fn f_lane(&mut self, n: u8, w: Width, off: u16, lane: u16) -> Freg {
        let bytes = if w == Width::W32 { 4 } else { 8 };
        self.fload_at(ft(n), w, off + bytes * lane);
        ft(n)
    }
}
