//! Packed integers on hosts without V, lanes of two words at a time: what `words` has no one-line form for.
//!
//! Lanes are kept apart by their top bits: sums and differences are made of the bits below, and what a lane
//! carries, borrows or overflows shows in its top bit, from which a mask of whole lanes is made (`spread`).

use super::{Lowerer, abi};
use crate::ir::{Inst, Op, Value};
use crate::rv64::{Feature, Imm12, Shamt, Xreg};
use crate::x86::Width;

const A: Xreg = abi::SCRATCH;
const B: Xreg = abi::SCRATCH2;

impl Lowerer<'_> {
    /// Lowers an operation on packed integers in memory; false if it has no inline code.
    pub(super) fn packed_words(&mut self, v: Value, inst: &Inst) -> bool {
        let (w8, w16, w32) = (Width::W8, Width::W16, Width::W32);
        match (inst.op, inst.w) {
            (
                Op::VAddSatS
                | Op::VAddSatU
                | Op::VSubSatS
                | Op::VSubSatU
                | Op::VMinS
                | Op::VMinU
                | Op::VMaxS
                | Op::VMaxU
                | Op::VCmpGt,
                w,
            ) if w == w8 || w == w16 || w == w32 => self.w_by_top(v, inst),
            (Op::VCmpGt, _) => self.w_greater(v, inst),
            (Op::VBlend, _) => self.w_blend(v, inst),
            (Op::VSext | Op::VZext, _) => self.w_widen(v, inst),
            (Op::VAvg, _) => self.w_average(v, inst),
            (Op::VMul, Width::W64) => self.w_product(v, inst),
            (Op::VMul | Op::VMulHiS | Op::VMulHiU, w) if w == w16 || w == w32 => {
                self.w_product(v, inst);
            }
            (Op::VMadd, _) => self.w_multiply_add(v, inst),
            (Op::VSad, _) => self.w_differences(v, inst),
            (Op::VPackS | Op::VPackU, w) if w == w16 || w == w32 => self.w_pack(v, inst),
            _ => return false,
        }
        true
    }

    /// d = s without the bits of `mask`; `s` may be `d`.
    fn without(&mut self, d: Xreg, s: Xreg, mask: Xreg) {
        self.asm.or(d, s, mask);
        self.asm.xor(d, d, mask);
    }

    /// The bits in `r`, tops of lanes, become masks of whole lanes; clobbers `t`.
    fn spread(&mut self, r: Xreg, t: Xreg, w: Width) {
        self.asm.srli(t, r, Shamt::new(u64::from(w.bits()) - 1));
        self.asm.sub(t, r, t);
        self.asm.or(r, r, t);
    }

    /// s = x - y by lanes; clobbers t.
    fn difference(&mut self, [s, x, y]: [Xreg; 3], t: Xreg, tops: Xreg) {
        self.without(t, y, tops);
        self.asm.or(s, x, tops);
        self.asm.sub(s, s, t);
        self.asm.xor(t, x, y);
        self.asm.xori(t, t, Imm12::of(-1));
        self.asm.and(t, t, tops);
        self.asm.xor(s, s, t);
    }

    /// Saturating sums and differences, minima, maxima and comparisons.
    fn w_by_top(&mut self, v: Value, inst: &Inst) {
        let (from, with) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let tops = self.tops(inst.w);
        let (s, t, u) = (self.temp(), self.temp(), self.temp());
        let to = self.mdef(v);
        let down = Shamt::new(u64::from(inst.w.bits()) - 1);
        for i in [0, 8] {
            self.asm.ld(A, self.off(from + i), abi::STATE);
            self.asm.ld(B, self.off(with + i), abi::STATE);
            match inst.op {
                Op::VAddSatS | Op::VAddSatU => {
                    self.without(s, A, tops);
                    self.without(t, B, tops);
                    self.asm.add(s, s, t);
                    self.asm.xor(t, A, B);
                    self.asm.and(t, t, tops);
                    self.asm.xor(s, s, t);
                }
                Op::VSubSatS | Op::VSubSatU => self.difference([s, A, B], t, tops),
                _ => self.difference([s, B, A], t, tops),
            }
            match inst.op {
                Op::VAddSatS | Op::VSubSatS => {
                    // Overflow: a's sign is not the result's, and the operands' signs agree (differ).
                    self.asm.xor(B, A, B);
                    if inst.op == Op::VAddSatS {
                        self.asm.xori(B, B, Imm12::of(-1));
                    }
                    self.asm.xor(t, A, s);
                    self.asm.and(B, B, t);
                    self.asm.and(B, B, tops);
                    self.spread(B, t, inst.w);
                    // The largest number, or one more, the smallest, if a is negative.
                    self.asm.and(A, A, tops);
                    self.asm.srli(A, A, down);
                    self.asm.xori(t, tops, Imm12::of(-1));
                    self.asm.add(A, A, t);
                    self.select_bits(s, A, B);
                }
                Op::VAddSatU => {
                    // Carry: out of both, or out of one where the sum's top bit is 0.
                    self.asm.and(t, A, B);
                    self.asm.or(A, A, B);
                    self.asm.xori(B, s, Imm12::of(-1));
                    self.asm.and(A, A, B);
                    self.asm.or(A, A, t);
                    self.asm.and(A, A, tops);
                    self.spread(A, t, inst.w);
                    self.asm.or(s, s, A);
                }
                Op::VSubSatU => {
                    self.borrow([t, A, B], s, u, tops);
                    self.spread(t, A, inst.w);
                    self.asm.xori(t, t, Imm12::of(-1));
                    self.asm.and(s, s, t);
                }
                _ => {
                    // b < a; a signed lane is less if its top bit is set.
                    if matches!(inst.op, Op::VMinS | Op::VMaxS | Op::VCmpGt) {
                        self.borrow([t, A, B], s, u, tops);
                    } else {
                        self.borrow([t, B, A], s, u, tops);
                    }
                    self.spread(t, s, inst.w);
                    match inst.op {
                        Op::VCmpGt => self.asm.mv(s, t),
                        Op::VMinS | Op::VMinU => {
                            self.asm.mv(s, A);
                            self.select_bits(s, B, t);
                        }
                        _ => {
                            self.asm.mv(s, B);
                            self.select_bits(s, A, t);
                        }
                    }
                }
            }
            self.asm.sd(s, self.off(to + i), abi::STATE);
        }
    }

    /// t = the top bits of lanes where x - y, which is s, borrows; clobbers u.
    fn borrow(&mut self, [t, x, y]: [Xreg; 3], s: Xreg, u: Xreg, tops: Xreg) {
        // Where the operands' top bits differ, y's says it; else the difference's.
        self.asm.xor(u, x, y);
        self.asm.xor(t, s, y);
        self.asm.and(t, t, u);
        self.asm.xor(t, t, s);
        self.asm.and(t, t, tops);
    }

    /// d = s where `mask` has ones; clobbers s.
    fn select_bits(&mut self, d: Xreg, s: Xreg, mask: Xreg) {
        self.asm.xor(s, s, d);
        self.asm.and(s, s, mask);
        self.asm.xor(d, d, s);
    }

    /// PAVGB, PAVGW: a | b is the sum of halves rounded up, and half of what differs too much.
    fn w_average(&mut self, v: Value, inst: &Inst) {
        let (from, with) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let (tops, t) = (self.tops(inst.w), self.temp());
        let to = self.mdef(v);
        for i in [0, 8] {
            self.asm.ld(A, self.off(from + i), abi::STATE);
            self.asm.ld(B, self.off(with + i), abi::STATE);
            self.asm.xor(t, A, B);
            self.asm.srli(t, t, Shamt::new(1));
            // What came from the lane above.
            self.without(t, t, tops);
            self.asm.or(A, A, B);
            self.asm.sub(A, A, t);
            self.asm.sd(A, self.off(to + i), abi::STATE);
        }
    }

    /// Comparison of quadwords.
    fn w_greater(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let to = self.mdef(v);
        for i in [0, 8] {
            self.asm.ld(A, self.off(a + i), abi::STATE);
            self.asm.ld(B, self.off(b + i), abi::STATE);
            self.asm.slt(A, B, A);
            self.asm.sub(A, Xreg::ZERO, A);
            self.asm.sd(A, self.off(to + i), abi::STATE);
        }
    }

    /// BLENDVPS and its kin.
    fn w_blend(&mut self, v: Value, inst: &Inst) {
        let [a, b, c] = [0, 1, 2].map(|n| self.at(inst.args[n]));
        let tops = (inst.w != Width::W64).then(|| self.tops(inst.w));
        let t = self.temp();
        let to = self.mdef(v);
        for i in [0, 8] {
            self.asm.ld(A, self.off(c + i), abi::STATE);
            match tops {
                Some(tops) => {
                    self.asm.and(A, A, tops);
                    self.spread(A, B, inst.w);
                }
                None => self.asm.srai(A, A, Shamt::new(63)),
            }
            self.asm.ld(t, self.off(a + i), abi::STATE);
            self.asm.ld(B, self.off(b + i), abi::STATE);
            self.select_bits(t, B, A);
            self.asm.sd(t, self.off(to + i), abi::STATE);
        }
    }

    /// PMOVSX and PMOVZX, from the highest lane down: the result may lie where the argument does.
    fn w_widen(&mut self, v: Value, inst: &Inst) {
        let from = self.at(inst.args[0]);
        let to = self.mdef(v);
        let signed = inst.op == Op::VSext;
        let bytes = u16::try_from(inst.w.bytes()).unwrap_or(8);
        let narrow = match inst.imm {
            8 => Width::W8,
            16 => Width::W16,
            _ => Width::W32,
        };
        for n in (0..16 / bytes).rev() {
            self.lane(A, narrow, signed, from, n);
            self.w_store(A, inst.w, to + bytes * n);
        }
    }

    /// Loads lane `n` of the vector at `off`, extended.
    fn lane(&mut self, d: Xreg, w: Width, signed: bool, off: u16, n: u16) {
        let at = self.off(off + (n << w as u8));
        match (w, signed) {
            (Width::W64, _) => self.asm.ld(d, at, abi::STATE),
            (Width::W8, true) => self.asm.lb(d, at, abi::STATE),
            (Width::W8, false) => self.asm.lbu(d, at, abi::STATE),
            (Width::W16, true) => self.asm.lh(d, at, abi::STATE),
            (Width::W16, false) => self.asm.lhu(d, at, abi::STATE),
            (_, true) => self.asm.lw(d, at, abi::STATE),
            (_, false) => self.asm.lwu(d, at, abi::STATE),
        }
    }

    fn w_product(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let to = self.mdef(v);
        let signed = inst.op != Op::VMulHiU;
        let bytes = u16::try_from(inst.w.bytes()).unwrap_or(8);
        for n in 0..16 / bytes {
            self.lane(A, inst.w, signed, a, n);
            self.lane(B, inst.w, signed, b, n);
            self.asm.mul(A, A, B);
            if inst.op != Op::VMul {
                self.asm.srli(A, A, Shamt::new(inst.w.bits().into()));
            }
            self.w_store(A, inst.w, to + bytes * n);
        }
    }

    fn w_multiply_add(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let t = self.temp();
        let to = self.mdef(v);
        for n in 0..4 {
            self.lane(A, Width::W16, true, a, 2 * n);
            self.lane(B, Width::W16, true, b, 2 * n);
            self.asm.mul(t, A, B);
            self.lane(A, Width::W16, true, a, 2 * n + 1);
            self.lane(B, Width::W16, true, b, 2 * n + 1);
            self.asm.mul(A, A, B);
            self.asm.add(A, A, t);
            self.w_store(A, Width::W32, to + 4 * n);
        }
    }

    /// PSADBW.
    fn w_differences(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let tops = self.tops(Width::W8);
        let (s, t, u) = (self.temp(), self.temp(), self.temp());
        let to = self.mdef(v);
        for i in [0, 8] {
            self.asm.ld(A, self.off(a + i), abi::STATE);
            self.asm.ld(B, self.off(b + i), abi::STATE);
            self.difference([s, A, B], t, tops);
            self.borrow([t, A, B], s, u, tops);
            // The negation of what is negative.
            self.asm.srli(u, t, Shamt::new(7));
            self.spread(t, A, Width::W8);
            self.asm.xor(s, s, t);
            self.asm.add(s, s, u);
            // Pairs of bytes, then the four words in the top one.
            self.constant(t, 0x00ff_00ff_00ff_00ff);
            self.asm.srli(u, s, Shamt::new(8));
            self.asm.and(s, s, t);
            self.asm.and(u, u, t);
            self.asm.add(s, s, u);
            self.constant(t, 0x0001_0001_0001_0001);
            self.asm.mul(s, s, t);
            self.asm.srli(s, s, Shamt::new(48));
            self.asm.sd(s, self.off(to + i), abi::STATE);
        }
    }

    /// Shifts by a count that is not known.
    pub(super) fn w_shift_by(&mut self, v: Value, inst: &Inst) {
        let from = self.at(inst.args[0]);
        let count = self.exact(inst.args[1]);
        let bits = inst.w.bits();
        let (n, mask) = (self.temp(), self.temp());
        // All ones if the count is below the width.
        self.asm.sltiu(mask, count, Imm12::of(bits.into()));
        self.asm.sub(mask, Xreg::ZERO, mask);
        self.asm.mv(n, count);
        if inst.op == Op::VSar {
            let below = self.asm.label();
            self.asm.bne_to(mask, Xreg::ZERO, below);
            self.asm.li(n, u64::from(bits) - 1);
            self.asm.bind(below);
        }
        let to = self.mdef(v);
        let bytes = u16::try_from(inst.w.bytes()).unwrap_or(8);
        for lane in 0..16 / bytes {
            let at = self.off(from + bytes * lane);
            match (inst.op, inst.w) {
                (Op::VSar, Width::W16) => self.asm.lh(A, at, abi::STATE),
                (Op::VSar, Width::W32) => self.asm.lw(A, at, abi::STATE),
                _ => self.w_load(A, inst.w, from + bytes * lane),
            }
            match inst.op {
                Op::VShl => self.asm.sll(A, A, n),
                Op::VShr => self.asm.srl(A, A, n),
                _ => self.asm.sra(A, A, n),
            }
            if inst.op != Op::VSar {
                self.asm.and(A, A, mask);
            }
            self.w_store(A, inst.w, to + bytes * lane);
        }
    }

    fn w_pack(&mut self, v: Value, inst: &Inst) {
        let (a, b) = (self.at(inst.args[0]), self.at(inst.args[1]));
        let to = self.mdef_unless(v, &[a, b]);
        let half = if inst.w == Width::W16 {
            Width::W8
        } else {
            Width::W16
        };
        let (low, high) = (self.temp(), self.temp());
        let bits = u64::from(half.bits());
        let (least, most) = if inst.op == Op::VPackU {
            (0, half.mask())
        } else {
            ((1u64 << (bits - 1)).wrapping_neg(), half.mask() >> 1)
        };
        self.constant(low, least);
        self.constant(high, most);
        let n = u16::try_from(super::lanes(inst.w)).unwrap_or(0);
        let bytes = if half == Width::W8 { 1 } else { 2 };
        for i in 0..2 * n {
            let (from, lane) = if i < n { (a, i) } else { (b, i - n) };
            self.lane(A, inst.w, true, from, lane);
            if self.isa.has(Feature::Zbb) {
                self.asm.max(A, A, low);
                self.asm.min(A, A, high);
            } else {
                let (above, below) = (self.asm.label(), self.asm.label());
                self.asm.bge_to(A, low, above);
                self.asm.mv(A, low);
                self.asm.bind(above);
                self.asm.bge_to(high, A, below);
                self.asm.mv(A, high);
                self.asm.bind(below);
            }
            self.w_store(A, half, to + bytes * i);
        }
    }
}
