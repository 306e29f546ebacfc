//! The groups claim: an array of names, each equal byte for byte or not at all.

use super::{AUDIENCE, Kinds};
use crate::support::{API, Answer, Ask, Browser, PORTAL, Setup};
use serde_json::{Value, json};

const METRIC: &str = "portcullis_groups_maybe_truncated_total";

/// The answers for a caller with these groups in each way, an access token last.
async fn answers(kinds: &Kinds, groups: &Value) -> Vec<Answer> {
    let (gateway, home) = (&kinds.ways.gateway, format!("{PORTAL}/home"));
    crate::support::ways::case("groups", &groups.to_string());
    let claim = json!({ "groups": groups });
    let mut all = Vec::new();
    gateway.later(61);
    gateway.provider.turn(|knobs| knobs.id_token = claim.clone());
    let mut browser = Browser::default();
    all.push(browser.visit(gateway, &home).await.1);
    gateway.later(61);
    gateway.provider.turn(|knobs| {
        knobs.id_token = json!({});
        knobs.refreshed = claim.clone();
    });
    let mut browser = Browser::signed_in(gateway, &home).await;
    gateway.later(3661);
    all.push(browser.load(gateway, &home).await);
    gateway.provider.turn(|knobs| knobs.refreshed = json!({}));
    for token in
        [gateway.provider.id_token(&claim), gateway.provider.access_token(AUDIENCE, &claim)]
    {
        all.push(gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await);
    }
    all
}

fn many(count: usize) -> Value {
    let names = (1..count).map(|at| format!("g{at}"));
    let names: Vec<String> = names.chain(["PetstoreUsers".to_owned()]).collect();
    json!(names[names.len() - count..])
}

#[tokio::test]
async fn d35_a_hundred_groups_are_taken_and_counted_as_perhaps_cut() {
    let tokens = format!("{{audiences: ['{AUDIENCE}'], max_bytes: 65536}}");
    let kinds = Kinds {
        ways: crate::support::Ways::with(Setup::default().setting("tokens", &tokens)).await,
    };
    for count in [1, 99, 100, 101, 1000] {
        let before = kinds.ways.gateway.metric(METRIC).await;
        for answer in answers(&kinds, &many(count)).await {
            answer.granted();
        }
        let counted = kinds.ways.gateway.metric(METRIC).await - before;
        assert_eq!(counted, if count == 100 { 4 } else { 0 }, "{count} groups");
    }
    for answer in answers(&kinds, &json!([])).await {
        answer.refused(403, "not_granted");
    }
}

#[tokio::test]
async fn d36_ten_thousand_groups_are_more_than_a_token_may_hold() {
    let kinds = Kinds::new().await;
    let signer = kinds.ways.gateway.provider.signer();
    let groups = many(10_000);
    let forge = move |mut claims: Value| {
        claims["groups"] = groups.clone();
        signer.sign(&claims)
    };
    let token = forge(kinds.ways.gateway.provider.access_claims(AUDIENCE, &json!({})));
    kinds.ways.refused("10,000 groups", forge).await;
    let ask = Ask::get(&format!("{API}/pets")).bearer(&token);
    kinds.ways.gateway.ask(ask).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn d37_a_group_counts_by_its_exact_name_alone() {
    let setup = Setup::default().edit("groupNames: [PetstoreUsers]", "groupNames: [admin]");
    // Who signs in and is not asked about groups has the right one.
    let kinds = Kinds::with(setup).await;
    kinds.ways.gateway.provider.turn(|knobs| knobs.person["groups"] = json!(["admin"]));
    for answer in answers(&kinds, &json!(["other", "admin"])).await {
        answer.granted();
    }
    for answer in answers(&kinds, &json!("admin")).await {
        answer.granted();
    }
    for groups in [
        json!(["Admin"]),
        json!(["ADMIN"]),
        json!(["admin "]),
        json!([" admin"]),
        json!(["admin\n"]),
        json!(["admin\u{0}"]),
        json!(["admin\u{200b}"]),
        json!(["\u{feff}admin"]),
        json!(["admins"]),
        json!(["admi"]),
        json!(["adm\u{131}n"]),
        json!(["\u{430}dmin"]),
        json!(["\u{ff41}dmin"]),
        json!(["admi\u{301}n"]),
        json!(["admin,ops"]),
        json!(["ops,admin"]),
        json!(["admin ops"]),
        json!(["admin;ops"]),
        json!(["admin/ops"]),
        json!(["/admin"]),
        json!(["%61dmin"]),
        json!(["*"]),
        json!([".*"]),
        json!([""]),
        json!("admin ops"),
        json!("admin,ops"),
        json!("*"),
        json!({"admin": true}),
        json!({"0": "admin"}),
        json!([["admin"]]),
        json!(["admin", 1]),
        json!(["admin", null]),
        json!([{"name": "admin"}]),
        json!(true),
        json!(1),
    ] {
        for answer in answers(&kinds, &groups).await {
            answer.refused(403, "not_granted");
            assert!(!answer.body.contains("dmin"), "no claim in the answer: {}", answer.body);
        }
    }
}
