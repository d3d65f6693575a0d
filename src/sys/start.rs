//! What has to be seen before Rust's runtime starts: it sets SIGPIPE to SIG_IGN, and opens /dev/null as those of the first three
//! descriptors that are closed; the guest must inherit what felix was given (execve(2)). And where felix's own arguments are, because the
//! host shows those bytes as /proc/PID/cmdline.

use super::cast::{reg, size};
use super::host::{address_of, address_of_mut};
use super::{guest, proc, raw};
use crate::x86::GuestAddr;
use std::ffi::{CStr, c_char, c_int};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

static SIGPIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);
/// Bit `n`: descriptor `n` was closed.
static CLOSED: AtomicUsize = AtomicUsize::new(0);
static ARGUMENTS: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static ARGUMENTS_LEN: AtomicUsize = AtomicUsize::new(0);

extern "C" fn look(argc: c_int, argv: *const *const c_char, _envp: *const *const c_char) {
    let argc = usize::try_from(argc).unwrap_or(0);
    let mut end = std::ptr::null::<c_char>();
    for i in 0..argc {
        // SAFETY: the C library passes the kernel's `argc` strings, in one piece one after the other.
        unsafe {
            let at = *argv.add(i);
            if i == 0 {
                ARGUMENTS.store(at.cast_mut().cast(), Ordering::Relaxed);
            } else if at != end {
                break;
            }
            end = at.add(CStr::from_ptr(at).count_bytes() + 1);
        }
    }
    let start = ARGUMENTS.load(Ordering::Relaxed);
    ARGUMENTS_LEN.store(end.addr().saturating_sub(start.addr()), Ordering::Relaxed);
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null new action only asks; `old` is large enough and zeroed is a valid sigaction.
    let old = unsafe {
        libc::sigaction(libc::SIGPIPE, std::ptr::null(), old.as_mut_ptr());
        old.assume_init()
    };
    SIGPIPE_WAS_IGNORED.store(old.sa_sigaction == libc::SIG_IGN, Ordering::Relaxed);
    for fd in 0..3 {
        // SAFETY: F_GETFD only asks.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
            CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
        }
    }
}

// SAFETY: the C runtime calls each entry of .init_array once, before main, as a C function.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = look;

/// struct prctl_mm_map: what PR_SET_MM_MAP takes (prctl(2)).
#[repr(C)]
struct MmMap {
    start_code: u64,
    end_code: u64,
    start_data: u64,
    end_data: u64,
    start_brk: u64,
    brk: u64,
    start_stack: u64,
    arg_start: u64,
    arg_end: u64,
    env_start: u64,
    env_end: u64,
    auxv: u64,
    auxv_size: u32,
    exe_fd: u32,
}

/// From now on the host shows these strings of the guest's, and what becomes of them, as this process's arguments and
/// environment; if it cannot, its arguments as they are now, as far as there is room for them. Felix's own have been read by then.
pub fn show_strings(arguments: &Range<u64>, environment: &Range<u64>) {
    if show_memory(arguments, environment).is_none() {
        // A guest may say that they are longer than all its memory.
        let room = ARGUMENTS_LEN.load(Ordering::Relaxed);
        let mut text = vec![0; size(arguments.end - arguments.start).min(room)];
        if guest::read_bytes(GuestAddr(arguments.start), &mut text).is_ok() {
            show_arguments(&text);
        }
    }
}

/// Tells the host where the strings are. Needs no capability, but a kernel with CONFIG_CHECKPOINT_RESTORE.
fn show_memory(arguments: &Range<u64>, environment: &Range<u64>) -> Option<()> {
    let prctl = |option: i32, at: u64, len: u64| {
        let args = [reg(libc::PR_SET_MM), reg(option), at, len, 0, 0];
        raw::syscall(libc::SYS_prctl, args).ok()
    };
    let mut size = 0u32;
    prctl(libc::PR_SET_MM_MAP_SIZE, address_of_mut(&mut size), 0)?;
    if size_of::<MmMap>() != size as usize {
        return None;
    }
    // All the rest stays as it is (proc(5), /proc/PID/stat).
    let stat = proc::read("self/stat").ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let field = |n: usize| fields.get(n - 3)?.trim_end().parse::<u64>().ok();
    let map = MmMap {
        start_code: field(26)?,
        end_code: field(27)?,
        start_data: field(45)?,
        end_data: field(46)?,
        start_brk: field(47)?,
        brk: raw::syscall(libc::SYS_brk, [0; 6]).ok()?,
        start_stack: field(28)?,
        arg_start: arguments.start,
        arg_end: arguments.end,
        env_start: environment.start,
        env_end: environment.end,
        auxv: 0,
        auxv_size: 0,
        exe_fd: u32::MAX,
    };
    let len = size_of::<MmMap>() as u64;
    prctl(libc::PR_SET_MM_MAP, address_of(&map), len).map(|_| ())
}

/// The host shows `text` (strings that each end with a NUL) as this process's arguments, as far as there is room for it.
fn show_arguments(text: &[u8]) {
    let len = ARGUMENTS_LEN.load(Ordering::Relaxed);
    let Some(room) = len.checked_sub(1) else {
        return;
    };
    let n = text.len().min(room);
    let to = ARGUMENTS.load(Ordering::Relaxed);
    // SAFETY: `to` and `len` describe the kernel's copy of the arguments, which is writable and belongs to this process; no
    // Rust reference to it exists, and what is left there still ends with a NUL for any C string that begins in it.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), to, n);
        std::ptr::write_bytes(to.add(n), 0, len - n);
    }
}

/// Closes the standard descriptors that were closed when the process was started.
pub fn restore_closed() {
    for fd in (0..3).filter(|n| CLOSED.load(Ordering::Relaxed) >> n & 1 != 0) {
        let _ = super::host::close(fd);
    }
}

/// Gives SIGPIPE back the disposition the process was started with.
pub fn restore_sigpipe() {
    let how = if SIGPIPE_WAS_IGNORED.load(Ordering::Relaxed) {
        libc::SIG_IGN
    } else {
        libc::SIG_DFL
    };
    // SAFETY: SIG_IGN and SIG_DFL are valid dispositions for SIGPIPE.
    unsafe {
        libc::signal(libc::SIGPIPE, how);
    }
}
