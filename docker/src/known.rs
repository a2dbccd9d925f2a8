//! The objects of an engine as the events left them, and the comparison with those that the engine lists.
//!
//! A list and the stream of events are made at the same time, so one of them may be ahead of the other. The comparison
//! therefore leaves out each object that had an event since the list was begun: its events say what happened. An event
//! that arrives even later than the comparison is recognised, because an engine never reports the same change of an
//! object twice in a row.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::container::{Container, ContainerState};
use crate::event::{DockerEvent, DockerObject};
use crate::listing::{Listing, image_id};

/// The most objects of a kind that are known, and the most that have events while a list is made. With more of them,
/// lost events are not noticed.
const OBJECTS_MAX: usize = 100_000;
/// Attributes of events of containers that are no labels.
const NO_LABELS: [&str; 10] = [
    "image",
    "name",
    "exitCode",
    "signal",
    "execID",
    "oldName",
    "execDuration",
    "containerExitCode",
    "podId",
    "comment",
];
/// The actions that change what a list shows.
const CHANGES: [&str; 13] = [
    "create", "delete", "destroy", "die", "pause", "remove", "rename", "restart", "start", "stop", "tag", "unpause",
    "untag",
];

/// An object of an engine.
type Key = (DockerObject, String);

/// The objects of an engine.
#[derive(Debug, Default)]
pub(crate) struct Known {
    objects: Listing,
    /// Whether a list was compared. The first one only says what there is.
    has_compared: bool,
    /// The objects that had an event since the list was begun. Images are also in it by their names.
    touched: HashSet<Key>,
    is_overrun: bool,
    /// The images with events since the last comparison, by id and by name. A pulled image is not known by its id.
    changed_images: HashSet<String>,
    /// The actions of synthetic events, until their object has a real one.
    concluded: HashMap<Key, Vec<&'static str>>,
}

impl Known {
    /// Whether a list was compared.
    pub(crate) fn has_compared(&self) -> bool {
        self.has_compared
    }

    /// The number of containers.
    pub(crate) fn containers(&self) -> usize {
        self.objects.containers.len()
    }

    /// The containers that run.
    pub(crate) fn running(&self) -> Vec<Container> {
        let running = |container: &&Container| container.state == ContainerState::Running;
        self.objects.containers.values().filter(running).cloned().collect()
    }

    /// A list is about to be made.
    pub(crate) fn begin_list(&mut self) {
        self.touched.clear();
        self.is_overrun = false;
    }

    /// Notes an event, and adds the container to it. Returns whether it is new: not the late original of a synthetic
    /// one.
    pub(crate) fn note(&mut self, event: &mut DockerEvent) -> bool {
        let id = match event.object {
            DockerObject::Image => image_id(&event.id).to_owned(),
            _ => event.id.clone(),
        };
        let is_new = self.is_new((event.object, id.clone()), &event.action);
        if event.object == DockerObject::Image {
            let names = [&event.id, event.name().unwrap_or_default()].map(reference);
            for name in names.into_iter().chain([id.clone()]) {
                self.touch(DockerObject::Image, name);
            }
        } else {
            self.touch(event.object, id.clone());
        }
        match event.object {
            DockerObject::Container => self.note_container(event),
            DockerObject::Image => self.note_image(event, id),
            DockerObject::Network => match event.action.as_str() {
                "create" if self.objects.networks.len() < OBJECTS_MAX => {
                    self.objects.networks.insert(id, event.name().unwrap_or_default().to_owned());
                }
                "destroy" | "remove" => drop(self.objects.networks.remove(&id)),
                _ => {}
            },
            DockerObject::Volume => match event.action.as_str() {
                "create" if self.objects.volumes.len() < OBJECTS_MAX => drop(self.objects.volumes.insert(id)),
                "destroy" => drop(self.objects.volumes.remove(&id)),
                _ => {}
            },
            _ => {}
        }
        is_new
    }

    fn is_new(&mut self, key: Key, action: &str) -> bool {
        let Some(actions) = self.concluded.get_mut(&key) else { return true };
        if let Some(index) = actions.iter().position(|concluded| *concluded == action) {
            actions.drain(..=index);
            return false;
        }
        if CHANGES.contains(&action) {
            self.concluded.remove(&key);
        }
        true
    }

    fn touch(&mut self, object: DockerObject, id: String) {
        if object == DockerObject::Image && self.changed_images.len() < OBJECTS_MAX {
            self.changed_images.insert(id.clone());
        }
        self.is_overrun |= self.touched.len() >= OBJECTS_MAX || self.changed_images.len() >= OBJECTS_MAX;
        if !self.is_overrun {
            self.touched.insert((object, id));
        }
    }

    fn note_container(&mut self, event: &mut DockerEvent) {
        let known = &mut self.objects.containers;
        let mut container = known.get(&event.id).cloned().unwrap_or_else(|| Container {
            id: event.id.clone(),
            name: String::new(),
            image: String::new(),
            // A container that has events other than this one exists for a while.
            state: ContainerState::Exited,
            created: if event.action == "create" { event.time_ns / 1_000_000_000 } else { 0 },
            ports: Vec::new(),
            labels: event.attributes.clone().into_iter().filter(|(name, _)| !NO_LABELS.contains(&&**name)).collect(),
        });
        if let Some(name) = event.attributes.get("name") {
            container.name = name.trim_start_matches('/').to_owned();
        }
        if let Some(image) = event.attributes.get("image").filter(|image| !image.is_empty()) {
            container.image.clone_from(image);
        }
        container.state = ContainerState::after(&event.action).unwrap_or(container.state);
        if event.action == "destroy" {
            known.remove(&event.id);
        } else if known.contains_key(&event.id) || known.len() < OBJECTS_MAX {
            known.insert(event.id.clone(), container.clone());
        }
        event.container = Some(container);
    }

    fn note_image(&mut self, event: &DockerEvent, id: String) {
        match event.action.as_str() {
            "delete" => drop(self.objects.images.remove(&id)),
            // Docker names a pulled image by its reference.
            "tag" | "import" | "load" | "create"
                if (id != event.id || is_digest(&id)) && self.objects.images.len() < OBJECTS_MAX =>
            {
                self.objects.images.entry(id).or_default();
            }
            _ => {}
        }
    }

    /// Compares the objects with those that the engine lists, which are the known ones from then on, and returns
    /// synthetic events for changes that no event reported. `event` makes one of an object's id.
    pub(crate) fn compare(
        &mut self,
        listing: Listing,
        event: impl Fn(DockerObject, &'static str, &str) -> DockerEvent,
    ) -> Vec<DockerEvent> {
        let is_silent = !self.has_compared || self.is_overrun;
        self.has_compared = true;
        let mut concluded = Concluded { event, events: Vec::new() };
        let Listing { containers, images, networks, volumes } = listing;
        self.compare_containers(containers, &mut concluded);
        self.compare_images(images, &mut concluded);
        let network_ids = (keys(&self.objects.networks), keys(&networks));
        concluded.set(DockerObject::Network, &self.touched, network_ids, |id| {
            networks.get(id).or(self.objects.networks.get(id)).cloned()
        });
        let volume_ids = (self.objects.volumes.iter().cloned().collect(), volumes.iter().cloned().collect());
        concluded.set(DockerObject::Volume, &self.touched, volume_ids, |id| Some(id.to_owned()));
        take_over(&mut self.objects.networks, networks, |id| {
            self.touched.contains(&(DockerObject::Network, id.clone()))
        });
        let is_touched = |id: &String| self.touched.contains(&(DockerObject::Volume, id.clone()));
        let own = std::mem::take(&mut self.objects.volumes);
        self.objects.volumes =
            own.into_iter().filter(is_touched).chain(volumes.into_iter().filter(|id| !is_touched(id))).collect();
        let still = |name: &String| self.touched.contains(&(DockerObject::Image, name.clone()));
        self.changed_images.retain(still);
        self.concluded.clear();
        if is_silent {
            return Vec::new();
        }
        for event in &concluded.events {
            if let Some(action) = CHANGES.into_iter().find(|action| *action == event.action) {
                self.concluded.entry((event.object, event.id.clone())).or_default().push(action);
            }
        }
        concluded.events
    }

    fn compare_containers(&mut self, listed: BTreeMap<String, Container>, concluded: &mut Concluded<impl MakeEvent>) {
        let touched = |id: &str| self.touched.contains(&(DockerObject::Container, id.to_owned()));
        let own = std::mem::take(&mut self.objects.containers);
        for (id, container) in &own {
            if listed.contains_key(id) || touched(id) {
                continue;
            }
            let ended = container.state.actions_to(ContainerState::Exited);
            if container.state != ContainerState::Created {
                ended.iter().for_each(|action| concluded.container(action, container));
            }
            concluded.container("destroy", container);
        }
        for (id, container) in &listed {
            if touched(id) {
                continue;
            }
            let from = match own.get(id) {
                Some(own) => {
                    if own.name != container.name && !own.name.is_empty() {
                        concluded.container("rename", container);
                        if let Some(event) = concluded.events.last_mut() {
                            event.attributes.insert("oldName".to_owned(), format!("/{}", own.name));
                        }
                    }
                    own.state
                }
                None => {
                    concluded.container("create", container);
                    ContainerState::Created
                }
            };
            from.actions_to(container.state).iter().for_each(|action| concluded.container(action, container));
        }
        let mut taken = listed;
        taken.retain(|id, _| !touched(id) || own.contains_key(id));
        for (id, own) in own.into_iter().filter(|(id, _)| touched(id)) {
            let facts = taken.remove(&id);
            let facts = facts.map(|facts| (facts.ports, facts.created, facts.labels));
            let mut own = own;
            if let Some((ports, created, labels)) = facts {
                (own.ports, own.created, own.labels) = (ports, created, labels);
            }
            taken.insert(id, own);
        }
        self.objects.containers = taken;
    }

    fn compare_images(
        &mut self,
        listed: BTreeMap<String, BTreeSet<String>>,
        concluded: &mut Concluded<impl MakeEvent>,
    ) {
        let changed = |name: &str| self.changed_images.contains(name) || self.changed_images.contains(&reference(name));
        let changed = |id: &str, tags: &BTreeSet<String>| changed(id) || tags.iter().any(|tag| changed(tag));
        let none = BTreeSet::new();
        for (id, tags) in &self.objects.images {
            if !listed.contains_key(id) && !changed(id, tags) {
                concluded.named(DockerObject::Image, "delete", id, tags.first());
            }
        }
        for (id, tags) in &listed {
            let own = self.objects.images.get(id);
            if changed(id, tags) || own.is_some_and(|own| changed(id, own)) {
                continue;
            }
            if own.is_none() {
                concluded.named(DockerObject::Image, "create", id, tags.first());
                continue;
            }
            let own = own.unwrap_or(&none);
            for tag in tags.difference(own) {
                concluded.named(DockerObject::Image, "tag", id, Some(tag));
            }
            for tag in own.difference(tags) {
                concluded.named(DockerObject::Image, "untag", id, Some(tag));
            }
        }
        self.objects.images = listed;
    }
}

trait MakeEvent: Fn(DockerObject, &'static str, &str) -> DockerEvent {}
impl<F: Fn(DockerObject, &'static str, &str) -> DockerEvent> MakeEvent for F {}

/// The synthetic events of a comparison.
struct Concluded<F> {
    event: F,
    events: Vec<DockerEvent>,
}

impl<F: MakeEvent> Concluded<F> {
    fn named(&mut self, object: DockerObject, action: &'static str, id: &str, name: Option<&String>) {
        let mut event = (self.event)(object, action, id);
        event.is_synthetic = true;
        if let Some(name) = name {
            event.attributes.insert("name".to_owned(), name.clone());
        }
        self.events.push(event);
    }

    /// The container has the state behind the action.
    fn container(&mut self, action: &'static str, container: &Container) {
        self.named(DockerObject::Container, action, &container.id, Some(&container.name));
        if let Some(event) = self.events.last_mut() {
            event.attributes.insert("image".to_owned(), container.image.clone());
            let state = match action {
                "destroy" => ContainerState::Exited,
                _ => ContainerState::after(action).unwrap_or(container.state),
            };
            event.container = Some(Container { state, ..container.clone() });
        }
    }

    /// Compares two sets of ids.
    fn set(
        &mut self,
        object: DockerObject,
        touched: &HashSet<Key>,
        (own, listed): (BTreeSet<String>, BTreeSet<String>),
        name: impl Fn(&str) -> Option<String>,
    ) {
        let differences = own.difference(&listed).map(|id| ("destroy", id));
        let differences = differences.chain(listed.difference(&own).map(|id| ("create", id)));
        for (action, id) in differences {
            if !touched.contains(&(object, id.clone())) {
                self.named(object, action, id, name(id).as_ref());
            }
        }
    }
}

fn keys(map: &BTreeMap<String, String>) -> BTreeSet<String> {
    map.keys().cloned().collect()
}

/// Takes over what is listed, but for objects whose events say what there is.
fn take_over(
    own: &mut BTreeMap<String, String>,
    listed: BTreeMap<String, String>,
    is_touched: impl Fn(&String) -> bool,
) {
    own.retain(|id, _| is_touched(id));
    own.extend(listed.into_iter().filter(|(id, _)| !is_touched(id)));
}

fn is_digest(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|c| c.is_ascii_hexdigit())
}

/// A reference to an image as events and lists have in common: without the default registry, and with a tag.
fn reference(name: &str) -> String {
    let short = name.strip_prefix("docker.io/").map_or(name, |rest| rest.strip_prefix("library/").unwrap_or(rest));
    match short.rsplit('/').next().is_some_and(|last| last.contains(':') || last.contains('@')) {
        true => short.to_owned(),
        false => format!("{short}:latest"),
    }
}

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
