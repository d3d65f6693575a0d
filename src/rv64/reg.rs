//! The register files. Integer and float registers print with their ABI names.

use std::fmt;

macro_rules! register {
    ($(#[$doc:meta])* $ty:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $ty(u8);

        impl $ty {
            /// The register numbered `n`, 0 to 31.
            #[must_use]
            pub const fn new(n: u8) -> $ty {
                assert!(n < 32);
                $ty(n)
            }

            /// The number.
            #[must_use]
            pub const fn num(self) -> u8 {
                self.0
            }

            /// The number, to index with.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// The number as it is placed in an instruction word.
            #[must_use]
            pub const fn bits(self) -> u32 {
                self.0 as u32
            }
        }
    };
}

register! {
    /// An integer register.
    Xreg
}
register! {
    /// A floating-point register.
    Freg
}
register! {
    /// A vector register.
    Vreg
}

const X_NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4",
    "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4",
    "t5", "t6",
];

const F_NAMES: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2",
    "fa3", "fa4", "fa5", "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9",
    "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
];

#[allow(missing_docs)] // The psABI's names.
impl Xreg {
    pub const ZERO: Xreg = Xreg(0);
    pub const RA: Xreg = Xreg(1);
    pub const SP: Xreg = Xreg(2);
    pub const GP: Xreg = Xreg(3);
    pub const TP: Xreg = Xreg(4);
    pub const T0: Xreg = Xreg(5);
    pub const T1: Xreg = Xreg(6);
    pub const T2: Xreg = Xreg(7);
    pub const S0: Xreg = Xreg(8);
    pub const S1: Xreg = Xreg(9);
    pub const A0: Xreg = Xreg(10);
    pub const A1: Xreg = Xreg(11);
    pub const A2: Xreg = Xreg(12);
    pub const A3: Xreg = Xreg(13);
    pub const A4: Xreg = Xreg(14);
    pub const A5: Xreg = Xreg(15);
    pub const A6: Xreg = Xreg(16);
    pub const A7: Xreg = Xreg(17);
    pub const S2: Xreg = Xreg(18);
    pub const S3: Xreg = Xreg(19);
    pub const S4: Xreg = Xreg(20);
    pub const S5: Xreg = Xreg(21);
    pub const S6: Xreg = Xreg(22);
    pub const S7: Xreg = Xreg(23);
    pub const S8: Xreg = Xreg(24);
    pub const S9: Xreg = Xreg(25);
    pub const S10: Xreg = Xreg(26);
    pub const S11: Xreg = Xreg(27);
    pub const T3: Xreg = Xreg(28);
    pub const T4: Xreg = Xreg(29);
    pub const T5: Xreg = Xreg(30);
    pub const T6: Xreg = Xreg(31);
}

impl fmt::Display for Xreg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(X_NAMES[self.index()])
    }
}

impl fmt::Display for Freg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(F_NAMES[self.index()])
    }
}

impl fmt::Display for Vreg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}
