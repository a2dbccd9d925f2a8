// Widgets that are many elements take turns, so that a page with many of them does not block the browser: each frame has
// some more, and the browser reacts to the user between the frames.

import { html, useLayoutEffect, useRef, useState } from "../lib/view.js";

/** After this time, in milliseconds, the next turn is in another frame, which takes up to ten times as long. */
const TASK = 2;

/** What waits for its turn, in the order in which it came. */
const waiting = new Set();
let isScheduled = false;

function schedule() {
  if (isScheduled || waiting.size === 0) return;
  isScheduled = true;
  // After what was drawn is on the screen. A hidden page has no frames.
  if (document.hidden) setTimeout(run);
  else requestAnimationFrame(() => setTimeout(run));
}

async function run() {
  const end = performance.now() + TASK;
  for (const draw of waiting) {
    waiting.delete(draw);
    draw();
    // The renderer draws in a microtask, which is before the next line.
    await null;
    await null;
    if (performance.now() >= end) break;
  }
  isScheduled = false;
  schedule();
}

/** Calls a function that draws something in its turn. @returns {() => void} takes it back */
export function inTurn(draw) {
  waiting.add(draw);
  schedule();
  return () => waiting.delete(draw);
}

/**
 * Shows a widget, and each change of it, in its turn if there are others on the page.
 *
 * @param {{budget: {heavy: number}, children: unknown}} props `budget` counts such widgets
 */
export function Turn({ budget, children }) {
  const isMany = budget.heavy > 1;
  const [, redraw] = useState(0);
  const latest = useRef(null);
  const shown = useRef(null);
  latest.current = children;
  if (!isMany) shown.current = children;
  // One function for all changes: one that comes while another waits does not lose the place.
  const draw = useRef(() => {
    shown.current = latest.current;
    redraw((count) => count + 1);
  });
  useLayoutEffect(() => {
    if (isMany && shown.current !== children) inTurn(draw.current);
  }, [isMany, children]);
  useLayoutEffect(() => () => waiting.delete(draw.current), []);
  return shown.current ?? html`<div class="turn" aria-hidden="true"></div>`;
}
