//! File names: safe whatever a server or a list contains, unique, and the same on every run
//! of the same list.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::str::FromStr;
use std::sync::Arc;

use icu_normalizer::DecomposingNormalizerBorrowed;
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::model::text::{hex, is_unsafe};

/// The length limit of a name in bytes, as common file systems have it.
const MAX_NAME: usize = 255;

/// The length limit in bytes of an extension that is kept when a name is shortened.
const MAX_EXTENSION: usize = 32;

/// The number of bytes of the URL's hash that distinguish equal names.
const SHORT_HASH: usize = 4;

/// The number of bytes of the URL's hash in `{hash}`.
const LONG_HASH: usize = 8;

/// The name for a URL whose path has no last segment.
const INDEX: &str = "index.html";

/// The template of `--name`: text, and fields of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate(Vec<NamePiece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum NamePiece {
    Text(String),
    Field(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Basename,
    Host,
    Path,
    Stem,
    Ext,
    Index,
    Id,
    Hash,
}

const FIELDS: [(&str, Field); 8] = [
    ("basename", Field::Basename),
    ("host", Field::Host),
    ("path", Field::Path),
    ("stem", Field::Stem),
    ("ext", Field::Ext),
    ("index", Field::Index),
    ("id", Field::Id),
    ("hash", Field::Hash),
];

/// A text that is not a template for names.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameTemplateError {
    /// A name cannot contain a folder.
    #[error("a name cannot contain '/'; every file is directly in the directory of --output-dir")]
    Slash,
    /// A `{` without a `}`, or the other way round.
    #[error("'{{' and '}}' must come in pairs")]
    Brace,
    /// The field does not exist.
    #[error(
        "{{{0}}} is not a field; use {{basename}} {{host}} {{path}} {{stem}} {{ext}} {{index}} {{id}} or {{hash}}"
    )]
    Unknown(String),
}

impl FromStr for NameTemplate {
    type Err = NameTemplateError;

    fn from_str(template: &str) -> Result<Self, NameTemplateError> {
        if template.contains('/') {
            return Err(NameTemplateError::Slash);
        }
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some((text, field)) = rest.split_once('{') {
            let (name, after) = field.split_once('}').ok_or(NameTemplateError::Brace)?;
            let field = FIELDS.iter().find(|(known, _)| *known == name);
            let (_, field) = field.ok_or_else(|| NameTemplateError::Unknown(name.to_owned()))?;
            pieces.push(NamePiece::Text(text.to_owned()));
            pieces.push(NamePiece::Field(*field));
            rest = after;
        }
        pieces.push(NamePiece::Text(rest.to_owned()));
        let is_whole =
            |piece: &NamePiece| !matches!(piece, NamePiece::Text(text) if text.contains('}'));
        if pieces.iter().all(is_whole) {
            Ok(Self(pieces))
        } else {
            Err(NameTemplateError::Brace)
        }
    }
}

/// The input that needs a name.
#[derive(Clone, Copy, Debug)]
pub struct NameRequest<'a> {
    /// The 0-based number of the input in the list.
    pub index: u64,
    /// The `id` of the input.
    pub id: Option<&'a str>,
    /// The URL, without userinfo.
    pub url: &'a Url,
    /// The name that the input line asks for, which replaces the template.
    pub name: Option<&'a str>,
}

impl NameTemplate {
    /// Fills in the template; the result is not safe yet.
    fn fill(&self, request: &NameRequest<'_>) -> String {
        let mut name = String::new();
        for piece in &self.0 {
            match piece {
                NamePiece::Text(text) => name.push_str(text),
                NamePiece::Field(field) => field.fill(request, &mut name),
            }
        }
        name
    }
}

impl Field {
    fn fill(self, request: &NameRequest<'_>, to: &mut String) {
        let url = request.url;
        let _ = match self {
            Self::Basename => to.write_str(&basename(url)),
            Self::Host => to.write_str(url.host_str().unwrap_or_default()),
            Self::Path => to.write_str(&percent_decoded(url.path().trim_matches('/'))),
            Self::Stem => to.write_str(split_extension(&basename(url)).0),
            Self::Ext => to.write_str(split_extension(&basename(url)).1.trim_start_matches('.')),
            Self::Index => write!(to, "{}", request.index),
            Self::Id => to.write_str(request.id.unwrap_or_default()),
            Self::Hash => to.write_str(&hash(url, LONG_HASH)),
        };
    }
}

/// Returns the last segment of the path, percent-decoded.
fn basename(url: &Url) -> Cow<'_, str> {
    let segment = url.path().rsplit('/').next().unwrap_or_default();
    if segment.is_empty() {
        INDEX.into()
    } else {
        percent_decoded(segment)
    }
}

fn percent_decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// Returns the first bytes of the SHA-256 of `url`, which must not contain userinfo.
fn hash(url: &Url, bytes: usize) -> String {
    hex(&Sha256::digest(url.as_str())[..bytes])
}

/// Splits a name into its stem and its extension, which includes the dot. Only letters and
/// digits make an extension.
fn split_extension(name: &str) -> (&str, &str) {
    let is_extension = |text: &str| !text.is_empty() && text.chars().all(char::is_alphanumeric);
    match name.rfind('.') {
        Some(at) if at > 0 && is_extension(&name[at + 1..]) => name.split_at(at),
        _ => (name, ""),
    }
}

/// Whether [`Names::assign`] could have returned `name`.
#[must_use]
pub fn is_legal(name: &str) -> bool {
    sanitize(name) == name
}

/// Turns `name` into a file name that is legal on every system it may be copied to.
fn sanitize(name: &str) -> String {
    let replaced = |c: char| is_unsafe(c) || "/\\<>:\"|?*".contains(c);
    let name: String = name
        .chars()
        .map(|c| if replaced(c) { '_' } else { c })
        .collect();
    let name = name.trim_end_matches(is_dot_or_blank);
    let rest = name.trim_start_matches(|c| c == '-' || is_dot_or_blank(c));
    let mut name = name[..name.len() - rest.len()]
        .chars()
        .map(|_| '_')
        .chain(rest.chars())
        .collect::<String>();
    if name.is_empty() {
        INDEX.clone_into(&mut name);
    }
    if is_device(&name) {
        name.insert(0, '_');
    }
    shorten(&name, "", MAX_NAME)
}

fn is_dot_or_blank(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// Whether `name` is a device of DOS; Windows reserves these names, whatever the extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_lowercase();
    let numbered = |device: &str| {
        let mut number = stem.strip_prefix(device).into_iter().flat_map(str::chars);
        matches!(number.next(), Some('0'..='9' | '¹' | '²' | '³')) && number.next().is_none()
    };
    matches!(
        stem.as_str(),
        "con" | "prn" | "aux" | "nul" | "conin$" | "conout$"
    ) || numbered("com")
        || numbered("lpt")
}

/// Inserts `suffix` before the extension of `name`, and shortens the stem so that the result
/// has at most `most` bytes.
fn shorten(name: &str, suffix: &str, most: usize) -> String {
    if name.len() + suffix.len() <= most && suffix.is_empty() {
        return name.to_owned();
    }
    let (stem, extension) = match split_extension(name) {
        (_, extension) if extension.len() > MAX_EXTENSION => (name, ""),
        both => both,
    };
    let room = most - suffix.len() - extension.len();
    let stem = truncate(stem, room);
    // The shortened stem may end in a dot or a blank, which is not allowed at the end of a name.
    let stem = if extension.is_empty() && suffix.is_empty() {
        stem.trim_end_matches(is_dot_or_blank)
    } else {
        stem
    };
    format!("{stem}{suffix}{extension}")
}

/// Hashes a name, ignoring case and Unicode normalisation: names that some file system takes
/// for the same have the same hash. It does not change between runs.
pub(super) fn name_hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    if name.is_ascii() {
        hasher.write(name.to_ascii_lowercase().as_bytes());
    } else {
        let nfd = DecomposingNormalizerBorrowed::new_nfd();
        // By way of upper case, so that ß equals SS, and σ equals ς; from lower case, because ẞ has no other upper case.
        // What full case folding takes for the same has then become the same (checked for all of Unicode 14).
        let folded: String = nfd
            .normalize(name)
            .chars()
            .flat_map(char::to_lowercase)
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
            .collect();
        hasher.write(nfd.normalize(&folded).as_bytes());
    }
    hasher.finish()
}

/// Assigns the names of a run. It stores only a hash of each.
pub struct Names {
    template: NameTemplate,
    /// The suffix of the file that stands beside each file while its body arrives; that name
    /// is claimed, too.
    companion: Option<&'static str>,
    claimed: HashSet<u64>,
    /// Names of an earlier run that went back to their inputs.
    reclaimed: HashSet<u64>,
    /// How often each name with a hash was needed.
    repetitions: HashMap<u64, u32>,
}

impl Names {
    /// Starts without any names. With `companion`, a suffix, no name equals another name
    /// followed by that suffix.
    #[must_use]
    pub fn new(template: NameTemplate, companion: Option<&'static str>) -> Self {
        Self {
            template,
            companion,
            claimed: HashSet::new(),
            reclaimed: HashSet::new(),
            repetitions: HashMap::new(),
        }
    }

    /// Reserves `name`, which an earlier run assigned to an input.
    pub fn reserve(&mut self, name: &str) {
        self.claim(name);
    }

    /// Returns a reserved `name` to its input; false if that has happened before.
    pub fn reclaim(&mut self, name: &str) -> bool {
        self.reclaimed.insert(name_hash(name))
    }

    /// Assigns a name to an input, which no other input has.
    pub fn assign(&mut self, request: &NameRequest<'_>) -> Arc<str> {
        let name = match request.name {
            Some(name) => sanitize(name),
            None => sanitize(&self.template.fill(request)),
        };
        if self.claim(&name) {
            return name.into();
        }
        let suffix = format!("-{}", hash(request.url, SHORT_HASH));
        let hashed = shorten(&name, &suffix, MAX_NAME);
        if self.claim(&hashed) {
            return hashed.into();
        }
        let key = name_hash(&hashed);
        loop {
            let number = self.repetitions.entry(key).or_insert(1);
            *number += 1;
            let suffix = format!("{suffix}-{number}");
            let name = shorten(&name, &suffix, MAX_NAME);
            if self.claim(&name) {
                return name.into();
            }
        }
    }

    /// Claims `name` and its companion; false if one of them is taken.
    fn claim(&mut self, name: &str) -> bool {
        let number = name_hash(name);
        let companion = self
            .companion
            .map(|suffix| name_hash(&companion_name(name, suffix)));
        let is_free = |number: &u64| !self.claimed.contains(number);
        let is_new = is_free(&number) && companion.as_ref().is_none_or(is_free);
        if is_new {
            self.claimed.extend([number].into_iter().chain(companion));
        }
        is_new
    }
}

/// Appends `suffix` to `name`, shortened where needed to a legal length.
pub(super) fn companion_name(name: &str, suffix: &str) -> String {
    if name.len() + suffix.len() <= MAX_NAME {
        return format!("{name}{suffix}");
    }
    // A hash keeps two long names apart that are equal once they are shortened.
    let tail = format!("-{}{suffix}", hex(&Sha256::digest(name)[..SHORT_HASH]));
    format!("{}{tail}", truncate(name, MAX_NAME - tail.len()))
}

/// Returns the beginning of `text`, at most `most` bytes of it.
fn truncate(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::input::Input;
    use crate::model::request::Request;
    use proptest::prelude::*;

    fn names(template: &str, lines: &[String]) -> Vec<Arc<str>> {
        names_with(template, None, lines)
    }

    fn names_with(
        template: &str,
        companion: Option<&'static str>,
        lines: &[String],
    ) -> Vec<Arc<str>> {
        let mut names = Names::new(template.parse().unwrap(), companion);
        let mut intake = crate::input::inputs(lines.iter().cloned());
        let (inputs, _) = intake.stop();
        let given = inputs.iter().filter_map(|input| {
            let request = input.request.as_ref().ok()?;
            Some(names.assign(&name_request(input, request)))
        });
        given.collect()
    }

    fn name_request<'a>(input: &'a Input, request: &'a Request) -> NameRequest<'a> {
        NameRequest {
            index: input.index,
            id: input.id.as_deref(),
            url: &request.url,
            name: request.name.as_deref(),
        }
    }

    fn name(template: &str, line: &str) -> Arc<str> {
        names(template, &[line.to_owned()]).remove(0)
    }

    #[test]
    fn what_urls_are_called() {
        for (path, expected) in [
            ("", "index.html"),
            ("/", "index.html"),
            ("/a/b/", "index.html"),
            ("/a/b.html?q=1#f", "b.html"),
            ("/..%2f..%2fetc%2fpasswd", "___.._etc_passwd"),
            ("/a%5cb", "a_b"),
            ("/a%00b%0a", "a_b_"),
            ("/.bashrc", "_bashrc"),
            ("/-rf", "_rf"),
            ("/%20.-x", "___x"),
            ("/x.%20.", "x"),
            ("/%20", "index.html"),
            ("/con", "_con"),
            ("/NUL.tar.gz", "_NUL.tar.gz"),
            ("/com1.txt", "_com1.txt"),
            ("/com%C2%B2", "_com²"),
            ("/com10", "com10"),
            ("/lpt", "lpt"),
            ("/a:b%3Fc*", "a_b_c_"),
            ("/%E2%80%AEgpj.exe", "_gpj.exe"),
            ("/%ff", "\u{fffd}"),
            ("/caf%C3%A9", "café"),
        ] {
            assert_eq!(
                &*name("{basename}", &format!("http://h{path}")),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn templates() {
        let line = r#"{"url": "http://h.example:81/a/b.tar.gz?q", "id": "x/y"}"#;
        let hash = &hex(&Sha256::digest("http://h.example:81/a/b.tar.gz?q"))[..16];
        for (template, expected) in [
            ("{host}_{path}", "h.example_a_b.tar.gz"),
            ("{index}-{id}.{ext}", "0-x_y.gz"),
            ("{stem}", "b.tar"),
            ("{hash}", hash),
            ("all", "all"),
            ("..", "index.html"),
        ] {
            assert_eq!(&*name(template, line), expected, "{template}");
        }
        for (bad, error) in [
            ("a/b", NameTemplateError::Slash),
            ("{", NameTemplateError::Brace),
            ("}", NameTemplateError::Brace),
            ("{host}}", NameTemplateError::Brace),
            ("{x}", NameTemplateError::Unknown("x".to_owned())),
        ] {
            assert_eq!(bad.parse::<NameTemplate>(), Err(error), "{bad}");
        }
    }

    #[test]
    fn twins_are_told_apart_by_their_urls() {
        let hash = |url: &str| hex(&Sha256::digest(url))[..8].to_owned();
        let lines = [
            "http://a/x.jpg",
            "http://b/X.JPG",
            "http://a/x.jpg",
            "http://a/x.jpg",
            "http://a/caf%C3%A9",
            "http://a/cafe%CC%81",
            "http://a/stra%C3%9Fe",
            "http://a/STRASSE",
            "http://a/STRA%E1%BA%9EE",
        ];
        let [first, third, fourth] = [
            "x.jpg".to_owned(),
            format!("x-{}.jpg", hash("http://a/x.jpg")),
            format!("x-{}-2.jpg", hash("http://a/x.jpg")),
        ];
        let expected = [
            first,
            format!("X-{}.JPG", hash("http://b/X.JPG")),
            third,
            fourth,
            "café".to_owned(),
            format!("cafe\u{301}-{}", hash("http://a/cafe%CC%81")),
            "straße".to_owned(),
            format!("STRASSE-{}", hash("http://a/STRASSE")),
            format!("STRAẞE-{}", hash("http://a/STRA%E1%BA%9EE")),
        ];
        let found = names("{basename}", &lines.map(str::to_owned));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn no_name_is_the_companion_of_another() {
        let lines = [
            "http://a/x",
            "http://a/x.part",
            "http://a/y.part",
            "http://a/y",
        ];
        let found = names_with("{basename}", Some(".part"), &lines.map(str::to_owned));
        assert_eq!((&*found[0], &*found[2]), ("x", "y.part"));
        assert_ne!(&*found[1], "x.part");
        assert_ne!(&*found[3], "y");
    }

    #[test]
    fn a_name_of_an_earlier_run_goes_back_to_its_input_once() {
        let mut names = Names::new("{basename}".parse().unwrap(), None);
        names.reserve("x");
        let (inputs, _) = crate::input::inputs(["http://a/x".to_owned()]).stop();
        let request = inputs[0].request.as_ref().unwrap();
        assert_ne!(&*names.assign(&name_request(&inputs[0], request)), "x");
        assert!(names.reclaim("x"));
        assert!(!names.reclaim("x"));
    }

    #[test]
    fn long_names_are_cut_at_a_character_and_keep_their_extension() {
        for (stem, extension) in [("a", ".html"), ("é", ".html"), ("😀", ""), ("a", ".")] {
            let line = format!("http://h/{}{extension}", stem.repeat(300));
            for companion in [None, Some(".part")] {
                let lines = [line.clone(), line.clone(), line.clone()];
                for name in names_with("{basename}", companion, &lines) {
                    assert!((240..=255).contains(&name.len()), "{name}");
                    assert!(name.ends_with(extension.trim_end_matches('.')), "{name}");
                    assert!(companion_name(&name, ".part").len() <= 255);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_url_has_a_legal_name_of_its_own(
            paths in prop::collection::vec("([a-cA-Cßẞſéé.%/ -]|%2f|%5c|%00|%2e|%e2%80%8b|\\PC){0,12}|[aé]{200,300}(.x)?", 1..30),
            template in prop::sample::select(vec!["{basename}", "{stem}.{ext}", "{host}{path}", "x", "-{id}."]),
        ) {
            let lines: Vec<_> = paths.iter().map(|path| format!("http://h/{path}")).collect();
            let found = names(template, &lines);
            let mut seen = HashSet::new();
            for name in &found {
                prop_assert!((1..=255).contains(&name.len()));
                prop_assert!(!name.starts_with(['.', '-', ' ']) && !name.ends_with(['.', ' ']));
                prop_assert!(!name.contains(|c: char| is_unsafe(c) || c == '/' || c == '\\'));
                prop_assert!(!is_device(name) && is_legal(name));
                prop_assert!(seen.insert(name.to_lowercase().to_uppercase().to_lowercase()), "{name} twice");
            }
            prop_assert_eq!(&found, &names(template, &lines), "another name on another run");
        }
    }
}
