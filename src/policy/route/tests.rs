use super::super::tests::{attributes, environment, name, portal, product};
use super::super::{Parts, ResourceName};
use super::*;
use crate::attributes::HostName;
use proptest::prelude::*;

mod model;

/// Context extensions: key and value.
type Context = &'static [(&'static str, &'static str)];
/// Environment and product, or why not.
type Want = Result<(&'static str, &'static str), NoRoute>;

fn host(text: &str) -> HostName {
    HostName::parse(text).expect(text)
}

/// Portal 0 and 1 publish Environment 0; Portal 0 alone Environment 1, routed by context.
fn snapshot() -> Snapshot {
    let mut parts = Parts {
        portals: vec![portal("petstore-portal", &[0, 1]), portal("partners", &[0])],
        environments: vec![
            environment(
                "dev",
                &[0, 1],
                vec![
                    product("pets", "api/pets"),
                    product("pets", "v2/pets"),
                    product("store", "api"),
                    product("cafe", "caf\u{e9} bar"),
                    product("twin", "twins"),
                    product("other-twin", "twins"),
                ],
            ),
            environment("prod", &[0], vec![product("pets", "")]),
        ],
        ..Parts::default()
    };
    parts.environments[1].routing = Routing::Context;
    let sites = [
        ("portal.example.com", Site::Portal(PortalId(0))),
        ("api.example.com", Site::Environment(EnvironmentId(0))),
    ];
    sites.into_iter().for_each(|(host, site)| parts.hosts.add(host, site));
    let wildcards = [
        ("example.com", Site::Portal(PortalId(1))),
        ("eu.example.com", Site::Environment(EnvironmentId(1))),
    ];
    wildcards.into_iter().for_each(|(host, site)| parts.hosts.add_wildcard(host, site));
    parts.into()
}

#[test]
fn finds_a_site_by_name_then_by_the_longest_wildcard() {
    let snapshot = snapshot();
    let cases = [
        ("portal.example.com", Some(Site::Portal(PortalId(0))), true),
        ("PORTAL.example.com.", Some(Site::Portal(PortalId(0))), true),
        ("api.example.com", Some(Site::Environment(EnvironmentId(0))), true),
        ("x.example.com", Some(Site::Portal(PortalId(1))), false),
        ("x.y.example.com", Some(Site::Portal(PortalId(1))), false),
        ("x.portal.example.com", Some(Site::Portal(PortalId(1))), false),
        ("eu.example.com", Some(Site::Portal(PortalId(1))), false),
        ("x.eu.example.com", Some(Site::Environment(EnvironmentId(1))), false),
        ("example.com", None, false),
        ("notexample.com", None, false),
        ("portal.example.com.evil.com", None, false),
        ("com", None, false),
    ];
    for (text, site, exact) in cases {
        assert_eq!(snapshot.site(host(text).as_str()), site, "{text}");
        assert_eq!(snapshot.is_exact_host(host(text).as_str()), exact, "{text}");
    }
}

#[test]
fn leads_to_one_product_or_nowhere() {
    let dev: Context = &[];
    let product = |name| Ok(("dev.default", name));
    let cases: [(&str, Context, Want); 37] = [
        ("/api/pets", dev, product("pets")),
        ("/api/pets/1", dev, product("pets")),
        ("/api/pets/", dev, product("pets")),
        ("/v2/pets/1?x=/api", dev, product("pets")),
        ("/api", dev, product("store")),
        ("/api/petsy", dev, product("store")),
        ("/api/Pets", dev, product("store")),
        ("/api/pets/a%3fb", dev, product("pets")),
        ("/api/pets%3f/1", dev, Err(NoRoute::TwoReadings)),
        ("/api/pets%23", dev, Err(NoRoute::TwoReadings)),
        ("/api%3f/pets", dev, Err(NoRoute::NoProduct)),
        ("/v2/p%65ts", dev, Err(NoRoute::TwoReadings)),
        ("/%76%32/pets", dev, Err(NoRoute::TwoReadings)),
        ("/v2/pets/p%65ts%3f", dev, product("pets")),
        ("/caf%c3%a9%20bar/1", dev, product("cafe")),
        ("/caf%C3%a9%20bar", dev, product("cafe")),
        ("/%63af%c3%a9%20bar", dev, Err(NoRoute::TwoReadings)),
        ("/caf%c3%a9%20b%61r", dev, Err(NoRoute::TwoReadings)),
        ("/Caf%c3%a9%20bar", dev, Err(NoRoute::NoProduct)),
        ("/caf%c3%a9%20bar/%61", dev, product("cafe")),
        ("/api/pets/%61", dev, product("pets")),
        ("/api/p%65ts", dev, Err(NoRoute::TwoReadings)),
        ("/apis", dev, Err(NoRoute::NoProduct)),
        ("/API/pets", dev, Err(NoRoute::NoProduct)),
        ("/", dev, Err(NoRoute::NoProduct)),
        ("/twins", dev, Err(NoRoute::SeveralProducts)),
        ("/twins/1", dev, Err(NoRoute::SeveralProducts)),
        ("/twins/1", &[("product", "twin.default")], product("twin")),
        ("/api/pets", &[("environment", "dev.default")], product("pets")),
        ("/api/pets", &[("environment", "prod.default")], Err(NoRoute::ContextDisagrees)),
        ("/api/pets", &[("environment", "")], Err(NoRoute::UnknownContext)),
        ("/api/pets", &[("product", "")], Err(NoRoute::UnknownContext)),
        ("/api/pets", &[("product", "nothing.default")], Err(NoRoute::ContextDisagrees)),
        ("/api/pets", &[("product", "pets.other")], Err(NoRoute::ContextDisagrees)),
        ("/api/pets", &[("portal", "nothing.default")], Err(NoRoute::UnknownContext)),
        ("/api/pets", &[("portal", "partners.default")], product("pets")),
        ("/elsewhere", &[("product", "pets.default")], product("pets")),
    ];
    let snapshot = snapshot();
    for (path, context, want) in cases {
        let route = snapshot.route(Site::Environment(EnvironmentId(0)), &attributes(path, context));
        let got = route.map(|route| match route {
            Route::Product { environment, product, .. } => {
                (environment.name.to_string(), product.name.name().to_owned())
            }
            Route::Portal(_, portal) => (portal.name.to_string(), String::new()),
        });
        let want = want.map(|(environment, product)| (environment.to_owned(), product.to_owned()));
        assert_eq!(got, want, "{path} {context:?}");
    }
}

#[test]
fn names_the_portal_of_the_context_or_the_only_one() {
    let snapshot = snapshot();
    let portal = |environment: usize, context: Context| {
        let site = Site::Environment(EnvironmentId(environment));
        match snapshot.route(site, &attributes("/api/pets", context)) {
            Ok(Route::Product { portal, .. }) => Ok(portal),
            Ok(Route::Portal(..)) => Err(None),
            Err(reason) => Err(Some(reason)),
        }
    };
    let prod: Context = &[("environment", "prod.default"), ("product", "pets.default")];
    assert_eq!(portal(0, &[]), Ok(None));
    assert_eq!(portal(0, &[("portal", "partners.default")]), Ok(Some(PortalId(1))));
    assert_eq!(portal(1, prod), Ok(Some(PortalId(0))));
}

#[test]
fn routes_by_context_alone_where_settings_say_so() {
    let snapshot = snapshot();
    let cases: [(Context, Option<NoRoute>); 5] = [
        (&[("environment", "prod.default"), ("product", "pets.default")], None),
        (&[("environment", "prod.default")], Some(NoRoute::ContextMissing)),
        (&[("product", "pets.default")], Some(NoRoute::ContextMissing)),
        (&[], Some(NoRoute::ContextMissing)),
        (
            &[
                ("environment", "prod.default"),
                ("product", "pets.default"),
                ("portal", "partners.default"),
            ],
            Some(NoRoute::ContextDisagrees),
        ),
    ];
    for (context, want) in cases {
        let site = Site::Environment(EnvironmentId(1));
        let got = snapshot.route(site, &attributes("/api/pets", context)).err();
        assert_eq!(got, want, "{context:?}");
    }
}

#[test]
fn leads_to_a_portal_whatever_the_path() {
    let snapshot = snapshot();
    let cases: [(Context, Option<NoRoute>); 6] = [
        (&[], None),
        (&[("portal", "petstore-portal.default")], None),
        (&[("portal", "partners.default")], Some(NoRoute::ContextDisagrees)),
        (&[("portal", "")], Some(NoRoute::UnknownContext)),
        (&[("environment", "dev.default")], Some(NoRoute::ContextDisagrees)),
        (&[("product", "")], Some(NoRoute::UnknownContext)),
    ];
    for (context, want) in cases {
        let route = snapshot.route(Site::Portal(PortalId(0)), &attributes("/any/path", context));
        assert_eq!(route.err(), want, "{context:?}");
    }
}

proptest! {
    #[test]
    fn a_product_only_gets_what_is_below_its_base_path(raw in "(/[ab]{1,2}){0,4}/?") {
        let raw = if raw.is_empty() { "/".to_owned() } else { raw };
        let products = ["a", "a/b", "ab", "b/a"].map(|base| product(base, base));
        let snapshot = Snapshot::from(Parts {
            environments: vec![environment("dev", &[], products.to_vec())],
            ..Parts::default()
        });
        let attributes = attributes(&raw, &[]);
        let route = snapshot.route(Site::Environment(EnvironmentId(0)), &attributes);
        let whole = format!("{}/", raw.trim_end_matches('/'));
        let longest = ["a/b", "ab", "b/a", "a"].into_iter()
            .find(|base| whole.starts_with(&format!("/{base}/")));
        let got = match route {
            Ok(Route::Product { product, .. }) => Some(product.name.name().to_owned()),
            _ => None,
        };
        prop_assert_eq!(got.as_deref(), longest);
        prop_assert!(attributes.context.is_empty() && name("a").namespace() == "default");
    }
}

/// `cats` lists its operations below `/api`, `dogs` those and the rest below `/api/dogs`, `old` is below everything.
fn listing() -> Snapshot {
    use super::super::{Products, Rest};
    use crate::openapi;
    let list = |own: &str, base: &str, paths: &str, rest| {
        let text = format!("openapi: 3.0.0\npaths: {{{paths}}}");
        let operations = openapi::read(&text, 10_000).expect("a document").operations;
        product(own, base).listing(operations, rest)
    };
    let get = |paths: &[&str]| {
        paths.iter().map(|path| format!("'{path}': {{get: {{}}}},")).collect::<String>()
    };
    let products = vec![
        list(
            "cats",
            "api",
            &get(&["/cats", "/cats/{id}", "/cats/all", "/dogs/{id}"]),
            Rest::Refused,
        ),
        list("dogs", "api/dogs", &get(&["/all"]), Rest::Included),
        product("old", ""),
    ];
    let environment = Environment {
        products: Products::new(products, [vec!["closed".to_owned()]]),
        ..environment("dev", &[], Vec::new())
    };
    Snapshot::from(Parts { environments: vec![environment], ..Parts::default() })
}

#[test]
fn an_operation_goes_before_a_base_path_and_a_known_product_has_no_more_than_it_lists() {
    let snapshot = listing();
    let none: Context = &[];
    let cats: Context = &[("product", "cats.default")];
    let cases: [(&str, Context, Result<&str, NoRoute>); 20] = [
        ("/api/cats", none, Ok("cats")),
        ("/api/cats/1", none, Ok("cats")),
        ("/api/dogs/1", none, Ok("cats")),
        ("/api/dogs/all", none, Ok("dogs")),
        ("/api/dogs/1/2", none, Ok("dogs")),
        ("/api/dogs", none, Ok("dogs")),
        // What `cats` does not list below its base path is not its, nor that of a shorter one.
        ("/api/other", none, Err(NoRoute::NotListed)),
        ("/api", none, Err(NoRoute::NotListed)),
        ("/elsewhere", none, Ok("old")),
        ("/closed/x", none, Err(NoRoute::NoProduct)),
        ("/api/cats/%61ll", none, Err(NoRoute::TwoReadings)),
        ("/api/cats/%61", none, Ok("cats")),
        ("/api/d%6fgs/1", none, Err(NoRoute::TwoReadings)),
        ("/api/dogs/1%3f", none, Ok("cats")),
        ("/api/dogs/%3f1", none, Err(NoRoute::TwoReadings)),
        ("/api/cats/1", cats, Ok("cats")),
        ("/api/other", cats, Err(NoRoute::NotListed)),
        ("/elsewhere", cats, Err(NoRoute::NotListed)),
        ("/api/cats/%61ll", cats, Err(NoRoute::TwoReadings)),
        ("/elsewhere", &[("product", "dogs.default")], Ok("dogs")),
    ];
    for (path, context, want) in cases {
        let route = snapshot.route(Site::Environment(EnvironmentId(0)), &attributes(path, context));
        let got = route.map(|route| match route {
            Route::Product { product, .. } => product.name.name().to_owned(),
            Route::Portal(..) => String::new(),
        });
        assert_eq!(got, want.map(str::to_owned), "{path} {context:?}");
    }
    let post =
        Attributes { method: crate::attributes::Method::Post, ..attributes("/api/cats", none) };
    let route = snapshot.route(Site::Environment(EnvironmentId(0)), &post);
    assert_eq!(route.map(|_| ()), Err(NoRoute::NotListed));
}

#[test]
fn whoever_does_not_know_the_path_can_leave_operations_out_of_it() {
    let mut snapshot = listing();
    snapshot.forget_operations();
    let attributes = attributes("/", &[("product", "cats.default")]);
    assert!(snapshot.route(Site::Environment(EnvironmentId(0)), &attributes).is_ok());
}
