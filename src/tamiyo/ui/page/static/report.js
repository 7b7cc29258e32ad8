"use strict";
(() => {
  const root = document.documentElement;
  const tip = document.getElementById("tip");
  const button = document.getElementById("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");

  // Words on hover and on focus. A title would show late, and never on focus.
  for (const title of document.querySelectorAll("svg title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.parentNode.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  const show = (element) => {
    tip.textContent = element.dataset.tip;
    tip.hidden = false;
    const box = element.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const middle = box.left + box.width / 2 - own.width / 2;
    const left = Math.max(8, Math.min(middle, innerWidth - own.width - 8));
    const above = box.top - own.height - 10;
    tip.style.left = `${left}px`;
    tip.style.top = `${above < 8 ? box.bottom + 10 : above}px`;
  };
  const hide = () => { tip.hidden = true; };
  const find = (event) => event.target.closest?.("[data-tip]");
  document.addEventListener("pointerover", (event) => {
    const element = find(event);
    if (element) show(element); else hide();
  });
  document.addEventListener("focusin", (event) => {
    const element = find(event);
    if (element) show(element); else hide();
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", () => {
    const element = document.activeElement;
    if (element?.dataset?.tip && !tip.hidden) show(element); else hide();
  }, { passive: true });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });

  // A timeline is one stop of the tab key; the arrow keys move within it.
  for (const timeline of document.querySelectorAll(".timeline")) {
    const parts = [...timeline.querySelectorAll(".hit")];
    parts.forEach((part, index) => part.setAttribute("tabindex", index ? -1 : 0));
    timeline.addEventListener("keydown", (event) => {
      const at = parts.indexOf(document.activeElement);
      const to = {
        ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1,
        Home: 0, End: parts.length - 1,
      }[event.key];
      if (at < 0 || to === undefined) return;
      event.preventDefault();
      const next = parts[Math.max(0, Math.min(to, parts.length - 1))];
      parts[at].setAttribute("tabindex", -1);
      next.setAttribute("tabindex", 0);
      next.focus();
    });
  }

  // Light or dark: as the reader's system says, until the button says otherwise.
  const isDark = () => (root.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = isDark() ? "Light colors" : "Dark colors"; };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  prefersDark.addEventListener("change", name);
  name();
})();
