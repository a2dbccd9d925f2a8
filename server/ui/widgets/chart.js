// The drawing of a chart, on uPlot. A canvas says nothing to readers of the screen, so the data are a table as well.

import { html, useEffect, useLayoutEffect, useRef } from "../lib/view.js";
import { useStore } from "../lib/store.js";
import { theme } from "../lib/theme.js";
import { words } from "../lib/values.js";
import { asText } from "../lib/placeholder.js";
import uPlot from "../vendor/uplot.js";
import { cell } from "./rows.js";

const SERIES_MAX = 12;
const POINTS_MAX = 20_000;
const TABLE_ROWS_MAX = 100;

/** The library's style sheet, once in a document. */
function loadStyle() {
  const href = new URL("../vendor/uplot.css", import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A colour of the design as the canvas takes it: `light-dark()` is resolved by an element. */
function resolved(name) {
  const probe = document.createElement("span");
  probe.style.color = colour(name);
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** The series that are declared, or the members that are numbers. */
function seriesOf(declared, x, rows) {
  if (Array.isArray(declared) && declared.length) {
    return declared.slice(0, SERIES_MAX).map((series) => {
      const key = asText(series?.key ?? series);
      return { key, label: asText(series?.label) || words(key) };
    });
  }
  const keys = Object.keys(rows[0] ?? {}).filter((key) => key !== x && typeof rows[0][key] === "number");
  return keys.slice(0, SERIES_MAX).map((key) => ({ key, label: words(key) }));
}

/** The positions of the rows: numbers, times in seconds, or places in a list of names. */
function positions(rows, x) {
  const values = rows.map((row, index) => (x ? cell(row, { key: x }) : index));
  if (values.every((value) => typeof value === "number")) {
    // Milliseconds since 1970 are far above other numbers.
    const isTime = values.every((value) => value > 1e11);
    return { at: isTime ? values.map((value) => value / 1000) : values, isTime };
  }
  const times = values.map((value) => (/^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) / 1000 : NaN));
  if (times.every(Number.isFinite)) return { at: times, isTime: true };
  return { at: values.map((_, index) => index), isTime: false, names: values.map(asText) };
}

/** @param {{rows: object[], kind: "line"|"area"|"bar", x: string, series: unknown, title?: string, height: unknown}} props */
export function Canvas({ rows, kind, x, series, title, height }) {
  const box = useRef(null);
  const plot = useRef(null);
  const choice = useStore(theme);
  const shown = rows.slice(-POINTS_MAX);
  const lines = seriesOf(series, x, shown);
  const { at, isTime, names } = positions(shown, x);
  const order = at.map((_, index) => index).sort((a, b) => at[a] - at[b]);
  const number = (value) => (value === null || value === undefined || value === "" || !Number.isFinite(Number(value)) ? null : Number(value));
  const data = [order.map((index) => at[index]), ...lines.map(({ key }) => order.map((index) => number(cell(shown[index], { key }))))];
  const tall = Math.min(2_000, Math.max(80, Number(height) || 240));
  const shape = JSON.stringify([kind, isTime, names, lines, tall, choice]);

  useEffect(loadStyle, []);
  useLayoutEffect(() => {
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options({ kind, isTime, names, lines, tall, width: box.current.clientWidth }), data, box.current);
    };
    draw();
    const resized = new ResizeObserver(() => plot.current.setSize({ width: box.current.clientWidth, height: tall }));
    resized.observe(box.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      scheme.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data));

  const label = `${title ?? "Chart"}: ${lines.map((line) => line.label).join(", ")}, ${shown.length} points`;
  return html`
    <div class="chart__canvas" role="img" aria-label=${label} ref=${box} style=${{ minHeight: `${tall}px` }}></div>
    <details class="chart__data">
      <summary>Data as a table</summary>
      <${DataTable} rows=${shown} x=${x} lines=${lines} />
    </details>
  `;
}

function DataTable({ rows, x, lines }) {
  const last = rows.slice(-TABLE_ROWS_MAX);
  return html`
    <div class="table-box" tabindex="0" role="region" aria-label="Data of the chart">
      <table class="table">
        <thead><tr><th scope="col">${x ? words(x) : "Number"}</th>${lines.map((line) => html`<th scope="col" class="is-right">${line.label}</th>`)}</tr></thead>
        <tbody>
          ${last.map(
            (row, index) => html`<tr key=${index}>
              <th scope="row">${x ? asText(cell(row, { key: x })) : index + 1}</th>
              ${lines.map((line) => html`<td class="is-right numeric">${asText(cell(row, line))}</td>`)}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${rows.length > last.length && html`<p class="muted">The last ${last.length} of ${rows.length} points.</p>`}
  `;
}

function options({ kind, isTime, names, lines, tall, width }) {
  const [text, grid] = [resolved("--text-muted"), resolved("--border")];
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  // Times and dates are wider than numbers.
  const times = { ...axis, space: isTime ? 70 : 50 };
  const name = (index) => (Number.isInteger(index) ? (names[index] ?? "") : "");
  const named = { ...axis, splits: (plot) => places(plot.data[0]), values: (_, ticks) => ticks.map(name) };
  return {
    width,
    height: tall,
    scales: { x: { time: isTime, range: kind === "bar" || names ? spread : undefined } },
    axes: [names ? named : times, { ...axis, size: 60 }],
    series: [
      names ? { label: "", value: (_, index) => name(index) } : {},
      ...lines.map(({ label }, index) => seriesOptions(kind, label, resolved(`--series-${(index % 6) + 1}`), lines.length)),
    ],
  };
}

function seriesOptions(kind, label, stroke, count) {
  const fill = (alpha) => stroke.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
  if (kind !== "bar") return { label, stroke, width: 2, fill: kind === "area" ? fill(0.18) : undefined };
  // The bars of one place stand beside one another.
  const of = (plot) => (0.8 * stepOf(plot.data[0])) / count;
  const begin = (plot, number) => plot.data[0].map((x) => x - (of(plot) * count) / 2 + of(plot) * (number - 1));
  const disp = { x0: { unit: 1, values: begin }, size: { unit: 1, values: (plot) => [of(plot)] } };
  return { label, stroke, width: 1, fill: fill(0.6), paths: uPlot.paths.bars({ disp }), points: { show: false } };
}

/** The smallest distance of two positions. */
function stepOf(at) {
  let step = Infinity;
  for (let index = 1; index < at.length; index += 1) {
    const distance = at[index] - at[index - 1];
    if (distance > 0 && distance < step) step = distance;
  }
  return Number.isFinite(step) ? step : 1;
}

/** The range of the positions with half a step around them. */
function spread(plot, low, high) {
  const half = stepOf(plot.data[0]) / 2;
  return [(low ?? 0) - half, (high ?? 0) + half];
}

/** At most a dozen of the places of names. */
function places(at) {
  const every = Math.max(1, Math.ceil(at.length / 12));
  return at.filter((_, index) => index % every === 0);
}
