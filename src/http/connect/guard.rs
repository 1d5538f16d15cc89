//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::model::error::{Failure, Kind, Phase};

/// Networks that are nobody's, or this machine's, or those around it: IANA's
/// special-purpose registries (RFC 6890), multicast and what is reserved.
/// Metadata services of clouds are in these, too.
const PRIVATE_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only part of IPv6 that is given out as public (RFC 4291, section 2.4).
const PUBLIC_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is not public in there: Teredo, ORCHID and other protocols' own; documentation.
const PRIVATE_V6: [(Ipv6Addr, u32); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Translated by a gateway to the IPv4 address in its last four bytes (RFC 6052).
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Tunnelled to the IPv4 address behind its first two bytes (RFC 3056).
const SIX_TO_FOUR: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);

/// One of the two kinds of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `-4`
    V4,
    /// `-6`
    V6,
}

impl Family {
    fn contains(self, address: IpAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// What is connected to, and what is not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guard {
    /// The only kind of addresses.
    pub family: Option<Family>,
    /// Public addresses only.
    pub block_private: bool,
}

/// Why an address is not connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is of the other family.
    #[error("no IPv4 address (-4)")]
    NotV4,
    /// It is of the other family.
    #[error("no IPv6 address (-6)")]
    NotV6,
    /// It is not public.
    #[error("{0} is not a public address (--block-private)")]
    Private(IpAddr),
}

impl Guard {
    /// Whether `address` may be connected to.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn check(self, address: IpAddr) -> Result<(), Refused> {
        match self.family {
            Some(family) if !family.contains(address) => Err(match family {
                Family::V4 => Refused::NotV4,
                Family::V6 => Refused::NotV6,
            }),
            _ if self.block_private && !is_public(address) => Err(Refused::Private(address)),
            _ => Ok(()),
        }
    }

    /// Whether `url` names an address that may be connected to; a name will be resolved.
    pub(in crate::http) fn check_url(self, url: &Url) -> Result<(), Failure> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        self.check(address)
            .map_err(|refused| refused.failure(url.host_str().unwrap_or_default()))
    }
}

impl Refused {
    /// The failure of a hop to `host`.
    pub(in crate::http) fn failure(self, host: &str) -> Failure {
        let (kind, phase) = match self {
            Self::NotV4 | Self::NotV6 => (Kind::Dns, Phase::Resolve),
            Self::Private(_) => (Kind::Blocked, Phase::Connect),
        };
        Failure::new(kind, phase, format!("{host}: {self}"))
    }
}

/// Whether `address` is one of the internet's, however it is written.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !PRIVATE_V4.iter().any(|network| is_v4_in(address, *network)),
        IpAddr::V6(address) => {
            let octets = address.octets();
            let v4_at = |at: usize| {
                Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3])
            };
            if is_v6_in(address, NAT64) {
                return is_public(v4_at(12).into());
            }
            if is_v6_in(address, SIX_TO_FOUR) {
                return is_public(v4_at(2).into());
            }
            if let Some(mapped) = address.to_ipv4_mapped() {
                return is_public(mapped.into());
            }
            is_v6_in(address, PUBLIC_V6)
                && !PRIVATE_V6.iter().any(|network| is_v6_in(address, *network))
        }
    }
}

fn is_v4_in(address: Ipv4Addr, (network, length): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (Ipv4Addr::BITS - length) == 0
}

fn is_v6_in(address: Ipv6Addr, (network, length): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (Ipv6Addr::BITS - length) == 0
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_and_others_in_every_spelling() {
        for (host, public) in [
            ("1.1.1.1", true),
            ("11.0.0.1", true),
            ("172.32.0.1", true),
            ("100.128.0.1", true),
            ("192.0.1.1", true),
            ("223.255.255.255", true),
            ("[2606:4700::1111]", true),
            ("[2001:4860::8888]", true),
            ("[64:ff9b::101:101]", true),
            ("[2002:101:101::1]", true),
            ("[::ffff:1.1.1.1]", true),
            ("0", false),
            ("127.1", false),
            ("0x7f.1", false),
            ("2130706433", false),
            ("0177.0.0.1", false),
            ("10.1.2.3", false),
            ("172.31.255.255", false),
            ("192.168.0.1", false),
            ("169.254.169.254", false),
            ("100.100.100.200", false),
            ("192.0.0.192", false),
            ("198.19.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("[::]", false),
            ("[::1]", false),
            ("[::127.0.0.1]", false),
            ("[::1.1.1.1]", false),
            ("[::ffff:127.0.0.1]", false),
            ("[64:ff9b::7f00:1]", false),
            ("[64:ff9b:1::101:101]", false),
            ("[2002:7f00:1::]", false),
            ("[2001::1]", false),
            ("[2001:db8::1]", false),
            ("[fe80::1]", false),
            ("[fec0::1]", false),
            ("[fd00:ec2::254]", false),
            ("[ff02::1]", false),
            ("[100::1]", false),
        ] {
            let guard = Guard {
                block_private: true,
                ..Guard::default()
            };
            let url = Url::parse(&format!("http://{host}/")).unwrap();
            assert_eq!(guard.check_url(&url).is_ok(), public, "{host}");
            assert!(Guard::default().check_url(&url).is_ok());
        }
    }

    #[test]
    fn families() {
        for (family, v4, v6) in [
            (None, Ok(()), Ok(())),
            (Some(Family::V4), Ok(()), Err(Refused::NotV4)),
            (Some(Family::V6), Err(Refused::NotV6), Ok(())),
        ] {
            let guard = Guard {
                family,
                block_private: false,
            };
            assert_eq!(guard.check(Ipv4Addr::LOCALHOST.into()), v4);
            assert_eq!(guard.check(Ipv6Addr::LOCALHOST.into()), v6);
        }
    }
}
