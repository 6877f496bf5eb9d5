//! Bouncers and machines, and what a machine may do over the network.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::column;
use crate::http::{Request, send};
use crate::served::{Served, spillway};

fn pull(served: &Served, key: &str) -> u16 {
    let request = Request {
        method: "GET".into(),
        target: "/v1/decisions".into(),
        headers: vec![("X-Api-Key".into(), key.into()), ("User-Agent".into(), "fw/v1".into())],
        ..Request::default()
    };
    send(&served.address, &request).status
}

#[test]
fn a_bouncer_lives_from_its_key_to_its_removal() {
    let served = Served::start();
    let key = served.run(&["bouncers", "add", "fw", "-o", "raw"]);
    let key = key.trim();
    assert!(key.len() >= 32 && pull(&served, key) == 200, "{key}");
    let raw = served.run(&["bouncers", "list", "-o", "raw"]);
    assert_eq!(raw.lines().next().unwrap(), "name,ip,revoked,last_pull,type,version,auth_type");
    assert_eq!(column(&raw, 1, "revoked"), "validated");
    assert_eq!((column(&raw, 1, "ip"), column(&raw, 1, "type")), ("127.0.0.1".into(), "fw".into()));
    let json: Value =
        serde_json::from_str(&served.run(&["bouncers", "list", "-o", "json"])).unwrap();
    assert_eq!(json[0]["auto_created"], false);
    let shown = served.run(&["bouncers", "inspect", "fw"]);
    assert!(shown.contains("Bouncer: fw") && shown.contains("Last Pull"), "{shown}");
    let twice = served.refused(&["bouncers", "add", "fw"]);
    assert!(twice.contains("unable to create bouncer: bouncer fw already exists"), "{twice}");
    assert_eq!(served.run(&["bouncers", "prune"]), "No bouncers to prune.\n");
    assert_eq!(served.said(&["bouncers", "delete", "fw"]), "bouncer 'fw' deleted successfully\n");
    assert_eq!(pull(&served, key), 403);
    served.run(&["bouncers", "delete", "fw", "--ignore-missing"]);
    let human = served.run(&["bouncers", "add", "fw2", "-k", "a-key-of-mine"]);
    assert!(human.starts_with("API key for 'fw2':\n\n   a-key-of-mine\n"), "{human}");
}

#[test]
fn pruning_asks_or_is_forced() {
    let served = Served::start();
    served.run(&["bouncers", "add", "old"]);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let errors = served.refused(&["bouncers", "prune", "-d", "10ms"]);
    assert!(errors.contains("add --force"), "{errors}");
    let said = served.said(&["bouncers", "prune", "-d", "10ms", "--force"]);
    assert_eq!(said, "Successfully deleted 1 bouncers\n");
    served.run(&["machines", "add", "old", "--auto", "-f", "-"]);
    let said = served.said(&["machines", "prune", "-d", "10ms", "--force"]);
    assert_eq!(said, "successfully deleted 1 machines\n");
}

#[test]
fn an_administrator_asks_over_the_network_and_others_may_not_administer() {
    let served = Served::start();
    let (admin, agent) = (served.path("admin.yaml"), served.path("agent.yaml"));
    let (admin, agent) = (admin.to_str().unwrap(), agent.to_str().unwrap());
    served.run(&["machines", "add", "boss", "--auto", "--admin", "-f", admin]);
    served.run(&["machines", "add", "web1", "--password", "a: 'b'", "-f", agent]);
    let errors = served.refused(&["machines", "add", "web2", "--auto", "-f", agent]);
    assert!(errors.contains("already exists"), "{errors}");
    let over = |credentials: &str, arguments: &[&str]| {
        let mut command = spillway();
        command.args(arguments).args(["--credentials", credentials]).output().unwrap()
    };
    assert!(over(admin, &["bouncers", "add", "fw"]).status.success());
    let refused = over(agent, &["bouncers", "list"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("access forbidden"));
    let added = over(agent, &["decisions", "add", "-i", "192.0.2.7"]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let raw = served.run(&["decisions", "list", "-o", "raw", "-m"]);
    assert_eq!(column(&raw, 1, "reason"), "manual 'ban' from 'web1'");
    assert_eq!(column(&raw, 1, "machine"), "web1");
    let raw = served.run(&["machines", "list", "-o", "raw"]);
    assert_eq!(
        raw.lines().next().unwrap(),
        "machine_id,ip_address,updated_at,validated,version,auth_type,last_heartbeat,os"
    );
    assert_eq!(raw.lines().count(), 3, "{raw}");
    served.run(&["machines", "add", "web1", "--auto", "--force", "-f", agent]);
    assert!(over(agent, &["alerts", "list"]).status.success());
    served.run(&["machines", "delete", "web1"]);
    assert!(!over(agent, &["alerts", "list"]).status.success());
}

#[test]
fn a_password_can_be_typed() {
    let served = Served::start();
    let agent = served.path("agent.yaml").display().to_string();
    let mut command = spillway();
    command.args(["machines", "add", "web1", "-i", "-f", &agent, "--config"]);
    command.arg(served.path("spillway.yaml")).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"it's \"mine\"\n").unwrap();
    assert!(child.wait().unwrap().success());
    let text = std::fs::read_to_string(&agent).unwrap();
    assert!(text.contains(r#"password: "it's \"mine\"""#), "{text}");
    let status = spillway().args(["lapi", "status", "--credentials", &agent]).status();
    assert!(status.unwrap().success());
    assert!(served.refused(&["machines", "add", "web2", "-i", "-f", "-"]).contains("no password"));
}

#[test]
fn what_parsers_fill_is_listed_for_contexts() {
    let served = Served::start();
    let all = served.run(&["lapi", "context", "detect", "--all"]);
    assert!(all.starts_with("Acquisition :\n\n  - evt.Line.Module\n"), "{all}");
    assert!(all.contains("  - evt.Meta.source_ip\n"), "{all}");
    let name = all.lines().filter(|line| line.ends_with(" :")).nth(1).unwrap();
    let name = name.trim_end_matches(" :");
    let one = served.run(&["lapi", "context", "detect", name]);
    assert!(one.len() < all.len() && one.contains(&format!("{name} :")), "{one}");
    assert!(served.said(&["lapi", "context", "detect", "none"]).contains("'none' not found"));
}

#[test]
fn who_registers_is_let_in_by_hand() {
    let served = Served::start();
    let request = Request {
        method: "POST".into(),
        target: "/v1/watchers".into(),
        body: r#"{"machine_id":"late","password":"a-password"}"#.into(),
        ..Request::default()
    };
    assert_eq!(send(&served.address, &request).status, 201);
    assert_eq!(column(&served.run(&["machines", "list", "-o", "raw"]), 1, "validated"), "false");
    let errors = served.refused(&["machines", "validate", "lte"]);
    assert!(errors.contains("did you mean 'late'?"), "{errors}");
    served.run(&["machines", "validate", "late"]);
    assert_eq!(column(&served.run(&["machines", "list", "-o", "raw"]), 1, "validated"), "true");
    let shown = served.run(&["machines", "inspect", "late"]);
    assert!(shown.contains("Machine: late"), "{shown}");
}

#[test]
fn a_machine_whose_credentials_cannot_be_written_is_not_made() {
    let mut served = Served::start();
    let errors =
        served.refused(&["machines", "add", "m", "--auto", "-f", "/none/credentials.yaml"]);
    assert!(errors.contains("/none/credentials.yaml"), "{errors}");
    assert_eq!(served.run(&["machines", "list", "-o", "raw"]).lines().count(), 1);
    // One that is refused leaves no file, and the old one as it was.
    served.run(&["machines", "add", "m", "--auto", "-f", "-"]);
    let file = served.file("own.yaml", "url: mine\n");
    let twice = served.refused(&["machines", "add", "m", "--auto", "-f", &file]);
    assert!(twice.contains("already exists"), "{twice}");
    let other = served.path("other.yaml");
    let twice = served.refused(&["machines", "add", "m", "-p", "x", "-f", other.to_str().unwrap()]);
    assert!(twice.contains("user 'm': user already exist"), "{twice}");
    assert!(!other.exists() && !served.path("other.yaml.new").exists());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "url: mine\n");
    served.restart(false);
    assert_eq!(served.run(&["machines", "list", "-o", "raw"]).lines().count(), 2);
}

#[test]
fn credentials_lead_to_the_service_that_wrote_them() {
    let served = Served::start();
    // The command knows the socket alone, and no configuration.
    let socket = served.path("data/spillway.sock").display().to_string();
    let add = |arguments: &[&str]| {
        let mut command = spillway();
        command.args(["machines", "add"]).args(arguments).args(["--auto", "-f", "-"]);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let told = add(&["a", "--socket", &socket]);
    assert!(told.starts_with(&format!("url: \"http://{}\"\n", served.address)), "{told}");
    // Over the network: where it was asked.
    let (admin, alias) =
        (served.path("admin.yaml"), served.address.replace("127.0.0.1", "localhost"));
    let url = format!("http://{alias}");
    let admin = admin.to_str().unwrap();
    served.run(&["machines", "add", "boss", "--auto", "--admin", "-u", &url, "-f", admin]);
    let told = add(&["b", "--credentials", admin]);
    assert!(told.starts_with(&format!("url: \"{url}\"\n")), "{told}");
}

#[test]
fn the_audit_log_names_the_user_at_the_socket() {
    let served = Served::start();
    served.run(&["bouncers", "add", "fw"]);
    served.run(&["decisions", "add", "-i", "192.0.2.7"]);
    let user = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap());
    let log = served.log();
    let lines = log.lines().filter(|line| line.contains(" audit: "));
    let named = lines.filter(|line| line.contains(&format!("who=\"uid {user}\""))).count();
    assert_eq!(named, 2, "{log}");
}

#[test]
fn a_machine_is_shown_with_its_system() {
    let served = Served::start();
    served.run(&["machines", "add", "m", "-p", "a-password", "-f", "-"]);
    assert_eq!(column(&served.run(&["machines", "list", "-o", "raw"]), 1, "os"), "/");
    let agent = [("User-Agent", "crowdsec/v1.7.8")];
    let body = r#"{"machine_id":"m","password":"a-password"}"#;
    let answer = served.post("POST", "/v1/watchers/login", &agent, body);
    let token = answer.body.split("\"token\":\"").nth(1).unwrap().trim_end_matches("\"}");
    let bearer = format!("Bearer {token}");
    let usage = r#"{"log_processors":[{"version":"v1","os":{"name":"debian","family":"linux",
        "version":"12"},"feature_flags":["cscli_setup"],"utc_startup_timestamp":1,
        "hub_items":{"parsers":[{"name":"me/parser","status":"official","version":"0.3"}]},
        "datasources":{"file":2},"metrics":[{"meta":{"utc_now_timestamp":1763690100,
        "window_size_seconds":100},"items":[{"name":"dropped","value":3,"unit":"packet",
        "labels":{"origin":"cscli"}}]}]}]}"#;
    let answer =
        served.post("POST", "/v1/usage-metrics", &[("Authorization", bearer.as_str())], usage);
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(column(&served.run(&["machines", "list", "-o", "raw"]), 1, "os"), "debian/12");
    assert!(served.run(&["machines", "list"]).contains("debian/12"));
    let shown = served.run(&["machines", "inspect", "m", "-o", "json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["datasources"]["file"], 2, "{shown}");
    assert_eq!(shown["hub_items"]["parsers"][0]["name"], "me/parser", "{shown}");
    assert_eq!(shown["featureflags"][0], "cscli_setup", "{shown}");
    // What an agent measured is no work of a bouncer.
    assert!(served.run(&["metrics", "show", "bouncers"]).contains("No bouncer metrics found."));
}

#[test]
fn contexts_can_be_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("spillway.yaml", "rules: {directories: [etc]}\n");
    write("etc/config.yaml", "config_paths: {config_dir: ./}\n");
    let scenario = "type: trigger\nname: me/a\ndescription: x\nfilter: evt.Meta.log_type == 'a'\n\
        groupby: evt.Meta.source_ip\nlabels: {service: a}\n";
    write("etc/scenarios/a.yaml", scenario);
    let context = "ip: [evt.Meta.source_ip]\nuser: [evt.Meta.user, evt.Parsed.user]\n";
    write("etc/console/context.yaml", context);
    let run = |arguments: &[&str]| {
        let mut command = spillway();
        command.args(["lapi", "context"]).args(arguments).arg("--config");
        let done = command.arg(folder.path().join("spillway.yaml")).output().unwrap();
        (done.status.success(), [done.stdout, done.stderr].map(|b| String::from_utf8(b).unwrap()))
    };
    let (gone, [_, errors]) = run(&["delete", "--key", "usr"]);
    assert!(!gone && errors.contains("did you mean 'user'?"), "{errors}");
    assert!(run(&["delete", "--key", "user", "--value", "evt.Parsed.user"]).0);
    let (_, [status, _]) = run(&["status"]);
    let left = "\"ip\":\n  - \"evt.Meta.source_ip\"\n\"user\":\n  - \"evt.Meta.user\"\n";
    assert_eq!(status, left);
    assert!(run(&["delete", "--key", "ip"]).0);
    assert!(!run(&["status"]).1[0].contains("source_ip"));
}
