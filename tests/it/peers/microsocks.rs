//! microsocks: SOCKS 5 with and without a password, with names looked up on either side.

use super::{
    connections::{fetch, in_vain, list},
    curl::{case, compare},
    daemon::{Daemon, program},
    nginx::{SITE, nginx},
};
use crate::support::{CANARY, Fetch, record::RecordExt as _};

fn microsocks(args: &[&str]) -> Daemon {
    Daemon::start(1, |site| {
        let mut command = program("microsocks");
        command
            .args(["-i", "127.0.0.1", "-p", &site.port().to_string()])
            .args(args);
        command
    })
}

fn as_socks(daemon: &Daemon, scheme: &str, user: &str) -> String {
    format!("{scheme}://{user}127.0.0.1:{}", daemon.site().port())
}

#[test]
#[ignore = "needs microsocks and nginx; .ci/run installs and runs it"]
fn answers_through_it_equal_those_of_curl() {
    let (origin, open) = (nginx(SITE), microsocks(&[]));
    let closed = microsocks(&["-u", "user", "-P", CANARY]);
    let user = format!("user:{CANARY}@");
    for scheme in ["socks5", "socks5h"] {
        for proxy in [
            as_socks(&open, scheme, ""),
            as_socks(&closed, scheme, &user),
        ] {
            for url in [origin.http(""), origin.https("")] {
                let by_name = url.replace("127.0.0.1", "localhost");
                compare([
                    case(format!("{url}/large.bin"), &["-x", &proxy]),
                    case(format!("{url}/other"), &["-x", &proxy]),
                    case(format!("{by_name}/missing"), &["-x", &proxy, "-4"]),
                ]);
            }
        }
        for user in ["", "user:wrong@"] {
            let proxy = as_socks(&closed, scheme, user);
            compare([case(origin.http("/hello.txt"), &["-x", &proxy]).fails()]);
        }
        let nobody = format!("http://127.0.0.1:{}/", open.site().other_port());
        compare([case(nobody, &["-x", &as_socks(&open, scheme, "")]).fails()]);
    }
    let log = origin.read("access.log");
    assert!(!log.contains(CANARY), "{log}");
}

#[test]
#[ignore = "needs microsocks and nginx; .ci/run installs and runs it"]
fn each_refusal_is_told_apart() {
    let (origin, closed) = (nginx(SITE), microsocks(&["-u", "user", "-P", "right"]));
    for user in ["", "user:wrong@"] {
        let proxy = as_socks(&closed, "socks5h", user);
        let record = Fetch::jsonl()
            .args(["-x", &proxy, &origin.http("/")])
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error proxy/connect", "{record}");
    }
}

#[test]
#[ignore = "needs microsocks and nginx; .ci/run installs and runs it"]
fn many_requests_pass_through_it() {
    let (origin, open) = (nginx(SITE), microsocks(&[]));
    let proxy = as_socks(&open, "socks5h", "");
    for url in [origin.http("/hello.txt"), origin.https("/hello.txt")] {
        let records = fetch(list(&url, 500), &["-j50", "-x", &proxy])
            .run()
            .records();
        assert_eq!((records.len(), in_vain(&records)), (500, Vec::new()));
    }
}
