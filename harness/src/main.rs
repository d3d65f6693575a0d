//! felix's differential fuzzing harness.

mod engines;
mod generate;
mod sys;

fn main() {}
