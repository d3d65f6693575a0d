//! The memory cases run in, and running one on an engine.
//!
//! Guest code may write to its own: the code window is mapped without the right to write, so that the
//! store faults and the engine learns of it, as in a process; what a case begins with is written through a
//! second mapping. Only a case that writes code pays for that.

use super::{
    After, CODE, CODE_LEN, Case, DATA, DATA_LEN, Hex64, HexBytes, READ_ONLY, READ_ONLY_LEN,
    Registers, SYSCALL, Stop, pattern,
};
use crate::exec::jit::{JitEngine, Placed};
use crate::exec::{CodeMemory, Engine, Exit, fetch_readable};
use crate::lift::Fetch;
use crate::sys::window::{Access, Window};
use crate::sys::{guest, host};
use crate::x86::{GuestAddr, MemFault, MemFaultKind};
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The windows at their fixed addresses. One a process can exist at a time.
#[derive(Debug)]
pub struct Machine {
    _windows: [Window; 4],
    image: Image,
    /// Parts of the data window that are not as in the image.
    changed: Vec<Range<usize>>,
    /// The code window may hold more than the image says.
    code_changed: bool,
}

/// The memory a case begins with. Made for one case after another, it does again only what the next
/// one has otherwise.
#[derive(Clone, Debug)]
pub struct Image {
    data: Vec<u8>,
    /// Whose pattern the data is, but for the patches.
    seed: Option<u64>,
    patched: Vec<Range<usize>>,
    code: Vec<u8>,
    /// Where the code is; the rest is INT3.
    placed: Range<usize>,
}

/// Which parts of an image are others than they were for the case before.
struct Others {
    /// Of the data, and with `all` the rest as well.
    data: Vec<Range<usize>>,
    all: bool,
    code: [Range<usize>; 2],
}

impl Default for Image {
    fn default() -> Image {
        Image {
            data: Vec::new(),
            seed: None,
            patched: Vec::new(),
            code: vec![INT3; CODE_LEN],
            placed: 0..0,
        }
    }
}

impl Image {
    /// Becomes this case's.
    pub fn set(&mut self, case: &Case) {
        self.change(case);
    }

    fn change(&mut self, case: &Case) -> Others {
        let all = self.seed != Some(case.memory);
        let mut data = std::mem::take(&mut self.patched);
        if all || !data.is_empty() {
            with_pattern(case.memory, |pattern| {
                if all {
                    self.data.clear();
                    self.data.extend_from_slice(pattern);
                } else {
                    for part in &data {
                        self.data[part.clone()].copy_from_slice(&pattern[part.clone()]);
                    }
                }
            });
            self.seed = Some(case.memory);
        }
        for (at, bytes) in &case.patches {
            let start = usize::try_from(at.0.wrapping_sub(DATA)).unwrap_or(usize::MAX);
            let part = start..start.saturating_add(bytes.0.len());
            if let Some(place) = self.data.get_mut(part.clone()) {
                place.copy_from_slice(&bytes.0);
                self.patched.push(part);
            }
        }
        data.extend_from_slice(&self.patched);
        let offset = usize::try_from(case.before.rip.0.wrapping_sub(CODE)).unwrap_or(usize::MAX);
        let start = offset.min(CODE_LEN);
        let end = start.saturating_add(case.code.0.len()).min(CODE_LEN);
        let before = std::mem::replace(&mut self.placed, start..end);
        self.code[before.clone()].fill(INT3);
        self.code[start..end].copy_from_slice(&case.code.0[..end - start]);
        let code = [before, start..end];
        Others { data, all, code }
    }

    /// The data: the pattern with the case's patches.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The code window: the case's code at RIP, INT3 elsewhere.
    #[must_use]
    pub fn code(&self) -> &[u8] {
        &self.code
    }
}

/// INT3.
const INT3: u8 = 0xcc;

/// What engines may fetch: the code window. The data is not executable.
#[derive(Clone, Copy, Debug, Default)]
pub struct CaseMemory;

impl Fetch for CaseMemory {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
        let left = (CODE + CODE_LEN as u64)
            .checked_sub(addr.0)
            .filter(|n| *n <= CODE_LEN as u64 && *n > 0);
        let Some(left) = left else {
            return Err(no_code_at(addr));
        };
        let n = fetch_readable(addr, buf)?;
        Ok(n.min(usize::try_from(left).unwrap_or(n)))
    }
}

/// Where the code window can always be written; nothing that is drawn for cases is so high.
const CODE_ALIAS: u64 = 0x2b_6d00_0000;
const PAGE: usize = 0x1000;

/// All that a `Machine` maps: start and length.
pub const WINDOWS: [(u64, usize); 4] = [
    (CODE, CODE_LEN),
    (CODE_ALIAS, CODE_LEN),
    (DATA, DATA_LEN),
    (READ_ONLY, READ_ONLY_LEN),
];

/// Pages of the code window that guest code writes to now. There is one such window in a process.
static WRITABLE: [AtomicBool; CODE_LEN / PAGE] =
    [const { AtomicBool::new(false) }; CODE_LEN / PAGE];

/// Whether guest code has written to the code window since the case began.
static WRITTEN: AtomicBool = AtomicBool::new(false);

/// The page of the code window that an address is in.
fn code_page(addr: GuestAddr) -> Option<usize> {
    let offset = usize::try_from(addr.0.checked_sub(CODE)?).ok()?;
    (offset < CODE_LEN).then_some(offset / PAGE)
}

/// Gives or takes the right to write to a page of the code window; true if that changes it.
fn set_writable(page: usize, yes: bool) -> bool {
    if WRITABLE[page].swap(yes, Ordering::Relaxed) == yes {
        return false;
    }
    let prot = libc::PROT_READ | if yes { libc::PROT_WRITE } else { 0 };
    let at = CODE + (page * PAGE) as u64;
    host::mem_protect(at, PAGE as u64, prot).is_ok()
}

impl CodeMemory for CaseMemory {
    fn watch(&self, page: GuestAddr) {
        if let Some(page) = code_page(page) {
            set_writable(page, false);
        }
    }

    fn unwatch(&self, addr: GuestAddr) -> bool {
        let unwatched = code_page(addr).is_some_and(|page| set_writable(page, true));
        WRITTEN.fetch_or(unwatched, Ordering::Relaxed);
        unwatched
    }
}

impl Machine {
    /// Maps the windows.
    ///
    /// # Errors
    /// If something else lies there.
    pub fn new() -> io::Result<Machine> {
        let file = host::memory_file("felix-case", &[0; CODE_LEN])
            .map_err(|e| io::Error::from_raw_os_error(e.0))?;
        for page in &WRITABLE {
            page.store(false, Ordering::Relaxed);
        }
        let windows = [
            Window::map(GuestAddr(CODE), CODE_LEN, Access::Read, Some(file.as_fd()))?,
            Window::map(
                GuestAddr(CODE_ALIAS),
                CODE_LEN,
                Access::ReadWrite,
                Some(file.as_fd()),
            )?,
            Window::map(GuestAddr(DATA), DATA_LEN, Access::ReadWrite, None)?,
            Window::map(GuestAddr(READ_ONLY), READ_ONLY_LEN, Access::Read, None)?,
        ];
        Ok(Machine {
            _windows: windows,
            image: Image::default(),
            changed: Vec::new(),
            code_changed: true,
        })
    }

    /// Runs a case.
    ///
    /// # Panics
    /// If the windows are gone: somebody unmapped them.
    pub fn run(&mut self, engine: &mut dyn Engine, case: &Case) -> After {
        self.prepare(case);
        engine.invalidate(GuestAddr(CODE), CODE_LEN as u64);
        self.finish(engine, case)
    }

    /// Runs a case on the JIT with the translation placed for it, or what code the engine makes.
    ///
    /// # Panics
    /// As `run`, and if it was placed in an earlier batch.
    pub fn run_translated(
        &mut self,
        engine: &mut JitEngine,
        case: &Case,
        placed: Option<Placed>,
    ) -> After {
        self.prepare(case);
        // What the case before left goes.
        match placed {
            Some(placed) => engine.install_placed(placed),
            None => engine.forget(),
        }
        self.finish(engine, case)
    }

    fn prepare(&mut self, case: &Case) {
        let others = self.image.change(case);
        let data = self.image.data();
        let parts = self.changed.drain(..).chain(others.data);
        for part in parts.chain(others.all.then_some(0..DATA_LEN)) {
            let at = GuestAddr(DATA + part.start as u64);
            guest::write_bytes(at, &data[part]).expect("the data window is mapped");
        }
        for page in 0..WRITABLE.len() {
            set_writable(page, false);
        }
        let all = [0..CODE_LEN, 0..0];
        let changed = std::mem::take(&mut self.code_changed);
        for part in if changed { all } else { others.code } {
            let at = GuestAddr(CODE_ALIAS + part.start as u64);
            guest::write_bytes(at, &self.image.code()[part]).expect("the code window is mapped");
        }
    }

    fn finish(&mut self, engine: &mut dyn Engine, case: &Case) -> After {
        let mut cpu = case.before.to_cpu();
        let stop = match engine.run(&mut cpu) {
            Exit::Syscall => Stop {
                vector: SYSCALL,
                addr: None,
                write: false,
            },
            Exit::Fault(f) => f.into(),
            Exit::Interrupted => Stop {
                vector: super::ENDLESS,
                addr: None,
                write: false,
            },
        };
        let mut memory = Vec::new();
        self.code_changed = WRITTEN.swap(false, Ordering::Relaxed);
        if self.code_changed {
            window_changes(&mut memory, CODE, self.image.code());
        }
        let code = memory.len();
        window_changes(&mut memory, DATA, self.image.data());
        self.changed
            .extend(memory[code..].iter().map(|(at, bytes)| {
                let start = usize::try_from(at.0 - DATA).expect("in the window");
                start..start + bytes.0.len()
            }));
        After {
            stop,
            registers: Registers::of(&cpu),
            memory,
        }
    }
}

/// The code of one case, for translating it where the windows are not mapped.
#[derive(Clone, Debug)]
pub struct CaseCode(Vec<u8>);

impl CaseCode {
    /// The code window of a case.
    #[must_use]
    pub fn of(case: &Case) -> CaseCode {
        let mut code = vec![INT3; CODE_LEN];
        let offset = usize::try_from(case.before.rip.0.wrapping_sub(CODE)).unwrap_or(usize::MAX);
        if let Some(place) = code.get_mut(offset..) {
            let n = case.code.0.len().min(place.len());
            place[..n].copy_from_slice(&case.code.0[..n]);
        }
        CaseCode(code)
    }
}

impl Fetch for CaseCode {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
        let offset = usize::try_from(addr.0.wrapping_sub(CODE)).unwrap_or(usize::MAX);
        let rest = self.0.get(offset..).unwrap_or_default();
        if rest.is_empty() {
            return Err(no_code_at(addr));
        }
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

impl CodeMemory for CaseCode {
    fn watch(&self, _page: GuestAddr) {}

    fn unwatch(&self, _addr: GuestAddr) -> bool {
        false
    }
}

/// The fault of fetching outside the code window.
fn no_code_at(addr: GuestAddr) -> MemFault {
    let kind = match addr.0 {
        a if (DATA..DATA + DATA_LEN as u64).contains(&a) => MemFaultKind::Protection,
        a if (READ_ONLY..READ_ONLY + READ_ONLY_LEN as u64).contains(&a) => MemFaultKind::Protection,
        _ => MemFaultKind::NotMapped,
    };
    MemFault {
        addr,
        write: false,
        fetch: true,
        kind,
    }
}

/// Seeds whose pattern is kept. Generated cases use no others: making it anew for each took longer than
/// running it.
const KEPT: usize = 64;
static PATTERNS: [OnceLock<Vec<u8>>; KEPT] = [const { OnceLock::new() }; KEPT];

/// Gives `f` a seed's pattern for the data.
fn with_pattern(seed: u64, f: impl FnOnce(&[u8])) {
    let kept = usize::try_from(seed).ok().and_then(|s| PATTERNS.get(s));
    match kept {
        Some(kept) => f(kept.get_or_init(|| pattern(seed, DATA_LEN))),
        None => f(&pattern(seed, DATA_LEN)),
    }
}

/// Makes the patterns of generated cases: before a process that runs many forks those that run a few.
pub fn make_patterns() {
    for (seed, kept) in (0..).zip(&PATTERNS) {
        kept.get_or_init(|| pattern(seed, DATA_LEN));
    }
}

/// The bytes of the code and the data window that have changed, as runs; of each, what was and what is.
#[must_use]
pub fn changes(code: (&[u8], &[u8]), data: (&[u8], &[u8])) -> Vec<(Hex64, HexBytes)> {
    let mut out = Vec::new();
    for (window, (before, now)) in [(CODE, code), (DATA, data)] {
        if before != now {
            runs(&mut out, window, before, now);
        }
    }
    out
}

/// How much is compared at a time: most of it has not changed.
const LINE: usize = guest::LINE;

fn runs(out: &mut Vec<(Hex64, HexBytes)>, window: u64, before: &[u8], now: &[u8]) {
    let lines = before.chunks(LINE).zip(now.chunks(LINE)).enumerate();
    for (n, (before, now)) in lines.filter(|(_, (a, b))| a != b) {
        line_runs(out, window + (n * LINE) as u64, before, now);
    }
}

fn line_runs(out: &mut Vec<(Hex64, HexBytes)>, start: u64, before: &[u8], now: &[u8]) {
    for (i, (a, b)) in before.iter().zip(now).enumerate() {
        if a == b {
            continue;
        }
        let at = start + i as u64;
        match out.last_mut() {
            Some((start, bytes)) if start.0 + bytes.0.len() as u64 == at => bytes.0.push(*b),
            _ => out.push((Hex64(at), HexBytes(vec![*b]))),
        }
    }
}

/// What is in a window now and was otherwise.
fn window_changes(out: &mut Vec<(Hex64, HexBytes)>, window: u64, before: &[u8]) {
    let mut n = 0;
    loop {
        let at = GuestAddr(window + n as u64);
        n += guest::same_lines(at, &before[n..]).expect("the window is mapped");
        let Some(line) = before.get(n..n + LINE) else {
            return;
        };
        let at = window + n as u64;
        let mut now = [0; LINE];
        guest::read_bytes(GuestAddr(at), &mut now).expect("the window is mapped");
        line_runs(out, at, line, &now);
        n += LINE;
    }
}
