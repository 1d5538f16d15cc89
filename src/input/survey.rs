//! Counts the load of each shard and host of a list, so that an uneven one is seen before the run.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::parse::Defaults;
use super::shard::{Shard, ShardKey, host};
use super::shard_filter::shard_of;
use super::source::Source;
use super::walk::{ReadError, ReadEvent, walk};
use crate::model::authority::Authority;
use crate::model::error::Failure;
use crate::model::input::Input;

/// The number of hosts that are counted at a time. If a list has no more, the counts are exact.
const HOSTS: usize = 65_536;

/// The load of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardLoad {
    /// The number of inputs.
    pub inputs: u64,
    /// The number of bytes of their lines.
    pub bytes: u64,
}

/// The counts of a list.
#[derive(Debug)]
pub struct Survey {
    /// The number of inputs in this run's shard.
    pub inputs: u64,
    /// The number of those that contain no valid request.
    pub invalid: u64,
    /// The load of each shard, by its number.
    pub shards: Vec<ShardLoad>,
    hosts: HostCounts,
    /// The requests of this run's shard by host and port, which caps and rates apply to.
    servers: HostCounts,
}

/// Counts the inputs of `sources` by shard. Calls `on_invalid` with each input of
/// `shard` that contains no valid request, and with its failure; and `on_hint` with what a source looks like that is
/// no list.
///
/// # Errors
///
/// A source cannot be read to its end.
pub fn survey(
    sources: Vec<Source>,
    defaults: &Defaults,
    shard: Shard,
    by: ShardKey,
    mut on_invalid: impl FnMut(&Input, &Failure),
    mut on_hint: impl FnMut(&str),
) -> Result<Survey, ReadError> {
    let mut survey = Survey {
        inputs: 0,
        invalid: 0,
        shards: vec![ShardLoad::default(); shard.count as usize],
        hosts: HostCounts::default(),
        servers: HostCounts::default(),
    };
    walk(sources, defaults, false, |event| {
        if let ReadEvent::Hint(hint) = &event {
            on_hint(hint);
        }
        if let ReadEvent::Input(input, line, _) = event {
            let number = shard_of(&input, &line, by, shard.count);
            let load = &mut survey.shards[number as usize];
            load.inputs += 1;
            load.bytes += line.bytes().len() as u64;
            survey.inputs += u64::from(number == shard.number);
            match &input.request {
                Ok(request) => {
                    survey.hosts.count(host(&request.url), number);
                    if number == shard.number {
                        let server = Authority(&request.url).to_string();
                        survey.servers.count(&server, number);
                    }
                }
                Err(failure) if number == shard.number => {
                    survey.invalid += 1;
                    on_invalid(&input, failure);
                }
                Err(_) => {}
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(survey)
}

impl Survey {
    /// Returns the hosts with the most inputs: the name, the number of inputs, and the shard of
    /// the first one.
    #[must_use]
    pub fn heaviest(&self, most: usize) -> Vec<(&str, u64, u32)> {
        self.hosts.heaviest(most)
    }

    /// Returns the hosts, each with its port, to which this run's shard has the most requests, and their number.
    #[must_use]
    pub fn heaviest_servers(&self, most: usize) -> Vec<(&str, u64)> {
        let servers = self.servers.heaviest(most).into_iter();
        servers
            .map(|(server, requests, _)| (server, requests))
            .collect()
    }

    /// Returns by how much the number of requests to a host and port may be too high, as [`Self::error`] does.
    #[must_use]
    pub fn server_error(&self) -> u64 {
        self.servers.error
    }

    /// Returns by how much the count of a host may be too high: 0 unless there are very many
    /// hosts.
    #[must_use]
    pub fn error(&self) -> u64 {
        self.hosts.error
    }
}

/// Counts inputs by host in bounded memory: the "lossy counting" of Manku and Motwani.
///
/// When there are too many hosts, those with the fewest inputs are dropped. A new host starts
/// with the count that it may have had when it was dropped.
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

    /// Returns the hosts with the most inputs, their number, and the shard of the first one.
    fn heaviest(&self, most: usize) -> Vec<(&str, u64, u32)> {
        let mut hosts: Vec<_> = self.counts.iter().collect();
        hosts.sort_unstable_by(|(one, a), (other, b)| b.0.cmp(&a.0).then(one.cmp(other)));
        let hosts = hosts.into_iter().take(most);
        hosts
            .map(|(host, &(inputs, shard))| (&**host, inputs, shard))
            .collect()
    }

    /// Drops the half of the hosts with the fewest inputs.
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
