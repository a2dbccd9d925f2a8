// The values that expressions of a page read.

/**
 * @typedef {{loop?: object, state?: object, data?: object, params?: object, globalState?: object, payload?: unknown,
 *   result?: unknown}} Scope `loop` has the variables of loops
 */

/** The outcome of looking up a path. */
export const Found = {
  VALUE: "value",
  /** The first name has a value, but the path leads nowhere. */
  NOTHING: "nothing",
  /** Nothing has the first name. */
  NO_SUCH_NAME: "no such name",
};

const MEMBERS = ["state", "data", "params", "globalState", "payload", "result"];
const NOTHING = { found: Found.NOTHING, value: null };
const NO_SUCH_NAME = { found: Found.NO_SUCH_NAME, value: null };

const has = (object, name) => typeof object === "object" && object !== null && Object.hasOwn(object, name);

/**
 * Looks up a path. The first name is looked up among the variables of loops; then it may be the name of a member of the
 * scope; then it is looked up in the data, in the state and in the global state. A member that the state does not have
 * is looked up in the global state.
 *
 * @param {Scope} scope
 * @param {string} first
 * @param {string[]} rest
 */
export function find(scope, first, rest) {
  let below = rest;
  let value;
  if (has(scope.loop, first)) {
    value = scope.loop[first];
  } else if (MEMBERS.includes(first)) {
    value = scope[first] ?? null;
    if (first === "state" && rest.length && !has(value, rest[0])) {
      if (rest[0] === "length" || !has(scope.globalState, rest[0])) return NOTHING;
      value = scope.globalState[rest[0]];
      below = rest.slice(1);
    }
  } else {
    const owner = [scope.data, scope.state, scope.globalState].find((owner) => has(owner, first));
    if (!owner) return NO_SUCH_NAME;
    value = owner[first];
  }
  for (const [index, name] of below.entries()) {
    const isLast = index + 1 === below.length;
    if (Array.isArray(value)) {
      // `01` is not an index.
      if (/^(0|[1-9]\d*)$/.test(name) && Number(name) < value.length) value = value[Number(name)];
      else if (name === "length" && isLast) return { found: Found.VALUE, value: value.length };
      else return NOTHING;
    } else if (has(value, name)) {
      value = value[name];
    } else if (typeof value === "string" && name === "length" && isLast) {
      return { found: Found.VALUE, value: value.length };
    } else {
      return NOTHING;
    }
  }
  return { found: Found.VALUE, value: value ?? null };
}

/** The value at a path of names and indices, such as `hosts.0.name`, within a value; null if there is none. */
export function at(value, path) {
  const { value: found } = find({ data: { value } }, "value", path.split(".").filter(Boolean));
  return found;
}
