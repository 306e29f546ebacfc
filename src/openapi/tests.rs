use super::*;

const MAX: usize = 1 << 20;

/// Methods, paths and ids, or what is wrong.
fn listed(text: &str) -> Result<Vec<String>, String> {
    let description = read(text, MAX).map_err(|bad| bad.to_string())?;
    Ok(description.operations.iter().map(ToString::to_string).collect())
}

#[test]
fn reads_both_versions_in_yaml_and_json() {
    let two = "swagger: '2.0'\nbasePath: /v1/\ninfo: {title: Pets}\npaths:\n  /pets:\n    parameters: []\n    \
               get: {operationId: listPets}\n    post: {}\n  /pets/{id}:\n    get: {operationId: getPet}\n    \
               trace: {}\n  x-more: 1\n";
    let want = ["listPets (GET /v1/pets)", "POST /v1/pets", "getPet (GET /v1/pets/{id})"];
    assert_eq!(listed(two), Ok(want.map(str::to_owned).to_vec()));
    let three = r#"{"openapi": "3.1.0", "servers": [{"url": "https://api.example.com/v1"}], "paths": {
        "/pets": {"get": {"operationId": "listPets"}, "post": {}},
        "/pets/{id}": {"get": {"operationId": "getPet"}}}}"#;
    assert_eq!(listed(three), Ok(want.map(str::to_owned).to_vec()));
    let number = two.replace("'2.0'", "2.0");
    assert_eq!(listed(&number), listed(two));
}

#[test]
fn operations_stand_below_the_path_of_each_server() {
    let cases: [(&str, &[&str]); 9] = [
        ("", &["/pets"]),
        ("servers: []", &["/pets"]),
        ("servers: [{url: /}]", &["/pets"]),
        ("servers: [{url: /api/v3}]", &["/api/v3/pets"]),
        ("servers: [{url: 'https://x.example'}]", &["/pets"]),
        ("servers: [{url: 'https://x.example/a/'}, {url: 'https://y.example/a'}]", &["/a/pets"]),
        ("servers: [{url: 'https://x.example/a'}, {url: /b}]", &["/a/pets", "/b/pets"]),
        (
            "servers: [{url: 'https://{host}/{base}', variables: {host: {default: x}, base: {default: v2}}}]",
            &["/v2/pets"],
        ),
        ("basePath: /not-of-this-version", &["/pets"]),
    ];
    for (servers, want) in cases {
        let text = format!("openapi: 3.0.3\n{servers}\npaths: {{/pets: {{get: {{}}}}}}");
        let want = want.iter().map(|path| format!("GET {path}")).collect();
        assert_eq!(listed(&text), Ok(want), "{servers}");
    }
    let own = "openapi: 3.0.3\nservers: [{url: /a}]\npaths:\n  /pets:\n    servers: [{url: /b}]\n    get: {}\n    \
               post: {servers: [{url: /c}]}";
    assert_eq!(listed(own), Ok(vec!["GET /b/pets".to_owned(), "POST /c/pets".to_owned()]));
}

#[test]
fn says_what_does_not_hold_and_where() {
    let paths = |paths: &str| format!("openapi: 3.0.3\npaths:\n  {paths}\n");
    let cases = [
        ("".to_owned(), "expected one OpenAPI document"),
        ("a: [".to_owned(), "line 2: expected YAML"),
        ("a: 1\n---\nb: 1".to_owned(), "expected one OpenAPI document"),
        ("openapi: 4.0.0\npaths: {}".to_owned(), "line 1: expected an OpenAPI document"),
        ("swagger: '2.0'\nopenapi: 3.0.0\npaths: {}".to_owned(), "line 1: expected an OpenAPI"),
        ("openapi: 3.0.3".to_owned(), "line 1: expected paths"),
        (paths("/a: {get: {}}\n  /a: {get: {}}"), "line 4: paths./a: expected each key once"),
        (paths("/a: []"), "line 3: paths./a: expected a mapping, found a list"),
        (paths("/a: {get: 1}"), "line 3: paths./a.get: expected a mapping, found a number"),
        (paths("a: {get: {}}"), "line 3: paths.a: expected a path that begins with /"),
        (paths("/a: {$ref: x}"), "a $ref is not followed"),
        (paths("/a//b: {get: {}}"), "line 3: paths./a//b: expected a path that begins with /"),
        (paths("/a/../b: {get: {}}"), "expected a path that begins with /"),
        (paths("/a%2fb: {get: {}}"), "expected a path that begins with /"),
        (paths("/a;b: {get: {}}"), "expected a path that begins with /"),
        (paths("'/a?b': {get: {}}"), "expected a path that begins with /"),
        (paths("'/{a': {get: {}}"), "expected } behind {"),
        (paths("'/a}': {get: {}}"), "expected { before }"),
        (paths("'/{}': {get: {}}"), "expected a plain name"),
        (paths("'/{+a}': {get: {}}"), "expected a plain name"),
        (paths("'/{a*}': {get: {}}"), "expected a plain name"),
        (paths("'/{a}{b}': {get: {}}"), "expected some text between two templates"),
        (
            paths("/a: {get: {operationId: x}, put: {operationId: x}}"),
            "line 3: paths./a.put.operationId: expected each operationId once",
        ),
        (paths("/a: {get: {operationId: 1}}"), "expected a string"),
        (paths("/a: {get: {operationId: \"a\\nb\"}}"), "expected no control characters"),
        (
            "openapi: 3.0.3\nservers: [{url: '/{a}'}]\npaths: {}".to_owned(),
            "line 2: servers[0].url: expected a default of each variable",
        ),
        ("openapi: 3.0.3\nservers: [{url: a/../b}]\npaths: {}".to_owned(), "expected a path that"),
        ("swagger: '2.0'\nbasePath: v1\npaths: {}".to_owned(), "line 2: basePath: expected a path"),
    ];
    for (text, want) in cases {
        let found = listed(&text);
        assert!(found.as_ref().is_err_and(|why| why.contains(want)), "{text}: {found:?}");
    }
    let many: String = (0..9).map(|place| format!("  a{place}: {{get: {{}}}}\n")).collect();
    let found = listed(&format!("openapi: 3.0.3\npaths:\n{many}"));
    assert!(found.is_err_and(|why| why.ends_with("; and 6 more")));
}

#[test]
fn is_bounded() {
    let wide = format!("openapi: 3.0.3\npaths: {{}}\nx: [{}]", "1,".repeat(MAX / 2));
    assert!(listed(&wide).is_err_and(|why| why.contains("expected at most")));
    let deep = format!("openapi: 3.0.3\npaths: {{}}\nx: {}1{}", "[".repeat(99), "]".repeat(99));
    assert!(listed(&deep).is_err_and(|why| why.contains("levels")));
    assert!(read("openapi: 3.0.3\npaths: {}", 10).is_err());
    let long = format!("openapi: 3.0.3\npaths: {{'{}': {{get: {{}}}}}}", "/a".repeat(65));
    assert!(listed(&long).is_err_and(|why| why.contains("at most 64 segments")));
}

#[test]
fn a_template_s_texts_are_decoded_as_those_of_a_request() {
    let template = |text: &str| Template::parse(text).map(|template| template.segments().to_vec());
    let literal = |text: &str| Segment::Literal(text.into());
    assert_eq!(template("/"), Ok(vec![]));
    assert_eq!(template("/pets/"), Ok(vec![literal("pets")]));
    assert_eq!(
        template("/a%20b/c d/\u{e4}"),
        Ok(vec![literal("a b"), literal("c d"), literal("\u{e4}")])
    );
    assert_eq!(template("/%7bid%7d"), Ok(vec![literal("{id}")]));
    assert_eq!(template("/{id}"), Ok(vec![Segment::Parameter]));
    let pattern = |text: &str| match template(text).as_deref() {
        Ok([Segment::Mixed(pattern)]) => pattern.clone(),
        other => panic!("{text}: {other:?}"),
    };
    let cases = [
        ("/{id}.json", "1.json", true),
        ("/{id}.json", ".json", false),
        ("/{id}.json", "1.jso", false),
        ("/v{a}", "v1", true),
        ("/v{a}", "v", false),
        ("/{a}:{b}", "x:y", true),
        ("/{a}:{b}", ":y", false),
        ("/{a}:{b}", "x:", false),
        ("/{a}:{b}", "::y", true),
        ("/{a}-{b}-{c}", "1-2-3", true),
        ("/{a}-{b}-{c}", "1--3", false),
        ("/{a}--{b}", "\u{e4}--\u{e4}", true),
        ("/a{x}a", "a", false),
        ("/a{x}a", "aa", false),
        ("/a{x}a", "aaa", true),
        ("/a%20{x}", "a 1", true),
    ];
    for (text, segment, want) in cases {
        assert_eq!(pattern(text).matches(segment), want, "{text} {segment}");
    }
}
