//! Executable files and what a new process finds in memory: ELF headers, `#!` lines, the initial stack, the
//! vDSO's image.
//!
//! All of it is computation on bytes: nothing here maps memory, opens files or knows where the guest's root
//! is. Input is hostile: every function ends in a value or an error for any bytes.

pub mod elf;
pub mod script;
pub mod stack;
pub mod symbols;
pub mod vdso;
