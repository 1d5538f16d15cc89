//! What is to be done about each input, decided as it is read and in the order
//! of the list: send it, and where its body goes; or skip it, or refuse it.

use std::sync::Arc;

use reqwest::Method;

use crate::config::IfExists;
use crate::report::{Past, Prior};
use crate::request::{Existing, Input, Place, Plan, Skip};
use crate::save::{Folder, Names, SaveError, Standing};

/// Decides. It looks at the disk, so it belongs where that may take its time.
pub(crate) struct Planner {
    /// What earlier runs did, with `--journal`.
    pub(crate) past: Option<Past>,
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
        let prior = match &self.past {
            Some(past) => past.look_up(input),
            None => Prior::default(),
        };
        let journal = self.past.is_some();
        let Ok(request) = &input.request else {
            return;
        };
        let files = self.files.as_mut();
        // The answer to HEAD has no body.
        let Some(files) = files.filter(|_| request.method != Method::HEAD) else {
            if prior.done {
                input.plan = skip(Skip::Done, None);
            }
            return;
        };
        match files.plan(input, prior, journal) {
            Ok(Planned::Place(place)) => {
                if let Ok(request) = &mut input.request {
                    request.place = Some(place);
                }
            }
            Ok(Planned::Skip(plan)) => input.plan = plan,
            Err(error) => input.plan = Plan::Refuse(error.into()),
        }
    }
}

enum Planned {
    Place(Place),
    Skip(Plan),
}

impl Files {
    fn plan(&mut self, input: &Input, prior: Prior, journal: bool) -> Result<Planned, SaveError> {
        let mut recorded = None;
        if let Some((name, size)) = prior.file {
            if self.folder.standing(&name)? == Standing::File(size) {
                return Ok(Planned::Skip(skip(Skip::Done, Some(name.into()))));
            }
            recorded = Some((name, size));
        }
        let name: Arc<str> = match (&recorded, &input.request) {
            (Some((name, _)), _) if self.names.give_again(name) => name.as_str().into(),
            (_, Ok(request)) => self.names.give(input, request),
            (_, Err(_)) => return Err(SaveError::Over),
        };
        let known = recorded.filter(|(recorded, _)| **recorded == *name);
        let existing = match (self.if_exists, self.folder.standing(&name)?) {
            (_, Standing::Other) => return Err(SaveError::NotAFile(self.folder.shown(&name))),
            (IfExists::Overwrite, _) => Existing::Replace,
            (IfExists::Skip, Standing::File(_)) => {
                return Ok(Planned::Skip(skip(Skip::Exists, Some(name))));
            }
            (_, Standing::File(size)) if known.is_some_and(|(_, known)| size < known) => {
                Existing::ReplaceBeginning
            }
            _ if journal => Existing::KeepSame,
            (IfExists::Fail, Standing::File(_)) if !self.folder.is_unrecorded(&name) => {
                return Err(SaveError::Exists(self.folder.shown(&name)));
            }
            _ => Existing::Keep,
        };
        Ok(Planned::Place(Place { name, existing }))
    }
}

fn skip(why: Skip, file: Option<Arc<str>>) -> Plan {
    Plan::Skip { why, file }
}
