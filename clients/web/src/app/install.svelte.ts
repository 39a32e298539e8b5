/**
 * Installing the app, quietly: the browser's own question is held back, and stands in the account menu for
 * whoever looks for it. Browsers that ask in another way, or not at all, show nothing here.
 */
interface Question extends Event {
  prompt(): Promise<unknown>;
}

class Install {
  #question = $state.raw<Question>();

  constructor() {
    addEventListener("beforeinstallprompt", (event) => {
      event.preventDefault();
      this.#question = event as Question;
    });
    addEventListener("appinstalled", () => (this.#question = undefined));
  }

  /** Whether the browser would install it. */
  get offered(): boolean {
    return this.#question !== undefined;
  }

  /** Asks; the browser lets a question be put once. */
  async ask(): Promise<void> {
    const question = this.#question;
    this.#question = undefined;
    await question?.prompt();
  }
}

export const install = new Install();
