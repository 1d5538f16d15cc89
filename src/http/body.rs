//! Reads the body of a response: decodes, counts and hashes it, and passes it on piece by piece. It is
//! held in memory only where the record is to contain it.

use std::error::Error;
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
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, BufReader, ReadBuf};
use tokio::task::coop;
use tokio_util::io::StreamReader;

use super::clock::ExchangeClock;
use super::options::SizeLimit;
use crate::model::body_sink::{BodySink, ChecksumError};
use crate::model::capture::Capture;
use crate::model::captured_body::{BodyBudget, CapturedBody};
use crate::model::error::Failure;
use crate::model::live::LiveCounts;

/// How many bytes are taken out of a decoder at a time.
const DECODED: usize = 16 * 1024;

/// Why a body is incomplete or not acceptable.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error(transparent)]
    Read(#[from] reqwest::Error),
    #[error("the body is not valid {coding}{why}", coding = .0, why = ends_early(.1))]
    Decode(Coding, #[source] io::Error),
    #[error("cannot be decoded: {0}")]
    Coded(#[source] io::Error),
    #[error("data follows the end of the {0} stream")]
    Trailing(Coding),
    #[error("Content-Encoding: {0}: not supported")]
    Coding(String),
    #[error("Transfer-Encoding: {0}: not supported")]
    Transfer(String),
    #[error("the stream was reset before the end of the body")]
    Cut,
    #[error("larger than {} bytes ({})", .0.bytes, .0.remedy)]
    TooLarge(SizeLimit),
    #[error("its length differs from its Content-Range")]
    Length,
    #[error(transparent)]
    Checksum(#[from] ChecksumError),
    #[error("{0}")]
    Save(Failure),
}

/// Says that coded data ended too early, if that is what `error` says.
fn ends_early(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ": it ends too early",
        _ => "",
    }
}

/// The largest window of zstd: 8 MiB, the most that a sender may use (RFC 9659, section 3).
const ZSTD_WINDOW_LOG: u32 = 23;

/// A content coding (RFC 9110, section 8.4.1; RFC 7932; RFC 8878).
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

/// The value of `Accept-Encoding` for the codings that can be decoded.
pub const CODINGS: &str = "gzip, deflate, br, zstd";

/// The maximum number of codings of one body.
const CODINGS_AT_MOST: usize = 5;

impl Coding {
    /// Returns the codings of a response in the order in which they were applied. Unknown ones are an error.
    fn of(headers: &HeaderMap) -> Result<Vec<Self>, BodyError> {
        let values: Vec<_> = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
            .collect();
        let values = values.join(",");
        // Empty elements of a list are ignored (RFC 9110, section 5.6.1.2). `identity` and `none` are no codings, but
        // servers send them.
        let names: Vec<_> = values
            .split(',')
            .map(str::trim)
            .filter(|name| !matches!(*name, "" | "identity" | "none"))
            .collect();
        let codings: Option<Vec<_>> = names.iter().map(|name| Self::named(name)).collect();
        codings
            .filter(|codings| codings.len() <= CODINGS_AT_MOST)
            .ok_or_else(|| BodyError::Coding(names.join(", ")))
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns the decoder for data that begins with the byte `first`.
    fn decoder<'a>(self, first: u8, coded: CodedReader<'a>) -> Box<dyn Decoder + 'a> {
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

/// Data to be decoded.
type CodedReader<'a> = Box<dyn AsyncBufRead + Unpin + 'a>;

/// A decoder that lends the data it reads from.
trait Decoder: AsyncRead + Unpin {
    fn coded(&mut self) -> &mut (dyn AsyncBufRead + Unpin);
}

macro_rules! impl_decoder {
    ($($decoder:ident)*) => {$(
        impl Decoder for $decoder<CodedReader<'_>> {
            fn coded(&mut self) -> &mut (dyn AsyncBufRead + Unpin) {
                self.get_mut()
            }
        }
    )*};
}
impl_decoder!(BrotliDecoder DeflateDecoder GzipDecoder ZlibDecoder ZstdDecoder);

/// Undoes one coding. Data that follows the end of the coded data is an error. Every error contains a [`BodyError`].
struct Decoded<'a> {
    coding: Coding,
    decoder: Box<dyn Decoder + 'a>,
}

impl AsyncRead for Decoded<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Decoding a compression bomb does not wait for the network, and would starve the others.
        let coop = ready!(coop::poll_proceed(cx));
        let this = self.get_mut();
        let before = buffer.filled().len();
        let is_ours = |error: &io::Error| {
            let inner = error.get_ref();
            inner.is_some_and(<dyn Error + Send + Sync>::is::<BodyError>)
        };
        match ready!(Pin::new(&mut *this.decoder).poll_read(cx, buffer)) {
            Err(error) if is_ours(&error) => return Poll::Ready(Err(error)),
            Err(error) => {
                let error = BodyError::Decode(this.coding, error);
                return Poll::Ready(Err(io::Error::other(error)));
            }
            Ok(()) if buffer.filled().len() > before => {
                coop.made_progress();
                return Poll::Ready(Ok(()));
            }
            Ok(()) => {}
        }
        let rest = ready!(Pin::new(this.decoder.coded()).poll_fill_buf(cx))?;
        Poll::Ready(if rest.is_empty() {
            Ok(())
        } else {
            Err(io::Error::other(BodyError::Trailing(this.coding)))
        })
    }
}

/// Whether `first` begins the zlib format (RFC 1950). Some servers send bare deflate data, which browsers
/// accept.
fn is_zlib(first: u8) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7
}

/// A body as far as it has come.
#[derive(Debug)]
pub(super) struct ReceivedBody {
    /// Bytes so far, after decoding.
    pub(super) size: u64,
    kept: Option<CapturedBody>,
    /// Boxed, because few requests need it and every request in flight has room for one.
    hash: Option<Box<Sha256>>,
    limit: Option<SizeLimit>,
    /// Counts every piece as it arrives.
    live: LiveCounts,
    /// Where the body is saved.
    pub(super) sink: Option<Box<dyn BodySink>>,
}

impl ReceivedBody {
    pub(super) fn new(
        keep: Capture,
        limit: Option<SizeLimit>,
        budget: &BodyBudget,
        live: &LiveCounts,
    ) -> Self {
        Self {
            size: 0,
            kept: keep.body.then(|| CapturedBody::new(budget)),
            hash: keep.sha256.then(Box::default),
            limit,
            live: live.clone(),
            sink: None,
        }
    }

    /// Saves the body in `sink`. An earlier attempt left the first `size` bytes of it.
    pub(super) fn save(&mut self, sink: Box<dyn BodySink>, size: u64) {
        // The sink hashes it on its own thread, where that does not hold up the network.
        self.hash = None;
        self.size = size;
        self.sink = Some(sink);
    }

    /// Returns the SHA-256 of the body so far.
    pub(super) fn sha256(&self) -> Option<[u8; 32]> {
        let hash = Sha256::clone(self.hash.as_deref()?);
        Some(hash.finalize().into())
    }

    /// Returns the body, where it was to be captured.
    pub(super) fn into_captured(mut self) -> Option<CapturedBody> {
        if let Some(kept) = &mut self.kept {
            kept.finish();
        }
        self.kept
    }

    /// Adds the next piece. Returns the sink to write it to, if the body is saved. Waits for memory, if it is
    /// captured; that does not count as time in flight.
    async fn take(
        &mut self,
        bytes: &[u8],
        clock: &ExchangeClock,
    ) -> Result<Option<&mut dyn BodySink>, BodyError> {
        self.size += bytes.len() as u64;
        self.live.add_received(bytes.len() as u64);
        if let Some(limit) = self.limit.filter(|limit| self.size > limit.bytes) {
            return Err(BodyError::TooLarge(limit));
        }
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        if let Some(kept) = &mut self.kept {
            if !kept.try_reserve(bytes.len()) {
                clock.excluding(kept.reserve(bytes.len())).await;
            }
            kept.push(bytes);
        }
        Ok(match &mut self.sink {
            Some(sink) => Some(sink.as_mut()),
            None => None,
        })
    }
}

/// Refuses transfer codings other than `chunked`, which hyper passes through undecoded.
pub(super) fn check_transfer_encoding(headers: &HeaderMap) -> Result<(), BodyError> {
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

/// Reads the body of `response` to its end into `received`. `uploaded` tells whether the request had content.
pub(super) async fn receive(
    response: Box<Response>,
    decode: bool,
    uploaded: bool,
    clock: &ExchangeClock,
    received: &mut ReceivedBody,
) -> Result<(), BodyError> {
    let codings = if decode {
        Coding::of(response.headers())
    } else {
        Ok(Vec::new())
    };
    let over_http2 = response.version() == Version::HTTP_2;
    let mut body = Body::from(*response);
    match codings {
        Ok(codings) if codings.is_empty() => receive_plain(&mut body, clock, received).await?,
        // Boxed, because few need it and every request in flight would have room for it.
        Ok(codings) => Box::pin(receive_coded(&mut body, &codings, clock, received)).await?,
        // An answer without content, to HEAD for instance, has nothing to decode, whatever its fields say.
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

/// Whether the stream of `body` was reset before its end. hyper takes a reset with `NO_ERROR` for the
/// end. Servers may send one when they want no more of the request content (RFC 9113, section 8.1).
fn is_cut(body: &Body, uploaded: bool) -> bool {
    !body.is_end_stream() && (!uploaded || body.size_hint().lower() > 0)
}

/// Polls for the next piece of `body`.
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
        clock.note_activity();
        if let Ok(data) = frame.into_data() {
            return Poll::Ready(Some(Ok(data)));
        }
    }
}

async fn receive_plain(
    body: &mut Body,
    clock: &ExchangeClock,
    received: &mut ReceivedBody,
) -> Result<(), BodyError> {
    loop {
        let piece = poll_fn(|cx| poll_data(body, clock, cx)).await;
        let Some(piece) = piece.transpose()? else {
            return Ok(());
        };
        if let Some(sink) = received.take(&piece, clock).await? {
            let written = clock.excluding(sink.write(piece)).await;
            written.map_err(BodyError::Save)?;
        }
    }
}

async fn receive_coded(
    body: &mut Body,
    codings: &[Coding],
    clock: &ExchangeClock,
    received: &mut ReceivedBody,
) -> Result<(), BodyError> {
    let coded = stream::poll_fn(|cx| poll_data(body, clock, cx))
        .map_err(|error| io::Error::other(BodyError::Read(error)));
    let mut reader: CodedReader<'_> = Box::new(StreamReader::new(coded));
    for &coding in codings.iter().rev() {
        let Some(&first) = reader.fill_buf().await.map_err(body_error)?.first() else {
            return Ok(());
        };
        let decoder = coding.decoder(first, reader);
        reader = Box::new(BufReader::with_capacity(
            DECODED,
            Decoded { coding, decoder },
        ));
    }
    loop {
        let piece = reader.fill_buf().await.map_err(body_error)?;
        if piece.is_empty() {
            return Ok(());
        }
        let length = piece.len();
        if let Some(sink) = received.take(piece, clock).await? {
            let piece = Bytes::copy_from_slice(piece);
            let written = clock.excluding(sink.write(piece)).await;
            written.map_err(BodyError::Save)?;
        }
        reader.consume(length);
    }
}

/// Returns the error that a reader of coded data has wrapped.
fn body_error(error: io::Error) -> BodyError {
    error.downcast().unwrap_or_else(BodyError::Coded)
}
