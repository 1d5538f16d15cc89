//! What people write who know another tool: each is told what to write here.

use super::options::tells;

/// The first name of each row of the table, and what is said about it. The other names of a row lead to the same words.
const TOLD: [(&str, &str); 147] = [
    (
        "-i",
        "unknown option -i (wget, aria2 FILE; curl); a list is an argument: fetch FILE; to see headers, write --json --headers",
    ),
    (
        "--input-file",
        "unknown option --input-file (wget, aria2, lychee, xargs); a list is an argument: fetch FILE",
    ),
    (
        "-l",
        "unknown option -l (httpx, nuclei FILE; wget); a list is an argument: fetch FILE; links are not followed, wget -r does that",
    ),
    (
        "--url",
        "unknown option --url (curl, httpx, nuclei); a URL is an argument: fetch URL",
    ),
    (
        "-K",
        "unknown option -K (curl); there are no configuration files; a list is an argument: fetch FILE, and a shell script keeps options",
    ),
    (
        "-:",
        "unknown option -: (curl); a request of its own is a JSON line with url, method, headers and body",
    ),
    (
        "-0",
        "unknown option -0 (curl; xargs); for a list with NUL, write tr '\\0' '\\n' < FILE | fetch -; HTTP/1.0 is not spoken",
    ),
    (
        "-g",
        "unknown option -g (curl); leave it out; URLs are never expanded",
    ),
    (
        "-r",
        "unknown option -r (curl RANGE; wget); for a header, write -H 'Range: bytes=0-99'; links are not followed, wget -r does that",
    ),
    (
        "--recursive",
        "unknown option --recursive (wget, katana); links are not followed, and folders are not mirrored; use wget",
    ),
    (
        "--accept-regex",
        "unknown option --accept-regex (wget, lychee); filter the list first: grep -E PATTERN FILE | fetch -",
    ),
    (
        "--base",
        "unknown option --base (wget, lychee); relative links are not resolved; write whole URLs, for example sed 's|^|https://example.com/|' FILE | fetch -",
    ),
    (
        "--proto-default",
        "unknown option --proto-default (curl); write --default-scheme https or http",
    ),
    (
        "--offline",
        "unknown option --offline (lychee); write --dry-run",
    ),
    (
        "-n",
        "unknown option -n (xargs, GNU parallel, ab N; curl); all URLs are one run, write -j N for those in flight; for .netrc, write -u NAME:PASSWORD",
    ),
    (
        "--max-args",
        "unknown option --max-args (xargs, GNU parallel); all URLs are one run; write -j N for those in flight",
    ),
    (
        "--delimiter",
        "unknown option --delimiter (xargs, GNU parallel); a URL is a line; write tr ',' '\\n' < FILE | fetch -",
    ),
    (
        "--limit",
        "unknown option --limit (other tools); write head -n N FILE | fetch -",
    ),
    (
        "-path",
        "unknown option -path (httpx); write whole URLs, for example sed 's|$|/PATH|' FILE | fetch -",
    ),
    (
        "-ports",
        "unknown option -ports (httpx); write the port into the URL: http://example.com:8080/",
    ),
    (
        "-wordlist",
        "unknown option -wordlist (ffuf); write whole URLs, for example sed 's|^|https://example.com/|' FILE | fetch -",
    ),
    (
        "--skip-missing",
        "unknown option --skip-missing (lychee); leave out sources that do not exist; a source that cannot be opened ends the run",
    ),
    (
        "--ignore-stdin",
        "unknown option --ignore-stdin (httpie); leave it out; with a SOURCE, standard input is read for - only",
    ),
    (
        "-O",
        "unknown option -O (curl; wget FILE); write -o DIR to save every body, or -w '%{body}' to print it",
    ),
    (
        "-J",
        "unknown option -J (curl, wget); names come from the URL; write -o DIR --name TEMPLATE, or a JSON line with name",
    ),
    (
        "--output",
        "unknown option --output (curl, wget, aria2, xh); write -o DIR --name NAME to save the body, or > FILE to save the records",
    ),
    (
        "-oa",
        "unknown option -oa (httpx, nmap, ffuf); write > FILE for the records, with --format text, jsonl, csv or tsv; for a directory, write -o DIR with a blank between",
    ),
    (
        "-od",
        "unknown option -od (ffuf, httpie); write -o DIR to save every body",
    ),
    (
        "-ob",
        "unknown option -ob (httpx); leave it out; no body is printed without --body",
    ),
    (
        "-dump",
        "unknown option -dump (lynx); write -w '%{body}' to print the body",
    ),
    (
        "--cut-dirs",
        "unknown option --cut-dirs (wget); every file is directly in the directory of -o DIR; to tell hosts apart, write --name '{host}-{basename}'",
    ),
    (
        "--restrict-file-names",
        "unknown option --restrict-file-names (wget); leave it out; characters that are not safe in a name become _",
    ),
    (
        "--remove-on-error",
        "unknown option --remove-on-error (curl); leave it out; a file appears when its body is complete",
    ),
    (
        "--file-allocation",
        "unknown option --file-allocation (aria2); leave it out; a file grows as its body arrives",
    ),
    (
        "-P",
        "unknown option -P (wget, aria2 DIR; xargs N); write -o DIR for a directory, or -j N for the requests in flight",
    ),
    (
        "--create-dirs",
        "unknown option --create-dirs (curl); leave it out; -o DIR creates the directory",
    ),
    (
        "-nc",
        "unknown option -nc (wget; httpx); write -o DIR --existing skip for files, or --color never for colors",
    ),
    (
        "--no-clobber",
        "unknown option --no-clobber (wget, curl); write -o DIR --existing skip",
    ),
    (
        "--clobber",
        "unknown option --clobber (curl, aria2); write -o DIR --existing overwrite",
    ),
    (
        "--auto-file-renaming",
        "unknown option --auto-file-renaming (aria2); equal names get - and 8 hex digits anyway; for existing files, write -o DIR --existing skip, fail or overwrite",
    ),
    (
        "-C",
        "unknown option -C (curl, wget); write -o DIR --continue",
    ),
    (
        "--split",
        "unknown option --split (aria2); a body is one request, never split; write --max-per-host N for the requests to one host",
    ),
    (
        "--content-on-error",
        "unknown option --content-on-error (wget, curl); write --accept 100..=599 to keep the body of every status",
    ),
    (
        "--store-response",
        "unknown option --store-response (httpx); write -o DIR",
    ),
    (
        "--checksum",
        "unknown option --checksum (aria2); write a JSON line with url and sha256",
    ),
    (
        "-hash",
        "unknown option -hash (httpx); write --json --sha256",
    ),
    (
        "--include",
        "unknown option --include (curl; lychee PATTERN); to see headers, write --json --headers; to filter the list, grep PATTERN FILE | fetch -",
    ),
    (
        "--show-headers",
        "unknown option --show-headers (curl, wget); write --json --headers",
    ),
    (
        "-status-code",
        "unknown option -status-code (httpx); the text format shows status and size; for other values, write -w '%{status} %{size} %{remote_addr}' or --json",
    ),
    (
        "-wc",
        "unknown option -wc (httpx); words and lines are not counted; write -w '%{size}' for the bytes",
    ),
    (
        "-websocket",
        "unknown option -websocket (httpx); there is no such probe; use httpx",
    ),
    (
        "-duc",
        "unknown option -duc (httpx, nuclei); leave it out; fetch never looks for updates",
    ),
    (
        "--print",
        "unknown option --print (httpie); write --json --headers --body to print headers and bodies",
    ),
    (
        "--check-status",
        "unknown option --check-status (httpie); leave it out; a status that is not ok is a failure anyway, with exit code 1",
    ),
    (
        "--console-log-level",
        "unknown option --console-log-level (aria2); write -q for less, or -v for more",
    ),
    (
        "--on-download-complete",
        "unknown option --on-download-complete (aria2); each record is printed when its URL is done: fetch FILE --json | PROGRAM",
    ),
    ("-silent", "unknown option -silent (httpx, wget); write -q"),
    (
        "-debug",
        "unknown option -debug (wget, curl); write -v for attempts and redirects",
    ),
    (
        "-#",
        "unknown option -# (curl, wget, aria2); a terminal shows progress; write --no-progress to hide it",
    ),
    ("-jsonl", "unknown option -jsonl (httpx); write --json"),
    ("-csv", "unknown option -csv (httpx); write --format csv"),
    (
        "-html",
        "unknown option -html (httpx, ffuf); write --format csv or --json",
    ),
    (
        "--tsv",
        "unknown option --tsv (other tools); write --format tsv",
    ),
    (
        "--no-color",
        "unknown option --no-color (httpx); write --color never",
    ),
    (
        "-mc",
        "unknown option -mc (httpx, ffuf); write --accept LIST for the statuses that are ok",
    ),
    (
        "-N",
        "unknown option -N (curl; wget -N); every record is written at once; downloading only what is newer is done by wget -N",
    ),
    (
        "--stderr",
        "unknown option --stderr (curl, wget); write 2> FILE in the shell",
    ),
    (
        "--append-output",
        "unknown option --append-output (wget); write 2>> FILE in the shell",
    ),
    (
        "-a",
        "unknown option -a (lychee LIST; wget FILE); write --accept LIST for the statuses that are ok, or 2>> FILE for a log",
    ),
    (
        "--metalink",
        "unknown option --metalink (curl); fetch speaks HTTP only; use curl",
    ),
    (
        "-Q",
        "unknown option -Q (wget; curl); the bytes of a run are not limited, --max-filesize SIZE limits a body; fetch speaks HTTP only",
    ),
    (
        "-F",
        "unknown option -F (curl); forms of parts are not built; use curl -F, or send a prepared body: -d @FILE -H 'Content-Type: multipart/form-data; boundary=B'",
    ),
    (
        "--data-raw",
        "unknown option --data-raw (curl, wget); write -d TEXT or -d @FILE; the bytes of a file are sent as they are",
    ),
    (
        "--data-urlencode",
        "unknown option --data-urlencode (curl); values are not encoded; write them encoded: -d 'name=a%20b'",
    ),
    (
        "--post-file",
        "unknown option --post-file (wget); write -d @FILE",
    ),
    (
        "-T",
        "unknown option -T (curl; wget DUR); write -X PUT -d @FILE to upload, or -t DUR for a time limit",
    ),
    (
        "-G",
        "unknown option -G (curl); put the data into the URL: 'http://example.com/?name=value'",
    ),
    (
        "-e",
        "unknown option -e (curl, wget); write -H 'Referer: URL'",
    ),
    (
        "-host",
        "unknown option -host (other tools); write -H 'Host: NAME', or --resolve HOST:PORT:ADDR for another address",
    ),
    (
        "--header-file",
        "unknown option --header-file (other tools); write -H @FILE",
    ),
    (
        "--range",
        "unknown option --range (curl); write -H 'Range: bytes=0-99'",
    ),
    (
        "-z",
        "unknown option -z (curl); write -H 'If-Modified-Since: DATE' --accept 200,304",
    ),
    (
        "--etag-save",
        "unknown option --etag-save (curl); write --json --headers; the records hold the ETag",
    ),
    (
        "--etag-compare",
        "unknown option --etag-compare (curl); write -H 'If-None-Match: \"ETAG\"' --accept 200,304",
    ),
    (
        "-U",
        "unknown option -U (wget; curl); write -A NAME for the User-Agent, or -x http://NAME:PASSWORD@HOST:PORT for a proxy",
    ),
    (
        "-random-agent",
        "unknown option -random-agent (httpx, nuclei); write -A NAME",
    ),
    (
        "--digest",
        "unknown option --digest (curl); fetch logs in with -u (Basic) or -H 'Authorization: ...' only; use curl",
    ),
    (
        "--basic",
        "unknown option --basic (curl, wget); leave it out; -u NAME:PASSWORD is Basic, and is sent at once",
    ),
    (
        "--password",
        "unknown option --password (wget, aria2, lychee, httpie); write -u NAME:PASSWORD",
    ),
    (
        "--ask-password",
        "unknown option --ask-password (wget); nothing is asked; write -u NAME:PASSWORD",
    ),
    (
        "--cookie-jar",
        "unknown option --cookie-jar (curl, wget, aria2); cookies are not kept; to send one, write -H 'Cookie: NAME=VALUE'",
    ),
    (
        "--no-cookies",
        "unknown option --no-cookies (wget); leave it out; cookies are not kept",
    ),
    (
        "--location-trusted",
        "unknown option --location-trusted (curl); secrets never go to another origin; put the final URL into the list",
    ),
    (
        "--follow",
        "unknown option --follow (xh, httpx); redirects are followed anyway; --max-redirs N limits them",
    ),
    (
        "--no-redirect",
        "unknown option --no-redirect (nuclei); write --max-redirs 0",
    ),
    (
        "--max-redirect",
        "unknown option --max-redirect (wget, lychee, httpx); write --max-redirs N",
    ),
    (
        "--post301",
        "unknown option --post301 (curl); a 307 or 308 keeps the method; put the final URL into the list",
    ),
    (
        "--spider",
        "unknown option --spider (wget); write -I, or leave it out: without -o no body is kept",
    ),
    (
        "--http1.0",
        "unknown option --http1.0 (curl); HTTP/1.1 and HTTP/2 only: write --http1.1 or --http2; use curl for others",
    ),
    (
        "--compression",
        "unknown option --compression (wget, aria2); write --compressed",
    ),
    (
        "-B",
        "unknown option -B (curl); there is no such switch; use curl",
    ),
    (
        "--no-check-certificate",
        "unknown option --no-check-certificate (wget, aria2); certificates are verified; write -k not to",
    ),
    (
        "--verify",
        "unknown option --verify (httpie); certificates are verified; write -k not to, or --cacert FILE for authorities",
    ),
    (
        "--ca-certificate",
        "unknown option --ca-certificate (curl, wget, aria2); write --cacert FILE for authorities, or --cert FILE --key FILE for a certificate of your own, in PEM",
    ),
    (
        "-E",
        "unknown option -E (curl; wget); write --cert FILE --key FILE for a certificate; names of files come from the URL",
    ),
    (
        "--private-key",
        "unknown option --private-key (wget, curl); write --key FILE; the key must not be encrypted",
    ),
    (
        "-1",
        "unknown option -1 (curl, wget); TLS 1.2 and 1.3 are used, and cannot be tuned; use curl",
    ),
    (
        "--interface",
        "unknown option --interface (curl, wget); the system chooses the local address; write -4 or -6, or use curl",
    ),
    (
        "--dns-servers",
        "unknown option --dns-servers (curl, aria2); the system resolves names; write --resolve HOST:PORT:ADDR",
    ),
    (
        "--socks4",
        "unknown option --socks4 (curl, aria2, httpx); write -x socks5h://HOST:PORT, socks5://, socks4://, http:// or https://",
    ),
    (
        "--no-proxy",
        "unknown option --no-proxy (wget, aria2); write -x '' for no proxy at all, or --noproxy LIST",
    ),
    (
        "--proxytunnel",
        "unknown option --proxytunnel (curl); a proxy takes -x URL only; use curl",
    ),
    (
        "--proto",
        "unknown option --proto (curl); http and https only; write --https-only for https",
    ),
    (
        "--require-https",
        "unknown option --require-https (lychee, curl); write --https-only",
    ),
    (
        "--hsts",
        "unknown option --hsts (curl); HSTS is not kept; write sed 's|^http:|https:|' FILE | fetch -",
    ),
    (
        "--exclude-all-private",
        "unknown option --exclude-all-private (lychee); write --block-private",
    ),
    (
        "--no-keepalive",
        "unknown option --no-keepalive (curl, wget); connections are always kept and used again, this cannot be turned off; leave it out",
    ),
    (
        "--keepalive-time",
        "unknown option --keepalive-time (curl, wget); leave it out; connections are kept and used again",
    ),
    (
        "--inet4-only",
        "unknown option --inet4-only (wget); write -4 or -6",
    ),
    (
        "-Z",
        "unknown option -Z (curl); leave it out; requests run at the same time anyway, -j N of them",
    ),
    (
        "--threads",
        "unknown option --threads (httpx, nuclei, wget2, aria2, xargs); write -j N",
    ),
    (
        "--host-concurrency",
        "unknown option --host-concurrency (lychee); write --max-per-host N",
    ),
    (
        "--keep-order",
        "unknown option --keep-order (GNU parallel); write --ordered",
    ),
    (
        "--joblog",
        "unknown option --joblog (GNU parallel); write --journal FILE; the same command goes on where it stopped",
    ),
    (
        "--tries",
        "unknown option --tries (wget, aria2, httpx); write --retry N, which counts the attempts after the first one",
    ),
    (
        "--retry-all-errors",
        "unknown option --retry-all-errors (curl, wget); failures of the connection are retried anyway; write --retry N --retry-on LIST for statuses",
    ),
    (
        "--retry-wait-time",
        "unknown option --retry-wait-time (lychee, wget, aria2); write --retry-delay DUR",
    ),
    (
        "--wait",
        "unknown option --wait (wget, ffuf); write --rate N/s, or --rate-per-host N/s",
    ),
    (
        "-rl",
        "unknown option -rl (httpx, nuclei); write --rate N/s or N/m",
    ),
    (
        "-duration",
        "unknown option -duration (other tools); write --deadline DUR to end the run",
    ),
    (
        "--dns-timeout",
        "unknown option --dns-timeout (wget, curl); write --connect-timeout DUR",
    ),
    (
        "--quota",
        "unknown option --quota (wget); the bytes of a run are not limited; --max-filesize SIZE limits a body, --deadline DUR the run",
    ),
    (
        "--background",
        "unknown option --background (wget, aria2; curl COOKIE); write & in the shell for the background; for a cookie, write -H 'Cookie: NAME=VALUE'",
    ),
    (
        "--cache",
        "unknown option --cache (lychee, wget, aria2); write --journal FILE: the same command goes on where it stopped; for caches, write -H 'Cache-Control: no-cache'",
    ),
    (
        "--mode",
        "unknown option --mode (lychee); links are not extracted and not judged; use lychee",
    ),
    (
        "--manual",
        "unknown option --manual (curl, wget); write -h for the most common options",
    ),
    (
        "--no-config",
        "unknown option --no-config (curl, wget, aria2); leave it out; there are no configuration files",
    ),
    (
        "--netrc",
        "unknown option --netrc (curl); no .netrc is read; write -u NAME:PASSWORD",
    ),
    (
        "--cookie",
        "unknown option --cookie (curl, httpx); write -H 'Cookie: NAME=VALUE'",
    ),
    (
        "--bearer",
        "unknown option --bearer (xh, curl); write -H @FILE, with a line Authorization: Bearer TOKEN in FILE",
    ),
    (
        "--connect-to",
        "unknown option --connect-to (curl); write --resolve HOST:PORT:ADDR",
    ),
    (
        "--proxy-user",
        "unknown option --proxy-user (curl, wget); write -x http://NAME:PASSWORD@HOST:PORT",
    ),
    (
        "--limit-rate",
        "unknown option --limit-rate (curl, wget, aria2); bytes per second are not limited, use curl; --rate N/s limits requests",
    ),
    (
        "-Y",
        "unknown option -Y (curl, aria2); write --read-timeout DUR for silence, and -t DUR for one attempt",
    ),
    (
        "--retry-max-time",
        "unknown option --retry-max-time (curl); write --retry N --retry-max-delay DUR, and --deadline DUR for the run",
    ),
    (
        "-R",
        "unknown option -R (curl, wget, aria2); files get the time of the download, use wget -N",
    ),
    (
        "--match-string",
        "unknown option --match-string (httpx); bodies are not searched; write -w '%{url} %{body}' and grep",
    ),
];

#[test]
fn an_option_of_another_tool_is_told_what_to_write_here() {
    for (name, line) in TOLD {
        tells(&[(&[name, "x", "u"], line)]);
    }
}
