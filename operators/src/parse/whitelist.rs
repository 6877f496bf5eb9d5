//! `whitelist`: marks events that must not be poured (crowdsec pkg/parser/whitelist.go).

use std::net::IpAddr;

use ipnet::IpNet;

use super::node::source_addresses;
use crate::event::Kind;
use crate::expr::{Cx, EvalError, ExprId, Program, TestError};
use crate::text::Text;

/// A compiled whitelist.
#[derive(Debug)]
pub struct Whitelist {
    /// Said of what it takes.
    pub reason: &'static str,
    /// Single addresses. An IPv4-mapped IPv6 address is not its IPv4 address here.
    pub ips: Vec<IpAddr>,
    /// Networks.
    pub networks: Vec<IpNet>,
    /// Conditions, tried in order when no address fits.
    pub expressions: Vec<ExprId>,
}

impl Whitelist {
    /// Whether the event is whitelisted; the first whitelist of an event gives the reason. `look` is
    /// called for each list that is looked at: that of addresses, that of expressions.
    ///
    /// # Errors
    /// An expression failed: then it is not.
    pub fn check(
        &self,
        program: &Program,
        cx: &mut Cx<'_>,
        look: &mut impl FnMut(),
    ) -> Result<bool, EvalError> {
        let matched = self.takes_address(cx, look) || self.takes_expression(program, cx, look)?;
        if matched && cx.event.whitelisted.is_none() {
            cx.event.whitelisted = Some(Text::Static(self.reason));
            if cx.event.kind == Kind::Overflow
                && let Some(overflow) = &mut cx.event.overflow
            {
                std::sync::Arc::make_mut(overflow).whitelisted = true;
            }
            cx.event.touch();
        }
        Ok(matched)
    }

    fn takes_address(&self, cx: &Cx<'_>, look: &mut impl FnMut()) -> bool {
        if self.ips.is_empty() && self.networks.is_empty() {
            return false;
        }
        look();
        source_addresses(cx).iter().any(|address| {
            self.ips.contains(address) || self.networks.iter().any(|net| net.contains(address))
        })
    }

    fn takes_expression(
        &self,
        program: &Program,
        cx: &mut Cx<'_>,
        look: &mut impl FnMut(),
    ) -> Result<bool, EvalError> {
        if !self.expressions.is_empty() {
            look();
        }
        for expression in &self.expressions {
            match program.test(*expression, cx) {
                Ok(true) => return Ok(true),
                Ok(false) | Err(TestError::NotBool(_)) => {}
                Err(TestError::Runtime(error)) => return Err(error),
            }
        }
        Ok(false)
    }
}
