// Expressions and placeholders against the vectors that the host passes as well.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { evaluate } from "../lib/expression.js";
import { fill } from "../lib/placeholder.js";

const vectors = (name) =>
  JSON.parse(readFileSync(new URL(`../../../manifest/src/part/page/${name}_vectors.json`, import.meta.url), "utf8"));

function check(vector, run) {
  if ("error" in vector) assert.throws(run, { message: vector.error }, JSON.stringify(vector));
  else assert.deepEqual(run(), vector.result, JSON.stringify(vector));
}

test("expressions match the vectors", () => {
  const all = vectors("expression");
  assert(all.length > 100);
  for (const vector of all) check(vector, () => evaluate(vector.expression, vector.scope ?? {}));
});

test("placeholders match the vectors", () => {
  for (const vector of vectors("placeholder")) check(vector, () => fill(vector.text, vector.scope ?? {}));
});

test("constant values are returned as they are", () => {
  const value = { a: [1, { b: "text" }], c: null };
  assert.equal(fill(value, {}), value);
  assert.deepEqual(fill({ a: ["{{x}}"], b: 1 }, { state: { x: 2 } }), { a: [2], b: 1 });
});
