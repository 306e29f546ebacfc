//! The pages and problem details that we write ourselves.
//!
//! Pure: no I/O, no clock.

use super::{Link, Reason, Refusal, Status};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Write;
use std::sync::LazyLock;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f4f5f7;color:#1f2733;\
font:16px/1.5 system-ui,sans-serif}\
main{box-sizing:border-box;max-width:32rem;margin:1rem;padding:2rem 2.25rem;background:#fff;\
border-radius:12px;box-shadow:0 1px 3px #0002,0 8px 24px #0001}\
h1{margin:0 0 .5rem;font-size:1.4rem;line-height:1.25}\
p{margin:0 0 1.25rem}\
nav{display:flex;flex-wrap:wrap;gap:.75rem}\
a,button{display:inline-block;padding:.5rem 1rem;border:0;border-radius:8px;background:#1d4ed8;color:#fff;\
font:inherit;text-decoration:none;cursor:pointer}\
footer{margin-top:1.5rem;padding-top:1rem;border-top:1px solid #8883;color:#667;font-size:.8rem;\
overflow-wrap:anywhere}\
code{font-family:ui-monospace,monospace}\
@media (prefers-color-scheme:dark){body{background:#14181f;color:#e6e9ef}main{background:#1e242e}\
footer{color:#9aa3b2}}";

static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// Allows the page its one style sheet and nothing else.
pub(super) fn content_security_policy() -> &'static str {
    &CONTENT_SECURITY_POLICY
}

/// Appends problem details (RFC 9457): `reason` and `request_id` are ours.
pub(super) fn problem(
    reason: Reason,
    status: Status,
    refusal: &Refusal,
    request_id: &str,
    to: &mut Vec<u8>,
) {
    let text = |start: &str, text: &str, to: &mut Vec<u8>| {
        to.extend_from_slice(start.as_bytes());
        // Writing to a Vec cannot fail.
        let _written = serde_json::to_writer(to, text);
    };
    text("{\"detail\":", refusal.detail, to);
    text(",\"reason\":", reason.as_str(), to);
    text(",\"request_id\":", request_id, to);
    let _written = write!(to, ",\"status\":{}", status.code());
    text(",\"title\":", refusal.title, to);
    text(",\"type\":", "about:blank", to);
    to.push(b'}');
}

/// Appends an HTML page. It shows our own words, a reason and the request id, never a claim.
pub(super) fn html(reason: Option<Reason>, refusal: &Refusal, request_id: &str, to: &mut Vec<u8>) {
    write(
        to,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
    );
    escape(to, refusal.title);
    write(to, "</title>\n<style>");
    write(to, STYLE);
    write(to, "</style>\n</head>\n<body>\n<main>\n<h1>");
    escape(to, refusal.title);
    write(to, "</h1>\n<p>");
    escape(to, refusal.detail);
    write(to, "</p>\n");
    if !refusal.links.is_empty() {
        write(to, "<nav>");
        refusal.links.iter().for_each(|link| link_html(to, link));
        write(to, "</nav>\n");
    }
    if let Some(reason) = reason {
        write(to, "<footer>Reason <code>");
        write(to, reason.as_str());
        write(to, "</code> \u{b7} Request <code>");
        escape(to, request_id);
        write(to, "</code></footer>\n");
    }
    write(to, "</main>\n</body>\n</html>\n");
}

fn link_html(to: &mut Vec<u8>, link: &Link) {
    let (before, between, after) = if link.post {
        ("<form method=\"post\" action=\"", "\"><button>", "</button></form>")
    } else {
        ("<a href=\"", "\">", "</a>")
    };
    write(to, before);
    escape(to, &link.href);
    write(to, between);
    escape(to, link.text);
    write(to, after);
}

fn write(to: &mut Vec<u8>, text: &str) {
    to.extend_from_slice(text.as_bytes());
}

fn escape(to: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while let Some((plain, special, after)) = split_special(rest) {
        write(to, plain);
        write(to, special);
        rest = after;
    }
    write(to, rest);
}

/// What stands before the first character that HTML reads, how that one is written, and what follows.
fn split_special(text: &str) -> Option<(&str, &'static str, &str)> {
    let at = text.find(['&', '<', '>', '"', '\''])?;
    let (plain, rest) = text.split_at_checked(at)?;
    let mut rest = rest.chars();
    let special = match rest.next()? {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        _ => "&#39;",
    };
    Some((plain, special, rest.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes);
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn escapes_what_it_did_not_write() {
        let refusal = Refusal {
            title: "No",
            detail: "Not <here>",
            links: vec![Link { text: "Again", href: "/x?\"><script>".to_owned(), post: false }],
        };
        let page = text(|to| html(Some(Reason::NotGranted), &refusal, "<id>", to));
        assert!(page.contains("Not &lt;here&gt;"));
        assert!(page.contains("/x?&quot;&gt;&lt;script&gt;"));
        assert!(page.contains("&lt;id&gt;"));
        assert!(!page.contains("<script"));
    }

    #[test]
    fn names_reason_and_request_in_problem_details() {
        let refusal = Refusal { title: "No", detail: "None", links: Vec::new() };
        let (reason, status) = (Reason::NotGranted, Status::Forbidden);
        let text = text(|to| problem(reason, status, &refusal, "r\"1", to));
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["reason"], "not_granted");
        assert_eq!(json["status"], 403);
        assert_eq!(json["request_id"], "r\"1");
        // Byte for byte what a JSON library makes of it.
        assert_eq!(text, json.to_string());
    }
}
