//! Members of the header: `alg`, `kid`, `typ`, and nothing else.

use super::{refused, taken};
use crate::support::token::{Signer, b64};
use crate::support::{API, Ask, Browser, Gateway, PORTAL, Ways};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A right header but for this further member.
async fn refuses_member(ways: &Ways, member: &str) {
    refused(ways, &format!(r#"{{"alg":"ES256","kid":"key-1",{member}}}"#)).await;
}

/// Somewhere that nobody may call: how often it was.
async fn trap() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (format!("http://{address}/keys"), calls)
}

/// No URL of the header is followed, not even to where the keys really are.
async fn follows_no_url(member: &str) {
    let (url, calls) = trap().await;
    let ways = Ways::new().await;
    let real = format!("{}/keys", ways.gateway.provider.issuer);
    for url in [url.as_str(), "http://169.254.169.254/", &real, "file:///etc/passwd", "", "//x"] {
        refuses_member(&ways, &format!(r#""{member}":"{url}""#)).await;
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0, "{member} was followed");
    // A service of its own, whose clock stands still: nothing but such tokens could make it fetch.
    let gateway = Gateway::new().await;
    let before = fetches(&gateway);
    for url in [&url, &real] {
        let header = json!({"alg": "ES256", "kid": "key-1", member: url});
        sends_in_each_way(&gateway, &header).await;
    }
    assert_eq!(fetches(&gateway), before, "{member} made it fetch");
    assert_eq!(calls.load(Ordering::SeqCst), 0, "{member} was followed");
}

fn fetches(gateway: &Gateway) -> [usize; 2] {
    [
        gateway.provider.calls("/keys", ""),
        gateway.provider.calls("/.well-known/openid-configuration", ""),
    ]
}

/// A token with this header, as a bearer and at the callback.
async fn sends_in_each_way(gateway: &Gateway, header: &Value) {
    let (signer, header) = (gateway.provider.signer(), header.clone());
    let token = signer.sign_as(&header, &gateway.provider.bearer_claims(&json!({})));
    let bearer = gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
    bearer.refused(401, "invalid_token");
    gateway.provider.turn(|knobs| {
        knobs.forge_login = Some(Arc::new(move |claims| signer.sign_as(&header, &claims)));
    });
    let mut browser = Browser::default();
    let url = browser.callback(gateway, &format!("{PORTAL}/home")).await;
    browser.load(gateway, &url).await.refused(400, "bad_callback");
}

#[tokio::test]
async fn a26_jku_is_refused_and_not_followed() {
    follows_no_url("jku").await;
}

#[tokio::test]
async fn a27_x5u_is_refused_and_not_followed() {
    follows_no_url("x5u").await;
}

#[tokio::test]
async fn a29_certificates_in_the_header_are_refused() {
    let ways = Ways::new().await;
    let certificate = rcgen::generate_simple_self_signed(["evil.example".to_owned()]);
    let der = certificate.expect("a certificate").cert.der().to_vec();
    let chain = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    for member in [
        format!(r#""x5c":["{chain}"]"#),
        format!(r#""x5c":["{chain}","{chain}"]"#),
        format!(r#""x5c":"{chain}""#),
        r#""x5c":[]"#.to_owned(),
        r#""x5c":null"#.to_owned(),
        r#""x5t":"AAAAAAAAAAAAAAAAAAAAAAAAAAA""#.to_owned(),
        r#""x5t#S256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#.to_owned(),
    ] {
        refuses_member(&ways, &member).await;
    }
}

#[tokio::test]
async fn a29_a_key_in_the_header_is_refused() {
    let ways = Ways::new().await;
    let evil = Signer::new("key-1");
    let jwk = evil.jwk();
    let header = json!({"alg": "ES256", "kid": "key-1", "jwk": jwk});
    ways.refused("another key", move |claims| evil.sign_as(&header, &claims)).await;
    let own = ways.gateway.provider.signer().jwk();
    for value in [own.to_string(), "{}".to_owned(), "null".to_owned(), "\"key-1\"".to_owned()] {
        refuses_member(&ways, &format!(r#""jwk":{value}"#)).await;
    }
}

#[tokio::test]
async fn a29_members_of_other_standards_and_unknown_ones_are_refused() {
    let ways = Ways::new().await;
    for member in [
        r#""enc":"A128GCM""#,
        r#""zip":"DEF""#,
        r#""cty":"JWT""#,
        r#""epk":{}"#,
        r#""apu":"AA""#,
        r#""p2c":1000000"#,
        r#""p2s":"AA""#,
        r#""iv":"AA""#,
        r#""tag":"AA""#,
        r#""url":"x""#,
        r#""nonce":"n""#,
        r#""iss":"x""#,
        r#""svt":"x""#,
        r#""zz":1"#,
        r#""":1"#,
        r#""KID":"key-1""#,
        r#""TYP":"JWT""#,
        r#""typ ":"JWT""#,
        r#""__proto__":{"alg":"none"}"#,
        r#""constructor":{"alg":"none"}"#,
    ] {
        refuses_member(&ways, member).await;
    }
}

#[tokio::test]
async fn a31_crit_is_refused_whatever_it_says() {
    let ways = Ways::new().await;
    for value in [
        "[]",
        "null",
        "{}",
        "true",
        "0",
        r#""""#,
        r#""b64""#,
        r#"["b64"]"#,
        r#"["exp"]"#,
        r#"["alg"]"#,
        r#"["kid"]"#,
        r#"["typ"]"#,
        r#"["crit"]"#,
        r#"["zz"]"#,
        r#"["alg","alg"]"#,
        "[null]",
        "[1]",
        "[[]]",
    ] {
        refuses_member(&ways, &format!(r#""crit":{value}"#)).await;
    }
    refuses_member(&ways, r#""c\u0072it":[]"#).await;
    refuses_member(&ways, r#""exp":9999999999,"crit":["exp"]"#).await;
}

#[tokio::test]
async fn a32_an_unencoded_payload_is_refused_and_so_is_the_offer_of_one() {
    let ways = Ways::new().await;
    for member in [
        r#""b64":false,"crit":["b64"]"#,
        r#""crit":["b64"],"b64":false"#,
        r#""b64":true,"crit":["b64"]"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""b64":"false""#,
    ] {
        let header = format!(r#"{{"alg":"ES256","kid":"key-1",{member}}}"#);
        refused(&ways, &header).await;
        // RFC 7797 §3: the payload stands there as it is, and is signed so. (As one with a comma, a
        // bearer is two values: 400.)
        let signer = ways.gateway.provider.signer();
        let what = format!("{member}, not encoded");
        ways.refused(&what, move |claims| {
            let payload = json!({"iss": claims["iss"]});
            let signed = format!("{}.{payload}", b64(header.as_bytes()));
            format!("{signed}.{}", b64(&signer.signature(signed.as_bytes())))
        })
        .await;
    }
}

#[tokio::test]
async fn a32_a_detached_payload_is_refused() {
    let ways = Ways::new().await;
    let signer = ways.gateway.provider.signer();
    ways.refused("detached", move |claims| {
        let token = signer.sign(&claims);
        let parts: Vec<&str> = token.split('.').collect();
        format!("{}..{}", parts[0], parts[2])
    })
    .await;
}

#[tokio::test]
async fn a29_typ_tells_kinds_apart_and_an_unknown_one_is_refused() {
    let ways = Ways::new().await;
    for typ in ["JWT", "jwt", "application/jwt", "APPLICATION/JWT"] {
        taken(&ways, &format!(r#"{{"alg":"ES256","kid":"key-1","typ":"{typ}"}}"#)).await;
    }
    for typ in [
        r#""at+jwt""#,
        r#""logout+jwt""#,
        r#""global-token-revocation+jwt""#,
        r#""dpop+jwt""#,
        r#""JWE""#,
        r#""JOSE""#,
        r#""JWS""#,
        r#""secevent+jwt""#,
        r#""JWT ""#,
        r#""""#,
        "null",
        "1",
        r#"["JWT"]"#,
        "{}",
    ] {
        refuses_member(&ways, &format!(r#""typ":{typ}"#)).await;
    }
}
