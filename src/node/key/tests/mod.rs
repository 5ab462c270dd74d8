#[cfg(target_os = "linux")]
mod memory;

use std::fs;
use std::sync::Barrier;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::{TempDir, tempdir};

use super::*;
use crate::address::PeerId;
use crate::address::testing::{ID, recording, unhex};

#[test]
fn the_golden_file_is_written_and_read() {
    let (directory, path) = place();
    let identity = golden();
    assert_eq!(PeerId::from(identity.public_key()).to_string(), ID);
    save(&identity, &path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), GOLDEN);
    let loaded = load(&path).unwrap().identity;
    assert_eq!(loaded.seed(), identity.seed());
    assert_eq!(loaded.public_key(), identity.public_key());
    assert_eq!(names(&directory), ["node_key.json"]);
}

#[test]
fn saving_replaces_what_is_there() {
    let (directory, path) = place();
    fs::write(&path, "x".repeat(10_000)).unwrap();
    save(&golden(), &path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), GOLDEN);
    assert_eq!(names(&directory), ["node_key.json"]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, path) = place();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    save(&golden(), &path).unwrap();
    assert_eq!(mode(&path), 0o600);
    let generated = directory.path().join("generated.json");
    load_or_generate(&generated).unwrap();
    assert_eq!(mode(&generated), 0o600);
}

#[test]
fn what_cannot_be_saved_leaves_everything_as_it_was() {
    let (directory, path) = place();
    fs::create_dir(&path).unwrap();
    let error = save(&golden(), &path).unwrap_err();
    assert!(matches!(error, NodeKeyError::Io { .. }), "{error}");
    assert!(error.to_string().contains("node_key.json"));
    assert_eq!(names(&directory), ["node_key.json"]);
    for nowhere in [directory.path().join("no/key.json"), "/".into(), "".into()] {
        let error = save(&golden(), nowhere).unwrap_err();
        assert!(matches!(error, NodeKeyError::Io { .. }), "{error}");
    }
}

#[test]
fn a_missing_file_is_an_error_of_its_own() {
    let (directory, path) = place();
    match load(&path) {
        Err(NodeKeyError::NotFound { path: named }) => assert_eq!(named, path),
        other => panic!("{other:?}"),
    }
    let error = load(directory.path()).unwrap_err();
    assert!(matches!(error, NodeKeyError::Io { .. }), "{error}");
}

#[test]
fn an_identity_is_generated_once() {
    let (directory, path) = place();
    let first = load_or_generate(&path).unwrap().identity;
    let second = load_or_generate(&path).unwrap().identity;
    assert_eq!(first.seed(), second.seed());
    assert_eq!(names(&directory), ["node_key.json"]);
}

#[test]
fn those_that_generate_at_once_get_the_same_identity() {
    let (directory, path) = place();
    let barrier = Barrier::new(8);
    let load = || {
        barrier.wait();
        *load_or_generate(&path).unwrap().identity.public_key()
    };
    let keys: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(names(&directory), ["node_key.json"]);
}

#[test]
fn a_file_that_is_no_node_key_is_an_error_and_untouched() {
    for (text, expected) in odd_files() {
        let (directory, path) = place();
        fs::write(&path, &text).unwrap();
        for error in [
            load(&path).unwrap_err(),
            load_or_generate(&path).unwrap_err(),
        ] {
            match error {
                NodeKeyError::Invalid { problem, .. } => assert_eq!(problem, expected, "{text}"),
                other => panic!("{text}: {other}"),
            }
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(names(&directory), ["node_key.json"]);
    }
}

#[test]
fn every_base64_that_go_takes_is_taken_and_no_other() {
    let recorded = recording("node-key-values.json");
    let rows = recorded.as_array().unwrap();
    assert_eq!(rows.len(), 52);
    for row in rows {
        let (_directory, path) = place();
        let value = row["value"].as_str().unwrap();
        fs::write(&path, GOLDEN.replace(VALUE, value)).unwrap();
        let base64 = !row["error"]
            .as_str()
            .is_some_and(|it| it.contains("base64"));
        match load(&path) {
            Ok(loaded) => {
                let id = PeerId::from(loaded.identity.public_key()).to_string();
                assert_eq!(row["id"], id, "{value}");
            }
            Err(NodeKeyError::Invalid { problem, .. }) => match problem {
                InvalidNodeKey::NotBase64 => assert!(!base64, "{value}"),
                // Go asks neither for the length nor for what belongs together, and panics where there is nothing.
                InvalidNodeKey::Length { len: 0 | 65 } | InvalidNodeKey::Mismatch => {
                    assert!(base64, "{value}");
                }
                other => panic!("{value}: {other:?}"),
            },
            Err(error) => panic!("{value}: {error:?}"),
        }
    }
}

#[test]
fn a_directory_that_cannot_be_forced_to_the_disk_is_no_error() {
    let kinds = [
        io::ErrorKind::InvalidInput,
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::Unsupported,
    ];
    let syncs: [file::SyncDirectory; 3] = [
        |_| Err(io::ErrorKind::InvalidInput.into()),
        |_| Err(io::ErrorKind::PermissionDenied.into()),
        |_| Err(io::ErrorKind::Unsupported.into()),
    ];
    for (sync, kind) in syncs.into_iter().zip(kinds) {
        let (_directory, path) = place();
        save_with(&golden(), &path, sync).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), GOLDEN, "{kind}");
        fs::remove_file(&path).unwrap();
        let first = load_or_generate_with(&path, sync).unwrap().identity;
        assert_eq!(first.seed(), load(&path).unwrap().identity.seed(), "{kind}");
    }
}

#[cfg(unix)]
#[test]
fn the_system_s_words_for_what_it_cannot_do_are_known() {
    // EINVAL, ENOSYS, ENOTSUP of Linux: what the standard library makes of them.
    #[cfg(target_os = "linux")]
    for (code, kind) in [
        (22, io::ErrorKind::InvalidInput),
        (38, io::ErrorKind::Unsupported),
        (95, io::ErrorKind::Unsupported),
    ] {
        assert_eq!(io::Error::from_raw_os_error(code).kind(), kind);
    }
    let (directory, _) = place();
    file::sync_directory(directory.path()).unwrap();
}

#[test]
fn a_disk_that_fails_at_the_directory_is_an_error_that_says_what_is_there() {
    let broken: file::SyncDirectory = |_| Err(io::Error::other("the disk is gone"));
    let (directory, path) = place();
    for error in [save_with(&golden(), &path, broken).unwrap_err(), {
        fs::remove_file(&path).unwrap();
        load_or_generate_with(&path, broken).unwrap_err()
    }] {
        let NodeKeyError::NotDurable { path: named, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(named, &path);
        assert!(
            error
                .to_string()
                .ends_with("is written, but a loss of power may undo it")
        );
        // It is there, as a whole.
        load(&path).unwrap();
        assert_eq!(names(&directory), ["node_key.json"]);
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_told_as_one_and_untouched() {
    let (directory, path) = place();
    let target = directory.path().join("elsewhere.json");
    std::os::unix::fs::symlink(&target, &path).unwrap();
    for error in [
        load(&path).unwrap_err(),
        load_or_generate(&path).unwrap_err(),
    ] {
        match error {
            NodeKeyError::DanglingLink {
                path: link,
                target: to,
            } => {
                assert_eq!((link, to), (path.clone(), target.clone()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names(&directory), ["node_key.json"]);
    save(&golden(), &target).unwrap();
    assert_eq!(load(&path).unwrap().identity.seed(), golden().seed());
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_or_write_is_read_and_told() {
    use std::os::unix::fs::PermissionsExt;

    let (_directory, path) = place();
    save(&golden(), &path).unwrap();
    for (mode, read, written) in [
        (0o600, false, false),
        (0o400, false, false),
        (0o700, false, false),
        (0o640, true, false),
        (0o604, true, false),
        (0o620, false, true),
        (0o602, false, true),
        (0o666, true, true),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for loaded in [load(&path).unwrap(), load_or_generate(&path).unwrap()] {
            let told = loaded.warning.as_ref();
            let told = told.map(|it| (it.mode, it.others_may_read(), it.others_may_write()));
            assert_eq!(told, (read || written).then_some((mode, read, written)));
        }
    }
    let warning = load(&path).unwrap().warning.unwrap().to_string();
    let wanted = "may be read and written by others than its owner (mode 0666, it should be 0600)";
    assert!(warning.ends_with(wanted), "{warning}");
}

#[test]
fn no_error_shows_its_source_and_returns_it_too() {
    let (_directory, path) = place();
    fs::write(&path, "{").unwrap();
    for error in [
        load(&path).unwrap_err(),
        failed(&path, io::Error::other("the disk is gone")),
    ] {
        let source = std::error::Error::source(&error)
            .expect("a source")
            .to_string();
        assert!(!error.to_string().contains(&source), "{error}");
    }
}

#[test]
fn the_layout_of_the_json_does_not_matter() {
    let text = GOLDEN
        .replace(['{', ','], "{\n")
        .replace("{\n\"value", ",\"more\":1, \"value");
    let (_directory, path) = place();
    fs::write(&path, format!(" {text}\n")).unwrap();
    assert_eq!(load(&path).unwrap().identity.seed(), golden().seed());
}

#[test]
fn the_parts_are_found_whatever_lies_around_them() {
    let (_directory, path) = place();
    let inner = format!(r#""value" : "{VALUE}" , "type":"tendermint/PrivKeyEd25519""#);
    for text in [
        format!(r#"{{"a":[{{"priv_key":1}},"b,:]}}\"{{"],"priv_key":{{{inner}}}}}"#),
        format!(r#"{{"priv_key":{{"type":"no"}},"priv_key":{{"t":{{"value":"x"}},{inner}}}}}"#),
        format!("\t{{\r\n\"\\\\\":{{}},\"priv_key\"\n:\t{{{inner}}} }}\n"),
    ] {
        fs::write(&path, &text).unwrap();
        let loaded = load(&path).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(loaded.identity.seed(), golden().seed());
    }
}

#[test]
fn errors_show_nothing_of_the_key() {
    let (_directory, path) = place();
    for text in [
        GOLDEN.replace("Ed25519", "Secp256k1"),
        GOLDEN.replace("Gg==", "Gw=="),
        GOLDEN.replace("==", ""),
        GOLDEN.replace("}}", ""),
        GOLDEN.replace("value", "secret"),
        // The parts are mixed up.
        GOLDEN.replace("type", "t").replace("value", "type"),
        GOLDEN.replace(r#""value":"#, ""),
    ] {
        fs::write(&path, &text).unwrap();
        let error = load(&path).unwrap_err();
        assert!(
            !format!(
                "{error} {error:?} {:?}",
                std::error::Error::source(&error).map(ToString::to_string)
            )
            .contains(&GOLDEN[60..70]),
            "{text}"
        );
    }
}

fn odd_files() -> Vec<(String, InvalidNodeKey)> {
    let seed_only = STANDARD.encode(golden().seed());
    let zero_half = STANDARD.encode([golden().seed().as_slice(), &[0; 32]].concat());
    let long = STANDARD.encode([7; 65]);
    let missing = |field| InvalidNodeKey::Missing { field };
    let not_json = |line, column| InvalidNodeKey::NotJson { line, column };
    let with = |value: &str| GOLDEN.replace(VALUE, value);
    vec![
        (String::new(), not_json(1, 0)),
        ("{".to_owned(), not_json(1, 1)),
        (format!("{GOLDEN}\n}}"), not_json(2, 1)),
        ("{}".to_owned(), missing("/priv_key/type")),
        ("[]".to_owned(), missing("/priv_key/type")),
        (GOLDEN.replace("value", "v"), missing("/priv_key/value")),
        (GOLDEN.replace("type", "t"), missing("/priv_key/type")),
        (
            GOLDEN.replace("Ed25519", "Secp256k1"),
            InvalidNodeKey::Secp256k1,
        ),
        (
            GOLDEN.replace("Ed25519", "Sr25519"),
            InvalidNodeKey::KeyType {
                found: "tendermint/PrivKeySr25519".to_owned(),
            },
        ),
        (with("not base64"), InvalidNodeKey::NotBase64),
        (with(VALUE.trim_end_matches('=')), InvalidNodeKey::NotBase64),
        (with(""), InvalidNodeKey::Length { len: 0 }),
        (with(&seed_only), InvalidNodeKey::Length { len: 32 }),
        (with(&long), InvalidNodeKey::Length { len: 65 }),
        (with(&zero_half), InvalidNodeKey::Mismatch),
        (
            with(&VALUE.replace("Gg==", "Gw==")),
            InvalidNodeKey::Mismatch,
        ),
        (
            with(&VALUE.replace("nWGx", "nWGy")),
            InvalidNodeKey::Mismatch,
        ),
        (
            format!("{GOLDEN}{}", " ".repeat(4096)),
            InvalidNodeKey::TooLong { max: 4096 },
        ),
    ]
}

/// RFC 8032, section 7.1, test 1.
fn golden() -> Identity {
    let seed = unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    Identity::from_seed(&seed.try_into().unwrap()).unwrap()
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("node_key.json");
    (directory, path)
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = entries.map(name).collect();
    names.retain(|name| name != "generated.json");
    names
}

const GOLDEN: &str = r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="}}"#;
const VALUE: &str =
    "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==";
