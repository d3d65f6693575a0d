//! Where code ends for those who translate it, because what comes there is run in another way: at single addresses, and in pages
//! that the kernel writes to at any time, so that they cannot be watched. A stop is gone with what is mapped there.

use super::{AddressSpace, Inner, PAGE};
use std::collections::BTreeMap;
use std::ops::Range;

/// Both kinds.
#[derive(Default)]
pub(super) struct Stops {
    /// Each with a word of whoever has set it.
    single: BTreeMap<u64, u64>,
    /// How many have asked for that, by page.
    kept: BTreeMap<u64, u32>,
}

impl Stops {
    pub(super) const NONE: Stops = Stops {
        single: BTreeMap::new(),
        kept: BTreeMap::new(),
    };

    /// True if this page is not to be watched.
    pub(super) fn keep(&self, page: u64) -> bool {
        self.kept.contains_key(&page)
    }
}

fn page(addr: u64) -> u64 {
    addr & !(PAGE - 1)
}

impl Inner {
    pub(super) fn forget_stops(&mut self, r: &Range<u64>) {
        while let Some((&at, _)) = self.stops.single.range(r.clone()).next() {
            self.stops.single.remove(&at);
        }
    }
}

impl AddressSpace {
    /// Sets a stop. Code may have been fetched from there before.
    pub fn set_stop(&self, at: u64, word: u64) {
        self.lock().stops.single.insert(at, word);
    }

    /// How much of `len` bytes at `addr` lies before the first stop.
    #[must_use]
    pub fn before_stop(&self, addr: u64, len: u64) -> u64 {
        let end = addr.saturating_add(len);
        let stops = &self.lock().stops;
        let single = stops.single.range(addr..end).next();
        let kept = stops.kept.range(page(addr)..end).next();
        let first = single.map(|s| *s.0).into_iter().chain(kept.map(|k| *k.0));
        first.min().map_or(len, |at| at.saturating_sub(addr))
    }

    /// Keeps the page of an address from being watched, until as many have released it.
    pub fn keep_writable(&self, addr: u64) {
        *self.lock().stops.kept.entry(page(addr)).or_default() += 1;
        self.unwatch(addr);
    }

    /// See `keep_writable`.
    pub fn release_writable(&self, addr: u64) {
        let kept = &mut self.lock().stops.kept;
        if let Some(count) = kept.get_mut(&page(addr)) {
            *count -= 1;
            if *count == 0 {
                kept.remove(&page(addr));
            }
        }
    }

    /// The page of an address, if that is kept from being watched.
    #[must_use]
    pub fn kept_writable(&self, addr: u64) -> Option<Range<u64>> {
        let page = page(addr);
        let kept = self.lock().stops.keep(page);
        kept.then(|| page..page + PAGE)
    }

    /// Removes a stop.
    pub fn remove_stop(&self, at: u64) {
        self.lock().stops.single.remove(&at);
    }

    /// The word of the stop at an address.
    #[must_use]
    pub fn stop(&self, at: u64) -> Option<u64> {
        self.lock().stops.single.get(&at).copied()
    }
}
