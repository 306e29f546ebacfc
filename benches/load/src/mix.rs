//! Which check is sent next: kinds by their share, callers by Zipf, some of them new.

use crate::bundle::Bundle;
use crate::failure::Outcome;
use crate::kind::{Case, Kind, cases};
use crate::rng::{Rng, Zipf};
use portcullis::session::KeyRing;
use std::ops::Range;

/// All cases of a run, kind by kind, and which of them are of which kind.
#[derive(Debug, Default)]
pub struct Deck {
    /// The cases.
    pub cases: Vec<Case>,
    kinds: Vec<(Kind, Range<usize>)>,
}

impl Deck {
    /// The cases of these kinds.
    ///
    /// # Errors
    ///
    /// Where sessions cannot be sealed.
    pub fn of(kinds: &[Kind], bundle: &Bundle, key_ring: &KeyRing) -> Outcome<Self> {
        let mut deck = Self::default();
        for kind in kinds {
            deck.add(*kind, cases(*kind, bundle, key_ring)?);
        }
        Ok(deck)
    }

    /// More cases, of a kind that is not there yet.
    pub fn add(&mut self, kind: Kind, cases: Vec<Case>) {
        let start = self.cases.len();
        self.cases.extend(cases);
        self.kinds.push((kind, start..self.cases.len()));
    }

    /// Where the cases of a kind are.
    #[must_use]
    pub fn range(&self, kind: Kind) -> Range<usize> {
        let found = self.kinds.iter().find(|(own, _)| *own == kind);
        found.map(|(_, range)| range.clone()).unwrap_or_default()
    }
}

/// How the cases of a kind are drawn.
#[derive(Clone, Debug)]
enum Draw {
    /// Few of them often.
    Zipf(Zipf),
    /// All alike.
    Uniform,
    /// Each once, in their order.
    Once,
}

#[derive(Clone, Debug)]
struct Part {
    /// Of a thousand.
    share: u32,
    range: Range<usize>,
    draw: Draw,
    /// Of those that are drawn once: how many were.
    drawn: usize,
}

/// Chooses cases of a deck. The same seed chooses the same ones in the same order.
#[derive(Clone, Debug)]
pub struct Mix {
    parts: Vec<Part>,
    rng: Rng,
}

/// Checks of a thousand that bring a token which nobody has seen: the misses of the method.
pub const MISSES: u32 = 10;

impl Mix {
    /// Kinds with their shares of a thousand.
    #[must_use]
    pub fn of(deck: &Deck, shares: &[(Kind, u32)]) -> Self {
        let part = |(kind, share): &(Kind, u32)| {
            let range = deck.range(*kind);
            let draw = match kind {
                Kind::Fresh => Draw::Once,
                Kind::Redirect | Kind::Unauthorized | Kind::Hostile => Draw::Uniform,
                Kind::Bearer
                | Kind::BearerByContext
                | Kind::Es256
                | Kind::Session
                | Kind::Forbidden => Draw::Zipf(Zipf::new(range.len())),
            };
            Part { share: *share, range, draw, drawn: 0 }
        };
        Self { parts: shares.iter().map(part).collect(), rng: Rng::new(0) }
    }

    /// The cached bearer of the gates, with its misses.
    #[must_use]
    pub fn cached_bearer(deck: &Deck) -> Self {
        Self::of(deck, &[(Kind::Bearer, 1000 - MISSES), (Kind::Fresh, MISSES)])
    }

    /// One kind, each case as often as any other.
    #[must_use]
    pub fn uniform(deck: &Deck, kind: Kind) -> Self {
        let range = deck.range(kind);
        let part = Part { share: 1000, range, draw: Draw::Uniform, drawn: 0 };
        Self { parts: vec![part], rng: Rng::new(0) }
    }

    /// Begins a round.
    pub const fn seed(&mut self, seed: u64) {
        self.rng = Rng::new(seed);
    }

    /// How often something that is drawn once was drawn again, because there was no more of it.
    #[must_use]
    pub fn repeated(&self) -> usize {
        self.parts.iter().map(|part| part.drawn.saturating_sub(part.range.len())).sum()
    }

    /// The next case's place in the deck.
    pub fn draw(&mut self) -> usize {
        let total: u32 = self.parts.iter().map(|part| part.share).sum();
        let mut at = u32::try_from(self.rng.below(total as usize)).unwrap_or_default();
        let chosen = self.parts.iter_mut().find(|part| {
            let here = at < part.share;
            at = at.saturating_sub(part.share);
            here
        });
        let Some(part) = chosen else { return 0 };
        let length = part.range.len();
        part.range.start
            + match &part.draw {
                Draw::Zipf(zipf) => zipf.next(&mut self.rng),
                Draw::Uniform => self.rng.below(length),
                Draw::Once => {
                    part.drawn += 1;
                    (part.drawn - 1) % length
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Want;

    fn deck() -> Deck {
        let case = Case { message: Vec::new(), want: Want::denied(401, "no_credentials") };
        let mut deck = Deck::default();
        deck.add(Kind::Bearer, vec![case.clone(); 50]);
        deck.add(Kind::Fresh, vec![case; 7]);
        deck
    }

    #[test]
    fn one_in_a_hundred_is_new_and_each_new_one_comes_once() {
        let deck = deck();
        let mut mix = Mix::cached_bearer(&deck);
        let drawn: Vec<_> = (0..100_000).map(|_| mix.draw()).collect();
        let fresh: Vec<_> =
            drawn.iter().filter(|place| deck.range(Kind::Fresh).contains(place)).collect();
        assert!((900..1100).contains(&fresh.len()), "{}", fresh.len());
        assert_eq!(fresh[..8], [&50, &51, &52, &53, &54, &55, &56, &50]);
        assert_eq!(mix.repeated(), fresh.len() - 7);
        assert!(drawn.iter().all(|place| *place < 57));
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let deck = deck();
        let draw = |seed| {
            let mut mix = Mix::of(&deck, &[(Kind::Bearer, 1000)]);
            mix.seed(seed);
            (0..20).map(|_| mix.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
