//! What each shard of a list will have, and whose it is: skew is seen before it is paid for.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::parse::Defaults;
use super::shard::{By, Shard, host};
use super::shard_filter::shard_of;
use super::source::Source;
use super::walk::{ReadError, ReadEvent, walk};
use crate::model::error::Failure;

/// HostCounts that are counted at a time. Where there are no more, each is counted exactly.
const HOSTS: usize = 65_536;

/// Some of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardLoad {
    /// Inputs.
    pub inputs: u64,
    /// Bytes of their lines.
    pub bytes: u64,
}

/// A list, counted.
#[derive(Debug)]
pub struct Survey {
    /// Inputs of the shard that was asked for.
    pub inputs: u64,
    /// Those that hold no request.
    pub invalid: u64,
    /// What each shard has, by its number.
    pub shards: Vec<ShardLoad>,
    hosts: HostCounts,
}

/// Counts the inputs of `sources`, by shards. `on_invalid` is given the reason of each that
/// holds no request and is of `shard`.
///
/// # Errors
///
/// A source that broke.
pub fn survey(
    sources: Vec<Source>,
    defaults: &Defaults,
    shard: Shard,
    by: By,
    mut on_invalid: impl FnMut(&Failure),
) -> Result<Survey, ReadError> {
    let mut survey = Survey {
        inputs: 0,
        invalid: 0,
        shards: vec![ShardLoad::default(); shard.count as usize],
        hosts: HostCounts::default(),
    };
    walk(sources, defaults, false, |event| {
        if let ReadEvent::Input(input, line) = event {
            let number = shard_of(&input, &line, by, shard.count);
            let load = &mut survey.shards[number as usize];
            load.inputs += 1;
            load.bytes += line.bytes().len() as u64;
            survey.inputs += u64::from(number == shard.number);
            match &input.request {
                Ok(request) => survey.hosts.count(host(&request.url), number),
                Err(failure) if number == shard.number => {
                    survey.invalid += 1;
                    on_invalid(failure);
                }
                Err(_) => {}
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(survey)
}

impl Survey {
    /// The hosts with the most inputs: name, inputs, and the shard of the first of them.
    #[must_use]
    pub fn heaviest(&self, most: usize) -> Vec<(&str, u64, u32)> {
        let mut hosts: Vec<_> = self.hosts.counts.iter().collect();
        hosts.sort_unstable_by(|(one, a), (other, b)| b.0.cmp(&a.0).then(one.cmp(other)));
        let hosts = hosts.into_iter().take(most);
        hosts
            .map(|(host, &(inputs, shard))| (&**host, inputs, shard))
            .collect()
    }

    /// How far the count of a host may be over what it has: 0 unless there are very many hosts.
    #[must_use]
    pub fn error(&self) -> u64 {
        self.hosts.error
    }
}

/// HostCounts by their inputs, in bounded memory: the "lossy counting" of Manku and Motwani.
///
/// When there are too many, those with the fewest inputs are forgotten; one that comes
/// (back) is given what it may have had before.
#[derive(Debug, Default)]
struct HostCounts {
    counts: HashMap<Box<str>, (u64, u32)>,
    error: u64,
}

impl HostCounts {
    fn count(&mut self, host: &str, shard: u32) {
        if let Some((inputs, _)) = self.counts.get_mut(host) {
            *inputs += 1;
            return;
        }
        if self.counts.len() == HOSTS {
            self.evict();
        }
        self.counts.insert(host.into(), (self.error + 1, shard));
    }

    /// Makes room for half of all hosts.
    fn evict(&mut self) {
        let mut inputs: Vec<u64> = self.counts.values().map(|&(inputs, _)| inputs).collect();
        let (_, &mut median, _) = inputs.select_nth_unstable(HOSTS / 2);
        self.counts.retain(|_, (inputs, _)| *inputs > median);
        self.error = self.error.max(median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heavy_host_is_found_among_very_many() {
        let mut hosts = HostCounts::default();
        for number in 0..10 * HOSTS {
            hosts.count(&format!("host-{number}"), 0);
            if number % 10 == 0 {
                hosts.count("heavy", 3);
            }
        }
        assert!(hosts.counts.len() <= HOSTS);
        let true_count = HOSTS as u64;
        let (counted, shard) = hosts.counts["heavy"];
        assert!((true_count..=true_count + hosts.error).contains(&counted));
        assert_eq!(shard, 3);
        assert!(hosts.error <= 20, "{}", hosts.error);
    }

    #[test]
    fn few_hosts_are_counted_exactly() {
        let mut hosts = HostCounts::default();
        for number in 0..3 * HOSTS {
            hosts.count(&format!("host-{}", number % HOSTS), 0);
        }
        assert_eq!(hosts.error, 0);
        assert!(hosts.counts.values().all(|&(inputs, _)| inputs == 3));
    }
}
