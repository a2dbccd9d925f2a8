// Figures: the stat with its sparkline, and the chart, whose library is loaded when one is shown.

import { classes, html, useEffect, useId, useState } from "../lib/view.js";
import { evaluate } from "../lib/expression.js";
import { Region } from "../page/regions.js";
import { tried } from "../page/state.js";
import { inTurn } from "../page/turns.js";
import { asText, oneOf, styleOf, textOf } from "./widget.js";

const TONES = ["neutral", "success", "warning", "error", "info", "primary"];

export function Stat(widget) {
  const id = useId();
  const { node, place, props } = widget;
  const states = ["value", "change", "sparkline"].flatMap((name) => place.page.statesFor(node.bindings?.[name]));
  const { change } = props;
  const isNumber = typeof change === "number";
  const tone = props.tone === undefined && isNumber && change !== 0 ? (change > 0 ? "success" : "error") : oneOf(props.tone, ...TONES);
  const value = asText(typeof props.value === "number" ? props.value.toLocaleString() : props.value);
  return html`
    <div class="stat card" style=${styleOf(widget)}>
      <div class="stat__label" id=${id}>${textOf(props.label) ?? "Value"}</div>
      <${Region} page=${place.page} states=${states} hasData=${value !== ""} empty="–">
        <div class="stat__figures" role="group" aria-labelledby=${id}>
          <div class="stat__value numeric">${value}${textOf(props.unit) && html` <span class="stat__unit">${asText(props.unit)}</span>`}</div>
          ${change !== undefined && change !== null &&
          html`<div class=${`stat__change stat__change--${tone} numeric`}>${isNumber && change > 0 ? "+" : ""}${isNumber ? change.toLocaleString() : asText(change)}</div>`}
        </div>
        <${Sparkline} values=${props.sparkline} />
      <//>
    </div>
  `;
}

/** A line of numbers without axes; readers of the screen have its ends and extremes. */
export function Sparkline({ values, label = "Trend" }) {
  const numbers = (Array.isArray(values) ? values : []).slice(-500).map(Number).filter(Number.isFinite);
  if (numbers.length < 2) return null;
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const x = (index) => ((index / (numbers.length - 1)) * 100).toFixed(2);
  const y = (number) => (high === low ? 12 : 23 - ((number - low) / (high - low)) * 22).toFixed(2);
  const points = numbers.map((number, index) => `${x(index)},${y(number)}`).join(" ");
  const text = `${label}: from ${numbers[0]} to ${numbers.at(-1)}, lowest ${low}, highest ${high}`;
  return html`
    <svg class="sparkline" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label=${text}>
      <polyline points=${points} fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke" />
    </svg>
  `;
}

export function Chart(widget) {
  const { node, place, props } = widget;
  const [Canvas, setCanvas] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    let isGone = false;
    let stop;
    // Many charts wait for the library, and are not drawn at once when it has come.
    const drawn = ({ Canvas }) => {
      if (!isGone) stop = inTurn(() => setCanvas(() => Canvas));
    };
    import("./chart.js").then(drawn, setError);
    return () => {
      isGone = true;
      stop?.();
    };
  }, []);
  const path = node.bindings?.data ?? textOf(node.props?.dataBinding);
  const data = props.data ?? (path ? tried(() => evaluate(path, place.scope)) : null);
  const rows = Array.isArray(data) ? data.filter((row) => typeof row === "object" && row !== null) : [];
  const states = place.page.statesFor(path);
  const title = textOf(props.title);
  return html`
    <figure class=${classes("chart", "card")} style=${styleOf(widget)}>
      ${title && html`<figcaption class="chart__title">${title}</figcaption>`}
      <${Region} page=${place.page} states=${states} hasData=${rows.length > 0} empty="No data available">
        ${error && html`<p class="notice notice--error">The chart cannot be drawn: ${error.message}</p>`}
        ${Canvas && html`<${Canvas} rows=${rows} kind=${oneOf(props.kind, "line", "area", "bar")} x=${asText(props.x)} series=${props.series} title=${title} height=${props.height} />`}
      <//>
    </figure>
  `;
}
