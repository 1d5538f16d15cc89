//! Decides which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::model::error::{Failure, Kind, Phase};

/// IPv4 networks that are not public: IANA's special-purpose registries (RFC 6890), multicast and
/// reserved ranges. The metadata services of clouds are in them, too.
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

/// The only part of IPv6 that is assigned as public (RFC 4291, section 2.4).
const PUBLIC_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Networks in that part that are not public: Teredo, ORCHID and other protocols; documentation.
const PRIVATE_V6: [(Ipv6Addr, u32); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Addresses that a gateway translates to the IPv4 address in their last four bytes (RFC 6052).
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Addresses that are tunnelled to the IPv4 address after their first two bytes (RFC 3056).
const SIX_TO_FOUR: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);

/// An address family.
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

/// The addresses that may be connected to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guard {
    /// The only address family, if there is one.
    pub family: Option<Family>,
    /// Whether only public addresses may be connected to (`--block-private`).
    pub block_private: bool,
}

/// Why an address may not be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The address is IPv6.
    #[error("no IPv4 address (-4)")]
    NotV4,
    /// The address is IPv4.
    #[error("no IPv6 address (-6)")]
    NotV6,
    /// The address is not public.
    #[error("{0} is not a public address (--block-private)")]
    Private(IpAddr),
}

impl Guard {
    /// Checks whether `address` may be connected to.
    ///
    /// # Errors
    ///
    /// The rule that forbids it.
    pub fn check(self, address: IpAddr) -> Result<(), AddressError> {
        match self.family {
            Some(family) if !family.contains(address) => Err(match family {
                Family::V4 => AddressError::NotV4,
                Family::V6 => AddressError::NotV6,
            }),
            _ if self.block_private && !is_public(address) => Err(AddressError::Private(address)),
            _ => Ok(()),
        }
    }

    /// Checks the address in `url`, if it has one. Names are checked once they are resolved.
    pub(in crate::http) fn check_url(self, url: &Url) -> Result<(), Failure> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        self.check(address)
            .map_err(|error| error.failure(url.host_str().unwrap_or_default()))
    }
}

impl AddressError {
    /// Returns the failure of an exchange with `host`.
    pub(in crate::http) fn failure(self, host: &str) -> Failure {
        let (kind, phase) = match self {
            Self::NotV4 | Self::NotV6 => (Kind::Dns, Phase::Resolve),
            Self::Private(_) => (Kind::Blocked, Phase::Connect),
        };
        let message = match self {
            Self::Private(address) if host.trim_matches(['[', ']']) == address.to_string() => {
                format!("{host}: not a public address (--block-private)")
            }
            _ => format!("{host}: {self}"),
        };
        Failure::new(kind, phase, message)
    }
}

/// Whether `address` is public. IPv6 addresses that lead to an IPv4 address are judged by that.
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
            (Some(Family::V4), Ok(()), Err(AddressError::NotV4)),
            (Some(Family::V6), Err(AddressError::NotV6), Ok(())),
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
