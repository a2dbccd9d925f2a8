//! The attributes on the methods of a `#[plugin]`, called marks.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, ExprUnary, Lit, LitStr, Meta, MetaNameValue, Token, UnOp};

use super::route::{self, RouteMark};

/// The purpose of a method.
pub(super) enum Mark {
    Action(ActionMark),
    OnLoad,
    SaveState(SaveMark),
    OnReload,
    OnUnload,
    OnEvent(EventMark),
    /// `#[on_event]` without a topic.
    OnOtherEvents,
    Health,
}

impl Mark {
    /// The attribute's name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Mark::Action(_) => "action",
            Mark::OnLoad => "on_load",
            Mark::SaveState(_) => "save_state",
            Mark::OnReload => "on_reload",
            Mark::OnUnload => "on_unload",
            Mark::OnEvent(_) | Mark::OnOtherEvents => "on_event",
            Mark::Health => "health",
        }
    }
}

/// `#[action(name = "…", title = "…", idempotent, read_only, destructive = false, open_world = false)]`.
#[derive(Default)]
pub(super) struct ActionMark {
    pub(super) name: Option<LitStr>,
    pub(super) title: Option<LitStr>,
    pub(super) idempotent: bool,
    pub(super) read_only: Option<bool>,
    pub(super) destructive: Option<bool>,
    pub(super) open_world: Option<bool>,
    pub(super) routes: Vec<RouteMark>,
}

/// `#[save_state(format = 2)]`.
#[derive(Default)]
pub(super) struct SaveMark {
    pub(super) format: Option<u32>,
}

/// `#[on_event("order.*", id = "…", priority = 100, once, durable)]` or `#[on_event("order.*", dynamic)]`.
pub(super) struct EventMark {
    pub(super) pattern: LitStr,
    pub(super) id: Option<LitStr>,
    pub(super) priority: Option<i32>,
    pub(super) once: bool,
    pub(super) durable: bool,
    /// Whether the plugin's code makes the subscription, not its manifest.
    pub(super) dynamic: bool,
}

impl EventMark {
    /// The id of the subscription: the declared one, or else the pattern.
    pub(super) fn id(&self) -> &LitStr {
        self.id.as_ref().unwrap_or(&self.pattern)
    }
}

/// Removes the mark from a method's attributes and leaves the others. A method with routes alone is an action.
pub(super) fn take(attributes: &mut Vec<Attribute>, prefix: &str) -> syn::Result<Option<(Mark, Span)>> {
    let mut mark: Option<(Mark, Span)> = None;
    let mut routes: Vec<(RouteMark, Span)> = Vec::new();
    let mut others = Vec::new();
    for attribute in attributes.drain(..) {
        if let Some(route) = route::parse(&attribute, prefix)? {
            routes.push((route, attribute.span()));
            continue;
        }
        let Some(found) = parse(&attribute)? else {
            others.push(attribute);
            continue;
        };
        if let Some((earlier, _)) = &mark {
            let message = format!("the method is already marked `#[{}]`: write a separate method", earlier.name());
            return Err(syn::Error::new_spanned(attribute, message));
        }
        mark = Some((found, attribute.span()));
    }
    *attributes = others;
    if let Some((_, span)) = routes.first() {
        match mark.get_or_insert((Mark::Action(ActionMark::default()), *span)) {
            (Mark::Action(action), _) => action.routes = routes.into_iter().map(|(route, _)| route).collect(),
            _ => return Err(syn::Error::new(*span, "only an `#[action]` can answer a route")),
        }
    }
    Ok(mark)
}

fn parse(attribute: &Attribute) -> syn::Result<Option<Mark>> {
    let Some(name) = attribute.path().get_ident() else { return Ok(None) };
    let plain = |mark| match &attribute.meta {
        Meta::Path(_) => Ok(Some(mark)),
        _ => Err(syn::Error::new_spanned(attribute, format!("`#[{name}]` takes no arguments"))),
    };
    match name.to_string().as_str() {
        "action" => match &attribute.meta {
            Meta::Path(_) => Ok(Some(Mark::Action(ActionMark::default()))),
            _ => Ok(Some(Mark::Action(attribute.parse_args()?))),
        },
        "on_event" => match &attribute.meta {
            Meta::Path(_) => Ok(Some(Mark::OnOtherEvents)),
            _ => Ok(Some(Mark::OnEvent(attribute.parse_args()?))),
        },
        "on_load" => plain(Mark::OnLoad),
        "save_state" => match &attribute.meta {
            Meta::Path(_) => Ok(Some(Mark::SaveState(SaveMark::default()))),
            _ => Ok(Some(Mark::SaveState(attribute.parse_args()?))),
        },
        "on_reload" => plain(Mark::OnReload),
        "on_unload" => plain(Mark::OnUnload),
        "health" => plain(Mark::Health),
        _ => Ok(None),
    }
}

impl Parse for ActionMark {
    fn parse(input: ParseStream<'_>) -> syn::Result<ActionMark> {
        let mut mark = ActionMark::default();
        for option in Punctuated::<Meta, Token![,]>::parse_terminated(input)? {
            match &option {
                Meta::Path(path) if path.is_ident("idempotent") => mark.idempotent = true,
                Meta::NameValue(pair) if pair.path.is_ident("name") => mark.name = Some(string(&pair.value)?),
                Meta::NameValue(pair) if pair.path.is_ident("title") => mark.title = Some(string(&pair.value)?),
                hint if hint.path().is_ident("read_only") => mark.read_only = Some(flag(hint)?),
                hint if hint.path().is_ident("destructive") => mark.destructive = Some(flag(hint)?),
                hint if hint.path().is_ident("open_world") => mark.open_world = Some(flag(hint)?),
                other => {
                    let message = "an action takes `name = \"…\"`, `title = \"…\"`, `idempotent`, `read_only`, \
                                   `destructive = false` and `open_world = false`";
                    return Err(syn::Error::new_spanned(other, message));
                }
            }
        }
        Ok(mark)
    }
}

/// Reads `option` or `option = false`.
fn flag(option: &Meta) -> syn::Result<bool> {
    match option {
        Meta::Path(_) => Ok(true),
        Meta::NameValue(MetaNameValue { value: Expr::Lit(ExprLit { lit: Lit::Bool(value), .. }), .. }) => {
            Ok(value.value)
        }
        other => Err(syn::Error::new_spanned(other, "expected `true` or `false`")),
    }
}

impl Parse for SaveMark {
    fn parse(input: ParseStream<'_>) -> syn::Result<SaveMark> {
        let mut mark = SaveMark::default();
        for option in Punctuated::<Meta, Token![,]>::parse_terminated(input)? {
            match &option {
                Meta::NameValue(pair) if pair.path.is_ident("format") => mark.format = Some(number(&pair.value)?),
                other => {
                    let message = "`#[save_state]` takes `format = …`, the version of the state's format";
                    return Err(syn::Error::new_spanned(other, message));
                }
            }
        }
        Ok(mark)
    }
}

impl Parse for EventMark {
    fn parse(input: ParseStream<'_>) -> syn::Result<EventMark> {
        let pattern: LitStr = input.parse().map_err(|error| {
            syn::Error::new(error.span(), "name the events first: `#[on_event(\"order.*\", priority = 50, once)]`")
        })?;
        let pattern = canonical(&pattern)?;
        let mut mark = EventMark { pattern, id: None, priority: None, once: false, durable: false, dynamic: false };
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        for option in Punctuated::<Meta, Token![,]>::parse_terminated(input)? {
            match &option {
                Meta::Path(path) if path.is_ident("once") => mark.once = true,
                Meta::Path(path) if path.is_ident("durable") => mark.durable = true,
                Meta::Path(path) if path.is_ident("dynamic") => mark.dynamic = true,
                Meta::NameValue(pair) if pair.path.is_ident("id") => mark.id = Some(string(&pair.value)?),
                Meta::NameValue(pair) if pair.path.is_ident("priority") => mark.priority = Some(integer(&pair.value)?),
                other => {
                    let message =
                        "a subscription takes `id = \"…\"`, `priority = …`, `once`, `durable`, or `dynamic` alone";
                    return Err(syn::Error::new_spanned(other, message));
                }
            }
        }
        if mark.dynamic && (mark.once || mark.durable || mark.id.is_some() || mark.priority.is_some()) {
            let message =
                "the options of a dynamic subscription are set where it is made: `events::subscribe(…).priority(…)`";
            return Err(syn::Error::new_spanned(&mark.pattern, message));
        }
        Ok(mark)
    }
}

/// The canonical spelling of a topic: `onContainerStart` is another spelling of `container.start`, which is the topic
/// that the host delivers.
pub(super) fn canonical(topic: &LitStr) -> syn::Result<LitStr> {
    let text =
        plugbay_manifest::parse_topic(&topic.value()).map_err(|message| syn::Error::new_spanned(topic, message))?;
    Ok(LitStr::new(&text, topic.span()))
}

fn string(expression: &Expr) -> syn::Result<LitStr> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
        other => Err(syn::Error::new_spanned(other, "expected a string")),
    }
}

fn number(expression: &Expr) -> syn::Result<u32> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse(),
        other => Err(syn::Error::new_spanned(other, "expected a number, such as `2`")),
    }
}

fn integer(expression: &Expr) -> syn::Result<i32> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => Ok(-integer(expr)?),
        other => Err(syn::Error::new_spanned(other, "expected an integer literal")),
    }
}
