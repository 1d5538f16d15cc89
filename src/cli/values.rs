//! Parsers of values. clap puts the option and the value before their messages.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::time::Duration;

/// A span of time, or no limit. A type of its own, because clap would take a field of
/// type `Option<Duration>` for an option that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

/// The addresses of a host that `--resolve` gives, in place of what the resolver would return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The host name in lower case, without a trailing dot; `*` stands for every name.
    pub host: String,
    /// The port for which the addresses are used.
    pub port: u16,
    /// The addresses, at least one.
    pub addresses: Vec<IpAddr>,
}

/// Parses `HOST:PORT:ADDR[,ADDR]`, where an IPv6 address may be in brackets.
pub(super) fn override_(text: &str) -> Result<Override, String> {
    let bad =
        || "not HOST:PORT:ADDR[,ADDR]; write for example example.com:443:192.0.2.1".to_owned();
    // In curl, a leading `+` lets the entry expire. Here every entry is kept for the run.
    let entry = text.strip_prefix('+').unwrap_or(text);
    let (host, rest) = entry.split_once(':').ok_or_else(bad)?;
    let (port, addresses) = rest.split_once(':').ok_or_else(bad)?;
    let address = |text: &str| match text.strip_prefix('[') {
        None => text.parse().map_err(|_| bad()),
        Some(text) => {
            let bare = text.strip_suffix(']').ok_or_else(bad)?;
            let address: Ipv6Addr = bare.parse().map_err(|_| bad())?;
            Ok(address.into())
        }
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    url::Host::parse(&host).map_err(|_| bad())?;
    Ok(Override {
        host,
        port: port.parse().map_err(|_| bad())?,
        addresses: addresses
            .split(',')
            .map(address)
            .collect::<Result<_, _>>()?,
    })
}

/// Parses a number of requests: 1 or more.
pub(super) fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "write a whole number, at least 1".to_owned())
}

/// Parses a number that may be 0.
pub(super) fn count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| {
        let is_too_large = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_too_large {
            format!("write a whole number up to {}", u32::MAX)
        } else {
            "write a whole number, 0 or more".to_owned()
        }
    })
}

/// Parses a duration that is a limit: 0 means no limit.
pub(super) fn duration(text: &str) -> Result<Limit, String> {
    // A clock overflows if too much is added to it, and nobody waits for a hundred years.
    let never = Duration::from_secs(100 * 365 * 24 * 3600);
    let is_limit = |span: &Duration| !span.is_zero() && *span < never;
    span(text).map(|span| Limit(Some(span).filter(is_limit)))
}

/// Parses a duration: a number with or without a unit, in seconds without one.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let bad = || "not a duration; write 5 (seconds), 1.5, 500ms, 2m or 1h".to_owned();
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let unit = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(bad()),
    };
    let number = decimal(number).ok_or_else(bad)?;
    let span = Duration::try_from_secs_f64(number * unit).map_err(|_| bad())?;
    // A positive number that rounds to 0 must not become 0, which means no limit.
    let least = Duration::from_nanos(u64::from(number > 0.0));
    Ok(span.max(least))
}

/// Parses `N/s`, `N/m` or `N/h` into the time between two requests.
pub(super) fn rate(text: &str) -> Result<Duration, String> {
    let bad = || "not a rate; write 10/s, 100/m or 1000/h".to_owned();
    let (number, unit) = text.split_once('/').ok_or_else(bad)?;
    let unit = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(bad()),
    };
    let number = decimal(number)
        .filter(|number| *number > 0.0)
        .ok_or_else(bad)?;
    Duration::try_from_secs_f64(unit / number).map_err(|_| bad())
}

/// Parses a number of bytes. The units are powers of 1024, as in curl.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let bad = || "not a size; write 4096, 10M or 1GiB".to_owned();
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let unit: u32 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return Err(bad()),
    };
    if let Ok(number) = number.parse::<u64>() {
        return number.checked_mul(1024_u64.pow(unit)).ok_or_else(bad);
    }
    let bytes = decimal(number).ok_or_else(bad)? * 1024_f64.powi(unit.cast_signed());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    if (0.0..1e18).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err(bad())
    }
}

/// Parses digits with at most one point. `f64` alone would accept `inf`, `1e9` and `-1` too.
fn decimal(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("5", 5_000),
            ("1.5", 1_500),
            ("500ms", 500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0.25s", 250),
        ] {
            assert_eq!(
                duration(text),
                Ok(Limit(Some(Duration::from_millis(millis)))),
                "{text}"
            );
        }
        assert_eq!(duration("0"), Ok(Limit(None)));
        assert_eq!(duration("0ms"), Ok(Limit(None)));
        assert_eq!(duration("9999999999999h"), Ok(Limit(None)));
        for bad in [
            "", "-1", "x", "5x", "1e3", "inf", "nan", "1.2.3", "5 s", "ms",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(count("0"), Ok(0));
        assert_eq!(count("4294967295"), Ok(u32::MAX));
        assert_eq!(jobs("1").map(NonZeroUsize::get), Ok(1));
        for bad in ["", "-1", "x", "1.5", "99999999999999999999"] {
            assert!(count(bad).is_err() && jobs(bad).is_err(), "{bad}");
        }
        assert!(jobs("0").is_err());
    }

    #[test]
    fn overrides() {
        for (text, host, port, addresses) in [
            ("example.com:443:192.0.2.1", "example.com", 443, "192.0.2.1"),
            ("+Example.COM.:80:[::1]", "example.com", 80, "::1"),
            ("*:80:127.0.0.1,::1", "*", 80, "127.0.0.1,::1"),
        ] {
            let addresses = addresses.split(',').map(|address| address.parse().unwrap());
            let expected = Override {
                host: host.to_owned(),
                port,
                addresses: addresses.collect(),
            };
            assert_eq!(override_(text), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "a",
            "a:80",
            "a:80:",
            "a:x:127.0.0.1",
            "a:80:b",
            "a:80:[::1",
        ] {
            assert!(override_(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates() {
        for (text, millis) in [
            ("10/s", 100),
            ("0.5/s", 2_000),
            ("120/m", 500),
            ("1/h", 3_600_000),
        ] {
            assert_eq!(rate(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "10", "0/s", "-1/s", "x/s", "10/d", "/s", "10/"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("10M", 10 << 20),
            ("1GiB", 1 << 30),
            ("1.5k", 1536),
            ("2kB", 2048),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "-1", "x", "5x", "1e3", "99999999999T", "1..5"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
