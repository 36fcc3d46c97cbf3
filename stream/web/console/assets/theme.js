// Light or dark: as the system says, until somebody presses the switch. Runs before the first paint.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try { return localStorage.getItem("earshot-theme"); } catch { return null; }
  };
  const apply = () => {
    const dark = kept() ? kept() === "dark" : system.matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    if (globalThis.Quasar) Quasar.Dark.set(dark);
    document.documentElement.dispatchEvent(new CustomEvent("earshot-theme", { detail: dark ? "dark" : "light" }));
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("load", apply);
  addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-switch]")) return;
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    const same = (next === "dark") === system.matches; // back at what the system says: follow it again
    try {
      if (same) localStorage.removeItem("earshot-theme");
      else localStorage.setItem("earshot-theme", next);
    } catch { /* then for this page alone */ }
    if (kept() || same) apply();
    else document.documentElement.dataset.theme = next;
  });
})();
