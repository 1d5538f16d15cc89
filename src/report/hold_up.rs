//! The message that says why slots stay free.

use indicatif::HumanCount;

use crate::model::hold_up::{HoldUp, Obstacle};

/// Describes what keeps slots free.
pub(super) fn describe(hold_up: &HoldUp) -> String {
    let HoldUp {
        in_flight,
        jobs,
        obstacle,
        waiting,
        hosts,
        names,
    } = hold_up;
    let are_used = if *in_flight == 1 {
        "is used"
    } else {
        "are used"
    };
    let url_waits = if *waiting == 1 {
        "URL waits"
    } else {
        "URLs wait"
    };
    let waiting = HumanCount(*waiting as u64);
    let more = if *hosts > names.len() { ", …" } else { "" };
    let of_hosts = match hosts {
        0 => String::new(),
        1 => format!(" for {}", names.join("")),
        _ => format!(
            " for {} hosts ({}{more})",
            HumanCount(*hosts as u64),
            names.join(", ")
        ),
    };
    let is_plural = *hosts > 1;
    let why = match obstacle {
        Obstacle::Down if is_plural => ", which are down".to_owned(),
        Obstacle::Down => ", which is down".to_owned(),
        Obstacle::RetryAfter => ", which asked for a pause (Retry-After)".to_owned(),
        Obstacle::Busy if is_plural => ", which say that they are busy".to_owned(),
        Obstacle::Busy => ", which says that it is busy".to_owned(),
        Obstacle::RatePerHost => " under --rate-per-host".to_owned(),
        Obstacle::MaxPerHost(most) => format!(" under --max-per-host {most}"),
        Obstacle::Rate => " under --rate".to_owned(),
    };
    format!("{in_flight} of {jobs} slots {are_used}: {waiting} {url_waits}{of_hosts}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_up_in_words() {
        let hold_up = |obstacle, in_flight, waiting, names: &[&str], hosts| HoldUp {
            in_flight,
            jobs: 50,
            obstacle,
            waiting,
            hosts,
            names: names.iter().map(|&name| name.to_owned()).collect(),
        };
        for (hold_up, words) in [
            (
                hold_up(
                    Obstacle::MaxPerHost(2),
                    4,
                    4096,
                    &["a.example", "b.example:81"],
                    2,
                ),
                "4 of 50 slots are used: 4,096 URLs wait for 2 hosts (a.example, b.example:81) under --max-per-host 2",
            ),
            (
                hold_up(Obstacle::Down, 1, 1, &["a.example"], 1),
                "1 of 50 slots is used: 1 URL waits for a.example, which is down",
            ),
            (
                hold_up(Obstacle::Busy, 9, 70, &["a", "b", "c"], 4),
                "9 of 50 slots are used: 70 URLs wait for 4 hosts (a, b, c, …), which say that they are busy",
            ),
            (
                hold_up(Obstacle::RetryAfter, 0, 7, &["a"], 1),
                "0 of 50 slots are used: 7 URLs wait for a, which asked for a pause (Retry-After)",
            ),
            (
                hold_up(Obstacle::RatePerHost, 0, 7, &["a"], 1),
                "0 of 50 slots are used: 7 URLs wait for a under --rate-per-host",
            ),
            (
                hold_up(Obstacle::Rate, 2, 1_234, &[], 0),
                "2 of 50 slots are used: 1,234 URLs wait under --rate",
            ),
        ] {
            assert_eq!(describe(&hold_up), words);
        }
    }
}
