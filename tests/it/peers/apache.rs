//! Apache: content negotiation, two codings, HTTP/2 with and without TLS, connections that close early.

use rustix::process::Signal;

use super::{
    connections::{fetch, in_vain, list},
    curl::{case, compare},
    daemon::{Daemon, program},
};
use crate::{http::codings::coded, support::Fetch};

const MODULES: [&str; 17] = [
    "mpm_event",
    "authz_core",
    "authz_user",
    "authn_core",
    "authn_file",
    "auth_basic",
    "dir",
    "mime",
    "alias",
    "deflate",
    "brotli",
    "filter",
    "headers",
    "http2",
    "negotiation",
    "ratelimit",
    "ssl",
];

const TEXT: &str = "a line of a long text\n";

const SITE: &str = r"
    AddType text/plain .txt
    AddEncoding zstd .zst
    AddLanguage en .en
    AddLanguage de .de
    Options +MultiViews
    <Location /br/> 
        SetOutputFilter BROTLI_COMPRESS
    </Location>
    <Location /gzip/> 
        SetOutputFilter DEFLATE
    </Location>
    <Location /private/> 
        AuthType Basic
        AuthName realm
        AuthUserFile passwords
        Require valid-user
    </Location>
    <Location /forbidden/>
        Require all denied
    </Location>
    Redirect 301 /moved /hello.txt
    Redirect 302 /found /hello.txt
    Redirect 303 /see-other /hello.txt
    Redirect 307 /kept /hello.txt
    Redirect 410 /gone
    RedirectMatch 302 ^/down/1$ /hello.txt
    RedirectMatch 302 ^/down/2$ /down/1
    Alias /br/ htdocs/
    Alias /gzip/ htdocs/
    Alias /private/ htdocs/
";

fn apache(extra: &str) -> Daemon {
    Daemon::start(2, |site| {
        site.certify();
        site.write("htdocs/text.txt", TEXT.repeat(5000));
        site.write(
            "htdocs/text.txt.zst",
            coded("zstd", TEXT.repeat(5000).as_bytes()),
        );
        site.write("htdocs/hello.txt", "hello\n");
        site.write("htdocs/empty.txt", "");
        site.write("htdocs/dir/index.html", "<p>index\n");
        site.write("htdocs/page.txt.en", "english\n");
        site.write("htdocs/page.txt.de", "deutsch\n");
        // SHA-1 of `right`.
        site.write("passwords", "user:{SHA}0nofEXcSAJSXFLGvmfBIpBb11vQ=\n");
        site.folder("run");
        let modules: String = MODULES
            .map(|name| {
                format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
            })
            .concat();
        let (root, plain, tls) = (site.root(), site.port(), site.other_port());
        let conf = format!(
            "{modules}
            ServerRoot {root}
            ServerName localhost
            User nobody
            Group nogroup
            DefaultRuntimeDir {root}/run
            PidFile {root}/run/pid
            ErrorLog {root}/error.log
            LogFormat \"%k %H %s %U\" told
            CustomLog {root}/access.log told
            TypesConfig /dev/null
            TraceEnable off
            StartServers 1
            Listen 127.0.0.1:{plain}
            Listen 127.0.0.1:{tls}
            DocumentRoot {root}/htdocs
            DirectoryIndex index.html
            Protocols h2 h2c http/1.1
            {extra}
            {SITE}
            <VirtualHost *:{tls}>
                SSLEngine on
                SSLCertificateFile {root}/cert.pem
                SSLCertificateKeyFile {root}/key.pem
            </VirtualHost>"
        );
        let conf = site.write("apache.conf", conf);
        let mut command = program("apache2");
        command.arg("-DFOREGROUND").arg("-f").arg(conf);
        command
    })
}

#[test]
#[ignore = "needs apache2; .ci/run installs and runs it"]
fn answers_equal_those_of_curl() {
    let apache = apache("");
    let paths = [
        "/hello.txt",
        "/text.txt",
        "/empty.txt",
        "/dir",
        "/dir/",
        "/",
        "/missing",
        "/forbidden/",
        "/private/hello.txt",
        "/gone",
        "/moved",
        "/found?a=b",
        "/see-other",
        "/kept",
        "/down/2",
        "/page.txt",
        "/br/text.txt",
        "/gzip/text.txt",
    ];
    for url in [apache.http(""), apache.https("")] {
        let url = |path: &str| format!("{url}{path}");
        compare(paths.iter().map(|path| case(url(path), &[])));
        compare(paths.iter().map(|path| case(url(path), &["-I"])));
        compare(paths.iter().map(|path| case(url(path), &["-d", "x=y"])));
        compare([
            case(url("/text.txt"), &["--http1.1"]),
            case(url("/page.txt"), &["-H", "Accept-Language: de"]),
            case(url("/private/hello.txt"), &["-u", "user:right"]),
            case(url("/private/hello.txt"), &["-u", "user:wrong"]),
            case(url("/hello.txt"), &["-X", "PUT", "-d", "x"]),
            case(url("/hello.txt"), &["-X", "DELETE"]),
            case(url("/hello.txt"), &["-X", "OPTIONS"]),
            case(url("/hello.txt"), &["-X", "TRACE"]),
            case(url("/hello.txt"), &["-X", "ABSURD"]),
            case(url("/text.txt"), &["-H", "Range: bytes=5-9,20-29"]),
            case(url("/text.txt"), &["-H", "Range: bytes=-7"]),
        ]);
    }
}

#[test]
#[ignore = "needs apache2; .ci/run installs and runs it"]
fn http2_works_without_tls() {
    let apache = apache("");
    for path in [
        "/text.txt",
        "/empty.txt",
        "/missing",
        "/gone",
        "/br/text.txt",
    ] {
        for how in [&[][..], &["-I"], &["--compressed"], &["-d", "x=y"]] {
            let both = [&["--http2-prior-knowledge"], how].concat();
            compare([case(apache.http(path), &both)]);
        }
    }
    // curl 7.88 fails at a redirect here.
    let url = apache.http("/down/2");
    let out = Fetch::jsonl()
        .args(["--http2-prior-knowledge", &url])
        .run()
        .exits(0);
    assert_eq!(
        (&out.record()["redirects"], &out.record()["size"]),
        (&2.into(), &6.into())
    );
}

#[test]
#[ignore = "needs apache2; .ci/run installs and runs it"]
fn every_coding_is_decoded() {
    let apache = apache("");
    for (path, coding) in [
        ("/br/text.txt", "br"),
        ("/gzip/text.txt", "gzip"),
        ("/text.txt.zst", "zstd"),
    ] {
        for url in [apache.http(path), apache.https(path)] {
            let out = Fetch::jsonl()
                .trusting()
                .args(["--compressed", "--headers", &url])
                .run()
                .exits(0);
            let record = out.record();
            assert!(
                record["headers"]
                    .to_string()
                    .contains(&format!("\"{coding}\"")),
                "{record}"
            );
            assert_eq!(record["size"], TEXT.len() * 5000);
            compare([case(url, &["--compressed"])]);
        }
    }
}

#[test]
#[ignore = "needs apache2; .ci/run installs and runs it"]
fn closing_after_ten_requests_loses_none() {
    let apache = apache("MaxKeepAliveRequests 10");
    for url in [apache.http("/hello.txt"), apache.https("/hello.txt")] {
        let records = fetch(list(&url, 1000), &["-j20"]).run().records();
        assert_eq!((records.len(), in_vain(&records)), (1000, Vec::new()));
    }
    apache.log("access.log", 2000);
}

#[test]
#[ignore = "needs apache2; .ci/run installs and runs it"]
fn closing_as_the_next_request_is_sent_loses_none() {
    let apache = apache("KeepAliveTimeout 20ms");
    let args = ["-j1", "--rate", "50/s"];
    let records = fetch(list(&apache.http("/hello.txt"), 100), &args)
        .run()
        .records();
    assert_eq!((records.len(), in_vain(&records)), (100, Vec::new()));
    let log = apache.log("access.log", 100);
    let first_on_their_connection = log.iter().filter(|line| line.starts_with("0 ")).count();
    assert!(
        first_on_their_connection > 1,
        "it never closed one: {log:#?}"
    );
}

#[test]
#[ignore = "needs apache2; .ci/run installs and runs it"]
fn a_graceful_restart_loses_nothing() {
    let apache = apache("");
    for url in [apache.http("/hello.txt"), apache.https("/hello.txt")] {
        let mut run = fetch(list(&url, 6000), &["-j20"]).spawn();
        for _ in 0..2 {
            for _ in 0..2000 {
                run.line();
            }
            apache.signal(Signal::USR1);
        }
        let records = run.wait().records();
        assert_eq!((records.len(), in_vain(&records)), (6000, Vec::new()));
    }
}
