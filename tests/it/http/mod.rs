//! One exchange: what is sent, what comes back, where redirects lead, and how long it may take.

mod bodies;
pub(crate) mod codings;
mod connections;
mod headers;
mod https_only;
mod redirect_secrets;
mod redirects;
mod request;
mod timeouts;
mod windows;
