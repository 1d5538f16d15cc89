//! `-o`: the folder, and the options that go with it.

use std::{fs, os::unix::fs::symlink};

use serde_json::Value;

use crate::support::{Fetch, Output, Server, ok, text::sha256};

/// A usage error that sends and creates nothing, and whose first line contains `named`.
#[track_caller]
fn refused(fetch: Fetch, named: &[&str]) -> Output {
    let server = Server::build().may_stay_unasked().start();
    let out = fetch.arg(server.url("/a")).run().exits(2);
    for named in named {
        assert!(out.stderr().contains(named), "no {named}: {}", out.stderr());
    }
    assert_eq!(out.stdout(), "");
    assert_eq!(server.targets(), [""; 0]);
    out
}

/// Saves to this folder, relative to the folder of the run.
#[track_caller]
fn saved_to(folder: &str) -> Output {
    let server = Server::at("/a", ok("x"));
    let out = Fetch::jsonl()
        .args(["-o", folder, &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(out.tree(folder), ["a"]);
    assert_eq!(out.record()["file"], "a", "the folder is no part of it");
    out
}

#[test]
fn the_folder_is_created_with_its_parents() {
    saved_to("out");
    saved_to("one/two/three/");
    saved_to("./ü/-x");
}

#[test]
fn the_folder_may_be_the_working_directory() {
    assert_eq!(saved_to(".").names(), ["a"]);
}

#[test]
fn the_long_name_of_the_option_works() {
    let server = Server::at("/a", ok("x"));
    let out = Fetch::jsonl()
        .args(["--output-dir=out", &server.url("/a")])
        .run()
        .exits(0);
    assert_eq!(out.tree("out"), ["a"]);
}

#[test]
fn the_folder_may_be_a_symbolic_link() {
    let around = tempfile::TempDir::new().unwrap();
    let (real, link) = (around.path().join("real"), around.path().join("link"));
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    let server = Server::at("/a", ok("x"));
    Fetch::jsonl()
        .arg("-o")
        .arg(&link)
        .arg(server.url("/a"))
        .run()
        .exits(0);
    assert_eq!(fs::read(real.join("a")).unwrap(), b"x");
    assert!(link.is_symlink());
}

#[test]
fn a_folder_that_cannot_be_created_is_reported_before_the_first_request() {
    for path in ["file", "file/out", "/proc/out", "/dev/null"] {
        let out = refused(
            Fetch::jsonl()
                .file("file", "theirs")
                .arg(format!("--output-dir={path}")),
            &["--output-dir", path],
        );
        assert_eq!(out.stderr().lines().count(), 1, "{}", out.stderr());
        assert_eq!(out.read("file"), "theirs");
    }
}

#[test]
fn an_empty_folder_name_is_a_usage_error() {
    refused(Fetch::new().arg("--output-dir="), &["--output-dir"]);
}

#[test]
fn options_about_files_need_a_folder() {
    for args in [
        &["--name", "{basename}"][..],
        &["--existing", "skip"],
        &["--continue"],
        &["-c"],
        &["--fsync"],
    ] {
        refused(Fetch::new().args(args), &["--output-dir"]);
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for (args, named) in [
        (&["-I"][..], &["--head", "--output-dir"][..]),
        (
            &["--existing", "maybe"],
            &["--existing", "maybe", "overwrite"],
        ),
        (&["--existing"], &["--existing"]),
        (&["-c", "--compressed"], &["--continue", "--compressed"]),
    ] {
        let out = refused(Fetch::new().args(["-o", "out"]).args(args), named);
        assert!(!out.path("out").exists(), "{args:?}");
    }
}

#[test]
fn a_dry_run_creates_no_folder() {
    let server = Server::build().may_stay_unasked().start();
    let out = Fetch::new()
        .args(["--dry-run", "-o", "out", &server.url("/a")])
        .run()
        .exits(0);
    assert!(!out.path("out").exists());
    assert_eq!(server.targets(), [""; 0]);
}

#[test]
fn a_run_without_a_folder_computes_no_checksum_unasked() {
    let server = Server::at("/a", ok("x"));
    for (args, sum) in [
        (&[][..], Value::Null),
        (&["--sha256"], sha256("x").into()),
        (&["-o", "out"], sha256("x").into()),
    ] {
        let out = Fetch::jsonl()
            .args(args)
            .arg(server.url("/a"))
            .run()
            .exits(0);
        assert_eq!(out.record()["sha256"], sum, "{args:?}");
    }
}

#[test]
fn continue_excludes_bodies_in_the_output() {
    for args in [&["--body", "--json"][..], &["-w", "%{body}"]] {
        let out = Fetch::new()
            .args(["-o", "out", "-c", "http://127.0.0.1:1/"])
            .args(args)
            .run()
            .exits(2);
        assert!(out.stderr().contains("--continue"), "{}", out.stderr());
    }
}

#[test]
fn standard_output_is_no_folder() {
    let line = "fetch: --output-dir: -: is not standard output here; write -w '%{body}' to print a body, or ./- for a directory of this name\n";
    for args in [&["-o", "-"][..], &["-o-"], &["--output-dir=-"]] {
        let out = Fetch::new()
            .args(args)
            .arg("http://127.0.0.1:1/")
            .run()
            .exits(2);
        assert_eq!(out.stderr(), line);
        assert_eq!(out.names(), [""; 0]);
    }
}

#[test]
fn a_folder_that_may_be_meant_as_a_file_is_made_with_a_warning() {
    let server = Server::always(ok("x"));
    let url = server.url("/a");
    let run = |args: &[&str]| Fetch::new().args(args).stdin(&url).run().exits(0);
    let out = run(&["-o", "page.html", &url]);
    assert_eq!(out.tree("page.html"), ["a"]);
    let warning = "fetch: warning: --output-dir: page.html is made as a directory; for a file of this name, write -o . --name page.html\n";
    assert!(out.stderr().starts_with(warning), "{}", out.stderr());
    assert_eq!(out.stderr().matches("page.html is made").count(), 1);
    for args in [
        &["-q", "-o", "page.html", &url][..],
        &["-o", "v1.2", &url],
        &["-o", "pages", &url],
        &["-o", "page.html", "-"],
        &["-o", "page.html", &url, &url],
        &["-o", ".", "--name", "page.html", &url],
    ] {
        let out = run(args);
        assert!(
            !out.stderr().contains("warning"),
            "{args:?}: {}",
            out.stderr()
        );
    }
}
