//! Ends of blocks, conditional branches, traps, and how code is left.
//!
//! Leaving is a call of the leaving routine from behind the hot code; the place of the call is a
//! `Point` that says what happened. A direct exit is one aligned `jal` that goes to such a call until
//! it is patched to go to its target.

use super::{Cold, ExitLink, Lowerer, Point, VENEER_WORDS, What, abi};
use crate::ir::{IndirectKind, Inst, Op, Target, Term, Value};
use crate::rv64::{Assembler, Imm12, Label, Shamt, Xreg};
use crate::x86::state::offset;
use crate::x86::{GuestAddr, Width};

/// A condition on two host registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Test {
    Eq,
    Ne,
    Lt,
    Ge,
    Ltu,
    Geu,
}

impl Test {
    pub(super) const fn invert(self) -> Test {
        match self {
            Test::Eq => Test::Ne,
            Test::Ne => Test::Eq,
            Test::Lt => Test::Ge,
            Test::Ge => Test::Lt,
            Test::Ltu => Test::Geu,
            Test::Geu => Test::Ltu,
        }
    }
}

/// A condition ready to branch on.
pub(super) type Ready = (Test, Xreg, Xreg);

/// Branches to `to` if the condition holds.
pub(super) fn branch(asm: &mut Assembler, (test, a, b): Ready, to: Label) {
    match test {
        Test::Eq => asm.beq_to(a, b, to),
        Test::Ne => asm.bne_to(a, b, to),
        Test::Lt => asm.blt_to(a, b, to),
        Test::Ge => asm.bge_to(a, b, to),
        Test::Ltu => asm.bltu_to(a, b, to),
        Test::Geu => asm.bgeu_to(a, b, to),
    }
}

impl Lowerer<'_> {
    /// The registers and test that say whether I64 value `v` is not 0.
    pub(super) fn condition(&mut self, v: Value) -> Ready {
        let inst = self.inst(v);
        if !self.facts.of[v.index()].deferred {
            return (Test::Ne, self.exact(v), Xreg::ZERO);
        }
        let (a, b) = self.compare_operands(&inst);
        match inst.op {
            Op::Eq => (Test::Eq, a, b),
            Op::LtU => (Test::Ltu, a, b),
            Op::LeU => (Test::Geu, b, a),
            Op::LtS => (Test::Lt, a, b),
            Op::LeS => (Test::Ge, b, a),
            _ => (Test::Ne, a, b),
        }
    }

    /// The operands of a comparison in registers, both extended the same way.
    pub(super) fn compare_operands(&mut self, inst: &Inst) -> (Xreg, Xreg) {
        let (a, b, w) = (inst.args[0], inst.args[1], inst.w);
        let cost = |l: &Self, signed| l.cost(a, w, signed) + l.cost(b, w, signed);
        let signed = matches!(inst.op, Op::LtS | Op::LeS) || cost(self, true) < cost(self, false);
        if signed {
            (self.sext(a, w), self.sext(b, w))
        } else {
            (self.zext(a, w), self.zext(b, w))
        }
    }

    pub(super) fn branch(&mut self, ready: Ready, to: Label) {
        branch(&mut self.asm, ready, to);
    }

    pub(super) fn branch_unless(&mut self, (test, a, b): Ready, to: Label) {
        self.branch((test.invert(), a, b), to);
    }

    /// A label behind the hot code where `point` happens.
    pub(super) fn leave(&mut self, point: Point) -> Label {
        let label = self.asm.label();
        self.cold.push(Cold { label, point });
        label
    }

    pub(super) fn trap_if(&mut self, inst: &Inst) {
        let v = inst.args[0];
        let ready = self.condition(v);
        let number = u8::try_from(inst.aux).unwrap_or(0);
        let p = self.describe(What::Trap(number));
        let l = self.leave(p);
        self.branch(ready, l);
    }

    pub(super) fn poll(&mut self, inst: &Inst) {
        let mut p = self.describe(What::Interrupted);
        p.rip = inst.imm;
        let l = self.leave(p);
        let poll = Imm12::of(i64::try_from(offset::POLL).expect("small"));
        self.asm.lw(abi::SCRATCH, poll, abi::STATE);
        self.asm.bne_to(abi::SCRATCH, Xreg::ZERO, l);
    }

    pub(super) fn terminator(&mut self, n: usize, term: Term) {
        if let Term::Branch { cond, taken, .. } = term {
            let mut exit = Inst::new(Op::ExitIf, Width::W64);
            exit.args[0] = cond;
            exit.set_exit(taken);
            self.exit_if(&exit);
        }
        self.normalise_all();
        match term {
            Term::Jump(t) | Term::Call { target: t, .. } | Term::Branch { other: t, .. } => {
                self.go(n, t);
            }
            Term::Indirect { addr, kind } => self.indirect(addr, kind),
            Term::Syscall { next } => self.stop(What::Syscall, next),
            Term::Trap { trap, rip } => self.stop(What::Trap(trap as u8), rip),
        }
    }

    /// Leaves for good.
    fn stop(&mut self, what: What, rip: GuestAddr) {
        let mut p = self.describe(what);
        p.rip = rip.0;
        self.call_leave(p);
    }

    fn go(&mut self, n: usize, t: Target) {
        match t {
            Target::Block(b) if b.index() == n + 1 => {}
            Target::Block(b) => {
                let l = self.labels[b.index()];
                self.asm.jal_to(Xreg::ZERO, l);
            }
            Target::Exit(to) => self.exit(to),
        }
    }

    /// A direct exit: the word to patch.
    pub(super) fn exit(&mut self, to: GuestAddr) {
        let stub = self.asm.label();
        self.links.push(ExitLink {
            target: to,
            stub,
            word: self.asm.offset(),
        });
        self.asm.jal_to(Xreg::ZERO, stub);
    }

    fn indirect(&mut self, addr: Value, kind: IndirectKind) {
        let a = self.exact(addr);
        let miss = self.asm.label();
        let t = self.temp();
        let table = Imm12::of(i64::try_from(abi::scratch(abi::slot::LOOKUP)).expect("small"));
        // The index, times the entry's size.
        let up = u64::from(64 - abi::LOOKUP_BITS);
        self.asm.slli(t, a, Shamt::new(up));
        self.asm.srli(t, t, Shamt::new(up - 4));
        self.asm.ld(abi::SCRATCH, table, abi::STATE);
        self.asm.add(t, t, abi::SCRATCH);
        self.asm.ld(abi::SCRATCH, Imm12::ZERO, t);
        self.asm.bne_to(abi::SCRATCH, a, miss);
        self.asm.ld(abi::SCRATCH, Imm12::of(8), t);
        self.asm.jalr(Xreg::ZERO, Imm12::ZERO, abi::SCRATCH);
        self.asm.bind(miss);
        let rip = Imm12::of(i64::try_from(offset::RIP).expect("small"));
        self.asm.sd(a, rip, abi::STATE);
        let (at, pop) = kind.origin().unwrap_or((self.rip, 0));
        let mut p = self.describe(What::Indirect { pop });
        p.rip = at.0;
        self.call_leave(p);
    }

    fn call_leave(&mut self, mut p: Point) {
        let routine = Imm12::of(i64::try_from(abi::scratch(abi::slot::LEAVE)).expect("small"));
        self.asm.ld(abi::SCRATCH, routine, abi::STATE);
        p.offset = u32::try_from(self.asm.offset()).expect("code is bounded");
        self.asm.jalr(abi::SCRATCH2, Imm12::ZERO, abi::SCRATCH);
        self.points.push(p);
    }

    /// Emits what stands behind the hot code. Gives the offset of the first exit's stub; the others
    /// follow, each `STUB` bytes long.
    pub(super) fn cold_code(&mut self) -> usize {
        let cold = std::mem::take(&mut self.cold);
        for Cold { label, point } in &cold {
            self.asm.bind(*label);
            self.call_leave(*point);
        }
        self.cold = cold;
        let first = self.asm.offset();
        for n in 0..self.links.len() {
            let ExitLink { target, stub, .. } = self.links[n];
            self.asm.bind(stub);
            debug_assert_eq!(self.asm.offset(), first + n * STUB);
            let what = What::Link(u32::try_from(n).expect("code is bounded"));
            self.call_leave(Point {
                offset: 0,
                rip: target.0,
                what,
                sext: 0,
                rsp: 0,
                flags: None,
            });
            debug_assert_eq!(self.asm.offset(), first + n * STUB + STUB_LEAVES);
            (0..VENEER_WORDS).for_each(|_| self.asm.ebreak());
        }
        first
    }
}

/// Bytes of an exit's stub: the call of the leaving routine, and the veneer.
pub(super) const STUB: usize = STUB_LEAVES + 4 * VENEER_WORDS;
/// Bytes of the call.
pub(super) const STUB_LEAVES: usize = 8;

/// The width whose low bits decide `cond != 0` for a value of `bits` bits.
#[must_use]
pub(super) const fn width_of(bits: u32) -> Width {
    match bits {
        0..=8 => Width::W8,
        9..=16 => Width::W16,
        17..=32 => Width::W32,
        _ => Width::W64,
    }
}
