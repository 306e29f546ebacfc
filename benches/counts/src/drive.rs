//! Who asks: one connection with 20 streams, and every answer is judged.

use portcullis_load::answer::Judge;
use portcullis_load::drive::Target;
use portcullis_load::failure::Outcome;
use portcullis_load::kind::Case;
use portcullis_load::place::Address;
use portcullis_load::rng::{Rng, Zipf};

/// The same checks in each run.
const SEED: u64 = 0xc0_0475;

/// Checks of which the loader takes at once: it gives up on what takes long, and callgrind does.
const AT_ONCE: usize = 1000;

/// The connection, and what may be sent over it.
#[derive(Debug)]
pub(crate) struct Load<'c>(Target<'c>);

impl<'c> Load<'c> {
    pub(crate) fn connect(address: &Address, cases: &'c [Case], whose: Judge) -> Outcome<Self> {
        Ok(Self(Target::connect(address, 1, whose, cases)?))
    }

    /// Sends these cases, each as soon as one of those before it is answered. Fails where one answer is
    /// not what it has to be, or does not come.
    pub(crate) fn run(&mut self, order: &[usize]) -> Outcome<()> {
        for part in order.chunks(AT_ONCE) {
            let round = self.0.warm(part.iter().copied())?;
            round.hold("counting")?;
            if round.answered != part.len() as u64 {
                return Err(format!("{} answers of {} in time", round.answered, part.len()).into());
            }
        }
        Ok(())
    }
}

/// A few often, most of them seldom.
pub(crate) fn zipf(bound: usize, count: usize) -> Vec<usize> {
    let (zipf, mut rng) = (Zipf::new(bound), Rng::new(SEED));
    (0..count).map(|_| zipf.next(&mut rng)).collect()
}

/// Each as often as any.
pub(crate) fn uniform(bound: usize, count: usize) -> Vec<usize> {
    let mut rng = Rng::new(SEED);
    (0..count).map(|_| rng.below(bound)).collect()
}

/// One after the other.
pub(crate) fn in_turn(from: usize, to: usize) -> Vec<usize> {
    (from..to).collect()
}

/// One after the other, three times each: the second and third come while the first is under way.
pub(crate) fn each_three_times(count: usize) -> Vec<usize> {
    (0..3 * count).map(|at| at / 3).collect()
}
