//! Questions about a type as the user wrote it.
//!
//! A macro sees tokens, not types: an alias hides what it stands for. So these answers only
//! choose between forms of code; where they guess wrong, the compiler has the last word.

mod streamed;

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
pub(crate) use streamed::{Streamed, streamed};
use syn::{GenericArgument, Ident, PathArguments, ReturnType, Type};

/// The last path segment of `T`, such as `Down` of `actor_core::Down`.
pub(crate) fn last_name(ty: &Type) -> Option<&Ident> {
    let Type::Path(path) = ty else { return None };
    path.path.segments.last().map(|segment| &segment.ident)
}

/// The last path segment of `&T` or `&mut T`, such as `Context` of `&mut Context<Self>`.
pub(crate) fn borrowed_name(ty: &Type) -> Option<String> {
    let Type::Reference(reference) = ty else { return None };
    last_name(&reference.elem).map(Ident::to_string)
}

/// The two halves of a `Result`; with an alias such as `io::Result<T>`, as projections.
pub(crate) fn result_parts(ty: &Type) -> Option<(TokenStream, TokenStream)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident != "Result" {
        return None;
    }
    if let PathArguments::AngleBracketed(arguments) = &last.arguments {
        let types: Vec<&GenericArgument> = arguments.args.iter().collect();
        if let [GenericArgument::Type(ok), GenericArgument::Type(err)] = types[..] {
            return Some((ok.to_token_stream(), err.to_token_stream()));
        }
    }
    Some((
        quote!(<#ty as ::actor_core::__private::ResultParts>::Ok),
        quote!(<#ty as ::actor_core::__private::ResultParts>::Err),
    ))
}

/// Whether it is a `ReplyTo`, whatever of.
pub(crate) fn is_reply_to(ty: &Type) -> bool {
    last_name(ty).is_some_and(|name| name == "ReplyTo")
}

/// What the caller of a call with this handle gets, and the error if it can get one.
pub(crate) fn reply_to_parts(ty: &Type) -> Option<(TokenStream, Option<TokenStream>)> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    let types: Vec<&GenericArgument> = arguments.args.iter().collect();
    match types[..] {
        [GenericArgument::Type(reply)] => Some((reply.to_token_stream(), None)),
        [GenericArgument::Type(reply), GenericArgument::Type(error)] => {
            Some((reply.to_token_stream(), Some(error.to_token_stream())))
        }
        _ => None,
    }
}

/// The first reference anywhere inside, `Option<&str>` included; function pointers aside.
pub(crate) fn find_reference(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Reference(_) => Some(ty),
        Type::Array(array) => find_reference(&array.elem),
        Type::Slice(slice) => find_reference(&slice.elem),
        Type::Paren(paren) => find_reference(&paren.elem),
        Type::Group(group) => find_reference(&group.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(find_reference),
        Type::Path(path) => path.path.segments.iter().find_map(|segment| match &segment.arguments {
            PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => find_reference(ty),
                _ => None,
            }),
            _ => None,
        }),
        _ => None,
    }
}

/// The owned type to write instead of a reference.
pub(crate) fn owned_form(reference: &Type) -> String {
    let Type::Reference(reference) = reference else {
        return text(reference);
    };
    match &*reference.elem {
        Type::Slice(slice) => format!("Vec<{}>", text(&*slice.elem)),
        elem => match text(elem).as_str() {
            "str" => "String".to_owned(),
            "Path" => "PathBuf".to_owned(),
            "CStr" => "CString".to_owned(),
            "OsStr" => "OsString".to_owned(),
            other => other.to_owned(),
        },
    }
}

/// Whether the output is nothing, written or not.
pub(crate) fn is_unit(output: &ReturnType) -> bool {
    match output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => matches!(&**ty, Type::Tuple(tuple) if tuple.elems.is_empty()),
    }
}

/// `tokens` with the actor's type in place of `Self`, for use outside the actor's `impl` block.
pub(crate) fn without_self(tokens: TokenStream, actor: &Type) -> TokenStream {
    let mut out = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "Self" => {
                let is_prefix = matches!(tokens.peek(), Some(TokenTree::Punct(p)) if p.as_char() == ':');
                out.extend(if is_prefix { quote!(<#actor>) } else { quote!(#actor) });
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_self(group.stream(), actor));
                inner.set_span(group.span());
                out.extend([TokenTree::Group(inner)]);
            }
            other => out.extend([other]),
        }
    }
    out
}

/// A type in the form in which people write it.
fn text(ty: &impl ToTokens) -> String {
    ty.to_token_stream().to_string().replace(" < ", "<").replace(" >", ">").replace(" :: ", "::")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(text: &str) -> Type {
        syn::parse_str(text).unwrap()
    }

    #[test]
    fn smoke() {
        assert_eq!(borrowed_name(&ty("&mut actor_core::Context<Self>")).as_deref(), Some("Context"));
        assert_eq!(borrowed_name(&ty("Context<Self>")), None);
    }

    #[test]
    fn a_handle_tells_of_what_it_is() {
        let parts = |text| {
            let (reply, error) = reply_to_parts(&ty(text))?;
            Some((reply.to_string(), error.map(|error| error.to_string())))
        };
        assert!(is_reply_to(&ty("actor_core::ReplyTo<u8>")) && !is_reply_to(&ty("Option<ReplyTo<u8>>")));
        assert_eq!(parts("ReplyTo<u8>"), Some(("u8".into(), None)));
        assert_eq!(parts("actor_core::ReplyTo<(), String>"), Some(("()".into(), Some("String".into()))));
        assert_eq!(parts("ReplyTo"), None);
        assert_eq!(parts("ReplyTo<'a, u8>"), None);
    }

    #[test]
    fn a_reference_is_found_wherever_it_hides() {
        for hidden in ["&str", "Option<&str>", "(u8, [&str; 2])", "Vec<(u8, Option<&'static [u8]>)>"] {
            assert!(find_reference(&ty(hidden)).is_some(), "{hidden}");
        }
        for owned in ["String", "fn(&str) -> u8", "Vec<(u8, [u8; 2])>", "Box<[u8]>"] {
            assert!(find_reference(&ty(owned)).is_none(), "{owned}");
        }
    }

    #[test]
    fn the_owned_form_is_what_people_write() {
        let forms = [("&str", "String"), ("&mut [u8]", "Vec<u8>"), ("&Vec<u8>", "Vec<u8>"), ("&Path", "PathBuf")];
        for (reference, owned) in forms {
            assert_eq!(owned_form(&ty(reference)), owned);
        }
    }

    #[test]
    fn self_is_replaced_inside_groups_and_before_colons() {
        let replaced = without_self(quote!((Option<Self>, Self::Item)), &ty("Store<T>"));
        let replaced = replaced.to_string().replace(' ', "");
        assert_eq!(replaced, "(Option<Store<T>>,<Store<T>>::Item)");
    }
}
