//! No way out of a rootfs: `tests/guest/escape.c` tries every call that takes a path by every road that might lead
//! out, in each state that a guest can be in; here the outside is made, and compared before and after. What was
//! tried is the table `calls` there (more than 50) by the roads (more than 40).
//!
//! Which felix: as in `tests/programs.rs`.

mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
const OPTIONS: &[&str] = &["-O1", "-Wno-unused-result", "-Wno-format-truncation"];
/// What the guest does before it tries.
const STATES: [&str; 4] = ["rooted", "chrooted", "entered", "both"];
/// What a state that this machine does not allow ends with.
const NOT_RUN: i32 = 3;

/// A place with a root in it, and around it what the guest is not to reach.
struct Place {
    top: PathBuf,
    _sockets: (UnixListener, UnixDatagram),
    /// In a mount namespace of its own, if there can be one.
    other: Child,
}

impl Place {
    fn new(name: &str, program: &Path) -> std::io::Result<Place> {
        // Not in /tmp, which may be shared: all of it is outside then but for home.
        let top = Path::new("/var/tmp").join(format!("felix-escape-{}-{name}", std::process::id()));
        for dir in [
            "root/bin",
            "root/proc",
            "root/dev",
            "root/sys",
            "outside/below",
            "empty",
            "home",
        ] {
            std::fs::create_dir_all(top.join(dir))?;
        }
        // Where home is to be seen inside.
        let inside = top.strip_prefix("/").unwrap_or(&top);
        std::fs::create_dir_all(top.join("root").join(inside))?;
        symlink("..", top.join("home/up"))?;
        symlink(&top, top.join("home/abs"))?;
        std::fs::write(top.join("secret"), "outside\n")?;
        symlink("outlink", top.join("link"))?;
        std::fs::copy(program, top.join("root/bin/escape"))?;
        // It says 77 if it runs with no arguments.
        std::fs::copy(program, top.join("program"))?;
        let sockets = (
            UnixListener::bind(top.join("socket"))?,
            UnixDatagram::bind(top.join("datagram"))?,
        );
        // Not all file systems and machines have them.
        let _ = Command::new("setfattr")
            .args(["-n", "user.secret", "-v", "x"])
            .arg(top.join("secret"))
            .status();
        let other = Command::new("sh")
            .args(["-c", "exec unshare -m sleep 600"])
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Place {
            top,
            _sockets: sockets,
            other,
        })
    }

    /// All that is outside, each with what a call could change of it.
    fn outside(&self) -> std::io::Result<BTreeMap<PathBuf, String>> {
        let mut all = BTreeMap::new();
        let mut todo = vec![self.top.clone()];
        while let Some(dir) = todo.pop() {
            for entry in std::fs::read_dir(&dir)? {
                let path = entry?.path();
                // The root, and the directories that the guest was given.
                if ["root", "outside", "home"]
                    .iter()
                    .any(|d| path == self.top.join(d))
                {
                    continue;
                }
                let m = std::fs::symlink_metadata(&path)?;
                let content = match m.is_file() {
                    true => std::fs::read(&path)?.len(),
                    false => 0,
                };
                if m.is_dir() {
                    todo.push(path.clone());
                }
                let mode = m.permissions().mode();
                let (uid, gid, links) = (m.uid(), m.gid(), m.nlink());
                let time = m.mtime();
                let what = format!("{mode:o} {uid} {gid} {links} links {content} bytes, of {time}");
                all.insert(path, what);
            }
        }
        Ok(all)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.other.kill().and_then(|()| self.other.wait());
        let _ = std::fs::remove_dir_all(&self.top);
    }
}

/// What is done in a state, and with how much of the host to be seen inside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Calls,
    Race,
    /// All calls, with /run, /tmp and home shared.
    Shared,
}

fn check(state: &str, kind: Kind, program: &Path, cpu: Option<&str>) -> Result<(), Failed> {
    let (race, shared) = (kind == Kind::Race, kind == Kind::Shared);
    let name = match kind {
        Kind::Calls => state.to_owned(),
        Kind::Race => format!("{state}-race"),
        Kind::Shared => format!("{state}-shared"),
    };
    let place = Place::new(&name, program).map_err(|e| format!("making the place: {e}"))?;
    let before = place.outside().map_err(|e| e.to_string())?;
    let secret = std::fs::metadata(place.top.join("secret")).map_err(|e| e.to_string())?;
    // The parent has descriptors and a current directory outside, and the program one by its leave.
    let mut c = Command::new("sh");
    c.args([
        "-c",
        "cd \"$0\" && exec 9<outside 8<. && \"$@\" 8<&-; exit $?",
    ])
    .arg(&place.top)
    .arg(support::felix(cpu))
    .arg("run")
    .args([
        format!("--share={shared}"),
        format!("--share-home={shared}"),
    ])
    .arg("--rootfs")
    .arg(place.top.join("root"))
    .args(["--", "/bin/escape"])
    .arg(&place.top)
    .arg(state)
    .args(race.then_some("race"))
    .env("HOME", place.top.join("home"))
    .env("SECRET_NS", place.other.id().to_string())
    .env("SECRET_DEV", secret.dev().to_string())
    .env("SECRET_INO", secret.ino().to_string());
    support::on_cpu(&mut c, cpu);
    let ended = support::run(&mut c, b"", LIMIT)?;
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let after = place.outside().map_err(|e| e.to_string())?;
    if before != after {
        let changed = (after
            .iter()
            .filter(|(p, what)| before.get(*p) != Some(*what)))
        .chain(before.iter().filter(|(p, _)| !after.contains_key(*p)));
        let list: Vec<_> = changed
            .map(|(p, what)| format!("{}: {what}", p.display()))
            .collect();
        return Err(format!("changed outside:\n{}\n{said}", list.join("\n")).into());
    }
    if ended.code() == Some(NOT_RUN) && said.contains("not run: ") {
        println!("{name}: {}", said.trim());
        return Ok(());
    }
    let done = if race {
        "race: many tries"
    } else {
        "all: 0 led out"
    };
    if ended.code() != Some(0) || !said.contains(done) {
        let lines: Vec<&str> = said.lines().filter(|l| !l.contains(": 0 of ")).collect();
        return Err(format!("{}\n{}\n{}", ended.how(), lines.join("\n"), ended.stderr).into());
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(2);
    let cpu = support::riscv_cpu();
    let missing = support::no_native_guests().or_else(|| cpu.as_ref().and(support::no_riscv()));
    if let Some(why) = missing {
        return support::left_out(&why);
    }
    let program = match support::compiled("escape", OPTIONS, &[]) {
        Ok(p) => p,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::FAILURE;
        }
    };
    let trials = (STATES.iter())
        .flat_map(|state| [Kind::Calls, Kind::Race, Kind::Shared].map(|kind| (*state, kind)))
        .map(|(state, kind)| {
            let (program, cpu) = (program.clone(), cpu.clone());
            let name = match kind {
                Kind::Calls => "no_call_leads_out",
                Kind::Race => "no_race_leads_out",
                Kind::Shared => "no_call_leads_out_of_what_is_shared",
            };
            Trial::test(format!("{state}/{name}"), move || {
                check(state, kind, &program, cpu.as_deref())
            })
        })
        .collect();
    libtest_mimic::run(&args, trials).exit_code()
}
