//! The x87 operations, numbered, and the word in which one is named: lift makes it, a helper carries it
//! out (SDM vol. 1, 5.2).
//!
//! Knows no encodings and no semantics. Invariant: `X87Word::decode` of `encode` gives the same word.

use super::GuestAddr;

macro_rules! x87_ops {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// An x87 operation; the source and what is popped are said apart from it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum X87Op { $($(#[$doc])* $name,)* }

        impl X87Op {
            /// All of them; the position is the number.
            pub const ALL: &'static [X87Op] = &[$(X87Op::$name,)*];
        }
    };
}

x87_ops! {
    /// FLD
    Ld,
    /// FBLD
    Bld,
    /// FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ: the index says which, in encoding order.
    LdConst,
    /// FST, FSTP
    St,
    /// FSTPNCE: FSTP without a stack fault.
    Stnce,
    /// FISTTP
    Istt,
    /// FBSTP
    Bst,
    /// FXCH
    Xch,
    /// FCMOVcc; the value is the condition.
    Cmov,
    /// FADD
    Add,
    /// FMUL
    Mul,
    /// FSUB: destination - source
    Sub,
    /// FSUBR: source - destination
    Subr,
    /// FDIV: destination / source
    Div,
    /// FDIVR: source / destination
    Divr,
    /// FCOM
    Com,
    /// FUCOM
    Ucom,
    /// FCOMI; gives ZF, PF and CF.
    Comi,
    /// FUCOMI; gives ZF, PF and CF.
    Ucomi,
    /// FTST
    Tst,
    /// FXAM
    Xam,
    /// FABS
    Abs,
    /// FCHS
    Chs,
    /// FSQRT
    Sqrt,
    /// FRNDINT
    Rndint,
    /// FSCALE
    Scale,
    /// FXTRACT
    Xtract,
    /// FPREM
    Prem,
    /// FPREM1
    Prem1,
    /// FINCSTP
    Incstp,
    /// FDECSTP
    Decstp,
    /// FFREE
    Free,
    /// FNOP
    Nop,
    /// F2XM1
    F2xm1,
    /// FYL2X
    Yl2x,
    /// FYL2XP1
    Yl2xp1,
    /// FSIN
    Sin,
    /// FCOS
    Cos,
    /// FSINCOS
    Sincos,
    /// FPTAN
    Ptan,
    /// FPATAN
    Patan,
}

/// The operand that is not ST(0).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum X87Place {
    /// ST(index) is the source, ST(0) the destination.
    Source,
    /// ST(index) is the destination, ST(0) the source.
    Dest,
    /// Single precision: a source is in the value's low bits, a destination at the address.
    M32,
    /// Double precision, likewise.
    M64,
    /// Double extended precision or BCD, at the address.
    M80,
    /// Word integer: a source is the value, sign-extended.
    I16,
    /// Doubleword integer, likewise.
    I32,
    /// Quadword integer.
    I64,
}

impl X87Place {
    const ALL: [X87Place; 8] = [
        X87Place::Source,
        X87Place::Dest,
        X87Place::M32,
        X87Place::M64,
        X87Place::M80,
        X87Place::I16,
        X87Place::I32,
        X87Place::I64,
    ];

    /// True if the instruction has a memory operand.
    #[must_use]
    pub const fn is_memory(self) -> bool {
        !matches!(self, X87Place::Source | X87Place::Dest)
    }
}

/// What a helper is told of an x87 instruction in one constant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct X87Word {
    /// What to do.
    pub op: X87Op,
    /// The other operand.
    pub place: X87Place,
    /// The number of a stack register.
    pub index: u8,
    /// How many registers are popped.
    pub pops: u8,
    /// The instruction's address, for FIP.
    pub ip: GuestAddr,
}

const PLACE: u32 = 6;
const INDEX: u32 = 9;
const POPS: u32 = 12;
const IP: u32 = 14;

impl X87Word {
    /// The word as a number. The address's upper bits are lost: code is in the lower half of the
    /// address space.
    #[must_use]
    pub fn encode(self) -> u64 {
        u64::from(self.op as u8)
            | u64::from(self.place as u8) << PLACE
            | u64::from(self.index & 7) << INDEX
            | u64::from(self.pops & 3) << POPS
            | self.ip.0 << IP
    }

    /// The word with this number.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // Fields of a few bits each.
    pub fn decode(v: u64) -> Option<X87Word> {
        Some(X87Word {
            op: *X87Op::ALL.get((v & 0x3f) as usize)?,
            place: X87Place::ALL[(v >> PLACE & 7) as usize],
            index: (v >> INDEX & 7) as u8,
            pops: (v >> POPS & 3) as u8,
            ip: GuestAddr(v >> IP),
        })
    }
}

const _: () = assert!(X87Op::ALL.len() <= 1 << PLACE);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back() {
        for (i, op) in X87Op::ALL.iter().enumerate() {
            assert_eq!(*op as usize, i);
            for (i, place) in X87Place::ALL.into_iter().enumerate() {
                assert_eq!(place as usize, i);
                let word = X87Word {
                    op: *op,
                    place,
                    index: 5,
                    pops: 2,
                    ip: GuestAddr(0x7fff_ffff_fff0),
                };
                assert_eq!(X87Word::decode(word.encode()), Some(word));
            }
        }
    }
}
