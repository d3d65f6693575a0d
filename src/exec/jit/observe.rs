//! Watching translated code for the user: `--profile`, `--perf-map`, and what translating costs, for `--stats`.
//!
//! The engine hands over every translation it installs; an observer gives it a name and remembers what
//! a report needs, so that a report does not depend on what is mapped or cached at the end. Counting
//! itself is done by the code (`lower::lower_with`); an observer only reads the cells. What is
//! evaluated instead of translated is not seen.
//!
//! Locking: one leaf mutex around what is remembered.

use super::profile;
use crate::ir::Region;
use crate::loader::symbols::Symbols;
use crate::lower::{FpMode, Translation};
use crate::sys::meter::{self, Meter, Work};
use crate::sys::{guest, host};
use crate::x86::GuestAddr;
use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};

/// What the user wants to see.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// The program's name.
    pub program: String,
    /// Where the profile goes.
    pub profile: Option<PathBuf>,
    /// The process whose profile has that name; others append their number. 0 for this one.
    pub owner: i32,
    /// /tmp/perf-PID.map for Linux perf.
    pub perf_map: bool,
}

/// Where code comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    /// Name of the mapped file.
    pub module: String,
    /// The address in the file's own terms, or the guest's if there is no file.
    pub address: u64,
    /// The function and the distance from its start.
    pub function: Option<(String, u64)>,
}

impl Name {
    /// The function, or module and address.
    pub fn frame(&self) -> String {
        match &self.function {
            Some((f, _)) => f.clone(),
            None => format!("{}+{:#x}", self.module, self.address),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}+{:#x}", self.module, self.address)?;
        match &self.function {
            Some((name, 0)) => write!(f, " ({name})"),
            Some((name, d)) => write!(f, " ({name}+{d:#x})"),
            None => Ok(()),
        }
    }
}

/// A translation.
#[derive(Debug)]
pub(super) struct Seen {
    pub name: Name,
    pub region: Region,
    /// The guest's bytes, by address.
    pub source: Vec<(u64, Vec<u8>)>,
    pub translation: Translation,
    /// How often each block was executed; code holds the addresses. Not beside the code: to write to
    /// pages with code costs every host dearly.
    pub cells: Box<[AtomicU64]>,
}

impl Seen {
    /// How often each block was executed.
    pub fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.cells.iter().map(|c| c.load(Ordering::Relaxed))
    }
}

/// A mapped file: first address, end, offset in the file, path.
type Mapping = (u64, u64, u64, PathBuf);

#[derive(Default)]
struct Inner {
    maps: Vec<Mapping>,
    files: HashMap<PathBuf, Symbols>,
    seen: Vec<Seen>,
    perf_map: Option<File>,
}

/// See the module's head.
pub struct Observer {
    wishes: Wishes,
    /// The process it observes.
    process: AtomicI32,
    meter: Meter,
    /// Instructions of translations, by `Work`.
    cost: [AtomicU64; 2],
    inner: Mutex<Inner>,
}

fn perf_map(pid: i32) -> PathBuf {
    format!("/tmp/perf-{pid}.map").into()
}

impl Observer {
    /// An observer of this process, which at the end of it writes what was wished for.
    ///
    /// # Errors
    /// If the files cannot be made.
    pub fn new(mut wishes: Wishes) -> std::io::Result<Arc<Observer>> {
        let pid = host::getpid();
        if wishes.owner == 0 {
            wishes.owner = pid;
        }
        if let Some(p) = &wishes.profile {
            // The guest may change the directory.
            wishes.profile = Some(std::path::absolute(p)?);
        }
        let observer = Observer {
            process: AtomicI32::new(pid),
            meter: Meter::new(),
            cost: [const { AtomicU64::new(0) }; 2],
            inner: Mutex::default(),
            wishes,
        };
        if let Some(p) = observer.profile_file() {
            File::create(p)?;
        }
        if observer.wishes.perf_map {
            observer.lock().perf_map = Some(File::create(perf_map(pid))?);
        }
        let observer = Arc::new(observer);
        let at_end = Arc::clone(&observer);
        host::at_end(Box::new(move || at_end.end()));
        Ok(observer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        (self.inner.lock()).unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Something is begun; the result is for `ended`.
    pub(super) fn begin(&self, work: Work) -> Option<u64> {
        meter::mark(work, true);
        self.meter.read()
    }

    /// It ended.
    pub(super) fn ended(&self, work: Work, begun: Option<u64>) {
        if let (Some(begun), Some(now)) = (begun, self.meter.read()) {
            self.cost[work as usize].fetch_add(now - begun, Ordering::Relaxed);
        }
        meter::mark(work, false);
    }

    /// The host's instructions that this took, if the host counts them; other threads' in the meantime
    /// included.
    pub(super) fn cost(&self, work: Work) -> Option<u64> {
        self.meter.read()?;
        Some(self.cost[work as usize].load(Ordering::Relaxed))
    }

    /// True if code has to count.
    pub(super) fn counting(&self) -> bool {
        self.wishes.profile.is_some()
    }

    /// Where this process's profile goes.
    fn profile_file(&self) -> Option<PathBuf> {
        let pid = self.process.load(Ordering::Relaxed);
        let mut name = self.wishes.profile.clone()?.into_os_string();
        if pid != self.wishes.owner {
            name.push(format!(".{pid}"));
        }
        Some(name.into())
    }

    /// Makes a translation ready to be observed, if its code is of interest.
    pub(super) fn prepare(&self, region: &Region, t: &mut Translation) -> Option<Seen> {
        if !self.counting() && !self.wishes.perf_map {
            return None;
        }
        let cells: Box<[AtomicU64]> = t.counters.iter().map(|_| AtomicU64::new(0)).collect();
        for (counter, cell) in t.counters.iter().zip(&cells) {
            let at = counter.address as usize;
            t.code[at..at + 8].copy_from_slice(&host::address_of(cell).to_le_bytes());
        }
        let name = self.lock().name(region.entry());
        let source = (region.source.iter())
            .map(|(start, len)| {
                let mut bytes = vec![0; *len as usize];
                // Gone already: the listing shows zeros.
                let _ = guest::read_bytes(*start, &mut bytes);
                (start.0, bytes)
            })
            .collect();
        Some(Seen {
            name,
            region: region.clone(),
            source,
            translation: t.clone(),
            cells,
        })
    }

    /// Takes note of a translation whose code lies at host address `at`.
    pub(super) fn installed(&self, seen: Seen, at: usize) {
        let mut inner = self.lock();
        if let Some(f) = &mut inner.perf_map {
            let mode = match seen.translation.mode {
                FpMode::Usual => "",
                _ => " [MXCSR]",
            };
            // Whoever asked for the map misses a line then; the program goes on.
            let len = seen.translation.code.len();
            let _ = writeln!(f, "{at:x} {len:x} {}{mode}", seen.name);
        }
        // Code that counts never loses its cells.
        if self.counting() {
            inner.seen.push(seen);
        }
    }

    /// Takes note of `len` bytes of code at host address `at`, made instruction by instruction for what is
    /// at `guest`.
    pub(super) fn made_plain(&self, guest: u64, at: usize, len: usize) {
        if !self.wishes.perf_map {
            return;
        }
        let mut inner = self.lock();
        let name = inner.name(GuestAddr(guest));
        if let Some(f) = &mut inner.perf_map {
            let _ = writeln!(f, "{at:x} {len:x} {name} [baseline]");
        }
    }

    /// In the child of a fork: it has a profile of its own.
    pub(super) fn after_fork(&self) {
        let old = self.process.swap(host::getpid(), Ordering::Relaxed);
        // Another thread of the parent may have held the lock: the child goes without then.
        let mut inner = match self.inner.try_lock() {
            Ok(inner) => inner,
            Err(TryLockError::Poisoned(p)) => p.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        for cell in inner.seen.iter().flat_map(|s| &s.cells) {
            cell.store(0, Ordering::Relaxed);
        }
        if inner.perf_map.is_some() {
            let new = perf_map(host::getpid());
            let copied = std::fs::copy(perf_map(old), &new);
            inner.perf_map = copied
                .and_then(|_| File::options().append(true).open(&new))
                .ok();
        }
    }

    /// Writes the profile. Called once, when the process ends.
    fn end(&self) {
        // A child that borrows its parent's memory has no profile of its own.
        if host::getpid() != self.process.load(Ordering::Relaxed) {
            return;
        }
        let (Some(file), Ok(inner)) = (self.profile_file(), self.inner.try_lock()) else {
            return;
        };
        let report = profile::report(&self.wishes.program, &inner.seen);
        let with = |ending: &str| {
            let mut name = file.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        let files = [
            ("", report.text),
            (".folded", report.folded),
            (".json", report.json),
        ];
        for (ending, text) in files {
            let path = with(ending);
            if let Err(e) = std::fs::write(&path, text) {
                tracing::error!("--profile {}: {e}", path.display());
            }
        }
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Observer({:?})", self.wishes)
    }
}

impl Inner {
    fn mapping(&self, at: u64) -> Option<&Mapping> {
        self.maps.iter().find(|m| (m.0..m.1).contains(&at))
    }

    fn name(&mut self, at: GuestAddr) -> Name {
        if self.mapping(at.0).is_none() {
            self.maps = mappings();
        }
        let Some((start, _, offset, path)) = self.mapping(at.0).cloned() else {
            return Name {
                module: "anonymous".into(),
                address: at.0,
                function: None,
            };
        };
        let module = path.file_name().unwrap_or(path.as_os_str());
        let module = module.to_string_lossy().replace([' ', ';'], "_");
        let offset = at.0 - start + offset;
        let symbols = (self.files.entry(path)).or_insert_with_key(|path| read(path));
        let address = symbols.address(offset).unwrap_or(offset);
        Name {
            module,
            address,
            function: symbols.function(address).map(|(f, d)| (f.to_owned(), d)),
        }
    }
}

fn read(path: &Path) -> Symbols {
    std::fs::read(path).map_or_else(|_| Symbols::default(), |b| Symbols::parse(&b))
}

/// The files the host has mapped here (proc_pid_maps(5)).
fn mappings() -> Vec<Mapping> {
    let text = crate::sys::proc::read("self/maps").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let hex = |s: &str| u64::from_str_radix(s, 16).ok();
    let line = |l: &str| {
        let (range, rest) = l.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let offset = rest.split(' ').nth(1)?;
        let path = &rest[rest.find('/')?..];
        Some((hex(start)?, hex(end)?, hex(offset)?, PathBuf::from(path)))
    };
    text.lines().filter_map(line).collect()
}
