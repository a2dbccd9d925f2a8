//! The limits of the host: their units, their defaults and the reasons for the numbers. The limits of a component
//! before it is compiled are in a separate table ([`ScanLimits`]).
//!
//! The constants are in the order of a plugin's life: the limits of a call, of an instance, of all instances, of a
//! component that is loaded, and then of each service. Manifests cannot change them, except for the defaults of
//! `Limits`, which a manifest can override up to the operator's `Ceilings`. Nothing
//! is measured or enforced here: that happens where the resource is used (`host/limiter.rs`, `plugin/instance.rs`,
//! `admission/`, `service/`). They are no part of the library's interface; the tests include this file.
//!
//! Units: bytes, fuel units (wasmtime's: about one per WebAssembly instruction), `Duration`s and plain counts.
//! Constants named `…_MAX` are maxima.

use std::time::Duration;

/// The limits of scanning and compiling a component, and of the memory pool of its instances.
pub use plugbay_compile::limits::*;

// One call.

/// Fuel for a call if the manifest sets none: 10¹⁰ units, one to five seconds of computing on a current core. This
/// suffices for interpreters (Python, JavaScript) and stays below the default deadline, so that a runaway loop ends as
/// `out_of_fuel` at the same instruction on every machine that is not very slow.
pub const FUEL_DEFAULT: u64 = 10_000_000_000;
/// Maximum fuel for a call that a manifest may ask for if the operator sets no ceiling: 10¹² units, some minutes of
/// computing.
pub const FUEL_CEILING_DEFAULT: u64 = 1_000_000_000_000;
/// Fuel between two points at which a running guest lets other tasks run and its deadline is checked: 5·10⁵ units
/// are 50 to 250 µs of computing. Less costs throughput, since each yield may wake another thread; more costs other
/// plugins latency.
pub const FUEL_YIELD_INTERVAL: u64 = 500_000;
/// Time that a call computes before it takes turns with other such calls: 2 ms. Most calls end sooner.
pub const LONG_CALL_AFTER: Duration = Duration::from_millis(2);
/// Longest wait for a turn: 100 ms. A turn takes that long only if several hundred calls compute at once.
pub const TURN_WAIT_MAX: Duration = Duration::from_millis(100);
/// Loaders of one page that run at once: a page with many must not take all instances of its plugin for itself.
pub const PAGE_LOADERS_AT_ONCE: usize = 8;
/// Requests of one plugin whose results the polls of its pages share: 128. Polls of further ones are calls.
pub const POLLED_RESULTS_MAX: usize = 128;
/// Size of these results, of one plugin together: 8 MiB, twice the largest result.
pub const POLLED_RESULTS_BYTES_MAX: usize = 8 << 20;
/// Size of such a request's path, query, identity and scopes: 2 KiB. A longer one is not shared.
pub const POLLED_KEY_BYTES_MAX: usize = 2 << 10;
/// [`FUEL_YIELD_INTERVAL`] of components composed of several. A string that one part passes to another is copied
/// without counting fuel, which takes up to a tenth of a second for the largest, and such a call costs some ten units.
/// Yielding this often makes such a component take half as long again.
pub const FUEL_YIELD_INTERVAL_COMPOSED: u64 = 2_000;
/// Wall-clock time of a call, including waiting, if the manifest sets none: 10 s.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// Maximum wall-clock time of a call that a manifest may ask for if the operator sets no ceiling: 10 minutes.
pub const TIMEOUT_CEILING_DEFAULT: Duration = Duration::from_secs(600);
/// Calls per period if the manifest sets no rate: 100 per minute.
pub const RATE_CALLS_DEFAULT: u32 = 100;
/// The period of [`RATE_CALLS_DEFAULT`].
pub const RATE_PERIOD_DEFAULT: Duration = Duration::from_secs(60);
/// Calls that wait for a busy plugin. A further call fails with `busy` at once.
pub const WAITING_CALLS_MAX: usize = 1_000;
/// Size of the reason with which a handler cancels an event: 1 KiB. A longer one is cut.
pub const EVENT_REASON_BYTES_MAX: usize = 1 << 10;
/// Size of a call's JSON payload: 4 MiB. Larger data belongs in a service or a stream.
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;
/// Minimum size of a borrowed payload that is not copied: 64 KiB. Below it, a copy is cheaper.
pub const LENT_PAYLOAD_BYTES: usize = 64 << 10;
/// Minimum size of a payload that is checked against its schema on a blocking thread: 64 KiB take about a millisecond,
/// or much more with a hostile schema.
pub const PAYLOAD_CHECKED_ASIDE_BYTES: usize = 64 << 10;
/// Headers that an action may add to its HTTP response: 64.
pub const RESPONSE_HEADERS_MAX: usize = 64;
/// Bytes of the names and values of these headers: 16 KiB, which proxies accept.
pub const RESPONSE_HEADER_BYTES_MAX: usize = 16 << 10;
/// Own metrics of one plugin: 100. Each is a line of what a monitoring system reads every few seconds.
pub const METRICS_MAX: usize = 100;

/// Scopes of a plugin's token for the server of the host: 16.
pub const API_SCOPES_MAX: usize = 16;

/// Tokens of one plugin for the server of the host, with different scopes: 16. Each is a few hundred bytes.
pub const API_TOKENS_MAX: usize = 16;

/// Bytes of the name of a process of the host.
pub const PROCESS_ID_BYTES_MAX: usize = 64;

/// Log lines of a process that one call returns.
pub const PROCESS_LOG_LINES_MAX: usize = 1_000;
/// Size of the name of an own metric: 100 bytes.
pub const METRIC_NAME_BYTES_MAX: usize = 100;
/// Size of a call's JSON result: 4 MiB, as for payloads.
pub const RESULT_BYTES_MAX: usize = 4 << 20;
/// Bytes that a guest may pass to the host in one host call or as its result: twice the size of a result, because a
/// failure also has a message and details. wasmtime's default is 128 MiB.
pub const HOSTCALL_BYTES_MAX: usize = 8 << 20;
/// Bytes that host calls may move before they let other tasks run: 64 KiB take some 10 µs.
pub const HOST_BYTES_UNTIL_YIELD: usize = 64 << 10;
/// Bytes that a host call counts as in addition to the bytes it moves: 1 KiB.
pub const HOST_CALL_BYTES: usize = 1 << 10;
/// Length of an action name: 128 bytes.
pub const ACTION_NAME_BYTES_MAX: usize = 128;
/// Problems that a `validation_error` lists.
pub const VALIDATION_PROBLEMS_MAX: usize = 20;
/// Size of a problem's text and of its path: 512 bytes each. They quote the payload, which may have megabytes.
pub const VALIDATION_PROBLEM_BYTES_MAX: usize = 512;
/// JSON values in a payload schema, with its references resolved: 5,000. A large form has 500.
pub const SCHEMA_VALUES_MAX: u64 = 5_000;
/// References in a payload schema that lead to further references: 32. The code that follows them is recursive.
pub const SCHEMA_REFERENCE_DEPTH_MAX: usize = 32;
/// Nesting depth of `unevaluatedProperties` and `unevaluatedItems`: 8. Each level evaluates its content twice.
pub const SCHEMA_UNEVALUATED_DEPTH_MAX: usize = 8;
/// Patterns in all payload schemas of a plugin: 500. Checking one takes a millisecond.
pub const SCHEMA_PATTERNS_MAX: usize = 500;
/// Memory for all states of the matcher of a schema's pattern: 1 MiB, the size of the engine's state cache. A pattern
/// whose states exceed the cache takes 40 µs per character of a text.
pub const SCHEMA_PATTERN_BYTES_MAX: usize = 1 << 20;
/// Values of a payload times values of its schema up to which they are compared: 5·10⁸, some seconds in the worst
/// case. The largest payloads of ordinary schemas stay below it.
pub const SCHEMA_WORK_MAX: u64 = 500_000_000;
/// [`SCHEMA_WORK_MAX`] for listing all problems of a payload: 2·10⁵, since each takes a kilobyte. Beyond it only the
/// first problem is reported, or only that there is one.
pub const SCHEMA_LISTED_MAX: u64 = 200_000;
/// Guests' own error codes that are counted under their names: 64, so that a guest cannot fill the table.
pub const ERROR_CODES_MAX: usize = 64;

// One instance.

/// Memory of an instance, summed over all its linear memories, if the manifest sets none: 128 MiB.
pub const MEMORY_BYTES_DEFAULT: u64 = 128 << 20;
/// Maximum memory of an instance that a manifest may ask for if the operator sets no ceiling: 1 GiB.
pub const MEMORY_BYTES_CEILING_DEFAULT: u64 = 1 << 30;
/// Component-model handles that an instance may hold (wasmtime's default is 100,000).
pub const HANDLES_MAX: usize = 1_000;
/// Host resources (streams, pollables) that an instance may hold (wasmtime's default is 1,000,000).
pub const RESOURCES_MAX: usize = 1_000;
/// Random bytes per request: 64 KiB take about 60 µs, which fuel does not measure.
pub const RANDOM_BYTES_MAX: u64 = 64 << 10;

// All instances, and their engines.

/// Maximum that a manifest may ask for with `resources.instances`.
pub const REPLICAS_MAX: u32 = 256;
/// Concurrent calls of a `per_call` plugin. Each holds a pooled sandbox while it runs.
pub const CONCURRENT_SANDBOXES_MAX: usize = 256;
/// Live instances in a process unless the embedder sets another number. Each maps six regions of memory, of which Linux
/// allows a process 65,530 unless `vm.max_map_count` is raised.
pub const LIVE_INSTANCES_DEFAULT: u32 = 1_000;
/// Time limit of `on-unload`, even if the plugin's own deadline is later: unloading always ends.
pub const UNLOAD_TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// How long the calls of a lazy plugin that did not start are refused before one tries again, by the runtime's clock.
pub const LAZY_START_PAUSE: Duration = Duration::from_secs(5);

// What is read and compiled.

/// Size of a manifest or configuration file: 1 MiB.
pub use plugbay_files::TEXT_FILE_BYTES_MAX;

// Permissions and the audit.

/// Matching steps of an access in a policy: 200,000 take half a millisecond, and a policy of a hundred ordinary rules
/// takes some hundred. An access that takes more is denied.
pub const POLICY_STEPS_MAX: usize = 200_000;
/// Bytes of a resource's name that a denial quotes: 1 KiB, more than the longest key has.
pub const RESOURCE_QUOTED_BYTES_MAX: usize = 1 << 10;
/// Denials of a plugin that are recorded per [`AUDIT_PERIOD`], and the same number of allowed accesses if the sink
/// wants them; the rest are only counted. A plugin that asks again and again must not fill the operator's log.
pub const AUDIT_RECORDS_MAX: u32 = 100;
/// The period of [`AUDIT_RECORDS_MAX`].
pub const AUDIT_PERIOD: Duration = Duration::from_secs(1);
/// Denials in the runtime's audit trail: the latest 1,000, of at most some kilobytes each.
pub const AUDIT_TRAIL_MAX: usize = 1_000;

// Events.

/// Words of a topic: 32. Matching a topic takes time in proportion to its words.
pub const TOPIC_WORDS_MAX: usize = 32;
/// Subscriptions of a plugin, those of its manifest included: 512, twice as many as a manifest declares.
pub const SUBSCRIPTIONS_MAX: usize = 512;
/// The absolute value of a subscription's priority, as in manifests.
pub const SUBSCRIPTION_PRIORITY_MAX: u32 = 1_000_000;
/// Bytes of the data of an event that a plugin publishes: 1 MiB. Larger data belongs in a service.
pub const EVENT_BYTES_MAX: usize = 1 << 20;
/// Events that a plugin publishes per [`EVENT_PUBLISH_PERIOD`]; further ones are refused.
pub const EVENT_PUBLISHES_MAX: u32 = 10_000;
/// The period of [`EVENT_PUBLISHES_MAX`].
pub const EVENT_PUBLISH_PERIOD: Duration = Duration::from_secs(1);
/// Events that led to an event, each published by a handler of the one before it, including itself: 16. A handler that
/// publishes what it subscribed to ends there.
pub const EVENT_DEPTH_MAX: u32 = 16;
/// Events in the queue of a plugin: 1,000. Further events that it would receive are refused with `busy`.
pub const EVENT_QUEUE_MAX: usize = 1_000;
/// Bytes of data of the events in the queue of a plugin: 32 MiB. One event of any size fits an empty queue.
pub const EVENT_QUEUE_BYTES_MAX: usize = 32 << 20;
/// Durable events that a plugin has yet to receive: 100,000. Further ones are refused with `busy`.
pub const EVENTS_STORED_MAX: usize = 100_000;
/// Bytes of data of a plugin's durable events: 256 MiB. One event of any size is stored.
pub const EVENTS_STORED_BYTES_MAX: usize = 256 << 20;
/// Durable events that a plugin takes at once: 32, which share a commit. Fewer if their data exceed
/// [`EVENT_CLAIM_BYTES`].
pub const EVENT_CLAIM_MAX: usize = 32;
/// Bytes of data of the durable events that a plugin takes at once: 4 MiB.
pub const EVENT_CLAIM_BYTES: usize = 4 << 20;
/// Deliveries of a durable event to one subscription: 6, half a minute with their pauses. Then it is a dead letter.
pub const EVENT_ATTEMPTS_MAX: u32 = 6;
/// Deliveries of a durable event on which the plugin traps: 3, as many as the restarts of a plugin in a row.
pub const EVENT_TRAPS_MAX: u32 = 3;
/// The pause after the first failed delivery of a durable event: 1 s. It doubles with each further one.
pub const EVENT_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Dead letters of a plugin: the latest 1,000.
pub const DEAD_LETTERS_MAX: usize = 1_000;
/// Dead letters that are read at once, with their data: 100.
pub const DEAD_LETTERS_PAGE: usize = 100;
/// The pause after stored events could not be read, acknowledged or delivered, because the plugin does not serve: 5 s.
pub const EVENTS_UNREADABLE_PAUSE: Duration = Duration::from_secs(5);
/// Events in a stream of the application: 256. If more are not read, the oldest are lost.
pub const EVENT_STREAM_EVENTS_MAX: usize = 256;

// Log lines and output.

/// Length of a log message: 8 KiB; a longer one is cut and marked.
pub const LOG_LINE_BYTES_MAX: usize = 8 << 10;
/// Fields of a log line; more are dropped.
pub const LOG_FIELDS_MAX: usize = 32;
/// Log lines of a plugin per [`LOG_PERIOD`]; more are dropped and counted, and the count is logged.
pub const LOG_LINES_MAX: u32 = 1_000;
/// The period of [`LOG_LINES_MAX`].
pub const LOG_PERIOD: Duration = Duration::from_secs(1);
/// Bytes of a call's standard error that are stored for the report of a trap: the last 4 KiB, which suffice for a panic
/// message.
pub const STDERR_TAIL_BYTES: usize = 4 << 10;
/// Characters shown of a function's name in the backtrace of a trap: 200. The names come from the guest.
pub const FRAME_CHARS_MAX: usize = 200;
/// Bytes read of a mangled function name: 2 KiB. Names of generic Rust functions have some hundred bytes.
pub const MANGLED_NAME_BYTES_MAX: usize = 2 << 10;
/// Bytes that a guest may write to standard output or error before it must ask again: 64 KiB.
pub const OUTPUT_PERMIT_BYTES: usize = 64 << 10;
/// Texts that are searched for to mask a secret: 64, for its members and lines. A plugin can set secrets itself, and
/// each text is searched for in each line that it logs.
pub const SECRET_TEXTS_MAX: usize = 64;
/// Texts that are searched for in total, replaced secrets included; the oldest are dropped first.
pub const MASKED_TEXTS_MAX: usize = 256;

// Configuration.

/// Length of a key that a plugin may ask its configuration for: 512 bytes. It is part of permission checks and
/// messages.
pub const CONFIG_KEY_BYTES_MAX: usize = 512;
/// Size of a configuration value: 64 KiB of JSON.
pub const CONFIG_VALUE_BYTES_MAX: usize = 64 << 10;
/// Configuration keys of a plugin without a configuration schema, including those that it sets: 256. More belong in
/// `data`.
pub const CONFIG_KEYS_MAX: usize = 256;
/// Total size of keys and values that a plugin may set: 1 MiB. They are read and written as a whole.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;

// `data`, and the databases of services.

/// Length of a `data` key: 512 bytes, enough for a path of names. It is part of every permission check and denial.
pub const DATA_KEY_BYTES_MAX: usize = 512;
/// Size of a `data` value: 1 MiB. Values are read in one piece; larger data belongs in several values.
pub const DATA_VALUE_BYTES_MAX: usize = 1 << 20;
/// `data` keys of a plugin: 100,000. A plugin that needs more should use tables and indexes (`db`).
pub const DATA_KEYS_MAX: u64 = 100_000;
/// Total size of a plugin's `data` keys and values: 64 MiB.
pub const DATA_BYTES_MAX: u64 = 64 << 20;
/// Keys in a page of a listing: 1,000, at most half a megabyte.
pub const DATA_PAGE_KEYS_MAX: usize = 1_000;
/// Bytes of values in a page of entries: 1 MiB, so that a page of large values takes no more memory than one value. A
/// larger entry is a page of its own.
pub const DATA_ENTRIES_BYTES_MAX: usize = 1 << 20;
/// Keys that a call may get, set or delete: 1,000 writes in one transaction take some milliseconds.
pub const DATA_BATCH_KEYS_MAX: usize = 1_000;
/// Bytes of values that a call may get: 8 MiB, as much as a guest may pass to the host.
pub const DATA_BATCH_BYTES_MAX: usize = 8 << 20;
/// Time that a service's write waits for another process that holds the same database: 5 s, below the default deadline.
pub const DATABASE_WAIT_MAX: Duration = Duration::from_secs(5);
/// Writes to a service's database that are committed together: 256. Others wait for the next commit.
pub const DATABASE_BATCH_MAX: usize = 256;
/// Page cache of each of the two connections to a service's database: 1 MiB, for each plugin that uses it.
pub const DATABASE_CACHE_BYTES: i64 = 1 << 20;
/// Size to which the write-ahead log of a service's database is truncated after a checkpoint: 4 MiB.
pub const DATABASE_LOG_BYTES_MAX: i64 = 4 << 20;

// `cache`.

/// Length of a `cache` key: 512 bytes, as for `data`.
pub const CACHE_KEY_BYTES_MAX: usize = 512;
/// Size of a `cache` value: 1 MiB, as for `data`.
pub const CACHE_VALUE_BYTES_MAX: usize = 1 << 20;
/// Length of a deletion's pattern: a key of which each byte is escaped.
pub const CACHE_PATTERN_BYTES_MAX: usize = 1 << 10;
/// Keys that a call may get or set, as for `data`.
pub const CACHE_BATCH_KEYS_MAX: usize = 1_000;
/// Bytes of values that a call may get: 8 MiB, as much as a guest may pass to the host.
pub const CACHE_BATCH_BYTES_MAX: usize = 8 << 20;
/// Size of a plugin's cache, including keys and overhead: 8 MiB. The least recently used entries are evicted first.
pub const CACHE_BYTES_MAX: u64 = 8 << 20;
/// Total size of all caches of a runtime: 256 MiB, 32 full ones. If it is exceeded, the largest cache is emptied.
pub const CACHE_BYTES_IN_ALL_MAX: u64 = 256 << 20;
/// Bytes that an entry counts as in addition to its key and value: 256, about the cache's own overhead.
pub const CACHE_ENTRY_BYTES: usize = 256;
/// Lifetime of a cached value if its plugin sets none: five minutes.
pub const CACHE_TTL_DEFAULT: Duration = Duration::from_secs(300);
/// Keys that are compared with a pattern on the guest's thread; more are compared on a blocking thread.
pub const CACHE_KEYS_SCANNED_HERE: usize = 256;
/// Time limit for comparing a cache's keys with a pattern and with the plugin's grants: 200 ms. A full cache of small
/// values has 30,000 keys, and takes 10 ms with an ordinary pattern.
pub const CACHE_SCAN_TIME_MAX: Duration = Duration::from_millis(200);

// `db`: a plugin's own SQL.

/// Rows that a database query may return: 10,000. A plugin that needs more reads page by page, with `LIMIT`.
pub const DB_ROWS_MAX: usize = 10_000;
/// Bytes that a database query may return: 4 MiB, as for results of calls.
pub const DB_RESULT_BYTES_MAX: usize = 4 << 20;
/// Bytes that each value of a query's result counts as in addition to its own: 16, the size of a number in transit.
pub const DB_CELL_BYTES: usize = 16;
/// Size of a text, blob or row of a plugin's database, stored or computed: 1 MB. Some of SQLite's functions take time
/// in proportion to it and cannot be interrupted.
pub const DB_VALUE_BYTES_MAX: i32 = 1_000_000;
/// Length of an SQL statement: 100 kB. Values belong in parameters.
pub const DB_STATEMENT_BYTES_MAX: i32 = 100_000;
/// Columns of a table or of a result: twice as many as a manifest may declare.
pub const DB_COLUMNS_MAX: i32 = 256;
/// Parameters of a statement: 1,000, for lists in `IN (…)`.
pub const DB_PARAMETERS_MAX: i32 = 1_000;
/// Depth of an SQL expression: 100. Each level takes stack.
pub const DB_EXPRESSION_DEPTH_MAX: i32 = 100;
/// Queries in a `UNION`.
pub const DB_COMPOUNDS_MAX: i32 = 50;
/// Instructions that a statement may compile to: 25,000, some megabytes.
pub const DB_PROGRAM_STEPS_MAX: i32 = 25_000;
/// Arguments of an SQL function: 100, a `json_object` of 50 members.
pub const DB_FUNCTION_ARGUMENTS_MAX: i32 = 100;
/// Length of a `LIKE` or `GLOB` pattern: 100 bytes. Matching takes its length times the text's, up to 50 ms for the
/// longest text.
pub const DB_PATTERN_BYTES_MAX: i32 = 100;
/// Nesting depth of triggers that fire one another.
pub const DB_TRIGGER_DEPTH_MAX: i32 = 16;
/// Statements in the body of a trigger.
pub const DB_TRIGGER_STEPS_MAX: i32 = 50;
/// Tables, indexes, views and triggers in a plugin's database. They are read when it is opened.
pub const DB_OBJECTS_MAX: i32 = 1_000;
/// Host memory that a statement may take: 64 MiB, for sorting and temporary tables. It is bounded if the host has
/// called `bound_sql_memory`.
pub const DB_STATEMENT_MEMORY_BYTES_MAX: usize = 64 << 20;
/// Size of a plugin's database: 256 MiB on disk.
pub const DB_FILE_BYTES_MAX: u64 = 256 << 20;
/// Size of a plugin's database if there is no data directory: 64 MiB of memory.
pub const DB_MEMORY_BYTES_MAX: u64 = 64 << 20;
/// Size of the write-ahead log of a plugin's database, in addition to the database itself: 256 MiB. It exceeds the
/// changes of one transaction only while a query still reads the previous state.
pub const DB_LOG_BYTES_MAX: u64 = 256 << 20;
/// Page size of plugins' databases in bytes: SQLite's default.
pub const DB_PAGE_BYTES: u64 = 4096;
/// Page cache of each of the two connections to a plugin's database: 2 MiB, allocated on use.
pub const DB_CACHE_BYTES: i64 = 2 << 20;
/// Statements that each connection caches prepared.
pub const DB_PREPARED_MAX: usize = 64;
/// Length of a statement that is cached prepared: 4 kB.
pub const DB_PREPARED_BYTES_MAX: usize = 4_000;
/// Time limit of a statement, even if the call's deadline is later: 30 s.
pub const DB_STATEMENT_TIME_MAX: Duration = Duration::from_secs(30);
/// Time before the call's deadline at which its statement is stopped: 50 ms, in which the plugin can still answer.
pub const DB_TIME_TO_ANSWER: Duration = Duration::from_millis(50);
/// Concurrent statements of all plugins of a runtime: 32, each with its own thread and memory. A plugin has at most
/// two, a query and a change.
pub const DB_STATEMENTS_AT_ONCE_MAX: usize = 32;
/// Time that a statement waits for another transaction of its plugin before it fails with `busy`: 5 s.
pub const DB_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long creating the declared tables of a plugin may take: 2 min. A changed table is copied as a whole.
pub const DB_DECLARE_TIME_MAX: Duration = Duration::from_secs(120);
/// Instructions of SQLite's machine between two checks whether the caller still waits: 20 take less than a microsecond,
/// but some may be functions that take milliseconds.
pub const DB_STEPS_PER_CHECK: i32 = 20;
/// Checks that a short query may take on its caller's thread before it moves to a blocking thread: 100, some 50 µs.
pub const DB_LOOKS_HERE_MAX: u32 = 100;
/// Checks between two slices of a statement that computes for long: 8,192, a few milliseconds.
pub const DB_LOOKS_PER_SLICE: u32 = 8_192;
/// Longest wait of such a statement for its next slice: 100 ms.
pub const DB_SLICE_WAIT_MAX: Duration = Duration::from_millis(100);
/// Size of a value in a query that runs on its caller's thread: 8 kB.
pub const DB_VALUE_BYTES_HERE_MAX: i32 = 8_000;

// `scheduler`.

/// Jobs of a plugin: 1,000. The host scans all of them whenever one is due.
pub const JOBS_MAX: usize = 1_000;
/// Length of a job's id: 128 bytes.
pub const JOB_ID_BYTES_MAX: usize = 128;
/// Size of a job's arguments: 64 KiB of JSON. Larger data belongs in `data` or `db`, and its key in the job.
pub const JOB_ARGS_BYTES_MAX: usize = 64 << 10;
/// Size of the arguments of all jobs of a plugin: 8 MiB. The guest receives a list of all jobs in one piece.
pub const JOB_ARGS_BYTES_TOTAL_MAX: usize = 8 << 20;
/// Minimum time between two runs of a job: 1 s. Each run is two writes that wait for the disk.
pub const JOB_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Latest time and longest interval of a job, in milliseconds: the end of the year 9999.
pub const JOB_MOMENT_MS_MAX: u64 = 253_402_300_799_999;
/// Length of a cron expression or time zone: 256 bytes. Real ones have 9 to 40.
pub const CRON_BYTES_MAX: usize = 256;
/// Concurrent runs of a plugin's jobs: 4, if as many of its calls may run at once. The remaining concurrency is left to
/// other callers.
pub const JOB_RUNS_AT_ONCE_MAX: usize = 4;
/// Outcomes stored per job: the latest 100.
pub const JOB_OUTCOMES_MAX: u32 = 100;
/// Outcomes stored for all jobs of a plugin: the latest 10,000. One-time jobs leave their outcomes behind.
pub const JOB_OUTCOMES_TOTAL_MAX: u32 = 10_000;
/// Size of an answer stored in an outcome: 4 KiB. Of a longer answer only its length is stored, of an error its
/// message.
pub const JOB_ANSWER_BYTES_MAX: usize = 4 << 10;
/// Maximum backward clock change after which cron jobs keep counting from the old time: 1 day. Within it they do not
/// run again for a time that they have already run for; a larger change means that the clock was wrong before.
pub const JOB_CLOCK_CORRECTION: Duration = Duration::from_secs(24 * 60 * 60);
/// Successive runs of a job during which the host process may end: 5. The job is then paused, because it may be the
/// cause.
pub const JOB_INTERRUPTIONS_MAX: u32 = 5;
/// Delay before a one-time job that was refused without a retry time is tried again: 1 s.
pub const JOB_RETRY_MIN: Duration = Duration::from_secs(1);
/// Time that unloading waits for the outcomes of jobs whose runs have ended: 5 s, the longest that a write waits for
/// others.
pub const OUTCOMES_WAIT_MAX: Duration = Duration::from_secs(5);
/// Time that the host waits for the store of a plugin's jobs, unless the deadline of a call comes first: 30 s.
pub const JOB_STORE_WAIT_MAX: Duration = Duration::from_secs(30);
/// Interval at which the host tries to take over the jobs of a plugin that another process runs: 1 s.
pub const JOBS_TAKE_OVER: Duration = Duration::from_secs(1);
/// Delay before jobs that could not be read are read again: 1 min. Each attempt may log a line.
pub const JOBS_UNREADABLE_PAUSE: Duration = Duration::from_secs(60);

// `http`: outgoing requests.

/// Size of an outgoing HTTP request's body: 16 MiB. It is streamed, never held as a whole.
pub const HTTP_REQUEST_BYTES_MAX: u64 = 16 << 20;
/// Size of a response's body: 16 MiB. Guests hold it in their memory, of which they have 128 MiB.
pub const HTTP_RESPONSE_BYTES_MAX: u64 = 16 << 20;
/// Size of the header of a request or a response: 32 KiB. Servers commonly accept 8 to 16 KiB.
pub const HTTP_HEADER_BYTES_MAX: usize = 32 << 10;
/// Fields in the header of a response. hyper parses up to this many without allocating.
pub const HTTP_HEADER_FIELDS_MAX: usize = 100;
/// Length of a request's path and query: 8 KiB, as most servers accept.
pub const HTTP_PATH_BYTES_MAX: usize = 8 << 10;
/// Length of the method, scheme, host and path of a request while it is being built: 16 KiB each. A request that is too
/// long to be sent fails when it is sent.
pub const HTTP_PART_BYTES_MAX: usize = 16 << 10;
/// Size of a write to a request's body: 16 KiB, of which two are buffered. A guest can hold a thousand bodies.
pub const HTTP_CHUNK_BYTES: usize = 16 << 10;
/// Bytes read ahead of the guest per connection: 64 KiB.
pub const HTTP_BUFFER_BYTES: usize = 64 << 10;
/// Requests that a call may send, sequential or concurrent.
pub const HTTP_REQUESTS_PER_CALL_MAX: u32 = 256;
/// Concurrent requests of a plugin. Each holds a connection.
pub const HTTP_REQUESTS_OPEN_MAX: usize = 64;
/// Concurrent requests of all plugins of a runtime: a process commonly may have 1,024 files open.
pub const HTTP_CONNECTIONS_MAX: usize = 512;
/// Concurrent name lookups of a plugin. Each blocks a thread for as long as the name's owner takes to answer.
pub const HTTP_LOOKUPS_MAX: usize = 8;
/// Concurrent name lookups of all plugins of a runtime: tokio has 512 threads for everything that blocks.
pub const HTTP_LOOKUPS_IN_ALL_MAX: usize = 64;
/// Addresses tried per name.
pub const HTTP_ADDRESSES_MAX: usize = 8;
/// Time limit for connecting: name lookup, TCP and TLS together.
pub const HTTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit of a request, from its beginning to the end of its response's body. The call's deadline applies if it is
/// sooner.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum of [`HTTP_TIMEOUT`] that an embedder may set: a day, as long as a call may take.
pub const HTTP_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

// `plugins`: calls from one to another.

/// Plugins in a chain of calls, each waiting for the next: 8. Each holds an instance, and real chains have two or three
/// links.
pub const CALL_DEPTH_MAX: usize = 8;
/// Services that a plugin may offer: 64.
pub const SERVICES_MAX: usize = 64;
/// Length of a service's name: 128 bytes, enough for a plugin's name and a word.
pub const SERVICE_NAME_BYTES_MAX: usize = 128;
/// Plugins or services that the text of a `not-found` lists: 32, more than a person reads.
pub const PLUGINS_LISTED_MAX: usize = 32;
