//! The conversions between register-sized values and C's types, named for what they keep, and of words to
//! bytes.
//!
//! A system call's `int` argument is the low half of a register, whatever the high half holds; these
//! functions say so once, so that no bare narrowing `as` appears elsewhere.

/// The low 32 bits.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // That is the function's job.
pub const fn low32(v: u64) -> u32 {
    v as u32
}

/// The low 16 bits.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // That is the function's job.
pub const fn low16(v: u64) -> u16 {
    v as u16
}

/// The low 8 bits.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // That is the function's job.
pub const fn low8(v: u64) -> u8 {
    v as u8
}

/// A C `int` passed in a register.
#[must_use]
pub const fn int(v: u64) -> i32 {
    low32(v).cast_signed()
}

/// A register's value as a host size; felix's hosts are 64-bit.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // usize is 64 bits, asserted below.
pub const fn size(v: u64) -> usize {
    v as usize
}

/// A C `int` as the kernel leaves it in a 64-bit register: sign-extended.
#[must_use]
pub const fn reg(v: i32) -> u64 {
    (v as i64).cast_unsigned()
}

/// The bytes of words, as a little-endian host has them in memory.
#[must_use]
pub const fn bytes_of(words: &[u32]) -> &[u8] {
    // SAFETY: the same memory, initialised, with less alignment; as long as the words are borrowed.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

const _: () = assert!(
    cfg!(target_endian = "little"),
    "felix needs a little-endian host"
);
const _: () = assert!(usize::BITS == 64, "felix needs a 64-bit host");
