// The scheduled jobs of a plugin: pause, resume, run now, and their latest outcomes.

import { confirm } from "../../lib/dialog.js";
import { post, remove } from "../../lib/http.js";
import { html, useState } from "../../lib/view.js";
import { duration, json } from "../format.js";
import { Code, Region, Section, Table, Time } from "../parts.js";
import { useChange, useResource } from "../resource.js";
import { may } from "../session.js";

export function JobsTab({ plugin, path }) {
  const jobs = useResource(`${path}/jobs`, { every: 5_000 });
  const [chosen, setChosen] = useState(null);
  const [result, setResult] = useState(null);
  const [isBusy, run] = useChange();
  const isManager = may("manage", plugin.name);
  const of = (job) => `${path}/jobs/${encodeURIComponent(job.id)}`;

  async function change(job, verb, done) {
    const answer = await run(() => post(`${of(job)}/${verb}`), done);
    if (verb === "run" && answer) setResult({ id: job.id, value: answer.result });
    jobs.reload();
  }
  async function removed(job) {
    const message = "It will not run again, and its outcomes are deleted.";
    if (!(await confirm({ title: `Remove the job ${job.id}?`, message, confirmText: "Remove", danger: true }))) return;
    await run(() => remove(of(job)), `The job ${job.id} is removed.`);
    if (chosen === job.id) setChosen(null);
    jobs.reload();
  }
  const button = (text, job, action, kind = "secondary") => html`
    <button type="button" class=${`button button--${kind} button--sm`} disabled=${isBusy} aria-label=${`${text}: ${job.id}`} onClick=${action}>${text}</button>
  `;
  const row = (job) => html`
    <tr key=${job.id}>
      <th scope="row">${job.id}</th>
      <td><code>${job.action}</code></td>
      <td>${schedule(job.schedule)}</td>
      <td>${job.paused ? html`<span class="badge badge--warning">paused</span>` : html`<${Time} at=${job.next_run_ms} />`}</td>
      <td>
        <div class="buttons">
          ${button("Outcomes", job, () => setChosen(chosen === job.id ? null : job.id))}
          ${isManager && (job.paused ? button("Resume", job, () => change(job, "resume", `${job.id} is resumed.`)) : button("Pause", job, () => change(job, "pause", `${job.id} is paused.`)))}
          ${isManager && button("Run now", job, () => change(job, "run", `${job.id} has run.`))}
          ${isManager && button("Remove", job, () => removed(job), "danger-quiet")}
        </div>
      </td>
    </tr>
  `;
  return html`
    <${Region} of=${jobs} isEmpty=${(value) => value.jobs.length === 0} empty="The plugin has no jobs.">
      ${({ jobs: all }) => html`
        <${Table} label="Jobs" columns=${["Job", "Action", "Schedule", "Next run", "Actions"].map((name) => ({ name }))}>${all.map(row)}<//>
      `}
    <//>
    ${result && html`<${Section} title=${`Result of ${result.id}`}><${Code} text=${json(result.value)} label="Result as JSON" /><//>`}
    ${chosen && html`<${Outcomes} key=${chosen} id=${chosen} path=${`${path}/jobs/${encodeURIComponent(chosen)}`} />`}
  `;
}

function schedule(value) {
  if (value?.interval_ms !== undefined) return `every ${duration(value.interval_ms / 1000)}`;
  if (value?.date_ms !== undefined) return html`once, <${Time} at=${value.date_ms} />`;
  if (value?.cron) return html`<code>${value.cron.expression}</code> ${value.cron.time_zone || "UTC"}`;
  return json(value);
}

function Outcomes({ id, path }) {
  const job = useResource(path, { every: 5_000 });
  return html`
    <${Section} title=${`Outcomes of ${id}`}>
      <${Region} of=${job} isEmpty=${(value) => value.outcomes.length === 0} empty="No run of its schedule has ended yet.">
        ${({ outcomes }) => html`
          <${Table} label=${`Outcomes of ${id}`} columns=${["Started", "Took", "Outcome"].map((name) => ({ name }))}>
            ${outcomes.map(
              (outcome) => html`
                <tr key=${outcome.started_ms}>
                  <td><${Time} at=${outcome.started_ms} /></td>
                  <td class="numeric">${outcome.finished_ms - outcome.started_ms} ms</td>
                  <td>
                    <span class=${`badge badge--${outcome.error === undefined ? "success" : "error"}`}>${outcome.error === undefined ? "done" : "failed"}</span>
                    <code>${json(outcome.error ?? outcome.result)}</code>
                  </td>
                </tr>
              `,
            )}
          <//>
        `}
      <//>
    <//>
  `;
}
