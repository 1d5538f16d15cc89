//! The turns of jobs, compared with a model that looks at all of them each time.

use std::collections::VecDeque;

use proptest::prelude::*;
use url::Url;

use crate::engine::host_state::HostPolicy;
use crate::engine::job::Job;
use crate::engine::options::HostLimits;
use crate::engine::signal::Signal;
use crate::engine::waiting::{Among, WaitingJobs};
use crate::input::inputs;

const HOSTS: usize = 5;

/// What happens to the jobs that wait.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The next input comes; its host is this one.
    Push(usize),
    Pop(Among),
    /// One of the requests in flight ends.
    Finish(prop::sample::Index, Signal),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let signal = prop::sample::select(vec![Signal::Accepted, Signal::Rejected, Signal::Failed]);
    let among = prop::sample::select(vec![Among::All, Among::Proven]);
    let step = prop_oneof![
        3 => (0..HOSTS).prop_map(Step::Push),
        3 => among.prop_map(Step::Pop),
        2 => (any::<prop::sample::Index>(), signal).prop_map(|(which, signal)| Step::Finish(which, signal)),
    ];
    prop::collection::vec(step, 0..400)
}

/// The jobs as (position, host), and how many answers each host gave since it last had nothing to do.
struct Model {
    jobs: usize,
    cap: Option<usize>,
    waiting: Vec<(u64, usize)>,
    in_flight: Vec<(u64, usize)>,
    answers: [usize; HOSTS],
}

impl Model {
    fn load(&self, host: usize) -> usize {
        let of_host = self.in_flight.iter().filter(|&&(_, other)| other == host);
        of_host.count()
    }

    /// Removes the job that is sent next: of a host that has room, has answered enough and has the fewest in flight.
    fn pop(&mut self, among: Among) -> Option<u64> {
        let turn = |&(position, host): &(u64, usize)| {
            let load = self.load(host);
            let is_unproven = load >= (self.jobs / 4).max(1) + self.answers[host];
            let can_go =
                self.cap.is_none_or(|cap| load < cap) && (among == Among::All || !is_unproven);
            can_go.then_some((is_unproven, load, position))
        };
        let (.., position) = self.waiting.iter().filter_map(turn).min()?;
        let at = self
            .waiting
            .iter()
            .position(|&(other, _)| other == position)?;
        self.in_flight.push(self.waiting.remove(at));
        Some(position)
    }

    fn finish(&mut self, at: usize, signal: Signal) {
        let (_, host) = self.in_flight.remove(at);
        self.answers[host] += usize::from(signal != Signal::Failed);
        if self.load(host) == 0 && self.waiting.iter().all(|&(_, other)| other != host) {
            self.answers[host] = 0;
        }
    }
}

fn host_of(url: &Url) -> usize {
    url.path()[1..].parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn turns_are_those_of_a_model_that_looks_at_every_job(
        steps in steps(),
        jobs in 1_usize..40,
        cap in prop::option::of(1_usize..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let pushed = steps.iter().filter_map(|step| match step {
                Step::Push(host) => Some(format!("http://{host}.h/{host}")),
                _ => None,
            });
            let mut list: VecDeque<_> = inputs(pushed.collect::<Vec<_>>()).stop().0;
            let policy = HostPolicy {
                limits: HostLimits { jobs: cap, interval: None },
                jobs,
                timeouts: 10,
            };
            let mut waiting = WaitingJobs::new(policy, None);
            let mut model = Model {
                jobs,
                cap,
                waiting: Vec::new(),
                in_flight: Vec::new(),
                answers: [0; HOSTS],
            };
            let mut in_flight: Vec<Box<Job>> = Vec::new();
            for step in steps {
                match step {
                    Step::Push(host) => {
                        let input = list.pop_front().unwrap();
                        model.waiting.push((input.position, host));
                        waiting.push_input(input);
                    }
                    Step::Pop(among) => {
                        let job = waiting.pop(among);
                        let position = job.as_ref().map(|job| job.input.position);
                        assert_eq!(position, model.pop(among));
                        in_flight.extend(job);
                    }
                    Step::Finish(which, signal) if !in_flight.is_empty() => {
                        let at = which.index(in_flight.len());
                        let mut job = in_flight.remove(at);
                        assert_eq!(host_of(job.next_url().unwrap()), model.in_flight[at].1);
                        waiting.finish(job.sent.take().unwrap(), signal);
                        model.finish(at, signal);
                    }
                    Step::Finish(..) => {}
                }
                assert_eq!(waiting.len(), model.waiting.len());
            }
        });
    }
}
