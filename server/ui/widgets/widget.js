// What all widgets use: reading props of a plugin, which may be anything, and values that the user changes.

import { useEffect, useRef, useState } from "../lib/view.js";
import { evaluate } from "../lib/expression.js";
import { asText } from "../lib/placeholder.js";
import { words } from "../lib/values.js";
import { utilityStyle } from "../page/utilities.js";
import { tried } from "../page/state.js";

export { emit, payloadOf } from "../page/nodes.js";
export { asText } from "../lib/placeholder.js";

/**
 * What a widget gets. `props` are those of the node with placeholders filled in and bindings applied, `tag` is the
 * element of its heading.
 *
 * @typedef {{node: object, place: import("../page/nodes.js").Place, props: object, tag?: string, children?: unknown}} Widget
 */

/** The styles of a widget's `className`. */
export const styleOf = ({ props, place }, more) => {
  const style = utilityStyle(props.className, place.width);
  return more || style ? { ...more, ...style } : undefined;
};

/** `value` if it is one of `allowed`, else the first of them. */
export const oneOf = (value, ...allowed) => (allowed.includes(value) ? value : allowed[0]);

/** A text for people, or undefined for an empty one. */
export const textOf = (value) => asText(value) || undefined;

/** A name for a control without a visible label. */
export function nameOf({ node, props }, path) {
  return textOf(props.label) ?? textOf(props.placeholder) ?? words(path?.split(".").pop() ?? node.id ?? node.type);
}

/**
 * A value that the user changes: of the page's state at `path`, of the widget itself without one. Setting it does not
 * start an action.
 *
 * @returns {[unknown, (value: unknown) => void]}
 */
export function useBound({ place }, path, initial) {
  const [own, setOwn] = useState(initial);
  const isBound = typeof path === "string" && path !== "";
  const started = useRef(false);
  // A value that the plugin sets anew replaces that of the widget.
  useEffect(() => {
    if (started.current && !isBound) setOwn(initial);
    started.current = true;
  }, [asText(initial)]);
  if (!isBound) return [own, setOwn];
  const found = tried(() => evaluate(path, place.scope));
  return [found ?? initial, (value) => place.page.state.enter(path, value, place.paths)];
}

/** The path of a two-way value: of the binding of one of these props, or the `binding` prop. */
export function boundPath({ node, props }, ...names) {
  for (const name of names) if (typeof node.bindings?.[name] === "string") return node.bindings[name];
  return typeof props.binding === "string" && props.binding !== "" ? props.binding : undefined;
}
