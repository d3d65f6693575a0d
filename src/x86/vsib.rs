//! What the helpers for masked moves and gathers are told, in one word (SDM vol. 2, VMASKMOV, VPMASKMOV,
//! VGATHERDPS; 2.3.12 for the vector SIB byte).
//!
//! Invariant: `decode` of what `encode` made is the same.

/// A masked move between a vector register and memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Masked {
    /// The register that is loaded or stored.
    pub register: u8,
    /// The register whose lanes' signs select.
    pub mask: u8,
    /// To memory.
    pub store: bool,
    /// Elements have 64 bits, not 32.
    pub quad: bool,
    /// 256 bits, not 128.
    pub wide: bool,
    /// The address size is 32 bits.
    pub short: bool,
}

impl Masked {
    /// As a word.
    #[must_use]
    pub fn encode(self) -> u64 {
        u64::from(self.register)
            | u64::from(self.mask) << 4
            | u64::from(self.store) << 8
            | u64::from(self.quad) << 9
            | u64::from(self.wide) << 10
            | u64::from(self.short) << 11
    }

    /// From a word.
    #[must_use]
    pub fn decode(word: u64) -> Masked {
        Masked {
            register: nibble(word),
            mask: nibble(word >> 4),
            store: word >> 8 & 1 != 0,
            quad: word >> 9 & 1 != 0,
            wide: word >> 10 & 1 != 0,
            short: word >> 11 & 1 != 0,
        }
    }
}

/// A gather.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gather {
    /// The destination.
    pub register: u8,
    /// The register whose lanes' signs select; it ends as zeros.
    pub mask: u8,
    /// The register with the indices.
    pub index: u8,
    /// Indices have 64 bits, not 32.
    pub quad_index: bool,
    /// Elements have 64 bits, not 32.
    pub quad: bool,
    /// VEX.L.
    pub wide: bool,
    /// What indices are shifted left by: 0 to 3.
    pub scale: u8,
    /// The address size is 32 bits.
    pub short: bool,
}

impl Gather {
    /// As a word.
    #[must_use]
    pub fn encode(self) -> u64 {
        u64::from(self.register)
            | u64::from(self.mask) << 4
            | u64::from(self.index) << 8
            | u64::from(self.quad_index) << 12
            | u64::from(self.quad) << 13
            | u64::from(self.wide) << 14
            | u64::from(self.short) << 15
            | u64::from(self.scale) << 16
    }

    /// From a word.
    #[must_use]
    pub fn decode(word: u64) -> Gather {
        Gather {
            register: nibble(word),
            mask: nibble(word >> 4),
            index: nibble(word >> 8),
            quad_index: word >> 12 & 1 != 0,
            quad: word >> 13 & 1 != 0,
            wide: word >> 14 & 1 != 0,
            short: word >> 15 & 1 != 0,
            scale: nibble(word >> 16) & 3,
        }
    }

    /// How many elements there are: as many as the wider of index and element leaves room for.
    #[must_use]
    pub fn elements(self) -> usize {
        let narrow = if self.quad || self.quad_index { 2 } else { 4 };
        if self.wide { 2 * narrow } else { narrow }
    }
}

#[allow(clippy::cast_possible_truncation)] // Four bits.
fn nibble(word: u64) -> u8 {
    (word & 15) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_all() {
        for word in 0..1 << 12 {
            assert_eq!(Masked::decode(word).encode(), word);
        }
        for word in (0..1 << 18).step_by(7) {
            assert_eq!(Gather::decode(word).encode(), word);
        }
    }
}
