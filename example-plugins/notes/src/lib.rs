//! Notes in a database of the plugin's own: create, read, update, delete, search, statistics.
//!
//! The struct `Note` is the table. The host creates it when it loads the plugin, and only this plugin can access it.
//! The queries use typed columns, except for one that is easier in SQL.

use plugbay_sdk::db::{self, Condition, Keyed, Table, params};
use plugbay_sdk::prelude::*;

/// The maximum number of notes on a page.
const PAGE_MAX: u64 = 100;

/// A note, as a row of the table and as a result.
#[derive(Table, Serialize, Schema)]
#[table(name = "notes")]
struct Note {
    #[column(id)]
    id: i64,
    #[column(varchar(200))]
    title: String,
    #[column(default = "")]
    body: String,
    #[column(json, default = "[]")]
    tags: Vec<String>,
    #[column(default = false)]
    pinned: bool,
    /// In milliseconds since the Unix epoch, set by the host.
    #[column(created_at)]
    created_at: i64,
    #[column(updated_at)]
    updated_at: i64,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct NewNote {
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    #[serde(default)]
    #[schema(max_length = 20_000)]
    body: String,
    #[serde(default)]
    #[schema(max_items = 20)]
    tags: Vec<String>,
    #[serde(default)]
    pinned: bool,
}

/// The changes of a note. Omitted fields stay unchanged.
#[derive(Deserialize, Serialize, Schema)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(skip_serializing)]
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 20_000)]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 20)]
    tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned: Option<bool>,
}

#[derive(Deserialize, Schema)]
struct Which {
    id: i64,
}

/// A search, and the page of its results.
#[derive(Deserialize, Schema, Default)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    /// Only notes with this text in their title or body.
    #[schema(max_length = 200)]
    text: Option<String>,
    /// Only notes with this tag.
    tag: Option<String>,
    /// Only notes that are pinned, or only others.
    pinned: Option<bool>,
    /// The number of the page, from 1.
    #[schema(min = 1)]
    page: Option<u32>,
    #[schema(min = 1, max = 100)]
    per_page: Option<u32>,
}

#[derive(Serialize, Schema)]
struct Page {
    notes: Vec<Note>,
    page: u64,
    pages: u64,
    /// The number of notes on all pages.
    total: u64,
}

#[derive(Serialize, Deserialize, Schema)]
struct TagCount {
    tag: String,
    notes: u64,
}

#[derive(Serialize, Schema)]
struct Statistics {
    notes: u64,
    pinned: u64,
    /// The ten tags with the most notes.
    by_tag: Vec<TagCount>,
    newest: Option<Note>,
}

#[derive(Default)]
struct Notes;

#[plugin(tables(Note))]
impl Notes {
    /// Adds a note.
    #[action]
    fn create(&self, note: NewNote) -> Result<Note> {
        let id = Note::insert(&note.into_row())?.insert_id;
        log::debug!("added", id = id);
        existing(id)
    }

    /// Adds notes: all of them, or none. Returns their number.
    #[action]
    fn import(&self, notes: Vec<NewNote>) -> Result<u64> {
        let rows: Vec<Note> = notes.into_iter().map(NewNote::into_row).collect();
        Ok(Note::insert_many(&rows)?.changes)
    }

    /// Reads a note.
    #[action(idempotent)]
    fn read(&self, which: Which) -> Result<Note> {
        existing(which.id)
    }

    /// Changes a note.
    #[action(idempotent)]
    fn update(&self, mut change: Change) -> Result<Note> {
        change.tags = change.tags.map(tidy);
        ensure!(change.says_something(), code = "nothing_to_change", "the change of note {} sets no field", change.id);
        Note::update().set_from(&change).filter(Note::id.eq(change.id)).run()?;
        existing(change.id)
    }

    /// Deletes a note. Returns whether it existed.
    #[action(idempotent)]
    fn delete(&self, which: Which) -> Result<bool> {
        Ok(Note::delete().filter(Note::id.eq(which.id)).run()? > 0)
    }

    /// Returns a page of matching notes, pinned ones first, then the newest.
    #[action(idempotent)]
    fn find(&self, wanted: Option<Wanted>) -> Result<Page> {
        let wanted = wanted.unwrap_or_default();
        let page = u64::from(wanted.page.unwrap_or(1)).max(1);
        let per_page = u64::from(wanted.per_page.unwrap_or(20)).clamp(1, PAGE_MAX);
        let condition = wanted.condition();
        let (mut found, mut all) = (Note::select(), Note::select());
        if let Some(condition) = condition {
            found = found.filter(condition.clone());
            all = all.filter(condition);
        }
        let total = all.count()?;
        let notes = found.order_by_desc(Note::pinned).order_by_desc(Note::id).limit(per_page);
        let notes = notes.offset((page - 1) * per_page).all()?;
        Ok(Page { notes, page, pages: total.div_ceil(per_page), total })
    }

    /// Returns the number of notes, in total and by tag, and the newest note.
    #[action(idempotent)]
    fn statistics(&self) -> Result<Statistics> {
        let by_tag = "SELECT value AS tag, count(*) AS notes FROM notes, json_each(notes.tags) \
                      GROUP BY value ORDER BY count(*) DESC, value LIMIT 10";
        Ok(Statistics {
            notes: Note::select().count()?,
            pinned: Note::select().filter(Note::pinned.eq(true)).count()?,
            by_tag: db::query(by_tag, params![])?,
            newest: Note::select().order_by_desc(Note::id).first()?,
        })
    }
}

impl NewNote {
    fn into_row(self) -> Note {
        let NewNote { title, body, tags, pinned } = self;
        // The database assigns the id, and the host sets the times.
        Note { id: 0, title, body, tags: tidy(tags), pinned, created_at: 0, updated_at: 0 }
    }
}

impl Change {
    fn says_something(&self) -> bool {
        self.title.is_some() || self.body.is_some() || self.tags.is_some() || self.pinned.is_some()
    }
}

impl Wanted {
    /// The conditions of the search, combined; `None` without any.
    fn condition(self) -> Option<Condition<Note>> {
        // `contains` searches for plain text, in which `%` and `_` have no special meaning.
        let text = self.text.map(|text| Note::title.contains(&text).or(Note::body.contains(&text)));
        let tag = self.tag.map(|tag| Note::tags.has(tag.trim().to_lowercase()));
        let pinned = self.pinned.map(|pinned| Note::pinned.eq(pinned));
        [text, tag, pinned].into_iter().flatten().reduce(Condition::and)
    }
}

fn existing(id: i64) -> Result<Note> {
    Note::find(id)?.ok_or_else(|| error(format!("note {id} does not exist")).with_code("not_found"))
}

/// Tags in lower case, without duplicates and empty ones.
fn tidy(tags: Vec<String>) -> Vec<String> {
    let mut tidy: Vec<String> = Vec::new();
    for tag in tags {
        let tag = tag.trim().to_lowercase();
        if !tag.is_empty() && !tidy.contains(&tag) {
            tidy.push(tag);
        }
    }
    tidy
}
