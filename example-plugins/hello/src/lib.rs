//! The smallest plugin: one action that greets.

use plugbay_sdk::prelude::*;

#[derive(Deserialize, Schema)]
struct Greeting {
    name: String,
}

#[derive(Default)]
struct Hello;

#[plugin]
impl Hello {
    /// Greets a person by name.
    #[action]
    fn hello(&mut self, input: Greeting) -> Result<String> {
        Ok(format!("Hello, {}!", input.name))
    }
}
