//! Where a browser's push service is. A caller names it, and our servers ask it: so only public addresses, over https.
//!
//! The name is looked up when it is named, for an answer that helps, and again by the client that connects ([`Reach`] is its
//! resolver), because a name may lead elsewhere by then. Redirects are not followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name that is not found in this time is not found.
const PATIENCE: Duration = Duration::from_secs(3);

/// An address that may be asked, as far as can be read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    #[error("must be an https address of a push service")]
    Form,
    #[error("must not lead into a private network")]
    Private,
    #[error("names a host that cannot be found")]
    Unknown,
}

/// Which hosts may be asked.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// For development and tests only: hosts that may be private, and asked without TLS.
    private: Arc<[String]>,
}

impl Reach {
    pub fn new(private: impl IntoIterator<Item = String>) -> Self {
        Self { private: private.into_iter().collect() }
    }

    fn may_be_private(&self, host: &str) -> bool {
        self.private.iter().any(|private| private == host)
    }

    /// Judges an address by what is written in it.
    pub fn read(&self, address: &str) -> Result<Endpoint, BadEndpoint> {
        let url = Url::parse(address).map_err(|_| BadEndpoint::Form)?;
        let host = url.host_str().ok_or(BadEndpoint::Form)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(BadEndpoint::Form);
        }
        if self.may_be_private(host) {
            return match url.scheme() {
                "http" | "https" => Ok(Endpoint(url)),
                _ => Err(BadEndpoint::Form),
            };
        }
        if url.scheme() != "https" || url.port().is_some() {
            return Err(BadEndpoint::Form);
        }
        // The resolver is not asked about these. Numbers in other spellings are such addresses by now.
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match address {
            Ok(address) if !is_public(address) => Err(BadEndpoint::Private),
            _ => Ok(Endpoint(url)),
        }
    }

    /// Judges an address by where it leads now, too.
    pub async fn visit(&self, address: &str) -> Result<Endpoint, BadEndpoint> {
        let endpoint = self.read(address)?;
        let host = endpoint
            .0
            .host_str()
            .unwrap_or_default()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        match tokio::time::timeout(PATIENCE, self.find(host)).await {
            Ok(Ok(_)) => Ok(endpoint),
            Ok(Err(bad)) => Err(bad),
            Err(_) => Err(BadEndpoint::Unknown),
        }
    }

    async fn find(&self, host: String) -> Result<Vec<SocketAddr>, BadEndpoint> {
        let found = tokio::net::lookup_host((host.as_str(), 0)).await.map_err(|_| BadEndpoint::Unknown)?;
        let any = self.may_be_private(&host);
        let found: Vec<_> = found.filter(|address| any || is_public(address.ip())).collect();
        if found.is_empty() { Err(BadEndpoint::Private) } else { Ok(found) }
    }
}

/// The resolver of the client that connects: an address that is not public is none.
impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, host) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let found = reach.find(host).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Endpoint {
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whose pause counts for it.
    pub fn service(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

/// Whether an address is one of the open internet: IANA's special registries say which are not.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |network: [u8; 4], bits: u32| {
        u32::from(address) >> (32 - bits) == u32::from_be_bytes(network) >> (32 - bits)
    };
    let special = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
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
    ];
    !special.into_iter().any(|(network, bits)| within(network, bits))
}

/// Only what is handed out (2000::/3), without its own exceptions. So mapped, translated and local addresses are out.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_special = match first {
        // Teredo, benchmarks, ORCHID and other protocols; documentation.
        0x2001 => second < 0x0200 || second == 0x0db8,
        // 6to4 leads to the IPv4 address in it.
        0x2002 => true,
        0x3fff => second < 0x1000,
        _ => false,
    };
    first >> 13 == 1 && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_over_https_are_asked() {
        let reach = Reach::default();
        for good in [
            "https://fcm.googleapis.com/fcm/send/abc:def",
            "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
            "https://web.push.apple.com/QGuQ?x=1",
            "https://93.184.215.14/x",
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/x",
        ] {
            assert!(reach.read(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "fcm.googleapis.com/x",
            "http://fcm.googleapis.com/x",
            "ftp://fcm.googleapis.com/x",
            "https://fcm.googleapis.com:8443/x",
            "https://user@fcm.googleapis.com/x",
            "https://user:word@fcm.googleapis.com/x",
            "https://fcm.googleapis.com/x#y",
            "data:text/plain,x",
            "https://",
        ] {
            assert_eq!(reach.read(bad), Err(BadEndpoint::Form), "{bad}");
        }
        for private in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "0",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[fd00::1]",
            "[fe80::1]",
            "[64:ff9b::a00:1]",
            "[2002:a00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[ff02::1]",
        ] {
            assert_eq!(reach.read(&format!("https://{private}/x")), Err(BadEndpoint::Private), "{private}");
        }
    }

    #[test]
    fn a_named_host_may_be_private() {
        let reach = Reach::new(["127.0.0.1".to_owned()]);
        let endpoint = reach.read("http://127.0.0.1:4567/x").unwrap();
        assert_eq!(endpoint.service(), "127.0.0.1:4567");
        assert_eq!(reach.read("https://127.0.0.2/x"), Err(BadEndpoint::Private));
        assert_eq!(reach.read("http://127.0.0.2:4567/x"), Err(BadEndpoint::Form));
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused_where_it_is_named_and_where_it_is_asked() {
        let reach = Reach::default();
        assert_eq!(reach.visit("https://localhost/x").await, Err(BadEndpoint::Private));
        assert!(reach.resolve("localhost".parse().unwrap()).await.is_err());
        let reach = Reach::new(["localhost".to_owned()]);
        assert!(reach.visit("https://localhost/x").await.is_ok());
        assert!(reach.resolve("localhost".parse().unwrap()).await.is_ok());
    }
}
