//! Settings of a plugin's configuration, and the limits that it requests.

use crate::constant::{Json, Writer};

/// A setting of the plugin's configuration, which the plugin reads with [`config::get`](crate::config::get).
///
/// ```
/// use plugbay_sdk::builder::Setting;
/// use plugbay_sdk::constant::Json;
///
/// const SETTINGS: &[Setting] = &[
///     Setting::string("api_key").required().secret().description("The key of the service"),
///     Setting::integer("max_retries").default(Json::Integer(3)).min(Json::Integer(1)).max(Json::Integer(10)),
/// ];
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    name: &'static str,
    kind: &'static str,
    required: bool,
    secret: bool,
    default: Json,
    min: Json,
    max: Json,
    allowed: &'static [Json],
    pattern: Option<&'static str>,
    description: Option<&'static str>,
}

/// Generates a constructor for each type of setting.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident;)*) => {$(
        $(#[$doc])*
        pub const fn $kind(name: &'static str) -> Self {
            Setting::new(name, stringify!($kind))
        }
    )*};
}

impl Setting {
    const fn new(name: &'static str, kind: &'static str) -> Self {
        Setting {
            name,
            kind,
            required: false,
            secret: false,
            default: Json::Nothing,
            min: Json::Nothing,
            max: Json::Nothing,
            allowed: &[],
            pattern: None,
            description: None,
        }
    }

    kinds! {
        /// A text.
        string;
        /// A number without a fraction.
        integer;
        /// A number.
        number;
        /// True or false.
        boolean;
        /// A list.
        array;
        /// An object.
        object;
    }

    /// Makes the load fail if the setting has no value. Default: optional.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Hides the value: the host never shows, logs or returns it. Default: shown.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Sets the value that the setting has if no other is set: `Json::Text("x")`, `Json::Integer(3)`,
    /// `Json::Raw("true")`. Default: none.
    #[must_use]
    pub const fn default(mut self, value: Json) -> Self {
        self.default = value;
        self
    }

    /// Sets the minimum of a number, or of the characters or entries of other values.
    #[must_use]
    pub const fn min(mut self, min: Json) -> Self {
        self.min = min;
        self
    }

    /// Sets the maximum of a number, or of the characters or entries of other values.
    #[must_use]
    pub const fn max(mut self, max: Json) -> Self {
        self.max = max;
        self
    }

    /// Sets the only accepted values. Default: any of the type.
    #[must_use]
    pub const fn one_of(mut self, values: &'static [Json]) -> Self {
        self.allowed = values;
        self
    }

    /// Sets a regular expression that a string must match somewhere.
    #[must_use]
    pub const fn pattern(mut self, expression: &'static str) -> Self {
        self.pattern = Some(expression);
        self
    }

    /// Sets a description.
    #[must_use]
    pub const fn description(mut self, text: &'static str) -> Self {
        self.description = Some(text);
        self
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Writes the setting under its name.
    pub(super) const fn write<const N: usize>(&self, writer: &mut Writer<N>) {
        writer.key(self.name);
        writer.open("{");
        writer.key("type");
        writer.text(self.kind);
        flag("required", self.required, writer);
        flag("secret", self.secret, writer);
        value("default", &self.default, writer);
        value("min", &self.min, writer);
        value("max", &self.max, writer);
        if !self.allowed.is_empty() {
            writer.key("enum");
            writer.json(&Json::List(self.allowed));
        }
        if let Some(pattern) = self.pattern {
            writer.key("pattern");
            writer.text(pattern);
        }
        if let Some(description) = self.description {
            writer.key("description");
            writer.text(description);
        }
        writer.close("}");
    }
}

/// The limits that a plugin requests, in place of the host's defaults. 0 requests no limit, which an operator may
/// allow.
///
/// ```
/// use plugbay_sdk::builder::Resources;
///
/// const RESOURCES: Resources = Resources::new().timeout_seconds(30).max_memory_mb(64).rate_limit(1000, 60);
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Resources {
    timeout_seconds: Json,
    max_memory_mb: Json,
    max_fuel: Json,
    rate_limit: Option<(u32, u32)>,
    instances: Json,
}

impl Resources {
    /// The host's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Resources {
            timeout_seconds: Json::Nothing,
            max_memory_mb: Json::Nothing,
            max_fuel: Json::Nothing,
            rate_limit: None,
            instances: Json::Nothing,
        }
    }

    /// Sets the wall time of a call, in seconds. Default: 10.
    #[must_use]
    pub const fn timeout_seconds(mut self, seconds: u32) -> Self {
        self.timeout_seconds = Json::Integer(seconds as i128);
        self
    }

    /// Sets the memory of an instance, in units of 2^20 bytes. Default: 128.
    #[must_use]
    pub const fn max_memory_mb(mut self, megabytes: u32) -> Self {
        self.max_memory_mb = Json::Integer(megabytes as i128);
        self
    }

    /// Sets the fuel of a call: about one unit for each WebAssembly instruction. Default: the host's.
    #[must_use]
    pub const fn max_fuel(mut self, fuel: u64) -> Self {
        self.max_fuel = Json::Integer(fuel as i128);
        self
    }

    /// Sets the number of calls within a sliding window of this many seconds. Default: 100 in 60 seconds.
    #[must_use]
    pub const fn rate_limit(mut self, calls: u32, period_seconds: u32) -> Self {
        self.rate_limit = Some((calls, period_seconds));
        self
    }

    /// Sets the number of instances, each with its own state. Default: 1.
    #[must_use]
    pub const fn instances(mut self, count: u32) -> Self {
        self.instances = Json::Integer(count as i128);
        self
    }

    /// Requests a fresh instance for each call.
    #[must_use]
    pub const fn instance_per_call(mut self) -> Self {
        self.instances = Json::Text("per_call");
        self
    }

    pub(super) const fn write<const N: usize>(&self, writer: &mut Writer<N>) {
        writer.key("resources");
        writer.open("{");
        value("timeout_seconds", &self.timeout_seconds, writer);
        value("max_memory_mb", &self.max_memory_mb, writer);
        value("max_fuel", &self.max_fuel, writer);
        if let Some((calls, period_seconds)) = self.rate_limit {
            writer.key("rate_limit");
            writer.open("{");
            value("calls", &Json::Integer(calls as i128), writer);
            value("period_seconds", &Json::Integer(period_seconds as i128), writer);
            writer.close("}");
        }
        value("instances", &self.instances, writer);
        writer.close("}");
    }
}

impl Default for Resources {
    fn default() -> Self {
        Resources::new()
    }
}

const fn flag<const N: usize>(key: &str, set: bool, writer: &mut Writer<N>) {
    if set {
        writer.key(key);
        writer.raw("true");
    }
}

const fn value<const N: usize>(key: &str, value: &Json, writer: &mut Writer<N>) {
    if !matches!(value, Json::Nothing) {
        writer.key(key);
        writer.json(value);
    }
}
