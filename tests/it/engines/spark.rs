//! Spark SQL: two executors, of which one is killed in the middle.

use std::{fs, os::unix::fs::symlink};

use super::{VIRTUALENV, command, namespace::Namespace, said, wait_for, work::Work};
use crate::support::daemon::Site;

/// The Spark of `pip install pyspark`, in a folder of its own, because executors write next to it.
fn home() -> Site {
    let home = Site::new();
    let find = "import os, pyspark; print(os.path.dirname(pyspark.__file__))";
    let installed = said(command(&format!("{VIRTUALENV}/bin/python")).args(["-c", find]));
    for part in ["bin", "jars"] {
        symlink(format!("{}/{part}", installed.trim()), home.path(part)).unwrap();
    }
    home
}

#[test]
#[ignore = "needs Java and PySpark; .ci/run installs and runs it"]
fn an_executor_that_is_killed_changes_nothing() {
    let (work, home) = (Work::held("spark"), home());
    let script = format!(
        "spark-submit --master 'local-cluster[2,1,1024]' --conf spark.executor.memory=512m \\
            --conf spark.ui.enabled=false --files {} fetch.py urls.txt records 6 >said 2>log",
        env!("CARGO_BIN_EXE_fetch")
    );
    // A process that is killed leaves its temporary files.
    let java = format!(
        "-XX:-UsePerfData -Djava.io.tmpdir={}",
        home.folder("tmp").display()
    );
    let mut spark = Namespace::start(&script, |command| {
        command
            .current_dir(work.path(""))
            .env("SPARK_HOME", home.path(""))
            .env("SPARK_LOCAL_IP", "127.0.0.1")
            .env("SPARK_LOCAL_DIRS", home.path("local"))
            .env("JAVA_TOOL_OPTIONS", &java);
    });
    let fetch = wait_for("an executor in the middle of a partition", || {
        let executors = spark
            .processes()
            .into_iter()
            .filter(|process| process.command.contains("CoarseGrainedExecutorBackend"));
        let both = executors.count() == 2;
        let fetch = spark.named("fetch").pop();
        fetch.filter(|_| both && work.some_wait())
    });
    spark.ancestor(&fetch, "java").kill();
    // Nobody reads its output any more, so it ends although its server is silent.
    wait_for("the end of what it started", || {
        fetch.has_ended().then_some(())
    });
    work.let_go();
    let ended = spark.wait();
    let log = fs::read_to_string(work.path("log")).unwrap();
    assert!(ended.success(), "{log}");
    assert!(log.contains("Lost executor"), "it was not missed: {log}");
    let counted = fs::read_to_string(work.path("said")).unwrap();
    assert_eq!(counted, format!("{0} URLs, {0} records\n", work.urls()));
    let records = work.records("records", ".txt");
    work.assert_complete(&records);
    let asked = work.server().requests().len();
    assert!(asked > work.urls(), "nothing was in the middle: {asked}");
}
