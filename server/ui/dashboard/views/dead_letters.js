// Durable events that a plugin failed to handle too often: delivered again, or removed.

import { confirm } from "../../lib/dialog.js";
import { post, remove, withQuery } from "../../lib/http.js";
import { html, useState } from "../../lib/view.js";
import { json } from "../format.js";
import { Heading, Region, Table, Time } from "../parts.js";
import { useChange, useResource } from "../resource.js";
import { may } from "../session.js";
import { Pages } from "../tabs/data.js";

const LIMIT = 50;

export function DeadLettersView() {
  const [before, setBefore] = useState([]);
  const letters = useResource(withQuery("/api/v1/dead-letters", { after: before.at(-1), limit: LIMIT }), { every: 10_000 });
  const [isBusy, run] = useChange();
  const path = (letter) => `/api/v1/dead-letters/${letter.number}`;
  async function retry(letter) {
    await run(() => post(`${path(letter)}/retry`), `Event ${letter.number} is delivered again.`);
    letters.reload();
  }
  async function removed(letter) {
    const message = "It will not be delivered again.";
    if (!(await confirm({ title: `Remove event ${letter.number}?`, message, confirmText: "Remove", danger: true }))) return;
    await run(() => remove(path(letter)), `Event ${letter.number} is removed.`);
    letters.reload();
  }
  const isManager = may("manage");
  const names = ["Number", "Plugin", "Topic", "Attempts", "Last attempt", "Error", "Data", ...(isManager ? ["Actions"] : [])];
  const row = (letter) => html`
    <tr key=${letter.number}>
      <th scope="row" class="numeric">${letter.number}</th>
      <td>${letter.plugin}</td>
      <td>${letter.event.topic}</td>
      <td class="numeric">${letter.attempts}</td>
      <td><${Time} at=${letter.time_ms} /></td>
      <td>${letter.error}</td>
      <td><code>${json(letter.event.data)}</code></td>
      ${isManager &&
      html`<td><div class="buttons">
        <button type="button" class="button button--secondary button--sm" disabled=${isBusy} aria-label=${`Retry ${letter.number}`} onClick=${() => retry(letter)}>Retry</button>
        <button type="button" class="button button--danger-quiet button--sm" disabled=${isBusy} aria-label=${`Remove ${letter.number}`} onClick=${() => removed(letter)}>Remove</button>
      </div></td>`}
    </tr>
  `;
  return html`
    <${Heading} title="Dead letters" />
    <p class="muted">Durable events that a plugin failed to handle too often. They are stored until they are delivered again or removed.</p>
    <${Region} of=${letters} isEmpty=${(value) => value.dead_letters.length === 0 && before.length === 0} empty="There are no dead letters.">
      ${({ dead_letters: all }) => html`
        <${Table} label="Dead letters" columns=${names.map((name) => ({ name }))}>${all.map(row)}<//>
        <${Pages} hasBefore=${before.length > 0} hasAfter=${all.length === LIMIT} back=${() => setBefore(before.slice(0, -1))} on=${() => setBefore([...before, all.at(-1).number])} />
      `}
    <//>
  `;
}
