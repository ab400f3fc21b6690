"use strict";
// Copies the field that a button names, and announces it to screen readers.
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
// Refreshes the state of a rotation while the page is visible.
for (const part of document.querySelectorAll("[data-live]")) {
  setInterval(async () => {
    if (document.hidden) return;
    const response = await fetch(part.dataset.live, { credentials: "same-origin" });
    if (response.ok && !response.redirected) part.innerHTML = await response.text();
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
      const response = await fetch(form.dataset.verify, { method: "POST", body, credentials: "same-origin" });
      if (!response.ok || response.redirected) {
        word.textContent = "Verification failed. Reload the page and try again.";
        break;
      }
      const step = await response.json();
      bar.max = Math.max(step.last, 1);
      bar.value = step.through ?? 0;
      word.textContent = step.broken ?? `Verified ${step.through} of ${step.last} events.`;
      if (step.done) break;
      body.set("through", step.through);
      body.set("digest", step.digest);
    }
    button.disabled = false;
  });
}
