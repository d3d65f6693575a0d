//! The oracle that is this machine's own CPU: it takes the state of a case and gives it back whole.

use std::process::Command;

/// Three instructions on YMM0 to YMM5, and what they do to the upper halves by the manual.
const CASE: &str = r#"{
    "code": "0f57c2c5e457ecc5d057d5cc",
    "before": {"rip": "0x40000000", "rflags": "0x202", "mxcsr": "0x1f80",
        "xmm0": "0x1", "ymm0": "0x11", "ymm0.high": "0x12", "xmm2": "0x3", "ymm2": "0x21",
        "ymm3": "0xf0", "ymm3.high": "0xff", "ymm4": "0x30", "ymm4.high": "0xf",
        "ymm15": "0x7", "ymm15.high": "0x8"},
    "memory": 1,
    "after": {"stop": {"vector": 3}, "memory": [],
        "registers": {"rip": "0x4000000c", "rflags": "0x202", "mxcsr": "0x1f80",
            "xmm0": "0x2", "ymm0": "0x11", "ymm0.high": "0x12",
            "ymm3": "0xf0", "ymm3.high": "0xff", "ymm4": "0x30", "ymm4.high": "0xf",
            "ymm5": "0xc0", "ymm5.high": "0xf0", "ymm15": "0x7", "ymm15.high": "0x8"}}
}"#;

fn replay(case: &str) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("case.json");
    std::fs::write(&file, case).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(["replay", "--engine", "native"])
        .arg(file)
        .output()
        .unwrap();
    (
        out.status.code(),
        String::from_utf8_lossy(&out.stdout).into_owned(),
    )
}

/// XORPS keeps the upper half, VXORPS of 256 bits writes it, that of 128 bits clears it.
#[test]
fn upper_halves_go_in_and_come_out() {
    if !is_x86_feature_detected!("avx") {
        eprintln!("this CPU has no AVX: nothing to ask");
        return;
    }
    let (status, text) = replay(CASE);
    assert_eq!(status, Some(0), "{text}");
    let wrong = CASE.replace(r#""ymm15.high": "0x8"}}"#, r#""ymm15.high": "0x9"}}"#);
    let (status, text) = replay(&wrong);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("ymm15"), "{text}");
}
