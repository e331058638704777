//! The rules about what a compiler takes our word for: `unsafe`, and the order of memory.

use std::collections::BTreeMap;

use super::source::{Source, text, tokens};
use super::{complaint, expect_none, expect_some, sources};

/// Where `unsafe` may stand, and what for: what an auditor has to read. A folder ends with a slash.
const UNSAFE_ALLOWED: &[(&str, &str)] = &[
    ("actor-core/src/sys/", "system calls"),
    ("actor-core/src/shm/", "memory that others write"),
    ("actor-core/src/boot/entry.rs", "a place in the executable becomes a function"),
    ("benches/src/contestants/limits.rs", "forks, with nothing around it"),
    ("tests/src/counting.rs", "an allocator"),
    ("tests/src/foreign.rs", "stands in for foreign code"),
    ("tests/src/board.rs", "memory that tests share"),
    ("tests/src/steps.rs", "leads a process instruction by instruction"),
    ("tests/src/bin/constructor.rs", "has a constructor"),
    ("tests/src/bin/static_object.rs", "has constructors"),
    ("tests/ui/unsafe_handler.rs", "is refused by the compiler"),
];

/// The atomic operation that a label of a pair is about stands within so many lines of it.
const PAIR_REACH: usize = 6;

/// What makes a line release or acquire; `publish` is a store of the memory facade.
const RELEASES: &[&str] = &["release", "acqrel", "seqcst", "publish("];
const ACQUIRES: &[&str] = &["acquire", "acqrel", "seqcst"];

#[test]
fn unsafe_stands_only_in_the_files_of_the_list() {
    fn rule(source: &Source) -> Vec<String> {
        let allowed = UNSAFE_ALLOWED.iter().any(|(place, _)| source.path.starts_with(place));
        let lines = unsafe_lines(source).into_iter().filter(|_| !allowed);
        lines.map(|line| complaint(source, line, "`unsafe` outside the list")).collect()
    }
    expect_some(rule, "actor-core/src/queue/task.rs", "//! x\nfn f() { unsafe { g() } }");
    expect_some(rule, "actor-core/src/boot/mod.rs", "unsafe impl Send for X {}");
    assert!(rule(&Source::new("actor-core/src/sys/a.rs", "unsafe { g() }")).is_empty());
    assert!(rule(&Source::new("examples/a.rs", "#![forbid(unsafe_code)] // unsafe")).is_empty());
    expect_none(sources().iter().flat_map(rule).collect());
}

/// A lint is named by one word, so naming it is not using it.
fn unsafe_lines(source: &Source) -> Vec<usize> {
    tokens(&source.code).iter().filter(|token| token.text == "unsafe").map(|token| token.line).collect()
}

#[test]
fn the_list_of_unsafe_files_names_nothing_else() {
    fn rule(list: &[(&str, &str)], sources: &[Source]) -> Vec<String> {
        let has_unsafe = |place: &str| sources.iter().any(|s| s.path.starts_with(place) && !unsafe_lines(s).is_empty());
        let idle = list.iter().filter(|(place, _)| !has_unsafe(place));
        idle.map(|(place, _)| format!("{place}: may have `unsafe`, and has none")).collect()
    }
    let sample = [Source::new("a/b.rs", "unsafe { g() }"), Source::new("c.rs", "// unsafe")];
    assert_eq!(rule(&[("a/", ""), ("a/b.rs", ""), ("a/gone.rs", ""), ("c.rs", "")], &sample).len(), 2);
    expect_none(rule(UNSAFE_ALLOWED, &sources()));
}

#[test]
fn every_unsafe_is_argued() {
    expect_some(unargued, "a.rs", "fn f() {\n    unsafe { g() }\n}");
    expect_some(unargued, "a.rs", "// SAFETY: of another.\nh();\nunsafe { g() }");
    expect_some(unargued, "a.rs", "/// Does.\nunsafe fn f() {}");
    expect_some(unargued, "a.rs", "/// # Safety\n/// x\nfn f() {}\n\nunsafe fn f() {}");
    expect_some(unargued, "a.rs", "unsafe impl Send for X {}");
    for fine in [
        "// SAFETY: the range was checked\n// in `attach`.\nunsafe { g() }",
        "// SAFETY: as above.\nlet x: Long =\n    unsafe { g() };",
        "// SAFETY: plain data.\n#[cfg(x)]\nunsafe impl Send for X {}",
        "/// Does.\n///\n/// # Safety\n/// Never twice.\n#[inline]\npub(crate) unsafe fn f() {}",
        "type F = unsafe extern \"C\" fn(u8); const G: unsafe fn() = g;",
    ] {
        expect_none(unargued(&Source::new("a.rs", fine)));
    }
    expect_none(sources().iter().flat_map(unargued).collect());
}

/// The blocks and impls without `SAFETY:` and the functions without `# Safety` above them.
fn unargued(source: &Source) -> Vec<String> {
    let tokens = tokens(&source.code);
    let mut wrong = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "unsafe") {
        // Between `unsafe` and `fn` the ABI may stand: `extern "C"`, its text masked.
        let qualifiers = tokens[at + 1..].iter();
        let end = qualifiers.take_while(|token| ["extern", "\""].contains(&token.text)).count();
        let is_function = text(&tokens, at + 1 + end) == "fn";
        let needed = match text(&tokens, at + 1) {
            "{" | "impl" => "SAFETY:",
            _ if is_function && text(&tokens, at + 2 + end) != "(" => "# Safety",
            _ => continue,
        };
        if !comments_above(source, token.line).contains(needed) {
            wrong.push(complaint(source, token.line, &format!("no `{needed}` above")));
        }
    }
    wrong
}

/// The comments on a line and on those above it, up to the statement or item before.
fn comments_above(source: &Source, line: usize) -> String {
    let code: Vec<&str> = source.code.lines().collect();
    let comments: Vec<&str> = source.comments.lines().collect();
    let mut found = String::from(comments.get(line - 1).copied().unwrap_or(""));
    for at in (0..line - 1).rev() {
        let (code, comment) = (code[at].trim(), comments[at].trim());
        let ends_another = code.ends_with([';', '{', '}', ',']);
        if ends_another || (code.is_empty() && comment.is_empty()) {
            break;
        }
        found = format!("{comment}\n{found}");
    }
    found
}

#[test]
fn both_ends_of_a_pair_are_labelled() {
    let apart = "\n".repeat(2 * PAIR_REACH);
    let release = format!("x.store(1, Ordering::Release); // PAIR: a{apart}");
    let acquire = format!("// PAIR: a\nx.load(Ordering::Acquire);{apart}");
    let one = |text: &str| unpaired(&[Source::new("a.rs", text)]);
    assert!(one(&format!("{release}{acquire}")).is_empty());
    assert!(!one(&release).is_empty());
    assert!(!one(&format!("{acquire}{acquire}")).is_empty());
    assert!(!one(&format!("{release}{}", acquire.replace(": a", ": b"))).is_empty());
    assert!(!one(&format!("{release}{acquire}// PAIR: a\nnothing();")).is_empty());
    expect_none(unpaired(&sources()));
}

/// The labels without a release or without an acquire, and those that stand by no atomic operation.
fn unpaired(sources: &[Source]) -> Vec<String> {
    let mut sides: BTreeMap<String, [bool; 2]> = BTreeMap::new();
    let mut wrong = Vec::new();
    for source in sources {
        for (at, line) in source.comments.lines().enumerate() {
            let Some(label) = line.trim_start().strip_prefix("// PAIR: ") else {
                continue;
            };
            let label = label.split_whitespace().next().unwrap_or("");
            let near = source.code.lines().skip(at.saturating_sub(PAIR_REACH));
            let near = near.take(2 * PAIR_REACH + 1).collect::<String>().to_lowercase();
            let release = RELEASES.iter().any(|word| near.contains(word));
            let acquire = ACQUIRES.iter().any(|word| near.contains(word));
            let side = sides.entry(label.to_owned()).or_default();
            *side = [side[0] | release, side[1] | acquire];
            if !release && !acquire {
                wrong.push(complaint(source, at + 1, &format!("no ordering near `{label}`")));
            }
        }
    }
    for (label, [release, acquire]) in sides {
        if !release || !acquire {
            let missing = if release { "acquire" } else { "release" };
            wrong.push(format!("PAIR `{label}` has no {missing} side"));
        }
    }
    wrong
}
