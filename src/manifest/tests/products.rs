//! Environments: products, base paths, usage plans.

use super::*;
use crate::policy::{KeySource, LimitUnit, PlanAuth, RateLimit};

const SELECTOR: &str = "  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [petstore]}]
    versions: {tags: [stable]}
";

fn with(selector: &str, more: &str) -> Compiled {
    let text = GUIDE.replacen(SELECTOR, &format!("  - {selector}\n  {more}\n"), 1).replacen(
        "tags: {stable: {}}",
        "tags: {stable: {}}\n  - {name: v2, tags: [beta]}",
        1,
    );
    compile(&text)
}

fn paths(compiled: &Compiled) -> Vec<String> {
    let products = environment(compiled).map(|environment| &environment.products[..]);
    products.unwrap_or_default().iter().map(|product| product.base_path.join("/")).collect()
}

#[test]
fn finds_products_versions_and_base_paths() {
    let cases: [(&str, &str, &[&str]); 17] = [
        ("{}", "", &[""]),
        ("names: [petstore-product]", "", &[""]),
        ("names: [other]", "", &[]),
        ("namespaces: [other]", "", &[]),
        ("versions: {names: [v1]}", "basePath: '/api/{%version%}'", &["api/v1"]),
        ("versions: {tags: [beta]}", "basePath: '/api/{%version%}'", &["api/v2"]),
        ("versions: {names: [v1], tags: [beta]}", "basePath: '/{%version%}'", &["v1", "v2"]),
        ("versions: {names: [v9]}", "", &[]),
        ("versions: {tags: [Stable]}", "", &[]),
        ("{}", "basePath: '/{%version%}'", &["v1", "v2"]),
        ("{}", "basePath: /api", &["api"]),
        ("{}", "basePath: /", &[""]),
        ("{}", "basePath: ''", &[""]),
        ("basePath: /own", "basePath: /api", &["own"]),
        ("{}", "basePath: '/{%label:app%}'", &["petstore"]),
        ("{}", "basePath: '/{%label:gone%}'", &[]),
        ("labels: [{key: app, operator: NotIn, values: [petstore]}]", "", &[]),
    ];
    for (selector, more, want) in cases {
        let compiled = with(selector, more);
        assert_eq!(paths(&compiled), want, "{selector} {more}: {:?}", errors(&compiled));
    }
    // Two selectors for one product: a union, each base path once.
    let compiled = with("basePath: /a", "- {basePath: /b}\n  - {basePath: /a/}");
    assert_eq!(paths(&compiled), ["a", "b"]);
    let compiled = with("{}", "basePath: '/{%label:gone%}'");
    assert_eq!(
        errors(&compiled)[0],
        "petstore.yaml:27: spec.basePath: expected a label gone for \
        {%label:gone%}; APIProduct petstore-product.default is left out of this Environment"
    );
}

#[test]
fn a_problem_of_an_environment_leaves_it_out() {
    let domains = "domains: [api.example.com, 'api.example.com:32000']";
    let versions = "versions: {tags: [stable]}";
    let cases = [
        (domains, "domains: []", "18: spec.domains: expected at least one host name"),
        (domains, "domains: ['http://x']", "22: spec.domains[0]: expected a host name"),
        (domains, "domains: api.example.com", "22: spec.domains: expected a list, found a string"),
        (versions, "basePath: api", "27: spec.apiProducts[0].basePath: expected a path"),
        (versions, "basePath: '/{%x%}'", "27: spec.apiProducts[0].basePath: expected"),
        (versions, "versions: [stable]", "27: spec.apiProducts[0].versions: expected a mapping"),
        (
            versions,
            "usagePlans: [gold]",
            "27: spec.apiProducts[0].usagePlans[0]: expected a plan of spec.parameters.usagePlans; \
             there is no gold",
        ),
        (
            domains,
            "domains: [a.b]\n  parameters: {usagePlans: {p: {authPolicy: {apiKey: {}, oauth: {}}}}}",
            "23: spec.parameters.usagePlans.p.authPolicy: expected either apiKey or oauth",
        ),
        (
            domains,
            "domains: [a.b]\n  parameters: {usagePlans: {p: {rateLimit: {requestsPerUnit: -1, unit: DAY}}}}",
            "23: spec.parameters.usagePlans.p.rateLimit.requestsPerUnit: expected a whole number",
        ),
        (
            domains,
            "domains: [a.b]\n  parameters: {usagePlans: {p: {rateLimit: {requestsPerUnit: 1, unit: YEAR}}}}",
            "23: spec.parameters.usagePlans.p.rateLimit.unit: expected one of: SECOND, MINUTE",
        ),
        (
            domains,
            "domains: [a.b]\n  parameters: {usagePlans: {p: {authPolicy: {oauth: {jwtValidation: {issuer: 'https://i'}}}}}}",
            "23: spec.parameters.usagePlans.p.authPolicy.oauth.jwtValidation.remoteJwks: expected",
        ),
    ];
    for (from, to, want) in cases {
        let compiled = changed(from, to);
        let found = errors(&compiled);
        let want = format!("petstore.yaml:{want}");
        assert!(found.iter().any(|found| found.starts_with(&want)), "{to}: {found:?}");
        assert!(compiled.snapshot.environments.is_empty(), "{to}");
        // A reference to what is there and does not hold is no second problem.
        assert_eq!(compiled.snapshot.portals.len(), 1, "{to}: {found:?}");
    }
}

#[test]
fn a_product_whose_document_is_missing_is_left_out() {
    let compiled =
        changed("apiDoc: {name: petstore-schema, namespace: default}", "apiDoc: {name: x}");
    assert_eq!(
        errors(&compiled),
        [
            "petstore.yaml:13: spec.versions[0].apis[0].apiDoc: expected the name of a known APIDoc; \
         there is no x.default"
        ]
    );
    assert!(!may_call(&compiled, "PetstoreUsers"));
}

const PLANS: &str = "domains: [api.example.com]
  parameters:
    usagePlans:
      free: {displayName: Free, authPolicy: {apiKey: {}}, rateLimit: {requestsPerUnit: 5, unit: MINUTE}}
      paid:
        authPolicy:
          oauth:
            authorizationUrl: https://i.example.com/authorize
            tokenUrl: https://i.example.com/token
            jwtValidation:
              issuer: https://i.example.com
              remoteJwks: {url: 'https://i.example.com/keys', refreshInterval: 60s}
      open: {}";

fn planned(product_plans: &str, settings: &str) -> Compiled {
    let text =
        GUIDE.replacen("domains: [api.example.com, 'api.example.com:32000']", PLANS, 1).replacen(
            "  displayInfo: {title",
            &format!("  usagePlans: [{product_plans}]\n  displayInfo: {{title"),
            1,
        );
    compile_with(&text, &format!("{SETTINGS}{settings}"))
}

#[test]
fn keeps_usage_plans() {
    let audiences =
        "environments: {dev.default: {audiences: [api], portal: petstore-portal.default}}";
    let compiled = planned("free, paid", audiences);
    assert_eq!(errors(&compiled), [""; 0]);
    let environment = environment(&compiled).expect("an Environment");
    assert_eq!(environment.products[0].usage_plans, ["free", "paid"]);
    let free = &environment.plans["free"];
    assert_eq!(free.auth, PlanAuth::ApiKey);
    let limit = RateLimit { requests_per_unit: 5, unit: LimitUnit::Minute };
    assert_eq!(free.rate_limit, Some(limit));
    assert_eq!(environment.plans["paid"].auth, PlanAuth::OAuth);
    assert_eq!(environment.plans["open"].auth, PlanAuth::Unsaid);
    let issuer = &environment.plan_issuers[0];
    assert_eq!((&*issuer.plan, issuer.portal), ("paid", Some(PortalId(0))));
    let jwks = compiled.snapshot.issuers().into_iter().filter_map(|source| match source {
        KeySource::Jwks(issuer, url) => Some((issuer.to_string(), url.to_string())),
        KeySource::Discovery(_) => None,
    });
    let want = ("https://i.example.com".to_owned(), "https://i.example.com/keys".to_owned());
    assert_eq!(jwks.collect::<Vec<_>>(), [want]);
    assert_eq!(environment.audiences, ["api".to_owned()].into());
}

#[test]
fn a_plans_issuer_needs_audiences_of_its_environment() {
    for settings in ["", "tokens: {audiences: [api]}"] {
        let compiled = planned("free", settings);
        assert_eq!(
            errors(&compiled),
            ["petstore.yaml:33: \
             spec.parameters.usagePlans.paid.authPolicy.oauth.jwtValidation.issuer: expected \
             audiences for this issuer's tokens: the settings need environments.dev.default.audiences"]
        );
        assert!(environment(&compiled).is_none());
    }
}

#[test]
fn a_product_with_a_plan_that_is_not_defined_is_not_held() {
    let audiences = "environments: {dev.default: {audiences: [api]}}";
    let compiled = planned("free, gold", audiences);
    assert_eq!(
        errors(&compiled),
        ["petstore.yaml:10: spec.usagePlans[1]: expected a plan that Environment dev.default \
         defines; it has no gold, and so does not hold this product"]
    );
    assert_eq!(paths(&compiled), [""; 0]);
}

#[test]
fn reads_plans_where_they_were_before() {
    let text = GUIDE_OLD.replacen(
        "publishedVersions: [{name: v1}]",
        "publishedVersions: [{name: v1}], plans: [{name: free, authPolicy: {apiKey: {}}}]",
        1,
    );
    let compiled = compile(&text);
    assert_eq!(compiled.problems, []);
    let environment = environment(&compiled).expect("an Environment");
    assert_eq!(environment.products[0].usage_plans, ["free"]);
    assert_eq!(environment.plans["free"].auth, PlanAuth::ApiKey);
    let none = GUIDE_OLD.replacen(", environments: [{name: dev, namespace: default}]", "", 1);
    assert!(!may_call(&compile(&none), "PetstoreUsers"));
    let gone =
        GUIDE_OLD.replacen("publishedVersions: [{name: v1}]", "publishedVersions: [{name: v2}]", 1);
    assert!(!may_call(&compile(&gone), "PetstoreUsers"));
}

#[test]
fn overrides_of_nothing_are_warned_of() {
    let settings = "portals: {gone.default: {}}\nenvironments: {prod.default: {portal: x.y}}\n";
    let compiled = compile_with(GUIDE, &format!("{SETTINGS}{settings}"));
    assert_eq!(
        of(&compiled.problems, Severity::Warning),
        [
            "settings.yaml:4: warning: portals.gone.default: expected the name of a Portal; there is no \
         gone.default",
            "settings.yaml:5: warning: environments.prod.default: expected the name of an Environment; \
         there is no prod.default",
            "settings.yaml:5: warning: environments.prod.default.portal: expected the name of a Portal; \
         there is no x.y",
        ]
    );
}
