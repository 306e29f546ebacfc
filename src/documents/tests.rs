use super::*;
use crate::openapi;

const NOW: UnixTime = UnixTime(1_000);

fn description(path: &str) -> Arc<Description> {
    let text = format!("openapi: 3.0.3\npaths: {{{path}: {{get: {{}}}}}}");
    Arc::new(openapi::read(&text, 1000).expect("a document"))
}

fn url(text: &str) -> Url {
    Url::parse(text).expect(text)
}

#[test]
fn what_was_known_last_stays_whatever_a_fetch_brings() {
    let (documents, here) = (Documents::default(), url("http://a/x"));
    // One that nobody wants is forgotten at once.
    assert!(!documents.record(&here, Fetched::Document(description("/a"), None), NOW));
    assert_eq!(documents.description(&here), None);
    documents.state().entries.entry(here.clone()).or_default();
    assert!(!documents.first_fetches_over());
    assert!(!documents.record(&here, Fetched::Failed("why".to_owned()), NOW));
    assert!(documents.first_fetches_over() && documents.description(&here).is_none());
    let tag: Option<Arc<str>> = Some("\"1\"".into());
    assert!(documents.record(&here, Fetched::Document(description("/a"), tag.clone()), NOW));
    assert_eq!((documents.version(), documents.etag(&here)), (1, tag));
    assert!(!documents.record(&here, Fetched::Document(description("/a"), None), NOW));
    assert!(!documents.record(&here, Fetched::Unchanged, NOW));
    assert!(!documents.record(&here, Fetched::Failed("why".to_owned()), NOW));
    assert_eq!(documents.description(&here), Some(description("/a")));
    assert!(documents.record(&here, Fetched::Document(description("/b"), None), NOW));
    assert_eq!((documents.version(), documents.etag(&here)), (2, None));
    let counts = DocumentCounts { fetched: 3, unchanged: 1, failed: 2 };
    // The one that nobody wanted is not counted.
    assert_eq!(documents.counts(), counts);
}
