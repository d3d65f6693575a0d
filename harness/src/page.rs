//! A difference on one page: listing, both states with the differences side by side, the optimised IR
//! and the RV64 code for a host with nothing but GC.

use felix::lift::{self, Limits};
use felix::lower::{FpMode, lower};
use felix::replay::{After, CODE_LEN, Case, CaseCode};
use felix::rv64::{HostIsa, listing};
use felix::x86::GuestAddr;
use std::fmt::Write;

/// The page.
#[must_use]
pub fn page(case: &Case, ours: (&str, &After), theirs: (&str, &After), undefined: u64) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "code   {}", case.code.text());
    for line in &case.listing {
        let _ = writeln!(out, "       {line}");
    }
    let _ = writeln!(out, "\n         {:18}  {}", ours.0, theirs.0);
    for d in ours.1.differences(theirs.1, undefined) {
        let _ = writeln!(out, "  {d}");
    }
    let before = serde_json::to_string(&case.before).unwrap_or_default();
    let _ = writeln!(out, "\nbefore {before}");
    let _ = writeln!(
        out,
        "undefined flags {:#x}, memory pattern {}",
        undefined, case.memory
    );
    let limits = Limits {
        span: CODE_LEN as u64,
        ..Limits::default()
    };
    if let Ok(mut region) =
        lift::translate(&CaseCode::of(case), GuestAddr(case.before.rip.0), limits)
    {
        felix::opt::optimize(&mut region);
        let _ = writeln!(out, "\n{region}");
        let isa = HostIsa::default();
        match lower(&region, isa, FpMode::of(case.before.mxcsr)) {
            Ok(t) => {
                let _ = writeln!(out, "{isa}\n{}", listing(&t.code));
            }
            Err(e) => {
                let _ = writeln!(out, "not lowered: {e:?}");
            }
        }
    }
    out
}
