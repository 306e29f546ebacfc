//! Holds the bytes against the types of envoy-types: what they decode to is what those types, filled
//! in by hand, say of the same check.

mod oracle;

use super::*;
use crate::attributes::Headers;
use crate::cookie::{CookieNames, SetCookie};
use crate::decision::{Body, Challenge, ClientKind, HeaderPolicy, Hint, Link, Reason, Refusal};
use crate::limits::Quota;
use crate::policy::{Grant, LimitUnit, Membership, RateLimit};
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

const STATUSES: [Status; 12] = [
    Status::Ok,
    Status::NoContent,
    Status::Found,
    Status::SeeOther,
    Status::BadRequest,
    Status::Unauthorized,
    Status::Forbidden,
    Status::NotFound,
    Status::MethodNotAllowed,
    Status::Unprocessable,
    Status::TooManyRequests,
    Status::ServiceUnavailable,
];
const ASKED: Asked<'static> = Asked { client: ClientKind::Other, host: "h", request_id: "r" };

fn decoded(checked: &Checked, asked: &Asked<'_>) -> CheckResponse {
    CheckResponse::decode(encode(checked, asked)).expect("a CheckResponse")
}

#[test]
fn no_answer_can_be_taken_for_another() {
    for status in STATUSES {
        let denied = Denied::empty(Reason::Endpoint, status);
        let response = decoded(&Checked::denied(denied, Facts::default()), &ASKED);
        assert_ne!(response.status.map(|status| status.code), Some(0), "{status:?}");
        let Some(HttpResponse::DeniedResponse(denied)) = response.http_response else {
            panic!("{status:?} is not a denied_response");
        };
        let code = denied.status.map(|status| status.code);
        assert_eq!(code, Some(i32::from(status.code())), "{status:?}");
    }
    let checked = Checked::allowed(Reason::Granted, Allowed::default(), Facts::default());
    let response = decoded(&checked, &ASKED);
    assert_eq!(response.status.map(|status| status.code), Some(0));
    assert!(matches!(response.http_response, Some(HttpResponse::OkResponse(_))));
}

#[test]
fn overwrites_towards_the_upstream_and_adds_towards_the_client() {
    let names = CookieNames::new("portcullis", true);
    let cookies = ["s", "u"].map(|suffix| names.set(suffix, "x", Duration::from_secs(1)));
    let policy = [("x-user-id".to_owned(), "sub".to_owned())];
    let policy = Arc::new(HeaderPolicy::new(&policy, &["x-user-email".to_owned()]));
    let caller = Identity { subject: "a".into(), ..Identity::default() };
    let route = [None, None, None];
    let mut upstream = policy.apply(&Headers::default(), route, Some(Arc::new(caller)));
    upstream.replace_cookie(Some("a=b\tc\r\nx-evil: 1".to_owned()));
    let allowed = Allowed { upstream, cookies: cookies.to_vec(), quota: None };
    let checked = Checked::allowed(Reason::Granted, allowed, Facts::default());
    let Some(HttpResponse::OkResponse(ok)) = decoded(&checked, &ASKED).http_response else {
        panic!("not allowed");
    };
    let overwrite = HeaderAppendAction::OverwriteIfExistsOrAdd as i32;
    let add = HeaderAppendAction::AppendIfExistsOrAdd as i32;
    assert!(ok.headers.iter().all(|field| field.append_action == overwrite));
    let headers = ok.headers.iter().filter_map(|field| field.header.as_ref());
    let headers: Vec<_> = headers.map(|field| (field.key.as_str(), field.value.as_str())).collect();
    assert_eq!(headers, [("x-user-id", "a"), ("cookie", "a=b\tc")]);
    assert!(ok.headers_to_remove.iter().any(|name| name == "x-user-email"));
    let actions: Vec<i32> =
        ok.response_headers_to_add.iter().map(|field| field.append_action).collect();
    assert_eq!(actions, [add, add, overwrite]);
    #[expect(deprecated, reason = "it has to be unset")]
    let appends =
        ok.headers.iter().chain(&ok.response_headers_to_add).any(|field| field.append.is_some());
    assert!(!appends);
}

/// Texts as they come, and some that are longer than one digit of a length, or two, can say.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        30 => "\\PC{0,12}|[ -~]{0,20}|[a-z\t\r\n\0%,]{0,9}",
        1 => (100..200_usize).prop_map(|len| "x".repeat(len)),
        1 => prop::sample::select(vec![8_192_usize, 8_193, 16_384]).prop_map(|len| "y".repeat(len)),
    ]
}

fn cookies() -> impl Strategy<Value = Vec<SetCookie>> {
    let names = CookieNames::new("portcullis", true);
    let cookie = texts().prop_map(move |value| names.set("s", &value, Duration::from_secs(7)));
    prop::collection::vec(cookie, 0..3)
}

prop_compose! {
    fn identities()(
        texts in prop::array::uniform4(texts()),
        email in prop::option::of(texts()),
        flags in any::<(bool, bool)>(),
        groups in prop::collection::vec(texts(), 0..4),
        plan in prop::option::of(texts()),
    ) -> Arc<Identity> {
        let [issuer, subject, claim, other] = texts;
        let mut identity = Identity {
            issuer: issuer.into(),
            subject: subject.into(),
            email: email.map(Into::into),
            email_verified: flags.0,
            send_unverified_email: flags.1,
            claims: BTreeMap::from([("department".to_owned(), claim), ("unused".to_owned(), other)]),
            usage_plan: plan.map(Into::into),
            ..Identity::default()
        };
        Arc::make_mut(&mut identity.membership).groups = groups.into_iter().collect();
        Arc::new(identity)
    }
}

fn names() -> impl Strategy<Value = Option<ResourceName>> {
    prop::option::of(texts().prop_map(|name| ResourceName::new(&name, "default")))
}

prop_compose! {
    fn facts()(
        caller in prop::option::of(identities()),
        places in prop::sample::subsequence(vec![0, 1, 2, 3], 0..=4),
        names in prop::array::uniform3(names()),
        usage_plan in prop::option::of(texts()),
        limit in prop::option::of((any::<u32>(), prop::sample::select(LimitUnit::ALL.to_vec()))),
        shadow in any::<bool>(),
    ) -> Facts {
        let [portal, environment, product] = names;
        let limit = limit.map(|(requests, (_, unit))| {
            RateLimit { requests_per_unit: u64::from(requests), unit }
        });
        let hint = Some(Hint::from("never shown"));
        let grant = Grant::new(None, places);
        let names = Facts { portal, environment, product, ..Facts::default() };
        let usage_plan = usage_plan.map(Into::into);
        Facts { caller, grant, usage_plan, limit, hint, shadow, ..names }
    }
}

prop_compose! {
    fn allowed()(
        caller in prop::option::of(identities()),
        route in prop::array::uniform3(names()),
        forged in prop::collection::vec("x[-_.]user[-_.]id|X-Portcullis-[a-z]{1,3}|x_jwt_[a-z]{0,2}|accept", 0..4),
        cookie in prop::option::of(prop::option::of(texts())),
        authorization in prop::option::of(prop::sample::select(vec!["Bearer a", "Basic a"])),
        cookies in cookies(),
        quota in prop::option::of(any::<[u32; 4]>()),
        (sees_all, pseudo, came) in (any::<bool>(), any::<bool>(), prop::sample::subsequence(
            vec!["x-user-id", "x-user-email", "x-none", "x_forwarded_user", "x-portcullis-portal"], 0..=5)),
    ) -> Allowed {
        let headers = [
            ("x-user-id", "sub"), ("x-user-issuer", "iss"), ("x-user-email", "email"),
            ("x-verified", "email_verified"), ("x-department", "department"),
            ("x-none", "absent"), ("x-user-groups", "groups"),
        ].map(|(header, claim)| (header.to_owned(), claim.to_owned()));
        let policy = HeaderPolicy::new(&headers, &["x-jwt-*".to_owned(), "x-forwarded-user".to_owned()]).seeing_all(sees_all);
        let mut request = Headers::default();
        came.iter().for_each(|name| request.add(*name, "forged"));
        forged.iter().for_each(|name| request.add(name.as_str(), "forged"));
        authorization.into_iter().for_each(|value| request.add("authorization", value));
        if pseudo {
            request.note_all_pseudo();
        }
        let mut upstream = Arc::new(policy).apply(&request, route, caller);
        if let Some(rest) = cookie {
            upstream.replace_cookie(rest);
        }
        upstream.remove_credential(&request);
        let quota = quota.map(|[limit, remaining, reset, window]| Quota {
            limit: limit.into(),
            remaining: remaining.into(),
            reset: NonZeroU64::MIN.saturating_add(reset.into()),
            window: window.into(),
        });
        Allowed { upstream, cookies, quota }
    }
}

fn bodies() -> impl Strategy<Value = Body> {
    let links = (texts(), any::<bool>());
    let links = links.prop_map(|(href, post)| Link { text: "Go <on>", href, post });
    let refusal = (prop::collection::vec(links, 0..3), any::<bool>()).prop_map(|(links, page)| {
        let refusal = Refusal { title: "A \"title\"", detail: "It's <this> & that", links };
        if page { Body::Page(refusal) } else { Body::Refusal(refusal) }
    });
    prop_oneof![
        1 => Just(Body::Empty),
        1 => texts().prop_map(Body::Redirect),
        1 => texts().prop_map(Body::Json),
        2 => refusal,
    ]
}

prop_compose! {
    fn denied()(
        reason in prop::sample::select(Reason::ALL.to_vec()),
        status in prop::sample::select(STATUSES.to_vec()),
        challenge in prop::sample::select(vec![None, Some(Challenge::Bearer), Some(Challenge::InvalidToken)]),
        body in bodies(),
        cookies in cookies(),
        header in prop::option::of(texts()),
    ) -> Denied {
        let headers = header.map(|value| ("retry-after", value.into())).into_iter().collect();
        Denied { reason, status, challenge, body, cookies, headers }
    }
}

/// Names and values at every length at which something changes: the names that have no beginning that is ready,
/// the values beyond it, lengths of two and three bytes, and the longest that is set.
#[test]
fn names_and_values_of_every_length_are_what_the_types_say() {
    let lengths = (0..=140).chain(16_370..=16_390).chain([8191, 8192, 8193]);
    for length in lengths {
        let name = |start: &str| format!("{start}{}", "n".repeat(length));
        let value = "v".repeat(length);
        let caller = Identity {
            subject: value.as_str().into(),
            claims: [("claim".to_owned(), value.clone())].into(),
            membership: Arc::new(Membership {
                groups: [value.as_str(), "g"].into_iter().collect(),
                ..Membership::default()
            }),
            ..Identity::default()
        };
        let caller = Arc::new(caller);
        let headers = [(name("x-s"), "sub"), (name("x-g"), "groups"), ("x-c".to_owned(), "claim")]
            .map(|(header, claim)| (header, claim.to_owned()));
        let policy = Arc::new(HeaderPolicy::new(&headers, &[name("x-jwt-")]));
        let route = [None, Some(ResourceName::new(&"r".repeat(length.min(250)), "default")), None];
        let upstream = policy.apply(&Headers::default(), route, Some(Arc::clone(&caller)));
        let allowed = Allowed { upstream, cookies: Vec::new(), quota: None };
        let grant = Grant::new(None, [0]);
        let facts = Facts { caller: Some(caller), grant, ..Facts::default() };
        let checked = Checked::allowed(Reason::Granted, allowed, facts);
        assert_eq!(decoded(&checked, &ASKED), oracle::response(&checked, &ASKED), "{length}");
    }
}

proptest! {
    #[test]
    fn allowed_answers_are_what_the_types_say(allowed in allowed(), facts in facts()) {
        let checked = Checked::allowed(Reason::Granted, allowed, facts);
        prop_assert_eq!(decoded(&checked, &ASKED), oracle::response(&checked, &ASKED));
    }

    #[test]
    fn denied_answers_are_what_the_types_say(
        denied in denied(),
        facts in facts(),
        client in prop::sample::select(vec![ClientKind::Navigation, ClientKind::Document, ClientKind::Other]),
        host in "[a-z.]{0,30}",
        request_id in texts(),
    ) {
        let asked = Asked { client, host: &host, request_id: &request_id };
        let checked = Checked::denied(denied, facts);
        prop_assert_eq!(decoded(&checked, &asked), oracle::response(&checked, &asked));
    }

    /// Written after other bytes, it is the same; and the buffers of a thread keep answers apart.
    #[test]
    fn answers_do_not_touch_each_other(facts in prop::collection::vec(facts(), 1..4)) {
        let all: Vec<Checked> = facts
            .into_iter()
            .map(|facts| Checked::denied(Denied::ambiguous(), facts))
            .collect();
        let kept: Vec<Bytes> = all.iter().map(|checked| encode(checked, &ASKED)).collect();
        for (checked, bytes) in all.iter().zip(kept) {
            let mut behind = b"before".to_vec();
            encode_to(checked, &ASKED, &mut behind);
            prop_assert_eq!(behind.strip_prefix(b"before"), Some(&*bytes));
        }
    }
}
