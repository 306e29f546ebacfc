//! Usage plans: which one counts, whom it takes, and how many requests it lets pass.

mod shared;
mod usage;

use crate::bearer::DEV;
use crate::support::{API, Answer, Ask, Browser, Gateway, NOW, PORTAL, Setup};
use serde_json::json;

/// Products of `dev` with these plans, by name; the second one is below `/orders`.
pub(crate) fn with_plans(plans: &str, of_pets: &str, of_orders: &str) -> Setup {
    let dev = format!("{DEV}\n  parameters:\n    usagePlans: {plans}");
    Setup::default()
        .edit(DEV, &dev)
        .edit(
            "    versions: {tags: [stable]}",
            "    versions: {tags: [stable]}\n  - {names: [orders], basePath: /orders}",
        )
        .edit(
            "products: {names: [petstore-product]",
            "products: {names: [petstore-product, orders]",
        )
        .edit("spec:\n  versions:", &format!("spec:\n  usagePlans: {of_pets}\n  versions:"))
        .add(&format!(
            "apiVersion: portal.gloo.solo.io/v1beta1
kind: APIProduct
metadata: {{name: orders, namespace: default}}
spec:
  usagePlans: {of_orders}
  versions: [{{name: v1}}]
"
        ))
}

/// Five a minute for whoever signs in.
const GOLD: &str =
    "{gold: {rateLimit: {requestsPerUnit: 5, unit: MINUTE}, authPolicy: {oauth: {}}}}";

pub(crate) fn five_a_minute() -> Setup {
    with_plans(GOLD, "[gold]", "[gold]")
}

fn pets() -> Ask {
    Ask::get(&format!("{API}/pets"))
}

fn orders() -> Ask {
    Ask::get(&format!("{API}/orders/1"))
}

fn token(gateway: &Gateway, caller: &str) -> String {
    gateway.provider.id_token(&json!({"sub": caller}))
}

/// How many of `tries` pass; the others are refused for the limit.
pub(crate) async fn passing(gateway: &Gateway, ask: &Ask, tries: usize) -> usize {
    let mut passed = 0;
    for _ in 0..tries {
        let answer = gateway.ask(ask.clone()).await;
        if answer.allowed {
            passed += 1;
        } else {
            answer.refused(429, "limit");
        }
    }
    passed
}

#[tokio::test]
async fn exactly_as_many_pass_in_a_window_as_the_plan_says() {
    let gateway = Gateway::with(five_a_minute()).await;
    assert!(gateway.problems.is_empty(), "{:?}", gateway.problems);
    let (anna, ben) = (token(&gateway, "00u-anna"), token(&gateway, "00u-ben"));
    // 20 s into a minute.
    assert_eq!(NOW % 60, 0);
    gateway.later(20);
    let first = gateway.ask(pets().bearer(&anna)).await;
    first.granted();
    assert_eq!(first.text("usage_plan"), "gold");
    assert_eq!(first.metadata["limit"], json!({"requests_per_unit": 5.0, "unit": "MINUTE"}));
    assert_eq!(passing(&gateway, &pets().bearer(&anna), 11).await, 4);
    let refused = gateway.ask(pets().bearer(&anna)).await;
    refused.refused(429, "limit");
    assert_eq!(refused.header("retry-after"), Some("40"));
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert_eq!(refused.header("x-ratelimit-limit"), None, "only where the settings say so");
    assert_eq!(
        (refused.json()["reason"].as_str(), refused.text("usage_plan")),
        (Some("limit"), "gold")
    );
    let page = gateway.ask(pets().bearer(&anna).navigate()).await;
    page.refused(429, "limit");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(passing(&gateway, &pets().bearer(&ben), 12).await, 5, "another caller");
    assert_eq!(passing(&gateway, &orders().bearer(&anna), 12).await, 5, "another product");
    gateway.later(39);
    let last = gateway.ask(pets().bearer(&anna)).await;
    last.refused(429, "limit");
    assert_eq!(last.header("retry-after"), Some("1"), "the window's last second");
    gateway.later(1);
    assert_eq!(passing(&gateway, &pets().bearer(&anna), 12).await, 5, "the next window");
    let told = async |product: &str, outcome: &str| {
        let labels =
            format!("environment=\"dev.default\",product=\"{product}.default\",plan=\"gold\"");
        let name = "portcullis_product_requests_total";
        gateway.metric(&format!("{name}{{{labels},outcome=\"{outcome}\"}}")).await
    };
    assert_eq!(told("petstore-product", "granted").await, 15);
    assert_eq!(told("petstore-product", "limited").await, 7 + 1 + 1 + 7 + 1 + 7);
    assert_eq!((told("orders", "granted").await, told("orders", "limited").await), (5, 7));
}

#[tokio::test]
async fn one_caller_has_one_limit_by_session_and_by_bearer_and_after_a_reload() {
    let gateway = Gateway::with(five_a_minute()).await;
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    // The login led to the page, which is the first.
    let by_session = browser.dress(pets());
    assert_eq!(passing(&gateway, &by_session, 3).await, 3);
    let same = gateway.provider.id_token(&json!({}));
    gateway.load().await;
    assert_eq!(passing(&gateway, &pets().bearer(&same), 12).await, 1);
    assert_eq!(passing(&gateway, &by_session, 3).await, 0);
    // The Portal's own pages have no plan.
    gateway.ask(Ask::get(&format!("{PORTAL}/")).bearer(&same)).await.granted();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_at_once_exactly_as_many_pass() {
    let plan = "{gold: {rateLimit: {requestsPerUnit: 37, unit: DAY}}}";
    let gateway = Gateway::with(with_plans(plan, "[gold]", "[]")).await;
    let token = token(&gateway, "00u-anna");
    let checks = (0..200).map(|_| gateway.ask(pets().bearer(&token)));
    let answers: Vec<Answer> = futures_util::future::join_all(checks).await;
    assert_eq!(answers.iter().filter(|answer| answer.allowed).count(), 37);
    for answer in answers.iter().filter(|answer| !answer.allowed) {
        answer.refused(429, "limit");
    }
    // A product without plans has no limit.
    assert_eq!(passing(&gateway, &orders().bearer(&token), 100).await, 100);
}

#[tokio::test]
async fn what_is_refused_otherwise_uses_nothing_up() {
    let gateway = Gateway::with(five_a_minute()).await;
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    let nobody = gateway.provider.id_token(&json!({"groups": ["Others"]}));
    for _ in 0..7 {
        gateway.ask(pets().bearer(&nobody)).await.refused(403, "not_granted");
        let unsafe_one = browser.dress(pets()).method("POST");
        gateway
            .ask(unsafe_one.header("sec-fetch-site", "cross-site"))
            .await
            .refused(403, "cross_site");
        let public = pets().context("access", "public");
        assert_eq!(gateway.ask(public).await.reason(), "public");
    }
    let same = gateway.provider.id_token(&json!({}));
    assert_eq!(passing(&gateway, &pets().bearer(&same), 12).await, 4, "the login led to one");
}

#[tokio::test]
async fn a_plan_for_api_keys_takes_no_session_and_no_bearer() {
    let plans = "{keys: {authPolicy: {apiKey: {}}}, gold: {authPolicy: {oauth: {}}}}";
    let gateway = Gateway::with(with_plans(plans, "[keys]", "[keys, gold]")).await;
    let mut browser = Browser::signed_in(&gateway, &format!("{API}/orders/1")).await;
    browser.visit(&gateway, &format!("{PORTAL}/")).await.1.granted();
    browser.load(&gateway, &format!("{API}/orders/1")).await.granted();
    browser.load(&gateway, &format!("{API}/pets")).await.refused(403, "not_granted");
    browser.load(&gateway, &format!("{PORTAL}/")).await.granted();
    let token = token(&gateway, "00u-anna");
    let refused = gateway.ask(pets().bearer(&token)).await;
    refused.refused(403, "not_granted");
    assert_eq!(refused.text("usage_plan"), "");
    let granted = gateway.ask(orders().bearer(&token)).await;
    granted.granted();
    assert_eq!(granted.text("usage_plan"), "gold");
    assert!(!granted.metadata.contains_key("limit"), "without limit");
}

/// A Group whose members may use these plans.
fn group(name: &str, plans: &str) -> String {
    format!(
        "apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {{name: {}, namespace: default}}
spec:
  accessLevel:
    apis: [{{products: {{names: [petstore-product]}}, environments: {{names: [dev]}}, usagePlans: {plans}}}]
    portals: [{{name: petstore-portal, namespace: default}}]
  oidcGroup: {{groupNames: [{name}]}}
",
        name.to_lowercase()
    )
}

#[tokio::test]
async fn groups_say_which_plans_their_members_may_use_and_the_most_generous_counts() {
    let plans = "{bronze: {rateLimit: {requestsPerUnit: 10, unit: HOUR}},
        silver: {rateLimit: {requestsPerUnit: 1, unit: SECOND}},
        keys: {authPolicy: {apiKey: {}}},
        gold: {}}";
    let setup = with_plans(plans, "[bronze, silver, gold, keys]", "[]")
        .add(&group("Bronze", "[bronze]"))
        .add(&group("Silver", "[silver, bronze]"))
        .add(&group("Any", "['*']"))
        .add(&group("Keys", "[keys]"))
        .add(&group("Gone", "[platinum]"));
    let gateway = Gateway::with(setup).await;
    let errors: Vec<_> = gateway.problems.iter().filter(|problem| problem.is_error()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let cases: [(&[&str], &str); 7] = [
        (&["Bronze"], "bronze"),
        (&["Silver"], "silver"),
        (&["Bronze", "Silver"], "silver"),
        (&["Keys", "Bronze"], "bronze"),
        (&["Any"], "gold"),
        (&["Bronze", "Any"], "gold"),
        // A Group that says nothing of plans allows all.
        (&["PetstoreUsers"], "gold"),
    ];
    for (groups, want) in cases {
        gateway.later(1);
        let token = gateway.provider.id_token(&json!({"groups": groups}));
        let answer = gateway.ask(pets().bearer(&token)).await;
        answer.granted();
        assert_eq!(answer.text("usage_plan"), want, "{groups:?}");
    }
    for groups in [["Keys"], ["Gone"]] {
        let token = gateway.provider.id_token(&json!({"groups": groups}));
        gateway.ask(pets().bearer(&token)).await.refused(403, "not_granted");
    }
}

#[tokio::test]
async fn a_plan_s_issuer_is_chosen_for_its_callers_and_takes_no_others() {
    let clock = portcullis::clock::Clock::manual(portcullis::time::UnixTime(NOW));
    let other = crate::support::Provider::start(clock.clone()).await;
    let provider = crate::support::Provider::start(clock.clone()).await;
    let plans = |own: &str| {
        format!(
            "{{all: {{}}, partners: {{rateLimit: {{requestsPerUnit: 5, unit: DAY}}, authPolicy: {{oauth:
                {{jwtValidation: {{issuer: '{own}', remoteJwks: {{url: '{own}/keys'}}}}}}}}}}}}"
        )
    };
    let setup = with_plans(&plans(&other.issuer), "[all, partners]", "[partners]").setting(
        "environments",
        "{dev.default: {audiences: ['api://plan'], portal: petstore-portal.default}}",
    );
    let gateway = Gateway::beside(provider.into(), clock, setup).await;
    let partner = other.access_token("api://plan", &json!({}));
    let own = gateway.provider.id_token(&json!({}));
    for (ask, plan) in [
        (pets().bearer(&partner), "partners"),
        (pets().bearer(&own), "all"),
        (orders().bearer(&partner), "partners"),
    ] {
        let answer = gateway.ask(ask).await;
        answer.granted();
        assert_eq!(answer.text("usage_plan"), plan);
    }
    gateway.ask(orders().bearer(&own)).await.refused(403, "not_granted");
}

#[tokio::test]
async fn answers_tell_how_much_is_left_where_the_settings_say_so() {
    let gateway = Gateway::with(five_a_minute().setting("limits", "{headers: true}")).await;
    let token = token(&gateway, "00u-anna");
    let fields = |answer: &Answer| {
        ["limit", "remaining", "reset"].map(|name| {
            answer.header(&format!("x-ratelimit-{name}")).map(str::to_owned).unwrap_or_default()
        })
    };
    gateway.later(15);
    for left in ["4", "3", "2", "1", "0"] {
        let answer = gateway.ask(pets().bearer(&token)).await;
        answer.granted();
        assert_eq!(fields(&answer), ["5, 5;w=60", left, "45"]);
    }
    let refused = gateway.ask(pets().bearer(&token)).await;
    refused.refused(429, "limit");
    assert_eq!(fields(&refused), ["5, 5;w=60", "0", "45"]);
    let none = gateway.ask(pets()).await;
    assert_eq!(fields(&none), ["", "", ""]);
}

#[tokio::test]
async fn a_portal_in_shadow_uses_nothing_up_and_limits_nobody() {
    let until = portcullis::time::UnixTime(NOW + 30).to_rfc3339();
    let setup = five_a_minute()
        .setting("portals", &format!("{{petstore-portal.default: {{shadow_until: '{until}'}}}}"));
    let gateway = Gateway::with(setup).await;
    let token = token(&gateway, "00u-anna");
    assert_eq!(passing(&gateway, &pets().bearer(&token), 12).await, 12);
    gateway.later(30);
    assert_eq!(passing(&gateway, &pets().bearer(&token), 12).await, 5);
}
