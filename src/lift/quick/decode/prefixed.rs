//! Prefixes and the longer opcodes: what stands before ModRM where that is more than a REX prefix and a byte.
//!
//! Knows nothing of operands. Declines what `decode_run` may decline.

use super::map::{Class, Form, ONE_BYTE, Row, TWO_BYTE, prefix, three_byte};
use super::{Bytes, LOOKS_AT, Prefixes};
use crate::lift::quick::Len;
use crate::lift::region::MAX_INSN;

/// An opcode with what stands before it.
pub(super) struct Opcode {
    pub row: &'static Row,
    pub opcode: u8,
    pub p: Prefixes,
    /// How many bytes both have.
    pub at: usize,
}

/// What `bytes` begin with, if that is more than a REX prefix, which is `rex`, 0F and one byte.
// Out of line: most instructions do without.
#[inline(never)]
pub(super) fn prefixed(bytes: &[u8; LOOKS_AT], rex: u8) -> Option<Opcode> {
    let at = usize::from(rex != 0);
    let mut bytes = Bytes { bytes, at };
    let mut p = Prefixes {
        rex,
        ..Prefixes::NONE
    };
    let mut opcode = bytes.u8();
    let mut row = &ONE_BYTE[usize::from(opcode)];
    while row.class == Class::Legacy {
        let bit = prefix::of(opcode);
        // Compilers repeat 66 to align code; a REX prefix is the last one.
        if p.has(bit & !prefix::OPERAND_SIZE) || bytes.at >= MAX_INSN || rex != 0 {
            return None;
        }
        p.legacy |= bit;
        opcode = bytes.u8();
        row = &ONE_BYTE[usize::from(opcode)];
    }
    if row.class == Class::Rex && rex == 0 {
        p.rex = opcode;
        opcode = bytes.u8();
        row = &ONE_BYTE[usize::from(opcode)];
    }
    if row.class == Class::Escape {
        let prefix = match p.legacy & (prefix::OPERAND_SIZE | prefix::REP | prefix::REPNE) {
            0 => 0,
            prefix::OPERAND_SIZE => 1,
            prefix::REP => 2,
            prefix::REPNE => 3,
            _ => return None,
        };
        opcode = bytes.u8();
        row = &TWO_BYTE[prefix][usize::from(opcode)];
        if row.class == Class::Escape3 {
            let map = if opcode == 0x38 { 2 } else { 3 };
            opcode = bytes.u8();
            row = three_byte(map, prefix, opcode);
        }
        if row.form.is_vex() {
            return None;
        }
    } else if row.class == Class::Vex {
        (row, opcode) = vex(opcode, &mut p, &mut bytes)?;
    } else if p.has(prefix::REP | prefix::REPNE) && opcode != 0xc3 {
        // REP RET was fast once.
        let string = matches!(row.form, Form::Movs | Form::Stos);
        if !string || p.has(prefix::REPNE) {
            return None;
        }
    }
    if p.has(prefix::LOCK) && !locks(row.form) {
        return None;
    }
    let at = bytes.at;
    Some(Opcode { row, opcode, p, at })
}

/// Whether an instruction of this form may have LOCK here.
const fn locks(form: Form) -> bool {
    matches!(
        form,
        Form::AluEG | Form::Group1 | Form::Group1EvIb | Form::CmpxchgEG | Form::XaddEG
    )
}

/// What follows a VEX prefix (SDM vol. 2, 2.3.5), of which the first byte is `first`: the row and the opcode.
fn vex(first: u8, p: &mut Prefixes, bytes: &mut Bytes<'_>) -> Option<(&'static Row, u8)> {
    let before = prefix::OPERAND_SIZE | prefix::REP | prefix::REPNE | prefix::LOCK;
    if p.rex != 0 || p.has(before) {
        return None;
    }
    let second = bytes.u8();
    let (map, last) = if first == 0xc5 {
        p.rex = 0x40 | (!second >> 5 & 4);
        (1, second & 0x7f)
    } else {
        let last = bytes.u8();
        p.rex = 0x40 | (!second >> 5) | (last >> 4 & 8);
        (second & 31, last)
    };
    p.vvvv = !last >> 3 & 15;
    p.len = if last & 4 == 0 {
        Len::Vex128
    } else {
        Len::Vex256
    };
    p.pp = last & 3;
    let prefix = usize::from(p.pp);
    let opcode = bytes.u8();
    let row = match map {
        1 => &TWO_BYTE[prefix][usize::from(opcode)],
        2 | 3 => three_byte(map, prefix, opcode),
        _ => return None,
    };
    // MOVUPS and its kin exist with F3 and F2 as moves of scalars.
    row.form.has_vex().then_some((row, opcode))
}
