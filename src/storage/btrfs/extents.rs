//! Which extents belong to one object alone, as `btrfs filesystem du` finds it by FIEMAP.

use std::path::PathBuf;
use std::time::Duration;

use crate::storage::{Object, StorageError};

use super::{Btrfs, parse, unreadable};

/// How many files one call measures.
const MEASURED: usize = 32;

/// Each extent is looked up in the tree of back references: compressed ones hold 128 KiB at most, so that there may be many.
const LOOKED_AT_WITHIN: Duration = Duration::from_secs(600);

impl Btrfs {
    /// Bytes that belong to this object alone.
    pub(super) fn bytes_alone(&self, object: &Object) -> Result<u64, StorageError> {
        let (_, _) = self.exact(object)?;
        let invocation = self
            .call(&["filesystem", "du", "-s", "--raw", "--"])
            .arg(&object.path);
        let text = self.run("measuring", &object.path, &invocation)?.text();
        parse::exclusive(&text).map_err(|error| unreadable(&object.path, error))
    }

    /// Those of `files` that share an extent with another file or object. What is not yet on disk is nobody else's.
    pub(super) fn files_shared(
        &self,
        object: &Object,
        files: &[PathBuf],
    ) -> Result<Vec<PathBuf>, StorageError> {
        let (_, _) = self.exact(object)?;
        let mut shared = Vec::new();
        for some in files.chunks(MEASURED) {
            let invocation = self
                .call(&["filesystem", "du", "--raw", "--"])
                .timeout(LOOKED_AT_WITHIN);
            let invocation = some
                .iter()
                .fold(invocation, |call, file| call.arg(object.path.join(file)));
            let text = self
                .run("looking for what is shared in", &object.path, &invocation)?
                .text();
            let bytes = parse::shared(&text, some.len()).map_err(|error| unreadable(&object.path, error))?;
            let found = some.iter().zip(bytes).filter(|(_, bytes)| *bytes > 0);
            shared.extend(found.map(|(file, _)| file.clone()));
        }
        Ok(shared)
    }
}
