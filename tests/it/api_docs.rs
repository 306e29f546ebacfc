//! Operations of APIDocs: what no product lists is refused, wherever the documents come from.

mod server;

use crate::commands::{folder, portcullis, text};
use crate::support::{API, Ask, Gateway, Setup, eventually};
use serde_json::json;
use server::Server;

const GROUP: &str = "PetstoreUsers";

/// What the Petstore offers; `mine` is picked out of the second product.
const PETS: &str = "openapi: 3.0.3\npaths:\n  /api/pets:\n    get: {operationId: list}\n    post: {operationId: add}\n  \
                    /api/pets/{id}:\n    get: {operationId: find}\n    head: {operationId: peek}\n";
const BANK: &str = "swagger: '2.0'\nbasePath: /api\npaths:\n  /pets/mine:\n    get: {operationId: mine}\n    \
                    delete: {operationId: drop}\n  /pets:\n    put: {operationId: replace}\n";

/// A second product without a base path of its own, which another group is granted.
const SECOND: &str = "apiVersion: portal.gloo.solo.io/v1beta1
kind: APIDoc
metadata: {name: bank-schema, namespace: default}
spec: {openApi: {content: {configMap: {name: documents, key: bank.yaml}}}}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: APIProduct
metadata: {name: bank, namespace: default, labels: {app: petstore}}
spec:
  versions:
  - name: v1
    apis:
    - apiDoc: {name: bank-schema}
      openApi: {operations: [{id: mine}, {id: replace}]}
    tags: {stable: {}}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: bankers, namespace: default}
spec:
  accessLevel:
    apis: [{products: {names: [bank]}, environments: {names: [dev]}}]
    portals: [{name: petstore-portal}]
  oidcGroup: {groupNames: [Bankers]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: documents, namespace: default}
data:
  other: not a document
  bank.yaml: |
";

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// The guide's APIDoc with this text.
fn inline(text: &str) -> String {
    let text = serde_json::to_string(text).expect("a string");
    format!("spec: {{openApi: {{content: {{inlineString: {text}}}}}}}")
}

fn pets_inline() -> Setup {
    Setup::default().edit("spec: {}", &inline(PETS))
}

fn both() -> Setup {
    pets_inline().add(&format!("{SECOND}{}", indented(BANK)))
}

/// Status, reason and product of what a member of both groups hears.
async fn heard(gateway: &Gateway, method: &str, path: &str) -> String {
    ask(gateway, Ask::get(API).method(method).path(path)).await
}

async fn ask(gateway: &Gateway, ask: Ask) -> String {
    let token = gateway.provider.id_token(&json!({ "groups": [GROUP, "Bankers"] }));
    let answer = gateway.ask(ask.bearer(&token)).await;
    match answer.allowed {
        true => answer.text("product").to_owned(),
        false => format!("{} {}", answer.status, answer.reason()),
    }
}

const PETSTORE: &str = "petstore-product.default";
const UNLISTED: &str = "403 no_route";
const AMBIGUOUS: &str = "400 ambiguous_request";

#[tokio::test]
async fn what_no_product_lists_is_refused() {
    let gateway = Gateway::with(both()).await;
    assert_eq!(gateway.problems, []);
    let cases = [
        ("GET", "/api/pets", PETSTORE),
        ("POST", "/api/pets", PETSTORE),
        ("GET", "/api/pets/", PETSTORE),
        ("GET", "/api/pets?x=/api/other", PETSTORE),
        ("GET", "/api/pets/1", PETSTORE),
        ("HEAD", "/api/pets/1", PETSTORE),
        ("GET", "/api/pets/mine", "bank.default"),
        ("PUT", "/api/pets", "bank.default"),
        // Not listed, not picked, or listed with another method.
        ("HEAD", "/api/pets", UNLISTED),
        ("DELETE", "/api/pets", UNLISTED),
        ("DELETE", "/api/pets/mine", UNLISTED),
        ("OPTIONS", "/api/pets", UNLISTED),
        ("GET", "/", UNLISTED),
        ("GET", "/api", UNLISTED),
        ("GET", "/pets", UNLISTED),
        ("GET", "/api/pets/1/2", UNLISTED),
        ("GET", "/api/petsy", UNLISTED),
    ];
    for (method, path, want) in cases {
        assert_eq!(heard(&gateway, method, path).await, want, "{method} {path}");
    }
}

/// No spelling of a path reaches one product's operation by another product's rights.
#[tokio::test]
async fn hostile_paths_lead_to_no_operation_that_they_do_not_spell() {
    let gateway = Gateway::with(both()).await;
    let cases = [
        // Some server reads `mine`, another one a pet by another name.
        ("/api/pets/%6dine", AMBIGUOUS),
        ("/api/%70ets/mine", AMBIGUOUS),
        ("/api/pets/mine%3fx", AMBIGUOUS),
        ("/api/pets%3fx/1", UNLISTED),
        ("/api/pets%23/1", UNLISTED),
        ("/api/pets/%3f", AMBIGUOUS),
        // For every server a part of the same operation.
        ("/api/pets/%31", PETSTORE),
        ("/api/pets/a%20b", PETSTORE),
        ("/api/pets/a%3ab", PETSTORE),
        ("/api/pets/MINE", PETSTORE),
        ("/API/pets/mine", UNLISTED),
        ("/api/Pets", UNLISTED),
        ("/api//pets", AMBIGUOUS),
        ("/api/pets//", AMBIGUOUS),
        ("/api/./pets", AMBIGUOUS),
        ("/api/pets/1/..", AMBIGUOUS),
        ("/api/pets/%2e%2e/pets", AMBIGUOUS),
        ("/api/pets/1%2fmine", AMBIGUOUS),
        ("/api/pets/1%5cmine", AMBIGUOUS),
        ("/api/pets;x=1", AMBIGUOUS),
        ("/api/pets/mine;x", AMBIGUOUS),
        ("/api/pets/%256dine", AMBIGUOUS),
        ("/api/pets/%20", AMBIGUOUS),
        ("/api/pets/%00", AMBIGUOUS),
        ("/api/pets/mine%20", PETSTORE),
    ];
    for (path, want) in cases {
        assert_eq!(heard(&gateway, "GET", path).await, want, "{path}");
    }
}

#[tokio::test]
async fn what_two_products_list_is_refused_unless_the_gateway_says_which() {
    let setup = both().edit("/pets/mine:", "/pets/{name}:");
    let gateway = Gateway::with(setup).await;
    assert_eq!(heard(&gateway, "GET", "/api/pets/1").await, UNLISTED);
    assert_eq!(heard(&gateway, "HEAD", "/api/pets/1").await, PETSTORE);
    let named = |product, path| Ask::get(&format!("{API}{path}")).context("product", product);
    for product in [PETSTORE, "bank.default"] {
        assert_eq!(ask(&gateway, named(product, "/api/pets/1")).await, product);
        // It is the product's, and the product lists no more than this.
        for path in ["/api", "/", "/elsewhere", "/api/pets/1/2"] {
            assert_eq!(ask(&gateway, named(product, path)).await, UNLISTED, "{product} {path}");
        }
    }
    assert_eq!(ask(&gateway, named(PETSTORE, "/api/pets")).await, PETSTORE);
    assert_eq!(ask(&gateway, named("bank.default", "/api/pets")).await, UNLISTED);
    // Also by another spelling.
    assert_eq!(ask(&gateway, named(PETSTORE, "/api/p%65ts")).await, AMBIGUOUS);
}

#[tokio::test]
async fn operations_are_matched_below_the_base_path_and_unlisted_ones_included_where_asked_for() {
    let setup = both()
        .edit(
            "    labels: [{key: app, operator: Equals, values: [petstore]}]\n",
            "    labels: [{key: app, operator: Equals, values: [petstore]}]\n    basePath: /base\n",
        )
        .edit(
            "apis: [{apiDoc: {name: petstore-schema, namespace: default}}]",
            "apis: [{apiDoc: {name: petstore-schema, namespace: default}, includeUnlistedOperations: true}]",
        );
    let gateway = Gateway::with(setup).await;
    let cases = [
        ("GET", "/base/api/pets", PETSTORE),
        ("GET", "/base/api/pets/mine", "bank.default"),
        ("DELETE", "/base/api/pets/mine", PETSTORE),
        ("GET", "/base/anything", PETSTORE),
        ("GET", "/base", PETSTORE),
        ("GET", "/api/pets", UNLISTED),
        ("GET", "/based", UNLISTED),
    ];
    for (method, path, want) in cases {
        assert_eq!(heard(&gateway, method, path).await, want, "{method} {path}");
    }
}

#[tokio::test]
async fn a_preflight_that_comes_here_is_one_wherever_it_leads() {
    let gateway = Gateway::with(both()).await;
    let preflight = Ask::get(&format!("{API}/api/pets"))
        .method("OPTIONS")
        .header("origin", API)
        .header("access-control-request-method", "GET");
    gateway.ask(preflight).await.refused(403, "no_credentials");
}

#[tokio::test]
async fn a_document_that_breaks_leaves_the_last_good_one_in_force() {
    let gateway = Gateway::with(both()).await;
    let file = gateway.folder.path().join("portal/all.yaml");
    let text = std::fs::read_to_string(&file).expect("resources");
    for (from, to) in [("openapi: 3.0.3", "openapi: 9"), ("bank.yaml: |", "bank.txt: |")] {
        assert!(text.contains(from), "{from}");
        std::fs::write(&file, text.replacen(from, to, 1)).expect("written");
        gateway.load().await;
        assert_eq!(
            gateway.metric("portcullis_policy_problems").await,
            2,
            "an error, and what stays"
        );
        for (path, want) in [("/api/pets/mine", "bank.default"), ("/api/other", UNLISTED)] {
            assert_eq!(heard(&gateway, "GET", path).await, want, "{to} {path}");
        }
    }
    std::fs::write(&file, text.replacen("/pets/mine", "/pets/ours", 1)).expect("written");
    gateway.load().await;
    assert_eq!(heard(&gateway, "GET", "/api/pets/ours").await, "bank.default");
    assert_eq!(heard(&gateway, "GET", "/api/pets/mine").await, PETSTORE);
}

#[tokio::test]
async fn one_that_never_held_leaves_the_base_path_or_nothing() {
    for (settings, want) in [("{}", PETSTORE), ("{unknown: refuse}", UNLISTED)] {
        let setup =
            Setup::default().edit("spec: {}", &inline("openapi: 9")).setting("documents", settings);
        let gateway = Gateway::with(setup).await;
        let errors = gateway.problems.iter().filter(|problem| problem.is_error());
        let errors: Vec<String> = errors.map(ToString::to_string).collect();
        assert!(
            matches!(&*errors, [one] if one.contains("spec.openApi.content.inlineString: expected an OpenAPI document: line 1:")),
            "{errors:?}"
        );
        assert_eq!(heard(&gateway, "GET", "/anything").await, want);
    }
}

fn fetching(server: &Server, documents: &str) -> Setup {
    let source = format!("spec: {{openApi: {{content: {{fetchUrl: '{}'}}}}}}", server.url);
    Setup::default().edit("spec: {}", &source).setting("documents", documents)
}

/// A server, or a cache on the way, that says "not changed" of what was never had.
#[tokio::test]
async fn a_304_that_nobody_asked_for_is_a_failure() {
    let server = Server::start(304, "").await;
    let gateway = Gateway::with(fetching(&server, LOOPBACK)).await;
    eventually(|| gateway.documents.counts().failed > 0).await;
    assert_eq!(gateway.documents.counts().unchanged, 0);
    let body = gateway.admin("/readyz").await.1;
    assert!(body.contains("petstore-schema.default: answered with status 304"), "{body}");
}

const LOOPBACK: &str = "{allow_addresses: [127.0.0.0/8]}";

#[tokio::test]
async fn a_fetched_document_counts_from_the_first_fetch_and_stays_through_failures() {
    let server = Server::start(503, "").await;
    let gateway = Gateway::with(fetching(&server, LOOPBACK)).await;
    let over = || gateway.documents.first_fetches_over();
    eventually(over).await;
    // Nobody knows its operations: the base path decides, and `/readyz` says why.
    assert_eq!(heard(&gateway, "GET", "/anything").await, PETSTORE);
    let (status, body) = gateway.admin("/readyz").await;
    assert!(
        status == 200 && body.contains("APIDoc petstore-schema.default: answered with status 503"),
        "{body}"
    );
    assert_eq!(gateway.metric("portcullis_documents{state=\"unknown\"}").await, 1);
    let counts = || gateway.documents.counts();

    server.answer(200, PETS);
    let fetched = counts().fetched;
    gateway.documents.refetch();
    eventually(|| counts().fetched > fetched).await;
    listed_at_last(&gateway, "/anything", UNLISTED).await;
    assert_eq!(heard(&gateway, "GET", "/api/pets/1").await, PETSTORE);
    assert_eq!(gateway.metric("portcullis_documents{state=\"known\"}").await, 1);
    gateway.later(60);
    let age = "portcullis_document_age_seconds{api_doc=\"petstore-schema.default\"}";
    assert_eq!(gateway.metric(age).await, 60);

    // It has not changed: it is asked for by its tag, and nothing is read.
    let unchanged = counts().unchanged;
    gateway.documents.refetch();
    eventually(|| counts().unchanged > unchanged).await;
    assert_eq!(gateway.metric(age).await, 0);

    for (status, body) in [(503, ""), (200, "no document"), (302, ""), (200, &*"x".repeat(5 << 20))]
    {
        server.answer(status, body);
        let failed = counts().failed;
        gateway.documents.refetch();
        eventually(|| counts().failed > failed).await;
        gateway.load().await;
        assert_eq!(heard(&gateway, "GET", "/anything").await, UNLISTED, "{status}");
        assert_eq!(heard(&gateway, "GET", "/api/pets/1").await, PETSTORE, "{status}");
    }
    let (_, body) = gateway.admin("/readyz").await;
    assert!(body.contains("its last operations stay in force"), "{body}");
    assert!(gateway.metric("portcullis_document_fetches_total{outcome=\"failed\"}").await >= 4);
    assert!(server.redirected() == 0, "a redirect was followed");

    // What it described last stays, too, where the APIDoc names another place that is silent.
    let file = gateway.folder.path().join("portal/all.yaml");
    let text = std::fs::read_to_string(&file).expect("resources");
    std::fs::write(&file, text.replace("/swagger.json", "/moved.json")).expect("written");
    gateway.load().await;
    assert_eq!(heard(&gateway, "GET", "/anything").await, UNLISTED);

    server.answer(200, &PETS.replace("/api/pets:", "/api/dogs:"));
    gateway.documents.refetch();
    listed_at_last(&gateway, "/api/dogs", PETSTORE).await;
    assert_eq!(heard(&gateway, "GET", "/api/pets").await, UNLISTED);
}

#[tokio::test]
async fn lint_and_explain_fetch_documents_and_say_what_they_came_to() {
    let server = Server::start(200, PETS).await;
    let folder = folder(&fetching(&server, LOOPBACK));
    let run = async |command: &str, more: &[&str]| {
        let arguments = [&[command, "--config", "portcullis.yaml"], more].concat();
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let path = folder.path().to_owned();
        let run = tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            portcullis(&path, &arguments)
        });
        text(&run.await.expect("runs").stdout)
    };
    let explain = async |path: &str| {
        let url = format!("{API}{path}");
        run("explain", &["--url", &url, "--groups", GROUP]).await
    };
    let said = explain("/api/pets/1").await;
    assert!(said.contains("by its operation find (GET /api/pets/{id})"), "{said}");
    let said = explain("/api/other").await;
    assert!(said.contains("no product of the Environment lists this method and path"), "{said}");
    let silent = "the document cannot be had from here: answered with status 503; until its";
    let said = run("lint", &[]).await;
    assert!(!said.contains("document"), "{said}");
    server.answer(503, "");
    let said = run("lint", &[]).await;
    assert!(said.contains(silent), "{said}");
    let asked = server.asked();
    let said = run("lint", &["--offline"]).await;
    assert!(!said.contains("document") && server.asked() == asked, "{said}");
}

/// Waits until the policy that a fetched document makes is in force.
async fn listed_at_last(gateway: &Gateway, path: &str, want: &str) {
    let wait = async { while heard(gateway, "GET", path).await != want {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), wait).await.expect("in force at last");
}

#[tokio::test]
async fn addresses_that_settings_do_not_allow_are_never_asked() {
    let server = Server::start(200, PETS).await;
    for settings in
        ["{}", "{allow_addresses: []}", "{allow_http: false, allow_addresses: [127.0.0.0/8]}"]
    {
        for url in [server.url.clone(), server.url.replace("127.0.0.1", "localhost")] {
            let source = format!("spec: {{openApi: {{content: {{fetchUrl: '{url}'}}}}}}");
            let setup = Setup::default().edit("spec: {}", &source).setting("documents", settings);
            let gateway = Gateway::with(setup).await;
            eventually(|| gateway.documents.first_fetches_over()).await;
            assert_eq!(heard(&gateway, "GET", "/anything").await, PETSTORE);
        }
    }
    assert_eq!(server.asked(), 0);
}
