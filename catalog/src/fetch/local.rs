//! Packages on this machine: a directory, a component, a manifest.
//!
//! A directory may come from an untrusted archive, so every file in it is read through [`PluginDirectory`]. A
//! signature is in a file beside: `plugbay.minisig` of a directory, `NAME.minisig` of a file.

use std::path::{Path, PathBuf};

use plugbay_files::{PluginDirectory, read_file};
use plugbay_manifest::{FILE_NAMES, Format, plugin_name_from};

use super::document::{self, Code};
use super::{Content, Fetcher};
use crate::error::CatalogProblem;
use crate::http::TransferObserver;
use crate::limits::{
    COMPONENT_BYTES_MAX, CONFIG_FILE_BYTES_MAX, CONFIG_FILES_MAX, DOCUMENT_BYTES_MAX, LINK_DOCUMENT_BYTES_MAX,
    SIGNATURE_BYTES_MAX,
};
use crate::origin::{SIGNATURE_EXTENSION, SIGNATURE_FILE};
use crate::package::ConfigFile;

impl Fetcher {
    pub(super) async fn directory(
        &self,
        path: &Path,
        observer: &dyn TransferObserver,
    ) -> Result<Content, CatalogProblem> {
        let directory = PluginDirectory::open(path)?;
        let read = manifest(&directory)?;
        let (document, code) = match read {
            Some(read) => (Some(read.document), read.code),
            None => (None, Code::Nowhere),
        };
        let component = match code {
            Code::Inline(component) => component,
            Code::Named(named) => self.code_of(&directory, &named, observer).await?,
            // Source code of another system beside a component: the component is the plugin.
            Code::Source | Code::Nowhere => directory.read(only_component(&directory)?, COMPONENT_BYTES_MAX)?,
        };
        let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Ok(Content {
            pinned: absolute.display().to_string(),
            fallback_name: plugin_name_from(&absolute.file_name().unwrap_or_default().to_string_lossy()),
            document,
            files: config_files(&directory)?,
            component,
            signature: self.signature_file(&directory, SIGNATURE_FILE)?,
        })
    }

    /// A component. A manifest beside it is part of the package if its `entry_point` names this file.
    pub(super) fn file(&self, path: &Path) -> Result<Content, CatalogProblem> {
        let component = read_file(path, COMPONENT_BYTES_MAX)?;
        let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = absolute.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let directory = PluginDirectory::open(absolute.parent().unwrap_or(Path::new("")))?;
        // One that cannot be read is refused: it may set limits for this component.
        let beside = manifest(&directory)?;
        let beside = beside.filter(|read| matches!(&read.code, Code::Named(named) if *named == name));
        Ok(Content {
            pinned: absolute.display().to_string(),
            fallback_name: plugin_name_from(&absolute.file_stem().unwrap_or_default().to_string_lossy()),
            document: beside.map(|read| read.document),
            files: Vec::new(),
            component,
            signature: self.signature_file(&directory, &format!("{name}{SIGNATURE_EXTENSION}"))?,
        })
    }

    pub(super) async fn local_manifest(
        &self,
        path: &Path,
        observer: &dyn TransferObserver,
    ) -> Result<Content, CatalogProblem> {
        let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let format = Format::from_path(path).ok_or(CatalogProblem::UnsupportedManifest)?;
        let bytes_max = if format == Format::Json { LINK_DOCUMENT_BYTES_MAX } else { DOCUMENT_BYTES_MAX };
        let text = plugbay_files::text(path, read_file(path, bytes_max)?)?;
        let read = document::read(&path.display().to_string(), format, text)?;
        let directory = PluginDirectory::open(absolute.parent().unwrap_or(Path::new("")))?;
        let component = match read.code {
            Code::Inline(component) => component,
            Code::Named(named) => self.code_of(&directory, &named, observer).await?,
            Code::Source => return Err(CatalogProblem::SourceCode),
            Code::Nowhere => return Err(CatalogProblem::NoCode),
        };
        let name = absolute.file_name().unwrap_or_default().to_string_lossy();
        Ok(Content {
            pinned: absolute.display().to_string(),
            fallback_name: plugin_name_from(&absolute.file_stem().unwrap_or_default().to_string_lossy()),
            document: Some(read.document),
            files: Vec::new(),
            component,
            signature: self.signature_file(&directory, &format!("{name}{SIGNATURE_EXTENSION}"))?,
        })
    }

    /// The component that a manifest on this machine names: a file in its directory, a `file://` URL or an `https://`
    /// URL.
    async fn code_of(
        &self,
        directory: &PluginDirectory,
        named: &str,
        observer: &dyn TransferObserver,
    ) -> Result<Vec<u8>, CatalogProblem> {
        if !named.contains("://") {
            return Ok(directory.read(Path::new(named), COMPONENT_BYTES_MAX)?);
        }
        let url = url::Url::parse(named).map_err(|_| CatalogProblem::NoCode)?;
        match url.to_file_path() {
            Ok(path) if url.scheme() == "file" => Ok(read_file(&path, COMPONENT_BYTES_MAX)?),
            _ => self.download(&url, observer).await,
        }
    }

    fn signature_file(&self, directory: &PluginDirectory, name: &str) -> Result<Option<String>, CatalogProblem> {
        if !self.trust.looks_for_signatures() || !directory.contains(name)? {
            return Ok(None);
        }
        Ok(Some(directory.read_text(name, SIGNATURE_BYTES_MAX)?))
    }
}

/// The manifest of a directory: the first of [`FILE_NAMES`] that exists.
fn manifest(directory: &PluginDirectory) -> Result<Option<document::ReadDocument>, CatalogProblem> {
    for name in FILE_NAMES {
        if !directory.contains(name)? {
            continue;
        }
        let text = directory.read_text(name, DOCUMENT_BYTES_MAX)?;
        let format = Format::from_path(Path::new(name)).unwrap_or(Format::Yaml);
        return document::read(&directory.path().join(name).display().to_string(), format, text).map(Some);
    }
    Ok(None)
}

/// The only `.wasm` file of a directory.
fn only_component(directory: &PluginDirectory) -> Result<PathBuf, CatalogProblem> {
    let is_component = |name: &PathBuf| name.extension().is_some_and(|extension| extension == "wasm");
    let mut components = directory.names("")?.map(PathBuf::from).filter(is_component);
    match (components.next(), components.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(CatalogProblem::SeveralComponents(directory.path().to_owned())),
        (None, _) => Err(CatalogProblem::NoComponent(directory.path().to_owned())),
    }
}

/// The configuration files of a directory. Other files in `config/` are not part of the package.
fn config_files(directory: &PluginDirectory) -> Result<Vec<ConfigFile>, CatalogProblem> {
    let mut files = Vec::new();
    if !directory.contains_directory("config")? {
        return Ok(files);
    }
    let mut names: Vec<String> = directory.names("config")?.filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    for name in names.iter().map(|name| format!("config/{name}")) {
        if ConfigFile::new(&*name, "").is_none() {
            continue;
        }
        if files.len() == CONFIG_FILES_MAX {
            return Err(CatalogProblem::TooManyFiles);
        }
        files.extend(ConfigFile::new(&*name, directory.read_text(&name, CONFIG_FILE_BYTES_MAX)?));
    }
    Ok(files)
}
