// All of the console works without this file: it selects whole lists, and lets a person stop what moves.
"use strict";
document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-selects]");
  if (!all) return;
  for (const one of document.querySelectorAll(`input[type="checkbox"][form="${all.dataset.selects}"]`)) {
    one.checked = all.checked;
  }
});
