//! The JIT: this process translates, persistent workers under qemu-riscv64 execute.
//!
//! The workers are felix itself, cross-built by `riscv-qemu/build.sh` and started by
//! `riscv-qemu/run.sh`, with the CPU that QEMU_CPU names. `FELIX_WORKER` names another command.

use super::Runner;
use anyhow::{Context, Result, ensure};
use felix::exec::jit::JitEngine;
use felix::lower::FpMode;
use felix::replay::worker::{Code, Job, greeting, read_frame, write_frame};
use felix::replay::{After, Case, CaseCode};
use felix::rv64::HostIsa;
use felix::x86::GuestAddr;
use std::borrow::Cow;
use std::io::{BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// See the module's head.
pub struct Jit {
    workers: Vec<Worker>,
    baseline: bool,
}

struct Worker {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    isa: HostIsa,
    /// Whether cases are run with code made instruction by instruction.
    baseline: bool,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Jobs sent to a worker at a time: many, because every time two processes wait for each other; not
/// all, because those sent with one that kills the worker are run again.
const WINDOW: usize = 64;

impl Worker {
    fn start(baseline: bool) -> Result<Worker> {
        let command =
            std::env::var("FELIX_WORKER").unwrap_or_else(|_| "riscv-qemu/run.sh worker".into());
        let mut words = command.split_whitespace();
        let mut process = Command::new(words.next().context("FELIX_WORKER is empty")?)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| {
                format!(
                    "starting {command}: run riscv-qemu/build.sh from the top of the checkout first"
                )
            })?;
        let input = process.stdin.take().context("a pipe")?;
        let mut output = BufReader::new(process.stdout.take().context("a pipe")?);
        let hello = greeting(&mut output).with_context(|| {
            format!("{command}: run riscv-qemu/build.sh, and try the command by hand")
        })?;
        let isa = hello
            .isa
            .parse()
            .map_err(|e| anyhow::anyhow!("{}: {e}", hello.isa))?;
        Ok(Worker {
            process,
            input,
            output,
            isa,
            baseline,
        })
    }

    fn job<'a>(&self, case: &'a Case) -> Job<'a> {
        let made = || {
            JitEngine::translate(
                &CaseCode::of(case),
                self.isa,
                FpMode::of(case.before.mxcsr),
                GuestAddr(case.before.rip.0),
            )
        };
        Job {
            case: Cow::Borrowed(case),
            code: match self.baseline {
                true => Code::Baseline,
                false => Code::Made(made().ok().flatten()),
            },
        }
    }

    /// Runs cases; a case that kills the worker gets none, and the worker is started anew.
    fn run(&mut self, cases: &[&Case]) -> Result<Vec<Option<After>>> {
        let mut out = Vec::with_capacity(cases.len());
        for batch in cases.chunks(WINDOW) {
            if let Ok(results) = self.exchange(batch) {
                out.extend(results.into_iter().map(Some));
                continue;
            }
            *self = Worker::start(self.baseline)?;
            for case in batch {
                let result = self.exchange(&[case]);
                if result.is_err() {
                    *self = Worker::start(self.baseline)?;
                }
                out.push(result.ok().and_then(|mut v| v.pop()));
            }
        }
        Ok(out)
    }

    fn exchange(&mut self, cases: &[&Case]) -> Result<Vec<After>> {
        let jobs: Vec<Job<'_>> = cases.iter().map(|c| self.job(c)).collect();
        let mut frame = Vec::new();
        write_frame(&mut frame, &jobs)?;
        self.input.write_all(&frame)?;
        let answers: Vec<After> = read_frame(&mut self.output)?.context("the worker ended")?;
        ensure!(answers.len() == cases.len(), "the worker left out a case");
        Ok(answers)
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
                .map(|_| Worker::start(baseline))
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
