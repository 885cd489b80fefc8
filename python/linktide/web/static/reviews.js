// Says what is chosen of a referring domain; what comes back is put in as text.
"use strict";
(() => {
  const ready = (root) => {
    for (const choice of root.querySelectorAll("[data-review]")) {
      choice.dataset.held = choice.value;
      choice.disabled = false;
    }
  };

  async function say(choice) {
    const told = { reviews: [{ subject: choice.dataset.review, state: choice.value }], noted_by: "page" };
    const answer = await fetch("/api/v1/review", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(told),
    });
    if (!answer.ok) throw new Error((await answer.json()).error);
  }

  document.addEventListener("change", async (event) => {
    const choice = event.target.closest("[data-review]");
    if (!choice) return;
    const sign = choice.parentElement.querySelector("[data-review-said]");
    choice.disabled = true;
    try {
      await say(choice);
      choice.dataset.held = choice.value;
      sign.textContent = "noted";
    } catch (error) {
      choice.value = choice.dataset.held;
      sign.textContent = `not noted: ${error.message}`;
    }
    choice.disabled = false;
    choice.focus();
  });

  document.addEventListener("renewed", (event) => ready(event.target));
  ready(document);
})();
