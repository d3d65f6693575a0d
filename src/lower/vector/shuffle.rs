//! Byte shuffles on hosts with V: slides, interleavings and merges where the pattern is one, gathers by
//! a constant otherwise.

use super::crypto::{byte_order, has_zvkb};
use super::packed::simm;
use super::{Lowerer, abi, sew};
use crate::ir::{Inst, Value};
use crate::rv64::{Imm12, Uimm5, Vm, Vreg, Xreg};
use crate::x86::Width;

const ALL: Vm = Vm::All;
/// In a pattern: a zero byte.
const ZERO: u8 = 0x80;

impl Lowerer<'_> {
    pub(super) fn shuffle(&mut self, v: Value, inst: &Inst) -> bool {
        let pool = usize::try_from(inst.imm)
            .ok()
            .and_then(|n| self.region.pool.get(n).copied());
        let Some(mut p) = pool else { return false };
        // A gather gives 0 for an index the register has no element for: 255 must be one.
        if self.isa.vlen() > 1024 {
            return false;
        }
        let (a, b) = (self.v(inst.args[0]), self.v(inst.args[1]));
        for s in &mut p {
            *s = match *s {
                16..32 if a == b => *s - 16,
                0..32 => *s,
                _ => ZERO,
            };
        }
        if p.iter().all(|s| matches!(s, 16..32 | 0x80)) {
            let p = p.map(|s| if s == ZERO { s } else { s - 16 });
            return self.shuffle_one(v, b, p);
        }
        if p.iter().all(|s| matches!(s, 0..16 | 0x80)) {
            return self.shuffle_one(v, a, p);
        }
        if let Some((w, high)) = interleaving(p) {
            self.interleave(v, a, b, w, high);
        } else if let Some((low, high)) = halves(p) {
            self.join_halves(v, [a, b], low, high);
        } else if let Some((w, mask)) = blend(p) {
            self.args_done();
            let d = self.vdef(v);
            self.full(w);
            self.asm.li(abi::SCRATCH, mask);
            let m = self.mask();
            self.asm.vmv_s_x(m, abi::SCRATCH);
            self.asm.vmerge_vvm(d, a, b);
        } else if let Some(n) = alignment(p) {
            // PALIGNR: the end of `a`, then the beginning of `b`.
            self.args_done();
            let d = self.vdef_unless(v, &[b]);
            self.full(Width::W8);
            self.asm.vslidedown_vi(d, a, Uimm5::new(n), ALL);
            self.asm.vslideup_vi(d, b, Uimm5::new(16 - n), ALL);
        } else if let Some((w, odd)) = every_other(p) {
            self.narrow(v, [a, b], w, odd);
        } else {
            let only = |from: u8| p.map(|s| if s & 0xf0 == from { s & 15 } else { 0xff });
            let (index, s, t) = (self.vtemp(), self.vtemp(), self.vtemp());
            self.load_bytes(index, only(0));
            self.asm.vrgather_vv(s, a, index, ALL);
            self.load_bytes(index, only(16));
            self.asm.vrgather_vv(t, b, index, ALL);
            self.args_done();
            let d = self.vdef(v);
            self.asm.vor_vv(d, s, t, ALL);
        }
        true
    }

    /// PSHUFB: a gather gives 0 for an index beyond the register, which the negative ones are.
    pub(super) fn permute(&mut self, v: Value, inst: &Inst) -> bool {
        if self.isa.vlen() > 1024 {
            return false;
        }
        let (a, b) = (self.v(inst.args[0]), self.v(inst.args[1]));
        let index = self.vtemp();
        self.full(Width::W8);
        self.asm.addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(0x8f));
        self.asm.vand_vx(index, b, abi::SCRATCH, ALL);
        self.args_done();
        let d = self.vdef_unless(v, &[a]);
        self.asm.vrgather_vv(d, a, index, ALL);
        true
    }

    /// Bytes of `a` and zeros.
    fn shuffle_one(&mut self, v: Value, a: Vreg, p: [u8; 16]) -> bool {
        if let Some((n, up)) = shift(p) {
            self.shift_bytes(v, a, n, up);
            return true;
        }
        if let Some((w, lane)) = repeated(p) {
            let d = self.vdef_unless(v, &[a]);
            self.full(w);
            self.asm.vrgather_vi(d, a, Uimm5::new(lane), ALL);
            return true;
        }
        if has_zvkb(self.isa)
            && let Some(order) = byte_order(p)
        {
            self.reorder(v, a, order);
            return true;
        }
        let index = self.vtemp();
        self.load_bytes(index, p.map(|s| if s == ZERO { 0xff } else { s }));
        let d = self.vdef_unless(v, &[a]);
        self.asm.vrgather_vv(d, a, index, ALL);
        true
    }

    /// PSLLDQ and PSRLDQ.
    fn shift_bytes(&mut self, v: Value, a: Vreg, n: u64, up: bool) {
        if n == 0 {
            self.args_done();
            let d = self.vdef(v);
            if d != a {
                self.vcopy(d, a);
            }
            return;
        }
        let d = self.vdef_unless(v, &[a]);
        self.full(Width::W8);
        self.asm.vmv_v_i(d, simm(0));
        if n >= 16 {
            return;
        }
        if up {
            self.asm.vslideup_vi(d, a, Uimm5::new(n), ALL);
        } else {
            // Elements beyond the 16 bytes must not come down.
            self.vtype(sew(Width::W8), 0, 16 - n);
            self.asm.vslidedown_vi(d, a, Uimm5::new(n), ALL);
        }
    }

    /// Lanes of `a` and `b` in turn, from the low or the high halves: a + (2^w - 1) * b is the pair's
    /// sum a + 2^w * b once a + b is added, in lanes of twice the width.
    fn interleave(&mut self, v: Value, a: Vreg, b: Vreg, w: Width, high: bool) {
        let n = super::lanes(w) / 2;
        let (mut x, mut y) = (a, b);
        if high {
            (x, y) = (self.vtemp(), self.vtemp());
            self.full(w);
            self.asm.vslidedown_vi(x, a, Uimm5::new(n), ALL);
            self.asm.vslidedown_vi(y, b, Uimm5::new(n), ALL);
        }
        let d = self.vdef_unless(v, &[a, b]);
        self.vtype(sew(w), -1, n);
        self.asm.vwaddu_vv(d, x, y, ALL);
        self.asm.li(abi::SCRATCH, u64::MAX);
        self.asm.vwmaccu_vx(d, abi::SCRATCH, y, ALL);
    }

    /// Every other lane of `w` of both operands.
    fn narrow(&mut self, v: Value, from: [Vreg; 2], w: Width, odd: bool) {
        let n = super::lanes(w) / 2;
        let (low, high) = (self.vtemp(), self.vtemp());
        let bits = u64::from(w.bits()) * u64::from(odd);
        if bits == 32 {
            self.asm.addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(32));
        }
        self.vtype(sew(w), -1, n);
        for (d, s) in [low, high].into_iter().zip(from) {
            if bits == 32 {
                self.asm.vnsrl_wx(d, s, abi::SCRATCH, ALL);
            } else {
                self.asm.vnsrl_wi(d, s, Uimm5::new(bits), ALL);
            }
        }
        self.full(w);
        self.asm.vslideup_vi(low, high, Uimm5::new(n), ALL);
        self.args_done();
        let d = self.vdef(v);
        self.vcopy(d, low);
    }

    /// One 64-bit half of the operands as the low half, one as the high half.
    fn join_halves(&mut self, v: Value, from: [Vreg; 2], low: u8, high: u8) {
        let (x, y) = (from[usize::from(low / 2)], from[usize::from(high / 2)]);
        let t = self.vtemp();
        // The low half into place, in a register that need not be kept.
        self.full(Width::W64);
        if low % 2 == 1 {
            self.asm.vslidedown_vi(t, x, Uimm5::new(1), ALL);
        } else {
            self.asm.vmv1r_v(t, x);
        }
        if high.is_multiple_of(2) {
            self.asm.vslideup_vi(t, y, Uimm5::new(1), ALL);
            self.args_done();
            let d = self.vdef(v);
            self.vcopy(d, t);
        } else {
            // `y` has its half in place: the low half goes into a copy of it.
            self.args_done();
            let d = self.vdef_unless(v, &[t]);
            if d != y {
                self.vcopy(d, y);
            }
            self.asm.vmv_x_s(abi::SCRATCH, t);
            self.asm.vmv_s_x(d, abi::SCRATCH);
        }
    }
}

/// If the pattern is one of a shift by bytes: how many, and whether upwards.
fn shift(p: [u8; 16]) -> Option<(u64, bool)> {
    (0..=16u8).find_map(|n| {
        let is = |up: bool| {
            (0..16u8).all(|i| {
                let from = if up {
                    i.checked_sub(n)
                } else {
                    Some(i + n).filter(|s| *s < 16)
                };
                p[usize::from(i)] == from.unwrap_or(ZERO)
            })
        };
        if is(true) {
            Some((n.into(), true))
        } else if is(false) {
            Some((n.into(), false))
        } else {
            None
        }
    })
}

/// If the pattern is one lane everywhere: its width and number.
fn repeated(p: [u8; 16]) -> Option<(Width, u64)> {
    let first = u64::from(p[0]);
    let whole = |w: &Width| {
        let n = w.bytes();
        first < 16
            && first.is_multiple_of(n)
            && (0..16).all(|i| u64::from(p[i]) == first + i as u64 % n)
    };
    let w = Width::ALL.into_iter().find(whole)?;
    Some((w, first / w.bytes()))
}

/// If the pattern interleaves lanes of the operands: their width, and whether the high halves.
fn interleaving(p: [u8; 16]) -> Option<(Width, bool)> {
    [Width::W8, Width::W16, Width::W32]
        .into_iter()
        .find_map(|w| {
            let bytes = 1u8 << w as u8;
            let is = |first: u8| {
                (0..16u8).all(|i| {
                    let (lane, byte) = (i / bytes, i % bytes);
                    let from = first + lane / 2 * bytes + byte + if lane % 2 == 1 { 16 } else { 0 };
                    p[usize::from(i)] == from
                })
            };
            if is(0) {
                Some((w, false))
            } else if is(8) {
                Some((w, true))
            } else {
                None
            }
        })
}

/// If the pattern is two 64-bit halves: their numbers among the four of the operands.
fn halves(p: [u8; 16]) -> Option<(u8, u8)> {
    let half = |at: usize| {
        let first = p[at];
        let whole = (0..8u8).all(|i| p[at + usize::from(i)] == first.wrapping_add(i));
        (first < 32 && first.is_multiple_of(8) && whole).then_some(first / 8)
    };
    Some((half(0)?, half(8)?))
}

/// If the pattern has every lane in its place, some of the first operand's and some of the second's: their
/// width of at least 16 bits, and a mask of the second's.
fn blend(p: [u8; 16]) -> Option<(Width, u64)> {
    [Width::W64, Width::W32, Width::W16]
        .into_iter()
        .find_map(|w| {
            let bytes = 1usize << w as u8;
            let mut mask = 0;
            for (i, s) in p.iter().enumerate() {
                let second = usize::from(*s) == 16 + i;
                if !second && usize::from(*s) != i {
                    return None;
                }
                if i % bytes == 0 {
                    mask |= u64::from(second) << (i / bytes);
                } else if mask >> (i / bytes) & 1 != u64::from(second) {
                    return None;
                }
            }
            Some((w, mask))
        })
}

/// If the pattern is 16 bytes in a row, some of the first operand's and some of the second's: from which
/// on.
fn alignment(p: [u8; 16]) -> Option<u64> {
    let row = (0..16u8).all(|i| p[usize::from(i)] == p[0].wrapping_add(i));
    (row && (1..16).contains(&p[0])).then_some(p[0].into())
}

/// If the pattern is every other lane of the operands: their width, and whether the odd ones.
fn every_other(p: [u8; 16]) -> Option<(Width, bool)> {
    let is = |w: Width, odd: u8| {
        let bytes = 1u8 << w as u8;
        (0..16u8).all(|i| p[usize::from(i)] == (2 * (i / bytes) + odd) * bytes + i % bytes)
    };
    [Width::W8, Width::W16, Width::W32]
        .into_iter()
        .find_map(|w| {
            if is(w, 0) {
                Some((w, false))
            } else {
                is(w, 1).then_some((w, true))
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_recognised() {
        let identity: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        assert_eq!(shift(identity), Some((0, true)));
        assert_eq!(
            shift(identity.map(|i| if i < 13 { i + 3 } else { ZERO })),
            Some((3, false))
        );
        assert_eq!(shift([ZERO; 16]), Some((16, true)));
        let unpack = std::array::from_fn(|i| u8::try_from(8 + i / 2 + 16 * (i % 2)).unwrap());
        assert_eq!(interleaving(unpack), Some((Width::W8, true)));
        assert_eq!(
            halves(identity.map(|i| if i < 8 { i + 24 } else { i })),
            Some((3, 1))
        );
        assert_eq!(halves(unpack), None);
        assert_eq!(alignment(identity.map(|i| i + 5)), Some(5));
        assert_eq!(alignment(identity), None);
        let low = identity.map(|i| if i < 4 { i + 16 } else { i });
        assert_eq!(blend(low), Some((Width::W32, 1)));
        assert_eq!(blend(identity.map(|i| i + 16 * (i & 1))), None);
        assert_eq!(
            every_other(identity.map(|i| 2 * i + 1)),
            Some((Width::W8, true))
        );
        assert_eq!(
            every_other(identity.map(|i| i / 4 * 8 + i % 4)),
            Some((Width::W32, false))
        );
    }
}
