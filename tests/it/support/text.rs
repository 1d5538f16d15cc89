//! Normalises texts, and searches them for what must not be in them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::CANARY;

/// The shell scripts in a document: its blocks marked `sh`.
pub(crate) fn scripts(document: &str) -> impl Iterator<Item = &str> {
    let blocks = document.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap())
}

/// The lines of a document that a user would type into a shell.
pub(crate) fn commands(document: &str) -> impl Iterator<Item = &str> {
    scripts(document).flat_map(str::lines)
}

/// Replaces decimal fractions by `T` and the ports of servers by `PORT`.
pub(crate) fn normalised(text: &str, ports: &[u16]) -> String {
    let mut text = text.to_owned();
    for port in ports {
        text = text.replace(&format!(":{port}"), ":PORT");
    }
    let mut result = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|character: char| character.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        let end = number
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(number.len());
        let number = number[..end].trim_end_matches('.');
        result += before;
        result += if number.matches('.').count() == 1 {
            "T"
        } else {
            number
        };
        rest = &rest[at + number.len()..];
    }
    result + rest
}

/// Asserts that two contents are the same, and otherwise shows where they differ: they may be too large to be shown.
#[track_caller]
pub(crate) fn assert_same(found: impl AsRef<[u8]>, expected: impl AsRef<[u8]>) {
    let (found, expected) = (found.as_ref(), expected.as_ref());
    let differ = |(one, other)| one != other;
    assert!(
        found == expected,
        "{} bytes in place of {}, with the first difference at {:?}",
        found.len(),
        expected.len(),
        found.iter().zip(expected).position(differ)
    );
}

/// Whether a character controls a terminal or misleads a reader.
fn is_dangerous(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\t')
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[track_caller]
pub(crate) fn assert_harmless(what: &str, text: &str) {
    if let Some(character) = text.chars().find(|character| is_dangerous(*character)) {
        panic!(
            "U+{:04X} unescaped in {what}: {text:?}",
            u32::from(character)
        );
    }
}

/// Whether the text contains the secret in any form in which tests pass it.
pub(crate) fn canary_in(text: &str) -> bool {
    let encoded = STANDARD.encode(format!("user:{CANARY}"));
    let bare = STANDARD.encode(CANARY);
    [
        CANARY,
        encoded.trim_end_matches('='),
        bare.trim_end_matches('='),
    ]
    .iter()
    .any(|form| text.contains(form))
}

#[track_caller]
pub(crate) fn assert_no_canary(what: &str, text: &str) {
    assert!(!canary_in(text), "the secret is in {what}: {text}");
}

/// The SHA-256 in lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes.as_ref())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Bytes of which no two stretches look alike.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_be_bytes).take(length).collect()
}
