//! The README's table of guarantees: each has tests, and they are there.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_guarantee_of_the_readme_has_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for directory in ["src", "tests/it"] {
        read_all(&root.join(directory), &mut sources);
    }
    sources += &fs::read_to_string(root.join("tests/memory.rs")).unwrap();

    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let rows: Vec<_> = rows(&readme).collect();
    assert!(rows.len() > 10, "the table was not found");
    for (guarantee, tests) in rows {
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test proves: {guarantee}");
        for name in names {
            let is_there = sources.contains(&format!("fn {name}("));
            assert!(is_there, "no test {name}, which is to prove: {guarantee}");
        }
    }
}

/// Both columns of the table under "Guarantees", without its head.
fn rows(readme: &str) -> impl Iterator<Item = (&str, &str)> {
    let (_, section) = readme.split_once("## Guarantees\n").unwrap_or_default();
    let (section, _) = section.split_once("\n## ").unwrap_or_default();
    section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(2)
        .filter_map(|line| line.trim_matches('|').rsplit_once(" | "))
}

fn read_all(directory: &Path, into: &mut String) {
    let entries = fs::read_dir(directory).unwrap();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    for path in paths {
        if path.is_dir() {
            read_all(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *into += &fs::read_to_string(path).unwrap();
        }
    }
}
