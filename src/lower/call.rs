//! Calls out of translated code: operations evaluated by Rust code, and helpers.
//!
//! A call goes through a thunk of `sys::jit` that keeps every register but `ra` and `t6`. Arguments
//! and result pass through the scratch area; a descriptor in the literal pool says what to do; `t6`
//! comes back non-zero if a fault was reported in the register file.

use super::regs::{Form, Loc};
use super::translation::op_number;
use super::{Lowerer, What, abi};
use crate::ir::{Helper, Inst, Op, Ty, Value};
use crate::rv64::{Imm12, Label, Xreg};
use crate::x86::Width;
use crate::x86::state::offset;

/// Byte offset of argument `i`.
pub(super) fn arg(i: usize) -> u16 {
    u16::try_from(abi::scratch(abi::slot::ARGS + 2 * i)).expect("small")
}

fn fixed(slot: usize) -> Imm12 {
    Imm12::of(i64::try_from(abi::scratch(slot)).expect("small"))
}

/// An integer operation done out of line where its inline code cannot do it.
pub(super) struct Detour {
    label: Label,
    back: Label,
    inst: Inst,
    args: Vec<Xreg>,
    result: Xreg,
    /// Where it goes with a fault; `None` if it has none. Then the result's sign is extended, too.
    fault: Option<Label>,
}

impl Lowerer<'_> {
    /// Prepares a second way of doing `inst`, by a call behind the hot code: a label to branch to while
    /// the arguments are still in `args` (`result` may be one of them). `join_line` is where it comes
    /// back.
    pub(super) fn out_of_line(&mut self, inst: &Inst, args: &[Xreg], result: Xreg) -> Label {
        self.detour(inst, args, result, None)
    }

    /// The same for an access to memory, whose result has its sign extended.
    pub(super) fn out_of_line_access(&mut self, inst: &Inst, args: &[Xreg], result: Xreg) -> Label {
        let p = self.describe(What::Reported);
        let fault = self.leave(p);
        self.detour(inst, args, result, Some(fault))
    }

    fn detour(&mut self, inst: &Inst, args: &[Xreg], result: Xreg, fault: Option<Label>) -> Label {
        let (label, back) = (self.asm.label(), self.asm.label());
        self.detours.push(Detour {
            label,
            back,
            inst: *inst,
            args: args.to_vec(),
            result,
            fault,
        });
        label
    }

    /// Where the last `out_of_line` comes back.
    pub(super) fn join_line(&mut self) {
        if let Some(d) = self.detours.last() {
            let back = d.back;
            self.asm.bind(back);
        }
        self.simd.forget();
    }

    /// Emits what `out_of_line` prepared, behind the hot code.
    pub(super) fn detour_code(&mut self) {
        for d in std::mem::take(&mut self.detours) {
            self.asm.bind(d.label);
            for (i, r) in d.args.iter().enumerate() {
                self.asm.sd(*r, self.off(arg(i)), abi::STATE);
            }
            self.call_evaluator(&d.inst);
            let from = self.off(result());
            if let Some(fault) = d.fault {
                self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, fault);
            }
            match (d.fault, d.inst.w) {
                (Some(_), Width::W8) => self.asm.lb(d.result, from, abi::STATE),
                (Some(_), Width::W16) => self.asm.lh(d.result, from, abi::STATE),
                (Some(_), Width::W32) => self.asm.lw(d.result, from, abi::STATE),
                _ => self.asm.ld(d.result, from, abi::STATE),
            }
            self.asm.jal_to(Xreg::ZERO, d.back);
        }
    }

    /// Evaluates any operation out of line.
    pub(super) fn evaluate(&mut self, v: Value, inst: &Inst) {
        self.store_args(inst);
        self.call_evaluator(inst);
        if super::analysis::is_point(inst) {
            self.check_reported();
        }
        match inst.ty() {
            Ty::I64 => self.integer_result(v),
            Ty::V128 => {
                self.args_done();
                let to = self.slot(2);
                self.copy(abi::STATE, result(), to, 2);
                self.place(v, Loc::Mem(to), Form::Exact);
            }
            Ty::F => {
                self.args_done();
                let to = self.slot(1);
                self.copy(abi::STATE, result(), to, 1);
                self.place(v, Loc::Mem(to), Form::Exact);
            }
            Ty::None | Ty::Flags => {}
        }
    }

    fn store_args(&mut self, inst: &Inst) {
        for (i, v) in inst.args().enumerate() {
            match self.inst(v).ty() {
                Ty::V128 | Ty::F => self.store_vector_arg(v, arg(i)),
                _ => {
                    let r = self.exact(v);
                    self.asm.sd(r, self.off(arg(i)), abi::STATE);
                }
            }
        }
    }

    /// Copies words from `base` + `from` to the register file at `to`.
    pub(super) fn copy(&mut self, base: Xreg, from: u16, to: u16, words: u16) {
        for i in 0..words {
            self.asm.ld(abi::SCRATCH, self.off(from + 8 * i), base);
            self.asm.sd(abi::SCRATCH, self.off(to + 8 * i), abi::STATE);
        }
    }

    /// Calls the evaluator for `inst`, whose arguments are stored.
    pub(super) fn call_evaluator(&mut self, inst: &Inst) {
        let mut desc = [0; 4];
        desc[0] = u64::from(op_number(inst.op))
            | u64::from(inst.w as u8) << 8
            | u64::from(inst.aux) << 16;
        desc[1] = inst.imm;
        if matches!(inst.op, Op::VConst | Op::VShuf)
            && let Some(c) = usize::try_from(inst.imm)
                .ok()
                .and_then(|n| self.region.pool.get(n))
        {
            let c = u128::from_le_bytes(*c);
            desc[2] = u64::try_from(c & u128::from(u64::MAX)).expect("masked");
            desc[3] = u64::try_from(c >> 64).expect("shifted");
        }
        self.call(&desc, abi::slot::CALL, abi::slot::EVAL);
    }

    fn call(&mut self, desc: &abi::Desc, thunk: usize, function: usize) {
        let l = self.literal(desc);
        self.asm.la(abi::SCRATCH, l);
        self.asm
            .sd(abi::SCRATCH, fixed(abi::slot::DESC), abi::STATE);
        self.asm.addi(abi::SCRATCH, Xreg::ZERO, fixed(function));
        self.asm.ld(abi::SCRATCH2, fixed(thunk), abi::STATE);
        self.asm.jalr(abi::SCRATCH2, Imm12::ZERO, abi::SCRATCH2);
        self.simd.forget();
    }

    /// Leaves if the call reported a fault.
    fn check_reported(&mut self) {
        let p = self.describe(What::Reported);
        let l = self.leave(p);
        self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, l);
    }

    /// Value `v` is the integer a call gave.
    pub(super) fn integer_result(&mut self, v: Value) {
        let d = self.def(v, Form::Exact);
        self.asm.ld(d, self.off(result()), abi::STATE);
    }

    /// `call`: the guest's registers are in the register file meanwhile.
    pub(super) fn call_helper(&mut self, v: Value, inst: &Inst) {
        let Some(helper) = Helper::from_aux(inst.aux) else {
            return;
        };
        if helper == Helper::X87 {
            self.call_x87(v, inst);
            return;
        }
        self.store_args(inst);
        let info = helper.info();
        self.normalise_all();
        // Values still read from guest registers after the helper changed these.
        if info.gprs {
            for g in crate::x86::Gpr::all() {
                self.move_aliases(g);
            }
            self.asm.li(abi::SCRATCH, self.rip.0);
            let rip = Imm12::of(i64::try_from(offset::RIP).expect("small"));
            self.asm.sd(abi::SCRATCH, rip, abi::STATE);
            self.flag_code = None;
        }
        if info.vectors {
            self.before_helper(helper);
        }
        self.spill_vectors();
        let desc = self.helper_desc(inst);
        self.call(&desc, abi::slot::CALL_SYNCED, abi::slot::HELPER);
        if !info.infallible {
            self.check_reported();
        }
        self.after_helper(helper);
        self.integer_result(v);
    }
}

impl Lowerer<'_> {
    fn helper_desc(&self, inst: &Inst) -> abi::Desc {
        [
            u64::from(op_number(Op::Call)) | u64::from(inst.aux) << 16,
            self.rip.0,
            inst.imm,
            0,
        ]
    }

    /// Calls a helper that touches no register of the guest's and makes no system call, and whose arguments
    /// are stored: nothing need be written back.
    pub(super) fn call_quick_helper(&mut self, inst: &Inst) {
        let desc = self.helper_desc(inst);
        self.call(&desc, abi::slot::CALL, abi::slot::HELPER);
        self.check_reported();
    }
}

fn result() -> u16 {
    u16::try_from(abi::scratch(abi::slot::RESULT)).expect("small")
}
