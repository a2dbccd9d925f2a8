//! The generated SQL of statements, and the errors that need no host.

use plugbay_sdk::db::{self, Changes, Keyed as _, Table as _, Value, column, params};
use plugbay_sdk::prelude::{error, json};

use super::{Note, Role, User, note, text};

const ALL: &str = r#"SELECT "id", "title", "body", "pinned", "tags", "owner", "created" FROM "notes""#;

#[track_caller]
fn check(select: &db::Select<'_, Note>, expected: &str, values: &[Value]) {
    let (sql, params) = select.to_sql().expect("valid SQL");
    assert_eq!(sql.strip_prefix(ALL).expect("all columns"), expected);
    assert_eq!(params, values);
}

#[test]
fn typed_conditions_become_parameters() {
    check(&Note::select(), "", &[]);
    check(&Note::select().filter(Note::pinned.eq(true)), r#" WHERE "notes"."pinned" = ?"#, &[Value::Integer(1)]);
    check(&Note::select().filter(Note::id.gt(5)), r#" WHERE "notes"."id" > ?"#, &[Value::Integer(5)]);
    check(&Note::select().filter(Note::body.eq(None)), r#" WHERE "notes"."body" IS NULL"#, &[]);
    check(&Note::select().filter(Note::body.ne("x")), r#" WHERE "notes"."body" IS NOT ?"#, &[text("x")]);
    check(&Note::select().filter(Note::owner.eq(Some(3))), r#" WHERE "notes"."owner" = ?"#, &[Value::Integer(3)]);
    let between = Note::select().filter(Note::created.between(1, 2));
    let expected = r#" WHERE ("notes"."created" >= ? AND "notes"."created" <= ?)"#;
    check(&between, expected, &[Value::Integer(1), Value::Integer(2)]);
    let in_list = Note::select().filter(Note::title.is_in(["a", "b"]));
    check(&in_list, r#" WHERE "notes"."title" IN (?, ?)"#, &[text("a"), text("b")]);
    check(&Note::select().filter(Note::id.is_in([0i64; 0])), " WHERE 1 = 0", &[]);
    check(&Note::select().filter(Note::id.not_in([0i64; 0])), " WHERE NOT (1 = 0)", &[]);
    let tagged = Note::select().filter(Note::tags.has("now"));
    let expected = r#" WHERE EXISTS (SELECT 1 FROM json_each("notes"."tags") WHERE value = ?)"#;
    check(&tagged, expected, &[text("now")]);
    let (sql, values) = db::table::<User>().all_columns().filter(User::role.eq(Role::Guest)).to_sql().expect("said");
    assert!(sql.ends_with(r#"WHERE "users"."role" = ?"#), "{sql}");
    assert_eq!(values, [text("guest")]);
}

#[test]
fn conditions_are_combined_in_order() {
    let either = Note::pinned.eq(true).or(Note::title.eq("a").and(!Note::body.is_null()));
    let expected = r#" WHERE ("notes"."pinned" = ? OR ("notes"."title" = ? AND NOT ("notes"."body" IS NULL))) AND "notes"."id" < ?"#;
    let values = [Value::Integer(1), text("a"), Value::Integer(9)];
    check(&Note::select().filter(either).filter(Note::id.lt(9)), expected, &values);
    let by_name = |name| column(name).expect("it exists");
    let named = Note::select().filter(by_name("pinned").eq(Value::Integer(1)));
    let named = named.filter(by_name("id").lt(Value::Integer(9))).or_filter(by_name("title").like("a%"));
    let expected = r#" WHERE "notes"."pinned" = ? AND "notes"."id" < ? OR "notes"."title" LIKE ? ESCAPE '\'"#;
    check(&named, expected, &[Value::Integer(1), Value::Integer(9), text("a%")]);
    let two = [Value::Integer(1), Value::Integer(2)];
    let more = Note::select().filter(by_name("id").is_in(two)).or_filter(Note::id.is_in([3]));
    let more = more.or_filter(Note::body.is_not_null());
    let expected = r#" WHERE "notes"."id" IN (?, ?) OR "notes"."id" IN (?) OR "notes"."body" IS NOT NULL"#;
    check(&more, expected, &[Value::Integer(1), Value::Integer(2), Value::Integer(3)]);
}

#[test]
fn order_and_page_follow_the_conditions() {
    let page = Note::select().order_by_desc(Note::pinned).order_by("title").limit(10).offset(20);
    check(&page, r#" ORDER BY "pinned" DESC, "title" LIMIT ? OFFSET ?"#, &[Value::Integer(10), Value::Integer(20)]);
    check(&Note::select().offset(5), " LIMIT ? OFFSET ?", &[Value::Integer(-1), Value::Integer(5)]);
    check(&Note::select().limit(u64::MAX), " LIMIT ?", &[Value::Integer(i64::MAX)]);
}

#[test]
fn search_text_is_escaped_in_a_pattern() {
    let search = Note::select().filter(Note::title.contains(r"100%_\"));
    check(&search, r#" WHERE instr(lower("notes"."title"), lower(?)) > 0"#, &[text(r"100%_\")]);
    let begins = Note::select().filter(Note::title.starts_with(r"100%_\"));
    check(&begins, r#" WHERE "notes"."title" LIKE ? ESCAPE '\'"#, &[text(r"100\%\_\\%")]);
    let (_, values) = Note::select().filter(Note::title.starts_with("a%")).to_sql().expect("said");
    assert_eq!(values, [text(r"a\%%")]);
    let (_, values) = Note::select().filter(Note::title.ends_with("b")).to_sql().expect("said");
    assert_eq!(values, [text("%b")]);
}

#[test]
fn injected_sql_stays_a_value_or_is_refused() {
    let attack = r#"x"; DROP TABLE notes; --"#;
    let (sql, values) = Note::select().filter(Note::title.eq(attack)).to_sql().expect("said");
    assert!(!sql.contains("DROP"), "{sql}");
    assert_eq!(values, [text(attack)]);
    let named = db::table::<Note>();
    for statement in [
        column::<Note>(attack).map(|_| <_>::default()),
        column::<Note>("1 = 1 OR id").map(|_| <_>::default()),
        Note::select().order_by(attack).to_sql(),
        named.select([attack]).to_sql(),
        named.select(["count(*)"]).to_sql(),
        Note::update().set_from(json!({ attack: 1 })).filter(Note::id.eq(1)).to_sql(),
    ] {
        assert_eq!(statement.expect_err("refused").code(), "invalid_argument");
    }
    let quotes = db::collection::<Note>(r#"a" WHERE 1; --"#).find(()).to_sql().expect("said").0;
    assert!(quotes.contains(r#"FROM "a"" WHERE 1; --" ORDER"#), "{quotes}");
}

#[test]
fn some_columns_are_named_and_looked_up() {
    let (sql, _) = db::table::<Note>().select(["id", "title"]).to_sql().expect("said");
    assert_eq!(sql, r#"SELECT "id", "title" FROM "notes""#);
    assert_eq!(db::table::<Note>().select(["*"]).to_sql().expect("said").0, ALL);
    let failure = db::table::<Note>().select(["titel"]).to_sql().expect_err("no such column");
    assert!(failure.message().contains("has no column `titel`: it has id, title,"), "{failure}");
}

#[test]
fn ordering_comparison_with_null_is_refused() {
    let failure = Note::select().filter(Note::id.lt(None)).to_sql().expect_err("no order");
    assert_eq!(failure.code(), "invalid_argument", "{failure}");
    let failure = column::<Note>("body").map(|body| Note::select().filter(body.ge(Value::Null)).to_sql());
    assert_eq!(failure.expect("it exists").expect_err("no order").code(), "invalid_argument");
    let there = column("body").map(|body| body.ne(Value::Null)).expect("it exists");
    check(&Note::select().filter(there), r#" WHERE "notes"."body" IS NOT NULL"#, &[]);
}

#[test]
fn update_sets_the_given_columns() {
    let update = Note::update().set(Note::title, "b").set(Note::body, None).filter(Note::id.eq(1));
    let (sql, values) = update.to_sql().expect("said");
    assert_eq!(sql, r#"UPDATE "notes" SET "title" = ?, "body" = ? WHERE "notes"."id" = ?"#);
    assert_eq!(values, [text("b"), Value::Null, Value::Integer(1)]);
    let patch = json!({ "owner": null, "pinned": false, "tags": ["x"] });
    let (sql, values) = Note::update().set_from(&patch).filter(Note::id.eq(1)).to_sql().expect("said");
    assert_eq!(sql, r#"UPDATE "notes" SET "owner" = ?, "pinned" = ?, "tags" = ? WHERE "notes"."id" = ?"#);
    assert_eq!(values, [Value::Null, Value::Integer(0), text(r#"["x"]"#), Value::Integer(1)]);
}

#[test]
fn empty_or_mismatched_update_is_refused() {
    for update in [
        Note::update(),
        Note::update().set(Note::title, "a").set(Note::title, "b"),
        Note::update().set_from(json!({ "pinned": 1 })),
        Note::update().set_from(json!({ "title": ["a"] })),
        Note::update().set_from(json!({ "title": 5 })),
        Note::update().set_from(json!(["title"])),
        Note::update().set_from(json!({ "id": "1" })),
    ] {
        let failure = update.filter(Note::id.eq(1)).run().expect_err("refused");
        assert_eq!(failure.code(), "invalid_argument", "{failure}");
    }
}

#[test]
fn delete_has_its_condition() {
    let (sql, values) = Note::delete().filter(Note::pinned.eq(false)).to_sql().expect("said");
    assert_eq!((sql.as_str(), values), (r#"DELETE FROM "notes" WHERE "notes"."pinned" = ?"#, vec![Value::Integer(0)]));
}

#[test]
fn new_row_leaves_host_values_to_the_host() {
    let values = note("a").to_values().expect("values");
    let expected = [
        None,
        Some(text("a")),
        Some(text("text")),
        Some(Value::Integer(1)),
        Some(text(r#"["a"]"#)),
        Some(Value::Null),
        None,
    ];
    assert_eq!(values, expected);
    let own = Note { id: 7, body: None, ..note("b") }.to_values().expect("values");
    assert_eq!((&own[0], &own[2]), (&Some(Value::Integer(7)), &None));
}

#[test]
fn row_without_a_key_is_not_saved() {
    let failure = Note::save(&note("a")).expect_err("it is new");
    assert_eq!(failure.code(), "invalid_argument");
    assert_eq!(Note::save(&Note { id: 1, ..note("a") }).expect_err("no database").code(), "unavailable");
}

#[test]
fn native_test_gets_an_error_without_a_database() {
    let results = [
        Note::insert(&note("a")).map(drop),
        Note::find(1).map(drop),
        Note::select().count().map(drop),
        Note::delete().filter(Note::id.eq(1)).run().map(drop),
        db::query::<i64>("SELECT 1", ()).map(drop),
        db::execute("DELETE FROM notes", params![]).map(drop),
        db::transaction(|_| -> plugbay_sdk::Result<()> { Err(error("not reached")) }),
        db::collection::<Note>("notes").delete(1).map(drop),
    ];
    for answer in results {
        let failure = answer.expect_err("no database");
        assert_eq!(failure.code(), "unavailable");
        assert!(failure.message().contains("plugbay-testing"), "{failure}");
    }
    assert_eq!(Note::insert_many([]).expect("nothing to do"), Changes::default());
}
