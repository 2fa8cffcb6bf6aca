// Whether the page is as narrow as a phone: what is seldom needed then waits until it is asked for. The same width as in
// the style sheets.

import { MediaQuery } from "svelte/reactivity";

export const narrow = new MediaQuery("max-width: 600px");
