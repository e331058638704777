//! The calls type, such as `CounterCalls`: one method per handler for those who hold a reference,
//! and one constant per handler that both sides of a message share.
//!
//! The type stands in a module of its own whose name differs from block to block. Two blocks for
//! one actor therefore collide in one place only, the implementation of `Actor`, and give one error.

use std::hash::{DefaultHasher, Hash, Hasher};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{Attribute, GenericParam, Generics, Ident};

use super::declaration::policy_value;
use crate::ast::{Block, Handler, Kind, Method, Param};
use crate::types::{self, Streamed};

/// How the generated code names the calls type.
pub(super) struct CallsType {
    module: Ident,
    ident: Ident,
}

impl CallsType {
    pub(super) fn new(block: &Block) -> CallsType {
        let original = &block.original;
        let mut hasher = DefaultHasher::new();
        quote!(#original).to_string().hash(&mut hasher);
        let actor = block.ident.unraw().to_string();
        CallsType {
            module: format_ident!("__{}_handlers_{:x}", actor.to_lowercase(), hasher.finish()),
            ident: format_ident!("{}Calls", actor),
        }
    }

    /// The type with the generic arguments of the block.
    pub(super) fn path(&self, generics: &Generics) -> TokenStream {
        let CallsType { module, ident } = self;
        let (_, type_generics, _) = generics.split_for_impl();
        quote!(#module::#ident #type_generics)
    }

    /// The type itself with what makes it a `Calls`.
    pub(super) fn definition(&self, block: &Block) -> TokenStream {
        let CallsType { module, ident } = self;
        let bare = bare(&block.original.generics);
        let (impl_generics, type_generics, _) = bare.split_for_impl();
        let types = bare.type_params().map(|param| &param.ident);
        let statics = bare.type_params().map(|param| &param.ident);
        let doc = format!("What a `{}` can be asked: a method per handler.", block.ident);
        quote! {
            #[allow(non_snake_case)]
            mod #module {
                #[doc = #doc]
                pub struct #ident #impl_generics (
                    ::actor_core::Address,
                    ::core::marker::PhantomData<fn() -> (#(#types,)*)>,
                );
                impl #impl_generics ::core::clone::Clone for #ident #type_generics {
                    fn clone(&self) -> Self { *self }
                }
                impl #impl_generics ::core::marker::Copy for #ident #type_generics {}
                impl #impl_generics ::actor_core::Calls for #ident #type_generics
                where
                    #(#statics: 'static,)*
                {
                    fn new(address: ::actor_core::Address) -> Self {
                        #ident(address, ::core::marker::PhantomData)
                    }
                    fn address(&self) -> ::actor_core::Address { self.0 }
                }
            }
            #[allow(unused_imports, unreachable_pub)]
            pub use #module::*;
        }
    }

    /// The methods and constants, written where the block stands, so that its types are in scope.
    pub(super) fn methods(&self, block: &Block) -> TokenStream {
        let generics = &block.original.generics;
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        let path = self.path(generics);
        let handlers = block.handlers.iter().enumerate().map(|(index, handler)| {
            let constant = constant(block, index, handler);
            let method = method(block, handler);
            quote!(#constant #method)
        });
        quote! {
            #[allow(
                dead_code, missing_docs, non_upper_case_globals, private_bounds, private_interfaces,
                unreachable_pub, clippy::too_many_arguments, clippy::type_complexity,
                clippy::wrong_self_convention, clippy::should_implement_trait,
            )]
            impl #impl_generics #path #where_clause {
                #(#handlers)*
            }
        }
    }
}

/// The constant that knows how the handler's messages are written and read.
pub(super) fn constant_name(method: &Method) -> Ident {
    format_ident!("__{}", method.ident().unraw())
}

fn constant(block: &Block, index: usize, handler: &Handler) -> TokenStream {
    let method = &handler.method;
    let cfgs = attributes(method, &["cfg"]);
    let name = constant_name(method);
    let text = method.ident().unraw().to_string();
    let index = u16::try_from(index).unwrap_or(u16::MAX);
    let actor = &block.original.self_ty;
    let message = message(block, method);
    let (reply, error) = reply_and_error(block, handler);
    let (kind, constructor, outcome) = match (handler.kind, &error) {
        (Kind::Cast, _) => ("cast", "cast", quote!()),
        (Kind::Call, None) => ("call", "call", quote!(#reply,)),
        (Kind::Call, Some(error)) => ("call", "try_call", quote!(#reply, #error,)),
    };
    let kind = if handler.streamed().is_some() { format_ident!("stream") } else { format_ident!("{kind}") };
    let constructor = format_ident!("{constructor}{}", method.arguments().count());
    let arguments = arguments(block, method);
    let on_crash = handler.options.on_crash.as_ref().map(|policy| {
        let policy = policy_value(policy);
        quote!(.on_crash(#policy))
    });
    let error = error.map(|error| quote!(, #error));
    quote! {
        #(#cfgs)*
        const #name: &'static ::actor_core::handler::Handler<#message, #reply #error> =
            &::actor_core::handler::#constructor::<#(#arguments,)* #outcome>(
                ::actor_core::handler::HandlerInfo::#kind(
                    #index, #text, &<#actor as ::actor_core::Actor>::OPTIONS,
                ) #on_crash
            );
    }
}

fn method(block: &Block, handler: &Handler) -> TokenStream {
    let method = &handler.method;
    let forwarded = attributes(method, &["doc", "cfg", "deprecated"]);
    let ident = method.ident();
    let constant = constant_name(method);
    let names: Vec<Ident> = argument_names(method).collect();
    let arguments = arguments(block, method);
    let message = message(block, method);
    let (reply, error) = reply_and_error(block, handler);
    let error = error.map(|error| quote!(, #error));
    let (request, new) = match handler.kind {
        Kind::Call if handler.streamed().is_some() => {
            (quote!(::actor_core::StreamCall<#message, #reply #error>), quote!(::actor_core::StreamCall::new))
        }
        Kind::Call => (quote!(::actor_core::Call<#message, #reply #error>), quote!(::actor_core::Call::new)),
        Kind::Cast => (quote!(::actor_core::Cast<#message>), quote!(::actor_core::Cast::new)),
    };
    quote! {
        #(#forwarded)*
        pub fn #ident(&self #(, #names: #arguments)*) -> #request {
            #new(::actor_core::Calls::address(self), Self::#constant, (#(#names,)*))
        }
    }
}

/// The arguments as one tuple type.
fn message(block: &Block, method: &Method) -> TokenStream {
    let arguments = arguments(block, method);
    quote!((#(#arguments,)*))
}

fn arguments(block: &Block, method: &Method) -> Vec<TokenStream> {
    let actor = &block.original.self_ty;
    method.arguments().map(|ty| types::without_self(quote!(#ty), actor)).collect()
}

/// What the caller gets: the reply, or an item of it, and the handler's own error if it returns a `Result`, or
/// those of the handle that it takes.
fn reply_and_error(block: &Block, handler: &Handler) -> (TokenStream, Option<TokenStream>) {
    let actor = &block.original.self_ty;
    if let Some(Streamed { item: Some(item), error, .. }) = handler.streamed() {
        let error = error.map(|error| types::without_self(error, actor));
        return (types::without_self(quote!(#item), actor), error);
    }
    let delegated = handler.method.reply_to().and_then(types::reply_to_parts);
    let (reply, error) = match handler.method.output() {
        _ if handler.kind == Kind::Cast => (quote!(()), None),
        _ if delegated.is_some() => delegated.unwrap_or_default(),
        None => (quote!(()), None),
        Some(ty) => match types::result_parts(ty) {
            Some((ok, err)) => (ok, Some(err)),
            None => (quote!(#ty), None),
        },
    };
    (types::without_self(reply, actor), error.map(|error| types::without_self(error, actor)))
}

fn argument_names(method: &Method) -> impl Iterator<Item = Ident> {
    let names = method.params.iter().filter_map(|param| match param {
        Param::Argument { name, .. } => Some(name.clone()),
        Param::Context | Param::Reason | Param::ReplyTo { .. } => None,
    });
    names.enumerate().map(|(i, name)| name.unwrap_or_else(|| format_ident!("argument_{i}")))
}

pub(super) fn attributes<'a>(method: &'a Method, names: &[&str]) -> Vec<&'a Attribute> {
    let wanted = |attr: &&Attribute| names.iter().any(|name| attr.path().is_ident(name));
    method.attrs.iter().filter(wanted).collect()
}

/// The parameters without bounds and defaults: the calls type itself needs neither.
fn bare(generics: &Generics) -> Generics {
    let mut bare = generics.clone();
    bare.where_clause = None;
    for param in &mut bare.params {
        if let GenericParam::Type(param) = param {
            param.bounds.clear();
            param.colon_token = None;
            param.default = None;
        }
    }
    bare
}
