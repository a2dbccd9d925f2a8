//! The version of the API: the highest that the engine and this crate know.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use crate::connection::Connection;
use crate::error::DockerError;

/// The versions whose answers are understood. An engine may know newer ones, too.
const LEAST: &str = "1.24";
const MOST: &str = "1.54";
/// The longest answer that is read, in bytes.
const VERSION_BYTES_MAX: usize = 256 << 10;
const PATH: &str = "/version";

/// An engine after the first request.
#[derive(Debug)]
pub(crate) struct Engine {
    /// Its name and version.
    pub(crate) name: String,
    pub(crate) api_version: String,
    /// The time by its clock, to the second, in nanoseconds since the Unix epoch.
    pub(crate) time_ns: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    #[serde(default)]
    version: String,
    api_version: String,
    #[serde(rename = "MinAPIVersion", default)]
    least: Option<String>,
    #[serde(default)]
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    name: String,
}

/// Asks the engine for its version.
pub(crate) async fn negotiate(connection: &mut Connection) -> Result<Engine, DockerError> {
    let (version, date): (Version, _) = connection.get(PATH, VERSION_BYTES_MAX).await?;
    let api_version = choose(&version)?;
    let component = version.components.into_iter().flatten().next().map(|component| component.name);
    // Docker calls its own so.
    let component = component.filter(|name| name != "Engine").unwrap_or_else(|| "Docker Engine".to_owned());
    let name: String =
        format!("{component} {}", version.version).chars().filter(|c| !c.is_control()).take(100).collect();
    let own = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let time_ns = date.unwrap_or_else(own).saturating_mul(1_000_000_000);
    Ok(Engine { name: name.trim().to_owned(), api_version, time_ns })
}

fn choose(version: &Version) -> Result<String, DockerError> {
    let parse = |text: &str| {
        let number = |part: &str| part.parse::<u32>().ok();
        let parsed = text.split_once('.').and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
        parsed.ok_or_else(|| DockerError::Answer {
            path: PATH.to_owned(),
            reason: format!("{text:?} is not a version of the API"),
        })
    };
    let engine_least = version.least.as_deref().filter(|least| !least.is_empty()).unwrap_or(LEAST);
    let (most, least) = (parse(&version.api_version)?, parse(engine_least)?);
    let (own_least, own_most) = (parse(LEAST)?, parse(MOST)?);
    if most < own_least || least > own_most {
        return Err(DockerError::Version {
            least: engine_least.to_owned(),
            most: version.api_version.clone(),
            own_least: LEAST,
            own_most: MOST,
        });
    }
    let (major, minor) = most.min(own_most);
    Ok(format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(most: &str, least: Option<&str>) -> Result<String, String> {
        let version = Version {
            version: "1".to_owned(),
            api_version: most.to_owned(),
            least: least.map(str::to_owned),
            components: None,
        };
        choose(&version).map_err(|error| error.to_string())
    }

    #[test]
    fn highest_common_version_is_chosen() {
        assert_eq!(chosen("1.41", Some("1.24")).as_deref(), Ok("1.41"));
        assert_eq!(chosen("1.99", Some("1.44")).as_deref(), Ok("1.54"));
        assert_eq!(chosen("1.30", None).as_deref(), Ok("1.30"));
        assert_eq!(
            chosen("1.9", None).expect_err("too old"),
            "it knows the versions 1.24 to 1.9 of the API, and this host those from 1.24 to 1.54"
        );
        assert!(chosen("2.10", Some("2.0")).is_err() && chosen("new", None).is_err());
    }
}
