//! Operations on V128 and F values.
//!
//! `lower_vector` gets every instruction that has a V128 or F argument or result, and `get`/`set` of
//! XMM registers. Where values are (`place`):
//! - F values in `fs0`..`fs11`, which calls keep (`ft`/`fa` registers are scratch inside one lowering);
//! - V128 values on hosts with V in `v1`..`v14` or in the XMM register's own `v16`..`v31`; `v0` is for
//!   masks; on hosts without V in memory, an XMM register's home or a spill slot (`Loc::Mem`).
//!
//! What is not worth inline code goes out of line (`Lowerer::evaluate`), and so does all floating
//! point in *exact* mode. The inline floating point (`scalar`, `packed`) is right only while MXCSR masks
//! all exceptions and DAZ and FTZ are off (`FpMode::Usual`). It works like this:
//! - `frm` is MXCSR.RC while translated code runs.
//! - What RISC-V raises collects in `fflags` and is added to MXCSR's sticky flags when MXCSR is read and
//!   when code is left (`control`). The conditions are x86's own, except that nothing sets DE: in the
//!   usual mode DE is set only by operations that go out of line.
//! - A result that is a NaN is not taken: x86 keeps payloads, RISC-V does not. The operation is done
//!   again out of line (`slow`), behind the hot code.
//!
//! Where YMM registers are resident, the operations of a 256-bit instruction on its two halves, which IR has
//! apart, are found (`pairs`) and done as one (`ymm`).
//!
//! `vtype` is tracked inside a block: `vtype` emits a `vsetivli` only for a change. Tail and mask are
//! undisturbed throughout; with VLEN 128 and full vectors there is no tail.

mod choose;
mod control;
mod crypto;
mod half;
mod lanes;
mod memory;
mod packed;
mod pairs;
mod place;
mod plan;
mod round;
mod scalar;
mod shuffle;
mod slow;
mod vint;
mod words;
mod ymm;

pub(in crate::lower) use ymm::clear_uppers;

use super::analysis::Fact;
use super::{Lowerer, abi};
use crate::ir::{Block, Effect, Inst, Op, Value, Var};
use crate::rv64::{Freg, HostIsa, Sew, Vreg};
use crate::x86::Width;
use serde::{Deserialize, Serialize};

/// Which MXCSR translated code is for. A region is translated for one of them, and ends where
/// MXCSR is loaded.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub enum FpMode {
    /// All exceptions masked, DAZ and FTZ off; any rounding.
    #[default]
    Usual,
    /// Anything: each operation asks MXCSR.
    Exact,
}

impl FpMode {
    /// DAZ, the masks, FTZ.
    const BITS: u32 = 1 << 6 | Self::USUAL | 1 << 15;
    /// Their values in the usual mode.
    const USUAL: u32 = 0x1f80;

    /// The mode for this MXCSR.
    #[must_use]
    pub const fn of(mxcsr: u32) -> FpMode {
        if mxcsr & Self::BITS == Self::USUAL {
            FpMode::Usual
        } else {
            FpMode::Exact
        }
    }
}

/// Element width, LMUL (log2) and vl, where they are known.
pub(super) type Vtype = Option<(Sew, i8, u8)>;

/// What this module remembers.
#[derive(Default)]
pub(super) struct State {
    pub mode: FpMode,
    /// Registers the current instruction uses, by number.
    pinned_v: u32,
    pinned_f: u32,
    /// Element width, LMUL (log2) and vl in force.
    vtype: Vtype,
    /// The comparison whose result `v0` holds as a mask.
    mask: Option<Value>,
    /// How the block's values are made.
    plan: plan::Plan,
    slow: Vec<slow::Slow>,
    splits: Vec<memory::Split>,
    /// Values known to be multiples of 16 with this added.
    aligned: Vec<(Value, u64)>,
    /// Which operations are done as one.
    pairs: pairs::Pairs,
    /// The operation that is done with the one being lowered.
    pair: Option<ymm::Pair>,
    /// Registers, by number, both halves of which hold what `Loc::V` says.
    doubled: u32,
    /// Homes of YMM registers, by number, whose upper half is zero.
    zero_above: u32,
}

impl State {
    /// Nothing known, nothing pending, in the memory it has.
    pub fn reset(&mut self, mode: FpMode) {
        self.mode = mode;
        self.pinned_v = 0;
        self.pinned_f = 0;
        self.slow.clear();
        self.splits.clear();
        self.pair = None;
    }

    /// At the beginning of a block.
    pub fn begin(&mut self, block: &Block, facts: &mut [Fact], isa: HostIsa) {
        plan::plan(block, &mut self.plan);
        let inline = self.mode == FpMode::Usual;
        pairs::find(block, facts, isa, inline, &mut self.pairs);
        self.plan.keep_masks(block, &self.pairs);
        self.doubled = 0;
        self.zero_above = 0;
        self.aligned.clear();
        self.forget();
    }

    /// Whether the instruction here is done already, with another one.
    pub fn is_done(&self, at: u32) -> bool {
        self.pairs.is_done(Value(at))
    }

    /// The vector type in force, if it is known.
    pub fn vtype(&self) -> Vtype {
        self.vtype
    }

    /// Here `vtype` is in force.
    pub fn set_vtype(&mut self, vtype: Vtype) {
        self.vtype = vtype;
    }

    /// At the beginning of a block and after a call: nothing is known.
    pub fn forget(&mut self) {
        self.vtype = None;
        self.mask = None;
    }

    /// Whether integer `v` is made in an F register.
    pub fn is_float(&self, v: Value) -> bool {
        self.plan.of(v) == plan::Kind::Float
    }
}

/// Lowers one instruction that touches V128 or F values.
pub(super) fn lower_vector(l: &mut Lowerer<'_>, v: Value, inst: &Inst) {
    l.simd.pinned_v = 0;
    l.simd.pinned_f = 0;
    match (inst.op, inst.var()) {
        (Op::Get, Some(var @ (Var::Xmm(_) | Var::YmmHi(_)))) => l.get_vector(v, var),
        (Op::Set, Some(Var::Xmm(n))) if l.set_ymm(inst.args[0], n) => {}
        (Op::Set, Some(Var::YmmHi(n))) if l.clear_ymm(inst.args[0], n) => {}
        (Op::Set, Some(var @ (Var::Xmm(_) | Var::YmmHi(_)))) => l.set_vector(inst.args[0], var),
        _ if l.simd.pairs.high(v).is_some() => l.pair(v, inst),
        (Op::VLoad, _) => l.vload(v, inst),
        (Op::VStore, _) => l.vstore(inst),
        _ if inst.op.effect() == Effect::Fp && l.simd.mode == FpMode::Exact => l.evaluate(v, inst),
        _ => {
            let done = l.scalar(v, inst)
                || if abi::xmm_resident(l.isa) {
                    l.packed(v, inst) || l.vint(v, inst)
                } else {
                    l.words(v, inst)
                };
            if !done {
                l.evaluate(v, inst);
            }
        }
    }
}

/// The element width of lanes of `w`.
const fn sew(w: Width) -> Sew {
    match w {
        Width::W8 => Sew::E8,
        Width::W16 => Sew::E16,
        Width::W32 => Sew::E32,
        Width::W64 => Sew::E64,
    }
}

/// How many lanes of `w` 128 bits have.
const fn lanes(w: Width) -> u64 {
    16 / w.bytes()
}

/// The mask register.
const V0: Vreg = Vreg::new(0);

/// Zero.
const ZERO: Vreg = abi::VZERO;

/// A scratch F register: free inside one lowering, not kept by calls.
const fn ft(n: u8) -> Freg {
    // ft0 to ft7.
    Freg::new(n & 7)
}
