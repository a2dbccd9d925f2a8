//! Tests of the comparison of what events and what lists say.

use super::*;
use ContainerState::{Created, Exited, Paused, Running};

fn container(id: &str, state: ContainerState) -> Container {
    Container {
        id: id.to_owned(),
        name: format!("name-{id}"),
        image: "alpine".to_owned(),
        state,
        created: 0,
        ports: Vec::new(),
        labels: BTreeMap::new(),
    }
}

fn listing(containers: &[(&str, ContainerState)]) -> Listing {
    let containers = containers.iter().map(|(id, state)| ((*id).to_owned(), container(id, *state)));
    Listing { containers: containers.collect(), ..Listing::default() }
}

fn event(object: DockerObject, action: &str, id: &str) -> DockerEvent {
    DockerEvent { id: id.to_owned(), ..DockerEvent::new("local", 1, object, action) }
}

fn compare(known: &mut Known, listing: Listing) -> Vec<String> {
    let events = known.compare(listing, event);
    assert!(events.iter().all(|event| event.is_synthetic));
    events.iter().map(|event| format!("{} {}", event.topic(), event.id)).collect()
}

fn known(containers: &[(&str, ContainerState)]) -> Known {
    let mut known = Known::default();
    assert_eq!(compare(&mut known, listing(containers)), Vec::<String>::new(), "the first list is no change");
    known.begin_list();
    known
}

#[track_caller]
fn check(before: ContainerState, after: ContainerState, expected: &[&str]) {
    let changes = compare(&mut known(&[("a", before)]), listing(&[("a", after)]));
    let expected: Vec<String> = expected.iter().map(|action| format!("container.{action} a")).collect();
    assert_eq!(changes, expected, "{before:?} {after:?}");
}

#[test]
fn difference_of_states_becomes_the_lost_events() {
    check(Running, Running, &[]);
    check(Running, Exited, &["die"]);
    check(Exited, Running, &["start"]);
    check(Created, Exited, &["start", "die"]);
    check(Running, Paused, &["pause"]);
    check(Paused, Running, &["unpause"]);
    check(Exited, Paused, &["start", "pause"]);
}

#[test]
fn containers_come_and_go() {
    let mut known = known(&[("a", Running), ("b", Exited), ("c", Created)]);
    let changes = compare(&mut known, listing(&[("d", Running)]));
    let expected = ["die a", "destroy a", "destroy b", "destroy c", "create d", "start d"];
    assert_eq!(changes, expected.map(|change| format!("container.{change}")));
}

#[test]
fn container_with_an_event_since_the_list_was_begun_is_left_out() {
    let mut known = known(&[("a", Exited), ("b", Running)]);
    assert!(known.note(&mut event(DockerObject::Container, "start", "a")));
    assert!(known.note(&mut event(DockerObject::Container, "destroy", "b")));
    assert!(known.note(&mut event(DockerObject::Container, "create", "c")));
    // The list is older than the events.
    assert_eq!(compare(&mut known, listing(&[("a", Exited), ("b", Running)])), Vec::<String>::new());
    known.begin_list();
    // What the events said holds.
    assert_eq!(compare(&mut known, listing(&[("a", Running), ("c", Created)])), Vec::<String>::new());
}

#[test]
fn late_original_of_a_synthetic_event_is_not_new() {
    let mut known = known(&[("a", Created)]);
    assert_eq!(compare(&mut known, listing(&[("a", Exited)])).len(), 2);
    let mut new = |action| known.note(&mut event(DockerObject::Container, action, "a"));
    assert!(!new("start") && new("kill") && !new("die"));
    assert!(new("start") && new("die"), "another run");
}

#[test]
fn event_that_goes_on_from_a_synthetic_one_is_new() {
    let mut known = known(&[("a", Exited)]);
    assert_eq!(compare(&mut known, listing(&[("a", Running)])), ["container.start a"]);
    let mut new = |action| known.note(&mut event(DockerObject::Container, action, "a"));
    assert!(new("die") && new("start"));
}

#[test]
fn renamed_container_has_its_old_name() {
    let mut known = known(&[("a", Running)]);
    let mut renamed = listing(&[("a", Running)]);
    renamed.containers.get_mut("a").expect("it is listed").name = "new".to_owned();
    let events = known.compare(renamed, event);
    assert_eq!((events.len(), &*events[0].topic()), (1, "container.rename"));
    assert_eq!((&*events[0].attributes["oldName"], &*events[0].attributes["name"]), ("/name-a", "new"));
}

const IMAGE: &str = "2d4fd13809a1f9bb934f334bb2221c987f0a08d9fa28b8cd38bccb931fdc001f";

fn images(tags: &[&str]) -> Listing {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    Listing { images: [(IMAGE.to_owned(), tags)].into(), ..Listing::default() }
}

#[test]
fn images_networks_and_volumes_come_and_go() {
    let mut known = known(&[]);
    let mut there = images(&["alpine:3"]);
    there.networks.insert("n1".to_owned(), "net".to_owned());
    there.volumes.insert("v1".to_owned());
    let created = compare(&mut known, there);
    assert_eq!(
        created,
        [format!("image.create {IMAGE}"), "network.create n1".to_owned(), "volume.create v1".to_owned()]
    );
    let gone = compare(&mut known, Listing::default());
    assert_eq!(
        gone,
        [format!("image.delete {IMAGE}"), "network.destroy n1".to_owned(), "volume.destroy v1".to_owned()]
    );
}

#[test]
fn tags_that_no_event_reported_are_events() {
    let mut known = known(&[]);
    compare(&mut known, images(&["a:1", "b:1"]));
    let changes = compare(&mut known, images(&["b:1", "c:1"]));
    assert_eq!(changes, [format!("image.tag {IMAGE}"), format!("image.untag {IMAGE}")]);
}

#[test]
fn image_that_was_pulled_under_a_reference_is_known() {
    let mut known = known(&[]);
    assert!(known.note(&mut event(DockerObject::Image, "pull", "alpine")));
    known.begin_list();
    assert_eq!(compare(&mut known, images(&["docker.io/library/alpine:latest"])), Vec::<String>::new());
    known.begin_list();
    assert_eq!(compare(&mut known, Listing::default()), [format!("image.delete {IMAGE}")]);
}

#[test]
fn imported_and_removed_image_of_podman_is_known() {
    let mut known = known(&[]);
    assert!(known.note(&mut event(DockerObject::Image, "import", IMAGE)));
    known.begin_list();
    assert_eq!(compare(&mut known, images(&["docker.io/library/tiny:latest"])), Vec::<String>::new());
    assert!(known.note(&mut event(DockerObject::Image, "delete", &format!("sha256:{IMAGE}"))));
    known.begin_list();
    assert_eq!(compare(&mut known, Listing::default()), Vec::<String>::new());
}
