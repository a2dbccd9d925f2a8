//! Variables of the environment that override fields of the host's file.
//!
//! They are put into the document before it is checked, so their problems are found with those of the file, and name
//! the variable. This crate does not read the environment: the variables are passed in.

use serde_json::{Map, Value};

use crate::problem::Problem;

/// The beginning of the names of variables that override fields of the host's file.
pub const VARIABLE_PREFIX: &str = "PLUGBAY_HOST__";

/// A field of the host's file with the value of a variable.
pub(super) struct Override {
    variable: String,
    path: Vec<String>,
    value: Value,
}

/// The overrides among these variables, in the order of their names. An empty value overrides nothing.
pub(super) fn read(variables: impl IntoIterator<Item = (String, String)>) -> Vec<Override> {
    let read = |(variable, text): (String, String)| {
        let path = variable.strip_prefix(VARIABLE_PREFIX).filter(|_| !text.is_empty())?;
        let path = path.split("__").map(str::to_ascii_lowercase).collect();
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Some(Override { variable, path, value })
    };
    let mut overrides: Vec<Override> = variables.into_iter().filter_map(read).collect();
    overrides.sort_by(|left, right| left.variable.cmp(&right.variable));
    overrides
}

impl Override {
    /// Puts the value into the document. A parent that is not an object is replaced by one.
    pub(super) fn apply(&self, document: &mut Value) {
        let mut place = document;
        for part in &self.path {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[part.as_str()];
        }
        *place = self.value.clone();
    }

    /// Whether a problem's path leads to the value or into it.
    fn has(&self, path: &str) -> bool {
        let own = self.path.join(".");
        path.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

/// Names the variable as the origin of the problems of its value.
pub(super) fn name_origins(overrides: &[Override], problems: &mut [Problem]) {
    for problem in problems {
        if let Some(found) = overrides.iter().rev().find(|each| each.has(&problem.path)) {
            problem.origin = format!("the variable {}", found.variable.escape_debug());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Format, HostFile};

    fn parse(text: &str, variables: &[(&str, &str)]) -> Result<HostFile, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        HostFile::parse_with("plugbay.yaml", text, Format::Yaml, variables).map_err(|error| error.to_string())
    }

    #[test]
    fn variable_replaces_the_value_of_the_file() {
        let text = "server: { max_requests: 5, address: '127.0.0.1:1' }";
        let variables = [
            ("PLUGBAY_HOST__SERVER__MAX_REQUESTS", "7"),
            ("PLUGBAY_HOST__SERVER__HOSTS", "[\"a.example\"]"),
            ("PLUGBAY_HOST__SERVER__TLS__CERTIFICATE", "cert.pem"),
            ("PLUGBAY_HOST__SERVER__TLS__KEY", "key.pem"),
            ("PLUGBAY_HOST__DATA_DIR", ""),
            ("PLUGBAY_HOST_FILE", "other.yaml"),
        ];
        let file = parse(text, &variables).expect("valid");
        assert_eq!((file.server.max_requests, file.server.hosts), (Some(7), vec!["a.example".to_owned()]));
        assert!(file.server.tls.is_some() && file.data_dir.is_none());
        assert_eq!(file.server.address, Some("127.0.0.1:1".parse().expect("an address")));
        assert!(parse("", &[("PLUGBAY_HOST__ENVIRONMENT", "production")]).expect("valid").environment.is_some());
    }

    #[test]
    fn problems_of_file_and_variables_are_reported_together() {
        let variables = [("PLUGBAY_HOST__SERVER__MAX_REQUESTS", "many"), ("PLUGBAY_HOST__SERVER__MAX_REQUST", "1")];
        let error = parse("server: { development: maybe }", &variables).expect_err("three problems");
        for expected in [
            "plugbay.yaml: server.development: ",
            "the variable PLUGBAY_HOST__SERVER__MAX_REQUESTS: server.max_requests: ",
            "the variable PLUGBAY_HOST__SERVER__MAX_REQUST: server.max_requst: ",
        ] {
            assert!(error.contains(expected), "{error}");
        }
    }
}
