//! The register stack, tags, exceptions and their masked responses (SDM vol. 1, 8.1, 8.4 and 8.5).
//!
//! A `Unit` is one instruction in execution. Results are written through it, exceptions are gathered in
//! it and become visible with `finish`. Invariant: an instruction that raised an unmasked invalid-
//! operation, denormal or zero-divide exception (`blocked`) writes no register and pops nothing.

use super::num::{Class, F80, Format, Operand, Rounding, round};
use crate::x86::state::X87;

/// The status word's exception flags; the control word's masks are the same bits.
pub(super) const IE: u16 = 1;
pub(super) const DE: u16 = 1 << 1;
pub(super) const ZE: u16 = 1 << 2;
pub(super) const OE: u16 = 1 << 3;
pub(super) const UE: u16 = 1 << 4;
pub(super) const PE: u16 = 1 << 5;
/// Stack fault.
const SF: u16 = 1 << 6;
/// Those found before computing.
const BEFORE: u16 = IE | DE | ZE;
/// Condition codes of the status word.
pub(super) const C0: u16 = 1 << 8;
pub(super) const C1: u16 = 1 << 9;
pub(super) const C2: u16 = 1 << 10;
pub(super) const C3: u16 = 1 << 14;
const TOP: u32 = 11;

/// One instruction at work.
pub(super) struct Unit<'a> {
    x: &'a mut X87,
    raised: u16,
}

impl<'a> Unit<'a> {
    /// Begins an instruction: C1 is cleared by nearly all of them.
    pub fn new(x: &'a mut X87) -> Unit<'a> {
        Unit { x, raised: 0 }
    }

    // --- control ---

    pub fn rounding(&self) -> Rounding {
        match self.x.fcw >> 10 & 3 {
            0 => Rounding::Nearest,
            1 => Rounding::Down,
            2 => Rounding::Up,
            _ => Rounding::Zero,
        }
    }

    /// The format precision control gives results. The reserved encoding means the whole significand.
    pub fn controlled(&self) -> Format {
        Format::register(match self.x.fcw >> 8 & 3 {
            0 => 24,
            2 => 53,
            _ => 64,
        })
    }

    // --- exceptions ---

    pub fn raise(&mut self, exceptions: u16) {
        self.raised |= exceptions;
    }

    /// Whether an exception was raised that keeps the instruction from having any result.
    pub fn blocked(&self) -> bool {
        self.raised & BEFORE & !self.x.fcw != 0
    }

    /// The same for a store to memory, which overflow and underflow prevent, too.
    pub fn store_blocked(&self) -> bool {
        self.raised & (BEFORE | OE | UE) & !self.x.fcw != 0
    }

    /// Stack underflow; the value used instead of the empty register.
    pub fn underflow(&mut self) -> F80 {
        self.raise(IE | SF);
        F80::INDEFINITE
    }

    /// Invalid operation; the result of its masked response.
    pub fn invalid(&mut self) -> F80 {
        self.raise(IE);
        F80::INDEFINITE
    }

    /// Sets condition codes among `mask`.
    pub fn set_codes(&mut self, mask: u16, codes: u16) {
        self.x.fsw = self.x.fsw & !mask | codes;
    }

    /// Says whether the result was rounded up, in C1.
    pub fn rounded_up(&mut self, up: bool) {
        self.set_codes(C1, if up { C1 } else { 0 });
    }

    /// Ends the instruction. True if an unmasked exception is pending because of it.
    pub fn finish(self) -> bool {
        let raised = if self.blocked() {
            self.raised & (BEFORE | SF)
        } else {
            self.raised
        };
        self.x.fsw |= raised;
        self.x.update_summary();
        raised & !self.x.fcw & !SF != 0
    }

    // --- the stack ---

    fn physical(&self, i: u8) -> usize {
        usize::from((self.x.fsw >> TOP) + u16::from(i)) & 7
    }

    pub fn is_empty(&self, i: u8) -> bool {
        self.x.ftw >> self.physical(i) & 1 == 0
    }

    /// ST(i), whatever its tag.
    #[allow(clippy::cast_possible_truncation)] // The upper six bytes are not there.
    pub fn raw(&self, i: u8) -> F80 {
        let [m, se] = self.x.r[self.physical(i)];
        F80 { se: se as u16, m }
    }

    /// ST(i) as an operand.
    pub fn st(&self, i: u8) -> Operand {
        self.raw(i).into()
    }

    /// Writes ST(i).
    pub fn set(&mut self, i: u8, v: F80) {
        let n = self.physical(i);
        self.x.r[n] = [v.m, v.se.into()];
        self.x.ftw |= 1 << n;
    }

    /// Marks ST(i) empty.
    pub fn free(&mut self, i: u8) {
        let n = self.physical(i);
        self.x.ftw &= !(1 << n);
    }

    /// Adds to TOP.
    pub fn turn(&mut self, by: u16) {
        let top = ((self.x.fsw >> TOP) + by) & 7;
        self.x.fsw = self.x.fsw & !(7 << TOP) | top << TOP;
    }

    /// Pops `n` registers, unless the instruction is blocked.
    pub fn pop(&mut self, n: u8) {
        if self.blocked() {
            return;
        }
        for _ in 0..n {
            self.free(0);
            self.turn(1);
        }
    }

    /// Whether a push would overflow, which it raises if so.
    pub fn overflow(&mut self) -> bool {
        let full = !self.is_empty(7);
        if full {
            self.raise(IE | SF);
            self.set_codes(C1, C1);
        }
        full
    }

    /// Pushes `v`; on overflow the indefinite.
    pub fn push(&mut self, v: F80) {
        let v = if self.overflow() { F80::INDEFINITE } else { v };
        if !self.blocked() {
            self.push_unchecked(v);
        }
    }

    /// Pushes `v`, whatever is in the way.
    pub fn push_unchecked(&mut self, v: F80) {
        self.turn(7);
        self.set(0, v);
    }

    /// Writes a result to ST(i), unless the instruction is blocked.
    pub fn result(&mut self, i: u8, v: F80) {
        if !self.blocked() {
            self.set(i, v);
        }
    }

    // --- operands and results ---

    /// Raises DE if an operand is denormal. False if the instruction must not go on.
    pub fn denormals(&mut self, operands: &[Operand]) -> bool {
        if operands.iter().any(|o| o.class == Class::Denormal) {
            self.raise(DE);
        }
        !self.blocked()
    }

    /// The result, if an operand is a NaN or unsupported (SDM vol. 1, table 4-7): the NaN with the
    /// larger significand, a quiet one if there is one.
    pub fn special(&mut self, a: Operand, b: Operand) -> Option<F80> {
        if a.class == Class::Unsupported || b.class == Class::Unsupported {
            return Some(self.invalid());
        }
        if !a.is_nan() && !b.is_nan() {
            return None;
        }
        let signaling = |o: Operand| o.class == Class::Snan;
        if signaling(a) || signaling(b) {
            self.raise(IE);
        }
        let a_wins = if !b.is_nan() {
            true
        } else if !a.is_nan() {
            false
        } else if signaling(a) != signaling(b) {
            signaling(b)
        } else if a.v.m != b.v.m {
            a.v.m > b.v.m
        } else {
            !a.v.sign()
        };
        let mut nan = if a_wins { a.v } else { b.v };
        nan.m |= super::num::QUIET_BIT;
        Some(nan)
    }

    /// Rounds an intermediate result for a register.
    pub fn round(&mut self, sign: bool, e: i32, sig: u128, f: Format) -> F80 {
        let r = round(self.rounding(), sign, e, sig, f, self.x.fcw);
        self.raise(r.exceptions);
        self.rounded_up(r.up);
        r.f80(sign)
    }

    /// The masks.
    pub fn masks(&self) -> u16 {
        self.x.fcw
    }
}
