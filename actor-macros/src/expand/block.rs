//! `#[handlers]`: the user's block as it was, the calls type, and the implementation of `Actor`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{Error, Ident, Item, ItemImpl, Result, Type};

use super::calls::{CallsType, attributes, constant_name};
use crate::ast::{Block, Handler, Kind, Method, Param, combine};
use crate::types::{self, Streamed};
use crate::{fallback, valid};

pub(crate) fn handlers(options: TokenStream, input: TokenStream) -> TokenStream {
    let original: ItemImpl = match syn::parse2(input) {
        Ok(Item::Impl(original)) => original,
        Ok(other) => {
            let message = "`#[handlers]` belongs on the `impl` block of a struct or an enum";
            return fallback::only_original(&Error::new(Span::call_site(), message), &other);
        }
        Err(error) => return error.into_compile_error(),
    };
    let ident = match valid::inherent_impl(&original) {
        Ok(ident) => ident,
        // The compiler would say in other words that such a type can have no block at all.
        Err(error) if !matches!(*original.self_ty, Type::Path(_)) => return error.into_compile_error(),
        Err(error) => return fallback::only_original(&error, &original),
    };
    let (block, mut outcome) = Block::new(original, ident);
    for rules in [no_options(options), block.validate()] {
        if let Err(error) = rules {
            combine(&mut outcome, error);
        }
    }
    match outcome {
        Ok(()) => expand(&block),
        Err(error) => fallback::stand_in(error, &block),
    }
}

fn no_options(options: TokenStream) -> Result<()> {
    if options.is_empty() {
        return Ok(());
    }
    let message = "`#[handlers]` has no options; those of the actor go into `#[actor(...)]` on its type";
    Err(Error::new_spanned(options, message))
}

fn expand(block: &Block) -> TokenStream {
    let original = &block.original;
    let calls = CallsType::new(block);
    let definition = calls.definition(block);
    let methods = calls.methods(block);
    let actor = actor_impl(block, &calls);
    quote! {
        #original
        #definition
        #methods
        #actor
    }
}

fn actor_impl(block: &Block, calls: &CallsType) -> TokenStream {
    let original = &block.original;
    let actor = &original.self_ty;
    let (impl_generics, _, where_clause) = original.generics.split_for_impl();
    let calls = calls.path(&original.generics);
    let names = block.handlers.iter().map(|handler| handler.method.ident().unraw().to_string());
    let init = init(block);
    let dispatch = dispatch(block, &calls);
    let info = info(block);
    let terminate = block.terminates.first().map(terminate);
    quote! {
        #[automatically_derived]
        #[allow(clippy::needless_question_mark, clippy::unit_arg)]
        impl #impl_generics ::actor_core::Actor for #actor #where_clause {
            type Calls = #calls;
            const OPTIONS: ::actor_core::ActorOptions =
                <Self as ::actor_core::__private::Declared>::OPTIONS;
            const HANDLERS: &'static [&'static str] = &[#(#names),*];
            #init
            #dispatch
            #info
            #terminate
        }
    }
}

/// `Args`, how they are written, and `init`: the user's, or the actor itself as its own argument.
fn init(block: &Block) -> TokenStream {
    let actor = &block.original.self_ty;
    let infallible = quote! {
        type InitError = ::core::convert::Infallible;
        const INIT_ERROR: ::core::option::Option<
            &'static ::actor_core::handler::Codec<Self::InitError>,
        > = ::core::option::Option::None;
    };
    let Some(method) = block.inits.first() else {
        return quote! {
            type Args = Self;
            const ARGS: &'static ::actor_core::handler::Codec<Self> =
                &::actor_core::handler::args::<#actor>();
            #infallible
            fn init(
                args: Self::Args,
                _: &mut ::actor_core::Context<Self>,
            ) -> ::core::result::Result<Self, Self::InitError> {
                ::core::result::Result::Ok(args)
            }
        };
    };
    let types: Vec<_> = method.arguments().collect();
    let args = match types[..] {
        [ty] => quote!(#ty),
        _ => quote!((#(#types,)*)),
    };
    let names = argument_names(method);
    let pattern = match &names[..] {
        [name] => quote!(#name),
        _ => quote!((#(#names,)*)),
    };
    let made = invoke(method, None);
    let (made, error) = match method.output().and_then(types::result_parts) {
        Some((_, error)) => (made, init_error(&types::without_self(error, actor))),
        None => (quote!(::core::result::Result::Ok(#made)), infallible),
    };
    quote! {
        type Args = #args;
        const ARGS: &'static ::actor_core::handler::Codec<#args> =
            &::actor_core::handler::args::<#args>();
        #error
        fn init(
            #pattern: Self::Args,
            __context: &mut ::actor_core::Context<Self>,
        ) -> ::core::result::Result<Self, Self::InitError> {
            #made
        }
    }
}

/// `InitError`, and how it is written if it can travel: a type has the constant itself then, and
/// otherwise by way of the trait.
fn init_error(error: &TokenStream) -> TokenStream {
    quote! {
        type InitError = #error;
        const INIT_ERROR: ::core::option::Option<
            &'static ::actor_core::handler::Codec<Self::InitError>,
        > = {
            #[allow(unused_imports)]
            use ::actor_core::__private::Stays as _;
            ::actor_core::__private::Travels::<#error>::CODEC
        };
    }
}

fn dispatch(block: &Block, calls: &TokenStream) -> TokenStream {
    let arms = block.handlers.iter().enumerate().map(|(index, handler)| {
        let cfgs = attributes(&handler.method, &["cfg"]);
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        let constant = constant_name(&handler.method);
        let body = answer(handler);
        quote!(#(#cfgs)* #index => <#calls>::#constant #body,)
    });
    quote! {
        fn dispatch(
            &mut self,
            __delivery: ::actor_core::Delivery<'_>,
            __context: &mut ::actor_core::Context<Self>,
        ) -> ::actor_core::Handled {
            match __delivery.handler() {
                #(#arms)*
                _ => __delivery.unknown(),
            }
        }
    }
}

/// What follows the handler's constant in its arm: decode, run, reply.
fn answer(handler: &Handler) -> TokenStream {
    let method = &handler.method;
    let names = argument_names(method);
    let run = invoke(method, Some(quote!(self)));
    if let Some(streamed) = handler.streamed() {
        return stream(&streamed, &names, &run);
    }
    let is_result = method.output().and_then(types::result_parts).is_some();
    if handler.kind == Kind::Call && method.reply_to().is_some() {
        let outcome = if is_result { run } else { quote!({ #run; ::core::result::Result::Ok(()) }) };
        return quote!(.delegate(__delivery, |(#(#names,)*), __reply_to| #outcome));
    }
    match (handler.kind, is_result) {
        (Kind::Call, false) => quote!(.reply(__delivery, |(#(#names,)*)| #run)),
        (Kind::Call, true) => quote!(.try_reply(__delivery, |(#(#names,)*)| #run)),
        (Kind::Cast, false) => quote! {
            .accept(__delivery, |(#(#names,)*)| {
                #run;
                ::core::result::Result::Ok(())
            })
        },
        (Kind::Cast, true) => quote! {
            .accept(__delivery, |(#(#names,)*)| {
                #run.map(::core::mem::drop).map_err(::actor_core::Failure::new)
            })
        },
    }
}

/// The same for a handler that returns a stream: its items are sent as they come.
fn stream(streamed: &Streamed<'_>, names: &[Ident], run: &TokenStream) -> TokenStream {
    let polled = quote!(::actor_core::__private::polled);
    let runtime = quote!(&<Self as ::actor_core::Actor>::OPTIONS.runtime);
    let items = match (streamed.is_async, streamed.error.is_some()) {
        (false, _) => run.clone(),
        (true, false) => quote!(#polled(#runtime, #run)),
        (true, true) => quote!(#run.map(|__stream| #polled(#runtime, __stream))),
    };
    match streamed.error {
        None => quote!(.stream(__delivery, |(#(#names,)*)| #items)),
        Some(_) => quote!(.try_stream(__delivery, |(#(#names,)*)| #items)),
    }
}

/// The handlers are asked one after the other whether it is for them, those for everything last. `None`:
/// there is none, and the trait has one for all.
fn info(block: &Block) -> Option<TokenStream> {
    if block.infos.is_empty() {
        return None;
    }
    let told = |method: &&Method| method.arguments().next().and_then(types::last_name).cloned();
    let is_for_all = |method: &&Method| told(method).is_some_and(|name| name == "Info");
    let (last, first): (Vec<&Method>, Vec<&Method>) = block.infos.iter().partition(is_for_all);
    let handlers = first.into_iter().chain(last).map(|method| {
        let cfgs = attributes(method, &["cfg"]);
        let ty = method.arguments().next();
        let run = invoke(method, Some(quote!(self)));
        let outcome = match method.output().and_then(types::result_parts) {
            Some(_) => quote!(#run.map(::core::mem::drop).map_err(::actor_core::Failure::new)),
            None => quote!({
                #run;
                ::core::result::Result::Ok(())
            }),
        };
        quote! {
            #(#cfgs)*
            let __info = match <#ty as ::actor_core::FromInfo>::from_info(__info) {
                ::core::result::Result::Ok(__argument_0) => return #outcome,
                ::core::result::Result::Err(__info) => __info,
            };
        }
    });
    Some(quote! {
        #[allow(unreachable_code)]
        fn info(
            &mut self,
            __info: ::actor_core::Info,
            __context: &mut ::actor_core::Context<Self>,
        ) -> ::core::result::Result<(), ::actor_core::Failure> {
            #(#handlers)*
            __info.unhandled()
        }
    })
}

fn terminate(method: &Method) -> TokenStream {
    let run = invoke(method, Some(quote!(self)));
    quote! {
        fn terminate(
            &mut self,
            __reason: &::actor_core::ExitReason,
            __context: &mut ::actor_core::Context<Self>,
        ) {
            #run
        }
    }
}

/// The user's method applied to what the surrounding code has: its receiver, the arguments by
/// their generated names, the context and the reason.
fn invoke(method: &Method, receiver: Option<TokenStream>) -> TokenStream {
    let ident = method.ident();
    let mut names = argument_names(method).into_iter();
    let params = method.params.iter().map(|param| match param {
        Param::Context => quote!(__context),
        Param::Reason => quote!(__reason),
        Param::ReplyTo { .. } => quote!(__reply_to),
        Param::Argument { .. } => {
            let name = names.next();
            quote!(#name)
        }
    });
    let arguments = receiver.into_iter().chain(params);
    let result = quote!(Self::#ident(#(#arguments),*));
    match method.signature.asyncness {
        None => result,
        Some(_) => quote! {
            ::actor_core::__private::block_on_in(
                &<Self as ::actor_core::Actor>::OPTIONS.runtime,
                #result,
            )
        },
    }
}

fn argument_names(method: &Method) -> Vec<Ident> {
    (0..method.arguments().count()).map(|i| format_ident!("__argument_{i}")).collect()
}
