//! What has to be seen before Rust's runtime starts: it sets SIGPIPE to SIG_IGN, and the guest must
//! inherit what felix was given (signal(7), "Signal dispositions").

use std::sync::atomic::{AtomicBool, Ordering};

static SIGPIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

extern "C" fn look() {
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null new action only asks; `old` is large enough and zeroed is a valid sigaction.
    let old = unsafe {
        libc::sigaction(libc::SIGPIPE, std::ptr::null(), old.as_mut_ptr());
        old.assume_init()
    };
    SIGPIPE_WAS_IGNORED.store(old.sa_sigaction == libc::SIG_IGN, Ordering::Relaxed);
}

// SAFETY: the C runtime calls each entry of .init_array once, before main, as a C function.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

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
