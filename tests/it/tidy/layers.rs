//! Which module may import which: the tables, and a reader of paths that checks against them.
//!
//! A path counts where it is written, in a `use` or in the middle of an expression. Code for tests
//! is exempt: a test may look at anything.

use super::source::{Source, Token, closing, text, tokens};

/// The modules of `actor-core`, from the top down. A module imports from lower lines only, never
/// from its own. The crate page, `lib.rs`, is above all.
pub(super) const CORE: &[&[&str]] = &[
    &["prelude", "error", "testing"],
    &["collections", "pool", "registry", "group"],
    &["supervisor"],
    &["actor"],
    &["link", "monitor"],
    &["pipe", "shared"],
    &["queue", "process", "sync"],
    &["node"],
    &["core"],
    &["reply"],
    &["mailbox"],
    &["boot"],
    &["control"],
    &["logs"],
    &["wait"],
    &["wire", "waker"],
    &["shm"],
    &["exit"],
    &["id"],
    &["sys", "time"],
    &["planted"],
];

/// The same for `actor-macros`: attributes are parsed into a tree, checked and written out.
pub(super) const MACROS: &[&[&str]] =
    &[&["expand", "main_fn"], &["fallback"], &["valid"], &["ast"], &["attr", "reserved", "types"]];

/// What is wrong with the imports of `source`, a file below `folder`.
pub(super) fn violations(source: &Source, folder: &str, layers: &[&[&str]]) -> Vec<String> {
    let Some(module) = module_path(&source.path, folder) else {
        return Vec::new();
    };
    let Some(from) = module.first() else {
        return Vec::new();
    };
    let layer = |name: &str| layers.iter().position(|layer| layer.contains(&name));
    let Some(own) = layer(from) else {
        return vec![format!("{}: module `{from}` is in no layer", source.path)];
    };
    let mut wrong = Vec::new();
    for (line, to) in imports(&source.production, &module) {
        let reason = match layer(&to) {
            _ if to == *from => continue,
            Some(other) if other > own => continue,
            Some(other) if other == own => "is in the same layer",
            Some(_) => "is in a higher layer",
            None => "is no module: import from where it is defined",
        };
        wrong.push(format!("{}:{line}: `{from}` imports `{to}`, which {reason}", source.path));
    }
    wrong
}

/// The module that a file is, as a list of names; empty for the root of the crate.
fn module_path(path: &str, folder: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".rs")?;
    let mut names: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if names.last().is_some_and(|last| last == "mod") || names == ["lib"] {
        names.pop();
    }
    Some(names)
}

/// The line and the first name of each path in `code` that starts at the root of the crate.
fn imports(code: &str, module: &[String]) -> Vec<(usize, String)> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    // Ends of the modules written within this file that are open at this place.
    let mut inner_ends: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        inner_ends.retain(|end| at < *end);
        match tokens[at].text {
            "mod" if text(&tokens, at + 2) == "{" => inner_ends.push(closing(&tokens, at + 2)),
            "crate" if text(&tokens, at + 1) == "::" => {
                first_names(&tokens, at + 2, &mut found);
                at += 1;
            }
            "super" if text(&tokens, at + 1) == "::" => {
                let mut depth = module.len() + inner_ends.len();
                while text(&tokens, at) == "super" && text(&tokens, at + 1) == "::" {
                    depth = depth.saturating_sub(1);
                    at += 2;
                }
                if depth == 0 {
                    first_names(&tokens, at, &mut found);
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The names at the beginning of a path or of the branches of a tree of paths.
fn first_names(tokens: &[Token<'_>], at: usize, found: &mut Vec<(usize, String)>) {
    let Some(token) = tokens.get(at) else { return };
    if token.text != "{" {
        // A macro has no other address than the root.
        if text(tokens, at + 1) != "!" {
            found.push((token.line, token.text.to_owned()));
        }
        return;
    }
    let end = closing(tokens, at);
    let mut branch = at + 1;
    while branch < end {
        first_names(tokens, branch, found);
        while branch < end && tokens[branch].text != "," {
            branch = if tokens[branch].text == "{" { closing(tokens, branch) } else { branch } + 1;
        }
        branch += 1;
    }
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let found = |code: &str, module: &[&str]| {
        let module: Vec<String> = module.iter().map(|&name| name.to_owned()).collect();
        let found = imports(code, &module);
        found.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
    };
    assert_eq!(found("use crate::shm::Slot;", &["wire"]), ["shm"]);
    assert_eq!(found("use crate::{a::{b, c}, d, e as f, g::*};", &["x"]), ["a", "d", "e", "g"]);
    assert_eq!(found("fn f() -> crate::id::X { crate::node::ask() }", &["x"]), ["id", "node"]);
    assert_eq!(found("pub(crate) fn f(); pub(in crate::shm) fn g();", &["shm", "x"]), ["shm"]);
    assert_eq!(found("use super::words; use super::super::id;", &["shm", "slots"]), ["id"]);
    assert_eq!(found("use super::{id, sys};", &["shm"]), ["id", "sys"]);
    assert_eq!(found("mod inner { use super::X; use super::super::id; }", &["shm"]), ["id"]);
    assert_eq!(found("use std::sync::Arc; use self::a::b;", &["x"]), [""; 0]);
    assert_eq!(found("crate::trace!(1); use crate::*;", &["x"]), ["*"]);
}

#[test]
fn imports_point_down() {
    let check = |path: &str, code: &str| violations(&Source::new(path, code), "actor-core/src", CORE).join("\n");
    assert_eq!(check("actor-core/src/shm/slots.rs", "use crate::sys::map; use crate::id::A;"), "");
    assert_eq!(check("actor-core/src/shm/slots.rs", "use super::words; use crate::shm::x;"), "");
    assert_eq!(check("actor-core/src/lib.rs", "pub use crate::actor::Actor;"), "");
    let test_only = "#[cfg(test)] mod tests { use crate::node; }";
    assert_eq!(check("actor-core/src/wire.rs", test_only), "");
    for (path, code, reason) in [
        ("actor-core/src/sys/map.rs", "use crate::shm::Segment;", "higher layer"),
        ("actor-core/src/queue/mod.rs", "use crate::process::Process;", "same layer"),
        ("actor-core/src/wire.rs", "fn f() {\n super::node::ask() }", "rs:2: `wire` imports `node`"),
        ("actor-core/src/wire.rs", "use crate::Result;", "is no module"),
        ("actor-core/src/wire.rs", "use crate::*;", "is no module"),
        ("actor-core/src/newcomer.rs", "", "in no layer"),
    ] {
        assert!(check(path, code).contains(reason), "{path}: {code}: {}", check(path, code));
    }
}
