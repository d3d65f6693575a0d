//! Core files (core(5)): what a signal that dumps core leaves of the guest: an x86-64 ELF file of its registers and memory.
//!
//! Felix's own memory is never in it, and the host dumps no core of felix in its place. That the parent sees "core dumped"
//! only the host can bring about, and only by dumping: where core_pattern is a name without a directory it is let dump, a
//! few bytes, in a directory of its own that is then removed. With an absolute core_pattern the file is written, but the
//! status does not say so; where core_pattern names a program (a pipe), the file is `core.PID` in the current directory.

use super::signal::{CORE, FP_XSTATE_SW};
use super::{Ctx, Result};
use crate::kernel::process::{Frozen, Process};
use crate::kernel::vfs::Last;
use crate::kernel::{procfs, strings};
use crate::mem::space::{Backing, EXEC, PAGE, READ, Region, WRITE, space};
use crate::sys::cast::{low16, low32, size};
use crate::sys::dump::{self, Page};
use crate::sys::signal::{self, RawInfo, bit};
use crate::sys::{Errno, guest, host};
use crate::x86::fxsave::{self, Form};
use crate::x86::xsave::{self, Format};
use crate::x86::{CpuState, Gpr, GuestAddr};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The least RLIMIT_CORE with which anything is dumped (ELF_EXEC_PAGESIZE).
const SMALLEST: u64 = PAGE;
/// How long other threads may take to get to where they can be looked at.
const PATIENCE: Duration = Duration::from_millis(1000);
/// Most mappings: an ELF header counts them in 16 bits.
const MOST: usize = 0xfff0;

/// NT_*, as linux/elf.h has them.
mod note {
    pub const PRSTATUS: u32 = 1;
    pub const PRFPREG: u32 = 2;
    pub const PRPSINFO: u32 = 3;
    pub const AUXV: u32 = 6;
    pub const X86_XSTATE: u32 = 0x202;
    pub const SIGINFO: u32 = 0x5349_4749;
    pub const FILE: u32 = 0x4649_4c45;
}

/// Bits of /proc/PID/coredump_filter (core(5)).
mod filter {
    pub const ANON_PRIVATE: u32 = 1;
    pub const ANON_SHARED: u32 = 2;
    pub const MAPPED_PRIVATE: u32 = 4;
    pub const MAPPED_SHARED: u32 = 8;
    pub const ELF_HEADERS: u32 = 16;
    pub const DEFAULT: u32 = 0x33;
}

/// struct elf_prstatus and elf_prpsinfo: sizes, and where what is filled in lies (linux/elfcore.h).
mod layout {
    pub const PRSTATUS: usize = 336;
    pub const SIGPEND: usize = 16;
    pub const PID: usize = 32;
    pub const REGISTERS: usize = 112;
    pub const FPVALID: usize = REGISTERS + 27 * 8;
    pub const PRPSINFO: usize = 136;
    pub const UID: usize = 16;
    pub const PPID: usize = 28;
    pub const NAME: usize = 40;
    pub const ARGUMENTS: usize = 56;
    const _: () = assert!(FPVALID + 8 == PRSTATUS && ARGUMENTS + 80 == PRPSINFO);
}

/// True if the process may leave a core: then its signals of that kind are felix's to act on.
#[must_use]
pub(super) fn is_allowed() -> bool {
    host::soft_limit(libc::RLIMIT_CORE) != 0
}

/// Ends the process by this signal, with a core if it is of that kind and limits allow it.
pub(super) fn die(ctx: &mut Ctx<'_>, info: &RawInfo) -> ! {
    let sig = crate::kernel::task::signal_number(info);
    if CORE & bit(sig) != 0 && is_allowed() {
        if ctx.process.dying.swap(true, Ordering::AcqRel) {
            park(ctx);
        }
        if !signal::blocked(|| leave(ctx, info)) {
            dump::forbid();
        }
    }
    signal::die_by(sig)
}

/// Keeps a thread of a dying process from going on, where its registers can be seen.
pub(super) fn park(ctx: &mut Ctx<'_>) -> ! {
    let state = Frozen {
        cpu: ctx.cpu.clone(),
        call: ctx.task.restart,
        mask: ctx.task.mask,
    };
    let peer = ctx.task.peer.clone();
    *peer.frozen.lock().unwrap_or_else(|p| p.into_inner()) = Some(Box::new(state));
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

/// Writes the core and prepares the host for its part. False: the host must not dump.
fn leave(ctx: &Ctx<'_>, info: &RawInfo) -> bool {
    let limit = host::soft_limit(libc::RLIMIT_CORE);
    if limit < SMALLEST || !host::is_dumpable() {
        return false;
    }
    let sig = crate::kernel::task::signal_number(info);
    let (name, host_may) = Naming::of(ctx.process, sig).name();
    let threads = freeze(ctx);
    let written = write(ctx, info, &threads, &name, limit);
    if let Err(e) = &written {
        tracing::warn!("no core file {}: {e}", String::from_utf8_lossy(&name));
    }
    written.is_ok() && host_may && dump::divert()
}

/// Stops the process's other threads; their states, as far as they got there in time.
fn freeze(ctx: &Ctx<'_>) -> Vec<(i32, Box<Frozen>)> {
    let start = Instant::now();
    let own = ctx.task.tid;
    let mut told = Vec::new();
    loop {
        let peers: Vec<_> = ctx.process.peers().clone();
        let mut found = Vec::new();
        let mut missing = false;
        for p in &peers {
            let tid = p.tid.load(Ordering::Acquire);
            if tid == own || tid == 0 {
                continue;
            }
            let state = p.frozen.lock().unwrap_or_else(|p| p.into_inner());
            match &*state {
                Some(s) => found.push((tid, s.clone())),
                None => {
                    missing = true;
                    if !told.contains(&tid) {
                        told.push(tid);
                        // It is never blocked on the host; the thread parks before it looks which signal it was.
                        let _ = signal::send(tid, libc::SIGTRAP);
                    }
                }
            }
        }
        if !missing || start.elapsed() > PATIENCE {
            return found;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What core_pattern's specifiers stand for.
struct Naming {
    pattern: Vec<u8>,
    uses_pid: bool,
    pid: i32,
    tid: i32,
    sig: i32,
    comm: Vec<u8>,
    exe: Vec<u8>,
}

impl Naming {
    fn of(process: &Process, sig: i32) -> Naming {
        let read = |p: &str| {
            std::fs::read(p)
                .unwrap_or_default()
                .trim_ascii_end()
                .to_vec()
        };
        Naming {
            pattern: read("/proc/sys/kernel/core_pattern"),
            uses_pid: !matches!(&read("/proc/sys/kernel/core_uses_pid")[..], b"" | b"0"),
            pid: host::getpid(),
            tid: host::gettid(),
            sig,
            comm: host::name(),
            exe: process.exe().path,
        }
    }

    /// The file's name, and whether the host would put it into the current directory as well (format_corename in fs/coredump.c).
    fn name(&self) -> (Vec<u8>, bool) {
        if matches!(self.pattern.first(), Some(b'|' | b'@')) {
            return (format!("core.{}", self.pid).into_bytes(), false);
        }
        let escaped = |text: &[u8]| -> Vec<u8> {
            match text {
                b"" => b"!".to_vec(),
                b"." => b"!".to_vec(),
                b".." => b"!.".to_vec(),
                t => t
                    .iter()
                    .map(|b| if *b == b'/' { b'!' } else { *b })
                    .collect(),
            }
        };
        let mut out = Vec::new();
        let mut has_pid = false;
        let mut rest = self.pattern.iter();
        while let Some(&b) = rest.next() {
            if b != b'%' {
                out.push(b);
                continue;
            }
            let number = |n: u64| n.to_string().into_bytes();
            let Some(&what) = rest.next() else {
                break;
            };
            let text = match what {
                b'%' => b"%".to_vec(),
                b'p' | b'P' => {
                    has_pid |= what == b'p';
                    self.pid.to_string().into_bytes()
                }
                b'i' | b'I' => self.tid.to_string().into_bytes(),
                b'u' => number(host::ids()[0]),
                b'g' => number(host::ids()[2]),
                b'd' => b"1".to_vec(),
                b's' => self.sig.to_string().into_bytes(),
                b't' => number(host::seconds()),
                b'c' => number(host::soft_limit(libc::RLIMIT_CORE)),
                b'h' => escaped(host::uname()[1].split(|b| *b == 0).next().unwrap_or(b"")),
                b'e' => escaped(&self.comm),
                b'f' => escaped(self.exe.rsplit(|b| *b == b'/').next().unwrap_or(b"")),
                b'E' => escaped(&self.exe),
                _ => Vec::new(),
            };
            out.extend_from_slice(&text);
        }
        if out.is_empty() {
            out = b"core".to_vec();
        }
        if self.uses_pid && !has_pid {
            out.extend_from_slice(format!(".{}", self.pid).as_bytes());
        }
        let plain = !out.contains(&b'/');
        (out, plain)
    }
}

/// A mapping in the file.
struct Load {
    start: u64,
    region: Region,
    /// How much of it is dumped.
    dumped: u64,
    /// What is not in memory is not worth looking at.
    sparse: bool,
}

/// What is dumped of what (vma_dump_size in fs/coredump.c).
fn loads() -> Vec<Load> {
    let filter = std::fs::read_to_string("/proc/self/coredump_filter")
        .ok()
        .and_then(|t| u32::from_str_radix(t.trim(), 16).ok())
        .unwrap_or(filter::DEFAULT);
    let details = procfs::details();
    let mut out = Vec::new();
    for (start, region) in space().mappings().into_iter().take(MOST) {
        let len = region.end - start;
        let detail = details.of(&(start..region.end));
        let wants = |bit: u32| if filter & bit != 0 { len } else { 0 };
        // Where the host does not tell, what may be written to has been.
        let written = detail.map_or(region.prot & WRITE != 0, |d| d.anonymous);
        let dumped = match &region.backing {
            _ if detail.is_some_and(|d| d.dont_dump) => 0,
            Backing::Named("[vdso]") => len,
            Backing::Anonymous | Backing::Named(_) if region.shared => wants(filter::ANON_SHARED),
            Backing::Anonymous | Backing::Named(_) if detail.is_some_and(|d| !d.resident) => 0,
            Backing::Anonymous | Backing::Named(_) => wants(filter::ANON_PRIVATE),
            Backing::File { .. } if region.shared => wants(filter::MAPPED_SHARED),
            Backing::File { .. } => {
                let own = if written {
                    wants(filter::ANON_PRIVATE)
                } else {
                    0
                };
                let header = filter & filter::ELF_HEADERS != 0
                    && region.offset == 0
                    && region.prot & READ != 0
                    && (region.prot & EXEC != 0 || is_elf(start));
                match own.max(wants(filter::MAPPED_PRIVATE)) {
                    0 if header => PAGE,
                    n => n,
                }
            }
        };
        out.push(Load {
            start,
            dumped,
            sparse: !matches!(region.backing, Backing::File { .. }) && !region.shared,
            region,
        });
    }
    out
}

fn is_elf(at: u64) -> bool {
    let mut magic = [0; 4];
    guest::read_bytes(GuestAddr(at), &mut magic).is_ok() && magic == *b"\x7fELF"
}

fn put(to: &mut [u8], at: usize, bytes: &[u8]) {
    to[at..at + bytes.len()].copy_from_slice(bytes);
}

fn note(out: &mut Vec<u8>, name: &[u8], kind: u32, content: &[u8]) {
    for n in [name.len() as u64 + 1, content.len() as u64, kind.into()] {
        out.extend_from_slice(&low32(n).to_le_bytes());
    }
    for part in [name, content] {
        out.extend_from_slice(part);
        // The name ends with a NUL; both are padded.
        let end = usize::from(part.as_ptr() == name.as_ptr());
        out.resize((out.len() + end).next_multiple_of(4), 0);
    }
}

/// One thread's registers and what else NT_PRSTATUS has; then its floating-point state.
fn thread_notes(
    out: &mut Vec<u8>,
    info: &RawInfo,
    tid: i32,
    s: &Frozen,
    between: impl FnOnce(&mut Vec<u8>),
) {
    let mut status = [0u8; layout::PRSTATUS];
    // si_signo and pr_cursig; the rest is in NT_SIGINFO.
    put(&mut status, 0, &info[..4]);
    put(&mut status, 12, &info[..2]);
    put(&mut status, layout::SIGPEND + 8, &s.mask.to_le_bytes());
    for (i, n) in [tid].into_iter().chain(host::relatives()).enumerate() {
        put(&mut status, layout::PID + 4 * i, &n.to_le_bytes());
    }
    for (i, v) in registers(&s.cpu, s.call).into_iter().enumerate() {
        put(&mut status, layout::REGISTERS + 8 * i, &v.to_le_bytes());
    }
    put(&mut status, layout::FPVALID, &1u32.to_le_bytes());
    note(out, b"CORE", note::PRSTATUS, &status);
    between(out);
    note(out, b"CORE", note::PRFPREG, &fxsave::store(&s.cpu));
    let features = xsave::xcr0();
    if features != 0 {
        let mut area = [0; xsave::SIZE];
        xsave::store(&s.cpu, &mut area, features, Format::Standard, Form::Wide);
        put(&mut area, FP_XSTATE_SW, &features.to_le_bytes());
        note(
            out,
            b"LINUX",
            note::X86_XSTATE,
            &area[..xsave::size(features)],
        );
    }
}

/// struct user_regs_struct.
fn registers(cpu: &CpuState, call: Option<u64>) -> [u64; 27] {
    let r = |g: Gpr| cpu.reg(g);
    let selector = |n: u32| u64::from(low16(cpu.selectors >> (16 * n)));
    [
        r(Gpr::new(15)),
        r(Gpr::new(14)),
        r(Gpr::new(13)),
        r(Gpr::new(12)),
        r(Gpr::RBP),
        r(Gpr::RBX),
        r(Gpr::R11),
        r(Gpr::R10),
        r(Gpr::R9),
        r(Gpr::R8),
        r(Gpr::RAX),
        r(Gpr::RCX),
        r(Gpr::RDX),
        r(Gpr::RSI),
        r(Gpr::RDI),
        // orig_rax: of a call that was interrupted.
        call.unwrap_or(u64::MAX),
        cpu.rip,
        0x33, // __USER_CS
        cpu.rflags(),
        r(Gpr::RSP),
        0x2b, // __USER_DS
        cpu.fs_base,
        cpu.gs_base,
        selector(0),
        selector(1),
        selector(2),
        selector(3),
    ]
}

/// NT_PRPSINFO: the process as ps(1) shows it.
fn process_note(process: &Process) -> [u8; layout::PRPSINFO] {
    let mut p = [0u8; layout::PRPSINFO];
    p[1] = b'R';
    let [uid, _, gid, _] = host::ids();
    put(&mut p, layout::UID, &low32(uid).to_le_bytes());
    put(&mut p, layout::UID + 4, &low32(gid).to_le_bytes());
    put(&mut p, layout::UID + 8, &host::getpid().to_le_bytes());
    for (i, n) in host::relatives().into_iter().enumerate() {
        put(&mut p, layout::PPID + 4 * i, &n.to_le_bytes());
    }
    let name = host::name();
    put(&mut p, layout::NAME, &name[..name.len().min(15)]);
    let mut arguments = strings::cmdline(&process.exe().layout, strings::own);
    arguments.truncate(79);
    for b in arguments.iter_mut().filter(|b| **b == 0) {
        *b = b' ';
    }
    put(&mut p, layout::ARGUMENTS, &arguments);
    p
}

/// NT_FILE: which mapping is of which file.
fn file_note(loads: &[Load]) -> Vec<u8> {
    let (mut head, mut names) = (Vec::new(), Vec::new());
    let mut count = 0u64;
    for l in loads {
        if let Backing::File { path, .. } = &l.region.backing {
            count += 1;
            for v in [l.start, l.region.end, l.region.offset / PAGE] {
                head.extend_from_slice(&v.to_le_bytes());
            }
            names.extend_from_slice(path);
            names.push(0);
        }
    }
    let mut out: Vec<u8> = [count, PAGE].iter().flat_map(|v| v.to_le_bytes()).collect();
    out.extend(head);
    out.extend(names);
    out
}

/// The ELF header and the program headers, for notes of this size; and where the memory begins.
fn headers(loads: &[Load], notes: usize) -> (Vec<u8>, u64) {
    const EHDR: usize = 64;
    const PHDR: usize = 56;
    let mut h = vec![0u8; EHDR];
    put(&mut h, 0, b"\x7fELF\x02\x01\x01");
    put(&mut h, 16, &4u16.to_le_bytes()); // ET_CORE
    put(&mut h, 18, &62u16.to_le_bytes()); // EM_X86_64
    put(&mut h, 20, &1u32.to_le_bytes());
    put(&mut h, 32, &(EHDR as u64).to_le_bytes()); // e_phoff
    let count = loads.len() + 1;
    for (at, v) in [(52, EHDR), (54, PHDR), (56, count)] {
        put(&mut h, at, &low16(v as u64).to_le_bytes());
    }
    let mut segment = |kind: u32, flags: u32, words: [u64; 6]| {
        h.extend_from_slice(&kind.to_le_bytes());
        h.extend_from_slice(&flags.to_le_bytes());
        h.extend(words.iter().flat_map(|w| w.to_le_bytes()));
    };
    let notes_at = (EHDR + count * PHDR) as u64;
    // Offset, addresses, sizes in the file and in memory, alignment.
    segment(4, 0, [notes_at, 0, 0, notes as u64, 0, 4]);
    let first = (notes_at + notes as u64).next_multiple_of(PAGE);
    let mut at = first;
    for l in loads {
        let p = l.region.prot;
        let flags = (p & READ) << 2 | p & WRITE | (p & EXEC) >> 2;
        segment(
            1,
            flags,
            [at, l.start, 0, l.dumped, l.region.end - l.start, PAGE],
        );
        at += l.dumped;
    }
    (h, first)
}

fn write(
    ctx: &Ctx<'_>,
    info: &RawInfo,
    threads: &[(i32, Box<Frozen>)],
    name: &[u8],
    limit: u64,
) -> Result<()> {
    let own = Frozen {
        cpu: ctx.cpu.clone(),
        call: ctx.task.restart,
        mask: ctx.task.mask,
    };
    let loads = loads();
    let mut notes = Vec::new();
    thread_notes(&mut notes, info, ctx.task.tid, &own, |out| {
        note(out, b"CORE", note::PRPSINFO, &process_note(ctx.process));
        note(out, b"CORE", note::SIGINFO, info);
        note(out, b"CORE", note::AUXV, &ctx.process.exe().auxv);
        note(out, b"CORE", note::FILE, &file_note(&loads));
    });
    for (tid, s) in threads {
        thread_notes(&mut notes, info, *tid, s, |_| {});
    }
    let (mut head, first) = headers(&loads, notes.len());
    head.extend_from_slice(&notes);

    let at = ctx.task.fs.resolve(libc::AT_FDCWD, name, Last::NoFollow)?;
    // What was there is not written into.
    let _ = host::unlinkat(at.fd(), &at.name);
    let flags = libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY | libc::O_NOFOLLOW;
    let file = File::from(host::openat(at.fd(), &at.name, flags, 0o600)?);
    let io = |e: std::io::Error| Errno::of(&e);
    let part = &head[..size(limit.min(head.len() as u64))];
    file.write_all_at(part, 0).map_err(io)?;
    let mut at = first;
    for l in &loads {
        memory(&file, l, at, limit)?;
        at += l.dumped;
    }
    // What comes last may not have been in memory.
    file.set_len(at.min(limit)).map_err(io)
}

/// Writes a mapping's pages to where they belong. What is zero or was never touched becomes a hole.
fn memory(file: &File, l: &Load, offset: u64, limit: u64) -> Result<()> {
    if l.dumped == 0 {
        return Ok(());
    }
    if l.region.prot == 0 {
        dump::make_readable(l.start, l.dumped)?;
    }
    let mut page = [0u8; size(PAGE)];
    for p in dump::pages(l.start, l.dumped, l.sparse) {
        let Page { at } = p;
        let to = offset + (at - l.start);
        if to >= limit {
            break;
        }
        // Beyond a file's end there is nothing to read.
        if guest::read_bytes(GuestAddr(at), &mut page).is_err() || page.iter().all(|b| *b == 0) {
            continue;
        }
        let part = &page[..size((limit - to).min(PAGE))];
        if let Err(e) = file.write_all_at(part, to) {
            tracing::warn!("the core file ends at {to:#x}: {e} ({})", file.as_raw_fd());
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pattern: &str, uses_pid: bool) -> (String, bool) {
        let n = Naming {
            pattern: pattern.into(),
            uses_pid,
            pid: 17,
            tid: 18,
            sig: 6,
            comm: b"a/b".to_vec(),
            exe: b"/usr/bin/prog".to_vec(),
        };
        let (name, plain) = n.name();
        (String::from_utf8(name).expect("is text"), plain)
    }

    #[test]
    fn names_follow_the_pattern() {
        assert_eq!(named("core", false), ("core".into(), true));
        assert_eq!(named("core", true), ("core.17".into(), true));
        assert_eq!(named("c.%p.%i%%", true), ("c.17.18%".into(), true));
        assert_eq!(
            named("%e-%f-%E-%s%", false),
            ("a!b-prog-!usr!bin!prog-6".into(), true)
        );
        assert_eq!(named("/var/c.%p", false), ("/var/c.17".into(), false));
        assert_eq!(
            named("|/usr/bin/collect %p", false),
            ("core.17".into(), false)
        );
        assert_eq!(named("", false), ("core".into(), true));
    }

    #[test]
    fn notes_are_padded() {
        let mut out = Vec::new();
        note(&mut out, b"CORE", 6, b"abcde");
        assert_eq!(out.len(), 12 + 8 + 8);
        assert_eq!(out[12..20], *b"CORE\0\0\0\0");
        assert_eq!(out[20..28], *b"abcde\0\0\0");
    }
}
