//! `Cookie` fields, one a line: none of ours goes upstream, and what is not ours stays as it was.

use portcullis::attributes::Headers;
use portcullis::cookie::{CookieNames, CookiePrefix, Cookies};
use portcullis::session::{Chunks, stray_chunks};

const PREFIX: &str = "portcullis";

pub(crate) fn run(data: &[u8]) {
    let Some((browser, lines)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(lines);
    let mut headers = Headers::default();
    text.split('\n').for_each(|line| headers.add("cookie", line));
    if browser & 1 == 1 {
        headers.add("sec-fetch-site", "none");
    }
    let prefix = CookiePrefix::new(PREFIX);
    let cookies = Cookies::read(&headers, &prefix);
    let upstream = cookies.for_upstream().unwrap_or_default();
    assert_eq!(ours(&upstream).next(), None, "{text:?} leaves {upstream:?}");
    assert_eq!(cookies.concern_us(), ours(&text.replace('\n', ";")).next().is_some(), "{text:?}");
    for pair in text.split(['\n', ';']) {
        // Commas before a name separate it from nothing.
        let alone = pair.trim_matches(|c: char| c == ',' || c.is_whitespace());
        let kept = upstream.split(';').any(|own| own.contains(alone));
        let foreign = !alone.is_empty() && ours(pair).next().is_none();
        assert!(!foreign || kept, "{text:?} loses {alone:?}");
    }
    for secure in [false, true] {
        let names = CookieNames::new(PREFIX, secure);
        for name in cookies.names() {
            if let Some(value) = cookies.get(name) {
                assert!(text.contains(value), "{name}: {value:?} is not in {text:?}");
            }
        }
        match Chunks::read(&cookies, &names) {
            Chunks::Absent => assert!(stray_chunks(&cookies, &names).is_empty()),
            Chunks::Broken | Chunks::Whole(_) => {
                assert!(!stray_chunks(&cookies, &names).is_empty());
            }
        }
    }
}

/// Names that a lenient reader takes for ours: it splits at `;` and at `,`, and trims.
pub(super) fn ours(line: &str) -> impl Iterator<Item = String> {
    line.split([';', ',']).filter_map(|pair| {
        let name = pair.split('=').next().unwrap_or_default().trim().to_owned();
        let host = name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("__host-"));
        let bare = if host { &name[7..] } else { name.as_str() };
        (bare == PREFIX || bare.starts_with("portcullis-")).then_some(name)
    })
}
