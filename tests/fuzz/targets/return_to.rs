//! Where a login leads: what is kept stays on a trusted origin, however often it is decoded, and is
//! none of our endpoints.

use portcullis::oidc::{ReturnTo, TrustedOrigin};
use url::Url;

const ENDPOINTS: [&str; 2] = ["/.auth", "/callback"];

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let here = Url::parse("https://portal.example").expect("a URL");
    let api = Url::parse("https://api.example:8443").expect("a URL");
    let trusted = [TrustedOrigin::of(&here), TrustedOrigin::of(&api)];
    let kept = ReturnTo::parse(text, &here, &trusted, &ENDPOINTS);
    let kept = kept.as_str();
    // An origin is written in its one spelling, and a path behind it.
    let same = || !text.starts_with('/') && Url::parse(text).ok() == Url::parse(kept).ok();
    assert!(kept == text || kept == "/" || same(), "{text:?} became {kept:?}");
    assert!(kept.bytes().all(|byte| byte.is_ascii_graphic()), "{kept:?}");
    let target = here.join(kept).expect("what is kept resolves");
    assert!(target.origin() == here.origin() || target.origin() == api.origin(), "{kept:?}");
    assert!(!kept.starts_with('/') || target.origin() == here.origin(), "{kept:?}");
    assert!(target.username().is_empty() && target.password().is_none(), "{kept:?}");
    assert_eq!(here.join(target.as_str()).map(|again| again.origin()), Ok(target.origin()));
    let path = kept.split(['?', '#']).next().unwrap_or_default();
    let mut path = path
        .strip_prefix("https://")
        .map_or(path, |rest| rest.find('/').map_or("", |at| &rest[at..]))
        .to_owned();
    for _reading in 0..3 {
        let read = here.join(&path.replace('\\', "/")).expect("a path resolves");
        assert_eq!(read.origin(), here.origin(), "{kept:?} read as {path:?}");
        for own in ENDPOINTS {
            let below = read.path() == own || read.path().starts_with(&format!("{own}/"));
            assert!(!below, "{kept:?} leads to {own}");
        }
        // A `?` that was encoded is part of a name.
        path = decoded(&path).replace(['?', '#'], "_");
    }
}

fn decoded(text: &str) -> String {
    let pair = url::form_urlencoded::parse(text.replace(['&', '=', '+'], "_").as_bytes())
        .next()
        .map(|(name, _)| name.into_owned());
    pair.unwrap_or_default()
}
