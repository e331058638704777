//! The rules, one after the other. Each error stands at the user's token and says what to write
//! instead; a block with several mistakes gets all of them at once.

use syn::{Data, Error, FnArg, Generics, ItemImpl, Result, Signature, Type};

use crate::ast::{Block, Declaration, Handler, Kind, Method, Param, combine};
use crate::attr::{Policy, PolicyKind};
use crate::reserved;
use crate::types::{self, Streamed};

/// The widest handler; a message of more parts deserves a struct of its own.
pub(crate) const ARGUMENTS_MAX: usize = 12;

impl Declaration<'_> {
    pub(crate) fn validate(&self) -> Result<()> {
        let mut outcome = Ok(());
        if let Data::Union(data) = &self.original.data {
            let message = "an actor is a struct or an enum";
            combine(&mut outcome, Error::new_spanned(data.union_token, message));
        }
        if let Err(error) = no_lifetimes(&self.original.generics) {
            combine(&mut outcome, error);
        }
        if let Some(policy) = &self.options.cast_policy {
            cast_can_follow(&mut outcome, policy);
        }
        outcome
    }
}

impl Block {
    pub(crate) fn validate(&self) -> Result<()> {
        let mut outcome = Ok(());
        if let Some(token) = self.original.unsafety {
            combine(&mut outcome, Error::new_spanned(token, "an actor's handlers are safe to call"));
        }
        for handler in &self.handlers {
            handler.validate(&mut outcome);
        }
        at_most_one(&mut outcome, &self.inits, "`#[init]`");
        at_most_one(&mut outcome, &self.terminates, "`#[terminate]`");
        self.infos.iter().for_each(|info| validate_info(&mut outcome, info));
        different_infos(&mut outcome, &self.infos);
        self.inits.iter().for_each(|init| validate_init(&mut outcome, init));
        self.terminates.iter().for_each(|method| validate_terminate(&mut outcome, method));
        outcome
    }
}

/// Where `#[handlers]` cannot work at all, said before the block is taken apart.
pub(crate) fn inherent_impl(block: &ItemImpl) -> Result<syn::Ident> {
    if let Some((_, path, _)) = &block.trait_ {
        let message = "`#[handlers]` belongs on the actor's own `impl` block, not on that of a trait";
        return Err(Error::new_spanned(path, message));
    }
    no_lifetimes(&block.generics)?;
    let message = "`#[handlers]` belongs on the `impl` block of a struct or an enum";
    match &*block.self_ty {
        Type::Path(path) if path.qself.is_none() => match path.path.segments.last() {
            Some(segment) => Ok(segment.ident.clone()),
            None => Err(Error::new_spanned(path, message)),
        },
        other => Err(Error::new_spanned(other, message)),
    }
}

impl Handler {
    fn validate(&self, outcome: &mut Result<()>) {
        self.check_name(outcome);
        borrows_self(outcome, &self.method, "a handler works on the actor");
        plain_signature(outcome, &self.method.signature);
        owned_arguments(outcome, &self.method);
        one_context(outcome, &self.method);
        no_reason(outcome, &self.method);
        match self.method.reply_to() {
            Some(ty) => self.check_reply_to(outcome, ty),
            None => self.check_output(outcome),
        }
        if let (Kind::Cast, Some(policy)) = (self.kind, &self.options.on_crash) {
            cast_can_follow(outcome, policy);
        }
    }

    fn check_name(&self, outcome: &mut Result<()>) {
        let ident = self.method.ident();
        if reserved::NAMES.iter().any(|reserved| ident == reserved) {
            let message = format!(
                "a handler cannot be named `{ident}`: on an `ActorRef` that name means something \
                 else; choose another",
            );
            combine(outcome, Error::new_spanned(ident, message));
        }
    }

    /// Whoever has the handle answers, so what the handler returns can only be that it cannot go on.
    fn check_reply_to(&self, outcome: &mut Result<()>, ty: &Type) {
        for second in self.method.reply_tos().skip(1) {
            let message = "a call is answered once: remove this `ReplyTo` or the other; one of another call comes \
                           in a `#[cast]`, or within a struct";
            combine(outcome, Error::new_spanned(second, message));
        }
        let Some((_, error)) = types::reply_to_parts(ty) else {
            let message = "say what the caller gets: `ReplyTo<T>`, or `ReplyTo<T, E>` if it can get an error";
            return combine(outcome, Error::new_spanned(ty, message));
        };
        if let Some(reference) = types::find_reference(ty) {
            let message = format!(
                "a reply travels to another process, so it owns its data: write `{}`",
                types::owned_form(reference),
            );
            combine(outcome, Error::new_spanned(reference, message));
        }
        let Some(output) = self.method.output().filter(|_| !types::is_unit(&self.method.signature.output)) else {
            return;
        };
        let parts = types::result_parts(output);
        if parts.is_none() {
            let message = "whoever has the `ReplyTo` answers this call: return nothing, or `Result<(), E>` whose \
                           `Err` fails it";
            combine(outcome, Error::new_spanned(output, message));
        } else if error.is_none() {
            let message = "the caller would get this error: name it in the handle as well, `ReplyTo<T, E>`";
            combine(outcome, Error::new_spanned(output, message));
        }
    }

    fn check_output(&self, outcome: &mut Result<()>) {
        let Some(ty) = self.method.output() else { return };
        if let Some(reference) = types::find_reference(ty) {
            let message = format!(
                "a reply travels to another process, so it owns its data: return `{}`",
                types::owned_form(reference),
            );
            combine(outcome, Error::new_spanned(reference, message));
        }
        if let Some(streamed) = self.streamed() {
            return self.check_stream(outcome, ty, &streamed);
        }
        if let Type::ImplTrait(ty) = ty {
            let message = "a reply has one type that both processes know: name it";
            combine(outcome, Error::new_spanned(ty, message));
        }
        let is_result = types::result_parts(ty).is_some();
        if self.kind == Kind::Cast && !types::is_unit(&self.method.signature.output) && !is_result {
            let message = "nobody waits for the outcome of a cast: return nothing, or `Result<(), E>` \
                           whose `Err` ends the actor, or make it a `#[call]`";
            combine(outcome, Error::new_spanned(ty, message));
        }
    }
}

impl Handler {
    fn check_stream(&self, outcome: &mut Result<()>, ty: &Type, streamed: &Streamed<'_>) {
        match streamed.item {
            None => {
                let message = "a stream is of items that both processes know: write `Iterator<Item = T>`";
                combine(outcome, Error::new_spanned(ty, message));
            }
            Some(item) => {
                if let Some(reference) = types::find_reference(item) {
                    let message = format!(
                        "an item travels to another process, so it owns its data: give `{}`",
                        types::owned_form(reference),
                    );
                    combine(outcome, Error::new_spanned(reference, message));
                }
                if let Type::ImplTrait(item) = item {
                    let message = "an item has one type that both processes know: name it";
                    combine(outcome, Error::new_spanned(item, message));
                }
            }
        }
        if let Some(Policy { kind: PolicyKind::Redeliver(_), span }) = &self.options.on_crash {
            let message = "a stream is not handed out again, since its caller has had a part of it: use \"fail\" \
                           or \"dead_letter\"";
            combine(outcome, Error::new(*span, message));
        }
    }
}

fn validate_info(outcome: &mut Result<()>, info: &Method) {
    borrows_self(outcome, info, "an `#[info]` handler works on the actor");
    plain_signature(outcome, &info.signature);
    one_context(outcome, info);
    no_reason(outcome, info);
    let mut arguments = info.arguments();
    match arguments.next() {
        None => {
            let message = "an `#[info]` handler is told something: give it a parameter of type `Down`, \
                           `ExitSignal`, `Tick`, `Readiness` or `Info`";
            combine(outcome, Error::new_spanned(info.ident(), message));
        }
        Some(ty) => {
            if let Some(reference) = types::find_reference(ty) {
                let message = format!("what an actor is told is its own: take `{}`", types::owned_form(reference),);
                combine(outcome, Error::new_spanned(reference, message));
            }
            if let Type::ImplTrait(ty) = ty {
                let message = "the type decides what the handler is told: name it";
                combine(outcome, Error::new_spanned(ty, message));
            }
        }
    }
    if let Some(second) = arguments.next() {
        let message = "an `#[info]` handler is told one thing, and lent a `&mut Context<Self>`: remove this \
                       parameter";
        combine(outcome, Error::new_spanned(second, message));
    }
    if let Some(ty) = info.output()
        && !types::is_unit(&info.signature.output)
        && types::result_parts(ty).is_none()
    {
        let message = "nobody waits for what an `#[info]` handler returns: return nothing, or \
                       `Result<(), E>` whose `Err` ends the actor";
        combine(outcome, Error::new_spanned(ty, message));
    }
}

/// The second handler of a type would never be told anything.
fn different_infos(outcome: &mut Result<()>, infos: &[Method]) {
    // With `cfg`, one of several remains.
    let fixed = infos.iter().filter(|info| !info.attrs.iter().any(|attr| attr.path().is_ident("cfg")));
    let types: Vec<&Type> = fixed.filter_map(|info| info.arguments().next()).collect();
    for (at, ty) in types.iter().enumerate() {
        let name = types::last_name(ty);
        if name.is_some() && types[..at].iter().any(|earlier| types::last_name(earlier) == name) {
            let message = "another `#[info]` handler is told this already: remove one";
            combine(outcome, Error::new_spanned(ty, message));
        }
    }
}

fn validate_init(outcome: &mut Result<()>, init: &Method) {
    if let Some(receiver) = init.receiver() {
        let message = "`#[init]` makes the actor, so there is no `self` yet: remove it";
        combine(outcome, Error::new_spanned(receiver, message));
    }
    if init.receiver().is_none() && init.output().is_none() {
        let message = "`#[init]` returns the actor: add `-> Self` or `-> Result<Self, E>`";
        combine(outcome, Error::new_spanned(init.ident(), message));
    }
    plain_signature(outcome, &init.signature);
    owned_arguments(outcome, init);
    for ty in init.arguments().filter(|ty| types::is_reply_to(ty)) {
        let message = "an actor is made from the same arguments in each of its lives, and a call is answered \
                       once: send the `ReplyTo` in a call or cast";
        combine(outcome, Error::new_spanned(ty, message));
    }
    one_context(outcome, init);
    no_reason(outcome, init);
}

fn validate_terminate(outcome: &mut Result<()>, method: &Method) {
    borrows_self(outcome, method, "`#[terminate]` says goodbye to the actor");
    plain_signature(outcome, &method.signature);
    one_context(outcome, method);
    if let Some(ty) = method.arguments().next() {
        let message = "`#[terminate]` is told the `&ExitReason` and lent a `&mut Context<Self>`, \
                       nothing else: remove this parameter";
        combine(outcome, Error::new_spanned(ty, message));
    }
    if !types::is_unit(&method.signature.output) {
        let message = "nobody is left to use what `#[terminate]` returns: return nothing";
        combine(outcome, Error::new_spanned(&method.signature.output, message));
    }
}

fn borrows_self(outcome: &mut Result<()>, method: &Method, because: &str) {
    let Some(receiver) = method.receiver() else {
        let message = format!("{because}: add `&mut self` or `&self` as its first parameter");
        return combine(outcome, Error::new_spanned(method.ident(), message));
    };
    if !matches!(&*receiver.ty, Type::Reference(_)) {
        let message = format!("{because} and leaves it in place: write `&mut self` or `&self`");
        combine(outcome, Error::new_spanned(receiver, message));
    }
}

fn plain_signature(outcome: &mut Result<()>, signature: &Signature) {
    if let Some(param) = signature.generics.params.first() {
        let message = "a message has one type that both processes know: a handler has no generic \
                       parameters of its own";
        combine(outcome, Error::new_spanned(param, message));
    }
    if let Some(token) = signature.unsafety {
        let message = "anybody may send this message: a handler is not `unsafe`";
        combine(outcome, Error::new_spanned(token, message));
    }
    if let Some(variadic) = &signature.variadic {
        combine(outcome, Error::new_spanned(variadic, "a message has a fixed number of parts"));
    }
}

fn owned_arguments(outcome: &mut Result<()>, method: &Method) {
    for ty in method.arguments() {
        if let Some(reference) = types::find_reference(ty) {
            let message = format!(
                "an argument travels to another process, so it owns its data: take `{}`",
                types::owned_form(reference),
            );
            combine(outcome, Error::new_spanned(reference, message));
        }
        if let Type::ImplTrait(ty) = ty {
            let message = "an argument has one type that both processes know: name it";
            combine(outcome, Error::new_spanned(ty, message));
        }
    }
    if method.arguments().count() > ARGUMENTS_MAX {
        let message = format!("a message has at most {ARGUMENTS_MAX} parts: put them into a struct");
        combine(outcome, Error::new_spanned(method.ident(), message));
    }
}

fn one_context(outcome: &mut Result<()>, method: &Method) {
    let typed = method.signature.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_)));
    let contexts = typed.zip(&method.params).filter(|(_, param)| matches!(param, Param::Context));
    for (input, _) in contexts.skip(1) {
        combine(outcome, Error::new_spanned(input, "there is one `Context`: remove this one or the other"));
    }
}

fn no_reason(outcome: &mut Result<()>, method: &Method) {
    if method.params.iter().any(|param| matches!(param, Param::Reason)) {
        let typed = method.signature.inputs.iter().find_map(|input| match input {
            FnArg::Typed(param) => types::borrowed_name(&param.ty).filter(|name| name == "ExitReason").map(|_| param),
            FnArg::Receiver(_) => None,
        });
        let message = "only `#[terminate]` is told why the actor ends";
        combine(outcome, Error::new_spanned(typed, message));
    }
}

fn cast_can_follow(outcome: &mut Result<()>, policy: &crate::attr::Policy) {
    if policy.kind == PolicyKind::Fail {
        let message = "a cast has no caller to tell: use \"dead_letter\" or \"redeliver(n)\"";
        combine(outcome, Error::new(policy.span, message));
    }
}

fn no_lifetimes(generics: &Generics) -> Result<()> {
    match generics.lifetimes().next() {
        None => Ok(()),
        Some(lifetime) => {
            let message = "an actor lives in a process of its own and cannot borrow: own the data";
            Err(Error::new_spanned(lifetime, message))
        }
    }
}

fn at_most_one(outcome: &mut Result<()>, methods: &[Method], attribute: &str) {
    for method in methods.iter().skip(1) {
        let message = format!("an actor has one {attribute}, and this is another: remove one");
        combine(outcome, Error::new_spanned(method.ident(), message));
    }
}
