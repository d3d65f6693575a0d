//! Campaigns as a user runs them: killed and resumed, split and merged, in the wrong directory.
//!
//! The engine is `broken`, whose faults are known, so that there is something to lose.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Cases of a campaign that takes a few seconds: three rounds of four lanes.
const CASES: &str = "3072";

fn harness() -> Command {
    Command::new(env!("CARGO_BIN_EXE_harness"))
}

fn campaign(dir: &Path, more: &[&str]) -> Command {
    let mut c = harness();
    c.args(["campaign", "--engines", "broken", "--oracles", "native"]);
    c.args([
        "--cases", CASES, "--lanes", "4", "--round", "256", "--seed", "3",
    ]);
    c.arg("--out").arg(dir).args(more);
    c
}

fn run(mut command: Command) -> Output {
    command.output().expect("the harness starts")
}

/// Lanes and differences, by name: what a campaign has found, without when it did.
fn found(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for folder in ["lanes", "differences"] {
        for file in fs::read_dir(dir.join(folder)).expect("a campaign has it") {
            let file = file.expect("a file").path();
            let name = file
                .strip_prefix(dir)
                .expect("inside")
                .display()
                .to_string();
            all.insert(name, fs::read(&file).expect("readable"));
        }
    }
    all
}

#[track_caller]
fn same(a: &Path, b: &Path) {
    let (a, b) = (found(a), found(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, content) in &a {
        assert!(b[name] == *content, "{name} differs");
    }
}

/// One big run, to compare with.
fn whole(dir: &Path) {
    let out = run(campaign(dir, &["--jobs", "1"]));
    // Something differed.
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains("3072 cases"), "{text}");
    assert!(text.contains("broken.bswap.gpr"), "{text}");
    assert!(text.contains("broken.sbb.CF"), "{text}");
}

#[test]
fn killed_at_any_point_a_campaign_ends_as_if_it_had_not_been() {
    let top = tempfile::tempdir().unwrap();
    let (one, other) = (top.path().join("one"), top.path().join("other"));
    let started = Instant::now();
    whole(&one);
    let usual = started.elapsed();
    // From the start to near the end, at times that fall into all parts of a round.
    for n in 1..=7 {
        let mut child = campaign(&other, &["--jobs", "2"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        std::thread::sleep(usual.mul_f64(0.07 * f64::from(n)) + Duration::from_millis(3));
        // Its process group once, its workers left behind the other time.
        if n % 2 == 0 {
            let group = format!("-{}", child.id());
            let kill = Command::new("kill").args(["-KILL", "--", &group]).status();
            assert!(kill.is_ok_and(|s| s.success()) || child.try_wait().unwrap().is_some());
        } else {
            child.kill().unwrap();
        }
        child.wait().unwrap();
    }
    let out = run(campaign(&other, &["--jobs", "2"]));
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    same(&one, &other);
}

#[test]
fn merged_shards_are_one_big_run() {
    let top = tempfile::tempdir().unwrap();
    let dir = |name: &str| top.path().join(name);
    whole(&dir("whole"));
    for shard in ["1/2", "2/2"] {
        let out = run(campaign(&dir(&shard[..1]), &["--shard", shard]));
        assert_eq!(out.status.code(), Some(1), "{out:?}");
    }
    let merge = |dirs: &[&str], out: &str| {
        let mut c = harness();
        c.arg("merge").args(dirs.iter().map(|d| dir(d)));
        c.arg("--out").arg(dir(out));
        run(c)
    };
    let out = merge(&["1", "2"], "merged");
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    same(&dir("whole"), &dir("merged"));
    let config = |d: &str| fs::read_to_string(dir(d).join("campaign.json")).unwrap();
    assert_eq!(config("whole"), config("merged"));

    let refused = |dirs: &[&str], out: &str, why: &str| {
        let o = merge(dirs, out);
        let text = String::from_utf8_lossy(&o.stderr).into_owned();
        assert_eq!(o.status.code(), Some(2), "{text}");
        assert!(text.contains(why), "{text}");
    };
    refused(&["1", "1"], "twice", "they overlap");
    refused(&["1", "whole"], "both", "they overlap");
    refused(&["1", "2"], "merged", "is there already");
    let mut other = campaign(&dir("other"), &["--shard", "2/2", "--length", "8"]);
    other.args(["--jobs", "1"]);
    run(other);
    refused(&["1", "other"], "mixed", "the length is 32 in");
}

#[test]
fn another_configuration_is_refused_with_what_differs() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("c");
    fs::create_dir_all(&dir).unwrap();
    run(campaign(&dir, &["--jobs", "1"]));
    let mut c = harness();
    c.args([
        "campaign", "--cases", CASES, "--lanes", "4", "--round", "256",
    ]);
    c.args([
        "--engines",
        "broken",
        "--oracles",
        "native",
        "--seed",
        "4",
        "--out",
    ]);
    let out = run({
        c.arg(&dir);
        c
    });
    assert_eq!(out.status.code(), Some(2));
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(text.contains("the seed is 3 there and 4 now"), "{text}");
}

#[test]
fn a_difference_is_shown_again_by_its_command() {
    let top = tempfile::tempdir().unwrap();
    let dir = top.path().join("c");
    whole(&dir);
    let mut c = harness();
    let file = dir.join("differences/broken.sbb.CF.json");
    c.arg("replay").arg(&file).args(["--engine", "broken"]);
    let out = run(c);
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        text.contains("sbb") && text.contains("1 cases, 1 differ"),
        "{text}"
    );
}
