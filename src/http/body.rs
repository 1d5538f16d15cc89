//! The body of an answer: decoded, counted, hashed, never gathered unless asked for.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use bytes::Bytes;
use futures::{TryStreamExt, stream};
use http_body::Body as _;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use reqwest::{Body, Response, Version};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _};
use tokio_util::io::StreamReader;

use super::clock::ExchangeClock;
use super::{Capture, SizeLimit};
use crate::model::body_sink::{BodySink, ChecksumError};
use crate::model::error::Failure;

/// What is taken out of a decoder at a time.
const DECODED: usize = 16 * 1024;

/// Why a body is not whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error(transparent)]
    Read(#[from] reqwest::Error),
    #[error("cannot be decoded as {0}: {1}")]
    Decode(Coding, #[source] io::Error),
    #[error("something follows the end of what is coded as {0}")]
    Trailing(Coding),
    #[error("Content-Encoding: {0}: cannot be decoded")]
    Coding(String),
    #[error("Transfer-Encoding: {0}: cannot be decoded")]
    Transfer(String),
    #[error("the stream was reset before the end of the body")]
    Cut,
    #[error("larger than {} bytes ({})", .0.bytes, .0.remedy)]
    TooLarge(SizeLimit),
    #[error("not as long as its Content-Range says")]
    Length,
    #[error(transparent)]
    Checksum(#[from] ChecksumError),
    #[error("{0}")]
    Save(Failure),
}

/// 8 MiB, the most that a sender may ask for (RFC 9659, section 3).
const ZSTD_WINDOW_LOG: u32 = 23;

/// A coding of RFC 9110, section 8.4.1, RFC 7932 or RFC 8878.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl std::fmt::Display for Coding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        })
    }
}

/// `StatusSet-Encoding` for what can be decoded.
pub const CODINGS: &str = "gzip, deflate, br, zstd";

impl Coding {
    /// The one coding of an answer; stacked and unknown ones are an error.
    fn of(headers: &HeaderMap) -> Result<Option<Self>, BodyError> {
        let values: Vec<_> = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
            .collect();
        // Empty elements of a list say nothing (RFC 9110, section 5.6.1.2).
        let values = values.join(",");
        let codings = values.split(',').map(str::trim);
        let codings: Vec<_> = codings.filter(|coding| !coding.is_empty()).collect();
        match codings.join(", ").as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "deflate" => Ok(Some(Self::Deflate)),
            "br" => Ok(Some(Self::Brotli)),
            "zstd" => Ok(Some(Self::Zstd)),
            other => Err(BodyError::Coding(other.to_owned())),
        }
    }

    /// The decoder of what begins with the byte `first`.
    fn decoder<'a>(
        self,
        first: u8,
        coded: impl AsyncBufRead + Unpin + 'a,
    ) -> Box<dyn AsyncRead + Unpin + 'a> {
        match self {
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(coded);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
            Self::Deflate if is_zlib(first) => Box::new(ZlibDecoder::new(coded)),
            Self::Deflate => Box::new(DeflateDecoder::new(coded)),
            Self::Brotli => Box::new(BrotliDecoder::new(coded)),
            Self::Zstd => {
                let window = DParameter::window_log_max(ZSTD_WINDOW_LOG);
                let mut decoder = ZstdDecoder::with_params(coded, &[window]);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
        }
    }
}

/// Whether `first` begins the envelope of RFC 1950. Some servers leave it out, and browsers bear it.
fn is_zlib(first: u8) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7
}

/// What a body left behind, as far as it came.
#[derive(Debug)]
pub(super) struct Received {
    /// Bytes, after decoding.
    pub(super) size: u64,
    kept: Option<Vec<u8>>,
    /// Boxed: few ask for it, and every request on the wire has room for one.
    hash: Option<Box<Sha256>>,
    limit: Option<SizeLimit>,
    /// Where the body is saved to.
    pub(super) sink: Option<Box<dyn BodySink>>,
}

impl Received {
    pub(super) fn new(keep: Capture, limit: Option<SizeLimit>) -> Self {
        Self {
            size: 0,
            kept: keep.body.then(Vec::new),
            hash: keep.sha256.then(Box::default),
            limit,
            sink: None,
        }
    }

    /// The body becomes a file, of which an earlier attempt left the first `size` bytes.
    pub(super) fn save(&mut self, sink: Box<dyn BodySink>, size: u64) {
        // The sink has it hashed, where that does not hold up the network.
        self.hash = None;
        self.size = size;
        self.sink = Some(sink);
    }

    /// The hash of what has come.
    pub(super) fn sha256(&self) -> Option<[u8; 32]> {
        let hash = Sha256::clone(self.hash.as_deref()?);
        Some(hash.finalize().into())
    }

    /// The kept body.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        self.kept
    }

    /// Takes the next piece. Returns the sink to write it to, if the body is saved.
    fn take(&mut self, bytes: &[u8]) -> Result<Option<&mut dyn BodySink>, BodyError> {
        self.size += bytes.len() as u64;
        if let Some(limit) = self.limit.filter(|limit| self.size > limit.bytes) {
            return Err(BodyError::TooLarge(limit));
        }
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        Ok(match &mut self.sink {
            Some(sink) => Some(sink.as_mut()),
            None => None,
        })
    }
}

/// Looks for transfer codings that hyper lets through as they are: it knows `chunked` only.
pub(super) fn check_transfer(headers: &HeaderMap) -> Result<(), BodyError> {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    let unknown = |value: &&HeaderValue| {
        let is = |coding: &[u8]| value.as_bytes().eq_ignore_ascii_case(coding);
        !is(b"chunked") && !is(b"identity")
    };
    match values.find(unknown) {
        None => Ok(()),
        Some(value) => {
            let coding = String::from_utf8_lossy(value.as_bytes());
            Err(BodyError::Transfer(coding.into_owned()))
        }
    }
}

/// Reads the body of `response` to its end into `received`; `uploaded` is whether the request had content.
pub(super) async fn receive(
    response: Box<Response>,
    decode: bool,
    uploaded: bool,
    clock: &ExchangeClock,
    received: &mut Received,
) -> Result<(), BodyError> {
    let coding = if decode {
        Coding::of(response.headers())
    } else {
        Ok(None)
    };
    let over_http2 = response.version() == Version::HTTP_2;
    let mut body = Body::from(*response);
    match coding {
        Ok(None) => receive_plain(&mut body, clock, received).await?,
        // Few need it, and all would have to hold the room.
        Ok(Some(coding)) => {
            Box::pin(receive_coded(&mut body, coding, clock, received)).await?;
        }
        // An answer without content, to HEAD say, is not coded, whatever it says.
        Err(error) => {
            let data = poll_fn(|cx| poll_data(&mut body, clock, cx)).await;
            data.map_or(Ok(()), |_| Err(error))?;
        }
    }
    if over_http2 && is_cut(&body, uploaded) {
        return Err(BodyError::Cut);
    }
    Ok(())
}

/// Whether the stream of `body` was reset before its end: hyper takes that for the end
/// where the server calls it no error, which it may once it wants no more of what
/// it is sent (RFC 9113, section 8.1).
fn is_cut(body: &Body, uploaded: bool) -> bool {
    !body.is_end_stream() && (!uploaded || body.size_hint().lower() > 0)
}

/// The next piece of `body`.
fn poll_data(
    body: &mut Body,
    clock: &ExchangeClock,
    cx: &mut Context<'_>,
) -> Poll<Option<reqwest::Result<Bytes>>> {
    loop {
        let frame = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        clock.heard();
        if let Ok(data) = frame.into_data() {
            return Poll::Ready(Some(Ok(data)));
        }
    }
}

async fn receive_plain(
    body: &mut Body,
    clock: &ExchangeClock,
    received: &mut Received,
) -> Result<(), BodyError> {
    loop {
        let piece = poll_fn(|cx| poll_data(body, clock, cx)).await;
        let Some(piece) = piece.transpose()? else {
            return Ok(());
        };
        if let Some(sink) = received.take(&piece)? {
            let written = clock.aside(sink.write(piece)).await;
            written.map_err(BodyError::Save)?;
        }
    }
}

async fn receive_coded(
    body: &mut Body,
    coding: Coding,
    clock: &ExchangeClock,
    received: &mut Received,
) -> Result<(), BodyError> {
    let coded = stream::poll_fn(|cx| poll_data(body, clock, cx)).map_err(io::Error::other);
    let mut coded = StreamReader::new(coded);
    let beginning = coded.fill_buf().await;
    let Some(&first) = beginning.map_err(|error| unwrap(error, coding))?.first() else {
        return Ok(());
    };
    let mut decoder = coding.decoder(first, &mut coded);
    let mut buffer = vec![0; DECODED];
    loop {
        // A bomb is decoded without waiting for the network: the others want their turn.
        tokio::task::consume_budget().await;
        match decoder.read(&mut buffer).await {
            Ok(0) => break,
            Ok(read) => {
                let piece = &buffer[..read];
                if let Some(sink) = received.take(piece)? {
                    let piece = Bytes::copy_from_slice(piece);
                    let written = clock.aside(sink.write(piece)).await;
                    written.map_err(BodyError::Save)?;
                }
            }
            Err(error) => return Err(unwrap(error, coding)),
        }
    }
    drop(decoder);
    // Not every coding ends where the body does.
    let rest = coded.fill_buf().await;
    if rest.map_err(|error| unwrap(error, coding))?.is_empty() {
        Ok(())
    } else {
        Err(BodyError::Trailing(coding))
    }
}

/// The connection's error where it is one, else the decoder's.
fn unwrap(error: io::Error, coding: Coding) -> BodyError {
    match error.downcast::<reqwest::Error>() {
        Ok(error) => BodyError::Read(error),
        Err(error) => BodyError::Decode(coding, error),
    }
}
