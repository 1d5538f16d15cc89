//! What is to be done about each input, decided as it is read and in the order
//! of the list: send it, and where its body goes; or skip it, or refuse it.

use std::sync::Arc;

use reqwest::Method;

use crate::cli::IfExists;
use crate::model::request::{Decision, Existing, Input, Request, SaveTarget, Skip};
use crate::report::{JournalIndex, PriorResult};
use crate::save::{Entry, Folder, NameRequest, Names, SaveError, is_legal};

/// Decides. It looks at the disk, so it belongs where that may take its time.
pub(crate) struct Planner {
    /// What earlier runs did, with `--journal`.
    pub(crate) past: Option<JournalIndex>,
    /// Where files go, with `--output-dir`.
    pub(crate) files: Option<Files>,
}

/// Files that may be there, and names that are.
pub(crate) struct Files {
    pub(crate) folder: Arc<Folder>,
    pub(crate) names: Names,
    pub(crate) if_exists: IfExists,
}

impl Planner {
    /// What the user should know of the journal.
    pub(crate) fn warning(&self) -> Option<String> {
        let ignored = self.past.as_ref()?.ignored;
        (ignored > 0)
            .then(|| format!("--journal: lines that are no records are ignored: {ignored}"))
    }

    /// Makes the plan for `input`.
    pub(crate) fn plan(&mut self, input: &mut Input) {
        let prior = self.past.as_ref().map(|past| past.look_up(input));
        let Ok(request) = &mut input.request else {
            return;
        };
        // Nobody else has it yet.
        let Some(request) = Arc::get_mut(request) else {
            return;
        };
        let files = self.files.as_mut();
        // The answer to HEAD has no body.
        input.plan = match files.filter(|_| request.method != Method::HEAD) {
            Some(files) => files
                .plan(input.index, input.id.as_deref(), request, prior)
                .unwrap_or_else(|error| Decision::Refuse(error.into())),
            None if prior.is_some_and(|prior| prior.done) => skip(Skip::Done, None),
            None => Decision::Send,
        };
    }
}

impl Files {
    /// Gives `request` its place, unless there is no need to send it. `prior` is what
    /// the journal says, if there is one.
    fn plan(
        &mut self,
        index: u64,
        id: Option<&str>,
        request: &mut Request,
        prior: Option<PriorResult>,
    ) -> Result<Decision, SaveError> {
        let journal = prior.is_some();
        let recorded = prior.and_then(|prior| prior.file);
        // A journal is a file that others can write, too.
        let recorded = recorded.filter(|(name, _)| is_legal(name));
        if let Some((name, size)) = &recorded
            && self.folder.entry(name)? == Entry::File(*size)
        {
            self.folder.confirm(name);
            return Ok(skip(Skip::Done, Some(name.as_str().into())));
        }
        let name: Arc<str> = match &recorded {
            Some((name, _)) if self.names.give_again(name) => name.as_str().into(),
            _ => self.names.give(&NameRequest {
                index,
                id,
                url: &request.url,
                name: request.name.as_deref(),
            }),
        };
        let known = recorded.filter(|(recorded, _)| **recorded == *name);
        let unrecorded = self.folder.is_unrecorded(&name);
        let existing = match (self.if_exists, self.folder.entry(&name)?) {
            (_, Entry::Own) => return Err(SaveError::Own(self.folder.shown(&name))),
            (_, Entry::Other) => return Err(SaveError::NotAFile(self.folder.shown(&name))),
            (IfExists::Overwrite, _) => Existing::Replace,
            (_, Entry::File(size)) if known.is_some_and(|(_, known)| size < known) => {
                Existing::ReplaceBeginning
            }
            (IfExists::Skip, Entry::File(_)) if !unrecorded => {
                return Ok(skip(Skip::Exists, Some(name)));
            }
            _ if journal => Existing::KeepSame,
            (IfExists::Fail, Entry::File(_)) if !unrecorded => {
                return Err(SaveError::Exists(self.folder.shown(&name)));
            }
            _ => Existing::Keep,
        };
        request.place = Some(SaveTarget { name, existing });
        Ok(Decision::Send)
    }
}

fn skip(why: Skip, file: Option<Arc<str>>) -> Decision {
    Decision::Skip { why, file }
}
