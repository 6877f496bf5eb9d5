//! The loop of the `file` source: keeps the lanes of all files, hears of changes, lets each lane read
//! in its turn, and keeps files open, memory and noise within their limits.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::config::{Config, Mode, Watching};
use super::discover::Selection;
use super::place::Place;
use super::schedule::Schedule;
use super::tail::{Next, Shared, Tail};
use super::watch::{Event, Names, Watch, remedy};
use crate::metric::Gauge;
use crate::retry::Backoff;
use crate::source::Context;

/// Room that every lane has. Unit: bytes.
pub(super) const LEAST_WINDOW: usize = 4 << 10;
/// Files that grow all the time are read so often at most: a delivery has its price.
const BEAT: Duration = Duration::from_millis(20);
/// How often the kernel is asked what happened while it happens all the time.
const HEARING: Duration = Duration::from_millis(10);
/// How soon lanes are asked again whether they have room.
const ROOM: Duration = Duration::from_millis(2);
/// Most text in a delivery. Unit: bytes.
const CHUNK: usize = 256 << 10;
/// Lanes looked at between two looks at what else happens.
const ROUND: usize = 64;
/// How often a lane that has more is looked at in one turn: where more have something than may be
/// open, each turn opens a file.
const TURN: usize = 8;
/// Regular work may take a part of the time like this.
pub(super) const SHARE: u32 = 20;

/// A lane and what the loop knows of it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) tail: Tail,
    /// Number of the last look at it.
    pub(super) used: u64,
    pub(super) stepped: Option<Instant>,
    pub(super) behind: bool,
    pub(super) polled: bool,
    pub(super) gone: Option<Instant>,
    pub(super) trouble: Option<Backoff>,
}

/// The loop.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) config: Config,
    pub(super) selection: Selection,
    pub(super) context: Context,
    pub(super) shared: Shared,
    pub(super) watch: Watch,
    pub(super) names: Names,
    /// Directories, and whether changes in them are told.
    pub(super) told: BTreeMap<PathBuf, bool>,
    pub(super) slots: Vec<Option<Box<Slot>>>,
    pub(super) lanes: BTreeMap<PathBuf, usize>,
    /// Where lanes that ended in this run must go on if their file comes back.
    pub(super) ended: BTreeMap<PathBuf, Place>,
    pub(super) schedule: Schedule,
    pub(super) troubled: usize,
    pub(super) behind: usize,
    pub(super) open: usize,
    /// Open files, about in the order of their last use.
    pub(super) users: VecDeque<(usize, u64)>,
    pub(super) clock: u64,
    pub(super) heard: Option<Instant>,
    pub(super) next_poll: Instant,
    pub(super) next_walk: Instant,
    pub(super) room_after: Duration,
}

impl Follower {
    pub(super) fn new(config: Config, selection: Selection, context: Context) -> Self {
        let shared = Shared {
            scratch: Vec::new(),
            chunk: CHUNK,
            grace: config.rotation_grace,
            idle: config.idle,
            once: config.mode == Mode::Cat,
            elsewhere: config.rotated_in.clone(),
            meter: context.meter.clone(),
        };
        let now = Instant::now();
        Self {
            config,
            selection,
            context,
            shared,
            watch: Watch::none(),
            names: Names::default(),
            told: BTreeMap::new(),
            slots: Vec::new(),
            lanes: BTreeMap::new(),
            ended: BTreeMap::new(),
            schedule: Schedule::default(),
            troubled: 0,
            behind: 0,
            open: 0,
            users: VecDeque::new(),
            clock: 0,
            heard: None,
            next_poll: now,
            next_walk: now,
            room_after: ROOM,
        }
    }

    /// Reads until stopped, or to the end.
    pub(super) fn run(mut self) {
        self.begin();
        let outlet = self.context.outlet.clone();
        while !self.context.stop.is_set() {
            let room = outlet.room();
            self.hear();
            self.look_around();
            self.work();
            if self.shared.once && self.lanes.is_empty() {
                return self.context.health.ended();
            }
            self.wait(room);
        }
    }

    fn begin(&mut self) {
        if !self.shared.once && self.config.watching == Watching::Auto {
            self.watch = Watch::new().unwrap_or_else(|error| {
                tracing::warn!(%error, remedy = remedy(&error), "files are looked at, not watched");
                Watch::none()
            });
        }
        self.context.health.reading();
        let mut openings = self.resumed();
        let used = openings.keys().filter_map(|path| self.selection.pattern_of(path)).collect();
        self.walk(&mut openings, Some(&used));
        for (path, opening) in openings {
            self.open_lane(&path, opening);
        }
        self.context.outlet.ready();
    }

    /// Takes in what the kernel tells.
    fn hear(&mut self) {
        let now = Instant::now();
        if self.heard.is_some_and(|heard| now < heard + HEARING) {
            return;
        }
        self.heard = Some(now);
        let (mut appeared, mut walk, mut all) = (Vec::new(), false, false);
        let Self { watch, names, slots, schedule, selection, .. } = self;
        watch.drain(|event| match event {
            Event::Overflow => all = true,
            Event::Directory => walk = true,
            Event::Changed { directory, name, appeared: is_new } => {
                let lanes = names.of(directory, name);
                for lane in lanes {
                    let slot = slots.get(*lane).and_then(Option::as_deref);
                    let stepped = slot.and_then(|slot| slot.stepped);
                    schedule.at(*lane, stepped.map_or(now, |stepped| now.max(stepped + BEAT)));
                }
                if is_new && lanes.is_empty() {
                    let path = directory.join(name);
                    if selection.pattern_of(&path).is_some() {
                        appeared.push(path);
                    }
                }
            }
        });
        if all {
            self.look_at_all();
        }
        // Many at once are found by a walk, which costs no more for many than for one.
        if walk || all || appeared.len() > ROUND {
            self.look_for_files();
        } else {
            self.meet_new(appeared);
        }
    }

    /// Looks at what the kernel does not tell of, when it is time.
    fn look_around(&mut self) {
        let now = Instant::now();
        if self.shared.once {
            return;
        }
        if now >= self.next_walk {
            self.look_for_files();
            self.look_at_all();
            self.forget();
        }
        if now >= self.next_poll {
            self.look_at(|slot| slot.polled);
            let took = now.elapsed();
            self.next_poll = Instant::now() + self.config.poll_interval.max(took * SHARE);
        }
    }

    fn look_at_all(&mut self) {
        self.look_at(|_| true);
    }

    fn look_at(&mut self, which: impl Fn(&Slot) -> bool) {
        let now = Instant::now();
        for (number, slot) in self.slots.iter().enumerate() {
            if let Some(slot) = slot
                && which(slot)
                && slot.tail.has_changed()
            {
                self.schedule.at(number, now);
            }
        }
    }

    /// Lets lanes read in turn.
    fn work(&mut self) {
        for _ in 0..ROUND {
            if self.context.stop.is_set() {
                return;
            }
            let Some(number) = self.schedule.next(Instant::now()) else { return };
            self.step(number);
        }
    }

    fn step(&mut self, number: usize) {
        let window = (self.config.memory / self.behind.max(1)).max(LEAST_WINDOW);
        self.shared.chunk = window.min(CHUNK);
        self.clock += 1;
        let is_closed = |slot: &Slot| !slot.tail.is_open();
        if self.slots.get(number).and_then(Option::as_deref).is_some_and(is_closed) {
            self.make_way();
        }
        let Some(slot) = self.slots.get_mut(number).and_then(Option::as_deref_mut) else { return };
        slot.tail.allow(window);
        let was_open = slot.tail.is_open();
        let mut next = slot.tail.step(&mut self.shared);
        for _ in 1..TURN {
            if !matches!(next, Next::More) {
                break;
            }
            next = slot.tail.step(&mut self.shared);
        }
        slot.stepped = Some(Instant::now());
        slot.used = self.clock;
        let is_open = slot.tail.is_open();
        let behind = matches!(next, Next::More | Next::Room);
        self.behind = self.behind + usize::from(behind) - usize::from(slot.behind);
        slot.behind = behind;
        self.count_open(was_open, is_open);
        self.mind(number, next);
        if is_open && !was_open {
            self.users.push_back((number, self.clock));
        }
    }

    /// Plans the next look at a lane.
    fn mind(&mut self, number: usize, next: Next) {
        let Some(slot) = self.slots.get_mut(number).and_then(Option::as_deref_mut) else { return };
        if let Next::Trouble(error) = next {
            let path = slot.tail.path.display().to_string();
            if slot.trouble.is_none() {
                // Of the first one, the source's state tells.
                if self.troubled > 0 {
                    tracing::warn!(path, %error, "file cannot be read: it is tried again");
                }
                self.troubled += 1;
            }
            let longest = self.config.discovery_interval;
            let first = Duration::from_secs(1).min(longest);
            let backoff = slot.trouble.get_or_insert_with(|| Backoff::new(first, longest, 1));
            self.schedule.at(number, Instant::now() + backoff.next_wait());
            self.context.health.retrying(&format!("{path} cannot be read: {error}"));
            return;
        }
        if slot.trouble.take().is_some() {
            self.troubled -= 1;
            if self.troubled == 0 {
                self.context.health.reading();
            }
        }
        slot.gone = match next {
            Next::Gone => slot.gone.or_else(|| Some(Instant::now())),
            _ => None,
        };
        match next {
            Next::More => self.schedule.now(number),
            Next::At(when) => self.schedule.at(number, when),
            Next::Room => self.schedule.block(number),
            Next::Gone if !self.shared.once => {}
            Next::Ended | Next::Gone => self.end_lane(number),
            Next::Changed | Next::Trouble(_) => {}
        }
    }

    pub(super) fn count_open(&mut self, was: bool, is: bool) {
        self.open = self.open + usize::from(is) - usize::from(was);
        let open = i64::try_from(self.open).unwrap_or(i64::MAX);
        self.shared.meter.set(Gauge::Open, open);
    }

    /// Closes files that were not used for the longest time until one more may be opened.
    fn make_way(&mut self) {
        for _ in 0..self.users.len() {
            if self.open < self.config.max_open.max(1) {
                return;
            }
            let Some((number, used)) = self.users.pop_front() else { return };
            let Some(slot) = self.slots.get_mut(number).and_then(Option::as_deref_mut) else {
                continue;
            };
            if slot.used != used {
                if slot.tail.is_open() {
                    self.users.push_back((number, slot.used));
                }
            } else if slot.tail.park() {
                self.count_open(true, false);
            } else if slot.tail.is_open() {
                self.users.push_back((number, used));
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self, room: impl Future<Output = ()>) {
        if self.schedule.is_ready() {
            return;
        }
        let now = Instant::now();
        let mut until = self.schedule.next_due();
        if !self.shared.once {
            let looks = self.next_walk.min(self.next_poll);
            until = Some(until.map_or(looks, |until| until.min(looks)));
        }
        let hearing = self.heard.map_or(now, |heard| heard + HEARING);
        let is_blocked = self.schedule.blocked() > 0;
        let Self { watch, context, room_after, .. } = self;
        let found_room = context.runtime.block_on(async {
            let due = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until.into()).await,
                    None => std::future::pending().await,
                }
            };
            let told = async {
                tokio::time::sleep_until(hearing.into()).await;
                watch.wait().await;
            };
            tokio::select! {
                () = context.stop.wait() => false,
                () = room, if is_blocked => {
                    tokio::time::sleep(*room_after).await;
                    true
                }
                () = due => false,
                () = told => false,
            }
        });
        if found_room {
            let began = Instant::now();
            self.schedule.unblock();
            self.room_after = ROOM.max(began.elapsed() * SHARE);
        }
    }
}
