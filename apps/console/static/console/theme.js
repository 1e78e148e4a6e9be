/* For pages whose skin knows dark by a class: the admin's "dark", the API description's "dark-mode".
   Runs before the first paint, so nothing flashes. */
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const dark = (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
    for (const name of ["dark", "dark-mode"]) root.classList.toggle(name, dark);
  };
  apply();
  system.addEventListener("change", apply);
})();
