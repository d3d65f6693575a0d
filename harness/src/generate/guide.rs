//! What to draw more often: the part of all items that was seen least.
//!
//! A guide is made of counts and nothing else, so that the same counts lead to the same cases.

use super::Random;
use crate::coverage::{Counts, Item, Universe};
use rand::Rng;

/// See the module's head.
#[derive(Debug)]
pub struct Guide {
    rare: Vec<Item>,
}

/// The share of all items that count as rare.
const RARE: usize = 8;

impl Guide {
    /// From what was seen so far; of items seen equally often, the first in the table.
    #[must_use]
    pub fn new(universe: &Universe, counts: &Counts) -> Guide {
        let mut by_count: Vec<(u64, usize)> = counts.items.iter().copied().zip(0..).collect();
        by_count.sort_unstable();
        let rare = by_count.iter().take(by_count.len() / RARE);
        Guide {
            rare: rare.map(|(_, i)| universe.items[*i]).collect(),
        }
    }

    /// A rare item, half of the time. The other half keeps rare instructions among common ones.
    pub fn draw(&self, rng: &mut Random) -> Option<Item> {
        let wanted = !self.rare.is_empty() && rng.random_bool(0.5);
        wanted.then(|| self.rare[rng.random_range(0..self.rare.len())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Generator;

    #[test]
    fn what_was_seen_least_is_drawn_more_often() {
        let generator = Generator::new(&[], 8, false);
        let universe = Universe::new(generator.codes());
        let mut counts = Counts::new(&universe);
        counts.items.fill(1000);
        let rare = universe
            .items
            .iter()
            .position(|i| i.to_string() == "Imul_r32_rm32/m");
        let rare = rare.expect("IMUL is in the table");
        counts.items[rare] = 0;
        // Everything else alike: the rest of the rare ones are the first of the table.
        let guide = Guide::new(&universe, &counts);
        let seen = |guide: Option<&Guide>| -> usize {
            let cases = (0..10_000).map(|i| generator.guided(guide, 3, i));
            let insns = cases.flat_map(|c| crate::compare::instructions(&c).collect::<Vec<_>>());
            insns
                .filter(|i| Item::of(i) == universe.items[rare])
                .count()
        };
        let (guided, not) = (seen(Some(&guide)), seen(None));
        assert!(guided > 2 * not.max(1), "{guided} guided, {not} not");
    }
}
