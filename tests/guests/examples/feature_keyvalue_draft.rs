//! Uses `wasi:keyvalue` 0.2.0-draft, the draft before the current one.

use plugbay_guests::{Value, json};

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package plugbay:old;
            world old {
                include wasi:keyvalue/imports@0.2.0-draft;
            }
        ",
        path: "../../wit",
        generate_all,
    });
}

use bindings::wasi::keyvalue0_2_0_draft::{atomics, batch, store};

fn all(payload: &Value) -> Result<Value, store::Error> {
    let bucket = store::open("")?;
    bucket.set("plain", b"bytes")?;
    let count = payload["keys"].as_u64().unwrap_or_default();
    let names: Vec<String> = (0..count).map(|index| format!("key{index:05}")).collect();
    for names in names.chunks(1_000) {
        batch::set_many(&bucket, &names.iter().map(|name| (name.clone(), b"0".to_vec())).collect::<Vec<_>>())?;
    }
    let mut seen = Vec::new();
    let mut pages = 0;
    let mut cursor = None;
    loop {
        let page = bucket.list_keys(cursor)?;
        seen.extend(page.keys);
        pages += 1;
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    let first = seen.first().cloned();
    seen.dedup();
    let values = batch::get_many(&bucket, &["plain".to_owned(), "absent".to_owned()])?;
    let sums = (atomics::increment(&bucket, "sum", 1)?, atomics::increment(&bucket, "sum", 41)?);
    batch::delete_many(&bucket, &["plain".to_owned()])?;
    bucket.delete("sum")?;
    let there = (bucket.exists("plain")?, bucket.get("sum")?.is_some());
    let found = values.into_iter().map(|pair| pair.is_some()).collect::<Vec<_>>();
    Ok(json!({ "seen": seen.len(), "pages": pages, "first": first, "values": found, "sums": sums, "there": there }))
}

plugbay_guests::actions!(|action, payload| match action {
    "all" => Ok(all(&payload).unwrap_or_else(|why| json!({ "error": why.to_string() }))),
    other => plugbay_guests::unknown(other),
});
