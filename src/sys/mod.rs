//! Everything unsafe: guest memory, signals, raw system calls, entering JIT code.
//!
//! The only module where `unsafe` is allowed. It knows registers and addresses, no policy.
#![allow(unsafe_code)]

pub mod fault;
pub mod guest;
pub mod jit;
pub mod probe;
