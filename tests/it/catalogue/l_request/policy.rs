//! What the policy may say, and what it grants.

use crate::commands::{folder, portcullis, text};
use crate::policy::{as_member, two_products};
use crate::support::{API, Ask, Gateway, PORTAL, Setup};
use portcullis::problem::Problem;
use serde_json::json;

/// Problems, each as `path: message`.
async fn errors(setup: Setup) -> Vec<String> {
    let gateway = Gateway::with(setup).await;
    let errors = gateway.problems.iter().filter(|problem| problem.is_error());
    errors.map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}

const DOMAINS: &str = "[api.petstore.localhost, 'api.petstore.localhost:10000']";

#[tokio::test]
async fn l33_a_name_is_a_name_and_no_pattern() {
    // A dot is a dot.
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    for host in ["api-petstore.localhost", "apixpetstore.localhost", "xapi.petstore.localhost"] {
        let ask = Ask::get(&format!("http://{host}/pets")).bearer(&token);
        gateway.ask(ask).await.refused(403, "no_route");
    }
    // What would be a pattern is refused, with the place.
    let patterns = [
        "*",
        "**.localhost",
        "api.*.localhost",
        "api*.localhost",
        "*api.localhost",
        ".localhost",
        "^api[.]localhost$",
        "(a+)+$",
        "api.localhost/x",
        "http://api.localhost",
        "a,b",
        "b\u{fc}cher.example",
        "*.*",
    ];
    for pattern in patterns {
        let found = errors(Setup::default().edit(DOMAINS, &format!("['{pattern}']"))).await;
        let named = found.iter().any(|error| error.starts_with("spec.domains[0]: expected a host"));
        assert!(named, "{pattern}: {found:?}");
    }
    for path in
        ["pets", "/a/../b", "//a", "/a%2fb", "/a;b", "/a?b", "/a/{%x%}", "/a\\b", "https://x/y"]
    {
        let found =
            errors(two_products().edit("basePath: /bank", &format!("basePath: '{path}'"))).await;
        let named = found.iter().any(|error| error.contains(".basePath: expected"));
        assert!(named, "{path}: {found:?}");
    }
    // A group's name is compared byte for byte.
    for name in [".*", "^PetstoreUsers$", "Petstore*", "Petstore.sers", "(a+)+$"] {
        let setup = Setup::default()
            .edit("groupNames: [PetstoreUsers]", &format!("groupNames: ['{name}']"));
        let gateway = Gateway::with(setup).await;
        let ask = |groups| as_member(&gateway, groups, Ask::get(API));
        ask(json!(["PetstoreUsers"])).await.refused(403, "not_granted");
        ask(json!([format!("{}!", "a".repeat(4000))])).await.refused(403, "not_granted");
        ask(json!([name])).await.granted();
    }
}

#[test]
fn l34_a_policy_that_is_none_starts_nothing_and_says_where() {
    let cases = [
        ("", "there are none"),
        ("# nothing yet\n", "there are none"),
        ("{{{", "all.yaml:2: expected YAML"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {}\n", "there are none"),
    ];
    for (resources, said) in cases {
        let folder = folder(&Setup::default());
        std::fs::write(folder.path().join("portal/all.yaml"), resources).expect("written");
        for command in ["serve", "lint"] {
            let run = portcullis(folder.path(), &[command, "--config", "portcullis.yaml"]);
            assert_eq!(run.status.code(), Some(1), "{command}: {resources:?}");
            let all = text(&run.stdout) + &text(&run.stderr);
            assert!(all.contains(said), "{command}: {resources:?}: {all}");
        }
    }
}

#[tokio::test]
async fn l34_what_is_not_granted_is_denied_and_what_is_said_twice_is_a_problem() {
    // No Group at all.
    let setup = Setup::default().edit("groupNames: [PetstoreUsers]", "groupNames: []");
    let gateway = Gateway::with(setup).await;
    let ask = as_member(&gateway, json!(["PetstoreUsers", ""]), Ask::get(API)).await;
    ask.refused(403, "not_granted");
    // The same product, Group, Portal or Environment twice: the second one is refused.
    let twice = [
        "kind: APIProduct\nmetadata: {name: petstore-product, namespace: default}\nspec: {}\n",
        "kind: Group\nmetadata: {name: oidc-group, namespace: default}\nspec: {oidcGroup: {groupNames: [Everyone]}, accessLevel: {portals: [{name: petstore-portal, namespace: default}], apis: [{products: {}, environments: {}}]}}\n",
        "kind: Environment\nmetadata: {name: dev, namespace: default}\nspec: {domains: [evil.localhost]}\n",
    ];
    for document in twice {
        let document = format!("apiVersion: portal.gloo.solo.io/v1beta1\n{document}");
        let gateway = Gateway::with(Setup::default().add(&document)).await;
        let problem = gateway.problems.iter().find(|problem| problem.is_error());
        let problem = problem.unwrap_or_else(|| panic!("no problem: {document}")).to_string();
        assert!(problem.contains("all.yaml:"), "{problem}");
        // Everyone is in the group that the second document would let in.
        as_member(&gateway, json!(["Everyone"]), Ask::get(API)).await.refused(403, "not_granted");
    }
    // Two resources on one host: the first one has it.
    let second = "apiVersion: portal.gloo.solo.io/v1beta1\nkind: Environment\nmetadata: {name: second, namespace: default}\nspec: {domains: ['API.petstore.localhost.:1']}\n";
    let found = errors(Setup::default().add(second)).await;
    assert!(
        found.iter().any(|error| error.contains("a host name that no other resource has")),
        "{found:?}"
    );
}

#[tokio::test]
async fn l34_the_host_of_a_resource_that_is_left_out_falls_to_no_wildcard_above_it() {
    let portal = "[portal.petstore.localhost, 'portal.petstore.localhost:10000', '*.localhost']";
    let setup = Setup::default()
        .edit("[portal.petstore.localhost, 'portal.petstore.localhost:10000']", portal)
        .setting("portals", "{petstore-portal.default: {access: optional}}");
    for domains in [
        "[api.petstore.localhost, '*.apis.localhost']\n  basePath: pets",
        "[api.petstore.localhost, '*.apis.localhost', '*.*']",
    ] {
        let gateway = Gateway::with(setup.clone().edit(DOMAINS, domains)).await;
        assert!(gateway.problems.iter().any(Problem::is_error), "{domains} holds");
        for url in [API, "http://x.apis.localhost"] {
            gateway.ask(Ask::get(&format!("{url}/pets"))).await.refused(403, "no_route");
        }
        for url in ["http://other.localhost/", PORTAL] {
            let answer = gateway.ask(Ask::get(url)).await;
            assert!(answer.allowed && answer.reason() == "public", "{url}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn l35_the_path_of_a_product_that_is_left_out_is_not_another_s() {
    let setup = two_products().edit("basePath: /bank", "basePath: /pets/bank");
    let faulty = setup
        .clone()
        .edit("labels: {app: bank}}\nspec:", "labels: {app: bank}}\nspec:\n  usagePlans: [gone]");
    for (setup, reason) in [(setup, "not_granted"), (faulty.clone(), "no_route")] {
        let gateway = Gateway::with(setup).await;
        let ask =
            |path: &str| as_member(&gateway, json!(["PetstoreUsers"]), Ask::get(API).path(path));
        ask("/pets/1").await.granted();
        ask("/pets/bankers").await.granted();
        for path in ["/pets/bank", "/pets/bank/1"] {
            ask(path).await.refused(403, reason);
        }
    }
    // Two at one path are told apart by nothing, and one that is left out is still the other one.
    let twin = faulty.edit("basePath: /pets/bank", "basePath: /pets");
    let gateway = Gateway::with(twin).await;
    let pets = || Ask::get(&format!("{API}/pets"));
    as_member(&gateway, json!(["PetstoreUsers"]), pets()).await.refused(403, "no_route");
    let named = pets().context("product", "petstore-product.default");
    as_member(&gateway, json!(["PetstoreUsers"]), named).await.granted();
}

#[tokio::test]
async fn l35_a_group_of_one_product_opens_no_other() {
    let bank_users = "apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: bank-group, namespace: default}
spec:
  accessLevel:
    apis:
    - products: {names: [bank-product], namespaces: [default]}
      environments: {names: [dev], namespaces: [default]}
    portals: [{name: petstore-portal, namespace: default}]
  oidcGroup: {groupNames: [BankUsers]}
";
    let gateway = Gateway::with(two_products().add(bank_users)).await;
    let ask = |group: &str, path: &str| {
        let ask = Ask::get(&format!("{API}{path}"));
        let groups = json!([group]);
        let gateway = &gateway;
        async move { as_member(gateway, groups, ask).await }
    };
    for _time in 0..2 {
        ask("PetstoreUsers", "/pets").await.granted();
        ask("BankUsers", "/bank").await.granted();
        ask("PetstoreUsers", "/bank").await.refused(403, "not_granted");
        ask("BankUsers", "/pets").await.refused(403, "not_granted");
        ask("bank-group", "/bank").await.refused(403, "not_granted");
        ask("bank-group.default", "/bank").await.refused(403, "not_granted");
    }
    // L36: rights are the union over the caller's Groups, in any order, however often they come.
    for groups in [
        json!(["PetstoreUsers", "BankUsers"]),
        json!(["x", "BankUsers", "PetstoreUsers", "BankUsers"]),
    ] {
        for path in ["/pets", "/bank"] {
            let ask = Ask::get(&format!("{API}{path}"));
            as_member(&gateway, groups.clone(), ask).await.granted();
        }
    }
}

#[tokio::test]
async fn l36_a_group_that_grants_nothing_takes_nothing_away() {
    let gateway = Gateway::with(two_products()).await;
    let pets = || Ask::get(&format!("{API}/pets"));
    for groups in [
        json!(["PetstoreUsers", "OtherUsers"]),
        json!(["OtherUsers", "PetstoreUsers"]),
        json!(["Everyone", "PetstoreUsers", "nobody"]),
    ] {
        let answer = as_member(&gateway, groups, pets()).await;
        answer.granted();
        assert_eq!(answer.metadata["groups"], json!(["PetstoreUsers"]));
    }
}
