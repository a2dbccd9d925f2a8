//! The fields of the manifest that the host acts on before it runs the plugin: what it publishes, requires and
//! configures, and the limits that it requests.

use super::check::fail;
use super::setting::{Resources, Setting};
use super::write::texts;
use super::{Builder, Parts};
use crate::constant::{Json, Writer, same};

/// The kind of a plugin's repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositoryType {
    /// github.com.
    Github,
    /// gitlab.com, or a self-hosted GitLab.
    Gitlab,
    /// This machine.
    Local,
    /// Anything else.
    Default,
}

/// How the host runs a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionMode {
    /// Metered, with access only to the services that it was granted.
    Sandboxed,
    /// Not metered, with the parts of WASI that it requests and the operator allows. The operator must trust the
    /// plugin.
    Trusted,
}

#[derive(Debug)]
pub(super) struct Requests {
    pub(super) publishes: &'static [&'static str],
    requires: &'static [(&'static str, &'static str)],
    resources: Option<Resources>,
    configuration: &'static [Setting],
    additional_configuration: bool,
    env: &'static [(&'static str, &'static str)],
    manifest_url: Option<&'static str>,
    repository_type: Option<RepositoryType>,
    plugbay_version: Option<&'static str>,
    execution_mode: Option<ExecutionMode>,
    allowed_callers: Option<&'static [&'static str]>,
    retry: Option<(u32, u32)>,
    pub(super) layer: Option<&'static str>,
}

impl Requests {
    pub(super) const NONE: Requests = Requests {
        publishes: &[],
        requires: &[],
        resources: None,
        configuration: &[],
        additional_configuration: false,
        env: &[],
        manifest_url: None,
        repository_type: None,
        plugbay_version: None,
        execution_mode: None,
        allowed_callers: None,
        retry: None,
        layer: None,
    };
}

/// Generates the methods that set a field.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $set:expr;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub const fn $field(mut self, $field: $type) -> Self {
            self.parts.requests.$field = $set;
            self
        }
    )*};
}

impl<S> Builder<S> {
    fields! {
        /// The topics, or patterns of topics, that the plugin publishes on. Each also needs a permission, such as
        /// `events.order.*:publish`, except those below the plugin's own name.
        publishes: &'static [&'static str] = publishes;
        /// The plugins that must be loaded first, each with the accepted versions: `&[("stock", ">=1.2, <2")]`, or
        /// `"*"` for any version.
        requires: &'static [(&'static str, &'static str)] = requires;
        /// The limits that the plugin requests.
        resources: Resources = Some(resources);
        /// The settings of the plugin's configuration.
        configuration: &'static [Setting] = configuration;
        /// Environment variables with their values, in which `${NAME}` is a variable of the host that the operator
        /// grants.
        env: &'static [(&'static str, &'static str)] = env;
        /// The URL of the plugin's newest manifest, from which hosts update it.
        manifest_url: &'static str = Some(manifest_url);
        /// The kind of the source repository.
        repository_type: RepositoryType = Some(repository_type);
        /// The accepted versions of Plugbay: `>=0.1`.
        plugbay_version: &'static str = Some(plugbay_version);
        /// How the host runs the plugin. Default: sandboxed.
        execution_mode: ExecutionMode = Some(execution_mode);
        /// The plugins that may call this one; `&["*"]` for all, `&[]` for none. Default: those that require it.
        allowed_callers: &'static [&'static str] = Some(allowed_callers);
        /// Further fields of the manifest as a JSON object, such as `frontend` or `database`. They override the
        /// builder's, and the manifest file overrides them. The host checks them when it reads the plugin.
        layer: &'static str = Some(layer);
    }

    /// Lets the plugin set keys that its configuration does not declare. Default: it may not.
    #[must_use]
    pub const fn additional_configuration(mut self) -> Self {
        self.parts.requests.additional_configuration = true;
        self
    }

    /// Retries failed calls of idempotent actions: the number of attempts, and the pause before the second one in
    /// seconds, which doubles each time. Default: one attempt.
    #[must_use]
    pub const fn retry(mut self, max_attempts: u32, backoff_seconds: u32) -> Self {
        self.parts.requests.retry = Some((max_attempts, backoff_seconds));
        self
    }
}

/// Checks what the code alone shows; the host checks the rest.
pub(super) const fn check(requests: &Requests) {
    let mut index = 0;
    while index < requests.publishes.len() {
        super::check::topic(requests.publishes[index]);
        index += 1;
    }
    let settings = requests.configuration;
    let mut index = 0;
    while index < settings.len() {
        let mut other = 0;
        while other < index {
            if same(settings[other].name(), settings[index].name()) {
                fail(&["two settings have the name `", settings[index].name(), "`"]);
            }
            other += 1;
        }
        index += 1;
    }
    let mut index = 0;
    while index < requests.requires.len() {
        let (name, version) = requests.requires[index];
        if !super::check::is_name(name) {
            fail(&["the plugin requires `", name, "`, which is not the name of a plugin: ^[a-z][a-z0-9_-]*$"]);
        }
        if version.is_empty() {
            fail(&["the plugin requires `", name, "` without versions: write \"*\" to accept any"]);
        }
        index += 1;
    }
    if let Some((0, _)) = requests.retry {
        panic!("a retry policy needs at least one attempt");
    }
    if let Some(layer) = requests.layer
        && !matches!(layer.trim_ascii().as_bytes(), [b'{', .., b'}'])
    {
        panic!("the layer of the manifest must be a JSON object");
    }
}

/// Writes the fields into the object of the code's layer, except those of events.
pub(super) const fn write<S, const N: usize>(parts: &Parts<S>, writer: &mut Writer<N>) {
    let requests = &parts.requests;
    text("manifest", requests.manifest_url, writer);
    let repository_type = match requests.repository_type {
        Some(RepositoryType::Github) => Some("github"),
        Some(RepositoryType::Gitlab) => Some("gitlab"),
        Some(RepositoryType::Local) => Some("local"),
        Some(RepositoryType::Default) => Some("default"),
        None => None,
    };
    text("repo_type", repository_type, writer);
    text("plugbay_version", requests.plugbay_version, writer);
    let mode = match requests.execution_mode {
        Some(ExecutionMode::Sandboxed) => Some("sandboxed"),
        Some(ExecutionMode::Trusted) => Some("trusted"),
        None => None,
    };
    text("execution_mode", mode, writer);
    if let Some(callers) = requests.allowed_callers {
        texts("allowed_callers", callers, writer);
    }
    requires(requests.requires, writer);
    env(requests.env, writer);
    if let Some(resources) = &requests.resources {
        resources.write(writer);
    }
    if !requests.configuration.is_empty() {
        writer.key("configuration");
        writer.open("{");
        let mut index = 0;
        while index < requests.configuration.len() {
            requests.configuration[index].write(writer);
            index += 1;
        }
        writer.close("}");
    }
    if requests.additional_configuration {
        writer.key("additional_configuration");
        writer.raw("true");
    }
    if let Some((max_attempts, backoff_seconds)) = requests.retry {
        writer.key("retry");
        writer.open("{");
        writer.key("max_attempts");
        writer.json(&Json::Integer(max_attempts as i128));
        writer.key("backoff_seconds");
        writer.json(&Json::Integer(backoff_seconds as i128));
        writer.close("}");
    }
}

const fn requires<const N: usize>(requires: &[(&str, &str)], writer: &mut Writer<N>) {
    if requires.is_empty() {
        return;
    }
    writer.key("requires");
    writer.open("{");
    let mut index = 0;
    while index < requires.len() {
        let (name, version) = requires[index];
        // As a requirement, `*` would exclude versions before a release.
        match same(version, "*") {
            true => {
                writer.key(name);
                writer.raw("null");
            }
            false => text(name, Some(version), writer),
        }
        index += 1;
    }
    writer.close("}");
}

const fn env<const N: usize>(env: &[(&str, &str)], writer: &mut Writer<N>) {
    if env.is_empty() {
        return;
    }
    writer.key("env");
    writer.open("{");
    let mut index = 0;
    while index < env.len() {
        text(env[index].0, Some(env[index].1), writer);
        index += 1;
    }
    writer.close("}");
}

const fn text<const N: usize>(key: &str, value: Option<&str>, writer: &mut Writer<N>) {
    if let Some(value) = value {
        writer.key(key);
        writer.text(value);
    }
}
