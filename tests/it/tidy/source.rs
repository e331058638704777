//! A Rust source file, taken apart just far enough for the rules: what is code, what is comment,
//! which code is tested code, which words follow each other.
//!
//! It reads text and knows no grammar beyond literals, comments, brackets and attributes. It must
//! not guess: what it cannot tell apart by characters alone is not its business.

use std::ops::Range;

/// One file: its text and three views of it. A view has the length and the lines of the text, with
/// blanks in place of what does not belong to it.
pub(super) struct Source {
    /// Relative to the root of the repository, with forward slashes.
    pub(super) path: String,
    pub(super) text: String,
    /// Without comments and without what is inside literals; their quotes stay.
    pub(super) code: String,
    /// The comments alone.
    pub(super) comments: String,
    /// The code without what is compiled for tests only.
    pub(super) production: String,
    /// How many lines the file has without those of tests.
    pub(super) production_lines: usize,
}

/// A word, a `::`, or any other single character that is not white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// Where it starts, in bytes.
    pub(super) start: usize,
    /// Counted from 1.
    pub(super) line: usize,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Source {
        let (code, comments) = split_comments(text);
        let mut production = code.clone();
        let items = test_items(&code);
        for item in &items {
            blank(&mut production, item.start, item.end);
        }
        let lines = text.split_inclusive('\n').scan(0, |end, line| {
            *end += line.len();
            Some(*end - line.trim_start().len())
        });
        let production_lines = lines.filter(|start| !items.iter().any(|item| item.contains(start))).count();
        let (path, text) = (path.into(), text.into());
        Source { path, text, code, comments, production, production_lines }
    }

    /// The modules in files of their own that this file declares for tests only.
    pub(super) fn test_modules(&self) -> Vec<String> {
        let production = tokens(&self.production);
        let declares = |tokens: &[Token<'_>]| -> Vec<String> {
            let declarations = tokens.windows(3).filter(|w| w[0].text == "mod" && w[2].text == ";");
            declarations.map(|w| w[1].text.to_owned()).collect()
        };
        let kept = declares(&production);
        let all = declares(&tokens(&self.code));
        all.into_iter().filter(|name| !kept.contains(name)).collect()
    }

    /// Takes note that the whole file is compiled for tests only.
    pub(super) fn becomes_a_test(&mut self) {
        let length = self.production.len();
        blank(&mut self.production, 0, length);
        self.production_lines = 0;
    }
}

/// The code and the comments of a text, each in a view of its own.
fn split_comments(text: &str) -> (String, String) {
    let mut code = String::from(text);
    let mut comments = code.clone();
    blank(&mut comments, 0, text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let after_word = text[..at].ends_with(is_word);
        let end = if rest.starts_with("//") {
            at + rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            at + block_comment(rest)
        } else if let Some((open, length)) = literal(rest).filter(|_| !after_word) {
            blank(&mut code, at + open, (at + length - 1).max(at + open));
            at += length;
            continue;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        comments.replace_range(at..end, &text[at..end]);
        blank(&mut code, at, end);
        at = end;
    }
    (code, comments)
}

/// The length of the block comment that starts here; they nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of the literal that starts here, after that of its opening.
fn literal(rest: &str) -> Option<(usize, usize)> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|p| rest.starts_with(p))?;
    let body = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let inside = body[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let open = prefix.len() + hashes + 1;
        return Some((open, inside.find(&close).map_or(rest.len(), |n| open + n + close.len())));
    }
    let open = prefix.len() + 1;
    if let Some(inside) = body.strip_prefix('"') {
        return Some((open, open + quoted(inside, '"')));
    }
    let inside = body.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    // A quote that opens no character is that of a lifetime or of a label.
    let is_character = first == '\\' || inside[first.len_utf8()..].starts_with('\'');
    is_character.then(|| (open, open + quoted(inside, '\'')))
}

/// How far it is from here past the closing quote.
fn quoted(inside: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        if !escaped && c == quote {
            return at + 1;
        }
        escaped = !escaped && c == '\\';
    }
    inside.len()
}

/// Where the items are that have a `#[cfg(...)]` in which `test` must hold.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let starts_attribute = text(&tokens, at) == "#" && text(&tokens, at + 1) == "[";
        let end_of_attribute = if starts_attribute { closing(&tokens, at + 1) } else { at };
        let attribute = &tokens[at..end_of_attribute];
        let has = |word: &str| attribute.iter().any(|token| token.text == word);
        if starts_attribute && text(&tokens, at + 2) == "cfg" && has("test") && !has("not") {
            let end = end_of_item(&tokens, end_of_attribute + 1);
            let last = tokens.get(end).map_or(code.len(), |token| token.start + token.text.len());
            found.push(tokens[at].start..last);
            at = end;
        }
        at += 1;
    }
    found
}

/// The last token of the item, statement or field that begins here, attributes included.
fn end_of_item(tokens: &[Token<'_>], begin: usize) -> usize {
    let mut at = begin;
    while text(tokens, at) == "#" {
        at = closing(tokens, at + 1) + 1;
    }
    let first = at;
    let has_value = ["use", "const", "static", "type", "let"];
    let is_item = ["pub", "mod", "fn", "impl", "struct", "enum", "trait", "unsafe", "extern"];
    let mut ends_with_semicolon = false;
    while at < tokens.len() {
        let word = tokens[at].text;
        ends_with_semicolon |= has_value.contains(&word) && text(tokens, at + 1) != "fn";
        match word {
            ";" => return at,
            "," if !ends_with_semicolon && !is_item.contains(&text(tokens, first)) => return at,
            "{" | "(" | "[" => {
                at = closing(tokens, at);
                if word == "{" && !ends_with_semicolon {
                    return at;
                }
            }
            "}" | ")" | "]" => return at.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    at
}

/// The token that closes the bracket at `open`, or one past the end.
pub(super) fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// The text of a token, empty past the end.
pub(super) fn text<'a>(tokens: &[Token<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

pub(super) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            found.push(Token { text: &rest[..length], start: at, line });
        }
        line += usize::from(first == '\n');
        at += length;
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Puts blanks in place of what stands from `begin` up to `end`, line ends kept.
fn blank(text: &mut String, begin: usize, end: usize) {
    let blanks = text[begin..end].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' });
    text.replace_range(begin..end, &blanks.collect::<String>());
}

#[test]
fn comments_and_literals_are_told_from_code() {
    let source = |text: &str| Source::new("sample.rs", text);
    let words = |code: &str| tokens(code).iter().map(|t| t.text).collect::<Vec<_>>().join(" ");
    for (text, code) in [
        ("a // unsafe\nb", "a b"),
        ("a /* x /* unsafe */ y */ b", "a b"),
        (r#"a("unsafe // \" {") b"#, "a ( \" \" ) b"),
        ("a(r#\"un\"safe\"#) b", "a ( r # \" # ) b"),
        ("a(br\"\\\") b", "a ( br \" \" ) b"),
        (r"a('{', b'\'', '\u{7b}', '\\') b", "a ( ' ' , b ' ' , ' ' , ' ' ) b"),
        ("fn f<'a>(x: &'a str) {}", "fn f < ' a > ( x : & ' a str ) { }"),
        ("r#type + \"ä\" // ö\n+ ü", "r # type + \" \" + ü"),
        ("/* never closed", ""),
    ] {
        let source = source(text);
        assert_eq!(words(&source.code), code, "{text}");
        assert_eq!(source.code.len(), text.len(), "{text}");
        assert_eq!(source.comments.len(), text.len(), "{text}");
    }
    let sample = source("let url = \"http://x\"; // SAFETY: said\n/// doc\nf();");
    assert_eq!(sample.comments.trim(), "// SAFETY: said\n/// doc");
}

#[test]
fn items_for_tests_are_not_production() {
    let words = |text: &str| {
        let source = Source::new("sample.rs", text);
        tokens(&source.production).iter().map(|t| t.text).collect::<Vec<_>>().join(" ")
    };
    for (text, production) in [
        ("a(); #[cfg(test)] mod tests { fn x() { y[0]; } } b();", "a ( ) ; b ( ) ;"),
        ("#[cfg(test)] #[allow(x)] use crate::{a, b}; c", "c"),
        ("#[cfg(all(test, loom))] pub(crate) fn f(a: [u8; 2]) -> u8 { 1 } c", "c"),
        ("#[cfg(test)] const X: T = T { a: 1 }; c", "c"),
        ("#[cfg(test)] mod models; c", "c"),
        ("#[cfg(test)] pub(crate) struct Pair<A, B>(A, B); c", "c"),
        ("struct S { #[cfg(test)] a: u8, b: u8 }", "struct S { b : u8 }"),
        ("struct S { b: u8, #[cfg(test)] a: u8 } c", "struct S { b : u8 , } c"),
        ("#[cfg(not(test))] fn f() {} c", "# [ cfg ( not ( test ) ) ] fn f ( ) { } c"),
    ] {
        assert_eq!(words(text), production, "{text}");
    }
    let source = Source::new("x.rs", "mod a; #[cfg(test)] mod b; #[cfg(all(test, loom))] mod c;");
    assert_eq!(source.test_modules(), ["b", "c"]);
}

#[test]
fn tokens_know_their_lines() {
    let found: Vec<_> = tokens("a::b\n\n{ç}").iter().map(|t| (t.text, t.line)).collect();
    assert_eq!(found, [("a", 1), ("::", 1), ("b", 1), ("{", 3), ("ç", 3), ("}", 3)]);
}
