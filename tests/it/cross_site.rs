//! Requests that another site makes a browser send: which of them a session vouches for.

use crate::support::{API, Ask, Browser, Gateway, PORTAL};

const EVIL: &str = "http://evil.localhost:10000";

async fn both(gateway: &Gateway) -> Browser {
    let mut browser = Browser::signed_in(gateway, &format!("{PORTAL}/")).await;
    browser.visit(gateway, &format!("{API}/pets")).await.1.granted();
    browser
}

/// Every pair of what Fetch Metadata and `Origin` can say, for every method and an upgrade.
#[tokio::test]
async fn an_unsafe_request_passes_with_evidence_alone() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    let sites = [
        (None, false),
        (Some("same-origin"), true),
        (Some("none"), true),
        (Some("same-site"), false),
        (Some("cross-site"), false),
        (Some(""), false),
        (Some("Same-Origin"), false),
        (Some("same-origin "), false),
        (Some("same-origin,same-origin"), false),
        (Some("cross-site,same-origin"), false),
        (Some("true"), false),
    ];
    let all = [
        ("POST", false),
        ("GET", true),
        ("GET", false),
        ("PUT", false),
        ("PATCH", false),
        ("DELETE", false),
        ("POST", true),
        ("HEAD", false),
        ("OPTIONS", false),
    ];
    for host in [PORTAL, API] {
        let origins = [
            (None, false),
            (Some(host.to_owned()), true),
            (Some(PORTAL.to_owned()), true),
            // Another API of the same Portal is no page of the Portal.
            (Some(API.to_owned()), host == API),
            (Some(EVIL.to_owned()), false),
            (Some("null".to_owned()), false),
            (Some(String::new()), false),
            (Some("*".to_owned()), false),
            (Some(format!("{host}/")), false),
            (Some(host.to_uppercase()), false),
            (Some(host.replace(":10000", ".:10000")), false),
            (Some(host.replace(":10000", "")), false),
            (Some(host.replace(":10000", ":8443")), false),
            (Some(host.replace(":10000", ":010000")), false),
            (Some(host.replace("http:", "https:")), false),
            (Some(host.replace("://", "://x.")), false),
            (Some(format!("{host}.evil.localhost")), false),
            (Some(host.replace("://", "://evil@")), false),
            (Some(format!("{host},{EVIL}")), false),
            (Some(format!("{host} {host}")), false),
            (Some(format!(" {host}")), false),
            (Some(host.trim_start_matches("http://").to_owned()), false),
        ];
        for (site, says_so) in sites {
            for (origin, trusted) in &origins {
                // Where neither is odd, every method; else those that differ most.
                let plain =
                    origin.as_ref().is_none_or(|origin| [PORTAL, API, EVIL].contains(&&**origin));
                let methods = if plain { all.as_slice() } else { &all[..2] };
                for (method, upgrades) in methods.iter().copied() {
                    let mut ask = Ask::get(&format!("{host}/pets")).method(method);
                    if let Some(site) = site {
                        ask = ask.header("sec-fetch-site", site);
                    }
                    if let Some(origin) = origin {
                        ask = ask.header("origin", origin);
                    }
                    if upgrades {
                        ask = ask.header("upgrade", "websocket").header("connection", "Upgrade");
                    }
                    let answer = gateway.ask(browser.dress(ask)).await;
                    let safe = !upgrades && ["GET", "HEAD", "OPTIONS"].contains(&method);
                    let want = if safe || says_so || *trusted { "granted" } else { "cross_site" };
                    assert_eq!(
                        answer.reason(),
                        want,
                        "{host} {method} {upgrades} {site:?} {origin:?}"
                    );
                    if want == "cross_site" && method != "HEAD" {
                        answer.refused(403, "cross_site");
                    }
                }
            }
        }
    }
    // A bearer is no ambient authority: no evidence is asked for.
    let token = gateway.provider.id_token(&serde_json::json!({}));
    let ask =
        Ask::post(&format!("{API}/pets")).header("sec-fetch-site", "cross-site").bearer(&token);
    gateway.ask(ask.header("origin", EVIL)).await.granted();
}

#[tokio::test]
async fn a_preflight_that_reaches_us_gets_no_identity_on_no_path() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    for origin in [EVIL, PORTAL, API, "null"] {
        for path in [
            "/pets",
            "/.auth/userinfo",
            "/.auth/logout",
            "/.auth/login",
            "/.auth/backchannel-logout",
        ] {
            for host in [PORTAL, API] {
                let ask = || {
                    Ask::get(&format!("{host}{path}"))
                        .method("OPTIONS")
                        .header("origin", origin)
                        .header("access-control-request-method", "POST")
                };
                // No browser sends a cookie along; somebody else may.
                for ask in
                    [ask(), browser.dress(ask()), ask().header("sec-fetch-site", "same-origin")]
                {
                    let answer = gateway.ask(ask).await;
                    answer.refused(403, "no_credentials");
                    let cors = |(name, _): &(String, String)| name.starts_with("access-control-");
                    assert!(!answer.headers.iter().any(cors) && answer.set_cookies().is_empty());
                }
            }
        }
    }
}

#[tokio::test]
async fn userinfo_is_for_our_own_pages() {
    let gateway = Gateway::new().await;
    let browser = both(&gateway).await;
    for host in [PORTAL, API] {
        let userinfo = || browser.dress(Ask::get(&format!("{host}/.auth/userinfo")));
        let own = [
            userinfo().fetch(),
            userinfo(),
            userinfo().navigate(),
            userinfo().navigate().header("sec-fetch-site", "cross-site"),
            userinfo().fetch().header("sec-fetch-site", "same-site").header("origin", PORTAL),
        ];
        for ask in own {
            let answer = gateway.ask(ask).await;
            assert_eq!((answer.status, answer.reason()), (200, "endpoint"));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            let cors = |(name, _): &(String, String)| name.starts_with("access-control-");
            assert!(!answer.headers.iter().any(cors), "whom it is shown to says the gateway");
        }
        let embedded = |site: &str, mode: &str, destination: &str| {
            userinfo()
                .header("sec-fetch-site", site)
                .header("sec-fetch-mode", mode)
                .header("sec-fetch-dest", destination)
        };
        let foreign = [
            embedded("cross-site", "no-cors", "script"),
            embedded("same-site", "no-cors", "script"),
            embedded("same-site", "no-cors", "image"),
            embedded("same-site", "cors", "empty").header("origin", EVIL),
            embedded("cross-site", "cors", "empty").header("origin", "null"),
            embedded("same-site", "navigate", "iframe"),
            embedded("cross-site", "navigate", "object"),
        ];
        for ask in foreign {
            let answer = gateway.ask(ask).await;
            answer.refused(403, "cross_site");
            assert!(!answer.body.contains("ann@example.com"));
        }
    }
}

/// Another site may send somebody to a login; where it ends is ours to say.
#[tokio::test]
async fn a_login_that_another_site_begins_ends_at_a_place_of_ours() {
    let gateway = Gateway::new().await;
    for (return_to, want) in [("/pets", "/pets"), (EVIL, "/"), ("//evil.localhost", "/"), (API, "")]
    {
        let url = format!(
            "{PORTAL}/.auth/login?return_to={return_to}&login_hint=mallory&sessionToken=x&prompt=none"
        );
        let mut browser = Browser::default();
        let ask = Ask::get(&url)
            .navigate()
            .header("sec-fetch-site", "cross-site")
            .header("referer", EVIL);
        let answer = browser.send(&gateway, ask).await;
        answer.sent_to(&format!("{}/authorize", gateway.provider.issuer), "no_credentials");
        for smuggled in ["mallory", "login_hint", "sessionToken", "prompt", "evil"] {
            assert!(!answer.location().contains(smuggled), "{smuggled}");
        }
        let callback = browser.next(&gateway, &url, &answer);
        let want = if return_to == API { format!("{API}/") } else { want.to_owned() };
        assert_eq!(browser.load(&gateway, &callback).await.location(), want);
    }
    // The end of a login that began in another browser signs nobody in.
    let mut mallory = Browser::default();
    let callback = mallory.callback(&gateway, &format!("{PORTAL}/.auth/login")).await;
    let mut victim = Browser::default();
    let answer = victim.load(&gateway, &callback).await;
    answer.refused(400, "bad_callback");
    assert!(answer.set_cookies().is_empty());
    // Nor into a browser that has a session: it stays who it is.
    let mut victim = both(&gateway).await;
    victim.load(&gateway, &callback).await.refused(400, "bad_callback");
    victim.load(&gateway, &format!("{PORTAL}/")).await.granted();
}
