//! Bytes of a `CheckRequest`, from decoding to the answer that Envoy gets. `{GOOD}` in a header stands
//! for a token that holds.

use super::answer::Answer;
use super::cookies::ours;
use super::strict::{product, readings};
use super::world::{PRODUCTS, World};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use portcullis::attributes::Headers;
use portcullis::envoy::decode;
use prost::Message;
use std::collections::HashMap;

pub(crate) fn run(data: &[u8]) {
    let mut received = CheckRequest::decode(data).ok();
    World::with(|world| {
        received.iter_mut().for_each(|request| insert(request, &world.good));
        let message = received.as_ref().map_or_else(|| data.to_vec(), Message::encode_to_vec);
        let asked = received.clone().and_then(|request| request.attributes).unwrap_or_default();
        let context = asked.context_extensions;
        let http = asked.request.and_then(|request| request.http).unwrap_or_default();
        let response =
            world.runtime.block_on(world.service.answer(Some(message.into()), None).bytes());
        let answer = Answer::read(CheckResponse::decode(response).expect("a CheckResponse"));
        assert_ne!(answer.reason(), "internal", "a fault of our own: {http:?}");
        if answer.allowed && received.is_none() {
            // It is broken where we do not look; the target `decode` says that nothing else is.
            assert!(decode(data, &mut Headers::default()).is_ok());
        } else if answer.allowed {
            allowed(&answer, &http, &context, world);
        } else {
            denied(&answer, world);
        }
    });
}

/// Puts the good token where `{GOOD}` stands.
fn insert(request: &mut CheckRequest, good: &str) {
    let http = request.attributes.as_mut().and_then(|attributes| attributes.request.as_mut());
    let Some(http) = http.and_then(|request| request.http.as_mut()) else { return };
    for value in http.headers.values_mut() {
        *value = value.replace("{GOOD}", good);
    }
    for field in http.header_map.iter_mut().flat_map(|map| &mut map.headers) {
        field.value = field.value.replace("{GOOD}", good);
    }
}

/// Every field of this name, in whichever form it came.
fn fields<'h>(http: &'h HttpRequest, wanted: &'h str) -> impl Iterator<Item = String> + 'h {
    let raw = http.header_map.iter().flat_map(|map| &map.headers).map(|field| {
        let raw = String::from_utf8_lossy(&field.raw_value).into_owned();
        (&field.key, if raw.is_empty() { field.value.clone() } else { raw })
    });
    let map = http.headers.iter().map(|(name, value)| (name, value.clone()));
    raw.chain(map).filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

fn allowed(answer: &Answer, http: &HttpRequest, context: &HashMap<String, String>, world: &World) {
    let access = context.get("access").map(String::as_str);
    if answer.reason() == "granted" {
        let bearer: Vec<String> = fields(http, "authorization").collect();
        assert_eq!(bearer.len(), 1, "{http:?}");
        let good = bearer[0].split_once(' ').is_some_and(|(_, token)| token == world.good);
        assert!(good, "granted to somebody else: {http:?}");
        assert_eq!(answer.set.get("x-user-id").map(String::as_str), Some("00u1"));
    } else {
        assert!(matches!(access, Some("public" | "optional")), "{} for {http:?}", answer.reason());
        assert!(!answer.set.contains_key("x-user-id"), "{answer:?}");
    }
    let host = http.host.split(':').next().unwrap_or_default().trim_end_matches('.');
    let is = |own: &str| host.eq_ignore_ascii_case(own);
    assert!(is("api.petstore.localhost") || is("portal.petstore.localhost"), "{http:?}");
    if is("api.petstore.localhost") && !context.contains_key("product") {
        let path = http.path.split('?').next().unwrap_or_default();
        for reading in readings(path) {
            let served = product(&reading, &PRODUCTS).map(|name| format!("{name}.default"));
            let judged = answer.set.get("x-portcullis-product");
            assert_eq!(served.as_ref(), judged, "{path:?} read as {reading:?}");
            let granted = answer.reason() != "granted" || served.as_deref() == Some("pets.default");
            assert!(granted, "{path:?} is a path of {served:?}");
        }
    }
    for name in ["x-user-id", "x-user-email", "x-user-groups", "x-portcullis-product"] {
        let forged = fields(http, name).next().is_some();
        let gone = answer.set.contains_key(name) || answer.removed.contains(name);
        assert!(!forged || gone, "{name} passes");
    }
    let cookies: Vec<String> = fields(http, "cookie").collect();
    if cookies.iter().any(|line| ours(line).next().is_some()) {
        let left = answer.set.get("cookie").cloned().unwrap_or_default();
        assert!(
            answer.set.contains_key("cookie") || answer.removed.contains("cookie"),
            "{cookies:?}"
        );
        assert_eq!(ours(&left).next(), None, "{cookies:?} leaves {left:?}");
    }
}

/// A browser is sent to the provider, or to a path of this host; every cookie is ours.
fn denied(answer: &Answer, world: &World) {
    if (300..400).contains(&answer.status) {
        let to = answer.location();
        let here = to.starts_with('/') && !to.starts_with("//") && !to.contains('\\');
        let known = ["/authorize?", "/logout?"].iter().any(|path| {
            to.strip_prefix(world.issuer.as_str()).is_some_and(|rest| rest.starts_with(path))
        });
        let host = url::Url::parse(to).ok().and_then(|url| url.host_str().map(str::to_owned));
        let ours = host.is_some_and(|host| host.ends_with(".petstore.localhost"));
        assert!(here || known || ours, "a redirect to {to}");
    }
    for cookie in answer.set_cookies() {
        assert_eq!(ours(cookie).count(), 1, "{cookie}");
    }
}
