use super::*;
use crate::token::Algorithm;
use crate::token::fixtures::{ec, key_set};

const NOW: UnixTime = UnixTime(1_800_000_000);

fn keys() -> KeySet {
    key_set(&[&ec("a", Algorithm::Es256)])
}

fn after(seconds: u64) -> UnixTime {
    UnixTime(NOW.0 + seconds)
}

#[test]
fn refreshes_within_bounds() {
    let day = 24 * 60 * 60;
    let cases = [
        (None, 0, 300),
        (Some(0), 0, 300),
        (Some(60), 0, 300),
        (Some(3600), 0, 3600),
        (Some(3600), 255, 3241),
        (Some(3_832_304), 0, day),
        (Some(u64::MAX), 0, day),
    ];
    for (max_age, jitter, want) in cases {
        let max_age = max_age.map(Duration::from_secs);
        let wait = IssuerState::default().succeed(keys(), max_age, jitter, NOW);
        assert_eq!(wait.as_secs(), want, "{max_age:?} {jitter}");
    }
}

#[test]
fn backs_off_and_waits_as_asked() {
    let mut state = IssuerState::default();
    let waits: Vec<u64> =
        (0..8).map(|_| state.fail("e".to_owned(), None, 0, NOW).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert!(state.fail("e".to_owned(), None, 255, NOW) >= Duration::from_secs(30));
    let asked = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(state.fail("e".to_owned(), asked(90), 0, NOW).as_secs(), 90);
    assert_eq!(state.search(after(89)), Search::MakesDo);
    assert_eq!(state.search(after(90)), Search::Starts);
    assert_eq!(state.fail("e".to_owned(), asked(u64::MAX), 0, NOW).as_secs(), 300);
    state.succeed(keys(), None, 0, NOW);
    assert_eq!(state.fail("e".to_owned(), None, 0, NOW).as_secs(), 1);
}

#[test]
fn keeps_the_last_good_keys_for_a_day_past_their_refresh() {
    let mut state = IssuerState::default();
    assert!(state.keys(NOW).is_none() && state.keys_age(NOW).is_none());
    state.succeed(keys(), None, 0, NOW);
    let last = 300 + 24 * 60 * 60;
    state.fail("e".to_owned(), None, 0, after(300));
    assert!(state.keys(after(last - 1)).is_some());
    assert!(state.keys(after(last)).is_none());
    assert!(!state.is_due(after(299)) && state.is_due(after(300)));
    assert_eq!(state.keys_age(after(5)), Some(Duration::from_secs(5)));
}

#[test]
fn keeps_the_identity_of_keys_that_did_not_change() {
    let mut state = IssuerState::default();
    let (first, second) = (keys(), keys());
    state.succeed(first.clone(), None, 0, NOW);
    let held = state.keys(NOW).expect("keys").clone();
    state.succeed(first, None, 0, after(300));
    assert!(Arc::ptr_eq(&held, state.keys(after(300)).expect("keys")));
    assert_eq!(state.generation, 1);
    state.succeed(second, None, 0, after(600));
    assert!(!Arc::ptr_eq(&held, state.keys(after(600)).expect("keys")));
    assert_eq!(state.generation, 2);
}

#[test]
fn searches_once_in_30_seconds() {
    let mut state = IssuerState::default();
    state.begin();
    assert_eq!(state.search(NOW), Search::Joins);
    state.succeed(keys(), None, 0, NOW);
    assert_eq!(state.search(NOW), Search::Starts);
    assert_eq!(state.search(NOW), Search::Joins);
    state.waited_in_vain();
    assert_eq!(state.search(NOW), Search::GivesUp);
    state.succeed(keys(), None, 0, NOW);
    state.waited_in_vain();
    assert_eq!(state.search(after(29)), Search::MakesDo);
    assert_eq!(state.search(after(30)), Search::Starts);
}

#[test]
fn is_down_when_it_never_answered_or_fails_for_a_minute() {
    let mut state = IssuerState::default();
    assert!(state.is_down(NOW));
    state.fail("e".to_owned(), None, 0, NOW);
    assert!(state.is_down(NOW));
    state.succeed(keys(), None, 0, NOW);
    assert!(!state.is_down(after(1_000_000)));
    // A refresh that fails says too little of the provider.
    state.refresh_failed("e".to_owned(), None, after(1));
    assert!(!state.is_down(after(60)) && state.is_failing());
    assert_eq!(state.last_error.as_deref(), Some("e"));
    state.fail("e".to_owned(), None, 0, after(1));
    assert!(!state.is_down(after(59)) && state.is_down(after(60)));
    state.reached(after(61));
    assert!(!state.is_down(after(120)) && state.is_down(after(121)), "fetches fail still");
    state.succeed(keys(), None, 0, after(200));
    assert!(!state.is_down(after(1_000_000)) && state.last_error.is_none());
}

#[test]
fn looks_once_in_30_seconds_apart_from_searches() {
    let mut state = IssuerState::default();
    state.succeed(keys(), None, 0, NOW);
    assert_eq!(state.search(NOW), Search::Starts);
    assert!(!state.look(NOW), "one is asked for already");
    state.succeed(keys(), None, 0, NOW);
    // Who sends unknown keys has used up the turn of searches, not this one.
    assert!(state.look(after(1)) && !state.look(after(1)));
    state.succeed(keys(), None, 0, NOW);
    assert!(!state.look(after(30)) && state.look(after(31)));
}

#[test]
fn k11_refreshes_pause_together_after_the_second_failure_and_as_long_as_the_provider_asks() {
    let mut state = IssuerState::default();
    let mut pauses = Vec::new();
    for _failure in 0..9 {
        state.refresh_failed("e".to_owned(), None, NOW);
        pauses.push(state.refreshes_pause(NOW).map_or(0, |pause| pause.as_secs()));
    }
    assert_eq!(pauses, [0, 0, 1, 2, 4, 8, 16, 30, 30]);
    assert!(
        state.refreshes_pause(after(29)).is_some() && state.refreshes_pause(after(30)).is_none()
    );
    state.refresh_answered();
    assert!(!state.is_failing());
    state.refresh_failed("429".to_owned(), Some(Duration::from_secs(90)), NOW);
    assert!(
        state.refreshes_pause(after(89)).is_some() && state.refreshes_pause(after(90)).is_none()
    );
    state.refresh_failed("429".to_owned(), Some(Duration::MAX), NOW);
    assert_eq!(state.refreshes_pause(NOW).map(|pause| pause.as_secs()), Some(300));
}
