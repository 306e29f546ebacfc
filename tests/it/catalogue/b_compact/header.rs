//! The Authorization header, and what stands beside it.

use super::pets;
use crate::support::{API, Browser, Gateway};
use serde_json::json;

#[tokio::test]
async fn b17_a_bearer_is_the_scheme_one_space_and_a_token() {
    let gateway = Gateway::new().await;
    let good = gateway.provider.id_token(&json!({}));
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let value = format!("{scheme} {good}");
        gateway.ask(pets().header("authorization", &value)).await.granted();
        let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
        gateway.later(61);
        for (separator, end) in [
            ("", ""),
            (" ", ""),
            ("  ", ""),
            ("  ", &*good),
            ("\t", &good),
            (" \t", &good),
            ("\t ", &good),
            ("=", &good),
            (" =", &good),
            (": ", &good),
            (":", &good),
            ("\u{a0}", &good),
            (" \u{a0}", &good),
            ("/", &good),
            ("\"", &good),
            (" \"", &format!("{good}\"")),
            (" ", &format!("{good} ")),
            (" ", &format!("{good} y")),
            (" ", &format!("y {good}")),
            (" ", &format!("Bearer {good}")),
            (" ", &format!("{good};")),
            (" token=", &good),
            (" ", &format!("{good}\t")),
            ("= ", &good),
            ("\u{a0} ", &good),
            (";", &good),
            ("(", &good),
        ] {
            let value = format!("{scheme}{separator}{end}");
            let ask = pets().header("authorization", &value);
            // Not by the cookie either.
            let answer = gateway.ask(browser.dress(ask)).await;
            assert_eq!(answer.status, 401, "{value:?}");
            let challenge = answer.header("www-authenticate").expect("a challenge");
            assert!(challenge.contains("error=\"invalid_token\""), "{value:?}: {challenge}");
            answer.refused(401, "invalid_token");
        }
    }
}

/// The catalogue says 401; the contract says that two values are ambiguous, 400: it is
/// not for us to say which of them counts.
#[tokio::test]
async fn b18_two_authorizations_are_ambiguous_whatever_they_say() {
    let gateway = Gateway::new().await;
    let good = format!("Bearer {}", gateway.provider.id_token(&json!({})));
    let other = format!("Bearer {}", gateway.provider.id_token(&json!({"sub": "00u2"})));
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    for (one, two) in [
        (&*good, "Bearer bad"),
        ("Bearer bad", &*good),
        (&good, &good),
        (&good, &other),
        (&good, "Basic dTpw"),
        ("Basic dTpw", &good),
        (&good, ""),
        ("", &good),
        (&good, "Bearer"),
        (&good, " "),
        ("bearer bad", "BEARER worse"),
    ] {
        for comma in [",", ", ", " ,", ",\t"] {
            let value = format!("{one}{comma}{two}");
            let ask = pets().header("authorization", &value);
            gateway.ask(ask.clone()).await.refused(400, "ambiguous_request");
            gateway.ask(browser.dress(ask)).await.refused(400, "ambiguous_request");
        }
    }
    gateway.ask(pets().header("authorization", &good)).await.granted();
}

#[tokio::test]
async fn b21_a_bearer_decides_and_the_cookie_is_not_looked_at() {
    let gateway = Gateway::new().await;
    let good = gateway.provider.id_token(&json!({"sub": "00uBearer"}));
    let signed_in = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    let spoilt = "__Host-portcullis-s=spoilt; __Host-portcullis-u=spoilt";
    for ask in [
        pets().header("cookie", spoilt),
        pets().header("cookie", "__Host-portcullis-s="),
        pets().header("cookie", ";;=;,"),
        signed_in.dress(pets()),
    ] {
        // Bearer good: as the bearer, and the cookie stays as it is.
        let answer = gateway.ask(ask.clone().bearer(&good)).await;
        answer.granted();
        assert_eq!(answer.set["x-user-id"], "00uBearer");
        assert_eq!(answer.set_cookies(), Vec::<&str>::new(), "the cookie is touched");
        // Bearer bad: refused, and the cookie stays as well.
        let answer = gateway.ask(ask.navigate().bearer("bad")).await;
        answer.refused(401, "invalid_token");
        assert_eq!(answer.set_cookies(), Vec::<&str>::new(), "the cookie is touched");
    }
    // The cookie was good all the time, and is now.
    let answer = gateway.ask(signed_in.dress(pets())).await;
    assert_eq!(answer.granted().set["x-user-id"], "00u1");
}

#[tokio::test]
async fn b23_what_is_good_elsewhere_is_no_bearer() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    let cookies = browser.cookies("api.petstore.localhost").clone();
    assert!(!cookies.is_empty(), "a session");
    for (name, value) in &cookies {
        for value in [value.clone(), format!("{name}={value}")] {
            gateway.ask(pets().bearer(&value)).await.refused(401, "invalid_token");
        }
    }
    for key in ["access-2", "refresh-1", "code-1", "hush", "0oaPetstore", "my-api-key", "dTpw"] {
        gateway.ask(pets().bearer(key)).await.refused(401, "invalid_token");
    }
    gateway.ask(browser.dress(pets())).await.granted();
}
