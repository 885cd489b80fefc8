// Hears what each batch changed and puts it into the page, always as text.
"use strict";
(() => {
  const MOST_ROWS = 30;
  const feed = document.querySelector("[data-feed]");
  const pattern = document.querySelector("[data-feed-row]");
  const pause = document.querySelector("[data-pause]");
  const sign = document.querySelector("[data-live]");
  const signText = document.querySelector("[data-live-text]");
  const state = document.querySelector("[data-state]");
  let isPaused = false;
  let waiting = [];

  function lead(link, text, href) {
    link.textContent = text;
    if (href) link.href = href;
    else link.removeAttribute("href");
    link.title = text;
  }

  function made(row) {
    const item = pattern.content.firstElementChild.cloneNode(true);
    const time = item.querySelector("time");
    time.dateTime = row.at;
    time.title = row.at.slice(0, 19).replace("T", " ");
    time.textContent = row.time;
    const change = item.querySelector(".change");
    change.textContent = row.change;
    change.classList.add(row.change === "lost" ? "is-lost" : row.change === "restored" ? "is-restored" : "is-new");
    lead(item.querySelector(".from a"), row.from, row.from_href);
    lead(item.querySelector(".to a"), row.to, row.to_href);
    const role = item.querySelector(".role");
    if (row.role) {
      role.textContent = row.role;
      role.classList.add(row.role === "own" ? "is-own" : "is-rival");
    } else role.remove();
    const anchor = item.querySelector(".anchor");
    if (row.anchor) anchor.querySelector("bdi").textContent = row.anchor;
    else anchor.remove();
    item.classList.add("is-arriving");
    return item;
  }

  function show(rows) {
    // Who reads a row by keyboard keeps it.
    const held = feed.contains(document.activeElement) ? document.activeElement.closest("li") : null;
    feed.prepend(...rows.map(made));
    while (feed.children.length > MOST_ROWS && feed.lastElementChild !== held) feed.lastElementChild.remove();
    document.querySelector("[data-feed-empty]").hidden = feed.children.length > 0;
  }

  function label() {
    signText.textContent = isPaused ? (waiting.length ? `${waiting.length} waiting` : "paused") : "live";
    sign.classList.toggle("is-paused", isPaused);
  }

  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.textContent = isPaused ? "Go on" : "Pause";
    if (!isPaused) {
      show(waiting);
      waiting = [];
    }
    label();
  });

  const source = new EventSource(`/live?after=${encodeURIComponent(feed.dataset.after)}`);
  source.addEventListener("open", () => {
    sign.hidden = pause.hidden = false;
    sign.classList.remove("is-lost");
    label();
  });
  source.addEventListener("error", () => {
    sign.hidden = false;
    sign.classList.add("is-lost");
    signText.textContent = source.readyState === EventSource.CLOSED ? "not live: reload this page" : "connecting again";
  });
  source.addEventListener("changes", (event) => {
    const told = JSON.parse(event.data);
    document.querySelector("[data-cut]").hidden = !told.is_cut;
    if (isPaused) waiting = [...told.rows, ...waiting].slice(0, MOST_ROWS);
    else show(told.rows);
    label();
  });
  source.addEventListener("figures", (event) => {
    for (const [name, text] of Object.entries(JSON.parse(event.data))) {
      for (const place of document.querySelectorAll(`[data-figure="${CSS.escape(name)}"]`)) {
        if (place.textContent !== text) place.textContent = text;
      }
      if (name === "state") state.classList.toggle("is-trouble", text !== "live");
    }
  });
  addEventListener("pagehide", () => source.close());
})();
