use super::*;
use crate::api_key::{KeyDigest, mint};
use crate::policy::resource::ApiKey;

/// An Environment with a product, by a plan for keys, by one for tokens, and with a plan of nobody's.
const SITE: &str = "\
apiVersion: portal.gloo.solo.io/v1beta1
kind: APIProduct
metadata: {name: petstore, namespace: default}
spec: {usagePlans: [basic, tokens], versions: [{name: v1}]}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Environment
metadata: {name: dev, namespace: default}
spec:
  domains: [api.example.com]
  apiProducts: [{names: [petstore]}]
  parameters:
    usagePlans:
      basic: {authPolicy: {apiKey: {}}, rateLimit: {requestsPerUnit: 5, unit: MINUTE}}
      tokens: {authPolicy: {oauth: {}}}
      other: {authPolicy: {apiKey: {}}}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {name: portal, namespace: default}
spec:
  domains: [portal.example.com]
  portalUrlPrefix: https://portal.example.com
  publishedEnvironments: [{name: dev, namespace: default}]
---
";

const KEY: &str = "N2YwMDIxZTEtNGUzNS1jNzgz";

/// The guide's own Secret, with these lines in its data.
fn secret(name: &str, labels: &str, data: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\ntype: extauth.solo.io/apikey\n\
         metadata: {{name: {name}, namespace: default, labels: {{{labels}}}}}\nstringData:\n{data}---\n"
    )
}

fn data(key: &str, environment: &str, product: &str, plan: &str) -> String {
    format!("  {key}\n  environment: {environment}\n  product: {product}\n  plan: {plan}\n")
}

fn good(name: &str, key: &str) -> String {
    secret(name, "", &data(&format!("api-key: {key}"), "dev.default", "petstore.default", "basic"))
}

fn find<'c>(compiled: &'c Compiled, key: &str) -> Option<&'c policy::KnownKey> {
    compiled.snapshot.api_keys.find(&KeyDigest::of(key).expect("a key"))
}

/// What a key comes to on the product: `None`, it is not known; else what it is refused for, if it is.
fn opens(compiled: &Compiled, key: &str) -> Option<Result<(), String>> {
    let known = find(compiled, key)?;
    let (id, environment) = compiled.snapshot.environments().next().expect("an Environment");
    let product = environment.products.first().expect("a product");
    let route = Route::Product { id, environment, product, portal: None, operation: None };
    Some(known.opens(&route).map_err(|refused| refused.to_string()))
}

fn said(compiled: &Compiled) -> Vec<String> {
    // The Portal of these tests has no login.
    let said = compiled.problems.iter().map(ToString::to_string);
    said.filter(|said| !said.contains("oidcAuth")).collect()
}

fn warnings(compiled: &Compiled) -> Vec<String> {
    said(compiled).into_iter().filter(|said| said.contains(": warning: ")).collect()
}

#[test]
fn reads_a_key_as_gloo_portal_stores_it() {
    let labels = "apiproducts.portal.gloo.solo.io: petstore.default, \
                  environments.portal.gloo.solo.io: dev.default, usageplans.portal.gloo.solo.io: basic";
    let digest = KeyDigest::of(KEY).expect("a key").to_hex();
    let plain = format!("api-key: \"{KEY}\\n\"");
    let in_full = data(&plain, "\"dev.default\\n\"", "petstore.default", "basic");
    let ways = [
        secret("k", labels, &in_full),
        secret("k", "", &in_full),
        secret("k", labels, &format!("  {plain}\n")),
        secret("k", labels, &format!("  {plain}\n  plan: basic\n  username: ann\n")),
        secret("k", labels, &format!("  api-key-digest: {digest}\n")),
        secret("k", labels, &format!("  api-key-digest: \"{}\\n\"\n", digest.to_uppercase())),
    ];
    for way in ways {
        let compiled = compile(&format!("{SITE}{way}"));
        assert_eq!(said(&compiled), [""; 0], "{way}");
        assert_eq!(opens(&compiled, KEY), Some(Ok(())), "{way}");
        assert!(find(&compiled, "another").is_none());
        let held: Vec<&ApiKey> = compiled.held.api_keys.values().map(|key| &**key).collect();
        let told = format!("{held:?} {:?}", compiled.snapshot.api_keys);
        assert!(!told.contains(KEY) && !told.contains(&digest), "{told}");
    }
    // A Secret of another type is no key, whatever is in it.
    let opaque = ways_without_type(&in_full);
    let compiled = compile(&format!("{SITE}{opaque}"));
    assert!(find(&compiled, KEY).is_none() && compiled.snapshot.api_keys.is_empty());
}

fn ways_without_type(data: &str) -> String {
    secret("k", "", data).replace("type: extauth.solo.io/apikey\n", "type: Opaque\n")
}

#[test]
fn a_key_that_is_malformed_is_a_problem_of_that_secret_alone() {
    let minted = mint(&Secret::new([7; 32])).expose().clone();
    let mistyped = format!("{}0", minted.split_at(59).0);
    let hex = KeyDigest::of("x").expect("a key").to_hex();
    let label = "environments.portal.gloo.solo.io: prod.default";
    let whole = |key: &str| data(key, "dev.default", "petstore.default", "basic");
    let cases = [
        (
            secret("k", label, &whole("api-key: k1234567890123456789012")),
            "environment: expected what the label says",
        ),
        (secret("k", "", &whole("other: k")), "data.api-key: expected the key, or its SHA-256"),
        (
            secret("k", "", &whole("api-key: ''")),
            "api-key: expected a key that can be sent, found an empty key",
        ),
        (secret("k", "", &whole("api-key: 'a b'")), "api-key: expected a key that can be sent"),
        (secret("k", "", &whole("api-key: 'a,b'")), "api-key: expected a key that can be sent"),
        (secret("k", "", &whole(&format!("api-key: {mistyped}"))), "checksum"),
        (
            secret("k", "", &whole(&format!("api-key-digest: {}", hex.split_at(1).1))),
            "api-key-digest: expected the SHA-256",
        ),
        (
            secret("k", "", &whole("api-key-digest: plain-key-by-mistake")),
            "api-key-digest: expected the SHA-256",
        ),
        (
            secret("k", "", &whole(&format!("api-key: abc\n  api-key-digest: {hex}"))),
            "expected either",
        ),
        (
            secret("k", "", &data("api-key: k", "dev", "petstore.default", "basic")),
            "environment: expected <name>.<namespace>",
        ),
        (
            secret("k", "", &data("api-key: k", "dev.default", "petstore", "basic")),
            "product: expected <name>.<namespace>",
        ),
        (
            secret("k", "", &data("api-key: k", "dev.default", "petstore.default", "''")),
            "plan: expected a value",
        ),
        (secret("k", "", &whole("api-key: k\n  expires: tomorrow")), "expires: expected a time"),
        (secret("k", "", "  api-key: k\n  plan: basic\n"), "product: expected a value"),
    ];
    for (secret, want) in cases {
        let compiled = compile(&format!("{SITE}{secret}{}", good("neighbour", KEY)));
        let found = errors(&compiled);
        assert!(found.iter().any(|found| found.contains(want)), "{secret}: {found:?}");
        let all = said(&compiled).join("\n");
        for hidden in ["plain-key-by-mistake", "k1234567890123456789012", mistyped.as_str()] {
            assert!(!all.contains(hidden), "{all}");
        }
        assert_eq!(compiled.snapshot.api_keys.len(), 1, "{secret}");
        assert_eq!(opens(&compiled, KEY), Some(Ok(())));
    }
    let elsewhere = secret("k", "", "  api-key: of-another-product-of-gloo\n");
    let compiled = compile(&format!("{SITE}{elsewhere}"));
    assert_eq!(errors(&compiled), [""; 0]);
    assert!(compiled.snapshot.api_keys.is_empty() && said(&compiled)[0].contains("notice"));
    let short = compile(&format!("{SITE}{}", good("k", "hunter2")));
    assert_eq!(warnings(&short).len(), 1, "{:?}", said(&short));
    assert_eq!(opens(&short, "hunter2"), Some(Ok(())));
}

#[test]
fn of_two_secrets_with_one_key_neither_counts() {
    let digest = KeyDigest::of(KEY).expect("a key").to_hex();
    let other = format!("api-key-digest: {digest}");
    let other = secret("b", "", &data(&other, "dev.default", "petstore.default", "basic"));
    let compiled = compile(&format!("{SITE}{}{other}{}", good("a", KEY), good("c", KEY)));
    assert!(find(&compiled, KEY).is_none());
    let found = errors(&compiled);
    assert_eq!(found.len(), 3, "{found:?}");
    for name in ["Secret a.default", "Secret b.default"] {
        assert!(found.iter().any(|found| found.contains(name)), "{found:?}");
    }
    assert!(!found.join("").contains(KEY) && !found.join("").contains(&digest));
    // With the other one gone it is that of the first again.
    let compiled = compile_files(
        &[file("a.yaml", &format!("{SITE}{}", good("a", KEY)))],
        SETTINGS,
        &compiled.held,
    );
    assert_eq!(opens(&compiled, KEY), Some(Ok(())));
}

#[test]
fn n04_a_key_is_for_what_it_names_and_for_nothing_else() {
    let cases = [
        (("dev.default", "petstore.default", "basic"), Ok(())),
        (("prod.default", "petstore.default", "basic"), Err("an Environment that is not in force")),
        (("dev.other", "petstore.default", "basic"), Err("an Environment that is not in force")),
        (
            ("dev.default", "store.default", "basic"),
            Err("a product that its Environment does not hold"),
        ),
        (("dev.default", "petstore.default", "gold"), Err("a plan that its product does not have")),
        (
            ("dev.default", "petstore.default", "other"),
            Err("a plan that its product does not have"),
        ),
        (("dev.default", "petstore.default", "tokens"), Err("a plan that takes no API keys")),
    ];
    for ((environment, product, plan), want) in cases {
        let key = secret("k", "", &data(&format!("api-key: {KEY}"), environment, product, plan));
        let compiled = compile(&format!("{SITE}{key}"));
        assert_eq!(errors(&compiled), [""; 0]);
        let warnings = warnings(&compiled);
        match (opens(&compiled, KEY).expect("known"), want) {
            (Ok(()), Ok(())) => assert_eq!(warnings, [""; 0]),
            (Err(refused), Err(want)) => {
                assert!(refused.contains(want), "{refused}");
                assert!(warnings.iter().any(|warning| warning.contains(want)), "{warnings:?}");
            }
            other => panic!("{environment} {product} {plan}: {other:?}"),
        }
    }
    let compiled = compile(&format!("{SITE}{}", good("k", KEY)));
    let (id, portal) = compiled.snapshot.portals().next().expect("a Portal");
    let known = find(&compiled, KEY).expect("known");
    assert!(known.opens(&Route::Portal(id, portal)).is_err());
}

#[test]
fn n02_a_user_who_no_longer_has_the_product_takes_the_key_along() {
    let user = |name: &str, access: &str| {
        format!(
            "apiVersion: portal.gloo.solo.io/v1beta1\nkind: User\n\
             metadata: {{name: {name}, namespace: default, labels: {{team: a}}}}\n\
             spec: {{username: ann, accessLevel: {{{access}}}}}\n---\n"
        )
    };
    let group = |selector: &str, access: &str| {
        format!(
            "apiVersion: portal.gloo.solo.io/v1beta1\nkind: Group\n\
             metadata: {{name: g, namespace: default}}\n\
             spec: {{userSelector: {{{selector}}}, accessLevel: {{{access}}}}}\n---\n"
        )
    };
    let portals = "portals: [{name: portal}]";
    let api = |plans: &str| {
        format!(
            "apis: [{{products: {{names: [petstore]}}, environments: {{names: [dev]}}{plans}}}]"
        )
    };
    let all = api("");
    let team = "matchLabels: {team: a}";
    let cases = [
        (String::new(), true),
        (user("ann", ""), false),
        (user("ann", portals), false),
        (user("ann", &all), false),
        (user("ann", &format!("{portals}, {all}")), true),
        (user("ann", &format!("{portals}, {}", api(", usagePlans: ['*']"))), true),
        (user("ann", &format!("{portals}, {}", api(", usagePlans: [basic]"))), true),
        (user("ann", &format!("{portals}, {}", api(", usagePlans: [gold]"))), false),
        (user("ann", &format!("{portals}, {}", all.replace("petstore", "store"))), false),
        (user("ann", &format!("{portals}, {}", all.replace("[dev]", "[prod]"))), false),
        (user("ann", &format!("portals: [{{name: gone}}], {all}")), false),
        (user("ann", "") + &group(team, &format!("{portals}, {all}")), true),
        (user("ann", portals) + &group(team, &all), true),
        (user("ann", "") + &group("matchLabels: {team: b}", &format!("{portals}, {all}")), false),
        (user("ann", "") + &group("", &format!("{portals}, {all}")), false),
        (
            user("ann", "")
                + &group("matchLabels: {team: a}, namespaces: [x]", &format!("{portals}, {all}")),
            false,
        ),
        (
            user("ann", "")
                + &group("matchLabels: {team: a}, namespaces: ['*']", &format!("{portals}, {all}")),
            true,
        ),
        // Two Users of one name, and one of them has nothing.
        (user("ann", &format!("{portals}, {all}")) + &user("bob", ""), false),
        // What cannot be read of it grants nothing.
        (user("ann", &format!("{portals}, apis: 1")), false),
        (user("ann", "").replace("username: ann", "username: bob"), true),
    ];
    let key = data(
        &format!("api-key: {KEY}\n  username: ann"),
        "dev.default",
        "petstore.default",
        "basic",
    );
    let key = secret("k", "", &key);
    for (documents, want) in cases {
        let compiled = compile(&format!("{SITE}{documents}{key}"));
        let opens = opens(&compiled, KEY).expect("known");
        assert_eq!(opens.is_ok(), want, "{documents}: {opens:?} {:?}", said(&compiled));
        let warned = said(&compiled).iter().any(|said| said.contains("no longer has the product"));
        assert_eq!(warned, !want, "{documents}");
    }
    // A key of nobody's name asks no User.
    let compiled = compile(&format!("{SITE}{}{}", user("ann", ""), good("k", KEY)));
    assert_eq!(opens(&compiled, KEY), Some(Ok(())));
}

#[test]
fn a_key_whose_user_nobody_can_know_of_is_refused() {
    let named = data(
        &format!("api-key: {KEY}\n  username: ann"),
        "dev.default",
        "petstore.default",
        "basic",
    );
    let text = format!(
        "{SITE}{}{}",
        secret("named", "", &named),
        good("unnamed", "of-nobody-of-that-name-here")
    );
    let parsed = config::parse(SETTINGS, &Base::from(Path::new("/"))).expect("settings");
    let manifests = Manifests { files: &[file("a.yaml", &text)], watched: &[], secrets: &[] };
    let (mut resources, _problems) = read(&manifests, &Held::default());
    for unknown in [false, true] {
        resources.users_unknown = unknown;
        let input = Input {
            settings: &parsed.settings,
            places: &parsed.places,
            resources: &resources,
            last: &Held::default(),
            known: &(),
        };
        let compiled = policy::compile(&input);
        assert_eq!(opens(&compiled, KEY).expect("known").is_ok(), !unknown);
        assert_eq!(opens(&compiled, "of-nobody-of-that-name-here"), Some(Ok(())));
    }
}

/// A User that takes a key away may stand in a file that nobody could ever read.
#[test]
fn n04_users_in_a_file_that_never_parsed_are_unknown_and_so_are_the_keys_of_theirs() {
    let named = format!(
        "  api-key: {KEY}\n  environment: dev.default\n  product: petstore.default\n  plan: basic\n  \
         username: ann\n"
    );
    let site = format!(
        "{SITE}{}{}",
        secret("named", "", &named),
        good("unnamed", "of-nobody-of-that-name")
    );
    let broken = "kind: User\nspec: {username: ann\n";
    for (users, passes) in [("", true), (broken, false)] {
        let files = [file("petstore.yaml", &site), file("users.yaml", users)];
        let compiled = compile_files(&files, SETTINGS, &Held::default());
        assert_eq!(opens(&compiled, KEY).expect("known").is_ok(), passes, "{users}");
        assert_eq!(opens(&compiled, "of-nobody-of-that-name"), Some(Ok(())));
    }
}

#[test]
fn a_key_stays_as_it_last_held_and_is_the_same_in_memory() {
    let first = compile(&format!("{SITE}{}", good("k", KEY)));
    let again = |text: &str| compile_files(&[file("petstore.yaml", text)], SETTINGS, &first.held);
    let same = again(&format!("{SITE}{}", good("k", KEY)));
    let held =
        |compiled: &Compiled| compiled.held.api_keys.values().next().map(std::sync::Arc::as_ptr);
    assert_eq!(held(&first), held(&same));
    // Broken: the last version stays. For nothing at all, or gone: so is the key.
    let broken = again(&format!("{SITE}{}", good("k", "'a b'")));
    assert_eq!(opens(&broken, KEY), Some(Ok(())), "{:?}", said(&broken));
    let unparsed = again("a: [");
    assert!(find(&unparsed, KEY).is_some());
    let nothing = again(&format!("{SITE}{}", secret("k", "", &format!("  api-key: {KEY}\n"))));
    assert!(find(&nothing, KEY).is_none());
    let gone = again(SITE);
    assert!(find(&gone, KEY).is_none());
    let rotated = again(&format!("{SITE}{}", good("k", "another-key-that-is-long-enough")));
    assert!(
        find(&rotated, KEY).is_none()
            && find(&rotated, "another-key-that-is-long-enough").is_some()
    );
}
