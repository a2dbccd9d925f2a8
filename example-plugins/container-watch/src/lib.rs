//! A record of containers that are created, start, stop, die and are removed, and of what happens to images, in tables
//! of the plugin's own.
//!
//! The topics of Docker's events have three spellings, and the handlers below use each of them: the hook name
//! `onContainerStart`, Docker's words `container:stopped`, and the topic itself, `container.die`. An event always has
//! the topic with dots. `container:removed` is `container.destroy`, as Docker calls it.

use plugbay_sdk::db::Table;
use plugbay_sdk::prelude::*;

/// A container as the events describe it.
#[derive(Deserialize, Schema)]
struct Container {
    id: String,
    #[serde(default)]
    name: Option<String>,
}

/// A row of the table `container_events`.
#[derive(Table, Serialize, Schema)]
#[table(name = "container_events")]
struct ContainerEvent {
    #[column(id)]
    id: i64,
    #[column(enum("create", "start", "stop", "die", "destroy"))]
    event: String,
    container_id: String,
    name: Option<String>,
    /// In milliseconds since the Unix epoch, set by the host.
    #[column(created_at)]
    at: i64,
}

/// An image as the events describe it.
#[derive(Deserialize, Schema)]
struct Image {
    id: String,
    #[serde(default)]
    name: Option<String>,
    /// Docker's name of the event, such as `pull`.
    #[serde(default)]
    action: Option<String>,
}

/// A row of the table `image_events`.
#[derive(Table, Serialize, Schema)]
#[table(name = "image_events")]
struct ImageEvent {
    #[column(id)]
    id: i64,
    event: String,
    image_id: String,
    name: Option<String>,
    /// In milliseconds since the Unix epoch, set by the host.
    #[column(created_at)]
    at: i64,
}

/// The numbers of events of one container.
#[derive(Default, Serialize, Schema)]
struct Counts {
    starts: u64,
    stops: u64,
}

#[derive(Default)]
struct ContainerWatch;

#[plugin(
    tables(ContainerEvent, ImageEvent),
    permissions("db.container_events:read,write", "db.image_events:read,write")
)]
impl ContainerWatch {
    #[on_event("onContainerCreate")]
    fn created(&self, container: Container) -> Result<()> {
        record("create", container)
    }

    #[on_event("onContainerStart")]
    fn started(&self, container: Container) -> Result<()> {
        log::info!("container started", id = container.id);
        record("start", container)
    }

    #[on_event("container:stopped")]
    fn stopped(&self, container: Container) -> Result<()> {
        log::info!("container stopped", id = container.id);
        record("stop", container)
    }

    #[on_event("container.die")]
    fn died(&self, container: Container) -> Result<()> {
        log::warn!("container died", id = container.id);
        record("die", container)
    }

    #[on_event("onContainerRemove")]
    fn removed(&self, container: Container) -> Result<()> {
        record("destroy", container)
    }

    /// Receives the events of images, whatever happens to them.
    #[on_event("image.*")]
    fn image_changed(&self, Image { id, name, action }: Image) -> Result<()> {
        let row = ImageEvent { id: 0, event: action.unwrap_or_default(), image_id: id, name, at: 0 };
        ImageEvent::insert(&row).map(drop)
    }

    /// Returns the events of images whose name contains a text, oldest first.
    #[action(idempotent)]
    fn images(&self, name: String) -> Result<Vec<ImageEvent>> {
        let named = ImageEvent::name.contains(name);
        ImageEvent::select().filter(named).order_by(ImageEvent::id).all()
    }

    /// Returns the events of a container, oldest first.
    #[action(idempotent)]
    fn history(&self, container_id: String) -> Result<Vec<ContainerEvent>> {
        ContainerEvent::select()
            .filter(ContainerEvent::container_id.eq(container_id))
            .order_by(ContainerEvent::id)
            .all()
    }

    /// Counts the starts and stops of a container.
    #[action(idempotent)]
    fn count(&self, container_id: String) -> Result<Counts> {
        let of = |event: &str| {
            let wanted = ContainerEvent::container_id.eq(container_id.as_str()).and(ContainerEvent::event.eq(event));
            ContainerEvent::select().filter(wanted).count()
        };
        Ok(Counts { starts: of("start")?, stops: of("stop")? + of("die")? })
    }
}

fn record(event: &str, Container { id, name }: Container) -> Result<()> {
    let row = ContainerEvent { id: 0, event: event.to_owned(), container_id: id, name, at: 0 };
    ContainerEvent::insert(&row).map(drop)
}
