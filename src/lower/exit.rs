//! Leaving a block in its middle: `exit.if`.
//!
//! What has to be made exact for the target (registers in another form, delayed flags) is done on the way
//! there, in the cold section. The lowering of the block then goes on as if nothing had happened. A
//! block that one exit leads to begins with what was known there: its heir.

use super::analysis::in_recipe;
use super::regs::{Form, Loc, Val};
use super::{Lowerer, abi};
use crate::ir::{EXIT_FLAGS, EXIT_UNLESS, Inst, Op, Region, Target, Term, Value};
use crate::rv64::Label;
use crate::x86::Gpr;

/// What the lowering of a block goes on from.
struct Snapshot {
    live: Vec<(Value, Val)>,
    forms: [Form; 16],
    rsp_lag: i16,
    slots: Vec<bool>,
    flag_code: Option<u64>,
    pinned: u32,
    vtype: super::vector::Vtype,
}

/// What is known at the entry of a block that one exit leads to.
pub(super) struct Heir {
    forms: [Form; 16],
    rsp_lag: i16,
    flag_code: Option<u64>,
    params: [Val; 3],
    vtype: super::vector::Vtype,
}

/// For each block: whether one exit of a block before it is the only way to it.
pub(super) fn heirs(region: &Region) -> Vec<bool> {
    let mut ways = vec![0u32; region.blocks.len()];
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
    ways.into_iter().map(|w| w == 1).collect()
}

impl Lowerer<'_> {
    pub(super) fn exit_if(&mut self, inst: &Inst) {
        let Some(target) = inst.exit() else { return };
        let mut ready = self.condition(inst.args[0]);
        if inst.aux & EXIT_UNLESS != 0 {
            ready.0 = ready.0.invert();
        }
        let heir = match target {
            Target::Block(b) if self.heirs[b.index()] => Some(b.index()),
            _ => None,
        };
        let flags = self.facts.pending[self.at as usize].filter(|_| inst.aux & EXIT_FLAGS != 0);
        let short = self.rsp_lag != 0 || self.forms.iter().any(|f| *f != Form::Exact);
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
        let delayed = self.facts.pending[self.at as usize].is_some();
        if b.index() != n + 1
            || !self.heirs[b.index()]
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
        let mut wanted: Vec<Value> = Vec::new();
        let mut next = 0;
        let mut found = vec![bundle];
        while let Some(v) = found.get(next).copied() {
            next += 1;
            for a in self.inst(v).args() {
                let inst = self.inst(a);
                let skipped = in_recipe(&inst) || self.facts.deferred[a.index()];
                let nowhere = self.vals[a.index()].loc == Loc::None;
                if skipped && nowhere && inst.op != Op::Const && !found.contains(&a) {
                    found.push(a);
                    wanted.push(a);
                }
            }
        }
        wanted.sort_unstable();
        for v in wanted {
            let mut inst = self.inst(v);
            inst.lazy = false;
            self.pinned = 0;
            let deferred = std::mem::replace(&mut self.facts.deferred[v.index()], false);
            self.facts.uses[v.index()] += 1;
            self.instruction(v, &inst);
            self.facts.uses[v.index()] -= 1;
            self.facts.deferred[v.index()] = deferred;
        }
        self.pinned = 0;
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            live: self
                .live
                .iter()
                .map(|v| (*v, self.vals[v.index()]))
                .collect(),
            forms: self.forms,
            rsp_lag: self.rsp_lag,
            slots: self.slots.clone(),
            flag_code: self.flag_code,
            pinned: self.pinned,
            vtype: self.simd.vtype(),
        }
    }

    fn restore(&mut self, s: Snapshot) {
        for v in std::mem::take(&mut self.live) {
            let val = &mut self.vals[v.index()];
            val.loc = Loc::None;
            val.form = Form::Exact;
        }
        for (v, val) in s.live {
            self.vals[v.index()] = val;
            self.live.push(v);
        }
        self.dies = 0;
        self.forms = s.forms;
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
        self.wills[b] = Some(Heir {
            forms: self.forms,
            rsp_lag: self.rsp_lag,
            flag_code: self.flag_code,
            params,
            vtype: self.simd.vtype(),
        });
    }

    /// Begins a block with what was left to it.
    pub(super) fn inherit(&mut self, block: usize) {
        let Some(heir) = self.wills[block].take() else {
            return;
        };
        self.forms = heir.forms;
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
                self.slots[bytes / 8] = true;
            }
            if val.loc != Loc::None {
                self.place(v, val.loc, val.form);
            }
        }
        debug_assert!(Gpr::all().all(|g| self.early[g.index()].is_none()));
    }
}
