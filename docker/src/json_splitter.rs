//! Concatenated JSON objects, split into texts of one object.
//!
//! Engines write one object after another, some with a line break behind each and some without. No engine writes a line
//! break within an object, and JSON allows none within a string. A line break therefore ends an object that is
//! incomplete, so that it does not swallow the objects behind it.

/// An object that is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skipped {
    /// It is incomplete, or text outside of an object.
    Malformed,
    /// It is longer than the limit.
    TooLarge,
}

impl Skipped {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Skipped::Malformed => "it is incomplete",
            Skipped::TooLarge => "it is too large",
        }
    }
}

/// The state between two chunks of a stream.
#[derive(Debug)]
pub(crate) struct JsonSplitter {
    bytes_max: usize,
    object: Vec<u8>,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    is_too_large: bool,
    in_garbage: bool,
}

impl JsonSplitter {
    /// Objects that are longer than `bytes_max` are skipped.
    pub(crate) fn new(bytes_max: usize) -> Self {
        JsonSplitter {
            bytes_max,
            object: Vec::new(),
            depth: 0,
            in_string: false,
            is_escaped: false,
            is_too_large: false,
            in_garbage: false,
        }
    }

    /// Takes a byte, and returns an object if it is the last byte of one. The object is valid until the next call.
    pub(crate) fn push(&mut self, byte: u8) -> Option<Result<&[u8], Skipped>> {
        if self.depth == 0 {
            return self.push_between(byte).map(Err);
        }
        if byte == b'\n' {
            return Some(Err(self.end()));
        }
        match self.object.len() < self.bytes_max {
            true => self.object.push(byte),
            false => self.is_too_large = true,
        }
        if self.in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return None;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' => self.depth += 1,
            b'}' => self.depth -= 1,
            _ => {}
        }
        match (self.depth, self.is_too_large) {
            (0, false) => Some(Ok(&self.object)),
            (0, true) => Some(Err(self.end())),
            _ => None,
        }
    }

    /// Takes a byte outside of an object. A run of other text than objects is reported once.
    fn push_between(&mut self, byte: u8) -> Option<Skipped> {
        match byte {
            b'{' => {
                self.object.clear();
                self.object.push(byte);
                (self.depth, self.in_garbage) = (1, false);
                None
            }
            b'\n' => {
                self.in_garbage = false;
                None
            }
            _ if byte.is_ascii_whitespace() || self.in_garbage => None,
            _ => {
                self.in_garbage = true;
                Some(Skipped::Malformed)
            }
        }
    }

    fn end(&mut self) -> Skipped {
        let skipped = if self.is_too_large { Skipped::TooLarge } else { Skipped::Malformed };
        // A huge object does not leave its memory behind.
        self.object = Vec::new();
        (self.depth, self.in_string, self.is_escaped, self.is_too_large) = (0, false, false, false);
        skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stream: &str, expected: &[Result<&str, Skipped>]) {
        let mut splitter = JsonSplitter::new(32);
        let mut found = Vec::new();
        for byte in stream.bytes() {
            if let Some(object) = splitter.push(byte) {
                found.push(object.map(|object| String::from_utf8_lossy(object).into_owned()));
            }
        }
        let found: Vec<_> = found.iter().map(|object| object.as_deref().map_err(|skipped| *skipped)).collect();
        assert_eq!(found, expected, "{stream}");
    }

    #[test]
    fn objects_need_no_line_breaks() {
        check(r#"{"a":1}{"b":{"c":"}{"}}"#, &[Ok(r#"{"a":1}"#), Ok(r#"{"b":{"c":"}{"}}"#)]);
        check("{\"a\":1}\n \r\n{\"b\":2}", &[Ok(r#"{"a":1}"#), Ok(r#"{"b":2}"#)]);
        check(r#"{"a":"\"}\\"}{}"#, &[Ok(r#"{"a":"\"}\\"}"#), Ok("{}")]);
    }

    #[test]
    fn incomplete_object_ends_at_its_line() {
        check("{\"a\":{\n{\"b\":2}\n", &[Err(Skipped::Malformed), Ok(r#"{"b":2}"#)]);
        check("{\"a\":\"\n{\"b\":2}", &[Err(Skipped::Malformed), Ok(r#"{"b":2}"#)]);
    }

    #[test]
    fn text_between_objects_is_one_malformed_object() {
        check("null, 7{\"b\":2}", &[Err(Skipped::Malformed), Ok(r#"{"b":2}"#)]);
        check("}}\n]\n{}", &[Err(Skipped::Malformed), Err(Skipped::Malformed), Ok("{}")]);
    }

    #[test]
    fn object_above_the_limit_is_skipped() {
        let stream = format!("{{\"a\":\"{}\"}}{{}}", "x".repeat(1_000));
        check(&stream, &[Err(Skipped::TooLarge), Ok("{}")]);
        check(&format!("{{\"a\":\"{}\n{{}}", "x".repeat(1_000)), &[Err(Skipped::TooLarge), Ok("{}")]);
    }
}
