// Light or dark: the reader's choice on this machine, else what the machine says.

const KEY = "logitscope-theme";

type Choice = "auto" | "light" | "dark";

export class Theme {
  choice = $state.raw<Choice>(stored());

  /** The next of auto, light and dark. */
  turn(): void {
    this.choice = this.choice === "auto" ? "light" : this.choice === "light" ? "dark" : "auto";
    this.apply();
    try {
      localStorage.setItem(KEY, this.choice);
    } catch {
      // A browser that keeps nothing still shows it.
    }
  }

  apply(): void {
    const root = document.documentElement;
    if (this.choice === "auto") delete root.dataset["theme"];
    else root.dataset["theme"] = this.choice;
  }
}

function stored(): Choice {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "auto";
  } catch {
    return "auto";
  }
}
