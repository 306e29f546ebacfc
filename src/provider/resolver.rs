//! Names to addresses, by the rules, at each connection.

use super::address::AddressRules;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// The system's resolver, but for `localhost`, and without the addresses that are not allowed.
///
/// What it returns is what is connected to: a name that says something else a moment later is judged
/// again at the next connection, and never looked up in between.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    pub(super) rules: AddressRules,
    /// Name of the proxy from the settings: who configures one allows it.
    pub(super) proxy: Option<String>,
    /// The setting that allows addresses, for messages.
    pub(super) setting: &'static str,
}

/// A name that leads nowhere we may go.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name has no address that settings allow ({0})")]
struct NoAddress(&'static str);

impl Resolver {
    async fn addresses(
        self,
        name: String,
    ) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
        let found: Vec<SocketAddr> = if is_localhost(&name) {
            vec![(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]
        } else {
            tokio::net::lookup_host((name.as_str(), 0)).await?.collect()
        };
        let allowed = self.allowed(&name, found);
        if allowed.is_empty() {
            return Err(NoAddress(self.setting).into());
        }
        Ok(Box::new(allowed.into_iter()))
    }

    /// Those of the addresses of `name` that may be connected to.
    fn allowed(&self, name: &str, found: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let trusted = self.proxy.as_deref() == Some(name);
        found.into_iter().filter(|found| trusted || self.rules.allow(found.ip())).collect()
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(self.clone().addresses(name.as_str().to_owned()))
    }
}

/// RFC 6761 §6.3: never asked of DNS, always loopback.
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn found(rules: &[&str], name: &str) -> Option<Vec<String>> {
        let rules = rules.iter().map(|net| net.parse().expect("a net")).collect();
        let resolver = Resolver {
            rules: AddressRules::new(rules),
            proxy: Some("proxy.localhost".to_owned()),
            setting: "x",
        };
        let addresses = resolver.addresses(name.to_owned()).await.ok()?;
        Some(addresses.map(|address| address.ip().to_string()).collect())
    }

    #[test]
    fn f16_a_name_with_public_and_private_addresses_leads_to_the_public_ones_alone() {
        let resolver = Resolver { rules: AddressRules::new(Vec::new()), proxy: None, setting: "x" };
        let all =
            ["8.8.8.8", "10.0.0.1", "169.254.169.254", "::1", "64:ff9b::7f00:1", "2606:4700::1"];
        let found = all.iter().map(|ip| SocketAddr::new(ip.parse().expect("an address"), 0));
        let allowed = resolver.allowed("id.example", found.collect());
        let allowed: Vec<String> = allowed.iter().map(|found| found.ip().to_string()).collect();
        assert_eq!(allowed, ["8.8.8.8", "2606:4700::1"]);
    }

    #[tokio::test]
    async fn f16_keeps_localhost_at_home_and_behind_the_rules() {
        let both = Some(vec!["127.0.0.1".to_owned(), "::1".to_owned()]);
        let four = Some(vec!["127.0.0.1".to_owned()]);
        assert_eq!(found(&["127.0.0.0/8", "::1/128"], "localhost").await, both);
        assert_eq!(found(&["127.0.0.0/8"], "op.localhost").await, four);
        assert_eq!(found(&["127.0.0.0/8"], "OP.Localhost.").await, four);
        assert_eq!(found(&[], "localhost").await, None);
        assert_eq!(found(&["10.0.0.0/8"], "op.localhost").await, None);
        assert_eq!(found(&[], "proxy.localhost").await, both);
        assert_eq!(found(&[], "127.0.0.1").await, None);
    }
}
