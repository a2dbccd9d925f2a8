//! Lines of the `log` crate, with their key-value pairs as fields.

use log::kv::{self, Key, Value, VisitSource};

use super::{Level, field, forwards, text_field, write};

struct ToHost;

static TO_HOST: ToHost = ToHost;

/// Installs the host's log as the logger of the `log` crate, unless the plugin has installed another.
pub(super) fn install() {
    if log::set_logger(&TO_HOST).is_ok() {
        // The host's threshold may change, so each line checks it.
        log::set_max_level(log::LevelFilter::Trace);
    }
}

impl log::Log for ToHost {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        forwards(level(metadata.level()))
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let mut fields = Fields::default();
            // Only the visitor can fail, and this one does not.
            let _ = record.key_values().visit(&mut fields);
            write(level(record.level()), record.target(), &record.args().to_string(), &fields.0);
        }
    }

    fn flush(&self) {}
}

#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let name = key.as_str();
        self.0.push(if let Some(value) = value.to_bool() {
            field(name, value)
        } else if let Some(value) = value.to_i64() {
            field(name, value)
        } else if let Some(value) = value.to_u64() {
            field(name, value)
        } else if let Some(value) = value.to_f64() {
            field(name, value)
        } else {
            text_field(name, value)
        });
        Ok(())
    }
}

fn level(level: log::Level) -> Level {
    match level {
        log::Level::Trace => Level::Trace,
        log::Level::Debug => Level::Debug,
        log::Level::Info => Level::Info,
        log::Level::Warn => Level::Warn,
        log::Level::Error => Level::Error,
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use log::Log;

    use super::*;
    use crate::native::take_log;

    #[test]
    fn key_value_pairs_become_fields_of_their_types() {
        crate::log::begin_call();
        let pairs = [
            ("user", Value::from("ada")),
            ("left", Value::from(-3)),
            ("most", Value::from(u64::MAX)),
            ("ratio", Value::from(0.5)),
            ("new", Value::from(true)),
            ("why", Value::from_debug(&Some(1))),
        ];
        let record = log::Record::builder()
            .level(log::Level::Warn)
            .target("shop")
            .key_values(&pairs)
            .args(format_args!("sold out"))
            .build();
        ToHost.log(&record);
        let fields = r#"user="ada" left=-3 most=18446744073709551615 ratio=0.5 new=true why="Some(1)""#;
        assert_eq!(take_log(), [format!("WARN [shop] sold out {fields}")]);
    }

    #[test]
    fn line_of_a_thread_without_a_plugin_is_not_forwarded() {
        let other = std::thread::spawn(|| {
            ToHost.log(&log::Record::builder().level(log::Level::Error).args(format_args!("not mine")).build());
            take_log()
        });
        assert!(other.join().expect("it ends").is_empty());
    }
}
