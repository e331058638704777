//! Which replies are streams, told by how their type is written.
//!
//! An iterator has no name that two processes could agree on; what it gives has. So a return type that says
//! `Iterator<Item = T>` or `Stream<Item = T>` is a stream of `T`, whatever is written around it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{GenericArgument, Path, PathArguments, Token, Type, TypeParamBound};

/// A reply that comes piece by piece.
pub(crate) struct Streamed<'a> {
    /// What it gives; `None` if that is not said.
    pub(crate) item: Option<&'a Type>,
    /// The error of a handler that may give none.
    pub(crate) error: Option<TokenStream>,
    /// Whether the items are awaited.
    pub(crate) is_async: bool,
}

const ITERATORS: &[&str] = &["Iterator", "DoubleEndedIterator", "ExactSizeIterator", "FusedIterator"];
const STREAMS: &[&str] = &["Stream", "FusedStream"];
/// Names for `Pin<Box<dyn Stream>>`, with the item as their type.
const BOXED: &[&str] = &["BoxStream", "LocalBoxStream"];

/// The stream that a handler returns, itself or in a `Result`.
pub(crate) fn streamed(ty: &Type) -> Option<Streamed<'_>> {
    if let Some(streamed) = items(ty) {
        return Some(streamed);
    }
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let mut types = type_arguments(&last.arguments);
    let streamed = items(types.next()?)?;
    let error = match types.next() {
        Some(error) => error.to_token_stream(),
        None => {
            // An alias, which knows the error whatever it is a result of.
            let mut alias: Path = path.path.clone();
            if let Some(last) = alias.segments.last_mut() {
                last.arguments = PathArguments::AngleBracketed(syn::parse_quote!(<()>));
            }
            quote!(<#alias as ::actor_core::__private::ResultParts>::Err)
        }
    };
    Some(Streamed { error: Some(error), ..streamed })
}

fn items(ty: &Type) -> Option<Streamed<'_>> {
    match ty {
        Type::ImplTrait(ty) => bounds(&ty.bounds),
        Type::TraitObject(ty) => bounds(&ty.bounds),
        Type::Paren(ty) => items(&ty.elem),
        Type::Group(ty) => items(&ty.elem),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let first = type_arguments(&last.arguments).next();
            match () {
                () if last.ident == "Box" || last.ident == "Pin" => items(first?),
                () if BOXED.iter().any(|name| last.ident == name) => {
                    Some(Streamed { item: first, error: None, is_async: true })
                }
                () => None,
            }
        }
        _ => None,
    }
}

fn bounds(bounds: &Punctuated<TypeParamBound, Token![+]>) -> Option<Streamed<'_>> {
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last()?;
        let is_async = STREAMS.iter().any(|name| last.ident == name);
        let item = match &last.arguments {
            PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::AssocType(assigned) if assigned.ident == "Item" => Some(&assigned.ty),
                _ => None,
            }),
            _ => None,
        };
        let is_stream = is_async || ITERATORS.iter().any(|name| last.ident == name);
        is_stream.then_some(Streamed { item, error: None, is_async })
    })
}

fn type_arguments(arguments: &PathArguments) -> impl Iterator<Item = &Type> {
    let arguments = match arguments {
        PathArguments::AngleBracketed(arguments) => Some(arguments.args.iter()),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The item, the error, and whether it is async.
    fn told(text: &str) -> Option<(String, Option<String>, bool)> {
        let ty: Type = syn::parse_str(text).unwrap();
        let text = |tokens: TokenStream| tokens.to_string().replace(' ', "");
        streamed(&ty).map(|streamed| {
            let item = streamed.item.map(|ty| text(ty.to_token_stream())).unwrap_or_default();
            (item, streamed.error.map(text), streamed.is_async)
        })
    }

    #[test]
    fn smoke() {
        for (ty, is_async) in [
            ("impl Iterator<Item = (u8, String)>", false),
            ("impl std::iter::Iterator<Item = (u8, String)> + Send + 'static", false),
            ("impl Send + ExactSizeIterator<Item = (u8, String)> + use<>", false),
            ("Box<dyn Iterator<Item = (u8, String)> + '_>", false),
            ("impl Stream<Item = (u8, String)>", true),
            ("Pin<Box<dyn futures::Stream<Item = (u8, String)> + Send>>", true),
            ("BoxStream<'static, (u8, String)>", true),
        ] {
            assert_eq!(told(ty), Some(("(u8,String)".to_owned(), None, is_async)), "{ty}");
        }
    }

    #[test]
    fn a_result_has_the_error_beside_it() {
        let told = |text: &str| told(text).unwrap();
        assert_eq!(told("Result<impl Iterator<Item = u8>, String>"), ("u8".into(), Some("String".into()), false));
        let (item, error, is_async) = told("io::Result<Box<dyn Stream<Item = u8>>>");
        assert_eq!((&*item, is_async), ("u8", true));
        assert_eq!(error.as_deref(), Some("<io::Result<()>as::actor_core::__private::ResultParts>::Err"));
    }

    #[test]
    fn others_are_no_streams() {
        for ty in ["u8", "Vec<u8>", "Option<u8>", "impl Display", "Result<u8, String>", "Iterator<u8>", "Box<u8>"] {
            assert_eq!(told(ty), None, "{ty}");
        }
        assert_eq!(told("impl Iterator"), Some((String::new(), None, false)), "of what?");
    }
}
