use super::*;
use crate::time::UnixTime;

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn tracer() -> (Tracer, Queue) {
    Tracer::new(Clock::manual(UnixTime(1_000)))
}

fn next(queue: &mut Queue) -> Span {
    queue.spans.try_recv().expect("a span")
}

#[tokio::test]
async fn calls_are_below_the_check_that_waits_for_them_wherever_they_run() {
    let (tracer, mut queue) = tracer();
    let check = tracer.open(SAMPLED, "check").expect("sampled");
    let work = check.within(async {
        call("here", "https://issuer.example").end(false);
        let spawned = tokio::spawn(inherit(async { call("there", "").end(true) }));
        spawned.await.expect("runs");
        drop(call("given up", ""));
    });
    work.await;
    check.end(false, vec![("portcullis.decision", "allow".to_owned())]);
    let [here, there, given_up, check] = std::array::from_fn(|_| next(&mut queue));
    assert_eq!((here.name, here.kind, here.failed), ("here", Kind::Client, false));
    assert_eq!(here.attributes, [("portcullis.issuer", "https://issuer.example".to_owned())]);
    assert_eq!((there.name, there.failed), ("there", true));
    assert_eq!((given_up.name, given_up.failed), ("given up", true));
    assert_eq!(check.parent_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert_eq!((check.kind, check.started_at), (Kind::Server, 1_000_000_000_000));
    for span in [&here, &there, &given_up] {
        assert_eq!((span.trace_id, span.parent_id), (check.trace_id, check.span_id));
        assert_ne!(span.span_id, check.span_id);
        assert!(span.ended_at >= span.started_at);
    }
}

#[tokio::test]
async fn what_is_not_sampled_has_no_span() {
    let (tracer, mut queue) = tracer();
    let unsampled = SAMPLED.replace("-01", "-00");
    for traceparent in [unsampled.as_str(), "", "nonsense"] {
        assert!(tracer.open(traceparent, "check").is_none(), "{traceparent}");
    }
    call("outside", "").end(false);
    inherit(async { call("outside", "").end(false) }).await;
    assert!(queue.spans.try_recv().is_err());
}

#[test]
fn a_full_queue_drops_and_counts() {
    let (tracer, mut queue) = tracer();
    for _span in 0..QUEUE + 3 {
        tracer.open(SAMPLED, "check").expect("sampled").end(false, Vec::new());
    }
    assert_eq!(tracer.counts().dropped.load(Ordering::Relaxed), 3);
    let waiting = std::iter::from_fn(|| queue.spans.try_recv().ok()).count();
    assert_eq!(waiting, QUEUE);
}
