//! What is replaced, form by form, and what of other hosts is kept.

use super::Visit;
use crate::support::{API, PORTAL};

#[tokio::test]
async fn h01_several_slashes_begin_a_host() {
    let visit = Visit::new().await;
    for bad in ["//evil", "///evil", "////evil", "/////evil", "//evil/a?b#c", "/\\evil", "\\\\evil"]
    {
        visit.replaced(bad).await;
    }
}

#[tokio::test]
async fn h04_white_space_and_control_characters_vanish_in_a_browser() {
    let visit = Visit::new().await;
    let bad = [
        "/\t/evil",
        "/%09/evil",
        "/\n/evil",
        "/\r/evil",
        "/\u{b}/evil",
        "/\u{c}/evil",
        " /evil",
        " //evil",
        "\t//evil",
        "\u{0}//evil",
        "/ /evil",
        "/\u{a0}/evil",
        "/\u{2028}/evil",
        "/\u{feff}/evil",
        "/a\u{0}",
        "/%0a/evil",
        "/%0d%0aSet-Cookie:x",
        "/a b",
        "/\u{ff0f}evil",
        "/%00/evil",
        "/\u{7f}/evil",
    ];
    for bad in bad {
        visit.replaced(bad).await;
    }
}

#[tokio::test]
async fn h05_other_schemes_are_nowhere() {
    let visit = Visit::new().await;
    let bad = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java%0ascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:http://portal.petstore.localhost:10000/a",
        "about:blank",
        "view-source:http://portal.petstore.localhost:10000/",
        "ftp://portal.petstore.localhost/",
        "ws://portal.petstore.localhost:10000/",
        "javascript://portal.petstore.localhost:10000/%0aalert(1)",
    ];
    for bad in bad {
        visit.replaced(bad).await;
    }
}

#[tokio::test]
async fn h06_half_written_urls_are_nowhere() {
    let visit = Visit::new().await;
    let bad = [
        "https:evil",
        "https:/evil",
        "http:evil",
        "http:/evil",
        "http:///evil",
        "http:////evil",
        "//evil:443",
        "//[::1]",
        "//[::1]:10000/",
        "http:",
        "http:/",
        "http://",
        "evil",
        "evil/a",
        "",
        "?a",
        "#a",
        ".",
        "..",
        "http:portal.petstore.localhost:10000/",
        "http:/portal.petstore.localhost:10000/",
        "http:///portal.petstore.localhost:10000/",
        "//portal.petstore.localhost:10000/",
        "http:\\\\portal.petstore.localhost:10000/",
        "://portal.petstore.localhost:10000/",
    ];
    for bad in bad {
        visit.replaced(bad).await;
    }
}

#[tokio::test]
async fn h07_of_other_origins_the_closed_set_is_kept_and_no_other() {
    let visit = Visit::new().await;
    let name = "portal.petstore.localhost";
    let bad = [
        format!("http://{name}:10000@evil/"),
        format!("http://{name}:10000.evil/"),
        format!("http://{name}.evil/"),
        format!("http://evil/{name}:10000/"),
        format!("http://evil\\@{name}:10000/"),
        "https://evil/".to_owned(),
        format!("http://evil@{name}:10000/"),
        format!("http://:@{name}:10000/"),
        format!("http://@{name}:10000/"),
        format!("https://{name}:10000/"),
        format!("http://{name}:8443/"),
        format!("http://{name}/"),
        format!("http://{name}:80/"),
        format!("http://{name}.:10000/"),
        format!("http://a.{name}:10000/"),
        format!("http://{name}%2eevil:10000/"),
        format!("http://{name}:10000%2eevil/"),
        format!("http://{name}:1000/"),
        format!("http://{name}:100000/"),
        format!("http://{name}:10000//evil"),
        format!("http://{name}:10000/..//evil"),
        "http://localhost:10000/".to_owned(),
        "http://127.0.0.1:10000/".to_owned(),
        format!("http://{name}:10000\\.evil/"),
        format!("http://{name}:10000\t.evil/"),
        format!("http://{name}:10000/.auth/logout"),
        format!("{API}/.auth/login"),
        format!("{API}/.%61uth/login"),
    ];
    for bad in bad {
        visit.replaced(&bad).await;
    }
    visit.kept(&format!("{API}/pets?limit=1#a")).await;
    visit.kept(&format!("{PORTAL}/a")).await;
    // The origin is written as there is one way to read it.
    visit.leads_to(PORTAL, &format!("{PORTAL}/")).await;
    visit.leads_to(&format!("{}?a", API.to_uppercase()), &format!("{API}/?a")).await;
    // From the API's host it is the same set.
    for (return_to, want) in [
        (format!("{PORTAL}/a"), format!("{PORTAL}/a")),
        ("/pets".to_owned(), "/pets".to_owned()),
        ("https://evil/".to_owned(), "/".to_owned()),
        (format!("http://{name}:8443/"), "/".to_owned()),
        (format!("{PORTAL}/callback?code=a&state=b"), "/".to_owned()),
        (format!("{PORTAL}/%63allback?code=a&state=b"), "/".to_owned()),
        (format!("{PORTAL}/.auth/logout"), "/".to_owned()),
    ] {
        assert_eq!(visit.with_session(API, &return_to).await, want, "{return_to}");
        assert_eq!(visit.after("login", API, &return_to).await, want, "{return_to}");
    }
}

#[tokio::test]
async fn h09_dot_segments_and_encodings_hide_a_host() {
    let visit = Visit::new().await;
    let bad = [
        "/..//evil",
        "/a/../..//evil",
        "/.//evil",
        "/..%2f%2fevil",
        "/%2f%2fevil",
        "/%2e%2e//evil",
        "/a/%2e%2e/b",
        "/%5cevil",
        "/%5c%5cevil",
        "/%252f%252fevil",
        "/%25252f%25252fevil",
        "/a/..",
        "/a/.",
        "/./a",
        "/a//b",
        "/%2F/evil",
        "/a%2f..%2f..%2f%2fevil",
        "/\\/evil",
        "/%",
        "/a%c0%af",
        "/%e2%80%a8/evil",
    ];
    for bad in bad {
        // A lone percent sign decodes to itself.
        if bad == "/%" {
            visit.kept(bad).await;
        } else {
            visit.replaced(bad).await;
        }
    }
}

#[tokio::test]
async fn h10_what_is_longer_than_2048_bytes_is_replaced() {
    let visit = Visit::new().await;
    let of = |length: usize| format!("/{}", "a".repeat(length - 1));
    visit.replaced(&of(2049)).await;
    visit.replaced(&of(3000)).await;
    visit.replaced(&format!("/?{}", "a".repeat(2048))).await;
    visit.replaced(&format!("{API}/{}", "a".repeat(2048))).await;
    visit.kept(&of(2048)).await;
}

#[tokio::test]
async fn h07_none_of_our_own_endpoints_is_a_place_to_go_and_two_wishes_are_none() {
    let visit = Visit::new().await;
    let own = [
        "/.auth",
        "/.auth/",
        "/.auth/logout",
        "/.auth/login?return_to=/a",
        "/.%61uth/logout",
        "/%2eauth/logout",
        "/%2Eauth/login",
        "/callback",
        "/callback?code=a&state=b",
        "/%63allback?code=a",
        "/callback/x",
    ];
    for bad in own {
        visit.replaced(bad).await;
    }
    visit.kept("/callbacks").await;
    let twice = format!("{PORTAL}/.auth/login?return_to=/a&return_to=/b");
    let ask = visit.browser.dress(crate::support::Ask::get(&twice).navigate());
    assert_eq!(visit.gateway.ask(ask).await.location(), "/");
}
