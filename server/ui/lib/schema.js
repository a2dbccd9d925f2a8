// JSON Schemas as forms read them: the kind of control for a schema, the draft that a form edits, and the value of a
// draft. Drafts hold texts for texts and numbers, so that a half-written number is not lost.
//
// The server validates; here are only the checks that a form can explain at a field. Patterns are left to the server,
// because a pattern of a plugin could occupy the browser for minutes.

import { same } from "./values.js";

/** Deeper levels are edited as JSON, so a recursive schema ends. */
const DEPTH_MAX = 6;

/**
 * @typedef {{kind: "text"|"number"|"boolean"|"choice"|"choices"|"list"|"object"|"json", schema: object,
 *   isNullable: boolean, options?: {value: unknown, label: string}[]}} Control
 */

/** The control for a schema. `root` is the whole schema, for references. @returns {Control} */
export function control(schema, root, depth = 0) {
  const { resolved, isNullable } = simplify(schema, root);
  const of = (kind, more) => ({ kind, schema: resolved, isNullable, ...more });
  const options = choices(resolved, root);
  if (options) return of("choice", { options });
  switch (resolved.type) {
    case "boolean":
      return of("boolean");
    case "integer":
    case "number":
      return of("number");
    case "string":
      return of("text");
    case "array": {
      if (depth >= DEPTH_MAX || !resolved.items || typeof resolved.items !== "object") return of("json");
      const options = choices(simplify(resolved.items, root).resolved, root);
      return options ? of("choices", { options }) : of("list");
    }
    default: {
      const isObject = resolved.properties && typeof resolved.properties === "object";
      return isObject && depth < (isLarge(root) ? 1 : DEPTH_MAX) ? of("object") : of("json");
    }
  }
}

/** The most fields of a form. In a larger one, objects within the object are edited as JSON. */
const FIELDS_MAX = 300;

const large = new WeakMap();

/** Whether a schema has more fields than a form shows; references can make a short schema a huge form. */
function isLarge(root) {
  if (typeof root !== "object" || root === null) return false;
  if (!large.has(root)) {
    // While it is counted it is not large, so that objects are counted.
    large.set(root, false);
    large.set(root, count(root, root, 0, FIELDS_MAX) > FIELDS_MAX);
  }
  return large.get(root);
}

function count(schema, root, depth, left) {
  const { kind, schema: resolved } = control(schema, root, depth);
  let fields = 1;
  for (const member of kind === "object" ? Object.values(resolved.properties) : []) {
    if (fields > left) break;
    fields += count(member, root, depth + 1, left - fields);
  }
  return fields;
}

/** The schema that a form shows: references followed, `null` split off. */
function simplify(schema, root) {
  let resolved = typeof schema === "object" && schema !== null ? schema : {};
  let isNullable = false;
  for (let steps = 0; steps < 16; steps += 1) {
    const alternatives = resolved.anyOf ?? resolved.oneOf;
    if (typeof resolved.$ref === "string") {
      const { $ref, ...beside } = resolved;
      resolved = { ...follow($ref, root), ...beside };
    } else if (Array.isArray(alternatives) && alternatives.some((part) => part?.type === "null")) {
      isNullable = true;
      const others = alternatives.filter((part) => part?.type !== "null");
      const { anyOf, oneOf, ...beside } = resolved;
      resolved = others.length === 1 ? { ...others[0], ...beside } : { ...beside, oneOf: others };
    } else if (Array.isArray(resolved.allOf) && resolved.allOf.length === 1) {
      const { allOf, ...beside } = resolved;
      resolved = { ...allOf[0], ...beside };
    } else if (Array.isArray(resolved.type)) {
      const types = resolved.type.filter((type) => type !== "null");
      isNullable ||= types.length < resolved.type.length;
      resolved = { ...resolved, type: types.length === 1 ? types[0] : undefined };
    } else {
      break;
    }
  }
  return { resolved, isNullable };
}

function follow(reference, root) {
  if (reference === "#") return root;
  if (!reference.startsWith("#/")) return {};
  let value = root;
  for (const part of reference.slice(2).split("/")) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    value = typeof value === "object" && value !== null && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return typeof value === "object" && value !== null ? value : {};
}

/** The options of an enumeration: `enum`, `const`, or alternatives that are constants. */
function choices(schema, root) {
  if (Array.isArray(schema.enum)) {
    return schema.enum.filter((value) => value !== null).map((value) => ({ value, label: String(value) }));
  }
  if (schema.const !== undefined) return [{ value: schema.const, label: schema.title ?? String(schema.const) }];
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (!Array.isArray(alternatives) || alternatives.length === 0) return null;
  const parts = alternatives.map((part) => choices(simplify(part, root).resolved, {}));
  return parts.every(Boolean) ? parts.flat() : null;
}

/** The draft for a value, or for the schema's default. */
export function draft(schema, root, value, depth = 0) {
  const { kind, schema: resolved, options } = control(schema, root, depth);
  const given = value ?? resolved.default;
  switch (kind) {
    case "boolean":
      return given ?? null;
    case "choice":
      return options.some((option) => same(option.value, given)) ? given : null;
    case "choices":
      return Array.isArray(given) ? given : [];
    case "list":
      return Array.isArray(given) ? given.map((item) => draft(resolved.items, root, item, depth + 1)) : [];
    case "object": {
      const members = Object.entries(resolved.properties);
      return Object.fromEntries(
        members.map(([name, member]) => [name, draft(member, root, given?.[name], depth + 1)]),
      );
    }
    case "json":
      return given === undefined || given === null ? "" : JSON.stringify(given, null, 2);
    default:
      return given === undefined || given === null ? "" : String(given);
  }
}

/**
 * The value of a draft, without the members that are empty and optional.
 *
 * @returns {{value: unknown, errors: Map<string, string>}} messages by path, such as `address.street` or `tags.0`
 */
export function read(schema, root, content) {
  const errors = new Map();
  const value = readAt(schema, root, content, "", true, errors, 0);
  return { value, errors };
}

function readAt(schema, root, content, path, isRequired, errors, depth) {
  const { kind, schema: resolved, isNullable } = control(schema, root, depth);
  const below = (name) => (path === "" ? String(name) : `${path}.${name}`);
  const fail = (message) => {
    errors.set(path, message);
    return undefined;
  };
  const isEmpty = content === "" || content === null || content === undefined;
  if (isEmpty && kind !== "boolean") {
    if (isRequired && isNullable) return null;
    return isRequired ? fail("A value is needed.") : undefined;
  }
  switch (kind) {
    case "boolean":
      return content ?? (isRequired ? false : undefined);
    case "number":
      return number(resolved, content, fail);
    case "text":
      return text(resolved, content, fail);
    case "choices":
      return content.length === 0 && !isRequired ? undefined : bounded(resolved, content, fail);
    case "list": {
      const items = content.map((item, index) =>
        readAt(resolved.items, root, item, below(index), true, errors, depth + 1),
      );
      return items.length === 0 && !isRequired ? undefined : bounded(resolved, items, fail);
    }
    case "object": {
      const required = new Set(Array.isArray(resolved.required) ? resolved.required : []);
      const isLeftOut = !isRequired && isUntouched(schema, root, content, depth);
      if (isLeftOut) return undefined;
      const members = Object.entries(resolved.properties).map(([name, member]) => [
        name,
        readAt(member, root, content[name], below(name), required.has(name), errors, depth + 1),
      ]);
      return Object.fromEntries(members.filter(([, value]) => value !== undefined));
    }
    case "json":
      try {
        return JSON.parse(content);
      } catch {
        return fail("This is not valid JSON.");
      }
    default:
      return content;
  }
}

/** Whether an optional object is as its schema made it: then it is left out. */
function isUntouched(schema, root, content, depth) {
  return JSON.stringify(content) === JSON.stringify(draft(schema, root, undefined, depth));
}

function number(schema, content, fail) {
  const value = Number(content);
  if (!Number.isFinite(value)) return fail("This is not a number.");
  if (schema.type === "integer" && !Number.isInteger(value)) return fail("A whole number is needed.");
  if (value < schema.minimum) return fail(`The smallest value is ${schema.minimum}.`);
  if (value > schema.maximum) return fail(`The largest value is ${schema.maximum}.`);
  if (value <= schema.exclusiveMinimum) return fail(`The value must be above ${schema.exclusiveMinimum}.`);
  if (value >= schema.exclusiveMaximum) return fail(`The value must be below ${schema.exclusiveMaximum}.`);
  return value;
}

function text(schema, content, fail) {
  const length = [...content].length;
  if (length < schema.minLength) return fail(`At least ${schema.minLength} characters are needed.`);
  if (length > schema.maxLength) return fail(`At most ${schema.maxLength} characters are allowed.`);
  if (schema.format === "email" && !/^[^\s@]+@[^\s@]+$/.test(content)) return fail("This is not an e-mail address.");
  if (schema.format === "uri" && !URL.canParse(content)) return fail("This is not an address such as https://example.org.");
  if (schema.format === "date-time") return dateTime(content, fail);
  return content;
}

/** The control for a time has neither seconds nor a zone: it means the browser's. */
function dateTime(content, fail) {
  const time = new Date(content);
  return Number.isNaN(time.getTime()) ? fail("This is not a time.") : time.toISOString();
}

function bounded(schema, items, fail) {
  if (items.length < schema.minItems) return fail(`At least ${schema.minItems} entries are needed.`);
  if (items.length > schema.maxItems) return fail(`At most ${schema.maxItems} entries are allowed.`);
  return items;
}
