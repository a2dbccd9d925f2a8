// The processes that the host runs beside its plugins: their states, and orders to them.

import { confirm } from "../../lib/dialog.js";
import { post } from "../../lib/http.js";
import { html } from "../../lib/view.js";
import { count, json } from "../format.js";
import { Heading, Region, Table, Time } from "../parts.js";
import { useChange, useResource } from "../resource.js";
import { may } from "../session.js";

/** The states by their numbers, with their tones. */
const STATES = {
  0: ["created", "neutral"],
  100: ["starting", "primary"],
  200: ["running", "success"],
  250: ["stopping", "warning"],
  300: ["finished", "neutral"],
  400: ["errored", "error"],
  450: ["exhausted", "error"],
  500: ["mixed", "warning"],
};

const ORDERS = [
  { order: "start", name: "Start", done: "is started" },
  { order: "stop", name: "Stop", done: "is stopped", asks: "It will not run until it is started again." },
  { order: "restart", name: "Restart", done: "is restarted", asks: "The process is stopped and started again." },
];

export function ProcessesView() {
  const processes = useResource("/api/v1/processes", { every: 5_000 });
  const [isBusy, run] = useChange();
  async function give(id, { order, name, done, asks }) {
    const question = { title: `${name} ${id}?`, message: asks, confirmText: name, danger: true };
    if (asks && !(await confirm(question))) return;
    await run(() => post(`/api/v1/processes/${encodeURIComponent(id)}/${order}`), `${id} ${done}.`);
    processes.reload();
  }
  const isManager = may("manage");
  const names = ["Process", "State", "Command", "PID", "Started", "Ended", "Restarts", ...(isManager ? ["Actions"] : [])];
  const row = ({ status, config }) => html`
    <tr key=${status.id}>
      <th scope="row">${status.id}${status.type === "cluster" && html` <span class="badge badge--neutral">${count(status.processes?.length ?? 0)} instances</span>`}</th>
      <td><${ProcessState} status=${status} /></td>
      <td><code>${Array.isArray(config?.cmd) ? config.cmd.join(" ") : (config?.cmd ?? "")}</code></td>
      <td class="numeric">${status.pid ?? "–"}</td>
      <td><${Time} at=${Date.parse(status.started)} /></td>
      <td><${Time} at=${Date.parse(status.exited)} />${status.code !== undefined && ` with ${status.code}`}</td>
      <td class="numeric">${count(status.restarts)}</td>
      ${isManager && html`<td><${Orders} status=${status} isBusy=${isBusy} give=${give} /></td>`}
    </tr>
  `;
  return html`
    <${Heading} title="Processes" />
    <${Region} of=${processes} isEmpty=${(value) => value.processes.length === 0} empty="The host's file names no processes.">
      ${(value) => html`<${Table} label="Processes" columns=${names.map((name) => ({ name }))}>${value.processes.map(row)}<//>`}
    <//>
  `;
}

function ProcessState({ status }) {
  const [name, tone] = STATES[status.status] ?? [json(status.status), "neutral"];
  return html`
    <span class=${`badge badge--${tone}`}>${name}</span>
    ${status.blocked && html` <span class="badge badge--warning">blocked</span>`}
  `;
}

/** The states in which a process can be stopped. */
const RUNNING = [100, 200, 250, 500];

function Orders({ status, isBusy, give }) {
  const isRunning = RUNNING.includes(status.status);
  const block = status.blocked
    ? { order: "unblock", name: "Unblock", done: "is unblocked" }
    : { order: "block", name: "Block", done: "is blocked", asks: "It cannot be started until it is unblocked." };
  return html`<div class="buttons">
    ${[...ORDERS, block].filter(({ order }) => order !== (isRunning ? "start" : "stop")).map(
      (entry) => html`
        <button key=${entry.order} type="button" class=${`button button--${entry.order === "stop" ? "danger-quiet" : "secondary"} button--sm`} disabled=${isBusy}
          aria-label=${`${entry.name} ${status.id}`} onClick=${() => give(status.id, entry)}>${entry.name}</button>
      `,
    )}
  </div>`;
}
