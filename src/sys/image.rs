//! What the processes of felix show to each other, in their memory (process_vm_readv(2)).
//!
//! They run the same executable, so what is at an address of one is as far from its entry point in the other: `image_of`.
//! Where the host lets nobody look (Yama, another user) there is nothing to be had.
//!
//! Knows no guest. Invariant: what is shown by its address stays for good, because others may be reading it.

use super::cast::{int, reg, size};
use super::host::{address_of, address_of_mut};
use super::{Errno, host, ptrace, raw};
use std::collections::BTreeMap;
use std::mem::offset_of;
use std::ops::Range;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// What a process shows to others that felix runs.
#[derive(Debug)]
#[repr(C)]
pub struct Image {
    /// Felix's signal handlers are there.
    pub started: AtomicU32,
    /// Set by the tracer of a process that has just been made by execve(2).
    pub executed: AtomicU32,
    /// Where the guest's auxiliary vector is, and its bytes.
    auxv: [AtomicU64; 2],
    /// The same of what else there is to know of the program, in a form of the caller's.
    program: [AtomicU64; 2],
    /// The lowest number of a descriptor that is felix's own, and one past the highest.
    hidden: [AtomicU64; 2],
    /// Sets of signals: the guest ignores them, or has handlers for them.
    signals: [AtomicU64; 2],
    /// A number that is odd while the table changes, where it is, and its entries: the map of the guest's memory.
    map: [AtomicU64; 3],
    /// Threads of felix's own: their numbers, or 0.
    threads: [AtomicU32; THREADS],
    /// Threads in a wait that only their end interrupts, or 0.
    killable: [AtomicU32; WAITING],
    /// How many ranges of memory tracers have written.
    pub written: AtomicU64,
    /// The last of them: start and end.
    pub ranges: [[AtomicU64; 2]; RANGES],
}

/// How many ranges are remembered.
pub const RANGES: usize = 64;

/// How many threads of felix's own can be shown.
const THREADS: usize = 32;

/// How many threads that wait so are shown.
const WAITING: usize = 16;

/// This process's.
pub static IMAGE: Image = Image {
    started: AtomicU32::new(0),
    executed: AtomicU32::new(0),
    auxv: [const { AtomicU64::new(0) }; 2],
    program: [const { AtomicU64::new(0) }; 2],
    hidden: [const { AtomicU64::new(0) }; 2],
    signals: [const { AtomicU64::new(0) }; 2],
    map: [const { AtomicU64::new(0) }; 3],
    threads: [const { AtomicU32::new(0) }; THREADS],
    killable: [const { AtomicU32::new(0) }; WAITING],
    written: AtomicU64::new(0),
    ranges: [const { [const { AtomicU64::new(0) }; 2] }; RANGES],
};

/// The room there is at least for bytes that are shown, so that what changes them keeps their place.
const ROOM: usize = 512;

/// Shows bytes by their address and length. One thread at a time.
fn show(bytes: &[u8], place: &[AtomicU64; 2]) {
    place[1].store(0, Ordering::Release);
    let old = place[0].load(Ordering::Relaxed);
    if old == 0 || bytes.len() > ROOM {
        let mut kept = bytes.to_vec();
        kept.resize(bytes.len().max(ROOM), 0);
        place[0].store(address_of_mut(Vec::leak(kept)), Ordering::Release);
    } else {
        let to = std::ptr::with_exposed_provenance_mut::<u8>(size(old));
        // SAFETY: what is there was leaked by this function, is at least this long and is referred to by nothing but its
        // address; other processes who read it meanwhile find some of both.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }
    place[1].store(bytes.len() as u64, Ordering::Release);
}

/// Shows the guest's auxiliary vector.
pub fn show_auxv(auxv: &[u8]) {
    show(auxv, &IMAGE.auxv);
}

/// Shows what else there is to know of the program.
pub fn show_program(program: &[u8]) {
    show(program, &IMAGE.program);
}

/// Shows which descriptors are felix's own.
pub fn show_hidden(range: &Range<RawFd>) {
    for (to, number) in IMAGE.hidden.iter().zip([range.start, range.end]) {
        to.store(reg(number), Ordering::Relaxed);
    }
}

/// Shows which signals the guest ignores, and which it has handlers for.
pub fn show_signals(ignored: u64, caught: u64) {
    IMAGE.signals[0].store(ignored, Ordering::Relaxed);
    IMAGE.signals[1].store(caught, Ordering::Relaxed);
}

/// Shows the calling thread as felix's own, if there is room. It stays shown when it has ended: the guest is to see nothing of
/// that either.
pub fn show_own_thread() {
    let tid = host::gettid().unsigned_abs();
    let ended = |t: u32| t == 0 || ptrace::tgkill(host::getpid(), t.cast_signed(), 0).is_err();
    let order = Ordering::Relaxed;
    let _ = IMAGE.threads.iter().find(|slot| {
        let old = slot.load(order);
        ended(old) && slot.compare_exchange(old, tid, order, order).is_ok()
    });
}

/// Shows the calling thread, which may have got the number of one that has ended, as the guest's.
pub fn show_guest_thread() {
    let tid = host::gettid().unsigned_abs();
    for slot in &IMAGE.threads {
        let _ = slot.compare_exchange(tid, 0, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// In the child of a fork: the threads are the parent's.
pub fn no_own_threads() {
    for slot in &IMAGE.threads {
        slot.store(0, Ordering::Relaxed);
    }
}

/// The threads of this process that are felix's own, and some that were.
#[must_use]
pub fn own_threads() -> Vec<i32> {
    let tids = IMAGE.threads.iter().map(|t| t.load(Ordering::Relaxed));
    tids.filter(|t| *t != 0).map(u32::cast_signed).collect()
}

/// Shows a thread to be in a wait that only its end interrupts, for as long as `wait` takes.
pub fn in_killable_wait<R>(tid: i32, wait: impl FnOnce() -> R) -> R {
    let change = |from: u32, to: u32| {
        let places = &mut IMAGE.killable.iter();
        places.any(|p| {
            p.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        })
    };
    let shown = change(0, tid.unsigned_abs());
    let r = wait();
    if shown {
        change(tid.unsigned_abs(), 0);
    }
    r
}

/// True if a thread of another process, or of this one, is shown to be in such a wait.
#[must_use]
pub fn waits_killably(tid: i32) -> bool {
    let theirs = || {
        let mut bytes = [0; 4 * WAITING];
        let at = image_of(tid)? + offset_of!(Image, killable) as u64;
        read(tid, at, &mut bytes).map(|()| bytes)
    };
    let own = tid.unsigned_abs().to_le_bytes();
    theirs().is_ok_and(|all| all.chunks_exact(4).any(|t| t == own))
}

fn entry_of(auxv: &[u8]) -> Option<u64> {
    let word = |b: &[u8]| Some(u64::from_le_bytes(b.try_into().ok()?));
    (auxv.chunks_exact(16))
        .find(|e| word(&e[..8]) == Some(libc::AT_ENTRY))
        .and_then(|e| word(&e[8..]))
}

/// True if felix, this very executable, runs in the process or thread.
#[must_use]
pub fn is_felix(pid: i32) -> bool {
    let identity = |p: String| std::fs::metadata(p).map(|m| (m.dev(), m.ino()));
    match (
        identity(format!("/proc/{pid}/exe")),
        identity("/proc/self/exe".into()),
    ) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// Where a process that felix runs has its `IMAGE`.
pub fn image_of(pid: i32) -> Result<u64, Errno> {
    // SAFETY: getauxval has no preconditions.
    let own = unsafe { libc::getauxval(libc::AT_ENTRY) };
    let theirs = std::fs::read(format!("/proc/{pid}/auxv")).map_err(|e| Errno::of(&e))?;
    let entry = entry_of(&theirs).ok_or(Errno::ESRCH)?;
    Ok(address_of(&IMAGE).wrapping_sub(own).wrapping_add(entry))
}

/// Bytes that another process that felix runs shows `at` its image: a place and a length of at most `most`.
fn shown(pid: i32, at: usize, most: u64) -> Result<Vec<u8>, Errno> {
    let place = image_of(pid)? + at as u64;
    let (from, len) = (read_u64(pid, place)?, read_u64(pid, place + 8)?);
    if len > most {
        return Err(Errno::EIO);
    }
    let mut out = vec![0; size(len)];
    read(pid, from, &mut out)?;
    Ok(out)
}

/// The guest's auxiliary vector of another process that felix runs.
pub fn auxv_of(pid: i32) -> Result<Vec<u8>, Errno> {
    shown(pid, offset_of!(Image, auxv), 4096)
}

/// What another process that felix runs has shown by `show_program`.
pub fn program_of(pid: i32) -> Result<Vec<u8>, Errno> {
    shown(pid, offset_of!(Image, program), 4096)
}

/// Two words of another process's image.
fn pair(pid: i32, at: usize) -> Result<[u64; 2], Errno> {
    let place = image_of(pid)? + at as u64;
    Ok([read_u64(pid, place)?, read_u64(pid, place + 8)?])
}

/// The descriptors of another process that are felix's own.
pub fn hidden_of(pid: i32) -> Result<Range<RawFd>, Errno> {
    pair(pid, offset_of!(Image, hidden)).map(|[from, to]| int(from)..int(to))
}

/// The threads of another process that are felix's own, and some that were.
pub fn own_threads_of(pid: i32) -> Result<Vec<i32>, Errno> {
    let place = image_of(pid)? + offset_of!(Image, threads) as u64;
    let mut tids = [0; 4 * THREADS];
    read(pid, place, &mut tids)?;
    let tids = tids
        .chunks_exact(4)
        .map(|t| i32::from_le_bytes([t[0], t[1], t[2], t[3]]));
    Ok(tids.filter(|t| *t != 0).collect())
}

/// The signals that the guest of another process ignores, and those it has handlers for.
pub fn signals_of(pid: i32) -> Result<[u64; 2], Errno> {
    pair(pid, offset_of!(Image, signals))
}

/// An entry of the map that is shown: a mapping's first byte and what its owner says of it, in the lowest 12 bits; and one past
/// its last byte.
pub type Entry = [u64; 2];

/// The map that this process shows. There is one writer at a time: who has this.
#[derive(Debug, Default)]
pub struct ShownMap {
    /// Two words an entry, in no order: putting one in or taking one out moves one at most. Who reads them sorts them.
    words: &'static [AtomicU64],
    /// Where the entry with this start is.
    slots: BTreeMap<u64, usize>,
}

impl ShownMap {
    /// Nothing is shown yet.
    pub const EMPTY: ShownMap = ShownMap {
        words: &[],
        slots: BTreeMap::new(),
    };

    fn entry(&self, i: usize) -> Entry {
        [0, 1].map(|w| self.words[2 * i + w].load(Ordering::Relaxed))
    }

    fn put(&self, i: usize, entry: Entry) {
        for (w, value) in entry.into_iter().enumerate() {
            self.words[2 * i + w].store(value, Ordering::Relaxed);
        }
    }

    /// Has others look again who look meanwhile.
    fn change(&mut self, f: impl FnOnce(&mut ShownMap)) {
        let [number, place, count] = &IMAGE.map;
        let n = number.load(Ordering::Relaxed);
        number.store(n + 1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        f(self);
        place.store(address_of(self.words), Ordering::Relaxed);
        count.store(self.slots.len() as u64, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        number.store(n + 2, Ordering::Relaxed);
    }

    /// Puts an entry in, in place of one with the same start.
    pub fn insert(&mut self, entry: Entry) {
        self.change(|map| {
            let count = map.slots.len();
            let slot = *map.slots.entry(entry[0] & !0xfff).or_insert(count);
            if 2 * slot == map.words.len() {
                let more = (0..(2 * map.words.len()).max(256)).map(|_| AtomicU64::new(0));
                let more: &'static [AtomicU64] = Vec::leak(more.collect());
                for (to, from) in more.iter().zip(map.words) {
                    to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
                }
                map.words = more;
            }
            map.put(slot, entry);
        });
    }

    /// Takes the entry with this start out.
    pub fn remove(&mut self, start: u64) {
        self.change(|map| {
            let Some(slot) = map.slots.remove(&start) else {
                return;
            };
            let last = map.slots.len();
            if slot != last {
                let moved = map.entry(last);
                map.put(slot, moved);
                map.slots.insert(moved[0] & !0xfff, slot);
            }
        });
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.change(|map| map.slots.clear());
    }
}

/// The map that another process shows, in order; EAGAIN if it changes faster than it can be read.
pub fn map_of(pid: i32) -> Result<Vec<Entry>, Errno> {
    let at = image_of(pid)? + offset_of!(Image, map) as u64;
    let word = |b: &[u8]| u64::from_le_bytes(b.try_into().unwrap_or_default());
    for _ in 0..64 {
        let mut head = [0; 24];
        read(pid, at, &mut head)?;
        let [number, place, count] = [0, 8, 16].map(|i| word(&head[i..i + 8]));
        if !number.is_multiple_of(2) || count > 1 << 24 {
            continue;
        }
        let mut bytes = vec![0; 16 * size(count)];
        read(pid, place, &mut bytes)?;
        if read_u64(pid, at)? == number {
            let entries = bytes.chunks_exact(16);
            let mut entries: Vec<Entry> = entries.map(|e| [word(&e[..8]), word(&e[8..])]).collect();
            entries.sort_unstable();
            return Ok(entries);
        }
    }
    Err(Errno::EAGAIN)
}

/// Tells a process that its memory has been written, so that code translated from there is dropped.
pub fn tell_written(pid: i32, start: u64, end: u64) -> Result<(), Errno> {
    let image = image_of(pid)?;
    let counter = image + offset_of!(Image, written) as u64;
    let n = read_u64(pid, counter)?;
    let place = image + offset_of!(Image, ranges) as u64 + 16 * (n % RANGES as u64);
    write(
        pid,
        place,
        &[start.to_le_bytes(), end.to_le_bytes()].concat(),
    )?;
    write(pid, counter, &(n + 1).to_le_bytes())
}

/// Memory of another process (process_vm_readv(2)), all of it or EFAULT.
pub fn read(pid: i32, at: u64, to: &mut [u8]) -> Result<(), Errno> {
    let local = [address_of_mut(to), to.len() as u64];
    let remote = [at, to.len() as u64];
    let args = [reg(pid), address_of(&local), 1, address_of(&remote), 1, 0];
    match raw::syscall(libc::SYS_process_vm_readv, args)? {
        n if n == to.len() as u64 => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// The same, written.
pub fn write(pid: i32, at: u64, bytes: &[u8]) -> Result<(), Errno> {
    let local = [address_of(bytes), bytes.len() as u64];
    let remote = [at, bytes.len() as u64];
    let args = [reg(pid), address_of(&local), 1, address_of(&remote), 1, 0];
    match raw::syscall(libc::SYS_process_vm_writev, args)? {
        n if n == bytes.len() as u64 => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// A word of another process.
pub fn read_u64(pid: i32, at: u64) -> Result<u64, Errno> {
    let mut b = [0; 8];
    read(pid, at, &mut b).map(|()| u64::from_le_bytes(b))
}

/// Half a word of another process.
pub fn read_u32(pid: i32, at: u64) -> Result<u32, Errno> {
    let mut b = [0; 4];
    read(pid, at, &mut b).map(|()| u32::from_le_bytes(b))
}

#[cfg(test)]
mod tests {
    use super::super::host::getpid;
    use super::super::ptrace::parent;
    use super::*;

    #[test]
    fn ones_own_image_is_where_it_is() {
        assert_eq!(image_of(getpid()), Ok(address_of(&IMAGE)));
        assert!(is_felix(getpid()) && !is_felix(parent()));
    }

    #[test]
    fn a_map_is_shown_whole() {
        let mut map = ShownMap::EMPTY;
        // More than the first room is for, from both ends.
        for i in 0..200 {
            let at = if i % 2 == 0 { 1000 - i } else { 1000 + i };
            map.insert([at << 12 | 3, (at + 1) << 12]);
        }
        map.insert([1000 << 12 | 5, 1001 << 12]);
        map.remove(998 << 12);
        map.remove(997 << 12);
        let mut expected: Vec<u64> = (0..200)
            .map(|i| if i % 2 == 0 { 1000 - i } else { 1000 + i })
            .collect();
        expected.retain(|at| *at != 998);
        expected.sort_unstable();
        let expected: Vec<Entry> = (expected.into_iter())
            .map(|at| [at << 12 | if at == 1000 { 5 } else { 3 }, (at + 1) << 12])
            .collect();
        let all = |map: &ShownMap| -> Vec<Entry> {
            let mut all: Vec<Entry> = (0..map.slots.len()).map(|i| map.entry(i)).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(all(&map), expected);
        map.clear();
        assert!(all(&map).is_empty());
    }
}
