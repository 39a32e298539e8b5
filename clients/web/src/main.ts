import { platform } from "#platform";
import { mount } from "svelte";
import App from "./app/App.svelte";
import { firstLanguage, spoken } from "./i18n/i18n.svelte";
import "./theme/tokens.css";
import "./theme/base.css";

async function start(): Promise<void> {
  await spoken.load(firstLanguage(), platform.words);
  const target = document.getElementById("app");
  if (target) {
    // What the server wrote there is for who runs no script.
    target.replaceChildren();
    mount(App, { target });
  }
  platform.keepShell?.();
}

void start();
