//! Host faults (SIGSEGV and its kin). Placeholder of this branch: the engines' recovery is merged over it.

/// Installs the host handlers for synchronous faults.
pub fn install() {}
