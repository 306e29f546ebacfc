//! Judges an Environment: its names, its base paths, its usage plans.
//!
//! Pure: no I/O, no clock.

use super::held::HeldEnvironment;
use super::portal::issuer;
use super::{Findings, Input, Judged, base_path, domains};
use crate::config::Routing;
use crate::document::Located;
use crate::policy::resource::{Environment, JwtValidation, UsagePlan};
use crate::token::Issuer;
use url::Url;

pub(super) fn judge(environment: &Environment, input: &Input<'_>) -> Judged<HeldEnvironment> {
    let mut found = Findings::new(&environment.origin);
    let settings = input.settings;
    let over = settings.environments.get(environment.origin.name()).cloned().unwrap_or_default();
    let domains = domains::judge(&environment.domains, &mut found);
    let own = environment.products.iter().filter_map(|selector| selector.base_path.as_ref());
    for template in own.chain(&environment.base_path) {
        if let Err(message) = base_path::check(&template.value) {
            found.error(&template.at, message);
        }
    }
    for plan in environment.products.iter().flat_map(|selector| &selector.usage_plans) {
        if !environment.plans.contains_key(&plan.value) {
            let message = format!(
                "expected a plan of spec.parameters.usagePlans; there is no {}",
                plan.value
            );
            found.error(&plan.at, message);
        }
    }
    let mut plan_issuers = Vec::new();
    for (name, plan) in &environment.plans {
        let Some(jwt) = &plan.jwt else { continue };
        if over.audiences.is_empty() {
            let message = format!(
                "expected audiences for this issuer's tokens: the settings need \
                 environments.{}.audiences",
                environment.origin.name()
            );
            found.error(&jwt.issuer.at, message);
        }
        if let Some((issuer, jwks)) = plan_issuer(jwt, settings.provider.allow_http, &mut found) {
            plan_issuers.push((name.clone(), issuer, jwks));
        }
    }
    let audiences = settings.tokens.audiences.iter().chain(&over.audiences).cloned().collect();
    let version = HeldEnvironment {
        origin: environment.origin.clone(),
        labels: environment.labels.clone(),
        domains,
        base_path: environment.base_path.clone(),
        products: environment.products.clone(),
        plans: environment.plans.clone(),
        plan_issuers,
        routing: over.routing.unwrap_or(Routing::Auto),
        audiences,
        portal: over.portal,
        group_claim: over.group_claim,
    };
    (Some(version), found.problems)
}

fn plan_issuer(
    jwt: &JwtValidation,
    allow_http: bool,
    found: &mut Findings<'_>,
) -> Option<(Issuer, Url)> {
    let issuer = issuer(&jwt.issuer, allow_http, found);
    let jwks_url = jwks_url(&jwt.jwks_url, allow_http, found);
    issuer.zip(jwks_url)
}

fn jwks_url(text: &Located<String>, allow_http: bool, found: &mut Findings<'_>) -> Option<Url> {
    let Some(url) = Url::parse(&text.value).ok().filter(Url::has_host) else {
        found.error(&text.at, "expected a URL such as https://example.okta.com/oauth2/v1/keys");
        return None;
    };
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        _ => {
            let message = "expected https; http needs provider.allow_http in the settings";
            found.error(&text.at, message);
            return None;
        }
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        found.error(&text.at, "expected no fragment or user information");
        return None;
    }
    Some(url)
}

/// A plan as the snapshot has it.
pub(super) fn plan(plan: &UsagePlan) -> crate::policy::UsagePlan {
    crate::policy::UsagePlan { auth: plan.auth, rate_limit: plan.rate_limit }
}
