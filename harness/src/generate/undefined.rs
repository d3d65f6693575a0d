//! Which status flags are undefined at each point of a sequence: jumps go forward, or back to where
//! no fewer flags are undefined.

use felix::x86::Rflags;
use iced_x86::{Instruction, Mnemonic, OpKind, RflagsBits};

/// See the module's head.
pub struct Undefined {
    now: u64,
    /// What arrives over jumps, by target.
    arriving: Vec<u64>,
    at: usize,
    /// Everything that was ever undefined where the sequence can stop by a fault.
    ever: u64,
}

fn bits(iced: u32) -> u64 {
    [
        (RflagsBits::OF, Rflags::OF),
        (RflagsBits::SF, Rflags::SF),
        (RflagsBits::ZF, Rflags::ZF),
        (RflagsBits::AF, Rflags::AF),
        (RflagsBits::CF, Rflags::CF),
        (RflagsBits::PF, Rflags::PF),
    ]
    .iter()
    .filter(|(i, _)| iced & i != 0)
    .map(|(_, f)| f)
    .sum()
}

/// Shifts and rotates by CL change no flag if the count is 0.
fn count_may_be_zero(insn: &Instruction) -> bool {
    let shifts = matches!(
        insn.mnemonic(),
        Mnemonic::Shl
            | Mnemonic::Sal
            | Mnemonic::Shr
            | Mnemonic::Sar
            | Mnemonic::Rol
            | Mnemonic::Ror
            | Mnemonic::Rcl
            | Mnemonic::Rcr
            | Mnemonic::Shld
            | Mnemonic::Shrd
    );
    shifts && insn.op_kind(insn.op_count() - 1) == OpKind::Register
}

impl Undefined {
    pub fn new(len: usize) -> Undefined {
        Undefined {
            now: 0,
            arriving: vec![0; len + 1],
            at: 0,
            ever: 0,
        }
    }

    /// True if `insn` reads no undefined flag.
    pub fn allows(&self, insn: &Instruction) -> bool {
        let pushes = matches!(
            insn.mnemonic(),
            Mnemonic::Pushf | Mnemonic::Pushfq | Mnemonic::Lahf
        );
        let read = bits(insn.rflags_read()) | if pushes { Rflags::STATUS } else { 0 };
        // CMPS and SCAS with REP may run no element and keep what was.
        read & self.now == 0
    }

    /// What is undefined here.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// What is undefined at the end: here, and where jumps went beyond.
    pub fn at_end(&self) -> u64 {
        let beyond = self.arriving.get(self.at..).unwrap_or_default();
        beyond.iter().fold(self.now, |a, b| a | b)
    }

    /// A jump from here to instruction `target`.
    pub fn jump(&mut self, target: usize) {
        if let Some(t) = self.arriving.get_mut(target) {
            *t |= self.now;
        }
    }

    /// Goes past `insn`.
    pub fn step(&mut self, insn: &Instruction) {
        let undefined = bits(insn.rflags_undefined());
        let defined = bits(insn.rflags_modified()) & !undefined;
        let keeps = count_may_be_zero(insn) || insn.has_rep_prefix() || insn.has_repne_prefix();
        if !keeps {
            self.now &= !defined;
        }
        self.now |= undefined;
        self.advance(1);
    }

    /// Goes on by `n` places: an instruction may take more than one.
    pub fn advance(&mut self, n: usize) {
        for _ in 0..n {
            self.at += 1;
            if let Some(t) = self.arriving.get(self.at) {
                self.now |= t;
            }
        }
        self.ever |= self.now;
    }

    /// What must not be compared at the end, wherever it is.
    pub fn mask(&self) -> u64 {
        self.ever
    }
}
