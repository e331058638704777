//! A stand-in for what could not be expanded, so that one mistake gives one error.
//!
//! The actor still implements `Actor`, but its calls type depends on an array whose length is the
//! error. The compiler shows the error once, and is silent about everything that is done with a
//! type that it cannot know.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Error;

use crate::ast::Block;

/// What the user wrote beside `error`, where not even its actor is known.
pub(crate) fn only_original(error: &Error, original: &impl ToTokens) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error #original)
}

/// The block without our attributes, and an `Actor` whose calls type is the first error.
pub(crate) fn stand_in(error: Error, block: &Block) -> TokenStream {
    let original = &block.original;
    let actor = &original.self_ty;
    let (impl_generics, _, where_clause) = original.generics.split_for_impl();
    let mut errors = error.into_iter().map(|error| error.to_compile_error());
    let first = errors.next();
    quote! {
        #original
        #(#errors)*
        #[automatically_derived]
        impl #impl_generics ::actor_core::Actor for #actor #where_clause {
            type Calls = <[(); #first] as ::core::ops::Deref>::Target;
            type Args = Self::Calls;
            const OPTIONS: ::actor_core::ActorOptions = ::actor_core::ActorOptions::named("");
            const ARGS: &'static ::actor_core::handler::Codec<Self::Args> = ::core::unreachable!();
            type InitError = ::core::convert::Infallible;
            const INIT_ERROR: ::core::option::Option<
                &'static ::actor_core::handler::Codec<Self::InitError>,
            > = ::core::option::Option::None;
            const HANDLERS: &'static [&'static str] = &[];
            fn init(
                _: Self::Args,
                _: &mut ::actor_core::Context<Self>,
            ) -> ::core::result::Result<Self, Self::InitError> {
                ::core::unreachable!()
            }
            fn dispatch(
                &mut self,
                _: ::actor_core::Delivery<'_>,
                _: &mut ::actor_core::Context<Self>,
            ) -> ::actor_core::Handled {
                ::core::unreachable!()
            }
        }
    }
}
