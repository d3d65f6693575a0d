//! Flag records: storing them, asking them, and the recipes for those nobody stores.

use super::analysis::in_recipe;
use super::regs::Form;
use super::regs::Loc;
use super::translation::{Bits, op_number};
use super::{Lowerer, Place, Point, Recipe, Step, What, abi, variable};
use crate::ir::{Inst, Op, Value, Var, eval};
use crate::rv64::Xreg;
use crate::x86::state::offset;
use crate::x86::{FlagOp, FlagRecord, Width};

impl Lowerer<'_> {
    /// `get flags`: the record stays where it is, unless it is overwritten before its last use.
    pub(super) fn get_flags(&mut self, v: Value) {
        let last = self.facts.of[v.index()].last_use as usize;
        let stored = |i: &Inst| i.sets(Var::Flags) && !i.lazy;
        let between = self.block.insts.get(v.index()..last).unwrap_or(&[]);
        let home = variable(Var::Flags);
        if !between.iter().any(stored) {
            self.records.push((v, home));
            return;
        }
        // Rare enough to give the slots back only at the block's end.
        let at = self.slot(4);
        for i in 0..4u16 {
            self.asm
                .ld(abi::SCRATCH, self.off(home + 8 * i), abi::STATE);
            self.asm.sd(abi::SCRATCH, self.off(at + 8 * i), abi::STATE);
        }
        self.records.push((v, at));
    }

    /// Byte offset of the record of `get flags` value `v`.
    pub(super) fn record(&self, v: Value) -> u16 {
        let found = self.records.iter().find(|(g, _)| *g == v);
        found.map_or(variable(Var::Flags), |(_, at)| *at)
    }

    /// Stores the bundle `v` as the register file's record.
    pub(super) fn set_flags(&mut self, v: Value) {
        let inst = self.inst(v);
        let Some(record) = eval::flags(inst.op, inst.w, 0, 0, 0) else {
            return self.copy_record(v);
        };
        let fields = [offset::FLAG_A, offset::FLAG_B, offset::FLAG_C];
        // A constant operand goes with the code.
        let small = matches!(record.op, FlagOp::Add | FlagOp::Sub)
            .then(|| self.vals[inst.args[1].index()].konst)
            .flatten()
            .and_then(|b| FlagRecord::code_with(record.op, record.width, inst.w.sext(b)));
        for (i, (arg, field)) in inst.args().zip(fields).enumerate() {
            if i == 1 && small.is_some() {
                continue;
            }
            let field = u16::try_from(field).expect("small");
            // Bits above the width do not count; a record of flags holds them as they are.
            let r = match (record.op, i) {
                (FlagOp::Raw, _) | (FlagOp::Result, 1) => self.low(arg, Width::W16),
                (_, 2) => self.exact(arg),
                _ => self.low(arg, inst.w),
            };
            self.asm.sd(r, self.off(field), abi::STATE);
        }
        let code = small.unwrap_or(FlagRecord::code(record.op, record.width));
        if self.flag_code != Some(code) {
            self.asm.li(abi::SCRATCH, code);
            self.asm
                .sd(abi::SCRATCH, self.off(variable(Var::Flags)), abi::STATE);
            self.flag_code = Some(code);
        }
    }

    fn copy_record(&mut self, v: Value) {
        let (from, home) = (self.record(v), variable(Var::Flags));
        if from == home {
            return;
        }
        for i in 0..4u16 {
            self.asm
                .ld(abi::SCRATCH, self.off(from + 8 * i), abi::STATE);
            self.asm
                .sd(abi::SCRATCH, self.off(home + 8 * i), abi::STATE);
        }
        self.flag_code = None;
    }

    /// `cond` and `fl.bits` of a record nothing is known about: out of line. The evaluator gets the
    /// record's place as its first argument.
    pub(super) fn flag_query(&mut self, v: Value, inst: &Inst) {
        let at = self.record(inst.args[0]);
        self.asm.li(abi::SCRATCH, u64::from(at));
        self.asm
            .sd(abi::SCRATCH, self.off(super::call::arg(0)), abi::STATE);
        self.call_evaluator(inst);
        self.integer_result(v);
    }

    /// A point at the next instruction.
    pub(super) fn point(&mut self, what: What) {
        let mut p = self.describe(what);
        p.offset = u32::try_from(self.asm.offset()).expect("code is bounded");
        self.points.push(p);
    }

    /// The guest's state here, as a point whose offset is still to be set.
    pub(super) fn describe(&mut self, what: What) -> Point {
        let pending = self.facts.of[self.at as usize].pending;
        let flags = pending.map(|v| self.recipe(v));
        Point {
            offset: 0,
            rip: self.rip.0,
            what,
            sext: self.short,
            rsp: self.rsp_lag,
            flags,
        }
    }

    fn recipe(&mut self, bundle: Value) -> Recipe {
        let inst = self.inst(bundle);
        let first = self.steps.len();
        let (mut op, mut w) = (op_number(inst.op), inst.w as u8);
        let mut args = [0; 3];
        if inst.op == Op::Get {
            // The flags as they were.
            let at = self.record(bundle);
            self.steps.push(Step::FlagBits { mask: u64::MAX, at });
            (op, w) = (op_number(Op::FlRaw), 3);
        } else {
            self.done.clear();
            for (i, v) in inst.args().enumerate() {
                args[i] = self.step(v, first);
            }
        }
        let index = |n: usize| u32::try_from(n).expect("code is bounded");
        Recipe {
            first: index(first),
            count: u16::try_from(self.steps.len() - first).expect("recipes are small"),
            op,
            w,
            args,
        }
    }

    /// The step that gives `v`, counted from `first`.
    fn step(&mut self, v: Value, first: usize) -> u16 {
        if let Some((_, n)) = self.done.iter().find(|(d, _)| *d == v) {
            return *n;
        }
        let inst = self.inst(v);
        let step = if inst.op == Op::Const {
            Step::Read(Place::Const(inst.imm))
        } else if matches!(inst.op, Op::CondOf | Op::FlBits) && inst.lazy {
            let at = self.record(inst.args[0]);
            match inst.op {
                Op::CondOf => Step::Cond {
                    cond: u8::try_from(inst.aux & 15).unwrap_or(0),
                    at,
                },
                _ => Step::FlagBits { mask: inst.imm, at },
            }
        } else if in_recipe(&inst) || self.facts.of[v.index()].deferred {
            let mut args = [0; 3];
            for (i, a) in inst.args().take(3).enumerate() {
                args[i] = self.step(a, first);
            }
            Step::Eval {
                op: op_number(inst.op),
                w: inst.w as u8,
                imm: inst.imm,
                args,
            }
        } else {
            Step::Read(self.where_is(v))
        };
        let n = u16::try_from(self.steps.len() - first).expect("recipes are small");
        self.steps.push(step);
        self.done.push((v, n));
        n
    }

    fn where_is(&self, v: Value) -> Place {
        let val = self.vals[v.index()];
        let bits: Bits = match val.form {
            Form::Exact => 64,
            Form::Sext(w) | Form::Low(w) => u8::try_from(w.bits()).unwrap_or(64),
        };
        match (val.loc, val.konst) {
            (Loc::Guest(g), _) => Place::reg(Self::guest(g), bits),
            (Loc::Temp(r), _) => Place::reg(r, bits),
            (Loc::Mem(off), _) => {
                let word = (usize::from(off) - offset::SCRATCH) / 8;
                Place::Slot(u16::try_from(word).unwrap_or(0), bits)
            }
            (Loc::F(f), _) => Place::freg(f),
            (Loc::None | Loc::V(_) | Loc::High(_), c) => {
                debug_assert!(
                    c.is_some(),
                    "v{} is nowhere at a point at {} of\n{}",
                    v.0,
                    self.at,
                    self.block
                );
                c.map_or(Place::reg(Xreg::ZERO, 64), Place::Const)
            }
        }
    }
}
