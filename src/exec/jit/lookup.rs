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
use std::sync::atomic::Ordering;

const ENTRIES: u64 = 1 << abi::LOOKUP_BITS;

/// See the module's head.
#[derive(Debug)]
pub struct Lookup(Words);

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
        Ok(Lookup(words))
    }

    /// Its address, for the register file.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.0.as_ptr() as u64
    }

    /// The host address for `guest`; by the owner only.
    #[must_use]
    pub fn get(&self, guest: u64) -> Option<u64> {
        let i = index(guest);
        (self.0[i].load(Ordering::Relaxed) == guest).then(|| self.0[i + 1].load(Ordering::Relaxed))
    }

    /// Adds an entry; by the owner only.
    pub fn insert(&self, guest: u64, host: u64) {
        let i = index(guest);
        self.0[i + 1].store(host, Ordering::Relaxed);
        self.0[i].store(guest, Ordering::Relaxed);
    }

    /// Removes the entry for `guest`, if it is there.
    pub fn remove(&self, guest: u64) {
        let cell = &self.0[index(guest)];
        let empty = nobody(number(guest));
        let _ = cell.compare_exchange(guest, empty, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Removes all entries.
    pub fn clear(&self) {
        for i in 0..ENTRIES {
            let cell = &self.0[usize::try_from(2 * i).expect("small")];
            // Most were never written, and should not become memory.
            if cell.load(Ordering::Relaxed) != nobody(i) {
                cell.store(nobody(i), Ordering::Relaxed);
            }
        }
    }
}
