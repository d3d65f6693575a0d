//! The harness's unsafe part: a child process in which the PC's own CPU runs a case.
//!
//! The child enters guest code by executing INT3 and exchanging the interrupted context in the signal
//! handler for the guest's; whatever signal ends the guest code exchanges them back. Between the two,
//! nothing of Rust runs. System calls from the code window are refused by a seccomp filter, which also
//! reports SYSCALL instructions. A timer ends what does not end by itself.
//!
//! Invariant: `SHARED` is touched only by the child's one thread and its signal handlers.
#![allow(unsafe_code)]
// Kernel interfaces: words of known size, addresses below 4 GiB.
#![allow(clippy::cast_possible_truncation)]

use felix::replay::{CODE, CODE_LEN, ENDLESS, Hex64, Registers, SYSCALL, Stop};
use std::arch::asm;
use std::cell::UnsafeCell;
use std::io;
use std::mem::zeroed;

/// The bytes of FXSAVE's image that hold MXCSR and XMM0 to XMM15.
const FXSAVE: usize = 512;
/// Where the kernel describes the extended area of a signal frame (`struct _fpx_sw_bytes`): FP_XSTATE_MAGIC1,
/// size with FP_XSTATE_MAGIC2, state components, size without.
const SW_RESERVED: usize = 464;
const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;
/// Where XSTATE_BV is, behind FXSAVE's image.
const XSTATE_BV: usize = 512;
/// State component 2, the upper halves of YMM0 to YMM15 (SDM vol. 1, 13.5.3).
const AVX: u64 = 1 << 2;
/// Bytes of an XSAVE image that are kept of the harness's own: enough for AVX-512. What lies behind,
/// guest code does not change.
const KEPT: usize = 4096;

struct Shared {
    /// In guest code?
    inside: bool,
    ticks: u32,
    own_fs: u64,
    own_registers: [libc::greg_t; 23],
    own_fpu: [u8; KEPT],
    /// Where the upper halves of the YMM registers are in an XSAVE image, if the CPU has them.
    upper: Option<usize>,
    before: Option<Registers>,
    /// The upper halves guest code began with: a CPU without them keeps what it does not know.
    entered_with: Vectors,
    after: Option<(Stop, Registers)>,
}

struct Cell(UnsafeCell<Shared>);
// SAFETY: see the module's invariant.
unsafe impl Sync for Cell {}

static SHARED: Cell = Cell(UnsafeCell::new(Shared {
    inside: false,
    ticks: 0,
    own_fs: 0,
    own_registers: [0; 23],
    own_fpu: [0; KEPT],
    upper: None,
    before: None,
    entered_with: [[Hex64(0); 2]; 16],
    after: None,
}));

/// Linux's register numbers in a ucontext, in the CPU's encoding order.
const GREGS: [libc::c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// EAX, EBX, ECX and EDX of the CPUID instruction (SDM vol. 2).
#[must_use]
pub fn cpuid(leaf: u32, subleaf: u32) -> [u32; 4] {
    let r = std::arch::x86_64::__cpuid_count(leaf, subleaf);
    [r.eax, r.ebx, r.ecx, r.edx]
}

/// The CPU's brand string and its signature, by which one is told from others of the brand (SDM vol. 2, CPUID, leaves
/// 0x80000002 to 0x80000004 and EAX of 1).
#[must_use]
pub fn cpu_name() -> String {
    let brand: Vec<u8> = (0x8000_0002..=0x8000_0004)
        .flat_map(|leaf| cpuid(leaf, 0))
        .flat_map(u32::to_le_bytes)
        .collect();
    let brand = String::from_utf8_lossy(&brand);
    let brand = brand.trim_matches(['\0', ' ']);
    format!("{brand} (CPUID.1:EAX {:#x})", cpuid(1, 0)[0])
}

/// Prepares the calling process and its children to run cases: handlers, seccomp filter.
///
/// # Errors
/// If the host refuses something.
pub fn prepare() -> io::Result<()> {
    if is_x86_feature_detected!("avx") {
        // The standard format, which signal frames have (SDM vol. 1, 13.4.3).
        let offset = cpuid(0xd, 2)[1] as usize;
        // SAFETY: the module's invariant; no handler runs before the lines below.
        unsafe { (*SHARED.0.get()).upper = Some(offset) };
    }
    let stack = Vec::leak(vec![0u8; 256 * 1024]);
    let alt = libc::stack_t {
        ss_sp: stack.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: stack.len(),
    };
    // SAFETY: the stack is leaked, so it outlives every use.
    check(unsafe { libc::sigaltstack(&raw const alt, std::ptr::null_mut()) })?;
    let signals = [
        libc::SIGTRAP,
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGSYS,
        libc::SIGALRM,
    ];
    for s in signals {
        // SAFETY: an all-zero sigaction is valid; the fields that count are set.
        let mut action: libc::sigaction = unsafe { zeroed() };
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        // SAFETY: `handler` has the signature SA_SIGINFO asks for.
        check(unsafe { libc::sigaction(s, &raw const action, std::ptr::null_mut()) })?;
    }
    filter()
}

/// Starts the timer that ends what does not end by itself: processes do not inherit it.
///
/// # Errors
/// If the host refuses something.
fn start_timer() -> io::Result<()> {
    let tick = libc::timeval {
        tv_sec: 0,
        tv_usec: 100_000,
    };
    let timer = libc::itimerval {
        it_interval: tick,
        it_value: tick,
    };
    // SAFETY: `timer` is initialised.
    check(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) })
}

fn check(r: libc::c_int) -> io::Result<()> {
    if r == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// System calls made by code in the code window raise SIGSYS.
fn filter() -> io::Result<()> {
    let (begin, end) = (CODE as u32, CODE as u32 + CODE_LEN as u32);
    let op = |code: u32, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let jump = |c| libc::BPF_JMP | c | libc::BPF_K;
    // Offset 8 of seccomp_data is the instruction pointer, low half first.
    let mut program = [
        op(load, 0, 0, 12),
        op(jump(libc::BPF_JEQ), 0, 4, 0),
        op(load, 0, 0, 8),
        op(jump(libc::BPF_JGE), 0, 2, begin),
        op(jump(libc::BPF_JGT), 1, 0, end),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_TRAP),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let fprog = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: plain values.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    // SAFETY: `fprog` describes `program`, which the kernel copies.
    check(unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const fprog,
        )
    })
}

/// Runs the code at `before`'s RIP on this CPU until it stops.
///
/// # Panics
/// If the handlers do not work: the exchange never happened.
#[must_use]
pub fn run(before: &Registers) -> (Stop, Registers) {
    let shared = SHARED.0.get();
    // SAFETY: the module's invariant; the handler runs between these two accesses, inside `asm!`, which
    // the compiler must take for touching any memory. FSGSBASE is there on every kernel since 5.9.
    unsafe {
        (*shared).before = Some(before.clone());
        (*shared).after = None;
        (*shared).ticks = 0;
        asm!("rdfsbase {}", out(reg)(*shared).own_fs);
        asm!("int3");
        (*shared)
            .after
            .take()
            .expect("the handler stores what happened")
    }
}

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let shared = SHARED.0.get();
    // SAFETY: the kernel passes valid pointers; SHARED by the module's invariant. The guest may have
    // changed FS, which thread-local storage hangs on: it is put back before anything else.
    unsafe {
        let mut fs = 0u64;
        if (*shared).inside {
            asm!("rdfsbase {}", out(reg) fs);
            asm!("wrfsbase {}", in(reg) (*shared).own_fs);
        }
        let context = &mut *context.cast::<libc::ucontext_t>();
        exchange(&mut *shared, signal, &*info, context, fs);
    }
}

/// `fs` is the guest's base of FS, if it was inside.
///
/// # Safety
/// `context` is the interrupted context of the signal, with its floating-point state.
unsafe fn exchange(
    shared: &mut Shared,
    signal: i32,
    info: &libc::siginfo_t,
    context: &mut libc::ucontext_t,
    fs: u64,
) {
    let regs = &mut context.uc_mcontext.gregs;
    let fpu = context.uc_mcontext.fpregs.cast::<u8>();
    if !shared.inside {
        if signal == libc::SIGALRM {
            return;
        }
        if signal != libc::SIGTRAP {
            // A fault of the child itself: with the default action it ends here.
            // SAFETY: resetting an action is always allowed.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
            return;
        }
        let Some(before) = shared.before.take() else {
            return;
        };
        shared.own_registers = *regs;
        // SAFETY: the kernel's frame; nothing else refers to it.
        let image = unsafe { frame(fpu) };
        let kept = image.len().min(KEPT);
        shared.own_fpu[..kept].copy_from_slice(&image[..kept]);
        image[24..28].copy_from_slice(&before.mxcsr.to_le_bytes());
        put(image, 160, &before.xmm);
        shared.entered_with = before.ymm_upper;
        if image.len() > FXSAVE {
            // Components that are not said to be valid would be initialised.
            let mut valid = word(image, XSTATE_BV).0 | 3;
            if let Some(upper) = shared.upper {
                valid |= AVX;
                put(image, upper, &before.ymm_upper);
            }
            image[XSTATE_BV..XSTATE_BV + 8].copy_from_slice(&valid.to_le_bytes());
        }
        for (r, v) in GREGS.iter().zip(&before.gpr) {
            regs[*r as usize] = v.0 as i64;
        }
        regs[libc::REG_RIP as usize] = before.rip.0 as i64;
        regs[libc::REG_EFL as usize] = (before.rflags.0 | 0x202) as i64;
        shared.inside = true;
        let [fs, gs] = before.fs_gs;
        // SAFETY: from here on nothing uses thread-local storage until the next signal.
        unsafe {
            asm!("wrgsbase {}", in(reg) gs.0);
            asm!("wrfsbase {}", in(reg) fs.0);
        }
        return;
    }
    if signal == libc::SIGALRM {
        shared.ticks += 1;
        if shared.ticks < 3 {
            return resume_guest(fs);
        }
    }
    let trap = regs[libc::REG_TRAPNO as usize];
    let error = regs[libc::REG_ERR as usize];
    let stop = match signal {
        libc::SIGALRM => Stop {
            vector: ENDLESS,
            addr: None,
            write: false,
        },
        libc::SIGSYS => Stop {
            vector: SYSCALL,
            addr: None,
            write: false,
        },
        _ if trap == 14 => {
            // SAFETY: the kernel fills in the address for page faults.
            let addr = unsafe { info.si_addr() } as u64;
            Stop {
                vector: 14,
                addr: Some(Hex64(addr)),
                write: error & 2 != 0,
            }
        }
        _ => Stop {
            vector: trap as u16,
            addr: None,
            write: false,
        },
    };
    // SAFETY: as above.
    let image = unsafe { frame(fpu) };
    let ymm_upper = match shared.upper {
        // A component in its initial configuration need not be in memory.
        Some(_) if word(image, XSTATE_BV).0 & AVX == 0 => [[Hex64(0); 2]; 16],
        Some(upper) => vectors(image, upper),
        None => shared.entered_with,
    };
    let mut fs_gs = [Hex64(fs), Hex64(0)];
    // SAFETY: reading GS is harmless.
    unsafe { asm!("rdgsbase {}", out(reg) fs_gs[1].0) };
    shared.after = Some((
        stop,
        Registers {
            gpr: GREGS.map(|r| Hex64(regs[r as usize] as u64)),
            rip: Hex64(regs[libc::REG_RIP as usize] as u64),
            rflags: Hex64(regs[libc::REG_EFL as usize] as u64),
            xmm: vectors(image, 160),
            ymm_upper,
            mxcsr: u32::from_le_bytes(image[24..28].try_into().expect("four bytes")),
            fs_gs,
        },
    ));
    *regs = shared.own_registers;
    let kept = image.len().min(KEPT);
    image[..kept].copy_from_slice(&shared.own_fpu[..kept]);
    shared.inside = false;
}

/// The floating-point state of a signal frame: FXSAVE's image, and the extended area if there is one.
///
/// # Safety
/// `fpu` is what the kernel put into the frame; nothing else refers to it while the result is used.
unsafe fn frame<'a>(fpu: *mut u8) -> &'a mut [u8] {
    // SAFETY: FXSAVE's image is always there.
    let image = unsafe { std::slice::from_raw_parts_mut(fpu, FXSAVE) };
    if word(image, SW_RESERVED).0 as u32 != FP_XSTATE_MAGIC1 {
        return image;
    }
    let size = word(image, SW_RESERVED + 16).0 as u32 as usize;
    // SAFETY: the kernel says that the area is that long.
    unsafe { std::slice::from_raw_parts_mut(fpu, size) }
}

fn word(image: &[u8], at: usize) -> Hex64 {
    let bytes = image[at..at + 8].try_into().expect("eight bytes");
    Hex64(u64::from_le_bytes(bytes))
}

/// Sixteen values of 128 bits.
type Vectors = [[Hex64; 2]; 16];

fn vectors(image: &[u8], at: usize) -> Vectors {
    std::array::from_fn(|i| [word(image, at + 16 * i), word(image, at + 16 * i + 8)])
}

fn put(image: &mut [u8], at: usize, values: &Vectors) {
    let places = image[at..].chunks_exact_mut(8);
    for (place, v) in places.zip(values.iter().flatten()) {
        place.copy_from_slice(&v.0.to_le_bytes());
    }
}

/// The base of FS in every case: the middle of the data.
pub const GUEST_FS: u64 = felix::replay::DATA + 0x1000;

/// Back into guest code after a tick.
fn resume_guest(fs: u64) {
    // SAFETY: as on entering.
    unsafe { asm!("wrfsbase {}", in(reg) fs) };
}

/// Starts a child process that runs `body` on one end of a pair of pipes and exits.
///
/// # Errors
/// If the host refuses.
pub fn spawn(body: fn(&mut dyn io::Read, &mut dyn io::Write)) -> io::Result<Child> {
    let (their_in, our_out) = io::pipe()?;
    let (our_in, their_out) = io::pipe()?;
    // SAFETY: the harness has one thread when it starts children.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            drop((our_in, our_out));
            let (mut r, mut w) = (io::BufReader::new(their_in), io::BufWriter::new(their_out));
            body(&mut r, &mut w);
            // SAFETY: ends the child without running the parent's destructors.
            unsafe { libc::_exit(0) }
        }
        pid => Ok(Child {
            pid,
            input: our_out,
            output: our_in,
        }),
    }
}

/// Does `body` in a process of its own, with the timer running, and waits for it; true if it did not fail.
///
/// # Errors
/// If the host refuses.
pub fn apart(body: impl FnOnce() -> bool) -> io::Result<bool> {
    // SAFETY: the calling process has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let good = start_timer().is_ok() && body();
            // SAFETY: ends the child without running the parent's destructors.
            unsafe { libc::_exit(i32::from(!good)) }
        }
        pid => {
            let mut status = 0;
            // SAFETY: our own child; `status` is ours.
            let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
            Ok(waited == pid && status == 0)
        }
    }
}

/// Where the handler finds out how to carry the upper halves: what a test makes guest code overwrite.
#[cfg(test)]
pub fn own_memory() -> u64 {
    (SHARED.0.get() as usize + std::mem::offset_of!(Shared, upper)) as u64
}

/// A child process; killed when dropped.
#[derive(Debug)]
pub struct Child {
    pid: libc::pid_t,
    /// What it reads.
    pub input: io::PipeWriter,
    /// What it writes.
    pub output: io::PipeReader,
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: our own child, not yet waited for.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, std::ptr::null_mut(), 0);
        }
    }
}

/// Unmaps the case windows this process inherited.
pub fn unmap_windows() {
    for (at, len) in felix::replay::WINDOWS {
        // SAFETY: only test memory lies there; the child uses none of the parent's.
        unsafe { libc::munmap(std::ptr::with_exposed_provenance_mut(at as usize), len) };
    }
}

/// Makes the code window executable by the host.
///
/// # Errors
/// If the host refuses.
pub fn make_code_executable() -> io::Result<()> {
    let prot = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    // SAFETY: the window is mapped, and only guest code lies in it.
    check(unsafe {
        libc::mprotect(
            std::ptr::with_exposed_provenance_mut(CODE as usize),
            CODE_LEN,
            prot,
        )
    })
}

/// The counters of `ci/edges.sh`'s build: how often each branch edge of felix's library was taken, by
/// LLVM's SanitizerCoverage (inline 8-bit counters, table of PCs). A build without them has none.
pub mod edges {
    use std::slice;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU8, Ordering};

    /// Start and end of what the compiler's constructors have told.
    struct Told {
        counters: (usize, usize),
        pcs: (usize, usize),
    }

    static TOLD: Mutex<Told> = Mutex::new(Told {
        counters: (0, 0),
        pcs: (0, 0),
    });

    /// Called before `main`, by each object file, with the same arguments.
    // SAFETY: the name and the arguments are SanitizerCoverage's.
    #[unsafe(no_mangle)]
    extern "C" fn __sanitizer_cov_8bit_counters_init(start: *const u8, end: *const u8) {
        if let Ok(mut told) = TOLD.lock() {
            told.counters = (start as usize, end as usize);
        }
    }

    /// As above.
    // SAFETY: the name and the arguments are SanitizerCoverage's.
    #[unsafe(no_mangle)]
    extern "C" fn __sanitizer_cov_pcs_init(start: *const usize, end: *const usize) {
        if let Ok(mut told) = TOLD.lock() {
            told.pcs = (start as usize, end as usize);
        }
    }

    /// The counters, each of which wraps round.
    #[must_use]
    pub fn counters() -> &'static [AtomicU8] {
        let (start, end) = TOLD.lock().map_or((0, 0), |t| t.counters);
        if start == 0 {
            return &[];
        }
        // SAFETY: a section of this program, which is written by its code at any time: read by atomic loads,
        // by which what this thread counted is read.
        unsafe { slice::from_raw_parts(start as *const AtomicU8, end - start) }
    }

    /// Where the edge of each counter leads: an address in this program's file.
    #[must_use]
    pub fn addresses() -> Vec<u64> {
        unsafe extern "C" {
            static __ehdr_start: u8;
        }
        let (start, end) = TOLD.lock().map_or((0, 0), |t| t.pcs);
        if start == 0 {
            return Vec::new();
        }
        let (base, pairs) = (&raw const __ehdr_start as usize, (end - start) / 16);
        // SAFETY: a section of this program: pairs of an address and flags.
        let table = unsafe { slice::from_raw_parts(start as *const [usize; 2], pairs) };
        table.iter().map(|[pc, _]| (pc - base) as u64).collect()
    }

    /// Sets all counters to zero.
    pub fn clear() {
        for c in counters() {
            c.store(0, Ordering::Relaxed);
        }
    }
}
