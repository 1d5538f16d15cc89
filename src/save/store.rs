//! The folder as a [`BodyStore`].

use std::sync::Arc;

use futures::future::BoxFuture;

use super::disk::Disk;
use super::error::SaveError;
use super::folder::Folder;
use super::options::SaveOptions;
use super::part_file::PartFile;
use super::unfinished::{BodyStart, UnfinishedFile};
use super::writer::Writer;
use crate::model::body_sink::{BodyChecks, BodySink, BodyStore, PartialBody, Representation};
use crate::model::error::Failure;
use crate::model::saved_file::SaveTarget;

/// The folder that bodies are saved to, and how. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Store {
    /// The folder.
    pub folder: Arc<Folder>,
    /// The options of saving.
    pub options: SaveOptions,
    /// The threads that write.
    pub disk: Disk,
}

impl Store {
    fn writer(
        &self,
        target: SaveTarget,
        checks: BodyChecks,
        start: BodyStart,
    ) -> Box<dyn BodySink> {
        let folder = self.folder.clone();
        let file = UnfinishedFile::new(folder, self.options, target, checks, start);
        Box::new(Writer::new(
            self.disk.clone(),
            self.options.write_size,
            file,
        ))
    }
}

impl BodyStore for Store {
    fn keeps_partial_bodies(&self) -> bool {
        self.options.resume
    }

    fn open_partial<'a>(
        &'a self,
        target: &'a SaveTarget,
    ) -> BoxFuture<'a, Result<Option<Box<dyn PartialBody>>, Failure>> {
        Box::pin(async move {
            let (folder, name) = (self.folder.clone(), target.name.clone());
            let opened = self.disk.spawn(move || PartFile::open(&folder, &name));
            let part = opened.await.map_err(|_| SaveError::Lost)??;
            Ok(part.map(|part| {
                let (store, target) = (self.clone(), target.clone());
                Box::new(ResumableBody {
                    store,
                    target,
                    part,
                }) as Box<dyn PartialBody>
            }))
        })
    }

    fn start(
        &self,
        target: &SaveTarget,
        checks: BodyChecks,
        representation: Option<Representation>,
    ) -> Box<dyn BodySink> {
        let start = BodyStart::Whole {
            leftover: None,
            representation,
        };
        self.writer(target.clone(), checks, start)
    }
}

/// The beginning of a body, in the part file that an earlier attempt left.
#[derive(Debug)]
struct ResumableBody {
    store: Store,
    target: SaveTarget,
    part: PartFile,
}

impl PartialBody for ResumableBody {
    fn offset(&self) -> u64 {
        self.part.offset()
    }

    fn representation(&self) -> Option<&Representation> {
        self.part.representation()
    }

    fn resume(self: Box<Self>, checks: BodyChecks) -> Box<dyn BodySink> {
        let start = BodyStart::Resumed(self.part);
        self.store.writer(self.target, checks, start)
    }

    fn restart(
        self: Box<Self>,
        checks: BodyChecks,
        representation: Option<Representation>,
    ) -> Box<dyn BodySink> {
        let start = BodyStart::Whole {
            leftover: Some(self.part),
            representation,
        };
        self.store.writer(self.target, checks, start)
    }
}
