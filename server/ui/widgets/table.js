// The table: sorting, search, a filter, and only the visible rows of a long one.

import { classes, html, useEffect, useMemo, useRef, useState } from "../lib/view.js";
import { evaluate } from "../lib/expression.js";
import { asText, fill } from "../lib/placeholder.js";
import { newBudget, renderNodes, within } from "../page/nodes.js";
import { Region, clock } from "../page/regions.js";
import { tried } from "../page/state.js";
import { cssLength } from "../page/utilities.js";
import { cell, columnsOf, ROWS_MAX, rowsOf, shownRows } from "./rows.js";
import { oneOf, styleOf, textOf } from "./widget.js";

/** With more rows or cells, only the visible rows are elements. A browser takes 40 ms to draw so many cells. */
const VIRTUAL_FROM = 100;
const CELLS_MAX = 2_000;
/** The most cells in all tables of a page together. With more, also smaller tables have only their visible rows. */
const ALL_CELLS_MAX = 10_000;
/** The most cells that are drawn beyond the edges of a long table. */
const CELLS_BEYOND_MAX = 200;
const ROW_HEIGHT = { sm: 32, md: 40, lg: 52 };
/** The smallest width of a column of a long table, in rem: on a narrow screen such a table scrolls sideways. */
const COLUMN_WIDTH_MIN = 6;
/** The height of a long table, in pixels, and the rows beyond its edges that are elements. */
const HEIGHT = 600;
const BEYOND = 10;
/** The widgets of one cell and of all cells that are shown. */
const WIDGETS_MAX = 2_000;

export function Table(widget) {
  const { node, place, props } = widget;
  const { page } = place;
  const path = node.bindings?.data ?? textOf(node.props?.dataBinding) ?? textOf(node.props?.dataKey);
  const value = props.data ?? (path ? tried(() => evaluate(path, place.scope)) : null);
  const rows = rowsOf(value);
  const states = page.statesFor(path);
  return html`
    <div class="table-widget" style=${styleOf(widget)}>
      <${Region} page=${page} states=${states} hasData=${rows !== null && rows.length > 0} empty=${textOf(props.emptyText) ?? "No data available"}>
        <${Rows} widget=${widget} rows=${rows ?? []} loadedAt=${Math.max(0, ...states.map((state) => state.loadedAt ?? 0))} />
      <//>
    </div>
  `;
}

function Rows({ widget, rows, loadedAt }) {
  const { node, props } = widget;
  const columns = useMemo(() => columnsOf(node.props?.columns, rows), [node, rows]);
  const [sort, setSort] = useState(null);
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useState({ key: "", text: "" });
  const shown = useMemo(() => shownRows(rows, columns, { search, filter, sort }), [rows, columns, search, filter, sort]);
  const toggle = (key) => setSort((old) => ({ key, isDescending: old?.key === key && !old.isDescending }));
  const size = oneOf(props.size, "md", "sm", "lg");
  const names = classes("table", `table--${size}`, props.striped === true && "table--striped", props.bordered === true && "table--bordered", props.hoverable === true && "table--hover");
  const view = { widget, columns, shown, sort, toggle, names, rowHeight: ROW_HEIGHT[size] };
  const cells = Math.min(CELLS_MAX, ALL_CELLS_MAX / Math.max(1, widget.place.budget.tables));
  const isLong = shown.length > VIRTUAL_FROM || shown.length * columns.length > cells;
  return html`
    ${props.searchable === true && html`<${Toolbar} props=${props} columns=${columns} search=${search} setSearch=${setSearch} filter=${filter} setFilter=${setFilter} sort=${sort} setSort=${setSort} />`}
    ${isLong ? html`<${LongTable} ...${view} />` : html`<${Grid} ...${view} first=${0} last=${shown.length} />`}
    <p class="table-widget__foot muted">
      <span role="status">${count(shown.length, rows.length)}</span>
      ${loadedAt > 0 && html`<span>Updated ${clock(loadedAt)}</span>`}
    </p>
  `;
}

function count(shown, all) {
  const total = all > ROWS_MAX ? `the first ${ROWS_MAX.toLocaleString()} of ${all.toLocaleString()}` : all.toLocaleString();
  if (shown !== Math.min(all, ROWS_MAX)) return shown === 0 ? "No row matches" : `${shown.toLocaleString()} of ${total} rows`;
  return all === 1 ? "1 row" : `${total} rows`;
}

function Toolbar({ props, columns, search, setSearch, filter, setFilter, sort, setSort }) {
  const sortable = columns.filter((column) => column.sortable !== false);
  const filterable = columns.filter((column) => column.filterable !== false);
  const option = (column) => html`<option key=${column.key} value=${column.key}>${column.title}</option>`;
  return html`
    <div class="toolbar">
      <input type="search" class="input input--sm" aria-label="Search the table" placeholder=${textOf(props.searchPlaceholder) ?? "Search…"}
        value=${search} onInput=${(event) => setSearch(event.target.value)} />
      ${sortable.length > 0 &&
      html`<select class="select select--sm" aria-label="Sort by" value=${sort?.key ?? ""}
        onChange=${(event) => setSort(event.target.value ? { key: event.target.value, isDescending: false } : null)}>
        <option value="">Sort by…</option>${sortable.map(option)}
      </select>`}
      ${filterable.length > 0 &&
      html`<select class="select select--sm" aria-label="Filter by column" value=${filter.key}
        onChange=${(event) => setFilter({ key: event.target.value, text: filter.text })}>
        <option value="">Filter…</option>${filterable.map(option)}
      </select>`}
      ${filter.key && html`<input class="input input--sm" aria-label="Filter text" placeholder="contains…" value=${filter.text}
        onInput=${(event) => setFilter({ key: filter.key, text: event.target.value })} />`}
    </div>
  `;
}

/** A table of fixed height whose rows outside of the window are two spaces. */
function LongTable(view) {
  const box = useRef(null);
  const [top, setTop] = useState(0);
  const { shown, columns, rowHeight } = view;
  const visible = Math.ceil(HEIGHT / rowHeight);
  const beyond = Math.min(BEYOND, Math.max(2, Math.floor(CELLS_BEYOND_MAX / 2 / Math.max(1, columns.length))));
  const from = Math.max(0, Math.min(top, shown.length - visible));
  const first = Math.max(0, from - beyond);
  const last = Math.min(shown.length, from + visible + beyond);
  // The window moves by some rows at a time, so that most scrolling renders nothing.
  const step = Math.ceil(beyond / 2);
  const scrolled = () => setTop(Math.floor(box.current.scrollTop / rowHeight / step) * step);
  // Fewer rows after a search: the position may be behind the last one.
  useEffect(scrolled, [shown.length]);
  return html`<${Grid} ...${view} box=${box} scrolled=${scrolled} first=${first} last=${last} isLong=${true} />`;
}

const ALIGN = { right: "is-right", center: "is-center" };
const alignOf = (column) => (Object.hasOwn(ALIGN, column.align) ? ALIGN[column.align] : undefined);

function Grid({ widget, columns, shown, sort, toggle, names, rowHeight, first, last, isLong, box, scrolled }) {
  const label = textOf(widget.props.label) ?? "Table";
  const own = useRef(null);
  const element = box ?? own;
  const isScrollable = useIsScrollable(element, shown);
  const place = { ...widget.place, budget: newBudget(WIDGETS_MAX) };
  const space = (rows) => rows > 0 && html`<tr aria-hidden="true"><td class="table__space" colspan=${columns.length} style=${{ height: `${rows * rowHeight}px` }}></td></tr>`;
  return html`
    <div ref=${element} class=${classes("table-box", isLong && "table-box--long")} onScroll=${scrolled} ...${isScrollable ? { tabindex: 0, role: "region", "aria-label": label } : {}}>
      <table class=${classes(names, isLong && "table--fixed")} style=${isLong ? { minWidth: `${columns.length * COLUMN_WIDTH_MIN}rem` } : undefined} aria-label=${label} aria-rowcount=${isLong ? shown.length + 1 : undefined}>
        <thead><tr>${columns.map((column) => html`<${Head} key=${column.key} column=${column} sort=${sort} toggle=${toggle} />`)}</tr></thead>
        <tbody>
          ${space(first)}
          ${shown.slice(first, last).map(
            ({ row, index }, offset) => html`
              <tr key=${index} class=${(first + offset) % 2 ? "is-odd" : undefined} style=${isLong ? { height: `${rowHeight}px` } : undefined}
                aria-rowindex=${isLong ? first + offset + 2 : undefined}>
                ${columns.map((column) => html`<td key=${column.key} class=${alignOf(column)}>${content(row, index, column, place)}</td>`)}
              </tr>
            `,
          )}
          ${space(shown.length - last)}
          ${shown.length === 0 && html`<tr><td colspan=${columns.length} class="state">No row matches.</td></tr>`}
        </tbody>
      </table>
    </div>
  `;
}

/** Whether a box has more than it shows: then it takes the focus, so that the keys can scroll it. */
function useIsScrollable(element, content) {
  const [isScrollable, set] = useState(false);
  // After it is drawn, so that the sizes are known.
  useEffect(() => {
    const box = element.current;
    set(box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1);
  }, [content]);
  return isScrollable;
}

function Head({ column, sort, toggle }) {
  const isSorted = sort?.key === column.key;
  const direction = isSorted ? (sort.isDescending ? "descending" : "ascending") : undefined;
  const width = cssLength(column.width);
  const content = column.sortable === false
    ? column.title
    : html`<button type="button" class="table__sort" onClick=${() => toggle(column.key)}>
        ${column.title}<span aria-hidden="true" class="table__arrow">${isSorted ? (sort.isDescending ? "▼" : "▲") : ""}</span>
      </button>`;
  return html`<th scope="col" class=${alignOf(column)} style=${width && { width }} aria-sort=${direction}>${content}</th>`;
}

/** The content of a cell: its value as text, or what its column's template makes of it. */
function content(row, index, column, place) {
  const value = cell(row, column);
  const template = column.renderTemplate;
  if (template === undefined || template === null) return asText(value);
  const inner = within(place, { row, item: row, value: value ?? null, index });
  if (typeof template === "string") return asText(tried(() => fill(template, inner.scope)));
  return renderNodes(template, inner);
}
