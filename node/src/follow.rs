//! Following the catalog: a host that runs loads, replaces and unloads plugins as other processes change the catalog.

use std::convert::Infallible;
use std::time::Duration;

use plugbay_catalog::{Catalog, CatalogError};

use crate::{Node, OpenCatalogError, RefreshReport};

/// How often the catalog's revision is read.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The catalog cannot be followed at the moment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenCatalogError),
    /// It cannot be read or written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Node {
    /// Looks at the catalog once a second and [refreshes](Node::refresh) this host when it has changed. A catalog that
    /// is created later is followed too. `report` receives the outcome of each refresh that changed something, and an
    /// error once for as long as it lasts.
    ///
    /// Runs until it is dropped.
    pub async fn follow_catalog(&self, mut report: impl FnMut(Result<RefreshReport, FollowError>)) -> Infallible {
        let (mut catalog, mut seen, mut failed) = (None, None, None);
        loop {
            match self.look(&mut catalog, &mut seen).await {
                Ok(refreshed) => {
                    failed = None;
                    if !refreshed.is_empty() {
                        report(Ok(refreshed));
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    if failed.replace(text.clone()) != Some(text) {
                        report(Err(error));
                    }
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Refreshes if the catalog has another revision than the one that was seen last.
    async fn look(&self, catalog: &mut Option<Catalog>, seen: &mut Option<u64>) -> Result<RefreshReport, FollowError> {
        if catalog.is_none() {
            *catalog = self.catalog()?;
        }
        let Some(catalog) = catalog else { return Ok(RefreshReport::default()) };
        let revision = catalog.revision().await?;
        if *seen == Some(revision) {
            return Ok(RefreshReport::default());
        }
        let refreshed = self.refresh(catalog).await?;
        *seen = Some(revision);
        Ok(refreshed)
    }
}
