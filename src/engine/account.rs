//! Programs that run with the rights of a service's account.

use crate::exec::{Invocation, ToolMissing};
use crate::runtime::Account;

/// An invocation that becomes the account, without groups or capabilities, and runs what is added to it.
pub(in crate::engine) fn as_account(account: &Account) -> Result<Invocation, ToolMissing> {
    Ok(Invocation::of("setpriv")?
        .arg(format!("--reuid={}", account.uid))
        .arg(format!("--regid={}", account.gid))
        .args([
            "--clear-groups",
            "--no-new-privs",
            "--inh-caps=-all",
            "--bounding-set=-all",
            "--",
        ]))
}
