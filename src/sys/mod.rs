//! Every unsafe line of felix: raw system calls, host signals, host memory, guest memory access,
//! threads and processes as the host makes them.
//!
//! Knows nothing of the guest: no x86, no guest ABI. It is also the only place that looks at
//! `cfg(target_arch)`. What is offered upwards is safe to call with any argument, except that guest
//! memory is guest memory: `mem_*` functions change mappings, and the caller (`mem::space`) keeps them
//! away from felix's own.
#![allow(unsafe_code)]

pub mod alloc;
pub mod cast;
pub mod channel;
pub mod dump;
pub mod errno;
pub mod fault;
pub mod files;
pub mod guest;

pub mod host;
pub mod ids;
pub mod image;
pub mod jit;
pub mod limit;
pub mod meter;
pub mod mount;
pub mod namespace;
pub mod probe;
pub mod proc;
pub mod ptrace;
pub mod raw;
pub mod rseq;
pub mod signal;
pub mod start;
pub mod thread;
pub mod users;
pub mod window;
pub use errno::Errno;
