//! The expression language of the hub: expr-lang as CrowdSec's engine embeds it.
//!
//! Stages, one file each: `lex → parse → ast → check → compile → eval`.

mod address;
mod asking;
mod ast;
mod blank;
mod check;
mod condition;
mod constant;
pub mod context;
mod error;
mod eval;
pub mod functions;
mod lex;
mod lines;
pub mod memo;
mod method;
mod numeral;
pub mod objects;
mod operand;
mod operation;
mod parse;
mod past;
mod pattern;
mod phrase;
mod predicate;
mod program;
mod reads;
pub mod recorded;
mod rewrite;
mod sieve;
mod signs;
mod stack;
pub mod structures;
mod subject;
pub mod types;
mod work;

pub use ast::Part;
pub use context::Cx;
pub use error::{CompileError, EvalError, TestError};
pub(crate) use eval::part_of;
pub use memo::Memo;
pub use past::Past;
pub use program::{Compiler, Env, Expect, ExprId, Known, Program, Step, Trace};
pub use reads::{Guard, GuardTest, Reads, Subject};
pub use sieve::{FieldText, SieveId};
