//! What others ask of the map: what lies where.

use super::{AddressSpace, Backing, Region};

impl AddressSpace {
    /// What is mapped, in order, by start.
    #[must_use]
    pub fn mappings(&self) -> Vec<(u64, Region)> {
        let inner = self.lock();
        inner.regions.iter().map(|(s, r)| (*s, r.clone())).collect()
    }

    /// True if anything is mapped at an address or above it.
    #[must_use]
    pub fn any_above(&self, addr: u64) -> bool {
        let inner = self.lock();
        inner
            .regions
            .values()
            .next_back()
            .is_some_and(|r| r.end > addr)
    }

    /// True if the address is in anonymous memory with this name.
    #[must_use]
    pub fn is_named(&self, addr: u64, name: &str) -> bool {
        let inner = self.lock();
        let found = inner.regions.range(..=addr).next_back();
        found.is_some_and(|(_, r)| {
            r.end > addr && matches!(r.backing, Backing::Named(n) if n == name)
        })
    }
}
