//! Lists of what is wrong in a body, as go-openapi writes them.

/// What is wrong in an object; parts of it have lists of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures(Vec<Failure>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    Plain { name: String, rest: String },
    Part(Failures),
}

const HEAD: &str = "validation failure list:";

impl Failures {
    /// Notes that a key is absent or null.
    pub fn required<T>(&mut self, name: &str, value: Option<&T>) {
        if value.is_none() {
            self.note(name, "in body is required");
        }
    }

    /// Notes anything else about a key.
    pub fn note(&mut self, name: &str, rest: &str) {
        self.0.push(Failure::Plain { name: name.to_owned(), rest: rest.to_owned() });
    }

    /// Notes what is wrong in a part, under its name.
    pub fn part(&mut self, name: &str, mut failures: Self) {
        if !failures.0.is_empty() {
            failures.put_under(name);
            self.0.push(Failure::Part(failures));
        }
    }

    /// Puts a name before all names.
    pub fn put_under(&mut self, outer: &str) {
        for failure in &mut self.0 {
            match failure {
                Failure::Plain { name, .. } => *name = format!("{outer}.{name}"),
                Failure::Part(part) => part.put_under(outer),
            }
        }
    }

    /// Nothing, or the list as text.
    ///
    /// # Errors
    /// Something is wrong: the list.
    pub fn check(&self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(self.to_string()) }
    }

    /// The list with the repeated heads at its start collapsed, as the usage metrics' route does.
    pub fn collapsed(&self) -> String {
        let text = self.to_string();
        let mut rest = text.as_str();
        while let Some(shorter) = rest.strip_prefix(HEAD).and_then(|rest| rest.strip_prefix('\n')) {
            rest = shorter;
        }
        format!("{HEAD}\n{rest}")
    }
}

impl std::fmt::Display for Failures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(HEAD)?;
        for failure in &self.0 {
            match failure {
                Failure::Plain { name, rest } => write!(f, "\n{name} {rest}")?,
                Failure::Part(part) => write!(f, "\n{part}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_heads_of_their_own() {
        let mut inner = Failures::default();
        inner.required::<u8>("meta", None);
        let mut outer = Failures::default();
        outer.required("capacity", Some(&1));
        outer.part("events.0", inner);
        outer.put_under("3");
        let text = "validation failure list:\nvalidation failure list:\n3.events.0.meta in body is required";
        assert_eq!(outer.check(), Err(text.to_owned()));
        assert_eq!(outer.collapsed(), text.split_once('\n').unwrap().1);
        assert_eq!(Failures::default().check(), Ok(()));
    }
}
