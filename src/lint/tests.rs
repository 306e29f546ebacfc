use super::*;
use crate::config::{self, Base};
use crate::manifest::{self, FileText, Manifests};
use crate::policy::{self, Input};
use std::path::Path;

const SETTINGS: &str = "resources: {paths: [a]}\nsession: {store: memory}\n";

/// Gives no cause for any warning.
const GOOD: &str = "\
apiVersion: portal.gloo.solo.io/v1beta1
kind: APIProduct
metadata: {name: pets}
spec: {versions: [{name: v1}]}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Environment
metadata: {name: dev}
spec:
  domains: [api.example.com]
  apiProducts: [{names: [pets]}]
---
apiVersion: v1
kind: Secret
metadata: {name: oidc}
stringData: {key: hush}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {name: petstore}
spec:
  domains: [petstore.example.com]
  portalUrlPrefix: https://petstore.example.com
  publishedEnvironments: [{name: dev}]
  oidcAuth:
    clientId: id
    clientSecret: {name: oidc, key: key}
    groupClaimKey: groups
    issuer: https://dev.okta.com
    additionalScopes: [groups, email]
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: users}
spec:
  oidcGroup: {groupNames: [Users]}
  accessLevel:
    portals: [{name: petstore}]
    apis: [{products: {}, environments: {}}]
";

fn lints(text: &str, settings: &str) -> Vec<String> {
    lints_by(text, &format!("{SETTINGS}{settings}"))
}

/// The same by these settings alone.
fn lints_by(text: &str, settings: &str) -> Vec<String> {
    let text = text.to_owned();
    let parsed = config::parse(settings, &Base::from(Path::new("/etc")));
    let parsed = parsed.expect("settings");
    let files = [FileText { name: "p.yaml".into(), text: Ok(text) }];
    let last = Held::default();
    let (resources, problems) =
        manifest::read(&Manifests { files: &files, watched: &[], secrets: &[] }, &last);
    assert_eq!(problems, []);
    let (settings, places) = (&parsed.settings, &parsed.places);
    let compiled = policy::compile(&Input { settings, places, resources: &resources, last: &last });
    assert!(!compiled.problems.iter().any(Problem::is_error), "{:?}", compiled.problems);
    let (snapshot, held) = (&compiled.snapshot, &compiled.held);
    let found = lint(&Policy { settings, places, snapshot, held });
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn says_nothing_of_what_is_as_meant() {
    assert_eq!(lints(GOOD, ""), [""; 0]);
}

#[test]
fn says_what_is_hardly_meant_and_where() {
    let second = "---\napiVersion: portal.gloo.solo.io/v1beta1\nkind: APIProduct\n\
                  metadata: {name: pets2}\nspec: {versions: [{name: v1}]}\n";
    let cases = [
        (
            "apiProducts: [{names: [pets]}]",
            "apiProducts: [{names: [pets]}, {names: [gone]}]",
            "p.yaml:11: warning: spec.apiProducts[1]: selects no version of any product",
        ),
        (
            "apiProducts: [{names: [pets]}]",
            "apiProducts: [{}]",
            "p.yaml:6: warning: spec.apiProducts: requests below / could be for pets.default or \
             pets2.default",
        ),
        (
            "portals: [{name: petstore}]",
            "portals: []",
            "p.yaml:18: warning: nobody can enter: expected a login, and a Group",
        ),
        (
            "portals: [{name: petstore}]",
            "portals: []",
            "p.yaml:32: warning: spec.accessLevel.portals: names no Portal: its members may enter",
        ),
        (
            "publishedEnvironments: [{name: dev}]",
            "publishedEnvironments: []",
            "p.yaml:6: warning: no Portal publishes it: nobody is granted anything here",
        ),
        (
            "publishedEnvironments: [{name: dev}]",
            "publishedEnvironments: []",
            "p.yaml:18: warning: spec.publishedEnvironments: publishes no Environment",
        ),
        (
            "publishedEnvironments: [{name: dev}]",
            "publishedEnvironments: []",
            "p.yaml:32: warning: spec.accessLevel.apis: no Portal that it is for publishes \
             Environment dev.default",
        ),
        (
            "portalUrlPrefix: https:",
            "portalUrlPrefix: http:",
            "p.yaml:23: warning: spec.portalUrlPrefix: expected https: over http everybody",
        ),
        (
            "issuer: https:",
            "issuer: http:",
            "p.yaml:25: warning: spec.oidcAuth: expected an https issuer",
        ),
        (
            "additionalScopes: [groups, email]",
            "additionalScopes: [email]",
            "p.yaml:25: notice: spec.oidcAuth: does not ask for the scope `groups`",
        ),
        (
            "additionalScopes: [groups, email]",
            "additionalScopes: [groups]",
            "p.yaml:25: notice: spec.oidcAuth: does not ask for the scope `email`",
        ),
        (
            "domains: [api.example.com]",
            "domains: [api.example.org]",
            "p.yaml:23: warning: spec.portalUrlPrefix: api.example.org of Environment dev.default \
             is not of one site with petstore.example.com",
        ),
        (
            "domains: [api.example.com]",
            "domains: ['*.api.example.com']",
            "p.yaml:10: notice: spec.domains[0]: a wildcard domain takes bearer tokens and API",
        ),
        (
            "domains: [petstore.example.com]",
            "domains: [petstore.example.com, '*.p.example.com']",
            "p.yaml:22: notice: spec.domains[1]: a wildcard domain takes bearer tokens, and no",
        ),
        (
            "products: {}",
            "products: {names: [gone]}",
            "p.yaml:39: warning: spec.accessLevel.apis[0]: selects no product",
        ),
        (
            "products: {}",
            "products: {names: [gone]}",
            "p.yaml:1: warning: nobody is granted this product in Environment dev.default",
        ),
        (
            "environments: {}",
            "environments: {names: [gone]}",
            "p.yaml:39: warning: spec.accessLevel.apis[0]: selects no Environment",
        ),
        (
            "  accessLevel:\n    portals: [{name: petstore}]\n    apis: [{products: {}, environments: {}}]\n",
            "",
            "p.yaml:32: warning: it grants nothing",
        ),
    ];
    for (from, to, want) in cases {
        assert!(GOOD.contains(from), "{from}");
        let text = format!("{}{second}", GOOD.replacen(from, to, 1));
        let found = lints(&text, "provider: {allow_http: true}");
        assert!(found.iter().any(|found| found.starts_with(want)), "{to}: {found:#?}");
        let found = lints(&format!("{GOOD}{second}"), "provider: {allow_http: true}");
        assert!(!found.iter().any(|found| found.starts_with(want)), "{to}: {found:#?}");
    }
}

#[test]
fn says_what_settings_lack_for_a_plans_issuer() {
    let plan = "domains: [api.example.com]
  parameters: {usagePlans: {paid: {authPolicy: {oauth: {jwtValidation: {issuer: 'https://i.com', remoteJwks: {url: 'http://i.com/k'}}}}}}}";
    let text = GOOD.replacen("domains: [api.example.com]", plan, 1);
    let settings = "provider: {allow_http: true}\nenvironments: {dev.default: {audiences: [api]}}";
    let found = lints(&text, settings);
    assert_eq!(
        found,
        [
            "p.yaml:11: warning: spec.parameters.usagePlans.paid: expected https: over http anybody on \
         the way can sign for this issuer",
            "p.yaml:11: warning: spec.parameters.usagePlans.paid: no Portal vouches for the groups of \
         its issuer: the settings lack environments.dev.default.portal",
        ]
    );
}

#[test]
fn warns_of_replicas_that_do_not_hear_of_each_other() {
    let text = GOOD.replace("[groups, email]", "[groups, email, offline_access]");
    let kubernetes = "resources: {kubernetes: {namespaces: [default]}}";
    let files = "resources: {paths: [a]}";
    let warns = |resources: &str, session: &str| {
        let settings = format!("{resources}\nsession: {{keys_file: k, {session}}}\n");
        lints_by(&text, &settings).iter().any(|line| line.contains("replicas have no bus"))
    };
    assert!(warns(kubernetes, "store: cookie"));
    let bus = "store: cookie, redis: {url: 'rediss://redis'}";
    for (resources, session) in
        [(kubernetes, bus), (kubernetes, "store: redis"), (files, "store: cookie")]
    {
        assert!(!warns(resources, session), "{resources} {session}");
    }
}
