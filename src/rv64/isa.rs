//! What a host offers, as data: so that code for any host can be made and tested on any other.

use std::fmt;
use std::str::FromStr;

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        /// An extension beyond RV64IMAFD that code generation can use.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Feature { $($(#[$doc])* $name,)* }

        impl Feature {
            /// All of them.
            pub const ALL: &'static [Feature] = &[$(Feature::$name,)*];

            /// The name in ISA strings.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Feature::$name => $text,)* } }
        }
    };
}

features! {
    /// Compressed instructions.
    C "c";
    /// Address generation.
    Zba "zba";
    /// Basic bit manipulation.
    Zbb "zbb";
    /// Carry-less multiplication.
    Zbc "zbc";
    /// Single bits.
    Zbs "zbs";
    /// Conditional zeroing.
    Zicond "zicond";
    /// Compare and swap.
    Zacas "zacas";
    /// Byte and half-word atomics.
    Zabha "zabha";
    /// Additional floating-point instructions.
    Zfa "zfa";
    /// Half-precision conversion.
    Zfhmin "zfhmin";
    /// Total store order.
    Ztso "ztso";
    /// Vector bit manipulation.
    Zvbb "zvbb";
    /// The part of Zvbb that cryptography uses.
    Zvkb "zvkb";
    /// Vector carry-less multiplication.
    Zvbc "zvbc";
    /// Vector AES.
    Zvkned "zvkned";
    /// Vector SHA-2, of 32 bits.
    Zvknha "zvknha";
    /// Vector SHA-2.
    Zvknhb "zvknhb";
    /// Vector half-precision conversion.
    Zvfhmin "zvfhmin";
}

/// A RISC-V host: RV64IMAFD and what is listed here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct HostIsa {
    features: u32,
    vlen: u32,
}

impl HostIsa {
    /// RV64IMAFD with C and nothing else.
    pub const GC: HostIsa = HostIsa {
        features: 1 << Feature::C as u32,
        vlen: 0,
    };

    /// True if the host has `f`.
    #[must_use]
    pub const fn has(self, f: Feature) -> bool {
        self.features >> f as u32 & 1 != 0
    }

    /// The same host with `f`.
    #[must_use]
    pub const fn with(self, f: Feature) -> HostIsa {
        HostIsa {
            features: self.features | 1 << f as u32,
            vlen: self.vlen,
        }
    }

    /// The same host with V 1.0 and registers of `vlen` bits; 0 for no V.
    #[must_use]
    pub const fn with_vlen(self, vlen: u32) -> HostIsa {
        HostIsa {
            features: self.features,
            vlen,
        }
    }

    /// VLEN in bits, 0 without V.
    #[must_use]
    pub const fn vlen(self) -> u32 {
        self.vlen
    }

    /// True if V is there with registers of at least 128 bits, as V (not Zve) demands.
    #[must_use]
    pub const fn has_v(self) -> bool {
        self.vlen >= 128
    }

    /// True if every feature of `self` is there on `other`, so that code for `self` runs on it. Code
    /// for a VLEN of 128 runs with a larger one; code for more counts on exactly that.
    #[must_use]
    pub const fn runs_on(self, other: HostIsa) -> bool {
        let same = self.vlen <= 128 && self.vlen <= other.vlen || self.vlen == other.vlen;
        self.features & !other.features == 0 && same
    }
}

/// A word of an ISA list that means nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown RISC-V feature `{0}`; a list looks like gc,zba,zbb,zbs,zicond,v128")]
pub struct UnknownFeature(pub String);

impl FromStr for HostIsa {
    type Err = UnknownFeature;

    /// Reads `rv64gc`, `gc,zba,zbb,zbs,v128`, `rva22u64,v256`: features and profiles in any order,
    /// separated by commas or underscores; `v` is `v128`.
    fn from_str(list: &str) -> Result<HostIsa, UnknownFeature> {
        let mut isa = HostIsa::default();
        for word in list
            .split([',', '_'])
            .map(str::trim)
            .filter(|w| !w.is_empty())
        {
            let lower = word.to_ascii_lowercase();
            let name = lower.strip_prefix("rv64").unwrap_or(&lower);
            let zb = |isa: HostIsa| {
                isa.with(Feature::C)
                    .with(Feature::Zba)
                    .with(Feature::Zbb)
                    .with(Feature::Zbs)
            };
            isa = match name {
                "g" | "imafd" | "" => isa,
                "gc" | "imafdc" => isa.with(Feature::C),
                "gcv" | "imafdcv" => isa.with(Feature::C).with_vlen(isa.vlen.max(128)),
                "rva22u64" => zb(isa).with(Feature::Zfhmin),
                "rva23u64" => zb(isa)
                    .with(Feature::Zfhmin)
                    .with(Feature::Zicond)
                    .with(Feature::Zfa)
                    .with(Feature::Zvbb)
                    .with(Feature::Zvfhmin)
                    .with_vlen(isa.vlen.max(128)),
                "v" => isa.with_vlen(isa.vlen.max(128)),
                _ => {
                    let feature = Feature::ALL.iter().find(|f| f.name() == name);
                    let vlen = name
                        .strip_prefix("zvl")
                        .map_or_else(|| name.strip_prefix('v'), |n| n.strip_suffix('b'))
                        .and_then(|n| n.parse::<u32>().ok())
                        .filter(|n| n.is_power_of_two() && (128..=65536).contains(n));
                    match (feature, vlen) {
                        (Some(f), _) => isa.with(*f),
                        (None, Some(n)) => isa.with_vlen(n),
                        (None, None) => return Err(UnknownFeature(word.to_owned())),
                    }
                }
            };
        }
        Ok(isa)
    }
}

impl fmt::Display for HostIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("g")?;
        for feature in Feature::ALL.iter().filter(|x| self.has(**x)) {
            if *feature == Feature::C {
                f.write_str("c")?;
            } else {
                write!(f, ",{}", feature.name())?;
            }
        }
        if self.vlen != 0 {
            write!(f, ",v{}", self.vlen)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_and_print_back() {
        for (text, canonical) in [
            ("rv64gc", "gc"),
            ("gc,zba,zbb,zbs,v128", "gc,zba,zbb,zbs,v128"),
            ("rva22u64,v256", "gc,zba,zbb,zbs,zfhmin,v256"),
            ("rv64gcv_zba", "gc,zba,v128"),
            ("g", "g"),
        ] {
            let isa: HostIsa = text.parse().unwrap();
            assert_eq!(isa.to_string(), canonical);
            assert_eq!(isa.to_string().parse(), Ok(isa));
        }
        assert!("gc,zfoo".parse::<HostIsa>().is_err());
        assert!("gc,v100".parse::<HostIsa>().is_err());
    }

    #[test]
    fn code_runs_where_all_its_features_are() {
        let small: HostIsa = "gc,zba".parse().unwrap();
        let large: HostIsa = "gc,zba,zbb,v256".parse().unwrap();
        assert!(small.runs_on(large) && !large.runs_on(small));
        let larger = large.with_vlen(512);
        assert!(large.with_vlen(128).runs_on(larger) && !large.runs_on(larger));
    }
}
