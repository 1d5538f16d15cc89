//! tinyproxy: forwarding, tunnels, and passwords that stay with it.

use super::{
    curl::{case, compare},
    daemon::{Daemon, program},
    nginx::{SITE, nginx},
};
use crate::support::{CANARY, Fetch, record::RecordExt as _};

fn tinyproxy(extra: &str) -> Daemon {
    Daemon::start(1, |site| {
        let conf = format!(
            "Port {}\nListen 127.0.0.1\nLogFile \"{}/log\"\nLogLevel Connect\nTimeout 10\nMaxClients 100\n{extra}\n",
            site.port(),
            site.root()
        );
        let conf = site.write("tinyproxy.conf", conf);
        let mut command = program("tinyproxy");
        command.arg("-d").arg("-c").arg(conf);
        command
    })
}

#[test]
#[ignore = "needs tinyproxy and nginx; .ci/run installs and runs it"]
fn answers_through_it_equal_those_of_curl() {
    let (origin, tinyproxy) = (nginx(SITE), tinyproxy(""));
    let proxy = tinyproxy.http("");
    let paths = [
        "/hello.txt",
        "/text.txt",
        "/large.bin",
        "/empty",
        "/missing",
        "/relative",
        "/other",
        "/status/204",
    ];
    for url in [origin.http(""), origin.https("")] {
        for path in paths {
            for how in [&[][..], &["-I"], &["--compressed"]] {
                compare([case(
                    format!("{url}{path}"),
                    &[&["-x", &proxy], how].concat(),
                )]);
            }
        }
        compare([case(format!("{url}/echo"), &["-x", &proxy, "-d", "x=y"])]);
    }
    let unreachable = format!("http://127.0.0.1:{}/", tinyproxy.site().other_port());
    compare([case(&*unreachable, &["-x", &proxy])]);
    compare([case(unreachable.replace("http:", "https:"), &["-x", &proxy]).fails()]);
}

#[test]
#[ignore = "needs tinyproxy and nginx; .ci/run installs and runs it"]
fn its_password_is_sent_to_it_alone() {
    let (origin, tinyproxy) = (nginx(SITE), tinyproxy(&format!("BasicAuth user {CANARY}")));
    let right = tinyproxy
        .http("")
        .replace("://", &format!("://user:{CANARY}@"));
    let wrong = tinyproxy
        .http("")
        .replace("://", &format!("://user:not{CANARY}@"));
    let none = tinyproxy.http("");
    let (plain, tls) = (origin.http("/hello.txt"), origin.https("/hello.txt"));
    compare([case(&*plain, &["-x", &right]), case(&*tls, &["-x", &right])]);
    for proxy in [&wrong, &none] {
        compare([
            case(&*plain, &["-x", proxy]),
            case(&*tls, &["-x", proxy]).fails(),
        ]);
    }
    let log = origin.log("access.log", 4);
    assert_eq!(log.len(), 4, "{log:#?}");
    assert!(
        log.iter().all(|line| line.ends_with("secrets=----")),
        "{log:#?}"
    );
}

#[test]
#[ignore = "needs tinyproxy and nginx; .ci/run installs and runs it"]
fn each_refusal_is_told_apart() {
    let (origin, tinyproxy) = (nginx(SITE), tinyproxy("BasicAuth user right"));
    let ask = |url: String| {
        Fetch::jsonl()
            .trusting()
            .args(["-x", &tinyproxy.http(""), &url])
            .run()
            .exits(1)
            .record()
    };
    assert_eq!(ask(origin.http("/hello.txt")).verdict(), "http_error 407");
    let refused = ask(origin.https("/hello.txt"));
    assert_eq!(refused.verdict(), "error proxy/connect");
    assert!(
        refused
            .message()
            .contains("the proxy requires a login (407)"),
        "{refused}"
    );
}

#[test]
#[ignore = "needs tinyproxy and nginx; .ci/run installs and runs it"]
fn noproxy_avoids_it() {
    let (origin, tinyproxy) = (nginx(SITE), tinyproxy("ConnectPort 1\nDeny 127.0.0.1"));
    let proxy = tinyproxy.http("");
    for url in [origin.http("/hello.txt"), origin.https("/hello.txt")] {
        compare([case(&*url, &["-x", &proxy, "--noproxy", "127.0.0.1"])]);
        compare([case(&*url, &["-x", &proxy, "--noproxy", "*"])]);
    }
    assert_eq!(origin.log("access.log", 8).len(), 8);
}
