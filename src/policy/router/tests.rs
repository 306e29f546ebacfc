use super::*;

fn base(text: &str) -> Vec<String> {
    text.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_longest_base_path_decides() {
    let mut router = Router::new();
    router.leave_out(&base("closed"));
    for (product, path) in
        ["api", "api/pets/v1", "closed", "closed/open", "twin", "twin"].into_iter().enumerate()
    {
        router.insert(&base(path), product, Rest::Unknown);
    }
    router.leave_out(&base("api/store"));
    let cases = [
        ("", Owner::Nobody),
        ("x", Owner::Nobody),
        ("api", Owner::Product(0)),
        ("apis", Owner::Nobody),
        ("api/pets", Owner::Product(0)),
        ("api/pets/v1", Owner::Product(1)),
        ("api/pets/v1/1", Owner::Product(1)),
        ("api/pets/v2", Owner::Product(0)),
        ("api/store/1", Owner::LeftOut),
        ("closed/1", Owner::LeftOut),
        ("closed/open/1", Owner::Product(3)),
        ("twin/1", Owner::Several),
    ];
    for (path, want) in cases {
        assert_eq!(router.find(base(path)), want, "{path}");
    }
    router.insert(&[], 9, Rest::Unknown);
    assert_eq!(router.find(base("x")), Owner::Product(9));
    assert_eq!(router.find(base("closed")), Owner::LeftOut);
    assert_eq!(Router::new().find(["a"]), Owner::Nobody);
}

/// What a client puts behind the longest base path is not even asked for.
#[test]
fn looks_no_further_than_base_paths_go() {
    let mut router = Router::new();
    router.insert(&base("a/b"), 0, Rest::Unknown);
    let mut asked = 0;
    let segments = ["a", "b", "c", "d"].into_iter().inspect(|_| asked += 1);
    assert_eq!(router.find(segments), Owner::Product(0));
    assert_eq!(asked, 3, "one more than it takes to know");
}
