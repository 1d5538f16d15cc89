//! Squid: forwarding, tunnels, passwords, and a port with TLS.

use super::{
    connections::{fetch, in_vain, list},
    curl::{case, compare},
    daemon::{Daemon, program},
    nginx::{SITE, nginx},
};
use crate::support::{CANARY, Fetch, record::RecordExt as _, tls};

fn squid() -> Daemon {
    Daemon::start(2, |site| {
        site.certify();
        let helper = format!(
            "while read -r who; do [ \"$who\" = 'user {CANARY}' ] && echo OK || echo ERR; done"
        );
        let helper = site.write("helper.sh", helper);
        site.folder("run");
        let (root, plain, tls) = (site.root(), site.port(), site.other_port());
        let conf = format!(
            "http_port 127.0.0.1:{plain}
            https_port 127.0.0.1:{tls} tls-cert={root}/cert.pem tls-key={root}/key.pem
            pid_filename {root}/run/pid
            cache_log {root}/run/cache.log
            access_log stdio:{root}/run/access.log
            coredump_dir {root}/run
            cache deny all
            memory_cache_shared off
            shutdown_lifetime 0 seconds
            visible_hostname squid.test
            auth_param basic program /bin/sh {helper}
            acl known proxy_auth REQUIRED
            http_access allow known
            http_access deny all
            ",
            helper = helper.display(),
        );
        let conf = site.write("squid.conf", conf);
        let mut command = program("squid");
        command.arg("-N").arg("-f").arg(conf);
        command
    })
}

fn urls(squid: &Daemon, user: &str) -> [String; 2] {
    [squid.http(""), squid.https("")].map(|url| url.replace("://", &format!("://{user}")))
}

#[test]
#[ignore = "needs squid and nginx; .ci/run installs and runs it"]
fn answers_through_it_equal_those_of_curl() {
    let (origin, squid) = (nginx(SITE), squid());
    let authority = squid.site().write("authority.pem", tls::authority());
    let trusted = ["--proxy-cacert", authority.to_str().unwrap()];
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
    for proxy in urls(&squid, &format!("user:{CANARY}@")) {
        for url in [origin.http(""), origin.https("")] {
            for path in paths {
                for how in [&[][..], &["-I"], &["--compressed"]] {
                    let both = [&["-x", &proxy], how].concat();
                    compare([case(format!("{url}{path}"), &both).curl(&trusted)]);
                }
            }
            compare([case(format!("{url}/echo"), &["-x", &proxy, "-d", "x=y"]).curl(&trusted)]);
        }
    }
    let log = origin.read("access.log");
    assert!(
        log.lines().all(|line| line.ends_with("secrets=----")),
        "{log}"
    );
}

#[test]
#[ignore = "needs squid and nginx; .ci/run installs and runs it"]
fn a_client_without_the_password_is_refused() {
    let (origin, squid) = (nginx(SITE), squid());
    for user in ["", "user:wrong@"] {
        for proxy in urls(&squid, user) {
            let ask = |url: String| {
                let out = Fetch::jsonl().trusting().args(["-x", &proxy, &url]).run();
                out.exits(1).record()
            };
            assert_eq!(ask(origin.http("/hello.txt")).verdict(), "http_error 407");
            let refused = ask(origin.https("/hello.txt"));
            assert_eq!(refused.verdict(), "error proxy/connect");
            let said = if user.is_empty() {
                "the proxy requires a login (407)"
            } else {
                "the proxy rejected the login (407)"
            };
            assert!(refused.message().contains(said), "{refused}");
        }
    }
    assert_eq!(origin.read("access.log"), "");
}

#[test]
#[ignore = "needs squid and nginx; .ci/run installs and runs it"]
fn many_requests_pass_through_it() {
    let (origin, squid) = (nginx(SITE), squid());
    for proxy in urls(&squid, &format!("user:{CANARY}@")) {
        for url in [origin.http("/hello.txt"), origin.https("/hello.txt")] {
            let records = fetch(list(&url, 500), &["-j50", "-x", &proxy])
                .run()
                .records();
            assert_eq!((records.len(), in_vain(&records)), (500, Vec::new()));
        }
    }
}
