//! The audit of accesses to host capabilities. All accesses are counted; records are bounded.
//!
//! Every denial becomes a record, for the embedder's sink and for a trail that the runtime holds in memory. The records
//! of a plugin are limited per second, and each contains the number of denials omitted before it. Allowed accesses are
//! counted, and recorded only if the sink wants them, because nearly every host call is one.

pub(crate) mod catch_panic;
pub(crate) mod line_quota;
pub(crate) mod mask;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use parking_lot::Mutex;
use plugbay_manifest::PermissionAction;
use serde::Serialize;

use self::line_quota::{LineQuota, Quota};
use self::mask::Mask;
use crate::caller::{CallOrigin, Caller};
use crate::capability::Denial;
use crate::clock::{Clock, unix_ms};
use crate::limits::{AUDIT_PERIOD, AUDIT_RECORDS_MAX, AUDIT_TRAIL_MAX, RESOURCE_QUOTED_BYTES_MAX};
use crate::thread_number::thread_number;

/// A record of an access to a host capability, allowed or denied, as passed to a sink.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuditRecord<'a> {
    /// The plugin.
    pub plugin: &'a str,
    /// The resource, such as `data.notes`; cut after 1,024 bytes.
    pub resource: &'a str,
    /// The action: `read`, `write`, `execute`, `publish` or `subscribe`.
    pub action: &'static str,
    /// The denial; `None` if the access was allowed.
    pub denial: Option<&'a Denial>,
    /// The caller of the plugin's call; `None` outside a call or if the call is not known.
    pub caller: Option<&'a Caller>,
    /// The id of that call.
    pub request_id: Option<&'a str>,
    /// The time of the access, by the runtime's clock.
    pub time: SystemTime,
    /// The number of records of the same kind about this plugin that the limit omitted since the last one.
    pub left_out: u64,
}

impl AuditRecord<'_> {
    /// Returns `permission.allow` or `permission.deny`.
    pub fn event(&self) -> &'static str {
        if self.denial.is_none() { "permission.allow" } else { "permission.deny" }
    }

    /// Returns whether the plugin handled an event.
    pub(crate) fn is_of_handler(&self) -> bool {
        self.caller == Some(&Caller::Event)
    }
}

/// A destination of audit records.
pub trait AuditSink: Send + Sync {
    /// Receives a record. It is called on the thread that runs the guest, so it should hand the record over and return.
    /// A panic loses the record; the plugin continues.
    fn record(&self, record: &AuditRecord<'_>);

    /// Returns whether allowed accesses are recorded too, under the same limit. It is called on each access. Default:
    /// `false`.
    fn wants_allowed(&self) -> bool {
        false
    }
}

/// Lets the embedder retain a handle to the sink.
impl<S: AuditSink + ?Sized> AuditSink for Arc<S> {
    fn record(&self, record: &AuditRecord<'_>) {
        (**self).record(record);
    }

    fn wants_allowed(&self) -> bool {
        (**self).wants_allowed()
    }
}

/// Uses a function as a sink for denials.
impl<F: Fn(&AuditRecord<'_>) + Send + Sync> AuditSink for F {
    fn record(&self, record: &AuditRecord<'_>) {
        self(record);
    }
}

/// The default sink: events of the `tracing` crate with target `plugbay::audit`, denials at `INFO` and allowed accesses
/// at `TRACE`.
#[derive(Debug, Default)]
pub struct TracingAudit;

impl AuditSink for TracingAudit {
    fn record(&self, record: &AuditRecord<'_>) {
        let AuditRecord { plugin, resource, action, denial, caller, request_id, time: _, left_out } = record;
        let (refused, hint) = (denial.map(|denial| denial.refused.name()), denial.map(Denial::hint));
        let caller = caller.map(tracing::field::display);
        macro_rules! event {
            ($level:ident, $name:literal) => {
                tracing::event!(
                    target: "plugbay::audit", tracing::Level::$level,
                    plugin, resource, action, refused, hint, caller, request_id, left_out, $name
                )
            };
        }
        match denial {
            Some(_) => event!(INFO, "permission.deny"),
            None => event!(TRACE, "permission.allow"),
        }
    }

    fn wants_allowed(&self) -> bool {
        tracing::enabled!(target: "plugbay::audit", tracing::Level::TRACE)
    }
}

/// A denial in the runtime's audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// The plugin that was denied access.
    pub plugin: String,
    /// The denial. In JSON its members are those of the entry.
    #[serde(flatten)]
    pub denial: Denial,
    /// The caller of the plugin's call.
    pub caller: Option<String>,
    /// The id of that call.
    pub request_id: Option<String>,
    /// The time of the denial, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The number of this plugin's denials omitted before this one.
    pub left_out: u64,
}

/// The audit of a runtime: its sink, and the latest denials of all plugins.
pub(crate) struct Audit {
    sink: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    trail: Mutex<VecDeque<AuditEntry>>,
}

impl Audit {
    pub(crate) fn new(sink: Arc<dyn AuditSink>, clock: Arc<dyn Clock>) -> Self {
        Audit { sink, clock, trail: Mutex::default() }
    }

    /// Returns the latest denials, oldest first.
    pub(crate) fn trail(&self) -> Vec<AuditEntry> {
        self.trail.lock().iter().cloned().collect()
    }

    /// Records a denial, in a call or outside one, such as during a load.
    pub(crate) fn deny(&self, plugin: &str, denial: &Denial, call: Option<&CallOrigin>, left_out: u64) {
        let record = AuditRecord {
            plugin,
            resource: &denial.resource,
            action: denial.action,
            denial: Some(denial),
            caller: call.map(|call| &call.caller),
            request_id: call.map(|call| call.request_id.get()),
            time: self.clock.now(),
            left_out,
        };
        self.sink.record(&record);
        let entry = AuditEntry {
            plugin: plugin.to_owned(),
            denial: denial.clone(),
            caller: record.caller.map(ToString::to_string),
            request_id: record.request_id.map(str::to_owned),
            time_ms: unix_ms(record.time),
            left_out,
        };
        let mut trail = self.trail.lock();
        if trail.len() == AUDIT_TRAIL_MAX {
            trail.pop_front();
        }
        trail.push_back(entry);
    }
}

/// The audit of a loaded plugin.
pub(crate) struct PluginAudit {
    plugin: Arc<str>,
    audit: Arc<Audit>,
    /// Masks resources: a plugin may ask for a key that is a secret.
    mask: Arc<Mask>,
    counters: Arc<AuditCounters>,
}

/// The accesses of a plugin and its quotas of records, which all its revisions share.
pub(crate) struct AuditCounters {
    allowed: ThreadedCount,
    denied: AtomicU64,
    left_out: AtomicU64,
    denials: Mutex<LineQuota>,
    uses: Mutex<LineQuota>,
}

impl Default for AuditCounters {
    fn default() -> Self {
        let quota = || Mutex::new(LineQuota::new());
        AuditCounters {
            allowed: ThreadedCount::default(),
            denied: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            denials: quota(),
            uses: quota(),
        }
    }
}

impl PluginAudit {
    pub(crate) fn new(plugin: Arc<str>, audit: Arc<Audit>, mask: Arc<Mask>, counters: Arc<AuditCounters>) -> Self {
        PluginAudit { plugin, audit, mask, counters }
    }

    /// Returns the counters, for the next revision.
    pub(crate) fn counters(&self) -> Arc<AuditCounters> {
        self.counters.clone()
    }

    /// Counts an allowed access, and records it if the sink wants allowed accesses and the quota permits.
    pub(crate) fn allow(&self, resource: &str, action: PermissionAction, call: Option<&CallOrigin>) {
        self.counters.allowed.add_one();
        if self.audit.sink.wants_allowed() {
            self.record_allowed(resource, action, call);
        }
    }

    /// Counts a denied access, and records it if the quota permits.
    pub(crate) fn deny(&self, denial: &Denial, call: Option<&CallOrigin>) {
        self.counters.denied.fetch_add(1, Ordering::Relaxed);
        match admit(&self.counters.denials) {
            Quota::Left { dropped_before } => {
                self.audit.deny(&self.plugin, &denial.masked(|text| self.mask.apply(text)), call, dropped_before);
            }
            Quota::Spent => drop(self.counters.left_out.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Counts a denied access that is not to be recorded.
    pub(crate) fn deny_unrecorded(&self) {
        self.counters.denied.fetch_add(1, Ordering::Relaxed);
        self.counters.left_out.fetch_add(1, Ordering::Relaxed);
    }

    fn record_allowed(&self, resource: &str, action: PermissionAction, call: Option<&CallOrigin>) {
        let Quota::Left { dropped_before } = admit(&self.counters.uses) else { return };
        let resource = self.mask.apply(resource);
        self.audit.sink.record(&AuditRecord {
            plugin: &self.plugin,
            resource: &resource[..resource.floor_char_boundary(RESOURCE_QUOTED_BYTES_MAX)],
            action: action.name(),
            denial: None,
            caller: call.map(|call| &call.caller),
            request_id: call.map(|call| call.request_id.get()),
            time: self.audit.clock.now(),
            left_out: dropped_before,
        });
    }

    /// Returns the number of allowed accesses since the plugin was loaded.
    pub(crate) fn allowed(&self) -> u64 {
        self.counters.allowed.sum()
    }

    /// Returns the number of denied accesses since the plugin was loaded.
    pub(crate) fn denied(&self) -> u64 {
        self.counters.denied.load(Ordering::Relaxed)
    }

    /// Returns the number of denials that were counted but not recorded.
    pub(crate) fn left_out(&self) -> u64 {
        self.counters.left_out.load(Ordering::Relaxed)
    }
}

fn admit(quota: &Mutex<LineQuota>) -> Quota {
    quota.lock().admit(Instant::now(), AUDIT_RECORDS_MAX, AUDIT_PERIOD)
}

/// A counter sharded by thread, so that threads do not contend for its cache line. Allocated on first use, because many
/// plugins access nothing.
#[derive(Default)]
struct ThreadedCount(OnceLock<Box<[Shard; 4]>>);

/// Two cache lines wide, because processors prefetch lines in pairs.
#[repr(align(128))]
#[derive(Default)]
struct Shard(AtomicU64);

impl ThreadedCount {
    fn add_one(&self) {
        let shards = self.0.get_or_init(Box::default);
        shards[thread_number() % shards.len()].0.fetch_add(1, Ordering::Relaxed);
    }

    fn sum(&self) -> u64 {
        self.0.get().map_or(0, |shards| shards.iter().map(|shard| shard.0.load(Ordering::Relaxed)).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{Grants, Policy};
    use crate::clock::SystemClock;

    /// Collects lines of `event resource caller left_out`.
    #[derive(Default)]
    struct Kept {
        lines: Mutex<Vec<String>>,
        wants_allowed: bool,
    }

    impl AuditSink for Kept {
        fn record(&self, record: &AuditRecord<'_>) {
            let caller = record.caller.map_or("-".to_owned(), ToString::to_string);
            let line = format!("{} {} {caller} {}", record.event(), record.resource, record.left_out);
            self.lines.lock().push(line);
        }

        fn wants_allowed(&self) -> bool {
            self.wants_allowed
        }
    }

    fn audit(wants_allowed: bool) -> (Arc<Kept>, Arc<Audit>, PluginAudit) {
        let kept = Arc::new(Kept { wants_allowed, ..Kept::default() });
        let audit = Arc::new(Audit::new(kept.clone(), Arc::new(SystemClock)));
        (kept, audit.clone(), PluginAudit::new("p".into(), audit, Arc::default(), Arc::default()))
    }

    fn note(audit: &PluginAudit, grants: &Grants, resource: &str, call: Option<&CallOrigin>) {
        match grants.check(resource, PermissionAction::Read) {
            Ok(()) => audit.allow(resource, PermissionAction::Read, call),
            Err(denial) => audit.deny(&denial, call),
        }
    }

    #[test]
    fn denial_is_counted_recorded_and_remembered_with_its_call() {
        let (kept, audit, plugin) = audit(false);
        let mut call = CallOrigin::default();
        call.begin(&Caller::Cli, Some("r-1"));
        note(&plugin, &Grants::default(), "data.a", Some(&call));
        note(&plugin, &Grants::default(), "data.b", None);
        assert_eq!((plugin.denied(), plugin.allowed()), (2, 0));
        let lines = kept.lines.lock();
        assert_eq!(*lines, ["permission.deny data.a cli 0", "permission.deny data.b - 0"]);
        let trail = audit.trail();
        assert_eq!((&*trail[0].denial.resource, trail[0].request_id.as_deref()), ("data.a", Some("r-1")));
        assert_eq!((&*trail[1].denial.resource, trail[1].request_id.as_deref()), ("data.b", None));
    }

    #[test]
    fn allowed_use_is_counted_and_recorded_where_it_is_wanted() {
        let all = Grants::new(Policy::allow_all(), Policy::allow_all());
        for wanted in [false, true] {
            let (kept, audit, plugin) = audit(wanted);
            note(&plugin, &all, "data.a", None);
            assert_eq!((plugin.denied(), plugin.allowed()), (0, 1));
            assert_eq!(kept.lines.lock().len(), usize::from(wanted));
            assert!(audit.trail().is_empty(), "the trail is of denials");
        }
    }

    #[test]
    fn denials_in_a_loop_are_all_counted_and_few_recorded() {
        let (kept, audit, plugin) = audit(false);
        for _ in 0..10_000 {
            note(&plugin, &Grants::default(), "data.a", None);
        }
        let recorded = kept.lines.lock().len() as u64;
        assert_eq!((plugin.denied(), recorded + plugin.left_out()), (10_000, 10_000));
        assert_eq!(audit.trail().len() as u64, recorded);
        assert!(recorded >= u64::from(AUDIT_RECORDS_MAX) && recorded < 1_000, "{recorded}");
    }

    #[test]
    fn trail_forgets_the_oldest() {
        let (_, audit, _) = audit(false);
        for n in 0..AUDIT_TRAIL_MAX + 5 {
            let denial = Grants::default().check(&format!("data.{n}"), PermissionAction::Read).expect_err("denied");
            audit.deny("p", &denial, None, 0);
        }
        let trail = audit.trail();
        assert_eq!((trail.len(), &*trail[0].denial.resource), (AUDIT_TRAIL_MAX, "data.5"));
    }
}
