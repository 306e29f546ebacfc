//! Writes thousands of tokens, right and mutated, with our verdict on each; `main.mjs` beside this file
//! then asks another library. Which tokens are made is fixed by the seed; keys and signatures are fresh,
//! and stand in the file as well, so that whatever it shows can be looked at again.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends there")]
#![expect(clippy::indexing_slicing, reason = "a test that finds nothing there ends there")]

mod claims;
mod dice;
mod draft;
mod header;
mod keys;
mod text;
mod verdict;

use dice::Dice;
use draft::Draft;
use keys::Keys;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// How many tokens are made.
const TOKENS: usize = 12_000;
/// What fixes which ones.
const SEED: u64 = 0x706f_7274_6375_6c6c;

/// The issuer of the tokens.
const ISSUER: &str = "https://dev-1.okta.com/oauth2/default";
/// Whom ID tokens are for.
const CLIENT: &str = "0oaclient";
/// What access tokens are for.
const AUDIENCE: &str = "api://default";
/// When everything happens.
const NOW: u64 = 1_800_000_000;

#[test]
fn tokens_are_written_with_our_verdict() {
    let keys = Keys::new();
    let mut dice = Dice(SEED);
    let rules = json!({"issuer": ISSUER, "client": CLIENT, "audience": AUDIENCE, "now": NOW,
        "skew": verdict::SKEW, "lifetime": verdict::LIFETIME, "jwks": keys.jwks()});
    let mut lines = format!("{rules}\n");
    let mut verdicts: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..TOKENS {
        let draft = Draft::roll(number, &keys, &mut dice);
        let token = draft.token(&mut dice);
        let verdict = verdict::of(draft.kind, &token, keys.set());
        *verdicts.entry(verdict).or_default() += 1;
        let line = json!({"made": draft.made(), "kind": draft.kind.as_str(), "token": token,
            "verdict": verdict});
        writeln!(lines, "{line}").expect("written");
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("differential.jsonl");
    std::fs::write(&file, lines).expect("the file can be written");
    // What is made has to try every check: else nothing is said about it.
    assert!(verdicts[verdict::TAKEN] > TOKENS / 3, "{verdicts:?}");
    assert!(verdicts.len() > 24, "{verdicts:?}");
}
