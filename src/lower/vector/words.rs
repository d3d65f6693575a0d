//! Vectors on hosts without V: two words in memory, worked on in x and f registers. What would take as
//! long as a call goes out of line.
//!
//! A result may be made in the home of the XMM register it will be set to, which may be an argument's
//! place: each word (lane) is read before it is written, and patterns that cannot keep to that avoid it.

use super::slow::Result;
use super::{Lowerer, abi, ft, lanes};
use crate::ir::{CvtKind, FpPredicate, Inst, Op, Value, Var};
use crate::lower::regs::{Form, Loc};
use crate::lower::variable;
use crate::rv64::{Feature, Imm12, Label, Rm, Shamt, Xreg};
use crate::x86::Width;

pub(super) const A: Xreg = abi::SCRATCH;
pub(super) const B: Xreg = abi::SCRATCH2;

impl Lowerer<'_> {
    /// Where V128 value `v` is.
    pub(super) fn at(&self, v: Value) -> u16 {
        match self.vals[v.index()].loc {
            Loc::Mem(off) => off,
            _ => variable(Var::Xmm(0)),
        }
    }

    /// Room for V128 result `v`: perhaps an argument's.
    pub(super) fn mdef(&mut self, v: Value) -> u16 {
        self.mdef_unless(v, &[])
    }

    pub(super) fn mdef_unless(&mut self, v: Value, avoid: &[u16]) -> u16 {
        let direct = self
            .direct_vector(v)
            .filter(|var| !avoid.contains(&variable(*var)));
        let to = match direct {
            Some(var) => {
                self.vacate(var);
                variable(var)
            }
            None => self.slot(2),
        };
        self.place(v, Loc::Mem(to), Form::Exact);
        to
    }

    /// Lowers an operation on vectors in memory; false if it has no inline code.
    pub(super) fn words(&mut self, v: Value, inst: &Inst) -> bool {
        match inst.op {
            Op::VAnd | Op::VOr | Op::VXor | Op::VAndN => self.w_bits(v, inst),
            Op::VAdd | Op::VSub => self.w_sum(v, inst),
            Op::VCmpEq => self.w_equal(v, inst),
            Op::VMulEvenU => {
                let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
                let to = self.mdef(v);
                for i in [0, 8] {
                    self.asm.lwu(A, self.off(a + i), abi::STATE);
                    self.asm.lwu(B, self.off(b + i), abi::STATE);
                    self.asm.mul(A, A, B);
                    self.asm.sd(A, self.off(to + i), abi::STATE);
                }
            }
            Op::VShl | Op::VShr | Op::VSar => self.w_shift(v, inst),
            Op::VRotr => self.w_rotate(v, inst),
            Op::VClMul => return self.w_carry_less(v, inst),
            Op::VShuf => self.w_shuffle(v, inst),
            Op::VConst => self.w_const(v, inst),
            Op::VMovMask => self.w_mask(v, inst),
            Op::VExtract => {
                let from = self.at(inst.args[0]) + self.lane_offset(inst);
                let d = self.def(v, Form::Exact);
                self.w_load(d, inst.w, from);
            }
            Op::VInsert | Op::FPut => self.w_insert(v, inst),
            Op::VFromI if self.simd.is_float(inst.args[0]) => {
                let f = self.f(inst.args[0]);
                let to = self.mdef(v);
                if inst.w != Width::W64 {
                    self.asm.sd(Xreg::ZERO, self.off(to), abi::STATE);
                }
                self.fstore_at(f, inst.w, to);
                self.asm.sd(Xreg::ZERO, self.off(to + 8), abi::STATE);
            }
            Op::VFromI => {
                let x = self.low(inst.args[0], inst.w);
                self.args_done();
                let to = self.mdef(v);
                if inst.w != Width::W64 {
                    self.asm.sd(Xreg::ZERO, self.off(to), abi::STATE);
                }
                self.w_store(x, inst.w, to);
                self.asm.sd(Xreg::ZERO, self.off(to + 8), abi::STATE);
            }
            Op::VSplat => {
                let x = self.zext(inst.args[0], inst.w);
                self.args_done();
                let to = self.mdef(v);
                let x = if inst.w == Width::W64 {
                    x
                } else {
                    self.constant(A, u64::MAX / inst.w.mask());
                    self.asm.mul(A, A, x);
                    A
                };
                for i in [0, 8] {
                    self.asm.sd(x, self.off(to + i), abi::STATE);
                }
            }
            Op::FGet => {
                let from = self.at(inst.args[0]);
                let d = self.fdef(v);
                self.fload_at(d, inst.w, from);
            }
            Op::VFAdd | Op::VFSub | Op::VFMul | Op::VFDiv | Op::VFAddSub | Op::VFSqrt => {
                self.w_float(v, inst);
            }
            Op::VFMin | Op::VFMax => self.w_min_max(v, inst),
            Op::VFRound => self.w_round(v, inst),
            Op::VFCmp => self.w_compare(v, inst),
            Op::VFFma => self.w_fused(v, inst),
            Op::VCvt => return self.w_convert(v, inst),
            _ => return self.choose_words(v, inst) || self.packed_words(v, inst),
        }
        true
    }

    fn lane_offset(&self, inst: &Inst) -> u16 {
        u16::try_from(inst.imm * inst.w.bytes()).unwrap_or(0)
    }

    pub(super) fn w_load(&mut self, d: Xreg, w: Width, from: u16) {
        match w {
            Width::W8 => self.asm.lbu(d, self.off(from), abi::STATE),
            Width::W16 => self.asm.lhu(d, self.off(from), abi::STATE),
            Width::W32 => self.asm.lwu(d, self.off(from), abi::STATE),
            Width::W64 => self.asm.ld(d, self.off(from), abi::STATE),
        }
    }

    pub(super) fn w_store(&mut self, s: Xreg, w: Width, to: u16) {
        match w {
            Width::W8 => self.asm.sb(s, self.off(to), abi::STATE),
            Width::W16 => self.asm.sh(s, self.off(to), abi::STATE),
            Width::W32 => self.asm.sw(s, self.off(to), abi::STATE),
            Width::W64 => self.asm.sd(s, self.off(to), abi::STATE),
        }
    }

    fn w_bits(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let to = self.mdef(v);
        for i in [0, 8] {
            self.asm.ld(A, self.off(a + i), abi::STATE);
            self.asm.ld(B, self.off(b + i), abi::STATE);
            match inst.op {
                Op::VAnd => self.asm.and(A, A, B),
                Op::VOr => self.asm.or(A, A, B),
                Op::VXor => self.asm.xor(A, A, B),
                _ => {
                    self.asm.xori(A, A, Imm12::of(-1));
                    self.asm.and(A, A, B);
                }
            }
            self.asm.sd(A, self.off(to + i), abi::STATE);
        }
    }

    /// A temporary with the top bits of all lanes of `w` in a word.
    pub(super) fn tops(&mut self, w: Width) -> Xreg {
        let t = self.temp();
        let ones = u64::MAX / w.mask();
        self.constant(t, ones << (w.bits() - 1));
        t
    }

    fn w_sum(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        if inst.w == Width::W64 {
            let to = self.mdef(v);
            for i in [0, 8] {
                self.asm.ld(A, self.off(a + i), abi::STATE);
                self.asm.ld(B, self.off(b + i), abi::STATE);
                if inst.op == Op::VAdd {
                    self.asm.add(A, A, B)
                } else {
                    self.asm.sub(A, A, B)
                }
                self.asm.sd(A, self.off(to + i), abi::STATE);
            }
            return;
        }
        // As `eval::vector` does: the lanes without their top bits cannot disturb each other.
        let (tops, t) = (self.tops(inst.w), self.temp());
        let to = self.mdef(v);
        for i in [0, 8] {
            self.asm.ld(A, self.off(a + i), abi::STATE);
            self.asm.ld(B, self.off(b + i), abi::STATE);
            self.asm.xor(t, A, B);
            if inst.op == Op::VAdd {
                self.asm.and(t, t, tops);
                // a & !tops = (a | tops) ^ tops
                self.asm.or(A, A, tops);
                self.asm.xor(A, A, tops);
                self.asm.or(B, B, tops);
                self.asm.xor(B, B, tops);
                self.asm.add(A, A, B);
            } else {
                self.asm.xori(t, t, Imm12::of(-1));
                self.asm.and(t, t, tops);
                self.asm.or(A, A, tops);
                self.asm.or(B, B, tops);
                self.asm.xor(B, B, tops);
                self.asm.sub(A, A, B);
            }
            self.asm.xor(A, A, t);
            self.asm.sd(A, self.off(to + i), abi::STATE);
        }
    }

    fn w_equal(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        if inst.w == Width::W8 && self.isa.has(Feature::Zbb) {
            let to = self.mdef(v);
            for i in [0, 8] {
                self.asm.ld(A, self.off(a + i), abi::STATE);
                self.asm.ld(B, self.off(b + i), abi::STATE);
                self.asm.xor(A, A, B);
                self.asm.orc_b(A, A);
                self.asm.xori(A, A, Imm12::of(-1));
                self.asm.sd(A, self.off(to + i), abi::STATE);
            }
            return;
        }
        let (tops, t) = (self.tops(inst.w), self.temp());
        let to = self.mdef(v);
        let down = Shamt::new(u64::from(inst.w.bits()) - 1);
        for i in [0, 8] {
            self.asm.ld(A, self.off(a + i), abi::STATE);
            self.asm.ld(B, self.off(b + i), abi::STATE);
            self.asm.xor(A, A, B);
            // The top bit of a lane is set if any bit of it is.
            self.asm.or(B, A, tops);
            self.asm.xor(B, B, tops);
            self.asm.xori(t, tops, Imm12::of(-1));
            self.asm.add(B, B, t);
            self.asm.or(A, A, B);
            // The top bits of equal lanes, then spread over them.
            self.asm.xori(A, A, Imm12::of(-1));
            self.asm.and(A, A, tops);
            self.asm.srli(B, A, down);
            self.asm.sub(B, A, B);
            self.asm.or(A, A, B);
            self.asm.sd(A, self.off(to + i), abi::STATE);
        }
    }

    fn w_shift(&mut self, v: Value, inst: &Inst) {
        let Some(n) = self.vals[inst.args[1].index()].konst else {
            self.w_shift_by(v, inst);
            return;
        };
        let bits = u64::from(inst.w.bits());
        let n = if inst.op == Op::VSar {
            n.min(bits - 1)
        } else {
            n
        };
        let a = self.at(inst.args[0]);
        let to = self.mdef(v);
        let bytes = u16::try_from(inst.w.bytes()).unwrap_or(8);
        for lane in 0..u16::try_from(lanes(inst.w)).unwrap_or(0) {
            let at = lane * bytes;
            if n >= bits {
                self.w_store(Xreg::ZERO, inst.w, to + at);
                continue;
            }
            match (inst.op, inst.w) {
                (Op::VSar, Width::W16) => self.asm.lh(A, self.off(a + at), abi::STATE),
                (Op::VSar, Width::W32) => self.asm.lw(A, self.off(a + at), abi::STATE),
                _ => self.w_load(A, inst.w, a + at),
            }
            match inst.op {
                Op::VShl => self.asm.slli(A, A, Shamt::new(n)),
                Op::VShr => self.asm.srli(A, A, Shamt::new(n)),
                _ => self.asm.srai(A, A, Shamt::new(n)),
            }
            self.w_store(A, inst.w, to + at);
        }
    }

    fn w_shuffle(&mut self, v: Value, inst: &Inst) {
        let pool = usize::try_from(inst.imm)
            .ok()
            .and_then(|n| self.region.pool.get(n).copied());
        let p = pool.unwrap_or_default();
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let to = self.mdef_unless(v, &[a, b]);
        let mut ones = None;
        let mut i = 0u8;
        while i < 16 {
            // The widest piece that comes from one place, aligned there and here.
            let piece = |n: u8| {
                if !i.is_multiple_of(n) {
                    return false;
                }
                let first = p[usize::from(i)];
                let zero = (0..n).all(|k| p[usize::from(i + k)] >= 32);
                let whole = (0..n).all(|k| p[usize::from(i + k)] == first.wrapping_add(k));
                zero || first < 32 && first.is_multiple_of(n) && whole
            };
            let pieces = [(8, Width::W64), (4, Width::W32), (2, Width::W16)];
            let same = |n: u8| {
                let first = p[usize::from(i)];
                i.is_multiple_of(n) && first < 32 && (0..n).all(|k| p[usize::from(i + k)] == first)
            };
            if let Some((n, w)) = pieces.into_iter().find(|(n, _)| same(*n)) {
                let first = p[usize::from(i)];
                let off = if first < 16 { a } else { b } + u16::from(first & 15);
                let ones = *ones.get_or_insert_with(|| {
                    let r = self.temp();
                    self.constant(r, 0x0101_0101_0101_0101);
                    r
                });
                self.w_load(A, Width::W8, off);
                self.asm.mul(A, A, ones);
                self.w_store(A, w, to + u16::from(i));
                i += n;
                continue;
            }
            let (n, w) = pieces
                .into_iter()
                .find(|(n, _)| piece(*n))
                .unwrap_or((1, Width::W8));
            let s = match p[usize::from(i)] {
                f @ 0..16 => Some(a + u16::from(f)),
                f @ 16..32 => Some(b + u16::from(f) - 16),
                _ => None,
            };
            let from = match s {
                Some(off) => {
                    self.w_load(A, w, off);
                    A
                }
                None => Xreg::ZERO,
            };
            self.w_store(from, w, to + u16::from(i));
            i += n;
        }
    }

    fn w_const(&mut self, v: Value, inst: &Inst) {
        let pool = usize::try_from(inst.imm)
            .ok()
            .and_then(|n| self.region.pool.get(n).copied());
        let c = u128::from_le_bytes(pool.unwrap_or_default());
        let to = self.mdef(v);
        for (at, half) in [(0, c & u128::from(u64::MAX)), (8, c >> 64)] {
            let half = u64::try_from(half).unwrap_or(0);
            let from = if half == 0 {
                Xreg::ZERO
            } else {
                self.constant(A, half);
                A
            };
            self.asm.sd(from, self.off(to + at), abi::STATE);
        }
    }

    fn w_mask(&mut self, v: Value, inst: &Inst) {
        let a = self.at(inst.args[0]);
        match inst.w {
            Width::W8 => {
                let (tops, gather) = (self.tops(Width::W8), self.temp());
                // Bit 8i + 7 goes to bit 56 + i.
                self.constant(gather, 0x0002_0408_1020_4081);
                for (r, at) in [(A, 0), (B, 8)] {
                    self.asm.ld(r, self.off(a + at), abi::STATE);
                    self.asm.and(r, r, tops);
                    self.asm.mul(r, r, gather);
                    self.asm.srli(r, r, Shamt::new(56));
                }
                let d = self.def(v, Form::Exact);
                self.asm.slli(B, B, Shamt::new(8));
                self.asm.or(d, A, B);
            }
            _ => {
                let bytes = u16::try_from(inst.w.bytes()).unwrap_or(8);
                self.asm.mv(A, Xreg::ZERO);
                for lane in 0..16 / bytes {
                    self.w_load(B, inst.w, a + lane * bytes);
                    self.asm
                        .srli(B, B, Shamt::new(u64::from(inst.w.bits()) - 1));
                    if lane > 0 {
                        self.asm.slli(B, B, Shamt::new(lane.into()));
                    }
                    self.asm.or(A, A, B);
                }
                let d = self.def(v, Form::Exact);
                self.asm.mv(d, A);
            }
        }
    }

    fn w_insert(&mut self, v: Value, inst: &Inst) {
        let a = self.at(inst.args[0]);
        let lane = self.lane_offset(inst);
        if inst.op == Op::FPut {
            let f = self.f(inst.args[1]);
            let to = self.mdef(v);
            if to != a {
                self.copy(abi::STATE, a, to, 2);
            }
            self.fstore_at(f, inst.w, to);
            return;
        }
        let x = self.low(inst.args[1], inst.w);
        let to = self.mdef(v);
        if to != a {
            self.copy(abi::STATE, a, to, 2);
        }
        self.w_store(x, inst.w, to + lane);
    }

    /// The lanes' number and bytes.
    pub(super) fn shape(w: Width) -> (u8, u16) {
        if w == Width::W32 { (4, 4) } else { (2, 8) }
    }

    /// Room for the result of an operation with a slow way, which reads the arguments again.
    pub(super) fn w_result(&mut self, v: Value, inst: &Inst) -> u16 {
        let args: Vec<u16> = inst.args().map(|a| self.at(a)).collect();
        self.mdef_unless(v, &args)
    }

    fn w_float(&mut self, v: Value, inst: &Inst) {
        let (n, bytes) = Self::shape(inst.w);
        let a = self.at(inst.args[0]);
        let b = if inst.op == Op::VFSqrt {
            a
        } else {
            self.at(inst.args[1])
        };
        let to = self.w_result(v, inst);
        for i in 0..n {
            let x = self.f_lane(4, inst.w, a, i.into());
            let op = match inst.op {
                Op::VFAdd => Op::FAdd,
                Op::VFSub => Op::FSub,
                Op::VFAddSub if i % 2 == 0 => Op::FSub,
                Op::VFAddSub => Op::FAdd,
                Op::VFMul => Op::FMul,
                Op::VFSqrt => {
                    if inst.w == Width::W32 {
                        self.asm.fsqrt_s(ft(i), x, Rm::Dyn);
                    } else {
                        self.asm.fsqrt_d(ft(i), x, Rm::Dyn);
                    }
                    continue;
                }
                _ => Op::FDiv,
            };
            let y = self.f_lane(5, inst.w, b, i.into());
            self.f_binary(op, inst.w, ft(i), x, y);
        }
        self.w_take(inst, n, bytes, to);
    }

    /// Stores ft0.. as the result at `to`, unless one is a NaN.
    pub(super) fn w_take(&mut self, inst: &Inst, n: u8, bytes: u16, to: u16) {
        let w = if bytes == 4 { Width::W32 } else { Width::W64 };
        let slow = self.slow(inst, Result::Mem(to));
        self.w_nan_free(w, n, slow);
        for i in 0..n {
            self.fstore_at(ft(i), w, to + bytes * u16::from(i));
        }
        self.join();
    }

    /// To `slow` if one of ft0.. is a NaN.
    pub(super) fn w_nan_free(&mut self, w: Width, n: u8, slow: Label) {
        for i in 0..n {
            let d = if i == 0 { A } else { B };
            self.f_equal(w, d, ft(i), ft(i));
            if i > 0 {
                self.asm.and(A, A, B);
            }
        }
        self.asm.beq_to(A, Xreg::ZERO, slow);
    }

    fn w_min_max(&mut self, v: Value, inst: &Inst) {
        let (n, bytes) = Self::shape(inst.w);
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let to = self.mdef(v);
        for i in 0..n {
            let x = self.f_lane(4, inst.w, a, i.into());
            let y = self.f_lane(5, inst.w, b, i.into());
            self.f_min_max(inst.op == Op::VFMin, inst.w, ft(0), x, y);
            self.fstore_at(ft(0), inst.w, to + bytes * u16::from(i));
        }
    }

    fn w_compare(&mut self, v: Value, inst: &Inst) {
        let Some(p) = FpPredicate::from_aux(inst.aux) else {
            return;
        };
        let (n, bytes) = Self::shape(inst.w);
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let to = self.mdef(v);
        for i in 0..n {
            let x = self.f_lane(4, inst.w, a, i.into());
            let y = self.f_lane(5, inst.w, b, i.into());
            // 1 becomes all ones; inverted: 0 does.
            if self.f_predicate(p, inst.w, [A, B], x, y) {
                self.asm.addi(A, A, Imm12::of(-1));
            } else {
                self.asm.sub(A, Xreg::ZERO, A);
            }
            self.w_store(A, inst.w, to + bytes * u16::from(i));
        }
    }

    fn w_fused(&mut self, v: Value, inst: &Inst) {
        let (n, bytes) = Self::shape(inst.w);
        let from = [0, 1, 2].map(|n| self.at(inst.args[n]));
        let to = self.w_result(v, inst);
        let slow = self.slow(inst, Result::Mem(to));
        for i in 0..n {
            let x = self.f_lane(4, inst.w, from[0], i.into());
            let y = self.f_lane(5, inst.w, from[1], i.into());
            let z = self.f_lane(6, inst.w, from[2], i.into());
            let mut lane = *inst;
            if inst.aux & 4 != 0 && i % 2 == 0 {
                lane.aux ^= 2;
            }
            self.f_fused(&lane, ft(i), [x, y, z], slow);
        }
        self.w_nan_free(inst.w, n, slow);
        for i in 0..n {
            self.fstore_at(ft(i), inst.w, to + bytes * u16::from(i));
        }
        self.join();
    }

    fn w_convert(&mut self, v: Value, inst: &Inst) -> bool {
        let a = self.at(inst.args[0]);
        match CvtKind::from_aux(inst.aux) {
            Some(CvtKind::I32F32) => {
                let to = self.mdef(v);
                for i in [0, 4, 8, 12] {
                    self.asm.lw(A, self.off(a + i), abi::STATE);
                    self.asm.fcvt_s_w(ft(0), A, Rm::Dyn);
                    self.fstore_at(ft(0), Width::W32, to + i);
                }
            }
            Some(CvtKind::I32F64) => {
                let to = self.mdef(v);
                self.asm.lw(A, self.off(a), abi::STATE);
                self.asm.lw(B, self.off(a + 4), abi::STATE);
                for (r, at) in [(A, 0), (B, 8)] {
                    self.asm.fcvt_d_w(ft(0), r);
                    self.fstore_at(ft(0), Width::W64, to + at);
                }
            }
            Some(CvtKind::F32F64) => {
                let to = self.w_result(v, inst);
                for i in 0..2 {
                    let x = self.f_lane(4, Width::W32, a, i.into());
                    self.asm.fcvt_d_s(ft(i), x);
                }
                self.w_take(inst, 2, 8, to);
            }
            Some(CvtKind::F64F32) => {
                let to = self.w_result(v, inst);
                for i in 0..2 {
                    let x = self.f_lane(4, Width::W64, a, i.into());
                    self.asm.fcvt_s_d(ft(i), x, Rm::Dyn);
                }
                self.asm.sd(Xreg::ZERO, self.off(to + 8), abi::STATE);
                self.w_take(inst, 2, 4, to);
            }
            Some(CvtKind::F32I32Trunc | CvtKind::F32I32) => {
                let m = if inst.aux == CvtKind::F32I32 as u16 {
                    Rm::Dyn
                } else {
                    Rm::Rtz
                };
                let to = self.mdef(v);
                self.asm.li(B, 0x7fff_ffff);
                for i in 0..4 {
                    let x = self.f_lane(4, Width::W32, a, i);
                    let fits = self.asm.label();
                    self.asm.fcvt_w_s(A, x, m);
                    self.asm.bne_to(A, B, fits);
                    // Saturated: the integer indefinite.
                    self.asm.addiw(A, A, Imm12::of(1));
                    self.asm.bind(fits);
                    self.w_store(A, Width::W32, to + 4 * i);
                }
            }
            Some(kind) if kind as u8 >= CvtKind::F16F32 as u8 => return self.w_half(v, inst, kind),
            _ => return false,
        }
        true
    }
}
