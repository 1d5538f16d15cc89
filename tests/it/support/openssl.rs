//! `openssl s_server`, for keys and certificates that rcgen does not make.

use super::daemon::{Daemon, program};

/// Starts a server that answers every request over TLS. The script makes its `cert.pem` and `key.pem`; `openssl` is
/// told `args`.
#[track_caller]
pub(crate) fn serve(script: &str, args: &[&str]) -> Daemon {
    Daemon::start(1, |site| {
        site.write("empty.cnf", "[req]\ndistinguished_name = name\n[name]\n");
        let made = program("sh")
            .env("OPENSSL_CONF", site.path("empty.cnf"))
            .args(["-ec", script])
            .current_dir(site.path(""))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{script}: {said}");
        let mut command = program("openssl");
        command
            .args(["s_server", "-www", "-cert", "cert.pem", "-key", "key.pem"])
            .args(["-accept", &format!("127.0.0.1:{}", site.port())])
            .args(args)
            .current_dir(site.path(""));
        command
    })
}

/// The URL of a server.
pub(crate) fn url(server: &Daemon) -> String {
    format!("https://127.0.0.1:{}/", server.site().port())
}
