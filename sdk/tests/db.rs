//! The parts of the database API that need no database: declarations and generated SQL.

mod db {
    mod collection;
    mod declaration;
    mod read;
    mod statement;

    use plugbay_sdk::db::{Table, Value};
    use plugbay_sdk::prelude::{Deserialize, Schema, Serialize};

    #[derive(Debug, Table)]
    #[table(name = "users")]
    struct User {
        #[column(id)]
        id: i64,
        #[column(varchar(80), unique)]
        name: String,
        #[column(enum)]
        role: Role,
    }

    #[derive(Clone, Copy, Debug, Serialize, Deserialize, Schema, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Role {
        /// May do everything.
        Admin,
        Guest,
    }

    #[derive(Debug, Table)]
    #[table(name = "notes")]
    struct Note {
        #[column(id)]
        id: i64,
        title: String,
        #[column(default = "nothing yet")]
        body: Option<String>,
        pinned: bool,
        #[column(json, default = "[]")]
        tags: Vec<String>,
        #[column(references = User::id, on_delete = "set_null")]
        owner: Option<i64>,
        #[column(created_at)]
        created: i64,
    }

    fn note(title: &str) -> Note {
        Note {
            id: 0,
            title: title.to_owned(),
            body: Some("text".to_owned()),
            pinned: true,
            tags: vec!["a".to_owned()],
            owner: None,
            created: 0,
        }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}
