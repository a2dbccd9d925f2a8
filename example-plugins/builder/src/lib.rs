//! A guest book, declared with the fluent builder instead of attributes, with routes.
//!
//! The builder declares the same as the attributes, and is checked at compile time: a missing name, or a route to an
//! unknown action, is a compile error.

use plugbay_sdk::builder::{Plugin, create_actions, create_api_routes, export_plugin};
use plugbay_sdk::prelude::*;

#[derive(Clone, Deserialize, Serialize, Schema)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[schema(min_length = 1, max_length = 50)]
    guest: String,
    #[schema(max_length = 500)]
    text: String,
}

#[derive(Serialize, Schema)]
struct Signed {
    number: usize,
}

#[derive(Default)]
struct GuestBook {
    entries: Vec<Entry>,
}

impl GuestBook {
    fn check(&mut self, entry: Entry) -> Result<Entry> {
        ensure!(!entry.guest.trim().is_empty(), code = "no_guest", "an entry needs the name of a guest");
        Ok(entry)
    }

    fn sign(&mut self, entry: Entry, call: &Invocation) -> Result<Signed> {
        let entry = self.check(entry)?;
        log::info!("signed", guest = entry.guest, through = call.caller());
        self.entries.push(entry);
        Ok(Signed { number: self.entries.len() })
    }

    fn read(&mut self) -> Result<Vec<Entry>> {
        Ok(self.entries.clone())
    }

    fn open(&mut self) -> Result<()> {
        let text = "Welcome".to_owned();
        self.entries.push(Entry { guest: "the house".to_owned(), text });
        Ok(())
    }
}

const PLUGIN: Plugin<GuestBook> = Plugin::builder()
    .name("guest_book")
    .version("1.0.0")
    .title("Guest book")
    .description("Keeps the entries of guests in memory")
    .author("The Plugbay developers")
    .license("Apache-2.0 OR MIT")
    .tags(&["example", "builder"])
    .actions(create_actions! {
        /// Checks that an entry has a guest.
        "check" => GuestBook::check,
        /// Adds an entry.
        "sign" => GuestBook::sign,
        /// Returns all entries.
        "read" => GuestBook::read,
    })
    .routes(create_api_routes! {
        GET "/entries" => ["read"],
        POST "/entries" => ["check", "sign"],
    })
    .on_load(GuestBook::open)
    .build();

export_plugin!(PLUGIN: GuestBook, lifecycle);
