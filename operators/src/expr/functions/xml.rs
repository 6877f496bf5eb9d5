//! Values out of XML text (CrowdSec's `pkg/exprhelpers/xml.go`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::Function;
use super::arguments::kinds::STR;
use super::arguments::{Outcome, shared, text};
use super::xml_path::{Path, attribute};
use super::xml_tree::Tree;
use crate::expr::context::Cx;
use crate::value::Value;

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("XMLGetNodeValue", &[STR, STR], STR, node_value)
        .about("the text of the first element on a path, before its first child",
            r#"XMLGetNodeValue("<a><b n='1'>x</b></a>", "/a/b[@n='1']")"#, "x"),
    Function::new("XMLGetAttributeValue", &[STR, STR, STR], STR, attribute_value)
        .about("an attribute of the first element on a path",
            r#"XMLGetAttributeValue("<a><b n='1'/></a>", "/a/b", "n")"#, "1"),
];

/// Most paths that a thread keeps compiled.
const MOST_PATHS: usize = 1024;

/// What was parsed last on this thread. Rules ask the same line for dozens of values; both entries
/// depend on nothing but their key, so results do not depend on what is kept.
#[derive(Default)]
struct Memo {
    document: Option<(Arc<str>, Option<Rc<Tree>>)>,
    paths: BTreeMap<Arc<str>, Option<Rc<Path>>>,
}

thread_local! {
    static MEMO: RefCell<Memo> = RefCell::default();
}

impl Memo {
    fn tree(&mut self, source: &Arc<str>) -> Option<Rc<Tree>> {
        if let Some((known, tree)) = &self.document
            && (Arc::ptr_eq(known, source) || known == source)
        {
            return tree.clone();
        }
        let tree = Tree::parse(source).map(Rc::new);
        self.document = Some((source.clone(), tree.clone()));
        tree
    }

    fn path(&mut self, text: &Arc<str>) -> Option<Rc<Path>> {
        if let Some(path) = self.paths.get(text) {
            return path.clone();
        }
        if self.paths.len() >= MOST_PATHS {
            self.paths.clear();
        }
        let path = Path::new(text).map(Rc::new);
        self.paths.insert(text.clone(), path.clone());
        path
    }
}

/// The first element on the path of the document that the arguments name.
fn found(a: &[Value]) -> Result<Option<(Rc<Tree>, usize)>, String> {
    let (source, path) = (shared(a, 0)?, shared(a, 1)?);
    Ok(MEMO.with_borrow_mut(|memo| {
        let path = memo.path(path)?;
        let tree = memo.tree(source)?;
        let element = path.first(&tree)?;
        Some((tree, element))
    }))
}

fn node_value(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let text = found(a)?.map(|(tree, element)| tree.text(element));
    Ok(Value::Str(text.unwrap_or_default().into()))
}

fn attribute_value(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let name = text(a, 2)?;
    Ok(match found(a)? {
        Some((tree, element)) => Value::str(attribute(&tree, element, name).unwrap_or("")),
        None => Value::str(""),
    })
}
