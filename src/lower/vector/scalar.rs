//! Scalar floating point in F registers.

use super::slow::Result;
use super::{Lowerer, abi, ft};
use crate::ir::{FpPredicate, Inst, Op, Value};
use crate::lower::regs::{Form, Loc};
use crate::rv64::{Freg, Imm12, Label, Rm, Shamt, Xreg};
use crate::x86::Width;

/// A predicate that is false for unordered operands: each is one of these or its inverse.
#[derive(Clone, Copy)]
pub(super) enum Core {
    Never,
    Equal,
    /// Less or greater.
    Differ,
    Ordered,
    /// a < b, with `equal` a <= b; `turned`: b < a.
    Less {
        turned: bool,
        equal: bool,
    },
}

impl Core {
    /// What `p` is, and whether inverted.
    pub(super) fn of(p: FpPredicate) -> (Core, bool) {
        let inverted = p.truth().unordered;
        let t = if inverted {
            p.truth().inverse()
        } else {
            p.truth()
        };
        let core = match (t.less, t.equal, t.greater) {
            (false, false, false) => Core::Never,
            (false, true, false) => Core::Equal,
            (true, false, true) => Core::Differ,
            (true, true, true) => Core::Ordered,
            (less, equal, _) => Core::Less {
                turned: !less,
                equal,
            },
        };
        (core, inverted)
    }
}

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
            Op::FFma => {
                let [a, b, c] = [0, 1, 2].map(|n| self.f(inst.args[n]));
                let d = self.fdef(v);
                let slow = self.slow(inst, Result::F(d, inst.w));
                self.f_fused(inst, d, [a, b, c], slow);
                self.f_equal(inst.w, abi::SCRATCH, d, d);
                self.asm.beq_to(abi::SCRATCH, Xreg::ZERO, slow);
                self.join();
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

    /// d = a * b + c with the signs `aux` & 3 says; to `slow` if c is a NaN. RISC-V raises NV for infinity times
    /// zero also where a quiet NaN is added.
    pub(super) fn f_fused(&mut self, inst: &Inst, d: Freg, [a, b, c]: [Freg; 3], slow: Label) {
        let m = Rm::Dyn;
        self.f_equal(inst.w, abi::SCRATCH, c, c);
        self.asm.beq_to(abi::SCRATCH, Xreg::ZERO, slow);
        match (inst.aux & 3, inst.w) {
            (0, Width::W32) => self.asm.fmadd_s(d, a, b, c, m),
            (0, _) => self.asm.fmadd_d(d, a, b, c, m),
            (1, Width::W32) => self.asm.fnmsub_s(d, a, b, c, m),
            (1, _) => self.asm.fnmsub_d(d, a, b, c, m),
            (2, Width::W32) => self.asm.fmsub_s(d, a, b, c, m),
            (2, _) => self.asm.fmsub_d(d, a, b, c, m),
            (_, Width::W32) => self.asm.fnmadd_s(d, a, b, c, m),
            (_, _) => self.asm.fnmadd_d(d, a, b, c, m),
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
        let Some(p) = FpPredicate::from_aux(inst.aux) else {
            return;
        };
        let (a, b, w) = (self.f(inst.args[0]), self.f(inst.args[1]), inst.w);
        let d = self.def(v, Form::Exact);
        if self.f_predicate(p, w, [d, abi::SCRATCH], a, b) {
            self.asm.xori(d, d, Imm12::of(1));
        }
    }

    /// d = 1 if predicate `p` holds, else 0, and the other way round if this gives true; changes t.
    pub(super) fn f_predicate(
        &mut self,
        p: FpPredicate,
        w: Width,
        [d, t]: [Xreg; 2],
        a: Freg,
        b: Freg,
    ) -> bool {
        let (core, inverted) = Core::of(p);
        if p.signaling() && !matches!(core, Core::Less { .. }) {
            // The others are quiet.
            self.f_less(w, Xreg::ZERO, a, b);
        }
        match core {
            Core::Never => {
                if !p.signaling() {
                    // Signaling NaNs raise IE.
                    self.f_equal(w, Xreg::ZERO, a, b);
                }
                self.asm.mv(d, Xreg::ZERO);
            }
            Core::Equal => self.f_equal(w, d, a, b),
            Core::Ordered => self.f_ordered(w, [d, t], a, b),
            Core::Differ => {
                self.f_ordered(w, [d, t], a, b);
                self.f_equal(w, t, a, b);
                // Equal numbers are ordered.
                self.asm.xor(d, d, t);
            }
            Core::Less { turned, equal } => {
                let done = self.asm.label();
                if !p.signaling() {
                    // RISC-V's comparisons signal: they are for ordered operands.
                    self.f_ordered(w, [d, t], a, b);
                    self.asm.beq_to(d, Xreg::ZERO, done);
                }
                let (x, y) = if turned { (b, a) } else { (a, b) };
                if equal {
                    self.f_less_equal(w, d, x, y);
                } else {
                    self.f_less(w, d, x, y);
                }
                self.asm.bind(done);
            }
        }
        inverted
    }

    /// d = neither is a NaN, quiet; changes t.
    fn f_ordered(&mut self, w: Width, [d, t]: [Xreg; 2], a: Freg, b: Freg) {
        self.f_equal(w, t, a, a);
        self.f_equal(w, d, b, b);
        self.asm.and(d, d, t);
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
        self.f_ordered(w, [d, abi::SCRATCH], a, b);
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
