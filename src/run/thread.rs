//! Threads and processes of the guest (clone(2)).
//!
//! A thread is a host thread with an engine of its own. A process is a host fork. A child that shares memory without
//! being a thread (vfork, CLONE_VM) is the host's CLONE_VM | CLONE_VFORK child of a host thread that waits for
//! it: the guest's own thread for vfork, an otherwise idle one for plain CLONE_VM, so that thread-local storage
//! always has one user.

use super::{End, Runner};
use crate::exec::sequence::Steps;
use crate::kernel::task::AltStack;
use crate::kernel::trace::{self, Trace};
use crate::kernel::vfs::Fs;
use crate::kernel::{Task, tracer};
use crate::mem::space::{Resource, space};
use crate::personality::linux::{
    CloneArgs, Result, clone_flag as flag, signal as dispositions, traced,
};
use crate::sys::{Errno, guest, host, image, limit, namespace, signal, thread};
use crate::x86::{CpuState, Gpr, GuestAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

/// The host stack of a guest thread: felix's own code runs on it.
const STACK: usize = 2 << 20;

fn id(tid: i32) -> u64 {
    u64::from(tid.unsigned_abs())
}

/// The root and current directory of a child that shares memory and nothing else.
struct Lent {
    fs: Arc<Fs>,
    given: Fs,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.fs.abandon(&self.given);
    }
}

impl Runner {
    /// Makes what the guest's clone asks for; the new task's id. In a forked child it returns 0.
    pub(super) fn clone_task(&mut self, cpu: &mut CpuState, args: &CloneArgs) -> Result<u64> {
        let traced = self.task.trace.on();
        let waits = args.flags & flag::VFORK != 0 && args.flags & flag::VM != 0;
        if traced {
            // The host's events are told only while this thread waits for the child.
            self.task.trace.quiet(!waits);
            trace::expose(&mut self.task, cpu);
        }
        let made = self.make_task(cpu, args);
        if traced && made != Ok(0) {
            trace::done(&mut self.task);
        }
        let tid = made?;
        if args.flags & flag::PIDFD != 0 && tid != 0 {
            // A child that has ended by now and left nothing to wait for has no descriptor any more.
            let fd = host::pidfd_open(tid, args.flags & flag::THREAD != 0).unwrap_or(-1);
            guest::write_u32(GuestAddr(args.pidfd), fd.cast_unsigned())?;
        }
        if traced && !waits && tid != 0 {
            let (_, event) = traced::birth(args.flags, args.exit_signal);
            self.with(cpu, |ctx| traced::event(ctx, event, tid));
        }
        Ok(tid)
    }

    /// What the tracer of this thread, if it has one, is to a child.
    fn child_trace(&self, args: &CloneArgs) -> Trace {
        let (options, _) = traced::birth(args.flags, args.exit_signal);
        self.task.trace.for_child(options)
    }

    fn make_task(&mut self, cpu: &mut CpuState, args: &CloneArgs) -> Result<u64> {
        // Under a wrapper, which is qemu-user, a child never shares memory. As a copy it needs what a fork does, or it
        // would wait for locks that threads hold which it has not.
        let copied = self.process.options.wrapper.is_some();
        match args.flags & (flag::VM | flag::THREAD | flag::VFORK) {
            f if f & flag::THREAD != 0 => self.new_thread(cpu, args),
            f if f & flag::VM == 0 => self.fork(cpu, args),
            _ if copied => {
                let shares = flag::VM | flag::SIGHAND | flag::FS | flag::FILES | flag::SYSVSEM;
                let flags = args.flags & !shares;
                self.fork(cpu, &CloneArgs { flags, ..*args })
            }
            f if f & flag::VFORK != 0 => self.vfork(cpu, args),
            _ => self.share_memory(cpu, args),
        }
    }

    /// The registers a child starts with.
    fn child_cpu(cpu: &CpuState, args: &CloneArgs) -> Box<CpuState> {
        let mut child = Box::new(cpu.clone());
        Self::enter_child(&mut child, args);
        child
    }

    fn enter_child(cpu: &mut CpuState, args: &CloneArgs) {
        cpu.set_reg(Gpr::RAX, 0);
        if args.stack != 0 {
            cpu.set_reg(Gpr::RSP, args.stack);
        }
        if args.flags & flag::SETTLS != 0 {
            cpu.set_fs_base(args.tls);
        }
    }

    /// What a child does first, in itself.
    fn introduce(task: &mut Task, args: &CloneArgs) {
        if args.flags & flag::CHILD_SETTID != 0 {
            let _ = guest::write_u32(GuestAddr(args.child_tid), task.tid.unsigned_abs());
        }
        if args.flags & flag::CHILD_CLEARTID != 0 {
            task.clear_child_tid = args.child_tid;
        }
    }

    /// What a child with a mount namespace of its own does first, in itself.
    fn enter_namespace(task: &Task, args: &CloneArgs) {
        if args.flags & flag::NEWNS != 0
            && let Err(e) = task.fs.enter_namespace()
        {
            tracing::error!("the root cannot be mounted in a new mount namespace: {e}");
            signal::die_by(libc::SIGKILL);
        }
    }

    /// What the host has to do for a child that shares memory, and what it sends at the child's end.
    fn shared_flags(args: &CloneArgs) -> u64 {
        let own = flag::PARENT | flag::FS | flag::FILES | flag::INTO_CGROUP;
        args.flags & (namespace::ALL | own) | args.exit_signal
    }

    /// The root and current directory of a child that shares memory.
    fn child_fs(&self, args: &CloneArgs) -> Arc<Fs> {
        match args.flags & flag::FS {
            0 => Arc::new((*self.task.fs).clone()),
            _ => Arc::clone(&self.task.fs),
        }
    }

    /// What a thread does first that is to have something of its own which threads share else, or a cgroup: the host has made
    /// it with all of it shared.
    fn set_apart(args: &CloneArgs) -> Result<()> {
        let shared = flag::FS | flag::FILES | flag::SYSVSEM;
        let own = shared & !args.flags | args.flags & namespace::ALL;
        if own != 0 {
            namespace::unshare(own)?;
        }
        if args.flags & flag::INTO_CGROUP != 0 {
            namespace::enter_cgroup(args.cgroup)?;
        }
        Ok(())
    }

    fn parent_settid(args: &CloneArgs, tid: u64) {
        if args.flags & flag::PARENT_SETTID != 0 {
            let _ = guest::write_u32(GuestAddr(args.parent_tid), crate::sys::cast::low32(tid));
        }
    }

    fn new_thread(&mut self, cpu: &CpuState, args: &CloneArgs) -> Result<u64> {
        let args = *args;
        let child = Self::child_cpu(cpu, &args);
        let trace = self.child_trace(&args);
        let call = self.task.call;
        let (process, engine, mask, fs) = (
            self.process.clone(),
            self.engine.for_thread().map_err(|_| Errno::EAGAIN)?,
            self.task.mask,
            self.child_fs(&args),
        );
        let (send, receive) = mpsc::sync_channel(1);
        self.process.threads.fetch_add(1, Ordering::AcqRel);
        let peer = {
            // Under the lock: filters given to all threads meanwhile would miss it.
            let mut peers = self.process.peers();
            let peer = self.task.peer.child();
            peers.push(peer.clone());
            peer
        };
        let its = peer.clone();
        let body = move || {
            image::show_guest_thread();
            if let Err(e) = Self::set_apart(&args) {
                let _ = send.send(Err(e));
                return;
            }
            let mut task = Task::new(host::gettid(), mask, fs, its);
            Self::enter_namespace(&task, &args);
            task.altstack = AltStack::OFF;
            (task.trace, task.call) = (trace, call);
            let tid = id(task.tid);
            Self::parent_settid(&args, tid);
            Self::introduce(&mut task, &args);
            let _ = send.send(Ok(tid));
            let mut runner = Runner {
                process,
                task,
                cpu: Box::default(),
                engine,
                steps: Steps::default(),
            };
            let mut cpu = child;
            if let End::Process(status) = runner.attached(&runner.task.mailbox.clone(), &mut cpu) {
                host::exit_group(status);
            }
        };
        let made = match thread::spawn(STACK, body) {
            Ok(()) => receive.recv().unwrap_or(Err(Errno::EAGAIN)),
            Err(_) => Err(Errno::EAGAIN),
        };
        if made.is_err() {
            self.process.threads.fetch_sub(1, Ordering::AcqRel);
            self.process.remove_peer(&peer);
        }
        made
    }

    fn fork(&mut self, cpu: &mut CpuState, args: &CloneArgs) -> Result<u64> {
        // What the host has to do beside copying: namespaces, CLONE_FILES, CLONE_FS, CLONE_PARENT.
        let own = flag::SETTLS
            | flag::PARENT_SETTID
            | flag::CHILD_CLEARTID
            | flag::CHILD_SETTID
            | flag::PIDFD
            | flag::CLEAR_SIGHAND
            | flag::VFORK;
        let host_flags = args.flags & !own;
        let by_clone3 = flag::INTO_CGROUP | namespace::TIME;
        let special = args.id_count != 0 || args.flags & by_clone3 != 0;
        let process = Arc::clone(&self.process);
        let trace = self.child_trace(args);
        let pid = signal::blocked_to_fork(|| {
            // No other thread may hold them now: the child would wait for it for ever. Above `mem`, so before its lock.
            let above = (process.for_fork(), tracer::table());
            let guard = (space().for_fork(), limit::settled());
            let pid = if special {
                thread::fork_as(host_flags, args.exit_signal, &args.given())
            } else if host_flags | args.exit_signal == id(libc::SIGCHLD) {
                thread::fork()
            } else {
                namespace::fork(host_flags, args.exit_signal)
            };
            drop((guard, above));
            if pid == Ok(0) {
                // What is pending is the parent's.
                while self.task.mailbox.take().is_some() {}
                cpu.poll.store(0, Ordering::Release);
            }
            pid
        })?;
        if pid != 0 {
            Self::parent_settid(args, pid);
            return Ok(pid);
        }
        // If the parent had recorded one, everything is still blocked.
        signal::set_mask(self.task.mask);
        self.engine.after_fork();
        image::no_own_threads();
        self.task.set_tid(host::gettid());
        self.process = Arc::new(self.process.for_child(false, &self.task.peer));
        if args.flags & flag::CLEAR_SIGHAND != 0 {
            dispositions::reset(&self.process);
        }
        self.task.clear_child_tid = 0;
        self.task.robust_list = 0;
        self.task.deferred.clear();
        self.task.dispatch = None;
        if args.flags & flag::FILES != 0 {
            self.task.peer.seccomp.take_own_listeners();
        }
        if args.flags & flag::NEWNS != 0 {
            self.process.options.keep_felix();
        }
        Self::enter_namespace(&self.task, args);
        self.task.trace = trace;
        Self::enter_child(cpu, args);
        Self::introduce(&mut self.task, args);
        Ok(0)
    }

    /// The body of a child process that shares this process's memory. What the child needs is this process's and stays so: it
    /// ends where it calls execve(2) or is killed, and drops nothing.
    fn sharing_child(
        &self,
        cpu: &CpuState,
        args: &CloneArgs,
        mut told: impl FnMut(u64) + Send + 'static,
    ) -> Result<impl FnMut() + Send + 'static> {
        let args = *args;
        let mut child = Self::child_cpu(cpu, &args);
        let peer = self.task.peer.child();
        let process = Arc::new(self.process.for_child(true, &peer));
        let engine = self.engine.for_thread().map_err(|_| Errno::EAGAIN)?;
        let fs = self.child_fs(&args);
        let lent = (args.flags & flag::FS == 0).then(|| Lent {
            given: (*fs).clone(),
            fs: Arc::clone(&fs),
        });
        let mut task = Task::new(0, self.task.mask, fs, peer);
        // A vfork's child comes back to its parent's frames.
        task.altstack = if args.flags & flag::VFORK != 0 {
            self.task.altstack
        } else {
            AltStack::OFF
        };
        let mut runner = Runner {
            process,
            task,
            cpu: Box::default(),
            engine,
            steps: Steps::default(),
        };
        runner.task.trace = self.child_trace(&args);
        runner.task.call = self.task.call;
        let mailbox = runner.task.mailbox.clone();
        let mark = limit::Mark::now();
        Ok(move || {
            let _dropped_by_the_parent = &lent;
            mark.settle();
            runner.task.set_tid(host::gettid());
            Self::enter_namespace(&runner.task, &args);
            Self::introduce(&mut runner.task, &args);
            told(id(runner.task.tid));
            if args.flags & flag::CLEAR_SIGHAND != 0 {
                dispositions::reset(&runner.process);
            }
            match runner.attached(&mailbox, &mut child) {
                End::Process(status) | End::Thread(status) => host::exit_group(status),
                End::Killed(sig) => signal::die_by(sig),
            }
        })
    }

    fn vfork(&mut self, cpu: &CpuState, args: &CloneArgs) -> Result<u64> {
        let parent = *args;
        let body = self.sharing_child(cpu, args, move |tid| Self::parent_settid(&parent, tid))?;
        // Limits are a process's own, but the child's are kept in the memory that is shared.
        let limits = [Resource::Space, Resource::Data].map(|r| (r, space().limit(r)));
        let hard = limit::hard();
        let flags = Self::shared_flags(args);
        let made = signal::blocked(|| thread::vfork(flags, &args.given(), body));
        for (which, limit) in limits {
            space().set_limit(which, limit);
        }
        limit::set_hard(hard);
        let pid = made?;
        if args.flags & flag::NEWPID != 0 {
            // There the child knew itself by another.
            Self::parent_settid(args, pid);
        }
        Ok(pid)
    }

    /// CLONE_VM without CLONE_VFORK: an idle host thread waits for the child, and lends it its thread-local storage.
    fn share_memory(&mut self, cpu: &CpuState, args: &CloneArgs) -> Result<u64> {
        let (send, receive) = mpsc::sync_channel(1);
        let parent = *args;
        let flags = Self::shared_flags(args);
        let carrier_send = send.clone();
        let body = self.sharing_child(cpu, args, move |tid| {
            Self::parent_settid(&parent, tid);
            let _ = send.send(Ok(tid));
        })?;
        thread::spawn(STACK, move || {
            image::show_own_thread();
            // Where qemu-user made a fork of it, the child could tell only its own copy.
            let _ = carrier_send.try_send(thread::vfork(flags, &parent.given(), body));
        })?;
        receive.recv().unwrap_or(Err(Errno::EAGAIN))
    }

    /// exit(2): the end of one thread, and of the process with the last.
    pub(super) fn exit_thread(&mut self, status: i32) -> End {
        self.release_robust_list();
        if let Some(rseq) = self.task.rseq.take() {
            rseq.release();
        }
        self.process.remove_peer(&self.task.peer);
        if self.process.threads.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.clear_tid();
            return self.exit_process(status);
        }
        self.clear_tid();
        End::Thread(status)
    }

    /// set_tid_address(2): tells whoever joins that the thread has ended.
    fn clear_tid(&self) {
        let at = self.task.clear_child_tid;
        if at != 0 && guest::write_u32(GuestAddr(at), 0).is_ok() {
            host::futex_wake(at, 1);
        }
    }

    /// Marks the robust futexes this thread still holds (exit_robust_list in kernel/futex/core.c), before its memory may be
    /// reused; the host is told to forget the list.
    fn release_robust_list(&self) {
        const OWNER_DIED: u32 = 0x4000_0000;
        const WAITERS: u32 = 0x8000_0000;
        const TID: u32 = 0x3fff_ffff;
        let head = self.task.robust_list;
        if head == 0 {
            return;
        }
        let read = |at: u64| guest::read_u64(GuestAddr(at)).ok();
        // What inherits priority is handed on by the host as its own thread ends.
        let inherits = |entry: u64| entry & 1 != 0;
        let release = |entry: u64, offset: u64| {
            let at = (entry & !1).wrapping_add(offset);
            while let Ok(old) = guest::read_u32(GuestAddr(at)) {
                if old & TID != self.task.tid.unsigned_abs() {
                    return;
                }
                match guest::cas_u32(GuestAddr(at), old, old & WAITERS | OWNER_DIED) {
                    Ok(seen) if seen == old => {
                        if old & WAITERS != 0 && !inherits(entry) {
                            host::futex_wake(at, 1);
                        }
                        return;
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        };
        if let (Some(mut entry), Some(offset), Some(pending)) = (
            read(head),
            read(head.wrapping_add(8)),
            read(head.wrapping_add(16)),
        ) {
            for _ in 0..2048 {
                if entry & !1 == head {
                    break;
                }
                let next = read(entry & !1);
                if entry & !1 != pending & !1 {
                    release(entry, offset);
                }
                match next {
                    Some(n) => entry = n,
                    None => break,
                }
            }
            if pending != 0 {
                release(pending, offset);
            }
        }
        let _ = crate::sys::raw::syscall(libc::SYS_set_robust_list, [0, 24, 0, 0, 0, 0]);
    }
}
