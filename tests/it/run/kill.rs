//! SIGKILL at any moment: every published file is complete, and the next run completes the list.

use std::{
    fs,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use fastrand::Rng;

use crate::support::{
    Fetch, Folder, JOURNAL, Server,
    journal::{is_part, records_so_far},
    record::RecordExt as _,
    resume::wanted,
    stock::Stock,
    tale::Tale,
};

/// The number of jobs, which is how many URLs may have to be fetched again after each kill.
const JOBS: usize = 8;

/// A list, and how it is fetched.
#[derive(Clone, Copy)]
struct Plan {
    urls: usize,
    stock: Stock,
    args: &'static [&'static str],
    /// Each kill comes within this time after the first request.
    window: Duration,
}

/// A list that is fetched by several runs.
struct List {
    plan: Plan,
    folder: Folder,
    server: Server,
    /// Gets a message for each request.
    came: Receiver<()>,
    text: String,
    kills: usize,
}

impl List {
    fn new(plan: Plan) -> Self {
        let (sender, came) = channel();
        let script = plan.stock.script(move || {
            // After the last round the receiver is gone.
            let _ = sender.send(());
        });
        let server = Server::always(script);
        Self {
            plan,
            folder: Folder::new(),
            text: server.list(plan.urls),
            server,
            came,
            kills: 0,
        }
    }

    fn fetch(&self) -> Fetch {
        self.folder
            .keeping()
            .args(self.plan.args)
            .arg(format!("-j{JOBS}"))
            .file("list", &self.text)
            .arg("list")
    }

    /// Kills a run this long after its first request. Returns whether the kill came before the end of the run.
    #[track_caller]
    fn round(&mut self, moment: Duration) -> bool {
        let stdout = self.folder.beside("stdout");
        fs::write(&stdout, "").unwrap();
        while self.came.try_recv().is_ok() {}
        let mut run = self.fetch().stdout_to(&stdout).spawn();
        while self.came.recv_timeout(Duration::from_millis(5)).is_err() && !run.has_ended() {}
        thread::sleep(moment);
        run.kill();
        let out = run.end();
        let was_killed = out.was_killed();
        self.kills += usize::from(was_killed);
        if !was_killed {
            out.exits(0);
        }
        self.assert_whole();
        let journal = self.folder.beside(JOURNAL);
        for record in [records_so_far(&stdout), records_so_far(&journal)].concat() {
            self.folder.assert_true(&record);
        }
        was_killed
    }

    /// Asserts that every published file is complete.
    #[track_caller]
    fn assert_whole(&self) {
        for name in self.folder.visible() {
            if self.plan.stock.ranges && is_part(&name) {
                continue;
            }
            let bytes = self.folder.read(&name);
            assert!(
                self.plan.stock.has_sent(&name, &bytes),
                "{name} is torn: {} bytes",
                bytes.len()
            );
        }
    }

    /// Completes the list with one more run, and checks the result.
    #[track_caller]
    fn end(&self) {
        self.fetch().run().exits(0);
        self.assert_whole();
        let mut names: Vec<_> = (0..self.plan.urls)
            .map(|number| number.to_string())
            .collect();
        names.sort();
        assert_eq!(self.folder.tree(), names, "nothing is missing or left over");
        let mut noted: Vec<_> = self
            .folder
            .journal()
            .iter()
            .map(|record| (record.text("url").to_owned(), record.verdict()))
            .collect();
        noted.sort();
        let ok = |url: &str| (url.to_owned(), "ok".to_owned());
        let mut expected: Vec<_> = self.text.lines().map(ok).collect();
        expected.sort();
        assert_eq!(noted, expected, "each is done once");
        let requests = self.server.requests().len();
        // A partial file that is already complete costs one request more, which is answered with 416.
        let odd = if self.plan.stock.ranges { 2 } else { 1 };
        assert!(
            requests <= self.plan.urls + odd * self.kills * JOBS,
            "{requests} requests for {} URLs and {} kills",
            self.plan.urls,
            self.kills
        );
    }
}

/// Fetches lists until `kills` runs were killed. Returns how many requests asked for the rest of a body.
fn rounds(kills: usize, plan: Plan) -> usize {
    let seed = fastrand::u64(..);
    let _tale = Tale(format!("the seed {seed}"));
    let mut random = Rng::with_seed(seed);
    let window = u64::try_from(plan.window.as_micros()).unwrap();
    let (mut killed, mut lists, mut rests) = (0, 0, 0);
    while killed < kills {
        let mut list = List::new(plan);
        while killed + list.kills < kills && list.round(Duration::from_micros(random.u64(..window)))
        {
        }
        list.end();
        killed += list.kills;
        lists += 1;
        assert!(
            lists <= 3 * kills,
            "only {killed} kills came before the end of a list"
        );
        let asked = list.server.requests();
        rests += asked
            .iter()
            .filter(|request| wanted(request).is_some())
            .count();
    }
    rests
}

const STOCK: Stock = Stock {
    most: 300 * 1024,
    changes: false,
    ranges: false,
};
const PLAN: Plan = Plan {
    urls: 60,
    stock: STOCK,
    args: &[],
    window: Duration::from_millis(40),
};
const CHANGING: Stock = Stock {
    changes: true,
    ..STOCK
};

#[test]
#[ignore = "slow; .ci/run runs it"]
fn two_hundred_kills_tear_no_file_and_lose_or_double_no_url() {
    rounds(200, PLAN);
}

#[test]
#[ignore = "slow; .ci/run runs it"]
fn kills_tear_no_file_if_every_answer_differs() {
    let plan = Plan {
        stock: CHANGING,
        ..PLAN
    };
    rounds(200, plan);
}

#[test]
#[ignore = "slow; .ci/run runs it"]
fn kills_tear_no_file_of_an_ordered_run() {
    let plan = Plan {
        args: &["--ordered"],
        ..PLAN
    };
    rounds(50, plan);
}

#[test]
#[ignore = "slow; .ci/run runs it"]
fn kills_tear_no_file_with_fsync() {
    let plan = Plan {
        stock: CHANGING,
        args: &["--fsync"],
        ..PLAN
    };
    rounds(30, plan);
}

#[test]
#[ignore = "slow; .ci/run runs it"]
fn half_loaded_files_are_resumed_after_kills() {
    let plan = Plan {
        urls: 12,
        stock: Stock {
            most: 6 * 1024 * 1024,
            ranges: true,
            ..STOCK
        },
        args: &["-c"],
        ..PLAN
    };
    assert!(rounds(40, plan) > 0, "nothing was ever gone on with");
}
