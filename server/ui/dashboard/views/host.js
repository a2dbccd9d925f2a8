// The host as a whole: its health, its figures and its requests.

import { confirm } from "../../lib/dialog.js";
import { post } from "../../lib/http.js";
import { html } from "../../lib/view.js";
import { atMost, bytes, count, duration, json, quantile } from "../format.js";
import { Facts, Heading, Region, Section, State, Table } from "../parts.js";
import { useChange, useResource } from "../resource.js";
import { may } from "../session.js";

export function HostView() {
  const status = useResource("/api/v1/status", { every: 10_000 });
  const health = useResource("/api/v1/health", { every: 10_000 });
  const metrics = useResource("/api/v1/metrics", { every: 10_000 });
  const [isBusy, run] = useChange();
  async function refresh() {
    await run(() => post("/api/v1/refresh"), "The host is up to date with the catalog.");
    status.reload();
  }
  async function terminate() {
    const message = "Running requests are completed, and plugins are unloaded. The dashboard is unavailable until the server is started again.";
    if (!(await confirm({ title: "Shut the server down?", message, confirmText: "Shut down", danger: true }))) return;
    await run(() => post("/api/v1/terminate"), "The server shuts down.");
  }
  return html`
    <${Heading} title="Host">
      ${may("manage") &&
      html`
        <button type="button" class="button button--secondary" disabled=${isBusy} onClick=${refresh}>Refresh from the catalog</button>
        <button type="button" class="button button--danger" disabled=${isBusy} onClick=${terminate}>Shut down</button>
      `}
    <//>
    <${Region} of=${status}>
      ${(value) => html`<${Facts}
        facts=${[
          ["Version", value.version],
          ["Uptime", duration(value.uptime_seconds)],
          ["PID", value.pid],
          ["Address", value.url],
          ["Data directory", value.data_dir ?? "none"],
          ["Plugins", Object.entries(value.plugins).map(([state, number]) => html`<span key=${state} class="spaced"><${State} state=${state} /> ${number}</span>`)],
        ]}
      />`}
    <//>
    <${Section} title="Health"><${Health} of=${health} /><//>
    <${Section} title="Requests">
      <${Region} of=${metrics}>
        ${(value) => html`
          <${Facts}
            facts=${[
              ["Memory of the process", bytes(value.resident_memory_bytes)],
              ["Running requests", count(value.requests.running)],
              ["Connections", count(value.requests.connections)],
              ["Refused connections", count(value.requests.connections_refused)],
            ]}
          />
          <${Requests} kinds=${value.requests.kinds} />
        `}
      <//>
    <//>
  `;
}

/** The answers to each kind of request since the start, by the class of their status. */
function Requests({ kinds }) {
  const classes = (kinds[0]?.answers ?? []).map(([name]) => name);
  const columns = [{ name: "Kind" }, ...[...classes, "p50", "p99"].map((name) => ({ name, isNumber: true }))];
  return html`
    <${Table} label="Requests by kind" columns=${columns}>
      ${kinds.map(
        ({ kind, answers, latency_micros: latency }) => html`
          <tr key=${kind}>
            <th scope="row">${kind}</th>
            ${answers.map(([name, number]) => html`<td key=${name} class="is-right numeric">${count(number)}</td>`)}
            <td class="is-right numeric">${atMost(quantile(latency, 0.5))}</td>
            <td class="is-right numeric">${atMost(quantile(latency, 0.99))}</td>
          </tr>
        `,
      )}
    <//>
  `;
}

function Health({ of }) {
  // An unhealthy host answers 503 with the same body.
  const { error } = of;
  if (of.value === undefined && error?.status === 503) {
    return html`<div class="notice notice--error" role="status">A part of the host is not healthy. The log says why.</div>`;
  }
  return html`
    <${Region} of=${of}>
      ${(value) => html`
        <p><span class=${`badge badge--${value.healthy ? "success" : "error"}`}>${value.healthy ? "healthy" : "not healthy"}</span> ${value.message}</p>
        <${Table} label="Parts of the host" columns=${["Part", "Status", "Message"].map((name) => ({ name }))}>
          ${Object.entries(value.components).map(
            ([name, part]) => html`<tr key=${name}><th scope="row">${name}</th><td>${part.status ?? json(part)}</td><td>${part.message ?? ""}</td></tr>`,
          )}
        <//>
      `}
    <//>
  `;
}
