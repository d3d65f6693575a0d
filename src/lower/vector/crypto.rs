//! AES, SHA-256 and carry-less multiplication on hosts with Zvkned, Zvknha and Zvbc, and rotations and orders of
//! bytes on those with Zvkb. Without them: what other instructions do as well, else nothing.
//!
//! AES' rounds are x86's but for the order of the last two steps of decryption. SHA-256's two rounds are x86's, with
//! the state packed in the same way; of the schedule only the last step can be had alone.

use super::packed::simm;
use super::{Lowerer, ZERO, abi, words};
use crate::ir::{Inst, Op, Value};
use crate::rv64::{Feature, HostIsa, Imm12, Sew, Shamt, Uimm5, Vm, Vreg, Xreg};
use crate::x86::Width;

const ALL: Vm = Vm::All;

/// Whether the host has Zvkb, alone or as a part of Zvbb.
pub(super) const fn has_zvkb(isa: HostIsa) -> bool {
    isa.has(Feature::Zvkb) || isa.has(Feature::Zvbb)
}

/// How the bytes of each lane are to change places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    Reversed,
    /// Rotated right by so many bits.
    Rotated(u64),
}

/// If `p` only changes places of bytes in lanes, in the same way in each: how.
pub(super) fn byte_order(p: [u8; 16]) -> Option<(Width, Order)> {
    for w in [Width::W16, Width::W32, Width::W64] {
        let size = usize::try_from(w.bytes()).unwrap_or(8);
        let all = |from: &dyn Fn(usize) -> usize| {
            (0..16).all(|i| usize::from(p[i]) == i / size * size + from(i % size))
        };
        if all(&|i| size - 1 - i) {
            return Some((w, Order::Reversed));
        }
        if let Some(by) = (1..size).find(|by| all(&|i| (i + by) % size)) {
            return Some((w, Order::Rotated(8 * by as u64)));
        }
    }
    None
}

impl Lowerer<'_> {
    /// Lowers an AES round; false if the host has no instructions for it.
    pub(super) fn aes(&mut self, v: Value, inst: &Inst) -> bool {
        if !self.isa.has(Feature::Zvkned) || inst.op == Op::VAesKey {
            return false;
        }
        let a = self.v(inst.args[0]);
        let key = (inst.op != Op::VAesImc).then(|| self.v(inst.args[1]));
        self.args_done();
        let d = self.vdef_unless(v, key.as_slice());
        self.full(Width::W32);
        if d != a {
            self.vcopy(d, a);
            self.full(Width::W32);
        }
        match (inst.op, key) {
            (Op::VAesEnc, Some(key)) => self.asm.vaesem_vv(d, key),
            (Op::VAesEncLast, Some(key)) => self.asm.vaesef_vv(d, key),
            (Op::VAesDecLast, Some(key)) => self.asm.vaesdf_vv(d, key),
            (_, Some(key)) => {
                // The key is added after InvMixColumns here, before it there.
                self.asm.vaesdm_vv(d, ZERO);
                self.asm.vxor_vv(d, d, key, ALL);
            }
            (_, None) => {
                // What the last round does is undone, which leaves InvMixColumns.
                self.asm.vaesef_vv(d, ZERO);
                self.asm.vaesdm_vv(d, ZERO);
            }
        }
        true
    }

    /// Lowers a step of SHA-256; false if the host has no instructions for it.
    pub(super) fn sha256(&mut self, v: Value, inst: &Inst) -> bool {
        if !self.isa.has(Feature::Zvknha) && !self.isa.has(Feature::Zvknhb) {
            return false;
        }
        let (a, b) = (self.v(inst.args[0]), self.v(inst.args[1]));
        if inst.op == Op::VSha256Rounds {
            let words = self.v(inst.args[2]);
            self.args_done();
            let d = self.vdef_unless(v, &[b, words]);
            if d != a {
                self.vcopy(d, a);
            }
            self.full(Width::W32);
            self.asm.vsha2cl_vv(d, b, words);
            return true;
        }
        // Words 0 to 4 are zero, so that of each sum only sigma 1 is added, to words 9 to 12.
        let (low, high) = (self.vtemp(), self.vtemp());
        self.full(Width::W32);
        self.asm.vslide1up_vx(low, a, Xreg::ZERO, ALL);
        self.vcopy(high, b);
        self.vtype(Sew::E32, 0, 1);
        self.asm.vslidedown_vi(high, a, Uimm5::new(3), ALL);
        self.args_done();
        let d = self.vdef(v);
        self.full(Width::W32);
        self.asm.vmv_v_i(d, simm(0));
        self.asm.vsha2ms_vv(d, low, high);
        true
    }

    /// PCLMULQDQ, on hosts with V; false if the host has no instructions for it.
    pub(super) fn carry_less(&mut self, v: Value, inst: &Inst) -> bool {
        let (vector, scalar) = (self.isa.has(Feature::Zvbc), self.isa.has(Feature::Zbc));
        if !vector && !scalar {
            return false;
        }
        let factors = [0, 1].map(|n| self.v(inst.args[n]));
        let lanes = [inst.imm & 1, inst.imm >> 4 & 1];
        self.full(Width::W64);
        if vector && lanes == [1, 1] {
            let [a, b] = factors;
            let t = self.vtemp();
            self.asm.vclmul_vv(t, a, b, ALL);
            self.args_done();
            let d = self.vdef_unless(v, &[t]);
            self.asm.vclmulh_vv(d, a, b, ALL);
            self.vtype(Sew::E64, 0, 1);
            self.asm.vslidedown_vi(d, t, Uimm5::new(1), ALL);
            return true;
        }
        let [a, b] = [0, 1].map(|n: usize| {
            if lanes[n] == 0 {
                return factors[n];
            }
            let t = self.vtemp();
            self.asm.vslidedown_vi(t, factors[n], Uimm5::new(1), ALL);
            t
        });
        if vector {
            let high = self.vtemp();
            self.asm.vclmulh_vv(high, a, b, ALL);
            self.args_done();
            let d = self.vdef_unless(v, &[high]);
            self.full(Width::W64);
            self.asm.vclmul_vv(d, a, b, ALL);
            self.asm.vslideup_vi(d, high, Uimm5::new(1), ALL);
            return true;
        }
        let (low, high) = (self.temp(), self.temp());
        self.asm.vmv_x_s(abi::SCRATCH, a);
        self.asm.vmv_x_s(abi::SCRATCH2, b);
        self.asm.clmul(low, abi::SCRATCH, abi::SCRATCH2);
        self.asm.clmulh(high, abi::SCRATCH, abi::SCRATCH2);
        self.args_done();
        let d = self.vdef(v);
        self.full(Width::W64);
        self.asm.vmv_v_x(d, high);
        self.asm.vmv_s_x(d, low);
        true
    }

    /// The same on hosts without V.
    pub(super) fn w_carry_less(&mut self, v: Value, inst: &Inst) -> bool {
        if !self.isa.has(Feature::Zbc) {
            return false;
        }
        let lane = |n: u64| if n & 1 == 0 { 0 } else { 8 };
        let a = self.at(inst.args[0]) + lane(inst.imm);
        let b = self.at(inst.args[1]) + lane(inst.imm >> 4);
        let low = self.temp();
        let to = self.mdef(v);
        self.asm.ld(words::A, self.off(a), abi::STATE);
        self.asm.ld(words::B, self.off(b), abi::STATE);
        self.asm.clmul(low, words::A, words::B);
        self.asm.clmulh(words::A, words::A, words::B);
        self.asm.sd(low, self.off(to), abi::STATE);
        self.asm.sd(words::A, self.off(to + 8), abi::STATE);
        true
    }

    /// The lanes rotated right, on hosts with V.
    pub(super) fn v_rotate(&mut self, v: Value, inst: &Inst) {
        let bits = u64::from(inst.w.bits());
        let (a, n) = (self.v(inst.args[0]), inst.imm % bits);
        if has_zvkb(self.isa) || n == 0 {
            self.args_done();
            let d = self.vdef(v);
            self.rotate_lanes(inst.w, d, a, n);
            return;
        }
        let t = self.vtemp();
        self.args_done();
        let d = self.vdef_unless(v, &[t]);
        self.full(inst.w);
        for (op, r, n) in [(Op::VShr, t, n), (Op::VShl, d, bits - n)] {
            if let (0..32, up) = (n, op == Op::VShl) {
                let n = Uimm5::new(n);
                if up {
                    self.asm.vsll_vi(r, a, n, ALL);
                } else {
                    self.asm.vsrl_vi(r, a, n, ALL);
                }
            } else {
                let n = Imm12::of(n.cast_signed());
                self.asm.addi(abi::SCRATCH, Xreg::ZERO, n);
                self.v_shift_by(op, r, a, abi::SCRATCH);
            }
        }
        self.asm.vor_vv(d, d, t, ALL);
    }

    /// d = the lanes of `a` rotated right by `n`; with Zvkb, or by 0.
    fn rotate_lanes(&mut self, w: Width, d: Vreg, a: Vreg, n: u64) {
        self.full(w);
        match n {
            0 if d == a => {}
            0 => self.asm.vmv_v_v(d, a),
            1..32 => self.asm.vror_vi(d, a, Uimm5::new(n), ALL),
            _ => {
                let n = Imm12::of(n.cast_signed());
                self.asm.addi(abi::SCRATCH, Xreg::ZERO, n);
                self.asm.vror_vx(d, a, abi::SCRATCH, ALL);
            }
        }
    }

    /// The bytes of `a` in another order in each lane; with Zvkb.
    pub(super) fn reorder(&mut self, v: Value, a: Vreg, (w, order): (Width, Order)) {
        self.args_done();
        let d = self.vdef(v);
        match order {
            Order::Reversed => {
                self.full(w);
                self.asm.vrev8_v(d, a, ALL);
            }
            Order::Rotated(n) => self.rotate_lanes(w, d, a, n),
        }
    }

    /// The lanes rotated right, on hosts without V.
    pub(super) fn w_rotate(&mut self, v: Value, inst: &Inst) {
        let (a, to) = (self.at(inst.args[0]), self.mdef(v));
        let bits = u64::from(inst.w.bits());
        let n = inst.imm % bits;
        let size = usize::try_from(inst.w.bytes()).unwrap_or(8);
        let native = self.isa.has(Feature::Zbb);
        let (r, t) = (words::A, words::B);
        for at in (0..16).step_by(size) {
            self.w_load(r, inst.w, a + at);
            match inst.w {
                Width::W32 if native => self.asm.roriw(r, r, Shamt::new(n)),
                Width::W64 if native => self.asm.rori(r, r, Shamt::new(n)),
                // By 0, too: shifted by the whole width, nothing is left in the lane or all of it.
                _ => {
                    self.asm.srli(t, r, Shamt::new(n));
                    self.asm.slli(r, r, Shamt::new(bits - n));
                    self.asm.or(r, r, t);
                }
            }
            self.w_store(r, inst.w, to + at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_bytes_are_found() {
        let p = |f: &dyn Fn(u8) -> u8| std::array::from_fn(|i| f(u8::try_from(i).unwrap()));
        assert_eq!(byte_order(p(&|i| i)), None);
        assert_eq!(
            byte_order(p(&|i| i ^ 3)),
            Some((Width::W32, Order::Reversed))
        );
        assert_eq!(
            byte_order(p(&|i| i & 12 | (i + 3) & 3)),
            Some((Width::W32, Order::Rotated(24)))
        );
        assert_eq!(
            byte_order(p(&|i| i & 8 | (i + 5) & 7)),
            Some((Width::W64, Order::Rotated(40)))
        );
        assert_eq!(byte_order(p(&|i| 15 - i)), None);
        assert_eq!(byte_order([0x80; 16]), None);
    }
}
