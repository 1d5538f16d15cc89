//! File names under `-o` that the user chooses: `--name`, and `name` of a JSON line.

use serde_json::{Value, json};

use crate::support::{CANARY, Fetch, Folder, Server, ok, text::sha256};

/// The names of the files of these lines.
#[track_caller]
fn names(args: &[&str], lines: &[Value]) -> Vec<String> {
    let folder = Folder::new();
    let list: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let out = folder
        .fetch()
        .args(args)
        .arg("-")
        .stdin(list)
        .run()
        .exits(0);
    let names: Vec<_> = out
        .in_order()
        .iter()
        .map(|record| record["file"].as_str().unwrap().to_owned())
        .collect();
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(folder.tree(), sorted);
    assert_eq!(folder.path("..").read_dir().unwrap().count(), 1);
    names
}

#[test]
fn every_field_of_a_template_is_replaced() {
    let server = Server::always(ok("x"));
    let url = server.url("/dir/sub%2fdir/archive.tar.gz?q=1");
    let line = json!({"url": url, "id": "no. 7"});
    let hash = sha256(&url);
    for (template, expected) in [
        ("{basename}", "archive.tar.gz"),
        ("{host}", "127.0.0.1"),
        ("{path}", "dir_sub_dir_archive.tar.gz"),
        ("{stem}", "archive.tar"),
        ("{ext}", "gz"),
        ("{index}", "0"),
        ("{id}", "no. 7"),
        ("{hash}", &hash[..16]),
        ("x", "x"),
        ("{index}-{stem}_{id}.{ext}", "0-archive.tar_no. 7.gz"),
        ("{ext}{ext}", "gzgz"),
        ("{stem} ü {host}", "archive.tar ü 127.0.0.1"),
    ] {
        let found = names(&["--name", template], std::slice::from_ref(&line));
        assert_eq!(found, [expected], "{template}");
    }
}

#[test]
fn fields_may_be_empty() {
    let server = Server::always(ok("x"));
    for (path, template, expected) in [
        ("/", "{basename}", "index.html"),
        ("/", "{stem}.{ext}", "index.html"),
        ("/dir/", "{basename}", "index.html"),
        ("/dir/plain", "{stem}.{ext}", "plain"),
        ("/dir/plain", "{stem}{ext}", "plain"),
        ("/dir/plain", "x{ext}x{id}x", "xxx"),
    ] {
        let found = names(&["--name", template], &[json!({"url": server.url(path)})]);
        assert_eq!(found, [expected], "{path} {template}");
    }
}

#[test]
fn the_index_is_that_of_the_record() {
    let server = Server::always(ok("x"));
    let folder = Folder::new();
    let list = format!("# comment\nftp://x/\n\n{}\n", server.url("/a"));
    let args = ["--name", "{index}", "-"];
    folder.fetch().args(args).stdin(list).run().exits(1);
    assert_eq!(folder.tree(), ["1"]);
}

#[test]
fn names_from_a_template_are_sanitised_and_unique() {
    let server = Server::always(ok("x"));
    let (one, two) = (server.url("/1/a.txt"), server.url("/2/a.txt"));
    let lines = |id| [json!({"url": one, "id": id}), json!({"url": two, "id": id})];
    for (template, id, stem, end) in [
        ("{id}", "../../etc/passwd", "___.._etc_passwd", ""),
        ("{id}", "/etc/passwd", "_etc_passwd", ""),
        ("{id}", "a\\b\0c\n\u{202e}", "a_b_c__", ""),
        ("{id}.txt", "con", "_con", ".txt"),
        ("{id}", "-rf.", "_rf", ""),
        (".{id}", "x", "_x", ""),
        ("all.{ext}", "", "all", ".txt"),
        ("{host}.html", "", "127.0.0.1", ".html"),
        ("a:b\\c", "", "a_b_c", ""),
    ] {
        let found = names(&["--name", template], &lines(id));
        let mark = &sha256(&two)[..8];
        assert_eq!(
            found,
            [format!("{stem}{end}"), format!("{stem}-{mark}{end}")],
            "{template} {id:?}"
        );
    }
}

#[test]
fn a_malformed_template_is_a_usage_error() {
    let server = Server::build().may_stay_unasked().start();
    for template in [
        "{basename}/x",
        "/{basename}",
        "../{basename}",
        "{host}/{basename}",
        "{nonsense}",
        "{}",
        "{Basename}",
        "{ basename }",
        "{basename",
        "x{",
    ] {
        let out = Fetch::new()
            .args(["-o", "out", "--name", template, &server.url("/a")])
            .run()
            .exits(2);
        assert!(
            out.stderr().contains("--name"),
            "{template}: {}",
            out.stderr()
        );
        assert!(!out.path("out").exists(), "{template}");
    }
    assert_eq!(server.targets(), [""; 0]);
}

#[test]
fn an_object_may_name_its_file() {
    let server = Server::always(ok("x"));
    let url = server.url("/a.txt");
    for (name, expected) in [
        ("b.html", "b.html"),
        ("ü b", "ü b"),
        ("{index}.{ext}", "{index}.{ext}"),
        ("{", "{"),
        ("%2e%2f", "%2e%2f"),
        ("../../x", "___.._x"),
        ("/etc/passwd", "_etc_passwd"),
        ("a/b", "a_b"),
        ("..\\x", "___x"),
        (".bashrc", "_bashrc"),
        ("nul\0", "nul_"),
        ("NUL", "_NUL"),
        ("x. .", "x"),
    ] {
        let line = json!({"url": url, "name": name});
        for args in [&[][..], &["--name", "{hash}"]] {
            assert_eq!(
                names(args, std::slice::from_ref(&line)),
                [expected],
                "{name:?}"
            );
        }
    }
}

#[test]
fn a_name_in_an_object_of_any_length_fits() {
    let server = Server::always(ok("x"));
    let line = json!({"url": server.url("/a"), "name": "ä".repeat(1000) + ".jpeg"});
    assert_eq!(names(&[], &[line]), ["ä".repeat(125) + ".jpeg"]);
}

#[test]
fn names_of_objects_and_of_urls_are_kept_apart() {
    let server = Server::always(ok("x"));
    let (one, two) = (server.url("/a.txt"), server.url("/b.txt"));
    let lines = [
        json!({"url": one, "name": "B.txt"}),
        json!({"url": two}),
        json!({"url": one, "name": "b.TXT"}),
    ];
    let mark = |url: &String| sha256(url)[..8].to_owned();
    assert_eq!(
        names(&[], &lines),
        [
            "B.txt".to_owned(),
            format!("b-{}.txt", mark(&two)),
            format!("b-{}.TXT", mark(&one))
        ]
    );
}

#[test]
fn no_secret_is_in_a_name_or_its_hash() {
    let server = Server::always(ok("x"));
    let plain = server.url("/a.txt");
    let secret = server.url_as(&format!("user:{CANARY}@127.0.0.1"), "/a.txt");
    for template in ["{hash}", "{host}", "{path}", "{basename}"] {
        let args = ["--name", template];
        let line = |url: &str| json!({"url": url});
        let found = names(&args, &[line(&secret), line(&secret)]);
        assert_eq!(
            found,
            names(&args, &[line(&plain), line(&plain)]),
            "{template}"
        );
    }
}
