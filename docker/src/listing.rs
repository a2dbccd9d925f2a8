//! The objects of an engine as it lists them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::connection::Connection;
use crate::container::{Container, ContainerPort, ContainerState};
use crate::error::DockerError;

/// The longest list that is read, in bytes. A container takes about 1 KiB of it.
const LIST_BYTES_MAX: usize = 64 << 20;

/// The objects of an engine, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) containers: BTreeMap<String, Container>,
    /// The tags of images.
    pub(crate) images: BTreeMap<String, BTreeSet<String>>,
    /// The names of networks.
    pub(crate) networks: BTreeMap<String, String>,
    pub(crate) volumes: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedContainer {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    image: String,
    #[serde(default)]
    created: Value,
    #[serde(default)]
    ports: Option<Vec<ListedPort>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedPort {
    private_port: u16,
    #[serde(default)]
    public_port: Option<u16>,
    #[serde(default)]
    r#type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedImage {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedNetwork {
    id: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedVolumes {
    #[serde(default)]
    volumes: Option<Vec<ListedVolume>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedVolume {
    name: String,
}

/// The id of an image without its algorithm, which Podman omits in events.
pub(crate) fn image_id(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

/// Lists the objects of an engine. `base` is the path of the version of its API.
pub(crate) async fn list(connection: &mut Connection, base: &str) -> Result<Listing, DockerError> {
    let (containers, _): (Vec<ListedContainer>, _) =
        connection.get(&format!("{base}/containers/json?all=1"), LIST_BYTES_MAX).await?;
    let (images, _): (Vec<ListedImage>, _) = connection.get(&format!("{base}/images/json"), LIST_BYTES_MAX).await?;
    let (networks, _): (Vec<ListedNetwork>, _) = connection.get(&format!("{base}/networks"), LIST_BYTES_MAX).await?;
    let (volumes, _): (ListedVolumes, _) = connection.get(&format!("{base}/volumes"), LIST_BYTES_MAX).await?;
    let tags = |image: &ListedImage| {
        // Docker shows an image without a tag so.
        let tags = image.repo_tags.iter().flatten().filter(|tag| *tag != "<none>:<none>");
        tags.cloned().collect()
    };
    Ok(Listing {
        containers: containers.into_iter().map(|listed| (listed.id.clone(), container(listed))).collect(),
        images: images.iter().map(|image| (image_id(&image.id).to_owned(), tags(image))).collect(),
        networks: networks.into_iter().map(|network| (network.id, network.name)).collect(),
        volumes: volumes.volumes.into_iter().flatten().map(|volume| volume.name).collect(),
    })
}

fn container(listed: ListedContainer) -> Container {
    let name = listed.names.iter().flatten().next().map(|name| name.trim_start_matches('/').to_owned());
    let port = |port: ListedPort| ContainerPort {
        private_port: port.private_port,
        public_port: port.public_port.filter(|port| *port != 0),
        r#type: port.r#type,
    };
    Container {
        id: listed.id,
        name: name.unwrap_or_default(),
        image: listed.image,
        state: ContainerState::of_engine(&listed.state),
        created: listed.created.as_u64().unwrap_or_default(),
        ports: listed.ports.into_iter().flatten().map(port).collect(),
        labels: listed.labels.unwrap_or_default(),
    }
}
