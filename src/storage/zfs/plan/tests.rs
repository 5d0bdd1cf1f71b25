use super::super::super::mountinfo;
use super::super::parse;
use super::*;

const SHOP: &[(&str, &str)] = &[
    ("tank/shop", "filesystem\t1\ton\t/srv/shop\t-\toff\t5"),
    ("tank/shop/db", "filesystem\t2\ton\t/srv/shop/db\t-\toff\t6"),
    (
        "tank/shop/group",
        "filesystem\t3\toff\t/srv/shop/group\t-\toff\t7",
    ),
    (
        "tank/shop/group/wal",
        "filesystem\t4\ton\t/srv/shop/db/wal\t-\toff\t8",
    ),
];
const MOUNTS: &str = "\
30 1 0:30 / / rw - ext4 /dev/sda rw
31 30 0:31 / /srv/shop rw - zfs tank/shop rw
32 31 0:32 / /srv/shop/db rw - zfs tank/shop/db rw
33 32 0:33 / /srv/shop/db/wal rw - zfs tank/shop/group/wal rw
34 31 0:34 / /srv/shop/.zfs/snapshot/auto ro - zfs tank/shop@auto ro
35 32 0:35 / /srv/shop/db/stat rw - tmpfs tmpfs rw
";

fn facts(rows: &[(&str, &str)]) -> Table {
    let mut text = String::new();
    for (name, values) in rows {
        let values = values.split('\t').chain(["0"]);
        for (property, value) in OF_ROOT.iter().zip(values) {
            text += &format!("{name}\t{property}\t{value}\t-\n");
        }
    }
    parse::table(&text, &OF_ROOT, |_| true).unwrap()
}

fn tree_with(rows: &[(&str, &str)], mounts: &str) -> Result<Tree, ZfsError> {
    let mounts = mountinfo::parse(mounts.as_bytes()).unwrap();
    tree_of("tank/shop", Path::new("/srv/shop"), &facts(rows), &mounts)
}

fn shop() -> Tree {
    tree_with(SHOP, MOUNTS).unwrap()
}

#[test]
fn a_root_is_its_datasets_in_the_order_in_which_they_are_mounted() {
    let parts: Vec<_> = shop()
        .parts
        .into_iter()
        .map(|part| (part.name, part.at.map(|at| at.display().to_string())))
        .collect();
    let at = |text: &str| Some(text.to_owned());
    let expected = [
        ("tank/shop", at("")),
        ("tank/shop/db", at("db")),
        ("tank/shop/group/wal", at("db/wal")),
        ("tank/shop/group", None),
    ];
    assert_eq!(parts, expected.map(|(name, at)| (name.to_owned(), at)));
}

#[test]
fn snapshots_and_clones_are_named_after_the_datasets() {
    let snapshots = shop().snapshots("envclone-1").unwrap();
    assert_eq!(snapshots.root(), "tank/shop@envclone-1");
    assert!(snapshots.is_snapshot());
    let clones = snapshots.clones("tank/e/.envclone/1-2").unwrap();
    assert_eq!(
        clones.names(),
        [
            "tank/e/.envclone/1-2",
            "tank/e/.envclone/1-2/db",
            "tank/e/.envclone/1-2/group/wal",
            "tank/e/.envclone/1-2/group",
        ]
    );
    assert_eq!(clones.parts[2].at.as_deref(), Some(Path::new("db/wal")));
}

#[test]
fn names_at_the_limit_of_zfs_are_allowed_and_longer_ones_are_not() {
    let root = format!("tank/{}", "x".repeat(200));
    let part = Part {
        name: root.clone(),
        at: Some(PathBuf::new()),
    };
    let tree = Tree {
        schema: 1,
        parts: vec![part],
    };
    let fits = "s".repeat(255 - root.len() - 1);
    assert_eq!(tree.snapshots(&fits).unwrap().root().len(), 255);
    let error = tree.snapshots(&format!("{fits}s")).unwrap_err();
    assert!(matches!(error, ZfsError::NameTooLong { .. }), "{error}");
    assert!(error.is_configuration());
}

#[test]
fn a_dataset_that_is_mounted_elsewhere_or_nowhere_is_named() {
    let elsewhere = MOUNTS.replace("/srv/shop/db/wal", "/srv/wal");
    let error = tree_with(SHOP, &elsewhere).unwrap_err();
    assert!(
        matches!(&error, ZfsError::Outside { dataset, .. } if dataset == "tank/shop/group/wal"),
        "{error}"
    );
    let line = MOUNTS.lines().find(|line| line.contains("/wal ")).unwrap();
    let nowhere = MOUNTS.replace(&format!("{line}\n"), "");
    for (mountpoint, said) in [
        ("none", "is none"),
        ("legacy", "is legacy"),
        ("/srv/x", "canmount=on"),
    ] {
        let mut rows = SHOP.to_vec();
        let wal = format!("filesystem\t4\ton\t{mountpoint}\t-\toff\t8");
        rows[3].1 = &wal;
        let error = tree_with(&rows, &nowhere).unwrap_err().to_string();
        assert!(
            error.contains("tank/shop/group/wal is not mounted") && error.contains(said),
            "{error}"
        );
    }
}

#[test]
fn a_volume_a_locked_dataset_and_another_filesystem_inside_are_refused() {
    let mut rows = SHOP.to_vec();
    rows[3].1 = "volume\t4\t-\t-\t-\toff\t8";
    let error = tree_with(&rows, MOUNTS).unwrap_err().to_string();
    assert!(
        error.contains("the volume tank/shop/group/wal is in the root tank/shop"),
        "{error}"
    );
    rows[3].1 = "filesystem\t4\ton\t/srv/x\tunavailable\taes-256-gcm\t8";
    let error = tree_with(&rows, MOUNTS).unwrap_err();
    assert!(matches!(error, ZfsError::KeyNotLoaded { .. }), "{error}");
    for other in ["zfs tank2/x", "ext4 /dev/sdb", "zfs tank/other"] {
        let mounts = format!("{MOUNTS}40 31 0:40 / /srv/shop/other rw - {other} rw\n");
        let error = tree_with(SHOP, &mounts).unwrap_err();
        assert!(matches!(error, ZfsError::LeftOut { .. }), "{error}");
        assert!(error.to_string().contains("/srv/shop/other"), "{error}");
    }
}

#[test]
fn snapshots_of_one_instant_have_one_createtxg() {
    let tree = shop().snapshots("x").unwrap();
    let table = |moments: &[u64]| {
        let mut text = String::new();
        for (name, moment) in tree.names().into_iter().zip(moments) {
            text += &format!("{name}\tcreatetxg\t{moment}\t-\n");
        }
        parse::table(&text, &["createtxg"], |_| true).unwrap()
    };
    assert_eq!(one_instant(&tree, &table(&[12, 12, 12, 12])), Ok(()));
    assert!(one_instant(&tree, &table(&[12, 12, 13, 12])).is_err());
    assert!(
        one_instant(&tree, &table(&[12, 12, 12]))
            .unwrap_err()
            .contains("is not there")
    );
}

#[test]
fn a_clone_has_what_its_origin_has_and_never_mounts_itself() {
    let properties = copied_properties((2, 3));
    let text: String = properties
        .iter()
        .map(|property| match *property {
            "recordsize" => "tank/shop\trecordsize\t8192\tlocal\n".to_owned(),
            "compression" => "tank/shop\tcompression\tlz4\tinherited from tank\n".to_owned(),
            "refquota" => "tank/shop\trefquota\t1073741824\tlocal\n".to_owned(),
            "dedup" => "tank/shop\tdedup\toff\tdefault\n".to_owned(),
            "direct" => "tank/shop\tdirect\talways\tlocal\n".to_owned(),
            other => format!("tank/shop\t{other}\ton\tdefault\n"),
        })
        .collect();
    let origin = parse::table(&text, &properties, |_| true)
        .unwrap()
        .remove("tank/shop")
        .unwrap();
    let run: RunId = "0000000000000001".parse().unwrap();
    let target = |to, version, limit| Target {
        to,
        run: &run,
        version,
        limit,
    };
    let of = |target: &Target<'_>| clone_arguments("tank/shop@x", &origin, target);
    let words = of(&target("tank/e/.envclone/1-2", (2, 3), None));
    let joined = words.join(" ");
    for set in [
        "canmount=noauto",
        "mountpoint=none",
        "setuid=off",
        "devices=off",
        "snapdir=disabled",
        "recordsize=8192",
        "compression=lz4",
        "refquota=1073741824",
        "direct=always",
        "atime=on",
        "envclone:run=0000000000000001",
    ] {
        assert!(joined.contains(&format!("-o {set} ")), "{set}: {joined}");
    }
    assert!(
        !joined.contains("dedup") && !joined.contains("copies"),
        "nobody set them: {joined}"
    );
    assert_eq!(words[words.len() - 2..], ["tank/shop@x", "tank/e/.envclone/1-2"]);
    let older = of(&target("t", (2, 1), None)).join(" ");
    assert!(
        older.contains("snapdir=hidden") && !older.contains("direct="),
        "{older}"
    );
    let limited = of(&target("t", (2, 3), Some(5 << 30))).join(" ");
    assert_eq!(limited.matches("refquota=").count(), 1, "{limited}");
    assert!(limited.contains("-o refquota=5368709120 "), "{limited}");
}

#[test]
fn what_lies_within_a_dataset_is_told_from_what_has_a_similar_name() {
    for (name, within) in [
        ("tank/a", true),
        ("tank/a/b", true),
        ("tank/a@x", true),
        ("tank/ab", false),
        ("tank", false),
    ] {
        assert_eq!(is_within(name, "tank/a"), within, "{name}");
    }
    assert_eq!(zpool_of("tank"), "tank");
    assert_eq!(dataset_of("tank/a@x"), "tank/a");
}
