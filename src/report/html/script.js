"use strict";
(() => {
  const one = (id) => document.getElementById(id);
  const [text, outcome, severity, shown] = ["text", "outcome", "severity", "shown"].map(one);
  const checks = [...document.querySelectorAll(".check")].map((element) => ({
    element,
    words: element.textContent.toLowerCase(),
  }));
  const areas = [...document.querySelectorAll(".area")];

  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const check of checks) {
      const { element } = check;
      const fits =
        (!outcome.value || element.dataset.outcome === outcome.value) &&
        (!severity.value || element.dataset.severity === severity.value) &&
        words.every((word) => check.words.includes(word));
      element.hidden = !fits;
      count += fits ? 1 : 0;
    }
    for (const area of areas) {
      area.hidden = !area.querySelector(".check:not([hidden])");
    }
    shown.textContent = `${count} of ${checks.length} checks`;
  };
  for (const control of [text, outcome, severity]) {
    control.addEventListener("input", filter);
  }

  const unfold = one("unfold");
  unfold.addEventListener("click", () => {
    const open = unfold.getAttribute("aria-pressed") !== "true";
    for (const part of document.querySelectorAll(".check:not([hidden]) details")) {
      part.open = open;
    }
    unfold.setAttribute("aria-pressed", String(open));
    unfold.textContent = open ? "Fold all" : "Unfold all";
  });

  // Paper cannot be unfolded: open what is shut, and shut it again afterwards.
  let shut = [];
  addEventListener("beforeprint", () => {
    shut = [...document.querySelectorAll("details:not([open])")];
    for (const part of shut) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of shut) part.open = false;
    shut = [];
  });

  one("filter").hidden = false;
  filter();
})();
