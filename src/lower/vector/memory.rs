//! 128-bit guest memory accesses.
//!
//! `vle8`/`vse8` work at any alignment. A load that can fault after some bytes goes to a temporary first,
//! a store that crosses a page is done in halves, the upper one first: a fault leaves everything as
//! it was.

use super::{Lowerer, abi};
use crate::ir::{Inst, Op, VSTORE_ALIGNED, VSTORE_FIRST, VSTORE_SECOND, Value};
use crate::lower::regs::Loc;
use crate::lower::{Point, What};
use crate::rv64::{Imm12, Label, Ordering, Sew, Shamt, Vm, Xreg};
use crate::x86::{Trap, Width};

/// An unaligned store that may lie in two pages, to be looked at behind the hot code.
pub(super) struct Split {
    label: Label,
    back: Label,
    at: Xreg,
    /// The offset of its last byte.
    last: u8,
    /// The accesses to its first and last byte.
    points: [Point; 2],
}

/// The bytes of the store `inst` begins: the halves of one of 256 bits go together.
fn span(inst: &Inst) -> u8 {
    if inst.aux & VSTORE_FIRST != 0 { 32 } else { 16 }
}

impl Lowerer<'_> {
    /// #GP for an address that is not a multiple of 16.
    pub(super) fn check_alignment(&mut self, inst: &Inst) {
        if inst.aux & 1 == 0 {
            return;
        }
        let misaligned = |a: u64| !a.is_multiple_of(16);
        if let Some(c) = self.vals[inst.args[0].index()].konst {
            if misaligned(c.wrapping_add(inst.imm)) {
                let p = self.describe(What::Trap(Trap::GeneralProtection as u8));
                let l = self.leave(p);
                self.asm.jal_to(Xreg::ZERO, l);
            }
            return;
        }
        let (root, offset) = self.root(inst.args[0], inst.imm);
        if self.simd.aligned.contains(&(root, offset % 16)) {
            return;
        }
        self.simd.aligned.push((root, offset % 16));
        let base = self.low(inst.args[0], Width::W8);
        let tested = if misaligned(inst.imm) {
            self.asm
                .addi(abi::SCRATCH, base, Imm12::low(inst.imm.cast_signed()));
            abi::SCRATCH
        } else {
            base
        };
        let p = self.describe(What::Trap(Trap::GeneralProtection as u8));
        let l = self.leave(p);
        self.asm.andi(abi::SCRATCH, tested, Imm12::of(15));
        self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, l);
    }

    /// Address `v` + `disp` as a value and what was added to it.
    fn root(&self, v: Value, disp: u64) -> (Value, u64) {
        let inst = self.inst(v);
        let added = (inst.op == Op::Add && inst.w == Width::W64)
            .then(|| self.vals[inst.args[1].index()].konst)
            .flatten();
        match added {
            Some(c) => self.root(inst.args[0], disp.wrapping_add(c)),
            None => (v, disp),
        }
    }

    /// The address in one register, perhaps `SCRATCH`.
    pub(super) fn plain_address(&mut self, inst: &Inst) -> Xreg {
        let (base, disp) = self.address(inst.args[0], inst.imm, 16);
        if disp == Imm12::ZERO {
            return base;
        }
        self.asm.addi(abi::SCRATCH, base, disp);
        abi::SCRATCH
    }

    pub(super) fn vload(&mut self, v: Value, inst: &Inst) {
        self.check_alignment(inst);
        if !abi::xmm_resident(self.isa) {
            let (base, disp) = self.address(inst.args[0], inst.imm, 16);
            let t = self.temp();
            self.access(inst, base, disp, 0);
            self.asm.ld(t, disp, base);
            let high = Imm12::of(disp.get() + 8);
            self.access(inst, base, high, 8);
            self.asm.ld(abi::SCRATCH2, high, base);
            self.args_done();
            let to = self.mdef(v);
            self.asm.sd(t, self.off(to), abi::STATE);
            self.asm.sd(abi::SCRATCH2, self.off(to + 8), abi::STATE);
            return;
        }
        let aligned = inst.aux & 1 != 0;
        let d = if aligned {
            self.vdef(v)
        } else {
            self.vfresh(v)
        };
        let current = self.full_of(aligned);
        let at = self.plain_address(inst);
        self.access(inst, at, Imm12::ZERO, 0);
        match current {
            Sew::E8 => self.asm.vle8_v(d, at, Vm::All),
            Sew::E16 => self.asm.vle16_v(d, at, Vm::All),
            Sew::E32 => self.asm.vle32_v(d, at, Vm::All),
            Sew::E64 => self.asm.vle64_v(d, at, Vm::All),
        }
    }

    pub(super) fn vstore(&mut self, inst: &Inst) {
        if !abi::xmm_resident(self.isa) {
            let Loc::Mem(from) = self.vals[inst.args[1].index()].loc else {
                return;
            };
            self.check_alignment(inst);
            if inst.aux & (VSTORE_ALIGNED | VSTORE_SECOND) == 0 {
                let at = self.plain_address(inst);
                self.probe_split(inst, at);
                self.store_halves(inst, at, Imm12::ZERO, from);
                return;
            }
            let (base, disp) = self.address(inst.args[0], inst.imm, 16);
            self.store_halves(inst, base, disp, from);
            return;
        }
        let r = self.v(inst.args[1]);
        self.check_alignment(inst);
        let aligned = inst.aux & 1 != 0;
        let current = self.full_of(aligned);
        let at = self.plain_address(inst);
        if aligned {
            self.access(inst, at, Imm12::ZERO, 0);
            match current {
                Sew::E8 => self.asm.vse8_v(r, at, Vm::All),
                Sew::E16 => self.asm.vse16_v(r, at, Vm::All),
                Sew::E32 => self.asm.vse32_v(r, at, Vm::All),
                Sew::E64 => self.asm.vse64_v(r, at, Vm::All),
            }
            return;
        }
        if inst.aux & VSTORE_SECOND == 0 {
            self.probe_split(inst, at);
        }
        self.access(inst, at, Imm12::ZERO, 0);
        self.asm.vse8_v(r, at, Vm::All);
    }

    /// For an unaligned store of 16 or 32 bytes at `at`: if it lies in two pages, faults unless both can be
    /// written. Otherwise one half could be stored before the other faults.
    pub(super) fn probe_split(&mut self, inst: &Inst, at: Xreg) {
        let (label, back) = (self.asm.label(), self.asm.label());
        // Only in the last 16 (or 32) of 2048 bytes, where these bits are ones, may the end be in another
        // page.
        let bytes = span(inst);
        let bits = Imm12::of(0x800 - i64::from(bytes));
        self.asm.xori(abi::SCRATCH2, at, bits);
        self.asm.andi(abi::SCRATCH2, abi::SCRATCH2, bits);
        self.asm.beq_to(abi::SCRATCH2, Xreg::ZERO, label);
        self.asm.bind(back);
        let mut point = |disp: u8| {
            self.describe(What::Access {
                base: at.num(),
                disp: disp.into(),
                write: true,
                stack: inst.aux & 2 != 0,
                before: disp,
            })
        };
        let last = bytes - 1;
        let points = [point(0), point(last)];
        self.simd.splits.push(Split {
            label,
            back,
            at,
            last,
            points,
        });
    }

    /// Emits what `probe_split` leaves for behind the hot code.
    pub(in crate::lower) fn split_code(&mut self) {
        for s in std::mem::take(&mut self.simd.splits) {
            self.asm.bind(s.label);
            let last = i64::from(s.last);
            self.asm.addi(abi::SCRATCH2, s.at, Imm12::of(last));
            self.asm.xor(abi::SCRATCH2, abi::SCRATCH2, s.at);
            self.asm.srli(abi::SCRATCH2, abi::SCRATCH2, Shamt::new(12));
            self.asm.beq_to(abi::SCRATCH2, Xreg::ZERO, s.back);
            for (mut point, offset) in s.points.into_iter().zip([0, last]) {
                // An atomic OR of nothing is a store that changes nothing.
                self.asm.addi(abi::SCRATCH2, s.at, Imm12::of(offset));
                self.asm.andi(abi::SCRATCH2, abi::SCRATCH2, Imm12::of(-4));
                point.offset = u32::try_from(self.asm.offset()).expect("code is bounded");
                self.points.push(point);
                self.asm
                    .amoor_w(Xreg::ZERO, Xreg::ZERO, abi::SCRATCH2, Ordering::Relaxed);
            }
            self.asm.jal_to(Xreg::ZERO, s.back);
        }
    }

    /// Stores the two words at `from`.
    fn store_halves(&mut self, inst: &Inst, base: Xreg, disp: Imm12, from: u16) {
        let high = Imm12::of(disp.get() + 8);
        for (d, at, before) in [(disp, from, 0), (high, from + 8, 8)] {
            self.asm.ld(abi::SCRATCH2, self.off(at), abi::STATE);
            self.access(inst, base, d, before);
            self.asm.sd(abi::SCRATCH2, d, base);
        }
    }
}
