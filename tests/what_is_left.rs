//! The last words of a test run: what it left to ci/test.sh, by name. In ci/test.sh, where nothing may
//! be left, the same list is a failure.

mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().any(|a| a == "--list") {
        return ExitCode::SUCCESS;
    }
    let missing = support::no_native_programs();
    if support::in_ci() {
        return match missing {
            None => ExitCode::SUCCESS,
            Some(why) => {
                eprintln!("guest programs cannot be tested: {why}");
                ExitCode::FAILURE
            }
        };
    }
    println!("\nLeft to ci/test.sh:");
    if let Some(why) = missing {
        println!("  - the guest programs of tests/programs.rs ({why})");
    }
    if let Some(why) = support::no_native_guests() {
        println!("  - what Linux promises, tests/linux.rs ({why})");
    }
    if support::riscv_cpu().is_none() {
        println!("  - guest programs and corpus on the RISC-V JIT under qemu-riscv64, on each CPU");
    }
    let chromium = std::process::Command::new("chromium")
        .arg("--version")
        .output();
    if !chromium.is_ok_and(|o| o.status.success()) {
        println!("  - a campaign's report in a browser (no chromium)");
    }
    println!("  - fuzzing: the portable engine and the JIT against this CPU and Unicorn");
    println!("  - cargo fmt, clippy and doc\n");
    ExitCode::SUCCESS
}
