//! The user's items as a small tree of our own, which keeps the original nodes for their spans.
//!
//! Building the tree only sorts things; what is wrong with them is said by [`valid`](crate::valid).

use syn::{
    Attribute, DeriveInput, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Pat, Receiver, Result, ReturnType, Signature,
    Type,
};

use crate::attr::{ActorOptions, HandlerOptions};
use crate::types::{self, Streamed};

/// What `#[derive(Actor)]` stands on.
pub(crate) struct Declaration<'a> {
    pub(crate) original: &'a DeriveInput,
    pub(crate) options: ActorOptions,
}

/// What `#[handlers]` stands on.
pub(crate) struct Block {
    /// The block as the user wrote it, without our attributes on the methods.
    pub(crate) original: ItemImpl,
    /// The name of the actor's type, without its arguments.
    pub(crate) ident: Ident,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) infos: Vec<Method>,
    pub(crate) inits: Vec<Method>,
    pub(crate) terminates: Vec<Method>,
}

/// A method with `#[call]` or `#[cast]`.
pub(crate) struct Handler {
    pub(crate) kind: Kind,
    pub(crate) options: HandlerOptions,
    pub(crate) method: Method,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Call,
    Cast,
}

/// A method with one of our attributes.
pub(crate) struct Method {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) signature: Signature,
    pub(crate) params: Vec<Param>,
}

/// A parameter other than `self`.
pub(crate) enum Param {
    /// `&mut Context<Self>`, which the actor's own process supplies.
    Context,
    /// `&ExitReason`, which only `#[terminate]` can ask for.
    Reason,
    /// `ReplyTo<T, E>` of a call: made for it where it arrives.
    ReplyTo { ty: Box<Type> },
    /// Travels in the message.
    Argument { name: Option<Ident>, ty: Box<Type> },
}

impl Method {
    fn new(item: &ImplItemFn, is_call: bool) -> Method {
        let typed = item.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Receiver(_) => None,
            FnArg::Typed(param) => Some(param),
        });
        let params = typed
            .map(|param| match types::borrowed_name(&param.ty).as_deref() {
                Some("Context") => Param::Context,
                Some("ExitReason") => Param::Reason,
                // In a cast it is an argument like others: that is how one is passed on.
                _ if is_call && types::is_reply_to(&param.ty) => Param::ReplyTo { ty: param.ty.clone() },
                _ => Param::Argument { name: pattern_name(&param.pat), ty: param.ty.clone() },
            })
            .collect();
        Method { attrs: item.attrs.clone(), signature: item.sig.clone(), params }
    }

    pub(crate) fn ident(&self) -> &Ident {
        &self.signature.ident
    }

    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.signature.receiver()
    }

    /// The types of the parameters that travel in the message.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &Type> {
        self.params.iter().filter_map(|param| match param {
            Param::Argument { ty, .. } => Some(&**ty),
            Param::Context | Param::Reason | Param::ReplyTo { .. } => None,
        })
    }

    /// The handle by which a call is answered that is not answered by what its handler returns.
    pub(crate) fn reply_to(&self) -> Option<&Type> {
        self.reply_tos().next()
    }

    pub(crate) fn reply_tos(&self) -> impl Iterator<Item = &Type> {
        self.params.iter().filter_map(|param| match param {
            Param::ReplyTo { ty } => Some(&**ty),
            _ => None,
        })
    }

    /// What the method returns, `None` for nothing.
    pub(crate) fn output(&self) -> Option<&Type> {
        match &self.signature.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(ty),
        }
    }
}

impl Handler {
    /// The stream that it replies by.
    pub(crate) fn streamed(&self) -> Option<Streamed<'_>> {
        self.method.output().filter(|_| self.kind == Kind::Call).and_then(types::streamed)
    }
}

impl Block {
    /// Sorts the methods by our attributes and takes these off the original.
    ///
    /// # Errors
    /// Only where sorting is impossible: two of our attributes on one method, or unreadable options.
    pub(crate) fn new(mut original: ItemImpl, ident: Ident) -> (Block, Result<()>) {
        let mut outcome = Ok(());
        let (mut handlers, mut infos) = (Vec::new(), Vec::new());
        let (mut inits, mut terminates) = (Vec::new(), Vec::new());
        for item in &mut original.items {
            let ImplItem::Fn(item) = item else { continue };
            let ours: Vec<Attribute> = item.attrs.extract_if(.., |attr| is_ours(attr)).collect();
            let role = match role(&ours) {
                Ok(Some(role)) => role,
                Ok(None) => continue,
                Err(error) => {
                    combine(&mut outcome, error);
                    continue;
                }
            };
            let method = Method::new(item, matches!(role, Role::Handler(Kind::Call, _)));
            match role {
                // The compiler itself reports the second method of a name; once is enough.
                Role::Handler(..) if is_repeated(&handlers, &method) => {}
                Role::Handler(kind, options) => handlers.push(Handler { kind, options, method }),
                Role::Info => infos.push(method),
                Role::Init => inits.push(method),
                Role::Terminate => terminates.push(method),
            }
        }
        (Block { original, ident, handlers, infos, inits, terminates }, outcome)
    }
}

/// Adds `error` to what went wrong so far, so that one run shows everything.
pub(crate) fn combine(outcome: &mut Result<()>, error: syn::Error) {
    match outcome {
        Ok(()) => *outcome = Err(error),
        Err(first) => first.combine(error),
    }
}

fn is_repeated(handlers: &[Handler], method: &Method) -> bool {
    // With `cfg`, one of several methods of a name remains.
    let has_cfg = method.attrs.iter().any(|attr| attr.path().is_ident("cfg"));
    !has_cfg && handlers.iter().any(|earlier| earlier.method.ident() == method.ident())
}

enum Role {
    Handler(Kind, HandlerOptions),
    Info,
    Init,
    Terminate,
}

fn is_ours(attr: &Attribute) -> bool {
    ["call", "cast", "info", "init", "terminate"].iter().any(|name| attr.path().is_ident(name))
}

fn role(ours: &[Attribute]) -> Result<Option<Role>> {
    let attr = match ours {
        [] => return Ok(None),
        [attr] => attr,
        [_, second, ..] => {
            return Err(syn::Error::new_spanned(
                second,
                "a method has one of `#[call]`, `#[cast]`, `#[info]`, `#[init]` and `#[terminate]`: \
                 remove this one or the other",
            ));
        }
    };
    let path = attr.path();
    Ok(Some(if path.is_ident("call") {
        Role::Handler(Kind::Call, HandlerOptions::read(attr)?)
    } else if path.is_ident("cast") {
        Role::Handler(Kind::Cast, HandlerOptions::read(attr)?)
    } else {
        let (name, role) = if path.is_ident("info") {
            ("info", Role::Info)
        } else if path.is_ident("init") {
            ("init", Role::Init)
        } else {
            ("terminate", Role::Terminate)
        };
        if !matches!(attr.meta, syn::Meta::Path(_)) {
            return Err(syn::Error::new_spanned(attr, format!("`#[{name}]` has no options: remove them")));
        }
        role
    }))
}

/// `text` of `text: String` and of `mut text: String`; `None` for patterns that take apart.
fn pattern_name(pattern: &Pat) -> Option<Ident> {
    match pattern {
        Pat::Ident(name) if name.subpat.is_none() => Some(name.ident.clone()),
        _ => None,
    }
}
