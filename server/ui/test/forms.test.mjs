// Schemas as forms: controls, drafts, and the values that are sent.

import assert from "node:assert/strict";
import { test } from "node:test";

import { control, draft, read } from "../lib/schema.js";

const schema = {
  type: "object",
  required: ["name", "size", "on"],
  properties: {
    name: { type: "string", minLength: 2 },
    size: { type: "integer", minimum: 1, maximum: 9, default: 3 },
    on: { type: "boolean" },
    kind: { anyOf: [{ $ref: "#/$defs/Kind" }, { type: "null" }] },
    tags: { type: "array", items: { type: "string" } },
    colours: { type: "array", items: { enum: ["red", "blue"] }, maxItems: 1 },
    home: { type: "object", required: ["street"], properties: { street: { type: "string" }, no: { type: "number" } } },
    self: { $ref: "#" },
    free: {},
  },
  $defs: { Kind: { oneOf: [{ const: "a", title: "The first" }, { const: "b" }] } },
};

const filled = (changes) => read(schema, schema, { ...draft(schema, schema), ...changes });

test("each schema has its control", () => {
  const kinds = Object.entries(schema.properties).map(([name, part]) => [name, control(part, schema).kind]);
  assert.deepEqual(Object.fromEntries(kinds), {
    name: "text", size: "number", on: "boolean", kind: "choice", tags: "list", colours: "choices", home: "object", self: "object", free: "json",
  });
  assert.deepEqual(control(schema.properties.kind, schema).options, [{ value: "a", label: "The first" }, { value: "b", label: "b" }]);
});

test("what is empty and optional is left out", () => {
  assert.deepEqual(filled({ name: "Ada" }), { value: { name: "Ada", size: 3, on: false }, errors: new Map() });
});

test("values have their types", () => {
  const { value, errors } = filled({ name: "Ada", size: "7", on: true, kind: "b", tags: ["x"], colours: ["red"], home: { street: "Main", no: "1.5" }, free: "[1]" });
  assert.deepEqual(errors, new Map());
  assert.deepEqual(value, { name: "Ada", size: 7, on: true, kind: "b", tags: ["x"], colours: ["red"], home: { street: "Main", no: 1.5 }, free: [1] });
});

test("each problem is at its field", () => {
  const { errors } = filled({ name: "A", size: "10", tags: [""], colours: ["red", "blue"], home: { street: "", no: "x" }, free: "{" });
  assert.deepEqual([...errors.keys()], ["name", "size", "tags.0", "colours", "home.street", "home.no", "free"]);
  assert.deepEqual([...filled({ size: "1.5" }).errors], [["name", "A value is needed."], ["size", "A whole number is needed."]]);
});

test("a recursive schema ends", () => {
  assert.equal(JSON.stringify(draft(schema, schema)).length < 20_000, true);
  const endless = { $ref: "#" };
  assert.equal(control(endless, endless).kind, "json");
  // Ten members that have ten members each, and so on: a million fields.
  const member = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`m${index}`, { $ref: "#" }]));
  const huge = { type: "object", properties: member };
  assert.equal(control(huge, huge).kind, "object");
  assert.equal(control(member.m0, huge, 1).kind, "json");
  assert.deepEqual(draft(huge, huge).m9, "");
});
