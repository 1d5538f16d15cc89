//! Recognizes sources that are something else than a list of URLs, and says which command makes a list of them.

use super::lines::BOM;
use super::plain_line::PlainLineError;
use super::url_error::UrlError;
use crate::model::text::quote;

/// How many bytes from the beginning of a source are looked at.
const START: usize = 1024;

/// How many lines of a kind there must be, and half of all, before the source is taken for something else.
const SUSPICIOUS_LINES: u64 = 3;

/// The first bytes of compressed files, and the programs that write the content to standard output.
const COMPRESSED: [(&[u8], &str, &str); 4] = [
    (b"\x1f\x8b", "gzip", "zcat"),
    (b"\xfd7zXZ\0", "xz", "xzcat"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstdcat"),
    (b"PK\x03\x04", "zip", "unzip -p"),
];

/// The first bytes of other files that are no text.
const NO_TEXT: [&[u8]; 6] = [
    b"%PDF-",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF89a",
    b"\x7fELF",
    b"SQLite format 3",
];

/// The command that finds URLs in HTML and XML.
const FIND_URLS: &str = r#"grep -oE 'https?://[^"<> ]+'"#;

/// The command that finds URLs in text, where they may be in brackets of all kinds, as in Markdown.
const FIND_URLS_IN_TEXT: &str = r#"grep -oE 'https?://[^]"<>` )]+'"#;

/// The filter that writes `&` as it is in a URL.
const UNESCAPE: &str = r" | sed 's/&amp;/\&/g'";

/// The command that encodes the spaces in URLs.
const ENCODE_SPACES: &str = "sed 's/^ *//; s/ *$//; s/ /%20/g'";

/// What a source is instead of a list of URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceHint {
    /// Compressed: by what, and what decompresses it.
    Compressed(&'static str, &'static str),
    /// UTF-16 or UTF-32, by its name for iconv.
    Utf16(&'static str),
    /// Something that is no text.
    Binary,
    /// XML or HTML.
    Markup,
    /// A JSON array of URLs.
    JsonUrls,
    /// A JSON array of objects.
    JsonObjects,
    /// A JSON object on several lines.
    JsonObject,
    /// A pointer of Git LFS in place of the file.
    LfsPointer,
    /// A cookie file of Netscape's format.
    CookieFile,
    /// A list in Markdown or YAML, or other text around the URLs.
    Text,
    /// Lines that end in CR alone.
    CarriageReturns,
    /// URLs with NULs between them.
    Nuls,
    /// URLs with spaces in them, as names of files have.
    Spaces,
    /// Lines with other words beside the URLs.
    Words,
    /// A table, by the value of `--input`.
    Table(&'static str),
    /// A hosts file.
    HostsFile,
}

impl SourceHint {
    /// Returns what a source is that begins with `first`, if that is certain. More of it may follow.
    pub(super) fn of(first: &[u8]) -> Option<Self> {
        let is_magic = |(magic, ..): &&(&[u8], _, _)| first.starts_with(magic);
        if let Some(&(_, name, program)) = COMPRESSED.iter().find(is_magic) {
            return Some(Self::Compressed(name, program));
        }
        if let [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..] = first
            && rest.starts_with(b"1AY&SY")
        {
            return Some(Self::Compressed("bzip2", "bzcat"));
        }
        if NO_TEXT.iter().any(|magic| first.starts_with(magic)) {
            return Some(Self::Binary);
        }
        // Of fewer bytes nothing is known.
        if first.len() < 4 {
            return Self::of_text(first.trim_ascii_start());
        }
        match first {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some(Self::Utf16("UTF-32")),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some(Self::Utf16("UTF-16")),
            [1..=255, 0, 1..=255, 0, ..] => return Some(Self::Utf16("UTF-16LE")),
            [0, 1..=255, 0, 1..=255, ..] => return Some(Self::Utf16("UTF-16BE")),
            _ => {}
        }
        let mut lines = first.split(|&byte| byte == b'\n');
        // A NUL between URLs costs their line only.
        let is_binary =
            |line: &[u8]| line.contains(&0) && memchr::memmem::find(line, b"://").is_none();
        if lines.next().is_some_and(is_binary) {
            return Some(Self::Binary);
        }
        let text = first.strip_prefix(BOM).unwrap_or(first);
        Self::of_text(text.trim_ascii_start())
    }

    /// Returns what a source is that begins with `text`, which is not blank at its beginning.
    fn of_text(text: &[u8]) -> Option<Self> {
        let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let is_line_whole = line.len() < text.len();
        if text.starts_with(b"version https://git-lfs.github.com/") {
            return Some(Self::LfsPointer);
        }
        if text.starts_with(b"# Netscape HTTP Cookie") || text.starts_with(b"# HTTP Cookie") {
            return Some(Self::CookieFile);
        }
        if has_lone_carriage_return(line) {
            return Some(Self::CarriageReturns);
        }
        match text {
            [b'<', next, ..] if next.is_ascii_alphabetic() || b"!?/".contains(next) => {
                // `<http://…>` is a URL in brackets.
                let is_url = |start: &[u8]| text.starts_with(start) || start.starts_with(text);
                return (!is_url(b"<http://") && !is_url(b"<https://")).then_some(Self::Markup);
            }
            [b'[', rest @ ..] => {
                return match rest.trim_ascii_start().first() {
                    Some(b'"') => Some(Self::JsonUrls),
                    Some(b'{') => Some(Self::JsonObjects),
                    _ => None,
                };
            }
            [b'{', ..] => {
                let is_open = is_line_whole && line.trim_ascii() == b"{";
                return is_open.then_some(Self::JsonObject);
            }
            _ => {}
        }
        is_line_whole.then(|| table(line)).flatten()
    }

    /// Returns what a source may be that has a line with this error.
    pub(super) fn of_plain_line(error: &PlainLineError) -> Option<Self> {
        match error {
            PlainLineError::Start(error) => Self::of_url(error),
            PlainLineError::TwoUrls | PlainLineError::Comment | PlainLineError::Argument => None,
            PlainLineError::HostsFile => Some(Self::HostsFile),
            PlainLineError::Tab => Some(Self::Table("tsv")),
            PlainLineError::OtherText => Some(Self::Text),
            PlainLineError::FileName => Some(Self::Spaces),
            PlainLineError::Space => Some(Self::Words),
            PlainLineError::CarriageReturn => Some(Self::CarriageReturns),
            PlainLineError::Nul => Some(Self::Nuls),
        }
    }

    /// Returns what a source may be that has a line with this error.
    pub(super) fn of_url(error: &UrlError) -> Option<Self> {
        match error {
            UrlError::Comma => Some(Self::Table("csv")),
            UrlError::Start('<') => Some(Self::Markup),
            UrlError::Start('-' | '*' | '+' | '•' | '[' | '|') => Some(Self::Text),
            _ => None,
        }
    }

    /// Whether the source is no text: no line of it means anything.
    pub(super) fn is_binary(self) -> bool {
        matches!(self, Self::Compressed(..) | Self::Utf16(_) | Self::Binary)
    }

    /// Says what the source of this name looks like, and which command makes a list of it, or the same in text, which
    /// is read with these `options`. The command ends the line, so that it can be copied.
    pub(super) fn describe(self, source: &str, options: &str) -> String {
        let pipe = |command: &str| pipe(command, source, "", "");
        let (what, advice) = match self {
            // The program cannot read from a pipe.
            Self::Compressed("zip", _) if source == "-" => ("zip", "unpack it first".to_owned()),
            Self::Compressed(name, program) => (name, self::pipe(program, source, "", options)),
            Self::Utf16(name) => {
                let command = format!("iconv -f {name} -t UTF-8");
                (name, self::pipe(&command, source, "", options))
            }
            Self::Binary => ("binary data", "the source is not text".to_owned()),
            Self::Markup => ("XML or HTML", self::pipe(FIND_URLS, source, UNESCAPE, "")),
            Self::JsonUrls => ("a JSON array", pipe("jq -r '.[]'")),
            Self::JsonObjects => ("a JSON array", pipe("jq -r '.[].url'")),
            Self::JsonObject => ("JSON on several lines", pipe("jq -c .")),
            Self::LfsPointer => ("a Git LFS pointer", "try: git lfs pull".to_owned()),
            Self::CookieFile => ("a cookie file", "name the list instead".to_owned()),
            Self::Text => ("text with URLs in it", pipe(FIND_URLS_IN_TEXT)),
            Self::CarriageReturns => (
                "lines that end in CR alone",
                pipe_stdin(r"tr '\r' '\n'", source, options),
            ),
            Self::Nuls => (
                "URLs with NULs between them",
                pipe_stdin(r"tr '\0' '\n'", source, options),
            ),
            Self::Spaces => (
                "URLs with spaces in them",
                format!(
                    "for a table, use --input csv|tsv; for names of files, {}",
                    pipe(ENCODE_SPACES)
                ),
            ),
            Self::Words => (
                "URLs with other words on their lines",
                "for a table, use --input csv|tsv; otherwise write one URL a line".to_owned(),
            ),
            Self::Table(format) => (
                "a table",
                format!(
                    "with a header that names the column url, try: fetch {} --input {format}",
                    quote(source)
                ),
            ),
            Self::HostsFile => ("a hosts file", pipe("awk '!/^#/ {print $2}'")),
        };
        format!("{source}: looks like {what}, not like a list of URLs; {advice}")
    }
}

/// Advises to read what `command` and then `filter` make of `source`, with these `options`.
fn pipe(command: &str, source: &str, filter: &str, options: &str) -> String {
    match source {
        "-" => format!("try: {command}{filter} | fetch -{options}"),
        file => format!("try: {command} {}{filter} | fetch -{options}", quote(file)),
    }
}

/// Advises to read what `command` makes of `source`, with these `options`, where the command takes no file name.
pub(super) fn pipe_stdin(command: &str, source: &str, options: &str) -> String {
    match source {
        "-" => format!("try: {command} | fetch -{options}"),
        file => format!("try: {command} < {} | fetch -{options}", quote(file)),
    }
}

/// Whether there is a CR within `line`, which ends no line. One at its end may belong to a line end, and so may one in
/// a cell with several lines.
pub(super) fn has_lone_carriage_return(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    memchr::memchr_iter(b'\r', line).any(|at| !b"\r\n".contains(&line[at + 1]))
}

/// Returns the format of a table with this header.
fn table(header: &[u8]) -> Option<SourceHint> {
    [(b',', "csv"), (b'\t', "tsv")]
        .into_iter()
        .find_map(|(separator, format)| {
            let mut cells = header.trim_ascii().split(|&byte| byte == separator);
            let is_url =
                |cell: &[u8]| cell.trim_ascii().eq_ignore_ascii_case(b"url") || cell == b"\"url\"";
            (header.contains(&separator) && cells.any(is_url)).then_some(SourceHint::Table(format))
        })
}

/// Watches a source while it is read, and finds out once whether it is something else than a list.
#[derive(Debug, Default)]
pub(super) struct SourceWatch {
    start: Vec<u8>,
    inputs: u64,
    suspicions: Vec<(SourceHint, u64)>,
    hint: Option<SourceHint>,
    is_told: bool,
}

impl SourceWatch {
    /// Takes note of bytes that were read.
    pub(super) fn saw_bytes(&mut self, bytes: &[u8]) {
        if self.hint.is_none() && self.start.len() < START && !bytes.is_empty() {
            let room = START - self.start.len();
            self.start
                .extend_from_slice(&bytes[..bytes.len().min(room)]);
            self.hint = SourceHint::of(&self.start);
        }
    }

    /// Takes note of an input, and of what its line says about the source.
    pub(super) fn saw_input(&mut self, suspicion: Option<SourceHint>) {
        self.inputs += 1;
        let Some(suspicion) = suspicion.filter(|_| self.hint.is_none()) else {
            return;
        };
        let known = self
            .suspicions
            .iter_mut()
            .find(|(known, _)| *known == suspicion);
        let lines = if let Some((_, lines)) = known {
            *lines += 1;
            *lines
        } else {
            self.suspicions.push((suspicion, 1));
            1
        };
        let is_certain = matches!(suspicion, SourceHint::CarriageReturns | SourceHint::Nuls);
        if is_certain || lines >= SUSPICIOUS_LINES && 2 * lines >= self.inputs {
            self.hint = Some(suspicion);
        }
    }

    /// Returns the first bytes that were read.
    pub(super) fn start(&self) -> &[u8] {
        &self.start
    }

    /// Whether the source is no text.
    pub(super) fn is_binary(&self) -> bool {
        self.hint.is_some_and(SourceHint::is_binary)
    }

    /// Returns what the source is, the first time that this is known.
    pub(super) fn take_hint(&mut self) -> Option<SourceHint> {
        let hint = self.hint.filter(|_| !self.is_told);
        self.is_told |= hint.is_some();
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_first_bytes_tell() {
        use SourceHint as Hint;
        for (first, expected) in [
            (&b""[..], None),
            (b"http://a.example/\n", None),
            (b"# a list\nhttp://a.example/\n", None),
            (b"\xef\xbb\xbfhttp://a.example/\r\n", None),
            (b"http://a.example/\r", None),
            (b"[::1]:8080/\n", None),
            (b"[fe80::1]/\n", None),
            (b"{\"url\": \"http://a.example/\"}\n", None),
            (b"curl.example\n", None),
            (b"<http://a.example/>\n", None),
            (b"<http", None),
            (b"\x1f\x8b\x08\0", Some(Hint::Compressed("gzip", "zcat"))),
            (b"BZh11AY&SY\0", Some(Hint::Compressed("bzip2", "bzcat"))),
            (b"BZh.example\n", None),
            (b"PK\x03\x04\x14", Some(Hint::Compressed("zip", "unzip -p"))),
            (b"\xff\xfeh\0t\0", Some(Hint::Utf16("UTF-16"))),
            (b"\xfe\xff\0h\0t", Some(Hint::Utf16("UTF-16"))),
            (b"h\0t\0t\0p\0", Some(Hint::Utf16("UTF-16LE"))),
            (b"\0h\0t\0t\0p", Some(Hint::Utf16("UTF-16BE"))),
            (b"\xff\xfe\0\0h\0\0\0", Some(Hint::Utf16("UTF-32"))),
            (b"\0\0\xfe\xff\0\0\0h", Some(Hint::Utf16("UTF-32"))),
            (b"h\0\0\0t\0\0\0", Some(Hint::Binary)),
            (b"h\0", None),
            (b"%PDF-1.7\n", Some(Hint::Binary)),
            (b"\x89PNG\r\n", Some(Hint::Binary)),
            (b"\x7fELF\x02", Some(Hint::Binary)),
            (b"SQLite format 3\0", Some(Hint::Binary)),
            (b"list.txt\0\0 644\0", Some(Hint::Binary)),
            (b"http://a.example/\nb\0", None),
            (b"http://a.example/\0http://b.example/\0", None),
            (b"<?xml version=\"1.0\"?>\n<urlset>", Some(Hint::Markup)),
            (b"\xef\xbb\xbf\n <!DOCTYPE html>", Some(Hint::Markup)),
            (b"<html>", Some(Hint::Markup)),
            (b"<loc>http://a.example/</loc>\n", Some(Hint::Markup)),
            (b"[\"http://a.example/\"]", Some(Hint::JsonUrls)),
            (b"[\n  \"http://a.example/\",\n", Some(Hint::JsonUrls)),
            (
                b"[{\"url\": \"http://a.example/\"}]",
                Some(Hint::JsonObjects),
            ),
            (
                b"{\n  \"url\": \"http://a.example/\"\n}\n",
                Some(Hint::JsonObject),
            ),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
                Some(Hint::LfsPointer),
            ),
            (b"# Netscape HTTP Cookie File\n", Some(Hint::CookieFile)),
            (
                b"http://a.example/\rhttp://b.example/\r",
                Some(Hint::CarriageReturns),
            ),
            (
                b"url,source\nhttp://a.example/,web\n",
                Some(Hint::Table("csv")),
            ),
            (
                b"id\tURL\r\n1\thttp://a.example/\n",
                Some(Hint::Table("tsv")),
            ),
            (b"\"id\",\"url\"\n", Some(Hint::Table("csv"))),
            (b"id,url", None),
        ] {
            let shown = String::from_utf8_lossy(first);
            assert_eq!(SourceHint::of(first), expected, "{shown:?}");
        }
    }

    #[test]
    fn a_hint_has_the_command_that_makes_a_list() {
        for (hint, source, options, expected) in [
            (
                SourceHint::Compressed("gzip", "zcat"),
                "list.gz",
                "",
                "list.gz: looks like gzip, not like a list of URLs; try: zcat list.gz | fetch -",
            ),
            (
                SourceHint::Compressed("gzip", "zcat"),
                "-",
                "",
                "-: looks like gzip, not like a list of URLs; try: zcat | fetch -",
            ),
            (
                SourceHint::Utf16("UTF-16"),
                "my list.txt",
                "",
                "my list.txt: looks like UTF-16, not like a list of URLs; try: iconv -f UTF-16 -t UTF-8 'my list.txt' | fetch -",
            ),
            (
                SourceHint::CarriageReturns,
                "mac.txt",
                "",
                r"mac.txt: looks like lines that end in CR alone, not like a list of URLs; try: tr '\r' '\n' < mac.txt | fetch -",
            ),
            (
                SourceHint::JsonObjects,
                "a.json",
                "",
                "a.json: looks like a JSON array, not like a list of URLs; try: jq -r '.[].url' a.json | fetch -",
            ),
            (
                SourceHint::Compressed("gzip", "zcat"),
                "t.csv.gz",
                " --input csv",
                "t.csv.gz: looks like gzip, not like a list of URLs; try: zcat t.csv.gz | fetch - --input csv",
            ),
            (
                SourceHint::CarriageReturns,
                "-",
                " --input tsv",
                r"-: looks like lines that end in CR alone, not like a list of URLs; try: tr '\r' '\n' | fetch - --input tsv",
            ),
            (
                SourceHint::Markup,
                "a.html",
                " --input csv",
                r#"a.html: looks like XML or HTML, not like a list of URLs; try: grep -oE 'https?://[^"<> ]+' a.html | sed 's/&amp;/\&/g' | fetch -"#,
            ),
            (
                SourceHint::Compressed("zip", "unzip -p"),
                "-",
                "",
                "-: looks like zip, not like a list of URLs; unpack it first",
            ),
            (
                SourceHint::Table("csv"),
                "-",
                "",
                "-: looks like a table, not like a list of URLs; with a header that names the column url, try: fetch - --input csv",
            ),
        ] {
            assert_eq!(hint.describe(source, options), expected);
        }
    }

    #[test]
    fn a_source_is_something_else_if_half_of_its_lines_are() {
        let spaces = Some(SourceHint::Spaces);
        for (lines, expected) in [
            (&[spaces, spaces][..], None),
            (&[spaces, spaces, spaces], spaces),
            (&[None, None, None, None, spaces, spaces, spaces], None),
            (&[None, None, None, spaces, spaces, spaces], spaces),
            (&[spaces, Some(SourceHint::Text), spaces, None], None),
            (
                &[Some(SourceHint::CarriageReturns)],
                Some(SourceHint::CarriageReturns),
            ),
        ] {
            let mut watch = SourceWatch::default();
            for &line in lines {
                watch.saw_input(line);
            }
            assert_eq!(watch.take_hint(), expected, "{lines:?}");
            assert_eq!(watch.take_hint(), None, "once");
        }
    }

    #[test]
    fn first_bytes_may_come_one_by_one() {
        let mut watch = SourceWatch::default();
        for byte in b"<!DOCTYPE html>" {
            watch.saw_bytes(&[*byte]);
        }
        assert_eq!(watch.take_hint(), Some(SourceHint::Markup));
    }
}
