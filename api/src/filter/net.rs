//! Addresses and networks as decisions name them (crowdsec pkg/csnet): one address is a network of
//! one; an IPv4 address within IPv6 (`::ffff:192.0.2.7`) is that IPv4 address; host bits are cleared.

use std::net::IpAddr;

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Net {
    /// Whether it is of IPv6.
    pub v6: bool,
    /// Its first address as a number.
    pub start: u128,
    /// Length of the prefix. Unit: bits, at most 32 or 128.
    pub length: u8,
}

/// Why a text is no address and no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// No address.
    #[error("invalid ip address '{0}'")]
    Address(String),
    /// No network.
    #[error("invalid ip range '{0}': invalid CIDR address: {0}")]
    Range(String),
}

impl Net {
    /// Reads an address or a network in CIDR notation.
    ///
    /// # Errors
    /// It is neither. Zones (`fe80::1%eth0`) are none.
    pub fn parse(text: &str) -> Result<Self, NetError> {
        let Some((address, length)) = text.split_once('/') else {
            let address = text.parse().map_err(|_| NetError::Address(text.to_owned()))?;
            return Ok(Self::of(address));
        };
        let wrong = || NetError::Range(text.to_owned());
        let address = address.parse().map_err(|_| wrong())?;
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u8 = length.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        Self::new(address, length).ok_or_else(wrong)
    }

    /// The network of one address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self { v6: false, start: u32::from(v4).into(), length: 32 },
            IpAddr::V6(v6) => Self { v6: true, start: u128::from(v6), length: 128 },
        }
    }

    /// The network around an address; `None` where the prefix is too long.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let (address, length) = match address {
            IpAddr::V6(v6) => match (v6.to_ipv4_mapped(), length.checked_sub(96)) {
                (Some(v4), Some(length)) => (IpAddr::V4(v4), length),
                _ => (address, length),
            },
            IpAddr::V4(_) => (address, length),
        };
        let (v6, start) = match address {
            IpAddr::V4(v4) => (false, u128::from(u32::from(v4))),
            IpAddr::V6(v6) => (true, u128::from(v6)),
        };
        let net = Self { v6, start, length };
        (length <= net.bits()).then(|| net.cut(length))
    }

    /// The network of `length` bits around this one, which is longer.
    #[must_use]
    pub fn cut(self, length: u8) -> Self {
        let host = u32::from(self.bits().saturating_sub(length));
        let start = self.start.checked_shr(host).unwrap_or(0).checked_shl(host).unwrap_or(0);
        Self { start, length, ..self }
    }

    /// Its last address as a number.
    pub fn end(self) -> u128 {
        let host = u32::from(self.bits() - self.length);
        self.start | 1_u128.checked_shl(host).unwrap_or(0).wrapping_sub(1)
    }

    /// Whether all of `other` lies within.
    pub fn contains(self, other: Self) -> bool {
        self.v6 == other.v6 && self.length <= other.length && other.cut(self.length) == self
    }

    /// Bits of an address of its family.
    pub fn bits(self) -> u8 {
        if self.v6 { 128 } else { 32 }
    }

    /// Its first address.
    pub fn address(self) -> IpAddr {
        match u32::try_from(self.start) {
            Ok(v4) if !self.v6 => IpAddr::V4(v4.into()),
            _ => IpAddr::V6(self.start.into()),
        }
    }
}

impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.length == self.bits() {
            true => write!(f, "{}", self.address()),
            false => write!(f, "{}/{}", self.address(), self.length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_ways_to_write_one_network() {
        let shown = |text: &str| Net::parse(text).map(|net| net.to_string());
        assert_eq!(shown("192.0.2.7"), Ok("192.0.2.7".into()));
        assert_eq!(shown("::ffff:192.0.2.7"), Ok("192.0.2.7".into()));
        assert_eq!(shown("::ffff:192.0.2.7/120"), Ok("192.0.2.0/24".into()));
        assert_eq!(shown("4.4.4.2/28"), Ok("4.4.4.0/28".into()));
        assert_eq!(shown("0.0.0.0/0"), Ok("0.0.0.0/0".into()));
        assert_eq!(shown("2001:DB8::1/32"), Ok("2001:db8::/32".into()));
        assert_eq!(shown("::/0"), Ok("::/0".into()));
        assert_eq!(shown("fe80::1%eth0"), Err(NetError::Address("fe80::1%eth0".into())));
        assert_eq!(
            shown("x/24").unwrap_err().to_string(),
            "invalid ip range 'x/24': invalid CIDR address: x/24"
        );
        for wrong in ["1.2.3.4/33", "1.2.3.4/", "1.2.3.4/+8", "::/129", "", "1.2.3", "01.2.3.4"] {
            assert!(Net::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn containment_has_a_direction_and_a_family() {
        let net = |text: &str| Net::parse(text).unwrap();
        assert!(net("4.4.4.0/24").contains(net("4.4.4.3")));
        assert!(net("4.4.4.0/24").contains(net("4.4.4.2/28")));
        assert!(!net("4.4.4.0/24").contains(net("4.4.0.0/16")));
        assert!(net("::/0").contains(net("2001:db8::1")));
        assert!(!net("::/0").contains(net("1.2.3.4")));
        assert_eq!(net("10.0.0.0/8").end(), u128::from(0x0aff_ffff_u32));
        assert_eq!(net("::/0").end(), u128::MAX);
    }
}
