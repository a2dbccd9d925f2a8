// All plugins with their states and figures, and what an operator does with them.

import { useReducer, html, useEffect } from "../../lib/view.js";
import { atMost, bytes, compact, count, errorsOf, quantile } from "../format.js";
import { record, series } from "../history.js";
import { Heading, Region, Sparkline, State, Table } from "../parts.js";
import { PluginMenu } from "../plugin_menu.js";
import { useResource } from "../resource.js";
import { may, mayAny } from "../session.js";

/** The time between two readings, in milliseconds. */
const EVERY = 5_000;

export function OverviewView() {
  const plugins = useResource("/api/v1/plugins", { every: EVERY });
  const metrics = useResource(may("read") ? "/api/v1/metrics" : null, { every: EVERY });
  const [, recorded] = useReducer((turn) => turn + 1, 0);
  useEffect(() => {
    if (!metrics.value) return;
    record(metrics.value);
    recorded();
  }, [metrics.value]);
  const install = may("manage") && html`<a class="button button--primary" href="/-/install">Install a plugin</a>`;
  return html`
    <${Heading} title="Plugins">${install}<//>
    <${Region} of=${plugins} isEmpty=${(value) => value.plugins.length === 0} empty="No plugin is loaded or installed.">
      ${({ plugins: all }) => html`<${Plugins} all=${all} figures=${metrics.value?.plugins} reload=${plugins.reload} />`}
    <//>
  `;
}

function Plugins({ all, figures, reload }) {
  const columns = [{ name: "Plugin" }, { name: "State" }, { name: "Version" }];
  if (figures) {
    const numbers = ["Calls", "Errors", "p50", "p99", "Memory", "Fuel"];
    columns.push(...numbers.map((name) => ({ name, isNumber: true })), { name: "Recent calls" });
  }
  if (mayAny("manage")) columns.push({ name: "Actions" });
  return html`
    <${Table} label="Plugins" columns=${columns}>
      ${all.map((plugin) => html`<${Row} key=${plugin.name} plugin=${plugin} metrics=${figures?.[plugin.name]} hasFigures=${Boolean(figures)} reload=${reload} />`)}
    <//>
  `;
}

function Row({ plugin, metrics, hasFigures, reload }) {
  const { name, state, version, last_error: problem } = plugin;
  return html`
    <tr>
      <th scope="row"><a href=${`/-/plugins/${encodeURIComponent(name)}`}>${name}</a></th>
      <td><${State} state=${state} />${problem && html`<div class="problem">${problem}</div>`}</td>
      <td class="numeric">${version}</td>
      ${hasFigures && html`<${Figures} plugin=${name} metrics=${metrics} />`}
      ${mayAny("manage") && html`<td>${may("manage", name) && html`<${PluginMenu} plugin=${plugin} reload=${reload} />`}</td>`}
    </tr>
  `;
}

function Figures({ plugin, metrics }) {
  const figure = (text) => html`<td class="is-right numeric">${text}</td>`;
  if (!metrics) return html`${[1, 2, 3, 4, 5, 6].map((key) => html`<td key=${key} class="is-right">–</td>`)}<td></td>`;
  const errors = errorsOf(metrics);
  return html`
    ${figure(count(metrics.calls))}
    <td class="is-right numeric">${errors > 0 ? html`<span class="badge badge--error">${count(errors)}</span>` : "0"}</td>
    ${figure(atMost(quantile(metrics.latency_micros, 0.5)))} ${figure(atMost(quantile(metrics.latency_micros, 0.99)))}
    ${figure(bytes(metrics.memory_bytes))} ${figure(compact(metrics.fuel))}
    <td><${Sparkline} values=${series(plugin, "calls")} label="Calls in the last 5 s" /></td>
  `;
}
