"use strict";
// Copies a text, also where the page has no secure context: the clipboard's own interface needs one.
const copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
};
// Copies the field that a button names, and announces it to screen readers.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await copy(document.getElementById(button.dataset.copy).value);
  button.parentElement.querySelector("[role=status]").textContent = "Copied";
});
// Copies an identifier, and announces it.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy-text]");
  if (!button) return;
  await copy(button.dataset.copyText);
  button.classList.add("copied");
  document.getElementById("announcement").textContent = "Copied";
  setTimeout(() => {
    button.classList.remove("copied");
    document.getElementById("announcement").textContent = "";
  }, 1500);
});
// Saves a text as a file, without an address that the browser's history would keep.
for (const button of document.querySelectorAll("[data-save-text]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([button.dataset.saveText], { type: "text/plain" }));
    link.download = button.dataset.saveAs;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
// Ctrl-K, on a Mac Cmd-K, moves to the search box from everywhere.
const isMac = navigator.platform.startsWith("Mac");
document.addEventListener("keydown", (event) => {
  const box = document.querySelector("[data-find]");
  if (box && (isMac ? event.metaKey : event.ctrlKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    box.focus();
    box.select();
  }
});
// Shows the numbers of the bar under the pointer or with the focus; the arrow keys move from bar to bar.
for (const chart of document.querySelectorAll(".chart")) {
  const bars = [...chart.querySelectorAll("g[role=img]")];
  const numbers = chart.querySelector("output");
  const show = (event) => {
    const bar = event.target.closest("g[role=img]");
    if (bar) numbers.textContent = bar.getAttribute("aria-label");
  };
  chart.addEventListener("mouseover", show);
  chart.addEventListener("focusin", show);
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = step && bars[bars.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}
// Fills a text box from a picker of date, time and zone, as RFC 3339 in UTC.
for (const picker of document.querySelectorAll("[data-picker]")) {
  const box = document.getElementById(picker.dataset.picker);
  const [moment, zone, never] = picker.children;
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (own && own !== "UTC") zone.add(new Option(own, "local"), 0);
  zone.selectedIndex = 0;
  const fill = () => {
    const time = moment.value && new Date(zone.value === "UTC" ? `${moment.value}Z` : moment.value);
    if (time) box.value = time.toISOString().replace(/\.\d+Z$/, "Z");
  };
  moment.addEventListener("change", fill);
  zone.addEventListener("change", fill);
  // A form for many keys has a checkbox for it.
  if (box.form.elements.namedItem("never")) never?.remove();
  never?.addEventListener("click", () => {
    moment.value = box.value = "";
  });
  picker.hidden = false;
}
// Goes on with a change in steps, until the page is left.
document.querySelector("form[data-continue]")?.requestSubmit();
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
// Fills in the code of a one-time link, and removes it from the address, so that the history doesn't keep it.
// A link that is opened in the tab that shows this page loads no other page.
for (const box of document.querySelectorAll("[data-from-fragment]")) {
  const fill = () => {
    if (location.hash.length < 2) return;
    box.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
  };
  fill();
  addEventListener("hashchange", fill);
}
