// What scrolls sideways can be reached with the keyboard; a box in a fold is measured once it is open.
const BOXES = "article table, article .pst-scrollable-table-container, article pre, article .cell_output div";

function markBoxes() {
  for (const box of document.querySelectorAll(BOXES)) {
    if (box.scrollWidth > box.clientWidth && box.clientWidth > 0) box.tabIndex = 0;
  }
}

// Figures that answer a click wear the colours of the page. They were drawn before the page had its final width.
function dressFigures() {
  const dark = document.documentElement.dataset.theme === "dark";
  const [paper, ink, grid] = dark ? ["#121212", "#ced6dd", "#3a3f46"] : ["#fff", "#222", "#e5e5e5"];
  const look = {
    paper_bgcolor: paper, plot_bgcolor: paper, "font.color": ink, "xaxis.gridcolor": grid, "yaxis.gridcolor": grid,
    "updatemenus[0].bgcolor": paper, "updatemenus[0].bordercolor": grid,
  };
  for (const figure of document.querySelectorAll(".js-plotly-plot")) Plotly.relayout(figure, { ...look, autosize: true });
}

window.addEventListener("load", () => {
  markBoxes();
  dressFigures();
  new MutationObserver(dressFigures).observe(document.documentElement, { attributeFilter: ["data-theme"] });
});
window.addEventListener("resize", markBoxes);
document.addEventListener("toggle", markBoxes, true);
