/** The one flow of both pages: say who one is, then go where one was going. */
import { app, wordsFor } from "../app/app.svelte";
import { ownPath, router } from "../app/router.svelte";

export class Enter {
  name = $state("");
  password = $state("");
  wrong = $state<string>();
  busy = $state(false);
  /** Where one came from; read once, the address changes when one leaves. */
  readonly then = ownPath(new URLSearchParams(location.search).get("then"));

  readonly #how: (name: string, password: string) => Promise<unknown>;

  constructor(how: (name: string, password: string) => Promise<unknown>) {
    this.#how = how;
  }

  async submit(): Promise<void> {
    this.busy = true;
    this.wrong = undefined;
    try {
      await this.#how(this.name.trim(), this.password);
      router.go(this.then, "replace");
    } catch (error) {
      this.wrong = wordsFor(error);
    } finally {
      this.busy = false;
    }
  }

  async asGuest(): Promise<void> {
    if (await app.attempt(app.beSomebody())) router.go(this.then, "replace");
  }
}
