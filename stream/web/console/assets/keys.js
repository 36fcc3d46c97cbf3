// Shortcuts of single keys, switched off for who speaks to their computer or has keys of their own (WCAG 2.1.4).
(() => {
  const kept = () => { try { return localStorage.getItem("earshot-keys") === "off"; } catch { return false; } };
  let off = kept();
  const show = () => document.querySelectorAll("[data-keys-switch]").forEach((button) => button.setAttribute("aria-pressed", String(!off)));
  const typed = (target) => target.closest?.("input, textarea, select, [contenteditable]");
  addEventListener("keydown", (event) => {
    const single = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (off && single && !typed(event.target)) event.stopImmediatePropagation();
  }, true); // before the page's own
  addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-keys-switch]")) return;
    off = !off;
    try { if (off) localStorage.setItem("earshot-keys", "off"); else localStorage.removeItem("earshot-keys"); } catch { /* then for this page alone */ }
    show();
  });
  const there = new MutationObserver(() => { if (document.querySelector("[data-keys-switch]")) { there.disconnect(); show(); } });
  there.observe(document.documentElement, { childList: true, subtree: true });
})();
