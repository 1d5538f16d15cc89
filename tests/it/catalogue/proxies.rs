//! Proxies, and hosts that are reached without one.

use super::beside_with;
use crate::support::{Fetch, Server, ok};

#[test]
fn c250_a_dot_at_the_end_of_a_name_changes_nothing_for_no_proxy() {
    let server = Server::always(ok("unharmed"));
    let proxy = Server::build().start();
    for (list, host) in [
        ("a.test", "a.test."),
        ("a.test.", "a.test"),
        ("a.test", "b.a.test."),
    ] {
        let except = format!("127.0.0.1,{list}");
        let bare = host.trim_end_matches('.');
        let fetch = || {
            let resolve = format!("{bare}:{}:127.0.0.1", server.port());
            Fetch::jsonl().args(["--resolve", &resolve, "-x", &proxy.url("")])
        };
        let url = server.url_as(host, "/a");
        for fetch in [
            fetch().args(["--noproxy", &except]),
            fetch().env("no_proxy", &except),
        ] {
            beside_with(&server, fetch, &url, "ok");
        }
    }
    proxy.assert_untouched();
}
