//! The run of one declared test: a new host, the plugins, and the steps until one fails.

use std::path::Path;
use std::time::Instant;

use plugbay::error::{BuildError, EventError};
use plugbay::manifest::{ExpectedAnswer, HttpReply, ReplyBody, Step, StepKind, Test, TestSettings};
use plugbay::{Invocation, InvokeError, LoadError, Package, Policy};
use serde_json::{Value, json};

use super::saved::Saved;
use super::{Surroundings, TestFailure, TestOutcome};
use super::{expect, page, route, tool};
use crate::host::TestHost;
use crate::http::response;
use crate::plugin::TestPlugin;
use crate::setup::{PluginSetup, boot, nothing_else};

pub(super) fn run(
    test: &Test,
    package: &Package,
    directory: &Path,
    surroundings: &dyn Surroundings,
) -> Result<TestOutcome, BuildError> {
    let begun = Instant::now();
    let mut builder = surroundings.host()?;
    if let Some(now) = test.settings.clock {
        builder = builder.time(now);
    }
    let host = builder.try_build()?;
    say_replies(&host, &test.settings.http);
    let failure = go(test, &host, package, directory, surroundings).err().map(|failure| *failure);
    Ok(TestOutcome { name: test.name.clone(), failure, duration: begun.elapsed(), log: host.log_lines() })
}

/// The result of a step. The failure is boxed because it is large.
pub(super) type Expectation = Result<(), Box<TestFailure>>;

fn go(
    test: &Test,
    host: &TestHost,
    package: &Package,
    directory: &Path,
    surroundings: &dyn Surroundings,
) -> Expectation {
    let mut setups = vec![set_up(host.package(package.clone()), &test.settings)];
    for beside in &test.settings.with {
        let path = directory.join(&beside.path);
        let opened = surroundings
            .open(&path)
            .map_err(|error| failure(format!("a plugin of `with` cannot be opened: {error}")))?;
        let package = host.package(opened);
        setups.push(beside.config.iter().fold(package, |setup, (key, value)| setup.config(key, value.clone())));
    }
    let mut loaded = boot(host, setups).into_iter();
    let Some(tested) = loaded.next() else { unreachable!("the tested plugin is the first") };
    let beside: Result<Vec<TestPlugin>, LoadError> = loaded.collect();
    let tested = match (tested, &test.load_error) {
        (Ok(plugin), None) => plugin,
        (tested, Some(expected)) => return expect::load_error(expected, tested.map(|_| ())),
        // It may have failed because of a plugin that it requires.
        (Err(error), None) => return Err(not_loaded("", error)),
    };
    let subject = tested.name();
    let mut plugins = beside.map_err(|error| not_loaded("a plugin of `with` was not loaded: ", error))?;
    plugins.push(tested);
    let mut saved = Saved::default();
    for step in &test.steps {
        let name = step.plugin.as_deref().unwrap_or(&subject);
        let taken = match plugins.iter_mut().find(|plugin| plugin.name() == name) {
            Some(plugin) => take(step, host, plugin, &mut saved, directory),
            None => Err(failure(format!("the host has no plugin `{name}`"))),
        };
        taken.map_err(|failure| Box::new(TestFailure { step: step.path.clone(), ..*failure }))?;
    }
    Ok(())
}

fn take(step: &Step, host: &TestHost, plugin: &mut TestPlugin, saved: &mut Saved, directory: &Path) -> Expectation {
    let (denied_before, published_before) = (host.denials().len(), host.event_count());
    let (expect, answer) = match &step.kind {
        StepKind::Call { action, payload, identity, expect } => {
            let mut call = Invocation::new(action).payload(&saved.fill(payload)?);
            if let Some(identity) = identity {
                call = call.identity(&*identity.name, identity.scopes());
            }
            (expect, plugin.invoke(call).map_err(Refusal::from))
        }
        StepKind::Request { request, expect } => {
            let response = route::send(request, plugin, saved, directory)?;
            route::check(expect, &response, directory)?;
            (expect, route::answer(response, expect))
        }
        StepKind::Page { page, expect } => (expect, page::answer(page, plugin, saved)?),
        StepKind::Tool { tool, expect } => (expect, tool::answer(tool, plugin, saved)?),
        StepKind::Tools { expect } => (expect, Ok(json!(plugin.tools()))),
        StepKind::Event { name, data, source, correlation_id, expect } => {
            let mut event = plugin.make_event(name, saved.fill(data)?);
            event.source = source.clone().unwrap_or_else(|| "host".to_owned());
            event.correlation_id.clone_from(correlation_id);
            let reaction = plugin.deliver(&event);
            if let Ok(reaction) = &reaction {
                expect::heard(name, expect.heard, reaction.heard)?;
            }
            (expect, reaction.map(|reaction| json!(reaction)).map_err(Refusal::from))
        }
        StepKind::Emit { name, data, source, correlation_id, expect } => {
            let mut event = plugin.make_event(name, saved.fill(data)?);
            event.source = source.clone().unwrap_or_else(|| "host".to_owned());
            event.correlation_id.clone_from(correlation_id);
            let outcome = host.try_emit(event);
            if let Ok(outcome) = &outcome {
                expect::heard(name, expect.heard, outcome.handlers + outcome.durable)?;
                if outcome.failed > 0 && matches!(expect.answer, ExpectedAnswer::Success) {
                    return Err(failure(format!("{} handlers of `{name}` failed", outcome.failed)));
                }
            }
            (expect, outcome.map(|outcome| json!(outcome)).map_err(Refusal::from))
        }
        StepKind::Health { expect } => {
            let health = plugin.try_health();
            if let (ExpectedAnswer::Success, Ok(health)) = (&expect.answer, &health)
                && !health.healthy
            {
                return Err(failure(format!("plugin `{}` is not healthy: {}", plugin.name(), health.message)));
            }
            (expect, health.map(|health| json!(health)).map_err(Refusal::from))
        }
        StepKind::Reload { expect } => (expect, plugin.try_reload().map(|()| Value::Null).map_err(Refusal::from)),
        StepKind::Restart { expect } => (expect, plugin.try_restart().map(|()| Value::Null).map_err(Refusal::from)),
        StepKind::Unload => {
            plugin.unload();
            return Ok(());
        }
        StepKind::Advance(by) => {
            return host.try_advance(*by).map_err(failure);
        }
        StepKind::Log(expected) => return expected.iter().try_for_each(|line| expect::line(line, &host.log_lines())),
        StepKind::Requests(expected) => {
            return expected.iter().try_for_each(|request| expect::request(request, &host.http().requests()));
        }
        StepKind::Published(expected) => {
            let events = host.inner().events().map_err(failure)?;
            return expected.iter().try_for_each(|event| expect::published(event, &events));
        }
    };
    let save = answer.as_ref().ok().filter(|_| !step.save.is_empty()).cloned();
    expect::answer(&expect.answer, expect.in_order, answer)?;
    match save {
        Some(answer) => saved.save(&step.save, &answer)?,
        None if step.save.is_empty() => {}
        None => return Err(failure("an error has nothing to save")),
    }
    expect.denied.iter().try_for_each(|denied| expect::denied(denied, &host.denials()[denied_before..]))?;
    if expect.published.is_empty() {
        return Ok(());
    }
    let events = host.inner().events().map_err(failure)?;
    expect.published.iter().try_for_each(|event| expect::published(event, &events[published_before..]))
}

/// The error of a call or a load, in the form that programs see.
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) details: Value,
}

impl From<InvokeError> for Refusal {
    fn from(error: InvokeError) -> Self {
        Refusal::new(error.code(), error.to_json())
    }
}

impl From<LoadError> for Refusal {
    fn from(error: LoadError) -> Self {
        Refusal::new(error.code(), error.to_json())
    }
}

impl From<EventError> for Refusal {
    fn from(error: EventError) -> Self {
        Refusal { code: error.code().to_owned(), message: error.to_string(), details: Value::Null }
    }
}

impl Refusal {
    fn new(code: &str, mut json: Value) -> Self {
        Refusal {
            code: code.to_owned(),
            message: json["msg"].as_str().unwrap_or_default().to_owned(),
            details: json["details"].take(),
        }
    }
}

pub(super) fn failure(message: impl Into<String>) -> Box<TestFailure> {
    Box::new(TestFailure { message: message.into(), ..TestFailure::default() })
}

fn not_loaded(which: &str, error: LoadError) -> Box<TestFailure> {
    let message = format!("{which}[{}] {error}", error.code());
    Box::new(TestFailure { message, load_error: Some(error), ..TestFailure::default() })
}

fn say_replies(host: &TestHost, replies: &[HttpReply]) {
    for reply in replies {
        let mut mock = host.http().on(reply.method.as_deref().unwrap_or("*"), &*reply.url);
        if let Some(times) = reply.times {
            mock = mock.times(usize::try_from(times).unwrap_or(usize::MAX));
        }
        if let Some(reason) = &reply.error {
            mock.fail(reason);
            continue;
        }
        let (content_type, body) = match &reply.body {
            ReplyBody::Json(value) => ("application/json", value.to_string()),
            ReplyBody::Text(text) => ("text/plain; charset=utf-8", text.clone()),
        };
        let own_type = reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = Some(("content-type", content_type)).filter(|_| !own_type);
        let headers = reply.headers.iter().map(|(name, value)| (&**name, &**value));
        let made = response(reply.status, content_type.into_iter().chain(headers), body.into_bytes());
        mock.reply_with(move |_| made.clone());
    }
}

fn set_up(setup: PluginSetup, settings: &TestSettings) -> PluginSetup {
    let mut policy = Policy::default();
    for rule in settings.deny.iter().chain(settings.policy.iter().flatten()) {
        policy.push(&rule.resource, rule.actions.clone(), rule.effect);
    }
    if settings.policy.is_some() {
        policy = nothing_else(policy);
    }
    let setup = setup.policy(policy).resources(settings.resources.clone());
    settings.config.iter().fold(setup, |setup, (key, value)| setup.config(key, value.clone()))
}
