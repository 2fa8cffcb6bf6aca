// The service worker as the page sees it: kept for offline, and whether a new version waits.

/** Milliseconds after which a page that is looked at again asks whether there is a new version. */
const OFTEN = 3_600_000;

export class Updates {
  /** A new version is here whole, and takes over as soon as the reader wants it. */
  waiting = $state.raw(false);

  #registration: ServiceWorkerRegistration | null = null;
  #looked = Date.now();
  #begun = false;

  /** @param base the address of the site's folder. */
  async begin(base: string): Promise<void> {
    // Pages that did not come safely have none of this.
    if (this.#registration || !("serviceWorker" in navigator)) return;
    const container = navigator.serviceWorker;
    if (!this.#begun) container.addEventListener("controllerchange", this.#changed(container.controller !== null));
    this.#begun = true;
    try {
      const options = { scope: base, updateViaCache: "none" } as const;
      const registration = await container.register(new URL("sw.js", base).href, options);
      this.#registration = registration;
      this.#look();
      registration.addEventListener("updatefound", () => {
        registration.installing?.addEventListener("statechange", () => this.#look());
      });
      document.addEventListener("visibilitychange", () => void this.#again());
    } catch {
      // Without it the page works, online.
    }
  }

  /** Every open page of this site moves to the new version. */
  take(): void {
    this.#registration?.waiting?.postMessage("take over");
  }

  /** The first worker only begins to keep this page; a later one belongs to the next version, and so must the page. */
  #changed(controlled: boolean): () => void {
    return () => {
      if (controlled) location.reload();
      controlled = true;
    };
  }

  #look(): void {
    this.waiting = Boolean(this.#registration?.waiting && navigator.serviceWorker.controller);
  }

  async #again(): Promise<void> {
    if (document.hidden || Date.now() - this.#looked < OFTEN) return;
    this.#looked = Date.now();
    await this.#registration?.update().catch(() => undefined);
  }
}
