//! Networks in any order, put into the table and taken out: what is found around an address is what
//! looking at each gives. The same networks, cut to what a device holds, block nobody else.
#![no_main]

use std::collections::BTreeSet;
use std::net::IpAddr;

use api::blocklist::Blocked;
use api::blocklist::capacity::{Widths, fit};
use api::filter::Net;
use api::index::lookup::{Key, Table};
use libfuzzer_sys::fuzz_target;

/// Ten bytes each: family and whether it goes, length, address. Few addresses, so that they meet.
fn nets(data: &[u8]) -> impl Iterator<Item = (bool, Net)> {
    data.chunks_exact(10).filter_map(|chunk| {
        let [what, length, rest @ ..] = chunk else { return None };
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(rest);
        let (address, bits) = match what & 1 {
            0 => (IpAddr::from([octets[0], octets[1], octets[2], octets[3]]), 33),
            _ => (IpAddr::from(octets), 129),
        };
        Some((what & 2 != 0, Net::new(address, length % bits)?))
    })
}

fn table(data: &[u8]) {
    let mut table = Table::default();
    let mut there: BTreeSet<(Net, u64)> = BTreeSet::new();
    for (id, (goes, net)) in (1..).zip(nets(data)) {
        let gone: Vec<(Net, u64)> =
            there.iter().filter(|(other, _)| goes && *other == net).copied().collect();
        let removed: Vec<(Key<'_>, u64)> =
            gone.iter().map(|(net, id)| (Key::Net(*net), *id)).collect();
        there.retain(|one| !gone.contains(one));
        let added = if goes { Vec::new() } else { vec![(Key::Net(net), id)] };
        there.extend(added.iter().map(|(_, id)| (net, *id)));
        table.change(&added, &removed);
        assert_eq!(table.len(), there.len());
        let found: BTreeSet<u64> = table
            .around(net)
            .flat_map(|outer| table.find(&Key::Net(outer)).collect::<Vec<_>>())
            .collect();
        let plainly: BTreeSet<u64> =
            there.iter().filter(|(outer, _)| outer.contains(net)).map(|(_, id)| *id).collect();
        assert_eq!(found, plainly, "around {net}");
    }
}

/// Whether every address of `net` is in one of the sorted, disjoint networks.
fn covered(net: Net, by: &[Net]) -> bool {
    let mut next = net.start;
    for one in by.iter().filter(|one| one.v6 == net.v6) {
        if one.start <= next && one.end() >= next {
            if one.end() >= net.end() {
                return true;
            }
            next = one.end() + 1;
        }
    }
    false
}

fn device(data: &[u8], most: usize) {
    let mut all: Vec<Net> = nets(data).map(|(_, net)| net).collect();
    all.sort_unstable_by_key(|net| (net.v6, net.start, net.length));
    all.dedup();
    let outer: Vec<Net> = all
        .iter()
        .filter(|net| !all.iter().any(|other| other != *net && other.contains(**net)))
        .copied()
        .collect();
    let blocked: Vec<Blocked> = (0..)
        .zip(&outer)
        .map(|(until, net)| Blocked { net: *net, until, own: until % 3 == 0 })
        .collect();
    for widths in [Widths::default(), Widths { v4: 24, v6: 64 }] {
        let held: Vec<Net> = fit(blocked.clone(), most, widths).iter().map(|one| one.net).collect();
        assert!(held.len() <= most.max(1) || held.len() <= most);
        for pair in held.windows(2) {
            let order = |net: &Net| (net.v6, net.start, net.length);
            assert!(order(&pair[0]) < order(&pair[1]));
            assert!(!pair[0].contains(pair[1]), "{} holds {}", pair[0], pair[1]);
        }
        let widened =
            |net: &Net| net.cut(net.length.min(if net.v6 { widths.v6 } else { widths.v4 }));
        let mut allowed: Vec<Net> = outer.iter().map(widened).collect();
        allowed.sort_unstable_by_key(|net| (net.v6, net.start, net.length));
        for net in &held {
            assert!(covered(*net, &allowed), "{net} was never banned");
        }
        // What fits without leaving anybody out, holds everybody.
        if held.len() < most {
            for net in &outer {
                assert!(covered(*net, &held), "{net} is left out");
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((most, data)) = data.split_first() else { return };
    let data = &data[..data.len().min(640)];
    table(data);
    device(data, usize::from(*most));
});
