//! The profile as text: which translated code was executed, and what it is.
//!
//! A block's cost is its number of executions times its words, each part of it behind an exit counted for
//! itself. Cold code behind the region and functions called from it are not in it, and loops inside a
//! block are counted once. Knows nothing of who counts.

use super::observe::Seen;
use crate::ir::{Inst, Op, Term};
use crate::rv64;
use crate::x86::{GuestAddr, Width};
use iced_x86::{Decoder, DecoderOptions, FastFormatter, Instruction};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Regions and blocks listed.
const TOP: usize = 40;
/// A block is shown in full from this share of all on, in 1/1000.
const SHOWN: u64 = 2;

/// A profile as it is written.
pub(super) struct Report {
    /// For people.
    pub text: String,
    /// One line a function: frames and host instructions, as flame graph tools read it.
    pub folded: String,
    /// The hottest regions with their guest bytes and counts, as JSON: what `corpus/hot` is cut from.
    pub json: String,
}

/// A block that was executed, up to its next exit.
struct Hot<'a> {
    seen: &'a Seen,
    number: u32,
    /// The number of its first instruction.
    first: usize,
    at: GuestAddr,
    insts: &'a [Inst],
    /// The block's end, unless an exit comes before.
    term: Option<&'a Term>,
    count: u64,
    /// Offsets of its code.
    code: std::ops::Range<usize>,
    guest: u64,
}

impl Hot<'_> {
    fn words(&self) -> u64 {
        (self.code.len() / 4) as u64
    }

    fn cost(&self) -> u64 {
        self.count.saturating_mul(self.words())
    }
}

/// The first guest instruction.
fn insn(insts: &[Inst]) -> Option<&Inst> {
    insts.iter().find(|i| i.op == Op::Insn)
}

fn blocks(seen: &Seen) -> Vec<Hot<'_>> {
    let counters = &seen.translation.counters;
    let behind = counters.iter().skip(1).map(Some).chain([None]);
    let all = counters.iter().zip(behind).zip(seen.counts());
    let mut hot: Vec<Hot<'_>> = all
        .map(|((c, next), count)| {
            let block = &seen.region.blocks[c.block as usize];
            let end = next.filter(|n| n.block == c.block).map(|n| n.inst as usize);
            let end = end.unwrap_or(block.insts.len());
            let insts = &block.insts[c.inst as usize..end];
            Hot {
                seen,
                number: c.block,
                first: c.inst as usize,
                at: insn(insts).map_or(block.addr, |i| GuestAddr(i.imm)),
                insts,
                term: (end == block.insts.len()).then_some(&block.term),
                count,
                code: c.start as usize..c.end as usize,
                guest: insts.iter().filter(|i| i.op == Op::Insn).count() as u64,
            }
        })
        .filter(|h| h.count > 0)
        .collect();
    hot.sort_by_key(|h| std::cmp::Reverse(h.cost()));
    hot
}

#[allow(clippy::cast_precision_loss)] // For people.
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}

/// The report on all code seen.
pub(super) fn report(program: &str, seen: &[Seen]) -> Report {
    let mut regions: Vec<(u64, &Seen, Vec<Hot<'_>>)> = seen
        .iter()
        .map(|s| {
            let hot = blocks(s);
            (hot.iter().map(Hot::cost).sum(), s, hot)
        })
        .filter(|(cost, ..)| *cost > 0)
        .collect();
    regions.sort_by_key(|(cost, s, _)| (std::cmp::Reverse(*cost), s.region.entry()));
    let total: u64 = regions.iter().map(|(cost, ..)| cost).sum();
    let all = || regions.iter().flat_map(|(.., hot)| hot);
    let guest: u64 = all().map(|h| h.count * h.guest).sum();

    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "{program}: {total} host instructions in translated code for {guest} guest instructions ({:.2} each)\n\
         {} regions, {} of them executed\n\n\
         By region: share, share so far, host instructions, executions of all blocks, host per guest instruction\n",
        ratio(total, guest),
        seen.len(),
        regions.len(),
    );
    let mut so_far = 0;
    for (n, (cost, s, hot)) in regions.iter().take(TOP).enumerate() {
        so_far += cost;
        let count: u64 = hot.iter().map(|h| h.count).sum();
        let insns: u64 = hot.iter().map(|h| h.count * h.guest).sum();
        let _ = writeln!(
            out,
            "{:3} {:6.2}% {:6.2}% {cost:12} {count:11} {:6.2}  {} {}",
            n + 1,
            100.0 * ratio(*cost, total),
            100.0 * ratio(so_far, total),
            ratio(*cost, insns),
            s.region.entry(),
            s.name,
        );
    }
    let mut hottest: Vec<&Hot<'_>> = all().collect();
    hottest.sort_by_key(|h| std::cmp::Reverse(h.cost()));
    out.push_str(
        "\nBy block: share, host instructions, executions, words, guest instructions, where\n",
    );
    for h in hottest.iter().take(TOP) {
        let _ = writeln!(out, "{}", line(h, total));
    }
    for (n, (cost, s, hot)) in regions.iter().take(TOP).enumerate() {
        let _ = writeln!(
            out,
            "\n==== {} {:.2}% {} {}: {} guest instructions, {} words, {:?}",
            n + 1,
            100.0 * ratio(*cost, total),
            s.region.entry(),
            s.name,
            s.region.guest_insns,
            s.translation.words(),
            s.translation.mode,
        );
        for h in hot.iter().take(12) {
            let _ = writeln!(out, "{}", line(h, total));
        }
        for h in hot {
            if h.cost().saturating_mul(1000) >= total.saturating_mul(SHOWN) {
                show(&mut out, h, total);
            }
        }
    }

    let mut frames = BTreeMap::<String, u64>::new();
    for (cost, s, _) in &regions {
        let program = program.replace([' ', ';'], "_");
        let frame = s.name.frame().replace([' ', ';'], "_");
        *frames
            .entry(format!("{program};{};{frame}", s.name.module))
            .or_default() += cost;
    }
    let folded = frames.iter().map(|(f, n)| format!("{f} {n}\n")).collect();
    let hottest: Vec<String> = regions
        .iter()
        .take(TOP)
        .map(|(_, s, hot)| json(s, hot))
        .collect();
    Report {
        text: out,
        folded,
        json: format!("[\n{}\n]\n", hottest.join(",\n")),
    }
}

/// A region as JSON. Addresses are the module's own, so that they are the same in every run.
fn json(s: &Seen, hot: &[Hot<'_>]) -> String {
    let shift = s.name.address.wrapping_sub(s.region.entry().0);
    let own = |at: u64| at.wrapping_add(shift);
    let name: String = (s.name.module.chars().filter(|c| !c.is_control()))
        .map(|c| if matches!(c, '"' | '\\') { '_' } else { c })
        .collect();
    let source = s.source.iter().map(|(start, bytes)| {
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        format!("[{}, \"{hex}\"]", own(*start))
    });
    let mut counts: Vec<(u64, u64)> = Vec::new();
    for h in hot {
        let insns = h.insts.iter().filter(|i| i.op == Op::Insn);
        counts.extend(insns.map(|i| (own(i.imm), h.count)));
    }
    counts.sort_unstable();
    counts.dedup_by_key(|c| c.0);
    let counts = counts.iter().map(|(at, n)| format!("[{at}, {n}]"));
    format!(
        "{{\"module\": \"{name}\", \"function\": \"{}\", \"entry\": {}, \"source\": [{}], \"counts\": [{}]}}",
        s.name.function.as_ref().map_or("", |f| &f.0),
        s.name.address,
        source.collect::<Vec<_>>().join(", "),
        counts.collect::<Vec<_>>().join(", "),
    )
}

fn line(h: &Hot<'_>, total: u64) -> String {
    format!(
        "{:6.2}% {:12} {:11} x {:4} {:4}  b{} {} of {} {}",
        100.0 * ratio(h.cost(), total),
        h.cost(),
        h.count,
        h.words(),
        h.guest,
        h.number,
        h.at,
        h.seen.region.entry(),
        h.seen.name,
    )
}

/// A block in all its forms.
fn show(out: &mut String, h: &Hot<'_>, total: u64) {
    let _ = writeln!(out, "\n-- {}", line(h, total));
    out.push_str(&listing(h));
    out.push_str("IR\n");
    for (n, i) in h.insts.iter().enumerate() {
        let _ = writeln!(out, "    v{} = {i}", h.first + n);
    }
    if let Some(term) = h.term {
        let _ = writeln!(out, "    {term}");
    }
    out.push_str("RV64\n");
    let code = h.seen.translation.code.get(h.code.clone());
    for l in rv64::listing(code.unwrap_or_default()).lines() {
        let _ = writeln!(out, "{l}");
    }
}

/// The guest's instructions of a block.
fn listing(h: &Hot<'_>) -> String {
    let mut out = String::new();
    let mut formatter = FastFormatter::new();
    for i in h.insts.iter().filter(|i| i.op == Op::Insn) {
        let bytes = h.seen.source.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(i.imm.checked_sub(*start)?).ok()?;
            bytes.get(from..from + usize::from(i.aux))
        });
        let Some(bytes) = bytes else { continue };
        let mut insn = Instruction::default();
        Decoder::with_ip(Width::W64.bits(), bytes, i.imm, DecoderOptions::NONE)
            .decode_out(&mut insn);
        let mut text = String::new();
        formatter.format(&insn, &mut text);
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let _ = writeln!(out, "  {:#x}  {hex:20} {text}", i.imm);
    }
    out
}
