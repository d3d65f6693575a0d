//! Atomic read-modify-writes of aligned operands: an instruction, or a loop of LR and SC.
//!
//! What else there is (operands that are not aligned, bytes and half-words on hosts without Zabha, NEG) is done
//! out of line by `interp::atomic`, which is atomic to this: it works on aligned words by the same
//! instructions, and takes its lock only for operands that lie in two of them.
//!
//! Everything is `.aqrl`: LOCK orders what is before it and what is after it, stores and later loads too. Of a loop
//! the SC is, and the LR acquires: so neither what follows comes before the store, nor what precedes after
//! the load. Invariant: until nothing can fault any more, only temporaries are written.

use super::regs::{Form, Loc};
use super::{Lowerer, What, abi};
use crate::ir::{Inst, Op, RmwOp, Value};
use crate::rv64::{Feature, Imm12, Ordering, Xreg};
use crate::x86::Width;

const ALL: Ordering = Ordering::AqRl;

impl Lowerer<'_> {
    /// Lowers `rmw` and `cas`.
    pub(super) fn atomic(&mut self, v: Value, inst: &Inst) {
        let done = match inst.op {
            Op::Rmw => self.rmw(v, inst),
            _ => self.cas(v, inst),
        };
        if !done {
            self.evaluate(v, inst);
        }
    }

    fn small(&self, w: Width) -> bool {
        matches!(w, Width::W8 | Width::W16)
    }

    fn rmw(&mut self, v: Value, inst: &Inst) -> bool {
        let w = inst.w;
        let op = match RmwOp::from_aux(inst.aux) {
            Some(op) if op != RmwOp::Neg => op,
            _ => return false,
        };
        if self.small(w) && !self.has(Feature::Zabha) {
            return false;
        }
        let a = self.exact(inst.args[0]);
        let b = self.low(inst.args[1], w);
        let old = self.temp();
        let misaligned = self.unless_aligned(inst, a, &[a, b], old);
        let (op, b) = match op {
            RmwOp::Sub => {
                self.asm.sub(abi::SCRATCH, Xreg::ZERO, b);
                (RmwOp::Add, abi::SCRATCH)
            }
            RmwOp::Not => {
                self.asm.addi(abi::SCRATCH, Xreg::ZERO, Imm12::of(-1));
                (RmwOp::Xor, abi::SCRATCH)
            }
            op => (op, b),
        };
        self.written_at(inst, a);
        let asm = &mut self.asm;
        match (op, w) {
            (RmwOp::Add, Width::W8) => asm.amoadd_b(old, b, a, ALL),
            (RmwOp::Add, Width::W16) => asm.amoadd_h(old, b, a, ALL),
            (RmwOp::Add, Width::W32) => asm.amoadd_w(old, b, a, ALL),
            (RmwOp::Add, Width::W64) => asm.amoadd_d(old, b, a, ALL),
            (RmwOp::And, Width::W8) => asm.amoand_b(old, b, a, ALL),
            (RmwOp::And, Width::W16) => asm.amoand_h(old, b, a, ALL),
            (RmwOp::And, Width::W32) => asm.amoand_w(old, b, a, ALL),
            (RmwOp::And, Width::W64) => asm.amoand_d(old, b, a, ALL),
            (RmwOp::Or, Width::W8) => asm.amoor_b(old, b, a, ALL),
            (RmwOp::Or, Width::W16) => asm.amoor_h(old, b, a, ALL),
            (RmwOp::Or, Width::W32) => asm.amoor_w(old, b, a, ALL),
            (RmwOp::Or, Width::W64) => asm.amoor_d(old, b, a, ALL),
            (RmwOp::Xor, Width::W8) => asm.amoxor_b(old, b, a, ALL),
            (RmwOp::Xor, Width::W16) => asm.amoxor_h(old, b, a, ALL),
            (RmwOp::Xor, Width::W32) => asm.amoxor_w(old, b, a, ALL),
            (RmwOp::Xor, Width::W64) => asm.amoxor_d(old, b, a, ALL),
            (_, Width::W8) => asm.amoswap_b(old, b, a, ALL),
            (_, Width::W16) => asm.amoswap_h(old, b, a, ALL),
            (_, Width::W32) => asm.amoswap_w(old, b, a, ALL),
            (_, Width::W64) => asm.amoswap_d(old, b, a, ALL),
        }
        self.found(v, w, old, misaligned);
        true
    }

    fn cas(&mut self, v: Value, inst: &Inst) -> bool {
        let w = inst.w;
        let native = self.has(Feature::Zacas) && (!self.small(w) || self.has(Feature::Zabha));
        if self.small(w) && !native {
            return false;
        }
        let a = self.exact(inst.args[0]);
        // LR extends the sign of what it loads.
        let expected = match native {
            true => self.low(inst.args[1], w),
            false => self.sext(inst.args[1], w),
        };
        let new = self.low(inst.args[2], w);
        let old = self.temp();
        let misaligned = self.unless_aligned(inst, a, &[a, expected, new], old);
        if native {
            self.asm.mv(old, expected);
            self.written_at(inst, a);
            match w {
                Width::W8 => self.asm.amocas_b(old, new, a, ALL),
                Width::W16 => self.asm.amocas_h(old, new, a, ALL),
                Width::W32 => self.asm.amocas_w(old, new, a, ALL),
                Width::W64 => self.asm.amocas_d(old, new, a, ALL),
            }
        } else {
            let (again, other) = (self.asm.label(), self.asm.label());
            self.asm.bind(again);
            self.written_at(inst, a);
            match w {
                Width::W32 => self.asm.lr_w(old, a, Ordering::Aq),
                _ => self.asm.lr_d(old, a, Ordering::Aq),
            }
            // What differs is stored again: x86 always writes.
            self.asm.mv(abi::SCRATCH, old);
            self.asm.bne_to(old, expected, other);
            self.asm.mv(abi::SCRATCH, new);
            self.asm.bind(other);
            self.written_at(inst, a);
            match w {
                Width::W32 => self.asm.sc_w(abi::SCRATCH, abi::SCRATCH, a, ALL),
                _ => self.asm.sc_d(abi::SCRATCH, abi::SCRATCH, a, ALL),
            }
            self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, again);
        }
        self.found(v, w, old, misaligned);
        true
    }

    /// The next instruction writes at `a`.
    fn written_at(&mut self, inst: &Inst, a: Xreg) {
        self.point(What::Access {
            base: a.num(),
            disp: 0,
            write: true,
            stack: inst.imm & 2 != 0,
            before: 0,
        });
    }

    /// Goes out of line unless `a` is aligned; false if it always is.
    fn unless_aligned(&mut self, inst: &Inst, a: Xreg, args: &[Xreg], old: Xreg) -> bool {
        if inst.w == Width::W8 {
            return false;
        }
        let slow = self.out_of_line_access(inst, args, old);
        let mask = Imm12::of(inst.w.bytes().cast_signed() - 1);
        self.asm.andi(abi::SCRATCH, a, mask);
        self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, slow);
        true
    }

    /// `v` is what register `old` has, with its sign extended.
    fn found(&mut self, v: Value, w: Width, old: Xreg, misaligned: bool) {
        if misaligned {
            self.join_line();
        }
        self.args_done();
        let form = match w {
            Width::W64 => Form::Exact,
            _ => Form::Sext(w),
        };
        self.place(v, Loc::Temp(old), form);
    }
}
