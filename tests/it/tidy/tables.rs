//! The rules about tables that promise something: what stands in a row is shown by a test.

use super::source::{text, tokens};
use super::{expect_none, root, sources};

/// The cells of each row of the table in `markdown` whose first title is this.
fn rows<'a>(markdown: &'a str, title: &str) -> Vec<Vec<&'a str>> {
    let cells = |line: &'a str| line.trim().trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let table = markdown.lines().skip_while(|line| !line.starts_with('|') || cells(line)[0] != title);
    table.take_while(|line| line.starts_with('|')).skip(2).map(cells).collect()
}

/// The test functions of the sources whose path begins like this.
fn tests_in(place: &str) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources().into_iter().filter(|source| source.path.starts_with(place)) {
        let tokens = tokens(&source.code);
        for at in (0..tokens.len()).filter(|at| tokens[*at].text == "test" && text(&tokens, at + 1) == "]") {
            if text(&tokens, at + 2) == "fn" {
                found.push(text(&tokens, at + 3).to_owned());
            }
        }
    }
    found
}

/// The name of a test that is named after a cell.
fn name_after(cell: &str) -> String {
    let words = cell.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_lowercase()
}

#[test]
fn every_way_in_which_a_program_ends_is_tested() {
    fn rule(documentation: &str, tests: &[String]) -> Vec<String> {
        let rows = rows(documentation, "how it ends");
        let names: Vec<String> = rows.iter().map(|cells| name_after(cells[0])).collect();
        let untested = names.iter().filter(|name| !tests.contains(name)).map(|name| format!("{name}: has no test"));
        let unsaid = tests.iter().filter(|test| !names.contains(test)).map(|test| format!("{test}: is in no row"));
        let no_table = names.is_empty().then(|| "the table is not there".to_owned());
        untested.chain(unsaid).chain(no_table).collect()
    }
    let sample = "text\n\n| how it ends | status |\n|---|---|\n| `main` returns | 0 |\n| a panic, or two | |\n\nmore";
    assert!(rule(sample, &["main_returns".into(), "a_panic_or_two".into()]).is_empty());
    assert_eq!(rule(sample, &["main_returns".into(), "something".into()]).len(), 2);
    assert_eq!(rule("text", &[]).len(), 1);
    let attribute = sources().into_iter().find(|source| source.path == "actor-macros/src/lib.rs").unwrap();
    let documentation: String =
        attribute.text.lines().filter_map(|line| line.strip_prefix("///")).map(after_blank).collect();
    expect_none(rule(&documentation, &tests_in("tests/it/mains/ends.rs")));
}

#[test]
fn every_test_that_the_readme_names_exists() {
    fn rule(readme: &str, tests: &[String]) -> Vec<String> {
        let rows = readme.lines().filter(|line| line.starts_with('|'));
        let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
        let names: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        let unknown = names.iter().filter(|name| !tests.iter().any(|test| test == *name));
        let nothing = names.is_empty().then(|| "no test is named".to_owned());
        unknown.map(|name| format!("tests/README.md: there is no test `{name}`")).chain(nothing).collect()
    }
    let sample = "| case | tests |\n|---|---|\n| a `word` | `one`, `two` |\n| b | |\n";
    assert!(rule(sample, &["one".into(), "two".into()]).is_empty());
    assert_eq!(rule(sample, &["one".into()]).len(), 1);
    assert_eq!(rule("text", &[]).len(), 1);
    let readme = std::fs::read_to_string(root().join("tests/README.md")).unwrap();
    expect_none(rule(&readme, &tests_in("tests/it/")));
}

/// A line of documentation, as it is read.
fn after_blank(line: &str) -> String {
    format!("{}\n", line.strip_prefix(' ').unwrap_or(line))
}
