//! Groups: names, Portals, grants.

use super::*;

const NAMES: &str = "oidcGroup: {groupNames: [PetstoreUsers]}";
const PORTALS: &str = "    portals: [{name: petstore-portal, namespace: default}]\n";
const PRODUCTS: &str = "products:     {names: [petstore-product], namespaces: [default]}";
const ENVIRONMENTS: &str = "environments: {names: [dev], namespaces: [default]}";

const OTHER_PORTAL: &str = "---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {name: second}
spec:
  domains: [second.example.com]
  portalUrlPrefix: https://second.example.com
  publishedEnvironments: [{name: dev}]
  oidcAuth:
    clientId: second
    clientSecret: {name: petstore-portaloidc-secret, key: client_secret}
    groupClaimKey: groups
    issuer: ISSUER
";

#[test]
fn a_problem_of_a_group_leaves_it_out() {
    let cases = [
        (
            NAMES,
            "oidcGroup: {groupNames: PetstoreUsers}",
            "61: spec.oidcGroup.groupNames: expected",
        ),
        (NAMES, "oidcGroup: {groupNames: ['']}", "61: spec.oidcGroup.groupNames[0]: expected a"),
        (NAMES, "oidcGroup: {groupNames: [7]}", "61: spec.oidcGroup.groupNames[0]: expected a"),
        (
            PORTALS,
            "    portals: [{name: gone}]\n",
            "60: spec.accessLevel.portals[0]: expected the name of a known Portal; there is no \
             gone.default",
        ),
        (
            PORTALS,
            "    portals: [petstore-portal]\n",
            "60: spec.accessLevel.portals[0]: expected a",
        ),
        (PRODUCTS, "colour: {}", "58: spec.accessLevel.apis[0].products: expected a value"),
        (ENVIRONMENTS, "", "58: spec.accessLevel.apis[0].environments: expected a value"),
        (PRODUCTS, "products: {names: pets}", "58: spec.accessLevel.apis[0].products.names: exp"),
        (
            PRODUCTS,
            "products: {labels: [{key: a, operator: Like, values: [b]}]}",
            "58: spec.accessLevel.apis[0].products.labels[0].operator: expected one of: Equals",
        ),
        (
            PRODUCTS,
            "products: {labels: [{key: a, operator: Equals, values: [b, c]}]}",
            "58: spec.accessLevel.apis[0].products.labels[0]: expected one value",
        ),
        (
            PRODUCTS,
            "products: {labels: [{key: a, operator: In}]}",
            "58: spec.accessLevel.apis[0].products.labels[0]: expected values",
        ),
    ];
    for (from, to, want) in cases {
        let compiled = changed(from, to);
        let found = errors(&compiled);
        let want = format!("petstore.yaml:{want}");
        assert!(found.iter().any(|found| found.starts_with(&want)), "{to}: {found:?}");
        assert!(compiled.snapshot.groups.is_empty(), "{to}");
        assert!(!may_call(&compiled, "PetstoreUsers"), "{to}");
        assert_eq!(compiled.snapshot.portals.len(), 1, "{to}");
    }
}

#[test]
fn grants_what_its_selectors_come_to() {
    let cases = [
        (PRODUCTS, "products: {}", true),
        (PRODUCTS, "products: {names: [petstore-product]}", true),
        (PRODUCTS, "products: {names: [petstore]}", false),
        (PRODUCTS, "products: {names: [petstore-product], namespaces: [other]}", false),
        (PRODUCTS, "products: {namespaces: ['*']}", true),
        (PRODUCTS, "products: {labels: [{key: app, operator: In, values: [x, petstore]}]}", true),
        (PRODUCTS, "products: {labels: [{key: app, operator: NotIn, values: [petstore]}]}", false),
        (PRODUCTS, "products: {labels: [{key: app, operator: Exists}]}", true),
        (PRODUCTS, "products: {labels: [{key: app, operator: DoesNotExist}]}", false),
        (PRODUCTS, "products: {labels: [{key: app, operator: NotEquals, values: [x]}]}", true),
        (ENVIRONMENTS, "environments: {}", true),
        (ENVIRONMENTS, "environments: {names: [prod]}", false),
        (ENVIRONMENTS, "environments: {namespaces: [other]}", false),
        (NAMES, "oidcGroup: {groupName: PetstoreUsers}", true),
        (NAMES, "oidcGroup: {groupNames: [A, PetstoreUsers], groupName: B}", true),
        (NAMES, "oidcGroup: {}", false),
        (NAMES, "userSelector: {matchLabels: {a: b}}", false),
    ];
    for (from, to, want) in cases {
        let compiled = changed(from, to);
        assert_eq!(errors(&compiled), [""; 0], "{to}");
        assert_eq!(may_call(&compiled, "PetstoreUsers"), want, "{to}");
    }
    let compiled = changed(NAMES, "oidcGroup: {}");
    assert_eq!(
        of(&compiled.problems, Severity::Notice),
        ["petstore.yaml:52: notice: no spec.oidcGroup.groupNames: it grants nobody anything"]
    );
}

#[test]
fn a_selector_without_namespaces_keeps_to_the_groups_own() {
    let text = GUIDE
        .replacen(
            "{name: oidc-group, namespace: default}",
            "{name: oidc-group, namespace: team}",
            1,
        )
        .replacen(PRODUCTS, "products: {names: [petstore-product]}", 1);
    assert!(!may_call(&compile(&text), "PetstoreUsers"));
    let text = text.replacen("products: {names: [petstore-product]}", "products: {}", 1);
    assert!(may_call(&compile(&text), "PetstoreUsers"));
}

#[test]
fn several_groups_of_one_name_add_up() {
    let more = "---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: readers}
spec:
  accessLevel: {portals: [{name: petstore-portal}]}
  oidcGroup: {groupNames: [PetstoreUsers, Readers]}
";
    let compiled = compile(&format!("{GUIDE}{more}"));
    assert!(may_call(&compiled, "PetstoreUsers") && may_enter(&compiled, "Readers"));
    assert!(!may_call(&compiled, "Readers"));
}

#[test]
fn a_group_without_portals_needs_one_issuer() {
    let same = OTHER_PORTAL.replace("ISSUER", "https://dev-2933640.okta.com/oauth2/default");
    let other = OTHER_PORTAL.replace("ISSUER", "https://other.okta.com");
    let nowhere = GUIDE.replacen(PORTALS, "", 1);
    let compiled = compile(&nowhere);
    assert!(may_call(&compiled, "PetstoreUsers") && !may_enter(&compiled, "PetstoreUsers"));
    let compiled = compile(&format!("{nowhere}{same}"));
    assert_eq!(errors(&compiled), [""; 0]);
    assert!(may_call(&compiled, "PetstoreUsers"));
    let compiled = compile(&format!("{nowhere}{other}"));
    assert_eq!(
        errors(&compiled),
        [
            "petstore.yaml:52: spec.accessLevel.portals: expected the Portals whose callers it is for: \
         the Portals do not share one issuer, and the same name in two providers' claims is not \
         the same group"
        ]
    );
    assert!(!may_call(&compiled, "PetstoreUsers"));
    // Nor does it reach further because that Portal is left out for a problem, or cannot be read.
    let broken = other.replace("petstore-portaloidc-secret", "no-such-secret");
    for left_out in [broken, other.replace("https://other.okta.com", "[]")] {
        assert_ne!(left_out, other);
        let compiled = compile(&format!("{nowhere}{left_out}"));
        assert!(errors(&compiled).len() > 1, "{:?}", errors(&compiled));
        assert!(!may_call(&compiled, "PetstoreUsers"));
    }
    // One that names its Portal is for that Portal's callers alone.
    let compiled = compile(&format!("{GUIDE}{other}"));
    assert_eq!(errors(&compiled), [""; 0]);
    let call = |portal: usize| {
        let caller = Membership {
            portals: [PortalId(portal)].into(),
            groups: ["PetstoreUsers"].into_iter().collect(),
        };
        compiled.snapshot.products_for(&caller).len()
    };
    assert_eq!((call(0), call(1)), (1, 0));
}

#[test]
fn a_group_whose_portals_are_left_out_is_for_nobody() {
    let compiled = changed("issuer: https://dev-2933640.okta.com/oauth2/default", "");
    assert_eq!(compiled.snapshot.groups.len(), 1);
    assert!(compiled.snapshot.groups[0].applies_to.is_empty());
}
