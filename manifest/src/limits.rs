//! The bounds of this crate, with units and reasons.
//!
//! A manifest comes from a third party. Its contents stay in memory as long as the plugin is known, and most of them
//! are shown to people, so nothing in it may be unbounded. The bounds are generous: a manifest that exceeds one of them
//! is generated or hostile.

/// Bytes of one manifest document. The largest parts are page templates and payload schemas; a megabyte holds hundreds.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// Bytes of a component's `plugbay:manifest` section: several documents, each of them bounded by
/// [`DOCUMENT_BYTES_MAX`].
pub const SECTION_BYTES_MAX: usize = 4 << 20;

/// Documents in one section. The SDK may write one for each action.
pub const SECTION_DOCUMENTS_MAX: usize = 2 * ACTIONS_MAX;

/// Nesting depth of objects and lists. Page templates are the deepest part; the rest needs six levels. The bound suits
/// code that walks a document recursively.
pub const DEPTH_MAX: usize = 48;

/// Values in one document after the expansion of YAML aliases. It bounds memory, which the bound on bytes does not.
pub const NODES_MAX: usize = 100_000;

/// Problems in a report. The others are only counted: a hostile document could have millions.
pub const PROBLEMS_MAX: usize = 100;

/// Characters of the names of plugins, actions and settings: they become file names, metric labels and URLs.
pub const NAME_CHARS_MAX: usize = 64;

/// Characters of the names of tables, columns, collections and indexed fields: PostgreSQL truncates identifiers to 63
/// bytes.
pub const IDENTIFIER_CHARS_MAX: usize = 63;

/// Characters of a line that people read: a title, an author, a licence, a tag, a URL.
pub const LINE_CHARS_MAX: usize = 512;

/// Characters of a description.
pub const PROSE_CHARS_MAX: usize = 8 << 10;

/// Characters of the value of an environment variable.
pub const ENV_VALUE_CHARS_MAX: usize = 8 << 10;

/// Characters of an event's topic, which is matched on every use.
pub const PATTERN_CHARS_MAX: usize = 256;

/// Characters of a permission's resource: a kind and a key of 512 bytes, each an escaped wildcard.
pub const RESOURCE_CHARS_MAX: usize = 1_040;

/// Characters of a regular expression in a setting.
pub const REGEX_CHARS_MAX: usize = 1 << 10;

/// Bytes of a compiled regular expression: `x{1000}{1000}` is short but compiles to a huge one.
pub const REGEX_BYTES_MAX: usize = 1 << 20;

/// Characters of a version requirement.
pub const REQUIREMENT_CHARS_MAX: usize = 256;

/// Comparators in a version requirement.
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

/// Rules of a policy. The first matching rule decides, so an access may be compared with all of them.
pub const RULES_MAX: usize = 256;

/// Settings of a configuration.
pub const SETTINGS_MAX: usize = 256;

/// Values in a setting's `enum`.
pub const ENUM_MAX: usize = 256;

/// Environment variables.
pub const ENV_MAX: usize = 256;

/// Required plugins, and callers in `allowed_callers`.
pub const PLUGINS_MAX: usize = 256;

/// Documented responses of a route: HTTP has about sixty statuses.
pub const RESPONSES_MAX: usize = 64;

/// Tags of a plugin or of a route.
pub const TAGS_MAX: usize = 64;

/// Topics that a plugin publishes, and subscriptions: each event is matched against all of them.
pub const TOPICS_MAX: usize = 256;

/// Tables, and collections.
pub const TABLES_MAX: usize = 64;

/// Columns of a table. SQLite allows 2,000, more than a plugin needs.
pub const COLUMNS_MAX: usize = 128;

/// Indexes of a collection, and fields of an index.
pub const INDEXES_MAX: usize = 32;

/// Documents of one collection in `initial_data`.
pub const INITIAL_DOCUMENTS_MAX: usize = 1_000;

/// Pages.
pub const PAGES_MAX: usize = 128;

/// Loaders of a page, actions of a page, and computed values.
pub const PAGE_PARTS_MAX: usize = 128;

/// Bytes of one template as compact JSON. It is sent whenever a person opens the page.
pub const TEMPLATE_BYTES_MAX: usize = 256 << 10;

/// Nodes of one template or fragment. A browser visits each whenever a value on the page changes.
pub const TEMPLATE_NODES_MAX: usize = 2_000;

/// Nested nodes of a template. Each takes two levels of [`DEPTH_MAX`].
pub const TEMPLATE_DEPTH_MAX: usize = 16;

/// Bytes of a CSS length, or of the tracks of a grid.
pub const LENGTH_CHARS_MAX: usize = 64;

/// Characters of an expression of a page. It is evaluated whenever a value on the page changes.
pub const EXPRESSION_CHARS_MAX: usize = 500;

/// Nested parentheses and negations of an expression.
pub const EXPRESSION_DEPTH_MAX: usize = 32;

/// Plugins in a host's file.
pub const HOST_PLUGINS_MAX: usize = 10_000;

/// Names before the targets of log lines.
pub const LOGGER_PARENTS_MAX: usize = 16;

/// Processes in the host's file.
pub const PROCESSES_MAX: usize = 10_000;

/// Docker engines in the host's file.
pub const DOCKER_HOSTS_MAX: usize = 64;

/// Files and directories that one process watches.
pub const WATCHED_PATHS_MAX: usize = 256;

/// Keys of publishers that a host trusts.
pub const TRUSTED_KEYS_MAX: usize = 256;

/// Hosts in one of the lists of the catalog's settings.
pub const HOST_NAMES_MAX: usize = 256;

/// Seconds of a call's timeout: a day. Longer work belongs in a scheduled job that runs in steps.
pub const TIMEOUT_SECONDS_MAX: u64 = 86_400;

/// Seconds of a rate limit's window: the longest timeout of a call.
pub const PERIOD_SECONDS_MAX: u64 = 86_400;

/// Megabytes (2^20 bytes) of linear memory: the maximum for 32-bit WebAssembly.
pub const MEMORY_MB_MAX: u64 = 4_096;

/// Instances of one plugin.
pub const INSTANCES_MAX: u64 = 1_024;

/// Attempts of a retried call.
pub const ATTEMPTS_MAX: u64 = 100;

/// Seconds between two attempts.
pub const BACKOFF_SECONDS_MAX: u64 = 3_600;

/// The absolute value of a subscription's priority.
pub const PRIORITY_MAX: i64 = 1_000_000;

/// Minimum of milliseconds between two polls of a page's loader: a page must not overload its plugin.
pub const POLLING_MS_MIN: u64 = 100;

/// Maximum of milliseconds of an interval of a page's action or loader: a day.
pub const INTERVAL_MS_MAX: u64 = 86_400_000;

/// Tests of one file.
pub const TESTS_MAX: usize = 1_000;

/// Steps of one test.
pub const TEST_STEPS_MAX: usize = 1_000;

/// Log lines, requests or denials that a step expects.
pub const EXPECTED_MAX: usize = 100;

/// The largest count in a test.
pub const TEST_COUNT_MAX: u64 = 1_000_000;

/// Characters of a text that a test sends or expects.
pub const TEST_TEXT_CHARS_MAX: usize = 100_000;

/// HTTP replies of a test's host.
pub const HTTP_REPLIES_MAX: usize = 1_000;

/// Headers of one reply.
pub const HTTP_HEADERS_MAX: usize = 64;
