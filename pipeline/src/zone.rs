//! Time zones as people name them. Rules never see the host's: a source is told which one it has.

use std::str::FromStr;

use operators::time::Zone;

/// The name for the zone of this host.
pub const LOCAL: &str = "local";

/// Names of what is no zone of its own.
const UTC: [&str; 5] = ["UTC", "Etc/UTC", "Etc/UCT", "Z", ""];

/// The zone of a name; `None` for UTC.
///
/// # Errors
/// There is none of that name.
pub fn named(name: &str) -> Result<Option<Zone>, String> {
    match name {
        LOCAL => Ok(local()),
        name if UTC.contains(&name) => Ok(None),
        name => Zone::named(name).map(Some).ok_or_else(|| {
            format!(
                "no time zone is called {name:?}: write local, UTC or a name such as Europe/Berlin"
            )
        }),
    }
}

/// A zone as somebody wrote it; `None` for UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written(pub Option<Zone>);

impl FromStr for Written {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        named(name).map(Self)
    }
}

/// The zone of this host, by `TZ` or by what its clocks show; UTC where that has no name.
pub fn local() -> Option<Zone> {
    let name = match std::env::var("TZ") {
        Ok(name) => name.trim_start_matches(':').to_owned(),
        Err(_) => iana_time_zone::get_timezone().unwrap_or_default(),
    };
    Zone::named(&name).filter(|_| !UTC.contains(&&*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_names() {
        assert_eq!(named("UTC"), Ok(None));
        assert_eq!(named("Europe/Berlin").unwrap().map(Zone::name), Some("Europe/Berlin"));
        assert!(named("CEST").unwrap_err().contains("CEST"));
    }
}
