//! Ways into a cluster: TLS, certificates, SASL.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use connectors::kafka::{Cluster, Login, Sasl, Tls, Token};
use integration::services::Kafka;
use integration::services::kafka::{Listener, PASSWORD, USER};

use crate::{SOON, config, expected, numbered, run, shared};

fn login() -> Login {
    Login { username: USER.to_owned(), password: PASSWORD.into() }
}

fn trusting(kafka: &Kafka) -> Tls {
    Tls { ca: Some(kafka.certificates().ca.clone()), ..Tls::default() }
}

fn cluster(kafka: &Kafka, listener: Listener) -> Cluster {
    Cluster::open(&kafka.addresses(listener))
}

/// A token as brokers take it that do not check signatures.
fn unsigned_token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let part = |json: String| base64(json.as_bytes());
    let header = part(r#"{"alg":"none"}"#.to_owned());
    let end = now + 3600;
    format!("{header}.{}.", part(format!(r#"{{"sub":"{USER}","iat":{now},"exp":{end}}}"#)))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |bits: u32| char::from(DIGITS[(bits & 63) as usize]);
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let bits = part.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - part.len()));
        text.extend((0..=part.len()).map(|place| digit(bits >> (18 - 6 * place))));
    }
    text
}

#[test]
fn every_way_in_works() {
    let Some((kafka, topics)) = shared("every_way_in_works") else { return };
    topics.create("access", 1, &[]);
    topics.fill("access", 0, "none", numbered(0..3));
    let certificates = kafka.certificates();
    let mutual = Tls {
        certificate: Some(certificates.client.clone()),
        key: Some(certificates.client_key.clone()),
        ..trusting(kafka)
    };
    let ways = [
        (Listener::SaslPlaintext, None, Some(Sasl::Plain(login()))),
        (Listener::SaslPlaintext, None, Some(Sasl::ScramSha256(login()))),
        (Listener::SaslPlaintext, None, Some(Sasl::ScramSha512(login()))),
        (
            Listener::SaslPlaintext,
            None,
            Some(Sasl::OAuthBearer(Token::Static(unsigned_token().as_str().into()))),
        ),
        (Listener::SaslSsl, Some(trusting(kafka)), Some(Sasl::ScramSha512(login()))),
        (
            Listener::SaslSsl,
            Some(Tls { verify: false, ..Tls::default() }),
            Some(Sasl::Plain(login())),
        ),
        (Listener::Ssl, Some(mutual), None),
    ];
    for (listener, tls, sasl) in ways {
        let mut config = config(kafka, &["access"]);
        config.cluster = Cluster { tls, sasl, ..cluster(kafka, listener) };
        let mut run = run(&config, &Default::default());
        let way = format!("{listener:?} {:?}", config.cluster.sasl);
        run.until(&way, SOON, |run| run.count() == 3);
        assert_eq!(run.texts("access/0"), expected(0..3), "{way}");
        run.stop();
    }
}

#[test]
fn who_is_not_let_in_is_told_why_and_tries_on() {
    let Some((kafka, topics)) = shared("who_is_not_let_in") else { return };
    topics.create("closed", 1, &[]);
    let wrong = Login { password: "wrong".into(), ..login() };
    let ways = [
        (Listener::SaslPlaintext, None, Some(Sasl::Plain(wrong.clone())), "uthentication failed"),
        (Listener::SaslPlaintext, None, Some(Sasl::ScramSha256(wrong)), "uthentication failed"),
        (Listener::SaslSsl, Some(Tls::default()), Some(Sasl::Plain(login())), "certificate"),
        (Listener::Ssl, Some(trusting(kafka)), None, ""),
    ];
    for (listener, tls, sasl, word) in ways {
        let mut config = config(kafka, &["closed"]);
        config.cluster = Cluster { tls, sasl, ..cluster(kafka, listener) };
        let mut run = run(&config, &Default::default());
        run.until(&format!("{listener:?}: {word}"), SOON, |run| {
            let state = run.health.state();
            state.name() == "retrying" && state.to_string().contains(word)
        });
        run.stop();
    }
}

#[test]
fn tokens_are_fetched_from_an_endpoint() {
    let Some((kafka, topics)) = shared("tokens_are_fetched_from_an_endpoint") else { return };
    topics.create("tokens", 1, &[]);
    topics.fill("tokens", 0, "none", numbered(0..2));
    let asked = Arc::new(AtomicUsize::new(0));
    let url = token_endpoint(Arc::clone(&asked));
    let token = Token::Endpoint {
        url,
        client_id: "spillway".to_owned(),
        client_secret: "s3cret".into(),
        scope: "logs read".to_owned(),
        ca: None,
    };
    let mut config = config(kafka, &["tokens"]);
    config.cluster = cluster(kafka, Listener::SaslPlaintext);
    config.cluster.sasl = Some(Sasl::OAuthBearer(token));
    let mut run = run(&config, &Default::default());
    run.until("the lines", SOON, |run| run.count() == 2);
    // Tokens of this endpoint live for five seconds.
    let so_far = asked.load(Ordering::Relaxed);
    run.until("another token", SOON, |_| asked.load(Ordering::Relaxed) > so_far);
    topics.fill("tokens", 0, "none", numbered(2..3));
    run.until("one more line", SOON, |run| run.count() == 3);
    run.stop();
}

/// An endpoint that gives tokens to whoever asks as RFC 6749 says.
fn token_endpoint(asked: Arc<AtomicUsize>) -> String {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {
                let line = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            let basic = format!("basic {}", "c3BpbGx3YXk6czNjcmV0");
            let known = head.to_lowercase().contains(&basic.to_lowercase());
            let right = body == "grant_type=client_credentials&scope=logs%20read";
            let answer = if known && right && head.starts_with("POST /token") {
                asked.fetch_add(1, Ordering::Relaxed);
                let token = unsigned_token();
                (
                    "200 OK",
                    format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":5}}"#),
                )
            } else {
                ("401 Unauthorized", format!("{head} {body}"))
            };
            let (status, text) = answer;
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{text}",
                text.len()
            );
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}
