//! The opcode maps (SDM vol. 2, appendix A), as far as `decode` knows them: what each opcode's operands are.
//!
//! Knows nothing of how operands are read.

use crate::lift::quick::Alu;

/// What a byte of the opcode is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing `decode` knows.
    Other,
    /// A legacy prefix of those in `prefix`.
    Legacy,
    Rex,
    /// 0F: the opcode is the next byte.
    Escape,
    /// The opcode of an instruction without ModRM.
    Plain,
    /// The opcode of an instruction with ModRM.
    ModRm,
}

/// An instruction's operands in the notation of SDM vol. 2, A.2: E, register or memory by ModRM.r/m; G,
/// register by ModRM.reg; M, memory; V and W, as G and E, XMM registers; I, immediate; J, relative offset;
/// b, v, z: byte, operand size, the same with at most 32 bits. R here is a register in the opcode. Where an
/// operand has no size, the lowest bit of the opcode tells b from v. In groups (A.4) ModRM.reg says which
/// instruction; a condition is in the opcode.
#[derive(Clone, Copy)]
pub(super) enum Form {
    None,
    AluEG,
    AluGE,
    /// AL, Ib or rAX, Iz
    AluAI,
    /// Eb, Ib or Ev, Iz
    Group1,
    Group1EvIb,
    Group2EIb,
    Group2E1,
    Group3E,
    /// With group 4.
    Group5E,
    MovEG,
    MovGE,
    MovRIb,
    MovRIv,
    /// Group 11
    MovEI,
    MovsxdGvEd,
    /// Gv, Eb or Ew
    MovzxGvE,
    MovsxGvE,
    LeaGvM,
    ImulGvEvIz,
    ImulGvEvIb,
    ImulGvEv,
    PushR,
    PopR,
    PushIz,
    PushIb,
    Leave,
    /// CBW, CWDE, CDQE
    Cbw,
    /// CWD, CDQ, CQO
    Cwd,
    Nop,
    NopEv,
    /// ENDBR64 among the reserved NOPs
    Endbr,
    JccJb,
    JccJz,
    SetEb,
    CmovGvEv,
    JmpJb,
    JmpJz,
    CallJz,
    Ret,
    RetIw,
    MovVW,
    MovWV,
    XorVW,
}

/// A row of the opcode maps.
#[derive(Clone, Copy)]
#[repr(align(4))] // To be found by a shift.
pub(super) struct Row {
    pub class: Class,
    pub form: Form,
    /// Of the forms named so.
    pub alu: Alu,
    /// Whether memory must be aligned, of moves of vectors.
    pub aligned: bool,
}

impl Row {
    const OTHER: Row = Row::of(Class::Other, Form::None);

    const fn of(class: Class, form: Form) -> Row {
        Row {
            class,
            form,
            alu: Alu::Test,
            aligned: false,
        }
    }
}

/// An opcode map.
pub(super) type Map = [Row; 256];

const fn fill(map: &mut Map, first: usize, n: usize, row: Row) {
    let mut i = first;
    while i < first + n {
        map[i] = row;
        i += 1;
    }
}

const fn plain(map: &mut Map, first: usize, n: usize, form: Form) {
    fill(map, first, n, Row::of(Class::Plain, form));
}

const fn modrm(map: &mut Map, first: usize, n: usize, form: Form) {
    fill(map, first, n, Row::of(Class::ModRm, form));
}

/// `alu` on bytes at `first`, on v behind it.
const fn alu(map: &mut Map, first: usize, class: Class, form: Form, alu: Alu) {
    let row = Row::of(class, form);
    fill(map, first, 2, Row { alu, ..row });
}

/// The moves of vectors from and to memory.
const fn moves(map: &mut Map, load: usize, store: usize, aligned: bool) {
    let row = Row::of(Class::ModRm, Form::MovVW);
    map[load] = Row { aligned, ..row };
    let row = Row::of(Class::ModRm, Form::MovWV);
    map[store] = Row { aligned, ..row };
}

/// Legacy prefixes (SDM vol. 2, 2.1.1), one bit each.
pub(super) mod prefix {
    /// 66
    pub const OPERAND_SIZE: u8 = 1;
    /// F3
    pub const REP: u8 = 2;
    /// F2
    pub const REPNE: u8 = 4;
    /// 64
    pub const FS: u8 = 8;
    /// 65
    pub const GS: u8 = 16;
    /// 2E
    pub const CS: u8 = 32;

    /// The bit of a byte.
    pub const fn of(byte: u8) -> u8 {
        match byte {
            0x66 => OPERAND_SIZE,
            0xf3 => REP,
            0xf2 => REPNE,
            0x64 => FS,
            0x65 => GS,
            _ => CS,
        }
    }
}

/// Operations by bits 5 to 3 of an opcode below 40 and by ModRM.reg in group 1 (SDM vol. 2, table A-6).
pub(super) const GROUP_1: [Option<Alu>; 8] = [
    Some(Alu::Add),
    Some(Alu::Or),
    None,
    None,
    Some(Alu::And),
    Some(Alu::Sub),
    Some(Alu::Xor),
    Some(Alu::Cmp),
];

/// SDM vol. 2, table A-2.
pub(super) static ONE_BYTE: Map = one_byte();

const fn one_byte() -> Map {
    let mut map = [Row::OTHER; 256];
    let m = &mut map;
    let mut n = 0;
    while n < 8 {
        if let Some(op) = GROUP_1[n] {
            alu(m, n * 8, Class::ModRm, Form::AluEG, op);
            alu(m, n * 8 + 2, Class::ModRm, Form::AluGE, op);
            alu(m, n * 8 + 4, Class::Plain, Form::AluAI, op);
        }
        n += 1;
    }
    fill(m, 0x0f, 1, Row::of(Class::Escape, Form::None));
    fill(m, 0x2e, 1, Row::of(Class::Legacy, Form::None));
    fill(m, 0x40, 16, Row::of(Class::Rex, Form::None));
    plain(m, 0x50, 8, Form::PushR);
    plain(m, 0x58, 8, Form::PopR);
    modrm(m, 0x63, 1, Form::MovsxdGvEd);
    fill(m, 0x64, 3, Row::of(Class::Legacy, Form::None));
    plain(m, 0x68, 1, Form::PushIz);
    modrm(m, 0x69, 1, Form::ImulGvEvIz);
    plain(m, 0x6a, 1, Form::PushIb);
    modrm(m, 0x6b, 1, Form::ImulGvEvIb);
    plain(m, 0x70, 16, Form::JccJb);
    modrm(m, 0x80, 2, Form::Group1);
    modrm(m, 0x83, 1, Form::Group1EvIb);
    alu(m, 0x84, Class::ModRm, Form::AluEG, Alu::Test);
    modrm(m, 0x88, 2, Form::MovEG);
    modrm(m, 0x8a, 2, Form::MovGE);
    modrm(m, 0x8d, 1, Form::LeaGvM);
    plain(m, 0x90, 1, Form::Nop);
    plain(m, 0x98, 1, Form::Cbw);
    plain(m, 0x99, 1, Form::Cwd);
    alu(m, 0xa8, Class::Plain, Form::AluAI, Alu::Test);
    plain(m, 0xb0, 8, Form::MovRIb);
    plain(m, 0xb8, 8, Form::MovRIv);
    modrm(m, 0xc0, 2, Form::Group2EIb);
    plain(m, 0xc2, 1, Form::RetIw);
    plain(m, 0xc3, 1, Form::Ret);
    modrm(m, 0xc6, 2, Form::MovEI);
    plain(m, 0xc9, 1, Form::Leave);
    modrm(m, 0xd0, 2, Form::Group2E1);
    plain(m, 0xe8, 1, Form::CallJz);
    plain(m, 0xe9, 1, Form::JmpJz);
    plain(m, 0xeb, 1, Form::JmpJb);
    fill(m, 0xf2, 2, Row::of(Class::Legacy, Form::None));
    modrm(m, 0xf6, 2, Form::Group3E);
    modrm(m, 0xfe, 2, Form::Group5E);
    map
}

/// SDM vol. 2, table A-3: without a mandatory prefix, with 66, with F3.
pub(super) static TWO_BYTE: [Map; 3] = two_byte();

const fn two_byte() -> [Map; 3] {
    let mut none = [Row::OTHER; 256];
    let m = &mut none;
    modrm(m, 0x1f, 1, Form::NopEv);
    modrm(m, 0x40, 16, Form::CmovGvEv);
    plain(m, 0x80, 16, Form::JccJz);
    modrm(m, 0x90, 16, Form::SetEb);
    modrm(m, 0xaf, 1, Form::ImulGvEv);
    modrm(m, 0xb6, 2, Form::MovzxGvE);
    modrm(m, 0xbe, 2, Form::MovsxGvE);
    // MOVUPS and MOVUPD, MOVAPS and MOVAPD, XORPS and XORPD.
    moves(m, 0x10, 0x11, false);
    moves(m, 0x28, 0x29, true);
    modrm(m, 0x57, 1, Form::XorVW);
    let mut with_66 = none;
    let m = &mut with_66;
    // MOVDQA and PXOR.
    moves(m, 0x6f, 0x7f, true);
    modrm(m, 0xef, 1, Form::XorVW);
    let mut with_f3 = [Row::OTHER; 256];
    let m = &mut with_f3;
    modrm(m, 0x1e, 1, Form::Endbr);
    // MOVDQU.
    moves(m, 0x6f, 0x7f, false);
    [none, with_66, with_f3]
}
