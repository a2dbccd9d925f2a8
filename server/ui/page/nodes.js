// From the nodes of a template to widgets: conditions, loops, fragments, props with their placeholders and bindings.

import { Component, Fragment, html } from "../lib/view.js";
import { holds, evaluate } from "../lib/expression.js";
import { asText, fill } from "../lib/placeholder.js";
import { words } from "../lib/values.js";
import { tried } from "./state.js";
import { Turn } from "./turns.js";

/**
 * The most widgets of one rendering, items of one loop, and levels. What is left out is said on the page. 2,000 widgets
 * take a task of 40 ms, and are as many as the nodes of a template; tables have longer lists.
 */
const WIDGETS_MAX = 2_000;
/** Widgets that are as many elements as this number of others. */
const COSTS = new Map([["table", 40], ["dataTable", 40], ["chart", 40], ["form", 40]]);
const ITEMS_MAX = 1_000;
const DEPTH_MAX = 64;

/** Props that are filled where they are used, or are no text for people. */
const UNFILLED = new Set(["columns", "schema", "renderTemplate", "payload"]);

/**
 * Where a node is rendered.
 *
 * @typedef {{page: import("./model.js").PageModel, scope: import("../lib/scope.js").Scope, paths: Record<string, string[]>,
 *   depth: number, budget: {left: number, isCut: boolean, heading: number, tables: number, heavy: number}, fragments: string[]}} Place
 *   `budget` is shared by all places of one rendering: the widgets that are left, the level of the last heading, and the
 *   numbers of tables and of widgets that are many elements
 */

/** The budget of a rendering of at most this number of widgets. */
export const newBudget = (left) => ({ left, isCut: false, heading: 1, tables: 0, heavy: 0 });

/** The place of the first nodes of a template. @returns {Place} */
export const root = (page) => ({
  page,
  scope: page.state.scope,
  paths: {},
  depth: 0,
  budget: newBudget(WIDGETS_MAX),
  fragments: [],
});

/** A place with more variables. */
export const within = (place, variables, paths = {}) => ({
  ...place,
  scope: { ...place.scope, loop: { ...place.scope.loop, ...variables } },
  paths: { ...place.paths, ...paths },
});

/** The elements of nodes. A page that asks for too many shows the first ones. */
export function renderNodes(nodes, place) {
  const list = Array.isArray(nodes) ? nodes : nodes === undefined || nodes === null ? [] : [nodes];
  if (place.depth >= DEPTH_MAX) return [];
  const deeper = { ...place, depth: place.depth + 1 };
  const rendered = [];
  for (const [index, node] of list.entries()) {
    if (place.budget.left <= 0) {
      place.budget.isCut = true;
      break;
    }
    // White space separates texts and buttons in a line; it is nothing between blocks.
    rendered.push(renderNode(node, deeper, index), " ");
  }
  return rendered;
}

function renderNode(node, place, index) {
  if (typeof node === "string") return asText(fill(node, place.scope));
  if (typeof node !== "object" || node === null) return null;
  const key = node.id ?? index;
  if (!node.loop) return renderOnce(node, place, key);
  return html`<${Fragment} key=${key}>${renderLoop(node, place)}<//>`;
}

function renderLoop(node, place) {
  const { items, itemVar = "item", indexVar = "index", keyExpr } = node.loop;
  const values = resolve(items, place.scope);
  if (!Array.isArray(values)) return null;
  const from = typeof items === "string" ? tried(() => place.page.state.resolve(bare(items), place.paths)) : null;
  const seen = new Set();
  const rendered = [];
  for (const [index, item] of values.slice(0, ITEMS_MAX).entries()) {
    if (place.budget.left <= 0) {
      place.budget.isCut = true;
      return rendered;
    }
    const paths = from ? { [itemVar]: [...from, String(index)] } : {};
    const inner = within(place, { [itemVar]: item, [indexVar]: index }, paths);
    let key = keyExpr ? tried(() => asText(evaluate(bare(keyExpr), inner.scope))) : null;
    // Two items with one key would share what the user entered.
    if (!key || seen.has(key)) key = `#${index}`;
    seen.add(key);
    rendered.push(renderOnce({ ...node, loop: undefined }, inner, key), " ");
  }
  if (values.length > ITEMS_MAX) {
    rendered.push(html`<p key="#more" class="muted">${values.length - ITEMS_MAX} more items are not shown.</p>`);
  }
  return rendered;
}

/** `{{x}}` and `x` mean the same where an expression is expected. */
const bare = (text) => /^\s*\{\{(.*)\}\}\s*$/s.exec(text)?.[1] ?? text;

/** The value of a path, an expression or a placeholder; other values are themselves. */
const resolve = (value, scope) => (typeof value === "string" ? tried(() => evaluate(bare(value), scope)) : fill(value, scope));

const isTable = ({ type }) => type === "table" || type === "dataTable";

function renderOnce(node, place, key) {
  if (node.condition !== undefined && node.condition !== null && !isShown(node.condition, place.scope)) return null;
  const cost = COSTS.get(node.type);
  place.budget.left -= cost ?? 1;
  if (cost) place.budget.heavy += 1;
  if (isTable(node)) place.budget.tables += 1;
  if (node.type === "fragment") return html`<${Fragment} key=${key}>${renderFragment(node, place)}<//>`;
  const Widget = place.page.widgetOf(node.type);
  if (!Widget) {
    if (node.fallback !== undefined && node.fallback !== null) return html`<${Fragment} key=${key}>${renderNodes(node.fallback, place)}<//>`;
    return html`<p key=${key} class="notice notice--warning">This host has no widget \`${String(node.type)}\`.</p>`;
  }
  const props = propsOf(node, place.scope);
  const tag = headingTag(node, props, place.budget);
  const children = node.children === undefined ? undefined : renderNodes(node.children, place);
  const widget = html`<${Widget} node=${node} place=${place} props=${props} tag=${tag}>${children}<//>`;
  return html`<${Boundary} key=${key} type=${node.type}>${cost ? html`<${Turn} budget=${place.budget}>${widget}<//>` : widget}<//>`;
}

/**
 * The element of a heading. The page's title is the only `h1`, and no level is left out, whatever the plugin declares:
 * readers of the screen go through a page by its headings.
 */
function headingTag({ type }, props, budget) {
  if (type === "slides") return `h${Math.min(6, budget.heading + 1)}`;
  const level = type === "heading" ? (Number(props.level) || 2) : Number(/^h([1-6])$/.exec(props.as)?.[1]);
  if (!(level >= 1)) return undefined;
  budget.heading = Math.min(6, Math.trunc(level) + 1, budget.heading + 1);
  return `h${budget.heading}`;
}

function isShown(condition, scope) {
  if (typeof condition === "boolean") return condition;
  return tried(() => holds(bare(condition), scope)) === true;
}

/** The props of a node with their placeholders filled in, and the values of its bindings over them. */
function propsOf(node, scope) {
  const props = {};
  for (const [name, value] of Object.entries(node.props ?? {})) {
    props[name] = UNFILLED.has(name) ? value : tried(() => fill(value, scope));
  }
  for (const [name, path] of Object.entries(node.bindings ?? {})) {
    const value = resolve(path, scope);
    if (value !== null) props[name] = value;
  }
  return props;
}

/** A fragment's nodes, with its props as variables. */
function renderFragment({ fragmentId, props }, place) {
  const fragment = place.page.fragments[fragmentId];
  if (!fragment) return html`<p class="notice notice--warning">This page has no fragment \`${String(fragmentId)}\`.</p>`;
  // A fragment that contains itself ends here.
  if (place.fragments.includes(fragmentId)) return null;
  const declared = Object.entries(fragment.props ?? {}).map(([name, { default: value = null }]) => [name, value]);
  const given = propsOf({ props }, place.scope);
  const variables = { ...Object.fromEntries(declared), ...given };
  const inner = within(place, { ...variables, props: variables });
  return renderNodes(fragment.widgets, { ...inner, fragments: [...place.fragments, fragmentId] });
}

/** A widget that fails does not take the page with it. */
class Boundary extends Component {
  constructor(props) {
    super(props);
    this.state = { error: null };
  }

  static getDerivedStateFromError(error) {
    return { error };
  }

  render({ type, children }, { error }) {
    if (!error) return children;
    return html`<p class="notice notice--error">The widget “${words(type)}” cannot be shown: ${error.message}</p>`;
  }
}

/** The payload of an action that a widget starts: its prop, or the loop's variables with the widget's value. */
export function payloadOf({ node, place }, value) {
  const declared = node.props?.payload;
  const scope = value === undefined ? place.scope : within(place, { value }).scope;
  if (declared !== undefined) return tried(() => fill(declared, scope));
  return { ...place.scope.loop, ...(value !== undefined && { value }) };
}

/** Starts the action that a node declares for an event, such as `onClick`, if there is one. */
export function emit(widget, event, value) {
  const id = widget.node.actions?.[event];
  if (id) widget.place.page.actions.run(id, payloadOf(widget, value));
}
