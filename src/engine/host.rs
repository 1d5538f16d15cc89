//! The name of a host.

use std::rc::Rc;

use url::Url;

use crate::model::authority::Authority;

/// A host as it is connected to: name and port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Host(Rc<str>);

impl Host {
    /// The host that `url` leads to.
    pub(super) fn of(url: &Url) -> Self {
        Self(Authority(url).to_string().into())
    }
}
