//! An SSH server's `auth.log` under attack as a server on the internet has it: few who go on for long,
//! and of every attempt all that sshd writes. So of some thirty lines one ends in an alert, as in the
//! 2,000 lines of OpenSSH of <https://github.com/logpai/loghub>; of [`ssh`]'s it is one of nine.

use super::calendar::Moment;
use super::crowd::{Trade, Visitor};
use super::draw::Draw;
use super::{address, ssh};

/// What a visitor of the SSH server is up to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// Tries passwords of root.
    Root,
    /// Tries names.
    Names,
    /// Something else.
    Other(ssh::Role),
}

/// Lines of an attempt.
const OF_ROOT: u64 = 3;
const OF_NAMES: u64 = 6;

/// The SSH server.
#[derive(Debug, Default)]
pub(super) struct Siege {
    sshd: ssh::Sshd,
}

impl Trade for Siege {
    type Role = Role;

    fn enter(&mut self, draw: &mut Draw) -> Visitor<Role> {
        let number = draw.between(700, 30_000);
        let visitor = |role, steps, pause, draw: &mut Draw| Visitor {
            role,
            address: address::any(draw),
            step: 0,
            steps,
            pause,
            number,
        };
        match draw.between(0, 10) {
            0..4 => {
                let attempts = draw.between(20, 300);
                visitor(Role::Root, attempts * OF_ROOT, (200, 1_800), draw)
            }
            4..7 => {
                let attempts = draw.between(10, 150);
                visitor(Role::Names, attempts * OF_NAMES, (100, 1_200), draw)
            }
            _ => {
                let who = self.sshd.enter(draw);
                let role = Role::Other(who.role);
                who.with_role(role)
            }
        }
    }

    fn line(&mut self, who: &Visitor<Role>, now: Moment, draw: &mut Draw) -> String {
        let (attempt, message) = match who.role {
            Role::Root => (who.step / OF_ROOT, root(who)),
            Role::Names => (who.step / OF_NAMES, names(who)),
            Role::Other(role) => return self.sshd.line(&who.clone().with_role(role), now, draw),
        };
        format!("{} bastion sshd[{}]: {message}", now.syslog(), who.number + attempt)
    }
}

fn port(who: &Visitor<Role>, lines: u64) -> u64 {
    1024 + (who.number * 37 + who.step / lines * 211) % 64_000
}

fn root(who: &Visitor<Role>) -> String {
    let (from, port) = (&who.address, port(who, OF_ROOT));
    match who.step % OF_ROOT {
        0 => format!("{FAILURE} rhost={from}  user=root"),
        1 => format!("Failed password for root from {from} port {port} ssh2"),
        _ => format!("Received disconnect from {from}: 11: Bye Bye [preauth]"),
    }
}

fn names(who: &Visitor<Role>) -> String {
    let (from, port) = (&who.address, port(who, OF_NAMES));
    let name = ssh::GUESSES[(who.number + who.step / OF_NAMES) as usize % ssh::GUESSES.len()];
    match who.step % OF_NAMES {
        0 => format!("Invalid user {name} from {from}"),
        1 => format!("input_userauth_request: invalid user {name} [preauth]"),
        2 => "pam_unix(sshd:auth): check pass; user unknown".to_owned(),
        3 => format!("{FAILURE} rhost={from} "),
        4 => format!("Failed password for invalid user {name} from {from} port {port} ssh2"),
        _ => format!("Connection closed by {from} [preauth]"),
    }
}

const FAILURE: &str =
    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser=";
