use super::super::tests::{environment, name, portal, product};
use super::super::{Environment, EnvironmentId, Granted, Group, Parts, Product, Site};
use super::*;

mod model;

/// What one Group says: claim value, Portals, and products by Environment.
fn group(value: &str, portals: &[usize], products: &[(usize, &str)]) -> Group {
    let portals: SharedSet<PortalId> = portals.iter().map(|index| PortalId(*index)).collect();
    let granted = |(environment, product): &(usize, &str)| Granted {
        products: [name(product)].into(),
        environments: [EnvironmentId(*environment)].into(),
        plans: None,
    };
    Group {
        name: name(value),
        claim_values: BTreeSet::from([value.to_owned()]),
        applies_to: portals.clone(),
        portals,
        grants: products.iter().map(granted).collect(),
    }
}

/// Portal 0 publishes Environment 0, Portal 1 publishes 0 and 1.
fn parts() -> Parts {
    let products = || -> Vec<Product> { vec![product("pets", "pets"), product("store", "store")] };
    Parts {
        portals: vec![portal("petstore", &[0]), portal("partners", &[0, 1])],
        environments: vec![
            environment("dev", &[0, 1], products()),
            environment("prod", &[1], products()),
        ],
        groups: vec![
            group("PetstoreUsers", &[0], &[(0, "pets")]),
            group("StoreKeepers", &[0], &[(0, "store")]),
            group("Partners", &[1], &[(0, "pets"), (1, "pets")]),
            group("Readers", &[0], &[]),
            group("Astray", &[0], &[(1, "pets")]),
        ],
        ..Parts::default()
    }
}

fn snapshot() -> Snapshot {
    parts().into()
}

fn caller(portals: &[usize], groups: &[&str]) -> Membership {
    Membership {
        portals: portals.iter().map(|index| PortalId(*index)).collect(),
        groups: groups.iter().collect(),
    }
}

#[test]
fn grants_a_product_through_a_portal_that_vouches_and_publishes() {
    let pets = |environment| (environment, 0, None);
    let store = |environment| (environment, 1, None);
    let through = |portal| (0, 0, Some(PortalId(portal)));
    let ok = |groups: &'static [&str], portal| Ok((groups, PortalId(portal)));
    let other = Err(NotGranted::OtherGrants);
    let cases = [
        (&[0_usize][..], &["PetstoreUsers"][..], pets(0), ok(&["PetstoreUsers"], 0)),
        (&[0], &["PetstoreUsers"], store(0), other),
        (&[0], &["PetstoreUsers"], pets(1), other),
        (&[0], &["StoreKeepers", "PetstoreUsers"], pets(0), ok(&["PetstoreUsers"], 0)),
        (&[0], &["PetstoreUsers", "PetstoreUsers"], pets(0), ok(&["PetstoreUsers"], 0)),
        (&[1], &["PetstoreUsers"], pets(0), other),
        (&[1], &["Partners"], pets(0), ok(&["Partners"], 1)),
        (&[1], &["Partners"], pets(1), ok(&["Partners"], 1)),
        (&[0], &["Partners"], pets(0), other),
        (&[0, 1], &["Partners", "PetstoreUsers"], pets(0), ok(&["Partners", "PetstoreUsers"], 1)),
        (&[0, 1], &["PetstoreUsers"], pets(0), ok(&["PetstoreUsers"], 0)),
        (&[0, 1], &["PetstoreUsers"], through(1), other),
        (&[0, 1], &["PetstoreUsers"], through(0), ok(&["PetstoreUsers"], 0)),
        // The Group grants it, but its Portal does not publish the Environment.
        (&[0], &["Astray"], pets(1), other),
        (&[0, 1], &["Astray"], pets(1), other),
        (&[0], &["Readers"], pets(0), other),
        (&[], &["PetstoreUsers"], pets(0), Err(NotGranted::NoPortal)),
        (&[0], &[], pets(0), Err(NotGranted::NoGroups)),
        // Byte for byte: no case, no space, no prefix, no look-alike.
        (&[0], &["petstoreusers"], pets(0), Err(NotGranted::UnknownGroups)),
        (&[0], &["PetstoreUsers "], pets(0), Err(NotGranted::UnknownGroups)),
        (&[0], &["PetstoreUser"], pets(0), Err(NotGranted::UnknownGroups)),
        (&[0], &["PetstoreUsers2"], pets(0), Err(NotGranted::UnknownGroups)),
        (&[0], &["\u{420}etstoreUsers"], pets(0), Err(NotGranted::UnknownGroups)),
        (&[0], &[""], pets(0), Err(NotGranted::UnknownGroups)),
    ];
    let snapshot = snapshot();
    for (portals, groups, (environment, index, portal), want) in cases {
        let id = EnvironmentId(environment);
        let environment = snapshot.environment(id).expect("an Environment");
        let product = &environment.products[index];
        let route = Route::Product { id, environment, product, portal, operation: None };
        let caller = caller(portals, groups);
        let numbered =
            Membership { groups: snapshot.all_groups(caller.groups.iter()), ..caller.clone() };
        for caller in [caller, numbered] {
            let got = snapshot.authorize(&caller, &route);
            let got = got.map(|grant| (grant.groups(&caller).collect::<Vec<_>>(), grant.portal));
            let want = want.map(|(groups, portal)| (groups.to_vec(), Some(portal)));
            assert_eq!(got, want, "{portals:?} {groups:?}");
        }
    }
}

#[test]
fn lets_into_a_portal_only_whom_a_group_names_it_for() {
    let mut parts = parts();
    // Applies to the callers of Portal 0, but names no Portal.
    parts.groups[3].portals = SharedSet::default();
    let snapshot = Snapshot::from(parts);
    let cases = [
        (&[0_usize][..], "PetstoreUsers", 0, true),
        (&[0], "PetstoreUsers", 1, false),
        (&[1], "PetstoreUsers", 0, false),
        (&[1], "Partners", 1, true),
        (&[0, 1], "Partners", 0, false),
        (&[0], "Readers", 0, false),
        (&[0], "Strangers", 0, false),
    ];
    for (portals, group, id, want) in cases {
        let portal = snapshot.portal(PortalId(id)).expect("a Portal");
        let route = Route::Portal(PortalId(id), portal);
        let got = snapshot.authorize(&caller(portals, &[group]), &route);
        assert_eq!(got.is_ok(), want, "{portals:?} {group} {id}");
    }
}

#[test]
fn an_empty_snapshot_denies_everything() {
    let snapshot = Snapshot::default();
    let other = self::snapshot();
    assert_eq!(snapshot.site("api.example.com"), None::<Site>);
    let portal = other.portal(PortalId(0)).expect("a Portal");
    let route = Route::Portal(PortalId(0), portal);
    let caller = caller(&[0, 1], &["PetstoreUsers"]);
    assert_eq!(snapshot.authorize(&caller, &route), Err(NotGranted::UnknownGroups));
    assert_eq!(snapshot.products_for(&caller), Vec::new());
}

#[test]
fn lists_known_groups_and_products() {
    let snapshot = snapshot();
    let values = ["Readers", "Nobody", "Readers", "Partners"].map(str::to_owned);
    assert_eq!(snapshot.known_groups(&values).to_vec(), ["Readers", "Partners"]);
    let products = snapshot.products_for(&caller(&[1], &["Partners"]));
    let want = [(name("pets"), name("dev")), (name("pets"), name("prod"))];
    assert_eq!(products, want);
    assert_eq!(snapshot.products_for(&caller(&[0], &["Partners"])), []);
}
