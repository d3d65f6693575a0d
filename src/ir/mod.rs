//! The intermediate representation between x86 and the engines.
//!
//! A `Region` is a list of `Block`s; a block is a list of instructions in order and one terminator.
//! An `exit.if` leaves a block in its middle: blocks are extended, entered at the beginning only.
//! Values live inside one block: the value of instruction `i` is `Value(i)`. Everything that passes
//! from block to block goes through the guest's registers (`Var`), which the engines keep in fixed
//! places, so there are no phis; only to a block with one predecessor, values can be handed on (`param`). What the instructions mean is stated in `op`, once; the integer and
//! vector part of it is executable in `eval`.
//!
//! Invariants (checked by `verify`): arguments are earlier values of the right type; every guest
//! instruction begins with `insn`; within a guest instruction no `set` comes before the last thing
//! that can fault, except in loops that restart exactly (REP). So at every instruction that can
//! fault the guest's registers are exact as of the beginning of the guest instruction.
//!
//! Knows nothing of x86 encodings, hosts or memory.

pub mod eval;
mod op;
mod parse;
mod print;
mod verify;

use crate::x86::{CpuState, Gpr, GuestAddr, Trap, Width};

pub use op::{
    CvtKind, EXIT_FLAGS, EXIT_OUT, EXIT_UNLESS, Effect, FP_HIGH_HALF, FP_LOW_HALF, FenceKind,
    FpPredicate, Helper, HelperInfo, Op, RmwOp, Truth, Ty, VSTORE_ALIGNED, VSTORE_FIRST,
    VSTORE_SECOND,
};
pub use parse::{ParseError, parse_region};
pub use verify::{VerifyError, verify};

/// The result of an instruction, by its position in the block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Value(pub u32);

impl Value {
    /// No value: an unused argument place.
    pub const NONE: Value = Value(u32::MAX);

    /// The position in the block.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// True unless this is `NONE`.
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0 != u32::MAX
    }
}

/// A piece of guest state that `get` and `set` name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Var {
    /// A general-purpose register, 64 bits.
    Gpr(Gpr),
    /// The low 128 bits of a vector register; setting keeps the upper half.
    Xmm(u8),
    /// The six status flags.
    Flags,
    /// DF, 0 or 1.
    Df,
    /// TF, NT, AC and ID, in place.
    RflagsOther,
    /// Base of FS.
    FsBase,
    /// Base of GS.
    GsBase,
    /// The x87 status word, 16 bits.
    Fsw,
    /// The x87 tags in their abridged form, one bit a physical register.
    Ftw,
    /// The selectors of DS, ES, FS and GS, 16 bits each from the lowest on.
    Selectors,
    /// An MMX register: the significand of the physical x87 register. Setting sets the sign and
    /// exponent to ones.
    Mm(u8),
    /// The high 128 bits of a vector register. A YMM register is never one value: an operation on it is
    /// done for each half, and both engines and all hosts know V128 only.
    YmmHi(u8),
}

impl Var {
    /// All numbers of variables are below this.
    pub const COUNT: usize = 96;

    /// The type of the variable's value.
    #[must_use]
    pub const fn ty(self) -> Ty {
        match self {
            Var::Xmm(_) | Var::YmmHi(_) => Ty::V128,
            Var::Flags => Ty::Flags,
            _ => Ty::I64,
        }
    }

    /// The number `Inst::imm` carries.
    #[must_use]
    pub const fn encode(self) -> u64 {
        match self {
            Var::Gpr(r) => r.num() as u64,
            Var::Xmm(n) => 32 + n as u64,
            Var::Flags => 64,
            Var::Df => 65,
            Var::RflagsOther => 66,
            Var::FsBase => 67,
            Var::GsBase => 68,
            Var::Fsw => 69,
            Var::Ftw => 70,
            Var::Selectors => 71,
            Var::Mm(n) => 72 + n as u64,
            Var::YmmHi(n) => 80 + n as u64,
        }
    }

    /// The variable with this number, if there is one.
    #[must_use]
    pub fn decode(n: u64) -> Option<Var> {
        Some(match n {
            0..16 => Var::Gpr(Gpr::new(u8::try_from(n).ok()?)),
            32..48 => Var::Xmm(u8::try_from(n).ok()? - 32),
            64 => Var::Flags,
            65 => Var::Df,
            66 => Var::RflagsOther,
            67 => Var::FsBase,
            68 => Var::GsBase,
            69 => Var::Fsw,
            70 => Var::Ftw,
            71 => Var::Selectors,
            72..80 => Var::Mm(u8::try_from(n).ok()? - 72),
            80..96 => Var::YmmHi(u8::try_from(n).ok()? - 80),
            _ => return None,
        })
    }
}

/// One instruction. Which fields count depends on the operation's row in `op`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inst {
    /// The operation.
    pub op: Op,
    /// Width of the operation or of its lanes.
    pub w: Width,
    /// Only a fault or an `exit.if` can observe this instruction's effect or value: engines need not
    /// execute it, if they can still evaluate it when a later instruction of the block faults or leaves
    /// to where the flags are wanted.
    pub lazy: bool,
    /// A small operand: predicate, condition, kind.
    pub aux: u16,
    /// Arguments; unused places are `Value::NONE`.
    pub args: [Value; 4],
    /// A constant: immediate, displacement, variable, mask, lane.
    pub imm: u64,
}

impl Inst {
    /// An instruction without arguments.
    #[must_use]
    pub const fn new(op: Op, w: Width) -> Inst {
        Inst {
            op,
            w,
            lazy: false,
            aux: 0,
            args: [Value::NONE; 4],
            imm: 0,
        }
    }

    /// The arguments that are there.
    #[inline]
    pub fn args(&self) -> impl Iterator<Item = Value> + '_ {
        self.args.iter().copied().take_while(|v| v.is_some())
    }

    /// Where an `exit.if` goes.
    #[must_use]
    #[inline]
    pub fn exit(&self) -> Option<Target> {
        if self.op != Op::ExitIf {
            return None;
        }
        if self.aux & EXIT_OUT != 0 {
            return Some(Target::Exit(GuestAddr(self.imm)));
        }
        u32::try_from(self.imm)
            .ok()
            .map(|b| Target::Block(BlockId(b)))
    }

    /// Makes an `exit.if` go to `to`.
    pub fn set_exit(&mut self, to: Target) {
        self.aux &= !EXIT_OUT;
        self.imm = match to {
            Target::Block(b) => b.0.into(),
            Target::Exit(addr) => {
                self.aux |= EXIT_OUT;
                addr.0
            }
        };
    }

    /// True for `get var`.
    #[must_use]
    #[inline]
    pub const fn gets(&self, var: Var) -> bool {
        self.op as u8 == Op::Get as u8 && self.imm == var.encode()
    }

    /// True for `set var`.
    #[must_use]
    #[inline]
    pub const fn sets(&self, var: Var) -> bool {
        self.op as u8 == Op::Set as u8 && self.imm == var.encode()
    }

    /// The variable of a `get` or `set`.
    #[must_use]
    #[inline]
    pub fn var(&self) -> Option<Var> {
        matches!(self.op, Op::Get | Op::Set)
            .then(|| Var::decode(self.imm))
            .flatten()
    }
}

/// A block's number in its region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BlockId(pub u32);

impl BlockId {
    /// The position in `Region::blocks`.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where control goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// A block of this region.
    Block(BlockId),
    /// Guest code outside this region.
    Exit(GuestAddr),
}

/// What an indirect transfer is, for return prediction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IndirectKind {
    /// JMP r/m64.
    Jump {
        /// The instruction.
        at: GuestAddr,
    },
    /// CALL r/m64, which will return to `ret`. Its target has been checked.
    Call {
        /// The return address it pushed.
        ret: GuestAddr,
    },
    /// RET, which has added `pop` to RSP.
    Ret {
        /// The instruction.
        at: GuestAddr,
        /// What it added.
        pop: u32,
    },
}

impl IndirectKind {
    /// The instruction a target that is not canonical faults at, and by how much RSP must go back then.
    #[must_use]
    pub fn origin(self) -> Option<(GuestAddr, u32)> {
        match self {
            IndirectKind::Jump { at } => Some((at, 0)),
            IndirectKind::Call { .. } => None,
            IndirectKind::Ret { at, pop } => Some((at, pop)),
        }
    }

    /// Makes the jump to `to`, or the fault if that is no address: false then.
    pub fn go(self, cpu: &mut CpuState, to: GuestAddr) -> bool {
        match self.origin() {
            Some((at, pop)) if !to.is_canonical() => {
                let rsp = &mut cpu.gpr[Gpr::RSP.index()];
                *rsp = rsp.wrapping_sub(pop.into());
                cpu.rip = at.0;
                false
            }
            _ => {
                cpu.rip = to.0;
                true
            }
        }
    }
}

/// How a block ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Term {
    /// Goes to one place.
    Jump(Target),
    /// A direct CALL, whose return address is already pushed.
    Call {
        /// The callee.
        target: Target,
        /// The return address it pushed.
        ret: GuestAddr,
    },
    /// Goes to `taken` if `cond` is not 0. What lift makes; engines get `exit.if` instead.
    Branch {
        /// An I64 value of this block.
        cond: Value,
        /// Where to, if not 0.
        taken: Target,
        /// Where to, if 0.
        other: Target,
    },
    /// Goes to the guest address in `addr`. If that is not canonical, raises #GP at the instruction
    /// (`IndirectKind::origin`).
    Indirect {
        /// An I64 value of this block.
        addr: Value,
        /// What it is.
        kind: IndirectKind,
    },
    /// SYSCALL; RCX and R11 are already set.
    Syscall {
        /// The next instruction.
        next: GuestAddr,
    },
    /// Raises an exception.
    Trap {
        /// Which.
        trap: Trap,
        /// The RIP the exception is delivered with.
        rip: GuestAddr,
    },
}

impl Term {
    /// The direct successors.
    pub fn targets(&self) -> impl Iterator<Item = Target> {
        let (a, b) = match *self {
            Term::Jump(t) | Term::Call { target: t, .. } => (Some(t), None),
            Term::Branch { taken, other, .. } => (Some(taken), Some(other)),
            Term::Indirect { .. } | Term::Syscall { .. } | Term::Trap { .. } => (None, None),
        };
        a.into_iter().chain(b)
    }

    /// The value the terminator reads, if any.
    #[must_use]
    pub fn value(&self) -> Option<Value> {
        match *self {
            Term::Branch { cond: v, .. } | Term::Indirect { addr: v, .. } => Some(v),
            _ => None,
        }
    }

    /// The value the terminator reads, to change it.
    pub fn value_mut(&mut self) -> Option<&mut Value> {
        match self {
            Term::Branch { cond: v, .. } | Term::Indirect { addr: v, .. } => Some(v),
            _ => None,
        }
    }
}

/// A straight piece of code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// The guest address it translates; blocks made inside a guest instruction have that
    /// instruction's address.
    pub addr: GuestAddr,
    /// True if it may be entered from outside the region (the region's entry and return sites).
    pub entry: bool,
    /// The instructions.
    pub insts: Vec<Inst>,
    /// The end.
    pub term: Term,
}

impl Block {
    /// The direct successors, in order.
    pub fn successors(&self) -> impl Iterator<Item = Target> + '_ {
        let exits = self.insts.iter().filter_map(Inst::exit);
        exits.chain(self.term.targets())
    }
}

/// The unit of translation: a function-like piece of control flow. Block 0 is its entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// The blocks.
    pub blocks: Vec<Block>,
    /// 128-bit constants, as `vconst` and `vshuf` number them.
    pub pool: Vec<[u8; 16]>,
    /// The guest bytes this was made from: start and length, sorted, not overlapping.
    pub source: Vec<(GuestAddr, u32)>,
    /// How many guest instructions were translated.
    pub guest_insns: u32,
}

impl Region {
    /// The guest address of the entry.
    #[must_use]
    pub fn entry(&self) -> GuestAddr {
        self.blocks[0].addr
    }
}
