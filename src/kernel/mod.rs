//! What a process has, without any guest's ABI: tasks, descriptors, paths, signal dispositions, exec.
//!
//! Knows no system call numbers, no structure layouts of a guest and no engine. Process and thread ids,
//! descriptors, signal queues and futexes are the host kernel's own; this layer keeps only what the
//! host cannot know. Lock order: `Process::exe`, `Process::actions`, `Process::peers`; none is held over a call that blocks.

pub mod exec;
pub mod fd;
mod mountinfo;
pub mod process;
pub mod procfs;
mod procmem;
pub mod rseq;
pub mod seccomp;
pub mod strings;
pub mod task;
pub mod trace;
pub mod tracer;
pub mod vfs;

pub use process::{Action, Options, Process};
pub use task::Task;
