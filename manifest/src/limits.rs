//! Every bound of this crate, in one place: its unit and why it is what it is.
//!
//! A manifest comes from somebody else. Whatever it holds is kept in memory for as long as the plugin is known, and most
//! of it is shown to people, so nothing in it may be unbounded. The values are generous: a manifest that meets one of
//! them is generated or hostile.

/// Bytes of one manifest document. The largest parts are page templates and payload schemas; a megabyte holds hundreds.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// Bytes of a component's `plugbay:manifest` section: several documents, each of them bounded by [`DOCUMENT_BYTES_MAX`].
pub const SECTION_BYTES_MAX: usize = 4 << 20;

/// Documents in one section. The SDK may write one for each action.
pub const SECTION_DOCUMENTS_MAX: usize = 2 * ACTIONS_MAX;

/// Objects and lists inside one another. Page templates are the deepest part; the rest needs six levels. Low enough for
/// code that walks a document by recursion.
pub const DEPTH_MAX: usize = 48;

/// Values in one document after YAML aliases were expanded: what bounds memory, where bytes do not.
pub const NODES_MAX: usize = 100_000;

/// Problems that one report lists. The rest is counted: nobody reads more, and a hostile document could have millions.
pub const PROBLEMS_MAX: usize = 100;

/// Characters of the names of plugins, actions and settings: they become file names, metric labels and URLs.
pub const NAME_CHARS_MAX: usize = 64;

/// Characters of the names of tables, columns, collections and indexed fields: PostgreSQL cuts identifiers after 63 bytes.
pub const IDENTIFIER_CHARS_MAX: usize = 63;

/// Characters of a line that people read: a title, an author, a licence, a tag, a URL.
pub const LINE_CHARS_MAX: usize = 512;

/// Characters of a description.
pub const PROSE_CHARS_MAX: usize = 8 << 10;

/// Characters of the value of an environment variable.
pub const ENV_VALUE_CHARS_MAX: usize = 8 << 10;

/// Characters of an event's topic. It is matched on every use.
pub const PATTERN_CHARS_MAX: usize = 256;

/// Characters of a permission's resource: a kind and a key of 512 bytes of which each is a wildcard that is escaped.
pub const RESOURCE_CHARS_MAX: usize = 1_040;

/// Characters of a regular expression in a setting.
pub const REGEX_CHARS_MAX: usize = 1 << 10;

/// Bytes that a compiled regular expression may take: `x{1000}{1000}` is short and huge.
pub const REGEX_BYTES_MAX: usize = 1 << 20;

/// Characters of a version requirement, and comparators in it.
pub const REQUIREMENT_CHARS_MAX: usize = 256;

/// Comparators of a version requirement.
pub const COMPARATORS_MAX: usize = 16;

/// Characters of a path template or of a path to a file.
pub const PATH_CHARS_MAX: usize = 512;

/// Segments of a route's path.
pub const PATH_SEGMENTS_MAX: usize = 32;

/// Declared actions.
pub const ACTIONS_MAX: usize = 512;

/// Bytes of one JSON Schema as compact JSON. It is compiled when the plugin is loaded.
pub const SCHEMA_BYTES_MAX: usize = 64 << 10;

/// Routes.
pub const ROUTES_MAX: usize = 512;

/// Actions in a route's chain: they run one after another within one deadline.
pub const CHAIN_MAX: usize = 32;

/// Rules of a policy. The first that matches decides, so all of them may be tried at each use.
pub const RULES_MAX: usize = 256;

/// Settings of a configuration.
pub const SETTINGS_MAX: usize = 256;

/// Values that a setting's `enum` lists.
pub const ENUM_MAX: usize = 256;

/// Environment variables.
pub const ENV_MAX: usize = 256;

/// Required plugins, and callers that are let in by name.
pub const PLUGINS_MAX: usize = 256;

/// Tags of a plugin or of a route.
pub const TAGS_MAX: usize = 64;

/// Topics that a plugin publishes, and subscriptions: each event is matched against all of them.
pub const TOPICS_MAX: usize = 256;

/// Tables, and collections.
pub const TABLES_MAX: usize = 64;

/// Columns of a table. SQLite allows 2,000; nobody needs them in a plugin.
pub const COLUMNS_MAX: usize = 128;

/// Indexes of a collection, and fields of an index.
pub const INDEXES_MAX: usize = 32;

/// Documents that `initial_data` puts into one collection.
pub const INITIAL_DOCUMENTS_MAX: usize = 1_000;

/// Pages.
pub const PAGES_MAX: usize = 128;

/// Loaders of a page, actions of a page, and computed values.
pub const PAGE_PARTS_MAX: usize = 128;

/// Plugins that a host's file names.
pub const HOST_PLUGINS_MAX: usize = 10_000;

/// Seconds that a call may ask for: a day. Longer work belongs into a scheduled job that runs in steps.
pub const TIMEOUT_SECONDS_MAX: u64 = 86_400;

/// Seconds of a rate limit's window, as many as a call may take.
pub const PERIOD_SECONDS_MAX: u64 = 86_400;

/// Megabytes (2^20 bytes) of linear memory: what 32-bit WebAssembly can address.
pub const MEMORY_MB_MAX: u64 = 4_096;

/// Instances of one plugin.
pub const INSTANCES_MAX: u64 = 1_024;

/// Attempts of a retried call.
pub const ATTEMPTS_MAX: u64 = 100;

/// Seconds between two attempts.
pub const BACKOFF_SECONDS_MAX: u64 = 3_600;

/// A subscription's priority lies between minus this and this.
pub const PRIORITY_MAX: i64 = 1_000_000;

/// Milliseconds between two polls of a page's loader, at least: a page must not become a load test.
pub const POLLING_MS_MIN: u64 = 100;

/// Milliseconds that a page's action or loader may name, at most: a day.
pub const INTERVAL_MS_MAX: u64 = 86_400_000;

/// Tests of one file.
pub const TESTS_MAX: usize = 1_000;

/// Steps of one test.
pub const TEST_STEPS_MAX: usize = 1_000;

/// Lines, requests or denials that one step expects.
pub const EXPECTED_MAX: usize = 100;

/// The most that a test may count to.
pub const TEST_COUNT_MAX: u64 = 1_000_000;

/// Characters of a text that a test replies with or looks for.
pub const TEST_TEXT_CHARS_MAX: usize = 100_000;

/// Replies that the host of a test has for requests.
pub const HTTP_REPLIES_MAX: usize = 1_000;

/// Headers of one reply.
pub const HTTP_HEADERS_MAX: usize = 64;
