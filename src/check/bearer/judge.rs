//! What a bearer token says, by the policy in force: for whom it is, who it names, and what for.

use super::{Origin, Refused, environment};
use crate::check::call::Call;
use crate::config::PrincipalClaim;
use crate::credential::CredentialKind;
use crate::identity::{
    Identity, client_principal, is_user_principal, user_principal, wanted_claims,
};
use crate::policy::{Membership, PortalId, Route, SharedSet};
use crate::store::{Judged, Subject};
use crate::time::UnixTime;
use crate::token::{
    AccessTokenForm, AccessTokenRules, Claims, IdTokenRules, Principal, judge_access_token,
    judge_id_token,
};
use std::borrow::Cow;
use std::sync::Arc;

/// Judges a token that is its issuer's, as of `now`. The verdict depends on the policy, the settings and the route,
/// by its Environment and the Portal that it names, and on the time only as [`Judged`] says.
pub(super) fn judge(
    call: &Call<'_>,
    route: &Route<'_>,
    origin: &Origin<'_>,
    claims: &Claims,
    now: UnixTime,
) -> Result<Judged, Refused> {
    let verdict = verdict(call, route, origin, claims, now)?;
    let marks = call.inner.revocations.marks(Subject {
        session: None,
        issuer: origin.issuer.as_str(),
        provider_session: claims.session_id.as_deref(),
        subject: &verdict.provider_id,
        began_ms: claims.issued_at.unwrap_or_default().0.saturating_mul(1000),
    });
    let (identity, groups_maybe_truncated) = identity(call, route, origin, claims, verdict);
    Ok(Judged {
        epoch: call.policy.epoch,
        source: call.inner.tokens.share_source(&origin.source),
        identity: Arc::new(identity),
        holds_from: claims.holds_from(),
        // Both judges want it to be there.
        expires_at: claims.expires_at.unwrap_or_default(),
        marks,
        groups_maybe_truncated,
    })
}

/// Tells the kinds apart by the audience (a client id of this issuer: an ID token), and judges the
/// token as what it is.
fn verdict<'c>(
    call: &Call<'_>,
    route: &Route<'c>,
    origin: &Origin<'_>,
    claims: &Claims,
    now: UnixTime,
) -> Result<Verdict<'c>, Refused> {
    let logins = origin.portals.iter().filter_map(|id| call.policy.portal(*id)?.login.as_ref());
    let client = logins.clone().find(|login| claims.audience.contains(&login.client_id));
    match client {
        Some(login) => as_id_token(call, origin, claims, &login.client_id, now),
        None => as_access_token(call, route, origin, claims, now),
    }
}

/// A token that holds.
struct Verdict<'j> {
    credential: CredentialKind,
    /// Portals that may vouch for the caller.
    portals: SharedSet<PortalId>,
    /// Who acts, as the provider's logouts name them: `sub` of an ID token, `uid` of Okta's access
    /// tokens, whose `sub` is a login name.
    provider_id: String,
    /// The principal.
    subject: String,
    /// The claim with the groups, where it is not the Portal's to say.
    group_claim: Option<&'j str>,
}

fn as_id_token(
    call: &Call<'_>,
    origin: &Origin<'_>,
    claims: &Claims,
    client_id: &str,
    now: UnixTime,
) -> Result<Verdict<'static>, Refused> {
    let settings = call.settings();
    if !settings.tokens.bearer_id_tokens {
        return Err(Refused::NoBearerIdTokens);
    }
    let mut rules = IdTokenRules::new(&origin.issuer, client_id);
    rules.clock_skew = settings.tokens.clock_skew;
    rules.max_lifetime = settings.provider.max_id_token_lifetime;
    let token = judge_id_token(claims, &rules, now)?;
    let portals = call.policy.portals_of(&origin.issuer, client_id).clone();
    let provider_id = token.subject.to_owned();
    let subject = principal(call, claims, &provider_id)?;
    let credential = CredentialKind::IdToken;
    Ok(Verdict { credential, portals, provider_id, subject, group_claim: None })
}

fn as_access_token<'c>(
    call: &Call<'_>,
    route: &Route<'c>,
    origin: &Origin<'_>,
    claims: &Claims,
    now: UnixTime,
) -> Result<Verdict<'c>, Refused> {
    let environment = environment(route);
    let general = || call.settings().tokens.audiences.iter().cloned().collect();
    let audiences = environment
        .map_or_else(|| Cow::Owned(general()), |environment| Cow::Borrowed(&environment.audiences));
    let mut rules = AccessTokenRules::new(&origin.issuer, &audiences, call.policy.client_ids());
    rules.clock_skew = call.settings().tokens.clock_skew;
    if origin.portals.is_empty() {
        rules.form = AccessTokenForm::Any;
    }
    let token = judge_access_token(claims, &rules, now)?;
    let (provider_id, subject) = match token.principal {
        Principal::User(id) => (id.to_owned(), principal(call, claims, id)?),
        // A client's id may equal a user's: they are still two principals (RFC 9700 §4.15).
        Principal::Service(id) => (client_principal(id), client_principal(id)),
    };
    let portals = match origin.plan {
        Some(plan) if origin.portals.is_empty() => plan.portal.into_iter().collect(),
        _ => origin.portals.clone(),
    };
    let group_claim = environment.and_then(|environment| environment.group_claim.as_deref());
    let credential = CredentialKind::AccessToken;
    Ok(Verdict { credential, portals, provider_id, subject, group_claim })
}

/// The claim that the settings name, else what the kind of token says.
fn principal(call: &Call<'_>, claims: &Claims, auto: &str) -> Result<String, Refused> {
    match &call.settings().tokens.principal_claim {
        PrincipalClaim::Auto => Some(auto).filter(|principal| is_user_principal(principal)),
        PrincipalClaim::Named(name) => user_principal(claims, name),
    }
    .map(str::to_owned)
    .ok_or(Refused::NoPrincipal)
}

fn identity(
    call: &Call<'_>,
    route: &Route<'_>,
    origin: &Origin<'_>,
    claims: &Claims,
    verdict: Verdict<'_>,
) -> (Identity, bool) {
    let Verdict { credential, portals, subject, group_claim, .. } = verdict;
    // The Portal that the route names says first where its groups are.
    let named = match route {
        Route::Portal(id, _) => Some(*id),
        Route::Product { portal, .. } => *portal,
    };
    let named = named.filter(|id| portals.contains(id));
    let mut candidates = named.into_iter().chain(portals.iter().copied());
    let login = candidates.find_map(|id| call.policy.portal(id)?.login.as_ref());
    let of_login = || login.map(|login| login.group_claim.as_str());
    let claim = group_claim.or_else(of_login).unwrap_or("groups");
    let portals = match group_claim {
        Some(_) => portals,
        None if login.is_some() => call.policy.reading(&portals, claim),
        None => portals,
    };
    let groups = claims.groups(claim);
    let maybe_truncated = groups.as_ref().is_some_and(|groups| groups.len() == 100);
    let settings = call.settings();
    let identity = Identity {
        issuer: origin.issuer.shared(),
        subject: subject.into(),
        email: claims.email.as_deref().map(Box::from),
        email_verified: claims.email_verified,
        send_unverified_email: settings.tokens.send_unverified_email,
        groups_claimed: groups.is_some(),
        membership: call.inner.tokens.share(
            call.policy.epoch,
            Membership { portals, groups: call.policy.known_groups(groups.unwrap_or_default()) },
        ),
        credential,
        usage_plan: origin.plan.map(|plan| Arc::clone(&plan.plan)),
        claims: wanted_claims(claims, &settings.identity_headers),
    };
    (identity, maybe_truncated)
}
