//! Production's WAL, dropped while the server runs: the segments before the one that is written, and those that production
//! had put aside for later under names still to come. They hold what they held before, and a server begins such a
//! segment without emptying it (PostgreSQL manual, "WAL Configuration": old segment files are renamed for future use).

use std::path::{Path, PathBuf};

use crate::engine::EngineError;
use crate::engine::postgres::Session;
use crate::sanitize::service::ServiceError;
use crate::storage::{Descend, Kind, Volume, VolumeError};

/// Names of segments have so many hexadecimal digits: eight of the timeline, the rest of the number.
const NAME: usize = 24;
const TIMELINE: usize = 8;

/// Leaves nothing in `wal`, the directory of the segments, but what the server has written since it was called.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn drop_old_wal(session: &mut Session, volume: &Volume, wal: &Path) -> Result<(), ServiceError> {
    let current = current_segment(session)?;
    remove(volume, wal, |name| name > current.as_str())?;
    session.execute("leaving the old WAL", "SELECT pg_switch_wal()")?;
    session.execute("dropping the old WAL", "CHECKPOINT")?;
    // Only now is it certain that a recovery would need none of them.
    Ok(remove(volume, wal, |name| is_aside(name, &current))?)
}

/// Whether segments are left that the server wrote before [`drop_old_wal`]: a segment may still be needed then.
///
/// # Errors
/// [`ServiceError`].
pub(super) fn is_left(session: &mut Session, volume: &Volume, wal: &Path) -> Result<bool, ServiceError> {
    let current = current_segment(session)?;
    Ok(segments(volume, wal)?
        .iter()
        .any(|(name, _)| name.as_str() < current.as_str()))
}

fn current_segment(session: &mut Session) -> Result<String, EngineError> {
    let sql = "SELECT pg_walfile_name(pg_current_wal_insert_lsn())";
    let name = session.value("asking for the WAL segment", sql)?;
    name.filter(|name| is_segment(name))
        .ok_or_else(|| EngineError::Unfit {
            service: session.service().clone(),
            message: "the server does not say which WAL segment it writes".to_owned(),
        })
}

fn is_segment(name: &str) -> bool {
    name.len() == NAME && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
}

/// Whether a file is of another timeline than the current segment, or holds part of one (`.partial`) or speaks of one
/// (`.backup`): the server itself goes by the number only.
fn is_aside(name: &str, current: &str) -> bool {
    name.len() > NAME || name.get(..TIMELINE) != current.get(..TIMELINE)
}

/// The segments and what is named after them; not what lies in directories below.
fn segments(volume: &Volume, wal: &Path) -> Result<Vec<(String, PathBuf)>, VolumeError> {
    let mut segments = Vec::new();
    volume.walk(wal, |path, found| {
        let name = path.file_name().and_then(|name| name.to_str());
        let named = |name: &&str| name.get(..NAME).is_some_and(is_segment);
        if let Some(name) = name.filter(|name| named(name) && found.entry.kind == Kind::File) {
            segments.push((name.to_owned(), path.to_owned()));
        }
        Ok::<_, VolumeError>(Descend::Past)
    })?;
    Ok(segments)
}

fn remove(volume: &Volume, wal: &Path, is_old: impl Fn(&str) -> bool) -> Result<(), VolumeError> {
    segments(volume, wal)?
        .into_iter()
        .filter(|(name, _)| is_old(name))
        .try_for_each(|(_, path)| volume.remove_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_the_segments_of_the_current_timeline_is_aside() {
        let current = "000000020000000000000007";
        for aside in [
            "000000010000000000000007",
            "000000030000000000000001",
            "000000020000000000000007.partial",
            "000000020000000000000006.00000028.backup",
        ] {
            assert!(is_aside(aside, current), "{aside}");
        }
        assert!(!is_aside("000000020000000000000008", current));
    }

    #[test]
    fn only_whole_names_of_segments_are_segments() {
        assert!(is_segment("00000001000000A0000000FF"));
        for other in [
            "00000001000000A0000000FF.partial",
            "00000002.history",
            "archive_status",
            "00000001000000a0000000ff",
            "",
        ] {
            assert!(!is_segment(other), "{other}");
        }
    }
}
