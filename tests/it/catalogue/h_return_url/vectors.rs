//! Published payloads (oauth2-proxy's list of open redirects), where the folder with them is there.

use super::{Visit, encoded};
use crate::support::{API, Ask, PORTAL};
use percent_encoding::percent_decode_str;
use std::fs;
use std::path::Path;
use url::Url;

const LIST: &str = "../shared/vectors/open-redirect/oauth2-proxy-openredirects.txt";

/// The payloads; none where the folder is not there.
fn payloads() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(LIST);
    let Ok(bytes) = fs::read(&file) else { return absent(&file) };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(lines.len() > 500, "{} payloads", lines.len());
    lines
}

#[expect(clippy::print_stdout, reason = "says that there was nothing to test by")]
fn absent(file: &Path) -> Vec<String> {
    println!("{} is absent", file.display());
    Vec::new()
}

/// `location` leads to the Portal or its Environment, by the WHATWG's rules and by careless ones.
fn stays(location: &str, payload: &str) {
    let url = Url::parse(PORTAL).and_then(|base| base.join(location)).expect("a URL");
    let origin = url.origin().ascii_serialization();
    assert!([PORTAL, API].contains(&origin.as_str()), "{payload:?} leads to {location:?}");
    assert!(url.username().is_empty() && url.password().is_none(), "{location:?}");
    let (path, _query) = location.split_once(['?', '#']).unwrap_or((location, ""));
    let mut text = path.to_owned();
    for _round in 0..4 {
        let origin = carelessly(&text);
        assert!([PORTAL, API].contains(&origin.as_str()), "{payload:?}: {text:?} is at {origin}");
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
}

/// The origin of a URL to a reader that drops white space and control characters, takes `\` for `/`,
/// and any two slashes for the beginning of a host, also behind dot segments.
fn carelessly(text: &str) -> String {
    let drops = |c: &char| !c.is_whitespace() && !c.is_control();
    let text: String = text.chars().filter(drops).collect::<String>().replace('\\', "/");
    let text = text.to_lowercase();
    let before_path = text.split(['/', '?', '#']).next().unwrap_or_default();
    if before_path.contains(':') {
        let (scheme, rest) = text.split_once(':').expect("a colon");
        let rest = rest.trim_start_matches('/');
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let origin = format!("{scheme}://{host}");
        // What stands behind the origin may hold no second one.
        let behind = rest.strip_prefix(authority).unwrap_or_default();
        return if behind.contains("//") { format!("{origin}{behind}") } else { origin };
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let squeezed = path.replace("/../", "/").replace("/./", "/");
    if text.starts_with('/') && !squeezed.contains("//") {
        return PORTAL.to_owned();
    }
    text
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn h01_the_careless_reader_sees_what_others_miss() {
    for bad in
        ["//evil", "/\\evil", "/\t/evil", "javascript:x", "http:evil", "/..//evil", "/a//b", "evil"]
    {
        assert!(![PORTAL, API].contains(&carelessly(bad).as_str()), "{bad}");
    }
    for good in ["/", "/a/b", &format!("{API}/a"), &format!("{PORTAL}/")] {
        assert!([PORTAL, API].contains(&carelessly(good).as_str()), "{good}");
    }
}

#[tokio::test]
async fn h01_h04_h05_h06_h07_h09_no_published_payload_leads_away() {
    let payloads = payloads();
    if payloads.is_empty() {
        return;
    }
    let visit = Visit::new().await;
    let mut kept = 0;
    for payload in &payloads {
        let once = percent_encoded(payload);
        let spellings = [payload.clone(), once.clone(), percent_encoded(&once)];
        for text in &spellings {
            let location = visit.with_session(PORTAL, text).await;
            kept += usize::from(location != "/");
            stays(&location, text);
        }
        // As the attacker would write it into a link: what no server can read in two ways passes.
        let url = format!("{PORTAL}/.auth/login?return_to=");
        let path = url.trim_start_matches(PORTAL);
        let ask = Ask::get(&url).path(&format!("{path}{payload}")).navigate();
        let answer = visit.gateway.ask(visit.browser.dress(ask)).await;
        match answer.status {
            302 => stays(answer.location(), payload),
            _ => {
                answer.refused(400, "ambiguous_request");
            }
        }
    }
    // The list has some that are harmless: those that stay here.
    assert!(kept < payloads.len() / 4, "{kept} kept");
    assert_eq!(visit.with_session(PORTAL, "/kept").await, "/kept");
}

#[tokio::test]
async fn h01_h04_h05_h06_h07_h09_no_published_payload_leads_away_after_sign_up_or_logout() {
    let payloads = payloads();
    if payloads.is_empty() {
        return;
    }
    let visit = Visit::new().await;
    for payload in payloads.iter().step_by(7) {
        for text in [payload.clone(), percent_encoded(payload)] {
            stays(&visit.after("signup", PORTAL, &text).await, &text);
            let url = format!("{PORTAL}/.auth/logout?return_to={}", encoded(&text));
            let ask = Ask::post(&url).navigate().header("sec-fetch-site", "same-origin");
            let answer = visit.gateway.ask(ask).await;
            assert_eq!((answer.status, answer.location()), (303, super::HOME), "{text:?}");
        }
    }
}
