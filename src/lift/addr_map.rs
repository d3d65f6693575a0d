//! A small hash map from guest addresses to numbers: open addressing, linear probing.
//!
//! Invariant: at most half of the places are taken, so every search ends.

use crate::x86::GuestAddr;

/// Of an empty place: zero, as fresh memory is.
const EMPTY: u32 = 0;

/// See the module's head. Numbers are below 2^32 - 1.
#[derive(Debug, Default)]
pub struct AddrMap {
    /// Addresses with their numbers + 1.
    places: Vec<(u64, u32)>,
    used: usize,
    /// The places taken, as long as there are few: so that they can be cleared without looking at all.
    taken: Vec<u32>,
}

/// How many places `taken` remembers.
const FEW: usize = 256;

impl AddrMap {
    /// Room for `n` numbers before any is moved. To clear it takes as long as it is large.
    #[must_use]
    pub fn with_capacity(n: usize) -> AddrMap {
        AddrMap {
            places: vec![(0, EMPTY); (2 * n).next_power_of_two()],
            ..AddrMap::default()
        }
    }

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
        if self.places.is_empty() {
            return None;
        }
        let n = self.places[self.place(addr.0)].1;
        n.checked_sub(1)
    }

    /// The number of `addr`, which becomes `n` if it has none.
    #[inline(always)]
    pub fn get_or_insert(&mut self, addr: GuestAddr, n: u32) -> u32 {
        if (self.used + 1) * 2 > self.places.len() {
            self.grow();
        }
        let i = self.place(addr.0);
        if let Some(n) = self.places[i].1.checked_sub(1) {
            return n;
        }
        self.set(i, addr.0, n + 1);
        n
    }

    /// Makes `n` the number of `addr`.
    #[inline]
    pub fn insert(&mut self, addr: GuestAddr, n: u32) {
        if (self.used + 1) * 2 > self.places.len() {
            self.grow();
        }
        self.put(addr.0, n + 1);
    }

    #[inline(never)]
    fn grow(&mut self) {
        // By four: each time all are moved.
        self.resize((self.places.len() * 4).max(64), |_, _| true);
    }

    /// Moves what `keep` says yes to into new places.
    fn resize(&mut self, size: usize, keep: impl Fn(u64, u32) -> bool) {
        let old = std::mem::replace(&mut self.places, vec![(0, EMPTY); size]);
        self.taken.clear();
        self.used = 0;
        for (addr, n) in old {
            if n != EMPTY && keep(addr, n - 1) {
                self.put(addr, n);
            }
        }
    }

    #[inline]
    fn put(&mut self, addr: u64, n: u32) {
        let i = self.place(addr);
        self.set(i, addr, n);
    }

    #[inline]
    fn set(&mut self, i: usize, addr: u64, n: u32) {
        let was = std::mem::replace(&mut self.places[i], (addr, n));
        if was.1 == EMPTY {
            self.used += 1;
            if self.used <= FEW {
                self.take(i);
            }
        }
    }

    #[inline(never)]
    fn take(&mut self, i: usize) {
        #[allow(clippy::cast_possible_truncation)] // Numbers are below 2^32.
        self.taken.push(i as u32);
    }

    /// Forgets what `keep` says no to.
    pub fn retain(&mut self, keep: impl Fn(u64, u32) -> bool) {
        if self.used > FEW {
            self.resize(self.places.len(), keep);
            return;
        }
        let all = self.taken.iter().map(|i| self.places[*i as usize]);
        let kept: Vec<_> = all.filter(|(addr, n)| keep(*addr, n - 1)).collect();
        self.clear();
        for (addr, n) in kept {
            self.put(addr, n);
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
        assert_eq!(map.get_or_insert(GuestAddr(7), 1), 5000);
        assert_eq!(map.get_or_insert(GuestAddr(9), 1), 1);
        assert_eq!(map.get(GuestAddr(9)), Some(1));
        map.clear();
        assert_eq!(map.get(GuestAddr(7)), None);
        // The same with few of them.
        (0..10).for_each(|i| map.insert(GuestAddr(u64::from(i) << 20), i));
        map.retain(|_, n| n != 3);
        map.insert(GuestAddr(1), 10);
        let found = |i: u32| map.get(GuestAddr(u64::from(i) << 20));
        let expected = |i| (i != 3 && i < 10).then_some(i);
        assert!((0..12).all(|i| found(i) == expected(i)));
        assert_eq!(map.get(GuestAddr(1)), Some(10));
    }
}
