//! Kubernetes: the manifest is valid by its schema, and its command line runs as in a pod.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Output,
};

use serde_json::Value;

use super::{command, example, said, told, work::Work};
use crate::support::{daemon::Site, text::commands};

const README: &str = include_str!("../../../examples/kubernetes/README.md");
const DOCKERFILE: &str = include_str!("../../../examples/kubernetes/Dockerfile");

/// The libraries of `gcr.io/distroless/cc-debian12` that a Rust program may need.
const LIBRARIES: [&str; 4] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "ld-linux-x86-64.so.2",
];

/// The user `nonroot` of that image.
const NONROOT: &str = "65532";

/// The Job as JSON, as the API server reads it.
fn job() -> Value {
    let read = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let manifest = example("kubernetes").join("job.yaml");
    let json = said(command("python").args(["-c", read]).arg(manifest));
    serde_json::from_str(&json).unwrap()
}

/// The arguments of the only such instruction of the Dockerfile.
#[track_caller]
fn instruction(name: &str) -> &'static str {
    let mut lines = DOCKERFILE
        .lines()
        .filter_map(|line| line.strip_prefix(name));
    let rest = lines.next().unwrap();
    assert_eq!(lines.next(), None, "{name} twice");
    rest.trim()
}

/// The files of the image: the binary where the Dockerfile puts it, and the libraries of its base.
fn image() -> Site {
    let (image, fetch) = (Site::new(), env!("CARGO_BIN_EXE_fetch"));
    let copied = instruction("COPY --from=build /installed/bin/fetch ");
    let install = |from: &str, to: &str| {
        let to = image.write(to.trim_start_matches('/'), fs::read(from).unwrap());
        fs::set_permissions(to, Permissions::from_mode(0o755)).unwrap();
    };
    install(fetch, copied);
    let needed = said(command("ldd").arg(fetch));
    for library in needed
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        let name = Path::new(library).file_name().unwrap().to_str().unwrap();
        assert!(LIBRARIES.contains(&name), "the image has no {library}");
        install(library, library);
    }
    image
}

/// A pod of the Job.
struct Pod<'a> {
    image: &'a Site,
    container: &'a Value,
    work: &'a Work,
}

impl Pod<'_> {
    /// Runs the container with the environment that the Job controller gives to this index.
    fn run(&self, index: &str) -> Output {
        let entry_point: Vec<String> = serde_json::from_str(instruction("ENTRYPOINT ")).unwrap();
        let args = self.container["args"].as_array().unwrap().iter();
        let args = args.map(|arg| {
            arg.as_str()
                .unwrap()
                .replace("$(JOB_COMPLETION_INDEX)", index)
        });
        let mount = &self.container["volumeMounts"][0]["mountPath"]
            .as_str()
            .unwrap();
        let mount = self.image.folder(mount.trim_start_matches('/'));
        let inside = format!(
            "mount --bind {} {} && exec unshare --root={} --wd={} --setgid={NONROOT} --setuid={NONROOT} \"$@\"",
            self.work.path("").display(),
            mount.display(),
            self.image.root(),
            self.container["workingDir"].as_str().unwrap(),
        );
        command("unshare")
            .args(["--mount", "sh", "-c", &inside, "sh"])
            .args(entry_point)
            .args(args)
            .env_clear()
            .env("JOB_COMPLETION_INDEX", index)
            .output()
            .unwrap()
    }
}

#[test]
#[ignore = "needs kubernetes-validate and hadolint; .ci/run installs and runs it"]
fn the_manifest_and_the_dockerfile_are_well_formed() {
    let manifest = example("kubernetes").join("job.yaml");
    said(
        command("kubernetes-validate")
            .args(["--strict", "--quiet"])
            .arg(manifest),
    );
    said(command("hadolint").arg(example("kubernetes").join("Dockerfile")));
}

/// `.ci/run` runs the same `cargo install`. Here `cargo check` shows whether every needed file is copied.
#[test]
#[ignore = "slow; .ci/run runs it"]
fn what_the_dockerfile_copies_is_enough_to_build() {
    let (top, copy) = (Path::new(env!("CARGO_MANIFEST_DIR")), Site::new());
    let copied = DOCKERFILE
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--from"));
    for line in copied {
        let (names, _) = line.rsplit_once(' ').unwrap();
        for name in names.split(' ') {
            said(
                command("cp")
                    .arg("-r")
                    .arg(top.join(name))
                    .arg(copy.path(name)),
            );
        }
    }
    // The folder in which the dependencies have been checked.
    let target = Path::new(env!("CARGO_BIN_EXE_fetch")).ancestors().nth(2);
    let mut cargo = command(env!("CARGO"));
    cargo
        .args(["check", "--locked", "--offline", "--bin=fetch"])
        .current_dir(copy.path(""))
        .env("CARGO_TARGET_DIR", target.unwrap());
    // Without its name, rustup may take another toolchain, or fetch one.
    let kept = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    cargo.envs(
        kept.iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?))),
    );
    said(&mut cargo);
}

#[test]
#[ignore = "needs root, unshare and what reads YAML; .ci/run installs and runs it"]
fn each_index_runs_its_shard() {
    let (job, image, work) = (job(), image(), Work::new("kubernetes"));
    let spec = &job["spec"];
    let container = &spec["template"]["spec"]["containers"][0];
    let pod = Pod {
        image: &image,
        container,
        work: &work,
    };
    let lines: Vec<_> = commands(README).collect();
    let [make, merge] = lines[..] else {
        panic!("{lines:?}")
    };
    work.shell(make, &[]);
    // As `fsGroup` does for a volume.
    for folder in ["", "results"] {
        fs::set_permissions(work.path(folder), Permissions::from_mode(0o777)).unwrap();
    }
    let indices = spec["completions"].as_u64().unwrap();
    for index in 0..indices {
        let out = pod.run(&index.to_string());
        assert!(out.status.success(), "{index}: {}", told(&out));
    }
    let out = work.shell(merge, &[]);
    assert!(out.status.success(), "{}", told(&out));
    work.assert_complete(&work.records("results", ".jsonl"));

    let rule = &spec["podFailurePolicy"]["rules"][0];
    assert_eq!(rule["action"], "FailJob");
    assert_eq!(rule["onExitCodes"]["containerName"], container["name"]);
    assert_eq!(rule["onExitCodes"]["values"], serde_json::json!([2]));
    let out = pod.run(&indices.to_string());
    assert_eq!(out.status.code(), Some(2), "{}", told(&out));
}
