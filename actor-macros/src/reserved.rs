//! Names that no handler can have, because something else on an `ActorRef` would answer to them.
//!
//! A method of `ActorRef` wins over one behind its `Deref`, and so does a method of any trait in
//! scope, silently. The list must not lose a name: a program that uses it would change its meaning.

/// Room is kept for what references will learn to do.
#[rustfmt::skip]
pub(crate) const NAMES: &[&str] = &[
    // Methods of `ActorRef`, now and later.
    "calls", "id", "name", "incarnation", "in_life", "stop", "stop_now", "stop_timeout", "stop_deadline", "kill",
    "is_alive", "status", "pid", "join", "peer", "link", "unlink", "monitor", "demonitor", "register", "unregister",
    "cast", "call", "send", "spawn", "spawn_with", "spawn_link", "define",
    // Methods of common traits, as long as they take `self`.
    "clone", "clone_from", "clone_into", "to_owned", "eq", "ne", "cmp", "partial_cmp", "lt", "le",
    "gt", "ge", "max", "min", "clamp", "hash", "fmt", "to_string", "into", "try_into", "borrow",
    "borrow_mut", "as_ref", "as_mut", "deref", "deref_mut", "drop", "type_id", "serialize",
    "into_future", "into_iter", "instrument", "in_current_span", "with_subscriber",
    "with_current_subscriber",
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use proc_macro2::TokenStream;
    use quote::{format_ident, quote};
    use syn::{ImplItem, Item, ItemImpl, Type};

    use super::*;
    use crate::expand::block;

    #[test]
    fn smoke() {
        let written = |name: &str| {
            let name = format_ident!("{name}");
            let handlers = quote!(impl Counter { #[call] fn #name(&self) {} });
            block::handlers(TokenStream::new(), handlers).to_string()
        };
        for name in NAMES {
            assert!(written(name).contains(&format!("a handler cannot be named `{name}`")), "{name}");
        }
        assert!(!written("total").contains("cannot be named"));
    }

    #[test]
    fn every_method_of_a_reference_is_reserved() {
        let methods = methods_of_references();
        assert!(10 < methods.len(), "they are found: {methods:?}");
        let missing: Vec<_> = methods.iter().filter(|name| !NAMES.contains(&name.as_str())).collect();
        assert!(missing.is_empty(), "add {missing:?}");
    }

    /// What an `ActorRef` answers to, by itself or by a trait, read from the sources.
    fn methods_of_references() -> Vec<String> {
        let mut names = Vec::new();
        let mut places = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../actor-core/src")];
        while let Some(place) = places.pop() {
            if place.is_dir() {
                places.extend(fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                names.extend(blocks(&place).iter().filter(|block| is_of_references(block)).flat_map(methods));
            }
        }
        names
    }

    fn blocks(file: &Path) -> Vec<ItemImpl> {
        let file = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
        let blocks = file.items.into_iter();
        blocks.filter_map(|item| if let Item::Impl(block) = item { Some(block) } else { None }).collect()
    }

    fn is_of_references(block: &ItemImpl) -> bool {
        matches!(&*block.self_ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "ActorRef"))
    }

    /// Those that have a `self`, and can be called from outside: nobody can have `Sealed` or `Source` in scope.
    fn methods(block: &ItemImpl) -> Vec<String> {
        let functions = block.items.iter().filter_map(|item| if let ImplItem::Fn(f) = item { Some(f) } else { None });
        let of = block.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
        let is_sealed = of.is_some_and(|last| last.ident == "Sealed" || last.ident == "Source");
        let is_open =
            |f: &&syn::ImplItemFn| !is_sealed && (of.is_some() || matches!(f.vis, syn::Visibility::Public(_)));
        let methods = functions.filter(is_open).filter(|f| f.sig.receiver().is_some());
        methods.map(|f| f.sig.ident.to_string()).collect()
    }
}
