//! The generated SQL of searches in collections.

use plugbay_sdk::db::{self, Field, Filter, Value, field};
use plugbay_sdk::prelude::json;

use super::text;

const ALL: &str = r#"SELECT id, doc, created_at, updated_at FROM "tasks""#;

#[track_caller]
fn check(filter: impl Into<Filter>, expected: &str, values: &[Value]) {
    let (sql, params) = db::collection::<()>("tasks").find(filter).to_sql().expect("valid SQL");
    let sql = sql.strip_prefix(ALL).and_then(|sql| sql.strip_suffix(" ORDER BY id")).expect("all columns");
    assert_eq!(sql, expected);
    assert_eq!(params, values);
}

#[test]
fn filters_use_the_expressions_of_the_indexes() {
    check((), "", &[]);
    check(field("done").eq(false), r#" WHERE json_extract(doc, '$."done"') = ?"#, &[Value::Integer(0)]);
    check(field("a.b-c").gt(1.5), r#" WHERE json_extract(doc, '$."a"."b-c"') > ?"#, &[Value::Real(1.5)]);
    check(Field::ID.eq(3), " WHERE id = ?", &[Value::Integer(3)]);
    check(field("a").eq(Value::Null), r#" WHERE json_extract(doc, '$."a"') IS NULL"#, &[]);
    let tags = r#" WHERE EXISTS (SELECT 1 FROM json_each(json_extract(doc, '$."tags"')) WHERE value = ?)"#;
    check(field("tags").has("x"), tags, &[text("x")]);
    let begins = r#" WHERE json_extract(doc, '$."a"') LIKE ? ESCAPE '\'"#;
    check(field("a").starts_with("5%"), begins, &[text(r"5\%%")]);
    let found = r#" WHERE instr(lower(json_extract(doc, '$."a"')), lower(?)) > 0"#;
    check(field("a").contains("5%"), found, &[text("5%")]);
    check(field("a").is_in(["x"]), r#" WHERE json_extract(doc, '$."a"') IN (?)"#, &[text("x")]);
}

#[test]
fn filters_are_combined() {
    let (a, b) = (|| field("a").eq(1), || field("b").eq(2));
    let (one, two) = (Value::Integer(1), Value::Integer(2));
    let both = r#" WHERE (json_extract(doc, '$."a"') = ? AND json_extract(doc, '$."b"') = ?)"#;
    check(a().and(b()), both, &[one.clone(), two.clone()]);
    check(json!({ "a": 1, "b": 2 }), both, &[one.clone(), two.clone()]);
    let neither = r#" WHERE NOT ((json_extract(doc, '$."a"') = ? OR json_extract(doc, '$."b"') = ?))"#;
    check(!(a().or(b())), neither, &[one.clone(), two]);
    let only_a = r#" WHERE json_extract(doc, '$."a"') = ?"#;
    check(a().and(Filter::from(())), only_a, std::slice::from_ref(&one));
    check(Filter::from(()).and(a()), only_a, &[one]);
    check(Filter::from(()).or(a()), "", &[]);
    check(!Filter::from(()), " WHERE 1 = 0", &[]);
}

#[test]
fn order_ends_with_the_id() {
    let find =
        db::collection::<()>("tasks").find(()).order_by("due").order_by_desc(Field::CREATED_AT).limit(5).offset(2);
    let (sql, values) = find.to_sql().expect("said");
    let order = r#" ORDER BY json_extract(doc, '$."due"'), created_at DESC, id LIMIT ? OFFSET ?"#;
    assert_eq!(sql.strip_prefix(ALL), Some(order));
    assert_eq!(values, [Value::Integer(5), Value::Integer(2)]);
}

#[test]
fn field_name_that_could_end_the_sql_literal_is_refused() {
    for name in ["", "a.", "a b", "a'b", "a\"b", "$", "a[0]", "a')--", "ä", &"a".repeat(513)] {
        let failure = db::collection::<()>("tasks").find(field(name).eq(1)).to_sql().expect_err("no field");
        assert_eq!(failure.code(), "invalid_argument", "{name}");
        assert!(db::collection::<()>("tasks").find(()).order_by(name).to_sql().is_err(), "{name}");
    }
}

#[test]
fn change_of_all_documents_is_refused_without_the_host() {
    let tasks = db::collection::<serde_json::Value>("tasks");
    for filter in [Filter::from(()), json!({}).into()] {
        assert_eq!(tasks.delete_where(filter.clone()).expect_err("all").code(), "invalid_argument");
        assert_eq!(tasks.patch_where(filter, json!({ "a": 1 })).expect_err("all").code(), "invalid_argument");
    }
    assert_eq!(tasks.insert(&json!(["no object"])).expect_err("a list").code(), "invalid_argument");
    assert_eq!(tasks.find(json!([1])).to_sql().expect_err("no object").code(), "invalid_argument");
}
