//! What does not hold leaves its last version that did.

use super::*;

/// Compiles the guide, then what it was changed to.
fn then(from: &str, to: &str) -> Compiled {
    assert!(GUIDE.contains(from), "{from}");
    let first = compile(GUIDE);
    let files = [file("petstore.yaml", &GUIDE.replacen(from, to, 1))];
    compile_files(&files, SETTINGS, &first.held)
}

#[test]
fn a_resource_that_does_not_hold_stays_as_it_was() {
    let cases = [
        ("issuer: https://dev-2933640.okta.com/oauth2/default", "issuer: http://x"),
        ("data: {client_secret: aHVzaC1odXNoCg==}", "data: {client_secret: '!'}"),
        ("data: {client_secret: aHVzaC1odXNoCg==}", "data: {}"),
        ("kind: Secret", "kind: ConfigMap"),
        (
            "domains: [api.example.com, 'api.example.com:32000']",
            "domains: [petstore.example.com, 5]",
        ),
        (
            "domains: [petstore.example.com, 'petstore.example.com:32000']",
            "domains: [api.example.com]",
        ),
        ("operator: Equals", "operator: Is"),
        ("groupNames: [PetstoreUsers]", "groupNames: Everyone"),
        ("portals: [{name: petstore-portal, namespace: default}]", "portals: [{name: gone}]"),
        ("apiDoc: {name: petstore-schema, namespace: default}", "apiDoc: {name: gone}"),
        ("kind: APIDoc", "kind: Route"),
        ("labels: {app: petstore}}", "labels: {app: 5}}"),
        ("clientId: 0oaksnsdvwTd1b5wR5d6", "clientId: [0oaksnsdvwTd1b5wR5d6"),
    ];
    for (from, to) in cases {
        let compiled = then(from, to);
        assert!(!errors(&compiled).is_empty(), "{to}");
        assert!(may_call(&compiled, "PetstoreUsers"), "{to}: {:?}", errors(&compiled));
        assert!(may_enter(&compiled, "PetstoreUsers"), "{to}");
        assert!(!may_call(&compiled, "Everyone"), "{to}");
        // And once more: it is not forgotten.
        let files = [file("petstore.yaml", &GUIDE.replacen(from, to, 1))];
        let again = compile_files(&files, SETTINGS, &compiled.held);
        assert!(may_call(&again, "PetstoreUsers"), "{to}");
        // At start there is no last version.
        assert!(!may_call(&changed(from, to), "PetstoreUsers"), "{to}");
    }
    let compiled = then("groupNames: [PetstoreUsers]", "groupNames: Everyone");
    assert_eq!(
        errors(&compiled),
        ["petstore.yaml:61: spec.oidcGroup.groupNames: expected a list, found a string"]
    );
}

#[test]
fn what_is_gone_is_gone_and_what_is_new_is_in_force() {
    let cases = [
        ("metadata: {name: oidc-group", "metadata: {name: other-group", true),
        ("kind: Group", "kind: Storage", false),
        ("groupNames: [PetstoreUsers]", "groupNames: [Others]", false),
        (
            "publishedEnvironments: [{name: dev, namespace: default}]",
            "publishedEnvironments: []",
            false,
        ),
        ("kind: APIProduct", "kind: Route", false),
    ];
    for (from, to, want) in cases {
        assert_eq!(may_call(&then(from, to), "PetstoreUsers"), want, "{to}");
    }
    let first = compile(GUIDE);
    let nothing = compile_files(&[], SETTINGS, &first.held);
    assert!(nothing.snapshot.portals.is_empty() && nothing.snapshot.groups.is_empty());
}

#[test]
fn a_file_that_does_not_parse_keeps_its_resources_and_no_others() {
    let (rest, group) = GUIDE.split_at(GUIDE.rfind("---").expect("a Group"));
    let files = [file("a.yaml", rest), file("b.yaml", group)];
    let first = compile_files(&files, SETTINGS, &Held::default());
    assert!(may_call(&first, "PetstoreUsers"));
    let broken = [file("a.yaml", "a: ["), file("b.yaml", group)];
    let second = compile_files(&broken, SETTINGS, &first.held);
    assert!(may_call(&second, "PetstoreUsers"), "{:?}", second.problems);
    let broken = [file("a.yaml", "a: ["), file("b.yaml", "")];
    let third = compile_files(&broken, SETTINGS, &second.held);
    assert!(!may_call(&third, "PetstoreUsers"));
    assert_eq!(third.snapshot.portals.len(), 1);
    // What moved to a file that parses is there, once.
    let moved = [file("a.yaml", "a: ["), file("c.yaml", GUIDE)];
    let fourth = compile_files(&moved, SETTINGS, &third.held);
    assert_eq!(errors(&fourth).len(), 1, "{:?}", errors(&fourth));
    assert!(may_call(&fourth, "PetstoreUsers"));
    // A file that cannot be read is as one that does not parse.
    let unread = FileText { name: "c.yaml".into(), text: Err((0, "no".to_owned())) };
    let fifth = compile_files(&[unread], SETTINGS, &fourth.held);
    assert!(may_call(&fifth, "PetstoreUsers"));
    assert_eq!(errors(&fifth), ["c.yaml: no"]);
}

#[test]
fn an_old_version_never_takes_a_host_name_from_another() {
    let first = compile(GUIDE);
    let taker = "---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Environment
metadata: {name: taker}
spec: {domains: [api.example.com]}
";
    // One resource that does not hold, and a file that does not parse.
    for broken in [&GUIDE.replacen("operator: Equals", "operator: Is", 1), "a: ["] {
        let names = |files: &[FileText]| -> Vec<String> {
            let compiled = compile_files(files, SETTINGS, &first.held);
            compiled.snapshot.environments.iter().map(|held| held.name.to_string()).collect()
        };
        let files = [file("a.yaml", taker), file("petstore.yaml", broken)];
        assert_eq!(names(&files), ["taker.default"]);
        let files = [file("petstore.yaml", broken), file("z.yaml", taker)];
        assert_eq!(names(&files), ["dev.default"]);
    }
}
