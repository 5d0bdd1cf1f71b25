//! What undoes a run that makes a branch, from its journal alone.

use serde_json::Value;

use crate::model::{BranchId, EnvName, OWN_PART, RunId};
use crate::ops::App;
use crate::saga::{StepError, Undo};
use crate::storage::StorageError;

/// Undoes the steps of one run.
pub struct BranchUndo<'a> {
    /// What the process was started with.
    pub app: &'a App,
    /// The run.
    pub run: RunId,
}

impl Undo for BranchUndo<'_> {
    fn undo(&self, step: &str, intent: &Value, _output: Option<&Value>) -> Result<(), StepError> {
        match step {
            "publish" => {
                self.close(intent)?;
                self.destroy_settled()
            }
            "quiesce" | "seal" => self.close(intent),
            "snapshot" | "clone" | "checkpoint" => Ok(self.app.storage.discard_incoming(&self.run)?),
            "reserve" => self.forget(intent),
            _ => Ok(()),
        }
    }

    fn what(&self, step: &str, intent: &Value, _output: Option<&Value>) -> String {
        let layout = self.app.store.layout();
        let ours = self.app.pool().join(OWN_PART);
        let named = |key: &str| intent[key].as_str().unwrap_or_default().to_owned();
        let branch: Option<BranchId> = serde_json::from_value(intent["branch"].clone()).ok();
        let running = branch.map(|branch| layout.branch_dir(&branch).display().to_string());
        let running = format!(
            "processes, sockets or configuration of {}",
            running.unwrap_or_default()
        );
        match step {
            "publish" => {
                let home = ours
                    .join("env")
                    .join(self.app.project().as_str())
                    .join(named("name"));
                format!("{running}, or what is in {}", home.display())
            }
            "seal" => running,
            "snapshot" | "clone" | "checkpoint" => {
                let incoming = ours.join("incoming").join(self.run.as_str());
                format!("what is in {}", incoming.display())
            }
            "reserve" => format!("{}/{}.json", layout.environments_dir().display(), named("name")),
            other => format!("what step {other} did"),
        }
    }
}

impl BranchUndo<'_> {
    /// Ends every process of the branch, and removes its configuration.
    fn close(&self, intent: &Value) -> Result<(), StepError> {
        let branch: BranchId = serde_json::from_value(intent["branch"].clone())?;
        self.app.runtime.close(&branch)?;
        Ok(self.app.remove_traces(&branch)?)
    }

    /// Destroys objects that bear the mark of this run; a run marks only what it made.
    fn destroy_settled(&self) -> Result<(), StepError> {
        for owned in self.app.storage.owned()? {
            let ours = owned.mark.as_ref().is_some_and(|mark| mark.run == self.run);
            if ours && owned.incoming.is_none() {
                match self.app.storage.destroy(&owned.object) {
                    Ok(()) | Err(StorageError::NotFound { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Removes the record, if it is this run's.
    fn forget(&self, intent: &Value) -> Result<(), StepError> {
        let name: EnvName = serde_json::from_value(intent["name"].clone())?;
        let ours = self
            .app
            .store
            .record(&name)?
            .is_some_and(|record| record.run == self.run);
        if ours {
            self.app.store.remove(&name)?;
        }
        Ok(())
    }
}
