//! Where an ID token is expected: at the callback, at a refresh, as a bearer.

use super::{AUDIENCE, as_access_token, ways};
use crate::support::token::{Signer, with};
use crate::support::{API, Ask, Browser, CLIENT, Gateway, PORTAL, Provider, Setup, Ways};
use serde_json::{Value, json};

#[tokio::test]
async fn e01_an_access_token_is_no_id_token() {
    let ways = ways().await;
    // Even one that carries what this login sent: nonce and at_hash.
    for (what, changes) in as_access_token() {
        let signer = ways.gateway.provider.signer();
        let forge = move |claims: Value| signer.sign(&with(claims, &changes));
        // As a bearer the first one is what it is; see below.
        if what == "Okta's" {
            ways.refused_from_provider(what, forge).await;
        } else {
            ways.refused(what, forge).await;
        }
    }
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT"] {
        let signer = ways.gateway.provider.signer();
        let header = with(signer.header(), &json!({ "typ": typ }));
        ways.refused(typ, move |claims| signer.sign_as(&header, &claims)).await;
    }
    let token = ways.gateway.provider.access_token(AUDIENCE, &json!({}));
    ways.refused_from_provider("the access token itself", move |_claims| token.clone()).await;
}

#[tokio::test]
async fn e06_an_id_token_of_another_client_of_the_provider_is_refused() {
    let ways = ways().await;
    for changes in [
        json!({"aud": "0oaOther"}),
        json!({"aud": ["0oaOther"]}),
        json!({"aud": "0oaOther", "azp": "0oaOther"}),
        json!({"aud": "0oaOther", "azp": CLIENT}),
        json!({"aud": ["0oaOther", CLIENT], "azp": "0oaOther"}),
        json!({"aud": [CLIENT, "0oaOther"], "azp": CLIENT}),
        json!({"aud": CLIENT, "azp": "0oaOther"}),
    ] {
        let signer = ways.gateway.provider.signer();
        let what = changes.to_string();
        ways.refused(&what, move |claims| signer.sign(&with(claims, &changes))).await;
    }
}

/// Another Portal at the same provider, with a client of its own and the same rights.
const SECOND: &str = "apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {name: second-portal, namespace: default}
spec:
  domains: [second.petstore.localhost]
  portalUrlPrefix: http://second.petstore.localhost/
  oidcAuth:
    clientId: 0oaSecond
    clientSecret: {name: petstore-secret, namespace: default, key: client_secret}
    groupClaimKey: groups
    issuer: '{ISSUER}'
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: second-group, namespace: default}
spec:
  accessLevel: {portals: [{name: second-portal, namespace: default}]}
  oidcGroup: {groupNames: [PetstoreUsers]}
";

#[tokio::test]
async fn e06_a_client_of_ours_is_still_another_client() {
    let tokens = format!("{{audiences: ['{AUDIENCE}']}}");
    let setup = Setup::default().setting("tokens", &tokens).add(SECOND);
    let ways = Ways::with(setup).await;
    let gateway = &ways.gateway;
    assert!(gateway.problems.iter().all(|problem| !problem.is_error()), "{:?}", gateway.problems);
    let second = json!({"aud": "0oaSecond"});
    // At the first Portal's callback and refresh it is refused.
    let (signer, changes) = (gateway.provider.signer(), second.clone());
    ways.refused_from_provider("0oaSecond", move |claims| signer.sign(&with(claims, &changes)))
        .await;
    // As a bearer it is good where its own Portal vouches, and nowhere else.
    let token = gateway.provider.id_token(&second);
    let at = |url: &str| Ask::get(url).bearer(&token);
    gateway.ask(at("http://second.petstore.localhost/home")).await.granted();
    for url in [format!("{API}/pets"), format!("{PORTAL}/home")] {
        gateway.ask(at(&url)).await.refused(403, "not_granted");
    }
    // For two of our clients at once it is for neither, and an access token is for no client.
    let both = gateway.provider.id_token(&json!({"aud": ["0oaSecond", CLIENT]}));
    let access = gateway.provider.access_token("0oaSecond", &json!({}));
    for token in [both, access] {
        for url in [format!("{API}/pets"), "http://second.petstore.localhost/home".to_owned()] {
            gateway.ask(Ask::get(&url).bearer(&token)).await.refused(401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn e09_a_token_of_another_tenant_is_refused() {
    let ways = ways().await;
    // Its keys may have the name of ours.
    let tenant = Provider::start(ways.gateway.clock.clone()).await;
    let (own, other) = (&ways.gateway.provider.issuer, &tenant.issuer);
    for (what, iss) in [("its own issuer", other.clone()), ("our issuer", own.clone())] {
        let (signer, fault) = (tenant.signer(), json!({ "iss": iss }));
        ways.refused(what, move |claims| signer.sign(&with(claims, &fault))).await;
    }
    // Signed by our provider, for a tenant beside us that has the same keys.
    let (signer, fault) = (ways.gateway.provider.signer(), json!({ "iss": other }));
    ways.refused("our keys", move |claims| signer.sign(&with(claims, &fault))).await;
    assert_eq!(
        tenant.calls("/keys", "") + tenant.calls("/.well-known/openid-configuration", ""),
        0
    );
}

#[tokio::test]
async fn e12_a_token_of_a_logout_is_no_id_token() {
    let ways = ways().await;
    for typ in
        ["global-token-revocation+jwt", "logout+jwt", "LOGOUT+JWT", "secevent+jwt", "dpop+jwt"]
    {
        let signer = ways.gateway.provider.signer();
        let header = with(signer.header(), &json!({ "typ": typ }));
        ways.refused(typ, move |claims| signer.sign_as(&header, &claims)).await;
    }
    let event = "http://schemas.openid.net/event/backchannel-logout";
    for events in [json!({event: {}}), json!({}), json!([]), json!(event)] {
        let (signer, changes) = (ways.gateway.provider.signer(), json!({ "events": events }));
        ways.refused("events", move |claims| signer.sign(&with(claims, &changes))).await;
    }
    for token in [
        ways.gateway.provider.revocation_token(&json!({})),
        ways.gateway.provider.logout_token(&json!({})),
    ] {
        ways.refused("the token itself", move |_claims| token.clone()).await;
    }
}

#[tokio::test]
async fn e13_the_nonce_of_another_login_of_the_same_browser_is_refused() {
    let gateway = Gateway::new().await;
    let exchanges = || gateway.provider.calls("/token", "authorization_code");
    let mut browser = Browser::default();
    let mut pending = Vec::new();
    for page in ["a", "b"] {
        let answer = browser.load(&gateway, &format!("{PORTAL}/{page}")).await;
        let sent = url::Url::parse(answer.location()).expect("a URL");
        let nonce =
            sent.query_pairs().find(|(name, _)| name == "nonce").expect("a nonce").1.into_owned();
        pending.push((browser.next(&gateway, PORTAL, &answer), nonce));
    }
    let [(first, first_nonce), (second, second_nonce)] = &pending[..] else { panic!("two logins") };
    for (at, (callback, nonce)) in
        [(first, second_nonce), (second, first_nonce)].into_iter().enumerate()
    {
        gateway.provider.turn(|knobs| knobs.id_token = json!({ "nonce": nonce }));
        let answer = browser.load(&gateway, callback).await;
        assert!(answer.refused(400, "bad_callback").is_page());
        assert!(answer.set_cookie("__Host-portcullis-s").is_none());
        assert_eq!(exchanges(), at + 1);
    }
    // The codes exchanged: one login's code with the other's state.
    gateway.provider.turn(|knobs| knobs.id_token = json!({}));
    let mut urls = Vec::new();
    for page in ["a", "b"] {
        urls.push(browser.callback(&gateway, &format!("{PORTAL}/{page}")).await);
    }
    let parameter = |url: &str, name: &str| {
        let url = url::Url::parse(url).expect("a URL");
        url.query_pairs().find(|(own, _)| own == name).expect("a parameter").1.into_owned()
    };
    let (code, other) = (parameter(&urls[0], "code"), parameter(&urls[1], "code"));
    let answer = browser.load(&gateway, &urls[0].replace(&code, &other)).await;
    answer.refused(400, "bad_callback");
    assert!(answer.set_cookie("__Host-portcullis-s").is_none());
    // In order, two logins of one browser are both good.
    let mut browser = Browser::default();
    gateway.later(61);
    let mut urls = Vec::new();
    for page in ["a", "b"] {
        urls.push(browser.callback(&gateway, &format!("{PORTAL}/{page}")).await);
    }
    for (url, page) in urls.iter().zip(["/a", "/b"]) {
        assert_eq!(browser.load(&gateway, url).await.location(), page);
    }
}

#[tokio::test]
async fn e14_an_encrypted_token_is_refused() {
    let ways = ways().await;
    let jwe = json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "key-1", "cty": "JWT"});
    for header in
        [jwe, json!({"alg": "dir", "enc": "A128GCM"}), json!({"alg": "ES256", "kid": "key-1"})]
    {
        let signer = ways.gateway.provider.signer();
        let what = header.to_string();
        let forge = move |claims: Value| {
            let head = crate::support::token::b64(header.to_string().as_bytes());
            let signed = signer.sign(&claims);
            let (_, rest) = signed.split_once('.').expect("parts");
            format!("{head}.AAAA.AAAA.{rest}")
        };
        ways.refused(&what, forge).await;
    }
    // A good token with two parts more, and an empty key part as `dir` has it.
    let signer = ways.gateway.provider.signer();
    ways.refused("five parts", move |claims| format!("{}.AAAA.AAAA", signer.sign(&claims))).await;
    let signer = ways.gateway.provider.signer();
    ways.refused("empty parts", move |claims| format!("{}..", signer.sign(&claims))).await;
    // An ID token that another key of the name signed stays a forgery.
    ways.refused("forged", move |claims| Signer::new("key-1").sign(&claims)).await;
}
