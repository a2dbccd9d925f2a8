//! The expansion of `#[plugin]`: a constant, built with the builder of `plugbay-sdk`, and its export.

use std::collections::BTreeMap;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use serde_json::json;
use syn::spanned::Spanned;
use syn::{ItemImpl, LitStr};

use crate::manifest::{Declared, Part};

use super::marks::{EventMark, Mark};
use super::method::Method;
use super::page::Page;
use super::{Arguments, action_name, route};

pub(super) fn expand(
    arguments: &Arguments,
    block: &ItemImpl,
    methods: &[Method],
    pages: &[Page],
) -> syn::Result<TokenStream> {
    let names: Vec<LitStr> = methods.iter().filter_map(action_name).collect();
    check(block, methods, &names)?;
    let source = crate::manifest::source(&declared(arguments, methods, &names))?;

    let state = &block.self_ty;
    let builder = match &arguments.new {
        Some(new) => quote!(::plugbay_sdk::builder::Plugin::builder_with(#new)),
        None => quote_spanned!(state.span()=> ::plugbay_sdk::builder::Plugin::builder::<Self>()),
    };
    let actions = methods.iter().filter_map(action);
    let routes = methods.iter().flat_map(|method| route::declarations(arguments, method));
    let subscriptions = methods.iter().filter_map(subscription);
    let frontend = (!pages.is_empty()).then(|| {
        let pages = pages.iter().map(Page::declaration);
        quote!(.frontend(::plugbay_sdk::ui::Frontend::new(&[#(#pages),*])))
    });
    let hooks = methods.iter().filter_map(hook);
    let exports = exports(methods);
    let tables = &arguments.tables;
    let tables = (!tables.is_empty()).then(|| quote!(.tables(&[#(<#tables as ::plugbay_sdk::db::Table>::TABLE),*])));
    let permissions = &arguments.permissions;
    let permissions = (!permissions.is_empty()).then(|| quote!(.permissions(&[#(#permissions),*])));
    let publishes = &arguments.publishes;
    let publishes = (!publishes.is_empty()).then(|| quote!(.publishes(&[#(#publishes),*])));
    let requires = arguments.requires.iter().map(|(name, version)| quote!((#name, #version)));
    let requires = (!arguments.requires.is_empty()).then(|| quote!(.requires(&[#(#requires),*])));
    Ok(quote! {
        impl #state {
            #[doc(hidden)]
            const __PLUGBAY_PLUGIN: ::plugbay_sdk::builder::Plugin<Self> = #builder
                .source(#source)
                .actions(&[#(#actions),*])
                .routes(&[#(#routes),*])
                .subscriptions(&[#(#subscriptions),*])
                #tables
                #frontend
                #permissions
                #publishes
                #requires
                #(#hooks)*
                .build();
        }

        ::plugbay_sdk::export_plugin!(#state::__PLUGBAY_PLUGIN: #state #(, #exports)*);
    })
}

/// The checks that concern several methods.
///
/// The builder's const checks and the host find these mistakes too. Here the error points at the method instead of the
/// whole `impl` block, in the editor and without notes about const evaluation. Two `#[on_load]` are found only here,
/// because the builder would take the second. Whether a method with `#[cfg]` is compiled, only the const checks know.
fn check(block: &ItemImpl, methods: &[Method], names: &[LitStr]) -> syn::Result<()> {
    if methods.is_empty() {
        let message = "no method is marked: a plugin needs at least one `#[action]` or `#[on_event(\"…\")]`";
        return Err(syn::Error::new_spanned(&block.self_ty, message));
    }
    let mut seen: BTreeMap<String, &Ident> = BTreeMap::new();
    for method in methods {
        let (key, what) = match &method.mark {
            Mark::Action(_) => {
                let name = action_name(method).map(|name| name.value()).unwrap_or_default();
                (format!("action {name}"), format!("an action with the name `{name}`"))
            }
            Mark::OnEvent(event) => {
                let id = event.id().value();
                let key = if event.dynamic { format!("dynamic event {id}") } else { format!("event {id}") };
                (key, format!("a handler for `{id}`"))
            }
            Mark::OnOtherEvents => (String::new(), "an `#[on_event]` without a topic".to_owned()),
            other => (other.name().to_owned(), format!("an `#[{}]`", other.name())),
        };
        // Of two methods with `#[cfg]`, possibly only one is compiled. If both are, the builder reports it.
        if !method.conditions.is_empty() {
            continue;
        }
        if let Some(earlier) = seen.insert(key, &method.ident) {
            let message = format!("there is already {what}: method `{earlier}`");
            return Err(syn::Error::new_spanned(&method.ident, message));
        }
    }
    for method in methods {
        let Mark::Action(action) = &method.mark else { continue };
        if let Some(payload) = method.payload()
            && !action.routes.is_empty()
            && action.routes.iter().all(|route| route.method == "GET")
        {
            let shown = quote!(#payload).to_string();
            let message = format!("a GET request has no body: take the query as `Query<{shown}>`");
            return Err(syn::Error::new_spanned(payload, message));
        }
        let mut statuses = action.routes.iter().filter_map(|route| route.status.as_ref());
        if let Some(first) = statuses.next()
            && let Some(other) = statuses.find(|other| other.base10_digits() != first.base10_digits())
        {
            let message = format!("another route of `{}` has the status {first}: return a `Status`", method.ident);
            return Err(syn::Error::new_spanned(other, message));
        }
        for step in action.routes.iter().flat_map(|route| &route.after) {
            if !names.iter().any(|name| name.value() == step.value()) {
                let known: Vec<_> = names.iter().map(LitStr::value).collect();
                let message =
                    format!("the plugin has no action `{}`; its actions are: {}", step.value(), known.join(", "));
                return Err(syn::Error::new_spanned(step, message));
            }
        }
    }
    Ok(())
}

/// The declarations with which the manifest file must agree. Methods with `#[cfg]` are left out, because it is not
/// known whether they are compiled.
fn declared(arguments: &Arguments, methods: &[Method], names: &[LitStr]) -> Declared {
    let mut declared = Declared {
        actions: names.iter().map(|name| Part { value: json!(name.value()), span: name.span() }).collect(),
        permissions: arguments.permissions.iter().map(permission).collect(),
        publishes: arguments.publishes.iter().map(|it| Part { value: json!(it.value()), span: it.span() }).collect(),
        requires: arguments.requires.iter().map(requirement).collect(),
        ..Declared::default()
    };
    for method in methods.iter().filter(|method| method.conditions.is_empty()) {
        match &method.mark {
            Mark::Action(mark) => {
                let own = action_name(method).map(|name| name.value());
                declared.routes.extend(mark.routes.iter().map(|route| {
                    let chain = route.after.iter().map(LitStr::value).chain(own.clone());
                    let value = json!({
                        "method": route.method,
                        "path": route.path.value(),
                        "actions": chain.collect::<Vec<_>>(),
                    });
                    Part { value, span: route.path.span() }
                }));
            }
            Mark::OnEvent(event) if !event.dynamic => {
                let value = json!({ "id": event.id().value(), "topic": event.pattern.value() });
                declared.subscribes.push(Part { value, span: event.pattern.span() });
            }
            _ => {}
        }
    }
    declared
}

/// A required plugin in the form of the manifest.
fn requirement((name, version): &(LitStr, LitStr)) -> Part {
    let value = match version.value().as_str() {
        "*" => json!(name.value()),
        version => json!({ "name": name.value(), "version": version }),
    };
    Part { value, span: name.span() }
}

/// A permission in the form of the manifest.
fn permission(literal: &LitStr) -> Part {
    let text = literal.value();
    let value = match text.split_once(':') {
        Some((resource, actions)) => {
            let actions: Vec<&str> = actions.split(',').map(str::trim).collect();
            json!({ "resource": resource.trim(), "actions": actions })
        }
        None => json!({ "resource": text.trim() }),
    };
    Part { value, span: literal.span() }
}

/// An element of `.actions(&[…])`.
fn action(method: &Method) -> Option<TokenStream> {
    let Mark::Action(mark) = &method.mark else { return None };
    let name = action_name(method)?;
    let conditions = &method.conditions;
    let description = method.description.as_ref().map(|text| quote!(.description(#text)));
    let title = mark.title.as_ref().map(|title| quote!(.title(#title)));
    let idempotent = mark.idempotent.then(|| quote!(.idempotent()));
    let read_only = mark.read_only.map(|hint| quote!(.read_only(#hint)));
    let destructive = mark.destructive.map(|hint| quote!(.destructive(#hint)));
    let open_world = mark.open_world.map(|hint| quote!(.open_world(#hint)));
    let payload = method.payload().map(|ty| quote_spanned!(ty.span()=> ::plugbay_sdk::__private::parse::<#ty>(text)?));
    let payload_schema =
        method.payload().map(|ty| quote_spanned!(ty.span()=> .payload(<#ty as ::plugbay_sdk::Schema>::ACCEPTS.schema)));
    let result_schema = method.nameable_answer().map(|ty| {
        quote!(.result({
            #[allow(unused_imports)]
            use ::plugbay_sdk::__private::NoSchema as _;
            ::plugbay_sdk::__private::SchemaOf::<#ty>::RESULT
        }))
    });
    let answer = answer(method, payload, &quote!(&::plugbay_sdk::__private::running()));
    // Each route of a method has the same status: one action cannot see which of them was matched without asking.
    let status = mark.routes.iter().find_map(|route| route.status.as_ref());
    let status = status.map(|status| quote!(::plugbay_sdk::__private::set_status(#status)?;));
    let json = quote_spanned!(method.answer_span()=> ::plugbay_sdk::__private::Sent(answer.outcome()?).json());
    Some(quote! {
        #(#conditions)*
        ::plugbay_sdk::builder::Action::new(#name, |state: &mut Self, text: &str| {
            #[allow(unused_imports)]
            use ::plugbay_sdk::__private::PlainSent as _;
            #status
            #answer
            #json
        })
        #title
        #description
        #payload_schema
        #result_schema
        #idempotent
        #read_only
        #destructive
        #open_world
    })
}

/// An element of `.subscriptions(&[…])`.
fn subscription(method: &Method) -> Option<TokenStream> {
    let Mark::OnEvent(EventMark { pattern, id, priority, once, durable, dynamic }) = &method.mark else { return None };
    let conditions = &method.conditions;
    let id = id.as_ref().map(|id| quote!(.id(#id)));
    let priority = priority.map(|priority| quote!(.priority(#priority)));
    let once = once.then(|| quote!(.once()));
    let durable = durable.then(|| quote!(.durable()));
    let kind = if *dynamic { quote!(dynamic) } else { quote!(new) };
    let handler = event_handler(method);
    Some(quote! {
        #(#conditions)*
        ::plugbay_sdk::builder::Subscription::#kind(#pattern, #handler)
        #id
        #priority
        #once
        #durable
    })
}

/// The function that calls the method with an event.
fn event_handler(method: &Method) -> TokenStream {
    let payload = method.payload().map(|ty| quote_spanned!(ty.span()=> event.data::<#ty>()?));
    let answer = answer(method, payload, &quote!(event));
    let handled = quote_spanned!(method.answer_span()=> ::plugbay_sdk::__private::Handled::handled(answer.0));
    quote! {
        |state: &mut Self, event: &::plugbay_sdk::Event<'_>| {
            #answer
            #handled
        }
    }
}

/// A call of the builder that sets a hook.
fn hook(method: &Method) -> Option<TokenStream> {
    let span = method.answer_span();
    let plain = answer(method, None, &TokenStream::new());
    let loaded = quote_spanned!(span=> ::plugbay_sdk::__private::Loaded::loaded(answer.0));
    Some(match &method.mark {
        Mark::Action(_) | Mark::OnEvent(_) => return None,
        Mark::OnOtherEvents => {
            let handler = event_handler(method);
            quote!(.on_event(#handler))
        }
        Mark::OnLoad => quote!(.on_load(|state: &mut Self| { #plain #loaded })),
        Mark::OnUnload => {
            // An error can no longer stop the unload. It is logged if the method returns one.
            let report = method.answer.as_ref().map(|_| {
                quote! {
                    if let ::core::result::Result::Err(error) = #loaded {
                        ::plugbay_sdk::log::error!("on_unload failed: {error}");
                    }
                }
            });
            quote!(.on_unload(|state: &mut Self| { #plain #report }))
        }
        Mark::SaveState(mark) => {
            let format = mark.format.unwrap_or(1);
            let bytes = quote_spanned!(span=> ::plugbay_sdk::__private::State(answer.outcome()?).bytes());
            quote! {
                .save_state(|state: &mut Self| {
                    #[allow(unused_imports)]
                    use ::plugbay_sdk::__private::JsonState as _;
                    #plain
                    let bytes = #bytes?;
                    ::core::result::Result::Ok(
                        bytes.map(|bytes| ::plugbay_sdk::builder::SavedState { format: #format, bytes }),
                    )
                })
            }
        }
        Mark::OnReload => {
            let payload = method.payload().map(|ty| {
                quote_spanned!(ty.span()=> {
                    #[allow(unused_imports)]
                    use ::plugbay_sdk::__private::JsonTaken as _;
                    ::plugbay_sdk::__private::Taken::<#ty>::take(bytes)?
                })
            });
            let with_state = answer(method, payload, &quote!(reload));
            quote! {
                .on_reload(|
                    state: &mut Self,
                    reload: &::plugbay_sdk::Reload,
                    bytes: ::core::option::Option<::std::vec::Vec<u8>>,
                | {
                    #with_state
                    #loaded
                })
            }
        }
        Mark::Health => {
            let checked = quote_spanned!(span=> ::plugbay_sdk::__private::Checked::checked(answer.0));
            quote!(.health(|state: &mut Self| { #plain #checked }))
        }
    })
}

/// Statements that call the method and bind its result to `answer`.
fn answer(method: &Method, payload: Option<TokenStream>, context: &TokenStream) -> TokenStream {
    let payload = payload.map(|payload| quote!(let payload = #payload;));
    let call = method.call(context);
    quote! {
        #[allow(unused_imports)]
        use ::plugbay_sdk::__private::PlainAnswer as _;
        #payload
        let answer = ::plugbay_sdk::__private::Answer(#call);
    }
}

/// The interfaces that the plugin must export in addition to `actions`.
fn exports(methods: &[Method]) -> Vec<Ident> {
    let mut exports = Vec::new();
    for method in methods {
        let export = match &method.mark {
            Mark::Action(_) => continue,
            Mark::OnLoad | Mark::SaveState(_) | Mark::OnReload | Mark::OnUnload => "lifecycle",
            Mark::OnEvent(_) | Mark::OnOtherEvents => "events",
            Mark::Health => "health",
        };
        let export = Ident::new(export, Span::call_site());
        if !exports.contains(&export) {
            exports.push(export);
        }
    }
    exports
}
