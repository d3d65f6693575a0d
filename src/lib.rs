//! felix runs x86-64 Linux programs on RISC-V Linux machines, and on any other by evaluation.
//!
//! The layers, from the bottom: `sys` and `error`; `x86` and `rv64` (facts); `ir`, `mem`, `loader`;
//! `lift`, `opt`, `helper`; `kernel`, `lower`, `interp`; `exec` and `personality`; `run`, `replay` and `setup`;
//! `cli`. A module uses only what is below it; `tests/tidy.rs` enforces that.
#![deny(unsafe_code)]

pub mod cli;
pub mod error;
pub mod exec;
pub mod helper;
pub mod interp;
pub mod ir;
pub mod kernel;
pub mod lift;
pub mod loader;
pub mod lower;
pub mod mem;
pub mod opt;
pub mod personality;
pub mod replay;
pub mod run;
pub mod rv64;
pub mod setup;
pub mod sys;
pub mod x86;
