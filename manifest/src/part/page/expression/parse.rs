//! The grammar of expressions, by recursive descent over characters:
//!
//! ```text
//! or    := and ("||" and)*
//! and   := not ("&&" not)*
//! not   := "!" unary | cmp
//! unary := "!" unary | value
//! cmp   := value (operator value)?      operator: === !== == != >= <= > <
//! value := literal | path | "(" or ")"
//! path  := name ("." (name | index) | "[" index "]")*
//! ```
//!
//! `!a === b` means `(!a) === b` in JavaScript and is often written for `!(a === b)`, so it is refused.

use serde_json::{Number, Value};

use super::{ExpressionError, Operator, Path, Term};
use crate::limits::{EXPRESSION_CHARS_MAX, EXPRESSION_DEPTH_MAX};

/// The operators. One that begins with another one comes first.
const OPERATORS: [(&str, Operator); 8] = [
    ("===", Operator::Equal),
    ("!==", Operator::NotEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

pub(super) fn parse(text: &str) -> Result<Term, ExpressionError> {
    if text.chars().nth(EXPRESSION_CHARS_MAX).is_some() {
        let message = format!("an expression has at most {EXPRESSION_CHARS_MAX} characters, this one goes on");
        return Err(ExpressionError { at: EXPRESSION_CHARS_MAX, message });
    }
    let mut parser = Parser { chars: text.chars().collect(), at: 0, depth: 0 };
    let term = parser.or()?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(term),
        Some(character) => Err(parser.error(format!("unexpected `{character}`"))),
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn or(&mut self) -> Result<Term, ExpressionError> {
        let mut terms = vec![self.and()?];
        while self.takes("||") {
            terms.push(self.and()?);
        }
        Ok(alone(terms, Term::Or))
    }

    fn and(&mut self) -> Result<Term, ExpressionError> {
        let mut terms = vec![self.not()?];
        while self.takes("&&") {
            terms.push(self.not()?);
        }
        Ok(alone(terms, Term::And))
    }

    fn not(&mut self) -> Result<Term, ExpressionError> {
        if !self.begins_not() {
            return self.comparison();
        }
        let term = self.unary()?;
        match self.operator() {
            None => Ok(term),
            Some(_) => Err(self.error("compare `!` in parentheses: `!(a === b)` or `(!a) === b`")),
        }
    }

    fn unary(&mut self) -> Result<Term, ExpressionError> {
        if !self.begins_not() {
            return self.value();
        }
        self.at += 1;
        let term = self.nested(Parser::unary)?;
        Ok(Term::Not(Box::new(term)))
    }

    /// Returns whether a `!` follows that is not the beginning of `!=`.
    fn begins_not(&mut self) -> bool {
        self.skip_space();
        self.peek() == Some('!') && self.chars.get(self.at + 1) != Some(&'=')
    }

    fn comparison(&mut self) -> Result<Term, ExpressionError> {
        let left = self.value()?;
        let Some(operator) = self.operator() else {
            return Ok(left);
        };
        let right = self.value()?;
        match self.operator() {
            None => Ok(Term::Comparison(operator, Box::new(left), Box::new(right))),
            Some(_) => Err(self.error("put one of two comparisons in parentheses")),
        }
    }

    fn operator(&mut self) -> Option<Operator> {
        OPERATORS.iter().find(|(text, _)| self.takes(text)).map(|(_, operator)| *operator)
    }

    fn value(&mut self) -> Result<Term, ExpressionError> {
        self.skip_space();
        match self.peek() {
            None => Err(self.error("a value is missing")),
            Some('(') => {
                self.at += 1;
                let term = self.nested(Parser::or)?;
                if !self.takes(")") {
                    return Err(self.error("`)` is missing"));
                }
                Ok(term)
            }
            Some(quote @ ('\'' | '"')) => self.text(quote).map(|text| Term::Literal(Value::String(text))),
            Some(character) if character.is_ascii_digit() || character == '-' => self.number().map(Term::Literal),
            Some(character) if begins_name(character) => self.path(),
            Some(character) => Err(self.error(format!("unexpected `{character}`"))),
        }
    }

    /// Parses one level deeper.
    fn nested(
        &mut self,
        parse: impl Fn(&mut Parser) -> Result<Term, ExpressionError>,
    ) -> Result<Term, ExpressionError> {
        if self.depth == EXPRESSION_DEPTH_MAX {
            return Err(self.error(format!("more than {EXPRESSION_DEPTH_MAX} levels")));
        }
        self.depth += 1;
        let term = parse(self);
        self.depth -= 1;
        term
    }

    /// Parses a text in quotes. A backslash may precede a quote or a backslash.
    fn text(&mut self, quote: char) -> Result<String, ExpressionError> {
        let begin = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(character) = self.peek() else {
                self.at = begin;
                return Err(self.error("the text does not end"));
            };
            self.at += 1;
            match character {
                '\\' => match self.peek() {
                    Some(escaped @ ('\\' | '\'' | '"')) => {
                        text.push(escaped);
                        self.at += 1;
                    }
                    _ => return Err(self.error("only a quote or a backslash may follow `\\`")),
                },
                _ if character == quote => return Ok(text),
                _ => text.push(character),
            }
        }
    }

    fn number(&mut self) -> Result<Value, ExpressionError> {
        let begin = self.at;
        self.at += usize::from(self.peek() == Some('-'));
        self.skip_digits();
        if self.peek() == Some('.') {
            self.at += 1;
            self.skip_digits();
        }
        let text: String = self.chars[begin..self.at].iter().collect();
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = text.strip_prefix('-').unwrap_or(&text).split('.').all(digits);
        let follows = self.peek().is_some_and(|character| goes_on_name(character) || character == '.');
        match number(&text).filter(|_| is_number && !follows) {
            Some(number) => Ok(Value::Number(number)),
            None => {
                self.at = begin;
                Err(self.error("not a number"))
            }
        }
    }

    fn path(&mut self) -> Result<Term, ExpressionError> {
        let first = self.name();
        let mut rest = Vec::new();
        loop {
            match self.peek() {
                Some('.') => {
                    self.at += 1;
                    let name = self.name();
                    if name.is_empty() {
                        return Err(self.error("a name is missing after `.`"));
                    }
                    rest.push(name);
                }
                Some('[') => {
                    self.at += 1;
                    let begin = self.at;
                    self.skip_digits();
                    let index: String = self.chars[begin..self.at].iter().collect();
                    if index.is_empty() || self.peek() != Some(']') {
                        return Err(self.error("only an index, such as `[0]`, may be in brackets"));
                    }
                    self.at += 1;
                    rest.push(index);
                }
                Some('(') => return Err(self.error("functions cannot be called")),
                _ => break,
            }
        }
        let literal = match first.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" | "undefined" => Value::Null,
            _ => return Ok(Term::Path(Path { first, rest })),
        };
        match rest.is_empty() {
            true => Ok(Term::Literal(literal)),
            false => Err(self.error(format!("`{first}` has no members"))),
        }
    }

    fn name(&mut self) -> String {
        let begin = self.at;
        while self.peek().is_some_and(goes_on_name) {
            self.at += 1;
        }
        self.chars[begin..self.at].iter().collect()
    }

    fn takes(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.chars[self.at..].iter().copied().take(token.len()).eq(token.chars());
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|character| character.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn error(&self, message: impl Into<String>) -> ExpressionError {
        ExpressionError { at: self.at, message: message.into() }
    }
}

/// Returns the only term, or all of them combined.
fn alone(mut terms: Vec<Term>, combined: impl Fn(Vec<Term>) -> Term) -> Term {
    match terms.len() {
        1 => terms.remove(0),
        _ => combined(terms),
    }
}

/// Reads a number as JSON does: an integer if it is one.
fn number(text: &str) -> Option<Number> {
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    let number: f64 = text.parse().ok()?;
    Number::from_f64(number)
}

fn begins_name(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '$')
}

fn goes_on_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$' | '-')
}
