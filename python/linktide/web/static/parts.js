// Brings what was not ready when the page came, and on the overview what has changed since.
"use strict";
(() => {
  const SOON_MS = 1000;
  const NOW_AND_THEN_MS = 30000;
  const isOverview = location.pathname === "/";

  // A part in which somebody reads or stands stays as it is.
  const isInUse = (part) => part.contains(document.activeElement) || part.querySelector("details[open]") !== null;

  async function renew(isWanted) {
    const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-part]")) {
      const name = part.getAttribute("aria-labelledby");
      const other = fresh.querySelector(`[data-part][aria-labelledby="${CSS.escape(name)}"]`);
      if (!other || !isWanted(part) || isInUse(part)) continue;
      const made = document.importNode(other, true);
      part.replaceWith(made);
      linktidePlots.draw(made);
      made.dispatchEvent(new CustomEvent("renewed", { bubbles: true }));
    }
  }

  const isPending = (part) => part.querySelector("[data-pending]") !== null;
  const hasPending = () => document.querySelector("[data-pending]") !== null;

  async function wait() {
    // Out of reach: the page stays as it is, and asks again.
    if (hasPending()) await renew(isPending).catch(() => {});
    else if (isOverview && !document.hidden) await renew(() => true).catch(() => {});
    setTimeout(wait, hasPending() ? SOON_MS : NOW_AND_THEN_MS);
  }
  setTimeout(wait, hasPending() ? SOON_MS : NOW_AND_THEN_MS);
})();
