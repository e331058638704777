//! The input when none is named: the sources of the crates that this program was built from.
//!
//! Wherever it was compiled, cargo has put them into its home, so that there is something real to
//! count on every machine. Only names and versions are known from the build; the place is looked
//! up when the program runs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));

/// The directories of the crates in `Cargo.lock`, as many as are there.
pub(crate) fn directories() -> Vec<PathBuf> {
    cargo_home().map_or(Vec::new(), |home| directories_in(&home, LOCK))
}

/// Where cargo keeps what it downloads.
fn cargo_home() -> Option<PathBuf> {
    let default = || env::home_dir().map(|home| home.join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(default)
}

/// One directory per crate, though cargo may have it from several registries.
fn directories_in(home: &Path, lock: &str) -> Vec<PathBuf> {
    let registries = fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
    let mut registries: Vec<PathBuf> = registries.map(|entry| entry.path()).collect();
    registries.sort();
    let place = |name: String| registries.iter().map(|r| r.join(&name)).find(|path| path.is_dir());
    crates(lock).filter_map(place).collect()
}

/// Name and version of each crate that came from a registry, as in `serde-1.0.200`.
fn crates(lock: &str) -> impl Iterator<Item = String> {
    lock.split("[[package]]").filter_map(|package| {
        let value = |key: &str| {
            let mut lines = package.lines();
            lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'))
        };
        value("source").filter(|source| source.starts_with("registry+"))?;
        Some(format!("{}-{}", value("name")?, value("version")?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let found: Vec<String> = crates(LOCK).collect();
        assert!(found.iter().any(|name| name.starts_with("serde-1.")), "{found:?}");
        assert!(!found.iter().any(|name| name.starts_with("actor-core")), "{found:?}");
        let here = directories();
        assert!(here.iter().any(|dir| dir.join("Cargo.toml").is_file()), "{here:?}");
    }

    #[test]
    fn crates_are_looked_for_in_every_registry() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join("registry/src").join(name);
        for name in ["one/a-1.0.0", "two/a-1.0.0", "two/b-2.0.0", "two/c-1.0.0"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        let lock = r#"
version = 4
[[package]]
name = "a"
version = "1.0.0"
source = "registry+https://example.org"
[[package]]
name = "b"
version = "2.0.0"
source = "registry+https://example.org"
[[package]]
name = "missing"
version = "2.0.0"
source = "registry+https://example.org"
[[package]]
name = "c"
version = "1.0.0"
"#;
        let found = directories_in(home.path(), lock);
        assert_eq!(found, [at("one/a-1.0.0"), at("two/b-2.0.0")]);
        assert_eq!(directories_in(&home.path().join("absent"), lock), [""; 0].map(PathBuf::from));
    }
}
