//! Look-ups at a time, their order, and what happens to those that take long; the clock is paused.

use std::future::{pending, ready};
use std::net::Ipv4Addr;

use futures::future::{FutureExt as _, join_all};
use tokio::time::{advance, sleep, sleep_until};

use super::*;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));

const LIMITS: LookUpLimits = LookUpLimits {
    at_once: 16,
    threads: 64,
};

#[expect(clippy::unnecessary_wraps, reason = "the result of a look-up")]
fn answer() -> Addresses {
    Ok([ADDRESS].into())
}

/// What the system was asked, and what it does at the moment.
#[derive(Default)]
struct SystemState {
    asked: HashMap<String, usize>,
    running: Vec<String>,
    most: usize,
}

/// A look-up of the system, until it is dropped.
struct Running(Arc<Mutex<SystemState>>, String);

impl Drop for Running {
    fn drop(&mut self) {
        self.0
            .lock()
            .unwrap()
            .running
            .retain(|name| *name != self.1);
    }
}

/// Look-ups, and the system that they ask.
struct Asking {
    look_ups: LookUps,
    system: Arc<Mutex<SystemState>>,
}

/// Returns look-ups that a system with `threads` threads answers, by name and by how often it was asked before.
fn asking(
    limits: LookUpLimits,
    threads: usize,
    answer: impl Fn(&str, usize) -> BoxFuture<'static, Addresses> + Send + Sync + 'static,
) -> Asking {
    let system = Arc::<Mutex<SystemState>>::default();
    let asked = system.clone();
    let begin = move |name: &str| {
        let mut state = asked.lock().unwrap();
        if state.running.len() == threads {
            return None;
        }
        assert!(
            !state.running.iter().any(|running| running == name),
            "{name} twice"
        );
        state.running.push(name.to_owned());
        state.most = state.most.max(state.running.len());
        let times = state.asked.entry(name.to_owned()).or_default();
        *times += 1;
        let found = answer(name, *times - 1);
        let running = Running(asked.clone(), name.to_owned());
        let found = async move {
            let found = found.await;
            drop(running);
            found
        };
        Some(found.boxed())
    };
    Asking {
        look_ups: LookUps::new(limits, begin),
        system,
    }
}

impl Asking {
    /// Looks `name` up as a request does.
    async fn find(&self, name: &str) -> Addresses {
        loop {
            let look_up = self.look_ups.look_up(name);
            if !look_up.is_queued() {
                return look_up.found().await;
            }
            look_up.begun().await;
        }
    }

    fn times_asked(&self, name: &str) -> usize {
        let system = self.system.lock().unwrap();
        system.asked.get(name).copied().unwrap_or(0)
    }

    fn known(&self) -> usize {
        self.look_ups.known().len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_look_up_is_shared_however_long_it_takes() {
    let system = asking(LIMITS, 1, |_, _| sleep(3 * TTL).map(|()| answer()).boxed());
    let late = async {
        sleep(2 * TTL).await;
        system.find("slow.test").await
    };
    // One that gives up does not cancel the look-up of the others.
    let leaves = timeout(TTL, system.find("slow.test"));
    let stays = join_all((0..10).map(|_| system.find("slow.test")));
    let (left, stayed, late) = tokio::join!(leaves, stays, late);
    assert!(left.is_err());
    assert_eq!(stayed, vec![answer(); 10]);
    assert_eq!(late, answer());
    assert_eq!(system.times_asked("slow.test"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_all_have_given_up_is_joined_by_those_who_come_later() {
    let system = asking(LIMITS, 1, |_, _| sleep(TTL).map(|()| answer()).boxed());
    for _ in 0..3 {
        assert!(timeout(TTL / 4, system.find("slow.test")).await.is_err());
    }
    assert_eq!(system.find("slow.test").await, answer());
    assert_eq!(system.times_asked("slow.test"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_look_up_fails_all_who_wait_for_it_and_is_not_kept() {
    let failure = || LookUpError::Unknown("not yet".to_owned());
    let system = asking(LIMITS, 1, move |_, before| {
        let found = if before == 0 {
            Err(failure())
        } else {
            answer()
        };
        sleep(Duration::from_secs(1)).map(|()| found).boxed()
    });
    let name = "new.test";
    let both = tokio::join!(system.find(name), system.find(name));
    assert_eq!(both, (Err(failure()), Err(failure())));
    assert_eq!(system.times_asked(name), 1);
    assert_eq!(system.find(name).await, answer());
}

#[tokio::test(start_paused = true)]
async fn the_number_of_answers_that_are_kept_is_bounded() {
    let system = asking(LIMITS, 64, |name, _| match name {
        "slow.test" => pending().boxed(),
        _ => ready(answer()).boxed(),
    });
    let slow = || system.find("slow.test").now_or_never();
    assert_eq!(slow(), None);
    for number in 0..CAPACITY - 2 {
        system.find(&format!("{number}.test")).await.unwrap();
    }
    advance(TTL).await;
    system.find("fresh.test").await.unwrap();
    assert_eq!(system.known(), CAPACITY);
    // Old answers go first, running look-ups never.
    system.find("one-more.test").await.unwrap();
    assert_eq!(system.known(), 3);
    for number in 0..3 * CAPACITY {
        system.find(&format!("{number}.test")).await.unwrap();
        assert!(system.known() <= CAPACITY);
        if number == 0 {
            system.find("fresh.test").await.unwrap();
            assert_eq!(system.times_asked("fresh.test"), 1);
        }
    }
    assert_eq!(slow(), None);
    assert_eq!(system.times_asked("slow.test"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_nobody_waits_for_any_more_does_not_begin() {
    let limits = LookUpLimits {
        at_once: 1,
        threads: 1,
    };
    let system = asking(limits, 1, |_, _| sleep(TTL / 2).map(|()| answer()).boxed());
    let first = system.find("first.test");
    let gives_up = timeout(TTL / 4, system.find("given-up.test"));
    let last = system.find("last.test");
    let (first, abandoned, last) = tokio::join!(first, gives_up, last);
    assert!(abandoned.is_err());
    assert_eq!((first, last), (answer(), answer()));
    assert_eq!(system.times_asked("given-up.test"), 0);
    assert_eq!(system.known(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_its_turn_for_a_while_and_then_as_for_an_answer() {
    let limits = LookUpLimits {
        at_once: 1,
        threads: 1,
    };
    let system = asking(limits, 1, |_, _| pending().boxed());
    assert!(system.find("dead.test").now_or_never().is_none());
    let start = Instant::now();
    let look_up = system.look_ups.look_up("good.test");
    assert!(look_up.is_queued());
    look_up.clone().begun().await;
    assert_eq!(start.elapsed().as_secs(), PATIENCE.as_secs());
    assert!(!look_up.is_queued());
    assert!(timeout(TTL, look_up.found()).await.is_err());
}

/// A name of the list, and what its look-up needs.
struct Case {
    name: String,
    /// When it is asked for.
    at: Duration,
    /// How long the system takes.
    takes: Duration,
}

/// How late a timer may be.
const LATENESS: Duration = Duration::from_millis(1);

/// Returns up to when each of the look-ups has begun, whatever they are: it follows the one that is `at_once` places
/// before by the time for which that one holds its turn, and ends of others where all `threads` are in use.
fn latest_begin(cases: &[Case], at_once: usize, threads: usize) -> Vec<Duration> {
    let longest = cases.iter().map(|case| case.takes).max().unwrap();
    let mut latest = Vec::<Duration>::new();
    for (number, case) in cases.iter().enumerate() {
        let after = |places: usize, time: Duration| {
            let before = number.checked_sub(places)?;
            Some(latest[before] + time + LATENESS)
        };
        let begin = after(at_once, STUCK).max(after(threads, longest));
        latest.push(begin.unwrap_or_default().max(case.at));
    }
    // Those that come at the same time may come in any order.
    for number in (1..latest.len()).rev() {
        if cases[number - 1].at == cases[number].at {
            latest[number - 1] = latest[number];
        }
    }
    latest
}

/// Runs a random list, some of whose names never resolve. Returns how many look-ups ran at a time at most.
async fn run_list(seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let at_once = random.usize(1..=16);
    let limits = LookUpLimits {
        at_once,
        threads: random.usize(at_once..=100),
    };
    // As with `ulimit -u`.
    let of_system = if random.bool() {
        random.usize(1..=100)
    } else {
        usize::MAX
    };
    let share_of_dead = random.f64();
    let limit = Duration::from_millis(random.u64(500..=10_000));
    let span = random.u64(1..=20_000);
    let mut cases: Vec<Case> = (0..random.usize(1..=300))
        .map(|number| Case {
            name: format!("{number}.test"),
            at: Duration::from_millis(random.u64(0..=span)),
            takes: Duration::from_millis(if random.f64() < share_of_dead {
                random.u64(5_000..=30_000)
            } else {
                random.u64(0..=400)
            }),
        })
        .collect();
    cases.sort_by_key(|case| case.at);
    let takes: HashMap<_, _> = cases
        .iter()
        .map(|case| (case.name.clone(), case.takes))
        .collect();
    let system = asking(limits, of_system, move |name, _| {
        sleep(takes[name]).map(|()| answer()).boxed()
    });
    let start = Instant::now();
    let latest = latest_begin(&cases, at_once, limits.threads.min(of_system));
    let requests = cases.iter().zip(latest).map(|(case, latest)| {
        let system = &system;
        async move {
            sleep_until(start + case.at).await;
            let mut look_up = system.look_ups.look_up(&case.name);
            if look_up.is_queued() {
                look_up.begun().await;
                look_up = system.look_ups.look_up(&case.name);
            }
            let waited = start.elapsed();
            // Beyond [`PATIENCE`] there is no promise.
            if latest < case.at + PATIENCE {
                assert!(
                    waited <= latest + LATENESS,
                    "{seed}: {} began after {waited:?} of {latest:?}",
                    case.name
                );
                // The time limit of connecting begins now.
                let found = timeout(limit, look_up.found()).await;
                let is_good = case.takes + LATENESS < limit;
                assert_eq!(found.ok(), is_good.then(answer), "{seed}: {}", case.name);
            }
        }
    });
    join_all(requests).await;
    let most = system.system.lock().unwrap().most;
    assert!(most <= limits.threads.min(of_system), "{seed}: {most}");
    most
}

#[tokio::test(start_paused = true)]
async fn whatever_names_are_dead_the_others_begin_soon_and_threads_are_bounded() {
    let mut most = 0;
    for seed in 0..100 {
        most = most.max(run_list(seed).await);
    }
    assert!(most > 50, "no list needs many threads: {most}");
}

/// Of as many names as are looked up at a time, a third or all are dead: the others begin after a moment.
#[tokio::test(start_paused = true)]
async fn dead_names_delay_a_good_one_by_a_moment_each() {
    let limits = LookUpLimits {
        at_once: 16,
        threads: 1_024,
    };
    for dead in [60, 1_000] {
        let system = asking(limits, usize::MAX, |name, _| match name {
            "good.test" => ready(answer()).boxed(),
            _ => pending().boxed(),
        });
        let dead = (0..dead).map(|number| system.look_ups.look_up(&format!("{number}.test")));
        let dead: Vec<_> = dead.collect();
        let start = Instant::now();
        let found = timeout(PATIENCE, system.find("good.test")).await;
        assert_eq!(found, Ok(answer()));
        let turns = u32::try_from(dead.len() / limits.at_once).unwrap();
        let expected = (STUCK + LATENESS) * turns;
        assert!(start.elapsed() <= expected, "{:?}", start.elapsed());
    }
}
