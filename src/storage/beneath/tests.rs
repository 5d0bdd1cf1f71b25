use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::*;

struct Ground {
    dir: tempfile::TempDir,
    volume: Volume,
}

/// A volume beside a secret file that no access may reach.
fn ground() -> Ground {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("outside/sub")).unwrap();
    std::fs::write(dir.path().join("outside/secret"), "secret").unwrap();
    std::fs::create_dir_all(dir.path().join("volume/d")).unwrap();
    std::fs::write(dir.path().join("volume/d/f"), "inside").unwrap();
    let volume = Volume::open(&dir.path().join("volume")).unwrap();
    Ground { dir, volume }
}

impl Ground {
    fn outside(&self) -> PathBuf {
        self.dir.path().join("outside")
    }
    fn link(&self, rel: &str, target: &Path) {
        symlink(target, self.dir.path().join("volume").join(rel)).unwrap();
    }
    fn outside_is_untouched(&self) {
        assert_eq!(std::fs::read(self.outside().join("secret")).unwrap(), b"secret");
        assert_eq!(std::fs::read_dir(self.outside()).unwrap().count(), 2);
        assert_eq!(std::fs::read_dir(self.outside().join("sub")).unwrap().count(), 0);
    }
}

fn fifo(path: &Path) {
    let made = rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0);
    made.unwrap();
}

#[test]
fn files_inside_are_read_written_listed_and_removed() {
    let Ground { volume, .. } = &ground();
    assert_eq!(volume.read("d/f", 6).unwrap(), b"inside");
    volume.write_new("d/a", b"new", 1000, 1001, 0o4640).unwrap();
    let metadata = volume.metadata("d/a").unwrap();
    assert_eq!((metadata.uid, metadata.gid, metadata.mode), (1000, 1001, 0o4640));
    assert_eq!(volume.owner("d/a").unwrap(), (1000, 1001));
    volume.replace("d/a", b"newer", 1, 2, 0o600).unwrap();
    assert_eq!(volume.read("d/a", 100).unwrap(), b"newer");
    volume.make_dir("e", 7, 8, 0o2750).unwrap();
    assert_eq!(volume.metadata("e").unwrap().mode, 0o2750);
    let names: Vec<_> = volume
        .read_dir("d")
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(names, ["a", "f"], "no temporary file is left");
    volume.rename_new("d/a", "e/a").unwrap();
    assert!(!volume.exists("d/a").unwrap());
    volume.remove_tree("e").unwrap();
    assert!(!volume.exists("e/a").unwrap());
    assert_eq!(volume.subvolume("d").unwrap().read("f", 9).unwrap(), b"inside");
}

#[test]
fn a_link_as_last_component_is_not_followed_by_any_access() {
    let ground = ground();
    let volume = &ground.volume;
    ground.link("file", &ground.outside().join("secret"));
    ground.link("dir", &ground.outside());
    ground.link("dangling", &ground.outside().join("nothing"));
    assert!(matches!(
        volume.read("file", 99),
        Err(VolumeError::NotAFile { .. })
    ));
    assert!(volume.read_dir("dir").is_err());
    assert!(volume.empty_dir("dir").is_err());
    assert!(volume.subvolume("dir").is_err());
    assert!(
        volume
            .walk("dir", |_, _| Ok::<_, VolumeError>(Descend::Into))
            .is_err()
    );
    assert!(matches!(
        volume.write_new("dangling", b"x", 0, 0, 0o600),
        Err(VolumeError::Exists { .. })
    ));
    assert!(matches!(
        volume.make_dir("dangling", 0, 0, 0o700),
        Err(VolumeError::Exists { .. })
    ));
    assert_eq!(volume.metadata("file").unwrap().kind, Kind::Symlink);
    assert!(volume.exists("dangling").unwrap());
    assert_eq!(
        volume.link_target("file").unwrap(),
        ground.outside().join("secret")
    );
    assert!(matches!(
        volume.link_target("d/f"),
        Err(VolumeError::NotFound { .. } | VolumeError::Io { .. })
    ));
    volume.replace("file", b"mine", 0, 0, 0o600).unwrap();
    assert_eq!(volume.read("file", 99).unwrap(), b"mine");
    volume.remove_tree("dir").unwrap();
    volume.remove_file("dangling").unwrap();
    ground.outside_is_untouched();
}

#[test]
fn a_link_as_middle_component_stops_every_access() {
    let ground = ground();
    let volume = &ground.volume;
    ground.link("m", &ground.outside());
    ground.link("relative", Path::new("../outside"));
    ground.link("inner", Path::new("d"));
    for link in ["m", "relative"] {
        let at = |name: &str| format!("{link}/{name}");
        assert!(matches!(
            volume.open_file(at("secret")),
            Err(VolumeError::Escapes { .. })
        ));
        assert!(volume.metadata(at("secret")).is_err());
        assert!(
            volume.exists(at("secret")).is_err(),
            "whether it exists is not said"
        );
        assert!(volume.read_dir(at("sub")).is_err());
        assert!(volume.remove_file(at("secret")).is_err());
        assert!(volume.remove_tree(at("sub")).is_err());
        assert!(volume.write_new(at("new"), b"x", 0, 0, 0o600).is_err());
        assert!(volume.replace(at("secret"), b"x", 0, 0, 0o600).is_err());
        assert!(volume.make_dir(at("new"), 0, 0, 0o700).is_err());
        assert!(volume.rename_new("d/f", at("f")).is_err());
        assert!(volume.rename_new(at("secret"), "d/stolen").is_err());
        assert!(volume.link_target(at("secret")).is_err());
    }
    assert!(
        volume.read("inner/f", 99).is_err(),
        "not even a link that stays inside"
    );
    ground.outside_is_untouched();
}

#[test]
fn paths_that_leave_the_volume_are_refused_before_the_kernel_is_asked() {
    let ground = ground();
    let volume = &ground.volume;
    let absolute = ground.outside().join("secret");
    for path in [
        Path::new("../outside/secret"),
        Path::new("d/../../outside/secret"),
        &absolute,
    ] {
        assert!(
            matches!(volume.read(path, 99), Err(VolumeError::Outside { .. })),
            "{path:?}"
        );
        assert!(matches!(
            volume.remove_tree(path),
            Err(VolumeError::Outside { .. })
        ));
        assert!(matches!(
            volume.write_new(path, b"", 0, 0, 0),
            Err(VolumeError::Outside { .. })
        ));
    }
    for itself in ["", "."] {
        assert_eq!(volume.metadata(itself).unwrap().kind, Kind::Dir);
        assert!(matches!(
            volume.remove_tree(itself),
            Err(VolumeError::Outside { .. })
        ));
        assert!(matches!(
            volume.remove_file(itself),
            Err(VolumeError::Outside { .. })
        ));
    }
    ground.outside_is_untouched();
}

#[test]
fn a_volume_is_not_opened_through_a_link() {
    let ground = ground();
    let link = ground.dir.path().join("link");
    symlink(ground.dir.path().join("volume"), &link).unwrap();
    assert!(Volume::open(&link).is_err());
    assert!(Volume::open(&link.join("d")).is_err());
    assert!(Volume::open(&ground.dir.path().join("volume/d/f")).is_err());
}

#[test]
fn a_fifo_or_device_is_refused_without_blocking() {
    let ground = ground();
    fifo(&ground.dir.path().join("volume/fifo"));
    assert!(matches!(
        ground.volume.open_file("fifo"),
        Err(VolumeError::NotAFile { .. })
    ));
    assert!(matches!(
        ground.volume.read("fifo", 9),
        Err(VolumeError::NotAFile { .. })
    ));
    assert!(matches!(
        ground.volume.open_file("d"),
        Err(VolumeError::NotAFile { .. })
    ));
    assert!(matches!(
        ground.volume.read_dir("fifo"),
        Err(VolumeError::NotADirectory { .. })
    ));
    assert_eq!(ground.volume.metadata("fifo").unwrap().kind, Kind::Other);
    let devices = Volume::open(Path::new("/dev")).unwrap();
    assert!(matches!(
        devices.open_file("zero"),
        Err(VolumeError::NotAFile { .. })
    ));
    ground.volume.remove_tree("fifo").unwrap();
}

#[test]
fn a_sparse_file_of_8_eib_costs_only_what_is_in_it() {
    use std::os::unix::fs::FileExt;
    let ground = ground();
    let path = ground.dir.path().join("volume/huge");
    let file = File::create(&path).unwrap();
    // Filesystems differ in the largest file that they take.
    let size = [62, 59, 53, 43]
        .into_iter()
        .map(|bits| 1u64 << bits)
        .find(|size| file.set_len(*size).is_ok());
    let size = size.unwrap();
    let middle = size / 2;
    file.write_all_at(b"data", middle).unwrap();
    assert!(matches!(
        ground.volume.read("huge", 1 << 20),
        Err(VolumeError::TooLarge { limit: 1_048_576, .. })
    ));
    let file = ground.volume.open_file("huge").unwrap();
    let segments: Vec<_> = data_segments(&file).collect::<Result<_, _>>().unwrap();
    let total: u64 = segments.iter().map(|segment| segment.len).sum();
    assert!(total <= 1 << 20, "{segments:?}");
    assert!(
        segments
            .iter()
            .any(|s| s.offset <= middle && middle < s.offset + s.len),
        "{segments:?}"
    );
}

#[test]
fn data_segments_of_ordinary_and_empty_files_cover_them_exactly() {
    let ground = ground();
    ground.volume.write_new("empty", b"", 0, 0, 0o600).unwrap();
    let file = ground.volume.open_file("empty").unwrap();
    assert_eq!(data_segments(&file).count(), 0);
    let file = ground.volume.open_file("d/f").unwrap();
    let segments: Vec<_> = data_segments(&file).collect::<Result<_, _>>().unwrap();
    assert_eq!(segments, [Segment { offset: 0, len: 6 }]);
}

#[test]
fn a_directory_swapped_for_a_link_during_a_walk_is_not_entered() {
    let ground = ground();
    let volume_path = ground.dir.path().join("volume");
    std::fs::create_dir(volume_path.join("swap")).unwrap();
    let mut seen = Vec::new();
    let walked = ground.volume.walk("", |path, _| {
        seen.push(path.to_owned());
        if path == Path::new("swap") {
            std::fs::rename(volume_path.join("swap"), volume_path.join("moved")).unwrap();
            ground.link("swap", &ground.outside());
        }
        Ok::<_, VolumeError>(Descend::Into)
    });
    assert!(walked.is_err());
    assert!(!seen.contains(&PathBuf::from("swap/secret")), "{seen:?}");
    ground.outside_is_untouched();
}

#[test]
fn a_volume_moved_away_and_replaced_by_a_link_stays_the_volume() {
    let ground = ground();
    let path = ground.dir.path().join("volume");
    std::fs::rename(&path, ground.dir.path().join("elsewhere")).unwrap();
    symlink(ground.outside(), &path).unwrap();
    assert_eq!(ground.volume.read("d/f", 9).unwrap(), b"inside");
    assert!(ground.volume.read("secret", 9).is_err());
}

#[test]
fn a_walk_is_sorted_depth_first_shows_links_and_skips_and_stops_on_demand() {
    let ground = ground();
    let volume = &ground.volume;
    ground.link("a-link", &ground.outside());
    for dir in ["b", "b/deep", "c"] {
        volume.make_dir(dir, 0, 0, 0o755).unwrap();
    }
    volume.write_new("b/deep/x", b"", 0, 0, 0o600).unwrap();
    let walk = |skip: &str, stop: &str| {
        let mut seen = Vec::new();
        let step = |path: &Path, found: &Found<'_>| {
            assert_eq!(path.file_name().unwrap(), found.entry.name);
            seen.push(path.to_str().unwrap().to_owned());
            Ok::<_, VolumeError>(match path.to_str() {
                Some(path) if path == skip => Descend::Past,
                Some(path) if path == stop => Descend::Stop,
                _ => Descend::Into,
            })
        };
        volume.walk("", step).unwrap();
        seen
    };
    assert_eq!(
        walk("", "!"),
        ["a-link", "b", "b/deep", "b/deep/x", "c", "d", "d/f"]
    );
    assert_eq!(walk("b", "c"), ["a-link", "b", "c"]);
    let mut below = Vec::new();
    let collected = volume.walk("b", |path, _| {
        below.push(path.to_owned());
        Ok::<_, VolumeError>(Descend::Into)
    });
    collected.unwrap();
    assert_eq!(below, [Path::new("b/deep"), Path::new("b/deep/x")]);
}

const DEPTH: usize = 10_000;

#[test]
fn a_tree_10000_deep_is_walked_and_removed_with_few_descriptors() {
    let ground = ground();
    let mut dir = rustix::io::dup(ground.volume.as_fd()).unwrap();
    for level in 0..DEPTH {
        rustix::fs::mkdirat(&dir, "n", Mode::RWXU).unwrap();
        dir = open_at(dir.as_fd(), Path::new("n"), DIRECTORY, &[]).unwrap();
        if level % 1000 == 999 {
            write_at(
                dir.as_fd(),
                OsStr::new("leaf"),
                Path::new("leaf"),
                b"deep",
                (0, 0, 0o600),
            )
            .unwrap();
        }
    }
    let mut leaves = 0;
    let walked = ground.volume.walk("", |_, found| {
        if found.entry.name == "leaf" {
            let mut text = String::new();
            found.open_file()?.read_to_string(&mut text).unwrap();
            assert_eq!(text, "deep");
            leaves += 1;
            assert!(std::fs::read_dir("/proc/self/fd").unwrap().count() < KEPT_LIMIT);
        }
        Ok::<_, VolumeError>(Descend::Into)
    });
    walked.unwrap();
    assert_eq!(leaves, DEPTH / 1000);
    ground.volume.remove_tree("n").unwrap();
    assert!(!ground.volume.exists("n").unwrap());
}

/// Well above what one walk may keep open, and what tests running beside this one do.
const KEPT_LIMIT: usize = 500;

#[test]
fn a_directory_moved_elsewhere_during_a_deep_walk_ends_it() {
    let ground = ground();
    let volume_path = ground.dir.path().join("volume");
    let deep: PathBuf = std::iter::repeat_n("n", 100).collect();
    std::fs::create_dir_all(volume_path.join(&deep)).unwrap();
    // Far enough down for the first directories not to be open any more; `..` of the moved one leads outside.
    let walked = ground.volume.walk("", |path, _| {
        if path == deep {
            let near_the_top = volume_path.join("n/n/n");
            std::fs::rename(near_the_top, ground.outside().join("sub/stolen")).unwrap();
            std::fs::create_dir(volume_path.join("n/n/n")).unwrap();
        }
        Ok::<_, VolumeError>(Descend::Into)
    });
    assert!(matches!(walked, Err(VolumeError::Changed { .. })), "{walked:?}");
}

#[test]
fn a_file_that_is_replaced_while_it_is_opened_reads_as_the_old_one_or_the_new_one() {
    let ground = ground();
    let replace = |text: &[u8]| ground.volume.replace("mark", text, 0, 0, 0o600).unwrap();
    replace(b"old");
    let ended = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                replace(b"new");
                replace(b"old");
            }
        });
        let read: Vec<_> = (0..5000).map(|_| ground.volume.read("mark", 100)).collect();
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
        for bytes in read {
            assert!(matches!(bytes.as_deref(), Ok(b"old" | b"new")), "{bytes:?}");
        }
    });
}

#[test]
fn removing_a_tree_removes_links_and_fifos_but_nothing_that_links_point_to() {
    let ground = ground();
    let top = ground.dir.path().join("volume/t");
    std::fs::create_dir_all(top.join("a/b")).unwrap();
    symlink(ground.outside(), top.join("a/out")).unwrap();
    symlink(ground.outside().join("secret"), top.join("a/b/out")).unwrap();
    std::fs::hard_link(ground.outside().join("secret"), top.join("hard")).unwrap();
    fifo(&top.join("a/fifo"));
    for number in 0..3000 {
        std::fs::write(top.join(format!("f{number}")), "").unwrap();
    }
    std::fs::set_permissions(top.join("a"), std::fs::Permissions::from_mode(0o000)).unwrap();
    ground.volume.empty_dir("t").unwrap();
    assert_eq!(ground.volume.read_dir("t").unwrap(), []);
    ground.outside_is_untouched();
}

#[test]
fn names_that_are_not_text_work_and_are_escaped_in_messages() {
    use std::os::unix::ffi::OsStrExt;
    let ground = ground();
    let name = Path::new(OsStr::from_bytes(b"\xff\n\x1b[31m"));
    ground.volume.write_new(name, b"x", 0, 0, 0o600).unwrap();
    assert_eq!(ground.volume.read_dir("").unwrap().len(), 2);
    let message = ground
        .volume
        .write_new(name, b"x", 0, 0, 0o600)
        .unwrap_err()
        .to_string();
    assert!(
        message.ends_with("exists already") && !message.contains(['\n', '\x1b']),
        "{message}"
    );
    ground.volume.remove_tree(name).unwrap();
    assert!(ground.volume.read("a\0b", 1).is_err());
}

#[test]
fn a_write_that_is_refused_leaves_what_was_there() {
    let ground = ground();
    assert!(matches!(
        ground.volume.write_new("d/f", b"x", 0, 0, 0o600),
        Err(VolumeError::Exists { .. })
    ));
    assert!(
        ground.volume.replace("d", b"x", 0, 0, 0o600).is_err(),
        "a directory is not replaced by a file"
    );
    assert!(matches!(
        ground.volume.rename_new("d/f", "d"),
        Err(VolumeError::Exists { .. })
    ));
    let names: Vec<_> = ground
        .volume
        .read_dir("")
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(names, ["d"]);
    assert_eq!(ground.volume.read("d/f", 9).unwrap(), b"inside");
}
