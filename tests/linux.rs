//! What Linux promises to programs: the C programs of `tests/guest/AREA`, one call or behaviour each, compiled here, run
//! natively and then under felix; standard output and exit status must be equal.
//!
//! Which felix: as in `tests/programs.rs`. A program whose source has a line `// qemu-user: WHY` needs what qemu-user
//! cannot do: with a RISC-V CPU it is ignored, and its name says so (`--ignored` runs those all the same). With a line
//! `// rootfs: too` it runs under felix a second time, in a rootfs that has nothing but it.
//! Each run has an empty directory of its own to work in.

mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::Ended;

/// How long a program may take under felix.
const LIMIT: Duration = Duration::from_secs(120);
/// And natively.
const NATIVE_LIMIT: Duration = Duration::from_secs(10);
/// The compiler's options. Bad pointers and sizes are what is tested.
const OPTIONS: &[&str] = &[
    "-O1",
    "-Werror",
    "-Wno-stringop-overread",
    "-Wno-stringop-overflow",
    "-Wno-unused-result",
    "-Wno-nonnull",
    "-Wno-array-bounds",
];

/// A test: a C file.
struct Program {
    /// `AREA/NAME`.
    name: String,
    source: PathBuf,
    /// Why not under qemu-user.
    only_native: Option<String>,
    /// Also in a rootfs.
    rooted: bool,
}

fn folder() -> PathBuf {
    support::top().join("tests/guest")
}

/// What is in a directory, in order.
fn list(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    Ok(paths)
}

fn find() -> Result<Vec<Program>, String> {
    let mut found = Vec::new();
    for area in list(&folder())?.into_iter().filter(|p| p.is_dir()) {
        for source in list(&area)? {
            if source.extension().is_none_or(|e| e != "c") {
                continue;
            }
            let text = std::fs::read_to_string(&source)
                .map_err(|e| format!("{}: {e}", source.display()))?;
            let why = |l: &str| l.strip_prefix("// qemu-user: ").map(str::to_owned);
            found.push(Program {
                name: format!(
                    "{}/{}",
                    area.file_name().unwrap_or_default().display(),
                    source.file_stem().unwrap_or_default().display()
                ),
                only_native: text.lines().find_map(why),
                rooted: text.lines().any(|l| l == "// rootfs: too"),
                source,
            });
        }
    }
    Ok(found)
}

/// The headers in a directory.
fn headers(dir: Option<&Path>) -> Result<Vec<PathBuf>, String> {
    let Some(dir) = dir else {
        return Ok(Vec::new());
    };
    let entries = std::fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let paths = entries.flatten().map(|e| e.path());
    let mut headers: Vec<PathBuf> = paths
        .filter(|p| p.extension().is_some_and(|e| e == "h"))
        .collect();
    headers.sort();
    Ok(headers)
}

fn compiled(program: &Program) -> Result<PathBuf, String> {
    // What the programs of an area share.
    let mut also = headers(program.source.parent())?;
    also.push(folder().join("check.h"));
    support::compiled(&program.name, OPTIONS, &also)
}

/// An empty directory that is gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("felix-guest-{}-{n}", std::process::id()));
        std::fs::create_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        Ok(Scratch(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(mut c: Command, scratch: &Scratch, limit: Duration) -> Result<Ended, String> {
    c.env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .current_dir(&scratch.0);
    support::run(&mut c, b"", limit)
}

fn natively(program: &Path) -> Result<Ended, String> {
    let mut c = Command::new(program);
    c.env_clear();
    run(c, &Scratch::new()?, NATIVE_LIMIT)
}

fn under_felix(program: &Path, cpu: Option<&str>, rooted: bool) -> Result<Ended, String> {
    let scratch = Scratch::new()?;
    let mut c = Command::new(support::felix(cpu));
    c.env_clear();
    support::on_cpu(&mut c, cpu);
    c.args([
        "run",
        "--engine",
        if cpu.is_some() { "jit" } else { "interp" },
    ]);
    if rooted {
        let inside = scratch.0.join("program");
        std::fs::copy(program, &inside).map_err(|e| format!("{}: {e}", inside.display()))?;
        c.arg("--rootfs").arg(&scratch.0).args(["--", "/program"]);
    } else {
        c.arg("--").arg(program);
    }
    run(c, &scratch, LIMIT)
}

/// What differs, line by line, with the line before for orientation.
fn differences(native: &[u8], felix: &[u8]) -> String {
    let text = |b| String::from_utf8_lossy(b).into_owned();
    let (native, felix) = (text(native), text(felix));
    let (a, b): (Vec<_>, Vec<_>) = (native.lines().collect(), felix.lines().collect());
    let mut out = String::new();
    let mut shown = 0;
    for n in 0..a.len().max(b.len()) {
        let (x, y) = (a.get(n), b.get(n));
        if x != y && shown < 12 {
            let line = |l: Option<&&str>| l.map_or("(nothing)".into(), |l| (*l).to_owned());
            out += &format!(
                "line {}\n  native: {}\n  felix:  {}\n",
                n + 1,
                line(x),
                line(y)
            );
            shown += 1;
        }
    }
    out
}

fn check(program: &Program, cpu: Option<&str>) -> Result<(), Failed> {
    let executable = compiled(program)?;
    let native = natively(&executable)?;
    if native.code() != Some(0) || native.stdout.is_empty() || !native.stderr.is_empty() {
        let why = format!(
            "the test is broken: natively {}; exit status 0, some output and no complaint expected\n{}{}",
            native.how(),
            String::from_utf8_lossy(&native.stdout),
            native.stderr
        );
        return Err(why.into());
    }
    compare(&native, &under_felix(&executable, cpu, false)?)?;
    if program.rooted {
        compare(&native, &under_felix(&executable, cpu, true)?)
            .map_err(|wrong| format!("in a rootfs: {wrong}"))?;
    }
    Ok(())
}

fn compare(native: &Ended, felix: &Ended) -> Result<(), String> {
    let mut wrong = String::new();
    if felix.status != native.status {
        wrong += &format!("{}; natively {}\n", felix.how(), native.how());
    }
    if felix.stdout != native.stdout {
        wrong += &differences(&native.stdout, &felix.stdout);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let lines: Vec<&str> = felix.stderr.lines().collect();
    let last = &lines[lines.len().saturating_sub(10)..];
    Err(format!("{wrong}stderr ends: {}", last.join("\n")))
}

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(2);
    let cpu = support::riscv_cpu();
    let missing = support::no_native_guests().or_else(|| cpu.as_ref().and(support::no_riscv()));
    if let Some(why) = missing {
        return support::left_out(&why);
    }
    let programs = match find() {
        Ok(p) => p,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::FAILURE;
        }
    };
    let trials = programs
        .into_iter()
        .map(|p| {
            let cpu = cpu.clone();
            let left_out = p.only_native.as_ref().filter(|_| cpu.is_some());
            let kind = left_out.map(|why| format!("PC only: {why}"));
            Trial::test(p.name.clone(), move || check(&p, cpu.as_deref()))
                .with_ignored_flag(kind.is_some())
                .with_kind(kind.unwrap_or_default())
        })
        .collect();
    libtest_mimic::run(&args, trials).exit_code()
}
