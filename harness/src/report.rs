//! A campaign as one page: `harness report`.
//!
//! The page has everything in it, no script, and asks nobody for anything. Knows how to show; what is
//! shown comes from `Summary`. Sections are in the order of what one asks first: did something differ,
//! what was exercised, how fast, and what has changed.

mod chart;
mod matrix;
mod trend;

use crate::campaign::Store;
use crate::campaign::summary::{Summary, replay};
use crate::edges::by_file;
use crate::page;
use felix::ir::Op;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("report/style.css");

/// The page of a campaign, compared with an earlier one if there is one.
#[must_use]
pub fn render(store: &Store, now: &Summary, before: Option<&Summary>) -> String {
    let config = &now.config;
    let title = format!("felix campaign, seed {}", config.seed);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    p.about {
                        "Engines " b { (config.engines.join(", ")) }
                        " against " b { (config.oracles.join(", ")) }
                        @if let Some(cpu) = &config.cpu { " on " code { (cpu) } }
                        ", shard " (config.shards) ", " (config.lanes) " lanes of rounds of "
                        (number(config.round)) " cases."
                    }
                }
                main {
                    (tiles(now))
                    (differences(store, now))
                    (matrix::section(now))
                    (matrix::flags(now))
                    (operations(now))
                    @if !now.edges.0.is_empty() { (edges(now)) }
                    (chart::section(now))
                    @if let Some(before) = before { (trend::section(before, now)) }
                    (excused(now))
                }
            }
        }
    }
    .into_string()
}

/// A number with a comma at every third digit.
fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// The whole number next to a figure that is none.
// Figures here are far below 2^53, and none is negative.
#[allow(clippy::cast_possible_truncation)]
fn rounded(n: f64) -> u64 {
    n.round() as u64
}

/// Seconds, in the two largest units.
fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

fn percent(part: usize, whole: usize) -> String {
    if part == whole {
        return "100 %".into();
    }
    // Never 100 where something is missing.
    let n = part as f64 / whole.max(1) as f64 * 100.0;
    format!("{:.1} %", (n * 10.0).floor() / 10.0)
}

fn tiles(now: &Summary) -> Markup {
    let differing = now.causes.len();
    let items = now.universe.items.len();
    let ops = now.counts.ops.iter().filter(|n| **n > 0).count();
    let (seen, possible) = matrix::flag_outcomes(now);
    let (lines, reached) = &now.edges;
    let edges = (
        "branch edges",
        percent(reached.len(), lines.len()),
        format!(
            "{} of {}",
            number(reached.len() as u64),
            number(lines.len() as u64)
        ),
    );
    let all = [
        ("cases", number(now.cases), duration(now.elapsed.as_secs())),
        (
            "cases per second",
            format!("{:.0}", now.rate()),
            "all processes".into(),
        ),
        (
            "causes of differences",
            number(differing as u64),
            format!("{} cases not reduced", number(now.unreduced)),
        ),
        (
            "encodings and forms",
            percent(now.covered(), items),
            format!(
                "{} of {}",
                number(now.covered() as u64),
                number(items as u64)
            ),
        ),
        (
            "flag outcomes",
            percent(seen, possible),
            format!("{} of {}", number(seen as u64), number(possible as u64)),
        ),
        (
            "IR operations",
            percent(ops, Op::ALL.len()),
            format!("{ops} of {}", Op::ALL.len()),
        ),
    ];
    html! {
        section.tiles {
            @for (what, value, more) in all.into_iter().chain((!lines.is_empty()).then_some(edges)) {
                div.tile.bad[what == "causes of differences" && differing > 0] {
                    span.what { (what) }
                    span.value { (value) }
                    span.more { (more) }
                }
            }
        }
    }
}

fn differences(store: &Store, now: &Summary) -> Markup {
    html! {
        section #differences {
            h2 { "Differences" }
            @if now.causes.is_empty() {
                p.good { "Nothing differed." }
            }
            @for (key, cause) in &now.causes {
                details.difference {
                    summary {
                        code { (key) }
                        span.more { (number(cause.count)) " reduced, against " (cause.oracle) }
                    }
                    pre.command { (replay(store, key, &cause.engine)) }
                    @if let Some(theirs) = &cause.case.after {
                        pre {
                            (page::page(
                                &cause.case,
                                (&cause.engine, &cause.ours),
                                (&cause.oracle, theirs),
                                cause.case.undefined_flags.0,
                            ))
                        }
                    }
                }
            }
            @if now.unreduced > 0 {
                p {
                    (number(now.unreduced)) " more cases differed and were not reduced: their round had \
                     enough, or they did not differ when run alone."
                }
            }
        }
    }
}

fn operations(now: &Summary) -> Markup {
    let most = now.counts.ops.iter().max().copied().unwrap_or(0).max(1);
    html! {
        section #operations {
            h2 { "Operations of the IR" }
            p.about {
                "As lifted, before optimisation, in one case of sixteen. Operations that only the \
                 optimiser makes are not seen here."
            }
            div.chips {
                @for (op, n) in Op::ALL.iter().zip(&now.counts.ops) {
                    @let share = ((*n as f64).ln_1p() / (most as f64).ln_1p() * 100.0).round();
                    span.chip.unseen[*n == 0] title={ (op.name()) ": " (number(*n)) }
                        style={ "--share:" (share) "%" } { (op.name()) }
                }
            }
        }
    }
}

fn edges(now: &Summary) -> Markup {
    let (lines, seen) = &now.edges;
    html! {
        section #edges {
            h2 { "Branch edges of the translator" }
            p.about {
                "Of src/lift, src/opt and src/lower, as the compiler made them; beside a file the lines with                  an edge that no case has reached. Some no case can: what ought not to happen has                  edges as well."
            }
            div.tables {
                table {
                    thead {
                        tr { th { "file" } th.number { "edges" } th.number { "reached" } th { "not reached, lines" } }
                    }
                    tbody {
                        @for (file, lines) in by_file(lines, seen) {
                            @let all: u32 = lines.values().map(|[all, _]| all).sum();
                            @let reached: u32 = lines.values().map(|[_, reached]| reached).sum();
                            tr {
                                td { code { (file) } }
                                td.number { (number(all.into())) }
                                td.number { (percent(reached as usize, all as usize)) }
                                td {
                                    details {
                                        summary { (number((all - reached).into())) }
                                        @for (line, [all, reached]) in &lines {
                                            @if reached < all { (line) " " }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn excused(now: &Summary) -> Markup {
    let table = |caption: &str, head: &str, rows: Vec<(&String, &u64)>| {
        html! {
            table {
                caption { (caption) }
                thead { tr { th { (head) } th.number { "cases" } } }
                tbody {
                    @for (name, n) in rows {
                        tr { td { (name) } td.number { (number(*n)) } }
                    }
                }
            }
        }
    };
    html! {
        section #excused {
            h2 { "Excused" }
            p.about {
                "Differences that harness/exclusions.toml explains, by the case that shows them, and \
                 where Unicorn disagrees with the CPU and felix does not."
            }
            div.tables {
                (table("Exclusions", "evidence", now.excused.iter().collect()))
                @if !now.unicorn_wrong.is_empty() {
                    (table("Unicorn alone", "mnemonic", now.unicorn_wrong.iter().collect()))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1234567), "1,234,567");
        assert_eq!(duration(3725), "1 h 2 min");
        assert_eq!(percent(9999, 10000), "99.9 %");
    }
}
