//! Decides about each input, in the order of the list and as it is read: whether its request is sent,
//! skipped or refused, and which file its body becomes.

use std::sync::Arc;

use reqwest::Method;

use crate::model::input::{Decision, Input, Skip};
use crate::model::request::Request;
use crate::model::saved_file::{Existing, SaveTarget};
use crate::report::{JournalIndex, PriorResult};
use crate::save::{Folder, IfExists, NameRequest, NameUse, Names, SaveError, is_legal};

/// Decides about inputs. It reads the disk, so it runs on the thread that reads the input.
pub(crate) struct Planner {
    /// What earlier runs did (`--journal`).
    pub(crate) past: Option<JournalIndex>,
    /// Where files go (`--output-dir`).
    pub(crate) files: Option<Files>,
}

/// The files of the output folder, and the names given out so far.
pub(crate) struct Files {
    pub(crate) folder: Arc<Folder>,
    pub(crate) names: Names,
    pub(crate) if_exists: IfExists,
}

impl Planner {
    /// Returns the warning that the journal calls for, if there is one.
    pub(crate) fn warning(&self) -> Option<String> {
        let ignored = self.past.as_ref()?.ignored;
        (ignored > 0).then(|| format!("--journal: ignored {ignored} lines that are not records"))
    }

    /// Decides about `input`.
    pub(crate) fn decide(&mut self, input: &mut Input) {
        let prior = self.past.as_ref().map(|past| past.look_up(input));
        let past = self.past.as_mut();
        if past.is_some_and(|past| past.is_repeated(input)) {
            input.decision = repeated(prior.unwrap_or_default());
            return;
        }
        let Ok(request) = &mut input.request else {
            return;
        };
        // The request was just parsed, so nobody else holds it.
        let Some(request) = Arc::get_mut(request) else {
            return;
        };
        let files = self.files.as_mut();
        // The answer to HEAD has no body.
        input.decision = match files.filter(|_| request.method != Method::HEAD) {
            Some(files) => files
                .decide(input.index, input.id.as_deref(), request, prior)
                .unwrap_or_else(|error| Decision::Refuse(error.into())),
            None if prior.is_some_and(|prior| prior.done) => skip(Skip::Recorded, None),
            None => Decision::Send,
        };
    }
}

impl Files {
    /// Gives `request` its save target, unless it need not be sent. `prior` is what the journal says of it, if
    /// there is a journal.
    fn decide(
        &mut self,
        index: u64,
        id: Option<&str>,
        request: &mut Request,
        prior: Option<PriorResult>,
    ) -> Result<Decision, SaveError> {
        let journal = prior.is_some();
        let recorded = prior.and_then(|prior| prior.file);
        // Others can write to the journal, too.
        let recorded = recorded.filter(|(name, _)| is_legal(name));
        if let Some((name, size)) = &recorded
            && self.folder.name_use(name)? == NameUse::File(*size)
        {
            self.folder.confirm(name);
            return Ok(skip(Skip::Recorded, Some(name.as_str().into())));
        }
        let name: Arc<str> = match &recorded {
            Some((name, _)) if self.names.reclaim(name) => name.as_str().into(),
            _ => self.names.assign(&NameRequest {
                index,
                id,
                url: &request.url,
                name: request.name.as_deref(),
            }),
        };
        let known = recorded.filter(|(recorded, _)| **recorded == *name);
        let unrecorded = self.folder.is_unrecorded(&name);
        let existing = match (self.if_exists, self.folder.name_use(&name)?) {
            (_, NameUse::InUse) => return Err(SaveError::InUse(self.folder.display_path(&name))),
            (_, NameUse::Other) => {
                return Err(SaveError::NotAFile(self.folder.display_path(&name)));
            }
            (IfExists::Overwrite, _) => Existing::Replace,
            (_, NameUse::File(size)) if known.is_some_and(|(_, known)| size < known) => {
                Existing::ReplaceBeginning
            }
            (IfExists::Skip, NameUse::File(_)) if !unrecorded => {
                return Ok(skip(Skip::Exists, Some(name)));
            }
            _ if journal => Existing::KeepSame,
            (IfExists::Fail, NameUse::File(_)) if !unrecorded => {
                return Err(SaveError::Exists(self.folder.display_path(&name)));
            }
            _ => Existing::Keep,
        };
        request.save_target = Some(SaveTarget { name, existing });
        Ok(Decision::Send)
    }
}

/// Returns the decision about an input that stands in the list a second time. The first one is fetched or skipped, and
/// a run that is resumed would skip both; so a whole run leaves the same files.
fn repeated(prior: PriorResult) -> Decision {
    let file = prior.file.filter(|(name, _)| is_legal(name));
    let file = file.map(|(name, _)| name.into());
    if prior.done {
        skip(Skip::Recorded, file)
    } else {
        skip(Skip::Repeated, None)
    }
}

fn skip(why: Skip, file: Option<Arc<str>>) -> Decision {
    Decision::Skip { why, file }
}
