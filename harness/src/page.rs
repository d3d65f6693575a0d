//! A difference on one page: listing, both states with the differences marked, IR before and after
//! optimisation.

use felix::lift::{self, Limits};
use felix::replay::{After, CODE_LEN, Case, CaseCode};
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
    }
    out
}
