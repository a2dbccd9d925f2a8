//! The errors of `#[plugin]`.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

/// The messages of all `compile_error!` in an expansion.
fn errors(tokens: TokenStream) -> Vec<String> {
    let mut errors = Vec::new();
    let mut is_error = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => is_error = ident == "compile_error",
            TokenTree::Group(group) if is_error => {
                let message: syn::LitStr = syn::parse2(group.stream()).expect("an error is a string");
                errors.push(message.value());
            }
            TokenTree::Group(group) => errors.extend(self::errors(group.stream())),
            _ => {}
        }
    }
    errors
}

fn check(methods: TokenStream, expected: &[&str]) {
    check_with(TokenStream::new(), quote!(impl P { #methods }), expected);
}

fn check_with(arguments: TokenStream, item: TokenStream, expected: &[&str]) {
    let expanded = super::attribute(arguments, item.clone());
    let errors = errors(expanded);
    assert_eq!(errors.len(), expected.len(), "{item}: {errors:?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.contains(expected), "{item}: {error}");
    }
}

#[test]
fn methods_of_all_kinds_are_accepted() {
    let methods = quote! {
        #[action] fn a(&mut self) {}
        #[action(name = "b", idempotent)] #[put("/b", after = ["a"])] fn b(&self, x: X, call: &Invocation) -> X { x }
        #[get("/m/{id}", status = 202, responses(404 = "no"), summary = "M", tags("t"), produces = "a/b")]
        fn m(&self, id: u64, Query(q): Query<Q>, headers: Headers) -> Result<(Status, Text)> { x }
        #[post("/n/:a/{b}", consumes = "a/b")] #[post("/o/{a}/{b}")]
        fn n(&self, Path((a, b)): Path<(u8, String)>, body: Bytes, Json(x): Json<X>, p: Previous<X>) -> Html { x }
        #[patch("/p/{kind}")] fn p(&self, text: String) -> Redirect { x }
        #[action] fn c(call: &plugbay_sdk::Invocation, x: X<'_>) -> Result<X> { x }
        #[on_load] fn d(&mut self) -> bool { true }
        #[save_state] fn e(&self) -> X { x }
        #[on_reload] fn f(&mut self, x: X) {}
        #[on_unload] fn g(self: &mut Self) {}
        #[on_event("a.*", priority = -1, once, durable)] fn h(&mut self, x: X, event: &Event) {}
        #[on_event("a.*", dynamic)] fn k(&mut self, x: X) {}
        #[on_event] fn l(&mut self, event: &Event, x: X) {}
        #[health] fn i(&self) -> bool { true }
        fn j<T>(self, t: T) {}
    };
    check(methods, &[]);
}

#[test]
fn mark_outside_of_a_plugin_block_says_where_it_belongs() {
    let expanded = super::misplaced(
        "on_load",
        quote!(
            fn a(&mut self) {}
        ),
    );
    assert!(expanded.to_string().contains("fn a"), "the method stays: {expanded}");
    let errors = errors(expanded);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("`#[on_load]`") && errors[0].contains("`#[plugin]`"), "{errors:?}");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let methods = quote! {
        #[action] async fn a(&mut self) {}
        #[action] fn b<T>(&mut self) {}
        #[action] fn c(self) {}
        #[action] fn d(&mut self, x: X, y: Y) {}
        #[action] fn e(&mut self, x: impl X) {}
        #[action] fn f(&mut self, call: Invocation) {}
        #[action] fn g(&mut self, call: &Invocation, again: &Invocation) {}
    };
    let expected = [
        "remove `async`",
        "the method cannot be generic",
        "take `&mut self` or `&self`",
        "an action takes one payload: combine the two in a struct",
        "name a type",
        "take it by reference: `&Invocation`",
        "there is already a parameter `&Invocation`",
    ];
    check(methods, &expected);
}

#[test]
fn wrong_attribute_argument_is_refused_with_the_valid_ones() {
    check(
        quote!(
            #[action(nam = "x")]
            fn a(&self) {}
        ),
        &["an action takes `name = \"…\"`, `title = \"…\"`, `idempotent`, `read_only`, `destructive = false` and"],
    );
    check(
        quote!(
            #[action(name = 1)]
            fn a(&self) {}
        ),
        &["expected a string"],
    );
    check(
        quote!(
            #[on_load(now)]
            fn a(&self) {}
        ),
        &["`#[on_load]` takes no arguments"],
    );
    check(
        quote!(
            #[on_event("a", dynamic, once)]
            fn a(&self) {}
        ),
        &["the options of a dynamic subscription are set where it is made"],
    );
    check(
        quote!(
            #[on_event()]
            fn a(&self) {}
        ),
        &["name the events first"],
    );
    check(
        quote!(
            #[on_event("")]
            fn a(&self) {}
        ),
        &["has an empty word"],
    );
    check(
        quote!(
            #[on_event("a", twice)]
            fn a(&self) {}
        ),
        &["a subscription takes `id = \"…\"`, `priority = …`, `once`, `durable`, or `dynamic` alone"],
    );
    check(
        quote!(
            #[on_event("a", priority = "1")]
            fn a(&self) {}
        ),
        &["expected an integer"],
    );
    check(
        quote!(
            #[get]
            fn a(&self) {}
        ),
        &["a route has a path: `#[get(\"/path\")]`"],
    );
    check(
        quote!(
            #[post(after = ["a"])]
            fn a(&self) {}
        ),
        &["a route's path comes first"],
    );
    check(
        quote!(
            #[action]
            #[get("a")]
            fn a(&self) {}
        ),
        &["does not begin with `/`"],
    );
    check(
        quote!(
            #[get("/a", before = [])]
            fn a(&self) {}
        ),
        &["a route takes `after = "],
    );
    check(
        quote!(
            #[get("/a", status = 404)]
            fn a(&self) {}
        ),
        &["a status from 200 to 399"],
    );
    check_with(quote!(old = x), quote!(impl P { #[action] fn a(&self) {} }), &["`#[plugin]` takes `new = <function>`"]);
}

#[test]
fn hook_with_a_parameter_is_refused() {
    check(
        quote!(
            #[on_load]
            fn a(&mut self, x: X) {}
        ),
        &["a method with `#[on_load]` takes only `&mut self`"],
    );
    check(
        quote!(
            #[on_reload]
            fn a(&mut self, x: X, y: Y) {}
        ),
        &["a method with `#[on_reload]` takes one state"],
    );
    check(
        quote!(
            #[on_event("a")]
            fn a(&mut self, event: Event) {}
        ),
        &["take it by reference: `&Event`"],
    );
}

#[test]
fn method_with_two_marks_is_refused() {
    check(
        quote!(
            #[action]
            #[on_load]
            fn a(&self) {}
        ),
        &["already marked `#[action]`"],
    );
    check(
        quote!(
            #[on_load]
            #[get("/a")]
            fn a(&self) {}
        ),
        &["only an `#[action]` can answer a route"],
    );
}

#[test]
fn parameter_that_no_request_has_is_refused() {
    check(
        quote!(
            #[get("/a")]
            fn a(&self, search: Search) {}
        ),
        &["a GET request has no body: take the query as `Query<Search>`"],
    );
    check(
        quote!(
            #[put("/a/{id}")]
            #[put("/a")]
            fn a(&self, id: u64) {}
        ),
        &["`id` is a parameter of some of the method's routes, not of all"],
    );
    check(
        quote!(
            #[put("/a")]
            fn a(&self, text: String, x: X) {}
        ),
        &["an action takes one payload"],
    );
    check(
        quote!(
            #[put("/a")]
            fn a(&self, x: X, text: String) {}
        ),
        &["the method takes the body already"],
    );
}

#[test]
fn prefix_is_put_before_every_path() {
    let methods = quote!(impl P { #[get("/")] fn a(&self) {} #[put("/:id/")] fn b(&self, id: u8) {} });
    let expanded = super::attribute(quote!(prefix = "/items/", tags("t")), methods).to_string();
    for part in ["\"/items\"", "\"/items/{id}\"", "tags (& [\"t\"])", "path_parameter :: < u8 > (\"id\" , text)"] {
        assert!(expanded.contains(part), "{part}: {expanded}");
    }
    check_with(quote!(prefix = "items"), quote!(impl P { #[action] fn a(&self) {} }), &["does not begin with `/`"]);
    let same = quote!(impl P { #[get("/{id}")] fn a(&self) {} });
    check_with(quote!(prefix = "/{id}"), same, &["the parameter `id` occurs twice"]);
}

#[test]
fn routes_of_a_method_with_two_statuses_are_refused() {
    check(
        quote!(
            #[put("/a", status = 200)]
            #[post("/a", status = 201)]
            fn a(&self) {}
        ),
        &["another route of `a` has the status 200: return a `Status`"],
    );
}

#[test]
fn mark_on_two_methods_is_refused() {
    check(
        quote!(
            #[on_load]
            fn a(&self) {}
            #[on_load]
            fn b(&self) {}
        ),
        &["there is already an `#[on_load]`: method `a`"],
    );
    check(
        quote!(
            #[action]
            fn a(&self) {}
            #[action(name = "a")]
            fn b(&self) {}
        ),
        &["there is already an action with the name `a`: method `a`"],
    );
    check(
        quote!(
            #[on_event("x")]
            fn a(&self) {}
            #[on_event("x")]
            fn b(&self) {}
        ),
        &["there is already a handler for `x`: method `a`"],
    );
    check(
        quote!(
            #[on_event]
            fn a(&self) {}
            #[on_event]
            fn b(&self) {}
        ),
        &["there is already an `#[on_event]` without a topic: method `a`"],
    );
    check(
        quote!(
            #[cfg(a)]
            #[on_load]
            fn a(&self) {}
            #[cfg(not(a))]
            #[on_load]
            fn b(&self) {}
        ),
        &[],
    );
}

#[test]
fn route_after_an_unknown_action_names_the_known_ones() {
    check(
        quote!(
            #[action]
            fn a(&self) {}
            #[get("/b", after = ["c"])]
            fn b(&self) {}
        ),
        &["the plugin has no action `c`; its actions are: a, b"],
    );
}

#[test]
fn routes_that_answer_the_same_requests_are_refused() {
    check(
        quote!(
            #[get("/:a")]
            fn a(&self) {}
            #[get("/{b}")]
            fn b(&self) {}
        ),
        &["answers the same requests as `GET /{a}`"],
    );
}

#[test]
fn invalid_name_and_permissions_are_each_refused() {
    let methods = quote!(impl P {
        #[action(name = "")]
        fn a(&self) {}
        #[action(name = "b c")]
        fn b(&self) {}
    });
    let expected = ["did you mean `read`?", "nots", "must not be empty", "`b c` is not an action name"];
    check_with(quote!(permissions("db.notes:raed", "nots.x:read")), methods, &expected);
}

#[test]
fn topics_and_required_plugins_are_checked() {
    let action = quote!(impl P { #[action] fn a(&self) {} });
    check_with(
        quote!(publishes("onContainerStart", "order.*"), requires("stock", "erp" = ">=1.2")),
        action.clone(),
        &[],
    );
    check_with(quote!(publishes("order..x")), action.clone(), &["has an empty word"]);
    check_with(quote!(requires("Stock")), action.clone(), &["`Stock`"]);
    check_with(quote!(requires("stock" = "soon")), action, &["`soon`"]);
}

#[test]
fn borrowed_text_payload_is_refused() {
    check(
        quote!(
            #[action]
            fn a(&self, text: &str) {}
        ),
        &["take a `String`"],
    );
}

#[test]
fn mark_on_a_constant_is_refused() {
    check(
        quote!(
            #[action]
            const A: u8 = 1;
        ),
        &["`#[action]` belongs on a method"],
    );
}

#[test]
fn block_with_a_syntax_error_has_only_the_syntax_error() {
    let broken = quote!(impl P { #[action] fn a(&self) -> u8 { 1 2 } });
    let errors = errors(super::attribute(TokenStream::new(), broken));
    assert!(errors.len() == 1 && !errors[0].contains("belongs on the `impl` block"), "{errors:?}");
}

#[test]
fn hook_name_stands_for_its_topic() {
    check(
        quote!(
            #[on_event("onContainerStart")]
            fn a(&self) {}
            #[on_event("container.start")]
            fn b(&self) {}
        ),
        &["there is already a handler for `container.start`: method `a`"],
    );
}

#[test]
fn item_that_cannot_be_a_plugin_is_refused() {
    let action = quote!(
        #[action]
        fn a(&self) {}
    );
    check(TokenStream::new(), &["a plugin needs at least one `#[action]`"]);
    check_with(
        quote!(),
        quote!(
            struct P;
        ),
        &["belongs on the `impl` block"],
    );
    check_with(quote!(), quote!(impl T for P { #action }), &["not on that of a trait"]);
    check_with(quote!(), quote!(impl<T> P<T> { #action }), &["cannot be generic"]);
}

#[test]
fn page_is_a_constant_with_a_path() {
    let page = |item: TokenStream, expected: &[&str]| check(quote! { #[action] fn a(&mut self) {} #item }, expected);
    page(quote! { #[page("/a/:id", title = "A", icon = "i", order = -1, hidden)] const A: Template = x; }, &[]);
    page(quote! { #[page("/a")] const fn a_page() -> Template { x } }, &["make it a constant"]);
    page(quote! { #[page] const A: Template = x; }, &["a page has a path"]);
    page(quote! { #[page("a")] const A: Template = x; }, &["does not begin with `/`"]);
    page(quote! { #[page("/a", name = "A")] const A: Template = x; }, &["a page takes"]);
    check(quote! { #[page("/a")] const A: Template = x; }, &["no method is marked"]);
}
