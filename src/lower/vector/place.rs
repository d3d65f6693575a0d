//! Where F and V128 values are: the allocators for f and v registers, and the guest's vector registers as
//! places.
//!
//! Invariants: a value in the home of a guest's vector register is what that register holds now; before the
//! register changes, values needed later are moved away (`vacate`). Where YMM registers are resident, what
//! writes 128 bits of one leaves the others as they are: no whole-register moves there but for all of it.

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

/// How far ahead `direct_vector` looks: bounds the work for a block.
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
            if vl < 32 {
                self.asm.vsetivli(Xreg::ZERO, Uimm5::new(vl), vtype);
            } else if self.isa.vlen() == 256 {
                // As many as there are.
                self.asm.vsetvli(abi::SCRATCH, Xreg::ZERO, vtype);
            } else {
                self.asm.li(abi::SCRATCH, vl);
                self.asm.vsetvli(Xreg::ZERO, abi::SCRATCH, vtype);
            }
            self.simd.vtype = Some((sew, lmul, n));
        }
    }

    /// All lanes of `w`, of 256 bits in an operation on pairs. May clobber `SCRATCH` then.
    pub(super) fn full(&mut self, w: Width) {
        let both = u32::from(self.simd.pair.is_some());
        self.vtype(super::sew(w), 0, super::lanes(w) << both);
    }

    /// 128 bits in lanes of any width: those of the current vector type if it has as many and `any` allows,
    /// else bytes. Gives the width.
    pub(super) fn full_of(&mut self, any: bool) -> Sew {
        match self.simd.vtype {
            Some((s, 0, n)) if any && u64::from(n) << (s.bits() + 3) == 128 => s,
            _ => {
                self.full(Width::W8);
                Sew::E8
            }
        }
    }

    /// Any vector type whose lanes are those of 128 bits (of 256 in an operation on pairs).
    pub(super) fn all_bits(&mut self) {
        let bits = if self.simd.pair.is_some() { 256 } else { 128 };
        match self.simd.vtype {
            Some((s, 0, n)) if u64::from(n) << (s.bits() + 3) == bits => {}
            _ => self.full(Width::W64),
        }
    }

    /// d = s. Lanes of any width, all of them, or whole registers.
    pub(super) fn vcopy(&mut self, d: Vreg, s: Vreg) {
        if !self.is_ymm(d) {
            self.any_vtype();
            self.asm.vmv1r_v(d, s);
        } else {
            self.all_bits();
            self.asm.vmv_v_v(d, s);
        }
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
            let inside =
                |v: &Value| matches!(l.vals[v.index()].loc, Loc::V(x) | Loc::High(x) if x == r);
            l.live.iter().copied().filter(inside).collect()
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
        self.simd.doubled &= !(1 << r.num());
        r
    }

    /// The values that are in `loc`.
    fn held(&self, loc: Loc) -> Vec<Value> {
        let inside = |v: &Value| self.vals[v.index()].loc == loc;
        self.live.iter().copied().filter(inside).collect()
    }

    /// Moves the values in `r` to spill slots.
    fn vspill(&mut self, r: Vreg) {
        let (low, high) = (self.held(Loc::V(r)), self.held(Loc::High(r)));
        let before = self.simd.vtype;
        let mut low = low.as_slice();
        for v in high {
            // With a value in the lower half, if there is one.
            let to = self.slot(4);
            self.vstore_pair_at(r, to);
            self.place(v, Loc::Mem(to + 16), Form::Exact);
            if let Some((first, rest)) = low.split_first() {
                self.place(*first, Loc::Mem(to), Form::Exact);
                low = rest;
            } else {
                self.free_words(to, 2);
            }
        }
        for v in low {
            let to = self.slot(2);
            self.vstore_at(r, to);
            self.place(*v, Loc::Mem(to), Form::Exact);
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
        self.vtype(Sew::E8, 0, 16);
        self.asm.addi(abi::SCRATCH, abi::STATE, self.off(off));
        self.asm.vse8_v(r, abi::SCRATCH, Vm::All);
    }

    /// Loads `r` from the register file. Changes the vector type.
    pub(super) fn vload_at(&mut self, r: Vreg, off: u16) {
        self.vtype(Sew::E8, 0, 16);
        self.asm.addi(abi::SCRATCH, abi::STATE, self.off(off));
        self.asm.vle8_v(r, abi::SCRATCH, Vm::All);
    }

    /// V128 value `v` in a vector register; pinned. In an operation on pairs, the pair of it. May change the
    /// vector type: ask for values first.
    pub(super) fn v(&mut self, v: Value) -> Vreg {
        if self.simd.pair.is_some() {
            return self.v_both(v);
        }
        self.v_low(v)
    }

    /// V128 value `v` in the low half of a vector register.
    pub(super) fn v_low(&mut self, v: Value) -> Vreg {
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
            Loc::High(from) => {
                self.simd.pinned_v |= 1 << from.num();
                let r = self.vtemp();
                self.vdown(r, from);
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
        if let Some(pair) = self.simd.pair {
            return self.def_pair(v, pair.high, avoid);
        }
        if let Some(var) = self.direct_vector(v)
            && let Loc::V(r) = self.home(var)
            && !avoid.contains(&r)
            && self.cleared_above(v, r)
        {
            self.vacate(var);
            self.place(v, Loc::V(r), Form::Exact);
            return r;
        }
        let r = self.vtemp();
        self.place(v, Loc::V(r), Form::Exact);
        r
    }

    // --- XMM registers, and upper halves of YMM registers ---

    /// Where the content of a guest's vector register lies.
    pub(super) fn home(&self, var: Var) -> Loc {
        match var {
            Var::Xmm(n) if abi::xmm_resident(self.isa) => Loc::V(abi::xmm(n)),
            Var::YmmHi(n) if abi::ymm_resident(self.isa) => Loc::High(abi::xmm(n)),
            _ => Loc::Mem(variable(var)),
        }
    }

    /// The guest's vector register result `v` can be computed into, because it is set to it soon and
    /// nothing before then reads or shows the old content.
    pub(super) fn direct_vector(&self, v: Value) -> Option<Var> {
        let after = &self.block.insts[v.index() + 1..];
        for (i, inst) in after.iter().enumerate().take(REACH) {
            match (inst.op, inst.var()) {
                (Op::Set, Some(var @ (Var::Xmm(_) | Var::YmmHi(_)))) if inst.args[0] == v => {
                    let touched = after[..i].iter().any(|i| i.var() == Some(var));
                    return (!touched).then_some(var);
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

    pub(super) fn get_vector(&mut self, v: Value, var: Var) {
        self.place(v, self.home(var), Form::Exact);
    }

    pub(super) fn set_vector(&mut self, v: Value, var: Var) {
        let home = self.home(var);
        if self.vals[v.index()].loc == home {
            return;
        }
        self.vacate(var);
        let from = self.vals[v.index()].loc;
        match (from, home) {
            (Loc::Mem(off), Loc::V(d)) => self.vload_at(d, off),
            (Loc::V(r), Loc::V(d)) => self.vcopy(d, r),
            (Loc::High(r), Loc::V(d)) => self.vdown(d, r),
            (_, Loc::High(d)) => self.set_above(v, d),
            (Loc::Mem(off), Loc::Mem(to)) => self.copy(abi::STATE, off, to, 2),
            (_, Loc::Mem(to)) if self.is_zero(v) => {
                for at in [to, to + 8] {
                    self.asm.sd(Xreg::ZERO, self.off(at), abi::STATE);
                }
            }
            (Loc::V(r), Loc::Mem(to)) => self.vstore_at(r, to),
            _ => {}
        }
        // Later uses find it where it is cheapest to have: a register, or the home instead of a slot.
        let better = match (from, home) {
            (Loc::V(super::ZERO), _) => false,
            (Loc::V(_), Loc::Mem(_)) => false,
            // Worth it as the half of a pair.
            (Loc::V(_), Loc::High(d)) => !self.held(Loc::V(d)).is_empty(),
            (Loc::Mem(off), Loc::Mem(_)) => !self.is_home(off),
            _ => true,
        };
        if better && self.facts.of[v.index()].last_use > self.at {
            self.free_slot(v);
            self.place(v, home, Form::Exact);
        }
    }

    /// Whether `v` is made of zeros.
    pub(super) fn is_zero(&self, v: Value) -> bool {
        let inst = self.inst(v);
        inst.op == Op::VFromI && self.vals[inst.args[0].index()].konst == Some(0)
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

    /// Before a guest's vector register changes: moves values that are needed later out of it.
    pub(super) fn vacate(&mut self, var: Var) {
        let home = self.home(var);
        if let Loc::V(r) | Loc::High(r) = home {
            return self.vacate_register(r, home == Loc::V(r), home == Loc::High(r));
        }
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
        if abi::xmm_resident(self.isa) {
            let before = self.simd.vtype;
            let r = self.vtemp();
            self.vload_at(r, variable(var));
            // The instruction being lowered may count on its vector type.
            self.restore_vtype(before);
            for v in old {
                self.place(v, Loc::V(r), Form::Exact);
            }
            return;
        }
        for v in old {
            let to = self.slot(2);
            self.copy(abi::STATE, variable(var), to, 2);
            self.place(v, Loc::Mem(to), Form::Exact);
        }
    }

    /// The same for the halves of YMM register's home `from`.
    pub(super) fn vacate_register(&mut self, from: Vreg, low: bool, high: bool) {
        let needed = |v: &Value| {
            let half = match self.vals[v.index()].loc {
                Loc::V(r) => low && r == from,
                Loc::High(r) => high && r == from,
                _ => false,
            };
            half && self.facts.of[v.index()].last_use > self.at
        };
        let old: Vec<Value> = self.live.iter().copied().filter(needed).collect();
        let doubled = self.simd.doubled >> from.num() & 1;
        if !old.is_empty() {
            let to = self.vtemp();
            self.any_vtype();
            self.asm.vmv1r_v(to, from);
            self.simd.doubled |= doubled << to.num();
            for v in old {
                let loc = match self.vals[v.index()].loc {
                    Loc::High(_) => Loc::High(to),
                    _ => Loc::V(to),
                };
                self.place(v, loc, Form::Exact);
            }
        }
        self.simd.doubled &= !(1 << from.num());
        if high {
            self.simd.zero_above &= !(1 << from.num());
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
            Loc::V(_) | Loc::High(_) => {
                let r = self.v_low(v);
                self.vstore_at(r, to);
            }
            _ => {}
        }
    }

    /// Before a helper, which may change the XMM registers and make system calls: values needed later
    /// are in no vector register and in no XMM register's home.
    pub(in crate::lower) fn spill_vectors(&mut self) {
        self.simd.pinned_v = 0;
        for n in 0..16 {
            for var in [Var::Xmm(n), Var::YmmHi(n)] {
                self.vacate(var);
                self.simd.pinned_v = 0;
            }
        }
        for r in TEMPS.map(Vreg::new) {
            self.vspill(r);
        }
        self.simd.zero_above = 0;
        self.simd.forget();
    }
}
