//! XML as Go's `encoding/xml` tokenises it and `github.com/beevik/etree` keeps it: prefixes are not
//! resolved, text around the root element is allowed, declared entities are not known.

/// A piece of text: bytes of the document, or what its escapes decode to.
#[derive(Debug)]
enum Piece {
    Raw(usize, usize),
    Decoded(String),
}

/// A name with its prefix, as byte ranges of the document.
#[derive(Clone, Copy, Debug)]
struct Name {
    prefix: (usize, usize),
    local: (usize, usize),
}

/// An element; the first of a tree is the document itself.
#[derive(Debug)]
struct Element {
    parent: Option<usize>,
    name: Name,
    attributes: Vec<(Name, Piece)>,
    children: Vec<usize>,
    /// Character data before the first child that is neither text nor comment.
    text: Vec<Piece>,
    text_open: bool,
}

/// A parsed document.
#[derive(Debug)]
pub(super) struct Tree {
    source: String,
    elements: Vec<Element>,
}

impl Tree {
    /// Parses a document, `None` where it is not well-formed.
    pub(super) fn parse(source: &str) -> Option<Self> {
        let nameless = Name { prefix: (0, 0), local: (0, 0) };
        let mut reader = Reader { text: source, at: 0, elements: vec![element(None, nameless)] };
        reader.run()?;
        Some(Self { elements: reader.elements, source: source.to_owned() })
    }

    /// How many elements there are, the document included.
    pub(super) fn len(&self) -> usize {
        self.elements.len()
    }

    pub(super) fn parent(&self, at: usize) -> Option<usize> {
        self.elements[at].parent
    }

    pub(super) fn children(&self, at: usize) -> &[usize] {
        &self.elements[at].children
    }

    fn range(&self, (start, end): (usize, usize)) -> &str {
        &self.source[start..end]
    }

    pub(super) fn prefix(&self, at: usize) -> &str {
        self.range(self.elements[at].name.prefix)
    }

    pub(super) fn local(&self, at: usize) -> &str {
        self.range(self.elements[at].name.local)
    }

    fn piece<'a>(&'a self, piece: &'a Piece) -> &'a str {
        match piece {
            Piece::Raw(start, end) => &self.source[*start..*end],
            Piece::Decoded(text) => text,
        }
    }

    /// Prefix, name and value of each attribute.
    pub(super) fn attributes(&self, at: usize) -> impl Iterator<Item = (&str, &str, &str)> {
        self.elements[at].attributes.iter().map(|(name, value)| {
            (self.range(name.prefix), self.range(name.local), self.piece(value))
        })
    }

    /// Character data before the first child element.
    pub(super) fn text(&self, at: usize) -> String {
        self.elements[at].text.iter().map(|piece| self.piece(piece)).collect()
    }

    /// The namespace that the element's prefix stands for.
    pub(super) fn namespace(&self, at: usize) -> &str {
        let prefix = self.prefix(at);
        let mut here = Some(at);
        while let Some(element) = here {
            let found = self.attributes(element).find(|(space, name, _)| {
                if prefix.is_empty() {
                    space.is_empty() && *name == "xmlns"
                } else {
                    *space == "xmlns" && *name == prefix
                }
            });
            if let Some((_, _, uri)) = found {
                return uri;
            }
            here = self.parent(element);
        }
        ""
    }
}

fn element(parent: Option<usize>, name: Name) -> Element {
    Element {
        parent,
        name,
        attributes: Vec::new(),
        children: Vec::new(),
        text: Vec::new(),
        text_open: true,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    elements: Vec<Element>,
}

/// Where a run of text ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Before `<`.
    Markup,
    /// After this quote.
    Quote(u8),
    /// After `]]>`.
    Cdata,
}

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, expected: &str) -> bool {
        let found = self.text[self.at..].starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Moves past the next `end`; what stood before it.
    fn past(&mut self, end: &str) -> Option<(usize, usize)> {
        let start = self.at;
        let length = self.text[start..].find(end)?;
        self.at += length + end.len();
        Some((start, start + length))
    }

    fn run(&mut self) -> Option<()> {
        let mut top = 0;
        while let Some(byte) = self.byte() {
            if byte != b'<' {
                let piece = self.characters(Until::Markup)?;
                self.add_text(top, piece);
                continue;
            }
            self.at += 1;
            match self.byte()? {
                b'/' => {
                    self.at += 1;
                    let name = self.name()?;
                    self.space();
                    let here = &self.elements[top];
                    let same = self.slice(name.local) == self.slice(here.name.local)
                        && self.slice(name.prefix) == self.slice(here.name.prefix);
                    let parent = here.parent;
                    if !self.skip(">") || !same {
                        return None;
                    }
                    top = parent?;
                }
                b'?' => {
                    self.instruction()?;
                    self.elements[top].text_open = false;
                }
                b'!' => self.declaration(top)?,
                _ => top = self.open(top)?,
            }
        }
        (top == 0).then_some(())
    }

    fn slice(&self, (start, end): (usize, usize)) -> &str {
        &self.text[start..end]
    }

    fn add_text(&mut self, top: usize, piece: Piece) {
        let element = &mut self.elements[top];
        if element.text_open {
            element.text.push(piece);
        }
    }

    /// A name; one with two colons is refused, an empty half makes it plain.
    fn name(&mut self) -> Option<Name> {
        let start = self.at;
        while let Some(byte) = self.byte() {
            if byte < 0x80 && !byte.is_ascii_alphanumeric() && !b"_:.-".contains(&byte) {
                break;
            }
            self.at += 1;
        }
        // A name at the very end of the text is cut off.
        self.byte()?;
        let name = &self.text[start..self.at];
        let first = name.chars().next()?;
        let valid = |c: char| c.is_ascii() || c.is_alphanumeric() || !quote_like(c);
        if !(first.is_alphabetic() || matches!(first, '_' | ':')) || !name.chars().all(valid) {
            return None;
        }
        match name.find(':') {
            Some(colon) if name[colon + 1..].contains(':') => None,
            Some(colon) if colon > 0 && colon + 1 < name.len() => {
                Some(Name { prefix: (start, start + colon), local: (start + colon + 1, self.at) })
            }
            _ => Some(Name { prefix: (start, start), local: (start, self.at) }),
        }
    }

    /// `<?target …?>`; of XML only version 1.0 is known.
    fn instruction(&mut self) -> Option<()> {
        self.at += 1;
        let target = self.name()?;
        let (start, end) = self.past("?>")?;
        let whole = (target.prefix.0, target.local.1);
        if self.slice(whole) == "xml" {
            let version = parameter(self.slice((start, end)), "version");
            if !version.is_empty() && version != "1.0" {
                return None;
            }
        }
        Some(())
    }

    /// Comments, character data sections and `<!DOCTYPE …>`.
    fn declaration(&mut self, top: usize) -> Option<()> {
        self.at += 1;
        if self.skip("--") {
            self.past("--")?;
            return self.skip(">").then_some(());
        }
        if self.byte()? == b'-' {
            return None;
        }
        if self.byte()? == b'[' {
            if !self.skip("[CDATA[") {
                return None;
            }
            let piece = self.characters(Until::Cdata)?;
            self.add_text(top, piece);
            return Some(());
        }
        self.elements[top].text_open = false;
        // Go takes the first byte as it is.
        self.at += self.text[self.at..].chars().next()?.len_utf8();
        let (mut quote, mut depth) = (None, 0_usize);
        loop {
            let byte = self.byte()?;
            self.at += 1;
            match (quote, byte) {
                (Some(open), byte) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'>') if depth == 0 => return Some(()),
                (None, b'>') => depth -= 1,
                (None, b'\'' | b'"') => quote = Some(byte),
                (None, b'<') if self.skip("!--") => {
                    self.past("-->")?;
                }
                (None, b'<') => depth += 1,
                _ => {}
            }
        }
    }

    /// An opening or empty tag; the element that is open after it.
    fn open(&mut self, top: usize) -> Option<usize> {
        let name = self.name()?;
        let new = self.elements.len();
        let mut element = element(Some(top), name);
        let mut empty = false;
        loop {
            self.space();
            match self.byte()? {
                b'/' => {
                    self.at += 1;
                    empty = true;
                    if !self.skip(">") {
                        return None;
                    }
                    break;
                }
                b'>' => {
                    self.at += 1;
                    break;
                }
                _ => {
                    let (name, value) = self.attribute()?;
                    self.keep(&mut element, name, value);
                }
            }
        }
        self.elements.push(element);
        self.elements[top].children.push(new);
        self.elements[top].text_open = false;
        Some(if empty { top } else { new })
    }

    /// Adds an attribute; of equal names the last value stays in the first place.
    fn keep(&self, element: &mut Element, name: Name, value: Piece) {
        let same = |known: &Name| {
            self.slice(known.local) == self.slice(name.local)
                && self.slice(known.prefix) == self.slice(name.prefix)
        };
        match element.attributes.iter_mut().find(|(known, _)| same(known)) {
            Some((_, old)) => *old = value,
            None => element.attributes.push((name, value)),
        }
    }

    fn attribute(&mut self) -> Option<(Name, Piece)> {
        let name = self.name()?;
        self.space();
        if !self.skip("=") {
            return None;
        }
        self.space();
        let quote = self.byte().filter(|byte| matches!(byte, b'"' | b'\''))?;
        self.at += 1;
        Some((name, self.characters(Until::Quote(quote))?))
    }

    /// A run of text: line ends become `\n`, references are decoded.
    fn characters(&mut self, until: Until) -> Option<Piece> {
        let start = self.at;
        let mut decoded: Option<String> = None;
        // First byte that is not yet in `decoded`.
        let mut kept = start;
        loop {
            let Some(byte) = self.byte() else {
                if until != Until::Markup {
                    return None;
                }
                break;
            };
            match (byte, until) {
                (b'<', Until::Markup) => break,
                (b'<', Until::Quote(_)) => return None,
                (byte, Until::Quote(quote)) if byte == quote => break,
                (b']', Until::Markup) if self.text[self.at..].starts_with("]]>") => return None,
                (b']', Until::Cdata) if self.text[self.at..].starts_with("]]>") => break,
                (b'\r', _) => {
                    let out = decoded.get_or_insert_default();
                    out.push_str(&self.text[kept..self.at]);
                    out.push('\n');
                    self.at += 1;
                    self.skip("\n");
                    kept = self.at;
                }
                (b'&', Until::Markup | Until::Quote(_)) => {
                    decoded.get_or_insert_default().push_str(&self.text[kept..self.at]);
                    let c = self.reference()?;
                    decoded.get_or_insert_default().push(c);
                    kept = self.at;
                }
                _ => self.at += 1,
            }
        }
        let end = self.at;
        self.at += match until {
            Until::Markup => 0,
            Until::Quote(_) => 1,
            Until::Cdata => 3,
        };
        let piece = match decoded {
            None => Piece::Raw(start, end),
            Some(mut out) => {
                out.push_str(&self.text[kept..end]);
                Piece::Decoded(out)
            }
        };
        let characters = match &piece {
            Piece::Raw(start, end) => &self.text[*start..*end],
            Piece::Decoded(text) => text,
        };
        characters.chars().all(allowed).then_some(piece)
    }

    /// `&amp;`, `&#38;`, `&#x26;`.
    fn reference(&mut self) -> Option<char> {
        let rest = &self.text[self.at + 1..];
        let name = &rest[..rest.find(';').filter(|end| *end <= 32)?];
        let c = match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "apos" => '\'',
            "quot" => '"',
            _ => {
                let digits = name.strip_prefix('#')?;
                let (digits, base) = match digits.strip_prefix('x') {
                    Some(digits) => (digits, 16),
                    None => (digits, 10),
                };
                if !digits.chars().all(|c| c.is_digit(base)) {
                    return None;
                }
                let code = u64::from_str_radix(digits, base).ok().filter(|n| *n <= 0x10_ffff)?;
                u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
            }
        };
        self.at += name.len() + 2;
        Some(c)
    }
}

/// Characters beyond ASCII that names cannot have: punctuation, signs and blanks.
fn quote_like(c: char) -> bool {
    c.is_whitespace() || matches!(u32::from(c), 0x80..=0xb6 | 0xd7 | 0xf7 | 0x2000..=0x206f)
}

/// Characters that XML allows in text.
fn allowed(c: char) -> bool {
    c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}') || matches!(c, '\t' | '\n' | '\r')
}

/// The value of `name="…"` in a processing instruction, "" where there is none.
fn parameter<'a>(text: &'a str, name: &str) -> &'a str {
    let Some((_, rest)) = text.split_once(name) else { return "" };
    let Some(rest) = rest.trim_start().strip_prefix('=') else { return "" };
    let rest = rest.trim_start();
    match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest[1..].split_once(quote).map_or("", |(value, _)| value),
        _ => "",
    }
}
