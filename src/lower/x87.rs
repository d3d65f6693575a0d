//! x87 instructions: loads, stores, exchanges and changes of sign inline, as far as they are exact and raise nothing,
//! and everything else by a call of `Helper::X87`.
//!
//! The inline way begins with what the helper would begin with: no exception pending, registers as empty or
//! full as they must be, numbers normal, results exact. Where one of these does not hold it has changed
//! nothing, and the helper does the instruction from its beginning (`helper::x87`).

use super::call::arg;
use super::{Lowerer, What, abi, mem};
use crate::ir::{Inst, Value};
use crate::rv64::{Feature, Imm12, Label, Shamt, Xreg};
use crate::x86::state::offset;
use crate::x86::x87op::{X87Op, X87Place, X87Word};

const U: Xreg = abi::SCRATCH;
const W: Xreg = abi::SCRATCH2;
const STATE: Xreg = abi::STATE;

/// The status word's ES, B and C1: an instruction that raises nothing clears them.
const CLEARED: u64 = 0x8280;
/// TOP in the status word.
const TOP: u64 = 11;
/// The exponent bias of a register, of single and of double precision.
const BIAS: u64 = 16383;

/// The format of a number in memory: the fraction's bits, the exponent's, and its bias.
struct Format {
    fraction: u64,
    exponent: u64,
    bias: u64,
}

const SINGLE: Format = Format {
    fraction: 23,
    exponent: 8,
    bias: 127,
};
const DOUBLE: Format = Format {
    fraction: 52,
    exponent: 11,
    bias: 1023,
};

/// What the inline way of an instruction works with.
struct Way {
    word: X87Word,
    /// The memory operand's address and, if lift loaded it, its value.
    at: Xreg,
    value: Xreg,
    /// Whether the address goes through SS.
    stack: bool,
    /// Status word; a physical register's number, then its address; significand; sign and exponent.
    f: Xreg,
    t: Xreg,
    m: Xreg,
    e: Xreg,
    slow: Label,
}

fn place(off: usize) -> Imm12 {
    Imm12::of(i64::try_from(off).expect("small"))
}

fn sh(n: u64) -> Shamt {
    Shamt::new(n)
}

/// Whether there is an inline way.
fn has_way(word: X87Word) -> bool {
    match word.op {
        X87Op::Ld | X87Op::St | X87Op::Xch | X87Op::Abs | X87Op::Chs => true,
        X87Op::LdConst => matches!(word.index, 0 | 6),
        X87Op::Istt => word.place.is_memory(),
        _ => false,
    }
}

impl Lowerer<'_> {
    /// `call` of `Helper::X87`.
    pub(super) fn call_x87(&mut self, v: Value, inst: &Inst) {
        let word = self.vals[inst.args[0].index()].konst;
        let way = word.and_then(X87Word::decode).filter(|w| has_way(*w));
        let [at, value] = [1, 2].map(|n| self.exact(inst.args[n]));
        if let (Some(word), Some(way)) = (word, way) {
            let [f, t, m, e] = [0; 4].map(|_| self.temp());
            let (slow, back) = (self.asm.label(), self.asm.label());
            self.x87_inline(&Way {
                word: way,
                at,
                value,
                stack: inst.imm & 2 != 0,
                f,
                t,
                m,
                e,
                slow,
            });
            self.asm.bind(back);
            self.asm.section(true);
            self.asm.bind(slow);
            self.x87_helper(inst, word, at, value);
            self.asm.jal_to(Xreg::ZERO, back);
            self.asm.section(false);
        } else {
            self.x87_helper(inst, word.unwrap_or(0), at, value);
        }
        // Those with an inline way give nothing. Flags may be wanted by a fault only, which counts as no use.
        if way.is_none() {
            self.integer_result(v);
        }
    }

    /// The helper touches neither general-purpose nor vector registers.
    fn x87_helper(&mut self, inst: &Inst, word: u64, at: Xreg, value: Xreg) {
        self.constant(U, word);
        for (i, r) in [U, at, value].into_iter().enumerate() {
            self.asm.sd(r, self.off(arg(i)), STATE);
        }
        self.call_quick_helper(inst);
    }

    fn x87_inline(&mut self, w: &Way) {
        self.asm.lhu(w.f, place(offset::FSW), STATE);
        self.asm.lhu(U, place(offset::FCW), STATE);
        self.asm.xori(U, U, Imm12::of(-1));
        self.asm.and(U, U, w.f);
        self.asm.andi(U, U, Imm12::of(0x3f));
        self.asm.bne_to(U, Xreg::ZERO, w.slow);
        self.asm.srli(w.t, w.f, sh(TOP));
        match w.word.op {
            X87Op::Ld | X87Op::LdConst => self.x87_load(w),
            X87Op::St | X87Op::Istt => self.x87_store(w),
            X87Op::Xch => self.x87_exchange(w),
            _ => {
                self.asm.andi(w.t, w.t, Imm12::of(7));
                self.x87_full(w.t, w.slow);
                self.x87_address(w.t);
                self.asm.lhu(w.e, place(offset::MM + 8), w.t);
                self.constant(U, 0x8000);
                if w.word.op == X87Op::Chs {
                    self.asm.xor(w.e, w.e, U);
                } else {
                    self.asm.or(w.e, w.e, U);
                    self.asm.xor(w.e, w.e, U);
                }
                self.asm.sd(w.e, place(offset::MM + 8), w.t);
                self.x87_status(w, None);
            }
        }
        self.constant(U, w.word.ip.0);
        self.asm.sd(U, place(offset::FIP), STATE);
        if w.word.place.is_memory() {
            self.asm.sd(w.at, place(offset::FDP), STATE);
        }
    }

    /// To `slow` if physical register `n` is empty; leaves the tags in `W`.
    fn x87_full(&mut self, n: Xreg, slow: Label) {
        self.x87_tag(n);
        self.asm.beq_to(U, Xreg::ZERO, slow);
    }

    /// U = 1 if physical register `n` is not empty; W = the tags.
    fn x87_tag(&mut self, n: Xreg) {
        self.asm.lhu(W, place(offset::FTW), STATE);
        self.asm.srl(U, W, n);
        self.asm.andi(U, U, Imm12::of(1));
    }

    /// The number of a physical register becomes an address, `offset::MM` below it.
    fn x87_address(&mut self, n: Xreg) {
        self.asm.slli(n, n, sh(4));
        self.asm.add(n, n, STATE);
    }

    /// Stores the status word, with its TOP as in `top`. Changes `f`, U and W.
    fn x87_status(&mut self, w: &Way, top: Option<Xreg>) {
        let cleared = CLEARED | if top.is_some() { 7 << TOP } else { 0 };
        self.constant(U, !cleared & 0xffff);
        self.asm.and(w.f, w.f, U);
        if let Some(t) = top {
            self.asm.slli(W, t, sh(TOP));
            self.asm.or(w.f, w.f, W);
        }
        self.asm.sh(w.f, place(offset::FSW), STATE);
    }

    /// A part of the memory operand, marked as an access.
    fn x87_access(&mut self, w: &Way, disp: u8, write: bool) -> Imm12 {
        self.point(What::Access {
            base: w.at.num(),
            disp: disp.into(),
            write,
            stack: w.stack,
            before: disp,
        });
        Imm12::of(disp.into())
    }

    fn x87_load(&mut self, w: &Way) {
        let (m, e) = (w.m, w.e);
        self.asm.addi(w.t, w.t, Imm12::of(-1));
        self.asm.andi(w.t, w.t, Imm12::of(7));
        self.x87_tag(w.t);
        self.asm.bne_to(U, Xreg::ZERO, w.slow);
        match (w.word.op, w.word.place) {
            (X87Op::LdConst, _) => {
                let one = w.word.index == 0;
                self.asm.addi(m, Xreg::ZERO, Imm12::of(-i64::from(one)));
                self.asm.slli(m, m, sh(63));
                self.constant(e, if one { BIAS } else { 0 });
            }
            (_, X87Place::M32) => self.x87_widen(w, &SINGLE),
            (_, X87Place::M64) => self.x87_widen(w, &DOUBLE),
            (_, X87Place::I16 | X87Place::I32 | X87Place::I64) => self.x87_integer(w),
            (_, X87Place::M80) => {
                let d = self.x87_access(w, 0, false);
                self.asm.ld(m, d, w.at);
                let d = self.x87_access(w, 8, false);
                self.asm.lhu(e, d, w.at);
                if !self.has(Feature::Ztso) {
                    self.asm.fence(mem::READ, mem::READ | mem::WRITE);
                }
            }
            (_, X87Place::Source | X87Place::Dest) => {
                let above = Imm12::of(i64::from(w.word.index) + 1);
                self.asm.addi(m, w.t, above);
                self.asm.andi(m, m, Imm12::of(7));
                self.x87_full(m, w.slow);
                self.x87_address(m);
                self.asm.lhu(e, place(offset::MM + 8), m);
                self.asm.ld(m, place(offset::MM), m);
            }
        }
        // From here on nothing goes wrong.
        self.asm.lhu(W, place(offset::FTW), STATE);
        self.asm.addi(U, Xreg::ZERO, Imm12::of(1));
        self.asm.sll(U, U, w.t);
        self.asm.or(W, W, U);
        self.asm.sh(W, place(offset::FTW), STATE);
        self.x87_status(w, Some(w.t));
        self.x87_address(w.t);
        self.asm.sd(m, place(offset::MM), w.t);
        self.asm.sd(e, place(offset::MM + 8), w.t);
    }

    /// A normal number of format `f`.
    fn x87_widen(&mut self, w: &Way, f: &Format) {
        let (m, e) = (w.m, w.e);
        let unused = 63 - f.fraction - f.exponent;
        self.asm.slli(e, w.value, sh(unused + 1));
        self.asm.srli(e, e, sh(64 - f.exponent));
        let last = (1 << f.exponent) - 2;
        self.asm.addi(U, e, Imm12::of(-1));
        self.asm.sltiu(U, U, Imm12::of(last));
        self.asm.beq_to(U, Xreg::ZERO, w.slow);
        // The integer bit is where the exponent's lowest is.
        self.asm.slli(m, w.value, sh(63 - f.fraction));
        self.asm.addi(U, Xreg::ZERO, Imm12::of(-1));
        self.asm.slli(U, U, sh(63));
        self.asm.or(m, m, U);
        self.constant(U, BIAS - f.bias);
        self.asm.add(e, e, U);
        self.asm.srli(U, w.value, sh(63 - unused));
        self.x87_sign(e);
    }

    /// The sign, bit 0 of U, into `e`.
    fn x87_sign(&mut self, e: Xreg) {
        self.asm.andi(U, U, Imm12::of(1));
        self.asm.slli(U, U, sh(15));
        self.asm.or(e, e, U);
    }

    /// An integer that is not 0.
    fn x87_integer(&mut self, w: &Way) {
        let (m, e) = (w.m, w.e);
        self.asm.beq_to(w.value, Xreg::ZERO, w.slow);
        self.asm.srai(U, w.value, sh(63));
        self.asm.xor(m, w.value, U);
        self.asm.sub(m, m, U);
        self.constant(e, BIAS + 63);
        if self.has(Feature::Zbb) {
            self.asm.clz(U, m);
            self.asm.sll(m, m, U);
            self.asm.sub(e, e, U);
        } else {
            for n in [32, 16, 8, 4, 2, 1] {
                let enough = self.asm.label();
                self.asm.srli(U, m, sh(64 - n));
                self.asm.bne_to(U, Xreg::ZERO, enough);
                self.asm.slli(m, m, sh(n));
                self.asm.addi(e, e, Imm12::of(-n.cast_signed()));
                self.asm.bind(enough);
            }
        }
        self.asm.srli(U, w.value, sh(63));
        self.x87_sign(e);
    }

    fn x87_store(&mut self, w: &Way) {
        let (m, e) = (w.m, w.e);
        self.asm.andi(w.t, w.t, Imm12::of(7));
        self.x87_full(w.t, w.slow);
        self.asm.slli(U, w.t, sh(4));
        self.asm.add(U, U, STATE);
        self.asm.ld(m, place(offset::MM), U);
        self.asm.lhu(e, place(offset::MM + 8), U);
        match w.word.place {
            X87Place::M32 => self.x87_narrow(w, &SINGLE),
            X87Place::M64 => self.x87_narrow(w, &DOUBLE),
            X87Place::I16 => self.x87_to_integer(w, 15),
            X87Place::I32 => self.x87_to_integer(w, 31),
            X87Place::I64 => self.x87_to_integer(w, 63),
            X87Place::M80 => {
                // All or nothing: the helper does what lies in two pages.
                self.asm.addi(U, w.at, Imm12::of(9));
                self.asm.xor(U, U, w.at);
                self.asm.srli(U, U, sh(12));
                self.asm.bne_to(U, Xreg::ZERO, w.slow);
            }
            X87Place::Source | X87Place::Dest => {}
        }
        if w.word.place.is_memory() && !self.has(Feature::Ztso) {
            self.asm.fence(mem::READ | mem::WRITE, mem::WRITE);
        }
        match w.word.place {
            X87Place::Source | X87Place::Dest => self.x87_to_register(w),
            X87Place::I16 => {
                let d = self.x87_access(w, 0, true);
                self.asm.sh(m, d, w.at);
            }
            X87Place::M32 | X87Place::I32 => {
                let d = self.x87_access(w, 0, true);
                self.asm.sw(m, d, w.at);
            }
            X87Place::M64 | X87Place::I64 => {
                let d = self.x87_access(w, 0, true);
                self.asm.sd(m, d, w.at);
            }
            X87Place::M80 => {
                let d = self.x87_access(w, 0, true);
                self.asm.sd(m, d, w.at);
                let d = self.x87_access(w, 8, true);
                self.asm.sh(e, d, w.at);
            }
        }
        if w.word.pops == 0 {
            self.x87_status(w, None);
            return;
        }
        self.asm.lhu(W, place(offset::FTW), STATE);
        self.asm.addi(U, Xreg::ZERO, Imm12::of(1));
        self.asm.sll(U, U, w.t);
        self.asm.or(W, W, U);
        self.asm.xor(W, W, U);
        self.asm.sh(W, place(offset::FTW), STATE);
        self.asm.addi(w.t, w.t, Imm12::of(1));
        self.asm.andi(w.t, w.t, Imm12::of(7));
        self.x87_status(w, Some(w.t));
    }

    /// ST(index) = ST(0).
    fn x87_to_register(&mut self, w: &Way) {
        let to = w.value;
        debug_assert_eq!(to, Xreg::ZERO, "no memory operand");
        // U holds the register's number, then its address.
        self.asm.addi(U, w.t, Imm12::of(w.word.index.into()));
        self.asm.andi(U, U, Imm12::of(7));
        self.asm.addi(W, Xreg::ZERO, Imm12::of(1));
        self.asm.sll(W, W, U);
        self.x87_address(U);
        self.asm.sd(w.m, place(offset::MM), U);
        self.asm.sd(w.e, place(offset::MM + 8), U);
        self.asm.lhu(U, place(offset::FTW), STATE);
        self.asm.or(U, U, W);
        self.asm.sh(U, place(offset::FTW), STATE);
    }

    /// `m` becomes a normal number of format `f`, if it is one exactly.
    fn x87_narrow(&mut self, w: &Way, f: &Format) {
        let (m, e) = (w.m, w.e);
        self.asm.bge_to(m, Xreg::ZERO, w.slow);
        self.asm.slli(U, m, sh(f.fraction + 1));
        self.asm.bne_to(U, Xreg::ZERO, w.slow);
        // The exponent.
        self.asm.slli(W, e, sh(49));
        self.asm.srli(W, W, sh(49));
        self.constant(U, BIAS - f.bias);
        self.asm.sub(W, W, U);
        self.asm.addi(U, W, Imm12::of(-1));
        self.asm.sltiu(U, U, Imm12::of((1 << f.exponent) - 2));
        self.asm.beq_to(U, Xreg::ZERO, w.slow);
        self.asm.slli(m, m, sh(1));
        self.asm.srli(m, m, sh(64 - f.fraction));
        self.asm.slli(W, W, sh(f.fraction));
        self.asm.or(m, m, W);
        self.asm.srli(U, e, sh(15));
        self.asm.slli(U, U, sh(f.fraction + f.exponent));
        self.asm.or(m, m, U);
    }

    /// `m` becomes an integer of less than 2^`bits` in magnitude, if it is one and not 0.
    fn x87_to_integer(&mut self, w: &Way, bits: i64) {
        let (m, e) = (w.m, w.e);
        self.asm.bge_to(m, Xreg::ZERO, w.slow);
        self.asm.slli(W, e, sh(49));
        self.asm.srli(W, W, sh(49));
        self.constant(U, BIAS);
        self.asm.sub(W, W, U);
        self.asm.sltiu(U, W, Imm12::of(bits));
        self.asm.beq_to(U, Xreg::ZERO, w.slow);
        self.asm.addi(U, W, Imm12::of(1));
        self.asm.sll(U, m, U);
        self.asm.bne_to(U, Xreg::ZERO, w.slow);
        self.asm.xori(W, W, Imm12::of(63));
        self.asm.srl(m, m, W);
        self.asm.srli(U, e, sh(15));
        self.asm.sub(W, Xreg::ZERO, U);
        self.asm.xor(m, m, W);
        self.asm.add(m, m, U);
    }

    fn x87_exchange(&mut self, w: &Way) {
        let (a, b) = (w.t, w.m);
        self.asm.addi(b, a, Imm12::of(w.word.index.into()));
        self.asm.andi(a, a, Imm12::of(7));
        self.asm.andi(b, b, Imm12::of(7));
        self.x87_full(a, w.slow);
        self.x87_full(b, w.slow);
        self.x87_address(a);
        self.x87_address(b);
        self.asm.ld(U, place(offset::MM), a);
        self.asm.ld(W, place(offset::MM), b);
        self.asm.sd(W, place(offset::MM), a);
        self.asm.sd(U, place(offset::MM), b);
        self.asm.lhu(U, place(offset::MM + 8), a);
        self.asm.lhu(W, place(offset::MM + 8), b);
        self.asm.sd(W, place(offset::MM + 8), a);
        self.asm.sd(U, place(offset::MM + 8), b);
        self.x87_status(w, None);
    }
}

const _: () = assert!(offset::MM + 16 * 8 <= 2048);
