//! What goes out with a cookie. The form of each is judged with every answer of every test; here is
//! that each kind of answer was among them.

use super::{HOST, STORES, home};
use crate::support::{API, Answer, Ask, Browser, Gateway, PORTAL, Setup};
use serde_json::json;
use std::collections::BTreeSet;

/// The names that an answer sets and those that it clears, and that no cache keeps it.
fn written(answer: &Answer, seen: &mut BTreeSet<String>) {
    for field in answer.set_cookies() {
        let (name, rest) = field.split_once('=').expect("a pair");
        let name = name.strip_prefix("__Host-portcullis-").expect("the prefix");
        let kind = name.split_once('-').map_or(name, |(kind, _)| kind);
        let what = if rest.contains("Max-Age=0;") { "clears" } else { "sets" };
        seen.insert(format!("{what} {kind}"));
        assert!(rest.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{field}");
        assert!(rest.contains("; Path=/; ") && !rest.to_lowercase().contains("domain"), "{field}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
}

#[tokio::test]
async fn i14_i22_every_cookie_has_every_attribute_wherever_it_is_set_or_cleared() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        // So that the session takes two cookies.
        gateway.provider.turn(|knobs| knobs.id_token = json!({"pad": "x".repeat(3000)}));
        let mut seen = BTreeSet::new();
        let mut browser = Browser::default();
        // A login: its start, its end, and the way through the API's host.
        for url in [home(), format!("{API}/pets"), format!("{PORTAL}/.auth/signup?return_to=/home")]
        {
            gateway.later(61);
            let mut at = url;
            for _hop in 0..8 {
                let answer = browser.load(&gateway, &at).await;
                if !answer.set_cookies().is_empty() {
                    written(&answer, &mut seen);
                }
                if answer.allowed {
                    break;
                }
                at = browser.next(&gateway, &at, &answer);
            }
        }
        // An allowed answer that renews the last use, and one that brings a refreshed record.
        for wait in [400, 3100, 30] {
            gateway.later(wait);
            let answer = browser.load(&gateway, &home()).await;
            if !answer.granted().set_cookies().is_empty() {
                written(&answer, &mut seen);
            }
        }
        // Stale cookies, for a page and for a program; old logins; a login that begins anew.
        let mut stale = browser.clone();
        for name in ["s", "s-1", "l-12345678", "r", "c"] {
            stale.cookies(HOST).insert(format!("__Host-portcullis-{name}"), "1.x".to_owned());
        }
        for ask in [
            Ask::get(&home()),
            Ask::get(&home()).navigate(),
            Ask::get(&home()).navigate().method("POST"),
        ] {
            written(&gateway.ask(stale.dress(ask)).await, &mut seen);
        }
        let mut late = Browser::default();
        let callback = late.callback(&gateway, &home()).await;
        gateway.later(601);
        written(&late.load(&gateway, &callback).await, &mut seen);
        // Sign-out, by a page and by a script.
        let form = Ask::post(&format!("{PORTAL}/.auth/logout")).fetch();
        written(&gateway.ask(browser.dress(form)).await, &mut seen);
        let all = [
            "clears c", "clears l", "clears s", "clears u", "sets c", "sets l", "sets r", "sets s",
            "sets u",
        ];
        assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), all);
    }
}

#[tokio::test]
async fn i22_no_redirect_and_no_refusal_may_be_kept_by_a_cache() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &home()).await;
    let no_group = gateway.provider.id_token(&json!({"groups": []}));
    let asks = [
        Ask::get(&home()).navigate(),
        Ask::get(&home()),
        Ask::get(&home()).bearer("x"),
        Ask::get(&home()).bearer(&no_group),
        Ask::get(&format!("{PORTAL}/a%2fb")),
        Ask::get("http://evil.localhost/"),
        Ask::get(&format!("{PORTAL}/callback?code=a&state=b")).navigate(),
        Ask::get(&format!("{PORTAL}/.auth/login")).navigate(),
        Ask::get(&format!("{PORTAL}/.auth/logout")).navigate(),
        Ask::get(&format!("{PORTAL}/.auth/userinfo")),
        browser.dress(Ask::get(&format!("{PORTAL}/.auth/userinfo"))),
        browser.dress(Ask::get(&format!("{PORTAL}/.auth/login?return_to=/a")).navigate()),
        browser.dress(Ask::post(&home())),
        Ask::post(&format!("{PORTAL}/.auth/backchannel-logout")),
    ];
    for ask in asks {
        let answer = gateway.ask(ask.clone()).await;
        assert!(!answer.allowed, "{ask:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{ask:?}");
    }
}
