//! One hostile call, and the checks that follow it: the error, the attacker's next call, an unharmed neighbour.

use plugbay::{InvokeError, Plugin, Policy, RuntimeBuilder};
use serde_json::{Value, json};

use super::assert::assert_invoke_error;
use super::guest::feature;
use super::host::{Host, TestPlugin, pings};

/// A plugin that attacks when its action `attack` is called.
pub(crate) struct Attack {
    plugin: TestPlugin,
    payload: Value,
    granted: Policy,
    settings: Box<dyn Fn(RuntimeBuilder) -> RuntimeBuilder>,
}

/// The state after an attack that was stopped.
pub(crate) struct Aftermath {
    pub(crate) host: Host,
    pub(crate) attacker: Plugin,
    pub(crate) error: InvokeError,
}

impl Attack {
    pub(crate) fn by(plugin: impl Into<TestPlugin>) -> Self {
        Attack {
            plugin: plugin.into(),
            payload: Value::Null,
            granted: Policy::default(),
            settings: Box::new(|builder| builder),
        }
    }

    /// An attack by a plugin from bytes.
    pub(crate) fn by_bytes(bytes: Vec<u8>) -> Self {
        Attack::by(TestPlugin::new("attacker", bytes))
    }

    #[must_use]
    pub(crate) fn payload(self, payload: Value) -> Self {
        Attack { payload, ..self }
    }

    /// Changes settings of the host.
    #[must_use]
    pub(crate) fn host(self, settings: impl Fn(RuntimeBuilder) -> RuntimeBuilder + 'static) -> Self {
        Attack { settings: Box::new(settings), ..self }
    }

    /// Requests a permission in the attacker's manifest, and grants it.
    #[must_use]
    pub(crate) fn granted(self, permission: &str) -> Self {
        let asked = json!([{ "resource": permission }]);
        let granted = Policy::default().allow(permission).expect("readable");
        Attack { granted, ..self.manifest("permissions", asked) }
    }

    /// Sets one of the attacker's limits.
    #[must_use]
    pub(crate) fn resource(self, limit: &str, value: Value) -> Self {
        Attack { plugin: self.plugin.resource(limit, value), ..self }
    }

    /// Trusts the attacker, which removes its fuel limit.
    #[must_use]
    pub(crate) fn trusted(self) -> Self {
        Attack { plugin: self.plugin.trusted(), ..self }
    }

    /// Sets a field of the attacker's manifest.
    #[must_use]
    pub(crate) fn manifest(self, member: &str, value: Value) -> Self {
        Attack { plugin: self.plugin.manifest(member, value), ..self }
    }

    /// Runs the attack, and asserts that it has no effect: the attacker gets its answer.
    pub(crate) async fn does_no_harm(self) -> (Host, Value) {
        let (host, attacker, neighbour) = self.scene().await;
        let answer = attacker.call::<Value>("attack", &self.payload).await;
        let answer = answer.unwrap_or_else(|error| panic!("the attack was not harmless: {error}"));
        assert_eq!((pings(&attacker).await, pings(&neighbour).await), (2, 2));
        (host, answer)
    }

    /// Runs the attack, and asserts that it ends in this error and costs the attacker's instance and nothing else.
    pub(crate) async fn ends_in(self, code: &str) -> Aftermath {
        let (host, attacker, neighbour) = self.scene().await;
        let error = match attacker.call::<Value>("attack", &self.payload).await {
            Err(error) => error,
            Ok(answer) => panic!("the attack succeeded with {} bytes", answer.to_string().len()),
        };
        assert_invoke_error(&error, &attacker.name(), code);

        assert_eq!(pings(&attacker).await, 1, "a fresh instance serves");
        assert_eq!(pings(&neighbour).await, 2, "the neighbour lost its instance");
        let metrics = attacker.metrics();
        assert_eq!(metrics.errors.get(code), Some(&1), "{metrics:?}");
        assert_eq!(metrics.instances_started, 2, "{metrics:?}");
        Aftermath { host, attacker, error }
    }

    /// A host with the attacker and a neighbour that has state.
    async fn scene(&self) -> (Host, Plugin, Plugin) {
        let host = Host::with(|builder| (self.settings)(builder.policy(self.granted.clone())));
        let neighbour = host.load(TestPlugin::from(feature::ECHO).manifest("name", json!("neighbour"))).await;
        let attacker = host.load(self.plugin.clone()).await;
        assert_eq!((pings(&attacker).await, pings(&neighbour).await), (1, 1));
        (host, attacker, neighbour)
    }
}
