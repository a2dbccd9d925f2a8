//! The collections of documents that a manifest declares (`database`), with their indexes and the documents that they begin
//! with.
//!
//! A collection is an ordinary table of that name, of which the permission is `db.<collection>`:
//!
//! ```sql
//! CREATE TABLE <collection> (
//!     id INTEGER PRIMARY KEY AUTOINCREMENT,
//!     doc TEXT NOT NULL CHECK (json_valid(doc) AND json_type(doc) = 'object'),
//!     created_at INTEGER NOT NULL DEFAULT (plugbay_now()), -- milliseconds since the Unix epoch
//!     updated_at INTEGER NOT NULL DEFAULT (plugbay_now())  -- the same, kept by a trigger
//! ) STRICT
//! ```
//!
//! `doc` is the document as JSON text. `id` is the host's key and no part of it: a document may have an `id` of its own.
//! A field `a.b` is `json_extract(doc, '$."a"."b"')`, and its index is over exactly that expression, so that queries
//! written like this use it. A unique index holds for documents that have the field.
