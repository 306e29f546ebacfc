//! APIDocs, and what products make of them.

use super::*;

const DOCUMENT: &str =
    "swagger: '2.0'\npaths:\n  /api/pets:\n    get: {operationId: list}\n    post: {}\n";

fn with(source: &str) -> Compiled {
    changed("fetchUrl: 'http://petstore.default:8080/swagger.json'", source)
}

/// How many operations the guide's product lists.
fn listed(compiled: &Compiled) -> usize {
    environment(compiled).map_or(0, |environment| environment.products.operations())
}

#[test]
fn reads_a_document_from_each_place() {
    use base64::Engine;
    let quoted = serde_json::to_string(DOCUMENT).expect("a string");
    let base64 = base64::engine::general_purpose::STANDARD.encode(DOCUMENT);
    for (guide, source) in [
        (GUIDE, format!("inlineString: {quoted}")),
        (GUIDE_OLD, format!("inlineString: {quoted}")),
        (GUIDE, format!("inlineBytes: {base64}")),
        (GUIDE, "configMap: {name: d, key: k}".to_owned()),
    ] {
        let from = "fetchUrl: 'http://petstore.default:8080/swagger.json'";
        let map = format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: d}}\ndata: {{k: {quoted}, x: y}}\n"
        );
        let compiled = compile(&format!("{}{map}", guide.replacen(from, &source, 1)));
        assert_eq!(compiled.problems, [], "{source}");
        assert_eq!(listed(&compiled), 2, "{source}");
    }
    // What was never fetched is not known, and no problem of the resources.
    let compiled = compile(GUIDE);
    assert_eq!((listed(&compiled), compiled.problems.len()), (0, 0));
    let doc = compiled.held.docs.values().next().expect("an APIDoc");
    assert_eq!(doc.url.as_ref().map(|url| url.value.path()), Some("/swagger.json"));
}

#[test]
fn says_what_is_wrong_with_a_source_and_keeps_the_product() {
    let cases = [
        ("inlineString: ''", "content.inlineString: expected a string that is not empty"),
        ("inlineBytes: '?'", "content.inlineBytes: expected base64 of a text"),
        ("inlineString: a, fetchUrl: b", "content: expected one of inlineString, inlineBytes"),
        ("fetchUrl: nonsense", "content.fetchUrl: expected a URL such as"),
        ("fetchUrl: 'ftp://a/b'", "content.fetchUrl: expected http or https"),
        ("fetchUrl: 'http://u:p@a/b'", "content.fetchUrl: expected no fragment or user"),
        (
            "configMap: {name: d, key: k}",
            "content.configMap: expected the name of a known ConfigMap",
        ),
        ("configMap: {name: d}", "content.configMap.key: expected a value; there is none"),
        ("inlineString: 'a: 1'", "content.inlineString: expected an OpenAPI document: line 1:"),
    ];
    for (source, want) in cases {
        let compiled = with(source);
        let found = errors(&compiled);
        let want = format!("petstore.yaml:4: spec.openApi.{want}");
        assert!(matches!(&*found, [one] if one.starts_with(&want)), "{source}: {found:#?}");
        assert!(!found[0].contains("u:p"), "{found:?}");
        assert_eq!(environment(&compiled).expect("an Environment").products.len(), 1);
    }
    let map = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\ndata: {k: no document}\n";
    for (key, want) in
        [("k", "expected an OpenAPI document in k"), ("x", "it has no x in its data")]
    {
        let source = format!("configMap: {{name: d, key: {key}}}");
        let from = "fetchUrl: 'http://petstore.default:8080/swagger.json'";
        let found = errors(&compile(&format!("{}{map}", GUIDE.replacen(from, &source, 1))));
        assert!(matches!(&*found, [one] if one.contains(want)), "{found:#?}");
    }
    let plain = compile_with(GUIDE, &format!("{SETTINGS}documents: {{allow_http: false}}\n"));
    assert!(errors(&plain)[0].contains("http needs documents.allow_http"), "{:?}", plain.problems);
    let grpc = changed(
        "openApi: {content: {fetchUrl: 'http://petstore.default:8080/swagger.json'}}",
        "grpc: {}",
    );
    let said = of(&grpc.problems, Severity::Notice);
    assert!(
        matches!(&*said, [one] if one.contains("spec.grpc: gRPC APIs are not read")),
        "{said:?}"
    );
}

#[test]
fn picks_operations_by_their_id_and_says_which_there_are_not() {
    let quoted = serde_json::to_string(DOCUMENT).expect("a string");
    let guide = GUIDE.replacen(
        "fetchUrl: 'http://petstore.default:8080/swagger.json'",
        &format!("inlineString: {quoted}"),
        1,
    );
    let pick = |ids: &str| {
        let from = "apiDoc: {name: petstore-schema, namespace: default}";
        compile(&guide.replacen(from, &format!("{from}, openApi: {{operations: [{ids}]}}"), 1))
    };
    let (all, one, none) = (pick(""), pick("{id: list}"), pick("{id: gone}"));
    assert_eq!((listed(&all), listed(&one), listed(&none)), (2, 1, 0));
    assert_eq!((all.problems.len(), one.problems.len()), (0, 0));
    assert_eq!(
        of(&none.problems, Severity::Warning),
        [
            "petstore.yaml:13: warning: spec.versions[0].apis[0].openApi.operations[0].id: expected an \
         operationId of APIDoc petstore-schema.default; it has no gone"
        ]
    );
    let rest =
        |compiled: &Compiled| environment(compiled).expect("an Environment").products[0].rest;
    assert_eq!([&all, &one, &none].map(rest), [policy::Rest::Refused; 3]);
    assert_eq!(rest(&compile(GUIDE)), policy::Rest::Unknown);
    let strict = compile_with(GUIDE, &format!("{SETTINGS}documents: {{unknown: refuse}}\n"));
    assert_eq!(rest(&strict), policy::Rest::Refused);
}

#[test]
fn the_last_good_document_stays_even_from_another_place() {
    let quoted = serde_json::to_string(DOCUMENT).expect("a string");
    let from = "fetchUrl: 'http://petstore.default:8080/swagger.json'";
    let good = compile(&GUIDE.replacen(from, &format!("inlineString: {quoted}"), 1));
    for source in ["inlineString: 'a: 1'", from, "configMap: {name: gone, key: k}"] {
        let text = GUIDE.replacen(from, source, 1);
        let next = compile_files(&[file("petstore.yaml", &text)], SETTINGS, &good.held);
        assert_eq!(listed(&next), 2, "{source}");
    }
    // Gone, and so the product stays as it last held: with what it listed, no more.
    let text = GUIDE.replacen("kind: APIDoc", "kind: Route", 1);
    let next = compile_files(&[file("petstore.yaml", &text)], SETTINGS, &good.held);
    let rest =
        |compiled: &Compiled| environment(compiled).expect("an Environment").products[0].rest;
    assert_eq!((listed(&next), rest(&next), errors(&next).len()), (2, policy::Rest::Refused, 1));
    let again = compile_files(&[file("petstore.yaml", &text)], SETTINGS, &next.held);
    assert_eq!((listed(&again), rest(&again)), (2, policy::Rest::Refused));
    let broken = compile_files(&[file("petstore.yaml", "a: [")], SETTINGS, &good.held);
    assert_eq!(listed(&broken), 2);
}
