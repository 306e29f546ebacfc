//! Where an access token is expected.

use super::{AUDIENCE, ways};
use crate::support::token::with;
use crate::support::{API, Ask, CLIENT, Gateway, PORTAL, Provider, Setup};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use portcullis::secret::Secret;
use portcullis::time::UnixTime;
use portcullis::token::client_assertion;
use serde_json::json;

async fn refused(gateway: &Gateway, what: &str, token: &str) {
    crate::support::ways::case("refused", what);
    for url in [format!("{API}/pets"), format!("{PORTAL}/home")] {
        gateway.ask(Ask::get(&url).bearer(token)).await.refused(401, "invalid_token");
        gateway.ask(Ask::get(&url).bearer(token).navigate()).await.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn e02_an_id_token_is_no_bearer_where_access_tokens_are_wanted() {
    let tokens = format!("{{audiences: ['{AUDIENCE}'], bearer_id_tokens: false}}");
    let gateway = Gateway::with(Setup::default().setting("tokens", &tokens)).await;
    let provider = &gateway.provider;
    for (what, changes) in [
        ("right", json!({})),
        ("of a login", json!({"nonce": "n", "at_hash": "AAAAAAAAAAAAAAAAAAAAAA"})),
        ("for the API", json!({"aud": AUDIENCE})),
        ("for both", json!({"aud": [CLIENT, AUDIENCE]})),
        (
            "for the API, of a login",
            json!({"aud": AUDIENCE, "cid": CLIENT, "scp": [], "nonce": "n"}),
        ),
        ("with at_hash", json!({"aud": AUDIENCE, "cid": CLIENT, "scp": [], "at_hash": "A"})),
        ("with c_hash", json!({"aud": AUDIENCE, "cid": CLIENT, "scp": [], "c_hash": "A"})),
        ("with scp", json!({"scp": ["pets"], "cid": CLIENT})),
    ] {
        refused(&gateway, what, &provider.id_token(&changes)).await;
    }
    // One claim of an ID token's or a logout token's is enough to make a right access token none.
    for name in ["nonce", "at_hash", "c_hash", "events"] {
        for value in [json!("A"), json!(""), json!({})] {
            let token = provider.access_token(AUDIENCE, &json!({ name: value }));
            refused(&gateway, &format!("{name}: {value}"), &token).await;
        }
    }
    let access = provider.access_token(AUDIENCE, &json!({}));
    gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&access)).await.granted();
}

#[tokio::test]
async fn e09_an_access_token_of_another_tenant_is_refused() {
    let ways = ways().await;
    let gateway = &ways.gateway;
    let tenant = Provider::start(gateway.clock.clone()).await;
    // The audience `api://default` is every tenant's: only the issuer tells them apart.
    refused(gateway, "its own issuer", &tenant.access_token(AUDIENCE, &json!({}))).await;
    let ours = json!({"iss": gateway.provider.issuer});
    refused(gateway, "our issuer", &tenant.access_token(AUDIENCE, &ours)).await;
    let theirs = json!({"iss": tenant.issuer});
    refused(gateway, "our keys", &gateway.provider.access_token(AUDIENCE, &theirs)).await;
    assert_eq!(
        tenant.calls("/keys", "") + tenant.calls("/.well-known/openid-configuration", ""),
        0
    );
    let own = gateway.provider.access_token(AUDIENCE, &json!({}));
    gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&own)).await.granted();
}

/// A private key as a client has it, in PEM.
fn pem() -> String {
    use base64::Engine;
    let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().expect("der");
    let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("text")).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

#[tokio::test]
async fn e11_our_own_client_assertion_is_no_bearer() {
    let ways = ways().await;
    let (gateway, key) = (&ways.gateway, Secret::new(pem()));
    let now = UnixTime(crate::support::NOW);
    let issuer = &gateway.provider.issuer;
    for endpoint in
        [format!("{issuer}/token"), issuer.clone(), AUDIENCE.to_owned(), CLIENT.to_owned()]
    {
        let made = client_assertion(&key, CLIENT, &endpoint, "j-1", now).expect("an assertion");
        refused(gateway, &endpoint, made.expose()).await;
    }
    // And not if the provider itself had signed it, or had put its own name there.
    let signer = gateway.provider.signer();
    let assertion = json!({"iss": CLIENT, "sub": CLIENT, "aud": format!("{issuer}/token"), "jti": "j-2",
        "iat": now.0, "exp": now.0 + 60});
    for changes in [
        json!({}),
        json!({"iss": issuer}),
        json!({"iss": issuer, "aud": issuer}),
        json!({"iss": issuer, "aud": AUDIENCE}),
    ] {
        let token = signer.sign(&with(assertion.clone(), &changes));
        refused(gateway, &changes.to_string(), &token).await;
    }
}

#[tokio::test]
async fn e12_a_token_of_a_logout_is_no_access_token() {
    let ways = ways().await;
    let (gateway, provider) = (&ways.gateway, &ways.gateway.provider);
    for changes in [
        json!({}),
        json!({"aud": AUDIENCE}),
        json!({"aud": CLIENT}),
        json!({"aud": AUDIENCE, "cid": CLIENT, "scp": []}),
        json!({"aud": AUDIENCE, "cid": CLIENT, "scp": ["pets"], "uid": "00u1", "groups": ["PetstoreUsers"]}),
        json!({"aud": CLIENT, "sub": "00u1", "groups": ["PetstoreUsers"]}),
    ] {
        refused(gateway, &changes.to_string(), &provider.revocation_token(&changes)).await;
        refused(gateway, &changes.to_string(), &provider.logout_token(&changes)).await;
    }
    let access = provider.access_claims(AUDIENCE, &json!({}));
    let signer = provider.signer();
    for typ in
        ["global-token-revocation+jwt", "logout+jwt", "id_token+jwt", "Bearer", "at+jwt;x", ""]
    {
        let header = with(signer.header(), &json!({ "typ": typ }));
        refused(gateway, typ, &signer.sign_as(&header, &access)).await;
    }
    for typ in ["JWT", "at+jwt", "application/at+jwt"] {
        let header = with(signer.header(), &json!({ "typ": typ }));
        let token = signer.sign_as(&header, &access);
        gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await.granted();
    }
}
