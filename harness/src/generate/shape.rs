//! Loops, calls, jumps through tables and code that changes itself, inside a case.
//!
//! Where something refers to an instruction, it does so by `place`, an address that stands for the
//! instruction's label until it is known where the code lies (`settle`).
//!
//! Invariant: cases end. All jumps back of a case share one counter, which nothing else writes: together
//! they are taken no more often than it is high, whatever the way through the code.

use super::operands::Registry;
use super::{LABEL, Random, label};
use felix::replay::{DATA, DATA_LEN, Hex64, HexBytes};
use felix::x86::Rflags;
use iced_x86::{Code, Instruction, MemoryOperand, Mnemonic, Register};
use rand::Rng;
use std::ops::Range;

/// The label of the function that `call` leads to; no sequence is as long.
pub const FUNCTION: usize = 1000;

/// Where labels are while the code's addresses are not known: nothing else lies there, and 32 bits reach it.
const PLACES: Range<u64> = 0x2000_0000..0x2002_0000;

/// What stands for the address of the instruction `n`.
fn place(n: usize) -> u64 {
    PLACES.start + (label(n) - label(0))
}

/// The bytes of an instruction that others change.
#[derive(Clone, Copy)]
pub struct Victim {
    /// Its label's number.
    at: usize,
    /// Whether a REX prefix comes before the opcode.
    rex: bool,
    /// Registers that its opcode may name instead of its own.
    registers: [u8; 2],
}

/// Addresses of instructions in the data: where, and the numbers of the labels. What the last leads to is
/// there in any case; it stands in for labels inside of something.
pub type Table = (u64, Vec<usize>);

/// How a case's control flow is made.
pub struct Shape {
    /// Instructions that may be changed.
    pub victims: Vec<Victim>,
    /// Tables that are jumped through.
    pub tables: Vec<Table>,
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
            victims: Vec::new(),
            tables: Vec::new(),
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

    /// Whether this register is the counter.
    pub fn counts_in(&self, register: Register) -> bool {
        self.counter == register
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

    /// A jump through a table to instructions from `at + 1` to `end`, which are given back; `at` is the
    /// number of its label.
    pub fn jump(
        &mut self,
        rng: &mut Random,
        registry: &mut Registry,
        at: usize,
        end: usize,
    ) -> Option<(Vec<Instruction>, Vec<usize>)> {
        let (index, masked) = match registry.small(rng) {
            Some(index) if index != self.counter && rng.random_bool(0.6) => (index, false),
            _ => (registry.anything(rng, self.counter)?, true),
        };
        let first = at + 1 + usize::from(masked);
        if first > end {
            return None;
        }
        let mut targets: Vec<usize> = (0..15).map(|_| rng.random_range(first..=end)).collect();
        targets.push(end);
        let mut insns = Vec::new();
        if masked {
            let half = index.full_register32();
            insns.push(Instruction::with2(Code::And_rm32_imm8, half, 15).ok()?);
            registry.wrote(&insns[0]);
        }
        let table = self.table(rng, targets.clone());
        let entry = MemoryOperand::new(
            Register::None,
            index,
            8,
            table.cast_signed(),
            4,
            false,
            Register::None,
        );
        insns.push(Instruction::with1(Code::Jmp_rm64, entry).ok()?);
        for (n, insn) in insns.iter_mut().enumerate() {
            insn.set_ip(label(at) + 16 * n as u64);
        }
        Some((insns, targets))
    }

    /// A call of the function through memory or a register.
    pub fn call(
        &mut self,
        rng: &mut Random,
        registry: &mut Registry,
        at: usize,
    ) -> Option<Vec<Instruction>> {
        let mut insns = Vec::new();
        if rng.random_bool(0.5) {
            let table = self.table(rng, vec![FUNCTION]);
            let entry = MemoryOperand::with_displ(table, 4);
            insns.push(Instruction::with1(Code::Call_rm64, entry).ok()?);
        } else {
            let register = registry.anything(rng, self.counter)?;
            let function = MemoryOperand::with_displ(place(FUNCTION), 4);
            insns.push(Instruction::with2(Code::Lea_r64_m, register, function).ok()?);
            insns.push(Instruction::with1(Code::Call_rm64, register).ok()?);
            registry.wrote(&insns[0]);
        }
        for (n, insn) in insns.iter_mut().enumerate() {
            insn.set_ip(label(at) + 16 * n as u64);
        }
        Some(insns)
    }

    fn table(&mut self, rng: &mut Random, labels: Vec<usize>) -> u64 {
        let at = DATA + rng.random_range(64..DATA_LEN as u64 - 256);
        self.tables.push((at, labels));
        at
    }

    /// An instruction to be changed, with the label `at`: MOV of an immediate to a register nobody needs.
    pub fn victim(
        &mut self,
        rng: &mut Random,
        registry: &mut Registry,
        at: usize,
    ) -> Option<Instruction> {
        let free: Vec<Register> = registry.free(self.counter);
        let register = *free.get(rng.random_range(0..free.len().max(1)))?;
        // The opcode may name these with the same prefix.
        let rex = register.number() >= 8;
        let alike: Vec<u8> = free
            .iter()
            .filter(|r| (r.number() >= 8) == rex)
            .filter_map(|r| u8::try_from(r.number() & 7).ok())
            .collect();
        let half = register.full_register32();
        let immediate: u32 = rng.random();
        let mut mov = Instruction::with2(Code::Mov_r32_imm32, half, immediate).ok()?;
        mov.set_ip(label(at));
        registry.wrote(&mov);
        self.victims.push(Victim {
            at,
            rex,
            registers: [(); 2].map(|()| alike[rng.random_range(0..alike.len())]),
        });
        Some(mov)
    }

    /// A store into a victim.
    pub fn store(
        &self,
        rng: &mut Random,
        registry: &mut Registry,
        at: usize,
    ) -> Option<Instruction> {
        let victim = *self
            .victims
            .get(rng.random_range(0..self.victims.len().max(1)))?;
        let opcode = place(victim.at) + u64::from(victim.rex);
        let memory = |offset| MemoryOperand::with_displ(opcode + offset, 4);
        let immediate: u32 = rng.random();
        let mut store = match rng.random_range(0..6) {
            0 => {
                let n = victim.registers[rng.random_range(0..2)];
                Instruction::with2(Code::Mov_rm8_imm8, memory(0), 0xb8 | u32::from(n))
            }
            1 => Instruction::with2(Code::Mov_rm8_imm8, memory(2), immediate & 0xff),
            2 => {
                let from = registry.anything(rng, Register::None)?;
                Instruction::with2(Code::Mov_rm32_r32, memory(1), from.full_register32())
            }
            3 => {
                let from = registry.anything(rng, self.counter)?;
                let from = from.full_register32();
                Instruction::with2(Code::Xchg_rm32_r32, memory(1), from)
            }
            4 => {
                let from = Register::try_from(Register::XMM0 as usize + rng.random_range(0..16));
                Instruction::with2(Code::Movd_rm32_xmm, memory(1), from.ok()?)
            }
            _ => Instruction::with2(Code::Mov_rm32_imm32, memory(1), immediate),
        }
        .ok()?;
        store.set_ip(label(at));
        Some(store)
    }
}

/// Replaces what stands for an instruction by its address; `address` knows that of each label.
pub fn settle(insns: &mut [Instruction], address: impl Fn(u64) -> Option<u64>) {
    for insn in insns {
        let displacement = insn.memory_displacement64();
        if PLACES.contains(&displacement) {
            let offset = (displacement - PLACES.start) % LABEL;
            let at = label(0) + (displacement - PLACES.start) - offset;
            if let Some(at) = address(at) {
                insn.set_memory_displacement64(at + offset);
            }
        }
    }
}

/// Tables as patches of the data.
pub fn patches(
    tables: &[Table],
    address: impl Fn(u64) -> Option<u64>,
) -> Option<Vec<(Hex64, HexBytes)>> {
    let entries = |labels: &[usize]| -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for n in labels {
            let known = address(label(*n)).or_else(|| address(label(*labels.last()?)));
            bytes.extend(known?.to_le_bytes());
        }
        Some(bytes)
    };
    tables
        .iter()
        .map(|(at, labels)| Some((Hex64(*at), HexBytes(entries(labels)?))))
        .collect()
}
