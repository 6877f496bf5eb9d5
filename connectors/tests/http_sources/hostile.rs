//! Peers that mean harm: each is bounded and counted, and a good sender beside them is served.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use connectors::http::{Config, Format, Http};
use connectors::listener::{Limits, Listening};
use connectors::metric::{Gauge, Reason};

use crate::pipe::{Kept, Pipe, SOON};
use crate::ports::free_port;

fn start(change: impl Fn(&mut Limits)) -> (Pipe, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let mut listening = Listening { address: Some(address.clone()), ..Listening::default() };
    change(&mut listening.limits);
    let mut pipe =
        Pipe::start(Http::new(Config { listening, format: Format::json() }), Kept::default());
    pipe.until(SOON, |_| TcpStream::connect(&address).is_ok());
    (pipe, address)
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// What comes back until the other side closes.
fn rest(mut stream: &TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is a way to close as well.
    drop(stream.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes bytes and gives what comes back within a second or until the other side closes, while the
/// pipe keeps.
fn talk(pipe: &mut Pipe, address: &str, bytes: &[u8]) -> String {
    let (address, bytes) = (address.to_owned(), bytes.to_vec());
    let talking = std::thread::spawn(move || {
        let mut stream = connect(&address);
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        drop(stream.write_all(&bytes));
        rest(&stream)
    });
    pipe.until(SOON, |_| talking.is_finished());
    talking.join().unwrap()
}

fn good(pipe: &mut Pipe, address: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    talk(pipe, address, request.as_bytes())
}

#[test]
fn connections_beyond_the_limit_are_closed_and_others_served() {
    let (mut pipe, address) = start(|limits| {
        (limits.connections, limits.per_address, limits.head) = (64, 32, Duration::from_secs(3));
        limits.idle = Duration::from_secs(1);
        limits.answer = Duration::from_millis(100);
    });
    let mut held = Vec::new();
    for _ in 0..10_000 {
        // The backlog may be full for a moment.
        if let Ok(stream) = TcpStream::connect(&address) {
            held.push(stream);
        }
        if held.len() > 500 {
            held.clear();
        }
    }
    pipe.until(SOON, |pipe| pipe.meter.rejected(Reason::PeerLimit) >= 5000);
    assert!(pipe.meter.gauge(Gauge::Open) <= 32);
    // Those that hold their seats and say nothing lose them.
    pipe.until(SOON, |pipe| pipe.meter.gauge(Gauge::Open) == 0);
    // Others may wait in the backlog and take seats yet.
    drop(held);
    let began = Instant::now();
    while !good(&mut pipe, &address, "{\"good\":1}").starts_with("HTTP/1.1 200") {
        assert!(began.elapsed() < SOON);
    }
    assert_eq!(pipe.stop().texts(), ["{\"good\":1}"]);
}

#[test]
fn heads_and_bodies_that_trickle_are_cut_off() {
    let (mut pipe, address) = start(|limits| {
        (limits.head, limits.body) = (Duration::from_secs(1), Duration::from_secs(1));
    });
    let head = b"POST / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n".to_vec();
    let body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".to_vec();
    let chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let trickling: Vec<_> = [head, body, chunked, b"PRI * HTTP/2".to_vec(), Vec::new()]
        .into_iter()
        .map(|beginning| {
            let address = address.clone();
            std::thread::spawn(move || {
                let mut stream = connect(&address);
                stream.write_all(&beginning).unwrap();
                let began = Instant::now();
                while began.elapsed() < SOON && stream.write_all(b"1").is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
                (began.elapsed(), rest(&stream))
            })
        })
        .collect();
    assert!(good(&mut pipe, &address, "{\"good\":1}").starts_with("HTTP/1.1 200"));
    pipe.until(SOON * 2, |_| trickling.iter().all(JoinHandle::is_finished));
    for one in trickling {
        let (took, said) = one.join().unwrap();
        assert!(took < Duration::from_secs(5), "{took:?} {said}");
    }
    assert!(pipe.meter.rejected(Reason::PeerLimit) + pipe.meter.rejected(Reason::Framing) >= 4);
    assert_eq!(pipe.stop().texts(), ["{\"good\":1}"]);
}

#[test]
fn half_requests_leave_no_lines_behind() {
    let (mut pipe, address) = start(|_| {});
    let whole = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n{\"a\":1}{\"b\":2}{\"c\":3}{\"d\":4}  ";
    for end in 1..whole.len() {
        let mut stream = connect(&address);
        stream.write_all(&whole.as_bytes()[..end]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let said = rest(&stream);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{end}: {said}");
    }
    assert_eq!(pipe.kept.lines.len(), 0);
    assert!(pipe.meter.rejected(Reason::Framing) > 0);
    assert!(good(&mut pipe, &address, "{\"good\":1}").starts_with("HTTP/1.1 200"));
    assert_eq!(pipe.stop().lines.len(), 1);
}

/// What a proxy and we could understand differently is one request or none, never a second one.
#[test]
fn ambiguous_requests_smuggle_nothing() {
    let (mut pipe, address) = start(|_| {});
    let hidden = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{\"hidden\":1}";
    let shapes = [
        // Two lengths.
        format!("Content-Length: 2\r\nContent-Length: 4\r\n\r\n{{}}{hidden}"),
        format!("Content-Length: 2, 4\r\n\r\n{{}}{hidden}"),
        format!("Content-Length: +2\r\n\r\n{{}}{hidden}"),
        format!("Content-Length: 0x2\r\n\r\n{{}}{hidden}"),
        format!("Content-Length : 2\r\n\r\n{{}}{hidden}"),
        // An encoding that only one of two knows.
        format!("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n{hidden}"),
        // Chunks that are none.
        format!("Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n2 x\n{{}}\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{hidden}"),
        // Headers that are none.
        format!("X\0: y\r\nContent-Length: 2\r\n\r\n{{}}{hidden}"),
        format!("X: a\rContent-Length: 99\r\nContent-Length: 2\r\n\r\n{{}}{hidden}"),
    ];
    for shape in &shapes {
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{shape}");
        let said = talk(&mut pipe, &address, request.as_bytes());
        assert!(said.matches("HTTP/1.1 ").count() <= 1, "{shape:?}: {said}");
        assert!(!said.contains("200 OK"), "{shape:?}: {said}");
    }
    assert_eq!(pipe.kept.texts(), Vec::<&str>::new());
    // Both given: RFC 9112 section 6.3 lets the encoding win; what follows is a request of its own.
    let both = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n{hidden}"
    );
    talk(&mut pipe, &address, both.as_bytes());
    let texts = pipe.kept.texts();
    assert!(texts == ["[]", "{\"hidden\":1}"] || texts == ["[]"], "{texts:?}");
    pipe.stop();
}

#[test]
fn bodies_share_a_bounded_memory() {
    let (mut pipe, address) = start(|limits| {
        (limits.bodies, limits.max_body) = (1 << 20, 1 << 20);
        limits.body = Duration::from_secs(8);
    });
    // A body that is never finished.
    let unfinished = || {
        let mut stream = connect(&address);
        stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").unwrap();
        stream.write_all(&[b' '; 300_000]).unwrap();
        stream
    };
    let mut hold: Vec<_> = (0..3).map(|_| unfinished()).collect();
    let body = "[]".repeat(200_000);
    pipe.until(SOON, |pipe| pipe.meter.gauge(Gauge::Open) >= 2);
    let mut said = good(&mut pipe, &address, &body);
    let deadline = Instant::now() + Duration::from_secs(6);
    while !said.starts_with("HTTP/1.1 503") && Instant::now() < deadline {
        // One of them may have found no room beside a good one.
        hold.push(unfinished());
        said = good(&mut pipe, &address, &body);
    }
    assert!(
        said.starts_with("HTTP/1.1 503") && said.to_lowercase().contains("retry-after: 5"),
        "{said}"
    );
    pipe.until(SOON, |pipe| pipe.meter.gauge(Gauge::Open) == 0);
    drop(hold);
    assert!(good(&mut pipe, &address, "{\"good\":1}").starts_with("HTTP/1.1 200"));
    pipe.stop();
}

#[test]
fn http2_in_the_clear_works_and_is_bounded() {
    let (mut pipe, address) = start(|_| {});
    let url = format!("http://{address}/");
    let sent = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
        let many = (0..100).map(|i| client.post(&url).body(format!("{{\"i\":{i}}}")).send());
        runtime.block_on(futures_util::future::join_all(many))
    });
    pipe.until(SOON, |_| sent.is_finished());
    for response in sent.join().unwrap() {
        assert_eq!(response.unwrap().status(), 200);
    }
    assert_eq!(pipe.stop().lines.len(), 100);
}
