//! Which cookie is ours: by its name, byte for byte, and what the upstream gets of the field.

use super::{HOST, SESSION, STORES, home, plain, with_line};
use crate::support::{Ask, Browser, Gateway, PORTAL, Setup};

/// Names that look like the session's, and are not.
const LOOKALIKES: [&str; 26] = [
    "session",
    "portcullis-s",
    "portcullis",
    "s",
    "__host-portcullis-s",
    "__HOST-portcullis-s",
    "__HoSt-portcullis-s",
    "__Secure-portcullis-s",
    "__Http-portcullis-s",
    "__Host-Http-portcullis-s",
    "__Host-Portcullis-s",
    "__Host-portcullis-S",
    "__Host-portcullis_s",
    "__Host-portcullis-s-",
    "__Host-portcullis-s-0",
    "__Host-portcullis-s ",
    "__Host-portcullis-s\t",
    "\u{a0}__Host-portcullis-s",
    "\u{2003}__Host-portcullis-s",
    "\u{3000}__Host-portcullis-s",
    "\u{feff}__Host-portcullis-s",
    "\u{85}__Host-portcullis-s",
    "\u{200b}__Host-portcullis-s",
    "\"__Host-portcullis-s\"",
    "__Host-portcullis-s\u{a0}",
    "__Host-%70ortcullis-s",
];

#[tokio::test]
async fn i07_i09_no_other_name_is_the_session_s() {
    for store in STORES {
        let gateway = Gateway::with(store(Setup::default())).await;
        let mut mallory = Browser::signed_in(&gateway, &home()).await;
        gateway.provider.turn(|knobs| knobs.person["sub"] = "00u2".into());
        let mut victim = Browser::signed_in(&gateway, &home()).await;
        let tossed = mallory.cookies(HOST)[SESSION].clone();
        let own = victim.cookies(HOST)[SESSION].clone();
        for name in LOOKALIKES {
            // A value that is good under the right name. Alone it makes nobody of the visitor.
            let answer = with_line(&gateway, &format!("{name}={tossed}")).await;
            answer.refused(401, "no_credentials");
            // Beside the victim's session, before and behind it, it changes nothing.
            for line in [
                format!("{name}={tossed}; {SESSION}={own}"),
                format!("{SESSION}={own}; {name}={tossed}"),
            ] {
                let answer = with_line(&gateway, &line).await;
                assert_eq!(answer.granted().set["x-user-id"], "00u2", "{name:?}");
            }
        }
    }
}

#[tokio::test]
async fn i09_a_sibling_s_cookie_with_a_comma_is_not_believed_from_a_browser() {
    let gateway = Gateway::new().await;
    let mut mallory = Browser::signed_in(&gateway, &home()).await;
    let tossed = mallory.cookies(HOST)[SESSION].clone();
    let line = format!("a=b,{SESSION}={tossed}; c=d");
    let browsers = [
        Ask::get(&home()).fetch(),
        Ask::get(&home()).header("sec-fetch-site", "none"),
        Ask::get(&home())
            .header("user-agent", "Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/78.0"),
    ];
    for ask in browsers {
        let answer = gateway.ask(ask.header("cookie", &line)).await;
        answer.refused(401, "no_credentials");
    }
    // What Envoy makes of the several lines of an HTTP/1.1 program.
    with_line(&gateway, &line).await.granted();
}

#[tokio::test]
async fn i09_where_the_portal_is_not_secure_its_names_are_others() {
    let setup = Setup::default().setting("cookies", "{secure: 'false'}");
    let plain_http = Gateway::with(setup).await;
    let mut browser = Browser::signed_in(&plain_http, &home()).await;
    let jar = browser.cookies(HOST).clone();
    assert!(jar.contains_key("portcullis-s") && !jar.keys().any(|name| name.starts_with("__")));
    let value = &jar["portcullis-s"];
    // A session of such a name counts nothing where the portal is secure, nor the other way round.
    let answer = with_line(&plain_http, &format!("{SESSION}={value}")).await;
    answer.refused(401, "no_credentials");
    let secure = plain_http.restarted(Setup::default()).await;
    with_line(&secure, &format!("portcullis-s={value}")).await.refused(401, "no_credentials");
}

#[tokio::test]
async fn i14_secure_is_where_the_portal_is_on_https_or_under_localhost() {
    let cases = [
        ("auto", "http://portal.petstore.localhost:10000", true),
        ("auto", "https://portal.example", true),
        ("auto", "http://portal.example", false),
        ("auto", "http://localhost.example", false),
        ("'true'", "http://portal.example", true),
        ("'false'", "https://portal.example", false),
    ];
    for (secure, url, want) in cases {
        let host = url.split_once("://").expect("a URL").1.trim_end_matches(":10000");
        let setup = Setup::default()
            .edit("http://portal.petstore.localhost:10000/", &format!("{url}/"))
            .edit("domains: [portal.petstore.localhost,", &format!("domains: [{host},"))
            .setting("cookies", &format!("{{secure: {secure}}}"));
        let gateway = Gateway::with(setup).await;
        let answer = gateway.ask(Ask::get(&format!("{url}/")).navigate()).await;
        answer.sent_to(&gateway.provider.issuer, "no_credentials");
        // The attributes go by the name: that is judged with every answer.
        let start = if want { "__Host-portcullis-l-" } else { "portcullis-l-" };
        let cookies = answer.set_cookies();
        assert!(cookies.len() == 1 && cookies[0].starts_with(start), "{secure} {url}: {cookies:?}");
    }
}

#[tokio::test]
async fn i08_the_same_name_twice_counts_if_both_are_one() {
    let gateway = Gateway::new().await;
    let one = Browser::signed_in(&gateway, &home()).await.cookies(HOST)[SESSION].clone();
    let other = Browser::signed_in(&gateway, &home()).await.cookies(HOST)[SESSION].clone();
    for different in [
        format!("{SESSION}={one}; {SESSION}={other}"),
        format!("{SESSION}={other}; a=b; {SESSION}={one}"),
        format!("{SESSION}={one}; {SESSION}="),
        format!("{SESSION}={one}; {SESSION}"),
        format!("{SESSION}={one}; {SESSION}={one}x"),
        format!("{SESSION}={one}; {SESSION}={one}; {SESSION}={other}"),
        format!("{SESSION}={one},{SESSION}={other}"),
    ] {
        let answer = with_line(&gateway, &different).await;
        answer.refused(401, "invalid_session");
        let cleared = answer.set_cookies();
        assert_eq!(cleared.len(), 1, "{cleared:?}");
        assert!(
            cleared[0].starts_with(&format!("{SESSION}=;")) && cleared[0].contains("Max-Age=0")
        );
        // To a browser, what stands behind a comma is part of the first one's value.
        if !different.contains(',') {
            let page = Ask::get(&home()).navigate().header("cookie", &different);
            gateway.ask(page).await.sent_to(&gateway.provider.issuer, "invalid_session");
        }
    }
    for equal in [
        format!("{SESSION}={one}; {SESSION}={one}"),
        format!("{SESSION}={one};{SESSION}={one};{SESSION}={one}"),
        format!("a=b,{SESSION}={one},c=d"),
        format!("{SESSION}={one},{SESSION}={one}"),
    ] {
        with_line(&gateway, &equal).await.granted();
    }
}

#[tokio::test]
async fn i19_ours_stay_here_and_the_others_go_on_byte_for_byte() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    let session = browser.cookies(HOST)[SESSION].clone();
    let others = [
        "theme=dark",
        "a=1; b=2",
        "a=1; b=2,3; c=\"x y\"",
        "a==b=; b; =c",
        "a=\u{e4}\u{1f600}; \u{e4}=b",
        "a=%41+b; B=[{\"x\":1}]",
        "a=tab\tin it; b=2",
        "portcullisx=1; xportcullis-s=2; Portcullis-s=3",
    ];
    for other in others {
        for line in [
            format!("{SESSION}={session}; {other}"),
            format!("{other}; {SESSION}={session}"),
            format!("{other}; __Host-portcullis-l-abc=x; {SESSION}={session}; portcullis-q=1"),
            format!(
                "portcullis=1; __Secure-portcullis-s=x; {other}; __hOST-portcullis-s=y; {SESSION}={session}"
            ),
        ] {
            let answer = with_line(&gateway, &line).await;
            assert_eq!(answer.granted().set["cookie"], other, "{line}");
        }
        // Where none is ours, the field is not touched.
        let answer = gateway
            .ask(Ask::get(&home()).context("access", "public").header("cookie", other))
            .await;
        assert!(answer.allowed && !answer.set.contains_key("cookie"), "{other}");
        assert!(!answer.removed.contains("cookie"), "{other}");
    }
    let answer = plain(&gateway, &browser).await;
    assert!(answer.granted().removed.contains("cookie"), "nothing but ours is left");
    // Nor do they pass where nobody is asked for, or beside a bearer.
    let line = format!("a=b; {SESSION}={session}");
    let public = Ask::get(&home()).context("access", "public").header("cookie", &line);
    let token = gateway.provider.id_token(&serde_json::json!({}));
    let bearer = Ask::get(&format!("{PORTAL}/x")).bearer(&token).header("cookie", &line);
    for ask in [public, bearer] {
        let answer = gateway.ask(ask).await;
        assert!(answer.allowed);
        assert_eq!(answer.set["cookie"], "a=b");
    }
}
