//! Routes of the SDK with each kind of parameter and each kind of answer.

use plugbay_sdk::prelude::*;

#[derive(Deserialize, Serialize, Schema)]
#[serde(deny_unknown_fields)]
struct Search {
    text: String,
    #[schema(min = 1, max = 100)]
    limit: Option<u32>,
    #[serde(default)]
    tag: Vec<String>,
}

#[derive(Deserialize, Serialize, Schema)]
struct Part {
    shop: String,
    number: u64,
}

#[derive(Deserialize, Serialize, Schema)]
struct Note {
    #[schema(max_length = 10)]
    text: String,
}

#[derive(Default)]
struct Routes;

#[plugin(prefix = "/v1", tags("all"))]
impl Routes {
    /// Finds something.
    #[get("/search", summary = "Search", tags("more"))]
    fn search(&self, Query(search): Query<Search>) -> Search {
        search
    }

    #[get("/parts/{shop}/{number}")]
    fn part(&self, Path(part): Path<Part>) -> Json<Part> {
        Json(part)
    }

    #[get("/pairs/{shop}/{number}")]
    fn pair(&self, Path((shop, number)): Path<(String, u64)>) -> String {
        format!("{shop} {number}")
    }

    #[get("/one/{number}")]
    fn one(&self, Path(number): Path<u64>) -> u64 {
        number
    }

    #[put("/named/{shop}/{number}")]
    fn named(&self, number: u8, shop: String, headers: Headers, Json(note): Json<Note>) -> Value {
        json!([shop, number, note.text, headers.get("Accept"), headers.get("cookie")])
    }

    #[post("/shout")]
    fn shout(&self, text: String) -> Text {
        Text(text.to_uppercase())
    }

    /// Answers with the bytes that it got.
    #[post("/bytes", status = 201)]
    fn bytes(&self, bytes: Bytes) -> (Headers, Bytes) {
        (Headers::new().with("content-type", "image/x-test").with("x-bytes", bytes.0.len().to_string()), bytes)
    }

    #[action]
    fn first(&self, note: Note) -> Note {
        Note { text: note.text + "!" }
    }

    #[post("/chain", after = ["first"], responses(409 = "It is taken."))]
    fn last(&self, Previous(note): Previous<Note>) -> Result<(Status, Json<Note>)> {
        ensure!(note.text != "taken!", code = "conflict", "it is taken");
        Ok((Status::ACCEPTED, Json(note)))
    }

    #[get("/page")]
    fn page(&self) -> Html {
        Html("<p>".to_owned())
    }

    #[get("/file/{name}")]
    fn file(&self, name: String) -> Attachment {
        Attachment::new(name, b"abc".as_slice()).with_content_type("text/csv")
    }

    #[get("/old")]
    fn old(&self) -> Redirect {
        Redirect::permanent("/plugins/routes/v1/page")
    }

    #[delete("/one/{number}")]
    fn remove(&self, number: u64) -> (Status, Headers, ()) {
        (Status::NO_CONTENT, Headers::new().with("x-removed", number.to_string()), ())
    }
}
