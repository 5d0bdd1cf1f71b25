//! The reserve of the pool: production shares it and must never see it full. No branch is made or started without it, and the
//! supervisors of those that run watch it.

use super::{App, OpsError};
use crate::model::BranchId;
use crate::runtime::Watch;

impl App {
    /// How much must stay free, in bytes, of a pool of `total`.
    fn reserve_of(&self, total: u64) -> u64 {
        total / 100 * u64::from(self.reserve_percent())
    }

    /// Production shares the pool and must never see it full.
    ///
    /// # Errors
    /// [`OpsError::NoRoom`] while its reserve is reached, [`OpsError::Storage`].
    pub fn refuse_without_room(&self) -> Result<(), OpsError> {
        let usage = self.storage.usage()?;
        let reserve = self.reserve_of(usage.total);
        if usage.free < reserve {
            return Err(OpsError::NoRoom {
                pool: self.pool().to_owned(),
                free: usage.free,
                reserve,
            });
        }
        Ok(())
    }

    /// Starts the supervisor of a branch, which from then on watches the pool's reserve.
    ///
    /// # Errors
    /// [`OpsError::Runtime`], [`OpsError::Storage`].
    pub fn open_branch(&self, branch: &BranchId) -> Result<(), OpsError> {
        self.runtime.open(branch)?;
        if self.reserve_percent() > 0 {
            let watch = Watch {
                pool: self.pool().to_owned(),
                reserve: self.reserve_of(self.storage.usage()?.total),
            };
            self.runtime.watch(branch, &watch)?;
        }
        Ok(())
    }
}
