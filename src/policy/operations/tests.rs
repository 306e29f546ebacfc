use super::*;
use crate::openapi::Template;
use proptest::prelude::*;

fn operation(method: Method, path: &str) -> Arc<Operation> {
    let template = Template::parse(path).expect(path);
    Arc::new(Operation { id: None, method, template })
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Products by number, in order, each with what it lists below its base path.
fn index(listed: &[(usize, &str, Method, &str)]) -> Operations {
    let mut operations = Operations::new();
    for (product, base, method, path) in listed {
        let owner = Owner { product: *product, family: *product };
        assert!(operations.insert(owner, &segments(base), &operation(*method, path)));
    }
    operations
}

/// The product and the path that it lists; `several`, or nothing.
fn found(operations: &Operations, method: Method, path: &str) -> String {
    match operations.find(method, &segments(path)) {
        Found::Nothing => String::new(),
        Found::Several => "several".to_owned(),
        Found::Operation(owner, operation) => {
            format!("{} {}", owner.product, operation.template.as_str())
        }
    }
}

/// One document must not make every look-up slow: before anybody is known, each pattern would be compared.
#[test]
fn patterns_at_one_place_are_bounded_and_what_is_beyond_is_not_kept() {
    let mut operations = Operations::new();
    let owner = Owner { product: 0, family: 0 };
    let mut insert = |number: usize| {
        let path = format!("/p{{a}}x{number:05}");
        operations.insert(owner, &[], &operation(Method::Get, &path))
    };
    assert!((0..MAX_PATTERNS).all(&mut insert));
    assert!(!insert(MAX_PATTERNS) && insert(0), "the same one again is there already");
    assert_eq!(found(&operations, Method::Get, "/p1x00007"), "0 /p{a}x00007");
    assert_eq!(found(&operations, Method::Get, &format!("/p1x{MAX_PATTERNS:05}")), "");
}

#[test]
fn finds_by_method_and_whole_segments_the_most_exact_first() {
    let operations = index(&[
        (0, "api", Method::Get, "/pets"),
        (0, "api", Method::Get, "/pets/{id}"),
        (0, "api", Method::Get, "/pets/{id}.json"),
        (0, "api", Method::Get, "/pets/v{major}-{minor}"),
        (0, "api", Method::Post, "/pets/mine"),
        (0, "api", Method::Get, "/"),
        (0, "api", Method::Delete, "/{kind}/{id}/x"),
        (1, "api", Method::Get, "/pets/mine"),
        (1, "", Method::Get, "/{anything}/store"),
    ]);
    let cases = [
        (Method::Get, "/api/pets", "0 /pets"),
        (Method::Head, "/api/pets", ""),
        (Method::Post, "/api/pets", ""),
        (Method::Get, "/api/pet", ""),
        (Method::Get, "/api/Pets", ""),
        (Method::Get, "/pets", ""),
        (Method::Get, "/api", "0 /"),
        (Method::Get, "/api/pets/1", "0 /pets/{id}"),
        (Method::Get, "/api/pets/1.json", "0 /pets/{id}.json"),
        (Method::Get, "/api/pets/.json", "0 /pets/{id}"),
        (Method::Get, "/api/pets/v1-2", "0 /pets/v{major}-{minor}"),
        (Method::Get, "/api/pets/v-2", "0 /pets/{id}"),
        (Method::Get, "/api/pets/v1-2.json", "0 /pets/{id}.json"),
        (Method::Get, "/api/pets/mine", "1 /pets/mine"),
        (Method::Post, "/api/pets/mine", "0 /pets/mine"),
        (Method::Get, "/api/pets/1/x", ""),
        (Method::Delete, "/api/pets/1/x", "0 /{kind}/{id}/x"),
        (Method::Get, "/api/store", "1 /{anything}/store"),
        (Method::Get, "/x/store", "1 /{anything}/store"),
        (Method::Get, "/store", ""),
    ];
    for (method, path, want) in cases {
        assert_eq!(found(&operations, method, path), want, "{path}");
    }
    assert_eq!((operations.len(), operations.overlaps().count()), (9, 0));
}

#[test]
fn what_two_products_list_is_nobody_s_unless_one_is_more_exact_throughout() {
    let operations = index(&[
        (0, "", Method::Get, "/pets/{id}"),
        (0, "", Method::Get, "/a/{x}/c"),
        (0, "", Method::Get, "/same/{x}"),
        (0, "", Method::Get, "/f/{x}.json"),
        (1, "pets", Method::Get, "/{name}"),
        (1, "", Method::Get, "/a/b/{y}"),
        (1, "", Method::Get, "/same/b"),
        (1, "", Method::Get, "/f/x{y}"),
        (2, "", Method::Post, "/pets/{id}"),
    ]);
    let cases = [
        (Method::Get, "/pets/1", "several"),
        (Method::Post, "/pets/1", "2 /pets/{id}"),
        (Method::Get, "/a/b/c", "several"),
        (Method::Get, "/a/b/d", "1 /a/b/{y}"),
        (Method::Get, "/a/d/c", "0 /a/{x}/c"),
        (Method::Get, "/same/b", "1 /same/b"),
        (Method::Get, "/same/c", "0 /same/{x}"),
        (Method::Get, "/f/xa.json", "several"),
        (Method::Get, "/f/a.json", "0 /f/{x}.json"),
    ];
    for (method, path, want) in cases {
        assert_eq!(found(&operations, method, path), want, "{path}");
    }
    let overlaps: Vec<_> = operations.overlaps().collect();
    assert_eq!(overlaps.len(), 1);
    assert_eq!((overlaps[0].0.product, overlaps[0].1.product), (0, 1));
    // Whom the gateway names is asked alone.
    for (family, path, want) in
        [(0, "/pets/1", Some(0)), (1, "/pets/1", Some(1)), (2, "/pets/1", None)]
    {
        let got = match operations.find_of(family, Method::Get, &segments(path)) {
            Found::Operation(owner, _) => Some(owner.product),
            Found::Nothing => None,
            Found::Several => panic!("one product alone"),
        };
        assert_eq!(got, want, "{family} {path}");
    }
}

/// Documents can be made so that every segment branches: a look-up ends all the same, and lets nobody in.
#[test]
fn a_look_up_ends_however_much_branches() {
    let mut operations = Operations::new();
    let owner = Owner { product: 0, family: 0 };
    for mask in 0..1_u32 << 12 {
        let path: String =
            (0..12).map(|bit| if mask >> bit & 1 == 1 { "/{x}" } else { "/a" }).collect();
        assert!(operations.insert(owner, &[], &operation(Method::Get, &format!("{path}/end"))));
    }
    assert_eq!(found(&operations, Method::Get, &format!("{}/no", "/a".repeat(12))), "several");
    let long = format!("/{}", vec!["a"; 65].join("/"));
    let base = segments(&long);
    let path = operation(Method::Get, &vec!["/a"; 64].concat());
    assert!(!operations.insert(owner, &base, &path));
}

/// How exact a segment is: text, text around a template, a template.
fn rank(segment: &Segment) -> u8 {
    match segment {
        Segment::Literal(_) => 2,
        Segment::Mixed(_) => 1,
        Segment::Parameter => 0,
    }
}

fn matches(segment: &Segment, text: &str) -> bool {
    match segment {
        Segment::Literal(literal) => **literal == *text,
        Segment::Mixed(pattern) => pattern.matches(text),
        Segment::Parameter => !text.is_empty(),
    }
}

type Listed = (usize, Vec<String>, Arc<Operation>);

/// The rules as they read, one operation after another.
fn slowly(listed: &[Listed], method: Method, path: &[String]) -> Option<Result<usize, ()>> {
    let mut fitting: Vec<(Vec<u8>, usize)> = Vec::new();
    for (product, base, operation) in listed {
        let own = operation.template.segments();
        let begins = path.len() == base.len() + own.len() && path.starts_with(base);
        let rest = path.iter().skip(base.len());
        if begins
            && operation.method == method
            && own.iter().zip(rest).all(|(segment, text)| matches(segment, text))
        {
            let ranks = base.iter().map(|_| 2).chain(own.iter().map(rank)).collect();
            fitting.push((ranks, *product));
        }
    }
    let (best, product) = fitting.iter().max_by_key(|(ranks, _)| ranks.clone())?.clone();
    let others = fitting.iter().filter(|(_, other)| *other != product);
    let unclear = others.filter(|(ranks, _)| {
        let same = *ranks == best;
        let pairs = || ranks.iter().zip(&best);
        let more = pairs().any(|(other, own)| other > own);
        same || more || pairs().any(|(other, own)| *other == 1 && *own == 1)
    });
    Some(if unclear.count() > 0 { Err(()) } else { Ok(product) })
}

const SEGMENT: &str = "(a|b|\\{x\\}|\\{y\\}|a\\{x\\}|\\{x\\}b|a\\{x\\}b)";
const PLAIN: &str = "(a|b|c|\\{x\\})";

fn paths(segment: &'static str, most: usize) -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec(segment, 0..4), 0..most)
}

fn joined(segments: &[String]) -> String {
    format!("/{}", segments.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn the_index_finds_what_the_rules_find(
        templates in paths(SEGMENT, 12),
        bases in prop::collection::vec(prop::collection::vec("(a|b)", 0..2), 12),
        owners in prop::collection::vec(0..3_usize, 12),
        methods in prop::collection::vec(prop::sample::select(&[Method::Get, Method::Post][..]), 12),
        asked in paths("(a|b|c|ab|acb|axb|aab)", 8),
    ) {
        let mut listed: Vec<Listed> = Vec::new();
        for (place, path) in templates.iter().enumerate() {
            let operation = operation(methods[place], &joined(path));
            listed.push((owners[place], bases[place].clone(), operation));
        }
        listed.sort_by_key(|(owner, ..)| *owner);
        let mut operations = Operations::new();
        for (owner, base, operation) in &listed {
            let owner = Owner { product: *owner, family: *owner };
            prop_assert!(operations.insert(owner, base, operation));
        }
        for path in &asked {
            for method in [Method::Get, Method::Post] {
                let got = match operations.find(method, path) {
                    Found::Nothing => None,
                    Found::Several => Some(Err(())),
                    Found::Operation(owner, _) => Some(Ok(owner.product)),
                };
                prop_assert_eq!(got, slowly(&listed, method, path), "{:?} {:?}", method, path);
                for family in 0..3 {
                    let own: Vec<Listed> =
                        listed.iter().filter(|(owner, ..)| *owner == family).cloned().collect();
                    let got = match operations.find_of(family, method, path) {
                        Found::Nothing => None,
                        Found::Several => Some(Err(())),
                        Found::Operation(owner, _) => Some(Ok(owner.product)),
                    };
                    prop_assert_eq!(got, slowly(&own, method, path), "{} {:?}", family, path);
                }
            }
        }
    }

    #[test]
    fn one_product_s_operation_is_the_one_that_a_router_of_others_finds(
        templates in paths(PLAIN, 12),
        asked in paths("(a|b|c|d)", 8),
    ) {
        let mut router = matchit::Router::new();
        let mut operations = Operations::new();
        for path in &templates {
            let operation = operation(Method::Get, &joined(path));
            // One that is there already is refused there, and stays the first here.
            let _known = router.insert(joined(path), Arc::clone(&operation));
            let owner = Owner { product: 0, family: 0 };
            prop_assert!(operations.insert(owner, &[], &operation));
        }
        for path in &asked {
            let theirs = router.at(&joined(path)).ok().map(|found| found.value.to_string());
            let ours = match operations.find(Method::Get, path) {
                Found::Operation(_, operation) => Some(operation.to_string()),
                Found::Nothing => None,
                Found::Several => panic!("one product alone"),
            };
            prop_assert_eq!(ours, theirs, "{:?}", path);
        }
    }
}
