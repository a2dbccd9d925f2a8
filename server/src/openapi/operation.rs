//! One operation of the document, and the errors that operations share.

use http::StatusCode;
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::access::ScopeKind;

/// The errors that operations name, by status: the name in the document, and its description.
const ERRORS: &[(u16, &str, &str)] = &[
    (400, "BadRequest", "The request is malformed: `msg` says what is wrong and where."),
    (401, "Unauthorized", "The request needs a token, or its token is not valid."),
    (403, "Forbidden", "The token lacks a scope, or the request is not served for another reason."),
    (404, "NotFound", "There is nothing of this name."),
    (409, "Conflict", "The state of the host or of the plugin does not allow this, or it needs to be confirmed."),
    (413, "PayloadTooLarge", "The body is larger than the server or the plugin allows."),
    (422, "Unprocessable", "The payload does not fit what the plugin declares, or the plugin cannot be loaded."),
    (429, "TooManyRequests", "The caller exceeded a limit of calls or of wrong tokens."),
    (500, "ServerError", "The plugin or the host failed."),
    (503, "Unavailable", "The plugin is disabled or has failed, or the server is busy."),
    (504, "Timeout", "The plugin did not answer in time."),
];

/// The schemas of Rust types, which become components of the document.
pub(crate) struct Schemas(SchemaGenerator);

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().for_deserialize().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Schemas(settings.into_generator())
    }

    /// A reference to the schema of a type.
    pub(crate) fn of<T: JsonSchema>(&mut self) -> Value {
        self.0.subschema_for::<T>().to_value()
    }

    /// The schemas that were referred to.
    pub(super) fn components(&mut self) -> Map<String, Value> {
        self.0.take_definitions(true)
    }

    /// The parameters of a query that is read as this type.
    fn query<T: JsonSchema>(&mut self) -> Vec<Value> {
        let schema = self.0.root_schema_for::<T>().to_value();
        let required =
            |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|it| it == name));
        let members = schema["properties"].as_object().cloned().unwrap_or_default();
        let parameter = |(name, mut schema): (String, Value)| {
            // A parameter that is left out is not `null`.
            if let Some(kinds) = schema["type"].as_array() {
                schema["type"] = kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_default();
            }
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            let mut value = json!({ "name": name, "in": "query", "required": required(&name), "schema": schema });
            if let Some(description) = description {
                value["description"] = description;
            }
            value
        };
        members.into_iter().map(parameter).collect()
    }
}

/// An operation of the document.
pub(crate) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) scope: Option<ScopeKind>,
    pub(super) value: Map<String, Value>,
    parameters: Vec<Value>,
    answers: Map<String, Value>,
}

impl Operation {
    /// An operation with the parameters of its path, which are texts.
    pub(crate) fn new(method: &'static str, path: impl Into<String>, id: impl Into<String>, summary: &str) -> Self {
        let path = path.into();
        let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        let parameter = |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
        let parameters = names.map(parameter).collect();
        let mut value = Map::new();
        value.insert("operationId".to_owned(), id.into().into());
        value.insert("summary".to_owned(), summary.into());
        Operation { method, path, scope: None, value, parameters, answers: Map::new() }
    }

    pub(crate) fn description(mut self, text: &str) -> Self {
        self.value.insert("description".to_owned(), text.into());
        self
    }

    /// The groups that it is listed in.
    pub(crate) fn tags(mut self, tags: &[&str]) -> Self {
        self.value.insert("tags".to_owned(), json!(tags));
        self
    }

    /// The scope that a caller needs.
    pub(crate) fn needs(mut self, scope: ScopeKind) -> Self {
        self.scope = Some(scope);
        self.fails(&[401, 403, 429])
    }

    /// The schema of a parameter of the path.
    pub(crate) fn path_schema(mut self, name: &str, schema: Value) -> Self {
        if let Some(parameter) = self.parameters.iter_mut().find(|parameter| parameter["name"] == name) {
            parameter["schema"] = schema;
        }
        self
    }

    /// Another parameter.
    pub(crate) fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// The query, which is read as this type.
    pub(crate) fn query<T: JsonSchema>(mut self, schemas: &mut Schemas) -> Self {
        self.parameters.extend(schemas.query::<T>());
        self
    }

    /// The body, which is read as JSON of this type.
    pub(crate) fn body<T: JsonSchema>(self, schemas: &mut Schemas) -> Self {
        let has_required = |schema: &Value| schema["required"].as_array().is_some_and(|names| !names.is_empty());
        let reference = schemas.of::<T>();
        let required = has_required(&schemas.0.root_schema_for::<T>().to_value());
        self.json_body(reference, required)
    }

    /// The body as JSON of this schema.
    pub(crate) fn json_body(self, schema: Value, required: bool) -> Self {
        self.content_body("application/json", json!({ "schema": schema }), required)
    }

    /// The body as a media type.
    pub(crate) fn content_body(mut self, kind: &str, media_type: Value, required: bool) -> Self {
        let body = json!({ "required": required, "content": { kind: media_type } });
        self.value.insert("requestBody".to_owned(), body);
        self.fails(&[400, 413])
    }

    /// An answer as JSON of this schema.
    pub(crate) fn json(self, status: &str, description: &str, schema: Value) -> Self {
        self.content(status, description, json!({ "application/json": { "schema": schema } }))
    }

    /// An answer of these media types.
    pub(crate) fn content(self, status: &str, description: &str, content: Value) -> Self {
        self.answer(status, json!({ "description": description, "content": content }))
    }

    /// An answer.
    pub(crate) fn answer(mut self, status: &str, answer: Value) -> Self {
        self.answers.insert(status.to_owned(), answer);
        self
    }

    /// The errors that its callers should expect, by status.
    pub(crate) fn fails(mut self, statuses: &[u16]) -> Self {
        for status in statuses {
            let name = ERRORS.iter().find(|(known, ..)| known == status).map_or("Error", |(_, name, _)| name);
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            self.answers.entry(status.to_string()).or_insert(reference);
        }
        self
    }

    /// Renames the parameters of the path, in their order.
    pub(super) fn rename_parameters(&mut self, path: &str) {
        let names = |path: &str| -> Vec<String> {
            let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
            names.map(str::to_owned).collect()
        };
        for (old, new) in names(&self.path).iter().zip(names(path)) {
            let is_it = |parameter: &&mut Value| parameter["in"] == "path" && parameter["name"] == **old;
            if let Some(parameter) = self.parameters.iter_mut().find(is_it) {
                parameter["name"] = new.into();
            }
        }
        self.path = path.to_owned();
    }

    /// The operation as the document has it.
    pub(super) fn into_value(mut self, security: Option<Value>) -> Value {
        if !self.parameters.is_empty() {
            self.value.insert("parameters".to_owned(), self.parameters.into());
        }
        let scope = match self.scope {
            Some(scope) => format!("Needs the scope `{}`.", scope.name()),
            None => "Needs no token.".to_owned(),
        };
        let description = match self.value.get("description").and_then(Value::as_str) {
            Some(text) => format!("{text}\n\n{scope}"),
            None => scope,
        };
        self.value.insert("description".to_owned(), description.into());
        let any = json!({ "$ref": "#/components/responses/Error" });
        self.answers.entry("default").or_insert(any);
        self.value.insert("responses".to_owned(), self.answers.into());
        if let Some(security) = security {
            self.value.insert("security".to_owned(), security);
        }
        self.value.into()
    }
}

/// The shared errors.
pub(super) fn error_answers() -> Map<String, Value> {
    let content = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } });
    let mut answers = Map::new();
    for (status, name, description) in ERRORS {
        let mut answer = json!({ "description": description, "content": content });
        let status = StatusCode::from_u16(*status).unwrap_or_default();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let seconds = json!({ "type": "integer", "minimum": 1 });
            let about = "The seconds after which the same request may succeed, if that is known.";
            answer["headers"] = json!({ "Retry-After": { "description": about, "schema": seconds } });
        }
        if status == StatusCode::UNAUTHORIZED {
            let about = "The challenge, with the scope that is needed.";
            answer["headers"] = json!({ "WWW-Authenticate": { "description": about, "schema": { "type": "string" } } });
        }
        answers.insert((*name).to_owned(), answer);
    }
    let any = json!({ "description": "Any other error of the server.", "content": content });
    answers.insert("Error".to_owned(), any);
    answers
}

/// The schema of the body of an error.
pub(super) fn error_schema() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    json!({
        "type": "object", "required": ["status", "msg", "code", "detail", "error"],
        "properties": {
            "status": { "const": "error" },
            "msg": text("The text for people."),
            "code": text("The stable name of the kind of error, for programs."),
            "detail": text("The same as `msg`."),
            "error": text("The same as `msg`."),
            "details": { "description": "What programs need of the error; from plugins in development mode only." },
        },
    })
}

/// The schema of an object with these required members of any type.
pub(crate) fn object(required: &[&str]) -> Value {
    json!({ "type": "object", "required": required })
}
