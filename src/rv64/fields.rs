//! Operands that are not registers, each a type that holds only what its field can.

use std::fmt;

/// A 12-bit signed immediate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Imm12(i16);

impl Imm12 {
    /// 0.
    pub const ZERO: Imm12 = Imm12(0);

    /// `v`, if it fits.
    #[must_use]
    pub const fn new(v: i64) -> Option<Imm12> {
        #[allow(clippy::cast_possible_truncation)] // In range.
        if v >= -2048 && v < 2048 {
            Some(Imm12(v as i16))
        } else {
            None
        }
    }

    /// A constant known to fit.
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub const fn of(v: i64) -> Imm12 {
        match Imm12::new(v) {
            Some(i) => i,
            None => panic!("immediate does not fit 12 bits"),
        }
    }

    /// The low 12 bits of `v` as a signed number: what an `addi` after a `lui` adds.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // 12 bits are left.
    pub const fn low(v: i64) -> Imm12 {
        Imm12((v << 52 >> 52) as i16)
    }

    /// The value.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0 as i64
    }

    /// The 12 bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0.cast_unsigned() as u32 & 0xfff
    }
}

/// A jump distance: even, 21 bits signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Off21(i32);

impl Off21 {
    /// `v`, if it is even and fits.
    #[must_use]
    pub fn new(v: i64) -> Option<Off21> {
        let v32 = i32::try_from(v).ok()?;
        ((-(1 << 20)..1 << 20).contains(&v32) && v32 & 1 == 0).then_some(Off21(v32))
    }

    /// The bits in the places `jal` has them.
    #[must_use]
    pub const fn bits(self) -> u32 {
        let v = self.0.cast_unsigned();
        (v >> 20 & 1) << 31 | (v >> 1 & 0x3ff) << 21 | (v >> 11 & 1) << 20 | (v >> 12 & 0xff) << 12
    }
}

/// A shift amount, 0 to 63.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shamt(u8);

impl Shamt {
    /// `n`, which is taken modulo 64.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // Six bits.
    pub const fn new(n: u64) -> Shamt {
        Shamt((n & 63) as u8)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }
}

/// A 5-bit signed immediate of a vector instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Simm5(i8);

impl Simm5 {
    /// `v`, if it fits.
    #[must_use]
    pub fn new(v: i64) -> Option<Simm5> {
        let v = i8::try_from(v).ok()?;
        (-16..16).contains(&v).then_some(Simm5(v))
    }

    /// The five bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0.cast_unsigned() as u32 & 31
    }
}

/// A 5-bit unsigned immediate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uimm5(u8);

impl Uimm5 {
    /// `v`, which is taken modulo 32.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // Five bits.
    pub const fn new(v: u64) -> Uimm5 {
        Uimm5((v & 31) as u8)
    }

    /// The five bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }
}

macro_rules! small {
    ($(#[$edoc:meta])* $enum:ident { $($(#[$doc:meta])* $name:ident = $n:literal $text:literal,)* }) => {
        $(#[$edoc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $enum { $($(#[$doc])* $name = $n,)* }

        impl $enum {
            /// The bits of the field.
            #[must_use]
            pub const fn bits(self) -> u32 { self as u32 }

            /// The one with these bits.
            #[must_use]
            pub const fn from_bits(bits: u32) -> Option<$enum> {
                match bits { $($n => Some($enum::$name),)* _ => None }
            }
        }

        impl fmt::Display for $enum {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($enum::$name => $text,)* })
            }
        }
    };
}

small! {
    /// A rounding mode (F extension, table "rounding mode encoding").
    Rm {
        /// To nearest, ties to even.
        Rne = 0 "rne",
        /// Towards zero.
        Rtz = 1 "rtz",
        /// Down.
        Rdn = 2 "rdn",
        /// Up.
        Rup = 3 "rup",
        /// To nearest, ties away from zero.
        Rmm = 4 "rmm",
        /// As `frm` says.
        Dyn = 7 "dyn",
    }
}

small! {
    /// The ordering bits of an atomic instruction.
    Ordering {
        /// None.
        Relaxed = 0 "",
        /// Release.
        Rl = 1 ".rl",
        /// Acquire.
        Aq = 2 ".aq",
        /// Both: sequentially consistent.
        AqRl = 3 ".aqrl",
    }
}

small! {
    /// Whether a vector instruction obeys the mask in v0.
    Vm {
        /// Only elements whose mask bit is set.
        Masked = 0 ", v0.t",
        /// All elements.
        All = 1 "",
    }
}

small! {
    /// The width of a vector element.
    Sew {
        /// 8 bits.
        E8 = 0 "e8",
        /// 16 bits.
        E16 = 1 "e16",
        /// 32 bits.
        E32 = 2 "e32",
        /// 64 bits.
        E64 = 3 "e64",
    }
}

/// `vtype` with tail and mask agnostic or not (V extension, 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vtype {
    /// Element width.
    pub sew: Sew,
    /// Base-2 logarithm of LMUL, -3 to 3.
    pub lmul: i8,
    /// Tail agnostic.
    pub ta: bool,
    /// Mask agnostic.
    pub ma: bool,
}

impl Vtype {
    /// LMUL 1, tail and mask undisturbed.
    #[must_use]
    pub const fn m1(sew: Sew) -> Vtype {
        Vtype {
            sew,
            lmul: 0,
            ta: false,
            ma: false,
        }
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        (self.ma as u32) << 7
            | (self.ta as u32) << 6
            | self.sew.bits() << 3
            | (self.lmul.cast_unsigned() as u32 & 7)
    }

    /// The type with these bits, if it is one.
    #[must_use]
    pub fn from_bits(bits: u32) -> Option<Vtype> {
        let sew = Sew::from_bits(bits >> 3 & 7)?;
        let lmul = [0, 1, 2, 3, 0, -3, -2, -1][bits as usize & 7];
        let ok = bits & 7 != 4 && bits >> 8 == 0;
        ok.then_some(Vtype {
            sew,
            lmul,
            ta: bits >> 6 & 1 != 0,
            ma: bits >> 7 & 1 != 0,
        })
    }
}

impl fmt::Display for Vtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, n) = if self.lmul < 0 {
            ("mf", -self.lmul)
        } else {
            ("m", self.lmul)
        };
        let tail = if self.ta { "ta" } else { "tu" };
        let mask = if self.ma { "ma" } else { "mu" };
        write!(f, "{}, {kind}{}, {tail}, {mask}", self.sew, 1 << n)
    }
}
