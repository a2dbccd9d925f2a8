//! Every bound of the host, in one place: its unit, its default and the reason for that number. The bounds of a
//! component before it is compiled are in a table of their own ([`ScanLimits`]).
//!
//! The constants are in the order of a plugin's life: what bounds a call, an instance, all of them, a component on its
//! way in, and then each service. No manifest can change them, but for the defaults of [`Limits`], which are those of
//! one plugin: what its manifest asks for, cut down to the operator's [`Ceilings`]. Nothing in here measures or
//! enforces: that happens where the resource is used (`host/limiter.rs`, `plugin/instance.rs`, `admission/`,
//! `service/`), with the numbers from here.
//!
//! Units: bytes, fuel units (wasmtime's: about one per WebAssembly instruction), [`Duration`]s and plain counts.

mod plugin;

use std::time::Duration;

/// The bounds of scanning and compiling a component, and of the memory pool of its instances.
pub use plugbay_compile::limits::*;

pub use self::plugin::{Ceilings, Limits};

// One call.

/// Fuel for one call where the manifest names none: 10¹⁰ units, one to five seconds of computing on a current core.
/// Enough for interpreters (Python, JavaScript), and below the default deadline, so that a runaway loop ends as
/// `out_of_fuel` at the same instruction on every machine that is not very slow.
pub const FUEL_DEFAULT: u64 = 10_000_000_000;
/// Fuel for one call that a manifest may ask for where the operator names no ceiling: 10¹² units, some minutes of
/// computing.
pub const FUEL_CEILING_DEFAULT: u64 = 1_000_000_000_000;
/// Fuel between two moments at which a running guest lets other tasks run and its deadline is looked at: 5·10⁵ units
/// are 50 to 250 µs of computing. Shorter costs throughput, since each yield may wake another thread; longer costs the
/// neighbours latency.
pub const FUEL_YIELD_INTERVAL: u64 = 500_000;
/// The same for components that are composed of several: a string that one part hands to another is copied without
/// counting fuel, up to a tenth of a second for the largest, and a call of that kind costs some ten units. Yielding so
/// often makes such a component compute half as fast again.
pub const FUEL_YIELD_INTERVAL_COMPOSED: u64 = 2_000;
/// Wall-clock time of one call, waiting included, where the manifest names none: 10 s.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// Wall-clock time of one call that a manifest may ask for where the operator names no ceiling: 10 minutes.
pub const TIMEOUT_CEILING_DEFAULT: Duration = Duration::from_secs(600);
/// Calls per period where the manifest names none: 100 a minute.
pub const RATE_CALLS_DEFAULT: u32 = 100;
/// The period of [`RATE_CALLS_DEFAULT`].
pub const RATE_PERIOD_DEFAULT: Duration = Duration::from_secs(60);
/// Calls that wait for a busy plugin; one more is answered `busy` at once.
pub const WAITING_CALLS_MAX: usize = 1_000;
/// The longest JSON payload of a call: 4 MiB. Larger data belongs in a service or a stream.
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;
/// From this length on a payload that its caller lends is not copied: 64 KiB. For less the copy is the cheaper way.
pub const LENT_PAYLOAD_BYTES: usize = 64 << 10;
/// From this length on a payload is compared with its schema on a thread that may be busy for longer: 64 KiB take about
/// a millisecond, or much more where the schema is made for it.
pub const PAYLOAD_CHECKED_ASIDE_BYTES: usize = 64 << 10;
/// The longest JSON result of a call: 4 MiB, as for payloads.
pub const RESULT_BYTES_MAX: usize = 4 << 20;
/// Bytes that a guest may hand to the host in one host call or as its result: twice the result, because a failure
/// carries a message and details besides. wasmtime's own default is 128 MiB.
pub const HOSTCALL_BYTES_MAX: usize = 8 << 20;
/// Bytes that host calls may move before they let other tasks run: 64 KiB take some 10 µs.
pub const HOST_BYTES_UNTIL_YIELD: usize = 64 << 10;
/// Bytes that the call itself counts as: 1 KiB.
pub const HOST_CALL_BYTES: usize = 1 << 10;
/// The longest action name: 128 bytes.
pub const ACTION_NAME_BYTES_MAX: usize = 128;
/// Problems that one `validation_error` lists.
pub const VALIDATION_PROBLEMS_MAX: usize = 20;
/// Bytes of each of their texts and paths: 512. They quote the payload, which may have megabytes.
pub const VALIDATION_PROBLEM_BYTES_MAX: usize = 512;
/// JSON values in one payload schema, with what its references stand for: 5,000. A large form has 500.
pub const SCHEMA_VALUES_MAX: u64 = 5_000;
/// References in a payload schema that lead on to others: 32. The code that follows them is recursive.
pub const SCHEMA_REFERENCE_DEPTH_MAX: usize = 32;
/// How often `unevaluatedProperties` and `unevaluatedItems` may be inside one another: 8. Each evaluates what is inside
/// twice.
pub const SCHEMA_UNEVALUATED_DEPTH_MAX: usize = 8;
/// Patterns in all payload schemas of one plugin: 500. Checking one takes a millisecond.
pub const SCHEMA_PATTERNS_MAX: usize = 500;
/// Memory for all states of matching a schema's pattern: 1 MiB, the size of the engine's state cache. A pattern whose
/// states exceed the cache takes 40 µs for each character of a text.
pub const SCHEMA_PATTERN_BYTES_MAX: usize = 1 << 20;
/// Values of a payload times values of its schema up to which they are compared: 5·10⁸, some seconds at worst. The
/// largest payloads of ordinary schemas stay below it.
pub const SCHEMA_WORK_MAX: u64 = 500_000_000;
/// The same for listing all that is wrong with a payload: 2·10⁵, since each takes a kilobyte. Beyond it only the first
/// problem is reported, or only that there is one.
pub const SCHEMA_LISTED_MAX: u64 = 200_000;
/// Error codes of a guest's own that are counted under their own names: 64, so that a guest cannot fill the table.
pub const ERROR_CODES_MAX: usize = 64;

// One instance.

/// Memory of one instance, summed over all its linear memories, where the manifest names none: 128 MiB.
pub const MEMORY_BYTES_DEFAULT: u64 = 128 << 20;
/// Memory of one instance that a manifest may ask for where the operator names no ceiling: 1 GiB.
pub const MEMORY_BYTES_CEILING_DEFAULT: u64 = 1 << 30;
/// Component-model handles that one instance may hold (wasmtime's own default is 100,000).
pub const HANDLES_MAX: usize = 1_000;
/// Host resources (streams, pollables) that one instance may hold (wasmtime's own default is 1,000,000).
pub const RESOURCES_MAX: usize = 1_000;
/// Random bytes in one request: 64 KiB take about 60 µs, and fuel does not measure them.
pub const RANDOM_BYTES_MAX: u64 = 64 << 10;

// All instances, and their engines.

/// Replicas that a manifest may ask for with `resources.instances`.
pub const REPLICAS_MAX: u32 = 256;
/// Calls of a `per_call` plugin that run at the same time. Each holds a pooled sandbox for as long as it runs.
pub const CONCURRENT_SANDBOXES_MAX: usize = 256;
/// Live instances in one process where the embedder names no other number. Each one maps six regions of memory, and
/// Linux allows a process 65,530 of them unless `vm.max_map_count` says otherwise.
pub const LIVE_INSTANCES_DEFAULT: u32 = 1_000;
/// How long `on-unload` may take, whatever the plugin's own deadline is: unloading always ends.
pub const UNLOAD_TIMEOUT_MAX: Duration = Duration::from_secs(10);

// What is read and compiled.

/// The longest manifest or configuration file: 1 MiB.
pub use plugbay_files::TEXT_FILE_BYTES_MAX;

// Permissions and the audit.

/// Steps of matching that one use may cost in one policy: 200,000 take half a millisecond, and a policy of a hundred
/// ordinary rules takes some hundred. A use that takes more is denied.
pub const POLICY_STEPS_MAX: usize = 200_000;
/// Bytes of a resource's name that a denial quotes: 1 KiB, more than the longest key has.
pub const RESOURCE_BYTES_TOLD: usize = 1 << 10;
/// Denials of one plugin that are recorded per [`AUDIT_PERIOD`], and as many allowed uses if the sink wants them; the
/// rest are only counted. A plugin that asks again and again must not fill the operator's log.
pub const AUDIT_RECORDS_MAX: u32 = 100;
/// The period of [`AUDIT_RECORDS_MAX`].
pub const AUDIT_PERIOD: Duration = Duration::from_secs(1);
/// Denials that the runtime remembers: the last 1,000, of at most some kilobytes each.
pub const AUDIT_TRAIL_MAX: usize = 1_000;

// Log lines and output.

/// The longest log message: 8 KiB; what is longer is cut, with a mark.
pub const LOG_LINE_BYTES_MAX: usize = 8 << 10;
/// Fields of one log line; more are dropped.
pub const LOG_FIELDS_MAX: usize = 32;
/// Log lines of one plugin per [`LOG_PERIOD`]; more are dropped and counted, and the count is logged.
pub const LOG_LINES_MAX: u32 = 1_000;
/// The period of [`LOG_LINES_MAX`].
pub const LOG_PERIOD: Duration = Duration::from_secs(1);
/// Bytes of a call's standard error that are stored for the report of a trap: the last 4 KiB, which hold a panic
/// message.
pub const STDERR_TAIL_BYTES: usize = 4 << 10;
/// Characters shown of a function's name in the backtrace of a trap: 200 characters. The guest's file says what it is.
pub const FRAME_CHARS_MAX: usize = 200;
/// Bytes read of a mangled function name: 2 KiB. Those of generic Rust functions have some hundred bytes.
pub const MANGLED_NAME_BYTES_MAX: usize = 2 << 10;
/// Bytes that a guest may write to standard output or error before it has to ask again: 64 KiB.
pub const OUTPUT_PERMIT_BYTES: usize = 64 << 10;
/// Texts that are looked for to mask one secret: 64, for its members and lines. A plugin can set secrets itself, and
/// each text is looked for in each line that it logs.
pub const SECRET_TEXTS_MAX: usize = 64;
/// Texts that are looked for in all, secrets that were replaced included; the oldest are forgotten first.
pub const MASKED_TEXTS_MAX: usize = 256;

// Configuration.

/// The longest key that a plugin may ask its configuration for: 512 bytes. It is part of permission checks and
/// messages.
pub const CONFIG_KEY_BYTES_MAX: usize = 512;
/// The longest configuration value: 64 KiB of JSON.
pub const CONFIG_VALUE_BYTES_MAX: usize = 64 << 10;
/// Keys that a plugin without a configuration schema may come to by setting them: 256. More of them are data.
pub const CONFIG_KEYS_MAX: usize = 256;
/// Bytes of all keys and values up to which a plugin may set more: 1 MiB. They are read and written as a whole.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;

// `data`, and the databases in which services keep what they keep.

/// The longest key of `data`: 512 bytes, enough for a path of names. It is part of every permission check and denial.
pub const DATA_KEY_BYTES_MAX: usize = 512;
/// The longest value of `data`: 1 MiB. Values are read whole, in one piece; larger data belongs in several values.
pub const DATA_VALUE_BYTES_MAX: usize = 1 << 20;
/// Keys that one plugin keeps: 100,000. A plugin that needs more of them wants tables and indexes (`db`).
pub const DATA_KEYS_MAX: i64 = 100_000;
/// Bytes of keys and values that one plugin keeps: 64 MiB.
pub const DATA_BYTES_MAX: i64 = 64 << 20;
/// Keys in one page of a listing: 1,000, at most half a megabyte.
pub const DATA_PAGE_KEYS_MAX: usize = 1_000;
/// Bytes of values in one page of entries: 1 MiB, so that a page of large values takes no more memory than one value;
/// an entry that is larger by itself is a page of its own.
pub const DATA_ENTRIES_BYTES_MAX: usize = 1 << 20;
/// Keys that one call may get, set or delete: 1,000 writes in one transaction take some milliseconds.
pub const DATA_BATCH_KEYS_MAX: usize = 1_000;
/// Bytes of values that one call may get: 8 MiB, as much as a guest may hand to the host.
pub const DATA_BATCH_BYTES_MAX: usize = 8 << 20;
/// How long a write of a service waits for another process that holds the same database: 5 s, below the default
/// deadline.
pub const DATABASE_WAIT_MAX: Duration = Duration::from_secs(5);
/// Pages of a service's database that each of its two connections keeps in memory: 1 MiB for each plugin that uses it.
pub const DATABASE_CACHE_BYTES: i64 = 1 << 20;
/// What the write-ahead log of a service's database is cut back to once it was moved into the database: 4 MiB.
pub const DATABASE_LOG_BYTES_MAX: i64 = 4 << 20;

// `cache`.

/// The longest key of `cache`: 512 bytes, as for `data`.
pub const CACHE_KEY_BYTES_MAX: usize = 512;
/// The longest value of `cache`: 1 MiB, as for `data`.
pub const CACHE_VALUE_BYTES_MAX: usize = 1 << 20;
/// The longest pattern of a deletion: a key of which each byte is escaped.
pub const CACHE_PATTERN_BYTES_MAX: usize = 1 << 10;
/// Keys that one call may get or set, as for `data`.
pub const CACHE_BATCH_KEYS_MAX: usize = 1_000;
/// Bytes of values that one call may get: 8 MiB, as much as a guest may hand to the host.
pub const CACHE_BATCH_BYTES_MAX: usize = 8 << 20;
/// Bytes that one plugin's cache holds, keys and bookkeeping included: 8 MiB. What was not used for longest goes first.
pub const CACHE_BYTES_MAX: u64 = 8 << 20;
/// Bytes that all caches of a runtime hold together: 256 MiB, 32 full ones. Where it is exceeded, the largest is
/// emptied.
pub const CACHE_BYTES_IN_ALL_MAX: u64 = 256 << 20;
/// Bytes that an entry counts as in addition to its key and value: 256, about the cache's own overhead.
pub const CACHE_ENTRY_BYTES: usize = 256;
/// Bytes that may be written to a cache before its bound is enforced: a sixteenth of the bound.
pub const CACHE_BYTES_UNTIL_BOOKED: u64 = 512 << 10;
/// For how long a value is cached where its plugin does not say: five minutes.
pub const CACHE_TTL_DEFAULT: Duration = Duration::from_secs(300);
/// How long after its end an expired value may be taken out of memory: later than any clock of a test is behind.
pub const CACHE_CLEAN_UP_DELAY: Duration = Duration::from_secs(60);
/// Keys that are compared with a pattern on the thread of the guest; more are on a thread for work that takes long.
pub const CACHE_KEYS_SCANNED_HERE: u64 = 256;
/// How long comparing a cache's keys with a pattern, and with the plugin's grants, may take: 200 ms. A full cache of
/// small values has 30,000 keys, and takes 10 ms with an ordinary pattern.
pub const CACHE_SCAN_TIME_MAX: Duration = Duration::from_millis(200);

// `db`: a plugin's own SQL.

/// Rows that one database query may answer: 10,000. For more, a plugin asks page by page, with `LIMIT`.
pub const DB_ROWS_MAX: usize = 10_000;
/// Bytes that one database query may answer: 4 MiB, as the results of calls.
pub const DB_RESULT_BYTES_MAX: usize = 4 << 20;
/// Bytes that each value of a query's answer counts as in addition to its own: 16, the size of a number in transit.
pub const DB_CELL_BYTES: usize = 16;
/// The longest text, blob or row of a plugin's database, stored or computed: 1 MB. Some of SQLite's functions take time
/// in proportion to it and cannot be interrupted.
pub const DB_VALUE_BYTES_MAX: i32 = 1_000_000;
/// The longest SQL statement: 100 kB. Values belong in parameters.
pub const DB_STATEMENT_BYTES_MAX: i32 = 100_000;
/// Columns of a table or of an answer: twice what a manifest may declare.
pub const DB_COLUMNS_MAX: i32 = 256;
/// Parameters of one statement: 1,000, for lists in `IN (…)`.
pub const DB_PARAMETERS_MAX: i32 = 1_000;
/// Depth of an SQL expression: 100. Each level takes stack.
pub const DB_EXPRESSION_DEPTH_MAX: i32 = 100;
/// Queries that one `UNION` may join.
pub const DB_COMPOUNDS_MAX: i32 = 50;
/// Instructions that one statement may compile to: 25,000, some megabytes.
pub const DB_PROGRAM_STEPS_MAX: i32 = 25_000;
/// Arguments of an SQL function: `json_object` of 50 members.
pub const DB_FUNCTION_ARGUMENTS_MAX: i32 = 100;
/// The longest pattern of `LIKE` and `GLOB`: 100 bytes. Matching takes its length times the text's, up to 50 ms for the
/// longest text.
pub const DB_PATTERN_BYTES_MAX: i32 = 100;
/// Triggers that set off one another.
pub const DB_TRIGGER_DEPTH_MAX: i32 = 16;
/// Statements in the body of one trigger.
pub const DB_TRIGGER_STEPS_MAX: i32 = 50;
/// Tables, indexes, views and triggers in one plugin's database. They are read when it is opened.
pub const DB_OBJECTS_MAX: i32 = 1_000;
/// Memory that one statement may take of the host: 64 MiB, for sorting and temporary tables.
pub const DB_STATEMENT_MEMORY_BYTES_MAX: usize = 64 << 20;
/// The size of one plugin's database: 256 MiB on disk.
pub const DB_FILE_BYTES_MAX: u64 = 256 << 20;
/// The size of one plugin's database without a data directory: 64 MiB of memory.
pub const DB_MEMORY_BYTES_MAX: u64 = 64 << 20;
/// The write-ahead log of one plugin's database, beside the file itself: 256 MiB. It grows beyond what one transaction
/// changes only while a query still reads what was there before.
pub const DB_LOG_BYTES_MAX: u64 = 256 << 20;
/// The page size of plugins' databases, in bytes: SQLite's own default.
pub const DB_PAGE_BYTES: u64 = 4096;
/// Pages of one plugin's database that each of its two connections keeps in memory: 2 MiB, made when they are used.
pub const DB_CACHE_BYTES: i64 = 2 << 20;
/// Statements that each connection keeps prepared.
pub const DB_PREPARED_MAX: usize = 64;
/// The longest statement that is kept prepared: 4 kB.
pub const DB_PREPARED_BYTES_MAX: usize = 4_000;
/// How long one statement may run, whatever the call's deadline is: 30 s.
pub const DB_STATEMENT_TIME_MAX: Duration = Duration::from_secs(30);
/// How long before the call's deadline its statement is stopped: 50 ms, in which the plugin can still answer.
pub const DB_TIME_TO_ANSWER: Duration = Duration::from_millis(50);
/// Statements that run at once, of all plugins of a runtime together: 32, each on a thread of its own and with memory
/// of its own. One plugin has two at most, a query and a change.
pub const DB_STATEMENTS_AT_ONCE_MAX: usize = 32;
/// How long a statement waits for another transaction of its plugin before it is answered `busy`: 5 s.
pub const DB_WAIT_MAX: Duration = Duration::from_secs(5);
/// Instructions of SQLite's machine between two checks whether the caller still waits: 20 take less than a microsecond,
/// but some of them may be functions that take milliseconds.
pub const DB_STEPS_UNTIL_LOOK: i32 = 20;
/// Looks that a short query may take in its caller's thread before it goes on in one that may wait: 100, some 50 µs.
pub const DB_LOOKS_HERE_MAX: u32 = 100;
/// The longest value in a query that runs in its caller's thread: 8 kB.
pub const DB_VALUE_BYTES_HERE_MAX: i32 = 8_000;

// `scheduler`.

/// Jobs of one plugin: 1,000. The host looks through all of them whenever one is due.
pub const JOBS_MAX: usize = 1_000;
/// The longest id of a job: 128 bytes.
pub const JOB_ID_BYTES_MAX: usize = 128;
/// The arguments of one job: 64 KiB of JSON. Larger data belongs in `data` or `db`, and its key in the job.
pub const JOB_ARGS_BYTES_MAX: usize = 64 << 10;
/// The arguments of all jobs of one plugin: 8 MiB. A list of all jobs goes to the guest in one piece.
pub const JOB_ARGS_BYTES_TOTAL_MAX: usize = 8 << 20;
/// The shortest time between two runs of a job: 1 s. Each run is two writes that wait for the disk.
pub const JOB_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// The latest moment and the longest interval of a job, in milliseconds: the end of the year 9999.
pub const JOB_MOMENT_MS_MAX: u64 = 253_402_300_799_999;
/// The longest cron expression or time zone: 256 bytes. Real ones have 9 to 40.
pub const CRON_BYTES_MAX: usize = 256;
/// Runs of one plugin's jobs at the same time, if that many of its calls may run at once: 4. The rest is left to other
/// callers.
pub const JOB_RUNS_AT_ONCE_MAX: usize = 4;
/// Outcomes that are kept of one job: 100, the newest.
pub const JOB_OUTCOMES_MAX: u32 = 100;
/// Outcomes that are kept of all jobs of one plugin: 10,000, the newest. Jobs that ran once leave theirs behind.
pub const JOB_OUTCOMES_TOTAL_MAX: u32 = 10_000;
/// The longest answer that is kept in an outcome: 4 KiB. Of a longer one its length is kept, of an error its message.
pub const JOB_ANSWER_BYTES_MAX: usize = 4 << 10;
/// How far back the clock may be set before cron jobs count from the new time: 1 day. Within it they do not run a
/// second time for a moment that they ran for already; beyond it the clock must have been wrong before.
pub const JOB_CLOCK_CORRECTION: Duration = Duration::from_secs(24 * 60 * 60);
/// Successive runs of a job during which the host may end: 5. Then the job is paused, because it may be what ends the
/// host.
pub const JOB_INTERRUPTIONS_MAX: u32 = 5;
/// The delay before a one-time job that was refused without a retry time is tried again: 1 s.
pub const JOB_RETRY_MIN: Duration = Duration::from_secs(1);
/// How long unloading waits for the outcomes of jobs whose runs have ended: 5 s, the longest that a write waits for
/// others.
pub const OUTCOMES_WAIT_MAX: Duration = Duration::from_secs(5);
/// The interval at which the host tries to take over the jobs of a plugin that another process runs: 1 s.
pub const JOBS_TAKE_OVER: Duration = Duration::from_secs(1);
/// The delay before jobs that could not be read are read again: 1 min. Each attempt may log a line.
pub const JOBS_UNREADABLE_PAUSE: Duration = Duration::from_secs(60);

// `http`: outgoing requests.

/// The body of one outgoing HTTP request: 16 MiB. It is sent as it is written; nothing holds it as a whole.
pub const HTTP_REQUEST_BYTES_MAX: u64 = 16 << 20;
/// The body of one response to it: 16 MiB. Guests hold it in their memory, of which they have 128 MiB.
pub const HTTP_RESPONSE_BYTES_MAX: u64 = 16 << 20;
/// The header of a request or a response: 32 KiB. Servers commonly take 8 to 16 KiB.
pub const HTTP_HEADER_BYTES_MAX: usize = 32 << 10;
/// Fields in the header of a response. hyper parses up to this many without allocating.
pub const HTTP_HEADER_FIELDS_MAX: usize = 100;
/// Path and query of a request: 8 KiB, what most servers take.
pub const HTTP_PATH_BYTES_MAX: usize = 8 << 10;
/// Method, scheme, host and path of a request, each, while it is put together: 16 KiB. A request that is too long to be
/// sent fails when it is sent.
pub const HTTP_PART_BYTES_MAX: usize = 16 << 10;
/// The size of one write to a request's body: 16 KiB, of which two are buffered. A guest can hold a thousand bodies.
pub const HTTP_CHUNK_BYTES: usize = 16 << 10;
/// Bytes read ahead of the guest on one connection: 64 KiB.
pub const HTTP_BUFFER_BYTES: usize = 64 << 10;
/// Requests that one call may send, one after another or at once.
pub const HTTP_REQUESTS_PER_CALL_MAX: u32 = 256;
/// Requests of one plugin that are under way at the same time. Each holds a connection.
pub const HTTP_REQUESTS_OPEN_MAX: usize = 64;
/// The same for all plugins of a runtime: a process commonly may have 1,024 files open.
pub const HTTP_CONNECTIONS_MAX: usize = 512;
/// Names of one plugin that are looked up at the same time. Each keeps a thread waiting, however long the name's owner
/// takes to answer.
pub const HTTP_LOOKUPS_MAX: usize = 8;
/// The same for all plugins of a runtime: tokio has 512 threads for everything that blocks.
pub const HTTP_LOOKUPS_IN_ALL_MAX: usize = 64;
/// Addresses of one name that are tried.
pub const HTTP_ADDRESSES_MAX: usize = 8;
/// How long a connection may take: name, TCP and TLS together.
pub const HTTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request may take from its beginning to the end of its response's body, where its call leaves it that
/// long.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest time that an embedder may name for that: a day, as long as a call may take.
pub const HTTP_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

// `plugins`: calls from one to another.

/// Plugins that may wait for one another, each for the answer to a call that it made: 8. Each holds an instance, and
/// real chains have two or three links.
pub const CALL_DEPTH_MAX: usize = 8;
/// Services that one plugin may offer: 64.
pub const SERVICES_MAX: usize = 64;
/// The longest name of a service: 128 bytes, a plugin's name and a word besides.
pub const SERVICE_NAME_BYTES_MAX: usize = 128;
/// Plugins or services that the text of a `not-found` lists: 32, more than a person reads.
pub const PLUGINS_TOLD_MAX: usize = 32;
