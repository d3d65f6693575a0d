//! Guest operating systems: the ABI between a guest program and its kernel, one folder each.

pub mod linux;
