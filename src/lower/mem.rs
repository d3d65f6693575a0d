//! Guest memory: guest addresses are host addresses, so an access is one instruction and the host's
//! fault is the guest's.

use super::regs::Form;
use super::{Lowerer, What, abi};
use crate::ir::{FenceKind, Inst, Op, Value};
use crate::rv64::{Imm12, Shamt, Xreg};
use crate::x86::{Trap, Width};

/// Bits of a fence's operands: device input and output, memory reads and writes.
pub(super) const READ: u32 = 2;
pub(super) const WRITE: u32 = 1;

impl Lowerer<'_> {
    /// The base register and displacement of an access at `addr` + `disp` of up to `span` bytes.
    pub(super) fn address(&mut self, addr: Value, disp: u64, span: u64) -> (Xreg, Imm12) {
        let fits =
            |d: i64| Imm12::new(d).filter(|_| Imm12::new(d + span.cast_signed() - 1).is_some());
        if let Some(c) = self.vals[addr.index()].konst {
            let at = c.wrapping_add(disp);
            if let Some(d) = fits(at.cast_signed()) {
                return (Xreg::ZERO, d);
            }
            // Several accesses near it: it is worth a register.
            if self.facts.of[addr.index()].uses > 1
                && let Some(d) = fits(disp.cast_signed())
            {
                return (self.exact(addr), d);
            }
            let low = fits(Imm12::low(at.cast_signed()).get()).unwrap_or(Imm12::ZERO);
            self.constant(abi::SCRATCH, at.wrapping_sub(low.get().cast_unsigned()));
            return (abi::SCRATCH, low);
        }
        let base = self.exact(addr);
        if let Some(d) = fits(disp.cast_signed()) {
            return (base, d);
        }
        let low = fits(Imm12::low(disp.cast_signed()).get()).unwrap_or(Imm12::ZERO);
        self.constant(abi::SCRATCH, disp.wrapping_sub(low.get().cast_unsigned()));
        self.asm.add(abi::SCRATCH, abi::SCRATCH, base);
        (abi::SCRATCH, low)
    }

    /// Marks the next instruction as `inst`'s access, or as the part of it that begins after `before`
    /// bytes.
    pub(super) fn access(&mut self, inst: &Inst, base: Xreg, disp: Imm12, before: u8) {
        // `aux` of the memory operations: 1 on a load is "will be stored to", 2 is "through SS".
        let write = match inst.op {
            Op::Store | Op::VStore => true,
            op => op == Op::Load && inst.aux & 1 != 0,
        };
        self.point(What::Access {
            base: base.num(),
            disp: disp.get(),
            write,
            stack: inst.aux & 2 != 0,
            before,
        });
    }

    /// #GP unless the value is a canonical address: bits 63:47 are all equal.
    pub(super) fn check_canonical(&mut self, inst: &Inst) {
        let v = self.exact(inst.args[0]);
        let p = self.describe(What::Trap(Trap::GeneralProtection as u8));
        let l = self.leave(p);
        self.asm.srai(abi::SCRATCH, v, Shamt::new(47));
        self.asm.srai(abi::SCRATCH2, v, Shamt::new(63));
        self.asm.bne_to(abi::SCRATCH, abi::SCRATCH2, l);
    }

    pub(super) fn load(&mut self, v: Value, inst: &Inst) {
        let (base, disp) = self.address(inst.args[0], inst.imm, 1);
        if self.simd.is_float(v) {
            let d = self.fdef(v);
            self.access(inst, base, disp, 0);
            self.fload(d, inst.w, base, disp);
            return;
        }
        if self.facts.of[v.index()].signed {
            let d = self.def(v, Form::Sext(inst.w));
            self.access(inst, base, disp, 0);
            return match inst.w {
                Width::W8 => self.asm.lb(d, disp, base),
                Width::W16 => self.asm.lh(d, disp, base),
                _ => self.asm.lw(d, disp, base),
            };
        }
        let d = self.def(v, Form::Exact);
        self.access(inst, base, disp, 0);
        match inst.w {
            Width::W8 => self.asm.lbu(d, disp, base),
            Width::W16 => self.asm.lhu(d, disp, base),
            Width::W32 => self.asm.lwu(d, disp, base),
            Width::W64 => self.asm.ld(d, disp, base),
        }
    }

    pub(super) fn store(&mut self, inst: &Inst) {
        if self.simd.is_float(inst.args[1]) {
            let data = self.f(inst.args[1]);
            let (base, disp) = self.address(inst.args[0], inst.imm, 1);
            self.access(inst, base, disp, 0);
            self.fstore(data, inst.w, base, disp);
            return;
        }
        let data = self.low(inst.args[1], inst.w);
        let (base, disp) = self.address(inst.args[0], inst.imm, 1);
        self.access(inst, base, disp, 0);
        match inst.w {
            Width::W8 => self.asm.sb(data, disp, base),
            Width::W16 => self.asm.sh(data, disp, base),
            Width::W32 => self.asm.sw(data, disp, base),
            Width::W64 => self.asm.sd(data, disp, base),
        }
    }

    pub(super) fn fence(&mut self, inst: &Inst) {
        let all = READ | WRITE;
        match FenceKind::from_aux(inst.aux) {
            Some(FenceKind::Load) => self.asm.fence(READ, all),
            Some(FenceKind::Store) => self.asm.fence(all, WRITE),
            Some(FenceKind::Full) | None => self.asm.fence(all, all),
        }
    }
}
