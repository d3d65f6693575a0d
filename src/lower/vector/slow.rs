//! The second way to do an operation: out of line, taken when its inline result cannot be used. Emitted
//! behind the hot code.

use super::{Lowerer, V0, abi};
use crate::ir::{Inst, Value};
use crate::lower::call::arg;
use crate::lower::regs::Loc;
use crate::rv64::{Freg, Label, Sew, Vreg, Xreg};
use crate::x86::Width;

/// Where the result goes.
#[derive(Clone, Copy)]
pub(super) enum Result {
    F(Freg, Width),
    V(Vreg),
    /// A register that holds sign extensions of 32 bits.
    Int32(Xreg),
    /// The register file.
    Mem(u16),
}

/// An operation to be done out of line.
pub(super) struct Slow {
    label: Label,
    back: Label,
    inst: Inst,
    args: Vec<Loc>,
    result: Result,
    /// The same operation on the upper halves.
    high: Option<Inst>,
    vtype: Option<(Sew, i8, u8)>,
}

impl Lowerer<'_> {
    /// Prepares the slow way of `inst`, whose arguments are V128 or F values where they are now; they
    /// must still be there at the branch to the label this gives. `join` binds the way back.
    pub(super) fn slow(&mut self, inst: &Inst, result: Result) -> Label {
        let (label, back) = (self.asm.label(), self.asm.label());
        let both = |i: usize| self.simd.pair.and_then(|p| p.args[i]);
        let args = inst.args().enumerate();
        let args = args
            .map(|(i, v): (usize, Value)| both(i).map_or(self.vals[v.index()].loc, Loc::V))
            .collect();
        self.simd.slow.push(Slow {
            label,
            back,
            inst: *inst,
            args,
            result,
            high: self.simd.pair.map(|p| p.high_inst),
            vtype: None,
        });
        label
    }

    /// Where the last slow way comes back.
    pub(super) fn join(&mut self) {
        let vtype = self.simd.vtype;
        if let Some(s) = self.simd.slow.last_mut() {
            s.vtype = vtype;
            let back = s.back;
            self.asm.bind(back);
        }
    }

    /// Emits the slow ways, behind the hot code.
    pub(in crate::lower) fn slow_code(&mut self) {
        let result = u16::try_from(abi::scratch(abi::slot::RESULT)).expect("small");
        for s in std::mem::take(&mut self.simd.slow) {
            self.asm.bind(s.label);
            self.simd.vtype = None;
            for (i, loc) in s.args.iter().enumerate() {
                match *loc {
                    Loc::F(r) => self.asm.fsd(r, self.off(arg(i)), abi::STATE),
                    Loc::V(r) => self.vstore_at(r, arg(i)),
                    Loc::Mem(off) => self.copy(abi::STATE, off, arg(i), 2),
                    _ => {}
                }
            }
            self.call_evaluator(&s.inst);
            match s.result {
                Result::F(r, w) => self.fload_at(r, w, result),
                Result::V(r) => self.vload_at(r, result),
                Result::Int32(r) => self.asm.lw(r, self.off(result), abi::STATE),
                Result::Mem(off) => self.copy(abi::STATE, result, off, 2),
            }
            if let (Some(high), Result::V(d)) = (s.high, s.result) {
                for (i, loc) in s.args.iter().enumerate() {
                    if let Loc::V(r) = *loc {
                        self.vdown(V0, r);
                        self.vstore_at(V0, arg(i));
                    }
                }
                self.call_evaluator(&high);
                self.vload_at(V0, result);
                self.up(d, V0);
            }
            self.restore_vtype(s.vtype);
            self.asm.jal_to(Xreg::ZERO, s.back);
        }
    }
}
