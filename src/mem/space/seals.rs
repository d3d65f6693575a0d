//! What the guest has sealed (mseal(2)). Kept here and not by the host, for which felix has to be able to change the protection of
//! pages with code: the guest's calls are refused, felix's own are not.

use super::{AddressSpace, Backing, Inner, PAGE, WRITE};
use crate::sys::Errno;
use std::ops::Range;

/// Sealed ranges, in order, none touching another.
#[derive(Clone, Default, Debug)]
pub(super) struct Seals(Vec<Range<u64>>);

impl Seals {
    pub(super) const NONE: Seals = Seals(Vec::new());

    fn add(&mut self, new: Range<u64>) {
        let mut new = new;
        self.0.retain(|r| {
            let apart = r.end < new.start || new.end < r.start;
            if !apart {
                new = new.start.min(r.start)..new.end.max(r.end);
            }
            apart
        });
        let at = self.0.partition_point(|r| r.start < new.start);
        self.0.insert(at, new);
    }

    /// The first sealed address in a range.
    fn first(&self, of: &Range<u64>) -> Option<u64> {
        let overlapping = |r: &&Range<u64>| r.start < of.end && of.start < r.end;
        (self.0.iter().find(overlapping)).map(|r| r.start.max(of.start))
    }
}

impl Inner {
    pub(super) fn first_sealed(&self, r: &Range<u64>) -> Option<u64> {
        self.sealed.first(r)
    }

    /// EPERM if any of it is sealed.
    pub(super) fn not_sealed(&self, r: &Range<u64>) -> Result<(), Errno> {
        match self.first_sealed(r) {
            None => Ok(()),
            Some(_) => Err(Errno::EPERM),
        }
    }
}

impl AddressSpace {
    /// mseal(2), without flags. ENOMEM, and nothing is sealed, if there is a hole.
    pub fn seal(&self, addr: u64, len: u64) -> Result<(), Errno> {
        let end = (len.checked_next_multiple_of(PAGE))
            .and_then(|len| addr.checked_add(len))
            .filter(|_| addr.is_multiple_of(PAGE))
            .ok_or(Errno::EINVAL)?;
        let r = addr..end;
        let mut inner = self.lock();
        if !inner.gaps(&r).is_empty() {
            return Err(Errno::ENOMEM);
        }
        if !r.is_empty() {
            inner.sealed.add(r);
        }
        Ok(())
    }

    /// True if advice that discards what is there is refused (madvise(2)): private anonymous memory that is sealed and cannot
    /// be written to.
    #[must_use]
    pub fn keeps_content(&self, addr: u64, len: u64) -> bool {
        let r = addr..addr.saturating_add(len);
        let inner = self.lock();
        inner.first_sealed(&r).is_some()
            && inner.overlapping(&r).any(|(start, region)| {
                let part = r.start.max(*start)..r.end.min(region.end);
                !matches!(region.backing, Backing::File { .. })
                    && !region.shared
                    && region.prot & WRITE == 0
                    && inner.first_sealed(&part).is_some()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seals_that_touch_are_one() {
        let mut s = Seals::NONE;
        for r in [8..9, 2..3, 4..6, 3..4, 20..30, 9..10] {
            s.add(r);
        }
        assert_eq!(s.0, [2..6, 8..10, 20..30]);
        assert_eq!(s.first(&(0..2)), None);
        assert_eq!(s.first(&(0..100)), Some(2));
        assert_eq!(s.first(&(5..100)), Some(5));
        assert_eq!(s.first(&(6..9)), Some(8));
        assert_eq!(s.first(&(10..20)), None);
    }
}
