//! Snapshots by hand, for the tests of route and access.

use super::*;
use crate::attributes::{Attributes, Headers, Host, HostName, Method, RequestPath};
use crate::config::{PortalAccess, Routing, SessionLimits, StoreDown};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use url::Url;

pub(super) fn name(name: &str) -> ResourceName {
    ResourceName::new(name, "default")
}

pub(super) fn portal(text: &str, environments: &[usize]) -> Portal {
    let host = format!("{text}.example.com");
    let url = Url::parse(&format!("https://{host}")).expect("a URL");
    let hour = Duration::from_secs(3600);
    Portal {
        name: name(text),
        hosts: HostName::parse(&host).into_iter().collect(),
        redirect_uri: format!("https://{host}/callback"),
        url,
        login: None,
        access: PortalAccess::Required,
        require_verified_email: false,
        shadow_until: None,
        session: SessionLimits {
            lifetime: hour,
            idle_timeout: hour,
            refresh_before: hour,
            outage_grace: hour,
            store_down: StoreDown::Refuse,
        },
        secure_cookies: true,
        environments: environments.iter().map(|index| EnvironmentId(*index)).collect(),
    }
}

pub(super) fn environment(text: &str, portals: &[usize], products: Vec<Product>) -> Environment {
    Environment {
        name: name(text),
        hosts: BTreeSet::new(),
        products: products.into(),
        portals: portals.iter().map(|index| PortalId(*index)).collect(),
        routing: Routing::Auto,
        audiences: BTreeSet::new(),
        plans: BTreeMap::new(),
        plan_issuers: Vec::new(),
        is_published_by_left_out: false,
        group_claim: None,
    }
}

pub(super) fn product(text: &str, base_path: &str) -> Product {
    let base_path = base_path.split('/').filter(|segment| !segment.is_empty());
    Product::new(name(text), base_path.map(str::to_owned).collect(), Vec::new())
}

pub(super) fn attributes<'m>(path: &'m str, context: &[(&'m str, &'m str)]) -> Attributes<'m> {
    Attributes {
        source: crate::attributes::Source::default(),
        host: Host::parse("api.example.com").expect("a host"),
        method: Method::Get,
        path: RequestPath::parse(path).expect(path),
        headers: Headers::none(),
        context: context.iter().copied().collect(),
        body: &[],
    }
}
