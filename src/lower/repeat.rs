//! REP MOVS and REP STOS: many elements at once.
//!
//! What is stored twice is stored the same, and nothing that is read has been written: so after a fault in
//! the middle the guest instruction begins again from its registers, which change only after all of it
//! (`What::Again`).

use super::regs::{Form, Loc};
use super::{Lowerer, What, abi};
use crate::ir::{Inst, Op, Value};
use crate::rv64::{Imm12, Label, Sew, Shamt, Vm, Vreg, Vtype, Xreg};
use crate::x86::Width;

/// Without V: so many words at once.
const WORDS: i64 = 4;
/// A group of eight vector registers.
const GROUP: Vreg = Vreg::new(0);

impl Lowerer<'_> {
    /// Lowers `rep.stos` and `rep.movs`.
    pub(super) fn repeat(&mut self, v: Value, inst: &Inst) {
        let [to, from, most] = [0, 1, 2].map(|i| self.exact(inst.args[i]));
        let n = self.temp();
        let done = self.asm.label();
        let log2 = u64::from(inst.w.bytes().trailing_zeros());
        if abi::xmm_resident(self.isa) {
            self.repeat_vector(inst, [to, from, most], n, log2);
        } else {
            self.asm.li(n, 0);
            self.asm.srli(abi::SCRATCH, most, Shamt::new(5 - log2));
            self.asm.beq_to(abi::SCRATCH, Xreg::ZERO, done);
            self.repeat_words(inst, to, from, n, done);
            self.asm.li(n, (WORDS.cast_unsigned() * 8) >> log2);
        }
        self.asm.bind(done);
        self.args_done();
        self.place(v, Loc::Temp(n), Form::Exact);
    }

    /// Goes to `no`, if fewer than `bytes` bytes lie between the operands.
    fn unless_apart(&mut self, to: Xreg, from: Xreg, bytes: Xreg, no: Label) {
        for (a, b) in [(to, from), (from, to)] {
            self.asm.sub(abi::SCRATCH, a, b);
            self.asm.bltu_to(abi::SCRATCH, bytes, no);
        }
    }

    fn repeat_vector(&mut self, inst: &Inst, [to, from, most]: [Xreg; 3], n: Xreg, log2: u64) {
        self.free_group();
        let whole = |sew| Vtype {
            sew,
            lmul: 3,
            ta: true,
            ma: true,
        };
        let sew = match inst.w {
            Width::W8 => Sew::E8,
            Width::W16 => Sew::E16,
            Width::W32 => Sew::E32,
            Width::W64 => Sew::E64,
        };
        let (none, done) = (self.asm.label(), self.asm.label());
        if inst.w != Width::W8 {
            // An element in two pages must be stored wholly or not at all.
            let mask = Imm12::of(inst.w.bytes().cast_signed() - 1);
            self.asm.andi(abi::SCRATCH, to, mask);
            self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, none);
        }
        self.asm.vsetvli(n, most, whole(sew));
        if inst.op == Op::RepStos {
            self.asm.vmv_v_x(GROUP, from);
        } else if inst.w == Width::W8 {
            self.unless_apart(to, from, n, none);
            self.point(What::Again);
            self.asm.vle8_v(GROUP, from, Vm::All);
        } else {
            // Bytes come from any address.
            self.asm.slli(abi::SCRATCH2, n, Shamt::new(log2));
            self.unless_apart(to, from, abi::SCRATCH2, none);
            self.asm.vsetvli(Xreg::ZERO, abi::SCRATCH2, whole(Sew::E8));
            self.point(What::Again);
            self.asm.vle8_v(GROUP, from, Vm::All);
            self.asm.vsetvli(Xreg::ZERO, n, whole(sew));
        }
        self.point(What::Again);
        match sew {
            Sew::E8 => self.asm.vse8_v(GROUP, to, Vm::All),
            Sew::E16 => self.asm.vse16_v(GROUP, to, Vm::All),
            Sew::E32 => self.asm.vse32_v(GROUP, to, Vm::All),
            Sew::E64 => self.asm.vse64_v(GROUP, to, Vm::All),
        }
        if inst.w == Width::W8 && inst.op == Op::RepStos {
            return;
        }
        self.asm.jal_to(Xreg::ZERO, done);
        self.asm.bind(none);
        self.asm.li(n, 0);
        self.asm.bind(done);
    }

    fn repeat_words(&mut self, inst: &Inst, to: Xreg, from: Xreg, n: Xreg, none: Label) {
        let at = |i: i64| Imm12::of(8 * i);
        if inst.op == Op::RepStos {
            let word = if inst.w == Width::W64 {
                from
            } else {
                let low = self.zext(inst.args[1], inst.w);
                self.constant(abi::SCRATCH, u64::MAX / inst.w.mask());
                self.asm.mul(abi::SCRATCH, abi::SCRATCH, low);
                abi::SCRATCH
            };
            for i in 0..WORDS {
                self.point(What::Again);
                self.asm.sd(word, at(i), to);
            }
            return;
        }
        self.asm.li(abi::SCRATCH2, 8 * WORDS.cast_unsigned());
        self.unless_apart(to, from, abi::SCRATCH2, none);
        let words = [n, abi::SCRATCH, abi::SCRATCH2, self.temp()];
        for (i, r) in (0..).zip(words) {
            self.point(What::Again);
            self.asm.ld(r, at(i), from);
        }
        for (i, r) in (0..).zip(words) {
            self.point(What::Again);
            self.asm.sd(r, at(i), to);
        }
    }
}
