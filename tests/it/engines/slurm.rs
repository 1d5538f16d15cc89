//! Slurm: a job array on one node, of which two shards are killed and requeued.

use std::{collections::BTreeMap, fs, path::PathBuf, thread};

use serde_json::Value;

use super::{
    command,
    namespace::{Namespace, Process},
    said, told, wait_for,
    work::Work,
};
use crate::support::{daemon::Site, record::RecordExt as _, text::commands};

const README: &str = include_str!("../../../examples/slurm/README.md");
const SHARDS: usize = 4;

/// A complete Slurm on one node that can run all shards at a time.
struct Slurm {
    namespace: Namespace,
    site: Site,
}

impl Slurm {
    fn start() -> Self {
        let site = Site::new();
        let root = site.root();
        site.write("munge.key", fastrand::u128(..).to_ne_bytes().repeat(8));
        let conf = format!(
            "ClusterName=test
            SlurmctldHost=localhost(127.0.0.1)
            SlurmctldPort={controller}
            SlurmdPort={node}
            CommunicationParameters=NoInAddrAny
            AuthInfo=socket={root}/munge.socket
            SlurmUser=root
            StateSaveLocation={root}/state
            SlurmdSpoolDir={root}/spool
            SlurmctldPidFile={root}/slurmctld.pid
            SlurmdPidFile={root}/slurmd.pid
            SlurmctldLogFile={root}/slurmctld.log
            SlurmdLogFile={root}/slurmd.log
            ProctrackType=proctrack/linuxproc
            TaskPlugin=task/none
            MpiDefault=none
            SelectType=select/cons_tres
            SelectTypeParameters=CR_CPU
            SlurmdParameters=config_overrides
            SchedulerParameters=batch_sched_delay=0
            KillWait=1
            NodeName=node NodeHostname=localhost NodeAddr=127.0.0.1 CPUs={SHARDS}
            PartitionName=all Nodes=ALL Default=YES",
            controller = site.port(),
            node = site.other_port(),
        );
        site.write("slurm.conf", conf);
        site.folder("state");
        site.folder("spool");
        let script = "exec >said 2>&1
            chmod 600 munge.key
            munged --force --key-file=$PWD/munge.key --socket=$PWD/munge.socket --pid-file=$PWD/munged.pid \\
                --seed-file=$PWD/munge.seed --log-file=$PWD/munged.log &&
            slurmctld && slurmd -N node && cat";
        let namespace = Namespace::start(script, |command| {
            command
                .current_dir(site.path(""))
                .env("SLURM_CONF", site.path("slurm.conf"));
        });
        let slurm = Self { namespace, site };
        wait_for("a node that is idle", || {
            let out = slurm
                .command("sinfo", &["--noheader", "--format=%T"])
                .output()
                .unwrap();
            (out.stdout == b"idle\n").then_some(())
        });
        slurm
    }

    fn conf(&self) -> PathBuf {
        self.site.path("slurm.conf")
    }

    fn command(&self, name: &str, args: &[&str]) -> std::process::Command {
        let mut command = command(name);
        command.env("SLURM_CONF", self.conf()).args(args);
        command
    }

    #[track_caller]
    fn scontrol(&self, args: &[&str]) -> String {
        said(&mut self.command("scontrol", args))
    }

    /// The processes that fetch, in the order of their shards.
    fn shards(&self) -> Vec<Process> {
        let mut shards = self.namespace.named("fetch");
        shards.sort_by(|one, other| one.command.cmp(&other.command));
        shards
    }

    /// Submits the array as the README does, and returns its number.
    #[track_caller]
    fn submit(&self, work: &Work) -> String {
        let mut said = String::new();
        for line in commands(README).take_while(|line| !line.starts_with("fetch --merge")) {
            let out = work.shell(line, &[("SLURM_CONF", &self.conf())]);
            assert!(out.status.success(), "{line}: {}", told(&out));
            said += std::str::from_utf8(&out.stdout).unwrap();
        }
        said.trim_start_matches("Submitted batch job ")
            .trim()
            .to_owned()
    }

    #[track_caller]
    fn wait_until_done(&self) {
        wait_for("the end of the array", || {
            let queue = said(&mut self.command("squeue", &["--noheader"]));
            queue.is_empty().then_some(())
        });
    }

    /// Requeues a task without the two minutes that Slurm makes it wait.
    #[track_caller]
    fn requeue(&self, task: &str) {
        self.scontrol(&["requeue", task]);
        wait_for("a task that waits", || {
            let args = ["--noheader", "--format=%T %r", "--jobs", task];
            let state = said(&mut self.command("squeue", &args));
            (state == "PENDING BeginTime\n").then_some(())
        });
        self.scontrol(&["update", &format!("JobId={task}"), "StartTime=now"]);
    }
}

impl Drop for Slurm {
    #[expect(clippy::print_stderr, reason = "for who reads of the failure")]
    fn drop(&mut self) {
        if thread::panicking() {
            for name in ["said", "slurmctld.log", "slurmd.log"] {
                let log = fs::read_to_string(self.site.path(name));
                eprintln!("{name}: {}", log.unwrap_or_default());
            }
        }
    }
}

/// The result of each input, from any shard.
#[track_caller]
fn result(work: &Work) -> BTreeMap<u64, (String, String, Value)> {
    let records = work.records("results", ".jsonl");
    work.assert_complete(&records);
    let result = |record: &Value| {
        let url = record.text("url").to_owned();
        let what = (url, record.verdict(), record["size"].clone());
        (record["index"].as_u64().unwrap(), what)
    };
    let result: BTreeMap<_, _> = records.iter().map(result).collect();
    assert_eq!(result.len(), records.len(), "an index is there twice");
    result
}

#[test]
#[ignore = "needs slurm-wlm, munge and root; .ci/run installs and runs it"]
fn shards_that_are_killed_and_requeued_change_nothing() {
    let (slurm, work) = (Slurm::start(), Work::held("slurm"));
    let job = slurm.submit(&work);
    let shards = wait_for("every shard in its middle", || {
        let shards = slurm.shards();
        (shards.len() == SHARDS && work.all_wait()).then_some(shards)
    });

    // One is killed and requeued. The other is requeued while it runs, as Slurm does if a node fails.
    let (dead, running) = (format!("{job}_1"), format!("{job}_2"));
    shards[1].kill();
    wait_for("a task that failed", || {
        let task = slurm.scontrol(&["show", "job", &dead]);
        task.contains("JobState=FAILED").then_some(())
    });
    for (task, shard) in [(&dead, &shards[1]), (&running, &shards[2])] {
        slurm.requeue(task);
        wait_for("the end of a shard", || shard.has_ended().then_some(()));
    }
    wait_for("every shard again", || {
        (slurm.shards().len() == SHARDS).then_some(())
    });
    assert_eq!(work.names("results", ".jsonl"), Vec::<PathBuf>::new());
    work.let_go();
    slurm.wait_until_done();
    for task in [&dead, &running] {
        let task = slurm.scontrol(&["show", "job", task]);
        assert!(
            task.contains("Restarts=1") && task.contains("JobState=COMPLETED"),
            "{task}"
        );
    }
    let (disturbed, merged) = (result(&work), work.merged());
    let sent = work.server().requests().len();

    // Existing results are not fetched again.
    slurm.submit(&work);
    slurm.wait_until_done();
    assert_eq!(work.server().requests().len(), sent);
    assert_eq!(work.merged(), merged);

    fs::rename(work.path("results"), work.path("disturbed")).unwrap();
    slurm.submit(&work);
    slurm.wait_until_done();
    assert_eq!((result(&work), work.merged()), (disturbed, merged));
}
