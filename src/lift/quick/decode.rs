//! From bytes to a `Quick`, for the encodings that compilers use.
//!
//! `quick` is the definition: what it makes of iced-x86's reading of the bytes, `decode` makes of the
//! bytes themselves, several times as fast, or declines. It may decline anything; it does so for what is rare
//! (LOCK, AH to BH, 32-bit addresses, prefixes without effect). `tests` compares the two.
//!
//! A new encoding is a row of `map` and, if no present form fits, an arm of `without_modrm` or of
//! `with_register` and `with_memory`.

mod map;
#[cfg(test)]
mod tests;

use self::map::{Class, Form, GROUP_1, ONE_BYTE, Row, TWO_BYTE, prefix};
use super::{Address, Alu, FS_BASE, GS_BASE, Kind, NO_REG, Quick, RIP_BASE, Shift};
use crate::lift::region::MAX_INSN;
use crate::x86::{Cond, Gpr, GuestAddr, Width};

/// How many bytes `decode` looks at.
pub const LOOKS_AT: usize = 16;

/// The bytes of an instruction, one behind the other.
struct Bytes<'a> {
    bytes: &'a [u8; LOOKS_AT],
    /// How many were taken. Behind the last one reading begins again with the first: an instruction as
    /// long is declined in the end.
    at: usize,
}

impl Bytes<'_> {
    #[inline(always)]
    fn u8(&mut self) -> u8 {
        let b = self.bytes[self.at % LOOKS_AT];
        self.at += 1;
        b
    }

    #[inline(always)]
    fn i8(&mut self) -> i8 {
        self.u8().cast_signed()
    }

    #[inline(always)]
    fn i16(&mut self) -> i16 {
        i16::from_le_bytes([self.u8(), self.u8()])
    }

    #[inline(always)]
    fn i32(&mut self) -> i32 {
        i32::from_le_bytes([self.u8(), self.u8(), self.u8(), self.u8()])
    }

    /// Jb of the instruction at `ip`.
    #[inline(always)]
    fn target8(&mut self, ip: u64) -> GuestAddr {
        let by = self.i8().into();
        GuestAddr(ip.wrapping_add(self.at as u64)).offset(by)
    }

    /// Jz
    #[inline(always)]
    fn target32(&mut self, ip: u64) -> GuestAddr {
        let by = self.i32().into();
        GuestAddr(ip.wrapping_add(self.at as u64)).offset(by)
    }

    /// An immediate of width `w`, but at most 32 bits (Iz, or Ib for `W8`).
    #[inline(always)]
    fn imm(&mut self, w: Width) -> i32 {
        match w {
            Width::W8 => self.i8().into(),
            Width::W16 => self.i16().into(),
            Width::W32 | Width::W64 => self.i32(),
        }
    }
}

/// What operands depend on besides ModRM.
#[derive(Clone, Copy)]
struct Prefixes {
    /// `prefix` bits.
    legacy: u8,
    /// 0 without REX.
    rex: u8,
}

impl Prefixes {
    const fn has(self, legacy: u8) -> bool {
        self.legacy & legacy != 0
    }

    /// The width of v (SDM vol. 1, 3.6.1).
    const fn v(self) -> Width {
        if self.rex & 8 != 0 {
            Width::W64
        } else if self.has(prefix::OPERAND_SIZE) {
            Width::W16
        } else {
            Width::W32
        }
    }

    /// The width of b or v, as `opcode` says.
    const fn bv(self, opcode: u8) -> Width {
        if opcode & 1 == 0 { Width::W8 } else { self.v() }
    }

    /// The number in a byte's bits 2 to 0, with REX.B: ModRM.r/m, or the register in an opcode.
    const fn low(self, byte: u8) -> u8 {
        byte & 7 | self.rex << 3 & 8
    }

    /// ModRM.reg with REX.R.
    const fn reg(self, modrm: u8) -> u8 {
        modrm >> 3 & 7 | self.rex << 1 & 8
    }

    /// Register `n` as an operand of width `w`; `None` for AH to BH.
    fn gpr(self, n: u8, w: Width) -> Option<Gpr> {
        let high = w == Width::W8 && self.rex == 0 && n >= 4;
        (!high).then_some(Gpr::new(n % 16))
    }

    /// G as an operand of width `w`.
    fn g(self, modrm: u8, w: Width) -> Option<Gpr> {
        self.gpr(self.reg(modrm), w)
    }

    /// Gv; `None` if it has 16 bits, where those are rare.
    fn gv(self, modrm: u8) -> Option<Gpr> {
        (self.v() >= Width::W32).then_some(Gpr::new(self.reg(modrm)))
    }

    /// M (SDM vol. 2, tables 2-2 and 2-3; 2.2.1.6 for RIP).
    #[inline(always)]
    fn memory(self, modrm: u8, bytes: &mut Bytes<'_>) -> Option<Address> {
        let mode = modrm >> 6;
        let mut low = modrm;
        let mut m = Address {
            base: RIP_BASE,
            index: NO_REG,
            scale: 0,
            stack: false,
            disp: 0,
        };
        if low & 7 == 4 {
            let sib = bytes.u8();
            m.base = NO_REG;
            m.scale = sib >> 6;
            let index = sib >> 3 & 7 | self.rex << 2 & 8;
            if index != 4 {
                m.index = index;
            }
            low = sib;
        }
        if mode == 0 && low & 7 == 5 {
            m.disp = bytes.i32();
        } else {
            m.base = self.low(low);
            m.stack = m.base == Gpr::RSP.num() || m.base == Gpr::RBP.num();
            match mode {
                0 => {}
                1 => m.disp = bytes.i8().into(),
                _ => m.disp = bytes.i32(),
            }
        }
        match self.legacy & (prefix::FS | prefix::GS | prefix::CS) {
            0 => {}
            prefix::FS if m.base == NO_REG => m.base = FS_BASE,
            prefix::GS if m.base == NO_REG => m.base = GS_BASE,
            // Without effect in 64-bit mode.
            prefix::CS if !m.stack => {}
            _ => return None,
        }
        Some(m)
    }
}

const fn cond(opcode: u8) -> Cond {
    Cond::ALL[opcode as usize % 16]
}

/// The width of Eb or Ew.
const fn bw(opcode: u8) -> Width {
    if opcode & 1 == 0 {
        Width::W8
    } else {
        Width::W16
    }
}

/// Makes `q` the instruction at `ip` that `bytes` begin with, as `quick` has it (SDM vol. 2, 2.1 and
/// appendix A). `None` if it is not among the encodings known here; then `q` is anything.
///
/// In place, as to return a `Quick` in an `Option` costs half as much as to make it.
#[must_use]
pub fn decode(bytes: &[u8; LOOKS_AT], ip: u64, q: &mut Quick) -> Option<()> {
    let mut bytes = Bytes { bytes, at: 0 };
    let mut p = Prefixes { legacy: 0, rex: 0 };
    let mut opcode = bytes.u8();
    let mut row = &ONE_BYTE[usize::from(opcode)];
    while row.class == Class::Legacy {
        let bit = prefix::of(opcode);
        if p.has(bit) {
            return None;
        }
        p.legacy |= bit;
        opcode = bytes.u8();
        row = &ONE_BYTE[usize::from(opcode)];
    }
    if row.class == Class::Rex {
        p.rex = opcode;
        opcode = bytes.u8();
        row = &ONE_BYTE[usize::from(opcode)];
    }
    if row.class == Class::Escape {
        let map = match p.legacy & (prefix::OPERAND_SIZE | prefix::REP | prefix::REPNE) {
            0 => &TWO_BYTE[0],
            prefix::OPERAND_SIZE => &TWO_BYTE[1],
            prefix::REP => &TWO_BYTE[2],
            _ => return None,
        };
        opcode = bytes.u8();
        row = &map[usize::from(opcode)];
    } else if p.has(prefix::REP | prefix::REPNE) && opcode != 0xc3 {
        // REP RET was fast once.
        return None;
    }
    match row.class {
        Class::Plain => without_modrm(row, opcode, p, ip, &mut bytes, q)?,
        Class::ModRm => {
            let modrm = bytes.u8();
            if modrm >= 0xc0 {
                with_register(row, opcode, p, modrm, &mut bytes, q)?;
            } else {
                let m = p.memory(modrm, &mut bytes)?;
                with_memory(row, opcode, p, modrm, m, &mut bytes, q)?;
            }
        }
        _ => return None,
    }
    #[allow(clippy::cast_possible_truncation)] // At most 20.
    let len = bytes.at as u8;
    q.len = len;
    (bytes.at <= MAX_INSN).then_some(())
}

/// `decode` for an instruction without ModRM.
#[inline(always)]
fn without_modrm(
    row: &Row,
    opcode: u8,
    p: Prefixes,
    ip: u64,
    bytes: &mut Bytes<'_>,
    q: &mut Quick,
) -> Option<()> {
    if p.has(prefix::OPERAND_SIZE) && !matches!(row.form, Form::AluAI | Form::MovRIv | Form::Nop) {
        // The others have 64 bits without REX.W, and are rare with 16; or they are near branches, for which
        // processors differ.
        return None;
    }
    q.w = Width::W64;
    q.kind = match row.form {
        Form::AluAI => {
            q.w = p.bv(opcode);
            Kind::AluImm {
                op: row.alu,
                d: Gpr::RAX,
                imm: bytes.imm(q.w).into(),
            }
        }
        Form::MovRIb => {
            q.w = Width::W8;
            Kind::MovImm {
                d: p.gpr(p.low(opcode), Width::W8)?,
                imm: i64::from(bytes.i8()).cast_unsigned(),
            }
        }
        Form::MovRIv => {
            q.w = p.v();
            let low = i64::from(bytes.imm(q.w)).cast_unsigned();
            let imm = if q.w == Width::W64 {
                let high = i64::from(bytes.i32()).cast_unsigned();
                low & 0xffff_ffff | high << 32
            } else {
                low
            };
            let d = Gpr::new(p.low(opcode));
            Kind::MovImm { d, imm }
        }
        Form::PushR => Kind::Push {
            s: Gpr::new(p.low(opcode)),
        },
        Form::PopR => Kind::Pop {
            d: Gpr::new(p.low(opcode)),
        },
        Form::PushIz => Kind::PushImm {
            imm: bytes.i32().into(),
        },
        Form::PushIb => Kind::PushImm {
            imm: bytes.i8().into(),
        },
        Form::Leave => Kind::Leave,
        Form::Cbw if p.v() == Width::W64 => {
            q.w = Width::W32;
            let (d, s, to) = (Gpr::RAX, Gpr::RAX, Width::W64);
            Kind::Sign { d, s, to }
        }
        Form::Cwd => {
            q.w = p.v();
            Kind::SignOfRax
        }
        // With REX.B it is XCHG.
        Form::Nop if p.rex == 0 => Kind::Nop,
        Form::JccJb => Kind::Jcc {
            c: cond(opcode),
            to: bytes.target8(ip),
        },
        Form::JccJz => Kind::Jcc {
            c: cond(opcode),
            to: bytes.target32(ip),
        },
        Form::JmpJb => Kind::Jmp {
            to: bytes.target8(ip),
        },
        Form::JmpJz => Kind::Jmp {
            to: bytes.target32(ip),
        },
        Form::CallJz => Kind::Call {
            to: bytes.target32(ip),
        },
        Form::Ret => Kind::Ret { extra: 0 },
        Form::RetIw => Kind::Ret {
            extra: bytes.i16().cast_unsigned(),
        },
        _ => return None,
    };
    Some(())
}

/// `decode` for an instruction with ModRM whose E is a register.
#[inline(always)]
fn with_register(
    row: &Row,
    opcode: u8,
    p: Prefixes,
    modrm: u8,
    bytes: &mut Bytes<'_>,
    q: &mut Quick,
) -> Option<()> {
    let e = p.low(modrm);
    let n = modrm >> 3 & 7;
    let w = p.bv(opcode);
    q.w = w;
    q.kind = match row.form {
        Form::AluEG => Kind::AluReg {
            op: row.alu,
            d: p.gpr(e, w)?,
            s: p.g(modrm, w)?,
        },
        Form::AluGE => Kind::AluReg {
            op: row.alu,
            d: p.g(modrm, w)?,
            s: p.gpr(e, w)?,
        },
        Form::MovEG => Kind::MovReg {
            d: p.gpr(e, w)?,
            s: p.g(modrm, w)?,
        },
        Form::MovGE => Kind::MovReg {
            d: p.g(modrm, w)?,
            s: p.gpr(e, w)?,
        },
        Form::Group1 => Kind::AluImm {
            op: GROUP_1[usize::from(n)]?,
            d: p.gpr(e, w)?,
            imm: bytes.imm(w).into(),
        },
        Form::Group1EvIb => Kind::AluImm {
            op: GROUP_1[usize::from(n)]?,
            d: Gpr::new(e),
            imm: bytes.i8().into(),
        },
        Form::Group2EIb | Form::Group2E1 if w >= Width::W32 => {
            let op = match n {
                4 | 6 => Shift::Shl,
                5 => Shift::Shr,
                7 => Shift::Sar,
                _ => return None,
            };
            let one = matches!(row.form, Form::Group2E1);
            let n = if one { 1 } else { bytes.u8() };
            let n = n & if w == Width::W64 { 63 } else { 31 };
            if n == 0 {
                return None;
            }
            let d = Gpr::new(e);
            Kind::Shift { op, d, n }
        }
        Form::Group3E => match n {
            0 => Kind::AluImm {
                op: Alu::Test,
                d: p.gpr(e, w)?,
                imm: bytes.imm(w).into(),
            },
            2 => Kind::Not { d: p.gpr(e, w)? },
            3 => Kind::Neg { d: p.gpr(e, w)? },
            _ => return None,
        },
        Form::Group5E if n < 2 => Kind::Inc {
            d: p.gpr(e, w)?,
            down: n == 1,
        },
        Form::Group5E => {
            if w == Width::W8 || p.has(prefix::OPERAND_SIZE) {
                return None;
            }
            q.w = Width::W64;
            let s = Gpr::new(e);
            match n {
                2 => Kind::CallReg { s },
                4 => Kind::JmpReg { s },
                6 => Kind::Push { s },
                _ => return None,
            }
        }
        Form::MovEI if n == 0 => Kind::MovImm {
            d: p.gpr(e, w)?,
            imm: i64::from(bytes.imm(w)).cast_unsigned(),
        },
        Form::MovzxGvE => {
            q.w = bw(opcode);
            Kind::Zero {
                d: p.gv(modrm)?,
                s: p.gpr(e, q.w)?,
            }
        }
        Form::MovsxGvE => {
            q.w = bw(opcode);
            Kind::Sign {
                d: p.gv(modrm)?,
                s: p.gpr(e, q.w)?,
                to: p.v(),
            }
        }
        Form::MovsxdGvEd => {
            q.w = Width::W32;
            Kind::Sign {
                d: p.gv(modrm)?,
                s: Gpr::new(e),
                to: p.v(),
            }
        }
        Form::ImulGvEv => Kind::Mul {
            d: p.gv(modrm)?,
            s: Gpr::new(e),
        },
        Form::ImulGvEvIz => Kind::MulImm {
            d: p.gv(modrm)?,
            s: Gpr::new(e),
            imm: bytes.i32(),
        },
        Form::ImulGvEvIb => Kind::MulImm {
            d: p.gv(modrm)?,
            s: Gpr::new(e),
            imm: bytes.i8().into(),
        },
        Form::CmovGvEv => {
            q.w = p.v();
            Kind::Cmov {
                d: p.gv(modrm)?,
                s: Gpr::new(e),
                c: cond(opcode),
            }
        }
        Form::SetEb => {
            q.w = Width::W64;
            Kind::Set {
                d: p.gpr(e, Width::W8)?,
                c: cond(opcode),
            }
        }
        Form::NopEv if n == 0 => {
            q.w = Width::W64;
            Kind::Nop
        }
        Form::Endbr if modrm == 0xfa => {
            q.w = Width::W64;
            Kind::Nop
        }
        Form::MovVW => {
            q.w = Width::W64;
            Kind::MovVector {
                d: p.reg(modrm),
                s: e,
            }
        }
        Form::MovWV => {
            q.w = Width::W64;
            Kind::MovVector {
                d: e,
                s: p.reg(modrm),
            }
        }
        Form::XorVW if p.reg(modrm) == e => {
            q.w = Width::W64;
            Kind::ZeroVector { d: e }
        }
        _ => return None,
    };
    Some(())
}

/// `decode` for an instruction with ModRM whose E is memory, at `m`.
#[inline(always)]
fn with_memory(
    row: &Row,
    opcode: u8,
    p: Prefixes,
    modrm: u8,
    m: Address,
    bytes: &mut Bytes<'_>,
    q: &mut Quick,
) -> Option<()> {
    let n = modrm >> 3 & 7;
    let w = p.bv(opcode);
    q.w = w;
    q.kind = match row.form {
        Form::AluEG => Kind::AluStore {
            op: row.alu,
            s: p.g(modrm, w)?,
            m,
        },
        Form::AluGE => Kind::AluLoad {
            op: row.alu,
            d: p.g(modrm, w)?,
            m,
        },
        Form::MovEG => Kind::Store {
            s: p.g(modrm, w)?,
            m,
        },
        Form::MovGE if w >= Width::W32 => Kind::LoadZero {
            d: p.g(modrm, w)?,
            m,
        },
        Form::MovGE => Kind::Load {
            d: p.g(modrm, w)?,
            m,
        },
        Form::Group1 => Kind::AluStoreImm {
            op: GROUP_1[usize::from(n)]?,
            imm: bytes.imm(w),
            m,
        },
        Form::Group1EvIb => Kind::AluStoreImm {
            op: GROUP_1[usize::from(n)]?,
            imm: bytes.i8().into(),
            m,
        },
        Form::Group3E if n == 0 => Kind::AluStoreImm {
            op: Alu::Test,
            imm: bytes.imm(w),
            m,
        },
        Form::Group5E => {
            if w == Width::W8 || p.has(prefix::OPERAND_SIZE) {
                return None;
            }
            q.w = Width::W64;
            match n {
                2 => Kind::CallLoad { m },
                4 => Kind::JmpLoad { m },
                _ => return None,
            }
        }
        Form::MovEI if n == 0 => Kind::StoreImm {
            imm: bytes.imm(w),
            m,
        },
        Form::MovzxGvE => {
            q.w = bw(opcode);
            Kind::LoadZero { d: p.gv(modrm)?, m }
        }
        Form::MovsxGvE | Form::MovsxdGvEd => {
            let long = matches!(row.form, Form::MovsxdGvEd);
            q.w = if long { Width::W32 } else { bw(opcode) };
            Kind::LoadSign {
                d: p.gv(modrm)?,
                m,
                to: p.v(),
            }
        }
        // The segment does not count.
        Form::LeaGvM if !p.has(!prefix::OPERAND_SIZE) => Kind::Lea {
            d: Gpr::new(p.reg(modrm)),
            m,
        },
        Form::CmovGvEv => {
            q.w = p.v();
            Kind::CmovLoad {
                d: p.gv(modrm)?,
                m,
                c: cond(opcode),
            }
        }
        Form::NopEv if n == 0 => {
            q.w = Width::W64;
            Kind::Nop
        }
        Form::MovVW => {
            q.w = Width::W64;
            Kind::LoadVector {
                d: p.reg(modrm),
                m,
                aligned: row.aligned,
            }
        }
        Form::MovWV => {
            q.w = Width::W64;
            Kind::StoreVector {
                s: p.reg(modrm),
                m,
                aligned: row.aligned,
            }
        }
        _ => return None,
    };
    Some(())
}
