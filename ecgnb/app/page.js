// The keys that turn pages work where the focus is on a radio button or a tick box, too: Streamlit lets them pass at
// any <input>. What such a field needs itself it keeps: its space bar, and the arrows where Tab led there.
{
  const KEEPS = { radio: /^( |Arrow)/, range: /^(Arrow|Home|End|Page)/, checkbox: /^ $/, file: /^ $/ };
  let byPointer = false;
  addEventListener("pointerdown", () => (byPointer = true), true);
  addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Tab") byPointer = false;
      const field = event.target;
      if (!event.isTrusted || !(field instanceof HTMLInputElement) || !(field.type in KEEPS)) return;
      if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || event.key === "Enter") return;
      const isClickedRadio = field.type === "radio" && byPointer && event.key.startsWith("Arrow");
      if (KEEPS[field.type].test(event.key) && !isClickedRadio) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      document.body.dispatchEvent(new KeyboardEvent("keydown", event));
    },
    true,
  );
}

// Streamlit gives the place for files a name and says that it is nothing, which a screen reader takes for a fault.
new MutationObserver(() => {
  for (const place of document.querySelectorAll("section[role=presentation][aria-label]")) place.removeAttribute("role");
}).observe(document.documentElement, { childList: true, subtree: true });
