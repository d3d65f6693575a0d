//! `one` for vector instructions, and for integer instructions with VEX.
//!
//! Knows what `quick::vector` and `quick::forms` make of iced's reading, and makes the same.

use super::map::{Form, Row, prefix};
use super::{Bytes, Prefixes};
use crate::lift::quick::{Address, Bits, Kind, Len, Packed, Quick};
use crate::x86::{Gpr, Width};

/// Whether a form without VEX encodings here is of vector instructions.
pub(super) const fn is_vector(form: Form) -> bool {
    matches!(
        form,
        Form::MovHalfVM | Form::MovHalfMV | Form::MovScalarVW | Form::MovScalarWV
    )
}

/// What E or W is.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Register(u8),
    Memory(Address),
}

/// `one` for an instruction on vectors, or with VEX.
#[inline(never)]
pub(super) fn vector(
    row: &Row,
    p: Prefixes,
    modrm: u8,
    place: Place,
    bytes: &mut Bytes<'_>,
    q: &mut Quick,
) -> Option<Kind> {
    let (reg, len) = (p.reg(modrm), p.len);
    // An operand in VEX.vvvv that there is not must be written so.
    let two = p.vvvv == 0;
    let short = two && len != Len::Vex256;
    q.w = row.w;
    let aligned = row.aligned;
    Some(match (row.form, place) {
        (Form::MovVW, Place::Register(s)) if two => Kind::MovVector { d: reg, s, len },
        (Form::MovWV, Place::Register(d)) if two => Kind::MovVector { d, s: reg, len },
        (Form::MovVW, Place::Memory(m)) if two => Kind::LoadVector {
            d: reg,
            m,
            aligned,
            len,
        },
        (Form::MovWV, Place::Memory(m)) if two => Kind::StoreVector {
            s: reg,
            m,
            aligned,
            len,
        },
        (Form::PackedVW | Form::PackedVWIb, place) => {
            let (op, d, a) = (row.packed, reg, p.first(reg));
            let n = if matches!(row.form, Form::PackedVWIb) {
                bytes.u8()
            } else {
                0
            };
            match place {
                Place::Register(b) if op == Packed::Xor && a == b => Kind::ZeroVector { d, len },
                Place::Register(b) => Kind::Packed {
                    op,
                    d,
                    a,
                    b,
                    n,
                    len,
                },
                Place::Memory(m) => Kind::PackedLoad {
                    op,
                    d,
                    a,
                    n,
                    len,
                    m,
                },
            }
        }
        (Form::ShuffleVWIb, place) if two => {
            let (op, d, a, n) = (row.packed, reg, reg, bytes.u8());
            match place {
                Place::Register(b) => Kind::Packed {
                    op,
                    d,
                    a,
                    b,
                    n,
                    len,
                },
                Place::Memory(m) => Kind::PackedLoad {
                    op,
                    d,
                    a,
                    n,
                    len,
                    m,
                },
            }
        }
        (Form::GroupUIb, Place::Register(a)) => {
            let op = match (modrm >> 3 & 7, row.w) {
                (2, _) => Packed::Shr,
                (4, Width::W16 | Width::W32) => Packed::Sar,
                (6, _) => Packed::Shl,
                (3, Width::W64) => Packed::BytesDown,
                (7, Width::W64) => Packed::BytesUp,
                _ => return None,
            };
            let (d, n) = (p.first(a), bytes.u8());
            Kind::Packed {
                op,
                d,
                a,
                b: a,
                n,
                len,
            }
        }
        (Form::MovdVE, place) if short => {
            q.w = y(p);
            match place {
                Place::Register(s) => {
                    let s = Gpr::new(s);
                    Kind::FromGpr { d: reg, s, len }
                }
                Place::Memory(m) => Kind::LoadLow { d: reg, m, len },
            }
        }
        (Form::MovdEV, place) if short => {
            q.w = y(p);
            match place {
                Place::Register(d) => {
                    let d = Gpr::new(d);
                    Kind::ToGpr { d, s: reg }
                }
                Place::Memory(m) => Kind::StoreHalf {
                    s: reg,
                    m,
                    high: false,
                },
            }
        }
        (Form::MovqVW, Place::Memory(m)) if short => Kind::LoadLow { d: reg, m, len },
        (Form::MovqWV, Place::Memory(m)) if short => Kind::StoreHalf {
            s: reg,
            m,
            high: false,
        },
        (Form::MovqVW, Place::Register(b)) if short => only(Packed::LowOnly, reg, b, len),
        (Form::MovqWV, Place::Register(d)) if short => only(Packed::LowOnly, d, reg, len),
        (Form::MovHalfVM, Place::Memory(m)) => Kind::LoadHalf {
            d: reg,
            m,
            high: aligned,
        },
        (Form::MovHalfMV, Place::Memory(m)) => Kind::StoreHalf {
            s: reg,
            m,
            high: aligned,
        },
        // With 66 there is none.
        (Form::MovHalfVM, Place::Register(s)) if !p.has(prefix::OPERAND_SIZE) => {
            if aligned {
                only(Packed::UnpackLow, reg, s, len)
            } else {
                Kind::Packed {
                    op: Packed::UnpackHigh,
                    d: reg,
                    a: s,
                    b: reg,
                    n: 0,
                    len,
                }
            }
        }
        (Form::MovScalarVW, Place::Memory(m)) => Kind::LoadLow { d: reg, m, len },
        (Form::MovScalarWV, Place::Memory(m)) => Kind::StoreHalf {
            s: reg,
            m,
            high: false,
        },
        (Form::MovScalarVW, Place::Register(b)) => only(Packed::Low, reg, b, len),
        (Form::MovScalarWV, Place::Register(d)) => only(Packed::Low, d, reg, len),
        (Form::MoveMask, Place::Register(s)) if two => {
            let d = Gpr::new(reg);
            Kind::MoveMask { d, s, len }
        }
        (Form::BroadcastVU, Place::Register(b)) if two && p.rex & 8 == 0 => {
            only(row.packed, reg, b, len)
        }
        (form, Place::Register(e)) if len == Len::Vex128 => {
            q.w = y(p);
            let (g, e, v) = (Gpr::new(reg), Gpr::new(e), Gpr::new(p.vvvv));
            let of = |op, d, a, b| Kind::Bits { op, d, a, b };
            match (form, modrm >> 3 & 7) {
                (Form::Andn, _) => of(Bits::Andn, g, v, e),
                (Form::Group17, 1) => of(Bits::Blsr, v, e, e),
                (Form::Group17, 2) => of(Bits::Blsmsk, v, e, e),
                (Form::Group17, 3) => of(Bits::Blsi, v, e, e),
                (Form::Bzhi, _) => of(Bits::Bzhi, g, e, v),
                (Form::ShiftX, _) => {
                    let op = [Bits::Andn, Bits::Shlx, Bits::Sarx, Bits::Shrx][usize::from(p.pp)];
                    of(op, g, e, v)
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn only(op: Packed, d: u8, b: u8, len: Len) -> Kind {
    Kind::Packed {
        op,
        d,
        a: d,
        b,
        n: 0,
        len,
    }
}

/// The width of y.
const fn y(p: Prefixes) -> Width {
    if p.rex & 8 != 0 {
        Width::W64
    } else {
        Width::W32
    }
}
