//! Pure integer operations. Each computes as many low bits as its width has, in the cheapest form the
//! host's instructions give; conversions happen where the value is read (`regs`).
//!
//! Rule for every arm: the result register may be one of the operands', so it is written by the last
//! instruction only (`ra` and `t6` take what comes before).

use super::control::Test;
use super::regs::{Form, Loc};
use super::{Lowerer, abi};
use crate::ir::eval::crc::{POLYNOMIAL, QUOTIENT};
use crate::ir::{Inst, Op, Value};
use crate::rv64::{Feature, Imm12, Shamt, Xreg};
use crate::x86::Width;

/// An upper bound for the result, as a number of bits, from the operation alone.
pub(super) fn result_bits(inst: &Inst) -> u32 {
    match inst.op {
        Op::Eq
        | Op::Ne
        | Op::LtU
        | Op::LeU
        | Op::LtS
        | Op::LeS
        | Op::CondOf
        | Op::FCmp
        | Op::Div128SOverflows => 1,
        Op::Clz | Op::Ctz | Op::Popcnt => 7,
        Op::Get
        | Op::Const
        | Op::Sext
        | Op::Deposit
        | Op::Select
        | Op::FlBits
        | Op::Call
        | Op::FComi
        | Op::VStrCmp => 64,
        Op::VMovMask => 16,
        Op::Crc32c => 32,
        Op::FCvtToI => 64,
        _ => inst.w.bits(),
    }
}

/// The form of a bitwise result: what both operands have.
fn common(w: Width, a: Form, b: Form) -> Form {
    match (a, b) {
        _ if w == Width::W64 => Form::Exact,
        (Form::Exact, Form::Exact) => Form::Exact,
        (Form::Sext(x), Form::Sext(y)) if x == w && y == w => Form::Sext(w),
        _ => Form::Low(w),
    }
}

impl Lowerer<'_> {
    fn konst(&self, v: Value) -> Option<u64> {
        self.vals[v.index()].konst
    }

    /// The constant `v` as an immediate for an operation on low `w` bits.
    fn imm(&self, v: Value, w: Width) -> Option<Imm12> {
        self.konst(v).and_then(|c| Imm12::new(w.sext(c)))
    }

    /// Lowers a pure integer operation; false if there is no inline lowering on this host.
    pub(super) fn integer(&mut self, v: Value, inst: &Inst) -> bool {
        let w = inst.w;
        match inst.op {
            Op::Add => self.add(v, inst),
            Op::Sub => self.sub(v, inst),
            Op::Mul => self.word_or_full(
                v,
                inst,
                |l, d, a, b| l.asm.mulw(d, a, b),
                |l, d, a, b| l.asm.mul(d, a, b),
            ),
            Op::MulHiU | Op::MulHiS => {
                let (a, b) = (self.exact(inst.args[0]), self.exact(inst.args[1]));
                let d = self.def(v, Form::Exact);
                if inst.op == Op::MulHiU {
                    self.asm.mulhu(d, a, b)
                } else {
                    self.asm.mulh(d, a, b)
                }
            }
            Op::DivU | Op::RemU | Op::DivS | Op::RemS => self.divide(v, inst),
            Op::Div128U | Op::Rem128U | Op::Div128S | Op::Rem128S | Op::Div128SOverflows => {
                self.divide_wide(v, inst)
            }
            Op::And | Op::Or | Op::Xor => self.bitwise(v, inst),
            Op::Shl | Op::Shr | Op::Sar => self.shift(v, inst),
            Op::Rotl | Op::Rotr => self.rotate(v, inst),
            Op::Zext => self.truncate(v, inst.args[0], w),
            Op::Sext => self.sign_extend(v, inst.args[0], w),
            Op::Deposit => self.deposit(v, inst),
            Op::Clz | Op::Ctz | Op::Popcnt => return self.count(v, inst),
            Op::Bswap => return self.bswap(v, inst),
            Op::Crc32c => return self.crc32c(v, inst),
            Op::Eq | Op::Ne | Op::LtU | Op::LeU | Op::LtS | Op::LeS => self.compare(v, inst),
            Op::Select => self.select(v, inst),
            _ => return false,
        }
        true
    }

    /// An operation with a W form: on low bits either way.
    fn word_or_full(
        &mut self,
        v: Value,
        inst: &Inst,
        word: impl Fn(&mut Self, Xreg, Xreg, Xreg),
        full: impl Fn(&mut Self, Xreg, Xreg, Xreg),
    ) {
        let w = inst.w;
        let (a, b) = (self.low(inst.args[0], w), self.low(inst.args[1], w));
        let d = self.def(v, arith_form(w));
        if w == Width::W32 {
            word(self, d, a, b)
        } else {
            full(self, d, a, b)
        }
    }

    fn add_imm(&mut self, v: Value, a: Value, i: Imm12, w: Width) {
        let a = self.low(a, w);
        let d = self.def(v, arith_form(w));
        if w == Width::W32 {
            self.asm.addiw(d, a, i)
        } else {
            self.asm.addi(d, a, i)
        }
    }

    fn add(&mut self, v: Value, inst: &Inst) {
        let [a, b, ..] = inst.args;
        let w = inst.w;
        for (x, y) in [(a, b), (b, a)] {
            if let Some(i) = self.imm(y, w) {
                return self.add_imm(v, x, i, w);
            }
            if w == Width::W64
                && self.facts.of[y.index()].deferred
                && let Some((index, scale)) = super::analysis::scaled(self.block, y)
            {
                let (i, x) = (self.exact(index), self.exact(x));
                let d = self.def(v, Form::Exact);
                match scale {
                    1 => self.asm.sh1add(d, i, x),
                    2 => self.asm.sh2add(d, i, x),
                    _ => self.asm.sh3add(d, i, x),
                }
                return;
            }
        }
        self.word_or_full(
            v,
            inst,
            |l, d, a, b| l.asm.addw(d, a, b),
            |l, d, a, b| l.asm.add(d, a, b),
        );
    }

    fn sub(&mut self, v: Value, inst: &Inst) {
        let w = inst.w;
        let negated = self
            .konst(inst.args[1])
            .and_then(|c| Imm12::new(w.sext(c).wrapping_neg()));
        if let Some(i) = negated {
            return self.add_imm(v, inst.args[0], i, w);
        }
        self.word_or_full(
            v,
            inst,
            |l, d, a, b| l.asm.subw(d, a, b),
            |l, d, a, b| l.asm.sub(d, a, b),
        );
    }

    fn divide(&mut self, v: Value, inst: &Inst) {
        let [a, b, ..] = inst.args;
        let w = inst.w;
        let word = w == Width::W32;
        let signed = matches!(inst.op, Op::DivS | Op::RemS);
        let (x, y) = match (w, signed) {
            (Width::W32, _) => (self.low(a, w), self.low(b, w)),
            (_, true) => (self.sext(a, w), self.sext(b, w)),
            (_, false) => (self.zext(a, w), self.zext(b, w)),
        };
        let form = match (w, signed) {
            (Width::W32, _) => Form::Sext(w),
            (Width::W64, _) | (_, false) => Form::Exact,
            (_, true) => Form::Low(w),
        };
        let d = self.def(v, form);
        match (inst.op, word) {
            (Op::DivU, true) => self.asm.divuw(d, x, y),
            (Op::DivU, false) => self.asm.divu(d, x, y),
            (Op::RemU, true) => self.asm.remuw(d, x, y),
            (Op::RemU, false) => self.asm.remu(d, x, y),
            (Op::DivS, true) => self.asm.divw(d, x, y),
            (Op::DivS, false) => self.asm.div(d, x, y),
            (_, true) => self.asm.remw(d, x, y),
            (_, false) => self.asm.rem(d, x, y),
        }
    }

    /// Division of 128 bits: inline if the high half is the low half's extension, as it nearly always is.
    fn divide_wide(&mut self, v: Value, inst: &Inst) {
        let [high, low, by, _] = inst
            .args
            .map(|a| if a.is_some() { a } else { inst.args[0] });
        let (h, l, c) = (self.exact(high), self.exact(low), self.exact(by));
        let d = self.def(v, Form::Exact);
        let slow = self.out_of_line(inst, &[h, l, c], d);
        if matches!(inst.op, Op::Div128U | Op::Rem128U) {
            self.asm.bne_to(h, Xreg::ZERO, slow);
        } else {
            self.asm.srai(abi::SCRATCH, l, Shamt::new(63));
            self.asm.bne_to(h, abi::SCRATCH, slow);
        }
        match inst.op {
            Op::Div128U => self.asm.divu(d, l, c),
            Op::Rem128U => self.asm.remu(d, l, c),
            Op::Div128S => self.asm.div(d, l, c),
            Op::Rem128S => self.asm.rem(d, l, c),
            _ => {
                // Divided by -1, one number overflows.
                self.asm.addi(abi::SCRATCH, c, Imm12::of(1));
                self.asm.beq_to(abi::SCRATCH, Xreg::ZERO, slow);
                self.asm.sltiu(d, c, Imm12::of(1));
            }
        }
        self.join_line();
    }

    fn bitwise(&mut self, v: Value, inst: &Inst) {
        let w = inst.w;
        let [a, b, ..] = inst.args;
        let (a, b) = if self.konst(a).is_some() {
            (b, a)
        } else {
            (a, b)
        };
        if inst.op == Op::And
            && let Some(c) = self.konst(b)
        {
            let c = w.zext(c);
            self.vals[v.index()].bits = 64 - c.leading_zeros();
            let mask = [Width::W8, Width::W16, Width::W32]
                .into_iter()
                .find(|m| m.mask() == c);
            if let Some(m) = mask {
                return self.truncate(v, a, m);
            }
        }
        if let Some(i) = self.imm(b, w) {
            let x = self.low(a, w);
            let of_a = self.form_of(a, w);
            let form = match inst.op {
                // A mask without the sign clears all that is wrong above.
                Op::And if i.get() >= 0 => Form::Exact,
                _ if i.get() >= 0 => common(w, of_a, of_a),
                _ => common(w, of_a, Form::Sext(w)),
            };
            let d = self.def(v, form);
            match inst.op {
                Op::And => self.asm.andi(d, x, i),
                Op::Or => self.asm.ori(d, x, i),
                _ => self.asm.xori(d, x, i),
            }
            return;
        }
        let (x, y) = (self.low(a, w), self.low(b, w));
        let form = match self.konst(b) {
            // How a constant was materialised is not recorded.
            Some(_) if w != Width::W64 => Form::Low(w),
            _ => common(w, self.form_of(a, w), self.form_of(b, w)),
        };
        let d = self.def(v, form);
        match inst.op {
            Op::And => self.asm.and(d, x, y),
            Op::Or => self.asm.or(d, x, y),
            _ => self.asm.xor(d, x, y),
        }
    }

    /// The form of `v` as an operand of width `w`.
    fn form_of(&self, v: Value, w: Width) -> Form {
        let val = self.vals[v.index()];
        match val.form {
            Form::Exact if val.bits > w.bits() => Form::Low(w),
            f => f,
        }
    }

    fn shift(&mut self, v: Value, inst: &Inst) {
        let w = inst.w;
        let [a, n, ..] = inst.args;
        if let Some(c) = self.konst(n) {
            return self.shift_const(v, inst.op, w, a, c & 63);
        }
        let count = self.low(n, Width::W8);
        let (x, form) = match inst.op {
            Op::Shl => (
                self.low(a, w),
                if w == Width::W64 {
                    Form::Exact
                } else {
                    Form::Low(w)
                },
            ),
            Op::Shr => (self.zext(a, w), Form::Exact),
            _ => (
                self.sext(a, w),
                if w == Width::W64 {
                    Form::Exact
                } else {
                    Form::Sext(w)
                },
            ),
        };
        let d = self.def(v, form);
        match inst.op {
            Op::Shl => self.asm.sll(d, x, count),
            Op::Shr => self.asm.srl(d, x, count),
            _ => self.asm.sra(d, x, count),
        }
    }

    fn shift_const(&mut self, v: Value, op: Op, w: Width, a: Value, n: u64) {
        let bits = u64::from(w.bits());
        if n == 0 {
            return self.truncate(v, a, w);
        }
        if n >= bits && op != Op::Sar {
            self.vals[v.index()].konst = Some(0);
            return;
        }
        let n = n.min(bits - 1);
        let sh = Shamt::new(n);
        match (op, w) {
            (Op::Shl, Width::W64 | Width::W32) => {
                let x = self.low(a, w);
                let d = self.def(v, arith_form(w));
                if w == Width::W32 {
                    self.asm.slliw(d, x, sh)
                } else {
                    self.asm.slli(d, x, sh)
                }
            }
            (Op::Shl, _) => {
                let x = self.low(a, w);
                let d = self.def(v, Form::Low(w));
                self.asm.slli(d, x, sh);
            }
            (Op::Shr, _) => {
                self.vals[v.index()].bits = u32::try_from(bits - n).unwrap_or(64);
                let exact = self.vals[a.index()].form == Form::Exact
                    && self.vals[a.index()].bits <= w.bits();
                let x = if exact { self.exact(a) } else { self.low(a, w) };
                match (exact, w) {
                    (true, _) | (_, Width::W64) => {
                        let d = self.def(v, Form::Exact);
                        self.asm.srli(d, x, sh);
                    }
                    (false, Width::W32) => {
                        // The shifted-in zero is the sign: exact.
                        let d = self.def(v, Form::Exact);
                        self.asm.srliw(d, x, sh);
                    }
                    (false, _) => {
                        let d = self.def(v, Form::Exact);
                        let up = 64 - bits;
                        self.asm.slli(abi::SCRATCH, x, Shamt::new(up));
                        self.asm.srli(d, abi::SCRATCH, Shamt::new(up + n));
                    }
                }
            }
            (_, Width::W32) => {
                let x = self.low(a, w);
                let d = self.def(v, Form::Sext(w));
                self.asm.sraiw(d, x, sh);
            }
            (_, Width::W64) => {
                let x = self.exact(a);
                let d = self.def(v, Form::Exact);
                self.asm.srai(d, x, sh);
            }
            _ => {
                let x = self.low(a, w);
                let d = self.def(v, Form::Sext(w));
                let up = 64 - bits;
                self.asm.slli(abi::SCRATCH, x, Shamt::new(up));
                self.asm.srai(d, abi::SCRATCH, Shamt::new(up + n));
            }
        }
    }

    fn rotate(&mut self, v: Value, inst: &Inst) {
        let w = inst.w;
        let bits = u64::from(w.bits());
        let [a, n, ..] = inst.args;
        let left = inst.op == Op::Rotl;
        let native = self.has(Feature::Zbb) && matches!(w, Width::W32 | Width::W64);
        if let Some(c) = self.konst(n) {
            let right = if left {
                (bits - c % bits) % bits
            } else {
                c % bits
            };
            if right == 0 {
                return self.truncate(v, a, w);
            }
            if native {
                let x = self.low(a, w);
                let d = self.def(v, arith_form(w));
                let sh = Shamt::new(right);
                if w == Width::W32 {
                    self.asm.roriw(d, x, sh)
                } else {
                    self.asm.rori(d, x, sh)
                }
                return;
            }
            let x = self.zext(a, w);
            let d = self.def(
                v,
                if w == Width::W64 {
                    Form::Exact
                } else {
                    Form::Low(w)
                },
            );
            self.asm.srli(abi::SCRATCH, x, Shamt::new(right));
            self.asm.slli(abi::SCRATCH2, x, Shamt::new(bits - right));
            self.asm.or(d, abi::SCRATCH, abi::SCRATCH2);
            return;
        }
        let count = self.low(n, Width::W8);
        if native {
            let x = self.low(a, w);
            let d = self.def(v, arith_form(w));
            match (w, left) {
                (Width::W32, true) => self.asm.rolw(d, x, count),
                (Width::W32, false) => self.asm.rorw(d, x, count),
                (_, true) => self.asm.rol(d, x, count),
                (_, false) => self.asm.ror(d, x, count),
            }
            return;
        }
        let x = self.zext(a, w);
        let d = self.def(
            v,
            if w == Width::W64 {
                Form::Exact
            } else {
                Form::Low(w)
            },
        );
        let mask = Imm12::of(w.bits().into()).get() - 1;
        self.asm.andi(abi::SCRATCH, count, Imm12::of(mask));
        // The other way by width - n: shifting the zero-extended value by the whole width gives 0.
        if left {
            self.asm.sll(abi::SCRATCH2, x, abi::SCRATCH);
        } else {
            self.asm.srl(abi::SCRATCH2, x, abi::SCRATCH);
        }
        self.asm.sub(abi::SCRATCH, Xreg::ZERO, abi::SCRATCH);
        if w != Width::W64 {
            self.asm
                .addi(abi::SCRATCH, abi::SCRATCH, Imm12::of(w.bits().into()));
        }
        if left {
            self.asm.srl(abi::SCRATCH, x, abi::SCRATCH);
        } else {
            self.asm.sll(abi::SCRATCH, x, abi::SCRATCH);
        }
        self.asm.or(d, abi::SCRATCH, abi::SCRATCH2);
    }

    /// The low `w` bits of `of`: no code, only less of it counts.
    fn truncate(&mut self, v: Value, of: Value, w: Width) {
        let val = self.vals[of.index()];
        if val.bits <= w.bits() {
            return self.alias(v, of, val.form, val.bits);
        }
        if let Some(c) = val.konst {
            self.vals[v.index()].konst = Some(w.zext(c));
            self.vals[v.index()].bits = w.bits();
            return;
        }
        // Of a value wider than `w`, whatever its form, these bits are right.
        let form = if w == Width::W64 {
            val.form
        } else {
            Form::Low(w)
        };
        let narrow = matches!(val.form, Form::Sext(k) | Form::Low(k) if k < w);
        debug_assert!(!narrow, "a value fits the width of its form");
        self.alias(v, of, form, w.bits());
    }

    fn sign_extend(&mut self, v: Value, of: Value, w: Width) {
        let val = self.vals[of.index()];
        if let Some(c) = val.konst {
            self.vals[v.index()].konst = Some(w.sext(c).cast_unsigned());
            return;
        }
        self.vals[v.index()].signed = w.bits();
        // A guest register may be made exact in place, which would change what an alias shows.
        let signed = val.form == Form::Sext(w) && !matches!(val.loc, Loc::Guest(_));
        if signed || val.form == Form::Exact && (val.bits < w.bits() || w == Width::W64) {
            // What is held already is the result.
            return self.alias(v, of, Form::Exact, 64);
        }
        let x = self.low(of, w);
        let d = self.def(v, Form::Exact);
        // Its sequences read `x` with the first instruction only.
        self.emit_sext(d, x, w);
    }

    fn deposit(&mut self, v: Value, inst: &Inst) {
        let w = inst.w;
        let [old, new, ..] = inst.args;
        let o = self.exact(old);
        let n = self.low(new, w);
        let d = self.def(v, Form::Exact);
        // old ^ ((old ^ new) & mask)
        let s = abi::SCRATCH;
        if inst.imm == 0 {
            self.asm.xor(s, o, n);
            self.emit_zext(s, s, w);
        } else {
            let at = Shamt::new(inst.imm);
            self.asm.srli(s, o, at);
            self.asm.xor(s, s, n);
            self.emit_zext(s, s, w);
            self.asm.slli(s, s, at);
        }
        self.asm.xor(d, o, s);
    }

    fn count(&mut self, v: Value, inst: &Inst) -> bool {
        if !self.has(Feature::Zbb) {
            return false;
        }
        let w = inst.w;
        let a = inst.args[0];
        match (inst.op, w) {
            (Op::Popcnt, Width::W32) | (Op::Clz | Op::Ctz, Width::W32) => {
                let x = self.low(a, w);
                let d = self.def(v, Form::Exact);
                match inst.op {
                    Op::Popcnt => self.asm.cpopw(d, x),
                    Op::Clz => self.asm.clzw(d, x),
                    _ => self.asm.ctzw(d, x),
                }
            }
            (Op::Ctz, Width::W8 | Width::W16) => {
                // A one above the width stops the count.
                let x = self.low(a, w);
                let d = self.def(v, Form::Exact);
                self.asm.lui(abi::SCRATCH, 1 << (w.bits().max(12) - 12));
                if w == Width::W8 {
                    self.asm.addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(256));
                }
                self.asm.or(abi::SCRATCH, abi::SCRATCH, x);
                self.asm.ctz(d, abi::SCRATCH);
            }
            _ => {
                let x = self.zext(a, w);
                let d = self.def(v, Form::Exact);
                match inst.op {
                    Op::Popcnt => self.asm.cpop(d, x),
                    Op::Ctz => self.asm.ctz(d, x),
                    _ if w == Width::W64 => self.asm.clz(d, x),
                    _ => {
                        self.asm.clz(abi::SCRATCH, x);
                        let extra = i64::from(w.bits()) - 64;
                        self.asm.addi(d, abi::SCRATCH, Imm12::of(extra));
                    }
                }
            }
        }
        true
    }

    fn bswap(&mut self, v: Value, inst: &Inst) -> bool {
        let w = inst.w;
        if !self.has(Feature::Zbb) {
            return false;
        }
        let x = self.low(inst.args[0], w);
        if w == Width::W64 {
            let d = self.def(v, Form::Exact);
            self.asm.rev8(d, x);
        } else {
            // Signed, so that for 32 bits it is the form W instructions give.
            let d = self.def(
                v,
                if w == Width::W32 {
                    Form::Sext(w)
                } else {
                    Form::Exact
                },
            );
            let down = Shamt::new(u64::from(64 - w.bits()));
            self.asm.rev8(abi::SCRATCH, x);
            if w == Width::W32 {
                self.asm.srai(d, abi::SCRATCH, down);
            } else {
                self.asm.srli(d, abi::SCRATCH, down);
            }
        }
        true
    }

    /// With carry-less multiplication: the remainder of 64 bits, reflected, is the low half of their
    /// quotient (`QUOTIENT`) times the polynomial.
    fn crc32c(&mut self, v: Value, inst: &Inst) -> bool {
        if !self.has(Feature::Zbc) {
            return false;
        }
        let w = inst.w;
        let [crc, data, ..] = inst.args;
        let (c, x) = if w == Width::W64 || w < Width::W32 {
            (self.zext(crc, Width::W32), self.low(data, w))
        } else {
            (self.low(crc, w), self.low(data, w))
        };
        let (s, t) = (abi::SCRATCH, abi::SCRATCH2);
        let k = self.temp();
        let d = self.def(v, Form::Exact);
        self.asm.xor(s, x, c);
        if w != Width::W64 {
            self.asm.slli(s, s, Shamt::new(u64::from(64 - w.bits())));
        }
        self.constant(k, QUOTIENT);
        self.asm.clmul(t, s, k);
        self.asm.slli(t, t, Shamt::new(1));
        self.asm.xor(t, t, s);
        self.asm.li(s, POLYNOMIAL.into());
        if w < Width::W32 {
            // What of the remainder so far is not multiplied yet.
            self.asm.clmulr(s, t, s);
            self.asm.srli(t, c, Shamt::new(w.bits().into()));
            self.asm.xor(d, s, t);
        } else {
            self.asm.clmulr(d, t, s);
        }
        true
    }

    fn compare(&mut self, v: Value, inst: &Inst) {
        let [a, b, ..] = inst.args;
        let w = inst.w;
        // a - c == 0
        if matches!(inst.op, Op::Eq | Op::Ne)
            && let Some(c) = self.konst(b)
            && w.zext(c) != 0
            && w == Width::W64
            && let Some(i) = Imm12::new(c.cast_signed().wrapping_neg())
        {
            let x = self.exact(a);
            let d = self.def(v, Form::Exact);
            self.asm.addi(abi::SCRATCH, x, i);
            self.zero_test(d, abi::SCRATCH, inst.op == Op::Eq);
            return;
        }
        if inst.op == Op::LtS
            && let Some(i) = self.imm(b, w)
        {
            let x = self.sext(a, w);
            let d = self.def(v, Form::Exact);
            self.asm.slti(d, x, i);
            return;
        }
        let (x, y) = self.compare_operands(inst);
        let d = self.def(v, Form::Exact);
        match inst.op {
            Op::Eq | Op::Ne if y == Xreg::ZERO => self.zero_test(d, x, inst.op == Op::Eq),
            Op::Eq | Op::Ne => {
                self.asm.xor(abi::SCRATCH, x, y);
                self.zero_test(d, abi::SCRATCH, inst.op == Op::Eq);
            }
            Op::LtU => self.asm.sltu(d, x, y),
            Op::LtS => self.asm.slt(d, x, y),
            _ => {
                if inst.op == Op::LeU {
                    self.asm.sltu(abi::SCRATCH, y, x);
                } else {
                    self.asm.slt(abi::SCRATCH, y, x);
                }
                self.asm.xori(d, abi::SCRATCH, Imm12::of(1));
            }
        }
    }

    /// `d` = (`x` == 0), or its opposite.
    fn zero_test(&mut self, d: Xreg, x: Xreg, zero: bool) {
        if zero {
            self.asm.sltiu(d, x, Imm12::of(1));
        } else {
            self.asm.sltu(d, Xreg::ZERO, x);
        }
    }

    fn select(&mut self, v: Value, inst: &Inst) {
        let [c, yes, no, ..] = inst.args;
        let bits = self.vals[yes.index()].bits.max(self.vals[no.index()].bits);
        let w = super::control::width_of(bits);
        // Both as they are, if that is enough to say what the result is.
        let ready = self.condition(c);
        let exact =
            |l: &Self, v: Value| l.konst(v).is_some() || l.vals[v.index()].form == Form::Exact;
        let (y, n, form) = if w == Width::W64 || exact(self, yes) && exact(self, no) {
            (self.exact(yes), self.exact(no), Form::Exact)
        } else {
            (self.low(yes, w), self.low(no, w), Form::Low(w))
        };
        self.vals[v.index()].bits = if form == Form::Exact { bits } else { w.bits() };
        if self.has(Feature::Zicond)
            && ready.0 == Test::Ne
            && ready.2 == Xreg::ZERO
            && (y == Xreg::ZERO || n == Xreg::ZERO)
        {
            let d = self.def(v, form);
            if n == Xreg::ZERO {
                self.asm.czero_eqz(d, y, ready.1);
            } else {
                self.asm.czero_nez(d, n, ready.1);
            }
            return;
        }
        let d = self.def(v, form);
        let skip = self.asm.label();
        if d == y {
            // Already right if the condition holds.
            self.branch(ready, skip);
            self.asm.mv(d, n);
            self.asm.bind(skip);
            return;
        }
        let clash = d == ready.1 || d == ready.2;
        let t = if clash && d != n { abi::SCRATCH } else { d };
        if t != n {
            self.asm.mv(t, n);
        }
        self.branch_unless(ready, skip);
        self.asm.mv(t, y);
        self.asm.bind(skip);
        if t != d {
            self.asm.mv(d, t);
        }
    }
}

/// The form arithmetic gives: the W instructions sign-extend.
const fn arith_form(w: Width) -> Form {
    match w {
        Width::W32 => Form::Sext(w),
        Width::W64 => Form::Exact,
        _ => Form::Low(w),
    }
}
