//! The house rules that a machine can check, read from the sources as text.
//!
//! Each rule is a function from sources to complaints, and a test that expects none from this
//! repository and some from a sample that breaks the rule. A complaint names file and line. The
//! tables of exceptions stand at the top; an exception without a reason is not one.

mod layers;
mod safety;
mod source;
mod tables;

use std::fs;
use std::path::Path;

use source::{Source, Token, closing, text, tokens};

/// Crates that the product wraps, each with the one file that may name it.
const WRAPPED: &[(&str, &str)] =
    &[("ipc_channel", "actor-core/src/control.rs"), ("rmp_serde", "actor-core/src/wire.rs")];

/// Files that may call `thread::sleep`, each with the reason. Never to wait for something.
const SLEEP_ALLOWED: &[(&str, &str)] = &[];

/// What the root of the repository holds. Everything else has its place in one of the folders, or is
/// made by a build and does not belong here.
const ROOT: &[&str] = &[
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "STYLE.md",
    "actor-core",
    "actor-macros",
    "benches",
    "book",
    "examples",
    "fuzz",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
];
/// What git and cargo put beside it.
const MADE: &[&str] = &[".git", "target"];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 55;

#[test]
fn smoke() {
    let sources = sources();
    assert!(sources.iter().any(|source| source.path == "actor-core/src/lib.rs"));
    assert!(sources.iter().any(|source| source.path == "tests/it/tidy.rs"));
    assert!(!sources.iter().any(|source| source.path.contains("target/")));
}

#[test]
fn imports_point_down_the_layers() {
    let mut wrong = Vec::new();
    for source in sources() {
        wrong.extend(layers::violations(&source, "actor-core/src", layers::CORE));
        wrong.extend(layers::violations(&source, "actor-macros/src", layers::MACROS));
    }
    expect_none(wrong);
}

#[test]
fn every_file_begins_with_what_it_is() {
    fn rule(source: &Source) -> Vec<String> {
        let first = source.text.lines().find(|line| !line.trim().is_empty());
        let has_header = first.is_some_and(|line| line.starts_with("//! "));
        if has_header { Vec::new() } else { vec![format!("{}: no `//!` header", source.path)] }
    }
    expect_some(rule, "src/a.rs", "use std::fs;\n//! Late.");
    expect_some(rule, "src/a.rs", "");
    expect_none(sources().iter().flat_map(rule).collect());
}

#[test]
fn a_mod_rs_is_a_table_of_contents() {
    const LOGIC: &[&str] =
        &["fn", "impl", "struct", "enum", "union", "trait", "const", "static", "type", "macro_rules"];
    fn rule(source: &Source) -> Vec<String> {
        if source.path != "mod.rs" && !source.path.ends_with("/mod.rs") {
            return Vec::new();
        }
        let found = tokens(&source.code).into_iter().find(|token| LOGIC.contains(&token.text));
        found.map(|token| complaint(source, token.line, "logic belongs into a file with a name")).into_iter().collect()
    }
    expect_some(rule, "src/a/mod.rs", "mod b;\nfn f() {}");
    expect_some(rule, "src/a/mod.rs", "mod b;\npub struct X;");
    assert!(rule(&Source::new("src/a/mod.rs", "//! fn\n#[cfg(test)]\nmod b;\npub use b::X;")).is_empty());
    assert!(rule(&Source::new("src/amod.rs", "fn f() {}")).is_empty());
    expect_none(sources().iter().flat_map(rule).collect());
}

#[test]
fn a_wrapped_crate_is_named_in_one_file() {
    fn rule(source: &Source) -> Vec<String> {
        let mut wrong = Vec::new();
        let ours = source.path.starts_with("actor-core/src/");
        for (name, place) in WRAPPED.iter().filter(|(_, place)| ours && source.path != *place) {
            let uses = tokens(&source.code);
            let uses = uses.iter().filter(|token| token.text == *name);
            let what = format!("`{name}` belongs into {place}");
            wrong.extend(uses.map(|token| complaint(source, token.line, &what)));
        }
        wrong
    }
    expect_some(rule, "actor-core/src/error.rs", "#[from] rmp_serde::decode::Error");
    assert!(rule(&Source::new("actor-core/src/wire.rs", "use rmp_serde::from_slice;")).is_empty());
    expect_none(sources().iter().flat_map(rule).collect());
}

#[test]
fn files_and_functions_are_of_a_size_to_be_read() {
    fn rule(source: &Source) -> Vec<String> {
        let mut wrong = long_functions(source);
        let lines = source.production_lines;
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines of at most {FILE_LINES_MAX}", source.path));
        }
        wrong
    }
    expect_some(rule, "a.rs", &"fn f() {}\n".repeat(FILE_LINES_MAX + 1));
    let body = "    g();\n".repeat(FUNCTION_LINES_MAX - 1);
    expect_some(rule, "a.rs", &format!("impl X {{ fn f<T>() -> T\nwhere T: A {{\n{body}}} }}"));
    expect_none(rule(&Source::new("a.rs", &format!("fn f() {{\n{}}}", &body[9..]))));
    let in_test = format!("#[cfg(test)]\nmod tests {{ fn f() {{\n{body}{body}}} }}");
    assert_eq!(Source::new("a.rs", &in_test).production_lines, 0);
    expect_none(rule(&Source::new("a.rs", &in_test)));
    let ours = sources().into_iter().filter(|source| !source.path.starts_with("tests/"));
    expect_none(ours.flat_map(|source| rule(&source)).collect());
}

fn long_functions(source: &Source) -> Vec<String> {
    let tokens = tokens(&source.production);
    let mut wrong = Vec::new();
    for at in (0..tokens.len()).filter(|at| tokens[*at].text == "fn") {
        let name = text(&tokens, at + 1);
        // `fn(` is a type.
        if name == "(" {
            continue;
        }
        let body = (at..tokens.len()).find(|at| ["{", ";"].contains(&tokens[*at].text));
        let Some(body) = body.filter(|body| tokens[*body].text == "{") else {
            continue;
        };
        let last = tokens.get(closing(&tokens, body)).map_or(tokens[body].line, |end| end.line);
        let lines = last - tokens[at].line + 1;
        if lines > FUNCTION_LINES_MAX {
            let what = format!("`{name}` has {lines} lines of at most {FUNCTION_LINES_MAX}");
            wrong.push(complaint(source, tokens[at].line, &what));
        }
    }
    wrong
}

#[test]
fn nothing_is_ignored_or_left_to_do() {
    fn rule(source: &Source) -> Vec<String> {
        let tokens = tokens(&source.code);
        let banned = |at: &usize| match tokens[*at].text {
            "ignore" => text(&tokens, at.wrapping_sub(1)) == "[",
            "todo" | "unimplemented" => text(&tokens, at + 1) == "!",
            _ => false,
        };
        let places = (0..tokens.len()).filter(banned);
        places.map(|at| complaint(source, tokens[at].line, tokens[at].text)).collect()
    }
    expect_some(rule, "a.rs", "#[test]\n#[ignore]\nfn f() {}");
    expect_some(rule, "a.rs", "#[ignore = \"slow\"]\nfn f() {}");
    expect_some(rule, "a.rs", "fn f() { todo!() }");
    assert!(rule(&Source::new("a.rs", "fn ignore() {} // todo!")).is_empty());
    expect_none(sources().iter().flat_map(rule).collect());
}

#[test]
fn nobody_sleeps_to_wait_for_something() {
    fn rule(source: &Source) -> Vec<String> {
        let tokens = tokens(&source.code);
        let allowed = SLEEP_ALLOWED.iter().any(|(path, _)| source.path == *path);
        let thread_sleep =
            |w: &&[Token<'_>]| !allowed && w[0].text == "thread" && w[1].text == "::" && w[2].text == "sleep";
        let uses = tokens.windows(3).filter(thread_sleep);
        uses.map(|w| complaint(source, w[0].line, "`thread::sleep`")).collect()
    }
    expect_some(rule, "tests/it/q.rs", "std::thread::sleep(Duration::from_secs(1));");
    expect_some(rule, "tests/it/q.rs", "use std::thread::sleep;");
    expect_none(sources().iter().flat_map(rule).collect());
    for (path, reason) in SLEEP_ALLOWED {
        assert!(root().join(path).exists() && !reason.is_empty(), "{path}: {reason}");
    }
}

#[test]
fn no_path_of_one_machine_is_written_down() {
    fn rule(path: &str, text: &str) -> Vec<String> {
        // Taken apart here, so that this file is no exception.
        let homes = ["home", "root", "work", "Users"].map(|name| format!("/{name}/"));
        let lines = text.lines().enumerate();
        let bad = lines.filter(|(_, line)| homes.iter().any(|home| has_absolute(line, home)));
        bad.map(|(at, line)| format!("{path}:{}: {}", at + 1, line.trim())).collect()
    }
    assert!(!rule("a.rs", &format!("let x = \"/{}/me/x\";", "home")).is_empty());
    assert!(rule("a.rs", &format!("//! see docs/{}/me", "work")).is_empty());
    let mut wrong = Vec::new();
    visit(root(), &mut |path, text| wrong.extend(rule(path, text)));
    expect_none(wrong);
}

/// Whether `path` stands in `line` as the beginning of a path.
fn has_absolute(line: &str, path: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "_-.}".contains(c);
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(inside))
}

#[test]
fn the_root_holds_what_belongs_there() {
    fn rule(names: &[String]) -> Vec<String> {
        let is_known = |name: &String| ROOT.iter().chain(MADE).any(|known| known == name);
        let others = names.iter().filter(|name| !is_known(name));
        others.map(|name| format!("{name}: does not belong into the root")).collect()
    }
    assert_eq!(rule(&["target".into(), "build.log".into(), "tests".into()]).len(), 1);
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = entries.collect();
    expect_none(
        ROOT.iter().filter(|name| !names.iter().any(|n| n == *name)).map(|n| format!("{n}: not there")).collect(),
    );
    expect_none(rule(&names));
}

#[test]
fn versions_agree_with_the_changelog() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let manifest = read("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    let version = version.expect("[workspace.package] has a version").trim_matches('"');
    assert!(
        manifest.contains(&format!("actor-macros\", version = \"={version}\"")),
        "both crates are released together"
    );
    let changelog = read("CHANGELOG.md");
    let released = changelog.contains(&format!("\n## [{version}] - 20"));
    let coming = changelog.contains(&format!("\n## [Unreleased]\n\nWill be released as {version}."));
    assert!(released != coming, "CHANGELOG.md announces {version} or has released it");
}

fn complaint(source: &Source, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", source.path)
}

#[track_caller]
fn expect_none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The rule finds something in a sample that breaks it.
#[track_caller]
fn expect_some(rule: fn(&Source) -> Vec<String>, path: &str, sample: &str) {
    assert!(!rule(&Source::new(path, sample)).is_empty(), "nothing found in {sample:?}");
}

/// All Rust sources of the workspace.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    visit(root(), &mut |path, text| {
        if path.ends_with(".rs") {
            found.push(Source::new(path, text));
        }
    });
    let declarations: Vec<(String, String)> = found.iter().flat_map(declared_for_tests).collect();
    for source in &mut found {
        if declarations.iter().any(|(file, folder)| source.path == *file || source.path.starts_with(folder)) {
            source.becomes_a_test();
        }
    }
    found
}

/// File and folder of each module that `source` declares for tests only.
fn declared_for_tests(source: &Source) -> Vec<(String, String)> {
    let path = source.path.strip_suffix(".rs").unwrap_or(&source.path);
    let is_folder_itself = ["mod", "lib", "main"].iter().any(|name| path.ends_with(name));
    let (folder, _) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = if is_folder_itself { folder } else { path };
    let modules = source.test_modules().into_iter();
    modules.map(|name| (format!("{folder}/{name}.rs"), format!("{folder}/{name}/"))).collect()
}

/// Calls `seen` with the path and text of each text file of the repository, in order.
fn visit(root: &Path, seen: &mut dyn FnMut(&str, &str)) {
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|entry| entry.path());
        for entry in entries {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let is_made = ["target", ".git", "book/book", "benches/target", "fuzz/target"].contains(&&*name);
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && !is_made {
                folders.push(path);
            } else if kind.is_file()
                && let Ok(text) = fs::read_to_string(&path)
            {
                seen(&name, &text);
            }
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace")
}
