//! Whom the way out leads to: the hosts of a source's own base URLs, at public addresses.
//!
//! What a carrier answers, and what callers ask for, ends up in requests. Neither may choose whom
//! the gateway talks to: not by a URL, not by a name that leads into the operator's own network,
//! not by a name that leads somewhere else the second time.
//!
//! **Invariant:** each address is checked between its look-up and the connection, and the connection
//! is made to the address that was checked. Literal addresses are looked up nowhere; a URL has one
//! only if the operator wrote it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use waybill_core::adapter::BoxFuture;

/// Looks names up.
pub trait Names: Send + Sync {
    /// Finds all addresses of a name.
    fn look_up<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The resolver of the system.
pub(super) struct System;

impl Names for System {
    fn look_up<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Whom one source may reach: scheme, host and port of each of its base URLs.
#[derive(Default)]
pub(super) struct Reach(Vec<(String, String, u16)>);

impl Reach {
    /// Reads base URLs. Without TLS, and at addresses that are not public, only what is on this
    /// machine or in the list of the operator's own hosts can be reached.
    pub(super) fn new(urls: &[&str], private: &[String]) -> Result<Self, String> {
        let mut origins = Vec::with_capacity(urls.len());
        for url in urls {
            let url = Url::parse(url).map_err(|_| "is not a url".to_owned())?;
            let (scheme, host, port) = origin(&url).ok_or("is not an http or https url")?;
            let own = private.iter().any(|own| same(own, &host));
            let literal = literal(&host);
            let here = host == "localhost" || literal.is_some_and(|ip| ip.is_loopback());
            if !here && !own && scheme != "https" {
                return Err(format!(
                    "{host} is not on this machine and would be spoken to in clear; use https, or \
                     list it in http.private_hosts"
                ));
            }
            if !here && !own && literal.is_some_and(|ip| !is_public(ip)) {
                return Err(format!(
                    "{host} is not a public address; list it in http.private_hosts to allow it"
                ));
            }
            origins.push((scheme, host, port));
        }
        Ok(Self(origins))
    }

    pub(super) fn admits(&self, url: &Url) -> bool {
        let plain = url.username().is_empty() && url.password().is_none();
        plain && origin(url).is_some_and(|origin| self.0.contains(&origin))
    }
}

fn origin(url: &Url) -> Option<(String, String, u16)> {
    let scheme = url.scheme();
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let port = url.port_or_known_default()?;
    matches!(scheme, "http" | "https").then(|| (scheme.to_owned(), host.to_owned(), port))
}

/// The address that a host of a URL is, if it is one.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

fn same(own: &str, host: &str) -> bool {
    own.eq_ignore_ascii_case(host.trim_start_matches('[').trim_end_matches(']'))
}

/// Looks names up and gives away public addresses only.
pub(super) struct Checked {
    pub(super) names: Arc<dyn Names>,
    /// Hosts of the operator's own, whose addresses may be anything.
    pub(super) private: Vec<String>,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let is_own = name == "localhost" || self.private.iter().any(|own| same(own, &name));
        let names = Arc::clone(&self.names);
        Box::pin(async move {
            let found = names.look_up(&name).await?;
            // A name that has both kinds of addresses is no carrier's.
            if !is_own && !found.iter().copied().all(is_public) {
                metrics::counter!("waybill_http_refused_total", "reason" => "address").increment(1);
                tracing::warn!(
                    host = name,
                    "the name leads to an address that is not public"
                );
                return Err("the address is not public".into());
            }
            let found: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(found)
        })
    }
}

/// Networks that are nobody's on the public internet.
const NOT_PUBLIC: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    // Of providers towards their customers; clouds have metadata here.
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local, with the metadata of clouds.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved, broadcast.
    ([224, 0, 0, 0], 3),
    // Looks public, and answers virtual machines of a cloud only.
    ([168, 63, 129, 16], 32),
    ([233, 252, 0, 0], 24),
];

/// Whether an address is somebody's on the public internet. An IPv6 address that stands for an IPv4
/// address is as public as that one if it is a translator's, and never otherwise.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let bits = u32::from(ip);
    !NOT_PUBLIC.iter().any(|(network, length)| {
        let rest = 32 - length;
        bits >> rest == u32::from_be_bytes(*network) >> rest
    })
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    if (a, b, c, d, e, f) == (0x64, 0xff9b, 0, 0, 0, 0) {
        let [g, h] = [g.to_be_bytes(), h.to_be_bytes()];
        return is_public_v4(Ipv4Addr::new(g[0], g[1], h[0], h[1]));
    }
    // Only these have been given to anybody; of them not protocols' own, documentation, and tunnels.
    let given = a & 0xe000 == 0x2000;
    let special = a == 0x2001 && (b < 0x200 || b == 0xdb8) || a == 0x2002 || a & 0xfff0 == 0x3ff0;
    given && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_told_from_all_others() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::5",
            "64:ff9b::808:808",
        ];
        for ip in public {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn base_urls_are_https_unless_they_are_here_or_the_operators_own() {
        let own = ["tracker.internal".to_owned(), "10.1.2.3".to_owned()];
        let takes = |url: &str| Reach::new(&[url], &own).is_ok();
        for url in [
            "https://api.carrier.example/v1",
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
            "http://localhost:9000",
            "http://tracker.internal/api",
            "https://10.1.2.3/",
            "http://10.1.2.3:80/",
        ] {
            assert!(takes(url), "{url}");
        }
        for url in [
            "http://api.carrier.example",
            "https://10.1.2.4/",
            "https://169.254.169.254/",
            "https://[fd00::1]/",
            "https://[::ffff:127.0.0.1]/",
            "ftp://api.carrier.example",
            "unix:/run/x",
            "api.carrier.example",
            "",
        ] {
            assert!(!takes(url), "{url}");
        }
    }
}
