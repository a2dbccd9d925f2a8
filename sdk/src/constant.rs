//! JSON that is composed at compile time.
//!
//! The host reads a plugin's manifest, schemas included, from the `.wasm` file before any of the plugin's code runs. So
//! both must exist when the compiler finishes: a value of [`Json`] is a constant composed of constants, and [`Writer`]
//! is the const code that turns it into the bytes of a static.
//!
//! Const code cannot allocate. Hence the tree of `'static` slices, and hence the two passes: one counts the bytes, and
//! one writes them into an array of that size.

/// A JSON value that is composed at compile time.
#[derive(Clone, Copy, Debug)]
pub enum Json {
    /// JSON text that is written unchanged: a number, or text that a macro has rendered.
    Raw(&'static str),
    /// A string; quotes and escapes are added when it is written.
    Text(&'static str),
    /// An integer.
    Integer(i128),
    /// An array, without its elements that are [`Json::Nothing`].
    List(&'static [Json]),
    /// An array that is omitted if it has no elements.
    NonEmpty(&'static [Json]),
    /// An object. Of two members with one key, the later one is written.
    Object(&'static [Member]),
    /// A value that is omitted, together with its key if it has one.
    Nothing,
    /// The schema of a type that contains itself: the object becomes the target of every [`Json::Again`] of that name
    /// inside it.
    Recursive(&'static str, &'static Json),
    /// A reference to the enclosing [`Json::Recursive`] of that name.
    Again(&'static str),
    /// The schema of a type that cannot be accepted. Writing it fails the build with this reason.
    Refused(&'static str),
}

/// A part of a [`Json::Object`].
#[derive(Clone, Copy, Debug)]
pub enum Member {
    /// A key and its value.
    Is(&'static str, Json),
    /// All members of another object.
    All(Json),
}

/// The object without members: as a schema, it accepts everything.
pub const EMPTY: Json = Json::Object(&[]);

/// Writes JSON into an array of `N` bytes, or only counts the bytes if `N` is 0.
pub struct Writer<const N: usize> {
    bytes: [u8; N],
    length: usize,
    /// The number of recursive schemas begun so far. Each gets its own anchor.
    anchors: u32,
    /// Whether the next member or element needs a comma before it.
    comma: bool,
}

/// The recursive schemas around the current position, innermost first.
struct Scope<'a> {
    name: &'static str,
    anchor: u32,
    outer: Option<&'a Scope<'a>>,
}

/// The members after the one that is being written. Their keys override earlier ones.
struct Later<'a> {
    members: &'static [Member],
    from: usize,
    outer: Option<&'a Later<'a>>,
}

impl<const N: usize> Writer<N> {
    /// An empty document.
    pub const fn new() -> Self {
        Writer { bytes: [0; N], length: 0, anchors: 0, comma: false }
    }

    /// The number of bytes that were written or counted.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// The document.
    ///
    /// # Panics
    /// If `N` is not exactly its length. This runs at compile time, so that the panic is a compile error.
    pub const fn finish(self) -> [u8; N] {
        assert!(self.length == N, "the length of the document differs from the counted length");
        self.bytes
    }

    /// Writes text unchanged.
    pub const fn raw(&mut self, text: &str) {
        let bytes = text.as_bytes();
        if N > 0 {
            let (_, free) = self.bytes.split_at_mut(self.length);
            let (target, _) = free.split_at_mut(bytes.len());
            target.copy_from_slice(bytes);
        }
        self.length += bytes.len();
    }

    /// Begins an object (`{`) or array (`[`).
    pub const fn open(&mut self, bracket: &str) {
        self.raw(bracket);
        self.comma = false;
    }

    /// Ends an object (`}`) or array (`]`).
    pub const fn close(&mut self, bracket: &str) {
        self.raw(bracket);
        self.comma = true;
    }

    /// Begins the next element of an array.
    pub const fn element(&mut self) {
        if self.comma {
            self.raw(",");
        }
        self.comma = true;
    }

    /// Begins the next member of an object.
    pub const fn key(&mut self, key: &str) {
        self.element();
        self.text(key);
        self.raw(":");
    }

    /// Writes a string.
    pub const fn text(&mut self, text: &str) {
        self.raw("\"");
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            match bytes[index] {
                b'"' => self.raw("\\\""),
                b'\\' => self.raw("\\\\"),
                b'\n' => self.raw("\\n"),
                control @ 0..0x20 => {
                    self.raw("\\u00");
                    self.byte(hex_digit(control >> 4));
                    self.byte(hex_digit(control & 15));
                }
                other => self.byte(other),
            }
            index += 1;
        }
        self.raw("\"");
    }

    /// Writes a value.
    pub const fn json(&mut self, json: &Json) {
        self.value(json, None);
    }

    const fn byte(&mut self, byte: u8) {
        if N > 0 {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
    }

    const fn integer(&mut self, value: i128) {
        if value < 0 {
            self.raw("-");
        }
        self.digits(value.unsigned_abs());
    }

    const fn digits(&mut self, value: u128) {
        if value >= 10 {
            self.digits(value / 10);
        }
        self.byte(b'0' + (value % 10) as u8);
    }

    const fn value(&mut self, json: &Json, scope: Option<&Scope<'_>>) {
        match json {
            Json::Raw(text) => self.raw(text),
            Json::Text(text) => self.text(text),
            Json::Integer(value) => self.integer(*value),
            Json::Nothing => self.raw("null"),
            Json::List(elements) | Json::NonEmpty(elements) => {
                self.open("[");
                let mut index = 0;
                while index < elements.len() {
                    if !is_nothing(&elements[index]) {
                        self.element();
                        self.value(&elements[index], scope);
                    }
                    index += 1;
                }
                self.close("]");
            }
            Json::Object(_) | Json::Recursive(..) | Json::Again(_) | Json::Refused(_) => {
                self.open("{");
                self.members(json, scope, None);
                self.close("}");
            }
        }
    }

    /// Writes the members of an object, except those whose key occurs again later.
    const fn members(&mut self, object: &Json, scope: Option<&Scope<'_>>, later: Option<&Later<'_>>) {
        match object {
            Json::Object(members) => {
                let mut index = 0;
                while index < members.len() {
                    let rest = Later { members, from: index + 1, outer: later };
                    match &members[index] {
                        Member::All(object) => self.members(object, scope, Some(&rest)),
                        Member::Is(key, value) => {
                            if !is_nothing(value) && !rest.has(key) {
                                self.key(key);
                                self.value(value, scope);
                                self.comma = true;
                            }
                        }
                    }
                    index += 1;
                }
            }
            Json::Recursive(name, body) => {
                self.anchors += 1;
                let scope = Scope { name, anchor: self.anchors, outer: scope };
                self.key("$anchor");
                self.raw("\"r");
                self.integer(scope.anchor as i128);
                self.raw("\"");
                self.members(body, Some(&scope), later);
            }
            Json::Again(name) => {
                self.key("$ref");
                self.raw("\"#r");
                self.integer(anchor(scope, name) as i128);
                self.raw("\"");
            }
            Json::Refused(reason) => panic!("{}", *reason),
            _ => panic!("a schema is always an object"),
        }
    }
}

impl<const N: usize> Default for Writer<N> {
    fn default() -> Self {
        Writer::new()
    }
}

impl Later<'_> {
    const fn has(&self, key: &str) -> bool {
        let mut index = self.from;
        while index < self.members.len() {
            if member_has(&self.members[index], key) {
                return true;
            }
            index += 1;
        }
        match self.outer {
            Some(outer) => outer.has(key),
            None => false,
        }
    }
}

const fn is_nothing(json: &Json) -> bool {
    match json {
        Json::Nothing => true,
        Json::Recursive(_, body) => is_nothing(body),
        Json::NonEmpty(elements) => {
            let mut index = 0;
            while index < elements.len() {
                if !is_nothing(&elements[index]) {
                    return false;
                }
                index += 1;
            }
            true
        }
        _ => false,
    }
}

const fn member_has(member: &Member, key: &str) -> bool {
    match member {
        Member::Is(own, value) => !is_nothing(value) && same(own, key),
        Member::All(Json::Object(members)) => Later { members, from: 0, outer: None }.has(key),
        Member::All(Json::Recursive(_, body)) => member_has(&Member::All(**body), key),
        Member::All(_) => false,
    }
}

const fn anchor(scope: Option<&Scope<'_>>, name: &str) -> u32 {
    match scope {
        Some(scope) if same(scope.name, name) => scope.anchor,
        Some(scope) => anchor(scope.outer, name),
        None => panic!("a reference to a recursive schema is outside of that schema"),
    }
}

const fn hex_digit(value: u8) -> u8 {
    match value {
        0..10 => b'0' + value,
        _ => b'a' + value - 10,
    }
}

/// Whether two strings are equal: `==` on them is not const.
pub const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}
