//! Keeps values with the SDK's module.

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
    fn write(&mut self, written: Written) -> Result<u32> {
        data::set(&format!("note/{}", written.id), &written.note)?;
        let count = data::get_or("count", 0)? + 1;
        data::set("count", count)?;
        Ok(count)
    }

    #[action]
    fn read(&mut self, id: String) -> Result<Option<Note>> {
        data::get(&format!("note/{id}"))
    }

    /// Reads a value as something that it is not.
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
