//! The `felix` command.
fn main() {}
