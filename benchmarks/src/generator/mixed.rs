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
            with_role(&who, role)
        } else {
            let who = nginx::Nginx.enter(draw);
            let role = Role::Nginx(who.role);
            with_role(&who, role)
        }
    }

    fn line(&mut self, who: &Visitor<Role>, now: Moment, draw: &mut Draw) -> String {
        match who.role {
            Role::Ssh(role) => self.sshd.line(&with_role(who, role), now, draw),
            Role::Nginx(role) => {
                let line = nginx::Nginx.line(&with_role(who, role), now, draw);
                format!("{} web1 nginx: {line}", now.syslog())
            }
        }
    }
}

fn with_role<A, B>(who: &Visitor<A>, role: B) -> Visitor<B> {
    Visitor {
        role,
        address: who.address.clone(),
        step: who.step,
        steps: who.steps,
        pause: who.pause,
        number: who.number,
    }
}
