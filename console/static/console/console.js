"use strict";
// Copies what a button names, and says so to those who hear the page.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  const word = button.parentElement.querySelector("[role=status]");
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    field.select();
    document.execCommand("copy");
  }
  word.textContent = "Copied";
});
// Shows the state of a rotation anew, while the page is looked at.
for (const part of document.querySelectorAll("[data-live]")) {
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(part.dataset.live, { credentials: "same-origin" });
    if (answer.ok && !answer.redirected) part.innerHTML = await answer.text();
  }, 5000);
}
// Verifies the event log step by step, and shows how far it has come.
for (const form of document.querySelectorAll("[data-verify]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const bar = form.querySelector("progress");
    const word = form.querySelector("[role=status]");
    const button = form.querySelector("button");
    const body = new FormData(form);
    bar.hidden = false;
    button.disabled = true;
    for (;;) {
      const answer = await fetch(form.dataset.verify, { method: "POST", body, credentials: "same-origin" });
      if (!answer.ok || answer.redirected) {
        word.textContent = "It could not be verified now. Load the page again.";
        break;
      }
      const step = await answer.json();
      bar.max = Math.max(step.last, 1);
      bar.value = step.through ?? 0;
      word.textContent = step.broken ?? `${step.through} of ${step.last} events hold.`;
      if (step.done) break;
      body.set("through", step.through);
      body.set("digest", step.digest);
    }
    button.disabled = false;
  });
}
