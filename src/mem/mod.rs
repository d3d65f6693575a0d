//! The guest's address space: what is mapped where, and with which rights.

pub mod space;

pub use space::{AddressSpace, space};
