//! Programs compiled with sanitizers, which want their own addresses for shadow memory and, to look for leaks, a child that
//! shares memory and stops all threads by ptrace(2): under felix they find natively what they find natively.
//!
//! On this machine's portable engine only: qemu-user has no ptrace, and the rootfs no sanitizers' libraries.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// A program that does what its argument says.
const SOURCE: &str = r#"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static int shared;
static void *idle(void *x) { for (;;) pause(); return x; }
static void *count(void *x) { for (int i = 0; i < 1000; i++) shared++; return x; }
int main(int argc, char **argv) {
    char *volatile p = malloc(10);
    pthread_t t;
    switch (argv[1][0]) {
    case 'o': p[9 + argc] = 3; break;
    case 'u': free(p); return p[argc];
    case 'l': pthread_create(&t, NULL, idle, NULL); p = NULL; return 0;
    case 'r': pthread_create(&t, NULL, count, NULL); count(NULL); pthread_join(t, NULL); break;
    case 'i': argc += 0x7fffffff; break;
    }
    printf("%s\n", argv[1]);
    free(p);
    return 0;
}
"#;

/// The program with this sanitizer, or `None` if the compiler has not its library.
fn compiled(sanitizer: &str) -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sanitizers");
    fs::create_dir_all(&dir).unwrap();
    let (source, program) = (dir.join(format!("{sanitizer}.c")), dir.join(sanitizer));
    fs::write(&source, SOURCE).unwrap();
    let made = Command::new("cc")
        .args(["-w", "-pthread", &format!("-fsanitize={sanitizer}"), "-o"])
        .args([&program, &source])
        .output();
    made.is_ok_and(|o| o.status.success()).then_some(program)
}

/// What it says of itself: how it ends, its output, and the sanitizer's verdict without addresses.
fn verdict(mut command: Command) -> String {
    // Finding names takes long and is only reading files.
    for options in ["ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"] {
        command.env(options, "symbolize=0");
    }
    let e = support::run(&mut command, b"", LIMIT).unwrap();
    let said = e.stderr.lines().filter_map(|l| {
        let about = l
            .split_once("SUMMARY: ")
            .map(|(_, s)| s)
            .or_else(|| l.split_once("runtime error: ").map(|(_, s)| s))?;
        let mut words = about.split(' ').filter(|w| !w.starts_with(['/', '(']));
        Some(words.by_ref().collect::<Vec<_>>().join(" "))
    });
    format!(
        "{}\n{}{}",
        e.how(),
        String::from_utf8_lossy(&e.stdout),
        said.collect::<Vec<_>>().join("\n")
    )
}

#[track_caller]
fn same(sanitizer: &str, finds: &[&str]) {
    if support::riscv_cpu().is_some() {
        return;
    }
    let why = support::no_native_guests();
    let Some(program) = why.is_none().then(|| compiled(sanitizer)).flatten() else {
        assert!(
            !support::in_ci(),
            "cc -fsanitize={sanitizer} makes no program"
        );
        return;
    };
    for what in finds.iter().chain(&["nothing"]) {
        // Where the host places things far apart, old libraries refuse to start.
        let mut native = Command::new("setarch");
        native.arg("-R").arg(&program).arg(what);
        let mut felix = Command::new(env!("CARGO_BIN_EXE_felix"));
        felix.args(["run", "--"]).arg(&program).arg(what);
        let native = verdict(native);
        assert_eq!(
            native.contains("nothing"),
            *what == "nothing",
            "natively: {native}"
        );
        assert_eq!(verdict(felix), native, "{what}");
    }
}

#[test]
fn address_sanitizer_finds_overflows_uses_after_free_and_leaks() {
    same("address", &["overflow", "use after free", "leak"]);
}

#[test]
fn thread_sanitizer_finds_a_race() {
    same("thread", &["race"]);
}

#[test]
fn undefined_behaviour_sanitizer_finds_an_overflow() {
    same("undefined", &["integer"]);
}
