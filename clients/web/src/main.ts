import { platform } from "#platform";
import { mount } from "svelte";
import App from "./app/App.svelte";
import { firstLanguage, spoken } from "./i18n/i18n.svelte";
import "./theme/tokens.css";
import "./theme/base.css";

async function start(): Promise<void> {
  await spoken.load(firstLanguage(), platform.words);
  const target = document.getElementById("app");
  if (target) mount(App, { target });
  platform.keepShell?.();
}

void start();
