//! The rules as they read, one Group after another: what the index must come to on any policy.

use super::*;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Claim values that led to a Group which grants `route`, and the Portal through which.
fn plainly(
    snapshot: &Snapshot,
    caller: &Membership,
    route: &Route<'_>,
) -> Result<(Vec<String>, PortalId), NotGranted> {
    if caller.portals.is_empty() {
        return Err(NotGranted::NoPortal);
    }
    if caller.groups.is_empty() {
        return Err(NotGranted::NoGroups);
    }
    let (mut matched, mut portal, mut known) = (Vec::new(), None, false);
    for value in caller.groups.iter() {
        for group in snapshot.groups.iter().filter(|group| group.claim_values.contains(value)) {
            known = true;
            if let Some(found) = through(group, caller, route)
                && !matched.contains(&value.to_owned())
            {
                portal = portal.or(Some(found));
                matched.push(value.to_owned());
            }
        }
    }
    match (portal, known) {
        (Some(portal), _) => Ok((matched, portal)),
        (None, true) => Err(NotGranted::OtherGrants),
        (None, false) => Err(NotGranted::UnknownGroups),
    }
}

/// The Portal through which `group` grants `route` to the caller.
fn through(group: &Group, caller: &Membership, route: &Route<'_>) -> Option<PortalId> {
    let mut applicable = caller.portals.iter().copied().filter(|id| group.applies_to.contains(id));
    match route {
        Route::Portal(id, _) => {
            applicable.find(|portal| portal == id && group.portals.contains(id))
        }
        Route::Product { id, environment, product, portal, .. } => {
            let granted = group.grants(*id, &product.name);
            applicable.find(|found| {
                let publishes = environment.portals.contains(found);
                granted && publishes && portal.is_none_or(|portal| portal == *found)
            })
        }
    }
}

const VALUES: [&str; 5] = ["a", "b", "c", "d", "e"];
const PORTALS: usize = 4;
/// More than are filed one by one.
const PLACES: usize = 12;

fn portals() -> impl Strategy<Value = SharedSet<PortalId>> {
    subsequence((0..PORTALS).map(PortalId).collect::<Vec<_>>(), 0..=PORTALS)
        .prop_map(|portals| portals.into_iter().collect())
}

/// Few, many or all.
fn places() -> impl Strategy<Value = Vec<usize>> {
    let all: Vec<usize> = (0..PLACES).collect();
    prop_oneof![subsequence(all.clone(), 0..=3), subsequence(all.clone(), 9..=PLACES), Just(all)]
}

fn granted() -> impl Strategy<Value = Granted> {
    (places(), places()).prop_map(|(products, environments)| Granted {
        products: products.iter().map(|place| name(&format!("p{place}"))).collect(),
        environments: environments.into_iter().map(EnvironmentId).collect(),
        plans: None,
    })
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let grants = prop::collection::vec(granted(), 0..3);
    let group = (subsequence(VALUES.to_vec(), 0..3), portals(), any::<bool>(), grants);
    let group = group.prop_map(|(values, portals, named, grants)| Group {
        name: name("group"),
        claim_values: values.into_iter().map(str::to_owned).collect(),
        applies_to: portals.clone(),
        portals: if named { portals } else { SharedSet::default() },
        grants,
    });
    // Sets that Groups share, as those of equal selectors are.
    (prop::collection::vec(group, 0..8), any::<bool>()).prop_map(|(mut groups, shared)| {
        let first = groups.iter().find_map(|group| group.grants.first().cloned());
        for (group, first) in groups.iter_mut().skip(1).step_by(2).zip(first.iter().cycle()) {
            group.grants.extend(shared.then(|| first.clone()));
        }
        groups
    })
}

fn environments() -> impl Strategy<Value = Vec<Environment>> {
    // Some products are nowhere.
    let products = || -> Vec<Product> {
        (0..PLACES - 2).map(|place| product(&format!("p{place}"), "")).collect()
    };
    let environment = move |portals: SharedSet<PortalId>| Environment {
        portals,
        ..environment("environment", &[], products())
    };
    prop::collection::vec(portals().prop_map(environment), PLACES)
}

fn caller() -> impl Strategy<Value = Membership> {
    let values = prop::collection::vec(select(&["a", "b", "c", "d", "e", "x"][..]), 0..5);
    (portals(), values)
        .prop_map(|(portals, values)| Membership { portals, groups: values.into_iter().collect() })
}

proptest! {
    #[test]
    fn the_index_grants_what_the_rules_grant(
        (groups, environments, caller) in (groups(), environments(), caller()),
        (place, named) in (any::<prop::sample::Index>(), prop::option::of(0..PORTALS)),
    ) {
        let snapshot = Snapshot::from(Parts {
            portals: (0..PORTALS).map(|_| portal("portal", &[])).collect(),
            environments,
            groups,
            ..Parts::default()
        });
        let older = Snapshot::from(Parts { groups: vec![group("c", &[], &[])], ..Parts::default() });
        let products = |id: usize| {
            let environment = &snapshot.environments[id];
            let product = &environment.products[place.index(environment.products.len())];
            let (id, portal) = (EnvironmentId(id), named.map(PortalId));
            Route::Product { id, environment, product, portal, operation: None }
        };
        let portal = |id| Route::Portal(PortalId(id), &snapshot.portals[id]);
        for route in (0..PLACES).map(products).chain((0..PORTALS).map(portal)) {
            let want = plainly(&snapshot, &caller, &route);
            let values = || caller.groups.iter();
            for groups in [caller.groups.clone(), snapshot.all_groups(values()), older.all_groups(values())] {
                let caller = Membership { groups, ..caller.clone() };
                let got = snapshot.authorize(&caller, &route);
                let got = got.map(|grant| {
                    let groups = grant.groups(&caller).map(str::to_owned).collect();
                    (groups, grant.portal.expect("a Portal"))
                });
                prop_assert_eq!(&got, &want, "{:?}", caller);
            }
        }
    }
}
