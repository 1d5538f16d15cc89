//! Shards: divide a list among runs that work side by side.
//!
//! An input belongs to exactly one of N shards, which depends only on its host (or its URL):
//! every run with the same N agrees, on any machine and with any version.

use url::{Position, Url};

/// The name of the hash in summaries.
pub const HASH: &str = "fnv1a64-fmix64";

/// The maximum number of shards.
const MAX: u32 = 1_000_000;

/// What decides the shard of an input (`--shard-by`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardKey {
    /// The host: all its inputs are in one shard.
    Host,
    /// The URL: the inputs of one host are divided among the shards, too.
    Url,
}

impl ShardKey {
    /// Returns the name on the command line and in summaries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Url => "url",
        }
    }
}

/// One of the shards of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// The number of the shard, counted from 0.
    pub number: u32,
    /// The number of shards.
    pub count: u32,
}

/// A text that is not a shard.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// The text is not two numbers.
    #[error("write K/N, such as 0/8 for the first of 8")]
    Form,
    /// The number of shards is out of range.
    #[error("the number of shards must be from 1 to {MAX}")]
    Count,
    /// There is no shard of that number; perhaps it was counted from 1.
    #[error("K is 0 to N-1; the last of {count} is {}/{count}", .count - 1)]
    Number {
        /// The number of shards.
        count: u32,
    },
}

impl std::str::FromStr for Shard {
    type Err = ShardError;

    /// Parses `K/N`, with K from 0 to N - 1.
    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (number, count) = text.split_once('/').ok_or(ShardError::Form)?;
        let [number, count]: [u64; 2] = [parse(number)?, parse(count)?];
        Self::new(number, count)
    }
}

impl Shard {
    /// The only shard of one: the whole list.
    pub const ALL: Self = Self {
        number: 0,
        count: 1,
    };

    /// Returns shard `number`, counted from 0, of `count`.
    ///
    /// # Errors
    ///
    /// There is no such shard.
    pub fn new(number: u64, count: u64) -> Result<Self, ShardError> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if !(1..=MAX).contains(&count) {
            return Err(ShardError::Count);
        }
        match u32::try_from(number) {
            Ok(number) if number < count => Ok(Self { number, count }),
            _ => Err(ShardError::Number { count }),
        }
    }
}

fn parse(number: &str) -> Result<u64, ShardError> {
    let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    let number = is_number.then(|| number.parse().unwrap_or(u64::MAX));
    number.ok_or(ShardError::Form)
}

/// Returns the number of the shard, of `count`, for an input: by its `url`, or by its `line` if
/// that contains no URL.
pub(super) fn shard_number(url: Option<&Url>, line: &[u8], by: ShardKey, count: u32) -> u32 {
    let hash = match url {
        None => hash(line),
        Some(url) => match by {
            ShardKey::Host => hash(host(url).as_bytes()),
            ShardKey::Url => hash(url[..Position::AfterQuery].as_bytes()),
        },
    };
    u32::try_from(hash % u64::from(count)).unwrap_or_default()
}

/// Returns what an input adds to the fingerprint of a set of inputs. If the fingerprints of the
/// shards add up to that of the list, each input was in exactly one shard.
pub(super) fn fingerprint(index: u64) -> u64 {
    fmix64(index + 1)
}

/// Returns the host as it is hashed: canonical (the URL parser has done that), and without a
/// trailing dot, which stands for the root of the DNS.
pub(super) fn host(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    host.strip_suffix('.').unwrap_or(host)
}

/// Hashes with 64-bit FNV-1a (RFC 9923), followed by the last step of `MurmurHash3` (`fmix64`):
/// with FNV alone, the low bits of similar names would be similar.
fn hash(bytes: &[u8]) -> u64 {
    let fnv1a = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    fmix64(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fnv1a))
}

fn fmix64(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_frozen_hash() {
        for (text, expected) in [
            ("example.com", 0x9591_d642_1994_d599),
            ("127.0.0.1", 0xcede_3ba3_b641_7b22),
        ] {
            assert_eq!(hash(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn one_host_is_one_host_however_it_is_written() {
        for (host_, spellings) in [
            (
                "example.com",
                &[
                    "http://example.com/",
                    "https://EXAMPLE.com.:8443/x?y",
                    "http://ex%61mple.com",
                    "http://u:p@example.com/#f",
                ][..],
            ),
            (
                "xn--mnchen-3ya.example",
                &[
                    "http://münchen.example",
                    "http://MÜNCHEN.example./",
                    "http://xn--mnchen-3ya.example",
                ],
            ),
            (
                "127.0.0.1",
                &[
                    "http://127.0.0.1",
                    "http://0x7f.1/",
                    "http://2130706433",
                    "http://127.0.0.1./",
                ],
            ),
            (
                "[::1]",
                &[
                    "http://[::1]:80/",
                    "http://[0:0::0001]",
                    "http://[0:0:0:0:0:0:0.0.0.1]",
                ],
            ),
        ] {
            for spelling in spellings {
                let url = Url::parse(spelling).unwrap();
                assert_eq!(host(&url), host_, "{spelling}");
            }
        }
    }

    #[test]
    fn what_a_url_is_hashed_by() {
        let shards = |text: &str| {
            let url = Url::parse(text).unwrap();
            [ShardKey::Host, ShardKey::Url].map(|by| shard_number(Some(&url), b"", by, MAX))
        };
        let [host, url] = shards("http://example.com/a?b");
        assert_eq!(
            host,
            u32::try_from(0x9591_d642_1994_d599_u64 % 1_000_000).unwrap()
        );
        assert_eq!(shards("http://example.com/a?b#fragment"), [host, url]);
        let [other_host, other_url] = shards("http://example.com/a?c");
        assert_eq!(other_host, host);
        assert_ne!(other_url, url);
        assert_ne!(
            shard_number(None, b"x", ShardKey::Host, MAX),
            shard_number(None, b"y", ShardKey::Host, MAX)
        );
    }

    #[test]
    fn shards_as_they_are_written() {
        for (text, expected) in [
            ("0/1", Ok((0, 1))),
            ("7/8", Ok((7, 8))),
            ("007/8", Ok((7, 8))),
            ("8/8", Err(ShardError::Number { count: 8 })),
            (
                "99999999999999999999/8",
                Err(ShardError::Number { count: 8 }),
            ),
            ("0/0", Err(ShardError::Count)),
            ("0/1000001", Err(ShardError::Count)),
            ("3", Err(ShardError::Form)),
            ("/8", Err(ShardError::Form)),
            ("-1/8", Err(ShardError::Form)),
            ("+1/8", Err(ShardError::Form)),
            ("1/8/9", Err(ShardError::Form)),
        ] {
            let shard = text.parse::<Shard>();
            assert_eq!(
                shard.map(|shard| (shard.number, shard.count)),
                expected,
                "{text}"
            );
        }
    }
}
