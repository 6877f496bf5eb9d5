//! An SSH server's `auth.log`: people who log in, people who mistype, and those who guess passwords
//! fast, slowly or very slowly, list users, or probe the handshake.

use super::address;
use super::calendar::Moment;
use super::crowd::{Trade, Visitor};
use super::draw::Draw;

/// What a visitor of the SSH server is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Login,
    Mistyper,
    Cron,
    Guesser,
    Lister,
    SlowGuesser,
    PatientGuesser,
    Scanner,
    Handshaker,
    Refused,
}

const ROLES: [(u32, Role); 10] = [
    (14, Role::Login),
    (4, Role::Mistyper),
    (10, Role::Cron),
    (16, Role::Guesser),
    (12, Role::Lister),
    (10, Role::SlowGuesser),
    (6, Role::PatientGuesser),
    (16, Role::Scanner),
    (2, Role::Handshaker),
    (1, Role::Refused),
];

const PEOPLE: [&str; 8] = ["anna", "bert", "chloe", "deploy", "emil", "git", "ops", "backup"];
pub(super) const GUESSES: [&str; 24] = [
    "admin",
    "test",
    "oracle",
    "postgres",
    "ubuntu",
    "pi",
    "user",
    "guest",
    "ftpuser",
    "mysql",
    "jenkins",
    "hadoop",
    "nagios",
    "www",
    "minecraft",
    "steam",
    "es",
    "git1",
    "dev",
    "support",
    "ftp",
    "tomcat",
    "zabbix",
    "vagrant",
];
const ALGORITHMS: [&str; 3] = [
    "no matching key exchange method found. Their offer: diffie-hellman-group1-sha1 [preauth]",
    "no matching host key type found. Their offer: ssh-dss [preauth]",
    "no matching cipher found. Their offer: aes128-cbc,3des-cbc [preauth]",
];

/// The SSH server.
#[derive(Debug, Default)]
pub(super) struct Sshd {
    processes: u64,
}

impl Trade for Sshd {
    type Role = Role;

    fn enter(&mut self, draw: &mut Draw) -> Visitor<Role> {
        let role = draw.weighted(&ROLES);
        let (steps, pause) = match role {
            Role::Login => (3, (400, 240_000)),
            Role::Mistyper => (draw.between(2, 5), (2_000, 6_000)),
            Role::Cron => (2, (200, 1_200)),
            Role::Guesser => (draw.between(3, 22), (400, 3_500)),
            Role::Lister => (draw.between(4, 26), (600, 4_000)),
            Role::SlowGuesser => (draw.between(8, 26), (14_000, 38_000)),
            Role::PatientGuesser => (draw.between(3, 8), (620_000, 900_000)),
            Role::Scanner => (draw.between(1, 4), (1_000, 20_000)),
            Role::Handshaker => (draw.between(2, 8), (3_000, 30_000)),
            Role::Refused => (draw.between(1, 3), (1_000, 90_000)),
        };
        self.processes += draw.between(1, 9);
        let number = self.processes % 30_000 + 700;
        Visitor { role, address: address::any(draw), step: 0, steps, pause, number }
    }

    fn line(&mut self, who: &Visitor<Role>, now: Moment, draw: &mut Draw) -> String {
        let program = if who.role == Role::Cron { "CRON" } else { "sshd" };
        let message = message(who, draw);
        format!("{} bastion {program}[{}]: {message}", now.syslog(), who.number + who.step)
    }
}

fn message(who: &Visitor<Role>, draw: &mut Draw) -> String {
    let from = &who.address;
    let port = 1024 + (who.number * 37 + who.step * 211) % 64_000;
    let person = PEOPLE[who.number as usize % PEOPLE.len()];
    let last = who.step + 1 == who.steps;
    match who.role {
        Role::Login if who.step == 0 => format!(
            "Accepted publickey for {person} from {from} port {port} ssh2: ED25519 SHA256:Zk3vJq8wYb{}",
            who.number
        ),
        Role::Login if !last => {
            format!("pam_unix(sshd:session): session opened for user {person}(uid=1001) by (uid=0)")
        }
        Role::Login => format!("Disconnected from user {person} {from} port {port}"),
        Role::Mistyper if last => {
            format!("Accepted password for {person} from {from} port {port} ssh2")
        }
        Role::Mistyper => format!("Failed password for {person} from {from} port {port} ssh2"),
        Role::Cron if last => "pam_unix(cron:session): session closed for user root".to_owned(),
        Role::Cron => {
            "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)".to_owned()
        }
        Role::Guesser => guess(from, port, draw),
        Role::Lister => listing(from, port, who.step + who.number, draw),
        Role::SlowGuesser | Role::PatientGuesser => {
            let name = GUESSES[(who.number + who.step / 2) as usize % GUESSES.len()];
            format!("Failed password for invalid user {name} from {from} port {port} ssh2")
        }
        Role::Scanner => scan(from, port, draw),
        Role::Handshaker if draw.chance(700) => {
            format!("fatal: Timeout before authentication for {from} port {port}")
        }
        Role::Handshaker => format!(
            "fatal: ssh_dispatch_run_fatal: Connection from {from} port {port}: \
             message authentication code incorrect [preauth]"
        ),
        Role::Refused => format!("refused connect from host-{} ({from})", who.number),
    }
}

fn guess(from: &str, port: u64, draw: &mut Draw) -> String {
    match draw.between(0, 10) {
        0..7 => format!("Failed password for root from {from} port {port} ssh2"),
        7 => format!("Connection closed by authenticating user root {from} port {port} [preauth]"),
        8 => format!("Disconnected from authenticating user root {from} port {port} [preauth]"),
        _ => format!(
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= \
             rhost={from}  user=root"
        ),
    }
}

fn listing(from: &str, port: u64, which: u64, draw: &mut Draw) -> String {
    let name = GUESSES[which as usize % GUESSES.len()];
    match draw.between(0, 10) {
        0..4 => format!("Invalid user {name} from {from} port {port}"),
        4..8 => format!("Failed password for invalid user {name} from {from} port {port} ssh2"),
        8 => format!("Connection closed by invalid user {name} {from} port {port} [preauth]"),
        _ => format!("User {name} from {from} not allowed because not listed in AllowUsers"),
    }
}

fn scan(from: &str, port: u64, draw: &mut Draw) -> String {
    match draw.between(0, 8) {
        0 | 1 => format!("Connection closed by {from} port {port} [preauth]"),
        2 => format!("Received disconnect from {from} port {port}:11: Bye Bye [preauth]"),
        3 => format!("error: kex_exchange_identification: Connection closed by remote host {from}"),
        4 => format!("banner exchange: Connection from {from} port {port}: invalid format"),
        5 => format!("Unable to negotiate with {from} port {port}: {}", draw.pick(&ALGORITHMS)),
        6 => format!("Bad protocol version identification '\\003' from {from} port {port}"),
        _ => format!("Did not receive identification string from {from} port {port}"),
    }
}
