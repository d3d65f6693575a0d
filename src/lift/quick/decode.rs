//! From bytes to a `Quick`, for the encodings that compilers use.
//!
//! `quick` is the definition: what it makes of iced-x86's reading of the bytes, `decode_run` makes of the
//! bytes themselves, several times as fast, or declines. It may decline anything; it does so for what is rare
//! (most of what has AH to BH, 32-bit addresses, prefixes without effect). `tests` compares the two.
//!
//! A new encoding is a row of `map` and, if no present form fits, an arm of `without_modrm` or of
//! `with_register` and `with_memory`.

mod map;
mod prefixed;
#[cfg(test)]
mod tests;
mod vector;

use self::map::{Class, Form, GROUP_1, ONE_BYTE, Row, TWO_BYTE, prefix};
use self::prefixed::prefixed;
use self::vector::{Place, is_vector, vector};
use super::{
    Address, Alu, Kind, Len, Locked, NO_REG, Quick, RIP_BASE, Scan, Segment, Shift, System,
};
use crate::lift::region::MAX_INSN;
use crate::x86::{Cond, Gpr, GuestAddr, Width};

/// How many bytes are looked at for an instruction.
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
        // Where there are not as many it is declined in the end.
        let rest = &self.bytes[self.at.min(LOOKS_AT - 4)..];
        self.at += 4;
        i32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]])
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
    /// 0 without REX. With VEX what REX would be.
    rex: u8,
    /// The register in VEX.vvvv, and the operands' length.
    vvvv: u8,
    len: Len,
    /// VEX.pp
    pp: u8,
}

impl Prefixes {
    const NONE: Prefixes = Prefixes {
        legacy: 0,
        rex: 0,
        vvvv: 0,
        len: Len::Legacy,
        pp: 0,
    };

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

    /// Register `n` op `imm`.
    fn alu_imm(self, op: Alu, n: u8, w: Width, imm: i32) -> Kind {
        match self.gpr(n, w) {
            Some(d) => Kind::AluImm {
                op,
                d,
                imm: imm.into(),
            },
            None => Kind::AluHigh {
                op,
                d: Gpr::new(n & 3),
                #[allow(clippy::cast_possible_truncation)] // It is an Ib.
                imm: imm as i8,
            },
        }
    }

    /// a of a vector instruction whose destination is `d`: that with the legacy encoding, which can do
    /// without only if VEX.vvvv names no register.
    const fn first(self, d: u8) -> u8 {
        if matches!(self.len, Len::Legacy) {
            d
        } else {
            self.vvvv
        }
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
            segment: Segment::None,
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
            if m.base == Gpr::RSP.num() || m.base == Gpr::RBP.num() {
                m.segment = Segment::Ss;
            }
            match mode {
                0 => {}
                1 => m.disp = bytes.i8().into(),
                _ => m.disp = bytes.i32(),
            }
        }
        match self.legacy & (prefix::FS | prefix::GS | prefix::CS) {
            0 => {}
            prefix::FS => m.segment = Segment::Fs,
            prefix::GS => m.segment = Segment::Gs,
            // Without effect in 64-bit mode.
            prefix::CS if !m.stack() => {}
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

/// What `decode_run` found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Run {
    /// How many instructions.
    pub insns: usize,
    /// How many bytes they have.
    pub len: usize,
    /// Whether the last one is a branch.
    pub ends: bool,
}

/// Makes `out` the instructions at `ip` that `bytes` begin with, as `quick` has them, up to a branch: as far as
/// they are known here, `LOOKS_AT` bytes are there for each, and there is room. Behind the last one `out` is
/// anything.
///
/// A run at once, as to call a function that decodes one costs a third of what it does.
pub fn decode_run(bytes: &[u8], ip: u64, out: &mut [Quick]) -> Run {
    let (mut insns, mut len, mut ends) = (0, 0, false);
    let mut rest = bytes;
    for q in out {
        let known = rest
            .first_chunk()
            .and_then(|b| one(b, ip.wrapping_add(len as u64), q));
        if known.is_none() {
            break;
        }
        rest = &rest[usize::from(q.len)..];
        insns += 1;
        len += usize::from(q.len);
        if q.kind.is_branch() {
            ends = true;
            break;
        }
    }
    Run { insns, len, ends }
}

/// Makes `q` the instruction at `ip` that `bytes` begin with, as `quick` has it (SDM vol. 2, 2.1 and
/// appendix A). `None` if it is not among the encodings known here; then `q` is anything.
///
/// In place, as to return a `Quick` in an `Option` costs half as much as to make it.
#[inline(always)]
fn one(bytes: &[u8; LOOKS_AT], ip: u64, q: &mut Quick) -> Option<()> {
    let mut bytes = Bytes { bytes, at: 0 };
    let mut p = Prefixes::NONE;
    let mut opcode = bytes.u8();
    let mut row = &ONE_BYTE[usize::from(opcode)];
    if row.class == Class::Rex {
        p.rex = opcode;
        opcode = bytes.u8();
        row = &ONE_BYTE[usize::from(opcode)];
    }
    if row.class == Class::Escape {
        opcode = bytes.u8();
        row = &TWO_BYTE[0][usize::from(opcode)];
        if row.form.is_vex() {
            return None;
        }
    }
    if !matches!(row.class, Class::Plain | Class::ModRm) {
        let found = prefixed(bytes.bytes, p.rex)?;
        (row, opcode, p, bytes.at) = (found.row, found.opcode, found.p, found.at);
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

/// `one` for an instruction without ModRM.
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
        Form::XchgR => {
            q.w = p.v();
            // In the order iced has them.
            let (d, s) = (Gpr::new(p.low(opcode)), Gpr::RAX);
            Kind::Xchg { d, s }
        }
        Form::Movs | Form::Stos if p.legacy == prefix::REP => {
            q.w = p.bv(opcode);
            let moves = matches!(row.form, Form::Movs);
            if moves && q.w == Width::W32 {
                return None;
            }
            Kind::Repeat { moves }
        }
        Form::BswapR => {
            q.w = p.v();
            let d = Gpr::new(p.low(opcode));
            Kind::Bswap { d }
        }
        Form::Cpuid => Kind::System(System::Cpuid),
        Form::Rdtsc => Kind::System(System::Rdtsc),
        Form::Syscall => Kind::System(System::Syscall),
        Form::ZeroUpper if p.len == Len::Vex128 && p.vvvv == 0 => Kind::ZeroUpper,
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

/// What is looked for by 0FBC and 0FBD.
const fn scan(opcode: u8, p: Prefixes) -> Scan {
    match (opcode & 1, p.has(prefix::REP)) {
        (0, false) => Scan::Bsf,
        (_, false) => Scan::Bsr,
        (0, true) => Scan::Tzcnt,
        (_, true) => Scan::Lzcnt,
    }
}

/// `one` for an instruction with ModRM whose E is a register.
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
        Form::AluEG | Form::Group1EvIb if p.has(prefix::LOCK) => return None,
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
        Form::Group1 if p.has(prefix::LOCK) => return None,
        Form::Group1 => {
            let (op, imm) = (GROUP_1[usize::from(n)]?, bytes.imm(w));
            p.alu_imm(op, e, w, imm)
        }
        Form::Group1EvIb => Kind::AluImm {
            op: GROUP_1[usize::from(n)]?,
            d: Gpr::new(e),
            imm: bytes.i8().into(),
        },
        Form::Group2EIb | Form::Group2E1 => {
            let one = matches!(row.form, Form::Group2E1);
            let by = if one { 1 } else { bytes.u8() };
            let by = by & if w == Width::W64 { 63 } else { 31 };
            if by == 0 {
                return None;
            }
            let d = p.gpr(e, w)?;
            if n < 2 && w >= Width::W32 {
                let left = n == 0;
                Kind::Rotate { left, d, n: by }
            } else {
                let op = shift(n)?;
                Kind::Shift { op, d, n: by }
            }
        }
        Form::Group2ECl if w >= Width::W32 => Kind::ShiftCl {
            op: shift(n)?,
            d: Gpr::new(e),
        },
        Form::CarryEG | Form::CarryGE if w >= Width::W32 => {
            let (g, e) = (Gpr::new(p.reg(modrm)), Gpr::new(e));
            let (d, s) = if matches!(row.form, Form::CarryEG) {
                (e, g)
            } else {
                (g, e)
            };
            let adds = opcode < 0x18;
            Kind::Carry { adds, d, s }
        }
        Form::XchgEG if w >= Width::W32 => Kind::Xchg {
            d: Gpr::new(e),
            s: Gpr::new(p.reg(modrm)),
        },
        Form::ScanGvEv => {
            q.w = p.v();
            let (d, s) = (p.gv(modrm)?, Gpr::new(e));
            Kind::Scan {
                op: scan(opcode, p),
                d,
                s,
            }
        }
        Form::BtEvGv => {
            q.w = p.v();
            let (s, d) = (p.gv(modrm)?, Gpr::new(e));
            Kind::BitTest { d, s }
        }
        Form::Group8EvIb if n == 4 => {
            q.w = p.v();
            p.gv(modrm)?;
            let n = bytes.u8() & if q.w == Width::W64 { 63 } else { 31 };
            let d = Gpr::new(e);
            Kind::BitTestImm { d, n }
        }
        Form::Group7 if modrm == 0xd0 && p.legacy == 0 => {
            q.w = Width::W64;
            Kind::System(System::Xgetbv)
        }
        Form::Group3E => match n {
            0 => {
                let imm = bytes.imm(w);
                p.alu_imm(Alu::Test, e, w, imm)
            }
            4 if w >= Width::W32 => Kind::MulRax { s: Gpr::new(e) },
            6 if w >= Width::W32 => Kind::DivRax { s: Gpr::new(e) },
            7 if w >= Width::W32 => Kind::IdivRax { s: Gpr::new(e) },
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
        form if form.has_vex() || is_vector(form) => {
            vector(row, p, modrm, Place::Register(e), bytes, q)?
        }
        _ => return None,
    };
    Some(())
}

/// `one` for an instruction with ModRM whose E is memory, at `m`.
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
        Form::AluEG | Form::Group1 | Form::Group1EvIb if p.has(prefix::LOCK) => {
            let alu = match row.form {
                Form::AluEG => Some(row.alu),
                _ => GROUP_1[usize::from(n)],
            };
            let op = match alu? {
                Alu::Add => Locked::Add,
                Alu::Sub => Locked::Sub,
                Alu::And => Locked::And,
                Alu::Or => Locked::Or,
                Alu::Xor => Locked::Xor,
                Alu::Cmp | Alu::Test => return None,
            };
            match row.form {
                Form::AluEG => {
                    let s = p.g(modrm, w)?;
                    Kind::Locked { op, s, m }
                }
                Form::Group1 => {
                    let imm = bytes.imm(w);
                    Kind::LockedImm { op, imm, m }
                }
                _ => {
                    let imm = bytes.i8().into();
                    Kind::LockedImm { op, imm, m }
                }
            }
        }
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
        Form::Group3E if n == 6 && w >= Width::W32 => Kind::DivLoad { m },
        Form::ScanGvEv => {
            q.w = p.v();
            let d = p.gv(modrm)?;
            Kind::ScanLoad {
                op: scan(opcode, p),
                d,
                m,
            }
        }
        Form::Group5E => {
            if w == Width::W8 || p.has(prefix::OPERAND_SIZE) {
                return None;
            }
            q.w = Width::W64;
            match n {
                2 => Kind::CallLoad { m },
                4 => Kind::JmpLoad { m },
                6 => Kind::PushLoad { m },
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
        Form::XchgEG => {
            let s = p.g(modrm, w)?;
            Kind::XchgLoad { s, m }
        }
        Form::CmpxchgEG | Form::XaddEG if p.has(prefix::LOCK) => {
            let op = if matches!(row.form, Form::XaddEG) {
                Locked::Xadd
            } else {
                Locked::Cmpxchg
            };
            let s = p.g(modrm, w)?;
            Kind::Locked { op, s, m }
        }
        Form::SetEb => {
            q.w = Width::W64;
            let c = cond(opcode);
            Kind::SetStore { m, c }
        }
        form if form.has_vex() || is_vector(form) => {
            vector(row, p, modrm, Place::Memory(m), bytes, q)?
        }
        _ => return None,
    };
    Some(())
}

/// The shifts of group 2, by ModRM.reg.
const fn shift(n: u8) -> Option<Shift> {
    match n {
        4 | 6 => Some(Shift::Shl),
        5 => Some(Shift::Shr),
        7 => Some(Shift::Sar),
        _ => None,
    }
}
