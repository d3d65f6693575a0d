//! Common instructions in a form that can be executed at once, for code that runs only a few times.
//!
//! A `Quick` is one guest instruction with its operands resolved; there is one for the common forms of
//! what programs and their C library run while they start, no 32-bit addresses. What it means is what the
//! instruction's row in `table` means: `interp::quick` executes it, and the same cases check both.
//!
//! Knows no memory and no host.

pub mod decode;
mod forms;
mod vector;

pub use vector::{Len, Packed};

use super::cx::Cx;
use crate::x86::{Cond, Gpr, GuestAddr, Width};
use iced_x86::{Code, ConditionCode, Instruction, Mnemonic, OpKind, Register};

/// An arithmetic or logical operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The mnemonics.
pub enum Alu {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Cmp,
    Test,
}

/// A shift by a constant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The mnemonics.
pub enum Shift {
    Shl,
    Shr,
    Sar,
}

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The mnemonics.
pub enum Scan {
    Bsf,
    Bsr,
    Tzcnt,
    Lzcnt,
}

/// An operation of BMI1 or BMI2; those with one source have it as b.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The mnemonics.
pub enum Bits {
    Andn,
    Blsr,
    Blsmsk,
    Blsi,
    Bzhi,
    Shlx,
    Shrx,
    Sarx,
}

/// What is done to memory at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The mnemonics.
pub enum Locked {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Xadd,
    Cmpxchg,
}

/// See `Kind::System`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The mnemonics.
pub enum System {
    Cpuid,
    Rdtsc,
    Xgetbv,
    Syscall,
}

/// Where a memory operand is: base + index * scale + displacement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(align(8))] // Copied as one word.
pub struct Address {
    /// The base register's number; 16 for none, 17 for RIP, which is the address of the next instruction.
    pub base: u8,
    /// The index register's number; 16 for none.
    pub index: u8,
    /// Log2 of the scale.
    pub scale: u8,
    /// The segment.
    pub segment: Segment,
    /// The displacement.
    pub disp: i32,
}

/// What of a segment counts in 64-bit mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segment {
    /// DS, ES or CS.
    None,
    /// SS: what is not canonical is #SS.
    Ss,
    /// FS: its base is added.
    Fs,
    /// GS: the same.
    Gs,
}

impl Address {
    /// Whether it goes through SS.
    #[must_use]
    pub const fn stack(self) -> bool {
        matches!(self.segment, Segment::Ss)
    }
}

/// `Address::base` and `index` for none.
pub const NO_REG: u8 = 16;
/// `Address::base` for RIP.
pub const RIP_BASE: u8 = 17;

/// Copied often: two words and what fits into a third.
const _: () = assert!(size_of::<Quick>() <= 24);

/// What a `Quick` does. `w` is the operation's width; registers narrower than 32 bits keep their other
/// bits, 32-bit ones are zero-extended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The operands: d, s registers; m memory; imm.
pub enum Kind {
    /// d = s
    MovReg { d: Gpr, s: Gpr },
    /// d = imm
    MovImm { d: Gpr, imm: u64 },
    /// d = memory, `w` bits
    Load { d: Gpr, m: Address },
    /// All of d = memory, `w` bits, zero-extended
    LoadZero { d: Gpr, m: Address },
    /// d, `to` wide, = memory, `w` bits, sign-extended
    LoadSign { d: Gpr, m: Address, to: Width },
    /// Memory = s
    Store { s: Gpr, m: Address },
    /// Memory = imm
    StoreImm { imm: i32, m: Address },
    /// All of d = the low `w` bits of s, zero-extended
    Zero { d: Gpr, s: Gpr },
    /// d, `to` wide, = the low `w` bits of s, sign-extended
    Sign { d: Gpr, s: Gpr, to: Width },
    /// d = address
    Lea { d: Gpr, m: Address },
    /// d = d op s
    AluReg { op: Alu, d: Gpr, s: Gpr },
    /// d = d op imm
    AluImm { op: Alu, d: Gpr, imm: i64 },
    /// d = d op memory
    AluLoad { op: Alu, d: Gpr, m: Address },
    /// Memory = memory op s
    AluStore { op: Alu, s: Gpr, m: Address },
    /// Memory = memory op imm
    AluStoreImm { op: Alu, imm: i32, m: Address },
    /// d = d + 1 or d - 1, CF stays
    Inc { d: Gpr, down: bool },
    /// d = ~d
    Not { d: Gpr },
    /// d = -d
    Neg { d: Gpr },
    /// d = d shifted by a count that is not 0
    Shift { op: Shift, d: Gpr, n: u8 },
    /// d = d shifted by CL, `w` 32 or 64
    ShiftCl { op: Shift, d: Gpr },
    /// d = d rotated by a count that is not 0, `w` 32 or 64
    Rotate { left: bool, d: Gpr, n: u8 },
    /// d and s change places, `w` 32 or 64
    Xchg { d: Gpr, s: Gpr },
    /// RDX:RAX = RAX * s, `w` 32 or 64
    MulRax { s: Gpr },
    /// RAX and RDX = RDX:RAX / s, unsigned, and what is left, `w` 32 or 64
    DivRax { s: Gpr },
    /// The same by memory
    DivLoad { m: Address },
    /// The same, signed, by a register
    IdivRax { s: Gpr },
    /// d's bytes in the other order, `w` 32 or 64
    Bswap { d: Gpr },
    /// d = d + s + CF, or d - s - CF, `w` 32 or 64
    Carry { adds: bool, d: Gpr, s: Gpr },
    /// d = the number of a bit of s, `w` 32 or 64
    Scan { op: Scan, d: Gpr, s: Gpr },
    /// The same of memory
    ScanLoad { op: Scan, d: Gpr, m: Address },
    /// d = a op b, `w` 32 or 64
    Bits { op: Bits, d: Gpr, a: Gpr, b: Gpr },
    /// CF = bit s of d, `w` 32 or 64
    BitTest { d: Gpr, s: Gpr },
    /// CF = bit n of d, `w` 32 or 64
    BitTestImm { d: Gpr, n: u8 },
    /// AH, CH, DH or BH (bits 15:8 of d) = itself op imm
    AluHigh { op: Alu, d: Gpr, imm: i8 },
    /// Memory, 8 bits, = condition
    SetStore { m: Address, c: Cond },
    /// PUSH of 64 bits of memory
    PushLoad { m: Address },
    /// s and memory change places, at once
    XchgLoad { s: Gpr, m: Address },
    /// LOCK op of memory and s
    Locked { op: Locked, s: Gpr, m: Address },
    /// LOCK op of memory and imm
    LockedImm { op: Locked, imm: i32, m: Address },
    /// REP STOS, or MOVS
    Repeat { moves: bool },
    /// An instruction about the processor
    System(System),
    /// d = d * s, `w` 32 or 64
    Mul { d: Gpr, s: Gpr },
    /// d = s * imm, `w` 32 or 64
    MulImm { d: Gpr, s: Gpr, imm: i32 },
    /// LEAVE
    Leave,
    /// Vector register d = s
    MovVector { d: u8, s: u8, len: Len },
    /// d = memory; `aligned`: #GP if the address is not
    LoadVector {
        d: u8,
        m: Address,
        aligned: bool,
        len: Len,
    },
    /// Memory = s
    StoreVector {
        s: u8,
        m: Address,
        aligned: bool,
        len: Len,
    },
    /// d = 0
    ZeroVector { d: u8, len: Len },
    /// d = a op b
    Packed {
        op: Packed,
        d: u8,
        a: u8,
        b: u8,
        n: u8,
        len: Len,
    },
    /// d = a op memory
    PackedLoad {
        op: Packed,
        d: u8,
        a: u8,
        n: u8,
        len: Len,
        m: Address,
    },
    /// d = memory, `w` bits, zeros above
    LoadLow { d: u8, m: Address, len: Len },
    /// One half of d = memory, 64 bits
    LoadHalf { d: u8, m: Address, high: bool },
    /// Memory = the lowest `w` bits of s, or of its high half
    StoreHalf { s: u8, m: Address, high: bool },
    /// d = the lowest `w` bits of s, zeros above
    FromGpr { d: u8, s: Gpr, len: Len },
    /// All of d = the lowest `w` bits of vector register s, zero-extended
    ToGpr { d: Gpr, s: u8 },
    /// All of d = the signs of s's lanes
    MoveMask { d: Gpr, s: u8, len: Len },
    /// VZEROUPPER
    ZeroUpper,
    /// RDX = copies of RAX's sign (CWD, CDQ, CQO)
    SignOfRax,
    /// PUSH of 64 bits
    Push { s: Gpr },
    /// PUSH of an immediate
    PushImm { imm: i64 },
    /// POP of 64 bits
    Pop { d: Gpr },
    /// d, 8 bits, = condition
    Set { d: Gpr, c: Cond },
    /// d = condition ? s : d
    Cmov { d: Gpr, s: Gpr, c: Cond },
    /// d = condition ? memory : d, but reads memory in any case
    CmovLoad { d: Gpr, m: Address, c: Cond },
    /// Nothing
    Nop,
    /// Goes to `to` if the condition holds, else to the next instruction
    Jcc { c: Cond, to: GuestAddr },
    /// Goes to `to`
    Jmp { to: GuestAddr },
    /// Calls `to`
    Call { to: GuestAddr },
    /// Returns, and removes `extra` bytes
    Ret { extra: u16 },
    /// Goes to the address in s
    JmpReg { s: Gpr },
    /// Goes to the address in memory
    JmpLoad { m: Address },
    /// Calls the address in s
    CallReg { s: Gpr },
    /// Calls the address in memory
    CallLoad { m: Address },
    /// What has no such form: whoever made this keeps the instruction's IR, as it says
    Lifted { first: u32, pool: u32 },
}

impl Kind {
    /// Whether it reads status flags.
    #[must_use]
    pub const fn reads_flags(self) -> bool {
        matches!(
            self,
            Kind::Set { .. }
                | Kind::Carry { .. }
                | Kind::SetStore { .. }
                | Kind::Cmov { .. }
                | Kind::CmovLoad { .. }
                | Kind::Jcc { .. }
                | Kind::System(System::Syscall)
        )
    }

    /// Whether control may go on elsewhere than at the next instruction.
    #[must_use]
    #[inline]
    pub const fn is_branch(self) -> bool {
        matches!(
            self,
            Kind::Jcc { .. }
                | Kind::Jmp { .. }
                | Kind::Call { .. }
                | Kind::Ret { .. }
                | Kind::JmpReg { .. }
                | Kind::JmpLoad { .. }
                | Kind::CallReg { .. }
                | Kind::CallLoad { .. }
                | Kind::System(System::Syscall)
        )
    }
}

/// A guest instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quick {
    /// What it does.
    pub kind: Kind,
    /// Its width.
    pub w: Width,
    /// How many bytes it has.
    pub len: u8,
}

impl Default for Quick {
    /// Nothing, of no length.
    fn default() -> Quick {
        Quick {
            kind: Kind::Nop,
            w: Width::W64,
            len: 0,
        }
    }
}

/// An operand.
#[derive(Clone, Copy)]
enum Operand {
    Reg(Gpr, Width),
    Mem(Address, Width),
    Imm(i64),
}

/// `insn` in this form, if it is one of those.
#[must_use]
pub fn quick(insn: &Instruction) -> Option<Quick> {
    let mut w = Width::W64;
    if vector::concerns(insn) {
        let kind = vector::kind(insn, &mut w)?;
        let len = u8::try_from(insn.len()).ok()?;
        return Some(Quick { kind, w, len });
    }
    let kind = match insn.mnemonic() {
        Mnemonic::Mov => match operands(insn, &mut w)? {
            (Operand::Reg(d, _), Operand::Reg(s, _)) => Kind::MovReg { d, s },
            (Operand::Reg(d, _), Operand::Imm(imm)) => Kind::MovImm {
                d,
                imm: imm.cast_unsigned(),
            },
            (Operand::Reg(d, Width::W32 | Width::W64), Operand::Mem(m, _)) => {
                Kind::LoadZero { d, m }
            }
            (Operand::Reg(d, _), Operand::Mem(m, _)) => Kind::Load { d, m },
            (Operand::Mem(m, _), Operand::Reg(s, _)) => Kind::Store { s, m },
            (Operand::Mem(m, _), Operand::Imm(imm)) => Kind::StoreImm {
                imm: i32::try_from(imm).ok()?,
                m,
            },
            _ => return None,
        },
        Mnemonic::Lea => match (operand(insn, 0)?, insn.op_kind(1)) {
            (Operand::Reg(d, wd), OpKind::Memory) => {
                w = wd;
                let m = address(insn)?;
                // The segment does not count.
                if matches!(m.segment, Segment::Fs | Segment::Gs) {
                    return None;
                }
                Kind::Lea { d, m }
            }
            _ => return None,
        },
        m @ (Mnemonic::Add
        | Mnemonic::Sub
        | Mnemonic::And
        | Mnemonic::Or
        | Mnemonic::Xor
        | Mnemonic::Cmp
        | Mnemonic::Test) => {
            let op = match m {
                Mnemonic::Add => Alu::Add,
                Mnemonic::Sub => Alu::Sub,
                Mnemonic::And => Alu::And,
                Mnemonic::Or => Alu::Or,
                Mnemonic::Xor => Alu::Xor,
                Mnemonic::Cmp => Alu::Cmp,
                _ => Alu::Test,
            };
            if insn.has_lock_prefix() {
                let kind = forms::locked(insn, &mut w)?;
                let len = u8::try_from(insn.len()).ok()?;
                return Some(Quick { kind, w, len });
            }
            if let Some((d, imm)) = forms::high_byte(insn) {
                w = Width::W8;
                let len = u8::try_from(insn.len()).ok()?;
                let kind = Kind::AluHigh { op, d, imm };
                return Some(Quick { kind, w, len });
            }
            match operands(insn, &mut w)? {
                (Operand::Reg(d, _), Operand::Reg(s, _)) => Kind::AluReg { op, d, s },
                (Operand::Reg(d, _), Operand::Imm(imm)) => Kind::AluImm { op, d, imm },
                (Operand::Reg(d, _), Operand::Mem(m, _)) => Kind::AluLoad { op, d, m },
                (Operand::Mem(m, _), Operand::Reg(s, _)) => Kind::AluStore { op, s, m },
                (Operand::Mem(m, _), Operand::Imm(imm)) => Kind::AluStoreImm {
                    op,
                    imm: i32::try_from(imm).ok()?,
                    m,
                },
                _ => return None,
            }
        }
        m @ (Mnemonic::Movzx | Mnemonic::Movsx | Mnemonic::Movsxd) => {
            let (Operand::Reg(d, to), from) = (operand(insn, 0)?, operand(insn, 1)?) else {
                return None;
            };
            if to < Width::W32 {
                return None;
            }
            match (m, from) {
                (Mnemonic::Movzx, Operand::Reg(s, ws)) => {
                    w = ws;
                    Kind::Zero { d, s }
                }
                (Mnemonic::Movzx, Operand::Mem(m, wm)) => {
                    w = wm;
                    Kind::LoadZero { d, m }
                }
                (_, Operand::Reg(s, ws)) => {
                    w = ws;
                    Kind::Sign { d, s, to }
                }
                (_, Operand::Mem(m, wm)) => {
                    w = wm;
                    Kind::LoadSign { d, m, to }
                }
                _ => return None,
            }
        }
        Mnemonic::Push if insn.stack_pointer_increment() == -8 => match operand(insn, 0)? {
            Operand::Reg(s, Width::W64) => Kind::Push { s },
            Operand::Imm(imm) => Kind::PushImm { imm },
            Operand::Mem(m, Width::W64) => Kind::PushLoad { m },
            _ => return None,
        },
        Mnemonic::Pop => match operand(insn, 0)? {
            Operand::Reg(d, Width::W64) => Kind::Pop { d },
            _ => return None,
        },
        Mnemonic::Jmp => match target(insn)? {
            Target::Known(to) => Kind::Jmp { to },
            Target::Reg(s) => Kind::JmpReg { s },
            Target::Mem(m) => Kind::JmpLoad { m },
        },
        Mnemonic::Call => match target(insn)? {
            Target::Known(to) => Kind::Call { to },
            Target::Reg(s) => Kind::CallReg { s },
            Target::Mem(m) => Kind::CallLoad { m },
        },
        Mnemonic::Ret => {
            let code = insn.code();
            if code == Code::Retnq {
                Kind::Ret { extra: 0 }
            } else if code == Code::Retnq_imm16 {
                Kind::Ret {
                    extra: insn.immediate16(),
                }
            } else {
                return None;
            }
        }
        Mnemonic::Nop | Mnemonic::Endbr64 => Kind::Nop,
        m @ (Mnemonic::Inc | Mnemonic::Dec) => match operand(insn, 0)? {
            Operand::Reg(d, wd) => {
                w = wd;
                let down = m == Mnemonic::Dec;
                Kind::Inc { d, down }
            }
            _ => return None,
        },
        m @ (Mnemonic::Not | Mnemonic::Neg) => match operand(insn, 0)? {
            Operand::Reg(d, wd) => {
                w = wd;
                if m == Mnemonic::Not {
                    Kind::Not { d }
                } else {
                    Kind::Neg { d }
                }
            }
            _ => return None,
        },
        m @ (Mnemonic::Shl | Mnemonic::Sal | Mnemonic::Shr | Mnemonic::Sar) => {
            let op = match m {
                Mnemonic::Shr => Shift::Shr,
                Mnemonic::Sar => Shift::Sar,
                _ => Shift::Shl,
            };
            let Operand::Reg(d, wd) = operand(insn, 0)? else {
                return None;
            };
            w = wd;
            match operand(insn, 1)? {
                Operand::Imm(n) => {
                    let n = n & if w == Width::W64 { 63 } else { 31 };
                    if n == 0 {
                        return None;
                    }
                    Kind::Shift {
                        op,
                        d,
                        n: u8::try_from(n).ok()?,
                    }
                }
                Operand::Reg(..) if w >= Width::W32 => Kind::ShiftCl { op, d },
                _ => return None,
            }
        }
        Mnemonic::Imul if insn.op_count() > 1 => {
            let (Operand::Reg(d, wd @ (Width::W32 | Width::W64)), Operand::Reg(s, _)) =
                (operand(insn, 0)?, operand(insn, 1)?)
            else {
                return None;
            };
            w = wd;
            if insn.op_count() == 2 {
                Kind::Mul { d, s }
            } else {
                let Operand::Imm(imm) = operand(insn, 2)? else {
                    return None;
                };
                let imm = w.sext(imm.cast_unsigned());
                Kind::MulImm {
                    d,
                    s,
                    imm: i32::try_from(imm).ok()?,
                }
            }
        }
        Mnemonic::Leave if insn.code() == Code::Leaveq => Kind::Leave,
        Mnemonic::Cdqe => {
            w = Width::W32;
            Kind::Sign {
                d: Gpr::RAX,
                s: Gpr::RAX,
                to: Width::W64,
            }
        }
        Mnemonic::Cdq => {
            w = Width::W32;
            Kind::SignOfRax
        }
        Mnemonic::Cqo => Kind::SignOfRax,
        _ if insn.condition_code() == ConditionCode::None => forms::kind(insn, &mut w)?,
        _ => {
            let c = condition(insn.condition_code())?;
            if insn.is_jcc_short_or_near() {
                if insn.op_kind(0) != OpKind::NearBranch64 {
                    return None;
                }
                Kind::Jcc {
                    c,
                    to: GuestAddr(insn.near_branch_target()),
                }
            } else if insn.op_count() == 1 {
                match operand(insn, 0)? {
                    Operand::Reg(d, Width::W8) => Kind::Set { d, c },
                    Operand::Mem(m, Width::W8) => Kind::SetStore { m, c },
                    _ => return None,
                }
            } else {
                match operands(insn, &mut w)? {
                    (Operand::Reg(d, Width::W32 | Width::W64), Operand::Reg(s, _)) => {
                        Kind::Cmov { d, s, c }
                    }
                    (Operand::Reg(d, Width::W32 | Width::W64), Operand::Mem(m, _)) => {
                        Kind::CmovLoad { d, m, c }
                    }
                    _ => return None,
                }
            }
        }
    };
    Some(Quick {
        kind,
        w,
        len: u8::try_from(insn.len()).ok()?,
    })
}

/// What a near JMP or CALL goes to.
enum Target {
    Known(GuestAddr),
    Reg(Gpr),
    Mem(Address),
}

fn target(insn: &Instruction) -> Option<Target> {
    match insn.op_kind(0) {
        OpKind::NearBranch64 => Some(Target::Known(GuestAddr(insn.near_branch_target()))),
        OpKind::Register | OpKind::Memory
            if !insn.is_jmp_far_indirect() && !insn.is_call_far_indirect() =>
        {
            match operand(insn, 0)? {
                Operand::Reg(s, Width::W64) => Some(Target::Reg(s)),
                Operand::Mem(m, Width::W64) => Some(Target::Mem(m)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Both operands, of the same width, which goes to `w`; an immediate is sign-extended from there.
fn operands(insn: &Instruction, w: &mut Width) -> Option<(Operand, Operand)> {
    let (a, b) = (operand(insn, 0)?, operand(insn, 1)?);
    match (a, b) {
        (Operand::Reg(_, wa) | Operand::Mem(_, wa), _) => *w = wa,
        _ => return None,
    }
    match b {
        Operand::Reg(_, wb) | Operand::Mem(_, wb) if wb != *w => None,
        Operand::Imm(imm) => Some((a, Operand::Imm(w.sext(imm.cast_unsigned())))),
        _ => Some((a, b)),
    }
}

fn operand(insn: &Instruction, n: u32) -> Option<Operand> {
    match insn.op_kind(n) {
        OpKind::Register => {
            let (g, lsb, w) = Cx::gpr_of(insn.op_register(n)).ok()?;
            (lsb == 0).then_some(Operand::Reg(g, w))
        }
        OpKind::Memory => {
            let w = Width::from_bytes(insn.memory_size().size())?;
            Some(Operand::Mem(address(insn)?, w))
        }
        OpKind::Immediate8
        | OpKind::Immediate16
        | OpKind::Immediate32
        | OpKind::Immediate64
        | OpKind::Immediate8to16
        | OpKind::Immediate8to32
        | OpKind::Immediate8to64
        | OpKind::Immediate32to64 => Some(Operand::Imm(insn.immediate(n).cast_signed())),
        _ => None,
    }
}

fn address(insn: &Instruction) -> Option<Address> {
    let (base, index) = (insn.memory_base(), insn.memory_index());
    let reg = |r: Register| match r {
        Register::None => Some(NO_REG),
        _ => match Cx::gpr_of(r) {
            Ok((g, _, Width::W64)) => Some(g.num()),
            _ => None,
        },
    };
    let mut disp = insn.memory_displacement64();
    if base == Register::RIP {
        // iced gives the sum.
        disp = disp.wrapping_sub(insn.next_ip());
    }
    let mut m = Address {
        base: if base == Register::RIP {
            RIP_BASE
        } else {
            reg(base)?
        },
        index: reg(index)?,
        scale: u8::try_from(insn.memory_index_scale().trailing_zeros()).ok()?,
        segment: Segment::None,
        disp: i32::try_from(disp.cast_signed()).ok()?,
    };
    if m.base == NO_REG && m.index == NO_REG && insn.memory_displ_size() == 4 {
        // An absolute address with a 32-bit address size.
        return None;
    }
    m.segment = match insn.memory_segment() {
        Register::SS => Segment::Ss,
        Register::FS => Segment::Fs,
        Register::GS => Segment::Gs,
        _ => Segment::None,
    };
    Some(m)
}

fn condition(c: ConditionCode) -> Option<Cond> {
    let n = match c {
        ConditionCode::None => return None,
        ConditionCode::o => 0,
        ConditionCode::no => 1,
        ConditionCode::b => 2,
        ConditionCode::ae => 3,
        ConditionCode::e => 4,
        ConditionCode::ne => 5,
        ConditionCode::be => 6,
        ConditionCode::a => 7,
        ConditionCode::s => 8,
        ConditionCode::ns => 9,
        ConditionCode::p => 10,
        ConditionCode::np => 11,
        ConditionCode::l => 12,
        ConditionCode::ge => 13,
        ConditionCode::le => 14,
        ConditionCode::g => 15,
    };
    Some(Cond::ALL[n])
}
