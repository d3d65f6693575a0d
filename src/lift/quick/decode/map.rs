//! The opcode maps (SDM vol. 2, appendix A), as far as `decode_run` knows them: what each opcode's operands are.
//!
//! Knows nothing of how operands are read.

use crate::lift::quick::{Alu, Packed};
use crate::x86::Width;

/// What a byte of the opcode is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing `decode_run` knows.
    Other,
    /// A legacy prefix of those in `prefix`.
    Legacy,
    Rex,
    /// 0F: the opcode is the next byte.
    Escape,
    /// 38 or 3A behind it: the opcode is the byte behind that.
    Escape3,
    /// C4 or C5.
    Vex,
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
    /// Group 2 with CL
    Group2ECl,
    CarryEG,
    CarryGE,
    BswapR,
    XchgEG,
    /// rAX and a register
    XchgR,
    /// BSF and BSR, TZCNT and LZCNT
    ScanGvEv,
    BtEvGv,
    /// Group 8
    Group8EvIb,
    CmpxchgEG,
    XaddEG,
    Movs,
    Stos,
    Cpuid,
    Rdtsc,
    Syscall,
    /// Group 7, of which only XGETBV
    Group7,
    MovVW,
    MovWV,
    /// V, H, W
    PackedVW,
    PackedVWIb,
    /// V, W, Ib
    ShuffleVWIb,
    /// Groups 12, 13 and 14; the row's width.
    GroupUIb,
    /// V, Ey
    MovdVE,
    MovdEV,
    /// MOVQ
    MovqVW,
    MovqWV,
    /// MOVLPS, and MOVHLPS with a register; MOVHPS, and MOVLHPS.
    MovHalfVM,
    MovHalfMV,
    /// MOVSS and MOVSD
    MovScalarVW,
    MovScalarWV,
    /// Gd, U
    MoveMask,
    BroadcastVU,
    ZeroUpper,
    /// Gy, By, Ey
    Andn,
    /// Group 17
    Group17,
    /// Gy, Ey, By
    Bzhi,
    ShiftX,
}

impl Form {
    /// Whether there is a VEX encoding of it here.
    pub const fn has_vex(self) -> bool {
        matches!(
            self,
            Form::MovVW
                | Form::MovWV
                | Form::PackedVW
                | Form::PackedVWIb
                | Form::ShuffleVWIb
                | Form::GroupUIb
                | Form::MovdVE
                | Form::MovdEV
                | Form::MovqVW
                | Form::MovqWV
                | Form::MoveMask
        ) || self.is_vex()
    }

    /// Whether there are VEX encodings only.
    pub const fn is_vex(self) -> bool {
        matches!(
            self,
            Form::BroadcastVU
                | Form::ZeroUpper
                | Form::Andn
                | Form::Group17
                | Form::Bzhi
                | Form::ShiftX
        )
    }
}

/// A row of the opcode maps.
#[derive(Clone, Copy)]
#[repr(align(8))] // To be found by a shift.
pub(super) struct Row {
    pub class: Class,
    pub form: Form,
    /// Of the forms named so.
    pub alu: Alu,
    /// Whether memory must be aligned, of moves of vectors; whether it is the high half, of moves of halves.
    pub aligned: bool,
    /// Of the forms named so.
    pub packed: Packed,
    /// The lanes' width.
    pub w: Width,
}

impl Row {
    const OTHER: Row = Row::of(Class::Other, Form::None);

    const fn of(class: Class, form: Form) -> Row {
        Row {
            class,
            form,
            alu: Alu::Test,
            aligned: false,
            packed: Packed::And,
            w: Width::W64,
        }
    }

    const fn packed(form: Form, packed: Packed, w: Width) -> Row {
        Row {
            packed,
            w,
            ..Row::of(Class::ModRm, form)
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

/// `packed` on lanes of 8, 16, 32 and, up to `n` of them, 64 bits at `first` and behind.
const fn by_lanes(map: &mut Map, first: usize, n: usize, packed: Packed) {
    let lanes = [Width::W8, Width::W16, Width::W32, Width::W64];
    let mut i = 0;
    while i < n {
        map[first + i] = Row::packed(Form::PackedVW, packed, lanes[i]);
        i += 1;
    }
}

const fn packed(map: &mut Map, opcode: usize, packed: Packed, w: Width) {
    map[opcode] = Row::packed(Form::PackedVW, packed, w);
}

/// UNPCKLPS to XORPS, or UNPCKLPD to XORPD, but those that compute.
const fn floats(map: &mut Map, w: Width) {
    packed(map, 0x14, Packed::UnpackLow, w);
    packed(map, 0x15, Packed::UnpackHigh, w);
    map[0x50] = Row::packed(Form::MoveMask, Packed::And, w);
    packed(map, 0x54, Packed::And, Width::W64);
    packed(map, 0x55, Packed::AndNot, Width::W64);
    packed(map, 0x56, Packed::Or, Width::W64);
    packed(map, 0x57, Packed::Xor, Width::W64);
}

/// The moves of halves from and to memory.
const fn halves(map: &mut Map, load: usize, high: bool) {
    let row = Row::of(Class::ModRm, Form::MovHalfVM);
    map[load] = Row {
        aligned: high,
        ..row
    };
    let row = Row::of(Class::ModRm, Form::MovHalfMV);
    map[load + 1] = Row {
        aligned: high,
        ..row
    };
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
    /// 2E, 3E
    pub const CS: u8 = 32;
    /// F0
    pub const LOCK: u8 = 64;

    /// The bit of a byte.
    pub const fn of(byte: u8) -> u8 {
        match byte {
            0x66 => OPERAND_SIZE,
            0xf3 => REP,
            0xf2 => REPNE,
            0x64 => FS,
            0x65 => GS,
            0xf0 => LOCK,
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
    // ADC and SBB.
    modrm(m, 0x11, 1, Form::CarryEG);
    modrm(m, 0x13, 1, Form::CarryGE);
    modrm(m, 0x19, 1, Form::CarryEG);
    modrm(m, 0x1b, 1, Form::CarryGE);
    fill(m, 0x0f, 1, Row::of(Class::Escape, Form::None));
    fill(m, 0x2e, 1, Row::of(Class::Legacy, Form::None));
    fill(m, 0x3e, 1, Row::of(Class::Legacy, Form::None));
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
    modrm(m, 0x86, 2, Form::XchgEG);
    modrm(m, 0x88, 2, Form::MovEG);
    modrm(m, 0x8a, 2, Form::MovGE);
    modrm(m, 0x8d, 1, Form::LeaGvM);
    plain(m, 0x90, 1, Form::Nop);
    plain(m, 0x91, 7, Form::XchgR);
    plain(m, 0x98, 1, Form::Cbw);
    plain(m, 0x99, 1, Form::Cwd);
    plain(m, 0xa4, 2, Form::Movs);
    alu(m, 0xa8, Class::Plain, Form::AluAI, Alu::Test);
    plain(m, 0xaa, 2, Form::Stos);
    plain(m, 0xb0, 8, Form::MovRIb);
    plain(m, 0xb8, 8, Form::MovRIv);
    modrm(m, 0xc0, 2, Form::Group2EIb);
    plain(m, 0xc2, 1, Form::RetIw);
    plain(m, 0xc3, 1, Form::Ret);
    fill(m, 0xc4, 2, Row::of(Class::Vex, Form::None));
    modrm(m, 0xc6, 2, Form::MovEI);
    plain(m, 0xc9, 1, Form::Leave);
    modrm(m, 0xd0, 2, Form::Group2E1);
    modrm(m, 0xd2, 2, Form::Group2ECl);
    plain(m, 0xe8, 1, Form::CallJz);
    plain(m, 0xe9, 1, Form::JmpJz);
    plain(m, 0xeb, 1, Form::JmpJb);
    fill(m, 0xf0, 1, Row::of(Class::Legacy, Form::None));
    fill(m, 0xf2, 2, Row::of(Class::Legacy, Form::None));
    modrm(m, 0xf6, 2, Form::Group3E);
    modrm(m, 0xfe, 2, Form::Group5E);
    map
}

/// SDM vol. 2, table A-3: without a mandatory prefix, with 66, with F3, with F2.
pub(super) static TWO_BYTE: [Map; 4] = two_byte();

const fn two_byte() -> [Map; 4] {
    let mut none = [Row::OTHER; 256];
    let m = &mut none;
    fill(m, 0x38, 1, Row::of(Class::Escape3, Form::None));
    fill(m, 0x3a, 1, Row::of(Class::Escape3, Form::None));
    modrm(m, 0x1f, 1, Form::NopEv);
    modrm(m, 0x40, 16, Form::CmovGvEv);
    plain(m, 0x80, 16, Form::JccJz);
    modrm(m, 0x90, 16, Form::SetEb);
    modrm(m, 0xaf, 1, Form::ImulGvEv);
    modrm(m, 0xb6, 2, Form::MovzxGvE);
    modrm(m, 0xbe, 2, Form::MovsxGvE);
    // MOVUPS and MOVUPD, MOVAPS and MOVAPD.
    moves(m, 0x10, 0x11, false);
    moves(m, 0x28, 0x29, true);
    halves(m, 0x12, false);
    halves(m, 0x16, true);
    let mut with_66 = none;
    let m = &mut none;
    floats(m, Width::W32);
    plain(m, 0x05, 1, Form::Syscall);
    modrm(m, 0x01, 1, Form::Group7);
    plain(m, 0x31, 1, Form::Rdtsc);
    plain(m, 0x77, 1, Form::ZeroUpper);
    plain(m, 0xa2, 1, Form::Cpuid);
    modrm(m, 0xa3, 1, Form::BtEvGv);
    modrm(m, 0xb0, 2, Form::CmpxchgEG);
    modrm(m, 0xba, 1, Form::Group8EvIb);
    modrm(m, 0xbc, 2, Form::ScanGvEv);
    modrm(m, 0xc0, 2, Form::XaddEG);
    plain(m, 0xc8, 8, Form::BswapR);
    let m = &mut with_66;
    floats(m, Width::W64);
    by_lanes(m, 0x60, 3, Packed::UnpackLow);
    by_lanes(m, 0x64, 3, Packed::Greater);
    by_lanes(m, 0x68, 3, Packed::UnpackHigh);
    packed(m, 0x6c, Packed::UnpackLow, Width::W64);
    packed(m, 0x6d, Packed::UnpackHigh, Width::W64);
    modrm(m, 0x6e, 1, Form::MovdVE);
    // MOVDQA
    moves(m, 0x6f, 0x7f, true);
    m[0x70] = Row::packed(Form::ShuffleVWIb, Packed::Shuffle, Width::W32);
    m[0x71] = Row::packed(Form::GroupUIb, Packed::Shl, Width::W16);
    m[0x72] = Row::packed(Form::GroupUIb, Packed::Shl, Width::W32);
    m[0x73] = Row::packed(Form::GroupUIb, Packed::Shl, Width::W64);
    by_lanes(m, 0x74, 3, Packed::Equal);
    modrm(m, 0x7e, 1, Form::MovdEV);
    packed(m, 0xd4, Packed::Add, Width::W64);
    modrm(m, 0xd6, 1, Form::MovqWV);
    m[0xd7] = Row::packed(Form::MoveMask, Packed::And, Width::W8);
    packed(m, 0xda, Packed::MinU, Width::W8);
    packed(m, 0xdb, Packed::And, Width::W64);
    packed(m, 0xde, Packed::MaxU, Width::W8);
    packed(m, 0xdf, Packed::AndNot, Width::W64);
    packed(m, 0xea, Packed::MinS, Width::W16);
    packed(m, 0xeb, Packed::Or, Width::W64);
    packed(m, 0xee, Packed::MaxS, Width::W16);
    packed(m, 0xef, Packed::Xor, Width::W64);
    by_lanes(m, 0xf8, 4, Packed::Sub);
    by_lanes(m, 0xfc, 3, Packed::Add);
    let mut with_f3 = [Row::OTHER; 256];
    let m = &mut with_f3;
    m[0x10] = Row::packed(Form::MovScalarVW, Packed::Low, Width::W32);
    m[0x11] = Row::packed(Form::MovScalarWV, Packed::Low, Width::W32);
    modrm(m, 0x1e, 1, Form::Endbr);
    // MOVDQU.
    moves(m, 0x6f, 0x7f, false);
    modrm(m, 0x7e, 1, Form::MovqVW);
    modrm(m, 0xbc, 2, Form::ScanGvEv);
    fill(m, 0x38, 1, Row::of(Class::Escape3, Form::None));
    let mut with_f2 = [Row::OTHER; 256];
    let m = &mut with_f2;
    m[0x10] = Row::packed(Form::MovScalarVW, Packed::Low, Width::W64);
    m[0x11] = Row::packed(Form::MovScalarWV, Packed::Low, Width::W64);
    fill(m, 0x38, 1, Row::of(Class::Escape3, Form::None));
    [none, with_66, with_f3, with_f2]
}

/// SDM vol. 2, tables, of which little is known: `map` is 2 for 0F 38 and 3 for 0F 3A, `prefix`
/// as in `TWO_BYTE`.
pub(super) fn three_byte(map: u8, prefix: usize, opcode: u8) -> &'static Row {
    macro_rules! row {
        ($form:ident, $packed:ident, $w:ident) => {{
            static ROW: Row = Row::packed(Form::$form, Packed::$packed, Width::$w);
            &ROW
        }};
        ($form:ident) => {
            row!($form, And, W64)
        };
    }
    static OTHER: Row = Row::OTHER;
    match (map, prefix, opcode) {
        (2, 1, 0x00) => row!(PackedVW, Permute, W8),
        (2, 1, 0x3b) => row!(PackedVW, MinU, W32),
        (2, 1, 0x3f) => row!(PackedVW, MaxU, W32),
        (2, 1, 0x58) => row!(BroadcastVU, Broadcast, W32),
        (2, 1, 0x59) => row!(BroadcastVU, Broadcast, W64),
        (2, 1, 0x78) => row!(BroadcastVU, Broadcast, W8),
        (2, 1, 0x79) => row!(BroadcastVU, Broadcast, W16),
        (2, 0, 0xf2) => row!(Andn),
        (2, 0, 0xf3) => row!(Group17),
        (2, 0, 0xf5) => row!(Bzhi),
        (2, 1..=3, 0xf7) => row!(ShiftX),
        (3, 1, 0x0f) => row!(PackedVWIb, Align, W8),
        _ => &OTHER,
    }
}
