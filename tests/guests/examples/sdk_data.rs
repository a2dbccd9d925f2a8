//! Uses the SDK's `data`.

use plugbay_sdk::prelude::*;
use plugbay_sdk::{config, data};

#[derive(Deserialize, Serialize, Schema)]
struct Note {
    text: String,
    stars: u8,
}

#[derive(Deserialize, Schema)]
struct Written {
    id: String,
    note: Note,
}

#[derive(Default)]
struct Notes;

#[plugin]
impl Notes {
    #[action]
    fn write(&mut self, written: Written) -> Result<i64> {
        data::set(&format!("note/{}", written.id), &written.note)?;
        data::increment("count", 1)
    }

    /// Counts in two ways, this many times, and returns the last sum of each.
    #[action]
    fn count(&mut self, times: u32) -> Result<(i64, i64)> {
        let mut sums = (0, 0);
        for _ in 0..times {
            sums.0 = data::increment("sum/incremented", 1)?;
            sums.1 = data::update("sum/updated", |sum: Option<i64>| Ok(sum.unwrap_or_default() + 1))?;
        }
        Ok(sums)
    }

    #[action]
    fn increment(&mut self, by: (String, i64)) -> Result<i64> {
        data::increment(&by.0, by.1)
    }

    /// Replaces the stars of a note, given the expected and the new value.
    #[action]
    fn swap(&mut self, stars: (String, Option<u8>, Option<u8>)) -> Result<bool> {
        let (id, old, new) = stars;
        let note = |stars| Note { text: id.clone(), stars };
        data::compare_and_swap(&format!("note/{id}"), old.map(note).as_ref(), new.map(note).as_ref())
    }

    #[action]
    fn scan(&mut self) -> Result<Vec<(String, Note)>> {
        data::scan("note/").collect()
    }

    #[action]
    fn read_all(&mut self, ids: Vec<String>) -> Result<Vec<Option<Note>>> {
        data::get_many(ids.iter().map(|id| format!("note/{id}")))
    }

    #[action]
    fn read(&mut self, id: String) -> Result<Option<Note>> {
        data::get(&format!("note/{id}"))
    }

    /// Reads a value as a type that it does not have.
    #[action]
    fn misread(&mut self, id: String) -> Result<u32> {
        data::get_or(&format!("note/{id}"), 7)
    }

    #[action]
    fn write_all(&mut self, ids: Vec<String>) -> Result<()> {
        data::set_many(ids.into_iter().map(|id| (format!("note/{id}"), Note { text: id, stars: 0 })))
    }

    #[action]
    fn forget(&mut self, id: String) -> Result<bool> {
        data::delete(&format!("note/{id}"))
    }

    #[action]
    fn ids(&mut self) -> Result<Vec<String>> {
        data::keys("note/").map(|key| Ok(key?.trim_start_matches("note/").to_owned())).collect()
    }

    #[action]
    fn keep(&mut self, bytes: u32) -> Result<()> {
        data::set("large", "x".repeat(bytes as usize))
    }

    #[action]
    fn setting(&mut self, key: String) -> Result<u32> {
        config::get_or(&key, 42)
    }
}
