//! Identifies a host.

use std::rc::Rc;

use url::Url;

use crate::model::authority::Authority;

/// Identifies a host by name and port: what caps, rates and pauses apply to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Host(Rc<str>);

impl Host {
    /// Returns the host of `url`.
    pub(super) fn of(url: &Url) -> Self {
        Self(Authority(url).to_string().into())
    }
}
