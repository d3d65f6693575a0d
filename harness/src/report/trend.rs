//! What has changed since an earlier campaign.

use super::{number, rounded};
use crate::campaign::summary::Summary;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// See the module's head.
pub fn section(before: &Summary, now: &Summary) -> Markup {
    let keys = |s: &Summary| s.causes.keys().cloned().collect::<BTreeSet<_>>();
    let (old, new) = (keys(before), keys(now));
    let seen = |s: &Summary| -> BTreeSet<String> {
        let all = s.universe.items.iter().zip(&s.counts.items);
        all.filter(|(_, n)| **n > 0)
            .map(|(i, _)| i.to_string())
            .collect()
    };
    let (covered_before, covered_now) = (seen(before), seen(now));
    let rows = [
        ("cases", before.cases as f64, now.cases as f64),
        ("cases per second", before.rate(), now.rate()),
        ("causes of differences", old.len() as f64, new.len() as f64),
        (
            "encodings and forms seen",
            before.covered() as f64,
            now.covered() as f64,
        ),
    ];
    let lists = [
        ("New causes", new.difference(&old).collect::<Vec<_>>()),
        ("Causes no longer seen", old.difference(&new).collect()),
        (
            "Newly covered",
            covered_now.difference(&covered_before).collect(),
        ),
        (
            "No longer covered",
            covered_before.difference(&covered_now).collect(),
        ),
    ];
    html! {
        section #trend {
            h2 { "Since the earlier campaign" }
            @if let Some(why) = before.config.contradiction("then", &now.config, "now") {
                p.about { "Not the same campaign: " (why) "." }
            }
            table {
                thead { tr { th {} th.number { "then" } th.number { "now" } th.number { "change" } } }
                tbody {
                    @for (what, then, now) in rows {
                        tr {
                            td { (what) }
                            td.number { (number(rounded(then))) }
                            td.number { (number(rounded(now))) }
                            td.number {
                                @if then > 0.0 { (format!("{:+.1} %", (now / then - 1.0) * 100.0)) }
                                @else { "–" }
                            }
                        }
                    }
                }
            }
            @for (what, list) in lists {
                @if !list.is_empty() {
                    details open[list.len() <= 20] {
                        summary { (what) ": " (list.len()) }
                        p.list { @for item in list { code { (item) } " " } }
                    }
                }
            }
        }
    }
}
