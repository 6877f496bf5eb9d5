//! What a central syslog server keeps: the SSH server's lines and the web server's, the latter
//! behind a syslog header.

use super::calendar::Moment;
use super::crowd::{Trade, Visitor};
use super::draw::Draw;
use super::{nginx, ssh};

/// A visitor's role on one of the two servers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Ssh(ssh::Role),
    Nginx(nginx::Role),
}

/// The two servers.
#[derive(Debug, Default)]
pub(super) struct Both {
    sshd: ssh::Sshd,
}

impl Trade for Both {
    type Role = Role;

    fn enter(&mut self, draw: &mut Draw) -> Visitor<Role> {
        if draw.chance(500) {
            let who = self.sshd.enter(draw);
            let role = Role::Ssh(who.role);
            who.with_role(role)
        } else {
            let who = nginx::Nginx.enter(draw);
            let role = Role::Nginx(who.role);
            who.with_role(role)
        }
    }

    fn line(&mut self, who: &Visitor<Role>, now: Moment, draw: &mut Draw) -> String {
        match who.role {
            Role::Ssh(role) => self.sshd.line(&who.clone().with_role(role), now, draw),
            Role::Nginx(role) => {
                let line = nginx::Nginx.line(&who.clone().with_role(role), now, draw);
                format!("{} web1 nginx: {line}", now.syslog())
            }
        }
    }
}
