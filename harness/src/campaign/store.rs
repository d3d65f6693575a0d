//! A campaign's directory: reading and writing its files so that a kill at any point, or a loss of power,
//! leaves either the old content or the new.
//!
//! Does not know what a round is. A file is replaced by a rename, after its content is on the disk; the
//! progress files are appended to, and a last line that was not written to its end does not count.

use super::config::Config;
use super::lane::Lane;
use super::summary::Summary;
use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// See the module's head.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    /// What the directory belongs to.
    pub config: Config,
    /// Held by who works here, not by readers.
    lock: Option<File>,
}

/// How far a campaign was at some time.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds since 1970.
    pub at: u64,
    /// Seconds that the campaign had been running, all starts together.
    pub elapsed: f64,
    /// Cases until then.
    pub cases: u64,
}

impl Sample {
    /// One for now.
    #[must_use]
    pub fn now(elapsed: Duration, cases: u64) -> Sample {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Sample {
            at: since.map_or(0, |d| d.as_secs()),
            elapsed: elapsed.as_secs_f64(),
            cases,
        }
    }
}

/// A progress file that is being written.
pub struct Progress(File);

impl Progress {
    /// Adds a line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(&mut self, sample: &Sample) -> Result<()> {
        let line = serde_json::to_string(sample)? + "\n";
        self.0.write_all(line.as_bytes())?;
        self.0.sync_data().context("writing the progress file")
    }
}

/// How long to wait for who holds the lock: workers whose parent was killed end after their round.
const PATIENCE: Duration = Duration::from_secs(20);

impl Store {
    /// The directory of a campaign, made if it is not there, for working in it.
    ///
    /// # Errors
    /// If it is another campaign's, or somebody works in it.
    pub fn open(dir: &Path, config: &Config) -> Result<Store> {
        fs::create_dir_all(dir.join("lanes"))
            .and_then(|()| fs::create_dir_all(dir.join("progress")))
            .with_context(|| format!("making {}", dir.display()))?;
        let lock = Some(take_lock(dir)?);
        let file = dir.join("campaign.json");
        if file.exists() {
            let there: Config = read_json(&file)?;
            if let Some(why) = there.difference("there", config, "now") {
                bail!(
                    "{} has another campaign: {why}; go on with that one, or name another directory",
                    dir.display()
                );
            }
        } else {
            replace(&file, &serde_json::to_vec_pretty(config)?)?;
        }
        Ok(Store {
            dir: dir.to_owned(),
            config: config.clone(),
            lock,
        })
    }

    /// The directory of a campaign, for reading.
    ///
    /// # Errors
    /// If it is none.
    pub fn read(dir: &Path) -> Result<Store> {
        let file = dir.join("campaign.json");
        let config = read_json(&file).with_context(|| {
            format!(
                "{} is no campaign: `harness campaign` makes them",
                dir.display()
            )
        })?;
        Ok(Store {
            dir: dir.to_owned(),
            config,
            lock: None,
        })
    }

    /// Takes the lock of a directory that is only read, so that nobody changes it.
    ///
    /// # Errors
    /// If somebody works there.
    pub fn hold(&mut self) -> Result<()> {
        self.lock = Some(take_lock(&self.dir)?);
        Ok(())
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The lock, for a worker to hold as its standard input.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn lock(&self) -> Result<Stdio> {
        let lock = self.lock.as_ref().context("the lock is not held")?;
        Ok(lock.try_clone()?.into())
    }

    /// A lane as it was after its last round.
    ///
    /// # Errors
    /// If the file is damaged: no kill does that.
    pub fn lane(&self, lane: u32) -> Result<Option<Lane>> {
        let file = self.lane_file(lane);
        match file.exists() {
            true => read_json(&file).map(Some),
            false => Ok(None),
        }
    }

    /// Keeps a lane.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, lane: &Lane) -> Result<()> {
        replace(&self.lane_file(lane.lane), &serde_json::to_vec(lane)?)
    }

    fn lane_file(&self, lane: u32) -> PathBuf {
        self.dir.join(format!("lanes/{lane:04}.json"))
    }

    /// The progress file of these shards, to go on with it.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn progress(&self) -> Result<Progress> {
        let shards = self.config.shards.to_string().replace('/', "of");
        let file = self.dir.join(format!("progress/{shards}.jsonl"));
        let open = || -> io::Result<File> {
            let mut f = OpenOptions::new().append(true).create(true).open(&file)?;
            let text = fs::read(&file)?;
            if text.last().is_some_and(|b| *b != b'\n') {
                f.write_all(b"\n")?;
            }
            Ok(f)
        };
        let f = open().with_context(|| format!("opening {}", file.display()))?;
        Ok(Progress(f))
    }

    /// What the progress files have, one list for each shard that was run by itself.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn samples(&self) -> Result<Vec<Vec<Sample>>> {
        let mut all = Vec::new();
        for file in self.files("progress")? {
            let text = fs::read_to_string(&file)?;
            // A line that broke off is no sample.
            let samples = text.lines().filter_map(|l| serde_json::from_str(l).ok());
            all.push(samples.collect());
        }
        Ok(all)
    }

    /// The files of a folder of it, sorted.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn files(&self, folder: &str) -> Result<Vec<PathBuf>> {
        let dir = self.dir.join(folder);
        if !dir.exists() {
            return Ok(Vec::new());
        }
        let files = fs::read_dir(&dir).with_context(|| format!("reading {}", dir.display()))?;
        let files = files.map(|e| e.map(|e| e.path()));
        let mut files: Vec<PathBuf> = files.collect::<io::Result<_>>()?;
        files.retain(|f| f.extension().is_some_and(|e| e != "part"));
        files.sort();
        Ok(files)
    }

    /// Keeps where edges are.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep_edges(&self, lines: &[(String, u32)]) -> Result<()> {
        replace(&self.edges_file(), &serde_json::to_vec(lines)?)
    }

    /// Where the edges are: file and line of each. None if they do not guide this campaign.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn edges(&self) -> Result<Vec<(String, u32)>> {
        match self.config.edges {
            Some(_) => read_json(&self.edges_file()),
            None => Ok(Vec::new()),
        }
    }

    /// Whether where they are is kept.
    #[must_use]
    pub fn has_edges(&self) -> bool {
        self.edges_file().exists()
    }

    fn edges_file(&self) -> PathBuf {
        self.dir.join("edges.json")
    }

    /// The file of the case that shows a cause.
    #[must_use]
    pub fn case_file(&self, key: &str) -> PathBuf {
        self.dir.join(format!("differences/{key}.json"))
    }

    /// The file of the `n`th case that differed once and not again.
    #[must_use]
    pub fn once(&self, n: usize) -> PathBuf {
        self.case_file(&format!("once-{n}"))
    }

    /// Writes a case for every cause.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn publish(&self, summary: &Summary) -> Result<()> {
        if summary.causes.is_empty() && summary.once.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(self.dir.join("differences"))?;
        let causes = summary.causes.iter();
        let causes = causes.map(|(key, cause)| (self.case_file(key), &cause.case));
        let once = summary.once.iter().enumerate();
        let once = once.map(|(n, case)| (self.once(n), case));
        for (file, case) in causes.chain(once) {
            let text = serde_json::to_vec_pretty(case)?;
            if fs::read(&file).ok().as_ref() != Some(&text) {
                replace(&file, &text)?;
            }
        }
        Ok(())
    }
}

fn take_lock(dir: &Path) -> Result<File> {
    let file = dir.join("lock");
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file)
        .with_context(|| format!("opening {}", file.display()))?;
    let started = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(TryLockError::WouldBlock) => bail!(
                "somebody works in {}: wait for that campaign to end, or stop it",
                dir.display()
            ),
            Err(TryLockError::Error(e)) => {
                return Err(e).with_context(|| format!("locking {}", file.display()));
            }
        }
    }
}

fn read_json<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| {
        format!(
            "{} is damaged, or another version's: restore it, or begin anew elsewhere",
            file.display()
        )
    })
}

/// Replaces a file: afterwards, and whenever killed, it has the old content or the new.
pub fn replace(file: &Path, content: &[u8]) -> Result<()> {
    let part = file.with_extension("part");
    let write = || -> io::Result<()> {
        let mut f = File::create(&part)?;
        f.write_all(content)?;
        f.sync_all()?;
        fs::rename(&part, file)?;
        // The name is on the disk when the directory is.
        match file.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    };
    write().with_context(|| format!("writing {}", file.display()))
}
