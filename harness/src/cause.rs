//! The cause of a difference, as far as it can be seen: by it differences are told apart.
//!
//! The key is `ENGINE.MNEMONIC.FIELDS`. The mnemonic is that of the first instruction of the reduced
//! case after which engine and oracle differ, were the case to stop there; if the difference needs the
//! whole case, that of the last instruction. Fields are kinds (`gpr`, `xmm`, `ymm`, `memory`), but the status
//! flags are named. Two bugs of one instruction in the same fields share a key: fix one, and a new
//! campaign shows the other.

use crate::arena::{Arena, Reduced};
use crate::compare::instructions;
use crate::coverage::FLAGS;
use felix::replay::{After, Case};
use iced_x86::Mnemonic;
use std::collections::BTreeSet;

const INT3: u8 = 0xcc;

/// The key of a reduced difference, fit for a file name.
#[must_use]
pub fn key(arena: &mut Arena, small: &Reduced, engine: &str, oracle: &str) -> String {
    let mnemonic = culprit(&small.case, &mut |c| {
        arena.differ(c, engine, oracle).unwrap_or(false)
    });
    let mnemonic = mnemonic.map_or("nothing".into(), |m| format!("{m:?}").to_lowercase());
    let theirs = small.case.after.as_ref();
    let fields = theirs.map(|t| fields(&small.ours, t, small.case.undefined_flags.0));
    let fields: Vec<&str> = fields.iter().flatten().copied().collect();
    format!("{engine}.{mnemonic}.{}", fields.join("+"))
}

/// Engine and mnemonic of a key.
#[must_use]
pub fn parts(key: &str) -> Option<(&str, &str)> {
    let (engine, rest) = key.split_once('.')?;
    Some((engine, rest.split_once('.')?.0))
}

/// See the module's head.
fn culprit(case: &Case, differs: &mut dyn FnMut(&Case) -> bool) -> Option<Mnemonic> {
    let start = case.before.rip.0;
    let real: Vec<_> = instructions(case)
        .filter(|i| !matches!(i.mnemonic(), Mnemonic::Int3 | Mnemonic::Nop))
        .collect();
    let first = real.iter().find(|i| {
        let mut cut = case.clone();
        let end = usize::try_from(i.next_ip().wrapping_sub(start)).unwrap_or(usize::MAX);
        cut.code.0.truncate(end);
        cut.code.0.push(INT3);
        differs(&cut)
    });
    first.or(real.last()).map(|i| i.mnemonic())
}

/// The kinds of what differs.
fn fields(ours: &After, theirs: &After, undefined: u64) -> BTreeSet<&'static str> {
    let mut out = BTreeSet::new();
    for line in ours.differences(theirs, undefined) {
        let field = line.split_whitespace().next().unwrap_or_default();
        match field {
            "stop" => out.insert("stop"),
            "rip" => out.insert("rip"),
            "mxcsr" => out.insert("mxcsr"),
            "memory" => out.insert("memory"),
            "fs.base" | "gs.base" => out.insert("base"),
            _ if field.starts_with("xmm") => out.insert("xmm"),
            _ if field.starts_with("ymm") => out.insert("ymm"),
            "rflags" => {
                let bits = (ours.registers.rflags.0 ^ theirs.registers.rflags.0) & !undefined;
                out.extend(FLAGS.iter().filter(|(_, f)| bits & f != 0).map(|(n, _)| *n));
                bits & felix::x86::Rflags::DF != 0 && out.insert("DF")
            }
            _ => out.insert("gpr"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::read_cases;
    use std::path::Path;

    #[test]
    fn the_first_instruction_after_which_they_differ_is_to_blame() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/insn/arith/adc.json");
        let mut case = read_cases(&file).unwrap().remove(0);
        // mov eax, ecx; adc eax, eax; neg ecx; int3
        case.code.0 = vec![0x89, 0xc8, 0x11, 0xc0, 0xf7, 0xd9, INT3];
        let has_adc = |c: &Case| c.code.0.len() > 4;
        assert_eq!(culprit(&case, &mut |c| has_adc(c)), Some(Mnemonic::Adc));
        assert_eq!(culprit(&case, &mut |_| false), Some(Mnemonic::Neg));
    }

    #[test]
    fn a_key_names_engine_and_mnemonic() {
        assert_eq!(parts("jit.addsd.mxcsr+xmm"), Some(("jit", "addsd")));
        assert_eq!(parts("jit"), None);
    }

    #[test]
    fn fields_are_kinds_and_flags_have_names() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/insn/arith/adc.json");
        let theirs = read_cases(&file).unwrap().remove(0).after.unwrap();
        let mut ours = theirs.clone();
        ours.registers.rflags.0 ^= 0x801;
        ours.registers.gpr[3].0 ^= 1;
        ours.registers.gpr[5].0 ^= 1;
        let all: Vec<_> = fields(&ours, &theirs, 0).into_iter().collect();
        assert_eq!(all, ["CF", "OF", "gpr"]);
        let fewer: Vec<_> = fields(&ours, &theirs, 0x800).into_iter().collect();
        assert_eq!(fewer, ["CF", "gpr"]);
    }
}
