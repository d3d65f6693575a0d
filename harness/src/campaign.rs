//! Campaigns: fuzzing for hours, on several cores and machines, that survives being killed.
//!
//! A campaign is split into *lanes*, a fixed number. A lane is a sequence of *rounds* of cases, and each
//! round depends on the seed, the lane and what the rounds before it have covered, on nothing else:
//! not on time, other lanes, or how many processes there are. A *shard* has every Nth lane, and a
//! directory; `merge` puts the lanes of several shards into one directory.
//!
//! | file | |
//! |---|---|
//! | `campaign.json` | the configuration; never changed |
//! | `lanes/N.json` | all a lane has found; replaced after every round, atomically |
//! | `edges.json` | with `--edges`: file and line of each edge |
//! | `progress/IofN.jsonl` | a line from time to time: for the report, and for how much time is left |
//! | `differences/*.json` | a case for each cause; made from the lanes |
//! | `lock` | held while somebody works here |
//!
//! Invariants: a lane's file is at all times that of a whole number of rounds, so being killed costs the
//! round that was running, which is run again and comes out the same. Only one process and its
//! workers, which inherit the lock, write to a directory.

mod config;
mod lane;
pub mod merge;
mod store;
pub mod summary;
pub mod worker;

pub use config::{Config, Shards, parse_time};
pub use store::{Sample, Store};

use crate::edges::Edges;
use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use summary::Summary;

/// When a campaign is over.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After it has run for so long, all its starts together.
    Time(Duration),
    /// When all lanes of all shards together have this many cases, or a few more: whole rounds.
    Cases(u64),
}

/// How a campaign is run, beside what it is.
#[derive(Debug)]
pub struct Run {
    /// Its directory.
    pub dir: PathBuf,
    /// Its end.
    pub until: Until,
    /// Processes.
    pub jobs: usize,
    /// Print nothing but errors.
    pub quiet: bool,
}

/// Between two samples: often enough for a curve, and few in a long campaign.
fn interval(until: Until) -> Duration {
    match until {
        Until::Time(t) => (t / 500).clamp(Duration::from_secs(1), Duration::from_secs(60)),
        Until::Cases(_) => Duration::from_secs(2),
    }
}

/// What the workers' threads tell.
enum News {
    /// A round is over: cases in it, and whether it found a new cause.
    Round(u64, bool),
    /// A worker has closed its output.
    End,
}

/// The workers; killed when dropped, which costs them the round they are in.
struct Workers(Vec<Child>);

impl Drop for Workers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a campaign until it is over, or goes on with it.
///
/// # Errors
/// If the directory is another campaign's or somebody works in it, or a worker failed.
pub fn run(config: &Config, run: &Run) -> Result<Summary> {
    let store = Store::open(&run.dir, config)?;
    if config.edges.is_some() && !store.has_edges() {
        store.keep_edges(&Edges::new()?.lines)?;
    }
    let before = Summary::read(&store)?;
    let progress = store.progress()?;
    let lanes = config.own_lanes().count();
    ensure!(
        lanes > 0,
        "shard {} has no lane: there are {}, use no more shards than that",
        config.shards,
        config.lanes
    );
    let jobs = run.jobs.clamp(1, lanes);
    let (tell, news) = channel();
    let started = Instant::now();
    let left = match run.until {
        Until::Time(t) => t.saturating_sub(before.elapsed),
        Until::Cases(_) => Duration::MAX,
    };
    if !run.quiet {
        println!(
            "{}: seed {}, engines {}, oracles {}, shard {}, {jobs} processes",
            run.dir.display(),
            config.seed,
            config.engines.join(","),
            config.oracles.join(","),
            config.shards
        );
        if before.cases > 0 {
            println!("going on after {} cases", before.cases);
        }
    }
    let mut workers = Workers(Vec::new());
    if !left.is_zero() {
        for job in 0..jobs {
            let child = start(&store, run, (job, jobs), left, tell.clone())?;
            workers.0.push(child);
        }
    }
    drop(tell);
    let mut watch = Watch {
        bar: bar(run, config, before.elapsed)?,
        run,
        store: &store,
        progress,
        before: &before,
        started,
        cases: before.cases,
    };
    watch.until_over(&news, workers.0.len())?;
    for mut child in std::mem::take(&mut workers.0) {
        let status = child.wait()?;
        ensure!(
            status.success(),
            "a worker failed ({status}): see above; the same command goes on where it was"
        );
    }
    watch.bar.finish_and_clear();
    watch.sample()?;
    let summary = Summary::read(&store)?;
    store.publish(&summary)?;
    Ok(summary)
}

/// Starts one worker and a thread that listens to it.
fn start(
    store: &Store,
    run: &Run,
    (job, jobs): (usize, usize),
    left: Duration,
    tell: Sender<News>,
) -> Result<Child> {
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    command.arg("campaign-worker").arg(&run.dir);
    command.args(["--job", &job.to_string(), "--jobs", &jobs.to_string()]);
    match run.until {
        Until::Time(_) => command.args(["--seconds", &left.as_secs_f64().to_string()]),
        Until::Cases(n) => command.args(["--cases", &n.to_string()]),
    };
    // The lock belongs to the open file: as long as one worker lives, nobody else gets it.
    let mut child = command
        .stdin(store.lock()?)
        .stdout(Stdio::piped())
        .spawn()
        .context("starting a worker")?;
    let output = child.stdout.take().context("a pipe")?;
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(round) = worker::parse(&line) {
                let _ = tell.send(News::Round(round.cases, round.new));
            }
        }
        let _ = tell.send(News::End);
    });
    Ok(child)
}

fn bar(run: &Run, config: &Config, before: Duration) -> Result<ProgressBar> {
    if run.quiet || !std::io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let bar = match run.until {
        Until::Time(t) => ProgressBar::new(t.as_secs()).with_style(ProgressStyle::with_template(
            "{elapsed_precise} {wide_bar} {msg}",
        )?),
        Until::Cases(n) => ProgressBar::new(config.cases_of(n)).with_style(
            ProgressStyle::with_template("{pos}/{len} cases {wide_bar} {msg}")?,
        ),
    };
    Ok(bar.with_elapsed(before))
}

/// Shows and records how a campaign goes.
struct Watch<'a> {
    bar: ProgressBar,
    run: &'a Run,
    store: &'a Store,
    progress: store::Progress,
    before: &'a Summary,
    started: Instant,
    cases: u64,
}

impl Watch<'_> {
    fn until_over(&mut self, news: &Receiver<News>, mut running: usize) -> Result<()> {
        let interval = interval(self.run.until);
        let mut sampled = Instant::now();
        while running > 0 {
            match news.recv_timeout(interval) {
                Ok(News::Round(cases, new)) => {
                    self.cases += cases;
                    if new {
                        self.store.publish(&Summary::read(self.store)?)?;
                    }
                }
                Ok(News::End) => running -= 1,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("the workers are gone"),
            }
            self.show();
            if sampled.elapsed() >= interval {
                self.sample()?;
                sampled = Instant::now();
            }
        }
        Ok(())
    }

    fn rate(&self) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64();
        (self.cases - self.before.cases) as f64 / seconds.max(0.001)
    }

    fn elapsed(&self) -> Duration {
        self.before.elapsed + self.started.elapsed()
    }

    fn show(&self) {
        self.bar.set_position(match self.run.until {
            Until::Time(_) => self.elapsed().as_secs(),
            Until::Cases(_) => self.cases,
        });
        self.bar
            .set_message(format!("{} cases, {:.0}/s", self.cases, self.rate()));
    }

    /// A line in the progress file, and one to read where there is no bar.
    fn sample(&mut self) -> Result<()> {
        let elapsed = self.elapsed();
        self.progress.append(&Sample::now(elapsed, self.cases))?;
        if self.bar.is_hidden() && !self.run.quiet && self.cases > self.before.cases {
            println!(
                "{} s, {} cases, {:.0} cases/s",
                elapsed.as_secs(),
                self.cases,
                self.rate()
            );
        }
        Ok(())
    }
}
