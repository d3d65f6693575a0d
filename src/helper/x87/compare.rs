//! Comparison (SDM vol. 1, 8.3.6).

use super::num::{Class, F80, Operand};
use super::unit::{C0, C2, C3, Unit};
use crate::x86::Rflags;
use std::cmp::Ordering;

/// Compares; `None` is unordered. A quiet comparison accepts QNaNs.
pub(super) fn compare(u: &mut Unit<'_>, a: Operand, b: Operand, quiet: bool) -> Option<Ordering> {
    let bad = |o: Operand| match o.class {
        Class::Unsupported | Class::Snan => true,
        Class::Qnan => !quiet,
        _ => false,
    };
    let unordered = |o: Operand| o.is_nan() || o.class == Class::Unsupported;
    if unordered(a) || unordered(b) {
        if bad(a) || bad(b) {
            u.invalid();
        }
        return None;
    }
    u.denormals(&[a, b]);
    Some(order(a.v, b.v))
}

fn order(a: F80, b: F80) -> Ordering {
    if a.m == 0 && b.m == 0 {
        return Ordering::Equal;
    }
    // Sign and magnitude as one signed number. A pseudo-denormal is worth the first normal.
    let key = |v: F80| {
        let field = (v.se & 0x7fff).max(u16::from(v.m >> 63 != 0));
        let magnitude = i128::from(field) << 64 | i128::from(v.m);
        if v.sign() { -magnitude } else { magnitude }
    };
    key(a).cmp(&key(b))
}

/// C3, C2 and C0.
pub(super) fn codes(o: Option<Ordering>) -> u16 {
    match o {
        None => C3 | C2 | C0,
        Some(Ordering::Less) => C0,
        Some(Ordering::Equal) => C3,
        Some(Ordering::Greater) => 0,
    }
}

/// ZF, PF and CF.
pub(super) fn flags(o: Option<Ordering>) -> u64 {
    match o {
        None => Rflags::ZF | Rflags::PF | Rflags::CF,
        Some(Ordering::Less) => Rflags::CF,
        Some(Ordering::Equal) => Rflags::ZF,
        Some(Ordering::Greater) => 0,
    }
}
