//! x86 to IR: one row an instruction (`table`), one function that lifts it, one driver (`region`).
//!
//! Knows the guest CPU and the IR, no host and no operating system. Invariant, relied on by every
//! engine: a lift function emits everything that can fault before the first `set` of a register, so
//! that a fault leaves the registers as they were (REP string instructions: as after the last
//! completed iteration).

pub mod addr_map;
pub mod cx;
pub mod quick;
pub mod region;
pub mod table;

mod arith;
mod bits;
mod bmi;
mod control;
mod data;
mod rows;
mod segment;
mod shift;
mod sse;
mod stack;
mod string;
mod system;
mod x87;

pub use cx::Cx;
pub use region::{Fetch, Limits, translate};
pub use table::{Family, ROWS, Row, row_for, supported};
