//! Operations on pairs of V128 values, where YMM registers are resident: both halves at once.
//!
//! While one is lowered (`State::pair`), `v` gives registers with both halves of an argument, `full` means
//! all lanes of 256 bits, and results are both halves (`vdef`, `vfresh`): so the code of most operations is
//! that for 128 bits. What is not lane by lane has its own here.
//!
//! With VLEN 256 whole-register loads and stores move a pair at any alignment, whatever `vtype` is.

use super::crypto::{byte_order, has_zvkb};
use super::packed::simm;
use super::{Lowerer, V0, ZERO, abi, pairs, sew};
use crate::ir::{Inst, Op, VSTORE_ALIGNED, Value, Var};
use crate::lower::int;
use crate::lower::regs::{Form, Loc};
use crate::rv64::{Assembler, HostIsa, Imm12, Sew, Shamt, Uimm5, Vm, Vreg, Vtype, Xreg};
use crate::x86::Width;

const ALL: Vm = Vm::All;

/// How far ahead `direct_pair` looks.
const REACH: usize = 24;

/// Where the lanes of a shuffle's results come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// Byte n of the first or second operand's 256 bits.
    Byte(bool, u8),
    Zero,
}

/// The operation done with the one being lowered.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// Its value, which may be the same.
    pub high: Value,
    low_inst: Inst,
    pub high_inst: Inst,
    /// Where both halves of its arguments are, as far as they were asked for.
    pub args: [Option<Vreg>; 4],
}

impl Lowerer<'_> {
    /// Whether `r` is the home of a YMM register.
    pub(super) fn is_ymm(&self, r: Vreg) -> bool {
        r.num() >= 16 && abi::ymm_resident(self.isa)
    }

    /// Whether a vector register has 256 bits and no more.
    fn exactly(&self) -> bool {
        self.isa.vlen() == 256
    }

    /// Lowers `inst` and what is done with it.
    pub(super) fn pair(&mut self, v: Value, inst: &Inst) {
        let high = self.simd.pairs.high(v).unwrap_or(v);
        let high_inst = self.inst(high);
        self.vals[high.index()].bits = self.vals[v.index()].bits;
        for arg in high_inst.args() {
            // Taken earlier than it stands.
            if let (Loc::None, Op::Get, Some(var)) = (
                self.vals[arg.index()].loc,
                self.inst(arg).op,
                self.inst(arg).var(),
            ) && matches!(var, Var::Xmm(_) | Var::YmmHi(_))
            {
                self.vals[arg.index()].bits = 128;
                self.get_vector(arg, var);
            }
        }
        let pair = Pair {
            high,
            low_inst: *inst,
            high_inst,
            args: [None; 4],
        };
        self.simd.pair = Some(pair);
        match inst.op {
            Op::VLoad => self.load_pair(v, inst),
            Op::VStore => self.store_pair(inst),
            Op::VMovMask => self.mask_pair(v, inst),
            Op::VPerm => self.permute_pair(v, inst),
            Op::VShuf => self.shuffle_pair(v, inst, &high_inst),
            Op::VLanes2 => self.choose_pair(v, inst, &high_inst),
            _ => {
                let done = self.packed(v, inst) || self.vint(v, inst);
                debug_assert!(done, "{:?} in pairs", inst.op);
            }
        }
        self.simd.pair = None;
    }

    // --- Where halves are ---

    /// Both halves of argument `low` of the pair being lowered, in a register; pinned.
    pub(super) fn v_both(&mut self, low: Value) -> Vreg {
        let pair = self.simd.pair;
        let at = pair.and_then(|p| p.low_inst.args().position(|a| a == low));
        let (Some(mut pair), Some(at)) = (pair, at) else {
            return self.v_low(low);
        };
        if let Some(r) = pair.args[at] {
            return r;
        }
        let r = self.v_pair(low, pair.high_inst.args[at]);
        pair.args[at] = Some(r);
        self.simd.pair = Some(pair);
        r
    }

    /// A register with `low` in its lower half and `high` in its upper one; pinned.
    pub(super) fn v_pair(&mut self, low: Value, high: Value) -> Vreg {
        let at = [low, high].map(|v| self.vals[v.index()].loc);
        let there = match at {
            [Loc::V(r), Loc::V(s)] if r == s => {
                (r == ZERO || self.simd.doubled >> r.num() & 1 != 0).then_some(r)
            }
            [Loc::V(r), Loc::High(s)] if r == s => Some(r),
            _ => None,
        };
        if let Some(r) = there {
            self.simd.pinned_v |= 1 << r.num();
            return r;
        }
        if let [Loc::Mem(off), Loc::Mem(above)] = at
            && above == off + 16
        {
            let r = self.vtemp();
            self.vload_pair_at(r, off);
            self.free_slot(low);
            self.free_slot(high);
            self.place_pair(low, high, r);
            return r;
        }
        let (x, y) = (self.v_low(low), self.v_low(high));
        let r = self.vtemp();
        self.any_vtype();
        self.asm.vmv1r_v(r, x);
        self.up(r, y);
        // One that is half of several pairs is only where it is needed last.
        let zero = Loc::V(ZERO);
        let at = [low, high].map(|v| self.vals[v.index()].loc);
        if at[0] != zero || low == high {
            self.place(low, Loc::V(r), Form::Exact);
        }
        if low == high {
            self.simd.doubled |= 1 << r.num();
        } else if at[1] != zero {
            self.place(high, Loc::High(r), Form::Exact);
        }
        r
    }

    /// `low` and `high` are the halves of `r`.
    pub(super) fn place_pair(&mut self, low: Value, high: Value, r: Vreg) {
        self.place(low, Loc::V(r), Form::Exact);
        if low == high {
            self.simd.doubled |= 1 << r.num();
        } else {
            self.place(high, Loc::High(r), Form::Exact);
        }
    }

    /// A register for a result's halves. It may be an argument's, but none of `avoid`.
    pub(super) fn def_pair(&mut self, low: Value, high: Value, avoid: &[Vreg]) -> Vreg {
        let direct = self.direct_pair(low, high).map(abi::xmm);
        let r = match direct.filter(|r| !avoid.contains(r)) {
            Some(r) => {
                self.vacate_register(r, true, true);
                r
            }
            None => self.vtemp(),
        };
        self.place_pair(low, high, r);
        r
    }

    /// The YMM register the pair can be computed into, because it is set to it soon and nothing before
    /// then reads or shows the old content.
    fn direct_pair(&self, low: Value, high: Value) -> Option<u8> {
        let block = self.block;
        let first = low.index() + 1;
        let mut touched = 0_u16;
        for (i, inst) in block.insts.iter().enumerate().skip(first).take(REACH) {
            let done = u32::try_from(i).is_ok_and(|i| self.simd.is_done(i));
            match (inst.op, inst.var()) {
                _ if done => {}
                (Op::Set, Some(Var::Xmm(n))) if inst.args[0] == low => {
                    let next = block.insts.get(i + 1)?;
                    let both = next.sets(Var::YmmHi(n)) && next.args[0] == high;
                    return (both && touched >> n & 1 == 0).then_some(n);
                }
                (_, Some(Var::Xmm(n) | Var::YmmHi(n))) => touched |= 1 << n,
                _ if self.shows(inst) => return None,
                _ => {}
            }
        }
        None
    }

    /// d = the upper half of `s`, in its lower half. Elsewhere `d` keeps what it has, or, in an operation on
    /// pairs, has anything.
    pub(super) fn vdown(&mut self, d: Vreg, s: Vreg) {
        self.all_bits();
        if let Some((w, ..)) = self.simd.vtype {
            self.asm
                .vslidedown_vi(d, s, Uimm5::new(16 >> w.bits()), ALL);
        }
    }

    /// The upper half of `d` = the lower half of `s`, another register.
    pub(super) fn up(&mut self, d: Vreg, s: Vreg) {
        self.vtype(Sew::E64, 0, 4);
        self.asm.vslideup_vi(d, s, Uimm5::new(2), ALL);
    }

    /// Stores both halves of `r` to the register file. May change the vector type.
    pub(super) fn vstore_pair_at(&mut self, r: Vreg, off: u16) {
        self.bytes();
        self.asm.addi(abi::SCRATCH, abi::STATE, self.off(off));
        self.store_bytes(r, abi::SCRATCH);
    }

    fn vload_pair_at(&mut self, r: Vreg, off: u16) {
        self.bytes();
        self.asm.addi(abi::SCRATCH, abi::STATE, self.off(off));
        self.load_bytes_at(r, abi::SCRATCH);
    }

    /// Before the address of a pair of any alignment is made.
    fn bytes(&mut self) {
        if !self.exactly() {
            self.vtype(Sew::E8, 0, 32);
        }
    }

    fn load_bytes_at(&mut self, r: Vreg, at: Xreg) {
        if self.exactly() {
            self.asm.vl1re8_v(r, at);
        } else {
            self.asm.vle8_v(r, at, ALL);
        }
    }

    fn store_bytes(&mut self, r: Vreg, at: Xreg) {
        if self.exactly() {
            self.asm.vs1r_v(r, at);
        } else {
            self.asm.vse8_v(r, at, ALL);
        }
    }

    // --- YMM registers ---

    /// YMM register `n` becomes `low` and what the next instruction sets its upper half to, if both are done
    /// at once.
    pub(super) fn set_ymm(&mut self, low: Value, n: u8) -> bool {
        let next = self.at + 1;
        let Some(set) = self.block.insts.get(next as usize) else {
            return false;
        };
        if !abi::ymm_resident(self.isa) || !set.sets(Var::YmmHi(n)) || set.lazy {
            return false;
        }
        let (high, d) = (set.args[0], abi::xmm(n));
        let bit = 1 << d.num();
        let from = match [low, high].map(|v| self.vals[v.index()].loc) {
            [Loc::V(r), Loc::V(s)] if r == s && r == ZERO => r,
            [Loc::V(r), Loc::V(s)] if r == s && self.simd.doubled >> r.num() & 1 != 0 => r,
            [Loc::V(r), Loc::High(s)] if r == s => r,
            [Loc::V(r) | Loc::High(r), _] if r == d => return false,
            _ if self.is_zero(high) && self.simd.zero_above & bit == 0 => {
                // Zeros, then the lower half.
                self.vacate_register(d, true, true);
                self.any_vtype();
                self.asm.vmv1r_v(d, ZERO);
                self.simd.zero_above |= bit;
                self.set_vector(low, Var::Xmm(n));
                self.simd.pairs.set_done(Value(next));
                return true;
            }
            _ => return false,
        };
        self.simd.pairs.set_done(Value(next));
        if from == d {
            return true;
        }
        self.vacate_register(d, true, true);
        self.any_vtype();
        self.asm.vmv1r_v(d, from);
        if from == ZERO {
            self.simd.zero_above |= bit;
            return true;
        }
        for v in [low, high] {
            let later = self.facts.of[v.index()].last_use > next;
            match self.vals[v.index()].loc {
                Loc::V(_) if later => self.place(v, Loc::V(d), Form::Exact),
                Loc::High(_) if later => self.place(v, Loc::High(d), Form::Exact),
                _ => {}
            }
        }
        if low == high {
            self.simd.doubled |= bit;
        }
        true
    }

    /// The upper half of YMM register `n`, and of all others if that is what follows, becomes `v`, if that is
    /// zero.
    pub(super) fn clear_ymm(&mut self, v: Value, n: u8) -> bool {
        if !abi::ymm_resident(self.isa) || !self.is_zero(v) {
            return false;
        }
        let d = abi::xmm(n);
        let at = self.at as usize;
        let all = self.block.insts.get(at..at + 16).is_some_and(|run| {
            let clears = |(n, i): (u8, &Inst)| i.sets(Var::YmmHi(n)) && i.args[0] == v && !i.lazy;
            (0..).zip(run).all(clears)
        });
        if all {
            for n in 0..16 {
                self.simd.pinned_v = 0;
                self.vacate(Var::YmmHi(n));
                self.simd.pairs.set_done(Value(self.at + u32::from(n)));
            }
            clear_uppers(&mut self.asm, self.isa);
            self.simd.forget();
            self.simd.zero_above = 0xffff << 16;
            return true;
        }
        if self.simd.zero_above >> d.num() & 1 == 0 {
            self.vacate(Var::YmmHi(n));
            self.up(d, ZERO);
            self.simd.zero_above |= 1 << d.num();
        }
        true
    }

    /// The upper half of home `d` becomes `v`; what was there is needed no more.
    pub(super) fn set_above(&mut self, v: Value, d: Vreg) {
        let from = match self.vals[v.index()].loc {
            Loc::V(r) if r != d => r,
            Loc::V(r) => {
                let t = self.vtemp();
                self.any_vtype();
                self.asm.vmv1r_v(t, r);
                t
            }
            Loc::High(r) => {
                let t = self.vtemp();
                self.vtype(Sew::E64, 0, 4);
                self.asm.vslidedown_vi(t, r, Uimm5::new(2), ALL);
                t
            }
            Loc::Mem(off) => {
                let t = self.vtemp();
                self.vload_at(t, off);
                t
            }
            _ => return,
        };
        self.up(d, from);
    }

    /// Before result `v` is computed into home `d`, which it will be set to: if the upper half will be zero,
    /// it is made so, which is cheapest here. False if that cannot be.
    pub(super) fn cleared_above(&mut self, v: Value, d: Vreg) -> bool {
        if !self.is_ymm(d) {
            return true;
        }
        let bit = 1 << d.num();
        let n = d.num() - 16;
        let after = &self.block.insts[v.index() + 1..];
        let set = after.iter().position(|i| i.sets(Var::Xmm(n)));
        let clears = set
            .and_then(|i| after.get(i + 1))
            .is_some_and(|i| i.sets(Var::YmmHi(n)) && self.is_zero(i.args[0]));
        if !clears || self.simd.zero_above & bit != 0 {
            return true;
        }
        let read = |i: &Inst| i.var() == Some(Var::YmmHi(n));
        // What can fault must not have changed anything.
        let faults = self.inst(v).op == Op::VLoad;
        if faults
            || self.simd.pinned_v & bit != 0
            || self.simd.vtype.is_none()
            || after[..set.unwrap_or(0)].iter().any(read)
        {
            return false;
        }
        self.vacate_register(d, true, true);
        self.asm.vmv1r_v(d, ZERO);
        self.simd.zero_above |= bit;
        true
    }

    // --- Memory ---

    fn load_pair(&mut self, v: Value, inst: &Inst) {
        self.check_alignment(inst);
        let high = self.simd.pairs.high(v).unwrap_or(v);
        let d = if inst.aux & VSTORE_ALIGNED != 0 {
            self.def_pair(v, high, &[])
        } else {
            // A fault may come after some bytes.
            self.vfresh(v)
        };
        self.bytes();
        let at = self.plain_address(inst);
        self.access(inst, at, Imm12::ZERO, 0);
        self.load_bytes_at(d, at);
    }

    fn store_pair(&mut self, inst: &Inst) {
        let r = self.v(inst.args[1]);
        self.check_alignment(inst);
        self.bytes();
        let at = self.plain_address(inst);
        if inst.aux & VSTORE_ALIGNED == 0 {
            self.probe_split(inst, at);
        }
        self.access(inst, at, Imm12::ZERO, 0);
        self.store_bytes(r, at);
    }

    // --- What is not lane by lane ---

    /// The signs of all lanes: one value if that is what is wanted, or one for each half.
    fn mask_pair(&mut self, v: Value, inst: &Inst) {
        let of = inst.args[0];
        let m = self.signs(of, inst.w);
        let lanes = super::lanes(inst.w);
        self.element(Width::W32);
        let ones = |n: u64| Imm12::of((1 << n) - 1);
        if let Some(both) = self.simd.pairs.joined(v) {
            self.vals[both.index()].bits = u32::try_from(2 * lanes).unwrap_or(32);
            if lanes == 16 {
                let d = self.def(both, Form::Sext(Width::W32));
                self.asm.vmv_x_s(d, m);
            } else {
                // Mask bits beyond vl are anything.
                let d = self.def(both, Form::Exact);
                self.asm.vmv_x_s(d, m);
                self.asm.andi(d, d, ones(2 * lanes));
            }
            return;
        }
        let high = self.simd.pairs.high(v).unwrap_or(v);
        self.vals[high.index()].bits = int::result_bits(&self.inst(high));
        let d = self.def(high, Form::Exact);
        self.asm.vmv_x_s(d, m);
        let low = self.def(v, Form::Exact);
        if lanes == 16 {
            self.emit_zext(low, d, Width::W16);
            self.asm.srliw(d, d, Shamt::new(16));
        } else {
            self.asm.andi(low, d, ones(lanes));
            self.asm.srli(d, d, Shamt::new(lanes));
            self.asm.andi(d, d, ones(lanes));
        }
    }

    /// VPSHUFB: the numbers of the upper half's bytes count from 16.
    fn permute_pair(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.v(inst.args[0]), self.v(inst.args[1]));
        let (index, t) = (self.vtemp(), self.vtemp());
        self.full(Width::W8);
        self.asm.vid_v(t, ALL);
        self.asm.addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(16));
        self.asm.vand_vx(t, t, abi::SCRATCH, ALL);
        self.asm.addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(0x8f));
        self.asm.vand_vx(index, b, abi::SCRATCH, ALL);
        self.asm.vor_vv(index, index, t, ALL);
        self.args_done();
        let d = self.vdef_unless(v, &[a]);
        self.asm.vrgather_vv(d, a, index, ALL);
    }

    /// VPERMD.
    fn choose_pair(&mut self, v: Value, inst: &Inst, high: &Inst) {
        let a = self.v_pair(inst.args[0], inst.args[1]);
        let b = self.v_pair(inst.args[2], high.args[2]);
        let index = self.vtemp();
        self.full(inst.w);
        let last = 2 * super::lanes(inst.w) - 1;
        if last < 16 {
            self.asm.vand_vi(index, b, simm(last.cast_signed()), ALL);
        } else {
            self.asm
                .addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(last.cast_signed()));
            self.asm.vand_vx(index, b, abi::SCRATCH, ALL);
        }
        self.args_done();
        let d = self.vdef_unless(v, &[a]);
        self.asm.vrgather_vv(d, a, index, ALL);
    }

    /// `n` bytes that repeat, or 32, in a register.
    fn literal_pair(&mut self, d: Vreg, bytes: &[u8; 32]) {
        let word = |i: usize| {
            let mut w = [0; 8];
            w.copy_from_slice(&bytes[8 * i..8 * i + 8]);
            u64::from_le_bytes(w)
        };
        let at = self.literal(&[word(0), word(1), word(2), word(3)]);
        self.bytes();
        self.asm.la(abi::SCRATCH, at);
        self.load_bytes_at(d, abi::SCRATCH);
    }

    /// d = these bytes, in both halves.
    pub(super) fn load_bytes_twice(&mut self, d: Vreg, bytes: [u8; 16]) {
        if bytes == [0xff; 16] {
            self.all_bits();
            return self.asm.vmv_v_i(d, simm(-1));
        }
        let mut all = [0; 32];
        all[..16].copy_from_slice(&bytes);
        all[16..].copy_from_slice(&bytes);
        self.literal_pair(d, &all);
    }

    fn shuffle_pair(&mut self, v: Value, inst: &Inst, high: &Inst) {
        let pattern = |l: &Self, i: &Inst| {
            let n = usize::try_from(i.imm).ok();
            n.and_then(|n| l.region.pool.get(n).copied())
                .unwrap_or_default()
        };
        let patterns = [pattern(self, inst), pattern(self, high)];
        let (i, j) = (v.index(), self.simd.pairs.high(v).unwrap_or(v).index());
        let across = i != j && pairs::is_across(self.block, &self.simd.pairs, i, j);
        let (a, b) = if across {
            let a = self.v_pair(inst.args[0], inst.args[1]);
            (a, a)
        } else {
            (self.v(inst.args[0]), self.v(inst.args[1]))
        };
        let one = patterns[0] == patterns[1] && !across;
        let low = patterns[0].map(|s| if a == b && s < 32 { s & 15 } else { s });
        if let (true, Some(order)) = (one && has_zvkb(self.isa), byte_order(low)) {
            return self.reorder(v, a, order);
        }
        let mut p = [From::Zero; 32];
        for (i, from) in (0..).zip(&mut p) {
            let s = patterns[usize::from(i / 16)][usize::from(i % 16)];
            let base = if across { 0 } else { i / 16 * 16 };
            *from = match s {
                0..16 => From::Byte(false, s + base),
                16..32 if across => From::Byte(false, s),
                16..32 => From::Byte(a != b, s - 16 + base),
                _ => From::Zero,
            };
        }
        self.shuffle_bytes(v, a, b, &p);
    }

    /// Bytes `p` of `a` and `b`.
    fn shuffle_bytes(&mut self, v: Value, a: Vreg, b: Vreg, p: &[From; 32]) {
        let whole = |w: &Width| is_whole(p, *w);
        let w = [Width::W64, Width::W32, Width::W16]
            .into_iter()
            .find(whole)
            .unwrap_or(Width::W8);
        let size = usize::try_from(w.bytes()).unwrap_or(1);
        let second = |f: &From| matches!(f, From::Byte(true, _));
        let mixed = p.iter().any(second) && !p.iter().all(second);
        if !mixed {
            let s = if p.iter().any(second) { b } else { a };
            if distance(p, second(&p[0])) == Some(0) && !p.contains(&From::Zero) {
                self.args_done();
                let d = self.vdef(v);
                if d != s {
                    self.any_vtype();
                    self.asm.vmv1r_v(d, s);
                }
                return;
            }
            let index = self.vtemp();
            self.literal_pair(index, &indices(p, w));
            self.full(w);
            self.args_done();
            let d = self.vdef_unless(v, &[s, index]);
            return self.asm.vrgather_vv(d, s, index, ALL);
        }
        let slides = [false, true].map(|which| distance(p, which));
        let (mut x, mut y) = (a, b);
        if let ([Some(m), Some(n)], false) = (slides, p.contains(&From::Zero)) {
            self.full(w);
            for (r, by) in [(&mut x, m), (&mut y, n)] {
                let lanes = by / i64::try_from(size).unwrap_or(1);
                let count = Uimm5::new(lanes.unsigned_abs());
                if lanes != 0 {
                    let t = self.vtemp();
                    if lanes > 0 {
                        self.asm.vslidedown_vi(t, *r, count, ALL);
                    } else {
                        self.asm.vslideup_vi(t, *r, count, ALL);
                    }
                    *r = t;
                }
            }
        } else {
            let (index, s, t) = (self.vtemp(), self.vtemp(), self.vtemp());
            self.literal_pair(index, &indices(p, w));
            self.full(w);
            self.asm.vrgather_vv(s, a, index, ALL);
            self.asm.vrgather_vv(t, b, index, ALL);
            (x, y) = (s, t);
        }
        // Which lanes are the second one's.
        let lanes = p.chunks(size).zip(0..);
        let mask = lanes.fold(0_u64, |m, (lane, i)| m | u64::from(second(&lane[0])) << i);
        let m = self.mask();
        if w == Width::W8 {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&mask.to_le_bytes());
            self.literal_pair(m, &bytes);
            self.full(w);
        } else {
            self.asm.li(abi::SCRATCH, mask);
            self.asm.vmv_s_x(m, abi::SCRATCH);
        }
        self.args_done();
        let d = self.vdef(v);
        self.asm.vmerge_vvm(d, x, y);
    }
}

/// Whether the pattern is one of lanes of `w`.
fn is_whole(p: &[From; 32], w: Width) -> bool {
    let size = usize::try_from(w.bytes()).unwrap_or(1);
    p.chunks(size).all(|lane| match lane[0] {
        From::Zero => lane.iter().all(|f| *f == From::Zero),
        From::Byte(which, n) => {
            usize::from(n).is_multiple_of(size)
                && (n..).zip(lane).all(|(n, f)| *f == From::Byte(which, n))
        }
    })
}

/// How many bytes all of the bytes of one operand lie above where they go, if that is the same for all.
fn distance(p: &[From; 32], which: bool) -> Option<i64> {
    let mut found = None;
    for (i, f) in (0..).zip(p) {
        let From::Byte(w, n) = *f else { continue };
        if w != which {
            continue;
        }
        let by = i64::from(n) - i;
        if found.is_some_and(|f| f != by) {
            return None;
        }
        found = Some(by);
    }
    found
}

/// The numbers of lanes of `w`, all ones for zeros, as lanes of `w`.
fn indices(p: &[From; 32], w: Width) -> [u8; 32] {
    let size = usize::try_from(w.bytes()).unwrap_or(1);
    let mut all = [0; 32];
    for (i, lane) in p.chunks(size).enumerate() {
        let to = &mut all[i * size..(i + 1) * size];
        match lane[0] {
            From::Zero => to.fill(0xff),
            From::Byte(_, n) => to[0] = n >> w as u8,
        }
    }
    all
}

/// Zeros in the upper halves of all YMM registers. The vector type afterwards is another one.
pub(in crate::lower) fn clear_uppers(asm: &mut Assembler, isa: HostIsa) {
    // A group of eight registers has so many doublewords; of each register's the low two stay.
    let lanes = isa.vlen() / 64;
    let keep = (0..64)
        .filter(|i| i % lanes < 2)
        .fold(0, |m, i| m | 1_u64 << i);
    let group = Vtype {
        lmul: 3,
        ..Vtype::m1(sew(Width::W64))
    };
    let short = lanes == 4;
    let mask = if short {
        Width::W32.sext(!keep).cast_unsigned()
    } else {
        !keep
    };
    asm.vsetivli(Xreg::ZERO, Uimm5::new(4), Vtype::m1(Sew::E64));
    asm.li(abi::SCRATCH, mask);
    asm.vmv_v_x(V0, abi::SCRATCH);
    asm.vsetvli(abi::SCRATCH, Xreg::ZERO, group);
    for first in [16, 24].map(Vreg::new) {
        asm.vmerge_vim(first, first, simm(0));
    }
}
