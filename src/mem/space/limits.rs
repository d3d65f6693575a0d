//! RLIMIT_AS and RLIMIT_DATA (getrlimit(2)): kept for the guest here, because on the host they would count felix's own
//! memory and stop felix itself. And how many mappings there may be (proc_sys_vm(5), max_map_count): the guest gets ENOMEM
//! while felix can still have some.

use super::{AddressSpace, Backing, Inner, WRITE};
use crate::sys::{Errno, proc};
use std::ops::Range;
use std::sync::OnceLock;

/// How many mappings are felix's: what the host splits because of watched pages, and what is yet to come.
const KEPT: usize = 1024;
/// Below this nobody asks what the limit is.
const FEW: usize = 8192;

/// The most mappings that the guest may have.
fn most_mappings() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| {
        let text = proc::read("sys/vm/max_map_count").unwrap_or_default();
        let said = std::str::from_utf8(text.trim_ascii()).ok();
        // DEFAULT_MAX_MAP_COUNT.
        (said.and_then(|t| t.parse().ok()).unwrap_or(65530usize)).saturating_sub(KEPT)
    })
}

/// Soft and hard limit in bytes; `u64::MAX` is none.
pub type Limit = [u64; 2];

/// The limits the guest has set, if it has.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Limits {
    space: Option<Limit>,
    data: Option<Limit>,
}

impl Limits {
    pub(super) const NONE: Limits = Limits {
        space: None,
        data: None,
    };
}

/// Which limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    /// RLIMIT_AS: all mappings.
    Space,
    /// RLIMIT_DATA: private memory that can be written to, and the heap.
    Data,
}

impl Inner {
    /// ENOMEM if another mapping is one too many.
    pub(super) fn has_room(&self) -> Result<(), Errno> {
        let count = self.regions.len();
        if count < FEW || count < most_mappings() {
            Ok(())
        } else {
            Err(Errno::ENOMEM)
        }
    }

    /// As `has_room`, if a mapping has to be cut for this range.
    pub(super) fn has_room_to_cut(&self, r: &Range<u64>) -> Result<(), Errno> {
        let is_inside = |at: u64| {
            let left = self.regions.range(..at).next_back();
            left.is_some_and(|(_, region)| region.end > at)
        };
        if is_inside(r.start) || is_inside(r.end) {
            self.has_room()
        } else {
            Ok(())
        }
    }

    /// ENOMEM if `more` bytes with these rights are too many once `replaced` is gone.
    pub(super) fn within_limits(
        &self,
        more: u64,
        prot: u32,
        shared: bool,
        replaced: &Range<u64>,
    ) -> Result<(), Errno> {
        let is_data = |prot: u32, shared: bool| prot & WRITE != 0 && !shared;
        let used = |counts: &dyn Fn(u32, bool) -> bool| -> u64 {
            (self.regions.iter())
                // Linux counts a stack as far as it has grown; felix maps all of it at once.
                .filter(|(_, r)| r.backing != Backing::Named("[stack]") && counts(r.prot, r.shared))
                .map(|(start, r)| {
                    let gone = replaced
                        .end
                        .min(r.end)
                        .saturating_sub(replaced.start.max(*start));
                    r.end - start - gone
                })
                .sum()
        };
        let exceeds = |limit: Option<Limit>, counts: &dyn Fn(u32, bool) -> bool| {
            limit.is_some_and(|[soft, _]| used(counts).saturating_add(more) > soft)
        };
        if exceeds(self.limits.space, &|_, _| true)
            || (is_data(prot, shared) && exceeds(self.limits.data, &is_data))
        {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }
}

impl AddressSpace {
    /// The limit the guest has set; `None` if it is the host's.
    #[must_use]
    pub fn limit(&self, which: Resource) -> Option<Limit> {
        let limits = self.lock().limits;
        match which {
            Resource::Space => limits.space,
            Resource::Data => limits.data,
        }
    }

    /// Sets a limit for what is mapped from now on.
    pub fn set_limit(&self, which: Resource, limit: Option<Limit>) {
        let mut inner = self.lock();
        match which {
            Resource::Space => inner.limits.space = limit,
            Resource::Data => inner.limits.data = limit,
        }
    }
}
