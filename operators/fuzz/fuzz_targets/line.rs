//! Lines as an attacker writes them, through parsers, filters and buckets.
#![no_main]

mod rules;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use operators::bucket::Buckets;
use operators::bucket::detect::{Detect, Round};

use rules::{RULES, feed, lookups};

fuzz_target!(|text: &str| {
    let rules = Arc::clone(&RULES);
    let buckets = Buckets::new(Arc::clone(&rules.catalogue), Arc::clone(&rules.program));
    let buckets = Rc::new(RefCell::new(buckets));
    let mut detect = Detect::new(rules, lookups(), buckets, 1, Round::Lines);
    feed(&mut detect, text, false);
});
