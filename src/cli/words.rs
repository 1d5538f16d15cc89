//! Words of a command line that clap would take for something else than what was meant.

use std::path::Path;

use clap::Command;

use super::elsewhere::{self, SPLIT};

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
        let value = value.or(next.map(String::as_str)).unwrap_or_default();
        if let Some(mistake) = value_mistake(name, value) {
            return Some(mistake);
        }
        let short = name.strip_prefix('-').filter(|rest| rest.len() > 1)?;
        if short.starts_with('-') {
            return None;
        }
        elsewhere::advice(name)
            .or_else(|| connections(short))
            .or_else(|| one_dash(short, command))
    })
}

/// Returns what is wrong with `value` behind an option that takes something else in another tool.
fn value_mistake(name: &str, value: &str) -> Option<String> {
    if (name, value) == ("-I", "{}") || name == "-I{}" {
        return Some(
            "-I: asks for the headers only; no {} is replaced (xargs): fetch FILE".to_owned(),
        );
    }
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match name {
        "--json" if value.starts_with(['{', '[', '@']) => Some(
            "--json: takes no value here, it prints the records as JSON; to send JSON, write -d TEXT -H 'Content-Type: application/json'".to_owned()
        ),
        "-u" if value.starts_with("http://") || value.starts_with("https://") => {
            Some("-u: takes NAME:PASSWORD; a URL is an argument: fetch URL".to_owned())
        }
        "-w" if is_number => Some(format!(
            "-w: '{value}' has no %{{key}}; to wait between requests as wget does, write --rate N/s or N/m"
        )),
        "-x" if METHODS.contains(&&*value.to_ascii_lowercase()) => {
            Some(format!("-x: takes a proxy; write -X {value} for a method"))
        }
        "-d" if value.contains('/') && Path::new(value).is_dir() => Some(format!(
            "-d: '{value}' is a directory, and -d sends data; write -o {value} to save bodies there"
        )),
        "-x" | "-s" if is_number && !Path::new(value).exists() => {
            Some(format!("{name}: takes no number (aria2); {SPLIT}"))
        }
        _ => None,
    }
}

/// Returns what is said about `-x16`, `-s16` and `-k1M`, with which aria2 splits a body.
fn connections(short: &str) -> Option<String> {
    let number = short.strip_prefix(['x', 's', 'k'])?;
    let number = number.trim_end_matches(['K', 'M']);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("-{short}: takes no number (aria2); {SPLIT}"))
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
        Glob::Range(ends) => (format!("{{{}}}", ends.replace('-', "..")), "%5B and %5D"),
        Glob::Set(names) => (format!("{{{names}}}"), "%7B and %7D"),
    };
    Some(format!(
        "a URL with {glob}: is not expanded; in bash, write printf '%s\\n' http://example.com/{printed} | fetch -, or write {literal} for the characters",
        glob = glob.written(),
    ))
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
    let ends = inside.split_once(':').map_or(inside, |(ends, _)| ends);
    ends.split_once('-').is_some_and(|(from, to)| {
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
    fn ranges_and_sets_of_curl_are_found() {
        for (url, found) in [
            ("h/[1-3]", Some(Glob::Range("1-3"))),
            ("h/p[001-100:2].png", Some(Glob::Range("001-100:2"))),
            ("h/[a-z]", Some(Glob::Range("a-z"))),
            ("[::1]:80/[1-3]", Some(Glob::Range("1-3"))),
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
