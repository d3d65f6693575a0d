//! Registers, operand widths and guest addresses as types that do not mix.

use std::fmt;

/// A virtual address in the guest. Guest addresses are host addresses (identity mapping), but a
/// `GuestAddr` is never turned into a Rust reference: all access goes through `sys::guest`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GuestAddr(pub u64);

impl GuestAddr {
    /// The address `n` bytes further on, wrapping at 2^64 as x86 address arithmetic does.
    #[must_use]
    pub const fn offset(self, n: i64) -> Self {
        GuestAddr(self.0.wrapping_add_signed(n))
    }

    /// True if bits 63:47 are all equal: canonical with 48-bit linear addresses (SDM vol. 1, 3.3.7.1).
    #[must_use]
    pub const fn is_canonical(self) -> bool {
        let top = (self.0 as i64) >> 47;
        top == 0 || top == -1
    }
}

impl fmt::Display for GuestAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for GuestAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One of the 16 general-purpose registers, by its encoding number (RAX = 0 ... R15 = 15).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gpr(u8);

#[allow(missing_docs)] // The manual's register names explain themselves.
impl Gpr {
    pub const RAX: Gpr = Gpr(0);
    pub const RCX: Gpr = Gpr(1);
    pub const RDX: Gpr = Gpr(2);
    pub const RBX: Gpr = Gpr(3);
    pub const RSP: Gpr = Gpr(4);
    pub const RBP: Gpr = Gpr(5);
    pub const RSI: Gpr = Gpr(6);
    pub const RDI: Gpr = Gpr(7);
    pub const R8: Gpr = Gpr(8);
    pub const R9: Gpr = Gpr(9);
    pub const R10: Gpr = Gpr(10);
    pub const R11: Gpr = Gpr(11);
}

impl Gpr {
    /// The register with encoding number `n` (0 to 15).
    #[must_use]
    pub const fn new(n: u8) -> Gpr {
        assert!(n < 16);
        Gpr(n)
    }

    /// The encoding number, 0 to 15.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The encoding number, 0 to 15.
    #[must_use]
    pub const fn num(self) -> u8 {
        self.0
    }

    /// All 16 registers in encoding order.
    pub fn all() -> impl Iterator<Item = Gpr> {
        (0..16).map(Gpr)
    }

    /// The 64-bit name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        [
            "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11",
            "r12", "r13", "r14", "r15",
        ][self.0 as usize]
    }
}

impl fmt::Debug for Gpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The width of an integer operation or vector lane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Width {
    /// 8 bits.
    W8 = 0,
    /// 16 bits.
    W16 = 1,
    /// 32 bits.
    W32 = 2,
    /// 64 bits.
    W64 = 3,
}

impl Width {
    /// All four widths, narrowest first.
    pub const ALL: [Width; 4] = [Width::W8, Width::W16, Width::W32, Width::W64];

    /// The width in bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        8 << self as u32
    }

    /// The width in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        1 << self as u64
    }

    /// A mask of the low `bits()` bits.
    #[must_use]
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits())
    }

    /// The most significant bit of the width.
    #[must_use]
    pub const fn sign_bit(self) -> u64 {
        1 << (self.bits() - 1)
    }

    /// `v`'s low bits, zero-extended to 64.
    #[must_use]
    pub const fn zext(self, v: u64) -> u64 {
        v & self.mask()
    }

    /// `v`'s low bits, sign-extended to 64.
    #[must_use]
    pub const fn sext(self, v: u64) -> i64 {
        let shift = 64 - self.bits();
        ((v << shift) as i64) >> shift
    }

    /// The width of `bytes` bytes, if it is 1, 2, 4 or 8.
    #[must_use]
    pub const fn from_bytes(bytes: usize) -> Option<Width> {
        match bytes {
            1 => Some(Width::W8),
            2 => Some(Width::W16),
            4 => Some(Width::W32),
            8 => Some(Width::W64),
            _ => None,
        }
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.bits())
    }
}
