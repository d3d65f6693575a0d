//! What several test binaries need: where things are, the machine's abilities, running a program with
//! a time limit, and small ELF files made by hand.
//!
//! Each test binary includes it and uses a part.
#![allow(dead_code)]

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The top of the checkout.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo builds, as ci/lib.sh computes it.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(d) => top().join(d),
        None => top().join("target"),
    }
}

/// The amd64 Debian that ci/setup.sh makes.
pub fn rootfs() -> PathBuf {
    target_dir().join("felix-ci/rootfs")
}

/// True under ci/test.sh, where nothing may be left out.
pub fn in_ci() -> bool {
    std::env::var_os("FELIX_CI").is_some_and(|v| v == "1")
}

/// Says that guest programs cannot be tested, and why; how the test ends then. If a CPU was asked for, or
/// nothing may be left out, that is a failure; otherwise tests/what_is_left.rs names it at the end of the
/// run.
pub fn left_out(why: &str) -> ExitCode {
    if riscv_cpu().is_some() || in_ci() {
        eprintln!("guest programs cannot be tested: {why}");
        return ExitCode::FAILURE;
    }
    println!("guest programs: left to ci/test.sh ({why})");
    ExitCode::SUCCESS
}

/// The RISC-V CPU to test, as qemu names it; none: the portable engine on this machine.
pub fn riscv_cpu() -> Option<String> {
    std::env::var("FELIX_TEST_CPU")
        .ok()
        .filter(|c| !c.is_empty())
}

/// Why the C programs of tests/guest cannot be compiled and run natively here, if so.
pub fn no_native_guests() -> Option<String> {
    let cc = || Command::new("cc").arg("--version").output();
    if !cfg!(target_arch = "x86_64") {
        Some("this machine's CPU is not x86-64, so they cannot be run natively".into())
    } else if !cc().is_ok_and(|o| o.status.success()) {
        Some("no C compiler cc".into())
    } else {
        None
    }
}

/// Why guest programs cannot be run natively here to compare with, if so.
pub fn no_native_programs() -> Option<String> {
    let root = rootfs();
    if !cfg!(target_arch = "x86_64") {
        Some("this machine's CPU is not x86-64, so they cannot be run natively".into())
    } else if !root.join("usr/bin/busybox").exists() {
        Some(format!(
            "no rootfs in {}: ci/setup.sh makes it",
            root.display()
        ))
    } else if !is_root() {
        Some("chroot, by which they run natively, needs root".into())
    } else {
        None
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

/// Why this machine lets not even root mount, if so: a container, mostly.
pub fn no_mounts() -> Option<String> {
    let script = "mount --bind /usr /mnt && mount -t tmpfs none /usr";
    let out = Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .output();
    match out {
        Ok(o) if o.status.success() => None,
        Ok(o) => Some(String::from_utf8_lossy(&o.stderr).trim().to_owned()),
        Err(e) => Some(format!("unshare: {e}")),
    }
}

/// Why the cross-built felix cannot be run under qemu-riscv64, if so.
pub fn no_riscv() -> Option<String> {
    let felix = target_dir().join("riscv64gc-unknown-linux-gnu/release/felix");
    if !felix.exists() {
        return Some(format!(
            "no {}: riscv-qemu/build.sh makes it",
            felix.display()
        ));
    }
    let found = Command::new("bash")
        .args(["-c", ". ci/lib.sh && find_qemu"])
        .current_dir(top())
        .output();
    match found {
        Ok(o) if o.status.success() => None,
        Ok(o) => Some(String::from_utf8_lossy(&o.stderr).trim().to_owned()),
        Err(e) => Some(format!("bash: {e}")),
    }
}

/// What a program did.
#[derive(Debug)]
pub struct Ended {
    pub stdout: Vec<u8>,
    pub stderr: String,
    /// None if it was killed for taking too long.
    pub status: Option<ExitStatus>,
    pub took: Duration,
}

impl Ended {
    /// The status in words.
    pub fn how(&self) -> String {
        match self.status {
            None => format!("did not end within {:.0?} and was killed", self.took),
            Some(s) => match (s.code(), s.signal()) {
                (Some(c), _) => format!("exit status {c}"),
                (None, n) => format!("signal {}", n.unwrap_or(0)),
            },
        }
    }

    /// The exit status, if it ended by itself.
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|s| s.code())
    }
}

/// How long after its end a program's output is waited for: what it leaves behind may keep the pipes.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Reads a pipe to its end in a thread of its own, which nobody joins: a process that has left the group may never
/// close it. What has come by then is in the last message.
fn drain(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (to, from) = channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match pipe.read(&mut buffer) {
                Ok(n) if n > 0 && to.send(buffer[..n].to_vec()).is_ok() => {}
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
    });
    from
}

/// All of it, or why not.
fn drained(from: &Receiver<Vec<u8>>, until: Instant) -> Result<Vec<u8>, String> {
    use std::sync::mpsc::RecvTimeoutError;
    let mut all = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match from.recv_timeout(left) {
            Ok(part) => all.extend(part),
            Err(RecvTimeoutError::Disconnected) => return Ok(all),
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!(
                    "ended and left a process that keeps its output open; what came: {}",
                    String::from_utf8_lossy(&all)
                ));
            }
        }
    }
}

/// Runs a command with this input and a time limit, in a process group of its own so that the limit
/// ends its children as well.
pub fn run(command: &mut Command, input: &[u8], limit: Duration) -> Result<Ended, String> {
    let started = Instant::now();
    // What this user has configured is no part of a test.
    for (name, value) in [
        ("FELIX_CONFIG_USER", Some("")),
        ("FELIX_CONFIG_SYSTEM", Some("")),
        ("FELIX_ROOTFS", None),
    ] {
        if command.get_envs().all(|(k, _)| k != name) {
            match value {
                Some(v) => command.env(name, v),
                None => command.env_remove(name),
            };
        }
    }
    let program = command.get_program().display().to_string();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| format!("starting {program}: {e}"))?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(format!("starting {program}: no pipes"));
    };
    let input = input.to_vec();
    // A program may well not read all of it.
    std::thread::spawn(move || stdin.write_all(&input));
    let (stdout, stderr) = (drain(stdout), drain(stderr));
    let mut pause = Duration::from_millis(1);
    let status = loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(s) => break Some(s),
            None if started.elapsed() > limit => break None,
            None => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    let took = started.elapsed();
    if status.is_none() {
        let group = format!("-{}", child.id());
        let _ = Command::new("bash")
            .args(["-c", "kill -9 -- \"$0\"", &group])
            .status();
        let _ = child.wait();
    }
    let until = (started + limit).max(Instant::now()) + AFTERWARDS;
    let ended = |e: String| format!("{program} {e}");
    Ok(Ended {
        stdout: drained(&stdout, until).map_err(ended)?,
        stderr: String::from_utf8_lossy(&drained(&stderr, until).map_err(ended)?).into_owned(),
        status,
        took,
    })
}

/// The felix to test: by riscv-qemu/run.sh for a RISC-V CPU, else the one built for this machine.
pub fn felix(cpu: Option<&str>) -> PathBuf {
    match cpu {
        None => PathBuf::from(env!("CARGO_BIN_EXE_felix")),
        Some(_) => top().join("riscv-qemu/run.sh"),
    }
}

/// What that felix finds its CPU by, in the environment of the command it is part of.
pub fn on_cpu(command: &mut Command, cpu: Option<&str>) {
    if let Some(cpu) = cpu {
        command
            .env("QEMU_CPU", cpu)
            .env("CARGO_TARGET_DIR", target_dir());
    }
}

/// The static executable of a C program of `tests/guest`, made if it is not there or if what it is made of has changed:
/// `name` is its path without the `.c`, `also` what it includes from there.
pub fn compiled(name: &str, options: &[&str], also: &[PathBuf]) -> Result<PathBuf, String> {
    let folder = top().join("tests/guest");
    let source = folder.join(format!("{name}.c"));
    let mut key = DefaultHasher::new();
    for path in std::iter::once(&source).chain(also) {
        let text = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        text.hash(&mut key);
    }
    options.hash(&mut key);
    let key = format!("{:016x}", key.finish());
    let made = target_dir().join("felix-ci/guest").join(name);
    let key_file = made.with_extension("key");
    if made.exists() && std::fs::read_to_string(&key_file).is_ok_and(|k| k == key) {
        return Ok(made);
    }
    let dir = made.parent().unwrap_or(&made);
    std::fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    // Made beside and moved into place: two test runs may be at it.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    let fresh = made.with_extension(format!("{}-{n}", std::process::id()));
    let out = Command::new("cc")
        .args(options)
        .args(["-Wall", "-static", "-s", "-pthread"])
        .arg(format!("-I{}", folder.display()))
        .arg("-o")
        .args([&fresh, &source])
        .arg("-lm")
        .output()
        .map_err(|e| format!("cc: {e}"))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        return Err(format!("cc does not compile {}: {said}", source.display()));
    }
    std::fs::rename(&fresh, &made)
        .and_then(|()| std::fs::write(&key_file, key))
        .map_err(|e| format!("{}: {e}", made.display()))?;
    Ok(made)
}

/// The numbers tests draw from: splitmix64, so that a seed is all there is to a run.
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("below a usize")
    }
}

/// The guest code of `elf`'s program: writes "hi\n" and exits with status 7.
const HI: &[u8] = &[
    0xb8, 1, 0, 0, 0, // mov eax, 1 (write)
    0xbf, 1, 0, 0, 0, // mov edi, 1
    0x48, 0x8d, 0x35, 0x15, 0, 0, 0, // lea rsi, [rip+21]
    0xba, 3, 0, 0, 0, // mov edx, 3
    0x0f, 0x05, // syscall
    0xb8, 60, 0, 0, 0, // mov eax, 60 (exit)
    0xbf, 7, 0, 0, 0, // mov edi, 7
    0x0f, 0x05, // syscall
    0x0f, 0x0b, // ud2
    b'h', b'i', b'\n',
];

/// A whole static x86-64 ELF file; with `interpreter`, one that asks for it.
pub fn elf(interpreter: Option<&str>) -> Vec<u8> {
    let base = 0x40_0000u64;
    let headers: u64 = 64 + 56 * 2;
    let code = headers + 64;
    let len = code + HI.len() as u64;
    let mut f = Vec::new();
    f.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    f.extend(2u16.to_le_bytes()); // ET_EXEC
    f.extend(62u16.to_le_bytes()); // x86-64
    f.extend(1u32.to_le_bytes());
    f.extend((base + code).to_le_bytes());
    f.extend(64u64.to_le_bytes());
    f.extend(0u64.to_le_bytes());
    f.extend(0u32.to_le_bytes());
    for n in [64u16, 56, 1 + u16::from(interpreter.is_some()), 64, 0, 0] {
        f.extend(n.to_le_bytes());
    }
    let mut segment = |kind: u32, flags: u32, offset: u64, len: u64, align: u64| {
        f.extend(kind.to_le_bytes());
        f.extend(flags.to_le_bytes());
        for n in [offset, base + offset, base + offset, len, len, align] {
            f.extend(n.to_le_bytes());
        }
    };
    if let Some(i) = interpreter {
        segment(3, 4, headers, i.len() as u64 + 1, 1);
    }
    segment(1, 5, 0, len, 0x1000);
    f.resize(64 + 56 * 2, 0);
    f.extend(interpreter.unwrap_or_default().bytes());
    f.resize(64 + 56 * 2 + 64, 0);
    f.extend(HI);
    f
}
