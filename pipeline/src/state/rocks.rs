//! RocksDB behind few words: open, get, scan, commit. Keys and values are the caller's; what they
//! mean stands with whoever writes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use operators::bucket::record::remembered_until;
use operators::time::EventTime;

use rocksdb::compaction_filter::Decision as CompactionDecision;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB,
    DBCompressionType, DBRecoveryMode, Direction, ErrorKind, IteratorMode, Options, ReadOptions,
    WriteBatch, WriteBufferManager, WriteOptions,
};

use super::error::StoreError;
use super::family::Family;

/// Format of everything in the store. A version of Spillway reads this one alone.
pub const FORMAT: u32 = 2;
const FORMAT_KEY: &[u8] = b"format";
/// What is read at once when files are merged. Unit: bytes.
const READ_AHEAD: usize = 256 << 10;

/// How much memory the store may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Blocks, indexes and filters of its files, and what is not yet in a file. Unit: bytes.
    pub cache: usize,
    /// What of it may be written and not yet in a file. Unit: bytes.
    pub writes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { cache: 96 << 20, writes: 48 << 20 }
    }
}

/// A key with its value, or why the next one cannot be read.
pub type Entry = Result<(Box<[u8]>, Box<[u8]>), StoreError>;

/// The store of one process.
pub struct Store {
    db: DB,
    path: PathBuf,
    poisoned: AtomicBool,
    /// What is remembered until an earlier time is dropped when files are merged. Unit: nanoseconds
    /// since 1970.
    horizon: Arc<AtomicI64>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in a directory, or makes it.
    ///
    /// # Errors
    /// Another process has it, it is damaged, of another format, or the disk refuses.
    pub fn open(path: &Path, budget: Budget) -> Result<Self, StoreError> {
        let cache = Cache::new_lru_cache(budget.cache);
        let options = options(budget, &cache);
        let horizon = Arc::new(AtomicI64::new(i64::MIN));
        let families = Family::ALL.iter().map(|family| {
            let mut options = family_options(&cache);
            if family.is_forgetful() {
                forget(&mut options, Arc::clone(&horizon));
            }
            ColumnFamilyDescriptor::new(family.name(), options)
        });
        let db = DB::open_cf_descriptors(&options, path, families)
            .map_err(|source| failed(path, "opened", source))?;
        let (path, poisoned) = (path.to_path_buf(), AtomicBool::new(false));
        let store = Self { db, path, poisoned, horizon };
        store.check_format()?;
        Ok(store)
    }

    /// Opens a store that is there, to look at it: also while a service runs on it. What that service
    /// writes later is not seen.
    ///
    /// # Errors
    /// There is none, it is damaged, of another format, or the disk refuses.
    pub fn open_to_look(path: &Path) -> Result<Self, StoreError> {
        if !path.join("CURRENT").exists() {
            return Err(StoreError::Absent { path: path.to_path_buf() });
        }
        let (options, cache) = (plain_options(), Cache::new_lru_cache(Budget::default().cache));
        let known = DB::list_cf(&options, path).map_err(|source| failed(path, "opened", source))?;
        let families =
            Family::ALL.iter().filter(|family| known.iter().any(|one| one == family.name()));
        let families = families
            .map(|family| ColumnFamilyDescriptor::new(family.name(), family_options(&cache)))
            .chain([ColumnFamilyDescriptor::new("default", Options::default())]);
        let db = DB::open_cf_descriptors_read_only(&options, path, families, false)
            .map_err(|source| failed(path, "opened", source))?;
        let (poisoned, horizon) = (AtomicBool::new(true), Arc::new(AtomicI64::new(i64::MIN)));
        let store = Self { db, path: path.to_path_buf(), poisoned, horizon };
        match store.get(Family::Meta, FORMAT_KEY)? {
            Some(found) if found == FORMAT.to_string().as_bytes() => Ok(store),
            found => Err(store.strange(found)),
        }
    }

    fn strange(&self, found: Option<Vec<u8>>) -> StoreError {
        let found =
            found.map_or("none".into(), |found| String::from_utf8_lossy(&found).into_owned());
        StoreError::Format { path: self.path.clone(), found, known: FORMAT }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The value under a key.
    ///
    /// # Errors
    /// The disk cannot be read, or what it gives is damaged.
    pub fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(handle) = self.handle(family) else { return Ok(None) };
        self.db.get_cf(handle, key).map_err(|source| failed(&self.path, "read", source))
    }

    /// Keys from `from` on with their values, in the order of bytes.
    ///
    /// # Errors
    /// Each step may fail as [`Store::get`] does.
    pub fn scan<'a>(
        &'a self,
        family: Family,
        from: &[u8],
    ) -> impl Iterator<Item = Entry> + use<'a> {
        let mode = IteratorMode::From(from, Direction::Forward);
        let entries = self.handle(family).map(|handle| self.db.iterator_cf(handle, mode));
        let entries = entries.into_iter().flatten();
        entries.map(|entry| entry.map_err(|source| failed(&self.path, "read", source)))
    }

    /// All keys with their values, in the order of bytes: read ahead, and not kept in memory.
    ///
    /// # Errors
    /// Each step may fail as [`Store::get`] does.
    pub fn scan_once(&self, family: Family) -> impl Iterator<Item = Entry> + use<'_> {
        let mut once = ReadOptions::default();
        once.fill_cache(false);
        once.set_readahead_size(READ_AHEAD);
        let mode = IteratorMode::Start;
        let entries = self.handle(family).map(|handle| self.db.iterator_cf_opt(handle, once, mode));
        let entries = entries.into_iter().flatten();
        entries.map(|entry| entry.map_err(|source| failed(&self.path, "read", source)))
    }

    /// Keys before `to` with their values, the last first.
    ///
    /// # Errors
    /// Each step may fail as [`Store::get`] does.
    pub fn scan_back<'a>(
        &'a self,
        family: Family,
        to: &[u8],
    ) -> impl Iterator<Item = Entry> + use<'a> {
        let mode = IteratorMode::From(to, Direction::Reverse);
        let entries = self.handle(family).map(|handle| self.db.iterator_cf(handle, mode));
        let to: Box<[u8]> = to.into();
        let entries = entries.into_iter().flatten();
        let entries =
            entries.map(|entry| entry.map_err(|source| failed(&self.path, "read", source)));
        entries.skip_while(move |entry| matches!(entry, Ok((key, _)) if **key >= *to))
    }

    /// The same, as long as keys begin with `prefix`.
    ///
    /// # Errors
    /// Each step may fail as [`Store::get`] does.
    pub fn scan_prefix<'a>(
        &'a self,
        family: Family,
        prefix: &[u8],
    ) -> impl Iterator<Item = Entry> + use<'a> {
        let prefix = prefix.to_vec();
        self.scan(family, &prefix).take_while(move |entry| match entry {
            Ok((key, _)) => key.starts_with(&prefix),
            Err(_) => true,
        })
    }

    /// Takes no commit any more: what was to be read could not be, and what follows from its absence
    /// must not be kept.
    pub fn poison(&self, error: &StoreError) {
        tracing::error!(error = %crate::report::chain(error), "the store cannot be read");
        self.poisoned.store(true, Ordering::Release);
    }

    /// Says how far the order is: what is remembered until an earlier time may be dropped.
    pub fn forget_before(&self, clock: EventTime) {
        self.horizon.fetch_max(clock.0, Ordering::Relaxed);
    }

    /// The error of a record that was read and makes no sense.
    pub fn unreadable(&self, family: Family, key: &[u8], source: serde_json::Error) -> StoreError {
        let key = key.escape_ascii().to_string();
        StoreError::Unreadable { path: self.path.clone(), family: family.name(), key, source }
    }

    /// What its files take. Unit: bytes.
    pub fn size(&self) -> u64 {
        let files = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        // Files come and go while they are looked at.
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }

    /// An empty batch.
    pub fn batch(&self) -> Batch<'_> {
        self.batch_for(0)
    }

    /// An empty batch with room for so many bytes of changes; it grows beyond them.
    pub fn batch_for(&self, bytes: usize) -> Batch<'_> {
        let families = Family::ALL.iter().map(|family| self.handle(*family)).collect();
        Batch { families, writes: WriteBatch::with_capacity_bytes(bytes) }
    }

    /// Writes all of a batch or nothing; on return it survives a loss of power.
    ///
    /// # Errors
    /// The disk refuses. From then on the store refuses too: nothing may be built on a write whose
    /// fate is not known.
    pub fn commit(&self, batch: Batch<'_>) -> Result<(), StoreError> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(StoreError::Poisoned { path: self.path.clone() });
        }
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        // Most keys of a batch are running numbers or come sorted.
        synced.set_memtable_insert_hint_per_batch(true);
        self.db.write_opt(batch.writes, &synced).map_err(|source| {
            self.poisoned.store(true, Ordering::Release);
            failed(&self.path, "written", source)
        })
    }

    fn handle(&self, family: Family) -> Option<&ColumnFamily> {
        self.db.cf_handle(family.name())
    }

    fn check_format(&self) -> Result<(), StoreError> {
        match self.get(Family::Meta, FORMAT_KEY)? {
            Some(found) if found == FORMAT.to_string().as_bytes() => Ok(()),
            found @ Some(_) => Err(self.strange(found)),
            None => {
                let mut batch = self.batch();
                batch.put(Family::Meta, FORMAT_KEY, FORMAT.to_string().as_bytes());
                self.commit(batch)
            }
        }
    }
}

/// Changes that become real together.
pub struct Batch<'a> {
    families: Vec<Option<&'a ColumnFamily>>,
    writes: WriteBatch,
}

impl std::fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("changes", &self.writes.len()).finish_non_exhaustive()
    }
}

impl Batch<'_> {
    /// Sets a value.
    pub fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        if let Some(Some(handle)) = self.families.get(family.index()) {
            self.writes.put_cf(*handle, key, value);
        }
    }

    /// Removes a key.
    pub fn delete(&mut self, family: Family, key: &[u8]) {
        if let Some(Some(handle)) = self.families.get(family.index()) {
            self.writes.delete_cf(*handle, key);
        }
    }

    /// Removes the keys from `from` (included) to `to` (not included).
    pub fn delete_range(&mut self, family: Family, from: &[u8], to: &[u8]) {
        if let Some(Some(handle)) = self.families.get(family.index()) {
            self.writes.delete_range_cf(*handle, from, to);
        }
    }

    /// How many changes.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Unit: bytes.
    pub fn size(&self) -> usize {
        self.writes.size_in_bytes()
    }
}

/// However a store is opened.
fn plain_options() -> Options {
    let mut options = Options::default();
    // A commit that was cut off was never acknowledged. One that is damaged was, and must be missed.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options
}

fn options(budget: Budget, cache: &Cache) -> Options {
    let mut options = plain_options();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_background_jobs(2);
    // RocksDB begins a journal of its own work at each start, and keeps a thousand.
    options.set_keep_log_file_num(8);
    // Without a bound of its own the log keeps what no family flushes.
    options.set_max_total_wal_size(budget.writes as u64 * 2);
    let manager = WriteBufferManager::new_write_buffer_manager_with_cache(
        budget.writes,
        false,
        cache.clone(),
    );
    options.set_write_buffer_manager(&manager);
    options.set_keep_log_file_num(4);
    options.set_wal_bytes_per_sync(1 << 20);
    // Of each file that is merged.
    options.set_compaction_readahead_size(READ_AHEAD);
    options
}

fn family_options(cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_bloom_filter(10.0, false);
    table.set_cache_index_and_filter_blocks(true);
    // In parts, so that a look for one key does not bring those of a whole file into the cache.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_format_version(5);
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    // Much of what is flushed is overwritten or gone before it is merged.
    options.set_compression_per_level(&[DBCompressionType::None, DBCompressionType::Lz4]);
    // Two buffers stall writers while one is flushed.
    options.set_max_write_buffer_number(4);
    options.set_write_buffer_size(16 << 20);
    options.set_level_compaction_dynamic_level_bytes(true);
    options
}

/// Drops entries that say until when they are remembered, once that is over.
fn forget(options: &mut Options, horizon: Arc<AtomicI64>) {
    options.set_compaction_filter("forget", move |_level, _key, value| {
        let horizon = EventTime(horizon.load(Ordering::Relaxed));
        match remembered_until(value) {
            Some(until) if until < horizon => CompactionDecision::Remove,
            _ => CompactionDecision::Keep,
        }
    });
}

fn failed(path: &Path, doing: &'static str, source: rocksdb::Error) -> StoreError {
    let path = path.to_path_buf();
    let locked = source.as_ref().contains("lock");
    match source.kind() {
        ErrorKind::Corruption => StoreError::Damaged { path, source },
        ErrorKind::IOError if doing == "opened" && locked => StoreError::Locked { path, source },
        _ => StoreError::Disk { path, doing, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Result<Store, StoreError> {
        Store::open(path, Budget { cache: 1 << 20, writes: 1 << 20 })
    }

    #[test]
    fn what_was_committed_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        {
            let store = open(folder.path()).unwrap();
            let mut batch = store.batch();
            batch.put(Family::Lanes, b"a", b"1");
            batch.put(Family::Lanes, b"b", b"2");
            batch.put(Family::Lanes, b"ba", b"3");
            batch.delete(Family::Lanes, b"a");
            store.commit(batch).unwrap();
        }
        let store = open(folder.path()).unwrap();
        assert_eq!(store.get(Family::Lanes, b"a").unwrap(), None);
        let keys = |prefix: &[u8]| -> Vec<_> {
            store.scan_prefix(Family::Lanes, prefix).map(|entry| entry.unwrap().0).collect()
        };
        assert_eq!(keys(b"b"), [Box::from(&b"b"[..]), Box::from(&b"ba"[..])]);
        assert_eq!(keys(b"c"), [] as [Box<[u8]>; 0]);
    }

    #[test]
    fn two_processes_do_not_share_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let _first = open(folder.path()).unwrap();
        assert!(matches!(open(folder.path()), Err(StoreError::Locked { .. })));
    }

    #[test]
    fn another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        {
            let store = open(folder.path()).unwrap();
            let mut batch = store.batch();
            batch.put(Family::Meta, FORMAT_KEY, (FORMAT + 1).to_string().as_bytes());
            store.commit(batch).unwrap();
        }
        assert!(matches!(open(folder.path()), Err(StoreError::Format { .. })));
    }
}
