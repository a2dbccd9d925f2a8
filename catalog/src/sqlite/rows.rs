//! Rows of the catalog: writing versions, and reading them back with their digests checked.

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{OptionalExtension, Row, ToSql, Transaction, params};
use serde_json::Map;

use super::{Stopped, seconds};
use crate::digest::Digest;
use crate::installed::{Installed, InstalledState, InstalledVersion, PluginId, StoredPackage};
use crate::package::{ConfigFile, ManifestDocument};
use crate::store::{NewVersion, StoreError};
use plugbay_manifest::Format;

/// Which version of a plugin a row is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Current,
    Previous,
    /// Only within a transaction that exchanges two versions.
    Moving,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Current => "current",
            Place::Previous => "previous",
            Place::Moving => "moving",
        }
    }
}

impl ToSql for Place {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Text(self.name().to_owned())))
    }
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    id: PluginId,
    place: Place,
    new: &NewVersion,
) -> rusqlite::Result<()> {
    let digest = new.component_digest.to_string();
    let sql = "INSERT INTO component (digest, bytes) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING";
    transaction.execute(sql, params![digest, &new.component[..]])?;
    let files: Map<_, _> = new.files.iter().map(|file| (file.name.clone(), file.text.clone().into())).collect();
    let sql = "INSERT INTO version (plugin, place, version, manifest, document, format, document_digest, component, \
               component_bytes, files, files_digest, origin, pinned, signed_by, stored_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let document = new.document.as_ref();
    let files = serde_json::Value::Object(files).to_string();
    transaction.execute(
        sql,
        params![
            id,
            place,
            new.version.to_string(),
            new.manifest,
            document.map(|document| &document.text),
            document.map(|document| format_name(document.format)),
            document.map(|document| document.digest().to_string()),
            digest,
            seconds(new.component.len() as u64),
            files,
            Digest::of(files.as_bytes()).to_string(),
            new.origin,
            new.pinned,
            new.signed_by,
            seconds(new.stored_at),
        ],
    )?;
    Ok(())
}

pub(super) fn move_to(transaction: &Transaction<'_>, id: PluginId, from: Place, to: Place) -> rusqlite::Result<()> {
    let sql = "UPDATE version SET place = ?3 WHERE plugin = ?1 AND place = ?2";
    transaction.execute(sql, params![id, from, to]).map(drop)
}

pub(super) fn exists(transaction: &Transaction<'_>, id: PluginId, place: Place) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM version WHERE plugin = ?1 AND place = ?2";
    transaction.query_row(sql, params![id, place], |row| row.get::<_, i64>(0)).map(|count| count > 0)
}

/// The digests of the installed component and document.
pub(super) fn digests(
    transaction: &Transaction<'_>,
    id: PluginId,
) -> rusqlite::Result<Option<(String, Option<String>)>> {
    let sql = "SELECT component, document_digest FROM version WHERE plugin = ?1 AND place = 'current'";
    transaction.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

pub(super) fn drop_unused_components(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "DELETE FROM component WHERE digest NOT IN (SELECT component FROM version)";
    transaction.execute(sql, ()).map(drop)
}

/// A plugin with its versions, without code.
pub(super) fn installed(
    transaction: &Transaction<'_>,
    place: &str,
    id: PluginId,
) -> Result<Option<Installed>, Stopped> {
    let sql = "SELECT name, enabled, state, last_error, installed_at FROM plugin WHERE id = ?1";
    let plugin = transaction.prepare_cached(sql)?.query_row([id], |row| {
        let state: String = row.get(2)?;
        Ok((row.get::<_, String>(0)?, row.get(1)?, state, row.get(3)?, row.get::<_, i64>(4)?))
    });
    let Some((name, enabled, state, last_error, installed_at)) = plugin.optional()? else { return Ok(None) };
    let damaged = |what: &str| Stopped::Refused(damaged(place, &name, what));
    let version = |which: Place| -> Result<Option<InstalledVersion>, Stopped> {
        let sql = "SELECT version, manifest, document_digest, component, component_bytes, origin, pinned, signed_by, \
                   stored_at FROM version WHERE plugin = ?1 AND place = ?2";
        let row =
            transaction.prepare_cached(sql)?.query_row(params![id, which], |row| Ok(read_version(row))).optional()?;
        row.transpose()?.map(|found| found.ok_or_else(|| damaged("a version cannot be read"))).transpose()
    };
    let current = version(Place::Current)?.ok_or_else(|| damaged("it has no version"))?;
    let state = InstalledState::from_name(&state).ok_or_else(|| damaged("its state is unknown"))?;
    let previous = version(Place::Previous)?;
    let installed_at = installed_at.unsigned_abs();
    Ok(Some(Installed { id, name, enabled, state, last_error, installed_at, current, previous }))
}

/// The inner value is missing if a text is not what this crate writes.
fn read_version(row: &Row<'_>) -> rusqlite::Result<Option<InstalledVersion>> {
    let document_digest: Option<String> = row.get(2)?;
    let (version, manifest): (String, String) = (row.get(0)?, row.get(1)?);
    let component: String = row.get(3)?;
    let (origin, pinned, signed_by) = (row.get(5)?, row.get(6)?, row.get(7)?);
    let (component_bytes, stored_at): (i64, i64) = (row.get(4)?, row.get(8)?);
    let read = || {
        Some(InstalledVersion {
            version: version.parse().ok()?,
            manifest: serde_json::from_str(&manifest).ok()?,
            document_digest: document_digest.map(|digest| digest.parse().ok().ok_or(())).transpose().ok()?,
            component_digest: component.parse().ok()?,
            component_bytes: component_bytes.unsigned_abs(),
            origin,
            pinned,
            signed_by,
            stored_at: stored_at.unsigned_abs(),
        })
    };
    Ok(read())
}

/// The installed version with its code. Everything is compared with its digest, because a disk may return other
/// bytes than were written.
pub(super) fn stored_package(
    transaction: &Transaction<'_>,
    place: &str,
    id: PluginId,
    name: String,
) -> Result<StoredPackage, Stopped> {
    let sql = "SELECT document, format, document_digest, component, files, files_digest, bytes, origin, stored_at FROM version \
               LEFT JOIN component ON digest = component WHERE plugin = ?1 AND place = 'current'";
    let row = transaction.prepare_cached(sql)?.query_row([id], |row| {
        let document: (Option<String>, Option<String>, Option<String>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let files: (String, String) = (row.get(4)?, row.get(5)?);
        let (origin, stored_at): (String, i64) = (row.get(7)?, row.get(8)?);
        Ok((document, row.get::<_, String>(3)?, files, row.get::<_, Option<Vec<u8>>>(6)?, origin, stored_at))
    });
    let failed = |what: &str| Stopped::Refused(damaged(place, &name, what));
    let (document, digest, files, bytes, origin, stored_at) =
        row.optional()?.ok_or_else(|| failed("it has no version"))?;
    let bytes = bytes.ok_or_else(|| failed("its component is missing"))?;
    let component_digest = Digest::of(&bytes);
    if component_digest.to_string() != digest {
        return Err(failed("its component does not have its digest"));
    }
    if Digest::of(files.0.as_bytes()).to_string() != files.1 {
        return Err(failed("its configuration files do not have their digest"));
    }
    let document = match document {
        (None, None, None) => None,
        (Some(text), Some(format), Some(digest)) => {
            let format = format_of(&format).ok_or_else(|| failed("the format of its manifest is unknown"))?;
            Some(ManifestDocument::new(format, text))
                .filter(|document| document.digest().to_string() == digest)
                .ok_or_else(|| failed("its manifest does not have its digest"))
                .map(Some)?
        }
        _ => return Err(failed("its manifest is incomplete")),
    };
    let files = read_files(&files.0).ok_or_else(|| failed("its configuration files cannot be read"))?;
    let stored_at = stored_at.unsigned_abs();
    Ok(StoredPackage { id, name, origin, stored_at, document, files, component: bytes.into(), component_digest })
}

fn read_files(text: &str) -> Option<Vec<ConfigFile>> {
    let files: Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    files.into_iter().map(|(name, text)| ConfigFile::new(name, text.as_str()?)).collect()
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Yaml => "yaml",
        Format::Json => "json",
        Format::Toml => "toml",
    }
}

fn format_of(name: &str) -> Option<Format> {
    [Format::Yaml, Format::Json, Format::Toml].into_iter().find(|format| format_name(*format) == name)
}

fn damaged(place: &str, name: &str, what: &str) -> StoreError {
    StoreError::Damaged { place: place.to_owned(), reason: format!("plugin `{name}`: {what}") }
}
