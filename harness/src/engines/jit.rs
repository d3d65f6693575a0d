//! The JIT: this process translates, persistent workers under qemu-riscv64 execute.
//!
//! The workers are felix itself, cross-built by `riscv-qemu/build.sh` and started by
//! `riscv-qemu/run.sh`, with the CPU that QEMU_CPU names. `FELIX_WORKER` names another command.

use super::Runner;
use anyhow::{Context, Result};
use felix::exec::jit::JitEngine;
use felix::lower::FpMode;
use felix::replay::worker::{Code, Frames, Job, greeting};
use felix::replay::{After, Case, CaseCode};
use felix::rv64::HostIsa;
use felix::x86::GuestAddr;
use std::borrow::Cow;
use std::io::{BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;

/// See the module's head.
pub struct Jit {
    workers: Vec<Worker>,
    baseline: bool,
}

struct Worker {
    link: Link,
    /// Makes another when a case has killed it.
    start: Arc<dyn Fn() -> Result<Link> + Send + Sync>,
    /// Whether cases are run with code made instruction by instruction.
    baseline: bool,
}

/// A worker's process, and the pipes to it.
struct Link {
    process: Process,
    input: Box<dyn Write + Send>,
    output: Box<dyn Read + Send>,
    isa: HostIsa,
}

/// Killed when dropped.
struct Process(Option<Child>);

impl Process {
    fn kill(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Jobs sent to a worker at a time: many, because every time two processes wait for each other; not
/// all, because those sent with one that kills the worker are run again.
const WINDOW: usize = 64;

impl Link {
    /// Starts the process.
    fn start() -> Result<Link> {
        let command =
            std::env::var("FELIX_WORKER").unwrap_or_else(|_| "riscv-qemu/run.sh worker".into());
        let mut words = command.split_whitespace();
        let mut child = Command::new(words.next().context("FELIX_WORKER is empty")?)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| {
                format!(
                    "starting {command}: run riscv-qemu/build.sh from the top of the checkout first"
                )
            })?;
        let input = child.stdin.take().context("a pipe")?;
        let mut output = BufReader::new(child.stdout.take().context("a pipe")?);
        let process = Process(Some(child));
        let hello = greeting(&mut output).with_context(|| {
            format!("{command}: run riscv-qemu/build.sh, and try the command by hand")
        })?;
        let isa = hello
            .isa
            .parse()
            .map_err(|e| anyhow::anyhow!("{}: {e}", hello.isa))?;
        Ok(Link {
            process,
            input: Box::new(input),
            output: Box::new(output),
            isa,
        })
    }
}

impl Worker {
    fn new(baseline: bool, start: Arc<dyn Fn() -> Result<Link> + Send + Sync>) -> Result<Worker> {
        Ok(Worker {
            link: start()?,
            start,
            baseline,
        })
    }

    /// Runs cases; a case that kills the worker gets none, and the worker is started anew.
    fn run(&mut self, cases: &[&Case]) -> Result<Vec<Option<After>>> {
        let mut out: Vec<Option<After>> = Vec::with_capacity(cases.len());
        while out.len() < cases.len() {
            out.extend(self.answers(&cases[out.len()..]).into_iter().map(Some));
            let rest = &cases[out.len()..];
            if rest.is_empty() {
                break;
            }
            // One of the next frame's killed it.
            self.link = (self.start)()?;
            for case in rest.iter().take(WINDOW) {
                let answer = self.answers(&[case]).pop();
                if answer.is_none() {
                    self.link = (self.start)()?;
                }
                out.push(answer);
            }
        }
        Ok(out)
    }

    /// The worker's answers, up to a frame that it does not answer: then it is of no more use. It is sent
    /// the next frame while it works on the one before.
    fn answers(&mut self, cases: &[&Case]) -> Vec<After> {
        let (isa, baseline) = (self.link.isa, self.baseline);
        let input = &mut self.link.input;
        let (tell, sent) = channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut frames = Frames::default();
                for part in cases.chunks(WINDOW) {
                    let jobs: Vec<Job<'_>> = part.iter().map(|c| job(c, isa, baseline)).collect();
                    let Ok(frame) = frames.pack(&jobs) else {
                        return;
                    };
                    if tell.send(part.len()).is_err() || input.write_all(frame).is_err() {
                        return;
                    }
                }
            });
            let mut frames = Frames::default();
            let mut answers = Vec::with_capacity(cases.len());
            for n in sent {
                match frames.read::<Vec<After>>(&mut self.link.output) {
                    Ok(Some(part)) if part.len() == n => answers.extend(part),
                    _ => {
                        // The thread may be waiting for it to read.
                        self.link.process.kill();
                        break;
                    }
                }
            }
            answers
        })
    }
}

/// What a worker of this ISA is to do.
fn job(case: &Case, isa: HostIsa, baseline: bool) -> Job<'_> {
    let made = || {
        JitEngine::translate(
            &CaseCode::of(case),
            isa,
            FpMode::of(case.before.mxcsr),
            GuestAddr(case.before.rip.0),
        )
    };
    Job {
        case: Cow::Borrowed(case),
        code: match baseline {
            true => Code::Baseline,
            false => Code::Made(made().ok().flatten()),
        },
    }
}

impl Jit {
    /// Starts the workers: one a core, if this is the only process of the harness, and its share of
    /// them if it is one of `jobs`.
    ///
    /// # Errors
    /// If they cannot be started.
    pub fn new(jobs: usize) -> Result<Jit> {
        Jit::start(false, jobs)
    }

    /// Starts the workers, for code made instruction by instruction.
    ///
    /// # Errors
    /// If they cannot be started.
    pub fn baseline(jobs: usize) -> Result<Jit> {
        Jit::start(true, jobs)
    }

    fn start(baseline: bool, jobs: usize) -> Result<Jit> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let n = (cores / jobs.max(1)).clamp(1, 8);
        Ok(Jit {
            workers: (0..n)
                .map(|_| Worker::new(baseline, Arc::new(Link::start)))
                .collect::<Result<_>>()?,
            baseline,
        })
    }
}

impl Runner for Jit {
    fn name(&self) -> &'static str {
        if self.baseline { "baseline" } else { "jit" }
    }

    fn run(&mut self, cases: &[Case]) -> Result<Vec<Option<After>>> {
        // A worker that is given a case with the same pattern of memory as the last one's has less to do.
        let mut order: Vec<(usize, &Case)> = cases.iter().enumerate().collect();
        order.sort_by_key(|(_, c)| c.memory);
        let sorted: Vec<&Case> = order.iter().map(|(_, c)| *c).collect();
        let mut out = vec![None; cases.len()];
        for ((at, _), after) in order.iter().zip(self.share(&sorted)?) {
            out[*at] = after;
        }
        Ok(out)
    }
}

impl Jit {
    /// Runs cases, each worker its share of them.
    fn share(&mut self, cases: &[&Case]) -> Result<Vec<Option<After>>> {
        if cases.len() < 2 * self.workers.len() {
            return self.workers[0].run(cases);
        }
        let share = cases.len().div_ceil(self.workers.len());
        std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .workers
                .iter_mut()
                .zip(cases.chunks(share))
                .map(|(w, part)| scope.spawn(move || w.run(part)))
                .collect();
            let mut out = Vec::with_capacity(cases.len());
            for t in threads {
                out.extend(
                    t.join()
                        .map_err(|_| anyhow::anyhow!("a worker's thread panicked"))??,
                );
            }
            Ok(out)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use felix::replay::{CODE, DATA, Hex64, HexBytes, Registers, Stop};
    use felix::x86::CpuState;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// RAX of cases that kill the worker.
    const KILLS: u64 = u64::MAX;

    fn case(rax: u64) -> Case {
        let mut cpu = CpuState {
            rip: CODE,
            ..CpuState::default()
        };
        cpu.gpr[0] = rax;
        Case {
            about: String::new(),
            listing: Vec::new(),
            code: HexBytes(vec![0xcc]),
            before: Registers::of(&cpu),
            memory: 1,
            // Neither a frame nor its answers fit into a pipe.
            patches: vec![(Hex64(DATA), HexBytes(vec![7; 4000]))],
            undefined_flags: Hex64(0),
            after: None,
        }
    }

    /// Answers as a worker does, that ends with a case that kills it.
    fn serve(r: &mut dyn Read, w: &mut dyn Write) {
        let mut frames = Frames::default();
        while let Ok(Some(jobs)) = frames.read::<Vec<Job<'_>>>(r) {
            if jobs.iter().any(|j| j.case.before.gpr[0].0 == KILLS) {
                return;
            }
            let answer = |job: &Job<'_>| After {
                stop: Stop {
                    vector: 3,
                    addr: None,
                    write: false,
                },
                registers: job.case.before.clone(),
                memory: job.case.patches.clone(),
            };
            let answers: Vec<After> = jobs.iter().map(answer).collect();
            if Frames::default().write(w, &answers).is_err() {
                return;
            }
        }
    }

    #[test]
    fn a_case_that_kills_the_worker_costs_only_itself() {
        let starts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&starts);
        let start = move || -> Result<Link> {
            counted.fetch_add(1, Ordering::Relaxed);
            let ((mut jobs, input), (output, mut answers)) = (std::io::pipe()?, std::io::pipe()?);
            std::thread::spawn(move || serve(&mut jobs, &mut answers));
            Ok(Link {
                process: Process(None),
                input: Box::new(input),
                output: Box::new(output),
                isa: HostIsa::default(),
            })
        };
        let mut worker = Worker::new(true, Arc::new(start)).unwrap();
        // In the first frame, in the middle of one, two in one, in the last.
        let kills = [3, 200, 300, 301, 399];
        let rax = |n: u64| if kills.contains(&n) { KILLS } else { n };
        let cases: Vec<Case> = (0..400).map(|n| case(rax(n))).collect();
        let answers = worker.run(&cases.iter().collect::<Vec<_>>()).unwrap();
        let found: Vec<Option<u64>> = answers
            .iter()
            .map(|a| a.as_ref().map(|a| a.registers.gpr[0].0))
            .collect();
        let expected: Vec<Option<u64>> = (0..400)
            .map(|n| (!kills.contains(&n)).then_some(n))
            .collect();
        assert_eq!(found, expected);
        // Once at first, once for each frame of the four with such a case, once for each case.
        assert_eq!(starts.load(Ordering::Relaxed), 1 + 4 + kills.len());
    }
}
