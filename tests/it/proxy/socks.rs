//! SOCKS proxies: where names are looked up, credentials, and refusals.

use crate::support::{
    CANARY, Fetch, Server, ok,
    record::RecordExt as _,
    redirect,
    socks::{Asked, Manner, Socks},
    tls,
};

const SCHEMES: [&str; 3] = ["socks4", "socks5", "socks5h"];

fn through(socks: &Socks, scheme: &str) -> Fetch {
    Fetch::jsonl()
        .trusting()
        .args(["-4", "-x", &socks.url(scheme)])
}

fn hosts(socks: &Socks) -> Vec<String> {
    socks.asked().into_iter().map(|asked| asked.host).collect()
}

#[test]
fn an_ip_address_is_sent_as_an_address() {
    let server = Server::always(ok("x"));
    for (scheme, version) in SCHEMES.into_iter().zip([4, 5, 5]) {
        let socks = Socks::new(Manner::Open);
        through(&socks, scheme).arg(server.url("/a")).run().exits(0);
        let asked = Asked {
            version,
            user: None,
            host: "127.0.0.1".to_owned(),
            port: server.port(),
        };
        assert_eq!(socks.asked(), [asked], "{scheme}");
    }
    // The request is the same as without a proxy.
    for request in server.requests() {
        let host = format!("127.0.0.1:{}", server.port());
        assert_eq!(
            (request.target.as_str(), request.header("host")),
            ("/a", Some(host.as_str()))
        );
    }
}

#[test]
fn socks5_and_socks4_look_names_up_here() {
    let server = Server::always(ok("x"));
    for scheme in ["socks4", "socks5"] {
        let socks = Socks::new(Manner::Open);
        through(&socks, scheme)
            .arg(server.url_as("localhost", "/a"))
            .run()
            .exits(0);
        assert_eq!(hosts(&socks), ["127.0.0.1"], "{scheme}");
    }
}

#[test]
fn a_name_that_cannot_be_looked_up_is_not_sent_to_the_proxy() {
    for scheme in ["socks4", "socks5"] {
        let unasked = Server::build().start();
        let record = Fetch::jsonl()
            .arg("-x")
            .arg(format!("{scheme}://127.0.0.1:{}", unasked.port()))
            .arg("http://nothing.invalid/")
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error dns/resolve", "{scheme}");
        unasked.assert_untouched();
    }
}

#[test]
fn socks5h_sends_names_to_the_proxy() {
    let server = Server::always(ok("x"));
    let socks = Socks::new(Manner::Open);
    through(&socks, "socks5h")
        .arg("-j1")
        .args([
            server.url_as("nothing.invalid", "/a"),
            server.url_as("localhost", "/b"),
        ])
        .run()
        .exits(0);
    assert_eq!(hosts(&socks), ["nothing.invalid", "localhost"]);
    let host = format!("nothing.invalid:{}", server.port());
    assert_eq!(server.requests()[0].header("host"), Some(host.as_str()));
}

#[test]
fn resolve_applies_to_socks5_and_socks4() {
    let server = Server::always(ok("x"));
    let port = server.port();
    let socks = Socks::new(Manner::Open);
    through(&socks, "socks5")
        .args(["--resolve", &format!("name.test:{port}:127.0.0.7")])
        .arg(server.url_as("name.test", "/a"))
        .run()
        .exits(0);
    assert_eq!(hosts(&socks), ["127.0.0.7"]);
}

#[test]
fn an_ipv6_address_is_sent_as_one() {
    let server = Server::always(ok("x"));
    for scheme in ["socks5", "socks5h"] {
        let socks = Socks::new(Manner::Open);
        Fetch::jsonl()
            .args(["-x", &socks.url(scheme), &server.url_as("[::1]", "/a")])
            .run()
            .exits(0);
        assert_eq!(hosts(&socks), ["::1"], "{scheme}");
    }
}

#[test]
fn tls_is_spoken_with_the_origin() {
    let server = Server::build()
        .tls(tls::server(&["name.invalid"], &["http/1.1"]))
        .otherwise(ok("x"))
        .start();
    let socks = Socks::new(Manner::Open);
    let asked = |name: &str| {
        through(&socks, "socks5h")
            .arg(server.url_as(name, "/a"))
            .run()
            .record()
            .verdict()
    };
    assert_eq!(asked("name.invalid"), "ok");
    assert_eq!(asked("other.invalid"), "error tls/connect");
    assert_eq!(server.targets(), ["/a"]);
}

#[test]
fn credentials_in_the_proxy_url_are_percent_decoded() {
    let server = Server::always(ok("x"));
    for scheme in ["socks5", "socks5h"] {
        for (userinfo, name, password) in [
            ("user:pass", "user", "pass"),
            ("us%40er:p%3Aa%2Fss", "us@er", "p:a/ss"),
            ("%C3%A9:%C3%BC", "é", "ü"),
        ] {
            let socks = Socks::new(Manner::AsksWho);
            let url = format!("{scheme}://{userinfo}@127.0.0.1:{}", socks.port());
            Fetch::new()
                .args(["-x", &url, &server.url("/a")])
                .run()
                .exits(0);
            let said = socks.asked().remove(0).user;
            assert_eq!(said, Some((name.to_owned(), password.to_owned())));
        }
    }
}

#[test]
fn credentials_are_sent_to_the_proxy_only_and_shown_nowhere() {
    let server = Server::always(ok("x"));
    for manner in [
        Manner::AsksWho,
        Manner::BelievesNoOne,
        Manner::Refuses(5),
        Manner::Open,
    ] {
        for scheme in SCHEMES {
            let socks = Socks::new(manner);
            let url = format!("{scheme}://user:{CANARY}@127.0.0.1:{}", socks.port());
            let out = Fetch::jsonl()
                .args(["-v", "-t", "5s", "-x", &url, &server.url("/a")])
                .run();
            assert_eq!(out.records().len(), 1);
        }
    }
    for request in server.requests() {
        let told = ["authorization", "proxy-authorization"].map(|name| request.header(name));
        assert_eq!(told, [None, None]);
    }
}

#[test]
fn a_proxy_that_demands_a_password_and_gets_none_refuses() {
    let socks = Socks::new(Manner::AsksWho);
    let record = through(&socks, "socks5h")
        .arg("http://a.invalid/")
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error proxy/connect");
    let message = record.message();
    let said = ": the proxy requires a login: write --proxy socks5h://NAME:PASSWORD@HOST:PORT";
    assert!(message.ends_with(said), "{message}");
    assert_eq!(hosts(&socks), [""; 0]);
}

#[test]
fn a_refusal_names_the_proxy_and_the_reason() {
    for (code, reason, attempts) in [
        (1, "general server failure", 2),
        (2, "connection not allowed", 1),
        (3, "network unreachable", 2),
        (4, "host unreachable", 2),
        (5, "connection refused", 2),
        (6, "ttl expired", 2),
        (7, "command not supported", 1),
        (8, "address type not supported", 1),
    ] {
        let socks = Socks::new(Manner::Refuses(code));
        let record = through(&socks, "socks5h")
            .args(["--retry", "1", "--retry-delay", "1ms"])
            .arg("http://a.invalid/")
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error proxy/connect", "{code}");
        let address = format!("127.0.0.1:{}", socks.port());
        let message = record.message();
        assert!(message.contains(&address), "{message}");
        let refused = format!("the proxy refused to connect: {reason}");
        assert!(message.ends_with(&refused), "{message}");
        assert_eq!(record["attempts"].as_array().unwrap().len(), attempts);
    }
    for code in [91, 92, 93] {
        let socks = Socks::new(Manner::Refuses(code));
        let record = through(&socks, "socks4")
            .arg("http://127.0.0.1:9/")
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error proxy/connect", "{code}");
    }
}

/// The stack does not tell such a code from other garbage.
#[test]
fn a_refusal_with_a_code_that_no_one_knows_is_a_connect_error() {
    for code in [9, 255] {
        let socks = Socks::new(Manner::Refuses(code));
        let record = through(&socks, "socks5h")
            .arg("http://a.invalid/")
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error connect/connect", "{code}");
    }
}

#[test]
fn a_proxy_that_lets_no_one_in_is_named() {
    for (manner, kind, said) in [
        (
            Manner::AcceptsNoMethod,
            "proxy",
            "the proxy accepts no login by name and password",
        ),
        (
            Manner::BelievesNoOne,
            "proxy",
            "the proxy rejected the login: check its name and password",
        ),
        (Manner::Leaves, "connect", "the proxy closed the connection"),
        (
            Manner::LeavesLater,
            "connect",
            "the proxy closed the connection",
        ),
        (
            Manner::Babbles,
            "connect",
            "the response of the proxy is not valid SOCKS",
        ),
    ] {
        let socks = Socks::new(manner);
        // The others would refuse the login first.
        let user = if kind == "proxy" { "user:pass@" } else { "" };
        let url = format!("socks5://{user}127.0.0.1:{}", socks.port());
        let record = Fetch::jsonl()
            .args(["-x", &url, "http://127.0.0.1:9/"])
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), format!("error {kind}/connect"));
        let address = format!("127.0.0.1:{}", socks.port());
        let message = record.message();
        assert!(message.contains(&address), "{message}");
        assert!(message.ends_with(&format!(": {said}")), "{message}");
    }
}

#[test]
fn a_proxy_whose_name_is_unknown_is_named() {
    let record = Fetch::jsonl()
        .args(["-x", "socks5h://proxy.invalid", "http://127.0.0.1:9/"])
        .run()
        .exits(1)
        .record();
    assert_eq!(record.verdict(), "error dns/resolve", "{record}");
    let message = record.message();
    assert!(message.starts_with("proxy.invalid: "), "{message}");
    assert!(!message.contains("SOCKS error"), "{message}");
}

#[test]
fn socks4_says_that_it_cannot_carry_ipv6() {
    let socks = Socks::new(Manner::Open);
    let record = Fetch::jsonl()
        .args(["-x", &socks.url("socks4"), "http://[::1]:9/"])
        .run()
        .exits(1)
        .record();
    let message = record.message();
    let said = ": SOCKS4 cannot carry IPv6; use --proxy socks5://";
    assert!(message.ends_with(said), "{message}");
}

#[test]
fn a_silent_proxy_ends_at_the_connect_timeout() {
    for scheme in SCHEMES {
        let socks = Socks::new(Manner::Silent);
        let record = Fetch::jsonl()
            .args(["--connect-timeout", "300ms", "-x", &socks.url(scheme)])
            .arg("http://127.0.0.1:9/")
            .run()
            .exits(1)
            .record();
        assert_eq!(record.verdict(), "error timeout/connect", "{scheme}");
    }
}

#[test]
fn a_connection_is_kept_for_its_origin() {
    let server = Server::always(ok("x"));
    let socks = Socks::new(Manner::Open);
    through(&socks, "socks5h")
        .arg("-j1")
        .stdin(server.list(20))
        .run()
        .exits(0);
    assert_eq!((socks.connections(), server.requests().len()), (1, 20));
}

#[test]
fn hosts_do_not_share_a_connection() {
    let server = Server::always(ok("x"));
    let socks = Socks::new(Manner::Open);
    through(&socks, "socks5h")
        .arg("-j1")
        .args([
            server.url_as("a.invalid", "/"),
            server.url_as("b.invalid", "/"),
        ])
        .run()
        .exits(0);
    assert_eq!(hosts(&socks), ["a.invalid", "b.invalid"]);
}

#[test]
fn a_redirect_goes_through_the_proxy_too() {
    let server = Server::build().otherwise(ok("x")).start();
    let first = Server::at("/a", redirect(302, &server.url_as("b.invalid", "/b")));
    let socks = Socks::new(Manner::Open);
    through(&socks, "socks5h")
        .arg(first.url_as("a.invalid", "/a"))
        .run()
        .exits(0);
    assert_eq!(hosts(&socks), ["a.invalid", "b.invalid"]);
    assert_eq!(server.targets(), ["/b"]);
}

#[test]
fn a_socks_proxy_may_come_from_the_environment() {
    let server = Server::always(ok("x"));
    for name in ["http_proxy", "all_proxy", "ALL_PROXY"] {
        let socks = Socks::new(Manner::Open);
        Fetch::new()
            .env(name, socks.url("socks5h"))
            .arg(server.url_as("a.invalid", "/"))
            .run()
            .exits(0);
        assert_eq!(hosts(&socks), ["a.invalid"], "{name}");
    }
}
