//! `README.md` of the examples: that it lists them all, and says of each what the example itself says.
//!
//! The README is written by hand, so that it can be read in order; what it says is compared.

use std::fs;
use std::path::Path;

/// The first paragraph of a program's text, on one line.
fn title(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What a program's text says that it prints, if it does.
pub(crate) fn output(source: &str) -> Option<String> {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let mut lines = lines.skip_while(|line| *line != "```text").skip(1).peekable();
    lines.peek()?;
    Some(lines.take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect())
}

/// What the README has to say of an example.
fn entry(name: &str, path: &str, source: &str) -> String {
    let output = output(source).map(|output| format!("\n```text\n{output}```\n"));
    format!("### [{name}]({path})\n\n{}\n{}", title(source), output.unwrap_or_default())
}

#[test]
fn a_programs_text_is_read() {
    let source = "//! Says hello\n//! twice.\n//!\n//! ```text\n//! hello\n//!\n//!   hello\n//! ```\n\nfn main() {}\n";
    let expected = "### [hi](a/hi.rs)\n\nSays hello twice.\n\n```text\nhello\n\n  hello\n```\n";
    assert_eq!(entry("hi", "a/hi.rs", source), expected);
    assert_eq!(output("//! Says nothing.\nfn main() {}"), None);
}

#[test]
fn the_readme_lists_all_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (manifest, readme) = (read("Cargo.toml"), read("README.md"));
    let examples = manifest.split("[[example]]").skip(1).map(|entry| {
        let value = |key: &str| entry.split_once(&format!("{key} = \"")).and_then(|(_, rest)| rest.split('"').next());
        (value("name").expect("it has a name"), value("path").expect("it has a path"))
    });
    let expected: Vec<String> = examples.map(|(name, path)| entry(name, path, &read(path))).collect();
    let missing: String =
        expected.iter().filter(|entry| !readme.contains(*entry)).map(|entry| format!("{entry}\n")).collect();
    assert!(missing.is_empty(), "README.md does not have:\n\n{missing}");
    assert_eq!(readme.matches("\n### ").count(), expected.len(), "README.md has more than there is");
}

#[test]
fn every_example_of_a_folder_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let runner = fs::read_to_string(folder.join("tests/run.rs")).expect("it is there");
    for name in ["multiprocessing", "flaws"] {
        for entry in fs::read_dir(folder.join(name)).expect("it is there") {
            let path = entry.expect("it can be read").path();
            let example = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
            let is_run = runner.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == example);
            assert!(is_run, "{name}/{example}.rs is run by no test");
        }
    }
}
