//! Structures of the x86-64 Linux ABI, with their layout asserted, and assertions that what is passed to the host unconverted is
//! the same there.

use std::mem::offset_of;

/// struct stat (asm/stat.h).
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
#[allow(missing_docs)] // stat(3type)'s names.
pub struct Stat {
    pub st_dev: u64,
    pub st_ino: u64,
    pub st_nlink: u64,
    pub st_mode: u32,
    pub st_uid: u32,
    pub st_gid: u32,
    pub pad0: u32,
    pub st_rdev: u64,
    pub st_size: i64,
    pub st_blksize: i64,
    pub st_blocks: i64,
    pub times: [i64; 6],
    pub unused: [i64; 3],
}

const _: () = assert!(size_of::<Stat>() == 144);
const _: () = assert!(offset_of!(Stat, st_mode) == 24 && offset_of!(Stat, st_rdev) == 40);
const _: () = assert!(offset_of!(Stat, st_size) == 48 && offset_of!(Stat, times) == 72);

impl Stat {
    /// The host's answer in the guest's layout.
    #[must_use]
    #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // The types differ between hosts.
    pub fn from_host(s: &libc::stat) -> Stat {
        Stat {
            st_dev: s.st_dev,
            st_ino: s.st_ino,
            st_nlink: s.st_nlink.into(),
            st_mode: s.st_mode,
            st_uid: s.st_uid,
            st_gid: s.st_gid,
            pad0: 0,
            st_rdev: s.st_rdev,
            st_size: s.st_size,
            st_blksize: s.st_blksize.into(),
            st_blocks: s.st_blocks,
            times: [
                s.st_atime,
                s.st_atime_nsec,
                s.st_mtime,
                s.st_mtime_nsec,
                s.st_ctime,
                s.st_ctime_nsec,
            ],
            unused: [0; 3],
        }
    }

    /// The bytes the guest gets.
    #[must_use]
    pub fn bytes(&self) -> [u8; 144] {
        let mut b = [0u8; 144];
        let mut put = |at: usize, v: &[u8]| b[at..at + v.len()].copy_from_slice(v);
        put(0, &self.st_dev.to_le_bytes());
        put(8, &self.st_ino.to_le_bytes());
        put(16, &self.st_nlink.to_le_bytes());
        put(24, &self.st_mode.to_le_bytes());
        put(28, &self.st_uid.to_le_bytes());
        put(32, &self.st_gid.to_le_bytes());
        put(40, &self.st_rdev.to_le_bytes());
        put(48, &self.st_size.to_le_bytes());
        put(56, &self.st_blksize.to_le_bytes());
        put(64, &self.st_blocks.to_le_bytes());
        for (i, t) in self.times.iter().enumerate() {
            put(72 + 8 * i, &t.to_le_bytes());
        }
        b
    }
}

/// struct epoll_event is packed on x86-64: 4 bytes of events, 8 of data (epoll_ctl(2)).
pub const EPOLL_EVENT: usize = 12;

/// struct sigaction of the kernel: handler, flags, restorer, mask (8 bytes each).
pub const SIGACTION: usize = 32;

/// struct ucontext and its parts, as offsets (asm/sigcontext.h, asm/ucontext.h, asm/sigframe.h).
#[allow(missing_docs)] // The header's names.
pub mod frame {
    pub const PRETCODE: usize = 0;
    pub const UC: usize = 8;
    pub const UC_FLAGS: usize = UC;
    pub const UC_LINK: usize = UC + 8;
    pub const UC_STACK: usize = UC + 16;
    pub const UC_MCONTEXT: usize = UC + 40;
    /// r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip.
    pub const GREGS: usize = UC_MCONTEXT;
    pub const EFLAGS: usize = UC_MCONTEXT + 136;
    pub const SEGMENTS: usize = UC_MCONTEXT + 144;
    pub const ERR: usize = UC_MCONTEXT + 152;
    pub const TRAPNO: usize = UC_MCONTEXT + 160;
    pub const OLDMASK: usize = UC_MCONTEXT + 168;
    pub const CR2: usize = UC_MCONTEXT + 176;
    pub const FPSTATE: usize = UC_MCONTEXT + 184;
    pub const UC_SIGMASK: usize = UC_MCONTEXT + 256;
    pub const INFO: usize = UC_SIGMASK + 8;
    pub const SIZE: usize = INFO + 128;
    const _: () = assert!(SIZE == 440 && UC_SIGMASK - UC == 296);
}

/// struct user (sys/user.h) and what else ptrace(2) shows, as word numbers and offsets.
#[allow(missing_docs)] // The header's names.
pub mod user {
    use crate::x86::Gpr;

    /// Words of struct user_regs_struct.
    pub const WORDS: usize = 27;
    /// Its bytes.
    pub const REGS: usize = 8 * WORDS;
    /// The registers its first words are, in order.
    pub const GPRS: [Gpr; 15] = [
        Gpr::new(15),
        Gpr::new(14),
        Gpr::new(13),
        Gpr::new(12),
        Gpr::RBP,
        Gpr::RBX,
        Gpr::R11,
        Gpr::R10,
        Gpr::R9,
        Gpr::R8,
        Gpr::RAX,
        Gpr::RCX,
        Gpr::RDX,
        Gpr::RSI,
        Gpr::RDI,
    ];
    pub const RAX: usize = 10;
    pub const ORIG_RAX: usize = 15;
    pub const RIP: usize = 16;
    pub const CS: usize = 17;
    pub const EFLAGS: usize = 18;
    pub const RSP: usize = 19;
    pub const SS: usize = 20;
    pub const FS_BASE: usize = 21;
    pub const GS_BASE: usize = 22;
    /// Then ES, FS and GS.
    pub const DS: usize = 23;
    /// u_debugreg.
    pub const DEBUGREG: usize = 848;
    /// With error_code and fault_address, which only the kernel's header has.
    pub const SIZE: usize = DEBUGREG + 8 * 8 + 16;
    /// struct ptrace_syscall_info.
    pub const SYSCALL_INFO: usize = 88;
    const _: () = assert!(REGS == 216 && SIZE == 928);
    #[cfg(target_arch = "x86_64")]
    const _: () = {
        use std::mem::offset_of;
        assert!(
            size_of::<libc::user_regs_struct>() == REGS && size_of::<libc::user>() == SIZE - 16
        );
        assert!(offset_of!(libc::user, u_debugreg) == DEBUGREG);
        assert!(offset_of!(libc::user_regs_struct, rax) == 8 * RAX);
        assert!(offset_of!(libc::user_regs_struct, orig_rax) == 8 * ORIG_RAX);
        assert!(offset_of!(libc::user_regs_struct, rdi) == 8 * 14);
        assert!(offset_of!(libc::user_regs_struct, r10) == 8 * 7);
        assert!(offset_of!(libc::user_regs_struct, eflags) == 8 * EFLAGS);
        assert!(offset_of!(libc::user_regs_struct, fs_base) == 8 * FS_BASE);
        assert!(offset_of!(libc::user_regs_struct, ds) == 8 * DS);
    };
}

// The x86-64 values of what is handed to the host as it is; a host where one differs does not compile.
const _: () = {
    assert!(
        libc::O_CREAT == 0o100
            && libc::O_EXCL == 0o200
            && libc::O_TRUNC == 0o1000
            && libc::O_APPEND == 0o2000
    );
    assert!(libc::O_NONBLOCK == 0o4000 && libc::O_DSYNC == 0o10000 && libc::O_DIRECT == 0o40000);
    assert!(
        libc::O_DIRECTORY == 0o200000
            && libc::O_NOFOLLOW == 0o400000
            && libc::O_CLOEXEC == 0o2000000
    );
    assert!(libc::O_PATH == 0o10000000 && libc::O_TMPFILE == 0o20200000);
    assert!(libc::F_GETLK == 5 && libc::F_SETLK == 6 && libc::F_SETLKW == 7);
    assert!(
        libc::MAP_ANONYMOUS == 0x20
            && libc::MAP_NORESERVE == 0x4000
            && libc::MAP_FIXED_NOREPLACE == 0x10_0000
    );
    assert!(libc::SIGBUS == 7 && libc::SIGUSR1 == 10 && libc::SIGCHLD == 17 && libc::SIGSYS == 31);
    assert!(libc::TCGETS == 0x5401 && libc::TIOCGWINSZ == 0x5413 && libc::FIONREAD == 0x541b);
    assert!(libc::SOL_SOCKET == 1 && libc::SO_PEERCRED == 17 && libc::EDEADLK == 35);
    assert!(size_of::<libc::statfs>() == 120 && size_of::<libc::flock>() == 32);
    assert!(size_of::<libc::siginfo_t>() == 128 && size_of::<libc::stack_t>() == 24);
    assert!(
        size_of::<libc::msghdr>() == 56
            && size_of::<libc::rusage>() == 144
            && size_of::<libc::sysinfo>() == 112
    );
    assert!(size_of::<libc::timespec>() == 16 && size_of::<libc::itimerspec>() == 32);
    assert!(
        size_of::<libc::shmid_ds>() == 112
            && size_of::<libc::msqid_ds>() == 120
            && size_of::<libc::sigevent>() == 64
    );
};
