//! Vector instructions. XMM and YMM registers are where `abi` says.
//!
//! On hosts without V only moves have code here. `v0` to `v8` hold nothing between instructions. Where YMM
//! registers are resident, what works on each lane by itself is done on 256 bits at once.

use super::{Baseline, SCRATCH, X, Y, off};
use crate::lift::quick::{Address, Kind, Len, Packed, Quick};
use crate::lower::abi;
use crate::rv64::{Imm12, Sew, Shamt, Simm5, Uimm5, Vm, Vreg, Vtype, Xreg};
use crate::x86::Width;
use crate::x86::state::offset;

const ALL: Vm = Vm::All;
/// Zero in its low 128 bits.
const ZERO: Vreg = abi::VZERO;
const MASK: Vreg = Vreg::new(0);
/// Temporaries of an operation.
const T: Vreg = Vreg::new(1);
const U: Vreg = Vreg::new(2);
/// A memory operand's halves.
const LOW: Vreg = Vreg::new(4);
const HIGH: Vreg = Vreg::new(5);
/// Upper halves: of a, of b, of the result.
const A: Vreg = Vreg::new(6);
const B: Vreg = Vreg::new(7);
const R: Vreg = Vreg::new(8);

const fn sew(w: Width) -> Sew {
    match w {
        Width::W8 => Sew::E8,
        Width::W16 => Sew::E16,
        Width::W32 => Sew::E32,
        Width::W64 => Sew::E64,
    }
}

/// Where the upper half of YMM register `n` is in the register file.
fn upper(n: u8) -> usize {
    offset::YMM + 32 * usize::from(n) + 16
}

fn simm(v: i64) -> Simm5 {
    Simm5::new(v).expect("five bits")
}

impl Baseline {
    pub(super) fn vector(&mut self, q: &Quick) {
        let w = q.w;
        match q.kind {
            Kind::MovVector {
                d,
                s,
                len: Len::Vex256,
            } if self.wide() => self.asm.vmv1r_v(abi::xmm(d), abi::xmm(s)),
            Kind::MovVector { d, s, len } => {
                if len == Len::Vex256 {
                    self.get_words(upper(s));
                    self.put_words(upper(d), X, Y);
                }
                self.move_vector(d, s);
                self.clear_upper(d, len);
            }
            Kind::LoadVector { d, m, aligned, len } => self.load_vector(d, m, aligned, len),
            Kind::StoreVector { s, m, aligned, len } => self.store_vector(s, m, aligned, len),
            Kind::ZeroVector { d, len } if self.wide() => {
                if len == Len::Legacy {
                    self.copy_vector(abi::xmm(d), ZERO);
                } else {
                    self.asm.vmv1r_v(abi::xmm(d), ZERO);
                }
            }
            Kind::ZeroVector { d, len } => {
                if self.resident() {
                    self.asm.vmv1r_v(abi::xmm(d), ZERO);
                } else {
                    self.put_words(upper(d) - 16, Xreg::ZERO, Xreg::ZERO);
                }
                if len != Len::Legacy {
                    self.put_words(upper(d), Xreg::ZERO, Xreg::ZERO);
                }
            }
            Kind::Packed {
                op,
                d,
                a,
                b,
                n,
                len,
            } => {
                if len == Len::Vex256 && !self.at_once(op) {
                    self.load_upper(B, b);
                }
                self.operate(op, w, [d, a], [abi::xmm(b), B], n, len);
            }
            Kind::PackedLoad {
                op,
                d,
                a,
                n,
                len,
                m,
            } => {
                self.load_operand(m, len == Len::Legacy, len, self.at_once(op));
                self.operate(op, w, [d, a], [LOW, HIGH], n, len);
            }
            Kind::LoadLow { d, m, len } => {
                let at = self.address(m);
                self.load(X, w, at);
                self.set_low(d, X, len);
            }
            Kind::LoadHalf { d, m, high } => {
                let at = self.address(m);
                self.load(X, Width::W64, at);
                self.lanes(Width::W64);
                if high {
                    self.asm.vmv_s_x(T, X);
                    self.asm.vslideup_vi(abi::xmm(d), T, Uimm5::new(1), ALL);
                } else {
                    self.asm.vmv_s_x(abi::xmm(d), X);
                }
            }
            Kind::StoreHalf { s, m, high } => {
                let at = self.address(m);
                let mut from = abi::xmm(s);
                self.lanes(Width::W64);
                if high {
                    self.asm.vslidedown_vi(T, from, Uimm5::new(1), ALL);
                    from = T;
                }
                self.asm.vmv_x_s(X, from);
                self.store(X, w, at);
            }
            Kind::FromGpr { d, s, len } => {
                self.zext(X, super::g(s), w);
                self.set_low(d, X, len);
            }
            Kind::ToGpr { d, s } => {
                self.flags.changed(super::g(d));
                self.lanes(Width::W64);
                self.asm.vmv_x_s(super::g(d), abi::xmm(s));
                self.zext(super::g(d), super::g(d), w);
            }
            Kind::MoveMask { d, s, len } => {
                let d = super::g(d);
                self.flags.changed(d);
                if len == Len::Vex256 && self.wide() {
                    return self.wide_mask(d, abi::xmm(s), w);
                }
                let lanes = 16 / w.bytes();
                if len == Len::Vex256 {
                    self.load_upper(A, s);
                    self.mask(Y, A, w);
                }
                self.mask(d, abi::xmm(s), w);
                if len == Len::Vex256 {
                    self.asm.slli(Y, Y, Shamt::new(lanes));
                    self.asm.or(d, d, Y);
                }
            }
            Kind::ZeroUpper if self.wide() => {
                crate::lower::vector::clear_uppers(&mut self.asm, self.isa);
                self.vtype = None;
            }
            Kind::ZeroUpper => {
                (0..16).for_each(|n| self.put_words(upper(n), Xreg::ZERO, Xreg::ZERO));
            }
            _ => {}
        }
    }

    /// Makes vector instructions work on `n` lanes of `w`, in a register or, with -1, half a one.
    fn vtype(&mut self, w: Width, lmul: i8, n: u8) {
        let vtype = Vtype {
            lmul,
            ..Vtype::m1(sew(w))
        };
        if self.vtype.replace((vtype, n)) == Some((vtype, n)) {
            return;
        }
        if n < 32 {
            self.asm.vsetivli(Xreg::ZERO, Uimm5::new(n.into()), vtype);
        } else {
            self.asm.li(SCRATCH, n.into());
            self.asm.vsetvli(Xreg::ZERO, SCRATCH, vtype);
        }
    }

    /// On the lanes of an XMM register.
    fn lanes(&mut self, w: Width) {
        let n = if self.both { 32 } else { 16 };
        self.vtype(w, 0, n >> w as u8);
    }

    /// Whether YMM registers are resident.
    fn wide(&self) -> bool {
        abi::ymm_resident(self.isa)
    }

    /// Whether both halves of 256 bits are done by one operation.
    fn at_once(&self, op: Packed) -> bool {
        let by_lanes = matches!(
            op,
            Packed::And
                | Packed::AndNot
                | Packed::Or
                | Packed::Xor
                | Packed::Add
                | Packed::Sub
                | Packed::MinU
                | Packed::MaxU
                | Packed::MinS
                | Packed::MaxS
                | Packed::Equal
                | Packed::Greater
                | Packed::Shl
                | Packed::Shr
                | Packed::Sar
                | Packed::Broadcast
        );
        by_lanes && self.wide()
    }

    /// d = s, of which XMM registers keep what is above them.
    fn copy_vector(&mut self, d: Vreg, s: Vreg) {
        if d.num() < 16 || !self.wide() {
            return self.asm.vmv1r_v(d, s);
        }
        let whole = |(t, n): (Vtype, u8)| t.lmul == 0 && u64::from(n) << (t.sew.bits() + 3) == 128;
        if self.both || !self.vtype.is_some_and(whole) {
            self.lanes(Width::W64);
        }
        self.asm.vmv_v_v(d, s);
    }

    pub(super) fn resident(&self) -> bool {
        abi::xmm_resident(self.isa)
    }

    /// Copies to the words at `at` of the register file.
    fn put_words(&mut self, at: usize, low: Xreg, high: Xreg) {
        self.asm.sd(low, off(at), abi::STATE);
        self.asm.sd(high, off(at + 8), abi::STATE);
    }

    /// `X` and `Y` = the words at `at` of the register file.
    fn get_words(&mut self, at: usize) {
        self.asm.ld(X, off(at), abi::STATE);
        self.asm.ld(Y, off(at + 8), abi::STATE);
    }

    /// The upper half of `d` becomes zero, with VEX and 128 bits.
    fn clear_upper(&mut self, d: u8, len: Len) {
        if len == Len::Vex128 && self.wide() {
            self.vtype(Width::W64, 0, 4);
            let high = Uimm5::new(2);
            self.asm.vslideup_vi(abi::xmm(d), ZERO, high, ALL);
        } else if len == Len::Vex128 {
            self.put_words(upper(d), Xreg::ZERO, Xreg::ZERO);
        }
    }

    /// `v` = the upper half of YMM register `n`.
    fn load_upper(&mut self, v: Vreg, n: u8) {
        if self.wide() {
            self.lanes(Width::W64);
            return self.asm.vslidedown_vi(v, abi::xmm(n), Uimm5::new(2), ALL);
        }
        self.asm.addi(SCRATCH, abi::STATE, off(upper(n)));
        self.lanes(Width::W8);
        self.asm.vle8_v(v, SCRATCH, ALL);
    }

    fn store_upper(&mut self, n: u8, v: Vreg) {
        if self.wide() {
            self.vtype(Width::W64, 0, 4);
            return self.asm.vslideup_vi(abi::xmm(n), v, Uimm5::new(2), ALL);
        }
        self.asm.addi(SCRATCH, abi::STATE, off(upper(n)));
        self.lanes(Width::W8);
        self.asm.vse8_v(v, SCRATCH, ALL);
    }

    /// d = the word in `x`, zeros above.
    fn set_low(&mut self, d: u8, x: Xreg, len: Len) {
        if len == Len::Legacy {
            self.copy_vector(abi::xmm(d), ZERO);
        } else {
            self.asm.vmv1r_v(abi::xmm(d), ZERO);
        }
        self.lanes(Width::W64);
        self.asm.vmv_s_x(abi::xmm(d), x);
        if !self.wide() {
            self.clear_upper(d, len);
        }
    }

    /// d = the signs of `v`'s lanes.
    fn mask(&mut self, d: Xreg, v: Vreg, w: Width) {
        self.lanes(w);
        self.asm.vmslt_vx(MASK, v, Xreg::ZERO, ALL);
        if w == Width::W8 {
            self.lanes(Width::W16);
        }
        self.asm.vmv_x_s(d, MASK);
        // Beyond vl a mask's bits are anything.
        if w == Width::W8 {
            self.zext(d, d, Width::W16);
        } else {
            self.asm.andi(d, d, Imm12::of((1 << (16 >> w as u8)) - 1));
        }
    }

    /// d = the signs of all of YMM register `v`'s lanes.
    fn wide_mask(&mut self, d: Xreg, v: Vreg, w: Width) {
        self.vtype(w, 0, 32 >> w as u8);
        self.asm.vmslt_vx(MASK, v, Xreg::ZERO, ALL);
        self.lanes(Width::W32);
        self.asm.vmv_x_s(d, MASK);
        // Beyond vl a mask's bits are anything.
        match w {
            Width::W8 => self.zext(d, d, Width::W32),
            _ => self.asm.andi(d, d, Imm12::of((1 << (32 >> w as u8)) - 1)),
        }
    }

    /// d = a `op` b, for both halves with 256 bits.
    fn operate(
        &mut self,
        op: Packed,
        w: Width,
        [d, a]: [u8; 2],
        [low, high]: [Vreg; 2],
        n: u8,
        len: Len,
    ) {
        if len == Len::Vex256 && self.at_once(op) {
            self.both = true;
            self.packed(op, w, abi::xmm(d), abi::xmm(a), low, n);
            self.both = false;
            return;
        }
        // The upper half first: the lower one may change its operands' registers.
        if len == Len::Vex256 && op != Packed::Broadcast {
            self.load_upper(A, a);
            self.packed(op, w, R, A, high, n);
            self.store_upper(d, R);
        }
        self.packed(op, w, abi::xmm(d), abi::xmm(a), low, n);
        if len == Len::Vex256 && op == Packed::Broadcast {
            self.store_upper(d, abi::xmm(d));
        }
        self.clear_upper(d, len);
    }

    /// d = a `op` b; `d` may be one of them, which are none of the temporaries.
    #[allow(clippy::too_many_lines)] // One arm an operation.
    fn packed(&mut self, op: Packed, w: Width, d: Vreg, a: Vreg, b: Vreg, n: u8) {
        let bits = u64::from(w.bits());
        let n = u64::from(n);
        match op {
            Packed::And
            | Packed::AndNot
            | Packed::Or
            | Packed::Xor
            | Packed::Add
            | Packed::Sub
            | Packed::MinU
            | Packed::MaxU
            | Packed::MinS
            | Packed::MaxS => {
                self.lanes(w);
                let asm = &mut self.asm;
                match op {
                    Packed::And => asm.vand_vv(d, a, b, ALL),
                    Packed::AndNot => {
                        asm.vxor_vi(T, a, simm(-1), ALL);
                        asm.vand_vv(d, T, b, ALL);
                    }
                    Packed::Or => asm.vor_vv(d, a, b, ALL),
                    Packed::Xor => asm.vxor_vv(d, a, b, ALL),
                    Packed::Add => asm.vadd_vv(d, a, b, ALL),
                    Packed::Sub => asm.vsub_vv(d, a, b, ALL),
                    Packed::MinU => asm.vminu_vv(d, a, b, ALL),
                    Packed::MaxU => asm.vmaxu_vv(d, a, b, ALL),
                    Packed::MinS => asm.vmin_vv(d, a, b, ALL),
                    _ => asm.vmax_vv(d, a, b, ALL),
                }
            }
            Packed::Equal | Packed::Greater => {
                self.lanes(w);
                if op == Packed::Equal {
                    self.asm.vmseq_vv(MASK, a, b, ALL);
                } else {
                    self.asm.vmslt_vv(MASK, b, a, ALL);
                }
                self.asm.vmerge_vim(d, ZERO, simm(-1));
            }
            Packed::UnpackLow | Packed::UnpackHigh => {
                let high = op == Packed::UnpackHigh;
                if w == Width::W64 {
                    return self.unpack_words(high, d, a, b);
                }
                let half = 8 >> w as u8;
                let (mut x, mut y) = (a, b);
                if high {
                    self.lanes(w);
                    (x, y) = (U, MASK);
                    self.asm.vslidedown_vi(x, a, Uimm5::new(half.into()), ALL);
                    self.asm.vslidedown_vi(y, b, Uimm5::new(half.into()), ALL);
                }
                // As `Lowerer::interleave`.
                self.vtype(w, -1, half);
                self.asm.vwaddu_vv(T, x, y, ALL);
                self.asm.li(SCRATCH, u64::MAX);
                self.asm.vwmaccu_vx(T, SCRATCH, y, ALL);
                self.copy_vector(d, T);
            }
            Packed::BytesUp if n < 16 => {
                self.lanes(Width::W8);
                self.asm.vmv1r_v(T, ZERO);
                self.asm.vslideup_vi(T, a, Uimm5::new(n), ALL);
                self.copy_vector(d, T);
            }
            Packed::BytesDown if n < 16 => self.bytes_down(d, a, n),
            Packed::BytesUp | Packed::BytesDown => self.copy_vector(d, ZERO),
            Packed::Shl | Packed::Shr if n >= bits => self.copy_vector(d, ZERO),
            Packed::Shl | Packed::Shr | Packed::Sar => {
                self.lanes(w);
                self.asm.li(SCRATCH, n.min(bits - 1));
                match op {
                    Packed::Shl => self.asm.vsll_vx(d, a, SCRATCH, ALL),
                    Packed::Shr => self.asm.vsrl_vx(d, a, SCRATCH, ALL),
                    _ => self.asm.vsra_vx(d, a, SCRATCH, ALL),
                }
            }
            Packed::Shuffle => {
                // Four lane numbers of 16 bits.
                let numbers = (0..4).fold(0, |r, i| r | (n >> (2 * i) & 3) << (16 * i));
                self.asm.li(SCRATCH, numbers);
                self.lanes(Width::W64);
                self.asm.vmv_s_x(U, SCRATCH);
                self.lanes(Width::W32);
                self.asm.vrgatherei16_vv(T, b, U, ALL);
                self.copy_vector(d, T);
            }
            Packed::Align => match n {
                0 => self.copy_vector(d, b),
                1..16 => {
                    self.lanes(Width::W8);
                    self.asm.vslidedown_vi(T, b, Uimm5::new(n), ALL);
                    self.asm.vslideup_vi(T, a, Uimm5::new(16 - n), ALL);
                    self.copy_vector(d, T);
                }
                16..32 => self.bytes_down(d, a, n - 16),
                _ => self.copy_vector(d, ZERO),
            },
            Packed::Permute => {
                self.lanes(Width::W8);
                self.asm.addi(SCRATCH, Xreg::ZERO, Imm12::of(0x8f));
                self.asm.vand_vx(U, b, SCRATCH, ALL);
                // 0 for what is beyond the register, which negative numbers are.
                self.asm.vrgather_vv(T, a, U, ALL);
                self.copy_vector(d, T);
            }
            Packed::Low => {
                self.lanes(w);
                self.asm.vmv_x_s(SCRATCH, b);
                if d != a {
                    self.copy_vector(d, a);
                    self.lanes(w);
                }
                self.asm.vmv_s_x(d, SCRATCH);
            }
            Packed::LowOnly => {
                self.lanes(w);
                self.asm.vmv_x_s(SCRATCH, b);
                self.copy_vector(d, ZERO);
                self.lanes(w);
                self.asm.vmv_s_x(d, SCRATCH);
            }
            Packed::Broadcast => {
                self.lanes(w);
                self.asm.vmv_x_s(SCRATCH, b);
                self.asm.vmv_v_x(d, SCRATCH);
            }
        }
    }

    /// Less than 16.
    fn bytes_down(&mut self, d: Vreg, a: Vreg, n: u64) {
        self.asm.vmv1r_v(T, ZERO);
        // What lies beyond the 16 bytes must not come down.
        self.vtype(Width::W8, 0, u8::try_from(16 - n).unwrap_or(16));
        self.asm.vslidedown_vi(T, a, Uimm5::new(n), ALL);
        self.copy_vector(d, T);
    }

    /// d = the low halves of a and b, or the high ones.
    fn unpack_words(&mut self, high: bool, d: Vreg, a: Vreg, b: Vreg) {
        self.lanes(Width::W64);
        if high {
            self.asm.vslidedown_vi(T, a, Uimm5::new(1), ALL);
            self.asm.vmv_x_s(SCRATCH, T);
            if d != b {
                self.copy_vector(d, b);
            }
            self.asm.vmv_s_x(d, SCRATCH);
        } else {
            self.asm.vmv1r_v(T, a);
            self.asm.vslideup_vi(T, b, Uimm5::new(1), ALL);
            self.copy_vector(d, T);
        }
    }

    fn move_vector(&mut self, d: u8, s: u8) {
        if self.resident() {
            self.copy_vector(abi::xmm(d), abi::xmm(s));
        } else {
            self.get_words(upper(s) - 16);
            self.put_words(upper(d) - 16, X, Y);
        }
    }

    /// Leaves for evaluation if the address in `at` is not aligned.
    fn check_aligned(&mut self, at: Xreg, len: Len) {
        let stub = self.evaluate();
        let low = i64::try_from(len.bytes() - 1).unwrap_or(31);
        self.asm.andi(SCRATCH, at, Imm12::of(low));
        self.asm.bne_to(SCRATCH, Xreg::ZERO, stub);
    }

    /// `LOW` and `HIGH` = the memory operand; or `LOW` all of it.
    fn load_operand(&mut self, m: Address, aligned: bool, len: Len, at_once: bool) {
        let at = self.plain_address(m);
        if aligned {
            self.check_aligned(at, len);
        }
        if at_once && len == Len::Vex256 {
            if self.isa.vlen() == 256 {
                self.asm.vl1re8_v(LOW, at);
            } else {
                self.vtype(Width::W8, 0, 32);
                self.asm.vle8_v(LOW, at, ALL);
            }
            return self.loaded();
        }
        self.lanes(Width::W8);
        self.asm.vle8_v(LOW, at, ALL);
        if len == Len::Vex256 {
            self.asm.addi(SCRATCH, at, Imm12::of(16));
            self.asm.vle8_v(HIGH, SCRATCH, ALL);
        }
        self.loaded();
    }

    fn load_vector(&mut self, d: u8, m: Address, aligned: bool, len: Len) {
        if self.resident() && len == Len::Vex256 {
            self.load_operand(m, aligned, len, self.wide());
            self.asm.vmv1r_v(abi::xmm(d), LOW);
            if self.wide() {
                return;
            }
            return self.store_upper(d, HIGH);
        }
        let at = self.plain_address(m);
        if aligned {
            self.check_aligned(at, len);
        }
        if self.resident() {
            // A fault may come after some bytes.
            let to = if aligned { abi::xmm(d) } else { LOW };
            self.lanes(Width::W8);
            self.asm.vle8_v(to, at, ALL);
            self.loaded();
            if !aligned {
                self.copy_vector(abi::xmm(d), LOW);
            }
            return self.clear_upper(d, len);
        }
        self.asm.ld(X, Imm12::ZERO, at);
        self.asm.ld(Y, Imm12::of(8), at);
        if len == Len::Vex256 {
            self.asm.ld(super::Z, Imm12::of(16), at);
            self.asm.ld(SCRATCH, Imm12::of(24), at);
            self.put_words(upper(d), super::Z, SCRATCH);
        }
        self.loaded();
        self.put_words(upper(d) - 16, X, Y);
        self.clear_upper(d, len);
    }

    fn store_vector(&mut self, s: u8, m: Address, aligned: bool, len: Len) {
        let at = self.plain_address(m);
        if aligned {
            self.check_aligned(at, len);
        } else {
            // Over two pages one part could be stored before the other faults.
            let stub = self.evaluate();
            let last = i64::try_from(len.bytes() - 1).unwrap_or(31);
            self.asm.addi(SCRATCH, at, Imm12::of(last));
            self.asm.xor(SCRATCH, SCRATCH, at);
            self.asm.srli(SCRATCH, SCRATCH, Shamt::new(12));
            self.asm.bne_to(SCRATCH, Xreg::ZERO, stub);
        }
        let wide = len == Len::Vex256;
        if wide && self.wide() {
            if self.isa.vlen() != 256 {
                self.vtype(Width::W8, 0, 32);
            }
            self.storing();
            if self.isa.vlen() == 256 {
                self.asm.vs1r_v(abi::xmm(s), at);
            } else {
                self.asm.vse8_v(abi::xmm(s), at, ALL);
            }
            return;
        }
        if self.resident() {
            self.lanes(Width::W8);
            self.storing();
            self.asm.vse8_v(abi::xmm(s), at, ALL);
        } else {
            self.get_words(upper(s) - 16);
            self.storing();
            self.asm.sd(X, Imm12::ZERO, at);
            self.asm.sd(Y, Imm12::of(8), at);
        }
        if wide {
            self.get_words(upper(s));
            self.asm.sd(X, Imm12::of(16), at);
            self.asm.sd(Y, Imm12::of(24), at);
        }
    }
}
