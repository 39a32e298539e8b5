/** Lets the browser keep the app's shell, so that it opens without a network (`worker/sw.js`). */
export function keepShell(): void {
  if (!("serviceWorker" in navigator)) return;
  const register = (): void => {
    navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" }).catch(() => {
      // Forbidden here (a private window, a policy): everything works as long as there is a network.
    });
  };
  // After the page: what people came for is fetched first.
  if (document.readyState === "complete") register();
  else addEventListener("load", register, { once: true });
}
