//! felix's differential fuzzing harness: random instruction sequences through felix's engines and
//! through reference machines, registers, flags and memory compared.

mod arena;
mod bench;
mod campaign;
mod cause;
mod compare;
mod coverage;
mod edges;
mod engines;
mod fuzz;
mod generate;
mod page;
mod reduce;
mod report;
mod sys;

use anyhow::{Context, Result, ensure};
use arena::Arena;
use campaign::summary::Summary;
use campaign::{Config, Shards, Store, Until, parse_time};
use clap::{Parser, Subcommand};
use compare::{Exclusions, read_cases};
use coverage::{Counts, Item, Universe};
use edges::Edges;
use engines::{Interp, Runner, native::Native, runner, unicorn::Unicorn};
use felix::lift::ROWS;
use felix::replay::{Case, Hex64};
use generate::Generator;
use iced_x86::{InstructionInfoFactory, Mnemonic};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::slice::from_ref;
use std::time::Duration;

/// Differential fuzzing of felix's engines against Unicorn and this machine's own CPU.
#[derive(Parser)]
#[command(name = "harness", version, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Generate cases and compare; exit status 1 if anything differs.
    Fuzz {
        /// How many cases.
        #[arg(long, default_value_t = 100_000)]
        cases: u64,
        /// Where the random numbers start; the same seed gives the same run.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Engines to test.
        #[arg(long, value_delimiter = ',', default_value = "interp")]
        engines: Vec<String>,
        /// Oracles to ask.
        #[arg(long, value_delimiter = ',', default_value = "native,unicorn")]
        oracles: Vec<String>,
        /// Only these mnemonics.
        #[arg(long, num_args = 1..)]
        only: Vec<String>,
        /// The longest sequence.
        #[arg(long, default_value_t = 32)]
        length: usize,
        /// Where to write reduced differences.
        #[arg(long, default_value = "target/differences")]
        out: PathBuf,
        /// Stop after this many differences.
        #[arg(long, default_value_t = 10)]
        stop_after: usize,
    },
    /// Run recorded cases on an engine and compare with what they expect.
    Replay {
        /// Case files.
        files: Vec<PathBuf>,
        /// The engine.
        #[arg(long, default_value = "interp")]
        engine: String,
    },
    /// Record cases for every row into corpus/insn, with what the oracle says.
    Record {
        /// Cases a row.
        #[arg(long, default_value_t = 10)]
        cases: usize,
        /// Where the random numbers start.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Only these mnemonics.
        #[arg(long, num_args = 1..)]
        only: Vec<String>,
        /// The corpus.
        #[arg(long, default_value = "corpus/insn")]
        out: PathBuf,
    },
    /// Write into cases made by hand what the oracles say: both, where Unicorn knows the instructions.
    Expect {
        /// Case files, of one case each.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Reduce a case that differs to its smallest form, on standard output.
    Reduce {
        /// The case file.
        file: PathBuf,
        /// The engine.
        #[arg(long, default_value = "interp")]
        engine: String,
        /// The oracle.
        #[arg(long, default_value = "native")]
        oracle: String,
    },
    /// Fuzz for hours, on several cores and machines; killed at any point it goes on where it was.
    ///
    /// Exit status 1 means that something differed; the same command then still goes on.
    Campaign {
        /// Where its state and its differences are kept.
        #[arg(long)]
        out: PathBuf,
        /// How long it runs, all its starts together, e.g. 8h or 1h30m.
        #[arg(long, value_parser = parse_time, required_unless_present = "cases")]
        time: Option<Duration>,
        /// How many cases instead, in all shards together.
        #[arg(long, conflicts_with = "time")]
        cases: Option<u64>,
        /// Processes; default: one a core.
        #[arg(long)]
        jobs: Option<usize>,
        /// Which part of the campaign: I/N, the Ith of N.
        #[arg(long, default_value = "1/1")]
        shard: Shards,
        /// Where the random numbers start.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Engines to test.
        #[arg(long, value_delimiter = ',', default_value = "interp")]
        engines: Vec<String>,
        /// Oracles to ask.
        #[arg(long, value_delimiter = ',', default_value = "native,unicorn")]
        oracles: Vec<String>,
        /// The longest sequence.
        #[arg(long, default_value_t = 32)]
        length: usize,
        /// Independent sequences of cases, in all shards together: as many processes can take part.
        #[arg(long, default_value_t = 64)]
        lanes: u32,
        /// Cases of a lane between two checkpoints.
        #[arg(long, default_value_t = 1024)]
        round: u64,
        /// Go by the branch edges of felix's translator that cases reach: the harness is to be the one
        /// that ci/edges.sh builds.
        #[arg(long)]
        edges: bool,
    },
    /// Join the shards of one campaign.
    Merge {
        /// The shards' directories.
        #[arg(required = true)]
        dirs: Vec<PathBuf>,
        /// The directory to make.
        #[arg(long)]
        out: PathBuf,
    },
    /// A campaign as one page: differences, coverage, rate, and what has changed.
    Report {
        /// The campaign's directory.
        dir: PathBuf,
        /// The page to write.
        #[arg(long)]
        html: PathBuf,
        /// An earlier campaign to compare with.
        #[arg(long)]
        before: Option<PathBuf>,
    },
    /// Cases per second on this machine, for each engine with its oracles.
    Bench {
        /// How long each is measured.
        #[arg(long, value_parser = parse_time, default_value = "10s")]
        time: Duration,
        /// Processes; default: one a core.
        #[arg(long)]
        jobs: Option<usize>,
    },
    /// A process of a campaign; started by `campaign`.
    #[command(hide = true)]
    CampaignWorker {
        dir: PathBuf,
        #[arg(long)]
        job: usize,
        #[arg(long)]
        jobs: usize,
        #[arg(long, conflicts_with = "cases", required_unless_present = "cases")]
        seconds: Option<f64>,
        #[arg(long)]
        cases: Option<u64>,
    },
    /// Which rows and encodings the generator reaches, and which have recorded cases.
    Cover {
        /// How many cases to look at.
        #[arg(long, default_value_t = 100_000)]
        cases: u64,
        /// The corpus.
        #[arg(long, default_value = "corpus/insn")]
        corpus: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("harness: {e:#}");
            ExitCode::from(2)
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn until(time: Option<Duration>, cases: Option<u64>) -> Result<Until> {
    let until = time.map(Until::Time).or(cases.map(Until::Cases));
    until.context("--time or --cases is needed")
}

fn parse_mnemonics(names: &[String]) -> Result<Vec<Mnemonic>> {
    names
        .iter()
        .flat_map(|n| n.split(','))
        .map(|n| {
            Mnemonic::values()
                .find(|m| format!("{m:?}").eq_ignore_ascii_case(n))
                .with_context(|| format!("no mnemonic {n}"))
        })
        .collect()
}

fn run(command: Command) -> Result<bool> {
    match command {
        Command::Fuzz {
            cases,
            seed,
            engines,
            oracles,
            only,
            length,
            out,
            stop_after,
        } => {
            let jit = engines.iter().any(|e| e == "jit" || e == "baseline");
            let generator = Generator::new(&parse_mnemonics(&only)?, length, jit);
            ensure!(
                generator.codes().next().is_some(),
                "no cases are made of these mnemonics: see EXCLUDED and generated() in \
                 harness/src/generate.rs"
            );
            fuzz::fuzz(
                &generator, cases, seed, &engines, &oracles, &out, stop_after,
            )
        }
        Command::Replay { files, engine } => replay(&files, &engine),
        Command::Record {
            cases,
            seed,
            only,
            out,
        } => record(cases, seed, &parse_mnemonics(&only)?, &out),
        Command::Expect { files } => expect(&files),
        Command::Reduce {
            file,
            engine,
            oracle,
        } => {
            let case = read_cases(&file)?
                .into_iter()
                .next()
                .context("no case in the file")?;
            let mut arena = Arena::new(from_ref(&engine), from_ref(&oracle), 1)?;
            let small = arena.reduce(case, &engine, &oracle)?.case;
            println!("{}", serde_json::to_string_pretty(&small)?);
            Ok(true)
        }
        Command::Cover { cases, corpus } => cover(cases, &corpus),
        Command::Campaign {
            out,
            time,
            cases,
            jobs,
            shard,
            seed,
            engines,
            oracles,
            length,
            lanes,
            round,
            edges,
        } => {
            let mut config = Config::new(seed, engines, oracles, shard);
            if edges {
                config.edges = Some(Edges::new()?.fingerprint());
            }
            ensure!(lanes > 0 && round > 0, "--lanes and --round begin at 1");
            (config.length, config.lanes, config.round) = (length, lanes, round);
            let run = campaign::Run {
                until: until(time, cases)?,
                jobs: jobs.unwrap_or_else(cores),
                dir: out,
                quiet: false,
            };
            let summary = campaign::run(&config, &run)?;
            summary.print(&Store::read(&run.dir)?);
            Ok(summary.causes.is_empty() && summary.unreduced == 0)
        }
        Command::Merge { dirs, out } => {
            let summary = campaign::merge::merge(&dirs, &out)?;
            summary.print(&Store::read(&out)?);
            Ok(summary.causes.is_empty() && summary.unreduced == 0)
        }
        Command::Report { dir, html, before } => {
            let store = Store::read(&dir)?;
            let now = Summary::read(&store)?;
            let before = before
                .map(|b| Summary::read(&Store::read(&b)?))
                .transpose()?;
            let page = report::render(&store, &now, before.as_ref());
            std::fs::write(&html, page).with_context(|| format!("writing {}", html.display()))?;
            Ok(true)
        }
        Command::Bench { time, jobs } => {
            bench::bench(time, jobs.unwrap_or_else(cores))?;
            Ok(true)
        }
        Command::CampaignWorker {
            dir,
            job,
            jobs,
            seconds,
            cases,
        } => {
            let time = seconds.map(Duration::try_from_secs_f64).transpose()?;
            campaign::worker::work(&dir, (job, jobs), until(time, cases)?)?;
            Ok(true)
        }
    }
}

fn replay(files: &[PathBuf], engine: &str) -> Result<bool> {
    let mut e = runner(engine, 1)?;
    let (mut count, mut failed) = (0, 0);
    for file in files {
        for case in read_cases(file)? {
            let Some(expected) = &case.after else {
                continue;
            };
            count += 1;
            let Some(ours) = e.run(std::slice::from_ref(&case))?.pop().flatten() else {
                continue;
            };
            if !ours
                .differences(expected, case.undefined_flags.0)
                .is_empty()
            {
                failed += 1;
                println!("=== {}", file.display());
                print!(
                    "{}",
                    page::page(
                        &case,
                        (e.name(), &ours),
                        ("recorded", expected),
                        case.undefined_flags.0
                    )
                );
            }
        }
    }
    println!("{count} cases, {failed} differ");
    Ok(failed == 0)
}

fn expect(files: &[PathBuf]) -> Result<bool> {
    let exclusions = Exclusions::load()?;
    let (mut native, mut unicorn) = (Native::default(), Unicorn::new()?);
    for file in files {
        let mut case: Case = serde_json::from_str(&std::fs::read_to_string(file)?)
            .with_context(|| file.display().to_string())?;
        let one = std::slice::from_ref(&case);
        let answer = native.run(one)?.pop().flatten();
        let answer =
            answer.with_context(|| format!("{}: the CPU cannot be asked", file.display()))?;
        if let Some(other) = unicorn.run(one)?.pop().flatten() {
            ensure!(
                exclusions
                    .excuses("unicorn", &case, &answer, &other)
                    .is_some(),
                "{}: Unicorn differs from the CPU: {:?}",
                file.display(),
                other.differences(&answer, case.undefined_flags.0)
            );
        }
        case.after = Some(answer);
        generate::list(&mut case);
        std::fs::write(file, serde_json::to_string_pretty(&case)? + "\n")?;
    }
    Ok(true)
}

fn record(per_row: usize, seed: u64, only: &[Mnemonic], out: &Path) -> Result<bool> {
    let exclusions = Exclusions::load()?;
    let (mut native, mut unicorn) = (Native::default(), Unicorn::new()?);
    // The native child starts before this process maps the memory of cases.
    native.run(&[])?;
    let mut interp = Interp::new()?;
    let mut total = 0;
    for row in ROWS {
        if !only.is_empty() && !only.contains(&row.mnemonic) {
            continue;
        }
        let generator = Generator::new(&[row.mnemonic], 1, false);
        if generator.codes().next().is_none() {
            continue;
        }
        let mut cases = Vec::new();
        for index in 0..per_row as u64 * 20 {
            if cases.len() == per_row {
                break;
            }
            let mut case = generator.case(seed ^ (row.mnemonic as u64) << 32, index);
            forget_unused(&mut case);
            generate::list(&mut case);
            let one = std::slice::from_ref(&case);
            // What the CPU says counts; Unicorn stands in where the CPU could not be asked.
            let answer = match native.run(one)?.pop().flatten() {
                Some(a) => Some(("native", a)),
                None => unicorn.run(one)?.pop().flatten().map(|a| ("unicorn", a)),
            };
            let Some((oracle, answer)) = answer else {
                continue;
            };
            let ours = interp.run(one)?.pop().flatten();
            let excused = ours.as_ref().is_some_and(|o| {
                exclusions
                    .excuses(oracle, &case, o, &answer)
                    .is_some_and(|entries| !entries.is_empty())
            });
            let mostly_excused = index >= per_row as u64 * 10;
            case.after = match (excused, mostly_excused) {
                (false, _) => Some(answer),
                (true, true) => {
                    case.about = "CPUs may choose this: see harness/exclusions.toml".into();
                    ours
                }
                (true, false) => None,
            };
            if case.after.is_some() {
                cases.push(case);
            }
        }
        total += cases.len();
        let dir = out.join(row.family.name());
        std::fs::create_dir_all(&dir)?;
        let lines: Vec<String> = cases
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<_, _>>()?;
        let file = dir.join(format!("{:?}.json", row.mnemonic).to_lowercase());
        std::fs::write(file, format!("[\n{}\n]\n", lines.join(",\n")))?;
    }
    println!("{total} cases recorded");
    Ok(true)
}

/// Zeroes what the code does not mention, so that recorded cases are short.
fn forget_unused(case: &mut Case) {
    let mut factory = InstructionInfoFactory::new();
    let (mut gprs, mut xmms) = ([false; 16], [false; 16]);
    for insn in iced_x86::Decoder::with_ip(64, &case.code.0, case.before.rip.0, 0) {
        for r in factory.info(&insn).used_registers() {
            let full = r.register().full_register();
            if full.is_gpr64() {
                gprs[full.number()] = true;
            } else if full.is_vector_register() {
                xmms[full.number()] = true;
            }
        }
    }
    for i in 0..16 {
        if !gprs[i] {
            case.before.gpr[i] = Hex64(0);
        }
        if !xmms[i] {
            case.before.xmm[i] = [Hex64(0); 2];
            case.before.ymm_upper[i] = [Hex64(0); 2];
        }
    }
}

fn cover(cases: u64, corpus: &Path) -> Result<bool> {
    let generator = Generator::new(&[], 32, false);
    let universe = Universe::new(generator.codes());
    let mut counts = Counts::new(&universe);
    for i in 0..cases {
        counts.add_generated(&universe, &generator.case(1, i));
    }
    let missing: Vec<Item> = universe
        .items
        .iter()
        .zip(&counts.items)
        .filter_map(|(item, n)| (*n == 0).then_some(*item))
        .collect();
    println!(
        "{} of {} encodings and forms reached in {cases} cases",
        universe.items.len() - missing.len(),
        universe.items.len()
    );
    for m in &missing {
        println!("never generated: {m}");
    }
    let unrecorded: Vec<String> = ROWS
        .iter()
        .filter(|row| {
            let file = format!("{:?}.json", row.mnemonic).to_lowercase();
            !corpus.join(row.family.name()).join(file).exists()
        })
        .map(|row| format!("{:?}", row.mnemonic))
        .collect();
    println!(
        "rows without recorded cases: {}",
        if unrecorded.is_empty() {
            "none".into()
        } else {
            unrecorded.join(", ")
        }
    );
    Ok(true)
}
