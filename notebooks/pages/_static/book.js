// What scrolls sideways can be reached with the keyboard.
window.addEventListener("load", () => {
  for (const box of document.querySelectorAll("article table, article pre, article .cell_output div")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
});
