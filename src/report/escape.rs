//! Escapes text from servers and lists, so that it cannot control a terminal or break a line.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::model::text::is_unsafe;

/// Whether `text` is printable ASCII. It does not stop at the first byte that is not: without
/// an early exit the compiler checks many bytes with one instruction.
fn is_plain(text: &[u8]) -> bool {
    let is_plain = |byte: &u8| (0x20..0x7f).contains(byte);
    text.iter().fold(true, |all, byte| all & is_plain(byte))
}

fn escape_with(
    text: &str,
    is_unsafe: impl Fn(char) -> bool,
    mut escape: impl FnMut(&mut String, char),
) -> Cow<'_, str> {
    if is_plain(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            escape(&mut escaped, c);
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Replaces control and invisible characters by escapes: `\n`, `\t`, `\x1b`, `\u{202e}`.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    escape_with(text, is_unsafe, |escaped, c| {
        let _ = match c {
            '\n' => escaped.write_str("\\n"),
            '\t' => escaped.write_str("\\t"),
            '\r' => escaped.write_str("\\r"),
            c if u32::from(c) < 0x100 => write!(escaped, "\\x{:02x}", u32::from(c)),
            c => write!(escaped, "\\u{{{:x}}}", u32::from(c)),
        };
    })
}

/// As [`escape`], but leaves tabs, which a terminal shows as what they are.
pub(super) fn escape_line(line: &str) -> String {
    let pieces: Vec<_> = line.split('\t').map(escape).collect();
    pieces.join("\t")
}

/// As [`escape`], and replaces white space by `%20`, so that awk sees one field.
pub(super) fn escape_field(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_whitespace) {
        return escape(text);
    }
    let blank = |c: char| c.is_whitespace() && !c.is_control();
    escape(&text.replace(blank, "%20")).into_owned().into()
}

/// Replaces, in the JSON that begins at `start`, what JSON allows in a string but a terminal
/// should not see by `\uXXXX`.
pub(super) fn escape_json(json: &mut Vec<u8>, start: usize) {
    if is_plain(&json[start..]) {
        return;
    }
    let text = String::from_utf8(json.split_off(start)).unwrap_or_default();
    let escaped = escape_with(&text, is_unsafe, |escaped, c| {
        // White space between tokens, from the `meta` of an input line: inside a JSON string
        // it is always escaped.
        if matches!(c, '\t' | '\n' | '\r') {
            return escaped.push(' ');
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    });
    json.extend_from_slice(escaped.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unsafe_is_left() {
        for (text, escaped, field) in [
            ("plain ~", "plain ~", "plain%20~"),
            ("ü→😀", "ü→😀", "ü→😀"),
            ("\x1b[2J", "\\x1b[2J", "\\x1b[2J"),
            ("a\tb\nc\rd", "a\\tb\\nc\\rd", "a\\tb\\nc\\rd"),
            ("\u{9b}31m\u{7f}", "\\x9b31m\\x7f", "\\x9b31m\\x7f"),
            ("a\u{202e}b", "a\\u{202e}b", "a\\u{202e}b"),
            ("a\u{3000}b", "a\u{3000}b", "a%20b"),
        ] {
            assert_eq!(escape(text), escaped);
            assert_eq!(escape_field(text), field);
        }
        for (text, escaped) in [
            ("plain ~", "plain ~"),
            ("a\u{9b}\u{202e}\u{e0001}", "a\\u009b\\u202e\\udb40\\udc01"),
            ("ü\u{7f}", "ü\\u007f"),
            ("[1,\r\t2]", "[1,  2]"),
        ] {
            let mut bytes = [b"\n", text.as_bytes()].concat();
            escape_json(&mut bytes, 1);
            assert_eq!(bytes, [b"\n", escaped.as_bytes()].concat());
        }
    }
}
