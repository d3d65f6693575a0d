//! What a path costs: the host's system calls for each of the guest's in a rootfs, counted by ptrace(2). Natively each is
//! one; in the common case felix makes at most three of it. `cargo test --test paths -- --nocapture` prints the table.
//!
//! On the portable engine only: the calls are the same on both, and qemu-user adds its own.

mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
/// How often the path is used: below the limit of descriptors.
const TIMES: u64 = 200;
/// In the root: a path of five components, the same through a link, and one that is not there.
const FIVE: &str = "/usr/share/felix/data/file";
const LINKED: &str = "/lib/felix/data/file";
const MISSING: &str = "/usr/share/felix/data/none";

/// The first of them again, by the host's path, in /tmp as that is shared.
const SHARED: &str = "in /tmp";

/// The cases: what is done, with which path, and how many of the host's calls that may be, in tenths.
const CASES: [(&str, &str, u64); 8] = [
    ("open", FIVE, 30),
    ("open", SHARED, 30),
    ("open", LINKED, 30),
    ("entered-open", FIVE, 30),
    ("stat", FIVE, 60),
    ("create", FIVE, 70),
    ("missing", MISSING, 80),
    ("open", "/proc/self/maps", 230),
];

fn made(name: &str) -> Result<PathBuf, String> {
    support::compiled(name, &["-O1", "-Wno-unused-result"], &[])
}

/// A root with the paths in it.
struct Root(PathBuf);

impl Root {
    fn new(program: &Path, name: &str) -> std::io::Result<Root> {
        let name = name.replace(' ', "");
        let dir = Path::new("/tmp").join(format!("felix-paths-{}-{name}", std::process::id()));
        for d in ["bin", "proc", "dev", "sys", "usr/share/felix/data"] {
            std::fs::create_dir_all(dir.join(d))?;
        }
        std::os::unix::fs::symlink("usr/share", dir.join("lib"))?;
        std::fs::write(dir.join(&FIVE[1..]), "data")?;
        std::fs::copy(program, dir.join("bin/paths"))?;
        Ok(Root(dir))
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The host's system calls of the program that does `what` so many times; `None` if this machine does not allow it.
fn calls(
    counter: &Path,
    root: &Root,
    what: &str,
    times: u64,
    path: &str,
) -> Result<Option<u64>, String> {
    let out = root.0.join("calls");
    let mut c = Command::new(counter);
    c.arg(&out)
        .arg(env!("CARGO_BIN_EXE_felix"))
        .args(["run", "--engine", "interp", "--rootfs"]);
    let host = format!("{}{FIVE}", root.0.display());
    let used = if path == SHARED { &host } else { path };
    c.arg(&root.0)
        .args(["--", "/bin/paths", what, &times.to_string(), used]);
    let ended = support::run(&mut c, b"", LIMIT)?;
    match ended.code() {
        Some(0) => {}
        Some(3) => return Ok(None),
        _ => return Err(format!("{}: {}", ended.how(), ended.stderr)),
    }
    let text = std::fs::read_to_string(&out).map_err(|e| e.to_string())?;
    text.trim()
        .parse()
        .map(Some)
        .map_err(|e| format!("{text}: {e}"))
}

fn check(programs: &[PathBuf; 2], (what, path, most): (&str, &str, u64)) -> Result<(), Failed> {
    let [counter, program] = programs;
    let name = format!("{what}{}", path.replace('/', "-"));
    let root = Root::new(program, &name).map_err(|e| e.to_string())?;
    let (Some(none), Some(all)) = (
        calls(counter, &root, what, 0, path)?,
        calls(counter, &root, what, TIMES, path)?,
    ) else {
        println!("{what} {path}: not counted, a mount namespace takes privilege here");
        return Ok(());
    };
    let tenths = (all - none) * 10 / TIMES;
    let each = format!(
        "{what:14} {path:30} {}.{} calls of the host",
        tenths / 10,
        tenths % 10
    );
    println!("{each}");
    match tenths <= most {
        true => Ok(()),
        false => Err(format!("{each}; at most {}.{}", most / 10, most % 10).into()),
    }
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    if let Some(why) = support::no_native_guests() {
        return support::left_out(&why);
    }
    if support::riscv_cpu().is_some() {
        return ExitCode::SUCCESS;
    }
    let programs = match (made("count_calls"), made("paths")) {
        (Ok(a), Ok(b)) => [a, b],
        (Err(e), _) | (_, Err(e)) => {
            eprintln!("{e}");
            return ExitCode::FAILURE;
        }
    };
    let trials = (CASES.iter())
        .map(|case| {
            let programs = programs.clone();
            Trial::test(format!("{} {}", case.0, case.1), move || {
                check(&programs, *case)
            })
        })
        .collect();
    libtest_mimic::run(&args, trials).exit_code()
}
