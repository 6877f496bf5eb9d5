//! Room on the stack for expressions that nest deeply: what is shallow runs where it is, what is
//! deep gets a stack of its own when the thread's runs low.

/// Levels that fit on any stack.
const SHALLOW: u16 = 40;
/// What [`SHALLOW`] levels may need. Unit: bytes.
const NEEDED: usize = 768 << 10;
/// Size of an additional stack; more are added when it runs low. Unit: bytes.
const ADDED: usize = 4 << 20;
/// What parsing and compiling may need at the deepest nesting that is accepted. Unit: bytes.
const COMPILING: usize = 64 << 20;

/// Deepest nesting that conditions and texts have a compiled form for: the plain evaluator takes
/// what is deeper.
pub(super) const COMPILED: u16 = 100;

/// Whether a tree of that depth needs [`roomy`].
#[inline]
pub(super) fn is_deep(depth: u16) -> bool {
    depth > SHALLOW
}

/// Runs what goes down a deep tree, on another stack where little is left of this one.
pub(super) fn roomy<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(NEEDED, ADDED, work)
}

/// Runs what parses and compiles a source of that length, which bounds how deeply it nests.
pub(super) fn compiling<T>(source: &str, work: impl FnOnce() -> T) -> T {
    if source.len() <= usize::from(SHALLOW) { work() } else { stacker::grow(COMPILING, work) }
}
