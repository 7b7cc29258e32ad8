// Colored bars, of the stages of seeds and of shares.

/** Give colored bars their color and length: the page's policy allows no style in attributes. */
export function fillBars(id) {
  for (const element of document.getElementById(id).querySelectorAll("[data-color]")) {
    element.style.setProperty("--stage", element.dataset.color);
    if (element.dataset.share) element.style.width = element.dataset.share;
  }
}
