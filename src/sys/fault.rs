//! The handler for SIGSEGV and SIGBUS: turns a fault in a guest access routine or in JIT code into
//! what the engine asked for, and anything else into the host's default action (felix's own bug).
//!
//! Invariant: the handler touches only the interrupted context and the values passed to it; it takes
//! no lock and allocates nothing.

use super::guest;
use crate::x86::{GuestAddr, MemFault, MemFaultKind};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A hook for faults in code that is not felix's: gets the signal, its siginfo and the interrupted
/// context, and says whether it changed the context so that execution can go on.
pub type Hook = fn(i32, &libc::siginfo_t, &mut libc::ucontext_t) -> bool;

static HOOK: AtomicUsize = AtomicUsize::new(0);

/// Sets the hook for faults outside the guest access routines (the JIT's).
pub fn set_hook(hook: Hook) {
    HOOK.store(hook as usize, Ordering::Release);
}

/// Installs the handler, on the alternate stack. Call once, before guest code runs.
///
/// # Errors
/// If the host refuses the handler.
pub fn install() -> io::Result<()> {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: an all-zero sigaction is valid; the fields that count are set below.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        // A signal recorded on top of this handler would have its mask undone when this one returns.
        // SAFETY: the set is larger than the kernel's 8 bytes; sigaddset would leave out what the C library keeps for itself.
        unsafe {
            (&raw mut action.sa_mask)
                .cast::<u64>()
                .write_unaligned(!super::signal::SYNC);
        }
        // SAFETY: `action` is initialised, and `handler` has the signature SA_SIGINFO asks for.
        if unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Packs what the kernel said about a fault into the word the access routines return.
#[must_use]
pub fn encode(signal: i32, info: &libc::siginfo_t) -> u64 {
    // SAFETY: for SIGSEGV and SIGBUS the kernel fills in the address.
    let addr = unsafe { info.si_addr() } as u64;
    let kind = match (signal, info.si_code) {
        (libc::SIGBUS, _) => 3,
        (_, 1) => 1, // SEGV_MAPERR
        _ => 2,
    };
    // The fault address lies within 64 bytes after the access's start or in the byte range of a copy;
    // bits 63:62 are free in canonical addresses once bit 61 keeps the sign.
    (addr & (u64::MAX >> 2)) | kind << 62
}

/// Undoes `encode` for an access that began at `addr`. A non-canonical access has no address in
/// siginfo; it gets `addr`.
#[must_use]
pub fn decode(fault: u64, addr: GuestAddr, write: bool) -> MemFault {
    let kind = match fault >> 62 {
        1 => MemFaultKind::NotMapped,
        3 => MemFaultKind::Bus,
        _ => MemFaultKind::Protection,
    };
    let at = ((fault << 2) as i64 >> 2) as u64;
    let at = if addr.is_canonical() {
        GuestAddr(at)
    } else {
        addr
    };
    MemFault {
        addr: at,
        write,
        fetch: false,
        kind,
    }
}

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes valid pointers to handlers installed with SA_SIGINFO, and nothing else
    // refers to them while the handler runs.
    let (info, context) = unsafe { (&*info, &mut *context.cast::<libc::ucontext_t>()) };
    if info.si_code <= 0 && super::signal::is_attached() {
        // Sent by kill(2) or the like: the guest's business, at the next safepoint.
        // SAFETY: these are the handler's own arguments.
        unsafe { super::signal::record(signal, info, std::ptr::from_mut(context).cast()) };
        return;
    }
    let (begin, end, resume) = guest::routines();
    if (begin..end).contains(&pc(context)) {
        resume_guest_access(context, resume, encode(signal, info));
        return;
    }
    let hook = HOOK.load(Ordering::Acquire);
    if hook != 0 {
        // SAFETY: only `set_hook` stores there, and it stores a `Hook`.
        let hook: Hook = unsafe { std::mem::transmute::<usize, Hook>(hook) };
        if hook(signal, info, context) {
            return;
        }
    }
    // felix's own fault: with the default action restored, returning runs into it again and ends the
    // process with the right status.
    // SAFETY: resetting a signal's action is always allowed.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// The interrupted program counter.
#[cfg(target_arch = "x86_64")]
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // An address.
pub fn pc(context: &libc::ucontext_t) -> usize {
    context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
}

/// The interrupted program counter.
#[cfg(target_arch = "riscv64")]
#[must_use]
#[allow(clippy::cast_possible_truncation)] // An address.
pub fn pc(context: &libc::ucontext_t) -> usize {
    context.uc_mcontext.__gregs[0] as usize
}

#[cfg(target_arch = "x86_64")]
fn resume_guest_access(context: &mut libc::ucontext_t, resume: usize, fault: u64) {
    unsafe extern "C" {
        static felix_cas128_access: u8;
    }
    let at_cas128 = pc(context) == &raw const felix_cas128_access as usize;
    let regs = &mut context.uc_mcontext.gregs;
    if at_cas128 {
        regs[libc::REG_RBX as usize] = regs[libc::REG_R8 as usize];
    }
    regs[libc::REG_RDX as usize] = fault as i64;
    regs[libc::REG_RIP as usize] = resume as i64;
}

#[cfg(target_arch = "riscv64")]
fn resume_guest_access(context: &mut libc::ucontext_t, resume: usize, fault: u64) {
    let regs = &mut context.uc_mcontext.__gregs;
    regs[11] = fault; // a1
    regs[0] = resume as u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unmapped_access_is_reported_with_its_address() {
        install().unwrap();
        let fault = guest::read_u64(GuestAddr(0x10)).unwrap_err();
        assert_eq!(fault.addr, GuestAddr(0x10));
        assert_eq!(fault.kind, MemFaultKind::NotMapped);
        let fault = guest::write_bytes(GuestAddr(0x20), b"x").unwrap_err();
        assert!(fault.write);
        assert_eq!(fault.addr, GuestAddr(0x20));
        let fault = guest::read_u8(GuestAddr(1 << 60)).unwrap_err();
        assert_eq!(fault.addr, GuestAddr(1 << 60));
    }

    #[test]
    fn atomics_exchange_only_what_is_expected() {
        install().unwrap();
        let mut word = [0x1122_3344_5566_7788_u64, 5];
        let at = GuestAddr(word.as_mut_ptr() as u64);
        assert_eq!(guest::cas_u8(at.offset(1), 0x77, 0xaa).unwrap(), 0x77);
        assert_eq!(guest::cas_u16(at.offset(2), 0, 1).unwrap(), 0x5566);
        assert_eq!(
            guest::cas_u32(at.offset(4), 0x1122_3344, 9).unwrap(),
            0x1122_3344
        );
        assert_eq!(guest::read_u64(at).unwrap(), 0x0000_0009_5566_aa88);
        assert!(guest::cas_u8(GuestAddr(0x30), 0, 0).is_err());
        assert!(guest::cas_u16(GuestAddr(0x30), 0, 0).is_err());
    }

    #[test]
    fn a_sixteen_byte_exchange_gives_what_was_there() {
        install().unwrap();
        #[repr(align(16))]
        struct Pair([u64; 2]);
        let mut pair = Pair([1, 2]);
        let at = GuestAddr(pair.0.as_mut_ptr() as u64);
        assert_eq!(guest::cas_u128(at, [1, 2], [3, 4]).unwrap(), [1, 2]);
        assert_eq!(guest::cas_u128(at, [1, 2], [9, 9]).unwrap(), [3, 4]);
        assert_eq!(guest::read_u64(at.offset(8)).unwrap(), 4);
    }
}
