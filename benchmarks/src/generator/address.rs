//! Addresses of visitors: public ones only, since shared whitelists let private ones through.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::draw::Draw;

const FIRST_BYTES: [u8; 24] = [
    5, 23, 31, 37, 45, 46, 51, 62, 64, 77, 80, 81, 85, 91, 93, 94, 103, 109, 118, 141, 162, 178,
    185, 213,
];

/// A visitor's address; one of sixteen is IPv6.
pub(super) fn any(draw: &mut Draw) -> String {
    if draw.chance(60) {
        let [a, b, c] = [0u16; 3].map(|_| draw.between(0x100, 0xffff) as u16);
        return Ipv6Addr::new(0x2a01, 0x4f8, a, b, 0, 0, 0, c).to_string();
    }
    v4(draw)
}

/// A visitor's IPv4 address.
pub(super) fn v4(draw: &mut Draw) -> String {
    let [b, c, d] = [0u8; 3].map(|_| draw.between(1, 255) as u8);
    Ipv4Addr::new(draw.pick(&FIRST_BYTES), b, c, d).to_string()
}
