// Pages of `plugbay dev`: opens the page again after each change of the plugin, and shows why it could not be loaded. A
// script by itself, which other pages do not load.

const notice = document.createElement("section");
notice.className = "dev-notice";
notice.hidden = true;
notice.setAttribute("role", "alert");
const title = document.createElement("h2");
title.textContent = "The latest change is not loaded";
const problem = document.createElement("pre");
problem.tabIndex = 0;
notice.append(title, problem);
document.body.append(notice);

let revision;
const changes = new EventSource("/ui/changes");
changes.addEventListener("message", ({ data }) => {
  const change = JSON.parse(data);
  notice.hidden = change.problem === null;
  problem.textContent = change.problem ?? "";
  if (revision !== undefined && revision !== change.revision) dispatchEvent(new Event("plugbay:changed"));
  revision = change.revision;
});
