//! The share of a host that says it is busy, as a pure function of what its requests told: additive increase,
//! multiplicative decrease, as TCP does (RFC 5681, section 3.1).
//!
//! A host that answers 429 or 503 to some requests and accepts others gets half of its requests in flight, at most once
//! per round, and one more after each full round of other answers. A number that was too many is tried again after a few
//! rounds below it, and after twice as many each time that it fails: most hosts take a fixed number, and each trial costs a
//! request. A host that only ever says that it is busy is not slowed down: its page about maintenance is an answer.

use tokio::time::Instant;

use super::signal::Signal;

/// A host is busy if one of so many answers of a round says so.
const BUSY_ONE_IN: usize = 10;

/// The most rounds between two trials of a number that was too many.
const MAX_ROUNDS: u32 = 32;

/// How many requests a host gets at a time because of what it answered.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// `None` as long as the host was not found busy.
    limit: Option<usize>,
    ceiling: Option<Ceiling>,
    history: History,
    /// Requests that started earlier say nothing about the share as it is now.
    halved_at: Option<Instant>,
    /// The most requests in flight in this round.
    most_in_flight: usize,
    /// Answers of this round.
    good: usize,
    busy: usize,
}

/// A number of requests in flight that was too many.
#[derive(Clone, Copy, Debug)]
struct Ceiling {
    level: usize,
    /// The rounds below it before it is tried again.
    rounds: u32,
    /// Those of them that are left.
    rounds_left: u32,
}

impl Ceiling {
    /// Creates the ceiling where a round with `level` in flight was too much; `before` is the one that held until then.
    fn after(before: Option<Self>, level: usize) -> Self {
        let rounds = match before {
            Some(before) if before.level <= level => (2 * before.rounds).min(MAX_ROUNDS),
            _ => 1,
        };
        Self {
            level,
            rounds,
            rounds_left: rounds,
        }
    }
}

/// What a host has answered in this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum History {
    /// No whole round has been answered, and nothing accepted.
    #[default]
    Unknown,
    /// A whole round was answered, and nothing accepted.
    NothingAccepted,
    /// Some request was accepted.
    Accepted,
}

impl Share {
    /// Returns how many requests may be in flight, if the share decides that.
    pub(super) const fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Whether the answers of the requests in flight have to be waited for: some of the first said that the host is
    /// busy, and it is not known yet whether it accepts any.
    pub(super) fn is_undecided(&self) -> bool {
        self.busy > 0 && self.history == History::Unknown
    }

    /// Counts a request that starts; `in_flight` are in flight with it.
    pub(super) fn start(&mut self, in_flight: usize) {
        self.most_in_flight = self.most_in_flight.max(in_flight);
    }

    /// Counts the end of a request that started at `started`, after which `in_flight` others are in flight. `jobs` is
    /// what the host gets at most.
    pub(super) fn finish(
        &mut self,
        signal: Signal,
        started: Instant,
        in_flight: usize,
        jobs: usize,
        now: Instant,
    ) {
        if signal == Signal::Accepted {
            self.history = History::Accepted;
        }
        if self.halved_at.is_none_or(|halved| started >= halved) {
            match signal {
                Signal::Busy => self.busy += 1,
                Signal::Accepted | Signal::Rejected => self.good += 1,
                Signal::Failed | Signal::Unreachable | Signal::Silent | Signal::Nothing => {}
            }
        }
        let round = self.limit.unwrap_or(self.most_in_flight).max(1);
        let is_over = self.good + self.busy >= round;
        let is_busy = self.busy > 0 && self.busy * BUSY_ONE_IN >= round;
        if is_busy && self.history == History::Accepted {
            self.limit = Some((round / 2).max(1));
            self.ceiling = Some(Ceiling::after(self.ceiling, round));
            self.halved_at = Some(now);
            self.next_round(in_flight);
        } else if is_over || self.is_undecided() && in_flight == 0 {
            if self.busy == 0
                && let Some(limit) = self.limit
            {
                self.limit = Some(self.next_limit(limit)).filter(|&limit| limit < jobs);
            }
            if self.history == History::Unknown {
                self.history = History::NothingAccepted;
            }
            self.next_round(in_flight);
        }
    }

    /// Returns the limit after a full round of good answers with `limit` in flight.
    fn next_limit(&mut self, limit: usize) -> usize {
        self.ceiling.take_if(|ceiling| ceiling.level <= limit);
        match &mut self.ceiling {
            Some(ceiling) if ceiling.level == limit + 1 && ceiling.rounds_left > 0 => {
                ceiling.rounds_left -= 1;
                limit
            }
            _ => limit + 1,
        }
    }

    fn next_round(&mut self, in_flight: usize) {
        (self.good, self.busy) = (0, 0);
        self.most_in_flight = in_flight;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use super::Signal::{Accepted, Busy, Failed, Rejected, Unreachable};
    use super::*;

    const JOBS: usize = 20;

    /// Keeps as many requests in flight as the share allows, each for a second, for some rounds. `answer` gets the number
    /// in flight when the request started. Returns the share at the start of each round.
    fn rounds(share: &mut Share, count: u64, answer: impl Fn(usize) -> Signal) -> Vec<usize> {
        let epoch = Instant::now();
        let mut in_flight = VecDeque::new();
        let mut shares = Vec::new();
        for second in 0..count {
            let now = epoch + Duration::from_secs(second);
            while let Some(signal) = in_flight.pop_front() {
                let started = now - Duration::from_secs(1);
                share.finish(signal, started, in_flight.len(), JOBS, now);
            }
            let limit = share.limit().unwrap_or(JOBS);
            shares.push(limit);
            for number in 1..=limit {
                share.start(number);
                in_flight.push_back(answer(number));
            }
        }
        shares
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_gets_what_it_takes() {
        let takes = |count| move |number| if number <= count { Accepted } else { Busy };
        for (count, expected) in [
            (4, &[20, 10, 5, 2, 3, 4, 4, 5, 2, 3, 4, 4, 4, 5, 2, 3][..]),
            (1, &[20, 10, 5, 2, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1]),
            (15, &[20, 10, 11, 12, 13, 14, 15, 16, 16, 16]),
            (19, &[20; 10]),
            (20, &[20; 10]),
        ] {
            let shares = rounds(&mut Share::default(), expected.len() as u64, takes(count));
            assert_eq!(shares, expected, "a host that takes {count}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_busy_answers_beside_accepted_ones_slow_a_host_down() {
        for answer in [Busy, Rejected, Failed, Unreachable, Accepted] {
            let shares = rounds(&mut Share::default(), 5, |_| answer);
            assert_eq!(shares, [JOBS; 5], "{answer:?}");
        }
        let mixed = |number| if number % 2 == 0 { Busy } else { Rejected };
        assert_eq!(rounds(&mut Share::default(), 5, mixed), [JOBS; 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_takes_more_later_gets_more() {
        let mut share = Share::default();
        let takes = |count| move |number| if number <= count { Accepted } else { Busy };
        rounds(&mut share, 300, takes(4));
        let before = share.limit();
        assert!(before.is_some_and(|limit| limit <= 4), "{before:?}");
        tokio::time::advance(Duration::from_secs(300)).await;
        let shares = rounds(&mut share, 60, takes(JOBS));
        assert_eq!(shares.last(), Some(&JOBS));
    }

    #[tokio::test(start_paused = true)]
    async fn trials_of_what_was_too_much_become_rare() {
        let takes_4 = |number| if number <= 4 { Accepted } else { Busy };
        let shares = rounds(&mut Share::default(), 300, takes_4);
        let trials = |shares: &[usize]| shares.iter().filter(|&&share| share > 4).count();
        assert!(trials(&shares[100..]) <= 200 / 32 + 1, "{shares:?}");
        assert!(trials(&shares) > 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_grows_until_it_limits_nothing() {
        let mut share = Share::default();
        let takes = |number| if number <= 18 { Accepted } else { Busy };
        assert_eq!(rounds(&mut share, 2, takes), [20, 10]);
        let shares = rounds(&mut share, 13, |_| Accepted);
        assert_eq!(shares[12], JOBS);
        assert_eq!(share.limit(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_started_before_a_halving_do_not_halve_again() {
        let epoch = Instant::now();
        let at = |seconds| epoch + Duration::from_secs(seconds);
        let mut share = Share::default();
        (1..=JOBS).for_each(|number| share.start(number));
        share.finish(Accepted, at(0), 19, JOBS, at(1));
        for left in (0..19).rev() {
            share.finish(Busy, at(0), left, JOBS, at(2));
        }
        assert_eq!(share.limit(), Some(10));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_round_is_waited_for_where_it_decides() {
        let now = Instant::now();
        let mut share = Share::default();
        (1..=3).for_each(|number| share.start(number));
        assert!(!share.is_undecided());
        share.finish(Busy, now, 2, JOBS, now);
        assert!(share.is_undecided());
        share.finish(Failed, now, 1, JOBS, now);
        assert!(share.is_undecided());
        share.finish(Unreachable, now, 0, JOBS, now);
        assert!(!share.is_undecided());
    }
}
