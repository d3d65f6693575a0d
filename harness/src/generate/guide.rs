//! What to draw more often: the part of all items that was seen least, and the neighbourhood of cases
//! that were somewhere new.
//!
//! A guide is made of counts and of recipes and nothing else, so that the same lead to the same cases. A
//! *recipe* is the items of a case, one behind the other; what follows it has other operands, and here and
//! there something left out or put in between.

use super::Random;
use crate::coverage::{Counts, Item, Universe};
use rand::Rng;
use std::cell::Cell;

/// See the module's head.
#[derive(Debug)]
pub struct Guide {
    rare: Vec<Item>,
    recipes: Vec<Vec<Item>>,
}

/// What one case is drawn by.
#[derive(Debug)]
pub struct Draws<'a> {
    rare: &'a [Item],
    recipe: &'a [Item],
    next: Cell<usize>,
}

/// The share of all items that count as rare.
const RARE: usize = 8;

impl Guide {
    /// From what was seen so far; of items seen equally often, the first in the table. Recipes are places
    /// in `Universe::items`.
    #[must_use]
    pub fn new(universe: &Universe, counts: &Counts, recipes: &[Vec<u32>]) -> Guide {
        let mut by_count: Vec<(u64, usize)> = counts.items.iter().copied().zip(0..).collect();
        by_count.sort_unstable();
        let rare = by_count.iter().take(by_count.len() / RARE);
        Guide {
            rare: rare.map(|(_, i)| universe.items[*i]).collect(),
            recipes: recipes
                .iter()
                .map(|r| {
                    let items = r.iter().filter_map(|i| universe.items.get(*i as usize));
                    items.copied().collect()
                })
                .collect(),
        }
    }

    /// Begins a case: half of them follow a recipe, if there is one.
    pub fn begin(&self, rng: &mut Random) -> Draws<'_> {
        let follow = !self.recipes.is_empty() && rng.random_bool(0.5);
        let recipe = follow.then(|| &self.recipes[rng.random_range(0..self.recipes.len())]);
        Draws {
            rare: &self.rare,
            recipe: recipe.map_or(&[], Vec::as_slice),
            next: Cell::new(0),
        }
    }
}

impl Draws<'_> {
    /// The recipe's next item, or a rare one, half of the time. The other half keeps rare instructions
    /// among common ones.
    pub fn draw(&self, rng: &mut Random) -> Option<Item> {
        if let Some(item) = self.recipe.get(self.next.get()) {
            let step = rng.random_range(0..8);
            self.next.set(self.next.get() + usize::from(step > 0));
            if step > 1 {
                return Some(*item);
            }
        }
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
        let guide = Guide::new(&universe, &counts, &[]);
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

    #[test]
    fn a_recipe_is_followed_with_small_changes() {
        let generator = Generator::new(&[], 24, false);
        let universe = Universe::new(generator.codes());
        let counts = Counts::new(&universe);
        let place = |name: &str| {
            let items = universe.items.iter().position(|i| i.to_string() == name);
            u32::try_from(items.expect("it is in the table")).unwrap()
        };
        let recipe = ["Imul_r32_rm32/r", "Bswap_r64", "Imul_r64_rm64/r"].map(place);
        let guide = Guide::new(&universe, &counts, &[recipe.to_vec()]);
        let followed = (0..2000)
            .map(|i| generator.guided(Some(&guide), 3, i))
            .filter(|case| {
                let items: Vec<Item> = crate::compare::instructions(case)
                    .map(|i| Item::of(&i))
                    .collect();
                let wanted = recipe.map(|p| universe.items[p as usize]);
                items.windows(3).any(|w| w == wanted)
            });
        // By chance it is one in some hundred million.
        assert!(followed.count() > 100);
    }
}
