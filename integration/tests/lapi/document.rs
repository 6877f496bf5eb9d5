//! The OpenAPI document against the service: the routes are the same, and what is answered is what the
//! document says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use crate::http::{Answer, Request, send, send_unix};
use crate::servers::{self, Server};
use crate::{conversation, exchange, recorded};

/// The routes of CrowdSec 1.7.8 (`pkg/apiserver/controllers/controller.go`).
const CROWDSEC: [&str; 25] = [
    "GET /health",
    "POST /v1/watchers",
    "POST /v1/watchers/login",
    "GET /v1/refresh_token",
    "DELETE /v1/watchers/self",
    "POST /v1/alerts",
    "GET /v1/alerts",
    "HEAD /v1/alerts",
    "GET /v1/alerts/{alert_id}",
    "HEAD /v1/alerts/{alert_id}",
    "DELETE /v1/alerts/{alert_id}",
    "DELETE /v1/alerts",
    "GET /v1/decisions",
    "HEAD /v1/decisions",
    "GET /v1/decisions/stream",
    "HEAD /v1/decisions/stream",
    "DELETE /v1/decisions",
    "DELETE /v1/decisions/{decision_id}",
    "GET /v1/heartbeat",
    "POST /v1/usage-metrics",
    "GET /v1/allowlists",
    "GET /v1/allowlists/{allowlist_name}",
    "GET /v1/allowlists/check/{ip_or_range}",
    "HEAD /v1/allowlists/check/{ip_or_range}",
    "POST /v1/allowlists/check",
];

fn get(server: &Server, target: &str, headers: &[(&str, &str)]) -> (Request, Answer) {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let request =
        Request { method: "GET".into(), target: target.into(), headers, ..Request::default() };
    let answer = send(&server.address, &request);
    (request, answer)
}

fn document(server: &Server) -> Value {
    let (_, answer) = get(server, "/v1/openapi.json", &[]);
    serde_json::from_str(&answer.body).unwrap()
}

/// The operations of a document, by path, then by method.
fn operations(document: &Value) -> BTreeMap<&str, BTreeMap<String, &Value>> {
    let methods = ["get", "head", "post", "put", "delete", "patch", "options", "trace"];
    let paths = document["paths"].as_object().unwrap().iter();
    let of = |item: &'static str, path: &'_ Value| path.get(item).is_some();
    let all = paths.map(|(path, item)| {
        let there = methods.iter().filter(|method| of(method, item));
        (path.as_str(), there.map(|method| (method.to_uppercase(), &item[*method])).collect())
    });
    all.collect()
}

/// A path that an operation is reached at.
fn filled(template: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "1".to_owned() } else { part.to_owned() };
    template.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[test]
fn the_document_has_the_routes_of_the_router() {
    let server = servers::ours();
    let document = document(&server);
    let operations = operations(&document);
    for (path, documented) in &operations {
        let target = filled(path);
        let request = Request { method: "PUT".into(), target, ..Request::default() };
        let answer = send(&server.address, &request);
        assert_eq!(answer.status, 405, "PUT {path}: {answer:?}");
        let allowed = answer.header("allow").unwrap_or_default().split(',').map(str::trim);
        let mut allowed: BTreeSet<&str> = allowed.collect();
        // Whatever answers GET answers HEAD, as HTTP has it.
        if !documented.contains_key("HEAD") {
            allowed.remove("HEAD");
        }
        let documented: BTreeSet<&str> = documented.keys().map(String::as_str).collect();
        assert_eq!(documented, allowed, "{path}");
    }
    // No path is routed past the document.
    let routes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/src/routes");
    let read = |file| std::fs::read_to_string(routes.join(file)).unwrap();
    let routes = ["mod.rs", "admin/mod.rs"].map(read).concat();
    for past in [".route(", ".nest(", "route_service", "nest_service", "Router::new().merge"] {
        assert!(!routes.contains(past), "{past}: declare it by routes!");
    }
    let declared = routes.matches(".routes(routes!(").count();
    assert_eq!(declared, operations.len(), "paths of the document: {:?}", operations.keys());
}

#[test]
fn the_document_has_every_route_of_crowdsec() {
    let server = servers::ours();
    let document = document(&server);
    let operations = operations(&document);
    for route in CROWDSEC {
        let (method, path) = route.split_once(' ').unwrap();
        let there = operations.get(path).is_some_and(|methods| methods.contains_key(method));
        assert!(there, "{route} is missing");
    }
    let mut names = BTreeSet::new();
    for operation in operations.values().flat_map(BTreeMap::values) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "two operations are called {name}");
        assert!(operation["summary"].is_string(), "{name} does not say what it does");
        assert!(operation["tags"].is_array(), "{name} belongs nowhere");
    }
}

/// Says where an answer is not what the document has; `false` for what no route takes.
fn hold(document: &Value, request: &Request, answer: &Answer, wrong: &mut Vec<String>) -> bool {
    let path = request.target.split('?').next().unwrap();
    let parts: Vec<&str> = path.split('/').collect();
    let matching = |template: &str| {
        let each: Vec<&str> = template.split('/').collect();
        each.len() == parts.len()
            && each.iter().zip(&parts).all(|(one, part)| one == part || one.starts_with('{'))
    };
    let operations = operations(document);
    // A path without a place for parts goes before one with it.
    let found = operations.keys().filter(|template| matching(template));
    let found = found.min_by_key(|template| template.matches('{').count());
    let Some(operation) = found.and_then(|template| operations[template].get(&request.method))
    else {
        return false;
    };
    let mut say = |what: String| {
        wrong.push(format!("{} {}: {} {what}", request.method, request.target, answer.status));
    };
    let Some(response) = operation["responses"].get(answer.status.to_string()) else {
        say(format!("is not in the document: {}", answer.body));
        return true;
    };
    let Some(content) = response.get("content").filter(|_| request.method != "HEAD") else {
        if !answer.body.is_empty() {
            say(format!("has a body: {}", answer.body));
        }
        return true;
    };
    let kind = answer.header("content-type").unwrap_or_default().split(';').next().unwrap();
    let Some(media) = content.get(kind) else {
        say(format!("has the type {kind:?}, not one of {content}"));
        return true;
    };
    if kind == "application/json" {
        let mut schema = media["schema"].clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        for error in validator.iter_errors(&body) {
            say(format!("at {:?}: {error}", error.instance_path().to_string()));
        }
    }
    true
}

/// A ban by hand, posted as the server itself.
fn ban(value: &str) -> Request {
    let alert = json!([{
        "capacity": 0, "events": [], "events_count": 1, "leakspeed": "0", "message": "by hand",
        "scenario": "by hand", "scenario_hash": "", "scenario_version": "", "simulated": false,
        "source": {"scope": "Ip", "value": value, "ip": value, "cn": "FR", "latitude": 48.8},
        "start_at": "2026-11-21T03:18:13Z", "stop_at": "now",
        "decisions": [{"duration": "4h", "origin": "cscli", "scenario": "by hand", "scope": "Ip",
            "type": "ban", "value": value}],
    }]);
    let (method, target) = ("POST".to_owned(), "/v1/alerts".to_owned());
    Request { method, target, body: alert.to_string(), ..Request::default() }
}

#[test]
fn what_crowdsecs_clients_are_answered_is_in_the_document() {
    let server = servers::ours();
    let document = document(&server);
    let turns = conversation::read(&std::fs::read_to_string(recorded("conversation.txt")).unwrap());
    let answers = exchange(&server, &turns);
    let mut wrong = Vec::new();
    let mut held = 0;
    for (turn, answer) in turns.iter().zip(&answers) {
        held += usize::from(hold(&document, &turn.request, answer, &mut wrong));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(held > 60, "only {held} of {} answers are of a route", turns.len());
}

#[test]
fn what_our_own_clients_are_answered_is_in_the_document() {
    let server = servers::ours();
    let document = document(&server);
    let key = [("X-Api-Key", server.key.as_str())];
    let mut wrong = Vec::new();
    let local = |method: &str, target: &str, body: &str| {
        let (method, target, body) = (method.to_owned(), target.to_owned(), body.to_owned());
        let request = Request { method, target, body, ..Request::default() };
        (request.clone(), send_unix(&server.socket, &request))
    };
    let ban = ban("203.0.113.7");
    let mut turns = vec![(ban.clone(), send_unix(&server.socket, &ban))];
    for target in [
        "/v1/decisions",
        "/v1/decisions/stream?startup=true",
        "/v1/decisions/stream?cursor=",
        "/v1/decisions/stream?wait=soon",
        "/v1/decisions/events?ip=zz",
        "/v1/blocklist",
        "/v1/blocklist?format=json",
        "/v1/blocklist?format=none",
        "/v1/blocklist?ip=zz",
        "/v1/openapi.json",
    ] {
        turns.push(get(&server, target, &key));
    }
    turns.push(get(&server, "/v1/blocklist", &[]));
    for (method, target, body) in [
        ("GET", "/v1/decisions/1/explain", ""),
        ("GET", "/v1/decisions/77/explain", ""),
        ("GET", "/v1/alerts", ""),
        ("GET", "/v1/allowlists/office?with_content=true", ""),
        ("GET", "/v1/admin/bouncers", ""),
        ("GET", "/v1/admin/machines", ""),
        ("GET", "/v1/admin/usage-metrics", ""),
        ("POST", "/v1/admin/bouncers", r#"{"name":"a"}"#),
        ("POST", "/v1/admin/bouncers", r#"{"name":"a"}"#),
        ("POST", "/v1/admin/bouncers", r#"{"name":""}"#),
        ("POST", "/v1/admin/machines", r#"{"machine_id":"a"}"#),
        ("POST", "/v1/admin/machines/a/validate", ""),
        ("POST", "/v1/admin/machines/b/validate", ""),
        ("POST", "/v1/admin/allowlists", r#"{"name":"l"}"#),
        ("POST", "/v1/admin/allowlists", r#"{"name":"l"}"#),
        ("POST", "/v1/admin/allowlists/l/items", r#"{"items":[{"value":"203.0.113.7"}]}"#),
        ("DELETE", "/v1/admin/allowlists/l/items", r#"{"values":["203.0.113.7"]}"#),
        ("DELETE", "/v1/admin/allowlists/l", ""),
        ("POST", "/v1/admin/alerts/flush", r#"{"max_items":5,"max_age":"7d"}"#),
        ("DELETE", "/v1/admin/machines/a", ""),
        ("DELETE", "/v1/admin/bouncers/a", ""),
        ("DELETE", "/v1/admin/bouncers/a", ""),
    ] {
        turns.push(local(method, target, body));
    }
    for (request, answer) in &turns {
        assert!(hold(&document, request, answer, &mut wrong), "{request:?} {answer:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let good = turns.iter().filter(|(_, answer)| answer.status < 300).count();
    assert!(good >= 20, "only {good} of {} were carried out", turns.len());
}
