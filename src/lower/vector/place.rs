//! Where F and V128 values are: the allocators for f and v registers, and XMM registers as places.
//!
//! Invariant: a value in `Loc::V(abi::xmm(n))` or in XMM n's home is what that register holds now; before
//! the register changes, values needed later are moved away (`leave_xmm`).

use super::{Lowerer, abi};
use crate::ir::{Effect, Inst, Op, Value, Var};
use crate::lower::regs::{Form, Loc};
use crate::lower::variable;
use crate::rv64::{Freg, Imm12, Sew, Uimm5, Vm, Vreg, Vtype, Xreg};
use crate::x86::Width;

/// fs0, fs1, fs2 .. fs11.
const F_TEMPS: [u8; 12] = [8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];

/// The vector registers for values: all below XMM0 but the mask and zero.
const TEMPS: std::ops::Range<u8> = 1..15;

/// How far ahead `direct_xmm` looks: bounds the work for a block.
const REACH: usize = 12;

impl Lowerer<'_> {
    /// Makes this the vector type, with `vl` elements.
    pub(in crate::lower) fn vtype(&mut self, sew: Sew, lmul: i8, vl: u64) {
        let n = u8::try_from(vl).unwrap_or(0);
        if self.simd.vtype != Some((sew, lmul, n)) {
            let vtype = Vtype {
                sew,
                lmul,
                ta: false,
                ma: false,
            };
            self.asm.vsetivli(Xreg::ZERO, Uimm5::new(vl), vtype);
            self.simd.vtype = Some((sew, lmul, n));
        }
    }

    /// All lanes of `w`.
    pub(super) fn full(&mut self, w: Width) {
        self.vtype(super::sew(w), 0, super::lanes(w));
    }

    /// Any vector type with elements of `w` and at least one of them.
    pub(super) fn element(&mut self, w: Width) {
        if !matches!(self.simd.vtype, Some((s, 0, _)) if s == super::sew(w)) {
            self.full(w);
        }
    }

    // --- F ---

    fn f_used(&self, r: Freg) -> bool {
        self.live
            .iter()
            .any(|v| self.vals[v.index()].loc == Loc::F(r))
    }

    /// A free F register that calls keep; pinned.
    pub(super) fn ftemp(&mut self) -> Freg {
        let all = F_TEMPS.map(Freg::new);
        let unpinned = |l: &Self, r: Freg| l.simd.pinned_f >> r.num() & 1 == 0;
        let free = all
            .into_iter()
            .find(|r| unpinned(self, *r) && !self.f_used(*r));
        let r = free.unwrap_or_else(|| {
            let owner = |l: &Self, r: Freg| {
                l.live
                    .iter()
                    .copied()
                    .find(|v| l.vals[v.index()].loc == Loc::F(r))
            };
            let victim = all
                .into_iter()
                .filter(|r| unpinned(self, *r))
                .max_by_key(|r| owner(self, *r).map_or(0, |v| self.facts.of[v.index()].last_use))
                .expect("an instruction pins fewer registers");
            let held: Vec<Value> = self
                .live
                .iter()
                .copied()
                .filter(|v| self.vals[v.index()].loc == Loc::F(victim))
                .collect();
            for v in held {
                let to = self.slot(1);
                self.asm.fsd(victim, self.off(to), abi::STATE);
                self.place(v, Loc::Mem(to), Form::Exact);
            }
            victim
        });
        self.simd.pinned_f |= 1 << r.num();
        r
    }

    /// F value `v` in a register; pinned.
    pub(in crate::lower) fn f(&mut self, v: Value) -> Freg {
        match self.vals[v.index()].loc {
            Loc::F(r) => {
                self.simd.pinned_f |= 1 << r.num();
                r
            }
            Loc::Mem(off) => {
                let r = self.ftemp();
                self.fload_at(r, self.inst(v).w, off);
                self.free_slot(v);
                self.place(v, Loc::F(r), Form::Exact);
                r
            }
            // Not an F value: cannot be in verified IR.
            _ => super::ft(0),
        }
    }

    /// Loads a float.
    pub(in crate::lower) fn fload(&mut self, r: Freg, w: Width, base: Xreg, disp: Imm12) {
        if w == Width::W32 {
            self.asm.flw(r, disp, base);
        } else {
            self.asm.fld(r, disp, base);
        }
    }

    /// Stores a float.
    pub(in crate::lower) fn fstore(&mut self, r: Freg, w: Width, base: Xreg, disp: Imm12) {
        if w == Width::W32 {
            self.asm.fsw(r, disp, base);
        } else {
            self.asm.fsd(r, disp, base);
        }
    }

    /// Loads a float from the register file.
    pub(super) fn fload_at(&mut self, r: Freg, w: Width, off: u16) {
        self.fload(r, w, abi::STATE, self.off(off));
    }

    /// Stores a float to the register file.
    pub(super) fn fstore_at(&mut self, r: Freg, w: Width, off: u16) {
        self.fstore(r, w, abi::STATE, self.off(off));
    }

    /// A register for F result `v`, different from those of the arguments.
    pub(in crate::lower) fn fdef(&mut self, v: Value) -> Freg {
        let r = self.ftemp();
        self.place(v, Loc::F(r), Form::Exact);
        r
    }

    // --- V128 in vector registers ---

    /// A free register of v1..v14; pinned.
    pub(super) fn vtemp(&mut self) -> Vreg {
        let all = TEMPS.map(Vreg::new);
        let unpinned = |l: &Self, r: Vreg| l.simd.pinned_v >> r.num() & 1 == 0;
        let held = |l: &Self, r: Vreg| -> Vec<Value> {
            l.live
                .iter()
                .copied()
                .filter(|v| l.vals[v.index()].loc == Loc::V(r))
                .collect()
        };
        let free = all
            .clone()
            .find(|r| unpinned(self, *r) && held(self, *r).is_empty());
        let r = free.unwrap_or_else(|| {
            let last = |l: &Self, r: Vreg| {
                held(l, r)
                    .iter()
                    .map(|v| l.facts.of[v.index()].last_use)
                    .min()
                    .unwrap_or(0)
            };
            let victim = all
                .filter(|r| unpinned(self, *r))
                .max_by_key(|r| last(self, *r))
                .expect("an instruction pins fewer registers");
            self.vspill(victim);
            victim
        });
        self.simd.pinned_v |= 1 << r.num();
        r
    }

    /// Moves the values in `r` to spill slots.
    fn vspill(&mut self, r: Vreg) {
        let held: Vec<Value> = self
            .live
            .iter()
            .copied()
            .filter(|v| self.vals[v.index()].loc == Loc::V(r))
            .collect();
        let before = self.simd.vtype;
        for v in held {
            let to = self.slot(2);
            self.vstore_at(r, to);
            self.place(v, Loc::Mem(to), Form::Exact);
        }
        // The instruction being lowered may count on its vector type.
        self.restore_vtype(before);
    }

    pub(super) fn restore_vtype(&mut self, to: Option<(Sew, i8, u8)>) {
        if let Some((sew, lmul, vl)) = to {
            self.vtype(sew, lmul, vl.into());
        }
    }

    /// Stores `r` to the register file. Changes the vector type.
    pub(super) fn vstore_at(&mut self, r: Vreg, off: u16) {
        self.full(Width::W8);
        self.asm.addi(abi::SCRATCH, abi::STATE, self.off(off));
        self.asm.vse8_v(r, abi::SCRATCH, Vm::All);
    }

    /// Loads `r` from the register file. Changes the vector type.
    pub(super) fn vload_at(&mut self, r: Vreg, off: u16) {
        self.full(Width::W8);
        self.asm.addi(abi::SCRATCH, abi::STATE, self.off(off));
        self.asm.vle8_v(r, abi::SCRATCH, Vm::All);
    }

    /// V128 value `v` in a vector register; pinned. May change the vector type: ask for values first.
    pub(super) fn v(&mut self, v: Value) -> Vreg {
        match self.vals[v.index()].loc {
            Loc::V(r) => {
                self.simd.pinned_v |= 1 << r.num();
                r
            }
            Loc::Mem(off) => {
                let r = self.vtemp();
                self.vload_at(r, off);
                self.free_slot(v);
                self.place(v, Loc::V(r), Form::Exact);
                r
            }
            _ => super::V0,
        }
    }

    /// A vector register for result `v`. It may be an argument's: the caller writes it with its last
    /// instruction only, or one that allows that.
    pub(super) fn vdef(&mut self, v: Value) -> Vreg {
        self.vdef_unless(v, &[])
    }

    /// The same, but none of `avoid`.
    pub(super) fn vdef_unless(&mut self, v: Value, avoid: &[Vreg]) -> Vreg {
        if let Some(n) = self.direct_xmm(v)
            && !avoid.contains(&abi::xmm(n))
        {
            let r = abi::xmm(n);
            self.leave_xmm(n);
            self.place(v, Loc::V(r), Form::Exact);
            return r;
        }
        let r = self.vtemp();
        self.place(v, Loc::V(r), Form::Exact);
        r
    }

    // --- XMM registers ---

    /// The XMM register result `v` can be computed into, because it is set to it soon and nothing
    /// before then reads or shows the old content.
    pub(super) fn direct_xmm(&self, v: Value) -> Option<u8> {
        for inst in self.block.insts[v.index() + 1..].iter().take(REACH) {
            match (inst.op, inst.var()) {
                (Op::Set, Some(Var::Xmm(n))) if inst.args[0] == v => {
                    let between = &self.block.insts[v.index() + 1..];
                    let touched = between
                        .iter()
                        .take_while(|i| {
                            !(i.op == Op::Set && i.args[0] == v && i.var() == Some(Var::Xmm(n)))
                        })
                        .any(|i| i.var() == Some(Var::Xmm(n)));
                    return (!touched).then_some(n);
                }
                _ if self.shows(inst) => return None,
                _ => {}
            }
        }
        None
    }

    /// Whether the guest's registers may be looked at here.
    pub(super) fn shows(&self, inst: &Inst) -> bool {
        match inst.op.effect() {
            Effect::Fp => self.simd.mode == super::FpMode::Exact,
            _ => !inst.lazy && inst.op.observes(),
        }
    }

    pub(super) fn get_xmm(&mut self, v: Value, n: u8) {
        let loc = if abi::xmm_resident(self.isa) {
            Loc::V(abi::xmm(n))
        } else {
            Loc::Mem(variable(Var::Xmm(n)))
        };
        self.place(v, loc, Form::Exact);
    }

    pub(super) fn set_xmm(&mut self, v: Value, n: u8) {
        let home = variable(Var::Xmm(n));
        let loc = self.vals[v.index()].loc;
        if abi::xmm_resident(self.isa) {
            let d = abi::xmm(n);
            if loc == Loc::V(d) {
                return;
            }
            self.leave_xmm(n);
            match self.vals[v.index()].loc {
                Loc::Mem(off) => self.vload_at(d, off),
                Loc::V(r) => {
                    self.any_vtype();
                    self.asm.vmv1r_v(d, r);
                }
                _ => {}
            }
            if self.facts.of[v.index()].last_use > self.at {
                self.free_slot(v);
                self.place(v, Loc::V(d), Form::Exact);
            }
            return;
        }
        let Loc::Mem(from) = loc else { return };
        if from == home {
            return;
        }
        self.leave_xmm(n);
        self.copy(abi::STATE, from, home, 2);
        if self.facts.of[v.index()].last_use > self.at && !self.is_home(from) {
            self.free_slot(v);
            self.place(v, Loc::Mem(home), Form::Exact);
        }
    }

    /// Whole-register moves need some legal vector type.
    pub(super) fn any_vtype(&mut self) {
        if self.simd.vtype.is_none() {
            self.full(Width::W64);
        }
    }

    /// True for an offset of an XMM register's home, as opposed to a spill slot.
    fn is_home(&self, off: u16) -> bool {
        usize::from(off) < abi::scratch(abi::slot::SPILL)
    }

    /// Before XMM register `n` changes: moves values that are needed later out of it.
    pub(super) fn leave_xmm(&mut self, n: u8) {
        let home = if abi::xmm_resident(self.isa) {
            Loc::V(abi::xmm(n))
        } else {
            Loc::Mem(variable(Var::Xmm(n)))
        };
        let old: Vec<Value> = self
            .live
            .iter()
            .copied()
            .filter(|v| {
                self.vals[v.index()].loc == home && self.facts.of[v.index()].last_use > self.at
            })
            .collect();
        if old.is_empty() {
            return;
        }
        if let Loc::V(from) = home {
            let r = self.vtemp();
            self.any_vtype();
            self.asm.vmv1r_v(r, from);
            for v in old {
                self.place(v, Loc::V(r), Form::Exact);
            }
            return;
        }
        for v in old {
            let to = self.slot(2);
            self.copy(abi::STATE, variable(Var::Xmm(n)), to, 2);
            self.place(v, Loc::Mem(to), Form::Exact);
        }
    }

    /// Makes `v0` to `v7` free, whose vector type the caller then changes.
    pub(in crate::lower) fn free_group(&mut self) {
        for r in (0..8).map(Vreg::new) {
            self.vspill(r);
        }
        self.simd.forget();
    }

    // --- calls ---

    /// Stores V128 or F value `v` as an argument of a call.
    pub(in crate::lower) fn store_vector_arg(&mut self, v: Value, to: u16) {
        match self.vals[v.index()].loc {
            Loc::Mem(from) => {
                let words = if self.vals[v.index()].bits == 128 {
                    2
                } else {
                    1
                };
                self.copy(abi::STATE, from, to, words);
            }
            Loc::F(r) => self.asm.fsd(r, self.off(to), abi::STATE),
            Loc::V(r) => self.vstore_at(r, to),
            _ => {}
        }
    }

    /// Before a helper, which may change the XMM registers and make system calls: values needed later
    /// are in no vector register and in no XMM register's home.
    pub(in crate::lower) fn spill_vectors(&mut self) {
        self.simd.pinned_v = 0;
        for n in 0..16 {
            self.leave_xmm(n);
            self.simd.pinned_v = 0;
        }
        for r in TEMPS.map(Vreg::new) {
            self.vspill(r);
        }
        self.simd.forget();
    }
}
