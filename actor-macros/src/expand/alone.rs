//! `#[call]`, `#[cast]`, `#[info]`, `#[init]` and `#[terminate]` without a `#[handlers]` block around them.
//!
//! `#[handlers]` takes them off before the compiler sees them, so whoever gets here has forgotten
//! it. On a method this says nothing: spawning the actor says it once, for all its methods.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ImplItemFn};

pub(crate) fn handler_attribute(name: &str, item: TokenStream) -> TokenStream {
    if syn::parse2::<ImplItemFn>(item.clone()).is_ok() {
        return item;
    }
    let message = format!("`#[{name}]` belongs on a method inside a `#[handlers] impl` block");
    let error = Error::new(proc_macro2::Span::call_site(), message).into_compile_error();
    quote!(#error #item)
}
