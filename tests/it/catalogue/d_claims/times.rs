//! `exp`, `nbf`, `iat`: now, and not for longer than a token lives.

use super::Kinds;
use crate::support::{Browser, PORTAL};
use serde_json::json;

#[tokio::test]
async fn d15_an_expiry_that_is_no_time_or_is_over_is_refused() {
    let kinds = Kinds::new().await;
    for raw in [
        "-",
        "null",
        "-1",
        "-1.5",
        "1e300",
        "1e400",
        "-1e400",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "\"$\"",
        "\"1900000000\"",
        "\"\"",
        "[1900000000]",
        "{}",
        "true",
        "false",
        "NaN",
        "Infinity",
        "0x7fffffff",
    ] {
        kinds.refused("exp", raw).await;
    }
    for raw in ["0", "0.5", "1", "-0", "1e-300", "$-3660", "$-3660.5", "$-3661"] {
        kinds.refused_as("expired_token", "exp", raw).await;
    }
    kinds.taken("exp", "$.5").await;
}

#[tokio::test]
async fn d16_an_expiry_farther_away_than_tokens_live_is_refused() {
    let kinds = Kinds::new().await;
    // 24 h from the time of issue, and the skew; the right expiry is 1 h from it.
    for raw in [
        "1e18",
        "1e19",
        "18446744073709551615",
        "9223372036854775807",
        "9007199254740993",
        "253402300800",
        "4294967296",
        "$+82861",
        "$+8640000",
    ] {
        kinds.refused("exp", raw).await;
    }
    // However far back the time of issue is moved.
    kinds.refused("iat", "0").await;
    kinds.refused("iat", "$-82861").await;
    kinds.taken_access_token("exp", "$+82860").await;
}

#[tokio::test]
async fn d20_a_token_that_does_not_say_when_it_was_issued_is_refused() {
    let kinds = Kinds::new().await;
    for raw in [
        "-",
        "null",
        "\"$\"",
        "\"1800000000\"",
        "\"\"",
        "-1",
        "-1800000000",
        "1e300",
        "[]",
        "{}",
        "true",
    ] {
        kinds.refused("iat", raw).await;
    }
    for raw in
        ["null", "\"$\"", "\"1700000000\"", "-1", "1e300", "[]", "[1700000000]", "{}", "false"]
    {
        kinds.refused("nbf", raw).await;
        kinds.refused_id_token("invalid_token", "auth_time", raw).await;
    }
}

#[tokio::test]
async fn d21_a_token_of_the_future_is_refused() {
    let kinds = Kinds::new().await;
    for raw in ["$+61", "$+60.5", "$+3600", "$+100000", "18446744073709551615", "1e18"] {
        kinds.refused("iat", raw).await;
    }
    kinds.taken("iat", "$+59.5").await;
    kinds.taken("iat", "$+60").await;
    kinds.refused("nbf", "100000000000").await;
    kinds.refused("nbf", "18446744073709551615").await;
}

#[tokio::test]
async fn d22_an_id_token_from_the_token_endpoint_that_was_issued_long_ago_is_refused() {
    let kinds = Kinds::new().await;
    let (gateway, home) = (&kinds.ways.gateway, format!("{PORTAL}/home"));
    let start = format!("{}/authorize", gateway.provider.issuer);
    for (age, taken) in [(660, true), (661, false), (3000, false)] {
        let issued_at = |now: u64| json!({"iat": now - age, "exp": now + 3600});
        gateway.later(61);
        gateway.provider.turn(|knobs| knobs.id_token = issued_at(gateway.clock.now().0));
        let mut browser = Browser::default();
        let url = browser.callback(gateway, &home).await;
        let answer = browser.load(gateway, &url).await;
        if taken {
            assert_eq!((answer.status, answer.location()), (302, "/home"), "{age}");
            browser.load(gateway, &home).await.granted();
        } else {
            assert!(answer.refused(400, "bad_callback").is_page());
            assert!(answer.body.contains("href=\"/.auth/login\""), "a link that starts again");
            browser.load(gateway, &home).await.sent_to(&start, "no_credentials");
        }
        // A refresh has to bring a fresh token as well (OpenID Connect Core 1.0 §12.2).
        gateway.provider.turn(|knobs| knobs.id_token = json!({}));
        gateway.later(61);
        let mut browser = Browser::signed_in(gateway, &home).await;
        gateway.later(3661);
        gateway.provider.turn(|knobs| knobs.refreshed = issued_at(gateway.clock.now().0));
        let answer = browser.load(gateway, &home).await;
        gateway.provider.turn(|knobs| knobs.refreshed = json!({}));
        if taken {
            answer.granted();
        } else {
            answer.sent_to(&start, "invalid_session");
        }
    }
    // What a client shows may be as old as tokens live.
    kinds.taken_access_token("iat", "$-3000").await;
    let now = gateway.clock.now().0;
    let token = gateway.provider.id_token(&json!({"iat": now - 3000, "exp": now + 600}));
    let ask = crate::support::Ask::get(&format!("{PORTAL}/home")).bearer(&token);
    gateway.ask(ask).await.granted();
}
