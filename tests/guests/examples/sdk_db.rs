//! Uses the SDK's `db`: statements, tables of structs, collections, transactions.

use plugbay_sdk::db::{self, Changes, Document, Field, Keyed, Rows, Table, field, params};
use plugbay_sdk::prelude::*;

#[derive(Table, Serialize, Deserialize, Schema)]
#[table(name = "users")]
struct User {
    #[column(id)]
    #[serde(default)]
    id: i64,
    #[column(varchar(40), unique)]
    name: String,
    #[column(enum, default = "guest")]
    role: Option<Role>,
}

#[derive(Clone, Copy, Serialize, Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
enum Role {
    Admin,
    Guest,
}

/// A column of every kind.
#[derive(Table, Serialize, Deserialize, Schema)]
#[table(name = "things")]
struct Thing {
    #[column(uuid, primary_key)]
    key: String,
    text: String,
    #[column(char(2))]
    country: Option<String>,
    small: u8,
    large: i64,
    ratio: f64,
    #[column(numeric)]
    price: f64,
    on: bool,
    #[column(json)]
    #[schema(any)]
    meta: Option<Value>,
    #[column(json, default = "[]")]
    tags: Vec<String>,
    bytes: Vec<u8>,
    #[column(date)]
    day: Option<String>,
    #[column(time)]
    hour: Option<String>,
    #[column(datetime)]
    moment: Option<String>,
    #[column(timestamp)]
    at: i64,
    #[column(references = User::id, on_delete = "set_null")]
    user: Option<i64>,
    #[column(created_at)]
    #[serde(default)]
    created: i64,
    #[column(updated_at)]
    #[serde(default)]
    updated: i64,
}

#[derive(Serialize, Deserialize, Schema)]
struct Task {
    title: String,
    done: bool,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Deserialize, Schema)]
struct Statement {
    sql: String,
    #[serde(default)]
    #[schema(any)]
    params: Vec<Value>,
}

impl Statement {
    fn values(&self) -> Result<Vec<db::Value>> {
        self.params.iter().map(db::ToValue::to_value).collect()
    }
}

#[derive(Default)]
struct Db;

#[plugin(tables(User, Thing))]
impl Db {
    #[action]
    fn query(&self, statement: Statement) -> Result<Vec<Value>> {
        db::query(&statement.sql, statement.values()?)
    }

    #[action]
    fn execute(&self, statement: Statement) -> Result<Changes> {
        db::execute(&statement.sql, statement.values()?)
    }

    /// Inserts a user for each name, all of them or none.
    #[action]
    fn add_users(&self, names: Vec<String>) -> Result<Changes> {
        let user = |name| User { id: 0, name, role: None };
        let users: Vec<User> = names.into_iter().map(user).collect();
        User::insert_many(&users)
    }

    #[action]
    fn add_user(&self, user: User) -> Result<Changes> {
        User::insert(&user)
    }

    #[action]
    fn users(&self) -> Result<Vec<User>> {
        User::select().order_by(User::name).all()
    }

    /// The names that contain a text.
    #[action]
    fn find_users(&self, text: String) -> Result<Vec<String>> {
        let found = User::select().filter(User::name.contains(text)).order_by(User::id).all()?;
        Ok(found.into_iter().map(|user| user.name).collect())
    }

    /// The names that begin or end with a text.
    #[action]
    fn alike(&self, text: String) -> Result<Vec<String>> {
        let alike = User::name.starts_with(&text).and(User::name.ends_with(&text));
        let found = User::select().filter(alike).order_by(User::id).all()?;
        Ok(found.into_iter().map(|user| user.name).collect())
    }

    /// The user of exactly this name, found in every way that the SDK offers.
    #[action]
    fn named(&self, name: String) -> Result<Value> {
        let typed = User::select().filter(User::name.eq(&name)).all()?;
        let by_name = User::select().filter(db::column("name")?.eq(db::Value::Text(name.clone()))).count()?;
        let in_list = db::table::<User>().select(["id"]).filter(User::name.is_in([&name])).all()?;
        let raw: Option<i64> = db::query_optional("SELECT id FROM users WHERE name = ?", params![name])?;
        Ok(json!({ "typed": typed.len(), "by_name": by_name, "in_list": in_list.len(), "raw": raw }))
    }

    #[action]
    fn promote(&self, id: i64) -> Result<u64> {
        User::update().set(User::role, Role::Admin).filter(User::id.eq(id)).run()
    }

    /// Reads a user, changes it and writes it back.
    #[action]
    fn rename(&self, change: (i64, String)) -> Result<bool> {
        let Some(user) = User::find(change.0)? else { return Ok(false) };
        User::save(&User { name: change.1, ..user })
    }

    #[action]
    fn remove_user(&self, id: i64) -> Result<u64> {
        User::delete().filter(User::id.eq(id)).run()
    }

    #[action]
    fn add_thing(&self, thing: Thing) -> Result<Option<Thing>> {
        Thing::insert(&thing)?;
        Thing::find(&thing.key)
    }

    #[action]
    fn patch_thing(&self, patch: (String, Value)) -> Result<Option<Thing>> {
        Thing::update().set_from(&patch.1).filter(Thing::key.eq(&patch.0)).run()?;
        Thing::find(&patch.0)
    }

    /// The keys of the things with a tag, newest first, with some columns only.
    #[action]
    fn tagged(&self, tag: String) -> Result<Vec<Value>> {
        let things = db::table::<Thing>().select(["key", "on", "tags", "meta"]);
        things.filter(Thing::tags.has(tag)).order_by_desc(Thing::updated).all()
    }

    /// Inserts names in a transaction, which it does not commit if one of them is empty. Panics if one is `panic`.
    #[action]
    fn all_or_nothing(&self, names: Vec<String>) -> Result<u64> {
        db::transaction(|tx| {
            let users = tx.table::<User>();
            for name in names {
                assert_ne!(name, "panic", "the name `panic` panics");
                ensure!(!name.is_empty(), code = "empty", "a name is empty");
                users.insert(&User { id: 0, name, role: None })?;
            }
            users.count()
        })
    }

    /// Writes outside the open transaction.
    #[action]
    fn busy(&self) -> Result<Changes> {
        db::transaction(|tx| {
            tx.execute("INSERT INTO users (name) VALUES ('in the transaction')", ())?;
            db::execute("INSERT INTO users (name) VALUES ('outside it')", ())
        })
    }

    #[action]
    fn columns(&self, sql: String) -> Result<Vec<String>> {
        let Rows { columns, .. } = db::query_rows(&sql, ())?;
        Ok(columns)
    }

    #[action]
    fn add_tasks(&self, tasks: Vec<Task>) -> Result<Changes> {
        db::collection("tasks").insert_many(&tasks)
    }

    #[action]
    fn add_task(&self, task: Task) -> Result<Option<Document<Task>>> {
        let tasks = db::collection("tasks");
        let id = tasks.insert(&task)?;
        tasks.get(id)
    }

    /// The titles of the tasks that match an example, in alphabetical order.
    #[action]
    fn tasks(&self, example: Value) -> Result<Vec<String>> {
        let found = db::collection::<Task>("tasks").find(example).order_by("title").all()?;
        Ok(found.into_iter().map(|task| task.doc.title).collect())
    }

    /// The newest task that is not done and has a tag.
    #[action]
    fn next_task(&self, tag: String) -> Result<Option<String>> {
        let tasks = db::collection::<Task>("tasks");
        let found = tasks.find(field("done").eq(false).and(field("tags").has(tag))).order_by_desc(Field::ID);
        Ok(found.first()?.map(|task| task.title.clone()))
    }

    #[action]
    fn finish_task(&self, id: i64) -> Result<Option<Document<Value>>> {
        let tasks = db::collection::<Value>("tasks");
        tasks.patch(id, json!({ "done": true, "tags": null, "result.text": "fine" }))?;
        tasks.get(id)
    }

    /// Removes the tasks that are done, and returns how many were removed and how many are left.
    #[action]
    fn tidy_up(&self) -> Result<(u64, u64)> {
        let tasks = db::collection::<Task>("tasks");
        Ok((tasks.delete_where(field("done").eq(true))?, tasks.count(())?))
    }
}
