//! XCore's samples of the database and of validation: users in a table, listed with SQL, created and changed by bodies
//! that the host checks.

use plugbay_sdk::db::{self, Keyed, Table, params};
use plugbay_sdk::prelude::*;

/// A row of `users`.
#[derive(Table, Serialize, Deserialize, Schema)]
#[table(name = "users")]
struct User {
    #[column(id)]
    id: i64,
    username: String,
    email: String,
    age: i64,
}

#[derive(Serialize, Schema)]
struct Users {
    users: Vec<User>,
}

#[derive(Deserialize, Schema)]
struct CreateUserInput {
    #[schema(min_length = 3, max_length = 50)]
    username: String,
    #[schema(format = "email")]
    email: String,
    #[schema(min = 0, max = 150)]
    age: i64,
}

/// The fields to change. Those that are left out stay as they are.
#[derive(Serialize, Deserialize, Schema)]
struct UpdateUserInput {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 3, max_length = 50)]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min = 0, max = 150)]
    age: Option<i64>,
}

#[derive(Default)]
struct Plugin;

#[plugin(tables(User), permissions("db.users:read,write"))]
impl Plugin {
    /// Lists the users.
    #[action(idempotent)]
    #[get("/users")]
    fn list_users(&self) -> Result<Users> {
        Ok(Users { users: db::query("SELECT * FROM users ORDER BY id", params![])? })
    }

    /// Create a new user with validation.
    #[action(name = "add_user")]
    #[post("/users")]
    fn add_user(&self, data: CreateUserInput) -> Result<User> {
        let CreateUserInput { username, email, age } = data;
        let id = User::insert(&User { id: 0, username: username.clone(), email: email.clone(), age })?.insert_id;
        Ok(User { id, username, email, age })
    }

    /// Update user with partial validation.
    #[put("/users/{user_id}", responses(404 = "User not found"))]
    fn update_user(&self, user_id: i64, data: UpdateUserInput) -> Result<User> {
        if data.username.is_some() || data.age.is_some() {
            User::update().set_from(&data).filter(User::id.eq(user_id)).run()?;
        }
        User::find(user_id)?.ok_or_else(|| error("User not found").with_code("not_found"))
    }

    /// Creates a user for another plugin or program.
    #[action]
    fn create_user(&self, payload: CreateUserInput) -> Result<Reply> {
        Ok(ok!({ "user_id": self.add_user(payload)?.id.to_string() }))
    }
}
