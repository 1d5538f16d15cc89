//! What an error of TLS means, in words for the user.
//!
//! The library writes many of its errors in their `Debug` form; none of that is shown.

use std::time::{Duration, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;
use rustls::pki_types::UnixTime;
use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerMisbehaved,
};

/// Says what an error of the TLS library means for the user.
pub(super) fn tls_words(error: &Error, is_of_proxy: bool) -> String {
    let peer = if is_of_proxy {
        "the proxy"
    } else {
        "the server"
    };
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) if is_of_proxy => {
            "the proxy does not speak TLS on this port: write --proxy http://".to_owned()
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the server does not speak TLS on this port: use http://".to_owned()
        }
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => {
            format!("{peer} sent a TLS message that is not valid")
        }
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            format!("{peer} sent a TLS message out of order")
        }
        Error::DecryptError => format!("{peer} sent a TLS message that cannot be decrypted"),
        Error::NoCertificatesPresented => format!("{peer} sent no certificate"),
        Error::AlertReceived(alert) => alert_words(*alert, peer),
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => format!(
            "{peer} and fetch have no version or cipher of TLS in common; TLS 1.2 or 1.3 is required"
        ),
        Error::PeerMisbehaved(how) => match misbehavior(how) {
            Some(what) => format!("{peer} violated the TLS protocol: {what}"),
            None => format!("{peer} violated the TLS protocol"),
        },
        Error::InvalidCertificate(error) => certificate_words(error, is_of_proxy),
        Error::InvalidCertRevocationList(_) => {
            format!("{peer} has a certificate whose revocation list is not valid")
        }
        Error::FailedToGetCurrentTime => "the time of the system cannot be read".to_owned(),
        Error::FailedToGetRandomBytes => "the system provides no random numbers".to_owned(),
        Error::General(text) if text.starts_with("No CA certificates") => {
            "this system has no trusted certificates; use --cacert".to_owned()
        }
        // None of the others is due to what a server or a user does.
        _ => "TLS failed".to_owned(),
    }
}

/// Says what an alert of the other side means (RFC 8446, section 6).
fn alert_words(alert: AlertDescription, peer: &str) -> String {
    use AlertDescription as Alert;
    let why = match alert {
        Alert::CertificateRequired => {
            return format!("{peer} requires a client certificate: use --cert");
        }
        Alert::HandshakeFailure => {
            return format!(
                "{peer} refused TLS: no common cipher or version, or a client certificate is required (--cert)"
            );
        }
        Alert::UnknownCA => return format!("{peer} does not trust the client certificate"),
        Alert::ProtocolVersion => {
            return format!("{peer} needs a TLS version before 1.2, which is not supported");
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown => "it does not accept the client certificate",
        Alert::AccessDenied => "access denied",
        Alert::InsufficientSecurity => "the ciphers offered are not strong enough for it",
        Alert::InternalError => "internal error",
        Alert::NoApplicationProtocol => "it speaks none of the HTTP versions offered",
        Alert::UnrecognisedName => "it does not know this host",
        Alert::UserCanceled => "it gave up the handshake",
        Alert::UnexpectedMessage
        | Alert::BadRecordMac
        | Alert::DecryptionFailed
        | Alert::RecordOverflow
        | Alert::DecompressionFailure
        | Alert::IllegalParameter
        | Alert::DecodeError
        | Alert::DecryptError
        | Alert::MissingExtension
        | Alert::UnsupportedExtension => "it does not accept a message of the handshake",
        _ => return format!("{peer} refused TLS (alert {})", u8::from(alert)),
    };
    format!("{peer} refused TLS: {why} (alert {})", u8::from(alert))
}

/// Says which rule of TLS the other side broke, by kind.
fn misbehavior(how: &PeerMisbehaved) -> Option<&'static str> {
    use PeerMisbehaved as How;
    Some(match how {
        How::AttemptedDowngradeToTls12WhenTls13IsSupported => {
            "it supports TLS 1.3 and chose 1.2, as in a downgrade attack"
        }
        How::SelectedUnofferedCipherSuite | How::SelectedUnusableCipherSuiteForVersion => {
            "it chose a cipher that was not offered"
        }
        How::SelectedUnofferedApplicationProtocol => {
            "it chose an HTTP version that was not offered"
        }
        How::SelectedUnofferedCertCompression
        | How::SelectedUnofferedCompression
        | How::SelectedUnofferedKxGroup
        | How::SelectedUnofferedPsk
        | How::SelectedInvalidPsk
        | How::SelectedTls12UsingTls13VersionExtension => "it chose what was not offered",
        How::UnsolicitedCertExtension
        | How::UnsolicitedEncryptedExtension
        | How::UnsolicitedSctList
        | How::UnsolicitedServerHelloExtension
        | How::UnsolicitedEchExtension
        | How::DisallowedEncryptedExtension
        | How::UnexpectedCleartextExtension => "it sent an extension that is not allowed",
        How::IllegalHelloRetryRequestWithEmptyCookie
        | How::IllegalHelloRetryRequestWithNoChanges
        | How::IllegalHelloRetryRequestWithOfferedGroup
        | How::IllegalHelloRetryRequestWithUnofferedCipherSuite
        | How::IllegalHelloRetryRequestWithUnofferedNamedGroup
        | How::IllegalHelloRetryRequestWithUnsupportedVersion
        | How::IllegalHelloRetryRequestWithWrongSessionId
        | How::IllegalHelloRetryRequestWithInvalidEch => {
            "its request for another handshake is not valid"
        }
        How::SignedKxWithWrongAlgorithm | How::SignedHandshakeWithUnadvertisedSigScheme => {
            "its signature has an algorithm that was not offered"
        }
        How::InvalidKeyShare | How::MissingKeyShare | How::WrongGroupForKeyShare => {
            "its part of the key exchange is not valid"
        }
        How::TooManyEmptyFragments
        | How::TooManyKeyUpdateRequests
        | How::TooManyRenegotiationRequests
        | How::TooManyWarningAlertsReceived => "it sent too many messages of one kind",
        _ => return None,
    })
}

/// Says why a certificate is not trusted.
fn certificate_words(error: &CertificateError, is_of_proxy: bool) -> String {
    use CertificateError as Reason;
    let certificate = if is_of_proxy {
        "the proxy's certificate"
    } else {
        "the certificate"
    };
    let why = match error {
        Reason::ExpiredContext { not_after, .. } => {
            return format!("{certificate} expired on {}", date(*not_after));
        }
        Reason::NotValidYetContext { not_before, .. } => {
            return format!("{certificate} is not valid before {}", date(*not_before));
        }
        Reason::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            return match names(presented) {
                Some(names) => format!("{certificate} is for {names}, not {expected}"),
                None => format!("{certificate} names no host, so it is not for {expected}"),
            };
        }
        // --insecure is not meant for proxies.
        Reason::UnknownIssuer if is_of_proxy => "its issuer is unknown; use --cacert",
        Reason::UnknownIssuer => "its issuer is unknown; use --cacert or --insecure",
        Reason::BadSignature => "its signature is wrong",
        Reason::BadEncoding => "it cannot be read",
        Reason::Expired => "it has expired",
        Reason::NotValidYet => "it is not valid yet",
        Reason::NotValidForName => "it is for another host",
        Reason::Revoked => "it was revoked",
        Reason::UnhandledCriticalExtension => "it has a critical extension that is not supported",
        Reason::UnknownRevocationStatus => "whether it was revoked is not known",
        Reason::ExpiredRevocationList | Reason::ExpiredRevocationListContext { .. } => {
            "its revocation list has expired"
        }
        Reason::UnsupportedSignatureAlgorithmContext { .. }
        | Reason::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => UNSUPPORTED_SIGNATURE,
        Reason::InvalidPurpose | Reason::InvalidPurposeContext { .. } => {
            "it is not meant for servers"
        }
        Reason::InvalidOcspResponse => "what was sent about its revocation is not valid",
        Reason::Other(OtherError(error)) => rule_words(&format!("{error:?}")),
        _ => "the verification refused it",
    };
    format!("{certificate} is not trusted: {why}")
}

const UNSUPPORTED_SIGNATURE: &str = "its signature has an algorithm that is not supported";

/// Says which rule a certificate or a chain breaks. webpki, which is no dependency of ours, shows that in the `Debug` form
/// of its errors.
fn rule_words(debug: &str) -> &'static str {
    match debug {
        "CaUsedAsEndEntity" => "it is that of an authority",
        "EndEntityUsedAsCa" => "an issuer in its chain is no authority",
        "NameConstraintViolation" => "an issuer in its chain may not issue it for this host",
        "PathLenConstraintViolated" | "MaximumPathDepthExceeded" => "its chain is too long",
        "UnsupportedCertVersion" => "it is of an old version; version 3 is required",
        "SignatureAlgorithmMismatch" => UNSUPPORTED_SIGNATURE,
        _ if debug.starts_with("Maximum") => "its chain takes too long to verify",
        _ => "it breaks a rule for certificates (RFC 5280)",
    }
}

/// Returns the day of `time` in UTC.
fn date(time: UnixTime) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
    let text = time.map(|time| format_rfc3339_seconds(time).to_string());
    let date = text.as_deref().and_then(|text| text.split('T').next());
    date.unwrap_or("an unknown day").to_owned()
}

/// How many names of a certificate a message shows.
const MAX_NAMES: usize = 5;

/// Lists the names in a certificate, which the TLS library writes as `DnsName("localhost")` and
/// `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> Option<String> {
    let bare = |name: &String| {
        let inner = name
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"').to_owned()
    };
    let mut shown: Vec<_> = presented.iter().take(MAX_NAMES).map(bare).collect();
    if presented.len() > MAX_NAMES {
        shown.push(format!("{} others", presented.len() - MAX_NAMES));
    }
    let last = shown.pop()?;
    Some(if shown.is_empty() {
        last
    } else {
        format!("{} and {last}", shown.join(", "))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io;
    use std::sync::Arc;

    use rustls::pki_types::ServerName;
    use rustls::{
        CertRevocationListError, ContentType, EncryptedClientHelloError, HandshakeType,
        InconsistentKeys, PeerIncompatible,
    };

    use super::super::plain_words::assert_plain;
    use super::*;

    fn certificate_errors() -> Vec<CertificateError> {
        use CertificateError::*;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(1_000_000_000));
        let webpki = |text: &'static str| Other(OtherError(Arc::new(io::Error::other(text))));
        vec![
            BadEncoding,
            Expired,
            ExpiredContext {
                time,
                not_after: time,
            },
            NotValidYet,
            NotValidYetContext {
                time,
                not_before: time,
            },
            Revoked,
            UnhandledCriticalExtension,
            UnknownIssuer,
            UnknownRevocationStatus,
            ExpiredRevocationList,
            ExpiredRevocationListContext {
                time,
                next_update: time,
            },
            BadSignature,
            UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: vec![1],
                supported_algorithms: vec![],
            },
            UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: vec![1],
                public_key_algorithm_id: vec![1],
            },
            NotValidForName,
            NotValidForNameContext {
                expected: ServerName::try_from("a.example").unwrap(),
                presented: vec!["DnsName(\"b.example\")".to_owned()],
            },
            NotValidForNameContext {
                expected: ServerName::try_from("a.example").unwrap(),
                presented: vec![],
            },
            InvalidPurpose,
            InvalidPurposeContext {
                required: rustls::ExtendedKeyPurpose::ServerAuth,
                presented: vec![],
            },
            InvalidOcspResponse,
            ApplicationVerificationFailure,
            webpki("ExtensionValueInvalid"),
        ]
    }

    fn misbehaviors() -> Vec<PeerMisbehaved> {
        use PeerMisbehaved::*;
        vec![
            AttemptedDowngradeToTls12WhenTls13IsSupported,
            BadCertChainExtensions,
            SelectedUnofferedCipherSuite,
            SelectedUnofferedApplicationProtocol,
            SelectedUnofferedKxGroup,
            SelectedUnofferedPsk,
            UnsolicitedServerHelloExtension,
            IllegalHelloRetryRequestWithNoChanges,
            SignedKxWithWrongAlgorithm,
            InvalidKeyShare,
            TooManyWarningAlertsReceived,
            MessageInterleavedWithHandshakeMessage,
        ]
    }

    fn errors() -> Vec<Error> {
        let mut errors = vec![
            Error::InappropriateMessage {
                expect_types: vec![ContentType::Alert],
                got_type: ContentType::Handshake,
            },
            Error::InappropriateHandshakeMessage {
                expect_types: vec![HandshakeType::ServerHello],
                got_type: HandshakeType::Certificate,
            },
            Error::InvalidEncryptedClientHello(EncryptedClientHelloError::SniRequired),
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            Error::InvalidMessage(InvalidMessage::MissingData("ServerHelloPayload")),
            Error::NoCertificatesPresented,
            Error::UnsupportedNameType,
            Error::DecryptError,
            Error::EncryptError,
            Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
            Error::InvalidCertRevocationList(CertRevocationListError::ParseError),
            Error::General("No CA certificates were loaded from the system".to_owned()),
            Error::General("InnerWords".to_owned()),
            Error::FailedToGetCurrentTime,
            Error::FailedToGetRandomBytes,
            Error::HandshakeNotComplete,
            Error::PeerSentOversizedRecord,
            Error::NoApplicationProtocol,
            Error::BadMaxFragmentSize,
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
            Error::Other(OtherError(Arc::new(io::Error::other("InnerWords")))),
        ];
        let alerts = (0..=u8::MAX).map(|code| Error::AlertReceived(code.into()));
        errors.extend(alerts);
        errors.extend(misbehaviors().into_iter().map(Error::PeerMisbehaved));
        errors.extend(
            certificate_errors()
                .into_iter()
                .map(Error::InvalidCertificate),
        );
        errors
    }

    #[test]
    fn no_error_of_tls_shows_the_words_of_the_library() {
        for error in errors() {
            for is_of_proxy in [false, true] {
                assert_plain(&tls_words(&error, is_of_proxy), &format!("{error:?}"));
            }
        }
        for rule in [
            "CaUsedAsEndEntity",
            "EndEntityUsedAsCa",
            "NameConstraintViolation",
            "PathLenConstraintViolated",
            "MaximumSignatureChecksExceeded",
            "UnsupportedCertVersion",
            "TrailingData(Certificate)",
        ] {
            assert_plain(rule_words(rule), rule);
        }
    }

    #[test]
    fn errors_of_tls_say_what_happened() {
        for (error, words) in [
            (
                Error::AlertReceived(AlertDescription::InternalError),
                "the server refused TLS: internal error (alert 80)",
            ),
            (
                Error::AlertReceived(99.into()),
                "the server refused TLS (alert 99)",
            ),
            (
                Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedCipherSuite),
                "the server violated the TLS protocol: it chose a cipher that was not offered",
            ),
            (
                Error::InvalidCertificate(CertificateError::Revoked),
                "the certificate is not trusted: it was revoked",
            ),
        ] {
            assert_eq!(tls_words(&error, false), words);
        }
    }
}
