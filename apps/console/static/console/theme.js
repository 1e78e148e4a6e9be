/* Stock pages only: their skin knows dark by a class. Runs before the first paint, so nothing flashes. */
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => root.classList.toggle("dark", (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark");
  apply();
  system.addEventListener("change", apply);
})();
