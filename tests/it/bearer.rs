//! Bearer tokens and API keys.

use crate::support::token::Signer;
use crate::support::{API, Answer, Ask, Browser, CLIENT, Gateway, PORTAL, Setup};
use serde_json::{Value, json};

fn pets() -> Ask {
    Ask::get(&format!("{API}/pets"))
}

async fn ask_with(gateway: &Gateway, token: &str) -> Answer {
    gateway.ask(pets().bearer(token)).await
}

fn with_audience() -> Setup {
    Setup::default().setting("tokens", "{audiences: ['api://default']}")
}

/// 401 `invalid_token`, to programs and page loads alike, and never a login.
async fn invalid(gateway: &Gateway, name: &str, token: &str) {
    for ask in [pets(), pets().navigate()] {
        let answer = gateway.ask(ask.bearer(token)).await;
        assert_eq!((answer.status, answer.reason()), (401, "invalid_token"), "{name}");
        answer.refused(401, "invalid_token");
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert!(challenge.ends_with("error=\"invalid_token\""), "{name}: {challenge}");
    }
}

#[tokio::test]
async fn an_id_token_of_the_portal_s_provider_is_a_bearer() {
    let gateway = Gateway::new().await;
    let answer = ask_with(&gateway, &gateway.provider.id_token(&json!({}))).await;
    answer.granted();
    assert_eq!(answer.set["x-user-id"], "00u1");
    assert_eq!(answer.set["x-user-email"], "ann@example.com");
    assert!(answer.set_cookies().is_empty(), "a bearer makes no session");
    let lower = format!("bearer {}", gateway.provider.id_token(&json!({})));
    gateway.ask(pets().header("authorization", &lower)).await.granted();
}

/// A token that was verified before is known by its text alone; what comes beside it is looked at all the same.
#[tokio::test]
async fn what_comes_beside_a_known_token_counts_as_beside_an_unknown_one() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let authorization = |value: String| pets().header("authorization", &value);
    let asks = || {
        [
            authorization(format!("Bearer {token},Bearer {token}")),
            authorization(format!("Bearer {token}, Basic dTpw")),
            authorization(format!("Basic dTpw,Bearer {token}")),
            authorization(format!("Bearer {token},")),
            authorization(format!("Bearer {token} ")),
            authorization(format!("Bearer {token}\t")),
            authorization(format!("Bearer  {token}")),
            authorization(format!(" Bearer {token}")),
            authorization(format!("Bearer {token}\u{e9}")),
            authorization(format!("Bearer-{token}")),
            authorization(token.clone()),
            authorization(format!("Bearer {}", token.replacen('e', "", 1))),
            authorization(format!("Bearer {token}A")),
            pets().bearer(&token).header("api-key", "k"),
            pets().bearer(&token).header("api-key", ""),
        ]
    };
    let mut before = Vec::new();
    for ask in asks() {
        let answer = gateway.ask(ask).await;
        before.push((answer.status, answer.reason().to_owned()));
    }
    assert!(before.iter().all(|(status, _reason)| matches!(status, 400 | 401)), "{before:?}");
    assert!(before.iter().any(|(status, _reason)| *status == 400), "{before:?}");
    for _time in 0..2 {
        ask_with(&gateway, &token).await.granted();
    }
    for (ask, before) in asks().into_iter().zip(before) {
        let shown = format!("{ask:?}");
        let answer = gateway.ask(ask).await;
        assert_eq!((answer.status, answer.reason().to_owned()), before, "{shown}");
    }
}

#[tokio::test]
async fn id_tokens_are_no_bearers_where_settings_say_so() {
    let gateway =
        Gateway::with(Setup::default().setting("tokens", "{bearer_id_tokens: false}")).await;
    invalid(&gateway, "ID token", &gateway.provider.id_token(&json!({}))).await;
}

#[tokio::test]
async fn an_id_token_that_does_not_hold_is_refused() {
    let gateway = Gateway::new().await;
    let now = gateway.clock.now().0;
    let faults = [
        ("audience", json!({"aud": "other"})),
        ("two audiences", json!({"aud": [CLIENT, "other"]})),
        ("no audience", json!({"aud": null})),
        ("issuer", json!({"iss": "https://evil.example"})),
        ("issuer with slash", json!({"iss": format!("{}/", gateway.provider.issuer)})),
        ("no issuer", json!({"iss": null})),
        ("no expiry", json!({"exp": null})),
        ("no time of issue", json!({"iat": null})),
        ("not yet", json!({"nbf": now + 100})),
        ("from the future", json!({"iat": now + 100})),
        ("lives too long", json!({"exp": now + 100_000})),
        ("authorized party", json!({"azp": "other"})),
        ("no subject", json!({"sub": null})),
        ("bound to a key", json!({"cnf": {"jkt": "x"}})),
    ];
    for (name, fault) in faults {
        invalid(&gateway, name, &gateway.provider.id_token(&fault)).await;
    }
}

#[tokio::test]
async fn an_expired_bearer_is_told_so() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    gateway.later(3600 + 59);
    ask_with(&gateway, &token).await.granted();
    gateway.later(1);
    let answer = ask_with(&gateway, &token).await;
    answer.refused(401, "expired_token");
    let challenge = answer.header("www-authenticate").expect("a challenge");
    assert!(challenge.ends_with("error=\"invalid_token\""), "{challenge}");
}

#[tokio::test]
async fn what_is_no_token_or_signed_by_nobody_known_is_refused() {
    let gateway = Gateway::new().await;
    let good = gateway.provider.id_token(&json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let claims: Value = json!({"iss": gateway.provider.issuer, "aud": CLIENT, "sub": "00u1"});
    let none = Signer::new("key-1").sign_as(&json!({"alg": "none", "kid": "key-1"}), &claims);
    let unsigned = format!("{}.{}.", none.split('.').next().unwrap_or_default(), parts[1]);
    let hmac = Signer::new("key-1").sign_as(&json!({"alg": "HS256", "kid": "key-1"}), &claims);
    let cases = [
        ("garbage", "garbage".to_owned()),
        ("nothing", String::new()),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.x")),
        ("five parts, encrypted", format!("{good}.x.y")),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("alg none", unsigned),
        ("alg HS256", hmac),
        ("payload of another", {
            let other = gateway.provider.id_token(&json!({"sub": "00u2"}));
            format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap_or_default(), parts[2])
        }),
        ("another key of that name", {
            let now = gateway.clock.now().0;
            let claims = json!({"iss": gateway.provider.issuer, "aud": CLIENT, "sub": "00u1",
                "iat": now, "exp": now + 60, "groups": ["PetstoreUsers"]});
            Signer::new("key-1").sign(&claims)
        }),
        ("too long", format!("{good}{}", "A".repeat(9000))),
    ];
    for (name, token) in cases {
        invalid(&gateway, name, &token).await;
    }
}

#[tokio::test]
async fn a_changed_token_is_refused_even_after_the_good_one_was_seen() {
    let gateway = Gateway::new().await;
    let good = gateway.provider.id_token(&json!({}));
    ask_with(&gateway, &good).await.granted();
    for at in [good.len() - 20, good.len() - 60] {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        invalid(&gateway, "changed", &String::from_utf8(bytes).expect("text")).await;
    }
    ask_with(&gateway, &good).await.granted();
}

#[tokio::test]
async fn an_access_token_counts_for_configured_audiences() {
    let gateway = Gateway::with(with_audience()).await;
    let answer =
        ask_with(&gateway, &gateway.provider.access_token("api://default", &json!({}))).await;
    answer.granted();
    // Okta's `sub` is a login name that may change hands; `uid` is not.
    assert_eq!(answer.set["x-user-id"], "00u1");
    for audience in ["api://other", "api://default/", "API://default", ""] {
        let token = gateway.provider.access_token(audience, &json!({}));
        invalid(&gateway, audience, &token).await;
    }
    let several = gateway.provider.access_token("x", &json!({"aud": ["api://default", "x"]}));
    invalid(&gateway, "two audiences", &several).await;
    let id_like = gateway.provider.access_token("api://default", &json!({"nonce": "n"}));
    invalid(&gateway, "nonce", &id_like).await;
}

#[tokio::test]
async fn without_configured_audiences_no_access_token_counts() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.access_token("api://default", &json!({}));
    invalid(&gateway, "no audiences", &token).await;
    let for_client = gateway.provider.access_token(CLIENT, &json!({}));
    invalid(&gateway, "an access token for the client", &for_client).await;
}

#[tokio::test]
async fn an_environment_s_own_audience_counts_there_alone() {
    let setup =
        Setup::default().setting("environments", "{dev.default: {audiences: ['api://dev']}}");
    let gateway = Gateway::with(setup).await;
    let token = gateway.provider.access_token("api://dev", &json!({}));
    ask_with(&gateway, &token).await.granted();
    let portal = gateway.ask(Ask::get(&format!("{PORTAL}/")).bearer(&token)).await;
    portal.refused(401, "invalid_token");
}

#[tokio::test]
async fn groups_of_a_bearer_decide() {
    let gateway = Gateway::new().await;
    for groups in
        [json!([]), json!(["Other"]), json!(null), json!(["petstoreusers"]), json!({"a": 1})]
    {
        let token = gateway.provider.id_token(&json!({"groups": groups}));
        ask_with(&gateway, &token).await.refused(403, "not_granted");
    }
}

#[tokio::test]
async fn an_unknown_key_is_looked_up_once() {
    let gateway = Gateway::new().await;
    let fetched = gateway.provider.calls("/keys", "");
    gateway.provider.rotate("key-2");
    let token = gateway.provider.id_token(&json!({}));
    ask_with(&gateway, &token).await.granted();
    assert_eq!(gateway.provider.calls("/keys", ""), fetched + 1);
    // Made-up names do not make us fetch again and again.
    for at in 0..20 {
        let claims = json!({"iss": gateway.provider.issuer, "aud": CLIENT, "sub": "00u1"});
        let token = Signer::new(&format!("made-up-{at}")).sign(&claims);
        ask_with(&gateway, &token).await.refused(401, "invalid_token");
    }
    assert_eq!(gateway.provider.calls("/keys", ""), fetched + 1);
}

#[tokio::test]
async fn an_unknown_key_while_the_provider_is_out_of_reach_is_503() {
    let gateway = Gateway::new().await;
    let known = gateway.provider.id_token(&json!({}));
    gateway.provider.rotate("key-2");
    gateway.provider.turn(|knobs| knobs.fetch_status = 500);
    let token = gateway.provider.id_token(&json!({}));
    ask_with(&gateway, &token).await.refused(503, "keys_unavailable");
    let page = gateway.ask(pets().navigate().bearer(&token)).await;
    assert!(page.refused(503, "keys_unavailable").is_page());
    // Keys that are known go on.
    ask_with(&gateway, &known).await.granted();
}

#[tokio::test]
async fn keys_that_were_never_had_are_503() {
    let clock = portcullis::clock::Clock::manual(portcullis::time::UnixTime(crate::support::NOW));
    let provider = crate::support::Provider::start(clock.clone()).await;
    provider.turn(|knobs| knobs.fetch_status = 500);
    let token = provider.id_token(&json!({}));
    let gateway = Gateway::beside(provider.into(), clock, Setup::default()).await;
    ask_with(&gateway, &token).await.refused(503, "keys_unavailable");
}

#[tokio::test]
async fn a_bearer_never_falls_back_to_the_cookie() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    for value in ["Bearer garbage", "Bearer ", "Bearer", "bearer x"] {
        let ask = browser.dress(pets().header("authorization", value));
        gateway.ask(ask).await.refused(401, "invalid_token");
    }
    let key = browser.dress(pets().header("api-key", "k"));
    gateway.ask(key).await.refused(401, "invalid_token");
    // Other schemes are not ours.
    let basic = browser.dress(pets().header("authorization", "Basic dTpw"));
    gateway.ask(basic).await.granted();
}

#[tokio::test]
async fn more_than_one_credential_is_ambiguous() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let cases = [
        pets().header("authorization", &format!("Bearer {token},Bearer {token}")),
        pets().header("authorization", &format!("Bearer {token}, Basic dTpw")),
        pets().header("authorization", &format!("Bearer {token},")),
        pets().bearer(&token).header("api-key", "k"),
        pets().header("api-key", "k,l"),
    ];
    for ask in cases {
        gateway.ask(ask).await.refused(400, "ambiguous_request");
    }
}

#[tokio::test]
async fn an_unknown_api_key_is_refused() {
    let gateway = Gateway::new().await;
    gateway.ask(pets().header("api-key", "k")).await.refused(401, "invalid_token");
}

pub(crate) const DEV: &str = "domains: [api.petstore.localhost, 'api.petstore.localhost:10000']";

/// A second Environment, whose plan of that name is another.
pub(crate) const PROD: &str = "apiVersion: portal.gloo.solo.io/v1beta1
kind: Environment
metadata: {name: prod, namespace: default}
spec:
  domains: [prod.petstore.localhost]
  parameters: {usagePlans: {gold: {}}}
  apiProducts:
  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [petstore]}]
    versions: {tags: [stable]}
";

/// A plan of `dev` whose tokens come from a provider of its own.
fn with_plan(issuer: &str) -> Setup {
    let plan = format!(
        "{DEV}
  parameters:
    usagePlans:
      gold:
        rateLimit: {{requestsPerUnit: 5, unit: MINUTE}}
        authPolicy:
          oauth:
            jwtValidation: {{issuer: '{issuer}', remoteJwks: {{url: '{issuer}/keys'}}}}"
    );
    let dev = "{audiences: ['api://plan'], portal: petstore-portal.default}";
    let prod = "{audiences: ['api://plan'], portal: petstore-portal.default}";
    Setup::default()
        .edit(DEV, &plan)
        .edit(
            "publishedEnvironments: [{name: dev, namespace: default}]",
            "publishedEnvironments: [{name: dev, namespace: default}, {name: prod, namespace: default}]",
        )
        .edit("environments: {names: [dev]", "environments: {names: [dev, prod]")
        .edit("spec:\n  versions:", "spec:\n  usagePlans: [gold]\n  versions:")
        .add(PROD)
        .setting("environments", &format!("{{dev.default: {dev}, prod.default: {prod}}}"))
}

#[tokio::test]
async fn a_plan_s_own_issuer_counts_in_its_environment_alone() {
    let clock = portcullis::clock::Clock::manual(portcullis::time::UnixTime(crate::support::NOW));
    let other = crate::support::Provider::start(clock.clone()).await;
    let provider = crate::support::Provider::start(clock.clone()).await;
    let gateway = Gateway::beside(provider.into(), clock, with_plan(&other.issuer)).await;
    assert!(gateway.problems.iter().all(|problem| !problem.is_error()), "{:?}", gateway.problems);
    let token = other.access_token("api://plan", &json!({}));
    let answer = ask_with(&gateway, &token).await;
    answer.granted();
    assert_eq!(answer.text("usage_plan"), "gold");
    assert_eq!(answer.metadata["limit"], json!({"requests_per_unit": 5.0, "unit": "MINUTE"}));
    assert_eq!(answer.set["x-user-issuer"], other.issuer);
    let prod = gateway.ask(Ask::get("http://prod.petstore.localhost/pets").bearer(&token)).await;
    prod.refused(401, "invalid_token");
    let portal = gateway.ask(Ask::get(&format!("{PORTAL}/")).bearer(&token)).await;
    portal.refused(401, "invalid_token");
    // An ID token of that issuer is no login of the Portal.
    invalid(&gateway, "ID token", &other.id_token(&json!({}))).await;
}
