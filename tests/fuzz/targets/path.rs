//! The canonical request: what leads to a product is a path of it for every other server as well.

use super::strict::{product, readings};
use super::world::{PRODUCTS, World};
use portcullis::attributes::{Attributes, Context, Headers, Host, Method, RequestPath};
use portcullis::policy::Route;
use std::collections::BTreeSet;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    host(text);
    let Some(path) = RequestPath::parse(text) else { return };
    assert_eq!(path.as_str(), text);
    let bare = text.split('?').next().unwrap_or_default();
    assert_eq!(path.path(), bare);
    let attributes = Attributes {
        source: portcullis::attributes::Source::default(),
        host: Host::parse("api.petstore.localhost").expect("a host"),
        method: Method::Get,
        path,
        headers: Headers::none(),
        context: Context::default(),
        body: &[],
    };
    World::with(|world| {
        let site = world.policy.site(attributes.host.name.as_str()).expect("a host of ours");
        let served: BTreeSet<String> = readings(bare)
            .iter()
            .filter_map(|reading| product(reading, &PRODUCTS))
            .map(|name| format!("{name}.default"))
            .collect();
        // There is a product for every path; what two servers find two products for is nobody's.
        match world.policy.route(site, &attributes) {
            Ok(Route::Product { product: judged, .. }) => {
                assert_eq!(served, BTreeSet::from([judged.name.to_string()]), "{text:?}");
            }
            other => assert!(served.len() > 1, "{text:?}: {other:?}, and it is {served:?}"),
        }
    });
}

/// A host that is taken is one name: no user, path, list or second port in it.
fn host(text: &str) {
    let Some(host) = Host::parse(text) else { return };
    let shown = host.to_string();
    let url = url::Url::parse(&format!("http://{shown}/")).ok();
    // What looks like an IPv4 address and is none, a URL parser refuses or rewrites.
    if let Some(url) = url.filter(|url| matches!(url.host(), Some(url::Host::Domain(_)))) {
        assert_eq!(url.host_str(), Some(host.name.as_str()), "{text:?}");
        assert_eq!(url.port_or_known_default(), Some(host.port.unwrap_or(80)), "{text:?}");
        assert!(url.username().is_empty() && url.path() == "/", "{text:?}");
    }
    assert_eq!(Host::parse(&shown), Some(host), "{text:?}");
}
