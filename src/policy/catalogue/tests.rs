use super::*;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map("[kl]", "[xyz]", 0..3)
}

fn rule() -> impl Strategy<Value = LabelRule> {
    let operators = [Operator::In, Operator::NotIn, Operator::Exists, Operator::Absent];
    ("[klm]", select(operators.to_vec()), prop::collection::btree_set("[xyz]", 0..3))
        .prop_map(|(key, operator, values)| LabelRule { key, operator, values })
}

fn selector() -> impl Strategy<Value = Selector> {
    let names = prop::collection::btree_set("[a-d]", 0..3);
    let namespaces = subsequence(vec!["own", "other", "*", "none"], 0..3);
    (names, namespaces, prop::collection::vec(rule(), 0..3)).prop_map(
        |(names, namespaces, labels)| Selector {
            names,
            namespaces: namespaces.into_iter().map(str::to_owned).collect(),
            labels,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn finds_what_a_selector_selects(
        resources in prop::collection::btree_map(("[a-c]", "(own|other)"), labels(), 0..7),
        selector in selector(),
    ) {
        let resources: Vec<(ResourceName, Labels)> = resources
            .into_iter()
            .map(|((name, namespace), labels)| (ResourceName::new(&name, &namespace), labels))
            .collect();
        let catalogue = Catalogue::new(resources.iter().map(|(name, labels)| (name, labels)));
        let selects = |place: &usize| {
            let (name, labels) = &resources[*place];
            selector.selects("own", name, labels)
        };
        let want: Vec<usize> = (0..resources.len()).filter(selects).collect();
        prop_assert_eq!(&catalogue.select(&selector, "own"), &want);
        prop_assert_eq!(catalogue.selects_any(&selector, "own", |_| true), !want.is_empty());
        let last = want.last().copied();
        prop_assert_eq!(
            catalogue.selects_any(&selector, "own", |place| Some(place) == last),
            last.is_some()
        );
    }
}
