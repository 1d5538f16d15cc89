//! Words of a command line that clap would take for something else than what was meant.

use std::path::Path;

use clap::Command;

use super::elsewhere::{self, SPLIT};
use crate::model::text::quote;

/// Names of methods, which other clients take as their first word.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "delete", "patch", "options"];

/// Returns what is wrong with a word that looks like an option. `words` are those behind the name of the program,
/// `command` makes the command that knows our options.
pub(super) fn option_mistake(words: &[String], command: fn() -> Command) -> Option<String> {
    let end = words.iter().position(|word| word == "--");
    let words = &words[..end.unwrap_or(words.len())];
    let next = words.iter().skip(1).map(Some).chain([None]);
    words.iter().zip(next).find_map(|(word, next)| {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        let last = last_of_group(name);
        let next = next.map(String::as_str);
        let mistake = value_mistake(last, value.or(next).unwrap_or_default());
        let swallowed = || swallowed_url(last, next.filter(|_| value.is_none())?);
        if let Some(mistake) = mistake.or_else(swallowed) {
            return Some(mistake);
        }
        let short = name.strip_prefix('-').filter(|rest| rest.len() > 1)?;
        // A field of a form behind `-d`, such as `-dr=1`; the options of other tools that are so short take no value.
        let is_field = value.is_some() && short.starts_with('d') && short.len() < 5;
        if short.starts_with('-') || is_field {
            return None;
        }
        elsewhere::advice(name)
            .or_else(|| connections(short))
            .or_else(|| test_time(short))
            .or_else(|| one_dash(short, command))
    })
}

/// Short options without a value, which may stand before another one in a group such as `-sSLo`.
const FLAGS: &[char] = &['s', 'S', 'f', 'L', 'k', 'q', 'v', 'I', 'c', '4', '6'];

/// Returns the last option of a group of short options as an option of its own; any other name is returned as it is.
fn last_of_group(name: &str) -> &str {
    let Some(group) = name.strip_prefix('-').filter(|group| group.is_ascii()) else {
        return name;
    };
    let is_group = group.len() > 1 && group[..group.len() - 1].chars().all(|c| FLAGS.contains(&c));
    match group.as_bytes().last() {
        Some(b'o') if is_group => "-o",
        Some(b'w') if is_group => "-w",
        Some(b'x') if is_group => "-x",
        Some(b'H') if is_group => "-H",
        Some(b'A') if is_group => "-A",
        _ => name,
    }
}

/// Whether `text` is a URL, as far as it begins like one.
fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` is a time as in `wrk -d 10s`.
fn is_time(text: &str) -> bool {
    text.strip_suffix(['s', 'm', 'h']).is_some_and(is_number)
}

/// Returns what is wrong with `next`, the word behind an option, where it is a URL that the option would swallow.
fn swallowed_url(name: &str, next: &str) -> Option<String> {
    let value = match name {
        "-H" | "--header" => "'NAME: VALUE'",
        "-A" | "--user-agent" => "NAME",
        "-o" | "--output-dir" => "DIR",
        _ => return None,
    };
    is_url(next)
        .then(|| format!("{name}: the value is missing before the URL; write {name} {value} URL"))
}

/// Returns what is wrong with `value` behind an option that takes something else in another tool.
fn value_mistake(name: &str, value: &str) -> Option<String> {
    if (name, value) == ("-I", "{}") || name == "-I{}" {
        return Some(
            "-I: asks for the headers only; no {} is replaced (xargs): fetch FILE".to_owned(),
        );
    }
    let is_missing = || !Path::new(value).exists();
    match name {
        "--json" if value.starts_with(['{', '[', '@']) => Some(
            "--json: takes no value here, it prints the records as JSON; to send JSON, write -d TEXT -H 'Content-Type: application/json'".to_owned()
        ),
        "-u" if is_url(value) => {
            Some("-u: takes NAME:PASSWORD; a URL is an argument: fetch URL".to_owned())
        }
        "-w" if is_number(value) => Some(format!(
            "-w: '{value}' has no %{{key}}; to wait between requests as wget does, write --rate N/s or N/m"
        )),
        "-x" if METHODS.contains(&&*value.to_ascii_lowercase()) => {
            Some(format!("-x: takes a proxy; write -X {value} for a method"))
        }
        "-d" if value.contains('/') && Path::new(value).is_dir() => Some(format!(
            "-d: '{value}' is a directory, and -d sends data; write -o {value} to save bodies there"
        )),
        "-d" if is_time(value) => Some(format!(
            "-d: sends data, not the time of a test (wrk); write --deadline {value} to end the run, or --data {value} to send it"
        )),
        "-fc" | "-fs" | "-fl" if is_number(value) && is_missing() => Some(format!(
            "{name}: takes no number (ffuf, httpx); write --accept LIST for the statuses that are ok, or grep in the records"
        )),
        "-c" if is_number(value) && is_missing() => Some(format!(
            "-c: takes no number (ab, wrk); write -j {value} for the requests in flight"
        )),
        "-x" | "-s" if is_number(value) && is_missing() => {
            Some(format!("{name}: takes no number (aria2); {SPLIT}"))
        }
        _ => None,
    }
}

/// Returns what is said about `-x16`, `-s16` and `-k1M`, with which aria2 splits a body.
fn connections(short: &str) -> Option<String> {
    let number = short.strip_prefix(['x', 's', 'k'])?;
    is_number(number.trim_end_matches(['K', 'M']))
        .then(|| format!("-{short}: takes no number (aria2); {SPLIT}"))
}

/// Returns what is said about `-d10s` and `-c400`, the time and the connections of a test.
fn test_time(short: &str) -> Option<String> {
    let (option, value) = short.split_at_checked(1)?;
    let is_meant = match option {
        "d" => is_time(value),
        "c" => is_number(value),
        _ => false,
    };
    is_meant.then(|| value_mistake(&format!("-{option}"), value))?
}

/// Returns what is said about an option of ours with one dash, which is a group of short options.
fn one_dash(short: &str, command: fn() -> Command) -> Option<String> {
    if short.len() < 3 {
        return None;
    }
    let is_ours = command().get_arguments().any(|arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(short) || aliases.contains(&short)
    });
    // These two are not among the arguments before clap builds the command.
    let is_ours = is_ours || ["help", "version"].contains(&short);
    is_ours.then(|| format!("unknown option -{short}; write --{short}"))
}

/// Returns what is wrong with a source that is not a list or a URL as it stands.
pub(super) fn source_mistake(source: &str) -> Option<String> {
    let lower = source.to_ascii_lowercase();
    if METHODS.contains(&lower.as_str()) && !Path::new(source).exists() {
        let method = lower.to_ascii_uppercase();
        return Some(if method == "GET" {
            format!("{source}: not a source; GET is the default, write fetch URL")
        } else {
            format!("{source}: not a source; write fetch -X {method} URL")
        });
    }
    let Some((scheme, after)) = source.split_once("://") else {
        let scheme = ["http:", "https:"]
            .into_iter()
            .find(|scheme| lower.starts_with(scheme))?;
        let is_file = Path::new(source).exists();
        return (!is_file)
            .then(|| format!("{source}: not a URL; write {scheme}// before the host"));
    };
    let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
    // A password is not shown, and a JSON line is no URL.
    let shown = authority.rfind('@').map_or(after, |at| &after[at..]);
    let glob = glob(shown).filter(|_| !scheme.starts_with('{'))?;
    let (printed, literal) = match glob {
        Glob::Range(ends) => (
            format!("{{{}}}", ends.replace(['-', ':'], "..")),
            "%5B and %5D",
        ),
        Glob::Set(names) => (format!("{{{}}}", quoted(names)), "%7B and %7D"),
    };
    Some(format!(
        "a URL with {glob}: is not expanded; in bash, write printf '%s\\n' http://example.com/{printed} | fetch -, or write {literal} for the characters",
        glob = glob.written(),
    ))
}

/// Returns `names`, which commas separate, as bash takes them between braces. Blanks around a name were hardly meant, and one inside is `%20` in a URL.
fn quoted(names: &str) -> String {
    let names = names.split(',');
    let names = names.map(|name| quote(&name.trim().replace(' ', "%20")));
    names.collect::<Vec<_>>().join(",")
}

/// What curl expands in a URL.
#[derive(Debug, PartialEq, Eq)]
enum Glob<'a> {
    /// The content of brackets: `1-3`, `001-100`, `a-z`, `0-9:2`.
    Range(&'a str),
    /// The content of braces: `a,b`.
    Set(&'a str),
}

impl Glob<'_> {
    fn written(&self) -> String {
        match self {
            Self::Range(ends) => format!("[{ends}]"),
            Self::Set(names) => format!("{{{names}}}"),
        }
    }
}

/// Returns the first range or set in `url`. An address in brackets is none, and neither is JSON in a query.
fn glob(url: &str) -> Option<Glob<'_>> {
    let at = url.find(['[', '{'])?;
    let (open, rest) = url[at..].split_at(1);
    let close = if open == "[" { ']' } else { '}' };
    let found = rest.split_once(close).and_then(|(inside, _)| match open {
        "[" => is_range(inside).then_some(Glob::Range(inside)),
        _ => is_set(inside).then_some(Glob::Set(inside)),
    });
    found.or_else(|| glob(rest))
}

fn is_range(inside: &str) -> bool {
    let (ends, step) = inside.split_once(':').unwrap_or((inside, "1"));
    is_number(step)
        && ends.split_once('-').is_some_and(|(from, to)| {
            let all = |is: fn(&u8) -> bool| from.bytes().chain(to.bytes()).all(|byte| is(&byte));
            let is_letters = from.len() == 1 && to.len() == 1 && all(u8::is_ascii_alphabetic);
            !from.is_empty() && !to.is_empty() && (is_letters || all(u8::is_ascii_digit))
        })
}

fn is_set(inside: &str) -> bool {
    inside.contains(',') && !inside.contains(['"', ':', '{', '['])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_set_are_written_for_bash() {
        for (names, written) in [
            ("a,b", "a,b"),
            ("a, b", "a,b"),
            ("a b,ü", "a%20b,ü"),
            ("$x,it's", r"'$x','it'\''s'"),
            (",a", ",a"),
        ] {
            assert_eq!(quoted(names), written, "{names}");
        }
    }

    #[test]
    fn ranges_and_sets_of_curl_are_found() {
        for (url, found) in [
            ("h/[1-3]", Some(Glob::Range("1-3"))),
            ("h/p[001-100:2].png", Some(Glob::Range("001-100:2"))),
            ("h/[a-z]", Some(Glob::Range("a-z"))),
            ("[::1]:80/[1-3]", Some(Glob::Range("1-3"))),
            ("h/[1-9:x]", None),
            ("{a,b}.example/", Some(Glob::Set("a,b"))),
            ("h/?a[]=1&b={x,y}", Some(Glob::Set("x,y"))),
            ("[::1]/", None),
            ("h/?ids[]=1&ids[0]=2", None),
            ("h/[ab-cd]", None),
            ("h/{id}", None),
            ("h/?q={\"a\":1,\"b\":2}", None),
            ("h/{", None),
        ] {
            assert_eq!(glob(url), found, "{url}");
        }
    }
}
