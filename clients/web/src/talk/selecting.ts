/** What is shown while one selects messages: apart, so that the first load has none of it. */
export { default as Bar } from "./SelectionBar.svelte";
export { default as Choice } from "./Choice.svelte";
