//! `envclone start ENV|--all`: a stopped branch comes back under the same URL, also after the host was booted.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::each::side_by_side;
use super::fit::refit;
use super::{App, OpsError, boot_id, branch, clean_up, cleaning_up, list, object_of, object_ref};
use crate::engine::ServiceSetup;
use crate::model::{EnvName, EnvState};
use crate::runtime::BranchStatus;
use crate::sanitize::service::{Service, Site};
use crate::state::{EnvRecord, ObjectRef, ServiceRecord, pause};
use crate::storage::{Mark, ObjectId, Owned, Place, Role};

/// How long it may take until it is known that a server ended.
const KNOWN_TO_HAVE_ENDED: Duration = Duration::from_secs(30);

/// How many branches are started at a time: each recovers from what it has on the same disks.
const AT_A_TIME: usize = 4;

/// What a start came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The environment.
    pub name: EnvName,
    /// Whether it ran already.
    pub ran: bool,
    /// Whether it went back to its checkpoint, since the host crashed while it ran without syncing its writes.
    pub went_back: bool,
    /// What its users changed so that its URL does not work any more.
    pub notes: Vec<String>,
}

/// Starts a branch that has its receipt.
///
/// # Errors
/// [`OpsError`]; then nothing of it runs.
pub fn start(app: &App, name: &EnvName, lock_timeout: Duration) -> Result<Started, OpsError> {
    cleaning_up(app, list::published(app, name, "start"))?;
    let _lock = app.store.lock(name, lock_timeout)?;
    clean_up(app)?;
    let record = list::published(app, name, "start")?;
    let name = name.clone();
    if runs(app, &record)?
        && let Some(notes) = users_get_in(app, &record)?
    {
        return Ok(Started {
            name,
            ran: true,
            went_back: false,
            notes,
        });
    }
    refuse_raw(app, &record)?;
    app.refuse_without_room()?;
    // What a supervisor that was killed may have left.
    app.runtime.close(&record.branch)?;
    let (record, went_back) = after_crash(app, record)?;
    if let Some(clone) = &record.clone {
        app.storage.mount(&object_of(clone))?;
    }
    let started = bring_up(app, record.clone());
    if started.is_err() {
        app.runtime.close(&record.branch)?;
    }
    started.map(|notes| Started {
        name,
        ran: false,
        went_back,
        notes,
    })
}

/// Whether it is open and all of its servers run: one that crashed, or that its users killed, is to be started again.
fn runs(app: &App, record: &EnvRecord) -> Result<bool, OpsError> {
    let of_servers = |status: &BranchStatus| {
        let mut servers = record.services.iter().filter(|(_, known)| known.port.is_some());
        status.published && servers.all(|(service, _)| status.running.contains(service))
    };
    let status = app.runtime.status(&record.branch)?;
    Ok(status.is_some_and(|status| of_servers(&status)))
}

/// What of a running branch does not let its users in, in words; `None` if a server of it ended meanwhile, as one does that cannot
/// recover from a crash, for want of room say.
fn users_get_in(app: &App, record: &EnvRecord) -> Result<Option<Vec<String>>, OpsError> {
    let clone = record.clone.as_ref().ok_or(OpsError::OutOfOrder)?;
    let site = site_of(app, record, &clone.path);
    let mut services = Vec::new();
    // Where one is declared no longer, all run on as they are.
    for setup in declared(app, record).unwrap_or_default() {
        services.push(app.known_service(&setup, known_of(record, &setup)?)?);
    }
    let deadline = Instant::now() + KNOWN_TO_HAVE_ENDED;
    loop {
        match branch::side_by_side(&mut services, |service| service.lets_in(&site)) {
            Ok(notes) => return Ok(Some(notes.into_iter().flatten().collect())),
            Err(_) if !runs(app, record)? => return Ok(None),
            // It takes nobody in any more a moment before it is known to have ended.
            Err(_) if Instant::now() < deadline => pause(Duration::from_millis(20)),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Ctrl-C ends a start as it ends any program.
static NEVER: AtomicBool = AtomicBool::new(false);

fn site_of<'a>(app: &'a App, record: &EnvRecord, clone: &Path) -> Site<'a> {
    let spool = clone.parent().map(PathBuf::from).unwrap_or_default();
    app.site(record.branch.clone(), clone.to_owned(), spool, &|_| {}, &NEVER)
}

/// The branch's services, as they are declared today.
fn declared(app: &App, record: &EnvRecord) -> Result<Vec<ServiceSetup>, OpsError> {
    let parent = record.environment.parent.as_ref().ok_or(OpsError::OutOfOrder)?;
    let setups = app.setups(parent)?;
    let of_record = record.services.keys().map(|name| {
        let setup = setups.iter().find(|setup| setup.name == *name);
        setup.cloned().ok_or_else(|| OpsError::ServiceGone {
            name: record.environment.name.clone(),
            service: name.clone(),
        })
    });
    of_record.collect()
}

fn known_of<'r>(record: &'r EnvRecord, setup: &ServiceSetup) -> Result<&'r ServiceRecord, OpsError> {
    record.services.get(&setup.name).ok_or(OpsError::OutOfOrder)
}

/// A branch whose data was left raw by its type stays down when its type may not be raw any more.
fn refuse_raw(app: &App, record: &EnvRecord) -> Result<(), OpsError> {
    let kind = record.environment.kind;
    if record.environment.sanitized || app.config.sanitize().raw_types.contains(&kind) {
        return Ok(());
    }
    Err(OpsError::NoLongerRaw {
        name: record.environment.name.clone(),
        kind,
    })
}

/// How the start of one branch went.
pub(super) type Outcome = (EnvName, Result<Started, OpsError>);

/// Starts every branch that was running when the host went down; others stay stopped, also those that were stopped since
/// the pool's reserve was reached. One failure does not stop the rest, nor does one whose server takes its time.
///
/// # Errors
/// [`OpsError::State`]; those of single branches are in the result.
pub fn start_all(app: &App, lock_timeout: Duration) -> Result<Vec<Outcome>, OpsError> {
    clean_up(app)?;
    let mut names = Vec::new();
    for record in app.store.records()? {
        let ran = record.environment.state == EnvState::Ready && record.receipt.is_some();
        if ran && app.runtime.stopped_for_room(&record.branch)?.is_none() {
            names.push(record.environment.name);
        }
    }
    Ok(side_by_side(names, AT_A_TIME, |name| {
        start(app, name, lock_timeout)
    }))
}

/// A branch that ran without syncing its writes when the host went down goes back to its checkpoint. So does one that did
/// before and was not sealed since.
fn after_crash(app: &App, record: EnvRecord) -> Result<(EnvRecord, bool), OpsError> {
    let booted_since = record.boot_id.is_some() && record.boot_id != boot_id();
    if booted_since {
        settle_again(app, &record)?;
        // What else the run made was removed, but not for good, it may be.
        app.storage.discard_incoming(&record.run)?;
    }
    let for_room = app.runtime.stopped_for_room(&record.branch)?;
    let stopped_cleanly = record.stopped_cleanly
        || for_room.is_some_and(|why| why.cleanly)
        || app.runtime.stopped_with_host(&record.branch)?;
    if !record.raw && (stopped_cleanly || !booted_since || ran_durably(&record)) {
        return Ok((record, false));
    }
    let Some(checkpoint) = record.checkpoint.clone() else {
        return Ok((record, false));
    };
    Ok((go_back(app, record, &checkpoint)?, true))
}

/// What the host went down with moments after it was moved to its place may be found where it was made.
fn settle_again(app: &App, record: &EnvRecord) -> Result<(), OpsError> {
    let kept = if goes_back_to_raw(record) {
        Role::Snapshot
    } else {
        Role::Checkpoint
    };
    let objects = [&record.clone, &record.checkpoint].into_iter().flatten();
    if objects
        .map(object_of)
        .all(|object| object.path.symlink_metadata().is_ok())
    {
        return Ok(());
    }
    let owned = app.storage.owned()?;
    for (known, role) in [(&record.clone, Role::Clone), (&record.checkpoint, kept)] {
        let Some(known) = known else { continue };
        let (object, home) = (object_of(known), home_of(app, record, role));
        let made = |one: &&Owned| one.object.id == object.id && one.incoming.as_ref() == Some(&record.run);
        if let Some(found) = owned.iter().find(made) {
            app.storage
                .settle(&found.object, &home, &mark_of(app, record, object.id, role)?)?;
        }
    }
    Ok(())
}

/// Whether nothing had to be rewritten, so that what it goes back to is the raw snapshot.
fn goes_back_to_raw(record: &EnvRecord) -> bool {
    let done = record.sanitization.as_ref();
    done.is_some_and(|done| done.skipped.is_some())
}

fn home_of(app: &App, record: &EnvRecord, role: Role) -> Place {
    Place::Environment {
        project: app.project().clone(),
        name: record.environment.name.clone(),
        role,
    }
}

fn mark_of(app: &App, record: &EnvRecord, id: ObjectId, role: Role) -> Result<Mark, OpsError> {
    Ok(Mark {
        schema: 1,
        id,
        project: app.project().clone(),
        environment: record.environment.name.clone(),
        parent: record.environment.parent.clone().ok_or(OpsError::OutOfOrder)?,
        role,
        run: record.run.clone(),
    })
}

/// Whether every server of it synced its writes, whatever the configuration says today.
fn ran_durably(record: &EnvRecord) -> bool {
    let mut servers = record.services.values().filter(|known| known.port.is_some());
    servers.all(|known| known.durable)
}

/// Puts a fresh clone of the checkpoint in the place of the clone. A crash in between is mended by the next start: the new one
/// is born under the run that made the branch, and every clone that bears the environment's mark goes before it is settled.
///
/// Where nothing had to be rewritten the checkpoint is the raw snapshot: that its clone is raw is remembered before it is
/// there.
fn go_back(app: &App, mut record: EnvRecord, checkpoint: &ObjectRef) -> Result<EnvRecord, OpsError> {
    record.raw = goes_back_to_raw(&record);
    app.store.save(&record)?;
    app.storage.discard_incoming(&record.run)?;
    let name = record.environment.name.clone();
    let incoming = Place::Incoming {
        run: record.run.clone(),
        role: Role::Clone,
    };
    // Before the old one goes: where there can be none, that stays.
    let fresh = app.storage.clone_of(&object_of(checkpoint), &incoming)?;
    for owned in app.storage.owned()? {
        let ours = owned.mark.as_ref().is_some_and(|mark| {
            mark.project == *app.project() && mark.environment == name && mark.role == Role::Clone
        });
        if ours {
            app.storage.destroy(&owned.object)?;
        }
    }
    let mark = mark_of(app, &record, fresh.id.clone(), Role::Clone)?;
    let home = home_of(app, &record, Role::Clone);
    let settled = app.storage.settle(&fresh, &home, &mark)?;
    app.storage.discard_incoming(&record.run)?;
    record.clone = Some(object_ref(&settled));
    record.branch_size = app.config.storage().branch_size;
    app.store.save(&record)?;
    Ok(record)
}

fn bring_up(app: &App, mut record: EnvRecord) -> Result<Vec<String>, OpsError> {
    let clone = record.clone.clone().ok_or(OpsError::OutOfOrder)?;
    let site = site_of(app, &record, &clone.path);
    let mut services = Vec::new();
    for setup in declared(app, &record)? {
        let mut known = known_of(&record, &setup)?.clone();
        refit(&site.root, &setup, &mut known)?;
        services.push(if record.raw {
            app.service_again(&setup, &record, &known)?
        } else {
            app.known_service(&setup, &known)?
        });
        // From here on the branch's files may be other than those of its last clean stop.
        known.durable = setup.durable;
        record.services.insert(setup.name, known);
    }
    app.open_branch(&record.branch)?;
    record.boot_id = boot_id();
    record.stopped_cleanly = false;
    app.store.save(&record)?;
    app.runtime.forget_stop(&record.branch)?;
    let notes = if record.raw {
        seal_again(&mut services, &site)?;
        Vec::new()
    } else {
        branch::side_by_side(&mut services, |service| service.resume(&site))?
    };
    record.raw = false;
    record.environment.state = EnvState::Ready;
    app.store.save(&record)?;
    app.runtime.forget_sealed_logs(&record.branch)?;
    app.runtime.keep(&record.branch)?;
    let exposures: Vec<_> = services
        .iter()
        .filter_map(|service| service.exposure(&site))
        .collect();
    app.runtime.expose(&record.branch, &exposures)?;
    Ok(notes.into_iter().flatten().collect())
}

/// Steps 5 and 9 of a branch's life. The rules may have changed since; then it stays down.
fn seal_again(services: &mut [Box<dyn Service>], site: &Site<'_>) -> Result<(), OpsError> {
    branch::side_by_side(services, |service| service.seal(site))?;
    if let Some(service) = services
        .iter()
        .find(|service| service.nothing_to_rewrite().is_none())
    {
        return Err(OpsError::MustBeSanitized {
            service: service.setup().name.clone(),
        });
    }
    branch::side_by_side(services, |service| service.start(site))?;
    branch::side_by_side(services, |service| service.publish(site))?;
    Ok(())
}
