//! How values go out: one line, visible ASCII, unambiguous, whole or not at all.

use crate::support::{API, Answer, Ask, Browser, Gateway, Setup};
use serde_json::{Value, json};

/// What the upstream gets of somebody with these claims, by a session and by a bearer.
async fn sent(gateway: &Gateway, claims: &Value) -> [Answer; 2] {
    gateway.provider.turn(|knobs| knobs.id_token = claims.clone());
    let mut browser = Browser::default();
    let (_, by_session) = browser.visit(gateway, &format!("{API}/pets")).await;
    let token = gateway.provider.id_token(claims);
    let by_bearer = gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
    [by_session, by_bearer]
}

#[tokio::test]
async fn m05_m06_m09_a_claim_is_one_line_of_visible_ascii_or_nothing() {
    let setup = Setup::default()
        .setting("identity_headers", "{x-user-id: sub, x-user-email: email, x-claim: claim}");
    let gateway = Gateway::with(setup).await;
    let cases = [
        (json!("plain"), Some("plain")),
        (json!("a\r\nx-evil: 1"), Some("a%0D%0Ax-evil:%201")),
        (json!("a\nb"), Some("a%0Ab")),
        (json!("a\u{0}b"), Some("a%00b")),
        (json!("\r\n\r\n<html>"), Some("%0D%0A%0D%0A<html>")),
        (json!("tab\tdel\u{7f}"), Some("tab%09del%7F")),
        (json!(" a b "), Some("%20a%20b%20")),
        (json!("V\u{f6}gel"), Some("V%C3%B6gel")),
        (json!("\u{1f600}"), Some("%F0%9F%98%80")),
        (json!("\u{85}\u{2028}\u{feff}"), Some("%C2%85%E2%80%A8%EF%BB%BF")),
        // Two values never look alike.
        (json!("%0D"), Some("%250D")),
        (json!("a,b;c\"d"), Some("a,b;c\"d")),
        (json!(3), Some("3")),
        (json!(true), Some("true")),
        (json!(["a", "b,c"]), Some("[\"a\",\"b,c\"]")),
        (json!({"a": "\n"}), Some("{\"a\":\"\\n\"}")),
        (json!(""), None),
        (json!(null), None),
        // Never cut: what is too long for a header is left out.
        (json!("x".repeat(3000)), Some(&*"x".repeat(3000))),
    ];
    for (claim, want) in cases {
        for answer in sent(&gateway, &json!({ "claim": claim })).await {
            answer.granted();
            assert_eq!(answer.set.get("x-claim").map(String::as_str), want, "{claim}");
            assert_eq!(answer.removed.contains("x-claim"), want.is_none(), "{claim}");
        }
    }
    let email = json!({"email": "a\u{e9}\r\n@example.com", "email_verified": true});
    for answer in sent(&gateway, &email).await {
        assert_eq!(answer.granted().set["x-user-email"], "a%C3%A9%0D%0A@example.com");
    }
    for answer in sent(&gateway, &json!({"email": null})).await {
        assert!(answer.granted().removed.contains("x-user-email"), "not empty, not the client's");
    }
}

#[tokio::test]
async fn m05_a_claim_that_grows_too_long_by_its_encoding_is_left_out() {
    let setup = Setup::default().setting("identity_headers", "{x-user-id: sub, x-claim: claim}");
    let gateway = Gateway::with(setup.in_memory()).await;
    for (claim, fits) in [("\u{1f600}".repeat(682), true), ("\u{1f600}".repeat(683), false)] {
        for answer in sent(&gateway, &json!({ "claim": claim })).await {
            assert_eq!(answer.granted().set.contains_key("x-claim"), fits);
            assert_eq!(answer.removed.contains("x-claim"), !fits);
        }
    }
}

#[tokio::test]
async fn m07_no_group_name_can_be_two() {
    let names = json!(["a,b", "c d", "\u{e9}", "e;f", "g\"h", "i%2Cj", "PetstoreUsers"]);
    let setup = Setup::default().edit("[PetstoreUsers]", &names.to_string());
    let gateway = Gateway::with(setup).await;
    let groups = json!([
        "a,b",
        "c d",
        "\u{e9}",
        "e;f",
        "g\"h",
        "i%2Cj",
        "x\r\ny: 1",
        "Nobody knows",
        "a",
        "b"
    ]);
    for answer in sent(&gateway, &json!({ "groups": groups })).await {
        let mut got: Vec<&str> = answer.granted().set["x-user-groups"].split(',').collect();
        got.sort_unstable();
        assert_eq!(got, ["%C3%A9", "a%2Cb", "c%20d", "e%3Bf", "g%22h", "i%252Cj"]);
    }
}

#[tokio::test]
async fn m08_groups_that_are_too_many_for_a_header_are_left_out_and_it_says_so() {
    // Escapes make them three times as long.
    let names: Vec<String> = (0..80).map(|at| format!("{at}-{}", "\u{e9}".repeat(20))).collect();
    let setup = Setup::default()
        .edit("[PetstoreUsers]", &json!(names).to_string())
        .setting("identity_headers", "{x-user-id: sub, x-user-groups: groups, x-roles: groups}");
    let gateway = Gateway::with(setup.in_memory()).await;
    let ask = |browser: &Browser| {
        browser.dress(Ask::get(&format!("{API}/pets")).header("x-user-groups", "admin"))
    };
    for (count, fits) in [(80, false), (60, true)] {
        for answer in sent(&gateway, &json!({ "groups": names[..count] })).await {
            answer.granted();
            let omitted = answer.set.get("x-portcullis-groups-omitted").map(String::as_str);
            assert_eq!(omitted, (!fits).then_some("true"));
            assert_eq!(answer.removed.contains("x-portcullis-groups-omitted"), fits);
            for name in ["x-user-groups", "x-roles"] {
                let sent = answer.set.get(name).map(|value| value.split(',').count());
                assert_eq!(sent, fits.then_some(count), "{name}: all or none");
                assert_eq!(answer.removed.contains(name), !fits, "{name}");
            }
        }
        let mut browser = Browser::default();
        browser.visit(&gateway, &format!("{API}/pets")).await.1.granted();
        assert_ne!(
            gateway.ask(ask(&browser)).await.set.get("x-user-groups").map(String::as_str),
            Some("admin")
        );
    }
}

#[tokio::test]
async fn m09_an_unverified_e_mail_stays_here_unless_settings_say_otherwise() {
    for (setting, want) in [("hide", None), ("send", Some("ann@example.com"))] {
        let setup = Setup::default().setting("tokens", &format!("{{unverified_email: {setting}}}"));
        let gateway = Gateway::with(setup).await;
        // A string is not the boolean true.
        for verified in [json!(false), json!("true"), json!(null), json!(1)] {
            for answer in sent(&gateway, &json!({ "email_verified": verified })).await {
                answer.granted();
                assert_eq!(answer.set.get("x-user-email").map(String::as_str), want);
                assert_eq!(answer.removed.contains("x-user-email"), want.is_none());
            }
            let mut browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
            let userinfo = Ask::get(&format!("{API}/.auth/userinfo")).fetch();
            let userinfo = browser.send(&gateway, userinfo).await.json();
            assert_eq!(userinfo["email"], "ann@example.com");
            assert_eq!(userinfo["email_verified"], false);
        }
    }
}
