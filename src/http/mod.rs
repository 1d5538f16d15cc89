//! HTTP exchanges: one request and its response, bounded in time and size whatever the server does.
//!
//! [`client::Client::exchange`] carries the next request of an [`AttemptState`]: [`send`] builds and sends
//! it, [`body`] reads the response to its end, and [`clock`] limits the time. [`redirect`] decides where a
//! response leads, [`connect`] which connection carries the request, [`workers`] which thread, and
//! [`failure`] what an error of the stack means.

mod attempt;
mod body;
mod client;
mod clock;
mod connect;
mod cookies;
mod exchange;
mod failure;
mod options;
mod range;
mod redirect;
mod resend;
mod retry_after;
mod send;
mod upload;
mod workers;

pub use attempt::{AttemptState, ExchangeResult};
pub use body::CODINGS;
pub use connect::descriptors::{FileLimitError, Fit, fit_jobs};
pub use connect::error::ClientError;
pub use connect::guard::{Family, Guard};
pub use connect::look_ups::LookUpLimits;
pub use connect::options::{ClientIdentity, ConnectOptions, ProxySelector, Trust, Verification};
pub use connect::pool::PoolLimits;
pub use connect::resolver::Overrides;
pub use options::{HttpOptions, Limits, SizeLimit, Versions};
pub use workers::{RuntimeOptions, Workers};
