//! The bounds of this crate, with units and reasons.
//!
//! A package comes from a third party, and so do the replies of the servers that it is downloaded from. Nothing that
//! they send may be unbounded.

use std::time::Duration;

/// Bytes of a component: 128 MiB, as much as the host compiles.
pub const COMPONENT_BYTES_MAX: u64 = 128 << 20;

/// Bytes of a manifest document without a component in it, as in `plugbay-manifest`.
pub const DOCUMENT_BYTES_MAX: u64 = plugbay_manifest::limits::DOCUMENT_BYTES_MAX as u64;

/// Bytes of a manifest document that contains its component as base64, which takes four bytes for three.
pub const LINK_DOCUMENT_BYTES_MAX: u64 = COMPONENT_BYTES_MAX / 3 * 4 + DOCUMENT_BYTES_MAX;

/// Configuration files of a package: a default and one for each environment, in up to four formats.
pub const CONFIG_FILES_MAX: usize = 32;

/// Bytes of one configuration file.
pub const CONFIG_FILE_BYTES_MAX: u64 = plugbay_files::TEXT_FILE_BYTES_MAX;

/// Bytes of a signature file. minisign's have about 300.
pub const SIGNATURE_BYTES_MAX: u64 = 4 << 10;

/// Bytes of a key file. minisign's have about 250.
pub const KEY_BYTES_MAX: u64 = 4 << 10;

/// Bytes of an OCI manifest. One of a component has about 700; annotations are the rest.
pub const OCI_MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Bytes of a reply that is neither a package nor a manifest: tokens, registry metadata, a page of tags, an error.
pub const REPLY_BYTES_MAX: u64 = 1 << 20;

/// Pages of a list of tags, each with as many tags as the registry chooses (usually 100 to 1,000).
pub const TAG_PAGES_MAX: usize = 20;

/// Bytes of the settings of wkg or Docker.
pub const SETTINGS_BYTES_MAX: u64 = 1 << 20;

/// Redirects that one download follows. Registries send one to their storage; link shorteners add two.
pub const REDIRECTS_MAX: usize = 5;

/// Bytes of the head of a reply.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 64 << 10;

/// Header fields of a reply.
pub const RESPONSE_HEADERS_MAX: usize = 128;

/// Addresses of one host that are tried. Ten times what large services answer.
pub const ADDRESSES_MAX: usize = 16;

/// The time limit for connecting to a server, name lookup and TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The time for which a server may send nothing.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The time limit of a whole transfer. 128 MiB in ten minutes are 220 KiB/s.
pub const TRANSFER_TIMEOUT: Duration = Duration::from_secs(600);

/// Installed plugins, as many as a host's file may name.
pub const PLUGINS_MAX: usize = plugbay_manifest::limits::HOST_PLUGINS_MAX;

/// Characters of the error that is stored with a plugin.
pub const ERROR_CHARS_MAX: usize = 4 << 10;

/// Characters of a reference to a package: a URL or a path.
pub const REFERENCE_CHARS_MAX: usize = 2 << 10;

/// The time that a change waits for one of another process.
pub const DATABASE_WAIT_MAX: Duration = Duration::from_secs(10);
