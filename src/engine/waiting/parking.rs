//! Parks inputs for which memory has no room, and recalls them when their turn comes near.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{LOOK_AHEAD, WaitingJobs};
use crate::engine::host_id::HostIndex;
use crate::engine::host_state::Readiness;
use crate::engine::job::Job;
use crate::engine::parked::MAX_RECALL;
use crate::input::ParkedInput;
use crate::model::error::Failure;
use crate::model::input::Input;

/// The room in memory that hosts share for the inputs that they recall.
const RECALL_ROOM: usize = LOOK_AHEAD / 2;

impl WaitingJobs {
    /// Whether no more inputs can be taken.
    pub(in crate::engine) fn is_full(&self) -> bool {
        (self.len >= LOOK_AHEAD && self.cannot_park) || self.parked.is_full()
    }

    /// Whether lines that cannot be read twice have to be kept, because their inputs may be parked.
    pub(in crate::engine) fn keeps_lines(&self) -> bool {
        self.len >= LOOK_AHEAD / 2 || self.parked.has_spilled()
    }

    /// Queues a new input at its host, behind those that wait there already. Parks it where memory has no room for it.
    pub(in crate::engine) fn push_input(&mut self, input: Box<Input>) {
        let mut job = Job::new(input);
        let has_room = self.len < LOOK_AHEAD && self.parked.is_empty();
        if !has_room {
            let now = Instant::now();
            let host = self.host_of(&job);
            let queue = &mut self.hosts[host];
            let can_go =
                queue.len() == 0 && queue.state.readiness(self.policy, now) == Readiness::Ready;
            if !can_go && (self.len >= LOOK_AHEAD || queue.has_parked()) {
                match ParkedInput::park(job.input) {
                    Ok(input) => {
                        self.parked.add(&input, queue.parked.is_empty());
                        self.cannot_park = false;
                        queue.parked.push_back(input);
                        return self.update(host, now);
                    }
                    Err(input) => {
                        self.cannot_park = true;
                        job = Job::new(input);
                    }
                }
            }
        }
        self.push(job);
    }

    /// Whether inputs are to be recalled.
    pub(in crate::engine) fn has_recalls(&self) -> bool {
        !self.recalls.is_empty()
    }

    /// Takes the inputs to be recalled, by host.
    pub(in crate::engine) fn take_recalls(&mut self) -> Vec<(HostIndex, Vec<ParkedInput>)> {
        let size = self.parked.recall_size(RECALL_ROOM);
        let recall = |host| {
            let queue = &mut self.hosts[host];
            let size = if queue.given_up.is_some() {
                MAX_RECALL
            } else {
                size
            };
            let inputs: Vec<_> = queue.parked.drain(..size.min(queue.parked.len())).collect();
            self.parked.recall(&inputs, queue.parked.is_empty());
            queue.recalled = inputs.len();
            queue.is_listed_for_recall = false;
            (host, inputs)
        };
        std::mem::take(&mut self.recalls)
            .into_iter()
            .map(recall)
            .collect()
    }

    /// Notes that the inputs of this host that were recalled have come.
    pub(in crate::engine) fn forget_recalled(&mut self, host: HostIndex) {
        let recalled = std::mem::take(&mut self.hosts[host].recalled);
        self.parked.arrive(recalled);
    }

    /// Queues inputs that were recalled. Returns those that are not to be sent, and why, where the input itself does not
    /// say so.
    pub(in crate::engine) fn push_recalled(
        &mut self,
        host: HostIndex,
        inputs: VecDeque<Box<Input>>,
    ) -> Vec<(Box<Job>, Option<Failure>)> {
        let queue = &mut self.hosts[host];
        let given_up = queue.given_up.clone();
        if queue.parked.is_empty() {
            queue.given_up = None;
        }
        let mut unsent = Vec::new();
        for input in inputs {
            let job = Job::new(input);
            if given_up.is_some() || !job.input.is_to_send() {
                let why = given_up.clone().filter(|_| job.input.is_to_send());
                unsent.push((job, why));
            } else {
                self.push(job);
            }
        }
        self.forget_recalled(host);
        self.update(host, Instant::now());
        unsent
    }

    /// Lists the host for a recall where it has parked inputs and few others. One that is down needs one, for a probe.
    pub(super) fn list_for_recall(&mut self, host: HostIndex, readiness: Readiness) {
        let few = self.parked.recall_size(RECALL_ROOM) / 2;
        let queue = &mut self.hosts[host];
        let few = if queue.state.is_down() { 0 } else { few };
        // Memory is full: only what can be sent at once.
        let is_urgent = queue.given_up.is_some()
            || queue.jobs.is_empty() && matches!(readiness, Readiness::Ready | Readiness::Unproven);
        if !queue.parked.is_empty()
            && (self.len < LOOK_AHEAD || is_urgent)
            && queue.recalled == 0
            && (queue.jobs.len() <= few || queue.given_up.is_some())
            && !std::mem::replace(&mut queue.is_listed_for_recall, true)
        {
            self.recalls.push(host);
        }
    }
}
