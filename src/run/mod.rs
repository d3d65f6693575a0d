//! The process loop: carries what passes between an engine and the personality.
//!
//! One `Runner` is one guest thread on one host thread. It alone sees both sides: it runs the engine to its next
//! exit, lets the personality handle it, tells the engine which code is gone, makes threads and processes, and
//! ends them. Signals are delivered here and nowhere else: after every exit, before guest code runs on.

mod memory;
mod sequence;
mod thread;

pub use memory::GuestMemory;

use crate::error::Error;
use crate::exec::sequence::Steps;
use crate::exec::{Engine, Exit};
use crate::kernel::exec::{self, ExecError, Program};
use crate::kernel::process::Peer;
use crate::kernel::seccomp::Seccomp;
use crate::kernel::trace::event;
use crate::kernel::{Options, Process, Task, tracer, vfs::Fs};
use crate::mem::space::{Changes, space};
use crate::personality::linux::{self, Ctx, Flow, signal, traced};
use crate::sys::signal::Mailbox;
use crate::sys::{Errno, host};
use crate::x86::{CpuState, Fault, Gpr, GuestAddr};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A program to run.
#[derive(Debug)]
pub struct Job {
    /// Path resolution.
    pub fs: Fs,
    /// Options that outlive the program.
    pub options: Options,
    /// Path of the program as the guest sees it.
    pub path: OsString,
    /// The program, already open.
    pub file: Option<OwnedFd>,
    /// Arguments, `argv[0]` first.
    pub argv: Vec<OsString>,
    /// Environment.
    pub envp: Vec<Vec<u8>>,
    /// The filters the program inherits.
    pub seccomp: Seccomp,
    /// Its personality(2), if the host has not kept it.
    pub personality: Option<u32>,
}

impl From<ExecError> for Error {
    fn from(e: ExecError) -> Error {
        let path = PathBuf::from(OsString::from_vec(e.path));
        match e.errno {
            // A missing interpreter is a program that cannot be run, as a shell sees it.
            Errno::ENOENT if !e.why.contains("interpreter") => Error::NotFound { path },
            _ => Error::CannotRun { path, why: e.why },
        }
    }
}

/// One guest thread.
struct Runner {
    process: Arc<Process>,
    task: Task,
    cpu: Box<CpuState>,
    engine: Box<dyn Engine + Send>,
    /// Of its restartable sequences.
    steps: Steps,
}

/// Why a thread's loop ended.
enum End {
    Thread(i32),
    Process(i32),
    /// By this signal, the thread alone.
    Killed(i32),
}

/// Runs a program on an engine until the guest ends, and with it felix.
///
/// # Errors
/// If the program cannot be started; afterwards the process ends with the guest's status.
pub fn run(job: Job, engine: Box<dyn Engine + Send>) -> Result<std::convert::Infallible, Error> {
    if host::page_size() != crate::mem::space::PAGE {
        return Err(Error::Usage(format!(
            "this host's pages are {} bytes; felix needs 4096: boot a kernel with 4 KiB pages",
            host::page_size()
        )));
    }
    let fail = |what: &str| {
        let what = what.to_string();
        move |source| Error::Host { what, source }
    };
    job.fs
        .enter()
        .map_err(|e| fail("cannot enter the rootfs")(e.io()))?;
    let process = Arc::new(Process::new(Arc::new(job.options)));
    let fs = Arc::new(job.fs);
    let argv: Vec<Vec<u8>> = job.argv.into_iter().map(OsString::into_vec).collect();
    let program = exec::plan(&fs, libc::AT_FDCWD, job.path.as_bytes(), job.file, argv)?;

    crate::sys::start::restore_sigpipe();
    signal::inherit(&process).map_err(|e| fail("cannot install signal handlers")(e.io()))?;
    crate::sys::fault::install().map_err(fail("cannot install the fault handler"))?;
    tracer::show_started();
    let peer = Arc::new(Peer {
        seccomp: job.seccomp,
        personality: AtomicU32::new(exec::inherited_personality(job.personality)),
        ..Peer::default()
    });
    process.peers().push(peer.clone());
    let task = Task::new(host::gettid(), crate::sys::signal::mask(), fs, peer);
    let mut runner = Runner {
        process,
        task,
        cpu: Box::default(),
        engine,
        steps: Steps::default(),
    };
    runner.start(&program, &job.envp)?;
    drop(program);
    crate::sys::start::restore_closed();
    crate::sys::limit::restore();
    let mut cpu = std::mem::take(&mut runner.cpu);
    match runner.attached(&runner.task.mailbox.clone(), &mut cpu) {
        End::Process(status) => host::exit_group(status),
        End::Thread(status) => host::exit_thread(status),
        End::Killed(sig) => crate::sys::thread::exit_killed(sig),
    }
}

impl Runner {
    /// Loads a program and points the registers at its start (System V ABI AMD64 supplement, 3.4.1).
    fn start(&mut self, program: &Program, envp: &[Vec<u8>]) -> Result<(), ExecError> {
        let mut changes = Changes::new();
        let start = exec::load(
            &self.process,
            program,
            envp,
            &linux::abi_info(),
            &mut changes,
        );
        self.invalidate(changes);
        let start = start?;
        *self.cpu = CpuState::default();
        self.cpu.rip = start.entry;
        self.cpu.set_reg(Gpr::RSP, start.sp);
        Ok(())
    }

    fn invalidate(&mut self, changes: Changes) {
        for c in changes {
            self.engine.invalidate(GuestAddr(c.start), c.end - c.start);
        }
    }

    /// Runs the thread to its end, as the guest thread this host thread is.
    fn attached(&mut self, mailbox: &Mailbox, cpu: &mut CpuState) -> End {
        crate::sys::signal::attached(mailbox, cpu, |c| &c.poll, |cpu| self.until_end(cpu))
    }

    fn until_end(&mut self, cpu: &mut CpuState) -> End {
        crate::sys::signal::set_mask(self.task.mask);
        self.with(cpu, traced::begin);
        loop {
            let mut exit = self.engine.run(cpu);
            if let Exit::Fault(Fault::Page(f)) = exit
                && f.fetch
            {
                exit = self.sequence(cpu, f).unwrap_or(exit);
            }
            self.task.call = u64::MAX;
            let flow = self.with(cpu, |ctx| match exit {
                Exit::Syscall => linux::syscall(ctx),
                Exit::Fault(f) => signal::fault(ctx, f),
                Exit::Interrupted => {}
            });
            if self.task.trace.on()
                && let Flow::ExitThread(status) | Flow::ExitGroup(status) = flow
            {
                let message = crate::sys::cast::reg((status & 0xff) << 8);
                self.with(cpu, |ctx| traced::event(ctx, event::EXIT, message));
            }
            match flow {
                Flow::Continue => {}
                Flow::ExitThread(status) => return self.exit_thread(status),
                Flow::ExitGroup(status) => return self.exit_process(status),
                Flow::KillThread(sig) => {
                    return match self.exit_thread(128 + sig) {
                        End::Thread(_) => End::Killed(sig),
                        _ => crate::sys::signal::die_by(sig),
                    };
                }
                Flow::Clone(args) => {
                    let r = self.clone_task(cpu, &args);
                    let rax = match r {
                        Ok(id) => id,
                        Err(e) => crate::sys::cast::reg(-e.0),
                    };
                    cpu.set_reg(Gpr::RAX, rax);
                }
                Flow::Exec(e) => self.exec_in_place(cpu, e),
            }
            if self.task.trace.fresh {
                self.with(cpu, traced::begin);
            } else if self.task.trace.on() && exit == Exit::Syscall {
                self.with(cpu, traced::exit);
            }
            self.with(cpu, signal::deliver);
        }
    }

    /// Lets the personality do something, and tells the engine which code is gone by it.
    fn with(&mut self, cpu: &mut CpuState, f: impl FnOnce(&mut Ctx<'_>)) -> Flow {
        let mut ctx = Ctx::new(&self.process, &mut self.task, cpu);
        f(&mut ctx);
        let changes = std::mem::take(&mut ctx.changes);
        let flow = std::mem::take(&mut ctx.flow);
        self.invalidate(changes);
        flow
    }

    fn exit_process(&self, status: i32) -> End {
        // What a child of vfork has is its parent's.
        if !self.process.borrowed_memory {
            self.task.peer.seccomp.leave_listeners();
            for p in self.process.peers().iter() {
                p.seccomp.leave_listeners();
            }
        }
        if self.process.options.stats {
            let stats = self.engine.stats();
            let memory = match memory::own_bytes() {
                Some(n) => format!("memory: {} KiB of felix itself\n", n / 1024),
                None => String::new(),
            };
            host::write_stderr(format!("{}\n{memory}", stats.trim_end()).as_bytes());
        }
        End::Process(status)
    }

    /// Replaces the program without executing felix again. There is one thread. From the point of no return on, failure kills, as
    /// in Linux.
    fn exec_in_place(&mut self, cpu: &mut CpuState, e: exec::Exec) {
        let plan = exec::plan(&self.task.fs, libc::AT_FDCWD, &e.path, e.file, e.argv);
        let kept = plan.and_then(|mut p| match p.keep_files() {
            Ok(()) => Ok(p),
            Err(errno) => Err(ExecError {
                errno,
                path: e.path.clone(),
                why: "no descriptor is left for it".into(),
            }),
        });
        let program = match kept {
            Ok(p) => p,
            Err(e) => {
                cpu.set_reg(Gpr::RAX, crate::sys::cast::reg(-e.errno.0));
                return;
            }
        };
        if let Some(rseq) = self.task.rseq.take() {
            rseq.release();
        }
        exec::close_on_exec();
        signal::reset(&self.process);
        let mut changes = Changes::new();
        space().clear(&mut changes);
        self.invalidate(changes);
        self.task.altstack = Default::default();
        self.task.clear_child_tid = 0;
        self.task.robust_list = 0;
        self.task.restart = None;
        self.task.dispatch = None;
        let said = self.task.peer.personality.load(Ordering::Relaxed);
        let says = exec::inherited_personality(Some(said));
        self.task.peer.personality.store(says, Ordering::Relaxed);
        if let Err(e) = self.start(&program, &e.envp) {
            tracing::error!("{}: {}", String::from_utf8_lossy(&e.path), e.why);
            crate::sys::signal::die_by(libc::SIGSEGV);
        }
        let fresh = std::mem::take(&mut self.cpu);
        let poll = cpu.poll.load(Ordering::Acquire);
        *cpu = *fresh;
        cpu.poll.store(poll, Ordering::Release);
        if self.task.trace.on() {
            self.with(cpu, traced::executed);
        }
    }
}
