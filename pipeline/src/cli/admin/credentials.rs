//! Who a machine is and where its server: `local_api_credentials.yaml` as CrowdSec's agents read it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use operators::yaml::{Source, parse};

use crate::config::load::DIRECTORY;

/// Its usual name.
const FILE: &str = "local_api_credentials.yaml";

/// Where a machine's credentials are if nobody says.
pub fn usual() -> PathBuf {
    Path::new(DIRECTORY).join(FILE)
}

/// Who a machine is and where its server.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Address of the server.
    pub url: String,
    /// Name of the machine.
    pub login: String,
    /// Its password.
    pub password: String,
    /// Certificates of authorities that are trusted, instead of the system's.
    pub authorities: Option<PathBuf>,
    /// Its certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url, login, .. } = self;
        f.debug_struct("Credentials")
            .field("url", url)
            .field("login", login)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is no YAML, or lacks the url.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("read {shown}"))?;
        let documents = parse(&Source::new(shown.as_str(), &text));
        if let Some(error) = documents.errors.first() {
            anyhow::bail!("{shown}: {error}");
        }
        let entry = |name: &str| {
            let found = documents.nodes.first().and_then(|node| node.entry(name));
            let text = found.and_then(operators::yaml::Node::located_text).map(|text| text.value);
            text.filter(|text| !text.is_empty())
        };
        let url = entry("url").with_context(|| format!("{shown}: `url` is missing"))?;
        let path = |name: &str| entry(name).map(PathBuf::from);
        Ok(Self {
            url,
            login: entry("login").unwrap_or_default(),
            password: entry("password").unwrap_or_default(),
            authorities: path("ca_cert_path"),
            identity: path("cert_path").zip(path("key_path")),
        })
    }

    /// As they are written.
    pub fn yaml(&self) -> String {
        // A text of JSON is one of YAML, whatever is in it.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let Self { url, login, password, .. } = self;
        let (url, login, password) = (quoted(url), quoted(login), quoted(password));
        let mut text = format!("url: {url}\nlogin: {login}\npassword: {password}\n");
        if let Some(path) = &self.authorities {
            text.push_str(&format!("ca_cert_path: {}\n", quoted(&path.display().to_string())));
        }
        text
    }

    /// Writes a file that only its owner reads, to be put in place once the server knows the machine:
    /// what can fail fails before.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn stage(&self, path: &Path) -> anyhow::Result<Staged> {
        // A link stays one.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if place.exists() && !place.is_file() {
            anyhow::bail!("{} is no file: write -f - for standard output", path.display());
        }
        let mut name = place.clone().into_os_string();
        name.push(".new");
        let staged = Staged { place, new: name.into() };
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&staged.new);
        let written = file.and_then(|mut file| {
            file.write_all(self.yaml().as_bytes())?;
            file.sync_all()
        });
        written.with_context(|| format!("write {}", path.display()))?;
        Ok(staged)
    }

    /// A client that trusts whom these trust, and shows their certificate.
    ///
    /// # Errors
    /// A certificate cannot be read.
    pub fn trust(
        &self,
        mut client: reqwest::ClientBuilder,
    ) -> anyhow::Result<reqwest::ClientBuilder> {
        let read = |path: &Path| fs::read(path).with_context(|| format!("read {}", path.display()));
        if let Some(path) = &self.authorities {
            client = client.tls_certs_only(reqwest::Certificate::from_pem_bundle(&read(path)?)?);
        }
        if let Some((certificate, key)) = &self.identity {
            let pem = [read(certificate)?, read(key)?].concat();
            client = client.identity(reqwest::Identity::from_pem(&pem)?);
        }
        Ok(client)
    }
}

/// A file of credentials that is written and not yet in its place. It goes if nobody puts it there.
#[derive(Debug)]
#[must_use]
pub struct Staged {
    place: PathBuf,
    new: PathBuf,
}

impl Staged {
    /// Puts it in its place.
    ///
    /// # Errors
    /// Another process took the file away.
    pub fn put(self) -> anyhow::Result<()> {
        fs::rename(&self.new, &self.place)
            .with_context(|| format!("write {}", self.place.display()))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Where it was put, nothing is there any more.
        let _ = fs::remove_file(&self.new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let written = Credentials {
            url: "http://127.0.0.1:8080".into(),
            login: "web 1: \"a\"".into(),
            password: "'#: \\ü".into(),
            authorities: Some("/a b/ca.pem".into()),
            ..Credentials::default()
        };
        drop(written.stage(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        written.stage(&path).unwrap().put().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(Credentials::read(&path).unwrap(), written);
        fs::write(&path, "login: a\n").unwrap();
        assert!(Credentials::read(&path).unwrap_err().to_string().contains("`url` is missing"));
    }
}
