//! A record of containers that start, stop and die, in a table of the plugin's own.
//!
//! The topics of Docker's events have three spellings, and the handlers below use each of them: the hook name
//! `onContainerStart`, Docker's words `container:stopped`, and the topic itself, `container.die`. An event always has
//! the topic with dots.

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
    #[column(enum("start", "stop", "die"))]
    event: String,
    container_id: String,
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

#[plugin(tables(ContainerEvent), permissions("db.container_events:read,write"))]
impl ContainerWatch {
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
