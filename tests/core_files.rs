//! A guest's core file as debuggers see it: gdb finds the frames, the threads and the values, readelf the notes.
//!
//! Run by the portable engine on the host itself, because qemu-user dumps cores of its own. Without a C compiler or gdb, and on
//! hosts whose core_pattern is another than the kernel's own, less is tested, and the test says so.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SOURCE: &str = r#"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
volatile int numbers[] = {11, 22, 33};
__attribute__((noinline)) static int inner(const char *text, int n) {
    asm volatile("" :: "r"(text));
    if (n == 7) *(volatile int *)0x18 = numbers[1];
    return n;
}
__attribute__((noinline)) static int outer(int n) { return inner("a text", n + 1) + 1; }
static void *waits(void *p) { pause(); return p; }
int main(int argc, char **argv) {
    pthread_t t;
    pthread_create(&t, 0, waits, 0);
    usleep(100000);
    return outer(argc + 5);
}
"#;

/// A directory of this test's own, empty.
fn scratch() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("core");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn has(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok()
}

fn said(c: &mut Command) -> String {
    let out = c.output().unwrap();
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}

#[test]
fn gdb_and_readelf_open_a_core() {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if cfg!(not(target_arch = "x86_64")) || pattern.trim() != "core" || !has("cc") {
        eprintln!("left out: needs an x86-64 host with cc whose core_pattern is \"core\"");
        assert!(!support::in_ci(), "nothing may be left out here");
        return;
    }
    let dir = scratch();
    let (source, program) = (dir.join("p.c"), dir.join("p"));
    std::fs::write(&source, SOURCE).unwrap();
    let made = said(
        Command::new("cc")
            .args([
                "-g",
                "-O1",
                "-static",
                "-pthread",
                "-fno-omit-frame-pointer",
                "-o",
            ])
            .args([&program, &source]),
    );
    assert!(program.exists(), "{made}");
    let script = format!(
        "ulimit -c unlimited && exec {} run --engine interp {}",
        env!("CARGO_BIN_EXE_felix"),
        program.display()
    );
    let mut c = Command::new("sh");
    c.args(["-c", &script]).current_dir(&dir);
    let e = support::run(&mut c, b"", Duration::from_secs(60)).unwrap();
    let status = e
        .status
        .map(std::os::unix::process::ExitStatusExt::into_raw);
    // SIGSEGV, with a core.
    assert_eq!(status, Some(11 | 0x80), "{}", e.stderr);
    let core = dir.join("core");
    assert!(core.exists());

    if has("readelf") {
        let notes = said(Command::new("readelf").args(["-hn"]).arg(&core));
        for part in [
            "CORE (Core file)",
            "X86-64",
            "NT_PRSTATUS",
            "NT_PRPSINFO",
            "NT_SIGINFO",
            "NT_AUXV",
            "NT_FILE",
            "NT_FPREGSET",
            "NT_X86_XSTATE",
        ] {
            assert!(notes.contains(part), "{part:?} expected in:\n{notes}");
        }
        assert_eq!(notes.matches("NT_PRSTATUS").count(), 2, "{notes}");
        assert!(!notes.to_lowercase().contains("warning"), "{notes}");
    } else {
        eprintln!("readelf is not installed: the notes were not looked at");
    }
    if !has("gdb") {
        eprintln!("left out: gdb is not installed");
        assert!(!support::in_ci(), "nothing may be left out here");
        return;
    }
    let shown = said(
        Command::new("gdb")
            .args([
                "-nx",
                "-batch",
                "-ex",
                "bt",
                "-ex",
                "info registers rip eflags fs_base",
            ])
            .args([
                "-ex",
                "print numbers",
                "-ex",
                "print $_siginfo._sifields._sigfault.si_addr",
            ])
            .args([
                "-ex",
                "info threads",
                "-ex",
                "thread apply 2 bt",
                "-ex",
                "print $ymm0",
            ])
            .args(["-ex", "info auxv"])
            .args([&program, &core]),
    );
    for part in [
        "SIGSEGV",
        "inner (text=",
        "a text",
        "in outer (",
        "in main (argc=1",
        "{11, 22, 33}",
        "0x18",
        "in waits (",
        "AT_PHDR",
        "v8_float",
    ] {
        assert!(shown.contains(part), "{part:?} expected in:\n{shown}");
    }
    assert!(!shown.contains("warning"), "{shown}");
}
