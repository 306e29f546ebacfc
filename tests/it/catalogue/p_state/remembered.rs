//! A token that is remembered is answered as one that was never seen, whatever happens between.

use crate::policy::two_products;
use crate::support::{API, Answer, Ask, Gateway, NOW, PORTAL, Setup};
use portcullis::token::Issuer;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Numbers that are as good as random, and the same in each run.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("a number") % sides
    }
}

fn setup() -> Setup {
    two_products()
        .edit(
            "publishedEnvironments: [{name: dev, namespace: default}]",
            "publishedEnvironments: [{name: dev, namespace: default}, {name: prod, namespace: default}]",
        )
        .edit("environments: {names: [dev]", "environments: {names: [dev, prod]")
        .setting(
            "environments",
            "{dev.default: {audiences: ['api://dev']}, \
             prod.default: {audiences: ['api://prod'], group_claim: roles}}",
        )
        .setting("tokens", "{audiences: ['api://all']}")
}

/// What a client could tell apart.
fn seen(answer: &Answer) -> (u16, String, BTreeMap<String, String>) {
    let mut set = answer.set.clone();
    set.remove("x-request-id");
    (answer.status, answer.reason().to_owned(), set)
}

/// Claims of the kinds that are judged differently, as of now.
fn claims(gateway: &Gateway, dice: &mut Dice) -> Value {
    let now = gateway.clock.now().0;
    let changes = [
        json!({}),
        json!({"exp": now + 30}),
        json!({"nbf": now + 100}),
        json!({"nbf": now + 30}),
        json!({"iat": now + 59, "exp": now + 500}),
        json!({"iat": now + 90}),
        json!({"groups": ["admin"], "roles": ["PetstoreUsers"]}),
        json!({"groups": null}),
        json!({"sid": "ended", "sub": "00u7", "uid": "00u7"}),
        json!({"email": "ann@example.com", "email_verified": false}),
    ];
    let changes = &changes[dice.up_to(changes.len())];
    match dice.up_to(5) {
        0 => gateway.provider.access_claims("api://dev", changes),
        1 => gateway.provider.access_claims("api://prod", changes),
        2 => gateway.provider.access_claims("api://all", changes),
        _ => gateway.provider.bearer_claims(changes),
    }
}

fn route(dice: &mut Dice) -> Ask {
    let prod = "http://prod.petstore.localhost";
    let asks = [
        Ask::get(&format!("{API}/pets")),
        Ask::get(&format!("{API}/pets")).context("portal", "petstore-portal.default"),
        Ask::get(&format!("{API}/bank")),
        Ask::get(&format!("{prod}/pets")),
        Ask::get(&format!("{PORTAL}/page")),
    ];
    asks.into_iter().nth(dice.up_to(5)).expect("a route")
}

#[tokio::test]
async fn p05_a_remembered_token_is_answered_as_a_new_one_at_any_time_by_any_policy_and_keys() {
    for seed in [0x9e37_79b9_7f4a_7c15, 0x1234_5678_9abc_def1] {
        let mut dice = Dice(seed);
        let gateway = Gateway::with(setup()).await;
        let plain = setup().resources(&gateway.provider.issuer);
        let policies = [
            plain.clone(),
            plain.replace("groupNames: [PetstoreUsers]", "groupNames: [admin]"),
            plain.replace("environments: {names: [dev, prod]", "environments: {names: [prod]"),
        ];
        let issuer = Issuer::parse(&gateway.provider.issuer, true).expect("an issuer");
        let sign = |claims: &Value| (claims.clone(), gateway.provider.signer().sign(claims));
        let mut tokens: Vec<(Value, String)> =
            (0..8).map(|_| sign(&claims(&gateway, &mut dice))).collect();
        let mut outcomes = BTreeMap::<(u16, String), usize>::new();
        for step in 0..400 {
            match dice.up_to(40) {
                0 => {
                    let text = &policies[dice.up_to(policies.len())];
                    let file = gateway.folder.path().join("portal/all.yaml");
                    std::fs::write(file, text).expect("written");
                    gateway.load().await;
                }
                1 => {
                    // Every token so far is of a key that is no more.
                    gateway.provider.rotate(&format!("key-{step}"));
                    gateway.provider.turn(|knobs| {
                        knobs.published.remove(0);
                    });
                    gateway.providers.refresh_keys(&issuer).await.expect("fetched");
                    for (claims, token) in &mut tokens {
                        let old = gateway.ask(route(&mut dice).bearer(token)).await;
                        assert!(!old.allowed, "withdrawn: {claims}");
                        *token = gateway.provider.signer().sign(claims);
                    }
                }
                2 => {
                    let logout = gateway.provider.logout_token(
                        &json!({"sub": "00u7", "sid": "ended", "jti": format!("{step}")}),
                    );
                    let ask = Ask::post(&format!("{PORTAL}/.auth/backchannel-logout"))
                        .header("content-type", "application/x-www-form-urlencoded")
                        .body(&format!("logout_token={logout}"));
                    assert_eq!(gateway.ask(ask).await.status, 200);
                }
                3..8 => gateway.later([1, 10, 30, 60, 301][dice.up_to(5)]),
                8 | 9 => {
                    let at = dice.up_to(tokens.len());
                    tokens[at] = sign(&claims(&gateway, &mut dice));
                }
                _ => {}
            }
            let (claims, token) = &tokens[dice.up_to(tokens.len())];
            let ask = route(&mut dice);
            let remembered = gateway.ask(ask.clone().bearer(token)).await;
            let new = gateway.ask(ask.clone().bearer(&sign(claims).1)).await;
            let at = gateway.clock.now().0 - NOW;
            assert_eq!(seen(&remembered), seen(&new), "{seed} {step} {at} {claims} {ask:?}");
            *outcomes.entry((new.status, new.reason().to_owned())).or_default() += 1;
        }
        assert!(outcomes.len() >= 4, "{outcomes:?}");
        let remembered = "portcullis_bearer_signatures_total{outcome=\"remembered\"}";
        assert!(gateway.metric(remembered).await > 100);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p05_a_token_that_comes_many_times_at_once_is_verified_once() {
    let gateway = Gateway::new().await;
    let count =
        |outcome: &str| format!("portcullis_bearer_signatures_total{{outcome=\"{outcome}\"}}");
    for round in 1..=20 {
        let token = gateway.provider.id_token(&json!({"jti": format!("{round}")}));
        let ask = || gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token));
        let answers = futures_util::future::join_all((0..16).map(|_| ask())).await;
        answers.iter().for_each(|answer| {
            answer.granted();
        });
        assert_eq!(gateway.metric(&count("verified")).await, round);
    }
    assert_eq!(gateway.metric(&count("remembered")).await, 20 * 15);
}

#[tokio::test]
async fn p06_a_token_that_does_not_hold_is_refused_alike_however_often_it_comes() {
    let gateway = Gateway::new().await;
    let good = gateway.provider.id_token(&json!({}));
    let other = gateway.provider.id_token(&json!({"sub": "00u2"}));
    let (signed, _) = good.rsplit_once('.').expect("a signature");
    let bad = format!("{signed}.{}", other.rsplit_once('.').expect("a signature").1);
    let ask = |token: &str| gateway.ask(Ask::get(&format!("{API}/pets")).bearer(token));
    let first = ask(&bad).await;
    first.refused(401, "invalid_token");
    for _again in 0..5 {
        assert_eq!(seen(&ask(&bad).await), seen(&first));
    }
    let refused = "portcullis_bearer_signatures_total{outcome=\"refused\"}";
    assert_eq!(gateway.metric(refused).await, 6, "those that are remembered count as well");
    ask(&good).await.granted();
}
