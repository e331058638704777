//! Options: what `#[actor(...)]`, `#[call(...)]` and `#[cast(...)]` say, as data.
//!
//! Reads and checks one value at a time. Rules that need more than the value itself stand in
//! [`valid`](crate::valid).

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, ExprLit, Lit, LitStr, Result};

/// `#[actor(...)]` on the type.
#[derive(Default)]
pub(crate) struct ActorOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) capacity: Option<Expr>,
    pub(crate) max_message: Option<Size>,
    pub(crate) timeout_ns: Option<u64>,
    pub(crate) call_policy: Option<Policy>,
    pub(crate) cast_policy: Option<Policy>,
    pub(crate) runtime: Option<Runtime>,
}

/// `#[call(...)]` and `#[cast(...)]` on a method.
#[derive(Default)]
pub(crate) struct HandlerOptions {
    pub(crate) on_crash: Option<Policy>,
}

/// What becomes of a message that was in hand at a crash.
pub(crate) struct Policy {
    pub(crate) kind: PolicyKind,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum PolicyKind {
    Fail,
    DeadLetter,
    Redeliver(u8),
}

/// A number of bytes: computed here, or an expression of the user's.
pub(crate) enum Size {
    Bytes(u64),
    Expr(Expr),
}

pub(crate) enum Runtime {
    Tokio,
}

/// The delivery count has seven bits; a hundred lives for one message are enough.
const DELIVERIES_MAX: u8 = 100;

impl ActorOptions {
    /// Reads every `#[actor(...)]` of the type into `self`, which keeps what came before an error.
    pub(crate) fn read(&mut self, attrs: &[Attribute]) -> Result<()> {
        let mut found = attrs.iter().filter(|attr| attr.path().is_ident("actor"));
        let Some(attr) = found.next() else {
            return Ok(());
        };
        attr.parse_nested_meta(|meta| self.read_option(&meta))?;
        match found.next() {
            None => Ok(()),
            Some(second) => Err(Error::new_spanned(
                second,
                "an actor has one `#[actor(...)]` attribute: put all options into the first",
            )),
        }
    }

    fn read_option(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "name" => once(&mut self.name, meta, name_text),
            "capacity" => once(&mut self.capacity, meta, capacity),
            "max_message" => once(&mut self.max_message, meta, size),
            "timeout" => once(&mut self.timeout_ns, meta, duration_ns),
            "call_policy" => once(&mut self.call_policy, meta, policy),
            "cast_policy" => once(&mut self.cast_policy, meta, policy),
            "runtime" => once(&mut self.runtime, meta, runtime),
            _ => Err(meta.error(
                "unknown option: an actor has `name`, `capacity`, `max_message`, `timeout`, \
                 `call_policy`, `cast_policy` and `runtime`",
            )),
        }
    }
}

impl HandlerOptions {
    /// Reads `#[call]`, `#[call(...)]` and the same for `cast`.
    pub(crate) fn read(attr: &Attribute) -> Result<HandlerOptions> {
        let mut options = HandlerOptions::default();
        if let syn::Meta::Path(_) = attr.meta {
            return Ok(options);
        }
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("on_crash") {
                once(&mut options.on_crash, &meta, policy)
            } else {
                Err(meta.error("unknown option: a handler has `on_crash`"))
            }
        })?;
        Ok(options)
    }
}

fn once<T>(option: &mut Option<T>, meta: &ParseNestedMeta<'_>, read: fn(&Expr) -> Result<T>) -> Result<()> {
    if option.is_some() {
        return Err(meta.error("this option is given twice"));
    }
    *option = Some(read(&meta.value()?.parse::<Expr>()?)?);
    Ok(())
}

fn name_text(value: &Expr) -> Result<LitStr> {
    let name = text(value, "expected a string, such as \"counter\"")?;
    let shown = name.value();
    if shown.is_empty() || shown.chars().any(char::is_control) {
        return Err(Error::new_spanned(value, "a name is shown to people: it needs visible text"));
    }
    Ok(name)
}

fn capacity(value: &Expr) -> Result<Expr> {
    match literal(value) {
        Some(Lit::Int(int)) if int.base10_parse::<u64>()? == 0 => {
            Err(Error::new_spanned(value, "a mailbox needs room for at least one message"))
        }
        Some(Lit::Int(_)) | None => Ok(value.clone()),
        Some(_) => Err(Error::new_spanned(value, "expected a number of messages, such as 1024")),
    }
}

fn size(value: &Expr) -> Result<Size> {
    let expected = "expected a number of bytes, or a size such as \"64KiB\" or \"1MiB\"";
    let bytes = match literal(value) {
        None => return Ok(Size::Expr(value.clone())),
        Some(Lit::Int(int)) => int.base10_parse::<u64>()?,
        Some(Lit::Str(text)) => {
            let text = text.value();
            let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
            number_with_unit(&text, &units).ok_or_else(|| Error::new_spanned(value, expected))?
        }
        Some(_) => return Err(Error::new_spanned(value, expected)),
    };
    if bytes == 0 {
        return Err(Error::new_spanned(value, "no message fits into zero bytes"));
    }
    Ok(Size::Bytes(bytes))
}

fn duration_ns(value: &Expr) -> Result<u64> {
    let expected = "expected a duration, such as \"250ms\", \"5s\" or \"2min\"";
    let text = text(value, expected)?.value();
    let units =
        [("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000), ("h", 3_600_000_000_000)];
    match number_with_unit(&text, &units) {
        Some(0) => Err(Error::new_spanned(value, "nothing is answered in no time at all")),
        Some(ns) => Ok(ns),
        None => Err(Error::new_spanned(value, expected)),
    }
}

fn policy(value: &Expr) -> Result<Policy> {
    let expected = "expected \"fail\", \"dead_letter\" or \"redeliver(n)\", such as \"redeliver(3)\"";
    let literal = text(value, expected)?;
    let text = literal.value();
    let kind = match text.as_str() {
        "fail" => PolicyKind::Fail,
        "dead_letter" => PolicyKind::DeadLetter,
        _ => {
            let count = text.strip_prefix("redeliver(").and_then(|rest| rest.strip_suffix(')'));
            match count.and_then(|count| count.trim().parse::<u8>().ok()) {
                Some(n @ 1..=DELIVERIES_MAX) => PolicyKind::Redeliver(n),
                _ if count.is_some() => {
                    let message = format!("`n` is between 1 and {DELIVERIES_MAX}");
                    return Err(Error::new_spanned(value, message));
                }
                _ => return Err(Error::new_spanned(value, expected)),
            }
        }
    };
    Ok(Policy { kind, span: literal.span() })
}

fn runtime(value: &Expr) -> Result<Runtime> {
    let expected = "expected \"tokio\", the one runtime that can be put around the handlers; \
                    `async` handlers work without one";
    match text(value, expected)?.value().as_str() {
        "tokio" => Ok(Runtime::Tokio),
        _ => Err(Error::new_spanned(value, expected)),
    }
}

fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

fn text(value: &Expr, expected: &str) -> Result<LitStr> {
    match literal(value) {
        Some(Lit::Str(text)) => Ok(text.clone()),
        _ => Err(Error::new_spanned(value, expected)),
    }
}

/// `"250ms"` with the unit's factor applied; `None` for anything else and on overflow.
fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits_end = text.find(|c: char| !c.is_ascii_digit())?;
    let number = text[..digits_end].parse::<u64>().ok()?;
    let unit = text[digits_end..].trim();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        assert_eq!(number_with_unit("250ms", &[("s", 1), ("ms", 5)]), Some(1250));
    }

    #[test]
    fn a_number_needs_a_known_unit_and_room() {
        let units = [("s", 1_000_000_000)];
        assert_eq!(number_with_unit("5", &units), None);
        assert_eq!(number_with_unit("s", &units), None);
        assert_eq!(number_with_unit("5 s", &units), Some(5_000_000_000));
        assert_eq!(number_with_unit("5m", &units), None);
        assert_eq!(number_with_unit("99999999999999s", &units), None);
    }

    #[test]
    fn a_policy_names_its_limit() {
        let policy_of = |text: &str| policy(&syn::parse_str(&format!("{text:?}")).unwrap());
        assert!(policy_of("redeliver(3)").is_ok_and(|p| p.kind == PolicyKind::Redeliver(3)));
        assert!(policy_of("fail").is_ok_and(|p| p.kind == PolicyKind::Fail));
        for wrong in ["redeliver", "redeliver(0)", "redeliver(101)", "redeliver(-1)", "Fail", ""] {
            assert!(policy_of(wrong).is_err(), "{wrong}");
        }
    }
}
