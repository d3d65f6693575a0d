//! A run of so many cases from one seed: `harness fuzz`. Nothing is kept of it but the differences.

use crate::arena::Arena;
use crate::compare::Verdict;
use crate::generate::{self, Generator};
use crate::{page, sys};
use anyhow::{Context, Result};
use felix::replay::Case;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;
use std::time::Instant;

/// Cases generated and run together.
pub const BATCH: u64 = 512;

/// Compares `cases` cases; true if nothing differs.
///
/// # Errors
/// If an engine or oracle cannot be started or breaks, or a difference cannot be written to `out`.
pub fn fuzz(
    generator: &Generator,
    cases: u64,
    seed: u64,
    engines: &[String],
    oracles: &[String],
    out: &Path,
    stop_after: usize,
) -> Result<bool> {
    let mut arena = Arena::new(engines, oracles, 1)?;
    let bar = ProgressBar::new(cases).with_style(
        ProgressStyle::with_template("{pos}/{len} cases {bar:40} {per_sec} {msg}")
            .context("bar")?,
    );
    println!(
        "seed {seed}, {cases} cases, engines {}, oracles {}",
        engines.join(","),
        oracles.join(",")
    );
    let start = Instant::now();
    let (mut agreed, mut unknown) = (0u64, 0u64);
    let mut found: Vec<String> = Vec::new();
    let mut done = 0;
    'all: while done < cases {
        let n = BATCH.min(cases - done);
        let batch: Vec<Case> = (done..done + n).map(|i| generator.case(seed, i)).collect();
        let results = arena.run(&batch)?;
        for ((case, outcomes), index) in batch.iter().zip(&results).zip(done..) {
            match arena.judge(case, outcomes) {
                Verdict::Agree => agreed += 1,
                Verdict::Unknown => unknown += 1,
                Verdict::Differ { engine, oracle, .. } => {
                    found.push(bar.suspend(|| {
                        let number = found.len() + 1;
                        println!("\n=== difference {number}: case {index} of seed {seed}");
                        let file = out.join(format!("{seed}-{index}.json"));
                        difference(&mut arena, case, (engine, oracle), &file)
                    })?);
                    if found.len() >= stop_after {
                        break 'all;
                    }
                }
            }
        }
        done += n;
        bar.set_position(done);
    }
    bar.finish_and_clear();
    let rate = done as f64 / start.elapsed().as_secs_f64();
    println!(
        "{done} cases, {agreed} agreed, {unknown} without oracle, {} differences, {rate:.0} cases/s",
        found.len()
    );
    for (i, n) in &arena.used {
        let e = &arena.exclusions.exclusion[*i];
        println!(
            "excused {n} times: {} {}",
            e.oracle,
            e.evidence.trim_end_matches(".json")
        );
    }
    if !arena.unicorn_wrong.is_empty() {
        let list: Vec<String> = arena
            .unicorn_wrong
            .iter()
            .map(|(m, n)| format!("{m} {n}"))
            .collect();
        println!(
            "Unicorn disagrees with the CPU, unexplained: {}",
            list.join(", ")
        );
    }
    // Last, where those look who are told that something failed.
    if !found.is_empty() {
        println!("on {}:", sys::cpu_name());
        found.iter().for_each(|line| println!("{line}"));
    }
    Ok(found.is_empty())
}

/// Reduces a case, prints its page and writes it to a file. What it is in one line.
fn difference(
    arena: &mut Arena,
    case: &Case,
    (engine, oracle): (&str, &str),
    file: &Path,
) -> Result<String> {
    let mut what = "not when asked again".to_owned();
    // What differs once and never again cannot be reduced; it is shown as it is.
    let small = match arena.reduce(case.clone(), engine, oracle) {
        Ok(small) => {
            if let Some(theirs) = &small.case.after {
                let undefined = small.case.undefined_flags.0;
                what = small.ours.differences(theirs, undefined).join(", ");
                let ours = (engine, &small.ours);
                print!(
                    "{}",
                    page::page(&small.case, ours, (oracle, theirs), undefined)
                );
            }
            small.case
        }
        Err(e) => {
            println!("{e:#} when asked again");
            let mut case = case.clone();
            generate::list(&mut case);
            case
        }
    };
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(file, serde_json::to_string_pretty(&small)?)?;
    println!(
        "replay: cargo run --release -p harness -- replay {}",
        file.display()
    );
    let listing = small.listing.join("; ");
    Ok(format!("{engine} differs from {oracle}: {listing}: {what}"))
}
