//! A small hash map from guest addresses to numbers: open addressing, linear probing.
//!
//! Invariant: at most half of the places are taken, so every search ends.

use crate::x86::GuestAddr;

/// The number of an empty place.
const EMPTY: u32 = u32::MAX;

/// See the module's head. Numbers are below 2^32 - 1.
#[derive(Debug, Default)]
pub struct AddrMap {
    places: Vec<(u64, u32)>,
    used: usize,
    /// The places taken, as long as there are few: so that they can be cleared without looking at all.
    taken: Vec<u32>,
}

/// How many places `taken` remembers.
const FEW: usize = 256;

impl AddrMap {
    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        if self.used > FEW {
            self.places.fill((0, EMPTY));
        } else {
            for i in &self.taken {
                self.places[*i as usize] = (0, EMPTY);
            }
        }
        self.taken.clear();
        self.used = 0;
    }

    #[inline]
    fn place(&self, addr: u64) -> usize {
        let mask = self.places.len() - 1;
        #[allow(clippy::cast_possible_truncation)] // Hosts have 64 bits.
        let mut i = (addr ^ addr >> 12) as usize & mask;
        while self.places[i].1 != EMPTY && self.places[i].0 != addr {
            i = (i + 1) & mask;
        }
        i
    }

    /// The number of `addr`.
    #[must_use]
    pub fn get(&self, addr: GuestAddr) -> Option<u32> {
        if self.used == 0 {
            return None;
        }
        let n = self.places[self.place(addr.0)].1;
        (n != EMPTY).then_some(n)
    }

    /// Makes `n` the number of `addr`.
    pub fn insert(&mut self, addr: GuestAddr, n: u32) {
        debug_assert_ne!(n, EMPTY);
        if (self.used + 1) * 2 > self.places.len() {
            let larger = (self.places.len() * 2).max(32);
            let old = std::mem::replace(&mut self.places, vec![(0, EMPTY); larger]);
            self.taken.clear();
            self.used = 0;
            for (a, n) in old.into_iter().filter(|p| p.1 != EMPTY) {
                self.put(a, n);
            }
        }
        self.put(addr.0, n);
    }

    #[inline]
    fn put(&mut self, addr: u64, n: u32) {
        let i = self.place(addr);
        if self.places[i].1 == EMPTY {
            self.used += 1;
            if self.used <= FEW {
                #[allow(clippy::cast_possible_truncation)] // Numbers are below 2^32.
                self.taken.push(i as u32);
            }
        }
        self.places[i] = (addr, n);
    }

    /// Forgets what `keep` says no to.
    pub fn retain(&mut self, keep: impl Fn(u64, u32) -> bool) {
        let size = self.places.len();
        let old = std::mem::replace(&mut self.places, vec![(0, EMPTY); size]);
        self.taken.clear();
        self.used = 0;
        for (a, n) in old {
            if n != EMPTY && keep(a, n) {
                self.put(a, n);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_inserted_and_nothing_else() {
        let mut map = AddrMap::default();
        assert_eq!(map.get(GuestAddr(0)), None);
        for i in 0..1000 {
            map.insert(GuestAddr(u64::from(i) * 4096 + 7), i);
        }
        map.insert(GuestAddr(7), 5000);
        assert_eq!(map.get(GuestAddr(7)), Some(5000));
        for i in 1..1000 {
            assert_eq!(map.get(GuestAddr(u64::from(i) * 4096 + 7)), Some(i));
            assert_eq!(map.get(GuestAddr(u64::from(i) * 4096)), None);
        }
        map.retain(|_, n| n % 2 == 0);
        assert_eq!(map.get(GuestAddr(4096 + 7)), None);
        assert_eq!(map.get(GuestAddr(2 * 4096 + 7)), Some(2));
        map.clear();
        assert_eq!(map.get(GuestAddr(7)), None);
    }
}
