//! The pages and problem details that we write ourselves.
//!
//! Pure: no I/O, no clock.

use super::{Link, Reason, Refusal, Status};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;
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
pub(super) fn content_security_policy() -> String {
    CONTENT_SECURITY_POLICY.clone()
}

/// Problem details (RFC 9457): `reason` and `request_id` are ours.
pub(super) fn problem(
    reason: Reason,
    status: Status,
    refusal: &Refusal,
    request_id: &str,
) -> String {
    serde_json::json!({
        "type": "about:blank",
        "title": refusal.title,
        "status": status.code(),
        "detail": refusal.detail,
        "reason": reason.as_str(),
        "request_id": request_id,
    })
    .to_string()
}

/// An HTML page. It shows our own words, a reason and the request id, never a claim.
pub(super) fn html(reason: Option<Reason>, refusal: &Refusal, request_id: &str) -> String {
    let (title, detail) = (escape(refusal.title), escape(refusal.detail));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n<p>{detail}</p>\n"
    );
    if !refusal.links.is_empty() {
        page.push_str("<nav>");
        refusal.links.iter().for_each(|link| page.push_str(&link_html(link)));
        page.push_str("</nav>\n");
    }
    if let Some(reason) = reason {
        let (reason, id) = (reason.as_str(), escape(request_id));
        // Writing to a String cannot fail.
        let _written = writeln!(
            page,
            "<footer>Reason <code>{reason}</code> \u{b7} Request <code>{id}</code></footer>"
        );
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn link_html(link: &Link) -> String {
    let (href, text) = (escape(&link.href), escape(link.text));
    if link.post {
        format!("<form method=\"post\" action=\"{href}\"><button>{text}</button></form>")
    } else {
        format!("<a href=\"{href}\">{text}</a>")
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_it_did_not_write() {
        let refusal = Refusal {
            title: "No",
            detail: "Not <here>",
            links: vec![Link { text: "Again", href: "/x?\"><script>".to_owned(), post: false }],
        };
        let page = html(Some(Reason::NotGranted), &refusal, "<id>");
        assert!(page.contains("Not &lt;here&gt;"));
        assert!(page.contains("/x?&quot;&gt;&lt;script&gt;"));
        assert!(page.contains("&lt;id&gt;"));
        assert!(!page.contains("<script"));
    }

    #[test]
    fn names_reason_and_request_in_problem_details() {
        let refusal = Refusal { title: "No", detail: "None", links: Vec::new() };
        let text = problem(Reason::NotGranted, Status::Forbidden, &refusal, "r\"1");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["reason"], "not_granted");
        assert_eq!(json["status"], 403);
        assert_eq!(json["request_id"], "r\"1");
    }
}
