//! Who may do what, and where a request leads.

use crate::support::{API, Answer, Ask, Browser, Gateway, PORTAL, Setup};
use serde_json::json;

/// A second product in the same Environment, below another path, and a second Environment that only
/// another Portal publishes, with a Group of its own.
const MORE: &str = "apiVersion: portal.gloo.solo.io/v1beta1
kind: APIProduct
metadata: {name: bank-product, namespace: default, labels: {app: bank}}
spec:
  versions:
  - name: v1
    apis: [{apiDoc: {name: petstore-schema, namespace: default}}]
    tags: {stable: {}}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Environment
metadata: {name: prod, namespace: default}
spec:
  domains: [prod.petstore.localhost]
  apiProducts:
  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [petstore]}]
    versions: {tags: [stable]}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {name: other-portal, namespace: default}
spec:
  domains: [other.petstore.localhost]
  portalUrlPrefix: http://other.petstore.localhost:10000/
  publishedEnvironments: [{name: prod, namespace: default}]
  oidcAuth:
    clientId: 0oaOtherPortal
    clientSecret: {name: petstore-secret, namespace: default, key: client_secret}
    groupClaimKey: groups
    issuer: '{ISSUER}'
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: other-group, namespace: default}
spec:
  accessLevel:
    apis:
    - products: {names: [petstore-product], namespaces: [default]}
      environments: {names: [dev, prod], namespaces: [default]}
    portals: [{name: other-portal, namespace: default}]
  oidcGroup: {groupNames: [OtherUsers]}
";

pub(crate) fn two_products() -> Setup {
    let products = "apiProducts:
  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [bank]}]
    basePath: /bank
    versions: {tags: [stable]}
  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [petstore]}]
    basePath: /pets
    versions: {tags: [stable]}
";
    let from = "apiProducts:
  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [petstore]}]
    versions: {tags: [stable]}
";
    Setup::default().edit(from, products).add(MORE)
}

pub(crate) async fn as_member(gateway: &Gateway, groups: serde_json::Value, ask: Ask) -> Answer {
    let token = gateway.provider.id_token(&json!({ "groups": groups }));
    gateway.ask(ask.bearer(&token)).await
}

#[tokio::test]
async fn nobody_is_let_in_whom_no_group_names() {
    let gateway = Gateway::with(two_products()).await;
    assert!(gateway.problems.iter().all(|problem| !problem.is_error()), "{:?}", gateway.problems);
    let pets = || Ask::get(&format!("{API}/pets/1"));
    as_member(&gateway, json!(["PetstoreUsers"]), pets()).await.granted();
    let others = [
        "petstoreusers",
        "PETSTOREUSERS",
        "PetstoreUser",
        "PetstoreUsers ",
        "PetstoreUsers,x",
        "*",
        "",
        "oidc-group",
        "Petstore\u{55}sers\u{200b}",
    ];
    for group in others {
        let answer = as_member(&gateway, json!([group]), pets()).await;
        assert_eq!((answer.status, answer.reason()), (403, "not_granted"), "{group:?}");
    }
}

#[tokio::test]
async fn a_product_that_no_group_grants_is_closed_even_without_a_plan() {
    let gateway = Gateway::with(two_products()).await;
    let answer =
        as_member(&gateway, json!(["PetstoreUsers"]), Ask::get(&format!("{API}/bank/1"))).await;
    answer.refused(403, "not_granted");
    assert_eq!(answer.text("product"), "bank-product.default");
}

#[tokio::test]
async fn a_group_counts_for_callers_of_its_portals_alone() {
    let gateway = Gateway::with(two_products()).await;
    // OtherUsers grants this product in this Environment, but only to callers of the other Portal.
    as_member(&gateway, json!(["OtherUsers"]), Ask::get(&format!("{API}/pets")))
        .await
        .refused(403, "not_granted");
    // And PetstoreUsers does not open an Environment that its Portal does not publish.
    let prod = || Ask::get("http://prod.petstore.localhost/pets");
    as_member(&gateway, json!(["PetstoreUsers"]), prod()).await.refused(403, "not_granted");
    let token =
        gateway.provider.id_token(&json!({"aud": "0oaOtherPortal", "groups": ["OtherUsers"]}));
    gateway.ask(prod().bearer(&token)).await.granted();
    gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await.refused(403, "not_granted");
}

#[tokio::test]
async fn products_are_told_apart_by_whole_segments() {
    let gateway = Gateway::with(two_products()).await;
    for (path, want) in [
        ("/pets", "petstore-product.default"),
        ("/pets/1", "petstore-product.default"),
        ("/pets/", "petstore-product.default"),
        ("/pets/%31", "petstore-product.default"),
    ] {
        let answer =
            as_member(&gateway, json!(["PetstoreUsers"]), Ask::get(&format!("{API}{path}"))).await;
        answer.granted();
        assert_eq!(answer.text("product"), want, "{path}");
    }
    for path in ["/", "/petsy", "/pet", "/Pets", "/x/pets", "/bankers"] {
        let ask = Ask::get(&format!("{API}{path}"));
        as_member(&gateway, json!(["PetstoreUsers"]), ask).await.refused(403, "no_route");
    }
    // A server that does not decode finds no product there, so it is not ours to allow.
    let ask = Ask::get(&format!("{API}/p%65ts/1"));
    as_member(&gateway, json!(["PetstoreUsers"]), ask).await.refused(400, "ambiguous_request");
}

#[tokio::test]
async fn two_products_at_one_path_are_none() {
    let setup = two_products().edit("basePath: /bank", "basePath: /pets");
    let gateway = Gateway::with(setup).await;
    let ask = || Ask::get(&format!("{API}/pets"));
    as_member(&gateway, json!(["PetstoreUsers"]), ask()).await.refused(403, "no_route");
    let named = ask().context("product", "petstore-product.default");
    as_member(&gateway, json!(["PetstoreUsers"]), named).await.granted();
}

#[tokio::test]
async fn the_gateway_s_context_has_to_agree_with_the_host() {
    let gateway = Gateway::with(two_products()).await;
    let agree = [
        vec![],
        vec![("environment", "dev.default")],
        vec![("product", "petstore-product.default")],
        vec![("portal", "petstore-portal.default")],
        vec![
            ("environment", "dev.default"),
            ("product", "petstore-product.default"),
            ("portal", "petstore-portal.default"),
        ],
        vec![("unknown_key", "x")],
    ];
    let disagree = [
        ("environment", "prod.default"),
        ("environment", "none.default"),
        ("environment", ""),
        ("environment", "dev"),
        ("product", "none.default"),
        ("product", ""),
        ("product", "x"),
        ("portal", "other-portal.default"),
        ("portal", ""),
        ("portal", "none.default"),
        ("access", ""),
        ("access", "yes"),
        ("access", "Public"),
    ];
    let ask = || Ask::get(&format!("{API}/pets"));
    for context in agree {
        let ask = context.iter().fold(ask(), |ask, (key, value)| ask.context(key, value));
        as_member(&gateway, json!(["PetstoreUsers"]), ask).await.granted();
    }
    for (key, value) in disagree {
        let answer = as_member(&gateway, json!(["PetstoreUsers"]), ask().context(key, value)).await;
        assert_eq!((answer.status, answer.reason()), (403, "no_route"), "{key}={value}");
    }
    let portal = Ask::get(&format!("{PORTAL}/")).context("environment", "dev.default");
    as_member(&gateway, json!(["PetstoreUsers"]), portal).await.refused(403, "no_route");
}

#[tokio::test]
async fn context_s_product_decides_over_the_path() {
    let gateway = Gateway::with(two_products()).await;
    let ask = Ask::get(&format!("{API}/pets")).context("product", "bank-product.default");
    as_member(&gateway, json!(["PetstoreUsers"]), ask).await.refused(403, "not_granted");
}

#[tokio::test]
async fn routing_by_context_alone_needs_it() {
    let setup = two_products().setting("environments", "{dev.default: {routing: context}}");
    let gateway = Gateway::with(setup).await;
    let ask = || Ask::get(&format!("{API}/pets"));
    let member = || json!(["PetstoreUsers"]);
    as_member(&gateway, member(), ask()).await.refused(403, "no_route");
    let product = ask().context("product", "petstore-product.default");
    let both = product.clone().context("environment", "dev.default");
    as_member(&gateway, member(), product).await.refused(403, "no_route");
    as_member(&gateway, member(), both).await.granted();
}

#[tokio::test]
async fn public_routes_pass_without_identity_whatever_came() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    let ask = || Ask::get(&format!("{API}/pets")).context("access", "public");
    for ask in [ask(), browser.dress(ask()), ask().bearer("garbage"), ask().method("POST")] {
        let answer = gateway.ask(ask).await;
        assert!(answer.allowed && answer.reason() == "public", "{answer:?}");
        assert_eq!(answer.text("sub"), "");
        let known = |name: &String| name == "cookie" || name.starts_with("x-portcullis-");
        assert!(answer.set.keys().all(known), "{:?}", answer.set);
    }
    // But a route that leads nowhere is none.
    let nowhere = Ask::get("http://evil.localhost/").context("access", "public");
    gateway.ask(nowhere).await.refused(403, "no_route");
    let ambiguous = Ask::get(API).path("/a/../b").context("access", "public");
    gateway.ask(ambiguous).await.refused(400, "ambiguous_request");
}

#[tokio::test]
async fn optional_routes_pass_visitors_and_know_who_is_known() {
    let setup =
        Setup::default().setting("portals", "{petstore-portal.default: {access: optional}}");
    let gateway = Gateway::with(setup).await;
    let home = format!("{PORTAL}/");
    let answer = gateway.ask(Ask::get(&home).navigate()).await;
    assert!(answer.allowed && answer.reason() == "public", "{answer:?}");
    let mut browser = Browser::default();
    let (_, answer) = browser.visit(&gateway, &format!("{PORTAL}/.auth/login")).await;
    assert_eq!(answer.granted().set["x-user-id"], "00u1");
    let stale = Ask::get(&home).navigate().header("cookie", "__Host-portcullis-s=1.x; a=b");
    let answer = gateway.ask(stale).await;
    assert!(answer.allowed && answer.reason() == "public", "{answer:?}");
    assert!(answer.set_cookie("__Host-portcullis-s").is_some_and(|c| c.contains("Max-Age=0")));
    assert_eq!(answer.set["cookie"], "a=b");
    gateway.ask(Ask::get(&home).bearer("garbage")).await.refused(401, "invalid_token");
    let required = Ask::get(&home).context("access", "required");
    gateway.ask(required).await.refused(401, "no_credentials");
}

#[tokio::test]
async fn a_portal_whose_apis_are_all_public_is_optional() {
    let setup = Setup::default().edit(
        "  publishedEnvironments:",
        "  allApisPublicViewable: true\n  publishedEnvironments:",
    );
    let gateway = Gateway::with(setup).await;
    let answer = gateway.ask(Ask::get(&format!("{PORTAL}/")).navigate()).await;
    assert!(answer.allowed && answer.reason() == "public", "{answer:?}");
    gateway.ask(Ask::get(&format!("{API}/pets"))).await.refused(401, "no_credentials");
}

#[tokio::test]
async fn an_unsafe_request_by_cookie_needs_evidence_of_its_origin() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    let ask = |method: &str| browser.dress(Ask::get(&format!("{API}/pets")).method(method));
    let evil = "http://evil.localhost:10000";
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        gateway.ask(ask(method)).await.refused(403, "cross_site");
        let refused = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", evil),
            ("origin", "null"),
            ("origin", "http://portal.petstore.localhost"),
            ("origin", "https://portal.petstore.localhost:10000"),
            ("referer", PORTAL),
        ];
        for (name, value) in refused {
            gateway.ask(ask(method).header(name, value)).await.refused(403, "cross_site");
        }
        let passed = [
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
            ("origin", API),
            ("origin", PORTAL),
        ];
        for (name, value) in passed {
            gateway.ask(ask(method).header(name, value)).await.granted();
        }
    }
    gateway.ask(ask("GET").header("sec-fetch-site", "cross-site")).await.granted();
    let upgrade = ask("GET").header("upgrade", "websocket");
    gateway.ask(upgrade.clone().header("origin", evil)).await.refused(403, "cross_site");
    gateway.ask(upgrade.header("origin", PORTAL)).await.granted();
}

#[tokio::test]
async fn a_bearer_needs_no_evidence_and_an_api_page_is_none_for_the_portal() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    gateway.ask(Ask::post(&format!("{API}/pets")).bearer(&token)).await.granted();
    let browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    let ask = browser.dress(Ask::post(&format!("{PORTAL}/x")).header("origin", API));
    gateway.ask(ask).await.refused(403, "cross_site");
}

#[tokio::test]
async fn a_wildcard_host_takes_bearers_and_no_logins() {
    let setup = Setup::default().edit(
        "domains: [api.petstore.localhost, 'api.petstore.localhost:10000']",
        "domains: ['*.wild.localhost']",
    );
    let gateway = Gateway::with(setup).await;
    let ask = || Ask::get("http://a.wild.localhost:10000/pets");
    let answer = gateway.ask(ask().navigate()).await;
    answer.refused(401, "no_credentials");
    let login = Ask::get("http://a.wild.localhost:10000/.auth/login").navigate();
    let answer = gateway.ask(login).await;
    assert!(!answer.allowed && answer.status != 302, "{answer:?}");
    as_member(&gateway, json!(["PetstoreUsers"]), ask()).await.granted();
}
