//! The smallest case that still shows a difference.

use crate::generate::list;
use felix::replay::{Case, Hex64};
use iced_x86::{Decoder, DecoderOptions};

const NOP: u8 = 0x90;

/// Reduces `case` as long as `differs` says yes: instructions become NOPs and then disappear, registers
/// and patches become zero.
pub fn reduce(mut case: Case, differs: &mut dyn FnMut(&Case) -> bool) -> Case {
    let mut attempt = |case: &mut Case, candidate: Case| {
        let yes = differs(&candidate);
        if yes {
            *case = candidate;
        }
        yes
    };
    let spans = |case: &Case| -> Vec<(usize, usize)> {
        let mut at = 0;
        Decoder::with_ip(64, &case.code.0, case.before.rip.0, DecoderOptions::NONE)
            .into_iter()
            .map(|i| {
                let span = (at, at + i.len());
                at += i.len();
                span
            })
            .collect()
    };
    for (from, to) in spans(&case).into_iter().rev() {
        let mut c = case.clone();
        c.code.0[from..to].fill(NOP);
        attempt(&mut case, c);
    }
    // Without the NOPs, if nothing depends on the distance.
    let mut c = case.clone();
    let keep: Vec<u8> = spans(&case)
        .into_iter()
        .filter(|(from, to)| case.code.0[*from..*to] != [NOP])
        .flat_map(|(from, to)| case.code.0[from..to].to_vec())
        .collect();
    c.code.0 = keep;
    attempt(&mut case, c);
    for i in 0..16 {
        let mut c = case.clone();
        c.before.gpr[i] = Hex64(0);
        attempt(&mut case, c);
        let mut c = case.clone();
        c.before.ymm_upper[i] = [Hex64(0); 2];
        attempt(&mut case, c);
        let mut c = case.clone();
        c.before.xmm[i] = [Hex64(0); 2];
        attempt(&mut case, c);
    }
    let mut c = case.clone();
    c.before.mxcsr = 0x1f80;
    attempt(&mut case, c);
    let mut c = case.clone();
    c.before.rflags = Hex64(0x202);
    attempt(&mut case, c);
    let mut c = case.clone();
    c.patches.clear();
    attempt(&mut case, c);
    list(&mut case);
    case
}
