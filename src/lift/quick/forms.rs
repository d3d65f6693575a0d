//! The less frequent integer instructions in `quick` form: what appears in start-up code, in the C library
//! and in locks.

use super::{Bits, Kind, Locked, Operand, Scan, System, operand, operands};
use crate::lift::cx::Cx;
use crate::x86::{Gpr, Width};
use iced_x86::{Code, Instruction, Mnemonic, OpKind};

/// `insn` in such a form, without those of `quick` itself; sets its width.
pub(super) fn kind(insn: &Instruction, w: &mut Width) -> Option<Kind> {
    let register = |n| match operand(insn, n)? {
        Operand::Reg(r, wr @ (Width::W32 | Width::W64)) => Some((r, wr)),
        _ => None,
    };
    let system = match insn.mnemonic() {
        Mnemonic::Cpuid => Some(System::Cpuid),
        Mnemonic::Rdtsc => Some(System::Rdtsc),
        Mnemonic::Xgetbv => Some(System::Xgetbv),
        Mnemonic::Syscall => Some(System::Syscall),
        _ => None,
    };
    if let Some(system) = system {
        return Some(Kind::System(system));
    }
    Some(match insn.mnemonic() {
        m @ (Mnemonic::Rol | Mnemonic::Ror) => {
            let (d, wd) = register(0)?;
            *w = wd;
            let Operand::Imm(n) = operand(insn, 1)? else {
                return None;
            };
            let n = u8::try_from(n & i64::from(wd.bits() - 1)).ok()?;
            if n == 0 {
                return None;
            }
            let left = m == Mnemonic::Rol;
            Kind::Rotate { left, d, n }
        }
        Mnemonic::Xchg => match operands(insn, w)? {
            (Operand::Reg(d, Width::W32 | Width::W64), Operand::Reg(s, _)) => Kind::Xchg { d, s },
            (Operand::Mem(m, _), Operand::Reg(s, _)) => Kind::XchgLoad { s, m },
            _ => return None,
        },
        Mnemonic::Mul => {
            let (s, ws) = register(0)?;
            *w = ws;
            Kind::MulRax { s }
        }
        Mnemonic::Div => match operand(insn, 0)? {
            Operand::Reg(s, ws @ (Width::W32 | Width::W64)) => {
                *w = ws;
                Kind::DivRax { s }
            }
            Operand::Mem(m, wm @ (Width::W32 | Width::W64)) => {
                *w = wm;
                Kind::DivLoad { m }
            }
            _ => return None,
        },
        Mnemonic::Idiv => {
            let (s, ws) = register(0)?;
            *w = ws;
            Kind::IdivRax { s }
        }
        Mnemonic::Bswap => {
            let (d, wd) = register(0)?;
            *w = wd;
            Kind::Bswap { d }
        }
        m @ (Mnemonic::Adc | Mnemonic::Sbb) => {
            let ((d, wd), (s, _)) = (register(0)?, register(1)?);
            *w = wd;
            let adds = m == Mnemonic::Adc;
            Kind::Carry { adds, d, s }
        }
        m @ (Mnemonic::Bsf | Mnemonic::Bsr | Mnemonic::Tzcnt | Mnemonic::Lzcnt) => {
            let (d, wd) = register(0)?;
            *w = wd;
            let op = match m {
                Mnemonic::Bsf => Scan::Bsf,
                Mnemonic::Bsr => Scan::Bsr,
                Mnemonic::Tzcnt => Scan::Tzcnt,
                _ => Scan::Lzcnt,
            };
            match operand(insn, 1)? {
                Operand::Reg(s, _) => Kind::Scan { op, d, s },
                Operand::Mem(m, _) => Kind::ScanLoad { op, d, m },
                _ => return None,
            }
        }
        m @ (Mnemonic::Andn
        | Mnemonic::Blsr
        | Mnemonic::Blsmsk
        | Mnemonic::Blsi
        | Mnemonic::Bzhi
        | Mnemonic::Shlx
        | Mnemonic::Shrx
        | Mnemonic::Sarx) => {
            let ((d, wd), (x, _)) = (register(0)?, register(1)?);
            *w = wd;
            let op = match m {
                Mnemonic::Andn => Bits::Andn,
                Mnemonic::Blsr => Bits::Blsr,
                Mnemonic::Blsmsk => Bits::Blsmsk,
                Mnemonic::Blsi => Bits::Blsi,
                Mnemonic::Bzhi => Bits::Bzhi,
                Mnemonic::Shlx => Bits::Shlx,
                Mnemonic::Shrx => Bits::Shrx,
                _ => Bits::Sarx,
            };
            let (a, b) = match op {
                Bits::Blsr | Bits::Blsmsk | Bits::Blsi => (x, x),
                _ => (x, register(2)?.0),
            };
            Kind::Bits { op, d, a, b }
        }
        Mnemonic::Bt => match (operand(insn, 0)?, operand(insn, 1)?) {
            (Operand::Reg(d, wd @ (Width::W32 | Width::W64)), by) => {
                *w = wd;
                match by {
                    Operand::Reg(s, _) => Kind::BitTest { d, s },
                    Operand::Imm(n) => Kind::BitTestImm {
                        d,
                        n: u8::try_from(n & i64::from(wd.bits() - 1)).ok()?,
                    },
                    Operand::Mem(..) => return None,
                }
            }
            _ => return None,
        },
        Mnemonic::Xadd | Mnemonic::Cmpxchg if insn.has_lock_prefix() => locked(insn, w)?,
        Mnemonic::Stosb | Mnemonic::Stosd | Mnemonic::Stosq | Mnemonic::Movsb | Mnemonic::Movsq => {
            let moves = matches!(insn.mnemonic(), Mnemonic::Movsb | Mnemonic::Movsq);
            *w = match insn.code() {
                Code::Stosb_m8_AL | Code::Movsb_m8_m8 => Width::W8,
                Code::Stosd_m32_EAX => Width::W32,
                Code::Stosq_m64_RAX | Code::Movsq_m64_m64 => Width::W64,
                _ => return None,
            };
            let plain = |n| {
                matches!(
                    insn.op_kind(n),
                    OpKind::MemoryESRDI | OpKind::MemorySegRSI | OpKind::Register
                )
            };
            let segment = moves && insn.segment_prefix() != iced_x86::Register::None;
            if !insn.has_rep_prefix() || !plain(0) || !plain(1) || segment {
                return None;
            }
            Kind::Repeat { moves }
        }
        _ => return None,
    })
}

/// A LOCK-prefixed instruction on memory.
pub(super) fn locked(insn: &Instruction, w: &mut Width) -> Option<Kind> {
    let op = match insn.mnemonic() {
        Mnemonic::Add => Locked::Add,
        Mnemonic::Sub => Locked::Sub,
        Mnemonic::And => Locked::And,
        Mnemonic::Or => Locked::Or,
        Mnemonic::Xor => Locked::Xor,
        Mnemonic::Xadd => Locked::Xadd,
        Mnemonic::Cmpxchg => Locked::Cmpxchg,
        _ => return None,
    };
    match operands(insn, w)? {
        (Operand::Mem(m, _), Operand::Reg(s, _)) => Some(Kind::Locked { op, s, m }),
        (Operand::Mem(m, _), Operand::Imm(imm)) => Some(Kind::LockedImm {
            op,
            imm: i32::try_from(imm).ok()?,
            m,
        }),
        _ => None,
    }
}

/// The register and immediate of an instruction on AH to BH and an immediate.
pub(super) fn high_byte(insn: &Instruction) -> Option<(Gpr, i8)> {
    if insn.op_kind(0) != OpKind::Register || insn.op_kind(1) != OpKind::Immediate8 {
        return None;
    }
    let (d, lsb, _) = Cx::gpr_of(insn.op_register(0)).ok()?;
    (lsb == 8).then_some((d, insn.immediate8().cast_signed()))
}
