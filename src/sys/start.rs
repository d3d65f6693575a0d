//! What has to be seen before Rust's runtime starts: it sets SIGPIPE to SIG_IGN, and opens /dev/null as those of the first three
//! descriptors that are closed; the guest must inherit what felix was given (execve(2)). And where felix's own arguments are, because the
//! host shows those bytes as /proc/PID/cmdline.

use std::ffi::{CStr, c_char, c_int};
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

/// From now on the host shows `text` (strings that each end with a NUL) as this process's arguments, as far as there is room
/// for it. Felix's own have been read by then.
pub fn show_arguments(text: &[u8]) {
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
