//! The thread against its own upstream: there is no gateway between the two.

use super::*;

fn part(engine: &Engine, pace: Pace, time: Duration) -> Part {
    let gateway = engine.upstream().expect("it listens");
    Part { gateway, identifies: true, connections: 3, pace, time }
}

fn ask(path: usize, user: &str, seen: &str) -> Ask {
    let bytes = format!("GET /{path} HTTP/1.1\r\nx-user-id: {seen}\r\n\r\n").into_bytes();
    Ask { bytes, path: format!("/{path}"), user: user.to_owned() }
}

#[test]
fn everything_that_the_source_has_is_answered_once() {
    let mut engine = Engine::new().expect("sockets");
    for _again in 0..2 {
        let part = part(&engine, Pace::Closed, Duration::from_secs(60));
        let mut left = 1000;
        let done = engine.run(&part, &mut || {
            left -= 1;
            (left >= 0).then(|| ask(left as usize, "a", "a"))
        });
        let done = done.expect("answers");
        assert_eq!(done.times.len(), 1000);
        assert!(done.throughput() > 0.0 && done.within(0.5) <= done.within(0.99));
    }
}

#[test]
fn the_open_loop_sends_what_is_due_and_no_more() {
    let mut engine = Engine::new().expect("sockets");
    let part = part(&engine, Pace::Open(1000.0), Duration::from_millis(100));
    let done = engine.run(&part, &mut || Some(ask(7, "a", "a"))).expect("answers");
    assert_eq!(done.times.len(), 100);
}

#[test]
fn time_counts_from_when_a_request_was_due() {
    let mut engine = Engine::new().expect("sockets");
    let gateway = engine.upstream().expect("it listens");
    let part = Part {
        gateway,
        identifies: true,
        connections: 1,
        pace: Pace::Open(1e6),
        time: Duration::from_millis(5),
    };
    // Far more than can be answered: the last one waited for most of the others.
    let done = engine.run(&part, &mut || Some(ask(7, "a", "a"))).expect("answers");
    assert_eq!(done.times.len(), 5000);
    let slowest = done.times.last().copied().unwrap_or_default();
    assert!(slowest > done.took / 2, "{slowest:?} of {:?}", done.took);
}

#[test]
fn another_callers_answer_fails_the_run() {
    for (user, seen, identifies) in [("a", "b", true), ("a", "a", false), ("a", "", true)] {
        let mut engine = Engine::new().expect("sockets");
        let part = Part { identifies, ..part(&engine, Pace::Closed, Duration::from_secs(60)) };
        let got = engine.run(&part, &mut || Some(ask(7, user, seen)));
        let error = got.expect_err(seen).to_string();
        assert!(error.contains("wrong answer"), "{error}");
    }
}

#[test]
fn another_paths_answer_fails_the_run() {
    let mut engine = Engine::new().expect("sockets");
    let part = part(&engine, Pace::Closed, Duration::from_secs(60));
    let got = engine.run(&part, &mut || Some(Ask { path: "/8".to_owned(), ..ask(7, "a", "a") }));
    assert!(got.is_err());
}

#[test]
fn shares_are_of_the_requests_in_order() {
    let times = (1..=100).map(Duration::from_micros).collect();
    let done = Done { took: Duration::from_secs(2), times };
    assert_eq!(done.within(0.5), Duration::from_micros(50));
    assert_eq!(done.within(0.99), Duration::from_micros(99));
    assert_eq!(done.within(1.0), Duration::from_micros(100));
    assert!((done.throughput() - 50.0).abs() < 1e-9);
    assert_eq!(Done::default().within(0.5), Duration::ZERO);
}
