//! Processes and threads as the host makes them: fork, and a child that shares memory (clone(2)).

use super::host::address_of;
use super::{Errno, alloc, proc, raw};
use std::ffi::c_void;

/// fork(2) through the C library, so that its allocator is consistent in the child. 0 in the child.
///
/// The caller holds no lock that another thread of felix may own at this moment.
pub fn fork() -> Result<u64, Errno> {
    // SAFETY: fork itself has no preconditions; felix's own locks are the caller's business, and the C library's are handled
    // by its fork handlers.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        alloc::only_thread();
    }
    u64::try_from(pid).map_err(|_| Errno::of(&std::io::Error::last_os_error()))
}

/// True if this process has other threads, of felix's or of its host's (/proc/self/task has a link for each, and two).
#[must_use]
pub fn has_others() -> bool {
    proc::stat("self/task").is_ok_and(|st| st.st_nlink > 3)
}

/// clone(2) without CLONE_VM: like `fork` but with namespace and other flags. 0 in the child.
pub fn fork_with(flags: u64) -> Result<u64, Errno> {
    debug_assert_eq!(flags & libc::CLONE_VM.cast_unsigned() as u64, 0);
    alloc::forked(|| raw::syscall(libc::SYS_clone, [flags, 0, 0, 0, 0, 0]))
}

/// What a child is to have that only clone3(2) can give.
#[derive(Clone, Copy, Default, Debug)]
pub struct Given<'a> {
    /// Its numbers, in its PID namespace and those around it.
    pub ids: &'a [i32],
    /// The cgroup it begins in (a descriptor), with CLONE_INTO_CGROUP.
    pub cgroup: u64,
}

/// CLONE_INTO_CGROUP.
const INTO_CGROUP: u64 = 1 << 33;

impl Given<'_> {
    /// struct clone_args.
    fn args(&self, flags: u64, exit_signal: u64, stack: [u64; 2]) -> [u64; 11] {
        let at = self.ids.first().map_or(0, address_of);
        let [stack, len] = stack;
        let count = self.ids.len() as u64;
        let cgroup = self.cgroup;
        [
            flags,
            0,
            0,
            0,
            exit_signal,
            stack,
            len,
            0,
            at,
            count,
            cgroup,
        ]
    }

    /// True if clone(2) would do, which takes the other two bits for some of the signal or does not know them.
    fn is_nothing(&self, flags: u64) -> bool {
        self.ids.is_empty() && flags & (super::namespace::TIME | INTO_CGROUP) == 0
    }
}

/// The same by clone3(2).
pub fn fork_as(flags: u64, exit_signal: u64, given: &Given<'_>) -> Result<u64, Errno> {
    debug_assert_eq!(flags & libc::CLONE_VM.cast_unsigned() as u64, 0);
    let args = given.args(flags, exit_signal, [0; 2]);
    alloc::forked(|| raw::syscall(libc::SYS_clone3, [address_of(&args), 88, 0, 0, 0, 0]))
}

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".globl felix_clone_call",
    "felix_clone_call:",
    "sub rsi, 16",
    "mov [rsi], rcx",
    "mov [rsi + 8], rdx",
    "xor edx, edx",
    "xor r10d, r10d",
    "xor r8d, r8d",
    "mov eax, 56",
    "syscall",
    "test rax, rax",
    "jnz 2f",
    "1: xor ebp, ebp",
    "pop rdi",
    "pop rax",
    "call rax",
    "ud2",
    "2: ret",
    ".globl felix_clone3_call",
    "felix_clone3_call:",
    "mov eax, 435",
    "syscall",
    "test rax, rax",
    "jz 1b",
    "ret",
);

#[cfg(target_arch = "riscv64")]
std::arch::global_asm!(
    ".globl felix_clone_call",
    "felix_clone_call:",
    "addi a1, a1, -16",
    "sd a3, 0(a1)",
    "sd a2, 8(a1)",
    "li a2, 0",
    "li a3, 0",
    "li a4, 0",
    "li a7, 220",
    "ecall",
    "bnez a0, 2f",
    "1: ld a0, 0(sp)",
    "ld a1, 8(sp)",
    "addi sp, sp, 16",
    "jalr a1",
    "unimp",
    "2: ret",
    ".globl felix_clone3_call",
    "felix_clone3_call:",
    "li a7, 435",
    "ecall",
    "beqz a0, 1b",
    "ret",
);

unsafe extern "C" {
    fn felix_clone_call(
        flags: u64,
        stack: *mut u8,
        f: extern "C" fn(*mut c_void) -> !,
        arg: *mut c_void,
    ) -> i64;
    /// The same by clone3(2); `arg` and `f` are what the child's stack begins with.
    fn felix_clone3_call(args: *const [u64; 11], size: usize) -> i64;
}

extern "C" fn child_main(arg: *mut c_void) -> ! {
    // SAFETY: `arg` points to the reference in the frame of `vfork`, whose thread does not run while this child uses it.
    let body = unsafe { &mut *arg.cast::<&mut dyn FnMut()>() };
    body();
    super::host::exit_group(125)
}

const CHILD_STACK: usize = 1 << 20;

/// A child process that shares this process's memory while this thread waits for its exec or exit
/// (CLONE_VM | CLONE_VFORK). `flags`: the namespaces it is to have, CLONE_PARENT, CLONE_INTO_CGROUP, the signal to send at its end. The child
/// runs `body` on a stack of its own; it borrows this thread's thread-local storage, which nobody else uses meanwhile. `body` must not return. What it owns is dropped here, when
/// the child is gone.
///
/// qemu-user makes a plain fork of this: the child then has a copy.
pub fn vfork(flags: u64, given: &Given<'_>, mut body: impl FnMut()) -> Result<u64, Errno> {
    let mut body: &mut dyn FnMut() = &mut body;
    let arg: *mut c_void = std::ptr::from_mut(&mut body).cast();
    let stack = super::host::mem_map(
        0,
        CHILD_STACK as u64,
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        -1,
        0,
    )?;
    let top: *mut u8 =
        std::ptr::with_exposed_provenance_mut(super::cast::size(stack) + CHILD_STACK);
    let vm = u64::from((libc::CLONE_VM | libc::CLONE_VFORK).cast_unsigned());
    let made = || {
        if given.is_nothing(flags) {
            // SAFETY: the stack is fresh and large; with CLONE_VFORK this thread does not run until the child is gone from the
            // shared memory, so thread-local storage has one user at a time; `child_main` never returns.
            return unsafe { felix_clone_call(flags | vm, top, child_main, arg) };
        }
        let first = [arg.expose_provenance(), child_main as *const () as usize];
        let room = CHILD_STACK as u64 - 16;
        let args = given.args(flags & !0x7f | vm, flags & 0x7f, [stack, room]);
        // SAFETY: as above, and the two words lie inside the stack.
        unsafe {
            top.sub(16).cast::<[usize; 2]>().write(first);
            felix_clone3_call(&raw const args, size_of_val(&args))
        }
    };
    let r = super::signal::lending(made);
    let _ = super::host::mem_unmap(stack, CHILD_STACK as u64);
    match i32::try_from(r) {
        Ok(e @ -4095..=-1) => Err(Errno(-e)),
        _ => Ok(r.cast_unsigned()),
    }
}

/// Ends only this thread, as one that a seccomp filter has killed by `sig`, while the process lives on: of its first thread that
/// is the status its parent will see. The host's own seccomp does that; where there is none it is an exit status.
pub fn exit_killed(sig: i32) -> ! {
    const SET_SECCOMP: u64 = 22;
    const NO_NEW_PRIVS: u64 = 38;
    /// BPF_RET | BPF_K with SECCOMP_RET_KILL_THREAD, as `struct sock_filter`.
    static KILL: [u32; 2] = [0x06, 0];
    // struct sock_fprog.
    let program = [1, address_of(&KILL)];
    let prctl = |a: [u64; 5]| raw::syscall(libc::SYS_prctl, [a[0], a[1], a[2], a[3], a[4], 0]);
    let armed = if sig == libc::SIGKILL {
        prctl([SET_SECCOMP, 1, 0, 0, 0])
    } else {
        prctl([NO_NEW_PRIVS, 1, 0, 0, 0])
            .and_then(|_| prctl([SET_SECCOMP, 2, address_of(&program), 0, 0]))
    };
    if armed.is_ok() {
        let _ = raw::syscall(libc::SYS_gettid, [0; 6]);
    }
    super::host::exit_thread(128 + sig)
}

/// Starts a detached host thread with all asynchronous signals blocked.
pub fn spawn(stack: usize, body: impl FnOnce() + Send + 'static) -> Result<(), Errno> {
    let kept = super::signal::Kept::now();
    let body = move || {
        kept.restore();
        body();
    };
    let made = || std::thread::Builder::new().stack_size(stack).spawn(body);
    super::signal::blocked(|| alloc::shared(made))
        .map(drop)
        .map_err(|e| Errno::of(&e))
}
