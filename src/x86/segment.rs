//! The segments of a 64-bit Linux process, and what such a process sees of the system's tables
//! (arch/x86/include/asm/segment.h, arch/x86/kernel/umip.c).
//!
//! The descriptor table has, within reach of privilege level 3, code of 32 and of 64 bits, data, and a
//! segment whose limit is the processor's number. All begin at 0. There is no local table, and
//! `set_thread_area` is for 32-bit programs: nothing is ever added.

/// CS.
pub const CS: u64 = 0x33;
/// SS.
pub const SS: u64 = 0x2b;

/// What SLDT, STR and SMSW give. On CPUs with UMIP they fault, and Linux gives these values.
pub const LDTR: u64 = 0;
/// See `LDTR`: the task register.
pub const TR: u64 = 0x40;
/// See `LDTR`: CR0, with PE, MP, ET, NE, WP, AM and PG.
pub const CR0: u64 = 0x8005_0033;
/// The bases SGDT and SIDT give, for the same reason; their limits are 0.
pub const GDT_BASE: u64 = 0xffff_ffff_fffe_0000;
/// See `GDT_BASE`.
pub const IDT_BASE: u64 = 0xffff_ffff_ffff_0000;

struct Descriptor {
    index: u64,
    /// Bits 8 to 23 of its second doubleword.
    access: u32,
    limit: u32,
}

const fn descriptor(index: u64, access: u32, limit: u32) -> Descriptor {
    Descriptor {
        index,
        access,
        limit,
    }
}

/// The segment whose limit is the processor's number.
const PROCESSOR: u64 = 15;

/// Those of privilege level 3.
const TABLE: [Descriptor; 4] = [
    descriptor(4, 0x00cf_fb00, u32::MAX),
    descriptor(5, 0x00cf_f300, u32::MAX),
    descriptor(6, 0x00af_fb00, u32::MAX),
    descriptor(PROCESSOR, 0x0040_f500, 0),
];

/// Type bit of `access`: writable data.
const WRITABLE: u32 = 1 << 9;
/// Type bit of `access`: code.
const CODE: u32 = 1 << 11;

/// A question about a selector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The instructions.
#[repr(u8)]
pub enum Query {
    Lar = 0,
    Lsl = 1,
    Verr = 2,
    Verw = 3,
}

impl Query {
    /// The one with this number.
    #[must_use]
    pub const fn decode(n: u64) -> Query {
        match n {
            0 => Query::Lar,
            1 => Query::Lsl,
            2 => Query::Verr,
            _ => Query::Verw,
        }
    }
}

/// The answer to a query about the low 16 bits of `selector`, on this processor; `None` where the instruction clears ZF.
#[must_use]
pub fn query(selector: u64, what: Query, processor: impl FnOnce() -> u32) -> Option<u32> {
    // Bit 2 is for the local table. Level 3 may ask with any requested level.
    let selector = selector & 0xffff;
    let index = (selector & 4 == 0).then_some(selector >> 3)?;
    let d = TABLE.iter().find(|d| d.index == index)?;
    match what {
        Query::Lar => Some(d.access),
        Query::Lsl if d.index == PROCESSOR => Some(processor()),
        Query::Lsl => Some(d.limit),
        // All code there is readable.
        Query::Verr => Some(0),
        Query::Verw => (d.access & (CODE | WRITABLE) == WRITABLE).then_some(0),
    }
}

/// The selectors, without the requested level's bits and divided by 4, that DS, ES, FS and GS may be
/// loaded with, as a set of bits: the null selector, and all of the table.
#[must_use]
pub const fn loadable() -> u64 {
    let (mut set, mut i) = (1, 0);
    while i < TABLE.len() {
        set |= 1 << (2 * TABLE[i].index);
        i += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_data_is_writable() {
        let writable = |s| query(s, Query::Verw, || 0).is_some();
        assert!(writable(SS) && !writable(CS) && !writable(0x7b));
        assert_eq!(query(0x2f, Query::Lar, || 0), None, "the local table");
        assert_eq!(query(3, Query::Lar, || 0), None, "null");
        assert_eq!(loadable(), 1 | 1 << 8 | 1 << 10 | 1 << 12 | 1 << 30);
    }
}
