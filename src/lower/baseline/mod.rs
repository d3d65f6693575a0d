//! Lowers `lift::quick::Quick` instructions one by one, without IR: for code that runs too often to be
//! evaluated and perhaps not often enough to be optimised.
//!
//! Registers are where `abi` says, exact between instructions; the flag record is stored by each
//! instruction that sets flags somebody may see. So the state is exact at every instruction's start,
//! and whatever this code does not handle (a fault, an indirect jump to unknown code, a store over two
//! pages) leaves it there: the instruction is then evaluated. A conditional jump is made from the
//! operands of what set the flags.
//!
//! Invariants: nothing of an instruction is written before the last of its accesses that can fault,
//! but temporaries. Code is one section of whole words, and its first word can be replaced by a jump.

mod flags;
mod ops;
mod vector;

use super::control::{self, Ready};
use super::mem::{READ, WRITE};
use super::{VENEER_WORDS, abi};
use crate::lift::quick::{Address, Kind, NO_REG, Quick, RIP_BASE, Segment};
use crate::rv64::{Assembler, Feature, HostIsa, Imm12, Label, Off21, Shamt, Vtype, Xreg};
use crate::x86::state::offset;
use crate::x86::{Gpr, GuestAddr, Width};
use flags::Flags;

/// Temporaries. `ADDRESS` holds an address until its access, `X` and `Y` operands of the current
/// instruction, `OLD` and `NEW` what a later condition may be made of, `SCRATCH` nothing for long.
const X: Xreg = Xreg::T0;
const Y: Xreg = Xreg::T1;
const Z: Xreg = Xreg::T2;
const OLD: Xreg = Xreg::T3;
const NEW: Xreg = Xreg::T4;
const ADDRESS: Xreg = Xreg::T5;
const SCRATCH: Xreg = abi::SCRATCH;

/// Instructions of a unit, at most.
pub const MOST: usize = 64;
/// Words after which no more instructions are added, so that branches reach.
const LONG: usize = 640;

/// Why and where code is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The instruction here is to be evaluated.
    Evaluate,
    /// The unit has run often: it is to be translated.
    Hot,
    /// The poll word is set.
    Poll,
    /// Exit n was taken.
    Exit(u8),
}

/// From `offset` on, up to the next place, leaving means this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Offset in the code.
    pub offset: u16,
    /// The guest instruction, in bytes from the unit's start.
    pub at: u16,
    /// What leaving means.
    pub why: Why,
}

/// An exit to guest code elsewhere; as `translation::Link`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exit {
    /// Offset of the `jal zero` to patch.
    pub word: u16,
    /// Where that goes while the link is not made: `LEAVE_BYTES`, and then the veneer.
    pub stub: u16,
    /// The guest address it goes to.
    pub target: u64,
}

/// Bytes of a call of the leaving routine.
pub const LEAVE_BYTES: u16 = 8;

/// Lowers units; keeps its memory. What it gives is about the last one.
#[derive(Debug, Default)]
pub struct Baseline {
    asm: Assembler,
    /// By offset.
    pub places: Vec<Place>,
    /// The exits, two at most.
    pub exits: Vec<Exit>,
    /// Where to leave for evaluation, by instruction.
    stubs: Vec<(Label, u16)>,
    /// Constants behind the code: a word, and how many zeros follow.
    literals: Vec<(Label, u64, usize)>,
    isa: HostIsa,
    flags: Flags,
    /// Bit n: the flags instruction n sets may be seen.
    seen: u64,
    /// The instruction being lowered: its number, its distance from the start, its end.
    n: usize,
    at: u16,
    next: u64,
    /// What vtype and vl are, if that is known.
    vtype: Option<(Vtype, u8)>,
    /// Lanes are those of YMM registers.
    both: bool,
}

fn g(r: Gpr) -> Xreg {
    abi::gpr(r)
}

fn off(at: usize) -> Imm12 {
    Imm12::of(i64::try_from(at).expect("small"))
}

fn vcpu(slot: usize) -> Imm12 {
    off(abi::scratch(slot))
}

impl Baseline {
    /// Lowers the instructions `code`, which begin at `start` and of which only the last may be a jump;
    /// control goes on behind them otherwise. How many were lowered: if not all, the code leaves to the
    /// rest. 0 if it cannot be.
    pub fn lower(&mut self, start: GuestAddr, code: &[Quick], isa: HostIsa) -> usize {
        self.asm.clear();
        self.places.clear();
        self.exits.clear();
        self.stubs.clear();
        self.literals.clear();
        self.isa = isa;
        self.flags = Flags::default();
        self.vtype = None;
        let code = &code[..code.len().min(MOST)];
        self.seen = flags::seen(code);
        let (hot, poll) = (self.asm.label(), self.asm.label());
        self.place(0, Why::Evaluate);
        self.count(hot);
        let loops = may_loop(start, code);
        if loops {
            self.asm.lw(SCRATCH, off(offset::POLL), abi::STATE);
            self.asm.bne_to(SCRATCH, Xreg::ZERO, poll);
        }
        self.next = start.0;
        let mut done = 0;
        let mut open = true;
        for (n, q) in code.iter().enumerate() {
            if self.asm.offset() > 4 * LONG || !self.knows(q) {
                break;
            }
            self.n = n;
            let Ok(at) = u16::try_from(self.next - start.0) else {
                break;
            };
            self.at = at;
            self.next = self.next.wrapping_add(q.len.into());
            self.place(at, Why::Evaluate);
            open = self.instruction(q);
            done += 1;
        }
        if done == 0 {
            return 0;
        }
        if open {
            self.exit(GuestAddr(self.next));
        }
        self.behind(hot, poll, loops);
        if self.asm.resolve().is_err() {
            return 0;
        }
        done
    }

    /// The code, once it is known where it and its counter lie, both as offsets of one memory.
    ///
    /// # Panics
    /// If they are more than 2 GiB apart.
    pub fn words(&mut self, at: usize, counter: usize) -> &[u32] {
        let d = i64::try_from(counter).expect("small") - i64::try_from(at).expect("small");
        let low = Imm12::low(d);
        let high = u32::try_from((d - low.get()) >> 12 & 0xf_ffff).expect("masked");
        self.asm.rewrite(0, |a| a.auipc(X, high));
        self.asm.rewrite(1, |a| a.lw(Y, low, X));
        self.asm.rewrite(3, |a| a.sw(Y, low, X));
        self.asm.words()
    }

    fn place(&mut self, at: u16, why: Why) {
        let offset = u16::try_from(self.asm.offset()).expect("units are short");
        self.places.push(Place { offset, at, why });
    }

    /// Counts down, and leaves when it was 0. The counter's distance is left to `words`.
    fn count(&mut self, hot: Label) {
        self.asm.auipc(X, 0);
        self.asm.lw(Y, Imm12::ZERO, X);
        self.asm.addi(Y, Y, Imm12::of(-1));
        self.asm.sw(Y, Imm12::ZERO, X);
        self.asm.blt_to(Y, Xreg::ZERO, hot);
    }

    /// What stands behind the code: how it is left, and literals.
    fn behind(&mut self, hot: Label, poll: Label, loops: bool) {
        self.asm.bind(hot);
        self.place(0, Why::Hot);
        self.leave();
        if loops {
            self.asm.bind(poll);
            self.place(0, Why::Poll);
            self.leave();
        }
        for i in 0..self.stubs.len() {
            let (label, at) = self.stubs[i];
            self.asm.bind(label);
            self.place(at, Why::Evaluate);
            self.leave();
        }
        for i in 0..self.exits.len() {
            let stub = u16::try_from(self.asm.offset()).expect("units are short");
            self.exits[i].stub = stub;
            self.jump(self.exits[i].word, stub);
            self.place(0, Why::Exit(u8::try_from(i).expect("two at most")));
            self.leave();
            (0..VENEER_WORDS).for_each(|_| self.asm.ebreak());
        }
        if !self.literals.is_empty() && !self.asm.offset().is_multiple_of(8) {
            self.asm.ebreak();
        }
        for (label, v, zeros) in self.literals.drain(..) {
            self.asm.bind(label);
            for half in [v & 0xffff_ffff, v >> 32] {
                self.asm.word(u32::try_from(half).expect("a half"));
            }
            (0..2 * zeros).for_each(|_| self.asm.word(0));
        }
    }

    fn jump(&mut self, word: u16, to: u16) {
        let d = i64::from(to) - i64::from(word);
        let d = Off21::new(d).expect("units are short");
        let jump = |a: &mut Assembler| a.jal(Xreg::ZERO, d);
        self.asm.rewrite(usize::from(word) / 4, jump);
    }

    fn leave(&mut self) {
        self.asm.ld(SCRATCH, vcpu(abi::slot::LEAVE), abi::STATE);
        self.asm.jalr(abi::SCRATCH2, Imm12::ZERO, SCRATCH);
    }

    /// A label where this instruction is left to be evaluated.
    fn evaluate(&mut self) -> Label {
        if let Some((label, at)) = self.stubs.last()
            && *at == self.at
        {
            return *label;
        }
        let label = self.asm.label();
        self.stubs.push((label, self.at));
        label
    }

    /// A direct exit to `to`.
    fn exit(&mut self, to: GuestAddr) {
        let word = u16::try_from(self.asm.offset()).expect("units are short");
        self.exits.push(Exit {
            word,
            stub: 0,
            target: to.0,
        });
        self.asm.word(0);
    }

    fn literal(&mut self, d: Xreg, v: u64) {
        if Assembler::li_length(v) <= 2 {
            return self.asm.li(d, v);
        }
        let label = self.words_behind(v, 0);
        self.asm.ld_from(d, label);
    }

    /// Where `v` and so many zeros lie behind the code.
    fn words_behind(&mut self, v: u64, zeros: usize) -> Label {
        let same = |(_, w, n): &&(Label, u64, usize)| (*w, *n) == (v, zeros);
        if let Some((label, ..)) = self.literals.iter().find(same) {
            return *label;
        }
        let label = self.asm.label();
        self.literals.push((label, v, zeros));
        label
    }

    fn has(&self, f: Feature) -> bool {
        self.isa.has(f)
    }

    fn branch(&mut self, ready: Ready, to: Label) {
        control::branch(&mut self.asm, ready, to);
    }

    /// Base and displacement of `m`. The base may be `ADDRESS`.
    fn address(&mut self, m: Address) -> (Xreg, Imm12) {
        let mut disp = i64::from(m.disp);
        let mut base = match m.base {
            NO_REG => None,
            RIP_BASE => {
                let at = self.next.wrapping_add_signed(disp);
                disp = 0;
                self.literal(ADDRESS, at);
                Some(ADDRESS)
            }
            n => Some(g(Gpr::new(n & 15))),
        };
        if matches!(m.segment, Segment::Fs | Segment::Gs) {
            let at = if m.segment == Segment::Fs {
                offset::FS_BASE
            } else {
                offset::GS_BASE
            };
            let plus = base;
            let segment = if plus == Some(ADDRESS) {
                SCRATCH
            } else {
                ADDRESS
            };
            self.asm.ld(segment, off(at), abi::STATE);
            if let Some(plus) = plus {
                self.asm.add(ADDRESS, segment, plus);
            }
            base = Some(ADDRESS);
        }
        if m.index != NO_REG {
            let index = g(Gpr::new(m.index & 15));
            self.index(base, index, m.scale);
            base = Some(ADDRESS);
        }
        let Some(base) = base else {
            if let Some(i) = Imm12::new(disp) {
                return (Xreg::ZERO, i);
            }
            let low = Imm12::low(disp);
            self.asm
                .li(ADDRESS, disp.wrapping_sub(low.get()).cast_unsigned());
            return (ADDRESS, low);
        };
        if let Some(i) = Imm12::new(disp) {
            return (base, i);
        }
        let low = Imm12::low(disp);
        self.asm
            .li(SCRATCH, disp.wrapping_sub(low.get()).cast_unsigned());
        self.asm.add(ADDRESS, base, SCRATCH);
        (ADDRESS, low)
    }

    /// `ADDRESS` = base + index << scale.
    fn index(&mut self, base: Option<Xreg>, index: Xreg, scale: u8) {
        let Some(base) = base else {
            return self.asm.slli(ADDRESS, index, Shamt::new(scale.into()));
        };
        match scale {
            0 => self.asm.add(ADDRESS, base, index),
            1 if self.has(Feature::Zba) => self.asm.sh1add(ADDRESS, index, base),
            2 if self.has(Feature::Zba) => self.asm.sh2add(ADDRESS, index, base),
            3 if self.has(Feature::Zba) => self.asm.sh3add(ADDRESS, index, base),
            n => {
                self.asm.slli(SCRATCH, index, Shamt::new(n.into()));
                self.asm.add(ADDRESS, base, SCRATCH);
            }
        }
    }

    /// The address itself, in `ADDRESS` or a guest's register.
    fn plain_address(&mut self, m: Address) -> Xreg {
        let (base, disp) = self.address(m);
        if disp == Imm12::ZERO {
            return base;
        }
        self.asm.addi(ADDRESS, base, disp);
        ADDRESS
    }

    /// `d` = memory, zero-extended.
    fn load(&mut self, d: Xreg, w: Width, (base, disp): (Xreg, Imm12)) {
        match w {
            Width::W8 => self.asm.lbu(d, disp, base),
            Width::W16 => self.asm.lhu(d, disp, base),
            Width::W32 => self.asm.lwu(d, disp, base),
            Width::W64 => self.asm.ld(d, disp, base),
        }
        self.loaded();
    }

    /// x86 loads come before whatever follows (SDM vol. 3, 9.2.2).
    fn loaded(&mut self) {
        if !self.has(Feature::Ztso) {
            self.asm.fence(READ, READ | WRITE);
        }
    }

    /// x86 stores come after whatever was before.
    fn storing(&mut self) {
        if !self.has(Feature::Ztso) {
            self.asm.fence(READ | WRITE, WRITE);
        }
    }

    fn store(&mut self, s: Xreg, w: Width, (base, disp): (Xreg, Imm12)) {
        self.storing();
        match w {
            Width::W8 => self.asm.sb(s, disp, base),
            Width::W16 => self.asm.sh(s, disp, base),
            Width::W32 => self.asm.sw(s, disp, base),
            Width::W64 => self.asm.sd(s, disp, base),
        }
    }

    /// `d` = the low `w` bits of `s`, zero-extended.
    fn zext(&mut self, d: Xreg, s: Xreg, w: Width) {
        match w {
            Width::W64 if d == s => {}
            Width::W64 => self.asm.mv(d, s),
            Width::W8 => self.asm.andi(d, s, Imm12::of(255)),
            Width::W16 if self.has(Feature::Zbb) => self.asm.zext_h(d, s),
            Width::W32 if self.has(Feature::Zba) => self.asm.add_uw(d, s, Xreg::ZERO),
            _ => {
                let n = Shamt::new(u64::from(64 - w.bits()));
                self.asm.slli(d, s, n);
                self.asm.srli(d, d, n);
            }
        }
    }

    /// `d` = the low `w` bits of `s`, sign-extended.
    fn sext(&mut self, d: Xreg, s: Xreg, w: Width) {
        match w {
            Width::W64 if d == s => {}
            Width::W64 => self.asm.mv(d, s),
            Width::W32 => self.asm.addiw(d, s, Imm12::ZERO),
            Width::W8 if self.has(Feature::Zbb) => self.asm.sext_b(d, s),
            Width::W16 if self.has(Feature::Zbb) => self.asm.sext_h(d, s),
            _ => {
                let n = Shamt::new(u64::from(64 - w.bits()));
                self.asm.slli(d, s, n);
                self.asm.srai(d, d, n);
            }
        }
    }

    /// The low `w` bits of guest register `d` become those of `s`: the rest stays, or is zero at 32 bits.
    fn put(&mut self, d: Gpr, w: Width, s: Xreg) {
        self.flags.changed(g(d));
        let d = g(d);
        match w {
            Width::W64 | Width::W32 => self.zext(d, s, w),
            Width::W16 | Width::W8 => {
                self.zext(SCRATCH, s, w);
                if w == Width::W8 {
                    self.asm.andi(d, d, Imm12::of(-256));
                } else {
                    self.asm.srli(d, d, Shamt::new(16));
                    self.asm.slli(d, d, Shamt::new(16));
                }
                self.asm.or(d, d, SCRATCH);
            }
        }
    }
}

/// True if this code may be part of a loop that nothing else stops.
fn may_loop(start: GuestAddr, code: &[Quick]) -> bool {
    let end = start.offset(code.iter().map(|q| i64::from(q.len)).sum());
    match code.last().map(|last| last.kind) {
        Some(Kind::Jcc { to, .. } | Kind::Jmp { to } | Kind::Call { to }) => to < end,
        Some(
            Kind::Ret { .. }
            | Kind::JmpReg { .. }
            | Kind::JmpLoad { .. }
            | Kind::CallReg { .. }
            | Kind::CallLoad { .. },
        ) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
