//! What a value on the command line means.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::time::Duration;

/// A duration, or none: clap would read an `Option` as an option that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

/// Where a host is, whatever the system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Lower case, without a dot at its end; `*` is any.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

pub(super) fn override_(text: &str) -> Result<Override, String> {
    let bad = || format!("{text:?} is not HOST:PORT:ADDR[,ADDR]");
    // What curl lets expire lasts for the run here.
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

pub(super) fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "write a number from 1 on".to_owned())
}

/// A duration of which 0 is no limit.
pub(super) fn duration(text: &str) -> Result<Limit, String> {
    // Later than this is never; a clock cannot add more.
    let never = Duration::from_secs(100 * 365 * 24 * 3600);
    let is_limit = |span: &Duration| !span.is_zero() && *span < never;
    span(text).map(|span| Limit(Some(span).filter(is_limit)))
}

pub(super) fn span(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a duration; write 5 (seconds), 1.5, 500ms, 2m or 1h");
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
    // What is too short to be told from 0 is not the same as 0.
    let least = Duration::from_nanos(u64::from(number > 0.0));
    Ok(span.max(least))
}

/// `N/s`, `N/m` or `N/h` as the time from one to the next.
pub(super) fn rate(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a rate; write 10/s, 100/m or 1000/h");
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

pub(super) fn size(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is not a size; write 4096, 10M or 1GiB");
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
        reason = "checked"
    )]
    if (0.0..1e18).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err(bad())
    }
}

/// Digits with at most one point: not `inf`, `1e9` or `-1`.
fn decimal(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
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
