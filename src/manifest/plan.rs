//! Usage plans of an Environment.
//!
//! Pure: no I/O, no clock.

use crate::document::{Field, Fields, Located};
use crate::policy::resource::{JwtValidation, UsagePlan};
use crate::policy::{LimitUnit, PlanAuth, RateLimit};
use crate::problem::Severity;

/// A plan below its name.
pub(super) fn read(field: &Field<'_>) -> Option<UsagePlan> {
    let mut fields = field.fields()?;
    let plan = body(&mut fields);
    fields.finish(Severity::Notice);
    Some(plan)
}

/// A plan with its name in it (v1alpha1).
pub(super) fn read_named(field: &Field<'_>) -> Option<(Located<String>, UsagePlan)> {
    let mut fields = field.fields()?;
    let name = fields.require("name").and_then(|field| field.located());
    let plan = body(&mut fields);
    fields.finish(Severity::Notice);
    Some((name?, plan))
}

fn body(fields: &mut Fields<'_>) -> UsagePlan {
    fields.ignore(&["displayName", "description"]);
    let policy = fields.take("authPolicy").map(|field| auth_policy(&field));
    let (auth, jwt) = policy.unwrap_or((PlanAuth::Unsaid, None));
    let rate_limit = fields.take("rateLimit").and_then(|field| rate_limit(&field));
    UsagePlan { at: fields.field().at().clone(), auth, rate_limit, jwt }
}

fn auth_policy(field: &Field<'_>) -> (PlanAuth, Option<JwtValidation>) {
    let Some(mut fields) = field.fields() else { return (PlanAuth::Unsaid, None) };
    let api_key = fields.take("apiKey");
    let oauth = fields.take("oauth");
    fields.finish(Severity::Notice);
    match (api_key, oauth) {
        (Some(_), Some(_)) => {
            field.error("expected either apiKey or oauth, found both");
            (PlanAuth::Unsaid, None)
        }
        (Some(_), None) => (PlanAuth::ApiKey, None),
        (None, Some(oauth)) => (PlanAuth::OAuth, self::oauth(&oauth)),
        (None, None) => (PlanAuth::Unsaid, None),
    }
}

fn oauth(field: &Field<'_>) -> Option<JwtValidation> {
    let mut fields = field.fields()?;
    fields.ignore(&["authorizationUrl", "tokenUrl"]);
    let validation = fields.take("jwtValidation");
    fields.finish(Severity::Notice);
    let mut validation = validation?.fields()?;
    let issuer = validation.require("issuer").and_then(|field| field.located());
    let keys = validation.require("remoteJwks").and_then(|field| field.fields());
    validation.finish(Severity::Notice);
    let mut keys = keys?;
    let jwks_url = keys.require("url").and_then(|field| field.located());
    keys.ignore(&["refreshInterval"]);
    keys.finish(Severity::Notice);
    Some(JwtValidation { issuer: issuer?, jwks_url: jwks_url? })
}

fn rate_limit(field: &Field<'_>) -> Option<RateLimit> {
    let mut fields = field.fields()?;
    let requests = fields.require("requestsPerUnit");
    let requests = requests.and_then(|field| field.integer(0..=u64::from(u32::MAX)));
    let unit = fields.require("unit").and_then(|field| field.one_of(&LimitUnit::ALL));
    fields.finish(Severity::Notice);
    Some(RateLimit { requests_per_unit: requests?, unit: unit? })
}
