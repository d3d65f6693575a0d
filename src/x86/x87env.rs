//! x87 control and status, and the environment FNSTENV stores (SDM vol. 1, 8.1).
//!
//! Layout and bit rules only: no memory access, no arithmetic. Invariant, kept by every function here:
//! ES and B in the status word are set exactly if an exception flag is set that the control word does
//! not mask.

use super::state::X87;

/// Exception flags of the status word, and masks of the control word.
const EXCEPTIONS: u16 = 0x3f;
/// Stack fault, above the exception flags.
const SF: u16 = 1 << 6;
/// Error summary, and B which copies it.
const ES_B: u16 = 1 << 7 | 1 << 15;
/// The control word's reserved bits: bit 6 reads as 1, the others as 0.
const FCW_ONE: u16 = 1 << 6;
const FCW_BITS: u16 = 0x1f3f | FCW_ONE;

/// Bytes of the environment in its 32-bit and 16-bit protected-mode formats.
pub const SIZE_32: usize = 28;
/// See `SIZE_32`.
pub const SIZE_16: usize = 14;

impl X87 {
    /// FNINIT.
    pub fn init(&mut self) {
        *self = X87 {
            r: self.r,
            ..X87::default()
        };
    }

    /// FLDCW.
    pub fn load_control(&mut self, fcw: u16) {
        self.fcw = fcw & FCW_BITS | FCW_ONE;
        self.update_summary();
    }

    /// FNCLEX.
    pub fn clear_exceptions(&mut self) {
        self.fsw &= !(EXCEPTIONS | SF | ES_B);
    }

    /// True if the next waiting instruction raises #MF.
    #[must_use]
    pub const fn pending(&self) -> bool {
        self.fsw & !self.fcw & EXCEPTIONS != 0
    }

    /// Makes ES and B what they must be.
    pub fn update_summary(&mut self) {
        self.fsw = if self.pending() {
            self.fsw | ES_B
        } else {
            self.fsw & !ES_B
        };
    }

    /// The full tag word: two bits a physical register, 0 valid, 1 zero, 2 special, 3 empty.
    #[must_use]
    pub fn tag_word(&self) -> u16 {
        (0..8).fold(0, |tags, i| {
            let [significand, exponent] = self.r[i];
            let tag = match exponent & 0x7fff {
                _ if self.ftw >> i & 1 == 0 => 3,
                0 if significand == 0 => 1,
                1..0x7fff if significand >> 63 == 1 => 0,
                _ => 2,
            };
            tags | tag << (2 * i)
        })
    }

    /// What FNSTENV stores; `wide` is the format with 32-bit operand size. The selectors are 0. The
    /// 16-bit format is the beginning of the array.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // The formats have the low bits of the pointers.
    pub fn environment(&self, wide: bool) -> [u8; SIZE_32] {
        let mut image = [0; SIZE_32];
        let step = if wide { 4 } else { 2 };
        let mut put = |i: usize, v: u32| {
            image[step * i..step * (i + 1)].copy_from_slice(&v.to_le_bytes()[..step]);
        };
        // The upper halves of the three words are reserved and stored as ones.
        let ones = 0xffff_0000;
        put(0, ones | u32::from(self.fcw));
        put(1, ones | u32::from(self.fsw));
        put(2, ones | u32::from(self.tag_word()));
        put(3, self.fip as u32);
        put(
            4,
            if wide {
                u32::from(self.fop & 0x7ff) << 16
            } else {
                0
            },
        );
        put(5, self.fdp as u32);
        put(6, if wide { ones } else { 0 });
        image
    }

    /// FLDENV of such an image.
    pub fn load_environment(&mut self, wide: bool, image: &[u8; SIZE_32]) {
        let step = if wide { 4 } else { 2 };
        let short = |i: usize| u16::from_le_bytes([image[step * i], image[step * i + 1]]);
        let long = |i: usize| u64::from(short(i)) | u64::from(short_at(image, step * i + 2)) << 16;
        self.fsw = short(1);
        self.load_control(short(0));
        let tags = short(2);
        self.ftw = (0..8).fold(0, |f, i| f | u16::from(tags >> (2 * i) & 3 != 3) << i);
        if wide {
            self.fip = long(3);
            self.fop = short_at(image, 4 * step + 2) & 0x7ff;
            self.fdp = long(5);
        } else {
            self.fip = short(3).into();
            self.fop = 0;
            self.fdp = short(5).into();
        }
    }
}

fn short_at(image: &[u8; SIZE_32], at: usize) -> u16 {
    u16::from_le_bytes([image[at], image[at + 1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_what_the_registers_hold() {
        let mut x = X87 {
            ftw: 0b1111,
            ..X87::default()
        };
        x.r[0] = [1 << 63, 0x3fff];
        x.r[1] = [0, 0x8000];
        x.r[2] = [1 << 63, 0x7fff];
        x.r[3] = [1, 0];
        assert_eq!(x.tag_word(), 0b11_11_11_11_10_10_01_00);
    }

    #[test]
    fn the_environment_comes_back() {
        let mut x = X87 {
            fcw: 0x27f,
            fsw: 0x3800,
            ftw: 0x80,
            fip: 0x1234_5678,
            fop: 0x123,
            ..X87::default()
        };
        x.r[7] = [1 << 63, 0x3fff];
        let mut y = X87 {
            r: x.r,
            ..X87::default()
        };
        y.load_environment(true, &x.environment(true));
        assert_eq!(y, x);
        y.load_environment(false, &x.environment(false));
        assert_eq!(
            (y.fcw, y.fsw, y.ftw, y.fip, y.fop),
            (x.fcw, x.fsw, x.ftw, 0x5678, 0)
        );
    }

    #[test]
    fn unmasking_a_set_flag_makes_it_pending() {
        let mut x = X87 {
            fsw: 4,
            ..X87::default()
        };
        x.load_control(0x37f);
        assert!(!x.pending());
        x.load_control(0x37b);
        assert!(x.pending());
        assert_eq!(x.fsw, 0x8084);
        x.clear_exceptions();
        assert_eq!(x.fsw, 0);
    }
}
