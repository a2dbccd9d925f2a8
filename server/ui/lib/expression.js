// Expressions of pages, such as `state.count > 3 && !data.busy`: a subset of JavaScript that reads values and compares
// them. The host reads the same grammar (`manifest/src/part/page/expression/`); both pass the vectors there.
//
//   or    := and ("||" and)*
//   and   := not ("&&" not)*
//   not   := "!" unary | cmp
//   unary := "!" unary | value
//   cmp   := value (operator value)?      operator: === !== == != >= <= > <
//   value := literal | path | "(" or ")"
//   path  := name ("." (name | index) | "[" index "]")*

import { Found, find } from "./scope.js";

const CHARS_MAX = 500;
const DEPTH_MAX = 32;

/** A text is not an expression. */
export class ExpressionError extends Error {
  constructor(message, at) {
    super(`${message} at character ${at + 1}`);
    this.name = "ExpressionError";
    this.reason = message;
    this.at = at;
  }
}

/** The operators. One that begins with another one comes first. */
const OPERATORS = ["===", "!==", "==", "!=", ">=", "<=", ">", "<"];
const BEGINS_NAME = /[\p{Alphabetic}_$]/u;
const GOES_ON_NAME = /[\p{Alphabetic}\p{N}_$-]/u;
const LITERALS = new Map([
  ["true", true],
  ["false", false],
  ["null", null],
  ["undefined", null],
]);

const parsed = new Map();
const PARSED_MAX = 5_000;

/**
 * Parses an expression, once for each text.
 *
 * @param {string} text
 * @returns {(scope: import("./scope.js").Scope) => unknown} evaluates it; a path that leads nowhere is null
 * @throws {ExpressionError}
 */
export function parse(text) {
  let evaluate = parsed.get(text);
  if (!evaluate) {
    evaluate = new Parser(text).whole();
    if (parsed.size >= PARSED_MAX) parsed.clear();
    parsed.set(text, evaluate);
  }
  return evaluate;
}

/** The value of an expression. */
export const evaluate = (text, scope) => parse(text)(scope);

/** Whether an expression holds as a condition. */
export const holds = (text, scope) => isTruthy(evaluate(text, scope));

/** Whether JavaScript treats a JSON value as true. */
export const isTruthy = Boolean;

class Parser {
  constructor(text) {
    this.chars = [...text];
    this.at = 0;
    this.depth = 0;
    if (this.chars.length > CHARS_MAX) {
      throw new ExpressionError(`an expression has at most ${CHARS_MAX} characters, this one goes on`, CHARS_MAX);
    }
  }

  whole() {
    const term = this.or();
    this.skipSpace();
    if (this.at < this.chars.length) this.fail(`unexpected \`${this.chars[this.at]}\``);
    return term;
  }

  or() {
    const terms = [this.and()];
    while (this.takes("||")) terms.push(this.and());
    return terms.length === 1 ? terms[0] : (scope) => firstOrLast(terms, scope, isTruthy);
  }

  and() {
    const terms = [this.not()];
    while (this.takes("&&")) terms.push(this.not());
    return terms.length === 1 ? terms[0] : (scope) => firstOrLast(terms, scope, (value) => !isTruthy(value));
  }

  not() {
    if (!this.beginsNot()) return this.comparison();
    const term = this.unary();
    if (this.operator()) this.fail("compare `!` in parentheses: `!(a === b)` or `(!a) === b`");
    return term;
  }

  unary() {
    if (!this.beginsNot()) return this.value();
    this.at += 1;
    const term = this.nested(() => this.unary());
    return (scope) => !isTruthy(term(scope));
  }

  /** Whether a `!` follows that is not the beginning of `!=`. */
  beginsNot() {
    this.skipSpace();
    return this.chars[this.at] === "!" && this.chars[this.at + 1] !== "=";
  }

  comparison() {
    const left = this.value();
    const operator = this.operator();
    if (!operator) return left;
    const right = this.value();
    if (this.operator()) this.fail("put one of two comparisons in parentheses");
    const compare = COMPARISONS[operator];
    // A single name that has no value stands for its own text, as in `status === running`.
    const { compared = right } = right;
    return (scope) => compare(left(scope), compared(scope));
  }

  operator() {
    return OPERATORS.find((operator) => this.takes(operator));
  }

  value() {
    this.skipSpace();
    const character = this.chars[this.at];
    if (character === undefined) this.fail("a value is missing");
    if (character === "(") {
      this.at += 1;
      const term = this.nested(() => this.or());
      if (!this.takes(")")) this.fail("`)` is missing");
      return term;
    }
    if (character === "'" || character === '"') return literal(this.text(character));
    if (isDigit(character) || character === "-") return literal(this.number());
    if (BEGINS_NAME.test(character)) return this.path();
    return this.fail(`unexpected \`${character}\``);
  }

  /** Parses one level deeper. */
  nested(parse) {
    if (this.depth === DEPTH_MAX) this.fail(`more than ${DEPTH_MAX} levels`);
    this.depth += 1;
    const term = parse();
    this.depth -= 1;
    return term;
  }

  /** Parses a text in quotes. A backslash may precede a quote or a backslash. */
  text(quote) {
    const begin = this.at;
    let text = "";
    this.at += 1;
    for (;;) {
      const character = this.chars[this.at];
      if (character === undefined) {
        this.at = begin;
        this.fail("the text does not end");
      }
      this.at += 1;
      if (character === quote) return text;
      if (character === "\\") {
        if (!["\\", "'", '"'].includes(this.chars[this.at])) this.fail("only a quote or a backslash may follow `\\`");
        text += this.chars[this.at];
        this.at += 1;
      } else {
        text += character;
      }
    }
  }

  number() {
    const begin = this.at;
    if (this.chars[this.at] === "-") this.at += 1;
    this.skipDigits();
    if (this.chars[this.at] === ".") {
      this.at += 1;
      this.skipDigits();
    }
    const text = this.chars.slice(begin, this.at).join("");
    const next = this.chars[this.at];
    const follows = next !== undefined && (next === "." || GOES_ON_NAME.test(next));
    if (!/^-?\d+(\.\d+)?$/.test(text) || follows) {
      this.at = begin;
      this.fail("not a number");
    }
    return Number(text);
  }

  path() {
    const first = this.name();
    const rest = [];
    for (;;) {
      const character = this.chars[this.at];
      if (character === ".") {
        this.at += 1;
        const name = this.name();
        if (name === "") this.fail("a name is missing after `.`");
        rest.push(name);
      } else if (character === "[") {
        this.at += 1;
        const begin = this.at;
        this.skipDigits();
        const index = this.chars.slice(begin, this.at).join("");
        if (index === "" || this.chars[this.at] !== "]") this.fail("only an index, such as `[0]`, may be in brackets");
        this.at += 1;
        rest.push(index);
      } else if (character === "(") {
        this.fail("functions cannot be called");
      } else {
        break;
      }
    }
    if (LITERALS.has(first)) {
      if (rest.length) this.fail(`\`${first}\` has no members`);
      return literal(LITERALS.get(first));
    }
    const term = (scope) => find(scope, first, rest).value ?? null;
    if (rest.length === 0) {
      term.compared = (scope) => {
        const { found, value } = find(scope, first, rest);
        return found === Found.NO_SUCH_NAME ? first : (value ?? null);
      };
    }
    return term;
  }

  name() {
    const begin = this.at;
    while (this.at < this.chars.length && GOES_ON_NAME.test(this.chars[this.at])) this.at += 1;
    return this.chars.slice(begin, this.at).join("");
  }

  takes(token) {
    this.skipSpace();
    const isNext = [...token].every((character, index) => this.chars[this.at + index] === character);
    if (isNext) this.at += token.length;
    return isNext;
  }

  skipSpace() {
    while ([" ", "\t", "\n", "\r"].includes(this.chars[this.at])) this.at += 1;
  }

  skipDigits() {
    while (isDigit(this.chars[this.at])) this.at += 1;
  }

  fail(message) {
    throw new ExpressionError(message, this.at);
  }
}

const isDigit = (character) => character >= "0" && character <= "9";
const literal = (value) => () => value;

/** The first value that decides, or the last one. */
function firstOrLast(terms, scope, decides) {
  let value = null;
  for (const term of terms) {
    value = term(scope);
    if (decides(value)) break;
  }
  return value;
}

/** Whether two values are the same text, number, boolean or null. Lists and objects equal nothing. */
const isEqual = (left, right) => left === right && (left === null || typeof left !== "object");

/** Compares texts with texts and numbers with numbers; anything else is false. */
const ordered = (compare) => (left, right) =>
  typeof left === typeof right && (typeof left === "string" || typeof left === "number") && compare(left, right);

const COMPARISONS = {
  "===": isEqual,
  "==": isEqual,
  "!==": (left, right) => !isEqual(left, right),
  "!=": (left, right) => !isEqual(left, right),
  "<": ordered((left, right) => left < right),
  "<=": ordered((left, right) => left <= right),
  ">": ordered((left, right) => left > right),
  ">=": ordered((left, right) => left >= right),
};
