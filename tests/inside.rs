//! A directory shown read-only (`--bind HOST:GUEST:ro`) refuses what a read-only bind mount refuses, with the same errors:
//! `tests/guest/binds.c` tries the calls natively, on a real one, and under felix, which refuses by itself while the root
//! is one in user space and mounts it once the root is real.
//! And what of the host's directories is shared inside without being asked for, what the guest is told of sockets' names, and
//! the way between mount namespaces (`tests/guest/mounts.c`).
//!
//! Which felix: as in `tests/programs.rs`.

mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
/// What a state that this machine does not allow ends with.
const NOT_RUN: i32 = 3;

/// Runs the program natively, in a mount namespace with real binds.
const NATIVELY: &str = r#"
set -eu
root=$1/root
mount --bind "$root" "$root"
for dir in proc dev; do mount --rbind /$dir "$root/$dir"; done
mount --bind "$1/w" "$root/w"
mount --bind "$1/ro" "$root/ro"
mount -o remount,bind,ro "$root/ro"
exec chroot "$root" /bin/binds "$2"
"#;

fn made(name: &str) -> Result<PathBuf, String> {
    support::compiled(name, &["-O1", "-Wno-unused-result"], &[])
}

/// A root, and two directories to be shown in it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str, program: &Path) -> std::io::Result<Place> {
        // Not in /tmp: that is shared, and what is seen there too may be written to.
        let top = Path::new("/var/tmp").join(format!("felix-binds-{}-{name}", std::process::id()));
        for dir in [
            "root/bin",
            "root/proc",
            "root/dev",
            "root/w",
            "root/ro",
            "ro/dir",
            "w",
        ] {
            std::fs::create_dir_all(top.join(dir))?;
        }
        for file in ["ro/file", "ro/dir/inner", "w/file"] {
            std::fs::write(top.join(file), "content\n")?;
        }
        symlink("file", top.join("ro/link"))?;
        symlink("/dev/null", top.join("ro/null"))?;
        let fifo = Command::new("mkfifo").arg(top.join("ro/fifo")).status()?;
        assert!(fifo.success());
        std::fs::copy(program, top.join("root/bin/binds"))?;
        Ok(Place(top))
    }

    /// What is in the read-only directory, with all that a call could change but times of access.
    fn content(&self) -> Vec<u8> {
        let mut c = Command::new("sh");
        c.args(["-c", "cd \"$0\" && find . -printf '%p %m %u %g %s %n %T@ %l\\n' | sort && cat file dir/inner"]);
        c.arg(self.0.join("ro"));
        c.output().map(|o| o.stdout).unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn check(state: &str, program: &Path, cpu: Option<&str>) -> Result<(), Failed> {
    let place = |kind: &str| {
        Place::new(&format!("{state}-{kind}"), program).map_err(|e| format!("the place: {e}"))
    };
    let (native, ours) = (place("native")?, place("felix")?);
    let mut c = Command::new("unshare");
    c.args(["-m", "sh", "-c", NATIVELY, "sh"])
        .arg(&native.0)
        .arg("rooted");
    let native = support::run(&mut c, b"", LIMIT)?;
    if native.code() != Some(0) {
        return Err(format!("natively {}: {}", native.how(), native.stderr).into());
    }
    let mut felix = felix(cpu);
    let shown = |dir: &str, how: &str| format!("{}:/{dir}{how}", ours.0.join(dir).display());
    let before = ours.content();
    felix.args(["run", "--rootfs"]).arg(ours.0.join("root"));
    felix.args(["--bind", &shown("ro", ":ro"), "--bind", &shown("w", "")]);
    felix.args(["--", "/bin/binds", state]);
    let felix = support::run(&mut felix, b"", LIMIT)?;
    let text = |out: &[u8]| String::from_utf8_lossy(out).into_owned();
    if felix.code() == Some(NOT_RUN) {
        println!("{state}: {}", text(&felix.stdout).trim());
        return Ok(());
    }
    if before.is_empty() || ours.content() != before {
        let now = ours.content();
        let text = |c: &[u8]| String::from_utf8_lossy(c).into_owned();
        let (was, is) = (text(&before), text(&now));
        return Err(
            format!("what is shown read-only has changed: it was\n{was}and is\n{is}").into(),
        );
    }
    let (a, b) = (text(&native.stdout), text(&felix.stdout));
    if felix.code() == Some(0) && a == b && a.matches(" EROFS").count() > 50 {
        return Ok(());
    }
    let differ: Vec<String> = (a.lines().zip(b.lines()))
        .filter(|(a, b)| a != b)
        .map(|(a, b)| format!("natively {a}\nfelix    {b}"))
        .collect();
    let differ = differ.join("\n");
    Err(format!("{}\n{differ}\n{}", felix.how(), felix.stderr).into())
}

/// What `felix` with these arguments shares of /run, /tmp and home: the host's directories, the root's own, or none, as its
/// mountinfo says too.
fn shared(
    args: &[&str],
    expected: [&str; 3],
    program: &Path,
    cpu: Option<&str>,
) -> Result<(), Failed> {
    let place = Place::new(&args.concat().replace('/', "-"), program).map_err(|e| e.to_string())?;
    // Not below what is shared anyway; its name is that of a directory in the root, too.
    let home = Path::new("/var/tmp").join(place.0.file_name().unwrap_or_default());
    let in_root = |dir: &Path| {
        place
            .0
            .join("root")
            .join(dir.strip_prefix("/").unwrap_or(dir))
    };
    for dir in [&in_root("/tmp".as_ref()), &in_root(&home), &home] {
        std::fs::create_dir_all(dir).map_err(|e| e.to_string())?;
    }
    let mut felix = felix(cpu);
    let paths = [Path::new("/run"), Path::new("/tmp"), &home];
    felix
        .args(args)
        .arg("--rootfs")
        .arg(place.0.join("root"))
        .args(["--", "/bin/binds", "identity"])
        .args(paths)
        .env("HOME", &home);
    let felix = support::run(&mut felix, b"", LIMIT);
    let identity = |dir: &Path| {
        let m = std::fs::metadata(dir).ok()?;
        Some(format!("{}:{}", m.dev(), m.ino()))
    };
    let line = |(path, kind): (&&Path, &str)| match kind {
        "host" => Some(format!("{} {} 1", path.display(), identity(path)?)),
        "own" => Some(format!(
            "{} {} 0",
            path.display(),
            identity(&in_root(path))?
        )),
        _ => Some(format!("{} none", path.display())),
    };
    let expected: Option<Vec<String>> = paths.iter().zip(expected).map(line).collect();
    let _ = std::fs::remove_dir(&home);
    let felix = felix?;
    let said = String::from_utf8_lossy(&felix.stdout).into_owned();
    let expected = expected.ok_or("a directory is missing")?;
    match said.lines().eq(expected.iter().map(String::as_str)) {
        true => Ok(()),
        false => {
            let expected = expected.join("\n");
            let how = felix.how();
            Err(format!("{how}\n{said}expected\n{expected}\n{}", felix.stderr).into())
        }
    }
}

/// A program that a guest executes as another user, to whom the way to the root, to what is shown in it, and to felix is closed.
fn another_user(program: &Path) -> Result<(), Failed> {
    let place = Place::new("other", program).map_err(|e| e.to_string())?;
    let ours = place.0.join("felix");
    std::fs::copy(support::felix(None), &ours)
        .and_then(|_| std::fs::set_permissions(&place.0, Permissions::from_mode(0o700)))
        .map_err(|e| e.to_string())?;
    let mut c = Command::new(ours);
    let shown = |dir: &str, how: &str| format!("{}:/{dir}{how}", place.0.join(dir).display());
    c.args(["run", "--share-home=false", "--rootfs"])
        .arg(place.0.join("root"));
    c.args(["--bind", &shown("ro", ":ro"), "--bind", &shown("w", "")]);
    c.args(["--", "/bin/binds", "other", "/ro", "/w", "/bin"]);
    let ended = support::run(&mut c, b"", LIMIT)?;
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    if ended.code() == Some(NOT_RUN) {
        println!("{}", said.trim());
        return Ok(());
    }
    let line = |guest: &str, host: &str, mounts: u32| {
        let m = std::fs::metadata(place.0.join(host))?;
        Ok(format!("{guest} {}:{} {mounts}\n", m.dev(), m.ino()))
    };
    let expected: std::io::Result<Vec<String>> =
        [("/ro", "ro", 1), ("/w", "w", 1), ("/bin", "root/bin", 0)]
            .into_iter()
            .map(|(guest, host, mounts)| line(guest, host, mounts))
            .collect();
    let expected = expected.map_err(|e| e.to_string())?.concat();
    match said == expected {
        true => Ok(()),
        false => Err(format!(
            "{}\n{said}expected\n{expected}\n{}",
            ended.how(),
            ended.stderr
        )
        .into()),
    }
}

/// Each with what it shows at /run (which the root has not), /tmp and home.
const SHARES: [(&[&str], [&str; 3]); 5] = [
    (&["run"], ["host", "host", "host"]),
    (&["run", "--share=false"], ["none", "own", "host"]),
    (&["run", "--share-home=false"], ["host", "host", "own"]),
    (&["shell"], ["none", "own", "own"]),
    (
        &["shell", "--share", "--share-home"],
        ["host", "host", "host"],
    ),
];

fn felix(cpu: Option<&str>) -> Command {
    let mut c = Command::new(support::felix(cpu));
    support::on_cpu(&mut c, cpu);
    c
}

/// The names of sockets, in a root natively and under felix, while that is one in user space.
fn socket_names(program: &Path, cpu: Option<&str>) -> Result<(), Failed> {
    let run = |kind: &str, c: &mut Command| -> Result<Vec<u8>, String> {
        let place = Place::new(&format!("sockets-{kind}"), program).map_err(|e| e.to_string())?;
        let root = place.0.join("root");
        std::fs::create_dir(root.join("work")).map_err(|e| e.to_string())?;
        c.arg(&root);
        match kind {
            "native" => c.args(["/bin/binds", "/work"]),
            _ => c.args(["--", "/bin/binds", "/work"]),
        };
        let ended = support::run(c, b"", LIMIT)?;
        match ended.code() {
            Some(0) => Ok(ended.stdout),
            _ => Err(format!("{kind}: {}: {}", ended.how(), ended.stderr)),
        }
    };
    let script = r#"mount --rbind /proc "$0/proc" && exec chroot "$0" "$@""#;
    let native = run(
        "native",
        Command::new("unshare").args(["-m", "sh", "-c", script]),
    )?;
    let ours = run("felix", felix(cpu).args(["run", "--rootfs"]))?;
    if ours == native && native.len() > 1000 {
        return Ok(());
    }
    let text = |out: &[u8]| String::from_utf8_lossy(out).into_owned();
    Err(format!("natively:\n{}\nfelix:\n{}", text(&native), text(&ours)).into())
}

/// Runs the program natively, in a root that is the mount namespace's.
const PIVOTED: &str = r#"
set -eu
root=$1/root
mount --bind "$root" "$root"
mount --bind "$1/w" "$root/w"
mount --rbind /proc "$root/proc"
cd "$root"
pivot_root . .
shift
exec /bin/mounts pivoted "$@"
"#;

/// Between mount namespaces: natively and under felix.
fn namespaces(program: &Path, executed: bool) -> Result<(), Failed> {
    let run = |kind: &str| -> Result<Vec<u8>, String> {
        let name = format!("namespaces-{kind}-{executed}");
        let place = Place::new(&name, program).map_err(|e| e.to_string())?;
        let root = place.0.join("root");
        let made = std::fs::create_dir(root.join("dir"))
            .and_then(|()| std::fs::rename(root.join("bin/binds"), root.join("bin/mounts")));
        made.map_err(|e| e.to_string())?;
        let mut c = match kind {
            "native" => {
                let mut c = Command::new("unshare");
                c.args(["-m", "sh", "-c", PIVOTED, "sh"]).arg(&place.0);
                c
            }
            _ => {
                let mut c = felix(None);
                let bind = format!("{}:/w", place.0.join("w").display());
                c.args(["run", "--rootfs"]).arg(&root);
                c.args(["--bind", &bind, "--", "/bin/mounts"]);
                c
            }
        };
        c.arg(&place.0).args(executed.then_some("exec"));
        let ended = support::run(&mut c, b"", LIMIT)?;
        match ended.code() {
            Some(0) => Ok(ended.stdout),
            _ => Err(format!("{kind}: {}: {}", ended.how(), ended.stderr)),
        }
    };
    let (native, ours) = (run("native")?, run("felix")?);
    if ours == native && native.len() > 500 {
        return Ok(());
    }
    let text = |out: &[u8]| String::from_utf8_lossy(out).into_owned();
    Err(format!("natively:\n{}\nfelix:\n{}", text(&native), text(&ours)).into())
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let cpu = support::riscv_cpu();
    let missing = support::no_native_guests().or_else(|| cpu.as_ref().and(support::no_riscv()));
    if let Some(why) = missing {
        return support::left_out(&why);
    }
    let made: Result<Vec<PathBuf>, String> = ["binds", "sockets", "mounts"]
        .into_iter()
        .map(made)
        .collect();
    let [program, sockets, mounts] = match made.as_deref() {
        Ok([a, b, c]) => [a, b, c].map(Clone::clone),
        other => {
            eprintln!("{other:?}");
            return ExitCode::FAILURE;
        }
    };
    let states: &[&str] = match support::no_mounts() {
        None => &["rooted", "entered"],
        Some(why) => {
            println!("left out, natively there are no binds here: {why}");
            &[]
        }
    };
    let refusals = states.iter().map(|state| {
        let (program, cpu) = (program.clone(), cpu.clone());
        Trial::test(format!("{state}/refuses_what_a_mount_refuses"), move || {
            check(state, &program, cpu.as_deref())
        })
    });
    let shares = SHARES.iter().map(|(felix, expected)| {
        let (program, cpu) = (program.clone(), cpu.clone());
        Trial::test(format!("shared/{}", felix.join("_")), move || {
            shared(felix, *expected, &program, cpu.as_deref())
        })
    });
    let names = (!states.is_empty()).then(|| {
        let cpu = cpu.clone();
        Trial::test("sockets/are_told_by_the_guests_names", move || {
            socket_names(&sockets, cpu.as_deref())
        })
    });
    if cpu.is_some() {
        println!(
            "left out: setns(2) to a mount namespace takes one thread, and qemu-user has another"
        );
    }
    let ways: &[bool] = match (states, &cpu) {
        ([_, ..], None) => &[false, true],
        _ => &[],
    };
    let namespaces = ways.iter().map(|executed| {
        let program = mounts.clone();
        let how = if *executed { "executed" } else { "joined" };
        Trial::test(format!("namespaces/{how}"), move || {
            namespaces(&program, *executed)
        })
    });
    // Under qemu the way to that is closed as well, and nothing executes it by descriptor.
    let other = cpu.is_none().then(|| {
        let program = program.clone();
        Trial::test("another_user/executes_programs", move || {
            another_user(&program)
        })
    });
    let all = refusals
        .chain(shares)
        .chain(names)
        .chain(namespaces)
        .chain(other)
        .collect();
    libtest_mimic::run(&args, all).exit_code()
}
