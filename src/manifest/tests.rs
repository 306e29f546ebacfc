use super::*;
use crate::config::{self, Base, ClientAuthentication, PortalAccess};
use crate::name::ResourceName;
use crate::policy::{self, Held, Input, Membership, PortalId, Route, Site};
use crate::policy::{Compiled, Environment, Portal};
use crate::problem::{Problem, Severity};
use crate::secret::Secret;
use std::path::Path;

mod api_keys;
mod docs;
mod groups;
mod last_good;
mod login;
mod products;

const SETTINGS: &str = "
resources: {paths: [portal]}
session: {store: memory}
";

/// The guide's documents, as Gloo Portal 1.x has them.
const GUIDE: &str = "\
apiVersion: portal.gloo.solo.io/v1beta1
kind: APIDoc
metadata: {name: petstore-schema, namespace: default}
spec: {openApi: {content: {fetchUrl: 'http://petstore.default:8080/swagger.json'}}}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: APIProduct
metadata: {name: petstore-product, namespace: default, labels: {app: petstore}}
spec:
  displayInfo: {title: Petstore Product, description: Petstore Product}
  versions:
  - name: v1
    apis: [{apiDoc: {name: petstore-schema, namespace: default}}]
    gatewayConfig:
      route: {inlineRoute: {backends: [{upstream: {name: petstore, namespace: gloo-system}}]}}
    tags: {stable: {}}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Environment
metadata: {name: dev, namespace: default}
spec:
  domains: [api.example.com, 'api.example.com:32000']
  displayInfo: {displayName: Development, description: for developers}
  apiProducts:
  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [petstore]}]
    versions: {tags: [stable]}
---
apiVersion: v1
kind: Secret
metadata: {name: petstore-portaloidc-secret, namespace: default}
data: {client_secret: aHVzaC1odXNoCg==}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {name: petstore-portal, namespace: default}
spec:
  displayName: Petstore Portal
  description: The Gloo Portal for the Petstore API
  customStyling: {}
  staticPages: []
  domains: [petstore.example.com, 'petstore.example.com:32000']
  publishedEnvironments: [{name: dev, namespace: default}]
  portalUrlPrefix: http://petstore.example.com:32000/
  oidcAuth:
    clientId: 0oaksnsdvwTd1b5wR5d6
    clientSecret: {name: petstore-portaloidc-secret, namespace: default, key: client_secret}
    groupClaimKey: groups
    issuer: https://dev-2933640.okta.com/oauth2/default
    additionalScopes: [groups]
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: oidc-group, namespace: default}
spec:
  accessLevel:
    apis:
    - products:     {names: [petstore-product], namespaces: [default]}
      environments: {names: [dev], namespaces: [default]}
    portals: [{name: petstore-portal, namespace: default}]
  oidcGroup: {groupNames: [PetstoreUsers]}
";

/// The same in the words of Gloo Portal 0.x.
const GUIDE_OLD: &str = "\
apiVersion: devportal.solo.io/v1alpha1
kind: APIDoc
metadata: {name: petstore-schema, namespace: default}
spec: {openApi: {content: {fetchUrl: 'http://petstore.default:8080/swagger.json'}}}
---
apiVersion: devportal.solo.io/v1alpha1
kind: APIProduct
metadata: {name: petstore-product, namespace: default, labels: {app: petstore}}
spec:
  displayInfo: {title: Petstore Product, description: Petstore Product}
  versions:
  - name: v1
    apis: [{apiDoc: {name: petstore-schema, namespace: default}}]
    defaultRoute: {inlineRoute: {backends: [{kube: {name: petstore, namespace: default, port: 80}}]}}
    tags: {stable: {}}
---
apiVersion: devportal.solo.io/v1alpha1
kind: Environment
metadata: {name: dev, namespace: default}
spec:
  domains: [api.example.com]
  displayInfo: {displayName: Development}
  apiProducts: [{name: petstore-product, namespace: default, publishedVersions: [{name: v1}]}]
---
apiVersion: v1
kind: Secret
metadata: {name: petstore-portaloidc-secret, namespace: default}
stringData: {client_secret: 'hush-hush'}
---
apiVersion: devportal.solo.io/v1alpha1
kind: Portal
metadata: {name: petstore-portal, namespace: default}
spec:
  displayName: Petstore Portal
  domains: [petstore.example.com]
  publishedEnvironments: [{name: dev, namespace: default}]
  oidcAuth:
    callbackUrlPrefix: http://petstore.example.com
    clientId: 0oaksnsdvwTd1b5wR5d6
    clientSecret: {name: petstore-portaloidc-secret, namespace: default, key: client_secret}
    groupClaimKey: groups
    issuer: https://dev-2933640.okta.com/oauth2/default
---
apiVersion: devportal.solo.io/v1alpha1
kind: Group
metadata: {name: oidc-group, namespace: default}
spec:
  accessLevel:
    apiProducts:
    - {name: petstore-product, namespace: default, environments: [{name: dev, namespace: default}]}
    portals: [{name: petstore-portal, namespace: default}]
  oidcGroup: {groupName: PetstoreUsers}
";

fn file(name: &str, text: &str) -> FileText {
    FileText { name: name.into(), text: Ok(text.to_owned()) }
}

fn compile_files(files: &[FileText], settings: &str, last: &Held) -> Compiled {
    let parsed =
        config::parse(settings, &Base::from(Path::new("/etc/portcullis"))).expect("settings");
    let (resources, problems) = read(&Manifests { files, watched: &[], secrets: &[] }, last);
    let input = Input {
        settings: &parsed.settings,
        places: &parsed.places,
        resources: &resources,
        last,
        known: &(),
    };
    let mut compiled = policy::compile(&input);
    compiled.problems.splice(0..0, problems);
    compiled
}

fn compile(text: &str) -> Compiled {
    compile_with(text, SETTINGS)
}

fn compile_with(text: &str, settings: &str) -> Compiled {
    compile_files(&[file("petstore.yaml", text)], settings, &Held::default())
}

fn of(problems: &[Problem], severity: Severity) -> Vec<String> {
    let fits = problems.iter().filter(|problem| problem.severity == severity);
    fits.map(ToString::to_string).collect()
}

fn errors(compiled: &Compiled) -> Vec<String> {
    of(&compiled.problems, Severity::Error)
}

/// What the guide's documents come to with one change.
fn changed(from: &str, to: &str) -> Compiled {
    assert!(GUIDE.contains(from), "{from}");
    compile(&GUIDE.replacen(from, to, 1))
}

fn portal(compiled: &Compiled) -> Option<&Portal> {
    compiled.snapshot.portals.first()
}

fn environment(compiled: &Compiled) -> Option<&Environment> {
    compiled.snapshot.environments.first()
}

/// Whether a member of `group` may call the guide's product.
fn may_call(compiled: &Compiled, group: &str) -> bool {
    let caller = Membership {
        portals: compiled.snapshot.portals().map(|(id, _)| id).collect(),
        groups: [group].into_iter().collect(),
    };
    let product = ResourceName::new("petstore-product", "default");
    let products = compiled.snapshot.products_for(&caller);
    products.contains(&(product, ResourceName::new("dev", "default")))
}

fn may_enter(compiled: &Compiled, group: &str) -> bool {
    let Some(portal) = portal(compiled) else { return false };
    let id = PortalId(0);
    let caller = Membership { portals: [id].into(), groups: [group].into_iter().collect() };
    compiled.snapshot.authorize(&caller, &Route::Portal(id, portal)).is_ok()
}

#[test]
fn reads_the_guide_in_both_api_versions() {
    for (guide, redirect_uri, scopes) in [
        (GUIDE, "http://petstore.example.com:32000/callback", &["openid", "groups"][..]),
        (GUIDE_OLD, "http://petstore.example.com/callback", &["openid"]),
    ] {
        let compiled = compile(guide);
        assert_eq!(compiled.problems, []);
        let portal = portal(&compiled).expect("a Portal");
        assert_eq!(portal.redirect_uri, redirect_uri);
        assert_eq!(portal.name.to_string(), "petstore-portal.default");
        assert_eq!(portal.hosts.len(), 1);
        assert!(!portal.secure_cookies && portal.access == PortalAccess::Required);
        let login = portal.login.as_ref().expect("a login");
        assert_eq!(login.client_secret, Secret::new("hush-hush".to_owned()));
        assert_eq!(login.client_authentication, ClientAuthentication::Basic);
        assert_eq!(login.issuer.as_str(), "https://dev-2933640.okta.com/oauth2/default");
        assert_eq!(login.client_id, "0oaksnsdvwTd1b5wR5d6");
        assert_eq!(
            (login.group_claim.as_str(), login.scopes.as_slice()),
            ("groups", &scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>()[..])
        );
        let environment = environment(&compiled).expect("an Environment");
        assert_eq!(environment.portals, [PortalId(0)].into());
        assert_eq!(environment.products.len(), 1);
        assert_eq!(environment.products[0].base_path, [""; 0]);
        assert!(may_call(&compiled, "PetstoreUsers") && may_enter(&compiled, "PetstoreUsers"));
        for group in ["petstoreusers", "PetstoreUser", "PetstoreUsers ", "", "Everyone"] {
            assert!(!may_call(&compiled, group) && !may_enter(&compiled, group), "{group:?}");
        }
        let issuer = &login.issuer;
        let snapshot = &compiled.snapshot;
        assert_eq!(snapshot.portals_of(issuer, "0oaksnsdvwTd1b5wR5d6"), &[PortalId(0)].into());
        assert_eq!(snapshot.portals_of(issuer, "other"), &[].into());
        assert_eq!(snapshot.portals_with_issuer(issuer), &[PortalId(0)].into());
        assert_eq!(snapshot.issuers().len(), 1);
        assert!(matches!(snapshot.site("api.example.com"), Some(Site::Environment(_))));
    }
}

#[test]
fn reads_lists_json_and_further_documents() {
    let text = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "portal.gloo.solo.io/v1beta1", "kind": "Group",
         "metadata": {"name": "a"}, "spec": {"oidcGroup": {"groupNames": ["A"]}}},
        {"apiVersion": "portal.gloo.solo.io/v1beta1", "kind": "Group",
         "metadata": {"name": "b", "namespace": "x"}, "spec": {"oidcGroup": {"groupNames": ["B"]}}}
    ]}"#;
    let compiled = compile(text);
    assert_eq!(compiled.problems, []);
    let names: Vec<String> =
        compiled.snapshot.groups.iter().map(|group| group.name.to_string()).collect();
    assert_eq!(names, ["a.default", "b.x"]);
}

#[test]
fn no_loss_of_a_line_lets_anybody_else_in() {
    let lines: Vec<&str> = GUIDE.lines().collect();
    for gone in 0..lines.len() {
        let mut left = lines.clone();
        let line = left.remove(gone);
        let compiled = compile(&left.join("\n"));
        for group in ["Everyone", "", "groups", "petstore"] {
            assert!(!may_call(&compiled, group) && !may_enter(&compiled, group), "{line}");
        }
    }
}

#[test]
fn says_what_it_does_not_use() {
    let text = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: petstore}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: User
metadata: {name: dev1}
spec: {username: dev1}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: g}
spec:
  colour: blue
  oidcGroup: {groupNames: [G], claim: x}
  accessLevel: {apiProducts: []}
---
apiVersion: portal.gloo.solo.io/v2
kind: Group
metadata: {name: later}
";
    let compiled = compile(text);
    assert_eq!(errors(&compiled), [""; 0]);
    assert_eq!(
        of(&compiled.problems, Severity::Notice),
        [
            "petstore.yaml:1: notice: apps/v1 Deployment is not a kind that is known here",
            "petstore.yaml:14: notice: spec.colour: unknown key; known here: accessLevel, description, \
         displayName, oidcGroup, userSelector",
            "petstore.yaml:15: notice: spec.oidcGroup.claim: unknown key; known here: groupName, \
         groupNames",
            "petstore.yaml:16: notice: spec.accessLevel.apiProducts: unknown key; known here: apis, \
         portals",
            "petstore.yaml:18: notice: portal.gloo.solo.io/v2 Group is not a kind that is known here",
        ]
    );
    assert_eq!(compiled.snapshot.groups.len(), 1);
}

#[test]
fn a_document_that_names_nothing_is_a_problem() {
    let cases = [
        ("a: 1", "petstore.yaml:1: apiVersion: expected a value; there is none"),
        ("[1]", "petstore.yaml:1: expected a mapping, found a list"),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {}",
            "petstore.yaml:3: metadata.name: expected a value; there is none",
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: A_b}",
            "petstore.yaml:3: metadata.name: expected a name of lower-case letters, digits, - and .",
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b.c}",
            "petstore.yaml:3: metadata.namespace: expected a namespace of lower-case letters, \
             digits and -",
        ),
        ("a: [", "petstore.yaml:2: expected YAML"),
    ];
    for (text, want) in cases {
        let found = errors(&compile(text));
        assert!(found.iter().any(|found| found.starts_with(want)), "{text}: {found:?}");
    }
}

#[test]
fn the_second_of_two_with_one_name_is_left_out() {
    let group = "apiVersion: portal.gloo.solo.io/v1beta1\nkind: Group\nmetadata: {name: g}\n";
    let files = [
        file("a.yaml", &format!("{group}spec: {{oidcGroup: {{groupNames: [A]}}}}")),
        file("b.yaml", &format!("---\n{group}spec: {{oidcGroup: {{groupNames: [B]}}}}")),
    ];
    let compiled = compile_files(&files, SETTINGS, &Held::default());
    assert_eq!(
        errors(&compiled),
        ["b.yaml:2: expected Group g.default once; it is in a.yaml:1 already"]
    );
    assert_eq!(compiled.snapshot.known_groups(["A", "B"]).to_vec(), ["A"]);
}
