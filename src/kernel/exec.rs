//! Running a program (execve(2)): finding out what a file is, loading it, or handing it to a fresh felix.
//!
//! `plan` decides everything that can fail without side effects; `load` maps the result into an empty address
//! space. A guest's execve is done by executing felix again, so that the host kernel does what exec
//! means for threads, descriptors, signals and ids. Knows no guest's registers or signal frames.

use super::fd;
use super::process::{Exe, Layout, Process};
use super::vfs::{Fs, Last};
use crate::loader::elf::Segment;
use crate::loader::{elf, script, stack, vdso};
use crate::mem::space::{
    self, Backing, Changes, EXEC, PAGE, READ, Request, Resource, WRITE, flag, space,
};
use crate::sys::cast::size;
use crate::sys::{Errno, guest, host, limit, proc};
use crate::x86::GuestAddr;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;

/// Why a program cannot be run: for the guest a number, for felix's user a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExecError {
    /// What execve(2) gives.
    pub errno: Errno,
    /// The file that is the reason.
    pub path: Vec<u8>,
    /// What is wrong and what to do.
    pub why: String,
}

/// A file to map.
#[derive(Debug)]
pub struct Image {
    file: OwnedFd,
    elf: elf::Elf,
    /// Path as the guest sees it.
    path: Vec<u8>,
}

/// A program that can be loaded.
#[derive(Debug)]
pub struct Program {
    main: Image,
    interp: Option<Image>,
    /// The arguments, after `#!` processing.
    pub argv: Vec<Vec<u8>>,
    /// AT_EXECFN.
    pub execfn: Vec<u8>,
    is_script: bool,
}

impl Program {
    /// The file that is mapped: of a script, its interpreter.
    #[must_use]
    pub fn file(&self) -> RawFd {
        self.main.file.as_raw_fd()
    }

    /// True if another file names the one that is mapped.
    #[must_use]
    pub fn is_script(&self) -> bool {
        self.is_script
    }

    /// Moves its files to numbers that exec does not close.
    pub fn keep_files(&mut self) -> Result<(), Errno> {
        for image in [Some(&mut self.main), self.interp.as_mut()]
            .into_iter()
            .flatten()
        {
            image.file = host::dup_high(image.file.as_raw_fd(), fd::base())?;
        }
        Ok(())
    }
}

struct Source<'a> {
    fd: &'a OwnedFd,
    len: u64,
}

impl elf::ReadAt for Source<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        host::pread_full(self.fd.as_raw_fd(), buf, offset).map_err(Errno::io)
    }
    fn len(&self) -> u64 {
        self.len
    }
}

fn error(errno: Errno, path: &[u8], why: impl Into<String>) -> ExecError {
    ExecError {
        errno,
        path: path.to_vec(),
        why: why.into(),
    }
}

fn plain(errno: Errno, path: &[u8]) -> ExecError {
    error(errno, path, errno.to_string().to_lowercase())
}

/// Opens a regular executable file.
fn open(fs: &Fs, dirfd: RawFd, path: &[u8]) -> Result<(OwnedFd, u64), ExecError> {
    let at = fs
        .resolve(dirfd, path, Last::Follow)
        .map_err(|e| plain(e, path))?;
    // Before it is opened: a socket cannot be, and to open a device may do something.
    if let Ok(st) = host::fstatat(at.fd(), &at.name, 0) {
        is_regular(st.st_mode, path)?;
    }
    let fd = at
        .open(libc::O_RDONLY | libc::O_NONBLOCK)
        .map_err(|e| plain(e, path))?;
    let len = check(&fd, path)?;
    if host::is_open_for_writing(fd.as_raw_fd()) {
        return Err(error(
            Errno::ETXTBSY,
            path,
            "open for writing; wait until it is written",
        ));
    }
    if host::faccessat(at.fd(), &at.name, libc::X_OK).is_err() {
        return Err(error(
            Errno::EACCES,
            path,
            "not executable; make it so with chmod +x",
        ));
    }
    Ok((fd, len))
}

fn check(fd: &OwnedFd, path: &[u8]) -> Result<u64, ExecError> {
    let st = host::fstat(fd.as_raw_fd()).map_err(|e| plain(e, path))?;
    is_regular(st.st_mode, path)?;
    Ok(u64::try_from(st.st_size).unwrap_or(0))
}

fn is_regular(mode: libc::mode_t, path: &[u8]) -> Result<(), ExecError> {
    match mode & libc::S_IFMT {
        libc::S_IFREG => Ok(()),
        libc::S_IFDIR => Err(error(
            Errno::EACCES,
            path,
            "is a directory; name a program in it",
        )),
        _ => Err(error(
            Errno::EACCES,
            path,
            "not a regular file; name a program",
        )),
    }
}

/// The path by which the guest finds an open file again.
fn shown(fs: &Fs, fd: &OwnedFd, named: &[u8]) -> Vec<u8> {
    host::fd_path(fd.as_raw_fd())
        .ok()
        .and_then(|p| fs.guest_path(&p))
        .unwrap_or_else(|| named.to_vec())
}

/// Finds out what the file is and what running it takes. `file` is an already open program (fexecve(3)).
pub fn plan(
    fs: &Fs,
    dirfd: RawFd,
    path: &[u8],
    file: Option<OwnedFd>,
    argv: Vec<Vec<u8>>,
) -> Result<Program, ExecError> {
    let execfn = path.to_vec();
    let mut argv = if argv.is_empty() {
        vec![Vec::new()]
    } else {
        argv
    };
    let mut path = path.to_vec();
    let mut dirfd = dirfd;
    let mut is_script = false;
    let (mut fd, mut len) = match file {
        Some(f) => check(&f, &path).map(|l| (f, l))?,
        None => open(fs, dirfd, &path)?,
    };
    // The program and five interpreters.
    for _ in 0..6 {
        let mut head = [0u8; script::HEAD];
        let n = host::pread_full(fd.as_raw_fd(), &mut head, 0).map_err(|e| plain(e, &path))?;
        let Some(parsed) = script::parse(&head[..n]) else {
            return image(fs, fd, len, &path, argv, execfn).map(|p| Program { is_script, ..p });
        };
        let Some(s) = parsed else {
            return Err(error(
                Errno::ENOEXEC,
                &path,
                "its #! line names no interpreter; correct the first line",
            ));
        };
        is_script = true;
        let rest = argv.split_off(1);
        argv = vec![s.interpreter.clone()];
        argv.extend(s.argument);
        argv.push(path.clone());
        argv.extend(rest);
        let missing = |e: ExecError| match e.errno {
            Errno::ENOENT => {
                let name = String::from_utf8_lossy(&s.interpreter).into_owned();
                error(
                    Errno::ENOENT,
                    &path,
                    format!("its interpreter {name} does not exist{}", inside(fs)),
                )
            }
            _ => e,
        };
        dirfd = if s.interpreter.starts_with(b"/") {
            libc::AT_FDCWD
        } else {
            dirfd
        };
        (fd, len) = open(fs, dirfd, &s.interpreter).map_err(missing)?;
        path = s.interpreter;
    }
    Err(error(
        Errno::ELOOP,
        &path,
        "too many interpreters of interpreters; correct the #! lines",
    ))
}

fn inside(fs: &Fs) -> &'static str {
    if fs.is_rooted() {
        " in the rootfs; install it there"
    } else {
        "; install it, or give a --rootfs that has it"
    }
}

fn image(
    fs: &Fs,
    fd: OwnedFd,
    len: u64,
    path: &[u8],
    argv: Vec<Vec<u8>>,
    execfn: Vec<u8>,
) -> Result<Program, ExecError> {
    let bad = |path: &[u8], e: elf::BadElf| error(Errno::ENOEXEC, path, e.to_string());
    let elf = elf::parse(&Source { fd: &fd, len }).map_err(|e| bad(path, e))?;
    let interp = match &elf.interp {
        None => None,
        Some(name) => {
            let missing = |e: ExecError| {
                let shown = String::from_utf8_lossy(name).into_owned();
                match e.errno {
                    Errno::ENOENT => error(
                        Errno::ENOENT,
                        path,
                        format!("its interpreter {shown} does not exist{}", inside(fs)),
                    ),
                    errno => error(
                        errno,
                        path,
                        format!("its interpreter {shown} cannot be used: {}", e.why),
                    ),
                }
            };
            let (f, l) = open(fs, libc::AT_FDCWD, name).map_err(missing)?;
            let parsed = elf::parse(&Source { fd: &f, len: l })
                .map_err(|e| error(Errno::ELIBBAD, name, e.to_string()))?;
            let path = shown(fs, &f, name);
            Some(Image {
                file: f,
                elf: parsed,
                path,
            })
        }
    };
    let path = shown(fs, &fd, path);
    Ok(Program {
        main: Image {
            file: fd,
            elf,
            path,
        },
        interp,
        argv,
        execfn,
        is_script: false,
    })
}

/// What a guest ABI adds to the auxiliary vector.
#[derive(Clone, Copy, Debug)]
pub struct AbiInfo {
    /// AT_PLATFORM.
    pub platform: &'static [u8],
    /// AT_HWCAP.
    pub hwcap: u64,
    /// AT_HWCAP2.
    pub hwcap2: u64,
    /// AT_MINSIGSTKSZ.
    pub min_signal_stack: u64,
}

/// Where a loaded program starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start {
    /// First instruction.
    pub entry: u64,
    /// Stack pointer.
    pub sp: u64,
}

/// Bits of personality(2) that say whose kernel a program sees.
pub const PER_MASK: u32 = 0xff;
const READ_IMPLIES_EXEC: u32 = libc::READ_IMPLIES_EXEC.cast_unsigned();

/// Where position-independent programs go. First: where the sanitizers allow one beside their shadow memory, as near to
/// Linux's 0x5555_5555_4000 as leaves room for the heap below what the host places there itself, which is felix. Then: within
/// reach of every host (Sv39 has 256 GiB), away from the low 4 GiB.
const PIE_BASES: [u64; 2] = [0x5550_0000_0000, 0x10_0000_0000];

fn request(addr: u64, len: u64, prot: u32, flags: u32) -> Request {
    Request {
        addr,
        len,
        prot,
        flags: flags | flag::PRIVATE | flag::ANONYMOUS,
        fd: -1,
        offset: 0,
        backing: Backing::Anonymous,
    }
}

fn backing(image: &Image) -> Backing {
    let (dev, ino) = host::fstat(image.file.as_raw_fd()).map_or(((0, 0), 0), |s| {
        ((libc::major(s.st_dev), libc::minor(s.st_dev)), s.st_ino)
    });
    Backing::File {
        path: Arc::from(image.path.as_slice()),
        dev,
        ino,
    }
}

/// Maps one image; gives what to add to its addresses.
fn map(image: &Image, changes: &mut Changes) -> Result<u64, ExecError> {
    let fail = |e: Errno| {
        error(
            e,
            &image.path,
            format!("cannot be mapped: {}", e.to_string().to_lowercase()),
        )
    };
    let elf = &image.elf;
    let span = elf.span();
    let len = span.end - span.start;
    let at = if elf.pie {
        // The main program gets a fixed place, what comes after it goes where the host likes.
        let room = len + elf.align;
        let mut place =
            |addr, how| space().map(&request(addr, room, 0, flag::NORESERVE | how), changes);
        let got = PIE_BASES
            .iter()
            .map(|&base| place(base, flag::FIXED_NOREPLACE))
            .find(|r| matches!(r, Ok(_) | Err(Errno::EEXIST)))
            .and_then(Result::ok);
        let got = match got {
            Some(at) => at,
            None => place(0, 0).map_err(fail)?,
        };
        let start = got.next_multiple_of(elf.align);
        for (a, l) in [(got, start - got), (start + len, got + room - start - len)] {
            if l != 0 {
                space().unmap(a, l, changes).map_err(fail)?;
            }
        }
        start
    } else {
        space().map(&request(span.start, len, 0, flag::NORESERVE | flag::FIXED_NOREPLACE), changes).map_err(|e| {
            error(e, &image.path, format!("needs the addresses {:#x}-{:#x}, which this host does not give: lower vm.mmap_min_addr or rebuild it as PIE", span.start, span.end))
        })?
    };
    let bias = at.wrapping_sub(span.start);
    let backing = backing(image);
    for s in &elf.segments {
        let start = s.vaddr.wrapping_add(bias);
        let page = start & !(PAGE - 1);
        let file_end = start + s.filesz;
        let end = start + s.memsz;
        if s.filesz != 0 {
            let req = Request {
                addr: page,
                len: file_end - page,
                prot: s.prot,
                flags: flag::PRIVATE | flag::FIXED,
                fd: image.file.as_raw_fd(),
                offset: s.offset & !(PAGE - 1),
                backing: backing.clone(),
            };
            space().map(&req, changes).map_err(fail)?;
        }
        let zero_from = if s.filesz != 0 {
            file_end.next_multiple_of(PAGE)
        } else {
            page
        };
        if s.memsz > s.filesz && zero_from > file_end && s.filesz != 0 {
            let tail = vec![0; size(zero_from.min(end.next_multiple_of(PAGE)) - file_end)];
            // As Linux: a tail that is not writable keeps the file's bytes.
            let _ = guest::write_bytes(GuestAddr(file_end), &tail);
        }
        if end > zero_from {
            space()
                .map(
                    &request(zero_from, end - zero_from, s.prot, flag::FIXED),
                    changes,
                )
                .map_err(fail)?;
        }
    }
    Ok(bias)
}

/// Maps the program and its interpreter, vDSO and stack. The address space is empty before.
pub fn load(
    process: &Process,
    program: &Program,
    envp: &[Vec<u8>],
    abi: &AbiInfo,
    changes: &mut Changes,
) -> Result<Start, ExecError> {
    let path = &program.main.path;
    let fail = |e: Errno| {
        error(
            e,
            path,
            format!("cannot be started: {}", e.to_string().to_lowercase()),
        )
    };
    let bias = map(&program.main, changes)?;
    let elf = &program.main.elf;
    let end = elf.span().end.wrapping_add(bias);
    space().set_heap(end..end);
    let extent = |of: fn(&&Segment) -> bool| {
        let segments = || elf.segments.iter().filter(of);
        let start = segments().map(|s| s.vaddr).min().unwrap_or(0);
        // As Linux counts: what the file has.
        let end = segments().map(|s| s.vaddr + s.filesz).max().unwrap_or(0);
        start.wrapping_add(bias)..end.wrapping_add(bias)
    };
    let layout = Layout {
        code: extent(|s| s.prot & EXEC != 0),
        data: extent(|s| s.prot & WRITE != 0),
        heap: elf.span().end.wrapping_add(bias),
        ..Layout::default()
    };
    let (base, entry) = match &program.interp {
        None => (0, elf.entry.wrapping_add(bias)),
        Some(i) => {
            let b = map(i, changes)?;
            (b, i.elf.entry.wrapping_add(b))
        }
    };

    let vdso = space()
        .map(
            &Request {
                backing: Backing::Named("[vdso]"),
                ..request(0, PAGE, READ | WRITE, 0)
            },
            changes,
        )
        .map_err(fail)?;
    guest::write_bytes(GuestAddr(vdso), &vdso::image()).map_err(|_| fail(Errno::EFAULT))?;
    space()
        .protect(vdso, PAGE, READ | EXEC, changes)
        .map_err(fail)?;

    let limit = match host::soft_limit(3) {
        u64::MAX => 8 << 20,
        l => l.clamp(1 << 18, 1 << 28) & !(PAGE - 1),
    };
    let guard = 16 * PAGE;
    let exec = if elf.exec_stack { EXEC } else { 0 };
    // Below the stack nothing may ever be mapped by chance. What keeps it free is no stack to those who read the map, nor part of
    // what the guest maps beside it.
    let low = space()
        .map(
            &Request {
                backing: Backing::Named(""),
                ..request(0, limit + guard, 0, flag::NORESERVE)
            },
            changes,
        )
        .map_err(fail)?;
    space()
        .map(
            &Request {
                backing: Backing::Named("[stack]"),
                ..request(
                    low + guard,
                    limit,
                    READ | WRITE | exec,
                    flag::NORESERVE | flag::FIXED,
                )
            },
            changes,
        )
        .map_err(fail)?;
    let top = low + guard + limit;

    let strings: usize = program.argv.iter().chain(envp).map(|s| s.len() + 9).sum();
    if strings as u64 > limit / 4 {
        return Err(fail(Errno::E2BIG));
    }
    use stack::at;
    let [uid, euid, gid, egid] = host::ids();
    let mut auxv = vec![
        (at::SYSINFO_EHDR, vdso),
        (at::MINSIGSTKSZ, abi.min_signal_stack),
        (at::HWCAP, abi.hwcap),
        (at::PAGESZ, PAGE),
        (at::CLKTCK, 100),
        (at::PHDR, elf.phdr.wrapping_add(bias)),
        (at::PHENT, 56),
        (at::PHNUM, elf.phnum),
        (at::BASE, base),
        (at::FLAGS, 0),
        (at::ENTRY, elf.entry.wrapping_add(bias)),
        (at::UID, uid),
        (at::EUID, euid),
        (at::GID, gid),
        (at::EGID, egid),
        (at::SECURE, u64::from(host::secure())),
        (at::HWCAP2, abi.hwcap2),
    ];
    if let Some((size, align)) = crate::sys::rseq::features() {
        auxv.extend([(at::RSEQ_FEATURE_SIZE, size), (at::RSEQ_ALIGN, align)]);
    }
    let contents = stack::Contents {
        argv: &program.argv,
        envp,
        execfn: &program.execfn,
        platform: abi.platform,
        random: host::random16(),
        auxv: &auxv,
    };
    let image = stack::build(top, &contents);
    guest::write_bytes(GuestAddr(image.sp), &image.bytes).map_err(|_| fail(Errno::EFAULT))?;

    let layout = Layout {
        stack: image.sp,
        arguments: image.arguments,
        environment: image.environment,
        ..layout
    };
    crate::sys::start::show_strings(&layout.arguments, &layout.environment);
    crate::sys::image::show_auxv(&image.auxv);
    layout.show();
    let file = &program.main.file;
    let link = format!("self/fd/{}", file.as_raw_fd());
    process.set_exe(Exe {
        path: path.clone(),
        // The file may lose its name, or never have had one.
        file: (proc::open(&link, libc::O_PATH).and_then(fd::hide).ok()).map(Arc::new),
        id: host::fstat(file.as_raw_fd()).map_or((0, 0), |st| (st.st_dev, st.st_ino)),
        auxv: image.auxv,
        layout,
    });
    host::set_name(program.execfn.rsplit(|b| *b == b'/').next().unwrap_or(b""));
    Ok(Start {
        entry,
        sp: image.sp,
    })
}

/// Environment variables that would change how felix itself is started; they travel under another name. Felix's own options
/// come as arguments: what the guest says of them is for nobody.
const DANGEROUS: [&[u8]; 4] = [b"LD_", b"GLIBC_TUNABLES=", b"MALLOC_", b"FELIX_"];
/// The exception: how much felix tells may be asked for at any time.
const HARMLESS: &[u8] = b"FELIX_LOG=";
/// The other name's prefix.
const CARRIED: &[u8] = b"FELIX_GUEST_";
/// The variable that names the wrapper.
const WRAPPER: &[u8] = b"FELIX_EXEC_WRAPPER=";

/// The guest's environment from felix's own, and the wrapper, which is not the guest's.
#[must_use]
pub fn take_environment(carried: bool) -> (Vec<Vec<u8>>, Option<OsString>) {
    guest_environment(host::environment(), carried)
}

/// The same of any felix's.
#[must_use]
pub fn guest_environment(
    all: impl IntoIterator<Item = Vec<u8>>,
    carried: bool,
) -> (Vec<Vec<u8>>, Option<OsString>) {
    let mut wrapper = None;
    let mut env = Vec::new();
    for e in all {
        if carried && let Some(original) = e.strip_prefix(CARRIED) {
            env.push(original.to_vec());
        } else if let Some(w) = e.strip_prefix(WRAPPER) {
            // For a set-user-ID program (binfmt_misc) the user has no say in what is executed.
            if host::secure() {
                continue;
            }
            wrapper = Some(OsString::from_vec(w.to_vec()));
        } else {
            env.push(e);
        }
    }
    (env, wrapper)
}

/// What a guest's execve(2) has decided to run.
#[derive(Debug)]
pub struct Exec {
    /// Path as the guest named it, made absolute where it was relative to a descriptor.
    pub path: Vec<u8>,
    /// The already open file, for fexecve(3).
    pub file: Option<OwnedFd>,
    /// Arguments.
    pub argv: Vec<Vec<u8>>,
    /// Environment.
    pub envp: Vec<Vec<u8>>,
}

/// Descriptors that outlive the exec, by number, and are closed if it fails.
#[derive(Clone, Copy, Default, Debug)]
pub struct Kept {
    /// The already open program, for fexecve(3).
    file: Option<u64>,
    /// The host's /proc.
    proc: Option<u64>,
    /// The seccomp filters (`fd::hand_on`).
    seccomp: Option<RawFd>,
}

impl Kept {
    /// Copies of what is to outlive the exec.
    pub fn new(file: Option<&OwnedFd>, seccomp: Option<&[u8]>) -> Result<Kept, Errno> {
        let keep = |fd: RawFd| {
            host::fcntl(fd, libc::F_DUPFD, 64).or_else(|_| host::fcntl(fd, libc::F_DUPFD, 0))
        };
        let of = |fd: Option<RawFd>| fd.map(keep).transpose();
        Ok(Kept {
            file: of(file.map(AsRawFd::as_raw_fd))?,
            proc: of(proc::kept())?,
            seccomp: seccomp.map(fd::hand_on).transpose()?,
        })
    }

    /// Closes them again.
    pub fn close(self) {
        let copies = [self.file, self.proc].into_iter().flatten();
        for n in copies.map(crate::sys::cast::int).chain(self.seccomp) {
            let _ = host::close(n);
        }
    }
}

/// What `exec` takes to execute felix again for its program, whose limit of descriptors is `files` if that is not the host's. `None` if it is not to be found from the guest's root.
pub fn again(
    process: &Process,
    fs: &Fs,
    exec: &Exec,
    personality: u32,
    kept: Kept,
    files: Option<limit::Limit>,
) -> Option<host::ExecArgs> {
    let o = &process.options;
    if fs.is_entered() && o.wrapper.is_some() {
        // Neither is to be found from here.
        return None;
    }
    let mut args: Vec<OsString> = Vec::new();
    args.extend(o.wrapper.clone());
    args.push(o.felix.clone());
    args.push("run".into());
    args.extend(o.again.iter().cloned());
    for (name, limit) in [
        ("as", space().limit(Resource::Space)),
        ("data", space().limit(Resource::Data)),
        ("nofile", files),
    ] {
        if let Some([soft, hard]) = limit {
            args.push("--exec-limit".into());
            args.push(format!("{name}:{soft}:{hard}").into());
        }
    }
    if personality & PER_MASK != 0 {
        // No host but x86-64 lets it outlive the exec.
        args.push(format!("--exec-personality={personality}").into());
    }
    let felix = o.kept().filter(|_| o.wrapper.is_none());
    let mut path = OsString::from("--exec-path=");
    path.push(OsStr::from_bytes(&exec.path));
    args.push(path);
    // Without it the program would have the host's root.
    let root = fs.hand_on().ok()?;
    let mut open: Vec<RawFd> = Vec::new();
    if let Some(root) = root {
        args.push(format!("--exec-root={}", root.text).into());
        open = root.descriptors;
    }
    let copy = |n: Option<u64>| n.map(crate::sys::cast::int);
    for (option, number) in [
        ("self", felix),
        ("fd", copy(kept.file)),
        ("proc", copy(kept.proc)),
        ("seccomp", kept.seccomp),
    ] {
        if let Some(n) = number {
            args.push(format!("--exec-{option}={n}").into());
        }
    }
    args.push("--".into());
    args.extend(exec.argv.iter().map(|a| OsStr::from_bytes(a).into()));
    if exec.argv.is_empty() {
        args.push("".into());
    }
    let text = |b: &[u8]| CString::new(b).ok();
    let argv: Vec<CString> = args.iter().filter_map(|a| text(a.as_bytes())).collect();
    let mut envp: Vec<CString> = exec
        .envp
        .iter()
        .filter_map(|e| {
            if DANGEROUS.iter().any(|d| e.starts_with(d)) && !e.starts_with(HARMLESS) {
                text(&[CARRIED, e].concat())
            } else {
                text(e)
            }
        })
        .collect();
    if let Some(w) = &o.wrapper {
        envp.extend(text(&[WRAPPER, w.as_bytes()].concat()));
    }
    let program = o.wrapper.as_ref().unwrap_or(&o.felix);
    // An empty path is none that can be executed.
    let program = text(program.as_bytes()).unwrap_or_default();
    Some(host::ExecArgs::new(program, felix, open, argv, envp))
}

/// The personality(2) a program starts with: what `again` has handed on, or the host has kept.
#[must_use]
pub fn inherited_personality(handed_on: Option<u32>) -> u32 {
    let kept = host::personality();
    // As x86-64 does: set_personality_64bit in arch/x86/kernel/process_64.c.
    let says = handed_on.unwrap_or(kept) & !READ_IMPLIES_EXEC;
    if says != kept {
        host::set_personality(says);
    }
    says
}

/// Closes the descriptors that exec closes (for an exec in place).
pub fn close_on_exec() {
    for n in proc::descriptors().unwrap_or_default() {
        if !fd::is_hidden(n) && host::fcntl(n, libc::F_GETFD, 0).is_ok_and(|f| f & 1 != 0) {
            let _ = host::close(n);
        }
    }
}

/// Takes over a limit that `again` has handed on; false if it is none.
#[must_use]
pub fn take_limit(text: &str) -> bool {
    let mut parts = text.split(':');
    let which = parts.next();
    let (Some(Ok(soft)), Some(Ok(hard))) =
        (parts.next().map(str::parse), parts.next().map(str::parse))
    else {
        return false;
    };
    match which {
        Some("as") => space().set_limit(Resource::Space, Some([soft, hard])),
        Some("data") => space().set_limit(Resource::Data, Some([soft, hard])),
        Some("nofile") => limit::hand_over([soft, hard]),
        _ => return false,
    }
    true
}

/// Takes over the descriptor `--exec-fd` names.
pub fn inherited(number: RawFd) -> Result<OwnedFd, Errno> {
    let copy = host::dup_high(number, 64)?;
    host::close(number)?;
    fd::hide(copy)
}

/// The guest may not have descriptors in the hidden range when felix starts.
pub fn sanity() -> Result<(), Errno> {
    if space::PAGE != host::page_size() {
        return Err(Errno::EINVAL);
    }
    Ok(())
}
