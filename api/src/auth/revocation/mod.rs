//! Whether client certificates were revoked, by lists of their authorities and by asking (OCSP), as
//! CrowdSec does it (middlewares/v1/tls_auth.go): at each request, so that a connection that lives on
//! is refused too; what was found out counts for a while.

mod chain;
mod lists;
mod ocsp;
mod responder;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use chain::Link;
pub use lists::Lists;

/// How long it counts that nobody could be asked: not each request waits for who does not answer.
const UNANSWERED: Duration = Duration::from_secs(60);
/// Certificates that are asked about at the same time.
const ASKED: usize = 16;
/// Verdicts that are remembered.
const MOST: usize = 65_536;

/// Whether a certificate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody says that it does not.
    Stands,
    /// It was revoked, as this says.
    Revoked(&'static str),
}

#[derive(Clone, Copy, Debug)]
struct Known {
    verdict: Verdict,
    until: Instant,
}

/// What is known about the certificates of a listener.
#[derive(Debug)]
pub struct Revocation {
    /// Authorities, and whom they say they revoked.
    sources: ArcSwap<Sources>,
    known: Mutex<HashMap<[u8; 32], Known>>,
    room: Semaphore,
    /// How long a verdict counts.
    lifetime: Duration,
}

#[derive(Debug, Default)]
struct Sources {
    authorities: Vec<CertificateDer<'static>>,
    lists: Lists,
}

impl Revocation {
    /// Nothing is revoked until [`Revocation::renew`] says otherwise. A verdict counts for `lifetime`.
    pub fn new(lifetime: Duration) -> Self {
        Self {
            sources: ArcSwap::default(),
            known: Mutex::default(),
            room: Semaphore::new(ASKED),
            lifetime,
        }
    }

    /// Takes other authorities and lists. What was found out before is forgotten.
    pub fn renew(&self, authorities: Vec<CertificateDer<'static>>, lists: Lists) {
        self.sources.store(Arc::new(Sources { authorities, lists }));
        self.known().clear();
    }

    /// Whether the first certificate of a chain counts, and those that vouch for it. Unit of `now`:
    /// seconds since the Unix epoch.
    pub async fn verdict(&self, chain: &[CertificateDer<'static>], now: i64) -> Verdict {
        let Some(first) = chain.first() else { return Verdict::Stands };
        let print: [u8; 32] = Sha256::digest(first).into();
        if let Some(verdict) = self.remembered(&print) {
            return verdict;
        }
        let _room = self.room.acquire().await;
        // Somebody may have found it out meanwhile.
        if let Some(verdict) = self.remembered(&print) {
            return verdict;
        }
        let sources = self.sources.load_full();
        let (verdict, sure) = sources.ask(chain.to_vec(), now).await;
        let lifetime = if sure { self.lifetime } else { self.lifetime.min(UNANSWERED) };
        // Other lists may have come meanwhile: what these said counts once.
        if Arc::ptr_eq(&sources, &self.sources.load()) {
            self.remember(print, Known { verdict, until: Instant::now() + lifetime });
        }
        verdict
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, print: &[u8; 32]) -> Option<Verdict> {
        let known = self.known().get(print).copied()?;
        (known.until > Instant::now()).then_some(known.verdict)
    }

    fn remember(&self, print: [u8; 32], verdict: Known) {
        let mut known = self.known();
        if known.len() >= MOST {
            let now = Instant::now();
            known.retain(|_, known| known.until > now);
            if known.len() >= MOST {
                known.clear();
            }
        }
        known.insert(print, verdict);
    }
}

impl Sources {
    /// A verdict, and whether all who are to be asked answered.
    async fn ask(
        self: &Arc<Self>,
        chain: Vec<CertificateDer<'static>>,
        now: i64,
    ) -> (Verdict, bool) {
        let sources = Arc::clone(self);
        // Signatures of long lists take their time.
        let looked = tokio::task::spawn_blocking(move || {
            let links = chain::links(&chain, &sources.authorities);
            let listed = links.iter().any(|link| sources.lists.name(link));
            (links, listed)
        });
        let Ok((links, listed)) = looked.await else { return (Verdict::Stands, false) };
        if listed {
            return (Verdict::Revoked("CRL"), true);
        }
        let mut sure = true;
        for link in &links {
            match ocsp_says(link, now).await {
                Some(ocsp::Status::Revoked) => return (Verdict::Revoked("OCSP"), true),
                Some(_) => {}
                None => sure = false,
            }
        }
        (Verdict::Stands, sure)
    }
}

/// What the responders of a certificate say, `None` if none of them could.
async fn ocsp_says(link: &Link, now: i64) -> Option<ocsp::Status> {
    if link.responders.is_empty() {
        return Some(ocsp::Status::Good);
    }
    for url in &link.responders {
        match responder::ask(url, link, now).await {
            Ok(ocsp::Status::Unknown) => tracing::debug!(url, "the responder does not know it"),
            Ok(status) => return Some(status),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(url, error, "a certificate cannot be asked about: it stands");
            }
        }
    }
    None
}
