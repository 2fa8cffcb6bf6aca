// The entry of the static site: the same app, with an engine in the page instead of a server.

import { mount } from "svelte";

import "../app/base.css";
import "../app/tokens.css";
import Shell from "./Shell.svelte";

mount(Shell, { target: document.getElementById("app")!, props: { base: new URL("./", location.href).href } });
