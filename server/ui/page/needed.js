// The part of the values that a loader or an action needs on the server: the names in its placeholders. A table of
// thousands of rows in the state is not uploaded by each poll.

import { find } from "../lib/scope.js";

const NAME = /(?<![\p{Alphabetic}\p{N}_$.\]-])[\p{Alphabetic}_$][\p{Alphabetic}\p{N}_$-]*(\.[\p{Alphabetic}\p{N}_$-]+)?/gu;
const OF_THE_SERVER = ["params", "payload", "result", "true", "false", "null", "undefined"];

/**
 * The values for the placeholders of `parts`, which are JSON values of a loader or an action.
 *
 * @returns {{state: object, globalState: object}}
 */
export function needed(parts, scope) {
  const state = {};
  const globalState = {};
  for (const expression of expressions(parts)) {
    // Texts in quotes are no names.
    const code = expression.replace(/'(\\.|[^'\\])*'|"(\\.|[^"\\])*"/g, " ");
    for (const [path] of code.matchAll(NAME)) {
      const [first, second] = path.split(".");
      if (first === "state" && second === undefined) return { state: { ...scope.state }, globalState: { ...scope.globalState } };
      if (first === "globalState") Object.assign(globalState, second ? take(scope.globalState, second) : scope.globalState);
      else if (first === "state") Object.assign(Object.hasOwn(scope.state, second) ? state : globalState, take(scope.state, second) ?? take(scope.globalState, second));
      else if (first === "data" && second !== undefined) Object.assign(state, take(scope.data, second));
      else if (!OF_THE_SERVER.includes(first)) {
        const { value } = find(scope, first, []);
        if (value !== null) state[first] = value;
      }
    }
  }
  return { state, globalState };
}

const take = (values, name) => (Object.hasOwn(values ?? {}, name) ? { [name]: values[name] } : undefined);

/** The texts between `{{` and `}}` in a JSON value. */
function* expressions(value) {
  if (typeof value === "string") {
    for (const [, expression] of value.matchAll(/\{\{(.*?)\}\}/gs)) yield expression;
  } else if (typeof value === "object" && value !== null) {
    for (const member of Object.values(value)) yield* expressions(member);
  }
}
