//! Status flags: who sees them, the record they are kept in, and conditions made from its operands.

use super::{Baseline, SCRATCH, X, Y, Z, off, vcpu};
use crate::ir::Op;
use crate::lift::quick::{Alu, Bits, Kind, Quick};
use crate::lower::abi;
use crate::lower::control::{Ready, Test};
use crate::lower::translation::op_number;
use crate::rv64::{Imm12, Shamt, Xreg};
use crate::x86::state::offset;
use crate::x86::{Cond, FlagOp, FlagRecord, Width};

/// Where an operand of the flag record is, besides in the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operand {
    /// In this register, of which the low bits count.
    Reg(Xreg),
    /// Known.
    Const(i32),
    /// In the record only.
    Stored,
}

/// What is known of the flag record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Flags {
    known: Option<(FlagOp, Width, Operand, Operand)>,
    /// The code that is stored.
    code: Option<u64>,
}

impl Flags {
    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        *self = Flags::default();
    }

    /// Register `r` is about to hold something else.
    pub(super) fn changed(&mut self, r: Xreg) {
        if let Some((_, _, a, b)) = &mut self.known {
            for o in [a, b] {
                if *o == Operand::Reg(r) {
                    *o = Operand::Stored;
                }
            }
        }
    }
}

/// Bit n: somebody may see the flags that instruction n of `code` sets.
pub(super) fn seen(code: &[Quick]) -> u64 {
    let mut seen = 0;
    let mut dead = false;
    for (n, q) in code.iter().enumerate().rev() {
        let Use {
            reads,
            writes,
            faults,
        } = uses(q);
        if writes && !dead {
            seen |= 1 << n;
        }
        // Where it faults, the flags before it are seen.
        dead = (dead || writes) && !reads && !faults;
    }
    seen
}

struct Use {
    reads: bool,
    writes: bool,
    /// It may be left, with the state as it was before.
    faults: bool,
}

fn uses(q: &Quick) -> Use {
    let of = |reads, writes, faults| Use {
        reads,
        writes,
        faults,
    };
    match q.kind {
        Kind::AluReg { .. }
        | Kind::AluImm { .. }
        | Kind::Neg { .. }
        | Kind::Shift { .. }
        | Kind::Mul { .. }
        | Kind::MulImm { .. }
        | Kind::MulRax { .. }
        | Kind::Scan { .. } => of(false, true, false),
        Kind::Bits { op, .. } => {
            let none = matches!(op, Bits::Shlx | Bits::Shrx | Bits::Sarx);
            of(false, !none, false)
        }
        // A count of 0 leaves them.
        Kind::ShiftCl { .. } => of(true, true, false),
        Kind::AluLoad { .. } | Kind::AluStore { .. } | Kind::AluStoreImm { .. } => {
            of(false, true, true)
        }
        // CF stays.
        Kind::Inc { .. } => of(true, true, false),
        Kind::Set { .. } | Kind::Cmov { .. } | Kind::Jcc { .. } => of(true, false, false),
        Kind::CmovLoad { .. } | Kind::SetStore { .. } => of(true, false, true),
        Kind::MovReg { .. }
        | Kind::MovImm { .. }
        | Kind::Zero { .. }
        | Kind::Sign { .. }
        | Kind::Lea { .. }
        | Kind::Not { .. }
        | Kind::Xchg { .. }
        | Kind::MovVector { .. }
        | Kind::ZeroVector { .. }
        | Kind::Packed { .. }
        | Kind::FromGpr { .. }
        | Kind::ToGpr { .. }
        | Kind::MoveMask { .. }
        | Kind::ZeroUpper
        | Kind::SignOfRax
        | Kind::Nop => of(false, false, false),
        Kind::Load { .. }
        | Kind::LoadZero { .. }
        | Kind::LoadSign { .. }
        | Kind::Store { .. }
        | Kind::StoreImm { .. }
        | Kind::Leave
        | Kind::LoadVector { .. }
        | Kind::StoreVector { .. }
        | Kind::PackedLoad { .. }
        | Kind::LoadLow { .. }
        | Kind::LoadHalf { .. }
        | Kind::StoreHalf { .. }
        | Kind::DivRax { .. }
        | Kind::PushLoad { .. }
        // Evaluated.
        | Kind::Rotate { .. }
        | Kind::DivLoad { .. }
        | Kind::IdivRax { .. }
        | Kind::ScanLoad { .. }
        | Kind::Carry { .. }
        | Kind::Bswap { .. }
        | Kind::BitTest { .. }
        | Kind::BitTestImm { .. }
        | Kind::AluHigh { .. }
        | Kind::XchgLoad { .. }
        | Kind::Locked { .. }
        | Kind::LockedImm { .. }
        | Kind::Repeat { .. }
        | Kind::Lifted { .. }
        | Kind::System(_)
        | Kind::Push { .. }
        | Kind::PushImm { .. }
        | Kind::Pop { .. }
        | Kind::Jmp { .. }
        | Kind::Call { .. }
        | Kind::Ret { .. }
        | Kind::JmpReg { .. }
        | Kind::JmpLoad { .. }
        | Kind::CallReg { .. }
        | Kind::CallLoad { .. } => of(false, false, true),
    }
}

/// The record's operation for `op`.
pub(super) const fn of(op: Alu) -> FlagOp {
    match op {
        Alu::Add => FlagOp::Add,
        Alu::Sub | Alu::Cmp => FlagOp::Sub,
        Alu::And | Alu::Or | Alu::Xor | Alu::Test => FlagOp::Logic,
    }
}

impl Baseline {
    /// True if somebody may see the flags of the current instruction.
    pub(super) fn sets_flags(&self) -> bool {
        self.seen >> self.n & 1 != 0
    }

    /// Stores the flags' record, if somebody may see them. To be called while both operands are still
    /// what they are, and nothing of the instruction can fault any more.
    pub(super) fn set_flags(&mut self, op: FlagOp, w: Width, a: Operand, b: Operand) {
        if !self.sets_flags() {
            self.flags.known = None;
            return;
        }
        let mut code = FlagRecord::code(op, w);
        match b {
            // The code can take it.
            Operand::Const(c) if op != FlagOp::Logic => {
                match FlagRecord::code_with(op, w, c.into()) {
                    Some(with) => code = with,
                    None => {
                        self.asm.li(SCRATCH, i64::from(c).cast_unsigned());
                        self.asm.sd(SCRATCH, off(offset::FLAG_B), abi::STATE);
                    }
                }
            }
            Operand::Reg(r) => self.asm.sd(r, off(offset::FLAG_B), abi::STATE),
            Operand::Const(_) | Operand::Stored => {}
        }
        match a {
            Operand::Reg(r) => self.asm.sd(r, off(offset::FLAG_A), abi::STATE),
            Operand::Const(c) => {
                let r = if c == 0 { Xreg::ZERO } else { SCRATCH };
                if c != 0 {
                    self.asm.li(SCRATCH, i64::from(c).cast_unsigned());
                }
                self.asm.sd(r, off(offset::FLAG_A), abi::STATE);
            }
            Operand::Stored => {}
        }
        if self.flags.code != Some(code) {
            self.asm.li(SCRATCH, code);
            self.asm.sd(SCRATCH, off(offset::FLAG_CODE), abi::STATE);
            self.flags.code = Some(code);
        }
        self.flags.known = Some((op, w, a, b));
    }

    /// A register with the low bits of a record's operand moved up to bit 63, so that comparing two of
    /// them compares the operands, signed and unsigned. It may be `to`.
    fn high(&mut self, o: Operand, w: Width, to: Xreg, stored: usize) -> Xreg {
        let up = 64 - w.bits();
        let r = match o {
            Operand::Const(c) => {
                let c = i64::from(c) << up;
                if c == 0 {
                    return Xreg::ZERO;
                }
                self.asm.li(to, c.cast_unsigned());
                return to;
            }
            Operand::Reg(r) => r,
            Operand::Stored => {
                self.asm.ld(to, off(stored), abi::STATE);
                to
            }
        };
        if up == 0 {
            return r;
        }
        self.asm.slli(to, r, Shamt::new(up.into()));
        to
    }

    /// What to test for condition `c`. Uses `X`, `Y` and `Z`.
    pub(super) fn condition(&mut self, c: Cond) -> Ready {
        let (test, a, b) = match self.of_operands(c) {
            Some(ready) => ready,
            None => return self.ask(c),
        };
        let odd = c as u8 & 1 != 0;
        (if odd { test.invert() } else { test }, a, b)
    }

    /// For the condition `c` without its lowest bit, which negates it.
    fn of_operands(&mut self, c: Cond) -> Option<Ready> {
        let (op, w, a, b) = self.flags.known?;
        let even = Cond::ALL[c as usize & !1];
        let zero = Xreg::ZERO;
        if even == Cond::B && matches!(op, FlagOp::AddKeepCarry | FlagOp::SubKeepCarry) {
            self.asm.ld(X, off(offset::FLAG_C), abi::STATE);
            return Some((Test::Ne, X, zero));
        }
        let a_high = |l: &mut Self| l.high(a, w, X, offset::FLAG_A);
        let b_high = |l: &mut Self| l.high(b, w, Y, offset::FLAG_B);
        let ready = match (op, even) {
            (FlagOp::Sub | FlagOp::SubKeepCarry, Cond::E) => (Test::Eq, a_high(self), b_high(self)),
            (FlagOp::Sub | FlagOp::SubKeepCarry, Cond::L) => (Test::Lt, a_high(self), b_high(self)),
            (FlagOp::Sub | FlagOp::SubKeepCarry, Cond::Le) => {
                let a = a_high(self);
                (Test::Ge, b_high(self), a)
            }
            (FlagOp::Sub | FlagOp::SubKeepCarry, Cond::S) => {
                let (a, b) = (a_high(self), b_high(self));
                self.asm.sub(Z, a, b);
                (Test::Lt, Z, zero)
            }
            (FlagOp::Sub, Cond::B) => (Test::Ltu, a_high(self), b_high(self)),
            (FlagOp::Sub, Cond::Be) => {
                let a = a_high(self);
                (Test::Geu, b_high(self), a)
            }
            (FlagOp::Logic, Cond::E | Cond::Be) | (FlagOp::Result, Cond::E) => {
                (Test::Eq, a_high(self), zero)
            }
            (FlagOp::Logic, Cond::S | Cond::L) | (FlagOp::Result, Cond::S) => {
                (Test::Lt, a_high(self), zero)
            }
            (FlagOp::Logic, Cond::Le) => (Test::Ge, zero, a_high(self)),
            (FlagOp::Logic, Cond::B | Cond::O) => (Test::Ne, zero, zero),
            (FlagOp::Add | FlagOp::AddKeepCarry, Cond::E | Cond::S) => {
                let (a, b) = (a_high(self), b_high(self));
                self.asm.add(Z, a, b);
                let test = if even == Cond::E { Test::Eq } else { Test::Lt };
                (test, Z, zero)
            }
            (FlagOp::Add, Cond::B) => {
                let (a, b) = (a_high(self), b_high(self));
                self.asm.add(Z, a, b);
                (Test::Ltu, Z, a)
            }
            _ => return None,
        };
        Some(ready)
    }

    /// Asks the evaluator whether `c` holds for the record.
    fn ask(&mut self, c: Cond) -> Ready {
        let desc = u64::from(op_number(Op::CondOf)) | (c as u64) << 16;
        self.asm.addi(X, Xreg::ZERO, off(offset::FLAG_CODE));
        self.asm.sd(X, vcpu(abi::slot::ARGS), abi::STATE);
        let label = self.words_behind(desc, size_of::<abi::Desc>() / 8 - 1);
        self.asm.la(SCRATCH, label);
        self.asm.sd(SCRATCH, vcpu(abi::slot::DESC), abi::STATE);
        self.asm.addi(SCRATCH, Xreg::ZERO, vcpu(abi::slot::EVAL));
        self.asm
            .ld(abi::SCRATCH2, vcpu(abi::slot::CALL), abi::STATE);
        self.asm.jalr(abi::SCRATCH2, Imm12::ZERO, abi::SCRATCH2);
        self.asm.ld(X, vcpu(abi::slot::RESULT), abi::STATE);
        self.vtype = None;
        (Test::Ne, X, Xreg::ZERO)
    }
}
