//! The source of a live run as a dataflow operator.

use std::rc::Rc;

use operators::epoch::Epoch;
use operators::parse::lines::Lines;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{Scope, StreamVec};
use timely::scheduling::Activator;

use super::feed::{Feed, Turn};

/// The lines of all lanes. `feed` is given on the worker that reads.
pub fn lines<'scope>(
    scope: Scope<'scope, Epoch>,
    feed: Option<Box<Feed>>,
) -> (StreamVec<'scope, Epoch, Lines>, Option<Activator>) {
    let mut wake = None;
    let stream = source(scope, "ingest", |capability: Capability<Epoch>, info| {
        let later = scope.activator_for(Rc::clone(&info.address));
        wake = Some(scope.activator_for(Rc::clone(&info.address)));
        let mut running = feed.map(|feed| {
            feed.waking().wakes(scope.worker().sync_activator_for(info.address.to_vec()));
            (feed, capability)
        });
        later.activate();
        move |output| {
            let Some((feed, capability)) = &mut running else { return };
            let epoch = feed.epoch();
            if epoch > *capability.time() {
                capability.downgrade(&epoch);
            }
            let turn = {
                let mut session = output.session(&*capability);
                feed.turn(|lines| session.give(lines))
            };
            match turn {
                Turn::Sleep(None) => {}
                Turn::Sleep(Some(time)) => later.activate_after(time),
                Turn::Ended => running = None,
            }
        }
    });
    (stream, wake)
}
