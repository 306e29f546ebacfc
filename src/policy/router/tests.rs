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

/// Whatever the order: what nobody lists is refused, unless one product alone says that it is its own.
#[test]
fn whose_the_rest_is_depends_on_what_is_known() {
    use Rest::{Included, Refused, Unknown};
    let cases: [(&[Rest], Owner); 9] = [
        (&[Unknown], Owner::Product(0)),
        (&[Included], Owner::Unlisted(0)),
        (&[Refused], Owner::Listed),
        (&[Refused, Refused], Owner::Listed),
        (&[Included, Refused, Refused], Owner::Unlisted(0)),
        (&[Unknown, Refused], Owner::Several),
        (&[Unknown, Included], Owner::Several),
        (&[Included, Included], Owner::Several),
        (&[Unknown, Included, Refused], Owner::Several),
    ];
    for (rests, want) in cases {
        let mut places: Vec<usize> = (0..rests.len()).collect();
        for _turn in 0..rests.len() {
            let mut router = Router::new();
            for place in &places {
                router.insert(&base("a"), *place, rests[*place]);
            }
            assert_eq!(router.find(base("a/b")), want, "{rests:?} as {places:?}");
            router.leave_out(&base("a"));
            assert_eq!(router.find(base("a")), Owner::LeftOut);
            places.rotate_left(1);
        }
    }
}
