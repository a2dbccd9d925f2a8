//! Events of the `tracing` crate, each with the fields of the spans around it.
//!
//! A plugin runs on one thread, so a span is a name with its fields, and the spans that are entered are a stack. The
//! mutex is there because `tracing` requires `Sync`; it is never contended.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Level, field, forwards, text_field, write};

type Fields = Vec<(String, String)>;

#[derive(Default)]
struct ToHost {
    spans: Mutex<Spans>,
}

#[derive(Default)]
struct Spans {
    last_id: u64,
    /// The fields of each open span and the number of its handles.
    living: BTreeMap<u64, (Fields, usize)>,
    entered: Vec<u64>,
}

/// Installs the host's log as the default subscriber of the `tracing` crate, unless the plugin has installed another.
pub(super) fn install() {
    // An error means that the plugin has already installed a default.
    let _ = tracing::subscriber::set_global_default(ToHost::default());
}

impl ToHost {
    fn spans(&self) -> MutexGuard<'_, Spans> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber for ToHost {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        forwards(level(*metadata.level()))
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut collected = Collected::default();
        attributes.record(&mut collected);
        let mut spans = self.spans();
        spans.last_id += 1;
        let id = spans.last_id;
        spans.living.insert(id, (collected.fields, 1));
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut collected = Collected::default();
        values.record(&mut collected);
        if let Some((fields, _)) = self.spans().living.get_mut(&span.into_u64()) {
            fields.extend(collected.fields);
        }
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut collected = Collected::default();
        event.record(&mut collected);
        let mut fields = Fields::new();
        {
            let spans = self.spans();
            for id in &spans.entered {
                if let Some((own, _)) = spans.living.get(id) {
                    fields.extend_from_slice(own);
                }
            }
        }
        fields.append(&mut collected.fields);
        let metadata = event.metadata();
        write(level(*metadata.level()), metadata.target(), &collected.message, &fields);
    }

    fn enter(&self, span: &Id) {
        self.spans().entered.push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let mut spans = self.spans();
        if let Some(place) = spans.entered.iter().rposition(|id| *id == span.into_u64()) {
            spans.entered.remove(place);
        }
    }

    fn clone_span(&self, span: &Id) -> Id {
        if let Some((_, handles)) = self.spans().living.get_mut(&span.into_u64()) {
            *handles += 1;
        }
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let mut spans = self.spans();
        let Some((_, handles)) = spans.living.get_mut(&span.into_u64()) else { return false };
        *handles -= 1;
        let closed = *handles == 0;
        if closed {
            spans.living.remove(&span.into_u64());
        }
        closed
    }
}

#[derive(Default)]
struct Collected {
    message: String,
    fields: Fields,
}

impl Visit for Collected {
    fn record_i64(&mut self, name: &Field, value: i64) {
        self.fields.push(field(name.name(), value));
    }

    fn record_u64(&mut self, name: &Field, value: u64) {
        self.fields.push(field(name.name(), value));
    }

    fn record_f64(&mut self, name: &Field, value: f64) {
        self.fields.push(field(name.name(), value));
    }

    fn record_bool(&mut self, name: &Field, value: bool) {
        self.fields.push(field(name.name(), value));
    }

    fn record_str(&mut self, name: &Field, value: &str) {
        match name.name() {
            "message" => value.clone_into(&mut self.message),
            other => self.fields.push(field(other, value)),
        }
    }

    fn record_debug(&mut self, name: &Field, value: &dyn fmt::Debug) {
        match name.name() {
            "message" => self.message = format!("{value:?}"),
            other => self.fields.push(text_field(other, format_args!("{value:?}"))),
        }
    }
}

fn level(level: tracing::Level) -> Level {
    match level {
        tracing::Level::TRACE => Level::Trace,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::INFO => Level::Info,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::ERROR => Level::Error,
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::native::take_log;

    #[test]
    fn event_in_a_span_has_the_fields_of_both() {
        crate::log::begin_call();
        tracing::subscriber::with_default(ToHost::default(), || {
            let span = tracing::info_span!("order", id = 7);
            span.in_scope(|| tracing::warn!(target: "shop", left = 0, who = "ann", "sold out"));
            tracing::info!(target: "shop", "after");
        });
        assert_eq!(take_log(), [r#"WARN [shop] sold out id=7 left=0 who="ann""#, "INFO [shop] after"]);
    }

    #[test]
    fn span_dropped_twice_is_closed_once() {
        crate::log::begin_call();
        let spans = ToHost::default();
        tracing::subscriber::with_default(spans, || {
            let span = tracing::info_span!("a");
            drop(span.clone());
            span.in_scope(|| tracing::info!(target: "t", "still there"));
        });
        assert_eq!(take_log(), ["INFO [t] still there"]);
    }
}
