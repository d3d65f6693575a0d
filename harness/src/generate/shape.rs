//! Loops and calls inside a case.
//!
//! Invariant: cases end. All jumps back of a case share one counter, which nothing else writes: together
//! they are taken no more often than it is high, whatever the way through the code.

use super::Random;
use super::operands::Registry;
use felix::x86::Rflags;
use iced_x86::{Code, Instruction, Mnemonic, Register};
use rand::Rng;

/// The label of the function that `call` leads to; no sequence is as long.
pub const FUNCTION: usize = 1000;

/// How a case's control flow is made.
pub struct Shape {
    /// Its counter, one of the registers.
    counter: Register,
    /// It counts with 64 bits, else with 32: a counter below 0 is so only in the width it has.
    wide: bool,
    /// Its jumps back are LOOP, which wants RCX.
    by_loop: bool,
    /// There is a function behind the end, which is called.
    pub function: bool,
}

impl Shape {
    /// Draws one, and gives the counter its value.
    pub fn new(rng: &mut Random, registry: &mut Registry) -> Shape {
        let by_loop = rng.random_bool(0.3);
        let counters = [Register::RCX, Register::RBX, Register::R9, Register::R14];
        let counter = if by_loop {
            Register::RCX
        } else {
            counters[rng.random_range(0..counters.len())]
        };
        registry.count(counter, rng.random_range(1..=12));
        Shape {
            counter,
            wide: rng.random_bool(0.5),
            by_loop,
            function: rng.random_bool(0.5),
        }
    }

    /// Whether `insn` may be in such a case.
    pub fn admits(
        &self,
        rng: &mut Random,
        registry: &mut Registry,
        insn: &Instruction,
        function: bool,
    ) -> bool {
        // A stack pointer that goes back and forth finds the same return address again and again.
        if insn.mnemonic() == Mnemonic::Ret || function && registry.writes(insn, Register::RSP) {
            return false;
        }
        // The next time round needs its pointers, too.
        !registry.writes(insn, self.counter)
            && (rng.random_bool(0.2) || !registry.spoils_pointer(insn))
    }

    /// A jump back to `head`, as long as the counter is above 0; `after` is the label of what follows.
    /// The flags that are undefined must be among those that are at the head.
    pub fn back(
        &self,
        rng: &mut Random,
        ip: u64,
        head: u64,
        after: u64,
        (undefined, allowed): (u64, u64),
    ) -> Option<[Instruction; 2]> {
        let kept = if self.by_loop {
            undefined
        } else {
            undefined & Rflags::CF
        };
        let by_dec = !self.by_loop && rng.random_bool(0.5);
        if (self.by_loop || by_dec) && kept & !allowed != 0 {
            return None;
        }
        let (count, jump) = if self.by_loop {
            let over = Instruction::with_branch(Code::Jrcxz_rel8_64, after);
            (over, Code::Loop_rel8_64_RCX)
        } else {
            let half = self.counter.full_register32();
            let count = match (by_dec, self.wide) {
                (true, true) => Instruction::with1(Code::Dec_rm64, self.counter),
                (true, false) => Instruction::with1(Code::Dec_rm32, half),
                (false, true) => Instruction::with2(Code::Sub_rm64_imm8, self.counter, 1),
                (false, false) => Instruction::with2(Code::Sub_rm32_imm8, half, 1),
            };
            (count, Code::Jg_rel32_64)
        };
        let mut pair = [count.ok()?, Instruction::with_branch(jump, head).ok()?];
        pair[0].set_ip(ip);
        // No jump leads between the two.
        pair[1].set_ip(ip + 16);
        Some(pair)
    }
}
