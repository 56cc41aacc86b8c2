//! Names of groups as small numbers, few enough whatever the sources say.

use std::collections::HashMap;
use std::sync::Arc;

/// Number of the empty name: unknown.
pub(super) const UNKNOWN: u16 = 0;
/// Number of the name for all that have no number of their own.
pub(super) const OTHER: u16 = 1;
/// Name of [`OTHER`].
pub(super) const OTHER_NAME: &str = "other";
/// Longest name in bytes; beyond, its end is cut off.
const LONGEST: usize = 80;

/// A name as far as it is kept.
pub(super) fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(LONGEST)]
}

/// The names in one place of a group.
#[derive(Debug)]
pub(super) struct Names {
    list: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u16>,
    limit: usize,
}

impl Names {
    /// Keeps up to `limit` names; further ones are "other".
    pub(super) fn new(limit: usize) -> Self {
        let mut names = Self {
            list: Vec::new(),
            numbers: HashMap::new(),
            limit: limit + 2,
        };
        names.number("");
        names.number(OTHER_NAME);
        names
    }

    /// Number of a name, which it gets if there is room.
    pub(super) fn number(&mut self, name: &str) -> u16 {
        let name = cut(name);
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let next = u16::try_from(self.list.len()).ok();
        let Some(number) = next.filter(|_| self.list.len() < self.limit) else {
            return OTHER;
        };
        let name: Arc<str> = name.into();
        self.list.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    /// Number of a name, if it has one of its own.
    pub(super) fn find(&self, name: &str) -> Option<u16> {
        self.numbers.get(cut(name)).copied()
    }

    pub(super) fn name(&self, number: u16) -> &str {
        self.list.get(usize::from(number)).map_or("", AsRef::as_ref)
    }

    /// Bytes on the heap, about.
    pub(super) fn bytes(&self) -> usize {
        self.list.len() * (LONGEST / 2 + 64)
    }
}
