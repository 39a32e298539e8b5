// Before the first paint: the theme chosen on this device, so that a dark page never flashes light.
try {
  const theme = localStorage.getItem("weiquan.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the system's theme holds.
}
