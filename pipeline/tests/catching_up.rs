//! While the view has not caught up with the store, nobody is answered from half of it: 503, with when
//! to come again; what needs no view is answered. What could not be kept is never shown.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::accounts::Bouncer;
use api::auth::guard::hash_of;
use api::intake::{Change, IntakeError, Outcome, Post, VERSION};
use api::listen::{self, Bounds};
use api::service::Policy;
use pipeline::cli::rules::RuleArgs;
use pipeline::serve::flush::Retention;
use pipeline::serve::{Options, Serving};
use pipeline::state::{Budget, Store, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn now() -> i64 {
    1_795_231_080 * 1_000_000_000
}

fn start(path: &std::path::Path) -> (Arc<Store>, Serving) {
    let store = Arc::new(Store::open(path, Budget { cache: 1 << 20, writes: 1 << 20 }).unwrap());
    let loaded = RuleArgs::default().load(Box::new(|_| None)).unwrap();
    let serving = Serving::start(Options {
        store: Arc::clone(&store),
        detection: loaded.detection(),
        names: Arc::default(),
        machine: "test".into(),
        wanted: pipeline::judge::outbox::Wanted::Nothing,
        unparsed: false,
        policy: Policy::default(),
        retention: Retention::default(),
        secret: None,
        now,
    })
    .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !serving.service.index.is_ready() {
        assert!(Instant::now() < deadline, "the view does not catch up");
        std::thread::sleep(Duration::from_millis(1));
    }
    (store, serving)
}

/// The head of an answer, in lower case.
async fn asked(address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text =
        format!("GET {target} HTTP/1.1\r\nHost: t\r\nX-Api-Key: key\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    // Events do not end.
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut piece = [0; 1_024];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "{target}: the answer ends");
        head.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&head).to_ascii_lowercase()
}

#[test]
fn nobody_is_answered_from_half_a_view() {
    let folder = tempfile::tempdir().unwrap();
    let (_, serving) = start(folder.path());
    let row = Bouncer { name: "b".into(), key: hash_of(b"key"), ..Bouncer::default() };
    serving.service.accounts.add_bouncer(row).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (_stop, stopping) = tokio::sync::watch::channel(false);
    let router = api::routes::router(Arc::clone(&serving.service));
    runtime.spawn(listen::tcp(listener, None, router, Bounds::default(), stopping));
    let of_view = [
        "/v1/decisions",
        "/v1/decisions?ip=192.0.2.1",
        "/v1/decisions/stream",
        "/v1/decisions/stream?startup=true",
        "/v1/decisions/stream?wait=1s",
        "/v1/decisions/events",
        "/v1/blocklist",
    ];
    for ready in [true, false, true] {
        serving.service.index.set_ready(ready);
        for target in of_view {
            let head = runtime.block_on(asked(&address, target));
            let status = if ready { "http/1.1 200" } else { "http/1.1 503" };
            assert!(head.starts_with(status), "{target}: {head}");
            assert_eq!(head.contains("retry-after: 1"), !ready, "{target}: {head}");
        }
        assert!(runtime.block_on(asked(&address, "/health")).starts_with("http/1.1 200"));
    }
    drop(runtime);
    serving.finish();
}

fn ban(value: &str) -> Post {
    let body = serde_json::json!([{
        "capacity": 0, "events": [], "events_count": 1, "leakspeed": "", "message": "",
        "scenario": "s", "scenario_hash": "", "scenario_version": "", "simulated": false,
        "source": {"scope": "Ip", "value": value}, "start_at": "", "stop_at": "",
        "decisions": [{"duration": "4h", "origin": "cscli", "scenario": "s", "scope": "Ip",
                       "type": "ban", "value": value}],
    }]);
    let alerts = api::wire::posted::read(body.to_string().as_bytes(), now(), value).unwrap();
    let mut retry = [0; 32];
    retry[..value.len()].copy_from_slice(value.as_bytes());
    let change = Change::Alerts { machine: "m".into(), retry, alerts };
    Post { version: VERSION, at: now(), change }
}

#[test]
fn what_cannot_be_kept_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (store, serving) = start(folder.path());
    let service = Arc::clone(&serving.service);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let kept = runtime.block_on(service.intake.submit(ban("192.0.2.1")));
    assert_eq!(kept, Ok(Outcome::Alerts(vec![1])));
    assert_eq!(service.index.read().unwrap().len(), 1);
    store.poison(&StoreError::Poisoned { path: folder.path().to_path_buf() });
    let lost = runtime.block_on(service.intake.submit(ban("192.0.2.2")));
    assert_eq!(lost, Err(IntakeError::Store));
    let deadline = Instant::now() + Duration::from_secs(20);
    while service.index.is_ready() {
        assert!(Instant::now() < deadline, "the API still answers");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(service.index.current().len(), 1);
    drop((service, store));
    serving.finish();
}
