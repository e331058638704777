//! `#[derive(Actor)]`: the options of the actor as an implementation of the hidden `Declared`,
//! from which `#[handlers]` takes them.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{DeriveInput, Error};

use crate::ast::{Declaration, combine};
use crate::attr::{ActorOptions, Policy, PolicyKind, Runtime, Size};

pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let original: DeriveInput = match syn::parse2(input) {
        Ok(original) => original,
        Err(error) => return error.to_compile_error(),
    };
    let mut options = ActorOptions::default();
    let mut outcome = options.read(&original.attrs);
    let declaration = Declaration { original: &original, options };
    if let Err(error) = declaration.validate() {
        combine(&mut outcome, error);
    }
    // With a mistake in them, the options that could be read still let the rest compile, so that
    // the mistake stays the only error.
    let errors = outcome.err().map(Error::into_compile_error);
    let declared = expand(&declaration);
    quote!(#errors #declared)
}

fn expand(declaration: &Declaration<'_>) -> TokenStream {
    let Declaration { original, options } = declaration;
    let ident = &original.ident;
    let (impl_generics, type_generics, where_clause) = original.generics.split_for_impl();
    let options_value = options_value(&ident.unraw().to_string(), options);
    quote! {
        #[automatically_derived]
        #[diagnostic::do_not_recommend]
        impl #impl_generics ::actor_core::__private::Declared for #ident #type_generics #where_clause {
            const OPTIONS: ::actor_core::ActorOptions = #options_value;
        }
    }
}

fn options_value(type_name: &str, options: &ActorOptions) -> TokenStream {
    let name = match &options.name {
        Some(name) => name.to_token_stream(),
        None => type_name.to_token_stream(),
    };
    let capacity = options.capacity.as_ref().map(|value| quote!(capacity: #value,));
    let max_message = options.max_message.as_ref().map(|size| match size {
        Size::Bytes(bytes) => {
            let bytes = proc_macro2::Literal::u64_unsuffixed(*bytes);
            quote!(max_message: #bytes,)
        }
        Size::Expr(value) => quote!(max_message: #value,),
    });
    let timeout = options.timeout_ns.map(|ns| quote!(timeout: ::core::time::Duration::from_nanos(#ns),));
    let call_policy = options.call_policy.as_ref().map(|policy| {
        let policy = policy_value(policy);
        quote!(call_policy: #policy,)
    });
    let cast_policy = options.cast_policy.as_ref().map(|policy| {
        let policy = policy_value(policy);
        quote!(cast_policy: #policy,)
    });
    let runtime = match options.runtime {
        None => TokenStream::new(),
        Some(Runtime::Tokio) => tokio_runtime(),
    };
    quote! {
        ::actor_core::ActorOptions {
            #capacity #max_message #timeout #call_policy #cast_policy #runtime
            ..::actor_core::ActorOptions::named(#name)
        }.checked()
    }
}

/// A policy as an expression.
pub(super) fn policy_value(policy: &Policy) -> TokenStream {
    match policy.kind {
        PolicyKind::Fail => quote!(::actor_core::OnCrash::Fail),
        PolicyKind::DeadLetter => quote!(::actor_core::OnCrash::DeadLetter),
        PolicyKind::Redeliver(lives) => quote!(::actor_core::OnCrash::Redeliver(#lives)),
    }
}

/// Names the user's own `tokio`: `actor-core` does not depend on one.
///
/// One worker thread drives what handlers have spawned while the main thread waits for messages.
fn tokio_runtime() -> TokenStream {
    quote! {
        runtime: {
            fn around(life: &mut dyn ::core::ops::FnMut()) {
                let runtime = ::tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()
                    .expect("the tokio runtime of an actor starts");
                let inside = runtime.enter();
                life();
                ::core::mem::drop(inside);
                runtime.shutdown_background();
            }
            fn block_on(
                future: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = ()>>,
            ) {
                ::tokio::runtime::Handle::current().block_on(future)
            }
            ::actor_core::Runtime { around, block_on }
        },
    }
}
