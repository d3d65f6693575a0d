//! Leaving a block in its middle: `exit.if`.
//!
//! What has to be made exact for the target (registers in another form, delayed flags) is done on the way
//! there, in the cold section. The lowering of the block then goes on as if nothing had happened. A
//! block that one exit leads to begins with what was known there: its heir.

use super::analysis::in_recipe;
use super::regs::{Form, Loc, Slots, Val};
use super::{Lowerer, abi};
use crate::ir::{EXIT_FLAGS, EXIT_UNLESS, Inst, Op, Region, Target, Term, Value};
use crate::rv64::Label;

/// What the lowering of a block goes on from, but for its values (`Lowerer::saved`).
struct Snapshot {
    short: u16,
    rsp_lag: i16,
    slots: Slots,
    flag_code: Option<u64>,
    pinned: u32,
    vtype: super::vector::Vtype,
}

/// What is known at the entry of a block that one exit leads to.
pub(super) struct Heir {
    short: u16,
    rsp_lag: i16,
    flag_code: Option<u64>,
    params: [Val; 3],
    vtype: super::vector::Vtype,
}

/// For each block: 1 if one exit of a block before it is the only way to it.
pub(super) fn count_ways(region: &Region, ways: &mut Vec<u32>) {
    super::analysis::refill(ways, region.blocks.len(), 0);
    for (i, block) in region.blocks.iter().enumerate() {
        if block.entry {
            ways[i] += 2;
        }
        for inst in &block.insts {
            if let Some(Target::Block(b)) = inst.exit() {
                ways[b.index()] += if b.index() > i { 1 } else { 2 };
            }
        }
        for t in block.term.targets() {
            if let Target::Block(b) = t {
                ways[b.index()] += 2;
            }
        }
    }
}

impl Lowerer<'_> {
    pub(super) fn exit_if(&mut self, inst: &Inst) {
        let Some(target) = inst.exit() else { return };
        let mut ready = self.condition(inst.args[0]);
        if inst.aux & EXIT_UNLESS != 0 {
            ready.0 = ready.0.invert();
        }
        let heir = match target {
            Target::Block(b) if self.ways[b.index()] == 1 => Some(b.index()),
            _ => None,
        };
        let flags = self.facts.of[self.at as usize]
            .pending
            .filter(|_| inst.aux & EXIT_FLAGS != 0);
        let short = self.rsp_lag != 0 || self.short != 0;
        if let Target::Block(b) = target
            && flags.is_none()
            && (heir.is_some() || !short)
        {
            let l = self.labels[b.index()];
            self.branch(ready, l);
            self.bequeath(heir, inst);
            return;
        }
        let stub = self.asm.label();
        self.branch(ready, stub);
        if let Target::Exit(to) = target
            && flags.is_none()
            && !short
        {
            // Nothing to make exact on the way.
            self.asm.section(true);
            self.asm.bind(stub);
            self.exit(to);
            self.asm.section(false);
            return;
        }
        let here = self.snapshot();
        self.asm.section(true);
        self.asm.bind(stub);
        if let Some(bundle) = flags {
            self.delayed(bundle);
            self.set_flags(bundle);
        }
        if heir.is_none() {
            self.normalise_all();
        }
        self.bequeath(heir, inst);
        match target {
            Target::Block(b) => {
                let l: Label = self.labels[b.index()];
                self.asm.jal_to(crate::rv64::Xreg::ZERO, l);
            }
            Target::Exit(to) => self.exit(to),
        }
        self.asm.section(false);
        self.restore(here);
    }

    /// If the block's last exit leads to the block behind, which goes on from here, and the block goes
    /// elsewhere otherwise: leaves to there on the opposite condition and falls through. False if not.
    pub(super) fn turned_exit(&mut self, n: usize, inst: &Inst, term: Term) -> bool {
        let (Some(Target::Block(b)), Term::Jump(other)) = (inst.exit(), term) else {
            return false;
        };
        let delayed = self.facts.of[self.at as usize].pending.is_some();
        if b.index() != n + 1
            || self.ways[b.index()] != 1
            || other == Target::Block(b)
            || inst.aux & EXIT_FLAGS != 0 && delayed
        {
            return false;
        }
        let mut around = *inst;
        around.set_exit(other);
        around.aux = around.aux & !EXIT_FLAGS ^ EXIT_UNLESS;
        self.exit_if(&around);
        self.bequeath(Some(b.index()), inst);
        true
    }

    /// Computes what nobody wanted until now but the delayed `bundle` is made of.
    fn delayed(&mut self, bundle: Value) {
        let mut missing = std::mem::take(&mut self.missing);
        missing.clear();
        missing.push(bundle);
        let mut next = 0;
        while let Some(v) = missing.get(next).copied() {
            next += 1;
            for a in self.inst(v).args() {
                let inst = self.inst(a);
                let skipped = in_recipe(&inst) || self.facts.of[a.index()].deferred;
                let nowhere = self.vals[a.index()].loc == Loc::None;
                if skipped && nowhere && inst.op != Op::Const && !missing.contains(&a) {
                    missing.push(a);
                }
            }
        }
        // In the order of the block, which the bundle itself is not part of.
        missing[1..].sort_unstable();
        for v in &missing[1..] {
            let mut inst = self.inst(*v);
            inst.lazy = false;
            self.pinned = 0;
            let deferred = std::mem::replace(&mut self.facts.of[v.index()].deferred, false);
            self.facts.of[v.index()].uses += 1;
            self.instruction(*v, &inst);
            self.facts.of[v.index()].uses -= 1;
            self.facts.of[v.index()].deferred = deferred;
        }
        self.missing = missing;
        self.pinned = 0;
    }

    fn snapshot(&mut self) -> Snapshot {
        self.saved.clear();
        let vals = &self.vals;
        let live = self.live.iter().map(|v| (*v, vals[v.index()]));
        self.saved.extend(live);
        Snapshot {
            short: self.short,
            rsp_lag: self.rsp_lag,
            slots: self.slots,
            flag_code: self.flag_code,
            pinned: self.pinned,
            vtype: self.simd.vtype(),
        }
    }

    fn restore(&mut self, s: Snapshot) {
        for v in self.live.drain(..) {
            let val = &mut self.vals[v.index()];
            val.loc = Loc::None;
            val.form = Form::Exact;
        }
        for (v, val) in self.saved.drain(..) {
            self.vals[v.index()] = val;
            self.live.push(v);
        }
        self.dies = 0;
        self.short = s.short;
        self.rsp_lag = s.rsp_lag;
        self.slots = s.slots;
        self.flag_code = s.flag_code;
        self.pinned = s.pinned;
        self.simd.set_vtype(s.vtype);
    }

    /// Leaves to the block that begins where `inst` leads what is known here.
    fn bequeath(&mut self, heir: Option<usize>, inst: &Inst) {
        let Some(b) = heir else { return };
        let mut params = [Val::NEW; 3];
        for (p, v) in params.iter_mut().zip(inst.args().skip(1)) {
            *p = self.vals[v.index()];
        }
        let heir = Heir {
            short: self.short,
            rsp_lag: self.rsp_lag,
            flag_code: self.flag_code,
            params,
            vtype: self.simd.vtype(),
        };
        self.wills.push((b, heir));
    }

    /// Begins a block with what was left to it.
    pub(super) fn inherit(&mut self, block: usize) {
        let Some(i) = self.wills.iter().position(|(b, _)| *b == block) else {
            return;
        };
        let (_, heir) = self.wills.swap_remove(i);
        self.short = heir.short;
        self.rsp_lag = heir.rsp_lag;
        self.flag_code = heir.flag_code;
        self.simd.set_vtype(heir.vtype);
        for (i, inst) in self.block.insts.iter().enumerate() {
            if inst.op != Op::Param {
                continue;
            }
            let v = Value(u32::try_from(i).expect("blocks are bounded"));
            let val = heir.params[usize::try_from(inst.imm & 3).unwrap_or(0).min(2)];
            self.vals[i] = val;
            if let Loc::Mem(off) = val.loc
                && let Some(bytes) = usize::from(off).checked_sub(abi::scratch(abi::slot::SPILL))
            {
                self.slots.take(bytes / 8, 1);
            }
            if val.loc != Loc::None {
                self.place(v, val.loc, val.form);
            }
        }
    }
}
