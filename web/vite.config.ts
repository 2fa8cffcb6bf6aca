// Two bundles, one per entry: `--mode app` for the server's page, `--mode snapshot` for pages that live in one file.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const builtTo = (entry: string) => here(`../src/logitscope/web_build/${entry}`);

const app = {
  outDir: builtTo("app"),
  emptyOutDir: true,
  // The content-security policy allows files of the server's own and nothing written into the page.
  assetsInlineLimit: 0,
  modulePreload: { polyfill: false },
  rolldownOptions: { input: here("app.html") },
};

const snapshot = {
  outDir: builtTo("snapshot"),
  emptyOutDir: true,
  cssCodeSplit: false,
  modulePreload: false as const,
  rolldownOptions: {
    input: here("src/snapshot/main.ts"),
    // One script and one sheet under fixed names: Python writes them into the page.
    output: {
      format: "iife" as const,
      entryFileNames: "snapshot.js",
      assetFileNames: "snapshot[extname]",
      codeSplitting: false,
    },
  },
};

export default defineConfig(({ mode }) => ({
  root: here("."),
  base: "./",
  publicDir: mode === "snapshot" ? false : "public",
  plugins: [svelte()],
  // In tests, components run as in a browser and not as on a server.
  resolve: mode === "test" ? { conditions: ["browser"] } : {},
  build: { target: "es2022", sourcemap: false, ...(mode === "snapshot" ? snapshot : app) },
  // The page of all marks draws the traces that the tests hold, which lie outside this folder.
  server: { proxy: { "/api": "http://127.0.0.1:8642" }, fs: { allow: [".."] } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
}));
