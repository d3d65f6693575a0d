//! The command line: what the user says, turned into what `run` does, and errors into exit statuses.

mod config;
mod dump;
mod host;
mod progress;
mod rootfs;
mod run;
mod settings;
mod shell;

use crate::error::Error;
use crate::lift::ROWS;
use crate::lift::table::row_for;
use crate::personality::linux::table::{self, Handler};
use crate::replay;
use crate::setup::settings::{Key, Settings};
use crate::x86::cpuid;
use clap::{Parser, Subcommand};
use iced_x86::Code;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Runs x86-64 Linux programs on RISC-V Linux machines.
#[derive(Debug, Parser)]
#[command(name = "felix", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What every program starts with: to make all the other commands' options costs more than the rest of the start.
#[derive(Debug, Parser)]
#[command(name = "felix")]
struct RunCli {
    #[command(subcommand)]
    command: RunCommand,
}

#[derive(Debug, Subcommand)]
enum RunCommand {
    Run(run::RunArgs),
}

/// What the arguments ask for. What is wrong with them, and all help, is said by the whole of `Cli`.
fn parse() -> Result<Command, clap::Error> {
    if std::env::args_os().nth(1).is_some_and(|a| a == "run")
        && let Ok(cli) = RunCli::try_parse()
    {
        let RunCommand::Run(args) = cli.command;
        return Ok(Command::Run(args));
    }
    Cli::try_parse().map(|cli| cli.command)
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a program.
    Run(run::RunArgs),
    /// Work inside a guest root: a login shell, or a command.
    Shell(shell::ShellArgs),
    /// Make, keep and remove guest roots.
    Rootfs(rootfs::RootfsArgs),
    /// Show and change settings.
    Config {
        #[command(subcommand)]
        command: config::ConfigCommand,
    },
    /// Have the kernel start felix for x86-64 programs.
    Binfmt {
        #[command(subcommand)]
        command: host::BinfmtCommand,
    },
    /// Say whether this host can run felix, and how well.
    Doctor(host::DoctorArgs),
    /// Show what a sequence of instructions becomes.
    Dump(DumpArgs),
    /// List instructions and system calls with their support.
    List {
        /// Only the system calls, as a table in Markdown.
        #[arg(long)]
        markdown: bool,
    },
    /// Internal: executes what the harness translates.
    #[command(hide = true)]
    Worker {
        /// Host ISA extensions to use instead of those found.
        #[arg(long, value_name = "LIST")]
        host_isa: Option<String>,
    },
}

fn worker(host_isa: Option<&str>) -> Result<(), Error> {
    let isa = run::host_isa(host_isa)?;
    let (mut r, mut w) = (std::io::stdin().lock(), std::io::stdout().lock());
    replay::worker::serve(isa, &mut r, &mut w).map_err(|source| Error::Host {
        what: "felix worker".into(),
        source,
    })
}

/// Options of `felix dump`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("input").required(true))]
#[command(group = clap::ArgGroup::new("stage"))]
pub struct DumpArgs {
    /// The instructions' bytes in hexadecimal.
    #[arg(long, group = "input", value_name = "HEX")]
    pub bytes: Option<String>,
    /// A file with the instructions' bytes.
    #[arg(long, group = "input", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Show the IR.
    #[arg(long, group = "stage")]
    pub ir: bool,
    /// Show the RISC-V code.
    #[arg(long, group = "stage")]
    pub rv64: bool,
    /// Host ISA extensions to generate for.
    #[arg(long, value_name = "LIST")]
    pub host_isa: Option<String>,
}

/// The instructions of 64-bit mode that felix does not have, by name, and the CPUID features they need.
fn missing() -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for code in Code::values() {
        let info = code.op_code();
        let name = format!("{:?}", code.mnemonic()).to_lowercase();
        if !info.is_instruction() || !info.mode64() || row_for(code.mnemonic()).is_some() {
            continue;
        }
        let features: Vec<_> = code.cpuid_features().to_vec();
        let needs = features.iter().map(|f| format!("{f:?}"));
        let needs = needs.collect::<Vec<_>>().join(" and ");
        let why = if features.iter().all(|f| cpuid::implements(*f)) {
            if info.fwait() {
                "WAIT and the instruction that does not wait".to_owned()
            } else if info.must_be_cpl0() {
                "#UD instead of #GP: for privilege level 0".to_owned()
            } else {
                "#UD".to_owned()
            }
        } else {
            format!("#UD: CPUID does not show {needs}")
        };
        // The oldest encoding says it best.
        out.entry(name).or_insert(why);
    }
    out
}

/// The page of the documentation about system calls.
fn syscalls(out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "| number | name | support | |\n|---|---|---|---|")?;
    for r in table::TABLE {
        let (level, why) = r.level.words();
        let errno = match r.handler {
            Handler::Refused(e) => format!("{e:?}: "),
            _ => String::new(),
        };
        writeln!(out, "| {} | {} | {level} | {errno}{why} |", r.nr, r.name)?;
    }
    Ok(())
}

fn list(markdown: bool) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let print = |out: &mut std::io::StdoutLock<'_>| -> std::io::Result<()> {
        for row in ROWS {
            let name = format!("{:?}", row.mnemonic).to_lowercase();
            writeln!(
                out,
                "instruction {name:14} {:8} {}",
                row.family.name(),
                row.doc
            )?;
        }
        for (name, why) in missing() {
            writeln!(out, "missing {name:18} {why}")?;
        }
        for f in cpuid::FEATURES {
            writeln!(out, "feature {}", f.name)?;
        }
        for r in table::TABLE {
            let (level, why) = r.level.words();
            let why = match r.handler {
                Handler::Refused(e) => format!("{e:?}: {why}"),
                _ => why.to_owned(),
            };
            let line = format!("syscall {:3} {:24} {level:7} {why}", r.nr, r.name);
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    };
    let printed = if markdown {
        syscalls(&mut out)
    } else {
        print(&mut out)
    };
    match printed {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Host {
            what: "standard output".into(),
            source: e,
        }),
        _ => Ok(()),
    }
}

fn start_log(settings: &Settings) {
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .with_ansi(false);
    match settings.text(Key::Log).map(EnvFilter::try_new) {
        Some(Ok(filter)) => log.with_env_filter(filter).init(),
        // Mostly there is none, and to make one would cost each start. A wrong one has been refused.
        _ => log.with_max_level(LevelFilter::WARN).init(),
    }
}

/// For commands without settings.
fn log_as_variables_say() -> Result<(), Error> {
    let mut settings = Settings::default();
    settings
        .take_variables(|name| std::env::var_os(name))
        .map_err(Error::Usage)?;
    start_log(&settings);
    Ok(())
}

/// Writes to standard output; a reader that has gone is no error.
fn print(text: &str) -> Result<(), Error> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Host {
            what: "standard output".into(),
            source: e,
        }),
        _ => Ok(()),
    }
}

fn run_command(command: Command) -> Result<ExitCode, Error> {
    let done = match command {
        Command::Run(args) => run::run(args).map(|never| match never {}),
        Command::Shell(args) => shell::shell(args).map(|never| match never {}),
        Command::Rootfs(args) => rootfs::rootfs(args),
        Command::Config { command } => config::config(command),
        Command::Binfmt { command } => return host::binfmt(command),
        Command::Doctor(args) => return host::doctor(args),
        Command::Dump(args) => dump::dump(&args),
        Command::List { markdown } => list(markdown),
        Command::Worker { host_isa } => {
            log_as_variables_say().and_then(|()| worker(host_isa.as_deref()))
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let result = match crate::sys::host::exec_fd() {
        Some(fd) => {
            host::started_by_kernel(i32::try_from(fd).unwrap_or(-1)).map(|never| match never {})
        }
        None => match parse() {
            Ok(command) => run_command(command),
            Err(e) => {
                let _ = e.print();
                return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
            }
        },
    };
    result.unwrap_or_else(|e| {
        eprintln!("felix: {e}");
        ExitCode::from(e.exit_status())
    })
}
