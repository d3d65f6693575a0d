//! The system call table: one row for each x86-64 number (arch/x86/entry/syscalls/syscall_64.tbl).
//!
//! A row says what a call's arguments are, how far felix supports it and what does it. Dispatch, path
//! resolution, hiding of felix's descriptors, `--strace` and `felix list` all read the rows, so a call cannot get
//! past any of them. To add a call: its row here; a handler only if the host's call differs.

use super::{Ctx, Result, aio, fs, ipc, misc, mm, net, process, ptrace, seccomp, signal, time};
use crate::kernel::vfs::{Last, Use};
use crate::sys::Errno;
use Arg::*;
use Handler::*;
use Level::{Full, Partial};
use Source::{A, K, P};

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arg {
    /// A C int.
    Int,
    /// An unsigned size or count.
    Size,
    /// Flags or an opaque word.
    Hex,
    /// A mode, in octal.
    Octal,
    /// A file offset.
    Off,
    /// A descriptor.
    Fd,
    /// A descriptor of what the call writes to.
    FdW,
    /// A descriptor of what the call changes otherwise, open for writing or not.
    FdM,
    /// A directory descriptor for the path that follows.
    Dir,
    /// A path whose last component is followed if it is a link.
    Path,
    /// A path whose last component is not followed.
    PathN,
    /// As `Path`: the call changes what it leads to.
    PathW,
    /// As `PathN`: the call changes it.
    PathNW,
    /// As `PathN`: the call makes the last component.
    Made,
    /// As `PathN`: the call removes the last component.
    Gone,
    /// A string that is no path.
    Str,
    /// A pointer to what the call reads, or an address.
    Ptr,
    /// A pointer to a structure, or a few, that the call writes: `RES` bytes at most, or it can be made again.
    Res,
    /// A pointer to a buffer that the call writes; the next argument says how many bytes.
    Buf,
    /// A pointer to a vector of buffers that the call writes; the next argument says how many.
    Iov,
    /// A pointer to a message header (recvmsg(2)) whose buffers the call writes.
    Msg,
    /// A pointer to message headers (recvmmsg(2)); the next argument says how many.
    Msgs,
    /// A signal number.
    Sig,
}

impl Arg {
    /// Of a path: how it is resolved and what for.
    #[must_use]
    pub fn path(self) -> Option<(Last, Use)> {
        Some(match self {
            Path => (Last::Follow, Use::Look),
            PathN => (Last::NoFollow, Use::Look),
            PathW => (Last::Follow, Use::Change),
            PathNW => (Last::NoFollow, Use::Change),
            Made => (Last::NoFollow, Use::Make),
            Gone => (Last::NoFollow, Use::Remove),
            _ => return None,
        })
    }

    /// True for a descriptor.
    #[must_use]
    pub fn is_descriptor(self) -> bool {
        matches!(self, Fd | FdW | FdM | Dir)
    }

    /// True for whatever points into the guest's memory and is no string.
    #[must_use]
    pub fn is_pointer(self) -> bool {
        matches!(self, Ptr | Res | Buf | Iov | Msg | Msgs)
    }
}

/// How many bytes of a `Res` argument are made writable before the call.
pub const RES: u64 = 256;
/// What execve(2) makes of set-user-ID programs.
const SET_ID: &str = "a set-user-ID or set-group-ID program becomes what the caller itself could become, as root may; capabilities of files count for nothing";
/// What the calls that change mounts are for.
const OWN_MOUNTS: &str =
    "with a rootfs only in a mount namespace that the guest has made: EPERM before";

/// How far a call is supported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// As Linux does it.
    Full,
    /// The usual cases; what is missing or different.
    Partial(&'static str),
    /// An error, always the same; why.
    Refused(&'static str),
}

impl Level {
    /// One word, and what there is to say.
    #[must_use]
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Full => ("full", ""),
            Partial(missing) => ("partial", missing),
            Level::Refused(why) => ("refused", why),
        }
    }
}

/// Where an argument of the host's call comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The guest's argument with this index.
    A(usize),
    /// A constant.
    K(u64),
    /// Two arguments: the directory and the name the guest's path with this index resolves to.
    P(usize),
}

/// What does a call.
#[derive(Clone, Copy)]
pub enum Handler {
    /// The host's call with this number, arguments unchanged but for resolved paths.
    Pass(libc::c_long),
    /// The same for a call that a signal can interrupt (signal(7)).
    Wait(libc::c_long),
    /// The host's call with this number and other arguments.
    Map(libc::c_long, &'static [Source]),
    /// As `Pass`, but EPERM while the root is one in user space: the mounts are the host's then, and not the guest's.
    Mounts(libc::c_long),
    /// ioctl(2): the host's, but for files that felix makes itself.
    Ioctl,
    /// A function.
    Call(fn(&mut Ctx<'_>, [u64; 6]) -> Result<u64>),
    /// Nothing: this error.
    Refused(Errno),
}

/// One system call.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its number.
    pub nr: u16,
    /// Its name, as in the manual.
    pub name: &'static str,
    /// Its arguments.
    pub args: &'static [Arg],
    /// Support.
    pub level: Level,
    /// What does it.
    pub handler: Handler,
}

const fn r(
    nr: u16,
    name: &'static str,
    args: &'static [Arg],
    level: Level,
    handler: Handler,
) -> Row {
    Row {
        nr,
        name,
        args,
        level,
        handler,
    }
}

const fn no(
    nr: u16,
    name: &'static str,
    args: &'static [Arg],
    errno: Errno,
    why: &'static str,
) -> Row {
    r(nr, name, args, Level::Refused(why), Refused(errno))
}

/// The row of a number.
#[must_use]
pub fn row(nr: u64) -> Option<&'static Row> {
    let i = usize::try_from(nr).ok()?;
    match INDEX.get(i) {
        Some(&n) if n != 0 => TABLE.get(usize::from(n) - 1),
        _ => None,
    }
}

/// For each number the row's index plus one, or 0.
static INDEX: [u16; 512] = {
    let mut index = [0; 512];
    let mut i = 0u16;
    while (i as usize) < ROWS.len() {
        index[ROWS[i as usize].nr as usize] = i + 1;
        i += 1;
    }
    index
};

/// All rows, by number.
#[rustfmt::skip] // A table: one row a line.
pub static TABLE: &[Row] = ROWS;

#[rustfmt::skip] // A table: one row a line.
const ROWS: &[Row] = &[
    r(0, "read", &[Fd, Buf, Size], Full, Wait(libc::SYS_read)),
    r(1, "write", &[FdW, Ptr, Size], Full, Wait(libc::SYS_write)),
    r(2, "open", &[Path, Hex, Off], Full, Call(fs::open)),
    r(3, "close", &[Fd], Full, Wait(libc::SYS_close)),
    r(4, "stat", &[Path, Ptr], Full, Call(fs::stat)),
    r(5, "fstat", &[Fd, Ptr], Full, Call(fs::fstat)),
    r(6, "lstat", &[PathN, Ptr], Full, Call(fs::lstat)),
    r(7, "poll", &[Ptr, Size, Int], Full, Call(fs::poll)),
    r(8, "lseek", &[Fd, Off, Int], Full, Pass(libc::SYS_lseek)),
    r(9, "mmap", &[Ptr, Size, Hex, Hex, Fd, Off], Full, Call(mm::mmap)),
    r(10, "mprotect", &[Ptr, Size, Hex], Full, Call(mm::mprotect)),
    r(11, "munmap", &[Ptr, Size], Full, Call(mm::munmap)),
    r(12, "brk", &[Ptr], Full, Call(mm::brk)),
    r(13, "rt_sigaction", &[Sig, Ptr, Ptr, Size], Full, Call(signal::rt_sigaction)),
    r(14, "rt_sigprocmask", &[Int, Ptr, Ptr, Size], Full, Call(signal::rt_sigprocmask)),
    r(15, "rt_sigreturn", &[], Full, Call(signal::rt_sigreturn)),
    r(16, "ioctl", &[Fd, Hex, Res], Full, Ioctl),
    r(17, "pread64", &[Fd, Buf, Size, Off], Full, Wait(libc::SYS_pread64)),
    r(18, "pwrite64", &[FdW, Ptr, Size, Off], Full, Wait(libc::SYS_pwrite64)),
    r(19, "readv", &[Fd, Iov, Size], Full, Wait(libc::SYS_readv)),
    r(20, "writev", &[FdW, Ptr, Size], Full, Wait(libc::SYS_writev)),
    r(21, "access", &[Path, Octal], Full, Call(fs::access)),
    r(22, "pipe", &[Res], Full, Map(libc::SYS_pipe2, &[A(0), K(0)])),
    r(23, "select", &[Int, Ptr, Ptr, Ptr, Ptr], Full, Call(fs::select)),
    r(24, "sched_yield", &[], Full, Pass(libc::SYS_sched_yield)),
    r(25, "mremap", &[Ptr, Size, Size, Hex, Ptr], Full, Call(mm::mremap)),
    r(26, "msync", &[Ptr, Size, Hex], Full, Call(mm::on_guest_memory)),
    r(27, "mincore", &[Ptr, Size, Ptr], Full, Call(mm::mincore)),
    r(28, "madvise", &[Ptr, Size, Int], Full, Call(mm::madvise)),
    r(29, "shmget", &[Int, Size, Hex], Full, Pass(libc::SYS_shmget)),
    r(30, "shmat", &[Int, Ptr, Hex], Full, Call(ipc::shmat)),
    r(31, "shmctl", &[Int, Int, Res], Full, Pass(libc::SYS_shmctl)),
    r(32, "dup", &[Fd], Full, Pass(libc::SYS_dup)),
    r(33, "dup2", &[Fd, Fd], Full, Call(fs::dup2)),
    r(34, "pause", &[], Full, Call(signal::pause)),
    r(35, "nanosleep", &[Ptr, Res], Full, Wait(libc::SYS_nanosleep)),
    r(36, "getitimer", &[Int, Res], Full, Pass(libc::SYS_getitimer)),
    r(37, "alarm", &[Int], Full, Call(time::alarm)),
    r(38, "setitimer", &[Int, Ptr, Res], Full, Pass(libc::SYS_setitimer)),
    r(39, "getpid", &[], Full, Pass(libc::SYS_getpid)),
    r(40, "sendfile", &[FdW, Fd, Res, Size], Full, Wait(libc::SYS_sendfile)),
    r(41, "socket", &[Int, Hex, Int], Full, Pass(libc::SYS_socket)),
    r(42, "connect", &[Fd, Ptr, Size], Full, Call(net::connect)),
    r(43, "accept", &[Fd, Res, Res], Full, Call(net::tell_address)),
    r(44, "sendto", &[Fd, Ptr, Size, Hex, Ptr, Size], Full, Call(net::sendto)),
    r(45, "recvfrom", &[Fd, Buf, Size, Hex, Res, Res], Full, Call(net::recvfrom)),
    r(46, "sendmsg", &[Fd, Ptr, Hex], Full, Call(net::sendmsg)),
    r(47, "recvmsg", &[Fd, Msg, Hex], Full, Call(net::recvmsg)),
    r(48, "shutdown", &[Fd, Int], Full, Pass(libc::SYS_shutdown)),
    r(49, "bind", &[Fd, Ptr, Size], Partial("in a rootfs of a path longer than about 80 bytes, bound by one of several threads, getsockname(2) tells the beginning"), Call(net::bind)),
    r(50, "listen", &[Fd, Int], Full, Pass(libc::SYS_listen)),
    r(51, "getsockname", &[Fd, Res, Res], Full, Call(net::tell_address)),
    r(52, "getpeername", &[Fd, Res, Res], Full, Call(net::tell_address)),
    r(53, "socketpair", &[Int, Hex, Int, Res], Full, Pass(libc::SYS_socketpair)),
    r(54, "setsockopt", &[Fd, Int, Int, Ptr, Size], Full, Pass(libc::SYS_setsockopt)),
    r(55, "getsockopt", &[Fd, Int, Int, Res, Res], Full, Pass(libc::SYS_getsockopt)),
    r(56, "clone", &[Hex, Ptr, Ptr, Ptr, Hex], Full, Call(process::clone)),
    r(57, "fork", &[], Full, Call(process::fork)),
    r(58, "vfork", &[], Full, Call(process::vfork)),
    r(59, "execve", &[Path, Ptr, Ptr], Partial(SET_ID), Call(process::execve)),
    r(60, "exit", &[Int], Full, Call(process::exit)),
    r(61, "wait4", &[Int, Res, Hex, Res], Full, Call(ptrace::wait4)),
    r(62, "kill", &[Int, Sig], Full, Pass(libc::SYS_kill)),
    r(63, "uname", &[Ptr], Full, Call(misc::uname)),
    r(64, "semget", &[Int, Int, Hex], Full, Pass(libc::SYS_semget)),
    r(65, "semop", &[Int, Ptr, Size], Full, Wait(libc::SYS_semop)),
    r(66, "semctl", &[Int, Int, Int, Ptr], Full, Call(ipc::semctl)),
    r(67, "shmdt", &[Ptr], Full, Call(ipc::shmdt)),
    r(68, "msgget", &[Int, Hex], Full, Pass(libc::SYS_msgget)),
    r(69, "msgsnd", &[Int, Ptr, Size, Hex], Full, Wait(libc::SYS_msgsnd)),
    r(70, "msgrcv", &[Int, Buf, Size, Int, Hex], Full, Wait(libc::SYS_msgrcv)),
    r(71, "msgctl", &[Int, Int, Res], Full, Pass(libc::SYS_msgctl)),
    r(72, "fcntl", &[Fd, Int, Res], Full, Call(fs::fcntl)),
    r(73, "flock", &[Fd, Int], Full, Wait(libc::SYS_flock)),
    r(74, "fsync", &[Fd], Full, Pass(libc::SYS_fsync)),
    r(75, "fdatasync", &[Fd], Full, Pass(libc::SYS_fdatasync)),
    r(76, "truncate", &[PathW, Off], Full, Call(fs::truncate)),
    r(77, "ftruncate", &[FdW, Off], Full, Pass(libc::SYS_ftruncate)),
    r(78, "getdents", &[Fd, Ptr, Size], Full, Call(fs::getdents)),
    r(79, "getcwd", &[Ptr, Size], Full, Call(fs::getcwd)),
    r(80, "chdir", &[Path], Full, Call(fs::chdir)),
    r(81, "fchdir", &[Fd], Full, Pass(libc::SYS_fchdir)),
    r(82, "rename", &[PathN, PathN], Full, Call(fs::rename)),
    r(83, "mkdir", &[Made, Octal], Full, Map(libc::SYS_mkdirat, &[P(0), A(1)])),
    r(84, "rmdir", &[Gone], Full, Call(fs::rmdir)),
    r(85, "creat", &[Path, Octal], Full, Call(fs::creat)),
    r(86, "link", &[PathN, Made], Full, Call(fs::link)),
    r(87, "unlink", &[Gone], Full, Map(libc::SYS_unlinkat, &[P(0), K(0)])),
    r(88, "symlink", &[Str, Made], Full, Map(libc::SYS_symlinkat, &[A(0), P(1)])),
    r(89, "readlink", &[PathN, Ptr, Size], Full, Call(fs::readlink)),
    r(90, "chmod", &[PathW, Octal], Full, Map(libc::SYS_fchmodat, &[P(0), A(1)])),
    r(91, "fchmod", &[FdM, Octal], Full, Pass(libc::SYS_fchmod)),
    r(92, "chown", &[PathW, Int, Int], Full, Map(libc::SYS_fchownat, &[P(0), A(1), A(2), K(0)])),
    r(93, "fchown", &[FdM, Int, Int], Full, Pass(libc::SYS_fchown)),
    r(94, "lchown", &[PathNW, Int, Int], Full, Map(libc::SYS_fchownat, &[P(0), A(1), A(2), K(256)])),
    r(95, "umask", &[Octal], Full, Pass(libc::SYS_umask)),
    r(96, "gettimeofday", &[Res, Res], Full, Pass(libc::SYS_gettimeofday)),
    r(97, "getrlimit", &[Int, Ptr], Full, Call(process::getrlimit)),
    r(98, "getrusage", &[Int, Res], Full, Pass(libc::SYS_getrusage)),
    r(99, "sysinfo", &[Res], Full, Pass(libc::SYS_sysinfo)),
    r(100, "times", &[Res], Full, Pass(libc::SYS_times)),
    r(101, "ptrace", &[Int, Int, Hex, Hex], Partial("of processes that felix runs, on hosts that have it (qemu-user has not); without PTRACE_SINGLEBLOCK; with breakpoints in debug registers every instruction is a step; PTRACE_EVENT_EXIT only of threads that end by themselves"), Call(ptrace::ptrace)),
    r(102, "getuid", &[], Full, Pass(libc::SYS_getuid)),
    r(103, "syslog", &[Int, Buf, Int], Full, Pass(libc::SYS_syslog)),
    r(104, "getgid", &[], Full, Pass(libc::SYS_getgid)),
    r(105, "setuid", &[Int], Full, Pass(libc::SYS_setuid)),
    r(106, "setgid", &[Int], Full, Pass(libc::SYS_setgid)),
    r(107, "geteuid", &[], Full, Pass(libc::SYS_geteuid)),
    r(108, "getegid", &[], Full, Pass(libc::SYS_getegid)),
    r(109, "setpgid", &[Int, Int], Full, Pass(libc::SYS_setpgid)),
    r(110, "getppid", &[], Full, Pass(libc::SYS_getppid)),
    r(111, "getpgrp", &[], Full, Map(libc::SYS_getpgid, &[K(0)])),
    r(112, "setsid", &[], Full, Pass(libc::SYS_setsid)),
    r(113, "setreuid", &[Int, Int], Full, Pass(libc::SYS_setreuid)),
    r(114, "setregid", &[Int, Int], Full, Pass(libc::SYS_setregid)),
    r(115, "getgroups", &[Int, Res], Full, Pass(libc::SYS_getgroups)),
    r(116, "setgroups", &[Int, Ptr], Full, Pass(libc::SYS_setgroups)),
    r(117, "setresuid", &[Int, Int, Int], Full, Pass(libc::SYS_setresuid)),
    r(118, "getresuid", &[Res, Res, Res], Full, Pass(libc::SYS_getresuid)),
    r(119, "setresgid", &[Int, Int, Int], Full, Pass(libc::SYS_setresgid)),
    r(120, "getresgid", &[Res, Res, Res], Full, Pass(libc::SYS_getresgid)),
    r(121, "getpgid", &[Int], Full, Pass(libc::SYS_getpgid)),
    r(122, "setfsuid", &[Int], Full, Pass(libc::SYS_setfsuid)),
    r(123, "setfsgid", &[Int], Full, Pass(libc::SYS_setfsgid)),
    r(124, "getsid", &[Int], Full, Pass(libc::SYS_getsid)),
    r(125, "capget", &[Res, Res], Full, Pass(libc::SYS_capget)),
    r(126, "capset", &[Ptr, Ptr], Full, Pass(libc::SYS_capset)),
    r(127, "rt_sigpending", &[Ptr, Size], Full, Call(signal::rt_sigpending)),
    r(128, "rt_sigtimedwait", &[Ptr, Res, Ptr, Size], Full, Call(signal::rt_sigtimedwait)),
    r(129, "rt_sigqueueinfo", &[Int, Sig, Ptr], Full, Pass(libc::SYS_rt_sigqueueinfo)),
    r(130, "rt_sigsuspend", &[Ptr, Size], Full, Call(signal::rt_sigsuspend)),
    r(131, "sigaltstack", &[Ptr, Ptr], Full, Call(signal::sigaltstack)),
    r(132, "utime", &[PathW, Ptr], Full, Call(fs::utime)),
    r(133, "mknod", &[Made, Octal, Hex], Full, Map(libc::SYS_mknodat, &[P(0), A(1), A(2)])),
    no(134, "uselib", &[Path], Errno::ENOSYS, "no longer in Linux"),
    r(135, "personality", &[Hex], Partial("MMAP_PAGE_ZERO maps nothing"), Call(misc::personality)),
    no(136, "ustat", &[Hex, Ptr], Errno::ENOSYS, "obsolete; statfs has it"),
    r(137, "statfs", &[Path, Ptr], Full, Call(fs::statfs)),
    r(138, "fstatfs", &[Fd, Ptr], Full, Call(fs::fstatfs)),
    no(139, "sysfs", &[Int, Ptr, Ptr], Errno::ENOSYS, "obsolete"),
    r(140, "getpriority", &[Int, Int], Full, Pass(libc::SYS_getpriority)),
    r(141, "setpriority", &[Int, Int, Int], Full, Pass(libc::SYS_setpriority)),
    r(142, "sched_setparam", &[Int, Ptr], Full, Pass(libc::SYS_sched_setparam)),
    r(143, "sched_getparam", &[Int, Res], Full, Pass(libc::SYS_sched_getparam)),
    r(144, "sched_setscheduler", &[Int, Int, Ptr], Full, Pass(libc::SYS_sched_setscheduler)),
    r(145, "sched_getscheduler", &[Int], Full, Pass(libc::SYS_sched_getscheduler)),
    r(146, "sched_get_priority_max", &[Int], Full, Pass(libc::SYS_sched_get_priority_max)),
    r(147, "sched_get_priority_min", &[Int], Full, Pass(libc::SYS_sched_get_priority_min)),
    r(148, "sched_rr_get_interval", &[Int, Res], Full, Pass(libc::SYS_sched_rr_get_interval)),
    r(149, "mlock", &[Ptr, Size], Full, Call(mm::on_guest_memory)),
    r(150, "munlock", &[Ptr, Size], Full, Call(mm::on_guest_memory)),
    r(151, "mlockall", &[Hex], Partial("felix's own memory is locked with the guest's and counts"), Pass(libc::SYS_mlockall)),
    r(152, "munlockall", &[], Partial("felix's own memory is unlocked as well"), Pass(libc::SYS_munlockall)),
    r(153, "vhangup", &[], Full, Pass(libc::SYS_vhangup)),
    r(154, "modify_ldt", &[Int, Ptr, Size], Partial("the table stays empty: ENOSYS for a segment"), Call(misc::modify_ldt)),
    r(155, "pivot_root", &[Path, Path], Partial(OWN_MOUNTS), Call(fs::pivot_root)),
    no(156, "_sysctl", &[Ptr], Errno::ENOSYS, "no longer in Linux"),
    r(157, "prctl", &[Int, Hex, Hex, Hex, Hex], Partial("without PR_SET_TSC, memory tagging and speculation control; PR_SET_MM_EXE_FILE says EBUSY"), Call(misc::prctl)),
    r(158, "arch_prctl", &[Hex, Ptr], Full, Call(misc::arch_prctl)),
    r(159, "adjtimex", &[Res], Full, Pass(libc::SYS_adjtimex)),
    r(160, "setrlimit", &[Int, Ptr], Full, Call(process::setrlimit)),
    r(161, "chroot", &[Path], Full, Call(fs::chroot)),
    r(162, "sync", &[], Full, Pass(libc::SYS_sync)),
    r(163, "acct", &[Path], Partial("the records name felix"), Pass(libc::SYS_acct)),
    r(164, "settimeofday", &[Ptr, Ptr], Full, Pass(libc::SYS_settimeofday)),
    r(165, "mount", &[Str, PathN, Str, Hex, Ptr], Partial(OWN_MOUNTS), Call(fs::mount)),
    r(166, "umount2", &[PathN, Hex], Partial(OWN_MOUNTS), Call(fs::umount2)),
    no(167, "swapon", &[Path, Hex], Errno::EPERM, "administration of the machine is not the guest's"),
    no(168, "swapoff", &[Path], Errno::EPERM, "administration of the machine is not the guest's"),
    no(169, "reboot", &[Hex, Hex, Hex, Ptr], Errno::EPERM, "administration of the machine is not the guest's"),
    r(170, "sethostname", &[Str, Size], Full, Pass(libc::SYS_sethostname)),
    r(171, "setdomainname", &[Str, Size], Full, Pass(libc::SYS_setdomainname)),
    no(172, "iopl", &[Int], Errno::EPERM, "there are no x86 ports"),
    no(173, "ioperm", &[Hex, Size, Int], Errno::EPERM, "there are no x86 ports"),
    no(174, "create_module", &[Str, Size], Errno::ENOSYS, "no longer in Linux"),
    no(175, "init_module", &[Ptr, Size, Str], Errno::EPERM, "the host's kernel runs no x86-64 modules"),
    no(176, "delete_module", &[Str, Hex], Errno::EPERM, "the host's kernel runs no x86-64 modules"),
    no(177, "get_kernel_syms", &[Ptr], Errno::ENOSYS, "no longer in Linux"),
    no(178, "query_module", &[Str, Int, Ptr, Size, Ptr], Errno::ENOSYS, "no longer in Linux"),
    r(179, "quotactl", &[Hex, PathN, Int, Ptr], Partial("in a rootfs the device is the host's"), Pass(libc::SYS_quotactl)),
    no(180, "nfsservctl", &[Int, Ptr, Ptr], Errno::ENOSYS, "no longer in Linux"),
    no(181, "getpmsg", &[], Errno::ENOSYS, "never in Linux"),
    no(182, "putpmsg", &[], Errno::ENOSYS, "never in Linux"),
    no(183, "afs_syscall", &[], Errno::ENOSYS, "never in Linux"),
    no(184, "tuxcall", &[], Errno::ENOSYS, "never in Linux"),
    no(185, "security", &[], Errno::ENOSYS, "never in Linux"),
    r(186, "gettid", &[], Full, Pass(libc::SYS_gettid)),
    r(187, "readahead", &[Fd, Off, Size], Full, Pass(libc::SYS_readahead)),
    r(188, "setxattr", &[PathW, Str, Ptr, Size, Hex], Full, Pass(libc::SYS_setxattr)),
    r(189, "lsetxattr", &[PathNW, Str, Ptr, Size, Hex], Full, Pass(libc::SYS_lsetxattr)),
    r(190, "fsetxattr", &[FdM, Str, Ptr, Size, Hex], Full, Pass(libc::SYS_fsetxattr)),
    r(191, "getxattr", &[Path, Str, Buf, Size], Full, Pass(libc::SYS_getxattr)),
    r(192, "lgetxattr", &[PathN, Str, Buf, Size], Full, Pass(libc::SYS_lgetxattr)),
    r(193, "fgetxattr", &[Fd, Str, Buf, Size], Full, Pass(libc::SYS_fgetxattr)),
    r(194, "listxattr", &[Path, Buf, Size], Full, Pass(libc::SYS_listxattr)),
    r(195, "llistxattr", &[PathN, Buf, Size], Full, Pass(libc::SYS_llistxattr)),
    r(196, "flistxattr", &[Fd, Buf, Size], Full, Pass(libc::SYS_flistxattr)),
    r(197, "removexattr", &[PathW, Str], Full, Pass(libc::SYS_removexattr)),
    r(198, "lremovexattr", &[PathNW, Str], Full, Pass(libc::SYS_lremovexattr)),
    r(199, "fremovexattr", &[FdM, Str], Full, Pass(libc::SYS_fremovexattr)),
    r(200, "tkill", &[Int, Sig], Full, Pass(libc::SYS_tkill)),
    r(201, "time", &[Ptr], Full, Call(time::time)),
    r(202, "futex", &[Ptr, Int, Hex, Ptr, Ptr, Ptr], Full, Wait(libc::SYS_futex)),
    r(203, "sched_setaffinity", &[Int, Size, Ptr], Full, Pass(libc::SYS_sched_setaffinity)),
    r(204, "sched_getaffinity", &[Int, Size, Res], Full, Pass(libc::SYS_sched_getaffinity)),
    no(205, "set_thread_area", &[Ptr], Errno::ENOSYS, "for 32-bit programs, as in 64-bit Linux"),
    r(206, "io_setup", &[Int, Ptr], Full, Call(aio::setup)),
    r(207, "io_destroy", &[Hex], Full, Call(aio::destroy)),
    r(208, "io_getevents", &[Hex, Int, Int, Ptr, Ptr], Full, Call(aio::getevents)),
    r(209, "io_submit", &[Hex, Int, Ptr], Full, Call(aio::submit)),
    r(210, "io_cancel", &[Hex, Ptr, Res], Full, Pass(libc::SYS_io_cancel)),
    no(211, "get_thread_area", &[Ptr], Errno::ENOSYS, "for 32-bit programs, as in 64-bit Linux"),
    no(212, "lookup_dcookie", &[Hex, Ptr, Size], Errno::ENOSYS, "no longer in Linux"),
    r(213, "epoll_create", &[Int], Full, Call(fs::epoll_create)),
    no(214, "epoll_ctl_old", &[], Errno::ENOSYS, "never in Linux"),
    no(215, "epoll_wait_old", &[], Errno::ENOSYS, "never in Linux"),
    r(216, "remap_file_pages", &[Ptr, Size, Hex, Size, Hex], Full, Call(mm::remap_file_pages)),
    r(217, "getdents64", &[Fd, Buf, Size], Full, Call(fs::getdents64)),
    r(218, "set_tid_address", &[Ptr], Full, Call(process::set_tid_address)),
    r(219, "restart_syscall", &[], Full, Call(time::restart_syscall)),
    r(220, "semtimedop", &[Int, Ptr, Size, Ptr], Full, Wait(libc::SYS_semtimedop)),
    r(221, "fadvise64", &[Fd, Off, Size, Int], Full, Pass(libc::SYS_fadvise64)),
    r(222, "timer_create", &[Int, Ptr, Res], Full, Pass(libc::SYS_timer_create)),
    r(223, "timer_settime", &[Int, Hex, Ptr, Res], Full, Pass(libc::SYS_timer_settime)),
    r(224, "timer_gettime", &[Int, Res], Full, Pass(libc::SYS_timer_gettime)),
    r(225, "timer_getoverrun", &[Int], Full, Pass(libc::SYS_timer_getoverrun)),
    r(226, "timer_delete", &[Int], Full, Pass(libc::SYS_timer_delete)),
    r(227, "clock_settime", &[Int, Ptr], Full, Pass(libc::SYS_clock_settime)),
    r(228, "clock_gettime", &[Int, Res], Full, Pass(libc::SYS_clock_gettime)),
    r(229, "clock_getres", &[Int, Res], Full, Pass(libc::SYS_clock_getres)),
    r(230, "clock_nanosleep", &[Int, Hex, Ptr, Res], Full, Wait(libc::SYS_clock_nanosleep)),
    r(231, "exit_group", &[Int], Full, Call(process::exit_group)),
    r(232, "epoll_wait", &[Fd, Ptr, Int, Int], Full, Call(fs::epoll_wait)),
    r(233, "epoll_ctl", &[Fd, Int, Fd, Ptr], Full, Call(fs::epoll_ctl)),
    r(234, "tgkill", &[Int, Int, Sig], Full, Pass(libc::SYS_tgkill)),
    r(235, "utimes", &[PathW, Ptr], Full, Call(fs::utimes)),
    no(236, "vserver", &[], Errno::ENOSYS, "never in Linux"),
    r(237, "mbind", &[Ptr, Size, Hex, Ptr, Size, Hex], Partial("on any memory of the process, felix's too"), Pass(libc::SYS_mbind)),
    r(238, "set_mempolicy", &[Hex, Ptr, Size], Full, Pass(libc::SYS_set_mempolicy)),
    r(239, "get_mempolicy", &[Res, Res, Size, Ptr, Hex], Full, Pass(libc::SYS_get_mempolicy)),
    r(240, "mq_open", &[Str, Hex, Octal, Ptr], Full, Pass(libc::SYS_mq_open)),
    r(241, "mq_unlink", &[Str], Full, Pass(libc::SYS_mq_unlink)),
    r(242, "mq_timedsend", &[Fd, Ptr, Size, Int, Ptr], Full, Wait(libc::SYS_mq_timedsend)),
    r(243, "mq_timedreceive", &[Fd, Buf, Size, Res, Ptr], Full, Wait(libc::SYS_mq_timedreceive)),
    r(244, "mq_notify", &[Fd, Ptr], Full, Pass(libc::SYS_mq_notify)),
    r(245, "mq_getsetattr", &[Fd, Ptr, Res], Full, Pass(libc::SYS_mq_getsetattr)),
    no(246, "kexec_load", &[Hex, Size, Ptr, Hex], Errno::EPERM, "administration of the machine is not the guest's"),
    r(247, "waitid", &[Int, Int, Res, Hex, Res], Full, Call(ptrace::waitid)),
    r(248, "add_key", &[Str, Str, Ptr, Size, Int], Full, Pass(libc::SYS_add_key)),
    r(249, "request_key", &[Str, Str, Str, Int], Full, Pass(libc::SYS_request_key)),
    r(250, "keyctl", &[Int, Hex, Hex, Hex, Hex], Full, Pass(libc::SYS_keyctl)),
    r(251, "ioprio_set", &[Int, Int, Int], Full, Pass(libc::SYS_ioprio_set)),
    r(252, "ioprio_get", &[Int, Int], Full, Pass(libc::SYS_ioprio_get)),
    r(253, "inotify_init", &[], Full, Map(libc::SYS_inotify_init1, &[K(0)])),
    r(254, "inotify_add_watch", &[Fd, Path, Hex], Full, Pass(libc::SYS_inotify_add_watch)),
    r(255, "inotify_rm_watch", &[Fd, Int], Full, Pass(libc::SYS_inotify_rm_watch)),
    r(256, "migrate_pages", &[Int, Size, Ptr, Ptr], Partial("felix's own pages move, too"), Pass(libc::SYS_migrate_pages)),
    r(257, "openat", &[Dir, Path, Hex, Octal], Full, Call(fs::openat)),
    r(258, "mkdirat", &[Dir, Made, Octal], Full, Pass(libc::SYS_mkdirat)),
    r(259, "mknodat", &[Dir, Made, Octal, Hex], Full, Pass(libc::SYS_mknodat)),
    r(260, "fchownat", &[Dir, PathNW, Int, Int, Hex], Full, Call(fs::fchownat)),
    r(261, "futimesat", &[Dir, PathW, Ptr], Full, Call(fs::futimesat)),
    r(262, "newfstatat", &[Dir, Path, Ptr, Hex], Full, Call(fs::newfstatat)),
    r(263, "unlinkat", &[Dir, Gone, Hex], Full, Call(fs::unlinkat)),
    r(264, "renameat", &[Dir, PathN, Dir, PathN], Full, Call(fs::renameat)),
    r(265, "linkat", &[Dir, PathN, Dir, Made, Hex], Full, Call(fs::linkat)),
    r(266, "symlinkat", &[Str, Dir, Made], Full, Pass(libc::SYS_symlinkat)),
    r(267, "readlinkat", &[Dir, PathN, Ptr, Size], Full, Call(fs::readlinkat)),
    r(268, "fchmodat", &[Dir, PathW, Octal], Full, Pass(libc::SYS_fchmodat)),
    r(269, "faccessat", &[Dir, Path, Octal], Full, Call(fs::faccessat)),
    r(270, "pselect6", &[Int, Ptr, Ptr, Ptr, Ptr, Ptr], Full, Call(fs::pselect6)),
    r(271, "ppoll", &[Ptr, Size, Ptr, Ptr, Size], Full, Call(fs::ppoll)),
    r(272, "unshare", &[Hex], Partial("EINVAL for memory, handlers and threads while there are several threads"), Call(process::unshare)),
    r(273, "set_robust_list", &[Ptr, Size], Full, Call(process::set_robust_list)),
    r(274, "get_robust_list", &[Int, Res, Res], Full, Pass(libc::SYS_get_robust_list)),
    r(275, "splice", &[Fd, Res, FdW, Res, Size, Hex], Full, Wait(libc::SYS_splice)),
    r(276, "tee", &[Fd, Fd, Size, Hex], Full, Wait(libc::SYS_tee)),
    r(277, "sync_file_range", &[Fd, Off, Off, Size, Hex], Full, Pass(libc::SYS_sync_file_range)),
    r(278, "vmsplice", &[Fd, Ptr, Size, Hex], Full, Wait(libc::SYS_vmsplice)),
    r(279, "move_pages", &[Int, Size, Ptr, Ptr, Res, Hex], Partial("on any memory of the process, felix's too"), Pass(libc::SYS_move_pages)),
    r(280, "utimensat", &[Dir, PathW, Ptr, Hex], Full, Call(fs::utimensat)),
    r(281, "epoll_pwait", &[Fd, Ptr, Int, Int, Ptr, Size], Full, Call(fs::epoll_pwait)),
    r(282, "signalfd", &[Fd, Ptr, Size], Partial("SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP are read from it by the thread they came to"), Call(signal::signalfd)),
    r(283, "timerfd_create", &[Int, Hex], Full, Pass(libc::SYS_timerfd_create)),
    r(284, "eventfd", &[Int], Full, Map(libc::SYS_eventfd2, &[A(0), K(0)])),
    r(285, "fallocate", &[FdW, Hex, Off, Off], Full, Wait(libc::SYS_fallocate)),
    r(286, "timerfd_settime", &[Fd, Hex, Ptr, Res], Full, Pass(libc::SYS_timerfd_settime)),
    r(287, "timerfd_gettime", &[Fd, Res], Full, Pass(libc::SYS_timerfd_gettime)),
    r(288, "accept4", &[Fd, Res, Res, Hex], Full, Call(net::tell_address)),
    r(289, "signalfd4", &[Fd, Ptr, Size, Hex], Partial("SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP are read from it by the thread they came to"), Call(signal::signalfd4)),
    r(290, "eventfd2", &[Int, Hex], Full, Pass(libc::SYS_eventfd2)),
    r(291, "epoll_create1", &[Hex], Full, Pass(libc::SYS_epoll_create1)),
    r(292, "dup3", &[Fd, Fd, Hex], Full, Pass(libc::SYS_dup3)),
    r(293, "pipe2", &[Res, Hex], Full, Pass(libc::SYS_pipe2)),
    r(294, "inotify_init1", &[Hex], Full, Pass(libc::SYS_inotify_init1)),
    r(295, "preadv", &[Fd, Iov, Size, Off, Hex], Full, Wait(libc::SYS_preadv)),
    r(296, "pwritev", &[FdW, Ptr, Size, Off, Hex], Full, Wait(libc::SYS_pwritev)),
    r(297, "rt_tgsigqueueinfo", &[Int, Int, Sig, Ptr], Full, Pass(libc::SYS_rt_tgsigqueueinfo)),
    no(298, "perf_event_open", &[Ptr, Int, Int, Fd, Hex], Errno::EACCES, "would count felix's instructions"),
    r(299, "recvmmsg", &[Fd, Msgs, Size, Hex, Res], Full, Call(net::recvmmsg)),
    r(300, "fanotify_init", &[Hex, Hex], Full, Pass(libc::SYS_fanotify_init)),
    r(301, "fanotify_mark", &[Fd, Hex, Hex, Dir, Path], Partial("events name the host's paths"), Pass(libc::SYS_fanotify_mark)),
    r(302, "prlimit64", &[Int, Int, Ptr, Res], Partial("RLIMIT_AS and RLIMIT_DATA of another process would also count felix's memory; it does not show a hard RLIMIT_NOFILE that another has lowered"), Call(process::prlimit64)),
    r(303, "name_to_handle_at", &[Dir, PathN, Res, Res, Hex], Full, Pass(libc::SYS_name_to_handle_at)),
    no(304, "open_by_handle_at", &[Fd, Ptr, Hex], Errno::EPERM, "would open files outside a rootfs"),
    r(305, "clock_adjtime", &[Int, Res], Full, Pass(libc::SYS_clock_adjtime)),
    r(306, "syncfs", &[Fd], Full, Pass(libc::SYS_syncfs)),
    r(307, "sendmmsg", &[Fd, Ptr, Size, Hex], Full, Call(net::sendmmsg)),
    r(308, "setns", &[Fd, Hex], Partial("with a rootfs EPERM for mount namespaces that are not the guest's, or that no process of it is in"), Call(process::setns)),
    r(309, "getcpu", &[Res, Res, Ptr], Full, Pass(libc::SYS_getcpu)),
    r(310, "process_vm_readv", &[Int, Iov, Size, Ptr, Size, Hex], Partial("on any memory of the process, felix's too"), Pass(libc::SYS_process_vm_readv)),
    r(311, "process_vm_writev", &[Int, Ptr, Size, Ptr, Size, Hex], Partial("on any memory of the process, felix's too"), Call(ptrace::process_vm_writev)),
    r(312, "kcmp", &[Int, Int, Int, Hex, Hex], Full, Pass(libc::SYS_kcmp)),
    no(313, "finit_module", &[Fd, Str, Hex], Errno::EPERM, "the host's kernel runs no x86-64 modules"),
    r(314, "sched_setattr", &[Int, Ptr, Hex], Full, Pass(libc::SYS_sched_setattr)),
    r(315, "sched_getattr", &[Int, Buf, Size, Hex], Full, Pass(libc::SYS_sched_getattr)),
    r(316, "renameat2", &[Dir, PathN, Dir, PathN, Hex], Full, Call(fs::renameat2)),
    r(317, "seccomp", &[Hex, Hex, Ptr], Partial("strict mode leaves RDTSC allowed; a listener that hangs up says POLLERR, too; a signal that comes before and after the receipt of a notification that then only kills interrupt may be handled twice"), Call(seccomp::seccomp)),
    r(318, "getrandom", &[Buf, Size, Hex], Full, Wait(libc::SYS_getrandom)),
    r(319, "memfd_create", &[Str, Hex], Partial("EPERM for names that begin with felix-namespace:"), Call(mm::memfd_create)),
    no(320, "kexec_file_load", &[Fd, Fd, Size, Str, Hex], Errno::EPERM, "administration of the machine is not the guest's"),
    no(321, "bpf", &[Hex, Ptr, Size], Errno::EPERM, "administration of the machine is not the guest's"),
    r(322, "execveat", &[Dir, Path, Ptr, Ptr, Hex], Partial(SET_ID), Call(process::execveat)),
    no(323, "userfaultfd", &[Hex], Errno::EPERM, "felix itself touches the guest's pages and would wait for itself"),
    r(324, "membarrier", &[Hex, Hex, Int], Full, Pass(libc::SYS_membarrier)),
    r(325, "mlock2", &[Ptr, Size, Hex], Full, Call(mm::on_guest_memory)),
    r(326, "copy_file_range", &[Fd, Res, FdW, Res, Size, Hex], Full, Wait(libc::SYS_copy_file_range)),
    r(327, "preadv2", &[Fd, Iov, Size, Off, Hex, Hex], Full, Wait(libc::SYS_preadv2)),
    r(328, "pwritev2", &[FdW, Ptr, Size, Off, Hex, Hex], Full, Wait(libc::SYS_pwritev2)),
    r(329, "pkey_mprotect", &[Ptr, Size, Hex, Int], Full, Call(mm::pkey_mprotect)),
    no(330, "pkey_alloc", &[Hex, Hex], Errno::ENOSPC, "there are no protection keys"),
    no(331, "pkey_free", &[Int], Errno::EINVAL, "there are no protection keys"),
    r(332, "statx", &[Dir, Path, Hex, Hex, Res], Full, Call(fs::statx)),
    r(333, "io_pgetevents", &[Hex, Int, Int, Ptr, Ptr, Ptr], Full, Call(aio::pgetevents)),
    r(334, "rseq", &[Ptr, Size, Hex, Hex], Partial("ENOSYS for a signature that is not the C library's, 0x53053053; sequences are found by the LEA that takes their address"), Call(process::rseq)),
    r(424, "pidfd_send_signal", &[Fd, Sig, Ptr, Hex], Full, Pass(libc::SYS_pidfd_send_signal)),
    no(425, "io_uring_setup", &[Size, Ptr], Errno::ENOSYS, "its rings hold x86-64 structures that the host would read; callers fall back to epoll"),
    no(426, "io_uring_enter", &[Fd, Size, Size, Hex, Ptr, Size], Errno::ENOSYS, "its rings hold x86-64 structures that the host would read; callers fall back to epoll"),
    no(427, "io_uring_register", &[Fd, Hex, Ptr, Size], Errno::ENOSYS, "its rings hold x86-64 structures that the host would read; callers fall back to epoll"),
    r(428, "open_tree", &[Dir, Path, Hex], Partial(OWN_MOUNTS), Mounts(libc::SYS_open_tree)),
    r(429, "move_mount", &[Dir, PathN, Dir, PathN, Hex], Partial(OWN_MOUNTS), Mounts(libc::SYS_move_mount)),
    r(430, "fsopen", &[Str, Hex], Partial(OWN_MOUNTS), Mounts(libc::SYS_fsopen)),
    r(431, "fsconfig", &[Fd, Hex, Str, Ptr, Int], Partial(OWN_MOUNTS), Mounts(libc::SYS_fsconfig)),
    r(432, "fsmount", &[Fd, Hex, Hex], Partial(OWN_MOUNTS), Mounts(libc::SYS_fsmount)),
    r(433, "fspick", &[Dir, Path, Hex], Partial(OWN_MOUNTS), Mounts(libc::SYS_fspick)),
    r(434, "pidfd_open", &[Int, Hex], Full, Pass(libc::SYS_pidfd_open)),
    r(435, "clone3", &[Ptr, Size], Partial("set_tid for a thread: EINVAL"), Call(process::clone3)),
    r(436, "close_range", &[Int, Int, Hex], Full, Call(fs::close_range)),
    r(437, "openat2", &[Dir, Path, Ptr, Size], Full, Call(fs::openat2)),
    r(438, "pidfd_getfd", &[Fd, Int, Hex], Partial("also finds descriptors of felix itself"), Pass(libc::SYS_pidfd_getfd)),
    r(439, "faccessat2", &[Dir, Path, Octal, Hex], Full, Call(fs::faccessat2)),
    no(440, "process_madvise", &[Fd, Ptr, Size, Int, Hex], Errno::EPERM, "advice on another process's memory would reach felix's"),
    r(441, "epoll_pwait2", &[Fd, Ptr, Int, Ptr, Ptr, Size], Full, Call(fs::epoll_pwait2)),
    r(442, "mount_setattr", &[Dir, Path, Hex, Ptr, Size], Partial(OWN_MOUNTS), Mounts(libc::SYS_mount_setattr)),
    no(443, "quotactl_fd", &[Fd, Hex, Int, Ptr], Errno::EPERM, "administration of the machine is not the guest's"),
    no(444, "landlock_create_ruleset", &[Ptr, Size, Hex], Errno::EOPNOTSUPP, "landlock names files by the host's paths"),
    no(445, "landlock_add_rule", &[Fd, Int, Ptr, Hex], Errno::EOPNOTSUPP, "landlock names files by the host's paths"),
    no(446, "landlock_restrict_self", &[Fd, Hex], Errno::EOPNOTSUPP, "landlock names files by the host's paths"),
    no(447, "memfd_secret", &[Hex], Errno::ENOSYS, "felix could not read the guest's memory from system calls"),
    r(448, "process_mrelease", &[Fd, Hex], Full, Pass(libc::SYS_process_mrelease)),
    r(449, "futex_waitv", &[Ptr, Size, Hex, Ptr, Int], Full, Wait(libc::SYS_futex_waitv)),
    no(450, "set_mempolicy_home_node", &[Ptr, Size, Hex, Hex], Errno::ENOSYS, "advice about nodes; callers go on without"),
    r(451, "cachestat", &[Fd, Ptr, Res, Hex], Full, Pass(451)),
    r(452, "fchmodat2", &[Dir, PathW, Octal, Hex], Full, Call(fs::fchmodat2)),
    no(453, "map_shadow_stack", &[Ptr, Size, Hex], Errno::EOPNOTSUPP, "CPUID shows no shadow stacks"),
    r(454, "futex_wake", &[Ptr, Hex, Int, Hex], Full, Pass(454)),
    r(455, "futex_wait", &[Ptr, Hex, Hex, Hex, Ptr, Int], Full, Wait(455)),
    r(456, "futex_requeue", &[Ptr, Hex, Int, Int], Full, Pass(456)),
    r(457, "statmount", &[Ptr, Size, Ptr, Hex], Partial(OWN_MOUNTS), Mounts(457)),
    r(458, "listmount", &[Ptr, Ptr, Size, Hex], Partial(OWN_MOUNTS), Mounts(458)),
    no(459, "lsm_get_self_attr", &[Hex, Ptr, Ptr, Hex], Errno::EOPNOTSUPP, "nothing to tell about the host's security modules"),
    no(460, "lsm_set_self_attr", &[Hex, Ptr, Size, Hex], Errno::EOPNOTSUPP, "nothing to tell about the host's security modules"),
    no(461, "lsm_list_modules", &[Ptr, Ptr, Hex], Errno::EOPNOTSUPP, "nothing to tell about the host's security modules"),
    r(462, "mseal", &[Ptr, Size, Hex], Full, Call(mm::mseal)),
    no(463, "setxattrat", &[Dir, PathN, Hex, Str, Ptr, Size], Errno::ENOSYS, "newer than the Linux whose calls felix has"),
    no(464, "getxattrat", &[Dir, PathN, Hex, Str, Ptr, Size], Errno::ENOSYS, "newer than the Linux whose calls felix has"),
    no(465, "listxattrat", &[Dir, PathN, Hex, Ptr, Size], Errno::ENOSYS, "newer than the Linux whose calls felix has"),
    no(466, "removexattrat", &[Dir, PathN, Hex, Str], Errno::ENOSYS, "newer than the Linux whose calls felix has"),
    r(467, "open_tree_attr", &[Dir, Path, Hex, Ptr, Size], Partial(OWN_MOUNTS), Mounts(467)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_every_classic_one_has_a_row() {
        assert!(TABLE.windows(2).all(|w| w[0].nr < w[1].nr));
        assert!(
            (0..=334)
                .chain(424..=462)
                .all(|n| row(n).is_some_and(|r| u64::from(r.nr) == n))
        );
        assert!(row(335).is_none() && row(u64::MAX).is_none());
    }

    #[test]
    fn what_is_not_full_is_explained() {
        for r in TABLE {
            let (level, why) = r.level.words();
            assert_eq!(why.is_empty(), level == "full", "{}", r.name);
            let refused = matches!(r.handler, Refused(_));
            assert_eq!(refused, level == "refused", "{}", r.name);
        }
    }

    #[test]
    fn a_directory_argument_is_followed_by_its_path() {
        for r in TABLE {
            for (i, a) in r.args.iter().enumerate() {
                if *a == Dir {
                    let path = r.args.get(i + 1).and_then(|a| a.path());
                    assert!(path.is_some(), "{}", r.name);
                }
            }
            if let Map(_, map) = r.handler {
                let width: usize = map
                    .iter()
                    .map(|m| if matches!(m, P(_)) { 2 } else { 1 })
                    .sum();
                assert!(width <= 6, "{}", r.name);
            }
        }
    }
}
