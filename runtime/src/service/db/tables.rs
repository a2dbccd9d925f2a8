//! The tables that a manifest declares: made when the plugin first loads, rebuilt when the declaration changes.
//!
//! A declared table is an ordinary `STRICT` table of that name. What a column's kind becomes, and so what a plugin binds
//! and gets back:
//!
//! | kind | SQLite | value |
//! |---|---|---|
//! | `id` | `INTEGER PRIMARY KEY AUTOINCREMENT` | integer, never given twice |
//! | `text`, `varchar(n)`, `char(n)` | `TEXT`, at most or exactly n characters | text |
//! | `integer` | `INTEGER` | integer |
//! | `real` | `REAL` | real; an integer that is bound becomes a real |
//! | `numeric` | `ANY`, an integer or a real | as it was bound |
//! | `boolean` | `INTEGER`, 0 or 1 | integer |
//! | `json`, and text among `json_columns` | `TEXT`, valid JSON | text: the JSON |
//! | `enum` | `TEXT`, one of its words | text |
//! | `blob` | `BLOB` | blob |
//! | `date` | `TEXT`, `YYYY-MM-DD` | text |
//! | `time` | `TEXT`, `HH:MM`, `HH:MM:SS` or with a fraction | text |
//! | `datetime` | `TEXT`, ISO 8601: `YYYY-MM-DD`, `T` or a blank, a time, with or without zone | text |
//! | `timestamp` | `INTEGER` | integer: milliseconds since the Unix epoch |
//! | `uuid` | `TEXT`, 36 characters with dashes | text |
//! | `foreign_key` | the type of the column that it refers to, `REFERENCES … ON DELETE …` | as there |
//! | `created_at`, `updated_at` | `INTEGER NOT NULL`, set by the host's clock | integer: milliseconds since the Unix epoch |
//!
//! `created_at` may be given on insert and is filled in where it is not; `updated_at` changes with every update. A
//! column's `default` is a constant of its kind, `true` being 1, and a `json` default being the text of the JSON.
