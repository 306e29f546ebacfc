//! Every fuzz target with its corpus and mutations of it, from one seed: the same inputs each time.
//! `make fuzz` looks further, led by coverage.

#![expect(clippy::expect_used, clippy::panic, reason = "a property that does not hold ends there")]
#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a fault of the test ends there"
)]
#![expect(clippy::cast_precision_loss, reason = "times are far below 2^52")]

mod messages;
mod mutate;
#[path = "targets/all.rs"]
mod targets;

use mutate::Mutator;
use std::panic::catch_unwind;
use std::path::Path;

const SEED: u64 = 0x706f_7274_6375_6c6c;

macro_rules! fuzz {
    ($($name:ident)*) => {
        $(#[test] fn $name() { fuzz(stringify!($name)); })*

        #[test]
        fn every_target_is_run_and_has_a_corpus() {
            let run = [$(stringify!($name)),*];
            let all: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
            assert_eq!(run.as_slice(), all);
            assert!(all.iter().all(|name| corpus(name).len() >= 5));
        }
    };
}

fuzz!(check claims cookies decode discovery headers jwks jwt openapi path resources return_to);

fn fuzz(name: &str) {
    let target = targets::ALL.iter().find(|target| target.name == name).expect("a target");
    let corpus = corpus(name);
    let mut mutator = Mutator::new(&corpus, SEED);
    let mutations = std::iter::repeat_with(|| mutator.next_input()).take(target.runs);
    for input in corpus.iter().cloned().chain(mutations) {
        let run = catch_unwind(|| (target.run)(&input));
        assert!(run.is_ok(), "{name} breaks at b\"{}\"", input.escape_ascii());
    }
}

/// What is kept for a target, by name.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let entries = std::fs::read_dir(&folder).expect("a corpus");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("an input")).collect()
}
