//! The table in which translated code looks up the targets of indirect jumps, one a thread.
//!
//! Each entry is a guest address and a host address; the index is the guest address's low bits, as
//! `lower::control` computes it. Only the owning thread fills entries, and only while it is not running
//! code and holds the cache's lock; whoever invalidates code clears them, holding that lock too. So
//! code never sees a pair of halves that do not belong together: at worst it takes an entry that is
//! being cleared, as if it had run a moment earlier.

use crate::lower::abi;
use crate::sys::jit::Words;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

const ENTRIES: u64 = 1 << abi::LOOKUP_BITS;

/// Entries that a bit of `Lookup::filled` stands for.
const GROUP: u64 = 64;
/// Words of `Lookup::filled`, with a bit for each group.
const WORDS: usize = 1 << (abi::LOOKUP_BITS - 12);

/// See the module's head.
#[derive(Debug)]
pub struct Lookup {
    words: Words,
    /// Groups of entries that may have been filled since all were removed: few of many, mostly.
    filled: [AtomicU64; WORDS],
}

fn index(guest: u64) -> usize {
    usize::try_from(number(guest)).expect("small") * 2
}

/// Which entry the guest address is looked up in.
fn number(guest: u64) -> u64 {
    guest % ENTRIES
}

/// An address that no jump looks up in the entry with this number.
fn nobody(number: u64) -> u64 {
    // 0 is looked up in entry 0 only, 1 in entry 1.
    u64::from(number == 0)
}

impl Lookup {
    /// An empty table.
    ///
    /// # Errors
    /// If the host gives no memory.
    pub fn new() -> io::Result<Lookup> {
        let words = Words::new(2 * usize::try_from(ENTRIES).expect("small"))?;
        // All others begin with what nobody looks up in them.
        words[0].store(nobody(0), Ordering::Relaxed);
        Ok(Lookup {
            words,
            filled: [const { AtomicU64::new(0) }; WORDS],
        })
    }

    /// Its address, for the register file.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.words.as_ptr() as u64
    }

    /// The host address for `guest`; by the owner only.
    #[must_use]
    pub fn get(&self, guest: u64) -> Option<u64> {
        let i = index(guest);
        (self.words[i].load(Ordering::Relaxed) == guest)
            .then(|| self.words[i + 1].load(Ordering::Relaxed))
    }

    /// Adds an entry; by the owner only.
    pub fn insert(&self, guest: u64, host: u64) {
        let i = index(guest);
        let group = number(guest) / GROUP;
        self.filled[usize::try_from(group / 64).expect("small")]
            .fetch_or(1 << (group % 64), Ordering::Relaxed);
        self.words[i + 1].store(host, Ordering::Relaxed);
        self.words[i].store(guest, Ordering::Relaxed);
    }

    /// Removes the entry for `guest`, if it is there.
    pub fn remove(&self, guest: u64) {
        let cell = &self.words[index(guest)];
        let empty = nobody(number(guest));
        let _ = cell.compare_exchange(guest, empty, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Removes all entries.
    pub fn clear(&self) {
        for (n, groups) in (0..).zip(&self.filled) {
            let mut left = groups.swap(0, Ordering::Relaxed);
            while left != 0 {
                let group = 64 * n + u64::from(left.trailing_zeros());
                left &= left - 1;
                for i in group * GROUP..(group + 1) * GROUP {
                    let cell = &self.words[usize::try_from(2 * i).expect("small")];
                    cell.store(nobody(i), Ordering::Relaxed);
                }
            }
        }
    }
}
