// Texts and JSON values with placeholders: `{{expression}}`. A text that is one placeholder takes the type of its value;
// within a text, a value becomes text. Filled values are never read for placeholders again.

import { ExpressionError, parse } from "./expression.js";

const cache = new Map();
const CACHED_MAX = 5_000;

/** The parts of a text: texts, and functions of a scope. Null for a text without placeholders. */
function parts(text) {
  if (!text.includes("{{")) return null;
  const known = cache.get(text);
  if (known) return known;
  const found = [];
  let rest = text;
  for (;;) {
    const open = rest.indexOf("{{");
    if (open < 0) break;
    const begin = [...text].length - [...rest.slice(open + 2)].length;
    const close = rest.indexOf("}}", open + 2);
    if (close < 0) throw new ExpressionError("`{{` without `}}`", begin - 2);
    if (open > 0) found.push(rest.slice(0, open));
    try {
      found.push(parse(rest.slice(open + 2, close)));
    } catch (error) {
      throw error instanceof ExpressionError ? new ExpressionError(error.reason, begin + error.at) : error;
    }
    rest = rest.slice(close + 2);
  }
  if (rest) found.push(rest);
  if (cache.size >= CACHED_MAX) cache.clear();
  cache.set(text, found);
  return found;
}

/** Fills the placeholders of a text in. */
export function fillText(text, scope) {
  const found = parts(text);
  if (!found) return text;
  if (found.length === 1 && typeof found[0] === "function") return found[0](scope);
  return found.map((part) => (typeof part === "function" ? asText(part(scope)) : part)).join("");
}

/** Fills the placeholders of all texts of a JSON value in. Constant parts are returned as they are. */
export function fill(value, scope) {
  if (typeof value === "string") return fillText(value, scope);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const filled = value.map((item) => fill(item, scope));
    return filled.every((item, index) => item === value[index]) ? value : filled;
  }
  const filled = Object.entries(value).map(([name, member]) => [name, fill(member, scope)]);
  return filled.every(([name, member]) => member === value[name]) ? value : Object.fromEntries(filled);
}

/** A value as text: null is empty, lists and objects are JSON. */
export function asText(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
