// The entry of the server's page.

import { mount } from "svelte";

import { ServerEngine } from "../engine";
import App from "./App.svelte";
import "./base.css";
import "./tokens.css";

mount(App, { target: document.getElementById("app")!, props: { engine: new ServerEngine() } });
