//! Where a push may go. A member names the endpoint, so it could name a machine beside this one: only
//! public addresses by HTTPS are taken, and each is looked at again when its name was resolved.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use http::Uri;
use hyper_util::client::legacy::connect::dns::Name;

/// Bytes of an endpoint: those of the known services have a few hundred.
const ENDPOINT_BYTES_MAX: usize = 2_048;

/// Why nothing is sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("an endpoint is an https:// address of at most 2,048 bytes")]
    NotHttps,
    #[error("an endpoint is at a public address")]
    NotPublic,
}

/// Reads an endpoint. `private` lets addresses through that are not public.
pub fn check(endpoint: &str, private: bool) -> Result<Uri, Unfit> {
    if endpoint.len() > ENDPOINT_BYTES_MAX {
        return Err(Unfit::NotHttps);
    }
    let uri: Uri = endpoint.parse().map_err(|_| Unfit::NotHttps)?;
    let authority = uri.authority().ok_or(Unfit::NotHttps)?;
    if uri.scheme_str() != Some("https") || authority.as_str().contains('@') {
        return Err(Unfit::NotHttps);
    }
    let host = authority.host().trim_matches(['[', ']']);
    // A dot at the end, or a number in another base, is what only a resolver would understand.
    let is_public = match host.parse::<IpAddr>() {
        Ok(address) => is_public(address),
        Err(_) => {
            let last = host.rsplit('.').next().unwrap_or_default();
            host.contains('.') && last.starts_with(|it: char| it.is_ascii_alphabetic())
        }
    };
    if is_public || private {
        Ok(uri)
    } else {
        Err(Unfit::NotPublic)
    }
}

/// Whether an address is somebody else's on the internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => is_public_v4(it),
        IpAddr::V6(it) => match embedded(it) {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(it),
        },
    }
}

fn is_public_v4(it: Ipv4Addr) -> bool {
    let [a, b, c, _] = it.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocols = a == 192 && b == 0 && c == 0;
    let benchmarks = a == 198 && (18..20).contains(&b);
    !(a == 0
        || a >= 224
        || shared
        || protocols
        || benchmarks
        || it.is_private()
        || it.is_loopback()
        || it.is_link_local()
        || it.is_documentation())
}

fn is_public_v6(it: Ipv6Addr) -> bool {
    let [a, b, ..] = it.segments();
    // Global unicast is 2000::/3; of it, documentation and what leads elsewhere is not.
    a & 0xe000 == 0x2000 && !(a == 0x2001 && (b == 0xdb8 || b < 0x200)) && a != 0x3fff
}

/// The IPv4 address that an IPv6 address stands for: mapped, NAT64, 6to4.
fn embedded(it: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = it.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(v4(high, low))
        }
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// Resolves names to public addresses only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolver {
    pub(crate) private: bool,
}

impl tower::Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let private = self.private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await?
                .filter(|it| private || is_public(it.ip()))
                .collect();
            if found.is_empty() {
                return Err(io::Error::other(Unfit::NotPublic));
            }
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n9_only_public_https_addresses_are_endpoints() {
        for fine in [
            "https://fcm.googleapis.com/fcm/send/abc",
            "https://updates.push.services.mozilla.com/wpush/v2/x",
            "https://web.push.apple.com/Q",
            "https://1.1.1.1/x",
            "https://[2606:4700::1111]/x",
        ] {
            assert!(check(fine, false).is_ok(), "{fine}");
        }
        for (endpoint, why) in [
            ("http://fcm.googleapis.com/x", Unfit::NotHttps),
            ("ftp://x.example/", Unfit::NotHttps),
            ("/only/a/path", Unfit::NotHttps),
            ("https://user@push.example/x", Unfit::NotHttps),
            ("https://localhost/x", Unfit::NotPublic),
            ("https://127.0.0.1/x", Unfit::NotPublic),
            ("https://10.0.0.8:8443/x", Unfit::NotPublic),
            ("https://192.168.1.1/x", Unfit::NotPublic),
            ("https://169.254.169.254/latest/meta-data", Unfit::NotPublic),
            ("https://100.64.0.1/x", Unfit::NotPublic),
            ("https://0.0.0.0/x", Unfit::NotPublic),
            ("https://2130706433/x", Unfit::NotPublic),
            ("https://0x7f.1/x", Unfit::NotPublic),
            ("https://[::1]/x", Unfit::NotPublic),
            ("https://[::ffff:127.0.0.1]/x", Unfit::NotPublic),
            ("https://[64:ff9b::7f00:1]/x", Unfit::NotPublic),
            ("https://[2002:7f00:1::]/x", Unfit::NotPublic),
            ("https://[fe80::1]/x", Unfit::NotPublic),
            ("https://[fd00::1]/x", Unfit::NotPublic),
        ] {
            assert_eq!(check(endpoint, false), Err(why), "{endpoint}");
        }
        assert!(check("https://127.0.0.1:9/x", true).is_ok());
        assert!(check("http://127.0.0.1:9/x", true).is_err(), "never plain");
    }

    #[tokio::test]
    async fn n9_a_name_that_leads_inside_is_not_followed() {
        use tower::Service as _;

        let name = || "localhost".parse::<Name>().unwrap();
        let mut resolver = Resolver { private: false };
        assert!(resolver.call(name()).await.is_err());
        let mut resolver = Resolver { private: true };
        assert!(resolver.call(name()).await.is_ok());
    }
}
