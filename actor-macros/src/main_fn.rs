//! `#[actor_core::main]`: the user's function with the guard around it, run to its end if `async`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, Item, ItemFn, Result};

const ELSEWHERE: &str = "`#[actor_core::main]` belongs on the function `main`";

pub(crate) fn wrap(options: TokenStream, input: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(input) {
        Ok(Item::Fn(function)) => function,
        Ok(other) => {
            let error = Error::new(Span::call_site(), ELSEWHERE).into_compile_error();
            return quote!(#error #other);
        }
        Err(error) => return error.into_compile_error(),
    };
    match validate(&options, &function) {
        Ok(()) => expand(&function),
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#error fn main() {})
        }
    }
}

fn validate(options: &TokenStream, function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if !options.is_empty() {
        return Err(Error::new_spanned(options, "`#[actor_core::main]` has no options"));
    }
    if signature.ident != "main" {
        return Err(Error::new_spanned(&signature.ident, ELSEWHERE));
    }
    if let Some(input) = signature.inputs.first() {
        let message = "`main` takes no parameters: use `std::env::args()`";
        return Err(Error::new_spanned(input, message));
    }
    if let Some(param) = signature.generics.params.first() {
        return Err(Error::new_spanned(param, "`main` has no generic parameters"));
    }
    Ok(())
}

fn expand(function: &ItemFn) -> TokenStream {
    let ItemFn { attrs, vis, sig, block } = function;
    let output = &sig.output;
    let body = match sig.asyncness {
        None => {
            let statements = &block.stmts;
            quote!(#(#statements)*)
        }
        Some(_) => quote! {
            async fn main() #output #block
            ::actor_core::__private::block_on(main())
        },
    };
    quote! {
        #(#attrs)*
        #vis fn main() #output {
            let __main = ::actor_core::__private::main_guard();
            #body
        }
    }
}
