//! The host's system calls felix makes for itself, as safe functions.

use super::cast::{int, reg, size};
use super::{Errno, limit, raw};
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

fn ptr<T: ?Sized>(p: *const T) -> u64 {
    p.cast::<u8>().expose_provenance() as u64
}

pub(super) fn owned(fd: u64) -> OwnedFd {
    // SAFETY: called right after a successful call that returned a new descriptor, owned by nobody else.
    unsafe { OwnedFd::from_raw_fd(int(fd)) }
}

/// Takes over a descriptor that this process was started with, once; the next program it executes does not get it.
pub fn take_over(fd: RawFd) -> Result<OwnedFd, Errno> {
    fcntl(fd, libc::F_SETFD, reg(libc::FD_CLOEXEC))?;
    Ok(owned(reg(fd)))
}

/// openat(2) for felix itself, whatever the guest's limit of descriptors is; O_CLOEXEC is added.
pub fn openat(dir: RawFd, path: &CStr, flags: i32, mode: u32) -> Result<OwnedFd, Errno> {
    let flags = flags | libc::O_CLOEXEC;
    let args = [reg(dir), ptr(path.as_ptr()), reg(flags), mode.into(), 0, 0];
    limit::with_room(|| raw::syscall(libc::SYS_openat, args)).map(owned)
}

/// openat2(2) with `resolve` (RESOLVE_*); O_CLOEXEC is not added. A signal may come first.
pub fn openat2(dir: RawFd, path: &CStr, flags: i32, resolve: u64) -> Result<OwnedFd, Errno> {
    let how = [u64::from(flags.cast_unsigned()), 0, resolve];
    let args = [reg(dir), ptr(path.as_ptr()), ptr(&raw const how), 24, 0, 0];
    raw::interruptible(libc::SYS_openat2, args).map(owned)
}

/// dup of `fd` for felix itself with a number not below `min`, close-on-exec (fcntl(2), F_DUPFD_CLOEXEC).
pub fn dup_high(fd: RawFd, min: i32) -> Result<OwnedFd, Errno> {
    let dup = |min| fcntl(fd, libc::F_DUPFD_CLOEXEC, reg(min));
    // A hard limit below that has it refused.
    limit::with_room(|| dup(min))
        .or_else(|e| if e == Errno::EINVAL { dup(0) } else { Err(e) })
        .map(owned)
}

/// Has the guest's descriptor `number` stand for what `fd` does (dup3(2)).
pub fn replace(fd: OwnedFd, number: RawFd, cloexec: bool) -> Result<(), Errno> {
    let flags = if cloexec { libc::O_CLOEXEC } else { 0 };
    let args = [reg(fd.as_raw_fd()), reg(number), reg(flags), 0, 0, 0];
    raw::syscall(libc::SYS_dup3, args).map(drop)
}

/// fcntl(2) with an integer argument.
pub fn fcntl(fd: RawFd, cmd: i32, arg: u64) -> Result<u64, Errno> {
    raw::syscall(libc::SYS_fcntl, [reg(fd), reg(cmd), arg, 0, 0, 0])
}

/// True if execve(2) would refuse this file because it is open for writing, where the host can be asked (AT_EXECVE_CHECK,
/// Linux 6.14).
#[must_use]
pub fn is_open_for_writing(fd: RawFd) -> bool {
    const EXECVE_CHECK: i32 = 0x1_0000;
    let argv = [ptr(c"".as_ptr()), 0];
    let flags = reg(libc::AT_EMPTY_PATH | EXECVE_CHECK);
    let args = [
        reg(fd),
        argv[0],
        ptr(&raw const argv),
        ptr(&raw const argv[1]),
        flags,
        0,
    ];
    raw::syscall(libc::SYS_execveat, args) == Err(Errno::ETXTBSY)
}

/// close(2) of a descriptor that felix does not own (the guest's).
pub fn close(fd: RawFd) -> Result<(), Errno> {
    raw::syscall(libc::SYS_close, [reg(fd), 0, 0, 0, 0, 0]).map(drop)
}

/// The host's struct stat.
pub type Stat = libc::stat;

/// newfstatat(2).
pub fn fstatat(dir: RawFd, path: &CStr, flags: i32) -> Result<Stat, Errno> {
    // SAFETY: all-zero bytes are a valid `struct stat`.
    let mut st: Stat = unsafe { std::mem::zeroed() };
    raw::syscall(
        libc::SYS_newfstatat,
        [
            reg(dir),
            ptr(path.as_ptr()),
            ptr(&raw mut st),
            reg(flags),
            0,
            0,
        ],
    )?;
    Ok(st)
}

/// True if a mount is attached at a file (statx(2), STATX_ATTR_MOUNT_ROOT); false if the kernel, before 5.8, does not tell.
#[must_use]
pub fn is_mount_root(dir: RawFd, path: &CStr, flags: i32) -> bool {
    // SAFETY: all-zero bytes are a valid `struct statx`.
    let mut st: libc::statx = unsafe { std::mem::zeroed() };
    let (path, to) = (ptr(path.as_ptr()), ptr(&raw mut st));
    let flags = reg(flags | libc::AT_STATX_DONT_SYNC);
    let told = raw::syscall(libc::SYS_statx, [reg(dir), path, flags, 0, to, 0]);
    let root = u64::from(libc::STATX_ATTR_MOUNT_ROOT.cast_unsigned());
    told.is_ok() && st.stx_attributes & root != 0
}

/// fstat(2).
pub fn fstat(fd: RawFd) -> Result<Stat, Errno> {
    // SAFETY: all-zero bytes are a valid `struct stat`.
    let mut st: Stat = unsafe { std::mem::zeroed() };
    raw::syscall(libc::SYS_fstat, [reg(fd), ptr(&raw mut st), 0, 0, 0, 0])?;
    Ok(st)
}

/// The file system type of an open file (statfs(2), `f_type`).
pub fn fs_type(fd: RawFd) -> Result<i64, Errno> {
    // SAFETY: all-zero bytes are a valid `struct statfs`.
    let mut st: libc::statfs = unsafe { std::mem::zeroed() };
    raw::syscall(libc::SYS_fstatfs, [reg(fd), ptr(&raw mut st), 0, 0, 0, 0])?;
    #[allow(clippy::useless_conversion)] // Its type differs between hosts.
    Ok(st.f_type.into())
}

/// The flags ST_* of the mount an open file was found in (statvfs(3), `f_flag`).
fn mount_flags(fd: RawFd) -> Option<libc::c_ulong> {
    // SAFETY: all-zero bytes are a valid `struct statvfs`.
    let mut st: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the call writes nothing but `st`.
    let done = unsafe { libc::fstatvfs(fd, &raw mut st) };
    (done == 0).then_some(st.f_flag)
}

/// True of an open file whose set-user-ID and set-group-ID bits count for nothing (ST_NOSUID).
#[must_use]
pub fn is_nosuid(fd: RawFd) -> bool {
    mount_flags(fd).is_none_or(|f| f & libc::ST_NOSUID != 0)
}

/// True of an open file that may not be executed (ST_NOEXEC). False of what is no open file.
#[must_use]
pub fn is_noexec(fd: RawFd) -> bool {
    mount_flags(fd).is_some_and(|f| f & libc::ST_NOEXEC != 0)
}

/// readlinkat(2).
pub fn readlinkat(dir: RawFd, path: &CStr) -> Result<Vec<u8>, Errno> {
    let mut buf = vec![0u8; 4096];
    let n = raw::syscall(
        libc::SYS_readlinkat,
        [
            reg(dir),
            ptr(path.as_ptr()),
            ptr(buf.as_mut_ptr()),
            buf.len() as u64,
            0,
            0,
        ],
    )?;
    buf.truncate(size(n));
    Ok(buf)
}

/// The path the host knows an open descriptor by (proc(5), /proc/self/fd).
pub fn fd_path(fd: RawFd) -> Result<Vec<u8>, Errno> {
    super::proc::read_link(&format!("self/fd/{fd}"))
}

/// faccessat(2) with no flags: real user and group.
pub fn faccessat(dir: RawFd, path: &CStr, mode: i32) -> Result<(), Errno> {
    raw::syscall(
        libc::SYS_faccessat,
        [reg(dir), ptr(path.as_ptr()), reg(mode), 0, 0, 0],
    )
    .map(drop)
}

/// unlinkat(2) of what is no directory.
pub fn unlinkat(dir: RawFd, path: &CStr) -> Result<(), Errno> {
    raw::syscall(
        libc::SYS_unlinkat,
        [reg(dir), ptr(path.as_ptr()), 0, 0, 0, 0],
    )
    .map(drop)
}

/// renameat2(2) within a directory, to a name that nothing has yet.
pub fn rename_to_new(dir: RawFd, from: &CStr, to: &CStr) -> Result<(), Errno> {
    let noreplace = u64::from(libc::RENAME_NOREPLACE);
    let (from, to) = (ptr(from.as_ptr()), ptr(to.as_ptr()));
    let args = [reg(dir), from, reg(dir), to, noreplace, 0];
    raw::syscall(libc::SYS_renameat2, args).map(drop)
}

/// linkat(2) within a directory.
pub fn link(dir: RawFd, from: &CStr, to: &CStr) -> Result<(), Errno> {
    let (from, to) = (ptr(from.as_ptr()), ptr(to.as_ptr()));
    let args = [reg(dir), from, reg(dir), to, 0, 0];
    raw::syscall(libc::SYS_linkat, args).map(drop)
}

/// The processor this thread runs on, and its node (getcpu(2)).
#[must_use]
pub fn getcpu() -> [u32; 2] {
    let mut at = [0u32; 2];
    let (cpu, node) = at.split_at_mut(1);
    let _ = raw::syscall(
        libc::SYS_getcpu,
        [ptr(cpu.as_mut_ptr()), ptr(node.as_mut_ptr()), 0, 0, 0, 0],
    );
    at
}

/// How many processors are online.
#[must_use]
pub fn processors() -> u32 {
    // SAFETY: sysconf has no preconditions.
    let n = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    u32::try_from(n).unwrap_or(1).max(1)
}

/// fchdir(2).
pub fn fchdir(fd: RawFd) -> Result<(), Errno> {
    raw::syscall(libc::SYS_fchdir, [reg(fd), 0, 0, 0, 0, 0]).map(drop)
}

/// The host's current directory (getcwd(2)), or an unreachable one as the kernel marks it.
pub fn getcwd() -> Result<Vec<u8>, Errno> {
    let mut buf = vec![0u8; 4096];
    let n = raw::syscall(
        libc::SYS_getcwd,
        [ptr(buf.as_mut_ptr()), buf.len() as u64, 0, 0, 0, 0],
    )?;
    buf.truncate(size(n).saturating_sub(1));
    Ok(buf)
}

/// pread(2) into a buffer, until it is full or the file ends.
pub fn pread_full(fd: RawFd, buf: &mut [u8], mut offset: u64) -> Result<usize, Errno> {
    let mut done = 0;
    while done < buf.len() {
        let rest = &mut buf[done..];
        let n = raw::syscall(
            libc::SYS_pread64,
            [
                reg(fd),
                ptr(rest.as_mut_ptr()),
                rest.len() as u64,
                offset,
                0,
                0,
            ],
        )?;
        if n == 0 {
            break;
        }
        done += size(n);
        offset += n;
    }
    Ok(done)
}

/// getdents64(2) into a buffer; the number of bytes, 0 at the end.
pub fn getdents64(fd: RawFd, buf: &mut [u8]) -> Result<usize, Errno> {
    raw::syscall(
        libc::SYS_getdents64,
        [reg(fd), ptr(buf.as_mut_ptr()), buf.len() as u64, 0, 0, 0],
    )
    .map(size)
}

/// An anonymous file with this content, positioned at its start (memfd_create(2)).
pub fn memory_file(name: &str, content: &[u8]) -> Result<OwnedFd, Errno> {
    use std::os::unix::fs::FileExt;
    let name = cstring(name.as_bytes())?;
    let fd = raw::syscall(
        libc::SYS_memfd_create,
        [ptr(name.as_ptr()), libc::MFD_CLOEXEC.into(), 0, 0, 0, 0],
    )
    .map(owned)?;
    let file = std::fs::File::from(fd);
    file.write_all_at(content, 0).map_err(|e| Errno::of(&e))?;
    Ok(file.into())
}

/// The seals of a file that can no longer change, and then not lose them.
const SEALED: i32 =
    libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;

/// An anonymous file that keeps this content for ever.
pub fn sealed_file(name: &str, content: &[u8]) -> Result<OwnedFd, Errno> {
    use std::io::Write;
    let name = cstring(name.as_bytes())?;
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    let args = [ptr(name.as_ptr()), flags.into(), 0, 0, 0, 0];
    let mut file = std::fs::File::from(raw::syscall(libc::SYS_memfd_create, args).map(owned)?);
    file.write_all(content).map_err(|e| Errno::of(&e))?;
    fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, reg(SEALED))?;
    Ok(file.into())
}

/// What a file made by `sealed_file` holds; EPERM if it is none.
pub fn sealed_content(fd: &OwnedFd) -> Result<Vec<u8>, Errno> {
    if fcntl(fd.as_raw_fd(), libc::F_GET_SEALS, 0) != Ok(reg(SEALED)) {
        return Err(Errno::EPERM);
    }
    let len = fstat(fd.as_raw_fd())?.st_size;
    let mut out = vec![0; usize::try_from(len).unwrap_or(0)];
    let n = pread_full(fd.as_raw_fd(), &mut out, 0)?;
    out.truncate(n);
    Ok(out)
}

/// A C string of these bytes; EINVAL if there is a NUL in them.
pub fn cstring(bytes: &[u8]) -> Result<CString, Errno> {
    CString::new(bytes).map_err(|_| Errno::EINVAL)
}

/// mmap(2). The caller answers for MAP_FIXED.
pub(crate) fn mem_map(
    addr: u64,
    len: u64,
    prot: i32,
    flags: i32,
    fd: RawFd,
    offset: u64,
) -> Result<u64, Errno> {
    raw::syscall(
        libc::SYS_mmap,
        [addr, len, reg(prot), reg(flags), reg(fd), offset],
    )
}

/// munmap(2) of a range the caller owns.
pub(crate) fn mem_unmap(addr: u64, len: u64) -> Result<(), Errno> {
    raw::syscall(libc::SYS_munmap, [addr, len, 0, 0, 0, 0]).map(drop)
}

/// mprotect(2) of a range the caller owns.
pub(crate) fn mem_protect(addr: u64, len: u64, prot: i32) -> Result<(), Errno> {
    raw::syscall(libc::SYS_mprotect, [addr, len, reg(prot), 0, 0, 0]).map(drop)
}

/// mremap(2) of a range the caller owns.
pub(crate) fn mem_remap(addr: u64, old: u64, new: u64, flags: i32, to: u64) -> Result<u64, Errno> {
    raw::syscall(libc::SYS_mremap, [addr, old, new, reg(flags), to, 0])
}

/// How many of the pages of [start, end) are in memory (mincore(2)); parts that are not mapped count as
/// not. `None` if the host does not say.
#[must_use]
pub fn resident_pages(start: u64, end: u64) -> Option<u64> {
    let mut resident = 0;
    let mut state = [0u8; 4096];
    let mut at = start;
    while at < end {
        let len = (end - at).min(state.len() as u64 * page_size());
        let pages = size(len.div_ceil(page_size()));
        let to = state.as_mut_ptr().expose_provenance() as u64;
        match raw::syscall(libc::SYS_mincore, [at, len, to, 0, 0, 0]) {
            Ok(_) => resident += state[..pages].iter().filter(|s| **s & 1 != 0).count() as u64,
            Err(Errno::ENOMEM) => {}
            Err(_) => return None,
        }
        at += len;
    }
    Some(resident)
}

/// The host's page size.
#[must_use]
pub fn page_size() -> u64 {
    // SAFETY: getauxval has no preconditions.
    unsafe { libc::getauxval(libc::AT_PAGESZ) }
}

/// True if felix itself was started with raised privileges (getauxval(3), AT_SECURE).
#[must_use]
pub fn secure() -> bool {
    // SAFETY: getauxval has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The descriptor of the program that binfmt_misc has started this process for, if it has, with the flags P and O: AT_FLAGS
/// then says that `argv[0]` is the program's own.
#[must_use]
pub fn exec_fd() -> Option<u64> {
    const PRESERVE_ARGV0: u64 = 1;
    // SAFETY: getauxval has no preconditions.
    unsafe {
        let started = libc::getauxval(libc::AT_FLAGS) & PRESERVE_ARGV0 != 0;
        started.then(|| libc::getauxval(libc::AT_EXECFD))
    }
}

/// Real and effective user and group ids: uid, euid, gid, egid.
#[must_use]
pub fn ids() -> [u64; 4] {
    // SAFETY: none of these has preconditions or can fail.
    unsafe {
        [
            libc::getuid().into(),
            libc::geteuid().into(),
            libc::getgid().into(),
            libc::getegid().into(),
        ]
    }
}

/// True if this thread has a capability in its user namespace (capget(2)).
#[must_use]
pub fn has_capability(number: u32) -> bool {
    // _LINUX_CAPABILITY_VERSION_3, and this thread.
    let header = [0x2008_0522u32, 0];
    // Effective, permitted and inheritable ones, 32 at a time.
    let mut sets = [0u32; 6];
    let to = ptr(sets.as_mut_ptr());
    raw::syscall(libc::SYS_capget, [ptr(&raw const header), to, 0, 0, 0, 0]).is_ok()
        && sets[3 * (number as usize / 32 % 2)] >> (number % 32) & 1 != 0
}

/// The soft limit of a resource (getrlimit(2)); `u64::MAX` is no limit.
#[must_use]
pub fn soft_limit(resource: u32) -> u64 {
    limit(resource)[0]
}

/// Both limits of a resource.
#[must_use]
pub fn limit(resource: u32) -> [u64; 2] {
    let mut lim = [u64::MAX; 2];
    let _ = raw::syscall(
        libc::SYS_prlimit64,
        [0, resource.into(), 0, ptr(lim.as_mut_ptr()), 0, 0],
    );
    lim
}

/// Random bytes from the host (getrandom(2)).
#[must_use]
pub fn random16() -> [u8; 16] {
    let mut b = [0u8; 16];
    let _ = raw::syscall(libc::SYS_getrandom, [ptr(b.as_mut_ptr()), 16, 0, 0, 0, 0]);
    b
}

/// gettid(2).
#[must_use]
pub fn gettid() -> i32 {
    int(raw::syscall(libc::SYS_gettid, [0; 6]).unwrap_or(0))
}

/// getpid(2), never cached.
#[must_use]
pub fn getpid() -> i32 {
    int(raw::syscall(libc::SYS_getpid, [0; 6]).unwrap_or(0))
}

/// pidfd_open(2), close-on-exec; of a single thread with PIDFD_THREAD.
pub fn pidfd_open(id: u64, thread: bool) -> Result<RawFd, Errno> {
    let flags = if thread { libc::O_EXCL } else { 0 };
    raw::syscall(libc::SYS_pidfd_open, [id, reg(flags), 0, 0, 0, 0]).map(int)
}

/// This thread's personality(2).
#[must_use]
pub fn personality() -> u32 {
    const ASK: u64 = 0xffff_ffff;
    raw::syscall(libc::SYS_personality, [ASK, 0, 0, 0, 0, 0]).map_or(0, super::cast::low32)
}

/// Sets this thread's personality(2), if it may.
pub fn set_personality(says: u32) {
    let _ = raw::syscall(libc::SYS_personality, [says.into(), 0, 0, 0, 0, 0]);
}

/// uname(2): the six fields of 65 bytes.
#[must_use]
pub fn uname() -> [[u8; 65]; 6] {
    let mut u = [[0u8; 65]; 6];
    let _ = raw::syscall(libc::SYS_uname, [ptr(u.as_mut_ptr()), 0, 0, 0, 0, 0]);
    u
}

/// Wakes waiters on a futex word (futex(2), FUTEX_WAKE).
pub fn futex_wake(addr: u64, count: u32) {
    let _ = raw::syscall(libc::SYS_futex, [addr, 1, count.into(), 0, 0, 0]);
}

/// Sets the name of this thread (prctl(2), PR_SET_NAME).
pub fn set_name(name: &[u8]) {
    let mut b = [0u8; 16];
    let n = name.len().min(15);
    b[..n].copy_from_slice(&name[..n]);
    let _ = raw::syscall(libc::SYS_prctl, [15, ptr(b.as_ptr()), 0, 0, 0, 0]);
}

/// The name of this thread (PR_GET_NAME).
#[must_use]
pub fn name() -> Vec<u8> {
    let mut b = [0u8; 16];
    let _ = raw::syscall(libc::SYS_prctl, [16, ptr(b.as_mut_ptr()), 0, 0, 0, 0]);
    b.split(|c| *c == 0).next().unwrap_or(b"").to_vec()
}

/// Parent, process group and session of this process.
#[must_use]
pub fn relatives() -> [i32; 3] {
    [libc::SYS_getppid, libc::SYS_getpgid, libc::SYS_getsid]
        .map(|nr| int(raw::syscall(nr, [0; 6]).unwrap_or(0)))
}

/// True if the process may be dumped (PR_GET_DUMPABLE).
#[must_use]
pub fn is_dumpable() -> bool {
    raw::syscall(libc::SYS_prctl, [3, 0, 0, 0, 0, 0]) == Ok(1)
}

/// The time in seconds since 1970.
#[must_use]
pub fn seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| d.as_secs())
}

/// The environment as the kernel gave it, entries without `=` included.
#[must_use]
pub fn environment() -> Vec<Vec<u8>> {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    let mut all = Vec::new();
    // SAFETY: felix never changes its own environment, so `environ` is the C runtime's null-terminated array.
    unsafe {
        let mut p = environ;
        while !p.is_null() && !(*p).is_null() {
            all.push(CStr::from_ptr(*p).to_bytes().to_vec());
            p = p.add(1);
        }
    }
    all
}

/// The strings of an execve(2), and the arrays that point to them.
#[derive(Debug)]
pub struct ExecArgs {
    path: CString,
    /// The program by descriptor, instead of the path.
    fd: Option<RawFd>,
    /// What else stays open.
    open: Vec<RawFd>,
    argv: Vec<u64>,
    envp: Vec<u64>,
    /// What the arrays point to: never changed.
    _strings: [Vec<CString>; 2],
}

impl ExecArgs {
    /// Everything that execve(2) of `path` takes, or execveat(2) of `fd`, which then stays open, as what is `open` does.
    #[must_use]
    pub fn new(
        path: CString,
        fd: Option<RawFd>,
        open: Vec<RawFd>,
        argv: Vec<CString>,
        envp: Vec<CString>,
    ) -> ExecArgs {
        let list = |v: &[CString]| v.iter().map(|s| ptr(s.as_ptr())).chain([0]).collect();
        ExecArgs {
            path,
            fd,
            open,
            argv: list(&argv),
            envp: list(&envp),
            _strings: [argv, envp],
        }
    }

    /// execve(2), if no signal is recorded or comes before it. Returns only an error.
    #[must_use]
    pub fn execve(&self) -> Errno {
        let lists = [&self.argv, &self.envp].map(|l| ptr(l.as_ptr()));
        let set_all = |flags| {
            for fd in self.open.iter().chain(&self.fd) {
                let _ = fcntl(*fd, libc::F_SETFD, flags);
            }
        };
        set_all(0);
        let r = match self.fd {
            None => {
                let args = [ptr(self.path.as_ptr()), lists[0], lists[1], 0, 0, 0];
                raw::interruptible(libc::SYS_execve, args)
            }
            Some(fd) => {
                let empty = ptr(c"".as_ptr());
                let flags = reg(libc::AT_EMPTY_PATH);
                let args = [reg(fd), empty, lists[0], lists[1], flags, 0];
                raw::interruptible(libc::SYS_execveat, args)
            }
        };
        set_all(reg(libc::FD_CLOEXEC));
        r.err().unwrap_or(Errno::ENOEXEC)
    }
}

/// What is to be done when the process ends.
static AT_END: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();
static ENDING: AtomicBool = AtomicBool::new(false);

/// Has `f` called when the process ends by `exit_group` or by the guest's signal; only the first is kept.
pub fn at_end(f: Box<dyn Fn() + Send + Sync>) {
    let _ = AT_END.set(f);
}

/// Does what is to be done when the process ends, once.
pub fn end() {
    if let Some(f) = AT_END.get()
        && !ENDING.swap(true, Ordering::Relaxed)
    {
        f();
    }
}

/// Ends the process (exit_group(2)).
pub fn exit_group(status: i32) -> ! {
    end();
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(status) }
}

/// Ends only this thread (exit(2)); the process lives on while it has others.
pub fn exit_thread(status: i32) -> ! {
    let _ = raw::syscall(libc::SYS_exit, [reg(status), 0, 0, 0, 0, 0]);
    exit_group(status)
}

/// Where `write_stderr` writes.
static STDERR: AtomicI32 = AtomicI32::new(2);

/// Makes `write_stderr` write to `fd` from now on; `fd` stays open.
pub fn set_stderr(fd: OwnedFd) {
    STDERR.store(fd.into_raw_fd(), Ordering::Relaxed);
}

/// Writes bytes to standard error in one call, as `--strace` does.
pub fn write_stderr(bytes: &[u8]) {
    let fd = reg(STDERR.load(Ordering::Relaxed));
    let _ = raw::syscall(
        libc::SYS_write,
        [fd, ptr(bytes.as_ptr()), bytes.len() as u64, 0, 0, 0],
    );
}

/// The address of felix's value, for a host call made on the guest's behalf with felix's copy of an argument.
pub fn address_of<T: ?Sized>(v: &T) -> u64 {
    ptr(std::ptr::from_ref(v))
}

/// As `address_of`, for the host kernel to write to.
pub fn address_of_mut<T: ?Sized>(v: &mut T) -> u64 {
    std::ptr::from_mut(v).cast::<u8>().expose_provenance() as u64
}

/// The number of an owned descriptor, as a system call argument.
#[must_use]
pub fn fd_arg(fd: &OwnedFd) -> u64 {
    reg(fd.as_raw_fd())
}

/// True if the host's `struct semid_ds` has x86's padding after its times (asm/sembuf.h).
pub const SEMID_DS_PADDED: bool = cfg!(target_arch = "x86_64");
