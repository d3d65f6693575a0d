//! Vector instructions in `quick` form: moves, and operations on packed integers, of SSE to SSE4.1 with
//! XMM registers and of AVX and AVX2.
//!
//! Knows neither memory nor host; what an operation means is `ir::eval::vector`'s.

use super::{Kind, address};
use crate::lift::cx::Cx;
use crate::x86::Width;
use iced_x86::{EncodingKind, Instruction, Mnemonic, OpKind, Register};

/// How long the operands are, and what becomes of the rest of the destination's YMM register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Len {
    /// 128 bits with the legacy encoding: the upper half stays, memory operands are aligned.
    Legacy,
    /// 128 bits with VEX: the upper half becomes zero.
    Vex128,
    /// 256 bits.
    Vex256,
}

/// An operation on two vectors a and b with an immediate n. Lanes have the `Quick`'s width. Operations on
/// 256 bits are done in each half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packed {
    /// a & b
    And,
    /// !a & b
    AndNot,
    /// a | b
    Or,
    /// a ^ b
    Xor,
    /// Sums
    Add,
    /// Differences
    Sub,
    /// Ones where equal
    Equal,
    /// Ones where a > b, signed
    Greater,
    /// Unsigned minima
    MinU,
    /// Unsigned maxima
    MaxU,
    /// Signed minima
    MinS,
    /// Signed maxima
    MaxS,
    /// The lower lanes of a and b in turn
    UnpackLow,
    /// The upper ones
    UnpackHigh,
    /// a, n bytes up
    BytesUp,
    /// a, n bytes down
    BytesDown,
    /// a's lanes shifted left by n
    Shl,
    /// Right, zeros coming in
    Shr,
    /// Right, signs coming in
    Sar,
    /// b's doublewords, as n says (PSHUFD)
    Shuffle,
    /// a behind b, n bytes down (PALIGNR)
    Align,
    /// a's bytes, as b says (PSHUFB)
    Permute,
    /// a with b's lowest lane
    Low,
    /// b's lowest lane, zeros above
    LowOnly,
    /// b's lowest lane everywhere, also in the upper half
    Broadcast,
}

impl Len {
    /// That of `insn`.
    fn of(insn: &Instruction) -> Option<Len> {
        let ymm = |n| insn.op_kind(n) == OpKind::Register && insn.op_register(n).is_ymm();
        match insn.code().encoding() {
            EncodingKind::Legacy => Some(Len::Legacy),
            EncodingKind::VEX if (0..insn.op_count()).any(ymm) => Some(Len::Vex256),
            EncodingKind::VEX => Some(Len::Vex128),
            _ => None,
        }
    }

    /// The operands' bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Len::Legacy | Len::Vex128 => 16,
            Len::Vex256 => 32,
        }
    }
}

/// What an operation's operands are besides the destination.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operands {
    /// a, b
    Two,
    /// a, b, n
    TwoImm,
    /// a, n
    OneImm,
    /// b, n; with VEX too there is no other
    LastImm,
}

#[allow(clippy::enum_glob_use)] // Hundreds of names.
fn operation(m: Mnemonic) -> Option<(Packed, Width, Operands)> {
    use Mnemonic::*;
    use Operands::*;
    use Width::*;
    Some(match m {
        Pand | Vpand | Andps | Vandps | Andpd | Vandpd => (Packed::And, W64, Two),
        Pandn | Vpandn | Andnps | Vandnps | Andnpd | Vandnpd => (Packed::AndNot, W64, Two),
        Por | Vpor | Orps | Vorps | Orpd | Vorpd => (Packed::Or, W64, Two),
        Pxor | Vpxor | Xorps | Vxorps | Xorpd | Vxorpd => (Packed::Xor, W64, Two),
        Paddb | Vpaddb => (Packed::Add, W8, Two),
        Paddw | Vpaddw => (Packed::Add, W16, Two),
        Paddd | Vpaddd => (Packed::Add, W32, Two),
        Paddq | Vpaddq => (Packed::Add, W64, Two),
        Psubb | Vpsubb => (Packed::Sub, W8, Two),
        Psubw | Vpsubw => (Packed::Sub, W16, Two),
        Psubd | Vpsubd => (Packed::Sub, W32, Two),
        Psubq | Vpsubq => (Packed::Sub, W64, Two),
        Pcmpeqb | Vpcmpeqb => (Packed::Equal, W8, Two),
        Pcmpeqw | Vpcmpeqw => (Packed::Equal, W16, Two),
        Pcmpeqd | Vpcmpeqd => (Packed::Equal, W32, Two),
        Pcmpgtb | Vpcmpgtb => (Packed::Greater, W8, Two),
        Pcmpgtw | Vpcmpgtw => (Packed::Greater, W16, Two),
        Pcmpgtd | Vpcmpgtd => (Packed::Greater, W32, Two),
        Pminub | Vpminub => (Packed::MinU, W8, Two),
        Pmaxub | Vpmaxub => (Packed::MaxU, W8, Two),
        Pminsw | Vpminsw => (Packed::MinS, W16, Two),
        Pmaxsw | Vpmaxsw => (Packed::MaxS, W16, Two),
        Pminud | Vpminud => (Packed::MinU, W32, Two),
        Pmaxud | Vpmaxud => (Packed::MaxU, W32, Two),
        Punpcklbw | Vpunpcklbw => (Packed::UnpackLow, W8, Two),
        Punpcklwd | Vpunpcklwd => (Packed::UnpackLow, W16, Two),
        Punpckldq | Vpunpckldq | Unpcklps | Vunpcklps => (Packed::UnpackLow, W32, Two),
        Punpcklqdq | Vpunpcklqdq | Unpcklpd | Vunpcklpd => (Packed::UnpackLow, W64, Two),
        Punpckhbw | Vpunpckhbw => (Packed::UnpackHigh, W8, Two),
        Punpckhwd | Vpunpckhwd => (Packed::UnpackHigh, W16, Two),
        Punpckhdq | Vpunpckhdq | Unpckhps | Vunpckhps => (Packed::UnpackHigh, W32, Two),
        Punpckhqdq | Vpunpckhqdq | Unpckhpd | Vunpckhpd => (Packed::UnpackHigh, W64, Two),
        Pslldq | Vpslldq => (Packed::BytesUp, W64, OneImm),
        Psrldq | Vpsrldq => (Packed::BytesDown, W64, OneImm),
        Psllw | Vpsllw => (Packed::Shl, W16, OneImm),
        Pslld | Vpslld => (Packed::Shl, W32, OneImm),
        Psllq | Vpsllq => (Packed::Shl, W64, OneImm),
        Psrlw | Vpsrlw => (Packed::Shr, W16, OneImm),
        Psrld | Vpsrld => (Packed::Shr, W32, OneImm),
        Psrlq | Vpsrlq => (Packed::Shr, W64, OneImm),
        Psraw | Vpsraw => (Packed::Sar, W16, OneImm),
        Psrad | Vpsrad => (Packed::Sar, W32, OneImm),
        Pshufd | Vpshufd => (Packed::Shuffle, W32, LastImm),
        Palignr | Vpalignr => (Packed::Align, W8, TwoImm),
        Pshufb | Vpshufb => (Packed::Permute, W8, Two),
        _ => return None,
    })
}

/// The XMM or YMM register that is operand `n`.
fn register(insn: &Instruction, n: u32) -> Option<u8> {
    let r = insn.op_register(n);
    if insn.op_kind(n) != OpKind::Register || !(r.is_xmm() || r.is_ymm()) {
        return None;
    }
    u8::try_from(r.number()).ok()
}

fn packed(insn: &Instruction, w: &mut Width, len: Len) -> Option<Kind> {
    let (op, lanes, operands) = operation(insn.mnemonic())?;
    *w = lanes;
    let d = register(insn, 0)?;
    let first = u32::from(len != Len::Legacy && operands != Operands::LastImm);
    let (last, immediate) = match operands {
        Operands::Two => (first + 1, None),
        Operands::TwoImm | Operands::LastImm => (first + 1, Some(first + 2)),
        Operands::OneImm => (first, Some(first + 1)),
    };
    let n = match immediate {
        None => 0,
        Some(i) if insn.op_kind(i) == OpKind::Immediate8 => insn.immediate8(),
        // A count in a register.
        Some(_) => return None,
    };
    let a = if operands == Operands::LastImm {
        d
    } else {
        register(insn, first)?
    };
    if insn.op_kind(last) == OpKind::Memory {
        let m = address(insn)?;
        return Some(Kind::PackedLoad {
            op,
            d,
            a,
            n,
            len,
            m,
        });
    }
    let b = register(insn, last)?;
    if op == Packed::Xor && a == b && (len != Len::Legacy || d == a) {
        *w = Width::W64;
        return Some(Kind::ZeroVector { d, len });
    }
    Some(Kind::Packed {
        op,
        d,
        a,
        b,
        n,
        len,
    })
}

/// `insn` as a vector instruction; sets its width.
pub(super) fn kind(insn: &Instruction, w: &mut Width) -> Option<Kind> {
    let len = Len::of(insn)?;
    let legacy = len == Len::Legacy;
    let (x, y) = (register(insn, 0), register(insn, 1));
    let general = |n| {
        let (g, lsb, _) = Cx::gpr_of(insn.op_register(n)).ok()?;
        (lsb == 0 && insn.op_kind(n) == OpKind::Register).then_some(g)
    };
    let memory = |n| insn.op_kind(n) == OpKind::Memory;
    let mut only = |op, lanes| {
        *w = lanes;
        let (d, b) = (x?, y?);
        Some(Kind::Packed {
            op,
            d,
            a: d,
            b,
            n: 0,
            len,
        })
    };
    match insn.mnemonic() {
        m @ (Mnemonic::Movups
        | Mnemonic::Movupd
        | Mnemonic::Movdqu
        | Mnemonic::Movaps
        | Mnemonic::Movapd
        | Mnemonic::Movdqa
        | Mnemonic::Vmovups
        | Mnemonic::Vmovupd
        | Mnemonic::Vmovdqu
        | Mnemonic::Vmovaps
        | Mnemonic::Vmovapd
        | Mnemonic::Vmovdqa) => {
            let aligned = matches!(
                m,
                Mnemonic::Movaps
                    | Mnemonic::Movapd
                    | Mnemonic::Movdqa
                    | Mnemonic::Vmovaps
                    | Mnemonic::Vmovapd
                    | Mnemonic::Vmovdqa
            );
            let m = if x.is_some() && y.is_some() {
                None
            } else {
                Some(address(insn)?)
            };
            match (x, y, m) {
                (Some(d), Some(s), _) => Some(Kind::MovVector { d, s, len }),
                (Some(d), None, Some(m)) => Some(Kind::LoadVector { d, m, aligned, len }),
                (None, Some(s), Some(m)) => Some(Kind::StoreVector { s, m, aligned, len }),
                _ => None,
            }
        }
        m @ (Mnemonic::Movd
        | Mnemonic::Movq
        | Mnemonic::Vmovd
        | Mnemonic::Vmovq
        | Mnemonic::Movss
        | Mnemonic::Movsd) => {
            let lanes = match m {
                Mnemonic::Movd | Mnemonic::Vmovd | Mnemonic::Movss => Width::W32,
                _ => Width::W64,
            };
            let scalar = matches!(m, Mnemonic::Movss | Mnemonic::Movsd);
            if x.is_some() && y.is_some() {
                let op = if scalar { Packed::Low } else { Packed::LowOnly };
                return only(op, lanes);
            }
            *w = lanes;
            let high = false;
            match (x, y) {
                (Some(d), None) if memory(1) => {
                    let m = address(insn)?;
                    Some(Kind::LoadLow { d, m, len })
                }
                (None, Some(s)) if memory(0) => {
                    let m = address(insn)?;
                    Some(Kind::StoreHalf { s, m, high })
                }
                (Some(d), None) => Some(Kind::FromGpr {
                    d,
                    s: general(1)?,
                    len,
                }),
                (None, Some(s)) => Some(Kind::ToGpr { d: general(0)?, s }),
                (None, None) => None,
                (Some(_), Some(_)) => unreachable!("above"),
            }
        }
        m @ (Mnemonic::Movlps | Mnemonic::Movlpd | Mnemonic::Movhps | Mnemonic::Movhpd)
            if legacy =>
        {
            let high = matches!(m, Mnemonic::Movhps | Mnemonic::Movhpd);
            let m = address(insn)?;
            match (x, y) {
                (Some(d), None) => Some(Kind::LoadHalf { d, m, high }),
                (None, Some(s)) => Some(Kind::StoreHalf { s, m, high }),
                _ => None,
            }
        }
        Mnemonic::Movlhps => only(Packed::UnpackLow, Width::W64),
        Mnemonic::Movhlps => {
            let (d, b) = (x?, x?);
            let (op, n, a) = (Packed::UnpackHigh, 0, y?);
            Some(Kind::Packed {
                op,
                d,
                a,
                b,
                n,
                len,
            })
        }
        m @ (Mnemonic::Pmovmskb
        | Mnemonic::Vpmovmskb
        | Mnemonic::Movmskps
        | Mnemonic::Vmovmskps
        | Mnemonic::Movmskpd
        | Mnemonic::Vmovmskpd) => {
            *w = match m {
                Mnemonic::Pmovmskb | Mnemonic::Vpmovmskb => Width::W8,
                Mnemonic::Movmskps | Mnemonic::Vmovmskps => Width::W32,
                _ => Width::W64,
            };
            let (d, s) = (general(0)?, y?);
            Some(Kind::MoveMask { d, s, len })
        }
        Mnemonic::Vpbroadcastb => only(Packed::Broadcast, Width::W8),
        Mnemonic::Vpbroadcastw => only(Packed::Broadcast, Width::W16),
        Mnemonic::Vpbroadcastd => only(Packed::Broadcast, Width::W32),
        Mnemonic::Vpbroadcastq => only(Packed::Broadcast, Width::W64),
        Mnemonic::Vzeroupper => Some(Kind::ZeroUpper),
        _ => packed(insn, w, len),
    }
}

/// Whether `kind` is asked for instructions with such a register: those with MMX registers have the same
/// mnemonics.
pub(super) fn concerns(insn: &Instruction) -> bool {
    let vector = |r: Register| r.is_xmm() || r.is_ymm();
    (0..insn.op_count().min(3)).any(|n| vector(insn.op_register(n)))
        || insn.mnemonic() == Mnemonic::Vzeroupper
}
