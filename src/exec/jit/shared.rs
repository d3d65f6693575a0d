//! What the engines of all threads of a process share: code, counters, and who must forget what.
//!
//! Locking: `cache` before `withdrawn` and `stats`, which are leaves.

use super::cache::{Cache, source_pages};
use super::{CodeMemory, Observer, Tiers};
use crate::lower::Translation;
use crate::rv64::{Feature, HostIsa};
use crate::sys::jit::{Executable, Routines};
use crate::sys::meter::Work;
use crate::x86::GuestAddr;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the engines of a process's threads share.
pub struct Shared {
    pub memory: Arc<dyn CodeMemory>,
    pub isa: HostIsa,
    pub code: Executable,
    pub routines: Routines,
    pub cache: Mutex<Cache>,
    pub stats: Mutex<Stats>,
    /// How often code was withdrawn that threads' cold code may have been made from.
    pub generation: AtomicU64,
    /// The pages withdrawn last, by the generation that began with it. Changes under the cache's lock,
    /// as the generation does.
    pub withdrawn: Mutex<VecDeque<(u64, u64, u64)>>,
    /// When code is made, and how good.
    pub tiers: Tiers,
    /// How often what is hot is still to be put off.
    pub early: AtomicU32,
    /// Whether code keeps x86's order of loads and stores: once somebody else may look on.
    pub ordered: AtomicBool,
    /// Whether there may be code for an address at which a thread has no cold code: of another thread, or in
    /// the middle of a region. Only ever a reason to look.
    pub unseen: AtomicBool,
    pub observer: Option<Arc<Observer>>,
}

/// How many withdrawals are remembered. A thread that missed more forgets all its cold code.
const REMEMBERED: usize = 64;

/// Counters for `--stats`.
#[derive(Clone, Copy, Default, Debug)]
pub struct Stats {
    pub units: u64,
    pub unit_insns: u64,
    pub regions: u64,
    pub guest_insns: u64,
    pub host_insns: u64,
    pub evaluated: u64,
    pub time: Duration,
}

impl Shared {
    pub fn withdrawn(&self) -> MutexGuard<'_, VecDeque<(u64, u64, u64)>> {
        self.withdrawn
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What code is lowered for: without anybody to look on, no order need be kept.
    pub fn lowered_for(&self) -> HostIsa {
        if self.ordered.load(Ordering::Acquire) {
            self.isa
        } else {
            self.isa.with(Feature::Ztso)
        }
    }

    /// Whether hot code is to be put off, for being among the first; `Tiers::early`.
    pub fn puts_off(&self) -> bool {
        let less = |n: u32| n.checked_sub(1);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        self.early.fetch_update(set, get, less).is_ok()
    }

    /// From now on memory has other users. Called while the process has one thread, which is not in code.
    pub fn order(&self) {
        if !self.ordered.swap(true, Ordering::AcqRel) && !self.isa.has(Feature::Ztso) {
            self.cache().restart();
        }
    }

    /// Sees to it that `page` is watched; true if it was not.
    #[inline(never)]
    pub fn watch(&self, page: u64) -> bool {
        // Under the lock: whoever finds the page noted may read it.
        let mut cache = self.cache();
        let new = cache.watch(page);
        if new {
            self.memory.watch(GuestAddr(page * 4096));
        }
        new
    }

    /// True if code `t` is made from may have been withdrawn since `generation`.
    pub fn withdrawn_since(&self, generation: u64, t: &Translation) -> bool {
        if self.generation.load(Ordering::Acquire) == generation {
            return false;
        }
        let withdrawn = self.withdrawn();
        if withdrawn.front().is_none_or(|w| w.0 > generation + 1) {
            return true;
        }
        let later = withdrawn.iter().filter(|w| w.0 > generation);
        later
            .into_iter()
            .any(|(_, first, last)| source_pages(t).any(|p| (first..=last).contains(&&p)))
    }

    /// Withdraws all code made from these bytes, in all threads.
    pub fn withdraw(&self, start: GuestAddr, len: u64) {
        let mut cache = self.cache();
        if !cache.invalidate(&self.code, start, len) {
            return;
        }
        let mut withdrawn = self.withdrawn();
        let generation = self.generation.load(Ordering::Relaxed) + 1;
        if withdrawn.len() == REMEMBERED {
            withdrawn.pop_front();
        }
        let last = start.0.saturating_add(len.max(1) - 1) >> 12;
        withdrawn.push_back((generation, start.0 >> 12, last));
        self.generation.store(generation, Ordering::Release);
    }

    pub fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counters.
    pub fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `--stats` prints.
    pub fn report(&self) -> String {
        let Stats {
            units,
            unit_insns,
            regions,
            guest_insns,
            host_insns,
            evaluated,
            time,
        } = *self.stats();
        let bytes = self.cache().used();
        let cost = |work, insns: u64| {
            let observer = self.observer.as_ref();
            let n = observer.and_then(|o| o.cost(work)).unwrap_or_default();
            match n / insns.max(1) {
                0 => String::new(),
                n => format!(", {n} host instructions each"),
            }
        };
        let (whole, plain) = (
            cost(Work::Region, guest_insns),
            cost(Work::Unit, unit_insns),
        );
        format!(
            "jit ({}): {regions} regions, {guest_insns} guest instructions translated to {host_insns} \
             words in {:.1} ms{whole}; {units} units, {unit_insns} instructions made one by one{plain}; \
             {bytes} bytes of code, {evaluated} instructions evaluated",
            self.isa,
            time.as_secs_f64() * 1e3,
        )
    }
}
