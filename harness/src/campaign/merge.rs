//! Shards of one campaign in one directory: `harness merge`.
//!
//! A lane belongs to one shard, so merging is copying; nothing is added up. The result is what one
//! big run would have left.

use super::config::Shards;
use super::store::{Store, replace};
use super::summary::Summary;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// Joins shards into `out`, which must not exist.
///
/// # Errors
/// If they are not different shards of one campaign, somebody works in one, or `out` cannot be made.
pub fn merge(dirs: &[PathBuf], out: &Path) -> Result<Summary> {
    ensure!(
        !out.exists(),
        "{} is there already: name a new directory, or remove it",
        out.display()
    );
    let mut stores = dirs
        .iter()
        .map(|d| Store::read(d))
        .collect::<Result<Vec<_>>>()?;
    let shards = join(&stores)?;
    for store in &mut stores {
        store.hold()?;
    }
    let mut config = stores[0].config.clone();
    config.shards = shards;
    // Made aside and renamed, so that a merge that was killed is not taken for a smaller campaign.
    let mut name = out
        .file_name()
        .context("--out names no directory")?
        .to_owned();
    name.push(".part");
    let part = out.with_file_name(name);
    if part.exists() {
        fs::remove_dir_all(&part).with_context(|| format!("removing {}", part.display()))?;
    }
    for store in &stores {
        for folder in ["lanes", "progress"] {
            fs::create_dir_all(part.join(folder))?;
            for file in store.files(folder)? {
                let name = file.file_name().context("a file has a name")?;
                let content =
                    fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
                replace(&part.join(folder).join(name), &content)?;
            }
        }
    }
    if config.edges.is_some() {
        let lines = stores[0].edges()?;
        replace(&part.join("edges.json"), &serde_json::to_vec(&lines)?)?;
    }
    replace(
        &part.join("campaign.json"),
        &serde_json::to_vec_pretty(&config)?,
    )?;
    fs::rename(&part, out).with_context(|| format!("making {}", out.display()))?;
    let store = Store::read(out)?;
    let summary = Summary::read(&store)?;
    store.publish(&summary)?;
    Ok(summary)
}

/// The shards of all, if they can be joined.
fn join(stores: &[Store]) -> Result<Shards> {
    let (first, rest) = stores
        .split_first()
        .context("nothing to merge: name the shards")?;
    let mut shards = first.config.shards.clone();
    for (n, store) in rest.iter().enumerate() {
        let (a, b) = (
            first.dir().display().to_string(),
            store.dir().display().to_string(),
        );
        let (here, there) = (format!("in {a}"), format!("in {b}"));
        if let Some(why) = first.config.contradiction(&here, &store.config, &there) {
            bail!("{a} and {b} are no shards of one campaign: {why}");
        }
        let Some(joined) = shards.join(&store.config.shards) else {
            let before = stores[..=n].iter().find(|s| {
                let (x, y) = (&s.config.shards, &store.config.shards);
                x.of != y.of || !x.have.is_disjoint(&y.have)
            });
            let before = before.unwrap_or(first);
            bail!(
                "{} has shard {} and {b} has shard {}: they overlap, name each shard once",
                before.dir().display(),
                before.config.shards,
                store.config.shards
            );
        };
        shards = joined;
    }
    Ok(shards)
}
