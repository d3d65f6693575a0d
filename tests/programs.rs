//! Guest programs of an amd64 Debian: each runs natively first (by chroot), then under felix; standard
//! output and exit status must be equal. And the programs of `tests/guest`, C files that are compiled here.
//!
//! Which felix: without FELIX_TEST_CPU the one cargo built, with the portable engine; with it, the
//! cross-built one with the JIT, under qemu-riscv64 with that CPU. The rootfs is ci/setup.sh's. Programs
//! write nothing: tests run two at a time in the same rootfs.

mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::LazyLock;
use std::time::Duration;
use support::{Draw, Ended};

/// What a program reads on standard input.
#[derive(Clone, Copy)]
enum Stdin {
    Nothing,
    /// Lines of words, this many bytes.
    Words(usize),
}

/// A test.
struct Row {
    name: &'static str,
    argv: &'static [&'static str],
    stdin: Stdin,
    /// The exit status that the program itself must give: a broken test is not one of felix.
    status: i32,
}

/// How long a program may take under felix.
const LIMIT: Duration = Duration::from_secs(300);
/// And natively.
const NATIVE_LIMIT: Duration = Duration::from_secs(60);

macro_rules! programs {
    ($($name:literal $stdin:expr, $status:literal, [$($arg:expr),* $(,)?];)*) => {
        const ROWS: &[Row] = &[$(Row {
            name: $name,
            argv: &[$($arg),*],
            stdin: $stdin,
            status: $status,
        },)*];
    };
}

use Stdin::{Nothing, Words};
const KB: usize = 1000;

programs! {
    "busybox-loop" Nothing, 0, ["/bin/busybox", "sh", "-c",
        "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $((i*i)); done; for x in a b c; do echo $x; done"];
    "busybox-pipe" Nothing, 3, ["/bin/busybox", "sh", "-c",
        "for i in 5 3 9 1; do echo $i; done | sort | tr '\\n' ' ' | wc -c; (exit 3) | cat; exit 3"];
    "busybox-here-document" Nothing, 0, ["/bin/busybox", "sh", "-c",
        "x=world; cat <<END\nhello $x\n$(echo nested | tr a-z A-Z)\nEND\ncat <<'END'\n$x\nEND"];
    "busybox-status" Nothing, 42, ["/bin/busybox", "sh", "-c",
        "trap 'echo bye' EXIT; false || echo no; ( exit 5 ); echo $?; sh -c 'kill -TERM $$'; echo $?; exit 42"];
    "busybox-ls" Nothing, 0, ["/bin/busybox", "ls", "-l", "/usr", "/etc"];
    "busybox-find" Nothing, 0, ["/bin/busybox", "sh", "-c", "busybox find /etc /usr/share/doc | busybox sort"];
    "busybox-sort" Words(300 * KB), 0, ["/bin/busybox", "sort"];
    "busybox-awk" Words(100 * KB), 0, ["/bin/busybox", "awk",
        "{ n[$1]++; s += length($0); f += 1 / NR } END { for (w in n) c++; printf \"%d %d %.6f\\n\", c, s, f }"];
    "busybox-sed" Words(300 * KB), 0, ["/bin/busybox", "sed", "-n", "s/\\(w[0-9]*\\) \\(w[0-9]*\\)/\\2-\\1/p; 5q"];
    "busybox-md5sum" Words(3000 * KB), 0, ["/bin/busybox", "md5sum"];
    "busybox-gzip" Words(3000 * KB), 0, ["/bin/busybox", "gzip", "-c"];
    "busybox-gunzip" Words(3000 * KB), 0, ["/bin/busybox", "sh", "-c",
        "busybox gzip -1 -c | busybox gunzip -c | busybox md5sum"];
    "bash" Nothing, 4, ["/bin/bash", "-c",
        "declare -A m; for i in {1..50}; do m[k$i]=$((i*i)); done; echo ${m[k7]} ${#m[@]}; \
         f() { local x=$1; [ $x -le 1 ] && echo 1 || echo $(( x * $(f $((x-1))) )); }; f 8; \
         printf '%s\\n' \"${BASH_VERSINFO[0]}\"; a=$(echo one); echo two | while read b; do echo $a $b; done; \
         cat <<< \"here $a\"; [[ abc =~ b(.) ]] && echo ${BASH_REMATCH[1]}; exit 4"];
    "bash-jobs" Nothing, 0, ["/bin/bash", "-c",
        "for i in 1 2 3; do (exit $i) & p[$i]=$!; done; for i in 1 2 3; do wait ${p[$i]}; echo $?; done; \
         trap 'echo usr1' USR1; kill -USR1 $$; ls /nonexistent 2>/dev/null || echo gone"];
    "ls-l" Nothing, 0, ["/bin/ls", "-l", "/usr", "/usr/bin", "/etc"];
    "ls-missing" Nothing, 2, ["/bin/ls", "-d", "/etc", "/nonexistent"];
    "lua" Nothing, 0, ["/usr/bin/lua5.4", "-e",
        "local t = {} for i = 1, 2000 do t[i] = math.sin(i) * i end table.sort(t) \
         print(t[1], t[1000], #t, 7 // 2, 2^53, 1e15, 0x7fffffffffffffff + 1) \
         print(string.format('%5.3f %s %q', math.pi, ('x'):rep(5), 'a\\nb'), ('hello'):gsub('l', 'L')) \
         print(pcall(error, 'caught')) local c = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) \
         print(c(), c(), c())"];
    "sqlite3" Nothing, 0, ["/usr/bin/sqlite3", ":memory:",
        "create table t(a integer primary key, b text, c real); \
         with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000) \
         insert into t select i, 'row ' || i, i / 7.0 from n; \
         select count(*), sum(a), round(avg(c), 6), max(b) from t; \
         select a % 10, count(*), total(c) from t group by 1 order by 2, 1; select printf('%.10f', 1.0 / 3), 1e300 * 10;"];
    "gawk" Words(100 * KB), 0, ["/usr/bin/gawk",
        "{ for (i = 1; i <= NF; i++) n[$i]++ } END { m = asorti(n, k); \
         for (i = 1; i <= 20; i++) print k[i], n[k[i]]; printf \"%d %.8f %s\\n\", m, atan2(1, 2) * exp(1), toupper(\"x\") }"];
    "perl" Words(100 * KB), 0, ["/usr/bin/perl", "-e",
        "while (<STDIN>) { $n{$_}++ for /w(\\d+)/g } my @k = sort { $n{$b} <=> $n{$a} || $a <=> $b } keys %n; \
         print \"$_ $n{$_}\\n\" for @k[0..9]; printf \"%.10g %s\\n\", sqrt(2) ** 3.5, join ',', map { $_ * 1.5 } 1..5; \
         print scalar reverse('felix'), ' ', sprintf('%x', 255), \"\\n\""];
    "xz" Words(500 * KB), 0, ["/bin/bash", "-c", "xz -1 -c | xz -dc | md5sum"];
    "xz-output" Words(300 * KB), 0, ["/usr/bin/xz", "-1", "-c"];
    "bzip2" Words(300 * KB), 0, ["/usr/bin/bzip2", "-1", "-c"];
    "bzip2-both" Words(300 * KB), 0, ["/bin/bash", "-c", "bzip2 -1 -c | bzip2 -dc | md5sum"];
    "zstd" Words(1000 * KB), 0, ["/usr/bin/zstd", "-q", "-c", "-T1"];
    "zstd-both" Words(1000 * KB), 0, ["/bin/bash", "-c", "zstd -q -c | zstd -dc | md5sum"];
    "openssl-sha256" Words(1000 * KB), 0, ["/usr/bin/openssl", "dgst", "-sha256"];
    "python3" Nothing, 0, ["/usr/bin/python3", "-c",
        "import json, hashlib, re, struct, math\n\
         print(json.dumps({'a': [1, 2.5, None, True], 'b': 'x' * 5}, sort_keys=True))\n\
         print(hashlib.sha256(b'felix').hexdigest(), 2 ** 200 % 10 ** 9, math.exp(1.5), 0.1 + 0.2)\n\
         print(re.sub(r'(\\w+) (\\w+)', r'\\2 \\1', 'hello world'), struct.pack('<dI', 1.5, 7))\n\
         print(sum(i * i for i in range(20000)), sorted({'b': 1, 'a': 2}), [x / 3 for x in range(4)])"];
    "python3-status" Nothing, 3, ["/usr/bin/python3", "-c",
        "import sys, subprocess\n\
         print(subprocess.run(['/bin/echo', 'child'], capture_output=True).stdout)\n\
         try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    print(e)\n\
         sys.exit(3)"];
    "stress-signals" Nothing, 0, ["guest/storm"];
    "stress-threads-and-code" Nothing, 0, ["guest/race"];
    "stress-frames" Nothing, 0, ["guest/frames"];
    "stress-flow" Nothing, 0, ["guest/flow"];
    "ymm-registers" Nothing, 0, ["guest/wide"];
    "long-double" Nothing, 0, ["guest/long_double", "3000"];
}

/// The static executable made from `tests/guest/NAME.c`, if this is a program of ours.
fn compiled(row: &Row) -> Result<Option<PathBuf>, String> {
    let Some(name) = row.argv[0].strip_prefix("guest/") else {
        return Ok(None);
    };
    support::compiled(name, &["-O2", "-Werror"], &[]).map(Some)
}

/// Three megabytes of lines that compress about as text does; inputs are its beginnings.
static WORDS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut draw = Draw(1);
    let mut out = Vec::with_capacity(3_000_100);
    while out.len() < 3000 * KB {
        for i in 0..8 {
            // Small numbers more often.
            let n = draw.below(4000) * draw.below(4000) / 4000;
            out.extend(format!("{}w{n}", if i == 0 { "" } else { " " }).bytes());
        }
        out.push(b'\n');
    }
    out
});

fn input(row: &Row) -> &'static [u8] {
    match row.stdin {
        Stdin::Nothing => &[],
        Stdin::Words(n) => &WORDS[..n],
    }
}

/// The environment of a guest, the same in both worlds.
fn guest_environment(c: &mut Command) {
    c.env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", "/")
        .env("LC_ALL", "C")
        .env("TZ", "UTC");
}

fn natively(row: &Row, rootfs: &Path) -> Result<Ended, String> {
    let mut c = match compiled(row)? {
        Some(program) => Command::new(program),
        None => {
            let mut c = Command::new("chroot");
            c.arg(rootfs).arg(row.argv[0]);
            c
        }
    };
    c.args(&row.argv[1..]);
    guest_environment(&mut c);
    support::run(&mut c, input(row), NATIVE_LIMIT)
}

fn under_felix(row: &Row, rootfs: &Path, cpu: Option<&str>) -> Result<Ended, String> {
    let mut c = Command::new(support::felix(cpu));
    c.arg("run");
    c.args(["--engine", if cpu.is_some() { "jit" } else { "interp" }]);
    match compiled(row)? {
        Some(program) => c.arg("--").arg(program),
        // Natively chroot(1) shares nothing of the host's.
        None => c
            .args(["--share=false", "--share-home=false", "--rootfs"])
            .arg(rootfs)
            .arg("--")
            .arg(row.argv[0]),
    };
    c.args(&row.argv[1..]);
    guest_environment(&mut c);
    support::on_cpu(&mut c, cpu);
    support::run(&mut c, input(row), LIMIT)
}

/// The first line that differs, with its number.
fn first_difference(native: &[u8], felix: &[u8]) -> String {
    let show = |l: Option<&[u8]>| {
        let text = l.map_or("(nothing)".into(), |l| {
            String::from_utf8_lossy(l).into_owned()
        });
        text.chars().take(200).collect::<String>()
    };
    let (mut a, mut b) = (native.split(|c| *c == b'\n'), felix.split(|c| *c == b'\n'));
    for n in 1.. {
        let (x, y) = (a.next(), b.next());
        if x != y {
            return format!(
                "stdout differs from line {n} ({} bytes natively, {} under felix)\n  native: {}\n  felix:  {}",
                native.len(),
                felix.len(),
                show(x),
                show(y)
            );
        }
    }
    String::new()
}

fn check(row: &Row, cpu: Option<&str>) -> Result<(), Failed> {
    let rootfs = support::rootfs();
    let native = natively(row, &rootfs)?;
    let complains = row.status == 0 && !native.stderr.is_empty();
    if native.code() != Some(row.status) || native.stdout.is_empty() || complains {
        let why = format!(
            "the test is broken: natively {} with {} bytes of output; exit status {}, some output and no complaint expected\n{}",
            native.how(),
            native.stdout.len(),
            row.status,
            native.stderr
        );
        return Err(why.into());
    }
    let felix = under_felix(row, &rootfs, cpu)?;
    let mut wrong = Vec::new();
    if felix.status != native.status {
        wrong.push(format!("{}; natively {}", felix.how(), native.how()));
    }
    if felix.stdout != native.stdout {
        wrong.push(first_difference(&native.stdout, &felix.stdout));
    }
    if wrong.is_empty() {
        println!(
            "{:24} {:6.2} s under felix, {:.2} s natively",
            row.name,
            felix.took.as_secs_f64(),
            native.took.as_secs_f64()
        );
        return Ok(());
    }
    let lines: Vec<&str> = felix.stderr.lines().collect();
    let last = &lines[lines.len().saturating_sub(10)..];
    Err(format!(
        "{}: {}\nstderr ends: {}",
        row.argv[0],
        wrong.join("\n"),
        last.join("\n")
    )
    .into())
}

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(2);
    let cpu = support::riscv_cpu();
    let missing = support::no_native_programs().or_else(|| cpu.as_ref().and(support::no_riscv()));
    if let Some(why) = missing {
        return support::left_out(&why);
    }
    let trials = ROWS
        .iter()
        .map(|row| {
            let cpu = cpu.clone();
            Trial::test(row.name, move || check(row, cpu.as_deref()))
        })
        .collect();
    libtest_mimic::run(&args, trials).exit_code()
}
