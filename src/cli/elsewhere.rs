//! Options of other tools that `fetch` does not have, and what to write instead.
//!
//! Similar letters do not lead there: what the letters of `--interface` resemble most is `--insecure`. Names that mean
//! the same here are aliases of an option and are not in this table.

/// An option of other tools.
struct Row {
    /// Its names, with their dashes. A row of several has the same meaning under all of them.
    names: &'static [&'static str],
    /// The tools that have it.
    tools: &'static str,
    /// What to write here, or who does it.
    advice: &'static str,
}

const fn row(names: &'static [&'static str], tools: &'static str, advice: &'static str) -> Row {
    Row {
        names,
        tools,
        advice,
    }
}

/// Returns what is said about `name`, which is written with its dashes and is no option here.
pub(super) fn advice(name: &str) -> Option<String> {
    let row = ROWS.iter().find(|row| row.names.contains(&name))?;
    Some(format!(
        "unknown option {name} ({}); {}",
        row.tools, row.advice
    ))
}

/// What aria2's numbers of connections lead to.
pub(super) const SPLIT: &str =
    "a body is one request, never split; write --max-per-host N for the requests to one host";

/// All rows: the list, the output, the request, the connection, the run, and what may come later.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    // The list and its inputs
    row(&["-i"], "wget, aria2 FILE; curl", "a list is an argument: fetch FILE; to see headers, write --json --headers"),
    row(&["--input-file", "--files-from", "--arg-file", "--urls", "--file"], "wget, aria2, lychee, xargs", "a list is an argument: fetch FILE"),
    row(&["-l", "-list", "--list"], "httpx, nuclei FILE; wget", "a list is an argument: fetch FILE; links are not followed, wget -r does that"),
    row(&["--url", "-url", "--target", "-target"], "curl, httpx, nuclei", "a URL is an argument: fetch URL"),
    row(&["-K", "--config", "-config"], "curl", "there are no configuration files; a list is an argument: fetch FILE, and a shell script keeps options"),
    row(&["-:", "--next"], "curl", "a request of its own is a JSON line with url, method, headers and body"),
    row(&["-0", "--null"], "curl; xargs", "for a list with NUL, write tr '\\0' '\\n' < FILE | fetch -; HTTP/1.0 is not spoken"),
    row(&["-g", "--globoff"], "curl", "leave it out; URLs are never expanded"),
    row(&["-r"], "curl RANGE; wget", "for a header, write -H 'Range: bytes=0-99'; links are not followed, wget -r does that"),
    row(&["--recursive", "--level", "--mirror", "--page-requisites", "-p", "-np", "--no-parent", "-nH", "-nd", "--span-hosts", "--convert-links", "--domains", "--exclude-domains", "--backup-converted", "--adjust-extension", "--depth", "-depth"], "wget, katana", "links are not followed, and folders are not mirrored; use wget"),
    row(&["--accept-regex", "--reject-regex", "--reject", "--exclude", "--exclude-path", "--include-mail", "--exclude-file"], "wget, lychee", "filter the list first: grep -E PATTERN FILE | fetch -"),
    row(&["--base", "--base-url", "--root-dir", "--remap"], "wget, lychee", "relative links are not resolved; write whole URLs, for example sed 's|^|https://example.com/|' FILE | fetch -"),
    row(&["--proto-default"], "curl", "write --default-scheme https or http"),
    row(&["--offline", "--dump"], "lychee", "write --dry-run"),
    row(&["-n"], "xargs, GNU parallel, ab N; curl", "all URLs are one run, write -j N for those in flight; for .netrc, write -u NAME:PASSWORD"),
    row(&["--max-args", "--max-lines"], "xargs, GNU parallel", "all URLs are one run; write -j N for those in flight"),
    row(&["--delimiter"], "xargs, GNU parallel", "a URL is a line; write tr ',' '\\n' < FILE | fetch -"),
    row(&["--limit"], "other tools", "write head -n N FILE | fetch -"),
    row(&["-path", "-paths"], "httpx", "write whole URLs, for example sed 's|$|/PATH|' FILE | fetch -"),
    row(&["-ports"], "httpx", "write the port into the URL: http://example.com:8080/"),
    row(&["-wordlist", "--wordlist"], "ffuf", "write whole URLs, for example sed 's|^|https://example.com/|' FILE | fetch -"),
    row(&["--skip-missing"], "lychee", "leave out sources that do not exist; a source that cannot be opened ends the run"),
    row(&["--ignore-stdin"], "httpie", "leave it out; with a SOURCE, standard input is read for - only"),
    // Bodies and files
    row(&["-O", "--remote-name", "--remote-name-all"], "curl; wget FILE", "write -o DIR to save every body, or -w '%{body}' to print it"),
    row(&["-J", "--remote-header-name", "--content-disposition", "--trust-server-names"], "curl, wget", "names come from the URL; write -o DIR --name TEMPLATE, or a JSON line with name"),
    row(&["--output", "--output-document", "--out", "-output", "-outfile", "--outfile", "-out"], "curl, wget, aria2, xh", "write -o DIR --name NAME to save the body, or > FILE to save the records"),
    row(&["-oa", "-oA", "-oN", "-oX", "-oG", "-oJ", "-oD", "-of"], "httpx, nmap, ffuf", "write > FILE for the records, with --format text, jsonl, csv or tsv; for a directory, write -o DIR with a blank between"),
    row(&["-od", "--download"], "ffuf, httpie", "write -o DIR to save every body"),
    row(&["-ob", "-omit-body"], "httpx", "leave it out; no body is printed without --body"),
    row(&["-dump", "-source"], "lynx", "write -w '%{body}' to print the body"),
    row(&["--cut-dirs", "--no-directories", "--force-directories", "--no-host-directories", "--protocol-directories"], "wget", "every file is directly in the directory of -o DIR; to tell hosts apart, write --name '{host}-{basename}'"),
    row(&["--restrict-file-names"], "wget", "leave it out; characters that are not safe in a name become _"),
    row(&["--remove-on-error"], "curl", "leave it out; a file appears when its body is complete"),
    row(&["--file-allocation"], "aria2", "leave it out; a file grows as its body arrives"),
    row(&["-P", "--directory-prefix", "--dir"], "wget, aria2 DIR; xargs N", "write -o DIR for a directory, or -j N for the requests in flight"),
    row(&["--create-dirs"], "curl", "leave it out; -o DIR creates the directory"),
    row(&["-nc"], "wget; httpx", "write -o DIR --existing skip for files, or --color never for colors"),
    row(&["--no-clobber", "--skip-existing"], "wget, curl", "write -o DIR --existing skip"),
    row(&["--clobber", "--allow-overwrite", "--overwrite"], "curl, aria2", "write -o DIR --existing overwrite"),
    row(&["--auto-file-renaming"], "aria2", "equal names get - and 8 hex digits anyway; for existing files, write -o DIR --existing skip, fail or overwrite"),
    row(&["-C", "--continue-at", "--start-pos"], "curl, wget", "write -o DIR --continue"),
    row(&["--split", "--max-connection-per-server", "--min-split-size"], "aria2", SPLIT),
    row(&["--content-on-error", "--fail-with-body"], "wget, curl", "write --accept 100..=599 to keep the body of every status"),
    row(&["--store-response", "--store-response-dir", "-store-response", "-sr", "-srd"], "httpx", "write -o DIR"),
    row(&["--checksum", "--check-integrity"], "aria2", "write a JSON line with url and sha256"),
    row(&["-hash", "--hash"], "httpx", "write --json --sha256"),
    // What is printed
    row(&["--include"], "curl; lychee PATTERN", "to see headers, write --json --headers; to filter the list, grep PATTERN FILE | fetch -"),
    row(&["--show-headers", "--server-response", "--dump-header", "-D", "--save-headers"], "curl, wget", "write --json --headers"),
    row(&["-status-code", "--status-code", "--probe", "-probe", "-content-length", "--content-length", "-cl", "-title", "--title", "-server", "-td", "--tech-detect", "-ip", "--ip", "--web-server", "-web-server"], "httpx", "the text format shows status and size; for other values, write -w '%{status} %{size} %{remote_addr}' or --json"),
    row(&["-wc", "-lc", "-word-count", "-line-count"], "httpx", "words and lines are not counted; write -w '%{size}' for the bytes"),
    row(&["-websocket", "-ws", "-vhost", "-tls-probe", "-tls-grab", "-jarm", "-cdn", "-favicon", "-asn", "-cname", "-pipeline"], "httpx", "there is no such probe; use httpx"),
    row(&["-duc", "-disable-update-check"], "httpx, nuclei", "leave it out; fetch never looks for updates"),
    row(&["--print"], "httpie", "write --json --headers --body to print headers and bodies"),
    row(&["--check-status"], "httpie", "leave it out; a status that is not ok is a failure anyway, with exit code 1"),
    row(&["--console-log-level", "--log-level"], "aria2", "write -q for less, or -v for more"),
    row(&["--on-download-complete"], "aria2", "each record is printed when its URL is done: fetch FILE --json | PROGRAM"),
    row(&["-silent", "-nv", "--no-verbose", "--hide-progress-bar"], "httpx, wget", "write -q"),
    row(&["-debug", "--debug", "--trace", "--trace-ascii", "--log", "--trace-time"], "wget, curl", "write -v for attempts and redirects"),
    row(&["-#", "--progress-bar", "--show-progress", "--progress", "--no-progress-meter", "--stats", "-stats", "--summary-interval"], "curl, wget, aria2", "a terminal shows progress; write --no-progress to hide it"),
    row(&["-jsonl", "--jsonl"], "httpx", "write --json"),
    row(&["-csv", "--csv"], "httpx", "write --format csv"),
    row(&["-html", "--html"], "httpx, ffuf", "write --format csv or --json"),
    row(&["--tsv"], "other tools", "write --format tsv"),
    row(&["--no-color", "-no-color"], "httpx", "write --color never"),
    row(&["-mc", "--match-code", "-match-code", "--filter-code", "-filter-code"], "httpx, ffuf", "write --accept LIST for the statuses that are ok"),
    row(&["-N", "--no-buffer", "--line-buffered"], "curl; wget -N", "every record is written at once; downloading only what is newer is done by wget -N"),
    row(&["--stderr", "--output-file"], "curl, wget", "write 2> FILE in the shell"),
    row(&["--append-output"], "wget", "write 2>> FILE in the shell"),
    row(&["-a"], "lychee LIST; wget FILE", "write --accept LIST for the statuses that are ok, or 2>> FILE for a log"),
    row(&["--metalink", "--list-only", "--xattr", "--mail-from", "--mail-rcpt", "--quote", "--append"], "curl", "fetch speaks HTTP only; use curl"),
    row(&["-Q"], "wget; curl", "the bytes of a run are not limited, --max-filesize SIZE limits a body; fetch speaks HTTP only"),
    // The request
    row(&["-F", "--form", "--form-string"], "curl", "forms of parts are not built; use curl -F, or send a prepared body: -d @FILE -H 'Content-Type: multipart/form-data; boundary=B'"),
    row(&["--data-raw", "--data-ascii", "--data-binary", "--post-data", "--body-data", "--raw-body"], "curl, wget", "write -d TEXT or -d @FILE; the bytes of a file are sent as they are"),
    row(&["--data-urlencode"], "curl", "values are not encoded; write them encoded: -d 'name=a%20b'"),
    row(&["--post-file", "--body-file"], "wget", "write -d @FILE"),
    row(&["-T", "--upload-file"], "curl; wget DUR", "write -X PUT -d @FILE to upload, or -t DUR for a time limit"),
    row(&["-G", "--get", "--url-query"], "curl", "put the data into the URL: 'http://example.com/?name=value'"),
    row(&["-e", "--referer"], "curl, wget", "write -H 'Referer: URL'"),
    row(&["-host", "--host"], "other tools", "write -H 'Host: NAME', or --resolve HOST:PORT:ADDR for another address"),
    row(&["--header-file"], "other tools", "write -H @FILE"),
    row(&["--range"], "curl", "write -H 'Range: bytes=0-99'"),
    row(&["-z", "--time-cond"], "curl", "write -H 'If-Modified-Since: DATE' --accept 200,304"),
    row(&["--etag-save"], "curl", "write --json --headers; the records hold the ETag"),
    row(&["--etag-compare"], "curl", "write -H 'If-None-Match: \"ETAG\"' --accept 200,304"),
    row(&["-U"], "wget; curl", "write -A NAME for the User-Agent, or -x http://NAME:PASSWORD@HOST:PORT for a proxy"),
    row(&["-random-agent", "--random-agent", "-ua"], "httpx, nuclei", "write -A NAME"),
    row(&["--digest", "--ntlm", "--negotiate", "--anyauth", "--aws-sigv4", "--delegation"], "curl", "fetch logs in with -u (Basic) or -H 'Authorization: ...' only; use curl"),
    row(&["--basic", "--auth-no-challenge"], "curl, wget", "leave it out; -u NAME:PASSWORD is Basic, and is sent at once"),
    row(&["--password", "--http-user", "--http-password", "--http-passwd", "--basic-auth", "--auth"], "wget, aria2, lychee, httpie", "write -u NAME:PASSWORD"),
    row(&["--ask-password"], "wget", "nothing is asked; write -u NAME:PASSWORD"),
    row(&["--cookie-jar", "--load-cookies", "--save-cookies", "--junk-session-cookies"], "curl, wget, aria2", "cookies are not kept; to send one, write -H 'Cookie: NAME=VALUE'"),
    row(&["--no-cookies"], "wget", "leave it out; cookies are not kept"),
    row(&["--location-trusted"], "curl", "secrets never go to another origin; put the final URL into the list"),
    row(&["--follow", "--follow-redirects", "-follow-redirects", "-fr", "--follow-host-redirects", "-follow", "-fhr", "-follow-host-redirects"], "xh, httpx", "redirects are followed anyway; --max-redirs N limits them"),
    row(&["--no-redirect", "--no-redirects", "--no-follow", "--disable-redirects", "-disable-redirects", "-dr"], "nuclei", "write --max-redirs 0"),
    row(&["--max-redirect", "--max-redirects", "-maxr"], "wget, lychee, httpx", "write --max-redirs N"),
    row(&["--post301", "--post302", "--post303"], "curl", "a 307 or 308 keeps the method; put the final URL into the list"),
    row(&["--spider"], "wget", "write -I, or leave it out: without -o no body is kept"),
    row(&["--http1.0", "--http0.9", "--http3", "--http3-only"], "curl", "HTTP/1.1 and HTTP/2 only: write --http1.1 or --http2; use curl for others"),
    row(&["--compression", "--http-accept-gzip"], "wget, aria2", "write --compressed"),
    row(&["-B", "--use-ascii", "--crlf", "--raw", "--tr-encoding", "--ignore-content-length", "--path-as-is", "--request-target"], "curl", "there is no such switch; use curl"),
    // The connection
    row(&["--no-check-certificate", "--skip-tls-verify", "--check-certificate", "--ignore-ssl", "--no-verify", "--no-verify-ssl"], "wget, aria2", "certificates are verified; write -k not to"),
    row(&["--verify"], "httpie", "certificates are verified; write -k not to, or --cacert FILE for authorities"),
    row(&["--ca-certificate", "--ca-directory", "--capath", "--cert-type", "--key-type", "--crl-file", "--crlfile", "--certificate"], "curl, wget, aria2", "write --cacert FILE for authorities, or --cert FILE --key FILE for a certificate of your own, in PEM"),
    row(&["-E"], "curl; wget", "write --cert FILE --key FILE for a certificate; names of files come from the URL"),
    row(&["--private-key", "--pass"], "wget, curl", "write --key FILE; the key must not be encrypted"),
    row(&["-1", "-2", "-3", "--tlsv1", "--tlsv1.0", "--tlsv1.1", "--tlsv1.2", "--tlsv1.3", "--tls-max", "--ciphers", "--tls13-ciphers", "--curves", "--secure-protocol", "--pinnedpubkey", "--cert-status"], "curl, wget", "TLS 1.2 and 1.3 are used, and cannot be tuned; use curl"),
    row(&["--interface", "--local-port", "--bind-address"], "curl, wget", "the system chooses the local address; write -4 or -6, or use curl"),
    row(&["--dns-servers", "--doh-url", "--dns-interface", "--async-dns", "-resolvers"], "curl, aria2", "the system resolves names; write --resolve HOST:PORT:ADDR"),
    row(&["--socks4", "--socks4a", "--socks5", "--socks5-hostname", "--preproxy", "--all-proxy", "--http-proxy", "--https-proxy", "-http-proxy"], "curl, aria2, httpx", "write -x socks5h://HOST:PORT, socks5://, socks4://, http:// or https://"),
    row(&["--no-proxy"], "wget, aria2", "write -x '' for no proxy at all, or --noproxy LIST"),
    row(&["--proxytunnel", "--proxy-header", "--proxy-insecure", "--proxy-cacert", "--proxy-digest", "--proxy-ntlm", "--proxy-pass"], "curl", "a proxy takes -x URL only; use curl"),
    row(&["--proto", "--proto-redir"], "curl", "http and https only; write --https-only for https"),
    row(&["--require-https", "--ssl-reqd", "--ssl"], "lychee, curl", "write --https-only"),
    row(&["--hsts"], "curl", "HSTS is not kept; write sed 's|^http:|https:|' FILE | fetch -"),
    row(&["--exclude-all-private", "--exclude-private", "--exclude-loopback"], "lychee", "write --block-private"),
    row(&["--no-keepalive", "--no-http-keep-alive", "--no-sessionid"], "curl, wget", "connections are always kept and used again, this cannot be turned off; leave it out"),
    row(&["--keepalive-time", "--tcp-nodelay", "--tcp-fastopen", "--compressed-ssh"], "curl, wget", "leave it out; connections are kept and used again"),
    row(&["--inet4-only", "--inet6-only", "--prefer-family"], "wget", "write -4 or -6"),
    // The run
    row(&["-Z", "--parallel", "--parallel-immediate"], "curl", "leave it out; requests run at the same time anyway, -j N of them"),
    row(&["--threads", "-threads", "--max-threads", "--max-concurrent-downloads", "--max-procs", "--concurrency", "-concurrency", "--workers", "--connections", "-connections", "-workers"], "httpx, nuclei, wget2, aria2, xargs", "write -j N"),
    row(&["--host-concurrency", "--per-host", "--max-host"], "lychee", "write --max-per-host N"),
    row(&["--keep-order"], "GNU parallel", "write --ordered"),
    row(&["--joblog", "--resume", "--resume-failed"], "GNU parallel", "write --journal FILE; the same command goes on where it stopped"),
    row(&["--tries", "--max-tries", "-retries", "--retries"], "wget, aria2, httpx", "write --retry N, which counts the attempts after the first one"),
    row(&["--retry-all-errors", "--retry-connrefused", "--retry-on-http-error"], "curl, wget", "failures of the connection are retried anyway; write --retry N --retry-on LIST for statuses"),
    row(&["--retry-wait-time", "--waitretry", "--retry-wait"], "lychee, wget, aria2", "write --retry-delay DUR"),
    row(&["--wait", "--random-wait", "-delay", "--delay"], "wget, ffuf", "write --rate N/s, or --rate-per-host N/s"),
    row(&["-rl", "-rate-limit", "--rate-limit", "-rlm", "--rate-limit-minute", "--rps"], "httpx, nuclei", "write --rate N/s or N/m"),
    row(&["-duration", "--duration"], "other tools", "write --deadline DUR to end the run"),
    row(&["--dns-timeout", "--expect100-timeout", "--happy-eyeballs-timeout-ms"], "wget, curl", "write --connect-timeout DUR"),
    row(&["--quota"], "wget", "the bytes of a run are not limited; --max-filesize SIZE limits a body, --deadline DUR the run"),
    row(&["--background", "--daemon", "-b"], "wget, aria2; curl COOKIE", "write & in the shell for the background; for a cookie, write -H 'Cookie: NAME=VALUE'"),
    row(&["--cache", "--max-cache-age", "--no-cache", "-resume", "--save-session"], "lychee, wget, aria2", "write --journal FILE: the same command goes on where it stopped; for caches, write -H 'Cache-Control: no-cache'"),
    row(&["--mode", "--suggest", "--archive", "--github-token", "--scheme", "--hidden"], "lychee", "links are not extracted and not judged; use lychee"),
    row(&["--manual", "--usage", "-M"], "curl, wget", "write -h for the most common options"),
    row(&["--no-config", "--disable", "--no-conf", "--execute"], "curl, wget, aria2", "leave it out; there are no configuration files"),
    // Options that may come to fetch: whoever adds one removes its name here
    row(&["--netrc", "--netrc-file", "--netrc-optional"], "curl", "no .netrc is read; write -u NAME:PASSWORD"),
    row(&["--cookie", "-cookie", "--cookies"], "curl, httpx", "write -H 'Cookie: NAME=VALUE'"),
    row(&["--bearer", "--oauth2-bearer", "--token"], "xh, curl", "write -H @FILE, with a line Authorization: Bearer TOKEN in FILE"),
    row(&["--connect-to"], "curl", "write --resolve HOST:PORT:ADDR"),
    row(&["--proxy-user", "--proxy-password", "--proxy-basic"], "curl, wget", "write -x http://NAME:PASSWORD@HOST:PORT"),
    row(&["--limit-rate", "--max-download-limit", "--max-overall-download-limit"], "curl, wget, aria2", "bytes per second are not limited, use curl; --rate N/s limits requests"),
    row(&["-Y", "--speed-limit", "-y", "--speed-time", "--lowest-speed-limit"], "curl, aria2", "write --read-timeout DUR for silence, and -t DUR for one attempt"),
    row(&["--retry-max-time"], "curl", "write --retry N --retry-max-delay DUR, and --deadline DUR for the run"),
    row(&["-R", "--remote-time", "--timestamping", "--conditional-get"], "curl, wget, aria2", "files get the time of the download, use wget -N"),
    row(&["--match-string", "-ms", "--match-regex", "-mr", "--filter-string"], "httpx", "bodies are not searched; write -w '%{url} %{body}' and grep"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_name_is_in_one_row_and_is_no_option_of_ours() {
        let command = Cli::command();
        let mut ours: HashSet<String> = HashSet::new();
        for arg in command.get_arguments() {
            ours.extend(arg.get_long().map(|long| format!("--{long}")));
            ours.extend(arg.get_short().map(|short| format!("-{short}")));
            for alias in arg.get_all_aliases().unwrap_or_default() {
                ours.insert(format!("--{alias}"));
            }
        }
        let mut seen = HashSet::new();
        for name in ROWS.iter().flat_map(|row| row.names) {
            assert!(seen.insert(*name), "{name}: twice");
            assert!(!ours.contains(*name), "{name}: is an option");
        }
    }

    /// Groups of short options here, such as `-o utput`, that nobody means.
    const NEVER_MEANT: [&str; 43] = [
        "-url",
        "-config",
        "-depth",
        "-wordlist",
        "-output",
        "-outfile",
        "-out",
        "-oa",
        "-oA",
        "-oN",
        "-oX",
        "-oG",
        "-oJ",
        "-oD",
        "-of",
        "-od",
        "-ob",
        "-omit-body",
        "-dump",
        "-source",
        "-content-length",
        "-web-server",
        "-wc",
        "-word-count",
        "-websocket",
        "-ws",
        "-cdn",
        "-duc",
        "-disable-update-check",
        "-debug",
        "-csv",
        "-ua",
        "-follow-redirects",
        "-follow",
        "-follow-host-redirects",
        "-disable-redirects",
        "-dr",
        "-concurrency",
        "-connections",
        "-workers",
        "-delay",
        "-duration",
        "-cookie",
    ];

    #[test]
    fn no_name_hides_a_group_of_short_options() {
        let names = ROWS.iter().flat_map(|row| row.names);
        let names = names.filter(|name| !name.starts_with("--") && name.len() > 2);
        let is_ours = |name: &&&str| {
            let parsed = Cli::command().try_get_matches_from(["fetch", name, "x"]);
            parsed.is_ok()
        };
        let hidden: Vec<_> = names.filter(is_ours).copied().collect();
        assert_eq!(hidden, NEVER_MEANT);
    }

    #[test]
    fn advice_names_only_options_that_exist() {
        let command = Cli::command();
        for row in ROWS {
            // What another tool does is written with its name: `wget -N`.
            let words: Vec<_> = row.advice.split([' ', ',', ';', ':']).collect();
            for pair in words.windows(2) {
                let Some(long) = pair[1].strip_prefix("--").filter(|long| !long.is_empty()) else {
                    continue;
                };
                let is_ours = command
                    .get_arguments()
                    .any(|arg| arg.get_long() == Some(long));
                assert!(is_ours, "{}", row.advice);
            }
            assert!(!row.advice.contains("--help"), "{}", row.advice);
            assert!(
                !row.tools.is_empty() && !row.advice.ends_with('.'),
                "{}",
                row.advice
            );
        }
    }
}
