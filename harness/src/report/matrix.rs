//! Coverage as tables: families by forms, and families by flag outcomes.

use super::{number, percent};
use crate::campaign::summary::Summary;
use crate::coverage::{FLAGS, Form, IMAGE, Item};
use felix::lift::{Family, ROWS};
use iced_x86::{Code, Instruction, OpKind, RflagsBits as B};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// What a cell of the matrix stands for.
#[derive(Default)]
struct Cell {
    items: usize,
    seen: usize,
    least: u64,
    total: u64,
    missing: Vec<String>,
}

impl Cell {
    fn add(&mut self, item: Item, n: u64) {
        self.least = if self.items == 0 {
            n
        } else {
            self.least.min(n)
        };
        self.items += 1;
        self.total += n;
        if n > 0 {
            self.seen += 1;
        } else {
            self.missing.push(item.to_string());
        }
    }

    /// The colour: by the item seen least.
    fn class(&self) -> &'static str {
        match (self.items, self.seen, self.least) {
            (0, _, _) => "na",
            (_, 0, _) => "l0",
            (_, _, 0) => "l1",
            (_, _, 1..=9) => "l2",
            (_, _, 10..=99) => "l3",
            (_, _, 100..=999) => "l4",
            _ => "l5",
        }
    }

    fn title(&self, family: Family, form: &Form) -> String {
        let mut text = format!("{} {}", family.name(), name(form));
        if self.items == 0 {
            return text + ": no such instruction";
        }
        text += &format!(
            ": {} of {} items, {} times, the rarest {}",
            self.seen,
            self.items,
            number(self.total),
            number(self.least)
        );
        if !self.missing.is_empty() {
            let shown = self.missing.iter().take(8).cloned().collect::<Vec<_>>();
            text += &format!("; unseen: {}", shown.join(" "));
        }
        text
    }
}

/// The heading of a width.
fn width(form: &Form) -> String {
    match form.width {
        0 => String::new(),
        IMAGE => "image".into(),
        w => w.to_string(),
    }
}

fn name(form: &Form) -> String {
    let kinds = if form.kinds.is_empty() {
        "no operands"
    } else {
        &form.kinds
    };
    match form.width {
        0 => kinds.into(),
        IMAGE => format!("{kinds}, an image of state"),
        w => format!("{kinds} {w}"),
    }
}

const LEGEND: [(&str, &str); 7] = [
    ("na", "no such instruction"),
    ("l0", "nothing seen"),
    ("l1", "some seen"),
    ("l2", "each, the rarest below 10 times"),
    ("l3", "below 100"),
    ("l4", "below 1,000"),
    ("l5", "more"),
];

/// Families by forms.
pub fn section(now: &Summary) -> Markup {
    let universe = &now.universe;
    let families = universe.families();
    let forms: Vec<Form> = universe.forms().into_iter().collect();
    let mut cells: BTreeMap<(&str, &Form), Cell> = BTreeMap::new();
    let all: Vec<Form> = universe.items.iter().map(|i| i.form()).collect();
    for ((item, n), form) in universe.items.iter().zip(&now.counts.items).zip(&all) {
        if let Some(family) = universe.family(*item) {
            let cell = cells.entry((family.name(), form)).or_default();
            cell.add(*item, *n);
        }
    }
    let nothing = Cell::default();
    // Neighbours with the same kinds share a heading.
    let groups: Vec<&[Form]> = forms.chunk_by(|a, b| a.kinds == b.kinds).collect();
    html! {
        section #coverage {
            h2 { "Coverage" }
            p.about {
                "Families of instructions by the form of their operands: kinds (r general, x XMM, mm, st, \
                 s segment, m memory, i immediate, rel branch) and width in bits. What could be seen \
                 comes from the instruction table, "
                (number(universe.items.len() as u64)) " encodings and forms; point at a cell for its own."
            }
            p.legend {
                @for (class, text) in LEGEND {
                    span { i class=(class) {} (text) }
                }
            }
            div.scroll {
                table.matrix {
                    thead {
                        tr {
                            th {}
                            @for group in &groups {
                                th.kinds colspan=(group.len()) {
                                    span { (if group[0].kinds.is_empty() { "–" } else { &group[0].kinds }) }
                                }
                            }
                            th {}
                        }
                        tr {
                            th.family { "family" }
                            @for group in &groups {
                                @for (i, form) in group.iter().enumerate() {
                                    th.width.first[i == 0] {
                                        span { (width(form)) }
                                    }
                                }
                            }
                            th.number { "seen" }
                        }
                    }
                    tbody {
                        @for family in &families {
                            tr {
                                th.family scope="row" { (family.name()) }
                                @for group in &groups {
                                    @for (i, form) in group.iter().enumerate() {
                                        @let cell = cells.get(&(family.name(), form)).unwrap_or(&nothing);
                                        @let first = if i == 0 { " first" } else { "" };
                                        td class={ "cell " (cell.class()) (first) }
                                            title=(cell.title(*family, form)) {}
                                    }
                                }
                                td.number { (share(now, *family)) }
                            }
                        }
                    }
                }
            }
            (rare(now))
        }
    }
}

fn share(now: &Summary, family: Family) -> String {
    let all = now.universe.items.iter().zip(&now.counts.items);
    let own = all.filter(|(i, _)| now.universe.family(**i) == Some(family));
    let (items, seen) = own.fold((0, 0), |(a, b), (_, n)| (a + 1, b + usize::from(*n > 0)));
    percent(seen, items)
}

/// What was never seen, to look into.
fn rare(now: &Summary) -> Markup {
    let all = now.universe.items.iter().zip(&now.counts.items);
    let unseen: Vec<String> = all
        .filter(|(_, n)| **n == 0)
        .map(|(i, _)| i.to_string())
        .collect();
    html! {
        @if !unseen.is_empty() {
            details {
                summary { (unseen.len()) " encodings and forms never seen" }
                p.list { @for item in &unseen { code { (item) } " " } }
            }
        }
    }
}

/// The outcomes a flag may have after an encoding, from what the manual says: clear, set.
fn possible(code: Code) -> [[bool; 2]; 6] {
    let mut insn = Instruction::default();
    insn.set_code(code);
    // Two equal registers are a special case of XOR and SUB.
    insn.set_op0_kind(OpKind::Memory);
    let bits = [B::CF, B::PF, B::AF, B::ZF, B::SF, B::OF];
    bits.map(|b| {
        let undefined = insn.rflags_undefined() & b != 0;
        let written = insn.rflags_written() & b != 0 && !undefined;
        let cleared = insn.rflags_cleared() & b != 0;
        let set = insn.rflags_set() & b != 0;
        [written || cleared, written || set]
    })
}

/// Per family and flag: outcomes seen, and possible.
fn by_family(now: &Summary) -> BTreeMap<&'static str, [[usize; 2]; 6]> {
    let mut rows: BTreeMap<String, [[bool; 2]; 6]> = BTreeMap::new();
    for item in &now.universe.items {
        let entry = rows
            .entry(format!("{:?}", item.code.mnemonic()))
            .or_default();
        for (e, p) in entry
            .as_flattened_mut()
            .iter_mut()
            .zip(possible(item.code).as_flattened())
        {
            *e |= p;
        }
    }
    let mut out: BTreeMap<&str, [[usize; 2]; 6]> = BTreeMap::new();
    for (row, counts) in ROWS.iter().zip(&now.counts.flags) {
        let Some(possible) = rows.get(&format!("{:?}", row.mnemonic)) else {
            continue;
        };
        let sums = out.entry(row.family.name()).or_default();
        for ((sum, possible), counts) in sums.iter_mut().zip(possible).zip(counts) {
            for (possible, n) in possible.iter().zip(counts) {
                sum[0] += usize::from(*possible && *n > 0);
                sum[1] += usize::from(*possible);
            }
        }
    }
    out
}

/// Outcomes of flags seen, and possible, by row, flag and value.
#[must_use]
pub fn flag_outcomes(now: &Summary) -> (usize, usize) {
    let all = by_family(now);
    let sums = all.values().flatten();
    sums.fold((0, 0), |(a, b), [seen, possible]| (a + seen, b + possible))
}

/// Families by flags.
pub fn flags(now: &Summary) -> Markup {
    let all = by_family(now);
    html! {
        section #flags {
            h2 { "Flag outcomes" }
            p.about {
                "Every row may leave a flag clear, set, or both. Seen: as the last instruction of a \
                 case that ran to its end."
            }
            div.scroll {
                table.flags {
                    thead {
                        tr {
                            th.family { "family" }
                            @for (name, _) in FLAGS { th { (name) } }
                        }
                    }
                    tbody {
                        @for family in now.universe.families() {
                            @if let Some(sums) = all.get(family.name()).filter(|s| s.iter().any(|s| s[1] > 0)) {
                                tr {
                                    th.family scope="row" { (family.name()) }
                                    @for [seen, possible] in sums {
                                        @let class = match (seen, possible) {
                                            (_, 0) => "na",
                                            (0, _) => "l0",
                                            (s, p) if s == p => "l5",
                                            (s, p) if s * 2 >= *p => "l3",
                                            _ => "l1",
                                        };
                                        td class=(class) {
                                            @if *possible > 0 { (seen) "/" (possible) }
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
