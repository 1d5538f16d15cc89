//! What an error of HTTP/2 means, in words for the user.

use h2::Reason;

/// Whose error it is, and what it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The server ended the stream of the request.
    ServerReset,
    /// The server ended the connection.
    ServerLeft,
    /// What the server sent breaks a rule.
    Malformed,
    /// The request cannot be sent.
    Unsent,
}

/// Says what an error of HTTP/2 means for the user; `None` for one of the connection below, which says more.
pub(super) fn http2_words(error: &h2::Error) -> Option<String> {
    if error.is_io() {
        return None;
    }
    let ending = match (error.is_remote(), error.is_go_away()) {
        (true, true) => Ending::ServerLeft,
        (true, false) => Ending::ServerReset,
        _ if error.reason().is_none() => Ending::Unsent,
        _ => Ending::Malformed,
    };
    Some(words(ending, error.reason()))
}

fn words(ending: Ending, reason: Option<Reason>) -> String {
    let code = match reason {
        Some(Reason::NO_ERROR) | None => String::new(),
        Some(reason) => match name(reason) {
            Some(name) => format!(" ({name})"),
            None => format!(" (error {} of HTTP/2)", u32::from(reason)),
        },
    };
    match ending {
        Ending::ServerReset if reason == Some(Reason::REFUSED_STREAM) => {
            format!("the server refused the request{code}")
        }
        Ending::ServerReset => format!("the server gave up the request{code}"),
        Ending::ServerLeft => format!("the server closed the HTTP/2 connection{code}"),
        Ending::Malformed => format!("the response breaks a rule of HTTP/2{code}"),
        Ending::Unsent => "the request cannot be sent over HTTP/2".to_owned(),
    }
}

/// Returns the name of an error code (RFC 9113, section 7).
fn name(reason: Reason) -> Option<&'static str> {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    let code = usize::try_from(u32::from(reason)).ok()?;
    NAMES.get(code).copied()
}

#[cfg(test)]
mod tests {
    use super::super::plain_words::assert_plain;
    use super::*;

    #[test]
    fn errors_of_http_2_say_who_ended_what_and_why() {
        for (ending, code, expected) in [
            (
                Ending::ServerReset,
                2,
                "the server gave up the request (INTERNAL_ERROR)",
            ),
            (Ending::ServerReset, 0, "the server gave up the request"),
            (
                Ending::ServerReset,
                7,
                "the server refused the request (REFUSED_STREAM)",
            ),
            (
                Ending::ServerLeft,
                11,
                "the server closed the HTTP/2 connection (ENHANCE_YOUR_CALM)",
            ),
            (
                Ending::Malformed,
                1,
                "the response breaks a rule of HTTP/2 (PROTOCOL_ERROR)",
            ),
            (
                Ending::ServerReset,
                77,
                "the server gave up the request (error 77 of HTTP/2)",
            ),
        ] {
            assert_eq!(words(ending, Some(code.into())), expected);
        }
    }

    #[test]
    fn no_error_of_http_2_shows_the_words_of_the_library() {
        for code in 0..20 {
            let error = h2::Error::from(Reason::from(code));
            let words = http2_words(&error).unwrap_or_default();
            assert_plain(&words, &error.to_string());
        }
    }
}
