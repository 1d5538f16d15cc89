//! File names under `-o` that come from URLs: safe, of one component, unique for each input, and the same in every run.

use std::{collections::HashSet, io::Write as _};

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest},
};
use url::{Position, Url};

use crate::support::{
    Folder, Gate, Script, Server, answer, ok, record::RecordExt as _, text::sha256,
};

/// A server that answers with the target of the request.
fn echo() -> Server {
    let echo = |target: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}",
            target.len()
        )
    };
    let script = Script::new().run(move |request, stream| {
        let _ = stream.write_all(echo(&request.target).as_bytes());
    });
    Server::build().otherwise(script).may_stay_unasked().start()
}

/// Saves a list and returns each URL with the name of its file, after checking what the file holds.
#[track_caller]
fn saved(server: &Server, paths: &[impl AsRef<str>]) -> Vec<(Url, String)> {
    let folder = Folder::new();
    let urls: Vec<_> = paths.iter().map(|path| server.url(path.as_ref())).collect();
    let out = folder
        .fetch()
        .arg("-")
        .stdin(urls.join("\n"))
        .run()
        .exits(0);
    let named = urls.iter().zip(out.in_order());
    let named: Vec<_> = named
        .map(|(url, record)| (Url::parse(url).unwrap(), record.text("file").to_owned()))
        .collect();
    for (url, name) in &named {
        let asked = &url[Position::BeforePath..Position::AfterQuery];
        assert!(
            folder.read(name) == asked.as_bytes(),
            "{url} is not in {name}"
        );
    }
    let mut distinct: Vec<_> = named.iter().map(|(_, name)| name.clone()).collect();
    distinct.sort();
    assert_eq!(folder.tree(), distinct);
    let around = folder.path("..");
    assert_eq!(
        around.read_dir().unwrap().count(),
        1,
        "something is beside the folder"
    );
    named
}

/// The hash of a URL in the name of its file.
fn mark(url: &Url) -> String {
    sha256(url.as_str())[..8].to_owned()
}

/// Asserts that the name is one component that no system and no shell misinterprets.
#[track_caller]
fn assert_legal(name: &str) {
    assert!((1..=255).contains(&name.len()), "{} bytes", name.len());
    assert!(!name.starts_with(['.', '-', ' ']), "{name:?}");
    assert!(!name.ends_with(['.', ' ']), "{name:?}");
    assert!(
        !name.contains(|character: char| character.is_control() || "/\\<>:\"|?*".contains(character)),
        "{name:?}"
    );
    let stem = name.split('.').next().unwrap().to_lowercase();
    assert!(
        !["con", "prn", "aux", "nul", "com1", "lpt1"].contains(&stem.as_str()),
        "{name:?}"
    );
}

#[test]
fn the_name_is_the_sanitised_last_segment() {
    let (x255, x300, xs) = ("x".repeat(255), "x".repeat(300), "x".repeat(251));
    let (umlauts, faces) = ("%C3%A4".repeat(200), "%F0%9F%98%80".repeat(100));
    let server = echo();
    for (path, name) in [
        ("", "index.html"),
        ("/", "index.html"),
        ("/dir/", "index.html"),
        ("/dir/?a=b/c", "index.html"),
        ("/dir/a.txt", "a.txt"),
        ("/a.txt?x=/y.html", "a.txt"),
        ("/a/../b", "b"),
        ("/a/%2e%2e", "index.html"),
        ("/a%20b.txt", "a b.txt"),
        ("/a+b.txt", "a+b.txt"),
        ("/%C3%A4.txt", "ä.txt"),
        ("/a%252fb", "a%2fb"),
        ("/100%", "100%"),
        ("/..%2f..%2fetc%2fpasswd", "___.._etc_passwd"),
        ("/..%5c..%5cx", "___.._x"),
        ("/%2fetc%2fpasswd", "_etc_passwd"),
        ("/a%00b", "a_b"),
        ("/a.sh%00.jpg", "a.sh_.jpg"),
        ("/a%0Db%7F%C2%85%1B", "a_b___"),
        ("/a%E2%80%AEtxt.exe", "a_txt.exe"),
        ("/%EF%BB%BFa%E2%80%8B", "_a_"),
        ("/a%3C%3E%3A%22%7C%3F*b", "a_______b"),
        ("/.htaccess", "_htaccess"),
        ("/-rf", "_rf"),
        ("/-", "_"),
        ("/--%20.x", "____x"),
        ("/a.%20.", "a"),
        ("/con", "_con"),
        ("/CON.txt", "_CON.txt"),
        ("/con.", "_con"),
        ("/aux.%20", "_aux"),
        ("/nul.tar.gz", "_nul.tar.gz"),
        ("/com0", "_com0"),
        ("/Lpt9.x", "_Lpt9.x"),
        ("/conin$", "_conin$"),
        ("/CONOUT$.x", "_CONOUT$.x"),
        ("/console.txt", "console.txt"),
        ("/com10", "com10"),
        ("/%FF.txt", "\u{fffd}.txt"),
        (&format!("/{x255}"), &x255),
        (&format!("/{x300}"), &x255),
        (&format!("/{x300}.jpg"), &format!("{xs}.jpg")),
        (
            &format!("/{umlauts}.txt"),
            &format!("{}.txt", "ä".repeat(125)),
        ),
        (&format!("/{faces}"), &"😀".repeat(63)),
    ] {
        let found = &saved(&server, &[path])[0].1;
        assert_eq!(found, name, "{path}");
        assert_legal(found);
    }
}

#[test]
fn a_segment_of_unsafe_characters_gets_a_safe_name() {
    let server = echo();
    let cut_at_a_dot = format!("/{}...{}", "x".repeat(253), "y".repeat(20));
    let cut_at_a_blank = format!("/{}%20{}", "x".repeat(254), "y".repeat(20));
    let long_extension = format!("/a.{}", "x".repeat(300));
    let long_device = format!("/{}con.x", "%20".repeat(300));
    for path in [
        "/...",
        "/%20",
        "/%20.%20.",
        "/.-.-.",
        "/%2f",
        "/%00",
        "/....con",
        "/%FF%FE",
        &cut_at_a_dot,
        &cut_at_a_blank,
        &long_extension,
        &long_device,
    ] {
        assert_legal(&saved(&server, &[path])[0].1);
    }
}

#[test]
fn the_second_of_two_equal_names_gets_a_hash_of_its_url() {
    let long = "x".repeat(250);
    let server = echo();
    for (first, second, stem, end) in [
        ("/1/photo.jpg", "/2/photo.jpg", "photo", ".jpg"),
        ("/a?x=1", "/a?x=2", "a", ""),
        ("/1/", "/2/", "index", ".html"),
        ("/1/Photo.jpg", "/2/pHOTO.JPG", "pHOTO", ".JPG"),
        ("/1/%C3%84", "/2/%C3%A4", "ä", ""),
        ("/%C3%A9.txt", "/e%CC%81.txt", "e\u{301}", ".txt"),
        ("/E%CC%81.txt", "/%C3%A9.txt", "é", ".txt"),
        ("/1/.a", "/1/_a", "_a", ""),
        ("/1/a%2fb.c", "/1/a%3Ab.c", "a_b", ".c"),
        (
            &format!("/1/{long}"),
            &format!("/2/{long}"),
            &long[..246],
            "",
        ),
        (
            &format!("/1/{long}.jpg"),
            &format!("/2/{long}.jpg"),
            &long[..242],
            ".jpg",
        ),
    ] {
        let found = saved(&server, &[first, second]);
        let (url, name) = &found[1];
        assert_eq!(
            name,
            &format!("{stem}-{}{end}", mark(url)),
            "{first} {second}"
        );
        assert_legal(name);
    }
}

#[test]
fn the_first_of_two_equal_names_keeps_it() {
    let found = saved(&echo(), &["/1/Photo.jpg", "/2/photo.jpg", "/3/PHOTO.jpg"]);
    assert_eq!(found[0].1, "Photo.jpg");
    assert_eq!(found[2].1, format!("PHOTO-{}.jpg", mark(&found[2].0)));
}

#[test]
fn a_repeated_url_gets_a_number() {
    let found = saved(&echo(), &["/a.txt"; 4]);
    let mark = mark(&found[0].0);
    let names: Vec<_> = found.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "a.txt",
            &format!("a-{mark}.txt"),
            &format!("a-{mark}-2.txt"),
            &format!("a-{mark}-3.txt")
        ]
    );
}

#[test]
fn a_name_with_a_hash_may_be_taken_too() {
    let server = echo();
    let third = Url::parse(&server.url("/2/a.txt")).unwrap();
    let twin = format!("a-{}.txt", mark(&third));
    let other = format!("/x/{twin}");
    let found = saved(&server, &[other.as_str(), "/1/a.txt", "/2/a.txt"]);
    assert_eq!(found[0].1, twin);
    assert_eq!(found[2].1, format!("a-{}-2.txt", mark(&third)));
    let found = saved(&server, &["/1/a.txt", "/2/a.txt", &other]);
    assert_eq!(found[1].1, twin);
    let (url, name) = &found[2];
    assert_eq!(name, &format!("a-{}-{}.txt", mark(&third), mark(url)));
}

#[test]
fn names_do_not_depend_on_the_order_of_completion() {
    let gates = [Gate::new(), Gate::new()];
    let held = |gate: &Gate, body: &str| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        Script::new().wait(gate).send(head + body)
    };
    let server = Server::build()
        .route_in_turn("/1/photo.jpg", [held(&gates[0], "one"), ok("one")])
        .route_in_turn("/2/photo.jpg", [ok("two"), held(&gates[1], "two")])
        .start();
    let list = [server.url("/1/photo.jpg"), server.url("/2/photo.jpg")];
    let twin = format!("photo-{}.jpg", &sha256(&list[1])[..8]);
    for (gate, first) in gates.iter().zip([1, 0]) {
        let folder = Folder::new();
        let mut run = folder.fetch().arg("-").stdin(list.join("\n")).spawn();
        assert_eq!(run.record()["index"], first, "this run has another order");
        gate.open();
        run.wait().exits(0);
        assert_eq!(folder.read("photo.jpg"), b"one");
        assert_eq!(folder.read(&twin), b"two");
    }
}

#[test]
fn a_failed_url_keeps_its_name_reserved() {
    let server = Server::build()
        .route("/1/a.txt", answer(404, "no"))
        .route("/2/a.txt", ok("two"))
        .start();
    let list = [server.url("/1/a.txt"), server.url("/2/a.txt")];
    let folder = Folder::new();
    folder
        .fetch()
        .args(["-j1", "-"])
        .stdin(list.join("\n"))
        .run()
        .exits(1);
    assert_eq!(folder.tree(), [format!("a-{}.txt", &sha256(&list[1])[..8])]);
}

/// A percent-encoded segment of characters that are unsafe in a file name.
fn segment() -> impl Strategy<Value = String> {
    let word = |word: &'static str| Just(word.to_owned());
    let piece = prop_oneof![
        3 => any::<u8>().prop_map(|byte| format!("%{byte:02x}")),
        4 => "[a-cA-C. -]{0,3}".prop_map(|text| text.replace(' ', "%20")),
        1 => word("%2f"),
        1 => word("%5c"),
        1 => word("con."),
        1 => word("%C3%A4"),
        1 => word("a%CC%88"),
        1 => word("%E2%80%AE"),
        1 => (1_usize..300).prop_map(|times| "x".repeat(times)),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_segments_give_harmless_names_of_their_own(segments in vec(segment(), 1..12)) {
        let paths: Vec<_> = segments.iter().map(|segment| format!("/{segment}")).collect();
        let server = echo();
        let found = saved(&server, &paths);
        for (_, name) in &found {
            assert_legal(name);
        }
        let distinct: HashSet<_> = found.iter().map(|(_, name)| name.to_lowercase()).collect();
        assert_eq!(distinct.len(), found.len(), "{found:?}");
        assert_eq!(found, saved(&server, &paths));
    }
}
