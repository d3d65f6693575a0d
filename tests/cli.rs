//! `felix run` of what cannot be run: one line on standard error, nothing on standard output, the exit
//! status a shell would give. And a smoke fuzz: mutated ELF files never bring felix down.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{Draw, Ended};

/// A directory of this test's own, empty.
fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// An executable file with this content.
fn program(dir: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn felix(args: &[&str], limit: Duration) -> Ended {
    let mut c = Command::new(env!("CARGO_BIN_EXE_felix"));
    c.arg("run").args(args);
    support::run(&mut c, b"", limit).unwrap()
}

#[track_caller]
fn refused(args: &[&str], status: i32, about: &str) {
    let e = felix(args, Duration::from_secs(20));
    assert_eq!(e.code(), Some(status), "{}: {}", e.how(), e.stderr);
    assert_eq!(e.stdout, b"");
    assert_eq!(
        e.stderr.lines().count(),
        1,
        "one line expected: {}",
        e.stderr
    );
    assert!(
        e.stderr.starts_with("felix: ") && e.stderr.contains(about),
        "{about:?} expected in: {}",
        e.stderr
    );
}

/// The others mean nothing if a good file does not run.
#[test]
fn a_file_made_here_runs() {
    let file = program(&scratch("good"), "hi", &support::elf(None));
    let e = felix(&[file.to_str().unwrap()], Duration::from_secs(20));
    assert_eq!(
        (e.stdout.as_slice(), e.code()),
        (&b"hi\n"[..], Some(7)),
        "{}",
        e.stderr
    );
}

#[test]
fn missing_file() {
    refused(&["/nonexistent/program"], 127, "/nonexistent/program");
    refused(
        &["no-such-command-anywhere"],
        127,
        "no-such-command-anywhere",
    );
}

#[test]
fn a_cpu_that_does_not_exist() {
    refused(&["--cpu", "x86-64-v12", "/bin/true"], 2, "x86-64-v2");
    refused(&["--cpu", "-sse2", "/bin/true"], 2, "sse2");
}

/// The dynamic linker asks CPUID, and says what it found.
#[test]
fn the_program_sees_the_cpu_that_was_asked_for() {
    let supported = |cpu: &str| {
        let args = ["--cpu", cpu, "/lib64/ld-linux-x86-64.so.2", "--help"];
        let e = felix(&args, Duration::from_secs(60));
        let text = String::from_utf8_lossy(&e.stdout).into_owned();
        let levels = text.lines().filter(|l| l.contains("x86-64-v"));
        let yes = levels.filter(|l| l.contains("supported"));
        yes.map(|l| l.split_whitespace().next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(supported("x86-64"), [""; 0]);
    assert_eq!(supported("x86-64-v2"), ["x86-64-v2"]);
    assert_eq!(supported("x86-64-v2,-popcnt"), [""; 0]);
    let v3 = ["x86-64-v3", "x86-64-v2"];
    assert_eq!(supported("x86-64-v3"), v3);
    assert_eq!(supported("max"), v3);
    assert_eq!(supported("x86-64-v3,-avx2"), ["x86-64-v2"]);
}

#[test]
fn directory() {
    refused(&["/usr"], 126, "/usr");
}

#[test]
fn text_file() {
    let file = program(&scratch("text"), "notes", b"These are notes.\n");
    refused(&[file.to_str().unwrap()], 126, "notes");
}

#[test]
fn not_executable() {
    let file = scratch("mode").join("program");
    fs::write(&file, support::elf(None)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&[file.to_str().unwrap()], 126, "program");
}

#[test]
fn other_machine() {
    let mut elf = support::elf(None);
    elf[18..20].copy_from_slice(&183u16.to_le_bytes());
    let file = program(&scratch("aarch64"), "arm", &elf);
    refused(&[file.to_str().unwrap()], 126, "AArch64");
}

#[test]
fn truncated_file() {
    let elf = support::elf(None);
    let dir = scratch("truncated");
    for len in [4, 30, 64, 100, elf.len() - 60] {
        let file = program(&dir, &format!("cut{len}"), &elf[..len]);
        refused(&[file.to_str().unwrap()], 126, "cut");
    }
}

#[test]
fn a_profile_needs_translated_code() {
    let args = [
        "--engine",
        "interp",
        "--profile",
        "/nonexistent/p",
        "/bin/true",
    ];
    refused(&args, 2, "--engine jit");
}

#[test]
fn interpreter_not_in_the_rootfs() {
    let root = scratch("rootfs");
    program(&root, "dynamic", &support::elf(Some("/lib64/ld-none.so")));
    let root = root.to_str().unwrap();
    refused(&["--rootfs", root, "/dynamic"], 126, "/lib64/ld-none.so");
}

#[test]
fn rootfs_is_missing() {
    refused(
        &["--rootfs", "/nonexistent", "/bin/true"],
        126,
        "/nonexistent",
    );
}

/// Files to mutate: one made here, and a real dynamic program if there is one.
fn originals() -> Vec<Vec<u8>> {
    let mut all = vec![support::elf(None), support::elf(Some("/hi"))];
    let real = [support::rootfs().join("usr/bin/true"), "/bin/true".into()];
    all.extend(real.iter().find_map(|p| fs::read(p).ok()));
    all
}

#[test]
fn mutated_elf_files() {
    let dir = scratch("mutated");
    program(&dir, "hi", &support::elf(None));
    let root = dir.to_str().unwrap();
    let mut draw = Draw(300);
    let originals = originals();
    let (mut refused, mut ran) = (0, 0);
    for n in 0..300 {
        let mut f = originals[draw.below(originals.len())].clone();
        for _ in 0..1 + draw.below(6) {
            // The headers: what the loader reads.
            let at = draw.below(f.len().min(0x300));
            f[at] = match draw.below(3) {
                0 => draw.next().to_le_bytes()[0],
                1 => 0xff,
                _ => f[at] ^ (1 << draw.below(8)),
            };
        }
        if draw.below(4) == 0 {
            f.truncate(draw.below(f.len()));
        }
        program(&dir, "mutated", &f);
        let e = felix(&["--rootfs", root, "/mutated"], Duration::from_secs(10));
        let about = || format!("mutation {n}: {}\n{}", e.how(), e.stderr);
        // A panic is exit status 101; the signals a mutated program may well raise are these.
        assert!(!e.stderr.contains("panicked"), "{}", about());
        let signal = e.status.and_then(|s| s.signal());
        assert!(
            matches!(signal, None | Some(4 | 5 | 7 | 8 | 11)),
            "{}",
            about()
        );
        assert_ne!(e.code(), Some(101), "{}", about());
        match e.code() {
            Some(126 | 127) => refused += 1,
            _ => ran += 1,
        }
    }
    assert!(
        refused > 50 && ran > 20,
        "mutations that test little: {refused} refused, {ran} ran"
    );
}
